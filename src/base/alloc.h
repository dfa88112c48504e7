/**
 * @file alloc.h  Heap memory above the pure layers.
 *
 * When the system has no memory the process ends with a report; named limits keep a peer from ever
 * causing that. Live blocks are counted, so tests can claim "no leak" and "no allocation".
 *
 * Thread:  any; blocks may be freed on another thread than they were taken on
 */
#ifndef SR_BASE_ALLOC_H
#define SR_BASE_ALLOC_H

#include "base/str.h"

/** `bytes` of uninitialised memory; never NULL, also for 0 bytes. */
void *sr_alloc(size_t bytes);
/** `count` times `bytes` of zeroed memory; never NULL; an overflowing product ends the process. */
void *sr_zalloc(size_t count, size_t bytes);
/** As realloc; p may be NULL. Never NULL. */
void *sr_realloc(void *p, size_t bytes);
/** p may be NULL. */
void sr_free(void *p);
/** Overwrites `bytes` at p so that the compiler keeps it, then frees. For secrets. p may be NULL. */
void sr_free_secret(void *p, size_t bytes);
/** Overwrites memory so that the compiler keeps it. */
void sr_wipe(void *p, size_t bytes);

/** NUL-terminated copies, to be freed with sr_free. */
char *sr_strdup(const char *text);
char *sr_str_cdup(struct sr_str text);

/** Blocks taken and not freed, over all threads; and all blocks ever taken. */
uint64_t sr_alloc_live(void);
uint64_t sr_alloc_total(void);

#endif
