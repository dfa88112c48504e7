/**
 * @file internal.h  The hub's own objects: engine, call, leg. Only src/call/ includes this.
 *
 * Ownership: engine -> calls -> legs. A leg owns its sip_leg (until it ends) and its media leg. A call
 * owns its media room, its fork (ring) and the records of legs that have gone.
 *
 * Thread:  signalling thread, but for the two queues
 */
#ifndef SR_CALL_INTERNAL_H
#define SR_CALL_INTERNAL_H

#include "base/idtab.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/random.h"
#include "call/hub.h"
#include "call/incall_codes.h"
#include "call/leg_kept_sdp.h"
#include "call/overload.h"
#include "call/routing.h"
#include "call/use.h"

enum {
    CALL_ID_BYTES = 12, /* random, written as hex */
    LEG_ID_BYTES = 8,
    CALL_LEGS_MAX = 300, /* parties and branches of one call */
    CALL_HOPS_MAX = 5,   /* forwardings and fallbacks of one call */
    CALL_MAX_FORWARDS = 70,
    CALL_RELAY_BACK_SEC = 5, /* a mix nobody needs any more becomes a relay after this */
    CALL_CODECS_MAX = 4,
    LEG_SDP_BYTES_MAX = 16 * 1024,
    PIPES_MAX = 8,         /* m= lines of a description that is passed on */
    WATCH_DIALOGS_MAX = 8, /* of one device in one busy-lamp document */
};

#define CALL_RELAY_BACK (CALL_RELAY_BACK_SEC * SR_SEC)

/** An impossible state of one call ends that call, not the process. */
#define CALL_ASSERT(call, condition)                                                               \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            call__broken(call, #condition, __FILE__, __LINE__);                                    \
            return;                                                                                \
        }                                                                                          \
    } while (0)

enum leg_state {
    LEG_CALLING,
    LEG_RINGING,
    LEG_ANSWERED,
    LEG_ENDED
};
enum leg_kind {
    LEG_DEVICE,
    LEG_PROVIDER, /* a trunk: a number outside */
    LEG_WEBRTC,   /* a browser that speaks our own messages; see browser.c */
    LEG_MEDIA
};
enum call_state {
    CALL_RINGING,
    CALL_ANSWERED,
    CALL_ENDED
};

/* One party, or one branch of a fork. */
struct leg {
    struct sr_node node; /* call->legs */
    struct engine *engine;
    struct call *call; /* NULL: the draft of a browser's session */
    sr_id id;          /* engine->legs; cookie of sip and media */
    char leg_id[ENGINE_ID_MAX];
    enum leg_kind kind;
    enum media_role role;
    enum leg_state state;
    bool is_caller;                                                /* it called us */
    struct sip_leg *sip;                                           /* NULL: none, or ended */
    sr_id media;                                                   /* SR_ID_NONE: none */
    struct sr_addr rtp;                                            /* ours, as written into SDP */
    struct sr_addr rtp_bound;                                      /* the same as it is here */
    char device_id[ENGINE_TEXT_MAX], provider_id[ENGINE_TEXT_MAX]; /* by kind; else empty */
    char account_id[ENGINE_TEXT_MAX]; /* outside: the device that pays; else empty (use.c) */
    bool is_webrtc; /* its media leg speaks ICE and DTLS-SRTP (browsers, phones on WebSocket) */
    bool is_dtls_client;             /* of those: our role, kept over re-offers */
    struct browser *browser;         /* the page rung or linked, or NULL */
    struct browser_session *session; /* once linked */
    char number[ENGINE_TEXT_MAX], name[ENGINE_TEXT_MAX];
    char party[ENGINE_TEXT_MAX]; /* who its provider says is connected; empty: number */
    char user_agent[ENGINE_TEXT_MAX];
    struct sr_addr signalling;
    enum config_dtmf dtmf;
    enum config_srtp srtp;
    bool is_signalling_secure; /* TLS or WSS: keys in the SDP are hidden from the network */
    bool is_dtls_offered;      /* our first offer is DTLS-SRTP: the phone took nothing else */

    /* offer and answer */
    struct leg_kept_sdp sdp; /* ask leg__sdp() */
    struct sdp_codec allowed[CALL_CODECS_MAX];
    size_t allowed_count;
    bool has_ours, has_peer;
    bool is_offer_open;
    char *early; /* what its last 18x described while others rang, too; NULL: nothing */
    size_t early_bytes;
    bool has_stream; /* media knows where to send: it belongs to the audio of the call */
    struct media_stream stream;
    struct leg_pipes *pipes; /* pipes.h; NULL: none */
    struct sr_addr bind;     /* where its RTP sockets are bound */
    uint16_t ptime_ms;       /* whatever the peer's SDP says; 0: as it says */

    bool is_muted, is_held, is_holding, is_noticed; /* noticed: told that somebody listens */
    enum media_prompt prompt;                       /* as ordered last */
    bool is_media_muted;                            /* as ordered last */
    enum media_prompt app_prompt; /* wanted by the application; NONE: as its state says */
    enum media_role media_role;
    struct ring *ring;                  /* the fork this leg is a branch of, while ringing */
    struct sr_list plays;               /* struct call_play, in the order they are heard */
    struct call_collect *collect;       /* its keys are being collected, or NULL */
    sr_id whisper_to, media_whisper_to; /* of role tool: this leg alone hears it; as ordered last */
    bool is_player;                     /* a media leg that plays: no party */
    uint32_t target;                    /* of the fork: index + 1; 0: none */
    bool is_outside;   /* a call through a provider that we began: counted by use.c */
    bool is_use_live;  /* its seconds run on the account of device_id */
    int64_t use_since; /* seconds of the loop's clock */

    int64_t started_wall_us, answered_wall_us, ended_wall_us;
    char codec_last[16]; /* agreed last, for the record */
    enum media_crypto crypto_last;
    char verdict[ENGINE_WHY_MAX]; /* why there is no sound; "": nothing to say */
    sr_usec stream_at, report_at; /* of the last change of its stream, and report: verdict.c */
    bool was_heard;
    uint32_t silent_reports; /* in a row */
    struct media_leg_stats stats;
    bool has_stats;
    bool is_waiting;                  /* for an address of its provider: not invited yet */
    bool is_counted;                  /* in the device's or provider's number of calls */
    char connected_to[ENGINE_ID_MAX]; /* leg it was told it talks to; empty: none */
    bool is_typing_secret;            /* its digits are not told */
    char sent_by[ENGINE_TEXT_MAX];    /* device that transferred it here */
    struct incall *incall;            /* what it types: incall_codes.c; NULL: nothing yet */
    struct sr_node watch_node;        /* of its device: watch.c */
    bool is_watched;
    enum call_reason reason;
    uint16_t sip_status;
};

/** One forwarding of a call, for Diversion and History-Info. */
struct call_forward {
    const struct config_device *device; /* that sent it on; of call->config */
    enum call_reason reason;            /* NONE: always */
};

/** Parties of a call wait for somebody who is rung in place of another (transfer.c). */
struct transfer {
    struct leg *by; /* who asked and leaves on success; NULL: gone, or the API */
    char by_device[ENGINE_TEXT_MAX];
    bool is_return; /* nobody answered and `by` had gone: it is `by` that rings */
};

struct call_trace_message {
    struct sr_node node;
    int64_t at_wall_us;
    char leg_id[ENGINE_ID_MAX];
    bool is_sent;
    const char *transport;
    struct sr_addr local, remote;
    size_t n;
    char bytes[];
};

struct call_trace {
    struct sr_list messages;
    size_t bytes;
    uint64_t dropped;
};

struct call {
    struct engine *engine;
    sr_id id; /* engine->calls; cookie of sip and media */
    char call_id[ENGINE_ID_MAX];
    struct config *config; /* the generation it began with */
    const char *direction;
    char from[ENGINE_TEXT_MAX], from_name[ENGINE_TEXT_MAX], to[ENGINE_TEXT_MAX];
    char route_id[ENGINE_TEXT_MAX];
    enum call_state state;
    struct sr_list legs;
    struct sr_list gone;     /* legs that ended: kept for the record, at most STORE_LEGS_MAX */
    uint32_t legs_forgotten; /* beyond that */
    uint32_t media_open;     /* media legs whose CLOSED has not come */
    struct leg *origin;      /* for whom the first fork rings; NULL: gone, or the API */
    uint32_t parties_min;
    sr_id room;
    enum media_mode mode;      /* as ordered last */
    enum media_mode mode_real; /* as the media plane said last */
    struct loop_timer relay_timer;
    bool is_relay_due; /* relay_timer runs */
    struct transfer *transfer;
    struct consult *consult; /* somebody is asked before a transfer: incall_codes.c */
    struct ring *ring;       /* the fork that makes or extends the call, or NULL */
    struct call_forward forwards[CALL_HOPS_MAX];
    uint8_t forward_count, hop_count;
    uint8_t max_forwards;      /* left for those we call */
    bool is_emergency;         /* no limit holds */
    bool was_ringing;          /* somebody rang: 180 went to the caller */
    uint32_t duration_sec_max; /* of the routes; 0: none */
    struct loop_timer limit_timer;
    char api_to[ENGINE_TEXT_MAX];       /* dialled when the first leg answers (POST /api/call) */
    char api_provider[ENGINE_TEXT_MAX]; /* through which `api_to` is called; "": as routed */
    bool is_from_first;  /* `from` is the party the API rings first, whoever answers for it */
    bool is_from_chosen; /* `from` is the callerId of the request: a provider shows it too */
    char api_shown[ENGINE_TEXT_MAX];   /* whom the first party of such a call sees calling */
    const struct config_device *asker; /* of `config`: pays for the API's calls; NULL: nobody */
    const struct app_ops *app;
    void *app_state;
    char app_key[CALL_APP_KEY_MAX];
    bool is_pass; /* its descriptions go from end to end: passthrough.c */
    bool is_fax;  /* T.38 goes from end to end, for now: fax.c */
    sr_id pipe_rooms[PIPES_MAX];
    enum media_role add_role; /* of parties that the next fork adds */
    sr_id add_whisper_to;
    struct loop_timer notice_timer;  /* monitor.c */
    bool is_locked;                  /* an application lets nobody in */
    bool is_intercom;                /* phones are asked to answer by themselves */
    bool is_ending, is_origin_moved; /* moved: a transfer gave the place to another party */
    sr_usec started_at, answered_at; /* by the loop's clock, which nobody sets */
    int64_t started_wall_us, answered_wall_us, ended_wall_us;
    enum call_reason reason;
    uint16_t sip_status;
    struct call_trace trace;
    struct sr_list api_plays; /* struct api_play: started by POST /play */
};

/** A sound on its way to a leg, or heard by it. */
struct call_play {
    struct sr_node node; /* leg->plays; over: engine->plays_over; else in none */
    sr_id id;            /* engine->plays; also the media plane's name for it */
    struct engine *engine;
    struct leg *leg; /* NULL: gone */
    enum {
        CALL_PLAY_MADE,  /* speech works on it */
        CALL_PLAY_READY, /* waits for those before it */
        CALL_PLAY_GIVEN, /* to the media plane */
        CALL_PLAY_OVER,
    } state;
    bool is_stopping; /* GIVEN: told so */
    uint64_t ask;     /* MADE: at speech */
    struct media_clip *clip;
    struct media_feed *feed;
    struct leg_play_options options;
    enum sr_err err;
    enum media_play_end end;
    uint32_t played_ms;
    char why[SPEECH_WHY_MAX];
};

struct call_collect {
    struct sr_node node; /* engine->collects_over */
    struct engine *engine;
    struct leg *leg; /* NULL: gone */
    struct leg_collect_options options;
    char digits[LEG_DIGITS_MAX + 1];
    uint32_t count;
    sr_id prompt; /* being played, or SR_ID_NONE */
    struct loop_timer timer;
};

struct device_calls {
    char device_id[ENGINE_TEXT_MAX];
    uint32_t count;
};

/** Whose turn it is (strategy roundRobin). */
struct ring_turn {
    char key[ENGINE_TEXT_MAX + 2]; /* "g:" and a group's id, "r:" and a route's */
    uint32_t next;
};

struct engine_app {
    const struct app_ops *ops;
    void *state;
};

struct engine {
    struct loop *loop;
    struct store *store;
    struct ua *ua;
    struct media_port *media;
    struct config *config;       /* newest generation */
    uint16_t sip_port, tls_port; /* listened on since the start: a new one waits for a restart */
    struct config_port_range rtp_ports; /* in force: it grows at once, it shrinks by a restart */
    struct ua_device *ua_devices;       /* what ua_configure was given last */
    struct sr_idtab calls, legs;
    struct sr_map calls_by_text; /* call_id */
    struct sr_map device_calls;  /* struct device_calls by device id */
    struct sr_map told_calls;    /* the same, as told last: engine__tell_call_counts() */
    struct sr_map watch_devices; /* legs by device id: watch.c */
    struct engine_app apps[ENGINE_APPS_MAX];
    uint32_t app_count;
    uint32_t calls_max;
    bool is_started, is_draining, is_drained_told;
    struct loop_timer drain_timer, status_timer, overload_timer, wake_timer;
    void (*on_drained)(void *arg);
    void *drained_arg;
    struct overload overload;
    uint64_t calls_total, calls_failed;
    struct speech *speech; /* NULL: none */
    struct sr_idtab plays;
    struct sr_list plays_over, collects_over; /* their callbacks are due */
    struct loop_job over_job;
    uint64_t music_ask;       /* 0: none */
    struct sr_map device_use; /* struct device_use by device id */
    struct sr_map turns;      /* struct ring_turn by key */
    uint32_t outside_calls;   /* live ones that we began */
    /* the beginning of the day that `device_use` counts: seconds since 1970, and by the loop's clock */
    int64_t use_day, use_day_began;
    int64_t answers; /* counted, for answered_at */

    /* queues with the web thread */
    uint64_t (*backlog)(void *arg);
    void *backlog_arg;
    void (*wake)(void *arg);
    void *wake_arg;
    struct sr_mpsc commands, events;
    _Atomic uint32_t commands_waiting, events_waiting;
    _Atomic bool is_job_posted;
    struct loop_job command_job, wake_job;
    sr_usec woken_at;                                /* the web thread; 0: never */
    uint64_t epoch, seq, events_lost, ports_refused; /* parties that got no RTP port */
    bool is_snapshot_owed;
    struct browsers *browsers;
    struct engine_shared *shared; /* status as of the last second, under a lock */
};

/* ---- call.c ---- */
struct call *call__new(struct engine *engine, const char *direction, struct sr_str from,
                       struct sr_str from_name, struct sr_str to);
/** Its beginning and what has passed since: times in order, even when somebody sets the clock. */
int64_t call__wall(const struct call *call);
/** Ends every leg and the call; the pointer is dead. */
void call__end(struct call *call, enum call_reason reason, uint16_t sip_status);
/** An ended call whose ports are all closed: record, event, free. */
void call__finish(struct call *call);
void call__answered(struct call *call);
/** After any change of legs, streams or flags: relay or mix, prompts, mutes. */
void call__update_media(struct call *call);
/** Ends the call when too few parties are left. True when it did: the pointer is dead. */
bool call__check_parties(struct call *call, enum call_reason reason, uint16_t sip_status);
void call__broken(struct call *call, const char *what, const char *file, int line);
struct call *call__find(struct engine *engine, const char *call_id);
struct leg *call__find_leg(struct call *call, const char *leg_id);
const char *call__state_name(enum call_state state);
uint32_t call__party_count(const struct call *call); /* answered participants */

/* ---- move.c ---- */
/** Takes an answered leg, or a caller that waits, into another call. False: it cannot, nothing changed. Media
    of both calls is to be updated, and the first is to be ended when it is too small. */
bool call__move_leg(struct leg *leg, struct call *to);
/** Brings such a leg where an application answers: its live room, or a new call. */
enum call_reason call__enter_app(struct leg *leg, const struct engine_app *app,
                                 const struct config_extension *what, struct sr_str dialled);
/** Tells the two parties of a call whom they talk to now, if that changed. */
void call__identify(struct call *call);

/* ---- pickup.c ---- */
/** INVITE to a pickup code: the caller takes a call that rings. */
void pickup__on_invite(struct engine *engine, struct sip_leg *sip, const struct ua_invite *invite,
                       const struct config_device *device);
/** INVITE with Replaces. */
void pickup__on_replaces(struct engine *engine, struct sip_leg *sip, const struct ua_invite *invite,
                         const struct config_device *device);

/* ---- watch.c ---- */
/** A device's leg has begun, changed its state, left its call. */
void watch__leg_added(struct leg *leg);
void watch__leg_changed(const struct leg *leg);
void watch__leg_removed(struct leg *leg);
/** A device has come or gone. */
void watch__device_changed(struct engine *engine, struct sr_str device_id);
bool engine__on_watch(void *arg, enum ua_package package, struct sr_str user, char *ret_resource,
                      size_t size);
void engine__write_state(void *arg, const struct ua_state *state, struct sr_buf *body);

/* ---- intercom.c ---- */
/** Asks phones to answer by themselves, where the call is an intercom. The headers are static. */
void intercom__headers(const struct call *call, struct sip_leg_invite_options *options);

/* ---- leg.c ---- */
struct leg *leg__new(struct call *call, enum leg_kind kind);
/** Opens its media ports at the given local address. False: limits; nothing was opened. */
bool leg__open_media(struct leg *leg, const struct sr_addr *local);
void leg__no_port(struct leg *leg, enum sr_err err); /* counts and tells it */
/** Lets go of signalling and media, files the leg under `gone`; the call may end: pointers dead. */
void leg__ended(struct leg *leg, enum call_reason reason, uint16_t sip_status);
/** Files a leg that has ended for the record of its call. */
void leg__file_as_gone(struct leg *leg);
/** Only the leg: the call is not looked at. */
void leg__remove(struct leg *leg, enum call_reason reason, uint16_t sip_status);
void leg__free(struct leg *leg);
void leg__set_state(struct leg *leg, enum leg_state state);
const char *leg__state_name(enum leg_state state);

/* ---- leg_sdp.c ---- */
void leg__allow_codecs(struct leg *leg, const struct config_choices *codecs);
/** Reads a peer's description. SR_ERR_SYNTAX 400-class, SR_ERR_NOTFOUND no audio we can use. */
enum sr_err leg__read_peer(struct leg *leg, struct sr_str sdp);
/** Our offer: `from`'s codecs first (may be NULL). Text into buf. */
enum sr_err leg__make_offer(struct leg *leg, struct leg *from, struct sr_buf *buf);
/** Our answer to the peer's offer read before, preferring `prefer`'s codec (may be NULL). */
enum sr_err leg__make_answer(struct leg *leg, const struct leg *prefer, struct sr_buf *buf);
/** Holds a peer's answer against our offer; then the stream is set. */
enum sr_err leg__accept_answer(struct leg *leg, struct sr_str sdp);
/** Does the peer's description have a codec this leg may use? */
bool leg__shares_codec(const struct leg *leg);
/** Whether audio may go there: no multicast, nobody, nor this router's own ports. */
bool leg__may_send_to(const struct leg *leg, const struct sr_addr *addr);
/** Tells media what was agreed. */
void leg__set_stream(struct leg *leg);
bool leg__is_peer_holding(const struct leg *leg);
/** What a failure of the functions above means for the leg. */
enum call_reason leg__sdp_reason(enum sr_err err);

/* ---- leg_srtp.c ---- */
/** How this party's audio is to be encrypted; before any SDP of the leg. */
void leg__set_srtp(struct leg *leg, enum config_srtp srtp, const struct net_flow *flow);
/** Drops the keys of a peer that we know no use for. */
void leg__keep_known_keys(struct sdp_audio *peer, enum config_srtp srtp);
/** Profile and keys of a first offer. */
void leg__offer_keys(const struct leg *leg, struct sdp_audio *ours);
void leg__wish_keys(const struct leg *leg, struct sdp_answer_wish *wish);
/** Draws the key of an answer where none is in use yet; or our fingerprint and role. */
void leg__complete_keys(const struct leg *leg, struct sdp_audio *ours);
/** Whether the peer's offer can be answered as `srtp` wants it. */
bool leg__can_agree_on_srtp(const struct leg *leg);
/** Whether what was agreed lacks the encryption that was demanded. */
bool leg__is_srtp_missing(const struct leg *leg);
/** Kind and keys of the encryption agreed. Wipe the stream after use. */
void leg__agree_on_keys(const struct leg *leg, struct media_stream *stream);
const char *leg__encrypted_name(const struct leg *leg); /* "no" | "sdes" | "dtls" */

/* ---- incoming.c, ring.c, sip_events.c, media_events.c ---- */
void engine__on_invite(void *arg, struct sip_leg *sip, const struct ua_invite *invite);
void engine__on_leg_event(void *arg, void *user, struct sip_leg *sip,
                          const struct sip_leg_event *event);
/** A digit a leg has sent: told, given to the application or in-call codes, passed on. */
void leg__digit(struct leg *leg, char digit, uint32_t duration_ms);
/** A digit heard from this leg goes to all other answered parties. */
void leg__pass_digit(struct leg *leg, char digit, uint32_t duration_ms);
enum sr_err leg__send_digit(struct engine *engine, struct leg *leg, char digit,
                            uint32_t duration_ms);
/** The number of whoever is at its end, as another party is shown it. */
struct sr_str leg__party(const struct leg *leg);
/** Counts an answered or calling leg among its device's calls, once. */
void leg__count(struct leg *leg);
/** The caller's leg in a call, or NULL: limits; nothing was changed. */
struct leg *leg__new_caller(struct call *call, struct sip_leg *sip, const struct ua_invite *invite,
                            const struct config_device *device);
/** Opens its media and reads its offer; the reason to refuse with, or NONE. */
enum call_reason leg__take_offer(struct leg *leg, const struct ua_invite *invite);
void engine__refuse(struct engine *engine, struct sip_leg *sip, enum call_reason reason);
/** An INVITE whose body only passthrough takes: true, and it was refused, where the plan is another. */
bool engine__refuse_foreign(struct engine *engine, struct sip_leg *sip,
                            const struct ua_invite *invite, const struct routing_plan *plan);
/** Answers a calling leg with our choice of its codecs; only the leg. NONE: done. */
enum call_reason leg__answer(struct leg *leg);

/* ---- dial.c: who is called, and what comes then ---- */

/** Dials `dialled` for the call: routes, extensions, numbers outside. `from` is the party whose codecs
    are offered, call->origin unless it is an addition. Reason NONE: under way; else nothing was begun. */
enum call_reason call__dial(struct call *call, struct leg *from, struct sr_str dialled,
                            bool is_addition);
/** Follows what routing_resolve() said of a call: as call__dial. For calls of providers, whose
    query names the provider; NOWHERE is logged with the nearest route. */
enum call_reason call__follow(struct call *call, struct leg *from,
                              const struct routing_query *query, const struct routing_plan *plan,
                              bool is_addition);
/** The application that serves an extension, or NULL. */
const struct engine_app *engine__find_app(struct engine *engine,
                                          const struct config_extension *what);
/** A fork came to nothing: forwarding of the device, fallback of the route, or a box. NONE: something
    else is under way; else the reason to end with. */
enum call_reason call__fall_back(struct call *call, const struct config_route *route,
                                 const struct config_device *only, enum call_reason reason);

/* ---- sound.c ---- */
void sound__init(struct engine *engine);
void sound__done(struct engine *engine); /* calls what is still owed */
void sound__tell_over(void *engine);     /* what has ended; from the loop alone */
void sound__on_played(struct engine *engine, const struct media_event *event);
/** The leg ends: what it plays goes on without it until the media plane closes it. */
void sound__leg_gone(struct leg *leg);
/** A key that the media plane did not see (SIP INFO). */
void sound__on_digit(struct leg *leg);
/** Voice and music on hold as the newest configuration wants them. */
void sound__configure(struct engine *engine);

/* ---- collect.c ---- */
/** True: the key was for whoever collects, and for nobody else. */
bool collect__on_digit(struct leg *leg, char digit);
bool collect__is_secret(const struct leg *leg);
void collect__leg_gone(struct leg *leg);
/** One callback that is due. */
void collect__tell(struct call_collect *collect);

/* ---- commands_play.c ---- */
/** Fills reply_play_id. why is set when it is refused. */
enum sr_err commands__play(struct call *call, const struct engine_command *command,
                           char ret_play_id[ENGINE_ID_MAX], const char **reterr_why);
enum sr_err commands__play_stop(struct call *call, const struct engine_command *command);
/** The call is freed: nobody tells of its plays any more. */
void commands__plays_free(struct call *call);

/* ---- trace.c ---- */
void engine__on_trace(void *arg, const struct ua_trace *message);
void trace__init(struct call_trace *trace);
void trace__done(struct call_trace *trace);
void trace__add(struct call_trace *trace, int64_t at_wall_us, const char *leg_id,
                const struct ua_trace *message);
struct store_trace_message trace__message(const struct call_trace_message *message);
void trace__json(const struct call_trace *trace, struct sr_buf *buf);

/* ---- registrations.c ---- */
void engine__on_registration(void *arg, const struct ua_registration_event *event);
void engine__restore_contacts(struct engine *engine);
void engine__configure_ua(struct engine *engine);
void engine__device_view(struct engine *engine, const struct config_device *device,
                         struct engine_device_view *ret_view);

/* ---- records.c ---- */
void records__started(struct call *call); /* again when it is answered */
/** What devices have spent outside with this call so far: a crash must not lose it. */
void records__outside(struct call *call);
void records__ended(struct call *call);
bool records__is_paid(const struct leg *leg); /* on a device's account */

/* ---- engine.c ---- */
/** Adds to the number of calls a device takes part in; gives the new number. */
uint32_t engine__device_calls(struct engine *engine, struct sr_str device_id, int change);
void engine__drain(struct engine *engine, uint32_t within_ms);
/** The numbers of engine_status(), now. */
void engine__refresh_status(struct engine *engine);
/** No call is left while draining. */
void engine__told_drained(struct engine *engine);

bool engine__is_accepting(void *arg, uint32_t *ret_retry_after_sec);
bool engine__is_emergency(void *arg, struct sr_str dialled);
/** Only emergency calls may begin. */
bool engine__is_full(const struct engine *engine);

/* ---- events.c ---- */
struct engine_event *event__new(struct engine *engine, enum engine_event_kind kind);
void event__push(struct engine *engine, struct engine_event *event);
/** About a device or a provider: with its view of now (a device that is configured no more has none). */
void event__device(struct engine *engine, enum engine_event_kind kind, struct sr_str device_id,
                   struct sr_str why);
void event__provider(struct engine *engine, enum engine_event_kind kind,
                     const struct config_provider *provider, struct sr_str why);
void event__call(struct call *call, enum engine_event_kind kind);
void event__leg(struct leg *leg, enum engine_event_kind kind);
void event__digit(struct leg *leg, char digit, uint32_t duration_ms);
void event__snapshot(struct engine *engine);
const char *leg__kind_name(enum leg_kind kind);
const char *leg__role_name(enum media_role role);
struct engine_call_view *event__view(const struct call *call);
struct engine_call_view *event__head(const struct call *call); /* without its legs */

/* ---- commands.c ---- */
void engine__serve_commands(void *arg);
/** The first party of an API call answered. */
void call__first_answered(struct call *call, struct leg *leg);

/* Listeners, the fork, and what is passed on, have pages of their own. */
#include "call/monitor.h"
#include "call/pipes.h"
#include "call/ring.h"

#endif
