#include "sip/session_timer.h"

static uint32_t own_min(const struct sip_session_options *options)
{
    return SR_MAX(options->min_s, (uint32_t)SIP_SESSION_MIN_S);
}

uint32_t sip_session_ask(const struct sip_session_options *options, uint32_t min_s_seen)
{
    uint32_t wish = options->interval_s ? options->interval_s : (uint32_t)SIP_SESSION_DEFAULT_S;
    wish = SR_MAX(wish, own_min(options));
    return SR_MAX(wish, min_s_seen);
}

void sip_session_answer(const struct sip_session_options *options,
                        const struct sip_session_said *request,
                        struct sip_session_answer *ret_answer)
{
    struct sip_session_answer answer = {.min_s = own_min(options)};
    uint32_t floor_s = SR_MAX(request->min_s, (uint32_t)SIP_SESSION_MIN_S);
    uint32_t wish = SR_MAX(sip_session_ask(options, 0), floor_s);
    if (request->has_interval && request->interval_s < answer.min_s && request->is_supported) {
        answer.is_too_small = true;
        *ret_answer = answer;
        return;
    }
    answer.has_interval = true;
    /* it may be lowered down to the request's Min-SE, never raised */
    answer.interval_s = request->has_interval ? SR_MIN(request->interval_s, wish) : wish;
    answer.interval_s = SR_MAX(answer.interval_s, (uint32_t)SIP_SESSION_MIN_S);
    answer.refresher = SIP_REFRESHER_UAS;
    if (request->is_supported && request->refresher == SIP_REFRESHER_UAC)
        answer.refresher = SIP_REFRESHER_UAC;
    answer.is_required = answer.refresher == SIP_REFRESHER_UAC;
    *ret_answer = answer;
}

void sip_session_timer_init(struct sip_session_timer *timer)
{
    sip_session_timer_stop(timer);
}

void sip_session_timer_stop(struct sip_session_timer *timer)
{
    *timer = (struct sip_session_timer){.refresh_at = SR_NEVER, .expire_at = SR_NEVER};
}

void sip_session_timer_start(struct sip_session_timer *timer, uint32_t interval_s,
                             bool is_refresher, sr_usec now)
{
    sip_session_timer_stop(timer);
    if (!interval_s)
        return;
    sr_usec interval = (sr_usec)interval_s * SR_SEC;
    timer->interval_s = interval_s;
    timer->is_refresher = is_refresher;
    timer->expire_at = now + interval - SR_MIN(32 * SR_SEC, interval / 3);
    if (is_refresher)
        timer->refresh_at = now + interval / 2;
}

void sip_session_timer_on_2xx(struct sip_session_timer *timer,
                              const struct sip_session_said *response, sr_usec now)
{
    if (response->has_interval)
        sip_session_timer_start(timer, SR_MAX(response->interval_s, (uint32_t)SIP_SESSION_MIN_S),
                                response->refresher != SIP_REFRESHER_UAS, now);
    else
        sip_session_timer_stop(timer);
}

void sip_session_timer_retry(struct sip_session_timer *timer, sr_usec at)
{
    if (timer->expire_at != SR_NEVER && at < timer->expire_at)
        timer->refresh_at = at;
}

sr_usec sip_session_timer_deadline(const struct sip_session_timer *timer)
{
    return SR_MIN(timer->refresh_at, timer->expire_at);
}

enum sip_session_do sip_session_timer_on_deadline(struct sip_session_timer *timer, sr_usec now)
{
    if (timer->expire_at <= now) {
        sip_session_timer_stop(timer);
        return SIP_SESSION_DO_EXPIRE;
    }
    if (timer->refresh_at <= now) {
        timer->refresh_at = SR_NEVER;
        return SIP_SESSION_DO_REFRESH;
    }
    return SIP_SESSION_DO_NOTHING;
}
