/* DTLS between two objects of ours, over a wire that loses, doubles and mixes up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <poll.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/random.h"
#include "dtls/dtls.h"

enum {
    WIRE_MAX = 64
};

struct datagram {
    uint8_t bytes[DTLS_RECORD_BYTES_MAX];
    size_t n;
};

struct end {
    struct dtls_identity *identity;
    struct dtls *dtls;
    struct datagram wire[WIRE_MAX]; /* towards it */
    size_t count;
    enum dtls_event events[8];
    size_t event_count;
};

struct pair {
    struct end client, server;
    struct sr_prng prng;
    unsigned drop_pct, double_pct;
    bool is_shuffled;
    size_t sent;
};

static sr_usec now_usec(void)
{
    struct timespec ts;

    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &ts), 0);
    return (sr_usec)ts.tv_sec * SR_SEC + ts.tv_nsec / 1000;
}

static void put(struct pair *pair, struct end *to, struct sr_str bytes)
{
    pair->sent++;
    if (sr_prng_below(&pair->prng, 100) < pair->drop_pct || to->count == WIRE_MAX)
        return;
    assert_true(bytes.n <= DTLS_DATAGRAM_BYTES_MAX);
    memcpy(to->wire[to->count].bytes, bytes.p, bytes.n);
    to->wire[to->count++].n = bytes.n;
    if (sr_prng_below(&pair->prng, 100) < pair->double_pct && to->count < WIRE_MAX) {
        to->wire[to->count] = to->wire[to->count - 1];
        to->count++;
    }
}

static void do_step(struct pair *pair, struct end *end, const struct dtls_step *step)
{
    struct end *other = end == &pair->client ? &pair->server : &pair->client;

    for (size_t i = 0; i < step->datagram_count; i++)
        put(pair, other, dtls_datagram(end->dtls, i));
    if (step->event != DTLS_EVENT_NONE && end->event_count < SR_ARRAY_LEN(end->events))
        end->events[end->event_count++] = step->event;
}

static bool deliver(struct pair *pair, struct end *end)
{
    struct datagram one;
    struct dtls_step step;
    size_t at = 0;

    if (end->count == 0)
        return false;
    if (pair->is_shuffled)
        at = (size_t)sr_prng_below(&pair->prng, end->count);
    one = end->wire[at];
    memmove(end->wire + at, end->wire + at + 1, (end->count - at - 1) * sizeof(one));
    end->count--;
    dtls_receive(end->dtls, one.bytes, one.n, now_usec(), &step);
    do_step(pair, end, &step);
    return true;
}

static void run_deadline(struct pair *pair, struct end *end)
{
    struct dtls_step step;

    if (dtls_deadline(end->dtls) > now_usec())
        return;
    dtls_on_deadline(end->dtls, now_usec(), &step);
    do_step(pair, end, &step);
}

static bool is_over(const struct pair *pair)
{
    const struct end *a = &pair->client, *b = &pair->server;

    return (a->event_count > 0 && b->event_count > 0) ||
           (a->event_count > 0 && a->events[0] == DTLS_EVENT_FAILED) ||
           (b->event_count > 0 && b->events[0] == DTLS_EVENT_FAILED);
}

/* Until both have an event or one has failed, or the wire is silent for good. */
static void run(struct pair *pair)
{
    sr_usec limit = now_usec() + 15 * SR_SEC;

    while (now_usec() < limit && !is_over(pair)) {
        sr_usec at = SR_MIN(dtls_deadline(pair->client.dtls), dtls_deadline(pair->server.dtls));

        if (deliver(pair, &pair->server) || deliver(pair, &pair->client))
            continue;
        if (at == SR_NEVER)
            return;
        if (at > now_usec())
            (void)poll(NULL, 0, (int)((at - now_usec()) / 1000) + 1);
        run_deadline(pair, &pair->client);
        run_deadline(pair, &pair->server);
    }
}

static void open_end(struct end *end, bool is_client, const struct dtls_fingerprint *peer)
{
    struct dtls_options options = {.is_client = is_client, .peer = *peer};

    end->dtls = dtls_new(end->identity, &options);
    assert_non_null(end->dtls);
}

static void open_pair(struct pair *pair, uint64_t seed)
{
    memset(pair, 0, sizeof(*pair));
    sr_prng_seed(&pair->prng, seed);
    assert_int_equal(dtls_identity_new(&pair->client.identity), SR_OK);
    assert_int_equal(dtls_identity_new(&pair->server.identity), SR_OK);
    open_end(&pair->client, true, dtls_identity_fingerprint(pair->server.identity));
    open_end(&pair->server, false, dtls_identity_fingerprint(pair->client.identity));
}

static void start(struct pair *pair)
{
    struct dtls_step step;

    dtls_start(pair->client.dtls, now_usec(), &step);
    do_step(pair, &pair->client, &step);
}

static void close_pair(struct pair *pair)
{
    dtls_free(pair->client.dtls);
    dtls_free(pair->server.dtls);
    dtls_identity_free(pair->client.identity);
    dtls_identity_free(pair->server.identity);
}

static void expect_same_keys(struct pair *pair)
{
    struct srtp_keys client_tx, client_rx, server_tx, server_rx;

    assert_true(dtls_is_up(pair->client.dtls) && dtls_is_up(pair->server.dtls));
    dtls_keys_get(pair->client.dtls, &client_tx, &client_rx);
    dtls_keys_get(pair->server.dtls, &server_tx, &server_rx);
    assert_int_equal((int)client_tx.suite, (int)SRTP_AEAD_AES_128_GCM);
    assert_true(srtp_keys_eq(&client_tx, &server_rx));
    assert_true(srtp_keys_eq(&client_rx, &server_tx));
    assert_false(srtp_keys_eq(&client_rx, &client_tx));
}

static void both_roles_come_to_the_same_keys(void **state)
{
    struct pair pair;

    (void)state;
    open_pair(&pair, 1);
    start(&pair);
    run(&pair);
    assert_int_equal(pair.client.events[0], DTLS_EVENT_UP);
    assert_int_equal(pair.server.events[0], DTLS_EVENT_UP);
    expect_same_keys(&pair);
    assert_int_equal(dtls_deadline(pair.client.dtls), SR_NEVER);
    assert_int_equal(dtls_deadline(pair.server.dtls), SR_NEVER);
    close_pair(&pair);
}

/* A fifth lost, a fifth doubled, all mixed up: it still comes up, by retransmission. */
static void handshake_survives_a_bad_wire(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct pair pair;

        open_pair(&pair, seed);
        pair.drop_pct = 20;
        pair.double_pct = 20;
        pair.is_shuffled = true;
        start(&pair);
        run(&pair);
        assert_int_equal(pair.client.events[0], DTLS_EVENT_UP);
        assert_int_equal(pair.server.events[0], DTLS_EVENT_UP);
        expect_same_keys(&pair);
        close_pair(&pair);
    }
}

/* Cuts the ClientHello into two fragments, as browsers with large key shares do. */
static void client_hello_in_two_fragments_is_normal(void **state)
{
    enum {
        HEADERS = 13 + 12
    };
    struct pair pair;
    struct dtls_step step;
    struct datagram hello, part;

    (void)state;
    open_pair(&pair, 1);
    start(&pair);
    assert_int_equal(pair.server.count, 1);
    hello = pair.server.wire[0];
    pair.server.count = 0;
    assert_true(dtls_is_first_hello(hello.bytes, hello.n));
    for (int i = 0; i < 2; i++) {
        size_t body = hello.n - HEADERS;
        size_t from = i == 0 ? 0 : 60;
        size_t n = i == 0 ? 60 : body - 60;

        memcpy(part.bytes, hello.bytes, HEADERS);
        memcpy(part.bytes + HEADERS, hello.bytes + HEADERS + from, n);
        part.bytes[10] = (uint8_t)i;               /* record number */
        part.bytes[11] = (uint8_t)((n + 12) >> 8); /* record length */
        part.bytes[12] = (uint8_t)(n + 12);
        part.bytes[20] = (uint8_t)(from >> 8); /* fragment offset */
        part.bytes[21] = (uint8_t)from;
        part.bytes[23] = (uint8_t)(n >> 8); /* fragment length */
        part.bytes[24] = (uint8_t)n;
        part.n = HEADERS + n;
        assert_int_equal(dtls_is_first_hello(part.bytes, part.n), i == 0);
        dtls_receive(pair.server.dtls, part.bytes, part.n, now_usec(), &step);
        assert_int_equal(step.datagram_count > 0, i == 1);
        do_step(&pair, &pair.server, &step);
    }
    run(&pair);
    expect_same_keys(&pair);
    close_pair(&pair);
}

/* Another certificate than the one signalled: no keys on that side, ever. */
static void wrong_fingerprint_fails_the_handshake(void **state)
{
    (void)state;
    for (int is_server = 0; is_server < 2; is_server++) {
        struct dtls_fingerprint wrong = {.hash = DTLS_SHA_256};
        struct pair pair;
        struct end *judge;

        open_pair(&pair, 1);
        judge = is_server ? &pair.server : &pair.client;
        dtls_free(judge->dtls);
        open_end(judge, !is_server, &wrong);
        start(&pair);
        run(&pair);
        assert_int_equal(judge->events[0], DTLS_EVENT_FAILED);
        assert_non_null(strstr(dtls_why(judge->dtls), "fingerprint"));
        assert_false(dtls_is_up(judge->dtls));
        close_pair(&pair);
    }
}

/* Junk, and pieces of a stranger's handshake, in the middle of the real one. */
static void junk_and_strangers_do_not_spoil_it(void **state)
{
    struct pair pair, strange;
    struct dtls_step step;

    (void)state;
    open_pair(&pair, 1);
    open_pair(&strange, 2);
    start(&strange);
    start(&pair);
    for (int i = 0; i < 200; i++) {
        uint8_t junk[64];

        sr_random_bytes(junk, sizeof(junk));
        if (i % 2 == 0)
            junk[0] = (uint8_t)(20 + i % 4);
        if (i % 4 == 0)
            memcpy(junk + 1, "\xfe\xfd\0\0\0\0\0\0\0\x09\0\x20", 12);
        dtls_receive(pair.server.dtls, junk, sizeof(junk), now_usec(), &step);
        do_step(&pair, &pair.server, &step);
        if (i == 100)
            (void)deliver(&pair, &pair.server);
    }
    assert_true(dtls_junk(pair.server.dtls) > 0);
    run(&pair);
    expect_same_keys(&pair);
    /* afterwards too */
    for (int i = 0; i < 100; i++) {
        dtls_receive(pair.server.dtls, strange.server.wire[0].bytes, strange.server.wire[0].n,
                     now_usec(), &step);
        assert_int_equal(step.event, DTLS_EVENT_NONE);
    }
    assert_true(dtls_is_up(pair.server.dtls));
    close_pair(&pair);
    close_pair(&strange);
}

static void close_notify_is_an_event(void **state)
{
    struct pair pair;
    struct dtls_step step;

    (void)state;
    open_pair(&pair, 1);
    start(&pair);
    run(&pair);
    pair.server.event_count = 0;
    dtls_close(pair.client.dtls, now_usec(), &step);
    do_step(&pair, &pair.client, &step);
    while (deliver(&pair, &pair.server))
        continue;
    assert_int_equal(pair.server.event_count, 1);
    assert_int_equal(pair.server.events[0], DTLS_EVENT_CLOSED);
    close_pair(&pair);
}

static void fingerprints_are_read_and_written(void **state)
{
    static const char without_colons[] = "sha-256 AABBCCDDEEFF00112233445566778899AABBCCDDEEFF0011"
                                         "2233445566778899AABBCCDDEEFF001122334455667788";
    static const char *const bad[] = {"",           "sha-256",          "sha-256 ",
                                      "sha-256 AA", "sha-256 AA:BB:CC", without_colons};
    static const enum dtls_hash hashes[] = {DTLS_SHA_256, DTLS_SHA_384, DTLS_SHA_512};
    struct dtls_fingerprint fingerprint, again;
    char text[DTLS_FINGERPRINT_TEXT_MAX];
    struct sr_buf buf;

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(bad); i++)
        assert_int_equal(dtls_fingerprint_parse(sr_str_c(bad[i]), &fingerprint), SR_ERR_SYNTAX);
    assert_int_equal(dtls_fingerprint_parse(SR_STR("sha-1 AA:BB"), &fingerprint),
                     SR_ERR_UNSUPPORTED);
    for (size_t i = 0; i < SR_ARRAY_LEN(hashes); i++) {
        fingerprint = (struct dtls_fingerprint){.hash = hashes[i]};
        for (size_t k = 0; k < (size_t)32 + 16 * i; k++)
            fingerprint.bytes[k] = (uint8_t)(k * 7 + 1);
        sr_buf_init_fixed(&buf, text, sizeof(text));
        dtls_fingerprint_write(&fingerprint, &buf);
        assert_int_equal(dtls_fingerprint_parse(sr_str_c(sr_buf_cstr(&buf)), &again), SR_OK);
        assert_true(dtls_fingerprint_eq(&fingerprint, &again));
    }
}

/* A peer of SHA-384 or 512 fingerprints is checked by them. */
static void longer_hashes_are_checked(void **state)
{
    struct pair pair;
    struct dtls_fingerprint wrong = {.hash = DTLS_SHA_512};

    (void)state;
    open_pair(&pair, 1);
    dtls_free(pair.server.dtls);
    open_end(&pair.server, false, &wrong);
    start(&pair);
    run(&pair);
    assert_int_equal(pair.server.events[0], DTLS_EVENT_FAILED);
    close_pair(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_roles_come_to_the_same_keys),
        cmocka_unit_test(handshake_survives_a_bad_wire),
        cmocka_unit_test(client_hello_in_two_fragments_is_normal),
        cmocka_unit_test(wrong_fingerprint_fails_the_handshake),
        cmocka_unit_test(junk_and_strangers_do_not_spoil_it),
        cmocka_unit_test(close_notify_is_an_event),
        cmocka_unit_test(fingerprints_are_read_and_written),
        cmocka_unit_test(longer_hashes_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
