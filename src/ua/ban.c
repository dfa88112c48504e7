/* Guessers: failures per minute of a source and user, and of a source; bounded, oldest out. */
#include "base/alloc.h"
#include "base/log.h"
#include "ua/provider_internal.h"

enum {
    USER_MAX = 64,
    KEY_MAX = 17 + USER_MAX,
    WINDOW_SEC = 60,
    SOURCE_FACTOR = 5,  /* a source may fail that many times as often as one user of it */
    SLOW_SEC = 1,       /* between two attempts of a user where nobody is banned */
    EMERGENCY_SEC = 30, /* between two wrong passwords of emergency calls through a ban */
};

struct entry {
    struct sr_node node; /* longest unused first */
    char key[KEY_MAX];
    uint8_t key_len;
    uint32_t failures;
    sr_usec window_end;
    sr_usec banned_until; /* 0: not banned */
    sr_usec next_at;      /* slowed: earliest next attempt */
    sr_usec emergency_at; /* banned: the next emergency call may try */
};

struct ua_ban {
    struct ua *ua;
    struct sr_map map;
    struct sr_list list;
};

struct ua_ban *ban__new(struct ua *ua)
{
    struct ua_ban *ban = sr_zalloc(1, sizeof(*ban));

    ban->ua = ua;
    sr_map_init(&ban->map);
    sr_list_init(&ban->list);
    return ban;
}

static void drop(struct ua_ban *ban, struct entry *entry)
{
    (void)sr_map_remove(&ban->map, sr_str_make(entry->key, entry->key_len));
    sr_list_remove(&ban->list, &entry->node);
    sr_free(entry);
}

void ban__free(struct ua_ban *ban)
{
    struct sr_node *node;

    while ((node = sr_list_first(&ban->list)) != NULL)
        drop(ban, SR_CONTAINER(node, struct entry, node));
    sr_map_done(&ban->map);
    sr_free(ban);
}

/* Address family, address, user; the user empty for the source as a whole. */
static struct sr_str make_key(const struct sr_addr *source, struct sr_str user, char out[KEY_MAX])
{
    size_t n = SR_MIN(user.n, (size_t)USER_MAX);

    out[0] = (char)source->family;
    memcpy(out + 1, source->ip, sizeof(source->ip));
    if (n > 0)
        memcpy(out + 17, user.p, n);
    return sr_str_make(out, 17 + n);
}

static struct entry *find(struct ua_ban *ban, const struct sr_addr *source, struct sr_str user)
{
    char array[KEY_MAX];

    if (ban->map.count == 0)
        return NULL;
    return sr_map_find(&ban->map, make_key(source, user, array));
}

static struct entry *get(struct ua_ban *ban, const struct sr_addr *source, struct sr_str user)
{
    struct entry *entry = find(ban, source, user);
    char array[KEY_MAX];
    struct sr_str key = make_key(source, user, array);

    if (entry != NULL) {
        sr_list_remove(&ban->list, &entry->node);
        sr_list_add(&ban->list, &entry->node);
        return entry;
    }
    if (ban->list.count >= UA_BAN_ENTRIES)
        drop(ban, SR_CONTAINER(sr_list_first(&ban->list), struct entry, node));
    entry = sr_zalloc(1, sizeof(*entry));
    memcpy(entry->key, key.p, key.n);
    entry->key_len = (uint8_t)key.n;
    (void)sr_map_put(&ban->map, sr_str_make(entry->key, entry->key_len), entry);
    sr_list_add(&ban->list, &entry->node);
    return entry;
}

/* Never banned: named in the settings, or phones of ours live there. */
static bool is_exempt(struct ua_ban *ban, const struct sr_addr *source)
{
    const struct ua_settings *settings = &ban->ua->settings;

    for (size_t i = 0; i < settings->allow_count; i++) {
        if (sr_cidr_has(&settings->allow[i], source))
            return true;
    }
    return registrar__source_is_registered(ban->ua, source) ||
           provider__has_source(ban->ua, source);
}

static bool is_banned(struct ua_ban *ban, struct entry *entry)
{
    if (entry == NULL || entry->banned_until == 0)
        return false;
    if (entry->banned_until > ua__now(ban->ua))
        return true;
    entry->banned_until = 0;
    entry->failures = 0;
    return false;
}

bool ban__has_source(struct ua_ban *ban, const struct sr_addr *source)
{
    return is_banned(ban, find(ban, source, SR_STR("")));
}

bool ban__has_user(struct ua_ban *ban, const struct sr_addr *source, struct sr_str user)
{
    struct entry *entry = find(ban, source, user);

    if (entry == NULL || user.n == 0)
        return false;
    return is_banned(ban, entry) || entry->next_at > ua__now(ban->ua);
}

static void set_banned(struct ua_ban *ban, struct entry *entry, const struct sr_addr *source,
                       struct sr_str user)
{
    uint32_t ban_sec = ban->ua->settings.ban_sec;
    char addr[SR_ADDR_TEXT_MAX];
    char name[USER_MAX];

    entry->banned_until = ua__now(ban->ua) + (sr_usec)ban_sec * SR_SEC;
    ban->ua->stats.bans_total++;
    sr_log(SIP, WARN, "event=banned source=%s user=%s seconds=%u", sr_addr_ip_text(source, addr),
           sr_log_quote(user, name, sizeof(name)), (unsigned)ban_sec);
    if (ban->ua->ops->on_ban != NULL)
        ban->ua->ops->on_ban(ban->ua->arg, source, user, ban_sec);
}

static void count(struct ua_ban *ban, const struct sr_addr *source, struct sr_str user,
                  uint32_t max)
{
    sr_usec now = ua__now(ban->ua);
    struct entry *entry = get(ban, source, user);

    if (entry->window_end <= now) {
        entry->window_end = now + WINDOW_SEC * SR_SEC;
        entry->failures = 0;
    }
    entry->failures++;
    if (entry->banned_until > now) /* an emergency call that got through */
        entry->emergency_at = now + EMERGENCY_SEC * SR_SEC;
    if (max == 0 || entry->failures < max || entry->banned_until > now)
        return;
    if (!is_exempt(ban, source))
        set_banned(ban, entry, source, user);
    else if (user.n > 0)
        entry->next_at = now + SLOW_SEC * SR_SEC;
}

void ban__failure(struct ua_ban *ban, const struct sr_addr *source, struct sr_str user)
{
    uint32_t max = ban->ua->settings.auth_failures_max;

    if (user.n > 0)
        count(ban, source, user, max);
    count(ban, source, SR_STR(""), max > UINT32_MAX / SOURCE_FACTOR ? max : max * SOURCE_FACTOR);
}

void ban__success(struct ua_ban *ban, const struct sr_addr *source, struct sr_str user)
{
    struct entry *entry = find(ban, source, user);

    if (entry != NULL && user.n > 0)
        drop(ban, entry);
    entry = find(ban, source, SR_STR(""));
    if (is_banned(ban, entry)) /* an emergency call: a phone of ours lives there */
        drop(ban, entry);
}

bool ban__lets_emergency(struct ua_ban *ban, const struct sr_addr *source, struct sr_str user)
{
    const struct entry *of_source = find(ban, source, SR_STR(""));
    const struct entry *of_user = user.n > 0 ? find(ban, source, user) : NULL;
    sr_usec now = ua__now(ban->ua);

    return (of_source == NULL || of_source->emergency_at <= now) &&
           (of_user == NULL || of_user->emergency_at <= now);
}

uint32_t ban__count(struct ua_ban *ban)
{
    uint32_t banned = 0;

    SR_LIST_EACH(&ban->list, node)
    banned += is_banned(ban, SR_CONTAINER(node, struct entry, node));
    return banned;
}
