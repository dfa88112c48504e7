/* Call records and traces as entries of the queue: one block each, made on the caller's thread. */
#include "base/alloc.h"
#include "store/internal.h"

size_t store__text_bytes(struct sr_str text)
{
    return SR_MIN(text.n, (size_t)STORE_TEXT_MAX);
}

void store__text_keep(char **at, struct sr_str *text)
{
    size_t n = store__text_bytes(*text);

    if (n > 0)
        memcpy(*at, text->p, n);
    *text = sr_str_make(*at, n);
    *at += n;
}

enum {
    RECORD_TEXTS = 8,
    LEG_TEXTS = 13,
};

static void texts_of_record(struct store_call_record *record, struct sr_str *texts[RECORD_TEXTS])
{
    struct sr_str *all[RECORD_TEXTS] = {
        &record->call_id, &record->direction, &record->from, &record->from_name,
        &record->to,      &record->route_id,  &record->mode, &record->reason,
    };

    memcpy(texts, all, sizeof(all));
}

static void texts_of_leg(struct store_leg_record *leg, struct sr_str *texts[LEG_TEXTS])
{
    struct sr_str *all[LEG_TEXTS] = {
        &leg->leg_id, &leg->kind,    &leg->role,      &leg->device_id,  &leg->provider_id,
        &leg->number, &leg->name,    &leg->codec,     &leg->user_agent, &leg->address,
        &leg->reason, &leg->verdict, &leg->encrypted,
    };

    memcpy(texts, all, sizeof(all));
}

static size_t bytes_of(const struct store_call_record *record, size_t leg_count)
{
    struct store_call_record head = *record;
    struct sr_str *texts[LEG_TEXTS];
    size_t bytes = 0;

    texts_of_record(&head, texts);
    for (size_t i = 0; i < RECORD_TEXTS; i++)
        bytes += store__text_bytes(*texts[i]);
    for (size_t k = 0; k < leg_count; k++) {
        struct store_leg_record leg = record->legs[k];

        texts_of_leg(&leg, texts);
        for (size_t i = 0; i < LEG_TEXTS; i++)
            bytes += store__text_bytes(*texts[i]);
    }
    return bytes;
}

struct store__write *store__write_record(enum store__kind kind,
                                         const struct store_call_record *record)
{
    size_t leg_count = SR_MIN(record->leg_count, (size_t)STORE_LEGS_MAX);
    size_t head_bytes = sizeof(struct store__write) + leg_count * sizeof(struct store_leg_record);
    size_t bytes = head_bytes + bytes_of(record, leg_count);
    struct store__write *write = sr_alloc(bytes);
    struct store_leg_record *legs = (struct store_leg_record *)(void *)(write + 1);
    struct sr_str *texts[LEG_TEXTS];
    char *at = (char *)write + head_bytes;

    *write = (struct store__write){.kind = kind, .bytes = bytes, .record = *record};
    texts_of_record(&write->record, texts);
    for (size_t i = 0; i < RECORD_TEXTS; i++)
        store__text_keep(&at, texts[i]);
    for (size_t k = 0; k < leg_count; k++) {
        legs[k] = record->legs[k];
        texts_of_leg(&legs[k], texts);
        for (size_t i = 0; i < LEG_TEXTS; i++)
            store__text_keep(&at, texts[i]);
    }
    write->record.legs = leg_count > 0 ? legs : NULL;
    write->record.leg_count = leg_count;
    write->record.legs_more += (uint32_t)(record->leg_count - leg_count);
    return write;
}

/*
 * A packed trace is a row of messages: when (8 bytes), sent (1), then leg, transport, local, remote and
 * the message, each with its length (4 bytes), in this machine's byte order (a database does not move
 * between byte orders: x86-64 and arm64 agree).
 */
static void pack_text(struct sr_buf *buf, struct sr_str text, size_t bytes_max)
{
    uint32_t n = (uint32_t)SR_MIN(text.n, bytes_max);

    sr_buf_add(buf, &n, sizeof(n));
    sr_buf_add(buf, text.p, n);
}

static void pack_message(struct sr_buf *buf, const struct store_trace_message *message)
{
    char address[SR_ADDR_TEXT_MAX];
    int64_t at = message->at_wall_us;

    sr_buf_add(buf, &at, sizeof(at));
    sr_buf_char(buf, message->is_sent ? 1 : 0);
    pack_text(buf, message->leg_id, 256);
    pack_text(buf, message->transport, 32);
    pack_text(buf, sr_str_c(sr_addr_text(&message->local, address)), SR_ADDR_TEXT_MAX);
    pack_text(buf, sr_str_c(sr_addr_text(&message->remote, address)), SR_ADDR_TEXT_MAX);
    pack_text(buf, message->bytes, STORE_TRACE_BYTES_MAX);
}

static bool unpack_bytes(struct sr_str *packed, void *out, size_t n)
{
    if (packed->n < n)
        return false;
    memcpy(out, packed->p, n);
    *packed = sr_str_from(*packed, n);
    return true;
}

static bool unpack_text(struct sr_str *packed, struct sr_str *ret_text)
{
    uint32_t n;

    if (!unpack_bytes(packed, &n, sizeof(n)) || packed->n < n)
        return false;
    *ret_text = sr_str_head(*packed, n);
    *packed = sr_str_from(*packed, n);
    return true;
}

bool store__trace_next(struct sr_str *packed, struct store_trace_message *ret_message)
{
    struct store_trace_message message = {0};
    struct sr_str local, remote;
    uint8_t sent;

    if (!unpack_bytes(packed, &message.at_wall_us, sizeof(message.at_wall_us)) ||
        !unpack_bytes(packed, &sent, sizeof(sent)) || !unpack_text(packed, &message.leg_id) ||
        !unpack_text(packed, &message.transport) || !unpack_text(packed, &local) ||
        !unpack_text(packed, &remote) || !unpack_text(packed, &message.bytes))
        return false;
    message.is_sent = sent != 0;
    /* an address that was none stays none */
    if (sr_addr_parse(local, 0, &message.local) != SR_OK)
        message.local = (struct sr_addr){0};
    if (sr_addr_parse(remote, 0, &message.remote) != SR_OK)
        message.remote = (struct sr_addr){0};
    *ret_message = message;
    return true;
}

/* The first of the last messages that fit both bounds. */
static size_t first_kept(const struct store_trace_message *trace, size_t count)
{
    size_t first = count, bytes = 0;

    while (first > 0 && count - first < STORE_TRACE_MESSAGES_MAX) {
        bytes += trace[first - 1].bytes.n;
        if (bytes > STORE_TRACE_BYTES_MAX)
            break;
        first--;
    }
    return first;
}

struct store__write *store__write_trace(const struct store_call_record *record,
                                        const struct store_trace_message *trace, size_t count)
{
    struct store__write *write;
    struct sr_buf packed;
    size_t id_bytes = store__text_bytes(record->call_id), bytes;
    size_t first = first_kept(trace, count);
    char *at;

    if (first == count)
        return NULL;
    sr_buf_init(&packed, 4 * (size_t)STORE_TRACE_BYTES_MAX);
    for (size_t i = first; i < count; i++)
        pack_message(&packed, &trace[i]);
    SR_ASSERT(sr_buf_err(&packed) == SR_OK);
    bytes = sizeof(*write) + id_bytes + packed.len;
    write = sr_alloc(bytes);
    *write = (struct store__write){.kind = STORE__TRACE, .bytes = bytes};
    at = (char *)(write + 1);
    write->trace.call_id = record->call_id;
    store__text_keep(&at, &write->trace.call_id);
    memcpy(at, packed.data, packed.len);
    write->trace.packed = sr_str_make(at, packed.len);
    write->trace.ended_wall_us = record->ended_wall_us;
    sr_buf_done(&packed);
    return write;
}

void store_call_started(struct store *store, const struct store_call_record *record)
{
    store__push(store, store__write_record(STORE__STARTED, record));
}

void store_call_ended(struct store *store, const struct store_call_record *record,
                      const struct store_trace_message *trace, size_t trace_count)
{
    store__push(store, store__write_record(STORE__ENDED, record));
    if (!store__is_trace_off(store))
        store__push(store, store__write_trace(record, trace, trace_count));
}
