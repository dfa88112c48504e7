/* Why there is no sound from a leg, in one sentence, out of what the media plane counts. */
#include "call/internal.h"

static const char *judge(const struct leg *leg, const struct media_leg_stats *before)
{
    const struct media_leg_stats *now = &leg->stats;

    if (now->rx_packets > before->rx_packets)
        return ""; /* it is heard */
    if (now->srtp_auth_failed > before->srtp_auth_failed)
        return "the packets arrive but cannot be decrypted: the keys differ";
    return leg->verdict; /* nothing new */
}

bool verdict__update(struct leg *leg, const struct media_leg_stats *before)
{
    const char *verdict = judge(leg, before);

    if (strcmp(verdict, leg->verdict) == 0)
        return false;
    if (verdict[0] != '\0')
        sr_log(HUB, WARN, "event=verdict call=%s leg=%s verdict=\"%s\"", leg->call->call_id,
               leg->leg_id, verdict);
    (void)sr_str_copy(sr_str_c(verdict), leg->verdict, sizeof(leg->verdict));
    return true;
}
