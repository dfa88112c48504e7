/**
 * @file words.h  What is said for numbers, digits and times, in English; and text made fit to be spoken.
 *
 *     words_number(&buf, 1204)       one thousand two hundred and four
 *     words_digits(&buf, "701")      seven zero one
 *     words_time(&buf, 10, 5)        ten oh five A M
 *     words_duration(&buf, 125)      two minutes and five seconds
 *
 * Layer:   speech (no I/O, no clock)
 * Thread:  re-entrant
 */
#ifndef SR_SPEECH_WORDS_H
#define SR_SPEECH_WORDS_H

#include "base/buf.h"

/** 0 .. 999,999,999,999; larger ones digit by digit. */
void words_number(struct sr_buf *buf, uint64_t number);
/** First, second, third... up to 99; then as a number. */
void words_ordinal(struct sr_buf *buf, uint32_t number);
/** Each character of 0-9 * # + and letters by its name, with a pause after every third. */
void words_digits(struct sr_buf *buf, struct sr_str digits);
/** hour 0 .. 23, minute 0 .. 59: twelve-hour clock. */
void words_time(struct sr_buf *buf, uint32_t hour, uint32_t minute);
/** "zero seconds", "one hour, two minutes and five seconds". */
void words_duration(struct sr_buf *buf, uint64_t seconds);

/**
 * UTF-8 to printable ASCII: letters lose their accents, typographic marks become plain ones, what has no likeness
 * becomes a space; words of more than 40 characters are broken.
 *
 * @return SR_OK; SR_ERR_SYNTAX not UTF-8, or nothing in it can be said; SR_ERR_LIMIT buf is too small
 */
SR_MUST_USE enum sr_err words_clean(struct sr_str text, struct sr_buf *buf);

#endif
