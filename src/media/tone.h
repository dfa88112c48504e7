/**
 * @file tone.h  Call progress tones by country (ITU-T E.180), DTMF (Q.23), beeps.
 *
 * A pattern is a list of segments (up to three sines or silence, each for a time) that repeats from
 * a given segment or ends. Sines keep their phase across frames; edges are softened by 3 ms.
 *
 * Layer:   pure (no I/O, no clock, no threads, no logging)
 * Memory:  embedded; patterns are constant
 * Thread:  one owner per generator
 */
#ifndef SR_MEDIA_TONE_H
#define SR_MEDIA_TONE_H

#include "base/str.h"

enum {
    TONE_SINES_MAX = 3,
    TONE_SEGMENTS_MAX = 8,
    TONE_REPEAT_NONE = 255,
};

enum tone_kind {
    TONE_DIAL,
    TONE_RINGBACK,
    TONE_BUSY,
    TONE_CONGESTION, /* network busy, "reorder" */
    TONE_WAITING,    /* call waiting, heard inside a call */
    TONE_SIT,        /* special information: number not in service */
    TONE_BEEP,       /* 1000 Hz, 500 ms, once: "speak now" */
    TONE_KIND_COUNT,
};

struct tone_segment {
    uint16_t hz[TONE_SINES_MAX]; /* 0: none; all 0: silence */
    uint16_t ms;                 /* 0: for ever */
};

struct tone_pattern {
    uint8_t segment_count;
    uint8_t repeat_from; /* segment to go on with after the last; TONE_REPEAT_NONE: the end */
    float level;         /* peak of each sine, full scale 1 */
    struct tone_segment segments[TONE_SEGMENTS_MAX];
};

/** `country` is an ISO 3166 code in any case ("DE", "us", "gb" or "uk"); an unknown or empty one
    gets the ITU's 425 Hz set. Never fails. */
void tone_pattern_find(struct sr_str country, enum tone_kind kind,
                       struct tone_pattern *ret_pattern);
/**
 * One DTMF digit, once; each of its two sines at -10.5 dBFS.
 *
 * @param digit  0-9 * # A-D a-d
 * @param on_ms  length; 0: for ever
 * @return SR_OK; SR_ERR_SYNTAX another character
 */
SR_MUST_USE enum sr_err tone_pattern_dtmf(char digit, uint32_t on_ms,
                                          struct tone_pattern *ret_pattern);
/** One sine at `level` (peak), for ever. For tests and line checks. */
void tone_pattern_sine(uint16_t hz, float level, struct tone_pattern *ret_pattern);

struct tone { /* fields are private */
    struct tone_pattern pattern;
    uint32_t rate_hz;
    uint8_t segment_index;
    bool is_over;
    bool is_stopping;
    uint32_t segment_samples; /* of the current one; 0: for ever */
    uint32_t segment_done;
    uint64_t phase[TONE_SINES_MAX]; /* 2^64 is a turn */
    float edge;                     /* 0 .. 1 */
};

/** Copies the pattern. rate_hz 8000 .. 48000. */
void tone_init(struct tone *tone, const struct tone_pattern *pattern, uint32_t rate_hz);
/** Overwrites `out` with the next samples; silence once it is over.
    @return false when the pattern is over and nothing but silence was written */
bool tone_run(struct tone *tone, float *out, size_t samples);
/** Ends the tone softly: 3 ms of the next tone_run, then it is over. */
void tone_stop(struct tone *tone);

#endif
