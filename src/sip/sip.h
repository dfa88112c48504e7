/**
 * @file sip.h  Umbrella of the SIP message half: one include for users of the library.
 *
 * Layer:   pure (no I/O, no clock, no threads, no logging)
 */
#ifndef SR_SIP_SIP_H
#define SR_SIP_SIP_H

#include "sip/build.h"
#include "sip/check.h"
#include "sip/edit.h"
#include "sip/frame.h"
#include "sip/header.h"
#include "sip/method.h"
#include "sip/msg.h"
#include "sip/multipart.h"
#include "sip/nameaddr.h"
#include "sip/status.h"
#include "sip/token.h"
#include "sip/uri.h"
#include "sip/values.h"
#include "sip/via.h"

#endif
