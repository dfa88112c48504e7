/* Two hours without a call behind a NAT that forgets after 30 s; then somebody calls: a phone behind its NAT,
 * and the router behind its own, seen by the provider. */
#include <stdio.h>

#include "rig.h"
#include "sim_nat.h"

enum {
    IDLE_SEC = 2 * 3600,
    MAPPING_SEC = 30,
};

/* more: what holds the mapping, or does not. */
#define CONFIG_PHONE(more)                                                                         \
    "{ \"devices\": [\n"                                                                           \
    "  { \"id\": \"a\", \"extension\": \"101\", \"password\": \"pw-101\" },\n"                     \
    "  { \"id\": \"b\", \"extension\": \"102\", \"password\": \"pw-102\"" more " } ] }\n"

#define CONFIG_PROVIDER(more)                                                                      \
    "{ \"devices\": [ { \"id\": \"a\", \"extension\": \"101\", \"password\": \"pw-101\" } ],\n"    \
    "  \"providers\": [ { \"id\": \"acme\", \"domain\": \"198.51.100.20\", \"transport\": "        \
    "\"udp\",\n"                                                                                   \
    "    \"username\": \"4930100\", \"password\": \"secret\", \"registerIntervalSec\": 10800,\n"   \
    "    \"qualifySec\": 0, \"codecs\": [\"PCMU\"]" more " } ],\n"                                 \
    "  \"routing\": { \"routes\": [ { \"id\": \"in\", \"match\": { \"direction\": \"inbound\" "    \
    "},\n"                                                                                         \
    "    \"action\": { \"targets\": [\"a\"] } } ] } }\n"

struct lab {
    struct rig rig;
    struct sim_nat *nat;
    struct sim_phone *phone; /* inside */
    struct sim_phone *far;   /* a phone behind NAT, or the provider */
};

static struct sim_nat *new_nat(struct rig *rig, const char *inside, const char *outside,
                               const char *to)
{
    struct sim_nat_options options = {.loop = rig->loop,
                                      .wire = rig->wire,
                                      .inside = inside,
                                      .outside = outside,
                                      .to = to,
                                      .mapping_usec = MAPPING_SEC * SR_SEC};

    return sim_nat_new(&options);
}

/* A party at `address` that sends by way of `gateway`. */
static struct sim_phone *new_party(struct rig *rig, const char *user, const char *address,
                                   const char *gateway)
{
    char password[32];
    struct sim_phone_options options = {.loop = rig->loop,
                                        .wire = rig->wire,
                                        .user = user,
                                        .password = password,
                                        .kind = NET_UDP,
                                        .seed = rig->seed * 100 + 77};

    (void)snprintf(password, sizeof(password), "pw-%s", user);
    assert_int_equal(sr_addr_parse(sr_str_c(address), 0, &options.addr), SR_OK);
    assert_int_equal(sr_addr_parse(sr_str_c(gateway), 0, &options.router), SR_OK);
    rig->phones[rig->phone_count] = sim_phone_new(&options);
    return rig->phones[rig->phone_count++];
}

static void lab_end(struct lab *lab)
{
    if (!lab->far->manners.is_registrar)
        sim_phone_register(lab->far, 0); /* no OPTIONS are on their way when it is settled */
    rig_settle(&lab->rig);
    sim_nat_free(lab->nat);
    rig_done(&lab->rig);
}

/* Both phones register each half hour: that alone holds nothing. */
static void idle(struct rig *rig, struct sim_phone *one, struct sim_phone *other)
{
    for (int i = 0; i < 4; i++) {
        rig_run(rig, IDLE_SEC / 4 * SR_SEC - 300 * SR_SEC);
        sim_phone_register(one, 3600);
        if (other != NULL)
            sim_phone_register(other, 3600);
        RIG_UNTIL(rig, one->register_status == 200);
        rig_run(rig, 300 * SR_SEC);
    }
}

/* The audio of that leg is expected from its NAT's public address, whatever its SDP says. */
static void claim_heard_at(const struct port_sim_leg *leg, const char *address)
{
    struct sr_addr expected;

    assert_int_equal(sr_addr_parse(sr_str_c(address), 0, &expected), SR_OK);
    assert_true(leg->is_stream_set);
    assert_true(leg->stream.can_send && leg->stream.can_recv);
    assert_true(sr_addr_ip_eq(&leg->stream.signalling, &expected));
}

/* ---- a phone behind NAT ---- */

static void phone_lab(struct lab *lab, const char *config)
{
    struct rig_options options = {.config = config};

    rig_init(&lab->rig, &options);
    lab->nat = new_nat(&lab->rig, "192.168.1.1:5060", "203.0.113.9", "192.0.2.1:5060");
    lab->phone = rig_phone(&lab->rig, "101");
    lab->far = new_party(&lab->rig, "102", "192.168.1.2:5060", "192.168.1.1:5060");
    sim_phone_register(lab->far, 3600);
    RIG_UNTIL(&lab->rig, lab->far->register_status == 200);
    idle(&lab->rig, lab->far, lab->phone);
}

static void test_a_phone_is_reached_after_two_idle_hours(void **state)
{
    struct lab lab;
    struct phone_call *call;
    const struct rig_call *seen;

    (void)state;
    phone_lab(&lab, CONFIG_PHONE(""));
    assert_int_equal(sim_nat_counts(lab.nat).mappings, 1); /* held all the time */
    assert_int_equal(sim_nat_counts(lab.nat).dropped, 0);
    assert_in_range(lab.far->requests, IDLE_SEC / 30, IDLE_SEC / 20);
    assert_int_equal(lab.rig.unregistered, 0);
    call = rig_connect(&lab.rig, lab.phone, "102");
    seen = rig_call(&lab.rig, 0);
    assert_int_equal(rig_mode(&lab.rig, seen), MEDIA_MODE_RELAY);
    claim_heard_at(rig_media(&lab.rig, seen, "b"), "203.0.113.9:1");
    phone_bye(call);
    RIG_ENDED(&lab.rig, 0, "hangup");
    assert_int_equal(phone_incoming(lab.far)->byes, 1);
    call = rig_connect(&lab.rig, lab.far, "101"); /* and the other way */
    claim_heard_at(rig_media(&lab.rig, rig_call(&lab.rig, 1), "b"), "203.0.113.9:1");
    phone_bye(call);
    RIG_ENDED(&lab.rig, 1, "hangup");
    assert_int_equal(sim_nat_counts(lab.nat).mappings, 1);
    assert_int_equal(sim_nat_counts(lab.nat).dropped, 0);
    lab_end(&lab);
}

/* The laboratory is a true one: nobody holds the mapping, nobody gets in. */
static void test_without_keep_alives_the_phone_is_lost(void **state)
{
    struct lab lab;
    struct phone_call *call;

    (void)state;
    phone_lab(&lab, CONFIG_PHONE(", \"qualifySec\": 0"));
    call = phone_dial(lab.phone, "102");
    RIG_UNTIL(&lab.rig, call->state == PHONE_OVER);
    assert_int_equal(call->status, 408);
    assert_null(phone_incoming(lab.far));
    assert_true(sim_nat_counts(lab.nat).dropped > 3);
    lab_end(&lab);
}

/* ---- the router behind NAT ---- */

static void provider_lab(struct lab *lab, const char *config)
{
    struct rig_options options = {.config = config};

    rig_init(&lab->rig, &options);
    /* the provider's address as the router knows it is the NAT's door */
    lab->nat = new_nat(&lab->rig, "198.51.100.20:5060", "203.0.113.7", "198.51.100.21:5060");
    lab->far = new_party(&lab->rig, "49891", "198.51.100.21:5060", "203.0.113.7:1");
    lab->far->manners.is_registrar = true;
    lab->phone = rig_phone(&lab->rig, "101");
    RIG_UNTIL(&lab->rig, lab->far->registers > 0);
    idle(&lab->rig, lab->phone, NULL);
}

static void test_a_provider_gets_in_after_two_idle_hours(void **state)
{
    struct lab lab;
    struct phone_call *call;

    (void)state;
    provider_lab(&lab, CONFIG_PROVIDER(""));
    assert_int_equal(lab.rig.provider_up, 1);
    assert_int_equal(lab.rig.provider_down, 0);
    assert_int_equal(sim_nat_counts(lab.nat).mappings, 1);
    assert_non_null(strstr(lab.far->registered, "@203.0.113.7:20001"));
    assert_in_range(lab.far->registers, 1, 2); /* it is not REGISTER that held it */
    call = rig_connect(&lab.rig, lab.far, "4930100");
    assert_string_equal(rig_call(&lab.rig, 0)->view->route_id, "in");
    assert_non_null(strstr(call->sdp, "c=IN IP4 203.0.113.7"));
    assert_null(strstr(call->sdp, "192.0.2.1"));
    assert_int_equal(rig_mode(&lab.rig, rig_call(&lab.rig, 0)), MEDIA_MODE_RELAY);
    claim_heard_at(rig_media(&lab.rig, rig_call(&lab.rig, 0), "a"), "192.0.2.11:1");
    phone_bye(call);
    RIG_ENDED(&lab.rig, 0, "hangup");
    assert_int_equal(sim_nat_counts(lab.nat).dropped, 0);
    lab_end(&lab);
}

static void test_without_keep_alives_the_provider_is_shut_out(void **state)
{
    struct lab lab;
    struct phone_call *call;

    (void)state;
    provider_lab(&lab, CONFIG_PROVIDER(", \"quirks\": { \"keepAliveSec\": 0 }"));
    call = phone_dial(lab.far, "4930100");
    RIG_UNTIL(&lab.rig, call->state == PHONE_OVER);
    assert_int_equal(lab.rig.calls.count, 0);
    assert_true(sim_nat_counts(lab.nat).dropped > 3);
    lab_end(&lab);
}

int run_nat(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_phone_is_reached_after_two_idle_hours),
        cmocka_unit_test(test_without_keep_alives_the_phone_is_lost),
        cmocka_unit_test(test_a_provider_gets_in_after_two_idle_hours),
        cmocka_unit_test(test_without_keep_alives_the_provider_is_shut_out),
    };

    return cmocka_run_group_tests_name("nat", tests, NULL, NULL);
}
