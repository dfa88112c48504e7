/**
 * @file metrics.h  Figures in the Prometheus text format (GET /metrics).
 *
 * A name that ends in "_total" is a counter, another one a gauge.
 *
 * Layer:   control
 * Thread:  the web thread
 */
#ifndef SR_CONTROL_METRICS_H
#define SR_CONTROL_METRICS_H

#include "base/buf.h"

/** The lines HELP and TYPE of siprouter_NAME; `type` NULL: by the name. */
void metrics_head(struct sr_buf *buf, const char *name, const char *type, const char *help);
/** A label's value: quotes, backslashes and line ends are escaped, for an id may be any text. */
void metrics_label(struct sr_buf *buf, const char *value);

#endif
