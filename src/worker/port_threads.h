/**
 * @file port_threads.h  The media port with worker threads and real sockets.
 *
 * Layer:   worker
 * Thread:  made and used on the signalling thread; starts `threads` media workers
 */
#ifndef SR_WORKER_PORT_THREADS_H
#define SR_WORKER_PORT_THREADS_H

#include "net/loop.h"
#include "worker/media_port.h"

struct port_threads_options {
    struct loop *loop; /* signalling loop: events are posted to it */
    media_event_fn *on_event;
    void *arg;
    uint32_t threads;            /* 0: one per core */
    uint16_t port_min, port_max; /* RTP and RTCP ports, inclusive */
    uint8_t dscp;                /* of media packets, 0..63 */
    uint32_t rooms_max;          /* 0: 20000 */
    uint16_t webrtc_port;        /* UDP, and TCP, of all browsers; 0: WEBRTC legs are refused */
    const struct sr_addr
        *webrtc_binds;        /* addresses it binds, ports ignored; used during new only */
    size_t webrtc_bind_count; /* 0: all of the host */
    bool spread_wanted;       /* tests: put rooms on the workers in turn instead of the emptiest */
    bool is_stepped; /* tests: no media thread is started; time is what port_threads_step() says */
};

/** @return SR_OK; SR_ERR_IO a thread or descriptor was refused; SR_ERR_EXISTS webrtc_port is taken;
            SR_ERR_UNSUPPORTED an address of webrtc_binds is not of this host */
SR_MUST_USE enum sr_err port_threads_new(const struct port_threads_options *options,
                                         struct media_port **ret_port);

/** Tests, is_stepped: all workers do what is due at `now`, in virtual time: real sockets, orders, rooms and
    ticks, without a thread. Never backwards. What they tell waits for the loop. */
void port_threads_step(struct media_port *port, sr_usec now);

#endif
