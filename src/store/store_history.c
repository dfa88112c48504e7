/* Records and traces for people and programs: JSON, CSV, pages by cursor. */
#include "base/alloc.h"
#include "net/clock.h"
#include "store/internal.h"

enum {
    PAGE_DEFAULT = 100,
    PAGE_BYTES = 8 * 1024 * 1024,      /* a page ends after the record that passes this */
    JSON_BYTES_MAX = 96 * 1024 * 1024, /* a page and one record of the largest kind, escaped */
    CSV_BYTES_MAX = 128 * 1024 * 1024,
    CURSOR_CHARS = 32,
};

/* A question on its way: one block with its texts. */
struct history_ask {
    struct store_history_filter filter;
    struct sr_str call_id;
    bool is_csv;
    store_json_fn *fn;
    void *arg;
};

static const char csv_header[] =
    "callId,direction,from,fromName,to,startedAt,answeredAt,endedAt,durationSec,reason,sipStatus,"
    "routeId,mode,devices,providers,codecs,mos,lossPct\r\n";

/* ---- one record as JSON ---- */

static void key_time(struct sr_json *json, const char *key, int64_t wall_us)
{
    char text[NET_CLOCK_TEXT_MAX];

    sr_json_key_c(json, key, wall_us > 0 ? net_clock_text(wall_us, text) : NULL);
}

static void key_text(struct sr_json *json, const char *key, struct sr_str text)
{
    sr_json_key(json, key);
    if (text.n == 0)
        sr_json_null(json);
    else
        sr_json_str(json, text);
}

/* Seconds talked, rounded; 0 when never answered. */
static int64_t duration_of(const struct store_call_record *record)
{
    if (record->answered_wall_us <= 0 || record->ended_wall_us <= record->answered_wall_us)
        return 0;
    return (record->ended_wall_us - record->answered_wall_us + SR_SEC / 2) / SR_SEC;
}

static void key_status(struct sr_json *json, uint16_t status)
{
    sr_json_key(json, "sipStatus");
    if (status == 0)
        sr_json_null(json);
    else
        sr_json_int(json, status);
}

static void leg_json(struct sr_json *json, const struct store_leg_record *leg)
{
    sr_json_object(json);
    sr_json_key_str(json, "legId", leg->leg_id);
    key_text(json, "kind", leg->kind);
    key_text(json, "role", leg->role);
    key_text(json, "deviceId", leg->device_id);
    key_text(json, "providerId", leg->provider_id);
    key_text(json, "number", leg->number);
    key_text(json, "name", leg->name);
    key_text(json, "codec", leg->codec);
    key_text(json, "encrypted", leg->encrypted);
    key_text(json, "userAgent", leg->user_agent);
    key_text(json, "address", leg->address);
    key_time(json, "startedAt", leg->started_wall_us);
    key_time(json, "answeredAt", leg->answered_wall_us);
    key_time(json, "endedAt", leg->ended_wall_us);
    key_text(json, "reason", leg->reason);
    key_status(json, leg->sip_status);
    sr_json_key_object(json, "quality");
    sr_json_key_known(json, "lossPct", leg->loss_pct, 2);
    sr_json_key_known(json, "jitterMs", leg->jitter_ms, 1);
    sr_json_key_known(json, "rttMs", leg->rtt_ms, 1);
    sr_json_key_known(json, "mos", leg->mos, 2);
    sr_json_end(json);
    sr_json_key(json, "rxPackets");
    sr_json_u64(json, leg->rx_packets);
    sr_json_key(json, "txPackets");
    sr_json_u64(json, leg->tx_packets);
    sr_json_key(json, "lost");
    sr_json_u64(json, leg->lost);
    key_text(json, "verdict", leg->verdict);
    sr_json_end(json);
}

static void record_json(struct sr_json *json, const struct store_call_record *record)
{
    sr_json_object(json);
    sr_json_key_str(json, "callId", record->call_id);
    key_text(json, "direction", record->direction);
    sr_json_key_str(json, "from", record->from);
    key_text(json, "fromName", record->from_name);
    sr_json_key_str(json, "to", record->to);
    key_time(json, "startedAt", record->started_wall_us);
    key_time(json, "answeredAt", record->answered_wall_us);
    key_time(json, "endedAt", record->ended_wall_us);
    sr_json_key_int(json, "durationSec", duration_of(record));
    key_text(json, "reason", record->reason);
    key_status(json, record->sip_status);
    key_text(json, "routeId", record->route_id);
    key_text(json, "mode", record->mode);
    sr_json_key_array(json, "legs");
    for (size_t i = 0; i < record->leg_count; i++)
        leg_json(json, &record->legs[i]);
    sr_json_end(json);
    sr_json_key_int(json, "legsMore", record->legs_more);
    sr_json_end(json);
}

/* ---- one record as CSV ---- */

/* Quoted when RFC 4180 asks; what a spreadsheet would run (= + - @, also behind a tab or the end of
   a line) gets an apostrophe in front. NUL, which no CSV reader takes, becomes a space, and a byte
   that is no UTF-8 U+FFFD, as in JSON. */
static void csv_text(struct sr_buf *buf, struct sr_str text)
{
    bool is_quoted = false;

    for (size_t i = 0; i < text.n && !is_quoted; i++)
        is_quoted = strchr(",\"\r\n", text.p[i]) != NULL && text.p[i] != '\0';
    if (is_quoted)
        sr_buf_char(buf, '"');
    if (text.n > 0 && text.p[0] != '\0' && strchr("=+-@\t\r\n", text.p[0]) != NULL)
        sr_buf_char(buf, '\'');
    for (size_t i = 0, n; i < text.n; i += SR_MAX(n, (size_t)1)) {
        n = sr_utf8_char(sr_str_from(text, i), NULL);
        if (text.p[i] == '"')
            sr_buf_char(buf, '"');
        if (n == 0)
            sr_buf_c(buf, "\xef\xbf\xbd");
        else if (text.p[i] == '\0')
            sr_buf_char(buf, ' ');
        else
            sr_buf_add(buf, text.p + i, n);
    }
    if (is_quoted)
        sr_buf_char(buf, '"');
}

static void csv_time(struct sr_buf *buf, int64_t wall_us)
{
    char text[NET_CLOCK_TEXT_MAX];

    if (wall_us > 0)
        sr_buf_c(buf, net_clock_text(wall_us, text));
}

static struct sr_str device_of(const struct store_leg_record *leg)
{
    return leg->device_id;
}

static struct sr_str provider_of(const struct store_leg_record *leg)
{
    return leg->provider_id;
}

static struct sr_str codec_of(const struct store_leg_record *leg)
{
    return leg->codec;
}

/* What the legs have of one kind, with blanks between. */
static void csv_of_legs(struct sr_buf *buf, const struct store_call_record *record,
                        struct sr_str (*text_of)(const struct store_leg_record *leg))
{
    struct sr_buf joined;

    sr_buf_init(&joined, (size_t)STORE_LEGS_MAX * (STORE_TEXT_MAX + 1));
    for (size_t i = 0; i < record->leg_count; i++) {
        struct sr_str text = text_of(&record->legs[i]);

        if (text.n > 0 && joined.len > 0)
            sr_buf_char(&joined, ' ');
        sr_buf_str(&joined, text);
    }
    csv_text(buf, sr_buf_view(&joined));
    sr_buf_done(&joined);
}

/* The worst leg counts: the lowest MOS, the highest loss. */
static void csv_quality(struct sr_buf *buf, const struct store_call_record *record)
{
    double mos = -1, loss = -1;

    for (size_t i = 0; i < record->leg_count; i++) {
        const struct store_leg_record *leg = &record->legs[i];

        if (leg->mos >= 0 && (mos < 0 || leg->mos < mos))
            mos = leg->mos;
        loss = SR_MAX(loss, leg->loss_pct);
    }
    sr_buf_char(buf, ',');
    if (mos >= 0)
        sr_buf_fmt(buf, "%.2f", mos);
    sr_buf_char(buf, ',');
    if (loss >= 0)
        sr_buf_fmt(buf, "%.2f", loss);
}

static void record_csv(struct sr_buf *buf, const struct store_call_record *record)
{
    csv_text(buf, record->call_id);
    sr_buf_char(buf, ',');
    csv_text(buf, record->direction);
    sr_buf_char(buf, ',');
    csv_text(buf, record->from);
    sr_buf_char(buf, ',');
    csv_text(buf, record->from_name);
    sr_buf_char(buf, ',');
    csv_text(buf, record->to);
    sr_buf_char(buf, ',');
    csv_time(buf, record->started_wall_us);
    sr_buf_char(buf, ',');
    csv_time(buf, record->answered_wall_us);
    sr_buf_char(buf, ',');
    csv_time(buf, record->ended_wall_us);
    sr_buf_fmt(buf, ",%lld,", (long long)duration_of(record));
    csv_text(buf, record->reason);
    sr_buf_char(buf, ',');
    if (record->sip_status > 0)
        sr_buf_fmt(buf, "%u", record->sip_status);
    sr_buf_char(buf, ',');
    csv_text(buf, record->route_id);
    sr_buf_char(buf, ',');
    csv_text(buf, record->mode);
    sr_buf_char(buf, ',');
    csv_of_legs(buf, record, device_of);
    sr_buf_char(buf, ',');
    csv_of_legs(buf, record, provider_of);
    sr_buf_char(buf, ',');
    csv_of_legs(buf, record, codec_of);
    csv_quality(buf, record);
    sr_buf_c(buf, "\r\n");
}

/* ---- cursor: start and row of the last record given, 16 hex digits each ---- */

static void cursor_write(char out[CURSOR_CHARS + 1], int64_t started_us, int64_t row)
{
    static const char digits[] = "0123456789abcdef";

    for (unsigned i = 0; i < CURSOR_CHARS; i++) {
        uint64_t value = i < 16 ? (uint64_t)started_us : (uint64_t)row;

        out[i] = digits[value >> (60 - 4 * (i % 16)) & 15];
    }
    out[CURSOR_CHARS] = '\0';
}

static enum sr_err cursor_parse(struct sr_str text, int64_t *ret_started_us, int64_t *ret_row)
{
    uint64_t values[2] = {0, 0};

    if (text.n != CURSOR_CHARS)
        return SR_ERR_SYNTAX;
    for (size_t i = 0; i < CURSOR_CHARS; i++) {
        int value = sr_hex_value(text.p[i]);

        if (value < 0)
            return SR_ERR_SYNTAX;
        values[i / 16] = values[i / 16] << 4 | (uint64_t)value;
    }
    if (values[0] > INT64_MAX || values[1] > INT64_MAX || values[1] == 0)
        return SR_ERR_SYNTAX;
    *ret_started_us = (int64_t)values[0];
    *ret_row = (int64_t)values[1];
    return SR_OK;
}

static enum sr_err query_of(const struct store_history_filter *filter,
                            struct store__query *ret_query)
{
    *ret_query = (struct store__query){
        .from_wall_us = filter->from_wall_us > 0 ? filter->from_wall_us : INT64_MIN,
        .number = filter->number,
        .device = filter->device,
        .provider = filter->provider,
        .result = filter->result,
        .before_us = INT64_MAX,
        .before_row = INT64_MAX,
    };
    if (filter->cursor.n > 0) {
        enum sr_err err =
            cursor_parse(filter->cursor, &ret_query->before_us, &ret_query->before_row);

        if (err != SR_OK)
            return err;
    }
    if (filter->to_wall_us > 0 && filter->to_wall_us <= ret_query->before_us) {
        ret_query->before_us = filter->to_wall_us;
        ret_query->before_row = INT64_MIN;
    }
    return SR_OK;
}

/* ---- pages ---- */

struct page {
    struct sr_buf buf;
    struct sr_json json;
    uint32_t limit, count;
    bool is_csv, has_more;
    const struct store_history_filter *filter;
    int64_t last_us, last_row;
};

/* The record as one who took part may see it. */
static struct store_call_record seen_by(const struct store_history_filter *filter,
                                        const struct store_call_record *record,
                                        struct store_leg_record legs[STORE_LEGS_MAX])
{
    struct store_call_record seen = *record;

    seen.legs = legs;
    seen.leg_count = 0;
    for (size_t i = 0; i < record->leg_count && seen.leg_count < STORE_LEGS_MAX; i++) {
        struct store_leg_record leg = record->legs[i];

        if (!sr_str_eq(leg.device_id, filter->device)) {
            if (filter->hides_listeners && sr_str_eq_c(leg.role, "tool"))
                continue;
            leg.address = leg.user_agent = SR_STR("");
        }
        legs[seen.leg_count++] = leg;
    }
    return seen;
}

static bool add_row(void *arg, int64_t row, const struct store_call_record *record)
{
    struct page *page = arg;
    struct store_leg_record *legs = NULL;
    struct store_call_record seen;

    if (page->count == page->limit || (!page->is_csv && page->buf.len > PAGE_BYTES)) {
        page->has_more = true;
        return false;
    }
    if (page->filter->hides_others) {
        legs = sr_alloc(STORE_LEGS_MAX * sizeof(*legs));
        seen = seen_by(page->filter, record, legs);
        record = &seen;
    }
    if (page->is_csv)
        record_csv(&page->buf, record);
    else
        record_json(&page->json, record);
    sr_free(legs);
    page->count++;
    page->last_us = record->started_wall_us;
    page->last_row = row;
    return sr_buf_err(&page->buf) == SR_OK;
}

static void end_json(struct page *page)
{
    char cursor[CURSOR_CHARS + 1];

    sr_json_end(&page->json);
    cursor_write(cursor, page->last_us, page->last_row);
    sr_json_key_c(&page->json, "nextCursor", page->has_more ? cursor : NULL);
    sr_json_end(&page->json);
}

/* The question and what was written for it are done with. */
static void answer(struct history_ask *ask, enum sr_err err, struct sr_buf *buf)
{
    if (err == SR_OK)
        err = sr_buf_err(buf);
    ask->fn(ask->arg, err, err == SR_OK ? sr_buf_view(buf) : SR_STR(""));
    sr_buf_done(buf);
    sr_free(ask);
}

static void run_history(struct store *store, void *work)
{
    struct history_ask *ask = work;
    uint32_t most = ask->is_csv ? STORE_CSV_ROWS_MAX : STORE_PAGE_MAX;
    uint32_t usual = ask->is_csv ? STORE_CSV_ROWS_MAX : PAGE_DEFAULT;
    struct page page = {
        .is_csv = ask->is_csv,
        .filter = &ask->filter,
        .limit = ask->filter.limit > 0 ? SR_MIN(ask->filter.limit, most) : usual,
    };
    struct store__query query;
    enum sr_err err = query_of(&ask->filter, &query);

    sr_buf_init(&page.buf, ask->is_csv ? (size_t)CSV_BYTES_MAX : (size_t)JSON_BYTES_MAX);
    if (ask->is_csv) {
        sr_buf_c(&page.buf, csv_header);
    } else {
        sr_json_begin(&page.json, &page.buf);
        sr_json_object(&page.json);
        sr_json_key_array(&page.json, "items");
    }
    if (err == SR_OK)
        err =
            store__note(store, store__ops(store)->calls(store__db(store), &query, add_row, &page));
    if (!ask->is_csv)
        end_json(&page);
    answer(ask, err, &page.buf);
}

/* ---- one record, one trace ---- */

static bool add_record(void *arg, int64_t row, const struct store_call_record *record)
{
    struct sr_json json;

    (void)row;
    sr_json_begin(&json, arg);
    record_json(&json, record);
    return false;
}

static void run_record(struct store *store, void *work)
{
    struct history_ask *ask = work;
    struct sr_buf buf;
    enum sr_err err;

    sr_buf_init(&buf, JSON_BYTES_MAX);
    err = store__note(store,
                      store__ops(store)->call(store__db(store), ask->call_id, add_record, &buf));
    answer(ask, err, &buf);
}

void store_trace_message_json(struct sr_json *json, const struct store_trace_message *message)
{
    char text[SR_ADDR_TEXT_MAX], at[NET_CLOCK_TEXT_MAX];

    sr_json_object(json);
    sr_json_key_c(json, "at", net_clock_text(message->at_wall_us, at));
    sr_json_key_str(json, "legId", message->leg_id);
    sr_json_key_c(json, "direction", message->is_sent ? "sent" : "received");
    sr_json_key_str(json, "transport", message->transport);
    sr_json_key_c(json, "local", sr_addr_text(&message->local, text));
    sr_json_key_c(json, "remote", sr_addr_text(&message->remote, text));
    sr_json_key_str(json, "message", message->bytes);
    sr_json_end(json);
}

static void add_trace(void *arg, struct sr_str packed)
{
    struct store_trace_message message;
    struct sr_json json;

    sr_json_begin(&json, arg);
    sr_json_array(&json);
    while (store__trace_next(&packed, &message))
        store_trace_message_json(&json, &message);
    sr_json_end(&json);
}

static void run_trace(struct store *store, void *work)
{
    struct history_ask *ask = work;
    struct sr_buf buf;
    enum sr_err err;

    sr_buf_init(&buf, JSON_BYTES_MAX);
    err = store__note(store,
                      store__ops(store)->trace(store__db(store), ask->call_id, add_trace, &buf));
    answer(ask, err, &buf);
}

/* ---- asking ---- */

static void post(struct store *store, store__work_fn *work_fn, struct history_ask *ask)
{
    if (store__post(store, work_fn, ask))
        return;
    ask->fn(ask->arg, SR_ERR_LIMIT, SR_STR(""));
    sr_free(ask);
}

static struct history_ask *ask_new(const struct store_history_filter *filter, struct sr_str call_id,
                                   store_json_fn *fn, void *arg)
{
    struct sr_str given[] = {filter->number, filter->device, filter->provider,
                             filter->result, filter->cursor, call_id};
    struct history_ask *ask;
    size_t bytes = sizeof(*ask);
    char *at;

    for (size_t i = 0; i < SR_ARRAY_LEN(given); i++)
        bytes += store__text_bytes(given[i]);
    ask = sr_alloc(bytes);
    *ask = (struct history_ask){.filter = *filter, .call_id = call_id, .fn = fn, .arg = arg};
    at = (char *)(ask + 1);
    store__text_keep(&at, &ask->filter.number);
    store__text_keep(&at, &ask->filter.device);
    store__text_keep(&at, &ask->filter.provider);
    store__text_keep(&at, &ask->filter.result);
    store__text_keep(&at, &ask->filter.cursor);
    store__text_keep(&at, &ask->call_id);
    return ask;
}

static const struct store_history_filter no_filter;

void store_history(struct store *store, const struct store_history_filter *filter,
                   store_json_fn *fn, void *arg)
{
    post(store, run_history, ask_new(filter, SR_STR(""), fn, arg));
}

void store_history_csv(struct store *store, const struct store_history_filter *filter,
                       store_json_fn *fn, void *arg)
{
    struct history_ask *ask = ask_new(filter, SR_STR(""), fn, arg);

    ask->is_csv = true;
    post(store, run_history, ask);
}

void store_trace(struct store *store, struct sr_str call_id, store_json_fn *fn, void *arg)
{
    post(store, run_trace, ask_new(&no_filter, call_id, fn, arg));
}

void store_record(struct store *store, struct sr_str call_id, store_json_fn *fn, void *arg)
{
    post(store, run_record, ask_new(&no_filter, call_id, fn, arg));
}
