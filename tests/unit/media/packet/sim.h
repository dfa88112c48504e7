/* A virtual phone line: a tone in packets, a network given by the test, a jitter buffer and a
 * playout on ticks of 20 ms, and measures of what comes out. */
#ifndef SR_TESTS_MEDIA_SIM_H
#define SR_TESTS_MEDIA_SIM_H

#include "base/random.h"
#include "media/playout.h"

enum {
    SIM_LOST = -1,
    SIM_TICK_MAX = 960
};

struct sim;

/* Delay of packet `index` in the network in us, or SIM_LOST. */
typedef sr_usec sim_delay_fn(struct sim *sim, uint32_t index);

struct sim_options {
    uint32_t rate_hz, clock_hz, ptime_ms;
    double tone_hz;
    double drift_ppm; /* > 0: the sender is fast */
    uint16_t first_seq;
    uint32_t first_ts;
    sim_delay_fn *delay;
    bool has_fec;
    bool is_vowel;        /* harmonics of a pitch that wanders, instead of the tone */
    bool is_repeat_plain; /* what is missing is the last packet once more, as it was */
};

struct sim_flight {
    sr_usec at;
    uint32_t index;
};

struct sim {
    struct sim_options options;
    struct sr_prng prng;
    struct jitter *jitter;
    struct playout *playout;
    struct playout_decoder decoder;
    sr_usec now, sent_at;
    double sender_us; /* when the next packet leaves */
    uint32_t next_index;
    uint16_t seq_offset; /* added by tests that change the stream */
    uint32_t ts_offset, ssrc;
    bool is_paused; /* media time passes, nothing is sent, no sequence number is used */
    uint32_t paused_packets;
    struct sim_flight flights[256];
    size_t flight_count;
    float out[SIM_TICK_MAX];
    float *record; /* last second of what came out */
    size_t record_count, record_max;
    uint64_t decoded, fec_calls;
    uint32_t last_index;
};

void sim_init(struct sim *sim, const struct sim_options *options);
void sim_done(struct sim *sim);
/* One tick of 20 ms. */
enum playout_what sim_tick(struct sim *sim);
void sim_run(struct sim *sim, uint32_t ticks);
struct playout_stats sim_playout_stats(const struct sim *sim);
struct jitter_stats sim_jitter_stats(const struct sim *sim);
/* Median SNR in dB over blocks of 20 ms of the record: residual after a fit of the tone. */
double sim_snr_db(const struct sim *sim);
/* Largest step between neighbouring samples of the record. */
float sim_largest_step(const struct sim *sim);

#endif
