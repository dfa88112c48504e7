#include "test_base.h"

#include "base/base.h"

static void every_error_has_a_name_and_a_sentence(void **state)
{
    (void)state;
    assert_string_equal(sr_err_name(SR_OK), "OK");
    assert_string_equal(sr_err_name(SR_ERR_LIMIT), "LIMIT");
    assert_string_equal(sr_err_name(SR_ERR_EXISTS), "EXISTS");
    assert_string_equal(sr_err_name((enum sr_err)(-99)), "?");
    assert_string_equal(sr_err_text(SR_ERR_SYNTAX), "input is malformed");
    assert_non_null(sr_err_text((enum sr_err)(-99)));
    assert_non_null(sr_err_text(SR_OK));
}

struct holder {
    int first;
    int member;
};

static void container_gives_the_holder_of_a_member(void **state)
{
    struct holder holder = {1, 2};
    int *member = &holder.member;

    (void)state;
    assert_ptr_equal(SR_CONTAINER(member, struct holder, member), &holder);
}

int run_base_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_a_name_and_a_sentence),
        cmocka_unit_test(container_gives_the_holder_of_a_member),
    };

    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
