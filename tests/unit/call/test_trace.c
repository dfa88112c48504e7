#include "test_call.h"

#include "call/internal.h"

static void trace_text(const char *message, char ret_text[2048])
{
    struct net_flow flow = {.kind = NET_UDP};
    struct ua_trace traced = {.flow = &flow, .bytes = sr_str_c(message)};
    struct call_trace trace;
    struct sr_buf buf;

    trace__init(&trace);
    trace__add(&trace, 0, "leg", &traced);
    memset(ret_text, 0, 2048);
    sr_buf_init_fixed(&buf, ret_text, 2047);
    trace__json(&trace, &buf);
    trace__done(&trace);
}

/* However a sender writes digest credentials and keys of audio, a trace does not show them. */
static void secrets_are_masked_however_written(void **state)
{
    static const char *const messages[] = {
        "Authorization: Digest username=\"a\", response=\"SECRET\", cnonce=\"SECRET\"\r\n",
        "Authorization: Digest Response = \"SECRET\",cnonce\t= \"SECRET\", qop=auth\r\n",
        "Authorization: Digest response=\r\n \"SECRET\"\r\n",
        "Authorization: Digest response=SECRET, cnonce=SECRET\r\n",
        "Authentication-Info: qop=auth, rspauth=\"SECRET\"\r\n",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:SECRET|2^20;inline:SECRET|1:4\r\n",
    };

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(messages); i++) {
        char text[2048];

        trace_text(messages[i], text);
        assert_null(strstr(text, "SECRET"));
        assert_non_null(strstr(text, "******"));
    }
}

/* What is no secret stays as it was sent. */
static void the_rest_of_a_message_stays(void **state)
{
    char text[2048];

    (void)state;
    trace_text("Subject: response time\r\nX: cnonce\r\nReason: SIP;text=\"no response\"\r\n", text);
    assert_non_null(strstr(text, "response time"));
    assert_null(strchr(text, '*'));
}

int run_trace_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_masked_however_written),
        cmocka_unit_test(the_rest_of_a_message_stays),
    };

    return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
