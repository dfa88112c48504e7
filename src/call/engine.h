/**
 * @file engine.h  The only door between the hub and what people and programs talk to (control/).
 *
 * Typed commands go down, typed events come up, each through a bounded queue between the web thread
 * and the signalling thread. No SIP message and no RTP packet passes. An event carries views
 * (values, not pointers into the hub), so the web thread builds its read model from events alone.
 * What happens to a call brings the whole view of the call, what happens to one leg only this leg and
 * the call without legs: a fork of hundreds must not cost the square of them.
 * engine_call_view_take() keeps a view in step. Every device event has the device's view.
 *
 * Layer:   call
 * Thread:  as each function says
 * Memory:  commands are copied in; an event belongs to who popped it (engine_event_free)
 */
#ifndef SR_CALL_ENGINE_H
#define SR_CALL_ENGINE_H

#include "base/json.h"
#include "base/mpsc.h"
#include "call/config.h"
#include "worker/media_port.h"

struct engine;

enum {
    ENGINE_ID_MAX = 40,         /* call and leg ids, with NUL */
    ENGINE_TEXT_MAX = 128,      /* names, numbers, ids of objects, with NUL; longer is cut */
    ENGINE_WHY_MAX = 256,       /* sentences */
    ENGINE_COMMANDS_MAX = 1024, /* waiting; more are refused: answer 503 */
    ENGINE_EVENTS_MAX = 16384,  /* waiting; when full they are dropped, then a snapshot follows */
    ENGINE_CONTACTS_SHOWN_MAX = 10,
    ENGINE_SOUND_MAX = 1001,   /* a text to speak or a path, with NUL */
    ENGINE_PLAY_LEGS_MAX = 16, /* named in one command */

    /* browser phones */
    ENGINE_BROWSERS_MAX = 1024, /* registered pages; more get "busy" */
    ENGINE_SESSIONS_MAX = 2000, /* their audio, in a call or not yet */
    ENGINE_SESSIONS_PER_BROWSER_MAX = 8,
    ENGINE_SDP_BYTES_MAX = 32 * 1024, /* of a page's offer */
    ENGINE_BROWSER_NOTES_MAX = 8192,  /* messages to pages, waiting; full: all pages connect anew */
    ENGINE_TOKEN_MAX = 65,            /* of a registration, with NUL */
    ENGINE_LINK_SEC = 60,             /* an offer that is not linked dies after this */
    ENGINE_AWAY_SEC = 30,             /* a page that went may come back within this */
    ENGINE_DTLS_WAIT_MS = 2000,       /* the caller's 200 waits this long for a page's audio */
};

/* ---- views ---- */

struct engine_quality {
    double loss_pct, jitter_ms, rtt_ms, mos; /* < 0: not known */
};

/** The way of a leg's sound, in words of the media port (worker/media_port.h). */
struct engine_audio {
    bool is_mixed;
    uint32_t bus_hz, decode_hz, encode_hz;
    bool is_shared;
    double target_ms, buffer_ms, drift_ppm, delay_in_ms, delay_out_ms, cpu_us;
    double packet_ms;  /* of what its party says, gathered before it leaves */
    double network_ms; /* one way to it, half of its round trip; < 0: not known */
    double
        ear_ms; /* from the mouth of who is farthest from it to its ear; < 0: nobody talks to it */
    uint64_t packets_in, packets_out, lost, late, dropped, stray, concealed, stretches;
    uint64_t kernel_drops;
    uint64_t srtp_auth_failed, srtp_replayed;
    const char *cipher; /* "AEAD_AES_256_GCM"...; "" or NULL: in the clear */
};

struct engine_leg_view {
    char leg_id[ENGINE_ID_MAX];
    const char *kind;  /* "device" | "provider" | "webrtc" | "media" | "tool" */
    const char *role;  /* "participant" | "isolated" | "tool" */
    const char *state; /* "calling" | "ringing" | "answered" | "ended" */
    char device_id[ENGINE_TEXT_MAX], provider_id[ENGINE_TEXT_MAX];
    char number[ENGINE_TEXT_MAX], name[ENGINE_TEXT_MAX];
    char codec[16];        /* "" until agreed */
    const char *encrypted; /* "no" | "sdes" | "dtls": how the audio is protected */
    char address[64];      /* where its media comes from, "" until known */
    bool is_muted;
    bool is_held;    /* by us (API) */
    bool is_holding; /* the party put us on hold */
    bool is_hidden;  /* it listens (role tool), and the configuration hides that from the parties */
    char whisper_to[ENGINE_ID_MAX]; /* leg that alone hears it, "" */
    struct engine_quality quality;
    bool has_audio;
    struct engine_audio audio;    /* as of the last report, every 5 s */
    char verdict[ENGINE_WHY_MAX]; /* "" = nothing to say */
};

struct engine_call_view {
    char call_id[ENGINE_ID_MAX];
    const char *direction; /* "inbound" | "outbound" | "internal" */
    char from[ENGINE_TEXT_MAX], from_name[ENGINE_TEXT_MAX], to[ENGINE_TEXT_MAX];
    const char *state;                                        /* "ringing" | "answered" | "ended" */
    int64_t started_wall_us, answered_wall_us, ended_wall_us; /* 0: not yet */
    char route_id[ENGINE_TEXT_MAX];
    const char *mode; /* "relay" | "mix" | "idle" */
    bool is_passthrough;
    bool is_locked; /* a room that lets nobody in */
    bool is_head;   /* its legs are left out: an event about one leg */
    uint32_t leg_count;
    struct engine_leg_view legs[];
};

struct engine_contact_view {
    char uri[256], user_agent[ENGINE_TEXT_MAX], address[64], transport[8];
    uint64_t expires_wall;
    int32_t rtt_us; /* < 0: not known */
    bool is_nat, is_reachable;
};

struct engine_device_view {
    char device_id[ENGINE_TEXT_MAX], display_name[ENGINE_TEXT_MAX], extension[ENGINE_TEXT_MAX];
    bool is_registered;
    uint32_t contact_count; /* may exceed what is listed */
    struct engine_contact_view contacts[ENGINE_CONTACTS_SHOWN_MAX];
    uint32_t call_count;
};

struct engine_provider_view {
    char provider_id[ENGINE_TEXT_MAX], display_name[ENGINE_TEXT_MAX], domain[ENGINE_TEXT_MAX];
    bool is_enabled, is_registering;
    const char
        *state; /* "disabled" | "starting" | "registered" | "reachable" | "ready" | "failed" */
    const char *fault;            /* "" or why: ua/provider.h */
    char verdict[ENGINE_WHY_MAX]; /* the same as a sentence */
    char last_response[ENGINE_TEXT_MAX];
    char address[64], transport[8]; /* of the server in use; "" until one answered */
    char public_address[64];        /* what it is told of us */
    uint64_t expires_wall;          /* of the registration; 0: none */
    int64_t next_try_wall_us;       /* of the next REGISTER; 0: none */
    int32_t rtt_us;                 /* < 0: not known */
    uint32_t failures;              /* of REGISTER, in a row */
    uint32_t call_count;
};

/** The port of browsers' sound and its handshakes; what each counts: worker/media_port.h. */
struct engine_web_status {
    uint32_t sessions, half_open;
    uint64_t packets, junk, unknown, forged, dropped, tcp_refused;
    uint64_t handshakes, handshakes_failed, handshakes_refused;
};

/** What the transports of SIP did, beside what became requests and responses. */
struct engine_sip_status {
    uint32_t connections;
    uint64_t connections_total, connections_refused, connections_timed_out, connections_bad;
    uint64_t connections_waiting; /* the system refused to open one: no file left */
    uint64_t handshakes_failed, kernel_drops, send_failures;
    uint64_t challenges, banned_dropped, stray;
};

struct engine_status {
    int64_t at_wall_us;
    uint32_t calls, calls_answered, legs, devices, devices_registered, providers, providers_up;
    uint64_t calls_total, calls_failed, calls_refused_overload;
    uint32_t rtp_ports_used, rtp_ports_free, media_workers;
    uint32_t rtp_port_min, rtp_port_max; /* the range in force */
    uint64_t rtp_ports_refused;          /* parties that got no port */
    struct engine_sip_status sip;
    uint64_t media_ticks, media_overruns;
    int64_t media_cpu_us; /* processor time of the media workers since start */
    struct media_worker_stats media_worker[MEDIA_WORKERS_MAX]; /* media_workers of them */
    struct engine_web_status web;
    uint64_t sip_requests, sip_responses, sip_bad, sip_retransmitted, auth_failures, bans;
    uint64_t bans_total; /* bans: in force */
    uint64_t events_lost;
    bool is_draining;
    uint64_t generation; /* of the configuration in force */
};

/* ---- events ---- */

#define ENGINE_EVENT_MAP(X)                                                                        \
    X(REPLY, "reply")       /* to a command; never pushed to people */                             \
    X(SNAPSHOT, "snapshot") /* everything anew: first event, and after events were lost */         \
    X(INCOMING_CALL, "incoming_call") /* by a phone or provider: behind its caller's LEG_ADDED */  \
    X(CALL_CREATED, "call_created")                                                                \
    X(CALL_RINGING, "call_ringing")                                                                \
    X(CALL_ANSWERED, "call_answered")                                                              \
    X(CALL_ENDED, "call_ended") /* reason, sip_status; the last event of a call */                 \
    X(LEG_ADDED, "leg_added")                                                                      \
    X(LEG_CHANGED, "leg_changed")                                                                  \
    X(LEG_REMOVED, "leg_removed") /* reason, sip_status */                                         \
    X(DEVICE_REGISTERED, "device_registered")                                                      \
    X(DEVICE_UNREGISTERED, "device_unregistered")                                                  \
    X(DEVICE_CHANGED, "device_changed")           /* reachability, contacts, number of calls */    \
    X(PROVIDER_REGISTERED, "provider_registered") /* or it answers again, without REGISTER */      \
    X(PROVIDER_FAILED, "provider_failed")         /* why */                                        \
    X(PROVIDER_CHANGED, "provider_changed")       /* only for who asks */                          \
    X(WEBRTC_AUDIO_RX, "webrtc_audio_rx")         /* a browser's first audio */                    \
    X(DTMF, "dtmf")                               /* digit, duration_ms */                         \
    X(PLAY_STARTED, "play_started")               /* play_id */                                    \
    X(PLAY_FINISHED, "play_finished")             /* play_id, why (how it ended), duration_ms */   \
    X(QUALITY, "quality")                                                                          \
    X(VERDICT, "verdict")                                                                          \
    X(CONFIG_CHANGED, "config_changed")                                                            \
    X(SECURITY_BAN, "security_ban") /* source, user in `subject`, seconds */                       \
    X(DRAINED, "drained")           /* no call is left while draining; read model only */

enum engine_event_kind {
#define X(name, text) ENGINE_##name,
    ENGINE_EVENT_MAP(X)
#undef X
};

struct engine_event {
    struct sr_mpsc_node node; /* private */
    enum engine_event_kind kind;
    uint64_t seq; /* 1, 2, 3... of this engine's epoch; 0 for REPLY */
    int64_t at_wall_us;
    char call_id[ENGINE_ID_MAX], leg_id[ENGINE_ID_MAX];
    struct engine_call_view *call;         /* owned by the event; NULL: not about a call */
    struct engine_leg_view *leg;           /* owned; LEG_REMOVED: the leg as it was at its end;
                                              NULL: not about one leg */
    struct engine_device_view *device;     /* owned; NULL: not about a device */
    struct engine_provider_view *provider; /* owned; NULL: not about a provider */
    const char *reason;                    /* CALL_ENDED, LEG_REMOVED: from call/reason.h */
    uint16_t sip_status;                   /* 0: none */
    char digit;
    uint32_t duration_ms;
    uint32_t ban_sec; /* SECURITY_BAN */
    char play_id[ENGINE_ID_MAX];
    char subject[ENGINE_TEXT_MAX];
    char why[ENGINE_WHY_MAX];

    /* REPLY */
    uint64_t token;
    enum sr_err err;
    struct sr_buf body; /* JSON where a command answers with some; else empty */

    /* SNAPSHOT: all calls and devices; owned */
    struct engine_call_view **calls;
    uint32_t call_count;
    struct engine_device_view *devices;
    uint32_t device_count;
    struct engine_provider_view *providers;
    uint32_t provider_count;
};

/** "call_answered"... Never NULL. */
const char *engine_event_name(enum engine_event_kind kind);
/** Who reads: those who run the router see all; who merely takes part in a call (role `user`) sees no
    address of a party and no hidden listener. */
enum engine_audience {
    ENGINE_FOR_STAFF,
    ENGINE_FOR_PARTIES,
};
/** The event as people get it: {type, seq, at, callId?, legId?, ...}. */
void engine_event_json(const struct engine_event *event, enum engine_audience audience,
                       struct sr_buf *buf);
/** Whether parties must be told in other words than the staff. */
bool engine_event_has_secrets(const struct engine_event *event);
/** Whether parties are not told at all: it is about a hidden listener. */
bool engine_event_is_hidden(const struct engine_event *event);
void engine_call_json(const struct engine_call_view *call, enum engine_audience audience,
                      struct sr_json *json);
void engine_device_json(const struct engine_device_view *device, struct sr_json *json);
/** Registered or answering. */
bool engine_provider_is_up(const struct engine_provider_view *provider);
void engine_provider_json(const struct engine_provider_view *provider, struct sr_json *json);
void engine_status_json(const struct engine_status *status, struct sr_json *json); /* its members */
/**
 * Takes an event into the view that is kept of its call: it then shows the call right after the event.
 *
 * @param kept  owned, NULL: none yet
 * @return the view, maybe at another place (sr_free); NULL: nothing is known of the call, because
 *         events were lost: a snapshot follows
 */
struct engine_call_view *engine_call_view_take(struct engine_call_view *kept,
                                               const struct engine_event *event);
struct engine_call_view *engine_call_view_copy(const struct engine_call_view *call); /* sr_free */
void engine_event_free(struct engine_event *event); /* NULL is fine */

/* ---- commands ---- */

enum engine_command_kind {
    ENGINE_DO_CONFIGURE,   /* config: its reference moves to the engine */
    ENGINE_DO_CALL,        /* to, from, caller_id -> body {"callId":...} */
    ENGINE_DO_HANGUP,      /* call_id */
    ENGINE_DO_CALL_CHANGE, /* call_id, has_locked and value */
    ENGINE_DO_LEG_ADD,     /* call_id, to, has_role, has_whisper -> body {"legId":...} */
    ENGINE_DO_LEG_REMOVE,  /* call_id, leg_id */
    ENGINE_DO_LEG_CHANGE,  /* call_id, leg_id, has_* and values */
    ENGINE_DO_TRANSFER,    /* call_id, leg_id, and to (a number) or to_call_id (a live call) */
    ENGINE_DO_DTMF,        /* call_id, leg_id, digits, duration_ms */
    ENGINE_DO_PLAY, /* call_id, sound, is_file, voice, is_looping, legs -> body {"playId":...} */
    ENGINE_DO_PLAY_STOP,  /* call_id, play_id; empty: all of the call */
    ENGINE_DO_TRACE,      /* call_id -> body: array as store_trace; NOTFOUND: not a live call */
    ENGINE_DO_ROUTE_TEST, /* to, from, device -> body as POST /api/routes/test */
    ENGINE_DO_SNAPSHOT,   /* a SNAPSHOT event follows */
    /* a page that is a phone (contract: "Browser phone"); `client` names its socket. What there is to
       say comes as notes (engine_next_note), never as a REPLY */
    ENGINE_DO_WEBRTC_REGISTER, /* device_id ("" guest), from: name shown, session_token, owner */
    ENGINE_DO_WEBRTC_OFFER,    /* session_id, sdp, session_token: resume */
    ENGINE_DO_WEBRTC_LINK,     /* call_id, session_id */
    ENGINE_DO_WEBRTC_HANGUP,   /* session_id */
    ENGINE_DO_WEBRTC_REJECT,   /* call_id */
    ENGINE_DO_WEBRTC_GONE,     /* the socket has closed */
    ENGINE_DO_DRAIN, /* no new calls; duration_ms until live ones are ended; DRAINED follows */
};

struct engine_command {
    struct sr_mpsc_node node; /* private */
    enum engine_command_kind kind;
    uint64_t token; /* comes back in the REPLY; 0: no reply wanted */
    char call_id[ENGINE_ID_MAX], leg_id[ENGINE_ID_MAX], to_call_id[ENGINE_ID_MAX];
    char to[ENGINE_TEXT_MAX], from[ENGINE_TEXT_MAX], caller_id[ENGINE_TEXT_MAX];
    char provider_id[ENGINE_TEXT_MAX], direction[16];
    char device_id[ENGINE_TEXT_MAX]; /* CALL, LEG_ADD, TRANSFER: of the login that asks; it pays */
    char digits[64];
    uint32_t duration_ms;
    bool has_muted, is_muted;
    bool has_held, is_held;
    bool has_locked, is_locked;
    bool has_role; /* LEG_ADD too: who comes to listen in */
    char role[16];
    bool has_whisper;
    char whisper_to[ENGINE_ID_MAX]; /* a leg of the call; "": nobody */
    char sound[ENGINE_SOUND_MAX];   /* text, or a path below the data folder */
    char voice[64], play_id[ENGINE_ID_MAX];
    bool is_file, is_looping;
    uint32_t play_leg_count; /* 0: the whole call */
    char play_legs[ENGINE_PLAY_LEGS_MAX][ENGINE_ID_MAX];
    struct config *config;

    uint64_t client;             /* WEBRTC: the socket */
    char owner[ENGINE_TEXT_MAX]; /* WEBRTC_REGISTER, CALL: who is logged in there */
    char session_id[ENGINE_TEXT_MAX], session_token[ENGINE_TOKEN_MAX];
    char *sdp; /* WEBRTC_OFFER: moves to the engine when engine_submit() is SR_OK; sr_free */
};

/** A message to one page, ready to be sent. */
struct engine_note {
    struct sr_mpsc_node node; /* private */
    uint64_t client;
    struct sr_str text; /* JSON; behind this struct */
};

/**
 * Web thread (or any one other thread at a time): hands a command to the engine.
 *
 * @return SR_OK: a REPLY with command->token will come (if token is not 0);
 *         SR_ERR_LIMIT too many commands wait: answer 503
 */
SR_MUST_USE enum sr_err engine_submit(struct engine *engine, const struct engine_command *command);
/** Web thread: the next event, or NULL. It belongs to the caller. */
struct engine_event *engine_next_event(struct engine *engine);
/** Web thread: the next message to a page, or NULL; sr_free() it. They have a queue of their own:
    events cannot hold them up. */
struct engine_note *engine_next_note(struct engine *engine);
/** Web thread: true once after that queue was full and messages were lost: close the sockets of all
    pages (1013), so that they register again. */
bool engine_notes_were_lost(struct engine *engine);
/** Any thread: random number of this engine's life, for `epoch`. */
uint64_t engine_epoch(const struct engine *engine);
/** Any thread: counters as of the last second. */
void engine_status(struct engine *engine, struct engine_status *ret_status);

#endif
