#include "test_web.h"

#include "control/pcap.h"

enum {
    FILE_HEADER = 24,
    RECORD_HEADER = 16,
    IP4 = 20,
    IP6 = 40,
    UDP = 8
};

static uint32_t get32(const struct sr_buf *buf, size_t at) /* this machine's order */
{
    uint32_t value;

    assert_true(at + sizeof(value) <= buf->len);
    memcpy(&value, buf->data + at, sizeof(value));
    return value;
}

static unsigned get16(const struct sr_buf *buf, size_t at) /* network order */
{
    assert_true(at + 2 <= buf->len);
    return (unsigned)(uint8_t)buf->data[at] << 8 | (uint8_t)buf->data[at + 1];
}

/* RFC 1071: over data with its right checksum the sum is all ones. */
static unsigned sum(const struct sr_buf *buf, size_t at, size_t n, uint32_t total)
{
    for (size_t i = 0; i < n; i++)
        total += (uint32_t)(uint8_t)buf->data[at + i] << (i % 2 ? 0 : 8);
    while (total >> 16)
        total = (total & 0xffff) + (total >> 16);
    return total;
}

static void packets_are_what_a_reader_expects(void **state)
{
    static const char trace[] =
        "[{\"at\":\"2026-01-31T12:34:56.250001Z\",\"legId\":\"x\",\"direction\":\"received\","
        "\"transport\":\"udp\","
        "\"local\":\"192.0.2.1:5060\",\"remote\":\"198.51.100.7:40000\",\"message\":\"OPTIONS "
        "sip:a SIP/2.0\\r\\n\\r\\n\"},"
        "{\"at\":\"2026-01-31T12:34:57Z\",\"legId\":\"x\",\"direction\":\"sent\",\"transport\":"
        "\"tls\","
        "\"local\":\"[2001:db8::1]:5061\",\"remote\":\"[2001:db8::9]:5099\",\"message\":\"odd\"},"
        "{\"at\":\"never\",\"direction\":\"sent\",\"local\":\"?\",\"remote\":\"?\",\"message\":"
        "\"left out\"}]";
    const size_t first = FILE_HEADER + RECORD_HEADER, first_udp = 25 + UDP;
    const size_t second = first + IP4 + first_udp + RECORD_HEADER;
    struct sr_buf out;

    (void)state;
    sr_buf_init(&out, 1 << 16);
    assert_int_equal(pcap_write(sr_str_c(trace), &out), SR_OK);
    assert_int_equal(get32(&out, 0), 0xa1b2c3d4);
    assert_int_equal(get32(&out, 20), 101); /* LINKTYPE_RAW */
    assert_int_equal(get32(&out, FILE_HEADER), 1769862896);
    assert_int_equal(get32(&out, FILE_HEADER + 4), 250001);
    assert_int_equal(get32(&out, FILE_HEADER + 8), IP4 + first_udp);

    assert_int_equal((uint8_t)out.data[first], 0x45);
    assert_int_equal(sum(&out, first, IP4, 0), 0xffff);
    assert_memory_equal(out.data + first + 12, "\xc6\x33\x64\x07\xc0\x00\x02\x01",
                        8); /* theirs to ours */
    assert_int_equal(get16(&out, first + IP4), 40000);
    assert_int_equal(get16(&out, first + IP4 + 2), 5060);
    assert_int_equal(sum(&out, first + 12, 8 + first_udp, 17 + first_udp), 0xffff);
    assert_memory_equal(out.data + first + IP4 + UDP, "OPTIONS", 7);

    assert_int_equal((uint8_t)out.data[second] >> 4, 6);
    assert_int_equal(get16(&out, second + IP6), 5061); /* ours to theirs */
    assert_int_equal(sum(&out, second + 8, 32 + UDP + 3, 17 + UDP + 3), 0xffff);
    assert_int_equal(out.len, second + IP6 + UDP + 3);
    sr_buf_done(&out);
}

static void what_is_no_trace_is_refused(void **state)
{
    struct sr_buf out;

    (void)state;
    sr_buf_init(&out, 1 << 16);
    assert_int_equal(pcap_write(SR_STR("{}"), &out), SR_ERR_SYNTAX);
    assert_int_equal(pcap_write(sr_str_make(NULL, 0), &out), SR_ERR_SYNTAX);
    assert_int_equal(pcap_write(SR_STR("[]"), &out), SR_OK); /* a file without packets */
    assert_int_equal(out.len, FILE_HEADER);
    sr_buf_done(&out);
}

int run_pcap_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_are_what_a_reader_expects),
        cmocka_unit_test(what_is_no_trace_is_refused),
    };

    return cmocka_run_group_tests_name("pcap", tests, NULL, NULL);
}
