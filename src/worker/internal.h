/**
 * @file internal.h  Rooms, legs and workers of the real media port. Only src/worker/ includes this.
 *
 * The *front* (port_threads.c) runs on the signalling thread: it opens sockets, takes memory, decides
 * relay or mix and the bus rate, and sends orders. A *worker* owns rooms and legs from their first
 * order to the return of their last. An order is taken by the front, travels to the worker, comes
 * back through `returned` and is freed by the front: the worker never allocates. Digits, latches
 * and statistics come back as values through a bounded ring per worker.
 *
 * Thread:  each struct says
 */
#ifndef SR_WORKER_INTERNAL_H
#define SR_WORKER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "base/mpsc.h"
#include "base/random.h"
#include "base/ring.h"
#include "media/dtmf.h"
#include "media/hold_music.h"
#include "media/jitter.h"
#include "media/latch.h"
#include "media/level.h"
#include "media/mix.h"
#include "media/noise.h"
#include "media/playout.h"
#include "media/quality.h"
#include "media/resample.h"
#include "media/rtcp.h"
#include "media/tone.h"
#include "net/loop.h"
#include "worker/bport.h"
#include "worker/media_port.h"
#include "worker/play.h"
#include "worker/tally.h"

enum {
    WORKER_TICK_MS = 20,
    WORKER_SLOTS = 20,         /* sub-slots of 1 ms; a room's tick runs in one of them */
    WORKER_GROUP_SLOTS = 5,    /* sub-slots that wait for their last while there is time */
    WORKER_BURST_MAX = 16,     /* packets of one socket in one turn */
    WORKER_EVENTS_MAX = 256,   /* ready sockets in one turn */
    WORKER_REPORTS_MAX = 4096, /* values waiting for the front; states are told later */
    WORKER_FIGURES_MAX = 3072, /* statistics among them: the rest is for digits and states */
    WORKER_HOUSEKEEPING_MS = 100,
    WORKER_STATS_MS = 5000,
    WORKER_GATHER_READY = 500, /* ready sockets in one housekeeping: from then on they gather, */
    WORKER_GATHER_US = 500,    /* for so long: what a relayed packet may wait for others */
    WORKER_STEP_US = 200,      /* ready relay sockets are served at least this often */
    WORKER_CATCH_UP_MAX = 5,   /* ticks made up for after a stall; more are given up */
    WORKER_DRAIN_MS = 500,     /* longest wait for empty jitter buffers before relay */
    WORKER_SEAM_MS = 60,       /* longest pause of a stream that relay gave to the mixer */
    ROOM_LEGS_FIRST = 4,       /* places of a room at first; then twice as many at a time */
    LEG_RECENT_MAX = 3,        /* packets of a relayed leg kept to prime a decoder, */
    LEG_RECENT_BYTES = 160,    /* no longer than this */
    EARLY_PLACES = 256,        /* packets of a worker that came too early */
    EARLY_LEG_MAX = 8,         /* of one leg; the newest are kept */
    EARLY_BYTES_MAX = 512,     /* longer ones are not kept */
    EARLY_AGE_MAX = 250000,    /* microseconds; older ones are not heard any more */
    WORKER_CONNECT_IDLE_MS = 500,
    WORKER_NICE = -11,
    WORKER_MARK_RTCP = 1,    /* bits of what epoll gives back: a leg's RTCP socket; */
    WORKER_MARK_BPORT = 2,   /* a socket of the browser port */
    LEG_PPS_MAX = 250,       /* packets a second taken from one leg; the excess is dropped */
    LEG_PIPE_PPS_MAX = 4000, /* the same of a pipe: video */
    LEG_LONE_US = 5000,      /* a packet so long after the one before it came alone */
    LEG_SOCKET_BYTES = 256 * 1024,
    LEG_FRAME_MAX = MIX_FRAME_SAMPLES_MAX,
    LEG_SRTP_GRACE_MS = 2000, /* after the first packet under new keys the old ones still count */
    LEG_PACKET_ROOM = RTP_PACKET_BYTES_MAX + SRTP_TRAILER_BYTES_MAX, /* of every packet buffer */
    LEG_TAIL_MS = 10, /* who leaves fades out in this time */
    LEG_TAIL_MAX = MIX_RATE_HZ_MAX / 1000 * LEG_TAIL_MS,
    LEG_AWAY_MS = 600, /* a page that sent nothing for so long is replaced by faint noise */
    LEG_AWAY_DBOV = -66,
    LEG_QUIET_TICKS = 20, /* below LEG_QUIET_DBFS for so long: not summed any more */
    MSHARES_MAX = 8,      /* encoders shared in one room; more kinds of listeners keep their own */
    MSHARE_AFTER_TICKS = 15, /* a leg that hears the plain sum for so long joins */
    WORKER_LATE_US = 5000,   /* a tick later than this: the worker falls behind */
    WORKER_EASE_MS = 5000,   /* a step back up after so long without */
    WORKER_BUSY_MS = 40,     /* at work for so much of one housekeeping: sub-slots wait no more */
};

#define LEG_QUIET_DBFS (-60.0f)
#define WORKER_STEPPED_WALL (INT64_C(1767225600) * SR_SEC) /* the wall at 0: 2026 */
#define LEG_STAMP_AGE_MAX (10 * SR_SEC) /* older: the clock on the wall was set */

#define WORKER_TICK ((sr_usec)WORKER_TICK_MS * SR_MSEC)

/** Everything a leg needs to be mixed: made by the front for one pair of codec and bus rate. */
struct kit {
    enum codec_id rx_codec, tx_codec;
    uint32_t bus_hz;
    uint32_t rx_hz, tx_hz; /* decoder's and encoder's rates */
    struct jitter *jitter; /* in jitter_memory */
    void *jitter_memory;
    struct playout *playout;
    void *playout_memory;
    struct codec_decoder decoder;
    void *decoder_memory;
    struct codec_encoder encoder; /* ops NULL: nothing can be sent */
    void *encoder_memory;
    struct codec_tuning tuning; /* as wished */
    int complexity_now;         /* what is in force while the worker falls behind */
    struct resample rx_resample, tx_resample;
    struct mix_limiter limiter;
    uint32_t packet_samples;  /* at tx_hz; frames below 20 ms: ptime 10 */
    float rx[LEG_FRAME_MAX];  /* this tick at rx_hz */
    float bus[LEG_FRAME_MAX]; /* this tick at bus_hz */
    float out[LEG_FRAME_MAX];
    float tx[LEG_FRAME_MAX * 3]; /* up to 60 ms at tx_hz, collected */
    uint32_t tx_samples;
    struct tone tone; /* prompt or digit in band */
    enum media_prompt tone_of;
    float echo[LEG_FRAME_MAX]; /* ECHO: what it heard last tick */
    bool has_echo;
    float tail[LEG_TAIL_MAX]; /* of those who left the room since its last tick: all hear it */
    bool has_tail;
};

/** Legs of one room that hear the same sum in the same coding: mshare.c. */
struct mshare {
    struct mleg *leader; /* whose encoder works for all; NULL: unused */
    uint32_t member_count;
    bool is_fresh_wanted; /* somebody joined: the next packet must not look back */
};

/** SRTP of one leg: made by the front from keys, handed over by ownership. */
struct secure {
    struct srtp tx, rx;      /* suite NONE: no keys yet, nothing passes */
    struct srtp rx_before;   /* the keys until now: of packets that are on their way */
    sr_usec before_until;    /* 0: nothing came under the new keys yet */
    bool keeps_tx, keeps_rx; /* the keys are those in force: their contexts are taken over */
};

/** What a WEBRTC leg has besides. */
struct mweb {
    struct bport *bport; /* fixed */
    struct bpeer peer;   /* the browser port's, see there */

    /* ---- front only ---- */
    struct ice_local local; /* to be told next */
    char remote_ufrag[ICE_TEXT_MAX + 1];
    bool is_peer_gone, is_crypto_gone, is_leg_gone; /* when it closes: who has let go of it */
    struct media_event closed;

    /* ---- worker only ---- */
    struct noise noise; /* what the others hear while the page is away */
    bool is_away;
    struct ice_path path; /* where to send; remote family NONE: nowhere */
    bool is_path_heard;   /* a right packet came since the path is in force */
};

/** A packet just relayed. */
struct recent {
    uint8_t bytes[LEG_RECENT_BYTES], n;
    uint8_t codec; /* enum codec_id */
};

/** What a leg is given to hear. */
struct mhearing {
    enum media_prompt prompt;
    bool is_isolated; /* without a prompt: silence, not the room */
};

struct mleg {
    /* ---- fixed from the first order on ---- */
    sr_id id;
    uint64_t cookie;
    struct sr_addr local;

    /* ---- worker only but for the fixed descriptors: what each relayed packet touches lies side by side, since
       legs are cold: what receives from the end of the latch to the middle of the source, what sends from
       the end of dtmf_tx to the middle of the stream ---- */
    struct latch latch;
    enum media_leg_kind kind; /* fixed */
    int rtp_fd, rtcp_fd;      /* fixed; -1: none */
    bool is_connected, is_watched, has_stream, is_timed_out;
    bool is_stamped;       /* the kernel notes when a packet came: it waits for the tick */
    bool is_digit_relayed; /* the key that is down, or was last */
    struct mweb *web;      /* fixed; WEBRTC; else NULL */
    struct mleg *relay_to; /* where its packets go; NULL: no relay, or nobody is there */
    struct secure *secure; /* NULL: in the clear, or keys are not there yet: see stream.crypto */
    uint64_t rx_packets, rx_bytes;
    sr_usec arrived_at;         /* of the packet in hand, never backwards */
    sr_usec heard_at, burst_at; /* burst_at: start of the second `burst_count` counts in */
    uint32_t burst_count;
    enum codec_id rx_codec_seen;
    struct rtp_source source;
    struct dtmf_rx dtmf_rx;
    struct dtmf_tx dtmf_tx;
    struct rtp_sender sender;
    struct rtp_relay relay; /* maps the other leg's packets into our sender */
    uint64_t tx_packets, tx_bytes;
    struct media_stream stream;

    /* ---- worker only, the rest ---- */
    struct mroom *room;
    enum media_role role;
    enum media_prompt prompt;
    bool is_muted;
    sr_id whisper_to; /* a TOOL: this leg alone hears it; SR_ID_NONE: nobody */
    struct kit *kit;
    struct sr_list digits; /* orders by `held`, until their digit has been sent */
    char inband[MEDIA_DTMF_QUEUE_MAX];
    uint16_t inband_ms[MEDIA_DTMF_QUEUE_MAX];
    uint32_t inband_count, inband_left_ms;
    struct sr_list early; /* packets that came before they could be heard */
    struct sr_list plays; /* orders by `held`; the first one is heard, the others wait */
    struct rtcp_peer rtcp_peer;
    double loss_pct; /* what the peer misses of ours: up at once, down slowly */
    struct rtcp_timer rtcp_timer;
    struct sr_addr rtcp_addr;
    uint32_t ssrc;
    sr_usec timeout_us, stats_at;
    const float *frame; /* this tick's sound on the bus, NULL: silent */
    const float *aside; /* the same, whispered to said_to */
    float said;    /* the gain it is heard with, at the end of the last tick: steps are ramps */
    sr_id said_to; /* who hears that: SR_ID_NONE the room, else one leg */
    bool is_whispered_to;
    struct mhearing heard; /* on the last tick; from another one it is faded over */
    float level_dbfs;
    float level_max_dbfs;  /* since the last report */
    uint32_t level_ticks;  /* it was taken in */
    uint32_t silent_ticks; /* in a row below LEG_QUIET_DBFS */
    struct mshare *share;  /* in room->shares; NULL: an encoder of its own */
    uint32_t quiet_ticks;  /* in a row that it heard the plain sum, until it joins */
    uint64_t rx_dropped, send_errors;
    uint64_t rx_unknown_type;
    uint8_t unknown_type;
    struct sr_addr stray_from;
    uint64_t srtp_auth_failed, srtp_replayed;
    bool is_latch_due;       /* the front is to be told of the locked source */
    bool is_dtls_path_due;   /* the crypto thread is to be told where our ClientHello goes */
    uint32_t kernel_dropped; /* by its RTP socket, as the kernel counts (it may wrap) */
    uint64_t kernel_drops;
    uint64_t reported_packets, reported_lost; /* at the last report */
    uint64_t tallied_rx, tallied_tx;          /* of its packets, in the worker's tally */
    sr_usec busy_us, busy_since;              /* time spent on mixing it, since */
    uint32_t recent_count;                    /* ever put there, in turn: */
    struct recent recent[LEG_RECENT_MAX];     /* what it was heard with in relay */

    /* ---- front only ---- */
    struct mroom *front_room;
    struct media_stream front_stream;
    bool front_has_stream;
    enum media_role front_role;
    enum media_prompt front_prompt;
    bool front_muted;
    enum codec_id front_rx_codec; /* what the phone was seen to send; CODEC_NONE: nothing yet */
    bool has_front_kit;           /* the last kit sent was made for: */
    enum codec_id kit_rx_codec, front_tx_codec;
    uint32_t front_bus_hz;
    uint16_t front_ptime_ms;
    struct codec_opus_fmtp front_opus;
    bool is_closing, is_moving;
    struct sr_list held_orders; /* while it moves between workers */
    uint32_t front_play_count, front_digit_count;
    bool has_dtls;             /* the crypto thread knows of the leg: it must forget it first */
    struct media_event closed; /* to be told then */
};

_Static_assert(offsetof(struct mleg, source.base_seq) -
                       offsetof(struct mleg, latch.options.payload_types) <=
                   4 * 64,
               "what receives a relayed packet has grown");
_Static_assert(offsetof(struct mleg, stream.formats) - offsetof(struct mleg, dtmf_tx.queue_count) <=
                   3 * 64,
               "what sends a relayed packet has grown");

struct mroom {
    /* fixed */
    sr_id id;
    uint64_t cookie;
    struct worker *worker;

    /* front only */
    enum media_mode front_wanted, front_mode;
    uint32_t front_bus_hz;
    struct mleg **front_legs;
    uint32_t front_leg_count;
    uint32_t front_leg_cap; /* of both lists; the worker's is replaced before it is full */
    uint32_t front_takes; /* TAKE orders from or to it that are not back: it must stay till then */
    bool is_closing;

    /* worker only */
    enum media_mode mode;
    uint32_t bus_hz;
    uint32_t slot;
    bool is_ticking; /* in the slot's list */
    struct sr_node tick_node;
    struct mleg **legs;
    const float **frames; /* of the tick; behind the legs, in the same block */
    uint32_t leg_count, leg_cap;
    struct order *mode_order; /* a switch to relay that waits for empty buffers */
    sr_usec drain_until;
    sr_usec seam_until; /* after relay: until then, or until what was relayed is heard; 0: no */
    struct play *music_play; /* NULL: the generated melody */
    struct hold_music music;
    uint32_t music_hz;
    bool has_music_frame; /* on this tick, in the worker's music_frame */
    struct mshare shares[MSHARES_MAX];
};

enum order_kind {
    ORDER_ROOM_CLOSE,
    ORDER_ROOM_MODE,
    ORDER_ROOM_MUSIC,
    ORDER_ROOM_LEGS, /* a longer list */
    ORDER_LEG_ADD,
    ORDER_LEG_TAKE, /* out of its room: closing, or moving to another worker */
    ORDER_LEG_STREAM,
    ORDER_LEG_ROLE,
    ORDER_LEG_PROMPT,
    ORDER_LEG_MUTED,
    ORDER_LEG_WHISPER,
    ORDER_LEG_TIMEOUT,
    ORDER_LEG_DTMF, /* comes back when the digit has been sent */
    ORDER_LEG_KIT,
    ORDER_LEG_PLAY, /* comes back when the sound is over */
    ORDER_LEG_STOP,
    ORDER_LEG_KEYS, /* `secure` out of a handshake; NULL: there are none any more */
    ORDER_PEER_ADD, /* to the browser port's worker */
    ORDER_PEER_REMOTE,
    ORDER_PEER_REMOVE,
    ORDER_STOP,
};

struct order {
    struct sr_mpsc_node node;
    struct sr_node held; /* in mleg.held_orders; then, a PLAY or DTMF, in mleg.plays or .digits */
    enum order_kind kind;
    struct mroom *room;
    struct mleg *leg;
    struct mroom *next; /* TAKE: where the leg goes; NULL: it closes */
    union {
        struct {
            struct media_stream stream; /* without the keys, which are in: */
            struct secure *secure;      /* there: new or NULL; back: old, to be freed */
            bool has_keys;              /* KEYS: there was a new one */
        };
        struct {
            enum media_mode mode;
            uint32_t bus_hz;
        } mode;
        struct {
            struct mleg **legs; /* there: empty; back: the one before, to be freed */
            uint32_t cap;
        } list;
        enum media_role role;
        enum media_prompt prompt;
        bool is_muted;
        sr_id whisper_to;
        uint32_t timeout_sec;
        struct {
            char digit;
            uint32_t duration_ms;
        } dtmf;
        struct kit *kit;   /* there: new kit; back: old one, to be freed */
        struct play *play; /* PLAY: and back; MUSIC: there: new one or NULL; back: old one */
        uint64_t stopped;  /* STOP: whose; 0: all */
        struct media_leg_stats stats;
        struct {
            struct ice_local local; /* our credentials from now on */
            char ufrag[ICE_TEXT_MAX + 1], pwd[ICE_TEXT_MAX + 1];
        } ice;
    };
};

enum report_kind {
    REPORT_EVENT,
    REPORT_RX_CODEC,
    REPORT_WEBRTC, /* an event with `ice_why` */
};

/** A value from the worker to the front. */
struct report {
    enum report_kind kind;
    enum codec_id codec;
    enum ice_why ice_why;
    struct media_event event;
};

struct worker {
    /* shared */
    struct sr_mpsc orders;        /* front -> worker */
    struct sr_mpsc returned;      /* worker -> front */
    struct sr_ring reports;       /* worker -> front */
    _Atomic bool is_post_pending; /* the front's job is posted and has not run */
    struct tally tally;
    _Atomic bool is_ring_due; /* packets lie in rings of legs that want to be woken */
    int wake_fd;
    uint32_t index; /* among the workers */
    struct crypto *crypto;
    struct bport *bport; /* of the first; NULL: none, or another worker */

    /* front only */
    struct loop *loop;
    struct loop_job job;
    struct port_threads *port;
    pthread_t thread;
    uint32_t room_count, slot_rooms[WORKER_SLOTS];
    bool is_wake_due; /* orders of this turn wait */
    uint64_t overruns_seen, overruns_stolen;

    /* worker only */
    int epoll_fd;
    bool is_stopping;
    bool is_stepped; /* fixed. Tests: no thread, time is what port_threads_step() says */
    sr_usec now;
    sr_usec served_at;
    sr_usec lap_at;                     /* when the step in hand began */
    struct sr_list slots[WORKER_SLOTS]; /* rooms that tick */
    sr_usec slot_at[WORKER_SLOTS];
    sr_usec tick_at; /* when the tick in hand should have begun: the time its sound is for */
    sr_usec housekeeping_at;
    uint32_t ready_count; /* sockets that were ready since then */
    bool is_gathering;    /* so many that packets wait for each other */
    sr_usec busy_us;      /* at work since then; */
    sr_usec woke_at;      /* and since this wake-up */
    sr_usec busy_until;   /* sub-slots are on their own until then */
    struct mleg **legs;   /* all legs of this worker */
    uint32_t leg_count, leg_cap;
    struct early_packet *early_places;
    struct sr_list early_order; /* free ones first, then from the oldest on */
    bool is_order_due;          /* the wake-up for one came in the middle of a tick */
    bool is_early_due;          /* streams or modes have changed: what is kept may be heard now */
    int complexity_max;         /* of Opus, lowered before a tick is lost */
    sr_usec complexity_at;
    uint32_t bport_kernel_dropped; /* by the browser port's sockets, as the kernel counts */
    struct sr_prng prng;
    const struct dsp_ops *dsp;
    float sum[LEG_FRAME_MAX]; /* of the room whose tick it is; */
    float music_frame[LEG_FRAME_MAX];
};

/* ---- worker.c: the thread ---- */
void *worker__main(void *arg);
/** Tests: everything that is due at `now`, then returns. */
void worker__step(struct worker *worker, sr_usec now);
/** The clock, in the middle of a turn. */
sr_usec worker__clock(const struct worker *worker);
sr_usec worker__wall(const struct worker *worker);
/** When a packet came by the kernel's stamp, on our clock; this turn's time where that cannot be. */
sr_usec worker__arrival(const struct worker *worker, sr_usec stamp);
/** False, and counted: the ring is full. Who told a state or statistics must tell them again later. */
bool worker__report(struct worker *worker, const struct report *report);
void worker__return(struct worker *worker, struct order *order);
/** Serves ready sockets if WORKER_STEP_US have passed. */
void worker__breathe(struct worker *worker);
/** Microseconds since the last call: what a step of the tick cost. Serves ready sockets as
    worker__breathe does; their time counts for nobody. */
sr_usec worker__lap(struct worker *worker);
void worker__watch(struct worker *worker, struct mleg *leg, bool is_watched);
/** Whether legs of that room are woken for each packet, or swept on its tick. */
bool worker__wants_watch(const struct worker *worker, const struct mroom *room);

/* ---- early.c: packets that come a moment too early ---- */
struct early_packet;
struct early_in {
    const struct sr_addr *from;
    uint8_t *bytes;
    size_t n;
    bool is_open; /* decrypted, and counted by the latch */
};
void early__init(struct worker *worker); /* and done: by the front, before and after the thread */
void early__done(struct worker *worker);
/** Copies a packet; the oldest of the leg makes room. */
void early__keep(struct worker *worker, struct mleg *leg, const struct early_in *in);
/** The oldest of that kind that is not too old, out of the leg; good until the next early__keep(). */
bool early__next(struct worker *worker, struct mleg *leg, bool is_open, struct early_in *ret_in,
                 sr_usec *ret_at);
void early__drop(struct worker *worker, struct mleg *leg);

/* ---- mweb.c: packets of a browser ---- */
/** The next packet of the leg's ring, paths taken on the way. False: none. */
bool mweb__read(struct mleg *leg, uint8_t *bytes, size_t size, size_t *ret_n,
                sr_usec *ret_arrived_at);
/** Bytes are protected already. False: there is no path, or the system refused. */
bool mweb__send(const struct mleg *leg, const uint8_t *bytes, size_t n);
/** Serves rings of legs that wanted to be woken. */
void mweb__serve_rings(struct worker *worker);

/* ---- mleg.c: packets in and out ---- */
/** Speaks RTP with somebody outside. */
static inline bool mleg__has_wire(const struct mleg *leg)
{
    return leg->kind == MEDIA_LEG_RTP || leg->kind == MEDIA_LEG_WEBRTC ||
           leg->kind == MEDIA_LEG_PIPE;
}

/** On the front, before the leg is handed over. */
void mleg__init(struct mleg *leg, struct sr_prng *prng, sr_usec now);
/** Reads up to WORKER_BURST_MAX packets of the RTP socket. */
void mleg__receive(struct worker *worker, struct mleg *leg);
/** Hears what came too early, where it can be heard now. */
void mleg__take_early(struct worker *worker, struct mleg *leg);
void mleg__receive_rtcp(struct worker *worker, struct mleg *leg);
void mleg__set_stream(struct worker *worker, struct mleg *leg, const struct media_stream *stream);
void mleg__housekeeping(struct worker *worker, struct mleg *leg);
void mleg__stats(const struct worker *worker, const struct mleg *leg,
                 struct media_leg_stats *ret_stats);
/** Fits the encoder to what the peer misses: after its reports, and when a kit is new. */
void mleg__fit_encoder(struct mleg *leg);
/** Sends one packet; bytes are a whole RTP packet with room for SRTP_TRAILER_BYTES_MAX behind it:
    it is protected in place where the stream wants that. */
void mleg__send(struct mleg *leg, uint8_t *bytes, size_t n);
/** One audio payload in this tick's place; is_sent false: time passes in silence. */
void mleg__send_frame(struct worker *worker, struct mleg *leg, const uint8_t *payload, size_t n,
                      uint32_t units);
/** Digits that are due, in place of audio. True: no audio this tick. */
bool mleg__send_digits(struct worker *worker, struct mleg *leg, uint32_t units);
/** False: the leg takes none; no more wait than the front lets, so there is room. */
bool mleg__queue_digit(struct mleg *leg, struct order *order);
/** Returns the orders of those digits that have been sent; of all, when the leg closes. */
void mleg__return_digits(struct worker *worker, struct mleg *leg, bool is_closing);
bool mleg__has_digits(const struct mleg *leg);
/** What the latch said of a source: the socket follows it, drops are counted. True: accepted. */
bool mleg__follow(struct worker *worker, struct mleg *leg, const struct sr_addr *from,
                  const struct latch_result *latched);
/** The safety rules for an RTP packet: from whom, of what type, not too many. */
bool mleg__is_welcome(struct worker *worker, struct mleg *leg, const struct early_in *in,
                      const struct rtp_packet *packet);
/** Not too many packets in this second; the excess is counted. */
bool mleg__is_in_measure(const struct worker *worker, struct mleg *leg);
/** Where a phone's RTCP goes; false: nowhere yet. */
bool mleg__rtcp_target(const struct mleg *leg, struct sr_addr *target);

/* ---- pipe.c: MEDIA_LEG_PIPE ---- */
/** One datagram of its RTP or RTCP socket: to the other pipe of the room. */
void pipe__take(struct worker *worker, struct mleg *leg, bool is_rtcp_socket,
                const struct sr_addr *from, uint8_t *bytes, size_t n);

/* ---- kit.c (front) ---- */
struct kit_options {
    enum codec_id rx_codec, tx_codec;
    uint32_t bus_hz;
    uint16_t ptime_ms;
    struct codec_opus_fmtp opus;
    bool is_bare; /* a leg without a network */
};
struct kit *kit__new(const struct kit_options *options);
void kit__free(struct kit *kit);

/* ---- secure.c: SRTP ---- */
/** Front. Contexts for the stream's keys, but for those that `before` (NULL: none) had; NULL: the
    stream has no keys. Keys that OpenSSL refuses let nothing pass. */
struct secure *secure__new(const struct media_stream *stream, const struct media_stream *before);
/** Front. NULL is fine. */
void secure__free(struct secure *secure);
/** Worker, when `fresh` replaces `old` (NULL: nothing): takes over what goes on. */
void secure__follow(struct secure *fresh, struct secure *old);
/** Worker. Protects in place; *n grows. False: it must not be sent. */
bool secure__seal(struct mleg *leg, bool is_rtcp, uint8_t *bytes, size_t *n);
/** Worker. Checks and decrypts in place, counts; *n shrinks. False: drop it. */
bool secure__open(struct mleg *leg, bool is_rtcp, uint8_t *bytes, size_t *n, sr_usec now);

/* ---- ports.c (front): RTP port pairs ---- */
struct ports {
    uint16_t port_min, port_max;
    uint32_t pair_count, used_count, next;
    uint64_t *used; /* bit per pair */
};
void ports__init(struct ports *ports, uint16_t port_min, uint16_t port_max);
void ports__done(struct ports *ports);
/** The even port of a free pair, round-robin so that a port rests before it is used again; 0: none. */
uint16_t ports__take(struct ports *ports);
void ports__give(struct ports *ports, uint16_t port);
/** Marks a port of the range as taken (a new range while legs live). */
void ports__keep(struct ports *ports, uint16_t port);

/* ---- sockets.c (front opens, worker reads and writes) ---- */
/** Packets the kernel dropped because the socket was full, since it was opened (it wraps). */
uint32_t sockets__kernel_drops(int fd);
/** The kernel notes when packets come: read them with sockets__receive_stamped(). */
void sockets__stamp(int fd, bool is_wanted);
/** recv(), or recvfrom() with `from`; ret_wall: when it came by the clock on the wall, 0: not known. */
ssize_t sockets__receive_stamped(int fd, uint8_t *bytes, size_t size, struct sr_addr *from,
                                 sr_usec *ret_wall);
struct msghdr;
/** When a message came, from its control data. 0: not known. */
sr_usec sockets__stamp_of(struct msghdr *msg);
enum sr_err sockets__open_pair(const struct sr_addr *local, uint16_t port, uint8_t dscp,
                               int ret_fds[2]);

/* The tick has a page of its own. */
#include "worker/mroom.h"

#endif
