/* The configuration in force: reading, checking, comparing, handing to the engine. */
#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/log.h"
#include "control/config_demo.h"
#include "control/config_diff.h"
#include "control/config_load.h"
#include "control/web_internal.h"

void web_config_set_etag(struct web *web)
{
    struct sr_sha256 sha;
    uint8_t digest[SR_SHA256_BYTES];
    char hex[2 * SR_SHA256_BYTES + 1];

    sr_sha256_init(&sha);
    sr_sha256_add(&sha, web->text.data, web->text.len);
    sr_sha256_end(&sha, digest);
    sr_hex(digest, sizeof(digest) / 2, hex);
    (void)snprintf(web->etag, sizeof(web->etag), "\"%s\"", hex);
}

enum sr_err web_config_read(struct web *web, struct config_faults *faults, struct sr_buf *ret_text)
{
    struct config *config = NULL;
    enum sr_err err = config_load_file(web->config_path, faults, ret_text, &config);

    if (err == SR_OK)
        config_unref(config);
    return err;
}

static struct sr_str folder_of(const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        return SR_STR(".");
    (void)sr_str_copy(sr_str_make(path, (size_t)(slash - path) + 1), out, size);
    return sr_str_c(out);
}

/* What changes by it; and what, since the start, waits for a restart. */
static void write_changes(struct web *web, const struct config *config, struct sr_buf *ret_diff)
{
    struct config_diff *diff = sr_zalloc(1, sizeof(*diff));
    uint32_t waiting;

    config_diff_init(diff);
    config_diff_run(diff, web->config_start, config);
    waiting = diff->restart_count;
    sr_buf_clear(&web->restart);
    config_diff_write_restart(diff, &web->restart);
    config_diff_done(diff);
    config_diff_init(diff);
    config_diff_run(diff, web->config, config);
    config_diff_write(diff, sr_buf_view(&web->restart), ret_diff);
    sr_log(API, INFO, "event=config_changed generation=%llu changes=%u restart=%u",
           (unsigned long long)config->generation, diff->count, waiting);
    config_diff_done(diff);
    sr_free(diff);
}

static enum web_config_result hand_over(struct web *web, struct config *config, struct sr_str text,
                                        bool is_written, struct sr_buf *ret_diff)
{
    struct engine_command command = {.kind = ENGINE_DO_CONFIGURE, .config = config};

    if (is_written && !config_file_is(web->config_path, sr_buf_view(&web->text)))
        return WEB_CONFIG_EDITED;
    if (is_written && config_file_replace(web->config_path, text) != SR_OK) {
        web->file_problem = errno;
        sr_log(API, WARN, "event=config_not_written path=%s why=\"%s\"", web->config_path,
               config_file_why(web->file_problem));
        return WEB_CONFIG_IO;
    }
    (void)config_ref(config); /* one for the engine, one for us */
    if (engine_submit(web->options.engine, &command) != SR_OK) {
        config_unref(config);
        if (is_written && config_file_replace(web->config_path, sr_buf_view(&web->text)) != SR_OK)
            sr_log(API, ERROR, "event=config_not_restored path=%s", web->config_path);
        return WEB_CONFIG_BUSY;
    }
    write_changes(web, config, ret_diff);
    config_unref(web->config);
    web->config = config_ref(config);
    if (text.p != web->text.data) {
        sr_buf_clear(&web->text);
        sr_buf_str(&web->text, text);
    }
    web_config_set_etag(web);
    web_tls_renew(web);
    if (web->options.on_config != NULL)
        web->options.on_config(web->options.arg, config);
    return WEB_CONFIG_OK;
}

enum web_config_result web_config_apply(struct web *web, struct sr_str text, bool is_written,
                                        struct config_faults *faults, struct sr_buf *ret_diff)
{
    char folder[WEB_PATH_MAX];
    struct config_load_options options = {
        .folder = folder_of(web->config_path, folder, sizeof(folder)).p};
    struct config *config = NULL;
    enum web_config_result result;

    if (config_load_text(text, &options, faults, &config) != SR_OK)
        return WEB_CONFIG_FAULTY;
    result = hand_over(web, config, text, is_written, ret_diff);
    config_unref(config);
    return result;
}

static void log_faults(const struct web *web, const struct config_faults *faults)
{
    struct sr_buf buf;

    sr_buf_init(&buf, CONFIG_FAULTS_BYTES_MAX);
    config_faults_write_text(faults, web->config_path, &buf);
    sr_log(API, ERROR, "event=reload_refused faults=%u kept=old", faults->error_count);
    for (struct sr_str rest = sr_buf_view(&buf), line; sr_str_split(&rest, '\n', &line);)
        sr_log(API, ERROR, "event=config_fault %.*s", SR_STR_ARG(line));
    sr_buf_done(&buf);
}

enum web_config_result web_config_reload(struct web *web, struct config_faults *faults,
                                         struct sr_buf *ret_diff)
{
    enum web_config_result result = WEB_CONFIG_FAULTY;
    struct config *config = NULL;
    struct sr_buf text;

    sr_buf_init(&text, web->text.max);
    if (config_load_file(web->config_path, faults, &text, &config) == SR_OK) {
        result = hand_over(web, config, sr_buf_view(&text), false, ret_diff);
        config_unref(config);
    } else {
        log_faults(web, faults);
    }
    if (result == WEB_CONFIG_BUSY)
        sr_log(API, ERROR, "event=reload_refused why=\"the router is busy\" kept=old");
    sr_buf_done(&text);
    return result;
}
