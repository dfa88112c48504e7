/* `siprouter check`: every fault of a configuration file. */
#include <stdio.h>

#include "base/alloc.h"
#include "control/cli_internal.h"
#include "control/config_load.h"

int cli_check(const struct cli_options *options)
{
    struct config_faults *faults = sr_zalloc(1, sizeof(*faults));
    const char *path = cli_config(options);
    struct config *config = NULL;
    struct sr_buf out;
    enum sr_err err;

    config_faults_init(faults);
    err = config_load_file(path, faults, NULL, &config);
    sr_buf_init(&out, 8 << 20);
    if (options->is_json) {
        config_faults_write_json(faults, &out);
        sr_buf_char(&out, '\n');
    } else {
        config_faults_write_text(faults, path, &out);
        if (err == SR_OK)
            sr_buf_fmt(&out, "%s: ok, %u devices, %u providers, %u routes\n", path,
                       config->device_count, config->provider_count, config->routing.route_count);
        else
            sr_buf_fmt(&out, "%s: %u faults\n", path, faults->error_count);
    }
    (void)fwrite(out.data, 1, out.len, stdout);
    sr_buf_done(&out);
    config_unref(config);
    config_faults_done(faults);
    sr_free(faults);
    return err == SR_OK ? CLI_OK : CLI_NO;
}
