#include "test_web.h"

#include "control/api.h"

/* What /api/openapi.json says is what the table does: every path and method, both ways. */
static void openapi_and_table_are_one(void **state)
{
    struct sr_buf buf;
    json_error_t error;
    json_t *root, *item;
    const char *path, *method;
    json_t *operation;
    size_t operations = 0;

    (void)state;
    sr_buf_init(&buf, 1 << 20);
    openapi_write(&buf);
    assert_int_equal(sr_buf_err(&buf), SR_OK);
    root = json_loadb(buf.data, buf.len, JSON_REJECT_DUPLICATES, &error);
    sr_buf_done(&buf);
    assert_non_null(root);
    assert_string_equal(json_string_value(json_object_get(root, "openapi")), "3.1.0");
    json_object_foreach(json_object_get(root, "paths"), path, item)
    {
        json_object_foreach(item, method, operation)
        {
            bool is_there = false;

            for (size_t i = 0; i < api_route_count; i++)
                is_there |= strcmp(api_routes[i].path, path) == 0 &&
                            sr_str_ieq_c(sr_str_c(method), http_method_name(api_routes[i].method));
            assert_true(is_there);
            assert_non_null(json_object_get(operation, "summary"));
            operations++;
        }
    }
    assert_int_equal(operations, api_route_count);
    json_decref(root);
}

static void paths_are_matched_whole(void **state)
{
    struct sr_str params[API_PARAMS_MAX];
    unsigned methods;
    int index = api_route_find(HTTP_PATCH, SR_STR("/api/calls/a%20b/legs/7"), params, &methods);

    (void)state;
    assert_true(index >= 0);
    assert_ptr_equal(api_routes[index].handler, api_legs_change);
    assert_true(sr_str_eq_c(params[0], "a%20b"));
    assert_true(sr_str_eq_c(params[1], "7"));
    assert_int_equal(api_route_find(HTTP_GET, SR_STR("/api/calls/"), params, &methods), -1);
    assert_int_equal(methods, 0);
    assert_int_equal(api_route_find(HTTP_PUT, SR_STR("/api/calls"), params, &methods), -1);
    assert_int_equal(methods, 1u << HTTP_GET | 1u << HTTP_HEAD);
}

/* /sip has SIP's own digest; the others tell nothing that is a secret. */
static bool is_open_to_all(const char *path)
{
    static const char *const paths[] = {
        "/api/login", "/api/openapi.json", "/healthz", "/readyz", "/ca.crt",
        "/trust",     "/trust.css",        "/sip"};

    for (size_t i = 0; i < SR_ARRAY_LEN(paths); i++) {
        if (strcmp(path, paths[i]) == 0)
            return true;
    }
    return false;
}

/* No path changes anything of the house for role "read"; only what says so is open without a login. */
static void rights_are_as_promised(void **state)
{
    (void)state;
    for (size_t i = 0; i < api_route_count; i++) {
        const struct api_route *route = &api_routes[i];
        bool is_asking = strcmp(route->path, "/api/routes/test") == 0 ||
                         strcmp(route->path, "/api/config/validate") == 0 ||
                         strcmp(route->path, "/api/logout") == 0 ||
                         strcmp(route->path, "/api/me/password") == 0; /* its own */

        if (route->method != HTTP_GET && !is_asking)
            assert_int_equal(route->roles & AUTH_READ, 0);
        if (route->roles == 0)
            assert_true(is_open_to_all(route->path));
    }
}

int run_table_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openapi_and_table_are_one),
        cmocka_unit_test(paths_are_matched_whole),
        cmocka_unit_test(rights_are_as_promised),
    };

    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
