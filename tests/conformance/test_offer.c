/* Offers and answers: which codec the parties get, who offers, what is refused. */
#include "rig.h"

#define TWO_DEVICES                                                                                \
    " \"devices\": [\n"                                                                            \
    "{ \"id\": \"a\", \"extension\": \"101\", \"password\": \"pw-101\" },\n"                       \
    "{ \"id\": \"b\", \"extension\": \"102\", \"password\": \"pw-102\" } ] }"

struct pair {
    struct rig rig;
    struct sim_phone *a, *b;
};

static void begin_with(struct pair *pair, const struct rig_options *options)
{
    rig_init(&pair->rig, options);
    pair->a = rig_phone(&pair->rig, "101");
    pair->b = rig_phone(&pair->rig, "102");
}

static void begin(struct pair *pair, const char *codecs_a, const char *codecs_b)
{
    begin_with(pair, NULL);
    pair->a->manners.codecs = codecs_a;
    pair->b->manners.codecs = codecs_b;
}

static void end(struct pair *pair, struct phone_call *call)
{
    phone_bye(call);
    RIG_ENDED(&pair->rig, 0, "hangup");
    rig_done(&pair->rig);
}

static void test_caller_is_answered_with_the_codec_the_callee_took(void **state)
{
    struct pair pair;
    struct phone_call *call;
    const struct rig_call *seen;

    (void)state;
    begin(&pair, "PCMU,opus", "opus");
    call = rig_connect(&pair.rig, pair.a, "102");
    seen = rig_call(&pair.rig, 0);
    assert_string_equal(sim_sdp_codec(sr_str_c(call->sdp)), "opus");
    assert_false(sim_sdp_has(sr_str_c(call->sdp), "PCMU"));
    assert_string_equal(rig_leg(seen, "a")->codec, "opus");
    assert_string_equal(rig_leg(seen, "b")->codec, "opus");
    assert_int_equal(rig_media(&pair.rig, seen, "a")->stream.send_codec, CODEC_OPUS);
    assert_int_equal(rig_media(&pair.rig, seen, "b")->stream.send_codec, CODEC_OPUS);
    assert_int_equal(rig_mode(&pair.rig, seen), MEDIA_MODE_RELAY);
    end(&pair, call);
}

static void test_callers_preference_comes_first_in_our_offer(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair, "PCMA,G722", "PCMU,G722,PCMA");
    call = rig_connect(&pair.rig, pair.a, "102");
    assert_string_equal(sim_sdp_codec(sr_str_c(phone_incoming(pair.b)->offer)), "PCMA");
    assert_true(sim_sdp_has(sr_str_c(phone_incoming(pair.b)->offer), "opus"));
    end(&pair, call);
}

static void test_parties_without_a_common_codec_are_mixed(void **state)
{
    struct pair pair;
    struct phone_call *call;
    const struct rig_call *seen;

    (void)state;
    begin(&pair, "PCMU", "G722");
    call = rig_connect(&pair.rig, pair.a, "102");
    seen = rig_call(&pair.rig, 0);
    assert_string_equal(sim_sdp_codec(sr_str_c(call->sdp)), "PCMU");
    assert_int_equal(rig_media(&pair.rig, seen, "a")->stream.send_codec, CODEC_PCMU);
    assert_int_equal(rig_media(&pair.rig, seen, "b")->stream.send_codec, CODEC_G722);
    assert_int_equal(rig_mode(&pair.rig, seen), MEDIA_MODE_MIX);
    end(&pair, call);
}

static void test_caller_without_any_known_codec_gets_488(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair, "iLBC", "PCMU");
    call = phone_dial(pair.a, "102");
    RIG_UNTIL(&pair.rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 488);
    RIG_ENDED(&pair.rig, 0, "no_codec");
    assert_int_equal(pair.b->call_count, 0);
    rig_done(&pair.rig);
}

static void test_caller_whose_sdp_cannot_be_read_is_told_so(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair, "PCMU", "PCMU");
    pair.a->manners.sdp = "v=0\r\no=broken\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
    call = phone_dial(pair.a, "102");
    RIG_UNTIL(&pair.rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 400);
    RIG_ENDED(&pair.rig, 0, "protocol_error");
    assert_non_null(
        strstr(rig_leg(rig_call(&pair.rig, 0), "a")->verdict, "(SDP) of the party cannot be read"));
    assert_int_equal(pair.b->call_count, 0);
    rig_done(&pair.rig);
}

static void test_callee_that_refuses_every_codec_gives_488(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair, "PCMU", "iLBC");
    call = phone_dial(pair.a, "102");
    RIG_UNTIL(&pair.rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 488);
    RIG_ENDED(&pair.rig, 0, "no_codec");
    rig_done(&pair.rig);
}

static void test_offerless_invite_is_given_our_offer(void **state)
{
    struct pair pair;
    struct phone_call *call;
    const struct rig_call *seen;

    (void)state;
    begin(&pair, "G722", "G722");
    call = phone_dial_offerless(pair.a, "102");
    RIG_UNTIL(&pair.rig, call->state == PHONE_UP);
    assert_true(sim_sdp_has(sr_str_c(call->sdp), "G722"));
    assert_true(sim_sdp_has(sr_str_c(call->sdp), "PCMU"));
    rig_run(&pair.rig, SR_SEC);
    seen = rig_call(&pair.rig, 0);
    assert_int_equal(rig_media(&pair.rig, seen, "a")->stream.send_codec, CODEC_G722);
    assert_int_equal(rig_media(&pair.rig, seen, "b")->stream.send_codec, CODEC_G722);
    assert_int_equal(rig_mode(&pair.rig, seen), MEDIA_MODE_RELAY);
    end(&pair, call);
}

static void test_offerless_invite_without_answer_in_ack_ends(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair, "PCMU", "PCMU");
    call = phone_dial_offerless(pair.a, "102");
    pair.a->manners.codecs = "iLBC"; /* its answer would have to be empty */
    RIG_UNTIL(&pair.rig, call->state == PHONE_OVER);
    assert_int_equal(call->byes, 1);
    RIG_ENDED(&pair.rig, 0, "protocol_error");
    rig_done(&pair.rig);
}

static void test_offerless_reinvite_gets_our_full_offer(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair, "PCMU,G722", "PCMU");
    call = rig_connect(&pair.rig, pair.a, "102");
    call->sdp[0] = '\0';
    phone_reinvite(call, NULL);
    RIG_UNTIL(&pair.rig, call->reoffer_status == 200);
    assert_true(sim_sdp_has(sr_str_c(call->sdp), "G722"));
    assert_true(sim_sdp_has(sr_str_c(call->sdp), "opus"));
    assert_string_equal(sim_sdp_direction(sr_str_c(call->sdp)), "sendrecv");
    rig_run(&pair.rig, SR_SEC);
    assert_int_equal(call->state, PHONE_UP);
    assert_int_equal(rig_media(&pair.rig, rig_call(&pair.rig, 0), "a")->stream.send_codec,
                     CODEC_PCMU);
    assert_int_equal(phone_incoming(pair.b)->reinvites, 0); /* not the other party's business */
    end(&pair, call);
}

static void test_reinvite_may_change_the_codec(void **state)
{
    struct pair pair;
    struct phone_call *call;
    const struct rig_call *seen;

    (void)state;
    begin(&pair, "PCMU", "PCMU");
    call = rig_connect(&pair.rig, pair.a, "102");
    pair.a->manners.codecs = "PCMA";
    phone_reinvite(call, "sendrecv");
    RIG_UNTIL(&pair.rig, call->reoffer_status == 200);
    seen = rig_call(&pair.rig, 0);
    assert_string_equal(sim_sdp_codec(sr_str_c(call->sdp)), "PCMA");
    assert_int_equal(rig_media(&pair.rig, seen, "a")->stream.send_codec, CODEC_PCMA);
    assert_int_equal(rig_media(&pair.rig, seen, "b")->stream.send_codec, CODEC_PCMU);
    assert_int_equal(rig_mode(&pair.rig, seen), MEDIA_MODE_MIX);
    end(&pair, call);
}

static void test_reinvite_with_nothing_we_know_is_refused_and_the_call_goes_on(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair, "PCMU", "PCMU");
    call = rig_connect(&pair.rig, pair.a, "102");
    pair.a->manners.codecs = "iLBC";
    phone_reinvite(call, "sendrecv");
    RIG_UNTIL(&pair.rig, call->reoffer_status != 0);
    assert_int_equal(call->reoffer_status, 488);
    assert_int_equal(rig_media(&pair.rig, rig_call(&pair.rig, 0), "a")->stream.send_codec,
                     CODEC_PCMU);
    assert_int_equal(rig_mode(&pair.rig, rig_call(&pair.rig, 0)), MEDIA_MODE_RELAY);
    pair.a->manners.codecs = "PCMU";
    phone_reinvite(call, "sendrecv");
    RIG_UNTIL(&pair.rig, call->reoffer_status == 200);
    end(&pair, call);
}

static void test_update_in_an_answered_call(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair, "PCMU", "PCMU");
    call = rig_connect(&pair.rig, pair.a, "102");
    phone_update(call, "sendonly");
    RIG_UNTIL(&pair.rig, call->reoffer_status == 200);
    assert_string_equal(sim_sdp_direction(sr_str_c(call->sdp)), "recvonly");
    assert_true(rig_leg(rig_call(&pair.rig, 0), "a")->is_holding);
    end(&pair, call);
}

static void test_callee_that_answers_without_sdp_is_hung_up(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair, "PCMU", "PCMU");
    pair.b->manners.answers_empty = true;
    call = phone_dial(pair.a, "102");
    RIG_UNTIL(&pair.rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 488);
    RIG_ENDED(&pair.rig, 0, "no_codec");
    RIG_UNTIL(&pair.rig, phone_incoming(pair.b)->byes == 1);
    rig_done(&pair.rig);
}

static void test_phones_are_told_the_configured_address(void **state)
{
    static const struct rig_options options = {
        .config = "{ \"proxy\": { \"lanIp\": \"203.0.113.7\" }," TWO_DEVICES};
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin_with(&pair, &options);
    call = rig_connect(&pair.rig, pair.a, "102");
    assert_true(sim_has(sr_str_c(call->sdp), "c=IN IP4 203.0.113.7"));
    assert_true(sim_has(sr_str_c(phone_incoming(pair.b)->offer), "c=IN IP4 203.0.113.7"));
    end(&pair, call);
}

static void test_reinvite_moves_the_audio_to_another_address(void **state)
{
    struct pair pair;
    struct phone_call *call;
    struct sr_addr before;

    (void)state;
    begin(&pair, "PCMU", "PCMU");
    call = rig_connect(&pair.rig, pair.a, "102");
    before = rig_media(&pair.rig, rig_call(&pair.rig, 0), "a")->stream.remote_rtp;
    pair.a->addr.ip[3] = 99; /* its SDP and Contact say so from now on */
    phone_reinvite(call, "sendrecv");
    rig_run(&pair.rig, SR_SEC);
    assert_false(
        sr_addr_eq(&before, &rig_media(&pair.rig, rig_call(&pair.rig, 0), "a")->stream.remote_rtp));
    pair.a->addr.ip[3] = before.ip[3];
    phone_reinvite(call, "sendrecv");
    rig_run(&pair.rig, SR_SEC);
    assert_true(
        sr_addr_eq(&before, &rig_media(&pair.rig, rig_call(&pair.rig, 0), "a")->stream.remote_rtp));
    end(&pair, call);
}

/* 192.0.2.1:4000 is a port of the router itself: audio sent there would be read as something else. */
static void test_no_audio_goes_to_the_routers_own_ports(void **state)
{
    static const struct rig_options options = {
        .config = "{ \"proxy\": { \"webrtcPort\": 4000 }," TWO_DEVICES};
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin_with(&pair, &options);
    call = rig_connect(&pair.rig, pair.a, "102");
    for (uint8_t last = pair.a->addr.ip[3], i = 0; i < 2; i++) {
        const struct media_stream *stream;

        pair.a->addr.ip[3] = i == 0 ? 1 : last; /* its SDP says so from now on */
        phone_reinvite(call, "sendrecv");
        rig_run(&pair.rig, SR_SEC);
        stream = &rig_media(&pair.rig, rig_call(&pair.rig, 0), "a")->stream;
        assert_int_equal(stream->remote_rtp.family, i == 0 ? SR_ADDR_NONE : SR_ADDR_IP4);
    }
    end(&pair, call);
}

int run_offer(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_caller_is_answered_with_the_codec_the_callee_took),
        cmocka_unit_test(test_callers_preference_comes_first_in_our_offer),
        cmocka_unit_test(test_parties_without_a_common_codec_are_mixed),
        cmocka_unit_test(test_caller_without_any_known_codec_gets_488),
        cmocka_unit_test(test_caller_whose_sdp_cannot_be_read_is_told_so),
        cmocka_unit_test(test_callee_that_refuses_every_codec_gives_488),
        cmocka_unit_test(test_no_audio_goes_to_the_routers_own_ports),
        cmocka_unit_test(test_offerless_invite_is_given_our_offer),
        cmocka_unit_test(test_offerless_invite_without_answer_in_ack_ends),
        cmocka_unit_test(test_offerless_reinvite_gets_our_full_offer),
        cmocka_unit_test(test_reinvite_may_change_the_codec),
        cmocka_unit_test(test_reinvite_with_nothing_we_know_is_refused_and_the_call_goes_on),
        cmocka_unit_test(test_update_in_an_answered_call),
        cmocka_unit_test(test_callee_that_answers_without_sdp_is_hung_up),
        cmocka_unit_test(test_phones_are_told_the_configured_address),
        cmocka_unit_test(test_reinvite_moves_the_audio_to_another_address),
    };

    return cmocka_run_group_tests_name("offer", tests, NULL, NULL);
}
