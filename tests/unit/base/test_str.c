#include "test_base.h"

#include "base/str.h"

static void equality_knows_length_and_case(void **state)
{
    struct sr_str none = {NULL, 0};

    (void)state;
    assert_true(sr_str_eq(SR_STR("abc"), SR_STR("abc")));
    assert_false(sr_str_eq(SR_STR("abc"), SR_STR("abcd")));
    assert_false(sr_str_eq(SR_STR("abc"), SR_STR("ABC")));
    assert_true(sr_str_ieq(SR_STR("aBc-9"), SR_STR("AbC-9")));
    assert_false(sr_str_ieq(SR_STR("a@"), SR_STR("a`"))); /* 0x40 and 0x60 are no letters */
    assert_false(sr_str_ieq(SR_STR("\xc4"), SR_STR("\xe4")));
    assert_true(sr_str_eq(none, SR_STR("")));
    assert_true(sr_str_ieq(none, SR_STR("")));
    assert_true(sr_str_eq_c(SR_STR("x"), "x"));
    assert_false(sr_str_eq_c(SR_STR("x"), "xy"));
    assert_true(sr_str_ieq_c(SR_STR("X"), "x"));
}

static void order_is_bytes_then_length(void **state)
{
    (void)state;
    assert_true(sr_str_cmp(SR_STR("a"), SR_STR("b")) < 0);
    assert_true(sr_str_cmp(SR_STR("b"), SR_STR("a")) > 0);
    assert_true(sr_str_cmp(SR_STR("a"), SR_STR("ab")) < 0);
    assert_true(sr_str_cmp(SR_STR("ab"), SR_STR("a")) > 0);
    assert_true(sr_str_cmp(SR_STR("a"), SR_STR("\xff")) < 0);
    assert_int_equal(sr_str_cmp(sr_str_make(NULL, 0), SR_STR("")), 0);
}

static void prefixes_and_suffixes(void **state)
{
    (void)state;
    assert_true(sr_str_starts(SR_STR("sip:a"), SR_STR("sip:")));
    assert_true(sr_str_starts(SR_STR("sip:a"), SR_STR("")));
    assert_false(sr_str_starts(SR_STR("si"), SR_STR("sip:")));
    assert_true(sr_str_istarts(SR_STR("SIP:a"), SR_STR("sip:")));
    assert_false(sr_str_istarts(SR_STR("tel:a"), SR_STR("sip:")));
    assert_true(sr_str_ends(SR_STR("a.wav"), SR_STR(".wav")));
    assert_false(sr_str_ends(SR_STR("wav"), SR_STR(".wav")));
}

static void parts_are_clamped(void **state)
{
    struct sr_str s = SR_STR("hello");

    (void)state;
    assert_str(sr_str_from(s, 2), "llo");
    assert_str(sr_str_from(s, 9), "");
    assert_str(sr_str_head(s, 2), "he");
    assert_str(sr_str_head(s, 99), "hello");
    assert_str(sr_str_trim(SR_STR(" \t\r\n a b \r\n")), "a b");
    assert_str(sr_str_trim(SR_STR(" \t ")), "");
    assert_str(sr_str_trim(sr_str_make(NULL, 0)), "");
}

static void finding_gives_the_length_for_no(void **state)
{
    struct sr_str s = SR_STR("a,b,,c");

    (void)state;
    assert_int_equal(sr_str_find(s, ',', 0), 1);
    assert_int_equal(sr_str_find(s, ',', 2), 3);
    assert_int_equal(sr_str_find(s, 'x', 0), s.n);
    assert_int_equal(sr_str_find(s, ',', 100), s.n);
    assert_int_equal(sr_str_search(s, SR_STR(",,")), 3);
    assert_int_equal(sr_str_search(s, SR_STR("")), 0);
    assert_int_equal(sr_str_search(s, SR_STR("c,")), s.n);
    assert_int_equal(sr_str_search(SR_STR("aab"), SR_STR("ab")), 1);
    assert_int_equal(sr_str_search(SR_STR("a"), SR_STR("ab")), 1);
}

static void splitting_walks_a_list(void **state)
{
    struct sr_str s = SR_STR("a,,b");
    struct sr_str head;

    (void)state;
    assert_true(sr_str_split(&s, ',', &head));
    assert_str(head, "a");
    assert_true(sr_str_split(&s, ',', &head));
    assert_str(head, "");
    assert_true(sr_str_split(&s, ',', &head));
    assert_str(head, "b");
    assert_false(sr_str_split(&s, ',', &head));
}

static void numbers_are_digits_within_bounds(void **state)
{
    static const struct {
        const char *text;
        uint64_t max;
        enum sr_err err;
        uint64_t value;
    } rows[] = {
        {"0", 10, SR_OK, 0},
        {"10", 10, SR_OK, 10},
        {"007", 10, SR_OK, 7},
        {"11", 10, SR_ERR_LIMIT, 0},
        {"", 10, SR_ERR_SYNTAX, 0},
        {"-1", 10, SR_ERR_SYNTAX, 0},
        {"+1", 10, SR_ERR_SYNTAX, 0},
        {" 1", 10, SR_ERR_SYNTAX, 0},
        {"1x", 10, SR_ERR_SYNTAX, 0},
        {"18446744073709551615", UINT64_MAX, SR_OK, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, SR_ERR_LIMIT, 0},
        {"99999999999999999999999999", UINT64_MAX, SR_ERR_LIMIT, 0},
        {"9999999999999999999999999x", UINT64_MAX, SR_ERR_SYNTAX, 0},
    };
    uint32_t small = 77;

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        uint64_t value = 4711;
        enum sr_err err = sr_str_u64(sr_str_c(rows[i].text), rows[i].max, &value);

        if (err != rows[i].err)
            print_error("%s: %s\n", rows[i].text, sr_err_name(err));
        assert_int_equal(err, rows[i].err);
        assert_int_equal(value, rows[i].err == SR_OK ? rows[i].value : 4711);
    }
    assert_int_equal(sr_str_u32(SR_STR("4294967295"), UINT32_MAX, &small), SR_OK);
    assert_int_equal(small, UINT32_MAX);
    assert_int_equal(sr_str_u32(SR_STR("4294967296"), UINT32_MAX, &small), SR_ERR_LIMIT);
    assert_int_equal(small, UINT32_MAX);
}

static void copying_cuts_and_says_so(void **state)
{
    char out[4];

    (void)state;
    assert_true(sr_str_copy(SR_STR("abc"), out, sizeof(out)));
    assert_string_equal(out, "abc");
    assert_false(sr_str_copy(SR_STR("abcd"), out, sizeof(out)));
    assert_string_equal(out, "abc");
    assert_true(sr_str_copy(sr_str_make(NULL, 0), out, 1));
    assert_string_equal(out, "");
}

static void secrets_compare_right(void **state)
{
    (void)state;
    assert_true(sr_str_eq_secret(SR_STR("token"), SR_STR("token")));
    assert_false(sr_str_eq_secret(SR_STR("token"), SR_STR("tokem")));
    assert_false(sr_str_eq_secret(SR_STR("token"), SR_STR("toke")));
    assert_true(sr_str_eq_secret(sr_str_make(NULL, 0), SR_STR("")));
}

static void hex_digits(void **state)
{
    (void)state;
    assert_int_equal(sr_hex_value('0'), 0);
    assert_int_equal(sr_hex_value('9'), 9);
    assert_int_equal(sr_hex_value('a'), 10);
    assert_int_equal(sr_hex_value('F'), 15);
    assert_int_equal(sr_hex_value('g'), -1);
    assert_int_equal(sr_hex_value('\0'), -1);
    assert_int_equal(sr_hex_value('\xff'), -1);
}

static void characters_of_utf8(void **state)
{
    static const char *const wrong[] = {"\x80",
                                        "\xc0\xaf",
                                        "\xc1\xbf",
                                        "\xe0\x9f\xbf",
                                        "\xed\xa0\x80",
                                        "\xf0\x8f\xbf\xbf",
                                        "\xf4\x90\x80\x80",
                                        "\xf5\x80\x80\x80",
                                        "\xe2\x82",
                                        "\xe2(\xa1",
                                        "\xff"};
    uint32_t code = 0;

    (void)state;
    assert_int_equal(sr_utf8_char(SR_STR("ab"), &code), 1);
    assert_int_equal(code, 'a');
    assert_int_equal(sr_utf8_char(SR_STR("\xc3\xa4"), &code), 2);
    assert_int_equal(code, 0xe4);
    assert_int_equal(sr_utf8_char(SR_STR("\xef\xbf\xbfx"), &code), 3);
    assert_int_equal(code, 0xffff);
    assert_int_equal(sr_utf8_char(SR_STR("\xf4\x8f\xbf\xbf"), &code), 4);
    assert_int_equal(code, 0x10ffff);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        assert_int_equal(sr_utf8_char(sr_str_c(wrong[i]), NULL), 0);
        assert_false(sr_utf8_is_valid(sr_str_c(wrong[i])));
    }
    assert_true(sr_utf8_is_valid(SR_STR("")));
    assert_true(sr_utf8_is_valid(SR_STR("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x93\x9e")));
}

int run_str_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality_knows_length_and_case),
        cmocka_unit_test(order_is_bytes_then_length),
        cmocka_unit_test(prefixes_and_suffixes),
        cmocka_unit_test(parts_are_clamped),
        cmocka_unit_test(finding_gives_the_length_for_no),
        cmocka_unit_test(splitting_walks_a_list),
        cmocka_unit_test(numbers_are_digits_within_bounds),
        cmocka_unit_test(copying_cuts_and_says_so),
        cmocka_unit_test(secrets_compare_right),
        cmocka_unit_test(hex_digits),
        cmocka_unit_test(characters_of_utf8),
    };

    return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
