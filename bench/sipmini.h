/**
 * @file sipmini.h  Just enough SIP for a load generator: the fields it needs of one message, and digest
 * credentials. Deliberately not the product's own library: subject and generator share no code.
 *
 * Memory:  views into the message
 * Thread:  single
 */
#ifndef BENCH_SIPMINI_H
#define BENCH_SIPMINI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mini_str {
    const char *p;
    size_t n;
};
#define MINI_ARG(s) (int)(s).n, (s).p

struct mini_msg {
    unsigned status;        /* response; 0: a request */
    struct mini_str method; /* request; of CSeq in a response */
    struct mini_str uri;    /* request */
    struct mini_str vias;   /* all Via lines, when they stand together, with line ends */
    struct mini_str branch; /* of the first Via */
    struct mini_str from, to, call_id, contact_uri, record_routes, challenge, body;
    bool is_proxy_challenge;
    unsigned cseq;
};

/** @return false: not SIP, or Via, From, To, Call-ID or CSeq missing */
bool mini_parse(const char *text, size_t len, struct mini_msg *ret_msg);
struct mini_media {
    uint32_t ip4; /* as in sin_addr */
    uint16_t port;
    uint8_t payload_type; /* of the codec asked for */
};

/** "PCMA/8000", "G722/8000", "opus/48000/2" for a codec's name; ends the program for another. */
const char *mini_rtpmap(const char *codec);
/** The number an offer of ours gives a codec. */
uint8_t mini_payload_type(const char *codec);
/** c= and m=audio of a body, and its number for a codec; false when the addresses are not there.
    A codec that is missing gets the number of our offers. */
bool mini_media(struct mini_str body, const char *codec, struct mini_media *ret_media);
/** A description at 127.0.0.1 with one codec and telephone-event; @return its length */
int mini_sdp(char *out, size_t size, uint16_t port, const char *codec, uint8_t payload_type);

/** A user's credentials and the last challenge it got. */
struct mini_auth {
    char user[24];
    char password[24];
    char realm[64];
    char nonce[256];
    char ha1[33];
    bool has_qop;
    bool is_proxy;
    unsigned nc; /* uses of the nonce so far; the nonce is empty before the first challenge */
};

/** User and password of number n: "12345", "pw12345". */
void mini_auth_init(struct mini_auth *auth, unsigned number);
/** Takes the challenge of a 401 or 407; false when it is not understood. */
bool mini_auth_challenge(struct mini_auth *auth, const struct mini_msg *msg);
/** Writes the header line with its line end; nothing before the first challenge. @return its length */
size_t mini_auth_write(struct mini_auth *auth, const char *method, const char *uri, char *out,
                       size_t size);

#endif
