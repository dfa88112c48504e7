#include "test.h"

static void via_with_blanks(void **state)
{
    (void)state;
    struct sip_via via;
    struct sr_addr addr;
    char bytes[256];
    struct sr_buf buf;
    assert_int_equal(sip_via_parse(SR_STR("SIP  /   2.0\r\n /UDP\r\n    192.0.2.2 : 5070 ;branch = "
                                          "z9hG4bKx;rport ;received=[2001:db8::9];maddr=h"),
                                   &via, NULL),
                     SR_OK);
    assert_int_equal(via.transport, SIP_TRANSPORT_UDP);
    assert_int_equal(via.port, 5070);
    assert_true(via.rport_wanted);
    assert_str(via.received, "2001:db8::9");
    assert_true(sip_via_is_3261(&via));
    assert_int_equal(sr_addr_parse(SR_STR("203.0.113.5:1234"), 0, &addr), SR_OK);
    sr_buf_init_fixed(&buf, bytes, sizeof bytes);
    sip_via_write_received(&buf, &via, &addr);
    assert_str(sr_buf_view(&buf), "SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bKx;maddr=h"
                                  ";received=203.0.113.5;rport=1234");
    assert_true(sip_via_reply_addr(&via, &addr, &addr));
    assert_int_equal(addr.port, 1234);
    assert_int_equal(
        sip_via_parse(SR_STR("SIP/2.0/TLS 192.0.2.2;maddr=224.0.1.75;branch=x"), &via, NULL),
        SR_OK);
    assert_true(sip_via_reply_addr(&via, &addr, &addr));
    assert_int_equal(addr.port, 5061);
    assert_int_equal(addr.ip[0], 203);
}

static void bad_vias(void **state)
{
    (void)state;
    const char *bad[] = {"",
                         "SIP/2.0/UDP",
                         "SIP/2.0/UDP ;a",
                         "SIP/2.0 h",
                         "SIP/2.0/UDP h:",
                         "SIP/2.0/UDP h:99999",
                         "SIP/2.0/UDP 192.0.2.15;;,;,,",
                         "SIP/2.0/UDP h;rport=70000",
                         "SIP/2.0/UDP h x",
                         "SIP/2.0/UDP 2001:db8::1;a"};
    struct sip_via via;
    for (size_t i = 0; i < SR_ARRAY_LEN(bad); i++)
        if (sip_via_parse(sr_str_c(bad[i]), &via, NULL) == SR_OK)
            fail_msg("%s was taken", bad[i]);
}

static void addresses(void **state)
{
    (void)state;
    struct sip_nameaddr addr;
    assert_int_equal(sip_nameaddr_parse(SR_STR("\"Quoted \\\"\\\"\" <sip:a@b;x> ; newparam =\r\n "
                                               "newvalue ; tag=1; q = 0.33;expires=99999999999"),
                                        &addr, NULL),
                     SR_OK);
    assert_str(addr.display, "\"Quoted \\\"\\\"\"");
    assert_str(addr.tag, "1");
    assert_int_equal(sip_nameaddr_q(&addr, 7), 330);
    assert_int_equal(sip_nameaddr_expires(&addr, 7), UINT32_MAX);
    assert_int_equal(sip_nameaddr_parse(SR_STR("caller<sip:a@b>;tag=2"), &addr, NULL), SR_OK);
    assert_str(addr.display, "caller");
    assert_int_equal(sip_nameaddr_parse(SR_STR("sip:a@b;tag=3;lr"), &addr, NULL), SR_OK);
    assert_int_equal(addr.uri.params.n, 0);
    assert_str(addr.tag, "3");
    assert_int_equal(sip_nameaddr_parse(SR_STR("A < sip:a@b >"), &addr, NULL), SR_OK);
    assert_int_equal(sip_nameaddr_parse(SR_STR(" * "), &addr, NULL), SR_OK);
    assert_true(addr.is_star);
    const char *bad[] = {"",
                         "Bell, Alexander <sip:a@b>",
                         "\"Mr. J. User <sip:j@b>",
                         "\"x\" sip:a@b",
                         "<sip:a@b",
                         "<>",
                         "sip:a@b?Route=x",
                         "<sip:a@b>;;;;",
                         "<sip:a@b> junk",
                         "sip:a@b <sip:c@d>",
                         "sip:a,b@c",
                         "*;x"};
    for (size_t i = 0; i < SR_ARRAY_LEN(bad); i++)
        if (sip_nameaddr_parse(sr_str_c(bad[i]), &addr, NULL) == SR_OK)
            fail_msg("%s was taken", bad[i]);
}

static void numbers(void **state)
{
    (void)state;
    struct sip_cseq cseq;
    struct sip_rack rack;
    struct sip_delta delta;
    struct sip_retry_after retry;
    assert_int_equal(sip_cseq_parse(SR_STR("0009\r\n  INVITE"), &cseq, NULL), SR_OK);
    assert_int_equal(cseq.number, 9);
    assert_int_equal(sip_cseq_parse(SR_STR("2147483647 X"), &cseq, NULL), SR_OK);
    assert_int_equal(cseq.method, SIP_METHOD_OTHER);
    assert_int_not_equal(sip_cseq_parse(SR_STR("2147483648 INVITE"), &cseq, NULL), SR_OK);
    assert_int_not_equal(sip_cseq_parse(SR_STR("36893488147419103232 R"), &cseq, NULL), SR_OK);
    assert_int_not_equal(sip_cseq_parse(SR_STR("-1 R"), &cseq, NULL), SR_OK);
    assert_int_not_equal(sip_cseq_parse(SR_STR("1INVITE"), &cseq, NULL), SR_OK);
    assert_int_not_equal(sip_cseq_parse(SR_STR("1 INVITE x"), &cseq, NULL), SR_OK);
    assert_int_equal(sip_rack_parse(SR_STR("776656 1 INVITE"), &rack, NULL), SR_OK);
    assert_int_equal(rack.rseq, 776656);
    assert_int_equal(rack.cseq.method, SIP_METHOD_INVITE);
    assert_int_equal(sip_delta_parse(SR_STR("4000;refresher=UAC"), &delta, NULL), SR_OK);
    assert_int_equal(delta.refresher, SIP_REFRESHER_UAC);
    assert_int_equal(sip_delta_parse(SR_STR("99999999999"), &delta, NULL), SR_OK);
    assert_int_equal(delta.seconds, UINT32_MAX);
    assert_int_not_equal(sip_delta_parse(SR_STR("-5"), &delta, NULL), SR_OK);
    assert_int_equal(
        sip_retry_after_parse(SR_STR("18000 (in (a) meeting);duration=3600"), &retry, NULL), SR_OK);
    assert_int_equal(retry.duration_s, 3600);
    assert_str(retry.comment, "(in (a) meeting)");
}

static void other_values(void **state)
{
    (void)state;
    struct sip_replaces replaces;
    struct sip_reason reason;
    struct sip_subscription_state sub;
    struct sip_event event;
    struct sip_warning warning;
    struct sip_media_type media;
    assert_int_equal(
        sip_replaces_parse(SR_STR("12@x;to-tag=7;from-tag=8;early-only"), &replaces, NULL), SR_OK);
    assert_str(replaces.call_id, "12@x");
    assert_true(replaces.is_early_only);
    assert_int_not_equal(sip_replaces_parse(SR_STR("12@x;to-tag=7"), &replaces, NULL), SR_OK);
    assert_int_equal(
        sip_reason_parse(SR_STR("Q.850 ;cause=16 ;text=\"Terminated\""), &reason, NULL), SR_OK);
    assert_int_equal(reason.cause, 16);
    assert_int_equal(
        sip_subscription_state_parse(SR_STR("terminated;reason=timeout;expires=0"), &sub, NULL),
        SR_OK);
    assert_true(sub.has_expires);
    assert_str(sub.reason, "timeout");
    assert_int_equal(sip_event_parse(SR_STR("dialog;id=4"), &event, NULL), SR_OK);
    assert_str(event.id, "4");
    assert_int_equal(sip_warning_parse(SR_STR("301 isi.edu \"a \\\"b\\\"\""), &warning, NULL),
                     SR_OK);
    assert_int_equal(warning.code, 301);
    assert_int_not_equal(sip_warning_parse(SR_STR("1812 x \"a\""), &warning, NULL), SR_OK);
    assert_int_equal(sip_media_type_parse(SR_STR("Application / SDP;a=\"b\""), &media, NULL),
                     SR_OK);
    assert_true(sip_media_type_is(&media, "application/sdp"));
    assert_false(sip_media_type_is(&media, "application/sd"));
    assert_true(sip_privacy_has(SR_STR("header; ID"), "id"));
    assert_int_equal(sip_value_check(SIP_HDR_ROUTE, SR_STR("<sip:a>, <sip:b>"), NULL), SR_OK);
    assert_int_not_equal(sip_value_check(SIP_HDR_ROUTE, SR_STR("<sip:a>, *"), NULL), SR_OK);
}

int run_values(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(via_with_blanks), cmocka_unit_test(bad_vias),
        cmocka_unit_test(addresses),       cmocka_unit_test(numbers),
        cmocka_unit_test(other_values),
    };
    return cmocka_run_group_tests_name("values", tests, NULL, NULL);
}
