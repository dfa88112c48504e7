#include "net/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte chooses the type asked for; the name asked is always "a.x". */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum dns_type types[4] = {DNS_A, DNS_AAAA, DNS_SRV, DNS_NAPTR};
    static struct dns_answer answer;

    if (size < 1)
        return 0;
    enum dns_type type = types[data[0] & 3];
    if (dns_answer_parse(sr_str_make((const char *)data + 1, size - 1), SR_STR("a.x"), type,
                         &answer) != SR_OK)
        return 0;
    SR_ASSERT(answer.record_count <= DNS_RECORDS_MAX);
    for (size_t i = 0; i < answer.record_count; i++) {
        SR_ASSERT(answer.records[i].type == type);
        SR_ASSERT(memchr(answer.records[i].target, 0, DNS_NAME_MAX) != NULL);
    }
    return 0;
}
