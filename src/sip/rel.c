#include "sip/rel.h"

static sr_usec or_default(sr_usec value, sr_usec otherwise)
{
    return value ? value : otherwise;
}

/* --- called side, reliable 1xx --------------------------------------------------------------- */

void sip_rel_init(struct sip_rel *rel, uint32_t cseq, uint32_t first_rseq, sr_usec t1)
{
    SR_ASSERT(first_rseq > 0);
    memset(rel, 0, sizeof(*rel));
    rel->cseq = cseq;
    rel->rseq = first_rseq - 1;
    rel->t1 = or_default(t1, 500 * SR_MSEC);
    sip_rel_stop(rel);
}

void sip_rel_stop(struct sip_rel *rel)
{
    rel->is_pending = false;
    rel->resend_at = SR_NEVER;
    rel->end_at = SR_NEVER;
}

enum sr_err sip_rel_send(struct sip_rel *rel, sr_usec now, uint32_t *ret_rseq)
{
    if (rel->is_pending)
        return SR_ERR_STATE;
    rel->is_pending = true;
    rel->rseq++;
    rel->interval = rel->t1;
    rel->resend_at = now + rel->interval;
    rel->end_at = now + 64 * rel->t1;
    *ret_rseq = rel->rseq;
    return SR_OK;
}

enum sr_err sip_rel_on_prack(struct sip_rel *rel, const struct sip_rack *rack)
{
    if (!rel->is_pending || rack->rseq != rel->rseq || rack->cseq.number != rel->cseq ||
        rack->cseq.method != SIP_METHOD_INVITE)
        return SR_ERR_NOTFOUND;
    sip_rel_stop(rel);
    return SR_OK;
}

sr_usec sip_rel_deadline(const struct sip_rel *rel)
{
    return SR_MIN(rel->resend_at, rel->end_at);
}

/* One step of a repetition; interval_max SR_NEVER: no cap. */
static enum sip_rel_do repeat(sr_usec *resend_at, sr_usec *interval, sr_usec interval_max,
                              sr_usec now)
{
    if (*resend_at > now)
        return SIP_REL_DO_NOTHING;
    *interval = SR_MIN(*interval * 2, interval_max);
    *resend_at += *interval;
    if (*resend_at <= now) /* the loop was late: no burst */
        *resend_at = now + *interval;
    return SIP_REL_DO_SEND;
}

enum sip_rel_do sip_rel_on_deadline(struct sip_rel *rel, sr_usec now)
{
    if (rel->end_at <= now) {
        sip_rel_stop(rel);
        return SIP_REL_DO_GIVE_UP;
    }
    return repeat(&rel->resend_at, &rel->interval, SR_NEVER, now);
}

/* --- calling side ---------------------------------------------------------------------------- */

enum sip_rel_order sip_rel_order(struct sip_rel_seen *seen, uint32_t rseq)
{
    if (seen->has_rseq && rseq <= seen->rseq)
        return SIP_REL_AGAIN;
    if (seen->has_rseq && rseq != seen->rseq + 1)
        return SIP_REL_TOO_NEW;
    seen->has_rseq = true;
    seen->rseq = rseq;
    return SIP_REL_NEW;
}

/* --- 2xx ------------------------------------------------------------------------------------- */

void sip_retry2xx_start(struct sip_retry2xx *retry, sr_usec t1, sr_usec t2, sr_usec now)
{
    t1 = or_default(t1, 500 * SR_MSEC);
    retry->t2 = or_default(t2, 4 * SR_SEC);
    retry->interval = t1;
    retry->resend_at = now + t1;
    retry->end_at = now + 64 * t1;
}

void sip_retry2xx_stop(struct sip_retry2xx *retry)
{
    retry->resend_at = SR_NEVER;
    retry->end_at = SR_NEVER;
}

sr_usec sip_retry2xx_deadline(const struct sip_retry2xx *retry)
{
    return SR_MIN(retry->resend_at, retry->end_at);
}

enum sip_rel_do sip_retry2xx_on_deadline(struct sip_retry2xx *retry, sr_usec now)
{
    if (retry->end_at <= now) {
        sip_retry2xx_stop(retry);
        return SIP_REL_DO_GIVE_UP;
    }
    return repeat(&retry->resend_at, &retry->interval, retry->t2, now);
}
