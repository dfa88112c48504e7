/* Passthrough: two dialogs whose descriptions, PRACK, INFO and offers go from end to end. */
#include "rig.h"

#include <math.h>

#include "call/internal.h"

static const char config[] =
    "{ \"proxy\": { \"publicIp\": \"203.0.113.7\" },\n"
    "  \"devices\": [\n"
    "  { \"id\": \"a\", \"extension\": \"101\", \"password\": \"pw-101\" },\n"
    "  { \"id\": \"b\", \"extension\": \"102\", \"password\": \"pw-102\" },\n"
    "  { \"id\": \"c\", \"extension\": \"103\", \"password\": \"pw-103\" } ],\n"
    "  \"providers\": [ { \"id\": \"acme\", \"domain\": \"192.0.2.200\", \"transport\": \"udp\",\n"
    "    \"register\": false, \"qualifySec\": 0, \"callerId\": \"+4930100\" } ],\n"
    "  \"features\": { \"*8\": \"pickup\" },\n"
    "  \"routing\": { \"routes\": [\n"
    "    { \"id\": \"in\", \"match\": { \"direction\": \"inbound\", \"sourceProvider\": \"acme\" "
    "},\n"
    "      \"action\": { \"targets\": [\"b\"], \"mode\": \"passthrough\" } },\n"
    "    { \"id\": \"inside\", \"match\": { \"direction\": \"internal\", \"numberPattern\": "
    "\"555\" "
    "},\n"
    "      \"action\": { \"targets\": [\"b\"], \"mode\": \"passthrough\" } },\n"
    "    { \"id\": \"out\", \"match\": { \"direction\": \"outbound\", \"numberPattern\": \"+49*\" "
    "},\n"
    "      \"action\": { \"provider\": \"acme\", \"mode\": \"passthrough\" } } ] } }\n";

/* speex, iLBC with SRTP keys: nothing the router knows how to speak; and a camera */
#define HEAD(host) "v=0\r\no=x 7 7 IN IP4 " host "\r\ns=odd\r\nc=IN IP4 " host "\r\nt=0 0\r\n"
#define CAMERA(host, audio, video, direction)                                                      \
    HEAD(host)                                                                                     \
    "m=audio " audio " RTP/SAVP 97 101\r\na=rtpmap:97 speex/32000\r\n"                             \
    "a=rtpmap:101 telephone-event/8000\r\n"                                                        \
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"       \
    "a=" direction "\r\nm=video " video " RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n"                \
    "a=rtcp:" video "9\r\n"
#define FAX(host, port)                                                                            \
    HEAD(host)                                                                                     \
    "m=image " port " udptl t38\r\na=T38FaxVersion:0\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n"

static const char camera_a[] = CAMERA("192.0.2.11", "4000", "400", "sendrecv");
static const char camera_b[] = CAMERA("192.0.2.12", "5000", "500", "sendrecv");
static const char hold_a[] = CAMERA("192.0.2.11", "4000", "400", "sendonly");
static const char held_b[] = CAMERA("192.0.2.12", "5000", "500", "recvonly");
static const char fax_a[] = FAX("192.0.2.11", "4444");
static const char fax_b[] = FAX("192.0.2.12", "5555");

struct pair {
    struct rig rig;
    struct sim_phone *a, *b;
};

static void begin(struct pair *pair)
{
    struct rig_options options = {.config = config};

    rig_init(&pair->rig, &options);
    pair->a = rig_phone(&pair->rig, "101");
    pair->b = rig_phone(&pair->rig, "102");
    pair->a->manners.sdp = camera_a;
    pair->b->manners.sdp = camera_b;
    rig_run(&pair->rig, 2 * SR_SEC);
}

static void end(struct pair *pair, struct phone_call *call)
{
    phone_bye(call);
    RIG_ENDED(&pair->rig, 0, "hangup");
    rig_done(&pair->rig);
}

/* a's call is refused so. */
static void call_fails(struct pair *pair, const char *number, uint16_t status)
{
    struct phone_call *call = phone_dial(pair->a, number);

    RIG_UNTIL(&pair->rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, status);
}

/* The provider's end, with a description of its own. */
static struct sim_phone *begin_outside(struct pair *pair, const char *sdp)
{
    struct sim_phone *gateway;

    begin(pair);
    gateway = rig_gateway(&pair->rig);
    gateway->manners.sdp = sdp;
    return gateway;
}

/* The pipe of a device's n-th m= line as the media twin sees it. */
static const struct port_sim_leg *pipe_of(struct pair *pair, const char *device_id, size_t line)
{
    struct call *call = call__find(pair->rig.engine, rig_call(&pair->rig, 0)->call_id);

    assert_non_null(call);
    SR_LIST_EACH(&call->legs, node)
    {
        struct leg *leg = SR_CONTAINER(node, struct leg, node);

        if (strcmp(leg->device_id, device_id) == 0 && leg->pipes != NULL)
            return port_sim_leg(pair->rig.media, leg->pipes->lines[line].media);
    }
    fail_msg("no pipe");
    return NULL;
}

/* Word by word but for our own address and ports. */
static void claim_copied(const char *original, const char *host, const char *passed)
{
    struct sr_str ours = sr_str_c(passed), theirs = sr_str_c(original), line, other;

    assert_null(strstr(passed, host));
    while (sr_str_split(&theirs, '\n', &line)) {
        assert_true(sr_str_split(&ours, '\n', &other));
        if (sr_str_starts(line, SR_STR("o=")) || sr_str_starts(line, SR_STR("c=")))
            assert_true(sim_has(other, "192.0.2.1\r"));
        else if (sr_str_starts(line, SR_STR("m=")))
            assert_true(sr_str_eq(sr_str_head(line, 7), sr_str_head(other, 7)));
        else if (!sr_str_starts(line, SR_STR("a=rtcp:")))
            assert_true(sr_str_eq(line, other));
    }
}

static void test_codecs_nobody_knows_and_video_flow_through_ports_of_their_own(void **state)
{
    struct pair pair;
    struct phone_call *call, *other;
    const struct rig_call *seen;

    (void)state;
    begin(&pair);
    call = rig_connect(&pair.rig, pair.a, "555");
    other = phone_incoming(pair.b);
    seen = rig_call(&pair.rig, 0);
    claim_copied(camera_a, "192.0.2.11", other->offer);
    claim_copied(camera_b, "192.0.2.12", call->sdp);
    assert_string_not_equal(call->call_id, other->call_id);
    assert_string_equal(seen->view->route_id, "inside");
    assert_true(seen->view->is_passthrough);
    assert_string_equal(seen->view->mode, "relay");
    assert_string_equal(rig_leg(seen, "b")->codec, "speex");
    assert_int_equal(pipe_of(&pair, "b", 0)->stream.rtp_clock_hz, 32000);
    assert_int_equal(pipe_of(&pair, "b", 1)->stream.rtp_clock_hz, 90000);
    assert_int_equal(port_sim_leg_count(pair.rig.media), 4);
    for (size_t i = 0; i < 2; i++) {
        const struct port_sim_leg *of_a = pipe_of(&pair, "a", i), *of_b = pipe_of(&pair, "b", i);

        assert_int_equal(of_a->options.kind, MEDIA_LEG_PIPE);
        assert_true(of_a->room == of_b->room);
        assert_true(of_a->stream.is_rtp && of_b->stream.is_rtp);
        assert_int_equal(of_a->stream.remote_rtp.port, i == 0 ? 4000 : 400);
        assert_int_equal(of_b->stream.remote_rtp.port, i == 0 ? 5000 : 500);
        assert_int_equal(of_b->stream.remote_rtcp.port, i == 0 ? 5001 : 5009);
        assert_true(of_a->stream.payload_types[0] == 0);
        assert_true(of_a->stream.payload_types[1] ==
                    (i == 0 ? (uint64_t)1 << 33 | (uint64_t)1 << 37 : (uint64_t)1 << 35));
    }
    assert_true(pipe_of(&pair, "a", 0)->room != pipe_of(&pair, "a", 1)->room);
    end(&pair, call);
}

static void test_a_provider_is_told_the_public_address(void **state)
{
    struct pair pair;
    struct sim_phone *gateway;
    struct phone_call *call;

    (void)state;
    gateway = begin_outside(&pair, camera_b);
    call = rig_connect(&pair.rig, pair.a, "+49891234");
    assert_non_null(strstr(phone_incoming(gateway)->offer, "c=IN IP4 203.0.113.7"));
    assert_null(strstr(phone_incoming(gateway)->offer, "192.0.2.1"));
    assert_non_null(strstr(phone_incoming(gateway)->target, "@203.0.113.7:5060"));
    assert_non_null(strstr(call->sdp, "c=IN IP4 192.0.2.1\r"));
    end(&pair, call);
}

/* Our public address changes in the middle of a call: the provider is told, the phone does not notice; and a
 * description that changes has another version in its dialog, one that does not has not (RFC 3264 8). */
static void test_a_provider_is_told_a_new_address(void **state)
{
    char text[sizeof(config)], origin[64];
    struct engine_command command = {.kind = ENGINE_DO_CONFIGURE};
    struct sim_phone *gateway;
    struct phone_call *call, *far;
    struct pair pair;

    (void)state;
    gateway = begin_outside(&pair, camera_b);
    call = rig_connect(&pair.rig, pair.a, "+49891234");
    far = phone_incoming(gateway);
    (void)sr_str_copy(sr_str_head(sr_str_c(far->offer + 5), 40), origin, sizeof(origin));
    memcpy(text, config, sizeof(text));
    memcpy(strstr(text, "203.0.113.7"), "203.0.113.8", strlen("203.0.113.8"));
    command.config = rig_load(text);
    assert_int_equal(rig_do(&pair.rig, &command), SR_OK);
    RIG_UNTIL(&pair.rig, far->reinvites == 1);
    rig_run(&pair.rig, SR_SEC);
    assert_non_null(strstr(far->sdp, "c=IN IP4 203.0.113.8\r"));
    assert_null(strstr(far->sdp, "203.0.113.7"));
    assert_memory_not_equal(far->sdp + 5, origin, strcspn(origin, "I"));
    assert_int_equal(call->reinvites + call->updates, 0);
    assert_int_equal(call->state, PHONE_UP);
    (void)sr_str_copy(sr_str_head(sr_str_c(far->sdp + 5), 40), origin, sizeof(origin));
    phone_reinvite(call, "sendrecv"); /* the same description again */
    RIG_UNTIL(&pair.rig, call->reoffer_status == 200 && far->reinvites == 2);
    assert_memory_equal(far->sdp + 5, origin, strcspn(origin, "I"));
    end(&pair, call);
}

static void test_a_providers_call_reaches_the_device(void **state)
{
    struct pair pair;
    struct sim_phone *gateway;
    struct phone_call *call;

    (void)state;
    gateway = begin_outside(&pair, camera_a);
    call = rig_connect(&pair.rig, gateway, "+4930100");
    claim_copied(camera_a, "192.0.2.11", phone_incoming(pair.b)->offer);
    assert_non_null(strstr(call->sdp, "c=IN IP4 203.0.113.7"));
    end(&pair, call);
}

static void test_a_fax_takes_the_place_of_the_sound_and_gives_it_back(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    call = rig_connect(&pair.rig, pair.a, "555");
    pair.a->manners.sdp = fax_a;
    pair.b->manners.sdp = fax_b;
    phone_reinvite(phone_incoming(pair.b), "sendrecv"); /* the called fax asks for it */
    RIG_UNTIL(&pair.rig, phone_incoming(pair.b)->reoffer_status == 200);
    assert_int_equal(call->reinvites, 1);
    claim_copied(fax_b, "192.0.2.12", call->sdp);
    claim_copied(fax_a, "192.0.2.11", phone_incoming(pair.b)->sdp);
    assert_false(pipe_of(&pair, "a", 0)->stream.is_rtp);
    assert_int_equal(pipe_of(&pair, "a", 0)->stream.remote_rtp.port, 4444);
    assert_int_equal(pipe_of(&pair, "b", 0)->stream.remote_rtp.port, 5555);
    pair.a->manners.sdp = camera_a;
    pair.b->manners.sdp = camera_b;
    phone_reinvite(call, "sendrecv");
    RIG_UNTIL(&pair.rig, call->reoffer_status == 200);
    assert_true(pipe_of(&pair, "a", 0)->stream.is_rtp);
    end(&pair, call);
}

static void test_hold_is_heard_at_the_other_end(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    call = rig_connect(&pair.rig, pair.a, "555");
    pair.a->manners.sdp = hold_a;
    pair.b->manners.sdp = held_b;
    phone_reinvite(call, "sendonly");
    RIG_UNTIL(&pair.rig, call->reoffer_status == 200);
    assert_string_equal(sim_sdp_direction(sr_str_c(phone_incoming(pair.b)->sdp)), "sendonly");
    assert_string_equal(sim_sdp_direction(sr_str_c(call->sdp)), "recvonly");
    rig_run(&pair.rig, 100 * SR_MSEC);
    assert_int_equal(pipe_of(&pair, "b", 0)->prompt, MEDIA_PROMPT_NONE); /* music is their thing */
    pair.a->manners.sdp = camera_a;
    pair.b->manners.sdp = camera_b;
    phone_update(call, "sendrecv");
    RIG_UNTIL(&pair.rig, call->reoffer_status == 200);
    assert_int_equal(phone_incoming(pair.b)->reinvites + phone_incoming(pair.b)->updates, 2);
    end(&pair, call);
}

static void test_an_update_passes_as_an_update(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    pair.b->manners.ok_extra = "Allow: INVITE, ACK, BYE, CANCEL, UPDATE\r\n";
    call = rig_connect(&pair.rig, pair.a, "555");
    phone_update(call, "sendrecv");
    RIG_UNTIL(&pair.rig, call->reoffer_status == 200);
    assert_int_equal(phone_incoming(pair.b)->updates, 1);
    assert_int_equal(phone_incoming(pair.b)->reinvites, 0);
    end(&pair, call);
}

static void test_a_refused_offer_leaves_everything_as_it_was(void **state)
{
    static const uint16_t statuses[] = {488, 415, 606, 491};
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    call = rig_connect(&pair.rig, pair.a, "555");
    for (size_t i = 0; i < SR_ARRAY_LEN(statuses); i++) {
        pair.b->manners.reoffer_status = statuses[i];
        phone_reinvite(call, "sendrecv");
        RIG_UNTIL(&pair.rig, call->reoffer_status != 0);
        assert_int_equal(call->reoffer_status, statuses[i]);
        assert_int_equal(call->state, PHONE_UP);
    }
    assert_int_equal(pipe_of(&pair, "a", 0)->stream.remote_rtp.port, 4000);
    pair.b->manners.reoffer_status = 200;
    phone_reinvite(call, "sendrecv");
    RIG_UNTIL(&pair.rig, call->reoffer_status == 200);
    end(&pair, call);
}

static void test_who_offers_at_the_same_time_gets_491(void **state)
{
    struct pair pair;
    struct phone_call *call, *other;

    (void)state;
    begin(&pair);
    call = rig_connect(&pair.rig, pair.a, "555");
    other = phone_incoming(pair.b);
    phone_reinvite(call, "sendrecv");
    phone_reinvite(other, "sendrecv");
    RIG_UNTIL(&pair.rig, call->reoffer_status != 0 && other->reoffer_status != 0);
    assert_true(call->reoffer_status == 491 || other->reoffer_status == 491);
    rig_run(&pair.rig, 5 * SR_SEC);
    phone_reinvite(call, "sendrecv");
    RIG_UNTIL(&pair.rig, call->reoffer_status == 200);
    phone_reinvite(other, "sendrecv");
    RIG_UNTIL(&pair.rig, other->reoffer_status == 200);
    end(&pair, call);
}

static void test_prack_goes_from_end_to_end(void **state)
{
    struct pair pair;
    struct phone_call *call, *other;

    (void)state;
    begin(&pair);
    pair.a->manners.extra = "Supported: 100rel\r\n";
    pair.b->manners.early_status = 183;
    pair.b->manners.has_early_sdp = true;
    pair.b->manners.is_early_reliable = true;
    call = phone_dial(pair.a, "555");
    RIG_UNTIL(&pair.rig, call->early_sdp[0] != '\0');
    other = phone_incoming(pair.b);
    assert_true(phone_had_status(call, 183));
    claim_copied(camera_b, "192.0.2.12", call->early_sdp);
    RIG_UNTIL(&pair.rig, other->pracks == 1);
    RIG_UNTIL(&pair.rig, call->state == PHONE_UP);
    assert_int_equal(other->pracks, 1);
    end(&pair, call);
}

/* A caller that never confirms leaves the other end unconfirmed too; one without 100rel is spoken for. */
static void test_prack_is_not_ours_to_give(void **state)
{
    struct pair pair;
    struct phone_call *call, *other;

    (void)state;
    begin(&pair);
    pair.a->manners.extra = "Supported: 100rel\r\n";
    pair.b->manners.early_status = 183;
    pair.b->manners.has_early_sdp = true;
    pair.b->manners.is_early_reliable = true;
    pair.b->manners.final_status = 0;
    pair.a->manners.never_pracks = true;
    call = phone_dial(pair.a, "555");
    RIG_UNTIL(&pair.rig, call->early_sdp[0] != '\0');
    rig_run(&pair.rig, 10 * SR_SEC);
    other = phone_incoming(pair.b);
    assert_int_equal(other->pracks, 0);
    phone_cancel(call);
    RIG_ENDED(&pair.rig, 0, "cancelled");
    pair.a->manners.extra = NULL;
    pair.a->manners.never_pracks = false;
    call = phone_dial(pair.a, "555");
    RIG_UNTIL(&pair.rig, phone_incoming(pair.b) != other && phone_incoming(pair.b)->pracks == 1);
    assert_true(phone_had_status(call, 183));
    phone_cancel(call);
    RIG_ENDED(&pair.rig, 1, "cancelled");
    rig_done(&pair.rig);
}

static void test_cancel_reaches_the_other_end(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    pair.b->manners.final_status = 0;
    call = phone_dial(pair.a, "555");
    RIG_UNTIL(&pair.rig, phone_had_status(call, 180));
    phone_cancel(call);
    RIG_UNTIL(&pair.rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 487);
    RIG_ENDED(&pair.rig, 0, "cancelled");
    assert_int_equal(phone_incoming(pair.b)->cancels, 1);
    rig_done(&pair.rig);
}

static void test_refusals_pass_as_they_are(void **state)
{
    static const uint16_t statuses[] = {403, 404, 415, 480, 484, 486, 488, 600, 603, 606};
    struct pair pair;

    (void)state;
    begin(&pair);
    for (size_t i = 0; i < SR_ARRAY_LEN(statuses); i++) {
        pair.b->manners.final_status = statuses[i];
        call_fails(&pair, "555", statuses[i]);
        RIG_UNTIL(&pair.rig, rig_call(&pair.rig, i)->ended == 1);
        assert_int_equal(pair.b->call_count, i + 1); /* 488: not asked again with other keys */
    }
    rig_done(&pair.rig);
}

static void test_info_passes_with_its_body_and_its_answer(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    call = rig_connect(&pair.rig, pair.a, "555");
    phone_info(call, '5');
    RIG_UNTIL(&pair.rig, call->info_status == 200);
    assert_int_equal(phone_incoming(pair.b)->infos, 1);
    assert_true(sim_has(sr_str_c(phone_incoming(pair.b)->info_body), "5"));
    assert_string_equal(rig_call(&pair.rig, 0)->digits, ""); /* not ours to read */
    pair.b->manners.info_status = 469;
    call->info_status = 0;
    phone_info(call, '6');
    RIG_UNTIL(&pair.rig, call->info_status != 0);
    assert_int_equal(call->info_status, 469);
    assert_int_equal(call->state, PHONE_UP);
    end(&pair, call);
}

static void test_an_info_that_is_open_at_the_end_is_answered(void **state)
{
    struct phone_call *call;
    struct pair pair;

    (void)state;
    begin(&pair);
    call = rig_connect(&pair.rig, pair.a, "555");
    pair.b->manners.is_deaf = true;
    phone_info(call, '5');
    rig_run(&pair.rig, 100 * SR_MSEC);
    assert_int_equal(call->info_status, 0);
    phone_bye(call);
    RIG_UNTIL(&pair.rig, call->info_status != 0);
    assert_int_equal(call->info_status, 487);
    rig_done(&pair.rig);
}

static bool got(const char *message, const char *line)
{
    return strstr(message, line) != NULL;
}

/* Headers that belong to neither dialog, in both directions, on requests and responses. */
static void test_headers_that_are_not_ours_pass(void **state)
{
    static const char *const passed[] = {
        "Subject: odd\r\n",       "User-to-User: 00ab;encoding=hex\r\n",
        "Priority: urgent\r\n",   "Alert-Info: <urn:alert:source:internal>\r\n",
        "Recv-Info: conf\r\n",    "Call-Info: <sip:x@y>;answer-after=0\r\n",
        "X-Own: a  \"b\", c\r\n", "Accept: application/sdp, text/odd\r\n",
    };
    struct pair pair;
    struct phone_call *call;
    const char *text;

    (void)state;
    begin(&pair);
    text = pair.b->last_request;
    pair.a->manners.extra =
        "s: short\r\nSubject: odd\r\nUser-to-User: 00ab;encoding=hex\r\nPriority: urgent\r\n"
        "Alert-Info: <urn:alert:source:internal>\r\nRecv-Info: conf\r\n"
        "Call-Info: <sip:x@y>;answer-after=0\r\nX-Own: a  \"b\", c\r\n"
        "Accept: application/sdp, text/odd\r\nSupported: gruu\r\nSession-Expires: 1800\r\n"
        "P-Asserted-Identity: <sip:boss@192.0.2.99>\r\nDiversion: <sip:x@192.0.2.99>\r\n";
    pair.b->manners.ok_extra = "X-Back: there\r\nRecv-Info: pack\r\nServer: secret\r\n";
    call = rig_connect(&pair.rig, pair.a, "555");
    for (size_t i = 0; i < SR_ARRAY_LEN(passed); i++) {
        if (!got(text, passed[i]))
            fail_msg("no %s in %s", passed[i], text);
    }
    assert_true(got(text, "s: short\r\n"));
    assert_false(got(text, "192.0.2.99"));
    assert_false(got(text, "gruu"));
    assert_false(got(text, "simphone"));
    assert_int_equal(sim_header(sr_str_c(text), "Accept", 1).n, 0);
    assert_true(got(pair.a->last_response, "X-Back: there\r\nRecv-Info: pack\r\n"));
    assert_false(got(pair.a->last_response, "secret"));
    pair.a->manners.later = "Info-Package: conf\r\nContent-Disposition: Info-Package\r\n";
    pair.b->manners.later = "X-Seen: yes\r\n";
    phone_info(call, '5');
    RIG_UNTIL(&pair.rig, call->info_status == 200);
    assert_true(got(text, "Info-Package: conf\r\nContent-Disposition: Info-Package\r\n"));
    assert_true(got(pair.a->last_response, "X-Seen: yes\r\n"));
    pair.a->manners.extra = "X-Again: 2\r\n";
    phone_reinvite(call, "sendrecv");
    RIG_UNTIL(&pair.rig, call->reoffer_status == 200);
    assert_true(got(text, "X-Again: 2\r\n"));
    assert_false(got(text, "Subject"));
    assert_true(got(pair.a->last_response, "X-Back: there\r\n"));
    pair.a->manners.later = "Reason: Q.850;cause=31;text=\"odd\"\r\nX-Bye: 1\r\n";
    phone_bye(call);
    RIG_ENDED(&pair.rig, 0, "hangup");
    assert_true(got(text, "BYE sip:"));
    assert_true(got(text, "Reason: Q.850;cause=31;text=\"odd\"\r\nX-Bye: 1\r\n"));
    assert_int_equal(sim_header(sr_str_c(text), "Reason", 1).n, 0);
    rig_done(&pair.rig);
}

static void test_a_refusal_passes_with_its_headers(void **state)
{
    struct pair pair;

    (void)state;
    begin(&pair);
    pair.b->manners.final_status = 486;
    pair.b->manners.refusal_extra = "Warning: 399 b \"no\"\r\nX-Why: because\r\n";
    call_fails(&pair, "555", 486);
    assert_true(got(pair.a->last_response, "Warning: 399 b \"no\"\r\nX-Why: because\r\n"));
    rig_done(&pair.rig);
}

/* A body of several parts: the description is rewritten in its place, the rest is not touched. */
static void test_other_parts_of_a_body_pass_byte_for_byte(void **state)
{
    static const char parts[] = "--odd\r\nContent-Type: application/sdp\r\n\r\n" FAX(
        "192.0.2.11", "4444") "\r\n"
                              "--odd\r\nContent-Type: application/ISUP;version=itu-t92+\r\n"
                              "Content-Disposition: signal;handling=required\r\n\r\n\x01\x02\xff "
                              "isup \r\n--odd--\r\n";
    struct pair pair;
    struct phone_call *call;
    const char *body;

    (void)state;
    begin(&pair);
    pair.a->manners.sdp = parts;
    pair.a->manners.sdp_type = "multipart/mixed;boundary=odd";
    pair.a->manners.extra = "MIME-Version: 1.0\r\n";
    pair.b->manners.sdp = fax_b;
    call = rig_connect(&pair.rig, pair.a, "555");
    body = strstr(pair.b->last_request, "--odd\r\nContent-Type: application/sdp\r\n\r\n");
    assert_non_null(body);
    assert_true(got(pair.b->last_request, "Content-Type: multipart/mixed;boundary=odd\r\n"));
    assert_true(got(pair.b->last_request, "MIME-Version: 1.0\r\n"));
    assert_true(got(body, "c=IN IP4 192.0.2.1\r\n"));
    assert_false(got(body, "192.0.2.11"));
    assert_string_equal(strstr(body, "\r\n--odd\r\nContent-Type: application/ISUP"),
                        strstr(parts, "\r\n--odd\r\nContent-Type: application/ISUP"));
    end(&pair, call);
}

/* What is no description at all goes along, and asks the other end for one; others may not send it. */
static void test_a_body_that_nobody_here_reads_passes(void **state)
{
    struct pair pair;

    (void)state;
    begin(&pair);
    pair.a->manners.sdp = "<odd/>";
    pair.a->manners.sdp_type = "application/odd+xml";
    pair.a->manners.extra = "Content-Disposition: render;handling=required\r\n";
    pair.b->manners.final_status = 486;
    call_fails(&pair, "555", 486);
    assert_true(got(pair.b->last_request, "Content-Type: application/odd+xml\r\n"));
    assert_true(got(pair.b->last_request, "Content-Disposition: render;handling=required\r\n"));
    assert_true(got(pair.b->last_request, "\r\n\r\n<odd/>"));
    call_fails(&pair, "102", 415);
    assert_true(got(pair.a->last_response, "Accept: application/sdp\r\n"));
    pair.a->manners.sdp_type = "application/sdp"; /* packed, it cannot be rewritten */
    pair.a->manners.extra = "Content-Encoding: gzip\r\n";
    call_fails(&pair, "555", 415);
    rig_done(&pair.rig);
}

/* Nobody outside makes a phone of the house answer by itself. */
static void test_a_provider_opens_no_microphone(void **state)
{
    struct pair pair;
    struct sim_phone *gateway;
    struct phone_call *call;

    (void)state;
    gateway = begin_outside(&pair, camera_a);
    gateway->manners.extra = "Subject: hello\r\nAnswer-Mode: Auto\r\nPriv-Answer-Mode: Auto\r\n"
                             "Alert-Info: <http://127.0.0.1>;info=alert-AutoAnswer\r\n"
                             "Call-Info: <sip:x>;answer-after=0\r\nP-Auto-Answer: normal\r\n";
    call = phone_dial(gateway, "+4930100");
    RIG_UNTIL(&pair.rig, call->state == PHONE_UP);
    assert_true(got(pair.b->last_request, "Subject: hello\r\n"));
    assert_false(got(pair.b->last_request, "nswer"));
    end(&pair, call);
}

/* Somebody else has the call: the phone that rang need not show it as missed. */
static void test_a_cancel_says_why(void **state)
{
    static const char *const numbers[] = {"555", "102"};
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    pair.a->manners.sdp = pair.b->manners.sdp = NULL;
    pair.b->manners.final_status = 0;
    pair.a->manners.later = "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n";
    for (size_t i = 0; i < SR_ARRAY_LEN(numbers); i++) {
        call = phone_dial(pair.a, numbers[i]);
        RIG_UNTIL(&pair.rig, call->status == 180);
        phone_cancel(call);
        RIG_ENDED(&pair.rig, i, "answered_elsewhere");
        RIG_UNTIL(&pair.rig, phone_incoming(pair.b)->state == PHONE_OVER);
        assert_true(got(phone_incoming(pair.b)->end_reason, "SIP;cause=200"));
        assert_int_equal(call->status, 487);
    }
    rig_done(&pair.rig);
}

static void test_an_invite_without_an_offer_stays_one(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    call = phone_dial_offerless(pair.a, "555");
    RIG_UNTIL(&pair.rig, call->state == PHONE_UP);
    rig_run(&pair.rig, SR_SEC);
    assert_string_equal(phone_incoming(pair.b)->offer, "");
    claim_copied(camera_b, "192.0.2.12", call->sdp);
    assert_int_equal(phone_incoming(pair.b)->acks, 1);
    assert_int_equal(pipe_of(&pair, "a", 0)->stream.remote_rtp.port, 4000);
    assert_int_equal(pipe_of(&pair, "b", 0)->stream.remote_rtp.port, 5000);
    phone_reinvite(call, NULL);
    RIG_UNTIL(&pair.rig, call->reoffer_status == 200);
    rig_run(&pair.rig, SR_SEC);
    assert_int_equal(phone_incoming(pair.b)->reinvites, 1);
    assert_int_equal(phone_incoming(pair.b)->acks, 2);
    assert_int_equal(call->state, PHONE_UP);
    end(&pair, call);
}

static void test_session_timers_are_each_legs_own(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    pair.b->manners.ok_extra = "Session-Expires: 90;refresher=uac\r\nRequire: timer\r\n";
    call = rig_connect(&pair.rig, pair.a, "555");
    rig_run(&pair.rig, 600 * SR_SEC);
    assert_int_equal(call->state, PHONE_UP);
    assert_true(phone_incoming(pair.b)->reinvites + phone_incoming(pair.b)->updates >= 10);
    assert_int_equal(call->reinvites + call->updates, 0);
    end(&pair, call);
}

static void test_nobody_of_the_house_enters_or_moves_it(void **state)
{
    struct pair pair;
    struct sim_phone *c;
    struct phone_call *call, *pickup;
    struct engine_command command;

    (void)state;
    begin(&pair);
    c = rig_phone(&pair.rig, "103");
    pair.b->manners.final_after = 5 * SR_SEC;
    call = phone_dial(pair.a, "555");
    RIG_UNTIL(&pair.rig, phone_had_status(call, 180));
    pickup = phone_dial(c, "*8102");
    RIG_UNTIL(&pair.rig, pickup->state == PHONE_OVER);
    RIG_UNTIL(&pair.rig, call->state == PHONE_UP);
    phone_refer(call, "103", NULL, NULL);
    RIG_UNTIL(&pair.rig, call->refer_status != 0);
    assert_int_equal(call->refer_status, 603);
    command = rig_command(ENGINE_DO_LEG_CHANGE, rig_call(&pair.rig, 0), "b");
    command.has_held = command.is_held = true;
    assert_int_equal(rig_do(&pair.rig, &command), SR_ERR_STATE);
    assert_non_null(strstr(pair.rig.reply_why, "passes through"));
    command = rig_command(ENGINE_DO_TRANSFER, rig_call(&pair.rig, 0), "b");
    (void)sr_str_copy(SR_STR("103"), command.to, sizeof(command.to));
    assert_int_equal(rig_do(&pair.rig, &command), SR_ERR_STATE);
    end(&pair, call);
}

/* Each m= line has ports of its own here: nothing may share another's; nor can a connection be carried. */
static void test_what_would_not_be_true_is_not_said(void **state)
{
    static const char bundled[] =
        HEAD("192.0.2.11") "a=group:BUNDLE 0 1\r\na=group:LS 0 1\r\n"
                           "m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 "
                           "speex/32000\r\na=mid:0\r\na=rtcp-mux\r\n"
                           "m=video 4000 RTP/AVP 99\r\na=rtpmap:99 "
                           "H264/90000\r\na=mid:1\r\na=rtcp-mux\r\n"
                           "m=video 0 RTP/AVP 99\r\na=bundle-only\r\na=mid:2\r\n"
                           "m=message 2855 TCP/MSRP *\r\na=path:msrp://192.0.2.11:2855/x;tcp\r\n";
    struct pair pair;
    struct phone_call *call, *other;

    (void)state;
    begin(&pair);
    pair.a->manners.sdp = bundled;
    call = rig_connect(&pair.rig, pair.a, "555");
    other = phone_incoming(pair.b);
    assert_null(strstr(other->offer, "BUNDLE"));
    assert_null(strstr(other->offer, "bundle-only"));
    assert_non_null(strstr(other->offer, "a=group:LS 0 1\r\n"));
    assert_non_null(strstr(other->offer, "a=mid:1\r\na=rtcp-mux\r\n"));
    assert_non_null(strstr(other->offer, "m=message 0 TCP/MSRP *\r\n"));
    assert_null(strstr(other->offer, "msrp:")); /* it names a place behind us */
    assert_true(pipe_of(&pair, "b", 0)->room != pipe_of(&pair, "b", 1)->room);
    assert_int_equal(port_sim_leg_count(pair.rig.media), 4);
    end(&pair, call);
}

/* A party on hold says nothing for as long as it lasts. */
static void test_a_hold_may_last(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    call = rig_connect(&pair.rig, pair.a, "555");
    assert_int_equal(pipe_of(&pair, "a", 0)->timeout_sec, 60);
    assert_int_equal(pipe_of(&pair, "b", 0)->timeout_sec, 60);
    assert_int_equal(pipe_of(&pair, "b", 1)->timeout_sec, 0);
    pair.a->manners.sdp = hold_a;
    pair.b->manners.sdp = held_b;
    phone_reinvite(call, "sendonly");
    RIG_UNTIL(&pair.rig, call->reoffer_status == 200);
    assert_int_equal(pipe_of(&pair, "a", 0)->timeout_sec, 3600);
    assert_int_equal(pipe_of(&pair, "b", 0)->timeout_sec, 3600);
    assert_true(rig_leg(rig_call(&pair.rig, 0), "a")->is_holding);
    pair.a->manners.sdp = camera_a;
    pair.b->manners.sdp = camera_b;
    phone_reinvite(call, "sendrecv");
    RIG_UNTIL(&pair.rig, call->reoffer_status == 200);
    assert_int_equal(pipe_of(&pair, "b", 0)->timeout_sec, 60);
    end(&pair, call);
}

/* As RFC 3264 8.2 has it: the line of the sound stays, with port 0, and the fax is a second one. */
static void test_a_fax_beside_a_line_that_is_off(void **state)
{
    static const char both_a[] =
        HEAD("192.0.2.11") "m=audio 0 RTP/SAVP 97\r\nm=image 4444 udptl t38\r\n";
    static const char both_b[] =
        HEAD("192.0.2.12") "m=audio 0 RTP/SAVP 97\r\nm=image 5555 udptl t38\r\n";
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    call = rig_connect(&pair.rig, pair.a, "555");
    pair.a->manners.sdp = both_a;
    pair.b->manners.sdp = both_b;
    phone_reinvite(call, "sendrecv");
    RIG_UNTIL(&pair.rig, call->reoffer_status == 200);
    assert_int_equal(pipe_of(&pair, "b", 1)->stream.remote_rtp.port, 5555);
    assert_int_equal(pipe_of(&pair, "b", 0)->timeout_sec, 0);
    assert_int_equal(pipe_of(&pair, "b", 1)->timeout_sec, 3600);
    assert_string_equal(rig_leg(rig_call(&pair.rig, 0), "b")->codec, "t38");
    end(&pair, call);
}

/* Five seconds of the first line in use of that device's party. */
static void report(struct pair *pair, const char *device_id, struct media_leg_stats stats)
{
    struct call *call = call__find(pair->rig.engine, rig_call(&pair->rig, 0)->call_id);
    struct leg *leg = call__find_leg(call, rig_leg_id(rig_call(&pair->rig, 0), device_id));
    struct media_event event = {
        .kind = MEDIA_EVENT_STATS, .cookie = leg->id, .leg = leg->pipes->main, .stats = stats};

    event.stats.level_rx_dbfs = (double)NAN;
    rig_run(&pair->rig, 5 * SR_SEC);
    port_sim_inject(pair->rig.media, &event);
    loop_sim_run_until(pair->rig.loop, loop_now(pair->rig.loop) + SR_MSEC);
    SR_LIST_EACH(&call->legs, node) /* figures alone are told as such */
    event__leg(SR_CONTAINER(node, struct leg, node), ENGINE_LEG_CHANGED);
    rig_run(&pair->rig, 100 * SR_MSEC);
}

static const char *verdict_of(struct pair *pair, const char *device_id)
{
    return rig_leg(rig_call(&pair->rig, 0), device_id)->verdict;
}

static void test_a_verdict_says_why_nothing_comes_through(void **state)
{
    struct pair pair;
    struct phone_call *call;

    (void)state;
    begin(&pair);
    call = rig_connect(&pair.rig, pair.a, "555");
    report(&pair, "a", (struct media_leg_stats){.rx_packets = 250});
    report(&pair, "b", (struct media_leg_stats){.tx_packets = 250});
    assert_string_equal(verdict_of(&pair, "a"), ""); /* heard, whatever its codec */
    assert_non_null(strstr(verdict_of(&pair, "b"), "nothing arrives: the party's SDP names "
                                                   "192.0.2.12"));
    report(&pair, "b", (struct media_leg_stats){.rx_unknown_type = 250, .unknown_type = 18});
    assert_non_null(
        strstr(verdict_of(&pair, "b"), "payload type 18 (G.729), which was not agreed"));
    report(&pair, "b", (struct media_leg_stats){.rx_packets = 250, .rx_unknown_type = 250});
    assert_string_equal(verdict_of(&pair, "b"), "");
    pair.a->manners.sdp = hold_a;
    pair.b->manners.sdp = held_b;
    phone_reinvite(call, "sendonly");
    RIG_UNTIL(&pair.rig, call->reoffer_status == 200);
    report(&pair, "a", (struct media_leg_stats){.rx_packets = 500});
    report(&pair, "b", (struct media_leg_stats){.rx_packets = 250});
    assert_string_equal(verdict_of(&pair, "a"), "the party has put the call on hold");
    assert_string_equal(verdict_of(&pair, "b"), ""); /* it was asked to be quiet */
    pair.a->manners.sdp = fax_a;
    pair.b->manners.sdp = fax_b;
    phone_reinvite(call, "sendrecv");
    RIG_UNTIL(&pair.rig, call->reoffer_status == 200);
    assert_string_equal(verdict_of(&pair, "a"), "");
    report(&pair, "a", (struct media_leg_stats){.rx_packets = 520});
    report(&pair, "a", (struct media_leg_stats){.rx_packets = 520});
    assert_string_equal(verdict_of(&pair, "a"), ""); /* it listens to a page */
    end(&pair, call);
}

static void test_a_silent_line_ends_the_call_but_not_a_silent_camera(void **state)
{
    struct pair pair;
    struct phone_call *call;
    struct media_event event = {.kind = MEDIA_EVENT_TIMEOUT};
    struct call *live;
    struct leg *leg;

    (void)state;
    begin(&pair);
    call = rig_connect(&pair.rig, pair.a, "555");
    live = call__find(pair.rig.engine, rig_call(&pair.rig, 0)->call_id);
    leg = call__find_leg(live, rig_leg_id(rig_call(&pair.rig, 0), "b"));
    event.cookie = leg->id;
    event.leg = leg->pipes->lines[1].media;
    port_sim_inject(pair.rig.media, &event);
    rig_run(&pair.rig, SR_SEC);
    assert_int_equal(call->state, PHONE_UP);
    event.leg = leg->pipes->lines[0].media;
    port_sim_inject(pair.rig.media, &event);
    RIG_ENDED(&pair.rig, 0, "media_timeout");
    rig_done(&pair.rig);
}

int run_passthrough(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codecs_nobody_knows_and_video_flow_through_ports_of_their_own),
        cmocka_unit_test(test_a_provider_is_told_the_public_address),
        cmocka_unit_test(test_a_provider_is_told_a_new_address),
        cmocka_unit_test(test_a_providers_call_reaches_the_device),
        cmocka_unit_test(test_a_fax_takes_the_place_of_the_sound_and_gives_it_back),
        cmocka_unit_test(test_hold_is_heard_at_the_other_end),
        cmocka_unit_test(test_an_update_passes_as_an_update),
        cmocka_unit_test(test_a_refused_offer_leaves_everything_as_it_was),
        cmocka_unit_test(test_who_offers_at_the_same_time_gets_491),
        cmocka_unit_test(test_prack_goes_from_end_to_end),
        cmocka_unit_test(test_prack_is_not_ours_to_give),
        cmocka_unit_test(test_cancel_reaches_the_other_end),
        cmocka_unit_test(test_refusals_pass_as_they_are),
        cmocka_unit_test(test_info_passes_with_its_body_and_its_answer),
        cmocka_unit_test(test_an_info_that_is_open_at_the_end_is_answered),
        cmocka_unit_test(test_headers_that_are_not_ours_pass),
        cmocka_unit_test(test_a_refusal_passes_with_its_headers),
        cmocka_unit_test(test_other_parts_of_a_body_pass_byte_for_byte),
        cmocka_unit_test(test_a_body_that_nobody_here_reads_passes),
        cmocka_unit_test(test_a_provider_opens_no_microphone),
        cmocka_unit_test(test_a_cancel_says_why),
        cmocka_unit_test(test_an_invite_without_an_offer_stays_one),
        cmocka_unit_test(test_session_timers_are_each_legs_own),
        cmocka_unit_test(test_nobody_of_the_house_enters_or_moves_it),
        cmocka_unit_test(test_what_would_not_be_true_is_not_said),
        cmocka_unit_test(test_a_hold_may_last),
        cmocka_unit_test(test_a_fax_beside_a_line_that_is_off),
        cmocka_unit_test(test_a_verdict_says_why_nothing_comes_through),
        cmocka_unit_test(test_a_silent_line_ends_the_call_but_not_a_silent_camera),
    };

    return cmocka_run_group_tests_name("passthrough", tests, NULL, NULL);
}
