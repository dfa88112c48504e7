/**
 * @file feeder.h  The thread that keeps the feeds of long files full.
 *
 * It looks after all feeds several times within the time a feed holds (MEDIA_FEED_MS); a disk that
 * stalls longer costs silence, which the player counts. Started with the first feed.
 *
 * Layer:   speech
 * Thread:  any
 */
#ifndef SR_SPEECH_FEEDER_H
#define SR_SPEECH_FEEDER_H

#include "speech/sound_file.h"

enum {
    FEEDER_FEEDS_MAX = 256,
    FEEDER_TURN_MS = 200,
};

struct feeder;

struct feeder *feeder_new(void);
void feeder_free(struct feeder *feeder);
/**
 * Owns the file from now on. The feed is filled before it is given back, with one reference.
 *
 * @return NULL: FEEDER_FEEDS_MAX play, or the system refused a thread; the file is closed
 */
struct media_feed *feeder_open(struct feeder *feeder, struct sound_file *file, bool is_looping);
uint32_t feeder_count(struct feeder *feeder);

#endif
