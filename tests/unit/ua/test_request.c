/* What is refused before anybody looks at it, and where answers go. */
#include "world.h"

static void expect(struct phone *phone, const struct request *request, const char *status)
{
    const char *text;

    phone_request(phone, request);
    text = phone_wait(phone, "SIP/2.0 ");
    if (!begins(text + 8, status))
        fail_msg("%s: wanted %s, got %.40s", request->method, status, text);
}

static void unservable_requests_are_refused(void **state)
{
    WORLD;
    expect(a, &(struct request){.method = "DANCE"}, "501");
    expect(a, &(struct request){.method = "OPTIONS", .uri = "mailto:x@y"}, "416");
    expect(a, &(struct request){.method = "INVITE", .extra = "Require: nosuch\r\n"}, "420");
    expect(a, &(struct request){.method = "INVITE", .extra = "Proxy-Require: 100rel\r\n"}, "420");
    expect(a, &(struct request){.method = "BYE"}, "481");
    expect(a, &(struct request){.method = "UPDATE"}, "481");
    expect(a, &(struct request){.method = "CANCEL"}, "481");
    expect(a, &(struct request){.method = "OPTIONS", .extra = "Content-Length: 5\r\n"}, "400");
    expect(a, &(struct request){.method = "OPTIONS"}, "200");
    expect(a, &(struct request){.method = "MESSAGE", .type = "text/plain", .body = "hi"}, "401");
    rig_quiet(rig);
    world_end(w);
}

/* What only a dialog gives a meaning, without one: RFC 3261 12.2.2, 6086, 6665. A NOTIFY that only keeps
 * a NAT open is answered, so that the phone does not think us gone. */
static void requests_without_their_dialog_get_481(void **state)
{
    static const char *const methods[] = {"INVITE",  "BYE",       "UPDATE", "PRACK",
                                          "INFO",    "REFER",     "NOTIFY", "OPTIONS",
                                          "MESSAGE", "SUBSCRIBE", "CANCEL"};

    WORLD;
    for (size_t i = 0; i < SR_ARRAY_LEN(methods); i++) { /* a tag of a dialog we do not know */
        (void)snprintf(a->to_tag, sizeof(a->to_tag), "gone%zu", i);
        expect(a,
               &(struct request){.method = methods[i], .uri = "sip:10.0.0.1", .is_in_dialog = true},
               "481");
    }
    expect(a, &(struct request){.method = "INFO", .type = "application/dtmf-relay", .body = "x"},
           "481");
    expect(a, &(struct request){.method = "PRACK", .extra = "RAck: 1 1 INVITE\r\n"}, "481");
    expect(a, &(struct request){.method = "NOTIFY"}, "481");
    expect(a, &(struct request){.method = "NOTIFY", .extra = "Event: refer\r\n"}, "481");
    expect(a, &(struct request){.method = "NOTIFY", .extra = "Event: keep-alive\r\n"}, "200");
    expect(a, &(struct request){.method = "NOTIFY", .extra = "o: keep-alive\r\n"}, "200");
    phone_request(a, &(struct request){.method = "ACK"});
    rig_run(rig, SR_SEC);
    assert_int_equal(phone_count(a, "SIP/2.0"), 0);
    assert_int_equal(rig->invites, 0);
    world_end(w);
}

/* The same inside of a call: what is not served says what would be. */
static void requests_inside_a_call_that_are_not_served(void **state)
{
    const char *text;
    struct sip_leg *leg;

    WORLD;
    leg = world_talk(w, NULL);
    phone_request(b, &(struct request){.method = "OPTIONS", .is_in_dialog = true});
    text = phone_wait(b, "SIP/2.0 200");
    assert_non_null(strstr(header(text, "Allow"), "INFO"));
    phone_request(b, &(struct request){.method = "PUBLISH", .is_in_dialog = true});
    assert_non_null(strstr(header(phone_wait(b, "SIP/2.0 405"), "Allow"), "BYE"));
    phone_request(b, &(struct request){.method = "DANCE", .is_in_dialog = true});
    assert_non_null(strstr(header(phone_wait(b, "SIP/2.0 501"), "Allow"), "BYE"));
    phone_request(b, &(struct request){.method = "SUBSCRIBE",
                                       .is_in_dialog = true,
                                       .extra = "Event: conference\r\n"});
    assert_non_null(strstr(header(phone_wait(b, "SIP/2.0 489"), "Allow-Events"), "dialog"));
    phone_request(b, &(struct request){.method = "INFO",
                                       .is_in_dialog = true,
                                       .extra = "Info-Package: nosuch\r\n"});
    text = phone_wait(b, "SIP/2.0 469");
    assert_non_null(strstr(text, "\r\nRecv-Info:"));
    phone_request(b, &(struct request){.method = "INFO", .is_in_dialog = true});
    (void)phone_wait(b, "SIP/2.0 200");
    world_hangup(w, leg);
    world_end(w);
}

static void known_methods_without_service_say_so(void **state)
{
    const char *text;

    WORLD;
    (void)phone_register(a, NULL, 60);
    phone_request(a, &(struct request){.method = "SUBSCRIBE",
                                       .is_authorized = true,
                                       .extra = "Event: nosuch\r\n"});
    assert_string_equal(header(phone_wait(a, "SIP/2.0 489"), "Allow-Events"),
                        "dialog, message-summary, presence");
    phone_request(a, &(struct request){.method = "DANCE"});
    assert_non_null(strstr(header(phone_wait(a, "SIP/2.0 501"), "Allow"), "INVITE"));
    expect(a, &(struct request){.method = "MESSAGE", .is_authorized = true}, "404");
    expect(a, &(struct request){.method = "REFER", .is_authorized = true}, "403");
    expect(a, &(struct request){.method = "SUBSCRIBE", .is_authorized = true}, "489");
    expect(a, &(struct request){.method = "PUBLISH", .is_authorized = true}, "405");
    phone_request(a, &(struct request){.method = "OPTIONS"});
    text = phone_wait(a, "SIP/2.0 200");
    assert_non_null(strstr(header(text, "Allow"), "INVITE"));
    assert_string_equal(header(text, "Accept"), "application/sdp");
    assert_string_equal(header(text, "Supported"), "100rel, timer, replaces, norefersub");
    world_end(w);
}

static void bad_invites_of_a_device_are_refused(void **state)
{
    struct request request = {.method = "INVITE", .uri = "sip:202@10.0.0.1", .is_authorized = true};

    WORLD;
    (void)phone_register(a, NULL, 60);
    request.type = "text/plain";
    request.body = "hello";
    expect(a, &request, "415");
    request.type = NULL;
    request.body = SDP_A;
    request.extra = "Accept: text/plain\r\n";
    expect(a, &request, "406");
    request.extra = "Content-Encoding: gzip\r\n";
    expect(a, &request, "415");
    request.extra = "Session-Expires: 20\r\nSupported: timer\r\n";
    expect(a, &request, "422");
    assert_int_equal(rig->invites, 0);
    world_end(w);
}

static void hops_end(void **state)
{
    const char *text =
        "INVITE sip:202@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKh\r\n"
        "From: <sip:201@home>;tag=1\r\nTo: <sip:202@home>\r\nCall-ID: h\r\n"
        "CSeq: 1 INVITE\r\nMax-Forwards: 0\r\nContact: <sip:201@10.0.0.2>\r\n\r\n";

    WORLD;
    phone_raw(a, text, strlen(text));
    (void)phone_wait(a, "SIP/2.0 483");
    world_end(w);
}

/* A call of ours that comes back is a loop. */
static void call_that_comes_back_is_a_loop(void **state)
{
    struct sip_leg *leg;
    const char *invite;

    WORLD;
    invite = world_call(w, &leg);
    (void)sr_str_copy(sr_str_c(header(invite, "Call-ID")), x->call_id, sizeof(x->call_id));
    expect(x, &(struct request){.method = "INVITE", .uri = "sip:202@10.0.0.1"}, "482");
    sip_leg_hangup(leg, 0, SR_STR(""));
    phone_reply(b, invite, "486 Busy", "t", NULL, NULL);
    world_end(w);
}

/* RFC 3261 18.2.2, RFC 3581: to the source; without rport to the port of the Via; never to maddr. */
static void answers_go_to_the_source(void **state)
{
    static const char format[] = "OPTIONS sip:10.0.0.1 SIP/2.0\r\n"
                                 "Via: SIP/2.0/UDP 10.9.9.9:5060;branch=z9hG4bK%s%s\r\n"
                                 "From: <sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: q\r\n"
                                 "CSeq: 1 OPTIONS\r\nMax-Forwards: 9\r\n\r\n";
    struct phone *other;
    char text[512];

    WORLD;
    phone_done(x);
    phone_init(x, rig, "10.0.0.2:6060", NET_UDP, "201", "secret1");
    other = x; /* same host as a, port 6060 */
    (void)snprintf(text, sizeof(text), format, "1", ";rport");
    phone_raw(other, text, strlen(text));
    assert_non_null(strstr(header(phone_wait(other, "SIP/2.0 200"), "Via"), "received=10.0.0.2"));
    (void)snprintf(text, sizeof(text), format, "2", "");
    phone_raw(other, text, strlen(text));
    (void)phone_wait(a, "SIP/2.0 200"); /* port 5060 of the same host */
    (void)snprintf(text, sizeof(text), format, "3", ";maddr=10.0.0.3;rport");
    phone_raw(other, text, strlen(text));
    (void)phone_wait(other, "SIP/2.0 200");
    assert_int_equal(b->count, 0);
    world_end(w);
}

/* Strays are silent and counted. */
static void strays_are_silent(void **state)
{
    static const char stray[] = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKno\r\n"
                                "From: <sip:a@b>;tag=1\r\nTo: <sip:b@b>;tag=2\r\nCall-ID: q\r\n"
                                "CSeq: 1 INVITE\r\n\r\n";

    WORLD;
    phone_raw(a, stray, sizeof(stray) - 1);
    phone_request(a, &(struct request){.method = "ACK", .uri = "sip:10.0.0.1"});
    phone_raw(a, "\x00\x01junk", 6);
    phone_raw(a, "\r\n\r\n", 4);
    rig_run(rig, SR_SEC);
    assert_int_equal(a->count, 0);
    assert_int_equal(rig_stats(rig).stray_responses, 1);
    assert_int_equal(rig_stats(rig).stray_acks, 1);
    assert_int_equal(rig_stats(rig).bad_messages, 1);
    world_end(w);
}

int run_request_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unservable_requests_are_refused),
        cmocka_unit_test(requests_without_their_dialog_get_481),
        cmocka_unit_test(requests_inside_a_call_that_are_not_served),
        cmocka_unit_test(known_methods_without_service_say_so),
        cmocka_unit_test(bad_invites_of_a_device_are_refused),
        cmocka_unit_test(hops_end),
        cmocka_unit_test(call_that_comes_back_is_a_loop),
        cmocka_unit_test(answers_go_to_the_source),
        cmocka_unit_test(strays_are_silent),
    };

    return cmocka_run_group_tests_name("requests", tests, NULL, NULL);
}
