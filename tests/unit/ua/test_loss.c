/* Many calls over a bad network, in virtual time: both phones behave by RFC 3261 section 17. */
#include "base/map.h"
#include "sip/rel.h"
#include "sip/txn.h"
#include "world.h"

#include <stdlib.h>

enum {
    CALLS = 2000,
    CALL_EVERY_MS = 50,
    TALK_SEC = 40, /* longer than any ACK may take */
};

struct bulk;

struct call {
    struct bulk *bulk;
    unsigned number;
    /* the hub */
    struct sip_leg *from, *to;
    bool is_acked;
    /* the caller */
    struct sip_txn ct;
    struct loop_timer ct_timer;
    struct loop_timer step_timer; /* start, then BYE */
    char request[2048];
    char ack[1024];
    char to_value[256];
    unsigned cseq;
    bool is_started, has_answer;
    /* the called phone */
    struct sip_txn st;
    struct sip_retry2xx retry;
    struct loop_timer st_timer;
    char invite[2048];
    char response[2048];
    bool is_ringing, is_picked_up, was_acked;
};

struct bulk {
    struct rig *rig;
    struct sim_end *a, *b;
    struct sr_map to_calls; /* Call-ID of the second leg */
    char call_ids[CALLS][64];
    struct call *calls;
};

static void send_from(struct sim_end *end, struct bulk *bulk, const char *text)
{
    struct net_flow flow = {.kind = NET_UDP, .remote = bulk->rig->host};

    assert_int_equal(sim_end_send(end, &flow, sr_str_c(text)), SR_OK);
}

/* ---- the hub: two legs, joined ---- */

static void on_hub_invite(struct rig *rig, struct sip_leg *leg, const struct ua_invite *invite)
{
    struct ua_contact contact;
    struct sip_leg_invite_options options = {
        .contact = &contact, .sdp = invite->sdp, .to_user = SR_STR("202"), .call_cookie = 7};
    uint32_t number = 0;
    struct bulk *bulk = rig->hub;
    struct call *call;

    assert_int_equal(sr_str_u32(sr_str_from(invite->call_id, 5), CALLS, &number), SR_OK);
    call = &bulk->calls[number];
    call->from = leg;
    sip_leg_set_user(leg, call, 7, 1);
    assert_int_equal(ua_contacts(rig->ua, SR_STR("hall"), &contact, 1), 1);
    options.user = call;
    assert_int_equal(sip_leg_invite(rig->ua, &options, &call->to), SR_OK);
    (void)sr_str_copy(sip_leg_call_id(call->to), bulk->call_ids[number], 64);
    (void)sr_map_put(&bulk->to_calls, sr_str_c(bulk->call_ids[number]), call);
}

static void on_hub_event(void *user, struct sip_leg *leg, const struct sip_leg_event *event)
{
    struct call *call = user;
    struct sip_leg **mine = leg == call->from ? &call->from : &call->to;
    struct sip_leg **other = leg == call->from ? &call->to : &call->from;

    if (event->kind == SIP_LEG_PROGRESS && call->from != NULL) {
        sip_leg_progress(call->from, 180, SR_STR(""));
    } else if (event->kind == SIP_LEG_ANSWERED && call->from != NULL) {
        sip_leg_answer(call->from, event->sdp);
    } else if (event->kind == SIP_LEG_ACKED) {
        call->is_acked = true;
    } else if (event->kind == SIP_LEG_ENDED) {
        *mine = NULL;
        if (*other != NULL)
            sip_leg_hangup(*other, 0, SR_STR(""));
        *other = NULL;
    }
}

/* ---- the caller ---- */

static void caller_run(struct call *call, const struct sip_txn_step *step)
{
    for (uint8_t i = 0; i < step->todo_count; i++) {
        if (step->todo[i] == SIP_TXN_DO_SEND)
            send_from(call->bulk->a, call->bulk, call->request);
        else if (step->todo[i] == SIP_TXN_DO_SEND_ACK)
            send_from(call->bulk->a, call->bulk, call->ack);
    }
    loop_timer_set(call->bulk->rig->loop, &call->ct_timer, sip_txn_deadline(&call->ct));
}

static void on_caller_timer(void *arg)
{
    struct call *call = arg;
    struct sip_txn_step step;

    sip_txn_on_deadline(&call->ct, loop_now(call->bulk->rig->loop), &step);
    caller_run(call, &step);
}

static void write_request(struct call *call, const char *method, const char *authorization,
                          char out[2048])
{
    bool is_invite = strcmp(method, "INVITE") == 0;

    (void)snprintf(out, 2048,
                   "%s sip:202@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;rport;"
                   "branch=z9hG4bK%u.%u%s\r\nFrom: <sip:201@home>;tag=f%u\r\nTo: %s\r\n"
                   "Call-ID: call-%u\r\nCSeq: %u %s\r\nMax-Forwards: 70\r\n"
                   "Contact: <sip:201@10.0.0.2:5060>\r\n%s%sContent-Length: %zu\r\n\r\n%s",
                   method, call->number, call->cseq, is_invite ? "" : method, call->number,
                   call->to_value, call->number, call->cseq, method, authorization,
                   is_invite ? "Content-Type: application/sdp\r\n" : "",
                   is_invite ? strlen(SDP_A) : (size_t)0, is_invite ? SDP_A : "");
}

static void start_txn(struct call *call, enum sip_txn_kind kind)
{
    struct sip_txn_step step;

    sip_txn_start(&call->ct, kind, false, NULL, loop_now(call->bulk->rig->loop), &step);
    caller_run(call, &step);
}

static void on_step(void *arg)
{
    struct call *call = arg;

    call->cseq++;
    if (!call->is_started) {
        call->is_started = true;
        (void)snprintf(call->to_value, sizeof(call->to_value), "<sip:202@home>");
        write_request(call, "INVITE", "", call->request);
        start_txn(call, SIP_TXN_INVITE_CLIENT);
    } else {
        write_request(call, "BYE", "", call->request);
        start_txn(call, SIP_TXN_CLIENT);
    }
}

static void answer_challenge(struct call *call, const char *text)
{
    char authorization[1024];
    char ha1[DIGEST_HEX_MAX];
    char response[DIGEST_HEX_MAX];
    const char *nonce = strstr(text, "nonce=\"") + 7;
    int nonce_n = (int)strcspn(nonce, "\"");
    struct digest_input input = {.algorithm = DIGEST_MD5,
                                 .nonce = sr_str_make(nonce, (size_t)nonce_n),
                                 .cnonce = SR_STR("abc"),
                                 .nc_text = SR_STR("00000001"),
                                 .qop = DIGEST_QOP_AUTH,
                                 .method = SR_STR("INVITE"),
                                 .uri = SR_STR("sip:202@10.0.0.1")};

    digest_ha1(DIGEST_MD5, SR_STR("201"), SR_STR("home"), SR_STR("secret1"), ha1);
    input.ha1 = sr_str_c(ha1);
    digest_response(&input, response);
    (void)snprintf(authorization, sizeof(authorization),
                   "Authorization: Digest username=\"201\", realm=\"home\", nonce=\"%.*s\", "
                   "uri=\"sip:202@10.0.0.1\", response=\"%s\", algorithm=MD5, qop=auth, "
                   "nc=00000001, cnonce=\"abc\"\r\n",
                   nonce_n, nonce, response);
    call->cseq++;
    (void)snprintf(call->to_value, sizeof(call->to_value), "<sip:202@home>");
    write_request(call, "INVITE", authorization, call->request);
    start_txn(call, SIP_TXN_INVITE_CLIENT);
}

static void on_caller_bytes(void *arg, struct sim_end *end, const struct net_flow *flow,
                            struct sr_str bytes)
{
    struct bulk *bulk = arg;
    char text[TEXT_MAX];
    struct sip_txn_step step;
    struct call *call;
    unsigned status;
    bool is_current;

    (void)end;
    (void)flow;
    (void)sr_str_copy(bytes, text, sizeof(text));
    if (!begins(text, "SIP/2.0"))
        return; /* a BYE of the hub whose call we gave up: it times out there */
    call = &bulk->calls[strtoul(header(text, "Call-ID") + 5, NULL, 10)];
    status = (unsigned)strtoul(text + 8, NULL, 10);
    is_current = strtoul(header(text, "CSeq"), NULL, 10) == call->cseq;
    if (status >= 200 && status < 300 && strstr(header(text, "CSeq"), "INVITE") != NULL) {
        unsigned cseq = call->cseq;

        (void)sr_str_copy(sr_str_c(header(text, "To")), call->to_value, sizeof(call->to_value));
        call->cseq = (unsigned)strtoul(header(text, "CSeq"), NULL, 10);
        write_request(call, "ACK", "", call->invite);
        call->cseq = cseq;
        send_from(bulk->a, bulk, call->invite);
        if (!call->has_answer)
            loop_timer_set(bulk->rig->loop, &call->step_timer,
                           loop_now(bulk->rig->loop) + TALK_SEC * SR_SEC);
        call->has_answer = true;
    } else if (status >= 300 && is_current) {
        (void)snprintf(call->ack, sizeof(call->ack),
                       "ACK sip:202@10.0.0.1 SIP/2.0\r\nVia: %s\r\nFrom: %s\r\nTo: %s\r\n"
                       "Call-ID: call-%u\r\nCSeq: %u ACK\r\nMax-Forwards: 70\r\n\r\n",
                       header(call->request, "Via"), header(text, "From"), header(text, "To"),
                       call->number, call->cseq);
    }
    if (!is_current)
        return;
    sip_txn_on_response(&call->ct, status, loop_now(bulk->rig->loop), &step);
    caller_run(call, &step);
    if (status == 401 && step.todo_count == 2)
        answer_challenge(call, text);
}

/* ---- the called phone ---- */

static void called_schedule(struct call *call)
{
    sr_usec at = SR_MIN(sip_txn_deadline(&call->st), sip_retry2xx_deadline(&call->retry));

    if (call->is_ringing && !call->is_picked_up)
        at = SR_MIN(at, loop_now(call->bulk->rig->loop) + 500 * SR_MSEC);
    loop_timer_set(call->bulk->rig->loop, &call->st_timer, at);
}

static void called_respond(struct call *call, unsigned status)
{
    struct sip_txn_step step;

    (void)snprintf(
        call->response, sizeof(call->response),
        "SIP/2.0 %u X\r\nVia: %s\r\nFrom: %s\r\nTo: %s;tag=b%u\r\nCall-ID: %s\r\n"
        "CSeq: %s\r\nContact: <sip:202@10.0.0.3:5070>\r\n%sContent-Length: %zu\r\n\r\n%s",
        status, header(call->response, "Via"), header(call->response, "From"),
        header(call->response, "To"), call->number, header(call->response, "Call-ID"),
        header(call->response, "CSeq"), status == 200 ? "Content-Type: application/sdp\r\n" : "",
        status == 200 ? strlen(SDP_B) : (size_t)0, status == 200 ? SDP_B : "");
    if (sip_txn_respond(&call->st, status, loop_now(call->bulk->rig->loop), &step) == SR_OK)
        send_from(call->bulk->b, call->bulk, call->response);
}

static void on_called_timer(void *arg)
{
    struct call *call = arg;
    sr_usec now = loop_now(call->bulk->rig->loop);
    struct sip_txn_step step;

    if (call->is_ringing && !call->is_picked_up) {
        char *tag = strstr(call->response, ";tag=b");

        if (tag != NULL) /* the To of the 180 is the To of the 200 */
            memmove(tag, tag + strcspn(tag, "\r"), strlen(tag + strcspn(tag, "\r")) + 1);
        call->is_picked_up = true;
        called_respond(call, 200);
        sip_retry2xx_start(&call->retry, 0, 0, now);
    }
    sip_txn_on_deadline(&call->st, now, &step);
    if (sip_retry2xx_on_deadline(&call->retry, now) == SIP_REL_DO_SEND)
        send_from(call->bulk->b, call->bulk, call->response);
    called_schedule(call);
}

static void plain_ok(struct bulk *bulk, const char *request)
{
    char text[1024];

    (void)snprintf(text, sizeof(text),
                   "SIP/2.0 200 OK\r\nVia: %s\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\n"
                   "Content-Length: 0\r\n\r\n",
                   header(request, "Via"), header(request, "From"), header(request, "To"),
                   header(request, "Call-ID"), header(request, "CSeq"));
    send_from(bulk->b, bulk, text);
}

static void on_called_bytes(void *arg, struct sim_end *end, const struct net_flow *flow,
                            struct sr_str bytes)
{
    struct bulk *bulk = arg;
    char text[TEXT_MAX];
    struct sip_txn_step step;
    struct call *call;
    sr_usec now = loop_now(bulk->rig->loop);

    (void)end;
    (void)flow;
    (void)sr_str_copy(bytes, text, sizeof(text));
    call = sr_map_find(&bulk->to_calls, sr_str_c(header(text, "Call-ID")));
    assert_non_null(call);
    if (begins(text, "INVITE ") && !call->is_ringing) {
        call->is_ringing = true;
        (void)sr_str_copy(bytes, call->response, sizeof(call->response));
        sip_txn_start(&call->st, SIP_TXN_INVITE_SERVER, false, NULL, now, &step);
        called_respond(call, 180);
        called_schedule(call);
    } else if (begins(text, "INVITE ")) {
        sip_txn_on_request(&call->st, false, now, &step);
        if (step.todo_count > 0)
            send_from(bulk->b, bulk, call->response);
    } else if (begins(text, "ACK ")) {
        call->was_acked = true;
        sip_retry2xx_stop(&call->retry);
    } else if (begins(text, "BYE ") || begins(text, "CANCEL ")) {
        plain_ok(bulk, text);
    }
}

/* ---- the test ---- */

static unsigned calls_set_up(double loss)
{
    static const struct sim_end_handler caller = {on_caller_bytes, NULL};
    static const struct sim_end_handler called = {on_called_bytes, NULL};
    const struct sim_link link = {.loss = loss, .delay_usec = 10 * SR_MSEC};
    static struct world w;
    struct rig *rig = &w.rig;
    struct bulk *bulk;
    unsigned count = 0;

    world_begin(&w, NET_UDP);
    assert_true(begins(phone_register(&w.b, NULL, 3600), "SIP/2.0 200"));
    bulk = sr_zalloc(1, sizeof(*bulk));
    bulk->calls = sr_zalloc(CALLS, sizeof(*bulk->calls));
    bulk->rig = rig;
    sr_map_init(&bulk->to_calls);
    rig->hub = bulk;
    rig->hub_invite = on_hub_invite;
    rig->hub_event = on_hub_event;
    sim_end_free(w.a.end);
    sim_end_free(w.b.end);
    bulk->a = sim_end_new(rig->wire, NET_UDP, &w.a.addr, &caller, bulk);
    bulk->b = sim_end_new(rig->wire, NET_UDP, &w.b.addr, &called, bulk);
    w.a.end = NULL;
    w.b.end = NULL;
    sim_wire_set_default(rig->wire, &link);
    for (unsigned i = 0; i < CALLS; i++) {
        struct call *call = &bulk->calls[i];

        call->bulk = bulk;
        call->number = i;
        loop_timer_init(&call->ct_timer, on_caller_timer, call);
        loop_timer_init(&call->step_timer, on_step, call);
        loop_timer_init(&call->st_timer, on_called_timer, call);
        sip_retry2xx_stop(&call->retry);
        loop_timer_set(rig->loop, &call->step_timer,
                       loop_now(rig->loop) + (sr_usec)i * CALL_EVERY_MS * SR_MSEC);
    }
    rig_run(rig, CALLS * CALL_EVERY_MS * SR_MSEC + 300 * SR_SEC);
    for (unsigned i = 0; i < CALLS; i++) {
        struct call *call = &bulk->calls[i];

        count += call->has_answer && call->is_acked && call->was_acked;
        assert_null(call->from);
        assert_null(call->to);
        loop_timer_clear(rig->loop, &call->ct_timer);
        loop_timer_clear(rig->loop, &call->step_timer);
        loop_timer_clear(rig->loop, &call->st_timer);
    }
    sim_end_free(bulk->a);
    sim_end_free(bulk->b);
    sr_map_done(&bulk->to_calls);
    sr_free(bulk->calls);
    sr_free(bulk);
    phone_done(&w.x);
    rig_done(rig);
    return count;
}

static void calls_are_set_up_with_10_percent_loss(void **state)
{
    unsigned count = calls_set_up(0.1);

    (void)state;
    print_message("10 %% loss: %u of %u calls\n", count, (unsigned)CALLS);
    assert_true(count * 1000 >= CALLS * 999);
}

static void calls_are_set_up_with_20_percent_loss(void **state)
{
    unsigned count = calls_set_up(0.2);

    (void)state;
    print_message("20 %% loss: %u of %u calls\n", count, (unsigned)CALLS);
    assert_true(count * 1000 >= CALLS * 995);
}

static void calls_are_set_up_with_30_percent_loss(void **state)
{
    unsigned count = calls_set_up(0.3);

    (void)state;
    print_message("30 %% loss: %u of %u calls\n", count, (unsigned)CALLS);
    assert_true(count * 1000 >= CALLS * 970);
}

int run_loss_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_set_up_with_10_percent_loss),
        cmocka_unit_test(calls_are_set_up_with_20_percent_loss),
        cmocka_unit_test(calls_are_set_up_with_30_percent_loss),
    };

    return cmocka_run_group_tests_name("loss", tests, NULL, NULL);
}
