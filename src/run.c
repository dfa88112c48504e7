#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <ifaddrs.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/apps.h"
#include "base/alloc.h"
#include "base/log.h"
#include "call/hub.h"
#include "control/config_demo.h"
#include "control/config_load.h"
#include "control/web.h"
#include "machine.h"
#include "net/clock.h"
#include "net/net_ws.h"
#include "net/own_addrs.h"
#include "net/resolver.h"
#include "net/tls_ca.h"
#include "notify.h"
#include "worker/port_threads.h"

enum {
    RUN_ADDRS_MAX = 32,
    RUN_CONFIG_BYTES_MAX = 4 << 20
};

struct run {
    const char *config_path, *data_path;
    bool is_demo_new;
    struct config_demo demo;
    struct config *config;
    int lock_fd, signal_fd;
    struct loop *loop;
    struct loop_watch *signal_watch;
    struct store *store;
    struct net *net;
    struct resolver *resolver;
    struct net_ws *net_ws;
    struct ua *ua;
    struct media_port *media;
    struct engine *engine;
    struct conference_rooms *rooms;
    struct speech *speech;
    struct parking *parking;
    struct web *web;
    struct notify *notify;
    struct sr_addr addrs[RUN_ADDRS_MAX]; /* of this host */
    size_t addr_count;
    uint32_t stops; /* signals to end that came */

    /* a new certificate, from the web thread to the loop */
    pthread_mutex_t certificate_lock;
    char cert_file[PATH_MAX], key_file[PATH_MAX];
    struct loop_job certificate_job;
    bool is_certificate_posted;
};

static const char usage[] =
    "usage: siprouter run [--config FILE] [--data DIR] [--log-level LEVEL]\n"
    "                     [--log-format FORMAT]\n"
    "\n"
    "  --config FILE        default ./config.json, else /etc/siprouter/config.json;\n"
    "                       without any, a first ./config.json is written\n"
    "  --data DIR           default ./data, else /var/lib/siprouter\n"
    "  --log-level LEVEL    debug, info, warn, error; or by part: warn,sip=debug\n"
    "                       (parts: core sip hub media rtc api store)\n"
    "  --log-format FORMAT  text or json\n"
    "\n"
    "SIGTERM ends when live calls have ended (server.drainSec), a second one ends\n"
    "now; SIGHUP reloads the configuration.\n";

/* ---- options ---- */

static int parse_options(struct run *run, int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"data", required_argument, NULL, 'd'},
        {"log-level", required_argument, NULL, 'l'},
        {"log-format", required_argument, NULL, 'f'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "c:d:h", options, NULL)) != -1) {
        if (c == 'c') {
            run->config_path = optarg;
        } else if (c == 'd') {
            run->data_path = optarg;
        } else if (c == 'l') {
            if (sr_log_set(sr_str_c(optarg)) != SR_OK) {
                (void)fprintf(stderr, "siprouter: \"%s\" is no log level\n", optarg);
                return 2;
            }
        } else if (c == 'f') {
            if (strcmp(optarg, "json") != 0 && strcmp(optarg, "text") != 0) {
                (void)fprintf(stderr, "siprouter: --log-format is text or json\n");
                return 2;
            }
            sr_log_set_json(strcmp(optarg, "json") == 0);
        } else {
            (void)fputs(usage, c == 'h' ? stdout : stderr);
            return c == 'h' ? 0 : 2;
        }
    }
    if (optind < argc) {
        (void)fprintf(stderr, "siprouter: what is \"%s\"?\n%s", argv[optind], usage);
        return 2;
    }
    return -1;
}

static void choose_paths(struct run *run)
{
    bool is_local;

    if (run->config_path == NULL) {
        run->config_path = "./config.json";
        if (access("./config.json", F_OK) != 0 && access("/etc/siprouter/config.json", F_OK) == 0)
            run->config_path = "/etc/siprouter/config.json";
    }
    is_local = strcmp(run->config_path, "/etc/siprouter/config.json") != 0;
    if (run->data_path == NULL)
        run->data_path = is_local ? "./data" : "/var/lib/siprouter";
}

/* ---- configuration ---- */

static bool load_config(struct run *run)
{
    struct config_faults faults;
    struct sr_buf text;
    enum sr_err err;

    if (access(run->config_path, F_OK) != 0 && errno == ENOENT) {
        if (config_demo_write(run->config_path, &run->demo) != SR_OK) {
            (void)fprintf(stderr, "siprouter: cannot write a first configuration to %s: %s\n",
                          run->config_path, strerror(errno));
            return false;
        }
        run->is_demo_new = true;
    }
    config_faults_init(&faults);
    sr_buf_init(&text, CONFIG_FAULTS_BYTES_MAX);
    err = config_load_file(run->config_path, &faults, NULL, &run->config);
    if (err != SR_OK || faults.warning_count > 0)
        config_faults_write_text(&faults, run->config_path, &text);
    if (text.len > 0)
        (void)fprintf(stderr, "%s", sr_buf_cstr(&text));
    if (err != SR_OK)
        (void)fprintf(stderr, "siprouter: the configuration %s is not usable; not started\n",
                      run->config_path);
    sr_buf_done(&text);
    config_faults_done(&faults);
    return err == SR_OK;
}

/* ---- the data folder ---- */

/* Most often somebody else owns it: a start as root, a copy with other rights. */
static void say_owner(const char *path)
{
    struct stat st;

    if (stat(path, &st) == 0 && st.st_uid != geteuid())
        (void)fprintf(stderr,
                      "siprouter: %s belongs to user %u, this is user %u: run it as that user, or "
                      "chown -R the folder\n",
                      path, (unsigned)st.st_uid, (unsigned)geteuid());
}

static bool make_folder(const struct run *run, const char *path)
{
    int error;

    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return true;
    error = errno;
    (void)fprintf(stderr, "siprouter: cannot make the folder %s: %s\n", path, strerror(error));
    if (error == EACCES || error == EPERM)
        say_owner(run->data_path);
    return false;
}

static bool open_data(struct run *run)
{
    char path[PATH_MAX];

    (void)umask(077);
    (void)snprintf(path, sizeof(path), "%s/run", run->data_path);
    if (!make_folder(run, run->data_path) || !make_folder(run, path))
        return false;
    (void)snprintf(path, sizeof(path), "%s/run/lock", run->data_path);
    run->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (run->lock_fd < 0) {
        (void)fprintf(stderr, "siprouter: cannot open %s: %s\n", path, strerror(errno));
        say_owner(path);
        return false;
    }
    if (flock(run->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        (void)fprintf(stderr, "siprouter: another router uses the data folder %s\n",
                      run->data_path);
        return false;
    }
    return true;
}

static bool open_store(struct run *run)
{
    static const char *const parts[] = {"", "-wal", "-shm"};
    char path[PATH_MAX];
    char why[256];
    struct store_options options = {
        .keep_days = run->config->history.keep_days,
        .trace_keep_days = run->config->history.trace_keep_days,
        .trace_mb_max = run->config->history.trace_mb_max,
        .is_trace_off = run->config->history.trace_keep_days == 0,
    };

    if (run->config->storage.kind != CONFIG_STORAGE_SQLITE) {
        (void)fprintf(stderr, "siprouter: storage.url: only sqlite is built yet\n");
        return false;
    }
    if (run->config->storage.file.n > 0 && run->config->storage.file.p[0] == '/')
        (void)snprintf(path, sizeof(path), "%.*s", SR_STR_ARG(run->config->storage.file));
    else
        (void)snprintf(path, sizeof(path), "%s/%.*s", run->data_path,
                       SR_STR_ARG(run->config->storage.file));
    options.path = sr_str_c(path);
    if (store_open(&options, &run->store, why, sizeof(why)) == SR_OK)
        return true;
    (void)fprintf(stderr, "siprouter: %s\n", why);
    for (size_t i = 0; i < SR_ARRAY_LEN(parts); i++) {
        char file[PATH_MAX + 8];

        (void)snprintf(file, sizeof(file), "%s%s", path, parts[i]);
        say_owner(file);
    }
    return false;
}

/* ---- what the machine allows ---- */

static void find_addrs(struct run *run)
{
    struct ifaddrs *list;

    if (getifaddrs(&list) != 0)
        return;
    for (struct ifaddrs *one = list; one != NULL && run->addr_count < RUN_ADDRS_MAX;
         one = one->ifa_next) {
        struct sr_addr addr = {0};

        if (one->ifa_addr != NULL)
            sr_addr_from_sockaddr(one->ifa_addr, &addr);
        if (addr.family != SR_ADDR_NONE && !sr_addr_is_link_local(&addr))
            run->addrs[run->addr_count++] = addr;
    }
    freeifaddrs(list);
}

/* ---- SIP ---- */

/* Relative names in the configuration start at its folder. */
static void beside_config(const struct run *run, struct sr_str file, char out[PATH_MAX])
{
    const char *slash = strrchr(run->config_path, '/');
    int folder = file.p[0] != '/' && slash != NULL ? (int)(slash - run->config_path) + 1 : 0;

    (void)snprintf(out, PATH_MAX, "%.*s%.*s", folder, run->config_path, SR_STR_ARG(file));
}

static bool load_certificate(struct run *run)
{
    const struct config_server_tls *tls = &run->config->server.tls;
    char host[256] = "localhost";
    const char *names[] = {"localhost", host};
    struct sr_addr addrs[RUN_ADDRS_MAX];
    struct tls_ca_options options = {.names = names, .addrs = addrs};
    struct tls_ca_result made;
    char dir[PATH_MAX], cert[PATH_MAX], key[PATH_MAX];
    char why[NET_WHY_MAX];
    struct net_tls_files files;

    if (tls->cert.n > 0) {
        beside_config(run, tls->cert, cert);
        beside_config(run, tls->key.n > 0 ? tls->key : tls->cert, key);
        files = (struct net_tls_files){cert, key};
    } else {
        (void)snprintf(dir, sizeof(dir), "%s/tls", run->data_path);
        (void)gethostname(host, sizeof(host) - 1);
        options.dir = dir;
        options.name_count = strcmp(host, "localhost") == 0 ? 1 : 2;
        options.addr_count = net_own_addrs(addrs, RUN_ADDRS_MAX);
        options.wall = net_clock_wall();
        if (tls_ca_ensure(&options, &made, why) != SR_OK) {
            (void)fprintf(stderr, "siprouter: no certificate for TLS: %s\n", why);
            return false;
        }
        files = (struct net_tls_files){made.cert_file, made.key_file};
    }
    if (net_tls_load(run->net, &files, why) == SR_OK)
        return true;
    (void)fprintf(stderr, "siprouter: %s\n", why);
    return false;
}

static bool listen_on(struct run *run, enum net_kind kind, uint16_t port, const char *key)
{
    const struct config_addrs *bind = &run->config->proxy.bind;
    char why[NET_WHY_MAX];

    if (bind->count == 0) {
        if (net_listen_all(run->net, kind, port, NULL, why) == SR_OK)
            return true;
        (void)fprintf(stderr, "siprouter: %s (%s)\n", why, key);
        return false;
    }
    for (uint32_t i = 0; i < bind->count; i++) {
        struct sr_addr addr = bind->items[i];

        addr.port = port;
        if (net_listen(run->net, kind, &addr, NULL, why) != SR_OK) {
            (void)fprintf(stderr, "siprouter: %s (%s)\n", why, key);
            return false;
        }
    }
    return true;
}

static void wake_web(void *arg)
{
    struct run *run = arg;

    if (run->web != NULL)
        web_wake(run->web);
}

static bool open_sip(struct run *run)
{
    uint16_t port = (uint16_t)run->config->proxy.lan_port;
    uint16_t tls_port = (uint16_t)run->config->proxy.tls_port;
    const struct net_options options = {.dscp = (uint8_t)run->config->proxy.dscp.sip};

    run->net = net_new(run->loop, ua_net_handler(), run->ua, &options);
    if (!listen_on(run, NET_UDP, port, "proxy.lanPort") ||
        !listen_on(run, NET_TCP, port, "proxy.lanPort"))
        return false;
    if (tls_port != 0 &&
        (!load_certificate(run) || !listen_on(run, NET_TLS, tls_port, "proxy.tlsPort")))
        return false;
    ua_set_net(run->ua, run->net);
    run->net_ws = net_ws_new(run->net, run->loop, wake_web, run);
    return true;
}

static bool open_resolver(struct run *run)
{
    const struct config_addrs *servers = &run->config->dns.servers;
    char texts[RESOLVER_SERVERS_MAX][SR_ADDR_TEXT_MAX];
    const char *list[RESOLVER_SERVERS_MAX];
    struct resolver_options options = {.servers = list};

    for (uint32_t i = 0; i < servers->count && i < RESOLVER_SERVERS_MAX; i++)
        list[options.server_count++] = sr_addr_text(&servers->items[i], texts[i]);
    if (resolver_new(run->loop, &options, &run->resolver) == SR_OK) {
        ua_set_resolver(run->ua, run->resolver);
        return true;
    }
    (void)fprintf(stderr, "siprouter: dns.servers: the resolver refuses these name servers\n");
    return false;
}

/* ---- the hub ---- */

static uint64_t sip_backlog(void *arg)
{
    struct run *run = arg;

    return net_udp_backlog_bytes(run->net);
}

/* Where browsers may find us: every address we listen on. The engine adds the public one. */
static void tell_addresses(struct run *run)
{
    const struct config_proxy *proxy = &run->config->proxy;
    struct media_addresses addresses = {.local_count = 0};
    const struct sr_addr *addrs = proxy->bind.count > 0 ? proxy->bind.items : run->addrs;
    size_t count = proxy->bind.count > 0 ? proxy->bind.count : run->addr_count;

    for (size_t i = 0; i < count && addresses.local_count < MEDIA_ADDRESSES_MAX; i++)
        addresses.local[addresses.local_count++] = addrs[i];
    media_port_set_addresses(run->media, &addresses);
}

static bool open_media(struct run *run)
{
    struct port_threads_options options = {
        .loop = run->loop,
        .on_event = engine_on_media,
        .arg = run->engine,
        .threads = run->config->server.media_threads,
        .port_min = (uint16_t)run->config->proxy.rtp_ports.min,
        .port_max = (uint16_t)run->config->proxy.rtp_ports.max,
        .dscp = (uint8_t)run->config->proxy.dscp.media,
        .webrtc_port = (uint16_t)run->config->proxy.webrtc_port,
        .webrtc_binds = run->config->proxy.bind.items,
        .webrtc_bind_count = run->config->proxy.bind.count,
    };
    enum sr_err err = port_threads_new(&options, &run->media);

    if (options.webrtc_port != 0 && (err == SR_ERR_EXISTS || err == SR_ERR_UNSUPPORTED)) {
        sr_log(MEDIA, WARN,
               "event=webrtc_port_taken port=%u why=\"another program has proxy.webrtcPort (UDP or "
               "TCP): phones work, browsers cannot call\"",
               options.webrtc_port);
        options.webrtc_port = 0;
        err = port_threads_new(&options, &run->media);
    }
    if (err == SR_OK) {
        tell_addresses(run);
        return true;
    }
    (void)fprintf(stderr, "siprouter: the system refused a media thread\n");
    return false;
}

static void open_speech(struct run *run)
{
    const struct config_tts *tts = &run->config->speech.tts;
    struct speech_options options = {
        .loop = run->loop, .data_path = run->data_path, .engine = tts->engine, .voice = tts->voice};

    run->speech = speech_new(&options);
}

static bool open_hub(struct run *run)
{
    struct engine_options options = {
        .loop = run->loop,
        .config = run->config,
        .store = run->store,
        .speech = run->speech,
        .wake = wake_web,
        .wake_arg = run,
        .backlog = sip_backlog,
        .backlog_arg = run,
    };
    struct ua_options ua = {
        .loop = run->loop,
        .ops = engine_ua_ops(),
        .user_agent = SR_STR("siprouter/" SR_VERSION),
    };

    run->engine = engine_new(&options);
    run->rooms = conference_rooms_new();
    run->parking = parking_new();
    engine_add_app(run->engine, &app_echo, NULL);
    engine_add_app(run->engine, &app_conference, run->rooms);
    engine_add_app(run->engine, &app_parking, run->parking);
    engine_add_app(run->engine, &app_announce, NULL); /* last: it takes what is left */
    ua.arg = run->engine;
    run->ua = ua_new(&ua);
    if (!open_sip(run) || !open_resolver(run) || !open_media(run))
        return false;
    engine_start(run->engine, run->ua, run->media);
    return true;
}

/* ---- signals ---- */

static void end_now(void *arg)
{
    struct run *run = arg;

    loop_stop(run->loop);
}

/* No call is left: providers are told that we go, and 2 s are theirs to answer. */
static void leave_providers(void *arg)
{
    struct run *run = arg;

    ua_providers_stop(run->ua, end_now, run);
}

static void on_signal(void *arg, unsigned events)
{
    struct run *run = arg;
    struct signalfd_siginfo info;

    (void)events;
    while (read(run->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGHUP) {
            web_reload(run->web);
            continue;
        }
        run->stops++;
        notify_say(run->notify, "STOPPING=1");
        if (run->stops > 1) {
            ua_providers_stop(run->ua, NULL, NULL);
            end_now(run);
            return;
        }
        engine_drain(run->engine, engine_config(run->engine)->server.drain_sec * 1000,
                     leave_providers, run);
    }
}

static bool watch_signals(struct run *run)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    /* before any thread: they all inherit the mask */
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
        return false;
    run->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return run->signal_fd >= 0 && loop_watch_fd(run->loop, run->signal_fd, LOOP_READ, on_signal,
                                                run, &run->signal_watch) == SR_OK;
}

/* ---- web ---- */

/* On the loop: SIP over TLS takes the certificate the web thread has taken. */
static void load_new_certificate(void *arg)
{
    struct run *run = arg;
    struct net_tls_files files = {run->cert_file, run->key_file};
    char why[NET_WHY_MAX];

    pthread_mutex_lock(&run->certificate_lock);
    run->is_certificate_posted = false;
    if (run->config->proxy.tls_port != 0 && net_tls_load(run->net, &files, why) != SR_OK)
        sr_log(SIP, ERROR, "event=certificate_refused kept=old why=\"%s\"", why);
    pthread_mutex_unlock(&run->certificate_lock);
}

static void on_certificate(void *arg, const char *cert_file, const char *key_file)
{
    struct run *run = arg;

    pthread_mutex_lock(&run->certificate_lock);
    (void)sr_str_copy(sr_str_c(cert_file), run->cert_file, sizeof(run->cert_file));
    (void)sr_str_copy(sr_str_c(key_file), run->key_file, sizeof(run->key_file));
    if (!run->is_certificate_posted)
        loop_post(run->loop, &run->certificate_job);
    run->is_certificate_posted = true;
    pthread_mutex_unlock(&run->certificate_lock);
}

static bool open_web(struct run *run)
{
    struct web_options options = {
        .engine = run->engine,
        .store = run->store,
        .speech = run->speech,
        .sip = run->net_ws,
        .config = run->config,
        .config_path = run->config_path,
        .data_path = run->data_path,
        .on_certificate = on_certificate,
        .arg = run,
    };
    char why[256];

    loop_job_init(&run->certificate_job, load_new_certificate, run);
    if (web_start(&options, &run->web, why, sizeof(why)) == SR_OK)
        return true;
    (void)fprintf(stderr, "siprouter: %s\n", why);
    return false;
}

/* The address people put into their phones; false: none is known. */
static bool phone_addr(const struct run *run, struct sr_addr *ret_addr)
{
    const struct config_proxy *proxy = &run->config->proxy;
    struct sr_addr addrs[RUN_ADDRS_MAX];
    const struct sr_addr *lan = net_lan_addr(addrs, net_own_addrs(addrs, RUN_ADDRS_MAX));

    if (proxy->lan_addr.family != SR_ADDR_NONE)
        lan = &proxy->lan_addr;
    else if (proxy->bind.count > 0 && !sr_addr_is_any(&proxy->bind.items[0]))
        lan = &proxy->bind.items[0];
    if (lan != NULL)
        *ret_addr = *lan;
    return lan != NULL;
}

static void greet(const struct run *run)
{
    const struct config_proxy *proxy = &run->config->proxy;
    struct sr_addr addr;
    char text[SR_ADDR_TEXT_MAX] = "this machine";
    const char *password = web_first_password(run->web);

    if (phone_addr(run, &addr))
        (void)sr_addr_ip_text(&addr, text);
    (void)fprintf(stdout, "\nsiprouter " SR_VERSION " is running.\n\n");
    (void)fprintf(stdout, "  page        %s\n", web_url(run->web));
    if (web_tls_url(run->web)[0] != '\0' && strcmp(web_tls_url(run->web), web_url(run->web)) != 0)
        (void)fprintf(stdout,
                      "  elsewhere   %s\n"
                      "              (its certificate is trusted once, at /trust there)\n",
                      web_tls_url(run->web));
    if (password != NULL)
        (void)fprintf(stdout, "              user admin, password %s   (shown once)\n", password);
    (void)fprintf(stdout, "  phones      server %s, port %u (UDP, TCP)", text, proxy->lan_port);
    if (proxy->tls_port != 0)
        (void)fprintf(stdout, ", %u (TLS)", proxy->tls_port);
    (void)fprintf(stdout, "\n");
    if (run->is_demo_new) {
        (void)fprintf(stdout, "              user 101, password %s   (shown once, kept in %s)\n",
                      run->demo.password_101, run->config_path);
        (void)fprintf(stdout, "              user 102, password %s\n\n", run->demo.password_102);
        (void)fprintf(stdout, "First call: enter these in two SIP phones and dial 102 from 101.\n"
                              "With one phone: *43 is an echo test, 800 a conference room.\n");
    }
    (void)fprintf(stdout, "\n");
    (void)fflush(stdout);
}

/* ---- all of it ---- */

static bool start(struct run *run)
{
    choose_paths(run);
    if (!load_config(run) || !open_data(run))
        return false;
    run->loop = loop_uv_new();
    if (!watch_signals(run))
        return false;
    if (!sr_log_writer_start()) /* after the signals: it inherits their mask */
        sr_log(CORE, WARN, "event=no_log_writer why=\"the system gives no thread\"");
    (void)machine_check(run->config);
    find_addrs(run);
    machine_use_reserve(run->data_path);
    if (!open_store(run))
        return false;
    open_speech(run);
    return open_hub(run) && open_web(run);
}

static void stop(struct run *run)
{
    web_stop(run->web);
    run->web = NULL;
    net_ws_free(run->net_ws);
    if (run->engine != NULL && run->media != NULL)
        engine_stop(run->engine);
    media_port_free(run->media);
    ua_free(run->ua);
    resolver_free(run->resolver);
    net_free(run->net);
    engine_free(run->engine);
    speech_free(run->speech);
    conference_rooms_free(run->rooms);
    parking_free(run->parking);
    store_close(run->store);
    notify_free(run->notify);
    loop_watch_close(run->signal_watch);
    if (run->signal_fd >= 0)
        close(run->signal_fd);
    loop_free(run->loop);
    if (run->lock_fd >= 0)
        close(run->lock_fd);
    config_unref(run->config);
}

int run_main(int argc, char **argv)
{
    struct run run = {
        .lock_fd = -1, .signal_fd = -1, .certificate_lock = PTHREAD_MUTEX_INITIALIZER};
    int code = parse_options(&run, argc, argv);

    if (code >= 0)
        return code;
    code = 1;
    if (start(&run)) {
        sr_log(CORE, INFO, "event=started version=" SR_VERSION " config=%s data=%s",
               run.config_path, run.data_path);
        machine_keep_reserve(run.data_path);
        greet(&run);
        run.notify = notify_open(run.loop);
        loop_run(run.loop);
        sr_log(CORE, INFO, "event=stopping");
        code = 0;
    } else if (run.is_demo_new) {
        (void)unlink(run.config_path); /* nobody saw its passwords: the next start makes new ones */
    }
    stop(&run);
    sr_log_writer_stop();
    return code;
}
