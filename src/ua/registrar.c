/* The table of contacts: who is where, until when, and is it reachable. */
#include "base/alloc.h"
#include "base/log.h"
#include "ua/proxy.h"
#include "ua/sip_leg_internal.h"

/* ---- texts ---- */

static struct sr_str put(char **p, struct sr_str text)
{
    struct sr_str copy = {*p, text.n};

    if (text.n > 0)
        memcpy(*p, text.p, text.n);
    *p += text.n;
    return copy;
}

struct ua_contact registrar__copy(const struct ua_contact *from, struct sr_str *ret_raw)
{
    struct ua_contact copy = *from;
    size_t n = from->device_id.n + from->uri.n + from->path.n + from->user_agent.n +
               from->call_id.n + from->instance.n;
    char *block = sr_alloc(n + 1);
    char *p = block;

    copy.device_id = put(&p, from->device_id);
    copy.uri = put(&p, from->uri);
    copy.path = put(&p, from->path);
    copy.user_agent = put(&p, from->user_agent);
    copy.call_id = put(&p, from->call_id);
    copy.instance = put(&p, from->instance);
    *ret_raw = sr_str_make(block, n + 1);
    return copy;
}

void registrar__tell(struct binding *binding, enum ua_registration_kind kind, const char *why)
{
    struct ua *ua = binding->ua;
    struct ua_registration_event event = {
        .kind = kind, .contact = binding->contact, .why = sr_str_c(why)};

    if (ua->ops->on_registration != NULL)
        ua->ops->on_registration(ua->arg, &event);
}

/* ---- reachability ---- */

static void set_reachable(struct binding *binding, bool is_reachable, int32_t rtt_us)
{
    bool was_reachable = binding->contact.is_reachable;

    binding->contact.rtt_us = rtt_us;
    binding->contact.is_reachable = is_reachable;
    if (was_reachable != is_reachable)
        registrar__tell(binding, UA_REACHABILITY, "");
}

static void on_qualified(void *arg, struct client_txn *txn, struct sip_msg *msg, uint16_t status)
{
    struct binding *binding = arg;
    struct ua *ua = binding->ua;

    if (msg != NULL && status < 200)
        return;
    binding->qualify = NULL;
    client_txn__detach(txn);
    binding->qualify_at =
        ua__now(ua) + (sr_usec)SR_MAX(binding->slot->device->qualify_sec, 1u) * SR_SEC;
    registrar__schedule(binding);
    if (msg != NULL)
        set_reachable(binding, true,
                      (int32_t)SR_MIN(ua__now(ua) - txn->sent_at, (sr_usec)INT32_MAX));
    else
        set_reachable(binding, false, -1);
}

static void qualify(struct binding *binding)
{
    struct ua *ua = binding->ua;
    const struct ua_contact *contact = &binding->contact;
    char branch[UA_TOKEN_MAX];
    char tag[UA_TOKEN_MAX];
    char call_id[UA_TOKEN_MAX];
    char own[UA_CONTACT_TEXT_MAX];
    struct client_txn_options options = {
        .method = SIP_METHOD_OPTIONS, .flow = &contact->flow, .fn = on_qualified, .arg = binding};
    struct sip_build build;

    ua__branch(ua, branch);
    ua__token(ua, 8, tag);
    ua__token(ua, 16, call_id);
    options.branch = sr_str_c(branch);
    sr_buf_clear(&ua->out);
    sip_build_init(&build, &ua->out);
    sip_build_request(&build, SIP_METHOD_OPTIONS, contact->uri);
    ua__via(ua, &build, &contact->flow, options.branch, SR_ID_NONE);
    if (contact->path.n > 0)
        sip_build_text(&build, SIP_HDR_ROUTE, contact->path);
    sip_build_uint(&build, SIP_HDR_MAX_FORWARDS, 70);
    sip_build_addr(&build, SIP_HDR_FROM,
                   &(struct sip_build_addr){.uri = ua__own_uri(ua, &contact->flow, own),
                                            .tag = sr_str_c(tag)});
    sip_build_addr(&build, SIP_HDR_TO, &(struct sip_build_addr){.uri = contact->uri});
    sip_build_c(&build, SIP_HDR_CALL_ID, call_id);
    sip_build_cseq(&build, 1, SR_STR("OPTIONS"));
    sip_build_c(&build, SIP_HDR_USER_AGENT, ua->user_agent);
    sip_build_c(&build, SIP_HDR_ACCEPT, "application/sdp");
    if (sip_build_end(&build, SR_STR(""), SR_STR("")) == SR_OK)
        binding->qualify = client_txn__new(ua, &options);
    binding->qualify_at = SR_NEVER;
    if (binding->qualify == NULL) /* no room: later */
        binding->qualify_at = ua__now(ua) + 60 * SR_SEC;
}

static bool is_qualified(const struct binding *binding)
{
    return binding->contact.flow.kind == NET_UDP && binding->contact.is_nat &&
           binding->slot->device->qualify_sec > 0;
}

/* ---- the table ---- */

static void on_timer(void *arg)
{
    struct binding *binding = arg;
    sr_usec now = ua__now(binding->ua);

    if (binding->contact.expires_at <= now) {
        registrar__remove(binding, "expired", true);
        return;
    }
    if (binding->qualify_at <= now && is_qualified(binding))
        qualify(binding);
    registrar__schedule(binding);
}

void registrar__schedule(struct binding *binding)
{
    sr_usec at = binding->contact.expires_at;

    if (!is_qualified(binding))
        binding->qualify_at = SR_NEVER;
    else if (binding->qualify_at == SR_NEVER && binding->qualify == NULL)
        binding->qualify_at =
            ua__now(binding->ua) + (sr_usec)binding->slot->device->qualify_sec * SR_SEC;
    loop_timer_set(binding->ua->loop, &binding->timer, SR_MIN(at, binding->qualify_at));
}

static void hang_on_conn(struct binding *binding)
{
    struct ua *ua = binding->ua;

    if (!net_kind_is_stream(binding->contact.flow.kind))
        return;
    binding->conn = ua__conn(ua, binding->contact.flow.conn, true);
    if (binding->conn == NULL)
        return;
    sr_list_add(&binding->conn->bindings, &binding->conn_node);
    net_keep_conn(ua->net, binding->conn->id, binding->contact.expires_at);
}

static void leave_conn(struct binding *binding)
{
    struct ua_conn *conn = binding->conn;

    if (conn == NULL)
        return;
    binding->conn = NULL;
    sr_list_remove(&conn->bindings, &binding->conn_node);
    ua__conn_drop(binding->ua, conn);
}

static struct sr_str source_key(const struct sr_addr *addr, char out[UA_SOURCE_KEY])
{
    out[0] = (char)addr->family;
    memcpy(out + 1, addr->ip, sizeof(addr->ip));
    return sr_str_make(out, UA_SOURCE_KEY);
}

static struct ua_source *find_source(struct ua *ua, const struct sr_addr *addr)
{
    char key[UA_SOURCE_KEY];

    return sr_map_find(&ua->sources, source_key(addr, key));
}

static void enter_source(struct binding *binding)
{
    struct ua *ua = binding->ua;
    const struct sr_addr *addr = &binding->contact.flow.remote;
    struct ua_source *source = find_source(ua, addr);

    if (source == NULL) {
        source = sr_zalloc(1, sizeof(*source));
        sr_list_init(&source->bindings);
        (void)sr_map_put(&ua->sources, source_key(addr, source->key), source);
    }
    binding->source = source;
    sr_list_add(&source->bindings, &binding->source_node);
}

static void leave_source(struct binding *binding)
{
    struct ua_source *source = binding->source;

    sr_list_remove(&source->bindings, &binding->source_node);
    if (source->bindings.count > 0)
        return;
    (void)sr_map_remove(&binding->ua->sources, sr_str_make(source->key, UA_SOURCE_KEY));
    sr_free(source);
}

static void set_contact(struct binding *binding, const struct ua_contact *contact, uint32_t reg_id)
{
    struct sr_str old = binding->raw;

    binding->contact = registrar__copy(contact, &binding->raw);
    ua__undup(&old); /* only now: the new texts may be views of the old */
    binding->reg_id = reg_id;
    enter_source(binding);
    hang_on_conn(binding);
    registrar__schedule(binding);
}

struct binding *registrar__add(struct ua *ua, struct ua_slot *slot,
                               const struct ua_contact *contact, uint32_t reg_id)
{
    struct binding *binding = sr_zalloc(1, sizeof(*binding));

    binding->ua = ua;
    binding->slot = slot;
    binding->qualify_at = SR_NEVER;
    loop_timer_init(&binding->timer, on_timer, binding);
    sr_list_add_first(&slot->bindings, &binding->node); /* newest first */
    ua->binding_count++;
    set_contact(binding, contact, reg_id);
    return binding;
}

/* A phone's NAT gave it another address, which only this REGISTER tells: its calls and subscriptions
 * are reached there, too. */
static void move_dialogs(struct ua *ua, struct sr_str device_id, const struct net_flow *old,
                         const struct net_flow *now)
{
    if (old->kind != NET_UDP || now->kind != NET_UDP || sr_addr_eq(&old->remote, &now->remote))
        return;
    SR_LIST_EACH(&ua->legs, node)
    {
        struct sip_leg *leg = SR_CONTAINER(node, struct sip_leg, node);

        if (leg->provider == SR_ID_NONE && leg->flow.kind == NET_UDP &&
            sr_addr_eq(&leg->flow.remote, &old->remote) && sr_str_eq_c(device_id, leg->device_id))
            leg->flow = *now;
    }
    subscribe__move(ua, device_id, old, now);
    proxy_dialog__move(ua, device_id, old, now);
}

void registrar__update(struct binding *binding, const struct ua_contact *contact, uint32_t reg_id)
{
    struct ua_contact now = *contact;

    if (sr_addr_eq(&contact->flow.remote, &binding->contact.flow.remote)) {
        now.is_reachable = binding->contact.is_reachable;
        now.rtt_us = binding->contact.rtt_us;
    } else if (binding->qualify !=
               NULL) { /* silence at the old place says nothing of the new one */
        client_txn__detach(binding->qualify);
        binding->qualify = NULL;
    }
    move_dialogs(binding->ua, contact->device_id, &binding->contact.flow, &contact->flow);
    leave_source(binding);
    leave_conn(binding);
    sr_list_remove(&binding->slot->bindings, &binding->node);
    sr_list_add_first(&binding->slot->bindings, &binding->node);
    set_contact(binding, &now, reg_id);
}

void registrar__remove(struct binding *binding, const char *why, bool is_told)
{
    struct ua *ua = binding->ua;

    loop_timer_clear(ua->loop, &binding->timer);
    sr_list_remove(&binding->slot->bindings, &binding->node);
    leave_source(binding);
    leave_conn(binding);
    if (binding->qualify != NULL)
        client_txn__detach(binding->qualify);
    ua->binding_count--;
    if (is_told)
        registrar__tell(binding, UA_UNREGISTERED, why);
    ua__undup(&binding->raw);
    sr_free(binding);
}

void registrar__on_conn_closed(struct ua_conn *conn)
{
    struct ua_conn *kept = conn;

    while (kept->bindings.count > 0) {
        struct binding *binding =
            SR_CONTAINER(sr_list_first(&kept->bindings), struct binding, conn_node);

        sr_list_remove(&kept->bindings, &binding->conn_node);
        binding->conn = NULL; /* the entry itself is dropped by the caller */
        registrar__remove(binding, "connection closed", true);
    }
}

bool registrar__has_flow(struct ua *ua, const struct net_flow *flow)
{
    const struct ua_source *source = find_source(ua, &flow->remote);

    if (source == NULL)
        return false;
    SR_LIST_EACH(&source->bindings, node)
    {
        const struct net_flow *known =
            &SR_CONTAINER(node, struct binding, source_node)->contact.flow;

        if (known->kind == flow->kind && sr_addr_eq(&known->remote, &flow->remote))
            return true;
    }
    return false;
}

bool registrar__source_is_registered(struct ua *ua, const struct sr_addr *source)
{
    return find_source(ua, source) != NULL;
}

bool registrar__find_flow(struct ua *ua, struct sr_str device_id, const struct net_flow *old,
                          struct net_flow *ret_flow)
{
    struct ua_slot *slot = sr_map_find(&ua->slots_by_id, device_id);

    if (slot == NULL)
        return false;
    SR_LIST_EACH(&slot->bindings, node)
    {
        struct binding *binding = SR_CONTAINER(node, struct binding, node);
        const struct net_flow *flow = &binding->contact.flow;

        if (flow->kind == old->kind && sr_addr_ip_eq(&flow->remote, &old->remote)) {
            *ret_flow = *flow;
            return true;
        }
    }
    return false;
}

/* ---- for the user ---- */

size_t ua_contacts(struct ua *ua, struct sr_str device_id, struct ua_contact *ret_contacts,
                   size_t contacts_max)
{
    struct ua_slot *slot = sr_map_find(&ua->slots_by_id, device_id);
    size_t count = 0;

    if (slot == NULL)
        return 0;
    SR_LIST_EACH(&slot->bindings, node)
    {
        const struct ua_contact *contact = &SR_CONTAINER(node, struct binding, node)->contact;
        size_t at = 0;

        while (at < count && ret_contacts[at].q_milli >= contact->q_milli)
            at++; /* equal q: the list has the newest first */
        if (at == contacts_max)
            continue;
        if (count < contacts_max)
            count++;
        memmove(&ret_contacts[at + 1], &ret_contacts[at], (count - at - 1) * sizeof(*ret_contacts));
        ret_contacts[at] = *contact;
    }
    return count;
}

bool ua_restore_contact(struct ua *ua, const struct ua_contact *contact)
{
    struct ua_slot *slot = sr_map_find(&ua->slots_by_id, contact->device_id);
    struct ua_contact copy = *contact;
    sr_usec wall_sec = loop_wall(ua->loop) / SR_SEC;
    struct sip_uri uri;

    if (slot == NULL || net_kind_is_stream(contact->flow.kind) ||
        contact->flow.remote.family == SR_ADDR_NONE ||
        sip_uri_parse(contact->uri, &uri, NULL) != SR_OK ||
        slot->bindings.count >= UA_CONTACTS_PER_DEVICE_MAX ||
        contact->expires_wall > INT64_MAX / SR_SEC || (sr_usec)contact->expires_wall <= wall_sec)
        return false;
    copy.expires_at = ua__now(ua) + ((sr_usec)contact->expires_wall - wall_sec) * SR_SEC;
    copy.expires_at = SR_MIN(copy.expires_at, ua__now(ua) + UA_REGISTER_SEC_MAX * SR_SEC);
    copy.is_reachable = true;
    copy.rtt_us = -1;
    (void)registrar__add(ua, slot, &copy, 0);
    return true;
}
