#include "call/overload.h"

#define WINDOW ((sr_usec)OVERLOAD_WINDOW_MS * SR_MSEC)

void overload_init(struct overload *overload, sr_usec now)
{
    *overload = (struct overload){.window_at = now + WINDOW, .tokens_at = now};
}

sr_usec overload_deadline(const struct overload *overload)
{
    return overload->window_at;
}

static void fill_tokens(struct overload *overload, sr_usec now)
{
    double burst =
        SR_MAX(overload->rate_max * OVERLOAD_WINDOW_MS / 1000, (double)OVERLOAD_BURST_MIN);

    overload->tokens += overload->rate_max * (double)(now - overload->tokens_at) / (double)SR_SEC;
    overload->tokens = SR_MIN(overload->tokens, burst);
    overload->tokens_at = now;
}

bool overload_admit(struct overload *overload, sr_usec now)
{
    if (overload->rate_max > 0) {
        fill_tokens(overload, now);
        if (overload->tokens < 1) {
            overload->refused++;
            overload->was_refused = true;
            return false;
        }
        overload->tokens -= 1;
    }
    overload->admitted++;
    return true;
}

static void on_strain(struct overload *overload, uint64_t pressure, sr_usec elapsed)
{
    double rate = overload->admitted / ((double)elapsed / (double)SR_SEC);
    bool is_falling = pressure < overload->pressure;

    overload->calm_windows = 0;
    overload->strained_windows++;
    overload->pressure = pressure;
    if (overload->strained_windows < OVERLOAD_STRAINED_WINDOWS)
        return;
    /* what piled up before the last cut is being worked off: cutting again would overshoot */
    if (overload->rate_max > 0 && (is_falling || overload->hold_windows > 0)) {
        overload->hold_windows -= overload->hold_windows > 0;
        return;
    }
    if (overload->rate_max > 0)
        rate = SR_MIN(rate, overload->rate_max);
    overload->rate_cut = rate;
    overload->rate_max = SR_MAX(rate * 0.9, (double)OVERLOAD_RATE_MIN);
    overload->hold_windows = OVERLOAD_HOLD_WINDOWS;
}

static void on_calm(struct overload *overload)
{
    /* quickly back to where it was too much, then slowly beyond */
    double growth = overload->rate_max < overload->rate_cut * 0.95 ? 0.03 : 0.005;

    overload->calm_windows++;
    overload->strained_windows = 0;
    overload->hold_windows = 0;
    overload->pressure = 0;
    if (overload->rate_max <= 0)
        return;
    if (overload->calm_windows >= OVERLOAD_CALM_WINDOWS && !overload->was_refused)
        overload->rate_max = 0;
    else
        overload->rate_max += SR_MAX(overload->rate_max * growth, 0.5);
    overload->was_refused = false;
}

void overload_on_window(struct overload *overload, sr_usec now, uint64_t backlog_bytes)
{
    sr_usec lateness = now - overload->window_at;
    /* both measures against their limits, in per mille: the worse one counts */
    uint64_t late = (uint64_t)lateness * 1000 / (OVERLOAD_LATE_MS * SR_MSEC);
    uint64_t waiting = backlog_bytes * 1000 / OVERLOAD_BACKLOG_BYTES;
    uint64_t pressure = SR_MAX(late, waiting);

    if (pressure > 1000)
        on_strain(overload, pressure, WINDOW + lateness);
    else
        on_calm(overload);
    overload->admitted = 0;
    overload->window_at = now + WINDOW;
}
