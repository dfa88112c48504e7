/* Subscriptions: see subscribe.h. One timer each: the next NOTIFY, or the end. */
#include "ua/subscribe.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "ua/client_txn.h"

/* Everybody who watches one thing. */
struct watched {
    struct sr_list subscriptions;
    char key[UA_ID_MAX + 2]; /* package and resource */
};

struct subscription {
    struct ua *ua;
    struct sr_node node;         /* ua->subscriptions */
    struct sr_node watched_node; /* watched->subscriptions */
    struct watched *watched;
    enum ua_package package;
    char device_id[UA_ID_MAX]; /* who watches */
    char resource[UA_ID_MAX], user[UA_ID_MAX];
    char event_id[UA_ID_MAX]; /* id of its Event; empty: none */
    struct sip_dialog dialog;
    struct sip_txn_key key;
    struct net_flow flow;
    struct loop_timer timer;
    sr_usec expires_at, sent_at;
    bool is_due;               /* its state may have changed */
    struct client_txn *notify; /* on its way */
    uint32_t version;
    uint64_t shown; /* hash of the document it got last; 0: none */
};

static const struct {
    const char *name, *type;
} packages[UA_PACKAGE_COUNT] = {
    [UA_PACKAGE_DIALOG] = {"dialog", "application/dialog-info+xml"},
    [UA_PACKAGE_MESSAGE_SUMMARY] = {"message-summary", "application/simple-message-summary"},
    [UA_PACKAGE_PRESENCE] = {"presence", "application/pidf+xml"},
};

static struct sr_str key_of(enum ua_package package, struct sr_str resource,
                            char out[UA_ID_MAX + 2])
{
    out[0] = (char)('a' + (int)package);
    (void)sr_str_copy(resource, out + 1, UA_ID_MAX);
    return sr_str_c(out);
}

/* ---- life ---- */

static void forget(struct subscription *sub)
{
    struct ua *ua = sub->ua;
    struct watched *watched = sub->watched;

    loop_timer_clear(ua->loop, &sub->timer);
    if (sub->notify != NULL)
        client_txn__detach(sub->notify);
    (void)sr_map_remove(&ua->subscriptions_by_dialog, sip_txn_key_view(&sub->key));
    sr_list_remove(&ua->subscriptions, &sub->node);
    sr_list_remove(&watched->subscriptions, &sub->watched_node);
    if (watched->subscriptions.count == 0) {
        (void)sr_map_remove(&ua->watched, sr_str_c(watched->key));
        sr_free(watched);
    }
    sr_free(sub);
}

static void on_timer(void *arg);

static void schedule(struct subscription *sub)
{
    sr_usec at = sub->expires_at;

    if (sub->is_due && sub->notify == NULL)
        at = SR_MIN(at, sub->sent_at + UA_NOTIFY_GAP_MS * SR_MSEC);
    loop_timer_set(sub->ua->loop, &sub->timer, at);
}

static void watch(struct subscription *sub)
{
    struct ua *ua = sub->ua;
    char text[UA_ID_MAX + 2];
    struct sr_str key = key_of(sub->package, sr_str_c(sub->resource), text);

    sub->watched = sr_map_find(&ua->watched, key);
    if (sub->watched == NULL) {
        sub->watched = sr_zalloc(1, sizeof(*sub->watched));
        memcpy(sub->watched->key, text, sizeof(text));
        sr_list_init(&sub->watched->subscriptions);
        (void)sr_map_put(&ua->watched, sr_str_c(sub->watched->key), sub->watched);
    }
    sr_list_add(&sub->watched->subscriptions, &sub->watched_node);
    sr_list_add(&ua->subscriptions, &sub->node);
    (void)sr_map_put(&ua->subscriptions_by_dialog, sip_txn_key_view(&sub->key), sub);
}

void subscribe__free_all(struct ua *ua)
{
    SR_LIST_EACH(&ua->subscriptions, node)
    forget(SR_CONTAINER(node, struct subscription, node));
    sr_map_done(&ua->subscriptions_by_dialog);
    sr_map_done(&ua->watched);
}

void subscribe__init(struct ua *ua)
{
    sr_list_init(&ua->subscriptions);
    sr_map_init(&ua->subscriptions_by_dialog);
    sr_map_init(&ua->watched);
}

/* ---- NOTIFY ---- */

static void on_notified(void *arg, struct client_txn *txn, struct sip_msg *msg, uint16_t status)
{
    struct subscription *sub = arg;

    if (msg != NULL && status < 200)
        return;
    client_txn__detach(txn);
    sub->notify = NULL;
    if (status < 300)
        schedule(sub);
    else
        forget(sub);
}

void subscribe__move(struct ua *ua, struct sr_str device_id, const struct net_flow *old,
                     const struct net_flow *now)
{
    SR_LIST_EACH(&ua->subscriptions, node)
    {
        struct subscription *sub = SR_CONTAINER(node, struct subscription, node);

        if (sub->flow.kind == old->kind && sr_addr_eq(&sub->flow.remote, &old->remote) &&
            sr_str_eq_c(device_id, sub->device_id))
            sub->flow = *now;
    }
}

/* A connection that went is replaced by the device's new one. */
static const struct net_flow *flow_of(struct subscription *sub)
{
    struct net_flow standing;

    if (net_kind_is_stream(sub->flow.kind) &&
        !net_conn_flow(sub->ua->net, sub->flow.conn, &standing))
        (void)registrar__find_flow(sub->ua, sr_str_c(sub->device_id), &sub->flow, &sub->flow);
    return &sub->flow;
}

static void write_state(struct subscription *sub, uint32_t version, struct sr_buf *body)
{
    struct sr_addr own = ua__own_addr(sub->ua, &sub->flow);
    char host[SR_ADDR_TEXT_MAX];
    struct ua_state state = {.package = sub->package,
                             .resource = sr_str_c(sub->resource),
                             .user = sr_str_c(sub->user),
                             .version = version};

    own.scope = 0;
    state.host = sr_str_c(sr_addr_host_text(&own, host));
    sub->ua->ops->write_state(sub->ua->arg, &state, body);
}

/* Sends the state, or the end with its reason. False: nothing was sent. */
static bool send_notify(struct subscription *sub, const char *end_reason, struct sr_str body)
{
    struct ua *ua = sub->ua;
    char branch[UA_TOKEN_MAX];
    struct ua_dialog_request request = {.dialog = &sub->dialog,
                                        .flow = flow_of(sub),
                                        .method = SIP_METHOD_NOTIFY,
                                        .with_contact = true};
    struct client_txn_options options = {.method = SIP_METHOD_NOTIFY, .flow = &sub->flow};
    sr_usec left = SR_MAX(sub->expires_at - ua__now(ua), 0);
    struct sip_build build;

    ua__branch(ua, branch);
    request.branch = options.branch = sr_str_c(branch);
    request.cseq = sip_dialog_next_cseq(&sub->dialog);
    ua__request_begin(ua, &build, &request);
    if (sub->event_id[0] != '\0')
        sip_build_fmt(&build, SIP_HDR_EVENT, "%s;id=%s", packages[sub->package].name,
                      sub->event_id);
    else
        sip_build_c(&build, SIP_HDR_EVENT, packages[sub->package].name);
    if (end_reason != NULL)
        sip_build_fmt(&build, SIP_HDR_SUBSCRIPTION_STATE, "terminated;reason=%s", end_reason);
    else
        sip_build_fmt(&build, SIP_HDR_SUBSCRIPTION_STATE, "active;expires=%u",
                      (unsigned)(left / SR_SEC));
    if (sip_build_end(&build, sr_str_c(body.n > 0 ? packages[sub->package].type : ""), body) !=
        SR_OK)
        return false;
    if (end_reason == NULL) { /* else nobody waits for its answer */
        options.fn = on_notified;
        options.arg = sub;
    }
    sub->notify = client_txn__new(ua, &options);
    return sub->notify != NULL;
}

/* Sends the state as it is now; is_forced: even when the watcher has that already. */
static void tell_state(struct subscription *sub, bool is_forced, const char *end_reason)
{
    struct ua *ua = sub->ua;
    struct sr_buf body;
    uint64_t hash;

    sub->is_due = false;
    sub->sent_at = ua__now(ua);
    sr_buf_init(&body, UA_STATE_BYTES_MAX);
    write_state(sub, 0, &body);
    hash = sr_siphash(ua->secret.bytes, body.data, body.len) | 1;
    if (is_forced || hash != sub->shown) {
        sub->shown = hash;
        sr_buf_clear(&body);
        write_state(sub, sub->version++, &body);
        if (sr_buf_err(&body) == SR_OK && !send_notify(sub, end_reason, sr_buf_view(&body)))
            sub->is_due = true; /* no transaction is free: again in its time */
    }
    sr_buf_done(&body);
}

static void end(struct subscription *sub, const char *reason)
{
    if (sub->notify != NULL)
        client_txn__detach(sub->notify);
    sub->notify = NULL;
    (void)send_notify(sub, reason,
                      (struct sr_str){NULL, 0}); /* lost: the watcher's own time ends */
    sub->notify = NULL;
    forget(sub);
}

static void on_timer(void *arg)
{
    struct subscription *sub = arg;

    if (sub->expires_at <= ua__now(sub->ua)) {
        end(sub, "timeout");
        return;
    }
    if (sub->is_due && sub->notify == NULL)
        tell_state(sub, false, NULL);
    schedule(sub);
}

void ua_state_changed(struct ua *ua, enum ua_package package, struct sr_str resource)
{
    char text[UA_ID_MAX + 2];
    struct watched *watched = sr_map_find(&ua->watched, key_of(package, resource, text));

    if (watched == NULL)
        return;
    SR_LIST_EACH(&watched->subscriptions, node)
    {
        struct subscription *sub = SR_CONTAINER(node, struct subscription, watched_node);

        if (sub->is_due)
            continue;
        sub->is_due = true;
        if (sub->notify == NULL)
            schedule(sub);
    }
}

/* ---- SUBSCRIBE ---- */

struct wish {
    enum ua_package package;
    char event_id[UA_ID_MAX];
    uint32_t expires;
};

/* What is asked for: 0, or the status to refuse with. */
static uint16_t read_wish(struct sip_msg *msg, struct wish *ret_wish)
{
    struct sr_str value = sip_msg_value(msg, SIP_HDR_EVENT);
    struct sip_delta expires;
    struct sip_event event;
    int package = 0;

    if (value.p == NULL || sip_event_parse(value, &event, NULL) != SR_OK)
        return 489;
    while (package < UA_PACKAGE_COUNT && !sr_str_eq_c(event.package, packages[package].name))
        package++;
    if (package == UA_PACKAGE_COUNT || !sr_str_copy(event.id, ret_wish->event_id, UA_ID_MAX))
        return 489;
    ret_wish->package = (enum ua_package)package;
    if (!sip_msg_accepts(msg, packages[package].type, true))
        return 406;
    ret_wish->expires = UA_SUBSCRIBE_SEC_MAX;
    value = sip_msg_value(msg, SIP_HDR_EXPIRES);
    if (value.p != NULL && sip_delta_parse(value, &expires, NULL) == SR_OK)
        ret_wish->expires = SR_MIN(expires.seconds, (uint32_t)UA_SUBSCRIBE_SEC_MAX);
    return ret_wish->expires > 0 && ret_wish->expires < UA_SUBSCRIBE_SEC_MIN ? 423 : 0;
}

static void refuse(struct server_txn *txn, uint16_t status)
{
    struct ua_refusal refusal = {.with_allow = status == 489};

    if (status == 423)
        refusal.min_expires = UA_SUBSCRIBE_SEC_MIN;
    if (status == 503)
        refusal.retry_after_sec = 60;
    server_txn__refuse(txn, status, &refusal);
}

static void take(struct subscription *sub, struct server_txn *txn, const struct wish *wish)
{
    struct ua *ua = sub->ua;
    char uri[UA_CONTACT_TEXT_MAX];
    struct sip_build build;
    bool is_end = wish->expires == 0;

    sub->expires_at = ua__now(ua) + (sr_usec)wish->expires * SR_SEC;
    server_txn__begin(txn, &build, 200, SR_STR(""));
    sip_build_uint(&build, SIP_HDR_EXPIRES, wish->expires);
    sip_build_fmt(&build, SIP_HDR_CONTACT, "<%.*s>", SR_STR_ARG(ua__own_uri(ua, &sub->flow, uri)));
    server_txn__send(txn, &build, 200, SR_STR(""), SR_STR(""));
    if (sub->notify != NULL) /* the answer to that one does not matter any more */
        client_txn__detach(sub->notify);
    sub->notify = NULL;
    tell_state(sub, true, is_end ? "timeout" : NULL);
    if (!is_end) {
        schedule(sub);
        return;
    }
    sub->notify = NULL;
    forget(sub);
}

static uint32_t count_of_device(const struct ua *ua, const char *device_id)
{
    uint32_t count = 0;

    SR_LIST_EACH(&ua->subscriptions, node)
    count += strcmp(SR_CONTAINER(node, struct subscription, node)->device_id, device_id) == 0;
    return count;
}

/* Fills in who watches what. 0, or the status to refuse with. */
static uint16_t begin(struct subscription *sub, struct ua_in *in, const struct ua_slot *slot,
                      struct server_txn *txn)
{
    struct ua *ua = in->ua;
    const struct sip_uri *uri = sip_msg_uri(in->msg);
    enum sr_err err;

    if (ua->ops->on_watch == NULL || uri->scheme == SIP_SCHEME_TEL ||
        !ua__host_is_ours(ua, in->flow, uri))
        return 404;
    (void)sr_str_copy(slot->device->id, sub->device_id, sizeof(sub->device_id));
    if (sip_uri_user(uri, sub->user, sizeof(sub->user)).n == 0 ||
        !ua->ops->on_watch(ua->arg, sub->package, sr_str_c(sub->user), sub->resource,
                           sizeof(sub->resource)))
        return 404;
    if (ua->subscriptions.count >= UA_SUBSCRIPTIONS_MAX ||
        count_of_device(ua, sub->device_id) >= UA_SUBSCRIPTIONS_PER_DEVICE_MAX)
        return 503;
    err = sip_dialog_init_uas(&sub->dialog, in->msg, sr_str_c(txn->to_tag));
    if (err != SR_OK)
        return err == SR_ERR_LIMIT ? 513 : 400;
    return sip_dialog_confirm(&sub->dialog, NULL) == SR_OK ? 0 : 400;
}

bool subscribe__is_ours(struct ua_in *in)
{
    struct ua *ua = in->ua;
    const struct sip_uri *uri = sip_msg_uri(in->msg);
    struct sr_str value = sip_msg_value(in->msg, SIP_HDR_EVENT);
    char user[UA_ID_MAX], resource[UA_ID_MAX];
    struct sip_event event;

    if (ua->ops->on_watch == NULL || value.p == NULL ||
        sip_event_parse(value, &event, NULL) != SR_OK ||
        sip_uri_user(uri, user, sizeof(user)).n == 0)
        return false;
    for (int package = 0; package < UA_PACKAGE_COUNT; package++) {
        if (sr_str_eq_c(event.package, packages[package].name))
            return ua->ops->on_watch(ua->arg, (enum ua_package)package, sr_str_c(user), resource,
                                     sizeof(resource));
    }
    return false;
}

void subscribe__on_new(struct ua_in *in, struct ua_slot *slot)
{
    struct ua *ua = in->ua;
    struct server_txn *txn = server_txn__new(in);
    struct subscription *sub;
    struct wish wish = {0};
    uint16_t status;

    if (txn == NULL) {
        ua__refuse(in, 503, &(struct ua_refusal){.retry_after_sec = 5});
        return;
    }
    status = read_wish(in->msg, &wish);
    if (status != 0) {
        refuse(txn, status);
        return;
    }
    sub = sr_zalloc(1, sizeof(*sub));
    sub->ua = ua;
    sub->package = wish.package;
    sub->flow = *in->flow;
    memcpy(sub->event_id, wish.event_id, sizeof(sub->event_id));
    loop_timer_init(&sub->timer, on_timer, sub);
    status = begin(sub, in, slot, txn);
    if (status != 0) {
        sr_free(sub);
        refuse(txn, status);
        return;
    }
    sip_dialog_key(sip_dialog_call_id(&sub->dialog), sip_dialog_local_tag(&sub->dialog),
                   sip_dialog_remote_tag(&sub->dialog), &sub->key);
    watch(sub);
    take(sub, txn, &wish);
}

/* From where it came before; else its sender must be the same device. */
static bool is_plausible(const struct subscription *sub, struct ua_in *in)
{
    struct ua_slot *slot;
    enum ua_auth auth;

    if (sr_addr_ip_eq(&in->flow->remote, &sub->flow.remote))
        return true;
    auth = ua__authenticate(in, &slot);
    if (auth == UA_AUTH_AGAIN)
        ua__challenge(in, true);
    if (auth == UA_AUTH_OK && sr_str_eq_c(slot->device->id, sub->device_id))
        return true;
    if (auth == UA_AUTH_OK)
        ua__refuse(in, 481, NULL);
    return false;
}

bool subscribe__on_again(struct ua_in *in)
{
    struct subscription *sub = NULL;
    struct sip_txn_key key;
    struct server_txn *txn;
    struct wish wish = {0};
    uint16_t status;

    if (sip_dialog_key_of(in->msg, &key) == SR_OK)
        sub = sr_map_find(&in->ua->subscriptions_by_dialog, sip_txn_key_view(&key));
    if (sub == NULL)
        return false;
    if (!is_plausible(sub, in))
        return true;
    txn = server_txn__new(in);
    if (txn == NULL) {
        ua__refuse(in, 503, &(struct ua_refusal){.retry_after_sec = 5});
        return true;
    }
    status = read_wish(in->msg, &wish);
    if (status == 0 && wish.package != sub->package)
        status = 489;
    if (status == 0 && sip_dialog_on_request(&sub->dialog, in->msg) != SR_OK)
        status = 500;
    if (status != 0) {
        refuse(txn, status);
        return true;
    }
    if (sip_dialog_refresh_target(&sub->dialog, in->msg) == SR_OK)
        sub->flow = *in->flow;
    take(sub, txn, &wish);
    return true;
}

/* ---- new settings ---- */

void subscribe__reconfigure(struct ua *ua)
{
    SR_LIST_EACH(&ua->subscriptions, node)
    {
        struct subscription *sub = SR_CONTAINER(node, struct subscription, node);
        char resource[UA_ID_MAX];

        if (sr_map_find(&ua->slots_by_id, sr_str_c(sub->device_id)) == NULL)
            end(sub, "rejected");
        else if (!ua->ops->on_watch(ua->arg, sub->package, sr_str_c(sub->user), resource,
                                    sizeof(resource)) ||
                 strcmp(resource, sub->resource) != 0)
            end(sub, "noresource");
    }
}
