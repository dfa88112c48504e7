/* Keys that are right by themselves and do nothing where they stand, and files that are not there: nobody is to
   wait for an effect that cannot come. */
#include <unistd.h>

#include "control/config_internal.h"
#include "speech/voices.h"

/* ---- routes ---------------------------------------------------------------------------------- */

/* Keys of an action that only calls to the outside use, and those that only ringing uses. */
static const char *const outbound_keys[] = {"failoverProviders", "stripPrefix", "prependPrefix",
                                            "callerId", NULL};
static const char *const ringing_keys[] = {"targets",         "ringBrowsers", "strategy",
                                           "noAnswerTimeout", "voicemailBox", "ivrMenuId",
                                           "fallback",        "announcement", NULL};

static void check_route(struct config__load *load, const struct config_route *route)
{
    bool is_outbound = route->match.direction == CONFIG_DIRECTION_OUTBOUND;
    const char *const *names = is_outbound ? ringing_keys : outbound_keys;
    char pointer[96];
    const struct config_field *routing = config_field_find(&config_schema, SR_STR("routing"));
    const struct config_object *object =
        config_field_find(config_field_find(routing->object, SR_STR("routes"))->object,
                          SR_STR("action"))
            ->object;
    struct sr_buf buf;

    sr_buf_init_fixed(&buf, pointer, sizeof(pointer));
    sr_buf_fmt(&buf, "/routing/routes/%u/action", route->index);
    for (size_t i = 0; names[i] != NULL; i++) {
        const struct config_field *field = config_field_find(object, sr_str_c(names[i]));
        const struct jsonc_node *node =
            jsonc_member_c(jsonc_at(load->root, sr_buf_view(&buf)), names[i]);

        if (node != NULL && config__says_something(field, node))
            config__fault(load, CONFIG_NOTICE, node,
                          is_outbound ? SR_STR("remove it; an inbound or internal route rings")
                                      : SR_STR("remove it; it belongs to an outbound route"),
                          "\"%s\" has no effect in %s route", names[i],
                          is_outbound ? "an outbound" : "this");
    }
}

/* ---- providers ------------------------------------------------------------------------------- */

static void check_provider(struct config__load *load, const struct config_provider *provider)
{
    const struct config_outbound_proxy *proxy = &provider->outbound_proxy;
    unsigned i = provider->index;

    if (proxy->address.n == 0 && (proxy->port != 0 || proxy->transport != CONFIG_TRANSPORT_AUTO))
        config__fault(load, CONFIG_NOTICE, config__node(load, "/providers/%u/outboundProxy", i),
                      SR_STR("add \"address\": the provider's domain will do"),
                      "an outbound proxy without an address has no effect");
}

/* ---- devices --------------------------------------------------------------------------------- */

static bool takes_md5(const struct config_choices *algorithms)
{
    for (uint8_t i = 0; i < algorithms->count; i++) {
        if (algorithms->items[i] == CONFIG_DIGEST_MD5)
            return true;
    }
    return false;
}

static void check_devices(struct config__load *load)
{
    const struct config *config = load->config;

    for (uint32_t i = 0; i < config->device_count; i++) {
        if (config->devices[i].ha1.n > 0 && !takes_md5(&config->security.digest_algorithms))
            config__fault(load, CONFIG_WARNING, config__node(load, "/devices/%u/ha1", i),
                          SR_STR("write the password, or add \"MD5\" to digestAlgorithms"),
                          "no phone can register with this ha1: it is for MD5, which "
                          "security.digestAlgorithms leaves out");
    }
}

/* ---- the router itself ----------------------------------------------------------------------- */

static void check_proxy(struct config__load *load)
{
    const struct config_proxy *proxy = &load->config->proxy;
    struct sr_addr addr;

    if (sr_addr_parse(proxy->stun_server, 3478, &addr) == SR_OK && addr.family == SR_ADDR_IP6)
        config__fault(load, CONFIG_NOTICE, config__node(load, "/proxy/stunServer"),
                      SR_STR("name a server with an IPv4 address"),
                      "an IPv6 server is never asked: IPv6 knows its own address");
    for (uint32_t i = 1; i < proxy->bind.count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (!sr_addr_ip_eq(&proxy->bind.items[i], &proxy->bind.items[k]))
                continue;
            config__fault(load, CONFIG_ERROR, config__node(load, "/proxy/bind/%u", i),
                          SR_STR("remove one of them"), "this address stands twice");
            break;
        }
    }
}

static void check_web(struct config__load *load)
{
    const struct config_server *server = &load->config->server;

    if ((server->web_ui_port == 0 || server->web_ui_bind.n == 0) &&
        (server->web_ui_tls_port == 0 || server->web_ui_tls_bind.n == 0))
        config__fault(load, CONFIG_WARNING, config__node(load, "/server"),
                      SR_STR("set webUiPort with webUiBind, or webUiTlsPort with webUiTlsBind"),
                      "both web ports are off: no page, no API, and no command reaches the router");
}

static void check_voice(struct config__load *load)
{
#define X(name) #name,
    static const char *const voices[] = {SPEECH_FLITE_VOICE_MAP(X) NULL};
#undef X
    const struct config_tts *tts = &load->config->speech.tts;
    char bytes[64];
    struct sr_buf names;

    if (tts->voice.n == 0 ||
        !(sr_str_eq_c(tts->engine, "auto") || sr_str_eq_c(tts->engine, "flite")))
        return;
    sr_buf_init_fixed(&names, bytes, sizeof(bytes));
    sr_buf_c(&names, "use ");
    config__names_write(voices, &names);
    for (size_t i = 0; voices[i] != NULL; i++) {
        if (sr_str_eq_c(tts->voice, voices[i]))
            return;
    }
    config__fault(load, CONFIG_ERROR, config__node(load, "/speech/tts/voice"),
                  config__say(load, "%s", sr_buf_cstr(&names)), "there is no voice \"%.*s\"",
                  (int)SR_MIN(tts->voice.n, 80u), tts->voice.p);
}

/* ---- files ----------------------------------------------------------------------------------- */

/* Relative names start at the configuration's folder; a foreign text has none, and nothing is looked for. */
static void check_file(struct config__load *load, struct sr_str file, const char *pointer)
{
    bool is_absolute = file.n > 0 && file.p[0] == '/';
    char path[1024];
    struct sr_buf buf;

    if (file.n == 0 || load->options->folder == NULL || load->options->ignores_environment)
        return;
    sr_buf_init_fixed(&buf, path, sizeof(path));
    sr_buf_fmt(&buf, "%s%s%.*s", is_absolute ? "" : load->options->folder, is_absolute ? "" : "/",
               SR_STR_ARG(file));
    if (sr_buf_err(&buf) == SR_OK && access(sr_buf_cstr(&buf), R_OK) == 0)
        return;
    config__fault(load, CONFIG_WARNING, config__node(load, "%s", pointer),
                  SR_STR("put it there, readable for the router"), "this file cannot be read");
}

/* The router makes the database, not its folder; a relative one lies in the data folder, unknown here. */
static void check_database(struct config__load *load)
{
    struct sr_str file = load->config->storage.file;
    char path[1024];
    struct sr_buf buf;

    if (file.n == 0 || file.p[0] != '/' || load->options->ignores_environment)
        return;
    while (file.p[file.n - 1] != '/')
        file.n--;
    sr_buf_init_fixed(&buf, path, sizeof(path));
    sr_buf_fmt(&buf, "%.*s.", SR_STR_ARG(file));
    if (sr_buf_err(&buf) != SR_OK || access(sr_buf_cstr(&buf), W_OK | X_OK) != 0)
        config__fault(load, CONFIG_WARNING, config__node(load, "/storage/url"),
                      SR_STR("make the folder, writable for the router"),
                      "the router cannot write in the folder of the database: it will not start");
}

static void check_files(struct config__load *load)
{
    const struct config *config = load->config;
    char pointer[64];

    check_database(load);
    check_file(load, config->server.tls.cert, "/server/tls/cert");
    check_file(load, config->server.tls.key, "/server/tls/key");
    if (config->music_on_hold.file.n > 0 && config->music_on_hold.file.p[0] == '/')
        check_file(load, config->music_on_hold.file,
                   "/musicOnHold/file"); /* else: the data folder */
    for (uint32_t i = 0; i < config->provider_count; i++) {
        struct sr_buf buf;

        sr_buf_init_fixed(&buf, pointer, sizeof(pointer));
        sr_buf_fmt(&buf, "/providers/%u/tlsCaFile", i);
        if (config->providers[i].tls_ca_file.n > 0 && config->providers[i].tls_ca_file.p[0] == '/')
            check_file(load, config->providers[i].tls_ca_file, sr_buf_cstr(&buf));
    }
}

void config__check_use(struct config__load *load)
{
    const struct config *config = load->config;

    check_proxy(load);
    check_web(load);
    check_voice(load);
    check_devices(load);
    for (uint32_t i = 0; i < config->provider_count; i++)
        check_provider(load, &config->providers[i]);
    for (uint32_t i = 0; i < config->routing.route_count; i++)
        check_route(load, &config->routing.routes[i]);
    check_files(load);
}
