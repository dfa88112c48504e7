/* The crypto thread under a crowd: handshakes at once are bounded, and everything is let go again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "net/clock.h"
#include "worker/crypto.h"

enum {
    CROWD = CRYPTO_HALF_OPEN_MAX + 100
};

struct crowd {
    struct loop *loop;
    uint32_t results, forgotten;
};

static void on_result(void *arg, const struct crypto_result *result)
{
    (void)result;
    ((struct crowd *)arg)->results++;
}

static void on_forgotten(void *arg, sr_id leg)
{
    (void)leg;
    ((struct crowd *)arg)->forgotten++;
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

static void turn(struct crowd *crowd)
{
    struct loop_timer timer;

    loop_timer_init(&timer, stop_loop, crowd->loop);
    loop_timer_set(crowd->loop, &timer, net_clock_now() + 10 * SR_MSEC);
    loop_run(crowd->loop);
}

static uint64_t handled(const struct crypto *crypto)
{
    const struct crypto_counters *counters = crypto_counters(crypto);

    return atomic_load(&counters->half_open) + atomic_load(&counters->refused) +
           atomic_load(&counters->dropped);
}

/* Eleven hundred hellos: a thousand handshakes run, the rest is refused; all forgotten, none is left. */
static void handshakes_at_once_are_bounded(void **state)
{
    struct crowd crowd = {.loop = loop_uv_new()};
    struct crypto_options options = {.loop = crowd.loop,
                                     .on_result = on_result,
                                     .on_forgotten = on_forgotten,
                                     .arg = &crowd,
                                     .worker_count = 1};
    struct crypto_peer_options peer = {.fd = socket(AF_INET, SOCK_DGRAM, 0)};
    struct ice_path path = {.remote = {.family = SR_ADDR_IP4, .port = 9, .ip = {127, 0, 0, 1}}};
    struct dtls_options client = {.is_client = true};
    struct dtls_identity *identity;
    struct crypto *crypto;
    struct dtls_step step;
    struct dtls *dtls;

    (void)state;
    assert_int_equal(dtls_identity_new(&identity), SR_OK);
    assert_int_equal(crypto_new(&options, &crypto), SR_OK);
    dtls = dtls_new(identity, &client);
    dtls_start(dtls, net_clock_now(), &step);
    for (sr_id leg = 1; leg <= CROWD; leg++) {
        struct sr_str hello = dtls_datagram(dtls, 0);

        crypto_set(crypto, leg, &peer);
        crypto_push(crypto, 0, leg, &path, (const uint8_t *)hello.p, hello.n);
        for (int i = 0; i < 3000 && leg % 50 == 0 && handled(crypto) < leg; i++)
            turn(&crowd); /* the ring holds a few hundred */
    }
    for (int i = 0; i < 3000 && handled(crypto) < CROWD; i++)
        turn(&crowd);
    assert_int_equal(atomic_load(&crypto_counters(crypto)->half_open), CRYPTO_HALF_OPEN_MAX);
    assert_int_equal(atomic_load(&crypto_counters(crypto)->refused), CROWD - CRYPTO_HALF_OPEN_MAX);
    for (sr_id leg = 1; leg <= CROWD; leg++)
        crypto_forget(crypto, leg);
    for (int i = 0; i < 3000 && crowd.forgotten < CROWD; i++)
        turn(&crowd);
    assert_int_equal(crowd.forgotten, CROWD);
    assert_int_equal(atomic_load(&crypto_counters(crypto)->half_open), 0);
    assert_int_equal(crowd.results, 0);
    crypto_free(crypto);
    dtls_free(dtls);
    dtls_identity_free(identity);
    close(peer.fd);
    loop_free(crowd.loop);
}

/* A record of a leg nobody described, and a ring that is full: counted, nothing else. */
static void strays_are_counted(void **state)
{
    static const uint8_t junk[DTLS_RECORD_BYTES_MAX] = {22, 0xfe, 0xfd};
    struct crowd crowd = {.loop = loop_uv_new()};
    struct crypto_options options = {.loop = crowd.loop,
                                     .on_result = on_result,
                                     .on_forgotten = on_forgotten,
                                     .arg = &crowd,
                                     .worker_count = 2};
    struct ice_path path = {0};
    struct crypto *crypto;

    (void)state;
    assert_int_equal(crypto_new(&options, &crypto), SR_OK);
    for (int i = 0; i < 1000; i++)
        crypto_push(crypto, 1, 7, &path, junk, sizeof(junk));
    for (int i = 0; i < 3000; i++) {
        if (atomic_load(&crypto_counters(crypto)->junk) +
                atomic_load(&crypto_counters(crypto)->dropped) ==
            1000)
            break;
        turn(&crowd);
    }
    assert_int_equal(atomic_load(&crypto_counters(crypto)->junk) +
                         atomic_load(&crypto_counters(crypto)->dropped),
                     1000);
    assert_true(atomic_load(&crypto_counters(crypto)->junk) > 0);
    crypto_free(crypto);
    loop_free(crowd.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handshakes_at_once_are_bounded),
        cmocka_unit_test(strays_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
