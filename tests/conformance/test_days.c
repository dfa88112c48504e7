/* Days of virtual time: registrations refresh, phones call, one call lasts for ever, and nothing grows. */
#include <stdlib.h>

#include "rig.h"

enum {
    DAYS_USUAL = 2,
    DAY_SEC = 24 * 3600,
    CALL_EVERY_SEC = 600,
};

static const char config_days[] =
    "{ \"devices\": [\n"
    "  { \"id\": \"a\", \"extension\": \"101\", \"password\": \"pw-101\", \"maxCalls\": 0 },\n"
    "  { \"id\": \"b\", \"extension\": \"102\", \"password\": \"pw-102\", \"maxCalls\": 0 },\n"
    "  { \"id\": \"c\", \"extension\": \"103\", \"password\": \"pw-103\", \"maxCalls\": 0 },\n"
    "  { \"id\": \"d\", \"extension\": \"104\", \"password\": \"pw-104\", \"maxCalls\": 0 } ],\n"
    "  \"conferences\": [ { \"id\": \"room\", \"extension\": \"800\" } ] }\n";

/* CONFORMANCE_DAYS=30 for a month. */
static uint32_t days_wanted(void)
{
    uint32_t days = 0;
    const char *text = getenv("CONFORMANCE_DAYS");

    if (text == NULL || sr_str_u32(sr_str_c(text), 10000, &days) != SR_OK)
        return DAYS_USUAL;
    return SR_MAX(days, 2u);
}

/* Blocks of memory, without what the test itself keeps of each call. */
static uint64_t blocks_of_router(struct rig *rig)
{
    uint64_t ours = 2 * rig->calls.count; /* the call, and its newest view */

    for (size_t i = 0; i < rig->phone_count; i++)
        ours += rig->phones[i]->calls.count;
    return sr_alloc_live() - ours;
}

/* Ten minutes: a call in relay or in a room, the registrations by their own hour. */
static void ten_minutes(struct rig *rig, struct sim_phone *phones[4], uint32_t number)
{
    struct phone_call *call;

    for (size_t i = 0; i < 4 && number % 5 == 4; i++)
        sim_phone_register(phones[i], 3600);
    call = rig_connect(rig, phones[0], number % 3 ? "102" : "800");
    rig_run(rig, (sr_usec)(1 + number % 300) * SR_SEC);
    phone_bye(call);
    rig_run(rig, (sr_usec)(CALL_EVERY_SEC - 1 - number % 300) * SR_SEC);
}

static void test_days_pass_and_nothing_grows(void **state)
{
    struct rig_options options = {.config = config_days};
    uint32_t days = days_wanted(), number = 0;
    struct sim_phone *phones[4];
    struct phone_call *lasting;
    uint64_t blocks = 0, after = 0;
    struct rig rig;

    (void)state;
    rig_init(&rig, &options);
    phones[0] = rig_phone(&rig, "101");
    phones[1] = rig_phone(&rig, "102");
    phones[2] = rig_phone(&rig, "103");
    phones[3] = rig_phone(&rig, "104");
    lasting = rig_connect(&rig, phones[2], "104");
    for (uint32_t day = 0; day < days; day++) {
        for (uint32_t i = 0; i < DAY_SEC / CALL_EVERY_SEC; i++)
            ten_minutes(&rig, phones, number++);
        after = blocks_of_router(&rig);
        blocks = day == 0 ? after : blocks;
        assert_int_equal(lasting->state, PHONE_UP);
        assert_int_equal(rig.unregistered, 0);
    }
    print_message("%u days, %u calls beside one that lasted: %llu blocks after the first day, %llu "
                  "at the end\n",
                  days, number, (unsigned long long)blocks, (unsigned long long)after);
    assert_int_equal(after, blocks);
    phone_bye(lasting);
    RIG_ENDED(&rig, 0, "hangup");
    rig_done(&rig);
}

int run_days(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_days_pass_and_nothing_grows),
    };

    return cmocka_run_group_tests_name("days", tests, NULL, NULL);
}
