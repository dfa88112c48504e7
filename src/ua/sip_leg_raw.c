/* Legs whose user passes everything on to another leg: PRACK, INFO (sip_leg.h, "raw"). */
#include "base/alloc.h"
#include "ua/carry.h"
#include "ua/client_txn.h"
#include "ua/sip_leg_internal.h"

void sip_leg_set_raw(struct sip_leg *leg)
{
    leg->is_raw = true;
}

/* ---- PRACK ---- */

void sip_leg_prack(struct sip_leg *leg)
{
    if (!leg->is_prack_owed)
        return;
    leg->is_prack_owed = false;
    if (leg->state == LEG_CALLING)
        sip_leg__send_prack(leg, &leg->prack_dialog, leg->prack_rseq, leg->prack_cseq);
}

void sip_leg__owe_prack(struct sip_leg *leg, const struct sip_dialog *dialog, uint32_t rseq,
                        uint32_t cseq)
{
    sip_leg_prack(leg);
    leg->prack_dialog = *dialog;
    leg->prack_rseq = rseq;
    leg->prack_cseq = cseq;
    leg->is_prack_owed = true;
}

bool sip_leg_waits_for_prack(const struct sip_leg *leg)
{
    return leg->rel.is_pending;
}

/* ---- INFO ---- */

void sip_leg__on_raw_info(struct sip_leg *leg, struct ua_in *in, struct server_txn *txn)
{
    struct sip_leg_event event = {
        .kind = SIP_LEG_INFO,
        .sdp = in->msg->body,
        .type = sip_msg_value(in->msg, SIP_HDR_CONTENT_TYPE),
    };

    if (in->msg->body.n > UA_BODY_BYTES_MAX) {
        server_txn__refuse(txn, 413, NULL);
        return;
    }
    if (leg->info_st != NULL) { /* one at a time */
        server_txn__refuse(txn, 500, &(struct ua_refusal){.retry_after_sec = 1});
        return;
    }
    leg->info_st = txn;
    txn->leg = leg;
    sip_leg__tell(leg, &event);
}

void sip_leg_answer_info(struct sip_leg *leg, uint16_t status)
{
    struct server_txn *txn = leg->info_st;

    if (txn == NULL)
        return;
    server_txn__detach(txn);
    if (status >= 300 || leg->ua->carrier == leg)
        sip_leg__refuse(leg, txn, status, NULL);
    else
        server_txn__ok(txn);
}

static void on_info_done(void *arg, struct client_txn *txn, struct sip_msg *msg, uint16_t status)
{
    struct sip_leg_event event = {.kind = SIP_LEG_INFO_DONE, .status = status};
    struct sip_leg *leg = arg;

    if (msg != NULL && status < 200)
        return;
    sip_leg__hold(leg);
    client_txn__detach(txn);
    sip_leg__tell(leg, &event);
    if (msg == NULL || status == 408 || status == 481)
        sip_leg__lost(leg, status, msg == NULL && status == 503);
    sip_leg__release(leg);
}

enum sr_err sip_leg_send_info(struct sip_leg *leg, struct sr_str type, struct sr_str body)
{
    char branch[UA_TOKEN_MAX];
    struct sip_msg *carried = carry__take(leg, SIP_METHOD_INFO, 0);
    struct sip_build build;

    if (leg->is_detached || !leg->has_dialog || leg->state == LEG_OVER)
        return SR_ERR_STATE;
    sip_leg__begin(leg, SIP_METHOD_INFO, &build, branch);
    carry__headers(carried, &build);
    if (sip_build_end(&build, body.n > 0 ? type : SR_STR(""), body) != SR_OK ||
        sip_leg__send(leg, SIP_METHOD_INFO, &build, sr_str_c(branch), on_info_done) == NULL)
        return SR_ERR_LIMIT;
    return SR_OK;
}
