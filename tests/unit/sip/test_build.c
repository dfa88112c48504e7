#include "test.h"

static char bytes[4096];
static struct sr_buf buf;

static struct sip_build begun(void)
{
    struct sip_build build;
    sr_buf_init_fixed(&buf, bytes, sizeof bytes);
    sip_build_init(&build, &buf);
    return build;
}

static void a_request_from_scratch(void **state)
{
    (void)state;
    struct sip_build build = begun();
    sip_build_request(&build, SIP_METHOD_INVITE, SR_STR("sip:b@[2001:db8::1]"));
    sip_build_via(&build, &(struct sip_build_via){.transport = SIP_TRANSPORT_TLS,
                                                  .host = SR_STR("2001:db8::2"),
                                                  .port = 5061,
                                                  .branch = SR_STR("z9hG4bKq"),
                                                  .rport_wanted = true});
    sip_build_addr(&build, SIP_HDR_FROM,
                   &(struct sip_build_addr){.display = SR_STR("A \"B\"\r\nX: y"),
                                            .uri = SR_STR("sip:a@h"),
                                            .tag = SR_STR("t")});
    sip_build_cseq(&build, 7, SR_STR("INVITE"));
    sip_build_text(&build, SIP_HDR_SUBJECT, SR_STR("hi\r\nEvil: 1"));
    sip_build_fmt(&build, SIP_HDR_USER_AGENT, "x/%d", 1);
    sip_build_reason(&build, "SIP", 200, SR_STR("Call completed elsewhere"));
    assert_int_equal(sip_build_end(&build, SR_STR("text/plain"), SR_STR("hello")), SR_OK);
    assert_str(sr_buf_view(&buf), "INVITE sip:b@[2001:db8::1] SIP/2.0\r\n"
                                  "Via: SIP/2.0/TLS [2001:db8::2]:5061;branch=z9hG4bKq;rport\r\n"
                                  "From: \"A \\\"B\\\"X: y\" <sip:a@h>;tag=t\r\n"
                                  "CSeq: 7 INVITE\r\n"
                                  "Subject: hi Evil: 1\r\n"
                                  "User-Agent: x/1\r\n"
                                  "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n"
                                  "Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello");
}

/* Byte for byte, unless another parser could see a line more. */
static void what_is_not_named_is_copied(void **state)
{
    static const enum sip_hdr named[] = {SIP_HDR_VIA, SIP_HDR_CONTENT_LENGTH,
                                         SIP_HDR_AUTHORIZATION};
    static const char text[] =
        "MESSAGE sip:b@h SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bKq\r\nX-Odd :  a\tb \r\n"
        "Subject: one\r\n two\r\nX-Foul: a\rVia: SIP/2.0/UDP evil\r\nauthorization: Digest x\r\n"
        "X-Odd: again\r\nl: 0\r\n\r\n";
    struct sip_header slots[SIP_HEADERS_MAX];
    struct sip_build build = begun();
    struct sip_msg msg;

    (void)state;
    assert_int_equal(sip_msg_parse(sr_str_c(text), slots, SIP_HEADERS_MAX, &msg, NULL), SR_OK);
    sip_build_copy_others(&build, &msg, named, SR_ARRAY_LEN(named));
    assert_str(sr_buf_view(&buf), "X-Odd :  a\tb \r\nSubject: one  two\r\n"
                                  "X-Foul: a Via: SIP/2.0/UDP evil\r\nX-Odd: again\r\n");
}

/* What is passed on leaves room for headers of our own: all of them are seen when it is read again. */
static void what_is_copied_can_be_read_again(void **state)
{
    struct sip_header slots[SIP_HEADERS_MAX];
    struct sip_build build;
    char text[4096];
    struct sr_buf many;
    struct sip_msg msg;

    (void)state;
    sr_buf_init_fixed(&many, text, sizeof(text));
    sr_buf_c(&many, "MESSAGE sip:b@h SIP/2.0\r\n");
    for (unsigned i = 0; i < SIP_HEADERS_MAX; i++)
        sr_buf_c(&many, "X-1: 1\r\n");
    sr_buf_c(&many, "\r\n");
    assert_int_equal(sip_msg_parse(sr_buf_view(&many), slots, SIP_HEADERS_MAX, &msg, NULL), SR_OK);
    assert_int_equal(msg.header_count, SIP_HEADERS_MAX);
    build = begun();
    sip_build_request(&build, SIP_METHOD_MESSAGE, SR_STR("sip:b@h"));
    sip_build_copy_others(&build, &msg, NULL, 0);
    assert_int_equal(sip_build_end(&build, SR_STR("text/plain"), SR_STR("hello")), SR_OK);
    assert_int_equal(sip_msg_parse(sr_buf_view(&buf), slots, SIP_HEADERS_MAX, &msg, NULL), SR_OK);
    assert_int_equal(msg.header_count, SIP_BUILD_OTHERS_MAX + 2);
    assert_int_equal(msg.content_length, 5);
}

static void unfit_names_fail_the_builder(void **state)
{
    (void)state;
    struct sip_build build = begun();
    sip_build_request(&build, SIP_METHOD_OTHER, SR_STR("sip:b"));
    assert_int_equal(sip_build_end(&build, SR_STR(""), SR_STR("")), SR_ERR_SYNTAX);
    build = begun();
    sip_build_request(&build, SIP_METHOD_BYE, SR_STR("sip:b SIP/2.0\r\nX: y"));
    assert_int_equal(sip_build_end(&build, SR_STR(""), SR_STR("")), SR_ERR_SYNTAX);
    build = begun();
    sip_build_named(&build, SR_STR("A: b\r\nC"), SR_STR("d"));
    assert_int_equal(sip_build_end(&build, SR_STR(""), SR_STR("")), SR_ERR_SYNTAX);
    build = begun();
    sip_build_addr(&build, SIP_HDR_TO, &(struct sip_build_addr){.uri = SR_STR("sip:a>;x=<")});
    assert_int_equal(sip_build_end(&build, SR_STR(""), SR_STR("")), SR_ERR_SYNTAX);
    char small[20];
    sr_buf_init_fixed(&buf, small, sizeof small);
    sip_build_init(&build, &buf);
    sip_build_response(&build, 200, SR_STR(""));
    assert_int_equal(sip_build_end(&build, SR_STR(""), SR_STR("")), SR_ERR_LIMIT);
}

static void a_reply_copies_what_it_must(void **state)
{
    (void)state;
    struct sip_header slots[32];
    struct sip_msg msg;
    struct sr_addr source;
    struct sr_str text =
        SR_STR("INVITE sip:c@d SIP/2.0\r\nv: SIP/2.0/UDP h;rport;received=1.1.1.1;branch=z9hG4bK1, "
               "SIP/2.0/TCP i\r\nRecord-Route: <sip:p;lr>\r\nVia: SIP/2.0/UDP j\r\n"
               "f:  <sip:a@b>;tag=1\r\nTo : <sip:c@d>\r\nCall-ID: x\r\nTimestamp: 5\r\n"
               "CSeq: 1\r\n INVITE\r\n\r\n");
    assert_int_equal(sip_msg_parse(text, slots, 32, &msg, NULL), SR_OK);
    assert_int_equal(sr_addr_parse(SR_STR("192.0.2.9:7777"), 0, &source), SR_OK);
    struct sip_build build = begun();
    sip_build_reply(&build, &msg, 180,
                    &(struct sip_reply_options){
                        .to_tag = SR_STR("T"), .source = &source, .with_record_route = true});
    assert_int_equal(sip_build_end(&build, SR_STR(""), SR_STR("")), SR_OK);
    assert_str(sr_buf_view(&buf),
               "SIP/2.0 180 Ringing\r\n"
               "Via: SIP/2.0/UDP h;branch=z9hG4bK1;received=192.0.2.9;rport=7777, SIP/2.0/TCP i\r\n"
               "Via: SIP/2.0/UDP j\r\nRecord-Route: <sip:p;lr>\r\nf:  <sip:a@b>;tag=1\r\n"
               "To : <sip:c@d>;tag=T\r\nCall-ID: x\r\nCSeq: 1\r\n INVITE\r\n"
               "Content-Length: 0\r\n\r\n");
    build = begun();
    sip_build_reply(&build, &msg, 100, &(struct sip_reply_options){.to_tag = SR_STR("T")});
    assert_int_equal(sip_build_end(&build, SR_STR(""), SR_STR("")), SR_OK);
    assert_true(sr_str_search(sr_buf_view(&buf), SR_STR("tag=T")) == buf.len);
    assert_true(sr_str_search(sr_buf_view(&buf), SR_STR("Timestamp: 5\r\n")) < buf.len);
}

int run_build(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_from_scratch),
        cmocka_unit_test(unfit_names_fail_the_builder),
        cmocka_unit_test(a_reply_copies_what_it_must),
        cmocka_unit_test(what_is_not_named_is_copied),
        cmocka_unit_test(what_is_copied_can_be_read_again),
    };
    return cmocka_run_group_tests_name("build", tests, NULL, NULL);
}
