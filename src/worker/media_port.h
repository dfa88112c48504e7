/**
 * @file media_port.h  The signalling thread's door to the media plane.
 *
 * A *room* is the audio of one call; a *leg* is one party in it: a pair of RTP ports towards a phone,
 * or something inside the router (echo). Orders go down and never fail once a leg or room is open;
 * events come back through one callback on the signalling thread. Two implementations of the table:
 * worker threads with sockets (worker/port_threads.h) and a twin in virtual time without either
 * (worker/port_sim.h), so that whole calls can be tested.
 *
 * All legs of a room run on one worker. Each participant hears the sum of all others (mix-minus); an
 * isolated leg hears its prompt or silence and is heard by nobody; a tool gets every source and is
 * never heard. The caller chooses the speed of a room: MEDIA_MODE_RELAY forwards packets between
 * two participants that share codec and packet time; MEDIA_MODE_MIX does everything else. A switch keeps each
 * outgoing stream continuous: same SSRC, sequence + 1, timestamps advance with media time.
 *
 * Layer:   worker
 * Thread:  signalling thread only; the callback runs there, from the loop, never from inside an order
 * Memory:  ids name things; nothing is shared; options are copied
 */
#ifndef SR_WORKER_MEDIA_PORT_H
#define SR_WORKER_MEDIA_PORT_H

#include "base/addr.h"
#include "dtls/dtls.h"
#include "media/codec.h"
#include "rtc/ice.h"
#include "rtc/srtp.h"
#include "worker/clip.h"

enum {
    MEDIA_FORMATS_MAX = 8,  /* payload types one stream may use */
    MEDIA_LEGS_MAX = 320,   /* legs in one room, parties and branches that ring */
    MEDIA_DTMF_MS_MIN = 40, /* RFC 4733 2.5.2.3: shorter digits are lengthened */
    MEDIA_DTMF_MS_DEFAULT = 160,
    MEDIA_DTMF_MS_MAX = 5000,
    MEDIA_DTMF_QUEUE_MAX = 64, /* digits waiting on one leg; more are refused */
    MEDIA_PLAYS_MAX = 16,      /* sounds of one leg, with those that wait */
};

enum media_mode {
    MEDIA_MODE_IDLE, /* nothing flows; the newest packets are kept for the mode that follows */
    MEDIA_MODE_RELAY,
    MEDIA_MODE_MIX,
};

enum media_role {
    MEDIA_ROLE_PARTICIPANT,
    MEDIA_ROLE_ISOLATED,
    MEDIA_ROLE_TOOL,
};

enum media_leg_kind {
    MEDIA_LEG_RTP,    /* ports and sockets towards a SIP party */
    MEDIA_LEG_ECHO,   /* a participant that says what it hears; no sockets */
    MEDIA_LEG_PLAYER, /* a participant that says what it is given to play; no sockets */
    /** A browser, or a phone that speaks WebRTC: ICE-lite, DTLS-SRTP, rtcp-mux on the one port all
        of them share (UDP, and passive TCP on the same number). */
    MEDIA_LEG_WEBRTC,
    /** Ports like RTP, but what comes goes out of the other PIPE of the room as it is (any codec, SRTP
        end to end, video, T.38); only the safety rules look at it. Never with other kinds in a room. */
    MEDIA_LEG_PIPE,
};

/** What a leg hears instead of the mix (a held party, ring-back before an answer). */
enum media_prompt {
    MEDIA_PROMPT_NONE,
    MEDIA_PROMPT_SILENCE,
    MEDIA_PROMPT_MUSIC, /* the hub's music on hold */
    MEDIA_PROMPT_RINGBACK,
    MEDIA_PROMPT_BUSY,
    MEDIA_PROMPT_CONGESTION,
};

/** One payload type of a stream. */
struct media_format {
    uint8_t payload_type;
    enum codec_id codec; /* CODEC_NONE with is_dtmf: telephone-event (RFC 4733) */
    bool is_dtmf;
    uint32_t clock_hz; /* RTP clock */
};

/** How the audio of a leg is protected. Other than NONE nothing is ever sent or taken in the clear. */
enum media_crypto {
    MEDIA_CRYPTO_NONE,
    MEDIA_CRYPTO_SDES, /* keys came in the SDP (RFC 4568) */
    MEDIA_CRYPTO_DTLS, /* keys come out of a handshake (RFC 5764) */
};

/** What one offer/answer exchange came to, seen from us. Holds secrets with SDES: wipe copies. */
struct media_stream {
    /* what a relayed packet needs comes first */
    enum media_crypto crypto;
    bool can_send;             /* direction: we may send */
    bool can_recv;             /* direction: the peer may send */
    bool dtmf_wanted;          /* send digits as RFC 4733 */
    bool is_dtmf_kept;         /* its digits are not relayed: who gets the event passes them on */
    uint8_t dtmf_payload_type; /* as the peer numbers it */
    uint8_t send_payload_type; /* of the answered codec, as the peer numbers it */
    uint8_t format_count;
    enum codec_id send_codec;                       /* CODEC_NONE: nothing can be sent */
    struct media_format formats[MEDIA_FORMATS_MAX]; /* what we may receive */
    struct sr_addr remote_rtp;                      /* SDP address; family NONE: not known yet */
    struct sr_addr remote_rtcp;                     /* family NONE: remote_rtp's port + 1 */
    struct sr_addr signalling; /* the peer's signalling source: a candidate with any port (NAT) */
    bool rtcp_mux;
    uint32_t dtmf_clock_hz;
    uint16_t ptime_ms;           /* of what we send; 0: 20 */
    struct codec_opus_fmtp opus; /* what the peer wants to receive */
    struct srtp_keys tx, rx; /* SDES: what we and what the peer protect with; suite NONE: not yet */
    struct dtls_fingerprint dtls_peer; /* DTLS on an RTP leg: what its certificate must have */
    bool is_dtls_client;               /* the same: we send the ClientHello */
    bool is_rtp;               /* PIPE: packets have RTP's header; else any datagram (T.38) */
    uint32_t rtp_clock_hz;     /* PIPE with is_rtp: of the codec in use, for the jitter; 0: 8000 */
    uint64_t payload_types[2]; /* PIPE with is_rtp: bit n: payload type n was agreed */
};

struct media_leg_options {
    enum media_leg_kind kind;
    struct sr_addr local; /* RTP: address the sockets bind (port ignored) */
    uint64_t cookie;      /* comes back with every event of this leg */
};

/** Why a sound is over. */
enum media_play_end {
    MEDIA_PLAY_DONE,    /* played to its end */
    MEDIA_PLAY_STOPPED, /* by order, or another one took its place */
    MEDIA_PLAY_DIGIT,   /* the party pressed a key */
    MEDIA_PLAY_CLOSED,  /* the leg closed */
};

/** What is played to a leg. A clip or a feed, never both. */
struct media_play_options {
    struct media_clip *clip; /* references are taken */
    struct media_feed *feed; /* played once by one leg */
    uint64_t play;           /* comes back with MEDIA_EVENT_PLAYED; not 0, unique on the leg */
    float gain;              /* factor; 0: 1 */
    bool is_looping;         /* clip: for ever (a feed's writer repeats) */
    bool is_over;            /* over what the leg hears; else in its place */
    bool is_queued;          /* after what it plays now; else that is stopped */
    bool stops_on_digit;     /* as soon as a key goes down on that leg */
};

struct media_leg_stats {
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
    uint64_t rx_dropped; /* refused by the safety rules, of an unknown type, malformed, too many */
    uint64_t rx_stray;   /* of those: from an address that is not the leg's */
    uint64_t rx_unknown_type;  /* of those: of a payload type that was not agreed */
    uint8_t unknown_type;      /* the last such type */
    uint64_t kernel_drops;     /* packets its socket had no room for: not among the above */
    struct sr_addr stray_from; /* the last stray's source, not verified; family NONE: none */
    uint64_t peer_reports;     /* RTCP reports of the peer */
    uint64_t peer_blocks;      /* those that tell how our packets arrive */
    double peer_loss_pct;      /* what the peer misses of them, by its last report */
    uint64_t lost, late;
    uint64_t concealed; /* 20 ms of sound made up in the mixer since its last start */
    double loss_pct;    /* since the last report */
    double jitter_ms;
    double rtt_ms;              /* < 0: not known */
    double mos;                 /* E-model; < 0: not known */
    double level_rx_dbfs;       /* loudest 20 ms since the last report; -127 silence; NaN: it
                             was not mixed all the time (relay) */
    double buffer_ms;           /* depth of the jitter buffer */
    struct sr_addr remote_seen; /* where packets come from; family NONE: none yet */
    uint64_t srtp_auth_failed;  /* not protected with the agreed key: dropped */
    uint64_t srtp_replayed;
    enum srtp_suite srtp_suite; /* what we protect with, by SDES or a handshake; NONE: nothing */

    /* the way of its sound through the mixer; bus_hz 0: it is not mixed */
    uint32_t bus_hz, rx_hz, tx_hz; /* of the bus, of its decoder, of its encoder */
    bool is_shared;                /* another leg's encoder works for it: they hear the same */
    double target_ms;              /* delay the jitter buffer aims at */
    double drift_ppm;              /* of its clock against ours; > 0: it is fast */
    uint64_t stretches;            /* times the sound was made longer or shorter */
    double packet_ms;              /* speech in one of its packets; also in relay, as agreed */
    double delay_in_ms;            /* from a packet's arrival to the bus */
    double delay_out_ms;           /* from the bus to the packet that leaves */
    double cpu_us;                 /* of mixing it, per second, since the last report */
};

/* ---- WebRTC legs: see media_leg_webrtc_local() ---- */

/** What the other side is told of us. */
struct media_webrtc_local {
    struct ice_local ice;                                /* a=ice-ufrag, a=ice-pwd */
    char fingerprint[DTLS_FINGERPRINT_TEXT_MAX];         /* a=fingerprint: "sha-256 AA:BB:..." */
    struct ice_candidate candidates[ICE_CANDIDATES_MAX]; /* a=: ice_candidate_write() */
    size_t candidate_count;
};

/** What the other side told of itself. */
struct media_webrtc_remote {
    struct sr_str ufrag, pwd; /* copied */
    struct dtls_fingerprint fingerprint;
    bool is_dtls_client;     /* our role: true (setup:active) we send the ClientHello */
    bool is_dtls_new_wanted; /* a new association though the fingerprint is the same */
};

enum media_webrtc_state {
    MEDIA_WEBRTC_CHECKING, /* the first valid check came: the page reaches us */
    MEDIA_WEBRTC_CONNECTED, /* ICE has a pair (`addr`): the first, or again after a loss or restart */
    MEDIA_WEBRTC_DTLS_UP, /* keys are in force; a browser may shake hands before it nominates a pair, so
                               audio flows when this and CONNECTED have come, in either order. Again after
                               a new association */
    MEDIA_WEBRTC_FAILED, /* no check in 5 s, or DTLS refused: `why` is one plain sentence. A late
                               check heals a failed ICE: CONNECTED follows */
    MEDIA_WEBRTC_LOST,   /* no check for 15 s, or its TCP connection broke: detached, not ended;
                               CONNECTED follows when checks return or after a restart */
    MEDIA_WEBRTC_CLOSED, /* the peer said close_notify: detached, not ended */
};

const char *media_webrtc_state_name(enum media_webrtc_state state);

enum {
    MEDIA_ADDRESSES_MAX = 32
};

/** Where browsers may find us: for candidates. */
struct media_addresses {
    struct sr_addr local[MEDIA_ADDRESSES_MAX]; /* of this host; ports ignored */
    size_t local_count;
    struct sr_addr public_ip4, public_ip6; /* see media_port_set_public() */
};

enum media_event_kind {
    MEDIA_EVENT_LATCHED, /* packets flow from `addr`; also when it changes */
    MEDIA_EVENT_DTMF,    /* digit, duration_ms (RFC 4733, after its end) */
    MEDIA_EVENT_PLAYED,  /* play, play_end, played_ms, starved_ms: once for every media_leg_play */
    MEDIA_EVENT_TIMEOUT, /* nothing was received for the leg's time-out; once until packets return */
    MEDIA_EVENT_STATS,   /* every 5 s while open */
    MEDIA_EVENT_CLOSED,  /* last event of a leg: ports and memory are free; final stats */
    MEDIA_EVENT_MODE,    /* a room's switch is done: `mode` */
    MEDIA_EVENT_WEBRTC,  /* `webrtc`, `addr`, `why` */
};

struct media_event {
    enum media_event_kind kind;
    sr_id room; /* the room the leg is in, or was */
    sr_id leg;  /* SR_ID_NONE for MEDIA_EVENT_MODE */
    uint64_t cookie;
    struct sr_addr addr;
    char digit;
    uint16_t duration_ms;
    bool is_relayed; /* DTMF: its packets went to the other party as they came */
    enum media_mode mode;
    uint64_t play;
    enum media_play_end play_end;
    uint32_t played_ms;  /* of the sound itself; with a loop, of all rounds */
    uint32_t starved_ms; /* silence because a feed came late */
    enum media_webrtc_state webrtc;
    const char *why; /* one plain sentence, or NULL; valid during the callback */
    struct media_leg_stats stats;
};

/** May order anything, also close the leg it is about. */
typedef void media_event_fn(void *arg, const struct media_event *event);

enum {
    MEDIA_WORKERS_MAX = 64,
};

/** One worker. Counters since its start; packets and drops as of the last 100 ms. */
struct media_worker_stats {
    uint64_t rooms, legs;
    uint64_t legs_mixed;      /* in rooms that mix */
    uint64_t legs_quiet;      /* of those: silent or muted, so not summed now */
    uint64_t rx_packets;      /* taken from parties */
    uint64_t tx_packets;      /* sent to them */
    uint64_t kernel_drops;    /* came, but a socket had no room */
    uint64_t ticks;           /* of 20 ms */
    uint64_t late_ticks;      /* began over 5 ms late */
    uint64_t overruns;        /* began over 20 ms late: heard as a gap when a buffer ran dry */
    uint64_t overruns_stolen; /* of those: in a second in which the host took the machine's time */
    uint64_t encodes;         /* packets coded */
    uint64_t encodes_shared;  /* sent without being coded again: their hearers share an encoder */
    uint64_t reports_refused; /* values the signalling thread was too far behind to take */
    uint64_t opus_complexity; /* in force, lowered while it falls behind */
    sr_usec cpu_us;           /* processor time */
};

/** The browser port and its handshakes, since start. */
struct media_web_stats {
    uint32_t half_open; /* handshakes that are under way */
    uint64_t packets;   /* received */
    uint64_t junk;      /* neither STUN, DTLS nor media, or broken; records of no handshake */
    uint64_t unknown;   /* from who has not proven himself: dropped */
    uint64_t forged;    /* checks with a wrong password, or of no session of ours: no answer */
    uint64_t dropped;   /* a ring was full */
    uint64_t tcp_refused;
    uint64_t handshakes, handshakes_failed, handshakes_refused;
};

struct media_port_stats {
    uint32_t rooms, legs;
    uint32_t ports_used, ports_free; /* RTP port pairs */
    uint64_t ticks, overruns;        /* of all workers */
    uint32_t workers;
    sr_usec cpu_us; /* processor time of all workers since their start */
    struct media_worker_stats worker[MEDIA_WORKERS_MAX];
    struct media_web_stats web;
};

struct media_port;

struct media_port_ops {
    enum sr_err (*room_open)(struct media_port *port, uint64_t cookie, sr_id *ret_room);
    void (*room_close)(struct media_port *port, sr_id room);
    void (*room_set_mode)(struct media_port *port, sr_id room, enum media_mode mode);
    enum sr_err (*leg_open)(struct media_port *port, sr_id room,
                            const struct media_leg_options *options, sr_id *ret_leg,
                            struct sr_addr *ret_rtp);
    void (*leg_set_stream)(struct media_port *port, sr_id leg, const struct media_stream *stream);
    void (*leg_set_role)(struct media_port *port, sr_id leg, enum media_role role);
    void (*leg_set_prompt)(struct media_port *port, sr_id leg, enum media_prompt prompt);
    void (*leg_set_muted)(struct media_port *port, sr_id leg, bool is_muted);
    void (*leg_set_whisper)(struct media_port *port, sr_id leg, sr_id to);
    void (*leg_set_timeout)(struct media_port *port, sr_id leg, uint32_t timeout_sec);
    enum sr_err (*leg_dtmf)(struct media_port *port, sr_id leg, char digit, uint32_t duration_ms);
    enum sr_err (*leg_play)(struct media_port *port, sr_id leg,
                            const struct media_play_options *options);
    void (*leg_stop)(struct media_port *port, sr_id leg, uint64_t play);
    void (*set_music)(struct media_port *port, struct media_clip *clip);
    void (*leg_move)(struct media_port *port, sr_id leg, sr_id room);
    void (*leg_close)(struct media_port *port, sr_id leg);
    enum sr_err (*leg_webrtc_local)(struct media_port *port, sr_id leg,
                                    struct media_webrtc_local *ret_local);
    enum sr_err (*leg_webrtc_remote)(struct media_port *port, sr_id leg,
                                     const struct media_webrtc_remote *remote);
    void (*fingerprint)(struct media_port *port, char out[DTLS_FINGERPRINT_TEXT_MAX]);
    void (*stats)(struct media_port *port, struct media_port_stats *ret_stats);
    void (*set_ports)(struct media_port *port, uint16_t port_min, uint16_t port_max);
    void (*free)(struct media_port *port);
};

/** Of a table: the slots for rooms and legs, where a file has functions of their names. */
#define MEDIA_PORT_OPS_OF_ROOMS                                                                    \
    .room_open = room_open, .room_close = room_close, .room_set_mode = room_set_mode,              \
    .leg_open = leg_open, .leg_set_stream = leg_set_stream, .leg_set_role = leg_set_role,          \
    .leg_set_prompt = leg_set_prompt, .leg_set_muted = leg_set_muted,                              \
    .leg_set_whisper = leg_set_whisper, .leg_set_timeout = leg_set_timeout, .leg_dtmf = leg_dtmf,  \
    .leg_play = leg_play, .leg_stop = leg_stop, .set_music = set_music, .leg_move = leg_move,      \
    .leg_close = leg_close

/** First member of every implementation. */
struct media_port {
    const struct media_port_ops *ops;
    struct media_addresses addresses;
};

/**
 * Opens a room on the emptiest worker, in MEDIA_MODE_IDLE.
 *
 * @return SR_OK; SR_ERR_LIMIT too many rooms: answer 503
 */
SR_MUST_USE enum sr_err media_room_open(struct media_port *port, uint64_t cookie, sr_id *ret_room);
/** Legs still inside are closed with it (each with its own event). */
void media_room_close(struct media_port *port, sr_id room);
/** RELAY needs exactly two participants whose streams have the same send codec, clock and packet
    time and no prompt; otherwise it behaves as MIX. Acts at the next tick at latest; from MIX to RELAY the jitter
    buffers are drained first. MEDIA_EVENT_MODE tells when it is done. */
void media_room_set_mode(struct media_port *port, sr_id room, enum media_mode mode);

/**
 * Opens a leg: an RTP leg gets an even RTP port and the odd one above it for RTCP.
 *
 * @param[out] ret_rtp  address and port to write into SDP; family NONE for ECHO and WEBRTC
 *
 * @return SR_OK; SR_ERR_LIMIT no port pair is free, or the room is full: answer 503;
 *         SR_ERR_IO the system refused a socket; SR_ERR_NOTFOUND no such room;
 *         SR_ERR_UNSUPPORTED a WEBRTC leg, but proxy.webrtcPort is off
 */
SR_MUST_USE enum sr_err media_leg_open(struct media_port *port, sr_id room,
                                       const struct media_leg_options *options, sr_id *ret_leg,
                                       struct sr_addr *ret_rtp);
/** After every exchange of SDP; also unlocks the source address so that it is learnt anew when the
    remote address changed. Codec state is kept when nothing about it changed. */
void media_leg_set_stream(struct media_port *port, sr_id leg, const struct media_stream *stream);
void media_leg_set_role(struct media_port *port, sr_id leg, enum media_role role);
void media_leg_set_prompt(struct media_port *port, sr_id leg, enum media_prompt prompt);
/** A muted leg is heard by nobody and hears everybody; its digits still count. */
void media_leg_set_muted(struct media_port *port, sr_id leg, bool is_muted);
/** A leg of role TOOL is heard by `to` alone, beside what that one hears; SR_ID_NONE, or a leg of
    another room: by nobody. Other roles: nothing changes until it is a TOOL. */
void media_leg_set_whisper(struct media_port *port, sr_id leg, sr_id to);
/** 0: never. Counts from the last packet, or from now. */
void media_leg_set_timeout(struct media_port *port, sr_id leg, uint32_t timeout_sec);
/**
 * Sends one digit (0-9 * # A-D) to the party, as RFC 4733 or, without that in the stream, as tones: then the room is
 * mixed meanwhile, also when relay is wanted. One after the other, while the leg can be sent to.
 *
 * @return SR_OK; SR_ERR_SYNTAX no digit; SR_ERR_LIMIT too many are waiting; SR_ERR_NOTFOUND
 */
SR_MUST_USE enum sr_err media_leg_dtmf(struct media_port *port, sr_id leg, char digit,
                                       uint32_t duration_ms);
/**
 * Plays a sound: to the leg alone, or, on a MEDIA_LEG_PLAYER, to the whole room. The room is mixed
 * meanwhile, also when relay is wanted. Time passes only while the leg can hear (its stream is set and may send);
 * in MEDIA_MODE_IDLE it waits. Starts, stops and ends without a click; goes along when the leg moves.
 *
 * @return SR_OK: MEDIA_EVENT_PLAYED comes exactly once, before the leg's CLOSED;
 *         SR_ERR_NOTFOUND; SR_ERR_LIMIT MEDIA_PLAYS_MAX are playing or waiting
 */
SR_MUST_USE enum sr_err media_leg_play(struct media_port *port, sr_id leg,
                                       const struct media_play_options *options);
/** Stops that sound; 0: every one of the leg. Nothing happens when it is over already. */
void media_leg_stop(struct media_port *port, sr_id leg, uint64_t play);
/** What MEDIA_PROMPT_MUSIC is from now on, everywhere (each room at its own place). NULL: the
    generated melody. A reference is taken. */
void media_port_set_music(struct media_port *port, struct media_clip *clip);
/** Takes the leg to another room, also on another worker: no packet is lost, at most one tick late. */
void media_leg_move(struct media_port *port, sr_id leg, sr_id room);
/**
 * What to write into an offer or answer for a WEBRTC leg (BUNDLE with one audio m-line, rtcp-mux,
 * ice-lite, end-of-candidates; c= and m= as the writer likes).
 *
 * Order of calls. We answer: webrtc_remote(what the offer says), then webrtc_local() for the
 * answer. We offer: webrtc_local() for the offer, webrtc_remote() when the answer is there. In both
 * cases media_leg_set_stream() tells codecs and payload types (remote_rtp, remote_rtcp and
 * signalling stay empty, rtcp_mux true). Resume (reload, new network): the new offer goes
 * through webrtc_remote() and webrtc_local() again on the same leg: another ufrag restarts ICE with
 * new credentials of ours, while the old path works until the new one is nominated; another
 * fingerprint or role, or is_dtls_new_wanted, begins a new DTLS association, while the old keys work
 * until the new ones are there. SSRC, sequence and timestamps that we send go on.
 *
 * @return SR_OK; SR_ERR_NOTFOUND no such WEBRTC leg
 */
SR_MUST_USE enum sr_err media_leg_webrtc_local(struct media_port *port, sr_id leg,
                                               struct media_webrtc_local *ret_local);
/** @return SR_OK; SR_ERR_NOTFOUND no such WEBRTC leg; SR_ERR_SYNTAX ufrag or password break RFC 8839 */
SR_MUST_USE enum sr_err media_leg_webrtc_remote(struct media_port *port, sr_id leg,
                                                const struct media_webrtc_remote *remote);
/** a=fingerprint of every leg: "sha-256 AA:BB:...". An RTP leg whose stream has MEDIA_CRYPTO_DTLS shakes
    hands over its own RTP socket, with the address in the SDP or one that may lock the source; events
    MEDIA_EVENT_WEBRTC tell DTLS_UP, FAILED and CLOSED. Its RTCP needs rtcp_mux. */
void media_port_fingerprint(struct media_port *port, char out[DTLS_FINGERPRINT_TEXT_MAX]);
/** Addresses for candidates from now on; at start, and when one is learnt or changes. */
void media_port_set_addresses(struct media_port *port, const struct media_addresses *addresses);
/** How the world sees us, configured or learnt; family NONE: not known. For candidates from now on. */
void media_port_set_public(struct media_port *port, const struct sr_addr *ip4,
                           const struct sr_addr *ip6);
/** For the implementations: the candidates of a browser port of this number. @return count */
size_t media_port_candidates(const struct media_port *port, uint16_t number,
                             struct ice_candidate *out, size_t max);
/** MEDIA_EVENT_CLOSED follows; the id finds nothing any more. */
void media_leg_close(struct media_port *port, sr_id leg);
void media_port_stats(struct media_port *port, struct media_port_stats *ret_stats);
/** A new port range for legs opened from now on (a reload). Ports are 1024..65535, min < max. */
void media_port_set_ports(struct media_port *port, uint16_t port_min, uint16_t port_max);
/** Closes everything, ends the workers. No event comes after it returned; the loop must not turn
    again after that. */
void media_port_free(struct media_port *port);

#endif
