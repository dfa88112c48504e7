/* Calls to and from providers: what their INVITEs say. */
#include "base/alloc.h"
#include "ua/provider_internal.h"
#include "ua/sip_leg_internal.h"

enum {
    URI_MAX = 1024,
    NAME_MAX_BYTES = 256,
};

/* ---- to a provider ---- */

/* sip:user@domain of the provider, as it wants numbers. */
static struct sr_str number_uri(const struct provider *provider, struct sr_str user,
                                struct sr_buf *buf)
{
    sr_buf_c(buf, "sip:");
    if (user.n > 0) {
        sip_escape(user, SIP_CH_USER, buf);
        sr_buf_char(buf, '@');
    }
    provider__add_host(buf, provider->conf.domain);
    if (provider->conf.quirks.user_phone && user.n > 0 &&
        (sr_is_digit(user.p[0]) || user.p[0] == '+'))
        sr_buf_c(buf, ";user=phone");
    return sr_buf_view(buf);
}

static void add_number(const struct provider *provider, struct sip_build *build, enum sip_hdr id,
                       struct sr_str user, struct sip_build_addr addr)
{
    char array[URI_MAX];
    struct sr_buf buf;

    sr_buf_init_fixed(&buf, array, sizeof(array));
    addr.uri = number_uri(provider, user, &buf);
    if (sr_buf_err(&buf) != SR_OK)
        build->is_failed = true;
    sip_build_addr(build, id, &addr);
}

static void add_remote_party(const struct provider *provider, struct sip_build *build,
                             const struct sip_leg_invite_options *options, struct sr_str caller)
{
    char array[2 * URI_MAX];
    char uri_array[URI_MAX];
    struct sr_buf buf, uri;

    sr_buf_init_fixed(&buf, array, sizeof(array));
    sr_buf_init_fixed(&uri, uri_array, sizeof(uri_array));
    sip_nameaddr_write(&buf, options->from_display, number_uri(provider, caller, &uri),
                       options->is_withheld ? SR_STR(";party=calling;screen=yes;privacy=full")
                                            : SR_STR(";party=calling;screen=yes;privacy=off"));
    if (sr_buf_err(&buf) != SR_OK || sr_buf_err(&uri) != SR_OK)
        build->is_failed = true;
    else
        sip_build_named(build, SR_STR("Remote-Party-ID"), sr_buf_view(&buf));
}

/* From, and the header that says who calls when From may not. */
static void add_caller(const struct provider *provider, struct sip_build *build,
                       const struct sip_leg_invite_options *options, struct sr_str tag)
{
    const struct ua_provider *conf = &provider->conf;
    struct sr_str caller = options->from_user.n > 0 ? options->from_user : conf->username;
    struct sip_build_addr from = {.display = options->from_display, .tag = tag};
    bool is_account = conf->quirks.from_is_account && conf->username.n > 0;

    if (options->is_withheld)
        from.display = SR_STR("Anonymous");
    if (options->is_withheld && !is_account) {
        from.uri = SR_STR("sip:anonymous@anonymous.invalid");
        sip_build_addr(build, SIP_HDR_FROM, &from);
    } else {
        add_number(provider, build, SIP_HDR_FROM, is_account ? conf->username : caller, from);
    }
    if (conf->identity == UA_IDENTITY_RPID)
        add_remote_party(provider, build, options, caller);
    else if (conf->identity == UA_IDENTITY_PAI || is_account || options->is_withheld)
        add_number(provider, build,
                   conf->quirks.is_preferred ? SIP_HDR_P_PREFERRED_IDENTITY
                                             : SIP_HDR_P_ASSERTED_IDENTITY,
                   caller, (struct sip_build_addr){.display = options->from_display});
    if (options->is_withheld)
        sip_build_c(build, SIP_HDR_PRIVACY, "id");
}

void provider__begin_request(struct provider *provider, struct sip_build *build,
                             const struct provider_request *request)
{
    struct ua *ua = provider->ua;
    const struct sip_leg_invite_options *who = request->who;
    char contact[UA_CONTACT_TEXT_MAX];
    char array[URI_MAX];
    struct sr_buf uri;

    sr_buf_init_fixed(&uri, array, sizeof(array));
    sr_buf_clear(&ua->out);
    sip_build_init(build, &ua->out);
    sip_build_request(build, request->method, number_uri(provider, who->to_user, &uri));
    ua__via(ua, build, request->flow, request->branch, provider->id);
    provider__add_route(provider, build, true);
    sip_build_uint(build, SIP_HDR_MAX_FORWARDS, who->max_forwards != 0 ? who->max_forwards : 70);
    add_caller(provider, build, who, request->tag);
    add_number(provider, build, SIP_HDR_TO, who->to_user, (struct sip_build_addr){0});
    if (request->with_contact)
        sip_build_fmt(build, SIP_HDR_CONTACT, "<%.*s>",
                      SR_STR_ARG(provider__own_uri(provider, request->flow, contact)));
    if (sr_buf_err(&uri) != SR_OK)
        build->is_failed = true;
}

void provider__begin_invite(struct sip_leg *leg, const struct sip_leg_invite_options *options,
                            struct sr_str branch, struct sip_build *build)
{
    struct provider *provider = provider__get(leg->ua, leg->provider);

    SR_ASSERT(provider != NULL);
    provider__begin_request(provider, build,
                            &(struct provider_request){.method = SIP_METHOD_INVITE,
                                                       .flow = &leg->flow,
                                                       .branch = branch,
                                                       .tag = sr_str_c(leg->local_tag),
                                                       .with_contact = true,
                                                       .who = options});
}

bool provider__path(struct provider *provider, struct net_flow *ret_flow)
{
    struct ua_provider_path path;

    if (ua_provider_path(provider->ua, provider->conf.id, &path) != SR_OK)
        return false;
    *ret_flow = path.flow;
    if (ret_flow->kind == NET_UDP)
        ret_flow->local = provider->flow.remote.family == path.flow.remote.family
                              ? provider->flow.local
                              : (struct sr_addr){0};
    return true;
}

enum sr_err provider__prepare_leg(struct sip_leg *leg, struct sr_str provider_id)
{
    struct provider *provider = provider__find(leg->ua, provider_id);

    if (provider == NULL)
        return SR_ERR_NOTFOUND;
    if (!provider__path(provider, &leg->flow))
        return SR_ERR_STATE;
    leg->provider = provider->id;
    return SR_OK;
}

bool sip_leg__may_prack(struct sip_leg *leg)
{
    struct provider *provider = provider__get(leg->ua, leg->provider);

    return provider == NULL || !provider->conf.quirks.is_prack_off;
}

void provider__copy_credentials(const struct client_txn *txn, struct sip_build *build)
{
    struct sip_header slots[SIP_HEADERS_MAX];
    struct sip_msg request;

    if (txn->request.n == 0 ||
        sip_msg_parse(txn->request, slots, SIP_HEADERS_MAX, &request, NULL) != SR_OK)
        return;
    sip_build_copy(build, &request, SIP_HDR_AUTHORIZATION);
    sip_build_copy(build, &request, SIP_HDR_PROXY_AUTHORIZATION);
}

static bool is_near(const struct sr_addr *addr)
{
    return sr_addr_is_private(addr) || sr_addr_is_loopback(addr);
}

/* The address the route or Contact of the peer names, when that can be meant. A name stays with the flow that
 * works; so does an address that lies behind the provider's own NAT. */
static bool find_next_hop(const struct sip_leg *leg, struct sr_addr *ret_addr)
{
    struct sr_str maddr;
    struct sip_uri uri;

    if (sip_uri_parse(sip_dialog_next_hop(&leg->dialog), &uri, NULL) != SR_OK)
        return false;
    if (sip_uri_param(&uri, "maddr", &maddr)) /* in place of the host (RFC 3263 4) */
        uri.host = maddr;
    if (!sip_uri_addr(&uri, ret_addr) || ret_addr->family != leg->flow.remote.family)
        return false;
    if (ret_addr->port == 0)
        ret_addr->port = leg->flow.kind == NET_TLS ? 5061 : 5060;
    return !sr_addr_is_any(ret_addr) && !sr_addr_is_multicast(ret_addr) &&
           (!is_near(ret_addr) || is_near(&leg->flow.remote));
}

void provider__follow_dialog(struct sip_leg *leg)
{
    struct sr_addr addr;

    if (leg->provider != SR_ID_NONE && leg->flow.kind == NET_UDP && find_next_hop(leg, &addr))
        leg->flow.remote = addr;
}

void provider__redial(struct sip_leg *leg)
{
    const struct provider *provider = provider__get(leg->ua, leg->provider);
    struct sr_addr addr;

    leg->flow.conn = SR_ID_NONE;
    for (size_t i = 0; provider != NULL && i < provider->target_count; i++) {
        if (provider->targets[i].kind == leg->flow.kind &&
            sr_addr_eq(&provider->targets[i].addr, &leg->flow.remote))
            return;
    }
    if (find_next_hop(leg, &addr)) /* it had come to us, from a port where nobody listens */
        leg->flow.remote = addr;
}

/* ---- from a provider ---- */

static void take_party(const struct sip_nameaddr *addr, char user[256], char display[256])
{
    struct sr_str number = sip_uri_user(&addr->uri, user, NAME_MAX_BYTES);

    user[provider__plain_number(number).n] = '\0';
    (void)sip_leg__display(addr, display);
}

/* The asserted identity of a trusted network. */
static void take_asserted(struct sip_msg *msg, enum sip_hdr id, char user[256], char display[256])
{
    struct sip_values values = sip_msg_values(msg, id);
    struct sip_nameaddr addr;
    struct sr_str value;

    if (sip_values_next(&values, &value) && sip_nameaddr_parse(value, &addr, NULL) == SR_OK &&
        !addr.is_star)
        take_party(&addr, user, display);
}

void provider__caller(struct sip_msg *msg, char user[256], char display[256])
{
    const struct sip_nameaddr *from = sip_msg_from(msg);
    struct sr_str privacy = sip_msg_value(msg, SIP_HDR_PRIVACY);
    bool is_withheld =
        privacy.p != NULL && (sip_privacy_has(privacy, "id") || sip_privacy_has(privacy, "user"));

    user[0] = display[0] = '\0';
    take_party(from, user, display);
    if (is_withheld || sr_str_ieq(sr_str_c(user), SR_STR("anonymous")) ||
        sr_str_ieq(from->uri.host, SR_STR("anonymous.invalid"))) {
        (void)sr_str_copy(SR_STR("anonymous"), user, NAME_MAX_BYTES);
        display[0] = '\0';
        return;
    }
    if (user[0] == '\0' || sr_str_ends(from->uri.host, SR_STR(".invalid"))) /* nobody's address */
        take_asserted(msg, SIP_HDR_P_ASSERTED_IDENTITY, user, display);
}

static bool is_party_withheld(struct sip_msg *msg)
{
    struct sr_str privacy = sip_msg_value(msg, SIP_HDR_PRIVACY);

    return privacy.p != NULL &&
           (sip_privacy_has(privacy, "id") || sip_privacy_has(privacy, "user"));
}

void provider__take_identity(struct sip_leg *leg, struct sip_msg *msg)
{
    bool is_first_invite = leg->state == LEG_INCOMING; /* the caller is told with the call */
    char user[NAME_MAX_BYTES], display[NAME_MAX_BYTES];
    struct sip_leg_event event = {.kind = SIP_LEG_PARTY};

    user[0] = display[0] = '\0';
    take_asserted(msg, SIP_HDR_P_ASSERTED_IDENTITY, user, display);
    if (user[0] == '\0')
        take_asserted(msg, SIP_HDR_REMOTE_PARTY_ID, user, display);
    if (user[0] == '\0')
        return;
    if (is_party_withheld(msg)) {
        (void)sr_str_copy(SR_STR("anonymous"), user, sizeof(user));
        display[0] = '\0';
    }
    if (sr_str_eq_c(leg->party_user, user) && sr_str_eq_c(leg->party_display, display))
        return;
    sip_leg__keep_sdp(&leg->party_user, sr_str_c(user));
    sip_leg__keep_sdp(&leg->party_display, sr_str_c(display));
    event.party_user = sr_str_c(user);
    event.party_display = sr_str_c(display);
    if (!is_first_invite)
        sip_leg__tell(leg, &event);
}
