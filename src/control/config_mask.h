/**
 * @file config_mask.h  The configuration as the API shows and takes it: secrets masked.
 *
 * A secret reads as {"masked":true} and, sent back so, stays what it was. Elements of lists are
 * matched by their "id", else by place.
 *
 * Layer:   control
 * Thread:  re-entrant
 */
#ifndef SR_CONTROL_CONFIG_MASK_H
#define SR_CONTROL_CONFIG_MASK_H

#include "control/jsonc.h"

/** Appends the text as strict JSON with secrets masked (also {"env"} and {"file"} forms, and
    secrets of wrong types). Keys the table does not know are masked when their name says secret.
    @return as jsonc_parse */
SR_MUST_USE enum sr_err config_mask_write(struct sr_str text, struct sr_buf *out,
                                          struct jsonc_diag *reterr_diag);

/**
 * PUT: the whole configuration replaced by `body` (JSON, masked secrets allowed). Comments and
 * layout of what did not change stay.
 *
 * @return SR_OK, or as jsonc_set; a masked secret that was never set stays masked: the loader
 *         reports it with its place
 */
SR_MUST_USE enum sr_err config_mask_put(struct sr_str text, struct sr_str body, struct sr_buf *out,
                                        struct jsonc_diag *reterr_diag);

/** PATCH: RFC 7396 with masked secrets allowed. @return as config_mask_put */
SR_MUST_USE enum sr_err config_mask_patch(struct sr_str text, struct sr_str patch,
                                          struct sr_buf *out, struct jsonc_diag *reterr_diag);

#endif
