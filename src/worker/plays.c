/* The sounds of one leg, in the worker: one is heard, the others wait. Each is an order that comes back
   to the front when it is over. */
#include "worker/internal.h"

static struct order *first_of(struct mleg *leg)
{
    struct sr_node *node = sr_list_first(&leg->plays);

    return node != NULL ? SR_CONTAINER(node, struct order, held) : NULL;
}

static void give_back(struct worker *worker, struct mleg *leg, struct order *order)
{
    sr_list_remove(&leg->plays, &order->held);
    worker__return(worker, order);
}

/* Whether somebody calls plays__hear(), _say() or _skip() for it. */
static bool is_ticking(const struct mleg *leg)
{
    return leg->room->mode == MEDIA_MODE_MIX && leg->kit != NULL;
}

static void stop_one(struct worker *worker, struct mleg *leg, struct order *order,
                     enum media_play_end end)
{
    play_stop(order->play, end);
    if (order->play->is_over || !is_ticking(leg))
        give_back(worker, leg, order);
}

void plays__stop(struct worker *worker, struct mleg *leg, uint64_t play, enum media_play_end end)
{
    SR_LIST_EACH(&leg->plays, node)
    {
        struct order *order = SR_CONTAINER(node, struct order, held);

        if (play == 0 || order->play->options.play == play)
            stop_one(worker, leg, order, end);
    }
}

void plays__start(struct worker *worker, struct mleg *leg, struct order *order)
{
    if (!order->play->options.is_queued)
        plays__stop(worker, leg, 0, MEDIA_PLAY_STOPPED);
    sr_list_add(&leg->plays, &order->held);
}

void plays__on_digit(struct worker *worker, struct mleg *leg)
{
    SR_LIST_EACH(&leg->plays, node)
    {
        struct order *order = SR_CONTAINER(node, struct order, held);

        if (order->play->options.stops_on_digit)
            stop_one(worker, leg, order, MEDIA_PLAY_DIGIT);
    }
}

void plays__close(struct worker *worker, struct mleg *leg)
{
    struct order *order;

    while ((order = first_of(leg)) != NULL) {
        if (!order->play->is_stopping)
            order->play->end = MEDIA_PLAY_CLOSED;
        give_back(worker, leg, order);
    }
}

void plays__skip(struct worker *worker, struct mleg *leg)
{
    SR_LIST_EACH(&leg->plays, node)
    {
        struct order *order = SR_CONTAINER(node, struct order, held);

        if (order->play->is_stopping)
            give_back(worker, leg, order);
    }
}

void plays__hear(struct worker *worker, struct mleg *leg, uint32_t bus_hz, float *frame)
{
    struct order *order = first_of(leg);
    size_t n = bus_hz / 1000 * PLAY_FRAME_MS;
    float sound[LEG_FRAME_MAX], ramp[LEG_FRAME_MAX];

    if (order == NULL)
        return;
    play_run(order->play, bus_hz, sound, ramp);
    for (size_t i = 0; i < n; i++)
        frame[i] = frame[i] * (order->play->options.is_over ? 1.0f : 1.0f - ramp[i]) + sound[i];
    if (order->play->is_over)
        give_back(worker, leg, order);
}

bool plays__say(struct worker *worker, struct mleg *leg, uint32_t bus_hz, float *frame)
{
    struct order *order = first_of(leg);

    if (order == NULL)
        return false;
    play_run(order->play, bus_hz, frame, NULL);
    if (order->play->is_over)
        give_back(worker, leg, order);
    return true;
}
