/* One record per call and leg, handed to the store. */
#include "base/alloc.h"
#include "call/internal.h"

static struct store_call_record head_of(const struct call *call)
{
    return (struct store_call_record){
        .call_id = sr_str_c(call->call_id),
        .direction = sr_str_c(call->direction),
        .from = sr_str_c(call->from),
        .from_name = sr_str_c(call->from_name),
        .to = sr_str_c(call->to),
        .route_id = sr_str_c(call->route_id),
        .mode = call->is_pass ? SR_STR("passthrough") : SR_STR("b2bua"),
        .started_wall_us = call->started_wall_us,
        .answered_wall_us = call->answered_wall_us,
        .ended_wall_us = call->ended_wall_us,
        .sip_status = call->sip_status,
        .reason = sr_str_c(call_reason_name(call->reason)),
        .legs_more = call->legs_forgotten,
    };
}

static struct store_leg_record leg_record(const struct leg *leg, char address[SR_ADDR_TEXT_MAX])
{
    const struct media_leg_stats *stats = &leg->stats;

    return (struct store_leg_record){
        .leg_id = sr_str_c(leg->leg_id),
        .kind = sr_str_c(leg__kind_name(leg->kind)),
        .role = sr_str_c(leg__role_name(leg->role)),
        .device_id = sr_str_c(use__whose(leg)),
        .provider_id = sr_str_c(leg->provider_id),
        .number = sr_str_c(leg->number),
        .name = sr_str_c(leg->name),
        .codec = sr_str_c(leg->codec_last),
        .user_agent = sr_str_c(leg->user_agent),
        .address = sr_str_c(
            leg->signalling.family != SR_ADDR_NONE ? sr_addr_text(&leg->signalling, address) : ""),
        .started_wall_us = leg->started_wall_us,
        .answered_wall_us = leg->answered_wall_us,
        .ended_wall_us = leg->ended_wall_us,
        .sip_status = leg->sip_status,
        .reason = sr_str_c(call_reason_name(leg->reason)),
        .rx_packets = stats->rx_packets,
        .tx_packets = stats->tx_packets,
        .lost = stats->lost,
        .loss_pct = leg->has_stats ? stats->loss_pct : -1,
        .jitter_ms = leg->has_stats ? stats->jitter_ms : -1,
        .rtt_ms = stats->rtt_ms,
        .mos = stats->mos,
        .verdict = sr_str_c(leg->verdict),
        .encrypted = sr_str_c(leg__encrypted_name(leg)),
    };
}

void records__started(struct call *call)
{
    struct store_call_record record = head_of(call);

    if (call->engine->store != NULL)
        store_call_started(call->engine->store, &record);
}

bool records__is_paid(const struct leg *leg)
{
    return leg->account_id[0] != '\0';
}

void records__outside(struct call *call)
{
    const struct sr_list *lists[] = {&call->legs, &call->gone};
    struct store_call_record record = head_of(call);
    struct store_leg_record *legs;
    char(*addresses)[SR_ADDR_TEXT_MAX];

    if (call->engine->store == NULL || call->is_ending)
        return;
    legs = sr_zalloc(STORE_LEGS_MAX, sizeof(*legs));
    addresses = sr_zalloc(STORE_LEGS_MAX, sizeof(*addresses));
    for (size_t i = 0; i < SR_ARRAY_LEN(lists); i++) {
        SR_LIST_EACH(lists[i], node)
        {
            const struct leg *leg = SR_CONTAINER(node, struct leg, node);

            if (!records__is_paid(leg) || record.leg_count == STORE_LEGS_MAX)
                continue;
            legs[record.leg_count] = leg_record(leg, addresses[record.leg_count]);
            record.leg_count++;
        }
    }
    record.legs = legs;
    store_call_started(call->engine->store, &record);
    sr_free(addresses);
    sr_free(legs);
}

void records__ended(struct call *call)
{
    struct store_call_record record = head_of(call);
    struct store_leg_record *legs;
    struct store_trace_message *trace;
    char(*addresses)[SR_ADDR_TEXT_MAX];
    size_t leg_count = 0, trace_count = 0;

    if (call->engine->store == NULL)
        return;
    legs = sr_zalloc(call->gone.count, sizeof(*legs));
    addresses = sr_zalloc(call->gone.count, sizeof(*addresses));
    trace = sr_zalloc(call->trace.messages.count, sizeof(*trace));
    SR_LIST_EACH(&call->gone, node)
    {
        legs[leg_count] = leg_record(SR_CONTAINER(node, struct leg, node), addresses[leg_count]);
        leg_count++;
    }
    SR_LIST_EACH(&call->trace.messages, node)
    {
        trace[trace_count++] = trace__message(SR_CONTAINER(node, struct call_trace_message, node));
    }
    record.legs = legs;
    record.leg_count = SR_MIN(leg_count, (size_t)STORE_LEGS_MAX);
    store_call_ended(call->engine->store, &record, trace, trace_count);
    sr_free(trace);
    sr_free(addresses);
    sr_free(legs);
}
