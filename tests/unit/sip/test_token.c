#include "test.h"

static void params_walk_with_blanks_and_quotes(void **state)
{
    (void)state;
    struct sr_str params = SR_STR(";a ; b = \"x;\\\"y\" ;\r\n c=[2001:db8::1]");
    struct sip_scan scan = sip_scan_of(params);
    struct sr_str all;
    struct sr_str value;
    assert_int_equal(sip_scan_params(&scan, &all, NULL), SR_OK);
    assert_true(sip_param_find(all, "A", &value));
    assert_int_equal(value.n, 0);
    assert_true(sip_param_find(all, "b", &value));
    assert_str(value, "\"x;\\\"y\"");
    assert_true(sip_param_find(all, "c", &value));
    assert_str(value, "[2001:db8::1]");
    assert_false(sip_param_find(all, "d", &value));
}

static void empty_params_are_refused(void **state)
{
    (void)state;
    const char *bad[] = {";", ";;a", ";a;", ";a=", ";=b", ";a=\"x", "a", ";a=b c"};
    for (size_t i = 0; i < SR_ARRAY_LEN(bad); i++) {
        struct sip_scan scan = sip_scan_of(sr_str_c(bad[i]));
        struct sr_str all;
        if (sip_scan_params(&scan, &all, NULL) != SR_ERR_SYNTAX)
            fail_msg("%s was taken", bad[i]);
    }
}

static void lists_split_outside_quotes_and_brackets(void **state)
{
    (void)state;
    struct sr_str rest = SR_STR(" \"a,b\" <sip:x,y@z> ,, c ;q=\"1,\\\"2\",");
    struct sr_str item;
    assert_true(sip_list_next(&rest, &item));
    assert_str(item, "\"a,b\" <sip:x,y@z>");
    assert_true(sip_list_next(&rest, &item));
    assert_str(item, "c ;q=\"1,\\\"2\"");
    assert_false(sip_list_next(&rest, &item));
}

static void quoting_goes_there_and_back(void **state)
{
    (void)state;
    char bytes[64];
    struct sr_buf buf;
    sr_buf_init_fixed(&buf, bytes, sizeof bytes);
    sip_quote(SR_STR("a\"b\\c\r\nX: d"), &buf);
    assert_str(sr_buf_view(&buf), "\"a\\\"b\\\\cX: d\"");
    assert_true(sip_unquoted_eq(sr_buf_view(&buf), SR_STR("a\"b\\cX: d")));
    assert_false(sip_unquoted_eq(sr_buf_view(&buf), SR_STR("a\"b\\cX: ")));
    sr_buf_clear(&buf);
    sip_unquote(SR_STR("\"a\r\n  b\""), &buf);
    assert_str(sr_buf_view(&buf), "a b");
    sr_buf_clear(&buf);
    sip_write_safe(SR_STR("a\r\n\tb\001c"), &buf);
    assert_str(sr_buf_view(&buf), "a b c");
}

static void auth_params_walk(void **state)
{
    (void)state;
    struct sip_scan scan = sip_scan_of(SR_STR("realm=\"a, b\" , nc=00000001,qop=auth"));
    struct sip_param param;
    assert_int_equal(sip_scan_auth_param(&scan, &param), SR_OK);
    assert_str(param.value, "\"a, b\"");
    assert_int_equal(sip_scan_auth_param(&scan, &param), SR_OK);
    assert_str(param.name, "nc");
    assert_int_equal(sip_scan_auth_param(&scan, &param), SR_OK);
    assert_str(param.value, "auth");
    assert_int_equal(sip_scan_auth_param(&scan, &param), SR_ERR_NOTFOUND);
    scan = sip_scan_of(SR_STR("realm=\"a"));
    assert_int_equal(sip_scan_auth_param(&scan, &param), SR_ERR_SYNTAX);
}

int run_token(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(params_walk_with_blanks_and_quotes),
        cmocka_unit_test(empty_params_are_refused),
        cmocka_unit_test(lists_split_outside_quotes_and_brackets),
        cmocka_unit_test(quoting_goes_there_and_back),
        cmocka_unit_test(auth_params_walk),
    };
    return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
