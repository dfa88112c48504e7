#include <stdio.h>

#include "base/random.h"
#include "tests.h"

typedef enum sr_err edit_fn(struct sr_str text, struct sr_str pointer, struct sr_str value,
                            struct sr_buf *out, struct jsonc_diag *reterr_diag);

static enum sr_err remove_value(struct sr_str text, struct sr_str pointer, struct sr_str value,
                                struct sr_buf *out, struct jsonc_diag *reterr_diag)
{
    (void)value;
    return jsonc_remove(text, pointer, out, reterr_diag);
}

static enum sr_err merge_value(struct sr_str text, struct sr_str pointer, struct sr_str value,
                               struct sr_buf *out, struct jsonc_diag *reterr_diag)
{
    (void)pointer;
    return jsonc_merge(text, value, out, reterr_diag);
}

static enum sr_err become_value(struct sr_str text, struct sr_str pointer, struct sr_str value,
                                struct sr_buf *out, struct jsonc_diag *reterr_diag)
{
    struct sr_arena arena;
    struct jsonc_node *target;
    (void)pointer;
    sr_arena_init(&arena, JSONC_ARENA_BYTES_MAX);
    enum sr_err err = jsonc_parse(value, &arena, &target, reterr_diag);
    if (!err)
        err = jsonc_become(text, target, out, reterr_diag);
    sr_arena_done(&arena);
    return err;
}

struct row {
    edit_fn *edit;
    const char *text;
    const char *pointer;
    const char *value;
    const char *expected;
};

/** Edits change only their place: comments, blank lines and indentation stay byte for byte. */
static void edits_keep_all_other_bytes(void **state)
{
    (void)state;
    static const struct row rows[] = {
        /* replace */
        {jsonc_set, "{ \"a\": 1 /* one */, \"b\": 2 } // end\n", "/a", "\"x\"",
         "{ \"a\": \"x\" /* one */, \"b\": 2 } // end\n"},
        {jsonc_set, "[1, [2, 3]]", "/1/0", "{\"k\":true}", "[1, [{ \"k\": true }, 3]]"},
        /* add to an object: a line comment stays with its own item */
        {jsonc_set, "{\n  \"a\": 1 // one\n}\n", "/b", "2",
         "{\n  \"a\": 1, // one\n  \"b\": 2\n}\n"},
        {jsonc_set, "{\n\t\"a\": 1,\n}\n", "/b", "[1,2]", "{\n\t\"a\": 1,\n\t\"b\": [1, 2],\n}\n"},
        {jsonc_set, "{\"a\": 1}", "/b", "2", "{\"a\": 1, \"b\": 2}"},
        {jsonc_set, "{}", "/b", "2", "{ \"b\": 2 }"},
        {jsonc_set, "{}", "/b/c", "2", "{\n  \"b\": { \"c\": 2 }\n}"},
        {jsonc_set, "[]", "/-", "2", "[2]"},
        {jsonc_set, "[1]", "/1", "2", "[1, 2]"},
        {jsonc_set, "[\n  1, // one\n]", "/-", "2", "[\n  1, // one\n  2,\n]"},
        /* insert */
        {jsonc_insert, "[1, 2]", "/0", "0", "[0, 1, 2]"},
        {jsonc_insert, "[1, 2]", "/1", "9", "[1, 9, 2]"},
        {jsonc_insert, "[\n  // one\n  1,\n  2\n]", "/1", "9", "[\n  // one\n  1,\n  9,\n  2\n]"},
        {jsonc_insert, "[\n  // one\n  1\n]", "/0", "9", "[\n  9,\n  // one\n  1\n]"},
        /* remove */
        {remove_value, "{ \"a\": 1, \"b\": 2 }", "/a", "", "{ \"b\": 2 }"},
        {remove_value, "{ \"a\": 1, \"b\": 2 }", "/b", "", "{ \"a\": 1 }"},
        {remove_value, "{\n  \"a\": 1,\n  // two\n  \"b\": 2\n}", "/b", "",
         "{\n  \"a\": 1\n  // two\n}"},
        {remove_value, "{\n  \"a\": 1, // one\n  \"b\": 2,\n}", "/a", "",
         "{\n  // one\n  \"b\": 2,\n}"},
        {remove_value, "[1]", "/0", "", "[]"},
        {remove_value, "[1 /* x */, 2]", "/0", "", "[ /* x */ 2]"},
        /* RFC 7396, its own examples among them */
        {merge_value, "{\"a\":\"b\"}", "", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {merge_value, "{\"a\":\"b\"}", "", "{\"b\":\"c\"}", "{\"a\":\"b\", \"b\": \"c\"}"},
        {merge_value, "{\"a\":\"b\"}", "", "{\"a\":null}", "{}"},
        {merge_value, "{\"a\":\"b\",\"b\":\"c\"}", "", "{\"a\":null}", "{\"b\":\"c\"}"},
        {merge_value, "{\"a\":[\"b\"]}", "", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {merge_value, "{\"a\":\"c\"}", "", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
        {merge_value, "{\"a\":{\"b\":\"c\"}}", "", "{\"a\":{\"b\":\"d\",\"c\":null}}",
         "{\"a\":{\"b\":\"d\"}}"},
        {merge_value, "[1,2]", "", "{\"a\":\"b\",\"c\":null}", "{ \"a\": \"b\" }"},
        {merge_value, "{}", "", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\n  \"a\": { \"bb\": {} }\n}"},
        {merge_value, "{\"e\":null}", "", "{\"a\":1}", "{\"e\":null, \"a\": 1}"},
        {merge_value, "{\n  // keep\n  \"a\": 1, // one\n  \"b\": 2\n}\n", "",
         "{\"b\":null,\"c\":3,\"d\":4}",
         "{\n  // keep\n  \"a\": 1, // one\n  \"c\": 3,\n  \"d\": 4\n}\n"},
        /* become */
        {become_value,
         "[\n  // a\n  {\"id\": \"a\", \"n\": 1}, // one\n  // b\n  {\"id\": \"b\"}\n]", "",
         "[{\"id\":\"a\",\"n\":2},{\"id\":\"x\"},{\"id\":\"b\"}]",
         "[\n  // a\n  {\"id\": \"a\", \"n\": 2}, // one\n  { \"id\": \"x\" },\n  // b\n  {\"id\": "
         "\"b\"}\n]"},
        {become_value, "[1, 2, 3, 4]", "", "[1, 4]", "[1, 4]"},
        {become_value, "[1, 4]", "", "[1, 2, 3, 4]", "[1, 2, 3, 4]"},
        {become_value, "{\"a\": [/* c */ 1]}", "", "{\"a\": [1]}", "{\"a\": [/* c */ 1]}"},
    };
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        struct sr_buf out;
        struct jsonc_diag diag = {0};
        sr_buf_init(&out, JSONC_BYTES_MAX);
        enum sr_err err = rows[i].edit(sr_str_c(rows[i].text), sr_str_c(rows[i].pointer),
                                       sr_str_c(rows[i].value), &out, &diag);
        if (err)
            fail_msg("row %zu: %s: %s", i, sr_err_name(err), diag.why);
        assert_text(sr_buf_view(&out), rows[i].expected);
        sr_buf_done(&out);
    }
}

/** Places that do not exist and values that cannot be read leave the output empty. */
static void impossible_edits_are_refused(void **state)
{
    (void)state;
    static const struct {
        edit_fn *edit;
        const char *pointer;
        const char *value;
        enum sr_err err;
    } rows[] = {
        {jsonc_set, "/a/b", "1", SR_ERR_NOTFOUND},
        {jsonc_set, "/l/7", "1", SR_ERR_NOTFOUND},
        {jsonc_set, "nonsense", "1", SR_ERR_NOTFOUND},
        {jsonc_set, "/a", "{", SR_ERR_SYNTAX},
        {jsonc_set, "/a", "1}, {\"x\": 1", SR_ERR_SYNTAX},
        {jsonc_insert, "/a", "1", SR_ERR_NOTFOUND},
        {remove_value, "/zz", "", SR_ERR_NOTFOUND},
        {remove_value, "", "", SR_ERR_NOTFOUND},
        {jsonc_set, "/new", "1}, \"x\": {\"y\": 2", SR_ERR_SYNTAX},
    };
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        struct sr_buf out;
        struct jsonc_diag diag = {0};
        sr_buf_init(&out, JSONC_BYTES_MAX);
        enum sr_err err = rows[i].edit(SR_STR("{\"a\": 1, \"l\": [1]}"), sr_str_c(rows[i].pointer),
                                       sr_str_c(rows[i].value), &out, &diag);
        if (err != rows[i].err)
            fail_msg("row %zu: %s", i, sr_err_name(err));
        assert_true(diag.why[0] != '\0');
        assert_int_equal(out.len, 0);
        sr_buf_done(&out);
    }
}

static size_t count_of(struct sr_str text, const char *needle)
{
    size_t count = 0;
    for (size_t at = 0; at < text.n; at++)
        count += sr_str_starts(sr_str_from(text, at), sr_str_c(needle));
    return count;
}

/** One random edit after which the configuration is valid; NOTFOUND when its place is empty. */
static enum sr_err random_edit(struct sr_prng *prng, struct sr_str text, struct sr_buf *out)
{
    static const struct {
        const char *pointer;
        const char *value; /* NULL: a number below 200 and not 0 */
    } edits[] = {
        {"/security/maxAuthFailures", NULL},
        {"/security/banSec", NULL},
        {"/history/keepDays", NULL},
        {"/devices/0/maxContacts", "3"},
        {"/devices/1/displayName", "\"Kitchen\""},
        {"/devices/1/codecs", "[\"PCMA\",\"opus\"]"},
        {"/contacts/-", NULL},
        {"/groups/0/members", "[\"desk\"]"},
        {"/proxy/localNets/-", "\"10.0.0.0/8\""},
        {"/devices/0/forward", "{\"busy\":\"102\"}"},
        {"/server/drainSec", NULL},
    };
    struct jsonc_diag diag;
    char value[128];
    size_t i = (size_t)sr_prng_below(prng, SR_ARRAY_LEN(edits) + 2);
    unsigned number = (unsigned)sr_prng_below(prng, 199) + 1;
    if (i == SR_ARRAY_LEN(edits))
        return jsonc_remove(text, SR_STR("/contacts/0"), out, &diag);
    if (i == SR_ARRAY_LEN(edits) + 1)
        return jsonc_merge(text, SR_STR("{\"security\": {\"banSec\": null, \"nightHours\": \"\"}}"),
                           out, &diag);
    if (strcmp(edits[i].pointer, "/contacts/-") == 0)
        (void)snprintf(value, sizeof(value), "{\"id\":\"c%llx\",\"name\":\"x\",\"number\":\"%u\"}",
                       (unsigned long long)sr_prng_u64(prng), number);
    else if (edits[i].value)
        (void)snprintf(value, sizeof(value), "%s", edits[i].value);
    else
        (void)snprintf(value, sizeof(value), "%u", number);
    return jsonc_set(text, sr_str_c(edits[i].pointer), sr_str_c(value), out, &diag);
}

/** 1,000 random valid edits in a row: the text stays a valid configuration with all its comments. */
static void thousand_random_edits_keep_the_file_valid(void **state)
{
    (void)state;
    struct sr_prng prng;
    struct sr_buf text;
    struct sr_buf next;
    uint64_t seed = 20260101;
    sr_prng_seed(&prng, seed);
    sr_buf_init(&text, JSONC_BYTES_MAX);
    sr_buf_init(&next, JSONC_BYTES_MAX);
    sr_buf_c(&text, full_config);
    size_t comments = count_of(sr_buf_view(&text), "//") + count_of(sr_buf_view(&text), "/*");
    int done = 0;
    while (done < 1000) {
        sr_buf_clear(&next);
        enum sr_err err = random_edit(&prng, sr_buf_view(&text), &next);
        assert_true(err == SR_OK || err == SR_ERR_NOTFOUND);
        if (err)
            continue;
        struct config_faults faults;
        struct config *config = NULL;
        config_faults_init(&faults);
        err = config_load_text(sr_buf_view(&next), NULL, &faults, &config);
        if (err)
            fail_msg("seed %llu, edit %d: %.*s\n%.*s", (unsigned long long)seed, done,
                     SR_STR_ARG(faults.items[0].message), SR_STR_ARG(sr_buf_view(&next)));
        config_unref(config);
        config_faults_done(&faults);
        sr_buf_clear(&text);
        sr_buf_str(&text, sr_buf_view(&next));
        done++;
    }
    assert_int_equal(count_of(sr_buf_view(&text), "//") + count_of(sr_buf_view(&text), "/*"),
                     comments);
    sr_buf_done(&text);
    sr_buf_done(&next);
}

/** A random value of at most `depth` levels. */
static void random_value(struct sr_prng *prng, struct sr_buf *out, int depth, bool is_loose)
{
    static const char *const blanks[] = {"", " ", "\n", "\n  ", " /* c */ ", " // c\n"};
    static const char *const scalars[] = {"1", "\"x\"", "true", "null", "-5", "\"\\n\""};
    uint64_t kind = sr_prng_below(prng, depth > 0 ? 4 : 2);
    if (kind < 2) {
        sr_buf_c(out, scalars[sr_prng_below(prng, SR_ARRAY_LEN(scalars))]);
        return;
    }
    uint64_t count = sr_prng_below(prng, 5);
    sr_buf_char(out, kind == 2 ? '{' : '[');
    uint64_t first = sr_prng_below(prng, 4);
    for (uint64_t i = 0; i < count; i++) {
        if (is_loose)
            sr_buf_c(out, blanks[sr_prng_below(prng, SR_ARRAY_LEN(blanks))]);
        if (kind == 2)
            sr_buf_fmt(out, "\"k%u\": ", (unsigned)((first + i) % 8));
        random_value(prng, out, depth - 1, is_loose);
        if (is_loose)
            sr_buf_c(out, blanks[sr_prng_below(prng, SR_ARRAY_LEN(blanks))]);
        if (i + 1 < count || (is_loose && sr_prng_below(prng, 2)))
            sr_buf_char(out, ',');
        if (is_loose)
            sr_buf_c(out, blanks[sr_prng_below(prng, SR_ARRAY_LEN(blanks))]);
    }
    sr_buf_char(out, kind == 2 ? '}' : ']');
}

/** Whatever the layout: after jsonc_become the text means the target, and no comment was lost. */
static void any_text_becomes_any_other(void **state)
{
    (void)state;
    struct sr_prng prng;
    sr_prng_seed(&prng, 7);
    for (int round = 0; round < 5000; round++) {
        struct sr_arena arena;
        struct sr_buf from;
        struct sr_buf to;
        struct sr_buf out;
        struct jsonc_node *target;
        struct jsonc_node *result;
        struct jsonc_diag diag = {0};
        sr_arena_init(&arena, JSONC_ARENA_BYTES_MAX);
        sr_buf_init(&from, 65536);
        sr_buf_init(&to, 65536);
        sr_buf_init(&out, 65536);
        random_value(&prng, &from, 4, true);
        random_value(&prng, &to, 4, false);
        assert_int_equal(jsonc_parse(sr_buf_view(&to), &arena, &target, &diag), SR_OK);
        enum sr_err err = jsonc_become(sr_buf_view(&from), target, &out, &diag);
        if (err)
            fail_msg("round %d: %s\nfrom %s\nto %s", round, diag.why, sr_buf_cstr(&from),
                     sr_buf_cstr(&to));
        assert_int_equal(jsonc_parse(sr_buf_view(&out), &arena, &result, &diag), SR_OK);
        if (!jsonc_equal(result, target))
            fail_msg("round %d:\nfrom %s\nto %s\ngot %s", round, sr_buf_cstr(&from),
                     sr_buf_cstr(&to), sr_buf_cstr(&out));
        sr_buf_done(&from);
        sr_buf_done(&to);
        sr_buf_done(&out);
        sr_arena_done(&arena);
    }
}

int test_jsonc_edit(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edits_keep_all_other_bytes),
        cmocka_unit_test(impossible_edits_are_refused),
        cmocka_unit_test(thousand_random_edits_keep_the_file_valid),
        cmocka_unit_test(any_text_becomes_any_other),
    };
    return cmocka_run_group_tests_name("jsonc_edit", tests, NULL, NULL);
}
