/* The first words: packets that come before the leg's stream is known, before its room has a mode, or before their
 * source has proved itself. They are heard a moment later instead of being lost; nothing is forwarded that the latch
 * would not forward. A few places, shared by all legs of a worker: the oldest packet makes room. */
#include "base/alloc.h"
#include "worker/internal.h"

struct early_packet {
    struct sr_node order; /* in worker->early_order */
    struct sr_node node;  /* in leg->early */
    struct mleg *leg;     /* NULL: free */
    struct sr_addr from;
    sr_usec at;
    bool is_open; /* decrypted, and counted by the latch */
    uint16_t bytes_count;
    uint8_t bytes[EARLY_BYTES_MAX];
};

void early__init(struct worker *worker)
{
    worker->early_places = sr_zalloc(EARLY_PLACES, sizeof(*worker->early_places));
    sr_list_init(&worker->early_order);
    for (size_t i = 0; i < EARLY_PLACES; i++)
        sr_list_add(&worker->early_order, &worker->early_places[i].order);
}

void early__done(struct worker *worker)
{
    sr_free(worker->early_places);
}

static void give_back(struct worker *worker, struct early_packet *packet)
{
    sr_list_remove(&packet->leg->early, &packet->node);
    packet->leg = NULL;
    sr_list_remove(&worker->early_order, &packet->order);
    sr_list_add_first(&worker->early_order, &packet->order);
}

static struct early_packet *oldest_of(struct mleg *leg)
{
    return SR_CONTAINER(sr_list_first(&leg->early), struct early_packet, node);
}

void early__keep(struct worker *worker, struct mleg *leg, const struct early_in *in)
{
    struct early_packet *packet;

    if (in->n == 0 || in->n > EARLY_BYTES_MAX)
        return;
    if (leg->early.count == EARLY_LEG_MAX)
        give_back(worker, oldest_of(leg));
    packet = SR_CONTAINER(sr_list_first(&worker->early_order), struct early_packet, order);
    if (packet->leg != NULL) /* of a party that talks while it rings, mostly */
        give_back(worker, packet);
    sr_list_remove(&worker->early_order, &packet->order);
    sr_list_add(&worker->early_order, &packet->order);
    packet->leg = leg;
    packet->from = *in->from;
    packet->at = worker->now;
    packet->is_open = in->is_open;
    packet->bytes_count = (uint16_t)in->n;
    memcpy(packet->bytes, in->bytes, in->n);
    sr_list_add(&leg->early, &packet->node);
}

bool early__next(struct worker *worker, struct mleg *leg, bool is_open, struct early_in *ret_in,
                 sr_usec *ret_at)
{
    SR_LIST_EACH(&leg->early, node)
    {
        struct early_packet *packet = SR_CONTAINER(node, struct early_packet, node);
        bool is_late = worker->now - packet->at > EARLY_AGE_MAX;

        if (packet->is_open != is_open && !is_late)
            continue;
        give_back(worker, packet); /* its bytes are there until another one is kept */
        if (is_late)
            continue;
        *ret_in = (struct early_in){&packet->from, packet->bytes, packet->bytes_count, is_open};
        *ret_at = packet->at;
        return true;
    }
    return false;
}

void early__drop(struct worker *worker, struct mleg *leg)
{
    while (leg->early.count > 0)
        give_back(worker, oldest_of(leg));
}
