/* Providers: their settings for the user agent, what it tells of them, how many calls they carry. */
#include "call/providers.h"
#include "base/alloc.h"
#include "call/internal.h"

/* ---- settings ---- */

static enum net_kind kind_of(enum config_transport transport)
{
    switch (transport) {
    case CONFIG_TRANSPORT_TCP:
        return NET_TCP;
    case CONFIG_TRANSPORT_TLS:
        return NET_TLS;
    case CONFIG_TRANSPORT_AUTO:
    case CONFIG_TRANSPORT_UDP:
        break;
    }
    return NET_UDP;
}

static enum ua_identity identity_of(enum config_caller_id_header header)
{
    switch (header) {
    case CONFIG_CALLER_ID_FROM:
        return UA_IDENTITY_FROM;
    case CONFIG_CALLER_ID_RPID:
        return UA_IDENTITY_RPID;
    case CONFIG_CALLER_ID_PAI:
        break;
    }
    return UA_IDENTITY_PAI;
}

static void set_quirks(const struct config_provider *provider, struct ua_quirks *quirks)
{
    enum sr_err err;

    ua_quirks_init(quirks);
    err = ua_quirks_preset(quirks, provider->preset);
    for (uint32_t i = 0; i < provider->quirks.count && err == SR_OK; i++)
        err =
            ua_quirks_set(quirks, provider->quirks.items[i].name, provider->quirks.items[i].value);
    if (err != SR_OK) /* `check` refuses such a file */
        sr_log(HUB, WARN, "event=quirk_ignored provider=%.*s", SR_STR_ARG(provider->id));
}

static struct ua_provider settings_of(const struct config_provider *provider)
{
    const struct config_outbound_proxy *proxy = &provider->outbound_proxy;
    enum config_transport transport = provider->transport;
    struct ua_provider out = {
        .id = provider->id,
        .domain = provider->domain,
        .proxy = proxy->address,
        .proxy_port = (uint16_t)proxy->port,
        .username = provider->username,
        .auth_username = provider->auth_username,
        .password = provider->password,
        .digest_realm = provider->digest_realm,
        .is_registering = provider->is_registering,
        .register_sec = provider->register_interval_sec,
        .qualify_sec = provider->qualify_sec,
        .is_tls_verify_off = !provider->tls_verify,
        .tls_ca_file = provider->tls_ca_file,
        .identity = identity_of(provider->caller_id_header),
        .trusted = provider->trusted_addresses.items,
        .trusted_count = provider->trusted_addresses.count,
    };

    if (proxy->address.n > 0 && proxy->transport != CONFIG_TRANSPORT_AUTO)
        transport = proxy->transport;
    out.is_kind_given = transport != CONFIG_TRANSPORT_AUTO;
    out.kind = kind_of(transport);
    if (provider->public_ip.n > 0 && sr_addr_parse_ip(provider->public_ip, &out.public_ip) != SR_OK)
        out.public_ip = (struct sr_addr){0};
    set_quirks(provider, &out.quirks);
    return out;
}

struct ua_provider *providers__settings(const struct config *config, struct ua_settings *settings)
{
    const struct config_proxy *proxy = &config->proxy;
    struct ua_provider *providers = sr_zalloc(config->provider_count, sizeof(*providers));
    struct sr_str rest = proxy->stun_server;
    struct sr_addr numeric;
    uint32_t port;

    settings->providers = providers;
    settings->public_ip4 = proxy->public_addr;
    settings->public_ip6 = proxy->public_addr6;
    settings->local_nets = proxy->local_nets.items;
    settings->local_net_count = proxy->local_nets.count;
    if (sr_str_split(&rest, ':', &settings->stun_host) &&
        sr_str_u32(rest, UINT16_MAX, &port) == SR_OK)
        settings->stun_port = (uint16_t)port;
    if (sr_addr_parse(proxy->stun_server, 3478, &numeric) == SR_OK && numeric.family == SR_ADDR_IP6)
        settings->stun_host = (struct sr_str){NULL, 0}; /* IPv6 knows its own address */
    for (uint32_t i = 0; i < config->provider_count; i++) {
        if (config->providers[i].is_enabled)
            providers[settings->provider_count++] = settings_of(&config->providers[i]);
    }
    return providers;
}

/* ---- how many calls ---- */

uint32_t engine__provider_calls(struct engine *engine, struct sr_str provider_id, int change)
{
    /* ids of devices and providers are apart: one map with a prefix */
    char key[ENGINE_TEXT_MAX];
    struct sr_buf buf;

    sr_buf_init_fixed(&buf, key, sizeof(key));
    sr_buf_fmt(&buf, PROVIDER_CALLS "%.*s", SR_STR_ARG(sr_str_head(provider_id, sizeof(key) - 16)));
    return engine__device_calls(engine, sr_buf_view(&buf), change);
}

/* ---- what is told ---- */

static const char *state_of(const struct config_provider *provider,
                            const struct ua_provider_view *view)
{
    if (!provider->is_enabled)
        return "disabled";
    return ua_provider_state_name(view->state);
}

void engine__provider_view(struct engine *engine, const struct config_provider *provider,
                           struct engine_provider_view *ret_view)
{
    struct ua_provider_view view = {.next_try_us = SR_NEVER, .rtt_us = -1};
    char text[SR_ADDR_TEXT_MAX];

    (void)ua_provider_view(engine->ua, provider->id, &view); /* a disabled one: as initialised */
    memset(ret_view, 0, sizeof(*ret_view));
    (void)sr_str_copy(provider->id, ret_view->provider_id, sizeof(ret_view->provider_id));
    (void)sr_str_copy(provider->display_name, ret_view->display_name,
                      sizeof(ret_view->display_name));
    (void)sr_str_copy(provider->domain, ret_view->domain, sizeof(ret_view->domain));
    ret_view->is_enabled = provider->is_enabled;
    ret_view->is_registering = provider->is_registering;
    ret_view->state = state_of(provider, &view);
    ret_view->fault = ua_provider_fault_name(view.fault);
    (void)sr_str_copy(sr_str_c(view.verdict), ret_view->verdict, sizeof(ret_view->verdict));
    (void)sr_str_copy(sr_str_c(view.last_response), ret_view->last_response,
                      sizeof(ret_view->last_response));
    if (view.flow.remote.family != SR_ADDR_NONE) {
        (void)sr_str_copy(sr_str_c(sr_addr_text(&view.flow.remote, text)), ret_view->address,
                          sizeof(ret_view->address));
        (void)sr_str_copy(sr_str_c(net_kind_name(view.flow.kind)), ret_view->transport,
                          sizeof(ret_view->transport));
    }
    if (view.public_addr.family != SR_ADDR_NONE)
        (void)sr_str_copy(sr_str_c(sr_addr_text(&view.public_addr, text)), ret_view->public_address,
                          sizeof(ret_view->public_address));
    ret_view->expires_wall = view.expires_wall;
    if (view.next_try_us != SR_NEVER)
        ret_view->next_try_wall_us =
            loop_wall(engine->loop) + (view.next_try_us - loop_now(engine->loop));
    ret_view->rtt_us = view.rtt_us;
    ret_view->failures = view.failures;
    ret_view->call_count = engine__provider_calls(engine, provider->id, 0);
}

void providers__count(struct engine *engine, struct engine_status *status)
{
    struct ua_stats stats;

    ua_stats(engine->ua, &stats);
    status->providers = stats.providers;
    status->providers_up = stats.providers_up;
}

/* Its addresses are known now, or it is known that there are none: calls that wait for them go on. */
static void resume_calls(struct engine *engine, struct sr_str provider_id)
{
    uint32_t cursor = 0;
    struct leg *leg;

    while ((leg = sr_idtab_next(&engine->legs, &cursor)) != NULL) {
        if (leg->is_waiting && leg->ring != NULL && sr_str_eq_c(provider_id, leg->provider_id))
            leg__looked_up(leg);
    }
}

/* Live calls through that provider are offered our new address. */
static void move_calls(struct engine *engine, struct sr_str provider_id)
{
    uint32_t cursor = 0;
    struct leg *leg;

    while ((leg = sr_idtab_next(&engine->legs, &cursor)) != NULL) {
        if (leg->kind == LEG_PROVIDER && sr_str_eq_c(provider_id, leg->provider_id))
            leg__tell_address(leg);
    }
}

void engine__on_provider(void *arg, const struct ua_provider_event *event)
{
    struct engine *engine = arg;
    struct sr_str id = sr_str_c(event->view->id);
    const struct config_provider *provider = config_provider_by_id(engine->config, id);
    enum engine_event_kind kind = ENGINE_PROVIDER_CHANGED;

    if (event->kind == UA_PROVIDER_MOVED)
        move_calls(engine, id);
    if (event->kind == UA_PROVIDER_LOOKED_UP || event->kind == UA_PROVIDER_GONE)
        resume_calls(engine, id);
    if (provider == NULL || event->kind == UA_PROVIDER_GONE || event->kind == UA_PROVIDER_LOOKED_UP)
        return; /* a snapshot follows every change of the configuration */
    if (event->kind == UA_PROVIDER_UP)
        kind = ENGINE_PROVIDER_REGISTERED;
    else if (event->kind == UA_PROVIDER_DOWN)
        kind = ENGINE_PROVIDER_FAILED;
    event__provider(engine, kind, provider, sr_str_c(event->view->verdict));
}
