#include "base/random.h"

#include <errno.h>
#include <sys/random.h>

void sr_random_bytes(void *out, size_t n)
{
    unsigned char *to = out;

    while (n > 0) {
        ssize_t got = getrandom(to, n, 0);

        if (got < 0 && errno == EINTR)
            continue;
        SR_ASSERT(got > 0);
        to += got;
        n -= (size_t)got;
    }
}

uint64_t sr_random_u64(void)
{
    uint64_t value;

    sr_random_bytes(&value, sizeof(value));
    return value;
}

void sr_random_hex(struct sr_buf *buf, size_t bytes)
{
    unsigned char raw[32];

    while (bytes > 0) {
        size_t n = SR_MIN(bytes, sizeof(raw));

        sr_random_bytes(raw, n);
        sr_buf_hex(buf, raw, n);
        bytes -= n;
    }
}

/* splitmix64 spreads one seed over the state */
void sr_prng_seed(struct sr_prng *prng, uint64_t seed)
{
    for (size_t i = 0; i < SR_ARRAY_LEN(prng->s); i++) {
        uint64_t z;

        seed += 0x9e3779b97f4a7c15u;
        z = seed;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        prng->s[i] = z ^ (z >> 31);
    }
}

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return (x << bits) | (x >> (64 - bits));
}

uint64_t sr_prng_u64(struct sr_prng *prng)
{
    uint64_t *s = prng->s;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t sr_prng_below(struct sr_prng *prng, uint64_t n)
{
    SR_ASSERT(n > 0);
    return sr_prng_u64(prng) % n;
}

double sr_prng_double(struct sr_prng *prng)
{
    return (double)(sr_prng_u64(prng) >> 11) * 0x1.0p-53;
}
