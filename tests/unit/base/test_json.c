#include "test_base.h"

#include <math.h>

#include "base/json.h"

static void commas_and_nesting_come_by_themselves(void **state)
{
    struct sr_buf buf;
    struct sr_json json;

    (void)state;
    sr_buf_init(&buf, 1000);
    sr_json_begin(&json, &buf);
    sr_json_object(&json);
    sr_json_key_c(&json, "a", "x");
    sr_json_key_c(&json, "none", NULL);
    sr_json_key_array(&json, "list");
    sr_json_int(&json, -5);
    sr_json_u64(&json, UINT64_MAX);
    sr_json_num(&json, 1.25, 2);
    sr_json_num(&json, (double)NAN, 2);
    sr_json_num(&json, (double)INFINITY, 2);
    sr_json_bool(&json, true);
    sr_json_null(&json);
    sr_json_object(&json);
    sr_json_end(&json);
    sr_json_array(&json);
    sr_json_end(&json);
    sr_json_end(&json);
    sr_json_key_object(&json, "o");
    sr_json_key_bool(&json, "b", false);
    sr_json_key_int(&json, "i", INT64_MIN);
    sr_json_key_num(&json, "n", -0.5, 1);
    sr_json_end(&json);
    sr_json_key(&json, "raw");
    sr_json_raw(&json, SR_STR("[1, 2]"));
    sr_json_key_str(&json, "s", SR_STR("y"));
    sr_json_end(&json);
    assert_int_equal(sr_buf_err(&buf), SR_OK);
    assert_string_equal(sr_buf_cstr(&buf),
                        "{\"a\":\"x\",\"none\":null,\"list\":[-5,18446744073709551615,1.25,null,"
                        "null,true,null,{},[]],\"o\":{\"b\":false,\"i\":-9223372036854775808,"
                        "\"n\":-0.5},\"raw\":[1, 2],\"s\":\"y\"}");
    sr_buf_done(&buf);
}

static void text_of_peers_is_made_valid(void **state)
{
    static const struct {
        struct sr_str text;
        const char *json;
    } rows[] = {
        {{"", 0}, "\"\""},
        {{"\"\\/", 3}, "\"\\\"\\\\/\""},
        {{"\r\n\t\x01\x1f\x7f", 6}, "\"\\r\\n\\t\\u0001\\u001f\\u007f\""},
        {{"a\0b", 3}, "\"a\\u0000b\""},
        {{"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9}, "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {{"\xff", 1}, "\"\xef\xbf\xbd\""},
        {{"x\xc3", 2}, "\"x\xef\xbf\xbd\""},                               /* cut short */
        {{"\xc0\xaf", 2}, "\"\xef\xbf\xbd\xef\xbf\xbd\""},                 /* overlong */
        {{"\xed\xa0\x80", 3}, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* surrogate */
        {{"\xf4\x90\x80\x80", 4},
         "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* > 10ffff */
    };

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        struct sr_buf buf;
        struct sr_json json;

        sr_buf_init(&buf, 200);
        sr_json_begin(&json, &buf);
        sr_json_str(&json, rows[i].text);
        assert_string_equal(sr_buf_cstr(&buf), rows[i].json);
        sr_buf_done(&buf);
    }
}

static void a_full_buffer_is_told_once_at_the_end(void **state)
{
    struct sr_buf buf;
    struct sr_json json;

    (void)state;
    sr_buf_init(&buf, 10);
    sr_json_begin(&json, &buf);
    sr_json_array(&json);
    for (int i = 0; i < 100; i++)
        sr_json_int(&json, i);
    sr_json_end(&json);
    assert_int_equal(sr_buf_err(&buf), SR_ERR_LIMIT);
    sr_buf_done(&buf);
}

int run_json_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_and_nesting_come_by_themselves),
        cmocka_unit_test(text_of_peers_is_made_valid),
        cmocka_unit_test(a_full_buffer_is_told_once_at_the_end),
    };

    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
