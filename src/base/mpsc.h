/**
 * @file mpsc.h  Lifecycle messages between threads: intrusive nodes, any number of producers, one
 * consumer. A push cannot fail and allocates nothing: the node lives in the object it is about.
 *
 * A node may be pushed again only after the consumer has popped it.
 */
#ifndef SR_BASE_MPSC_H
#define SR_BASE_MPSC_H

#include <stdatomic.h>

#include "base/base.h"

struct sr_mpsc_node {
    struct sr_mpsc_node *_Atomic next;
};

struct sr_mpsc { /* fields are private */
    struct sr_mpsc_node *_Atomic top;
    struct sr_mpsc_node *ready; /* consumer's: reversed, oldest first */
};

void sr_mpsc_init(struct sr_mpsc *queue);
/** Any thread. @return true when the queue was empty before: then wake the consumer */
bool sr_mpsc_push(struct sr_mpsc *queue, struct sr_mpsc_node *node);
/** Consumer only: the oldest, or NULL. */
struct sr_mpsc_node *sr_mpsc_pop(struct sr_mpsc *queue);

#endif
