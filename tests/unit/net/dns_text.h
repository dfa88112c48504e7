/**
 * @file dns_text.h  Builds DNS answers for tests.
 */
#ifndef SR_TEST_NET_DNS_TEXT_H
#define SR_TEST_NET_DNS_TEXT_H

#include "base/buf.h"
#include "net/dns.h"

static inline void put16(struct sr_buf *b, unsigned v)
{
    sr_buf_char(b, (char)(v >> 8));
    sr_buf_char(b, (char)v);
}

static inline void put_name(struct sr_buf *b, const char *name)
{
    struct sr_str rest = sr_str_c(name), label;

    while (sr_str_split(&rest, '.', &label)) {
        sr_buf_char(b, (char)label.n);
        sr_buf_str(b, label);
    }
    sr_buf_char(b, 0);
}

/** Header and question; flags 0x8180 is a good answer. */
static inline void put_head(struct sr_buf *b, unsigned id, unsigned flags, const char *name,
                            unsigned type, unsigned answers)
{
    put16(b, id);
    put16(b, flags);
    put16(b, 1);
    put16(b, answers);
    put16(b, 0);
    put16(b, 0);
    put_name(b, name);
    put16(b, type);
    put16(b, 1);
}

static inline void put_record(struct sr_buf *b, const char *name, unsigned type, unsigned ttl,
                              struct sr_str data)
{
    put_name(b, name);
    put16(b, type);
    put16(b, 1);
    put16(b, ttl >> 16);
    put16(b, ttl & 0xffff);
    put16(b, (unsigned)data.n);
    sr_buf_str(b, data);
}

static inline void put_srv(struct sr_buf *b, const char *name, unsigned ttl, unsigned priority,
                           unsigned weight, unsigned port, const char *target)
{
    struct sr_buf data;
    char array[300];

    sr_buf_init_fixed(&data, array, sizeof(array));
    put16(&data, priority);
    put16(&data, weight);
    put16(&data, port);
    put_name(&data, target);
    put_record(b, name, DNS_SRV, ttl, sr_buf_view(&data));
}

static inline void put_cname(struct sr_buf *b, const char *name, unsigned ttl, const char *target)
{
    struct sr_buf data;
    char array[300];

    sr_buf_init_fixed(&data, array, sizeof(array));
    put_name(&data, target);
    put_record(b, name, DNS_CNAME, ttl, sr_buf_view(&data));
}

#endif
