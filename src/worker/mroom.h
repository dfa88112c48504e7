/**
 * @file mroom.h  The tick of a room: who hears what, shared encoders, sounds. Only src/worker/ includes this.
 *
 * Layer:   worker
 * Memory:  what is in rooms, legs and kits; nothing is taken in a tick
 * Thread:  the room's worker
 */
#ifndef SR_WORKER_MROOM_H
#define SR_WORKER_MROOM_H

#include "worker/internal.h"

/* ---- mroom.c: the tick ---- */
void mroom__tick(struct worker *worker, struct mroom *room);
/** Whether it needs ticks now. */
bool mroom__wants_ticks(const struct mroom *room);
/** Finds each leg's `relay_to` anew: legs have come or gone, or the mode is another. */
void mroom__pair(struct mroom *room);
/** Before `leg` leaves: the others hear it fade. */
void mroom__fade_out(struct mroom *room, const struct mleg *leg);
/** Whether it hears the sum of the others and nothing else, now and on the last tick. */
bool mroom__hears_the_room(const struct mleg *leg);
void mroom__set_mode(struct worker *worker, struct mroom *room, struct order *order);
void mroom__check_ticking(struct worker *worker, struct mroom *room);

/* ---- mshare.c: one encoder for all who hear the same ---- */
/** Each tick, when it is known who is heard and before anything is coded. */
void mshare__plan(struct mroom *room);
/** Back to an encoder of its own, without a break. Before its kit is swapped or it leaves the room. */
void mshare__leave(struct mleg *leg);
/** The room does not mix any more. */
void mshare__dissolve(struct mroom *room);
/** Another leg's encoder works for it. */
bool mshare__is_served(const struct mleg *leg);

/* ---- plays.c: what is played to or by a leg ---- */
void plays__start(struct worker *worker, struct mleg *leg, struct order *order);
/** play 0: all of them. */
void plays__stop(struct worker *worker, struct mleg *leg, uint64_t play, enum media_play_end end);
/** A key went down on this leg. */
void plays__on_digit(struct worker *worker, struct mleg *leg);
/** Gives all back, at once: the leg closes. */
void plays__close(struct worker *worker, struct mleg *leg);
/** Instead of a frame: what was stopped is over although nobody hears it end. */
void plays__skip(struct worker *worker, struct mleg *leg);
/** Changes what the leg hears on this tick; bus_hz / 50 samples. */
void plays__hear(struct worker *worker, struct mleg *leg, uint32_t bus_hz, float *frame);
/** What a player says on this tick into `frame`. False: nothing. */
bool plays__say(struct worker *worker, struct mleg *leg, uint32_t bus_hz, float *frame);

#endif
