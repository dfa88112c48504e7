/* Numbers that are answered with a sentence. */
#include "apps/apps.h"
#include "base/buf.h"
#include "net/clock.h"
#include "speech/words.h"

enum {
    SENTENCE_MAX = 256
};

static bool serves(const struct config_extension *what)
{
    return what->kind == CONFIG_EXTENSION_VOICEBOX || what->kind == CONFIG_EXTENSION_FEATURE;
}

static bool is_clock(const struct config_extension *what)
{
    return what->kind == CONFIG_EXTENSION_FEATURE && what->feature->kind == CONFIG_FEATURE_CLOCK;
}

static const char *name_of(const struct config_extension *what)
{
    if (what->kind == CONFIG_EXTENSION_VOICEBOX)
        return "Voicemail";
    switch (what->feature->kind) {
    case CONFIG_FEATURE_MY_VOICEMAIL:
    case CONFIG_FEATURE_ANY_VOICEMAIL:
        return "Voicemail";
    case CONFIG_FEATURE_PICKUP:
        return "Call pickup";
    case CONFIG_FEATURE_INTERCOM:
        return "Intercom";
    case CONFIG_FEATURE_ECHO:
    case CONFIG_FEATURE_CLOCK:
        break;
    }
    return "This feature";
}

static void write_time(struct call *call, struct sr_buf *buf)
{
    struct net_clock_local local;

    net_clock_local(call_wall(call), &local);
    sr_buf_c(buf, "It is");
    words_time(buf, local.hour, local.minute);
    sr_buf_c(buf, ".");
}

static void on_enter(void *state, struct call *call, struct leg *leg,
                     const struct config_extension *what)
{
    struct call_sound sound = {.kind = CALL_SOUND_TEXT};
    char sentence[SENTENCE_MAX];
    struct sr_buf buf;

    (void)state;
    sr_buf_init_fixed(&buf, sentence, sizeof(sentence));
    if (is_clock(what)) {
        write_time(call, &buf);
        sound.text = sr_buf_view(&buf);
        leg_announce(leg, &sound, CALL_REASON_HANGUP);
        return;
    }
    sr_buf_c(&buf, name_of(what));
    sr_buf_c(&buf, " is not available yet. Goodbye.");
    sound.text = sr_buf_view(&buf);
    leg_announce(leg, &sound, CALL_REASON_NOT_BUILT);
}

const struct app_ops app_announce = {
    .name = "announce",
    .serves = serves,
    .on_enter = on_enter,
};
