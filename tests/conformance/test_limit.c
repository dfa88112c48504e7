/* Limits, draining, reload: what is refused, and that it is granted again afterwards. */
#include "rig.h"

#include "call/internal.h"

struct trio {
    struct rig rig;
    struct sim_phone *a, *b, *c;
};

static void begin(struct trio *trio, const struct rig_options *options)
{
    rig_init(&trio->rig, options);
    trio->a = rig_phone(&trio->rig, "101");
    trio->b = rig_phone(&trio->rig, "102");
    trio->c = rig_phone(&trio->rig, "103");
}

/* A call that is refused with 503 and a time to come back. */
static void claim_refused(struct trio *trio, struct sim_phone *from, const char *to)
{
    struct phone_call *call = phone_dial(from, to);

    RIG_UNTIL(&trio->rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 503);
    assert_true(call->retry_after > 0);
}

static void claim_works(struct trio *trio, struct sim_phone *from, const char *to)
{
    size_t before = trio->rig.calls.count;

    phone_bye(rig_connect(&trio->rig, from, to));
    RIG_ENDED(&trio->rig, before, "hangup");
}

static void test_port_range_used_up_and_recovered(void **state)
{
    struct rig_options options = {.port_min = 20000, .port_max = 20005}; /* three pairs */
    struct trio trio;
    struct phone_call *call;

    (void)state;
    begin(&trio, &options);
    call = rig_connect(&trio.rig, trio.a, "102");
    claim_refused(&trio, trio.c, "101"); /* one pair for the caller, none for the called */
    RIG_ENDED(&trio.rig, 1, "limit");
    assert_int_equal(trio.a->call_count, 1);
    phone_bye(call);
    RIG_ENDED(&trio.rig, 0, "hangup");
    claim_works(&trio, trio.c, "101");
    rig_done(&trio.rig);
}

static void test_no_port_for_the_caller(void **state)
{
    struct rig_options options = {.port_min = 20000, .port_max = 20003};
    struct trio trio;
    struct phone_call *call;

    (void)state;
    begin(&trio, &options);
    call = rig_connect(&trio.rig, trio.a, "102");
    claim_refused(&trio, trio.c, "101");
    RIG_ENDED(&trio.rig, 1, "limit");
    phone_bye(call);
    RIG_ENDED(&trio.rig, 0, "hangup");
    claim_works(&trio, trio.c, "101");
    rig_done(&trio.rig);
}

static void test_ports_for_some_branches_only_ring_those(void **state)
{
    struct rig_options options = {.port_min = 20000, .port_max = 20003};
    struct trio trio;

    (void)state;
    begin(&trio, &options);
    claim_works(&trio, trio.a, "200"); /* b and c: only b can be rung */
    assert_int_equal(trio.c->call_count, 0);
    rig_done(&trio.rig);
}

static void test_calls_max(void **state)
{
    struct rig_options options = {.calls_max = 1};
    struct trio trio;
    struct phone_call *call;

    (void)state;
    begin(&trio, &options);
    call = rig_connect(&trio.rig, trio.a, "102");
    claim_refused(&trio, trio.c, "101");
    assert_true(trio.c->calls.count == 1);
    assert_int_equal(trio.rig.calls.count, 1);
    phone_bye(call);
    RIG_ENDED(&trio.rig, 0, "hangup");
    rig_run(&trio.rig, SR_SEC);
    claim_works(&trio, trio.c, "101");
    rig_done(&trio.rig);
}

static void test_no_port_for_a_call_of_the_api(void **state)
{
    struct rig_options options = {.port_min = 20000, .port_max = 20003};
    struct engine_command make = {.kind = ENGINE_DO_CALL, .from = "c", .to = "101"};
    struct trio trio;
    struct phone_call *call;

    (void)state;
    begin(&trio, &options);
    call = rig_connect(&trio.rig, trio.a, "102");
    assert_int_equal(rig_do(&trio.rig, &make), SR_ERR_LIMIT);
    RIG_ENDED(&trio.rig, 1, "limit");
    phone_bye(call);
    RIG_ENDED(&trio.rig, 0, "hangup");
    assert_int_equal(rig_do(&trio.rig, &make), SR_OK);
    RIG_UNTIL(&trio.rig, rig_call(&trio.rig, 2)->answered == 1);
    phone_bye(phone_incoming(trio.c));
    RIG_ENDED(&trio.rig, 2, "hangup");
    rig_done(&trio.rig);
}

static void test_no_leg_is_left_for_a_new_call(void **state)
{
    struct rig_options options = {.calls_max = 2}; /* eight legs */
    struct trio trio;
    struct phone_call *room[8];
    struct sim_phone *d;

    (void)state;
    begin(&trio, &options);
    d = rig_phone(&trio.rig, "104");
    for (size_t i = 0; i < SR_ARRAY_LEN(room); i++)
        room[i] = rig_connect(&trio.rig, i % 2 ? trio.a : trio.b, "800");
    claim_refused(&trio, d, "800"); /* into the room: no call of its own */
    claim_refused(&trio, d, "103");
    RIG_ENDED(&trio.rig, 1, "limit");
    assert_int_equal(trio.rig.calls.count, 2);
    for (size_t i = 0; i < SR_ARRAY_LEN(room); i++)
        phone_bye(room[i]);
    RIG_ENDED(&trio.rig, 0, "hangup");
    claim_works(&trio, d, "103");
    rig_done(&trio.rig);
}

static void test_room_that_was_left_hundreds_of_times_stays_bounded(void **state)
{
    struct trio trio;
    struct phone_call *stays;

    (void)state;
    begin(&trio, NULL);
    stays = rig_connect(&trio.rig, trio.a, "800");
    for (int i = 0; i < STORE_LEGS_MAX + 40; i++) {
        phone_bye(rig_connect(&trio.rig, trio.b, "800"));
        rig_run(&trio.rig, SR_SEC);
    }
    assert_int_equal(rig_call(&trio.rig, 0)->view->leg_count, 1);
    assert_int_equal(call__find(trio.rig.engine, rig_call(&trio.rig, 0)->call_id)->legs_forgotten,
                     40);
    phone_bye(stays);
    RIG_ENDED(&trio.rig, 0, "hangup");
    assert_true(rig_call(&trio.rig, 0)->view->leg_count <= STORE_LEGS_MAX + 1);
    rig_done(&trio.rig);
}

static void test_guesser_is_banned_and_people_are_told(void **state)
{
    struct trio trio;

    (void)state;
    begin(&trio, NULL);
    sim_phone_register(trio.c, 0); /* who is registered is not banned */
    RIG_UNTIL(&trio.rig, trio.rig.unregistered == 1);
    (void)sr_str_copy(SR_STR("guess"), trio.c->password, sizeof(trio.c->password));
    for (int i = 0; i < 20 && trio.rig.bans == 0; i++) {
        sim_phone_register(trio.c, 3600);
        rig_run(&trio.rig, 2 * SR_SEC);
    }
    assert_true(trio.rig.bans >= 1);
    claim_works(&trio, trio.a, "102");
    rig_done(&trio.rig);
}

/* ---- draining ---- */

static void count(void *arg)
{
    (*(int *)arg)++;
}

static void test_drain_tells_the_program_when_it_is_over(void **state)
{
    struct trio trio;
    struct phone_call *call;
    int told = 0;

    (void)state;
    begin(&trio, NULL);
    call = rig_connect(&trio.rig, trio.a, "102");
    engine_drain(trio.rig.engine, 60000, count, &told);
    rig_run(&trio.rig, SR_SEC);
    assert_int_equal(told, 0);
    phone_bye(call);
    RIG_ENDED(&trio.rig, 0, "hangup");
    assert_int_equal(told, 1);
    rig_done(&trio.rig);
    assert_int_equal(told, 1);
}

static void test_drain_refuses_new_calls_and_waits_for_live_ones(void **state)
{
    struct engine_command drain = {.kind = ENGINE_DO_DRAIN, .duration_ms = 60000};
    struct engine_command make = {.kind = ENGINE_DO_CALL, .to = "103"};
    struct trio trio;
    struct phone_call *call, *refused;

    (void)state;
    begin(&trio, NULL);
    call = rig_connect(&trio.rig, trio.a, "102");
    assert_int_equal(rig_do(&trio.rig, &drain), SR_OK);
    refused = phone_dial(trio.c, "101");
    RIG_UNTIL(&trio.rig, refused->state == PHONE_OVER);
    assert_int_equal(refused->status, 503);
    assert_true(refused->retry_after > 0);
    assert_int_equal(rig_do(&trio.rig, &make), SR_ERR_LIMIT);
    rig_run(&trio.rig, 10 * SR_SEC);
    assert_int_equal(call->state, PHONE_UP);
    assert_int_equal(trio.rig.drained, 0);
    phone_bye(call);
    RIG_ENDED(&trio.rig, 0, "hangup");
    RIG_UNTIL(&trio.rig, trio.rig.drained == 1);
    rig_done(&trio.rig);
}

static void test_drain_ends_what_is_left_at_its_deadline(void **state)
{
    struct engine_command drain = {.kind = ENGINE_DO_DRAIN, .duration_ms = 5000};
    struct trio trio;
    struct phone_call *call, *ringing;

    (void)state;
    begin(&trio, NULL);
    call = rig_connect(&trio.rig, trio.a, "102");
    trio.b->manners.final_status = 0;
    ringing = phone_dial(trio.c, "102");
    RIG_UNTIL(&trio.rig, phone_had_status(ringing, 180));
    assert_int_equal(rig_do(&trio.rig, &drain), SR_OK);
    rig_run(&trio.rig, 4 * SR_SEC);
    assert_int_equal(call->state, PHONE_UP);
    RIG_ENDED(&trio.rig, 0, "router_stopped");
    RIG_ENDED(&trio.rig, 1, "router_stopped");
    RIG_UNTIL(&trio.rig, call->byes == 1 && ringing->status == 503);
    assert_int_equal(trio.rig.drained, 1);
    rig_done(&trio.rig);
}

static void test_drain_without_calls_is_over_at_once(void **state)
{
    struct engine_command drain = {.kind = ENGINE_DO_DRAIN, .duration_ms = 5000};
    struct trio trio;

    (void)state;
    begin(&trio, NULL);
    assert_int_equal(rig_do(&trio.rig, &drain), SR_OK);
    assert_int_equal(trio.rig.drained, 1);
    rig_done(&trio.rig);
}

static void test_stop_with_live_calls_leaves_nothing(void **state)
{
    struct trio trio;

    (void)state;
    begin(&trio, NULL);
    (void)rig_connect(&trio.rig, trio.a, "102");
    trio.b->manners.final_status = 0;
    (void)phone_dial(trio.c, "102");
    rig_run(&trio.rig, SR_SEC);
    engine_stop(trio.rig.engine);
    RIG_ENDED(&trio.rig, 0, "router_stopped");
    RIG_ENDED(&trio.rig, 1, "router_stopped");
    rig_done(&trio.rig);
}

/* ---- reload ---- */

/* Only Anna is left, and Cora under a new number. */
static const char config_less[] =
    "{ \"devices\": [\n"
    "  { \"id\": \"a\", \"extension\": \"101\", \"password\": \"pw-101\" },\n"
    "  { \"id\": \"c\", \"extension\": \"113\", \"password\": \"pw-103\" } ] }\n";

static void reload(struct trio *trio, const char *text)
{
    struct engine_command command = {.kind = ENGINE_DO_CONFIGURE, .config = rig_load(text)};
    uint32_t before = trio->rig.config_changes;

    assert_int_equal(rig_do(&trio->rig, &command), SR_OK);
    assert_int_equal(trio->rig.config_changes, before + 1);
}

static void test_reload_keeps_calls_and_takes_contacts_of_removed_devices(void **state)
{
    struct trio trio;
    struct phone_call *call, *lost;

    (void)state;
    begin(&trio, NULL);
    call = rig_connect(&trio.rig, trio.a, "102");
    RIG_UNTIL(&trio.rig, trio.rig.engine->told_calls.count == 2);
    reload(&trio, config_less);
    rig_run(&trio.rig, SR_SEC);
    assert_int_equal(trio.rig.engine->told_calls.count, 1); /* nothing is kept of who has gone */
    assert_int_equal(call->state, PHONE_UP);
    assert_true(trio.rig.unregistered >= 1);
    lost = phone_dial(trio.a, "102");
    RIG_UNTIL(&trio.rig, lost->state == PHONE_OVER);
    assert_int_equal(lost->status, 404);
    phone_reinvite(phone_incoming(trio.b), "sendonly"); /* its device is gone, its call is not */
    RIG_UNTIL(&trio.rig, phone_incoming(trio.b)->reoffer_status == 200);
    assert_int_equal(rig_media(&trio.rig, rig_call(&trio.rig, 0), "a")->prompt, MEDIA_PROMPT_MUSIC);
    phone_bye(phone_incoming(trio.b));
    RIG_ENDED(&trio.rig, 0, "hangup");
    reload(&trio, rig_config);
    sim_phone_register(trio.b, 3600);
    RIG_UNTIL(&trio.rig, trio.b->register_status == 200);
    claim_works(&trio, trio.a, "102");
    rig_done(&trio.rig);
}

static void test_reload_while_it_rings(void **state)
{
    struct trio trio;
    struct phone_call *call;

    (void)state;
    begin(&trio, NULL);
    trio.b->manners.final_after = 5 * SR_SEC;
    call = phone_dial(trio.a, "102");
    RIG_UNTIL(&trio.rig, phone_had_status(call, 180));
    reload(&trio, config_less);
    RIG_UNTIL(&trio.rig, call->state == PHONE_UP);
    phone_bye(call);
    RIG_ENDED(&trio.rig, 0, "hangup");
    rig_done(&trio.rig);
}

static void test_reload_with_the_same_text_touches_no_registration(void **state)
{
    struct trio trio;
    struct phone_call *call;

    (void)state;
    begin(&trio, NULL);
    call = rig_connect(&trio.rig, trio.a, "102");
    for (int i = 0; i < 100; i++)
        reload(&trio, rig_config);
    assert_int_equal(trio.rig.unregistered, 0);
    assert_int_equal(trio.rig.registered, 3);
    assert_int_equal(call->state, PHONE_UP);
    claim_works(&trio, trio.c, "101");
    phone_bye(call);
    RIG_ENDED(&trio.rig, 0, "hangup");
    rig_done(&trio.rig);
}

static void test_commands_beyond_the_queue_are_refused_not_lost(void **state)
{
    struct engine_command command = {.kind = ENGINE_DO_SNAPSHOT};
    struct trio trio;

    (void)state;
    begin(&trio, NULL);
    for (int i = 0; i < ENGINE_COMMANDS_MAX; i++)
        assert_int_equal(engine_submit(trio.rig.engine, &command), SR_OK);
    assert_int_equal(engine_submit(trio.rig.engine, &command), SR_ERR_LIMIT);
    rig_run(&trio.rig, SR_SEC);
    assert_int_equal(trio.rig.snapshots, ENGINE_COMMANDS_MAX + 1);
    assert_int_equal(engine_submit(trio.rig.engine, &command), SR_OK);
    rig_done(&trio.rig);
}

static void test_events_beyond_the_queue_are_counted_and_a_snapshot_follows(void **state)
{
    struct engine_command command = {.kind = ENGINE_DO_SNAPSHOT};
    struct trio trio;
    struct phone_call *call;
    struct engine_status status;
    uint32_t before;

    (void)state;
    begin(&trio, NULL);
    call = rig_connect(&trio.rig, trio.a, "102");
    for (uint32_t i = 0; i < ENGINE_EVENTS_MAX + 100; i++) { /* nobody takes them */
        assert_int_equal(engine_submit(trio.rig.engine, &command), SR_OK);
        loop_sim_run_until(trio.rig.loop, loop_now(trio.rig.loop) + 100);
    }
    loop_sim_run_until(trio.rig.loop, loop_now(trio.rig.loop) + 2 * SR_SEC);
    engine_status(trio.rig.engine, &status);
    assert_true(status.events_lost >= 100);
    rig_run(&trio.rig, SR_SEC);
    before = trio.rig.snapshots;
    trio.rig.seq = trio.rig.seq + status.events_lost; /* the gap people see */
    rig_run(&trio.rig, 2 * SR_SEC);
    assert_int_equal(trio.rig.snapshots, before + 1);
    assert_int_equal(trio.rig.seq_gaps, 0);
    phone_bye(call);
    RIG_ENDED(&trio.rig, 0, "hangup");
    rig_done(&trio.rig);
}

int run_limit(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_port_range_used_up_and_recovered),
        cmocka_unit_test(test_no_port_for_the_caller),
        cmocka_unit_test(test_ports_for_some_branches_only_ring_those),
        cmocka_unit_test(test_calls_max),
        cmocka_unit_test(test_no_port_for_a_call_of_the_api),
        cmocka_unit_test(test_no_leg_is_left_for_a_new_call),
        cmocka_unit_test(test_room_that_was_left_hundreds_of_times_stays_bounded),
        cmocka_unit_test(test_guesser_is_banned_and_people_are_told),
        cmocka_unit_test(test_drain_tells_the_program_when_it_is_over),
        cmocka_unit_test(test_drain_refuses_new_calls_and_waits_for_live_ones),
        cmocka_unit_test(test_drain_ends_what_is_left_at_its_deadline),
        cmocka_unit_test(test_drain_without_calls_is_over_at_once),
        cmocka_unit_test(test_stop_with_live_calls_leaves_nothing),
        cmocka_unit_test(test_reload_keeps_calls_and_takes_contacts_of_removed_devices),
        cmocka_unit_test(test_reload_while_it_rings),
        cmocka_unit_test(test_reload_with_the_same_text_touches_no_registration),
        cmocka_unit_test(test_commands_beyond_the_queue_are_refused_not_lost),
        cmocka_unit_test(test_events_beyond_the_queue_are_counted_and_a_snapshot_follows),
    };

    return cmocka_run_group_tests_name("limit", tests, NULL, NULL);
}
