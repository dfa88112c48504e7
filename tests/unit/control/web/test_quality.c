#include <stdio.h>

#include "test_web.h"

#include "control/quality_stats.h"

static struct quality_stats stats;

static void leaves(const char *kind, const char *provider, double mos, double loss, double jitter)
{
    struct engine_leg_view leg = {
        .kind = kind, .quality = {.loss_pct = loss, .jitter_ms = jitter, .rtt_ms = -1, .mos = mos}};
    struct engine_event event = {.kind = ENGINE_LEG_REMOVED, .leg = &leg};

    (void)sr_str_copy(sr_str_c(provider), leg.provider_id, sizeof(leg.provider_id));
    quality_stats_take(&stats, &event);
    event.kind = ENGINE_LEG_CHANGED; /* only who leaves counts */
    quality_stats_take(&stats, &event);
}

static void parties_are_counted_by_kind_and_provider(void **state)
{
    struct sr_buf buf;
    const char *text;

    (void)state;
    stats = (struct quality_stats){0};
    leaves("device", "", 4.4, 0, 1);
    leaves("device", "", 3.2, 4, 30);
    leaves("provider", "a\"b\\c", 1.5, 50, 500);
    leaves("provider", "acme", -1, -1, -1); /* gone before its first report */
    sr_buf_init(&buf, 1 << 20);
    quality_stats_write(&stats, &buf);
    text = sr_buf_cstr(&buf);
    assert_non_null(strstr(text, "# TYPE siprouter_leg_mos histogram\n"));
    assert_non_null(
        strstr(text, "siprouter_leg_mos_bucket{kind=\"device\",provider=\"\",le=\"3\"} 0\n"));
    assert_non_null(
        strstr(text, "siprouter_leg_mos_bucket{kind=\"device\",provider=\"\",le=\"3.5\"} 1\n"));
    assert_non_null(
        strstr(text, "siprouter_leg_mos_bucket{kind=\"device\",provider=\"\",le=\"+Inf\"} 2\n"));
    assert_non_null(strstr(text, "siprouter_leg_mos_count{kind=\"device\",provider=\"\"} 2\n"));
    assert_non_null(
        strstr(text, "siprouter_leg_loss_percent_sum{kind=\"device\",provider=\"\"} 4\n"));
    assert_non_null(strstr(
        text, "siprouter_leg_mos_bucket{kind=\"provider\",provider=\"a\\\"b\\\\c\",le=\"2\"} 1\n"));
    assert_null(strstr(text, "acme"));
    sr_buf_done(&buf);
}

static void more_providers_than_series_stay_within_them(void **state)
{
    char name[16];

    (void)state;
    stats = (struct quality_stats){0};
    for (int i = 0; i < 2 * QUALITY_SERIES_MAX; i++) {
        (void)snprintf(name, sizeof(name), "p%d", i);
        leaves("provider", name, 4, 0, 1);
    }
    assert_int_equal(stats.count, QUALITY_SERIES_MAX);
    assert_int_equal(stats.series[QUALITY_SERIES_MAX - 1].buckets[0][4], QUALITY_SERIES_MAX + 1);
}

int run_quality_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parties_are_counted_by_kind_and_provider),
        cmocka_unit_test(more_providers_than_series_stay_within_them),
    };

    return cmocka_run_group_tests_name("quality", tests, NULL, NULL);
}
