/* Pages that are phones: the strict order, both directions, races, survival; in virtual time. */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>

#include "call/internal.h"

enum {
    NOTES_MAX = 64,
};

struct page {
    struct rig *rig;
    uint64_t client;
    char *notes[NOTES_MAX]; /* as they came */
    size_t count, seen;
    char token[ENGINE_TOKEN_MAX], call_id[ENGINE_ID_MAX];
};

static struct page pages[4]; /* by client - 1 */

static const char chrome_offer[] =
    "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n"
    "a=extmap-allow-mixed\r\na=msid-semantic: WMS s\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\nc=IN IP4 0.0.0.0\r\n"
    "a=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:Ab+%d\r\na=ice-pwd:x9cml/YzichV2+XlhiMu8gZZ\r\n"
    "a=ice-options:trickle\r\na=fingerprint:sha-256 "
    "D1:2C:BE:AD:C4:F6:64:5C:25:16:11:9C:AF:E7:0F:73:"
    "79:36:4E:9C:1E:15:54:39:0C:06:8B:ED:96:86:00:39\r\na=setup:actpass\r\na=mid:0\r\n"
    "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=sendrecv\r\na=msid:s t\r\n"
    "a=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n"
    "a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n"
    "a=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:13 "
    "CN/8000\r\n"
    "a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n"
    "a=ssrc:3570614608 cname:4TOk42mSjXCkVIa6\r\n"
    "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:Ab+%d\r\n"
    "a=ice-pwd:x9cml/YzichV2+XlhiMu8gZZ\r\na=fingerprint:sha-256 D1:2C:BE:AD:C4:F6:64:5C:25:16:11:"
    "9C:AF:E7:0F:73:79:36:4E:9C:1E:15:54:39:0C:06:8B:ED:96:86:00:39\r\na=setup:actpass\r\n"
    "a=mid:1\r\na=recvonly\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\n";

/* ---- a page ---- */

static void take_notes(struct rig *rig)
{
    struct engine_note *note;

    while ((note = engine_next_note(rig->engine)) != NULL) {
        struct page *page = &pages[note->client - 1];

        assert_true(note->client >= 1 && note->client <= SR_ARRAY_LEN(pages));
        assert_true(page->count < NOTES_MAX);
        page->notes[page->count++] = sr_str_cdup(note->text);
        sr_free(note);
    }
}

static void drop_notes(void)
{
    for (size_t i = 0; i < SR_ARRAY_LEN(pages); i++) {
        for (size_t n = 0; n < pages[i].count; n++)
            sr_free(pages[i].notes[n]);
        memset(&pages[i], 0, sizeof(pages[i]));
    }
}

static void give(struct page *page, struct engine_command *command)
{
    command->client = page->client;
    assert_int_equal(engine_submit(page->rig->engine, command), SR_OK);
    rig_run(page->rig, SR_MSEC);
    take_notes(page->rig);
}

/* The next message of that type, looking on from the last one found; fails when none comes. */
static const char *heard(struct page *page, const char *type)
{
    char key[64];

    (void)snprintf(key, sizeof(key), "{\"type\":\"%s\"", type);
    for (int i = 0; i < 12000; i++) {
        for (size_t n = page->seen; n < page->count; n++) {
            if (strncmp(page->notes[n], key, strlen(key)) == 0) {
                page->seen = n + 1;
                return page->notes[n];
            }
        }
        rig_run(page->rig, 10 * SR_MSEC);
        take_notes(page->rig);
    }
    for (size_t n = 0; n < page->count; n++)
        print_error("%s\n", page->notes[n]);
    fail_msg("page %u did not hear %s", (unsigned)page->client, type);
    return NULL;
}

static bool has(const char *note, const char *text)
{
    return strstr(note, text) != NULL;
}

static void copy_member(const char *note, const char *name, char *out, size_t size)
{
    char key[64];
    const char *at;

    (void)snprintf(key, sizeof(key), "\"%s\":\"", name);
    at = strstr(note, key);
    assert_non_null(at);
    at += strlen(key);
    assert_true((size_t)(strchr(at, '"') - at) < size);
    (void)sr_str_copy(sr_str_make(at, (size_t)(strchr(at, '"') - at)), out, size);
}

static void hear_error(struct page *page, const char *code)
{
    char member[64];

    (void)snprintf(member, sizeof(member), "\"code\":\"%s\"", code);
    assert_true(has(heard(page, "error"), member));
}

static struct engine_command text_command(enum engine_command_kind kind, const char *call_id,
                                          const char *session_id)
{
    struct engine_command command = {.kind = kind};

    (void)sr_str_copy(sr_str_c(call_id), command.call_id, sizeof(command.call_id));
    (void)sr_str_copy(sr_str_c(session_id), command.session_id, sizeof(command.session_id));
    return command;
}

/* On a socket of its own; device "" makes a guest. */
static struct page *page_open(struct rig *rig, size_t n, const char *device, const char *owner)
{
    struct engine_command command = {.kind = ENGINE_DO_WEBRTC_REGISTER};
    struct page *page = &pages[n];
    const char *note;

    page->rig = rig;
    page->client = n + 1;
    (void)sr_str_copy(sr_str_c(device), command.device_id, sizeof(command.device_id));
    (void)sr_str_copy(sr_str_c(owner), command.owner, sizeof(command.owner));
    (void)sr_str_copy(sr_str_c(owner), command.from, sizeof(command.from)); /* its name */
    give(page, &command);
    note = heard(page, "webrtc-registered");
    copy_member(note, "token", page->token, sizeof(page->token));
    assert_true(has(note, "\"iceServers\":[]"));
    return page;
}

static void offer_text(struct page *page, const char *session_id, const char *text, bool is_resume)
{
    struct engine_command command = text_command(ENGINE_DO_WEBRTC_OFFER, NULL, session_id);

    command.sdp = sr_strdup(text);
    if (is_resume)
        memcpy(command.session_token, page->token, sizeof(command.session_token));
    give(page, &command);
}

static void offer_as(struct page *page, const char *session_id, int ufrag, bool is_resume)
{
    char text[4096];

    (void)snprintf(text, sizeof(text), chrome_offer, ufrag, ufrag);
    offer_text(page, session_id, text, is_resume);
}

static void offer(struct page *page, const char *session_id)
{
    offer_as(page, session_id, 1, false);
}

static void link_to(struct page *page, const char *call_id, const char *session_id)
{
    struct engine_command command = text_command(ENGINE_DO_WEBRTC_LINK, call_id, session_id);

    give(page, &command);
}

static void close_socket(struct page *page)
{
    struct engine_command command = {.kind = ENGINE_DO_WEBRTC_GONE};

    give(page, &command);
}

static const char *hear_incoming(struct page *page)
{
    const char *note = heard(page, "webrtc-incoming");

    copy_member(note, "callId", page->call_id, sizeof(page->call_id));
    return note;
}

static void done(struct rig *rig)
{
    for (size_t i = 0; i < SR_ARRAY_LEN(pages); i++) {
        if (pages[i].client != 0)
            close_socket(&pages[i]);
    }
    rig_settle(rig);
    take_notes(rig);
    drop_notes();
    rig_done(rig);
}

/* POST /api/call by that login. */
static enum sr_err call_from(struct rig *rig, const char *from, const char *owner, const char *to)
{
    struct engine_command command = {.kind = ENGINE_DO_CALL};

    (void)sr_str_copy(sr_str_c(from), command.from, sizeof(command.from));
    (void)sr_str_copy(sr_str_c(to), command.to, sizeof(command.to));
    (void)sr_str_copy(sr_str_c(owner), command.owner, sizeof(command.owner));
    return rig_do(rig, &command);
}

/* ---- calls ---- */

static void test_a_page_answers_a_phone(void **state)
{
    struct rig rig;
    struct sim_phone *phone;
    struct phone_call *call;
    struct page *page;
    const char *note;

    (void)state;
    rig_init(&rig, NULL);
    phone = rig_phone(&rig, "101");
    page = page_open(&rig, 0, "b", "bert");
    call = phone_dial(phone, "102");
    note = hear_incoming(page);
    assert_true(has(note, "\"from\":\"101\"") && has(note, "\"fromName\":\"Anna\"") &&
                has(note, "\"to\":\"102\"") && has(note, "\"direction\":\"internal\""));
    RIG_UNTIL(&rig, phone_had_status(call, 180));
    offer(page, "s1");
    note = heard(page, "webrtc-answer");
    assert_true(has(note, "a=ice-lite") && has(note, "a=setup:passive") &&
                has(note, "a=group:BUNDLE 0\\r") && has(note, "opus/48000/2") &&
                has(note, "telephone-event/48000") && has(note, "a=end-of-candidates") &&
                has(note, "typ host") && has(note, "m=video 0 "));
    assert_int_equal(call->state, PHONE_CALLING); /* an offer is no answer */
    link_to(page, page->call_id, "s1");
    RIG_UNTIL(&rig, call->state == PHONE_UP);
    assert_string_equal(rig_leg(rig_call(&rig, 0), "b")->kind, "webrtc");
    assert_string_equal(rig_leg(rig_call(&rig, 0), "b")->codec, "opus");
    assert_int_equal(rig_mode(&rig, rig_call(&rig, 0)), MEDIA_MODE_MIX);
    phone_bye(call);
    note = heard(page, "webrtc-hangup");
    assert_true(has(note, "\"sessionId\":\"s1\"") && has(note, "\"reason\":\"hangup\""));
    RIG_ENDED(&rig, 0, "hangup");
    done(&rig);
}

static void test_a_page_calls_and_the_other_side_is_invited_after_the_link(void **state)
{
    struct rig rig;
    struct sim_phone *phone, *desk;
    struct engine_command hangup;
    struct page *page;

    (void)state;
    rig_init(&rig, NULL);
    phone = rig_phone(&rig, "101");
    desk = rig_phone(&rig, "102");
    page = page_open(&rig, 0, "b", "bert");
    assert_int_equal(call_from(&rig, "b", "bert", "101"), SR_OK);
    assert_true(has(hear_incoming(page), "\"direction\":\"outbound\""));
    offer(page, "s1");
    (void)heard(page, "webrtc-answer");
    rig_run(&rig, 5 * SR_SEC);
    assert_null(phone_incoming(phone)); /* nobody is rung before the link */
    assert_null(phone_incoming(desk));  /* nor the phone on the same desk */
    link_to(page, page->call_id, "s1");
    RIG_UNTIL(&rig, phone_incoming(phone) != NULL && phone_incoming(phone)->state == PHONE_UP);
    RIG_UNTIL(&rig, rig_call(&rig, 0)->answered == 1);
    assert_string_equal(rig_call(&rig, 0)->view->from, "102");
    assert_string_equal(rig_call(&rig, 0)->view->from_name, "Bert"); /* the device, not the login */
    hangup = text_command(ENGINE_DO_WEBRTC_HANGUP, NULL, "s1");
    give(page, &hangup);
    RIG_ENDED(&rig, 0, "hangup");
    RIG_UNTIL(&rig, phone_incoming(phone)->byes == 1);
    done(&rig);
}

static void test_a_guest_hears_the_echo(void **state)
{
    struct rig rig;
    struct page *page;

    (void)state;
    rig_init(&rig, NULL);
    page = page_open(&rig, 0, "", "admin");
    assert_true(has(page->notes[0], "guest:admin"));
    assert_int_equal(call_from(&rig, "guest:nobody", "admin", "*43"), SR_ERR_NOTFOUND);
    assert_int_equal(call_from(&rig, "guest:admin", "admin", "*43"), SR_OK);
    (void)hear_incoming(page);
    offer(page, "s1");
    link_to(page, page->call_id, "s1");
    RIG_UNTIL(&rig, rig_call(&rig, 0)->answered == 1);
    rig_run(&rig, SR_SEC);
    close_socket(page);
    /* nobody comes back and no check comes: the media twin says so */
    rig_inject(&rig, rig_call(&rig, 0), "guest:admin",
               (struct media_event){.kind = MEDIA_EVENT_WEBRTC, .webrtc = MEDIA_WEBRTC_CLOSED});
    RIG_ENDED(&rig, 0, "unreachable");
    page->client = 0;
    done(&rig);
}

static void test_two_pages_talk(void **state)
{
    struct rig rig;
    struct page *a, *b;

    (void)state;
    rig_init(&rig, NULL);
    a = page_open(&rig, 0, "a", "anna");
    b = page_open(&rig, 1, "b", "bert");
    assert_int_equal(call_from(&rig, "a", "anna", "102"), SR_OK);
    (void)hear_incoming(a);
    offer(a, "same name");
    link_to(a, a->call_id, "same name");
    (void)hear_incoming(b);
    offer(b, "same name");
    link_to(b, b->call_id, "same name");
    RIG_UNTIL(&rig, rig_call(&rig, 0)->answered == 1);
    close_socket(b); /* only detaches */
    rig_run(&rig, 60 * SR_SEC);
    assert_int_equal(rig_call(&rig, 0)->ended, 0);
    rig_inject(&rig, rig_call(&rig, 0), "b",
               (struct media_event){.kind = MEDIA_EVENT_WEBRTC, .webrtc = MEDIA_WEBRTC_LOST});
    (void)heard(a, "webrtc-hangup");
    RIG_ENDED(&rig, 0, "unreachable");
    b->client = 0;
    done(&rig);
}

/* ---- races ---- */

static void test_pages_and_phones_race(void **state)
{
    struct rig rig;
    struct sim_phone *phone, *desk;
    struct phone_call *call;
    struct page *one, *two;

    (void)state;
    rig_init(&rig, NULL);
    phone = rig_phone(&rig, "101");
    desk = rig_phone(&rig, "102");
    desk->manners.final_status = 0;
    one = page_open(&rig, 0, "b", "bert");
    two = page_open(&rig, 1, "b", "bert");
    call = phone_dial(phone, "102");
    (void)hear_incoming(one);
    (void)hear_incoming(two);
    RIG_UNTIL(&rig, phone_incoming(desk) != NULL);
    offer(one, "s");
    offer(two, "s");
    link_to(two, two->call_id, "s");
    assert_true(has(heard(one, "webrtc-cancelled"), "\"reason\":\"answered_elsewhere\""));
    RIG_UNTIL(&rig, phone_incoming(desk)->cancels == 1);
    assert_true(sim_has(sr_str_c(phone_incoming(desk)->end_reason), "Call completed elsewhere"));
    link_to(one, one->call_id, "s");
    hear_error(one, "unknown-call");
    RIG_UNTIL(&rig, call->state == PHONE_UP);
    phone_bye(call);
    RIG_ENDED(&rig, 0, "hangup");
    done(&rig);
}

static void test_a_phone_is_faster(void **state)
{
    struct rig rig;
    struct sim_phone *phone;
    struct phone_call *call;
    struct page *page;

    (void)state;
    rig_init(&rig, NULL);
    phone = rig_phone(&rig, "101");
    (void)rig_phone(&rig, "102");
    page = page_open(&rig, 0, "b", "bert");
    call = rig_connect(&rig, phone, "102");
    (void)hear_incoming(page);
    assert_true(has(heard(page, "webrtc-cancelled"), "\"reason\":\"answered_elsewhere\""));
    phone_bye(call);
    RIG_ENDED(&rig, 0, "hangup");
    done(&rig);
}

static void test_all_branches_end(void **state)
{
    struct rig rig;
    struct sim_phone *phone;
    struct phone_call *call;
    struct engine_command reject;
    struct page *page;

    (void)state;
    rig_init(&rig, NULL);
    phone = rig_phone(&rig, "101");
    page = page_open(&rig, 0, "b", "bert");
    call = phone_dial(phone, "102");
    (void)hear_incoming(page);
    reject = text_command(ENGINE_DO_WEBRTC_REJECT, page->call_id, NULL);
    give(page, &reject);
    RIG_ENDED(&rig, 0, "declined");
    assert_true(call->status >= 400);
    call = phone_dial(phone, "102"); /* the caller gives up */
    (void)hear_incoming(page);
    phone_cancel(call);
    assert_true(has(heard(page, "webrtc-cancelled"), "\"reason\":\"cancelled\""));
    RIG_ENDED(&rig, 1, "cancelled");
    done(&rig);
}

static void test_the_callers_200_waits_for_dtls(void **state)
{
    struct rig rig;
    struct sim_phone *phone;
    struct phone_call *call;
    struct page *page;
    sr_usec linked_at;

    (void)state;
    rig_init(&rig, NULL);
    port_sim_set_webrtc(rig.media, PORT_SIM_WEBRTC_SILENT);
    phone = rig_phone(&rig, "101");
    page = page_open(&rig, 0, "b", "bert");
    call = phone_dial(phone, "102");
    (void)hear_incoming(page);
    offer(page, "s");
    link_to(page, page->call_id, "s");
    linked_at = loop_now(rig.loop);
    rig_run(&rig, 1900 * SR_MSEC);
    assert_int_equal(call->state, PHONE_CALLING);
    RIG_UNTIL(&rig, call->state == PHONE_UP);
    assert_true(loop_now(rig.loop) - linked_at <= 2100 * SR_MSEC);
    hear_error(page, "no-audio"); /* five seconds after the offer: the port is not forwarded */
    assert_true(has(rig_leg(rig_call(&rig, 0), "b")->verdict, "3479"));
    phone_bye(call);
    RIG_ENDED(&rig, 0, "hangup");
    done(&rig);
}

/* A page that has answered is not taken away because its turn is over while its audio comes up. */
static void test_a_link_at_the_last_moment_counts(void **state)
{
    static const char config[] =
        "{ \"devices\": ["
        "{ \"id\": \"a\", \"extension\": \"101\", \"password\": \"pw-101\" },"
        "{ \"id\": \"b\", \"extension\": \"102\", \"password\": \"pw-102\" },"
        "{ \"id\": \"c\", \"extension\": \"103\", \"password\": \"pw-103\" } ],"
        "\"groups\": [ { \"id\": \"seq\", \"extension\": \"201\", \"members\": [\"b\", \"c\"],"
        "  \"strategy\": \"sequential\" } ] }";
    struct sim_phone *phone, *next;
    struct phone_call *call;
    struct page *page;
    sr_usec rang_at;
    struct rig rig;

    (void)state;
    rig_init(&rig, &(struct rig_options){.config = config});
    port_sim_set_webrtc(rig.media, PORT_SIM_WEBRTC_SILENT); /* its audio takes all of two seconds */
    phone = rig_phone(&rig, "101");
    next = rig_phone(&rig, "103");
    page = page_open(&rig, 0, "b", "bert");
    call = phone_dial(phone, "201");
    (void)hear_incoming(page);
    rang_at = loop_now(rig.loop);
    rig_run(&rig, rang_at + 24 * SR_SEC - loop_now(rig.loop)); /* of 25 */
    offer(page, "s");
    link_to(page, page->call_id, "s");
    RIG_UNTIL(&rig, call->state == PHONE_UP);
    assert_true(loop_now(rig.loop) - rang_at > 25 * SR_SEC);
    assert_null(phone_incoming(next));
    assert_string_equal(rig_leg(rig_call(&rig, 0), "b")->state, "answered");
    phone_bye(call);
    RIG_ENDED(&rig, 0, "hangup");
    done(&rig);
}

static void test_a_route_rings_guests_beside_a_phone(void **state)
{
    static const char text[] =
        "{ \"devices\": [ { \"id\": \"a\", \"extension\": \"101\", \"password\": \"pw-101\" },\n"
        "  { \"id\": \"b\", \"extension\": \"102\", \"password\": \"pw-102\" } ],\n"
        "  \"routing\": { \"routes\": [ { \"id\": \"all\",\n"
        "    \"match\": { \"direction\": \"internal\", \"numberPattern\": \"777\" },\n"
        "    \"action\": { \"targets\": [\"b\"], \"ringBrowsers\": true } } ] } }\n";
    struct rig_options options = {.config = text};
    struct rig rig;
    struct sim_phone *phone, *desk;
    struct phone_call *call;
    struct page *page, *other;

    (void)state;
    rig_init(&rig, &options);
    phone = rig_phone(&rig, "101");
    desk = rig_phone(&rig, "102");
    desk->manners.final_status = 0;
    page = page_open(&rig, 0, "", "anna");
    other = page_open(&rig, 1, "", "bert");
    call = phone_dial(phone, "777");
    (void)hear_incoming(page);
    (void)hear_incoming(other);
    RIG_UNTIL(&rig, phone_incoming(desk) != NULL);
    offer(page, "s");
    link_to(page, page->call_id, "s");
    RIG_UNTIL(&rig, call->state == PHONE_UP);
    RIG_UNTIL(&rig, phone_incoming(desk)->cancels == 1);
    assert_true(has(heard(other, "webrtc-cancelled"), "answered_elsewhere"));
    assert_string_equal(rig_leg(rig_call(&rig, 0), "guest:anna")->state, "answered");
    phone_bye(call);
    RIG_ENDED(&rig, 0, "hangup");
    done(&rig);
}

/* ---- order ---- */

static void test_wrong_order_gets_errors(void **state)
{
    struct engine_command command;
    struct rig rig;
    struct sim_phone *phone;
    struct page *page;

    (void)state;
    rig_init(&rig, NULL);
    phone = rig_phone(&rig, "101");
    pages[1] = (struct page){.rig = &rig, .client = 2};
    offer(&pages[1], "s");
    hear_error(&pages[1], "not-registered");
    command = (struct engine_command){.kind = ENGINE_DO_WEBRTC_REGISTER, .device_id = "nobody"};
    give(&pages[1], &command);
    hear_error(&pages[1], "unknown-device");
    page = page_open(&rig, 0, "b", "bert");
    command = (struct engine_command){.kind = ENGINE_DO_WEBRTC_REGISTER};
    give(page, &command);
    hear_error(page, "already-registered");
    link_to(page, "nothing", "s");
    hear_error(page, "unknown-session");
    offer(page, "s");
    (void)heard(page, "webrtc-answer");
    offer(page, "s");
    hear_error(page, "already-offered");
    link_to(page, "nothing", "s");
    hear_error(page, "unknown-call");
    command = text_command(ENGINE_DO_WEBRTC_HANGUP, NULL, "other");
    give(page, &command);
    hear_error(page, "unknown-session");
    command = text_command(ENGINE_DO_WEBRTC_REJECT, "nothing", NULL);
    give(page, &command);
    hear_error(page, "unknown-call");
    (void)phone_dial(phone, "102");
    (void)hear_incoming(page);
    link_to(page, page->call_id, "s");
    link_to(page, page->call_id, "s");
    hear_error(page, "already-linked");
    command = text_command(ENGINE_DO_WEBRTC_OFFER, NULL, "s");
    (void)sr_str_copy(SR_STR("wrong"), command.session_token, sizeof(command.session_token));
    command.sdp = sr_strdup("v=0\r\n");
    give(page, &command);
    hear_error(page, "wrong-token");
    command = text_command(ENGINE_DO_WEBRTC_HANGUP, NULL, "s");
    give(page, &command);
    RIG_UNTIL(&rig, rig_call(&rig, 0)->ended == 1);
    done(&rig);
}

static void test_bad_offers_leave_nothing(void **state)
{
    static const char *const offers[] = {
        "nonsense",
        "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nt=0 0\r\n",
        "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
        "m=audio 4000 RTP/AVP 0\r\n",
        "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
        "m=video 4000 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n",
    };
    struct rig rig;
    struct page *page;

    (void)state;
    rig_init(&rig, NULL);
    page = page_open(&rig, 0, "b", "bert");
    for (size_t i = 0; i < SR_ARRAY_LEN(offers); i++) {
        offer_text(page, "s", offers[i], false);
        hear_error(page, "bad-sdp");
        rig_run(&rig, SR_MSEC);
        assert_int_equal(port_sim_leg_count(rig.media), 0);
        assert_int_equal(port_sim_room_count(rig.media), 0);
    }
    offer(page, "s");
    (void)heard(page, "webrtc-answer");
    done(&rig);
}

static void replace_all(char *text, const char *what, const char *with)
{
    for (char *at = strstr(text, what); at != NULL; at = strstr(at, what))
        memcpy(at, with, strlen(with)); /* as long as `what` */
}

/* Who is which end of DTLS stays, whatever a bad offer said. */
static void test_a_bad_offer_changes_no_role(void **state)
{
    struct rig rig;
    struct page *page;
    char text[4096];

    (void)state;
    rig_init(&rig, NULL);
    page = page_open(&rig, 0, "b", "bert");
    offer(page, "s");
    assert_true(has(heard(page, "webrtc-answer"), "a=setup:passive"));
    (void)snprintf(text, sizeof(text), chrome_offer, 2, 2);
    replace_all(text, "setup:actpass", "setup:passive");
    replace_all(text, "sha-256", "sha-000");
    offer_text(page, "s", text, true);
    hear_error(page, "bad-sdp");
    offer_as(page, "s", 3, true);
    assert_true(has(heard(page, "webrtc-answer"), "a=setup:passive"));
    done(&rig);
}

static void test_sessions_are_bounded_and_die_unlinked(void **state)
{
    struct rig rig;
    struct page *page;
    char name[16];

    (void)state;
    rig_init(&rig, NULL);
    page = page_open(&rig, 0, "", "admin");
    for (int i = 0; i < ENGINE_SESSIONS_PER_BROWSER_MAX + 1; i++) {
        (void)snprintf(name, sizeof(name), "s%d", i);
        offer(page, name);
    }
    hear_error(page, "busy");
    assert_int_equal(port_sim_leg_count(rig.media), ENGINE_SESSIONS_PER_BROWSER_MAX);
    rig_run(&rig, 59 * SR_SEC);
    assert_int_equal(port_sim_leg_count(rig.media), ENGINE_SESSIONS_PER_BROWSER_MAX);
    rig_run(&rig, 2 * SR_SEC);
    assert_int_equal(port_sim_leg_count(rig.media), 0);
    assert_int_equal(port_sim_room_count(rig.media), 0);
    done(&rig);
}

/* ---- survival ---- */

/* A phone calls a page, which takes the call. */
static struct phone_call *page_takes_a_call(struct rig *rig, struct page **ret_page)
{
    struct sim_phone *phone;
    struct phone_call *call;

    rig_init(rig, NULL);
    phone = rig_phone(rig, "101");
    *ret_page = page_open(rig, 0, "b", "bert");
    call = phone_dial(phone, "102");
    (void)hear_incoming(*ret_page);
    offer(*ret_page, "s");
    link_to(*ret_page, (*ret_page)->call_id, "s");
    RIG_UNTIL(rig, call->state == PHONE_UP);
    return call;
}

static void test_a_reload_takes_the_call_back(void **state)
{
    struct engine_command command = {.kind = ENGINE_DO_WEBRTC_REGISTER, .owner = "bert"};
    const struct port_sim_leg *media;
    struct rig rig;
    struct phone_call *call;
    struct page *page, *next;
    const char *note;

    (void)state;
    call = page_takes_a_call(&rig, &page);
    close_socket(page);
    rig_inject(&rig, rig_call(&rig, 0), "b",
               (struct media_event){.kind = MEDIA_EVENT_WEBRTC, .webrtc = MEDIA_WEBRTC_CLOSED});
    rig_run(&rig, 29 * SR_SEC);
    assert_int_equal(call->byes, 0);
    next = &pages[1];
    *next = (struct page){.rig = &rig, .client = 2};
    memcpy(next->token, page->token, sizeof(next->token));
    memcpy(command.session_token, page->token, sizeof(command.session_token));
    (void)sr_str_copy(SR_STR("b"), command.device_id, sizeof(command.device_id));
    give(next, &command);
    note = heard(next, "webrtc-registered");
    assert_true(has(note, "\"sessionId\":\"s\"") && has(note, page->call_id));
    offer_as(next, "s", 2, true);
    (void)heard(next, "webrtc-answer");
    media = rig_media(&rig, rig_call(&rig, 0), "b");
    assert_int_equal(media->remote_count, 2);
    assert_string_equal(media->remote_ufrag, "Ab+2");
    rig_run(&rig, 60 * SR_SEC);
    assert_int_equal(call->state, PHONE_UP);
    assert_int_equal(rig_call(&rig, 0)->ended, 0);
    phone_bye(call);
    (void)heard(next, "webrtc-hangup");
    RIG_ENDED(&rig, 0, "hangup");
    page->client = 0;
    done(&rig);
}

/* 30 s from the later of the two: the socket's close and the end of the audio. */
static void test_after_30_s_the_call_is_gone(void **state)
{
    static const struct {
        enum media_webrtc_state webrtc;
        bool is_silent;
        sr_usec open; /* its socket, from then on */
    } rows[] = {
        {MEDIA_WEBRTC_CLOSED, false, 50 * SR_SEC}, /* it is there: it may come back to its audio */
        {MEDIA_WEBRTC_LOST, true, 20 * SR_SEC}, /* it sleeps, its socket looks alive for a while */
    };

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        struct page *page;
        struct rig rig;
        struct phone_call *call = page_takes_a_call(&rig, &page);

        rig_inject(&rig, rig_call(&rig, 0), "b",
                   (struct media_event){.kind = MEDIA_EVENT_WEBRTC, .webrtc = rows[i].webrtc});
        if (rows[i].is_silent)
            rig_inject(&rig, rig_call(&rig, 0), "b",
                       (struct media_event){.kind = MEDIA_EVENT_TIMEOUT});
        rig_run(&rig, rows[i].open);
        assert_int_equal(call->byes, 0);
        close_socket(page);
        rig_run(&rig, 29900 * SR_MSEC);
        assert_int_equal(call->byes, 0);
        rig_run(&rig, 200 * SR_MSEC);
        assert_int_equal(call->byes, 1);
        RIG_ENDED(&rig, 0, "unreachable");
        page->client = 0;
        done(&rig);
    }
}

/* The page is there and its audio is not: that does not last for ever. While it is heard of, silence ends it as any leg. */
static void test_a_page_that_stays_silent_is_ended(void **state)
{
    struct rig rig;
    struct sim_phone *phone;
    struct phone_call *call;
    struct page *page;

    (void)state;
    rig_init(&rig, NULL);
    phone = rig_phone(&rig, "101");
    page = page_open(&rig, 0, "b", "bert");
    for (uint32_t i = 0; i < 2; i++) {
        call = phone_dial(phone, "102");
        (void)hear_incoming(page);
        offer(page, i == 0 ? "s" : "t");
        link_to(page, page->call_id, i == 0 ? "s" : "t");
        RIG_UNTIL(&rig, call->state == PHONE_UP);
        rig_inject(&rig, rig_call(&rig, i), "b",
                   (struct media_event){.kind = MEDIA_EVENT_WEBRTC, .webrtc = MEDIA_WEBRTC_LOST});
        if (i == 1) /* checks return, and nothing else */
            rig_inject(
                &rig, rig_call(&rig, i), "b",
                (struct media_event){.kind = MEDIA_EVENT_WEBRTC, .webrtc = MEDIA_WEBRTC_CONNECTED});
        rig_inject(&rig, rig_call(&rig, i), "b", (struct media_event){.kind = MEDIA_EVENT_TIMEOUT});
        rig_run(&rig, 100 * SR_MSEC);
        assert_int_equal(call->byes, i);
        rig_run(&rig, 30 * SR_SEC);
        assert_int_equal(call->byes, 1);
        RIG_ENDED(&rig, i, i == 0 ? "unreachable" : "media_timeout");
    }
    done(&rig);
}

static void test_another_login_cannot_take_it(void **state)
{
    struct engine_command command = {.kind = ENGINE_DO_WEBRTC_REGISTER, .owner = "eve"};
    struct rig rig;
    struct page *page, *eve;
    const char *note;

    (void)state;
    rig_init(&rig, NULL);
    page = page_open(&rig, 0, "b", "bert");
    eve = &pages[1];
    *eve = (struct page){.rig = &rig, .client = 2};
    memcpy(command.session_token, page->token, sizeof(command.session_token));
    give(eve, &command);
    note = heard(eve, "webrtc-registered"); /* a registration of her own, with nothing in it */
    assert_false(has(note, page->token));
    assert_true(has(note, "guest:eve"));
    command = (struct engine_command){
        .kind = ENGINE_DO_WEBRTC_REGISTER, .owner = "mallory", .device_id = "guest:eve"};
    pages[2] = (struct page){.rig = &rig, .client = 3};
    give(&pages[2], &command);
    hear_error(&pages[2], "unknown-device");
    done(&rig);
}

static void test_a_page_that_went_while_ringing_comes_back(void **state)
{
    struct engine_command command = {.kind = ENGINE_DO_WEBRTC_REGISTER, .owner = "bert"};
    struct rig rig;
    struct sim_phone *phone;
    struct phone_call *call;
    struct page *page;

    (void)state;
    rig_init(&rig, NULL);
    phone = rig_phone(&rig, "101");
    page = page_open(&rig, 0, "b", "bert");
    call = phone_dial(phone, "102");
    (void)hear_incoming(page);
    close_socket(page);
    memcpy(command.session_token, page->token, sizeof(command.session_token));
    pages[1] = (struct page){.rig = &rig, .client = 2};
    give(&pages[1], &command);
    (void)hear_incoming(&pages[1]);
    close_socket(&pages[1]); /* and now for good */
    RIG_UNTIL(&rig, call->state == PHONE_OVER);
    page->client = pages[1].client = 0;
    done(&rig);
}

/* A page types codes as a phone does; what begins none goes on, in its full length. */
static void test_codes_are_typed_on_a_page(void **state)
{
    static const char config[] =
        "{ \"devices\": ["
        "{ \"id\": \"a\", \"extension\": \"101\", \"password\": \"pw-101\" },"
        "{ \"id\": \"b\", \"extension\": \"102\", \"password\": \"pw-102\" },"
        "{ \"id\": \"c\", \"extension\": \"103\", \"password\": \"pw-103\" } ],"
        "\"features\": { \"inCallTransfer\": \"**\", \"inCallAttended\": \"*2\" } }";
    static const char *const typed[] = {"*", "7", "*", "",  "*", "*", "1",
                                        "*", "*", "*", "1", "0", "3", "#"};
    struct sim_phone *phone, *third;
    struct phone_call *call;
    struct page *page;
    struct rig rig;

    (void)state;
    rig_init(&rig, &(struct rig_options){.config = config});
    phone = rig_phone(&rig, "101");
    third = rig_phone(&rig, "103");
    page = page_open(&rig, 0, "b", "bert");
    call = phone_dial(phone, "102");
    (void)hear_incoming(page);
    offer(page, "s1");
    (void)heard(page, "webrtc-answer");
    link_to(page, page->call_id, "s1");
    RIG_UNTIL(&rig, call->state == PHONE_UP);
    assert_true(rig_media(&rig, rig_call(&rig, 0), "b")->stream.is_dtmf_kept);
    for (size_t i = 0; i < SR_ARRAY_LEN(typed); i++) {
        if (typed[i][0] == '\0') { /* too long after it for a code: the other party gets it */
            assert_string_equal(rig_media(&rig, rig_call(&rig, 0), "a")->digits, "*7");
            rig_run(&rig, 600 * SR_MSEC);
            assert_string_equal(rig_media(&rig, rig_call(&rig, 0), "a")->digits, "*7*");
            continue;
        }
        rig_inject(&rig, rig_call(&rig, 0), "b",
                   (struct media_event){
                       .kind = MEDIA_EVENT_DTMF, .digit = typed[i][0], .duration_ms = 130});
        rig_run(&rig, 200 * SR_MSEC);
        if (i == 5)
            assert_int_equal(rig_media(&rig, rig_call(&rig, 0), "a")->prompt, MEDIA_PROMPT_MUSIC);
        if (i == 7) { /* the star cancelled */
            assert_int_equal(rig_media(&rig, rig_call(&rig, 0), "a")->prompt, MEDIA_PROMPT_NONE);
            assert_null(phone_incoming(third));
        }
    }
    (void)heard(page, "webrtc-hangup");
    RIG_UNTIL(&rig, phone_incoming(third) != NULL && phone_incoming(third)->acks == 1);
    assert_string_equal(rig_media(&rig, rig_call(&rig, 0), "a")->digits, "*7*");
    phone_bye(call);
    RIG_ENDED(&rig, 0, "hangup");
    done(&rig);
}

/* Into a room where somebody is already: the session goes on in that call, and the page is told before its own call ends. */
static void test_a_page_is_told_that_its_leg_moved(void **state)
{
    char moved[ENGINE_ID_MAX];
    struct phone_call *in_room;
    struct page *page;
    struct rig rig;
    const char *note;

    (void)state;
    rig_init(&rig, NULL);
    in_room = rig_connect(&rig, rig_phone(&rig, "101"), "800");
    page = page_open(&rig, 0, "b", "bert");
    assert_int_equal(call_from(&rig, "b", "bert", "800"), SR_OK);
    (void)hear_incoming(page);
    offer(page, "s1");
    link_to(page, page->call_id, "s1");
    note = heard(page, "webrtc-moved");
    copy_member(note, "callId", moved, sizeof(moved));
    assert_string_equal(moved, rig_call(&rig, 0)->view->call_id);
    copy_member(note, "fromCallId", moved, sizeof(moved));
    assert_string_equal(moved, page->call_id);
    assert_true(has(note, "\"sessionId\":\"s1\""));
    RIG_ENDED(&rig, 1, "transferred");
    assert_true(rig_media(&rig, rig_call(&rig, 0), "a")->room ==
                rig_media(&rig, rig_call(&rig, 0), "b")->room);
    phone_bye(in_room);
    {
        struct engine_command command = text_command(ENGINE_DO_WEBRTC_HANGUP, NULL, "s1");

        give(page, &command);
    }
    note = heard(page, "webrtc-hangup");
    assert_false(has(note, page->call_id));
    RIG_ENDED(&rig, 0, "hangup");
    done(&rig);
}

int run_browser(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_page_answers_a_phone),
        cmocka_unit_test(test_a_page_calls_and_the_other_side_is_invited_after_the_link),
        cmocka_unit_test(test_a_guest_hears_the_echo),
        cmocka_unit_test(test_codes_are_typed_on_a_page),
        cmocka_unit_test(test_a_page_is_told_that_its_leg_moved),
        cmocka_unit_test(test_two_pages_talk),
        cmocka_unit_test(test_pages_and_phones_race),
        cmocka_unit_test(test_a_phone_is_faster),
        cmocka_unit_test(test_all_branches_end),
        cmocka_unit_test(test_the_callers_200_waits_for_dtls),
        cmocka_unit_test(test_a_link_at_the_last_moment_counts),
        cmocka_unit_test(test_a_route_rings_guests_beside_a_phone),
        cmocka_unit_test(test_wrong_order_gets_errors),
        cmocka_unit_test(test_bad_offers_leave_nothing),
        cmocka_unit_test(test_a_bad_offer_changes_no_role),
        cmocka_unit_test(test_sessions_are_bounded_and_die_unlinked),
        cmocka_unit_test(test_a_reload_takes_the_call_back),
        cmocka_unit_test(test_after_30_s_the_call_is_gone),
        cmocka_unit_test(test_a_page_that_stays_silent_is_ended),
        cmocka_unit_test(test_another_login_cannot_take_it),
        cmocka_unit_test(test_a_page_that_went_while_ringing_comes_back),
    };

    return cmocka_run_group_tests_name("browser", tests, NULL, NULL);
}
