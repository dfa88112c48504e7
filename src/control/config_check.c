/* What only the whole can tell: overlapping extensions, clashing ports, conflicts between settings. Also
   fills what is derived from several values. */
#include <stdlib.h>

#include "call/number.h"
#include "control/config_internal.h"
#include "ua/quirks.h"

enum {
    WEAK_PASSWORD_BYTES = 8,
    CIRCLE_DEVICES_MAX = 100 /* longer ones go unseen */
};

/* ---- derived values -------------------------------------------------------------------------- */

static void derive_addresses(struct config__load *load)
{
    struct config_proxy *proxy = &load->config->proxy;
    /* "auto" and wrong texts (a fault already) leave SR_ADDR_NONE */
    (void)!sr_addr_parse_ip(proxy->lan_ip, &proxy->lan_addr);
    (void)!sr_addr_parse_ip(proxy->lan_ip6, &proxy->lan_addr6);
    (void)!sr_addr_parse_ip(proxy->public_ip, &proxy->public_addr);
    (void)!sr_addr_parse_ip(proxy->public_ip6, &proxy->public_addr6);
    const struct {
        const char *key;
        const struct sr_addr *addr;
        uint8_t family;
    } checks[] = {
        {"lanIp", &proxy->lan_addr, SR_ADDR_IP4},
        {"lanIp6", &proxy->lan_addr6, SR_ADDR_IP6},
        {"publicIp", &proxy->public_addr, SR_ADDR_IP4},
        {"publicIp6", &proxy->public_addr6, SR_ADDR_IP6},
    };
    for (size_t i = 0; i < SR_ARRAY_LEN(checks); i++) {
        if (checks[i].addr->family != SR_ADDR_NONE && checks[i].addr->family != checks[i].family)
            config__fault(
                load, CONFIG_ERROR, config__node(load, "/proxy/%s", checks[i].key),
                SR_STR("IPv4 belongs to lanIp and publicIp, IPv6 to lanIp6 and publicIp6"),
                "this address is of the wrong family");
    }
}

static void derive_storage(struct config__load *load)
{
    struct config_storage *storage = &load->config->storage;
    if (sr_str_starts(storage->url, SR_STR("sqlite:"))) {
        storage->kind = CONFIG_STORAGE_SQLITE;
        storage->file = sr_str_from(storage->url, 7);
    } else {
        storage->kind = CONFIG_STORAGE_POSTGRESQL;
        config__fault(load, CONFIG_ERROR, config__node(load, "/storage/url"),
                      SR_STR("write sqlite:FILE"), "PostgreSQL is not built yet: only SQLite is");
    }
}

static void derive_hours(struct config__load *load)
{
    struct config_security *security = &load->config->security;
    if (security->night_hours.n > 0) /* a wrong text is a fault already and leaves "off" */
        (void)!schedule_hours_parse(security->night_hours, &security->night_from_min,
                                    &security->night_to_min, NULL);
}

static void derive_parking(struct config_parking *parking)
{
    size_t dash = sr_str_find(parking->slots, '-', 0);
    if (parking->slots.n == 0 ||
        sr_str_u32(sr_str_head(parking->slots, dash), UINT32_MAX, &parking->slot_first) != SR_OK)
        return;
    parking->slot_last = parking->slot_first;
    if (dash < parking->slots.n)
        (void)!sr_str_u32(sr_str_from(parking->slots, dash + 1), UINT32_MAX, &parking->slot_last);
}

static void derive_schedules(struct config__load *load)
{
    struct config *config = load->config;
    for (uint32_t i = 0; i < config->schedule_count; i++) {
        struct config_schedule *schedule = &config->schedules[i];
        schedule->index = i;
        schedule->rules =
            config__take(load, schedule->rule_texts.count, sizeof(schedule->rules[0]));
        schedule->holidays =
            config__take(load, schedule->holiday_texts.count, sizeof(schedule->holidays[0]));
        if (!schedule->rules || !schedule->holidays)
            return;
        /* wrong texts are faults already */
        for (uint32_t r = 0; r < schedule->rule_texts.count; r++)
            (void)!schedule_rule_parse(schedule->rule_texts.items[r], &schedule->rules[r], NULL);
        for (uint32_t h = 0; h < schedule->holiday_texts.count; h++)
            (void)!schedule_date_parse(schedule->holiday_texts.items[h], &schedule->holidays[h],
                                       NULL);
        if (schedule->rule_texts.count == 0)
            config__fault(load, CONFIG_WARNING, config__node(load, "/schedules/%u", i),
                          SR_STR("add rules such as \"Mon-Fri 09:00-18:00\""),
                          "this schedule has no rules: it is never open");
    }
}

/* A relative CA file starts at the configuration's folder, as certificates and secrets do. */
static void derive_files(struct config__load *load)
{
    const char *folder = load->options->folder;
    char path[CONFIG_TEXT_MAX * 2];
    for (uint32_t i = 0; folder != NULL && i < load->config->provider_count; i++) {
        struct sr_str *file = &load->config->providers[i].tls_ca_file;
        struct sr_buf buf;
        if (file->n == 0 || file->p[0] == '/')
            continue;
        sr_buf_init_fixed(&buf, path, sizeof(path));
        sr_buf_fmt(&buf, "%s/%.*s", folder, SR_STR_ARG(*file));
        *file = sr_arena_str(&load->config->arena, sr_str_c(sr_buf_cstr(&buf)));
        load->is_full |= file->p == NULL;
    }
}

static void number_objects(struct config *config)
{
    for (uint32_t i = 0; i < config->provider_count; i++)
        config->providers[i].index = i;
    for (uint32_t i = 0; i < config->device_count; i++)
        config->devices[i].index = i;
    for (uint32_t i = 0; i < config->group_count; i++)
        config->groups[i].index = i;
    for (uint32_t i = 0; i < config->voicebox_count; i++)
        config->voiceboxes[i].index = i;
    for (uint32_t i = 0; i < config->ivr.menu_count; i++)
        config->ivr.menus[i].index = i;
    for (uint32_t i = 0; i < config->conference_count; i++)
        config->conferences[i].index = i;
    for (uint32_t i = 0; i < config->routing.route_count; i++)
        config->routing.routes[i].index = i;
}

/* ---- extensions ------------------------------------------------------------------------------ */

static const char *const owner_names[] = {"nobody",   "device",  "group",  "conference",
                                          "voicebox", "parking", "feature"};
static const char *const owner_lists[] = {"",           "devices", "groups",  "conferences",
                                          "voiceboxes", "parking", "features"};

/** Collects entries while the extension index is built. */
struct owners {
    struct config_index_entry *entries;
    uint32_t count;
};

static void add_owner(struct owners *owners, struct sr_str extension, const void *object,
                      enum config_extension_kind kind)
{
    if (extension.n > 0)
        owners->entries[owners->count++] =
            (struct config_index_entry){extension, object, (uint32_t)kind};
}

static void collect_owners(const struct config *config, struct owners *owners)
{
    for (uint32_t i = 0; i < config->device_count; i++)
        add_owner(owners, config->devices[i].extension, &config->devices[i],
                  CONFIG_EXTENSION_DEVICE);
    for (uint32_t i = 0; i < config->group_count; i++)
        add_owner(owners, config->groups[i].extension, &config->groups[i], CONFIG_EXTENSION_GROUP);
    for (uint32_t i = 0; i < config->conference_count; i++)
        add_owner(owners, config->conferences[i].extension, &config->conferences[i],
                  CONFIG_EXTENSION_CONFERENCE);
    for (uint32_t i = 0; i < config->voicebox_count; i++)
        add_owner(owners, config->voiceboxes[i].extension, &config->voiceboxes[i],
                  CONFIG_EXTENSION_VOICEBOX);
    for (uint32_t i = 0; i < config->features.count; i++)
        add_owner(owners, config->features.items[i].code, &config->features.items[i],
                  CONFIG_EXTENSION_FEATURE);
}

/** Place of the object in its list. */
static uint32_t owner_index(const struct config *config, const struct config_index_entry *entry)
{
    const char *object = entry->object;
    switch ((enum config_extension_kind)entry->kind) {
    case CONFIG_EXTENSION_DEVICE:
        return ((const struct config_device *)entry->object)->index;
    case CONFIG_EXTENSION_GROUP:
        return ((const struct config_group *)entry->object)->index;
    case CONFIG_EXTENSION_CONFERENCE:
        return ((const struct config_conference *)entry->object)->index;
    case CONFIG_EXTENSION_VOICEBOX:
        return ((const struct config_voicebox *)entry->object)->index;
    case CONFIG_EXTENSION_FEATURE:
        return (uint32_t)((size_t)(object - (const char *)config->features.items) /
                          sizeof(struct config_feature));
    case CONFIG_EXTENSION_NONE:
    case CONFIG_EXTENSION_PARKING:
        break;
    }
    return 0;
}

static const struct jsonc_node *owner_node(struct config__load *load,
                                           const struct config_index_entry *entry)
{
    if (entry->kind == CONFIG_EXTENSION_FEATURE) {
        const struct jsonc_node *features = config__node(load, "/features");
        const struct jsonc_node *code = jsonc_member(features, entry->key);
        return code ? code : features;
    }
    return config__node(load, "/%s/%u/extension", owner_lists[entry->kind],
                        owner_index(load->config, entry));
}

/** Orders by extension, then by kind and place, so that the later one gets the fault. */
static int compare_owners(const void *a, const void *b)
{
    const struct config_index_entry *left = a;
    const struct config_index_entry *right = b;
    int order = sr_str_cmp(left->key, right->key);
    if (order != 0)
        return order;
    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    return left->object < right->object ? -1 : left->object > right->object;
}

/** An extension near `near` that nobody has: the next numbers upwards. */
static struct sr_str free_extension(struct config__load *load, const struct owners *owners,
                                    struct sr_str near)
{
    struct config_index index = {owners->entries, owners->count};
    uint32_t number = 0;
    if (near.n > 8 || sr_str_u32(near, 99999999, &number) != SR_OK)
        return SR_STR("choose another one");
    for (uint32_t tries = 0; tries < 1000; tries++) {
        number++;
        struct sr_str text = config__say(load, "%0*u", (int)near.n, number);
        bool is_parking =
            number >= load->config->parking.slot_first && number <= load->config->parking.slot_last;
        if (!config_index_find(&index, text) && !is_parking &&
            !config_is_emergency(load->config, text))
            return config__say(load, "%.*s is free", SR_STR_ARG(text));
    }
    return SR_STR("choose another one");
}

static void check_one_extension(struct config__load *load, const struct owners *owners,
                                const struct config_index_entry *entry)
{
    const struct config_parking *parking = &load->config->parking;
    uint32_t number = 0;
    bool is_slot = parking->slot_first > 0 && entry->key.p[0] != '0' &&
                   sr_str_u32(entry->key, UINT32_MAX, &number) == SR_OK &&
                   number >= parking->slot_first && number <= parking->slot_last;
    if (is_slot) {
        /* slots nobody wrote down give way with a warning */
        bool is_written = jsonc_member_c(jsonc_member_c(load->root, "parking"), "slots") != NULL;
        config__fault(load, is_written ? CONFIG_ERROR : CONFIG_WARNING, owner_node(load, entry),
                      free_extension(load, owners, entry->key),
                      "the extension %.*s lies in the parking slots %.*s", SR_STR_ARG(entry->key),
                      SR_STR_ARG(parking->slots));
    }
    if (config_is_emergency(load->config, entry->key))
        config__fault(
            load, CONFIG_ERROR, owner_node(load, entry), free_extension(load, owners, entry->key),
            "%.*s is an emergency number (security.emergencyNumbers)", SR_STR_ARG(entry->key));
}

/** Two owners, `later` and the one before it: the one somebody wrote gets the fault. */
static void fault_overlap(struct config__load *load, const struct owners *owners,
                          const struct config_index_entry *later)
{
    const struct config_index_entry *blamed = later;
    const struct config_index_entry *other = later - 1;
    if (later->kind == CONFIG_EXTENSION_FEATURE && !jsonc_member_c(load->root, "features")) {
        blamed = later - 1;
        other = later;
    }
    config__fault(load, CONFIG_ERROR, owner_node(load, blamed),
                  free_extension(load, owners, later->key),
                  "the extension %.*s belongs to %s %s too", SR_STR_ARG(later->key),
                  blamed->kind == other->kind ? "another" : "a", owner_names[other->kind]);
}

static void check_extensions(struct config__load *load)
{
    struct config *config = load->config;
    size_t most = (size_t)config->device_count + config->group_count + config->conference_count +
                  config->voicebox_count + config->features.count;
    struct owners owners = {config__take(load, most, sizeof(owners.entries[0])), 0};
    if (!owners.entries)
        return;
    collect_owners(config, &owners);
    if (owners.count > 1)
        qsort(owners.entries, owners.count, sizeof(owners.entries[0]), compare_owners);
    for (uint32_t i = 0; i < owners.count; i++) {
        const struct config_index_entry *entry = &owners.entries[i];
        check_one_extension(load, &owners, entry);
        if (i == 0 || !sr_str_eq(entry->key, entry[-1].key))
            continue;
        fault_overlap(load, &owners, entry);
    }
    config->extensions = (struct config_index){owners.entries, owners.count};
}

/* ---- devices --------------------------------------------------------------------------------- */

static bool is_weak(const struct config_device *device)
{
    static const char *const popular[] = {"password", "12345678",  "123456789", "1234567890",
                                          "qwertyui", "siprouter", "changeme",  "asterisk"};
    struct sr_str password = device->password;
    if (password.n < WEAK_PASSWORD_BYTES || sr_str_eq(password, device->extension) ||
        sr_str_ieq(password, device->id))
        return true;
    for (size_t i = 0; i < SR_ARRAY_LEN(popular); i++) {
        if (sr_str_ieq_c(password, popular[i]))
            return true;
    }
    size_t same = 1;
    while (same < password.n && password.p[same] == password.p[0])
        same++;
    return same == password.n;
}

/* A call that comes back to a device that sends all its calls on ends as a loop (482); said once for
   each circle. */
static void check_circle(struct config__load *load, const struct config_device *first)
{
    const struct config_device *at = first;
    const char *reads = "devices forward in a circle";
    uint32_t count = 0;

    do {
        at = at->forward.always.n > 0 ? config_device_by_user(load->config, at->forward.always)
                                      : NULL;
        count++;
    } while (at != NULL && at->index > first->index && count < CIRCLE_DEVICES_MAX);
    if (at != first)
        return;
    if (count == 1)
        reads = "the device forwards to itself";
    config__fault(load, CONFIG_WARNING,
                  config__node(load, "/devices/%u/forward/always", first->index),
                  SR_STR("name another extension or number, or leave it empty"),
                  "%s: such a call ends as a loop", reads);
}

static void check_forward(struct config__load *load, uint32_t index)
{
    const struct config_device *device = &load->config->devices[index];
    const struct config_forward *forward = &device->forward;
    const struct {
        const char *key;
        struct sr_str to;
    } ways[] = {
        {"busy", forward->busy}, {"noAnswer", forward->no_answer}, {"offline", forward->offline}};

    for (size_t i = 0; i < SR_ARRAY_LEN(ways); i++) {
        if (ways[i].to.n > 0 &&
            (sr_str_eq(ways[i].to, device->extension) || sr_str_eq(ways[i].to, device->id)))
            config__fault(load, CONFIG_WARNING,
                          config__node(load, "/devices/%u/forward/%s", index, ways[i].key),
                          SR_STR("name another extension or number, or leave it empty"),
                          "the device forwards to itself: nobody else is rung");
    }
    check_circle(load, device);
}

static void check_devices(struct config__load *load)
{
    const struct config *config = load->config;
    const struct jsonc_node *list = jsonc_member_c(load->root, "devices");
    const struct jsonc_node *node = list && config->device_count > 0 ? list->first : NULL;
    for (uint32_t i = 0; node && i < config->device_count; i++, node = node->next) {
        const struct config_device *device = &config->devices[i];
        const struct config_device *other = config_device_by_extension(config, device->id);
        bool is_written = jsonc_member_c(node, "password") || jsonc_member_c(node, "ha1");
        if (device->password.n > 0 && device->ha1.n > 0)
            config__fault(load, CONFIG_ERROR, config__node(load, "/devices/%u/ha1", i),
                          SR_STR("remove one of them"), "a device has a password or ha1, not both");
        else if (!is_written)
            config__fault(load, CONFIG_WARNING, node, SR_STR("add \"password\" with 16 characters"),
                          "no phone can register as this device: it has no password");
        else if (device->password.n > 0 && is_weak(device))
            config__fault(load, CONFIG_WARNING, config__node(load, "/devices/%u/password", i),
                          SR_STR("use at least 12 random characters"), "this password is weak");
        if (other && other != device)
            config__fault(load, CONFIG_ERROR, config__node(load, "/devices/%u/id", i),
                          SR_STR("choose an id that is nobody's extension"),
                          "the id \"%.*s\" is the extension of another device",
                          SR_STR_ARG(device->id));
        check_forward(load, i);
    }
}

static void check_groups(struct config__load *load)
{
    const struct config *config = load->config;
    for (uint32_t i = 0; i < config->group_count; i++) {
        const struct config_group *group = &config->groups[i];
        if (group->member_ids.count == 0)
            config__fault(load, CONFIG_WARNING, config__node(load, "/groups/%u", i),
                          SR_STR("add device ids to \"members\""), "this group has no members");
        for (uint32_t m = 1; m < group->member_ids.count; m++) {
            for (uint32_t n = 0; n < m; n++) {
                if (group->members[m] && group->members[m] == group->members[n]) {
                    config__fault(load, CONFIG_ERROR,
                                  config__node(load, "/groups/%u/members/%u", i, m),
                                  SR_STR("remove one of them"), "this member stands twice");
                    break;
                }
            }
        }
    }
}

/* ---- ports and binds ------------------------------------------------------------------------- */

struct port_use {
    const char *pointer;
    uint32_t port;
    bool udp;
    bool tcp;
};

static void check_rtp_ports(struct config__load *load, const struct port_use *uses, size_t count)
{
    const struct config_port_range *range = &load->config->proxy.rtp_ports;
    if (range->min > range->max) {
        config__fault(load, CONFIG_ERROR, config__node(load, "/proxy/rtpPortRange/min"),
                      SR_STR("min must not be above max"), "the port range %u to %u is empty",
                      range->min, range->max);
        return;
    }
    if (range->max - range->min < 99)
        config__fault(load, CONFIG_WARNING, config__node(load, "/proxy/rtpPortRange"),
                      SR_STR("every leg of a call takes two ports"),
                      "%u ports are few: about %u calls at the same time",
                      range->max - range->min + 1, (range->max - range->min + 1) / 4);
    for (size_t i = 0; i < count; i++) {
        if (uses[i].udp && uses[i].port >= range->min && uses[i].port <= range->max)
            config__fault(load, CONFIG_ERROR, config__node(load, "%s", uses[i].pointer),
                          SR_STR("choose a port outside proxy.rtpPortRange"),
                          "port %u lies in the range for audio, %u to %u", uses[i].port, range->min,
                          range->max);
    }
}

static void check_ports(struct config__load *load)
{
    const struct config *config = load->config;
    const struct port_use uses[] = {
        {"/proxy/lanPort", config->proxy.lan_port, true, true},
        {"/proxy/tlsPort", config->proxy.tls_port, false, true},
        {"/proxy/webrtcPort", config->proxy.webrtc_port, true, true},
        {"/server/webUiPort", config->server.web_ui_bind.n ? config->server.web_ui_port : 0, false,
         true},
        {"/server/webUiTlsPort",
         config->server.web_ui_tls_bind.n ? config->server.web_ui_tls_port : 0, false, true},
    };
    for (size_t i = 1; i < SR_ARRAY_LEN(uses); i++) {
        for (size_t j = 0; j < i; j++) {
            if (uses[i].port == 0 || uses[i].port != uses[j].port ||
                !((uses[i].udp && uses[j].udp) || (uses[i].tcp && uses[j].tcp)))
                continue;
            /* the one that is written is to blame */
            const struct jsonc_node *node = config__node(load, "%s", uses[i].pointer);
            if (!jsonc_at(load->root, sr_str_c(uses[i].pointer)))
                node = config__node(load, "%s", uses[j].pointer);
            config__fault(load, CONFIG_ERROR, node, SR_STR("choose another port for one of them"),
                          "port %u is used by %s and by %s", uses[i].port, uses[j].pointer + 1,
                          uses[i].pointer + 1);
        }
    }
    check_rtp_ports(load, uses, SR_ARRAY_LEN(uses));
}

static bool is_loopback_text(struct sr_str text)
{
    struct sr_addr addr;
    return sr_addr_parse_ip(text, &addr) == SR_OK && sr_addr_is_loopback(&addr);
}

static void check_server(struct config__load *load)
{
    const struct config_server *server = &load->config->server;
    bool http_is_open =
        server->web_ui_port && server->web_ui_bind.n > 0 && !is_loopback_text(server->web_ui_bind);
    bool https_is_open = server->web_ui_tls_port && server->web_ui_tls_bind.n > 0 &&
                         !is_loopback_text(server->web_ui_tls_bind);
    if (server->allow_anonymous_api) {
        const struct jsonc_node *node = config__node(load, "/server/allowAnonymousApi");
        if (http_is_open || https_is_open)
            config__fault(load, CONFIG_ERROR, node,
                          http_is_open ? SR_STR("set server.webUiBind to 127.0.0.1")
                                       : SR_STR("set server.webUiTlsBind to 127.0.0.1 or \"\""),
                          "an API without login is allowed on loopback addresses only");
        else
            config__fault(load, CONFIG_WARNING, node, SR_STR("create a token instead"),
                          "everybody on this machine can use the API without login");
    }
    if (http_is_open)
        config__fault(load, CONFIG_WARNING, config__node(load, "/server/webUiBind"),
                      SR_STR("use the HTTPS port, or keep 127.0.0.1"),
                      "plain HTTP on this address shows passwords to the network");
    if ((server->tls.cert.n > 0) != (server->tls.key.n > 0))
        config__fault(load, CONFIG_ERROR, config__node(load, "/server/tls"),
                      SR_STR("name both files, or neither"),
                      "a certificate needs its key, and a key its certificate");
}

/* ---- providers and features ------------------------------------------------------------------ */

/* "one, two or three" of the names in a table. */
static void list_names(struct sr_buf *buf, const char *name)
{
    sr_buf_fmt(buf, buf->len > 0 ? ", %s" : "one of: %s", name);
}

static void check_preset(struct config__load *load, uint32_t index, struct sr_str preset)
{
    struct ua_quirks quirks;
    char array[512];
    struct sr_buf buf;

    ua_quirks_init(&quirks);
    if (ua_quirks_preset(&quirks, preset) == SR_OK)
        return;
    sr_buf_init_fixed(&buf, array, sizeof(array));
    for (const struct ua_preset_info *info = ua_preset_table(); info->name != NULL; info++)
        list_names(&buf, info->name);
    config__fault(load, CONFIG_ERROR, config__node(load, "/providers/%u/preset", index),
                  sr_buf_view(&buf), "there is no preset \"%.*s\"", SR_STR_ARG(preset));
}

static void check_quirk(struct config__load *load, uint32_t index, const struct config_pair *pair)
{
    const struct jsonc_node *node = config__node(load, "/providers/%u/quirks", index);
    struct ua_quirks quirks;
    char array[512];
    struct sr_buf buf;
    enum sr_err err;

    sr_buf_init_fixed(&buf, array, sizeof(array));
    ua_quirks_init(&quirks);
    err = ua_quirks_set(&quirks, pair->name, pair->value);
    for (const struct ua_quirk_info *info = ua_quirk_table(); info->name != NULL; info++) {
        if (err == SR_ERR_NOTFOUND)
            list_names(&buf, info->name);
        else if (sr_str_eq_c(pair->name, info->name))
            sr_buf_fmt(&buf, "write one of: %s", info->values);
    }
    if (err == SR_ERR_NOTFOUND)
        config__fault(load, CONFIG_ERROR, node, sr_buf_view(&buf), "there is no quirk \"%.*s\"",
                      SR_STR_ARG(pair->name));
    else if (err != SR_OK)
        config__fault(load, CONFIG_ERROR, node, sr_buf_view(&buf),
                      "\"%.*s\" is not a value of the quirk \"%.*s\"", SR_STR_ARG(pair->value),
                      SR_STR_ARG(pair->name));
}

/* Right by its form, and hardly meant: a network that everybody is in. */
static void check_everybody(struct config__load *load, const struct config_cidrs *nets,
                            struct sr_str pointer, const char *what)
{
    for (uint32_t i = 0; i < nets->count; i++) {
        if (nets->items[i].bits == 0)
            config__fault(load, CONFIG_WARNING,
                          config__node(load, "%.*s/%u", SR_STR_ARG(pointer), i),
                          SR_STR("name the networks that are meant"),
                          "every address is in this network: %s", what);
    }
}

static void check_providers(struct config__load *load)
{
    const struct config *config = load->config;
    for (uint32_t i = 0; i < config->provider_count; i++) {
        const struct config_provider *provider = &config->providers[i];
        check_preset(load, i, provider->preset);
        for (uint32_t j = 0; j < provider->quirks.count; j++)
            check_quirk(load, i, &provider->quirks.items[j]);
        if (provider->is_registering && provider->is_enabled && provider->username.n == 0)
            config__fault(load, CONFIG_ERROR, config__node(load, "/providers/%u", i),
                          SR_STR("add \"username\" and \"password\", or set \"register\" to false"),
                          "a provider that is registered at needs a user name");
        if (!provider->is_registering && provider->trusted_addresses.count == 0)
            config__fault(load, CONFIG_NOTICE, config__node(load, "/providers/%u", i),
                          SR_STR("add \"trustedAddresses\" if its calls come from elsewhere"),
                          "only the addresses of its domain may send calls");
        check_everybody(load, &provider->trusted_addresses,
                        config__say(load, "/providers/%u/trustedAddresses", i),
                        "anybody may send calls as this provider");
    }
}

static bool is_built(enum config_feature_kind kind)
{
    return kind == CONFIG_FEATURE_ECHO || kind == CONFIG_FEATURE_PICKUP ||
           kind == CONFIG_FEATURE_INTERCOM || kind == CONFIG_FEATURE_CLOCK;
}

static void check_guard(struct config__load *load)
{
    const struct config *config = load->config;
    check_everybody(load, &config->security.deny, SR_STR("/security/deny"),
                    "no phone and no provider is served");
    check_everybody(load, &config->security.allow, SR_STR("/security/allow"),
                    "nobody who guesses passwords is banned");
    const struct config_texts *allowed = &config->security.allowed_countries;
    for (uint32_t i = 0; i < allowed->count; i++) {
        if (!number_has_country(allowed->items[i]))
            config__fault(load, CONFIG_ERROR,
                          config__node(load, "/security/allowedCountries/%u", i),
                          SR_STR("write two letters of ISO 3166, such as DE"),
                          "no country \"%.*s\" is known", SR_STR_ARG(allowed->items[i]));
    }
    if (allowed->count > 0 && config->country.n == 0)
        config__fault(load, CONFIG_WARNING, config__node(load, "/security/allowedCountries"),
                      SR_STR("set \"country\" to the home country"),
                      "without \"country\" only numbers with 00 or + tell where they lead: all "
                      "others are refused");
    if (config->country.n > 0 && !number_has_country(config->country))
        config__fault(load, CONFIG_WARNING, config__node(load, "/country"),
                      SR_STR("write two letters of ISO 3166, such as DE"),
                      "the numbers of this country are not known: they stay as they are dialled");
    for (uint32_t i = 0; i < config->provider_count; i++) {
        if (config->providers[i].country.n > 0 && !number_has_country(config->providers[i].country))
            config__fault(load, CONFIG_WARNING, config__node(load, "/providers/%u/country", i),
                          SR_STR("write two letters of ISO 3166, such as DE"),
                          "the numbers of this country are not known: they stay as they come");
    }
}

/* An extension that `code`, which takes digits, cannot reach because `longer` comes first; NULL: none. */
static const struct config_index_entry *find_hidden(const struct config *config,
                                                    const struct config_feature *code,
                                                    const struct config_feature *longer)
{
    struct sr_str digits = sr_str_from(longer->code, code->code.n);
    bool hides_more = config_feature_takes_digits(longer->kind);
    for (uint32_t i = 0; i < config->extensions.count; i++) {
        const struct config_index_entry *entry = &config->extensions.entries[i];
        if ((entry->kind == CONFIG_EXTENSION_DEVICE || entry->kind == CONFIG_EXTENSION_GROUP) &&
            (sr_str_eq(entry->key, digits) || (hides_more && sr_str_starts(entry->key, digits))))
            return entry;
    }
    return NULL;
}

/* The longest code wins: *43 is never *4 before 3. */
static void check_code(struct config__load *load, const struct config_feature *code)
{
    const struct config_features *features = &load->config->features;
    for (uint32_t i = 0; i < features->count; i++) {
        const struct config_feature *longer = &features->items[i];
        const struct config_index_entry *hidden = NULL;
        if (longer->code.n > code->code.n && sr_str_starts(longer->code, code->code))
            hidden = find_hidden(load->config, code, longer);
        if (!hidden)
            continue;
        config__fault(load, CONFIG_WARNING,
                      config__node(load, "/features/%.*s", SR_STR_ARG(code->code)),
                      SR_STR("choose a code that no other one begins with"),
                      "the code %.*s does not reach %.*s: the code %.*s comes first",
                      SR_STR_ARG(code->code), SR_STR_ARG(hidden->key), SR_STR_ARG(longer->code));
        return;
    }
}

/** Features that another piece of work brings: they answer, but do nothing yet. */
static void check_features(struct config__load *load)
{
    const struct config_features *features = &load->config->features;
    const struct jsonc_node *node = jsonc_member_c(load->root, "features");
    for (uint32_t i = 0; node && i < features->count; i++) {
        const struct config_feature *feature = &features->items[i];
        const struct jsonc_node *code = jsonc_member(node, feature->code);
        if (!is_built(feature->kind) && code)
            config__fault(load, CONFIG_NOTICE, code, SR_STR("it has no effect yet"),
                          "the feature \"%s\" is not built yet",
                          config_feature_names[feature->kind]);
        if (config_feature_takes_digits(feature->kind))
            check_code(load, feature);
    }
}

static void check_speech(struct config__load *load)
{
    const struct jsonc_node *node = config__node(load, "/speech/tts/engine");

    if (sr_str_eq_c(load->config->speech.tts.engine, "sherpa"))
        config__fault(load, CONFIG_NOTICE, node, SR_STR("use \"auto\""),
                      "the speech engine \"sherpa\" is not built yet: nothing is spoken");
}

void config__check(struct config__load *load)
{
    struct config *config = load->config;
    derive_addresses(load);
    derive_storage(load);
    derive_hours(load);
    derive_parking(&config->parking);
    derive_schedules(load);
    config__load_zones(load);
    number_objects(config);
    derive_files(load);
    if (load->is_full)
        return;
    check_extensions(load);
    if (load->is_full)
        return;
    check_devices(load);
    check_groups(load);
    check_ports(load);
    check_server(load);
    check_providers(load);
    check_features(load);
    check_speech(load);
    config__check_routes(load);
    if (load->is_full)
        return;
    check_guard(load);
    config__check_use(load);
    if (load->faults->error_count == 0)
        config__run_golden(load);
}
