/* Random walks: phones and the API do anything at any time, messages get lost, phones misbehave.
 * Afterwards nothing is left and every call has ended once, with a reason. */
#include <stdlib.h>

#include "call/internal.h"
#include "rig.h"
#include "sim_page.h"

enum {
    WALK_RIGS = 20,
    WALKS_PER_RIG = 100,
    WALK_STEPS = 15,
    WALK_PHONES = 4,
    WALK_RTP_SEC = 20, /* proxy.rtpTimeoutSec: so long after its death a party is missed */
};

struct walk {
    struct rig *rig;
    struct sr_prng prng;
    uint64_t claimed; /* pairs whose identities were looked at */
    struct sim_pages *pages;
    sr_usec died_at[WALK_PHONES]; /* 0: lives */
    sr_usec page_died_at[SIM_PAGES];
    uint64_t deaths, page_deaths, missed;
};

/* What all walks of one rig share. */
struct walk_sums {
    uint64_t claimed, deaths, page_deaths, missed, linked;
};

static uint32_t below(struct walk *walk, uint32_t n)
{
    return (uint32_t)sr_prng_below(&walk->prng, n);
}

/* The rig's configuration with forwardings, strategies and fallbacks, circles among them, and codes typed
 * within calls. Others than the first have their devices at other places. */
static const char *walk_config(uint32_t n)
{
    static const char first[] =
        "{ \"id\": \"new\", \"extension\": \"135\", \"forward\": { \"always\": \"200\" } },";
    static const char devices[] =
        "{ \"id\": \"fb\", \"extension\": \"131\", \"password\": \"pw-131\","
        "  \"forward\": { \"offline\": \"103\" } },"
        "{ \"id\": \"fa\", \"extension\": \"132\", \"password\": \"pw-132\","
        "  \"forward\": { \"always\": \"201\" } },"
        "{ \"id\": \"fx\", \"extension\": \"133\", \"password\": \"pw-133\","
        "  \"forward\": { \"always\": \"134\" } },"
        "{ \"id\": \"fy\", \"extension\": \"134\", \"password\": \"pw-134\","
        "  \"forward\": { \"always\": \"133\" } },";
    static const char groups[] =
        "{ \"id\": \"seq\", \"extension\": \"201\", \"members\": [\"c\", \"b\", \"fb\"],"
        "  \"strategy\": \"sequential\" },"
        "{ \"id\": \"rr\", \"extension\": \"202\", \"members\": [\"a\", \"b\", \"c\"],"
        "  \"strategy\": \"roundRobin\" },"
        "{ \"id\": \"lr\", \"extension\": \"203\", \"members\": [\"a\", \"fa\", \"c\"],"
        "  \"strategy\": \"leastRecent\" },";
    static const char routes[] =
        ", \"routing\": { \"routes\": ["
        "{ \"id\": \"r1\", \"match\": { \"direction\": \"internal\", \"numberPattern\": \"501\" },"
        "  \"action\": { \"targets\": [\"b\", \"group:bc\", \"a\"], \"strategy\": \"sequential\","
        "    \"noAnswerTimeout\": 2, \"maxDurationSec\": 4, \"fallback\": {"
        "    \"noAnswer\": { \"type\": \"conference\", \"target\": \"room\" },"
        "    \"busy\": { \"type\": \"routeExtension\", \"target\": \"202\" },"
        "    \"declined\": { \"type\": \"routeExtension\", \"target\": \"131\" } } } },"
        "{ \"id\": \"through\", \"match\": { \"direction\": \"internal\", \"numberPattern\": "
        "\"555\" },"
        "  \"action\": { \"targets\": [\"b\"], \"mode\": \"passthrough\" } },"
        "{ \"id\": \"r2\", \"match\": { \"direction\": \"internal\", \"numberPattern\": \"502\" },"
        "  \"action\": { \"targets\": [\"c\", \"group:seq\"], \"noAnswerTimeout\": 1 } },"
        "{ \"id\": \"r3\", \"match\": { \"direction\": \"internal\", \"numberPattern\": \"503\" },"
        "  \"action\": { \"targets\": [\"c\"], \"noAnswerTimeout\": 1, \"fallback\": {"
        "    \"noAnswer\": { \"type\": \"submenu\", \"target\": \"m\" },"
        "    \"busy\": { \"type\": \"hangup\" },"
        "    \"offline\": { \"type\": \"playMessage\", \"target\": \"Nobody.\" } } } } ] },"
        "\"ivr\": { \"menus\": [ { \"id\": \"m\" } ] } }";
    static char text[8192];
    struct sr_str base = sr_str_c(rig_config);
    size_t at = sr_str_search(base, SR_STR("\"devices\": [")) + strlen("\"devices\": [");
    size_t then = sr_str_search(base, SR_STR("\"groups\": [")) + strlen("\"groups\": [");
    size_t codes = sr_str_search(base, SR_STR("\"features\": {")) + strlen("\"features\": {");
    struct sr_buf out;

    sr_buf_init_fixed(&out, text, sizeof(text));
    sr_buf_str(&out, sr_str_head(base, at));
    sr_buf_c(&out, n > 0 ? first : "");
    sr_buf_c(&out, devices);
    sr_buf_str(&out, sr_str_make(base.p + at, then - at));
    sr_buf_c(&out, groups);
    sr_buf_str(&out, sr_str_make(base.p + then, codes - then));
    sr_buf_c(&out, "\"inCallTransfer\": \"**\", \"inCallAttended\": \"*2\", ");
    sr_buf_str(&out, sr_str_make(base.p + codes, base.n - codes - strlen(" }\n")));
    sr_buf_c(&out, routes);
    return sr_buf_cstr(&out);
}

static bool chance(struct walk *walk, uint32_t percent)
{
    return below(walk, 100) < percent;
}

static const char *any_of(struct walk *walk, const char *const *list, size_t count)
{
    return list[below(walk, (uint32_t)count)];
}

static const char *any_number(struct walk *walk)
{
    static const char *const numbers[] = {
        "101", "102", "103", "104",   "200", "200", "800",    "801", "*43", "999",
        "105", "b",   "*8",  "*8102", "701", "702", "*68102", "201", "202", "203",
        "131", "132", "133", "135",   "501", "502", "503",    "555", "555", "555"};

    return any_of(walk, numbers, SR_ARRAY_LEN(numbers));
}

static const char *any_direction(struct walk *walk)
{
    static const char *const directions[] = {"sendrecv", "sendonly", "inactive", "recvonly"};

    return any_of(walk, directions, SR_ARRAY_LEN(directions));
}

static void choose_manners(struct walk *walk, struct sim_phone *phone)
{
    static const uint16_t finals[] = {200, 200, 200, 200, 0, 486, 603, 480, 503, 302};
    static const char *const codecs[] = {"PCMU", "PCMU,opus", "opus", "G722,PCMA", "iLBC"};
    static const char *const extras[] = {
        "", "Allow: INVITE, ACK, BYE, UPDATE\r\n",
        "Supported: 100rel\r\nAllow: INVITE, ACK, BYE, UPDATE\r\n",
        "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n"};

    phone->manners = (struct phone_manners){
        .early_status = chance(walk, 80) ? (uint16_t)(180 + 3 * below(walk, 2)) : 0,
        .has_early_sdp = chance(walk, 40),
        .is_early_reliable = chance(walk, 30),
        .final_status = finals[below(walk, SR_ARRAY_LEN(finals))],
        .final_after = (sr_usec)below(walk, 3000) * SR_MSEC,
        .codecs = any_of(walk, codecs, SR_ARRAY_LEN(codecs) - !chance(walk, 10)),
        .is_deaf = chance(walk, 3),
        .never_acks = chance(walk, 3),
        .never_acks_refusals = chance(walk, 3),
        .ignores_bye = chance(walk, 5),
        .answers_cancelled = chance(walk, 10),
        .reoffer_status = chance(walk, 10) ? 491 : 200,
        .extra = any_of(walk, extras, SR_ARRAY_LEN(extras)),
        .ok_extra = any_of(walk, extras, 2),
    };
}

static struct sim_phone *any_phone(struct walk *walk)
{
    return walk->rig->phones[below(walk, WALK_PHONES)];
}

/* One of the phone's three newest calls, or NULL. */
static struct phone_call *any_phone_call(struct walk *walk)
{
    struct sim_phone *phone = any_phone(walk);
    uint32_t n = below(walk, 3);

    SR_LIST_EACH(&phone->calls, node)
    {
        if (n-- == 0)
            return SR_CONTAINER(node, struct phone_call, node);
    }
    return NULL;
}

/* Another call of the same phone, or the same one. */
static struct phone_call *other_call(struct walk *walk, struct phone_call *call)
{
    uint32_t n = 1 + below(walk, 2);

    SR_LIST_EACH(&call->phone->calls, node)
    {
        struct phone_call *other = SR_CONTAINER(node, struct phone_call, node);

        if (other != call && n-- == 1)
            return other;
    }
    return call;
}

static void type(struct phone_call *call, const char *digits)
{
    for (; *digits != '\0'; digits++)
        phone_info(call, *digits);
}

/* A machine wants to fax, or somebody to speak again; the other side is ready for it, or not. */
static void fax(struct walk *walk, struct phone_call *call)
{
    static const char image[] =
        "v=0\r\no=x 7 9 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
        "m=image 4444 udptl t38\r\na=T38FaxVersion:0\r\n";
    const char *sdp = chance(walk, 60) ? image : NULL;

    call->phone->manners.sdp = sdp;
    if (chance(walk, 80)) {
        for (size_t i = 0; i < WALK_PHONES; i++)
            walk->rig->phones[i]->manners.sdp = sdp;
    }
    phone_reinvite(call, "sendrecv");
}

/* Something outside of calls, that passes through or not. */
static void ask(struct walk *walk)
{
    static const char *const methods[] = {"MESSAGE", "SUBSCRIBE", "REFER", "PUBLISH"};
    static const char lines[] = "Event: conference\r\nExpires: 20\r\nRefer-To: <sip:103@h>\r\n"
                                "Subscription-State: active;expires=20\r\n";
    struct phone_call *call = any_phone_call(walk);

    if (chance(walk, 60))
        (void)phone_ask(any_phone(walk), any_of(walk, methods, 4),
                        chance(walk, 60) ? "555" : any_number(walk), lines, "x");
    else if (call != NULL && call->state == PHONE_OVER && call->remote_tag[0] != '\0')
        phone_ask_again(call, chance(walk, 70) ? "NOTIFY" : any_of(walk, methods, 3), lines, "y");
}

static void phone_step(struct walk *walk, struct phone_call *call)
{
    static const char *const typed[] = {"5",     "*",     "**103#", "**200", "*2103#",
                                        "*2102", "4711#", "*6",     "*2",    "1*"};

    switch (below(walk, 17)) {
    case 0:
        phone_reinvite(call, any_direction(walk));
        break;
    case 1:
        phone_reinvite(call, NULL);
        break;
    case 2:
        if (call->state == PHONE_UP)
            phone_hold_by_nobody(call);
        break;
    case 3:
        phone_update(call, any_direction(walk));
        break;
    case 4:
        type(call, any_of(walk, typed, SR_ARRAY_LEN(typed)));
        break;
    case 5:
        phone_answer(call);
        break;
    case 6:
        phone_refuse(call, 486);
        break;
    case 7:
    case 8:
        phone_refer(call, any_number(walk), NULL, chance(walk, 20) ? "Refer-Sub: false\r\n" : NULL);
        break;
    case 9:
    case 10:
        phone_refer(call, any_number(walk), other_call(walk, call), NULL);
        break;
    case 11:
        if (call->remote_tag[0] != '\0')
            (void)phone_dial_replacing(any_phone(walk), any_number(walk), call);
        break;
    case 12:
        if (call->state == PHONE_UP)
            fax(walk, call);
        break;
    case 13:
    case 14:
        ask(walk);
        break;
    default:
        phone_end(call);
        break;
    }
}

/* ---- death ---- */

static const struct phone_call *at_phone(const struct walk *walk, const struct leg *leg,
                                         size_t *ret_phone);

/* The battery is empty: no BYE, no answer to anything, no sound any more. Maybe it comes back and knows of nothing. */
static void death_step(struct walk *walk)
{
    size_t n = below(walk, WALK_PHONES);
    struct sim_phone *phone = walk->rig->phones[n];

    if (walk->died_at[n] == 0) {
        phone->manners.is_dead = true;
        walk->died_at[n] = loop_now(walk->rig->loop);
        walk->deaths++;
    } else if (chance(walk, 50)) {
        sim_phone_reboot(phone);
        walk->died_at[n] = 0;
        sim_phone_register(phone, 3600);
    }
}

/* The same of a browser: its socket hangs, its audio stops. */
static void page_death_step(struct walk *walk)
{
    size_t n = below(walk, SIM_PAGES);

    if (walk->page_died_at[n] != 0)
        return;
    walk->page_died_at[n] = loop_now(walk->rig->loop);
    walk->page_deaths++;
}

static bool is_of_dead_phone(const struct walk *walk, const struct leg *leg)
{
    size_t n;

    return leg->kind == LEG_DEVICE && at_phone(walk, leg, &n) != NULL && walk->died_at[n] != 0 &&
           loop_now(walk->rig->loop) - walk->died_at[n] >= WALK_RTP_SEC * SR_SEC;
}

/* As the media plane tells it: nothing has come from a leg for the time-out. One leg; it may end others. */
static bool miss_one(struct walk *walk)
{
    struct engine *engine = walk->rig->engine;
    uint32_t cursor = 0;
    struct leg *leg;

    while ((leg = sr_idtab_next(&engine->legs, &cursor)) != NULL) {
        bool is_piped = leg->call != NULL && leg->call->is_pass && leg->pipes != NULL;
        struct media_event event = {.kind = MEDIA_EVENT_TIMEOUT,
                                    .leg = is_piped ? leg->pipes->main : leg->media,
                                    .cookie = leg->id};
        char leg_id[ENGINE_ID_MAX];

        if (leg->call == NULL || leg->state == LEG_ENDED || event.leg == SR_ID_NONE ||
            (!leg->has_stream && !is_piped) || !is_of_dead_phone(walk, leg))
            continue;
        memcpy(leg_id, leg->leg_id, sizeof(leg_id));
        port_sim_inject(walk->rig->media, &event);
        rig_run(walk->rig, SR_MSEC);
        walk->missed++;
        return true;
    }
    return false;
}

/* A page's ICE has had no check for 15 s. */
static void miss_pages(struct walk *walk)
{
    struct engine *engine = walk->rig->engine;
    sr_usec now = loop_now(walk->rig->loop);

    for (size_t n = 0; n < SIM_PAGES; n++) {
        uint32_t cursor = 0;
        struct leg *leg;

        if (walk->page_died_at[n] == 0 || now - walk->page_died_at[n] < 15 * SR_SEC)
            continue;
        walk->page_died_at[n] = 0;
        while ((leg = sr_idtab_next(&engine->legs, &cursor)) != NULL) {
            struct media_event event = {.kind = MEDIA_EVENT_WEBRTC,
                                        .webrtc = MEDIA_WEBRTC_LOST,
                                        .leg = leg->media,
                                        .cookie = port_sim_cookie(walk->rig->media, leg->media)};

            if (leg->kind == LEG_WEBRTC && leg->media != SR_ID_NONE && leg->state != LEG_ENDED)
                port_sim_inject(walk->rig->media, &event);
        }
        sim_page_gone(&walk->pages->page[n]); /* its TCP connection was given up */
    }
}

static void miss_the_dead(struct walk *walk)
{
    while (miss_one(walk)) {
    }
    miss_pages(walk);
}

/* Long after: no call holds a party that is dead. Who rings still, or has not been answered, is the other side's
 * matter. */
static void claim_dead_are_gone(struct walk *walk)
{
    struct engine *engine = walk->rig->engine;
    uint32_t cursor = 0;
    struct leg *leg;

    rig_run(walk->rig, (WALK_RTP_SEC + 1) * SR_SEC);
    sim_pages_hear(walk->pages);
    miss_the_dead(walk);
    rig_run(walk->rig, 40 * SR_SEC); /* what was asked of them has not been answered */
    miss_the_dead(walk);
    while ((leg = sr_idtab_next(&engine->legs, &cursor)) != NULL) {
        if (leg->call == NULL || leg->state != LEG_ANSWERED || !is_of_dead_phone(walk, leg) ||
            loop_wall(engine->loop) - leg->answered_wall_us < 33 * SR_SEC) /* its ACK may be late */
            continue;
        fail_msg("seed %llu, walk %llu: call %s still has %s, which is dead",
                 (unsigned long long)walk->rig->seed, (unsigned long long)walk->rig->walk,
                 leg->call->call_id, leg->number);
    }
}

/* A live call of the hub, or NULL. */
static struct rig_call *any_live_call(struct walk *walk)
{
    struct rig_call *found = NULL;
    uint32_t live = 0;

    SR_LIST_EACH(&walk->rig->calls, node)
    {
        struct rig_call *call = SR_CONTAINER(node, struct rig_call, node);

        if (call->ended == 0 && call->view != NULL && below(walk, ++live) == 0)
            found = call;
    }
    return found;
}

static void choose_leg(struct walk *walk, const struct rig_call *call,
                       struct engine_command *command)
{
    if (call->view->leg_count == 0)
        return;
    memcpy(command->leg_id, call->view->legs[below(walk, call->view->leg_count)].leg_id,
           sizeof(command->leg_id));
}

static void api_step(struct walk *walk)
{
    static const enum engine_command_kind kinds[] = {
        ENGINE_DO_CALL,       ENGINE_DO_HANGUP,     ENGINE_DO_LEG_ADD,    ENGINE_DO_LEG_ADD,
        ENGINE_DO_LEG_REMOVE, ENGINE_DO_LEG_CHANGE, ENGINE_DO_LEG_CHANGE, ENGINE_DO_DTMF,
        ENGINE_DO_TRACE,      ENGINE_DO_SNAPSHOT,   ENGINE_DO_CONFIGURE,  ENGINE_DO_TRANSFER,
        ENGINE_DO_TRANSFER,   ENGINE_DO_TRANSFER,   ENGINE_DO_CALL_CHANGE};
    static const char *const roles[] = {"participant", "isolated", "tool"};
    struct engine_command command = {.kind = kinds[below(walk, SR_ARRAY_LEN(kinds))],
                                     .has_muted = true,
                                     .is_muted = chance(walk, 50),
                                     .has_held = chance(walk, 50),
                                     .is_held = chance(walk, 50),
                                     .has_role = chance(walk, 20),
                                     .has_whisper = chance(walk, 30),
                                     .has_locked = true,
                                     .is_locked = chance(walk, 50),
                                     .digits = "1*"};
    struct rig_call *call = any_live_call(walk);

    (void)sr_str_copy(sr_str_c(any_number(walk)), command.to, sizeof(command.to));
    (void)sr_str_copy(sr_str_c(any_of(walk, roles, 3)), command.role, sizeof(command.role));
    if (chance(walk, 60))
        (void)sr_str_copy(sr_str_c(any_number(walk)), command.from, sizeof(command.from));
    if (chance(walk, 20)) { /* a page's own call */
        (void)sr_str_copy(SR_STR("c"), command.from, sizeof(command.from));
        (void)sr_str_copy(SR_STR("cora"), command.owner, sizeof(command.owner));
    }
    if (call != NULL) {
        memcpy(command.call_id, call->call_id, sizeof(command.call_id));
        choose_leg(walk, call, &command);
        if (call->view->leg_count > 0 && chance(walk, 70))
            memcpy(command.whisper_to, call->view->legs[below(walk, call->view->leg_count)].leg_id,
                   sizeof(command.whisper_to));
    }
    if (chance(walk, 50) && (call = any_live_call(walk)) != NULL)
        memcpy(command.to_call_id, call->call_id, sizeof(command.to_call_id));
    if (command.kind == ENGINE_DO_CONFIGURE)
        command.config = rig_load(walk_config(below(walk, 2)));
    (void)rig_do(walk->rig, &command);
}

static void page_step(struct walk *walk)
{
    struct sim_page *page = &walk->pages->page[below(walk, SIM_PAGES)];

    if (page->is_rung && chance(walk, 70))
        sim_page_answer(page);
    else
        sim_page_do(page, below(walk, 12));
}

static void step(struct walk *walk)
{
    bool is_page_rung = walk->pages->page[0].is_rung || walk->pages->page[1].is_rung;
    struct phone_call *call;

    if (is_page_rung && chance(walk, 50)) {
        page_step(walk);
    } else if (chance(walk, 25)) {
        if (chance(walk, 85))
            (void)phone_dial(any_phone(walk), any_number(walk));
        else
            (void)phone_dial_offerless(any_phone(walk), any_number(walk));
    } else if (chance(walk, 30)) {
        api_step(walk);
    } else if (chance(walk, 4)) {
        death_step(walk);
    } else if (chance(walk, 3)) {
        page_death_step(walk);
    } else if (chance(walk, 20)) {
        page_step(walk);
    } else if ((call = any_phone_call(walk)) != NULL) {
        phone_step(walk, call);
    }
    rig_run(walk->rig, (sr_usec)below(walk, 1500) * SR_MSEC);
    sim_pages_hear(walk->pages);
    miss_the_dead(walk);
}

/* The phone's side of a leg, and which phone that is. */
static const struct phone_call *at_phone(const struct walk *walk, const struct leg *leg,
                                         size_t *ret_phone)
{
    for (size_t i = 0; i < WALK_PHONES; i++) {
        SR_LIST_EACH(&walk->rig->phones[i]->calls, node)
        {
            const struct phone_call *call = SR_CONTAINER(node, struct phone_call, node);

            if (leg->sip == NULL || !sr_str_eq_c(sip_leg_call_id(leg->sip), call->call_id))
                continue;
            *ret_phone = i;
            return call;
        }
    }
    return NULL;
}

/* Two who talk for a while know of each other. */
static void claim_knows(const struct walk *walk, const struct leg *leg, const struct leg *peer)
{
    size_t n;
    const struct phone_call *call = at_phone(walk, leg, &n);

    if (call == NULL || walk->died_at[n] != 0 || call->state != PHONE_UP ||
        call->phone->manners.is_deaf || call->phone->manners.reoffer_status != 200 ||
        call->phone->manners.ignores_bye || call->phone->manners.never_acks)
        return;
    if (!leg->is_caller || sim_has(sr_str_c(call->phone->manners.extra), "UPDATE")) {
        if (leg->is_caller || sim_has(sr_str_c(call->phone->manners.ok_extra), "UPDATE")) {
            if (strcmp(call->peer, peer->number) != 0)
                print_error("seed %llu, walk %llu: %s was told \"%s\", talks to \"%s\"\n",
                            (unsigned long long)walk->rig->seed,
                            (unsigned long long)walk->rig->walk, call->phone->user, call->peer,
                            peer->number);
            assert_string_equal(call->peer, peer->number);
        }
    }
}

static void claim_identities(struct walk *walk)
{
    uint32_t cursor = 0;
    struct call *call;

    rig_run(walk->rig, 10 * SR_SEC);
    while ((call = sr_idtab_next(&walk->rig->engine->calls, &cursor)) != NULL) {
        struct leg *pair[2];

        if (call->state != CALL_ANSWERED || call->is_ending || call->app != NULL ||
            call->transfer != NULL || call->legs.count != 2 || call->api_shown[0] != '\0' ||
            call->is_pass) /* who is there tells it itself */
            continue;
        pair[0] = SR_CONTAINER(sr_list_first(&call->legs), struct leg, node);
        pair[1] = SR_CONTAINER(sr_list_next(&call->legs, &pair[0]->node), struct leg, node);
        if (pair[0]->state != LEG_ANSWERED || pair[1]->state != LEG_ANSWERED ||
            pair[0]->kind != LEG_DEVICE || pair[1]->kind != LEG_DEVICE ||
            pair[0]->role != MEDIA_ROLE_PARTICIPANT || pair[1]->role != MEDIA_ROLE_PARTICIPANT)
            continue;
        claim_knows(walk, pair[0], pair[1]);
        claim_knows(walk, pair[1], pair[0]);
        walk->claimed++;
    }
}

static void end_everything(struct walk *walk)
{
    struct rig *rig = walk->rig;

    for (size_t i = 0; i < SIM_PAGES; i++)
        sim_page_gone(&walk->pages->page[i]);
    for (size_t i = 0; i < WALK_PHONES; i++) { /* the dead stay dead */
        struct sim_phone *phone = rig->phones[i];

        phone->manners.is_deaf = phone->manners.never_acks = false;
        phone->manners.final_status = 486;
        SR_LIST_EACH(&phone->calls, node)
        phone_end(SR_CONTAINER(node, struct phone_call, node));
    }
    rig_run(rig, 40 * SR_SEC); /* INVITEs that were lost have come or been given up */
    SR_LIST_EACH(&rig->calls, node)
    {
        struct rig_call *call = SR_CONTAINER(node, struct rig_call, node);
        struct engine_command command = rig_command(ENGINE_DO_HANGUP, call, NULL);

        if (call->ended == 0)
            (void)rig_do(rig, &command);
    }
    rig_settle(rig);
    sim_pages_hear(walk->pages);
}

static void walk_once(struct rig *rig, uint64_t seed, struct walk_sums *sums)
{
    static const double losses[] = {0, 0, 0.05, 0.25};
    struct sim_pages pages;
    struct walk walk = {.rig = rig, .pages = &pages};
    struct sim_link link = {.delay_usec = SR_MSEC};

    sr_prng_seed(&walk.prng, seed);
    sim_pages_init(&pages, rig);
    sim_wire_set_default(rig->wire, &link);
    for (size_t i = 0; i < WALK_PHONES; i++) {
        rig->phones[i]->manners.is_deaf = false;
        if (rig->phones[i]->manners.is_dead)
            sim_phone_reboot(rig->phones[i]);
        sim_phone_register(rig->phones[i], 3600);
    }
    rig_run(rig, SR_SEC);
    link.loss = losses[below(&walk, SR_ARRAY_LEN(losses))];
    link.jitter_usec = below(&walk, 2) * 20 * SR_MSEC;
    link.duplicate = below(&walk, 2) * 0.05;
    sim_wire_set_default(rig->wire, &link);
    for (size_t i = 0; i < WALK_PHONES; i++)
        choose_manners(&walk, rig->phones[i]);
    for (size_t i = 0; i < SIM_PAGES && chance(&walk, 50); i++)
        sim_page_come(&pages.page[i]);
    for (int i = 0; i < WALK_STEPS; i++)
        step(&walk);
    if (link.loss == 0)
        claim_identities(&walk);
    claim_dead_are_gone(&walk);
    end_everything(&walk);
    sums->claimed += walk.claimed;
    sums->deaths += walk.deaths;
    sums->page_deaths += walk.page_deaths;
    sums->missed += walk.missed;
}

/* CONFORMANCE_WALKS of the environment, in rigs of a hundred. */
static int count_of_rigs(void)
{
    uint32_t walks = 0;

    if (sr_str_u32(sr_str_c(getenv("CONFORMANCE_WALKS")), 10000000, &walks) != SR_OK)
        return WALK_RIGS;
    return (int)SR_MAX(walks / WALKS_PER_RIG, 1u);
}

/* Calls that a page was in, as the events told. */
static uint64_t linked_pages(struct rig *rig)
{
    uint64_t count = 0;

    SR_LIST_EACH(&rig->calls, node)
    {
        const struct rig_call *call = SR_CONTAINER(node, struct rig_call, node);
        bool is_linked = false;

        for (uint32_t i = 0; call->view != NULL && i < call->view->leg_count; i++)
            is_linked |= strcmp(call->view->legs[i].kind, "webrtc") == 0 &&
                         call->view->legs[i].codec[0] != '\0';
        count += is_linked;
    }
    return count;
}

static void test_whatever_happens_nothing_is_left(void **state)
{
    uint64_t seed = rig_seed();
    struct walk_sums sums = {0};
    uint64_t calls = 0;
    int rigs = count_of_rigs();

    (void)state;
    print_message("seed %llu: %d walks\n", (unsigned long long)seed, rigs * WALKS_PER_RIG);
    for (int i = 0; i < rigs; i++) {
        static const char *const users[WALK_PHONES] = {"101", "102", "103", "102"};
        struct rig_options options = {.seed = seed + (uint64_t)i, .config = walk_config(0)};
        struct rig rig;

        rig_init(&rig, &options);
        for (size_t k = 0; k < WALK_PHONES; k++)
            (void)rig_phone(&rig, users[k]);
        for (int k = 0; k < WALKS_PER_RIG; k++) {
            rig.walk = (uint64_t)k;
            walk_once(&rig, options.seed * 1000003 + (uint64_t)k, &sums);
        }
        sums.linked += linked_pages(&rig);
        calls += rig.calls.count;
        rig_done(&rig);
    }
    print_message("%llu calls, %llu of them with a browser; %llu pairs knew each other; %llu "
                  "phones and %llu browsers died, "
                  "%llu legs were missed\n",
                  (unsigned long long)calls, (unsigned long long)sums.linked,
                  (unsigned long long)sums.claimed, (unsigned long long)sums.deaths,
                  (unsigned long long)sums.page_deaths, (unsigned long long)sums.missed);
    assert_true(sums.claimed > (uint64_t)rigs);
    assert_true(sums.missed > (uint64_t)rigs && sums.linked > (uint64_t)rigs);
    assert_true(calls > (uint64_t)rigs * 100);
}

int run_walk(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whatever_happens_nothing_is_left),
    };

    return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
