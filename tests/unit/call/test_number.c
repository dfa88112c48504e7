/* Numbers against the oracle's answers (tests/data/numbers.tsv, made by tools/number_vectors.mjs), and
 * what people dial. */
#include "call/number.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "test_call.h"

static void read_vectors(struct sr_buf *text)
{
    int fd = open(TEST_DATA "/numbers.tsv", O_RDONLY);
    ssize_t got;

    assert_true(fd >= 0);
    do {
        char *room = sr_buf_reserve(text, 65536);

        assert_non_null(room);
        got = read(fd, room, 65536);
        assert_true(got >= 0);
        sr_buf_commit(text, (size_t)got);
    } while (got > 0);
    (void)close(fd);
}

static void test_numbers_of_providers_become_what_the_oracle_says(void **state)
{
    char number[NUMBER_TEXT_MAX];
    struct sr_buf text;
    struct sr_str rest, line;
    unsigned count = 0;

    (void)state;
    sr_buf_init(&text, 1 << 20);
    read_vectors(&text);
    rest = sr_buf_view(&text);
    while (sr_str_split(&rest, '\n', &line)) {
        struct sr_str fields[4];

        for (size_t i = 0; i < 4; i++)
            (void)sr_str_split(&line, '\t', &fields[i]);
        if (!number_normalise(fields[1], fields[0], NUMBER_FROM_PROVIDER, number) ||
            !sr_str_eq_c(fields[2], number) ||
            !sr_str_eq(number_country(sr_str_c(number)), fields[3]))
            fail_msg("%.*s in %.*s gives %s (%.*s), not %.*s (%.*s)", SR_STR_ARG(fields[1]),
                     SR_STR_ARG(fields[0]), number, SR_STR_ARG(number_country(sr_str_c(number))),
                     SR_STR_ARG(fields[2]), SR_STR_ARG(fields[3]));
        count++;
    }
    sr_buf_done(&text);
    assert_int_equal(count, 4000);
}

struct dialled {
    const char *country, *text, *number;
    bool is_e164;
};

static void check(const struct dialled *row, enum number_source source)
{
    char number[NUMBER_TEXT_MAX];
    bool is_e164 = number_normalise(sr_str_c(row->text), sr_str_c(row->country), source, number);

    assert_string_equal(number, row->number);
    assert_int_equal(is_e164, row->is_e164);
}

static void test_what_people_dial(void **state)
{
    static const struct dialled rows[] = {
        {"DE", "030 123456", "+4930123456", true},
        {"DE", "+49 (0)30 / 123-456", "+4930123456", true},
        {"DE", "0049 30 123456", "+4930123456", true},
        {"DE", "123456", "123456", false}, /* somebody in the same town */
        {"DE", "49301234567", "49301234567", false},
        {"DE", "112", "112", false},
        {"DE", "*43", "*43", false},
        {"DE", "#31#0301234", "#31#0301234", false},
        {"DE", "desk", "desk", false},
        {"DE", "", "", false},
        {"DE", "+", "+", false},
        {"DE", "00", "00", false},
        {"US", "(212) 555-0100", "+12125550100", true},
        {"US", "1 212 555 0100", "+12125550100", true},
        {"US", "011 49 30 123456", "+4930123456", true},
        {"US", "0049 30 123456", "+4930123456", true},
        {"US", "5550100", "5550100", false},
        {"ES", "912 345 678", "+34912345678", true}, /* no national prefix there */
        {"IT", "06 1234 5678", "+390612345678", true},
        {"", "0044 20 7946 0018", "+442079460018", true},
        {"", "+44 20 7946 0018", "+442079460018", true},
        {"", "020 7946 0018", "02079460018", false},
        {"XX", "020 7946 0018", "02079460018", false},
        {"", "+882 1234 5678", "+88212345678", true}, /* no country's code */
        {"", "+99", "+99", false},
        {"DE", "+4930123456;npdi=yes", "+4930123456", true},
        {"DE", "00000000000000000000000000000000000000000000000000",
         "00000000000000000000000000000000000000000000000000", false},
    };

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++)
        check(&rows[i], NUMBER_DIALLED);
}

static void test_what_providers_send(void **state)
{
    static const struct dialled rows[] = {
        {"DE", "anonymous", "anonymous", false},
        {"DE", "4930123456", "+4930123456", true}, /* the + was left out */
        {"DE", "110", "110", false},
        {"DE", "0 12345", "+4912345", true}, /* the prefix tells, the table does not know it */
        {"GG", "234567", "+441481234567", true},
        {"JP", "0077 7163", "+8100777163", true}, /* 00 means something else there */
    };

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++)
        check(&rows[i], NUMBER_FROM_PROVIDER);
}

static void test_countries_of_numbers(void **state)
{
    static const char *const rows[][2] = {
        {"+493012345", "DE"},
        {"+12125550100", "US"},
        {"+18765551234", "JM"},
        {"+14165550100", "CA"},
        {"+77012345678", "KZ"},
        {"+79161234567", "RU"},
        {"+390669812345", "VA"},
        {"+19995550100", "US"}, /* nobody's area: the main country */
        {"+88212345678", ""},
        {"030123", ""},
        {"+", ""},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++)
        assert_true(sr_str_eq_c(number_country(sr_str_c(rows[i][0])), rows[i][1]));
    assert_true(number_has_country(SR_STR("DE")));
    assert_false(number_has_country(SR_STR("XX")));
    assert_false(number_has_country(SR_STR("")));
}

static void test_beginnings_of_numbers(void **state)
{
    static const char *const rows[][3] = {
        {"DE", "0900", "+49900"}, {"DE", "00", "+"},       {"DE", "0044", "+44"},
        {"DE", "+44", "+44"},     {"DE", "118", "118"},    {"US", "1900", "+1900"},
        {"US", "011", "+"},       {"", "0044", "+44"},     {"", "0900", "0900"},
        {"FR", "08", "+338"},     {"HU", "0690", "+3690"},
    };
    char prefix[NUMBER_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        bool is_changed = number_prefix(sr_str_c(rows[i][1]), sr_str_c(rows[i][0]), prefix);

        assert_string_equal(prefix, rows[i][2]);
        assert_int_equal(is_changed, strcmp(rows[i][1], rows[i][2]) != 0);
    }
}

int run_number_tests(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_of_providers_become_what_the_oracle_says),
        cmocka_unit_test(test_what_people_dial),
        cmocka_unit_test(test_what_providers_send),
        cmocka_unit_test(test_countries_of_numbers),
        cmocka_unit_test(test_beginnings_of_numbers),
    };

    return cmocka_run_group_tests_name("number", tests, NULL, NULL);
}
