/* T.38 in ordinary calls: it passes between two SIP parties that are alone, else it is refused. */
#include "rig.h"

#include "call/internal.h"

#define FAX(host, port)                                                                            \
    "v=0\r\no=x 7 8 IN IP4 " host "\r\ns=-\r\nc=IN IP4 " host "\r\nt=0 0\r\n"                      \
    "m=image " port " udptl t38\r\na=T38FaxVersion:0\r\na=T38FaxRateManagement:transferredTCF\r\n"

static const char fax_a[] = FAX("192.0.2.11", "4444");
static const char fax_b[] = FAX("192.0.2.12", "5555");

struct trio {
    struct rig rig;
    struct sim_phone *a, *b, *c;
};

static void begin(struct trio *trio)
{
    rig_init(&trio->rig, NULL);
    trio->a = rig_phone(&trio->rig, "101");
    trio->b = rig_phone(&trio->rig, "102");
    trio->c = rig_phone(&trio->rig, "103");
    rig_run(&trio->rig, 2 * SR_SEC);
}

static void end(struct trio *trio, struct phone_call *call)
{
    phone_bye(call);
    RIG_ENDED(&trio->rig, 0, "hangup");
    rig_done(&trio->rig);
}

static const struct port_sim_leg *pipe_of(struct trio *trio, const char *device_id)
{
    struct call *call = call__find(trio->rig.engine, rig_call(&trio->rig, 0)->call_id);
    struct leg *leg = call__find_leg(call, rig_leg_id(rig_call(&trio->rig, 0), device_id));

    return leg->pipes != NULL ? port_sim_leg(trio->rig.media, leg->pipes->lines[0].media) : NULL;
}

static void ask(struct trio *trio, struct phone_call *call, const char *ours, const char *theirs)
{
    trio->a->manners.sdp = call->phone == trio->a ? ours : theirs;
    trio->b->manners.sdp = call->phone == trio->a ? theirs : ours;
    phone_reinvite(call, "sendrecv");
    RIG_UNTIL(&trio->rig, call->reoffer_status != 0);
}

/* The called fax asks, as faxes do; afterwards people speak again. */
static void test_a_fax_passes_and_the_sound_comes_back(void **state)
{
    struct trio trio;
    struct phone_call *call, *other;

    (void)state;
    begin(&trio);
    for (int round = 0; round < 2; round++) {
        if (round == 0)
            call = rig_connect(&trio.rig, trio.a, "102");
        other = phone_incoming(trio.b);
        ask(&trio, other, fax_b, fax_a);
        assert_int_equal(other->reoffer_status, 200);
        assert_non_null(strstr(call->sdp, "udptl t38\r\na=T38FaxVersion:0\r\n"));
        assert_non_null(strstr(call->sdp, "c=IN IP4 192.0.2.1\r\n"));
        assert_null(strstr(call->sdp, "m=image 5555"));
        assert_non_null(strstr(other->sdp, "a=T38FaxRateManagement:transferredTCF"));
        assert_null(strstr(other->sdp, "o=x 7")); /* one origin in each of our dialogs */
        assert_int_equal(pipe_of(&trio, "a")->options.kind, MEDIA_LEG_PIPE);
        assert_int_equal(pipe_of(&trio, "a")->stream.remote_rtp.port, 4444);
        assert_int_equal(pipe_of(&trio, "b")->stream.remote_rtp.port, 5555);
        assert_false(pipe_of(&trio, "b")->stream.is_rtp);
        assert_string_equal(rig_leg(rig_call(&trio.rig, 0), "b")->codec, "t38");
        ask(&trio, call, NULL, NULL);
        assert_int_equal(call->reoffer_status, 200);
        assert_string_equal(sim_sdp_codec(sr_str_c(call->sdp)), "PCMU");
        assert_string_equal(sim_sdp_codec(sr_str_c(other->sdp)), "PCMU");
        rig_run(&trio.rig, SR_SEC);
        assert_int_equal(port_sim_leg_count(trio.rig.media), 2);
        assert_int_equal(rig_mode(&trio.rig, rig_call(&trio.rig, 0)), MEDIA_MODE_RELAY);
        assert_string_equal(rig_leg(rig_call(&trio.rig, 0), "b")->codec, "PCMU");
    }
    end(&trio, call);
}

/* A fax that sends nothing is named; the sound's own figures mean nothing meanwhile. */
static void test_a_fax_has_its_verdict(void **state)
{
    struct media_event event = {.kind = MEDIA_EVENT_STATS};
    struct trio trio;
    struct phone_call *call;
    struct leg *leg;

    (void)state;
    begin(&trio);
    call = rig_connect(&trio.rig, trio.a, "102");
    ask(&trio, call, fax_a, fax_b);
    leg = call__find_leg(call__find(trio.rig.engine, rig_call(&trio.rig, 0)->call_id),
                         rig_leg_id(rig_call(&trio.rig, 0), "b"));
    event.cookie = leg->id;
    for (int i = 0; i < 2; i++) {
        rig_run(&trio.rig, 5 * SR_SEC);
        event.leg = i == 0 ? leg->media : leg->pipes->main;
        port_sim_inject(trio.rig.media, &event);
        rig_run(&trio.rig, 100 * SR_MSEC);
        assert_int_equal(strstr(leg->verdict, "nothing arrives") != NULL, i == 1);
    }
    assert_string_equal(rig_leg(rig_call(&trio.rig, 0), "b")->verdict, leg->verdict);
    event.stats.rx_packets = 10;
    port_sim_inject(trio.rig.media, &event);
    rig_run(&trio.rig, 100 * SR_MSEC);
    assert_string_equal(leg->verdict, "");
    end(&trio, call);
}

static void test_a_refused_fax_leaves_the_sound(void **state)
{
    struct trio trio;
    struct phone_call *call;

    (void)state;
    begin(&trio);
    call = rig_connect(&trio.rig, trio.a, "102");
    trio.b->manners.reoffer_status = 488;
    ask(&trio, call, fax_a, NULL);
    assert_int_equal(call->reoffer_status, 488);
    assert_int_equal(phone_incoming(trio.b)->reinvites, 1);
    rig_run(&trio.rig, SR_SEC);
    assert_int_equal(port_sim_leg_count(trio.rig.media), 2);
    assert_int_equal(call->state, PHONE_UP);
    end(&trio, call);
}

static void test_a_fax_with_a_third_party_or_the_house_is_refused(void **state)
{
    struct engine_command command;
    struct trio trio;
    struct phone_call *call;

    (void)state;
    begin(&trio);
    call = rig_connect(&trio.rig, trio.a, "*43");
    ask(&trio, call, fax_a, NULL);
    assert_int_equal(call->reoffer_status, 488);
    end(&trio, call);

    begin(&trio);
    call = rig_connect(&trio.rig, trio.a, "102");
    command = rig_command(ENGINE_DO_LEG_ADD, rig_call(&trio.rig, 0), NULL);
    (void)sr_str_copy(SR_STR("103"), command.to, sizeof(command.to));
    assert_int_equal(rig_do(&trio.rig, &command), SR_OK);
    RIG_UNTIL(&trio.rig, phone_incoming(trio.c)->state == PHONE_UP);
    ask(&trio, call, fax_a, fax_b);
    assert_int_equal(call->reoffer_status, 488);
    assert_int_equal(phone_incoming(trio.b)->reinvites, 0);
    phone_bye(phone_incoming(trio.c));
    rig_run(&trio.rig, SR_SEC);
    end(&trio, call);
}

/* While a fax is under way nobody else comes in, and silence of the sound ends nothing. */
static void test_a_fax_is_not_disturbed(void **state)
{
    struct engine_command command;
    struct trio trio;
    struct phone_call *call;

    (void)state;
    begin(&trio);
    call = rig_connect(&trio.rig, trio.a, "102");
    ask(&trio, call, fax_a, fax_b);
    assert_int_equal(call->reoffer_status, 200);
    command = rig_command(ENGINE_DO_LEG_ADD, rig_call(&trio.rig, 0), NULL);
    (void)sr_str_copy(SR_STR("103"), command.to, sizeof(command.to));
    assert_int_equal(rig_do(&trio.rig, &command), SR_ERR_STATE);
    assert_non_null(strstr(trio.rig.reply_why, "fax"));
    rig_run(&trio.rig, 300 * SR_SEC);
    assert_int_equal(call->state, PHONE_UP);
    phone_reinvite(call, NULL); /* without an offer: nobody knows of what */
    RIG_UNTIL(&trio.rig, call->reoffer_status != 0);
    assert_int_equal(call->reoffer_status, 488);
    end(&trio, call);
}

/* The parties of a call that was a fax for a while are parties like others. */
static void test_after_a_fax_a_party_may_be_transferred(void **state)
{
    struct trio trio;
    struct phone_call *call;

    (void)state;
    begin(&trio);
    call = rig_connect(&trio.rig, trio.a, "102");
    ask(&trio, call, fax_a, fax_b);
    assert_int_equal(call->reoffer_status, 200);
    ask(&trio, call, NULL, NULL);
    assert_int_equal(call->reoffer_status, 200);
    rig_run(&trio.rig, SR_SEC);
    phone_refer(call, "800", NULL, NULL);
    RIG_UNTIL(&trio.rig, call->refer_status == 202);
    RIG_UNTIL(&trio.rig, call->state == PHONE_OVER);
    rig_run(&trio.rig, SR_SEC);
    assert_int_equal(phone_incoming(trio.b)->state, PHONE_UP);
    phone_bye(phone_incoming(trio.b));
    RIG_UNTIL(&trio.rig, rig_call(&trio.rig, 1)->ended == 1);
    rig_done(&trio.rig);
}

int run_fax(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_fax_passes_and_the_sound_comes_back),
        cmocka_unit_test(test_a_fax_has_its_verdict),
        cmocka_unit_test(test_a_refused_fax_leaves_the_sound),
        cmocka_unit_test(test_a_fax_with_a_third_party_or_the_house_is_refused),
        cmocka_unit_test(test_a_fax_is_not_disturbed),
        cmocka_unit_test(test_after_a_fax_a_party_may_be_transferred),
    };

    return cmocka_run_group_tests_name("fax", tests, NULL, NULL);
}
