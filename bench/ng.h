/**
 * @file ng.h  Calls through rtpengine: offer and answer of its ng protocol.
 *
 * Layer:   beside the product
 * Errors:  ends the program when rtpengine refuses or is silent
 * Thread:  single
 */
#ifndef BENCH_NG_H
#define BENCH_NG_H

#include "sipmini.h"

#include <netinet/in.h>

/** One end of a call: its only codec, how it numbers it, where it listens. */
struct ng_side {
    const char *codec;
    uint8_t payload_type;
    uint16_t port;
};

/** A socket for requests to that address. */
int ng_open(struct sockaddr_in target);
/** The caller's offer. `transcode`: the only codec the callee is offered; NULL: the caller's.
    @param[out] ret_media  where the callee sends, and how it numbers its codec */
void ng_offer(int fd, unsigned call, const struct ng_side *caller, const char *transcode,
              struct mini_media *ret_media);
/** The callee's answer. @param[out] ret_media  where the caller sends `caller_codec` */
void ng_answer(int fd, unsigned call, const struct ng_side *callee, const char *caller_codec,
               struct mini_media *ret_media);

#endif
