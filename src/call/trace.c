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

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool ends_with(struct sr_str text, struct sr_str name)
{
    return text.n >= name.n && sr_str_ieq(sr_str_from(text, text.n - name.n), name);
}

/* Whether a secret is behind `before` and its mark. The grammar of digest credentials allows blanks and
 * folded lines around "=" (RFC 3261 25.1, EQUAL). */
static bool names_secret(struct sr_str before, char mark)
{
    if (mark == ':')
        return ends_with(before, SR_STR("inline"));
    while (before.n > 0 && is_blank(before.p[before.n - 1]))
        before.n--;
    return ends_with(before, SR_STR("response")) || ends_with(before, SR_STR("cnonce")) ||
           ends_with(before, SR_STR("rspauth"));
}

/* Looks for the mark and not for the names: a message has few of them, and each message of a call comes here. */
static void mask_behind(char mark, char *bytes, size_t n)
{
    const struct sr_str text = sr_str_make(bytes, n), ends = SR_STR("\"|,\r\n");
    size_t at;

    for (at = sr_str_find(text, mark, 0); at < n; at = sr_str_find(text, mark, at + 1)) {
        if (!names_secret(sr_str_head(text, at), mark))
            continue;
        at++;
        while (mark == '=' && at < n && is_blank(bytes[at]))
            at++;
        at += mark == '=' && at < n && bytes[at] == '"';
        for (; at < n && memchr(ends.p, bytes[at], ends.n) == NULL; at++)
            bytes[at] = '*';
    }
}

/* Overwrites what proves knowledge of a password (response, cnonce and rspauth of digest) and the keys
 * of encrypted audio (a=crypto, several on a line). */
static void mask_secrets(char *bytes, size_t n)
{
    mask_behind(':', bytes, n);
    mask_behind('=', bytes, n);
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
