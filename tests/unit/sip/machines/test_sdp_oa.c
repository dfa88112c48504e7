/* Offer and answer: tables after RFC 3264 and RFC 4317, hold, codecs, keys, versions. */
#include "sip/sdp_oa.h"

#include <stdio.h>

#include "machines.h"

static char arena_bytes[SDP_ARENA_BYTES];

static enum sr_err read_text(struct sr_str text, struct sdp_audio *audio)
{
    struct sr_arena arena;
    struct sdp sdp;
    sr_arena_init_fixed(&arena, arena_bytes, sizeof(arena_bytes));
    assert_int_equal(sdp_parse(text, &arena, &sdp, NULL), SR_OK);
    return sdp_audio_read(&sdp, audio);
}

#define HEAD                                                                                       \
    "v=0\r\no=alice 2890844526 2890844526 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 "   \
    "0\r\n"

static void read_c(const char *text, struct sdp_audio *audio)
{
    assert_int_equal(read_text(sr_str_c(text), audio), SR_OK);
}

static const char *write_c(const struct sdp_audio *audio)
{
    static char text[8192];
    struct sr_buf buf;
    sr_buf_init_fixed(&buf, text, sizeof(text) - 1);
    assert_int_equal(sdp_audio_write(audio, NULL, &buf), SR_OK);
    text[buf.len] = '\0';
    return text;
}

static struct sr_addr addr_of(const char *text)
{
    struct sr_addr addr;
    assert_int_equal(sr_addr_parse(sr_str_c(text), 0, &addr), SR_OK);
    return addr;
}

enum {
    ALLOWED = 4
};
static struct sdp_codec allowed[ALLOWED];

static int set_up(void **state)
{
    (void)state;
    sdp_codec_set(&allowed[0], "opus", 48000, 2, SDP_PT_NONE);
    (void)sr_str_copy(SR_STR("useinbandfec=1"), allowed[0].fmtp, sizeof(allowed[0].fmtp));
    sdp_codec_set(&allowed[1], "G722", 8000, 1, SDP_PT_NONE);
    sdp_codec_set(&allowed[2], "PCMA", 8000, 1, SDP_PT_NONE);
    sdp_codec_set(&allowed[3], "PCMU", 8000, 1, SDP_PT_NONE);
    return 0;
}

static struct sdp_answer_wish wish_of(void)
{
    struct sdp_answer_wish wish = {
        .rtp = addr_of("192.0.2.9:20000"),
        .direction = SDP_SENDRECV,
        .allowed = allowed,
        .allowed_count = ALLOWED,
        .session_id = 42,
    };
    return wish;
}

static void answer_takes_the_offerers_order_and_numbers(void **state)
{
    (void)state;
    struct sdp_audio offer;
    struct sdp_audio answer;
    struct sdp_answer_wish wish = wish_of();
    read_c(HEAD "m=audio 49170 RTP/AVP 0 97 8 4 101 102\r\na=rtpmap:97 OPUS/48000/2\r\n"
                "a=fmtp:97 minptime=10\r\na=rtpmap:101 telephone-event/8000\r\n"
                "a=rtpmap:102 telephone-event/48000\r\na=ptime:30\r\n"
                "m=video 51372 RTP/AVP 31\r\na=rtpmap:31 H261/90000\r\n",
           &offer);
    assert_int_equal(sdp_answer_make(&offer, &wish, &answer), SR_OK);
    assert_string_equal(write_c(&answer),
                        "v=0\r\no=- 42 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
                        "m=audio 20000 RTP/AVP 0 97 8 101 102\r\na=rtpmap:0 PCMU/8000\r\n"
                        "a=rtpmap:97 OPUS/48000/2\r\na=fmtp:97 useinbandfec=1\r\n"
                        "a=rtpmap:8 PCMA/8000\r\n"
                        "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n"
                        "a=rtpmap:102 telephone-event/48000\r\na=fmtp:102 0-16\r\n"
                        "a=ptime:30\r\na=sendrecv\r\nm=video 0 RTP/AVP 31\r\n");
    wish.is_single = true;
    assert_int_equal(sdp_answer_make(&offer, &wish, &answer), SR_OK);
    assert_int_equal(answer.codec_count, 1);
    assert_int_equal(answer.event_count, 1);
    assert_int_equal(answer.events[0].pt, 101);
}

static void refused_lines_keep_number_and_order(void **state)
{
    (void)state;
    struct sdp_audio offer;
    struct sdp_audio answer;
    struct sdp_answer_wish wish = wish_of();
    read_c(HEAD "m=image 6000 udptl t38\r\nm=audio 0 RTP/AVP 0\r\nm=audio 49170 RTP/AVP 8\r\n"
                "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n",
           &offer);
    assert_int_equal(offer.media_index, 2);
    assert_int_equal(sdp_answer_make(&offer, &wish, &answer), SR_OK);
    const char *text = write_c(&answer);
    assert_non_null(strstr(text, "t=0 0\r\nm=image 0 udptl t38\r\nm=audio 0 RTP/AVP 0\r\n"
                                 "m=audio 20000 RTP/AVP 8\r\n"));
    assert_non_null(strstr(text, "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"));
    /* nothing in common: all refused */
    read_c(HEAD "m=audio 49170 RTP/AVP 18\r\nm=video 1 RTP/AVP 31\r\n", &offer);
    assert_int_equal(sdp_answer_make(&offer, &wish, &answer), SR_ERR_NOTFOUND);
    assert_non_null(strstr(write_c(&answer), "m=audio 0 RTP/AVP 18\r\nm=video 0 RTP/AVP 31\r\n"));
    read_c(HEAD "m=video 1 RTP/AVP 31\r\n", &offer);
    assert_int_equal(sdp_answer_make(&offer, &wish, &answer), SR_ERR_NOTFOUND);
    read_c(HEAD "m=audio 0 RTP/AVP 0\r\n", &offer); /* disabled on purpose: answered alike */
    assert_int_equal(sdp_answer_make(&offer, &wish, &answer), SR_OK);
    assert_non_null(strstr(write_c(&answer), "m=audio 0 RTP/AVP 0\r\n"));
}

static void directions_follow_rfc3264(void **state)
{
    (void)state;
    static const enum sdp_direction S = SDP_SENDONLY;
    static const struct {
        enum sdp_direction offered, wanted, answer;
    } rows[] = {
        {SDP_SENDRECV, SDP_SENDRECV, SDP_SENDRECV}, {SDP_SENDRECV, SDP_SENDONLY, SDP_SENDONLY},
        {SDP_SENDRECV, SDP_RECVONLY, SDP_RECVONLY}, {SDP_SENDRECV, SDP_INACTIVE, SDP_INACTIVE},
        {SDP_SENDONLY, SDP_SENDRECV, SDP_RECVONLY}, {SDP_SENDONLY, SDP_SENDONLY, SDP_INACTIVE},
        {SDP_RECVONLY, SDP_SENDRECV, SDP_SENDONLY}, {SDP_RECVONLY, SDP_RECVONLY, SDP_INACTIVE},
        {SDP_INACTIVE, SDP_SENDRECV, SDP_INACTIVE},
    };
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++)
        assert_int_equal(sdp_direction_answer(rows[i].offered, rows[i].wanted), rows[i].answer);
    assert_int_equal(sdp_direction_mirror(S), SDP_RECVONLY);
    assert_int_equal(sdp_direction_mirror(SDP_INACTIVE), SDP_INACTIVE);
}

static void hold_in_all_its_forms_is_seen(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum sdp_direction direction, answer;
    } rows[] = {
        {HEAD "m=audio 4 RTP/AVP 0\r\na=sendonly\r\n", SDP_SENDONLY, SDP_RECVONLY},
        {HEAD "m=audio 4 RTP/AVP 0\r\na=inactive\r\n", SDP_INACTIVE, SDP_INACTIVE},
        {HEAD "m=audio 4 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n", SDP_SENDONLY, SDP_RECVONLY},
        {HEAD "m=audio 4 RTP/AVP 0\r\nc=IN IP6 ::\r\na=recvonly\r\n", SDP_INACTIVE, SDP_INACTIVE},
        {HEAD "a=sendonly\r\nm=audio 4 RTP/AVP 0\r\n", SDP_SENDONLY, SDP_RECVONLY},
        /* a browser whose candidates come later does not hold */
        {HEAD "m=audio 9 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\n", SDP_SENDRECV,
         SDP_SENDRECV},
        {HEAD "a=sendonly\r\nm=audio 4 RTP/AVP 0\r\na=sendrecv\r\n", SDP_SENDRECV, SDP_SENDRECV},
    };
    struct sdp_answer_wish wish = wish_of();
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        struct sdp_audio offer;
        struct sdp_audio answer;
        read_c(rows[i].text, &offer);
        assert_int_equal(offer.direction, rows[i].direction);
        assert_int_equal(sdp_answer_make(&offer, &wish, &answer), SR_OK);
        assert_int_equal(answer.direction, rows[i].answer);
    }
}

static void written_is_read_back(void **state)
{
    (void)state;
    struct sdp_audio ours;
    struct sdp_audio back;
    sdp_audio_init(&ours);
    ours.is_active = true;
    ours.rtp = addr_of("[2001:db8::5]:30000");
    ours.rtcp = addr_of("[2001:db8::5]:30009");
    ours.proto = SDP_PROTO_SAVP;
    ours.direction = SDP_RECVONLY;
    ours.ptime_ms = 20;
    ours.ptime_ms_max = 60;
    sdp_codecs_merge(NULL, allowed, ALLOWED, &ours);
    ours.key_count = 1;
    ours.keys[0].tag = 3;
    (void)sr_str_copy(SR_STR("AES_CM_128_HMAC_SHA1_80"), ours.keys[0].suite, 32);
    memset(ours.keys[0].key, 0xa7, 30);
    ours.keys[0].key_bytes = 30;
    (void)sr_str_copy(SR_STR("sha-256"), ours.fingerprint_hash, 16);
    ours.fingerprint_bytes = 32;
    ours.setup = SDP_SETUP_ACTPASS;
    (void)sr_str_copy(SR_STR("ufrg"), ours.ice_ufrag, sizeof(ours.ice_ufrag));
    (void)sr_str_copy(SR_STR("password-of-22-letters"), ours.ice_pwd, sizeof(ours.ice_pwd));
    (void)sr_str_copy(SR_STR("0"), ours.mid, sizeof(ours.mid));
    ours.is_bundle = true;
    ours.is_ice_lite = true;
    ours.has_ssrc = true;
    ours.ssrc = 0xfffffffe;
    (void)sr_str_copy(SR_STR("me"), ours.cname, sizeof(ours.cname));
    read_c(write_c(&ours), &back);
    assert_int_equal(sdp_audio_changes(&ours, &back), SDP_CHANGE_NONE);
    assert_true(back.is_bundle && back.is_ice_lite && back.has_ssrc);
    assert_int_equal(back.ssrc, ours.ssrc);
    assert_string_equal(back.mid, "0");
    assert_int_equal(back.codecs[0].pt, 96);
    assert_int_equal(sdp_event_pt(&back, 8000), 97);
    assert_int_equal(sdp_event_pt(&back, 48000), 101);
}

static void offer_to_b_begins_with_as_codecs(void **state)
{
    (void)state;
    struct sdp_audio a;
    struct sdp_audio b;
    read_c(HEAD "m=audio 4 RTP/AVP 8 107 18 101\r\na=rtpmap:107 opus/48000/2\r\n"
                "a=rtpmap:101 telephone-event/8000\r\n",
           &a);
    sdp_audio_init(&b);
    sdp_codecs_merge(&a, allowed, ALLOWED, &b);
    static const uint8_t pts[] = {8, 107, 9, 0};
    assert_int_equal(b.codec_count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(b.codecs[i].pt, pts[i]);
    assert_string_equal(b.codecs[1].fmtp, "useinbandfec=1");
    assert_int_equal(sdp_event_pt(&b, 8000), 101);
    assert_int_equal(sdp_event_pt(&b, 48000), 96);
}

static void nonsense_is_skipped_or_refused(void **state)
{
    (void)state;
    struct sdp_audio audio;
    read_c(HEAD
           "m=audio 4 RTP/AVP 4294967296 0 0 -1 200 99 x\r\na=rtpmap:4294967296 opus/48000/2\r\n"
           "a=ptime:0\r\na=maxptime:65535\r\na=crypto:x\r\na=fingerprint:sha-1 zz\r\n"
           "a=setup:what\r\na=rtcp:0\r\n",
           &audio);
    assert_int_equal(audio.codec_count, 1);
    assert_int_equal(audio.codecs[0].pt, 0);
    assert_int_equal(audio.ptime_ms, 0);
    assert_int_equal(audio.ptime_ms_max, 0);
    assert_int_equal(audio.rtcp.port, 5);
    assert_int_equal(audio.key_count, 0);
    static const struct {
        const char *connection;
        enum sr_err err;
    } rows[] = {
        {"c=IN IP4 224.0.0.1/127\r\n", SR_ERR_PROTO},
        {"c=IN IP4 255.255.255.255\r\n", SR_ERR_PROTO},
        {"c=IN IP4 0.1.2.3\r\n", SR_ERR_PROTO},
        {"c=IN IP6 ff02::1\r\n", SR_ERR_PROTO},
        {"c=IN IP4 host.example\r\n", SR_ERR_SYNTAX},
        {"c=IN IP4 192.0.2.77\r\n", SR_OK},
    };
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        char text[512];
        struct sr_buf buf;
        sr_buf_init_fixed(&buf, text, sizeof(text));
        sr_buf_c(&buf, HEAD "m=audio 4 RTP/AVP 0\r\n");
        sr_buf_c(&buf, rows[i].connection);
        assert_int_equal(read_text(sr_buf_view(&buf), &audio), rows[i].err);
    }
    assert_int_equal(
        read_text(SR_STR("v=0\r\no=- 1 1 IN IP4 h\r\nm=audio 4 RTP/AVP 0\r\n"), &audio),
        SR_ERR_SYNTAX);
}

static void answers_are_held_against_the_offer(void **state)
{
    (void)state;
    struct sdp_audio ours;
    struct sdp_audio answer;
    sdp_audio_init(&ours);
    ours.is_active = true;
    ours.rtp = addr_of("192.0.2.9:20000");
    ours.direction = SDP_SENDONLY;
    sdp_codecs_merge(NULL, allowed, ALLOWED, &ours);
    read_c(HEAD "m=audio 4 RTP/AVP 18 8 0\r\na=rtcp-mux\r\n", &answer);
    assert_int_equal(sdp_answer_accept(&ours, &answer), SR_OK);
    assert_int_equal(answer.codec_count, 2);
    assert_int_equal(answer.codecs[0].pt, 8);
    assert_int_equal(answer.direction, SDP_RECVONLY); /* sendrecv was not on offer */
    assert_false(answer.rtcp_mux);
    read_c(HEAD "m=audio 4 RTP/AVP 18\r\n", &answer);
    assert_int_equal(sdp_answer_accept(&ours, &answer), SR_ERR_NOTFOUND);
    read_c(HEAD "m=audio 4 RTP/AVP 0\r\nm=video 0 RTP/AVP 31\r\n", &answer);
    assert_int_equal(sdp_answer_accept(&ours, &answer), SR_ERR_PROTO);
    read_c(HEAD "m=audio 4 RTP/SAVP 0\r\n", &answer);
    assert_int_equal(sdp_answer_accept(&ours, &answer), SR_ERR_PROTO);
    read_c(HEAD "m=audio 0 RTP/AVP 0\r\n", &answer);
    assert_int_equal(sdp_answer_accept(&ours, &answer), SR_OK);
    assert_false(answer.is_active);
}

#define KEY "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"

static void secure_offers_need_a_key_we_can_use(void **state)
{
    (void)state;
    static const char *const suites[] = {"AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_80"};
    struct sdp_audio offer;
    struct sdp_audio answer;
    struct sdp_audio again;
    struct sdp_answer_wish wish = wish_of();
    wish.suites = suites;
    wish.suite_count = 2;
    read_c(HEAD "m=audio 4 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_32 " KEY "\r\n"
                "a=crypto:2 AES_CM_128_HMAC_SHA1_80 " KEY "\r\n",
           &offer);
    assert_int_equal(sdp_answer_make(&offer, &wish, &answer), SR_OK);
    assert_int_equal(answer.keys[0].tag, 2);
    assert_int_equal(answer.keys[0].key_bytes, 0); /* the caller draws it */
    memset(answer.keys[0].key, 5, 30);
    answer.keys[0].key_bytes = 30;
    wish.before = &answer;
    assert_int_equal(sdp_answer_make(&offer, &wish, &again), SR_OK);
    sdp_audio_version(&answer, &again);
    assert_string_equal(again.session_version, answer.session_version); /* no new key, no change */
    wish.suite_count = 1;
    assert_int_equal(sdp_answer_make(&offer, &wish, &answer), SR_ERR_PROTO);
    read_c(HEAD "m=audio 4 UDP/TLS/RTP/SAVPF 0\r\na=setup:actpass\r\n", &offer);
    assert_int_equal(sdp_answer_make(&offer, &wish, &answer), SR_ERR_PROTO); /* no fingerprint */
    read_c(HEAD
           "m=audio 4 UDP/TLS/RTP/SAVPF 0\r\na=setup:actpass\r\na=fingerprint:sha-256 AB:CD\r\n",
           &offer);
    wish.before = NULL;
    assert_int_equal(sdp_answer_make(&offer, &wish, &answer), SR_OK);
    assert_int_equal(answer.setup, SDP_SETUP_PASSIVE);
}

/* RFC 8122 5.1: who says its certificate in several hashes is known by the one that proves something. */
static void the_strong_one_of_several_fingerprints_counts(void **state)
{
    (void)state;
#define WEAK "a=fingerprint:sha-1 01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14\r\n"
#define STRONG                                                                                     \
    "a=fingerprint:sha-256 01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:"  \
    "18:19:1A:1B:1C:1D:1E:1F:20\r\n"
#define SECURE HEAD "m=audio 4 UDP/TLS/RTP/SAVPF 0\r\na=setup:actpass\r\n"
    static const struct {
        const char *sdp, *hash;
        uint8_t bytes;
    } rows[] = {
        {SECURE WEAK STRONG, "sha-256", 32},
        {SECURE STRONG WEAK, "sha-256", 32},
        {SECURE "a=fingerprint:sha-512 zz\r\n" STRONG, "sha-256", 32},
        {SECURE WEAK, "sha-1", 20},
        {SECURE, "", 0},
    };
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        struct sdp_audio audio;
        read_c(rows[i].sdp, &audio);
        assert_string_equal(audio.fingerprint_hash, rows[i].hash);
        assert_int_equal(audio.fingerprint_bytes, rows[i].bytes);
    }
}

/* Many phones offer keys in a profile without encryption: both sides may take them or leave them. */
static void keys_in_a_plain_profile_may_be_taken_or_left(void **state)
{
    (void)state;
    static const char *const suites[] = {"AES_CM_128_HMAC_SHA1_80"};
    struct sdp_audio offer;
    struct sdp_audio answer;
    struct sdp_answer_wish wish = wish_of();
    read_c(HEAD "m=audio 4 RTP/AVP 0\r\na=crypto:3 AES_CM_128_HMAC_SHA1_80 " KEY "\r\n", &offer);
    assert_int_equal(sdp_answer_make(&offer, &wish, &answer), SR_OK);
    assert_int_equal(answer.key_count, 0);
    wish.suites = suites;
    wish.suite_count = 1;
    assert_int_equal(sdp_answer_make(&offer, &wish, &answer), SR_OK);
    assert_int_equal(answer.proto, SDP_PROTO_AVP);
    assert_int_equal(answer.key_count, 1);
    assert_int_equal(answer.keys[0].tag, 3);

    read_c(HEAD "m=audio 4 RTP/AVP 0\r\n", &answer);
    assert_int_equal(sdp_answer_accept(&offer, &answer), SR_OK);
    read_c(HEAD "m=audio 4 RTP/SAVP 0\r\na=crypto:3 AES_CM_128_HMAC_SHA1_80 " KEY "\r\n", &answer);
    assert_int_equal(sdp_answer_accept(&offer, &answer), SR_OK);
    read_c(HEAD "m=audio 4 RTP/AVP 0\r\na=crypto:2 AES_CM_128_HMAC_SHA1_80 " KEY "\r\n", &answer);
    assert_int_equal(sdp_answer_accept(&offer, &answer), SR_ERR_PROTO); /* not a tag of ours */
    read_c(HEAD "m=audio 4 RTP/SAVP 0\r\n", &answer);
    assert_int_equal(sdp_answer_accept(&offer, &answer), SR_ERR_PROTO);
}

static void keys_with_demands_are_passed_over(void **state)
{
    (void)state;
    static const struct {
        const char *tail;
        bool has_mki, has_terms;
    } lines[] = {
        {"", false, false},
        {"|2^20", false, false},
        {"|2^31", false, false},
        {"|1048576", false, false},
        {"|2^19", false, true},
        {"|1048575", false, true},
        {"|2^65", false, true},
        {"|often", false, true},
        {"|2^31|1:4", true, false},
        {"|1:4", true, false},
        {" WSH=128", false, false},
        {" -x=1", false, false},
        {" UNENCRYPTED_SRTCP", false, true},
        {" KDR=3", false, true},
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        static const char *const suites[] = {"AES_CM_128_HMAC_SHA1_80"};
        struct sdp_audio offer;
        struct sdp_audio answer;
        struct sdp_answer_wish wish = wish_of();
        char text[512];
        bool is_fine = !lines[i].has_mki && !lines[i].has_terms;
        (void)snprintf(text, sizeof text,
                       HEAD "m=audio 4 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 " KEY
                            "%s\r\n",
                       lines[i].tail);
        read_c(text, &offer);
        assert_int_equal(offer.key_count, 1);
        assert_int_equal(offer.keys[0].has_mki, lines[i].has_mki);
        assert_int_equal(offer.keys[0].has_terms, lines[i].has_terms);
        wish.suites = suites;
        wish.suite_count = 1;
        assert_int_equal(sdp_answer_make(&offer, &wish, &answer), is_fine ? SR_OK : SR_ERR_PROTO);
    }
}

static void version_rises_only_with_a_change(void **state)
{
    (void)state;
    struct sdp_audio offer;
    struct sdp_audio first;
    struct sdp_audio second;
    struct sdp_answer_wish wish = wish_of();
    read_c(HEAD "m=audio 4 RTP/AVP 0\r\n", &offer);
    assert_int_equal(sdp_answer_make(&offer, &wish, &first), SR_OK);
    wish.before = &first;
    assert_int_equal(sdp_answer_make(&offer, &wish, &second), SR_OK);
    sdp_audio_version(&first, &second);
    assert_string_equal(second.session_version, "1");
    assert_string_equal(second.session_id, "42");
    offer.direction = SDP_SENDONLY;
    assert_int_equal(sdp_answer_make(&offer, &wish, &second), SR_OK);
    sdp_audio_version(&first, &second);
    assert_string_equal(second.session_version, "2");
    assert_int_equal(sdp_audio_changes(&first, &second), SDP_CHANGE_DIRECTION);
    second = first;
    second.rtp.port++;
    second.codec_count = 0;
    assert_int_equal(sdp_audio_changes(&first, &second), SDP_CHANGE_ADDRESS | SDP_CHANGE_CODECS);
}

int run_sdp_oa_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answer_takes_the_offerers_order_and_numbers),
        cmocka_unit_test(refused_lines_keep_number_and_order),
        cmocka_unit_test(directions_follow_rfc3264),
        cmocka_unit_test(hold_in_all_its_forms_is_seen),
        cmocka_unit_test(written_is_read_back),
        cmocka_unit_test(offer_to_b_begins_with_as_codecs),
        cmocka_unit_test(nonsense_is_skipped_or_refused),
        cmocka_unit_test(answers_are_held_against_the_offer),
        cmocka_unit_test(secure_offers_need_a_key_we_can_use),
        cmocka_unit_test(the_strong_one_of_several_fingerprints_counts),
        cmocka_unit_test(keys_in_a_plain_profile_may_be_taken_or_left),
        cmocka_unit_test(keys_with_demands_are_passed_over),
        cmocka_unit_test(version_rises_only_with_a_change),
    };
    return cmocka_run_group_tests_name("sdp_oa", tests, set_up, NULL);
}
