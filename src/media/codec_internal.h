/**
 * @file codec_internal.h  The codecs' tables, for codec.c alone.
 *
 * Layer:   pure
 * Thread:  re-entrant
 */
#ifndef SR_MEDIA_CODEC_INTERNAL_H
#define SR_MEDIA_CODEC_INTERNAL_H

#include "media/codec.h"

extern const struct codec_ops codec__ops_pcmu;
extern const struct codec_ops codec__ops_pcma;
extern const struct codec_ops codec__ops_g722;
extern const struct codec_ops codec__ops_opus;

#endif
