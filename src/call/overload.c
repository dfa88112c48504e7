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
    double burst = SR_MAX(overload->rate_max * OVERLOAD_WINDOW_MS / 1000, 1.0);

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
            return false;
        }
        overload->tokens -= 1;
    }
    overload->admitted++;
    return true;
}

static void on_late(struct overload *overload, sr_usec lateness)
{
    double elapsed_sec = (double)(WINDOW + lateness) / (double)SR_SEC;
    double rate = overload->admitted / elapsed_sec;

    overload->calm_windows = 0;
    /* what piled up before the last cut is being worked off: cutting again would overshoot */
    if (overload->rate_max > 0 && lateness < overload->lateness) {
        overload->lateness = lateness;
        return;
    }
    overload->lateness = lateness;
    if (overload->rate_max > 0)
        rate = SR_MIN(rate, overload->rate_max);
    overload->rate_max = SR_MAX(rate * 0.85, (double)OVERLOAD_RATE_MIN);
}

static void on_calm(struct overload *overload)
{
    overload->calm_windows++;
    overload->lateness = 0;
    if (overload->rate_max <= 0)
        return;
    if (overload->calm_windows >= OVERLOAD_CALM_WINDOWS)
        overload->rate_max = 0;
    else
        overload->rate_max += SR_MAX(overload->rate_max * 0.01, 0.5);
}

void overload_on_window(struct overload *overload, sr_usec now)
{
    sr_usec lateness = now - overload->window_at;

    if (lateness > OVERLOAD_LATE_MS * SR_MSEC)
        on_late(overload, lateness);
    else
        on_calm(overload);
    overload->admitted = 0;
    overload->window_at = now + WINDOW;
}
