#include "test_base.h"

#include "base/alloc.h"
#include "base/buf.h"

static void appends_of_every_kind(void **state)
{
    struct sr_buf buf;

    (void)state;
    sr_buf_init(&buf, 1000);
    assert_string_equal(sr_buf_cstr(&buf), "");
    sr_buf_add(&buf, "ab", 2);
    sr_buf_str(&buf, SR_STR("cd"));
    sr_buf_str(&buf, sr_str_make(NULL, 0));
    sr_buf_c(&buf, "ef");
    sr_buf_char(&buf, '-');
    sr_buf_u64(&buf, 0);
    sr_buf_char(&buf, '-');
    sr_buf_u64(&buf, UINT64_MAX);
    sr_buf_char(&buf, '-');
    sr_buf_hex(&buf, "\x00\xfa", 2);
    sr_buf_fmt(&buf, "-%d%s", -7, "x");
    assert_int_equal(sr_buf_err(&buf), SR_OK);
    assert_str(sr_buf_view(&buf), "abcdef-0-18446744073709551615-00fa--7x");
    assert_string_equal(sr_buf_cstr(&buf), "abcdef-0-18446744073709551615-00fa--7x");
    sr_buf_done(&buf);
}

static void a_full_buffer_keeps_what_it_had_and_stays_failed(void **state)
{
    struct sr_buf buf;

    (void)state;
    sr_buf_init(&buf, 5);
    sr_buf_c(&buf, "abc");
    sr_buf_c(&buf, "def");
    assert_int_equal(sr_buf_err(&buf), SR_ERR_LIMIT);
    sr_buf_c(&buf, "g");
    assert_str(sr_buf_view(&buf), "abc");
    assert_string_equal(sr_buf_cstr(&buf), "");
    sr_buf_truncate(&buf, 2);
    assert_int_equal(sr_buf_err(&buf), SR_OK);
    sr_buf_c(&buf, "xyz");
    assert_int_equal(sr_buf_err(&buf), SR_OK);
    assert_str(sr_buf_view(&buf), "abxyz");
    sr_buf_fmt(&buf, "%d", 1);
    assert_int_equal(sr_buf_err(&buf), SR_ERR_LIMIT);
    sr_buf_clear(&buf);
    assert_int_equal(sr_buf_err(&buf), SR_OK);
    assert_int_equal(buf.len, 0);
    sr_buf_done(&buf);
}

static void formatted_text_fits_exactly_or_not_at_all(void **state)
{
    struct sr_buf buf;

    (void)state;
    sr_buf_init(&buf, 4);
    sr_buf_fmt(&buf, "%s", "1234");
    assert_int_equal(sr_buf_err(&buf), SR_OK);
    assert_str(sr_buf_view(&buf), "1234");
    assert_string_equal(sr_buf_cstr(&buf), "1234");
    sr_buf_clear(&buf);
    sr_buf_fmt(&buf, "%s", "12345");
    assert_int_equal(sr_buf_err(&buf), SR_ERR_LIMIT);
    assert_int_equal(buf.len, 0);
    sr_buf_done(&buf);
}

static void a_fixed_buffer_never_allocates(void **state)
{
    char array[8];
    char wide[512];
    struct sr_buf buf;
    uint64_t total = sr_alloc_total();

    (void)state;
    sr_buf_init_fixed(&buf, array, sizeof(array));
    sr_buf_c(&buf, "1234567");
    assert_int_equal(sr_buf_err(&buf), SR_OK);
    assert_string_equal(sr_buf_cstr(&buf), "1234567");
    sr_buf_fmt(&buf, "%s", "89");
    assert_int_equal(sr_buf_err(&buf), SR_ERR_LIMIT);
    assert_str(sr_buf_view(&buf), "1234567");
    sr_buf_done(&buf);
    sr_buf_init_fixed(&buf, wide, sizeof(wide));
    sr_buf_fmt(&buf, "%400d", 7);
    assert_int_equal(sr_buf_err(&buf), SR_OK);
    assert_int_equal(buf.len, 400);
    sr_buf_fmt(&buf, "%300d", 7);
    assert_int_equal(sr_buf_err(&buf), SR_ERR_LIMIT);
    assert_int_equal(buf.len, 400);
    sr_buf_done(&buf);
    assert_int_equal(sr_alloc_total(), total);
}

static void growth_keeps_the_bytes(void **state)
{
    struct sr_buf buf;

    (void)state;
    sr_buf_init(&buf, 1 << 20);
    for (unsigned i = 0; i < 100000; i++)
        sr_buf_char(&buf, (char)(i % 251));
    assert_int_equal(sr_buf_err(&buf), SR_OK);
    assert_int_equal(buf.len, 100000);
    for (unsigned i = 0; i < 100000; i++) {
        if (buf.data[i] != (char)(i % 251))
            fail();
    }
    sr_buf_done(&buf);
}

static void consuming_moves_the_rest_to_the_front(void **state)
{
    struct sr_buf buf;

    (void)state;
    sr_buf_init(&buf, 100);
    sr_buf_c(&buf, "hello world");
    sr_buf_consume(&buf, 6);
    assert_str(sr_buf_view(&buf), "world");
    sr_buf_consume(&buf, 5);
    assert_int_equal(buf.len, 0);
    sr_buf_done(&buf);
}

static void reserved_room_is_written_directly(void **state)
{
    struct sr_buf buf;
    char *room;

    (void)state;
    sr_buf_init(&buf, 10);
    room = sr_buf_reserve(&buf, 10);
    assert_non_null(room);
    memcpy(room, "123", 3);
    sr_buf_commit(&buf, 3);
    assert_str(sr_buf_view(&buf), "123");
    assert_null(sr_buf_reserve(&buf, 8));
    assert_int_equal(sr_buf_err(&buf), SR_ERR_LIMIT);
    sr_buf_done(&buf);
}

int run_buf_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_of_every_kind),
        cmocka_unit_test(a_full_buffer_keeps_what_it_had_and_stays_failed),
        cmocka_unit_test(formatted_text_fits_exactly_or_not_at_all),
        cmocka_unit_test(a_fixed_buffer_never_allocates),
        cmocka_unit_test(growth_keeps_the_bytes),
        cmocka_unit_test(consuming_moves_the_rest_to_the_front),
        cmocka_unit_test(reserved_room_is_written_directly),
    };

    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
