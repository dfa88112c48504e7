#include "trunk.h"

#include <stdio.h>
#include <stdlib.h>

#include "world.h"

static struct sr_addr addr_of(const char *text)
{
    struct sr_addr addr;

    assert_int_equal(sr_addr_parse(sr_str_c(text), 5060, &addr), SR_OK);
    return addr;
}

/* The headers of every response: Via as a server behind its own eyes writes it. */
static void begin_reply(struct trunk *trunk, struct sr_buf *buf, const char *request,
                        const char *status, const char *tag)
{
    char addr[SR_ADDR_TEXT_MAX];
    struct sr_addr seen = trunk->seen ? addr_of(trunk->seen) : trunk->flow.remote;
    const char *via = header(request, "Via");
    const char *rport = strstr(via, ";rport");

    sr_buf_fmt(buf, "SIP/2.0 %s\r\n", status);
    if (rport != NULL && trunk->hides_us)
        sr_buf_fmt(buf, "Via: %.*s\r\n", (int)(rport - via), via);
    else if (rport != NULL)
        sr_buf_fmt(buf, "Via: %.*s;received=%s;rport=%u%s\r\n", (int)(rport - via), via,
                   sr_addr_ip_text(&seen, addr), (unsigned)seen.port, rport + 6);
    else
        sr_buf_fmt(buf, "Via: %s\r\n", via);
    if (header(request, "Record-Route")[0] != '\0')
        sr_buf_fmt(buf, "Record-Route: %s\r\n", header(request, "Record-Route"));
    sr_buf_fmt(buf, "From: %s\r\n", header(request, "From"));
    if (tag != NULL)
        sr_buf_fmt(buf, "To: %s;tag=%s\r\n", header(request, "To"), tag);
    else
        sr_buf_fmt(buf, "To: %s\r\n", header(request, "To"));
    sr_buf_fmt(buf, "Call-ID: %s\r\nCSeq: %s\r\n", header(request, "Call-ID"),
               header(request, "CSeq"));
}

void trunk_send(struct trunk *trunk, const char *text)
{
    if (trunk->flow.remote.family == SR_ADDR_NONE)
        trunk->flow = (struct net_flow){.kind = trunk->kind, .remote = trunk->rig->host};
    assert_int_equal(sim_end_send(trunk->answers_by ? trunk->answers_by->end : trunk->end,
                                  &trunk->flow, sr_str_c(text)),
                     SR_OK);
}

void trunk_reply(struct trunk *trunk, const char *request, const char *status, const char *tag,
                 const char *extra, const char *body_text)
{
    char text[TEXT_MAX];
    char addr[SR_ADDR_TEXT_MAX];
    struct sr_buf buf;

    sr_buf_init_fixed(&buf, text, sizeof(text));
    begin_reply(trunk, &buf, request, status, tag);
    if (status[0] != '4' && strstr(header(request, "CSeq"), "REGISTER") == NULL)
        sr_buf_fmt(&buf, "Contact: <sip:gw@%s>\r\n", sr_addr_text(&trunk->addr, addr));
    if (extra != NULL)
        sr_buf_c(&buf, extra);
    if (body_text != NULL)
        sr_buf_fmt(&buf, "Content-Type: application/sdp\r\n");
    sr_buf_fmt(&buf, "Content-Length: %zu\r\n\r\n%s", body_text ? strlen(body_text) : 0,
               body_text ? body_text : "");
    trunk_send(trunk, sr_buf_cstr(&buf));
}

void trunk_challenge(struct trunk *trunk, const char *request, bool is_proxy, const char *realm)
{
    char extra[512];
    bool is_stale = !trunk->is_stale_silent && strstr(request, "uthorization: Digest") != NULL &&
                    trunk_is_authorized(trunk, request);

    trunk->challenges++;
    (void)snprintf(extra, sizeof(extra),
                   "%s-Authenticate: Digest realm=\"%s\", nonce=\"nonce%u\", algorithm=MD5, "
                   "qop=\"auth\"%s\r\n",
                   is_proxy ? "Proxy" : "WWW", realm, trunk->nonce, is_stale ? ", stale=true" : "");
    trunk_reply(trunk, request, is_proxy ? "407 Proxy Authentication Required" : "401 Unauthorized",
                "chal", extra, NULL);
}

/* The right password for whatever nonce it names. */
bool trunk_is_authorized(struct trunk *trunk, const char *request)
{
    const char *value = header(request, "Authorization");
    struct digest_credentials credentials;
    struct digest_check check = {.realm = sr_str_c(trunk->realm),
                                 .password = sr_str_c(trunk->password),
                                 .algorithms = 1u << DIGEST_MD5,
                                 .is_qop_required = true};

    if (value[0] == '\0')
        value = header(request, "Proxy-Authorization");
    check.method = sr_str_make(request, strcspn(request, " "));
    return value[0] != '\0' && digest_credentials_parse(sr_str_c(value), &credentials) == SR_OK &&
           digest_verify(&credentials, &check) == SR_OK;
}

static bool is_fresh(struct trunk *trunk, const char *request)
{
    char nonce[32];

    (void)snprintf(nonce, sizeof(nonce), "\"nonce%u\"", trunk->nonce);
    return strstr(request, nonce) != NULL;
}

static void on_register(struct trunk *trunk, const char *request)
{
    char extra[2048];
    unsigned expires = (unsigned)strtoul(header(request, "Expires"), NULL, 10);
    const char *contact = header(request, "Contact");
    char uri[256];

    trunk->registers++;
    if (trunk->status != 0) {
        (void)snprintf(extra, sizeof(extra), "%u No", (unsigned)trunk->status);
        trunk_reply(trunk, request, extra, "reg", trunk->login, NULL);
        return;
    }
    if (!trunk->is_open && (!trunk_is_authorized(trunk, request) || !is_fresh(trunk, request))) {
        trunk_challenge(trunk, request, false, trunk->realm);
        return;
    }
    if (expires > 0 && expires < trunk->min_s) {
        (void)snprintf(extra, sizeof(extra), "Min-Expires: %u\r\n", (unsigned)trunk->min_s);
        trunk_reply(trunk, request, "423 Interval Too Brief", "reg", extra, NULL);
        return;
    }
    if (expires == 0) {
        trunk->removals++;
        trunk_reply(trunk, request, "200 OK", "reg", NULL, NULL);
        return;
    }
    trunk->bindings++;
    (void)snprintf(trunk->contact, sizeof(trunk->contact), "%s", contact);
    (void)snprintf(uri, sizeof(uri), "%.*s", (int)strcspn(contact, ">"), contact);
    (void)snprintf(extra, sizeof(extra), "Contact: %s>;expires=%u\r\n%s", uri,
                   (unsigned)(trunk->granted_s ? trunk->granted_s : expires),
                   trunk->extra ? trunk->extra : "");
    trunk_reply(trunk, request, "200 OK", "reg", extra, NULL);
}

static void on_bytes(void *arg, struct sim_end *end, const struct net_flow *flow,
                     struct sr_str bytes)
{
    struct trunk *trunk = arg;
    char *text = trunk->inbox[trunk->count % TRUNK_INBOX];

    (void)end;
    assert_true(bytes.n < TEXT_MAX);
    if (trunk->is_deaf)
        return;
    trunk->flow = *flow;
    memcpy(text, bytes.p, bytes.n);
    text[bytes.n] = '\0';
    trunk->at[trunk->count % TRUNK_INBOX] = loop_now(trunk->rig->loop);
    trunk->count++;
    if (begins(text, "REGISTER "))
        on_register(trunk, text);
    if (begins(text, "OPTIONS ")) {
        char status[32];

        trunk->options++;
        (void)snprintf(status, sizeof(status), "%u Fine",
                       trunk->options_status ? (unsigned)trunk->options_status : 200);
        trunk_reply(trunk, text, status, "opt", NULL, NULL);
    }
}

void trunk_init(struct trunk *trunk, struct rig *rig, const char *addr, enum net_kind kind)
{
    static const struct sim_end_handler handler = {on_bytes, NULL};

    memset(trunk, 0, sizeof(*trunk));
    trunk->rig = rig;
    trunk->kind = kind;
    trunk->addr = addr_of(addr);
    trunk->realm = "trunk.example";
    trunk->password = "pass";
    trunk->nonce = 1;
    trunk->end = sim_end_new(rig->wire, kind, &trunk->addr, &handler, trunk);
}

void trunk_done(struct trunk *trunk)
{
    sim_end_free(trunk->end);
}

const char *trunk_wait(struct trunk *trunk, const char *prefix, sr_usec usec)
{
    sr_usec limit = loop_now(trunk->rig->loop) + usec;

    for (;;) {
        while (trunk->read < trunk->count) {
            const char *text = trunk->inbox[trunk->read++ % TRUNK_INBOX];

            if (begins(text, prefix))
                return text;
        }
        if (loop_now(trunk->rig->loop) >= limit)
            break;
        rig_run(trunk->rig, 5 * SR_MSEC);
    }
    fail_msg("the trunk waited for \"%s\"", prefix);
    return "";
}

unsigned trunk_count(struct trunk *trunk, const char *prefix)
{
    unsigned count = 0;

    for (size_t i = trunk->read; i < trunk->count; i++)
        count += begins(trunk->inbox[i % TRUNK_INBOX], prefix);
    return count;
}

void trunk_skip(struct trunk *trunk)
{
    trunk->read = trunk->count;
}
