#include "call/pattern.h"
#include "tests.h"

static struct pattern *compile(const char *text)
{
    struct pattern *pattern = NULL;
    struct pattern_fault fault;
    if (pattern_new(sr_str_c(text), &pattern, &fault) != SR_OK)
        fail_msg("%s: %s", text, fault.why);
    return pattern;
}

/** Exact, prefix and regular expression; NULL is anything. */
static void forms_match_what_they_say(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *number;
        bool matches;
    } rows[] = {
        {"112", "112", true},
        {"112", "1123", false},
        {"+4930*", "+4930", true},
        {"+4930*", "+49301", true},
        {"+4930*", "+4931", false},
        {"*", "", true},
        {"*43", "*43", true},
        {"*43", "43", false},
        {"/^\\+49(30|40)/", "+49401", true},
        {"/^\\+49(30|40)/", "+4950", false},
        {"/9/", "190", true},
        {"/^$/", "", true},
    };
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        struct pattern *pattern = compile(rows[i].pattern);
        if (pattern_matches(pattern, sr_str_c(rows[i].number)) != rows[i].matches)
            fail_msg("%s on %s", rows[i].pattern, rows[i].number);
        pattern_free(pattern);
    }
    assert_true(pattern_matches(NULL, SR_STR("1")));
}

static void broken_patterns_are_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {"", "/", "/x", "//", "/(/", "/[/", "+49*30", "1**"};
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        struct pattern *pattern = NULL;
        struct pattern_fault fault = {0};
        if (pattern_new(sr_str_c(rows[i]), &pattern, &fault) == SR_OK)
            fail_msg("accepted: %s", rows[i]);
        assert_true(fault.why[0] != '\0');
        assert_null(pattern);
    }
}

/** An expression that would try for ever is stopped by the match limit and does not match. */
static void endless_matching_is_stopped(void **state)
{
    (void)state;
    struct pattern *pattern = compile("/^(a+)+$/");
    assert_false(pattern_matches(pattern, SR_STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab")));
    pattern_free(pattern);
}

static void covering_is_told_where_certain(void **state)
{
    (void)state;
    struct pattern *wide = compile("+49*");
    struct pattern *narrow = compile("+4930*");
    struct pattern *exact = compile("+4930");
    struct pattern *regex = compile("/^\\+49/");
    assert_true(pattern_covers(wide, narrow));
    assert_false(pattern_covers(narrow, wide));
    assert_true(pattern_covers(regex, exact));
    assert_false(pattern_covers(regex, narrow));
    assert_true(pattern_covers(NULL, regex));
    assert_false(pattern_covers(wide, NULL));
    pattern_free(wide);
    pattern_free(narrow);
    pattern_free(exact);
    pattern_free(regex);
}

int test_pattern(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_match_what_they_say),
        cmocka_unit_test(broken_patterns_are_refused),
        cmocka_unit_test(endless_matching_is_stopped),
        cmocka_unit_test(covering_is_told_where_certain),
    };
    return cmocka_run_group_tests_name("pattern", tests, NULL, NULL);
}
