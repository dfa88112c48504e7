/**
 * @file log_writer.h  The thread that writes log lines: private to the log.
 *
 * Layer:   base
 * Thread:  any
 * Memory:  one static queue of SR_LOG_QUEUE_BYTES
 */
#ifndef SR_BASE_LOG_WRITER_H
#define SR_BASE_LOG_WRITER_H

#include "base/str.h"

/** Takes a line (with its end) for the writer, or counts it as lost. @return false: there is no writer */
bool sr_log__queue(struct sr_str line);

#endif
