/**
 * @file front.h  What the files of the front share. Only port_threads.c and front_*.c include this.
 *
 * Thread:  signalling
 */
#ifndef SR_WORKER_FRONT_H
#define SR_WORKER_FRONT_H

#include "base/idtab.h"
#include "worker/crypto.h"
#include "worker/internal.h"
#include "worker/port_threads.h"

struct port_threads {
    struct media_port base;
    struct port_threads_options options;
    struct sr_idtab rooms, legs;
    struct ports ports;
    struct worker *workers;
    uint32_t worker_count;
    uint32_t next_worker; /* spread_wanted */
    struct sr_prng prng;
    struct loop_job wake_job;
    struct media_clip *music; /* NULL: the generated melody */
    bool is_stopping;
    struct loop_timer blame_timer; /* every second while there are rooms */
    sr_usec stolen;                /* by the host, until the timer's last turn */
    struct bport *bport;           /* NULL: no browser port */
    struct crypto *crypto;
};

/* ---- port_threads.c ---- */
struct order *front__order(enum order_kind kind, struct mroom *room, struct mleg *leg);
void front__send(struct worker *worker, struct order *order);
/** Waits while the leg is between two workers. */
void front__send_leg(struct mleg *leg, struct order *order);
void front__tell(struct port_threads *port, const struct media_event *event);
/** What the host takes of our time is asked for every second from now on, while there are rooms. */
void front__begin_blaming(struct port_threads *port);
void front__stats(struct media_port *base, struct media_port_stats *ret_stats);
void front__set_ports(struct media_port *base, uint16_t port_min, uint16_t port_max);
void front__free(struct media_port *base);

/* ---- front_rooms.c ---- */
extern const struct media_port_ops front__ops;
/** Brings the worker's mode and kits in line with what is wanted. After every change. */
void front__apply(struct mroom *room);
/** A TAKE from or to it is back: a closing room that waited for it goes. */
void front__let_go(struct mroom *room);
/** NULL: not open, or closing. */
struct mleg *front__find_leg(struct port_threads *port, sr_id leg);
/** Nobody holds it any more. */
void front__free_leg(struct port_threads *port, struct mleg *leg);

/* ---- front_dtls.c: handshakes of RTP legs ---- */
/** A stream with MEDIA_CRYPTO_DTLS, before it is in force. */
void front__dtls_set(struct port_threads *port, struct mleg *leg,
                     const struct media_stream *stream);
/** The leg's worker has let go: `closed` is told, and the leg freed, when the crypto thread has too. */
void front__dtls_taken(struct port_threads *port, struct mleg *leg,
                       const struct media_event *closed);
void front__dtls_forgotten(struct port_threads *port, struct mleg *leg);
void front__fingerprint(struct media_port *base, char out[DTLS_FINGERPRINT_TEXT_MAX]);

/* ---- front_webrtc.c ---- */
/** The browser port, if one is wanted, and the crypto thread. Errors as port_threads_new(). */
enum sr_err front__webrtc_start(struct port_threads *port, uint32_t worker_count);
void front__webrtc_stats(const struct port_threads *port, struct media_web_stats *ret_stats);
/** The workers have ended. */
void front__webrtc_stop(struct port_threads *port);
/** A new leg: what a browser's leg has besides. @return SR_ERR_UNSUPPORTED no browser port */
enum sr_err front__webrtc_open(struct port_threads *port, struct mleg *leg);
/** The leg's id is known: makes it known to the browser port. */
void front__webrtc_announce(struct port_threads *port, struct mleg *leg);
/** Asks everybody who holds the leg to let go. */
void front__webrtc_close(struct port_threads *port, struct mleg *leg);
/** The leg's worker has let go; `closed` is told when all have. */
void front__webrtc_taken(struct port_threads *port, struct mleg *leg,
                         const struct media_event *closed);
void front__webrtc_peer_gone(struct port_threads *port, struct mleg *leg);
/** ORDER_LEG_KEYS is back: they are in force. */
void front__webrtc_keys(struct port_threads *port, struct order *order);
void front__webrtc_free(struct mleg *leg);
/** A report of the browser port. */
void front__webrtc_report(struct port_threads *port, struct report *report);
enum sr_err front__webrtc_local(struct media_port *base, sr_id id,
                                struct media_webrtc_local *ret_local);
enum sr_err front__webrtc_remote(struct media_port *base, sr_id id,
                                 const struct media_webrtc_remote *remote);

#endif
