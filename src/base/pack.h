/**
 * @file pack.h  Bytes without their runs of zeros, for large structs that are mostly empty and seldom read.
 *
 * Layer:   base (no I/O, no clock)
 * Memory:  the caller's; nothing is taken
 * Thread:  re-entrant; no shared state
 */
#ifndef SR_BASE_PACK_H
#define SR_BASE_PACK_H

#include "base/base.h"

enum {
    SR_PACK_BYTES_MAX = 4 * UINT16_MAX, /* of what is packed */
};

/**
 * Packs `n` bytes, a multiple of four, at most SR_PACK_BYTES_MAX.
 *
 * @param out  room for what this function returned before, apart from `from`; NULL: only count
 *
 * @return bytes that `out` needs, at most n + 4
 */
size_t sr_pack(const void *from, size_t n, uint8_t *out);

/** Back: all `n` bytes of `out` are written. `from` is what sr_pack() wrote of that many bytes. */
void sr_unpack(const uint8_t *from, size_t from_bytes, void *out, size_t n);

#endif
