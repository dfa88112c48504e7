/**
 * @file parse.h  What each SIP library does in the parse benchmark; one program per library.
 *
 * Thread:  single
 */
#ifndef BENCH_PARSE_H
#define BENCH_PARSE_H

#include <stddef.h>

enum {
    PARSE_COPIES = 512,
    PARSE_REPLY_MAX = 4096
};

struct parse_subject {
    const char *name;
    /** Called once; `copies` stay where they are. */
    void (*start)(char *const *copies, size_t copy_count, size_t bytes);
    /** Parses copy `index` and validates Via, From, To, Call-ID, CSeq, Max-Forwards and
        Content-Length. @return the sum of CSeq number, Max-Forwards and Content-Length */
    unsigned (*parse)(size_t index);
    /** Builds a 180 with To tag, Contact and Content-Length for a kept, parsed copy, as bytes in
        `out`. @return its length */
    size_t (*build)(char *out);
};

extern const struct parse_subject parse_subject;

#endif
