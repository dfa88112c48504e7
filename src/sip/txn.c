#include "sip/txn.h"

static void todo(struct sip_txn_step *step, enum sip_txn_do what)
{
    SR_ASSERT(step->todo_count < SIP_TXN_STEP_MAX);
    step->todo[step->todo_count++] = what;
}

static void clear(struct sip_txn_step *step)
{
    memset(step, 0, sizeof(*step));
}

static void stop_timers(struct sip_txn *txn)
{
    txn->resend_at = SR_NEVER;
    txn->trying_at = SR_NEVER;
    txn->end_at = SR_NEVER;
}

static void terminate(struct sip_txn *txn, struct sip_txn_step *step)
{
    txn->state = SIP_TXN_TERMINATED;
    stop_timers(txn);
    todo(step, SIP_TXN_DO_FREE);
}

/* Enters a state that only waits for stragglers; over a reliable transport there are none. */
static void linger(struct sip_txn *txn, enum sip_txn_state state, sr_usec wait, sr_usec now,
                   struct sip_txn_step *step)
{
    stop_timers(txn);
    if (!wait) {
        terminate(txn, step);
        return;
    }
    txn->state = state;
    txn->end_at = now + wait;
}

static sr_usec or_default(sr_usec value, sr_usec otherwise)
{
    return value ? value : otherwise;
}

static bool is_client(const struct sip_txn *txn)
{
    return txn->kind == SIP_TXN_INVITE_CLIENT || txn->kind == SIP_TXN_CLIENT;
}

void sip_txn_start(struct sip_txn *txn, enum sip_txn_kind kind, bool is_reliable,
                   const struct sip_txn_options *options, sr_usec now,
                   struct sip_txn_step *ret_step)
{
    static const struct sip_txn_options defaults = {0};
    const struct sip_txn_options *o = options ? options : &defaults;
    clear(ret_step);
    memset(txn, 0, sizeof(*txn));
    txn->kind = kind;
    txn->is_reliable = is_reliable;
    txn->t1 = or_default(o->t1, 500 * SR_MSEC);
    txn->t2 = or_default(o->t2, 4 * SR_SEC);
    txn->t4 = or_default(o->t4, 5 * SR_SEC);
    txn->timer_d = or_default(o->timer_d, 32 * SR_SEC);
    stop_timers(txn);
    switch (kind) {
    case SIP_TXN_INVITE_CLIENT:
    case SIP_TXN_CLIENT:
        txn->state = kind == SIP_TXN_CLIENT ? SIP_TXN_TRYING : SIP_TXN_CALLING;
        txn->end_at = now + 64 * txn->t1;
        txn->interval = txn->t1;
        if (!is_reliable)
            txn->resend_at = now + txn->t1;
        todo(ret_step, SIP_TXN_DO_SEND);
        break;
    case SIP_TXN_INVITE_SERVER:
        txn->state = SIP_TXN_PROCEEDING;
        sr_usec delay = or_default(o->trying_delay, 200 * SR_MSEC);
        txn->trying_at = delay == SR_NEVER ? SR_NEVER : now + delay;
        todo(ret_step, SIP_TXN_DO_TELL_REQUEST);
        break;
    case SIP_TXN_SERVER:
        txn->state = SIP_TXN_TRYING;
        todo(ret_step, SIP_TXN_DO_TELL_REQUEST);
        break;
    }
}

/* --- client ---------------------------------------------------------------------------------- */

static void invite_response(struct sip_txn *txn, unsigned status, sr_usec now,
                            struct sip_txn_step *step)
{
    bool is_waiting = txn->state == SIP_TXN_CALLING || txn->state == SIP_TXN_PROCEEDING;
    if (is_waiting && status < 200) {
        bool is_first = txn->state == SIP_TXN_CALLING;
        txn->state = SIP_TXN_PROCEEDING;
        txn->resend_at = SR_NEVER;
        if (is_first)
            txn->end_at = SR_NEVER; /* timer B; a sent CANCEL sets it again */
        todo(step, SIP_TXN_DO_TELL_RESPONSE);
    } else if (is_waiting && status < 300) {
        todo(step, SIP_TXN_DO_TELL_RESPONSE);
        linger(txn, SIP_TXN_ACCEPTED, 64 * txn->t1, now, step); /* M, also when reliable */
    } else if (is_waiting) {
        todo(step, SIP_TXN_DO_SEND_ACK);
        todo(step, SIP_TXN_DO_TELL_RESPONSE);
        linger(txn, SIP_TXN_COMPLETED, txn->is_reliable ? 0 : txn->timer_d, now, step);
    } else if (txn->state == SIP_TXN_COMPLETED && status >= 300) {
        todo(step, SIP_TXN_DO_SEND_ACK);
        return;
    } else if (txn->state == SIP_TXN_ACCEPTED && status >= 200 && status < 300) {
        todo(step, SIP_TXN_DO_TELL_RESPONSE); /* again, or of another branch: the user ACKs it */
    } else {
        return;
    }
    txn->status = (uint16_t)status;
}

static void other_response(struct sip_txn *txn, unsigned status, sr_usec now,
                           struct sip_txn_step *step)
{
    if (txn->state != SIP_TXN_TRYING && txn->state != SIP_TXN_PROCEEDING)
        return;
    txn->status = (uint16_t)status;
    todo(step, SIP_TXN_DO_TELL_RESPONSE);
    if (status < 200) {
        txn->state = SIP_TXN_PROCEEDING; /* timer E goes on; its next interval is T2 */
        txn->interval = txn->t2;
    } else {
        linger(txn, SIP_TXN_COMPLETED, txn->is_reliable ? 0 : txn->t4, now, step);
    }
}

void sip_txn_on_response(struct sip_txn *txn, unsigned status, sr_usec now,
                         struct sip_txn_step *ret_step)
{
    clear(ret_step);
    if (!is_client(txn) || status < 100 || status > 699)
        return;
    if (txn->kind == SIP_TXN_INVITE_CLIENT)
        invite_response(txn, status, now, ret_step);
    else
        other_response(txn, status, now, ret_step);
}

void sip_txn_on_cancel_sent(struct sip_txn *txn, sr_usec now)
{
    if (txn->kind == SIP_TXN_INVITE_CLIENT && txn->state == SIP_TXN_PROCEEDING)
        txn->end_at = now + 64 * txn->t1;
}

bool sip_txn_may_cancel(const struct sip_txn *txn)
{
    return txn->kind == SIP_TXN_INVITE_CLIENT && txn->state == SIP_TXN_PROCEEDING;
}

/* --- server ---------------------------------------------------------------------------------- */

static void invite_again(struct sip_txn *txn, bool is_ack, sr_usec now, struct sip_txn_step *step)
{
    if (is_ack) {
        if (txn->state == SIP_TXN_COMPLETED)
            linger(txn, SIP_TXN_CONFIRMED, txn->is_reliable ? 0 : txn->t4, now, step);
        else if (txn->state == SIP_TXN_ACCEPTED)
            todo(step, SIP_TXN_DO_TELL_ACK);
        return;
    }
    if (txn->state == SIP_TXN_COMPLETED || (txn->state == SIP_TXN_PROCEEDING && txn->status)) {
        todo(step, SIP_TXN_DO_SEND);
    } else if (txn->state == SIP_TXN_PROCEEDING && txn->trying_at != SR_NEVER) {
        txn->trying_at = SR_NEVER; /* the caller is impatient */
        txn->status = 100;
        todo(step, SIP_TXN_DO_SEND_TRYING);
    }
}

void sip_txn_on_request(struct sip_txn *txn, bool is_ack, sr_usec now,
                        struct sip_txn_step *ret_step)
{
    clear(ret_step);
    if (txn->kind == SIP_TXN_INVITE_SERVER)
        invite_again(txn, is_ack, now, ret_step);
    else if (txn->kind == SIP_TXN_SERVER && !is_ack &&
             (txn->state == SIP_TXN_PROCEEDING || txn->state == SIP_TXN_COMPLETED))
        todo(ret_step, SIP_TXN_DO_SEND);
}

static enum sr_err invite_respond(struct sip_txn *txn, unsigned status, sr_usec now,
                                  struct sip_txn_step *step)
{
    bool is_2xx = status >= 200 && status < 300;
    if (txn->state == SIP_TXN_ACCEPTED && is_2xx) {
        todo(step, SIP_TXN_DO_SEND);
        return SR_OK;
    }
    if (txn->state != SIP_TXN_PROCEEDING)
        return SR_ERR_STATE;
    txn->status = (uint16_t)status;
    txn->trying_at = SR_NEVER;
    todo(step, SIP_TXN_DO_SEND);
    if (is_2xx) {
        linger(txn, SIP_TXN_ACCEPTED, 64 * txn->t1, now, step);
    } else if (status >= 300) {
        linger(txn, SIP_TXN_COMPLETED, 64 * txn->t1, now, step);
        txn->interval = txn->t1;
        if (!txn->is_reliable)
            txn->resend_at = now + txn->t1;
    }
    return SR_OK;
}

enum sr_err sip_txn_respond(struct sip_txn *txn, unsigned status, sr_usec now,
                            struct sip_txn_step *ret_step)
{
    clear(ret_step);
    SR_ASSERT(status >= 100 && status <= 699);
    if (txn->kind == SIP_TXN_INVITE_SERVER)
        return invite_respond(txn, status, now, ret_step);
    if (txn->kind != SIP_TXN_SERVER ||
        (txn->state != SIP_TXN_TRYING && txn->state != SIP_TXN_PROCEEDING))
        return SR_ERR_STATE;
    txn->status = (uint16_t)status;
    todo(ret_step, SIP_TXN_DO_SEND);
    if (status < 200)
        txn->state = SIP_TXN_PROCEEDING;
    else
        linger(txn, SIP_TXN_COMPLETED, txn->is_reliable ? 0 : 64 * txn->t1, now, ret_step);
    return SR_OK;
}

/* --- both ------------------------------------------------------------------------------------ */

void sip_txn_on_transport_error(struct sip_txn *txn, sr_usec now, struct sip_txn_step *ret_step)
{
    (void)now; /* the same shape as all events */
    clear(ret_step);
    if (txn->state == SIP_TXN_IDLE || txn->state == SIP_TXN_TERMINATED)
        return;
    if (txn->kind == SIP_TXN_INVITE_CLIENT && txn->state == SIP_TXN_ACCEPTED)
        return; /* nothing of this transaction was being sent */
    if (txn->kind == SIP_TXN_CLIENT && txn->state == SIP_TXN_COMPLETED)
        return;
    todo(ret_step, SIP_TXN_DO_TELL_TRANSPORT);
    /* RFC 6026: an INVITE server stays, so that stragglers find it */
    if (txn->kind != SIP_TXN_INVITE_SERVER)
        terminate(txn, ret_step);
}

sr_usec sip_txn_deadline(const struct sip_txn *txn)
{
    sr_usec first = SR_MIN(txn->resend_at, txn->trying_at);
    return SR_MIN(first, txn->end_at);
}

static void on_end(struct sip_txn *txn, struct sip_txn_step *step)
{
    bool is_timeout = false;
    if (is_client(txn))
        is_timeout = txn->state == SIP_TXN_CALLING || txn->state == SIP_TXN_TRYING ||
                     txn->state == SIP_TXN_PROCEEDING;
    else if (txn->kind == SIP_TXN_INVITE_SERVER)
        is_timeout = txn->state == SIP_TXN_COMPLETED;
    if (is_timeout)
        todo(step, SIP_TXN_DO_TELL_TIMEOUT);
    terminate(txn, step);
}

/* Timers A (doubles without end), E and G (double up to T2; E stands at T2 once proceeding). */
static void on_resend(struct sip_txn *txn, struct sip_txn_step *step)
{
    todo(step, SIP_TXN_DO_SEND);
    txn->interval *= 2;
    if (txn->kind != SIP_TXN_INVITE_CLIENT)
        txn->interval = SR_MIN(txn->interval, txn->t2);
    txn->resend_at += txn->interval;
}

void sip_txn_on_deadline(struct sip_txn *txn, sr_usec now, struct sip_txn_step *ret_step)
{
    clear(ret_step);
    if (txn->end_at <= now) {
        on_end(txn, ret_step);
        return;
    }
    if (txn->trying_at <= now) {
        txn->trying_at = SR_NEVER;
        txn->status = 100;
        todo(ret_step, SIP_TXN_DO_SEND_TRYING);
    }
    if (txn->resend_at <= now) {
        on_resend(txn, ret_step);
        if (txn->resend_at <= now) /* the loop was late: no burst */
            txn->resend_at = now + txn->interval;
    }
}
