/* ICE-lite: who gets an answer, which path is taken, how consent and restarts go. */
#include "test.h"

#include <string.h>

#include "rtc/ice.h"

#define START ((sr_usec)1000000)

static const struct ice_local ours = {.ufrag = "oursours", .pwd = "ourpasswordourpassword00"};
static const struct ice_local fresh = {.ufrag = "freshfre", .pwd = "freshpasswordfreshpass00"};

/* A check of a full agent, as a browser sends it. */
struct check {
    const char *username, *password;
    bool is_nominating, is_controlled, has_unknown;
    bool is_indication;
    uint32_t priority;
    uint8_t bytes[300];
    size_t n;
};

static void write_check(struct check *check)
{
    static const uint8_t tid[STUN_TID_BYTES] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    struct stun_writer writer;

    stun_write_start(&writer, check->bytes, sizeof(check->bytes),
                     check->is_indication ? STUN_INDICATION : STUN_REQUEST, STUN_METHOD_BINDING,
                     tid);
    stun_write_attr(&writer, STUN_ATTR_USERNAME, check->username, strlen(check->username));
    stun_write_u32(&writer, STUN_ATTR_PRIORITY, check->priority);
    stun_write_u64(&writer,
                   check->is_controlled ? STUN_ATTR_ICE_CONTROLLED : STUN_ATTR_ICE_CONTROLLING, 7);
    if (check->is_nominating)
        stun_write_attr(&writer, STUN_ATTR_USE_CANDIDATE, "", 0);
    if (check->has_unknown)
        stun_write_attr(&writer, 0x7777, "x", 1);
    if (check->password != NULL)
        stun_write_integrity(&writer, sr_str_c(check->password));
    stun_write_fingerprint(&writer);
    check->n = stun_write_end(&writer);
    assert_true(check->n > 0);
}

static struct ice_path path_of(uint8_t last, uint16_t port)
{
    return (struct ice_path){
        .remote = {.family = SR_ADDR_IP4, .port = port, .ip = {192, 0, 2, last}}};
}

static void feed(struct ice_agent *agent, struct check *check, const struct ice_path *path,
                 sr_usec now, struct ice_step *step)
{
    struct stun_msg msg;

    write_check(check);
    assert_int_equal(stun_parse(sr_str_make((const char *)check->bytes, check->n), &msg), SR_OK);
    ice_agent_on_stun(agent, &msg, path, now, step);
}

static void open_agent(struct ice_agent *agent)
{
    ice_agent_init(agent, &ours);
    assert_int_equal(ice_agent_set_remote(agent, SR_STR("peer"), SR_STR("peerpasswordpeerpass00"),
                                          &fresh, START),
                     SR_OK);
}

static struct check good(bool is_nominating)
{
    return (struct check){.username = "oursours:peer",
                          .password = ours.pwd,
                          .is_nominating = is_nominating,
                          .priority = 0x6e7f1eff};
}

static void read_answer(const struct ice_step *step, struct stun_msg *answer, const char *password)
{
    assert_true(step->n > 0);
    assert_int_equal(stun_parse(sr_str_make((const char *)step->bytes, step->n), answer), SR_OK);
    assert_int_equal(stun_check_integrity(answer, sr_str_c(password)), SR_OK);
    assert_true(answer->has_fingerprint);
}

/* A right check is answered with the address it came from, in our password; nomination connects. */
static void right_check_is_answered_and_nominates(void **state)
{
    struct ice_path path = path_of(7, 5000);
    struct check check = good(false);
    struct ice_agent agent;
    struct ice_step step;
    struct stun_msg answer;

    (void)state;
    open_agent(&agent);
    assert_int_equal(agent.state, ICE_WAITING);
    feed(&agent, &check, &path, START + 10, &step);
    read_answer(&step, &answer, ours.pwd);
    assert_int_equal(answer.cls, STUN_SUCCESS);
    assert_true(sr_addr_eq(&answer.mapped, &path.remote));
    assert_int_equal(step.event, ICE_EVENT_CHECKING);
    assert_true(step.is_valid);
    assert_true(ice_agent_has_path(&agent, &path));
    check = good(true);
    feed(&agent, &check, &path, START + 20, &step);
    assert_int_equal(step.event, ICE_EVENT_CONNECTED);
    assert_int_equal(agent.state, ICE_CONNECTED);
    assert_true(ice_path_eq(&agent.selected, &path));
    feed(&agent, &check, &path, START + 30, &step);
    assert_int_equal(step.event, ICE_EVENT_NONE);
}

/* Wrong password, wrong ufrag on either side, no integrity: no answer, no path, no state. */
static void forged_checks_get_nothing(void **state)
{
    static const struct {
        const char *username, *password;
    } rows[] = {
        {"oursours:peer", "anotherpasswordanother00"},
        {"oursours:peer", NULL},
        {"oursours:else", "ourpasswordourpassword00"},
        {"otherone:peer", "ourpasswordourpassword00"},
        {"oursours", "ourpasswordourpassword00"},
        {":peer", "ourpasswordourpassword00"},
    };
    struct ice_path path = path_of(7, 5000);
    struct ice_agent agent;
    struct ice_step step;

    (void)state;
    open_agent(&agent);
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        struct check check = good(true);

        check.username = rows[i].username;
        check.password = rows[i].password;
        feed(&agent, &check, &path, START, &step);
        assert_int_equal(step.n, 0);
        assert_int_equal(step.event, ICE_EVENT_NONE);
        assert_false(step.is_valid);
    }
    assert_int_equal(agent.stats.forged, SR_ARRAY_LEN(rows));
    assert_false(ice_agent_has_path(&agent, &path));
    ice_agent_on_deadline(&agent, START + ICE_FIRST_CHECK_US, &step);
    assert_int_equal(step.event, ICE_EVENT_FAILED);
    assert_int_equal(ice_agent_why(&agent), ICE_WHY_FORGED);
}

/* Every flipped bit of what the password covers makes a right check worth nothing. */
static void flipped_bits_prove_nothing(void **state)
{
    struct ice_path path = path_of(7, 5000);
    struct check check = good(true);
    struct ice_agent agent;
    struct ice_step step;
    struct stun_msg msg;

    (void)state;
    open_agent(&agent);
    write_check(&check);
    for (size_t bit = 0; bit < (check.n - 8) * 8; bit++) { /* the rest is FINGERPRINT */
        check.bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        if (stun_parse(sr_str_make((const char *)check.bytes, check.n), &msg) == SR_OK) {
            ice_agent_on_stun(&agent, &msg, &path, START, &step);
            assert_false(step.is_valid);
        }
        check.bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    assert_int_equal(agent.state, ICE_WAITING);
}

/* A lite agent never controls: 487 makes the other side do it (RFC 8445 7.3.1.1). */
static void role_conflict_is_487_and_unknown_attribute_420(void **state)
{
    struct ice_path path = path_of(7, 5000);
    struct check check = good(true);
    struct ice_agent agent;
    struct ice_step step;
    struct stun_msg answer;

    (void)state;
    open_agent(&agent);
    check.is_controlled = true;
    feed(&agent, &check, &path, START, &step);
    read_answer(&step, &answer, ours.pwd);
    assert_int_equal(answer.error_code, 487);
    assert_false(step.is_valid);
    check = good(true);
    check.has_unknown = true;
    feed(&agent, &check, &path, START, &step);
    read_answer(&step, &answer, ours.pwd);
    assert_int_equal(answer.error_code, 420);
    assert_false(step.is_valid);
    check = good(true);
    check.is_indication = true;
    feed(&agent, &check, &path, START, &step);
    assert_int_equal(step.n, 0);
    assert_false(step.is_valid);
}

/* No check in 5 s fails with a reason; a late one heals. */
static void silence_fails_and_a_late_check_heals(void **state)
{
    struct ice_path path = path_of(7, 5000);
    struct check check = good(true);
    struct ice_agent agent;
    struct ice_step step;

    (void)state;
    open_agent(&agent);
    assert_int_equal(ice_agent_deadline(&agent), START + ICE_FIRST_CHECK_US);
    ice_agent_on_deadline(&agent, START + ICE_FIRST_CHECK_US - 1, &step);
    assert_int_equal(step.event, ICE_EVENT_NONE);
    ice_agent_on_deadline(&agent, START + ICE_FIRST_CHECK_US, &step);
    assert_int_equal(step.event, ICE_EVENT_FAILED);
    assert_int_equal(ice_agent_why(&agent), ICE_WHY_UNREACHED);
    assert_int_equal(ice_agent_deadline(&agent), SR_NEVER);
    feed(&agent, &check, &path, START + 9 * SR_SEC, &step);
    assert_int_equal(step.event, ICE_EVENT_CONNECTED);
}

/* The incoming checks are the consent: lost without them, back with the next. */
static void consent_runs_out_and_returns(void **state)
{
    struct ice_path path = path_of(7, 5000);
    struct check check = good(true);
    struct ice_agent agent;
    struct ice_step step;
    sr_usec now = START;

    (void)state;
    open_agent(&agent);
    for (int i = 0; i < 20; i++) {
        feed(&agent, &check, &path, now, &step);
        assert_int_equal(ice_agent_deadline(&agent), now + ICE_CONSENT_US);
        now += 5 * SR_SEC;
    }
    ice_agent_on_deadline(&agent, now + ICE_CONSENT_US, &step);
    assert_int_equal(step.event, ICE_EVENT_LOST);
    assert_int_equal(ice_agent_why(&agent), ICE_WHY_CONSENT);
    feed(&agent, &check, &path, now + 60 * SR_SEC, &step);
    assert_int_equal(step.event, ICE_EVENT_CONNECTED);
}

/* A better path takes over at once, a worse one only when the old is nominated no more. */
static void better_path_wins_and_a_changed_mind_too(void **state)
{
    struct ice_path wifi = path_of(7, 5000), mobile = path_of(9, 6000);
    struct check high = good(true), low = good(true);
    struct ice_agent agent;
    struct ice_step step;

    (void)state;
    low.priority = 0x10000000;
    open_agent(&agent);
    feed(&agent, &low, &mobile, START, &step);
    assert_int_equal(step.event, ICE_EVENT_CONNECTED);
    feed(&agent, &high, &wifi, START + 10, &step);
    assert_int_equal(step.event, ICE_EVENT_PATH);
    assert_true(ice_path_eq(&agent.selected, &wifi));
    feed(&agent, &low, &mobile, START + 20, &step);
    assert_int_equal(step.event, ICE_EVENT_NONE);
    assert_true(ice_path_eq(&agent.selected, &wifi));
    feed(&agent, &low, &mobile, START + 20 + ICE_SETTLE_US, &step);
    assert_int_equal(step.event, ICE_EVENT_PATH);
    assert_true(ice_path_eq(&agent.selected, &mobile));
}

/* However many sources a peer uses, the agent stays small, and the selected path stays. */
static void paths_are_bounded(void **state)
{
    struct ice_path first = path_of(7, 5000);
    struct check check = good(true);
    struct ice_agent agent;
    struct ice_step step;
    size_t evicted = 0;

    (void)state;
    open_agent(&agent);
    feed(&agent, &check, &first, START, &step);
    check = good(false);
    for (uint16_t i = 0; i < 1000; i++) {
        struct ice_path path = path_of(8, (uint16_t)(1000 + i));

        feed(&agent, &check, &path, START + i, &step);
        assert_true(ice_agent_has_path(&agent, &path));
        evicted += step.is_evicted;
        if (step.is_evicted)
            assert_false(ice_agent_has_path(&agent, &step.evicted));
    }
    assert_int_equal(evicted, 1000 - (ICE_PATHS_MAX - 1));
    assert_true(ice_agent_has_path(&agent, &first));
    assert_null(ice_agent_path(&agent, ICE_PATHS_MAX));
}

/* New credentials; the old path works until the new one is nominated, then it is gone. */
static void restart_keeps_the_old_path_until_the_new_is_nominated(void **state)
{
    struct ice_path before = path_of(7, 5000), after = path_of(9, 6000);
    struct check old = good(true);
    struct check new = {.username = "freshfre:page2", .password = fresh.pwd, .priority = 5};
    struct ice_agent agent;
    struct ice_step step;

    (void)state;
    open_agent(&agent);
    feed(&agent, &old, &before, START, &step);
    assert_true(ice_agent_is_restart(&agent, SR_STR("page2")));
    assert_false(ice_agent_is_restart(&agent, SR_STR("peer")));
    assert_int_equal(ice_agent_set_remote(&agent, SR_STR("page2"), SR_STR("page2passwordpage2pass"),
                                          &fresh, START + 100),
                     SR_OK);
    assert_string_equal(ice_agent_local(&agent)->ufrag, fresh.ufrag);
    feed(&agent, &old, &before, START + 200, &step);
    assert_true(step.n > 0);
    assert_int_equal(agent.state, ICE_CONNECTED);
    feed(&agent, &new, &after, START + 300, &step);
    assert_true(step.is_valid);
    assert_false(step.is_restart_done);
    assert_true(ice_path_eq(&agent.selected, &before));
    new.is_nominating = true;
    feed(&agent, &new, &after, START + 400, &step);
    assert_true(step.is_restart_done);
    assert_int_equal(step.event, ICE_EVENT_CONNECTED);
    assert_true(ice_path_eq(&agent.selected, &after));
    assert_false(ice_agent_has_path(&agent, &before));
    feed(&agent, &old, &before, START + 500, &step);
    assert_int_equal(step.n, 0);
}

/* Two restarts in a row: only the last description counts. */
static void second_restart_replaces_the_first(void **state)
{
    static const struct ice_local third = {.ufrag = "thirdthi", .pwd = "thirdpasswordthirdpass00"};
    struct ice_path path = path_of(9, 6000);
    struct check middle = {
        .username = "freshfre:page2", .password = fresh.pwd, .is_nominating = true};
    struct check last = {
        .username = "thirdthi:page3", .password = third.pwd, .is_nominating = true};
    struct ice_agent agent;
    struct ice_step step;

    (void)state;
    open_agent(&agent);
    assert_int_equal(ice_agent_set_remote(&agent, SR_STR("page2"), SR_STR("page2passwordpage2pass"),
                                          &fresh, START),
                     SR_OK);
    assert_int_equal(ice_agent_set_remote(&agent, SR_STR("page3"), SR_STR("page3passwordpage3pass"),
                                          &third, START),
                     SR_OK);
    feed(&agent, &middle, &path, START, &step);
    assert_int_equal(step.n, 0);
    feed(&agent, &last, &path, START, &step);
    assert_int_equal(step.event, ICE_EVENT_CONNECTED);
    assert_true(step.is_restart_done);
}

/* A TCP path goes with its connection. */
static void tcp_path_goes_with_its_connection(void **state)
{
    struct ice_path path = path_of(7, 5000);
    struct check check = good(true);
    struct ice_agent agent;
    struct ice_step step;

    (void)state;
    path.stream = 3;
    open_agent(&agent);
    feed(&agent, &check, &path, START, &step);
    assert_false(ice_agent_drop_stream(&agent, 2));
    assert_true(ice_agent_drop_stream(&agent, 3));
    assert_int_equal(agent.state, ICE_LOST);
    assert_false(ice_agent_has_path(&agent, &path));
}

static void credentials_are_checked(void **state)
{
    struct ice_agent agent;

    (void)state;
    ice_agent_init(&agent, &ours);
    assert_int_equal(
        ice_agent_set_remote(&agent, SR_STR("abc"), SR_STR("peerpasswordpeerpass00"), &fresh, 0),
        SR_ERR_SYNTAX);
    assert_int_equal(ice_agent_set_remote(&agent, SR_STR("abcd"), SR_STR("short"), &fresh, 0),
                     SR_ERR_SYNTAX);
    assert_int_equal(
        ice_agent_set_remote(&agent, SR_STR("ab:d"), SR_STR("peerpasswordpeerpass00"), &fresh, 0),
        SR_ERR_SYNTAX);
    assert_int_equal(agent.state, ICE_NEW);
}

static void expect_text(const struct ice_candidate *candidate, const char *expected)
{
    char text[ICE_CANDIDATE_TEXT_MAX];
    struct sr_buf buf;

    sr_buf_init_fixed(&buf, text, sizeof(text));
    ice_candidate_write(candidate, &buf);
    assert_string_equal(sr_buf_cstr(&buf), expected);
}

/* Order, priorities and text of what a browser is offered. */
static void candidates_are_ordered_and_written(void **state)
{
    const struct sr_addr addrs[] = {
        {.family = SR_ADDR_IP4, .ip = {127, 0, 0, 1}},
        {.family = SR_ADDR_IP4, .ip = {192, 168, 1, 9}},
        {.family = SR_ADDR_IP6, .ip = {0xfe, 0x80, [15] = 1}},
        {.family = SR_ADDR_IP6, .ip = {0x20, 0x01, 0x0d, 0xb8, [15] = 5}},
        {.family = SR_ADDR_IP4, .ip = {192, 168, 1, 9}},
        {.family = SR_ADDR_IP4},
    };
    struct ice_hosts hosts = {.addrs = addrs,
                              .addr_count = SR_ARRAY_LEN(addrs),
                              .public_ip4 = {.family = SR_ADDR_IP4, .ip = {198, 51, 100, 4}},
                              .port = 3479,
                              .has_tcp = true};
    struct ice_candidate list[ICE_CANDIDATES_MAX];
    size_t count;

    (void)state;
    count = ice_candidates_make(&hosts, list, ICE_CANDIDATES_MAX);
    assert_int_equal(count, 8);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(list[i].is_tcp, i >= 4);
    for (size_t i = 1; i < 4; i++)
        assert_true(list[i].priority < list[i - 1].priority || i == 3);
    for (size_t i = 0; i < 4; i++)
        assert_true(list[4].priority < list[i].priority);
    expect_text(&list[0], "candidate:1 1 udp 2130706431 192.168.1.9 3479 typ host");
    expect_text(&list[1], "candidate:2 1 udp 2130706175 2001:db8::5 3479 typ host");
    expect_text(&list[2], "candidate:3 1 udp 1694498303 198.51.100.4 3479 typ srflx raddr "
                          "192.168.1.9 rport 3479");
    assert_true(sr_addr_is_loopback(&list[3].addr));
    expect_text(&list[4], "candidate:5 1 tcp 1520435199 192.168.1.9 3479 typ host tcptype passive");
    /* a small list: UDP first, halves */
    assert_int_equal(ice_candidates_make(&hosts, list, 4), 4);
    assert_int_equal(ice_candidates_make(&hosts, list, 0), 0);
}

static void random_text_is_ice_text(void **state)
{
    uint8_t random[ICE_PWD_CHARS];
    char text[ICE_PWD_CHARS + 1];

    (void)state;
    for (unsigned i = 0; i < 256; i++) {
        memset(random, (int)i, sizeof(random));
        ice_text_from(random, ICE_PWD_CHARS, text);
        assert_int_equal(strlen(text), ICE_PWD_CHARS);
        assert_true(ice_pwd_is_ok(sr_str_c(text)));
    }
}

int run_ice(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_check_is_answered_and_nominates),
        cmocka_unit_test(forged_checks_get_nothing),
        cmocka_unit_test(flipped_bits_prove_nothing),
        cmocka_unit_test(role_conflict_is_487_and_unknown_attribute_420),
        cmocka_unit_test(silence_fails_and_a_late_check_heals),
        cmocka_unit_test(consent_runs_out_and_returns),
        cmocka_unit_test(better_path_wins_and_a_changed_mind_too),
        cmocka_unit_test(paths_are_bounded),
        cmocka_unit_test(restart_keeps_the_old_path_until_the_new_is_nominated),
        cmocka_unit_test(second_restart_replaces_the_first),
        cmocka_unit_test(tcp_path_goes_with_its_connection),
        cmocka_unit_test(credentials_are_checked),
        cmocka_unit_test(candidates_are_ordered_and_written),
        cmocka_unit_test(random_text_is_ice_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
