/**
 * @file speaker.h  What an engine that speaks must do: one table per engine.
 *
 * flite speaks on the calling thread. An engine in a process of its own would send the text there in
 * `speak` and wait: callers are this room's threads, which may block.
 *
 * Layer:   speech
 * Thread:  any, several at once
 */
#ifndef SR_SPEECH_SPEAKER_H
#define SR_SPEECH_SPEAKER_H

#include "speech/speech.h"

struct speaker {
    const char *name;
    const char *version; /* part of the key of what is kept */
    const char *voice;   /* the usual one */
    bool (*has_voice)(const char *voice);
    /**
     * Speaks a text of printable ASCII, 1 .. 2 * SPEECH_TEXT_MAX bytes.
     *
     * @return SR_OK with a clip of one reference; SR_ERR_NOTFOUND no such voice; SR_ERR_IO it failed
     */
    enum sr_err (*speak)(const char *text, const char *voice, struct media_clip **ret_clip);
    const char *voices; /* for people: "slt, rms, kal16" */
};

/** NULL: this program was built without it. */
const struct speaker *speaker_flite(void);
/** By the configuration's name; NULL: off, unknown, or not in this program. */
const struct speaker *speaker_find(struct sr_str engine);

#endif
