#include "test_impair.h"

#include "impair/alg.h"

static const char invite[] = "INVITE sip:b@127.0.0.1:5060 SIP/2.0\r\n"
                             "Via: SIP/2.0/UDP 10.0.0.5:5080;branch=z9hG4bK1\r\n"
                             "Contact: <sip:a@10.0.0.5:5080>\r\n"
                             "Subject: 10.0.0.5:5080 stays, 110.0.0.5:5080 too\r\n"
                             "Content-Length: 44\r\n"
                             "\r\n"
                             "o=- 1 1 IN IP4 10.0.0.5\r\nc=IN IP4 10.0.0.5\r\n";

static void addresses_of_the_inside_become_the_outside(void **state)
{
    struct sr_addr inside, outside;
    struct sr_buf out;

    (void)state;
    assert_int_equal(sr_addr_parse(SR_STR("10.0.0.5:5080"), 0, &inside), SR_OK);
    assert_int_equal(sr_addr_parse(SR_STR("203.0.113.77:40001"), 0, &outside), SR_OK);
    sr_buf_init(&out, 65536);
    assert_true(impair_alg_rewrite(sr_str_c(invite), &inside, &outside, &out));
    assert_string_equal(sr_buf_cstr(&out),
                        "INVITE sip:b@127.0.0.1:5060 SIP/2.0\r\n"
                        "Via: SIP/2.0/UDP 203.0.113.77:40001;branch=z9hG4bK1\r\n"
                        "Contact: <sip:a@203.0.113.77:40001>\r\n"
                        "Subject: 10.0.0.5:5080 stays, 110.0.0.5:5080 too\r\n"
                        "Content-Length: 52\r\n"
                        "\r\n"
                        "o=- 1 1 IN IP4 203.0.113.77\r\nc=IN IP4 203.0.113.77\r\n");
    sr_buf_done(&out);
}

static void what_is_not_sip_passes_untouched(void **state)
{
    static const char rtp[] = "\x80\x00\x00\x01 10.0.0.5:5080";
    struct sr_addr inside, outside;
    struct sr_buf out;

    (void)state;
    assert_int_equal(sr_addr_parse(SR_STR("10.0.0.5:5080"), 0, &inside), SR_OK);
    outside = inside;
    outside.port = 9;
    sr_buf_init(&out, 65536);
    assert_false(impair_alg_rewrite(sr_str_make(rtp, sizeof(rtp)), &inside, &outside, &out));
    assert_int_equal(out.len, sizeof(rtp));
    assert_memory_equal(out.data, rtp, sizeof(rtp));
    sr_buf_done(&out);
}

int run_alg_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_of_the_inside_become_the_outside),
        cmocka_unit_test(what_is_not_sip_passes_untouched),
    };

    return cmocka_run_group_tests_name("alg", tests, NULL, NULL);
}
