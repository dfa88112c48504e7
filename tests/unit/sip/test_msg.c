#include "test.h"

#define HEAD                                                                                       \
    "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n"             \
    "Call-ID: x@y\r\nMax-Forwards: 70\r\n"

static struct sip_header slots[SIP_HEADERS_MAX];

static struct sip_msg *parsed(struct sr_str text)
{
    static struct sip_msg msg;
    struct sip_diag diag = {0, ""};
    if (sip_msg_parse(text, slots, SIP_HEADERS_MAX, &msg, &diag) != SR_OK)
        fail_msg("%s: %.*s", diag.why, SR_STR_ARG(text));
    return &msg;
}

static void lists_run_over_lines(void **state)
{
    (void)state;
    struct sip_msg *msg =
        parsed(SR_STR("\r\nINVITE sip:c@d SIP/2.0\r\nVia: SIP/2.0/UDP a;x=\"1,2\",\r\n"
                      " SIP/2.0/TCP b\r\nX-A: 1\r\nv:SIP/2.0/TLS c\r\nx-a : 2\r\n"
                      "k: timer,100rel;x\r\nSupported: path\r\n\r\nbody"));
    struct sip_values values = sip_msg_values(msg, SIP_HDR_VIA);
    struct sr_str value;
    assert_true(sip_values_next(&values, &value));
    assert_str(value, "SIP/2.0/UDP a;x=\"1,2\"");
    assert_true(sip_values_next(&values, &value));
    assert_str(value, "SIP/2.0/TCP b");
    assert_true(sip_values_next(&values, &value));
    assert_str(value, "SIP/2.0/TLS c");
    assert_false(sip_values_next(&values, &value));
    assert_true(sip_msg_has_token(msg, SIP_HDR_SUPPORTED, "100REL"));
    assert_true(sip_msg_has_token(msg, SIP_HDR_SUPPORTED, "path"));
    assert_false(sip_msg_has_token(msg, SIP_HDR_SUPPORTED, "gruu"));
    assert_int_equal(sip_msg_count(msg, SIP_HDR_OTHER), 2);
    const struct sip_header *header = sip_msg_find_name(msg, SR_STR("X-a"));
    assert_non_null(header);
    assert_str(sip_header_value(msg, header), "1");
    assert_str(msg->body, "body");
    assert_str(sip_msg_via(msg)->host, "a");
    assert_true(sip_msg_via(msg) == sip_msg_via(msg));
}

static void non_list_lines_come_one_by_one(void **state)
{
    (void)state;
    struct sip_msg *msg =
        parsed(SR_STR("REGISTER sip:d SIP/2.0\r\nAuthorization: Digest a=b, c=d\r\n"
                      "Authorization:\r\nAuthorization: Basic x\r\n\r\n"));
    struct sip_values values = sip_msg_values(msg, SIP_HDR_AUTHORIZATION);
    struct sr_str value;
    assert_true(sip_values_next(&values, &value));
    assert_str(value, "Digest a=b, c=d");
    assert_true(sip_values_next(&values, &value));
    assert_int_equal(value.n, 0);
    assert_true(sip_values_next(&values, &value));
    assert_str(value, "Basic x");
    assert_false(sip_values_next(&values, &value));
}

static void limits_hold(void **state)
{
    (void)state;
    static char big[SIP_MSG_BYTES_MAX + 1];
    struct sip_msg msg;
    struct sip_verdict verdict;
    memset(big, 'a', sizeof big);
    assert_int_equal(sip_msg_parse(sr_str_make(big, sizeof big), slots, 256, &msg, NULL),
                     SR_ERR_LIMIT);
    assert_int_equal(sip_msg_parse(sr_str_make(big, 100), slots, 256, &msg, NULL), SR_ERR_SYNTAX);
    assert_int_equal(sip_msg_parse(SR_STR("\r\n\r\n"), slots, 256, &msg, NULL), SR_ERR_AGAIN);
    struct sr_str text = SR_STR("OPTIONS sip:c@d SIP/2.0\r\n" HEAD "CSeq: 1 OPTIONS\r\n\r\n");
    assert_int_equal(sip_msg_parse(text, slots, 5, &msg, NULL), SR_OK);
    sip_msg_check(&msg, false, &verdict);
    assert_int_equal(verdict.status, 400);
    assert_string_equal(verdict.why, "too many headers");
    assert_int_equal(sip_msg_parse(text, slots, 6, &msg, NULL), SR_OK);
    sip_msg_check(&msg, false, &verdict);
    assert_int_equal(verdict.what, SIP_CHECK_OK);
}

/* The message is kept when its bytes are gone. */
static void kept_messages_own_their_bytes(void **state)
{
    (void)state;
    static char memory[16384];
    char text[] = "OPTIONS sip:c@d SIP/2.0\r\n" HEAD "CSeq: 1 OPTIONS\r\n\r\n";
    struct sr_arena arena;
    enum sr_err err;
    sr_arena_init_fixed(&arena, memory, sizeof memory);
    struct sip_msg *msg = sip_msg_keep(&arena, sr_str_make(text, sizeof text - 1), &err);
    assert_non_null(msg);
    memset(text, 0, sizeof text);
    assert_str(sip_msg_from(msg)->tag, "1");
    sr_arena_init_fixed(&arena, memory, 900);
    assert_null(sip_msg_keep(&arena, msg->text, &err));
    assert_int_equal(err, SR_ERR_LIMIT);
}

struct row {
    struct sr_str text;
    bool is_stream;
    enum sip_check what;
    uint16_t status;
    bool must_close;
};

#define LITERAL(text)                                                                              \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }
#define REQ(method, rest) LITERAL(method " sip:c@d SIP/2.0\r\n" HEAD "CSeq: 1 " method "\r\n" rest)

static void check_judges(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {REQ("OPTIONS", "\r\n"), false, SIP_CHECK_OK, 0, false},
        {REQ("OPTIONS", "\r\n"), true, SIP_CHECK_ANSWER, 400, true},
        {REQ("OPTIONS", "l: 4\r\n\r\nabc"), false, SIP_CHECK_ANSWER, 400, false},
        {REQ("OPTIONS", "l: 3\r\n\r\nabcd"), false, SIP_CHECK_OK, 0, false},
        {REQ("OPTIONS", "l: 3\r\nl: 3\r\n\r\nabc"), true, SIP_CHECK_ANSWER, 400, true},
        {REQ("OPTIONS", "l: -3\r\n\r\nabc"), true, SIP_CHECK_ANSWER, 400, true},
        {REQ("OPTIONS", "To: <sip:c@d>\r\n\r\n"), false, SIP_CHECK_ANSWER, 400, false},
        {REQ("OPTIONS", "CSeq: 1 OPTIONS\r\n\r\n"), false, SIP_CHECK_ANSWER, 400, false},
        {REQ("OPTIONS", "Contact: *\r\n\r\n"), false, SIP_CHECK_ANSWER, 400, false},
        {REQ("REGISTER", "Contact: *\r\n\r\n"), false, SIP_CHECK_OK, 0, false},
        {REQ("REGISTER", "m: *, <sip:a@b>\r\n\r\n"), false, SIP_CHECK_ANSWER, 400, false},
        {REQ("REGISTER", "m: sip:a@b?Route=c\r\n\r\n"), false, SIP_CHECK_ANSWER, 400, false},
        {REQ("ACK", "l: 4\r\n\r\nabc"), false, SIP_CHECK_DROP, 400, false},
        {REQ("OPTIONS", "junk\r\n\r\n"), false, SIP_CHECK_ANSWER, 400, false},
        {REQ("OPTIONS", ": junk\r\n\r\n"), false, SIP_CHECK_ANSWER, 400, false},
        {REQ("OPTIONS", "A: b\rc\r\n\r\n"), false, SIP_CHECK_ANSWER, 400, false},
        {REQ("OPTIONS", "A: b\0c\r\n\r\n"), false, SIP_CHECK_ANSWER, 400, false},
        {REQ("OPTIONS", "A: b\r\n"), false, SIP_CHECK_ANSWER, 400, false},
        {LITERAL("OPTIONS sip:c@d SIP/2.0\r\n\r\n"), false, SIP_CHECK_DROP, 400, false},
        {LITERAL("OPTIONS sip:c@d SIP/2.0\r\n" HEAD "CSeq: 1 INVITE\r\n\r\n"), false,
         SIP_CHECK_ANSWER, 400, false},
        {LITERAL("OPTIONS sip:c@d SIP/2.1\r\n" HEAD "CSeq: 1 OPTIONS\r\n\r\n"), false,
         SIP_CHECK_ANSWER, 505, false},
        {LITERAL("OPTIONS sip:c@d?a=b SIP/2.0\r\n" HEAD "CSeq: 1 OPTIONS\r\n\r\n"), false,
         SIP_CHECK_ANSWER, 400, false},
        {LITERAL("OPTIONS sip:c@d SIP/2.0\r\n" HEAD "CSeq: 4294967296 OPTIONS\r\n\r\n"), false,
         SIP_CHECK_ANSWER, 400, false},
        {LITERAL("SIP/2.0 200 OK\r\n" HEAD "CSeq: 1 OPTIONS\r\n\r\n"), false, SIP_CHECK_OK, 0,
         false},
        {LITERAL("SIP/2.0 700 OK\r\n" HEAD "CSeq: 1 OPTIONS\r\n\r\n"), false, SIP_CHECK_DROP, 400,
         false},
        {LITERAL("SIP/2.0 099 OK\r\n" HEAD "CSeq: 1 OPTIONS\r\n\r\n"), false, SIP_CHECK_DROP, 400,
         false},
    };
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        struct sip_verdict verdict;
        sip_msg_check(parsed(rows[i].text), rows[i].is_stream, &verdict);
        if (verdict.what != rows[i].what || verdict.status != rows[i].status ||
            verdict.must_close != rows[i].must_close)
            fail_msg("row %zu: %d %u %s", i, (int)verdict.what, verdict.status,
                     verdict.why ? verdict.why : "");
    }
}

static void policy_helpers(void **state)
{
    (void)state;
    static const char *const ours[] = {"100rel", "timer", NULL};
    char bytes[64];
    struct sr_buf buf;
    struct sip_msg *msg = parsed(SR_STR("INVITE nobody:x SIP/2.0\r\nRequire: timer, foo,bar\r\n"
                                        "Accept: text/*\r\nc: Text / plain\r\n\r\nx"));
    sr_buf_init_fixed(&buf, bytes, sizeof bytes);
    assert_int_equal(sip_msg_unsupported(msg, SIP_HDR_REQUIRE, ours, &buf), 2);
    assert_str(sr_buf_view(&buf), "foo, bar");
    assert_false(sip_msg_scheme_is_known(msg));
    assert_true(sip_msg_accepts(msg, "text/plain", false));
    assert_false(sip_msg_accepts(msg, "application/sdp", true));
    assert_true(sip_msg_body_is(msg, "text/plain"));
}

/* The part of a body with that Content-Type. */
static struct sr_str part_of(const char *type, const char *body, bool *ret_demands)
{
    static char bytes[2048];
    struct sr_buf buf;

    sr_buf_init_fixed(&buf, bytes, sizeof bytes);
    sr_buf_fmt(&buf, "INVITE sip:a@b SIP/2.0\r\nContent-Type: %s\r\n\r\n%s", type, body);
    return sip_msg_part(parsed(sr_buf_view(&buf)), "application/sdp", ret_demands);
}

#define SDP_PART "--b1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\no=x\r\n"

static void parts_of_a_body(void **state)
{
    (void)state;
    bool demands;
    assert_str(part_of("application/sdp", "v=0", &demands), "v=0");
    assert_str(part_of("multipart/mixed;boundary=b1",
                       "preamble\r\n" SDP_PART "\r\n--b1\r\nContent-Type: application/isup\r\n\r\n"
                       "1\r\n--b1--\r\nv=1",
                       &demands),
               "v=0\r\no=x\r\n");
    assert_false(demands);
    assert_str(part_of("Multipart/Mixed; boundary=\"b1\"",
                       "--b1\nc: application/isup\nContent-Disposition: "
                       "signal; handling=REQUIRED\n\n1\n--b1\nc: Application/SDP\n\nv=0\n--b1--",
                       &demands),
               "v=0");
    assert_true(demands);
    assert_str(part_of("multipart/mixed;boundary=b1", SDP_PART, NULL),
               "v=0\r\no=x\r\n"); /* cut off */
    static const char *const none[][2] = {
        {"multipart/mixed", SDP_PART},
        {"multipart/mixed;boundary=b2", SDP_PART},
        {"multipart/mixed;boundary=\"\"", SDP_PART},
        {"text/plain;boundary=b1", SDP_PART},
        {"multipart/mixed;boundary=b1", "--b1--\r\n" SDP_PART},
        {"multipart/mixed;boundary=b1", "x--b1\r\nContent-Type: application/sdp\r\n\r\nv=0"},
        {"multipart/mixed;boundary=b1", "--b1\r\nContent-Type application/sdp\r\n\r\nv=0"},
        {"multipart/mixed;boundary=b1", "--b1"},
        {"multipart/mixed;boundary=b1", ""},
    };
    for (size_t i = 0; i < SR_ARRAY_LEN(none); i++)
        if (part_of(none[i][0], none[i][1], &demands).p != NULL || demands)
            fail_msg("row %zu", i);
}

int run_msg(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_run_over_lines), cmocka_unit_test(non_list_lines_come_one_by_one),
        cmocka_unit_test(limits_hold),          cmocka_unit_test(kept_messages_own_their_bytes),
        cmocka_unit_test(check_judges),         cmocka_unit_test(policy_helpers),
        cmocka_unit_test(parts_of_a_body),
    };
    return cmocka_run_group_tests_name("msg", tests, NULL, NULL);
}
