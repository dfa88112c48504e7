#include "base/alloc.h"
#include "sim_phone_internal.h"
#include "sip/digest.h"

/* ---- texts ---- */

void phone__send_text(struct sim_phone *phone, const char *text)
{
    struct net_flow flow = {
        .kind = phone->kind, .local = phone->addr, .remote = phone->router, .conn = phone->conn};

    if (phone->manners.is_dead)
        return;
    SR_ASSERT(sim_end_send(phone->end, &flow, sr_str_c(text)) == SR_OK);
    phone->conn = flow.conn;
}

static const char *contact_param(const struct sim_phone *phone)
{
    return phone->kind == NET_TCP   ? ";transport=tcp"
           : phone->kind == NET_TLS ? ";transport=tls"
                                    : "";
}

void phone__sdp(struct phone_call *call, struct sim_sdp *ret_sdp)
{
    *ret_sdp = (struct sim_sdp){.codecs = call->phone->manners.codecs,
                                .direction = call->direction,
                                .addr = call->phone->addr,
                                .is_nobody = call->is_nobody,
                                .proto = call->phone->manners.proto,
                                .crypto = call->phone->manners.crypto,
                                .suite = call->phone->manners.suite,
                                .version = ++call->sdp_version};
    ret_sdp->addr.port = 4000;
}

static void write_from_to(const struct phone_txn *txn, struct sr_buf *out)
{
    const struct phone_call *call = txn->call;
    char router[SR_ADDR_TEXT_MAX];

    if (call == NULL) {
        (void)sr_addr_host_text(&txn->phone->router, router);
        sr_buf_fmt(out, "From: <sip:%s@%s>;tag=reg\r\nTo: <sip:%s@%s>\r\nCall-ID: %s\r\n",
                   txn->phone->user, router, txn->phone->user, router, txn->phone->register_id);
        return;
    }
    sr_buf_fmt(out, "From: <%s>;tag=%s\r\nTo: <%s>", call->local_uri, call->local_tag,
               call->remote_uri);
    if (txn->is_in_dialog && call->remote_tag[0] != '\0')
        sr_buf_fmt(out, ";tag=%s", call->remote_tag);
    sr_buf_fmt(out, "\r\nCall-ID: %s\r\n", call->call_id);
}

static const char *sdp_type(const struct sim_phone *phone)
{
    return phone->manners.sdp_type != NULL ? phone->manners.sdp_type : "application/sdp";
}

void phone__write(struct sim_phone *phone, const struct phone_txn *txn,
                  const struct phone_request *request, struct sr_buf *out)
{
    char router[SR_ADDR_TEXT_MAX];
    char local[SR_ADDR_TEXT_MAX];
    const char *type = request->content_type != NULL ? request->content_type : sdp_type(phone);

    (void)sr_addr_host_text(&phone->router, router);
    (void)sr_addr_text(&phone->addr, local);
    if (txn->call != NULL)
        sr_buf_fmt(out, "%s %s SIP/2.0\r\n", request->method,
                   txn->is_in_dialog ? txn->call->target : txn->call->remote_uri);
    else
        sr_buf_fmt(out, "%s sip:%s SIP/2.0\r\n", request->method, router);
    sr_buf_fmt(out, "Via: SIP/2.0/%s %s;branch=%s;rport\r\nMax-Forwards: 70\r\n",
               net_kind_name(phone->kind), local, txn->branch);
    write_from_to(txn, out);
    if (txn->is_in_dialog && txn->call != NULL && txn->call->routes[0] != '\0')
        sr_buf_fmt(out, "Route: %s\r\n", txn->call->routes);
    sr_buf_fmt(out, "CSeq: %u %s\r\nContact: <sip:%s@%s%s>\r\n", txn->cseq, request->method,
               phone->user, local, contact_param(phone));
    if (request->extra != NULL)
        sr_buf_c(out, request->extra);
    if (request->body.n > 0)
        sr_buf_fmt(out, "Content-Type: %s\r\n", type);
    sr_buf_fmt(out, "User-Agent: simphone\r\nContent-Length: %zu\r\n\r\n", request->body.n);
    sr_buf_str(out, request->body);
}

static char *text_of(struct sim_phone *phone, const struct phone_txn *txn,
                     const struct phone_request *request)
{
    struct sr_buf buf;
    char *text;

    sr_buf_init(&buf, PHONE_MESSAGE_MAX);
    phone__write(phone, txn, request, &buf);
    SR_ASSERT(sr_buf_err(&buf) == SR_OK);
    text = sr_str_cdup(sr_buf_view(&buf));
    sr_buf_done(&buf);
    return text;
}

static void new_branch(struct sim_phone *phone, char out[PHONE_BRANCH_MAX])
{
    struct sr_buf buf;

    sr_buf_init_fixed(&buf, out, PHONE_BRANCH_MAX);
    sr_buf_fmt(&buf, "z9hG4bKp%016llx", (unsigned long long)sr_prng_u64(&phone->prng));
    (void)sr_buf_cstr(&buf);
}

/* ---- requests of the phone ---- */

static void txn_free(struct phone_txn *txn)
{
    loop_timer_clear(txn->phone->loop, &txn->timer);
    sr_list_remove(&txn->phone->txns, &txn->node);
    sr_free(txn->text);
    sr_free(txn->ack);
    sr_free(txn->extra);
    sr_free(txn->body);
    sr_free(txn);
}

static void on_txn_timer(void *arg)
{
    struct phone_txn *txn = arg;
    sr_usec now = loop_now(txn->phone->loop);

    if (txn->is_done) {
        txn_free(txn);
        return;
    }
    if (now >= txn->ends_at) {
        phone__on_no_response(txn);
        txn_free(txn);
        return;
    }
    phone__send_text(txn->phone, txn->text);
    txn->interval *= 2;
    if (strcmp(txn->method, "INVITE") != 0 && txn->interval > PHONE_T2)
        txn->interval = PHONE_T2;
    loop_timer_set(txn->phone->loop, &txn->timer, SR_MIN(now + txn->interval, txn->ends_at));
}

static struct phone_txn *txn_new(struct sim_phone *phone, struct phone_call *call,
                                 const struct phone_request *request)
{
    struct phone_txn *txn = sr_zalloc(1, sizeof(*txn));

    txn->phone = phone;
    txn->call = call;
    (void)sr_str_copy(sr_str_c(request->method), txn->method, sizeof(txn->method));
    new_branch(phone, txn->branch);
    txn->extra = sr_strdup(request->extra != NULL ? request->extra : "");
    txn->body = sr_str_cdup(request->body);
    txn->content_type = request->content_type;
    txn->is_in_dialog = call != NULL && call->remote_tag[0] != '\0';
    txn->cseq = call != NULL ? ++call->cseq : ++phone->register_cseq;
    loop_timer_init(&txn->timer, on_txn_timer, txn);
    sr_list_add_first(&phone->txns, &txn->node);
    return txn;
}

static void txn_start(struct phone_txn *txn)
{
    sr_usec now = loop_now(txn->phone->loop);

    txn->interval = PHONE_T1;
    txn->ends_at = now + PHONE_64_T1;
    phone__send_text(txn->phone, txn->text);
    loop_timer_set(txn->phone->loop, &txn->timer, now + txn->interval);
}

struct phone_txn *phone__request(struct phone_call *call, const struct phone_request *request)
{
    struct phone_txn *txn = txn_new(call->phone, call, request);

    txn->text = text_of(call->phone, txn, request);
    txn_start(txn);
    return txn;
}

struct phone_txn *phone__invite_of(struct phone_call *call)
{
    SR_LIST_EACH(&call->phone->txns, node)
    {
        struct phone_txn *txn = SR_CONTAINER(node, struct phone_txn, node);

        if (txn->call == call && strcmp(txn->method, "INVITE") == 0 && !txn->is_in_dialog &&
            !txn->is_merged)
            return txn;
    }
    return NULL;
}

void phone__send_cancel(struct phone_txn *invite)
{
    struct phone_request request = {.method = "CANCEL", .extra = invite->phone->manners.later};
    struct phone_txn *txn = txn_new(invite->phone, invite->call, &request);

    invite->call->cseq--;
    txn->cseq = invite->cseq;
    txn->is_in_dialog = false;
    memcpy(txn->branch, invite->branch, sizeof(txn->branch));
    txn->text = text_of(invite->phone, txn, &request);
    txn_start(txn);
}

void phone__send_merged(struct phone_txn *invite)
{
    struct phone_request request = {.method = "INVITE", .body = sr_str_c(invite->body)};
    struct phone_txn *txn;

    request.extra = invite->extra;
    txn = txn_new(invite->phone, invite->call, &request);
    invite->call->cseq--;
    txn->cseq = invite->cseq;
    txn->is_in_dialog = false;
    txn->is_merged = true;
    txn->was_challenged = true;
    txn->text = text_of(invite->phone, txn, &request);
    txn_start(txn);
}

void phone__send_ack(struct phone_txn *invite, struct sr_str body)
{
    struct phone_request request = {.method = "ACK", .body = body};
    struct phone_txn ack = {
        .phone = invite->phone, .call = invite->call, .cseq = invite->cseq, .is_in_dialog = true};

    if (invite->phone->manners.never_acks)
        return;
    new_branch(invite->phone, ack.branch);
    sr_free(invite->ack);
    invite->ack = text_of(invite->phone, &ack, &request);
    phone__send_text(invite->phone, invite->ack);
}

/* The request once more with credentials, as a new transaction. */
static void answer_challenge(struct phone_txn *txn, uint16_t status, struct sr_str msg)
{
    struct sim_phone *phone = txn->phone;
    struct digest_challenge challenge;
    struct digest_answer answer = {.username = sr_str_c(phone->user),
                                   .password = sr_str_c(phone->password),
                                   .method = sr_str_c(txn->method),
                                   .nc = 1,
                                   .cnonce = SR_STR("0a4f113b5f2c7d81")};
    struct phone_request request = {
        .method = txn->method, .body = sr_str_c(txn->body), .content_type = txn->content_type};
    const char *name = status == 401 ? "WWW-Authenticate" : "Proxy-Authenticate";
    struct sr_str line = sr_str_from(sr_str_c(txn->text), strlen(txn->method) + 1);
    struct phone_txn *again;
    struct sr_buf extra;

    SR_ASSERT(digest_challenge_parse(sim_header(msg, name, 0), &challenge) == SR_OK);
    answer.uri = sr_str_head(line, sr_str_find(line, ' ', 0));
    sr_buf_init(&extra, PHONE_MESSAGE_MAX);
    sr_buf_c(&extra, txn->extra);
    sr_buf_c(&extra, status == 401 ? "Authorization: " : "Proxy-Authorization: ");
    SR_ASSERT(digest_answer_write(&challenge, &answer, &extra) == SR_OK);
    sr_buf_c(&extra, "\r\n");
    request.extra = sr_buf_cstr(&extra);
    again = txn_new(phone, txn->call, &request);
    again->was_challenged = true;
    again->is_in_dialog = txn->is_in_dialog;
    if (txn->call != NULL && strcmp(txn->method, "INVITE") == 0 && !txn->is_in_dialog)
        txn->call->invite_cseq = again->cseq;
    again->text = text_of(phone, again, &request);
    sr_buf_done(&extra);
    txn_start(again);
}

static void acknowledge_refusal(struct phone_txn *txn, struct sr_str msg)
{
    struct sr_str uri = sr_str_from(sr_str_c(txn->text), strlen("INVITE "));
    struct sr_buf buf;

    if (txn->phone->manners.never_acks_refusals && sim_status(msg) != 401)
        return;
    sr_buf_init(&buf, PHONE_MESSAGE_MAX);
    sr_buf_fmt(&buf, "ACK %.*s SIP/2.0\r\nVia: %.*s\r\nMax-Forwards: 70\r\nFrom: %.*s\r\n",
               SR_STR_ARG(sr_str_head(uri, sr_str_find(uri, ' ', 0))),
               SR_STR_ARG(sim_header(sr_str_c(txn->text), "Via", 0)),
               SR_STR_ARG(sim_header(msg, "From", 0)));
    sr_buf_fmt(&buf, "To: %.*s\r\nCall-ID: %.*s\r\nCSeq: %u ACK\r\nContent-Length: 0\r\n\r\n",
               SR_STR_ARG(sim_header(msg, "To", 0)), SR_STR_ARG(sim_header(msg, "Call-ID", 0)),
               txn->cseq);
    txn->ack = sr_str_cdup(sr_buf_view(&buf));
    sr_buf_done(&buf);
    phone__send_text(txn->phone, txn->ack);
}

static struct phone_txn *find_txn(struct sim_phone *phone, struct sr_str msg)
{
    struct sr_str branch = sim_param(sim_header(msg, "Via", 0), "branch");
    uint32_t cseq;
    struct sr_str method = sim_cseq(msg, &cseq);

    SR_LIST_EACH(&phone->txns, node)
    {
        struct phone_txn *txn = SR_CONTAINER(node, struct phone_txn, node);

        if (sr_str_eq_c(branch, txn->branch) && sr_str_eq_c(method, txn->method) &&
            cseq == txn->cseq)
            return txn;
    }
    return NULL;
}

static void on_response(struct sim_phone *phone, uint16_t status, struct sr_str msg)
{
    struct phone_txn *txn = find_txn(phone, msg);
    bool is_invite;

    if (txn == NULL) {
        phone->stray++;
        return;
    }
    is_invite = strcmp(txn->method, "INVITE") == 0;
    if (txn->is_done) {
        if (txn->ack != NULL)
            phone__send_text(phone, txn->ack);
        return;
    }
    if (status < 200) {
        txn->is_provisional = true;
        if (is_invite)
            loop_timer_clear(phone->loop, &txn->timer);
        phone__on_response(txn, status, msg);
        return;
    }
    txn->is_done = true;
    loop_timer_set(phone->loop, &txn->timer, loop_now(phone->loop) + PHONE_64_T1);
    if (is_invite && status >= 300)
        acknowledge_refusal(txn, msg);
    if ((status == 401 || status == 407) && !txn->was_challenged)
        answer_challenge(txn, status, msg);
    else
        phone__on_response(txn, status, msg);
}

/* ---- requests to the phone ---- */

static void stxn_free(struct phone_stxn *stxn)
{
    if (stxn->call != NULL && stxn->call->invite_stxn == stxn)
        stxn->call->invite_stxn = NULL;
    loop_timer_clear(stxn->phone->loop, &stxn->timer);
    sr_list_remove(&stxn->phone->stxns, &stxn->node);
    sr_free(stxn->head);
    sr_free(stxn->text);
    sr_free(stxn);
}

static void on_stxn_timer(void *arg)
{
    struct phone_stxn *stxn = arg;
    sr_usec now = loop_now(stxn->phone->loop);

    if (now >= stxn->ends_at) {
        if (stxn->is_resending)
            phone__on_no_ack(stxn);
        stxn_free(stxn);
        return;
    }
    if (!stxn->is_resending) {
        loop_timer_set(stxn->phone->loop, &stxn->timer, stxn->ends_at);
        return;
    }
    phone__send_text(stxn->phone, stxn->text);
    stxn->interval = SR_MIN(stxn->interval * 2, PHONE_T2);
    loop_timer_set(stxn->phone->loop, &stxn->timer, SR_MIN(now + stxn->interval, stxn->ends_at));
}

void phone__stxn_stop(struct phone_stxn *stxn)
{
    stxn->is_resending = false;
}

/* As it came, or with what RFC 3581 adds. */
static void write_via(const struct sim_phone *phone, struct sr_str via, bool is_top,
                      struct sr_buf *out)
{
    size_t at = sr_str_search(via, SR_STR(";rport"));
    char seen[SR_ADDR_TEXT_MAX];

    if (phone->manners.is_registrar && is_top && at < via.n)
        sr_buf_fmt(out, "Via: %.*s;received=%s;rport=%u%.*s\r\n", (int)at, via.p,
                   sr_addr_ip_text(&phone->seen, seen), (unsigned)phone->seen.port,
                   SR_STR_ARG(sr_str_from(via, at + 6)));
    else
        sr_buf_fmt(out, "Via: %.*s\r\n", SR_STR_ARG(via));
}

static struct phone_stxn *stxn_new(struct sim_phone *phone, struct sr_str msg)
{
    struct phone_stxn *stxn = sr_zalloc(1, sizeof(*stxn));
    struct sr_buf head;
    struct sr_str via;

    stxn->phone = phone;
    (void)sr_str_copy(sim_method(msg), stxn->method, sizeof(stxn->method));
    (void)sr_str_copy(sim_param(sim_header(msg, "Via", 0), "branch"), stxn->branch,
                      sizeof(stxn->branch));
    (void)sim_cseq(msg, &stxn->cseq);
    stxn->ends_at = loop_now(phone->loop) + PHONE_64_T1;
    loop_timer_init(&stxn->timer, on_stxn_timer, stxn);
    loop_timer_set(phone->loop, &stxn->timer, stxn->ends_at);
    sr_buf_init(&head, PHONE_MESSAGE_MAX);
    for (size_t i = 0; (via = sim_header(msg, "Via", i)).n > 0; i++)
        write_via(phone, via, i == 0, &head);
    for (size_t i = 0; (via = sim_header(msg, "Record-Route", i)).n > 0; i++)
        sr_buf_fmt(&head, "Record-Route: %.*s\r\n", SR_STR_ARG(via));
    sr_buf_fmt(&head, "From: %.*s\r\nCall-ID: %.*s\r\nCSeq: %.*s\r\nTo: %.*s",
               SR_STR_ARG(sim_header(msg, "From", 0)), SR_STR_ARG(sim_header(msg, "Call-ID", 0)),
               SR_STR_ARG(sim_header(msg, "CSeq", 0)), SR_STR_ARG(sim_header(msg, "To", 0)));
    stxn->head = sr_str_cdup(sr_buf_view(&head));
    sr_buf_done(&head);
    sr_list_add_first(&phone->stxns, &stxn->node);
    return stxn;
}

void phone__respond(struct phone_stxn *stxn, uint16_t status, const char *extra, struct sr_str body)
{
    struct sim_phone *phone = stxn->phone;
    char local[SR_ADDR_TEXT_MAX];
    struct sr_buf buf;
    bool is_invite = strcmp(stxn->method, "INVITE") == 0;

    (void)sr_addr_text(&phone->addr, local);
    sr_buf_init(&buf, PHONE_MESSAGE_MAX);
    sr_buf_fmt(&buf, "SIP/2.0 %u Whatever\r\n%s", status, stxn->head);
    if (stxn->call != NULL && !sim_has(sim_header(sr_str_c(stxn->head), "To", 0), ";tag="))
        sr_buf_fmt(&buf, ";tag=%s", stxn->call->local_tag);
    sr_buf_c(&buf, "\r\n");
    if (status < 300)
        sr_buf_fmt(&buf, "Contact: <sip:%s@%s%s>\r\n", phone->user, local, contact_param(phone));
    sr_buf_c(&buf, extra != NULL ? extra : "");
    if (body.n > 0)
        sr_buf_fmt(&buf, "Content-Type: %s\r\n", sdp_type(phone));
    sr_buf_fmt(&buf, "Content-Length: %zu\r\n\r\n", body.n);
    sr_buf_str(&buf, body);
    SR_ASSERT(sr_buf_err(&buf) == SR_OK);
    sr_free(stxn->text);
    stxn->text = sr_str_cdup(sr_buf_view(&buf));
    sr_buf_done(&buf);
    stxn->status = status;
    phone__send_text(phone, stxn->text);
    stxn->is_resending = is_invite && (status >= 200 || sim_has(sr_str_c(stxn->text), "RSeq:"));
    if (status < 200 && !stxn->is_resending)
        return;
    stxn->interval = PHONE_T1;
    stxn->ends_at = loop_now(phone->loop) + PHONE_64_T1;
    loop_timer_set(phone->loop, &stxn->timer,
                   stxn->is_resending ? loop_now(phone->loop) + stxn->interval : stxn->ends_at);
}

struct phone_stxn *phone__find_stxn(struct sim_phone *phone, struct sr_str method,
                                    struct sr_str branch)
{
    SR_LIST_EACH(&phone->stxns, node)
    {
        struct phone_stxn *stxn = SR_CONTAINER(node, struct phone_stxn, node);

        if (sr_str_eq_c(branch, stxn->branch) && sr_str_eq_c(method, stxn->method))
            return stxn;
    }
    return NULL;
}

static void on_message(struct sim_phone *phone, struct sr_str msg)
{
    uint16_t status = sim_status(msg);
    struct phone_stxn *stxn;

    if (phone->manners.is_deaf || phone->manners.is_dead)
        return;
    if (!sr_str_starts(msg, SR_STR("ACK ")))
        SR_ASSERT(sr_str_copy(msg, status != 0 ? phone->last_response : phone->last_request,
                              PHONE_LAST_MAX));
    if (status != 0) {
        on_response(phone, status, msg);
        return;
    }
    phone->requests++;
    if (sr_str_eq_c(sim_method(msg), "ACK")) {
        phone__on_ack(phone, msg);
        return;
    }
    stxn = phone__find_stxn(phone, sim_method(msg), sim_param(sim_header(msg, "Via", 0), "branch"));
    if (stxn == NULL)
        phone__on_request(stxn_new(phone, msg), msg);
    else if (stxn->text != NULL)
        phone__send_text(phone, stxn->text);
}

/* Bytes of the first message of a stream; 0: not all are here. */
static size_t message_bytes(struct sr_str stream)
{
    size_t head = sr_str_search(stream, SR_STR("\r\n\r\n"));
    uint32_t body = 0;

    if (head == stream.n)
        return 0;
    SR_ASSERT(sr_str_u32(sim_header(stream, "Content-Length", 0), PHONE_MESSAGE_MAX, &body) ==
              SR_OK);
    return head + 4 + body <= stream.n ? head + 4 + body : 0;
}

static void on_bytes(void *arg, struct sim_end *end, const struct net_flow *flow,
                     struct sr_str bytes)
{
    struct sim_phone *phone = arg;
    size_t n;

    (void)end;
    if (phone->kind == NET_UDP) {
        phone->seen = flow->remote;
        if (!sr_str_eq_c(bytes, "\r\n\r\n")) /* a keep-alive */
            on_message(phone, bytes);
        return;
    }
    phone->conn = flow->conn;
    sr_buf_str(&phone->heard, bytes);
    while ((n = message_bytes(sr_buf_view(&phone->heard))) > 0) {
        char *msg = sr_str_cdup(sr_str_head(sr_buf_view(&phone->heard), n));

        sr_buf_consume(&phone->heard, n);
        on_message(phone, sr_str_c(msg));
        sr_free(msg);
    }
}

static void on_closed(void *arg, struct sim_end *end, const struct net_flow *flow)
{
    struct sim_phone *phone = arg;

    (void)end;
    if (phone->conn == flow->conn)
        phone->conn = SR_ID_NONE;
    sr_buf_clear(&phone->heard);
}

void sim_phone_disconnect(struct sim_phone *phone)
{
    sim_end_close(phone->end, phone->conn);
    phone->conn = SR_ID_NONE;
    sr_buf_clear(&phone->heard);
}

/* ---- life ---- */

struct sim_phone *sim_phone_new(const struct sim_phone_options *options)
{
    static const struct sim_end_handler handler = {.on_bytes = on_bytes, .on_closed = on_closed};
    struct sim_phone *phone = sr_zalloc(1, sizeof(*phone));
    struct sr_buf id;

    phone->loop = options->loop;
    phone->addr = options->addr;
    phone->router = options->router;
    (void)sr_str_copy(sr_str_c(options->user), phone->user, sizeof(phone->user));
    (void)sr_str_copy(sr_str_c(options->password), phone->password, sizeof(phone->password));
    phone->manners = (struct phone_manners){
        .early_status = 180, .final_status = 200, .final_after = SR_SEC, .codecs = "PCMU"};
    sr_list_init(&phone->calls);
    sr_list_init(&phone->txns);
    sr_list_init(&phone->stxns);
    sr_prng_seed(&phone->prng, options->seed);
    sr_buf_init_fixed(&id, phone->register_id, sizeof(phone->register_id));
    sr_buf_fmt(&id, "reg-%016llx", (unsigned long long)sr_prng_u64(&phone->prng));
    (void)sr_buf_cstr(&id);
    phone->kind = options->kind;
    phone->conn = SR_ID_NONE;
    sr_buf_init(&phone->heard, NET_MESSAGE_BYTES_MAX);
    phone->end = sim_end_new(options->wire, phone->kind, &phone->addr, &handler, phone);
    return phone;
}

void sim_phone_reboot(struct sim_phone *phone)
{
    struct sr_node *node;

    while ((node = sr_list_first(&phone->txns)) != NULL)
        txn_free(SR_CONTAINER(node, struct phone_txn, node));
    SR_LIST_EACH(&phone->calls, call_node)
    {
        struct phone_call *call = SR_CONTAINER(call_node, struct phone_call, node);

        loop_timer_clear(phone->loop, &call->answer_timer);
        call->invite_stxn = NULL;
        call->state = PHONE_OVER;
    }
    while ((node = sr_list_first(&phone->stxns)) != NULL)
        stxn_free(SR_CONTAINER(node, struct phone_stxn, node));
    phone->manners.is_dead = false;
}

void sim_phone_free(struct sim_phone *phone)
{
    struct sr_node *node;

    if (phone == NULL)
        return;
    while ((node = sr_list_first(&phone->txns)) != NULL)
        txn_free(SR_CONTAINER(node, struct phone_txn, node));
    while ((node = sr_list_first(&phone->stxns)) != NULL)
        stxn_free(SR_CONTAINER(node, struct phone_stxn, node));
    while ((node = sr_list_pop(&phone->calls)) != NULL) {
        struct phone_call *call = SR_CONTAINER(node, struct phone_call, node);

        loop_timer_clear(phone->loop, &call->answer_timer);
        sr_free(call);
    }
    sim_end_free(phone->end);
    sr_buf_done(&phone->heard);
    sr_free(phone);
}

void sim_phone_register(struct sim_phone *phone, uint32_t expires)
{
    struct phone_request request = {.method = "REGISTER"};
    struct sr_buf extra;
    struct phone_txn *txn;

    sr_buf_init(&extra, PHONE_MESSAGE_MAX);
    sr_buf_fmt(&extra, "Expires: %u\r\n", expires);
    request.extra = sr_buf_cstr(&extra);
    phone->register_status = 0;
    txn = txn_new(phone, NULL, &request);
    txn->text = text_of(phone, txn, &request);
    sr_buf_done(&extra);
    txn_start(txn);
}

struct phone_call *phone__call_new(struct sim_phone *phone)
{
    struct phone_call *call = sr_zalloc(1, sizeof(*call));
    struct sr_buf tag;

    call->phone = phone;
    call->direction = "sendrecv";
    sr_buf_init_fixed(&tag, call->local_tag, sizeof(call->local_tag));
    sr_buf_fmt(&tag, "t%llx", (unsigned long long)sr_prng_u64(&phone->prng));
    (void)sr_buf_cstr(&tag);
    loop_timer_init(&call->answer_timer, phone__answer_timer, call);
    sr_list_add_first(&phone->calls, &call->node);
    phone->call_count++;
    return call;
}

struct phone_call *phone__call_find(struct sim_phone *phone, struct sr_str call_id)
{
    SR_LIST_EACH(&phone->calls, node)
    {
        struct phone_call *call = SR_CONTAINER(node, struct phone_call, node);

        if (sr_str_eq_c(call_id, call->call_id))
            return call;
    }
    return NULL;
}
