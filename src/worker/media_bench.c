#include "worker/media_bench.h"

#include <math.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/random.h"
#include "media/rtp.h"
#include "net/loop.h"
#include "worker/port_threads.h"

enum {
    TICK_MS = 20,
    FRAMES = 100, /* two seconds of speech, again and again */
    PAYLOAD_TYPE_OPUS = 111,
    PORT_MIN = 42000,
    PORT_MAX = 44999,
    LATE_SENDS_MAX = 5, /* made up for after a stall of the machine */
    WARM_UP_US = 1000000,
    SETTLE_US = 100000, /* the last packets come back */
    BURST_FRAMES = 25,  /* half a second between bursts of */
    BURST_LOUD = 5,     /* a tenth of a second */
    BURSTS_MAX = 1024,
    LATE_TURN_US = 5000,
};

#define BURST_LEVEL 0.1f /* louder than this is the burst */

/* Speech of one codec, coded once for all phones that use it. */
struct voice {
    const struct codec_ops *ops;
    uint8_t payload_type;
    uint32_t units; /* of the RTP clock per frame */
    struct {
        uint16_t n;
        uint8_t bytes[CODEC_PAYLOAD_BYTES_MAX];
    } frames[FRAMES], silence;
};

struct phone {
    int fd;
    struct voice *voice;
    bool is_talking;
    uint32_t at; /* frame */
    uint16_t seq;
    uint32_t timestamp, ssrc;
    uint64_t heard;
};

struct bench {
    const struct media_bench_scenario *scenario;
    struct loop *loop;
    struct media_port *port;
    struct loop_timer timer;
    struct voice *voices[2];
    struct phone *phones;
    uint32_t phone_count;
    uint32_t slot; /* of the millisecond in hand */
    sr_usec next, until;
};

/* ---- what they say ---- */

/* Something a speech codec works on as on speech: a voice of changing pitch and vowel in syllables, a
   little noise. */
static void speak(float *pcm, size_t samples, uint32_t rate_hz, struct sr_prng *prng, double *phase)
{
    for (size_t i = 0; i < samples; i++) {
        static const double two_pi = 6.283185307179586;
        double t = (double)i / rate_hz;
        double pitch = 120 + 25 * sin(two_pi * 0.7 * t);
        double formant = 600 + 300 * sin(two_pi * 1.3 * t);
        double syllable = 0.5 - 0.5 * cos(two_pi * 4 * t);
        double sum = 0;

        *phase += pitch / rate_hz;
        for (int k = 1; k <= 24 && k * pitch < 0.45 * rate_hz; k++) {
            double off = (k * pitch - formant) / 400;

            sum += sin(two_pi * k * *phase) / (1 + off * off);
        }
        pcm[i] = (float)(0.12 * syllable * sum + 0.004 * (sr_prng_double(prng) - 0.5));
    }
}

static struct voice *voice_new(enum codec_id codec)
{
    const struct codec_ops *ops = codec_find(codec);
    uint32_t rate = ops->rates_hz[0];
    size_t per_frame = rate / 1000 * TICK_MS, n;
    struct voice *voice = sr_zalloc(1, sizeof(*voice));
    struct codec_encoder encoder;
    void *memory = sr_zalloc(1, codec_encoder_bytes(ops, rate));
    float *pcm = sr_zalloc(per_frame * (FRAMES + 1), sizeof(float));
    struct sr_prng prng;
    double phase = 0;

    sr_prng_seed(&prng, 1);
    voice->ops = ops;
    voice->payload_type =
        (uint8_t)(ops->payload_type == CODEC_PT_DYNAMIC ? PAYLOAD_TYPE_OPUS : ops->payload_type);
    voice->units = codec_clock_units(ops, per_frame, rate);
    speak(pcm, per_frame * FRAMES, rate, &prng, &phase);
    SR_ASSERT(codec_encoder_init(&encoder, ops, memory, NULL) == SR_OK);
    for (size_t i = 0; i <= FRAMES; i++) {
        uint8_t *bytes = i < FRAMES ? voice->frames[i].bytes : voice->silence.bytes;

        SR_ASSERT(codec_encode(&encoder, pcm + i * per_frame, per_frame, bytes,
                               CODEC_PAYLOAD_BYTES_MAX, &n) == SR_OK);
        *(i < FRAMES ? &voice->frames[i].n : &voice->silence.n) = (uint16_t)n;
    }
    sr_free(memory);
    sr_free(pcm);
    return voice;
}

/* ---- phones ---- */

static enum sr_err phone_open(struct bench *bench, struct phone *phone, sr_id room)
{
    struct media_leg_options options = {.kind = MEDIA_LEG_RTP};
    struct media_stream stream = {
        .can_send = true,
        .can_recv = true,
        .format_count = 1,
        .send_codec = phone->voice->ops->id,
        .send_payload_type = phone->voice->payload_type,
        .ptime_ms = TICK_MS,
        .opus = {.useinbandfec = true},
    };
    struct sockaddr_storage sa;
    struct sr_addr mine, router;
    socklen_t n;
    sr_id leg;
    enum sr_err err;

    SR_ASSERT(sr_addr_parse(SR_STR("127.0.0.1:0"), 0, &mine) == SR_OK);
    phone->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    n = sr_addr_to_sockaddr(&mine, &sa);
    if (phone->fd < 0 || bind(phone->fd, (struct sockaddr *)&sa, n) != 0)
        return SR_ERR_IO;
    n = sizeof(sa);
    if (getsockname(phone->fd, (struct sockaddr *)&sa, &n) != 0)
        return SR_ERR_IO;
    sr_addr_from_sockaddr((struct sockaddr *)&sa, &stream.remote_rtp);
    stream.signalling = stream.remote_rtp;
    options.local = mine;
    err = media_leg_open(bench->port, room, &options, &leg, &router);
    if (err != SR_OK)
        return err;
    n = sr_addr_to_sockaddr(&router, &sa);
    if (connect(phone->fd, (struct sockaddr *)&sa, n) != 0)
        return SR_ERR_IO;
    stream.formats[0] = (struct media_format){.payload_type = phone->voice->payload_type,
                                              .codec = phone->voice->ops->id,
                                              .clock_hz = phone->voice->ops->clock_hz};
    media_leg_set_stream(bench->port, leg, &stream);
    return SR_OK;
}

static void phone_send(struct phone *phone)
{
    struct voice *voice = phone->voice;
    bool is_silent = !phone->is_talking;
    uint8_t bytes[RTP_PACKET_BYTES_MAX];
    struct rtp_packet packet = {
        .payload_type = voice->payload_type, .timestamp = phone->timestamp, .ssrc = phone->ssrc};
    size_t n;

    phone->timestamp += voice->units;
    /* the first packets are needed to be known at all; then Opus says nothing in pauses */
    if (is_silent && voice->ops->id == CODEC_OPUS && phone->seq >= 10)
        return;
    packet.seq = phone->seq++;
    packet.payload = is_silent ? voice->silence.bytes : voice->frames[phone->at].bytes;
    packet.payload_bytes = is_silent ? voice->silence.n : voice->frames[phone->at].n;
    phone->at = (phone->at + 1) % FRAMES;
    if (rtp_write(&packet, bytes, sizeof(bytes), &n) == SR_OK &&
        send(phone->fd, bytes, n, MSG_NOSIGNAL) < 0)
        return; /* what is lost shows in the figures */
}

static void phone_hear(struct phone *phone)
{
    uint8_t bytes[RTP_PACKET_BYTES_MAX];
    ssize_t n;

    while ((n = recv(phone->fd, bytes, sizeof(bytes), 0)) > 0)
        phone->heard += !rtp_is_rtcp(bytes, (size_t)n);
}

/* ---- running ---- */

/* Every millisecond a twentieth of the phones. */
static void on_millisecond(void *arg)
{
    struct bench *bench = arg;
    sr_usec now = loop_now(bench->loop);

    if (now >= bench->until) {
        loop_stop(bench->loop);
        return;
    }
    if (now - bench->next > LATE_SENDS_MAX * TICK_MS * SR_MSEC)
        bench->next = now;
    while (bench->next <= now) {
        for (uint32_t i = bench->slot; i < bench->phone_count; i += TICK_MS) {
            phone_hear(&bench->phones[i]);
            phone_send(&bench->phones[i]);
        }
        bench->slot = (bench->slot + 1) % TICK_MS;
        bench->next += SR_MSEC;
    }
    loop_timer_set(bench->loop, &bench->timer, bench->next);
}

static void run_for(struct bench *bench, sr_usec how_long)
{
    bench->next = loop_now(bench->loop);
    bench->until = bench->next + how_long;
    loop_timer_set(bench->loop, &bench->timer, bench->next);
    loop_run(bench->loop);
}

static void on_end(void *arg)
{
    struct bench *bench = arg;

    loop_stop(bench->loop);
}

/* Only listens. */
static void settle(struct bench *bench)
{
    struct loop_timer timer;

    loop_timer_init(&timer, on_end, bench);
    loop_timer_set(bench->loop, &timer, loop_now(bench->loop) + SETTLE_US);
    loop_run(bench->loop);
    for (uint32_t i = 0; i < bench->phone_count; i++)
        phone_hear(&bench->phones[i]);
}

static uint64_t heard(const struct bench *bench)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < bench->phone_count; i++)
        sum += bench->phones[i].heard;
    return sum;
}

static enum sr_err open_rooms(struct bench *bench)
{
    const struct media_bench_scenario *scenario = bench->scenario;

    for (uint32_t i = 0; i < scenario->rooms; i++) {
        enum sr_err err;
        sr_id room;

        err = media_room_open(bench->port, i, &room);
        for (uint32_t j = 0; err == SR_OK && j < scenario->phones; j++) {
            struct phone *phone = &bench->phones[bench->phone_count];

            *phone = (struct phone){.voice = bench->voices[j % 2],
                                    .is_talking = j < scenario->talkers,
                                    .at = (bench->phone_count * 7) % FRAMES,
                                    .ssrc = bench->phone_count + 1};
            bench->phone_count++;
            err = phone_open(bench, phone, room);
        }
        if (err != SR_OK)
            return err;
        /* two of one codec are relayed, all else cannot be and is mixed */
        media_room_set_mode(bench->port, room, MEDIA_MODE_RELAY);
    }
    return SR_OK;
}

static void measure(struct bench *bench, sr_usec how_long, struct media_bench_result *ret_result)
{
    struct media_port_stats before, after;
    uint64_t got, due;

    run_for(bench, WARM_UP_US);
    settle(bench);
    media_port_stats(bench->port, &before);
    got = heard(bench);
    run_for(bench, how_long);
    settle(bench);
    media_port_stats(bench->port, &after);
    got = heard(bench) - got;
    /* in a room everybody hears something all the time; in relay what the other one says */
    due = (uint64_t)(how_long / (TICK_MS * SR_MSEC)) * bench->phone_count;
    ret_result->cpu_pct = 100.0 * (double)(after.cpu_us - before.cpu_us) / (double)how_long;
    ret_result->lost_pct = got >= due ? 0 : 100.0 * (double)(due - got) / (double)due;
    ret_result->overruns = after.overruns - before.overruns;
}

static void ignore_event(void *arg, const struct media_event *event)
{
    (void)arg;
    (void)event;
}

/* ---- delay ---- */

struct delay_bench {
    struct bench base;
    struct codec_decoder decoder;
    struct loop_watch *watch;
    sr_usec burst_at; /* the first loud packet left; 0: heard already, or none yet */
    double delays_ms[BURSTS_MAX];
    uint32_t count;
    uint32_t turns, late_turns;
};

/* A tone of a quarter of the rate starts loud with its first sample. */
static struct voice *voice_of_bursts(enum codec_id codec)
{
    const struct codec_ops *ops = codec_find(codec);
    uint32_t rate = ops->rates_hz[0];
    size_t per_frame = rate / 1000 * TICK_MS, n;
    struct voice *voice = sr_zalloc(1, sizeof(*voice));
    struct codec_encoder encoder;
    void *memory = sr_zalloc(1, codec_encoder_bytes(ops, rate));
    float *pcm = sr_zalloc(per_frame, sizeof(float));

    voice->ops = ops;
    voice->payload_type =
        (uint8_t)(ops->payload_type == CODEC_PT_DYNAMIC ? PAYLOAD_TYPE_OPUS : ops->payload_type);
    voice->units = codec_clock_units(ops, per_frame, rate);
    SR_ASSERT(codec_encoder_init(&encoder, ops, memory, NULL) == SR_OK);
    for (size_t i = 0; i < FRAMES; i++) {
        bool is_loud = i % BURST_FRAMES < BURST_LOUD;

        for (size_t k = 0; k < per_frame; k++)
            pcm[k] = is_loud ? (k / 4 % 2 == 0 ? 0.4f : -0.4f) : 0;
        SR_ASSERT(codec_encode(&encoder, pcm, per_frame, voice->frames[i].bytes,
                               CODEC_PAYLOAD_BYTES_MAX, &n) == SR_OK);
        voice->frames[i].n = (uint16_t)n;
        if (!is_loud) {
            memcpy(voice->silence.bytes, voice->frames[i].bytes, n);
            voice->silence.n = (uint16_t)n;
        }
    }
    sr_free(memory);
    sr_free(pcm);
    return voice;
}

static void note_onset(struct delay_bench *bench, const float *pcm, size_t samples)
{
    for (size_t i = 0; i < samples; i++) {
        if (pcm[i] < BURST_LEVEL && pcm[i] > -BURST_LEVEL)
            continue;
        if (bench->burst_at != 0 && bench->count < BURSTS_MAX)
            bench->delays_ms[bench->count++] =
                (double)(loop_now(bench->base.loop) - bench->burst_at) / SR_MSEC +
                1000.0 * (double)i / bench->decoder.rate_hz;
        bench->burst_at = 0;
        return;
    }
}

static void on_heard(void *arg, unsigned events)
{
    struct delay_bench *bench = arg;
    uint8_t bytes[RTP_PACKET_BYTES_MAX];
    float pcm[CODEC_PACKET_SAMPLES_MAX];
    struct rtp_packet packet;
    size_t samples;
    ssize_t n;

    (void)events;
    while ((n = recv(bench->base.phones[1].fd, bytes, sizeof(bytes), 0)) > 0) {
        if (rtp_is_rtcp(bytes, (size_t)n) || rtp_parse(bytes, (size_t)n, &packet) != SR_OK ||
            codec_decode(&bench->decoder,
                         sr_str_make((const char *)packet.payload, packet.payload_bytes), pcm,
                         CODEC_PACKET_SAMPLES_MAX, &samples) != SR_OK)
            continue;
        note_onset(bench, pcm, samples);
    }
}

/* Both send every 20 ms, a little less regular than a machine: no luck with the tick's phase. */
static void on_delay_tick(void *arg)
{
    struct delay_bench *bench = arg;
    struct phone *talker = &bench->base.phones[0];
    sr_usec now = loop_now(bench->base.loop);

    if (now >= bench->base.until) {
        loop_stop(bench->base.loop);
        return;
    }
    bench->turns++;
    bench->late_turns += now - bench->base.next > LATE_TURN_US;
    if (talker->at % BURST_FRAMES == 0)
        bench->burst_at = now;
    phone_send(talker);
    phone_send(&bench->base.phones[1]);
    bench->base.next += TICK_MS * SR_MSEC + 13; /* 650 ppm: the phase wanders through the tick */
    loop_timer_set(bench->base.loop, &bench->base.timer, bench->base.next);
}

static int compare_ms(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static enum sr_err measure_delay(struct delay_bench *bench, sr_usec how_long,
                                 struct media_bench_delay *ret_delay)
{
    void *memory = sr_zalloc(1, codec_decoder_bytes(bench->base.voices[1]->ops, 0));

    SR_ASSERT(codec_decoder_init(&bench->decoder, bench->base.voices[1]->ops, memory, NULL) ==
              SR_OK);
    bench->base.phones[0].is_talking = true;
    bench->base.phones[0].at = BURST_LOUD;
    if (loop_watch_fd(bench->base.loop, bench->base.phones[1].fd, LOOP_READ, on_heard, bench,
                      &bench->watch) == SR_OK) {
        run_for(&bench->base, WARM_UP_US);
        bench->count = bench->turns = bench->late_turns = 0;
        run_for(&bench->base, how_long);
        loop_watch_close(bench->watch);
    }
    sr_free(memory);
    if (bench->count == 0)
        return SR_ERR_TIMEOUT;
    qsort(bench->delays_ms, bench->count, sizeof(bench->delays_ms[0]), compare_ms);
    *ret_delay = (struct media_bench_delay){.bursts = bench->count,
                                            .late_pct = 100.0 * bench->late_turns / bench->turns,
                                            .median_ms = bench->delays_ms[bench->count / 2],
                                            .worst_ms = bench->delays_ms[bench->count - 1]};
    return SR_OK;
}

/* ---- the whole of it ---- */

static enum sr_err open_bench(struct bench *bench)
{
    struct port_threads_options options = {.on_event = ignore_event,
                                           .arg = bench,
                                           .threads = 1,
                                           .port_min = PORT_MIN,
                                           .port_max = PORT_MAX};

    bench->loop = loop_uv_new();
    options.loop = bench->loop;
    bench->phones = sr_zalloc(MEDIA_BENCH_PHONES_MAX, sizeof(struct phone));
    return port_threads_new(&options, &bench->port);
}

static void close_bench(struct bench *bench)
{
    if (bench->port != NULL)
        media_port_free(bench->port);
    for (uint32_t i = 0; i < bench->phone_count; i++) {
        if (bench->phones[i].fd >= 0)
            close(bench->phones[i].fd);
    }
    sr_free(bench->voices[0]);
    sr_free(bench->voices[1]);
    sr_free(bench->phones);
    loop_timer_clear(bench->loop, &bench->timer);
    loop_free(bench->loop);
}

enum sr_err media_bench_delay(const enum codec_id codecs[2], sr_usec how_long,
                              struct media_bench_delay *ret_delay)
{
    static const struct media_bench_scenario pair = {.rooms = 1, .phones = 2};
    struct delay_bench *bench = sr_zalloc(1, sizeof(*bench));
    enum sr_err err;

    bench->base.scenario = &pair;
    loop_timer_init(&bench->base.timer, on_delay_tick, bench);
    for (size_t i = 0; i < 2; i++)
        bench->base.voices[i] = voice_of_bursts(codecs[i]);
    err = open_bench(&bench->base);
    if (err == SR_OK)
        err = open_rooms(&bench->base);
    if (err == SR_OK)
        err = measure_delay(bench, how_long, ret_delay);
    close_bench(&bench->base);
    sr_free(bench);
    return err;
}

enum sr_err media_bench_run(const struct media_bench_scenario *scenario, sr_usec how_long,
                            struct media_bench_result *ret_result)
{
    struct bench bench = {.scenario = scenario};
    enum sr_err err;

    if ((uint64_t)scenario->rooms * scenario->phones > MEDIA_BENCH_PHONES_MAX)
        return SR_ERR_LIMIT;
    loop_timer_init(&bench.timer, on_millisecond, &bench);
    for (size_t i = 0; i < 2; i++)
        bench.voices[i] = voice_new(scenario->codecs[i]);
    err = open_bench(&bench);
    if (err == SR_OK)
        err = open_rooms(&bench);
    if (err == SR_OK)
        measure(&bench, how_long, ret_result);
    close_bench(&bench);
    return err;
}
