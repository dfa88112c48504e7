#include "test.h"

#include "rtc/stun.h"

/* RFC 5769 2.1 and 2.2 */
static const uint8_t sample_request[] = {
    0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86,
    0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x10, 0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73,
    0x74, 0x20, 0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74, 0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff,
    0x80, 0x29, 0x00, 0x08, 0x93, 0x2f, 0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09,
    0x65, 0x76, 0x74, 0x6a, 0x3a, 0x68, 0x36, 0x76, 0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14,
    0x9a, 0xea, 0xa7, 0x0c, 0xbf, 0xd8, 0xcb, 0x56, 0x78, 0x1e, 0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49,
    0xc1, 0xb5, 0x71, 0xa2, 0x80, 0x28, 0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf};
static const uint8_t sample_answer[] = {
    0x01, 0x01, 0x00, 0x3c, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86,
    0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63,
    0x74, 0x6f, 0x72, 0x20, 0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43,
    0x00, 0x08, 0x00, 0x14, 0x2b, 0x91, 0xf5, 0x99, 0xfd, 0x9e, 0x90, 0xc3, 0x8c, 0x74, 0x89, 0xf9,
    0x2a, 0xf9, 0xba, 0x53, 0xf0, 0x6b, 0xe7, 0xd7, 0x80, 0x28, 0x00, 0x04, 0xc0, 0x7d, 0x4c, 0x96};
static const uint8_t tid[STUN_TID_BYTES] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

static struct sr_str view(const uint8_t *bytes, size_t n)
{
    return sr_str_make((const char *)bytes, n);
}

static void sample_request_of_rfc5769_is_read_and_verified(void **state)
{
    struct stun_msg msg;

    (void)state;
    assert_int_equal(stun_parse(view(sample_request, sizeof(sample_request)), &msg), SR_OK);
    assert_int_equal(msg.cls, STUN_REQUEST);
    assert_int_equal(msg.method, STUN_METHOD_BINDING);
    assert_true(sr_str_eq_c(msg.username, "evtj:h6vY"));
    assert_int_equal(msg.priority, 0x6e0001ff);
    assert_true(msg.has_ice_controlled && !msg.has_ice_controlling && msg.has_fingerprint);
    assert_true(msg.ice_tie_breaker == UINT64_C(0x932ff9b151263b36));
    assert_int_equal(stun_check_integrity(&msg, SR_STR("VOkJxbRl1RmTxUk/WvJxBt")), SR_OK);
    assert_int_equal(stun_check_integrity(&msg, SR_STR("VOkJxbRl1RmTxUk/WvJxBu")), SR_ERR_AUTH);
}

static void sample_answer_of_rfc5769_gives_the_mapped_address(void **state)
{
    struct stun_msg msg;
    char text[SR_ADDR_TEXT_MAX];

    (void)state;
    assert_int_equal(stun_parse(view(sample_answer, sizeof(sample_answer)), &msg), SR_OK);
    assert_int_equal(msg.cls, STUN_SUCCESS);
    assert_string_equal(sr_addr_text(&msg.mapped, text), "192.0.2.1:32853");
    assert_int_equal(stun_check_integrity(&msg, SR_STR("VOkJxbRl1RmTxUk/WvJxBt")), SR_OK);
}

/* Every prefix and every flipped bit of a message with fingerprint is refused. */
static void damaged_messages_are_refused(void **state)
{
    struct stun_msg msg;
    uint8_t copy[sizeof(sample_request)];

    (void)state;
    for (size_t n = 0; n < sizeof(sample_request); n++)
        assert_int_equal(stun_parse(view(sample_request, n), &msg), SR_ERR_SYNTAX);
    for (size_t bit = 0; bit < 8 * sizeof(sample_request); bit++) {
        memcpy(copy, sample_request, sizeof(copy));
        copy[bit / 8] = (uint8_t)(copy[bit / 8] ^ 1U << bit % 8);
        enum sr_err err = stun_parse(view(copy, sizeof(copy)), &msg);
        /* a flipped length or type may hide the fingerprint: the integrity then tells */
        if (err == SR_OK)
            assert_false(msg.has_fingerprint);
        if (err == SR_OK && bit / 8 < sizeof(copy) - 8)
            assert_int_not_equal(stun_check_integrity(&msg, SR_STR("VOkJxbRl1RmTxUk/WvJxBt")),
                                 SR_OK);
    }
}

static void what_is_written_is_read_back(void **state)
{
    static const char *const addrs[] = {"192.0.2.7:1234", "[2001:db8::7]:65535"};
    uint8_t out[256];
    struct stun_msg msg;

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(addrs); i++) {
        struct stun_writer writer;
        struct sr_addr addr;
        assert_int_equal(sr_addr_parse(sr_str_c(addrs[i]), 0, &addr), SR_OK);
        stun_write_start(&writer, out, sizeof(out), STUN_SUCCESS, STUN_METHOD_BINDING, tid);
        stun_write_attr(&writer, STUN_ATTR_USERNAME, "abc", 3);
        stun_write_xor_mapped(&writer, &addr);
        stun_write_u64(&writer, STUN_ATTR_ICE_CONTROLLING, 7);
        stun_write_integrity(&writer, SR_STR("secret"));
        stun_write_fingerprint(&writer);
        size_t n = stun_write_end(&writer);
        assert_true(n > 0);
        assert_int_equal(stun_parse(view(out, n), &msg), SR_OK);
        assert_true(sr_addr_eq(&msg.mapped, &addr));
        assert_true(sr_str_eq_c(msg.username, "abc"));
        assert_true(msg.has_fingerprint && msg.has_ice_controlling);
        assert_int_equal(stun_check_integrity(&msg, SR_STR("secret")), SR_OK);
    }
}

static void binding_is_answered_with_the_source(void **state)
{
    uint8_t request[64], answer[128];
    struct stun_msg msg;
    struct sr_addr source;

    (void)state;
    assert_int_equal(sr_addr_parse(SR_STR("198.51.100.1:40000"), 0, &source), SR_OK);
    size_t n = stun_write_binding(tid, request, sizeof(request));
    assert_int_equal(stun_parse(view(request, n), &msg), SR_OK);
    size_t m = stun_answer_binding(&msg, &source, answer, sizeof(answer));
    assert_int_equal(stun_parse(view(answer, m), &msg), SR_OK);
    assert_int_equal(msg.cls, STUN_SUCCESS);
    assert_memory_equal(msg.tid, tid, STUN_TID_BYTES);
    assert_true(sr_addr_eq(&msg.mapped, &source));
    assert_int_equal(stun_answer_binding(&msg, &source, answer, sizeof(answer)), 0);
}

static void unknown_required_attributes_get_420(void **state)
{
    uint8_t request[64], answer[128];
    struct stun_writer writer;
    struct stun_msg msg;
    struct sr_addr source = {.family = SR_ADDR_IP4, .port = 1};

    (void)state;
    stun_write_start(&writer, request, sizeof(request), STUN_REQUEST, STUN_METHOD_BINDING, tid);
    stun_write_u32(&writer, 0x7777, 1);
    stun_write_u32(&writer, 0x9999, 1); /* optional: ignored */
    assert_int_equal(stun_parse(view(request, stun_write_end(&writer)), &msg), SR_OK);
    assert_int_equal(msg.unknown_count, 1);
    assert_int_equal(msg.unknown[0], 0x7777);
    size_t n = stun_answer_binding(&msg, &source, answer, sizeof(answer));
    assert_int_equal(stun_parse(view(answer, n), &msg), SR_OK);
    assert_int_equal(msg.cls, STUN_ERROR);
    assert_int_equal(msg.error_code, 420);
}

static void writing_into_too_little_room_fails_cleanly(void **state)
{
    uint8_t out[STUN_HEADER_BYTES + 8];
    struct stun_writer writer;

    (void)state;
    assert_int_equal(stun_write_binding(tid, out, STUN_HEADER_BYTES), 0);
    assert_int_equal(stun_write_binding(tid, out, STUN_HEADER_BYTES - 1), 0);
    stun_write_start(&writer, out, sizeof(out), STUN_REQUEST, STUN_METHOD_BINDING, tid);
    stun_write_integrity(&writer, SR_STR("x"));
    stun_write_fingerprint(&writer);
    assert_int_equal(stun_write_end(&writer), 0);
}

int run_stun(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sample_request_of_rfc5769_is_read_and_verified),
        cmocka_unit_test(sample_answer_of_rfc5769_gives_the_mapped_address),
        cmocka_unit_test(damaged_messages_are_refused),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(binding_is_answered_with_the_source),
        cmocka_unit_test(unknown_required_attributes_get_420),
        cmocka_unit_test(writing_into_too_little_room_fails_cleanly),
    };

    return cmocka_run_group_tests_name("stun", tests, NULL, NULL);
}
