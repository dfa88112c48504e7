#include "test_web.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/cli_internal.h"

enum {
    OUT_MAX = 4096,
    LAST_MAX = 600 /* bytes of a last column; one that others follow has 48 */
};

/* What the table of one row, a name and a reason, writes to standard output. */
static void table_of(const char *name, const char *why, char out[OUT_MAX])
{
    static const struct cli_column columns[] = {{"NAME", "name"}, {"WHY", "why"}};
    json_t *items = json_pack("[{s:s, s:s}]", "name", name, "why", why);
    FILE *file = tmpfile();
    int old = dup(STDOUT_FILENO);
    size_t n;

    assert_non_null(items);
    assert_non_null(file);
    assert_true(old >= 0);
    assert_int_equal(fflush(stdout), 0);
    assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
    cli_table(items, columns, 2);
    (void)fflush(stdout);
    assert_true(dup2(old, STDOUT_FILENO) >= 0);
    assert_int_equal(close(old), 0);
    rewind(file);
    n = fread(out, 1, OUT_MAX - 1, file);
    out[n] = '\0';
    assert_int_equal(fclose(file), 0);
    json_decref(items);
}

static void text_of(char c, size_t n, char *out)
{
    memset(out, c, n);
    out[n] = '\0';
}

/* Up to its bound a text stands as it is, in a room that is exactly as large: the sanitizers look on. */
static void a_cell_is_cut_only_above_its_bound(void **state)
{
    char why[LAST_MAX + 2], out[OUT_MAX];

    (void)state;
    for (size_t n = LAST_MAX - 4; n <= LAST_MAX + 1; n++) {
        const char *shown;

        text_of('w', n, why);
        table_of("a", why, out);
        shown = strchr(out, 'w');
        assert_non_null(shown);
        assert_int_equal(strspn(shown, "w"), n <= LAST_MAX ? n : LAST_MAX - 3);
        assert_string_equal(shown + strspn(shown, "w"), n <= LAST_MAX ? "\n" : "...\n");
    }
    text_of('n', 48, why);
    table_of(why, "x", out);
    assert_non_null(strstr(out, "nn  x\n"));
    text_of('n', 49, why);
    table_of(why, "x", out);
    assert_non_null(strstr(out, "nn...  x\n"));
}

/* A name is never cut inside a character, and what steers a terminal is not passed on. */
static void a_cell_ends_with_a_character_and_steers_nothing(void **state)
{
    char name[64] = "", out[OUT_MAX];

    (void)state;
    for (size_t i = 0; i < 17; i++)
        memcpy(name + 3 * i, "\xe2\x82\xac", 3); /* 51 bytes */
    table_of(name, "a\x1b[2J\xc2\x9b\xe2\x80\xae.", out);
    assert_non_null(strstr(out, "\xac...  a?[2J??.\n"));
}

int run_cli_table_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cell_is_cut_only_above_its_bound),
        cmocka_unit_test(a_cell_ends_with_a_character_and_steers_nothing),
    };

    return cmocka_run_group_tests_name("command line tables", tests, NULL, NULL);
}
