/**
 * @file carry.h  What a message of one party brings to the other one of a call that is passed through: headers
 * that belong to neither of its two dialogs, and bodies that nobody here reads. Only src/ua/ includes this.
 *
 * The user says sip_leg_carry() while it hears of a message; the next one of that leg takes along what the
 * first brought, when it is of the same kind: the same request, or a response of the same status. The INVITE
 * itself brings what the caller's did (sip_leg_invite_options.from).
 *
 * Layer:   ua
 * Thread:  signalling thread
 * Memory:  borrowed from the message in hand; a composed body is freed by carry__done()
 */
#ifndef SR_UA_CARRY_H
#define SR_UA_CARRY_H

#include "ua/internal.h"

enum {
    CARRY_BYTES_MAX = 8192, /* of headers; more are left out, and more than SIP_BUILD_OTHERS_MAX */
};

/** The body of a message of ours. */
struct carry_content {
    struct sr_str type, body;
    struct sr_buf buf;
};

/** The message whose kind fits what the leg sends now, or NULL. Taken once. status 0: a request. */
struct sip_msg *carry__take(struct sip_leg *leg, enum sip_method method, uint16_t status);
/**
 * Adds its headers, and makes the body: our SDP in its place, everything else byte for byte.
 *
 * @param from        NULL: nothing is carried, the body is the SDP
 * @param is_outside  it comes from a provider: nobody out there makes a phone answer by itself
 */
void carry__put(struct sip_msg *from, bool is_outside, struct sr_str sdp, struct sip_build *build,
                struct carry_content *ret_content);
/** The headers alone, those of the body too: it goes along as it is. from may be NULL. */
void carry__headers(const struct sip_msg *from, struct sip_build *build);
void carry__done(struct carry_content *content);

#endif
