/**
 * @file browser.h  A browser in a test: a full ICE agent, DTLS, SRTP and Opus over a real socket; or
 * a plain phone, to have the same measure on both ends. And a media port for them to meet in.
 */
#ifndef SR_TEST_WORKER_BROWSER_H
#define SR_TEST_WORKER_BROWSER_H

#include "dtls/dtls.h"
#include "media/tone.h"
#include "net/loop.h"
#include "rtc/srtp.h"
#include "worker/port_threads.h"

enum {
    BROWSERS_MAX = 4,
    BROWSER_HEARD_MAX = 48000 * 12,
    STATES_MAX = MEDIA_WEBRTC_CLOSED + 1,
};

struct browser {
    struct meeting *meeting;
    sr_id leg;
    bool is_plain, is_tcp, is_dtls_server, is_ipv6;
    bool is_shouting; /* bursts that Opus takes for speech, in place of the tone */
    bool is_deaf;     /* does not answer or check any more */
    int fd;
    struct sr_addr addr, router;
    struct media_webrtc_local local; /* what the router told */
    char ufrag[12], pwd[32];
    struct dtls_identity *identity;
    struct dtls *dtls;
    struct srtp tx, rx;
    bool is_connected, is_up, is_closed, was_refused;
    sr_usec check_at;
    uint8_t in[65536]; /* of the TCP stream */
    size_t in_bytes;
    uint8_t last_srtp[300]; /* sent, for a replay */
    size_t last_srtp_bytes;
    /* audio */
    struct codec_encoder encoder;
    struct codec_decoder decoder;
    void *memory[2];
    struct tone tone;
    uint16_t seq;
    uint32_t ts, ssrc;
    float *heard;
    size_t heard_count;
    uint32_t heard_ssrc, packets, ssrc_changes, seq_jumps;
    uint16_t last_seq;
    uint32_t bad_tags, answers, redundant; /* packets with FEC inside */
};

struct meeting {
    struct loop *loop;
    struct media_port *port;
    uint16_t number; /* of the browser port */
    sr_id room;
    struct browser browsers[BROWSERS_MAX];
    size_t count;
    uint32_t seen[MEDIA_EVENT_WEBRTC + 1];
    uint32_t states[STATES_MAX];
    char why[256]; /* of the last failure or loss */
    struct media_leg_stats closed_stats;
};

void meeting_open(struct meeting *meeting, uint32_t threads);
/** Closes every leg and checks that nothing is left. */
void meeting_close(struct meeting *meeting);
/** Another room, on the next worker. */
void meeting_next_room(struct meeting *meeting);
/** Events and packets for that long; browsers talk meanwhile. */
void meeting_talk(struct meeting *meeting, sr_usec how_long);
/** True when the state was reported `count` times within 10 s. Browsers talk meanwhile. */
bool meeting_wait_state(struct meeting *meeting, enum media_webrtc_state state, uint32_t count);
bool meeting_wait_event(struct meeting *meeting, enum media_event_kind kind, uint32_t count);

struct browser_options {
    uint16_t tone_hz;
    bool is_plain, is_tcp, is_dtls_server, is_ipv6;
};

/** Opens a leg in the meeting's room and connects to it, in the room's media mode. */
struct browser *browser_add(struct meeting *meeting, const struct browser_options *options);
/** As a page that was loaded again, perhaps in another network: new socket, ICE, certificate and SSRC. */
void browser_reload(struct browser *browser);
void browser_send(struct browser *browser, const uint8_t *bytes, size_t n);
/** A check with these credentials (NULL: without integrity). */
size_t browser_write_check(const struct browser *browser, const char *username,
                           const char *password, uint8_t *out, size_t size);
/** A receiver report: so much of what the router sent is missing; and feedback no one asked for. */
void browser_report_loss(struct browser *browser, unsigned loss_pct);
double browser_snr(const struct browser *browser, double hz);
double browser_level(const struct browser *browser, double hz);

#endif
