#include "test.h"

#include <stdio.h>
#include <unistd.h>

#include "dns_text.h"
#include "net/resolver.h"

struct got {
    struct loop *loop;
    unsigned answers;
    enum sr_err err;
    struct resolver_target targets[RESOLVER_TARGETS_MAX];
    size_t count;
    char text[512];
};

static void on_targets(void *arg, enum sr_err err, const struct resolver_target *targets,
                       size_t count)
{
    struct got *got = arg;
    struct sr_buf b;
    char text[SR_ADDR_TEXT_MAX];

    sr_buf_init_fixed(&b, got->text, sizeof(got->text) - 1);
    got->answers++;
    got->err = err;
    got->count = count;
    for (size_t i = 0; i < count; i++) {
        got->targets[i] = targets[i];
        sr_buf_fmt(&b, "%s%s %s", i ? ", " : "", net_kind_name(targets[i].kind),
                   sr_addr_text(&targets[i].addr, text));
    }
    got->text[b.len] = '\0';
    loop_stop(got->loop);
}

struct sim {
    uint64_t blocks;
    struct loop *loop;
    struct resolver *resolver;
    struct got got;
};

static void sim_init(struct sim *sim)
{
    memset(sim, 0, sizeof(*sim));
    sim->blocks = sr_alloc_live();
    sim->loop = loop_sim_new(3);
    sim->resolver = resolver_sim_new(sim->loop, 10 * SR_MSEC);
    sim->got.loop = sim->loop;
}

static void sim_done(struct sim *sim)
{
    resolver_free(sim->resolver);
    loop_free(sim->loop);
    assert_int_equal(sr_alloc_live(), sim->blocks);
}

static void add(struct sim *sim, const char *name, enum dns_type type, const char *data)
{
    assert_int_equal(resolver_sim_add(sim->resolver, name, type, 60, data), SR_OK);
}

static const char *ask(struct sim *sim, const struct resolver_request *request)
{
    struct resolver_query query = {0};
    unsigned answers = sim->got.answers;

    assert_int_equal(resolver_query(sim->resolver, &query, request, on_targets, &sim->got), SR_OK);
    (void)loop_sim_run_idle(sim->loop, loop_now(sim->loop) + 2 * SR_SEC);
    assert_int_equal(sim->got.answers, answers + 1);
    return sim->got.text;
}

static void numeric_hosts_are_answered_at_once(void **state)
{
    struct sim sim;
    struct resolver_query query = {0};
    struct resolver_request request = {.host = SR_STR("[2001:db8::1]"), .is_secure = true};

    (void)state;
    sim_init(&sim);
    assert_int_equal(resolver_query(sim.resolver, &query, &request, on_targets, &sim.got), SR_OK);
    assert_string_equal(sim.got.text, "TLS [2001:db8::1]:5061");
    request = (struct resolver_request){.host = SR_STR("192.0.2.1"), .port = 5080};
    assert_string_equal(ask(&sim, &request), "UDP 192.0.2.1:5080");
    request.host = SR_STR("no spaces");
    assert_int_equal(resolver_query(sim.resolver, &query, &request, on_targets, &sim.got),
                     SR_ERR_SYNTAX);
    sim_done(&sim);
}

static void naptr_then_srv_then_addresses(void **state)
{
    struct sim sim;
    struct resolver_request request = {.host = SR_STR("example.com")};

    (void)state;
    sim_init(&sim);
    add(&sim, "example.com", DNS_NAPTR, "20 1 s SIP+D2U _sip._udp.example.com");
    add(&sim, "example.com", DNS_NAPTR, "10 1 s SIPS+D2T _sips._tcp.example.com");
    add(&sim, "_sip._udp.example.com", DNS_SRV, "20 0 5062 b.example.com");
    add(&sim, "_sip._udp.example.com", DNS_SRV, "10 0 5061 a.example.com");
    add(&sim, "_sips._tcp.example.com", DNS_SRV, "10 0 5061 b.example.com");
    add(&sim, "a.example.com", DNS_A, "192.0.2.1");
    add(&sim, "b.example.com", DNS_AAAA, "2001:db8::2");
    add(&sim, "b.example.com", DNS_A, "192.0.2.2");
    assert_string_equal(ask(&sim, &request),
                        "TLS 192.0.2.2:5061, TLS [2001:db8::2]:5061, UDP 192.0.2.1:5061, "
                        "UDP 192.0.2.2:5062, UDP [2001:db8::2]:5062");
    request.is_secure = true;
    request.is_ip6_off = true;
    assert_string_equal(ask(&sim, &request), "TLS 192.0.2.2:5061");
    request = (struct resolver_request){.host = SR_STR("a.example.com")};
    assert_string_equal(ask(&sim, &request), "UDP 192.0.2.1:5060");
    request.is_kind_given = true;
    request.kind = NET_TCP;
    assert_string_equal(ask(&sim, &request), "TCP 192.0.2.1:5060");
    request.host = SR_STR("nobody.example.com");
    (void)ask(&sim, &request);
    assert_int_equal(sim.got.err, SR_ERR_NOTFOUND);
    sim_done(&sim);
}

/* 1 : 3, by 4,000 draws; within 10 % of what the weights say. */
static void srv_weights_share_the_load(void **state)
{
    struct sim sim;
    struct resolver_request request = {
        .host = SR_STR("w.x"), .is_kind_given = true, .kind = NET_UDP, .is_ip6_off = true};
    unsigned light = 0;

    (void)state;
    sim_init(&sim);
    add(&sim, "_sip._udp.w.x", DNS_SRV, "1 100 5060 a.w.x");
    add(&sim, "_sip._udp.w.x", DNS_SRV, "1 300 5060 b.w.x");
    add(&sim, "a.w.x", DNS_A, "192.0.2.1");
    add(&sim, "b.w.x", DNS_A, "192.0.2.2");
    for (int i = 0; i < 4000; i++)
        light += ask(&sim, &request)[12] == '1';
    assert_in_range(light, 900, 1100);
    sim_done(&sim);
}

static void bad_targets_are_tried_last_for_a_while(void **state)
{
    struct sim sim;
    struct resolver_request request = {.host = SR_STR("h.x"), .port = 5060, .is_ip6_off = true};

    (void)state;
    sim_init(&sim);
    add(&sim, "h.x", DNS_A, "192.0.2.1");
    add(&sim, "h.x", DNS_A, "192.0.2.2");
    assert_string_equal(ask(&sim, &request), "UDP 192.0.2.1:5060, UDP 192.0.2.2:5060");
    struct resolver_target first = sim.got.targets[0];
    resolver_mark_bad(sim.resolver, &first);
    assert_string_equal(ask(&sim, &request), "UDP 192.0.2.2:5060, UDP 192.0.2.1:5060");
    assert_true(sim.got.targets[1].is_bad);
    loop_sim_run_until(sim.loop, loop_now(sim.loop) + (RESOLVER_BAD_SEC_MIN + 1) * SR_SEC);
    assert_string_equal(ask(&sim, &request), "UDP 192.0.2.1:5060, UDP 192.0.2.2:5060");
    resolver_mark_bad(sim.resolver, &first); /* again: twice as long */
    loop_sim_run_until(sim.loop, loop_now(sim.loop) + (RESOLVER_BAD_SEC_MIN + 1) * SR_SEC);
    assert_string_equal(ask(&sim, &request), "UDP 192.0.2.2:5060, UDP 192.0.2.1:5060");
    resolver_mark_good(sim.resolver, &first);
    assert_string_equal(ask(&sim, &request), "UDP 192.0.2.1:5060, UDP 192.0.2.2:5060");
    sim_done(&sim);
}

static void cache_is_bounded_and_queries_can_be_cancelled(void **state)
{
    struct sim sim;
    struct resolver_query query = {0};
    struct resolver_stats stats;
    char name[32];

    (void)state;
    sim_init(&sim);
    for (int i = 0; i < 3 * RESOLVER_CACHE_MAX; i++) {
        (void)snprintf(name, sizeof(name), "n%d.x", i);
        struct resolver_request request = {.host = sr_str_c(name), .port = 1, .is_ip6_off = true};
        (void)ask(&sim, &request);
    }
    resolver_stats(sim.resolver, &stats);
    assert_true(stats.cached <= RESOLVER_CACHE_MAX);
    unsigned answers = sim.got.answers;
    struct resolver_request request = {.host = SR_STR("late.x")};
    assert_int_equal(resolver_query(sim.resolver, &query, &request, on_targets, &sim.got), SR_OK);
    resolver_cancel(sim.resolver, &query);
    (void)loop_sim_run_idle(sim.loop, loop_now(sim.loop) + 10 * SR_SEC);
    assert_int_equal(sim.got.answers, answers);
    sim_done(&sim);
}

/* ---- the real twin against a DNS server of a few lines ---- */

struct server {
    int fd;
    unsigned asked;
    struct loop_watch *watch;
    struct sr_addr addr;
};

static void read_question(const uint8_t *p, size_t n, char *name, size_t size, unsigned *ret_type)
{
    size_t at = 12, len = 0;

    while (at < n && p[at] != 0) {
        if (len > 0)
            name[len++] = '.';
        for (size_t i = 1; i <= p[at] && len + 1 < size; i++)
            name[len++] = (char)p[at + i];
        at += 1U + p[at];
    }
    name[len] = '\0';
    *ret_type = (unsigned)p[at + 1] << 8 | p[at + 2];
}

static void on_query(void *arg, unsigned events)
{
    struct server *server = arg;
    uint8_t query[512];
    char name[256], array[4096];
    unsigned type;
    struct sockaddr_storage sa;
    socklen_t sa_len = sizeof(sa);
    struct sr_buf b;
    ssize_t n = recvfrom(server->fd, query, sizeof(query), 0, (struct sockaddr *)&sa, &sa_len);

    (void)events;
    assert_true(n > 12);
    server->asked++;
    sr_buf_init_fixed(&b, array, sizeof(array));
    read_question(query, (size_t)n, name, sizeof(name), &type);
    unsigned id = (unsigned)query[0] << 8 | query[1];
    if (strcmp(name, "silent.x") == 0)
        return;
    if (strcmp(name, "_sip._udp.good.x") == 0 && type == DNS_SRV) {
        put_head(&b, id, 0x8180, name, type, 2);
        put_srv(&b, name, 60, 2, 0, 5062, "two.x");
        put_srv(&b, name, 60, 1, 0, 5061, "one.x");
    } else if (strcmp(name, "one.x") == 0 && type == DNS_A) {
        put_head(&b, id, 0x8180, name, type, 1);
        put_record(&b, name, DNS_A, 0, SR_STR("\xc0\x00\x02\x01"));
    } else if (strcmp(name, "two.x") == 0 && type == DNS_A) {
        put_head(&b, id, 0x8180, name, type, 1);
        put_record(&b, name, DNS_A, 1000000, SR_STR("\xc0\x00\x02\x02"));
    } else if (strcmp(name, "ring.x") == 0) {
        put_head(&b, id, 0x8180, name, type, 2);
        put_cname(&b, "ring.x", 1, "other.x");
        put_cname(&b, "other.x", 1, "ring.x");
    } else {
        put_head(&b, id, 0x8183, name, type, 0);
    }
    assert_int_equal(sendto(server->fd, b.data, b.len, 0, (struct sockaddr *)&sa, sa_len), b.len);
}

static void server_init(struct server *server, struct loop *loop)
{
    struct sockaddr_storage sa;
    struct sr_addr any = addr_of("127.0.0.1:0");
    socklen_t n = sr_addr_to_sockaddr(&any, &sa);

    *server = (struct server){.fd = client_udp(AF_INET)};
    assert_int_equal(bind(server->fd, (struct sockaddr *)&sa, n), 0);
    n = sizeof(sa);
    assert_int_equal(getsockname(server->fd, (struct sockaddr *)&sa, &n), 0);
    sr_addr_from_sockaddr((struct sockaddr *)&sa, &server->addr);
    assert_int_equal(loop_watch_fd(loop, server->fd, LOOP_READ, on_query, server, &server->watch),
                     SR_OK);
}

static void ask_real(struct rig *rig, struct resolver *resolver, struct got *got, const char *host)
{
    struct resolver_query query = {0};
    struct resolver_request request = {.host = sr_str_c(host), .is_ip6_off = true};
    unsigned answers = got->answers;

    request.is_kind_given = true;
    request.kind = NET_UDP;
    assert_int_equal(resolver_query(resolver, &query, &request, on_targets, got), SR_OK);
    RIG_UNTIL(rig, got->answers == answers + 1);
}

static void real_resolver_asks_caches_and_survives_nonsense(void **state)
{
    struct rig rig;
    struct server server;
    struct got got = {0};
    struct resolver *resolver;
    char text[SR_ADDR_TEXT_MAX];

    (void)state;
    rig_init(&rig, NULL, NULL);
    got.loop = rig.loop;
    server_init(&server, rig.loop);
    const char *servers[1] = {sr_addr_text(&server.addr, text)};
    struct resolver_options options = {
        .servers = servers, .server_count = 1, .deadline_usec = 1500 * SR_MSEC, .prng_seed = 1};
    assert_int_equal(resolver_new(rig.loop, &options, &resolver), SR_OK);
    ask_real(&rig, resolver, &got, "good.x");
    assert_string_equal(got.text, "UDP 192.0.2.1:5061, UDP 192.0.2.2:5062");
    unsigned asked = server.asked;
    ask_real(&rig, resolver, &got, "good.x"); /* TTL 0 is clamped up: nothing is asked */
    assert_int_equal(server.asked, asked);
    ask_real(&rig, resolver, &got, "nobody.x");
    assert_int_equal(got.err, SR_ERR_NOTFOUND);
    ask_real(&rig, resolver, &got, "ring.x");
    assert_int_equal(got.err, SR_ERR_LIMIT);
    ask_real(&rig, resolver, &got, "localhost"); /* of /etc/hosts */
    assert_int_equal(got.err, SR_OK);
    assert_true(sr_addr_is_loopback(&got.targets[0].addr));
    struct resolver_request silent = {.host = SR_STR("silent.x"), .port = 5060};
    struct resolver_query query = {0};
    assert_int_equal(resolver_query(resolver, &query, &silent, on_targets, &got), SR_OK);
    unsigned answers = got.answers;
    RIG_UNTIL(&rig, got.answers == answers + 1);
    assert_int_equal(got.err, SR_ERR_TIMEOUT);
    resolver_free(resolver); /* with a query under way */
    loop_watch_close(server.watch);
    (void)close(server.fd);
    rig_done(&rig);
}

static void wrong_server_address_is_refused(void **state)
{
    const char *servers[1] = {"not an address"};
    struct resolver_options options = {.servers = servers, .server_count = 1};
    struct resolver *resolver;
    struct rig rig;

    (void)state;
    rig_init(&rig, NULL, NULL);
    assert_int_equal(resolver_new(rig.loop, &options, &resolver), SR_ERR_SYNTAX);
    rig_done(&rig);
}

int run_resolver(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numeric_hosts_are_answered_at_once),
        cmocka_unit_test(naptr_then_srv_then_addresses),
        cmocka_unit_test(srv_weights_share_the_load),
        cmocka_unit_test(bad_targets_are_tried_last_for_a_while),
        cmocka_unit_test(cache_is_bounded_and_queries_can_be_cancelled),
        cmocka_unit_test(real_resolver_asks_caches_and_survives_nonsense),
        cmocka_unit_test(wrong_server_address_is_refused),
    };

    return cmocka_run_group_tests_name("resolver", tests, NULL, NULL);
}
