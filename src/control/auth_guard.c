/* The guards of the door: whose pages may speak to us, and who guesses too much. */
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/random.h"
#include "control/auth.h"

/* ---- what belongs to a principal ---- */

const char *auth_owner(const struct auth_principal *who, char out[AUTH_OWNER_MAX])
{
    (void)snprintf(out, AUTH_OWNER_MAX, "%s%s", who->kind == AUTH_BY_TOKEN ? "token:" : "",
                   who->name);
    return out;
}

const char *auth_guest_id(const struct auth_principal *who, char out[AUTH_OWNER_MAX])
{
    char owner[AUTH_OWNER_MAX];

    (void)snprintf(out, AUTH_OWNER_MAX, "guest:%.*s", (int)sizeof(owner) - 8,
                   auth_owner(who, owner));
    return out;
}

bool auth_is_own_device(const struct auth_principal *who, const char *device_id)
{
    char guest[AUTH_OWNER_MAX];

    return device_id[0] != '\0' && (strcmp(device_id, who->device_id) == 0 ||
                                    strcmp(device_id, auth_guest_id(who, guest)) == 0);
}

/* ---- Host and Origin ---- */

/* "name:port" or "[v6]:port" without the port and brackets. */
static struct sr_str host_of(struct sr_str authority)
{
    if (authority.n > 0 && authority.p[0] == '[')
        return sr_str_from(sr_str_head(authority, sr_str_find(authority, ']', 0)), 1);
    return sr_str_head(authority, sr_str_find(authority, ':', 0));
}

/* Zones in which nobody outside of the LAN has a name. In any other one a stranger may have our short
   name, which is easily guessed, and point it at us. */
static bool is_lan_zone(struct sr_str zone)
{
    static const char *const zones[] = {"",         "local",   "lan",  "home",        "internal",
                                        "intranet", "private", "corp", "localdomain", "home.arpa",
                                        "fritz.box"};

    for (size_t i = 0; i < SR_ARRAY_LEN(zones); i++) {
        if (sr_str_ieq_c(zone, zones[i]))
            return true;
    }
    return false;
}

static bool is_own_name(struct sr_str host)
{
    size_t dot = sr_str_find(host, '.', 0);
    char name[256];

    if (gethostname(name, sizeof(name)) != 0)
        return false;
    name[sizeof(name) - 1] = '\0';
    if (sr_str_ieq_c(host, name))
        return true;
    return dot > 0 && is_lan_zone(sr_str_from(host, dot + 1)) &&
           sr_str_ieq(sr_str_head(host, dot),
                      sr_str_head(sr_str_c(name), sr_str_find(sr_str_c(name), '.', 0)));
}

static struct sr_str authority_of(struct sr_str origin)
{
    size_t at = sr_str_search(origin, SR_STR("://"));

    return at < origin.n ? sr_str_from(origin, at + 3) : sr_str_make(NULL, 0);
}

bool auth_host_is_ours(const struct config *config, const struct http_head *head)
{
    struct sr_str host = http_head_find(head, "host");
    struct sr_str name = host_of(host);
    struct sr_addr addr;

    if (name.n == 0)
        return false;
    if (sr_str_ieq_c(name, "localhost") || sr_addr_parse_ip(name, &addr) == SR_OK ||
        is_own_name(name))
        return true;
    for (uint32_t i = 0; i < config->server.allowed_origins.count; i++) {
        if (sr_str_ieq(name, host_of(authority_of(config->server.allowed_origins.items[i]))))
            return true;
    }
    return false;
}

bool auth_origin_is_listed(const struct config *config, const struct http_head *head)
{
    struct sr_str origin = http_head_find(head, "origin");

    for (uint32_t i = 0; origin.n > 0 && i < config->server.allowed_origins.count; i++) {
        if (sr_str_ieq(origin, config->server.allowed_origins.items[i]))
            return true;
    }
    return false;
}

bool auth_origin_is_ours(const struct config *config, const struct http_head *head, bool is_tls)
{
    struct sr_str origin = http_head_find(head, "origin");

    if (origin.p == NULL)
        return true;
    if (sr_str_istarts(origin, is_tls ? SR_STR("https://") : SR_STR("http://")) &&
        sr_str_ieq(authority_of(origin), http_head_find(head, "host")))
        return true;
    return auth_origin_is_listed(config, head);
}

static bool is_loopback_text(struct sr_str text)
{
    struct sr_addr addr;

    return text.n == 0 || (sr_addr_parse_ip(text, &addr) == SR_OK && sr_addr_is_loopback(&addr));
}

bool auth_is_loopback_only(const struct config *config)
{
    const struct config_server *server = &config->server;

    return (server->web_ui_port == 0 || is_loopback_text(server->web_ui_bind)) &&
           (server->web_ui_tls_port == 0 || is_loopback_text(server->web_ui_tls_bind));
}

/* ---- failures per source and account ---- */

enum {
    GUARD_SETS = 256, /* memory is fixed: strangers choose the keys */
    GUARD_WAYS = 4,
};

struct guard_entry {
    uint64_t key; /* 0: empty */
    int64_t since;
    uint32_t failures;
};

struct auth_guard {
    uint8_t secret[16];
    struct guard_entry entries[GUARD_SETS][GUARD_WAYS];
};

struct auth_guard *auth_guard_new(void)
{
    struct auth_guard *guard = sr_zalloc(1, sizeof(*guard));

    sr_random_bytes(guard->secret, sizeof(guard->secret));
    return guard;
}

void auth_guard_free(struct auth_guard *guard)
{
    sr_free(guard);
}

static uint64_t source_key(const struct auth_guard *guard, const struct sr_addr *source)
{
    /* an IPv6 host owns its whole /64 */
    return sr_siphash(guard->secret, source->ip, source->family == SR_ADDR_IP6 ? 8 : 4) | 1;
}

static uint64_t account_key(const struct auth_guard *guard, struct sr_str account)
{
    return sr_siphash(guard->secret, account.p, account.n) & ~(uint64_t)1;
}

static struct guard_entry *find(struct auth_guard *guard, uint64_t key, int64_t now)
{
    struct guard_entry *set = guard->entries[(key >> 8) % GUARD_SETS];

    for (int i = 0; i < GUARD_WAYS; i++) {
        if (set[i].key == key && now - set[i].since < AUTH_WINDOW_SEC * SR_SEC)
            return &set[i];
    }
    return NULL;
}

static uint32_t wait_of(const struct guard_entry *entry, uint32_t failures_max, int64_t now)
{
    int64_t left;

    if (entry == NULL || entry->failures < failures_max)
        return 0;
    left = entry->since + AUTH_WINDOW_SEC * SR_SEC - now;
    return (uint32_t)(left / SR_SEC) + 1;
}

uint32_t auth_guard_wait(struct auth_guard *guard, const struct sr_addr *source,
                         struct sr_str account, int64_t now)
{
    uint32_t wait =
        wait_of(find(guard, source_key(guard, source), now), AUTH_SOURCE_FAILURES_MAX, now);
    uint32_t wait_account = 0;

    if (account.n > 0)
        wait_account =
            wait_of(find(guard, account_key(guard, account), now), AUTH_ACCOUNT_FAILURES_MAX, now);
    return SR_MAX(wait, wait_account);
}

static void count(struct auth_guard *guard, uint64_t key, int64_t now)
{
    struct guard_entry *set = guard->entries[(key >> 8) % GUARD_SETS];
    struct guard_entry *entry = find(guard, key, now);

    if (entry == NULL) { /* the oldest gives way */
        entry = &set[0];
        for (int i = 1; i < GUARD_WAYS; i++) {
            if (set[i].key == 0 || (entry->key != 0 && set[i].since < entry->since))
                entry = &set[i];
        }
        *entry = (struct guard_entry){.key = key, .since = now};
    }
    entry->failures++;
}

void auth_guard_failed(struct auth_guard *guard, const struct sr_addr *source,
                       struct sr_str account, int64_t now)
{
    count(guard, source_key(guard, source), now);
    if (account.n > 0)
        count(guard, account_key(guard, account), now);
}

static void forget(struct auth_guard *guard, uint64_t key)
{
    struct guard_entry *set = guard->entries[(key >> 8) % GUARD_SETS];

    for (int i = 0; i < GUARD_WAYS; i++) {
        if (set[i].key == key)
            set[i] = (struct guard_entry){0};
    }
}

void auth_guard_succeeded(struct auth_guard *guard, const struct sr_addr *source,
                          struct sr_str account)
{
    forget(guard, source_key(guard, source));
    if (account.n > 0)
        forget(guard, account_key(guard, account));
}
