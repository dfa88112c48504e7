#include "test.h"

#include "dns_text.h"

static struct dns_answer answer;

static enum sr_err parse(const struct sr_buf *b, const char *name, enum dns_type type)
{
    return dns_answer_parse(sr_buf_view(b), sr_str_c(name), type, &answer);
}

static void records_of_the_name_are_read_through_cnames(void **state)
{
    struct sr_buf b;
    char array[2048], text[SR_ADDR_TEXT_MAX];

    (void)state;
    sr_buf_init_fixed(&b, array, sizeof(array));
    put_head(&b, 1, 0x8180, "www.Example.com", DNS_A, 4);
    put_cname(&b, "www.example.com", 100, "a.example.net");
    put_record(&b, "a.example.net", DNS_A, 60, SR_STR("\xc0\x00\x02\x01"));
    put_record(&b, "other.example", DNS_A, 1, SR_STR("\xc0\x00\x02\x02"));
    put_record(&b, "A.example.net", DNS_A, 300, SR_STR("\xc0\x00\x02\x03"));
    assert_int_equal(parse(&b, "WWW.example.com.", DNS_A), SR_OK);
    assert_int_equal(answer.record_count, 2);
    assert_int_equal(answer.ttl_sec_min, 60);
    assert_string_equal(sr_addr_ip_text(&answer.records[1].addr, text), "192.0.2.3");
    /* every prefix is refused, whatever it is cut in */
    for (size_t n = 0; n < b.len; n++)
        assert_true(dns_answer_parse(sr_str_make(b.data, n), SR_STR("www.example.com"), DNS_A,
                                     &answer) != SR_OK);
}

static void srv_and_naptr_fields_are_read(void **state)
{
    struct sr_buf b;
    char array[2048];

    (void)state;
    sr_buf_init_fixed(&b, array, sizeof(array));
    put_head(&b, 1, 0x8180, "_sip._udp.x", DNS_SRV, 2);
    put_srv(&b, "_sip._udp.x", 9, 1, 2, 5060, "Host.x");
    put_srv(&b, "_sip._udp.x", 7, 1, 2, 5060, "");
    assert_int_equal(parse(&b, "_sip._udp.x", DNS_SRV), SR_OK);
    assert_string_equal(answer.records[0].target, "host.x");
    assert_int_equal(answer.records[0].port, 5060);
    assert_string_equal(answer.records[1].target, "");
    assert_int_equal(answer.ttl_sec_min, 7);
    sr_buf_clear(&b);
    put_head(&b, 1, 0x8180, "x", DNS_NAPTR, 1);
    put_record(&b, "x", DNS_NAPTR, 5, SR_STR("\0\12\0\24\1S\7sip+d2u\0\4_sip\0"));
    assert_int_equal(parse(&b, "x", DNS_NAPTR), SR_OK);
    assert_string_equal(answer.records[0].service, "SIP+D2U");
    assert_string_equal(answer.records[0].flags, "s");
    assert_string_equal(answer.records[0].target, "_sip");
}

static void hostile_answers_are_refused(void **state)
{
    static char huge[DNS_ANSWER_BYTES_MAX + 1];
    struct sr_buf b;
    char array[4096];

    (void)state;
    sr_buf_init_fixed(&b, array, sizeof(array));
    put_head(&b, 1, 0x8180, "a.x", DNS_A, 2); /* a ring of CNAMEs */
    put_cname(&b, "a.x", 1, "b.x");
    put_cname(&b, "b.x", 1, "a.x");
    assert_int_equal(parse(&b, "a.x", DNS_A), SR_ERR_LIMIT);
    sr_buf_clear(&b);
    put_head(&b, 1, 0x8180, "a.x", DNS_A, 1); /* a name that points at itself */
    put16(&b, 0xc000U | (unsigned)b.len);
    put16(&b, 1);
    assert_int_equal(parse(&b, "a.x", DNS_A), SR_ERR_SYNTAX);
    sr_buf_clear(&b);
    put_head(&b, 1, 0x8180, "other", DNS_A, 0);
    assert_int_equal(parse(&b, "a.x", DNS_A), SR_ERR_PROTO);
    sr_buf_clear(&b);
    put_head(&b, 1, 0x8183, "a.x", DNS_A, 0);
    assert_int_equal(parse(&b, "a.x", DNS_A), SR_ERR_NOTFOUND);
    sr_buf_clear(&b);
    put_head(&b, 1, 0x8380, "a.x", DNS_A, 0); /* truncated */
    assert_int_equal(parse(&b, "a.x", DNS_A), SR_ERR_PROTO);
    sr_buf_clear(&b);
    put_head(&b, 1, 0x8180, "a.x", DNS_A, 1);
    put_record(&b, "a.x", DNS_A, 1, SR_STR("\1\2\3")); /* an address of three bytes */
    assert_int_equal(parse(&b, "a.x", DNS_A), SR_ERR_SYNTAX);
    assert_int_equal(
        dns_answer_parse(sr_str_make(huge, sizeof(huge)), SR_STR("a.x"), DNS_A, &answer),
        SR_ERR_LIMIT);
}

int run_dns(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_of_the_name_are_read_through_cnames),
        cmocka_unit_test(srv_and_naptr_fields_are_read),
        cmocka_unit_test(hostile_answers_are_refused),
    };

    return cmocka_run_group_tests_name("dns", tests, NULL, NULL);
}
