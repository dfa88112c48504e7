#include "kit.h"

#include "base/alloc.h"

static void on_user(void *arg, const struct store_user *user)
{
    struct sr_buf *buf = arg;

    sr_buf_fmt(buf, "%.*s/%.*s/%.*s/%.*s;", SR_STR_ARG(user->name), SR_STR_ARG(user->role),
               SR_STR_ARG(user->password_hash), SR_STR_ARG(user->device_id));
}

static void on_token(void *arg, const struct store_token *token)
{
    struct sr_buf *buf = arg;

    sr_buf_fmt(buf, "%.*s/%.*s/%.*s/%.*s/%.*s/%lld/%lld;", SR_STR_ARG(token->id),
               SR_STR_ARG(token->name), SR_STR_ARG(token->role), SR_STR_ARG(token->hash),
               SR_STR_ARG(token->device_id), (long long)token->created_wall_us,
               (long long)token->expires_wall_us);
}

static void users_are_kept(void **state)
{
    struct store *store = kit_open(*state, NULL);
    struct store_user user = {SR_STR("o'hara"), SR_STR("user"), SR_STR("h1"), SR_STR("desk")};
    struct store_user admin = {SR_STR("admin"), SR_STR("admin"), SR_STR("h0"), {NULL, 0}};
    struct sr_buf buf;

    sr_buf_init(&buf, 4096);
    assert_int_equal(store_user_put(store, &user), SR_OK);
    assert_int_equal(store_user_put(store, &admin), SR_OK);
    user.password_hash = SR_STR("h2");
    assert_int_equal(store_user_put(store, &user), SR_OK);
    store_close(store);
    store = kit_open(*state, NULL);
    assert_int_equal(store_users_load(store, on_user, &buf), SR_OK);
    assert_string_equal(sr_buf_cstr(&buf), "admin/admin/h0/;o'hara/user/h2/desk;");
    assert_int_equal(store_user_remove(store, SR_STR("admin")), SR_OK);
    assert_int_equal(store_user_remove(store, SR_STR("admin")), SR_ERR_NOTFOUND);
    assert_int_equal(store_user_remove(store, SR_STR("' OR ''='")), SR_ERR_NOTFOUND);
    sr_buf_clear(&buf);
    assert_int_equal(store_users_load(store, on_user, &buf), SR_OK);
    assert_string_equal(sr_buf_cstr(&buf), "o'hara/user/h2/desk;");
    sr_buf_done(&buf);
    store_close(store);
}

static void tokens_are_kept(void **state)
{
    struct store *store = kit_open(*state, NULL);
    struct store_token token = {.id = SR_STR("t1"),
                                .name = SR_STR("ci"),
                                .role = SR_STR("read"),
                                .hash = SR_STR("ab"),
                                .created_wall_us = 5,
                                .expires_wall_us = 9};
    struct sr_buf buf;

    sr_buf_init(&buf, 4096);
    assert_int_equal(store_token_put(store, &token), SR_OK);
    token.id = SR_STR("t0");
    token.created_wall_us = 7;
    token.expires_wall_us = 0;
    assert_int_equal(store_token_put(store, &token), SR_OK);
    assert_int_equal(store_tokens_load(store, on_token, &buf), SR_OK);
    assert_string_equal(sr_buf_cstr(&buf), "t1/ci/read/ab//5/9;t0/ci/read/ab//7/0;");
    assert_int_equal(store_token_remove(store, SR_STR("t1")), SR_OK);
    assert_int_equal(store_token_remove(store, SR_STR("t1")), SR_ERR_NOTFOUND);
    sr_buf_done(&buf);
    store_close(store);
}

/* Values are bytes: NUL and 1 MB come back; a longer one and a name too long are refused. */
static void values_are_bytes(void **state)
{
    struct store *store = kit_open(*state, NULL);
    char *large = sr_zalloc(1, STORE_VALUE_MAX + 1);
    struct sr_str value = {large, STORE_VALUE_MAX};
    struct sr_buf buf;

    sr_buf_init(&buf, 2 * STORE_VALUE_MAX);
    large[77] = '\'';
    assert_int_equal(store_value_get(store, SR_STR("k"), &buf), SR_ERR_NOTFOUND);
    assert_int_equal(store_value_put(store, SR_STR("k"), SR_STR("")), SR_OK);
    assert_int_equal(store_value_get(store, SR_STR("k"), &buf), SR_OK);
    assert_int_equal(buf.len, 0);
    assert_int_equal(store_value_put(store, SR_STR("k"), value), SR_OK);
    assert_int_equal(store_value_get(store, SR_STR("k"), &buf), SR_OK);
    assert_true(sr_str_eq(sr_buf_view(&buf), value));
    value.n++;
    assert_int_equal(store_value_put(store, SR_STR("k"), value), SR_ERR_LIMIT);
    assert_int_equal(store_value_put(store, value, SR_STR("v")), SR_ERR_LIMIT);
    sr_buf_done(&buf);
    sr_free(large);
    store_close(store);
}

int test_users(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(users_are_kept, kit_up, kit_down),
        cmocka_unit_test_setup_teardown(tokens_are_kept, kit_up, kit_down),
        cmocka_unit_test_setup_teardown(values_are_bytes, kit_up, kit_down),
    };

    return cmocka_run_group_tests_name("store/users", tests, NULL, NULL);
}
