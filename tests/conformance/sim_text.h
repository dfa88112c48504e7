/**
 * @file sim_text.h  SIP messages as a phone of the tests reads them: by text, on purpose without the
 * router's own parser.
 */
#ifndef SR_TEST_SIM_TEXT_H
#define SR_TEST_SIM_TEXT_H

#include "base/addr.h"

/** Value of the n-th header of that name (long form), trimmed; empty when absent. */
struct sr_str sim_header(struct sr_str msg, const char *name, size_t n);
/** Value of a parameter (";name=value") of a header's value; empty when absent. */
struct sr_str sim_param(struct sr_str value, const char *name);
/** What is between < and >, or the value up to its first ';'. */
struct sr_str sim_uri(struct sr_str value);
struct sr_str sim_body(struct sr_str msg);
/** Status of a response; 0: a request. */
uint16_t sim_status(struct sr_str msg);
/** Method of a request. */
struct sr_str sim_method(struct sr_str msg);
/** Method and number of CSeq. */
struct sr_str sim_cseq(struct sr_str msg, uint32_t *ret_number);
bool sim_has(struct sr_str text, const char *part);

/* keys with salt, all zero, as a=crypto lines write them */
#define SIM_KEY_28 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="
#define SIM_KEY_30 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define SIM_KEY_44 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

/** Codecs of a phone: names separated by commas, best first ("opus,PCMU"). */
struct sim_sdp {
    const char *codecs;
    const char *direction; /* sendrecv, sendonly, recvonly, inactive */
    struct sr_addr addr;   /* host and port of audio */
    bool is_nobody;        /* c=0.0.0.0 (hold, RFC 2543) */
    const char *proto;     /* profile; NULL: RTP/AVP in offers, the offer's in answers */
    const char *crypto;    /* a=crypto, a=fingerprint... lines of its offer, or NULL; also of its
                              answer to an offer with a fingerprint */
    const char *suite;     /* of a=crypto it takes in its answer, or NULL */
    uint32_t version;
};

void sim_sdp_offer(const struct sim_sdp *ours, struct sr_buf *out);
/** False: no codec in common. */
bool sim_sdp_answer(const struct sim_sdp *ours, struct sr_str offer, struct sr_buf *out);
/** First codec's name of the audio line, or "". */
const char *sim_sdp_codec(struct sr_str sdp);
/** Whether a codec of that name is in it. */
bool sim_sdp_has(struct sr_str sdp, const char *codec);
/** Key and salt as text ("inline:...") of the a=crypto line of that suite; empty: not there. */
struct sr_str sim_sdp_key(struct sr_str sdp, const char *suite);
/** Number of a=crypto lines. */
size_t sim_sdp_keys(struct sr_str sdp);
/** "sendrecv" when it says nothing. */
const char *sim_sdp_direction(struct sr_str sdp);

#endif
