#include "test.h"

#include "net/net_sim.h"

struct phone {
    unsigned got, closed;
    struct net_flow flow;
    char last[1024];
};

static void phone_bytes(void *arg, struct sim_end *end, const struct net_flow *flow,
                        struct sr_str bytes)
{
    struct phone *phone = arg;

    (void)end;
    phone->got++;
    phone->flow = *flow;
    (void)sr_str_copy(bytes, phone->last, sizeof(phone->last));
}

static void phone_closed(void *arg, struct sim_end *end, const struct net_flow *flow)
{
    struct phone *phone = arg;

    (void)end;
    phone->closed++;
    phone->flow = *flow;
}

static const struct sim_end_handler phone_handler = {phone_bytes, phone_closed};

struct sim {
    uint64_t blocks;
    struct loop *loop;
    struct sim_wire *wire;
    struct told told;
    struct phone phone;
    struct sim_end *end;
    struct sr_addr host, at;
};

static void sim_init(struct sim *sim, uint64_t seed, enum net_kind kind)
{
    char why[NET_WHY_MAX];
    struct sr_addr any = {.family = SR_ADDR_IP4, .port = 5060};

    memset(sim, 0, sizeof(*sim));
    sim->blocks = sr_alloc_live();
    sim->loop = loop_sim_new(seed);
    sim->wire = sim_wire_new(sim->loop);
    sim->host = addr_of("10.0.0.1:5060");
    sim->at = addr_of("10.0.0.2:5062");
    sim->told.loop = sim->loop;
    sim->told.net = net_sim_new(sim->wire, &sim->host, &told_handler, &sim->told, NULL);
    assert_int_equal(net_listen(sim->told.net, kind, &any, NULL, why), SR_OK);
    sim->end = sim_end_new(sim->wire, kind, &sim->at, &phone_handler, &sim->phone);
}

static void sim_done(struct sim *sim)
{
    sim_end_free(sim->end);
    net_free(sim->told.net);
    sim_wire_free(sim->wire);
    loop_free(sim->loop);
    assert_int_equal(sr_alloc_live(), sim->blocks);
}

/* 500 datagrams each way over a bad link: the whole trace as text. */
static char *run_bad_link(uint64_t seed, unsigned *ret_got)
{
    const struct sim_link bad = {.loss = 0.2,
                                 .duplicate = 0.1,
                                 .reorder = 0.1,
                                 .delay_usec = 5 * SR_MSEC,
                                 .jitter_usec = 3 * SR_MSEC};
    struct sim sim;

    sim_init(&sim, seed, NET_UDP);
    sim.told.answer = "answer";
    sim_wire_set_default(sim.wire, &bad);
    for (int i = 0; i < 500; i++) {
        struct net_flow flow = {.remote = sim.host};
        assert_int_equal(sim_end_send(sim.end, &flow, SR_STR("hello")), SR_OK);
        loop_sim_run_until(sim.loop, loop_now(sim.loop) + SR_MSEC);
    }
    assert_true(loop_sim_run_idle(sim.loop, SR_NEVER - 1));
    *ret_got = sim.told.messages;
    char *trace = sr_str_cdup(sim_wire_trace(sim.wire));
    sim.blocks++; /* the trace outlives the simulation */
    sim_done(&sim);
    return trace;
}

static void same_seed_gives_the_same_trace(void **state)
{
    unsigned got, again, other;
    char *a = run_bad_link(7, &got), *b = run_bad_link(7, &again), *c = run_bad_link(8, &other);

    (void)state;
    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
    assert_int_equal(got, again);
    assert_in_range(got, 380, 500); /* 500 * 0.8 * 1.1 = 440 */
    sr_free(a);
    sr_free(b);
    sr_free(c);
}

static void streams_open_carry_and_close(void **state)
{
    struct net_dial dial = {0};
    struct sim sim;

    (void)state;
    sim_init(&sim, 1, NET_TCP);
    struct net_flow flow = {.kind = NET_TCP, .remote = sim.at};
    assert_int_equal(net_send(sim.told.net, &flow, &dial, SR_STR(MSG("1..."))), SR_OK);
    assert_int_equal(net_send(sim.told.net, &flow, NULL, SR_STR(MSG("2..."))), SR_OK);
    loop_sim_run_until(sim.loop, loop_now(sim.loop) + SR_SEC);
    assert_int_equal(sim.phone.got, 2);
    assert_int_equal(sim.told.opened, 1);
    struct net_flow back = sim.phone.flow;
    assert_int_equal(sim_end_send(sim.end, &back, SR_STR(MSG("x"))), SR_OK);
    assert_int_equal(sim_end_send(sim.end, &back, SR_STR("yyy")), SR_OK); /* the rest of it */
    loop_sim_run_until(sim.loop, loop_now(sim.loop) + SR_SEC);
    assert_int_equal(sim.told.messages, 1);
    assert_true(sim.told.flow.conn == flow.conn);
    sim_end_close(sim.end, back.conn);
    loop_sim_run_until(sim.loop, loop_now(sim.loop) + SR_SEC);
    assert_int_equal(sim.told.closed, 1);
    flow.conn = SR_ID_NONE;
    assert_int_equal(sim_end_send(sim.end, &back, SR_STR("x")), SR_ERR_NOTFOUND);
    struct net_flow in = {.remote = sim.host};
    assert_int_equal(sim_end_send(sim.end, &in, SR_STR(MSG("in.."))), SR_OK);
    loop_sim_run_until(sim.loop, loop_now(sim.loop) + SR_SEC);
    assert_int_equal(sim.told.messages, 2);
    net_close_conn(sim.told.net, sim.told.flow.conn);
    assert_true(loop_sim_run_idle(sim.loop, SR_NEVER - 1));
    assert_int_equal(sim.told.closed, 2);
    assert_int_equal(sim.phone.closed, 1);
    sim_done(&sim);
}

static void cut_and_refused_streams_are_told(void **state)
{
    struct net_dial dial = {0};
    struct sim sim;

    (void)state;
    sim_init(&sim, 1, NET_TCP);
    struct net_flow flow = {.kind = NET_TCP, .remote = addr_of("10.0.0.9:1")};
    assert_int_equal(net_send(sim.told.net, &flow, &dial, SR_STR(MSG("1..."))), SR_OK);
    assert_true(loop_sim_run_idle(sim.loop, SR_NEVER - 1));
    assert_int_equal(sim.told.closed_err, SR_ERR_IO);
    sim_wire_cut(sim.wire, &sim.host, &sim.at, true);
    flow = (struct net_flow){.kind = NET_TCP, .remote = sim.at};
    assert_int_equal(net_send(sim.told.net, &flow, &dial, SR_STR(MSG("1..."))), SR_OK);
    loop_sim_run_until(sim.loop, loop_now(sim.loop) + 5 * SR_SEC);
    assert_int_equal(sim.told.closed, 2);
    assert_int_equal(sim.told.closed_err, SR_ERR_TIMEOUT);
    assert_int_equal(sim.phone.got, 0);
    sim_done(&sim);
}

static void tls_name_is_checked(void **state)
{
    struct net_dial dial = {.tls_name = SR_STR("a.example")};
    struct sim sim;

    (void)state;
    sim_init(&sim, 1, NET_TLS);
    sim_end_set_tls_name(sim.end, SR_STR("b.example"));
    struct net_flow flow = {.kind = NET_TLS, .remote = sim.at};
    assert_int_equal(net_send(sim.told.net, &flow, &dial, SR_STR(MSG("1..."))), SR_OK);
    assert_true(loop_sim_run_idle(sim.loop, SR_NEVER - 1));
    assert_int_equal(sim.told.closed_err, SR_ERR_AUTH);
    assert_int_equal(sim.phone.got, 0);
    dial.tls_name = SR_STR("b.example");
    flow.conn = SR_ID_NONE;
    assert_int_equal(net_send(sim.told.net, &flow, &dial, SR_STR(MSG("1..."))), SR_OK);
    loop_sim_run_until(sim.loop, loop_now(sim.loop) + SR_SEC);
    assert_int_equal(sim.phone.got, 1);
    sim_done(&sim);
}

int run_net_sim(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed_gives_the_same_trace),
        cmocka_unit_test(streams_open_carry_and_close),
        cmocka_unit_test(cut_and_refused_streams_are_told),
        cmocka_unit_test(tls_name_is_checked),
    };

    return cmocka_run_group_tests_name("net_sim", tests, NULL, NULL);
}
