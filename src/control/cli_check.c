/* `siprouter check`: every fault of a configuration file. */
#include <limits.h>
#include <stdio.h>

#include "base/alloc.h"
#include "control/cli_internal.h"
#include "control/config_load.h"
#include "net/net.h"

/* The files it names, which only a start or a renewal would read. */
static bool check_certificate(const char *path, const struct config *config,
                              struct config_faults *faults)
{
    const struct config_server_tls *tls = &config->server.tls;
    const char *slash = strrchr(path, '/');
    struct sr_str names[2] = {tls->cert, tls->key.n > 0 ? tls->key : tls->cert};
    char files[2][PATH_MAX];
    char why[NET_WHY_MAX];

    if (tls->cert.n == 0)
        return true;
    for (int i = 0; i < 2; i++) {
        int folder = names[i].p[0] != '/' && slash != NULL ? (int)(slash - path) + 1 : 0;

        (void)snprintf(files[i], PATH_MAX, "%.*s%.*s", folder, path, SR_STR_ARG(names[i]));
    }
    if (net_tls_try(&(struct net_tls_files){files[0], files[1]}, why) == SR_OK)
        return true;
    config_faults_add(faults, CONFIG_ERROR, "/server/tls/cert", why,
                      "put right files there, or leave cert and key empty for the router's own");
    return false;
}

static const char *plural(uint32_t count)
{
    return count == 1 ? "" : "s";
}

int cli_check(const struct cli_options *options)
{
    struct config_faults *faults = sr_zalloc(1, sizeof(*faults));
    const char *path = cli_config(options);
    struct config *config = NULL;
    struct sr_buf out;
    enum sr_err err;

    config_faults_init(faults);
    err = config_load_file(path, faults, NULL, &config);
    if (err == SR_OK && !check_certificate(path, config, faults))
        err = SR_ERR_SYNTAX;
    sr_buf_init(&out, 8 << 20);
    if (options->is_json) {
        config_faults_write_json(faults, &out);
        sr_buf_char(&out, '\n');
    } else {
        config_faults_write_text(faults, path, &out);
        if (err == SR_OK)
            sr_buf_fmt(&out, "%s: ok, %u device%s, %u provider%s, %u route%s\n", path,
                       config->device_count, plural(config->device_count), config->provider_count,
                       plural(config->provider_count), config->routing.route_count,
                       plural(config->routing.route_count));
        else
            sr_buf_fmt(&out, "%s: %u fault%s\n", path, faults->error_count,
                       plural(faults->error_count));
    }
    (void)fwrite(out.data, 1, out.len, stdout);
    sr_buf_done(&out);
    config_unref(config);
    config_faults_done(faults);
    sr_free(faults);
    return err == SR_OK ? CLI_OK : CLI_NO;
}
