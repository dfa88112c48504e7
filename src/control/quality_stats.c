#include "control/quality_stats.h"
#include "control/metrics.h"

struct measure {
    const char *name, *help;
    double bounds[QUALITY_BOUNDS];
};

static const struct measure measures[QUALITY_MEASURES] = {
    {"leg_mos", "Quality of parties that left, 1 to 4.5.", {2, 2.5, 3, 3.5, 4, 4.3}},
    {"leg_loss_percent", "Packets they lost, in percent.", {0.1, 0.5, 1, 2, 5, 10}},
    {"leg_jitter_milliseconds", "Jitter of their packets.", {2, 5, 10, 20, 50, 100}},
};

static struct quality_series *series_of(struct quality_stats *stats,
                                        const struct engine_leg_view *leg)
{
    struct quality_series *series;

    for (uint32_t i = 0; i < stats->count; i++) {
        series = &stats->series[i];
        if (strcmp(series->kind, leg->kind) == 0 && strcmp(series->provider, leg->provider_id) == 0)
            return series;
    }
    if (stats->count == QUALITY_SERIES_MAX)
        return &stats->series[QUALITY_SERIES_MAX - 1];
    series = &stats->series[stats->count++];
    series->kind = leg->kind;
    (void)sr_str_copy(sr_str_c(leg->provider_id), series->provider, sizeof(series->provider));
    return series;
}

void quality_stats_take(struct quality_stats *stats, const struct engine_event *event)
{
    const struct engine_leg_view *leg = event->leg;
    struct quality_series *series;

    if (event->kind != ENGINE_LEG_REMOVED || leg == NULL || leg->quality.mos < 0 ||
        leg->quality.loss_pct < 0 || leg->quality.jitter_ms < 0)
        return;
    series = series_of(stats, leg);
    for (int m = 0; m < QUALITY_MEASURES; m++) {
        const double values[QUALITY_MEASURES] = {leg->quality.mos, leg->quality.loss_pct,
                                                 leg->quality.jitter_ms};
        int at = 0;

        while (at < QUALITY_BOUNDS && values[m] > measures[m].bounds[at])
            at++;
        series->buckets[m][at]++;
        series->sums[m] += values[m];
    }
}

static void write_labels(const struct quality_series *series, struct sr_buf *buf)
{
    sr_buf_fmt(buf, "{kind=\"%s\",provider=\"", series->kind);
    metrics_label(buf, series->provider);
    sr_buf_c(buf, "\"");
}

static void write_series(const struct quality_series *series, int m, struct sr_buf *buf)
{
    uint64_t sum = 0;

    for (int b = 0; b <= QUALITY_BOUNDS; b++) {
        sum += series->buckets[m][b];
        sr_buf_fmt(buf, "siprouter_%s_bucket", measures[m].name);
        write_labels(series, buf);
        if (b < QUALITY_BOUNDS)
            sr_buf_fmt(buf, ",le=\"%g\"} %llu\n", measures[m].bounds[b], (unsigned long long)sum);
        else
            sr_buf_fmt(buf, ",le=\"+Inf\"} %llu\n", (unsigned long long)sum);
    }
    sr_buf_fmt(buf, "siprouter_%s_sum", measures[m].name);
    write_labels(series, buf);
    sr_buf_fmt(buf, "} %g\nsiprouter_%s_count", series->sums[m], measures[m].name);
    write_labels(series, buf);
    sr_buf_fmt(buf, "} %llu\n", (unsigned long long)sum);
}

void quality_stats_write(const struct quality_stats *stats, struct sr_buf *buf)
{
    for (int m = 0; m < QUALITY_MEASURES; m++) {
        metrics_head(buf, measures[m].name, "histogram", measures[m].help);
        for (uint32_t i = 0; i < stats->count; i++)
            write_series(&stats->series[i], m, buf);
    }
}
