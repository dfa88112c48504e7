/* REFER inside a call and its subscription (RFC 3515, 3891, 4488); who is connected (RFC 3325, 3311). */
#include "base/alloc.h"
#include "ua/client_txn.h"
#include "ua/sip_leg_internal.h"

enum {
    REFER_TO_TEXT_MAX = 256,
    REFER_REPLACES_MAX = 512,
    REFER_EXPIRES_SEC = 180,
    IDENTITY_RETRY_MS = 500, /* another exchange is open: try again then */
};

/* ---- REFER ---- */

/* A Refer-To as it is used: texts unescaped into own memory. */
struct refer_target {
    char user[REFER_TO_TEXT_MAX];
    char replaces[REFER_REPLACES_MAX];
};

/* Reads Refer-To into the event; 0, or the status to refuse with. */
static uint16_t read_target(struct sip_msg *msg, struct refer_target *target,
                            struct sip_leg_event *event)
{
    struct sr_str value = sip_msg_value(msg, SIP_HDR_REFER_TO);
    struct sip_replaces replaces;
    struct sip_nameaddr addr;
    struct sr_str text;
    struct sr_buf buf;

    if (value.p == NULL || sip_nameaddr_parse(value, &addr, NULL) != SR_OK)
        return 400;
    if (addr.uri.scheme == SIP_SCHEME_OTHER)
        return 416;
    if (sip_uri_param(&addr.uri, "method", &text) && !sr_str_eq_c(text, "INVITE"))
        return 501;
    event->refer_user = sip_uri_user(&addr.uri, target->user, sizeof(target->user));
    event->refer_host = addr.uri.host;
    /* with Replaces the dialog says it: SIP.js writes our Contact, which has no user */
    if (!sip_uri_header(&addr.uri, "Replaces", &text))
        return event->refer_user.n == 0 ? 404 : 0;
    sr_buf_init_fixed(&buf, target->replaces, sizeof(target->replaces));
    if (sip_unescape(text, &buf) != SR_OK || sr_buf_err(&buf) != SR_OK ||
        sip_replaces_parse(sr_buf_view(&buf), &replaces, NULL) != SR_OK)
        return 400;
    event->has_replaces = true;
    event->replaces_call_id = replaces.call_id;
    event->replaces_local_tag = replaces.to_tag;
    event->replaces_remote_tag = replaces.from_tag;
    return 0;
}

/* RFC 4488: the phone wants no NOTIFY. */
static bool is_unsubscribed(struct sip_msg *msg)
{
    struct sr_str value = sip_msg_value(msg, SIP_HDR_REFER_SUB);
    struct sip_tokenval token;

    return value.p != NULL && sip_tokenval_parse(value, &token, NULL) == SR_OK &&
           sr_str_ieq_c(token.token, "false");
}

void sip_leg__on_refer(struct sip_leg *leg, struct ua_in *in, struct server_txn *txn)
{
    struct sip_leg_event event = {.kind = SIP_LEG_REFER};
    struct refer_target target;
    uint16_t status = read_target(in->msg, &target, &event);

    if (status == 0 && (leg->is_refer_open || leg->refer_st != NULL))
        status = 491; /* one at a time */
    /* the far end of a provider's call sends nobody anywhere at our expense */
    if (status == 0 && (leg->state != LEG_ANSWERED || leg->provider != SR_ID_NONE))
        status = 403;
    if (status != 0) {
        server_txn__refuse(txn, status, NULL);
        return;
    }
    leg->refer_st = txn;
    txn->leg = leg;
    leg->is_refer_told = !is_unsubscribed(in->msg);
    leg->refer_id = sip_msg_cseq(in->msg)->number;
    sip_leg__tell(leg, &event);
    if (leg->refer_st != NULL) {
        server_txn__detach(txn);
        server_txn__refuse(txn, 500, NULL);
    }
}

void sip_leg_answer_refer(struct sip_leg *leg, uint16_t status)
{
    struct server_txn *txn = leg->refer_st;
    struct sip_build build;

    if (txn == NULL)
        return;
    server_txn__detach(txn);
    if (status >= 300) {
        server_txn__refuse(txn, status, NULL);
        return;
    }
    server_txn__begin(txn, &build, 202, SR_STR(""));
    sip_leg__add_abilities(leg, &build);
    if (!leg->is_refer_told)
        sip_build_c(&build, SIP_HDR_REFER_SUB, "false");
    server_txn__send(txn, &build, 202, SR_STR(""), SR_STR(""));
    leg->is_refer_open = true;
    leg->refer_count++;
    sip_leg_notify_refer(leg, 100, SR_STR("Trying"));
}

static void on_notified(void *arg, struct client_txn *txn, struct sip_msg *msg, uint16_t status)
{
    struct sip_leg *leg = arg;

    if (msg != NULL && status < 200)
        return;
    sip_leg__hold(leg);
    client_txn__detach(txn);
    if (status >= 300 && status != 491 && status < 500)
        leg->is_refer_told = false; /* the phone has forgotten its subscription */
    sip_leg__release(leg);
}

void sip_leg_notify_refer(struct sip_leg *leg, uint16_t status, struct sr_str reason)
{
    bool is_final = status >= 200;
    char branch[UA_TOKEN_MAX];
    struct sip_build build;
    char array[256];
    struct sr_buf body;

    if (!leg->is_refer_open || leg->state != LEG_ANSWERED)
        return;
    leg->is_refer_open = !is_final;
    if (!leg->is_refer_told)
        return;
    sip_leg__hold(leg);
    if (reason.n == 0)
        reason = sr_str_c(sip_status_text(status));
    sr_buf_init_fixed(&body, array, sizeof(array));
    sr_buf_fmt(&body, "SIP/2.0 %u %.*s\r\n", (unsigned)status,
               SR_STR_ARG(sr_str_head(reason, 120)));
    sip_leg__begin(leg, SIP_METHOD_NOTIFY, &build, branch);
    if (leg->refer_count > 1) /* RFC 3515 2.4.6: the first needs no id */
        sip_build_fmt(&build, SIP_HDR_EVENT, "refer;id=%u", (unsigned)leg->refer_id);
    else
        sip_build_c(&build, SIP_HDR_EVENT, "refer");
    if (is_final)
        sip_build_c(&build, SIP_HDR_SUBSCRIPTION_STATE, "terminated;reason=noresource");
    else
        sip_build_fmt(&build, SIP_HDR_SUBSCRIPTION_STATE, "active;expires=%d", REFER_EXPIRES_SEC);
    if (sip_build_end(&build, SR_STR("message/sipfrag;version=2.0"), sr_buf_view(&body)) == SR_OK)
        (void)sip_leg__send(leg, SIP_METHOD_NOTIFY, &build, sr_str_c(branch), on_notified);
    sip_leg__release(leg);
}

/* ---- who is connected ---- */

void sip_leg__add_identity(struct sip_leg *leg, struct sip_build *build)
{
    struct sip_build_addr addr = {.display = leg->identity_display};

    if (leg->identity_user.n == 0)
        return;
    sip_leg__add_party(leg, build, SIP_HDR_P_ASSERTED_IDENTITY, leg->identity_user, addr);
    addr.params =
        leg->is_uac ? SR_STR(";party=calling;privacy=off") : SR_STR(";party=called;privacy=off");
    sip_leg__add_party(leg, build, SIP_HDR_REMOTE_PARTY_ID, leg->identity_user, addr);
}

void sip_leg__send_identity(struct sip_leg *leg)
{
    leg->identity_at = SR_NEVER;
    if (leg->state != LEG_ANSWERED || leg->is_detached || !leg->is_update_allowed)
        return;
    if (!sip_leg__send_bare_update(leg))
        leg->identity_at = ua__now(leg->ua) + IDENTITY_RETRY_MS * SR_MSEC;
}

void sip_leg_identify(struct sip_leg *leg, struct sr_str user, struct sr_str display)
{
    /* a provider is told who calls in the INVITE, by its own rules, and no extension of ours later */
    if (leg->provider != SR_ID_NONE ||
        (sr_str_eq(user, leg->identity_user) && sr_str_eq(display, leg->identity_display)))
        return;
    sip_leg__keep_sdp(&leg->identity_user, user);
    sip_leg__keep_sdp(&leg->identity_display, display);
    sip_leg__hold(leg);
    sip_leg__send_identity(leg);
    sip_leg__release(leg);
}
