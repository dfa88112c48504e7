/* The same request once more: with the answer to a challenge, or to another address of the provider. */
#include "base/alloc.h"
#include "base/log.h"
#include "ua/client_size.h"
#include "ua/sip_leg_internal.h"

enum {
    CREDENTIALS_MAX = 2048
};

/* ---- digest ---- */

/* Is `a` the same name as `b`, or does one lie inside the other's domain? */
static bool is_related(struct sr_str a, struct sr_str b)
{
    struct sr_str longer = a.n >= b.n ? a : b;
    struct sr_str shorter = a.n >= b.n ? b : a;
    struct sr_str tail = sr_str_from(longer, longer.n - shorter.n);

    if (shorter.n == 0 || sr_str_find(shorter, '.', 0) == shorter.n || !sr_str_ieq(tail, shorter))
        return false;
    return longer.n == shorter.n || longer.p[longer.n - shorter.n - 1] == '.';
}

/* Does the password belong to that realm? A call may be challenged by whoever was called: only the
 * registrar's own realm, or one named in the settings, gets an answer. */
static bool is_own_realm(const struct provider *provider, enum sip_method method,
                         struct sr_str realm)
{
    const struct ua_provider *conf = &provider->conf;

    if (conf->digest_realm.n > 0)
        return sr_str_eq(realm, conf->digest_realm);
    if (method == SIP_METHOD_REGISTER || method == SIP_METHOD_OPTIONS)
        return true; /* these end at the provider's own server */
    if (provider->realm[0] != '\0')
        return sr_str_eq_c(realm, provider->realm);
    return is_related(realm, conf->domain);
}

static void keep_challenge(struct provider *provider, const struct digest_challenge *challenge,
                           enum sip_hdr header)
{
    struct provider_challenge *kept = &provider->challenge;

    if (!sr_str_eq_c(challenge->nonce, kept->nonce))
        kept->nc = 0;
    if (!sr_str_copy(challenge->realm, kept->realm, sizeof(kept->realm)) ||
        !sr_str_copy(challenge->nonce, kept->nonce, sizeof(kept->nonce)) ||
        !sr_str_copy(challenge->opaque, kept->opaque, sizeof(kept->opaque))) {
        kept->nonce[0] = '\0'; /* too long to keep: asked for again */
        return;
    }
    kept->has_opaque = challenge->has_opaque;
    kept->algorithm = challenge->algorithm;
    kept->qop = challenge->qop;
    kept->header = header;
}

/* body: of the request, for qop=auth-int. */
static enum sr_err write_answer(struct provider *provider, const struct digest_challenge *challenge,
                                enum sip_method method, struct sr_str uri, struct sr_str body,
                                struct sr_buf *buf)
{
    char cnonce[UA_TOKEN_MAX];
    struct digest_answer answer = {
        .username = provider->conf.auth_username,
        .password = provider->conf.password,
        .method = sr_str_c(sip_method_name(method)),
        .uri = uri,
        .body = body,
        .nc = ++provider->challenge.nc,
    };

    ua__token(provider->ua, 8, cnonce);
    answer.cnonce = sr_str_c(cnonce);
    return digest_answer_write(challenge, &answer, buf);
}

bool provider__add_credentials(struct provider *provider, struct sip_build *build,
                               enum sip_method method, struct sr_str uri)
{
    struct provider_challenge *kept = &provider->challenge;
    struct digest_challenge challenge = {
        .realm = sr_str_c(kept->realm),
        .nonce = sr_str_c(kept->nonce),
        .opaque = sr_str_c(kept->opaque),
        .has_opaque = kept->has_opaque,
        .algorithm = kept->algorithm,
        .qop = kept->qop,
    };
    char array[CREDENTIALS_MAX];
    struct sr_buf buf;

    if (kept->nonce[0] == '\0')
        return false;
    sr_buf_init_fixed(&buf, array, sizeof(array));
    if (write_answer(provider, &challenge, method, uri, SR_STR(""), &buf) != SR_OK)
        return false;
    sip_build_text(build, kept->header, sr_buf_view(&buf));
    return true;
}

/* May one more challenge be answered for this request? */
static bool may_answer(const struct client_txn *txn, const struct digest_challenge *challenge,
                       enum sip_hdr header)
{
    if (txn->answers == 0)
        return true;
    if (txn->answers >= PROVIDER_ANSWERS_MAX)
        return false;
    return challenge->is_stale || header != txn->answer_header;
}

/* The credentials for a 401 or 407, or false: not ours to answer. */
static bool answer_challenge(struct client_txn *txn, struct provider *provider, struct sip_msg *msg,
                             struct sr_buf *buf, enum sip_hdr *ret_header)
{
    bool is_proxy = msg->status == 407;
    struct sip_values values =
        sip_msg_values(msg, is_proxy ? SIP_HDR_PROXY_AUTHENTICATE : SIP_HDR_WWW_AUTHENTICATE);
    enum sip_hdr header = is_proxy ? SIP_HDR_PROXY_AUTHORIZATION : SIP_HDR_AUTHORIZATION;
    struct sip_header slots[SIP_HEADERS_MAX];
    struct digest_challenge challenge;
    struct sip_msg request;
    struct sr_str value;

    if (provider->conf.password.n == 0 || !provider__has_addr(provider, &txn->flow.remote) ||
        sip_msg_parse(txn->request, slots, SIP_HEADERS_MAX, &request, NULL) != SR_OK)
        return false;
    while (sip_values_next(&values, &value)) {
        if (digest_challenge_parse(value, &challenge) != SR_OK)
            continue;
        if (!is_own_realm(provider, txn->method, challenge.realm)) {
            (void)sr_str_copy(challenge.realm, provider->foreign_realm,
                              sizeof(provider->foreign_realm));
            sr_log(SIP, WARN, "event=foreign_realm provider=%.*s realm=%s method=%s",
                   SR_STR_ARG(provider->conf.id), provider->foreign_realm,
                   sip_method_name(txn->method));
            continue;
        }
        provider->foreign_realm[0] = '\0';
        if (!may_answer(txn, &challenge, header))
            return false;
        keep_challenge(provider, &challenge, header);
        if (txn->method == SIP_METHOD_REGISTER)
            (void)sr_str_copy(challenge.realm, provider->realm, sizeof(provider->realm));
        *ret_header = header;
        return write_answer(provider, &challenge, txn->method, request.uri_text, request.body,
                            buf) == SR_OK;
    }
    return false;
}

/* ---- the request again ---- */

static struct sip_leg *leg_of(const struct client_txn *txn)
{
    return txn->leg_list != NULL ? SR_CONTAINER(txn->leg_list, struct sip_leg, client_txns) : NULL;
}

static uint32_t next_cseq(struct client_txn *txn, uint32_t before)
{
    struct sip_leg *leg = leg_of(txn);

    if (leg != NULL) {
        uint32_t cseq = sip_dialog_next_cseq(&leg->dialog);

        if (txn->method == SIP_METHOD_INVITE)
            leg->ok_cseq = cseq;
        return cseq;
    }
    if (txn->cseq != NULL)
        return ++*txn->cseq;
    return before + 1;
}

struct again {
    const struct net_flow *flow;
    const struct net_flow *contact; /* the flow our Contact is for */
    enum sip_hdr header;            /* OTHER: no credentials are added */
    struct sr_str credentials;
    bool is_new; /* another CSeq, for the first one may still be with the same server */
};

/* Via and Contact of the request for another flow; also when our address was learnt meanwhile. */
static void edit_addresses(struct sip_edit *edit, struct provider *provider,
                           struct sip_msg *request, const struct again *again, struct sr_str branch)
{
    char array[1024];
    char uri[UA_CONTACT_TEXT_MAX];
    struct sr_buf text;

    sr_buf_init_fixed(&text, array, sizeof(array));
    ua__via_text(provider->ua, &text, again->flow, branch, provider->id);
    sip_edit_set_top(edit, SIP_HDR_VIA, sr_buf_view(&text));
    if (request->first[SIP_HDR_CONTACT] == 0)
        return;
    sr_buf_clear(&text);
    if (request->method == SIP_METHOD_REGISTER)
        provider__register_contact(provider, again->contact, &text);
    else
        sr_buf_fmt(&text, "<%.*s>", SR_STR_ARG(provider__own_uri(provider, again->contact, uri)));
    sip_edit_set(edit, SIP_HDR_CONTACT, sr_buf_view(&text));
}

static struct client_txn *send_again(struct client_txn *txn, struct provider *provider,
                                     const struct again *again)
{
    struct ua *ua = txn->ua;
    struct sip_header slots[SIP_HEADERS_MAX];
    const struct sip_cseq *cseq;
    struct sip_msg request;
    struct sr_arena arena;
    struct sip_edit edit;
    char branch[UA_TOKEN_MAX];
    char number[64];
    struct sr_buf text;
    enum sr_err err;

    if (sip_msg_parse(txn->request, slots, SIP_HEADERS_MAX, &request, NULL) != SR_OK ||
        (cseq = sip_msg_cseq(&request)) == NULL)
        return NULL;
    ua__branch(ua, branch);
    sr_arena_init(&arena, 2 * NET_MESSAGE_BYTES_MAX);
    sip_edit_init(&edit, &request, &arena);
    edit_addresses(&edit, provider, &request, again, sr_str_c(branch));
    if (again->header != SIP_HDR_OTHER || again->is_new) {
        sr_buf_init_fixed(&text, number, sizeof(number));
        sr_buf_fmt(&text, "%u %s", (unsigned)next_cseq(txn, cseq->number),
                   sip_method_name(txn->method));
        sip_edit_set(&edit, SIP_HDR_CSEQ, sr_buf_view(&text));
    }
    if (again->header != SIP_HDR_OTHER)
        sip_edit_set(&edit, again->header, again->credentials);
    sr_buf_clear(&ua->out);
    err = sip_edit_write(&edit, &ua->out);
    sr_arena_done(&arena);
    if (err != SR_OK)
        return NULL;
    return client_txn__again(txn, again->flow, sr_str_c(branch));
}

/* Somebody still waits for this request, and wants it to succeed. */
static bool is_wanted(const struct client_txn *txn)
{
    struct sip_leg *leg = leg_of(txn);

    return txn->fn != NULL && txn->request.n > 0 && !txn->is_cancelled &&
           (leg == NULL || !leg->is_cancel_wanted || txn->method != SIP_METHOD_INVITE);
}

/* A connection did not do: the same server by UDP, whatever the size (RFC 3261 18.1.1). */
static struct client_txn *fall_back(struct client_txn *txn, struct provider *provider)
{
    struct net_flow flow = txn->datagram;
    struct again again = {.flow = &flow, .contact = &flow, .header = SIP_HDR_OTHER, .is_new = true};
    struct client_txn *old;

    client_size__refused(txn);
    if (!is_wanted(txn))
        return NULL;
    txn->is_stream_off = true;
    old = send_again(txn, provider, &again);
    txn->answers = 0;
    if (old != NULL)
        old->is_abandoned = true;
    return old;
}

struct client_txn *client_txn__next_target(struct client_txn *txn)
{
    struct provider *provider = provider__get(txn->ua, txn->provider);
    struct txn_targets *targets = txn->targets;
    struct client_txn *old;
    struct net_flow flow;
    struct again again = {.flow = &flow, .contact = &flow};

    if (provider != NULL && txn->is_streamed && !txn->is_answered && !txn->is_abandoned)
        return fall_back(txn, provider);
    if (provider == NULL || targets == NULL || txn->ua->resolver == NULL)
        return NULL;
    resolver_mark_bad(txn->ua->resolver, &targets->items[targets->index]);
    for (size_t i = 0; i < provider->target_count; i++) {
        if (provider->targets[i].kind == txn->flow.kind &&
            sr_addr_eq(&provider->targets[i].addr, &txn->flow.remote))
            provider->targets[i].is_bad = true;
    }
    if (!txn->is_answered && txn->method == SIP_METHOD_INVITE)
        provider__on_silence(provider, &txn->flow);
    /* what rings may be answered yet: it is not called elsewhere, too */
    if (!is_wanted(txn) || txn->has_rung || targets->index + 1 >= targets->count)
        return NULL;
    targets->index++;
    flow = (struct net_flow){.kind = targets->items[targets->index].kind,
                             .remote = targets->items[targets->index].addr};
    old = send_again(txn, provider, &again);
    txn->answers = 0; /* another server has challenges of its own */
    if (old != NULL)
        old->is_abandoned = true; /* what still comes of it is cancelled */
    return old;
}

struct client_txn *client_txn__retry(struct client_txn *txn, struct sip_msg *msg)
{
    struct provider *provider = provider__get(txn->ua, txn->provider);
    struct net_flow flow = txn->flow;
    struct net_flow contact = *client_txn__dialog_flow(txn, NULL);
    struct again again = {.flow = &flow, .contact = &contact};
    char array[CREDENTIALS_MAX];
    struct client_txn *old;
    struct sr_buf buf;

    if (provider == NULL)
        return NULL;
    if (client_size__is_refusal(txn, msg->status) && is_wanted(txn))
        return fall_back(txn, provider);
    if (txn->targets != NULL && !txn->is_answered && msg->status != 503)
        resolver_mark_good(txn->ua->resolver, &txn->targets->items[txn->targets->index]);
    txn->is_answered = true;
    loop_timer_clear(txn->ua->loop, &txn->try_timer);
    if (msg->status > 100 && msg->status < 200)
        txn->has_rung = true;
    if (msg->status == 503 && !txn->has_rung)
        return client_txn__next_target(txn); /* RFC 3263 4.3 */
    if ((msg->status != 401 && msg->status != 407) || !is_wanted(txn))
        return NULL;
    sr_buf_init_fixed(&buf, array, sizeof(array));
    if (!answer_challenge(txn, provider, msg, &buf, &again.header))
        return NULL;
    again.credentials = sr_buf_view(&buf);
    old = send_again(txn, provider, &again);
    if (old != NULL) {
        txn->answers++;
        txn->answer_header = again.header;
    }
    return old;
}
