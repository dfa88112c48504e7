#include "test.h"

/* Also the test that header_table.inc is not stale. */
static void every_name_is_found_in_any_case(void **state)
{
    (void)state;
    for (unsigned id = 1; id < SIP_HDR_COUNT; id++) {
        char name[64];
        struct sr_str text = sr_str_c(sip_header_name((enum sip_hdr)id));
        assert_int_equal(sip_header_of(text), id);
        for (size_t i = 0; i < text.n; i++)
            name[i] =
                i % 2 || !sr_is_alpha(text.p[i]) ? sr_lower(text.p[i]) : (char)(text.p[i] & ~0x20);
        assert_int_equal(sip_header_of(sr_str_make(name, text.n)), id);
        name[text.n - 1] = '!';
        assert_int_equal(sip_header_of(sr_str_make(name, text.n)), SIP_HDR_OTHER);
        char compact = sip_header_compact((enum sip_hdr)id);
        if (!compact)
            continue;
        assert_int_equal(sip_header_of(sr_str_make(&compact, 1)), id);
        compact = (char)(compact & ~0x20);
        assert_int_equal(sip_header_of(sr_str_make(&compact, 1)), id);
    }
}

static void other_names_are_other(void **state)
{
    (void)state;
    const char *names[] = {"", "P", "z", "V1a", "C%6Fntact", "Vias", "Fro", "\x16", "6"};
    for (size_t i = 0; i < SR_ARRAY_LEN(names); i++)
        assert_int_equal(sip_header_of(sr_str_c(names[i])), SIP_HDR_OTHER);
    assert_int_equal(sip_method_of(SR_STR("INVITE")), SIP_METHOD_INVITE);
    assert_int_equal(sip_method_of(SR_STR("invite")), SIP_METHOD_OTHER);
    assert_string_equal(sip_method_name(SIP_METHOD_PUBLISH), "PUBLISH");
    assert_string_equal(sip_status_text(486), "Busy Here");
    assert_string_equal(sip_status_text(499), "Bad Request");
}

int run_header(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_is_found_in_any_case),
        cmocka_unit_test(other_names_are_other),
    };
    return cmocka_run_group_tests_name("header", tests, NULL, NULL);
}
