/**
 * @file pcap.h  A call's SIP trace as a capture file, for Wireshark, tshark and sngrep.
 *
 * The bytes are what was sent and received, with secrets masked as in the trace. Every message becomes one IP packet with one UDP
 * datagram, whatever carried it (TCP, TLS and WebSocket too: there the trace is in clear text); what was longer than a
 * datagram may be is cut there.
 *
 * Layer:   control
 * Thread:  re-entrant
 */
#ifndef SR_CONTROL_PCAP_H
#define SR_CONTROL_PCAP_H

#include "base/buf.h"

/**
 * @param trace  JSON as store_trace() gives it: an array of {at, direction, local, remote, message, ...}
 * @return SR_ERR_SYNTAX when it is not that; messages with an address or time that cannot be read
 *         are left out
 */
SR_MUST_USE enum sr_err pcap_write(struct sr_str trace, struct sr_buf *out);

#endif
