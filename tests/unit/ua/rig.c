#include "rig.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the user of the user agent ---- */

static void on_invite(void *arg, struct sip_leg *leg, const struct ua_invite *invite)
{
    struct rig *rig = arg;

    if (invite->is_body_foreign) {
        sip_leg_reject(leg, 415, SR_STR(""), 0);
        return;
    }
    rig->invites++;
    if (rig->hub_invite != NULL) {
        rig->hub_invite(rig, leg, invite);
        return;
    }
    (void)sr_str_copy(invite->dialled, rig->dialled, sizeof(rig->dialled));
    (void)sr_str_copy(invite->device_id, rig->from_device, sizeof(rig->from_device));
    (void)sr_str_copy(invite->sdp, rig->offer, sizeof(rig->offer));
    (void)sr_str_copy(invite->provider_id, rig->from_provider, sizeof(rig->from_provider));
    (void)sr_str_copy(invite->from_user, rig->from_user, sizeof(rig->from_user));
    (void)sr_str_copy(invite->from_display, rig->from_display, sizeof(rig->from_display));
    if (rig->is_untaken)
        return;
    if (rig->reject_with != 0) {
        sip_leg_reject(leg, rig->reject_with, SR_STR(""), 0);
        return;
    }
    rig->leg = leg;
    sip_leg_set_user(leg, rig, 7, rig->invites);
}

static void on_leg_event(void *arg, void *user, struct sip_leg *leg,
                         const struct sip_leg_event *event)
{
    struct rig *rig = arg;
    struct rig_event *kept;

    if (rig->hub_event != NULL) {
        rig->hub_event(user, leg, event);
        return;
    }
    assert_ptr_equal(user, rig);
    assert_true(rig->event_count < RIG_EVENTS_MAX);
    kept = &rig->events[rig->event_count++];
    kept->event = *event;
    kept->leg = leg;
    kept->at = loop_now(rig->loop);
    (void)sr_str_copy(event->sdp, kept->sdp, sizeof(kept->sdp));
    (void)sr_str_copy(event->reason, kept->reason, sizeof(kept->reason));
    (void)snprintf(kept->party, sizeof(kept->party), "%.*s %.*s", SR_STR_ARG(event->party_display),
                   SR_STR_ARG(event->party_user));
    if (event->kind == SIP_LEG_ENDED && rig->leg == leg)
        rig->leg = NULL;
}

static void on_registration(void *arg, const struct ua_registration_event *event)
{
    struct rig *rig = arg;

    rig->registration = *event;
    (void)sr_str_copy(event->why, rig->registration_why, sizeof(rig->registration_why));
    rig->registered += event->kind == UA_REGISTERED;
    rig->refreshed += event->kind == UA_REFRESHED;
    rig->unregistered += event->kind == UA_UNREGISTERED;
    rig->reachability += event->kind == UA_REACHABILITY;
}

static void on_trace(void *arg, const struct ua_trace *trace)
{
    struct rig *rig = arg;

    assert_int_equal(trace->call_cookie, 7);
    assert_true(trace->bytes.n > 0);
    rig->traces++;
}

static void on_ban(void *arg, const struct sr_addr *source, struct sr_str user, uint32_t ban_sec)
{
    struct rig *rig = arg;

    (void)source;
    (void)user;
    assert_int_equal(ban_sec, rig->settings.ban_sec);
    rig->bans++;
}

static bool is_accepting(void *arg, uint32_t *ret_retry_after_sec)
{
    struct rig *rig = arg;

    *ret_retry_after_sec = 7;
    return !rig->is_busy;
}

static bool is_emergency(void *arg, struct sr_str dialled)
{
    (void)arg;
    return sr_str_eq(dialled, SR_STR("112"));
}

static void on_provider(void *arg, const struct ua_provider_event *event)
{
    struct rig *rig = arg;

    rig->provider = *event->view;
    rig->provider_up += event->kind == UA_PROVIDER_UP;
    rig->provider_down += event->kind == UA_PROVIDER_DOWN;
    rig->provider_moved += event->kind == UA_PROVIDER_MOVED;
    rig->provider_gone += event->kind == UA_PROVIDER_GONE;
}

static const struct ua_user_ops ops = {
    .on_invite = on_invite,
    .on_leg_event = on_leg_event,
    .on_registration = on_registration,
    .on_trace = on_trace,
    .on_ban = on_ban,
    .on_provider = on_provider,
    .is_accepting = is_accepting,
    .is_emergency = is_emergency,
};

/* ---- the rig ---- */

uint64_t rig_seed = 11;

static struct sr_addr addr_of(const char *text)
{
    struct sr_addr addr;

    assert_int_equal(sr_addr_parse(sr_str_c(text), 5060, &addr), SR_OK);
    return addr;
}

void rig_configure(struct rig *rig)
{
    ua_configure(rig->ua, &rig->settings);
}

void rig_init(struct rig *rig, uint64_t seed)
{
    struct ua_options options = {
        .ops = &ops, .arg = rig, .user_agent = SR_STR("siprouter/test"), .seed = seed};
    struct sr_addr any = {.family = SR_ADDR_IP4, .port = 5060};
    struct sr_addr any_tls = {.family = SR_ADDR_IP4, .port = 5061};
    struct net_tls_files files = {"siprouter", "siprouter"};
    char why[NET_WHY_MAX];

    memset(rig, 0, sizeof(*rig));
    rig->blocks = sr_alloc_live();
    rig->loop = loop_sim_new(seed);
    rig->wire = sim_wire_new(rig->loop);
    rig->host = addr_of("10.0.0.1:5060");
    rig->resolver = resolver_sim_new(rig->loop, 20 * SR_MSEC);
    options.loop = rig->loop;
    options.resolver = rig->resolver;
    rig->ua = ua_new(&options);
    rig->net = net_sim_new(rig->wire, &rig->host, ua_net_handler(), rig->ua, NULL);
    ua_set_net(rig->ua, rig->net);
    assert_int_equal(net_listen(rig->net, NET_UDP, &any, NULL, why), SR_OK);
    assert_int_equal(net_listen(rig->net, NET_TCP, &any, NULL, why), SR_OK);
    assert_int_equal(net_tls_load(rig->net, &files, why), SR_OK);
    assert_int_equal(net_listen(rig->net, NET_TLS, &any_tls, NULL, why), SR_OK);
    rig->devices[0] = (struct ua_device){.id = SR_STR("desk"),
                                         .extension = SR_STR("201"),
                                         .password = SR_STR("secret1"),
                                         .contacts_max = 3};
    rig->devices[1] = (struct ua_device){.id = SR_STR("hall"),
                                         .extension = SR_STR("202"),
                                         .password = SR_STR("secret2"),
                                         .contacts_max = 3};
    rig->devices[2] = (struct ua_device){.id = SR_STR("shed"),
                                         .extension = SR_STR("203"),
                                         .password = SR_STR("secret3"),
                                         .contacts_max = 3};
    rig->settings = (struct ua_settings){
        .realm = SR_STR("home"),
        .devices = rig->devices,
        .device_count = 3,
        .auth_failures_max = 10,
        .ban_sec = 300,
    };
    rig_configure(rig);
}

void rig_run(struct rig *rig, sr_usec usec)
{
    loop_sim_run_until(rig->loop, loop_now(rig->loop) + usec);
}

struct ua_stats rig_stats(struct rig *rig)
{
    struct ua_stats stats;

    ua_stats(rig->ua, &stats);
    return stats;
}

void rig_done(struct rig *rig)
{
    struct ua_stats stats;

    rig_run(rig, 140 * SR_SEC);
    stats = rig_stats(rig);
    assert_int_equal(stats.legs, 0);
    assert_int_equal(stats.legs_closing, 0);
    assert_int_equal(stats.server_transactions, 0);
    assert_int_equal(stats.client_transactions, 0);
    ua_free(rig->ua);
    resolver_free(rig->resolver);
    net_free(rig->net);
    sim_wire_free(rig->wire);
    loop_free(rig->loop);
    assert_int_equal(sr_alloc_live(), rig->blocks);
}

struct rig_event *rig_event(struct rig *rig, enum sip_leg_event_kind kind)
{
    sr_usec limit = loop_now(rig->loop) + 70 * SR_SEC;
    struct rig_event *event;

    while (rig->event_read == rig->event_count && loop_now(rig->loop) < limit &&
           loop_sim_step(rig->loop))
        continue;
    if (rig->event_read == rig->event_count)
        fail_msg("no event %d came", (int)kind);
    event = &rig->events[rig->event_read++];
    assert_int_equal(event->event.kind, kind);
    return event;
}

void rig_quiet(struct rig *rig)
{
    assert_int_equal(rig->event_read, rig->event_count);
}

struct sip_leg *rig_call(struct rig *rig, const char *device_id, const char *sdp)
{
    struct ua_contact contact;
    struct sip_leg *leg = NULL;
    struct sip_leg_invite_options options = {
        .contact = &contact,
        .from_user = SR_STR("201"),
        .from_display = SR_STR("Desk \"one\""),
        .to_user = SR_STR("202"),
        .sdp = sr_str_c(sdp),
        .user = rig,
        .call_cookie = 7,
        .leg_cookie = 99,
    };

    assert_int_equal(ua_contacts(rig->ua, sr_str_c(device_id), &contact, 1), 1);
    assert_int_equal(sip_leg_invite(rig->ua, &options, &leg), SR_OK);
    return leg;
}

/* ---- phones ---- */

static void on_bytes(void *arg, struct sim_end *end, const struct net_flow *flow,
                     struct sr_str bytes)
{
    struct phone *phone = arg;
    size_t at = phone->count % PHONE_INBOX;

    (void)end;
    if (flow->kind != NET_UDP)
        phone->flow = *flow;
    assert_true(bytes.n < TEXT_MAX);
    memcpy(phone->inbox[at], bytes.p, bytes.n);
    phone->inbox[at][bytes.n] = '\0';
    phone->at[at] = loop_now(phone->rig->loop);
    phone->count++;
    if (phone->count - phone->read > PHONE_INBOX)
        phone->read = phone->count - PHONE_INBOX;
}

static void on_closed(void *arg, struct sim_end *end, const struct net_flow *flow)
{
    struct phone *phone = arg;

    (void)end;
    (void)flow;
    phone->closed++;
    phone->flow.conn = SR_ID_NONE;
}

void phone_init(struct phone *phone, struct rig *rig, const char *addr, enum net_kind kind,
                const char *user, const char *password)
{
    static const struct sim_end_handler handler = {on_bytes, on_closed};

    memset(phone, 0, sizeof(*phone));
    phone->rig = rig;
    phone->kind = kind;
    phone->addr = addr_of(addr);
    phone->user = user;
    phone->password = password;
    phone->flow = (struct net_flow){.kind = kind, .remote = rig->host};
    if (kind == NET_TLS)
        phone->flow.remote.port = 5061;
    phone->end = sim_end_new(rig->wire, kind, &phone->addr, &handler, phone);
    (void)snprintf(phone->call_id, sizeof(phone->call_id), "call-%s-%u", user, phone->addr.port);
    (void)snprintf(phone->tag, sizeof(phone->tag), "tag%s", user);
}

void phone_done(struct phone *phone)
{
    sim_end_free(phone->end);
}

void phone_raw(struct phone *phone, const char *text, size_t n)
{
    assert_int_equal(sim_end_send(phone->end, &phone->flow, sr_str_make(text, n)), SR_OK);
}

bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

const char *phone_wait(struct phone *phone, const char *prefix)
{
    sr_usec limit = loop_now(phone->rig->loop) + 70 * SR_SEC;

    for (;;) {
        while (phone->read < phone->count) {
            const char *text = phone->inbox[phone->read++ % PHONE_INBOX];

            if (begins(text, prefix))
                return text;
        }
        if (loop_now(phone->rig->loop) >= limit || !loop_sim_step(phone->rig->loop))
            break;
    }
    fail_msg("phone %s waited for \"%s\"", phone->user, prefix);
    return "";
}

unsigned phone_count(struct phone *phone, const char *prefix)
{
    unsigned count = 0;

    for (size_t i = phone->read; i < phone->count; i++)
        count += begins(phone->inbox[i % PHONE_INBOX], prefix);
    return count;
}

void phone_skip(struct phone *phone)
{
    phone->read = phone->count;
}

const char *header(const char *text, const char *name)
{
    static char values[8][1024];
    static unsigned turn;
    char *value = values[turn++ % 8];
    size_t name_n = strlen(name);
    char compact = sip_header_compact(sip_header_of(sr_str_c(name)));

    value[0] = '\0';
    for (const char *line = strstr(text, "\r\n"); line != NULL && line[2] != '\r';
         line = strstr(line + 2, "\r\n")) {
        bool is_short = compact != 0 && line[2] == compact && line[3] == ':';

        if (is_short || (strncmp(line + 2, name, name_n) == 0 && line[2 + name_n] == ':')) {
            const char *p = line + (is_short ? 4 : 3 + name_n);

            while (*p == ' ')
                p++;
            (void)sr_str_copy(sr_str_make(p, strcspn(p, "\r")), value, 1024);
            break;
        }
    }
    return value;
}

const char *body(const char *text)
{
    const char *empty = strstr(text, "\r\n\r\n");

    return empty != NULL ? empty + 4 : "";
}

void phone_take_challenge(struct phone *phone, const char *response)
{
    const char *nonce = strstr(header(response, "WWW-Authenticate"), "nonce=\"");

    assert_non_null(nonce);
    nonce += 7;
    assert_true(
        sr_str_copy(sr_str_make(nonce, strcspn(nonce, "\"")), phone->nonce, sizeof(phone->nonce)));
    phone->nc = 0;
}

static void add_authorization(struct phone *phone, struct sr_buf *buf,
                              const struct request *request, const char *uri)
{
    char ha1[DIGEST_HEX_MAX];
    char response[DIGEST_HEX_MAX];
    char nc[16];
    const char *user = request->digest_user != NULL ? request->digest_user : phone->user;
    struct digest_input input = {.algorithm = DIGEST_MD5,
                                 .nonce = sr_str_c(phone->nonce),
                                 .cnonce = SR_STR("abcdef"),
                                 .qop = DIGEST_QOP_AUTH,
                                 .method = sr_str_c(request->method),
                                 .uri = sr_str_c(uri)};

    digest_ha1(DIGEST_MD5, sr_str_c(user), SR_STR("home"), sr_str_c(phone->password), ha1);
    (void)snprintf(nc, sizeof(nc), "%08x", ++phone->nc);
    input.ha1 = sr_str_c(ha1);
    input.nc_text = sr_str_c(nc);
    digest_response(&input, response);
    sr_buf_fmt(buf,
               "Authorization: Digest username=\"%s\", realm=\"home\", nonce=\"%s\", uri=\"%s\", "
               "response=\"%s\", algorithm=MD5, qop=auth, nc=%s, cnonce=\"abcdef\"\r\n",
               user, phone->nonce, uri, response, nc);
}

static const char *kind_name(const struct phone *phone)
{
    return net_kind_name(phone->kind);
}

void phone_request(struct phone *phone, const struct request *request)
{
    char text[TEXT_MAX];
    char addr[SR_ADDR_TEXT_MAX];
    char branch[64];
    struct sr_buf buf;
    const char *uri = request->uri;
    const char *to = request->to != NULL ? request->to : phone->user;

    if (uri == NULL)
        uri = request->is_in_dialog ? phone->target : "sip:10.0.0.1";
    (void)snprintf(branch, sizeof(branch), "z9hG4bK%s%u", phone->user, ++phone->branch);
    sr_buf_init_fixed(&buf, text, sizeof(text));
    sr_buf_fmt(&buf, "%s %s SIP/2.0\r\n", request->method, uri);
    sr_buf_fmt(&buf, "Via: SIP/2.0/%s %s;branch=%s;rport\r\n", kind_name(phone),
               sr_addr_text(&phone->addr, addr), request->branch ? request->branch : branch);
    sr_buf_fmt(&buf, "From: <sip:%s@home>;tag=%s\r\nTo: <sip:%s@home>", phone->user, phone->tag,
               to);
    if (request->is_in_dialog)
        sr_buf_fmt(&buf, ";tag=%s", phone->to_tag);
    if (request->cseq == 0)
        phone->cseq++;
    sr_buf_fmt(&buf, "\r\nCall-ID: %s\r\nCSeq: %u %s\r\nMax-Forwards: 70\r\n", phone->call_id,
               request->cseq != 0 ? request->cseq : phone->cseq, request->method);
    if (strcmp(request->method, "INVITE") == 0 || strcmp(request->method, "UPDATE") == 0)
        sr_buf_fmt(&buf, "Contact: <sip:%s@%s>\r\nAllow: INVITE, ACK, BYE, CANCEL, UPDATE\r\n",
                   phone->user, addr);
    if (request->is_authorized)
        add_authorization(phone, &buf, request, uri);
    if (request->extra != NULL)
        sr_buf_c(&buf, request->extra);
    if (request->body != NULL)
        sr_buf_fmt(&buf, "Content-Type: %s\r\n",
                   request->type != NULL ? request->type : "application/sdp");
    sr_buf_fmt(&buf, "Content-Length: %zu\r\n\r\n%s",
               request->body != NULL ? strlen(request->body) : 0,
               request->body != NULL ? request->body : "");
    assert_int_equal(sr_buf_err(&buf), SR_OK);
    if (strcmp(request->method, "INVITE") == 0)
        (void)sr_str_copy(sr_buf_view(&buf), phone->invite, sizeof(phone->invite));
    phone_raw(phone, buf.data, buf.len);
}

void phone_reply(struct phone *phone, const char *request, const char *status, const char *tag,
                 const char *extra, const char *reply_body)
{
    char text[TEXT_MAX];
    char addr[SR_ADDR_TEXT_MAX];
    struct sr_buf buf;

    sr_buf_init_fixed(&buf, text, sizeof(text));
    sr_buf_fmt(&buf, "SIP/2.0 %s\r\nVia: %s\r\nFrom: %s\r\n", status, header(request, "Via"),
               header(request, "From"));
    sr_buf_fmt(&buf, "To: %s%s%s\r\nCall-ID: %s\r\nCSeq: %s\r\n", header(request, "To"),
               tag != NULL ? ";tag=" : "", tag != NULL ? tag : "", header(request, "Call-ID"),
               header(request, "CSeq"));
    sr_buf_fmt(&buf, "Contact: <sip:%s@%s>\r\n", phone->user, sr_addr_text(&phone->addr, addr));
    if (extra != NULL)
        sr_buf_c(&buf, extra);
    if (reply_body != NULL)
        sr_buf_c(&buf, "Content-Type: application/sdp\r\n");
    sr_buf_fmt(&buf, "Content-Length: %zu\r\n\r\n%s", reply_body != NULL ? strlen(reply_body) : 0,
               reply_body != NULL ? reply_body : "");
    assert_int_equal(sr_buf_err(&buf), SR_OK);
    if (begins(request, "INVITE") && tag != NULL) { /* as called party: the dialog seen from here */
        const char *from_tag = strstr(header(request, "From"), ";tag=");
        const char *contact = header(request, "Contact");

        (void)sr_str_copy(sr_str_c(header(request, "Call-ID")), phone->call_id,
                          sizeof(phone->call_id));
        (void)sr_str_copy(sr_str_c(from_tag + 5), phone->to_tag, sizeof(phone->to_tag));
        (void)sr_str_copy(sr_str_c(tag), phone->tag, sizeof(phone->tag));
        (void)sr_str_copy(sr_str_make(contact + 1, strcspn(contact, ">") - 1), phone->target,
                          sizeof(phone->target));
    }
    phone_raw(phone, buf.data, buf.len);
}

void phone_ack(struct phone *phone, const char *response, const char *ack_body)
{
    const char *tag = strstr(header(response, "To"), ";tag=");
    const char *contact = header(response, "Contact");
    unsigned cseq = (unsigned)strtoul(header(response, "CSeq"), NULL, 10);

    assert_non_null(tag);
    (void)sr_str_copy(sr_str_c(tag + 5), phone->to_tag, sizeof(phone->to_tag));
    (void)sr_str_copy(sr_str_make(contact + 1, strcspn(contact, ">") - 1), phone->target,
                      sizeof(phone->target));
    phone_request(
        phone,
        &(struct request){.method = "ACK", .is_in_dialog = true, .cseq = cseq, .body = ack_body});
}

const char *phone_register(struct phone *phone, const char *contact, unsigned expires)
{
    char extra[512];
    char own[256];
    char addr[SR_ADDR_TEXT_MAX];

    (void)snprintf(own, sizeof(own), "<sip:%s@%s>", phone->user, sr_addr_text(&phone->addr, addr));
    (void)snprintf(extra, sizeof(extra), "Contact: %s\r\nExpires: %u\r\n",
                   contact != NULL ? contact : own, expires);
    if (phone->nonce[0] == '\0') {
        phone_request(phone, &(struct request){.method = "REGISTER", .extra = extra});
        phone_take_challenge(phone, phone_wait(phone, "SIP/2.0 401"));
    }
    phone_request(phone,
                  &(struct request){.method = "REGISTER", .extra = extra, .is_authorized = true});
    return phone_wait(phone, "SIP/2.0 ");
}

void phone_invite(struct phone *phone, const char *to, const char *extra, const char *sdp)
{
    char uri[128];
    struct request request = {
        .method = "INVITE", .uri = uri, .to = to, .extra = extra, .body = sdp};

    (void)snprintf(uri, sizeof(uri), "sip:%s@10.0.0.1", to);
    phone_request(phone, &request);
    phone_take_challenge(phone, phone_wait(phone, "SIP/2.0 401"));
    request.is_authorized = true;
    phone_request(phone, &request);
}
