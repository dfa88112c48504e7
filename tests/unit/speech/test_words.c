/* What is said for numbers, and what reaches the voice. */
#include "test.h"

#include "speech/words.h"

typedef void write_fn(struct sr_buf *buf, uint64_t value);

static void claim(write_fn *write, uint64_t value, const char *expected)
{
    char text[512];
    struct sr_buf buf;

    sr_buf_init_fixed(&buf, text, sizeof(text));
    write(&buf, value);
    assert_string_equal(sr_buf_cstr(&buf), expected);
}

static void number(struct sr_buf *buf, uint64_t value)
{
    words_number(buf, value);
}

static void ordinal(struct sr_buf *buf, uint64_t value)
{
    words_ordinal(buf, (uint32_t)value);
}

static void clock_time(struct sr_buf *buf, uint64_t value)
{
    words_time(buf, (uint32_t)value / 100, (uint32_t)value % 100);
}

static void numbers(void **state)
{
    (void)state;
    claim(number, 0, "zero");
    claim(number, 7, "seven");
    claim(number, 13, "thirteen");
    claim(number, 20, "twenty");
    claim(number, 42, "forty two");
    claim(number, 100, "one hundred");
    claim(number, 104, "one hundred and four");
    claim(number, 999, "nine hundred and ninety nine");
    claim(number, 1000, "one thousand");
    claim(number, 1004, "one thousand and four");
    claim(number, 1204, "one thousand two hundred and four");
    claim(number, 1000001, "one million and one");
    claim(number, 2345678,
          "two million three hundred and forty five thousand six hundred and seventy eight");
    claim(number, 999999999999,
          "nine hundred and ninety nine billion nine hundred and ninety nine "
          "million nine hundred and ninety nine thousand nine hundred and "
          "ninety nine");
    claim(number, 1000000000000,
          "one zero zero, zero zero zero, zero zero zero, zero zero zero zero");
}

static void ordinals(void **state)
{
    (void)state;
    claim(ordinal, 1, "first");
    claim(ordinal, 12, "twelfth");
    claim(ordinal, 20, "twentieth");
    claim(ordinal, 53, "fifty third");
    claim(ordinal, 120, "number one hundred and twenty");
}

static void times(void **state)
{
    (void)state;
    claim(clock_time, 0, "twelve o'clock A M");
    claim(clock_time, 5, "twelve oh five A M");
    claim(clock_time, 1000, "ten o'clock A M");
    claim(clock_time, 1200, "twelve o'clock P M");
    claim(clock_time, 1335, "one thirty five P M");
    claim(clock_time, 2359, "eleven fifty nine P M");
}

static void durations(void **state)
{
    (void)state;
    claim(words_duration, 0, "zero seconds");
    claim(words_duration, 1, "one second");
    claim(words_duration, 60, "one minute");
    claim(words_duration, 125, "two minutes and five seconds");
    claim(words_duration, 3600, "one hour");
    claim(words_duration, 3720, "one hour and two minutes");
    claim(words_duration, 7325, "two hours, two minutes and five seconds");
}

static void digits_of(const char *digits, const char *expected)
{
    char text[256];
    struct sr_buf buf;

    sr_buf_init_fixed(&buf, text, sizeof(text));
    words_digits(&buf, sr_str_c(digits));
    assert_string_equal(sr_buf_cstr(&buf), expected);
}

static void digits(void **state)
{
    (void)state;
    digits_of("701", "seven zero one");
    digits_of("+4930", "plus four nine, three zero");
    digits_of("*43#", "star four three pound");
    digits_of("a1", "A one");
    digits_of("", "");
}

static void claim_clean(const char *text, enum sr_err err, const char *expected)
{
    char out[256];
    struct sr_buf buf;

    sr_buf_init_fixed(&buf, out, sizeof(out));
    assert_int_equal(words_clean(sr_str_c(text), &buf), err);
    if (err == SR_OK)
        assert_string_equal(sr_buf_cstr(&buf), expected);
}

static void text_becomes_ascii(void **state)
{
    (void)state;
    claim_clean("Hello, 7!", SR_OK, "Hello, 7!");
    claim_clean("Z\xc3\xbcrich caf\xc3\xa9 \xe2\x80\x9cok\xe2\x80\x9d", SR_OK,
                "Zuerich cafe \"ok\"");
    claim_clean("a\tb\nc", SR_OK, "a b c");
    claim_clean("\xe6\x97\xa5 5", SR_OK, "  5");
}

static void what_cannot_be_said_is_refused(void **state)
{
    (void)state;
    claim_clean("", SR_ERR_SYNTAX, NULL);
    claim_clean("...", SR_ERR_SYNTAX, NULL);
    claim_clean("\xe6\x97\xa5", SR_ERR_SYNTAX, NULL);
    claim_clean("a\xff", SR_ERR_SYNTAX, NULL);
    claim_clean("a\xc3", SR_ERR_SYNTAX, NULL);
    claim_clean("a\xc0\xaf", SR_ERR_SYNTAX, NULL);     /* overlong */
    claim_clean("a\xed\xa0\x80", SR_ERR_SYNTAX, NULL); /* half of a pair */
    claim_clean("a\xf4\x90\x80\x80", SR_ERR_SYNTAX, NULL);
}

static void endless_words_are_broken(void **state)
{
    char text[201], out[256];
    struct sr_buf buf;
    size_t run = 0;

    (void)state;
    memset(text, 'x', 200);
    text[200] = '\0';
    sr_buf_init_fixed(&buf, out, sizeof(out));
    assert_int_equal(words_clean(sr_str_c(text), &buf), SR_OK);
    for (size_t i = 0; i < buf.len; i++) {
        run = buf.data[i] == ' ' ? 0 : run + 1;
        assert_true(run <= 40);
    }
    sr_buf_init_fixed(&buf, out, 100);
    assert_int_equal(words_clean(sr_str_c(text), &buf), SR_ERR_LIMIT);
}

int test_words(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(ordinals),
        cmocka_unit_test(times),
        cmocka_unit_test(durations),
        cmocka_unit_test(digits),
        cmocka_unit_test(text_becomes_ascii),
        cmocka_unit_test(what_cannot_be_said_is_refused),
        cmocka_unit_test(endless_words_are_broken),
    };

    return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}
