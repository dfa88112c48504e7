/* HTTPS: its addresses and its certificate, at start and while both change. */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "control/web_internal.h"
#include "net/clock.h"
#include "net/net.h"
#include "net/own_addrs.h"
#include "net/tls_ca.h"

enum {
    TLS_LISTEN_MAX = HTTP_LISTENERS_MAX - 2, /* "auto" on a host with many networks */
};

/* ---- addresses of this host ---- */

size_t web_lan_addrs(const struct web *web, struct sr_addr *ret_addrs, size_t max)
{
    const struct config_proxy *proxy = &web->config->proxy;
    const struct sr_addr *lan = net_lan_addr(web->tls.addrs, web->tls.addr_count);
    size_t count = 0;

    if (proxy->lan_addr.family != SR_ADDR_NONE) {
        ret_addrs[0] = proxy->lan_addr;
        return 1;
    }
    if (lan == NULL || sr_addr_is_loopback(lan))
        return 0;
    ret_addrs[count++] = *lan;
    for (size_t i = 0; i < web->tls.addr_count && count < max; i++) {
        const struct sr_addr *addr = &web->tls.addrs[i];

        if (addr != lan && !sr_addr_is_loopback(addr) && sr_addr_is_private(addr))
            ret_addrs[count++] = *addr;
    }
    return count;
}

/* True when the set is another one than last time. */
static bool look_at_addrs(struct web_tls *tls)
{
    struct sr_addr addrs[WEB_ADDRS_MAX];
    size_t count = net_own_addrs(addrs, WEB_ADDRS_MAX);
    bool is_same = count == tls->addr_count;

    for (size_t i = 0; is_same && i < count; i++)
        is_same = sr_addr_eq(&addrs[i], &tls->addrs[i]);
    if (is_same)
        return false;
    memcpy(tls->addrs, addrs, count * sizeof(addrs[0]));
    tls->addr_count = count;
    return true;
}

/* ---- the certificate ---- */

/* "cert.pem" beside the configuration. */
static void beside_config(const struct web *web, struct sr_str file, char out[WEB_PATH_MAX])
{
    const char *slash = strrchr(web->config_path, '/');
    int folder = file.p[0] != '/' && slash != NULL ? (int)(slash - web->config_path) + 1 : 0;

    (void)snprintf(out, WEB_PATH_MAX, "%.*s%.*s", folder, web->config_path, SR_STR_ARG(file));
}

/* Names the files; makes a leaf of the local CA when none is configured. */
static enum sr_err find_certificate(struct web *web, char *reterr_why, size_t why_size)
{
    const struct config_server_tls *configured = &web->config->server.tls;
    struct web_tls *tls = &web->tls;
    char dir[WEB_PATH_MAX + 8], host[256] = "localhost", why[NET_WHY_MAX] = "";
    const char *names[] = {"localhost", host};
    struct tls_ca_options options = {
        .dir = dir, .names = names, .addrs = tls->addrs, .addr_count = tls->addr_count};
    struct tls_ca_result result;
    enum sr_err err;

    tls->is_own_ca = configured->cert.n == 0;
    tls->ca_path[0] = '\0';
    if (!tls->is_own_ca) {
        beside_config(web, configured->cert, tls->cert_path);
        beside_config(web, configured->key.n > 0 ? configured->key : configured->cert,
                      tls->key_path);
        return SR_OK;
    }
    (void)snprintf(dir, sizeof(dir), "%s/tls", web->data_path);
    options.name_count =
        gethostname(host, sizeof(host) - 1) == 0 && strcmp(host, "localhost") != 0 ? 2 : 1;
    options.wall = net_clock_wall();
    err = tls_ca_ensure(&options, &result, why);
    if (err != SR_OK) {
        (void)snprintf(reterr_why, why_size, "no certificate for the page: %s", why);
        return err;
    }
    tls->leaf_until = result.leaf_until;
    (void)sr_str_copy(sr_str_c(result.cert_file), tls->cert_path, WEB_PATH_MAX);
    (void)sr_str_copy(sr_str_c(result.key_file), tls->key_path, WEB_PATH_MAX);
    (void)sr_str_copy(sr_str_c(result.ca_file), tls->ca_path, WEB_PATH_MAX);
    return SR_OK;
}

/* A number that changes with the files. */
static uint64_t stamp_of(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return 0;
    return (uint64_t)st.st_mtim.tv_sec * 1000000007u + (uint64_t)st.st_mtim.tv_nsec +
           (uint64_t)st.st_size * 31 + (uint64_t)st.st_ino * 1000003u;
}

static uint64_t files_stamp(const struct web_tls *tls)
{
    return stamp_of(tls->cert_path) * 31 + stamp_of(tls->key_path);
}

/* ---- listening ---- */

static bool is_wanted(const struct web *web)
{
    const struct config_server *server = &web->config->server;

    return !web->options.is_any_port && web->tls.port != 0 && server->web_ui_tls_bind.n > 0;
}

static size_t wanted_addrs(const struct web *web, struct sr_addr ret_addrs[TLS_LISTEN_MAX])
{
    size_t count = 1;

    if (web->tls.is_auto)
        count = web_lan_addrs(web, ret_addrs, TLS_LISTEN_MAX);
    else
        ret_addrs[0] = web->tls.bind;
    for (size_t i = 0; i < count; i++)
        ret_addrs[i].port = web->tls.port;
    return count;
}

static bool has_addr(const struct sr_addr *addrs, size_t count, const struct sr_addr *addr)
{
    for (size_t i = 0; i < count; i++)
        if (sr_addr_eq(&addrs[i], addr))
            return true;
    return false;
}

/* Opens what is missing, closes what is not wanted any more. The first failure is told. */
static enum sr_err follow_addrs(struct web *web, char *reterr_why, size_t why_size)
{
    struct sr_addr addrs[TLS_LISTEN_MAX];
    struct web_tls *tls = &web->tls;
    size_t count = wanted_addrs(web, addrs), kept = 0;
    enum sr_err first_err = SR_OK;

    for (size_t i = 0; i < tls->listen_count; i++) {
        if (has_addr(addrs, count, &tls->listens[i]))
            tls->listens[kept++] = tls->listens[i];
        else
            http_unlisten(web->http, &tls->listens[i]);
    }
    tls->listen_count = kept;
    for (size_t i = 0; i < count; i++) {
        char why[WEB_WHY_MAX];
        enum sr_err err;

        if (has_addr(tls->listens, tls->listen_count, &addrs[i]))
            continue;
        err = http_listen(web->http, &addrs[i], tls->cert_path, tls->key_path, why, sizeof(why));
        if (err == SR_OK)
            tls->listens[tls->listen_count++] = addrs[i];
        else if (first_err == SR_OK)
            (void)sr_str_copy(sr_str_c(why), reterr_why, why_size);
        first_err = first_err == SR_OK ? err : first_err;
    }
    if (count == 0)
        sr_log(API, INFO, "event=https_off why=\"this host has no LAN address\"");
    return first_err;
}

enum sr_err web_tls_open(struct web *web, char *reterr_why, size_t why_size)
{
    const struct config_server *server = &web->config->server;
    struct web_tls *tls = &web->tls;
    enum sr_err err;

    tls->port = (uint16_t)server->web_ui_tls_port;
    (void)look_at_addrs(tls);
    if (!is_wanted(web))
        return SR_OK;
    tls->is_auto = sr_str_eq_c(server->web_ui_tls_bind, "auto");
    if (!tls->is_auto && sr_addr_parse_ip(server->web_ui_tls_bind, &tls->bind) != SR_OK) {
        (void)snprintf(reterr_why, why_size, "server.webUiTlsBind is not an address");
        return SR_ERR_SYNTAX;
    }
    err = find_certificate(web, reterr_why, why_size);
    if (err != SR_OK)
        return err;
    tls->is_open = true;
    tls->files_stamp = files_stamp(tls);
    return follow_addrs(web, reterr_why, why_size);
}

/* ---- while it runs ---- */

void web_tls_renew(struct web *web)
{
    struct web_tls *tls = &web->tls;
    uint64_t before = tls->files_stamp;
    char why[WEB_WHY_MAX] = "";
    enum sr_err err;

    if (!tls->is_open)
        return;
    err = find_certificate(web, why, sizeof(why));
    tls->files_stamp = files_stamp(tls); /* a bad one is not tried again before it changes */
    if (err == SR_OK && tls->files_stamp != before)
        err = http_tls_load(web->http, tls->cert_path, tls->key_path, why, sizeof(why));
    if (err != SR_OK) {
        sr_log(API, ERROR, "event=certificate_refused kept=old why=\"%s\"", why);
        return;
    }
    if (follow_addrs(web, why, sizeof(why)) != SR_OK)
        sr_log(API, WARN, "event=https_not_everywhere why=\"%s\"", why);
    if (tls->files_stamp == before)
        return;
    sr_log(API, INFO, "event=certificate_loaded file=%s", tls->cert_path);
    if (web->options.on_certificate != NULL)
        web->options.on_certificate(web->options.arg, tls->cert_path, tls->key_path);
}

void web_tls_check(struct web *web)
{
    struct web_tls *tls = &web->tls;
    bool is_running_out, is_moved = look_at_addrs(tls);

    if (!tls->is_open)
        return;
    is_running_out =
        tls->is_own_ca && tls->leaf_until - net_clock_wall() < TLS_CA_RENEW_DAYS * 86400 * SR_SEC;
    if (is_moved || is_running_out || files_stamp(tls) != tls->files_stamp)
        web_tls_renew(web);
}
