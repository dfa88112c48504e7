#include "dtls/dtls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Any datagrams for a server and a client in the middle of their handshakes: never up, never more than
   a flight back. Each datagram: two bytes of length, then the bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct dtls_identity *identity;
    struct dtls_options options = {.is_client = true};
    struct dtls *ends[2];
    struct dtls_step step;

    if (identity == NULL)
        SR_ASSERT(dtls_identity_new(&identity) == SR_OK);
    ends[0] = dtls_new(identity, &options);
    options.is_client = false;
    ends[1] = dtls_new(identity, &options);
    SR_ASSERT(ends[0] != NULL && ends[1] != NULL);
    dtls_start(ends[0], SR_SEC, &step);
    SR_ASSERT(step.datagram_count > 0);
    while (size >= 2) {
        size_t n = SR_MIN((size_t)data[0] << 8 | data[1], size - 2);

        for (size_t i = 0; i < 2; i++) {
            dtls_receive(ends[i], data + 2, n, SR_SEC, &step);
            SR_ASSERT(step.event != DTLS_EVENT_UP);
            SR_ASSERT(step.datagram_count <= DTLS_FLIGHT_MAX);
            for (size_t k = 0; k < step.datagram_count; k++)
                SR_ASSERT(dtls_datagram(ends[i], k).n <= DTLS_DATAGRAM_BYTES_MAX);
        }
        data += 2 + n;
        size -= 2 + n;
    }
    dtls_free(ends[0]);
    dtls_free(ends[1]);
    return 0;
}
