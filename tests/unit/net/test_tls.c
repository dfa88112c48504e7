#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/clock.h"
#include "net/tls_ca.h"

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/sr-tls-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    static const char *const names[] = {"ca.pem", "ca.key", "leaf.pem", "leaf.key"};
    char path[128];

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
    return rmdir(dir);
}

static struct tls_ca_result ensure(const char *const *names, size_t count, sr_usec wall)
{
    struct sr_addr addrs[2] = {addr_of("127.0.0.1:0"), addr_of("[::1]:0")};
    struct tls_ca_options options = {.dir = dir,
                                     .names = names,
                                     .name_count = count,
                                     .addrs = addrs,
                                     .addr_count = 2,
                                     .wall = wall};
    struct tls_ca_result result;
    char why[NET_WHY_MAX] = "";

    if (tls_ca_ensure(&options, &result, why) != SR_OK)
        fail_msg("%s", why);
    return result;
}

static void ca_is_made_once_and_renewed_when_needed(void **state)
{
    static const char *const one[] = {"router.example"};
    static const char *const two[] = {"router.example", "pbx.example"};
    sr_usec wall = net_clock_wall();
    struct stat st;

    (void)state;
    struct tls_ca_result r = ensure(one, 1, wall);
    assert_true(r.is_ca_new && r.is_leaf_new);
    assert_int_equal(stat(r.key_file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    r = ensure(one, 1, wall);
    assert_false(r.is_ca_new || r.is_leaf_new);
    r = ensure(one, 1, wall + (sr_usec)(TLS_CA_LEAF_DAYS - 10) * 86400 * SR_SEC);
    assert_true(r.is_leaf_new && !r.is_ca_new);
    assert_true(r.leaf_until > wall + (sr_usec)700 * 86400 * SR_SEC);
    r = ensure(one, 1, wall);
    assert_false(r.is_ca_new); /* the leaf is of the future: made anew */
    r = ensure(two, 2, wall);
    assert_true(r.is_ca_new && r.is_leaf_new); /* name constraints: the old CA may not sign it */
    r = ensure(one, 1, wall);
    assert_true(!r.is_ca_new && r.is_leaf_new); /* a smaller set is within */
}

/* A small machine without a clock of its own boots in the past, and a while later learns the time: what
   phones and browsers trust must survive both. */
static void ca_survives_a_clock_that_is_wrong_at_boot(void **state)
{
    static const char *const one[] = {"router.example"};
    sr_usec wall = net_clock_wall();

    (void)state;
    struct tls_ca_result r = ensure(one, 1, wall);
    assert_true(r.is_ca_new);
    r = ensure(one, 1, SR_SEC);
    assert_false(r.is_ca_new);
    r = ensure(one, 1, wall - (sr_usec)100 * 86400 * SR_SEC);
    assert_false(r.is_ca_new);
    r = ensure(one, 1, wall + SR_SEC);
    assert_false(r.is_ca_new);
    assert_true(r.leaf_until > wall + (sr_usec)TLS_CA_RENEW_DAYS * 86400 * SR_SEC);
}

static void ca_refuses_what_is_no_name(void **state)
{
    static const char *const bad[] = {"a,DNS:evil"};
    struct tls_ca_options options = {.dir = dir, .names = bad, .name_count = 1};
    struct tls_ca_result result;
    char why[NET_WHY_MAX] = "";

    (void)state;
    assert_int_equal(tls_ca_ensure(&options, &result, why), SR_ERR_SYNTAX);
    assert_true(strlen(why) > 0);
    options.name_count = 0;
    assert_int_equal(tls_ca_ensure(&options, &result, why), SR_ERR_SYNTAX);
    options.name_count = TLS_CA_NAMES_MAX + 1;
    assert_int_equal(tls_ca_ensure(&options, &result, why), SR_ERR_LIMIT);
}

struct tls_rig {
    struct rig rig;
    struct sr_addr to;
    struct tls_ca_result ca;
};

static void tls_rig_init(struct tls_rig *t, const struct net_options *server)
{
    static const char *const names[] = {"router.example"};
    struct sr_addr any = addr_of("127.0.0.1:0");
    char why[NET_WHY_MAX] = "";

    t->ca = ensure(names, 1, net_clock_wall());
    rig_init(&t->rig, NULL, server);
    struct net_tls_files files = {t->ca.cert_file, t->ca.key_file};
    assert_int_equal(net_tls_load(t->rig.b.net, &files, why), SR_OK);
    assert_int_equal(net_listen(t->rig.b.net, NET_TLS, &any, &t->to, why), SR_OK);
}

static void tls_carries_messages_both_ways(void **state)
{
    struct tls_rig t;
    struct net_dial dial = {.tls_name = SR_STR("Router.example")};

    (void)state;
    tls_rig_init(&t, NULL);
    dial.tls_ca_file = t.ca.ca_file;
    t.rig.b.answer = MSG("back");
    struct net_flow flow = {.kind = NET_TLS, .remote = t.to};
    assert_int_equal(net_send(t.rig.a.net, &flow, &dial, SR_STR(MSG("1..."))), SR_OK);
    RIG_UNTIL(&t.rig, t.rig.a.messages == 1);
    assert_string_equal(t.rig.b.last, MSG("1..."));
    assert_int_equal(t.rig.a.opened, 1);
    /* by address: the leaf names it, but it is another connection */
    struct net_flow second = {.kind = NET_TLS, .remote = t.to};
    dial.tls_name = SR_STR("127.0.0.1");
    assert_int_equal(net_send(t.rig.a.net, &second, &dial, SR_STR(MSG("2..."))), SR_OK);
    assert_true(second.conn != flow.conn);
    RIG_UNTIL(&t.rig, t.rig.a.messages == 2);
    net_close_conn(t.rig.a.net, flow.conn);
    RIG_UNTIL(&t.rig, t.rig.a.closed == 1 && t.rig.b.closed == 1);
    assert_int_equal(t.rig.b.closed_err, SR_OK);
    rig_done(&t.rig);
}

static void expect_refused(struct tls_rig *t, const struct net_dial *dial)
{
    struct net_flow flow = {.kind = NET_TLS, .remote = t->to};
    unsigned closed = t->rig.a.closed;

    assert_int_equal(net_send(t->rig.a.net, &flow, dial, SR_STR(MSG("1..."))), SR_OK);
    RIG_UNTIL(&t->rig, t->rig.a.closed == closed + 1);
    assert_int_equal(t->rig.a.closed_err, SR_ERR_AUTH);
    assert_true(strlen(t->rig.a.why) > 5);
    assert_int_equal(t->rig.b.messages, 0);
}

static void other_name_and_unknown_ca_are_refused(void **state)
{
    struct tls_rig t;
    struct net_dial dial = {.tls_name = SR_STR("other.example")};

    (void)state;
    tls_rig_init(&t, NULL);
    dial.tls_ca_file = t.ca.ca_file;
    expect_refused(&t, &dial);
    dial.tls_name = SR_STR("router.example");
    dial.tls_ca_file = NULL; /* the system does not know our CA */
    expect_refused(&t, &dial);
    dial.tls_verify_off = true;
    struct net_flow flow = {.kind = NET_TLS, .remote = t.to};
    assert_int_equal(net_send(t.rig.a.net, &flow, &dial, SR_STR(MSG("1..."))), SR_OK);
    RIG_UNTIL(&t.rig, t.rig.b.messages == 1);
    dial.tls_verify_off = false;
    dial.tls_name = SR_STR("");
    flow.conn = SR_ID_NONE;
    assert_int_equal(net_send(t.rig.a.net, &flow, &dial, SR_STR(MSG("1..."))), SR_ERR_SYNTAX);
    rig_done(&t.rig);
}

static void plain_text_and_silence_on_the_tls_port_end(void **state)
{
    const struct net_options options = {.handshake_usec = 500 * SR_MSEC};
    struct net_counters counters;
    struct tls_rig t;

    (void)state;
    tls_rig_init(&t, &options);
    int plain = client_connect(&t.to);
    client_send(plain, MSG("body"), sizeof(MSG("body")) - 1);
    RIG_UNTIL(&t.rig, t.rig.b.closed == 1);
    assert_int_equal(t.rig.b.closed_err, SR_ERR_PROTO);
    int silent = client_connect(&t.to);
    RIG_UNTIL(&t.rig, t.rig.b.closed == 2);
    assert_int_equal(t.rig.b.closed_err, SR_ERR_TIMEOUT);
    net_counters(t.rig.b.net, &counters);
    assert_int_equal(counters.deadline_handshake, 1);
    assert_int_equal(counters.tls_failed, 2);
    assert_int_equal(t.rig.b.messages, 0);
    (void)close(plain);
    (void)close(silent);
    rig_done(&t.rig);
}

static void certificate_is_swapped_under_standing_connections(void **state)
{
    static const char *const names[] = {"new.example"};
    struct tls_rig t;
    struct net_dial dial = {.tls_name = SR_STR("router.example"), .tls_verify_off = true};
    char why[NET_WHY_MAX] = "";

    (void)state;
    tls_rig_init(&t, NULL);
    struct net_flow old = {.kind = NET_TLS, .remote = t.to};
    assert_int_equal(net_send(t.rig.a.net, &old, &dial, SR_STR(MSG("1..."))), SR_OK);
    RIG_UNTIL(&t.rig, t.rig.b.messages == 1);
    struct net_tls_files bad = {t.ca.cert_file, "/nonexistent"};
    assert_int_equal(net_tls_load(t.rig.b.net, &bad, why), SR_ERR_NOTFOUND);
    bad = (struct net_tls_files){t.ca.ca_file, t.ca.key_file};
    assert_int_equal(net_tls_load(t.rig.b.net, &bad, why), SR_ERR_SYNTAX);
    t.ca = ensure(names, 1, net_clock_wall());
    struct net_tls_files files = {t.ca.cert_file, t.ca.key_file};
    assert_int_equal(net_tls_load(t.rig.b.net, &files, why), SR_OK);
    struct net_flow flow = {.kind = NET_TLS, .remote = t.to};
    dial = (struct net_dial){.tls_name = SR_STR("new.example"), .tls_ca_file = t.ca.ca_file};
    assert_int_equal(net_send(t.rig.a.net, &flow, &dial, SR_STR(MSG("2..."))), SR_OK);
    assert_int_equal(net_send(t.rig.a.net, &old, NULL, SR_STR(MSG("3..."))), SR_OK);
    RIG_UNTIL(&t.rig, t.rig.b.messages == 3);
    rig_done(&t.rig);
}

int run_tls(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ca_is_made_once_and_renewed_when_needed, make_dir,
                                        remove_dir),
        cmocka_unit_test_setup_teardown(ca_survives_a_clock_that_is_wrong_at_boot, make_dir,
                                        remove_dir),
        cmocka_unit_test_setup_teardown(ca_refuses_what_is_no_name, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(tls_carries_messages_both_ways, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(other_name_and_unknown_ca_are_refused, make_dir,
                                        remove_dir),
        cmocka_unit_test_setup_teardown(plain_text_and_silence_on_the_tls_port_end, make_dir,
                                        remove_dir),
        cmocka_unit_test_setup_teardown(certificate_is_swapped_under_standing_connections, make_dir,
                                        remove_dir),
    };

    return cmocka_run_group_tests_name("tls", tests, NULL, NULL);
}
