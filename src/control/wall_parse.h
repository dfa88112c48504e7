/**
 * @file wall_parse.h  RFC 3339 times from people.
 *
 * Thread:  re-entrant
 */
#ifndef SR_CONTROL_WALL_PARSE_H
#define SR_CONTROL_WALL_PARSE_H

#include "base/str.h"

/** "2026-01-31T12:34:56Z", "2026-01-31T12:34:56.5+01:00", "2026-01-31" (midnight UTC), to
    microseconds since 1970. SR_ERR_SYNTAX for anything else. */
SR_MUST_USE enum sr_err wall_parse(struct sr_str text, int64_t *ret_wall_us);

#endif
