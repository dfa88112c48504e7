/* Calls to and from providers: who may call, what is said, which server, which password. */
#include "house.h"

static struct sip_leg *dial_with(struct rig *rig, const char *provider, const char *number,
                                 const char *caller, bool is_withheld, const char *sdp)
{
    struct sip_leg *leg = NULL;
    struct sip_leg_invite_options options = {
        .provider_id = sr_str_c(provider),
        .to_user = sr_str_c(number),
        .from_user = sr_str_c(caller),
        .from_display = SR_STR("Anna"),
        .is_withheld = is_withheld,
        .sdp = sr_str_c(sdp),
        .user = rig,
        .call_cookie = 7,
        .leg_cookie = 99,
    };

    assert_int_equal(sip_leg_invite(rig->ua, &options, &leg), SR_OK);
    return leg;
}

static struct sip_leg *dial(struct rig *rig, const char *provider, const char *number,
                            const char *caller, bool is_withheld)
{
    return dial_with(rig, provider, number, caller, is_withheld, SDP_B);
}

static void settle(struct rig *rig)
{
    rig->event_read = rig->event_count = 0;
    rig->leg = NULL;
}

/* The account is registered. */
static void sign_up(struct rig *rig)
{
    rig_configure(rig);
    until_up(rig, 1, SR_SEC);
}

/* The account only calls. */
static void without_registration(struct rig *rig)
{
    rig->providers[0].is_registering = false;
    rig_configure(rig);
    rig_run(rig, SR_SEC);
}

static struct sip_leg *call_out(struct rig *rig)
{
    return dial(rig, "acme", "+4930555", "+49301231", false);
}

/* By us. */
static void hang_up(struct rig *rig, struct trunk *t, struct sip_leg *leg)
{
    sip_leg_hangup(leg, 0, SR_STR(""));
    trunk_reply(t, trunk_wait(t, "BYE ", SR_SEC), "200 OK", NULL, NULL, NULL);
    rig_run(rig, SR_SEC);
    settle(rig);
}

/* A call that is answered and hung up by us. */
static void finish(struct rig *rig, struct trunk *t, struct sip_leg *leg, const char *invite)
{
    trunk_reply(t, invite, "200 OK", "gw", NULL, SDP_A);
    (void)trunk_wait(t, "ACK ", SR_SEC);
    hang_up(rig, t, leg);
}

/* We cancel it. */
static void cancelled(struct trunk *t, const char *invite, const char *tag)
{
    trunk_reply(t, trunk_wait(t, "CANCEL ", SR_SEC), "200 OK", tag, NULL, NULL);
    trunk_reply(t, invite, "487 Request Terminated", tag, NULL, NULL);
    (void)trunk_wait(t, "ACK ", SR_SEC);
}

/* The INVITE that answers a challenge to the one before. */
static const char *challenged(struct trunk *t, const char *invite)
{
    trunk_challenge(t, invite, true, "trunk.example");
    (void)trunk_wait(t, "ACK ", SR_SEC);
    invite = trunk_wait(t, "INVITE ", SR_SEC);
    assert_true(trunk_is_authorized(t, invite));
    return invite;
}

static void a_call_says_what_the_provider_wants(void **state)
{
    struct sip_leg *leg;
    const char *invite;

    HOUSE;
    t->seen = "203.0.113.9:4242";
    sign_up(rig);
    leg = call_out(rig);
    invite = trunk_wait(t, "INVITE sip:+4930555@trunk.example SIP/2.0", SR_SEC);
    assert_string_equal(header(invite, "To"), "<sip:+4930555@trunk.example>");
    assert_non_null(strstr(header(invite, "From"), "\"Anna\" <sip:+49301231@trunk.example>;tag="));
    assert_string_equal(header(invite, "P-Asserted-Identity"),
                        "\"Anna\" <sip:+49301231@trunk.example>");
    assert_string_equal(header(invite, "Privacy"), "");
    assert_non_null(strstr(header(invite, "Via"), "203.0.113.9:4242"));
    assert_non_null(strstr(header(invite, "Contact"), "@203.0.113.9:4242>"));
    finish(rig, t, leg, invite);
    leg = dial(rig, "acme", "+4930555", "+49301231", true);
    invite = trunk_wait(t, "INVITE ", SR_SEC);
    assert_non_null(
        strstr(header(invite, "From"), "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag="));
    assert_string_equal(header(invite, "Privacy"), "id");
    assert_non_null(strstr(header(invite, "P-Asserted-Identity"), "sip:+49301231@"));
    finish(rig, t, leg, invite);
    house_end(h);
}

static void identity_and_peculiarities_are_data(void **state)
{
    static const struct {
        enum ua_identity identity;
        const char *preset;
        const char *from, *pai, *ppi, *rpid, *uri;
    } cases[] = {
        {UA_IDENTITY_FROM, "generic", "<sip:+49301231@trunk.example>", "", "", "",
         "INVITE sip:+4930555@trunk.example SIP/2.0"},
        {UA_IDENTITY_RPID, "generic", "<sip:+49301231@trunk.example>", "", "",
         "\"Anna\" <sip:+49301231@trunk.example>;party=calling;screen=yes;privacy=off",
         "INVITE sip:+4930555@trunk.example SIP/2.0"},
        {UA_IDENTITY_PAI, "account", "<sip:4930123@trunk.example>",
         "\"Anna\" <sip:+49301231@trunk.example>", "", "", "INVITE sip:+4930555@trunk.example "},
        {UA_IDENTITY_PAI, "sipgate", "<sip:4930123@trunk.example>", "",
         "\"Anna\" <sip:+49301231@trunk.example>", "", "INVITE sip:+4930555@trunk.example "},
        {UA_IDENTITY_PAI, "ims", "<sip:+49301231@trunk.example;user=phone>", "",
         "\"Anna\" <sip:+49301231@trunk.example;user=phone>", "",
         "INVITE sip:+4930555@trunk.example;user=phone SIP/2.0"},
        {UA_IDENTITY_PAI, "fritzbox", "<sip:4930123@trunk.example>",
         "\"Anna\" <sip:+49301231@trunk.example>", "", "", "INVITE sip:+4930555@trunk.example "},
    };

    for (size_t i = 0; i < SR_ARRAY_LEN(cases); i++) {
        struct sip_leg *leg;
        const char *invite;

        HOUSE;
        rig->providers[0].identity = cases[i].identity;
        assert_int_equal(ua_quirks_preset(&rig->providers[0].quirks, sr_str_c(cases[i].preset)),
                         SR_OK);
        sign_up(rig);
        leg = call_out(rig);
        invite = trunk_wait(t, cases[i].uri, SR_SEC);
        assert_non_null(strstr(header(invite, "From"), cases[i].from));
        assert_string_equal(header(invite, "P-Asserted-Identity"), cases[i].pai);
        assert_string_equal(header(invite, "P-Preferred-Identity"), cases[i].ppi);
        assert_string_equal(header(invite, "Remote-Party-ID"), cases[i].rpid);
        assert_int_equal(strstr(header(invite, "Supported"), "100rel") == NULL,
                         strcmp(cases[i].preset, "fritzbox") == 0);
        finish(rig, t, leg, invite);
        house_end(h);
    }
}

static void quirks_take_only_what_the_table_says(void **state)
{
    struct ua_quirks quirks;

    (void)state;
    ua_quirks_init(&quirks);
    for (const struct ua_quirk_info *info = ua_quirk_table(); info->name != NULL; info++) {
        assert_true(strlen(info->reason) > 20);
        assert_int_equal(ua_quirks_set(&quirks, sr_str_c(info->name), SR_STR("nonsense")),
                         SR_ERR_SYNTAX);
    }
    assert_int_equal(ua_quirks_set(&quirks, SR_STR("nothing"), SR_STR("true")), SR_ERR_NOTFOUND);
    assert_int_equal(ua_quirks_set(&quirks, SR_STR("family"), SR_STR("ip6")), SR_OK);
    assert_int_equal(quirks.family, SR_ADDR_IP6);
    assert_int_equal(ua_quirks_set(&quirks, SR_STR("ptime"), SR_STR("20")), SR_OK);
    assert_int_equal(quirks.ptime_ms, 20);
    assert_int_equal(ua_quirks_preset(&quirks, SR_STR("unheard-of")), SR_ERR_NOTFOUND);
}

static void challenges_of_the_own_realm_are_answered(void **state)
{
    struct sip_leg *leg;
    const char *invite;
    const char *bye;

    HOUSE;
    sign_up(rig);
    leg = call_out(rig);
    invite = trunk_wait(t, "INVITE ", SR_SEC);
    assert_string_equal(header(invite, "CSeq"), "1 INVITE");
    t->nonce = 7;
    invite = challenged(t, invite);
    assert_string_equal(header(invite, "CSeq"), "2 INVITE");
    assert_true(strstr(header(invite, "Proxy-Authorization"), "\"nonce7\"") != NULL);
    trunk_reply(t, invite, "180 Ringing", "gw", NULL, NULL);
    assert_int_equal(rig_event(rig, SIP_LEG_PROGRESS)->event.status, 180);
    trunk_reply(t, invite, "200 OK", "gw", NULL, SDP_A);
    assert_non_null(strstr(header(trunk_wait(t, "ACK ", SR_SEC), "Proxy-Authorization"),
                           "\"nonce7\"")); /* that of the INVITE (13.2.2.4) */
    (void)rig_event(rig, SIP_LEG_ANSWERED);
    sip_leg_hangup(leg, 0, SR_STR(""));
    bye = trunk_wait(t, "BYE ", SR_SEC);
    trunk_challenge(t, bye, true, "trunk.example");
    bye = trunk_wait(t, "BYE ", SR_SEC);
    assert_true(trunk_is_authorized(t, bye));
    trunk_reply(t, bye, "200 OK", NULL, NULL, NULL);
    rig_run(rig, SR_SEC);
    house_end(h);
}

/* Whoever is called may challenge, too: the password is not for him (CVE-2021-41158 elsewhere). */
static void challenges_of_another_realm_get_no_answer(void **state)
{
    const char *invite;
    struct rig_event *event;

    HOUSE;
    sign_up(rig);
    (void)call_out(rig);
    invite = trunk_wait(t, "INVITE ", SR_SEC);
    trunk_challenge(t, invite, true, "evil.example");
    event = rig_event(rig, SIP_LEG_ENDED);
    assert_int_equal(event->event.status, 407);
    rig_run(rig, SR_SEC);
    assert_int_equal(trunk_count(t, "INVITE "), 0);
    house_end(h);
}

static void a_challenge_is_answered_at_most_twice(void **state)
{
    const char *invite;

    HOUSE;
    sign_up(rig);
    (void)call_out(rig);
    for (int i = 0; i < 3; i++) {
        invite = trunk_wait(t, "INVITE ", SR_SEC);
        t->nonce++;
        trunk_challenge(t, invite, true, "trunk.example"); /* always stale */
    }
    assert_int_equal(rig_event(rig, SIP_LEG_ENDED)->event.status, 407);
    rig_run(rig, SR_SEC);
    assert_int_equal(trunk_count(t, "INVITE "), 0);
    house_end(h);
}

static void a_call_passes_over_a_dead_server_in_four_seconds(void **state)
{
    struct sip_leg *leg;
    const char *invite;
    sr_usec start;

    HOUSE;
    without_registration(rig);
    trunk_skip(t);
    t->is_deaf = true;
    start = loop_now(rig->loop);
    leg = call_out(rig);
    invite = trunk_wait(u, "INVITE ", 6 * SR_SEC);
    assert_in_range(loop_now(rig->loop) - start, 4 * SR_SEC, 5 * SR_SEC);
    finish(rig, u, leg, invite);
    t->is_deaf = false;
    leg = call_out(rig); /* it is remembered */
    finish(rig, u, leg, trunk_wait(u, "INVITE ", SR_SEC));
    assert_int_equal(trunk_count(t, "INVITE "), 0);
    house_end(h);
}

/* It asked for the password, then it died: the next one asks anew. */
static void a_call_passes_over_a_server_that_dies_after_its_challenge(void **state)
{
    struct sip_leg *leg;
    const char *invite;
    sr_usec start;

    HOUSE;
    sign_up(rig);
    leg = call_out(rig);
    invite = trunk_wait(t, "INVITE ", SR_SEC);
    t->nonce = 7;
    trunk_challenge(t, invite, true, "trunk.example");
    t->is_deaf = true;
    start = loop_now(rig->loop);
    u->nonce = 9;
    invite = trunk_wait(u, "INVITE ", 6 * SR_SEC);
    assert_in_range(loop_now(rig->loop) - start, 4 * SR_SEC, 5 * SR_SEC);
    invite = challenged(u, invite);
    assert_non_null(strstr(header(invite, "Proxy-Authorization"), "\"nonce9\""));
    assert_null(strstr(invite, "nonce7"));
    finish(rig, u, leg, invite);
    assert_int_equal(trunk_count(u, "INVITE "), 0);
    house_end(h);
}

/* Who calls us would look for us there: the registration follows the call to the server that lives. */
static void a_call_that_finds_the_server_dead_moves_the_registration(void **state)
{
    struct sip_leg *leg;
    unsigned before;

    HOUSE;
    rig->providers[0].register_sec = 3600;
    sign_up(rig);
    assert_int_equal(u->bindings, 0);
    before = t->registers;
    trunk_skip(t);
    t->is_deaf = true;
    leg = call_out(rig);
    finish(rig, u, leg, trunk_wait(u, "INVITE ", 6 * SR_SEC));
    rig_run(rig, 2 * SR_SEC);
    assert_int_equal(u->bindings, 1);
    assert_int_equal(t->registers, before);
    assert_int_equal(rig->provider_down, 0);
    house_end(h);
}

/* A server that answers 503 is not dead: the registration stays where it is. */
static void a_refusal_leaves_the_registration_where_it_is(void **state)
{
    struct sip_leg *leg;
    const char *invite;

    HOUSE;
    rig->providers[0].register_sec = 3600;
    sign_up(rig);
    leg = call_out(rig);
    invite = trunk_wait(t, "INVITE ", SR_SEC);
    trunk_reply(t, invite, "503 Busy", "x", NULL, NULL);
    finish(rig, u, leg, trunk_wait(u, "INVITE ", SR_SEC));
    rig_run(rig, 5 * SR_SEC);
    assert_int_equal(u->bindings, 0);
    house_end(h);
}

/* What belongs to a call before it is answered goes to the server that took it over: the PRACK, and the INVITE
 * with another session interval. */
static void an_early_dialog_is_with_the_server_that_lives(void **state)
{
    struct sip_leg *leg;
    const char *invite;

    HOUSE;
    without_registration(rig);
    trunk_skip(t);
    t->is_deaf = true;
    leg = call_out(rig);
    invite = trunk_wait(u, "INVITE ", 6 * SR_SEC);
    trunk_reply(u, invite, "422 Too Small", "gw", "Min-SE: 3600\r\n", NULL);
    (void)trunk_wait(u, "ACK ", SR_SEC);
    invite = trunk_wait(u, "INVITE ", SR_SEC);
    assert_string_equal(header(invite, "Min-SE"), "3600");
    trunk_reply(u, invite, "183 Session Progress", "gw", "Require: 100rel\r\nRSeq: 7\r\n", SDP_A);
    assert_string_equal(header(trunk_wait(u, "PRACK ", SR_SEC), "RAck"), "7 2 INVITE");
    finish(rig, u, leg, invite);
    house_end(h);
}

/* The first server wakes up late: what rings there is cancelled, one call is enough. */
static void a_late_ring_of_the_first_server_is_cancelled(void **state)
{
    struct sip_leg *leg;
    const char *first;
    const char *second;

    HOUSE;
    without_registration(rig);
    leg = call_out(rig);
    first = trunk_wait(t, "INVITE ", SR_SEC);
    second = trunk_wait(u, "INVITE ", 6 * SR_SEC);
    trunk_reply(t, first, "180 Ringing", "late", NULL, NULL);
    cancelled(t, first, "late");
    rig_quiet(rig);
    finish(rig, u, leg, second);
    house_end(h);
}

static void a_503_goes_to_the_next_server_before_it_rings(void **state)
{
    struct sip_leg *leg;
    const char *invite;

    HOUSE;
    without_registration(rig);
    leg = call_out(rig);
    invite = trunk_wait(t, "INVITE ", SR_SEC);
    trunk_reply(t, invite, "100 Trying", NULL, NULL, NULL);
    trunk_reply(t, invite, "503 Service Unavailable", "x", NULL, NULL);
    invite = trunk_wait(u, "INVITE ", SR_SEC);
    finish(rig, u, leg, invite);
    house_end(h);
}

/* It rang, then the server died: nobody calls twice elsewhere, and giving up leaves nothing behind. */
static void death_in_the_middle_of_ringing_stays_one_call(void **state)
{
    struct sip_leg *leg;
    const char *invite;

    HOUSE;
    without_registration(rig);
    leg = call_out(rig);
    invite = trunk_wait(t, "INVITE ", SR_SEC);
    trunk_reply(t, invite, "180 Ringing", "gw", NULL, NULL);
    assert_int_equal(rig_event(rig, SIP_LEG_PROGRESS)->event.status, 180);
    t->is_deaf = true;
    rig_run(rig, 60 * SR_SEC);
    assert_int_equal(trunk_count(u, "INVITE "), 0);
    rig_quiet(rig);
    sip_leg_hangup(leg, 480, SR_STR("nobody answered"));
    rig_run(rig, 70 * SR_SEC);
    assert_int_equal(rig_stats(rig).legs_closing, 0);
    leg = call_out(rig); /* the next call finds the other one */
    invite = trunk_wait(u, "INVITE ", 6 * SR_SEC);
    finish(rig, u, leg, invite);
    house_end(h);
}

/* The same where the connection breaks: what rings at the first server may still be answered. */
static void a_connection_that_breaks_in_ringing_stays_one_call(void **state)
{
    HOUSE;
    use_stream(h, NET_TCP);
    trunk_done(u);
    trunk_init(u, rig, "198.51.100.2:5060", NET_TCP);
    assert_int_equal(resolver_sim_add(rig->resolver, "trunk.example", DNS_A, 300, "198.51.100.2"),
                     SR_OK);
    without_registration(rig);
    (void)call_out(rig);
    rig_run(rig, 100 * SR_MSEC);
    if (trunk_count(u, "INVITE ") == 1) { /* the two are equal: either comes first */
        t = &h->u;
        u = &h->t;
    }
    trunk_reply(t, trunk_wait(t, "INVITE ", SR_SEC), "180 Ringing", "gw", NULL, NULL);
    (void)rig_event(rig, SIP_LEG_PROGRESS);
    sim_end_close(t->end, t->flow.conn);
    assert_int_equal(rig_event(rig, SIP_LEG_ENDED)->event.cause, SIP_LEG_CAUSE_TRANSPORT);
    rig_run(rig, SR_SEC);
    assert_int_equal(trunk_count(u, "INVITE "), 0);
    house_end(h);
}

/* SDP is written for one family: whoever calls learns after 4 s that he is to call over the other one. */
static void a_call_ends_early_when_the_other_family_may_answer(void **state)
{
    struct ua_provider_path path;
    struct rig_event *event;
    struct sip_leg *leg;
    const char *first;
    const char *second;
    sr_usec start;
    struct trunk *v;

    HOUSE;
    v = &h->v;
    add_ip6(h);
    without_registration(rig);
    v->is_deaf = true;
    assert_int_equal(ua_provider_path(rig->ua, SR_STR("acme"), &path), SR_OK);
    assert_int_equal(path.flow.remote.family, SR_ADDR_IP6);
    start = loop_now(rig->loop);
    (void)call_out(rig);
    event = rig_event(rig, SIP_LEG_ENDED);
    assert_int_equal(event->event.cause, SIP_LEG_CAUSE_TIMEOUT);
    assert_in_range(loop_now(rig->loop) - start, 4 * SR_SEC, 5 * SR_SEC);
    assert_int_equal(ua_provider_path(rig->ua, SR_STR("acme"), &path), SR_OK);
    assert_int_equal(path.flow.remote.family, SR_ADDR_IP4);
    assert_false(path.is_suspect);
    v->is_deaf = false;
    leg = call_out(rig);
    second = trunk_wait(t, "INVITE ", SR_SEC);
    assert_non_null(strstr(header(second, "Contact"), "@10.0.0.1:5060>"));
    first = trunk_wait(v, "INVITE ", 5 * SR_SEC); /* repeated; it wakes up late: cancelled */
    trunk_reply(v, first, "180 Ringing", "late", NULL, NULL);
    cancelled(v, first, "late");
    rig_quiet(rig);
    finish(rig, t, leg, second);
    t->is_deaf = v->is_deaf = true; /* both dead: not for ever, and known as such */
    (void)call_out(rig);
    (void)rig_event(rig, SIP_LEG_ENDED);
    assert_int_equal(ua_provider_path(rig->ua, SR_STR("acme"), &path), SR_OK);
    assert_true(path.is_suspect);
    house_end(h);
}

/* ---- several early dialogs, and who is connected ---- */

static void each_early_dialog_has_its_own_answer(void **state)
{
    struct rig_event *event;
    struct sip_leg *leg;
    const char *invite;

    HOUSE;
    sign_up(rig);
    leg = call_out(rig);
    invite = trunk_wait(t, "INVITE ", SR_SEC);
    trunk_reply(t, invite, "183 Session Progress", "one", NULL, SDP_A);
    event = rig_event(rig, SIP_LEG_PROGRESS);
    assert_false(event->event.is_other_answer);
    trunk_reply(t, invite, "180 Ringing", "one", NULL, NULL);
    assert_int_equal(rig_event(rig, SIP_LEG_PROGRESS)->event.status, 180);
    trunk_reply(t, invite, "183 Session Progress", "two", NULL, SDP_C);
    event = rig_event(rig, SIP_LEG_PROGRESS);
    assert_true(event->event.is_other_answer);
    assert_string_equal(event->sdp, SDP_C);
    trunk_reply(t, invite, "183 Session Progress", "two", NULL, SDP_C);
    assert_false(rig_event(rig, SIP_LEG_PROGRESS)->event.is_other_answer);
    /* the first one answers after all, and says its SDP no more */
    trunk_reply(t, invite, "200 OK", "one", NULL, NULL);
    event = rig_event(rig, SIP_LEG_ANSWERED);
    assert_true(event->event.is_other_answer);
    assert_string_equal(event->sdp, SDP_A);
    assert_non_null(strstr(header(trunk_wait(t, "ACK ", SR_SEC), "To"), ";tag=one"));
    hang_up(rig, t, leg);
    house_end(h);
}

/* UPDATE without SDP in the dialog of that INVITE of ours: how it is answered. */
static const char *update_status(struct trunk *trunk, const char *invite, const char *tag,
                                 unsigned cseq, const char *extra)
{
    const char *contact = strstr(header(invite, "Contact"), "<") + 1;
    char addr[SR_ADDR_TEXT_MAX], uri[256], text[TEXT_MAX];
    struct sr_buf buf;

    (void)snprintf(uri, sizeof(uri), "%.*s", (int)strcspn(contact, ">"), contact);
    sr_buf_init_fixed(&buf, text, sizeof(text));
    sr_buf_fmt(&buf, "UPDATE %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKup%u;rport\r\n", uri,
               sr_addr_text(&trunk->addr, addr), cseq);
    sr_buf_fmt(&buf, "From: %s;tag=%s\r\n", header(invite, "To"), tag);
    sr_buf_fmt(&buf, "To: %s\r\n", header(invite, "From"));
    sr_buf_fmt(&buf, "Call-ID: %s\r\nCSeq: %u UPDATE\r\n", header(invite, "Call-ID"), cseq);
    sr_buf_fmt(&buf, "Max-Forwards: 70\r\nContact: <sip:gw@%s>\r\n%sContent-Length: 0\r\n\r\n",
               sr_addr_text(&trunk->addr, addr), extra);
    trunk_send(trunk, sr_buf_cstr(&buf));
    return trunk_wait(trunk, "SIP/2.0 ", SR_SEC);
}

static void send_update(struct trunk *trunk, const char *invite, const char *tag, unsigned cseq,
                        const char *extra)
{
    assert_non_null(strstr(update_status(trunk, invite, tag, cseq, extra), "SIP/2.0 200"));
}

/* A call goes on at another server of the same provider, or at an address that is trusted as the provider's:
 * neither has a password of ours (RFC 3261 12.2.2 binds a dialog to no address). */
static void another_server_of_the_provider_goes_on(void **state)
{
    struct trunk gateway, stranger;
    struct sr_cidr trusted;
    struct sip_leg *leg;
    const char *invite;

    HOUSE;
    trunk_init(&gateway, rig, "192.0.2.99:5060", NET_UDP);
    trunk_init(&stranger, rig, "198.51.100.7:5060", NET_UDP);
    assert_int_equal(sr_cidr_parse(SR_STR("192.0.2.96/28"), &trusted), SR_OK);
    rig->providers[0].trusted = &trusted;
    rig->providers[0].trusted_count = 1;
    sign_up(rig);
    leg = call_out(rig);
    invite = trunk_wait(t, "INVITE ", SR_SEC);
    trunk_reply(t, invite, "200 OK", "gw", NULL, SDP_A);
    (void)rig_event(rig, SIP_LEG_ANSWERED);
    (void)trunk_wait(t, "ACK ", SR_SEC);
    send_update(u, invite, "gw", 1, "");
    send_update(&gateway, invite, "gw", 2, "");
    assert_non_null(strstr(update_status(&stranger, invite, "gw", 3, ""), "SIP/2.0 401"));
    hang_up(rig, &gateway, leg);
    trunk_done(&gateway);
    trunk_done(&stranger);
    house_end(h);
}

static void the_provider_says_who_is_connected(void **state)
{
    char name[1024];
    struct sr_buf buf;
    struct rig_event *event;
    struct sip_leg *leg;
    const char *invite;

    HOUSE;
    sign_up(rig);
    leg = call_out(rig);
    invite = trunk_wait(t, "INVITE ", SR_SEC);
    trunk_reply(t, invite, "180 Ringing", "gw",
                "P-Asserted-Identity: \"Front desk\" <sip:+49305550@trunk.example>\r\n", NULL);
    event = rig_event(rig, SIP_LEG_PARTY);
    assert_string_equal(event->party, "Front desk +49305550");
    assert_int_equal(rig_event(rig, SIP_LEG_PROGRESS)->event.status, 180);
    trunk_reply(t, invite, "200 OK", "gw",
                "P-Asserted-Identity: \"Front desk\" <sip:+49305550@trunk.example>\r\n", SDP_A);
    (void)rig_event(rig, SIP_LEG_ANSWERED); /* the same: not told twice */
    (void)trunk_wait(t, "ACK ", SR_SEC);
    send_update(t, invite, "gw", 1,
                "Remote-Party-ID: \"Miss Bell\" <sip:+49305557@trunk.example>;party=called\r\n");
    assert_string_equal(rig_event(rig, SIP_LEG_PARTY)->party, "Miss Bell +49305557");
    send_update(t, invite, "gw", 2,
                "P-Asserted-Identity: <sip:+49305558@trunk.example>\r\nPrivacy: id\r\n");
    assert_string_equal(rig_event(rig, SIP_LEG_PARTY)->party, " anonymous");
    /* a name without end is cut between two characters */
    sr_buf_init_fixed(&buf, name, sizeof(name));
    sr_buf_c(&buf, "P-Asserted-Identity: \"");
    for (unsigned i = 0; i < 300; i++)
        sr_buf_c(&buf, "\u00fc");
    sr_buf_c(&buf, "\" <sip:+49305559@trunk.example>\r\n");
    send_update(t, invite, "gw", 3, sr_buf_cstr(&buf));
    event = rig_event(rig, SIP_LEG_PARTY);
    assert_int_equal(strlen(event->party), 254 + strlen(" +49305559"));
    assert_true(sr_utf8_is_valid(sr_str_c(event->party)));
    hang_up(rig, t, leg);
    house_end(h);
}

static void service_route_and_proxy_are_obeyed(void **state)
{
    struct sip_leg *leg;
    const char *invite;

    HOUSE;
    assert_int_equal(
        resolver_sim_add(rig->resolver, "edge.trunk.example", DNS_A, 300, "198.51.100.2"), SR_OK);
    rig->providers[0].proxy = SR_STR("edge.trunk.example");
    rig->providers[0].proxy_port = 5060;
    u->extra = "Service-Route: <sip:core.trunk.example;lr>, <sip:more.trunk.example;lr>\r\n";
    sign_up(rig);
    assert_int_equal(t->registers, 0);
    leg = call_out(rig);
    invite = trunk_wait(u, "INVITE sip:+4930555@trunk.example ", SR_SEC);
    assert_string_equal(header(invite, "Route"),
                        "<sip:edge.trunk.example:5060;lr>, <sip:core.trunk.example;lr>, "
                        "<sip:more.trunk.example;lr>");
    finish(rig, u, leg, invite);
    house_end(h);
}

/* ---- trust ---- */

/* call_id NULL: a fresh one. */
static void send_invite_as(struct trunk *from, const char *uri, const char *extra,
                           const char *call_id)
{
    static unsigned number;
    char fresh[32];
    char text[TEXT_MAX];
    char addr[SR_ADDR_TEXT_MAX];

    (void)snprintf(fresh, sizeof(fresh), "in%u@trunk", number);
    (void)snprintf(text, sizeof(text),
                   "INVITE %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKin%u;rport\r\n"
                   "From: \"Bob\" <sip:+49891@trunk.example>;tag=in%u\r\n%s"
                   "Call-ID: %s\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n"
                   "Contact: <sip:gw@%s>\r\nContent-Type: application/sdp\r\n"
                   "Content-Length: %zu\r\n\r\n%s",
                   uri, sr_addr_text(&from->addr, addr), number, number, extra,
                   call_id ? call_id : fresh, sr_addr_text(&from->addr, addr), strlen(SDP_A),
                   SDP_A);
    number++;
    if (from->kind == NET_UDP) /* else over the connection that is there */
        from->flow = (struct net_flow){.kind = from->kind, .remote = from->rig->host};
    trunk_send(from, text);
}

static void send_invite(struct trunk *from, const char *uri, const char *extra)
{
    send_invite_as(from, uri, extra, NULL);
}

static void contact_uri(const struct trunk *trunk, char out[256])
{
    const char *uri = strstr(trunk->contact, "<") + 1;

    (void)snprintf(out, 256, "%.*s", (int)strcspn(uri, ">"), uri);
}

/* Answers what came in with 486 and forgets it. */
static void refuse(struct rig *rig, struct trunk *from)
{
    sip_leg_reject(rig->leg, 486, SR_STR(""), 0);
    rig->leg = NULL;
    (void)trunk_wait(from, "SIP/2.0 486", SR_SEC);
    rig_run(rig, 35 * SR_SEC); /* nobody ACKs */
}

static void calls_of_the_provider_need_no_password(void **state)
{
    char uri[256];

    HOUSE;
    sign_up(rig);
    contact_uri(t, uri);
    send_invite(t, uri, "To: <sip:+49301231@trunk.example>\r\n");
    (void)trunk_wait(t, "SIP/2.0 100", SR_SEC);
    assert_string_equal(rig->from_provider, "acme");
    assert_string_equal(rig->from_device, "");
    assert_string_equal(rig->dialled, "+49301231"); /* of To: the URI has our Contact */
    assert_string_equal(rig->from_user, "+49891");
    assert_string_equal(rig->from_display, "Bob");
    refuse(rig, t);
    send_invite(u, "sip:+49301239@10.0.0.1", "To: <sip:x@trunk.example>\r\n");
    (void)trunk_wait(u, "SIP/2.0 100", SR_SEC); /* another server of the set */
    assert_string_equal(rig->dialled, "+49301239");
    refuse(rig, u);
    send_invite(t, "sip:4930123@10.0.0.1",
                "To: <sip:x@trunk.example>\r\nP-Called-Party-ID: <sip:+49301237@trunk.example>\r\n"
                "Privacy: id\r\n");
    (void)trunk_wait(t, "SIP/2.0 100", SR_SEC);
    assert_string_equal(rig->dialled, "+49301237");
    assert_string_equal(rig->from_user, "anonymous");
    refuse(rig, t);
    house_end(h);
}

/* RFC 5626: calls come and go over the connection of the registration, opened by us. */
static void calls_use_the_connection_of_the_registration(void **state)
{
    struct sip_leg *leg;
    char uri[256];
    sr_id conn;

    HOUSE;
    use_stream(h, NET_TCP);
    sign_up(rig);
    conn = t->flow.conn;
    assert_true(conn != SR_ID_NONE);
    contact_uri(t, uri);
    send_invite(t, uri, "To: <sip:+49301231@trunk.example>\r\n");
    (void)trunk_wait(t, "SIP/2.0 100", SR_SEC);
    assert_string_equal(rig->from_provider, "acme");
    assert_true(t->flow.conn == conn);
    refuse(rig, t);
    leg = call_out(rig);
    finish(rig, t, leg, trunk_wait(t, "INVITE ", SR_SEC));
    assert_true(t->flow.conn == conn);
    house_end(h);
}

static void strangers_are_challenged_whatever_they_write(void **state)
{
    struct trunk stranger;
    char uri[256];

    HOUSE;
    trunk_init(&stranger, rig, "192.0.2.99:5060", NET_UDP);
    sign_up(rig);
    send_invite(&stranger, "sip:+49301231@10.0.0.1",
                "To: <sip:4930123@trunk.example>\r\n"
                "P-Asserted-Identity: <sip:4930123@trunk.example>\r\n"
                "P-Called-Party-ID: <sip:4930123@trunk.example>\r\n");
    (void)trunk_wait(&stranger, "SIP/2.0 401", SR_SEC);
    send_invite(&stranger, "sip:4930123@10.0.0.1", "To: <sip:4930123@trunk.example>\r\n");
    (void)trunk_wait(&stranger, "SIP/2.0 401", SR_SEC);
    assert_int_equal(rig->invites, 0);
    contact_uri(t, uri); /* who knows the 64 bits has them from the registrar */
    send_invite(&stranger, uri, "To: <sip:+49301231@trunk.example>\r\n");
    (void)trunk_wait(&stranger, "SIP/2.0 100", SR_SEC);
    assert_string_equal(rig->from_provider, "acme");
    refuse(rig, &stranger);
    trunk_done(&stranger);
    house_end(h);
}

static void trusted_addresses_may_call_without_registration(void **state)
{
    struct trunk gateway;
    struct sr_cidr trusted;

    HOUSE;
    trunk_init(&gateway, rig, "192.0.2.99:5060", NET_UDP);
    assert_int_equal(sr_cidr_parse(SR_STR("192.0.2.96/28"), &trusted), SR_OK);
    rig->providers[0].is_registering = false;
    rig->providers[0].trusted = &trusted;
    rig->providers[0].trusted_count = 1;
    rig_configure(rig);
    rig_run(rig, SR_SEC);
    send_invite(&gateway, "sip:+49301231@10.0.0.1", "To: <sip:+49301231@10.0.0.1>\r\n");
    (void)trunk_wait(&gateway, "SIP/2.0 100", SR_SEC);
    assert_string_equal(rig->from_provider, "acme");
    assert_string_equal(rig->dialled, "+49301231");
    refuse(rig, &gateway);
    trunk_done(&gateway);
    house_end(h);
}

/* The complaint: "two numbers at one provider land on the same extension". */
static void five_accounts_of_one_host_are_told_apart(void **state)
{
    static char ids[5][16], users[5][16];
    char contacts[5][256];

    HOUSE;
    for (int i = 0; i < 5; i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "line%d", i);
        (void)snprintf(users[i], sizeof(users[i]), "49301%d", i);
        rig->providers[i] = account();
        rig->providers[i].id = sr_str_c(ids[i]);
        rig->providers[i].username = sr_str_c(users[i]);
        rig->settings.provider_count = (size_t)i + 1;
        rig_configure(rig);
        until_up(rig, (unsigned)i + 1, SR_SEC);
        contact_uri(t, contacts[i]);
    }
    for (int i = 0; i < 5; i++) {
        char extra[256];

        send_invite(t, contacts[i], "To: <sip:anybody@trunk.example>\r\n");
        (void)trunk_wait(t, "SIP/2.0 100", SR_SEC);
        assert_string_equal(rig->from_provider, ids[i]);
        refuse(rig, t);
        (void)snprintf(extra, sizeof(extra), "To: <sip:%s@trunk.example>\r\n", users[i]);
        send_invite(t, "sip:10.0.0.1", extra);
        (void)trunk_wait(t, "SIP/2.0 100", SR_SEC);
        assert_string_equal(rig->from_provider, ids[i]);
        refuse(rig, t);
    }
    house_end(h);
}

/* A phone calls another number of the house, and a proxying provider brings the call back as it is. */
static void a_call_may_come_back_through_the_provider(void **state)
{
    struct sip_leg *leg;
    const char *invite;
    char uri[256];
    char call_id[128];

    HOUSE;
    sign_up(rig);
    leg = dial(rig, "acme", "+49301239", "+49301231", false);
    invite = trunk_wait(t, "INVITE ", SR_SEC);
    (void)snprintf(call_id, sizeof(call_id), "%s", header(invite, "Call-ID"));
    contact_uri(t, uri);
    send_invite_as(t, uri, "To: <sip:+49301239@trunk.example>\r\n", call_id);
    (void)trunk_wait(t, "SIP/2.0 100", SR_SEC);
    assert_string_equal(rig->dialled, "+49301239");
    sip_leg_reject(rig->leg, 486, SR_STR(""), 0);
    rig->leg = NULL;
    (void)trunk_wait(t, "SIP/2.0 486", SR_SEC);
    trunk_reply(t, invite, "486 Busy Here", "gw", NULL, NULL);
    (void)rig_event(rig, SIP_LEG_ENDED);
    (void)leg;
    rig_run(rig, 35 * SR_SEC);
    house_end(h);
}

/* ---- inside a call ---- */

static void an_incoming_call_is_answered_with_our_public_contact(void **state)
{
    char uri[256];
    const char *ok;

    HOUSE;
    t->seen = "203.0.113.9:4242";
    sign_up(rig);
    contact_uri(t, uri);
    send_invite(t, uri, "To: <sip:+49301231@trunk.example>\r\n");
    (void)trunk_wait(t, "SIP/2.0 100", SR_SEC);
    sip_leg_answer(rig->leg, SR_STR(SDP_B));
    ok = trunk_wait(t, "SIP/2.0 200", SR_SEC);
    assert_non_null(strstr(header(ok, "Contact"), "@203.0.113.9:4242>"));
    assert_null(strstr(header(ok, "Contact"), "10.0.0.1"));
    sip_leg_hangup(rig->leg, 0, SR_STR(""));
    rig->leg = NULL;
    rig_run(rig, 70 * SR_SEC); /* no ACK ever comes; the BYE is not answered */
    house_end(h);
}

/* The route of the dialog is another server, named by maddr: the ACK goes there, too. */
static void the_dialog_goes_where_its_route_says(void **state)
{
    struct sip_leg *leg;
    const char *invite;

    HOUSE;
    sign_up(rig);
    leg = call_out(rig);
    invite = trunk_wait(t, "INVITE ", SR_SEC);
    trunk_reply(t, invite, "200 OK", "gw",
                "Record-Route: <sip:192.0.2.1;maddr=198.51.100.2;lr>\r\n", SDP_A);
    assert_string_equal(header(trunk_wait(u, "ACK sip:gw@198.51.100.1:5060 ", SR_SEC), "Route"),
                        "<sip:192.0.2.1;maddr=198.51.100.2;lr>");
    trunk_reply(t, invite, "200 OK", "gw",
                "Record-Route: <sip:192.0.2.1;maddr=198.51.100.2;lr>\r\n", SDP_A);
    (void)trunk_wait(u, "ACK ", SR_SEC); /* once more */
    assert_int_equal(trunk_count(t, "ACK "), 0);
    hang_up(rig, u, leg);
    house_end(h);
}

/* A call comes in over a connection of its own, which is closed after it: what the router has to say later
 * goes to the Contact, not to the port the connection came from. */
static void a_call_in_outlives_its_connection(void **state)
{
    char uri[256];

    HOUSE;
    use_stream(h, NET_TCP);
    sign_up(rig);
    contact_uri(t, uri);
    t->flow = (struct net_flow){.kind = NET_TCP, .remote = rig->host};
    send_invite(t, uri, "To: <sip:+49301231@trunk.example>\r\n");
    (void)trunk_wait(t, "SIP/2.0 100", SR_SEC);
    sip_leg_answer(rig->leg, SR_STR(SDP_B));
    (void)trunk_wait(t, "SIP/2.0 200", SR_SEC);
    sim_end_close(t->end, t->flow.conn);
    rig_run(rig, SR_SEC);
    sip_leg_hangup(rig->leg, 0, SR_STR(""));
    rig->leg = NULL;
    trunk_reply(t, trunk_wait(t, "BYE ", 40 * SR_SEC), "200 OK", NULL, NULL,
                NULL); /* no ACK came */
    house_end(h);
}

/* ---- too large for a datagram ---- */

static void large_sdp(char *sdp, size_t size, unsigned lines)
{
    struct sr_buf buf;

    sr_buf_init_fixed(&buf, sdp, size);
    sr_buf_c(&buf, SDP_B);
    for (unsigned i = 0; i < lines; i++)
        sr_buf_fmt(&buf, "a=x-line-%02u:0123456789012345678901234567890\r\n", i);
    (void)sr_buf_cstr(&buf);
}

/* A call with so many codecs that its INVITE has more than 1,300 bytes. */
static struct sip_leg *dial_large(struct rig *rig)
{
    char sdp[2048];

    large_sdp(sdp, sizeof(sdp), 24);
    return dial_with(rig, "acme", "+4930555", "+49301231", false, sdp);
}

/* The server t, and over TCP at the same address v. */
static void large_begin(struct house *h)
{
    trunk_init(&h->v, &h->rig, "198.51.100.1:5060", NET_TCP);
    h->has_v = true;
    sign_up(&h->rig);
}

static sr_usec time_of(const struct trunk *trunk)
{
    return trunk->at[(trunk->read - 1) % TRUNK_INBOX];
}

static void a_large_call_takes_a_connection_for_its_invite_alone(void **state)
{
    struct sip_leg *leg;
    const char *invite;

    HOUSE;
    large_begin(h);
    for (unsigned i = 0; i < 2; i++) { /* the second on the connection that stands */
        leg = dial_large(rig);
        invite = trunk_wait(&h->v, "INVITE ", SR_SEC);
        assert_true(begins(header(invite, "Via"), "SIP/2.0/TCP 10.0.0.1:5060;branch="));
        assert_true(begins(header(invite, "Contact"), "<sip:"));
        assert_null(strstr(header(invite, "Contact"), "transport"));
        invite = challenged(&h->v, invite);
        assert_true(begins(header(invite, "Via"), "SIP/2.0/TCP "));
        assert_null(strstr(header(invite, "Contact"), "transport"));
        trunk_reply(&h->v, invite, "180 Ringing", "gw", NULL, NULL);
        assert_int_equal(rig_event(rig, SIP_LEG_PROGRESS)->event.status, 180);
        trunk_reply(&h->v, invite, "200 OK", "gw", NULL, SDP_A);
        assert_true(begins(header(trunk_wait(t, "ACK ", SR_SEC), "Via"), "SIP/2.0/UDP "));
        hang_up(rig, t, leg);
        assert_int_equal(trunk_count(t, "INVITE "), 0);
    }
    assert_int_equal(rig_stats(rig).net.conns_opened, 1);
    assert_int_equal(rig->provider_moved, 0); /* what its Via says is of the connection */
    /* cancelled where it went */
    leg = dial_large(rig);
    invite = trunk_wait(&h->v, "INVITE ", SR_SEC);
    trunk_reply(&h->v, invite, "180 Ringing", "gw", NULL, NULL);
    rig_run(rig, SR_SEC);
    sip_leg_hangup(leg, 487, SR_STR(""));
    cancelled(&h->v, invite, "gw");
    settle(rig);
    house_end(h);
}

static void a_large_call_without_tcp_goes_by_udp_at_once(void **state)
{
    struct sip_leg *leg;
    const char *invite;
    sr_usec began;

    HOUSE;
    sign_up(rig);
    for (unsigned i = 0; i < 2; i++) {
        began = loop_now(rig->loop);
        leg = dial_large(rig);
        invite = trunk_wait(t, "INVITE ", SR_SEC);
        assert_true(time_of(t) - began < 20 * SR_MSEC);
        assert_true(begins(header(invite, "Via"), "SIP/2.0/UDP "));
        assert_non_null(strstr(invite, "\r\nv: SIP/2.0/UDP ")); /* short names */
        finish(rig, t, leg, invite);
        assert_int_equal(rig_stats(rig).net.conns_opened + rig_stats(rig).net.conns, 0);
    }
    house_end(h);
}

static void a_large_call_waits_half_a_second_for_a_connection_and_once(void **state)
{
    struct sip_leg *leg;
    const char *invite;
    sr_usec began;

    HOUSE;
    sign_up(rig);
    sim_wire_set_hole(rig->wire, &t->addr);
    for (unsigned i = 0; i < 3; i++) {
        began = loop_now(rig->loop);
        leg = dial_large(rig);
        invite = trunk_wait(t, "INVITE ", SR_SEC);
        assert_in_range(time_of(t) - began, i == 0 ? 500 * SR_MSEC : 0,
                        (i == 0 ? 520 : 20) * SR_MSEC);
        finish(rig, t, leg, invite);
        if (i == 1) /* it is tried again in an hour; by then the server listens */
            rig_run(rig, 3601 * SR_SEC);
        if (i == 1)
            sim_wire_set_hole(rig->wire, &rig->host);
    }
    /* hung up while it waits: cancelled as soon as that can be */
    sim_wire_set_hole(rig->wire, &t->addr);
    rig_run(rig, 3601 * SR_SEC);
    leg = dial_large(rig);
    rig_run(rig, 100 * SR_MSEC);
    sip_leg_hangup(leg, 487, SR_STR(""));
    invite = trunk_wait(t, "INVITE ", SR_SEC);
    trunk_reply(t, invite, "100 Trying", NULL, NULL, NULL);
    cancelled(t, invite, "gw");
    settle(rig);
    house_end(h);
}

/* A port that takes connections and is no SIP, or one that knows nobody who is not registered over it. */
static void a_large_call_that_fails_over_tcp_is_made_by_udp(void **state)
{
    struct sip_leg *leg;
    const char *invite;

    HOUSE;
    large_begin(h);
    leg = dial_large(rig);
    invite = trunk_wait(&h->v, "INVITE ", SR_SEC);
    trunk_reply(&h->v, invite, "403 Not registered", "gw", NULL, NULL);
    invite = trunk_wait(t, "INVITE ", 100 * SR_MSEC);
    assert_true(begins(header(invite, "CSeq"), "2 "));
    finish(rig, t, leg, invite);
    leg = dial_large(rig);
    finish(rig, t, leg, trunk_wait(t, "INVITE ", 100 * SR_MSEC));
    rig_run(rig, 3601 * SR_SEC);
    h->v.is_deaf = true;
    leg = dial_large(rig);
    invite = trunk_wait(t, "INVITE ", 5 * SR_SEC);
    finish(rig, t, leg, invite);
    h->v.is_deaf = false;
    assert_int_equal(trunk_count(&h->v, "INVITE "), 0);
    /* proven: its refusals count */
    rig_run(rig, 3601 * SR_SEC);
    leg = dial_large(rig);
    invite = trunk_wait(&h->v, "INVITE ", SR_SEC);
    trunk_reply(&h->v, invite, "180 Ringing", "gw", NULL, NULL);
    trunk_reply(&h->v, invite, "486 Busy Here", "gw", NULL, NULL);
    (void)rig_event(rig, SIP_LEG_PROGRESS);
    assert_int_equal(rig_event(rig, SIP_LEG_ENDED)->event.status, 486);
    assert_int_equal(trunk_count(t, "INVITE "), 0);
    settle(rig);
    house_end(h);
}

/* Who hangs up before it rings says nothing of the connection. */
static void a_large_call_that_is_cancelled_is_no_refusal_of_tcp(void **state)
{
    struct sip_leg *leg;
    const char *invite;

    HOUSE;
    large_begin(h);
    leg = dial_large(rig);
    invite = trunk_wait(&h->v, "INVITE ", SR_SEC);
    trunk_reply(&h->v, invite, "100 Trying", NULL, NULL, NULL);
    rig_run(rig, 100 * SR_MSEC);
    sip_leg_hangup(leg, 487, SR_STR(""));
    cancelled(&h->v, invite, "gw");
    rig_run(rig, SR_SEC);
    leg = dial_large(rig);
    invite = trunk_wait(&h->v, "INVITE ", 100 * SR_MSEC);
    trunk_reply(&h->v, invite, "200 OK", "gw", NULL, SDP_A);
    (void)trunk_wait(t, "ACK ", SR_SEC);
    assert_int_equal(trunk_count(t, "INVITE "), 0);
    hang_up(rig, t, leg);
    house_end(h);
}

/* The answer to a challenge makes it too large: what is left of the first try does not touch it while it
 * waits for a connection. */
static void a_large_update_waits_unharmed(void **state)
{
    struct sip_leg *leg;
    const char *update;
    char sdp[1024];

    HOUSE;
    sign_up(rig);
    leg = call_out(rig);
    trunk_reply(t, trunk_wait(t, "INVITE ", SR_SEC), "200 OK", "gw",
                "Allow: INVITE, ACK, BYE, UPDATE\r\n", SDP_A);
    (void)rig_event(rig, SIP_LEG_ANSWERED);
    (void)trunk_wait(t, "ACK ", SR_SEC);
    sim_wire_set_hole(rig->wire, &t->addr);
    large_sdp(sdp, sizeof(sdp), 11);
    assert_int_equal(sip_leg_update(leg, sr_str_c(sdp)), SR_OK);
    update = trunk_wait(t, "UPDATE ", SR_SEC);
    assert_in_range(strlen(update), 1100, 1300);
    trunk_challenge(t, update, true, "trunk.example");
    update = trunk_wait(t, "UPDATE ", SR_SEC);
    assert_true(strlen(update) > 1300);
    assert_true(trunk_is_authorized(t, update));
    trunk_reply(t, update, "200 OK", NULL, NULL, SDP_A);
    assert_int_equal(rig_event(rig, SIP_LEG_ANSWER)->event.status, 200);
    hang_up(rig, t, leg);
    house_end(h);
}

static void a_large_call_stays_with_a_transport_that_is_given(void **state)
{
    struct sip_leg *leg;
    const char *invite;

    HOUSE;
    rig->providers[0].is_kind_given = true;
    rig->providers[0].kind = NET_UDP;
    large_begin(h);
    leg = dial_large(rig);
    invite = trunk_wait(t, "INVITE ", 100 * SR_MSEC);
    finish(rig, t, leg, invite);
    leg = call_out(rig);
    invite = trunk_wait(t, "INVITE ", 100 * SR_MSEC);
    assert_non_null(strstr(invite, "\r\nVia: ")); /* small ones keep their long names */
    finish(rig, t, leg, invite);
    assert_int_equal(rig_stats(rig).net.conns_opened, 0);
    house_end(h);
}

int run_provider_call_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_says_what_the_provider_wants),
        cmocka_unit_test(identity_and_peculiarities_are_data),
        cmocka_unit_test(quirks_take_only_what_the_table_says),
        cmocka_unit_test(challenges_of_the_own_realm_are_answered),
        cmocka_unit_test(challenges_of_another_realm_get_no_answer),
        cmocka_unit_test(a_challenge_is_answered_at_most_twice),
        cmocka_unit_test(a_call_passes_over_a_dead_server_in_four_seconds),
        cmocka_unit_test(a_call_passes_over_a_server_that_dies_after_its_challenge),
        cmocka_unit_test(a_call_that_finds_the_server_dead_moves_the_registration),
        cmocka_unit_test(a_refusal_leaves_the_registration_where_it_is),
        cmocka_unit_test(an_early_dialog_is_with_the_server_that_lives),
        cmocka_unit_test(a_late_ring_of_the_first_server_is_cancelled),
        cmocka_unit_test(a_503_goes_to_the_next_server_before_it_rings),
        cmocka_unit_test(death_in_the_middle_of_ringing_stays_one_call),
        cmocka_unit_test(a_connection_that_breaks_in_ringing_stays_one_call),
        cmocka_unit_test(a_call_ends_early_when_the_other_family_may_answer),
        cmocka_unit_test(each_early_dialog_has_its_own_answer),
        cmocka_unit_test(another_server_of_the_provider_goes_on),
        cmocka_unit_test(the_provider_says_who_is_connected),
        cmocka_unit_test(service_route_and_proxy_are_obeyed),
        cmocka_unit_test(calls_of_the_provider_need_no_password),
        cmocka_unit_test(calls_use_the_connection_of_the_registration),
        cmocka_unit_test(strangers_are_challenged_whatever_they_write),
        cmocka_unit_test(trusted_addresses_may_call_without_registration),
        cmocka_unit_test(five_accounts_of_one_host_are_told_apart),
        cmocka_unit_test(a_call_may_come_back_through_the_provider),
        cmocka_unit_test(an_incoming_call_is_answered_with_our_public_contact),
        cmocka_unit_test(the_dialog_goes_where_its_route_says),
        cmocka_unit_test(a_call_in_outlives_its_connection),
        cmocka_unit_test(a_large_call_takes_a_connection_for_its_invite_alone),
        cmocka_unit_test(a_large_call_without_tcp_goes_by_udp_at_once),
        cmocka_unit_test(a_large_call_waits_half_a_second_for_a_connection_and_once),
        cmocka_unit_test(a_large_call_that_fails_over_tcp_is_made_by_udp),
        cmocka_unit_test(a_large_call_that_is_cancelled_is_no_refusal_of_tcp),
        cmocka_unit_test(a_large_update_waits_unharmed),
        cmocka_unit_test(a_large_call_stays_with_a_transport_that_is_given),
    };

    return cmocka_run_group_tests_name("provider calls", tests, NULL, NULL);
}
