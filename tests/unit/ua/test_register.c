/* The registrar. */
#include "world.h"

static unsigned contacts_of(struct rig *rig, const char *id)
{
    struct ua_contact contacts[UA_CONTACTS_PER_DEVICE_MAX];

    return (unsigned)ua_contacts(rig->ua, sr_str_c(id), contacts, SR_ARRAY_LEN(contacts));
}

static bool has_contact(struct rig *rig, const char *id, size_t at, const char *uri)
{
    struct ua_contact contacts[UA_CONTACTS_PER_DEVICE_MAX];
    size_t count = ua_contacts(rig->ua, sr_str_c(id), contacts, SR_ARRAY_LEN(contacts));

    return at < count && sr_str_eq_c(contacts[at].uri, uri);
}

static void contact_comes_is_refreshed_and_goes(void **state)
{
    const char *ok;
    struct ua_contact contact;

    WORLD;
    ok = phone_register(a, NULL, 600);
    assert_true(begins(ok, "SIP/2.0 200"));
    assert_string_equal(header(ok, "Contact"), "<sip:201@10.0.0.2:5060>;expires=600");
    assert_int_equal(rig->registered, 1);
    assert_int_equal(ua_contacts(rig->ua, SR_STR("desk"), &contact, 1), 1);
    assert_int_equal(contact.expires_at - loop_now(rig->loop), 600 * SR_SEC - SR_MSEC);
    assert_false(contact.is_nat);
    assert_int_equal(contact.flow.remote.port, 5060);
    assert_true(begins(phone_register(a, NULL, 300), "SIP/2.0 200"));
    assert_int_equal(rig->refreshed, 1);
    assert_int_equal(contacts_of(rig, "desk"), 1);
    assert_true(begins(phone_register(a, NULL, 0), "SIP/2.0 200"));
    assert_int_equal(rig->unregistered, 1);
    assert_string_equal(rig->registration_why, "by phone");
    assert_int_equal(contacts_of(rig, "desk"), 0);
    world_end(w);
}

static void contact_expires(void **state)
{
    WORLD;
    (void)phone_register(a, NULL, 60);
    rig_run(rig, 59 * SR_SEC);
    assert_int_equal(contacts_of(rig, "desk"), 1);
    rig_run(rig, SR_SEC);
    assert_int_equal(contacts_of(rig, "desk"), 0);
    assert_string_equal(rig->registration_why, "expired");
    assert_int_equal(rig_stats(rig).contacts, 0);
    world_end(w);
}

static void bounds_of_expiry_are_kept(void **state)
{
    const char *text;

    WORLD;
    text = phone_register(a, NULL, 30);
    assert_true(begins(text, "SIP/2.0 423"));
    assert_string_equal(header(text, "Min-Expires"), "60");
    text = phone_register(a, NULL, 1000000);
    assert_non_null(strstr(header(text, "Contact"), ";expires=3600"));
    text = phone_register(a, "<sip:201@10.0.0.2>;expires=120", 3000);
    assert_non_null(strstr(text, "<sip:201@10.0.0.2>;expires=120"));
    world_end(w);
}

/* Several contacts, best first; more than allowed are refused and change nothing. */
static void contacts_are_sorted_and_capped(void **state)
{
    WORLD;
    (void)phone_register(a, "<sip:201@10.0.0.2>;q=0.3", 600);
    (void)phone_register(a, "<sip:x@10.0.0.2>;q=0.9", 600);
    (void)phone_register(a, "<sip:y@10.0.0.2>;q=0.3", 600);
    assert_int_equal(contacts_of(rig, "desk"), 3);
    assert_true(has_contact(rig, "desk", 0, "sip:x@10.0.0.2"));
    assert_true(has_contact(rig, "desk", 1, "sip:y@10.0.0.2"));
    assert_true(has_contact(rig, "desk", 2, "sip:201@10.0.0.2"));
    assert_true(begins(phone_register(a, "<sip:z@10.0.0.2>", 600), "SIP/2.0 403"));
    assert_int_equal(contacts_of(rig, "desk"), 3);
    /* one goes, one comes */
    assert_true(begins(phone_register(a, "<sip:x@10.0.0.2>;expires=0, <sip:z@10.0.0.2>", 600),
                       "SIP/2.0 200"));
    assert_int_equal(contacts_of(rig, "desk"), 3);
    /* a fetch has no Contact and changes nothing */
    phone_request(a, &(struct request){.method = "REGISTER", .is_authorized = true});
    assert_non_null(strstr(phone_wait(a, "SIP/2.0 200"), "sip:z@10.0.0.2"));
    world_end(w);
}

static void star_removes_all_or_is_refused(void **state)
{
    WORLD;
    (void)phone_register(a, "<sip:201@10.0.0.2>, <sip:x@10.0.0.2>", 600);
    assert_int_equal(contacts_of(rig, "desk"), 2);
    assert_true(begins(phone_register(a, "*", 600), "SIP/2.0 400"));
    assert_int_equal(contacts_of(rig, "desk"), 2);
    assert_true(begins(phone_register(a, "*", 0), "SIP/2.0 200"));
    assert_int_equal(contacts_of(rig, "desk"), 0);
    assert_int_equal(rig->unregistered, 2);
    world_end(w);
}

/* An older request of the same Call-ID may not undo a newer one. */
static void overtaken_request_fails(void **state)
{
    WORLD;
    a->cseq = 10;
    (void)phone_register(a, NULL, 600);
    phone_request(a, &(struct request){.method = "REGISTER",
                                       .cseq = 5,
                                       .extra = "Contact: <sip:201@10.0.0.2:5060>;expires=0\r\n",
                                       .is_authorized = true});
    (void)phone_wait(a, "SIP/2.0 500");
    assert_int_equal(contacts_of(rig, "desk"), 1);
    world_end(w);
}

/* The 200 was lost: the same REGISTER again, byte for byte, is answered and changes nothing. */
static void repeated_register_is_answered_again(void **state)
{
    char text[TEXT_MAX];

    WORLD;
    (void)phone_register(a, NULL, 600);
    phone_request(a, &(struct request){.method = "REGISTER",
                                       .extra = "Contact: <sip:201@10.0.0.2:5060>\r\n",
                                       .is_authorized = true});
    (void)phone_wait(a, "SIP/2.0 200");
    assert_int_equal(rig->refreshed, 1);
    a->nc--; /* byte for byte but for its branch */
    phone_request(a, &(struct request){.method = "REGISTER",
                                       .cseq = a->cseq,
                                       .extra = "Contact: <sip:201@10.0.0.2:5060>\r\n",
                                       .is_authorized = true});
    (void)sr_str_copy(sr_str_c(phone_wait(a, "SIP/2.0 ")), text, sizeof(text));
    assert_true(begins(text, "SIP/2.0 200"));
    assert_int_equal(rig->refreshed, 1);
    /* another request with a used count is a replay */
    a->nc--;
    phone_request(a, &(struct request){.method = "REGISTER",
                                       .extra = "Contact: <sip:201@10.0.0.2:5060>;expires=0\r\n",
                                       .is_authorized = true});
    assert_non_null(strstr(header(phone_wait(a, "SIP/2.0 401"), "WWW-Authenticate"), "stale=true"));
    assert_int_equal(contacts_of(rig, "desk"), 1);
    world_end(w);
}

static void nobody_registers_for_another(void **state)
{
    WORLD;
    (void)phone_register(a, NULL, 600);
    phone_request(a, &(struct request){.method = "REGISTER",
                                       .to = "202",
                                       .extra = "Contact: <sip:202@10.0.0.2>\r\n",
                                       .is_authorized = true});
    (void)phone_wait(a, "SIP/2.0 403");
    assert_int_equal(contacts_of(rig, "hall"), 0);
    assert_true(begins(phone_register(a, "<sip:202@10.0.0.1:5060>", 600), "SIP/2.0 403"));
    world_end(w);
}

/* The id is a user name too; the address may be fixed. */
static void expected_address_is_checked(void **state)
{
    static const struct sr_cidr elsewhere = {
        .addr = {.family = SR_ADDR_IP4, .ip = {192, 168, 0, 0}}, .bits = 16};

    WORLD;
    a->user = "desk";
    assert_true(begins(phone_register(a, NULL, 600), "SIP/2.0 200"));
    rig->devices[1].expected = &elsewhere;
    assert_true(begins(phone_register(b, NULL, 600), "SIP/2.0 401"));
    world_end(w);
}

/* Phones behind NAT are asked with OPTIONS; who does not answer is marked, and unmarked later. */
static void phone_behind_nat_is_qualified(void **state)
{
    struct ua_contact contact;
    const char *options;

    WORLD;
    rig->devices[0].qualify_sec = 30;
    rig_configure(rig);
    (void)phone_register(a, "<sip:201@192.168.7.7:5060>", 600);
    assert_int_equal(ua_contacts(rig->ua, SR_STR("desk"), &contact, 1), 1);
    assert_true(contact.is_nat);
    options = phone_wait(a, "OPTIONS ");
    assert_true(begins(options, "OPTIONS sip:201@192.168.7.7:5060 "));
    phone_reply(a, options, "200 OK", "t", NULL, NULL);
    rig_run(rig, SR_SEC);
    assert_int_equal(ua_contacts(rig->ua, SR_STR("desk"), &contact, 1), 1);
    assert_int_equal(contact.rtt_us, 2 * SR_MSEC);
    /* timer E: 11 sends in 32 s, then unreachable */
    rig_run(rig, 65 * SR_SEC);
    assert_int_equal(phone_count(a, "OPTIONS "), 11);
    phone_skip(a);
    assert_int_equal(rig->reachability, 1);
    assert_int_equal(ua_contacts(rig->ua, SR_STR("desk"), &contact, 1), 1);
    assert_false(contact.is_reachable);
    phone_reply(a, phone_wait(a, "OPTIONS "), "404 Whatever", "t", NULL, NULL);
    rig_run(rig, SR_SEC);
    assert_int_equal(rig->reachability, 2);
    (void)phone_register(a, "*", 0);
    world_end(w);
}

/* The question that its old mapping swallowed says nothing of the new one. */
static void moved_phone_is_judged_where_it_is(void **state)
{
    static struct phone moved;
    struct ua_contact contact;

    WORLD;
    rig->devices[1].qualify_sec = 30;
    rig_configure(rig);
    (void)phone_register(b, "<sip:202@192.168.7.7:5060>", 600);
    (void)phone_wait(b, "OPTIONS ");
    phone_init(&moved, rig, "10.0.0.3:6070", NET_UDP, "202", "secret2");
    (void)phone_register(&moved, "<sip:202@192.168.7.7:5060>", 600);
    phone_reply(&moved, phone_wait(&moved, "OPTIONS "), "200 OK", "t", NULL, NULL);
    rig_run(rig, 10 * SR_SEC);
    assert_int_equal(rig->reachability, 0);
    assert_int_equal(ua_contacts(rig->ua, SR_STR("hall"), &contact, 1), 1);
    assert_true(contact.is_reachable);
    phone_skip(b);
    (void)phone_register(&moved, "*", 0);
    phone_done(&moved);
    world_end(w);
}

/* A home router that starts anew maps the phone to another port: its calls must end there. */
static void dialogs_follow_a_phone_whose_mapping_changes(void **state)
{
    static struct phone moved;
    struct sip_leg *leg;
    const char *bye;

    WORLD;
    assert_true(begins(phone_register(b, "<sip:202@192.168.7.7:5060>", 600), "SIP/2.0 200"));
    leg = rig_call(rig, "hall", SDP_B);
    phone_reply(b, phone_wait(b, "INVITE "), "200 OK", "btag", NULL, SDP_A);
    (void)phone_wait(b, "ACK ");
    (void)rig_event(rig, SIP_LEG_ANSWERED);
    phone_init(&moved, rig, "10.0.0.3:6070", NET_UDP, "202", "secret2");
    assert_true(begins(phone_register(&moved, "<sip:202@192.168.7.7:5060>", 600), "SIP/2.0 200"));
    sip_leg_hangup(leg, 0, SR_STR(""));
    bye = phone_wait(&moved, "BYE ");
    phone_reply(&moved, bye, "200 OK", NULL, NULL, NULL);
    rig_quiet(rig);
    assert_int_equal(phone_count(b, "BYE "), 0);
    phone_done(&moved);
    world_end(w);
}

/* RFC 3327: the path is kept, echoed, and goes as Route into calls. */
static void path_is_kept(void **state)
{
    const char *ok;
    struct sip_leg *leg;

    WORLD;
    phone_request(b, &(struct request){.method = "REGISTER"});
    phone_take_challenge(b, phone_wait(b, "SIP/2.0 401"));
    phone_request(b, &(struct request){
                         .method = "REGISTER",
                         .extra = "Contact: <sip:202@10.0.0.9>\r\nPath: <sip:edge@10.0.0.3;lr>\r\n"
                                  "Supported: path\r\n",
                         .is_authorized = true});
    ok = phone_wait(b, "SIP/2.0 200");
    assert_string_equal(header(ok, "Path"), "<sip:edge@10.0.0.3;lr>");
    leg = rig_call(rig, "hall", SDP_B);
    {
        const char *invite = phone_wait(b, "INVITE ");

        assert_true(begins(invite, "INVITE sip:202@10.0.0.9 "));
        assert_string_equal(header(invite, "Route"), "<sip:edge@10.0.0.3;lr>");
        phone_reply(b, invite, "486 Busy", "t", NULL, NULL);
    }
    (void)rig_event(rig, SIP_LEG_ENDED);
    (void)leg;
    world_end(w);
}

static void contact_goes_with_its_connection(void **state)
{
    struct ua_contact contact;

    WORLD_OVER(NET_TCP);
    (void)phone_register(a, NULL, 600);
    assert_int_equal(ua_contacts(rig->ua, SR_STR("desk"), &contact, 1), 1);
    assert_false(contact.is_nat); /* a connection leaves from any port */
    sim_end_close(a->end, a->flow.conn);
    rig_run(rig, SR_SEC);
    assert_int_equal(contacts_of(rig, "desk"), 0);
    assert_string_equal(rig->registration_why, "connection closed");
    world_end(w);
}

/* RFC 5626: the instance makes it the same phone, whatever its Contact says. */
static void instance_replaces_its_old_contact(void **state)
{
    WORLD;
    (void)phone_register(a, "<sip:201@10.0.0.2:1>;+sip.instance=\"<urn:uuid:1>\";reg-id=1", 600);
    (void)phone_register(a, "<sip:201@10.0.0.2:2>;+sip.instance=\"<urn:uuid:1>\";reg-id=1", 600);
    assert_int_equal(contacts_of(rig, "desk"), 1);
    assert_true(has_contact(rig, "desk", 0, "sip:201@10.0.0.2:2"));
    (void)phone_register(a, "<sip:201@10.0.0.2:2>;+sip.instance=\"<urn:uuid:1>\";reg-id=2", 600);
    assert_int_equal(contacts_of(rig, "desk"), 2);
    world_end(w);
}

/* New settings: the contact of a device that went goes, the others stay. */
static void contacts_survive_new_settings(void **state)
{
    struct ua_device left[2];

    WORLD;
    (void)phone_register(a, NULL, 600);
    (void)phone_register(b, NULL, 600);
    left[0] = rig->devices[1];
    left[1] = rig->devices[2];
    rig->settings.devices = left;
    rig->settings.device_count = 2;
    rig_configure(rig);
    assert_int_equal(contacts_of(rig, "hall"), 1);
    assert_int_equal(rig_stats(rig).contacts, 1);
    assert_int_equal(rig->unregistered, 1);
    assert_string_equal(rig->registration_why, "removed");
    assert_true(begins(phone_register(b, NULL, 600), "SIP/2.0 200"));
    assert_true(begins(phone_register(a, NULL, 600), "SIP/2.0 401"));
    world_end(w);
}

static void contact_is_restored_after_a_restart(void **state)
{
    struct ua_contact contact;

    WORLD;
    (void)phone_register(b, NULL, 600);
    assert_int_equal(ua_contacts(rig->ua, SR_STR("hall"), &contact, 1), 1);
    contact.device_id = SR_STR("shed");
    contact.expires_wall = (uint64_t)(loop_wall(rig->loop) / SR_SEC) + 100;
    assert_true(ua_restore_contact(rig->ua, &contact));
    assert_int_equal(contacts_of(rig, "shed"), 1);
    contact.expires_wall -= 100;
    assert_false(ua_restore_contact(rig->ua, &contact));
    contact.expires_wall += 100;
    contact.device_id = SR_STR("nobody");
    assert_false(ua_restore_contact(rig->ua, &contact));
    contact.device_id = SR_STR("shed");
    contact.flow.kind = NET_TCP;
    assert_false(ua_restore_contact(rig->ua, &contact));
    (void)rig_call(rig, "shed", SDP_B);
    (void)phone_wait(b, "INVITE ");
    (void)rig_event(rig, SIP_LEG_ENDED);
    rig_run(rig, 70 * SR_SEC);
    assert_int_equal(contacts_of(rig, "shed"), 0);
    world_end(w);
}

int run_register_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contact_comes_is_refreshed_and_goes),
        cmocka_unit_test(contact_expires),
        cmocka_unit_test(bounds_of_expiry_are_kept),
        cmocka_unit_test(contacts_are_sorted_and_capped),
        cmocka_unit_test(star_removes_all_or_is_refused),
        cmocka_unit_test(overtaken_request_fails),
        cmocka_unit_test(repeated_register_is_answered_again),
        cmocka_unit_test(nobody_registers_for_another),
        cmocka_unit_test(expected_address_is_checked),
        cmocka_unit_test(phone_behind_nat_is_qualified),
        cmocka_unit_test(moved_phone_is_judged_where_it_is),
        cmocka_unit_test(dialogs_follow_a_phone_whose_mapping_changes),
        cmocka_unit_test(path_is_kept),
        cmocka_unit_test(contact_goes_with_its_connection),
        cmocka_unit_test(instance_replaces_its_old_contact),
        cmocka_unit_test(contacts_survive_new_settings),
        cmocka_unit_test(contact_is_restored_after_a_restart),
    };

    return cmocka_run_group_tests_name("registrar", tests, NULL, NULL);
}
