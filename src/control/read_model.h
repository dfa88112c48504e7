/**
 * @file read_model.h  Live calls and devices as the web thread knows them: built from events alone.
 *
 * Layer:   control
 * Memory:  owned; views are copies
 * Thread:  the web thread
 */
#ifndef SR_CONTROL_READ_MODEL_H
#define SR_CONTROL_READ_MODEL_H

#include "base/list.h"
#include "base/map.h"
#include "call/engine.h"

enum {
    READ_MODEL_PARTIES_MAX = 1024 /* text; of one call */
};

struct model_call {
    struct sr_node node;
    uint64_t order; /* rising with arrival: the cursor of lists */
    struct engine_call_view *view;
    /* "\n" device "\n" device "\n": everybody who ever took part, so that who left still hears of
       the end */
    char parties[READ_MODEL_PARTIES_MAX];
};

struct model_device {
    struct sr_node node;
    uint64_t order;
    struct engine_device_view view;
};

struct read_model { /* lists may be read */
    struct sr_list calls, devices;
    struct engine_provider_view *providers; /* as configured, in their order */
    uint32_t provider_count;
    struct sr_map calls_by_id, devices_by_id;
    uint64_t next_order;
    uint64_t seq;   /* of the last event */
    bool is_filled; /* a snapshot came */
    bool is_drained;
};

void read_model_init(struct read_model *model);
void read_model_done(struct read_model *model);

/**
 * Takes an event in (does not keep it).
 *
 * @return false when events before it were lost: only a snapshot can repair what people were told
 */
bool read_model_apply(struct read_model *model, const struct engine_event *event);
const struct model_call *read_model_call(const struct read_model *model, struct sr_str call_id);
const struct model_device *read_model_device(const struct read_model *model, struct sr_str id);
/** Adds the devices of a view to a text of parties. */
void read_model_add_parties(const struct engine_call_view *view, char *parties, size_t size);
/** The same of the call and the leg that an event is about. */
void read_model_event_parties(const struct engine_event *event, char *parties, size_t size);
/** Whether a device is in such a text. An empty device is in none. */
bool read_model_is_party(const char *parties, const char *device_id);

#endif
