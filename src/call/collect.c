/* Keys of one leg, collected for an application (app.h). */
#include "base/alloc.h"
#include "call/internal.h"

enum {
    COLLECT_FIRST_MS = 5000,
    COLLECT_NEXT_MS = 3000,
};

static void collect_free(struct call_collect *collect)
{
    sr_free_secret(collect, sizeof(*collect));
}

/* Takes it from the leg, so that the listener may collect again. */
static void finish(struct call_collect *collect, enum leg_collect_end end)
{
    struct leg_collected collected = {
        .leg = collect->leg, .end = end, .digits = sr_str_make(collect->digits, collect->count)};

    loop_timer_clear(collect->engine->loop, &collect->timer);
    if (collect->leg != NULL)
        collect->leg->collect = NULL;
    collect->options.on_collected(collect->options.arg, &collected);
    collect_free(collect);
}

void collect__tell(struct call_collect *collect)
{
    finish(collect, LEG_COLLECT_GONE);
}

static void on_timer(void *arg)
{
    finish(arg, LEG_COLLECT_TIMEOUT);
}

static void wait_for(struct call_collect *collect, uint32_t ms)
{
    struct loop *loop = collect->engine->loop;

    loop_timer_set(loop, &collect->timer, loop_now(loop) + ms * SR_MSEC);
}

/* The leg's, unless it is another one's by now: arg is the leg. */
static void on_prompt_played(void *arg, const struct leg_played *played)
{
    struct leg *leg = played->leg;
    struct call_collect *collect = leg != NULL ? leg->collect : NULL;

    if (collect == NULL || collect != arg || collect->prompt != played->play)
        return;
    collect->prompt = SR_ID_NONE;
    if (collect->count == 0)
        wait_for(collect, collect->options.first_ms);
}

bool leg_collect(struct leg *leg, const struct call_sound *prompt,
                 const struct leg_collect_options *options)
{
    struct engine *engine = leg->call->engine;
    struct call_collect *collect;
    struct leg_play_options play = {.stops_on_digit = options->has_barge_in,
                                    .on_played = on_prompt_played};

    SR_ASSERT(options->digits_max >= 1 && options->digits_max <= LEG_DIGITS_MAX);
    SR_ASSERT(options->on_collected != NULL);
    if (leg->collect != NULL)
        return false;
    collect = sr_zalloc(1, sizeof(*collect));
    collect->engine = engine;
    collect->leg = leg;
    collect->options = *options;
    if (options->first_ms == 0)
        collect->options.first_ms = COLLECT_FIRST_MS;
    if (options->next_ms == 0)
        collect->options.next_ms = COLLECT_NEXT_MS;
    loop_timer_init(&collect->timer, on_timer, collect);
    leg->collect = collect;
    play.arg = collect;
    if (prompt != NULL)
        collect->prompt = leg_play(leg, prompt, &play);
    if (collect->prompt == SR_ID_NONE)
        wait_for(collect, collect->options.first_ms);
    return true;
}

void leg_collect_stop(struct leg *leg)
{
    struct call_collect *collect = leg->collect;

    if (collect == NULL)
        return;
    leg->collect = NULL;
    loop_timer_clear(collect->engine->loop, &collect->timer);
    if (collect->prompt != SR_ID_NONE)
        leg_play_stop(leg, collect->prompt);
    collect_free(collect);
}

bool collect__is_secret(const struct leg *leg)
{
    return leg->collect != NULL && leg->collect->options.is_secret;
}

bool collect__on_digit(struct leg *leg, char digit)
{
    struct call_collect *collect = leg->collect;
    sr_id prompt;

    if (collect == NULL)
        return false;
    prompt = collect->prompt;
    if (prompt != SR_ID_NONE && !collect->options.has_barge_in)
        return true; /* too early */
    if (prompt != SR_ID_NONE) {
        collect->prompt = SR_ID_NONE;
        leg_play_stop(leg, prompt);
    }
    if (digit == collect->options.terminator && digit != '\0') {
        finish(collect, LEG_COLLECT_TERMINATOR);
        return true;
    }
    collect->digits[collect->count++] = digit;
    if (collect->count == collect->options.digits_max)
        finish(collect, LEG_COLLECT_FULL);
    else
        wait_for(collect, collect->options.next_ms);
    return true;
}

void collect__leg_gone(struct leg *leg)
{
    struct call_collect *collect = leg->collect;

    if (collect == NULL)
        return;
    leg->collect = NULL;
    collect->leg = NULL;
    loop_timer_clear(collect->engine->loop, &collect->timer);
    sr_list_add(&collect->engine->collects_over, &collect->node);
    loop_defer(collect->engine->loop, &collect->engine->over_job);
}
