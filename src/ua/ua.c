/* The object: birth, settings, what the transports say, sending. */
#include "base/alloc.h"
#include "base/log.h"
#include "ua/client_size.h"
#include "ua/proxy.h"
#include "ua/sip_leg_internal.h"

/* ---- small tools ---- */

void ua__token(struct ua *ua, size_t bytes, char out[UA_TOKEN_MAX])
{
    uint8_t raw[UA_TOKEN_MAX / 2];

    SR_ASSERT(2 * bytes < UA_TOKEN_MAX);
    if (ua->is_seeded) {
        for (size_t i = 0; i < bytes; i++)
            raw[i] = (uint8_t)sr_prng_below(&ua->prng, 256);
    } else {
        sr_random_bytes(raw, bytes);
    }
    sr_hex(raw, bytes, out);
}

uint32_t ua__random_below(struct ua *ua, uint32_t n)
{
    if (ua->is_seeded)
        return (uint32_t)sr_prng_below(&ua->prng, n);
    return (uint32_t)(sr_random_u64() % n);
}

struct sr_str ua__dup(struct sr_str text)
{
    char *copy;

    if (text.n == 0)
        return (struct sr_str){NULL, 0};
    copy = sr_alloc(text.n);
    memcpy(copy, text.p, text.n);
    return sr_str_make(copy, text.n);
}

void ua__undup(struct sr_str *text)
{
    char *p = (char *)(uintptr_t)text->p; /* from ua__dup() */

    sr_free(p);
    *text = (struct sr_str){NULL, 0};
}

void ua__trace(struct ua *ua, const struct ua_cookies *cookies, const struct net_flow *flow,
               bool is_sent, struct sr_str bytes)
{
    struct ua_trace trace;

    if (cookies == NULL || cookies->call == 0 || ua->ops->on_trace == NULL)
        return;
    trace = (struct ua_trace){.call_cookie = cookies->call,
                              .leg_cookie = cookies->leg,
                              .is_sent = is_sent,
                              .flow = flow,
                              .bytes = bytes};
    ua->ops->on_trace(ua->arg, &trace);
}

enum sr_err ua__send(struct ua *ua, struct net_flow *flow, bool may_dial, struct sr_str bytes,
                     const struct ua_cookies *cookies)
{
    static const struct net_dial dial = {0};
    bool is_dialled = may_dial && flow->kind == NET_TCP;

    return ua__send_dial(ua, flow, is_dialled ? &dial : NULL, bytes, cookies);
}

enum sr_err ua__send_dial(struct ua *ua, struct net_flow *flow, const struct net_dial *dial,
                          struct sr_str bytes, const struct ua_cookies *cookies)
{
    enum sr_err err = net_send(ua->net, flow, dial, bytes);

    if (err == SR_OK)
        ua->stats.sent++;
    ua__trace(ua, cookies, flow, true, bytes);
    return err;
}

enum sip_transport ua__transport(enum net_kind kind)
{
    switch (kind) {
    case NET_UDP:
        return SIP_TRANSPORT_UDP;
    case NET_TCP:
        return SIP_TRANSPORT_TCP;
    case NET_TLS:
        return SIP_TRANSPORT_TLS;
    case NET_WS:
        return SIP_TRANSPORT_WS;
    case NET_WSS:
        return SIP_TRANSPORT_WSS;
    case NET_KIND_COUNT:
        break;
    }
    return SIP_TRANSPORT_OTHER;
}

struct sr_addr ua__own_addr(const struct ua *ua, const struct net_flow *flow)
{
    const struct ua_settings *settings = &ua->settings;
    struct sr_addr own = flow->local;
    uint8_t family = flow->remote.family;

    if (family == SR_ADDR_IP4 && settings->lan_ip4.family == SR_ADDR_IP4)
        own = settings->lan_ip4;
    else if (family == SR_ADDR_IP6 && settings->lan_ip6.family == SR_ADDR_IP6)
        own = settings->lan_ip6;
    if ((own.family == SR_ADDR_NONE || sr_addr_is_any(&own)) &&
        net_local_for(ua->net, &flow->remote, &own) != SR_OK)
        own = flow->local;
    own.port = flow->local.port != 0 ? flow->local.port : 5060;
    return own;
}

struct sr_str ua__own_uri(const struct ua *ua, const struct net_flow *flow,
                          char out[UA_CONTACT_TEXT_MAX])
{
    struct sr_addr own = ua__own_addr(ua, flow);
    char host[SR_ADDR_TEXT_MAX];
    struct sr_buf buf;

    own.scope = 0;
    sr_buf_init_fixed(&buf, out, UA_CONTACT_TEXT_MAX);
    sr_buf_fmt(&buf, "sip:%s:%u", sr_addr_host_text(&own, host), (unsigned)own.port);
    if (flow->kind == NET_WS || flow->kind == NET_WSS)
        sr_buf_c(&buf, ";transport=ws");
    else if (flow->kind != NET_UDP)
        sr_buf_c(&buf, flow->kind == NET_TCP ? ";transport=tcp" : ";transport=tls");
    SR_ASSERT(sr_buf_err(&buf) == SR_OK);
    return sr_str_make(out, buf.len);
}

bool ua__host_is_ours(const struct ua *ua, const struct net_flow *flow, const struct sip_uri *uri)
{
    const struct ua_settings *settings = &ua->settings;
    struct sr_addr addr;
    struct sr_addr local;

    if (settings->domain_count == 0)
        return true; /* nothing is said about names: all that reaches us is meant for us */
    if (sr_str_ieq(uri->host, settings->realm))
        return true;
    for (size_t i = 0; i < settings->domain_count; i++) {
        if (sr_str_ieq(uri->host, settings->domains[i]))
            return true;
    }
    if (!sip_uri_addr(uri, &addr))
        return sr_str_ieq(uri->host, SR_STR("localhost"));
    if (sr_addr_ip_eq(&addr, &flow->local) || sr_addr_is_loopback(&addr) ||
        (settings->lan_ip4.family != SR_ADDR_NONE && sr_addr_ip_eq(&addr, &settings->lan_ip4)) ||
        (settings->lan_ip6.family != SR_ADDR_NONE && sr_addr_ip_eq(&addr, &settings->lan_ip6)))
        return true;
    return net_local_for(ua->net, &addr, &local) == SR_OK && sr_addr_ip_eq(&addr, &local);
}

struct ua_conn *ua__conn(struct ua *ua, sr_id id, bool is_made)
{
    struct ua_conn *conn;

    if (id == SR_ID_NONE)
        return NULL;
    conn = sr_map64_find(&ua->conns, id);
    if (conn != NULL || !is_made)
        return conn;
    conn = sr_zalloc(1, sizeof(*conn));
    conn->id = id;
    sr_list_init(&conn->bindings);
    sr_list_init(&conn->client_txns);
    (void)sr_map64_put(&ua->conns, id, conn);
    return conn;
}

void ua__conn_drop(struct ua *ua, struct ua_conn *conn)
{
    if (conn->bindings.count + conn->client_txns.count > 0)
        return;
    (void)sr_map64_remove(&ua->conns, conn->id);
    sr_free(conn);
}

/* ---- what the transports say ---- */

static bool is_denied(const struct ua *ua, const struct sr_addr *source)
{
    for (size_t i = 0; i < ua->settings.deny_count; i++) {
        if (sr_cidr_has(&ua->settings.deny[i], source))
            return true;
    }
    return false;
}

/* What comes from a banned source is dropped unread; an INVITE is read, it may be an emergency call. */
static bool is_dropped(struct ua *ua, const struct sr_addr *source, struct sr_str bytes,
                       bool *ret_is_banned)
{
    *ret_is_banned = ban__has_source(ua->ban, source);
    if (!is_denied(ua, source) && (!*ret_is_banned || (ua->ops->is_emergency != NULL &&
                                                       sr_str_starts(bytes, SR_STR("INVITE ")))))
        return false;
    ua->stats.dropped_banned++;
    return true;
}

bool ua__is_emergency(struct ua_in *in, struct sr_str user)
{
    struct ua *ua = in->ua;
    const struct sip_uri *uri = sip_msg_uri(in->msg);
    char dialled[UA_TOKEN_MAX];

    return ua->ops->is_emergency != NULL && in->msg->method == SIP_METHOD_INVITE && uri != NULL &&
           ban__lets_emergency(ua->ban, &in->flow->remote, user) &&
           ua->ops->is_emergency(ua->arg, sip_uri_user(uri, dialled, sizeof(dialled)));
}

static void on_message(void *arg, const struct net_flow *flow, struct sr_str bytes)
{
    struct ua *ua = arg;
    struct sip_msg msg;
    struct ua_in in = {.ua = ua, .flow = flow, .msg = &msg, .bytes = bytes};
    struct sip_verdict verdict;
    bool is_banned;
    enum sr_err err;

    if (is_dropped(ua, &flow->remote, bytes, &is_banned))
        return;
    err = sip_msg_parse(bytes, ua->header_slots, SIP_HEADERS_MAX, &msg, NULL);
    if (err == SR_ERR_AGAIN)
        return; /* keep-alive */
    if (is_banned && (err != SR_OK || !ua__is_emergency(&in, SR_STR("")))) {
        ua->stats.dropped_banned++;
        return;
    }
    if (err != SR_OK) {
        ua->stats.bad_messages++;
        return;
    }
    if (msg.is_request)
        ua->stats.requests_received++;
    else
        ua->stats.responses_received++;
    sip_msg_check(&msg, net_kind_is_stream(flow->kind), &verdict);
    if (verdict.what != SIP_CHECK_OK) {
        ua->stats.bad_messages++;
        if (verdict.what == SIP_CHECK_ANSWER && msg.is_request)
            ua__refuse(&in, verdict.status, &(struct ua_refusal){.reason = sr_str_c(verdict.why)});
        if (verdict.must_close)
            net_close_conn(ua->net, flow->conn);
        return;
    }
    ua->in_hand = &msg;
    if (msg.is_request)
        ua__on_request(&in);
    else
        client_txn__on_message(&in);
    ua->in_hand = NULL;
    ua->carrier = NULL;
}

static void on_bad_stream(void *arg, const struct net_flow *flow, struct sr_str head,
                          const char *why)
{
    struct ua *ua = arg;
    struct sip_msg msg;
    struct ua_in in = {.ua = ua, .flow = flow, .msg = &msg, .bytes = head};
    struct sip_verdict verdict;
    bool is_banned;

    (void)why; /* the check finds its own words for what is wrong in the head */
    ua->stats.bad_messages++;
    if (is_dropped(ua, &flow->remote, head, &is_banned) || is_banned ||
        sip_msg_parse(head, ua->header_slots, SIP_HEADERS_MAX, &msg, NULL) != SR_OK ||
        !msg.is_request || msg.first[SIP_HDR_VIA] == 0)
        return;
    sip_msg_check(&msg, true, &verdict);
    if (verdict.what == SIP_CHECK_ANSWER)
        ua__refuse(&in, verdict.status, &(struct ua_refusal){.reason = sr_str_c(verdict.why)});
    else if (verdict.what == SIP_CHECK_OK)
        ua__refuse(&in, 513, NULL);
}

static void on_opened(void *arg, const struct net_flow *flow)
{
    client_size__on_opened(arg, flow);
}

static void on_closed(void *arg, const struct net_flow *flow, enum sr_err err, const char *why)
{
    struct ua *ua = arg;
    struct ua_conn *conn = ua__conn(ua, flow->conn, false);

    client_size__on_closed(ua, flow);
    provider__on_conn_closed(ua, flow, err, why);
    if (conn == NULL)
        return;
    registrar__on_conn_closed(conn);
    client_txn__on_conn_closed(conn);
    ua__conn_drop(ua, conn);
}

static void on_pong(void *arg, const struct net_flow *flow)
{
    provider__on_pong(arg, flow);
}

static void on_stun(void *arg, const struct net_flow *flow, struct sr_str bytes)
{
    provider__on_stun(arg, flow, bytes);
}

const struct net_handler *ua_net_handler(void)
{
    static const struct net_handler handler = {.on_message = on_message,
                                               .on_bad_stream = on_bad_stream,
                                               .on_opened = on_opened,
                                               .on_closed = on_closed,
                                               .on_pong = on_pong,
                                               .on_stun = on_stun};

    return &handler;
}

/* ---- life ---- */

static void make_secrets(struct ua *ua)
{
    uint8_t raw[SR_SHA256_BYTES];
    char password[UA_TOKEN_MAX];

    sr_random_bytes(ua->secret.bytes, sizeof(ua->secret.bytes));
    sr_random_bytes(raw, sizeof(raw));
    sr_hex(raw, 16, password);
    digest_ha1(DIGEST_MD5, SR_STR("nobody"), SR_STR("nowhere"), sr_str_c(password),
               ua->dummy_ha1[0]);
    digest_ha1(DIGEST_SHA256, SR_STR("nobody"), SR_STR("nowhere"), sr_str_c(password),
               ua->dummy_ha1[1]);
    sr_wipe(raw, sizeof(raw));
    sr_wipe(password, sizeof(password));
}

struct ua *ua_new(const struct ua_options *options)
{
    struct ua *ua = sr_zalloc(1, sizeof(*ua));

    SR_ASSERT(options->loop != NULL && options->ops != NULL);
    ua->loop = options->loop;
    ua->net = options->net;
    ua->resolver = options->resolver;
    ua->ops = options->ops;
    ua->arg = options->arg;
    (void)sr_str_copy(options->user_agent, ua->user_agent, sizeof(ua->user_agent));
    ua->is_seeded = options->seed != 0;
    sr_prng_seed(&ua->prng, options->seed);
    make_secrets(ua);
    ua->nc_sets = sr_zalloc(UA_NC_SETS, sizeof(*ua->nc_sets));
    digest_nc_init(&ua->nc, ua->nc_sets, UA_NC_SETS);
    ua->ban = ban__new(ua);
    ua->client_size = client_size__new();
    sr_map_init(&ua->slots_by_id);
    sr_map_init(&ua->slots_by_extension);
    sr_map_init(&ua->server_txns);
    sr_map_init(&ua->merged);
    sr_map_init(&ua->client_txns);
    sr_map_init(&ua->dialogs);
    sr_map_init(&ua->uac_calls);
    sr_map64_init(&ua->conns);
    sr_map_init(&ua->sources);
    sr_list_init(&ua->server_list);
    sr_list_init(&ua->client_list);
    sr_list_init(&ua->legs);
    sr_list_init(&ua->messages);
    subscribe__init(ua);
    proxy_dialog__init(ua);
    sr_list_init(&ua->providers);
    sr_map_init(&ua->providers_by_name);
    sr_idtab_init(&ua->provider_ids, 2 * UA_PROVIDERS_MAX); /* and those that leave */
    loop_timer_init(&ua->stop_timer, provider__on_stop_timer, ua);
    sr_buf_init(&ua->out, NET_MESSAGE_BYTES_MAX);
    return ua;
}

void ua_set_net(struct ua *ua, struct net *net)
{
    ua->net = net;
}

void ua_set_resolver(struct ua *ua, struct resolver *resolver)
{
    ua->resolver = resolver;
}

static void free_slots(struct ua *ua, struct ua_slot *slots, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        SR_LIST_EACH(&slots[i].bindings, node)
        registrar__remove(SR_CONTAINER(node, struct binding, node), "removed", false);
    }
    sr_free_secret(slots, count * sizeof(*slots));
    (void)ua;
}

void ua_free(struct ua *ua)
{
    struct sr_node *node;

    if (ua == NULL)
        return;
    subscribe__free_all(ua);
    message__free_all(ua);
    proxy__free_all(ua);
    while ((node = sr_list_first(&ua->legs)) != NULL)
        sip_leg__free(SR_CONTAINER(node, struct sip_leg, node));
    provider__end_stun(ua);
    provider__free_all(ua);
    while ((node = sr_list_first(&ua->server_list)) != NULL)
        server_txn__free(SR_CONTAINER(node, struct server_txn, node));
    while ((node = sr_list_first(&ua->client_list)) != NULL)
        client_txn__free(SR_CONTAINER(node, struct client_txn, node));
    free_slots(ua, ua->slots, ua->slot_count);
    SR_ASSERT(sr_map64_count(&ua->conns) == 0);
    ban__free(ua->ban);
    client_size__free(ua->client_size);
    sr_map_done(&ua->slots_by_id);
    sr_map_done(&ua->slots_by_extension);
    sr_map_done(&ua->server_txns);
    sr_map_done(&ua->merged);
    sr_map_done(&ua->client_txns);
    sr_map_done(&ua->dialogs);
    sr_map_done(&ua->uac_calls);
    sr_map_done(&ua->providers_by_name);
    sr_idtab_done(&ua->provider_ids);
    sr_map64_done(&ua->conns);
    sr_map_done(&ua->sources);
    sr_buf_done(&ua->out);
    sr_free(ua->nc_sets);
    sr_free_secret(ua, sizeof(*ua));
}

/* Moves the contacts of a device to its new slot. */
static void move_bindings(struct ua_slot *from, struct ua_slot *to)
{
    struct sr_node *node;

    while ((node = sr_list_pop(&from->bindings)) != NULL) {
        struct binding *binding = SR_CONTAINER(node, struct binding, node);

        sr_list_add(&to->bindings, node);
        binding->slot = to;
        registrar__schedule(binding);
    }
}

static void remove_bindings(struct ua_slot *slot)
{
    SR_LIST_EACH(&slot->bindings, node)
    registrar__remove(SR_CONTAINER(node, struct binding, node), "removed", true);
}

void ua_configure(struct ua *ua, const struct ua_settings *settings)
{
    struct ua_slot *old = ua->slots;
    size_t old_count = ua->slot_count;
    struct sr_map by_id;

    ua->slots = sr_zalloc(settings->device_count, sizeof(*ua->slots));
    ua->slot_count = settings->device_count;
    sr_map_init(&by_id);
    sr_map_done(&ua->slots_by_extension);
    sr_map_init(&ua->slots_by_extension);
    ua->settings = *settings;
    for (size_t i = 0; i < settings->device_count; i++) {
        struct ua_slot *slot = &ua->slots[i];

        slot->device = &settings->devices[i];
        sr_list_init(&slot->bindings);
        ua__slot_secrets(ua, slot);
        (void)sr_map_put(&by_id, slot->device->id, slot);
        if (slot->device->extension.n > 0)
            (void)sr_map_put(&ua->slots_by_extension, slot->device->extension, slot);
    }
    for (size_t i = 0; i < old_count; i++) { /* the old settings still stand: ids can be read */
        struct ua_slot *to = sr_map_find(&by_id, old[i].device->id);

        if (to != NULL)
            move_bindings(&old[i], to);
    }
    sr_map_done(&ua->slots_by_id);
    ua->slots_by_id = by_id;
    for (size_t i = 0; i < old_count; i++)
        remove_bindings(&old[i]);
    free_slots(ua, old, old_count);
    subscribe__reconfigure(ua);
    provider__configure(ua, settings);
    ua->settings.providers = NULL; /* copied */
    ua->settings.provider_count = 0;
}

void ua_hangup_all(struct ua *ua, uint16_t status, struct sr_str reason)
{
    SR_LIST_EACH(&ua->legs, node)
    sip_leg__hold(SR_CONTAINER(node, struct sip_leg, node));
    SR_LIST_EACH(&ua->legs, node2)
    {
        struct sip_leg *leg = SR_CONTAINER(node2, struct sip_leg, node);
        struct sip_leg_event event = {.kind = SIP_LEG_ENDED,
                                      .cause = SIP_LEG_CAUSE_CANCEL,
                                      .status = status,
                                      .reason = reason};

        if (!leg->is_detached) {
            sip_leg__tell(leg, &event);
            if (!leg->is_detached)
                sip_leg_hangup(leg, status, reason);
        }
    }
    SR_LIST_EACH(&ua->legs, node3)
    {
        struct sip_leg *leg = SR_CONTAINER(node3, struct sip_leg, node);

        if (leg->holds > 0) /* not one that was born meanwhile */
            sip_leg__release(leg);
    }
}

void ua_stats(const struct ua *ua, struct ua_stats *ret_stats)
{
    *ret_stats = ua->stats;
    ret_stats->legs = ua->leg_count;
    ret_stats->legs_closing = (uint32_t)ua->legs.count - ua->leg_count;
    ret_stats->server_transactions = (uint32_t)ua->server_txns.count;
    ret_stats->client_transactions = (uint32_t)ua->client_txns.count;
    ret_stats->subscriptions = (uint32_t)ua->subscriptions.count;
    ret_stats->proxy_dialogs = (uint32_t)ua->proxy_dialogs.count;
    ret_stats->contacts = ua->binding_count;
    ret_stats->bans = ban__count(ua->ban);
    ret_stats->net = (struct net_counters){0};
    if (ua->net != NULL)
        net_counters(ua->net, &ret_stats->net);
    ret_stats->providers = ret_stats->providers_up = 0;
    SR_LIST_EACH(&ua->providers, node)
    {
        const struct provider *provider = SR_CONTAINER(node, struct provider, node);

        ret_stats->providers += !provider->is_leaving;
        ret_stats->providers_up += !provider->is_leaving &&
                                   provider->state != UA_PROVIDER_STARTING &&
                                   provider->state != UA_PROVIDER_FAILED;
    }
}
