/* Five hundred calls over a network that loses SIP packets both ways. */
#include "rig.h"

static const char config_loss[] =
    "{ \"devices\": [\n"
    "  { \"id\": \"a\", \"extension\": \"101\", \"password\": \"pw-101\", \"maxCalls\": 0 },\n"
    "  { \"id\": \"b\", \"extension\": \"102\", \"password\": \"pw-102\", \"maxCalls\": 0 } ] }\n";

enum {
    LOSS_CALLS = 500
};

static void register_again(struct rig *rig, struct sim_phone *phone)
{
    do {
        sim_phone_register(phone, 3600);
        RIG_UNTIL(rig, phone->register_status != 0);
    } while (phone->register_status != 200);
}

/* One call: set up, a second of talk, hung up by either side. True when both were in it. */
static bool one_call(struct rig *rig, struct sim_phone *a, struct sim_phone *b,
                     bool is_callee_first)
{
    struct phone_call *call = phone_dial(a, "102");

    RIG_UNTIL(rig, call->state == PHONE_UP || call->state == PHONE_OVER);
    if (call->state != PHONE_UP)
        return false;
    rig_run(rig, SR_SEC);
    if (call->state != PHONE_UP || phone_incoming(b)->state != PHONE_UP)
        return false;
    phone_bye(is_callee_first ? phone_incoming(b) : call);
    return true;
}

static void calls_under_loss(double loss, double share_min)
{
    struct rig_options options = {.config = config_loss, .seed = rig_seed(), .loss = loss};
    struct sim_phone *a, *b;
    struct rig rig;
    int good = 0;

    rig_init(&rig, &options);
    a = rig_phone(&rig, "101");
    b = rig_phone(&rig, "102");
    for (int i = 0; i < LOSS_CALLS; i++) {
        if (i % 50 == 0) {
            register_again(&rig, a);
            register_again(&rig, b);
        }
        good += one_call(&rig, a, b, i % 2 == 1);
    }
    print_message("seed %llu: %.0f %% loss: %d of %d calls set up\n",
                  (unsigned long long)options.seed, loss * 100, good, LOSS_CALLS);
    assert_true(good >= share_min * LOSS_CALLS);
    rig_done(&rig);
}

static void test_a_tenth_lost(void **state)
{
    (void)state;
    calls_under_loss(0.1, 0.999);
}

static void test_a_fifth_lost(void **state)
{
    (void)state;
    calls_under_loss(0.2, 0.995);
}

static void test_three_tenths_lost(void **state)
{
    (void)state;
    calls_under_loss(0.3, 0.97);
}

int run_loss(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_tenth_lost),
        cmocka_unit_test(test_a_fifth_lost),
        cmocka_unit_test(test_three_tenths_lost),
    };

    return cmocka_run_group_tests_name("loss", tests, NULL, NULL);
}
