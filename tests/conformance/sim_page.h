/**
 * @file sim_page.h  Pages that are phones, for walks: they register, offer, link, come back and vanish, also in a wrong order.
 *
 * Memory: embedded
 */
#ifndef SR_TEST_SIM_PAGE_H
#define SR_TEST_SIM_PAGE_H

#include "rig.h"

enum {
    SIM_PAGES = 2,
};

struct sim_page {
    struct rig *rig;
    uint64_t client; /* 1...; 0: no socket */
    const char *device, *owner;
    char token[ENGINE_TOKEN_MAX], call_id[ENGINE_ID_MAX]; /* told last */
    bool is_rung;                                         /* by that call; not looked at yet */
    uint32_t sessions, answers, errors;
};

struct sim_pages {
    struct sim_page page[SIM_PAGES];
};

/** One page of device c, one guest. */
void sim_pages_init(struct sim_pages *pages, struct rig *rig);
/** Reads what was said to pages. After every run. */
void sim_pages_hear(struct sim_pages *pages);
/** Answers what rings. */
void sim_page_answer(struct sim_page *page);
/** Does one thing, maybe out of order: `what` is any number. */
void sim_page_do(struct sim_page *page, uint32_t what);
/** Its socket opens, with what token it had. */
void sim_page_come(struct sim_page *page);
/** The socket closes. */
void sim_page_gone(struct sim_page *page);

#endif
