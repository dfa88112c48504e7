#include <stdio.h>

#include "base/alloc.h"
#include "net/resolver_internal.h"

struct sim_record {
    struct sr_node link;
    char name[DNS_NAME_MAX];
    struct dns_record record;
};

struct sim_ask {
    struct sr_node link;
    struct resolver_sim *sim;
    struct loop_timer timer;
    char name[DNS_NAME_MAX];
    enum dns_type type;
};

struct resolver_sim {
    struct resolver resolver;
    sr_usec delay_usec;
    struct sr_list records;
    struct sr_list asks;
};

static struct resolver_sim *as_sim(struct resolver *resolver)
{
    return SR_CONTAINER(resolver, struct resolver_sim, resolver);
}

static void on_answer(void *arg)
{
    struct sim_ask *ask = arg;
    struct resolver_sim *self = ask->sim;
    struct dns_answer answer = {.ttl_sec_min = UINT32_MAX};
    bool is_known = false;

    SR_LIST_EACH(&self->records, link)
    {
        const struct sim_record *r = SR_CONTAINER(link, struct sim_record, link);
        if (!sr_str_ieq_c(sr_str_c(ask->name), r->name))
            continue;
        is_known = true;
        if (r->record.type != ask->type || answer.record_count == DNS_RECORDS_MAX)
            continue;
        answer.records[answer.record_count++] = r->record;
        answer.ttl_sec_min = SR_MIN(answer.ttl_sec_min, r->record.ttl_sec);
    }
    resolver__answered(&self->resolver, ask->name, ask->type, is_known ? SR_OK : SR_ERR_NOTFOUND,
                       &answer);
    sr_list_remove(&self->asks, &ask->link);
    sr_free(ask);
}

static void sim_ask(struct resolver *resolver, const char *name, enum dns_type type)
{
    struct resolver_sim *self = as_sim(resolver);
    struct sim_ask *ask = sr_zalloc(1, sizeof(*ask));

    ask->sim = self;
    ask->type = type;
    (void)snprintf(ask->name, sizeof(ask->name), "%s", name);
    loop_timer_init(&ask->timer, on_answer, ask);
    loop_timer_set(resolver->loop, &ask->timer, loop_now(resolver->loop) + self->delay_usec);
    sr_list_add(&self->asks, &ask->link);
}

void resolver_sim_clear(struct resolver *resolver)
{
    struct sr_node *node;

    while ((node = sr_list_pop(&as_sim(resolver)->records)) != NULL)
        sr_free(SR_CONTAINER(node, struct sim_record, link));
}

static void sim_free(struct resolver *resolver)
{
    struct resolver_sim *self = as_sim(resolver);
    struct sr_node *node;

    resolver_sim_clear(resolver);
    while ((node = sr_list_pop(&self->asks)) != NULL) {
        struct sim_ask *ask = SR_CONTAINER(node, struct sim_ask, link);
        loop_timer_clear(resolver->loop, &ask->timer);
        sr_free(ask);
    }
    resolver__done(resolver);
    sr_free(self);
}

static const struct resolver_ops ops_sim = {.ask = sim_ask, .free = sim_free};

struct resolver *resolver_sim_new(struct loop *loop, sr_usec delay_usec)
{
    struct resolver_sim *self = sr_zalloc(1, sizeof(*self));

    resolver__init(&self->resolver, &ops_sim, loop, 0, loop_sim_seed(loop) | 1);
    self->delay_usec = delay_usec;
    sr_list_init(&self->records);
    sr_list_init(&self->asks);
    return &self->resolver;
}

static enum sr_err next_u16(struct sr_str *rest, uint16_t *ret_value)
{
    struct sr_str word;
    uint32_t value;

    if (!sr_str_split(rest, ' ', &word) || sr_str_u32(word, UINT16_MAX, &value) != SR_OK)
        return SR_ERR_SYNTAX;
    *ret_value = (uint16_t)value;
    return SR_OK;
}

static enum sr_err next_word(struct sr_str *rest, char *out, size_t size)
{
    struct sr_str word;

    if (!sr_str_split(rest, ' ', &word) || !sr_str_copy(word, out, size))
        return SR_ERR_SYNTAX;
    return SR_OK;
}

static enum sr_err parse_data(struct dns_record *record, struct sr_str rest)
{
    enum sr_err err = SR_OK;

    if (record->type == DNS_A || record->type == DNS_AAAA)
        return sr_addr_parse_ip(rest, &record->addr);
    if (record->type != DNS_SRV && record->type != DNS_NAPTR)
        return SR_ERR_UNSUPPORTED;
    err = next_u16(&rest, &record->priority);
    if (err == SR_OK)
        err = next_u16(&rest, &record->weight);
    if (err == SR_OK && record->type == DNS_SRV)
        err = next_u16(&rest, &record->port);
    if (err == SR_OK && record->type == DNS_NAPTR)
        err = next_word(&rest, record->flags, sizeof(record->flags));
    if (err == SR_OK && record->type == DNS_NAPTR)
        err = next_word(&rest, record->service, sizeof(record->service));
    if (err == SR_OK)
        err = next_word(&rest, record->target, sizeof(record->target));
    if (err == SR_OK && strcmp(record->target, ".") == 0)
        record->target[0] = '\0';
    return err;
}

enum sr_err resolver_sim_add(struct resolver *resolver, const char *name, enum dns_type type,
                             uint32_t ttl_sec, const char *data)
{
    struct sim_record *r = sr_zalloc(1, sizeof(*r));
    enum sr_err err;

    r->record.type = type;
    r->record.ttl_sec = ttl_sec;
    err = parse_data(&r->record, sr_str_c(data));
    if (err == SR_OK && !sr_str_copy(sr_str_c(name), r->name, sizeof(r->name)))
        err = SR_ERR_LIMIT;
    if (err != SR_OK) {
        sr_free(r);
        return err;
    }
    sr_list_add(&as_sim(resolver)->records, &r->link);
    return SR_OK;
}
