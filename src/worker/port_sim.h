/**
 * @file port_sim.h  The media port's twin in virtual time: no thread, no socket.
 *
 * It hands out ports from the range (and refuses when they are used up), keeps every order for the test to look
 * at, delivers events through the loop, and checks the rules: unknown ids, double closes and
 * leaked legs are failures a test can ask for. A clip plays as long as it lasts; a feed until it is
 * stopped.
 */
#ifndef SR_WORKER_PORT_SIM_H
#define SR_WORKER_PORT_SIM_H

#include "net/loop.h"
#include "worker/media_port.h"

struct port_sim_options {
    struct loop *loop;
    media_event_fn *on_event;
    void *arg;
    uint16_t port_min, port_max;
    uint16_t webrtc_port; /* 0: 3479 */
};

/** What the twin knows of a leg. */
struct port_sim_leg {
    sr_id room;
    struct media_leg_options options;
    struct media_stream stream;
    enum media_role role;
    enum media_prompt prompt;
    bool is_muted;
    sr_id whisper_to;
    bool is_stream_set;
    uint32_t timeout_sec;
    uint32_t play_count;            /* sounds playing and waiting */
    struct media_play_options play; /* the first of them; its clip lives as long as it plays */
    uint32_t digit_count;
    char digits[MEDIA_DTMF_QUEUE_MAX + 1];
    bool has_remote; /* WEBRTC: what was told of the other side, and how often */
    char remote_ufrag[ICE_TEXT_MAX + 1];
    struct dtls_fingerprint remote_fingerprint;
    bool is_dtls_client;
    uint32_t remote_count;
};

/** What browsers do when they were told where we are (WEBRTC legs, from the next webrtc_remote on). */
enum port_sim_webrtc {
    PORT_SIM_WEBRTC_AUTO,   /* checking after 10 ms, connected 20 ms, keys after 60 ms */
    PORT_SIM_WEBRTC_SILENT, /* never reach us: failed after 5 s */
    PORT_SIM_WEBRTC_MANUAL, /* nothing: the test injects */
};

struct media_port *port_sim_new(const struct port_sim_options *options);
/** NULL when it is closed. */
const struct port_sim_leg *port_sim_leg(struct media_port *port, sr_id leg);
enum media_mode port_sim_mode(struct media_port *port, sr_id room);
uint32_t port_sim_leg_count(struct media_port *port);
uint32_t port_sim_room_count(struct media_port *port);
/** Orders that named something that is not open. A correct hub causes none. */
uint32_t port_sim_faults(struct media_port *port);
/** The cookie of a leg; 0: there is none. */
uint64_t port_sim_cookie(struct media_port *port, sr_id leg);
void port_sim_set_webrtc(struct media_port *port, enum port_sim_webrtc how);
/** Makes an event of that leg happen (digit, time-out, latch). A digit stops what digits stop. */
void port_sim_inject(struct media_port *port, const struct media_event *event);

#endif
