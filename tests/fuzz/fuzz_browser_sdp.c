/**
 * @file fuzz_browser_sdp.c  A page's offer, through the whole hub with a media plane in virtual time:
 * twice, as a first offer and as a resume, and once as an offer in a call. Nothing may be left.
 */
#include "apps/apps.h"
#include "base/alloc.h"
#include "base/log.h"
#include "call/hub.h"
#include "control/config_load.h"
#include "net/net_sim.h"
#include "worker/port_sim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct house {
    struct loop *loop;
    struct engine *engine;
    struct media_port *media;
    char token[ENGINE_TOKEN_MAX], call_id[ENGINE_ID_MAX];
    bool is_answered;
    uint64_t client;
};

static struct house *house_new(void)
{
    static const char text[] = "{ \"features\": { \"*43\": \"echo\" } }";
    struct house *house = sr_zalloc(1, sizeof(*house));
    struct config_faults faults;
    struct engine_options options = {0};
    struct port_sim_options media = {
        .on_event = engine_on_media, .port_min = 20000, .port_max = 20099};
    struct ua_options ua = {.ops = engine_ua_ops(), .user_agent = SR_STR("fuzz"), .seed = 1};
    struct sr_addr router = {.family = SR_ADDR_IP4, .port = 5060, .ip = {192, 0, 2, 1}};
    struct ua *agent;

    SR_ASSERT(sr_log_set(SR_STR("error")) == SR_OK);
    config_faults_init(&faults);
    SR_ASSERT(config_load_text(sr_str_c(text), NULL, &faults, &options.config) == SR_OK);
    config_faults_done(&faults);
    house->loop = loop_sim_new(1);
    options.loop = house->loop;
    house->engine = engine_new(&options);
    config_unref(options.config);
    engine_add_app(house->engine, &app_echo, NULL);
    ua.loop = house->loop;
    ua.arg = house->engine;
    agent = ua_new(&ua);
    ua_set_net(agent,
               net_sim_new(sim_wire_new(house->loop), &router, ua_net_handler(), agent, NULL));
    media.loop = house->loop;
    media.arg = house->engine;
    house->media = port_sim_new(&media);
    engine_start(house->engine, agent, house->media);
    return house;
}

static void copy_member(struct sr_str note, const char *key, char *out, size_t size)
{
    size_t at = sr_str_search(note, sr_str_c(key));
    struct sr_str rest;

    if (at >= note.n)
        return;
    rest = sr_str_from(note, at + strlen(key));
    (void)sr_str_copy(sr_str_head(rest, sr_str_find(rest, '"', 0)), out, size);
}

static void run(struct house *house, sr_usec time)
{
    struct engine_note *note;
    struct engine_event *event;

    loop_sim_run_until(house->loop, loop_now(house->loop) + time);
    while ((note = engine_next_note(house->engine)) != NULL) {
        copy_member(note->text, "\"token\":\"", house->token, sizeof(house->token));
        if (sr_str_search(note->text, SR_STR("webrtc-incoming")) < note->text.n)
            copy_member(note->text, "\"callId\":\"", house->call_id, sizeof(house->call_id));
        house->is_answered |= sr_str_search(note->text, SR_STR("webrtc-answer")) < note->text.n;
        sr_free(note);
    }
    while ((event = engine_next_event(house->engine)) != NULL)
        engine_event_free(event);
}

static void give(struct house *house, struct engine_command *command)
{
    command->client = house->client;
    (void)sr_str_copy(SR_STR("s"), command->session_id, sizeof(command->session_id));
    SR_ASSERT(engine_submit(house->engine, command) == SR_OK);
    run(house, SR_MSEC);
}

static void offer(struct house *house, const char *sdp, bool is_resume)
{
    struct engine_command command = {.kind = ENGINE_DO_WEBRTC_OFFER, .sdp = sr_strdup(sdp)};

    if (is_resume)
        memcpy(command.session_token, house->token, sizeof(command.session_token));
    give(house, &command);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct house *house;
    struct engine_command enter = {.kind = ENGINE_DO_WEBRTC_REGISTER, .owner = "fuzz"};
    struct engine_command call = {
        .kind = ENGINE_DO_CALL, .from = "guest:fuzz", .to = "*43", .owner = "fuzz"};
    struct engine_command link = {.kind = ENGINE_DO_WEBRTC_LINK};
    struct engine_command hangup = {.kind = ENGINE_DO_WEBRTC_HANGUP};
    struct engine_command leave = {.kind = ENGINE_DO_WEBRTC_GONE};
    char *sdp;

    if (size > ENGINE_SDP_BYTES_MAX)
        return 0;
    if (house == NULL)
        house = house_new();
    sdp = sr_str_cdup(sr_str_make((const char *)data, size));
    house->client++;
    house->is_answered = false;
    give(house, &enter);
    offer(house, sdp, false);
    offer(house, sdp, true);
    if (house->is_answered) {
        give(house, &call);
        memcpy(link.call_id, house->call_id, sizeof(link.call_id));
        give(house, &link);
        run(house, SR_SEC);
        SR_ASSERT(engine_call_count(house->engine) == 1);
        offer(house, sdp, true);
    }
    give(house, &hangup);
    give(house, &leave);
    run(house, 70 * SR_SEC);
    SR_ASSERT(engine_call_count(house->engine) == 0);
    SR_ASSERT(port_sim_leg_count(house->media) == 0 && port_sim_room_count(house->media) == 0);
    SR_ASSERT(port_sim_faults(house->media) == 0);
    sr_free(sdp);
    return 0;
}
