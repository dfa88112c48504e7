#include "control/config_diff.h"
#include "tests.h"

static void diff(struct config_diff *ret_diff, const char *from, const char *to)
{
    struct config *old = load_right(from);
    struct config *new = load_right(to);
    config_diff_init(ret_diff);
    config_diff_run(ret_diff, old, new);
    config_unref(old);
    config_unref(new);
}

/** The same text loaded twice has no differences, whatever the layout. */
static void equal_texts_have_no_difference(void **state)
{
    (void)state;
    struct config_diff changes;
    diff(&changes, full_config, full_config);
    assert_int_equal(changes.count, 0);
    config_diff_done(&changes);
    diff(&changes, "{}", "{ \"proxy\": { \"lanPort\": 5060 } }");
    assert_int_equal(changes.count, 0);
    config_diff_done(&changes);
}

#define DEVICE(id, more) "{\"id\":\"" id "\",\"password\":\"long enough 1\"" more "}"

/** Objects are matched by id: moved ones are no change; others are added, changed, removed. */
static void objects_are_matched_by_id(void **state)
{
    (void)state;
    struct config_diff changes;
    diff(&changes, "{\"devices\": [" DEVICE("a", "") "," DEVICE("b", "") "," DEVICE("c", "") "]}",
         "{\"devices\": [" DEVICE("c", "") "," DEVICE("b", ",\"dnd\":true") "," DEVICE("d",
                                                                                       "") "]}");
    assert_int_equal(changes.count, 3);
    assert_int_equal(changes.items[0].kind, CONFIG_CHANGED);
    assert_text(changes.items[0].id, "b");
    assert_text(changes.items[0].pointer, "/devices/1");
    assert_int_equal(changes.items[1].kind, CONFIG_ADDED);
    assert_text(changes.items[1].id, "d");
    assert_int_equal(changes.items[2].kind, CONFIG_REMOVED);
    assert_text(changes.items[2].id, "a");
    assert_int_equal(changes.items[2].what, CONFIG_REF_DEVICE);
    assert_int_equal(changes.restart_count, 0);
    config_diff_done(&changes);
}

/** Keys marked x-restart are told; a growing port range needs none, a shrinking one does. */
static void restarts_are_listed(void **state)
{
    (void)state;
    struct config_diff changes;
    diff(&changes, "{}",
         "{\"proxy\": {\"lanPort\": 5070, \"rtpPortRange\": {\"min\": 19000, \"max\": 25000}},"
         "\"security\": {\"banSec\": 5}}");
    assert_int_equal(changes.count, 4);
    assert_int_equal(changes.restart_count, 2);
    struct sr_buf out, restart;
    sr_buf_init(&out, 65536);
    sr_buf_init(&restart, 4096);
    config_diff_write_restart(&changes, &restart);
    config_diff_write(&changes, sr_buf_view(&restart), &out);
    sr_buf_done(&restart);
    struct sr_arena arena;
    struct jsonc_node *root;
    sr_arena_init(&arena, JSONC_ARENA_BYTES_MAX);
    assert_int_equal(jsonc_parse(sr_buf_view(&out), &arena, &root, NULL), SR_OK);
    assert_text(jsonc_at(root, SR_STR("/restart/0"))->text, "/proxy/lanPort");
    assert_text(jsonc_at(root, SR_STR("/restart/1"))->text, "/proxy/rtpPortRange/max");
    sr_arena_done(&arena);
    sr_buf_done(&out);
    config_diff_done(&changes);
}

int test_config_diff(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_texts_have_no_difference),
        cmocka_unit_test(objects_are_matched_by_id),
        cmocka_unit_test(restarts_are_listed),
    };
    return cmocka_run_group_tests_name("config_diff", tests, NULL, NULL);
}
