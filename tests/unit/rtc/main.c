#include "test.h"

#include <stdlib.h>

#include <openssl/crypto.h>

uint64_t allocations;

static void *counted_malloc(size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    allocations++;
    return malloc(n);
}

static void *counted_realloc(void *p, size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    allocations++;
    return realloc(p, n);
}

static void counted_free(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    free(p);
}

int main(void)
{
    int failed = 0;

    if (CRYPTO_set_mem_functions(counted_malloc, counted_realloc, counted_free) != 1)
        return 1;
    failed += run_stun();
    failed += run_ice();
    failed += run_srtp();
    failed += run_srtp_oracle();
    return failed != 0;
}
