/**
 * @file rtcp.h  RTCP compound packets (RFC 3550 section 6): parse, reports, round trip, schedule.
 *
 * Layer:   pure
 * Memory:  parsed values borrow the received bytes; states are embedded; no allocation
 * Thread:  re-entrant; one state belongs to one thread at a time
 */
#ifndef SR_MEDIA_RTCP_H
#define SR_MEDIA_RTCP_H

#include "base/random.h"
#include "base/str.h"
#include "media/rtp.h"

enum {
    RTCP_BLOCK_MAX = 31,
    RTCP_CNAME_MAX = 255,
    RTCP_INTERVAL_US = 5000000,
    RTCP_PACKET_BYTES_MAX = 1200,
};

struct rtcp_block {
    uint32_t ssrc; /* whose packets are reported on */
    uint8_t fraction_lost;
    int32_t lost; /* 24 bits, signed */
    uint32_t ext_seq;
    uint32_t jitter; /* timestamp units */
    uint32_t lsr;    /* middle 32 bits of the NTP time of the last SR; 0: none */
    uint32_t dlsr;   /* 1/65536 s since then */
};

/** One compound packet, first report of each kind. */
struct rtcp_compound {
    uint32_t ssrc; /* of the first SR or RR */
    bool has_sr;
    uint64_t ntp;
    uint32_t rtp_ts;
    uint32_t packets, octets;
    uint8_t block_count;
    struct rtcp_block blocks[RTCP_BLOCK_MAX];
    struct sr_str cname; /* into the bytes; may hold anything */
    bool has_bye;        /* ends nothing: SIP decides */
    uint32_t bye_ssrc;
    uint16_t packet_count;  /* of all kinds */
    uint16_t skipped_count; /* APP, XR, feedback and unknown kinds */
};

/**
 * Parses a compound packet; every length is checked.
 *
 * @param is_reduced_ok  accept a first packet other than SR or RR (RFC 5506)
 *
 * @return SR_OK; SR_ERR_SYNTAX
 */
SR_MUST_USE enum sr_err rtcp_parse(const uint8_t *bytes, size_t n, bool is_reduced_ok,
                                   struct rtcp_compound *ret_compound);

/** What a report says. */
struct rtcp_report {
    uint32_t ssrc;
    bool has_sr; /* SR; else RR */
    uint64_t ntp;
    uint32_t rtp_ts;
    uint32_t packets, octets;
    uint8_t block_count; /* 0 or 1 */
    struct rtcp_block block;
    struct sr_str cname; /* 1..RTCP_CNAME_MAX bytes */
    bool has_bye;
};

/** SR or RR, SDES with CNAME, and BYE when asked for. @return SR_OK; SR_ERR_LIMIT */
SR_MUST_USE enum sr_err rtcp_write(const struct rtcp_report *report, uint8_t *out, size_t max,
                                   size_t *ret_bytes);

/** NTP time (32.32) of microseconds since 1970, and its middle 32 bits. */
uint64_t rtcp_ntp(sr_usec wall);
uint32_t rtcp_ntp_middle(uint64_t ntp);

/** What must be remembered of the peer's reports. Fields are private but `rtt_us` and `loss_pct`. */
struct rtcp_peer {
    uint32_t last_sr; /* middle bits */
    sr_usec last_sr_at;
    bool has_rtt;
    sr_usec rtt_us;   /* smoothed; valid with has_rtt */
    double loss_pct;  /* what the peer misses of our packets, last interval */
    double jitter_ms; /* as the peer sees it */
    uint64_t reports;
    uint64_t blocks; /* of those: with a word about our packets */
};

void rtcp_peer_init(struct rtcp_peer *peer);
/** Takes a parsed packet: `own_ssrc` picks the block, `wall_now` is for the round trip. */
void rtcp_peer_on_compound(struct rtcp_peer *peer, const struct rtcp_compound *compound,
                           uint32_t own_ssrc, uint32_t clock_hz, sr_usec now, sr_usec wall_now);
/** Fills a block from the receive state; `source` starts a new loss interval. */
void rtcp_block_fill(struct rtcp_block *block, struct rtp_source *source,
                     const struct rtcp_peer *peer, sr_usec now);

/** When to report: 5 s on average, spread over 2.5 to 7.5 s, the first after half of that. */
struct rtcp_timer {
    sr_usec next_at;
    sr_usec interval_us;
};

void rtcp_timer_init(struct rtcp_timer *timer, sr_usec interval_us, struct sr_prng *prng,
                     sr_usec now);
sr_usec rtcp_timer_deadline(const struct rtcp_timer *timer);
/** The report of this deadline was sent: next one. */
void rtcp_timer_sent(struct rtcp_timer *timer, struct sr_prng *prng, sr_usec now);

#endif
