#include "test_base.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"

struct sink {
    int lines;
    enum sr_log_part part;
    enum sr_log_level level;
    char last[2 * SR_LOG_LINE_MAX];
};

static void take_line(void *arg, enum sr_log_part part, enum sr_log_level level, struct sr_str line)
{
    struct sink *sink = arg;

    sink->lines++;
    sink->part = part;
    sink->level = level;
    (void)sr_str_copy(line, sink->last, sizeof(sink->last));
}

static int setup(void **state)
{
    static struct sink sink;

    sink = (struct sink){0};
    sr_log_set_sink(take_line, &sink);
    *state = &sink;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sr_log_set_sink(NULL, NULL);
    sr_log_set_json(false);
    return sr_log_set(SR_STR("info")) == SR_OK ? 0 : -1;
}

static int costly_calls;

static int costly(void)
{
    return ++costly_calls;
}

static void arguments_cost_nothing_when_the_level_is_off(void **state)
{
    struct sink *sink = *state;

    costly_calls = 0;
    assert_int_equal(sr_log_set(SR_STR("warn,hub=debug")), SR_OK);
    sr_log(SIP, INFO, "event=x n=%d", costly());
    assert_int_equal(sink->lines, 0);
    assert_int_equal(costly_calls, 0);
    sr_log(HUB, DEBUG, "event=y n=%d", costly());
    assert_int_equal(sink->lines, 1);
    assert_int_equal(sink->part, SR_LOG_HUB);
    assert_int_equal(sink->level, SR_LOG_DEBUG);
    assert_non_null(strstr(sink->last, " debug hub "));
    assert_non_null(strstr(sink->last, "event=y n=1"));
    assert_int_equal(sr_log_set(SR_STR("off")), SR_OK);
    sr_log(HUB, ERROR, "event=%s", "z");
    assert_int_equal(sink->lines, 1);
}

static void wrong_levels_are_refused(void **state)
{
    (void)state;
    assert_int_equal(sr_log_set(SR_STR("")), SR_ERR_SYNTAX);
    assert_int_equal(sr_log_set(SR_STR("loud")), SR_ERR_SYNTAX);
    assert_int_equal(sr_log_set(SR_STR("sip=loud")), SR_ERR_SYNTAX);
    assert_int_equal(sr_log_set(SR_STR("tape=info")), SR_ERR_NOTFOUND);
}

static void json_lines_hold_part_level_and_text(void **state)
{
    struct sink *sink = *state;

    sr_log_set_json(true);
    sr_log(API, WARN, "text with %s", "\"quotes\"");
    assert_int_equal(sink->last[0], '{');
    assert_non_null(strstr(sink->last, "\"level\":\"warn\",\"part\":\"api\""));
    assert_non_null(strstr(sink->last, "\"text\":\"text with \\\"quotes\\\"\""));
}

/* one place, far more lines than the burst: at most two seconds' worth pass, whatever the clock does */
static void one_place_cannot_flood_the_log(void **state)
{
    struct sink *sink = *state;

    for (int i = 0; i < 10 * SR_LOG_BURST; i++)
        sr_log(CORE, WARN, "event=flood i=%d", i);
    assert_in_range(sink->lines, SR_LOG_BURST, 2 * SR_LOG_BURST);
}

static void a_long_line_is_cut(void **state)
{
    static char text[3 * SR_LOG_LINE_MAX];
    struct sink *sink = *state;

    memset(text, 'x', sizeof(text) - 1);
    sr_log(CORE, INFO, "%s", text);
    assert_int_equal(sink->lines, 1);
    assert_in_range(strlen(sink->last), SR_LOG_LINE_MAX / 2, SR_LOG_LINE_MAX + 100);
}

static void peer_text_is_quoted_and_cut(void **state)
{
    char out[16];
    char wide[64];

    (void)state;
    assert_string_equal(sr_log_quote(SR_STR("a\"b\r\n\xff"), wide, sizeof(wide)),
                        "\"a\\\"b\\x0d\\x0a\\xff\"");
    (void)sr_log_quote(SR_STR("abcdefghijklmnopqrstuvwxyz"), out, sizeof(out));
    assert_true(strlen(out) < sizeof(out));
    assert_non_null(strstr(out, "...\""));
    assert_string_equal(sr_log_quote(sr_str_make(NULL, 0), out, sizeof(out)), "\"\"");
}

static void a_line_break_in_a_text_makes_no_second_line(void **state)
{
    struct sink *sink = *state;

    sr_log(STORE, ERROR, "event=damaged why=\"%s\"", "page 3\nevent=forged\r\t\x1b[31m");
    assert_int_equal(sink->lines, 1);
    assert_null(strpbrk(sink->last, "\r\n\t\x1b"));
    assert_non_null(strstr(sink->last, "why=\"page 3 event=forged   [31m\""));
}

/* Standard error is a pipe that is full and that nobody reads: who logs goes on at once, what is too
   much is counted; once somebody reads, all that was kept comes, and how much was not. */
static void a_log_nobody_reads_stops_nobody(void **state)
{
    static char text[1000], bytes[1 << 20];
    int ends[2], old = dup(STDERR_FILENO);
    size_t n = 0, kept = 0;
    const char *told = NULL;
    ssize_t got;
    uint64_t lost;

    (void)state;
    sr_log_set_sink(NULL, NULL);
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    while (write(ends[1], "................................................................", 64) >
           0) {
    }
    assert_int_equal(fcntl(ends[1], F_SETFL, 0), 0); /* as a shell makes it */
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    assert_true(sr_log_writer_start());
    memset(text, 'x', sizeof(text) - 1);
    for (int i = 0; i < 400; i++) { /* from many places: none reaches its own limit */
        struct sr_log_site site = {0};

        sr_log_write(&site, SR_LOG_CORE, SR_LOG_WARN, "event=first n=%d %s", i, text);
    }
    lost = sr_log_lost();
    assert_in_range(lost, 100, 300);
    while (n < sizeof(bytes) - 1 && (told == NULL || strchr(told, '\n') == NULL)) {
        struct pollfd readable = {.fd = ends[0], .events = POLLIN};

        assert_true(poll(&readable, 1, 10000) > 0);
        got = read(ends[0], bytes + n, sizeof(bytes) - 1 - n);
        assert_true(got > 0);
        n += (size_t)got;
        bytes[n] = '\0';
        told = strstr(bytes, "event=log_lines_lost count=");
    }
    sr_log_writer_stop();
    assert_true(dup2(old, STDERR_FILENO) >= 0);
    assert_non_null(strstr(bytes, "event=first n=0 x"));
    for (const char *at = bytes; (at = strstr(at, "event=first n=")) != NULL; at++)
        kept++;
    assert_int_equal(kept + lost, 400);
    assert_int_equal(strtoull(strstr(told, "count=") + 6, NULL, 10), lost);
    close(old);
    close(ends[0]);
    close(ends[1]);
}

int run_log_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(arguments_cost_nothing_when_the_level_is_off, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(wrong_levels_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(json_lines_hold_part_level_and_text, setup, teardown),
        cmocka_unit_test_setup_teardown(one_place_cannot_flood_the_log, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_line_is_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(peer_text_is_quoted_and_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(a_line_break_in_a_text_makes_no_second_line, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_log_nobody_reads_stops_nobody, setup, teardown),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
