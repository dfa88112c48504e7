/* Providers: their objects, settings, addresses, timers, and what people are told of them. */
#include "base/alloc.h"
#include "base/hash.h"
#include "base/log.h"
#include "ua/provider_internal.h"

static void on_timer(void *arg);

const char *ua_provider_state_name(enum ua_provider_state state)
{
    switch (state) {
    case UA_PROVIDER_STARTING:
        return "starting";
    case UA_PROVIDER_REGISTERED:
        return "registered";
    case UA_PROVIDER_REACHABLE:
        return "reachable";
    case UA_PROVIDER_READY:
        return "ready";
    case UA_PROVIDER_FAILED:
        return "failed";
    }
    return "starting";
}

const char *ua_provider_fault_name(enum ua_provider_fault fault)
{
    switch (fault) {
#define X(name, text)                                                                              \
    case UA_PROVIDER_FAULT_##name:                                                                 \
        return text;
        UA_PROVIDER_FAULT_MAP(X)
#undef X
    }
    return "";
}

/* ---- finding ---- */

struct provider *provider__get(struct ua *ua, sr_id id)
{
    return id != SR_ID_NONE ? sr_idtab_find(&ua->provider_ids, id) : NULL;
}

struct provider *provider__find(struct ua *ua, struct sr_str id)
{
    return sr_map_find(&ua->providers_by_name, id);
}

bool provider__has_addr(const struct provider *provider, const struct sr_addr *addr)
{
    if (provider__is_ip(&provider->flow.remote) && sr_addr_ip_eq(&provider->flow.remote, addr))
        return true;
    for (size_t i = 0; i < provider->target_count; i++) {
        if (sr_addr_ip_eq(&provider->targets[i].addr, addr))
            return true;
    }
    return false;
}

/* ---- what people see ---- */

void provider__view(const struct provider *provider, struct ua_provider_view *ret_view)
{
    const struct sip_registration *reg = &provider->reg;
    sr_usec left = reg->expires_at - ua__now(provider->ua);

    *ret_view = (struct ua_provider_view){
        .state = provider->state,
        .fault = provider->fault,
        .is_usable = provider->target_count > 0,
        .last_status = provider->last_status,
        .flow = provider->flow,
        .next_try_us = provider->conf.is_registering ? reg->deadline : SR_NEVER,
        .rtt_us = provider->rtt_us,
        .failures = reg->failures,
    };
    (void)sr_str_copy(provider->conf.id, ret_view->id, sizeof(ret_view->id));
    memcpy(ret_view->last_response, provider->last_response, sizeof(ret_view->last_response));
    memcpy(ret_view->verdict, provider->verdict, sizeof(ret_view->verdict));
    if (provider__is_ip(&provider->flow.remote))
        ret_view->public_addr = provider__own_addr(provider, &provider->flow);
    if (reg->is_bound && left > 0)
        ret_view->expires_wall = (uint64_t)((loop_wall(provider->ua->loop) + left) / SR_SEC);
}

bool ua_provider_view(struct ua *ua, struct sr_str id, struct ua_provider_view *ret_view)
{
    struct provider *provider = provider__find(ua, id);

    if (provider == NULL)
        return false;
    provider__view(provider, ret_view);
    return true;
}

void provider__tell(struct provider *provider, enum ua_provider_event_kind kind)
{
    struct ua *ua = provider->ua;
    struct ua_provider_view view;
    struct ua_provider_event event = {.kind = kind, .view = &view};

    if (ua->ops->on_provider == NULL || (provider->is_leaving && kind != UA_PROVIDER_GONE))
        return;
    provider__view(provider, &view);
    ua->ops->on_provider(ua->arg, &event);
}

void provider__set_state(struct provider *provider, enum ua_provider_state state,
                         enum ua_provider_fault fault)
{
    bool is_same = provider->state == state && provider->fault == fault;
    enum ua_provider_event_kind kind = UA_PROVIDER_CHANGED;

    provider->state = state;
    provider->fault = fault;
    provider__write_verdict(provider);
    if (!is_same && state == UA_PROVIDER_FAILED)
        kind = UA_PROVIDER_DOWN;
    else if (!is_same && (state == UA_PROVIDER_REGISTERED || state == UA_PROVIDER_REACHABLE))
        kind = UA_PROVIDER_UP;
    if (provider->is_leaving)
        return;
    if (kind == UA_PROVIDER_DOWN)
        sr_log(SIP, WARN, "event=provider_failed provider=%.*s fault=%s why=\"%s\"",
               SR_STR_ARG(provider->conf.id), ua_provider_fault_name(fault), provider->verdict);
    else if (kind == UA_PROVIDER_UP)
        sr_log(SIP, INFO, "event=provider_%s provider=%.*s", ua_provider_state_name(state),
               SR_STR_ARG(provider->conf.id));
    provider__tell(provider, kind);
}

/* ---- settings ---- */

static bool is_same_cidrs(const struct ua_provider *a, const struct ua_provider *b)
{
    if (a->trusted_count != b->trusted_count)
        return false;
    for (size_t i = 0; i < a->trusted_count; i++) {
        if (a->trusted[i].bits != b->trusted[i].bits ||
            !sr_addr_ip_eq(&a->trusted[i].addr, &b->trusted[i].addr))
            return false;
    }
    return true;
}

static bool is_same_quirks(const struct ua_quirks *a, const struct ua_quirks *b)
{
    return a->from_is_account == b->from_is_account && a->is_preferred == b->is_preferred &&
           a->user_phone == b->user_phone && a->contact_is_account == b->contact_is_account &&
           a->is_prack_off == b->is_prack_off && a->called == b->called && a->family == b->family &&
           a->ptime_ms == b->ptime_ms && a->keep_alive_sec == b->keep_alive_sec;
}

/* Does nothing that is said to the provider differ? */
static bool is_same(const struct ua_provider *a, const struct ua_provider *b)
{
    return sr_str_eq(a->domain, b->domain) && sr_str_eq(a->proxy, b->proxy) &&
           a->proxy_port == b->proxy_port && a->is_kind_given == b->is_kind_given &&
           a->kind == b->kind && sr_str_eq(a->username, b->username) &&
           sr_str_eq(a->auth_username, b->auth_username) && sr_str_eq(a->password, b->password) &&
           sr_str_eq(a->digest_realm, b->digest_realm) && a->is_registering == b->is_registering &&
           a->register_sec == b->register_sec && a->qualify_sec == b->qualify_sec &&
           a->public_ip.family == b->public_ip.family &&
           sr_addr_ip_eq(&a->public_ip, &b->public_ip) &&
           a->is_tls_verify_off == b->is_tls_verify_off &&
           sr_str_eq(a->tls_ca_file, b->tls_ca_file) && a->identity == b->identity &&
           is_same_quirks(&a->quirks, &b->quirks) && is_same_cidrs(a, b);
}

static void copy_conf(struct provider *provider, const struct ua_provider *from)
{
    struct sr_arena *arena = &provider->arena;
    struct ua_provider *conf = &provider->conf;
    struct sr_str *texts[] = {&conf->id,           &conf->domain,     &conf->proxy,
                              &conf->username,     &conf->password,   &conf->auth_username,
                              &conf->digest_realm, &conf->tls_ca_file};
    struct sr_cidr *trusted;

    *conf = *from;
    for (size_t i = 0; i < SR_ARRAY_LEN(texts); i++)
        *texts[i] = sr_arena_str(arena, *texts[i]);
    trusted = sr_arena_array(arena, from->trusted_count, sizeof(*trusted));
    if (from->trusted_count > 0 && trusted != NULL)
        memcpy(trusted, from->trusted, from->trusted_count * sizeof(*trusted));
    conf->trusted = trusted;
    if (trusted == NULL)
        conf->trusted_count = 0;
    if (conf->auth_username.n == 0)
        conf->auth_username = conf->username;
}

/* The same after a restart, so that the registrar knows whose binding is replaced (RFC 5626 4.1). */
static void make_instance(struct provider *provider)
{
    uint8_t hash[SR_SHA256_BYTES];
    char hex[2 * SR_SHA256_BYTES + 1];
    struct sr_buf buf;

    sr_hmac_sha256(provider->conf.id, provider->conf.username, hash);
    hash[6] = (uint8_t)((hash[6] & 0x0f) | 0x80); /* RFC 9562: version 8, made by hand */
    hash[8] = (uint8_t)((hash[8] & 0x3f) | 0x80);
    sr_hex(hash, 16, hex);
    sr_buf_init_fixed(&buf, provider->instance, sizeof(provider->instance));
    sr_buf_fmt(&buf, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
    (void)sr_buf_cstr(&buf);
}

static void start(struct provider *provider)
{
    struct sip_registration_step step;

    if (provider->conf.is_registering) {
        sip_registration_start(&provider->reg, ua__now(provider->ua), &step);
        provider__step(provider, &step);
    } else {
        provider->is_qualify_due = true; /* also shows which address the provider sees */
        provider__resolve(provider);
    }
}

/* From the loop: what else is opened before the loop runs must not use up the time its answers have. */
static void start_soon(struct provider *provider)
{
    provider->is_start_due = true;
    provider__schedule(provider);
}

static struct provider *provider_new(struct ua *ua, const struct ua_provider *conf)
{
    struct provider *provider = sr_zalloc(1, sizeof(*provider));

    provider->ua = ua;
    provider->id = sr_idtab_add(&ua->provider_ids, provider);
    SR_ASSERT(provider->id != SR_ID_NONE);
    sr_arena_init(&provider->arena, PROVIDER_CONF_BYTES_MAX);
    copy_conf(provider, conf);
    sip_registration_init(
        &provider->reg, SR_MIN(SR_MAX(conf->register_sec, 1u), (uint32_t)SIP_REGISTRATION_SEC_MAX));
    loop_timer_init(&provider->timer, on_timer, provider);
    provider->resolved_at = SR_NEVER;
    provider->qualify_at = provider->keep_alive_at = provider->pong_by = SR_NEVER;
    provider->moved_at = -PROVIDER_MOVE_SEC * SR_SEC;
    provider->rtt_us = -1;
    ua__token(ua, 8, provider->contact_user);
    ua__token(ua, 16, provider->call_id);
    ua__token(ua, 10, provider->local_tag);
    if (conf->quirks.contact_is_account)
        (void)sr_str_copy(conf->username, provider->contact_user, sizeof(provider->contact_user));
    make_instance(provider);
    sr_list_add(&ua->providers, &provider->node);
    (void)sr_map_put(&ua->providers_by_name, provider->conf.id, provider);
    return provider;
}

static void provider_free(struct provider *provider)
{
    struct ua *ua = provider->ua;

    if (provider->register_ct != NULL)
        client_txn__detach(provider->register_ct);
    if (provider->qualify_ct != NULL)
        client_txn__detach(provider->qualify_ct);
    loop_timer_clear(ua->loop, &provider->timer);
    if (ua->resolver != NULL)
        resolver_cancel(ua->resolver, &provider->query);
    if (provider__find(ua, provider->conf.id) == provider)
        (void)sr_map_remove(&ua->providers_by_name, provider->conf.id);
    (void)sr_idtab_remove(&ua->provider_ids, provider->id);
    sr_list_remove(&ua->providers, &provider->node);
    sr_arena_done(&provider->arena);
    sr_free_secret(provider, sizeof(*provider));
}

/* Takes back its registration; the object lives until that is answered. */
static void leave(struct provider *provider)
{
    struct sip_registration_step step;
    struct ua *ua = provider->ua;

    (void)sr_map_remove(&ua->providers_by_name, provider->conf.id);
    provider__tell(provider, UA_PROVIDER_GONE);
    provider->is_leaving = true;
    if (provider->qualify_ct != NULL)
        client_txn__detach(provider->qualify_ct);
    provider->qualify_ct = NULL;
    provider->qualify_at = provider->keep_alive_at = provider->pong_by = SR_NEVER;
    provider->is_qualify_due = provider->is_start_due = false;
    sip_registration_stop(&provider->reg, ua__now(ua), &step);
    if (step.send)
        provider__step(provider, &step);
    provider__left(provider);
}

static void tell_stopped(struct ua *ua)
{
    loop_fn *fn = ua->stop_fn;

    SR_LIST_EACH(&ua->providers, node)
    {
        const struct provider *provider = SR_CONTAINER(node, struct provider, node);

        if (provider->reg.state == SIP_REGISTRATION_LEAVING)
            return;
    }
    ua->stop_fn = NULL;
    loop_timer_clear(ua->loop, &ua->stop_timer);
    if (fn != NULL)
        fn(ua->stop_arg);
}

void provider__left(struct provider *provider)
{
    struct ua *ua = provider->ua;

    if (provider->reg.state == SIP_REGISTRATION_LEAVING)
        return;
    if (provider->is_leaving)
        provider_free(provider);
    if (ua->stop_fn != NULL)
        tell_stopped(ua);
}

static const struct ua_provider *find_conf(const struct ua_settings *settings, struct sr_str id)
{
    for (size_t i = 0; i < settings->provider_count; i++) {
        if (sr_str_eq(settings->providers[i].id, id))
            return &settings->providers[i];
    }
    return NULL;
}

void provider__configure(struct ua *ua, const struct ua_settings *settings)
{
    SR_LIST_EACH(&ua->providers, node)
    {
        struct provider *provider = SR_CONTAINER(node, struct provider, node);
        const struct ua_provider *conf = find_conf(settings, provider->conf.id);
        struct ua_provider wanted;

        if (provider->is_leaving)
            continue;
        if (conf != NULL) {
            wanted = *conf;
            if (wanted.auth_username.n == 0)
                wanted.auth_username = wanted.username;
        }
        if (conf == NULL || !is_same(&provider->conf, &wanted))
            leave(provider);
    }
    for (size_t i = 0; i < settings->provider_count && i < UA_PROVIDERS_MAX; i++) {
        if (provider__find(ua, settings->providers[i].id) == NULL)
            start_soon(provider_new(ua, &settings->providers[i]));
    }
}

void provider__free_all(struct ua *ua)
{
    struct sr_node *node;

    loop_timer_clear(ua->loop, &ua->stop_timer);
    while ((node = sr_list_first(&ua->providers)) != NULL)
        provider_free(SR_CONTAINER(node, struct provider, node));
}

/* ---- the end of the program ---- */

void provider__on_stop_timer(void *arg)
{
    struct ua *ua = arg;
    loop_fn *fn = ua->stop_fn;

    ua->stop_fn = NULL;
    if (fn != NULL)
        fn(ua->stop_arg);
}

void ua_providers_stop(struct ua *ua, void (*fn)(void *arg), void *arg)
{
    SR_LIST_EACH(&ua->providers, node)
    {
        struct provider *provider = SR_CONTAINER(node, struct provider, node);
        struct sip_registration_step step;

        provider->qualify_at = provider->keep_alive_at = provider->pong_by = SR_NEVER;
        provider->is_qualify_due = false;
        sip_registration_stop(&provider->reg, ua__now(ua), &step);
        if (step.send)
            provider__step(provider, &step);
        provider__schedule(provider);
    }
    if (fn == NULL)
        return;
    ua->stop_fn = fn;
    ua->stop_arg = arg;
    /* from the loop, also when there is nothing to wait for */
    loop_timer_set(ua->loop, &ua->stop_timer, ua__now(ua));
    SR_LIST_EACH(&ua->providers, node2)
    {
        const struct provider *provider = SR_CONTAINER(node2, struct provider, node);

        if (provider->reg.state == SIP_REGISTRATION_LEAVING)
            loop_timer_set(ua->loop, &ua->stop_timer, ua__now(ua) + PROVIDER_STOP_SEC * SR_SEC);
    }
}

/* ---- where its servers are ---- */

struct sr_str provider__server(const struct provider *provider)
{
    return provider->conf.proxy.n > 0 ? provider->conf.proxy : provider->conf.domain;
}

struct net_dial provider__dial(const struct provider *provider)
{
    return (struct net_dial){
        .tls_name = provider__server(provider),
        .tls_verify_off = provider->conf.is_tls_verify_off,
        .tls_ca_file = provider->conf.tls_ca_file.n > 0 ? provider->conf.tls_ca_file.p : NULL,
    };
}

/* Keeps what this machine can reach and the settings allow. */
static void take_targets(struct provider *provider, const struct resolver_target *targets,
                         size_t count)
{
    uint8_t family = provider->conf.quirks.family;
    struct sr_addr local;

    provider->target_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (family != SR_ADDR_NONE && targets[i].addr.family != family)
            continue;
        if (net_local_for(provider->ua->net, &targets[i].addr, &local) != SR_OK)
            continue;
        provider->targets[provider->target_count++] = targets[i];
        ban__spare(provider->ua->ban, &targets[i].addr);
    }
}

static void send_due(struct provider *provider)
{
    bool is_register_due = provider->is_register_due;
    bool is_qualify_due = provider->is_qualify_due;

    provider->is_register_due = provider->is_qualify_due = false;
    if (is_register_due)
        provider__send_register(provider);
    if (is_qualify_due)
        provider__send_options(provider);
}

static void on_unresolved(struct provider *provider, enum sr_err err)
{
    bool is_register_due = provider->is_register_due;

    (void)sr_str_copy(sr_str_c(err == SR_ERR_TIMEOUT    ? "the name server does not answer"
                               : err == SR_ERR_NOTFOUND ? "there is no such name"
                               : err == SR_OK           ? "it has no address this machine can reach"
                                              : "the name server's answer makes no sense"),
                      provider->closed_why, sizeof(provider->closed_why));
    provider->is_register_due = provider->is_qualify_due = false;
    if (is_register_due)
        provider__register_failed(provider, UA_PROVIDER_FAULT_DNS);
    else if (!provider->conf.is_registering)
        provider__set_state(provider, UA_PROVIDER_FAILED, UA_PROVIDER_FAULT_DNS);
}

static void on_resolved(void *arg, enum sr_err err, const struct resolver_target *targets,
                        size_t target_count)
{
    struct provider *provider = arg;
    struct ua *ua = provider->ua;

    provider->is_resolving = false;
    if (err == SR_OK) {
        take_targets(provider, targets, target_count);
        provider->resolved_at = ua__now(ua);
    }
    /* what was good a while ago is better than nothing while the name server is away */
    if (provider->target_count == 0) {
        if (!provider->conf.is_registering)
            provider->qualify_at = ua__now(ua) + 30 * SR_SEC;
        on_unresolved(provider, err);
    } else {
        if (!provider->conf.is_registering && provider->state == UA_PROVIDER_STARTING &&
            provider->conf.qualify_sec == 0)
            provider__set_state(provider, UA_PROVIDER_READY, UA_PROVIDER_FAULT_NONE);
        send_due(provider);
    }
    if (provider->is_awaited) {
        provider->is_awaited = false;
        provider__tell(provider, UA_PROVIDER_LOOKED_UP);
    }
}

void provider__resolve(struct provider *provider)
{
    const struct ua_provider *conf = &provider->conf;
    struct resolver_request request = {
        .host = provider__server(provider),
        .port = conf->proxy.n > 0 ? conf->proxy_port : 0,
        .is_kind_given = conf->is_kind_given,
        .kind = conf->kind,
        .is_ip6_off = conf->quirks.family == SR_ADDR_IP4,
    };
    enum sr_err err = SR_ERR_TIMEOUT;

    if (provider->is_resolving)
        return;
    provider->is_resolving = true;
    if (provider->ua->resolver != NULL)
        err = resolver_query(provider->ua->resolver, &provider->query, &request, on_resolved,
                             provider);
    if (err != SR_OK)
        on_resolved(provider, err, NULL, 0);
}

static bool is_in_use(const struct provider *provider, const struct resolver_target *target)
{
    return provider->flow.kind == target->kind && sr_addr_eq(&provider->flow.remote, &target->addr);
}

size_t provider__targets(struct provider *provider, uint8_t family,
                         struct resolver_target ret_targets[RESOLVER_TARGETS_MAX])
{
    size_t count = 0;

    for (int pass = 0; pass < 3; pass++) { /* what answered last, what may answer, what failed */
        for (size_t i = 0; i < provider->target_count; i++) {
            const struct resolver_target *target = &provider->targets[i];
            bool is_first = provider__is_ip(&provider->flow.remote) && is_in_use(provider, target);
            int rank = target->is_bad ? 2 : is_first ? 0 : 1;

            if (rank == pass && (family == SR_ADDR_NONE || target->addr.family == family))
                ret_targets[count++] = *target;
        }
    }
    return count;
}

enum sr_err ua_provider_path(struct ua *ua, struct sr_str id, struct ua_provider_path *ret_path)
{
    struct provider *provider = provider__find(ua, id);
    struct resolver_target targets[RESOLVER_TARGETS_MAX];

    if (provider == NULL)
        return SR_ERR_NOTFOUND;
    if (provider->target_count > 0 &&
        ua__now(ua) - provider->resolved_at > PROVIDER_RESOLVE_SEC * SR_SEC)
        provider__resolve(provider); /* for this call when the cache has it, else for the next */
    if (provider__targets(provider, SR_ADDR_NONE, targets) == 0)
        return SR_ERR_STATE;
    *ret_path = (struct ua_provider_path){
        .flow = {.kind = targets[0].kind, .remote = targets[0].addr},
        .ptime_ms = provider->conf.quirks.ptime_ms,
        .is_suspect = targets[0].is_bad,
    };
    if (provider__is_ip(&provider->flow.remote) && is_in_use(provider, &targets[0]))
        ret_path->flow = provider->flow;
    if (net_local_for(ua->net, &targets[0].addr, &ret_path->flow.local) != SR_OK)
        return SR_ERR_STATE;
    ret_path->media_ip = provider__own_addr(provider, &ret_path->flow);
    ret_path->media_ip.port = 0;
    return SR_OK;
}

bool ua_provider_await(struct ua *ua, struct sr_str id)
{
    struct provider *provider = provider__find(ua, id);

    if (provider == NULL || provider->target_count > 0)
        return false;
    provider__resolve(provider);
    provider->is_awaited = provider->is_resolving;
    return provider->is_awaited;
}

enum sr_err ua_invite_path(struct ua *ua, const struct ua_invite *invite,
                           struct ua_provider_path *ret_path)
{
    struct provider *provider = provider__find(ua, invite->provider_id);

    if (provider == NULL)
        return SR_ERR_NOTFOUND;
    *ret_path =
        (struct ua_provider_path){.flow = invite->flow, .ptime_ms = provider->conf.quirks.ptime_ms};
    if (net_local_for(ua->net, &invite->flow.remote, &ret_path->flow.local) != SR_OK)
        return SR_ERR_STATE;
    ret_path->media_ip = provider__own_addr(provider, &invite->flow);
    ret_path->media_ip.port = 0;
    return SR_OK;
}

/* ---- time ---- */

void provider__schedule(struct provider *provider)
{
    sr_usec at = sip_registration_deadline(&provider->reg);

    if (provider->is_start_due)
        at = ua__now(provider->ua);
    at = SR_MIN(at, provider->qualify_at);
    at = SR_MIN(at, provider->keep_alive_at);
    at = SR_MIN(at, provider->pong_by);
    if (provider->is_move_due)
        at = SR_MIN(at, provider->moved_at + PROVIDER_MOVE_SEC * SR_SEC);
    loop_timer_set(provider->ua->loop, &provider->timer, at);
}

/* The connection of the registration broke: calls come over it, so a new one at once. But one that never
 * lasts is opened ever more seldom (RFC 5626 4.5). */
static void renew_flow(struct provider *provider)
{
    sr_usec now = ua__now(provider->ua);
    sr_usec wait_s = 0;

    if (now - provider->flow_at >= PROVIDER_FLOW_SEC * SR_SEC)
        provider->flow_failures = 0;
    if (provider->flow_failures > 0)
        wait_s = SR_MIN((sr_usec)1 << SR_MIN(provider->flow_failures, 16u),
                        (sr_usec)PROVIDER_FLOW_WAIT_SEC_MAX);
    provider->flow_failures++;
    sip_registration_hasten(&provider->reg, now + wait_s * SR_SEC);
    provider__schedule(provider);
}

static void renew(struct provider *provider)
{
    struct sip_registration_step step;

    sip_registration_renew(&provider->reg, ua__now(provider->ua), &step);
    provider__step(provider, &step);
}

/* Our address there is another one: the registrar and live calls are told. */
static void on_moved(struct provider *provider)
{
    provider->is_move_due = false;
    provider->moved_at = ua__now(provider->ua);
    if (provider->conf.is_registering)
        renew(provider);
    provider__tell(provider, UA_PROVIDER_MOVED);
}

static void on_timer(void *arg)
{
    struct provider *provider = arg;
    sr_usec now = ua__now(provider->ua);
    struct sip_registration_step step;

    if (provider->is_start_due) {
        provider->is_start_due = false;
        start(provider);
    }
    if (now >= provider->pong_by) { /* the connection is dead and nobody said so */
        provider->pong_by = SR_NEVER;
        net_close_conn(provider->ua->net, provider->flow.conn);
    }
    if (now >= provider->keep_alive_at)
        provider__keep_alive(provider);
    if (now >= provider->qualify_at) {
        provider->qualify_at = SR_NEVER;
        provider->is_qualify_due = true;
        provider__resolve(provider);
    }
    if (provider->is_move_due && now >= provider->moved_at + PROVIDER_MOVE_SEC * SR_SEC)
        on_moved(provider);
    if (now >= sip_registration_deadline(&provider->reg)) {
        sip_registration_on_deadline(&provider->reg, now, &step);
        provider__step(provider, &step);
    }
    provider__schedule(provider);
    provider__left(provider); /* may free it */
}

void provider__on_silence(struct provider *provider, const struct net_flow *flow)
{
    if (!provider->conf.is_registering || flow->kind != provider->flow.kind ||
        !sr_addr_eq(&flow->remote, &provider->flow.remote))
        return;
    sip_registration_hasten(&provider->reg, ua__now(provider->ua));
    provider__schedule(provider);
}

/* ---- connections ---- */

static bool has_target(const struct provider *provider, const struct net_flow *flow)
{
    for (size_t i = 0; i < provider->target_count; i++) {
        if (provider->targets[i].kind == flow->kind &&
            sr_addr_eq(&provider->targets[i].addr, &flow->remote))
            return true;
    }
    return false;
}

void provider__on_conn_closed(struct ua *ua, const struct net_flow *flow, enum sr_err err,
                              const char *why)
{
    SR_LIST_EACH(&ua->providers, node)
    {
        struct provider *provider = SR_CONTAINER(node, struct provider, node);

        if (has_target(provider, flow)) {
            (void)sr_str_copy(sr_str_c(why != NULL ? why : ""), provider->closed_why,
                              sizeof(provider->closed_why));
            provider->closed_err = err;
        }
        if (flow->conn == SR_ID_NONE || provider->flow.conn != flow->conn)
            continue;
        provider->flow.conn = SR_ID_NONE;
        provider->pong_by = provider->keep_alive_at = SR_NEVER;
        if (provider->conf.is_registering && !provider->is_leaving && provider->reg.is_bound)
            renew_flow(provider);
    }
}

void provider__on_pong(struct ua *ua, const struct net_flow *flow)
{
    SR_LIST_EACH(&ua->providers, node)
    {
        struct provider *provider = SR_CONTAINER(node, struct provider, node);

        if (flow->conn == SR_ID_NONE || provider->flow.conn != flow->conn)
            continue;
        provider->pong_by = SR_NEVER;
        provider__schedule(provider);
    }
}
