#include "apps/apps.h"

static bool serves(const struct config_extension *what)
{
    return what->kind == CONFIG_EXTENSION_FEATURE && what->feature->kind == CONFIG_FEATURE_ECHO;
}

static void on_enter(void *state, struct call *call, struct leg *leg,
                     const struct config_extension *what)
{
    (void)state;
    (void)what;
    if (call_add_media_leg(call, MEDIA_LEG_ECHO, SR_STR("echo")) == NULL) {
        leg_end(leg, CALL_REASON_LIMIT);
        return;
    }
    (void)leg_answer_here(leg);
}

const struct app_ops app_echo = {
    .name = "echo",
    .serves = serves,
    .on_enter = on_enter,
};
