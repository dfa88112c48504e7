/**
 * @file codec.h  Audio codecs: PCMU, PCMA (G.711), G.722, Opus (RFC 3551, RFC 6716, RFC 7587).
 *
 * One constant table per codec (struct codec_ops) and two thin handles, decoder and encoder. A
 * decoder turns one RTP payload into float samples at the rate asked for at init, an encoder one
 * packet time of float samples into one payload. No state outside the memory handed in.
 *
 *     PCMU, PCMA  8000 Hz only          G.722  16000 Hz only (RTP clock 8000, RFC 3551 4.5.2)
 *     opus        8000, 12000, 16000, 24000 or 48000 Hz, coded at that rate by Opus itself
 *
 * Bytes from the network are never trusted: a payload that is not valid gives SR_ERR_SYNTAX,
 * leaves the decoder usable, and the caller conceals the packet (playout.h does).
 *
 * Layer:   pure (no I/O, no clock, no threads, no logging); calls libopus
 * Memory:  the caller's, codec_decoder_bytes() or codec_encoder_bytes() at init, aligned to 16; nothing is allocated afterwards and nothing needs freeing
 * Thread:  re-entrant; one handle belongs to one thread at a time
 */
#ifndef SR_MEDIA_CODEC_H
#define SR_MEDIA_CODEC_H

#include "base/buf.h"
#include "media/dsp.h"

enum codec_id {
    CODEC_NONE,
    CODEC_PCMU,
    CODEC_PCMA,
    CODEC_G722,
    CODEC_OPUS,
    CODEC_ID_COUNT,
};

enum {
    CODEC_PT_DYNAMIC = -1,
    CODEC_RATES_MAX = 5,
    CODEC_PTIME_MS_MIN = 10,
    CODEC_PTIME_MS_MAX = 60,         /* of what we send */
    CODEC_PACKET_MS_MAX = 120,       /* of what we accept */
    CODEC_PACKET_SAMPLES_MAX = 5760, /* 120 ms at 48 kHz */
    CODEC_PAYLOAD_BYTES_MAX = 1276,  /* of what we encode; 60 ms of G.711 is 480 */
    CODEC_STATE_ALIGN = 16,
    CODEC_COMPLEXITY_DEFAULT = 5,
    CODEC_COMPLEXITY_MAX = 10,
};

struct codec_decoder_options {
    uint32_t rate_hz;          /* 0: the codec's first rate */
    const struct dsp_ops *dsp; /* NULL: dsp_best() */
};

/** What may change while an encoder runs. Only Opus listens; others ignore it. */
struct codec_tuning {
    int complexity;       /* 0..10; less costs less */
    uint32_t bitrate_bps; /* 6000..510000; 0: by rate, see codec_opus.c */
    uint8_t loss_pct;     /* expected loss 0..100; FEC is spent only where loss is expected */
    bool fec_wanted;
    bool dtx_wanted; /* payloads of at most 2 bytes are then silence: need not be sent */
    bool cbr_wanted;
    uint32_t bandwidth_hz; /* audio sent up to this sample rate (maxplaybackrate); 0: all */
};

struct codec_encoder_options {
    uint32_t rate_hz;                  /* 0: the codec's first rate */
    const struct dsp_ops *dsp;         /* NULL: dsp_best() */
    const struct codec_tuning *tuning; /* NULL: codec_tuning_default() */
};

/** One codec. Slots are called through the handles below, which check the arguments. */
struct codec_ops {
    enum codec_id id;
    const char *sdp_name;               /* as in a=rtpmap; compared without case */
    uint32_t clock_hz;                  /* RTP clock; for G.722 not the sample rate */
    uint8_t channels;                   /* as in a=rtpmap; samples are always mono */
    int payload_type;                   /* RFC 3551 static number or CODEC_PT_DYNAMIC */
    uint32_t rates_hz[CODEC_RATES_MAX]; /* sample rates, preferred first, 0-terminated if shorter */
    const char *fmtp_default;           /* "" when there is nothing to say */
    uint32_t delay_us;                  /* look-ahead of encoder and decoder together */

    size_t (*decoder_bytes)(uint32_t rate_hz);
    size_t (*encoder_bytes)(uint32_t rate_hz);
    enum sr_err (*decoder_init)(void *state, const struct codec_decoder_options *options);
    enum sr_err (*encoder_init)(void *state, const struct codec_encoder_options *options);
    /** Samples a payload holds at rate_hz; 0 when it is not a valid payload. Must not need state. */
    size_t (*payload_samples)(const uint8_t *payload, size_t bytes, uint32_t rate_hz);
    /** `payload` is valid and `samples` is what payload_samples said. */
    enum sr_err (*decode)(void *state, const uint8_t *payload, size_t bytes, float *out,
                          size_t samples);
    /** NULL: the caller repeats the waveform (playout.h). */
    void (*conceal)(void *state, float *out, size_t samples);
    /** Both NULL: the codec has no FEC. */
    bool (*payload_has_fec)(const uint8_t *payload, size_t bytes);
    enum sr_err (*decode_fec)(void *state, const uint8_t *payload, size_t bytes, float *out,
                              size_t samples);
    /** *bytes: room in, length out; the room holds CODEC_PAYLOAD_BYTES_MAX or the whole payload. */
    enum sr_err (*encode)(void *state, const float *pcm, size_t samples, uint8_t *out,
                          size_t *bytes);
    /** Packet times that can be sent are multiples of 10 ms up to 60 ms that this accepts. */
    bool (*has_ptime)(uint32_t ptime_ms);
    /** NULL: nothing to tune. */
    void (*tune)(void *state, const struct codec_tuning *tuning);
    /** NULL: packets never refer to earlier ones, or the state fades within milliseconds. */
    void (*look_back)(void *state, bool is_wanted);
};

/** NULL for CODEC_NONE or a number out of range. */
const struct codec_ops *codec_find(enum codec_id id);
/** By the three parts of a=rtpmap; channels 0 stands for "not given" (1). NULL: not ours. */
const struct codec_ops *codec_find_by_sdp(struct sr_str name, uint32_t clock_hz, uint8_t channels);
/** By a static payload type (0, 8, 9). NULL: not ours, or dynamic. */
const struct codec_ops *codec_find_by_pt(int payload_type);

bool codec_has_rate(const struct codec_ops *ops, uint32_t rate_hz);
/** The rate at which the codec serves a bus of `bus_hz` best: that rate if it has it, else its
    nearest above, else its highest. Opus at 8 kHz for an 8 kHz bus, G.722 always 16 kHz. */
uint32_t codec_rate_for_bus(const struct codec_ops *ops, uint32_t bus_hz);
/** The packet time the codec can send that is nearest below `ptime_ms` (10 at least; 60 at most):
    any multiple of 10 ms for G.711 and G.722, 10, 20, 40 or 60 ms for Opus. */
uint32_t codec_ptime_fit(const struct codec_ops *ops, uint32_t ptime_ms);
/** RTP timestamp units of `samples` samples at rate_hz. */
uint32_t codec_clock_units(const struct codec_ops *ops, size_t samples, uint32_t rate_hz);

/* ---- decoder ---- */

struct codec_decoder {           /* fields are read-only */
    const struct codec_ops *ops; /* NULL: not initialised */
    void *state;
    uint32_t rate_hz;
};

/** Bytes of state; rate_hz 0: the codec's first rate. The rate must be one of the codec's. */
size_t codec_decoder_bytes(const struct codec_ops *ops, uint32_t rate_hz);
/**
 * @param state  codec_decoder_bytes() bytes, aligned to CODEC_STATE_ALIGN; must outlive the handle
 *
 * @return SR_OK; SR_ERR_UNSUPPORTED the codec has no such rate
 */
SR_MUST_USE enum sr_err codec_decoder_init(struct codec_decoder *decoder,
                                           const struct codec_ops *ops, void *state,
                                           const struct codec_decoder_options *options);
/** Samples a payload would give at the decoder's rate; 0: not a valid payload. Decodes nothing. */
size_t codec_payload_samples(const struct codec_decoder *decoder, struct sr_str payload);
/**
 * Decodes one payload.
 *
 * @param      out         room for out_max samples; contents unspecified on failure
 * @param[out] ret_samples samples written: whole milliseconds, but for Opus packets of 2.5 ms
 *
 * @return SR_OK
 *         SR_ERR_SYNTAX  empty, torn, not whole milliseconds (G.711, G.722: 8 bytes each), or longer
 *                        than 120 ms
 *         SR_ERR_LIMIT   does not fit out_max; nothing was decoded
 */
SR_MUST_USE enum sr_err codec_decode(struct codec_decoder *decoder, struct sr_str payload,
                                     float *out, size_t out_max, size_t *ret_samples);
/** Invents `samples` samples (whole multiples of 2.5 ms, at most 120 ms) for a packet that is
    missing, where the codec has `conceal`. The next codec_decode() joins without a step. */
void codec_conceal(struct codec_decoder *decoder, float *out, size_t samples);
/**
 * Recovers the packet before `next` from the redundancy inside `next`; then decode `next` as usual.
 * Where `next` carries none, Opus conceals instead.
 *
 * @param samples  length of the missing packet (whole multiples of 2.5 ms, at most 120 ms)
 *
 * @return SR_OK
 *         SR_ERR_UNSUPPORTED  the codec has none
 *         SR_ERR_SYNTAX       `next` is not valid
 */
SR_MUST_USE enum sr_err codec_decode_fec(struct codec_decoder *decoder, struct sr_str next,
                                         float *out, size_t samples);
/** True when `payload` really carries redundancy for the packet before it. */
bool codec_payload_has_fec(const struct codec_ops *ops, struct sr_str payload);

/* ---- encoder ---- */

struct codec_encoder {           /* fields are read-only */
    const struct codec_ops *ops; /* NULL: not initialised */
    void *state;
    uint32_t rate_hz;
};

size_t codec_encoder_bytes(const struct codec_ops *ops, uint32_t rate_hz);
/** As codec_decoder_init. */
SR_MUST_USE enum sr_err codec_encoder_init(struct codec_encoder *encoder,
                                           const struct codec_ops *ops, void *state,
                                           const struct codec_encoder_options *options);
/**
 * Encodes one packet time. Samples beyond full scale are clipped.
 *
 * @param      samples   a packet time codec_ptime_fit() can give, at the encoder's rate
 * @param      out_max   CODEC_PAYLOAD_BYTES_MAX is always enough
 * @param[out] ret_bytes payload length; with DTX 2 or less means: need not be sent
 *
 * @return SR_OK
 *         SR_ERR_UNSUPPORTED  no such packet time
 *         SR_ERR_LIMIT        does not fit out_max
 */
SR_MUST_USE enum sr_err codec_encode(struct codec_encoder *encoder, const float *pcm,
                                     size_t samples, uint8_t *out, size_t out_max,
                                     size_t *ret_bytes);
/** Complexity 5, voice, VBR, FEC wanted, no loss expected yet, no DTX. */
struct codec_tuning codec_tuning_default(void);
/** Takes effect with the next frame; values out of range are clamped. Cheap: call it at will. */
void codec_encoder_tune(struct codec_encoder *encoder, const struct codec_tuning *tuning);
/** false: packets from now on can be decoded without those before them (a listener joins); costs
    quality, so turn it on again after one packet. */
void codec_encoder_look_back(struct codec_encoder *encoder, bool is_wanted);
/** Takes over the whole state of another encoder of the same codec and rate: its next packet continues
    the other's stream. */
void codec_encoder_copy(struct codec_encoder *to, const struct codec_encoder *from);

/* ---- a=fmtp of Opus (RFC 7587 6.1): each side says what it wants to *receive* ---- */

struct codec_opus_fmtp {
    bool useinbandfec;
    bool usedtx;
    bool stereo;
    bool sprop_stereo;
    bool cbr;
    uint32_t maxaveragebitrate; /* 0: not given */
    uint32_t maxplaybackrate;   /* 0: not given */
    uint32_t minptime_ms;       /* 0: not given */
};

/** Reads the parameters after "a=fmtp:PT ". Unknown ones and values out of bounds are passed over,
    as the RFC asks, so it cannot fail. */
void codec_opus_fmtp_parse(struct sr_str text, struct codec_opus_fmtp *ret_fmtp);
/** Appends the parameters that are set, such as "minptime=10;useinbandfec=1". */
void codec_opus_fmtp_write(const struct codec_opus_fmtp *fmtp, struct sr_buf *out);
/** Applies what the peer wants to receive to our encoder's tuning. */
void codec_opus_fmtp_apply(const struct codec_opus_fmtp *peer, struct codec_tuning *tuning);

#endif
