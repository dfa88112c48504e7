#include "control/config_mask.h"
#include "tests.h"

static bool has(struct sr_str text, const char *needle)
{
    return sr_str_search(text, sr_str_c(needle)) < text.n;
}

/** No secret is in what the API shows: neither plain ones nor those by name in unknown keys. */
static void secrets_are_not_shown(void **state)
{
    (void)state;
    struct sr_buf out;
    struct jsonc_diag diag;
    sr_buf_init(&out, JSONC_BYTES_MAX);
    assert_int_equal(config_mask_write(sr_str_c(full_config), &out, &diag), SR_OK);
    static const char *const secrets[] = {"provider secret", "correct horse", "0123456789abcdef",
                                          "4711", "hook secret"};
    for (size_t i = 0; i < SR_ARRAY_LEN(secrets); i++)
        assert_false(has(sr_buf_view(&out), secrets[i]));
    assert_true(has(sr_buf_view(&out), "\"password\":{\"masked\":true}"));
    sr_buf_clear(&out);
    assert_int_equal(config_mask_write(
                         SR_STR("{\"devices\":[{\"Password\":\"abc\",\"password\":5,\"pin\":\"\"}],"
                                "\"storage\":{\"url\":\"postgresql://u:hidden@h/db\"}}"),
                         &out, &diag),
                     SR_OK);
    assert_text(sr_buf_view(&out),
                "{\"devices\":[{\"Password\":{\"masked\":true},\"password\":{\"masked\":true},"
                "\"pin\":\"\"}],\"storage\":{\"url\":\"postgresql://u:***@h/db\"}}");
    sr_buf_done(&out);
}

/** What GET gave, sent back by PUT, changes not one byte. */
static void masked_round_trip_changes_nothing(void **state)
{
    (void)state;
    struct sr_buf shown;
    struct sr_buf out;
    struct jsonc_diag diag = {0};
    sr_buf_init(&shown, JSONC_BYTES_MAX);
    sr_buf_init(&out, JSONC_BYTES_MAX);
    assert_int_equal(config_mask_write(sr_str_c(full_config), &shown, &diag), SR_OK);
    assert_int_equal(config_mask_put(sr_str_c(full_config), sr_buf_view(&shown), &out, &diag),
                     SR_OK);
    assert_text(sr_buf_view(&out), full_config);
    sr_buf_done(&shown);
    sr_buf_done(&out);
}

/** Masked secrets follow their object by id, also when the list is reordered or one is removed. */
static void masked_secrets_follow_their_id(void **state)
{
    (void)state;
    static const char text[] = "{\"devices\": [\n"
                               "  {\"id\": \"a\", \"password\": \"pa\"}, // first\n"
                               "  {\"id\": \"b\", \"password\": {\"env\": \"X\"}}\n]}";
    struct sr_buf out;
    struct jsonc_diag diag = {0};
    sr_buf_init(&out, JSONC_BYTES_MAX);
    assert_int_equal(
        config_mask_put(sr_str_c(text),
                        SR_STR("{\"devices\":[{\"id\":\"b\",\"password\":{\"masked\":true}},"
                               "{\"id\":\"a\",\"password\":{\"masked\":true}}]}"),
                        &out, &diag),
        SR_OK);
    struct sr_arena arena;
    struct jsonc_node *root;
    sr_arena_init(&arena, JSONC_ARENA_BYTES_MAX);
    assert_int_equal(jsonc_parse(sr_buf_view(&out), &arena, &root, NULL), SR_OK);
    assert_text(jsonc_at(root, SR_STR("/devices/0/password/env"))->text, "X");
    assert_text(jsonc_at(root, SR_STR("/devices/1/password"))->text, "pa");
    sr_buf_clear(&out);
    assert_int_equal(
        config_mask_patch(sr_str_c(text),
                          SR_STR("{\"devices\":[{\"id\":\"a\",\"password\":{\"masked\":"
                                 "true},\"dnd\":true}]}"),
                          &out, &diag),
        SR_OK);
    assert_text(sr_buf_view(&out),
                "{\"devices\": [\n"
                "  {\"id\": \"a\", \"password\": \"pa\", \"dnd\": true} // first\n]}");
    sr_buf_clear(&out);
    assert_int_equal(config_mask_put(sr_str_c(text), SR_STR("{\"devices\":"), &out, &diag),
                     SR_ERR_SYNTAX);
    sr_arena_done(&arena);
    sr_buf_done(&out);
}

int test_config_mask(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_not_shown),
        cmocka_unit_test(masked_round_trip_changes_nothing),
        cmocka_unit_test(masked_secrets_follow_their_id),
    };
    return cmocka_run_group_tests_name("config_mask", tests, NULL, NULL);
}
