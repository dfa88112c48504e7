/**
 * @file sim_phone_internal.h  Between sim_phone.c (messages, transactions) and sim_phone_calls.c.
 */
#ifndef SR_TEST_SIM_PHONE_INTERNAL_H
#define SR_TEST_SIM_PHONE_INTERNAL_H

#include "sim_phone.h"

enum {
    PHONE_MESSAGE_MAX = 32768,
    PHONE_BRANCH_MAX = 128,
    PHONE_METHOD_MAX = 16,
};

#define PHONE_T1 (500 * SR_MSEC)
#define PHONE_T2 (4 * SR_SEC)
#define PHONE_64_T1 (32 * SR_SEC)

/** A request of the phone, until 32 s after its end. */
struct phone_txn {
    struct sr_node node;
    struct sim_phone *phone;
    struct phone_call *call; /* NULL: REGISTER */
    struct loop_timer timer;
    sr_usec interval, ends_at;
    char method[PHONE_METHOD_MAX], branch[PHONE_BRANCH_MAX];
    uint32_t cseq;
    char *text, *ack; /* ack: what answers a final response to INVITE */
    char *extra, *body;
    const char *content_type; /* static */
    bool is_done, is_provisional, was_challenged, is_in_dialog;
    bool is_merged; /* the copy of an INVITE with another branch */
};

/** A request the phone got, with what it answered last. */
struct phone_stxn {
    struct sr_node node;
    struct sim_phone *phone;
    struct phone_call *call;
    struct loop_timer timer;
    sr_usec interval, ends_at;
    char method[PHONE_METHOD_MAX], branch[PHONE_BRANCH_MAX];
    uint32_t cseq;
    char *head; /* Via, From, To, Call-ID, CSeq of every response */
    char *text; /* last response, or NULL */
    uint16_t status;
    bool is_resending; /* until ACK or PRACK */
};

/** What a request is made of. */
struct phone_request {
    const char *method;
    const char *extra; /* header lines, or NULL */
    struct sr_str body;
    const char *content_type; /* NULL: application/sdp */
};

void phone__send_text(struct sim_phone *phone, const char *text);
struct phone_txn *phone__request(struct phone_call *call, const struct phone_request *request);
/** Sends a response and keeps it; `body` may be empty. */
void phone__respond(struct phone_stxn *stxn, uint16_t status, const char *extra,
                    struct sr_str body);
/** Writes a request's text. */
void phone__write(struct sim_phone *phone, const struct phone_txn *txn,
                  const struct phone_request *request, struct sr_buf *out);
/** CANCEL of an INVITE, on its branch. */
void phone__send_cancel(struct phone_txn *invite);
/** ACK of a 2xx; repeated when the 2xx is. */
void phone__send_ack(struct phone_txn *invite, struct sr_str body);
void phone__send_merged(struct phone_txn *invite);
/** The call's newest INVITE that began it, or NULL. */
struct phone_txn *phone__invite_of(struct phone_call *call);
struct phone_stxn *phone__find_stxn(struct sim_phone *phone, struct sr_str method,
                                    struct sr_str branch);
struct phone_call *phone__call_new(struct sim_phone *phone);
struct phone_call *phone__call_find(struct sim_phone *phone, struct sr_str call_id);
void phone__stxn_stop(struct phone_stxn *stxn);
void phone__sdp(struct phone_call *call, struct sim_sdp *ret_sdp);

/* sim_phone_calls.c */
void phone__on_request(struct phone_stxn *stxn, struct sr_str msg);
void phone__on_ack(struct sim_phone *phone, struct sr_str msg);
void phone__on_response(struct phone_txn *txn, uint16_t status, struct sr_str msg);
void phone__on_no_response(struct phone_txn *txn);
void phone__on_no_ack(struct phone_stxn *stxn);
void phone__answer_timer(void *arg);

#endif
