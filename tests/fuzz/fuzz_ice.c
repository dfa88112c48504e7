#include <string.h>

#include "rtc/ice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Any message, on any path, at any time: nothing without the password proves a path, answers fit,
   and the agent stays within its bounds. First byte of each part: what to do; next two: length. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct ice_local ours = {.ufrag = "oursours", .pwd = "ourpasswordourpassword00"};
    struct ice_path path = {.remote = {.family = SR_ADDR_IP4, .port = 9, .ip = {192, 0, 2, 1}}};
    struct ice_agent agent;
    struct ice_step step;
    struct stun_msg msg;
    sr_usec now = SR_SEC;

    ice_agent_init(&agent, &ours);
    while (size >= 3) {
        size_t n = SR_MIN((size_t)data[1] << 8 | data[2], size - 3);
        struct sr_str part = sr_str_make((const char *)data + 3, n);

        if (data[0] & 1) {
            (void)!(ice_agent_set_remote(&agent, sr_str_head(part, 8), sr_str_from(part, 8), &ours,
                                         now) == SR_OK);
        } else if (stun_parse(part, &msg) == SR_OK) {
            path.remote.port = (uint16_t)(data[0] + 1);
            path.stream = data[0] >> 6;
            ice_agent_on_stun(&agent, &msg, &path, now, &step);
            SR_ASSERT(step.n <= sizeof(step.bytes));
            if (step.is_valid)
                SR_ASSERT(stun_check_integrity(&msg, sr_str_c(ours.pwd)) == SR_OK);
        }
        now += (sr_usec)data[0] * 100 * SR_MSEC;
        if (ice_agent_deadline(&agent) <= now)
            ice_agent_on_deadline(&agent, now, &step);
        SR_ASSERT(ice_agent_path(&agent, ICE_PATHS_MAX) == NULL);
        data += 3 + n;
        size -= 3 + n;
    }
    return 0;
}
