/**
 * @file lab.h  The whole media plane in virtual time: the real front, workers, rooms, ticks and sockets, but the
 * clock is the test's, and no thread runs. Phones send what a voice gives them at exact moments and keep
 * what they hear with the moment it came, so delays are known to a millisecond and an hour is over in seconds.
 *
 * Thread:  the test's
 */
#ifndef SR_TEST_WORKER_LAB_H
#define SR_TEST_WORKER_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "media/dtmf.h"
#include "media/rtp.h"
#include "worker/port_threads.h"

enum {
    LAB_PHONES_MAX = 160,
    LAB_DIGITS_MAX = 64,
    LAB_FLIGHTS_MAX = 16,
};

struct lab;
struct lab_phone;

/** One sample, `at` of rate_hz since the phone began to talk. */
typedef float lab_voice_fn(const struct lab_phone *phone, uint64_t at);

struct lab_phone_options {
    enum codec_id codec;
    lab_voice_fn *voice; /* NULL: sends nothing */
    double hz;           /* for the voice */
    double drift_ppm;    /* > 0: its clock is fast */
    bool is_secure;      /* SRTP */
    bool dtx_wanted;     /* Opus */
    uint32_t jitter_ms;  /* its network keeps each packet for any time up to this */
    uint32_t keep_sec;   /* how much of what it hears is kept, from its begin on; 0: nothing */
    sr_id room;          /* 0: the lab's first */
    bool is_eventless;   /* knows no telephone-event */
    bool is_dtmf_kept;   /* its keys are not relayed: the hub holds them for a moment */
};

struct lab_flight {
    sr_usec at;
    size_t n; /* 0: free */
    uint8_t bytes[400];
};

struct lab_phone {
    struct lab *lab;
    struct lab_phone_options options;
    bool is_open;
    int fd;
    struct sr_addr addr, router;
    sr_id leg;
    uint8_t payload_type;
    uint32_t rate_hz, clock_hz;
    struct codec_encoder encoder;
    struct codec_decoder decoder;
    void *memory[2];
    struct srtp_keys tx_keys, rx_keys;
    struct srtp tx, rx;
    /* says */
    double next_at;   /* virtual microseconds */
    sr_usec began_at; /* its sample 0 was taken by the microphone */
    uint64_t said;    /* samples */
    uint16_t seq;
    uint32_t ts, ssrc, sent;
    struct lab_flight flights[LAB_FLIGHTS_MAX];
    char digit; /* a key is down until: */
    sr_usec digit_until;
    uint32_t digit_ts, digit_units, digit_ends;
    /* hears */
    float *heard;
    sr_usec *heard_at; /* of each packet kept */
    size_t heard_count, heard_max, heard_packets;
    uint64_t packets;
    uint32_t heard_ssrc, ssrc_changes, seq_jumps, ts_jumps, last_ts;
    uint16_t last_seq;
    sr_usec first_at, last_at; /* of its packets */
    struct media_leg_stats stats;
    uint32_t stats_count;
    struct dtmf_rx dtmf;
    char digits[LAB_DIGITS_MAX + 1];
    uint32_t digit_ms[LAB_DIGITS_MAX], digit_count;
};

struct lab {
    struct loop *loop;
    struct media_port *port;
    sr_usec now;
    sr_id room;
    struct lab_phone *phones[LAB_PHONES_MAX];
    size_t count;
    struct media_event last[MEDIA_EVENT_WEBRTC + 1];
    uint32_t seen[MEDIA_EVENT_WEBRTC + 1];
    media_event_fn *on_event; /* besides; NULL: nobody */
    uint64_t step_us;         /* how exact time is; 1000 */
    struct sr_prng prng;
    uint64_t allocations; /* while the workers worked, of any library: */
    bool counts_all;      /* false: nobody counts here (a sanitizer, another C library) */
};

struct lab *lab_open(uint32_t workers);
/** Closes what is left; claims that nothing stays and that no stream broke (claim_streams). */
void lab_close(struct lab *lab);
struct lab_phone *lab_phone(struct lab *lab, const struct lab_phone_options *options);
/** Its leg closes; its figures stay until lab_phone_free(). */
void lab_hang_up(struct lab_phone *phone);
void lab_phone_free(struct lab_phone *phone);
/** So many packets at once. */
void lab_say(struct lab_phone *phone, uint32_t packets);
void lab_run(struct lab *lab, sr_usec how_long);
/** Until an event of that kind has come `count` times; fails after 20 s. */
void lab_until(struct lab *lab, enum media_event_kind kind, uint32_t count);
/** Presses a key (RFC 4733): its packets take the place of audio. */
void lab_press(struct lab_phone *phone, char digit, uint32_t duration_ms);
/** Where in `heard` the packet that came at or after that moment begins. */
size_t lab_heard_at(const struct lab_phone *phone, sr_usec at);
/** Statistics of its leg: those of the next report, 5 s at most. */
struct media_leg_stats lab_stats(struct lab_phone *phone);
/**
 * Mouth to ear: how long after the microphone of `from` took a sound it was in the ear of `to`, by correlation
 * of the last `window_ms` that `to` heard with what `from` said; both must keep one rate.
 *
 * @return milliseconds; `ret_match` 0..1 how alike they are
 */
double lab_delay_ms(const struct lab_phone *from, const struct lab_phone *to, uint32_t window_ms,
                    double *ret_match);

/* ---- voices ---- */
float lab_tone(const struct lab_phone *phone, uint64_t at);
/** Noise that never repeats: for correlation. */
float lab_noise(const struct lab_phone *phone, uint64_t at);
/** A vowel: harmonics of a pitch that wanders around 130 Hz, steady in energy. */
float lab_vowel(const struct lab_phone *phone, uint64_t at);
/** Words: 300 ms of vowel, 200 ms of pause. */
float lab_words(const struct lab_phone *phone, uint64_t at);
/** A word each two seconds. */
float lab_few_words(const struct lab_phone *phone, uint64_t at);

#endif
