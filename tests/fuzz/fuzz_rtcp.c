/* RTCP: what parses stays inside the bytes and cannot upset the peer's state. */
#include "media/rtcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rtcp_compound compound, reduced;
    struct rtcp_peer peer;

    if (rtcp_parse(data, size, true, &reduced) != SR_OK) {
        SR_ASSERT(rtcp_parse(data, size, false, &compound) != SR_OK);
        return 0;
    }
    SR_ASSERT(reduced.block_count <= RTCP_BLOCK_MAX && reduced.packet_count > 0);
    if (reduced.cname.n > 0) {
        const uint8_t *p = (const uint8_t *)reduced.cname.p;

        SR_ASSERT(p >= data && p + reduced.cname.n <= data + size);
    }
    rtcp_peer_init(&peer);
    for (unsigned i = 0; i < reduced.block_count; i++)
        rtcp_peer_on_compound(&peer, &reduced, reduced.blocks[i].ssrc, 8000, 5, 1000000);
    SR_ASSERT(!peer.has_rtt || (peer.rtt_us >= 0 && peer.rtt_us <= 30000000));
    return 0;
}
