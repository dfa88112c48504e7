/* Guessers: failures per minute of a source and user, and of a source; bounded, oldest out.
 *
 * Who has one IPv6 address has the /64 around it: strangers are counted and banned by that. An address
 * that is known (a phone of ours lives there, a provider, or the settings name it) is counted for itself
 * alone, and a ban of the network around it is not its own. */
#include "base/alloc.h"
#include "base/log.h"
#include "ua/provider_internal.h"

enum {
    USER_MAX = 64,
    KEY_MAX = 17 + USER_MAX,
    NETWORK_BYTES = 8, /* of an IPv6 address */
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
    bool has_provider;    /* banned: a server of a provider is there, or in that network */
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

/* Is its network more than itself? */
static bool is_shared(const struct sr_addr *source)
{
    return source->family == SR_ADDR_IP6;
}

/* Family, address (or network, the rest 0), user; the user empty for the source as a whole. */
static struct sr_str make_key(const struct sr_addr *source, bool is_network, struct sr_str user,
                              char out[KEY_MAX])
{
    size_t n = SR_MIN(user.n, (size_t)USER_MAX);

    memset(out, 0, 1 + sizeof(source->ip));
    out[0] = (char)(is_network ? -source->family : source->family);
    memcpy(out + 1, source->ip, is_network ? NETWORK_BYTES : sizeof(source->ip));
    if (n > 0)
        memcpy(out + 17, user.p, n);
    return sr_str_make(out, 17 + n);
}

static struct entry *find(struct ua_ban *ban, const struct sr_addr *source, bool is_network,
                          struct sr_str user)
{
    char array[KEY_MAX];

    if (ban->map.count == 0)
        return NULL;
    return sr_map_find(&ban->map, make_key(source, is_network, user, array));
}

static struct entry *get(struct ua_ban *ban, const struct sr_addr *source, bool is_network,
                         struct sr_str user)
{
    struct entry *entry = find(ban, source, is_network, user);
    char array[KEY_MAX];
    struct sr_str key = make_key(source, is_network, user, array);

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
static bool is_known(struct ua_ban *ban, const struct sr_addr *source)
{
    const struct ua_settings *settings = &ban->ua->settings;

    for (size_t i = 0; i < settings->allow_count; i++) {
        if (sr_cidr_has(&settings->allow[i], source))
            return true;
    }
    return registrar__source_is_registered(ban->ua, source);
}

static bool is_exempt(struct ua_ban *ban, const struct sr_addr *source)
{
    return is_known(ban, source) || provider__has_source(ban->ua, source, false);
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

/* The entry that is in force against that source; who became known meanwhile is free of it. */
static struct entry *find_ban(struct ua_ban *ban, const struct sr_addr *source, struct sr_str user)
{
    struct entry *entry = find(ban, source, is_shared(source), user);

    if (!is_banned(ban, entry) || is_known(ban, source) ||
        (entry->has_provider && provider__has_source(ban->ua, source, false)))
        return NULL;
    return entry;
}

bool ban__has_source(struct ua_ban *ban, const struct sr_addr *source)
{
    return find_ban(ban, source, SR_STR("")) != NULL;
}

bool ban__has_user(struct ua_ban *ban, const struct sr_addr *source, struct sr_str user)
{
    const struct entry *own = find(ban, source, false, user);

    if (user.n == 0)
        return false;
    return (own != NULL && own->next_at > ua__now(ban->ua)) || find_ban(ban, source, user) != NULL;
}

void ban__spare(struct ua_ban *ban, const struct sr_addr *server)
{
    struct entry *entry = find(ban, server, is_shared(server), SR_STR(""));

    if (entry != NULL)
        entry->has_provider = true;
}

static void set_banned(struct ua_ban *ban, struct entry *entry, const struct sr_addr *source,
                       struct sr_str user)
{
    uint32_t ban_sec = ban->ua->settings.ban_sec;
    char addr[SR_ADDR_TEXT_MAX];
    char name[USER_MAX];

    entry->banned_until = ua__now(ban->ua) + (sr_usec)ban_sec * SR_SEC;
    entry->has_provider = provider__has_source(ban->ua, source, true);
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
    bool is_spared = is_exempt(ban, source);
    struct entry *entry = get(ban, source, is_shared(source) && !is_spared, user);

    if (entry->window_end <= now) {
        entry->window_end = now + WINDOW_SEC * SR_SEC;
        entry->failures = 0;
    }
    entry->failures++;
    if (entry->banned_until > now) /* an emergency call that got through */
        entry->emergency_at = now + EMERGENCY_SEC * SR_SEC;
    if (max == 0 || entry->failures < max)
        return;
    if (is_spared)
        entry->next_at = now + SLOW_SEC * SR_SEC; /* read for users only */
    else if (entry->banned_until <= now)
        set_banned(ban, entry, source, user);
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
    struct entry *entry;

    for (int is_network = 0; is_network <= is_shared(source); is_network++) {
        entry = user.n > 0 ? find(ban, source, is_network != 0, user) : NULL;
        if (entry != NULL)
            drop(ban, entry);
    }
    entry = find_ban(ban, source, SR_STR(""));
    if (entry != NULL) /* an emergency call: a phone of ours lives there */
        drop(ban, entry);
}

bool ban__lets_emergency(struct ua_ban *ban, const struct sr_addr *source, struct sr_str user)
{
    const struct entry *of_source = find_ban(ban, source, SR_STR(""));
    const struct entry *of_user = user.n > 0 ? find_ban(ban, source, user) : NULL;
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
