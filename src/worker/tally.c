/* What a worker has done, for people: counted by it, read by the front. */
#include "worker/internal.h"

/* Raises or keeps: the front takes it away meanwhile. */
static void note_late(struct tally *tally, sr_usec late)
{
    sr_usec worst = atomic_load_explicit(&tally->late_worst, memory_order_relaxed);

    while (late > worst &&
           !atomic_compare_exchange_weak_explicit(&tally->late_worst, &worst, late,
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
}

void tally__tick(struct worker *worker, sr_usec late)
{
    struct tally *tally = &worker->tally;

    tally__add(&tally->ticks, 1);
    if (late <= WORKER_LATE_US)
        return;
    tally__add(&tally->late_ticks, 1);
    if (late <= WORKER_TICK)
        return;
    note_late(tally, late); /* before the count: who sees the count sees how late */
    tally__add(&tally->overruns, 1);
}

void tally__leg(struct worker *worker, struct mleg *leg)
{
    uint32_t drops;

    tally__add(&worker->tally.rx_packets, leg->rx_packets - leg->tallied_rx);
    tally__add(&worker->tally.tx_packets, leg->tx_packets - leg->tallied_tx);
    leg->tallied_rx = leg->rx_packets;
    leg->tallied_tx = leg->tx_packets;
    if (leg->rtp_fd < 0)
        return;
    drops = sockets__kernel_drops(leg->rtp_fd);
    leg->kernel_drops += drops - leg->kernel_dropped;
    tally__add(&worker->tally.kernel_drops, drops - leg->kernel_dropped);
    leg->kernel_dropped = drops;
}

static void tally_bport(struct worker *worker)
{
    uint32_t drops = bport_kernel_drops(worker->bport);

    tally__add(&worker->tally.kernel_drops, drops - worker->bport_kernel_dropped);
    worker->bport_kernel_dropped = drops;
}

void tally__legs(struct worker *worker)
{
    struct tally *tally = &worker->tally;
    uint64_t rx = 0, tx = 0;
    uint32_t mixed = 0, quiet = 0;

    for (uint32_t i = 0; i < worker->leg_count; i++) {
        struct mleg *leg = worker->legs[i];

        rx += leg->rx_packets - leg->tallied_rx;
        tx += leg->tx_packets - leg->tallied_tx;
        leg->tallied_rx = leg->rx_packets;
        leg->tallied_tx = leg->tx_packets;
        if (leg->room->mode != MEDIA_MODE_MIX || !mleg__has_wire(leg))
            continue;
        mixed++;
        quiet += leg->frame == NULL;
    }
    tally__add(&tally->rx_packets, rx);
    tally__add(&tally->tx_packets, tx);
    atomic_store_explicit(&tally->legs, worker->leg_count, memory_order_relaxed);
    atomic_store_explicit(&tally->legs_mixed, mixed, memory_order_relaxed);
    atomic_store_explicit(&tally->legs_quiet, quiet, memory_order_relaxed);
    atomic_store_explicit(&tally->opus_complexity, worker->complexity_max, memory_order_relaxed);
    if (worker->bport != NULL)
        tally_bport(worker);
}

void tally__blame(struct worker *worker, sr_usec stolen)
{
    uint64_t overruns = atomic_load(&worker->tally.overruns);
    sr_usec worst = atomic_exchange(&worker->tally.late_worst, 0);

    if (overruns != worker->overruns_seen && stolen >= worst)
        worker->overruns_stolen += overruns - worker->overruns_seen;
    worker->overruns_seen = overruns;
}

void tally__read(const struct worker *worker, struct media_worker_stats *ret_stats)
{
    const struct tally *tally = &worker->tally;

    *ret_stats = (struct media_worker_stats){
        .rooms = worker->room_count,
        .legs = atomic_load(&tally->legs),
        .legs_mixed = atomic_load(&tally->legs_mixed),
        .legs_quiet = atomic_load(&tally->legs_quiet),
        .rx_packets = atomic_load(&tally->rx_packets),
        .tx_packets = atomic_load(&tally->tx_packets),
        .kernel_drops = atomic_load(&tally->kernel_drops),
        .ticks = atomic_load(&tally->ticks),
        .late_ticks = atomic_load(&tally->late_ticks),
        .overruns = atomic_load(&tally->overruns),
        .overruns_stolen = worker->overruns_stolen,
        .encodes = atomic_load(&tally->encodes),
        .encodes_shared = atomic_load(&tally->encodes_shared),
        .reports_refused = atomic_load(&tally->reports_refused),
        .opus_complexity =
            (uint64_t)SR_MIN(atomic_load(&tally->opus_complexity), CODEC_COMPLEXITY_DEFAULT),
    };
}
