/* The last SIP messages of a call, bounded, secrets masked: kept with its record. */
#include "base/alloc.h"
#include "call/internal.h"

void trace__init(struct call_trace *trace)
{
    *trace = (struct call_trace){0};
    sr_list_init(&trace->messages);
}

static void drop_oldest(struct call_trace *trace)
{
    struct sr_node *node = sr_list_pop(&trace->messages);
    struct call_trace_message *message = SR_CONTAINER(node, struct call_trace_message, node);

    trace->bytes -= message->n;
    sr_free(message);
}

void trace__done(struct call_trace *trace)
{
    while (trace->messages.count > 0)
        drop_oldest(trace);
}

/* Where the value of a secret begins, when `text` begins with its name; else 0. The grammar of digest
 * credentials allows blanks and folded lines around "=" (RFC 3261 25.1, EQUAL). */
static size_t secret_begin(struct sr_str text)
{
    static const char *const names[] = {"response", "cnonce", "rspauth"};
    const struct sr_str blanks = SR_STR(" \t\r\n");

    if (sr_str_istarts(text, SR_STR("inline:")))
        return 7;
    for (size_t i = 0; i < SR_ARRAY_LEN(names); i++) {
        struct sr_str name = sr_str_c(names[i]);
        size_t at = name.n;

        if (!sr_str_istarts(text, name))
            continue;
        while (at < text.n && memchr(blanks.p, text.p[at], blanks.n) != NULL)
            at++;
        if (at == text.n || text.p[at] != '=')
            continue;
        for (at++; at < text.n && memchr(blanks.p, text.p[at], blanks.n) != NULL;)
            at++;
        return at < text.n && text.p[at] == '"' ? at + 1 : at;
    }
    return 0;
}

/* Overwrites what proves knowledge of a password (response, cnonce and rspauth of digest) and the keys
 * of encrypted audio (a=crypto, several on a line). */
static void mask_secrets(char *bytes, size_t n)
{
    const struct sr_str ends = SR_STR("\"|,\r\n");

    for (size_t at = 0; at < n; at++) {
        size_t begin = secret_begin(sr_str_make(bytes + at, n - at));

        if (begin == 0)
            continue;
        for (at += begin; at < n && memchr(ends.p, bytes[at], ends.n) == NULL; at++)
            bytes[at] = '*';
    }
}

void trace__add(struct call_trace *trace, int64_t at_wall_us, const char *leg_id,
                const struct ua_trace *traced)
{
    struct call_trace_message *message;
    size_t n = traced->bytes.n;

    if (n > STORE_TRACE_BYTES_MAX / 2) {
        trace->dropped++;
        return;
    }
    while (trace->messages.count > 0 && (trace->bytes + n > STORE_TRACE_BYTES_MAX ||
                                         trace->messages.count >= STORE_TRACE_MESSAGES_MAX)) {
        drop_oldest(trace);
        trace->dropped++;
    }
    message = sr_alloc(sizeof(*message) + n);
    *message = (struct call_trace_message){.at_wall_us = at_wall_us, .n = n};
    (void)sr_str_copy(sr_str_c(leg_id), message->leg_id, sizeof(message->leg_id));
    message->is_sent = traced->is_sent;
    message->transport = net_kind_name(traced->flow->kind);
    message->local = traced->flow->local;
    message->remote = traced->flow->remote;
    memcpy(message->bytes, traced->bytes.p, n);
    mask_secrets(message->bytes, n);
    sr_list_add(&trace->messages, &message->node);
    trace->bytes += n;
}

struct store_trace_message trace__message(const struct call_trace_message *message)
{
    return (struct store_trace_message){
        .at_wall_us = message->at_wall_us,
        .leg_id = sr_str_c(message->leg_id),
        .is_sent = message->is_sent,
        .transport = sr_str_c(message->transport),
        .local = message->local,
        .remote = message->remote,
        .bytes = sr_str_make(message->bytes, message->n),
    };
}

void trace__json(const struct call_trace *trace, struct sr_buf *buf)
{
    struct sr_json json;

    sr_json_begin(&json, buf);
    sr_json_array(&json);
    SR_LIST_EACH(&trace->messages, node)
    {
        struct store_trace_message message =
            trace__message(SR_CONTAINER(node, struct call_trace_message, node));

        store_trace_message_json(&json, &message);
    }
    sr_json_end(&json);
}

void engine__on_trace(void *arg, const struct ua_trace *traced)
{
    struct engine *engine = arg;
    struct call *call = sr_idtab_find(&engine->calls, traced->call_cookie);
    struct leg *leg = sr_idtab_find(&engine->legs, traced->leg_cookie);

    if (call == NULL)
        return;
    trace__add(&call->trace, call__wall(call), leg != NULL ? leg->leg_id : "", traced);
}
