/* A leg hears one sound and goes. */
#include "base/alloc.h"
#include "call/internal.h"

struct announcement {
    enum call_reason reason;
};

static void on_played(void *arg, const struct leg_played *played)
{
    struct announcement *announcement = arg;
    enum call_reason reason = announcement->reason;

    sr_free(announcement);
    if (played->leg != NULL)
        leg_end(played->leg, reason);
}

void leg_announce(struct leg *leg, const struct call_sound *sound, enum call_reason reason)
{
    struct announcement *announcement = sr_zalloc(1, sizeof(*announcement));
    struct leg_play_options options = {.on_played = on_played, .arg = announcement};

    announcement->reason = reason;
    if (leg_play(leg, sound, &options) == SR_ID_NONE) {
        sr_free(announcement);
        leg_end(leg, reason);
        return;
    }
    leg_set_role(leg, MEDIA_ROLE_ISOLATED);
    (void)leg_answer_here(leg); /* on failure it has ended, and on_played finds no leg */
}
