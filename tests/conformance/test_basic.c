/* Two phones: who calls, who hangs up, why a call does not come about. */
#include "rig.h"

static void test_call_ended_by_caller(void **state)
{
    struct rig rig;
    struct sim_phone *a, *b;
    struct phone_call *call;

    (void)state;
    rig_init(&rig, NULL);
    a = rig_phone(&rig, "101");
    b = rig_phone(&rig, "102");
    call = rig_connect(&rig, a, "102");
    assert_true(phone_had_status(call, 100));
    assert_true(phone_had_status(call, 180));
    assert_int_equal(phone_incoming(b)->state, PHONE_UP);
    assert_int_equal(phone_incoming(b)->acks, 1);
    assert_string_equal(rig_call(&rig, 0)->view->from, "101");
    assert_string_equal(rig_call(&rig, 0)->view->to, "102");
    assert_int_equal(rig_mode(&rig, rig_call(&rig, 0)), MEDIA_MODE_RELAY);
    phone_bye(call);
    RIG_ENDED(&rig, 0, "hangup");
    assert_int_equal(phone_incoming(b)->state, PHONE_OVER);
    assert_int_equal(call->bye_status, 200);
    rig_done(&rig);
}

int run_basic(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_call_ended_by_caller),
    };

    return cmocka_run_group_tests_name("basic", tests, NULL, NULL);
}
