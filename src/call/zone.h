/**
 * @file zone.h  Local time of a time zone, from the system's zone files (RFC 8536, with the rule for
 * the years behind the file's table).
 *
 * Layer:   call (pure: the bytes of the file come in)
 * Memory:  a zone lies on the arena it was parsed to
 * Thread:  immutable: any
 */
#ifndef SR_CALL_ZONE_H
#define SR_CALL_ZONE_H

#include "base/arena.h"
#include "call/schedule.h"

enum {
    ZONE_BYTES_MAX = 64 * 1024, /* of a zone file */
    ZONE_CHANGES_MAX = 4096,    /* of the clock in one file */
};

struct zone;

/**
 * Reads a zone file (TZif, version 1 to 4).
 *
 * @return SR_OK
 *         SR_ERR_SYNTAX  not a zone file
 *         SR_ERR_LIMIT   larger than the limits, or the arena is full
 */
SR_MUST_USE enum sr_err zone_parse(struct sr_str file, struct sr_arena *arena,
                                   const struct zone **ret_zone);

/** Seconds east of Greenwich at a moment (seconds since 1970). NULL is UTC. */
int32_t zone_offset(const struct zone *zone, int64_t unix_sec);
/** The wall calendar and clock at a moment. */
void zone_moment(const struct zone *zone, int64_t unix_sec, struct schedule_moment *ret_moment);
/** When the local day of a moment began (seconds since 1970). */
int64_t zone_day_start(const struct zone *zone, int64_t unix_sec);

#endif
