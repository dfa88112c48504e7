/* Digest and bans. */
#include "world.h"

/* Blanks what differs from one message to the next: Via, tag, nonce, ids. */
static void blank(const char *text, char *out, size_t size)
{
    struct sr_buf buf;
    struct sr_str rest = sr_str_c(text);
    struct sr_str line;

    sr_buf_init_fixed(&buf, out, size);
    while (sr_str_split(&rest, '\n', &line)) {
        size_t colon = sr_str_find(line, ':', 0);
        bool is_own = sr_str_starts(line, SR_STR("Via")) || sr_str_starts(line, SR_STR("From")) ||
                      sr_str_starts(line, SR_STR("To")) || sr_str_starts(line, SR_STR("Call-ID")) ||
                      sr_str_starts(line, SR_STR("CSeq"));
        size_t nonce = sr_str_search(line, SR_STR("nonce=\""));

        if (is_own) {
            sr_buf_str(&buf, sr_str_head(line, colon));
        } else if (nonce < line.n) {
            sr_buf_str(&buf, sr_str_head(line, nonce));
            sr_buf_str(&buf, sr_str_from(line, sr_str_find(line, '"', nonce + 7)));
        } else {
            sr_buf_str(&buf, line);
        }
        sr_buf_char(&buf, '\n');
    }
    (void)sr_buf_cstr(&buf);
}

/* Unknown name, wrong password, wrong method of asking: the same answer to the byte. */
static void unknown_user_gets_the_same_answer(void **state)
{
    static const char *const methods[] = {"REGISTER", "INVITE", "MESSAGE", "SUBSCRIBE", "OPTIONS"};
    static const char *const users[] = {"201", "999"};
    char texts[2][TEXT_MAX];

    WORLD;
    for (size_t m = 0; m < SR_ARRAY_LEN(methods); m++) {
        for (unsigned step = 0; step < 2; step++) {
            for (size_t u = 0; u < 2; u++) {
                struct request request = {.method = methods[m],
                                          .uri = "sip:10.0.0.1",
                                          .to = users[u],
                                          .is_authorized = step == 1};
                const char *text;

                x->user = users[u];
                phone_request(x, &request);
                text = phone_wait(x, "SIP/2.0 ");
                if (m < 4) {
                    assert_true(begins(text, "SIP/2.0 401"));
                    phone_take_challenge(x, text);
                }
                blank(text, texts[u], sizeof(texts[u]));
            }
            assert_string_equal(texts[0], texts[1]);
        }
    }
    world_end(w);
}

static void nonce_is_bound_to_address_and_time(void **state)
{
    const char *text;

    WORLD;
    phone_request(a, &(struct request){.method = "REGISTER"});
    phone_take_challenge(a, phone_wait(a, "SIP/2.0 401"));
    /* from another address: stale, and no failure */
    x->password = "secret1";
    (void)sr_str_copy(sr_str_c(a->nonce), x->nonce, sizeof(x->nonce));
    phone_request(x, &(struct request){.method = "REGISTER", .is_authorized = true});
    text = phone_wait(x, "SIP/2.0 401");
    assert_non_null(strstr(text, "stale=true"));
    /* made up: a fresh challenge without stale */
    (void)sr_str_copy(SR_STR("0123456789abcdef"), x->nonce, sizeof(x->nonce));
    phone_request(x, &(struct request){.method = "REGISTER", .is_authorized = true});
    text = phone_wait(x, "SIP/2.0 401");
    assert_null(strstr(text, "stale=true"));
    assert_int_equal(rig_stats(rig).auth_failures, 0);
    /* too old */
    rig_run(rig, 301 * SR_SEC);
    phone_request(a, &(struct request){.method = "REGISTER", .is_authorized = true});
    text = phone_wait(a, "SIP/2.0 401");
    assert_non_null(strstr(text, "stale=true"));
    phone_take_challenge(a, text);
    phone_request(a, &(struct request){.method = "REGISTER", .is_authorized = true});
    (void)phone_wait(a, "SIP/2.0 200");
    /* a used count */
    a->nc--;
    phone_request(a, &(struct request){.method = "REGISTER", .is_authorized = true});
    assert_non_null(strstr(phone_wait(a, "SIP/2.0 401"), "stale=true"));
    world_end(w);
}

/* Ten failures of a user: it is dropped from there for ban_sec; others from there still come in. */
static void guesser_is_banned_by_user_first(void **state)
{
    WORLD;
    for (unsigned i = 0; i < 10; i++) {
        phone_request(x, &(struct request){.method = "REGISTER"});
        phone_take_challenge(x, phone_wait(x, "SIP/2.0 401"));
        phone_request(x, &(struct request){.method = "REGISTER", .is_authorized = true});
        (void)phone_wait(x, "SIP/2.0 401");
    }
    assert_int_equal(rig->bans, 1);
    assert_int_equal(rig_stats(rig).bans, 1);
    phone_request(x, &(struct request){.method = "REGISTER", .is_authorized = true});
    rig_run(rig, SR_SEC);
    assert_int_equal(phone_count(x, "SIP/2.0"), 0);
    assert_int_equal(rig_stats(rig).dropped_banned, 1);
    /* another user from there, and that user from elsewhere */
    x->user = "202";
    x->password = "secret2";
    assert_true(begins(phone_register(x, NULL, 60), "SIP/2.0 200"));
    assert_true(begins(phone_register(a, NULL, 600), "SIP/2.0 200"));
    /* a phone of ours lives there now: slowed, as if nobody had been banned */
    x->user = "201";
    x->password = "guess";
    x->nonce[0] = '\0';
    phone_request(x, &(struct request){.method = "REGISTER"});
    phone_take_challenge(x, phone_wait(x, "SIP/2.0 401"));
    phone_request(x, &(struct request){.method = "REGISTER", .is_authorized = true});
    (void)phone_wait(x, "SIP/2.0 401");
    phone_request(x, &(struct request){.method = "REGISTER", .is_authorized = true});
    rig_run(rig, 100 * SR_MSEC);
    assert_int_equal(phone_count(x, "SIP/2.0"), 0);
    assert_int_equal(rig->bans, 1);
    /* the ban ends */
    rig_run(rig, 301 * SR_SEC);
    assert_int_equal(rig_stats(rig).bans, 0);
    x->user = "201";
    x->password = "secret1";
    x->nonce[0] = '\0';
    assert_true(begins(phone_register(x, NULL, 600), "SIP/2.0 200"));
    world_end(w);
}

/* Fifty failures over many names: the source is dropped before anything is parsed. */
static void source_is_banned_after_five_times_that(void **state)
{
    static const struct sr_cidr allow = {.addr = {.family = SR_ADDR_IP4, .ip = {10, 0, 0, 66}},
                                         .bits = 32};
    char user[16];

    WORLD;
    x->user = user;
    for (unsigned i = 0; i < 50; i++) {
        (void)snprintf(user, sizeof(user), "%u", 100 + i);
        phone_request(x, &(struct request){.method = "REGISTER"});
        phone_take_challenge(x, phone_wait(x, "SIP/2.0 401"));
        phone_request(x, &(struct request){.method = "REGISTER", .is_authorized = true});
        (void)phone_wait(x, "SIP/2.0 401");
    }
    assert_int_equal(rig->bans, 1);
    phone_request(x, &(struct request){.method = "OPTIONS"});
    rig_run(rig, SR_SEC);
    assert_int_equal(phone_count(x, "SIP/2.0"), 0);
    assert_int_equal(rig_stats(rig).dropped_banned, 1);
    /* named in the settings from now on: not banned any more */
    rig->settings.allow = &allow;
    rig->settings.allow_count = 1;
    rig_configure(rig);
    phone_request(x, &(struct request){.method = "OPTIONS"});
    (void)phone_wait(x, "SIP/2.0 200");
    world_end(w);
}

/* A call to 112 from there gets through with the right password, which proves that a phone lives there;
 * guessing by such calls is slow. */
static void emergency_calls_get_through_a_ban(void **state)
{
    char user[16];

    WORLD;
    x->user = user;
    for (unsigned i = 0; i < 50; i++) {
        (void)snprintf(user, sizeof(user), "%u", 100 + i);
        phone_request(x, &(struct request){.method = "REGISTER"});
        phone_take_challenge(x, phone_wait(x, "SIP/2.0 401"));
        phone_request(x, &(struct request){.method = "REGISTER", .is_authorized = true});
        (void)phone_wait(x, "SIP/2.0 401");
    }
    assert_int_equal(rig->bans, 1);
    phone_skip(x);
    x->user = "201";
    phone_request(x, &(struct request){.method = "INVITE", .uri = "sip:202@10.0.0.1"});
    rig_run(rig, SR_SEC);
    assert_int_equal(phone_count(x, "SIP/2.0"), 0);
    x->password = "guess";
    for (unsigned i = 0; i < 5; i++) {
        phone_request(
            x, &(struct request){.method = "INVITE", .uri = "sip:112@10.0.0.1", .to = "112"});
        phone_take_challenge(x, phone_wait(x, "SIP/2.0 401"));
        phone_request(x, &(struct request){.method = "INVITE",
                                           .uri = "sip:112@10.0.0.1",
                                           .to = "112",
                                           .is_authorized = true});
        (void)phone_wait(x, "SIP/2.0 401");
        phone_request(
            x, &(struct request){.method = "INVITE", .uri = "sip:112@10.0.0.1", .to = "112"});
        rig_run(rig, 20 * SR_SEC);
        assert_int_equal(phone_count(x, "SIP/2.0"), 0); /* one guess in 30 s */
        rig_run(rig, 11 * SR_SEC);
    }
    assert_int_equal(rig->invites, 0);
    assert_int_equal(rig_stats(rig).bans, 1);
    x->password = "secret1";
    rig->reject_with = 486;
    phone_invite(x, "112", NULL, SDP_A);
    (void)phone_wait(x, "SIP/2.0 486");
    assert_int_equal(rig->invites, 1);
    assert_int_equal(rig_stats(rig).bans, 0);
    world_end(w);
}

static void emergency_calls_come_in_under_overload(void **state)
{
    WORLD;
    rig->is_busy = true;
    rig->reject_with = 486;
    phone_request(a,
                  &(struct request){.method = "INVITE", .uri = "sip:202@10.0.0.1", .body = SDP_A});
    (void)phone_wait(a, "SIP/2.0 503");
    phone_invite(a, "112", NULL, SDP_A);
    (void)phone_wait(a, "SIP/2.0 486");
    assert_int_equal(rig->invites, 1);
    world_end(w);
}

/* Where a phone of ours lives nobody is banned: its wrong neighbours get one try a second. */
static void address_with_a_registration_is_slowed(void **state)
{
    struct phone *neighbour;

    WORLD;
    phone_done(x);
    phone_init(x, rig, "10.0.0.2:6000", NET_UDP, "202", "guess");
    neighbour = x;
    (void)phone_register(a, NULL, 600);
    for (unsigned i = 0; i < 60; i++) {
        neighbour->nonce[0] = '\0';
        phone_request(neighbour, &(struct request){.method = "REGISTER"});
        phone_take_challenge(neighbour, phone_wait(neighbour, "SIP/2.0 401"));
        phone_request(neighbour, &(struct request){.method = "REGISTER", .is_authorized = true});
        rig_run(rig, 100 * SR_MSEC);
        phone_skip(neighbour);
    }
    assert_int_equal(rig->bans, 0);
    assert_true(rig_stats(rig).dropped_banned > 30);
    assert_true(begins(phone_register(a, NULL, 600), "SIP/2.0 200"));
    world_end(w);
}

/* A guesser in IPv6: one address of his network for each guess. */
struct street {
    struct world world;
    struct phone phones[60];
    char addrs[60][32];
};

static void street_begin(struct street *street)
{
    struct rig *rig = &street->world.rig;
    struct sr_addr any = {.family = SR_ADDR_IP6, .port = 5060};
    struct sr_addr host;
    char why[NET_WHY_MAX];

    world_begin(&street->world, NET_UDP);
    assert_int_equal(sr_addr_parse(SR_STR("[2001:db8::1]:5060"), 0, &host), SR_OK);
    net_sim_add_host(rig->net, &host);
    assert_int_equal(net_listen(rig->net, NET_UDP, &any, NULL, why), SR_OK);
}

static struct phone *street_phone(struct street *street, unsigned i, const char *addr,
                                  const char *user, const char *password)
{
    struct phone *phone = &street->phones[i];

    phone_init(phone, &street->world.rig, addr, NET_UDP, user, password);
    assert_int_equal(sr_addr_parse(SR_STR("[2001:db8::1]:5060"), 0, &phone->flow.remote), SR_OK);
    return phone;
}

/* True: it was answered. */
static bool guess(struct street *street, struct phone *phone)
{
    struct rig *rig = &street->world.rig;

    phone_request(phone, &(struct request){.method = "REGISTER", .uri = "sip:[2001:db8::1]"});
    rig_run(rig, 100 * SR_MSEC);
    if (phone_count(phone, "SIP/2.0 401") == 0)
        return false;
    phone_take_challenge(phone, phone_wait(phone, "SIP/2.0 401"));
    phone_request(
        phone,
        &(struct request){.method = "REGISTER", .uri = "sip:[2001:db8::1]", .is_authorized = true});
    rig_run(rig, 100 * SR_MSEC);
    if (phone_count(phone, "SIP/2.0 401") == 0)
        return false;
    (void)phone_wait(phone, "SIP/2.0 401");
    return true;
}

static void guesser_with_a_network_is_one_source(void **state)
{
    static struct street street;
    struct rig *rig = &street.world.rig;
    struct phone *next_door;
    struct phone *at_home;
    unsigned answers = 0;

    (void)state;
    street_begin(&street);
    at_home = street_phone(&street, 0, "[2001:db8:66::a]:5060", "202", "secret2");
    assert_true(begins(phone_register(at_home, NULL, 600), "SIP/2.0 200"));
    for (unsigned i = 1; i < 50; i++) {
        (void)snprintf(street.addrs[i], sizeof(street.addrs[i]), "[2001:db8:66::%x:1]:5060", i);
        answers += guess(&street, street_phone(&street, i, street.addrs[i], "201", "guess"));
        if (i == 9)
            assert_int_equal(rig->bans, 0);
    }
    /* of the user first: ten guesses */
    assert_int_equal(answers, 10);
    assert_int_equal(rig->bans, 1);
    /* whoever is registered in that network stays, and so do the network next door and IPv4 */
    at_home->user = "201";
    at_home->password = "secret1";
    assert_true(begins(phone_register(at_home, NULL, 600), "SIP/2.0 200"));
    next_door = street_phone(&street, 50, "[2001:db8:66:1::a]:5060", "201", "secret1");
    assert_true(begins(phone_register(next_door, NULL, 600), "SIP/2.0 200"));
    assert_true(begins(phone_register(&street.world.a, NULL, 600), "SIP/2.0 200"));
    rig_run(rig, 301 * SR_SEC);
    assert_int_equal(rig_stats(rig).bans, 0);
    assert_true(guess(&street, &street.phones[7]));
    for (unsigned i = 0; i <= 50; i++)
        phone_done(&street.phones[i]);
    world_end(&street.world);
}

/* Over many names the whole network is dropped, but for the phone that is registered there, until it
 * leaves; guesses from its own address are slowed, whatever the network did. */
static void phone_in_a_banned_network_stays(void **state)
{
    static struct street street;
    struct rig *rig = &street.world.rig;
    struct phone *at_home;
    char user[16];

    (void)state;
    street_begin(&street);
    at_home = street_phone(&street, 0, "[2001:db8:66::a]:5060", "202", "secret2");
    assert_true(begins(phone_register(at_home, NULL, 600), "SIP/2.0 200"));
    for (unsigned i = 1; i <= 50; i++) {
        struct phone *guesser;

        (void)snprintf(street.addrs[i], sizeof(street.addrs[i]), "[2001:db8:66::%x:1]:5060", i);
        (void)snprintf(user, sizeof(user), "%u", 100 + i);
        guesser = street_phone(&street, i, street.addrs[i], user, "guess");
        assert_true(guess(&street, guesser));
    }
    assert_int_equal(rig->bans, 1);
    assert_false(guess(&street, street_phone(&street, 51, "[2001:db8:66::99]:5060", "150", "x")));
    assert_true(begins(phone_register(at_home, NULL, 600), "SIP/2.0 200"));
    at_home->user = "201";
    at_home->password = "guess";
    for (unsigned i = 0; i < 10; i++) {
        at_home->nonce[0] = '\0';
        assert_true(guess(&street, at_home));
    }
    assert_false(guess(&street, at_home));
    assert_int_equal(rig->bans, 1);
    rig_run(rig, 2 * SR_SEC);
    at_home->user = "202";
    at_home->password = "secret2";
    assert_true(begins(phone_register(at_home, NULL, 0), "SIP/2.0 200"));
    phone_skip(at_home);
    phone_request(at_home, &(struct request){.method = "OPTIONS", .uri = "sip:[2001:db8::1]"});
    rig_run(rig, SR_SEC);
    assert_int_equal(phone_count(at_home, "SIP/2.0"), 0);
    for (unsigned i = 0; i <= 51; i++)
        phone_done(&street.phones[i]);
    world_end(&street.world);
}

static void denied_source_is_silent(void **state)
{
    static const struct sr_cidr deny = {.addr = {.family = SR_ADDR_IP4, .ip = {10, 0, 0, 66}},
                                        .bits = 32};

    WORLD;
    rig->settings.deny = &deny;
    rig->settings.deny_count = 1;
    rig_configure(rig);
    phone_request(x, &(struct request){.method = "OPTIONS"});
    rig_run(rig, SR_SEC);
    assert_int_equal(phone_count(x, "SIP/2.0"), 0);
    world_end(w);
}

/* SHA-256 for all, when the settings say so: two challenges, the stronger first. */
static void sha256_is_offered_by_configuration(void **state)
{
    const char *text;
    const char *first;

    WORLD;
    rig->settings.use_sha256 = true;
    rig_configure(rig);
    phone_request(a, &(struct request){.method = "REGISTER"});
    text = phone_wait(a, "SIP/2.0 401");
    first = strstr(text, "algorithm=SHA-256");
    assert_non_null(first);
    assert_non_null(strstr(first, "algorithm=MD5"));
    rig->settings.is_md5_off = true;
    rig_configure(rig);
    phone_request(a, &(struct request){.method = "REGISTER"});
    text = phone_wait(a, "SIP/2.0 401");
    assert_non_null(strstr(text, "algorithm=SHA-256"));
    assert_null(strstr(text, "algorithm=MD5"));
    world_end(w);
}

/* Credentials for one target do not open another. */
static void digest_of_another_target_is_refused(void **state)
{
    char text[TEXT_MAX];
    const char *sent;
    struct sr_buf buf;
    size_t at;

    WORLD;
    phone_invite(a, "202", NULL, SDP_A);
    (void)phone_wait(a, "SIP/2.0 100");
    sip_leg_hangup(rig->leg, 0, SR_STR(""));
    sent = a->invite;
    sr_buf_init_fixed(&buf, text, sizeof(text));
    at = sr_str_search(sr_str_c(sent), SR_STR(" SIP/2.0"));
    sr_buf_c(&buf, "INVITE sip:00491234@10.0.0.1");
    sr_buf_c(&buf, sent + at);
    (void)sr_buf_cstr(&buf);
    memcpy(strstr(text, "z9hG4bK") + 7, "zz", 2);
    memcpy(strstr(text, "call-"), "cal2-", 5);
    phone_raw(a, text, buf.len);
    (void)phone_wait(a, "SIP/2.0 400");
    assert_int_equal(rig->invites, 1);
    world_end(w);
}

int run_auth_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_user_gets_the_same_answer),
        cmocka_unit_test(nonce_is_bound_to_address_and_time),
        cmocka_unit_test(guesser_is_banned_by_user_first),
        cmocka_unit_test(source_is_banned_after_five_times_that),
        cmocka_unit_test(emergency_calls_get_through_a_ban),
        cmocka_unit_test(emergency_calls_come_in_under_overload),
        cmocka_unit_test(address_with_a_registration_is_slowed),
        cmocka_unit_test(guesser_with_a_network_is_one_source),
        cmocka_unit_test(phone_in_a_banned_network_stays),
        cmocka_unit_test(denied_source_is_silent),
        cmocka_unit_test(sha256_is_offered_by_configuration),
        cmocka_unit_test(digest_of_another_target_is_refused),
    };

    return cmocka_run_group_tests_name("authentication", tests, NULL, NULL);
}
