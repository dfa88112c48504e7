/* Parking, intercom, rooms with a PIN or locked: the features phones reach by dialling. */
#include "rig.h"

static const char office_config[] =
    "{ \"devices\": [\n"
    "  { \"id\": \"a\", \"displayName\": \"Anna\", \"extension\": \"101\", \"password\": "
    "\"pw-101\" },\n"
    "  { \"id\": \"b\", \"displayName\": \"Bert\", \"extension\": \"102\", \"password\": "
    "\"pw-102\" },\n"
    "  { \"id\": \"c\", \"displayName\": \"Cora\", \"extension\": \"103\", \"password\": "
    "\"pw-103\" } ],\n"
    "  \"conferences\": [ { \"id\": \"room\", \"extension\": \"800\" },\n"
    "    { \"id\": \"safe\", \"extension\": \"801\", \"pin\": \"4711\" } ],\n"
    "  \"parking\": { \"slots\": \"701-702\", \"timeoutSec\": 30 },\n"
    "  \"features\": { \"*68\": \"intercom\" } }\n";

struct office {
    struct rig rig;
    struct sim_phone *a, *b, *c;
    struct phone_call *at_a;
};

static void begin(struct office *office)
{
    static const char allow[] = "Allow: INVITE, ACK, BYE, CANCEL, UPDATE, REFER, NOTIFY\r\n";

    rig_init(&office->rig, &(struct rig_options){.config = office_config});
    office->a = rig_phone(&office->rig, "101");
    office->b = rig_phone(&office->rig, "102");
    office->c = rig_phone(&office->rig, "103");
    for (size_t i = 0; i < office->rig.phone_count; i++) {
        office->rig.phones[i]->manners.extra = allow;
        office->rig.phones[i]->manners.ok_extra = allow;
    }
}

/* ---- parking ---- */

/* A parks B in 701 by a blind transfer; the parked call is the second. */
static struct rig_call *park(struct office *office)
{
    begin(office);
    office->at_a = rig_connect(&office->rig, office->a, "102");
    phone_refer(office->at_a, "701", NULL, NULL);
    RIG_UNTIL(&office->rig, office->at_a->byes == 1);
    assert_int_equal(office->at_a->notify_status, 200);
    RIG_ENDED(&office->rig, 0, "transferred");
    RIG_UNTIL(&office->rig, strcmp(phone_incoming(office->b)->peer, "701") == 0);
    assert_int_equal(rig_media(&office->rig, rig_call(&office->rig, 1), "b")->prompt,
                     MEDIA_PROMPT_MUSIC);
    return rig_call(&office->rig, 1);
}

static void claim_talking(struct office *office, const struct rig_call *call, const char *one,
                          const char *other)
{
    assert_true(rig_media(&office->rig, call, one)->room ==
                rig_media(&office->rig, call, other)->room);
    assert_int_equal(rig_media(&office->rig, call, one)->prompt, MEDIA_PROMPT_NONE);
    assert_int_equal(rig_media(&office->rig, call, other)->prompt, MEDIA_PROMPT_NONE);
    assert_false(rig_media(&office->rig, call, one)->is_muted);
    assert_false(rig_media(&office->rig, call, other)->is_muted);
}

static void test_parked_and_retrieved(void **state)
{
    struct office office;
    struct rig_call *parked;
    struct phone_call *at_c;

    (void)state;
    parked = park(&office);
    at_c = rig_connect(&office.rig, office.c, "701");
    claim_talking(&office, parked, "b", "c");
    RIG_UNTIL(&office.rig, strcmp(phone_incoming(office.b)->peer, "103") == 0);
    assert_string_equal(at_c->peer, "102");
    phone_bye(at_c);
    RIG_ENDED(&office.rig, 1, "hangup");
    at_c = rig_connect(&office.rig, office.c, "701"); /* the slot is free again */
    phone_bye(at_c);
    RIG_ENDED(&office.rig, 2, "hangup");
    rig_done(&office.rig);
}

/* POST /api/call rings Cora first and then takes her to who is parked. */
static void test_retrieved_by_the_api(void **state)
{
    struct engine_command command = {.kind = ENGINE_DO_CALL};
    struct office office;
    struct rig_call *parked;
    struct phone_call *at_c;

    (void)state;
    parked = park(&office);
    (void)sr_str_copy(SR_STR("103"), command.from, sizeof(command.from));
    (void)sr_str_copy(SR_STR("701"), command.to, sizeof(command.to));
    assert_int_equal(rig_do(&office.rig, &command), SR_OK);
    RIG_ENDED(&office.rig, 2, "transferred");
    claim_talking(&office, parked, "b", "c");
    RIG_UNTIL(&office.rig, strcmp(phone_incoming(office.b)->peer, "103") == 0);
    at_c = phone_incoming(office.c);
    RIG_UNTIL(&office.rig, strcmp(at_c->peer, "102") == 0);
    phone_bye(at_c);
    RIG_ENDED(&office.rig, 1, "hangup");
    rig_done(&office.rig);
}

static void test_a_taken_slot_refuses_and_the_call_goes_on(void **state)
{
    struct office office;
    struct phone_call *at_c;

    (void)state;
    (void)park(&office);
    at_c = rig_connect(&office.rig, office.c, "101");
    phone_refer(at_c, "701", NULL, NULL);
    RIG_UNTIL(&office.rig, at_c->notify_status == 486);
    phone_refer(at_c, "702", NULL, NULL);
    RIG_UNTIL(&office.rig, at_c->byes == 1);
    phone_bye(phone_incoming(office.a));
    phone_bye(phone_incoming(office.b));
    RIG_ENDED(&office.rig, 1, "hangup");
    RIG_ENDED(&office.rig, 3, "hangup");
    rig_done(&office.rig);
}

static void test_who_parked_is_rung_after_the_time(void **state)
{
    struct office office;
    struct rig_call *parked;
    struct phone_call *back;

    (void)state;
    parked = park(&office);
    office.a->manners.final_status = 486;
    rig_run(&office.rig, 32 * SR_SEC);
    back = phone_incoming(office.a);
    assert_non_null(back);
    assert_string_equal(back->peer, "102");
    assert_int_equal(parked->ended, 0);
    office.a->manners.final_status = 200;
    RIG_UNTIL(&office.rig, phone_incoming(office.a) != back && phone_incoming(office.a)->acks == 1);
    claim_talking(&office, parked, "a", "b");
    phone_bye(phone_incoming(office.a));
    RIG_ENDED(&office.rig, 1, "hangup");
    rig_done(&office.rig);
}

/* The phone of who parked rings again when somebody else comes for the party: it stops, and takes no part. */
/* The call keeps the configuration it began with, although that of now sends the phone's calls on. */
static void test_who_parked_is_rung_after_a_reload(void **state)
{
    static const char config_more[] =
        "{ \"devices\": [\n"
        "  { \"id\": \"b\", \"extension\": \"102\", \"password\": \"pw-102\" },\n"
        "  { \"id\": \"c\", \"extension\": \"103\", \"password\": \"pw-103\" },\n"
        "  { \"id\": \"d\", \"extension\": \"104\", \"password\": \"pw-104\" },\n"
        "  { \"id\": \"a\", \"extension\": \"101\", \"password\": \"pw-101\",\n"
        "    \"forward\": { \"always\": \"103\" } } ] }\n";
    struct engine_command command = {.kind = ENGINE_DO_CONFIGURE};
    struct rig_call *call;
    struct office office;

    (void)state;
    call = park(&office);
    command.config = rig_load(config_more);
    assert_int_equal(rig_do(&office.rig, &command), SR_OK);
    rig_run(&office.rig, 29 * SR_SEC);
    RIG_UNTIL(&office.rig, phone_incoming(office.a) != NULL);
    assert_null(phone_incoming(office.c));
    command.config = rig_load(config_more);
    assert_int_equal(rig_do(&office.rig, &command), SR_OK);
    RIG_UNTIL(&office.rig, phone_incoming(office.a)->state == PHONE_UP);
    claim_talking(&office, call, "a", "b");
    phone_bye(phone_incoming(office.a));
    RIG_ENDED(&office.rig, 1, "hangup");
    rig_done(&office.rig);
}

static void test_a_parked_party_that_is_fetched_rings_nobody(void **state)
{
    struct office office;
    struct rig_call *parked;
    struct phone_call *again, *at_c;

    (void)state;
    parked = park(&office);
    office.a->manners.final_status = 0;
    RIG_UNTIL(&office.rig, phone_incoming(office.a) != NULL &&
                               phone_incoming(office.a)->state == PHONE_INCOMING);
    again = phone_incoming(office.a);
    at_c = phone_dial(office.c, "701");
    RIG_UNTIL(&office.rig, at_c->state == PHONE_UP);
    rig_run(&office.rig, SR_SEC);
    assert_int_equal(again->cancels, 1);
    claim_talking(&office, parked, "b", "c");
    assert_int_equal(parked->view->leg_count, 2);
    phone_bye(at_c);
    RIG_ENDED(&office.rig, 1, "hangup");
    rig_done(&office.rig);
}

static void test_parked_party_hangs_up(void **state)
{
    struct office office;

    (void)state;
    (void)park(&office);
    phone_bye(phone_incoming(office.b));
    RIG_ENDED(&office.rig, 1, "hangup");
    rig_run(&office.rig, 60 * SR_SEC);
    assert_null(phone_incoming(office.a));
    rig_done(&office.rig);
}

static void test_parked_by_an_attended_transfer(void **state)
{
    struct office office;
    struct phone_call *asking, *at_c;

    (void)state;
    begin(&office);
    office.at_a = rig_connect(&office.rig, office.a, "102");
    asking = rig_connect(&office.rig, office.a, "701");
    assert_string_equal(asking->peer, "701");
    at_c = phone_dial(office.c, "701"); /* nobody waits in it yet */
    RIG_UNTIL(&office.rig, at_c->state == PHONE_OVER);
    assert_int_equal(at_c->status, 486);
    phone_refer(office.at_a, "701", asking, NULL);
    RIG_UNTIL(&office.rig, office.at_a->byes == 1 && asking->byes == 1);
    RIG_ENDED(&office.rig, 0, "transferred");
    at_c = rig_connect(&office.rig, office.c, "701");
    claim_talking(&office, rig_call(&office.rig, 1), "b", "c");
    phone_bye(at_c);
    RIG_ENDED(&office.rig, 1, "hangup");
    rig_done(&office.rig);
}

/* ---- intercom ---- */

static void test_intercom_asks_the_phone_to_answer(void **state)
{
    struct office office;
    struct phone_call *at_a;

    (void)state;
    begin(&office);
    at_a = rig_connect(&office.rig, office.a, "*68102");
    assert_true(sim_has(sr_str_c(phone_incoming(office.b)->wishes), "answer-after=0"));
    assert_true(sim_has(sr_str_c(phone_incoming(office.b)->wishes), "alert-autoanswer"));
    assert_true(sim_has(sr_str_c(phone_incoming(office.b)->wishes), "Auto"));
    phone_bye(at_a);
    RIG_ENDED(&office.rig, 0, "hangup");
    at_a = rig_connect(&office.rig, office.a, "102");
    assert_string_equal(phone_incoming(office.b)->wishes, "");
    phone_bye(at_a);
    at_a = phone_dial(office.a, "*68999");
    RIG_UNTIL(&office.rig, at_a->state == PHONE_OVER);
    assert_int_equal(at_a->status, 404);
    rig_done(&office.rig);
}

/* ---- rooms ---- */

static void type(struct office *office, struct phone_call *call, const char *digits)
{
    for (; *digits != '\0'; digits++) {
        phone_info(call, *digits);
        rig_run(&office->rig, 100 * SR_MSEC);
    }
}

static void test_room_with_a_pin(void **state)
{
    struct office office;
    struct phone_call *inside, *guest;
    const struct rig_call *room;

    (void)state;
    begin(&office);
    inside = rig_connect(&office.rig, office.a, "801");
    room = rig_call(&office.rig, 0);
    assert_int_equal(rig_media(&office.rig, room, "a")->role, MEDIA_ROLE_ISOLATED);
    type(&office, inside, "99*4711#"); /* the star begins again */
    assert_int_equal(rig_media(&office.rig, room, "a")->role, MEDIA_ROLE_PARTICIPANT);
    guest = rig_connect(&office.rig, office.b, "801");
    type(&office, guest, "4712#");
    assert_int_equal(rig_media(&office.rig, room, "b")->role, MEDIA_ROLE_ISOLATED);
    assert_int_equal(rig_media(&office.rig, room, "b")->prompt, MEDIA_PROMPT_CONGESTION);
    type(&office, guest, "4711#");
    assert_int_equal(rig_media(&office.rig, room, "b")->role, MEDIA_ROLE_PARTICIPANT);
    assert_int_equal(rig_media(&office.rig, room, "b")->prompt, MEDIA_PROMPT_NONE);
    phone_bye(guest);
    phone_bye(inside);
    RIG_ENDED(&office.rig, 0, "hangup");
    rig_done(&office.rig);
}

static void test_wrong_or_no_pin_ends_the_call(void **state)
{
    struct office office;
    struct phone_call *inside, *guest;

    (void)state;
    begin(&office);
    inside = rig_connect(&office.rig, office.a, "801");
    type(&office, inside, "4711#");
    guest = rig_connect(&office.rig, office.b, "801");
    type(&office, guest, "1#2#3#");
    RIG_UNTIL(&office.rig, guest->byes == 1);
    guest = rig_connect(&office.rig, office.b, "801");
    rig_run(&office.rig, 21 * SR_SEC);
    assert_int_equal(guest->byes, 1);
    assert_int_equal(rig_call(&office.rig, 0)->ended, 0);
    phone_bye(inside);
    RIG_ENDED(&office.rig, 0, "hangup");
    rig_done(&office.rig);
}

static void test_star_six_mutes_oneself(void **state)
{
    struct office office;
    struct phone_call *first, *second;
    const struct rig_call *room;

    (void)state;
    begin(&office);
    first = rig_connect(&office.rig, office.a, "800");
    second = rig_connect(&office.rig, office.b, "800");
    room = rig_call(&office.rig, 0);
    type(&office, second, "*6");
    assert_true(rig_media(&office.rig, room, "b")->is_muted);
    assert_false(rig_media(&office.rig, room, "a")->is_muted);
    assert_int_equal(first->infos, 0); /* codes are not heard */
    type(&office, second, "*6");
    assert_false(rig_media(&office.rig, room, "b")->is_muted);
    phone_bye(first);
    phone_bye(second);
    RIG_ENDED(&office.rig, 0, "hangup");
    rig_done(&office.rig);
}

static void test_locked_room(void **state)
{
    struct office office;
    struct phone_call *first, *late;
    struct engine_command command;

    (void)state;
    begin(&office);
    first = rig_connect(&office.rig, office.a, "800");
    command = rig_command(ENGINE_DO_CALL_CHANGE, rig_call(&office.rig, 0), NULL);
    command.has_locked = command.is_locked = true;
    assert_int_equal(rig_do(&office.rig, &command), SR_OK);
    late = phone_dial(office.b, "800");
    RIG_UNTIL(&office.rig, late->state == PHONE_OVER);
    assert_int_equal(late->status, 486);
    command.is_locked = false;
    assert_int_equal(rig_do(&office.rig, &command), SR_OK);
    late = rig_connect(&office.rig, office.b, "800");
    phone_bye(late);
    phone_bye(first);
    RIG_ENDED(&office.rig, 0, "hangup");
    rig_done(&office.rig);
}

int run_office(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parked_and_retrieved),
        cmocka_unit_test(test_retrieved_by_the_api),
        cmocka_unit_test(test_a_taken_slot_refuses_and_the_call_goes_on),
        cmocka_unit_test(test_who_parked_is_rung_after_the_time),
        cmocka_unit_test(test_who_parked_is_rung_after_a_reload),
        cmocka_unit_test(test_a_parked_party_that_is_fetched_rings_nobody),
        cmocka_unit_test(test_parked_party_hangs_up),
        cmocka_unit_test(test_parked_by_an_attended_transfer),
        cmocka_unit_test(test_intercom_asks_the_phone_to_answer),
        cmocka_unit_test(test_room_with_a_pin),
        cmocka_unit_test(test_wrong_or_no_pin_ends_the_call),
        cmocka_unit_test(test_star_six_mutes_oneself),
        cmocka_unit_test(test_locked_room),
    };

    return cmocka_run_group_tests_name("office", tests, NULL, NULL);
}
