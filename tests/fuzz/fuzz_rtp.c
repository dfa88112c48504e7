/* RTP: what parses stays inside the bytes, reads back the same, and goes through receive state,
 * latch, relay and DTMF without harm. */
#include "media/dtmf.h"
#include "media/latch.h"
#include "media/rtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_relay(const uint8_t *data, size_t size, const struct rtp_packet *packet)
{
    struct rtp_relay_target target = {.payload_type = 8, .clock_hz = 8000, .now = 1000};
    uint8_t copy[RTP_PACKET_BYTES_MAX];
    struct rtp_packet moved, again;
    struct rtp_relay_out out;
    struct rtp_sender sender;
    struct rtp_relay relay;

    if (size > sizeof(copy))
        return;
    memcpy(copy, data, size);
    rtp_sender_init(&sender, 1, 2, 3);
    rtp_relay_init(&relay);
    SR_ASSERT(rtp_parse(copy, size, &moved) == SR_OK);
    SR_ASSERT(rtp_relay_rewrite(&relay, &sender, copy, &moved, &target, &out) == RTP_RELAY_SEND);
    SR_ASSERT(out.bytes >= copy && out.bytes + out.n <= copy + size);
    SR_ASSERT(rtp_parse(out.bytes, out.n, &again) == SR_OK);
    SR_ASSERT(again.payload_bytes == packet->payload_bytes && again.seq == 2);
    SR_ASSERT(packet->payload_bytes == 0 ||
              memcmp(again.payload, packet->payload, packet->payload_bytes) == 0);
}

static void check_states(const struct rtp_packet *packet)
{
    struct sr_addr from = {.family = SR_ADDR_IP4, .port = 9, .ip = {192, 0, 2, 1}};
    struct latch_options options = {.sdp = from};
    struct dtmf_step step;
    struct rtp_source source;
    struct latch latch;
    struct dtmf_rx rx;

    latch_allow(&options, packet->payload_type);
    latch_init(&latch, &options);
    rtp_source_init(&source, 8000);
    dtmf_rx_init(&rx, 8000);
    for (sr_usec now = 0; now < 5; now++) {
        (void)rtp_source_push(&source, packet, now);
        SR_ASSERT(latch_on_packet(&latch, &from, packet, now).verdict == LATCH_HOLD);
        dtmf_rx_push(&rx, packet, now, &step);
    }
    SR_ASSERT(rtp_source_lost(&source) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t out[4096];
    struct rtp_packet packet, again;
    const uint8_t *element;
    size_t n;

    (void)rtp_is_rtcp(data, size);
    if (rtp_parse(data, size, &packet) != SR_OK)
        return 0;
    SR_ASSERT(packet.payload >= data && packet.payload + packet.payload_bytes <= data + size);
    for (unsigned id = 0; id < 256; id++) {
        if (rtp_ext_find(&packet, (uint8_t)id, &element, &n))
            SR_ASSERT(element >= packet.ext && element + n <= packet.ext + packet.ext_bytes);
    }
    if (rtp_write(&packet, out, sizeof(out), &n) == SR_OK) {
        SR_ASSERT(n + packet.padding_bytes == size);
        SR_ASSERT(rtp_parse(out, n, &again) == SR_OK);
        SR_ASSERT(again.payload_bytes == packet.payload_bytes);
    }
    check_relay(data, size, &packet);
    check_states(&packet);
    return 0;
}
