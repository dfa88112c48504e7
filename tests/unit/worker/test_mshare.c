/* Rooms where most listen: one encoder for all of them, and nobody hears it. In virtual time: the
   ticks of a room are called by hand, packets go through socket pairs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "media/rtp.h"
#include "media/tone.h"
#include "media/tone_fit.h"
#include "test_worker.h"
#include "worker/internal.h"

enum {
    PARTIES_MAX = 6,
    SECONDS_MAX = 12,
    TALK_HZ_FIRST = 1000,
    TALK_HZ_SECOND = 1700,
};

struct party {
    struct mleg leg;
    int fd; /* the phone's end */
    struct codec_encoder encoder;
    struct codec_decoder decoder;
    void *memory[2];
    struct tone tone;
    uint16_t seq;
    uint32_t timestamp;
    bool is_talking;
    float *heard;
    size_t heard_count, heard_rate;
    uint32_t packets, seq_jumps, ts_jumps;
    uint16_t last_seq;
    uint32_t last_ts;
};

struct hall {
    struct worker worker;
    struct mroom room;
    struct party parties[PARTIES_MAX];
    struct mleg *legs[PARTIES_MAX];
    const float *frames[PARTIES_MAX];
    size_t count;
    enum codec_id codec;
};

static void party_open(struct hall *hall, struct party *party, uint32_t bus_hz, uint16_t tone_hz)
{
    const struct codec_ops *ops = codec_find(hall->codec);
    uint32_t rate = codec_rate_for_bus(ops, bus_hz);
    struct codec_encoder_options encoder = {.rate_hz = rate};
    struct codec_decoder_options decoder = {.rate_hz = rate};
    struct kit_options options = {.rx_codec = hall->codec,
                                  .tx_codec = hall->codec,
                                  .bus_hz = bus_hz,
                                  .ptime_ms = 20,
                                  .opus = {.useinbandfec = true}};
    struct mleg *leg = &party->leg;
    struct tone_pattern pattern;
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds), 0);
    party->fd = fds[1];
    leg->kind = MEDIA_LEG_RTP;
    leg->role = MEDIA_ROLE_PARTICIPANT;
    leg->rtp_fd = fds[0];
    leg->rtcp_fd = -1;
    leg->is_connected = true;
    mleg__init(leg, &hall->worker.prng, hall->worker.now);
    leg->stream = (struct media_stream){
        .can_send = true, .can_recv = true, .send_codec = hall->codec, .send_payload_type = 96};
    leg->has_stream = true;
    leg->kit = kit__new(&options);
    leg->room = &hall->room;
    hall->room.legs = hall->legs;
    hall->room.frames = hall->frames;
    hall->room.leg_cap = PARTIES_MAX;
    hall->room.leg_count++;
    hall->legs[hall->room.leg_count - 1] = leg;

    party->memory[0] = sr_zalloc(1, codec_encoder_bytes(ops, rate));
    party->memory[1] = sr_zalloc(1, codec_decoder_bytes(ops, rate));
    assert_int_equal(codec_encoder_init(&party->encoder, ops, party->memory[0], &encoder), SR_OK);
    assert_int_equal(codec_decoder_init(&party->decoder, ops, party->memory[1], &decoder), SR_OK);
    tone_pattern_sine(tone_hz, 0.3f, &pattern);
    tone_init(&party->tone, &pattern, rate);
    party->heard_rate = rate;
    party->heard = sr_zalloc((size_t)rate * SECONDS_MAX, sizeof(float));
}

static struct hall *hall_open(enum codec_id codec, size_t count)
{
    struct hall *hall = sr_zalloc(1, sizeof(*hall));
    uint32_t bus_hz = codec == CODEC_OPUS ? 48000 : codec == CODEC_G722 ? 16000 : 8000;

    hall->codec = codec;
    hall->count = count;
    hall->worker.dsp = dsp_best();
    hall->worker.complexity_max = CODEC_COMPLEXITY_MAX;
    hall->worker.now = SR_SEC;
    hall->worker.served_at = INT64_MAX; /* no epoll behind this one */
    sr_prng_seed(&hall->worker.prng, 7);
    hall->room.worker = &hall->worker;
    hall->room.mode = MEDIA_MODE_MIX;
    hall->room.bus_hz = bus_hz;
    hall->room.is_ticking = true;
    for (size_t i = 0; i < count; i++)
        party_open(hall, &hall->parties[i], bus_hz, i == 0 ? TALK_HZ_FIRST : TALK_HZ_SECOND);
    return hall;
}

static void hall_close(struct hall *hall)
{
    for (size_t i = 0; i < hall->count; i++) {
        struct party *party = &hall->parties[i];

        close(party->fd);
        close(party->leg.rtp_fd);
        kit__free(party->leg.kit);
        sr_free(party->heard);
        sr_free(party->memory[0]);
        sr_free(party->memory[1]);
    }
    sr_free(hall);
}

static void party_talk(struct hall *hall, struct party *party)
{
    size_t samples = party->encoder.rate_hz / 50, bytes;
    float pcm[960];
    uint8_t payload[CODEC_PAYLOAD_BYTES_MAX];
    struct jitter_packet packet = {.kind = JITTER_AUDIO,
                                   .ssrc = 5,
                                   .seq = party->seq++,
                                   .timestamp = party->timestamp,
                                   .payload = payload,
                                   .arrived_at = hall->worker.now};

    party->timestamp += codec_clock_units(party->encoder.ops, samples, party->encoder.rate_hz);
    if (!party->is_talking) { /* a phone that sends nothing in pauses; G.711: silence */
        if (hall->codec == CODEC_OPUS)
            return;
        memset(pcm, 0, sizeof(pcm));
    } else {
        (void)tone_run(&party->tone, pcm, samples);
    }
    assert_int_equal(codec_encode(&party->encoder, pcm, samples, payload, sizeof(payload), &bytes),
                     SR_OK);
    packet.payload_bytes = bytes;
    (void)jitter_push(party->leg.kit->jitter, &packet);
}

static void party_hear(struct party *party)
{
    uint8_t bytes[RTP_PACKET_BYTES_MAX];
    uint32_t step = party->encoder.ops->clock_hz / 50;
    struct rtp_packet packet;
    size_t samples;
    ssize_t n;

    while ((n = recv(party->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
        assert_int_equal(rtp_parse(bytes, (size_t)n, &packet), SR_OK);
        if (party->packets++ > 0) {
            party->seq_jumps += packet.seq != (uint16_t)(party->last_seq + 1);
            party->ts_jumps += packet.timestamp != party->last_ts + step;
        }
        party->last_seq = packet.seq;
        party->last_ts = packet.timestamp;
        assert_true(party->heard_count + party->heard_rate / 50 <= party->heard_rate * SECONDS_MAX);
        assert_int_equal(
            codec_decode(&party->decoder,
                         sr_str_make((const char *)packet.payload, packet.payload_bytes),
                         party->heard + party->heard_count, party->heard_rate / 50, &samples),
            SR_OK);
        party->heard_count += samples;
    }
}

static void run(struct hall *hall, uint32_t ms)
{
    for (uint32_t i = 0; i < ms / WORKER_TICK_MS; i++) {
        for (size_t j = 0; j < hall->count; j++)
            party_talk(hall, &hall->parties[j]);
        hall->worker.now += WORKER_TICK;
        hall->worker.tick_at = hall->worker.now;
        mroom__tick(&hall->worker, &hall->room);
        for (size_t j = 0; j < hall->room.leg_count; j++)
            party_hear(SR_CONTAINER(hall->room.legs[j], struct party, leg));
    }
}

/* Of what was heard between two moments (ms of the listener's own time). */
static double snr(const struct party *party, uint32_t from_ms, uint32_t to_ms, double hz)
{
    size_t per_ms = party->heard_rate / 1000;

    return tone_fit_snr_db(party->heard + from_ms * per_ms, (to_ms - from_ms) * per_ms,
                           (uint32_t)party->heard_rate, hz);
}

/* The worst single block: a click shows here. */
static double snr_worst(const struct party *party, uint32_t from_ms, uint32_t to_ms, double hz)
{
    size_t per_ms = party->heard_rate / 1000;
    double worst = TONE_FIT_SNR_DB_MAX;

    for (uint32_t ms = from_ms; ms + 20 <= to_ms; ms += 10) {
        struct tone_fit fit = tone_fit_block(party->heard + ms * per_ms, 20 * per_ms,
                                             (uint32_t)party->heard_rate, hz);

        worst = SR_MIN(worst, fit.snr_db);
    }
    return worst;
}

static uint64_t encodes_in(struct hall *hall, uint32_t ms)
{
    uint64_t before = hall->worker.tally.encodes;

    run(hall, ms);
    return (hall->worker.tally.encodes - before) * WORKER_TICK_MS / ms;
}

/* One talks, four listen; then one of the listeners talks too, and stops again. */
static void check_codec(enum codec_id codec, double snr_min, double seam_min)
{
    struct hall *hall = hall_open(codec, 5);
    const struct party *talker = &hall->parties[0], *second = &hall->parties[1];

    hall->parties[0].is_talking = true;
    run(hall, 1000);
    assert_int_equal(encodes_in(hall, 1000), 2); /* the talker's own stream, and one for all */
    hall->parties[1].is_talking = true;
    run(hall, 200);
    assert_int_equal(encodes_in(hall, 1000), 3); /* two talk, three share */
    hall->parties[1].is_talking = false;
    run(hall, 2000); /* it falls silent, waits, joins again */
    assert_int_equal(encodes_in(hall, 400), 2);

    for (size_t i = 0; i < hall->count; i++) {
        assert_int_equal(hall->parties[i].seq_jumps, 0);
        assert_int_equal(hall->parties[i].ts_jumps, 0);
    }
    for (size_t i = 1; i < hall->count; i++)
        assert_true(snr(&hall->parties[i], 1200, 1900, TALK_HZ_FIRST) > snr_min);
    /* the second talker never hears itself, and no change of its stream is heard by it */
    assert_true(snr(second, 2000, 5500, TALK_HZ_FIRST) > snr_min);
    print_message("codec %d: talker's share %.1f dB, worst block of the one that left and came "
                  "back %.1f dB\n",
                  (int)codec, snr(second, 1200, 1900, TALK_HZ_FIRST),
                  snr_worst(second, 1000, 5500, TALK_HZ_FIRST));
    assert_true(snr_worst(second, 1000, 5500, TALK_HZ_FIRST) > seam_min);
    /* the first talker hears the second and nothing of itself */
    assert_true(snr(talker, 2400, 3100, TALK_HZ_SECOND) > snr_min);
    hall_close(hall);
}

static void opus_is_encoded_once_for_all_listeners(void **state)
{
    (void)state;
    check_codec(CODEC_OPUS, 25, 22);
}

static void g722_is_encoded_once_for_all_listeners(void **state)
{
    (void)state;
    check_codec(CODEC_G722, 25, 18);
}

static void g711_is_encoded_once_for_all_listeners(void **state)
{
    (void)state;
    check_codec(CODEC_PCMU, 30, 25);
}

/* The leader of the listeners goes: the others must not notice. */
static void the_leader_may_leave(void **state)
{
    struct hall *hall = hall_open(CODEC_OPUS, 5);
    struct mleg *leader;

    (void)state;
    hall->parties[0].is_talking = true;
    run(hall, 1000);
    leader = hall->parties[1].leg.share->leader;
    assert_ptr_equal(leader, &hall->parties[1].leg);
    mshare__leave(leader);
    memmove(hall->room.legs + 1, hall->room.legs + 2, 3 * sizeof(hall->room.legs[0]));
    hall->room.leg_count--;
    assert_int_equal(encodes_in(hall, 1000), 2);
    for (size_t i = 2; i < hall->count; i++) {
        assert_int_equal(hall->parties[i].seq_jumps, 0);
        assert_true(snr_worst(&hall->parties[i], 800, 1900, TALK_HZ_FIRST) > 20);
    }
    hall_close(hall);
}

/* Listeners that want different things keep apart. */
static void different_wishes_are_not_shared(void **state)
{
    struct hall *hall = hall_open(CODEC_OPUS, 4);

    (void)state;
    hall->parties[3].leg.kit->tuning.bitrate_bps = 64000;
    codec_encoder_tune(&hall->parties[3].leg.kit->encoder, &hall->parties[3].leg.kit->tuning);
    hall->parties[0].is_talking = true;
    run(hall, 1000);
    assert_int_equal(encodes_in(hall, 1000), 3); /* talker, two alike, the one with more bits */
    hall->parties[2].leg.prompt = MEDIA_PROMPT_MUSIC; /* on hold: hears something else */
    assert_int_equal(encodes_in(hall, 1000), 4);
    hall->parties[2].leg.prompt = MEDIA_PROMPT_NONE;
    run(hall, 1000);
    assert_int_equal(encodes_in(hall, 1000), 3);
    hall_close(hall);
}

int test_mshare(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opus_is_encoded_once_for_all_listeners),
        cmocka_unit_test(g722_is_encoded_once_for_all_listeners),
        cmocka_unit_test(g711_is_encoded_once_for_all_listeners),
        cmocka_unit_test(the_leader_may_leave),
        cmocka_unit_test(different_wishes_are_not_shared),
    };

    return cmocka_run_group_tests_name("worker/mshare", tests, NULL, NULL);
}
