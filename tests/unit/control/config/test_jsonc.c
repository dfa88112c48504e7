#include <stdio.h>

#include "tests.h"

static struct jsonc_node *parse(struct sr_arena *arena, const char *text)
{
    struct jsonc_node *root = NULL;
    struct jsonc_diag diag;
    sr_arena_init(arena, JSONC_ARENA_BYTES_MAX);
    if (jsonc_parse(sr_str_c(text), arena, &root, &diag) != SR_OK)
        fail_msg("%u:%u: %s", diag.line, diag.column, diag.why);
    return root;
}

/** Values, escapes, comments and trailing commas are read, with the place of each. */
static void reads_values_with_their_places(void **state)
{
    (void)state;
    struct sr_arena arena;
    struct jsonc_node *root =
        parse(&arena, "// first\n{\n  \"a\": -12, /* c */ \"b/~\": [true, null,],\n"
                      "  \"t\": \"\\u00e4\\ud83d\\ude00\\n\", \"f\": 1.5e3,\n}\n");
    assert_int_equal(root->type, JSONC_OBJECT);
    assert_int_equal(root->count, 4);
    struct jsonc_node *a = jsonc_member_c(root, "a");
    assert_int_equal(a->integer, -12);
    assert_true(a->is_integer);
    assert_int_equal(a->line, 3);
    assert_int_equal(a->column, 8);
    assert_int_equal(a->key_column, 3);
    struct jsonc_node *null = jsonc_at(root, SR_STR("/b~1~0/1"));
    assert_non_null(null);
    assert_int_equal(null->type, JSONC_NULL);
    assert_text(jsonc_member_c(root, "t")->text, "\xc3\xa4\xf0\x9f\x98\x80\n");
    assert_false(jsonc_member_c(root, "f")->is_integer);
    char bytes[64];
    struct sr_buf pointer;
    sr_buf_init_fixed(&pointer, bytes, sizeof(bytes));
    jsonc_pointer(null, &pointer);
    assert_text(sr_buf_view(&pointer), "/b~1~0/1");
    assert_null(jsonc_at(root, SR_STR("/b~1~0/2")));
    assert_null(jsonc_at(root, SR_STR("/b~1~0/01")));
    sr_arena_done(&arena);
}

/** Each broken text is refused at the right place with a sentence. */
static void refuses_broken_texts_at_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t line;
        uint32_t column;
        const char *word;
    } rows[] = {
        {"", 1, 1, "ends here"},
        {"{\n \"a\": 1\n \"b\": 2}", 3, 2, "comma"},
        {"{\"a\" 1}", 1, 6, "colon"},
        {"{a: 1}", 1, 2, "key"},
        {"{'a': 1}", 1, 2, "double quotes"},
        {"[1,,2]", 1, 4, "value"},
        {"[,]", 1, 2, "value"},
        {"[01]", 1, 2, "leading zero"},
        {"[+1]", 1, 2, "value"},
        {"[1.]", 1, 4, "digit"},
        {"[yes]", 1, 2, "\"yes\""},
        {"[\"abc\n\"]", 1, 2, "never closed"},
        {"[\"a\\x\"]", 1, 4, "escape"},
        {"[\"\\ud800\"]", 1, 9, "surrogate"},
        {"[\"\\u0000\"]", 1, 9, "NUL"},
        {"[\"\xff\"]", 1, 3, "0xff"},
        {"[\"\xc0\x80\"]", 1, 3, "0xc0"},
        {"{\"a\": 1,\n\n \"a\": 2}", 3, 2, "twice"},
        {"/* open\n\n", 1, 1, "never closed"},
        {"{} {}", 1, 4, "end of the text"},
        {"[1", 1, 3, "ends here"},
    };
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        struct sr_arena arena;
        struct jsonc_node *root;
        struct jsonc_diag diag = {0};
        sr_arena_init(&arena, JSONC_ARENA_BYTES_MAX);
        assert_int_equal(jsonc_parse(sr_str_c(rows[i].text), &arena, &root, &diag), SR_ERR_SYNTAX);
        if (diag.line != rows[i].line || diag.column != rows[i].column ||
            !strstr(diag.why, rows[i].word))
            fail_msg("%s: %u:%u %s", rows[i].text, diag.line, diag.column, diag.why);
        sr_arena_done(&arena);
    }
}

/** Depth and size have limits. */
static void limits_hold(void **state)
{
    (void)state;
    struct sr_arena arena;
    struct jsonc_node *root;
    struct jsonc_diag diag;
    char deep[JSONC_DEPTH_MAX + 1];
    memset(deep, '[', sizeof(deep));
    sr_arena_init(&arena, JSONC_ARENA_BYTES_MAX);
    assert_int_equal(jsonc_parse(sr_str_make(deep, sizeof(deep)), &arena, &root, &diag),
                     SR_ERR_LIMIT);
    struct sr_buf big;
    sr_buf_init(&big, JSONC_BYTES_MAX * 2);
    sr_buf_char(&big, '[');
    while (big.len <= JSONC_BYTES_MAX)
        sr_buf_c(&big, "          ");
    assert_int_equal(jsonc_parse(sr_buf_view(&big), &arena, &root, &diag), SR_ERR_LIMIT);
    sr_buf_clear(&big);
    sr_buf_char(&big, '[');
    for (int i = 0; i <= JSONC_ITEMS_MAX; i++)
        sr_buf_c(&big, "1,");
    sr_buf_char(&big, ']');
    assert_int_equal(jsonc_parse(sr_buf_view(&big), &arena, &root, &diag), SR_ERR_LIMIT);
    sr_buf_done(&big);
    sr_arena_done(&arena);
}

/** Every prefix of a valid file is refused (or complete), never a crash, and never read beyond. */
static void every_prefix_is_refused(void **state)
{
    (void)state;
    size_t whole = strlen(full_config);
    for (size_t n = 0; n < whole; n++) {
        char *copy = NULL;
        struct sr_buf exact;
        sr_buf_init(&exact, whole + 1);
        copy = n ? sr_buf_reserve(&exact, n) : NULL;
        if (copy)
            memcpy(copy, full_config, n);
        struct config_faults faults;
        struct config *config = NULL;
        config_faults_init(&faults);
        enum sr_err err = config_load_text(sr_str_make(copy, n), NULL, &faults, &config);
        /* only spaces may follow the closing bracket */
        if (err == SR_OK)
            assert_true(n + 2 >= whole);
        else
            assert_true(faults.error_count > 0);
        config_unref(config);
        config_faults_done(&faults);
        sr_buf_done(&exact);
    }
}

int test_jsonc(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_values_with_their_places),
        cmocka_unit_test(refuses_broken_texts_at_their_place),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(every_prefix_is_refused),
    };
    return cmocka_run_group_tests_name("jsonc", tests, NULL, NULL);
}
