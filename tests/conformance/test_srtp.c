/* Encrypted audio by SDES: what is offered, what is answered, what is refused. */
#include <stdio.h>

#include "rig.h"

#define CM_80 "AES_CM_128_HMAC_SHA1_80"
#define CM_32 "AES_CM_128_HMAC_SHA1_32"
#define LINE(tag, suite, key) "a=crypto:" tag " " suite " inline:" key "\r\n"
#define GOOD LINE("1", CM_80, SIM_KEY_30)

struct pair {
    struct rig rig;
    struct sim_phone *a, *b;
};

static void begin(struct pair *pair, const char *srtp_a, enum net_kind kind_a, const char *srtp_b,
                  enum net_kind kind_b)
{
    struct rig_options options = {0};
    char config[512];

    (void)snprintf(config, sizeof(config),
                   "{ \"devices\": [\n"
                   "{ \"id\": \"a\", \"extension\": \"101\", \"password\": \"pw-101\", "
                   "\"srtp\": \"%s\" },\n"
                   "{ \"id\": \"b\", \"extension\": \"102\", \"password\": \"pw-102\", "
                   "\"srtp\": \"%s\" } ] }",
                   srtp_a, srtp_b);
    options.config = config;
    rig_init(&pair->rig, &options);
    pair->a = rig_phone_on(&pair->rig, "101", kind_a);
    pair->b = rig_phone_on(&pair->rig, "102", kind_b);
    pair->a->manners.codecs = "PCMU";
    pair->b->manners.codecs = "PCMU";
}

static void end(struct pair *pair, struct phone_call *call)
{
    phone_bye(call);
    RIG_ENDED(&pair->rig, 0, "hangup");
    rig_done(&pair->rig);
}

struct caller_row {
    const char *srtp;  /* of the device */
    const char *proto; /* of its offer */
    const char *crypto;
    const char *suite; /* expected in our answer; NULL: in the clear; "": 488 */
    const char *tag;
};

static const struct caller_row caller_rows[] = {
    {"off", "RTP/AVP", NULL, NULL, NULL},
    {"off", "RTP/AVP", GOOD, NULL, NULL},
    {"off", "RTP/SAVP", GOOD, "", NULL},
    {"optional", "RTP/AVP", NULL, NULL, NULL},
    {"optional", "RTP/AVP", GOOD, CM_80, "1"}, /* "best effort" of many phones */
    {"optional", "RTP/AVP", LINE("1", "F8_128_HMAC_SHA1_80", SIM_KEY_30), NULL, NULL},
    {"optional", "RTP/SAVP", GOOD, CM_80, "1"},
    {"optional", "RTP/SAVPF", GOOD, CM_80, "1"},
    {"optional", "RTP/SAVP", LINE("1", CM_32, SIM_KEY_30), CM_32, "1"},
    {"optional", "RTP/SAVP", LINE("7", CM_32, SIM_KEY_30) LINE("9", CM_80, SIM_KEY_30), CM_80, "9"},
    {"optional", "RTP/SAVP", GOOD LINE("2", "AEAD_AES_128_GCM", SIM_KEY_28), "AEAD_AES_128_GCM",
     "2"},
    {"optional", "RTP/SAVP", GOOD LINE("2", "AEAD_AES_256_GCM", SIM_KEY_44), "AEAD_AES_256_GCM",
     "2"},
    {"optional", "RTP/SAVP", NULL, "", NULL},
    {"optional", "RTP/SAVP", LINE("1", "F8_128_HMAC_SHA1_80", SIM_KEY_30), "", NULL},
    {"optional", "RTP/SAVP", LINE("1", CM_80, SIM_KEY_28), "", NULL}, /* a key too short */
    {"optional", "RTP/SAVP", LINE("1", CM_80, SIM_KEY_30 "|2^31"), CM_80, "1"},
    {"optional", "RTP/SAVP", LINE("1", CM_80, SIM_KEY_30 "|1048576"), CM_80, "1"},
    {"optional", "RTP/SAVP", LINE("1", CM_80, SIM_KEY_30 "|2^10"), "", NULL},
    {"optional", "RTP/SAVP", LINE("1", CM_80, SIM_KEY_30 "|2^31|1:4"), "", NULL},
    {"optional", "RTP/SAVP", LINE("1", CM_80, SIM_KEY_30 "|1:4") LINE("2", CM_80, SIM_KEY_30),
     CM_80, "2"},
    {"optional", "RTP/SAVP", LINE("1", CM_80, SIM_KEY_30 " UNENCRYPTED_SRTP"), "", NULL},
    {"optional", "RTP/SAVP", LINE("1", CM_80, SIM_KEY_30 " WSH=64 -x"), CM_80, "1"},
    {"optional", "UDP/TLS/RTP/SAVP", "a=setup:actpass\r\na=fingerprint:sha-256 AB:CD\r\n", "",
     NULL},
    {"required", "RTP/AVP", NULL, "", NULL},
    {"required", "RTP/AVP", GOOD, CM_80, "1"},
    {"required", "RTP/SAVP", GOOD, CM_80, "1"},
};

static void check_caller(const struct caller_row *row)
{
    const struct rig_call *seen;
    struct phone_call *call;
    struct pair pair;
    char line[64];

    begin(&pair, row->srtp, NET_UDP, "off", NET_UDP);
    pair.a->manners.proto = row->proto;
    pair.a->manners.crypto = row->crypto;
    if (row->suite != NULL && row->suite[0] == '\0') {
        call = phone_dial(pair.a, "102");
        RIG_UNTIL(&pair.rig, call->state == PHONE_OVER);
        assert_int_equal(call->status, 488);
        RIG_ENDED(&pair.rig, 0, "encryption");
        assert_int_equal(pair.b->call_count, 0); /* nobody was rung for it */
        rig_done(&pair.rig);
        return;
    }
    call = rig_connect(&pair.rig, pair.a, "102");
    seen = rig_call(&pair.rig, 0);
    (void)snprintf(line, sizeof(line), " %s 0", row->proto);
    assert_true(sim_has(sr_str_c(call->sdp), line));
    assert_int_equal(sim_sdp_keys(sr_str_c(call->sdp)), row->suite != NULL);
    assert_string_equal(rig_leg(seen, "a")->encrypted, row->suite != NULL ? "sdes" : "no");
    assert_string_equal(rig_leg(seen, "b")->encrypted, "no");
    assert_int_equal(rig_media(&pair.rig, seen, "a")->stream.crypto,
                     row->suite != NULL ? MEDIA_CRYPTO_SDES : MEDIA_CRYPTO_NONE);
    if (row->suite != NULL) {
        (void)snprintf(line, sizeof(line), "a=crypto:%s %s inline:", row->tag, row->suite);
        assert_true(sim_has(sr_str_c(call->sdp), line));
        assert_string_equal(srtp_suite_name(rig_media(&pair.rig, seen, "a")->stream.tx.suite),
                            row->suite);
    }
    assert_int_equal(rig_mode(&pair.rig, seen), MEDIA_MODE_RELAY); /* encryption needs no mixer */
    end(&pair, call);
}

static void test_callers_are_answered_as_their_device_is_set(void **state)
{
    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(caller_rows); i++)
        check_caller(&caller_rows[i]);
}

struct callee_row {
    const char *srtp;
    enum net_kind kind;
    const char *proto; /* expected in our offer */
    size_t keys;
    const char *suite;  /* the phone takes; NULL: none */
    const char *answer; /* profile of its answer; NULL: as offered */
    uint16_t refusal;   /* it answers with; 0: 200 */
    const char *end;    /* NULL: the call stands */
};

static const struct callee_row callee_rows[] = {
    {"off", NET_UDP, "RTP/AVP", 0, NULL, NULL, 0, NULL},
    {"off", NET_TLS, "RTP/AVP", 0, NULL, NULL, 0, NULL},
    {"optional", NET_UDP, "RTP/AVP", 0, NULL, NULL, 0, NULL},
    {"optional", NET_TLS, "RTP/AVP", 3, NULL, NULL, 0, NULL},
    {"optional", NET_TLS, "RTP/AVP", 3, CM_80, NULL, 0, NULL},
    {"optional", NET_TLS, "RTP/AVP", 3, CM_80, "RTP/SAVP", 0, NULL},
    {"required", NET_TLS, "RTP/SAVP", 3, "AEAD_AES_256_GCM", NULL, 0, NULL},
    {"required", NET_UDP, "RTP/SAVP", 3, CM_80, NULL, 0, NULL},
    {"required", NET_UDP, "RTP/SAVP", 3, NULL, NULL, 0, "encryption"},
    {"required", NET_UDP, "RTP/SAVP", 3, NULL, "RTP/AVP", 0,
     "encryption"}, /* not what was offered */
    {"required", NET_UDP, "RTP/SAVP", 3, NULL, NULL, 488, "encryption"},
};

static void check_callee(const struct callee_row *row)
{
    const struct port_sim_leg *leg;
    const struct rig_call *seen;
    struct phone_call *call;
    struct sr_str offer;
    struct pair pair;

    begin(&pair, "off", NET_UDP, row->srtp, row->kind);
    pair.b->manners.suite = row->suite;
    pair.b->manners.proto = row->answer;
    if (row->refusal != 0)
        pair.b->manners.final_status = row->refusal;
    call = phone_dial(pair.a, "102");
    RIG_UNTIL(&pair.rig, phone_incoming(pair.b) != NULL);
    offer = sr_str_c(phone_incoming(pair.b)->offer);
    assert_true(sim_has(offer, row->proto));
    assert_int_equal(sim_sdp_keys(offer), row->keys);
    if (row->end != NULL) {
        RIG_UNTIL(&pair.rig, call->state == PHONE_OVER);
        assert_int_equal(call->status, 488);
        RIG_ENDED(&pair.rig, 0, row->end);
        rig_done(&pair.rig);
        return;
    }
    RIG_UNTIL(&pair.rig, call->state == PHONE_UP);
    RIG_UNTIL(&pair.rig, rig_call(&pair.rig, 0)->answered == 1);
    seen = rig_call(&pair.rig, 0);
    leg = rig_media(&pair.rig, seen, "b");
    assert_string_equal(rig_leg(seen, "b")->encrypted, row->suite != NULL ? "sdes" : "no");
    assert_int_equal(leg->stream.crypto,
                     row->suite != NULL ? MEDIA_CRYPTO_SDES : MEDIA_CRYPTO_NONE);
    assert_string_equal(srtp_suite_name(leg->stream.rx.suite),
                        row->suite != NULL ? row->suite : "");
    assert_string_equal(srtp_suite_name(leg->stream.tx.suite),
                        row->suite != NULL ? row->suite : "");
    end(&pair, call);
}

static void test_callees_are_offered_what_their_device_is_set_to(void **state)
{
    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(callee_rows); i++)
        check_callee(&callee_rows[i]);
}

/* Hold keeps both keys; another key of the phone changes only what is received. */
static void test_reinvites_keep_our_key(void **state)
{
    struct srtp_keys tx, rx;
    const struct rig_call *seen;
    struct phone_call *call;
    char key[128];
    struct pair pair;

    (void)state;
    begin(&pair, "optional", NET_TLS, "off", NET_UDP);
    pair.a->manners.proto = "RTP/SAVP";
    pair.a->manners.crypto = GOOD;
    call = rig_connect(&pair.rig, pair.a, "102");
    seen = rig_call(&pair.rig, 0);
    tx = rig_media(&pair.rig, seen, "a")->stream.tx;
    rx = rig_media(&pair.rig, seen, "a")->stream.rx;
    (void)sr_str_copy(sim_sdp_key(sr_str_c(call->sdp), CM_80), key, sizeof(key));
    assert_true(strlen(key) > 40);

    phone_reinvite(call, "sendonly");
    RIG_UNTIL(&pair.rig, call->reoffer_status == 200);
    assert_true(sim_has(sr_str_c(call->sdp), key));
    assert_true(srtp_keys_eq(&tx, &rig_media(&pair.rig, seen, "a")->stream.tx));
    assert_true(srtp_keys_eq(&rx, &rig_media(&pair.rig, seen, "a")->stream.rx));

    call->reoffer_status = 0;
    pair.a->manners.crypto = LINE("1", CM_80, "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz");
    phone_reinvite(call, "sendrecv");
    RIG_UNTIL(&pair.rig, call->reoffer_status == 200);
    assert_true(sim_has(sr_str_c(call->sdp), key));
    assert_true(srtp_keys_eq(&tx, &rig_media(&pair.rig, seen, "a")->stream.tx));
    assert_false(srtp_keys_eq(&rx, &rig_media(&pair.rig, seen, "a")->stream.rx));

    call->reoffer_status = 0; /* another suite: a new key of ours as well */
    pair.a->manners.crypto = LINE("1", "AEAD_AES_256_GCM", SIM_KEY_44);
    phone_reinvite(call, "sendrecv");
    RIG_UNTIL(&pair.rig, call->reoffer_status == 200);
    assert_false(sim_has(sr_str_c(call->sdp), key));
    assert_int_equal(rig_media(&pair.rig, seen, "a")->stream.tx.suite, SRTP_AEAD_AES_256_GCM);
    end(&pair, call);
}

static void test_required_cannot_be_talked_down(void **state)
{
    const struct rig_call *seen;
    struct phone_call *call;
    struct srtp_keys rx;
    struct pair pair;

    (void)state;
    begin(&pair, "required", NET_TLS, "off", NET_UDP);
    pair.a->manners.proto = "RTP/SAVP";
    pair.a->manners.crypto = GOOD;
    call = rig_connect(&pair.rig, pair.a, "102");
    seen = rig_call(&pair.rig, 0);
    rx = rig_media(&pair.rig, seen, "a")->stream.rx;
    pair.a->manners.proto = NULL;
    pair.a->manners.crypto = NULL;
    phone_reinvite(call, "sendrecv");
    RIG_UNTIL(&pair.rig, call->reoffer_status == 488);
    assert_int_equal(rig_media(&pair.rig, seen, "a")->stream.crypto, MEDIA_CRYPTO_SDES);
    assert_true(srtp_keys_eq(&rx, &rig_media(&pair.rig, seen, "a")->stream.rx));
    assert_string_equal(rig_leg(seen, "a")->encrypted, "sdes");
    end(&pair, call);
}

static void test_each_leg_has_its_own_key(void **state)
{
    const struct rig_call *seen;
    struct phone_call *call;
    struct pair pair;

    (void)state;
    begin(&pair, "optional", NET_TLS, "required", NET_TLS);
    pair.a->manners.crypto = GOOD;
    pair.b->manners.suite = CM_80;
    call = rig_connect(&pair.rig, pair.a, "102");
    seen = rig_call(&pair.rig, 0);
    assert_int_equal(rig_media(&pair.rig, seen, "a")->stream.tx.suite,
                     SRTP_AES_CM_128_HMAC_SHA1_80);
    assert_int_equal(rig_media(&pair.rig, seen, "b")->stream.tx.suite,
                     SRTP_AES_CM_128_HMAC_SHA1_80);
    assert_false(srtp_keys_eq(&rig_media(&pair.rig, seen, "a")->stream.tx,
                              &rig_media(&pair.rig, seen, "b")->stream.tx));
    assert_int_equal(rig_mode(&pair.rig, seen), MEDIA_MODE_RELAY);
    end(&pair, call);
}

/* "SRTP mandatory" in a phone whose device is left at "optional", over UDP. */
static void test_a_phone_that_demands_srtp_is_asked_again(void **state)
{
    const struct rig_call *seen;
    struct phone_call *call;
    struct pair pair;

    (void)state;
    begin(&pair, "off", NET_UDP, "optional", NET_UDP);
    pair.b->manners.demands = " RTP/SAVP ";
    pair.b->manners.suite = CM_80;
    call = rig_connect(&pair.rig, pair.a, "102");
    seen = rig_call(&pair.rig, 0);
    assert_int_equal(pair.b->call_count, 2);
    assert_string_equal(rig_leg(seen, "b")->encrypted, "sdes");
    end(&pair, call);

    begin(&pair, "off", NET_UDP, "off", NET_UDP); /* but not against the configuration */
    pair.b->manners.demands = " RTP/SAVP ";
    call = phone_dial(pair.a, "102");
    RIG_UNTIL(&pair.rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 488);
    assert_int_equal(pair.b->call_count, 1);
    rig_done(&pair.rig);
}

#define PRINT "11:22:33:44:55:66:77:88:11:22:33:44:55:66:77:88"
#define SHA_256 "a=fingerprint:sha-256 " PRINT ":" PRINT "\r\n"
#define SHA_1 "a=fingerprint:sha-1 " PRINT ":AA:BB:CC:DD\r\n"

struct dtls_row {
    const char *srtp;
    const char *proto;
    const char *lines;
    const char *setup; /* expected in our answer; NULL: 488 */
};

static const struct dtls_row dtls_rows[] = {
    {"optional", "UDP/TLS/RTP/SAVP", "a=setup:actpass\r\n" SHA_256, "a=setup:passive"},
    {"optional", "UDP/TLS/RTP/SAVPF", "a=setup:active\r\n" SHA_256, "a=setup:passive"},
    {"required", "UDP/TLS/RTP/SAVP", "a=setup:passive\r\n" SHA_256, "a=setup:active"},
    {"optional", "RTP/SAVP", "a=setup:actpass\r\n" SHA_256, "a=setup:passive"},
    {"off", "UDP/TLS/RTP/SAVP", "a=setup:actpass\r\n" SHA_256, NULL},
    {"optional", "UDP/TLS/RTP/SAVP", "a=setup:actpass\r\n" SHA_1, NULL}, /* proves nothing */
    {"optional", "UDP/TLS/RTP/SAVP", "a=setup:actpass\r\n", NULL},
    {"required", "RTP/AVP", "a=setup:actpass\r\n" SHA_256, NULL},
};

static void check_dtls(const struct dtls_row *row)
{
    const struct media_stream *stream;
    struct phone_call *call;
    struct pair pair;

    begin(&pair, row->srtp, NET_UDP, "off", NET_UDP);
    pair.a->manners.proto = row->proto;
    pair.a->manners.crypto = row->lines;
    if (row->setup == NULL) {
        call = phone_dial(pair.a, "102");
        RIG_UNTIL(&pair.rig, call->state == PHONE_OVER);
        assert_int_equal(call->status, 488);
        RIG_ENDED(&pair.rig, 0, "encryption");
        rig_done(&pair.rig);
        return;
    }
    call = rig_connect(&pair.rig, pair.a, "102");
    stream = &rig_media(&pair.rig, rig_call(&pair.rig, 0), "a")->stream;
    assert_true(sim_has(sr_str_c(call->sdp), row->proto));
    assert_true(sim_has(sr_str_c(call->sdp), row->setup));
    assert_true(sim_has(sr_str_c(call->sdp), "a=fingerprint:sha-256 "));
    assert_int_equal(sim_sdp_keys(sr_str_c(call->sdp)), 0);
    assert_int_equal(stream->crypto, MEDIA_CRYPTO_DTLS);
    assert_int_equal(stream->is_dtls_client, strcmp(row->setup, "a=setup:active") == 0);
    assert_int_equal(stream->dtls_peer.hash, DTLS_SHA_256);
    assert_int_equal(stream->dtls_peer.bytes[31], 0x88);
    assert_string_equal(rig_leg(rig_call(&pair.rig, 0), "a")->encrypted, "dtls");
    phone_reinvite(call, "sendonly"); /* hold: the roles stay */
    RIG_UNTIL(&pair.rig, call->reoffer_status == 200);
    assert_true(sim_has(sr_str_c(call->sdp), row->setup));
    end(&pair, call);
}

static void test_handshakes_are_answered_in_either_role(void **state)
{
    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(dtls_rows); i++)
        check_dtls(&dtls_rows[i]);
}

/* Neither in the clear nor with keys in the SDP: the third offer is the one it takes. */
static void test_a_phone_that_demands_dtls_is_asked_again(void **state)
{
    const struct media_stream *stream;
    struct phone_call *call;
    struct pair pair;

    (void)state;
    begin(&pair, "off", NET_UDP, "optional", NET_UDP);
    pair.b->manners.demands = "a=fingerprint:";
    pair.b->manners.crypto = "a=setup:passive\r\n" SHA_256;
    call = rig_connect(&pair.rig, pair.a, "102");
    assert_int_equal(pair.b->call_count, 3);
    assert_true(sim_has(sr_str_c(phone_incoming(pair.b)->offer), " UDP/TLS/RTP/SAVP "));
    assert_true(sim_has(sr_str_c(phone_incoming(pair.b)->offer), "a=setup:actpass"));
    assert_true(sim_has(sr_str_c(phone_incoming(pair.b)->offer), "a=rtcp-mux"));
    stream = &rig_media(&pair.rig, rig_call(&pair.rig, 0), "b")->stream;
    assert_int_equal(stream->crypto, MEDIA_CRYPTO_DTLS);
    assert_true(stream->is_dtls_client);
    end(&pair, call);

    begin(&pair, "off", NET_UDP, "required", NET_UDP); /* the second, where keys are demanded */
    pair.b->manners.demands = "a=fingerprint:";
    pair.b->manners.crypto = "a=setup:active\r\n" SHA_256;
    call = rig_connect(&pair.rig, pair.a, "102");
    assert_int_equal(pair.b->call_count, 2);
    stream = &rig_media(&pair.rig, rig_call(&pair.rig, 0), "b")->stream;
    assert_false(stream->is_dtls_client);
    end(&pair, call);
}

static void test_different_keys_are_named(void **state)
{
    static const char sentence[] = "the packets arrive but cannot be decrypted: the keys differ";
    struct media_event stats = {.kind = MEDIA_EVENT_STATS,
                                .stats = {.rtt_ms = -1, .mos = -1, .srtp_auth_failed = 250}};
    struct phone_call *call;
    struct pair pair;

    (void)state;
    begin(&pair, "optional", NET_TLS, "off", NET_UDP);
    pair.a->manners.crypto = GOOD;
    call = rig_connect(&pair.rig, pair.a, "102");
    assert_string_equal(rig_leg(rig_call(&pair.rig, 0), "a")->verdict, "");
    rig_inject(&pair.rig, rig_call(&pair.rig, 0), "a", stats);
    RIG_UNTIL(&pair.rig, rig_call(&pair.rig, 0)->qualities == 1);
    assert_string_equal(rig_leg(rig_call(&pair.rig, 0), "a")->verdict, sentence);
    assert_string_equal(rig_leg(rig_call(&pair.rig, 0), "b")->verdict, "");
    stats.stats.srtp_auth_failed = 260;
    stats.stats.rx_packets = 50;
    rig_inject(&pair.rig, rig_call(&pair.rig, 0), "a", stats);
    RIG_UNTIL(&pair.rig, rig_call(&pair.rig, 0)->qualities == 2);
    assert_string_equal(rig_leg(rig_call(&pair.rig, 0), "a")->verdict, "");
    end(&pair, call);
}

int run_srtp(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_callers_are_answered_as_their_device_is_set),
        cmocka_unit_test(test_callees_are_offered_what_their_device_is_set_to),
        cmocka_unit_test(test_reinvites_keep_our_key),
        cmocka_unit_test(test_required_cannot_be_talked_down),
        cmocka_unit_test(test_each_leg_has_its_own_key),
        cmocka_unit_test(test_a_phone_that_demands_srtp_is_asked_again),
        cmocka_unit_test(test_handshakes_are_answered_in_either_role),
        cmocka_unit_test(test_a_phone_that_demands_dtls_is_asked_again),
        cmocka_unit_test(test_different_keys_are_named),
    };

    return cmocka_run_group_tests_name("srtp", tests, NULL, NULL);
}
