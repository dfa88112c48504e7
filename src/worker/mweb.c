/* Packets of a browser's leg: out of its ring, out through the browser port. */
#include "worker/internal.h"

union item {
    struct wring_head head;
    uint8_t bytes[WRING_PACKET_AT + BPORT_PACKET_MAX];
};

static void take_path(struct mleg *leg, const struct ice_path *path)
{
    leg->web->path = *path;
    leg->web->is_path_heard = false;
}

bool mweb__read(struct mleg *leg, uint8_t *bytes, size_t size, size_t *ret_n,
                sr_usec *ret_arrived_at)
{
    union item item;
    size_t n;

    while (pktring_pop(&leg->web->peer.ring, &item, sizeof(item), &n)) {
        if (item.head.kind == WRING_PATH) {
            take_path(leg, &item.head.path);
            continue;
        }
        n -= WRING_PACKET_AT;
        if (n > size) {
            leg->rx_dropped++;
            continue;
        }
        memcpy(bytes, item.bytes + WRING_PACKET_AT, n);
        *ret_n = n;
        *ret_arrived_at = item.head.arrived_at;
        return true;
    }
    return false;
}

bool mweb__send(const struct mleg *leg, const uint8_t *bytes, size_t n)
{
    const struct worker *worker = leg->room->worker;
    uint32_t sender = worker->bport != NULL ? (uint32_t)BPORT_SELF : worker->index;

    if (leg->web->path.remote.family == SR_ADDR_NONE)
        return false;
    return bport_send(leg->web->bport, sender, &leg->web->path, bytes, n);
}

void mweb__serve_rings(struct worker *worker)
{
    if (!atomic_exchange(&worker->is_ring_due, false))
        return;
    for (uint32_t i = 0; i < worker->leg_count; i++) {
        struct mleg *leg = worker->legs[i];

        if (leg->web != NULL && leg->is_watched && !pktring_is_empty(&leg->web->peer.ring))
            mleg__receive(worker, leg);
    }
}
