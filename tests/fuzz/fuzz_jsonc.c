/* JSON with comments: reading, and edits that must give a text meaning what was asked for. The input
   is split at its first NUL byte: text, then patch. */
#include "control/config_mask.h"
#include "control/jsonc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_become(struct sr_str text, const struct jsonc_node *target,
                         struct sr_arena *arena)
{
    struct sr_buf out;
    struct jsonc_node *result;
    struct jsonc_diag diag;
    sr_buf_init(&out, JSONC_BYTES_MAX);
    if (jsonc_become(text, target, &out, &diag) == SR_OK) {
        enum sr_err err = jsonc_parse(sr_buf_view(&out), arena, &result, &diag);
        SR_ASSERT(err == SR_OK && jsonc_equal(result, target));
    }
    sr_buf_done(&out);
}

static void check_edits(struct sr_str text, struct sr_str patch)
{
    static const char *const pointers[] = {"", "/a", "/a/b", "/0", "/-", "/devices/0"};
    struct sr_buf out;
    struct jsonc_diag diag;
    sr_buf_init(&out, JSONC_BYTES_MAX);
    for (size_t i = 0; i < SR_ARRAY_LEN(pointers); i++) {
        (void)!jsonc_set(text, sr_str_c(pointers[i]), patch, &out, &diag);
        sr_buf_clear(&out);
        (void)!jsonc_insert(text, sr_str_c(pointers[i]), patch, &out, &diag);
        sr_buf_clear(&out);
        (void)!jsonc_remove(text, sr_str_c(pointers[i]), &out, &diag);
        sr_buf_clear(&out);
    }
    (void)!jsonc_merge(text, patch, &out, &diag);
    sr_buf_clear(&out);
    (void)!config_mask_write(text, &out, &diag);
    sr_buf_clear(&out);
    (void)!config_mask_put(text, patch, &out, &diag);
    sr_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sr_str whole = sr_str_make((const char *)data, size);
    struct sr_str text;
    struct sr_arena arena;
    struct jsonc_node *root;
    struct jsonc_node *target;
    struct jsonc_diag diag;
    if (size > 4096 || !sr_str_split(&whole, '\0', &text))
        return 0;
    sr_arena_init(&arena, JSONC_ARENA_BYTES_MAX);
    if (jsonc_parse(text, &arena, &root, &diag) == SR_OK) {
        struct sr_buf compact;
        sr_buf_init(&compact, JSONC_BYTES_MAX);
        jsonc_write(root, &compact);
        enum sr_err err = jsonc_parse(sr_buf_view(&compact), &arena, &target, &diag);
        SR_ASSERT(err == SR_OK && jsonc_equal(root, target));
        sr_buf_done(&compact);
        check_edits(text, whole);
        if (jsonc_parse(whole, &arena, &target, &diag) == SR_OK)
            check_become(text, target, &arena);
    }
    sr_arena_done(&arena);
    return 0;
}
