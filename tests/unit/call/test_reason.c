#include "test_call.h"

#include "call/reason.h"

/* A party's refusal and the reason it stands for tell a caller the same kind of thing. */
static void status_and_reason_agree(void **state)
{
    static const struct {
        uint16_t status;
        enum call_reason reason;
    } rows[] = {
        {486, CALL_REASON_BUSY},      {600, CALL_REASON_BUSY},
        {603, CALL_REASON_DECLINED},  {404, CALL_REASON_NOT_FOUND},
        {488, CALL_REASON_NO_CODEC},  {408, CALL_REASON_UNREACHABLE},
        {480, CALL_REASON_NO_ANSWER}, {487, CALL_REASON_CANCELLED},
        {403, CALL_REASON_REFUSED},   {302, CALL_REASON_UNREACHABLE},
    };

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++)
        assert_int_equal(call_reason_from_status(rows[i].status), rows[i].reason);
}

/* Every reason has a word of its own and a sentence, and its status can end an INVITE. */
static void every_reason_is_complete(void **state)
{
    (void)state;
    for (int i = CALL_REASON_HANGUP; i <= CALL_REASON_INTERNAL; i++) {
        enum call_reason reason = (enum call_reason)i;
        uint16_t status = call_reason_status(reason);

        assert_true(strlen(call_reason_name(reason)) > 0);
        assert_true(strlen(call_reason_text(reason)) > 0);
        assert_true(status == 0 || (status >= 400 && status < 700));
        for (int other = CALL_REASON_HANGUP; other < i; other++)
            assert_string_not_equal(call_reason_name(reason),
                                    call_reason_name((enum call_reason)other));
    }
}

int run_reason_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_and_reason_agree),
        cmocka_unit_test(every_reason_is_complete),
    };

    return cmocka_run_group_tests_name("reason", tests, NULL, NULL);
}
