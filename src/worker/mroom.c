/* The tick of one room: take and decode, sum, subtract, encode, send. */
#include "worker/internal.h"

/* Whether anybody is to hear it, and who: SR_ID_NONE the room, else one leg. */
static bool wants_to_say(const struct mleg *leg, sr_id *ret_to)
{
    *ret_to = leg->role == MEDIA_ROLE_TOOL ? leg->whisper_to : SR_ID_NONE;
    return !leg->is_muted && leg->stream.can_recv &&
           (leg->role == MEDIA_ROLE_PARTICIPANT || *ret_to != SR_ID_NONE);
}

static struct mleg *other_party(const struct mroom *room, const struct mleg *leg)
{
    for (uint32_t i = 0; i < room->leg_count; i++) {
        if (room->legs[i] != leg && mleg__has_wire(room->legs[i]))
            return room->legs[i];
    }
    return NULL;
}

void mroom__pair(struct mroom *room)
{
    for (uint32_t i = 0; i < room->leg_count; i++)
        room->legs[i]->relay_to =
            room->mode == MEDIA_MODE_RELAY ? other_party(room, room->legs[i]) : NULL;
}

/* ---- when does it tick ---- */

static bool has_digits(const struct mroom *room)
{
    for (uint32_t i = 0; i < room->leg_count; i++) {
        if (mleg__has_digits(room->legs[i]))
            return true;
    }
    return false;
}

bool mroom__wants_ticks(const struct mroom *room)
{
    if (room->leg_count == 0)
        return false;
    return room->mode == MEDIA_MODE_MIX ||
           (room->mode == MEDIA_MODE_RELAY && (has_digits(room) || room->mode_order != NULL));
}

void mroom__check_ticking(struct worker *worker, struct mroom *room)
{
    bool is_wanted = mroom__wants_ticks(room);
    uint32_t slot = room->slot;
    sr_usec period;

    if (is_wanted == room->is_ticking)
        return;
    room->is_ticking = is_wanted;
    if (!is_wanted) {
        sr_list_remove(&worker->slots[slot], &room->tick_node);
        return;
    }
    if (worker->slots[slot].count == 0) { /* the slot slept: its next time from now on */
        period = (worker->now / WORKER_TICK + 1) * WORKER_TICK;
        worker->slot_at[slot] = period + (sr_usec)slot * SR_MSEC;
    }
    sr_list_add(&worker->slots[slot], &room->tick_node);
}

/* ---- switching ---- */

static void watch_legs(struct worker *worker, struct mroom *room)
{
    for (uint32_t i = 0; i < room->leg_count; i++)
        worker__watch(worker, room->legs[i], worker__wants_watch(worker, room));
}

/* What was relayed last goes through our decoder and the listener's encoder, so that both know how the sound came
   to be what it is: else the first frames would be weak and distorted. Packets of others are served between the
   steps; what this leg says meanwhile is still relayed, and primes too. */
static void prime(struct worker *worker, struct mleg *leg)
{
    struct kit *kit = leg->kit, *to = leg->relay_to != NULL ? leg->relay_to->kit : NULL;
    bool is_alike = to != NULL && to->tx_codec == kit->rx_codec && to->tx_hz == kit->rx_hz;
    uint8_t payload[CODEC_PAYLOAD_BYTES_MAX];
    size_t samples, bytes;

    for (uint32_t i = 0; i != leg->recent_count; i++) {
        const struct recent *recent;
        struct sr_str packet;

        /* the newest; what came meanwhile took the places of the oldest */
        i = leg->recent_count - SR_MIN(leg->recent_count - i, (uint32_t)LEG_RECENT_MAX);
        recent = &leg->recent[i % LEG_RECENT_MAX];
        packet = sr_str_make((const char *)recent->bytes, recent->n);
        if (recent->n == 0 || recent->codec != kit->rx_codec ||
            codec_decode(&kit->decoder, packet, kit->rx, LEG_FRAME_MAX, &samples) != SR_OK)
            continue;
        worker__breathe(worker);
        if (!is_alike || samples != to->packet_samples)
            continue;
        if (codec_encode(&to->encoder, kit->rx, samples, payload, sizeof(payload), &bytes) != SR_OK)
            return;
        worker__breathe(worker);
    }
}

/* From relay to mix the delay grows by what the jitter buffer wants. Nobody hears a hole: the first packet that comes
   is played at once, the buffer fills by stretching, and until then nothing is sent instead of silence. */
static void begin_seam(struct worker *worker, struct mroom *room)
{
    for (uint32_t i = 0; i < room->leg_count; i++) {
        struct kit *kit = room->legs[i]->kit;

        if (kit == NULL || kit->playout == NULL)
            continue;
        prime(worker, room->legs[i]);
        playout_set_eager(kit->playout, true);
    }
    room->seam_until = worker->now + WORKER_SEAM_MS * SR_MSEC;
}

/* Those it heard a moment ago in relay are not in the mix yet. */
static bool is_in_seam(const struct worker *worker, const struct mroom *room,
                       const struct mleg *leg)
{
    bool is_awaiting = false;

    for (uint32_t i = 0; i < room->leg_count && worker->now < room->seam_until; i++) {
        const struct mleg *other = room->legs[i];

        if (other == leg || other->kit == NULL || other->kit->playout == NULL)
            continue;
        if (playout_is_started(other->kit->playout))
            return false;
        is_awaiting |=
            other->rx_packets > 0 && worker->now - other->heard_at < WORKER_SEAM_MS * SR_MSEC;
    }
    return is_awaiting;
}

/* From what each one heard and was heard with until now, the first tick goes on: in relay all of the
   other one; before anything was heard, nothing. */
static void note_gains(struct mroom *room)
{
    for (uint32_t i = 0; i < room->leg_count; i++) {
        struct mleg *leg = room->legs[i];
        bool was_heard = room->mode == MEDIA_MODE_RELAY && leg->relay_to != NULL &&
                         leg->relay_to->relay_to == leg;

        leg->said = was_heard ? 1.0f : 0.0f;
        leg->said_to = SR_ID_NONE;
        leg->heard = (struct mhearing){.is_isolated = !was_heard};
    }
}

static void switch_now(struct worker *worker, struct mroom *room, struct order *order)
{
    room->seam_until = 0;
    if (room->mode == MEDIA_MODE_RELAY && order->mode.mode == MEDIA_MODE_MIX)
        begin_seam(worker, room);
    if (room->mode != MEDIA_MODE_MIX)
        note_gains(room);
    room->mode = order->mode.mode;
    room->bus_hz = order->mode.bus_hz;
    mroom__pair(room);
    mshare__dissolve(room);
    for (uint32_t i = 0; i < room->leg_count; i++) {
        struct mleg *leg = room->legs[i];

        leg->frame = leg->aside = NULL;
        if (room->mode != MEDIA_MODE_MIX)
            plays__skip(worker, leg);
        if (leg->kit == NULL || leg->kit->playout == NULL)
            continue;
        playout_set_drain(leg->kit->playout, PLAYOUT_DRAIN_OFF);
        if (room->mode != MEDIA_MODE_MIX) {
            jitter_reset(leg->kit->jitter);
            playout_reset(leg->kit->playout);
        }
        leg->kit->tx_samples = 0;
    }
    watch_legs(worker, room);
    mroom__check_ticking(worker, room);
    worker__return(worker, order);
}

static bool is_drained(const struct mroom *room)
{
    for (uint32_t i = 0; i < room->leg_count; i++) {
        const struct kit *kit = room->legs[i]->kit;

        if (kit != NULL && kit->playout != NULL && jitter_is_started(kit->jitter) &&
            !playout_is_drained(kit->playout, kit->jitter))
            return false;
    }
    return true;
}

static bool is_relaying_digit(const struct mroom *room)
{
    for (uint32_t i = 0; i < room->leg_count; i++) {
        if (dtmf_rx_is_down(&room->legs[i]->dtmf_rx) && room->legs[i]->is_digit_relayed)
            return true;
    }
    return false;
}

static void set_drain(struct mroom *room, enum playout_drain drain)
{
    for (uint32_t i = 0; i < room->leg_count; i++) {
        if (room->legs[i]->kit != NULL && room->legs[i]->kit->playout != NULL)
            playout_set_drain(room->legs[i]->kit->playout, drain);
    }
}

void mroom__set_mode(struct worker *worker, struct mroom *room, struct order *order)
{
    if (room->mode_order != NULL) { /* an older wish is overtaken */
        room->mode_order->mode.mode = room->mode;
        worker__return(worker, room->mode_order);
        room->mode_order = NULL;
    }
    if (order->mode.mode == room->mode || order->mode.mode == MEDIA_MODE_IDLE ||
        room->mode == MEDIA_MODE_IDLE ||
        (room->mode == MEDIA_MODE_RELAY && !is_relaying_digit(room))) {
        switch_now(worker, room, order);
        return;
    }
    room->mode_order = order;
    room->drain_until = worker->now + WORKER_DRAIN_MS * SR_MSEC;
    if (room->mode == MEDIA_MODE_RELAY) {
        mroom__check_ticking(worker, room);
        return;
    }
    set_drain(room, PLAYOUT_DRAIN_GENTLY);
}

static void check_drain(struct worker *worker, struct mroom *room)
{
    struct order *order = room->mode_order;

    if (order == NULL || (worker->now < room->drain_until && !is_drained(room)) || has_digits(room))
        return;
    for (uint32_t i = 0; i < room->leg_count; i++) {
        if (dtmf_rx_is_down(&room->legs[i]->dtmf_rx)) /* never inside a digit */
            return;
    }
    room->mode_order = NULL;
    switch_now(worker, room, order);
}

/* ---- taking ---- */

static size_t call_decode(void *state, const uint8_t *payload, size_t payload_bytes, float *out,
                          size_t max_samples)
{
    size_t samples = 0;

    if (codec_decode(state, sr_str_make((const char *)payload, payload_bytes), out, max_samples,
                     &samples) != SR_OK)
        return 0;
    return samples;
}

/* Opus conceals whole 2.5 ms only, 120 ms at most; after a time stretch any count may be missing:
   the waveform is repeated then. */
static bool is_whole_steps(const struct codec_decoder *decoder, size_t n)
{
    return n > 0 && n % (decoder->rate_hz / 400) == 0 &&
           n <= (size_t)decoder->rate_hz / 1000 * CODEC_PACKET_MS_MAX;
}

static size_t call_conceal(void *state, float *out, size_t n)
{
    if (!is_whole_steps(state, n))
        return 0;
    codec_conceal(state, out, n);
    return n;
}

static size_t call_fec(void *state, const uint8_t *payload, size_t payload_bytes, float *out,
                       size_t n)
{
    const struct codec_decoder *decoder = state;
    struct sr_str next = sr_str_make((const char *)payload, payload_bytes);

    if (!is_whole_steps(decoder, n) || !codec_payload_has_fec(decoder->ops, next) ||
        codec_decode_fec(state, next, out, n) != SR_OK)
        return 0;
    return n;
}

static size_t bus_samples(const struct mroom *room)
{
    return room->bus_hz / 1000 * WORKER_TICK_MS;
}

/* The page reloads, or its network has gone: the others hear that the line is there. */
static void hiss(struct worker *worker, struct mleg *leg)
{
    struct mweb *web = leg->web;

    if (leg->rx_packets == 0 || worker->now - leg->heard_at < LEG_AWAY_MS * SR_MSEC)
        return;
    if (!web->is_away) {
        noise_init(&web->noise, leg->ssrc);
        noise_set_level(&web->noise, LEG_AWAY_DBOV);
        web->is_away = true;
    }
    noise_run(&web->noise, leg->kit->bus, bus_samples(leg->room));
    leg->frame = leg->kit->bus;
}

static void take_sound(struct worker *worker, struct mleg *leg)
{
    struct kit *kit = leg->kit;
    struct playout_decoder decoder = {.state = &kit->decoder, .decode = call_decode};
    enum playout_what what;
    size_t samples = kit->rx_hz / 1000 * WORKER_TICK_MS;
    bool is_wanted;
    float gain;
    sr_id to;

    if (kit->decoder.ops->conceal !=
        NULL) { /* it hides loss and pauses itself; others are repeated */
        decoder.fec = call_fec;
        decoder.conceal = call_conceal;
        decoder.silence = call_conceal;
    }
    what = playout_tick(kit->playout, kit->jitter, &decoder, worker->tick_at, kit->rx);
    leg->level_dbfs = what == PLAYOUT_SILENCE ? LEVEL_DBFS_MIN : level_dbfs(kit->rx, samples);
    leg->level_max_dbfs = SR_MAX(leg->level_max_dbfs, leg->level_dbfs);
    leg->level_ticks++;
    leg->silent_ticks = leg->level_dbfs < LEG_QUIET_DBFS ? leg->silent_ticks + 1 : 0;
    is_wanted = wants_to_say(leg, &to);
    if (what == PLAYOUT_SILENCE || leg->silent_ticks > LEG_QUIET_TICKS) {
        if (!is_wanted &&
            (playout_is_started(kit->playout) ||
             worker->now >= leg->room->seam_until)) /* else its relayed word goes on */
            leg->said = 0;                          /* nothing is left to be faded out */
        else if (what == PLAYOUT_SILENCE && leg->web != NULL && to == SR_ID_NONE)
            hiss(worker, leg);
        return;
    }
    if (leg->said == 0)
        leg->said_to = to; /* from one ear to another by way of silence */
    gain = is_wanted && leg->said_to == to ? 1.0f : 0.0f;
    if (gain == 0 && leg->said == 0)
        return;
    if (leg->web != NULL)
        leg->web->is_away = false;
    (void)resample_run(&kit->rx_resample, kit->rx, samples, kit->bus);
    if (leg->said != gain)
        mix_gain(worker->dsp, kit->bus, bus_samples(leg->room), &leg->said, gain);
    if (leg->said_to == SR_ID_NONE)
        leg->frame = kit->bus;
    else
        leg->aside = kit->bus;
}

/* Who leaves in the middle of a word does not leave with a click. */
void mroom__fade_out(struct mroom *room, const struct mleg *leg)
{
    size_t n = room->bus_hz / 1000 * LEG_TAIL_MS;

    if (room->mode != MEDIA_MODE_MIX || leg->frame == NULL || leg->kit == NULL ||
        leg->frame != leg->kit->bus || leg->kit->bus_hz != room->bus_hz)
        return;
    for (uint32_t i = 0; i < room->leg_count; i++) {
        struct kit *kit = room->legs[i]->kit;

        if (room->legs[i] == leg || kit == NULL || kit->bus_hz != room->bus_hz)
            continue;
        if (!kit->has_tail)
            memset(kit->tail, 0, sizeof(kit->tail));
        kit->has_tail = true;
        mix_add_tail(kit->tail, n, leg->frame, bus_samples(room), room->bus_hz);
        return; /* one of them keeps it for all */
    }
}

static void add_tails(const struct worker *worker, struct mroom *room)
{
    for (uint32_t i = 0; i < room->leg_count; i++) {
        struct kit *kit = room->legs[i]->kit;

        if (kit == NULL || !kit->has_tail)
            continue;
        kit->has_tail = false;
        if (kit->bus_hz == room->bus_hz)
            worker->dsp->add(room->worker->sum, kit->tail, room->bus_hz / 1000 * LEG_TAIL_MS);
    }
}

/* Who is whispered to hears more than the room. */
static void note_whispers(struct mroom *room)
{
    for (uint32_t i = 0; i < room->leg_count; i++)
        room->legs[i]->is_whispered_to = false;
    for (uint32_t i = 0; i < room->leg_count; i++) {
        for (uint32_t k = 0; room->legs[i]->aside != NULL && k < room->leg_count; k++)
            room->legs[k]->is_whispered_to |= room->legs[k]->id == room->legs[i]->said_to;
    }
}

static void take_leg(struct worker *worker, struct mroom *room, struct mleg *leg)
{
    struct kit *kit = leg->kit;

    leg->frame = leg->aside = NULL;
    if (leg->kind == MEDIA_LEG_ECHO) {
        if (kit != NULL && kit->bus_hz == room->bus_hz && kit->has_echo && !leg->is_muted)
            leg->frame = kit->echo;
        return;
    }
    if (leg->kind == MEDIA_LEG_PLAYER) {
        if (kit != NULL && kit->bus_hz == room->bus_hz &&
            plays__say(worker, leg, room->bus_hz, kit->bus) && !leg->is_muted)
            leg->frame = kit->bus;
        return;
    }
    mleg__receive(worker, leg);
    if (kit == NULL || kit->playout == NULL || kit->bus_hz != room->bus_hz || !leg->has_stream)
        return;
    take_sound(worker, leg);
}

/* ---- giving ---- */

static const float *music_frame(struct mroom *room)
{
    if (room->music_hz != room->bus_hz) {
        hold_music_init(&room->music, room->bus_hz);
        room->music_hz = room->bus_hz;
    }
    if (!room->has_music_frame && room->music_play != NULL)
        play_run(room->music_play, room->bus_hz, room->worker->music_frame, NULL);
    else if (!room->has_music_frame)
        hold_music_run(&room->music, room->worker->music_frame, bus_samples(room));
    room->has_music_frame = true;
    return room->worker->music_frame;
}

static enum tone_kind tone_of(enum media_prompt prompt)
{
    if (prompt == MEDIA_PROMPT_BUSY)
        return TONE_BUSY;
    return prompt == MEDIA_PROMPT_CONGESTION ? TONE_CONGESTION : TONE_RINGBACK;
}

static void run_tone(struct mroom *room, struct mleg *leg, enum media_prompt prompt, float *out)
{
    struct kit *kit = leg->kit;
    struct tone_pattern pattern;

    if (kit->tone_of != prompt || kit->tone.rate_hz != room->bus_hz) {
        tone_pattern_find((struct sr_str){NULL, 0}, tone_of(prompt), &pattern);
        tone_init(&kit->tone, &pattern, room->bus_hz);
        kit->tone_of = prompt;
    }
    (void)tone_run(&kit->tone, out, bus_samples(room));
}

/* A digit as tones, for parties without telephone-event. True: `out` is the tone. */
static bool run_inband(struct mroom *room, struct mleg *leg, float *out)
{
    struct kit *kit = leg->kit;
    struct tone_pattern pattern;

    if (leg->inband_left_ms == 0) {
        if (leg->inband_count == 0)
            return false;
        if (tone_pattern_dtmf(leg->inband[0], leg->inband_ms[0], &pattern) == SR_OK)
            tone_init(&kit->tone, &pattern, room->bus_hz);
        kit->tone_of = MEDIA_PROMPT_NONE;
        leg->inband_left_ms = leg->inband_ms[0] + 2 * WORKER_TICK_MS; /* and a pause */
        leg->inband_count--;
        memmove(leg->inband, leg->inband + 1, leg->inband_count);
        memmove(leg->inband_ms, leg->inband_ms + 1, leg->inband_count * sizeof(leg->inband_ms[0]));
    }
    leg->inband_left_ms -= SR_MIN(leg->inband_left_ms, (uint32_t)WORKER_TICK_MS);
    (void)tone_run(&kit->tone, out, bus_samples(room));
    return true;
}

static struct mhearing hearing_of(const struct mleg *leg)
{
    return (struct mhearing){.prompt = leg->prompt,
                             .is_isolated = leg->role == MEDIA_ROLE_ISOLATED &&
                                            leg->prompt == MEDIA_PROMPT_NONE};
}

static bool is_same_hearing(struct mhearing a, struct mhearing b)
{
    return a.prompt == b.prompt && a.is_isolated == b.is_isolated;
}

bool mroom__hears_the_room(const struct mleg *leg)
{
    struct mhearing plain = {.prompt = MEDIA_PROMPT_NONE};

    return is_same_hearing(hearing_of(leg), plain) && is_same_hearing(leg->heard, plain) &&
           !leg->is_whispered_to;
}

static void hear_as(struct worker *worker, struct mroom *room, struct mleg *leg,
                    struct mhearing what, float *out)
{
    size_t n = bus_samples(room);

    switch (what.prompt) {
    case MEDIA_PROMPT_NONE:
        if (what.is_isolated)
            memset(out, 0, n * sizeof(*out));
        else
            mix_minus_self(worker->dsp, out, room->worker->sum, leg->frame, n);
        break;
    case MEDIA_PROMPT_SILENCE:
        memset(out, 0, n * sizeof(*out));
        break;
    case MEDIA_PROMPT_MUSIC:
        memcpy(out, music_frame(room), n * sizeof(*out));
        break;
    case MEDIA_PROMPT_RINGBACK:
    case MEDIA_PROMPT_BUSY:
    case MEDIA_PROMPT_CONGESTION:
        run_tone(room, leg, what.prompt, out);
        break;
    }
}

/* What this leg hears of the room now, on the bus. When that has just become another thing, one fades
   into the other. */
static void hear_room(struct worker *worker, struct mroom *room, struct mleg *leg, float *out)
{
    struct mhearing wanted = hearing_of(leg);
    size_t n = bus_samples(room);
    float before[LEG_FRAME_MAX];

    if (!is_same_hearing(leg->heard, wanted)) {
        hear_as(worker, room, leg, leg->heard, before);
        hear_as(worker, room, leg, wanted, out);
        worker->dsp->ramp(before, 1.0f, 0.0f, n);
        worker->dsp->ramp(out, 0.0f, 1.0f, n);
        worker->dsp->add(out, before, n);
        leg->heard = wanted;
    } else {
        hear_as(worker, room, leg, wanted, out);
    }
    for (uint32_t i = 0; leg->is_whispered_to && i < room->leg_count; i++) {
        if (room->legs[i]->aside != NULL && room->legs[i]->said_to == leg->id)
            worker->dsp->add(out, room->legs[i]->aside, n);
    }
}

/* One packet's worth of sound, as `leg` and all its encoder serves will get it. */
static size_t encode(struct worker *worker, struct mleg *leg, const float *pcm, uint8_t *payload)
{
    struct kit *kit = leg->kit;
    int complexity = SR_MIN(kit->tuning.complexity, worker->complexity_max);
    size_t bytes;

    if (kit->complexity_now != complexity) {
        struct codec_tuning tuning = kit->tuning;

        tuning.complexity = complexity;
        codec_encoder_tune(&kit->encoder, &tuning);
        kit->complexity_now = complexity;
    }
    if (leg->share != NULL) {
        codec_encoder_look_back(&kit->encoder, !leg->share->is_fresh_wanted);
        leg->share->is_fresh_wanted = false;
    }
    tally__add(&worker->tally.encodes, 1);
    return codec_encode(&kit->encoder, pcm, kit->packet_samples, payload, CODEC_PAYLOAD_BYTES_MAX,
                        &bytes) == SR_OK
               ? bytes
               : 0;
}

static void send_to_share(struct worker *worker, struct mleg *leader, const uint8_t *payload,
                          size_t bytes, uint32_t units)
{
    struct mroom *room = leader->room;

    mleg__send_frame(worker, leader, payload, bytes, units);
    if (leader->share == NULL || leader->share->member_count == 1)
        return;
    for (uint32_t i = 0; i < room->leg_count; i++) {
        if (room->legs[i] == leader || room->legs[i]->share != leader->share)
            continue;
        mleg__send_frame(worker, room->legs[i], payload, bytes, units);
        tally__add(&worker->tally.encodes_shared, 1);
    }
}

/* What this leg hears now: the room, with what is played to it alone. */
static void hear(struct worker *worker, struct mroom *room, struct mleg *leg, float *out)
{
    if (leg->inband_count + leg->inband_left_ms > 0 && run_inband(room, leg, out))
        return;
    hear_room(worker, room, leg, out);
    plays__hear(worker, leg, room->bus_hz, out);
}

static void send_packets(struct worker *worker, struct mleg *leg)
{
    struct kit *kit = leg->kit;
    uint8_t payload[CODEC_PAYLOAD_BYTES_MAX];
    uint32_t used = 0;
    size_t bytes;

    while (kit->tx_samples - used >= kit->packet_samples) {
        uint32_t units =
            codec_clock_units(kit->encoder.ops, kit->packet_samples, kit->encoder.rate_hz);

        bytes = encode(worker, leg, kit->tx + used, payload);
        send_to_share(worker, leg, payload, bytes, units);
        used += kit->packet_samples;
    }
    kit->tx_samples -= used;
    if (kit->tx_samples > 0 && used > 0)
        memmove(kit->tx, kit->tx + used, kit->tx_samples * sizeof(kit->tx[0]));
}

static void give_leg(struct worker *worker, struct mroom *room, struct mleg *leg)
{
    struct kit *kit = leg->kit;
    size_t n = bus_samples(room);
    uint32_t units;

    if (kit == NULL || kit->bus_hz != room->bus_hz)
        return;
    if (leg->kind == MEDIA_LEG_ECHO) {
        mix_minus_self(worker->dsp, kit->echo, room->worker->sum, leg->frame, n);
        kit->has_echo = true;
        return;
    }
    if (leg->kind == MEDIA_LEG_PLAYER)
        return;
    if (!leg->has_stream || kit->encoder.ops == NULL || !leg->stream.can_send) {
        plays__skip(worker, leg);
        return;
    }
    if (mshare__is_served(leg))
        return;
    hear(worker, room, leg, kit->out);
    units = codec_clock_units(kit->encoder.ops, kit->tx_hz / 1000 * WORKER_TICK_MS, kit->tx_hz);
    if (mleg__send_digits(worker, leg, units)) {
        kit->tx_samples = 0;
        return;
    }
    mix_limit(&kit->limiter, worker->dsp, kit->out, n);
    kit->tx_samples +=
        (uint32_t)resample_run(&kit->tx_resample, kit->out, n, kit->tx + kit->tx_samples);
    send_packets(worker, leg);
}

/* A switch to mix waits for the end of a digit, but not for ever. */
static void check_digit(struct worker *worker, struct mroom *room)
{
    struct order *order = room->mode_order;

    if (order == NULL || (worker->now < room->drain_until && is_relaying_digit(room)))
        return;
    room->mode_order = NULL;
    switch_now(worker, room, order);
}

/* In relay only digits need the tick. */
static void tick_relay(struct worker *worker, struct mroom *room)
{
    for (uint32_t i = 0; i < room->leg_count; i++) {
        struct mleg *leg = room->legs[i];
        const struct codec_ops *codec = codec_find(leg->stream.send_codec);

        if (codec != NULL)
            (void)mleg__send_digits(worker, leg, codec->clock_hz / 1000 * WORKER_TICK_MS);
    }
    check_digit(worker, room);
    mroom__check_ticking(worker, room);
}

void mroom__tick(struct worker *worker, struct mroom *room)
{
    if (room->mode == MEDIA_MODE_RELAY) {
        tick_relay(worker, room);
        return;
    }
    room->has_music_frame = false;
    if (room->mode_order != NULL && worker->now >= room->drain_until)
        set_drain(room, PLAYOUT_DRAIN_NOW);
    (void)worker__lap(worker);
    for (uint32_t i = 0; i < room->leg_count; i++) {
        take_leg(worker, room, room->legs[i]);
        room->frames[i] = room->legs[i]->frame;
        room->legs[i]->busy_us += worker__lap(worker);
    }
    mix_sum(worker->dsp, room->worker->sum, room->frames, room->leg_count, bus_samples(room));
    add_tails(worker, room);
    note_whispers(room);
    mshare__plan(room);
    (void)worker__lap(worker); /* the sum belongs to all */
    for (uint32_t i = 0; i < room->leg_count; i++) {
        if (!is_in_seam(worker, room, room->legs[i]))
            give_leg(worker, room, room->legs[i]);
        room->legs[i]->busy_us += worker__lap(worker);
    }
    check_drain(worker, room);
}
