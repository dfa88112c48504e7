/**
 * @file incall_codes.h  Codes typed within a call: see incall_codes.c. For the files of this room.
 *
 * Layer:   call
 * Thread:  signalling thread
 */
#ifndef SR_CALL_INCALL_CODES_H
#define SR_CALL_INCALL_CODES_H

#include "base/base.h"

struct call;
struct leg;

/** Whether the configuration lets this leg type codes within a call. */
bool incall__is_possible(const struct leg *leg);
/** A digit of a leg. True: it is held, part of a code, or of a target: nobody else gets it now. */
bool incall__digit(struct leg *leg, char digit, uint32_t duration_ms);
/** The leg waits for somebody it wants to ask: it hears ring-back. */
bool incall__is_asking(const struct leg *leg);
void incall__answered(struct call *call, struct leg *leg);
void incall__not_answered(struct call *call);
/** Before a leg is taken out of its call. */
void incall__leg_leaves(struct leg *leg);
void incall__call_ends(struct call *call);

#endif
