/* What a dialled text means. Internal extensions now; numbers for providers come with providers. */
#include "call/routing.h"

#include "call/internal.h"

void routing__resolve(const struct config *config, struct sr_str dialled,
                      struct routing_plan *ret_plan)
{
    *ret_plan = (struct routing_plan){.dialled = dialled};
    ret_plan->what = config_extension_find(config, dialled);
    if (ret_plan->what.kind == CONFIG_EXTENSION_NONE) {
        const struct config_device *device = config_device_by_id(config, dialled);

        if (device != NULL)
            ret_plan->what =
                (struct config_extension){.kind = CONFIG_EXTENSION_DEVICE, .device = device};
    }
}

static const char *kind_text(enum config_extension_kind kind)
{
    switch (kind) {
    case CONFIG_EXTENSION_NONE:
        return "nobody has this extension, and routes to providers do not exist yet";
    case CONFIG_EXTENSION_DEVICE:
        return "the extension of a device";
    case CONFIG_EXTENSION_GROUP:
        return "the extension of a group";
    case CONFIG_EXTENSION_CONFERENCE:
        return "the extension of a conference";
    case CONFIG_EXTENSION_VOICEBOX:
        return "the extension of a voicebox";
    case CONFIG_EXTENSION_PARKING:
        return "a parking slot";
    case CONFIG_EXTENSION_FEATURE:
        return "a feature code";
    }
    return "";
}

static struct sr_str name_of(const struct config_extension *what)
{
    switch (what->kind) {
    case CONFIG_EXTENSION_DEVICE:
        return what->device->id;
    case CONFIG_EXTENSION_GROUP:
        return what->group->id;
    case CONFIG_EXTENSION_CONFERENCE:
        return what->conference->id;
    case CONFIG_EXTENSION_VOICEBOX:
        return what->voicebox->id;
    case CONFIG_EXTENSION_FEATURE:
        return what->feature->code;
    case CONFIG_EXTENSION_NONE:
    case CONFIG_EXTENSION_PARKING:
        break;
    }
    return (struct sr_str){NULL, 0};
}

static void write_targets(struct sr_json *json, const struct config_extension *what)
{
    sr_json_key_array(json, "targets");
    if (what->kind == CONFIG_EXTENSION_GROUP) {
        for (uint32_t i = 0; i < what->group->member_ids.count; i++)
            sr_json_str(json, what->group->members[i]->id);
    } else if (what->kind != CONFIG_EXTENSION_NONE) {
        sr_json_str(json, name_of(what));
    }
    sr_json_end(json);
}

void routing_test_json(const struct config *config, struct sr_str number, struct sr_str caller,
                       struct sr_buf *buf)
{
    struct routing_plan plan;
    struct sr_json json;

    routing__resolve(config, number, &plan);
    sr_json_begin(&json, buf);
    sr_json_object(&json);
    sr_json_key(&json, "matched");
    sr_json_null(&json);
    sr_json_key_str(&json, "number", number);
    sr_json_key_array(&json, "tried");
    sr_json_object(&json);
    sr_json_key_c(&json, "route", "extensions");
    sr_json_key_bool(&json, "matched", plan.what.kind != CONFIG_EXTENSION_NONE);
    sr_json_key_c(&json, "why", kind_text(plan.what.kind));
    sr_json_end(&json);
    sr_json_end(&json);
    write_targets(&json, &plan.what);
    sr_json_key(&json, "provider");
    sr_json_null(&json);
    sr_json_key_str(&json, "callerId", caller);
    sr_json_end(&json);
}
