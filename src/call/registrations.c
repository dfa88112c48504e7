/* Phones that come and go: settings for the user agent, events, and what the store keeps. */
#include "base/alloc.h"
#include "call/internal.h"
#include "call/providers.h"
#include "call/webrtc.h"

void engine__configure_ua(struct engine *engine)
{
    const struct config *config = engine->config;
    struct ua_device *devices = sr_zalloc(config->device_count, sizeof(*devices));
    struct ua_provider *providers;
    struct ua_settings settings = {
        .realm = config->realm,
        .domains = config->domains.items,
        .domain_count = config->domains.count,
        .devices = devices,
        .device_count = config->device_count,
        .auth_failures_max = config->security.auth_failures_max,
        .ban_sec = config->security.ban_sec,
        .allow = config->security.allow.items,
        .allow_count = config->security.allow.count,
        .deny = config->security.deny.items,
        .deny_count = config->security.deny.count,
        .lan_ip4 = config->proxy.lan_addr,
        .lan_ip6 = config->proxy.lan_addr6,
        .sip_port = engine->sip_port,
        .tls_port = engine->tls_port,
    };

    for (uint8_t i = 0; i < config->security.digest_algorithms.count; i++)
        settings.use_sha256 |= config->security.digest_algorithms.items[i] == CONFIG_DIGEST_SHA256;
    settings.is_md5_off = settings.use_sha256;
    for (uint8_t i = 0; i < config->security.digest_algorithms.count; i++)
        settings.is_md5_off &= config->security.digest_algorithms.items[i] != CONFIG_DIGEST_MD5;
    for (uint32_t i = 0; i < config->device_count; i++) {
        const struct config_device *device = &config->devices[i];

        devices[i] = (struct ua_device){
            .id = device->id,
            .extension = device->extension,
            .display_name = device->display_name,
            .password = device->password,
            .ha1 = device->ha1,
            .expected =
                device->expected_address.count > 0 ? &device->expected_address.items[0] : NULL,
            .contacts_max = device->contacts_max,
            .qualify_sec = device->qualify_sec,
        };
    }
    providers = providers__settings(config, &settings);
    ua_configure(engine->ua, &settings);
    sr_free(providers);
    sr_free(engine->ua_devices);
    engine->ua_devices = devices;
}

static void fill_contact(struct engine_contact_view *view, const struct ua_contact *contact)
{
    char text[SR_ADDR_TEXT_MAX];

    (void)sr_str_copy(contact->uri, view->uri, sizeof(view->uri));
    (void)sr_str_copy(contact->user_agent, view->user_agent, sizeof(view->user_agent));
    (void)sr_str_copy(sr_str_c(sr_addr_text(&contact->flow.remote, text)), view->address,
                      sizeof(view->address));
    (void)sr_str_copy(sr_str_c(net_kind_name(contact->flow.kind)), view->transport,
                      sizeof(view->transport));
    view->expires_wall = contact->expires_wall;
    view->rtt_us = contact->rtt_us;
    view->is_nat = contact->is_nat;
    view->is_reachable = contact->is_reachable;
}

void engine__device_view(struct engine *engine, const struct config_device *device,
                         struct engine_device_view *ret_view)
{
    struct ua_contact contacts[UA_CONTACTS_PER_DEVICE_MAX];
    size_t count = ua_contacts(engine->ua, device->id, contacts, SR_ARRAY_LEN(contacts));

    memset(ret_view, 0, sizeof(*ret_view));
    (void)sr_str_copy(device->id, ret_view->device_id, sizeof(ret_view->device_id));
    (void)sr_str_copy(device->display_name, ret_view->display_name, sizeof(ret_view->display_name));
    (void)sr_str_copy(device->extension, ret_view->extension, sizeof(ret_view->extension));
    ret_view->is_registered = count > 0;
    ret_view->contact_count = (uint32_t)count;
    ret_view->call_count = engine__device_calls(engine, device->id, 0);
    for (size_t i = 0; i < count && i < ENGINE_CONTACTS_SHOWN_MAX; i++)
        fill_contact(&ret_view->contacts[i], &contacts[i]);
    browsers__add_contacts(engine, device->id, ret_view);
}

static void keep(struct engine *engine, const struct ua_registration_event *event)
{
    const struct ua_contact *contact = &event->contact;
    struct store_contact row = {
        .device_id = contact->device_id,
        .uri = contact->uri,
        .path = contact->path,
        .user_agent = contact->user_agent,
        .call_id = contact->call_id,
        .instance = contact->instance,
        .transport = sr_str_c(net_kind_name(contact->flow.kind)),
        .local = contact->flow.local,
        .remote = contact->flow.remote,
        .q_milli = contact->q_milli,
        .cseq = contact->cseq,
        .expires_wall = contact->expires_wall,
        .is_nat = contact->is_nat,
    };

    if (engine->store == NULL || event->kind == UA_REACHABILITY)
        return;
    if (event->kind == UA_UNREGISTERED)
        store_contact_remove(engine->store, contact->device_id, contact->uri);
    else if (contact->flow.kind == NET_UDP) /* a connection does not survive us */
        store_contact_put(engine->store, &row);
}

void engine__on_registration(void *arg, const struct ua_registration_event *event)
{
    struct engine *engine = arg;
    enum engine_event_kind kind = ENGINE_DEVICE_CHANGED;

    keep(engine, event);
    watch__device_changed(engine, event->contact.device_id);
    if (event->kind == UA_REGISTERED)
        kind = ENGINE_DEVICE_REGISTERED;
    else if (event->kind == UA_UNREGISTERED)
        kind = ENGINE_DEVICE_UNREGISTERED;
    event__device(engine, kind, event->contact.device_id, event->why);
}

/* ---- how many calls ---- */

/* Whose calls that key counts; neither: it is not configured (any more), or a guest. */
static void find_counted(const struct engine *engine, struct sr_str key,
                         const struct config_provider **ret_provider,
                         const struct config_device **ret_device)
{
    bool is_provider = sr_str_starts(key, SR_STR(PROVIDER_CALLS));

    *ret_provider =
        is_provider
            ? config_provider_by_id(engine->config, sr_str_from(key, sizeof(PROVIDER_CALLS) - 1))
            : NULL;
    *ret_device = is_provider ? NULL : config_device_by_id(engine->config, key);
}

/* What is not configured is shown nowhere. */
static void tell_count(struct engine *engine, const char *key, uint32_t count)
{
    struct sr_str id = sr_str_c(key);
    const struct config_provider *provider;
    const struct config_device *device;
    struct device_calls *told = sr_map_find(&engine->told_calls, id);

    if (told != NULL && told->count == count)
        return;
    find_counted(engine, id, &provider, &device);
    if (told == NULL && (provider != NULL || device != NULL)) {
        told = sr_zalloc(1, sizeof(*told));
        (void)sr_str_copy(id, told->device_id, sizeof(told->device_id));
        (void)sr_map_put(&engine->told_calls, sr_str_c(told->device_id), told);
    }
    if (told != NULL)
        told->count = count;
    if (provider != NULL)
        event__provider(engine, ENGINE_PROVIDER_CHANGED, provider, SR_STR(""));
    else if (device != NULL)
        event__device(engine, ENGINE_DEVICE_CHANGED, device->id, SR_STR(""));
}

void engine__tell_call_counts(struct engine *engine)
{
    const struct device_calls *entry;
    size_t cursor = 0;

    if (atomic_load(&engine->events_waiting) >= ENGINE_EVENTS_MAX / 2)
        return; /* next time */
    while ((entry = sr_map_next(&engine->device_calls, &cursor)) != NULL)
        tell_count(engine, entry->device_id, entry->count);
    cursor = 0;
    while ((entry = sr_map_next(&engine->told_calls, &cursor)) != NULL) {
        if (sr_map_find(&engine->device_calls, sr_str_c(entry->device_id)) == NULL)
            tell_count(engine, entry->device_id, 0);
    }
}

void engine__forget_call_counts(struct engine *engine)
{
    struct sr_map told = engine->told_calls;
    struct device_calls *entry;
    size_t cursor = 0;

    sr_map_init(&engine->told_calls);
    while ((entry = sr_map_next(&told, &cursor)) != NULL) {
        const struct config_provider *provider;
        const struct config_device *device;

        find_counted(engine, sr_str_c(entry->device_id), &provider, &device);
        if (provider != NULL || device != NULL)
            (void)sr_map_put(&engine->told_calls, sr_str_c(entry->device_id), entry);
        else
            sr_free(entry);
    }
    sr_map_done(&told);
}

/* ---- what the store kept ---- */

static void restore_one(void *arg, const struct store_contact *row)
{
    struct engine *engine = arg;
    uint64_t now_wall = (uint64_t)(loop_wall(engine->loop) / SR_SEC);
    struct ua_contact contact = {
        .device_id = row->device_id,
        .uri = row->uri,
        .path = row->path,
        .user_agent = row->user_agent,
        .call_id = row->call_id,
        .instance = row->instance,
        .flow = {.kind = NET_UDP, .local = row->local, .remote = row->remote},
        .q_milli = row->q_milli,
        .cseq = row->cseq,
        .expires_wall = row->expires_wall,
        .is_nat = row->is_nat,
        .is_reachable = true,
        .rtt_us = -1,
    };

    if (row->expires_wall <= now_wall || !sr_str_eq_c(row->transport, net_kind_name(NET_UDP)))
        return;
    contact.expires_at = loop_now(engine->loop) + (sr_usec)(row->expires_wall - now_wall) * SR_SEC;
    if (!ua_restore_contact(engine->ua, &contact))
        store_contact_remove(engine->store, row->device_id, row->uri);
}

void engine__restore_contacts(struct engine *engine)
{
    if (engine->store != NULL)
        store_contacts_load(engine->store, (uint64_t)(loop_wall(engine->loop) / SR_SEC),
                            restore_one, engine);
}
