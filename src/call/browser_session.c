/* Sessions of pages: audio with its SDP, offered before, in and after calls; what its media tells. */
#include "base/alloc.h"
#include "call/browser.h"

#define SESSION_COOKIE ((uint64_t)1 << 63)

/* ---- lists ---- */

struct browser_session *browser__find_session(const struct browser *browser, const char *session_id)
{
    SR_LIST_EACH(&browser->sessions, node)
    {
        struct browser_session *session = SR_CONTAINER(node, struct browser_session, node);

        if (strcmp(session->session_id, session_id) == 0)
            return session;
    }
    return NULL;
}

static struct browser_session *session_of(const struct engine *engine, uint64_t cookie)
{
    return sr_idtab_find(&engine->browsers->sessions, cookie & ~SESSION_COOKIE);
}

uint32_t browsers__session_count(const struct engine *engine)
{
    return engine->browsers->sessions.count;
}

bool browsers__is_cookie(uint64_t cookie)
{
    return (cookie & SESSION_COOKIE) != 0;
}

struct leg *browsers__find_leg(const struct engine *engine, uint64_t cookie)
{
    struct browser_session *session = session_of(engine, cookie);

    return session != NULL ? session->leg : NULL;
}

/* ---- sessions ---- */

void browser__free_session(struct browser_session *session)
{
    struct engine *engine = session->engine;

    loop_timer_clear(engine->loop, &session->timer);
    if (session->room != SR_ID_NONE)
        media_room_close(engine->media, session->room);
    if (session->leg != NULL)
        session->leg->session = NULL;
    (void)sr_idtab_remove(&engine->browsers->sessions, session->id);
    if (session->draft != NULL)
        leg__drop_sdp(session->draft);
    sr_free(session->draft);
    sr_free(session);
}

/* Takes it away from its page; media closes, then it is freed. */
void browser__detach(struct browser_session *session)
{
    struct browser *browser = session->browser;

    if (browser == NULL)
        return;
    loop_timer_clear(session->engine->loop, &session->timer);
    sr_list_remove(&browser->sessions, &session->node);
    session->browser = NULL;
    browser__check_away(browser);
}

static void end_waiting(struct browser_session *session)
{
    browser__detach(session);
    media_leg_close(session->engine->media, session->media);
}

/* When nothing more happens it ends: unlinked after a minute, linked when page and audio are gone. */
void browser__set_deadline(struct browser_session *session)
{
    const struct browser *browser = session->browser;
    sr_usec at = SR_NEVER;

    if (browser == NULL)
        return;
    if (session->leg == NULL) {
        at = session->began + ENGINE_LINK_SEC * SR_SEC;
        if (browser->client == 0)
            at = SR_MIN(at, browser->closed_at + ENGINE_AWAY_SEC * SR_SEC);
    } else if (session->is_linking) {
        at = session->linked_at + ENGINE_DTLS_WAIT_MS * SR_MSEC;
    } else if (session->is_lost && browser->client == 0) {
        at = SR_MAX(browser->closed_at, session->lost_at) + ENGINE_AWAY_SEC * SR_SEC;
    } else if (session->is_lost && session->silent_at != 0) {
        at = session->silent_at + ENGINE_AWAY_SEC * SR_SEC;
    }
    loop_timer_set(session->engine->loop, &session->timer, at);
}

/* The link is complete: the branch has answered. */
static void answer_branch(struct browser_session *session)
{
    struct leg *leg = session->leg;

    session->is_linking = false;
    browser__set_deadline(session);
    leg__set_stream(leg);
    ring__branch_answered(leg, NULL);
}

static void on_session_timer(void *arg)
{
    struct browser_session *session = arg;

    if (session->leg == NULL) {
        sr_log(HUB, INFO, "event=session_unlinked session=%s", session->session_id);
        end_waiting(session);
    } else if (session->is_linking) {
        answer_branch(session); /* slow, but maybe not silent: the verdict will tell */
    } else {
        leg__ended(session->leg, CALL_REASON_UNREACHABLE, 0);
    }
}

/* Codecs of a page: those of its device, or all. */
static void allow_codecs(const struct browser *browser, struct leg *draft)
{
    static const struct config_choices all = {
        .items = {CONFIG_CODEC_OPUS, CONFIG_CODEC_G722, CONFIG_CODEC_PCMA, CONFIG_CODEC_PCMU},
        .count = 4};
    const struct config_device *device =
        config_device_by_id(browser->engine->config, sr_str_c(browser->device_id));

    leg__allow_codecs(draft, device != NULL ? &device->codecs : &all);
    draft->dtmf = device != NULL ? device->dtmf : CONFIG_DTMF_AUTO;
}

static struct browser_session *new_session(struct browser *browser, const char *session_id)
{
    struct engine *engine = browser->engine;
    struct browser_session *session = sr_zalloc(1, sizeof(*session));
    struct media_leg_options options = {.kind = MEDIA_LEG_WEBRTC};
    struct sr_addr none;

    session->engine = engine;
    session->browser = browser;
    session->began = loop_now(engine->loop);
    (void)sr_str_copy(sr_str_c(session_id), session->session_id, sizeof(session->session_id));
    loop_timer_init(&session->timer, on_session_timer, session);
    session->id = sr_idtab_add(&engine->browsers->sessions, session);
    session->draft = sr_zalloc(1, sizeof(*session->draft));
    session->draft->engine = engine;
    session->draft->kind = LEG_WEBRTC;
    session->draft->is_webrtc = true;
    session->room = SR_ID_NONE;
    options.cookie = session->id | SESSION_COOKIE;
    if (session->id == SR_ID_NONE || media_room_open(engine->media, 0, &session->room) != SR_OK ||
        media_leg_open(engine->media, session->room, &options, &session->media, &none) != SR_OK) {
        browser__free_session(session);
        return NULL;
    }
    session->draft->media = session->media;
    allow_codecs(browser, session->draft);
    sr_list_add(&browser->sessions, &session->node);
    return session;
}

/* ---- offers ---- */

/* Reads the page's offer and writes our answer; nothing of the leg changes on failure. */
static enum sr_err answer_offer(struct leg *leg, const char *offer, struct sr_buf *ret_answer)
{
    struct sdp_audio peer_before = leg__sdp(leg)->peer, ours_before = leg__sdp(leg)->ours;
    bool had_peer = leg->has_peer, had_ours = leg->has_ours;
    enum sr_err err = leg__read_peer(leg, sr_str_c(offer));

    if (err == SR_OK && !webrtc__is_offered(&leg__sdp(leg)->peer))
        err = SR_ERR_PROTO;
    if (err == SR_OK)
        err = leg__make_answer(leg, had_ours ? leg : NULL, ret_answer);
    if (err == SR_OK)
        return SR_OK;
    leg__sdp(leg)->peer = peer_before;
    leg__sdp(leg)->ours = ours_before;
    leg->has_peer = had_peer;
    leg->has_ours = had_ours;
    return err;
}

static void say_answer(struct browser_session *session, struct sr_str sdp)
{
    struct browser_message message;

    browser__begin(&message, "webrtc-answer");
    sr_json_key_c(&message.json, "sessionId", session->session_id);
    sr_json_key(&message.json, "sdp");
    sr_json_str(&message.json, sdp);
    browser__finish(&message, session->engine, session->browser->client);
}

static const char *fault_of_offer(enum sr_err err)
{
    switch ((int)err) {
    case SR_ERR_NOTFOUND:
        return "the offer has no audio in a codec that is allowed here";
    case SR_ERR_PROTO:
        return "the offer's audio lacks ICE, DTLS-SRTP or rtcp-mux";
    case SR_ERR_UNSUPPORTED:
        return "the offer's certificate has a fingerprint that is not SHA-256, 384 or 512";
    default:
        return "the offer cannot be read";
    }
}

static void offer_first(struct browser *browser, const struct engine_command *command)
{
    struct engine *engine = browser->engine;
    struct browser_session *session;
    struct media_stream stream;
    struct sr_buf answer;
    enum sr_err err;

    if (browser->sessions.count >= ENGINE_SESSIONS_PER_BROWSER_MAX) {
        browser__refuse(engine, command, "busy", "this page has too many sessions");
        return;
    }
    session = new_session(browser, command->session_id);
    if (session == NULL) {
        browser__refuse(engine, command, "busy",
                        "no media port is free, or proxy.webrtcPort is off");
        return;
    }
    sr_buf_init(&answer, LEG_SDP_BYTES_MAX);
    err = answer_offer(session->draft, command->sdp, &answer);
    if (err == SR_OK) {
        leg__fill_stream(session->draft, &stream);
        media_leg_set_stream(engine->media, session->media, &stream);
        browser__set_deadline(session);
        say_answer(session, sr_buf_view(&answer));
    } else {
        browser__refuse(engine, command, "bad-sdp", fault_of_offer(err));
        end_waiting(session);
    }
    sr_buf_done(&answer);
}

/* The same session after a reload or on another network. */
static void offer_again(struct browser_session *session, const struct engine_command *command)
{
    struct leg *leg = session->leg != NULL ? session->leg : session->draft;
    struct sr_buf answer;
    enum sr_err err;

    sr_buf_init(&answer, LEG_SDP_BYTES_MAX);
    err = answer_offer(leg, command->sdp, &answer);
    if (err == SR_OK) {
        say_answer(session, sr_buf_view(&answer));
        if (session->leg != NULL && !session->is_linking) {
            leg__set_stream(leg);
            call__update_media(leg->call);
            event__leg(leg, ENGINE_LEG_CHANGED);
        }
    } else {
        browser__refuse(session->engine, command, "bad-sdp", fault_of_offer(err));
    }
    sr_buf_done(&answer);
}

void browser__offer(struct browser *browser, const struct engine_command *command)
{
    struct browser_session *session = browser__find_session(browser, command->session_id);
    bool is_resume = command->session_token[0] != '\0';

    if (is_resume && !sr_str_eq_secret(sr_str_c(browser->token), sr_str_c(command->session_token)))
        browser__refuse(browser->engine, command, "wrong-token",
                        "this token is not of this registration");
    else if (is_resume && session == NULL)
        browser__refuse(browser->engine, command, "unknown-session",
                        "there is no such session to resume");
    else if (is_resume)
        offer_again(session, command);
    else if (session != NULL)
        browser__refuse(browser->engine, command, "already-offered",
                        "this session exists: send resume with the token");
    else
        offer_first(browser, command);
}

/* ---- in calls ---- */

/* The session's media becomes that of the branch. */
static void join(struct browser_session *session, struct leg *leg)
{
    struct engine *engine = session->engine;
    struct leg *draft = session->draft;

    leg->session = session;
    leg->media = session->media;
    *leg__sdp(leg) = *leg__sdp(draft);
    leg->has_ours = draft->has_ours;
    leg->has_peer = draft->has_peer;
    leg->is_dtls_client = draft->is_dtls_client;
    leg->dtmf = draft->dtmf;
    memcpy(leg->allowed, draft->allowed, sizeof(leg->allowed));
    leg->allowed_count = draft->allowed_count;
    memcpy(leg->verdict, draft->verdict, sizeof(leg->verdict));
    leg->call->media_open++;
    if (leg->role != leg->media_role) { /* who comes to listen is not heard for a moment first */
        leg->media_role = leg->role;
        media_leg_set_role(engine->media, leg->media, leg->role);
    }
    media_leg_move(engine->media, session->media, leg->call->room);
    media_room_close(engine->media, session->room);
    session->room = SR_ID_NONE;
    session->leg = leg;
    leg__drop_sdp(draft);
    sr_free(draft);
    session->draft = NULL;
}

void browser__link(struct browser_session *session, struct leg *leg)
{
    /* of a call made by POST /api/call: nobody waits for our 200 yet */
    bool is_first = leg->call->origin == NULL && !leg->ring->is_addition;

    join(session, leg);
    ring__claim(leg);
    if (is_first || session->is_up) {
        answer_branch(session);
        return;
    }
    session->is_linking = true;
    session->linked_at = loop_now(session->engine->loop);
    browser__set_deadline(session);
}

void browser__hangup(struct browser *browser, const struct engine_command *command)
{
    struct browser_session *session = browser__find_session(browser, command->session_id);

    if (session == NULL)
        browser__refuse(browser->engine, command, "unknown-session", "there is no such session");
    else if (session->leg == NULL)
        end_waiting(session);
    else
        leg__ended(session->leg, CALL_REASON_HANGUP, 0);
}

/* ---- what legs and media tell ---- */

void browsers__leg_freed(struct leg *leg)
{
    if (leg->session != NULL)
        leg->session->leg = NULL;
}

/* Why there is no sound: to those who look at the call, or to the page that waits. */
static void note_verdict(struct browser_session *session, const char *why)
{
    struct leg *leg = session->leg != NULL ? session->leg : session->draft;
    struct browser_message message;

    (void)sr_str_copy(sr_str_c(why), leg->verdict, sizeof(leg->verdict));
    if (session->leg != NULL)
        event__leg(leg, ENGINE_VERDICT);
    if (why[0] == '\0' || session->browser == NULL)
        return;
    browser__begin(&message, "error");
    sr_json_key_c(&message.json, "code", "no-audio");
    sr_json_key_c(&message.json, "detail", why);
    sr_json_key_c(&message.json, "inReplyTo", "webrtc-offer");
    sr_json_key_c(&message.json, "sessionId", session->session_id);
    browser__finish(&message, session->engine, session->browser->client);
}

static void on_lost(struct browser_session *session, sr_usec since)
{
    session->is_up = false;
    session->is_lost = true;
    session->lost_at = since;
    browser__set_deadline(session);
}

bool browsers__stays_silent(struct leg *leg)
{
    struct browser_session *session = leg->session;

    if (session == NULL || !session->is_lost)
        return false;
    session->silent_at = loop_now(session->engine->loop);
    browser__set_deadline(session);
    return true;
}

/* Checks arrive. */
static void on_back(struct browser_session *session)
{
    session->is_lost = false;
    session->silent_at = 0;
}

static void on_webrtc(struct browser_session *session, const struct media_event *event)
{
    sr_usec now = loop_now(session->engine->loop);
    bool had_verdict = (session->leg != NULL ? session->leg : session->draft)->verdict[0] != '\0';

    sr_log(RTC, DEBUG, "event=webrtc session=%s state=%s", session->session_id,
           media_webrtc_state_name(event->webrtc));
    switch (event->webrtc) {
    case MEDIA_WEBRTC_CHECKING:
        break;
    case MEDIA_WEBRTC_CONNECTED:
        on_back(session);
        browser__set_deadline(session);
        break;
    case MEDIA_WEBRTC_DTLS_UP:
        on_back(session);
        session->is_up = true;
        if (had_verdict)
            note_verdict(session, "");
        if (session->is_linking)
            answer_branch(session);
        else
            browser__set_deadline(session);
        break;
    case MEDIA_WEBRTC_FAILED:
        note_verdict(session, event->why != NULL ? event->why : "the audio path failed");
        on_lost(session, now);
        break;
    case MEDIA_WEBRTC_LOST:
        on_lost(session, now - ICE_CONSENT_US);
        break;
    case MEDIA_WEBRTC_CLOSED:
        on_lost(session, now);
        break;
    }
}

void browsers__on_media(struct engine *engine, const struct media_event *event)
{
    struct browser_session *session = session_of(engine, event->cookie);

    if (session == NULL)
        return;
    if (event->kind == MEDIA_EVENT_CLOSED) {
        browser__detach(session);
        browser__free_session(session);
    } else if (event->kind == MEDIA_EVENT_WEBRTC && session->browser != NULL) {
        on_webrtc(session, event);
    } else if (event->kind == MEDIA_EVENT_LATCHED && session->leg != NULL) {
        event__leg(session->leg, ENGINE_WEBRTC_AUDIO_RX);
    }
}
