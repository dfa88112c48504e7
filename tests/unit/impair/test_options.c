#include "test_impair.h"

#include "impair/options.h"

static void options_are_read_and_wrong_ones_refused(void **state)
{
    static const struct {
        const char *name;
        const char *value;
        enum sr_err err;
    } rows[] = {
        {"listen", "127.0.0.1:5060", SR_OK},
        {"to", "127.0.0.1:5070", SR_OK},
        {"to", "127.0.0.1:5071", SR_ERR_SYNTAX},
        {"loss", "0.25", SR_OK},
        {"loss", "1.5", SR_ERR_LIMIT},
        {"loss", "x", SR_ERR_SYNTAX},
        {"dup", "nan", SR_ERR_LIMIT},
        {"nat", "symmetric", SR_OK},
        {"nat", "conical", SR_ERR_SYNTAX},
        {"delay-ms", "-1", SR_ERR_SYNTAX},
        {"delay-ms", "40", SR_OK},
        {"proto", "udp", SR_OK},
        {"direction", "down", SR_OK},
        {"colour", "red", SR_ERR_NOTFOUND},
        {"control-port", "70000", SR_ERR_LIMIT},
    };
    struct impair_options options;

    (void)state;
    impair_options_init(&options);
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        enum sr_err err =
            impair_options_set(&options, sr_str_c(rows[i].name), sr_str_c(rows[i].value));

        if (err != rows[i].err)
            fail_msg("%s %s: %s", rows[i].name, rows[i].value, sr_err_name(err));
    }
    assert_int_equal(options.pair_count, 1);
    assert_int_equal(options.pairs[0].to.port, 5070);
    assert_true(options.loss > 0.2 && options.loss < 0.3);
    assert_int_equal(options.nat, IMPAIR_NAT_SYMMETRIC);
    assert_true(options.udp && !options.tcp && options.down && !options.up);
    assert_true(impair_options_is_live(SR_STR("loss")));
    assert_false(impair_options_is_live(SR_STR("listen")));
}

int run_options_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_read_and_wrong_ones_refused),
    };

    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
