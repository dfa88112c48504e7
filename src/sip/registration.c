#include "sip/registration.h"

enum {
    MARGIN_SEC = 40, /* for a refresh that fails: other addresses, a retry or two */
};

static void order(struct sip_registration *reg, struct sip_registration_step *step)
{
    reg->state = SIP_REGISTRATION_ASKING;
    step->send = true;
}

static void lose(struct sip_registration *reg, struct sip_registration_step *step)
{
    step->tell_lost = reg->is_bound;
    reg->is_bound = false;
}

/* Well before the end, never the same moment for all accounts. */
static sr_usec refresh_after(uint32_t granted_s, uint32_t random)
{
    sr_usec granted = (sr_usec)granted_s * SR_SEC;
    sr_usec margin = SR_MIN(granted / 2, SR_MAX(granted / 10, MARGIN_SEC * SR_SEC));
    sr_usec after = granted - margin;

    return after - after / 10 * (random % 1000) / 1000;
}

/* Doubled with each failure in a row; between half of it and all of it. */
static sr_usec wait_for(const struct sip_registration *reg,
                        const struct sip_registration_result *result, uint32_t random)
{
    uint32_t first =
        result->is_denied ? SIP_REGISTRATION_WAIT_DENIED_SEC : SIP_REGISTRATION_WAIT_SEC;
    uint32_t most =
        result->is_denied ? SIP_REGISTRATION_WAIT_DENIED_SEC_MAX : SIP_REGISTRATION_WAIT_SEC_MAX;
    uint32_t wait_s = first;
    sr_usec wait;

    for (uint32_t i = 1; i < reg->failures && wait_s < most; i++)
        wait_s *= 2;
    wait = (sr_usec)SR_MIN(wait_s, most) * SR_SEC;
    wait = wait / 2 + wait / 2 * (random % 1000) / 1000;
    if (result->retry_after_s > 0)
        wait = SR_MAX(wait, (sr_usec)SR_MIN(result->retry_after_s, 3600u) * SR_SEC);
    return wait;
}

void sip_registration_init(struct sip_registration *reg, uint32_t wanted_s)
{
    *reg = (struct sip_registration){.wanted_s = wanted_s, .deadline = SR_NEVER};
}

void sip_registration_start(struct sip_registration *reg, sr_usec now,
                            struct sip_registration_step *ret_step)
{
    (void)now;
    *ret_step = (struct sip_registration_step){0};
    reg->deadline = SR_NEVER;
    order(reg, ret_step);
}

static void on_bound(struct sip_registration *reg, const struct sip_registration_result *result,
                     uint32_t random, sr_usec now, struct sip_registration_step *step)
{
    uint32_t granted_s = result->has_expires ? result->expires_s : reg->wanted_s;

    reg->granted_s = SR_MIN(SR_MAX(granted_s, 1u), (uint32_t)SIP_REGISTRATION_SEC_MAX);
    reg->failures = 0;
    reg->was_short = false;
    step->tell_bound = !reg->is_bound;
    reg->is_bound = true;
    reg->expires_at = now + (sr_usec)reg->granted_s * SR_SEC;
    reg->state = SIP_REGISTRATION_RESTING;
    reg->deadline = now + refresh_after(reg->granted_s, random);
}

static void on_failed(struct sip_registration *reg, const struct sip_registration_result *result,
                      uint32_t random, sr_usec now, struct sip_registration_step *step)
{
    if (result->status == 423 && !reg->was_short && result->min_expires_s > reg->wanted_s &&
        result->min_expires_s <= SIP_REGISTRATION_SEC_MAX) {
        reg->was_short = true;
        reg->wanted_s = result->min_expires_s;
        order(reg, step);
        return;
    }
    reg->was_short = false;
    reg->failures++;
    reg->state = SIP_REGISTRATION_WAITING;
    reg->deadline = now + wait_for(reg, result, random);
    /* who was told no has no binding left to trust; silence alone does not end one */
    if (result->is_denied || (reg->is_bound && now >= reg->expires_at))
        lose(reg, step);
}

void sip_registration_on_result(struct sip_registration *reg,
                                const struct sip_registration_result *result, uint32_t random,
                                sr_usec now, struct sip_registration_step *ret_step)
{
    *ret_step = (struct sip_registration_step){0};
    if (reg->state == SIP_REGISTRATION_LEAVING) {
        reg->state = SIP_REGISTRATION_OFF;
        reg->deadline = SR_NEVER;
        lose(reg, ret_step);
        return;
    }
    if (reg->state != SIP_REGISTRATION_ASKING)
        return;
    if (result->status >= 200 && result->status < 300 &&
        !(result->has_expires && result->expires_s == 0))
        on_bound(reg, result, random, now, ret_step);
    else
        on_failed(reg, result, random, now, ret_step);
}

void sip_registration_renew(struct sip_registration *reg, sr_usec now,
                            struct sip_registration_step *ret_step)
{
    (void)now;
    *ret_step = (struct sip_registration_step){0};
    if (reg->state == SIP_REGISTRATION_RESTING || reg->state == SIP_REGISTRATION_WAITING) {
        reg->deadline = SR_NEVER;
        order(reg, ret_step);
    }
}

void sip_registration_hasten(struct sip_registration *reg, sr_usec now)
{
    if (reg->state == SIP_REGISTRATION_RESTING)
        reg->deadline = SR_MIN(reg->deadline, now);
}

void sip_registration_stop(struct sip_registration *reg, sr_usec now,
                           struct sip_registration_step *ret_step)
{
    bool may_be_bound = reg->is_bound || reg->state == SIP_REGISTRATION_ASKING;

    *ret_step = (struct sip_registration_step){0};
    if (reg->state == SIP_REGISTRATION_OFF || reg->state == SIP_REGISTRATION_LEAVING)
        return;
    if (may_be_bound) {
        reg->state = SIP_REGISTRATION_LEAVING;
        reg->deadline = now + SIP_REGISTRATION_LEAVE_SEC * SR_SEC;
        ret_step->send = true;
        return;
    }
    reg->state = SIP_REGISTRATION_OFF;
    reg->deadline = SR_NEVER;
}

sr_usec sip_registration_deadline(const struct sip_registration *reg)
{
    sr_usec end =
        reg->is_bound && reg->state != SIP_REGISTRATION_LEAVING ? reg->expires_at : SR_NEVER;

    return SR_MIN(reg->deadline, end);
}

void sip_registration_on_deadline(struct sip_registration *reg, sr_usec now,
                                  struct sip_registration_step *ret_step)
{
    *ret_step = (struct sip_registration_step){0};
    if (reg->is_bound && now >= reg->expires_at)
        lose(reg, ret_step);
    if (now < reg->deadline)
        return;
    reg->deadline = SR_NEVER;
    if (reg->state == SIP_REGISTRATION_LEAVING) {
        reg->state = SIP_REGISTRATION_OFF;
        lose(reg, ret_step);
    } else if (reg->state == SIP_REGISTRATION_RESTING || reg->state == SIP_REGISTRATION_WAITING) {
        order(reg, ret_step);
    }
}

uint32_t sip_registration_expires_s(const struct sip_registration *reg)
{
    return reg->state == SIP_REGISTRATION_LEAVING ? 0 : reg->wanted_s;
}
