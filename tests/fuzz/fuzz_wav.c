/**
 * @file fuzz_wav.c  Uploaded files: parsed inside their bounds, read as finite samples.
 */
#include <math.h>

#include "media/wav.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wav wav;
    struct wav_diag diag = {0};
    enum sr_err err = wav_parse(sr_str_make((const char *)data, size), &wav, &diag);
    float out[64];
    size_t at = 0, got;

    if (err != SR_OK) {
        SR_ASSERT(diag.why != NULL && diag.offset <= size);
        return 0;
    }
    SR_ASSERT(wav.data >= data && wav.data + wav.frame_count * wav.frame_bytes <= data + size);
    while ((got = wav_read(&wav, at, out, SR_ARRAY_LEN(out))) > 0) {
        for (size_t i = 0; i < got; i++)
            SR_ASSERT(isfinite(out[i]) && out[i] >= -1.0f && out[i] <= 1.0f);
        at += got;
    }
    SR_ASSERT(at == wav.frame_count);
    return 0;
}
