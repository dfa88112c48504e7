/* 3xx of a phone or provider: a forwarding, by the rules of who may forward where. */
#include "rig.h"

static const char config[] =
    "{ \"country\": \"DE\", \"devices\": [\n"
    "  { \"id\": \"a\", \"extension\": \"101\", \"password\": \"pw-101\" },\n"
    "  { \"id\": \"b\", \"extension\": \"102\", \"password\": \"pw-102\" },\n"
    "  { \"id\": \"c\", \"extension\": \"103\", \"password\": \"pw-103\" },\n"
    "  { \"id\": \"d\", \"extension\": \"104\", \"password\": \"pw-104\" } ],\n"
    "  \"groups\": [ { \"id\": \"bc\", \"extension\": \"200\", \"members\": [\"b\", \"c\"] } ],\n"
    "  \"providers\": [ { \"id\": \"acme\", \"domain\": \"192.0.2.200\", \"transport\": \"udp\",\n"
    "    \"register\": false, \"qualifySec\": 0, \"callerId\": \"+4930100\" } ],\n"
    "  \"features\": { \"*43\": \"echo\" },\n"
    "  \"security\": { \"blockedPrefixes\": [\"+49900\"] },\n"
    "  \"routing\": { \"routes\": [\n"
    "    { \"id\": \"out\", \"match\": { \"direction\": \"outbound\" },\n"
    "      \"action\": { \"provider\": \"acme\" } } ] } }\n";

struct house {
    struct rig rig;
    struct sim_phone *a, *b, *c, *d, *gateway;
};

static void begin(struct house *house)
{
    struct rig_options options = {.config = config};

    rig_init(&house->rig, &options);
    house->gateway = rig_gateway(&house->rig);
    house->a = rig_phone(&house->rig, "101");
    house->b = rig_phone(&house->rig, "102");
    house->c = rig_phone(&house->rig, "103");
    house->d = rig_phone(&house->rig, "104");
    rig_run(&house->rig, 2 * SR_SEC);
}

static void send_on(struct sim_phone *phone, uint16_t status, const char *contact)
{
    phone->manners.early_status = 0;
    phone->manners.final_status = status;
    phone->manners.final_after = 100 * SR_MSEC;
    phone->manners.refusal_extra = contact;
}

static void end(struct house *house, struct phone_call *call)
{
    phone_bye(call);
    RIG_ENDED(&house->rig, 0, "hangup");
    rig_done(&house->rig);
}

static void test_a_phones_302_rings_the_other_extension(void **state)
{
    static const uint16_t statuses[] = {301, 302};

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(statuses); i++) {
        struct house house;
        struct phone_call *call;

        begin(&house);
        send_on(house.b, statuses[i], "Contact: <sip:103@192.0.2.1>\r\n");
        call = rig_connect(&house.rig, house.a, "102");
        assert_non_null(phone_incoming(house.c));
        assert_int_equal(phone_incoming(house.c)->state, PHONE_UP);
        assert_non_null(strstr(phone_incoming(house.c)->diversion, "sip:102@"));
        assert_false(phone_had_status(call, statuses[i])); /* the caller is sent nowhere */
        end(&house, call);
    }
}

static void test_it_may_lead_to_an_application(void **state)
{
    struct house house;
    struct phone_call *call;

    (void)state;
    begin(&house);
    send_on(house.b, 302, "Contact: <sip:*43@192.0.2.1>\r\n");
    call = rig_connect(&house.rig, house.a, "102");
    end(&house, call);
}

static void test_outside_it_is_a_call_of_the_device_that_forwards(void **state)
{
    struct house house;
    struct phone_call *call;

    (void)state;
    begin(&house);
    send_on(house.b, 302, "Contact: <sip:+49891234@192.0.2.1>\r\n");
    call = rig_connect(&house.rig, house.a, "102");
    assert_int_equal(house.gateway->call_count, 1);
    end(&house, call);

    begin(&house);
    send_on(house.b, 302, "Contact: <sip:+49900666@192.0.2.1>\r\n");
    call = phone_dial(house.a, "102");
    RIG_UNTIL(&house.rig, call->state == PHONE_OVER);
    RIG_ENDED(&house.rig, 0, "blocked_number");
    assert_int_equal(house.gateway->call_count, 0);
    rig_done(&house.rig);
}

static void test_a_circle_ends_with_482(void **state)
{
    struct house house;
    struct phone_call *call;

    (void)state;
    begin(&house);
    send_on(house.b, 302, "Contact: <sip:103@192.0.2.1>\r\n");
    send_on(house.c, 302, "Contact: <sip:102@192.0.2.1>\r\n");
    call = phone_dial(house.a, "102");
    RIG_UNTIL(&house.rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 482);
    RIG_ENDED(&house.rig, 0, "loop");
    assert_true(house.b->call_count + house.c->call_count <= 4);
    rig_done(&house.rig);
}

static void test_in_a_group_only_that_member_is_replaced(void **state)
{
    struct house house;
    struct phone_call *call;

    (void)state;
    begin(&house);
    send_on(house.b, 302, "Contact: <sip:104@192.0.2.1>\r\n");
    house.c->manners.final_status = 0; /* rings on */
    call = rig_connect(&house.rig, house.a, "200");
    assert_int_equal(phone_incoming(house.d)->state, PHONE_UP);
    assert_non_null(strstr(phone_incoming(house.d)->diversion, "sip:102@"));
    assert_int_equal(phone_incoming(house.c)->cancels, 1);
    end(&house, call);
}

static void test_in_a_group_a_circle_rings_on(void **state)
{
    struct house house;
    struct phone_call *call;

    (void)state;
    begin(&house);
    send_on(house.b, 302, "Contact: <sip:102@192.0.2.1>\r\n");
    call = rig_connect(&house.rig, house.a, "200");
    assert_int_equal(phone_incoming(house.c)->state, PHONE_UP);
    assert_int_equal(house.b->call_count, 1);
    end(&house, call);
}

static void test_without_a_contact_nobody_is_there(void **state)
{
    struct house house;
    struct phone_call *call;

    (void)state;
    begin(&house);
    send_on(house.b, 302, NULL);
    call = phone_dial(house.a, "102");
    RIG_UNTIL(&house.rig, call->state == PHONE_OVER);
    assert_true(call->status >= 480);
    RIG_ENDED(&house.rig, 0, "unreachable");
    rig_done(&house.rig);
}

/* The provider names another number: the caller's account pays, the guard is asked again. */
static void test_a_providers_302_is_another_number_outside(void **state)
{
    static const struct {
        const char *contact, *reason;
        size_t calls;
    } cases[] = {
        {"Contact: <sip:+49900666@192.0.2.200>\r\n", "blocked_number", 1},
        {"Contact: <sip:+49891234@192.0.2.200>\r\n", "loop", 1}, /* the same again */
        {"Contact: <sip:+49900666@192.0.2.200>;q=0.3, <mailto:a@b.test>, "
         "<sip:+49891234@192.0.2.200>;q=0.9\r\n",
         "loop", 1},                                     /* the best that can be called */
        {"Contact: <sip:102@192.0.2.1>\r\n", "loop", 2}, /* no way into the house: a number there */
        {"Contact: <sip:+49895555@192.0.2.200>\r\n", "loop", 2}, /* and there the same */
    };

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(cases); i++) {
        struct house house;
        struct phone_call *call;

        begin(&house);
        send_on(house.gateway, 302, cases[i].contact);
        call = phone_dial(house.a, "+49891234");
        RIG_UNTIL(&house.rig, call->state == PHONE_OVER);
        RIG_UNTIL(&house.rig, rig_call(&house.rig, 0)->ended == 1);
        assert_string_equal(rig_call(&house.rig, 0)->reason, cases[i].reason);
        assert_true(call->status >= 400);
        assert_int_equal(house.gateway->call_count, cases[i].calls);
        assert_int_equal(house.b->call_count, 0);
        rig_done(&house.rig);
    }
}

int run_redirect(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_phones_302_rings_the_other_extension),
        cmocka_unit_test(test_it_may_lead_to_an_application),
        cmocka_unit_test(test_outside_it_is_a_call_of_the_device_that_forwards),
        cmocka_unit_test(test_a_circle_ends_with_482),
        cmocka_unit_test(test_in_a_group_only_that_member_is_replaced),
        cmocka_unit_test(test_in_a_group_a_circle_rings_on),
        cmocka_unit_test(test_without_a_contact_nobody_is_there),
        cmocka_unit_test(test_a_providers_302_is_another_number_outside),
    };

    return cmocka_run_group_tests_name("redirect", tests, NULL, NULL);
}
