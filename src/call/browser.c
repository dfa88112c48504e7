/* Pages that are phones: registered for a device or as guests, with sessions of audio that join calls.
 *
 * A *session* is a media leg with its SDP. It begins in a waiting room of its own, tied to no call;
 * the link moves it into the call, as the media of the branch that rang the page. Its media leg
 * names the session by its cookie, before and after. */
#include "call/browser.h"
#include "base/alloc.h"

#define SESSION_COOKIE ((uint64_t)1 << 63)
#define GUEST_PREFIX "guest:"

/* ---- lists ---- */

struct browsers *browsers__new(struct engine *engine)
{
    struct browsers *all = sr_zalloc(1, sizeof(*all));

    all->engine = engine;
    sr_list_init(&all->list);
    sr_mpsc_init(&all->notes);
    sr_idtab_init(&all->sessions, ENGINE_SESSIONS_MAX);
    return all;
}

static struct browser *find_by_client(const struct engine *engine, uint64_t client)
{
    SR_LIST_EACH(&engine->browsers->list, node)
    {
        struct browser *browser = SR_CONTAINER(node, struct browser, node);

        if (browser->client == client)
            return browser;
    }
    return NULL;
}

static struct browser *find_by_token(const struct engine *engine, const char *token,
                                     const char *owner)
{
    struct browser *found = NULL;

    SR_LIST_EACH(&engine->browsers->list, node)
    {
        struct browser *browser = SR_CONTAINER(node, struct browser, node);

        if (token[0] != '\0' && sr_str_eq_secret(sr_str_c(browser->token), sr_str_c(token)) &&
            strcmp(browser->owner, owner) == 0)
            found = browser;
    }
    return found;
}

static struct browser_session *find_session(const struct browser *browser, const char *session_id)
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

/* ---- messages to the page ---- */

static void push_note(struct engine *engine, uint64_t client, struct sr_str text)
{
    struct engine_note *note;

    if (client == 0)
        return;
    if (atomic_load(&engine->browsers->notes_waiting) >= ENGINE_BROWSER_NOTES_MAX) {
        atomic_store(&engine->browsers->is_note_lost, true);
        return;
    }
    note = sr_alloc(sizeof(*note) + text.n);
    note->client = client;
    note->text = sr_str_make((char *)(note + 1), text.n);
    memcpy(note + 1, text.p, text.n);
    atomic_fetch_add(&engine->browsers->notes_waiting, 1);
    if (sr_mpsc_push(&engine->browsers->notes, &note->node) && engine->wake != NULL)
        loop_defer(engine->loop, &engine->wake_job);
}

struct engine_note *engine_next_note(struct engine *engine)
{
    struct sr_mpsc_node *node = sr_mpsc_pop(&engine->browsers->notes);

    if (node == NULL)
        return NULL;
    atomic_fetch_sub(&engine->browsers->notes_waiting, 1);
    return SR_CONTAINER(node, struct engine_note, node);
}

bool engine_notes_were_lost(struct engine *engine)
{
    return atomic_exchange(&engine->browsers->is_note_lost, false);
}

/* One message being written. */
struct message {
    struct sr_buf buf;
    struct sr_json json;
};

static void begin(struct message *message, const char *type)
{
    sr_buf_init(&message->buf, 2 * LEG_SDP_BYTES_MAX + 4096);
    sr_json_begin(&message->json, &message->buf);
    sr_json_object(&message->json);
    sr_json_key_c(&message->json, "type", type);
}

static void finish(struct message *message, struct engine *engine, uint64_t client)
{
    sr_json_end(&message->json);
    push_note(engine, client, sr_buf_view(&message->buf));
    sr_buf_done(&message->buf);
}

/* What a command answers with when it cannot be done. */
static void refuse(struct engine *engine, const struct engine_command *command, const char *code,
                   const char *detail)
{
    static const char *const types[] = {
        [ENGINE_DO_WEBRTC_REGISTER] = "webrtc-register",
        [ENGINE_DO_WEBRTC_OFFER] = "webrtc-offer",
        [ENGINE_DO_WEBRTC_LINK] = "webrtc-link",
        [ENGINE_DO_WEBRTC_HANGUP] = "webrtc-hangup",
        [ENGINE_DO_WEBRTC_REJECT] = "webrtc-reject",
    };
    struct message message;

    begin(&message, "error");
    sr_json_key_c(&message.json, "code", code);
    sr_json_key_c(&message.json, "detail", detail);
    sr_json_key_c(&message.json, "inReplyTo", types[command->kind]);
    if (command->session_id[0] != '\0')
        sr_json_key_c(&message.json, "sessionId", command->session_id);
    if (command->call_id[0] != '\0')
        sr_json_key_c(&message.json, "callId", command->call_id);
    finish(&message, engine, command->client);
}

static void tell_incoming(const struct leg *leg)
{
    const struct call *call = leg->call;
    bool is_own = call->origin == NULL && call->api_to[0] != '\0'; /* POST /api/call from here */
    struct message message;

    begin(&message, "webrtc-incoming");
    sr_json_key_c(&message.json, "callId", call->call_id);
    sr_json_key_c(&message.json, "from", call->from);
    if (call->from_name[0] != '\0')
        sr_json_key_c(&message.json, "fromName", call->from_name);
    sr_json_key_c(&message.json, "to", call->to);
    sr_json_key_c(&message.json, "direction", is_own ? "outbound" : call->direction);
    finish(&message, leg->engine, leg->browser->client);
}

static void tell_ended(const struct leg *leg)
{
    struct message message;

    begin(&message, leg->session != NULL ? "webrtc-hangup" : "webrtc-cancelled");
    if (leg->session != NULL)
        sr_json_key_c(&message.json, "sessionId", leg->session->session_id);
    sr_json_key_c(&message.json, "callId", leg->call->call_id);
    sr_json_key_c(&message.json, "reason", call_reason_name(leg->reason));
    finish(&message, leg->engine, leg->browser->client);
}

static void tell_registered(struct browser *browser)
{
    struct message message;

    begin(&message, "webrtc-registered");
    sr_json_key_c(&message.json, "deviceId", browser->device_id);
    sr_json_key_c(&message.json, "token", browser->token);
    sr_json_key_array(&message.json,
                      "iceServers"); /* none: this router has candidates of its own */
    sr_json_end(&message.json);
    sr_json_key_array(&message.json, "legs");
    SR_LIST_EACH(&browser->sessions, node)
    {
        const struct browser_session *session = SR_CONTAINER(node, struct browser_session, node);

        if (session->leg == NULL)
            continue;
        sr_json_object(&message.json);
        sr_json_key_c(&message.json, "callId", session->leg->call->call_id);
        sr_json_key_c(&message.json, "sessionId", session->session_id);
        sr_json_end(&message.json);
    }
    sr_json_end(&message.json);
    finish(&message, browser->engine, browser->client);
}

/* ---- sessions ---- */

static void free_session(struct browser_session *session)
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
static void detach(struct browser_session *session)
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
    detach(session);
    media_leg_close(session->engine->media, session->media);
}

/* When nothing more happens it ends: unlinked after a minute, linked when page and audio are gone. */
static void set_deadline(struct browser_session *session)
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
    set_deadline(session);
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
        free_session(session);
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
    struct message message;

    begin(&message, "webrtc-answer");
    sr_json_key_c(&message.json, "sessionId", session->session_id);
    sr_json_key(&message.json, "sdp");
    sr_json_str(&message.json, sdp);
    finish(&message, session->engine, session->browser->client);
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
        refuse(engine, command, "busy", "this page has too many sessions");
        return;
    }
    session = new_session(browser, command->session_id);
    if (session == NULL) {
        refuse(engine, command, "busy", "no media port is free, or proxy.webrtcPort is off");
        return;
    }
    sr_buf_init(&answer, LEG_SDP_BYTES_MAX);
    err = answer_offer(session->draft, command->sdp, &answer);
    if (err == SR_OK) {
        leg__fill_stream(session->draft, &stream);
        media_leg_set_stream(engine->media, session->media, &stream);
        set_deadline(session);
        say_answer(session, sr_buf_view(&answer));
    } else {
        refuse(engine, command, "bad-sdp", fault_of_offer(err));
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
        refuse(session->engine, command, "bad-sdp", fault_of_offer(err));
    }
    sr_buf_done(&answer);
}

static void do_offer(struct browser *browser, const struct engine_command *command)
{
    struct browser_session *session = find_session(browser, command->session_id);
    bool is_resume = command->session_token[0] != '\0';

    if (is_resume && !sr_str_eq_secret(sr_str_c(browser->token), sr_str_c(command->session_token)))
        refuse(browser->engine, command, "wrong-token", "this token is not of this registration");
    else if (is_resume && session == NULL)
        refuse(browser->engine, command, "unknown-session", "there is no such session to resume");
    else if (is_resume)
        offer_again(session, command);
    else if (session != NULL)
        refuse(browser->engine, command, "already-offered",
               "this session exists: send resume with the token");
    else
        offer_first(browser, command);
}

/* ---- ringing ---- */

static bool is_ringing_here(const struct leg *leg, const struct browser *browser)
{
    return leg->browser == browser && leg->session == NULL && leg->ring != NULL;
}

static struct leg *find_branch(const struct browser *browser, const char *call_id)
{
    struct call *call = call__find(browser->engine, call_id);

    if (call == NULL || call->is_ending)
        return NULL;
    SR_LIST_EACH(&call->legs, node)
    {
        struct leg *leg = SR_CONTAINER(node, struct leg, node);

        if (is_ringing_here(leg, browser))
            return leg;
    }
    return NULL;
}

static void ring_one(struct ring *ring, struct browser *browser)
{
    static const struct sip_leg_event ringing = {.kind = SIP_LEG_PROGRESS, .status = 180};
    struct engine *engine = browser->engine;
    const struct config_device *device =
        config_device_by_id(engine->config, sr_str_c(browser->device_id));
    struct leg *leg =
        ring->branch_count < RING_BRANCHES_MAX ? leg__new(ring->call, LEG_WEBRTC) : NULL;

    if (leg == NULL)
        return;
    leg->is_webrtc = true;
    leg->browser = browser;
    memcpy(leg->device_id, browser->device_id, sizeof(leg->device_id));
    (void)sr_str_copy(sr_str_c(browser->name), leg->name, sizeof(leg->name));
    if (device != NULL) { /* it is one more phone of the device: others see the device */
        (void)sr_str_copy(device->extension, leg->number, sizeof(leg->number));
        if (device->display_name.n > 0)
            (void)sr_str_copy(device->display_name, leg->name, sizeof(leg->name));
    }
    ring__add_branch(ring, leg);
    event__leg(leg, ENGINE_LEG_ADDED);
    tell_incoming(leg);
    ring__branch_progress(leg, &ringing);
}

/* A page that talks to us in this very call is not rung by it. */
static bool is_in_call(const struct call *call, const struct browser *browser)
{
    SR_LIST_EACH(&call->legs, node)
    {
        if (SR_CONTAINER(node, struct leg, node)->browser == browser)
            return true;
    }
    return false;
}

static bool is_theirs(const struct browser *browser, struct sr_str device_id, struct sr_str owner)
{
    return browser->client != 0 && sr_str_eq_c(device_id, browser->device_id) &&
           (owner.n == 0 || sr_str_eq_c(owner, browser->owner));
}

void browsers__ring(struct ring *ring, struct sr_str device_id, struct sr_str owner)
{
    SR_LIST_EACH(&ring->call->engine->browsers->list, node)
    {
        struct browser *browser = SR_CONTAINER(node, struct browser, node);

        if (is_theirs(browser, device_id, owner) && !is_in_call(ring->call, browser))
            ring_one(ring, browser);
    }
}

void browsers__ring_guests(struct ring *ring)
{
    SR_LIST_EACH(&ring->call->engine->browsers->list, node)
    {
        struct browser *browser = SR_CONTAINER(node, struct browser, node);

        if (browser->is_guest && browser->client != 0 && !is_in_call(ring->call, browser))
            ring_one(ring, browser);
    }
}

bool browsers__has(const struct engine *engine, struct sr_str device_id, struct sr_str owner)
{
    SR_LIST_EACH(&engine->browsers->list, node)
    {
        if (is_theirs(SR_CONTAINER(node, struct browser, node), device_id, owner))
            return true;
    }
    return false;
}

/* ---- linking ---- */

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

static void do_link(struct browser *browser, const struct engine_command *command)
{
    struct engine *engine = browser->engine;
    struct browser_session *session = find_session(browser, command->session_id);
    struct leg *leg = find_branch(browser, command->call_id);
    bool is_first;

    if (session == NULL) {
        refuse(engine, command, "unknown-session", "send webrtc-offer for this session first");
        return;
    }
    if (session->leg != NULL) {
        refuse(engine, command, "already-linked", "this session is in a call already");
        return;
    }
    if (leg == NULL) {
        refuse(engine, command, "unknown-call", "this call does not ring here, or not any more");
        return;
    }
    /* of a call made by POST /api/call: nobody waits for our 200 yet */
    is_first = leg->call->origin == NULL && !leg->ring->is_addition;
    join(session, leg);
    ring__claim(leg);
    if (is_first || session->is_up) {
        answer_branch(session);
        return;
    }
    session->is_linking = true;
    session->linked_at = loop_now(engine->loop);
    set_deadline(session);
}

static void do_hangup(struct browser *browser, const struct engine_command *command)
{
    struct browser_session *session = find_session(browser, command->session_id);

    if (session == NULL)
        refuse(browser->engine, command, "unknown-session", "there is no such session");
    else if (session->leg == NULL)
        end_waiting(session);
    else
        leg__ended(session->leg, CALL_REASON_HANGUP, 0);
}

static void do_reject(struct browser *browser, const struct engine_command *command)
{
    struct leg *leg = find_branch(browser, command->call_id);

    if (leg == NULL)
        refuse(browser->engine, command, "unknown-call",
               "this call does not ring here, or not any more");
    else
        leg__ended(leg, CALL_REASON_DECLINED, call_reason_status(CALL_REASON_DECLINED));
}

/* ---- what legs and media tell ---- */

void browsers__leg_removed(struct leg *leg)
{
    struct browser_session *session = leg->session;

    if (leg->browser == NULL)
        return;
    tell_ended(leg);
    leg->browser = NULL;
    if (session == NULL)
        return;
    session->is_linking = false;
    detach(session); /* freed when its media has closed */
}

void browsers__leg_moved(struct leg *leg, const struct call *from)
{
    struct message message;

    if (leg->browser == NULL || leg->session == NULL)
        return;
    begin(&message, "webrtc-moved");
    sr_json_key_c(&message.json, "sessionId", leg->session->session_id);
    sr_json_key_c(&message.json, "callId", leg->call->call_id);
    sr_json_key_c(&message.json, "fromCallId", from->call_id);
    finish(&message, leg->engine, leg->browser->client);
}

void browsers__leg_freed(struct leg *leg)
{
    if (leg->session != NULL)
        leg->session->leg = NULL;
}

/* Why there is no sound: to those who look at the call, or to the page that waits. */
static void note_verdict(struct browser_session *session, const char *why)
{
    struct leg *leg = session->leg != NULL ? session->leg : session->draft;
    struct message message;

    (void)sr_str_copy(sr_str_c(why), leg->verdict, sizeof(leg->verdict));
    if (session->leg != NULL)
        event__leg(leg, ENGINE_VERDICT);
    if (why[0] == '\0' || session->browser == NULL)
        return;
    begin(&message, "error");
    sr_json_key_c(&message.json, "code", "no-audio");
    sr_json_key_c(&message.json, "detail", why);
    sr_json_key_c(&message.json, "inReplyTo", "webrtc-offer");
    sr_json_key_c(&message.json, "sessionId", session->session_id);
    finish(&message, session->engine, session->browser->client);
}

static void on_lost(struct browser_session *session, sr_usec since)
{
    session->is_up = false;
    session->is_lost = true;
    session->lost_at = since;
    set_deadline(session);
}

bool browsers__stays_silent(struct leg *leg)
{
    struct browser_session *session = leg->session;

    if (session == NULL || !session->is_lost)
        return false;
    session->silent_at = loop_now(session->engine->loop);
    set_deadline(session);
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
        set_deadline(session);
        break;
    case MEDIA_WEBRTC_DTLS_UP:
        on_back(session);
        session->is_up = true;
        if (had_verdict)
            note_verdict(session, "");
        if (session->is_linking)
            answer_branch(session);
        else
            set_deadline(session);
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
        detach(session);
        free_session(session);
    } else if (event->kind == MEDIA_EVENT_WEBRTC && session->browser != NULL) {
        on_webrtc(session, event);
    } else if (event->kind == MEDIA_EVENT_LATCHED && session->leg != NULL) {
        event__leg(session->leg, ENGINE_WEBRTC_AUDIO_RX);
    }
}

/* ---- registration ---- */

static void tell_device(struct browser *browser, enum engine_event_kind kind)
{
    struct sr_str id = sr_str_c(browser->device_id);

    if (config_device_by_id(browser->engine->config, id) != NULL) /* no guest */
        event__device(browser->engine, kind, id,
                      kind == ENGINE_DEVICE_UNREGISTERED ? SR_STR("page closed") : SR_STR(""));
}

/* Legs that still name this page ring it no more. */
static void end_branches(struct browser *browser)
{
    uint32_t cursor = 0;
    struct leg *leg;

    while ((leg = sr_idtab_next(&browser->engine->legs, &cursor)) != NULL) {
        if (leg->browser == browser && leg->session == NULL)
            leg__ended(leg, CALL_REASON_UNREACHABLE, 480);
    }
}

static void free_browser(struct browser *browser)
{
    loop_timer_clear(browser->engine->loop, &browser->timer);
    sr_list_remove(&browser->engine->browsers->list, &browser->node);
    sr_wipe(browser->token, sizeof(browser->token));
    sr_free(browser);
}

static void on_browser_timer(void *arg)
{
    struct browser *browser = arg;

    browser->is_forgotten = true;
    end_branches(browser);
    if (browser->sessions.count > 0) { /* a call goes on: it has its own time */
        browser->is_forgotten = false;
        return;
    }
    tell_device(browser, ENGINE_DEVICE_UNREGISTERED);
    free_browser(browser);
}

void browser__check_away(struct browser *browser)
{
    struct engine *engine = browser->engine;

    if (browser->client != 0 || browser->is_forgotten || browser->sessions.count > 0)
        return;
    loop_timer_set(engine->loop, &browser->timer,
                   SR_MAX(browser->closed_at + ENGINE_AWAY_SEC * SR_SEC, loop_now(engine->loop)));
}

static void do_gone(struct engine *engine, uint64_t client)
{
    struct browser *browser = find_by_client(engine, client);

    if (browser == NULL)
        return;
    browser->client = 0;
    browser->closed_at = loop_now(engine->loop);
    SR_LIST_EACH(&browser->sessions, node)
    {
        set_deadline(SR_CONTAINER(node, struct browser_session, node));
    }
    loop_timer_set(engine->loop, &browser->timer, browser->closed_at + ENGINE_AWAY_SEC * SR_SEC);
    tell_device(browser, ENGINE_DEVICE_CHANGED);
}

/* The page is back, or it opened a new socket beside the old one. */
static void take_back(struct browser *browser, const struct engine_command *command)
{
    struct engine *engine = browser->engine;
    struct engine_command old = {.kind = ENGINE_DO_WEBRTC_REGISTER, .client = browser->client};
    uint32_t cursor = 0;
    struct leg *leg;

    if (browser->client != 0)
        refuse(engine, &old, "taken-over", "the same registration was opened on another socket");
    browser->client = command->client;
    loop_timer_clear(engine->loop, &browser->timer);
    SR_LIST_EACH(&browser->sessions, node)
    {
        set_deadline(SR_CONTAINER(node, struct browser_session, node));
    }
    tell_registered(browser);
    tell_device(browser, ENGINE_DEVICE_CHANGED);
    while ((leg = sr_idtab_next(&engine->legs, &cursor)) != NULL) {
        if (is_ringing_here(leg, browser))
            tell_incoming(leg);
    }
}

static struct browser *new_browser(struct engine *engine, const struct engine_command *command,
                                   const struct config_device *device)
{
    struct browser *browser = sr_zalloc(1, sizeof(*browser));
    struct sr_buf buf;

    browser->engine = engine;
    browser->client = command->client;
    browser->is_guest = device == NULL;
    sr_list_init(&browser->sessions);
    loop_timer_init(&browser->timer, on_browser_timer, browser);
    memcpy(browser->owner, command->owner, sizeof(browser->owner));
    memcpy(browser->name, command->from, sizeof(browser->name));
    sr_buf_init_fixed(&buf, browser->device_id, sizeof(browser->device_id) - 1);
    if (device != NULL)
        sr_buf_str(&buf, device->id);
    else
        sr_buf_fmt(&buf, GUEST_PREFIX "%s", command->owner);
    browser->device_id[buf.len] = '\0';
    sr_buf_init_fixed(&buf, browser->token, sizeof(browser->token));
    sr_random_hex(&buf, BROWSER_TOKEN_BYTES);
    (void)sr_buf_cstr(&buf);
    sr_list_add(&engine->browsers->list, &browser->node);
    return browser;
}

static bool is_own_guest(const struct engine_command *command)
{
    struct sr_str id = sr_str_c(command->device_id);

    return id.n == 0 || (sr_str_starts(id, SR_STR(GUEST_PREFIX)) &&
                         sr_str_eq_c(sr_str_from(id, strlen(GUEST_PREFIX)), command->owner));
}

static void do_register(struct engine *engine, const struct engine_command *command)
{
    struct browser *browser = find_by_client(engine, command->client);
    const struct config_device *device = NULL;

    if (browser != NULL) {
        refuse(engine, command, "already-registered", "this socket is registered: open another");
        return;
    }
    browser = find_by_token(engine, command->session_token, command->owner);
    if (browser != NULL) {
        take_back(browser, command);
        return;
    }
    if (!is_own_guest(command)) {
        device = config_device_by_id(engine->config, sr_str_c(command->device_id));
        if (device == NULL) {
            refuse(engine, command, "unknown-device", "there is no device with this id");
            return;
        }
    }
    if (engine->browsers->list.count >= ENGINE_BROWSERS_MAX) {
        refuse(engine, command, "busy", "too many pages are registered");
        return;
    }
    browser = new_browser(engine, command, device);
    tell_registered(browser);
    tell_device(browser, ENGINE_DEVICE_REGISTERED);
}

void browsers__add_contacts(const struct engine *engine, struct sr_str device_id,
                            struct engine_device_view *view)
{
    SR_LIST_EACH(&engine->browsers->list, node)
    {
        const struct browser *browser = SR_CONTAINER(node, struct browser, node);
        struct engine_contact_view *contact = &view->contacts[view->contact_count];

        if (browser->is_forgotten || !sr_str_eq_c(device_id, browser->device_id))
            continue;
        view->is_registered = true;
        if (view->contact_count++ >= ENGINE_CONTACTS_SHOWN_MAX)
            continue;
        memset(contact, 0, sizeof(*contact));
        (void)sr_str_copy(SR_STR("browser"), contact->uri, sizeof(contact->uri));
        (void)sr_str_copy(sr_str_c(browser->name), contact->user_agent,
                          sizeof(contact->user_agent));
        (void)sr_str_copy(SR_STR("WEBRTC"), contact->transport, sizeof(contact->transport));
        contact->rtt_us = -1;
        contact->is_reachable = browser->client != 0;
    }
}

/* ---- the door ---- */

void browsers__serve(struct engine *engine, const struct engine_command *command)
{
    struct browser *browser;

    if (command->kind == ENGINE_DO_WEBRTC_REGISTER) {
        do_register(engine, command);
        return;
    }
    if (command->kind == ENGINE_DO_WEBRTC_GONE) {
        do_gone(engine, command->client);
        return;
    }
    browser = find_by_client(engine, command->client);
    if (browser == NULL) {
        refuse(engine, command, "not-registered", "send webrtc-register first");
        return;
    }
    if (command->kind == ENGINE_DO_WEBRTC_OFFER)
        do_offer(browser, command);
    else if (command->kind == ENGINE_DO_WEBRTC_LINK)
        do_link(browser, command);
    else if (command->kind == ENGINE_DO_WEBRTC_HANGUP)
        do_hangup(browser, command);
    else
        do_reject(browser, command);
}

void browsers__stop(struct browsers *all)
{
    struct browser_session *session;
    struct sr_node *node;
    uint32_t cursor = 0;

    while ((session = sr_idtab_next(&all->sessions, &cursor)) != NULL) {
        if (session->browser != NULL)
            sr_list_remove(&session->browser->sessions, &session->node);
        session->browser = NULL;
        free_session(session);
    }
    while ((node = sr_list_first(&all->list)) != NULL)
        free_browser(SR_CONTAINER(node, struct browser, node));
}

void browsers__free(struct browsers *all)
{
    struct engine_note *note;

    while ((note = engine_next_note(all->engine)) != NULL)
        sr_free(note);
    SR_ASSERT(all->list.count == 0 && all->sessions.count == 0);
    sr_idtab_done(&all->sessions);
    sr_free(all);
}
