/**
 * @file verdict.h  Why there is no sound from or to a party, in one sentence: what its SDP said, held
 * against what the media plane counted.
 *
 * What proves itself (packets that are refused) is said at once; what needs patience (nothing
 * comes, all of it is silence, the party gets nothing) only when sound was due for VERDICT_DUE. ICE and DTLS
 * name their own faults (MEDIA_EVENT_WEBRTC): such a sentence stays until packets come.
 *
 * Layer:   call (pure: counts and addresses come in, a sentence goes out)
 * Thread:  re-entrant
 */
#ifndef SR_CALL_VERDICT_H
#define SR_CALL_VERDICT_H

#include "call/reason.h"
#include "worker/media_port.h"

enum {
    VERDICT_BYTES_MAX = 256,
    VERDICT_DUE_SEC = 4,     /* shorter than a report's 5 s: the answer falls between two */
    VERDICT_REFUSED_MIN = 5, /* packets in a report that are no accident */
    VERDICT_SENT_MIN = 100,  /* packets in a report before their loss is believed */
    VERDICT_PAUSE_MAX = 6,   /* silent reports in a row of a party that was heard: it listens */
};

#define VERDICT_DUE (VERDICT_DUE_SEC * SR_SEC)
/** Softer than any microphone; digital silence in A-law is -72. */
#define VERDICT_SILENCE_DBFS (-70.0)

struct verdict_facts {
    const struct media_leg_stats *before, *now; /* the last report and this one */
    const struct media_stream *stream;          /* as agreed */
    struct sr_addr told;     /* our address in the SDP the party got; family NONE: it speaks ICE */
    bool is_holding;         /* the party put us on hold */
    bool is_pipe;            /* its packets pass through: no codec of ours has to understand them */
    bool is_due;             /* for all of VERDICT_DUE sound should have come */
    bool was_heard;          /* there was sound before */
    uint32_t silent_reports; /* in a row before this one */
    const char *said;        /* the verdict until now */
};

/** What came from the party since the last report. */
enum verdict_sound {
    VERDICT_NOTHING,
    VERDICT_SILENCE,
    VERDICT_SOUND, /* in relay: packets */
};

/** @param[out] ret_verdict  one sentence; "": nothing is wrong, or it is too early to say */
enum verdict_sound verdict_judge(const struct verdict_facts *facts,
                                 char ret_verdict[VERDICT_BYTES_MAX]);

/* ---- of a leg; signalling thread ---- */

struct config_device;
struct leg;
struct sip_leg_event;

/** From new figures of a leg; `before` are the last ones. True when the verdict changed: tell it. */
bool verdict__update(struct leg *leg, const struct media_leg_stats *before);
/** The same of what passes through (passthrough, fax), from leg->pipes->stats. */
bool verdict__of_pipe(struct leg *leg, const struct media_leg_stats *before);
/** The party holds, or is there again: said at once, not with the next report. */
void verdict__hold_changed(struct leg *leg);
/** A device was not rung though its phones are there: it is set to do not disturb, or has all the calls
    it may have. Kept for the record of the caller, who hears busy. */
void verdict__quiet(struct leg *caller, const struct config_device *device);
/** Why a call does not come about, told as an event and kept for the record: the offer just read has
    nothing that is allowed; there is no way to the provider; the party called, or its provider, said no. */
void verdict__no_codec(struct leg *leg);
/** The offer of a caller could not be taken. @return the reason to refuse with */
enum call_reason verdict__bad_offer(struct leg *leg, enum sr_err err);
void verdict__no_way(struct leg *leg);
void verdict__refused(struct leg *leg, const struct sip_leg_event *event);

#endif
