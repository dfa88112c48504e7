/**
 * @file sdp_oa.h  Offer and answer (RFC 3264) for the one audio stream of a leg.
 *
 * A side's description is a value, `struct sdp_audio`: what a peer said (sdp_audio_read) or what we
 * say (sdp_audio_write). Other m= lines are remembered only by their shape, so that answers and
 * later offers keep their number and order and refuse them with port 0.
 *
 * A leg keeps two of them, ours and the peer's:
 *
 *     offer in:   sdp_parse, sdp_audio_read(&peer); sdp_answer_make(&peer, &wish, &ours);
 *                 sdp_audio_version(&ours_before, &ours); sdp_audio_write(&ours, buf)
 *     offer out:  fill ours (sdp_codecs_merge), sdp_audio_version, sdp_audio_write;
 *                 then sdp_audio_read(&peer) of the answer, sdp_answer_accept(&ours, &peer)
 *
 * Layer:   pure (no I/O, no clock, no threads, no logging)
 * Memory:  a plain value with own copies; may be copied by assignment. Holds SDES keys: wipe
 *          after use
 * Thread:  re-entrant; no shared state
 */
#ifndef SR_SIP_SDP_OA_H
#define SR_SIP_SDP_OA_H

#include "sip/sdp.h"

enum {
    SDP_CODECS_MAX = 16,      /* further ones of a peer are ignored */
    SDP_EVENTS_MAX = 4,       /* telephone-event, one per clock */
    SDP_CRYPTO_MAX = 12,      /* further ones of a peer are ignored */
    SDP_CODEC_NAME_MAX = 24,  /* bytes with NUL */
    SDP_CODEC_FMTP_MAX = 128, /* bytes with NUL; parameters beyond are left out whole */
    SDP_PT_NONE = 255,
    SDP_FINGERPRINT_STRONG_BYTES = 32, /* SHA-256; shorter hashes prove nothing */
    SDP_LIFETIME_BITS_MIN = 20, /* packets a key must last, as a power of 2: hours of audio */
};

struct sdp_codec {
    char name[SDP_CODEC_NAME_MAX]; /* "PCMU", as the offerer writes it */
    uint32_t clock_hz;             /* RTP clock: 8000 for G722 */
    uint8_t channels;              /* at least 1; 2 for opus */
    uint8_t pt;                    /* 0..127; SDP_PT_NONE in lists of allowed codecs: any */
    char fmtp[SDP_CODEC_FMTP_MAX]; /* "" = none */
};

struct sdp_event { /* telephone-event (RFC 4733) */
    uint8_t pt;
    uint32_t clock_hz;
};

struct sdp_key { /* one a=crypto line */
    uint32_t tag;
    char suite[32];
    uint8_t key[SDP_KEY_MAX];
    uint8_t key_bytes;
    bool has_mki;
    bool has_terms; /* a lifetime or session parameters that nobody here can keep */
};

enum sdp_proto {
    SDP_PROTO_OTHER, /* not RTP */
    SDP_PROTO_AVP,
    SDP_PROTO_AVPF,
    SDP_PROTO_SAVP,
    SDP_PROTO_SAVPF,
    SDP_PROTO_DTLS_SAVP,  /* UDP/TLS/RTP/SAVP */
    SDP_PROTO_DTLS_SAVPF, /* UDP/TLS/RTP/SAVPF */
};

/** One m= line, as far as it must be mirrored. */
struct sdp_shape {
    char type[12];
    char proto[24];
    char format[24];
    char mid[20];
};

struct sdp_audio {
    /* o= of the description */
    char session_id[24];
    char session_version[24];

    struct sdp_shape shape[SDP_MEDIA_MAX]; /* all m= lines */
    uint8_t media_count;                   /* at least 1 when written */
    uint8_t media_index;                   /* which of them is the audio line */

    bool is_active;      /* an RTP audio line with a port other than 0 */
    struct sr_addr rtp;  /* with port */
    struct sr_addr rtcp; /* with port; equals rtp with rtcp_mux */
    bool rtcp_mux;
    enum sdp_proto proto;
    enum sdp_direction direction; /* c=0.0.0.0 and c=:: turn sendrecv into sendonly... */
    bool is_zero_address;         /* ...and set this: the old way to hold; not with ICE */
    uint16_t ptime_ms;            /* 0 = not said */
    uint16_t ptime_ms_max;        /* 0 = not said */

    struct sdp_codec codecs[SDP_CODECS_MAX]; /* by preference */
    uint8_t codec_count;
    struct sdp_event events[SDP_EVENTS_MAX];
    uint8_t event_count;

    struct sdp_key keys[SDP_CRYPTO_MAX];
    uint8_t key_count;
    char fingerprint_hash[16]; /* "" = none */
    uint8_t fingerprint[SDP_DIGEST_MAX];
    uint8_t fingerprint_bytes;
    enum sdp_setup setup;

    char ice_ufrag[64]; /* "" = none */
    char ice_pwd[128];
    bool is_ice_lite;
    char mid[20];   /* "" = none */
    bool is_bundle; /* the mid is in a BUNDLE group */

    bool has_ssrc;
    uint32_t ssrc;
    char cname[32];
};

/** What only writing needs and only browsers get. Borrowed for the call. */
struct sdp_extras {
    const struct sdp_candidate *candidates;
    size_t candidate_count;
    bool has_end_of_candidates;
    struct sr_str msid; /* "stream track"; empty = none */
};

/** An empty value: no codec, not active, one m= line, AVP, sendrecv. */
void sdp_audio_init(struct sdp_audio *audio);

/**
 * Reads the audio stream of a description: the first audio line over RTP with a port, else the
 * first audio line (then is_active is false), else none (media_index = media_count, is_active
 * false).
 * Codecs without rtpmap and without a static meaning, payload types above 127 or twice, and
 * senseless attributes are skipped.
 *
 * @return SR_OK; SR_ERR_SYNTAX active without a usable connection address (a name, or none);
 *         SR_ERR_PROTO media wanted at multicast, broadcast or 0.0.0.0/8 (answer 488; own ports are
 *         the caller's to refuse); SR_ERR_LIMIT type, profile, ICE or mid longer than the fields
 *         above
 */
SR_MUST_USE enum sr_err sdp_audio_read(const struct sdp *sdp, struct sdp_audio *ret_audio);

/** Writes a whole description. @return SR_OK; SR_ERR_LIMIT; SR_ERR_STATE no codec while active */
SR_MUST_USE enum sr_err sdp_audio_write(const struct sdp_audio *audio,
                                        const struct sdp_extras *extras, struct sr_buf *buf);

/** Same name (case ignored), clock and channels. */
bool sdp_codec_same(const struct sdp_codec *a, const struct sdp_codec *b);
/** Fills a codec; for the static ones (PCMU, PCMA, GSM, G722, CN, G729...) the number is right,
    else `pt`. */
void sdp_codec_set(struct sdp_codec *codec, const char *name, uint32_t clock_hz, uint8_t channels,
                   uint8_t pt);
/** Payload type of telephone-event on that clock, else SDP_PT_NONE. */
uint8_t sdp_event_pt(const struct sdp_audio *audio, uint32_t clock_hz);

/**
 * Codecs for an offer to B: A's that `allowed` has, in A's order with A's payload types, then
 * the rest of `allowed`; free dynamic types from 96 up for those without one; one telephone-event
 * per clock in use. Sets codecs and events of *audio. `from` may be NULL (offerless INVITE: our
 * full list).
 */
void sdp_codecs_merge(const struct sdp_audio *from, const struct sdp_codec *allowed,
                      size_t allowed_count, struct sdp_audio *audio);

/** How we want to answer. */
struct sdp_answer_wish {
    struct sr_addr rtp;           /* ours, with port */
    struct sr_addr rtcp;          /* SR_ADDR_NONE: port + 1 */
    bool rtcp_mux_wanted;         /* used when offered */
    enum sdp_direction direction; /* what we would like: usually SDP_SENDRECV */
    const struct sdp_codec *allowed;
    size_t allowed_count;
    bool is_single;    /* answer with the first common codec only, beside telephone-event */
    uint16_t ptime_ms; /* 0 = the offer's, else 20 */
    const char *const
        *suites; /* SDES suites we know, by preference; NULL: keys are not looked at */
    size_t suite_count;
    const struct sdp_audio *before; /* our description until now: session id, keys; NULL = first */
    uint64_t session_id;            /* used when before is NULL */
};

/**
 * Our answer to an offer: its m= lines in number and order, its payload types, codecs in the
 * offerer's order, the first suite of ours it has (key_count 1 with tag and suite; the caller fills
 * the key, or finds there the one in use), also when keys were offered in a profile without
 * encryption, as many phones do; setup by the offer (actpass, passive -> active is the caller's choice: set to passive
 * here for actpass), direction by sdp_direction_answer. Without a common codec or without
 * an active audio line every line is refused (is_active false).
 *
 * @return SR_OK; SR_ERR_NOTFOUND no common codec (answer 488 or write it as it is: all refused);
 *         or no audio line at all; SR_ERR_PROTO secure profile offered without a key we can use
 */
SR_MUST_USE enum sr_err sdp_answer_make(const struct sdp_audio *offer,
                                        const struct sdp_answer_wish *wish,
                                        struct sdp_audio *ret_answer);

/**
 * Holds an answer against our offer: number of lines, codecs we offered (others are dropped from
 * *answer; payload types become the answer's), telephone-event, direction.
 *
 * Keys offered in a profile without encryption may be taken or left.
 *
 * @return SR_OK (look at is_active); SR_ERR_PROTO other number of m= lines, a key or profile not
 *         offered; SR_ERR_NOTFOUND active but none of our codecs
 */
SR_MUST_USE enum sr_err sdp_answer_accept(const struct sdp_audio *offer, struct sdp_audio *answer);

/** RFC 3264 6.1: our direction in an answer: what the offer permits of what we want. */
enum sdp_direction sdp_direction_answer(enum sdp_direction offered, enum sdp_direction wanted);
/** The same stream seen from the other side. */
enum sdp_direction sdp_direction_mirror(enum sdp_direction direction);
static inline bool sdp_direction_sends(enum sdp_direction direction)
{
    return direction == SDP_SENDRECV || direction == SDP_SENDONLY;
}
static inline bool sdp_direction_receives(enum sdp_direction direction)
{
    return direction == SDP_SENDRECV || direction == SDP_RECVONLY;
}

enum sdp_change { /* bits */
    SDP_CHANGE_NONE = 0,
    SDP_CHANGE_ADDRESS = 1 << 0, /* rtp, rtcp or mux */
    SDP_CHANGE_DIRECTION = 1 << 1,
    SDP_CHANGE_CODECS = 1 << 2, /* list, numbers, fmtp, telephone-event */
    SDP_CHANGE_PTIME = 1 << 3,
    SDP_CHANGE_KEYS = 1 << 4, /* profile, crypto, fingerprint, setup */
    SDP_CHANGE_ICE = 1 << 5,  /* ufrag or pwd: a restart */
    SDP_CHANGE_ACTIVE = 1 << 6,
    SDP_CHANGE_SHAPE = 1 << 7, /* other m= lines */
};

/**
 * What a peer's new description changes: bits of enum sdp_change. An unchanged o= (same id and
 * version) is no promise: the content is compared.
 */
unsigned sdp_audio_changes(const struct sdp_audio *before, const struct sdp_audio *after);

/** Gives *now the o= of `before`, version + 1 when anything differs, the same when nothing does. */
void sdp_audio_version(const struct sdp_audio *before, struct sdp_audio *now);

#endif
