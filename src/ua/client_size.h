/**
 * @file client_size.h  Requests that are too large for a datagram (RFC 3261 18.1.1).
 *
 * Over 1,300 bytes a request of ours is first written with short header names. What is still larger goes to
 * a provider whose transport is not fixed over TCP: on a connection that stands, or one that opens within
 * CLIENT_SIZE_WAIT. Where that is refused or not answered, where nothing comes over it, and where it brings
 * a refusal that was never seen over UDP, it goes by UDP as before, and so does all else to that address for
 * CLIENT_SIZE_REFUSED_SEC. Only that one transaction takes the connection: Contact and dialog stay where
 * they were. Phones get their requests on the flow that they registered with, always.
 *
 * Layer:   ua
 * Thread:  signalling thread
 * Memory:  addresses are remembered in a fixed table; the one used longest ago makes room
 */
#ifndef SR_UA_CLIENT_SIZE_H
#define SR_UA_CLIENT_SIZE_H

#include "ua/provider_internal.h"

enum {
    CLIENT_SIZE_BYTES_MAX = 1300, /* of a datagram */
    CLIENT_SIZE_WAIT_MS = 500,    /* for a connection */
    CLIENT_SIZE_REFUSED_SEC = 3600,
    CLIENT_SIZE_KNOWN_MAX = 64,
};

struct client_size *client_size__new(void);
void client_size__free(struct client_size *size);

void client_size__init(struct client_txn *txn);
/** client_txn__launch() in the way its size needs: now, or once a connection stands. */
void client_size__launch(struct client_txn *txn);
/** It waits no longer. */
void client_size__forget(struct client_txn *txn);
/** A connection to where it went does not do. */
void client_size__refused(struct client_txn *txn);
/** Takes note of a response. Is it one that UDP may not bring? */
bool client_size__is_refusal(struct client_txn *txn, uint16_t status);
void client_size__on_opened(struct ua *ua, const struct net_flow *flow);
void client_size__on_closed(struct ua *ua, const struct net_flow *flow);

#endif
