#include "test_impair.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "impair/relay.h"

struct bench {
    struct impair_relay relay;
    int inside;
    int far;
    struct sr_addr far_addr;
};

static int open_socket(struct sr_addr *ret_addr)
{
    struct sr_addr any = {.family = SR_ADDR_IP4, .ip = {127, 0, 0, 1}};
    int fd = impair__bind(&any, SOCK_DGRAM);

    assert_true(fd >= 0);
    impair__local_addr(fd, ret_addr);
    return fd;
}

static void start(struct bench *bench, struct impair_options *options)
{
    struct sr_addr own;

    bench->inside = open_socket(&own);
    bench->far = open_socket(&bench->far_addr);
    options->pairs[0].listen = (struct sr_addr){.family = SR_ADDR_IP4, .ip = {127, 0, 0, 1}};
    options->pairs[0].to = bench->far_addr;
    options->pair_count = 1;
    options->tcp = false;
    assert_int_equal(impair_relay_open(&bench->relay, options), SR_OK);
}

static void stop(struct bench *bench)
{
    impair_relay_close(&bench->relay);
    close(bench->inside);
    close(bench->far);
}

static void send_to(int fd, const struct sr_addr *to, const char *text)
{
    struct sockaddr_storage sa;
    socklen_t len = sr_addr_to_sockaddr(to, &sa);

    assert_true(sendto(fd, text, strlen(text), 0, (const struct sockaddr *)&sa, len) > 0);
}

/* Drives the relay until a datagram arrives, at most 20 s; false: none came. */
static bool receive(struct bench *bench, int fd, char out[64], struct sr_addr *ret_from)
{
    sr_usec limit = impair_now() + 20 * SR_SEC;

    do {
        struct sockaddr_storage sa = {0};
        socklen_t len = sizeof(sa);
        ssize_t n = recvfrom(fd, out, 63, 0, (struct sockaddr *)&sa, &len);

        if (n >= 0) {
            out[n] = '\0';
            sr_addr_from_sockaddr((const struct sockaddr *)&sa, ret_from);
            return true;
        }
        impair_relay_run(&bench->relay, impair_now() + SR_MSEC);
    } while (impair_now() < limit);
    return false;
}

/* Drives the relay until it has handled `count` datagrams. */
static void handle(struct bench *bench, uint64_t count)
{
    sr_usec limit = impair_now() + 20 * SR_SEC;

    while (bench->relay.stats.received < count && impair_now() < limit)
        impair_relay_run(&bench->relay, impair_now() + SR_MSEC);
    assert_int_equal(bench->relay.stats.received, count);
}

static void datagrams_pass_both_ways(void **state)
{
    static struct bench bench;
    struct impair_options options;
    struct sr_addr mapped, from;
    char text[64];

    (void)state;
    impair_options_init(&options);
    start(&bench, &options);
    send_to(bench.inside, &bench.relay.options.pairs[0].listen, "up");
    assert_true(receive(&bench, bench.far, text, &mapped));
    assert_string_equal(text, "up");
    send_to(bench.far, &mapped, "down");
    assert_true(receive(&bench, bench.inside, text, &from));
    assert_string_equal(text, "down");
    assert_true(sr_addr_eq(&from, &bench.relay.options.pairs[0].listen));
    stop(&bench);
}

static uint64_t lost_of_1000(uint64_t seed, double loss)
{
    static struct bench bench;
    struct impair_options options;
    uint64_t lost;

    impair_options_init(&options);
    options.loss = loss;
    options.seed = seed;
    start(&bench, &options);
    for (int i = 0; i < 1000; i++) {
        send_to(bench.inside, &bench.relay.options.pairs[0].listen, "x");
        if (i % 50 == 49)
            handle(&bench, (uint64_t)i + 1);
    }
    lost = bench.relay.stats.lost;
    assert_int_equal(bench.relay.stats.sent, 1000 - lost);
    stop(&bench);
    return lost;
}

static void loss_is_seeded_and_of_the_size_asked_for(void **state)
{
    uint64_t first = lost_of_1000(11, 0.2);

    (void)state;
    assert_in_range(first, 150, 250);
    assert_int_equal(lost_of_1000(11, 0.2), first);
    assert_int_equal(lost_of_1000(12, 0), 0);
    assert_int_equal(lost_of_1000(12, 1), 1000);
}

static void delay_holds_back_and_dup_sends_twice(void **state)
{
    static struct bench bench;
    struct impair_options options;
    struct sr_addr from;
    char text[64];
    sr_usec sent_at;

    (void)state;
    impair_options_init(&options);
    options.delay_ms = 30;
    options.dup = 1;
    start(&bench, &options);
    sent_at = impair_now();
    send_to(bench.inside, &bench.relay.options.pairs[0].listen, "late");
    assert_true(receive(&bench, bench.far, text, &from));
    assert_true(impair_now() - sent_at >= 30 * SR_MSEC);
    assert_true(receive(&bench, bench.far, text, &from));
    assert_string_equal(text, "late");
    stop(&bench);
}

/* What a stranger sends to a mapping comes in at a full cone only. */
static uint64_t filtered_by(enum impair_nat nat)
{
    static struct bench bench;
    struct impair_options options;
    struct sr_addr mapped, own;
    int stranger = open_socket(&own);
    uint64_t filtered;
    char text[64];

    impair_options_init(&options);
    options.nat = nat;
    start(&bench, &options);
    send_to(bench.inside, &bench.relay.options.pairs[0].listen, "open");
    assert_true(receive(&bench, bench.far, text, &mapped));
    send_to(stranger, &mapped, "hello");
    handle(&bench, 2);
    filtered = bench.relay.stats.filtered;
    close(stranger);
    stop(&bench);
    return filtered;
}

static void the_kind_of_nat_decides_who_may_enter(void **state)
{
    (void)state;
    assert_int_equal(filtered_by(IMPAIR_NAT_FULL_CONE), 0);
    assert_int_equal(filtered_by(IMPAIR_NAT_RESTRICTED), 0); /* same address, other port */
    assert_int_equal(filtered_by(IMPAIR_NAT_PORT_RESTRICTED), 1);
    assert_int_equal(filtered_by(IMPAIR_NAT_SYMMETRIC), 1);
}

static void a_forgotten_mapping_gets_another_port(void **state)
{
    static struct bench bench;
    struct impair_options options;
    struct sr_addr first, second;
    char text[64];

    (void)state;
    impair_options_init(&options);
    start(&bench, &options);
    send_to(bench.inside, &bench.relay.options.pairs[0].listen, "a");
    assert_true(receive(&bench, bench.far, text, &first));
    impair_relay_forget(&bench.relay);
    send_to(bench.far, &first, "nobody"); /* the port is gone: only an ICMP comes of it */
    send_to(bench.inside, &bench.relay.options.pairs[0].listen, "b");
    assert_true(receive(&bench, bench.far, text, &second));
    assert_string_equal(text, "b");
    assert_int_equal(bench.relay.stats.flows, 2);
    assert_int_equal(bench.relay.stats.expired, 1);
    stop(&bench);
    assert_int_equal(sr_alloc_live(), 0);
}

int run_relay_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(datagrams_pass_both_ways),
        cmocka_unit_test(loss_is_seeded_and_of_the_size_asked_for),
        cmocka_unit_test(delay_holds_back_and_dup_sends_twice),
        cmocka_unit_test(the_kind_of_nat_decides_who_may_enter),
        cmocka_unit_test(a_forgotten_mapping_gets_another_port),
    };

    return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
