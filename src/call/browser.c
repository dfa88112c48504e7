/* Pages that are phones: registered for a device or as guests, with sessions of audio that join calls.
 *
 * A *session* is a media leg with its SDP. It begins in a waiting room of its own, tied to no call;
 * the link moves it into the call, as the media of the branch that rang the page. Its media leg
 * names the session by its cookie, before and after. */
#include "call/browser.h"
#include "base/alloc.h"

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

void browser__begin(struct browser_message *message, const char *type)
{
    sr_buf_init(&message->buf, 2 * LEG_SDP_BYTES_MAX + 4096);
    sr_json_begin(&message->json, &message->buf);
    sr_json_object(&message->json);
    sr_json_key_c(&message->json, "type", type);
}

void browser__finish(struct browser_message *message, struct engine *engine, uint64_t client)
{
    sr_json_end(&message->json);
    push_note(engine, client, sr_buf_view(&message->buf));
    sr_buf_done(&message->buf);
}

/* What a command answers with when it cannot be done. */
void browser__refuse(struct engine *engine, const struct engine_command *command, const char *code,
                     const char *detail)
{
    static const char *const types[] = {
        [ENGINE_DO_WEBRTC_REGISTER] = "webrtc-register",
        [ENGINE_DO_WEBRTC_OFFER] = "webrtc-offer",
        [ENGINE_DO_WEBRTC_LINK] = "webrtc-link",
        [ENGINE_DO_WEBRTC_HANGUP] = "webrtc-hangup",
        [ENGINE_DO_WEBRTC_REJECT] = "webrtc-reject",
    };
    struct browser_message message;

    browser__begin(&message, "error");
    sr_json_key_c(&message.json, "code", code);
    sr_json_key_c(&message.json, "detail", detail);
    sr_json_key_c(&message.json, "inReplyTo", types[command->kind]);
    if (command->session_id[0] != '\0')
        sr_json_key_c(&message.json, "sessionId", command->session_id);
    if (command->call_id[0] != '\0')
        sr_json_key_c(&message.json, "callId", command->call_id);
    browser__finish(&message, engine, command->client);
}

static void tell_incoming(const struct leg *leg)
{
    const struct call *call = leg->call;
    bool is_own = call->origin == NULL && call->api_to[0] != '\0'; /* POST /api/call from here */
    struct browser_message message;

    browser__begin(&message, "webrtc-incoming");
    sr_json_key_c(&message.json, "callId", call->call_id);
    sr_json_key_c(&message.json, "from", call->from);
    if (call->from_name[0] != '\0')
        sr_json_key_c(&message.json, "fromName", call->from_name);
    sr_json_key_c(&message.json, "to", call->to);
    sr_json_key_c(&message.json, "direction", is_own ? "outbound" : call->direction);
    browser__finish(&message, leg->engine, leg->browser->client);
}

static void tell_ended(const struct leg *leg)
{
    struct browser_message message;

    browser__begin(&message, leg->session != NULL ? "webrtc-hangup" : "webrtc-cancelled");
    if (leg->session != NULL)
        sr_json_key_c(&message.json, "sessionId", leg->session->session_id);
    sr_json_key_c(&message.json, "callId", leg->call->call_id);
    sr_json_key_c(&message.json, "reason", call_reason_name(leg->reason));
    browser__finish(&message, leg->engine, leg->browser->client);
}

static void tell_registered(struct browser *browser)
{
    struct browser_message message;

    browser__begin(&message, "webrtc-registered");
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
    browser__finish(&message, browser->engine, browser->client);
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

static void do_link(struct browser *browser, const struct engine_command *command)
{
    struct engine *engine = browser->engine;
    struct browser_session *session = browser__find_session(browser, command->session_id);
    struct leg *leg = find_branch(browser, command->call_id);

    if (session == NULL) {
        browser__refuse(engine, command, "unknown-session",
                        "send webrtc-offer for this session first");
        return;
    }
    if (session->leg != NULL) {
        browser__refuse(engine, command, "already-linked", "this session is in a call already");
        return;
    }
    if (leg == NULL) {
        browser__refuse(engine, command, "unknown-call",
                        "this call does not ring here, or not any more");
        return;
    }
    browser__link(session, leg);
}

static void do_reject(struct browser *browser, const struct engine_command *command)
{
    struct leg *leg = find_branch(browser, command->call_id);

    if (leg == NULL)
        browser__refuse(browser->engine, command, "unknown-call",
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
    browser__detach(session); /* freed when its media has closed */
}

void browsers__leg_moved(struct leg *leg, const struct call *from)
{
    struct browser_message message;

    if (leg->browser == NULL || leg->session == NULL)
        return;
    browser__begin(&message, "webrtc-moved");
    sr_json_key_c(&message.json, "sessionId", leg->session->session_id);
    sr_json_key_c(&message.json, "callId", leg->call->call_id);
    sr_json_key_c(&message.json, "fromCallId", from->call_id);
    browser__finish(&message, leg->engine, leg->browser->client);
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
        browser__set_deadline(SR_CONTAINER(node, struct browser_session, node));
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
        browser__refuse(engine, &old, "taken-over",
                        "the same registration was opened on another socket");
    browser->client = command->client;
    loop_timer_clear(engine->loop, &browser->timer);
    SR_LIST_EACH(&browser->sessions, node)
    {
        browser__set_deadline(SR_CONTAINER(node, struct browser_session, node));
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
        browser__refuse(engine, command, "already-registered",
                        "this socket is registered: open another");
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
            browser__refuse(engine, command, "unknown-device", "there is no device with this id");
            return;
        }
    }
    if (engine->browsers->list.count >= ENGINE_BROWSERS_MAX) {
        browser__refuse(engine, command, "busy", "too many pages are registered");
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
        browser__refuse(engine, command, "not-registered", "send webrtc-register first");
        return;
    }
    if (command->kind == ENGINE_DO_WEBRTC_OFFER)
        browser__offer(browser, command);
    else if (command->kind == ENGINE_DO_WEBRTC_LINK)
        do_link(browser, command);
    else if (command->kind == ENGINE_DO_WEBRTC_HANGUP)
        browser__hangup(browser, command);
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
        browser__free_session(session);
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
