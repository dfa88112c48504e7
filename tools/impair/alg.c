#include "impair/alg.h"

/* The character could be part of a longer address or number. */
static bool is_address_char(char c)
{
    return sr_is_digit(c) || c == '.';
}

/* Copies one line, replacing whole occurrences of `from` by `to`. */
static bool replace_in(struct sr_str line, struct sr_str from, struct sr_str to, struct sr_buf *out)
{
    bool is_changed = false;

    while (line.n > 0) {
        size_t at = sr_str_search(line, from);
        char before, after;

        if (at == line.n)
            break;
        before = at > 0 ? line.p[at - 1] : ' ';
        after = at + from.n < line.n ? line.p[at + from.n] : ' ';
        sr_buf_str(out, sr_str_head(line, at));
        if (is_address_char(before) || is_address_char(after)) {
            sr_buf_str(out, from);
        } else {
            sr_buf_str(out, to);
            is_changed = true;
        }
        line = sr_str_from(line, at + from.n);
    }
    sr_buf_str(out, line);
    return is_changed;
}

static bool is_sip(struct sr_str message)
{
    size_t end = sr_str_find(message, '\n', 0);

    return sr_str_search(sr_str_head(message, end), SR_STR("SIP/2.0")) < end;
}

static struct sr_str take_line(struct sr_str *text)
{
    size_t end = sr_str_find(*text, '\n', 0);
    struct sr_str line = sr_str_head(*text, end < text->n ? end + 1 : end);

    *text = sr_str_from(*text, line.n);
    return line;
}

static bool is_length_line(struct sr_str line)
{
    return sr_str_istarts(line, SR_STR("content-length")) || sr_str_istarts(line, SR_STR("l:"));
}

static bool is_address_line(struct sr_str line, bool is_first)
{
    return is_first || sr_str_istarts(line, SR_STR("via:")) || sr_str_istarts(line, SR_STR("v:")) ||
           sr_str_istarts(line, SR_STR("contact:")) || sr_str_istarts(line, SR_STR("m:"));
}

static bool rewrite_body(struct sr_str body, struct sr_str from, struct sr_str to,
                         struct sr_buf *out)
{
    bool is_changed = false;

    while (body.n > 0) {
        struct sr_str line = take_line(&body);

        if (sr_str_starts(line, SR_STR("c=")) || sr_str_starts(line, SR_STR("o=")))
            is_changed |= replace_in(line, from, to, out);
        else
            sr_buf_str(out, line);
    }
    return is_changed;
}

bool impair_alg_rewrite(struct sr_str message, const struct sr_addr *inside,
                        const struct sr_addr *outside, struct sr_buf *out)
{
    char inside_ip[SR_ADDR_TEXT_MAX], outside_ip[SR_ADDR_TEXT_MAX];
    char inside_full[SR_ADDR_TEXT_MAX], outside_full[SR_ADDR_TEXT_MAX];
    size_t head = sr_str_search(message, SR_STR("\r\n\r\n"));
    struct sr_str rest = message;
    struct sr_buf body;
    bool is_changed = false;
    bool is_first = true;

    if (!is_sip(message) || head == message.n) {
        sr_buf_str(out, message);
        return false;
    }
    (void)sr_addr_ip_text(inside, inside_ip);
    (void)sr_addr_ip_text(outside, outside_ip);
    (void)sr_addr_text(inside, inside_full);
    (void)sr_addr_text(outside, outside_full);
    sr_buf_init(&body, 65536);
    is_changed = rewrite_body(sr_str_from(message, head + 4), sr_str_c(inside_ip),
                              sr_str_c(outside_ip), &body);
    rest = sr_str_head(message, head + 4);
    while (rest.n > 0) {
        struct sr_str line = take_line(&rest);

        if (is_length_line(line)) {
            sr_buf_fmt(out, "Content-Length: %zu\r\n", body.len);
        } else if (is_address_line(line, is_first)) {
            is_changed |= replace_in(line, sr_str_c(inside_full), sr_str_c(outside_full), out);
        } else {
            sr_buf_str(out, line);
        }
        is_first = false;
    }
    sr_buf_str(out, sr_buf_view(&body));
    sr_buf_done(&body);
    return is_changed;
}
