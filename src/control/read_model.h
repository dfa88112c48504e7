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
#include "control/parties.h"

struct model_call {
    struct sr_node node;
    uint64_t order; /* rising with arrival: the cursor of lists */
    struct engine_call_view *view;
    struct parties *parties; /* everybody who ever took part: who left still hears of the end */
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
 * @param[out] ret_parties  who may hear of it: everybody of its call, before and after; of a key only
 *                          who is in the call now. Always set; parties_mark_done()
 *
 * @return false when events before it were lost: only a snapshot can repair what people were told
 */
bool read_model_apply(struct read_model *model, const struct engine_event *event,
                      struct parties_mark *ret_parties);
const struct model_call *read_model_call(const struct read_model *model, struct sr_str call_id);

#endif
