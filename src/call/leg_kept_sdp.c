/* What a leg's SDP says: two large structs that only some turns of the loop look at, packed between them. */
#include "base/alloc.h"
#include "base/pack.h"
#include "call/internal.h"

_Static_assert(sizeof(struct leg_sdp) % 4 == 0 && sizeof(struct leg_sdp) <= SR_PACK_BYTES_MAX,
               "sr_pack() takes it");
_Static_assert(sizeof(struct leg) <= 4096, "a relayed call has two legs, and 64 kB in all");

static void on_turn_end(void *arg)
{
    struct leg_kept_sdp *kept = arg;

    kept->packed_bytes = sr_pack(kept->open, sizeof(*kept->open), NULL);
    kept->packed = sr_alloc(kept->packed_bytes);
    (void)sr_pack(kept->open, sizeof(*kept->open), kept->packed);
    sr_free_secret(kept->open, sizeof(*kept->open)); /* keys */
    kept->open = NULL;
}

static void drop_packed(struct leg_kept_sdp *kept)
{
    sr_free_secret(kept->packed, kept->packed_bytes);
    kept->packed = NULL;
    kept->packed_bytes = 0;
}

/* A leg that is only read opens them too: what they say does not change. */
struct leg_sdp *leg__sdp(const struct leg *leg)
{
    struct leg_kept_sdp *kept = (struct leg_kept_sdp *)&leg->sdp;

    if (kept->open != NULL)
        return kept->open;
    kept->open = sr_zalloc(1, sizeof(*kept->open));
    if (kept->packed != NULL)
        sr_unpack(kept->packed, kept->packed_bytes, kept->open, sizeof(*kept->open));
    drop_packed(kept);
    loop_job_init(&kept->job, on_turn_end, kept);
    loop_defer(leg->engine->loop, &kept->job);
    return kept->open;
}

void leg__drop_sdp(struct leg *leg)
{
    struct leg_kept_sdp *kept = &leg->sdp;

    if (kept->open != NULL)
        loop_defer_clear(leg->engine->loop, &kept->job);
    sr_free_secret(kept->open, sizeof(*kept->open));
    kept->open = NULL;
    drop_packed(kept);
}

void leg__forget_sdp(struct leg *copy)
{
    copy->sdp = (struct leg_kept_sdp){0};
}
