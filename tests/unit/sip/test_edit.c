#include "test.h"

static const char original[] = "INVITE sip:c@d SIP/2.0\r\n"
                               "v :SIP/2.0/UDP a,  SIP/2.0/UDP b\r\n"
                               "X-Odd:   kept \r\n\tfolded  \r\n"
                               "Route: <sip:r1;lr>\r\nROUTE: <sip:r2;lr>\r\n"
                               "max-forwards: 70\r\n"
                               "l: 3\r\n\r\nabc";

static struct sip_header slots[32];
static struct sip_msg msg;
static struct sr_arena arena;
static char memory[32768];
static char bytes[4096];
static struct sr_buf buf;

static struct sip_edit begun(void)
{
    struct sip_edit edit;
    assert_int_equal(sip_msg_parse(sr_str_c(original), slots, 32, &msg, NULL), SR_OK);
    sr_arena_init_fixed(&arena, memory, sizeof memory);
    sr_buf_init_fixed(&buf, bytes, sizeof bytes);
    sip_edit_init(&edit, &msg, &arena);
    return edit;
}

static void nothing_changed_is_byte_for_byte(void **state)
{
    (void)state;
    struct sip_edit edit = begun();
    assert_int_equal(sip_edit_write(&edit, &buf), SR_OK);
    assert_true(sr_str_eq(sr_buf_view(&buf), sr_str_c(original)));
}

/* What is left of a message that was not indexed to its end may lack its Content-Length. */
static void a_message_with_more_headers_than_slots_is_not_written(void **state)
{
    (void)state;
    struct sip_edit edit;
    begun();
    assert_int_equal(sip_msg_parse(sr_str_c(original), slots, 3, &msg, NULL), SR_OK);
    sip_edit_init(&edit, &msg, &arena);
    assert_int_equal(sip_edit_write(&edit, &buf), SR_ERR_SYNTAX);
}

static void changes_leave_the_rest(void **state)
{
    (void)state;
    struct sip_edit edit = begun();
    sip_edit_uri(&edit, SR_STR("sip:e@f"));
    sip_edit_pop(&edit, SIP_HDR_VIA);
    sip_edit_add_first(&edit, SIP_HDR_VIA, SR_STR("SIP/2.0/TCP us"));
    sip_edit_pop(&edit, SIP_HDR_ROUTE);
    sip_edit_set_top(&edit, SIP_HDR_ROUTE, SR_STR("<sip:r3>\r\nEvil: 1"));
    sip_edit_set(&edit, SIP_HDR_MAX_FORWARDS, SR_STR("69"));
    sip_edit_add_name(&edit, SR_STR("X-New"), SR_STR("1"));
    sip_edit_body(&edit, SR_STR("text/plain"), SR_STR("hello"));
    assert_int_equal(sip_edit_write(&edit, &buf), SR_OK);
    assert_str(sr_buf_view(&buf), "INVITE sip:e@f SIP/2.0\r\n"
                                  "Via: SIP/2.0/TCP us\r\n"
                                  "Via: SIP/2.0/UDP b\r\n"
                                  "X-Odd:   kept \r\n\tfolded  \r\n"
                                  "Route: <sip:r3> Evil: 1\r\n"
                                  "Max-Forwards: 69\r\n"
                                  "Content-Length: 5\r\n"
                                  "X-New: 1\r\n"
                                  "Content-Type: text/plain\r\n\r\nhello");
}

static void removal_and_faults(void **state)
{
    (void)state;
    struct sip_edit edit = begun();
    sip_edit_remove(&edit, SIP_HDR_ROUTE);
    sip_edit_remove_name(&edit, SR_STR("x-odd"));
    sip_edit_remove_name(&edit, SR_STR("Via"));
    sip_edit_body(&edit, SR_STR(""), SR_STR(""));
    assert_int_equal(sip_edit_write(&edit, &buf), SR_OK);
    assert_str(sr_buf_view(&buf),
               "INVITE sip:c@d SIP/2.0\r\nmax-forwards: 70\r\nContent-Length: 0\r\n\r\n");
    edit = begun();
    sip_edit_uri(&edit, SR_STR("sip:e f"));
    assert_int_equal(sip_edit_write(&edit, &buf), SR_ERR_SYNTAX);
    edit = begun();
    sip_edit_add_name(&edit, SR_STR("A:"), SR_STR("1"));
    assert_int_equal(sip_edit_write(&edit, &buf), SR_ERR_SYNTAX);
    edit = begun();
    for (unsigned i = 0; i < 100; i++)
        sip_edit_add(&edit, SIP_HDR_VIA, SR_STR("x"));
    assert_int_equal(sip_edit_write(&edit, &buf), SR_ERR_LIMIT);
}

int run_edit(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_changed_is_byte_for_byte),
        cmocka_unit_test(a_message_with_more_headers_than_slots_is_not_written),
        cmocka_unit_test(changes_leave_the_rest),
        cmocka_unit_test(removal_and_faults),
    };
    return cmocka_run_group_tests_name("edit", tests, NULL, NULL);
}
