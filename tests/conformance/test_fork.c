/* Forks by strategy; what comes when nobody takes a call: fallbacks of routes, forwardings of devices. */
#include "rig.h"

#include <stdio.h>

#include "base/buf.h"
#include "call/routing.h"

static const char config[] =
    "{ \"realm\": \"home\", \"devices\": ["
    "  { \"id\": \"a\", \"displayName\": \"Anna\", \"extension\": \"101\", \"password\": "
    "\"pw-101\" },"
    "  { \"id\": \"b\", \"extension\": \"102\", \"password\": \"pw-102\" },"
    "  { \"id\": \"c\", \"extension\": \"103\", \"password\": \"pw-103\" },"
    "  { \"id\": \"d\", \"extension\": \"104\", \"password\": \"pw-104\" },"
    "  { \"id\": \"always\", \"extension\": \"131\", \"password\": \"pw-131\","
    "    \"forward\": { \"always\": \"102\" } },"
    "  { \"id\": \"busy\", \"extension\": \"132\", \"password\": \"pw-132\","
    "    \"forward\": { \"busy\": \"103\", \"noAnswer\": \"102\", \"offline\": \"104\" } },"
    "  { \"id\": \"two\", \"extension\": \"133\", \"password\": \"pw-133\","
    "    \"forward\": { \"always\": \"132\" } },"
    "  { \"id\": \"x\", \"extension\": \"134\", \"password\": \"pw-134\","
    "    \"forward\": { \"always\": \"135\" } },"
    "  { \"id\": \"y\", \"extension\": \"135\", \"password\": \"pw-135\","
    "    \"forward\": { \"always\": \"134\" } },"
    "  { \"id\": \"dnd\", \"extension\": \"136\", \"password\": \"pw-136\", \"dnd\": true,"
    "    \"forward\": { \"busy\": \"102\" } },"
    "  { \"id\": \"boxed\", \"extension\": \"137\", \"password\": \"pw-137\", \"voicemailBox\": "
    "\"main\" },"
    "  { \"id\": \"p\", \"extension\": \"138\", \"password\": \"pw-138\","
    "    \"forward\": { \"busy\": \"139\" } },"
    "  { \"id\": \"q\", \"extension\": \"139\", \"password\": \"pw-139\","
    "    \"forward\": { \"busy\": \"138\" } },"
    "  { \"id\": \"loop\", \"extension\": \"145\", \"password\": \"pw-145\" },"
    "  { \"id\": \"out\", \"extension\": \"140\", \"password\": \"pw-140\","
    "    \"forward\": { \"always\": \"+4930999\" } },"
    "  { \"id\": \"routed\", \"extension\": \"141\", \"password\": \"pw-141\","
    "    \"forward\": { \"always\": \"501\" } },"
    "  { \"id\": \"quiet\", \"extension\": \"146\", \"password\": \"pw-146\", \"dnd\": true },"
    "  { \"id\": \"single\", \"extension\": \"147\", \"password\": \"pw-147\", \"maxCalls\": 1 } ],"
    "  \"groups\": ["
    "    { \"id\": \"all\", \"extension\": \"200\", \"members\": [\"b\", \"c\", \"d\"] },"
    "    { \"id\": \"seq\", \"extension\": \"201\", \"members\": [\"b\", \"c\", \"d\"],"
    "      \"strategy\": \"sequential\" },"
    "    { \"id\": \"rr\", \"extension\": \"202\", \"members\": [\"b\", \"c\", \"d\"],"
    "      \"strategy\": \"roundRobin\" },"
    "    { \"id\": \"lr\", \"extension\": \"203\", \"members\": [\"b\", \"c\", \"d\"],"
    "      \"strategy\": \"leastRecent\" },"
    "    { \"id\": \"fw\", \"extension\": \"204\", \"members\": [\"always\", \"c\"] },"
    "    { \"id\": \"fr\", \"extension\": \"205\", \"members\": [\"routed\", \"busy\"] } ],"
    "  \"voiceboxes\": [ { \"id\": \"main\", \"extension\": \"300\" } ],"
    "  \"conferences\": [ { \"id\": \"room\", \"extension\": \"800\" } ],"
    "  \"routing\": { \"routes\": ["
    "    { \"id\": \"steps\", \"match\": { \"direction\": \"internal\", \"numberPattern\": \"501\" "
    "},"
    "      \"action\": { \"targets\": [\"b\", \"group:all\"], \"strategy\": \"sequential\","
    "        \"noAnswerTimeout\": 10 } },"
    "    { \"id\": \"mixed\", \"match\": { \"direction\": \"internal\", \"numberPattern\": \"502\" "
    "},"
    "      \"action\": { \"targets\": [\"a\", \"group:seq\"], \"noAnswerTimeout\": 10 } },"
    "    { \"id\": \"fall\", \"match\": { \"direction\": \"internal\", \"numberPattern\": \"503\" "
    "},"
    "      \"action\": { \"targets\": [\"b\"], \"noAnswerTimeout\": 10, \"fallback\": {"
    "        \"noAnswer\": { \"type\": \"routeExtension\", \"target\": \"103\" },"
    "        \"busy\": { \"type\": \"routeExtension\", \"target\": \"104\" },"
    "        \"offline\": { \"type\": \"conference\", \"target\": \"room\" },"
    "        \"declined\": { \"type\": \"hangup\" } } } },"
    "    { \"id\": \"boxes\", \"match\": { \"direction\": \"internal\", \"numberPattern\": \"504\" "
    "},"
    "      \"action\": { \"targets\": [\"b\"], \"noAnswerTimeout\": 5, \"voicemailBox\": \"main\" "
    "} },"
    "    { \"id\": \"circle\", \"match\": { \"direction\": \"internal\", \"numberPattern\": "
    "\"145\" },"
    "      \"action\": { \"targets\": [\"b\"], \"noAnswerTimeout\": 5, \"fallback\": {"
    "        \"busy\": { \"type\": \"routeExtension\", \"target\": \"145\" } } } },"
    "    { \"id\": \"short\", \"match\": { \"direction\": \"internal\", \"numberPattern\": \"506\" "
    "},"
    "      \"action\": { \"targets\": [\"b\"], \"maxDurationSec\": 30 } },"
    "    { \"id\": \"long\", \"match\": { \"direction\": \"internal\", \"numberPattern\": \"507\" "
    "},"
    "      \"action\": { \"targets\": [\"c\"], \"maxDurationSec\": 600 } },"
    "    { \"id\": \"twice\", \"match\": { \"direction\": \"internal\", \"numberPattern\": \"508\" "
    "},"
    "      \"action\": { \"targets\": [\"always\", \"group:fw\"] } } ] } }";

struct fork_rig {
    struct rig rig;
    struct sim_phone *a, *b, *c, *d;
};

static void begin(struct fork_rig *fork)
{
    struct rig_options options = {.config = config};

    rig_init(&fork->rig, &options);
    fork->a = rig_phone(&fork->rig, "101");
    fork->b = rig_phone(&fork->rig, "102");
    fork->c = rig_phone(&fork->rig, "103");
    fork->d = rig_phone(&fork->rig, "104");
}

static void rings_on(struct sim_phone *phone)
{
    phone->manners.final_status = 0;
}

static void refuses(struct sim_phone *phone, uint16_t status)
{
    phone->manners.final_status = status;
    phone->manners.final_after = 500 * SR_MSEC;
}

static bool rings(struct sim_phone *phone)
{
    return phone_incoming(phone) != NULL && phone_incoming(phone)->state == PHONE_INCOMING;
}

static bool is_up(struct sim_phone *phone)
{
    return phone_incoming(phone) != NULL && phone_incoming(phone)->state == PHONE_UP;
}

static void end(struct fork_rig *fork, struct phone_call *call)
{
    if (call->state == PHONE_UP)
        phone_bye(call);
    RIG_ENDED(&fork->rig, 0, "hangup");
    rig_done(&fork->rig);
}

/* ---- strategies ---- */

static void test_sequential_rings_one_after_the_other(void **state)
{
    struct fork_rig fork;
    struct phone_call *call;

    (void)state;
    begin(&fork);
    rings_on(fork.b);
    rings_on(fork.c);
    call = phone_dial(fork.a, "201");
    rig_run(&fork.rig, 20 * SR_SEC);
    assert_true(rings(fork.b));
    assert_null(phone_incoming(fork.c));
    rig_run(&fork.rig, 10 * SR_SEC);
    assert_int_equal(phone_incoming(fork.b)->cancels, 1);
    assert_true(rings(fork.c));
    assert_null(phone_incoming(fork.d));
    RIG_UNTIL(&fork.rig, is_up(fork.d));
    assert_int_equal(phone_incoming(fork.c)->cancels, 1);
    assert_int_equal(call->state, PHONE_UP);
    assert_int_equal(call->status_count, 3); /* 100, one 180, 200 */
    end(&fork, call);
}

static void test_sequential_goes_on_at_once_when_one_refuses(void **state)
{
    struct fork_rig fork;
    struct phone_call *call;

    (void)state;
    begin(&fork);
    refuses(fork.b, 486);
    refuses(fork.c, 603); /* one declines: the others are still asked */
    call = rig_connect(&fork.rig, fork.a, "201");
    assert_true(is_up(fork.d));
    end(&fork, call);
}

static void connect_and_end(struct fork_rig *fork, const char *number)
{
    struct phone_call *call = rig_connect(&fork->rig, fork->a, number);

    phone_bye(call);
    RIG_UNTIL(&fork->rig, call->state == PHONE_OVER);
    rig_run(&fork->rig, SR_SEC);
}

static size_t calls_of(const struct sim_phone *phone)
{
    return phone->calls.count;
}

static void test_round_robin_takes_turns(void **state)
{
    struct fork_rig fork;

    (void)state;
    begin(&fork);
    for (int i = 0; i < 7; i++)
        connect_and_end(&fork, "202");
    assert_int_equal(calls_of(fork.b), 3);
    assert_int_equal(calls_of(fork.c), 2);
    assert_int_equal(calls_of(fork.d), 2);
    rig_done(&fork.rig);
}

static void test_least_recent_gives_the_call_to_who_rested_longest(void **state)
{
    struct fork_rig fork;

    (void)state;
    begin(&fork);
    connect_and_end(&fork, "102");
    connect_and_end(&fork, "104");
    connect_and_end(&fork, "203"); /* c: never answered */
    assert_int_equal(calls_of(fork.c), 1);
    connect_and_end(&fork, "203"); /* b: before d */
    assert_int_equal(calls_of(fork.b), 2);
    connect_and_end(&fork, "203");
    assert_int_equal(calls_of(fork.d), 2);
    rig_done(&fork.rig);
}

static void test_a_group_is_one_step_of_a_route(void **state)
{
    struct fork_rig fork;
    struct phone_call *call;

    (void)state;
    begin(&fork);
    rings_on(fork.b);
    fork.c->manners.final_after = fork.d->manners.final_after = 5 * SR_SEC;
    call = phone_dial(fork.a, "501");
    rig_run(&fork.rig, 5 * SR_SEC);
    assert_true(rings(fork.b));
    assert_null(phone_incoming(fork.c));
    rig_run(&fork.rig, 6 * SR_SEC);
    assert_true(rings(fork.c) && rings(fork.d));
    assert_int_equal(calls_of(fork.b), 1); /* rung once, in its first step */
    RIG_UNTIL(&fork.rig, call->state == PHONE_UP);
    assert_string_equal(rig_call(&fork.rig, 0)->view->route_id, "steps");
    end(&fork, call);
}

static void test_a_group_in_turn_beside_a_phone_that_rings_all_the_time(void **state)
{
    struct fork_rig fork;
    struct phone_call *call;

    (void)state;
    begin(&fork);
    rings_on(fork.a);
    rings_on(fork.b);
    rings_on(fork.c);
    rings_on(fork.d);
    /* a second phone of a calls, so that a itself can ring */
    call = phone_dial(rig_phone(&fork.rig, "101"), "502");
    rig_run(&fork.rig, 5 * SR_SEC);
    assert_true(rings(fork.a) && rings(fork.b));
    assert_null(phone_incoming(fork.c));
    rig_run(&fork.rig, 20 * SR_SEC);
    assert_true(rings(fork.a) && rings(fork.d));
    assert_false(rings(fork.b) || rings(fork.c));
    phone_answer(phone_incoming(fork.a));
    RIG_UNTIL(&fork.rig, call->state == PHONE_UP);
    assert_int_equal(phone_incoming(fork.d)->cancels, 1);
    end(&fork, call);
}

static void test_cancel_between_two_steps(void **state)
{
    /* at every offset around the end of a step */
    for (sr_usec offset = -3 * SR_MSEC; offset <= 3 * SR_MSEC; offset += 250) {
        struct fork_rig fork;
        struct phone_call *call;

        (void)state;
        begin(&fork);
        rings_on(fork.b);
        rings_on(fork.c);
        call = phone_dial(fork.a, "201");
        RIG_UNTIL(&fork.rig, rings(fork.b));
        rig_run(&fork.rig, 25 * SR_SEC + offset);
        phone_cancel(call);
        RIG_UNTIL(&fork.rig, call->state == PHONE_OVER);
        RIG_ENDED(&fork.rig, 0, "cancelled");
        rig_done(&fork.rig);
    }
}

/* ---- fallbacks ---- */

static void test_no_answer_leads_on(void **state)
{
    struct fork_rig fork;
    struct phone_call *call;

    (void)state;
    begin(&fork);
    rings_on(fork.b);
    call = phone_dial(fork.a, "503");
    RIG_UNTIL(&fork.rig, call->state == PHONE_UP);
    assert_true(is_up(fork.c));
    assert_int_equal(phone_incoming(fork.b)->cancels, 1);
    assert_int_equal(call->status_count, 3);
    assert_string_equal(rig_call(&fork.rig, 0)->view->route_id, "fall");
    end(&fork, call);
}

static void test_busy_leads_on(void **state)
{
    struct fork_rig fork;
    struct phone_call *call;

    (void)state;
    begin(&fork);
    refuses(fork.b, 486);
    call = rig_connect(&fork.rig, fork.a, "503");
    assert_true(is_up(fork.d));
    end(&fork, call);
}

static void test_declined_hangs_up_with_its_own_reason(void **state)
{
    struct fork_rig fork;
    struct phone_call *call;

    (void)state;
    begin(&fork);
    refuses(fork.b, 603);
    call = phone_dial(fork.a, "503");
    RIG_UNTIL(&fork.rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 603);
    RIG_ENDED(&fork.rig, 0, "declined");
    rig_done(&fork.rig);
}

static void test_offline_leads_into_a_conference(void **state)
{
    struct fork_rig fork;
    struct phone_call *call;

    (void)state;
    begin(&fork);
    sim_phone_register(fork.b, 0);
    rig_run(&fork.rig, SR_SEC);
    call = rig_connect(&fork.rig, fork.a, "503");
    assert_string_equal(rig_call(&fork.rig, 0)->view->state, "answered");
    end(&fork, call);
}

/* The second one meets the first; a locked room is busy for who is led there, too. */
static void test_callers_led_into_a_room_meet(void **state)
{
    struct fork_rig fork;
    struct phone_call *first, *second;
    struct engine_command lock;

    (void)state;
    begin(&fork);
    sim_phone_register(fork.b, 0);
    rig_run(&fork.rig, SR_SEC);
    first = rig_connect(&fork.rig, fork.a, "503");
    second = rig_connect(&fork.rig, fork.d, "503");
    RIG_ENDED(&fork.rig, 1, "transferred");
    assert_int_equal(rig_call(&fork.rig, 0)->view->leg_count, 2);
    assert_true(rig_media(&fork.rig, rig_call(&fork.rig, 0), "a")->room ==
                rig_media(&fork.rig, rig_call(&fork.rig, 0), "d")->room);
    phone_bye(second);
    RIG_UNTIL(&fork.rig, second->state == PHONE_OVER);
    lock = rig_command(ENGINE_DO_CALL_CHANGE, rig_call(&fork.rig, 0), NULL);
    lock.has_locked = lock.is_locked = true;
    assert_int_equal(rig_do(&fork.rig, &lock), SR_OK);
    second = phone_dial(fork.d, "503");
    RIG_UNTIL(&fork.rig, second->state == PHONE_OVER);
    assert_int_equal(second->status, 486);
    end(&fork, first);
}

static void test_a_box_that_is_not_built_says_so(void **state)
{
    struct fork_rig fork;
    struct phone_call *call;

    (void)state;
    begin(&fork);
    rings_on(fork.b);
    call = phone_dial(fork.a, "504");
    RIG_UNTIL(&fork.rig, call->state == PHONE_OVER);
    RIG_ENDED(&fork.rig, 0, "not_built");
    rig_done(&fork.rig);
}

static void test_fallbacks_in_a_circle_end(void **state)
{
    struct fork_rig fork;
    struct phone_call *call;

    (void)state;
    begin(&fork);
    refuses(fork.b, 486);
    call = phone_dial(fork.a, "145");
    RIG_UNTIL(&fork.rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 482);
    assert_int_equal(calls_of(fork.b), 1 + 5);
    RIG_ENDED(&fork.rig, 0, "loop");
    rig_done(&fork.rig);
}

static void test_early_media_of_a_first_step_is_followed_by_ring_back(void **state)
{
    struct fork_rig fork;
    struct phone_call *call;

    (void)state;
    begin(&fork);
    rings_on(fork.b);
    fork.b->manners.early_status = 183;
    fork.b->manners.has_early_sdp = true;
    fork.c->manners.final_after = 5 * SR_SEC;
    fork.c->manners.codecs = "PCMA,PCMU";
    call = phone_dial(fork.a, "503");
    RIG_UNTIL(&fork.rig, phone_had_status(call, 183));
    RIG_UNTIL(&fork.rig, phone_incoming(fork.c) != NULL);
    rig_run(&fork.rig, SR_SEC);
    assert_int_equal(rig_media(&fork.rig, rig_call(&fork.rig, 0), "a")->prompt,
                     MEDIA_PROMPT_RINGBACK);
    RIG_UNTIL(&fork.rig, call->state == PHONE_UP);
    assert_string_equal(call->early_sdp, call->sdp); /* fixed by the first one */
    end(&fork, call);
}

static void test_the_longest_duration_ends_a_call(void **state)
{
    struct fork_rig fork;
    struct phone_call *call;

    (void)state;
    begin(&fork);
    call = rig_connect(&fork.rig, fork.a, "506");
    rig_run(&fork.rig, 28 * SR_SEC);
    assert_int_equal(call->state, PHONE_UP);
    RIG_UNTIL(&fork.rig, call->state == PHONE_OVER);
    RIG_ENDED(&fork.rig, 0, "max_duration");
    call = rig_connect(&fork.rig, fork.a, "506");
    phone_refer(call, "507", NULL, NULL); /* that route allows more, this call does not */
    RIG_UNTIL(&fork.rig, is_up(fork.c));
    RIG_UNTIL(&fork.rig, phone_incoming(fork.c)->state == PHONE_OVER);
    RIG_ENDED(&fork.rig, 1, "max_duration");
    rig_done(&fork.rig);
}

static void test_a_route_that_led_nowhere_limits_nothing(void **state)
{
    struct fork_rig fork;
    struct phone_call *call;

    (void)state;
    begin(&fork);
    refuses(fork.b, 486);
    call = rig_connect(&fork.rig, fork.a, "103");
    phone_refer(call, "506", NULL, NULL);
    RIG_UNTIL(&fork.rig, call->notify_status == 486);
    rig_run(&fork.rig, 40 * SR_SEC);
    phone_refer(call, "104", NULL, NULL);
    RIG_UNTIL(&fork.rig, is_up(fork.d));
    rig_run(&fork.rig, SR_SEC);
    assert_true(is_up(fork.d));
    phone_bye(phone_incoming(fork.d));
    RIG_ENDED(&fork.rig, 0, "hangup");
    rig_done(&fork.rig);
}

/* ---- forwarding ---- */

static void test_always(void **state)
{
    struct fork_rig fork;
    struct phone_call *call;

    (void)state;
    begin(&fork);
    (void)rig_phone(&fork.rig, "131");
    call = rig_connect(&fork.rig, fork.a, "131");
    assert_true(is_up(fork.b));
    assert_string_equal(phone_incoming(fork.b)->diversion,
                        "<sip:131@home>;reason=unconditional;counter=1");
    assert_string_equal(phone_incoming(fork.b)->history,
                        "<sip:131@home?Reason=SIP%3Bcause%3D302>;index=1, "
                        "<sip:102@home>;index=1.1;mp=1");
    end(&fork, call);
}

static void test_busy_no_answer_and_offline_go_their_ways(void **state)
{
    for (int way = 0; way < 3; way++) {
        struct fork_rig fork;
        struct phone_call *call;
        struct sim_phone *phone;

        (void)state;
        begin(&fork);
        phone = way < 2 ? rig_phone(&fork.rig, "132") : NULL;
        if (way == 0)
            refuses(phone, 486);
        else if (way == 1)
            rings_on(phone);
        call = phone_dial(fork.a, "132");
        RIG_UNTIL(&fork.rig, call->state == PHONE_UP);
        assert_true(is_up(way == 0 ? fork.c : way == 1 ? fork.b : fork.d));
        end(&fork, call);
    }
}

static void test_two_forwardings_tell_the_whole_way(void **state)
{
    struct fork_rig fork;
    struct phone_call *call;

    (void)state;
    begin(&fork);
    call = rig_connect(&fork.rig, fork.a, "133"); /* always 132, which is offline: 104 */
    assert_true(is_up(fork.d));
    assert_string_equal(phone_incoming(fork.d)->diversion,
                        "<sip:132@home>;reason=unavailable;counter=1, "
                        "<sip:133@home>;reason=unconditional;counter=1");
    assert_string_equal(phone_incoming(fork.d)->history,
                        "<sip:133@home?Reason=SIP%3Bcause%3D302>;index=1, "
                        "<sip:132@home?Reason=SIP%3Bcause%3D480>;index=1.1;mp=1, "
                        "<sip:104@home>;index=1.1.1;mp=1");
    end(&fork, call);
}

static void test_a_circle_of_forwardings_ends_with_482(void **state)
{
    struct fork_rig fork;
    struct phone_call *call;

    (void)state;
    begin(&fork);
    call = phone_dial(fork.a, "134");
    RIG_UNTIL(&fork.rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 482);
    RIG_ENDED(&fork.rig, 0, "loop");
    rig_done(&fork.rig);
}

static void test_a_forwarding_that_is_named_twice_is_no_circle(void **state)
{
    struct fork_rig fork;
    struct phone_call *call;

    (void)state;
    begin(&fork);
    sim_phone_register(fork.b, 0);
    sim_phone_register(fork.c, 0);
    rig_run(&fork.rig, SR_SEC);
    call = phone_dial(fork.a, "508");
    RIG_UNTIL(&fork.rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 480);
    RIG_ENDED(&fork.rig, 0, "offline");
    rig_done(&fork.rig);
}

static void test_two_busy_phones_that_name_each_other_are_busy(void **state)
{
    struct fork_rig fork;
    struct phone_call *call;

    (void)state;
    begin(&fork);
    refuses(rig_phone(&fork.rig, "138"), 486);
    refuses(rig_phone(&fork.rig, "139"), 486);
    call = phone_dial(fork.a, "138");
    RIG_UNTIL(&fork.rig, call->state == PHONE_OVER);
    RIG_UNTIL(&fork.rig, rig_call(&fork.rig, 0)->ended == 1);
    assert_int_equal(call->status, 486);
    assert_string_equal(rig_call(&fork.rig, 0)->reason, "busy");
    rig_done(&fork.rig);
}

/* Busy, and nobody is on the phone: the caller's leg says why. */
static void test_why_nothing_rang_is_said(void **state)
{
    struct fork_rig fork;
    struct phone_call *call, *busy;

    (void)state;
    begin(&fork);
    assert_null(phone_incoming(rig_phone(&fork.rig, "146")));
    busy = phone_dial(fork.a, "146");
    RIG_UNTIL(&fork.rig, busy->state == PHONE_OVER);
    assert_int_equal(busy->status, 486);
    RIG_ENDED(&fork.rig, 0, "busy");
    assert_string_equal(rig_leg(rig_call(&fork.rig, 0), "a")->verdict,
                        "146 is set to do not disturb (dnd): no phone rang");
    call = rig_connect(&fork.rig, rig_phone(&fork.rig, "147"), "102");
    busy = phone_dial(fork.a, "147");
    RIG_UNTIL(&fork.rig, busy->state == PHONE_OVER);
    RIG_ENDED(&fork.rig, 2, "busy");
    assert_string_equal(rig_leg(rig_call(&fork.rig, 2), "a")->verdict,
                        "147 has 1 call, and takes no more (maxCalls): no phone rang");
    phone_bye(call);
    RIG_ENDED(&fork.rig, 1, "hangup");
    rig_done(&fork.rig);
}

static void test_do_not_disturb_is_busy(void **state)
{
    struct fork_rig fork;
    struct phone_call *call;

    (void)state;
    begin(&fork);
    assert_null(phone_incoming(rig_phone(&fork.rig, "136")));
    call = rig_connect(&fork.rig, fork.a, "136");
    assert_true(is_up(fork.b));
    assert_true(sim_has(sr_str_c(phone_incoming(fork.b)->diversion), "user-busy"));
    end(&fork, call);
}

static void test_a_forwarded_member_of_a_group_rings_elsewhere(void **state)
{
    struct fork_rig fork;
    struct phone_call *call;

    (void)state;
    begin(&fork);
    rings_on(fork.c);
    call = rig_connect(&fork.rig, fork.a, "204");
    assert_true(is_up(fork.b));
    assert_true(sim_has(sr_str_c(phone_incoming(fork.b)->diversion), "sip:131@home"));
    assert_int_equal(phone_incoming(fork.c)->cancels, 1);
    assert_string_equal(phone_incoming(fork.c)->diversion, "");
    end(&fork, call);
}

static void test_a_number_outside_without_a_route_is_not_found(void **state)
{
    struct fork_rig fork;
    struct phone_call *call;

    (void)state;
    begin(&fork);
    call = phone_dial(fork.a, "140");
    RIG_UNTIL(&fork.rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 404);
    RIG_ENDED(&fork.rig, 0, "not_found");
    rig_done(&fork.rig);
}

/* ---- many ---- */

enum {
    MANY = 200
};

static void write_many(struct sr_buf *out)
{
    sr_buf_c(out, "{ \"devices\": [");
    for (int i = 0; i <= MANY; i++)
        sr_buf_fmt(out, "%s{ \"id\": \"d%d\", \"extension\": \"%d\", \"password\": \"pw-%d\" }",
                   i > 0 ? "," : "", i, 1000 + i, 1000 + i);
    sr_buf_c(out, "], \"groups\": [ { \"id\": \"all\", \"extension\": \"200\", \"members\": [");
    for (int i = 1; i <= MANY; i++)
        sr_buf_fmt(out, "%s\"d%d\"", i > 1 ? "," : "", i);
    sr_buf_c(out, "] } ] }");
}

static void test_200_phones_ring_and_one_wins(void **state)
{
    struct rig_options options = {.seed = rig_seed()};
    struct sr_prng prng;
    struct sr_buf text;
    struct rig rig;
    struct phone_call *call;
    uint32_t up = 0, cancelled = 0;

    (void)state;
    sr_buf_init(&text, 1 << 20);
    write_many(&text);
    options.config = sr_buf_cstr(&text);
    rig_init(&rig, &options);
    sr_prng_seed(&prng, options.seed);
    for (int i = 0; i <= MANY; i++) {
        char user[16];

        (void)snprintf(user, sizeof(user), "%d", 1000 + i);
        rig_phone(&rig, user)->manners.final_after =
            SR_SEC + (sr_usec)sr_prng_below(&prng, 2000) * SR_MSEC;
    }
    call = rig_connect(&rig, rig.phones[0], "200");
    rig_run(&rig, 5 * SR_SEC);
    for (int i = 1; i <= MANY; i++) {
        const struct phone_call *incoming = phone_incoming(rig.phones[i]);

        assert_non_null(incoming);
        up += incoming->state == PHONE_UP;
        cancelled += incoming->state == PHONE_OVER;
    }
    assert_int_equal(up, 1);
    assert_int_equal(cancelled, MANY - 1);
    assert_int_equal(port_sim_leg_count(rig.media), 2);
    phone_bye(call);
    RIG_ENDED(&rig, 0, "hangup");
    rig_done(&rig);
    sr_buf_done(&text);
}

/* Each of sixty sends its calls to the group they all are in: 60^5 ways round, each looked at once. */
static void test_a_group_that_forwards_to_itself_ends_at_once(void **state)
{
    struct rig rig;
    struct sr_buf text;
    struct rig_options options = {0};
    struct phone_call *call;

    (void)state;
    sr_buf_init(&text, 1 << 16);
    sr_buf_c(&text, "{ \"devices\": [ { \"id\": \"a\", \"extension\": \"101\", "
                    "\"password\": \"pw-101\" }");
    for (int i = 0; i < 60; i++)
        sr_buf_fmt(&text,
                   ", { \"id\": \"m%d\", \"extension\": \"3%02d\", \"password\": \"pw\", "
                   "\"forward\": { \"always\": \"200\" } }",
                   i, i);
    sr_buf_c(&text, " ], \"groups\": [ { \"id\": \"all\", \"extension\": \"200\", "
                    "\"members\": [\"m0\"");
    for (int i = 1; i < 60; i++)
        sr_buf_fmt(&text, ", \"m%d\"", i);
    sr_buf_c(&text, "] } ] }");
    options.config = sr_buf_cstr(&text);
    rig_init(&rig, &options);
    call = phone_dial(rig_phone(&rig, "101"), "200");
    RIG_UNTIL(&rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 482);
    rig_done(&rig);
    sr_buf_done(&text);
}

/* ---- what is said before a call ---- */

static bool is_foretold(struct sr_str answer, const char *part)
{
    return sr_str_search(answer, sr_str_c(part)) < answer.n;
}

/* "targets" of the answer names who rings, and nobody else; a refusal tells the status. */
static void claim_comes_true(struct fork_rig *fork, struct sim_phone *const phones[4],
                             const char *number)
{
    static const char *const ids[] = {"\"b\"", "\"c\"", "\"d\"", "\"busy\""};
    struct config *loaded = rig_load(config);
    struct routing_query query = {.number = sr_str_c(number), .now = 1795428000};
    struct sr_buf json;
    struct sr_str targets, answer;
    struct phone_call *call;
    char status[32];

    sr_buf_init(&json, 1 << 16);
    query.device = config_device_by_id(loaded, SR_STR("a"));
    routing_test_json(loaded, &query, NULL, &json);
    answer = sr_buf_view(&json);
    targets = sr_str_from(answer, sr_str_search(answer, SR_STR("\"targets\":")));
    targets = sr_str_head(targets, sr_str_find(targets, ']', 0));
    call = phone_dial(fork->a, number);
    RIG_UNTIL(&fork->rig, call->state == PHONE_OVER || call->status >= 180);
    for (size_t i = 0; i < 4; i++) {
        if (rings(phones[i]) != is_foretold(targets, ids[i]))
            fail_msg("%s: %s rings: %d; foretold: %.*s", number, ids[i], rings(phones[i]),
                     SR_STR_ARG(answer));
    }
    (void)snprintf(status, sizeof(status), "\"sipStatus\":%u", call->status);
    assert_int_equal(call->state == PHONE_OVER, is_foretold(answer, "\"outcome\":\"refused\""));
    assert_int_equal(call->state == PHONE_OVER, is_foretold(answer, status));
    if (call->state != PHONE_OVER)
        phone_cancel(call);
    RIG_UNTIL(&fork->rig, call->state == PHONE_OVER);
    rig_run(&fork->rig, SR_SEC);
    sr_buf_done(&json);
    config_unref(loaded);
}

static void test_what_is_foretold_comes_true(void **state)
{
    static const char *const numbers[] = {"102", "131", "132", "133", "134", "136", "140",
                                          "146", "200", "204", "205", "503", "506", "999"};
    struct fork_rig fork;
    struct sim_phone *phones[4];

    (void)state;
    begin(&fork);
    phones[0] = fork.b;
    phones[1] = fork.c;
    phones[2] = fork.d;
    phones[3] = rig_phone(&fork.rig, "132");
    for (size_t i = 0; i < 4; i++)
        rings_on(phones[i]);
    for (size_t i = 0; i < SR_ARRAY_LEN(numbers); i++)
        claim_comes_true(&fork, phones, numbers[i]);
    rig_done(&fork.rig);
}

int run_fork(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sequential_rings_one_after_the_other),
        cmocka_unit_test(test_sequential_goes_on_at_once_when_one_refuses),
        cmocka_unit_test(test_round_robin_takes_turns),
        cmocka_unit_test(test_least_recent_gives_the_call_to_who_rested_longest),
        cmocka_unit_test(test_a_group_is_one_step_of_a_route),
        cmocka_unit_test(test_a_group_in_turn_beside_a_phone_that_rings_all_the_time),
        cmocka_unit_test(test_cancel_between_two_steps),
        cmocka_unit_test(test_no_answer_leads_on),
        cmocka_unit_test(test_busy_leads_on),
        cmocka_unit_test(test_declined_hangs_up_with_its_own_reason),
        cmocka_unit_test(test_offline_leads_into_a_conference),
        cmocka_unit_test(test_callers_led_into_a_room_meet),
        cmocka_unit_test(test_a_box_that_is_not_built_says_so),
        cmocka_unit_test(test_fallbacks_in_a_circle_end),
        cmocka_unit_test(test_early_media_of_a_first_step_is_followed_by_ring_back),
        cmocka_unit_test(test_the_longest_duration_ends_a_call),
        cmocka_unit_test(test_a_route_that_led_nowhere_limits_nothing),
        cmocka_unit_test(test_always),
        cmocka_unit_test(test_busy_no_answer_and_offline_go_their_ways),
        cmocka_unit_test(test_two_forwardings_tell_the_whole_way),
        cmocka_unit_test(test_a_circle_of_forwardings_ends_with_482),
        cmocka_unit_test(test_a_forwarding_that_is_named_twice_is_no_circle),
        cmocka_unit_test(test_two_busy_phones_that_name_each_other_are_busy),
        cmocka_unit_test(test_why_nothing_rang_is_said),
        cmocka_unit_test(test_do_not_disturb_is_busy),
        cmocka_unit_test(test_a_forwarded_member_of_a_group_rings_elsewhere),
        cmocka_unit_test(test_a_number_outside_without_a_route_is_not_found),
        cmocka_unit_test(test_200_phones_ring_and_one_wins),
        cmocka_unit_test(test_a_group_that_forwards_to_itself_ends_at_once),
        cmocka_unit_test(test_what_is_foretold_comes_true),
    };

    return cmocka_run_group_tests_name("fork", tests, NULL, NULL);
}
