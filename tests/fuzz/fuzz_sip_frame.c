/**
 * @file fuzz_sip_frame.c  A stream in one piece and byte by byte: both must be cut alike.
 */
#include "sip/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    CUTS_MAX = 64,
};

struct cuts {
    struct {
        enum sip_frame_kind kind;
        size_t begin;
        size_t bytes;
    } at[CUTS_MAX];
    unsigned count;
};

/* Messages and errors only: how keep-alives are reported depends on how they arrive. */
static void cut(struct sr_str stream, size_t step, struct cuts *ret_cuts)
{
    struct sip_framer framer;
    struct sip_frame frame = {SIP_FRAME_MORE, 0, NULL};
    size_t begin = 0;
    ret_cuts->count = 0;
    sip_framer_init(&framer);
    for (size_t have = SR_MIN(step, stream.n); frame.kind != SIP_FRAME_ERROR;) {
        sip_frame_next(&framer, sr_str_make(stream.p + begin, have - begin), &frame);
        if ((frame.kind == SIP_FRAME_MESSAGE || frame.kind == SIP_FRAME_ERROR) &&
            ret_cuts->count < CUTS_MAX) {
            ret_cuts->at[ret_cuts->count].kind = frame.kind;
            ret_cuts->at[ret_cuts->count].begin = begin;
            ret_cuts->at[ret_cuts->count++].bytes = frame.bytes;
        }
        if (frame.kind == SIP_FRAME_MORE) {
            if (have == stream.n)
                return;
            have = SR_MIN(have + step, stream.n);
        } else {
            SR_ASSERT(frame.kind == SIP_FRAME_ERROR || frame.bytes > 0);
            SR_ASSERT(frame.bytes <= have - begin);
            begin += frame.bytes;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cuts whole;
    static struct cuts split;
    if (size > 20000)
        return 0;
    struct sr_str stream = sr_str_make((const char *)data, size);
    cut(stream, size ? size : 1, &whole);
    cut(stream, 1, &split);
    /* an error may be seen earlier byte by byte, never other messages */
    unsigned n = SR_MIN(whole.count, split.count);
    for (unsigned i = 0; i < n; i++) {
        SR_ASSERT(whole.at[i].kind == split.at[i].kind);
        SR_ASSERT(whole.at[i].begin == split.at[i].begin);
    }
    return 0;
}
