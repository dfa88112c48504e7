#include "net/resolver.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "net/resolver_internal.h"

enum {
    HOSTS_MAX = 4096,
    HOSTS_LINE_MAX = 1024,
    SERVICES_MAX = 8,
    HEALTH_KEY_MAX = SR_ADDR_TEXT_MAX + 8,
};

struct resolver_work {
    struct sr_node link;
    struct resolver *resolver;
    struct resolver_query *query;
    char host[DNS_NAME_MAX];
    struct resolver_request request; /* host is not used */
    resolver_fn *fn;
    void *arg;
    struct loop_timer deadline;
};

struct health {
    char key[HEALTH_KEY_MAX];
    sr_usec bad_until;
    unsigned failures;
};

/* What one pass over the cache finds; passes are repeated until nothing is missing. */
struct pass {
    struct resolver *resolver;
    const struct resolver_request *request;
    bool is_waiting;
    enum sr_err worst; /* of address lookups */
    struct resolver_target targets[RESOLVER_TARGETS_MAX];
    size_t target_count;
};

struct service {
    enum net_kind kind;
    char name[DNS_NAME_MAX]; /* of the SRV */
};

/* ---- cache ---- */

static void make_key(char out[DNS_NAME_MAX + 8], const char *name, enum dns_type type)
{
    (void)snprintf(out, DNS_NAME_MAX + 8, "%d %s", (int)type, name);
    for (char *p = out; *p; p++)
        *p = sr_lower(*p);
}

static void forget_entry(struct resolver *resolver, struct resolver__entry *entry)
{
    (void)sr_map_remove(&resolver->cache, sr_str_c(entry->key));
    sr_free(entry->records);
    sr_free(entry);
}

static bool make_room(struct resolver *resolver)
{
    struct resolver__entry *first = NULL;
    struct resolver__entry *entry;
    size_t cursor = 0;

    if (resolver->cache.count < RESOLVER_CACHE_MAX)
        return true;
    while ((entry = sr_map_next(&resolver->cache, &cursor)) != NULL)
        if (!entry->is_pending && (!first || entry->expires_at < first->expires_at))
            first = entry;
    if (first)
        forget_entry(resolver, first);
    return first != NULL;
}

/* The entry when known; NULL: asked now or before (pass waits), or no room (counts as failed). */
static const struct resolver__entry *look_up(struct pass *pass, const char *name,
                                             enum dns_type type)
{
    struct resolver *resolver = pass->resolver;
    char key[DNS_NAME_MAX + 8];

    make_key(key, name, type);
    struct resolver__entry *entry = sr_map_find(&resolver->cache, sr_str_c(key));
    if (entry && !entry->is_pending && entry->expires_at <= loop_now(resolver->loop)) {
        forget_entry(resolver, entry);
        entry = NULL;
    }
    if (entry && !entry->is_pending) {
        resolver->stats.cache_hits++;
        return entry;
    }
    if (!entry) {
        if (!make_room(resolver)) {
            pass->worst = SR_ERR_TIMEOUT;
            return NULL;
        }
        entry = sr_zalloc(1, sizeof(*entry));
        memcpy(entry->key, key, sizeof(key));
        entry->type = type;
        entry->is_pending = true;
        (void)sr_map_put(&resolver->cache, sr_str_c(entry->key), entry);
        resolver->stats.asked++;
        resolver->ops->ask(resolver, name, type);
    }
    pass->is_waiting = true;
    return NULL;
}

void resolver__answered(struct resolver *resolver, const char *name, enum dns_type type,
                        enum sr_err err, const struct dns_answer *answer)
{
    char key[DNS_NAME_MAX + 8];
    uint32_t ttl_sec = RESOLVER_NEGATIVE_SEC;

    make_key(key, name, type);
    struct resolver__entry *entry = sr_map_find(&resolver->cache, sr_str_c(key));
    SR_ASSERT(entry && entry->is_pending);
    entry->is_pending = false;
    entry->err = err;
    if (err == SR_OK && answer->record_count > 0) {
        entry->records = sr_zalloc(answer->record_count, sizeof(*entry->records));
        memcpy(entry->records, answer->records, answer->record_count * sizeof(*entry->records));
        entry->record_count = answer->record_count;
        ttl_sec = SR_MIN(SR_MAX(answer->ttl_sec_min, RESOLVER_TTL_SEC_MIN), RESOLVER_TTL_SEC_MAX);
    }
    if (err == SR_ERR_TIMEOUT) {
        resolver->stats.timeouts++;
        ttl_sec = RESOLVER_TTL_SEC_MIN; /* asked again soon, but not at once */
    } else if (err != SR_OK && err != SR_ERR_NOTFOUND) {
        resolver->stats.answers_bad++;
        ttl_sec = RESOLVER_TTL_SEC_MIN;
    }
    entry->expires_at = loop_now(resolver->loop) + ttl_sec * SR_SEC;
    loop_defer(resolver->loop, &resolver->rerun);
}

/* ---- health ---- */

static void health_key(const struct resolver_target *target, char out[HEALTH_KEY_MAX])
{
    char text[SR_ADDR_TEXT_MAX];

    (void)snprintf(out, HEALTH_KEY_MAX, "%d %s", (int)target->kind,
                   sr_addr_text(&target->addr, text));
}

static struct health *find_health(struct resolver *resolver, const struct resolver_target *target)
{
    char key[HEALTH_KEY_MAX];

    health_key(target, key);
    return sr_map_find(&resolver->health, sr_str_c(key));
}

void resolver_mark_bad(struct resolver *resolver, const struct resolver_target *target)
{
    struct health *health = find_health(resolver, target);
    sr_usec pause = RESOLVER_BAD_SEC_MIN;

    if (!health) {
        if (resolver->health.count >= RESOLVER_HEALTH_MAX) {
            size_t cursor = 0;
            struct health *any = sr_map_next(&resolver->health, &cursor);
            (void)sr_map_remove(&resolver->health, sr_str_c(any->key));
            sr_free(any);
        }
        health = sr_zalloc(1, sizeof(*health));
        health_key(target, health->key);
        (void)sr_map_put(&resolver->health, sr_str_c(health->key), health);
    }
    for (unsigned i = 0; i < health->failures && pause < RESOLVER_BAD_SEC_MAX; i++)
        pause *= 2;
    health->failures++;
    health->bad_until =
        loop_now(resolver->loop) + SR_MIN(pause, (sr_usec)RESOLVER_BAD_SEC_MAX) * SR_SEC;
}

void resolver_mark_good(struct resolver *resolver, const struct resolver_target *target)
{
    struct health *health = find_health(resolver, target);

    if (!health)
        return;
    (void)sr_map_remove(&resolver->health, sr_str_c(health->key));
    sr_free(health);
}

/* Bad ones go behind the others, order kept within both. */
static void sort_by_health(struct pass *pass)
{
    struct resolver_target sorted[RESOLVER_TARGETS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < pass->target_count; i++) {
        const struct health *health = find_health(pass->resolver, &pass->targets[i]);
        pass->targets[i].is_bad = health && health->bad_until > loop_now(pass->resolver->loop);
    }
    for (int bad = 0; bad < 2; bad++)
        for (size_t i = 0; i < pass->target_count; i++)
            if (pass->targets[i].is_bad == (bad == 1))
                sorted[count++] = pass->targets[i];
    memcpy(pass->targets, sorted, count * sizeof(sorted[0]));
}

/* ---- RFC 3263 ---- */

static uint16_t default_port(enum net_kind kind)
{
    return net_kind_is_secure(kind) ? 5061 : 5060;
}

static void add_target(struct pass *pass, enum net_kind kind, const struct sr_addr *addr,
                       uint16_t port)
{
    struct resolver_target target = {.kind = kind, .addr = *addr};

    target.addr.port = port;
    for (size_t i = 0; i < pass->target_count; i++)
        if (pass->targets[i].kind == kind && sr_addr_eq(&pass->targets[i].addr, &target.addr))
            return;
    if (pass->target_count < RESOLVER_TARGETS_MAX)
        pass->targets[pass->target_count++] = target;
}

static bool add_from_hosts(struct pass *pass, const char *name, enum net_kind kind, uint16_t port)
{
    bool is_found = false;

    for (size_t i = 0; i < pass->resolver->host_count; i++) {
        const struct resolver__host *host = &pass->resolver->hosts[i];
        if (!sr_str_ieq_c(sr_str_c(name), host->name))
            continue;
        if (host->addr.family == SR_ADDR_IP6 && pass->request->is_ip6_off)
            continue;
        add_target(pass, kind, &host->addr, port);
        is_found = true;
    }
    return is_found;
}

/* A before AAAA: IPv6 paths that are announced but broken are common, the reverse is rare. */
static void add_addresses(struct pass *pass, const char *name, enum net_kind kind, uint16_t port)
{
    static const enum dns_type types[2] = {DNS_A, DNS_AAAA};
    struct sr_addr numeric;

    if (sr_addr_parse_ip(sr_str_c(name), &numeric) == SR_OK) {
        add_target(pass, kind, &numeric, port);
        return;
    }
    if (add_from_hosts(pass, name, kind, port))
        return;
    for (int i = 0; i < (pass->request->is_ip6_off ? 1 : 2); i++) {
        const struct resolver__entry *entry = look_up(pass, name, types[i]);
        if (!entry)
            continue;
        if (entry->err != SR_OK && pass->worst != SR_ERR_TIMEOUT)
            pass->worst = entry->err;
        for (size_t j = 0; j < entry->record_count; j++)
            add_target(pass, kind, &entry->records[j].addr, port);
    }
}

/* RFC 2782: by priority; inside one, chosen at random in proportion to the weight. */
static void order_srv(struct resolver *resolver, struct dns_record *records, size_t count)
{
    for (size_t place = 0; place < count; place++) {
        uint32_t sum = 0;
        uint16_t priority = UINT16_MAX;
        for (size_t i = place; i < count; i++)
            priority = SR_MIN(priority, records[i].priority);
        for (size_t i = place; i < count; i++)
            sum += records[i].priority == priority ? records[i].weight + 1U : 0;
        /* weight + 1: those of weight 0 get a small chance */
        uint32_t pick = (uint32_t)sr_prng_below(&resolver->prng, sum);
        size_t chosen = place;
        for (size_t i = place; i < count; i++) {
            if (records[i].priority != priority)
                continue;
            chosen = i;
            if (pick < records[i].weight + 1U)
                break;
            pick -= records[i].weight + 1U;
        }
        struct dns_record record = records[chosen];
        records[chosen] = records[place];
        records[place] = record;
    }
}

/* True: the SRV exists (its targets were added, or are awaited). */
static bool add_srv(struct pass *pass, const char *name, enum net_kind kind)
{
    const struct resolver__entry *entry = look_up(pass, name, DNS_SRV);
    struct dns_record records[DNS_RECORDS_MAX];
    size_t count;

    if (!entry || entry->record_count == 0)
        return false;
    count = entry->record_count;
    memcpy(records, entry->records, count * sizeof(records[0]));
    order_srv(pass->resolver, records, count);
    for (size_t i = 0; i < SR_MIN(count, (size_t)RESOLVER_TARGETS_MAX); i++)
        if (records[i].target[0] != '\0' && records[i].port != 0) /* "." : not offered here */
            add_addresses(pass, records[i].target, kind, records[i].port);
    return true;
}

static const char *srv_prefix(enum net_kind kind)
{
    return kind == NET_UDP ? "_sip._udp." : kind == NET_TLS ? "_sips._tcp." : "_sip._tcp.";
}

static bool srv_of_kind(struct pass *pass, const char *host, enum net_kind kind)
{
    char name[DNS_NAME_MAX];

    if (snprintf(name, sizeof(name), "%s%s", srv_prefix(kind), host) >= (int)sizeof(name))
        return false;
    return add_srv(pass, name, kind);
}

static int by_order(const void *a, const void *b)
{
    const struct dns_record *x = a;
    const struct dns_record *y = b;
    uint32_t kx = (uint32_t)x->priority << 16 | x->weight;
    uint32_t ky = (uint32_t)y->priority << 16 | y->weight;

    return kx < ky ? -1 : kx > ky;
}

static size_t read_naptr(struct pass *pass, const char *host, struct service out[SERVICES_MAX])
{
    const struct resolver__entry *entry = look_up(pass, host, DNS_NAPTR);
    struct dns_record records[DNS_RECORDS_MAX];
    size_t count = 0;

    if (!entry || entry->record_count == 0)
        return 0;
    memcpy(records, entry->records, entry->record_count * sizeof(records[0]));
    qsort(records, entry->record_count, sizeof(records[0]), by_order);
    for (size_t i = 0; i < entry->record_count && count < SERVICES_MAX; i++) {
        const char *service = records[i].service;
        enum net_kind kind = strcmp(service, "SIPS+D2T") == 0  ? NET_TLS
                             : strcmp(service, "SIP+D2T") == 0 ? NET_TCP
                             : strcmp(service, "SIP+D2U") == 0 ? NET_UDP
                                                               : NET_KIND_COUNT;
        if (kind == NET_KIND_COUNT || strcmp(records[i].flags, "s") != 0 ||
            (pass->request->is_secure && kind != NET_TLS))
            continue;
        out[count].kind = kind;
        memcpy(out[count].name, records[i].target, sizeof(out[count].name));
        count++;
    }
    return count;
}

static void pass_unknown_kind(struct pass *pass, const char *host)
{
    struct service services[SERVICES_MAX];
    size_t count = read_naptr(pass, host, services);
    bool is_found = false;

    if (pass->is_waiting)
        return;
    for (size_t i = 0; i < count; i++)
        is_found |= add_srv(pass, services[i].name, services[i].kind);
    if (is_found || pass->is_waiting)
        return;
    if (!pass->request->is_secure) {
        is_found |= srv_of_kind(pass, host, NET_UDP);
        is_found |= srv_of_kind(pass, host, NET_TCP);
    }
    is_found |= srv_of_kind(pass, host, NET_TLS);
    enum net_kind kind = pass->request->is_secure ? NET_TLS : NET_UDP;
    if (!is_found && !pass->is_waiting)
        add_addresses(pass, host, kind, default_port(kind));
}

static bool hosts_has(const struct resolver *resolver, const char *name)
{
    for (size_t i = 0; i < resolver->host_count; i++)
        if (sr_str_ieq_c(sr_str_c(name), resolver->hosts[i].name))
            return true;
    return false;
}

static void run_pass(struct pass *pass, const char *host)
{
    const struct resolver_request *request = pass->request;
    enum net_kind kind = request->is_secure ? NET_TLS : NET_UDP;
    struct sr_addr numeric;
    bool is_direct = request->port != 0 || sr_addr_parse_ip(sr_str_c(host), &numeric) == SR_OK ||
                     hosts_has(pass->resolver, host);

    kind = request->is_kind_given ? request->kind : kind;
    if (is_direct) {
        add_addresses(pass, host, kind, request->port ? request->port : default_port(kind));
    } else if (!request->is_kind_given) {
        pass_unknown_kind(pass, host);
    } else if (!srv_of_kind(pass, host, kind) && !pass->is_waiting) {
        add_addresses(pass, host, kind, default_port(kind));
    }
}

/* ---- queries ---- */

static void forget_work(struct resolver_work *work)
{
    work->query->work = NULL;
    loop_timer_clear(work->resolver->loop, &work->deadline);
    sr_list_remove(&work->resolver->works, &work->link);
    sr_free(work);
}

static void finish(struct resolver_work *work, enum sr_err err,
                   const struct resolver_target *targets, size_t count)
{
    resolver_fn *fn = work->fn;
    void *arg = work->arg;

    work->resolver->stats.failed += err != SR_OK;
    forget_work(work);
    fn(arg, err, targets, count);
}

/* True when it is finished (and work is gone). */
static bool run_work(struct resolver_work *work)
{
    struct pass pass = {.resolver = work->resolver, .request = &work->request, .worst = SR_OK};

    run_pass(&pass, work->host);
    if (pass.is_waiting)
        return false;
    if (pass.target_count == 0) {
        finish(work, pass.worst == SR_OK ? SR_ERR_NOTFOUND : pass.worst, NULL, 0);
        return true;
    }
    sort_by_health(&pass);
    finish(work, SR_OK, pass.targets, pass.target_count);
    return true;
}

static void on_rerun(void *arg)
{
    struct resolver *resolver = arg;
    size_t count = resolver->works.count;

    /* a user may start or cancel any query from its answer: take the first, put it last */
    while (count-- > 0 && sr_list_first(&resolver->works)) {
        struct sr_node *node = sr_list_pop(&resolver->works);
        sr_list_add(&resolver->works, node);
        (void)run_work(SR_CONTAINER(node, struct resolver_work, link));
    }
}

static void on_deadline(void *arg)
{
    struct resolver_work *work = arg;

    work->resolver->stats.timeouts++;
    finish(work, SR_ERR_TIMEOUT, NULL, 0);
}

static bool host_is_sane(const char *host)
{
    size_t n = strlen(host);

    for (size_t i = 0; i < n; i++)
        if (!sr_is_alpha(host[i]) && !sr_is_digit(host[i]) && !strchr("-_.:%", host[i]))
            return false;
    return n > 0 && n <= 253 && !strstr(host, "..") && host[0] != '.';
}

enum sr_err resolver_query(struct resolver *resolver, struct resolver_query *query,
                           const struct resolver_request *request, resolver_fn *fn, void *arg)
{
    struct sr_str host = request->host;

    SR_ASSERT(loop_is_current(resolver->loop));
    SR_ASSERT(query->work == NULL);
    if (resolver->works.count >= RESOLVER_QUERIES_MAX)
        return SR_ERR_LIMIT;
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = sr_str_make(host.p + 1, host.n - 2);
    if (host.n > 1 && host.p[host.n - 1] == '.')
        host = sr_str_head(host, host.n - 1);
    struct resolver_work *work = sr_zalloc(1, sizeof(*work));
    if (!sr_str_copy(host, work->host, sizeof(work->host)) || strlen(work->host) != host.n ||
        !host_is_sane(work->host)) {
        sr_free(work);
        return SR_ERR_SYNTAX;
    }
    work->resolver = resolver;
    work->query = query;
    work->request = *request;
    work->request.host = SR_STR("");
    work->fn = fn;
    work->arg = arg;
    query->work = work;
    resolver->stats.queries++;
    sr_list_add(&resolver->works, &work->link);
    loop_timer_init(&work->deadline, on_deadline, work);
    loop_timer_set(resolver->loop, &work->deadline,
                   loop_now(resolver->loop) + resolver->deadline_usec);
    (void)run_work(work);
    return SR_OK;
}

void resolver_cancel(struct resolver *resolver, struct resolver_query *query)
{
    (void)resolver;
    if (query->work)
        forget_work(query->work);
}

void resolver_stats(const struct resolver *resolver, struct resolver_stats *ret_stats)
{
    const struct health *health;
    size_t cursor = 0;

    *ret_stats = resolver->stats;
    ret_stats->cached = (uint32_t)resolver->cache.count;
    ret_stats->bad_now = 0;
    while ((health = sr_map_next(&resolver->health, &cursor)) != NULL)
        ret_stats->bad_now += health->bad_until > loop_now(resolver->loop);
}

/* ---- life ---- */

static void read_hosts_line(struct resolver *resolver, char *line)
{
    struct sr_str rest = sr_str_c(line);
    struct sr_str word;
    struct sr_addr addr;
    bool is_first = true;

    rest = sr_str_trim(sr_str_head(rest, sr_str_find(rest, '#', 0)));
    for (char *p = line; *p; p++)
        if (*p == '\t')
            *p = ' ';
    while (sr_str_split(&rest, ' ', &word)) {
        word = sr_str_trim(word);
        if (word.n == 0)
            continue;
        if (is_first) {
            if (sr_addr_parse_ip(word, &addr) != SR_OK)
                return;
            is_first = false;
            continue;
        }
        if (resolver->host_count == HOSTS_MAX)
            return;
        struct resolver__host *host = &resolver->hosts[resolver->host_count];
        host->addr = addr;
        resolver->host_count += sr_str_copy(word, host->name, sizeof(host->name));
    }
}

void resolver__read_hosts(struct resolver *resolver, const char *path)
{
    char line[HOSTS_LINE_MAX];
    FILE *f = fopen(path, "re");

    if (!f)
        return;
    resolver->hosts = sr_zalloc(HOSTS_MAX, sizeof(*resolver->hosts));
    while (fgets(line, sizeof(line), f))
        read_hosts_line(resolver, line);
    (void)fclose(f);
    if (resolver->host_count > 0)
        resolver->hosts =
            sr_realloc(resolver->hosts, resolver->host_count * sizeof(*resolver->hosts));
}

void resolver__init(struct resolver *resolver, const struct resolver_ops *ops, struct loop *loop,
                    sr_usec deadline_usec, uint64_t seed)
{
    resolver->ops = ops;
    resolver->loop = loop;
    resolver->deadline_usec = deadline_usec > 0 ? deadline_usec : 4 * SR_SEC;
    sr_map_init(&resolver->cache);
    sr_map_init(&resolver->health);
    sr_list_init(&resolver->works);
    loop_job_init(&resolver->rerun, on_rerun, resolver);
    sr_prng_seed(&resolver->prng, seed ? seed : sr_random_u64());
}

void resolver__done(struct resolver *resolver)
{
    struct sr_node *node;
    size_t cursor = 0;
    void *value;

    while ((node = sr_list_first(&resolver->works)) != NULL)
        forget_work(SR_CONTAINER(node, struct resolver_work, link));
    loop_defer_clear(resolver->loop, &resolver->rerun);
    while ((value = sr_map_next(&resolver->cache, &cursor)) != NULL) {
        sr_free(((struct resolver__entry *)value)->records);
        sr_free(value);
    }
    cursor = 0;
    while ((value = sr_map_next(&resolver->health, &cursor)) != NULL)
        sr_free(value);
    sr_map_done(&resolver->cache);
    sr_map_done(&resolver->health);
    sr_free(resolver->hosts);
}

void resolver_free(struct resolver *resolver)
{
    if (resolver)
        resolver->ops->free(resolver);
}
