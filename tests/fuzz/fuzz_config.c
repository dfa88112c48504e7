/* Configuration text: loading gives either a configuration or a fault, never both and never neither;
   what was loaded equals itself loaded again. */
#include "control/config_diff.h"
#include "control/config_load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct config_faults faults;
    struct sr_str text = sr_str_make((const char *)data, size);
    const struct config_load_options options = {.ignores_environment = true};
    struct config *config = NULL;
    struct config *again = NULL;
    if (size > 16384)
        return 0;
    config_faults_init(&faults);
    enum sr_err err = config_load_text(text, &options, &faults, &config);
    SR_ASSERT((err == SR_OK) == (config != NULL));
    SR_ASSERT((err == SR_OK) == (faults.error_count == 0));
    struct sr_buf out;
    sr_buf_init(&out, 1 << 20);
    config_faults_write_json(&faults, &out);
    if (config) {
        struct config_diff diff;
        config_diff_init(&diff);
        err = config_load_text(text, &options, &faults, &again);
        SR_ASSERT(err == SR_OK);
        config_diff_run(&diff, config, again);
        SR_ASSERT(diff.count == 0);
        config_diff_done(&diff);
        (void)config_extension_find(config, sr_str_head(text, 8));
    }
    config_unref(config);
    config_unref(again);
    sr_buf_done(&out);
    config_faults_done(&faults);
    return 0;
}
