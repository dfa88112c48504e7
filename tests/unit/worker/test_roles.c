/* Who hears whom, in virtual time: participant, isolated, tool, whispering, muting, prompts, joining and leaving, in mixed and
   in relayed calls, with nothing heard of the switch itself. */
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "lab.h"

#define SHOW(...) print_message(__VA_ARGS__)

static const enum codec_id codecs[] = {CODEC_PCMU, CODEC_G722, CODEC_OPUS};

/* LAB_WORKERS=2: everything on two workers. */
static struct lab *lab_here(void)
{
    const char *text = getenv("LAB_WORKERS");

    return lab_open(text != NULL && text[0] == '2' ? 2 : 1);
}

static struct lab_phone *phone(struct lab *lab, enum codec_id codec, double hz)
{
    struct lab_phone_options options = {
        .codec = codec, .voice = lab_tone, .hz = hz, .keep_sec = 120};

    return lab_phone(lab, &options);
}

/* ---- what is heard ---- */

/* Amplitude of one frequency (Goertzel). */
static double tone_of(const struct lab_phone *ear, size_t from, size_t n, double hz)
{
    double w = 2 * M_PI * hz / ear->rate_hz, c = 2 * cos(w), a = 0, b = 0;

    for (size_t i = 0; i < n; i++) {
        double now = (double)ear->heard[from + i] + c * a - b;

        b = a;
        a = now;
    }
    return 2 * sqrt(fabs(a * a + b * b - a * b * c)) / (double)n;
}

/* Sharpest bend of the sound, in steps of an eighth of a millisecond: a click is all bends. */
static double sharpest(const struct lab_phone *ear, size_t from, size_t to)
{
    size_t step = ear->rate_hz / 8000;
    double top = 1e-4;

    for (size_t i = from + 2 * step; i < to; i++)
        top = fmax(top, fabs((double)ear->heard[i] - 2 * (double)ear->heard[i - step] +
                             (double)ear->heard[i - 2 * step]));
    return top;
}

/* One switch, heard by `ear`: what bends around it against what bends before and after. */
struct seam {
    struct lab_phone *ear;
    size_t at; /* samples heard when it was ordered */
};

static struct seam seam_begins(struct lab_phone *ear)
{
    return (struct seam){.ear = ear, .at = ear->heard_count};
}

static double worst; /* ratio of all switches of a test */

/* Half a second after it. */
static void claim_smooth(const struct seam *seam, const char *what)
{
    const struct lab_phone *ear = seam->ear;
    size_t ms = ear->rate_hz / 1000;
    double before = sharpest(ear, seam->at - 300 * ms, seam->at - 40 * ms);
    double after = sharpest(ear, seam->at + 200 * ms, seam->at + 450 * ms);
    double there = sharpest(ear, seam->at - 20 * ms, seam->at + 200 * ms);
    double ratio = there / fmax(fmax(before, after), 0.02);

    worst = fmax(worst, ratio);
    if (ratio >= 1.6)
        print_error("%s at %u Hz: bends %.3f at the switch, %.3f before, %.3f after\n", what,
                    ear->rate_hz, there, before, after);
    assert_true(ratio < 1.6);
}

static bool hears(const struct lab_phone *ear, double hz)
{
    size_t ms = ear->rate_hz / 1000;

    return tone_of(ear, ear->heard_count - 200 * ms, 200 * ms, hz) > 0.1;
}

/* ---- in the mix ---- */

enum what {
    MUTE,
    UNMUTE,
    ROLE,
    PROMPT,
    WHISPER,
};

struct step {
    const char *name;
    enum what what;
    int who; /* of the phones: 0 speaks at 610 Hz, 1 at 940 Hz, 2 listens */
    int value;
    bool hears_first, hears_second; /* the listener */
    bool second_hears_first;
};

/* What is done to whom, and who of the two others hears the first one then. */
static const struct step steps[] = {
    {"mute", MUTE, 0, 0, false, true, false},
    {"unmute", UNMUTE, 0, 0, true, true, true},
    {"isolate who speaks", ROLE, 0, MEDIA_ROLE_ISOLATED, false, true, false},
    {"participant again", ROLE, 0, MEDIA_ROLE_PARTICIPANT, true, true, true},
    {"listens in", ROLE, 0, MEDIA_ROLE_TOOL, false, true, false},
    {"whispers to the listener", WHISPER, 0, 2, true, true, false},
    {"whispers to the second", WHISPER, 0, 1, false, true, true},
    {"whispers to nobody", WHISPER, 0, -1, false, true, false},
    {"whispers again", WHISPER, 0, 2, true, true, false},
    {"barges in", ROLE, 0, MEDIA_ROLE_PARTICIPANT, true, true, true},
    {"isolate the listener", ROLE, 2, MEDIA_ROLE_ISOLATED, false, false, true},
    {"ring-back for the isolated", PROMPT, 2, MEDIA_PROMPT_RINGBACK, false, false, true},
    {"silence again", PROMPT, 2, MEDIA_PROMPT_NONE, false, false, true},
    {"the listener is back", ROLE, 2, MEDIA_ROLE_PARTICIPANT, true, true, true},
    {"the listener as tool", ROLE, 2, MEDIA_ROLE_TOOL, true, true, true},
    {"and back", ROLE, 2, MEDIA_ROLE_PARTICIPANT, true, true, true},
    {"music", PROMPT, 2, MEDIA_PROMPT_MUSIC, false, false, true},
    {"no music", PROMPT, 2, MEDIA_PROMPT_NONE, true, true, true},
};

static void order(struct lab *lab, struct lab_phone *const *phones, const struct step *step)
{
    sr_id leg = phones[step->who]->leg;

    switch (step->what) {
    case MUTE:
    case UNMUTE:
        media_leg_set_muted(lab->port, leg, step->what == MUTE);
        break;
    case ROLE:
        media_leg_set_role(lab->port, leg, (enum media_role)step->value);
        break;
    case PROMPT:
        media_leg_set_prompt(lab->port, leg, (enum media_prompt)step->value);
        break;
    case WHISPER:
        media_leg_set_whisper(lab->port, leg,
                              step->value >= 0 ? phones[step->value]->leg : SR_ID_NONE);
        break;
    }
}

static void switch_in_the_mix(enum codec_id codec)
{
    struct lab *lab = lab_here();
    struct lab_phone *phones[3] = {phone(lab, codec, 610), phone(lab, codec, 940),
                                   phone(lab, codec, 0)};

    media_room_set_mode(lab->port, lab->room, MEDIA_MODE_MIX);
    lab_run(lab, 2 * SR_SEC);
    for (size_t i = 0; i < SR_ARRAY_LEN(steps); i++) {
        struct seam at_listener, at_second;

        lab_run(lab, (sr_usec)(i * 7 % 20) * SR_MSEC); /* anywhere in a packet, and in a wave */
        at_listener = seam_begins(phones[2]);
        at_second = seam_begins(phones[1]);
        order(lab, phones, &steps[i]);
        lab_run(lab, 600 * SR_MSEC);
        claim_smooth(&at_listener, steps[i].name);
        claim_smooth(&at_second, steps[i].name);
        if (hears(phones[2], 610) != steps[i].hears_first ||
            hears(phones[2], 940) != steps[i].hears_second ||
            hears(phones[1], 610) != steps[i].second_hears_first)
            print_error("after \"%s\" the wrong ones are heard\n", steps[i].name);
        assert_int_equal(hears(phones[2], 610), steps[i].hears_first);
        assert_int_equal(hears(phones[2], 940), steps[i].hears_second);
        assert_int_equal(hears(phones[1], 610), steps[i].second_hears_first);
    }
    lab_close(lab);
}

static void roles_switch_without_a_click(void **state)
{
    (void)state;
    worst = 0;
    for (size_t i = 0; i < SR_ARRAY_LEN(codecs); i++)
        switch_in_the_mix(codecs[i]);
    SHOW("at a switch the sound bends %.2f times as sharply as around it, at most\n", worst);
}

/* ---- out of a relay ---- */

/* A relayed call becomes a mix at the moment of the switch, and a relay again when nothing needs the mixer. */
static const struct step relay_steps[] = {
    {"mute", MUTE, 0, 0, false, false, false},
    {"unmute", UNMUTE, 0, 0, true, false, false},
    {"isolate", ROLE, 0, MEDIA_ROLE_ISOLATED, false, false, false},
    {"participant", ROLE, 0, MEDIA_ROLE_PARTICIPANT, true, false, false},
    {"tool", ROLE, 0, MEDIA_ROLE_TOOL, false, false, false},
    {"participant", ROLE, 0, MEDIA_ROLE_PARTICIPANT, true, false, false},
    {"isolate the listener", ROLE, 1, MEDIA_ROLE_ISOLATED, false, false, false},
    {"the listener again", ROLE, 1, MEDIA_ROLE_PARTICIPANT, true, false, false},
    {"music", PROMPT, 1, MEDIA_PROMPT_MUSIC, false, false, false},
    {"no music", PROMPT, 1, MEDIA_PROMPT_NONE, true, false, false},
};

static void switch_out_of_relay(enum codec_id codec)
{
    struct lab *lab = lab_here();
    struct lab_phone *phones[2] = {phone(lab, codec, 610), phone(lab, codec, 0)};

    media_room_set_mode(lab->port, lab->room, MEDIA_MODE_RELAY);
    lab_run(lab, 2 * SR_SEC);
    assert_int_equal(lab->last[MEDIA_EVENT_MODE].mode, MEDIA_MODE_RELAY);
    for (size_t i = 0; i < SR_ARRAY_LEN(relay_steps); i++) {
        bool is_back = i % 2 == 1;
        struct seam seam;

        if (is_back) /* as the hub does: the mixer stays for a while */
            media_room_set_mode(lab->port, lab->room, MEDIA_MODE_MIX);
        lab_run(lab, (sr_usec)(i * 7 % 20) * SR_MSEC);
        seam = seam_begins(phones[1]);
        order(lab, phones, &relay_steps[i]);
        lab_run(lab, 700 * SR_MSEC);
        claim_smooth(&seam, relay_steps[i].name);
        assert_int_equal(hears(phones[1], 610), relay_steps[i].hears_first);
        assert_int_equal(lab->last[MEDIA_EVENT_MODE].mode, MEDIA_MODE_MIX);
        if (!is_back)
            continue;
        media_room_set_mode(lab->port, lab->room, MEDIA_MODE_RELAY);
        lab_run(lab, SR_SEC);
        assert_int_equal(lab->last[MEDIA_EVENT_MODE].mode, MEDIA_MODE_RELAY);
        assert_true(hears(phones[1], 610));
    }
    lab_close(lab);
}

static void relayed_calls_switch_without_a_click(void **state)
{
    (void)state;
    worst = 0;
    for (size_t i = 0; i < SR_ARRAY_LEN(codecs); i++)
        switch_out_of_relay(codecs[i]);
    SHOW("at a switch the sound bends %.2f times as sharply as around it, at most\n", worst);
}

/* ---- joining, leaving ---- */

static void come_and_go(enum codec_id codec)
{
    struct lab *lab = lab_here();
    struct lab_phone *ear = phone(lab, codec, 0);

    (void)phone(lab, codec, 610);
    media_room_set_mode(lab->port, lab->room, MEDIA_MODE_MIX);
    lab_run(lab, 2 * SR_SEC);
    for (int i = 0; i < 10; i++) {
        struct lab_phone *guest = phone(lab, codec, 940);
        struct seam seam = seam_begins(ear);

        lab_run(lab, 700 * SR_MSEC + i * 3 * SR_MSEC);
        claim_smooth(&seam, "joins");
        assert_true(hears(ear, 940));
        seam = seam_begins(ear);
        lab_hang_up(guest);
        lab_run(lab, 600 * SR_MSEC);
        claim_smooth(&seam, "leaves");
        assert_false(hears(ear, 940));
        assert_true(hears(ear, 610));
        lab_phone_free(guest);
    }
    lab_close(lab);
}

static void who_joins_or_leaves_makes_no_click(void **state)
{
    (void)state;
    worst = 0;
    for (size_t i = 0; i < SR_ARRAY_LEN(codecs); i++)
        come_and_go(codecs[i]);
    SHOW("at a switch the sound bends %.2f times as sharply as around it, at most\n", worst);
}

/* A call of two, relayed; somebody comes to listen in, whispers to one of them, speaks to both, and goes. */
static void a_supervisor_is_heard_by_whom_it_shall(void **state)
{
    struct lab *lab = lab_here();
    struct lab_phone *agent = phone(lab, CODEC_PCMU, 610), *customer = phone(lab, CODEC_PCMU, 940);
    struct lab_phone *supervisor;

    (void)state;
    media_room_set_mode(lab->port, lab->room, MEDIA_MODE_RELAY);
    lab_run(lab, 2 * SR_SEC);
    supervisor = phone(lab, CODEC_G722, 440);
    media_leg_set_role(lab->port, supervisor->leg, MEDIA_ROLE_TOOL);
    lab_run(lab, 2 * SR_SEC);
    assert_true(hears(supervisor, 610) && hears(supervisor, 940));
    assert_false(hears(agent, 440) || hears(customer, 440));
    media_leg_set_whisper(lab->port, supervisor->leg, agent->leg);
    lab_run(lab, SR_SEC);
    assert_true(hears(agent, 440) && hears(agent, 940));
    assert_false(hears(customer, 440));
    assert_true(hears(customer, 610));
    assert_false(hears(supervisor, 440)); /* not itself */
    media_leg_set_prompt(lab->port, agent->leg,
                         MEDIA_PROMPT_SILENCE); /* on hold, say: still told */
    lab_run(lab, SR_SEC);
    assert_true(hears(agent, 440));
    assert_false(hears(agent, 940));
    media_leg_set_prompt(lab->port, agent->leg, MEDIA_PROMPT_NONE);
    media_leg_set_role(lab->port, supervisor->leg, MEDIA_ROLE_PARTICIPANT);
    lab_run(lab, SR_SEC);
    assert_true(hears(agent, 440) && hears(customer, 440));
    media_leg_set_role(lab->port, supervisor->leg, MEDIA_ROLE_TOOL);
    lab_hang_up(agent); /* the one it whispers to: nobody hears it then */
    lab_run(lab, SR_SEC);
    assert_false(hears(customer, 440));
    lab_phone_free(agent);
    lab_close(lab);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roles_switch_without_a_click),
        cmocka_unit_test(relayed_calls_switch_without_a_click),
        cmocka_unit_test(who_joins_or_leaves_makes_no_click),
        cmocka_unit_test(a_supervisor_is_heard_by_whom_it_shall),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("roles in virtual time", tests, NULL, NULL);
}
