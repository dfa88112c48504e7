/* Session descriptions: what is read, refused, kept and written. */
#include "sip/sdp.h"

#include "machines.h"

static const char browser_sdp[] =
    "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
    "a=group:BUNDLE 0 1\r\na=msid-semantic: WMS stream\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 9 0 8 110 126\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 "
    "0.0.0.0\r\n"
    "a=candidate:1 1 udp 2122260223 192.168.1.2 54321 typ host generation 0\r\n"
    "a=candidate:2 1 tcp 1518280447 2001:db8::7 9 typ srflx raddr 10.0.0.1 rport 4000 tcptype "
    "active\r\n"
    "a=ice-ufrag:Zx9a\r\na=ice-pwd:asd88fgpdd777uzjYhagZg12\r\n"
    "a=fingerprint:sha-256 "
    "D1:2C:BE:AD:C4:F6:64:5C:25:16:11:9C:AF:E7:0F:73:79:36:4E:9C:1E:15:54:39:0C:06:8B:ED:96:86:00:"
    "39\r\n"
    "a=setup:actpass\r\na=mid:0\r\na=extmap:1/sendonly "
    "urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
    "a=sendrecv\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 "
    "minptime=10;useinbandfec=1\r\na=ssrc:3570614608 cname:4TOk42mSjXCkVIa6\r\nz=unknown line\r\n"
    "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n";

static char arena_bytes[SDP_ARENA_BYTES];

static enum sr_err parse(const char *text, size_t n, struct sdp *sdp)
{
    struct sr_arena arena;
    struct sdp_diag diag = {0};
    sr_arena_init_fixed(&arena, arena_bytes, sizeof(arena_bytes));
    enum sr_err err = sdp_parse(sr_str_make(text, n), &arena, sdp, &diag);
    assert_int_equal(err != SR_OK, diag.why != NULL);
    return err;
}

static void known_lines_are_decoded(void **state)
{
    (void)state;
    struct sdp sdp;
    struct sr_str value;
    assert_int_equal(parse(browser_sdp, sizeof(browser_sdp) - 1, &sdp), SR_OK);
    assert_int_equal(sdp.media_count, 2);
    assert_true(sr_str_eq_c(sdp.origin.session_id, "4611731400430051336"));
    const struct sdp_media *audio = &sdp.media[0];
    assert_int_equal(audio->port, 9);
    assert_int_equal(audio->format_count, 6);
    assert_true(sr_addr_is_any(&audio->connection.addr));
    struct sdp_fingerprint fingerprint;
    assert_true(sdp_attr_find(&sdp, audio, "fingerprint", &value));
    assert_int_equal(sdp_fingerprint_parse(value, &fingerprint), SR_OK);
    assert_int_equal(fingerprint.byte_count, 32);
    assert_int_equal(fingerprint.bytes[0], 0xd1);
    uint16_t cursor = 0;
    struct sdp_candidate candidate;
    assert_true(sdp_attr_next(&audio->section, "candidate", &cursor, &value));
    assert_int_equal(sdp_candidate_parse(value, &candidate), SR_OK);
    assert_int_equal(candidate.addr.port, 54321);
    assert_true(sdp_attr_next(&audio->section, "candidate", &cursor, &value));
    assert_int_equal(sdp_candidate_parse(value, &candidate), SR_OK);
    assert_true(candidate.is_tcp);
    assert_int_equal(candidate.type, SDP_CANDIDATE_SRFLX);
    assert_int_equal(candidate.related.port, 4000);
    char text[256];
    struct sr_buf buf;
    sr_buf_init_fixed(&buf, text, sizeof(text));
    sdp_candidate_write(&candidate, &buf);
    assert_true(sr_str_eq_c(sr_buf_view(&buf), "2 1 TCP 1518280447 2001:db8::7 9 typ srflx raddr "
                                               "10.0.0.1 rport 4000 tcptype active"));
    assert_false(sdp_attr_next(&audio->section, "candidate", &cursor, &value));
    struct sdp_extmap extmap;
    assert_true(sdp_attr_find(&sdp, audio, "extmap", &value));
    assert_int_equal(sdp_extmap_parse(value, &extmap), SR_OK);
    assert_int_equal(extmap.direction, SDP_SENDONLY);
    assert_true(sdp_attr_find(&sdp, audio, "rtcp-mux", &value));
    assert_false(sdp_attr_find(&sdp, audio, "rtc", &value)); /* not a prefix of rtcp */
    assert_true(sdp_group_has(&sdp, "BUNDLE", SR_STR("1")));
    assert_false(sdp_group_has(&sdp, "BUNDLE", SR_STR("2")));
}

static void written_is_what_was_read(void **state)
{
    (void)state;
    struct sdp sdp;
    char text[4096];
    struct sr_buf buf;
    assert_int_equal(parse(browser_sdp, sizeof(browser_sdp) - 1, &sdp), SR_OK);
    sr_buf_init_fixed(&buf, text, sizeof(text));
    assert_int_equal(sdp_write(&sdp, &buf), SR_OK);
    assert_true(sr_str_eq_c(sr_buf_view(&buf), browser_sdp));
}

static void every_prefix_is_read_or_refused(void **state)
{
    (void)state;
    int good = 0;
    for (size_t n = 0; n < sizeof(browser_sdp) - 1; n++) {
        char *copy = test_malloc(n + 1);
        struct sdp sdp;
        memcpy(copy, browser_sdp, n);
        good += parse(copy, n, &sdp) == SR_OK;
        test_free(copy);
    }
    assert_true(good > 20);
}

#define HEAD "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"

static void bad_texts_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n;
        enum sr_err err;
    } rows[] = {
#define ROW(text, err) {text, sizeof(text) - 1, err}
        ROW("", SR_ERR_SYNTAX),
        ROW("v=1\r\n", SR_ERR_SYNTAX),
        ROW("v=0\r\ns=-\r\n", SR_ERR_SYNTAX),
        ROW("v=0\r\no=- 1 1 IN IP4\r\n", SR_ERR_SYNTAX),
        ROW(HEAD "m=audio 65536 RTP/AVP 0\r\n", SR_ERR_SYNTAX),
        ROW(HEAD "m=audio -1 RTP/AVP 0\r\n", SR_ERR_SYNTAX),
        ROW(HEAD "m=audio 5000/0 RTP/AVP 0\r\n", SR_ERR_SYNTAX),
        ROW(HEAD "m=audio 5000 RTP/AVP\r\n", SR_ERR_SYNTAX),
        ROW(HEAD "a=x\0y\r\n", SR_ERR_SYNTAX),
        ROW(HEAD "a=x\ry\r\n", SR_ERR_SYNTAX),
        ROW(HEAD "nonsense\r\n", SR_ERR_SYNTAX),
        ROW(HEAD "m=audio 1 RTP/AVP \x0f\r\n", SR_ERR_SYNTAX),
        ROW(HEAD "\r\nm=audio 1 RTP/AVP 0\r\n", SR_ERR_SYNTAX),
        ROW(HEAD "m=audio 1 RTP/AVP 0\r\nc=IN IP6 [::1]\r\n", SR_ERR_SYNTAX),
        ROW(HEAD "m=audio 1 RTP/AVP 0\r\nc=ATM x y\r\n", SR_ERR_SYNTAX),
        ROW(HEAD "m=audio 0 RTP/AVP 4294967296\r\n\r\n", SR_OK),
        ROW("v=0\no=- 1 1 IN IP4 h\nm=audio 1 RTP/AVP 0", SR_OK),
#undef ROW
    };
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        struct sdp sdp;
        assert_int_equal(parse(rows[i].text, rows[i].n, &sdp), rows[i].err);
    }
}

static enum sr_err parse_repeated(const char *line, int times)
{
    static char text[SDP_TEXT_MAX + 4096];
    struct sr_buf buf;
    struct sdp sdp;
    sr_buf_init_fixed(&buf, text, sizeof(text));
    sr_buf_c(&buf, HEAD);
    for (int i = 0; i < times; i++)
        sr_buf_c(&buf, line);
    assert_int_equal(sr_buf_err(&buf), SR_OK);
    return parse(text, buf.len, &sdp);
}

static void maxima_hold(void **state)
{
    (void)state;
    assert_int_equal(parse_repeated("m=audio 1 RTP/AVP 0\r\n", 16), SR_OK);
    assert_int_equal(parse_repeated("m=audio 1 RTP/AVP 0\r\n", 17), SR_ERR_LIMIT);
    assert_int_equal(parse_repeated("m=audio 1 RTP/AVP 0\r\n", 200), SR_ERR_LIMIT);
    assert_int_equal(parse_repeated("a=x\r\n", 512), SR_OK);
    assert_int_equal(parse_repeated("a=x\r\n", 513), SR_ERR_LIMIT);
    assert_int_equal(parse_repeated("b=AS:1\r\n", 5000), SR_ERR_LIMIT);
    char m[1024];
    struct sr_buf buf;
    for (int formats = 64; formats <= 65; formats++) {
        sr_buf_init_fixed(&buf, m, sizeof(m));
        sr_buf_c(&buf, "m=audio 1 RTP/AVP");
        for (int i = 0; i < formats; i++)
            sr_buf_fmt(&buf, " %d", i);
        sr_buf_c(&buf, "\r\n");
        assert_int_equal(parse_repeated(sr_buf_cstr(&buf), 16),
                         formats == 64 ? SR_OK : SR_ERR_LIMIT);
    }
    static char line[SDP_LINE_MAX + 8];
    memset(line, 'x', sizeof(line));
    memcpy(line, "a=", 2);
    memcpy(line + SDP_LINE_MAX, "\r\n", 3);
    assert_int_equal(parse_repeated(line, 1), SR_OK);
    memcpy(line + SDP_LINE_MAX, "x\r\n", 4);
    assert_int_equal(parse_repeated(line, 1), SR_ERR_LIMIT);
    assert_int_equal(parse_repeated(HEAD, 900), SR_ERR_LIMIT);
}

static void attributes_are_strict(void **state)
{
    (void)state;
    struct sdp_rtpmap rtpmap;
    uint8_t pt;
    uint16_t ptime;
    struct sr_addr addr;
    assert_int_equal(sdp_rtpmap_parse(SR_STR("111 opus/48000/2"), &rtpmap), SR_OK);
    assert_int_equal(rtpmap.channels, 2);
    assert_int_equal(sdp_rtpmap_parse(SR_STR("4294967296 opus/48000/2"), &rtpmap), SR_ERR_SYNTAX);
    assert_int_equal(sdp_rtpmap_parse(SR_STR("128 opus/48000"), &rtpmap), SR_ERR_SYNTAX);
    assert_int_equal(sdp_rtpmap_parse(SR_STR("96 opus"), &rtpmap), SR_ERR_SYNTAX);
    assert_int_equal(sdp_rtpmap_parse(SR_STR("96 opus/0"), &rtpmap), SR_ERR_SYNTAX);
    assert_int_equal(sdp_pt_parse(SR_STR("4294967296"), &pt), SR_ERR_SYNTAX);
    assert_int_equal(sdp_pt_parse(SR_STR("-1"), &pt), SR_ERR_SYNTAX);
    assert_int_equal(sdp_ptime_parse(SR_STR("20.5 "), &ptime), SR_OK);
    assert_int_equal(ptime, 20);
    assert_int_equal(sdp_ptime_parse(SR_STR("0"), &ptime), SR_ERR_LIMIT);
    assert_int_equal(sdp_ptime_parse(SR_STR("65535"), &ptime), SR_ERR_LIMIT);
    assert_int_equal(sdp_ptime_parse(SR_STR("x"), &ptime), SR_ERR_SYNTAX);
    assert_int_equal(sdp_rtcp_parse(SR_STR("53020 IN IP6 2001:db8::1"), &addr), SR_OK);
    assert_int_equal(addr.port, 53020);
    assert_int_equal(sdp_rtcp_parse(SR_STR("0"), &addr), SR_ERR_SYNTAX);
    struct sr_str value;
    assert_true(sdp_fmtp_param(SR_STR("a=1; UseInbandFEC=1;b"), "useinbandfec", &value));
    assert_true(sr_str_eq_c(value, "1"));
    assert_true(sdp_fmtp_param(SR_STR("a=1;b"), "b", &value));
    assert_int_equal(value.n, 0);
    assert_false(sdp_fmtp_param(SR_STR("a=1;b"), "c", &value));
}

static void crypto_keys_survive_a_round_trip(void **state)
{
    (void)state;
    struct sdp_crypto crypto;
    assert_int_equal(
        sdp_crypto_parse(SR_STR("1 AES_CM_128_HMAC_SHA1_80 "
                                "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4 KDR=1"),
                         &crypto),
        SR_OK);
    assert_int_equal(crypto.key_bytes, 30);
    assert_true(sr_str_eq_c(crypto.mki, "1:4"));
    assert_true(sr_str_eq_c(crypto.lifetime, "2^20"));
    char text[256];
    struct sr_buf buf;
    sr_buf_init_fixed(&buf, text, sizeof(text));
    sdp_put_crypto(&buf, 1, crypto.suite, crypto.key, crypto.key_bytes);
    assert_true(sr_str_eq_c(sr_buf_view(&buf),
                            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 "
                            "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"));
    assert_int_equal(sdp_crypto_parse(SR_STR("1 X inline:"), &crypto), SR_ERR_SYNTAX);
    assert_int_equal(sdp_crypto_parse(SR_STR("1 X inline:A"), &crypto), SR_ERR_SYNTAX);
    assert_int_equal(sdp_crypto_parse(SR_STR("1 X inline:A!=="), &crypto), SR_ERR_SYNTAX);
    assert_int_equal(sdp_crypto_parse(SR_STR("x X inline:AAAA"), &crypto), SR_ERR_SYNTAX);
}

static void values_cannot_add_lines(void **state)
{
    (void)state;
    char text[256];
    struct sr_buf buf;
    sr_buf_init_fixed(&buf, text, sizeof(text));
    sdp_put(&buf, 's', SR_STR("a\r\nm=x\0\x7f\tb"));
    sdp_put_attr(&buf, "x\n", SR_STR("\n1"));
    assert_true(sr_str_eq_c(sr_buf_view(&buf), "s=am=x\tb\r\na=x:1\r\n"));
}

static void rewriting_touches_addresses_only(void **state)
{
    (void)state;
    static const char in[] =
        "v=0\r\no=bob 7 8 IN IP4 10.1.1.1\r\ns= a call\r\nc=IN IP4 10.1.1.1\r\nt=0 0\r\n"
        "a=ice-lite\r\na=group:BUNDLE 0 1\r\na=source-filter: incl IN IP4 * 10.1.1.1\r\na=group:LS "
        "0 1\r\n"
        "m=audio 4000/2 RTP/AVP  0 8 96\r\ni=x\r\na=rtcp:4009 IN IP4 10.1.1.1\r\n"
        "a=candidate:1 1 UDP 1 10.1.1.1 4000 typ host\r\na=x-odd: kept as it is\r\n"
        "m=video 0 RTP/AVP 31\r\na=bundle-only\r\nm=image 6000 udptl t38\r\nc=IN IP4 0.0.0.0\r\n"
        "a=T38FaxVersion:0\r\nm=audio 7000 RTP/AVP 0\r\nb=AS:1\r\n";
    static const char out[] =
        "v=0\r\no=bob 7 8 IN IP4 192.0.2.9\r\ns= a call\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
        "a=group:LS 0 1\r\n"
        "m=audio 20000/2 RTP/AVP  0 8 96\r\ni=x\r\na=rtcp:20001 IN IP4 192.0.2.9\r\n"
        "a=x-odd: kept as it is\r\n"
        "m=video 0 RTP/AVP 31\r\nm=image 20002 udptl t38\r\nc=IN IP4 0.0.0.0\r\n"
        "a=T38FaxVersion:0\r\nm=audio 20004 RTP/AVP 0\r\nc=IN IP6 2001:db8::9\r\nb=AS:1\r\n";
    struct sdp sdp;
    char text[2048];
    struct sr_buf buf;
    struct sdp_rewrite_media media[4] = {0};
    struct sdp_rewrite rewrite = {.media = media, .media_count = 4};
    assert_int_equal(parse(in, sizeof(in) - 1, &sdp), SR_OK);
    assert_int_equal(sr_addr_parse_ip(SR_STR("192.0.2.9"), &rewrite.session), SR_OK);
    for (uint16_t i = 0; i < 3; i++) {
        media[i].rtp = rewrite.session;
        media[i].rtp.port = (uint16_t)(20000 + i);
    }
    assert_int_equal(sr_addr_parse_ip(SR_STR("2001:db8::9"), &media[3].rtp), SR_OK);
    media[3].rtp.port = 20004;
    sr_buf_init_fixed(&buf, text, sizeof(text));
    assert_int_equal(sdp_rewrite(&sdp, &rewrite, &buf), SR_OK);
    assert_true(sr_str_eq_c(sr_buf_view(&buf), out));
    rewrite.media_count = 3;
    assert_int_equal(sdp_rewrite(&sdp, &rewrite, &buf), SR_ERR_STATE);
}

int run_sdp_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_lines_are_decoded),
        cmocka_unit_test(written_is_what_was_read),
        cmocka_unit_test(every_prefix_is_read_or_refused),
        cmocka_unit_test(bad_texts_are_refused),
        cmocka_unit_test(maxima_hold),
        cmocka_unit_test(attributes_are_strict),
        cmocka_unit_test(crypto_keys_survive_a_round_trip),
        cmocka_unit_test(values_cannot_add_lines),
        cmocka_unit_test(rewriting_touches_addresses_only),
    };
    return cmocka_run_group_tests_name("sdp", tests, NULL, NULL);
}
