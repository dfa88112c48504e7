/* Registration at providers: the machine and its messages, in virtual time. */
#include "house.h"
#include "rtc/stun.h"

static void until_down(struct rig *rig, enum ua_provider_fault fault, sr_usec usec)
{
    sr_usec limit = loop_now(rig->loop) + usec;
    unsigned before = rig->provider_down;

    while (rig->provider_down == before && loop_now(rig->loop) < limit)
        rig_run(rig, 10 * SR_MSEC);
    assert_int_equal(rig->provider_down, before + 1);
    assert_string_equal(ua_provider_fault_name(rig->provider.fault), ua_provider_fault_name(fault));
    assert_true(strlen(rig->provider.verdict) > 20);
}

static void registers_with_digest_and_a_random_contact(void **state)
{
    const char *first;
    const char *second;
    const char *contact;

    HOUSE;
    rig_configure(rig);
    first = trunk_wait(t, "REGISTER sip:trunk.example SIP/2.0", SR_SEC);
    assert_string_equal(header(first, "Authorization"), "");
    assert_string_equal(header(first, "To"), "<sip:4930123@trunk.example>");
    second = trunk_wait(t, "REGISTER ", SR_SEC);
    assert_true(trunk_is_authorized(t, second));
    assert_string_equal(header(second, "Call-ID"), header(first, "Call-ID"));
    assert_string_equal(header(second, "CSeq"), "2 REGISTER");
    until_up(rig, 1, SR_SEC);
    assert_int_equal(rig->provider.state, UA_PROVIDER_REGISTERED);
    assert_string_equal(rig->provider.last_response, "200 OK");
    assert_string_equal(rig->provider.verdict, "");
    contact = strstr(t->contact, "<sip:");
    assert_non_null(contact);
    assert_int_equal(strcspn(contact + 5, "@"), 16); /* 64 random bits */
    assert_non_null(strstr(contact, "@10.0.0.1:5060>"));
    house_end(h);
    assert_int_equal(t->removals, 1);
}

static void refreshes_before_the_end_with_the_same_contact(void **state)
{
    char contact[512];
    unsigned before;

    HOUSE;
    t->granted_s = 60;
    rig_configure(rig);
    until_up(rig, 1, SR_SEC);
    (void)snprintf(contact, sizeof(contact), "%s", t->contact);
    for (int i = 0; i < 20; i++) {
        sr_usec since = loop_now(rig->loop);

        before = t->bindings;
        while (t->bindings == before)
            rig_run(rig, 100 * SR_MSEC);
        assert_in_range(loop_now(rig->loop) - since, 15 * SR_SEC, 45 * SR_SEC);
        assert_string_equal(t->contact, contact);
    }
    assert_int_equal(t->challenges, 1); /* the nonce serves again, counted up */
    assert_int_equal(rig->provider_down, 0);
    house_end(h);
}

static void too_short_an_interval_is_raised(void **state)
{
    HOUSE;
    t->min_s = 900;
    rig_configure(rig);
    until_up(rig, 1, 2 * SR_SEC);
    assert_int_equal(t->bindings, 1);
    assert_int_equal(t->registers, 3); /* 401, 423, 200 */
    house_end(h);
}

static void a_stale_nonce_is_answered_once_more(void **state)
{
    HOUSE;
    rig_configure(rig);
    until_up(rig, 1, SR_SEC);
    t->nonce++;
    rig_run(rig, 300 * SR_SEC);
    assert_int_equal(t->bindings, 2);
    t->is_stale_silent = true; /* many do not say so */
    t->nonce++;
    rig_run(rig, 300 * SR_SEC);
    assert_in_range(t->bindings, 3, 4);
    assert_int_equal(rig->provider_down, 0);
    house_end(h);
}

static void a_wrong_password_is_tried_once_and_then_seldom(void **state)
{
    HOUSE;
    t->password = "other";
    rig_configure(rig);
    until_down(rig, UA_PROVIDER_FAULT_PASSWORD, 2 * SR_SEC);
    assert_int_equal(t->registers, 2);
    assert_non_null(strstr(rig->provider.verdict, "\"4930123\""));
    rig_run(rig, 20 * SR_SEC);
    assert_int_equal(t->registers, 2);
    rig_run(rig, 600 * SR_SEC);
    assert_in_range(t->registers, 4, 20);
    t->password = "pass"; /* and recovers by itself */
    until_up(rig, 1, 1800 * SR_SEC);
    house_end(h);
}

static void an_endless_challenge_is_answered_twice(void **state)
{
    HOUSE;
    rig_configure(rig);
    until_up(rig, 1, SR_SEC);
    t->registers = 0;
    t->realm = "trunk.example";
    for (int i = 0; i < 3; i++) {
        t->nonce++; /* stale at each look */
    }
    t->status = 401; /* without any challenge */
    until_down(rig, UA_PROVIDER_FAULT_PASSWORD, 400 * SR_SEC);
    assert_int_equal(t->registers, 1);
    house_end(h);
}

static void statuses_have_their_verdicts(void **state)
{
    static const struct {
        uint16_t status;
        enum ua_provider_fault fault;
        const char *login, *words;
    } cases[] = {
        {403, UA_PROVIDER_FAULT_FORBIDDEN, NULL, "403"},
        {404, UA_PROVIDER_FAULT_UNKNOWN_USER, NULL, "404"},
        {500, UA_PROVIDER_FAULT_DOWN, NULL, "500"},
        {400, UA_PROVIDER_FAULT_REJECTED, NULL, "400"},
        {401, UA_PROVIDER_FAULT_PASSWORD, NULL, "password"},
        {401, UA_PROVIDER_FAULT_REJECTED,
         "WWW-Authenticate: Digest realm=\"trunk.example\", nonce=\"x\", algorithm=SHA-512-256\r\n",
         "no kind of login"},
        {407, UA_PROVIDER_FAULT_REJECTED, "Proxy-Authenticate: Basic realm=\"trunk.example\"\r\n",
         "no kind of login"},
        {401, UA_PROVIDER_FAULT_REJECTED,
         "WWW-Authenticate: Digest realm=\"trunk.example\", nonce=\"x\", stale=true\r\n",
         "out of date"},
    };

    for (size_t i = 0; i < SR_ARRAY_LEN(cases); i++) {
        HOUSE;
        t->status = u->status = cases[i].status;
        t->login = u->login = cases[i].login;
        rig_configure(rig);
        until_down(rig, cases[i].fault, 10 * SR_SEC);
        assert_non_null(strstr(rig->provider.verdict, cases[i].words));
        assert_in_range(t->registers, 1, 3);
        t->status = u->status = 0;
        t->extra = "Contact: <sip:of.another;;;>>;expires=\r\n"; /* as it was registered */
        until_up(rig, 1, 3600 * SR_SEC);
        house_end(h);
    }
}

static void an_unknown_name_is_a_dns_failure(void **state)
{
    HOUSE;
    resolver_sim_clear(rig->resolver);
    rig_configure(rig);
    until_down(rig, UA_PROVIDER_FAULT_DNS, 5 * SR_SEC);
    assert_non_null(strstr(rig->provider.verdict, "trunk.example"));
    add_records(rig);
    until_up(rig, 1, 120 * SR_SEC);
    house_end(h);
}

/* RFC 3263: the next server of the SRV records within about 4 s, and it stays there. */
static void a_dead_server_is_passed_over_in_four_seconds(void **state)
{
    sr_usec start;

    HOUSE;
    t->is_deaf = true;
    rig_configure(rig);
    start = loop_now(rig->loop);
    until_up(rig, 1, 6 * SR_SEC);
    assert_in_range(loop_now(rig->loop) - start, 4 * SR_SEC, 5 * SR_SEC);
    assert_int_equal(u->bindings, 1);
    t->is_deaf = false;
    rig_run(rig, 300 * SR_SEC);
    assert_int_equal(u->bindings, 2);
    assert_int_equal(t->bindings, 0);
    house_end(h);
}

/* It asks for the login, then dies: the next server asks, too, and gets its answer. */
static void death_between_challenge_and_answer_is_passed_over(void **state)
{
    sr_usec start;

    HOUSE;
    u->is_stale_silent = true;
    u->nonce = 77;
    rig_configure(rig);
    start = loop_now(rig->loop);
    while (t->challenges == 0)
        assert_true(loop_sim_step(rig->loop));
    t->is_deaf = true;
    until_up(rig, 1, 6 * SR_SEC);
    assert_in_range(loop_now(rig->loop) - start, 4 * SR_SEC, 5 * SR_SEC);
    assert_int_equal(u->bindings, 1);
    assert_int_equal(rig->provider_down, 0);
    house_end(h);
}

static void a_server_that_says_503_is_passed_over(void **state)
{
    HOUSE;
    t->status = 503;
    rig_configure(rig);
    until_up(rig, 1, SR_SEC);
    assert_int_equal(u->bindings, 1);
    house_end(h);
}

static void all_servers_dead_is_no_answer_and_recovers(void **state)
{
    HOUSE;
    t->is_deaf = u->is_deaf = true;
    rig_configure(rig);
    until_down(rig, UA_PROVIDER_FAULT_NO_ANSWER, 45 * SR_SEC);
    rig_run(rig, 600 * SR_SEC);
    assert_int_equal(rig->provider_down, 1); /* told once */
    t->is_deaf = false;
    until_up(rig, 1, 200 * SR_SEC);
    house_end(h);
}

/* Between calls the death shows at the next OPTIONS; the other server has us seconds later. */
static void death_between_calls_moves_to_the_other_server(void **state)
{
    sr_usec dead_at;

    HOUSE;
    rig->providers[0].qualify_sec = 30;
    rig_configure(rig);
    until_up(rig, 1, SR_SEC);
    rig_run(rig, 65 * SR_SEC);
    assert_in_range(t->options, 2, 2);
    t->is_deaf = true;
    dead_at = loop_now(rig->loop);
    while (u->bindings == 0 && loop_now(rig->loop) < dead_at + 120 * SR_SEC)
        rig_run(rig, 100 * SR_MSEC);
    assert_int_equal(u->bindings, 1);
    assert_in_range(loop_now(rig->loop) - dead_at, 0, 45 * SR_SEC);
    house_end(h);
}

static void a_restarted_provider_gets_the_binding_again(void **state)
{
    HOUSE;
    t->granted_s = 120;
    rig_configure(rig);
    until_up(rig, 1, SR_SEC);
    t->is_deaf = u->is_deaf = true;
    rig_run(rig, 200 * SR_SEC);
    assert_int_equal(rig->provider.state, UA_PROVIDER_FAILED);
    t->is_deaf = u->is_deaf = false;
    t->nonce = 100;
    until_up(rig, 2, 130 * SR_SEC);
    house_end(h);
}

/* ---- addresses ---- */

/* The address the provider sees us at is in Contact and Via from the second REGISTER on. */
static void the_public_address_is_learnt_from_the_challenge(void **state)
{
    const char *second;

    HOUSE;
    t->seen = "203.0.113.9:4242";
    rig_configure(rig);
    (void)trunk_wait(t, "REGISTER ", SR_SEC);
    second = trunk_wait(t, "REGISTER ", SR_SEC);
    assert_non_null(strstr(header(second, "Via"), "203.0.113.9:4242"));
    assert_non_null(strstr(header(second, "Contact"), "@203.0.113.9:4242>"));
    assert_null(strstr(second, "10.0.0.1"));
    until_up(rig, 1, SR_SEC);
    rig_run(rig, 60 * SR_SEC);
    assert_int_equal(t->registers, 2);
    house_end(h);
}

/* Without a challenge the first Contact was wrong: replaced at once, the wrong one removed. */
static void an_open_registrar_gets_the_right_contact_at_once(void **state)
{
    const char *second;

    HOUSE;
    t->seen = "203.0.113.9:4242";
    t->is_open = true;
    rig_configure(rig);
    (void)trunk_wait(t, "REGISTER ", SR_SEC);
    second = trunk_wait(t, "REGISTER ", SR_SEC);
    assert_non_null(strstr(header(second, "Contact"), "@203.0.113.9:4242>;expires=300"));
    assert_non_null(strstr(header(second, "Contact"), "@10.0.0.1:5060>;expires=0"));
    rig_run(rig, 60 * SR_SEC);
    assert_int_equal(t->registers, 2);
    house_end(h);
}

static void a_new_public_address_is_told_and_registered(void **state)
{
    HOUSE;
    rig->providers[0].qualify_sec = 30;
    t->seen = "203.0.113.9:4242";
    rig_configure(rig);
    until_up(rig, 1, SR_SEC);
    assert_int_equal(rig->provider_moved, 0);
    t->seen = "203.0.113.77:999"; /* the line was cut over night */
    rig_run(rig, 32 * SR_SEC);
    assert_int_equal(rig->provider_moved, 1);
    assert_non_null(strstr(t->contact, "@203.0.113.77:999>"));
    assert_non_null(strstr(t->contact, "@203.0.113.9:4242>;expires=0"));
    house_end(h);
}

static void a_configured_public_address_counts(void **state)
{
    HOUSE;
    assert_int_equal(sr_addr_parse_ip(SR_STR("192.0.2.200"), &rig->providers[0].public_ip), SR_OK);
    t->seen = "203.0.113.9:4242";
    rig_configure(rig);
    until_up(rig, 1, SR_SEC);
    assert_non_null(strstr(t->contact, "@192.0.2.200:5060>"));
    house_end(h);
}

static void keep_alives_hold_a_mapping_of_thirty_seconds(void **state)
{
    size_t before;

    HOUSE;
    rig->providers[0].register_sec = 3600;
    rig_configure(rig);
    until_up(rig, 1, SR_SEC);
    before = t->count;
    rig_run(rig, 100 * SR_SEC);
    assert_in_range(t->count - before, 3, 5);
    assert_string_equal(t->inbox[before % TRUNK_INBOX], "\r\n\r\n");
    house_end(h);
}

/* A STUN server that says we are 203.0.113.50:6000. */
static void on_stun_request(void *arg, struct sim_end *end, const struct net_flow *flow,
                            struct sr_str bytes)
{
    struct sr_addr mapped;
    struct net_flow back = *flow;
    struct stun_msg request;
    uint8_t answer[256];
    size_t n;

    ++*(unsigned *)arg;
    assert_int_equal(stun_parse(bytes, &request), SR_OK);
    assert_int_equal(sr_addr_parse(SR_STR("203.0.113.50:6000"), 0, &mapped), SR_OK);
    n = stun_answer_binding(&request, &mapped, answer, sizeof(answer));
    assert_true(n > 0);
    assert_int_equal(sim_end_send(end, &back, sr_str_make((const char *)answer, n)), SR_OK);
}

static unsigned with_stun(struct house *h)
{
    static const struct sim_end_handler handler = {on_stun_request, NULL};
    struct sr_addr addr;
    struct sim_end *end;
    unsigned asked = 0;

    assert_int_equal(sr_addr_parse(SR_STR("198.51.100.9:3478"), 0, &addr), SR_OK);
    end = sim_end_new(h->rig.wire, NET_UDP, &addr, &handler, &asked);
    h->rig.settings.stun_host = SR_STR("198.51.100.9");
    h->rig.settings.stun_port = 3478;
    rig_configure(&h->rig);
    until_up(&h->rig, 1, 2 * SR_SEC);
    rig_run(&h->rig, 20 * SR_SEC);
    sim_end_free(end);
    return asked;
}

static void stun_is_asked_when_the_provider_shows_nothing(void **state)
{
    HOUSE;
    t->hides_us = true;
    assert_int_equal(with_stun(h), 1);
    assert_non_null(strstr(t->contact, "@203.0.113.50:"));
    house_end(h);
}

static void stun_is_not_asked_otherwise(void **state)
{
    HOUSE;
    t->seen = "203.0.113.9:4242";
    assert_int_equal(with_stun(h), 0);
    assert_non_null(strstr(t->contact, "@203.0.113.9:4242>"));
    house_end(h);
}

/* Addresses of a family this machine does not have are not waited for. */
static void unreachable_families_cost_no_time(void **state)
{
    HOUSE;
    assert_int_equal(
        resolver_sim_add(rig->resolver, "a.trunk.example", DNS_AAAA, 300, "2001:db8::1"), SR_OK);
    rig_configure(rig);
    until_up(rig, 1, SR_SEC);
    assert_int_equal(t->bindings, 1);
    house_end(h);
}

/* ---- both families ---- */

static void the_other_family_registers_when_the_first_is_dead(void **state)
{
    struct trunk *v;
    sr_usec start;

    HOUSE;
    v = &h->v;
    add_ip6(h);
    v->is_deaf = true;
    rig->providers[0].qualify_sec = 30;
    rig_configure(rig);
    start = loop_now(rig->loop);
    until_up(rig, 1, 6 * SR_SEC);
    assert_in_range(loop_now(rig->loop) - start, 4 * SR_SEC, 5 * SR_SEC);
    assert_int_equal(t->bindings, 1);
    assert_non_null(strstr(t->contact, "@10.0.0.1:5060>"));
    rig_run(rig, 65 * SR_SEC); /* OPTIONS go where the binding is */
    assert_in_range(t->options, 1, 3);
    assert_int_equal(v->options, 0);
    house_end(h);
}

/* And back: the IPv4 way dies, IPv6 answers; its Contact and Via are of that family. */
static void a_binding_moves_from_one_family_to_the_other(void **state)
{
    struct trunk *v;
    sr_usec dead_at;

    HOUSE;
    v = &h->v;
    add_ip6(h);
    v->is_deaf = true;
    rig->providers[0].qualify_sec = 30;
    rig_configure(rig);
    until_up(rig, 1, 6 * SR_SEC);
    rig_run(rig, 120 * SR_SEC);
    v->is_deaf = false;
    t->is_deaf = true;
    dead_at = loop_now(rig->loop);
    while (v->bindings == 0 && loop_now(rig->loop) < dead_at + 120 * SR_SEC)
        rig_run(rig, 100 * SR_MSEC);
    assert_int_equal(v->bindings, 1);
    assert_non_null(strstr(v->contact, "@[2001:db8::10]:5060>"));
    assert_in_range(loop_now(rig->loop) - dead_at, 0, 45 * SR_SEC);
    house_end(h);
}

/* ---- settings ---- */

static void a_reload_touches_only_what_changed(void **state)
{
    unsigned registers;
    char contact[512];

    HOUSE;
    rig->providers[1] = account();
    rig->providers[1].id = SR_STR("other");
    rig->providers[1].username = SR_STR("4930999");
    rig->settings.provider_count = 2;
    rig_configure(rig);
    until_up(rig, 2, SR_SEC);
    registers = t->registers;
    (void)snprintf(contact, sizeof(contact), "%s", t->contact);
    rig_configure(rig);
    rig_run(rig, SR_SEC);
    assert_int_equal(t->registers, registers);
    rig->providers[1].register_sec = 600; /* the first is not touched */
    rig_configure(rig);
    until_up(rig, 3, SR_SEC);
    assert_int_equal(t->removals, 1);
    assert_int_equal(rig->provider_gone, 1);
    rig->settings.provider_count = 1;
    rig_configure(rig);
    rig_run(rig, SR_SEC);
    assert_int_equal(t->removals, 2);
    assert_int_equal(rig->provider_gone, 2);
    house_end(h);
}

static void note_stop(void *arg)
{
    ++*(unsigned *)arg;
}

static void the_end_takes_registrations_back(void **state)
{
    unsigned stops = 0;

    HOUSE;
    rig_configure(rig);
    until_up(rig, 1, SR_SEC);
    ua_providers_stop(rig->ua, note_stop, &stops);
    assert_int_equal(stops, 0);
    rig_run(rig, SR_SEC);
    assert_int_equal(stops, 1);
    assert_int_equal(t->removals, 1);
    house_end(h);
    assert_int_equal(t->removals, 1);
}

static void the_end_does_not_wait_for_the_dead(void **state)
{
    unsigned stops = 0;

    HOUSE;
    rig_configure(rig);
    until_up(rig, 1, SR_SEC);
    t->is_deaf = u->is_deaf = true;
    ua_providers_stop(rig->ua, note_stop, &stops);
    rig_run(rig, 3 * SR_SEC);
    assert_int_equal(stops, 1);
    house_end(h);
}

/* ---- connections ---- */

static void a_lost_connection_is_opened_anew_at_once(void **state)
{
    HOUSE;
    use_stream(h, NET_TCP);
    t->extra = "Flow-Timer: 60\r\n";
    rig_configure(rig);
    until_up(rig, 1, SR_SEC);
    assert_non_null(strstr(t->contact, ";transport=tcp>"));
    assert_non_null(strstr(t->contact, "reg-id=1"));
    assert_non_null(strstr(t->contact, "+sip.instance=\"<urn:uuid:"));
    sim_end_close(t->end, t->flow.conn);
    rig_run(rig, SR_SEC);
    assert_int_equal(t->bindings, 2);
    rig_run(rig, 300 * SR_SEC);
    assert_int_equal(rig->provider_down, 0);
    house_end(h);
}

/* A cluster: the request goes to one address, another answers. What is not known of it is said. */
static void an_answer_from_elsewhere_counts_when_it_is_trusted(void **state)
{
    static struct sr_cidr trusted;
    struct sr_addr wrong;

    HOUSE;
    assert_int_equal(sr_cidr_parse(SR_STR("203.0.113.8/29"), &trusted), SR_OK);
    resolver_sim_clear(rig->resolver);
    assert_int_equal(resolver_sim_add(rig->resolver, "trunk.example", DNS_A, 300, "198.51.100.1"),
                     SR_OK);
    trunk_init(&h->v, rig, "203.0.113.9:5060", NET_UDP);
    h->has_v = true;
    t->answers_by = &h->v;
    rig_configure(rig);
    until_down(rig, UA_PROVIDER_FAULT_NO_ANSWER, 60 * SR_SEC);
    assert_non_null(strstr(rig->provider.verdict, "203.0.113.9"));
    assert_non_null(strstr(rig->provider.verdict, "trustedAddresses"));
    assert_int_equal(t->bindings, 0); /* nor was the password told */
    rig->providers[0].trusted = &trusted;
    rig->providers[0].trusted_count = 1;
    rig_configure(rig);
    until_up(rig, 1, SR_SEC);
    assert_string_equal(rig->provider.verdict, "");
    wrong = rig->provider.flow.remote;
    assert_true(sr_addr_ip_eq(&wrong, &t->addr)); /* asked again where it was asked */
    house_end(h);
}

static void an_answer_from_elsewhere_is_forgotten_after_a_good_one(void **state)
{
    HOUSE;
    resolver_sim_clear(rig->resolver);
    assert_int_equal(resolver_sim_add(rig->resolver, "trunk.example", DNS_A, 300, "198.51.100.1"),
                     SR_OK);
    rig->providers[0].is_registering = false;
    rig->providers[0].qualify_sec = 30;
    t->answers_by = u;
    rig_configure(rig);
    until_down(rig, UA_PROVIDER_FAULT_NO_ANSWER, 60 * SR_SEC);
    assert_non_null(strstr(rig->provider.verdict, "198.51.100.2"));
    t->answers_by = NULL;
    until_up(rig, 1, 60 * SR_SEC);
    t->is_deaf = true;
    until_down(rig, UA_PROVIDER_FAULT_NO_ANSWER, 120 * SR_SEC);
    assert_null(strstr(rig->provider.verdict, "198.51.100.2"));
    house_end(h);
}

/* A server that closes after each answer is not asked without end, nor is it given up. */
static void a_connection_that_never_lasts_is_opened_ever_more_seldom(void **state)
{
    unsigned bindings;

    HOUSE;
    use_stream(h, NET_TCP);
    rig_configure(rig);
    until_up(rig, 1, SR_SEC);
    for (unsigned i = 0; i < 6000; i++) { /* a minute */
        if (t->flow.conn != SR_ID_NONE)
            sim_end_close(t->end, t->flow.conn);
        t->flow.conn = SR_ID_NONE;
        rig_run(rig, 10 * SR_MSEC);
    }
    assert_in_range(t->bindings, 4, 8);
    assert_int_equal(rig->provider_down, 0);
    /* every half minute is no such thing */
    rig_run(rig, 100 * SR_SEC);
    bindings = t->bindings;
    for (unsigned i = 0; i < 4; i++) {
        sim_end_close(t->end, t->flow.conn);
        rig_run(rig, SR_SEC);
        assert_int_equal(t->bindings, bindings + i + 1);
        rig_run(rig, 29 * SR_SEC);
    }
    house_end(h);
}

static void a_certificate_for_another_name_is_refused(void **state)
{
    HOUSE;
    use_stream(h, NET_TLS);
    sim_end_set_tls_name(t->end, SR_STR("evil.example"));
    rig_configure(rig);
    until_down(rig, UA_PROVIDER_FAULT_CERT_UNTRUSTED, 10 * SR_SEC);
    assert_int_equal(t->registers, 0);
    sim_end_set_tls_name(t->end, SR_STR("trunk.example"));
    until_up(rig, 1, 200 * SR_SEC);
    assert_non_null(strstr(t->contact, ";transport=tls>"));
    house_end(h);
}

/* ---- without registration ---- */

static void a_trunk_without_registration_is_asked_by_options(void **state)
{
    HOUSE;
    rig->providers[0].is_registering = false;
    rig->providers[0].qualify_sec = 30;
    rig_configure(rig);
    until_up(rig, 1, SR_SEC);
    assert_int_equal(rig->provider.state, UA_PROVIDER_REACHABLE);
    assert_int_equal(t->registers, 0);
    t->is_deaf = u->is_deaf = true;
    until_down(rig, UA_PROVIDER_FAULT_NO_ANSWER, 100 * SR_SEC);
    t->is_deaf = false;
    until_up(rig, 2, 100 * SR_SEC);
    house_end(h);
}

int run_provider_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registers_with_digest_and_a_random_contact),
        cmocka_unit_test(refreshes_before_the_end_with_the_same_contact),
        cmocka_unit_test(too_short_an_interval_is_raised),
        cmocka_unit_test(a_stale_nonce_is_answered_once_more),
        cmocka_unit_test(a_wrong_password_is_tried_once_and_then_seldom),
        cmocka_unit_test(an_endless_challenge_is_answered_twice),
        cmocka_unit_test(statuses_have_their_verdicts),
        cmocka_unit_test(an_unknown_name_is_a_dns_failure),
        cmocka_unit_test(a_dead_server_is_passed_over_in_four_seconds),
        cmocka_unit_test(death_between_challenge_and_answer_is_passed_over),
        cmocka_unit_test(a_server_that_says_503_is_passed_over),
        cmocka_unit_test(all_servers_dead_is_no_answer_and_recovers),
        cmocka_unit_test(death_between_calls_moves_to_the_other_server),
        cmocka_unit_test(a_restarted_provider_gets_the_binding_again),
        cmocka_unit_test(the_public_address_is_learnt_from_the_challenge),
        cmocka_unit_test(an_open_registrar_gets_the_right_contact_at_once),
        cmocka_unit_test(a_new_public_address_is_told_and_registered),
        cmocka_unit_test(a_configured_public_address_counts),
        cmocka_unit_test(stun_is_asked_when_the_provider_shows_nothing),
        cmocka_unit_test(stun_is_not_asked_otherwise),
        cmocka_unit_test(unreachable_families_cost_no_time),
        cmocka_unit_test(the_other_family_registers_when_the_first_is_dead),
        cmocka_unit_test(a_binding_moves_from_one_family_to_the_other),
        cmocka_unit_test(keep_alives_hold_a_mapping_of_thirty_seconds),
        cmocka_unit_test(a_reload_touches_only_what_changed),
        cmocka_unit_test(the_end_takes_registrations_back),
        cmocka_unit_test(the_end_does_not_wait_for_the_dead),
        cmocka_unit_test(a_lost_connection_is_opened_anew_at_once),
        cmocka_unit_test(a_connection_that_never_lasts_is_opened_ever_more_seldom),
        cmocka_unit_test(an_answer_from_elsewhere_counts_when_it_is_trusted),
        cmocka_unit_test(an_answer_from_elsewhere_is_forgotten_after_a_good_one),
        cmocka_unit_test(a_certificate_for_another_name_is_refused),
        cmocka_unit_test(a_trunk_without_registration_is_asked_by_options),
    };

    return cmocka_run_group_tests_name("provider", tests, NULL, NULL);
}
