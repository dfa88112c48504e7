/**
 * @file app.h  What an application (echo, conference, voicemail...) sees of the hub, and its table.
 *
 * An application is a plain user of calls: the hub resolves what was dialled, finds the application
 * that serves it and hands over the caller's leg. Registered by run.c (engine_add_app).
 *
 * Layer:   call
 * Thread:  signalling thread
 */
#ifndef SR_CALL_APP_H
#define SR_CALL_APP_H

#include "call/config.h"
#include "call/reason.h"
#include "worker/media_port.h"

struct engine;
struct loop;
struct call;
struct leg;

struct app_ops {
    const char *name;
    /** Whether it serves what was dialled. */
    bool (*serves)(const struct config_extension *what);
    /** The live call to enter, or NULL: a new one is made. */
    struct call *(*find_call)(void *state, const struct config_extension *what);
    /** A leg is in the call, not answered yet: answer it, or end it with leg_end(). */
    void (*on_enter)(void *state, struct call *call, struct leg *leg,
                     const struct config_extension *what);
    /** Whether another party may come in now, asked before a transfer. NULL: always. */
    bool (*can_enter)(void *state, const struct config_extension *what);
    /** Parties came into its call by a transfer; by_device: who sent them, empty: nobody. May be NULL. */
    void (*on_joined)(void *state, struct call *call, struct sr_str by_device);
    /** A party the application rang (call_ring_device) or one added by the API has answered. May be
        NULL. */
    void (*on_party)(void *state, struct call *call, struct leg *leg);
    /** A digit of a leg in its call. True: nobody else gets it. May be NULL. */
    bool (*on_digit)(void *state, struct call *call, struct leg *leg, char digit);
    /** A leg is about to leave its call. May be NULL. */
    void (*on_leave)(void *state, struct call *call, struct leg *leg);
    /** A call this application took is about to disappear. May be NULL. */
    void (*on_call_end)(void *state, struct call *call);
};

/** The key an application keeps a call under (call_set_app_key), e.g. a conference's id. */
enum {
    CALL_APP_KEY_MAX = 64
};

/** Live calls go on down to this many parties: 2 for ordinary calls, 1 for rooms. */
void call_set_parties_min(struct call *call, uint32_t parties_min);
void call_set_app_key(struct call *call, struct sr_str key);
struct sr_str call_app_key(const struct call *call);

/** Answers a calling leg with our choice of its codecs. @return false: it could not and has ended */
bool leg_answer_here(struct leg *leg);
/** Ends one leg (and the call, when too few parties are left); the pointer is dead. */
void leg_end(struct leg *leg, enum call_reason reason);
/** Its call as the leg is in it now. */
struct call *leg_call(const struct leg *leg);
/** Held by us: it hears music and is heard by nobody. */
void leg_set_held(struct leg *leg, bool is_held);
void leg_set_muted(struct leg *leg, bool is_muted);
bool leg_is_muted(const struct leg *leg);
/** Participant, isolated or tool from now on, without a click. */
void leg_set_role(struct leg *leg, enum media_role role);
/** What it hears instead of the mix; NONE: the mix, or what its state asks for. */
void leg_set_prompt(struct leg *leg, enum media_prompt prompt);
/** Digits of the leg are not told in events (it types a PIN). */
void leg_set_typing_secret(struct leg *leg, bool is_secret);
/** Shows the party who is at the other end (a room, a parking slot). */
void leg_show(struct leg *leg, struct sr_str number, struct sr_str name);
/** Shows the party that it talks to `other`. */
void leg_introduce(struct leg *leg, const struct leg *other);
/** Device of the leg, or empty. */
struct sr_str leg_device_id(const struct leg *leg);
/** Device that transferred it into this call, or empty. */
struct sr_str leg_sent_by(const struct leg *leg);
bool leg_is_answered(const struct leg *leg);
/** The legs of a call: the first for NULL, then the next; NULL at the end. Branches that ring too. */
struct leg *call_next_leg(const struct call *call, const struct leg *leg);
/** Rings a device to join the call of `leg`, whose name it sees. @return false: it cannot be rung */
bool call_ring_device(struct call *call, struct leg *leg, struct sr_str device_id);
/** The application lets go: an ordinary call of two parties or more from now on. Whom it rings rings no
    more. */
void call_release(struct call *call);
void call_end(struct call *call, enum call_reason reason);
bool call_is_locked(const struct call *call);
/** For the application's own timers. */
struct loop *call_loop(const struct call *call);
/** Configuration the call began with. */
const struct config *call_config(const struct call *call);
/** Adds a party inside the router. @return NULL when the room is full */
struct leg *call_add_media_leg(struct call *call, enum media_leg_kind kind, struct sr_str name);
/** Wall clock of this turn of the loop, microseconds since 1970. */
sr_usec call_wall(const struct call *call);

/* ---- playing sounds to a leg (call/sound.c) ---------------------------------------------------- */

enum call_sound_kind {
    CALL_SOUND_TEXT, /* spoken by the configured voice, at most SPEECH_TEXT_MAX bytes */
    CALL_SOUND_FILE, /* a WAV file: absolute, or below the data folder */
    CALL_SOUND_CLIP, /* samples at hand */
};

struct call_sound {
    enum call_sound_kind kind;
    struct sr_str text;      /* TEXT: what is said; FILE: the path */
    struct sr_str voice;     /* TEXT: empty: the configured one */
    bool is_confined;        /* FILE: below the data folder only (a path from outside) */
    struct media_clip *clip; /* CLIP: a reference is taken */
};

/** As the configuration writes sounds: what ends in ".wav" is a file, else a text to speak. */
struct call_sound call_sound_of(struct sr_str words);

struct leg_played {
    struct leg *leg;         /* NULL: the leg has gone */
    sr_id play;              /* as leg_play() gave it */
    enum sr_err err;         /* not SR_OK: nothing was heard; `why` says why */
    enum media_play_end end; /* played to its end, stopped, a key, the leg closed */
    uint32_t played_ms;      /* how far it came */
    const char *why;         /* a sentence when err is not SR_OK; valid during the call */
};

/** Exactly once for each leg_play() that gave an id; from the loop, never from inside a function here.
    May do anything, also end the leg. */
typedef void leg_played_fn(void *arg, const struct leg_played *played);

struct leg_play_options {
    bool is_looping;          /* until stopped */
    bool is_over;             /* over what the leg hears; else in its place */
    bool is_queued;           /* after what was given before; else that is stopped */
    bool stops_on_digit;      /* barge-in: a key of this leg ends it at once */
    float gain;               /* 0: 1 */
    leg_played_fn *on_played; /* may be NULL */
    void *arg;
};

/**
 * Plays to this leg alone (or, on a leg of kind MEDIA_LEG_PLAYER, to the whole call). A leg that is not
 * answered yet hears it from its answer on. What is played goes along when the leg moves.
 *
 * @return its id; SR_ID_NONE: it cannot be played (nothing here speaks, too many, no such voice, text too
 *         long), and on_played is not called
 */
sr_id leg_play(struct leg *leg, const struct call_sound *sound,
               const struct leg_play_options *options);
/** Stops that one; SR_ID_NONE: all of the leg. on_played comes later. */
void leg_play_stop(struct leg *leg, sr_id play);

/**
 * Answers the leg (if it is not), plays the sound to it alone and ends it with that reason. When it cannot
 * be played the leg ends at once, unanswered, with the reason's SIP status. The leg belongs to this from now on.
 */
void leg_announce(struct leg *leg, const struct call_sound *sound, enum call_reason reason);

/* ---- collecting digits from a leg (call/collect.c) ---------------------------------------------- */

enum {
    LEG_DIGITS_MAX = 63
};

enum leg_collect_end {
    LEG_COLLECT_FULL,       /* digits_max came */
    LEG_COLLECT_TERMINATOR, /* the terminator came; it is not among the digits */
    LEG_COLLECT_TIMEOUT,    /* nothing more came in time; digits may be empty */
    LEG_COLLECT_GONE,       /* the leg ended */
};

struct leg_collected {
    struct leg *leg; /* NULL: GONE */
    enum leg_collect_end end;
    struct sr_str digits; /* valid during the call; wiped afterwards */
};

/** Exactly once for each leg_collect() that gave true; from the loop. May do anything, also collect again. */
typedef void leg_collected_fn(void *arg, const struct leg_collected *collected);

struct leg_collect_options {
    uint32_t digits_max; /* 1 .. LEG_DIGITS_MAX */
    char terminator;     /* '#'; 0: none */
    uint32_t first_ms;   /* for the first digit, from the end of the prompt; 0: 5000 */
    uint32_t next_ms;    /* for each further one; 0: 3000 */
    bool has_barge_in;   /* a key ends the prompt and counts; else keys count after it only */
    bool is_secret;      /* a PIN: its digits make no `dtmf` events */
    leg_collected_fn *on_collected;
    void *arg;
};

/**
 * Collects keys of this leg, after a prompt. Meanwhile they reach nobody else. Usually the leg is isolated:
 *
 *     leg_set_role(leg, MEDIA_ROLE_ISOLATED);
 *     leg_answer_here(leg);
 *     leg_collect(leg, &(struct call_sound){.kind = CALL_SOUND_TEXT, .text = SR_STR("Please enter the code.")},
 *                 &(struct leg_collect_options){.digits_max = 8, .terminator = '#', .has_barge_in = true,
 *                                               .is_secret = true, .on_collected = on_pin, .arg = state});
 *
 * @param prompt  NULL: none; one that cannot be played is passed over
 *
 * @return false: keys of this leg are being collected already
 */
bool leg_collect(struct leg *leg, const struct call_sound *prompt,
                 const struct leg_collect_options *options);
/** Ends it without calling on_collected. */
void leg_collect_stop(struct leg *leg);

#endif
