#include "test_web.h"

#include "control/http_parse.h"
#include "control/wall_parse.h"

/* Input that two readers could read differently is refused (W7). */
static void ambiguous_heads_are_refused(void **state)
{
    static const struct {
        const char *text;
        enum sr_err err;
    } rows[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", SR_OK},
        {"GET / HTTP/1.1\r\nHost: a\r\n", SR_ERR_AGAIN},
        {"GET / HTTP/1.1\r\n\r\n", SR_ERR_SYNTAX},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", SR_ERR_SYNTAX},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
         SR_ERR_SYNTAX},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         SR_ERR_SYNTAX},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", SR_ERR_SYNTAX},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", SR_ERR_SYNTAX},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", SR_ERR_SYNTAX},
        {"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", SR_ERR_SYNTAX},
        {"GET / HTTP/1.1\nHost: a\r\n\r\n", SR_ERR_SYNTAX},
        {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", SR_ERR_SYNTAX},
        {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", SR_ERR_SYNTAX},
        {"GET http://x/ HTTP/1.1\r\nHost: a\r\n\r\n", SR_ERR_SYNTAX},
        {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", SR_ERR_UNSUPPORTED},
    };
    struct http_head head;
    const char *why;
    size_t used;

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++)
        assert_int_equal(http_head_parse(sr_str_c(rows[i].text), &head, &used, &why), rows[i].err);
}

static void every_prefix_of_a_head_wants_more(void **state)
{
    static const char text[] = "POST /a?b=c HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";
    struct http_head head;
    const char *why;
    size_t used;

    (void)state;
    for (size_t n = 0; n < sizeof(text) - 1; n++)
        assert_int_equal(http_head_parse(sr_str_make(text, n), &head, &used, &why), SR_ERR_AGAIN);
    assert_int_equal(http_head_parse(sr_str_c(text), &head, &used, &why), SR_OK);
    assert_int_equal(used, sizeof(text) - 1);
    assert_int_equal(head.length, 3);
    assert_true(sr_str_eq_c(head.query, "b=c"));
}

/* Cut anywhere, a chunked body gives the same bytes. */
static void chunks_may_be_cut_anywhere(void **state)
{
    static const char text[] = "4;x=y\r\nWiki\r\n5\r\npedia\r\n0\r\nA: b\r\n\r\nrest";

    (void)state;
    for (size_t cut = 0; cut < sizeof(text) - 5; cut++) {
        struct http_chunked chunked = {0};
        char bytes[64];
        struct sr_buf body;
        size_t used = 0, more = 0;
        enum sr_err err;

        sr_buf_init_fixed(&body, bytes, sizeof(bytes));
        err = http_chunked_take(&chunked, sr_str_make(text, cut), &used, &body);
        assert_int_equal(err, SR_ERR_AGAIN);
        err = http_chunked_take(&chunked, sr_str_c(text + cut), &more, &body);
        assert_int_equal(err, SR_OK);
        assert_int_equal(cut + more, sizeof(text) - 5);
        assert_true(sr_str_eq_c(sr_buf_view(&body), "Wikipedia"));
    }
}

static void malformed_chunks_are_refused(void **state)
{
    static const char *const rows[] = {"\r\n", "g\r\n", "1\nx", "1\r\nxy", "-1\r\n", "0x1\r\n"};

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        struct http_chunked chunked = {0};
        char bytes[64];
        struct sr_buf body;
        size_t used;

        sr_buf_init_fixed(&body, bytes, sizeof(bytes));
        assert_int_equal(http_chunked_take(&chunked, sr_str_c(rows[i]), &used, &body),
                         SR_ERR_SYNTAX);
    }
}

static void times_are_read_as_rfc_3339(void **state)
{
    int64_t wall = 0;

    (void)state;
    assert_int_equal(wall_parse(SR_STR("2000-03-01T00:00:00Z"), &wall), SR_OK);
    assert_int_equal(wall, (int64_t)951868800 * SR_SEC);
    assert_int_equal(wall_parse(SR_STR("2000-03-01T01:00:00.5+01:00"), &wall), SR_OK);
    assert_int_equal(wall, (int64_t)951868800 * SR_SEC + SR_SEC / 2);
    assert_int_equal(wall_parse(SR_STR("2001-02-29"), &wall), SR_ERR_SYNTAX);
    assert_int_equal(wall_parse(SR_STR("2001-02-28T10:00:00"), &wall), SR_ERR_SYNTAX);
}

int run_http_parse_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ambiguous_heads_are_refused),
        cmocka_unit_test(every_prefix_of_a_head_wants_more),
        cmocka_unit_test(chunks_may_be_cut_anywhere),
        cmocka_unit_test(malformed_chunks_are_refused),
        cmocka_unit_test(times_are_read_as_rfc_3339),
    };

    return cmocka_run_group_tests_name("http_parse", tests, NULL, NULL);
}
