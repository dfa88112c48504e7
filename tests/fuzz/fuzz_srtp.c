#include "rtc/srtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    ROOM = 1500
};

typedef enum sr_err work_fn(struct srtp *srtp, uint8_t *bytes, size_t *n);

/* What nobody protected is never taken, and stays as it came. */
static void refuse(struct srtp *rx, work_fn *unprotect, const uint8_t *data, size_t size)
{
    uint8_t bytes[ROOM + SRTP_TRAILER_BYTES_MAX];
    size_t n = size;

    memcpy(bytes, data, size);
    SR_ASSERT(unprotect(rx, bytes, &n) != SR_OK);
    SR_ASSERT(n == size && memcmp(bytes, data, size) == 0);
}

/* What can be protected comes back, and only once. */
static void bring_back(struct srtp *tx, struct srtp *rx, work_fn *protect, work_fn *unprotect,
                       const uint8_t *data, size_t size)
{
    uint8_t bytes[ROOM + SRTP_TRAILER_BYTES_MAX], again[ROOM + SRTP_TRAILER_BYTES_MAX];
    size_t n = size, again_n;

    memcpy(bytes, data, size);
    if (protect(tx, bytes, &n) != SR_OK)
        return;
    SR_ASSERT(n > size && n <= size + SRTP_TRAILER_BYTES_MAX);
    memcpy(again, bytes, n);
    again_n = n;
    SR_ASSERT(unprotect(rx, bytes, &n) == SR_OK);
    SR_ASSERT(n == size && memcmp(bytes, data, size) == 0);
    SR_ASSERT(unprotect(rx, again, &again_n) == SR_ERR_EXISTS);
}

/* One byte that chooses the suite, one byte as key, then a packet. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct srtp_keys keys = {0};
    struct srtp tx, rx;

    if (size < 2 || size - 2 > ROOM)
        return 0;
    keys.suite = (enum srtp_suite)(1 + data[0] % (SRTP_SUITE_COUNT - 1));
    memset(keys.bytes, data[1], srtp_key_bytes(keys.suite));
    SR_ASSERT(srtp_init(&tx, &keys, SRTP_SEND) == SR_OK);
    SR_ASSERT(srtp_init(&rx, &keys, SRTP_RECEIVE) == SR_OK);
    refuse(&rx, srtp_unprotect, data + 2, size - 2);
    refuse(&rx, srtcp_unprotect, data + 2, size - 2);
    bring_back(&tx, &rx, srtp_protect, srtp_unprotect, data + 2, size - 2);
    bring_back(&tx, &rx, srtcp_protect, srtcp_unprotect, data + 2, size - 2);
    srtp_done(&tx);
    srtp_done(&rx);
    return 0;
}
