#include "test.h"

#define MSG "OPTIONS sip:a SIP/2.0\r\nVia: x\r\nl : 3\r\n\r\nabc"

static struct sip_frame next(struct sip_framer *framer, struct sr_str bytes)
{
    struct sip_frame frame;
    sip_frame_next(framer, bytes, &frame);
    return frame;
}

static void messages_are_cut_at_any_split(void **state)
{
    (void)state;
    struct sip_framer framer;
    struct sr_str two = SR_STR(MSG MSG);
    size_t n = sizeof(MSG) - 1;
    sip_framer_init(&framer);
    for (size_t have = 1; have < n; have++)
        assert_int_equal(next(&framer, sr_str_head(two, have)).kind, SIP_FRAME_MORE);
    assert_int_equal(sip_framer_need(&framer), n);
    struct sip_frame frame = next(&framer, two);
    assert_int_equal(frame.kind, SIP_FRAME_MESSAGE);
    assert_int_equal(frame.bytes, n);
    frame = next(&framer, sr_str_from(two, n));
    assert_int_equal(frame.kind, SIP_FRAME_MESSAGE);
}

static void keepalives(void **state)
{
    (void)state;
    struct sip_framer framer;
    sip_framer_init(&framer);
    assert_int_equal(next(&framer, SR_STR("\r\n\r\n")).kind, SIP_FRAME_PING);
    assert_int_equal(next(&framer, SR_STR("\r")).kind, SIP_FRAME_MORE);
    assert_int_equal(next(&framer, SR_STR("\r\n")).kind, SIP_FRAME_PONG);
    assert_int_equal(next(&framer, SR_STR("\r")).kind, SIP_FRAME_MORE);
    assert_int_equal(next(&framer, SR_STR("\r\n")).kind, SIP_FRAME_PING);
    assert_int_equal(next(&framer, SR_STR("\r\n" MSG)).bytes, 2);
    assert_int_equal(next(&framer, SR_STR(MSG)).kind, SIP_FRAME_MESSAGE);
    assert_int_equal(next(&framer, SR_STR("\rX")).kind, SIP_FRAME_ERROR);
}

static void faults_end_the_stream(void **state)
{
    (void)state;
    static char big[40000];
    static const struct {
        struct sr_str text;
        bool has_head;
    } rows[] = {
        {{"OPTIONS sip:a SIP/2.0\r\n\r\n", 25}, true},
        {{"OPTIONS sip:a SIP/2.0\r\nl: 1\r\nl: 1\r\n\r\nx", 40}, true},
        {{"OPTIONS sip:a SIP/2.0\r\nl: -1\r\n\r\nx", 34}, true},
        {{"OPTIONS sip:a SIP/2.0\r\nl: 99999\r\n\r\nx", 37}, true},
        {{"OPTIONS sip:a SIP/2.0\r\nl: 4294967299\r\n\r\nabc", 44}, true},
        {{"GET / HTTP/1.1\r\n", 16}, false},
        {{"\x16\x03\x01\x02", 4}, false},
    };
    struct sip_framer framer;
    struct sip_frame frame;
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        sip_framer_init(&framer);
        frame = next(&framer, rows[i].text);
        if (frame.kind != SIP_FRAME_ERROR || (frame.bytes > 0) != rows[i].has_head)
            fail_msg("row %zu: %d %zu", i, (int)frame.kind, frame.bytes);
    }
    memset(big, 'a', sizeof big);
    sip_framer_init(&framer);
    assert_int_equal(next(&framer, sr_str_make(big, 9000)).kind, SIP_FRAME_ERROR);
    memcpy(big, "OPTIONS sip:a SIP/2.0\r\nA: ", 26);
    sip_framer_init(&framer);
    assert_int_equal(next(&framer, sr_str_make(big, 20000)).kind, SIP_FRAME_MORE);
    assert_int_equal(next(&framer, sr_str_make(big, 40000)).kind, SIP_FRAME_ERROR);
}

/* Content-Length is there, behind more headers than are read. */
static void too_many_headers_are_called_so(void **state)
{
    static char array[8000];
    struct sip_header slots[SIP_HEADERS_MAX];
    struct sip_verdict verdict;
    struct sip_framer framer;
    struct sip_frame frame;
    struct sip_msg msg;
    struct sr_buf buf;
    (void)state;
    sr_buf_init_fixed(&buf, array, sizeof(array));
    sr_buf_c(&buf, "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bKx\r\n");
    for (unsigned i = 0; i < SIP_HEADERS_MAX; i++)
        sr_buf_fmt(&buf, "X-%u: %u\r\n", i, i);
    sr_buf_c(&buf, "Content-Length: 0\r\n\r\n");
    sip_framer_init(&framer);
    frame = next(&framer, sr_buf_view(&buf));
    assert_int_equal(frame.kind, SIP_FRAME_ERROR);
    assert_string_equal(frame.why, "too many headers");
    assert_int_equal(sip_msg_parse(sr_buf_view(&buf), slots, SIP_HEADERS_MAX, &msg, NULL), SR_OK);
    sip_msg_check(&msg, true, &verdict);
    assert_int_equal(verdict.what, SIP_CHECK_ANSWER);
    assert_true(verdict.must_close);
    assert_string_equal(verdict.why, "too many headers");
}

int run_frame(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_cut_at_any_split),
        cmocka_unit_test(keepalives),
        cmocka_unit_test(faults_end_the_stream),
        cmocka_unit_test(too_many_headers_are_called_so),
    };
    return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
