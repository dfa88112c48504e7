#include "rig.h"

#include <stdio.h>
#include <stdlib.h>

#include "call/internal.h"
#include "control/config_load.h"

const char rig_config[] =
    "{ \"devices\": [\n"
    "  { \"id\": \"a\", \"displayName\": \"Anna\", \"extension\": \"101\", \"password\": "
    "\"pw-101\" },\n"
    "  { \"id\": \"b\", \"displayName\": \"Bert\", \"extension\": \"102\", \"password\": "
    "\"pw-102\" },\n"
    "  { \"id\": \"c\", \"displayName\": \"Cora\", \"extension\": \"103\", \"password\": "
    "\"pw-103\" },\n"
    "  { \"id\": \"d\", \"displayName\": \"Dora\", \"extension\": \"104\", \"password\": "
    "\"pw-104\" },\n"
    "  { \"id\": \"quiet\", \"extension\": \"105\", \"password\": \"pw-105\", \"dnd\": true },\n"
    "  { \"id\": \"one\", \"extension\": \"106\", \"password\": \"pw-106\", \"maxCalls\": 1 },\n"
    "  { \"id\": \"info\", \"extension\": \"107\", \"password\": \"pw-107\", \"dtmf\": \"info\" } "
    "],\n"
    "  \"groups\": [ { \"id\": \"bc\", \"extension\": \"200\", \"members\": [\"b\", \"c\"] } ],\n"
    "  \"conferences\": [ { \"id\": \"room\", \"extension\": \"800\" },\n"
    "    { \"id\": \"safe\", \"extension\": \"801\", \"pin\": \"4711\" } ],\n"
    "  \"parking\": { \"slots\": \"701-703\", \"timeoutSec\": 20 },\n"
    "  \"features\": { \"*43\": \"echo\", \"*8\": \"pickup\", \"*68\": \"intercom\" } }\n";

struct config *rig_load(const char *text)
{
    struct config_faults faults;
    struct config *config = NULL;
    struct sr_buf report;
    enum sr_err err;

    config_faults_init(&faults);
    err = config_load_text(sr_str_c(text), NULL, &faults, &config);
    if (err != SR_OK) {
        sr_buf_init(&report, CONFIG_FAULTS_BYTES_MAX);
        config_faults_write_text(&faults, "rig", &report);
        print_error("%s", sr_buf_cstr(&report));
        sr_buf_done(&report);
    }
    config_faults_done(&faults);
    assert_int_equal(err, SR_OK);
    return config;
}

uint64_t rig_seed(void)
{
    uint64_t seed = 1;

    if (sr_str_u64(sr_str_c(getenv("CONFORMANCE_SEED")), UINT64_MAX, &seed) != SR_OK)
        return 1;
    return seed;
}

/* ---- events ---- */

static struct rig_call *call_of(struct rig *rig, const char *call_id)
{
    struct rig_call *call = sr_map_find(&rig->calls_by_id, sr_str_c(call_id));

    if (call != NULL)
        return call;
    call = sr_zalloc(1, sizeof(*call));
    (void)sr_str_copy(sr_str_c(call_id), call->call_id, sizeof(call->call_id));
    sr_list_add(&rig->calls, &call->node);
    (void)sr_map_put(&rig->calls_by_id, sr_str_c(call->call_id), call);
    return call;
}

static void note_call_event(struct rig_call *call, struct engine_event *event)
{
    assert_int_equal(call->ended, 0); /* nothing comes after the end */
    call->created += event->kind == ENGINE_CALL_CREATED;
    assert_int_equal(call->created, 1); /* and nothing before the beginning */
    call->qualities += event->kind == ENGINE_QUALITY;
    call->ringing += event->kind == ENGINE_CALL_RINGING;
    call->answered += event->kind == ENGINE_CALL_ANSWERED;
    call->ended += event->kind == ENGINE_CALL_ENDED;
    call->legs_added += event->kind == ENGINE_LEG_ADDED;
    call->legs_removed += event->kind == ENGINE_LEG_REMOVED;
    if (event->kind == ENGINE_CALL_ENDED) {
        (void)sr_str_copy(sr_str_c(event->reason), call->reason, sizeof(call->reason));
        call->sip_status = event->sip_status;
    }
    if (event->kind == ENGINE_DTMF && strlen(call->digits) + 1 < sizeof(call->digits))
        call->digits[strlen(call->digits)] = event->digit;
    call->view = engine_call_view_take(call->view, event);
}

static void note_event(struct rig *rig, struct engine_event *event)
{
    if (event->kind == ENGINE_REPLY) {
        rig->reply_token = event->token;
        rig->reply_err = event->err;
        (void)sr_str_copy(sr_buf_view(&event->body), rig->reply, sizeof(rig->reply));
        memcpy(rig->reply_why, event->why, sizeof(rig->reply_why));
        return;
    }
    rig->seq++;
    rig->seq_gaps += event->seq != rig->seq;
    rig->drained += event->kind == ENGINE_DRAINED;
    rig->config_changes += event->kind == ENGINE_CONFIG_CHANGED;
    rig->registered += event->kind == ENGINE_DEVICE_REGISTERED;
    rig->unregistered += event->kind == ENGINE_DEVICE_UNREGISTERED;
    rig->snapshots += event->kind == ENGINE_SNAPSHOT;
    rig->bans += event->kind == ENGINE_SECURITY_BAN;
    rig->plays_started += event->kind == ENGINE_PLAY_STARTED;
    rig->plays_finished += event->kind == ENGINE_PLAY_FINISHED;
    if (event->kind == ENGINE_PLAY_FINISHED)
        (void)sr_str_copy(sr_str_c(event->why), rig->play_end, sizeof(rig->play_end));
    rig->provider_up += event->kind == ENGINE_PROVIDER_REGISTERED;
    rig->provider_down += event->kind == ENGINE_PROVIDER_FAILED;
    if (event->call != NULL)
        note_call_event(call_of(rig, event->call_id), event);
}

static void take_events(struct rig *rig)
{
    struct engine_event *event;

    while ((event = engine_next_event(rig->engine)) != NULL) {
        sr_buf_clear(&rig->json);
        engine_event_json(event, ENGINE_FOR_STAFF, &rig->json);
        assert_int_equal(sr_buf_err(&rig->json), SR_OK);
        note_event(rig, event);
        engine_event_free(event);
    }
}

static void view_text(const struct engine_call_view *view, struct sr_buf *buf)
{
    struct sr_json json;

    sr_buf_clear(buf);
    sr_json_begin(&json, buf);
    engine_call_json(view, ENGINE_FOR_STAFF, &json);
}

static void claim_same(const char *told, const char *true_one)
{
    size_t at = 0;

    if (strcmp(told, true_one) == 0)
        return;
    while (told[at] == true_one[at])
        at++;
    at -= SR_MIN(at, (size_t)60);
    fail_msg("the events told \"...%.200s\", it is \"...%.200s\"", told + at, true_one + at);
}

/* Who keeps a view by the events alone sees every call as it is. */
static void claim_views(struct rig *rig)
{
    struct sr_buf told, true_one;
    struct call *call;
    uint32_t cursor = 0;

    if (rig->engine->events_lost > 0)
        return;
    sr_buf_init(&told, 1 << 20);
    sr_buf_init(&true_one, 1 << 20);
    while ((call = sr_idtab_next(&rig->engine->calls, &cursor)) != NULL) {
        struct engine_call_view *view = event__view(call);

        if (call->state != CALL_ENDED) {
            view_text(call_of(rig, call->call_id)->view, &told);
            view_text(view, &true_one);
            claim_same(sr_buf_cstr(&told), sr_buf_cstr(&true_one));
        }
        sr_free(view);
    }
    sr_buf_done(&told);
    sr_buf_done(&true_one);
}

void rig_run(struct rig *rig, sr_usec time)
{
    sr_usec end = loop_now(rig->loop) + time;

    while (loop_now(rig->loop) < end) {
        loop_sim_run_until(rig->loop, SR_MIN(end, loop_now(rig->loop) + SR_SEC));
        take_events(rig);
    }
    claim_views(rig);
}

/* ---- life ---- */

static void on_wake(void *arg)
{
    ((struct rig *)arg)->wakes++;
}

void rig_init(struct rig *rig, const struct rig_options *options)
{
    static const struct rig_options plain = {0};
    struct engine_options engine = {0};
    struct port_sim_options media = {.on_event = engine_on_media};
    struct ua_options ua = {.ops = engine_ua_ops(), .user_agent = SR_STR("siprouter/test")};
    struct sr_addr any = {.family = SR_ADDR_IP4, .port = 5060};
    struct config *config;
    char why[NET_WHY_MAX];

    if (options == NULL)
        options = &plain;
    *rig = (struct rig){.blocks = sr_alloc_live(), .seed = options->seed ? options->seed : 1};
    sr_list_init(&rig->calls);
    sr_buf_init(&rig->json, 1 << 20);
    sr_map_init(&rig->calls_by_id);
    config = rig_load(options->config != NULL ? options->config : rig_config);
    rig->loop = loop_sim_new(rig->seed);
    rig->wire = sim_wire_new(rig->loop);
    sim_wire_set_default(rig->wire,
                         &(struct sim_link){.delay_usec = SR_MSEC, .loss = options->loss});
    assert_int_equal(sr_addr_parse(SR_STR("192.0.2.1:5060"), 0, &rig->router), SR_OK);
    engine.loop = rig->loop;
    engine.config = config;
    engine.calls_max = options->calls_max;
    engine.wake = on_wake;
    engine.wake_arg = rig;
    if (options->has_voice) {
        struct speech_options speech = {
            .loop = rig->loop, .speaker = &rig_speaker, .is_inline = true};

        rig->speech = speech_new(&speech);
    }
    engine.speech = rig->speech;
    rig->engine = engine_new(&engine);
    config_unref(config);
    rig->rooms = conference_rooms_new();
    rig->parking = parking_new();
    if (options->app != NULL)
        engine_add_app(rig->engine, options->app, options->app_state);
    engine_add_app(rig->engine, &app_echo, NULL);
    engine_add_app(rig->engine, &app_conference, rig->rooms);
    engine_add_app(rig->engine, &app_parking, rig->parking);
    engine_add_app(rig->engine, &app_announce, NULL);
    ua.loop = rig->loop;
    ua.arg = rig->engine;
    ua.seed = rig->seed;
    rig->resolver = resolver_sim_new(rig->loop, 10 * SR_MSEC);
    ua.resolver = rig->resolver;
    rig->ua = ua_new(&ua);
    rig->net = net_sim_new(rig->wire, &rig->router, ua_net_handler(), rig->ua, NULL);
    assert_int_equal(net_listen(rig->net, NET_UDP, &any, NULL, why), SR_OK);
    assert_int_equal(net_listen(rig->net, NET_TCP, &any, NULL, why), SR_OK);
    any.port = rig->router.port + 1;
    assert_int_equal(net_listen(rig->net, NET_TLS, &any, NULL, why), SR_OK);
    ua_set_net(rig->ua, rig->net);
    media.loop = rig->loop;
    media.arg = rig->engine;
    media.port_min = options->port_min ? options->port_min : 20000;
    media.port_max = options->port_max ? options->port_max : 29999;
    rig->media = port_sim_new(&media);
    engine_start(rig->engine, rig->ua, rig->media);
}

static void claim_nothing_left(struct rig *rig)
{
    struct ua_stats ua;

    ua_stats(rig->ua, &ua);
    if (engine_call_count(rig->engine) + ua.legs + ua.legs_closing + ua.server_transactions +
            ua.client_transactions + port_sim_leg_count(rig->media) + port_sim_faults(rig->media) >
        0)
        print_error("seed %llu, walk %llu: calls %u, SIP legs %u + %u, transactions %u + %u, "
                    "media legs %u, faults %u\n",
                    (unsigned long long)rig->seed, (unsigned long long)rig->walk,
                    engine_call_count(rig->engine), ua.legs, ua.legs_closing,
                    ua.server_transactions, ua.client_transactions, port_sim_leg_count(rig->media),
                    port_sim_faults(rig->media));
    assert_int_equal(engine_call_count(rig->engine), 0);
    assert_int_equal(ua.legs, 0);
    assert_int_equal(ua.legs_closing, 0);
    assert_int_equal(ua.server_transactions, 0);
    assert_int_equal(ua.client_transactions, 0);
    assert_int_equal(port_sim_leg_count(rig->media), 0);
    assert_int_equal(port_sim_room_count(rig->media), 0);
    assert_int_equal(port_sim_faults(rig->media), 0);
    assert_int_equal(rig->engine->legs.count, 0);
    assert_int_equal(rig->engine->device_calls.count, 0);
}

/* The numbers people see say the same. */
static void claim_status_is_idle(struct rig *rig)
{
    struct engine_status status;

    if (!rig->engine->is_started) /* stopped: they stand still */
        return;
    engine_status(rig->engine, &status);
    assert_int_equal(status.calls, 0);
    assert_int_equal(status.legs, 0);
    assert_int_equal(status.rtp_ports_used, 0);
    assert_int_equal(status.calls_total, rig->calls.count);
}

static void claim_calls_ended(struct rig *rig)
{
    SR_LIST_EACH(&rig->calls, node)
    {
        const struct rig_call *call = SR_CONTAINER(node, struct rig_call, node);

        if (call->ended != 1 || call->created > 1 || call->legs_added != call->legs_removed)
            print_error("call %s: created %u, answered %u, ended %u, legs %u - %u, reason %s\n",
                        call->call_id, call->created, call->answered, call->ended, call->legs_added,
                        call->legs_removed, call->reason);
        assert_int_equal(call->created, 1);
        assert_int_equal(call->ended, 1);
        assert_int_equal(call->legs_added, call->legs_removed);
        assert_true(call->answered <= 1);
        assert_true(call->reason[0] != '\0');
        assert_string_not_equal(call->reason, "internal_error");
    }
    assert_int_equal(rig->seq_gaps, 0);
}

void rig_settle(struct rig *rig)
{
    rig_run(rig, 80 * SR_SEC); /* the longest: 64*T1 for an INVITE, then 64*T1 for its end */
    claim_nothing_left(rig);
    claim_status_is_idle(rig);
    claim_calls_ended(rig);
}

void rig_done(struct rig *rig)
{
    struct sr_node *node;

    rig_settle(rig);
    engine_stop(rig->engine);
    media_port_free(rig->media);
    ua_free(rig->ua);
    resolver_free(rig->resolver);
    net_free(rig->net);
    engine_free(rig->engine);
    speech_free(rig->speech);
    conference_rooms_free(rig->rooms);
    parking_free(rig->parking);
    for (size_t i = 0; i < rig->phone_count; i++)
        sim_phone_free(rig->phones[i]);
    sim_wire_free(rig->wire);
    loop_free(rig->loop);
    sr_buf_done(&rig->json);
    sr_map_done(&rig->calls_by_id);
    while ((node = sr_list_pop(&rig->calls)) != NULL) {
        struct rig_call *call = SR_CONTAINER(node, struct rig_call, node);

        sr_free(call->view);
        sr_free(call);
    }
    assert_int_equal(sr_alloc_live(), rig->blocks);
}

/* ---- phones and calls ---- */

struct sim_phone *rig_phone(struct rig *rig, const char *user)
{
    return rig_phone_on(rig, user, NET_UDP);
}

struct sim_phone *rig_phone_on(struct rig *rig, const char *user, enum net_kind kind)
{
    char addr[SR_ADDR_TEXT_MAX];
    char password[32];
    struct sim_phone_options options = {.loop = rig->loop,
                                        .wire = rig->wire,
                                        .router = rig->router,
                                        .user = user,
                                        .password = password,
                                        .kind = kind,
                                        .seed = rig->seed * 100 + rig->phone_count};
    struct sim_phone *phone;

    assert_true(rig->phone_count < RIG_PHONES_MAX);
    (void)snprintf(addr, sizeof(addr), "192.0.2.%zu:5060", 10 + rig->phone_count);
    (void)snprintf(password, sizeof(password), "pw-%s", user);
    options.router.port = (uint16_t)(rig->router.port + (kind == NET_TLS));
    assert_int_equal(sr_addr_parse(sr_str_c(addr), 0, &options.addr), SR_OK);
    phone = sim_phone_new(&options);
    rig->phones[rig->phone_count++] = phone;
    for (int i = 0; i < 10 && phone->register_status != 200; i++) { /* loss: a phone tries again */
        sim_phone_register(phone, 3600);
        RIG_UNTIL(rig, phone->register_status != 0);
    }
    assert_int_equal(phone->register_status, 200);
    return phone;
}

struct sim_phone *rig_gateway(struct rig *rig)
{
    return rig_gateway_at(rig, "192.0.2.200:5060");
}

struct sim_phone *rig_gateway_at(struct rig *rig, const char *address)
{
    struct sim_phone_options options = {.loop = rig->loop,
                                        .wire = rig->wire,
                                        .router = rig->router,
                                        .user = "49891",
                                        .password = "",
                                        .kind = NET_UDP,
                                        .seed = rig->seed * 100 + 99};

    assert_true(rig->phone_count < RIG_PHONES_MAX);
    assert_int_equal(sr_addr_parse(sr_str_c(address), 0, &options.addr), SR_OK);
    rig->phones[rig->phone_count] = sim_phone_new(&options);
    return rig->phones[rig->phone_count++];
}

struct rig_call *rig_call(struct rig *rig, size_t n)
{
    SR_LIST_EACH(&rig->calls, node)
    {
        if (n-- == 0)
            return SR_CONTAINER(node, struct rig_call, node);
    }
    fail_msg("there is no such call");
    return NULL;
}

static struct leg *find_leg(struct rig *rig, const struct rig_call *wanted, const char *device_id)
{
    struct call *call = call__find(rig->engine, wanted->call_id);

    assert_non_null(call);
    SR_LIST_EACH(&call->legs, node)
    {
        struct leg *leg = SR_CONTAINER(node, struct leg, node);

        if (strcmp(leg->device_id, device_id) == 0)
            return leg;
    }
    fail_msg("no leg of device %s", device_id);
    return NULL;
}

const struct port_sim_leg *rig_media(struct rig *rig, const struct rig_call *call,
                                     const char *device_id)
{
    const struct port_sim_leg *leg =
        port_sim_leg(rig->media, find_leg(rig, call, device_id)->media);

    assert_non_null(leg);
    return leg;
}

enum media_mode rig_mode(struct rig *rig, const struct rig_call *call)
{
    struct call *found = call__find(rig->engine, call->call_id);

    assert_non_null(found);
    return port_sim_mode(rig->media, found->room);
}

void rig_inject(struct rig *rig, const struct rig_call *call, const char *device_id,
                struct media_event event)
{
    struct leg *leg = find_leg(rig, call, device_id);

    event.leg = leg->media;
    event.room = leg->call->room;
    event.cookie = port_sim_leg(rig->media, leg->media)->options.cookie;
    port_sim_inject(rig->media, &event);
}

const struct engine_leg_view *rig_leg(const struct rig_call *call, const char *device_id)
{
    for (uint32_t i = 0; call->view != NULL && i < call->view->leg_count; i++) {
        if (strcmp(call->view->legs[i].device_id, device_id) == 0)
            return &call->view->legs[i];
    }
    fail_msg("the view shows no leg of device %s", device_id);
    return NULL;
}

const char *rig_leg_id(const struct rig_call *call, const char *device_id)
{
    return rig_leg(call, device_id)->leg_id;
}

struct engine_command rig_command(enum engine_command_kind kind, const struct rig_call *call,
                                  const char *device_id)
{
    struct engine_command command = {.kind = kind};

    if (call != NULL)
        memcpy(command.call_id, call->call_id, sizeof(command.call_id));
    if (device_id != NULL)
        memcpy(command.leg_id, rig_leg_id(call, device_id), sizeof(command.leg_id));
    return command;
}

enum sr_err rig_do(struct rig *rig, const struct engine_command *command)
{
    struct engine_command copy = *command;

    copy.token = ++rig->token;
    assert_int_equal(engine_submit(rig->engine, &copy), SR_OK);
    RIG_UNTIL(rig, rig->reply_token == rig->token);
    return rig->reply_err;
}

struct phone_call *rig_connect(struct rig *rig, struct sim_phone *from, const char *to)
{
    struct phone_call *call = phone_dial(from, to);

    RIG_UNTIL(rig, call->state == PHONE_UP || call->state == PHONE_OVER);
    assert_int_equal(call->state, PHONE_UP);
    rig_run(rig, 100 * SR_MSEC);
    return call;
}
