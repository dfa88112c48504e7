/* Numbers that are answered with a sentence. */
#include "apps/apps.h"
#include "base/buf.h"
#include "net/clock.h"
#include "speech/words.h"

enum {
    SENTENCE_MAX = 256
};

static bool is_feature(const struct config_extension *what, enum config_feature_kind kind)
{
    return what->kind == CONFIG_EXTENSION_FEATURE && what->feature->kind == kind;
}

static bool is_voicemail(const struct config_extension *what)
{
    return what->kind == CONFIG_EXTENSION_VOICEBOX ||
           is_feature(what, CONFIG_FEATURE_MY_VOICEMAIL) ||
           is_feature(what, CONFIG_FEATURE_ANY_VOICEMAIL);
}

static bool serves(const struct config_extension *what)
{
    return is_voicemail(what) || is_feature(what, CONFIG_FEATURE_CLOCK);
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
    if (is_voicemail(what)) {
        sound.text = SR_STR("Voicemail is not available yet. Goodbye.");
        leg_announce(leg, &sound, CALL_REASON_NOT_BUILT);
        return;
    }
    sr_buf_init_fixed(&buf, sentence, sizeof(sentence));
    write_time(call, &buf);
    sound.text = sr_buf_view(&buf);
    leg_announce(leg, &sound, CALL_REASON_HANGUP);
}

const struct app_ops app_announce = {
    .name = "announce",
    .serves = serves,
    .on_enter = on_enter,
};
