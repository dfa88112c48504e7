#include "test_call.h"

#include <jansson.h>
#include <stdio.h>

#include "base/alloc.h"
#include "call/engine.h"

static json_t *event_json(const struct engine_event *event)
{
    struct sr_buf buf;
    json_t *json;

    sr_buf_init(&buf, 1 << 20);
    engine_event_json(event, ENGINE_FOR_STAFF, &buf);
    json = json_loadb(buf.data, buf.len, JSON_REJECT_DUPLICATES, NULL);
    sr_buf_done(&buf);
    assert_non_null(json);
    return json;
}

/* An event names its call and leg, carries the call's view, and hostile texts stay texts. */
static void event_reads_as_the_contract_says(void **state)
{
    struct engine_event event = {.kind = ENGINE_LEG_CHANGED, .seq = 7, .at_wall_us = 1};
    json_t *json;

    (void)state;
    event.call = sr_zalloc(1, sizeof(*event.call));
    event.leg = sr_zalloc(1, sizeof(*event.leg));
    (void)sr_str_copy(SR_STR("c1"), event.call_id, sizeof(event.call_id));
    (void)sr_str_copy(SR_STR("l1"), event.leg_id, sizeof(event.leg_id));
    memcpy(event.call->call_id, event.call_id, sizeof(event.call_id));
    event.call->direction = "internal";
    event.call->state = "answered";
    event.call->mode = "relay";
    event.call->is_head = true;
    memcpy(event.leg->leg_id, event.leg_id, sizeof(event.leg_id));
    event.leg->kind = "device";
    event.leg->role = "participant";
    event.leg->state = "answered";
    event.leg->quality = (struct engine_quality){-1, -1, -1, 4.4};
    event.leg->has_audio = true;
    event.leg->audio = (struct engine_audio){.is_mixed = true,
                                             .bus_hz = 16000,
                                             .cpu_us = 812.4,
                                             .lost = 3,
                                             .kernel_drops = 4,
                                             .packet_ms = 20,
                                             .network_ms = -1,
                                             .ear_ms = 51.5};
    (void)sr_str_copy(SR_STR("</script>\"\x01\xff"), event.leg->name, sizeof(event.leg->name));
    json = event_json(&event);
    assert_string_equal(json_string_value(json_object_get(json, "type")), "leg_changed");
    assert_int_equal(json_integer_value(json_object_get(json, "seq")), 7);
    assert_string_equal(json_string_value(json_object_get(json, "callId")), "c1");
    assert_string_equal(json_string_value(json_object_get(json, "legId")), "l1");
    json_t *leg = json_object_get(json, "leg");
    assert_true(json_is_null(json_object_get(leg, "codec")));
    assert_true(json_is_null(json_object_get(json_object_get(leg, "quality"), "lossPct")));
    assert_true(json_is_real(json_object_get(json_object_get(leg, "quality"), "mos")));
    json_t *audio = json_object_get(leg, "audio"), *mix = json_object_get(audio, "mix");
    assert_int_equal(json_integer_value(json_object_get(audio, "lost")), 3);
    assert_int_equal(json_integer_value(json_object_get(audio, "kernelDrops")), 4);
    json_t *delay = json_object_get(audio, "delay");
    assert_int_equal((int)json_number_value(json_object_get(delay, "packetMs")), 20);
    assert_true(json_is_null(json_object_get(delay, "networkMs")));
    assert_true(json_number_value(json_object_get(delay, "earMs")) > 51.4);
    assert_int_equal(json_integer_value(json_object_get(mix, "busHz")), 16000);
    assert_int_equal((int)json_number_value(json_object_get(mix, "cpuUsPerSec")), 812);
    assert_string_equal(json_string_value(json_object_get(leg, "name")),
                        "</script>\"\x01\xef\xbf\xbd");
    assert_non_null(json_object_get(json, "call"));
    assert_null(
        json_object_get(json_object_get(json, "call"), "legs")); /* only the one it is about */
    json_decref(json);
    sr_free(event.call);
    sr_free(event.leg);
}

/* ---- a view kept by the events ---- */

static struct engine_call_view *take(struct engine_call_view *kept, enum engine_event_kind kind,
                                     const char *leg_id, const char *state)
{
    struct engine_call_view head = {.state = state, .is_head = true};
    struct engine_leg_view leg = {.state = state};
    struct engine_event event = {.kind = kind, .call = &head, .leg = leg_id != NULL ? &leg : NULL};

    if (leg_id != NULL)
        (void)sr_str_copy(sr_str_c(leg_id), leg.leg_id, sizeof(leg.leg_id));
    return engine_call_view_take(kept, &event);
}

/* Legs come, change and go one by one; of a call whose beginning was lost nothing is made up. */
static void view_is_kept_by_events_about_single_legs(void **state)
{
    struct engine_call_view whole = {.state = "ringing"};
    struct engine_event event = {.kind = ENGINE_CALL_CREATED, .call = &whole};
    struct engine_call_view *kept = NULL;
    char id[8];

    (void)state;
    assert_null(take(NULL, ENGINE_LEG_ADDED, "l1", "calling"));
    kept = engine_call_view_take(kept, &event);
    for (unsigned i = 0; i < 200; i++) {
        (void)snprintf(id, sizeof(id), "l%u", i);
        kept = take(kept, ENGINE_LEG_ADDED, id, "calling");
    }
    assert_int_equal(kept->leg_count, 200);
    kept = take(kept, ENGINE_LEG_CHANGED, "l77", "ringing");
    assert_int_equal(kept->leg_count, 200);
    assert_string_equal(kept->legs[77].state, "ringing");
    for (unsigned i = 0; i < 200; i += 2) {
        (void)snprintf(id, sizeof(id), "l%u", i);
        kept = take(kept, ENGINE_LEG_REMOVED, id, "ended");
    }
    assert_int_equal(kept->leg_count, 100);
    assert_string_equal(kept->legs[38].leg_id, "l77");
    assert_string_equal(kept->legs[99].leg_id, "l199");
    kept = take(kept, ENGINE_LEG_REMOVED, "l0", "ended"); /* gone already */
    kept = take(kept, ENGINE_LEG_CHANGED, NULL, "answered");
    assert_int_equal(kept->leg_count, 100);
    assert_string_equal(kept->state, "answered");
    assert_false(kept->is_head);
    kept = engine_call_view_take(kept, &event);
    assert_int_equal(kept->leg_count, 0);
    sr_free(kept);
}

/* The last event of a call says why in one word. */
static void end_says_why(void **state)
{
    struct engine_event event = {.kind = ENGINE_CALL_ENDED, .reason = "busy", .sip_status = 486};
    json_t *json = event_json(&event);

    (void)state;
    assert_string_equal(json_string_value(json_object_get(json, "reason")), "busy");
    assert_int_equal(json_integer_value(json_object_get(json, "sipStatus")), 486);
    json_decref(json);
}

int run_engine_json_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(event_reads_as_the_contract_says),
        cmocka_unit_test(end_says_why),
        cmocka_unit_test(view_is_kept_by_events_about_single_legs),
    };

    return cmocka_run_group_tests_name("engine json", tests, NULL, NULL);
}
