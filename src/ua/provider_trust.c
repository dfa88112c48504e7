/* Which calls are a provider's (design: "Trunk trust"): over the registered flow, from an address of
 * its resolved set or its trustedAddresses, or to the registration's own Contact. Names in From, To and
 * the like choose among the accounts of that host only; they prove nothing. */
#include "ua/provider_internal.h"
#include "ua/sip_leg_internal.h"

enum {
    USER_MAX = 256,
    FITNESS_NAMED = 2, /* from here on the message names the account */
};

static bool is_trusted(const struct provider *provider, const struct sr_addr *addr)
{
    for (size_t i = 0; i < provider->conf.trusted_count; i++) {
        if (sr_cidr_has(&provider->conf.trusted[i], addr))
            return true;
    }
    return false;
}

bool provider__is_from(const struct provider *provider, const struct net_flow *flow)
{
    if (flow->conn != SR_ID_NONE && provider->flow.conn == flow->conn)
        return true;
    return provider__has_addr(provider, &flow->remote) || is_trusted(provider, &flow->remote);
}

bool provider__serves(struct ua *ua, sr_id id, const struct net_flow *flow)
{
    const struct provider *provider = provider__get(ua, id);

    return provider != NULL && provider__is_from(provider, flow);
}

bool provider__has_source(struct ua *ua, const struct sr_addr *source, bool is_network)
{
    struct sr_cidr around = {.addr = *source, .bits = source->family == SR_ADDR_IP6 ? 64 : 32};

    SR_LIST_EACH(&ua->providers, node)
    {
        const struct provider *provider = SR_CONTAINER(node, struct provider, node);

        if (provider__has_addr(provider, source))
            return true;
        for (size_t i = 0; is_network && i < provider->target_count; i++) {
            if (sr_cidr_has(&around, &provider->targets[i].addr))
                return true;
        }
    }
    return false;
}

/* The user of the first value of a header, unescaped; empty without one. */
static struct sr_str user_in(struct sip_msg *msg, enum sip_hdr id, char out[USER_MAX])
{
    struct sip_values values = sip_msg_values(msg, id);
    struct sip_nameaddr addr;
    struct sr_str value;

    if (!sip_values_next(&values, &value) || sip_nameaddr_parse(value, &addr, NULL) != SR_OK ||
        addr.is_star)
        return SR_STR("");
    return provider__plain_number(sip_uri_user(&addr.uri, out, USER_MAX));
}

/* How well does this account fit, among others of the same host? */
static int fitness(const struct provider *provider, struct ua_in *in)
{
    const struct sip_uri *uri = sip_msg_uri(in->msg);
    struct sr_str name = provider->conf.username;
    char user[USER_MAX];
    struct sr_str line;

    if (sip_uri_param(uri, "line", &line) && sr_str_eq_c(line, provider->contact_user))
        return 5;
    if (name.n == 0)
        return 0;
    if (sr_str_eq(sip_uri_user(uri, user, sizeof(user)), name))
        return 4;
    if (sr_str_eq(user_in(in->msg, SIP_HDR_P_CALLED_PARTY_ID, user), name))
        return 3;
    if (sr_str_eq(user_in(in->msg, SIP_HDR_TO, user), name))
        return FITNESS_NAMED;
    return provider->conf.is_registering ? 0 : 1; /* a trunk by address takes any number */
}

static bool is_device(const struct ua *ua, struct sr_str user)
{
    return user.n > 0 && (sr_map_find(&ua->slots_by_extension, user) != NULL ||
                          sr_map_find(&ua->slots_by_id, user) != NULL);
}

/* Is this the very place a server of the provider listens at? Over TCP nobody calls from there. */
static bool is_its_port(const struct provider *provider, const struct net_flow *flow)
{
    for (size_t i = 0; i < provider->target_count; i++) {
        if (sr_addr_eq(&provider->targets[i].addr, &flow->remote))
            return true;
    }
    return false;
}

/* A phone that lives at the provider's address, too (a router in front of both, one host): known by its
 * registration, it shows a login of ours, or it calls itself one of our devices and sends UDP
 * from another port than the provider's server has. */
static bool is_phone(struct ua_in *in, const struct provider *provider)
{
    char user[USER_MAX];

    struct sip_values values = sip_msg_values(in->msg, SIP_HDR_AUTHORIZATION);
    struct digest_credentials credentials;
    struct sr_str value;

    while (sip_values_next(&values, &value)) {
        if (digest_credentials_parse(value, &credentials) == SR_OK &&
            sr_str_eq(credentials.realm, in->ua->settings.realm))
            return true;
    }
    if (in->flow->kind == NET_UDP && !is_its_port(provider, in->flow) &&
        !is_trusted(provider, &in->flow->remote) &&
        is_device(in->ua, user_in(in->msg, SIP_HDR_FROM, user)))
        return true;
    return registrar__has_flow(in->ua, in->flow);
}

struct provider *provider__of_request(struct ua_in *in)
{
    struct ua *ua = in->ua;
    const struct sip_uri *uri = sip_msg_uri(in->msg);
    struct provider *best = NULL;
    int best_fitness = -1;
    size_t count = 0;
    char user_array[USER_MAX];
    struct sr_str user;

    if (ua->providers.count == 0 || uri == NULL)
        return NULL;
    user = sip_uri_user(uri, user_array, sizeof(user_array));
    SR_LIST_EACH(&ua->providers, node)
    {
        struct provider *provider = SR_CONTAINER(node, struct provider, node);
        int fit;

        if (provider->is_leaving)
            continue;
        if (!provider->conf.quirks.contact_is_account && provider->conf.is_registering &&
            sr_str_eq_secret(user, sr_str_c(provider->contact_user)))
            return provider;
        if (!provider__is_from(provider, in->flow))
            continue;
        fit = fitness(provider, in);
        count++;
        if (fit > best_fitness) {
            best = provider;
            best_fitness = fit;
        }
    }
    in->is_account_open = count > 1 && best_fitness < FITNESS_NAMED;
    return best != NULL && is_phone(in, best) ? NULL : best;
}

bool sip_leg_fits_account(const struct sip_leg *leg, struct sr_str provider_id)
{
    const struct provider *provider = provider__find(leg->ua, provider_id);

    return provider != NULL && leg->state == LEG_INCOMING && leg->provider != SR_ID_NONE &&
           provider__is_from(provider, &leg->flow);
}

void sip_leg_set_account(struct sip_leg *leg, struct sr_str provider_id)
{
    SR_ASSERT(sip_leg_fits_account(leg, provider_id));
    leg->provider = provider__find(leg->ua, provider_id)->id;
}

struct sr_str provider__called(struct provider *provider, struct ua_in *in, char *out, size_t size)
{
    static const enum sip_hdr headers[] = {
        [UA_CALLED_TO] = SIP_HDR_TO,
        [UA_CALLED_P_CALLED_PARTY_ID] = SIP_HDR_P_CALLED_PARTY_ID,
        [UA_CALLED_P_PREFERRED_IDENTITY] = SIP_HDR_P_PREFERRED_IDENTITY,
    };
    enum ua_called called = provider->conf.quirks.called;
    char array[USER_MAX];
    struct sr_str user = {NULL, 0};

    SR_ASSERT(size > 0);
    if (called != UA_CALLED_AUTO)
        user = user_in(in->msg, headers[called], array);
    if (user.n == 0) {
        user = provider__plain_number(sip_uri_user(sip_msg_uri(in->msg), array, sizeof(array)));
        if (sr_str_eq_c(user, provider->contact_user) || sr_str_eq(user, provider->conf.username))
            user = (struct sr_str){NULL, 0}; /* our Contact: the number stands elsewhere */
    }
    if (user.n == 0)
        user = user_in(in->msg, SIP_HDR_P_CALLED_PARTY_ID, array);
    if (user.n == 0)
        user = user_in(in->msg, SIP_HDR_TO, array);
    if (user.n == 0 || sr_str_eq_c(user, provider->contact_user))
        user = provider->conf.username;
    (void)sr_str_copy(sr_str_head(user, size - 1), out, size);
    return sr_str_c(out);
}
