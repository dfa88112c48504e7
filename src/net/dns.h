/**
 * @file dns.h  Reads DNS answers (RFC 1035, 2782, 3403) with bounds; TTLs come from here.
 *
 * Layer:   net, but pure (bytes in, values out)
 * Memory:  values only
 * Thread:  re-entrant
 */
#ifndef SR_NET_DNS_H
#define SR_NET_DNS_H

#include "base/addr.h"

enum dns_type {
    DNS_A = 1,
    DNS_CNAME = 5,
    DNS_AAAA = 28,
    DNS_SRV = 33,
    DNS_NAPTR = 35,
};

enum {
    DNS_NAME_MAX = 256,     /* text with NUL */
    DNS_RECORDS_MAX = 32,   /* kept per answer; more are left out */
    DNS_RECORDS_READ = 256, /* looked at per answer */
    DNS_CNAMES_MAX = 8,     /* followed inside one answer */
    DNS_ANSWER_BYTES_MAX = 16384,
};

struct dns_record {
    enum dns_type type;
    uint32_t ttl_sec;
    uint16_t priority;         /* SRV; NAPTR: order */
    uint16_t weight;           /* SRV; NAPTR: preference */
    uint16_t port;             /* SRV */
    struct sr_addr addr;       /* A, AAAA */
    char target[DNS_NAME_MAX]; /* SRV target, NAPTR replacement; "" is the root */
    char service[16];          /* NAPTR, upper case: "SIP+D2U" */
    char flags[4];             /* NAPTR, lower case */
};

struct dns_answer {
    struct dns_record records[DNS_RECORDS_MAX];
    size_t record_count;
    uint32_t ttl_sec_min; /* over records and CNAMEs followed; of nothing: 0 */
};

/**
 * Reads the records of `type` for `name`, following CNAMEs inside the answer. A and AAAA of SRV
 * targets in the additional section are not trusted and not read.
 *
 * @return SR_OK            also with no record (name exists, type does not)
 *         SR_ERR_NOTFOUND  NXDOMAIN
 *         SR_ERR_LIMIT     too large, or too many CNAMEs (a loop)
 *         SR_ERR_SYNTAX    broken
 *         SR_ERR_PROTO     server failure, not an answer, another question
 */
SR_MUST_USE enum sr_err dns_answer_parse(struct sr_str bytes, struct sr_str name,
                                         enum dns_type type, struct dns_answer *ret_answer);

#endif
