/* Transfers, Replaces and pickup: who talks to whom, who is told what, one reason per call. */
#include "rig.h"

static const char allow_update[] = "Allow: INVITE, ACK, BYE, CANCEL, UPDATE, REFER, NOTIFY\r\n";

struct trio {
    struct rig rig;
    struct sim_phone *a, *b, *c;
    struct phone_call *at_a; /* A's call of B */
};

static void begin_with(struct trio *trio, const struct rig_options *options)
{
    rig_init(&trio->rig, options);
    trio->a = rig_phone(&trio->rig, "101");
    trio->b = rig_phone(&trio->rig, "102");
    trio->c = rig_phone(&trio->rig, "103");
    for (size_t i = 0; i < trio->rig.phone_count; i++) {
        trio->rig.phones[i]->manners.extra = allow_update;
        trio->rig.phones[i]->manners.ok_extra = allow_update;
    }
}

static void begin(struct trio *trio)
{
    begin_with(trio, NULL);
}

static void begin_call(struct trio *trio)
{
    begin(trio);
    trio->at_a = rig_connect(&trio->rig, trio->a, "102");
}

static void claim_relay_of(struct rig *rig, const struct rig_call *call, const char *one,
                           const char *other)
{
    RIG_UNTIL(rig, call->view->leg_count == 2);
    assert_true(rig_media(rig, call, one)->room == rig_media(rig, call, other)->room);
    rig_run(rig, 6 * SR_SEC);
    assert_int_equal(rig_mode(rig, call), MEDIA_MODE_RELAY);
    assert_int_equal(rig_media(rig, call, one)->prompt, MEDIA_PROMPT_NONE);
    assert_int_equal(rig_media(rig, call, other)->prompt, MEDIA_PROMPT_NONE);
    assert_false(rig_media(rig, call, one)->is_muted);
    assert_false(rig_media(rig, call, other)->is_muted);
}

/* ---- blind ---- */

static void test_blind_transfer_connects_the_others(void **state)
{
    struct trio trio;
    struct phone_call *at_b, *at_c;

    (void)state;
    begin_call(&trio);
    at_b = phone_incoming(trio.b);
    phone_refer(trio.at_a, "103", NULL, NULL);
    RIG_UNTIL(&trio.rig, trio.at_a->refer_status == 202);
    RIG_UNTIL(&trio.rig, (at_c = phone_incoming(trio.c)) != NULL);
    assert_string_equal(at_c->peer, "102"); /* not who transfers */
    assert_string_equal(at_c->peer_name, "Bert");
    RIG_UNTIL(&trio.rig,
              rig_media(&trio.rig, rig_call(&trio.rig, 0), "b")->prompt == MEDIA_PROMPT_RINGBACK);
    RIG_UNTIL(&trio.rig, trio.at_a->notify_status == 200);
    assert_true(trio.at_a->is_notify_last);
    RIG_UNTIL(&trio.rig, trio.at_a->byes == 1);
    RIG_UNTIL(&trio.rig, at_b->updates == 1);
    assert_string_equal(at_b->peer, "103");
    assert_string_equal(at_b->peer_name, "Cora");
    claim_relay_of(&trio.rig, rig_call(&trio.rig, 0), "b", "c");
    assert_int_equal(trio.rig.calls.count, 1);
    phone_bye(at_b);
    RIG_ENDED(&trio.rig, 0, "hangup");
    RIG_UNTIL(&trio.rig, at_c->byes == 1);
    rig_done(&trio.rig);
}

static void test_called_party_may_transfer_too(void **state)
{
    struct trio trio;
    struct phone_call *at_b, *at_c;

    (void)state;
    begin_call(&trio);
    at_b = phone_incoming(trio.b);
    phone_refer(at_b, "103", NULL, NULL);
    RIG_UNTIL(&trio.rig, at_b->notify_status == 200 && at_b->byes == 1);
    at_c = phone_incoming(trio.c);
    assert_string_equal(at_c->peer, "101");
    RIG_UNTIL(&trio.rig, strcmp(trio.at_a->peer, "103") == 0);
    claim_relay_of(&trio.rig, rig_call(&trio.rig, 0), "a", "c");
    phone_bye(at_c);
    RIG_ENDED(&trio.rig, 0, "hangup");
    rig_done(&trio.rig);
}

static void test_failed_blind_transfer_gives_the_call_back(void **state)
{
    static const struct {
        const char *to;
        uint16_t final_status, told;
    } cases[] = {{"103", 486, 486}, {"103", 603, 603}, {"104", 200, 480}, {"999", 200, 404}};
    struct trio trio;

    (void)state;
    begin_call(&trio);
    for (size_t i = 0; i < SR_ARRAY_LEN(cases); i++) {
        trio.c->manners.final_status = cases[i].final_status;
        trio.at_a->notify_status = 0;
        phone_refer(trio.at_a, cases[i].to, NULL, NULL);
        RIG_UNTIL(&trio.rig, trio.at_a->notify_status >= 200);
        assert_int_equal(trio.at_a->refer_status, 202);
        assert_int_equal(trio.at_a->notify_status, cases[i].told);
        assert_true(trio.at_a->is_notify_last);
        claim_relay_of(&trio.rig, rig_call(&trio.rig, 0), "a", "b");
        assert_int_equal(trio.at_a->byes, 0);
    }
    assert_string_equal(trio.at_a->peer, "102");
    phone_bye(trio.at_a);
    RIG_ENDED(&trio.rig, 0, "hangup");
    rig_done(&trio.rig);
}

static void test_who_hung_up_while_the_transfer_rings_is_rung_back(void **state)
{
    struct trio trio;
    struct phone_call *back;

    (void)state;
    begin_call(&trio);
    trio.c->manners.final_status = 0;
    phone_refer(trio.at_a, "103", NULL, NULL);
    RIG_UNTIL(&trio.rig, phone_incoming(trio.c) != NULL);
    phone_bye(trio.at_a);
    RIG_UNTIL(&trio.rig, trio.at_a->bye_status == 200);
    phone_refuse(phone_incoming(trio.c), 486);
    RIG_UNTIL(&trio.rig, (back = phone_incoming(trio.a)) != NULL && back->acks == 1);
    assert_string_equal(back->peer, "102");
    claim_relay_of(&trio.rig, rig_call(&trio.rig, 0), "a", "b");
    phone_bye(back);
    RIG_ENDED(&trio.rig, 0, "hangup");
    rig_done(&trio.rig);
}

static void test_the_waiting_party_hangs_up(void **state)
{
    struct trio trio;

    (void)state;
    begin_call(&trio);
    trio.c->manners.final_status = 0;
    phone_refer(trio.at_a, "103", NULL, NULL);
    RIG_UNTIL(&trio.rig, phone_incoming(trio.c) != NULL);
    phone_bye(phone_incoming(trio.b));
    RIG_UNTIL(&trio.rig, phone_incoming(trio.c)->cancels == 1);
    RIG_UNTIL(&trio.rig, trio.at_a->byes == 1);
    RIG_ENDED(&trio.rig, 0, "hangup");
    rig_done(&trio.rig);
}

static void test_without_subscription_no_notify_comes(void **state)
{
    struct trio trio;

    (void)state;
    begin_call(&trio);
    phone_refer(trio.at_a, "103", NULL, "Refer-Sub: false\r\nSupported: norefersub\r\n");
    RIG_UNTIL(&trio.rig, trio.at_a->byes == 1);
    assert_int_equal(trio.at_a->notifies, 0);
    claim_relay_of(&trio.rig, rig_call(&trio.rig, 0), "b", "c");
    phone_bye(phone_incoming(trio.b));
    RIG_ENDED(&trio.rig, 0, "hangup");
    rig_done(&trio.rig);
}

static void test_one_transfer_at_a_time(void **state)
{
    struct trio trio;

    (void)state;
    begin_call(&trio);
    trio.c->manners.final_status = 0;
    phone_refer(trio.at_a, "103", NULL, NULL);
    RIG_UNTIL(&trio.rig, phone_incoming(trio.c) != NULL);
    phone_refer(trio.at_a, "103", NULL, NULL);
    RIG_UNTIL(&trio.rig, trio.at_a->refer_status == 491);
    phone_refer(phone_incoming(trio.b), "103", NULL, NULL);
    RIG_UNTIL(&trio.rig, phone_incoming(trio.b)->refer_status == 491);
    phone_answer(phone_incoming(trio.c));
    RIG_UNTIL(&trio.rig, trio.at_a->byes == 1);
    phone_bye(phone_incoming(trio.b));
    RIG_ENDED(&trio.rig, 0, "hangup");
    rig_done(&trio.rig);
}

static void test_blind_transfer_into_a_conference_and_the_echo(void **state)
{
    static const char *const targets[] = {"800", "*43"};

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(targets); i++) {
        struct trio trio;

        begin_call(&trio);
        phone_refer(trio.at_a, targets[i], NULL, NULL);
        RIG_UNTIL(&trio.rig, trio.at_a->byes == 1);
        RIG_ENDED(&trio.rig, 0, "transferred");
        assert_int_equal(rig_call(&trio.rig, 1)->answered, 1);
        assert_string_equal(rig_leg(rig_call(&trio.rig, 1), "b")->state, "answered");
        phone_bye(phone_incoming(trio.b));
        RIG_ENDED(&trio.rig, 1, "hangup");
        rig_done(&trio.rig);
    }
}

/* ---- attended ---- */

static struct phone_call *ask(struct trio *trio)
{
    struct phone_call *asking;

    phone_reinvite(trio->at_a, "sendonly");
    RIG_UNTIL(&trio->rig, trio->at_a->reoffer_status == 200);
    asking = phone_dial(trio->a, "103");
    RIG_UNTIL(&trio->rig, asking->state == PHONE_UP);
    rig_run(&trio->rig, 100 * SR_MSEC);
    return asking;
}

static void claim_attended(struct trio *trio, struct phone_call *asking)
{
    struct phone_call *at_b = phone_incoming(trio->b), *at_c = phone_incoming(trio->c);

    RIG_UNTIL(&trio->rig, trio->at_a->byes == 1 && asking->byes == 1);
    RIG_UNTIL(&trio->rig, strcmp(at_b->peer, "103") == 0 && strcmp(at_c->peer, "102") == 0);
    assert_string_equal(at_c->peer_name, "Bert");
}

static void test_attended_transfer(void **state)
{
    struct trio trio;
    struct phone_call *asking;

    (void)state;
    begin_call(&trio);
    asking = ask(&trio);
    phone_refer(trio.at_a, "103", asking, NULL);
    RIG_UNTIL(&trio.rig, trio.at_a->notify_status == 200);
    claim_attended(&trio, asking);
    RIG_ENDED(&trio.rig, 0, "transferred");
    claim_relay_of(&trio.rig, rig_call(&trio.rig, 1), "b", "c");
    phone_bye(phone_incoming(trio.b));
    RIG_ENDED(&trio.rig, 1, "hangup");
    RIG_UNTIL(&trio.rig, phone_incoming(trio.c)->byes == 1);
    rig_done(&trio.rig);
}

/* What passes through cannot be joined with what the router speaks: both calls go on. */
static void test_no_attended_transfer_into_what_passes_through(void **state)
{
    static const struct rig_options options = {
        .config = "{ \"devices\": [\n"
                  "{ \"id\": \"a\", \"extension\": \"101\", \"password\": \"pw-101\" },\n"
                  "{ \"id\": \"b\", \"extension\": \"102\", \"password\": \"pw-102\" },\n"
                  "{ \"id\": \"c\", \"extension\": \"103\", \"password\": \"pw-103\" } ],\n"
                  "\"routing\": { \"routes\": [ { \"id\": \"through\", \"match\": { \"direction\": "
                  "\"internal\", \"numberPattern\": \"103\" },\n"
                  "\"action\": { \"targets\": [\"c\"], \"mode\": \"passthrough\" } } ] } }"};
    struct engine_command command;
    struct phone_call *asking;
    struct trio trio;

    (void)state;
    begin_with(&trio, &options);
    trio.at_a = rig_connect(&trio.rig, trio.a, "102");
    asking = ask(&trio);
    phone_refer(trio.at_a, "103", asking, NULL);
    RIG_UNTIL(&trio.rig, trio.at_a->notify_status == 403);
    command = rig_command(ENGINE_DO_TRANSFER, rig_call(&trio.rig, 0), "b");
    memcpy(command.to_call_id, rig_call(&trio.rig, 1)->call_id, sizeof(command.to_call_id));
    assert_int_equal(rig_do(&trio.rig, &command), SR_ERR_STATE);
    command = rig_command(ENGINE_DO_TRANSFER, rig_call(&trio.rig, 0), "a"); /* B is not in there */
    memcpy(command.to_call_id, rig_call(&trio.rig, 1)->call_id, sizeof(command.to_call_id));
    assert_int_equal(rig_do(&trio.rig, &command), SR_ERR_STATE);
    rig_run(&trio.rig, SR_SEC);
    assert_int_equal(trio.at_a->state, PHONE_UP);
    assert_int_equal(asking->state, PHONE_UP);
    phone_bye(trio.at_a);
    phone_bye(asking);
    RIG_ENDED(&trio.rig, 0, "hangup");
    RIG_ENDED(&trio.rig, 1, "hangup");
    rig_done(&trio.rig);
}

static void test_attended_transfer_the_other_way_round(void **state)
{
    struct trio trio;
    struct phone_call *asking;

    (void)state;
    begin_call(&trio);
    asking = ask(&trio);
    /* the call that asks is given away; the address is our Contact, as SIP.js writes it: no user */
    phone_refer(asking, "", trio.at_a, NULL);
    RIG_UNTIL(&trio.rig, asking->notify_status == 200);
    claim_attended(&trio, asking);
    RIG_ENDED(&trio.rig, 1, "transferred");
    claim_relay_of(&trio.rig, rig_call(&trio.rig, 0), "b", "c");
    phone_bye(phone_incoming(trio.c));
    RIG_ENDED(&trio.rig, 0, "hangup");
    rig_done(&trio.rig);
}

static void test_attended_transfer_while_it_rings(void **state)
{
    struct trio trio;
    struct phone_call *asking;

    (void)state;
    begin_call(&trio);
    trio.c->manners.final_status = 0;
    asking = phone_dial(trio.a, "103");
    RIG_UNTIL(&trio.rig, phone_had_status(asking, 180));
    phone_refer(trio.at_a, "103", asking, NULL);
    RIG_UNTIL(&trio.rig, trio.at_a->byes == 1 && asking->state == PHONE_OVER);
    RIG_ENDED(&trio.rig, 0, "transferred");
    assert_int_equal(rig_media(&trio.rig, rig_call(&trio.rig, 1), "b")->prompt,
                     MEDIA_PROMPT_RINGBACK);
    phone_answer(phone_incoming(trio.c));
    RIG_UNTIL(&trio.rig, strcmp(phone_incoming(trio.b)->peer, "103") == 0);
    claim_relay_of(&trio.rig, rig_call(&trio.rig, 1), "b", "c");
    phone_bye(phone_incoming(trio.c));
    RIG_ENDED(&trio.rig, 1, "hangup");
    rig_done(&trio.rig);
}

/* A asks a group that rings one after the other and hands its place to B: whoever rings next sees B. */
static void test_who_rings_after_the_hand_over_sees_the_new_caller(void **state)
{
    static const char config[] =
        "{ \"devices\": ["
        "{ \"id\": \"a\", \"extension\": \"101\", \"password\": \"pw-101\" },"
        "{ \"id\": \"b\", \"extension\": \"102\", \"password\": \"pw-102\" },"
        "{ \"id\": \"c\", \"extension\": \"103\", \"password\": \"pw-103\" },"
        "{ \"id\": \"d\", \"extension\": \"104\", \"password\": \"pw-104\" } ],"
        "\"groups\": [ { \"id\": \"seq\", \"extension\": \"201\", \"members\": [\"c\", \"d\"],"
        "  \"strategy\": \"sequential\" } ] }";
    struct sim_phone *a, *b, *c, *d;
    struct phone_call *at_a, *asking;
    struct rig rig;

    (void)state;
    rig_init(&rig, &(struct rig_options){.config = config});
    a = rig_phone(&rig, "101");
    b = rig_phone(&rig, "102");
    c = rig_phone(&rig, "103");
    d = rig_phone(&rig, "104");
    at_a = rig_connect(&rig, a, "102");
    c->manners.final_status = 0;
    asking = phone_dial(a, "201");
    RIG_UNTIL(&rig, phone_had_status(asking, 180));
    assert_string_equal(phone_incoming(c)->peer, "101");
    phone_refer(at_a, "201", asking, NULL);
    RIG_UNTIL(&rig, at_a->byes == 1 && asking->state == PHONE_OVER);
    RIG_UNTIL(&rig, phone_incoming(d) != NULL);
    assert_string_equal(phone_incoming(d)->peer, "102");
    RIG_UNTIL(&rig, phone_incoming(d)->state == PHONE_UP);
    rig_run(&rig, 10 * SR_SEC);
    assert_string_equal(phone_incoming(d)->peer, "102");
    phone_bye(phone_incoming(b));
    RIG_ENDED(&rig, 1, "hangup");
    rig_done(&rig);
}

static void test_attended_transfer_to_a_dialog_nobody_knows(void **state)
{
    struct trio trio;
    struct phone_call strange;

    (void)state;
    begin_call(&trio);
    strange = *trio.at_a;
    (void)sr_str_copy(SR_STR("nobody"), strange.call_id, sizeof(strange.call_id));
    phone_refer(trio.at_a, "103", &strange, NULL);
    RIG_UNTIL(&trio.rig, trio.at_a->notify_status == 404);
    phone_refer(trio.at_a, "102", trio.at_a, NULL); /* into itself */
    RIG_UNTIL(&trio.rig, trio.at_a->notify_status == 403);
    claim_relay_of(&trio.rig, rig_call(&trio.rig, 0), "a", "b");
    phone_bye(trio.at_a);
    RIG_ENDED(&trio.rig, 0, "hangup");
    rig_done(&trio.rig);
}

/* ---- Replaces and pickup ---- */

static void test_replaces_takes_an_answered_leg(void **state)
{
    struct trio trio;
    struct phone_call *taken;

    (void)state;
    begin_call(&trio);
    taken = phone_dial_replacing(trio.c, "102", phone_incoming(trio.b));
    RIG_UNTIL(&trio.rig, taken->state == PHONE_UP && phone_incoming(trio.b)->byes == 1);
    RIG_UNTIL(&trio.rig, strcmp(trio.at_a->peer, "103") == 0);
    claim_relay_of(&trio.rig, rig_call(&trio.rig, 0), "a", "c");
    phone_bye(taken);
    RIG_ENDED(&trio.rig, 0, "hangup");
    rig_done(&trio.rig);
}

static void test_replaces_takes_what_rings(void **state)
{
    struct trio trio;
    struct phone_call *calling, *taken;

    (void)state;
    begin(&trio);
    trio.b->manners.final_status = 0;
    calling = phone_dial(trio.a, "102");
    RIG_UNTIL(&trio.rig, phone_had_status(calling, 180));
    taken = phone_dial_replacing(trio.c, "102", phone_incoming(trio.b));
    RIG_UNTIL(&trio.rig, taken->state == PHONE_UP && calling->state == PHONE_UP);
    assert_int_equal(phone_incoming(trio.b)->cancels, 1);
    assert_string_equal(calling->peer, "103"); /* who answered */
    claim_relay_of(&trio.rig, rig_call(&trio.rig, 0), "a", "c");
    phone_bye(taken);
    RIG_ENDED(&trio.rig, 0, "hangup");
    rig_done(&trio.rig);
}

static void test_replaces_of_nothing_is_refused(void **state)
{
    struct trio trio;
    struct phone_call strange, *taken;

    (void)state;
    begin_call(&trio);
    strange = *trio.at_a;
    (void)sr_str_copy(SR_STR("nobody"), strange.local_tag, sizeof(strange.local_tag));
    taken = phone_dial_replacing(trio.c, "102", &strange);
    RIG_UNTIL(&trio.rig, taken->state == PHONE_OVER);
    assert_int_equal(taken->status, 481);
    phone_bye(trio.at_a);
    RIG_ENDED(&trio.rig, 0, "hangup");
    rig_done(&trio.rig);
}

static const char pickup_config[] =
    "{ \"devices\": [\n"
    "  { \"id\": \"a\", \"displayName\": \"Anna\", \"extension\": \"101\", \"password\": "
    "\"pw-101\" },\n"
    "  { \"id\": \"b\", \"displayName\": \"Bert\", \"extension\": \"102\", \"password\": "
    "\"pw-102\" },\n"
    "  { \"id\": \"c\", \"displayName\": \"Cora\", \"extension\": \"103\", \"password\": "
    "\"pw-103\" },\n"
    "  { \"id\": \"d\", \"extension\": \"104\", \"password\": \"pw-104\" } ],\n"
    "  \"groups\": [ { \"id\": \"bc\", \"extension\": \"200\", \"members\": [\"b\", \"c\"] } ],\n"
    "  \"features\": { \"*8\": \"pickup\" } }\n";

static void test_pickup_code(void **state)
{
    static const struct {
        const char *by, *dialled, *taken;
    } cases[] = {{"103", "*8102", "102"}, {"103", "*8", "102"},
                 {"103", "*8200", "200"}, {"104", "*8", NULL}, /* in no group with it */
                 {"104", "*8103", NULL},  {"104", "*8102", "102"}};

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(cases); i++) {
        struct rig rig;
        struct sim_phone *a, *b, *by;
        struct phone_call *calling, *taken;

        rig_init(&rig, &(struct rig_options){.config = pickup_config});
        a = rig_phone(&rig, "101");
        b = rig_phone(&rig, "102");
        by = rig_phone(&rig, cases[i].by);
        b->manners.final_status = 0;
        calling = phone_dial(a, "102");
        RIG_UNTIL(&rig, phone_had_status(calling, 180));
        taken = phone_dial(by, cases[i].dialled);
        RIG_UNTIL(&rig, taken->state == PHONE_UP || taken->state == PHONE_OVER);
        if (cases[i].taken != NULL) {
            assert_int_equal(taken->status, 200);
            RIG_UNTIL(&rig, calling->state == PHONE_UP);
            assert_string_equal(calling->peer, cases[i].by);
            assert_string_equal(taken->peer, "101");
            RIG_UNTIL(&rig, phone_incoming(b)->cancels == 1);
            assert_true(sim_has(sr_str_c(phone_incoming(b)->end_reason), "200"));
            phone_bye(taken);
        } else {
            assert_int_equal(taken->status, 404);
            phone_end(calling);
        }
        RIG_ENDED(&rig, 0, cases[i].taken != NULL ? "hangup" : "cancelled");
        rig_done(&rig);
    }
}

/* ---- the API ---- */

static enum sr_err transfer(struct trio *trio, const char *device_id, const char *to,
                            const struct rig_call *to_call)
{
    struct engine_command command =
        rig_command(ENGINE_DO_TRANSFER, rig_call(&trio->rig, 0), device_id);

    if (to != NULL)
        (void)sr_str_copy(sr_str_c(to), command.to, sizeof(command.to));
    if (to_call != NULL)
        memcpy(command.to_call_id, to_call->call_id, sizeof(command.to_call_id));
    return rig_do(&trio->rig, &command);
}

static void test_api_transfers_blind(void **state)
{
    struct trio trio;

    (void)state;
    begin_call(&trio);
    assert_int_equal(transfer(&trio, "b", "999", NULL), SR_ERR_NOTFOUND);
    assert_int_equal(transfer(&trio, "b", "103", NULL), SR_OK);
    assert_int_equal(transfer(&trio, "b", "103", NULL), SR_ERR_STATE);
    RIG_UNTIL(&trio.rig, trio.at_a->byes == 1);
    claim_relay_of(&trio.rig, rig_call(&trio.rig, 0), "b", "c");
    phone_bye(phone_incoming(trio.c));
    RIG_ENDED(&trio.rig, 0, "hangup");
    rig_done(&trio.rig);
}

static void test_api_transfers_attended(void **state)
{
    struct trio trio;
    struct phone_call *asking;

    (void)state;
    begin_call(&trio);
    asking = ask(&trio);
    assert_int_equal(transfer(&trio, "b", NULL, rig_call(&trio.rig, 1)), SR_OK);
    claim_attended(&trio, asking);
    RIG_ENDED(&trio.rig, 0, "transferred");
    claim_relay_of(&trio.rig, rig_call(&trio.rig, 1), "b", "c");
    phone_bye(phone_incoming(trio.c));
    RIG_ENDED(&trio.rig, 1, "hangup");
    rig_done(&trio.rig);
}

/* ---- who was put on hold before ---- */

static void put_on_hold(struct trio *trio, const struct rig_call *call, const char *device_id)
{
    struct engine_command change = rig_command(ENGINE_DO_LEG_CHANGE, call, device_id);

    change.has_held = change.is_held = true;
    assert_int_equal(rig_do(&trio->rig, &change), SR_OK);
    assert_int_equal(rig_media(&trio->rig, call, device_id)->prompt, MEDIA_PROMPT_MUSIC);
}

static void test_on_hold_then_transferred_blind(void **state)
{
    struct trio trio;

    (void)state;
    begin_call(&trio);
    put_on_hold(&trio, rig_call(&trio.rig, 0), "b");
    trio.c->manners.final_status = 486;
    trio.c->manners.final_after = SR_SEC;
    assert_int_equal(transfer(&trio, "b", "103", NULL), SR_OK);
    RIG_UNTIL(&trio.rig,
              rig_media(&trio.rig, rig_call(&trio.rig, 0), "b")->prompt == MEDIA_PROMPT_RINGBACK);
    RIG_UNTIL(&trio.rig, /* given back as it was */
              rig_media(&trio.rig, rig_call(&trio.rig, 0), "b")->prompt == MEDIA_PROMPT_MUSIC);
    trio.c->manners.final_status = 200;
    assert_int_equal(transfer(&trio, "b", "103", NULL), SR_OK);
    RIG_UNTIL(&trio.rig, trio.at_a->byes == 1);
    claim_relay_of(&trio.rig, rig_call(&trio.rig, 0), "b", "c");
    assert_false(rig_leg(rig_call(&trio.rig, 0), "b")->is_held);
    phone_bye(phone_incoming(trio.b));
    RIG_ENDED(&trio.rig, 0, "hangup");
    rig_done(&trio.rig);
}

/* As the page does it: hold, ask, connect, in either direction. */
static void test_on_hold_then_transferred_attended(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct trio trio;
        struct phone_call *asking;
        struct engine_command command;

        begin_call(&trio);
        put_on_hold(&trio, rig_call(&trio.rig, 0), "b");
        asking = ask(&trio);
        command = rig_command(ENGINE_DO_TRANSFER, rig_call(&trio.rig, i), i == 0 ? "b" : "c");
        memcpy(command.to_call_id, rig_call(&trio.rig, 1 - i)->call_id, sizeof(command.to_call_id));
        assert_int_equal(rig_do(&trio.rig, &command), SR_OK);
        claim_attended(&trio, asking);
        claim_relay_of(&trio.rig, rig_call(&trio.rig, 1 - i), "b", "c");
        phone_bye(phone_incoming(trio.c));
        RIG_ENDED(&trio.rig, 1 - i, "hangup");
        rig_done(&trio.rig);
    }
}

static void test_on_hold_then_sent_into_a_room(void **state)
{
    struct trio trio;
    struct phone_call *inside;

    (void)state;
    begin_call(&trio);
    put_on_hold(&trio, rig_call(&trio.rig, 0), "b");
    inside = rig_connect(&trio.rig, trio.c, "800");
    phone_refer(trio.at_a, "800", NULL, NULL);
    RIG_UNTIL(&trio.rig, trio.at_a->byes == 1);
    rig_run(&trio.rig, SR_SEC);
    assert_int_equal(rig_media(&trio.rig, rig_call(&trio.rig, 1), "b")->prompt, MEDIA_PROMPT_NONE);
    assert_false(rig_media(&trio.rig, rig_call(&trio.rig, 1), "b")->is_muted);
    phone_bye(inside);
    phone_bye(phone_incoming(trio.b));
    RIG_ENDED(&trio.rig, 1, "hangup");
    rig_done(&trio.rig);
}

static void test_api_call_into_a_room_in_use(void **state)
{
    struct trio trio;
    struct phone_call *in_room;
    struct engine_command command = {.kind = ENGINE_DO_CALL, .to = "800", .from = "102"};

    (void)state;
    begin(&trio);
    in_room = rig_connect(&trio.rig, trio.a, "800");
    assert_int_equal(rig_do(&trio.rig, &command), SR_OK);
    RIG_ENDED(&trio.rig, 1, "transferred");
    RIG_UNTIL(&trio.rig, rig_call(&trio.rig, 0)->view->leg_count == 2);
    assert_true(rig_media(&trio.rig, rig_call(&trio.rig, 0), "a")->room ==
                rig_media(&trio.rig, rig_call(&trio.rig, 0), "b")->room);
    phone_bye(in_room);
    phone_bye(phone_incoming(trio.b));
    RIG_ENDED(&trio.rig, 0, "hangup");
    rig_done(&trio.rig);
}

int run_transfer(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blind_transfer_connects_the_others),
        cmocka_unit_test(test_called_party_may_transfer_too),
        cmocka_unit_test(test_failed_blind_transfer_gives_the_call_back),
        cmocka_unit_test(test_who_hung_up_while_the_transfer_rings_is_rung_back),
        cmocka_unit_test(test_the_waiting_party_hangs_up),
        cmocka_unit_test(test_without_subscription_no_notify_comes),
        cmocka_unit_test(test_one_transfer_at_a_time),
        cmocka_unit_test(test_blind_transfer_into_a_conference_and_the_echo),
        cmocka_unit_test(test_attended_transfer),
        cmocka_unit_test(test_attended_transfer_the_other_way_round),
        cmocka_unit_test(test_no_attended_transfer_into_what_passes_through),
        cmocka_unit_test(test_attended_transfer_while_it_rings),
        cmocka_unit_test(test_who_rings_after_the_hand_over_sees_the_new_caller),
        cmocka_unit_test(test_attended_transfer_to_a_dialog_nobody_knows),
        cmocka_unit_test(test_replaces_takes_an_answered_leg),
        cmocka_unit_test(test_replaces_takes_what_rings),
        cmocka_unit_test(test_replaces_of_nothing_is_refused),
        cmocka_unit_test(test_pickup_code),
        cmocka_unit_test(test_api_transfers_blind),
        cmocka_unit_test(test_api_transfers_attended),
        cmocka_unit_test(test_on_hold_then_transferred_blind),
        cmocka_unit_test(test_on_hold_then_transferred_attended),
        cmocka_unit_test(test_on_hold_then_sent_into_a_room),
        cmocka_unit_test(test_api_call_into_a_room_in_use),
    };

    return cmocka_run_group_tests_name("transfer", tests, NULL, NULL);
}
