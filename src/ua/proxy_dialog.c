/* Dialogs of others that go through us (SUBSCRIBE, REFER): their two ends, found by the token of our
 * Record-Route. One timer each. */
#include "base/alloc.h"
#include "ua/proxy.h"

enum {
    TOKEN_BYTES = 16,
    ROUTES_BYTES_MAX = 4096,
    URI_BYTES_MAX = 1024,
    BUSY_SEC = 5, /* looked at again when requests are under way */
};

/* ---- life ---- */

static void free_end(struct proxy_end *end)
{
    ua__undup(&end->target);
    ua__undup(&end->routes);
    ua__undup(&end->uri);
    ua__undup(&end->other_uri);
}

static void dialog_free(struct proxy_dialog *dialog)
{
    struct ua *ua = dialog->ua;

    loop_timer_clear(ua->loop, &dialog->timer);
    (void)sr_map_remove(&ua->proxy_by_token, sr_str_c(dialog->token));
    sr_list_remove(&ua->proxy_dialogs, &dialog->node);
    free_end(&dialog->ends[PROXY_ASKER]);
    free_end(&dialog->ends[PROXY_ASKED]);
    sr_free(dialog);
}

static void on_timer(void *arg)
{
    struct proxy_dialog *dialog = arg;

    if (dialog->open > 0)
        proxy_dialog__expire(dialog, BUSY_SEC);
    else
        dialog_free(dialog);
}

void proxy_dialog__expire(struct proxy_dialog *dialog, uint32_t sec)
{
    sec = SR_MIN(sec, (uint32_t)PROXY_DIALOG_SEC_MAX);
    loop_timer_set(dialog->ua->loop, &dialog->timer, ua__now(dialog->ua) + (sr_usec)sec * SR_SEC);
}

void proxy_dialog__init(struct ua *ua)
{
    sr_list_init(&ua->proxy_dialogs);
    sr_list_init(&ua->proxied);
    sr_map_init(&ua->proxy_by_token);
}

void proxy_dialog__free_all(struct ua *ua)
{
    SR_LIST_EACH(&ua->proxy_dialogs, node)
    dialog_free(SR_CONTAINER(node, struct proxy_dialog, node));
    sr_map_done(&ua->proxy_by_token);
}

static bool is_full(const struct ua *ua, sr_id provider, struct sr_str device_id)
{
    uint32_t own = 0;

    SR_LIST_EACH(&ua->proxy_dialogs, node)
    {
        const struct proxy_end *end =
            &SR_CONTAINER(node, struct proxy_dialog, node)->ends[PROXY_ASKER];

        own += end->provider == provider && sr_str_eq_c(device_id, end->device_id);
    }
    return ua->proxy_dialogs.count >= PROXY_DIALOGS_MAX || own >= PROXY_DIALOGS_PER_DEVICE;
}

static void set_text(struct sr_str *slot, struct sr_str text)
{
    ua__undup(slot);
    *slot = ua__dup(text);
}

static void set_uri(struct sr_str *slot, const struct sip_nameaddr *addr)
{
    if (addr->uri.text.n <= URI_BYTES_MAX) /* else the old one stays */
        set_text(slot, addr->uri.text);
}

struct proxy_dialog *proxy_dialog__new(struct ua_in *in, sr_id provider, struct sr_str device_id)
{
    struct ua *ua = in->ua;
    struct proxy_dialog *dialog;
    struct proxy_end *asker;

    if (is_full(ua, provider, device_id))
        return NULL;
    dialog = sr_zalloc(1, sizeof(*dialog));
    dialog->ua = ua;
    ua__token(ua, TOKEN_BYTES, dialog->token);
    loop_timer_init(&dialog->timer, on_timer, dialog);
    sr_list_add(&ua->proxy_dialogs, &dialog->node);
    (void)sr_map_put(&ua->proxy_by_token, sr_str_c(dialog->token), dialog);
    asker = &dialog->ends[PROXY_ASKER];
    (void)sr_str_copy(device_id, asker->device_id, sizeof(asker->device_id));
    asker->provider = provider;
    asker->flow = *in->flow;
    dialog->ends[PROXY_ASKED].seen_cseq = -1;
    asker->seen_cseq = sip_msg_cseq(in->msg)->number;
    set_uri(&asker->uri, sip_msg_from(in->msg));
    set_uri(&asker->other_uri, sip_msg_to(in->msg));
    proxy_dialog__learn(dialog, PROXY_ASKER, in->msg);
    proxy_dialog__expire(dialog, PROXY_DIALOG_SEC);
    return dialog;
}

/* ---- what an end says of itself ---- */

static bool is_own_route(const struct proxy_dialog *dialog, struct sr_str value)
{
    struct sip_nameaddr addr;

    return sip_nameaddr_parse(value, &addr, NULL) == SR_OK &&
           sr_str_eq_c(addr.uri.user, dialog->token);
}

/* The route set: as it stands in a request, from the end in a response; without our own value. */
static void learn_routes(struct proxy_dialog *dialog, struct proxy_end *end, struct sip_msg *msg)
{
    struct sip_values values = sip_msg_values(msg, SIP_HDR_RECORD_ROUTE);
    struct sr_str kept[SIP_DIALOG_ROUTES_MAX], value;
    char array[ROUTES_BYTES_MAX];
    struct sr_buf buf;
    size_t count = 0;

    while (count < SR_ARRAY_LEN(kept) && sip_values_next(&values, &value)) {
        if (!is_own_route(dialog, value))
            kept[count++] = value;
    }
    sr_buf_init_fixed(&buf, array, sizeof(array));
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            sr_buf_c(&buf, ", ");
        sr_buf_str(&buf, kept[msg->is_request ? i : count - 1 - i]);
    }
    if (sr_buf_err(&buf) == SR_OK)
        set_text(&end->routes, sr_buf_view(&buf));
    end->has_routes = true;
}

void proxy_dialog__learn(struct proxy_dialog *dialog, enum proxy_who who, struct sip_msg *msg)
{
    struct proxy_end *end = &dialog->ends[who];
    const struct sip_nameaddr *contact = sip_msg_contact(msg);
    const struct sip_nameaddr *self = msg->is_request ? sip_msg_from(msg) : sip_msg_to(msg);

    if (end->tag[0] == '\0' && self != NULL)
        (void)sr_str_copy(self->tag, end->tag, sizeof(end->tag)); /* too long: it stays unknown */
    if (contact != NULL && !contact->is_star)
        set_uri(&end->target, contact);
    if (!end->has_routes)
        learn_routes(dialog, end, msg);
}

void proxy_dialog__name(struct proxy_dialog *dialog, enum proxy_who who, struct sr_str request)
{
    struct sip_header slots[SIP_HEADERS_MAX];
    struct sip_msg msg;

    if (sip_msg_parse(request, slots, SIP_HEADERS_MAX, &msg, NULL) != SR_OK)
        return; /* we wrote it ourselves */
    if (sip_msg_to(&msg) != NULL)
        set_uri(&dialog->ends[who].uri, sip_msg_to(&msg));
    if (sip_msg_from(&msg) != NULL)
        set_uri(&dialog->ends[who].other_uri, sip_msg_from(&msg));
}

/* ---- a request inside ---- */

/* The user part of our Record-Route, in the top Route; or in the Request-URI. */
static struct sr_str token_of(struct sip_msg *msg, char out[UA_TOKEN_MAX])
{
    struct sip_values values = sip_msg_values(msg, SIP_HDR_ROUTE);
    const struct sip_uri *uri = sip_msg_uri(msg);
    struct sip_nameaddr addr;
    struct sr_str value;

    if (sip_values_next(&values, &value)) {
        if (sip_nameaddr_parse(value, &addr, NULL) != SR_OK || addr.is_star)
            return SR_STR("");
        return sip_uri_user(&addr.uri, out, UA_TOKEN_MAX);
    }
    return uri != NULL ? sip_uri_user(uri, out, UA_TOKEN_MAX) : SR_STR("");
}

static bool is_tag(const char *known, struct sr_str tag)
{
    return known[0] != '\0' && sr_str_eq_c(tag, known);
}

struct proxy_dialog *proxy_dialog__find(struct ua_in *in, enum proxy_who *ret_from,
                                        uint16_t *ret_status)
{
    struct sr_str from = sip_msg_from(in->msg)->tag, to = sip_msg_to(in->msg)->tag;
    char array[UA_TOKEN_MAX];
    struct sr_str token = token_of(in->msg, array);
    struct proxy_dialog *dialog = token.n > 0 ? sr_map_find(&in->ua->proxy_by_token, token) : NULL;
    const struct proxy_end *asker, *asked;

    if (dialog == NULL)
        return NULL;
    asker = &dialog->ends[PROXY_ASKER];
    asked = &dialog->ends[PROXY_ASKED];
    *ret_status = 0;
    if (is_tag(asker->tag, from) && is_tag(asked->tag, to))
        *ret_from = PROXY_ASKER;
    else if (is_tag(asker->tag, to) && (asked->tag[0] == '\0' || is_tag(asked->tag, from)))
        *ret_from = PROXY_ASKED; /* a NOTIFY may come before the answer */
    else
        *ret_status = 481;
    if (*ret_status == 0 && sip_msg_cseq(in->msg)->number <= dialog->ends[*ret_from].seen_cseq)
        *ret_status = 500;
    return dialog;
}

static bool is_from_device(const struct proxy_end *end, struct ua_in *in)
{
    struct ua_slot *slot;
    enum ua_auth auth;

    if (sr_map_find(&in->ua->slots_by_id, sr_str_c(end->device_id)) == NULL) {
        ua__refuse(in, 481, NULL);
        return false;
    }
    if (sr_addr_ip_eq(&in->flow->remote, &end->flow.remote))
        return true;
    auth = ua__authenticate(in, &slot);
    if (auth == UA_AUTH_AGAIN)
        ua__challenge(in, true);
    if (auth == UA_AUTH_OK && sr_str_eq_c(slot->device->id, end->device_id))
        return true;
    if (auth == UA_AUTH_OK)
        ua__refuse(in, 481, NULL);
    return false;
}

bool proxy_dialog__is_from(struct proxy_dialog *dialog, enum proxy_who who, struct ua_in *in)
{
    struct proxy_end *end = &dialog->ends[who];
    const struct provider *provider = provider__get(in->ua, end->provider);

    if (end->provider == SR_ID_NONE ? !is_from_device(end, in)
                                    : provider == NULL || !provider__is_from(provider, in->flow)) {
        if (end->provider != SR_ID_NONE)
            ua__refuse(in, 481, NULL);
        return false;
    }
    end->seen_cseq = sip_msg_cseq(in->msg)->number;
    if (end->provider == SR_ID_NONE)
        end->flow = *in->flow;
    proxy_dialog__learn(dialog, who, in->msg);
    return true;
}

bool proxy_dialog__flow(struct proxy_dialog *dialog, enum proxy_who who, struct net_flow *ret_flow)
{
    struct proxy_end *end = &dialog->ends[who];
    struct ua *ua = dialog->ua;
    struct provider *provider = provider__get(ua, end->provider);
    struct net_flow standing;

    if (end->provider != SR_ID_NONE)
        return provider != NULL && !provider->is_leaving && provider__path(provider, ret_flow);
    if (sr_map_find(&ua->slots_by_id, sr_str_c(end->device_id)) == NULL)
        return false;
    if (net_kind_is_stream(end->flow.kind) && !net_conn_flow(ua->net, end->flow.conn, &standing))
        (void)registrar__find_flow(ua, sr_str_c(end->device_id), &end->flow, &end->flow);
    *ret_flow = end->flow;
    return true;
}

void proxy_dialog__move(struct ua *ua, struct sr_str device_id, const struct net_flow *old,
                        const struct net_flow *now)
{
    SR_LIST_EACH(&ua->proxy_dialogs, node)
    {
        struct proxy_dialog *dialog = SR_CONTAINER(node, struct proxy_dialog, node);

        for (size_t i = 0; i < PROXY_ENDS; i++) {
            struct proxy_end *end = &dialog->ends[i];

            if (end->flow.kind == old->kind && sr_addr_eq(&end->flow.remote, &old->remote) &&
                sr_str_eq_c(device_id, end->device_id))
                end->flow = *now;
        }
    }
}

void proxy_dialog__put_record_route(const struct proxy_dialog *dialog, const struct net_flow *flow,
                                    sr_id provider_id, struct sip_build *build)
{
    struct provider *provider = provider__get(dialog->ua, provider_id);
    struct sr_addr own =
        provider != NULL ? provider__own_addr(provider, flow) : ua__own_addr(dialog->ua, flow);
    char host[SR_ADDR_TEXT_MAX];
    const char *transport = "";

    if (flow->kind == NET_WS || flow->kind == NET_WSS)
        transport = ";transport=ws";
    else if (flow->kind != NET_UDP)
        transport = flow->kind == NET_TCP ? ";transport=tcp" : ";transport=tls";
    own.scope = 0;
    sip_build_fmt(build, SIP_HDR_RECORD_ROUTE, "<sip:%s@%s:%u%s;lr>", dialog->token,
                  sr_addr_host_text(&own, host), (unsigned)own.port, transport);
}
