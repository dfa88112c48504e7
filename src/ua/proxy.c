/* Requests outside of calls on their way through us: one server and one client transaction each. */
#include "ua/proxy.h"

#include "base/alloc.h"
#include "base/log.h"
#include "ua/sip_leg_internal.h"

/* One request on its way. */
struct proxied {
    struct ua *ua;
    struct sr_node node; /* ua->proxied */
    struct server_txn *txn;
    struct client_txn *sent;
    struct proxy_dialog *dialog; /* NULL: it makes none */
    enum proxy_who to;
    bool is_first; /* of its dialog */
    enum sip_method method;
    sr_id from_provider, to_provider;
    char from_device[UA_ID_MAX], to_device[UA_ID_MAX]; /* or the provider's name, for the log */
    uint32_t cseq;                                     /* without a dialog: as sent */
};

static const enum sip_hdr hop_headers[] = {PROXY_HOP_HEADERS};

bool proxy__is_passable(enum sip_method method)
{
    return method == SIP_METHOD_MESSAGE || method == SIP_METHOD_SUBSCRIBE ||
           method == SIP_METHOD_NOTIFY || method == SIP_METHOD_REFER ||
           method == SIP_METHOD_PUBLISH;
}

static bool makes_dialog(enum sip_method method)
{
    return method == SIP_METHOD_SUBSCRIBE || method == SIP_METHOD_REFER ||
           method == SIP_METHOD_NOTIFY;
}

/* ---- life ---- */

static struct proxied *proxied_new(struct ua_in *in, struct server_txn *txn)
{
    struct proxied *proxied = sr_zalloc(1, sizeof(*proxied));

    proxied->ua = in->ua;
    proxied->txn = txn;
    proxied->method = in->msg->method;
    proxied->cseq = sip_msg_cseq(in->msg)->number;
    txn->proxied = proxied;
    sr_list_add(&in->ua->proxied, &proxied->node);
    return proxied;
}

static void proxied_free(struct proxied *proxied)
{
    if (proxied->sent != NULL)
        client_txn__detach(proxied->sent);
    if (proxied->dialog != NULL)
        proxied->dialog->open--;
    proxied->txn->proxied = NULL;
    sr_list_remove(&proxied->ua->proxied, &proxied->node);
    sr_free(proxied);
}

void proxy__forget(struct server_txn *txn)
{
    if (txn->proxied != NULL)
        proxied_free(txn->proxied);
}

void proxy__free_all(struct ua *ua)
{
    SR_LIST_EACH(&ua->proxied, node)
    proxied_free(SR_CONTAINER(node, struct proxied, node));
    proxy_dialog__free_all(ua);
}

static void refuse(struct proxied *proxied, uint16_t status)
{
    struct ua_refusal refusal = {.retry_after_sec = status == 503 ? 5 : 0};
    struct server_txn *txn = proxied->txn;

    if (proxied->is_first && proxied->dialog != NULL)
        proxy_dialog__expire(proxied->dialog, 0);
    sr_log(SIP, INFO, "event=passed_on method=%s from=%s to=%s status=%u",
           sip_method_name(proxied->method), proxied->from_device, proxied->to_device, status);
    proxied_free(proxied);
    server_txn__refuse(txn, status, &refusal);
}

/* Begins with this request: the transaction, and the bounds. NULL: answered. */
static struct proxied *begin(struct ua_in *in, sr_id provider, struct sr_str device_id)
{
    struct ua *ua = in->ua;
    struct server_txn *txn;
    uint32_t own = 0, hops;

    if (sip_msg_uint(in->msg, SIP_HDR_MAX_FORWARDS, &hops) && hops == 0) {
        ua__refuse(in, 483, NULL);
        return NULL;
    }
    if (in->msg->body.n > UA_BODY_BYTES_MAX) {
        ua__refuse(in, 413, NULL);
        return NULL;
    }
    SR_LIST_EACH(&ua->proxied, node)
    {
        const struct proxied *other = SR_CONTAINER(node, struct proxied, node);

        own += other->from_provider == provider && sr_str_eq_c(device_id, other->from_device);
    }
    if (ua->proxied.count >= PROXY_OPEN_MAX || own >= PROXY_OPEN_PER_DEVICE ||
        (txn = server_txn__new(in)) == NULL) {
        ua__refuse(in, 503, &(struct ua_refusal){.retry_after_sec = 5});
        return NULL;
    }
    return proxied_new(in, txn);
}

/* ---- the answer ---- */

/* What the asker can use: our own login's troubles, redirections and silence are not its own. */
static uint16_t status_for(const struct sip_msg *msg, uint16_t status)
{
    if (msg == NULL || status == 408 || (status >= 300 && status < 400))
        return 480;
    if (status == 401 || status == 407)
        return 403;
    return status == 503 ? 500 : status; /* RFC 3261 16.7: 503 speaks of us */
}

static void note_answer(struct proxied *proxied, struct sip_msg *msg, uint16_t status)
{
    struct proxy_dialog *dialog = proxied->dialog;
    uint32_t sec = UINT32_MAX;

    if (msg == NULL || status >= 300) {
        if (proxied->is_first || status == 481 || status == 408)
            proxy_dialog__expire(dialog, proxied->is_first ? 0 : PROXY_LINGER_SEC);
        return;
    }
    proxy_dialog__learn(dialog, proxied->to, msg);
    if (proxied->method == SIP_METHOD_SUBSCRIBE && sip_msg_uint(msg, SIP_HDR_EXPIRES, &sec))
        proxy_dialog__expire(dialog,
                             SR_MIN(sec, (uint32_t)PROXY_DIALOG_SEC_MAX) + PROXY_LINGER_SEC);
    else if (proxied->method == SIP_METHOD_REFER && proxied->is_first)
        proxy_dialog__expire(dialog, PROXY_REFER_SEC);
}

static void add_own_way(const struct proxied *proxied, struct sip_build *build)
{
    struct proxy_dialog *dialog = proxied->dialog;
    struct server_txn *txn = proxied->txn;
    const struct proxy_end *asker = &dialog->ends[PROXY_ASKED - proxied->to];
    char uri[UA_CONTACT_TEXT_MAX];

    proxy_dialog__put_record_route(dialog, &txn->source, asker->provider, build);
    sip_build_copy(build, txn->request, SIP_HDR_RECORD_ROUTE);
    sip_build_fmt(build, SIP_HDR_CONTACT, "<%.*s>",
                  SR_STR_ARG(ua__contact_uri(proxied->ua, &txn->source, asker->provider, uri)));
}

static void pass_answer(struct proxied *proxied, struct sip_msg *msg, uint16_t status)
{
    struct server_txn *txn = proxied->txn;
    const struct sip_nameaddr *to = sip_msg_to(msg);
    struct sip_build build;

    ua__reply_begin(proxied->ua, &build,
                    &(struct ua_reply){.request = txn->request,
                                       .source = &txn->source.remote,
                                       .status = status,
                                       .reason = status == msg->status ? msg->reason : SR_STR(""),
                                       .to_tag = to != NULL ? to->tag : SR_STR("")});
    if (proxied->dialog != NULL && status < 300)
        add_own_way(proxied, &build);
    sip_build_copy_others(&build, msg, hop_headers, SR_ARRAY_LEN(hop_headers));
    sr_log(SIP, INFO, "event=passed_on method=%s from=%s to=%s status=%u",
           sip_method_name(proxied->method), proxied->from_device, proxied->to_device, status);
    server_txn__send(txn, &build, status, sip_msg_value(msg, SIP_HDR_CONTENT_TYPE), msg->body);
}

static void on_answer(void *arg, struct client_txn *txn, struct sip_msg *msg, uint16_t status)
{
    struct proxied *proxied = arg;
    struct server_txn *asker = proxied->txn;

    if (msg != NULL && status < 200)
        return;
    client_txn__detach(txn);
    proxied->sent = NULL;
    if (proxied->dialog != NULL)
        note_answer(proxied, msg, status);
    status = status_for(msg, status);
    if (msg == NULL || asker->request == NULL) {
        proxied->is_first = false; /* noted */
        refuse(proxied, status);
        return;
    }
    pass_answer(proxied, msg, status);
    proxied_free(proxied);
}

/* ---- the request ---- */

static uint8_t hops_of(struct sip_msg *msg)
{
    uint32_t hops = 71;

    (void)sip_msg_uint(msg, SIP_HDR_MAX_FORWARDS, &hops); /* none: 70 from here on */
    return (uint8_t)(SR_MIN(hops, 71u) - 1);
}

/* Record-Route to the end, and off it goes. */
static bool pass_request(struct proxied *proxied, struct ua_in *in, struct sip_build *build,
                         struct client_txn_options *options)
{
    struct proxy_dialog *dialog = proxied->dialog;
    struct proxy_end *end = dialog != NULL ? &dialog->ends[proxied->to] : NULL;

    if (dialog != NULL && makes_dialog(proxied->method))
        proxy_dialog__put_record_route(dialog, options->flow, options->provider, build);
    sip_build_text(build, SIP_HDR_CALL_ID, sip_msg_call_id(in->msg));
    sip_build_cseq(build, end != NULL ? end->sent_cseq : proxied->cseq,
                   sr_str_c(sip_method_name(proxied->method)));
    sip_build_copy_others(build, in->msg, hop_headers, SR_ARRAY_LEN(hop_headers));
    if (sip_build_end(build, sip_msg_value(in->msg, SIP_HDR_CONTENT_TYPE), in->msg->body) != SR_OK)
        return false;
    if (dialog != NULL && proxied->is_first)
        proxy_dialog__name(dialog, proxied->to, sr_buf_view(&proxied->ua->out));
    options->method = proxied->method;
    options->cseq = end != NULL ? &end->sent_cseq : &proxied->cseq;
    options->is_failing_over = options->provider != SR_ID_NONE;
    options->fn = on_answer;
    options->arg = proxied;
    proxied->sent = client_txn__new(proxied->ua, options);
    return proxied->sent != NULL;
}

/* The first request of its kind, to a provider, in its name for us. */
static bool send_to_provider(struct proxied *proxied, struct ua_in *in, struct provider *provider,
                             const struct ua_pass_target *target)
{
    struct sip_leg_invite_options who = {.is_withheld = target->is_withheld,
                                         .from_user = target->caller,
                                         .from_display = target->caller_name,
                                         .to_user = sr_str_c(target->number),
                                         .max_forwards = hops_of(in->msg)};
    struct net_flow flow;
    char branch[UA_TOKEN_MAX];
    struct provider_request request = {.method = proxied->method,
                                       .flow = &flow,
                                       .tag = sip_msg_from(in->msg)->tag,
                                       .with_contact = proxied->dialog != NULL,
                                       .who = &who};
    struct client_txn_options options = {.flow = &flow, .provider = provider->id};
    struct sip_build build;

    if (!provider__path(provider, &flow))
        return false;
    ua__branch(proxied->ua, branch);
    request.branch = options.branch = sr_str_c(branch);
    provider__begin_request(provider, &build, &request);
    if (who.max_forwards == 0) /* that builder takes 0 for 70 */
        return false;
    return pass_request(proxied, in, &build, &options);
}

/* The same to a device, from whom the router says it is. */
static bool send_to_device(struct proxied *proxied, struct ua_in *in,
                           const struct ua_contact *contact, const struct ua_pass_target *target)
{
    struct ua *ua = proxied->ua;
    struct sr_addr own = ua__own_addr(ua, &contact->flow);
    struct client_txn_options options = {.flow = &contact->flow};
    char branch[UA_TOKEN_MAX], host[SR_ADDR_TEXT_MAX], text[UA_CONTACT_TEXT_MAX];
    char array[512];
    struct sr_buf uri;
    struct sip_build build;

    own.scope = 0;
    ua__branch(ua, branch);
    options.branch = sr_str_c(branch);
    sr_buf_init_fixed(&uri, array, sizeof(array));
    sr_buf_c(&uri, "sip:");
    sip_escape(target->caller, SIP_CH_USER, &uri);
    sr_buf_fmt(&uri, "@%s", sr_addr_host_text(&own, host));
    sr_buf_clear(&ua->out);
    sip_build_init(&build, &ua->out);
    sip_build_request(&build, proxied->method, contact->uri);
    ua__via(ua, &build, &contact->flow, options.branch, SR_ID_NONE);
    if (contact->path.n > 0)
        sip_build_text(&build, SIP_HDR_ROUTE, contact->path);
    sip_build_uint(&build, SIP_HDR_MAX_FORWARDS, hops_of(in->msg));
    sip_build_addr(&build, SIP_HDR_FROM,
                   &(struct sip_build_addr){.display = target->caller_name,
                                            .uri = sr_buf_view(&uri),
                                            .tag = sip_msg_from(in->msg)->tag});
    sip_build_addr(&build, SIP_HDR_TO, &(struct sip_build_addr){.uri = contact->uri});
    if (proxied->dialog != NULL)
        sip_build_fmt(&build, SIP_HDR_CONTACT, "<%.*s>",
                      SR_STR_ARG(ua__own_uri(ua, &contact->flow, text)));
    return sr_buf_err(&uri) == SR_OK && pass_request(proxied, in, &build, &options);
}

static uint16_t send_first(struct proxied *proxied, struct ua_in *in,
                           const struct ua_pass_target *target)
{
    struct ua *ua = proxied->ua;
    struct proxy_end *end = proxied->dialog != NULL ? &proxied->dialog->ends[PROXY_ASKED] : NULL;
    struct provider *provider =
        target->provider_id.n > 0 ? provider__find(ua, target->provider_id) : NULL;
    struct ua_contact contact;

    (void)sr_str_copy(provider != NULL ? target->provider_id : target->device_id,
                      proxied->to_device, sizeof(proxied->to_device));
    if (end != NULL)
        end->sent_cseq = proxied->cseq;
    if (target->provider_id.n > 0) {
        if (provider == NULL)
            return 480;
        if (end != NULL)
            end->provider = provider->id;
        proxied->to_provider = provider->id;
        return send_to_provider(proxied, in, provider, target) ? 0 : 480;
    }
    if (ua_contacts(ua, target->device_id, &contact, 1) == 0)
        return 480;
    if (end != NULL) {
        (void)sr_str_copy(target->device_id, end->device_id, sizeof(end->device_id));
        end->flow = contact.flow;
    }
    return send_to_device(proxied, in, &contact, target) ? 0 : 500;
}

/* Who asks not to be shown is not shown: to a provider as the account does it, to a device by no name. */
static void withhold(struct sip_msg *msg, struct ua_pass_target *target)
{
    struct sr_str privacy = sip_msg_value(msg, SIP_HDR_PRIVACY);

    if (privacy.p == NULL || (!sip_privacy_has(privacy, "id") && !sip_privacy_has(privacy, "user")))
        return;
    target->is_withheld = true;
    if (target->provider_id.n > 0)
        return;
    target->caller = SR_STR("anonymous");
    target->caller_name = SR_STR("");
}

/* A request that begins something. False: no route passes it through. */
static bool on_first(struct ua_in *in, const struct ua_pass_query *query, sr_id provider_id)
{
    struct ua *ua = in->ua;
    struct ua_pass_target target = {.number = ""};
    struct proxied *proxied;
    uint16_t status;
    struct sr_str who = query->device_id.n > 0 ? query->device_id : query->provider_id;

    if (ua->ops->on_pass == NULL)
        return false;
    status = ua->ops->on_pass(ua->arg, query, &target);
    if (status == 0)
        return false;
    proxied = begin(in, provider_id, who);
    if (proxied == NULL)
        return true;
    proxied->from_provider = provider_id;
    (void)sr_str_copy(who, proxied->from_device, sizeof(proxied->from_device));
    if (status == 200 && makes_dialog(proxied->method) && proxied->method != SIP_METHOD_NOTIFY) {
        if (sip_msg_contact(in->msg) == NULL || sip_msg_contact(in->msg)->is_star ||
            sip_msg_from(in->msg)->tag.n == 0)
            status = 400;
        else if ((proxied->dialog = proxy_dialog__new(in, provider_id, query->device_id)) == NULL)
            status = 503;
        else
            proxied->dialog->open++;
    }
    proxied->is_first = true;
    proxied->to = PROXY_ASKED;
    withhold(in->msg, &target);
    if (status == 200)
        status = send_first(proxied, in, &target);
    if (status != 0)
        refuse(proxied, status);
    else if (ua->ops->on_passed != NULL)
        ua->ops->on_passed(ua->arg, query, &target);
    return true;
}

bool proxy__on_device_request(struct ua_in *in, struct ua_slot *slot)
{
    const struct sip_uri *uri = sip_msg_uri(in->msg);
    char dialled[256];
    struct ua_pass_query query = {.method = in->msg->method,
                                  .device_id = slot->device->id,
                                  .dialled = sip_uri_user(uri, dialled, sizeof(dialled))};

    return query.dialled.n > 0 &&
           (uri->scheme == SIP_SCHEME_TEL || ua__host_is_ours(in->ua, in->flow, uri)) &&
           on_first(in, &query, SR_ID_NONE);
}

bool proxy__on_provider_request(struct ua_in *in, struct provider *provider)
{
    char dialled[256], user[256], display[256];
    struct ua_pass_query query = {.method = in->msg->method,
                                  .provider_id = provider->conf.id,
                                  .dialled =
                                      provider__called(provider, in, dialled, sizeof(dialled))};

    provider__caller(in->msg, user, display);
    query.caller = sr_str_c(user);
    query.caller_name = sr_str_c(display);
    return on_first(in, &query, provider->id);
}

/* ---- inside a dialog ---- */

/* Of an end, for people. */
static void name_end(const struct proxy_dialog *dialog, enum proxy_who who, char out[UA_ID_MAX])
{
    const struct proxy_end *end = &dialog->ends[who];
    const struct provider *provider = provider__get(dialog->ua, end->provider);

    (void)sr_str_copy(provider != NULL ? provider->conf.id : sr_str_c(end->device_id), out,
                      UA_ID_MAX);
}

/* A NOTIFY says how long the subscription lasts. */
static void note_state(struct proxy_dialog *dialog, struct sip_msg *msg)
{
    struct sr_str value = sip_msg_value(msg, SIP_HDR_SUBSCRIPTION_STATE);
    struct sip_subscription_state state;

    if (msg->method != SIP_METHOD_NOTIFY || value.p == NULL ||
        sip_subscription_state_parse(value, &state, NULL) != SR_OK)
        return;
    if (sr_str_ieq(state.state, SR_STR("terminated")))
        proxy_dialog__expire(dialog, PROXY_LINGER_SEC);
    else if (state.has_expires)
        proxy_dialog__expire(dialog, SR_MIN(state.expires_s, (uint32_t)PROXY_DIALOG_SEC_MAX) +
                                         PROXY_LINGER_SEC);
}

static bool send_inside(struct proxied *proxied, struct ua_in *in)
{
    struct proxy_end *end = &proxied->dialog->ends[proxied->to];
    struct ua *ua = proxied->ua;
    struct client_txn_options options = {.provider = end->provider};
    char branch[UA_TOKEN_MAX], uri[UA_CONTACT_TEXT_MAX];
    struct sip_build build;
    struct net_flow flow;

    if (end->target.n == 0 || end->uri.n == 0 ||
        !proxy_dialog__flow(proxied->dialog, proxied->to, &flow))
        return false;
    ua__branch(ua, branch);
    options.flow = &flow;
    options.branch = sr_str_c(branch);
    if (++end->sent_cseq == 0) /* a request of its own begins at 1 */
        end->sent_cseq = 1;
    sr_buf_clear(&ua->out);
    sip_build_init(&build, &ua->out);
    sip_build_request(&build, proxied->method, end->target);
    ua__via(ua, &build, &flow, options.branch, end->provider);
    if (end->routes.n > 0)
        sip_build_text(&build, SIP_HDR_ROUTE, end->routes);
    sip_build_uint(&build, SIP_HDR_MAX_FORWARDS, hops_of(in->msg));
    sip_build_addr(
        &build, SIP_HDR_FROM,
        &(struct sip_build_addr){.uri = end->other_uri, .tag = sip_msg_from(in->msg)->tag});
    sip_build_addr(&build, SIP_HDR_TO,
                   &(struct sip_build_addr){.uri = end->uri, .tag = sip_msg_to(in->msg)->tag});
    if (sip_msg_contact(in->msg) != NULL)
        sip_build_fmt(&build, SIP_HDR_CONTACT, "<%.*s>",
                      SR_STR_ARG(ua__contact_uri(ua, &flow, end->provider, uri)));
    return pass_request(proxied, in, &build, &options);
}

bool proxy__on_again(struct ua_in *in)
{
    struct proxy_dialog *dialog;
    struct proxied *proxied;
    enum proxy_who from = PROXY_ASKER;
    char name[UA_ID_MAX];
    uint16_t status;

    if (!proxy__is_passable(in->msg->method) ||
        (dialog = proxy_dialog__find(in, &from, &status)) == NULL)
        return false;
    if (status != 0) {
        ua__refuse(in, status, NULL);
        return true;
    }
    if (!proxy_dialog__is_from(dialog, from, in))
        return true;
    name_end(dialog, from, name);
    proxied = begin(in, dialog->ends[from].provider, sr_str_c(name));
    if (proxied == NULL)
        return true;
    proxied->dialog = dialog;
    dialog->open++;
    proxied->to = from == PROXY_ASKER ? PROXY_ASKED : PROXY_ASKER;
    proxied->from_provider = dialog->ends[from].provider;
    memcpy(proxied->from_device, name, sizeof(name));
    name_end(dialog, proxied->to, proxied->to_device);
    if (!send_inside(proxied, in)) {
        refuse(proxied, 480);
        return true;
    }
    note_state(dialog, in->msg);
    return true;
}
