/**
 * @file transfer.h  A party goes to somebody else: REFER, REST, codes within a call. Only src/call/ includes this.
 *
 * Layer:   call
 * Memory:  what a transfer needs belongs to its call
 * Thread:  signalling thread
 */
#ifndef SR_CALL_TRANSFER_H
#define SR_CALL_TRANSFER_H

#include "call/internal.h"

/** Connects `party` to `dialled` in place of `by` (NULL: of nobody). NONE: under way or done. */
enum call_reason transfer__blind(struct leg *party, struct leg *by, struct sr_str dialled);
/** The others of `by`'s call go into the call of `other`; both legs end. NONE: done. */
enum call_reason transfer__attended(struct leg *by, struct leg *other);
/** By REST: `party` goes to a number, or into a live call (its counterpart's leg there ends too). */
enum call_reason transfer__by_api(struct leg *party, struct call *to, struct sr_str dialled);
/** One leg goes into another call, as one party more. NONE: done. */
enum call_reason transfer__merge(struct leg *leg, struct call *to);
void transfer__on_refer(struct leg *leg, const struct sip_leg_event *event);
/** What rings is a transfer from now on: who wanted to ask has hung up. */
void transfer__go_on(struct call *call, const char *by_device);
/** What the fork of a transfer reports; all do nothing without a transfer. */
void transfer__progress(struct call *call, uint16_t status);
void transfer__answered(struct call *call);
/** True: somebody is being rung back, the call goes on. */
bool transfer__failed(struct call *call, uint16_t sip_status);
/** A leg has left the call. True: that ended the transfer. */
bool transfer__leg_gone(struct call *call, const struct leg *leg);
void transfer__done(struct call *call);
/** The leg of a dialog, seen from either side, or NULL. */
struct leg *engine__leg_of_dialog(struct engine *engine, struct sr_str call_id, struct sr_str tag,
                                  struct sr_str other_tag);

#endif
