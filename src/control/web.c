/* The web thread: starts and ends it, moves events to people, replies to those who asked. */
#include "control/web.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "control/config_load.h"
#include "control/jsonc.h"
#include "control/web_internal.h"
#include "net/clock.h"

enum {
    WEB_EVENTS_PER_TURN = 2000, /* then sockets are served again */
    WEB_CHECK_SEC = 5,
    WEB_STATUS_SEC = 1, /* to sockets that asked for it */
    WEB_STORE_WAIT_MS = 15000,
};

/* ---- commands ---- */

static void wake(void *arg)
{
    struct web *web = arg;

    http_wake(web->http);
}

void web_submit(struct api_call *call, struct engine_command *command, web_reply_fn *fn)
{
    struct web *web = call->web;
    struct web_pending *pending = sr_zalloc(1, sizeof(*pending));

    pending->token = ++web->next_token;
    pending->ticket = call->ticket;
    pending->fn = fn;
    pending->deadline = call->now + API_WAIT_SEC * SR_SEC;
    memcpy(pending->call_id, command->call_id, sizeof(pending->call_id));
    command->token = pending->token;
    if (engine_submit(web->options.engine, command) != SR_OK) {
        sr_free(pending);
        api_answer_err(web, call->ticket, SR_ERR_LIMIT, "the router is busy");
        return;
    }
    (void)sr_map64_put(&web->pending, pending->token, pending);
}

static void on_reply(struct web *web, const struct engine_event *event)
{
    struct web_pending *pending = sr_map64_remove(&web->pending, event->token);

    if (pending == NULL)
        return; /* it was too late */
    pending->fn(web, pending, event);
    sr_free(pending);
}

static struct web_pending *find_late(struct web *web, int64_t now)
{
    struct web_pending *pending;
    size_t cursor = 0;

    while ((pending = sr_map64_next(&web->pending, &cursor)) != NULL) {
        if (pending->deadline <= now)
            return pending;
    }
    return NULL;
}

static void give_up_late(struct web *web, int64_t now)
{
    struct web_pending *pending;

    while ((pending = find_late(web, now)) != NULL) {
        (void)sr_map64_remove(&web->pending, pending->token);
        pending->fn(web, pending, NULL);
        sr_free(pending);
    }
}

/* ---- queries ---- */

struct web_job *web_job_new(struct web *web, struct api_ticket ticket, const char *content_type)
{
    struct web_job *job;

    if (atomic_load(&web->jobs) >= WEB_JOBS_MAX) {
        api_answer_err(web, ticket, SR_ERR_LIMIT, "the store is busy");
        return NULL;
    }
    atomic_fetch_add(&web->jobs, 1);
    job = sr_zalloc(1, sizeof(*job));
    job->web = web;
    job->ticket = ticket;
    job->content_type = content_type;
    sr_buf_init(&job->result, HTTP_REPLY_BYTES_MAX);
    return job;
}

void web_job_done(void *arg, enum sr_err err, struct sr_str result)
{
    struct web_job *job = arg;
    struct web *web = job->web;

    job->err = err;
    sr_buf_str(&job->result, result);
    (void)sr_mpsc_push(&web->jobs_done, &job->node);
    http_wake(web->http);
    atomic_fetch_sub(&web->jobs, 1); /* last: web_stop waits for it */
}

static void convert(struct web_job *job)
{
    struct sr_buf made;

    sr_buf_init(&made, HTTP_REPLY_BYTES_MAX);
    job->err = job->convert(sr_buf_view(&job->result), &made);
    sr_buf_done(&job->result);
    job->result = made;
}

static void finish_job(struct web *web, struct web_job *job)
{
    struct http_reply reply;

    if (job->err == SR_OK && sr_buf_err(&job->result) == SR_OK && job->convert != NULL)
        convert(job);
    reply = (struct http_reply){
        .status = 200,
        .content_type = job->content_type,
        .headers = sr_str_c(job->headers),
        .body = sr_buf_view(&job->result),
    };

    if (job->err == SR_ERR_SYNTAX && job->malformed != NULL)
        api_answer_err(web, job->ticket, SR_ERR_PROTO, job->malformed);
    else if (job->err != SR_OK)
        api_answer_err(web, job->ticket, job->err,
                       job->err == SR_ERR_NOTFOUND ? job->missing : NULL);
    else if (sr_buf_err(&job->result) != SR_OK)
        api_answer_err(web, job->ticket, SR_ERR_IO, "the answer is too large");
    else
        api_answer(web, job->ticket, &reply);
    sr_buf_done(&job->result);
    sr_free(job);
}

static struct web_job *next_job(struct web *web)
{
    struct sr_mpsc_node *node = sr_mpsc_pop(&web->jobs_done);

    return node != NULL ? SR_CONTAINER(node, struct web_job, node) : NULL;
}

/* ---- passwords ---- */

static void refuse_proof(struct web *web, struct api_ticket ticket, const struct auth_done *done)
{
    struct api_problem wrong = {.status = 401, .detail = "wrong user or password"};
    struct api_problem wrong_old = {
        .status = 422, .detail = "this is not your password", .pointer = "/oldPassword"};

    if (done->kind == AUTH_JOB_LOGIN)
        api_answer_problem(web, ticket, &wrong);
    else if (done->err == SR_ERR_AUTH)
        api_answer_problem(web, ticket, &wrong_old);
    else
        api_answer_err(web, ticket, done->err, "the store did not take the password");
}

/* A session begins: after a login, and after a new password that ended the others. */
static void finish_login(struct web *web, struct api_ticket ticket, const struct auth_done *done)
{
    struct http_request *request = http_find(web->http, ticket.request_id);
    struct http_reply reply = {.status = 200, .content_type = "application/json"};
    char secret[AUTH_SECRET_MAX], headers[256];
    struct sr_json json;
    struct sr_buf buf;
    bool is_tls;

    if (request == NULL)
        return;
    is_tls = http_request_is_tls(request);
    if (done->err != SR_OK ||
        auth_session_open(web->auth, sr_str_c(done->name), net_clock_now(), secret) != SR_OK) {
        refuse_proof(web, ticket, done);
        return;
    }
    (void)snprintf(headers, sizeof(headers),
                   "Set-Cookie: %s=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Strict%s\r\n",
                   auth_cookie_name(is_tls), secret, AUTH_SESSION_SEC, is_tls ? "; Secure" : "");
    sr_buf_init(&buf, 4096);
    sr_json_begin(&json, &buf);
    (void)auth_user_json(web->auth, sr_str_c(done->name), &json);
    reply.headers = sr_str_c(headers);
    reply.body = sr_buf_view(&buf);
    api_answer(web, ticket, &reply);
    sr_buf_done(&buf);
    sr_wipe(secret, sizeof(secret));
    sr_wipe(headers, sizeof(headers));
}

static void finish_user(struct web *web, struct api_ticket ticket, const struct auth_done *done)
{
    struct sr_json json;
    struct sr_buf buf;

    if (done->err != SR_OK) {
        api_answer_err(web, ticket, done->err,
                       done->err == SR_ERR_STATE ? "this is the last administrator" : NULL);
        return;
    }
    sr_buf_init(&buf, 4096);
    sr_json_begin(&json, &buf);
    (void)auth_user_json(web->auth, sr_str_c(done->name), &json);
    api_answer_json(web, ticket, done->is_new ? 201 : 200, &buf);
}

static void finish_passwords(struct web *web)
{
    struct auth_done done;

    while (auth_next_done(web->auth, &done)) {
        struct api_ticket ticket = {.request_id = done.request_id, .idem_id = done.idem_id};

        if (done.kind == AUTH_JOB_USER)
            finish_user(web, ticket, &done);
        else
            finish_login(web, ticket, &done);
    }
}

/* ---- events ---- */

static void take_event(struct web *web, const struct engine_event *event)
{
    struct parties_mark parties;

    if (event->kind == ENGINE_REPLY) {
        on_reply(web, event);
        return;
    }
    quality_stats_take(&web->quality, event);
    if (read_model_apply(&web->model, event, &parties))
        event_hub_push(web->hub, event, &parties);
    else
        event_hub_reset(web->hub, event->seq);
    parties_mark_done(&parties);
}

static void take_events(struct web *web)
{
    struct engine_event *event;

    for (int i = 0; i < WEB_EVENTS_PER_TURN; i++) {
        event = engine_next_event(web->options.engine);
        if (event == NULL)
            return;
        take_event(web, event);
        engine_event_free(event);
    }
    http_wake(web->http); /* more is there */
}

static void on_turn(void *arg, sr_usec now)
{
    struct web *web = arg;
    struct web_job *job;

    take_events(web);
    web_phone_turn(web);
    web_sip_turn(web);
    while ((job = next_job(web)) != NULL)
        finish_job(web, job);
    finish_passwords(web);
    give_up_late(web, now);
    if (atomic_exchange(&web->is_reload_wanted, false)) {
        struct config_faults *faults = sr_zalloc(1, sizeof(*faults));
        struct sr_buf diff;

        config_faults_init(faults);
        sr_buf_init(&diff, JSONC_BYTES_MAX);
        (void)web_config_reload(web, faults, &diff); /* logs by itself */
        sr_buf_done(&diff);
        config_faults_done(faults);
        sr_free(faults);
    }
    if (now - web->status_sent >= WEB_STATUS_SEC * SR_SEC) {
        web->status_sent = now;
        event_hub_status(web->hub);
    }
    if (now - web->checked >= WEB_CHECK_SEC * SR_SEC) {
        web->checked = now;
        event_hub_check(web->hub, web->auth, now, net_clock_wall());
        web_tls_check(web);
    }
}

/* ---- sockets ---- */

static void on_request(void *arg, struct http_request *request)
{
    take_events(arg); /* what is asked for is as it is now */
    api_serve(arg, request);
}

static size_t body_max(void *arg, const struct http_head *head)
{
    (void)arg;
    return api_body_max(head);
}

static void on_ws_text(void *arg, struct http_ws *ws, struct sr_str text)
{
    struct web_socket *socket = http_ws_user(ws);

    if (socket->kind == WEB_SOCKET_SIP)
        web_sip_message(arg, socket, text);
    else
        web_phone_message(arg, ws, text);
}

static void on_ws_closed(void *arg, struct http_ws *ws)
{
    struct web *web = arg;
    struct web_socket *socket = http_ws_user(ws);

    if (socket->kind == WEB_SOCKET_SIP)
        web_sip_closed(web, socket);
    else
        web_events_closed(web, socket);
}

/* The snapshot at the begin of a socket, and "status" afterwards: only the former has a number. */
static void write_snapshot(void *arg, const struct auth_principal *who, const uint64_t *seq,
                           struct sr_buf *buf)
{
    struct web *web = arg;
    struct sr_json json;
    char text[NET_CLOCK_TEXT_MAX];

    sr_json_begin(&json, buf);
    sr_json_object(&json);
    sr_json_key_c(&json, "type", seq != NULL ? "snapshot" : "status");
    if (seq != NULL) {
        sr_json_key_c(&json, "epoch", event_hub_epoch(web->hub));
        sr_json_key_int(&json, "seq", (int64_t)*seq);
    } else {
        sr_json_key_c(&json, "at", net_clock_text(net_clock_wall(), text));
    }
    sr_json_key_object(&json, "status");
    web_status_json(web, who, &json);
    sr_json_end(&json);
    sr_json_end(&json);
}

/* ---- listening ---- */

static enum sr_err listen_plain(struct web *web, char *reterr_why, size_t why_size)
{
    const struct config_server *server = &web->config->server;
    struct sr_addr addr;

    if (!web->options.is_any_port && (server->web_ui_port == 0 || server->web_ui_bind.n == 0))
        return SR_OK;
    if (sr_addr_parse_ip(web->options.is_any_port ? SR_STR("127.0.0.1") : server->web_ui_bind,
                         &addr) != SR_OK) {
        (void)snprintf(reterr_why, why_size, "server.webUiBind is not an address");
        return SR_ERR_SYNTAX;
    }
    addr.port = web->options.is_any_port ? 0 : (uint16_t)server->web_ui_port;
    return http_listen(web->http, &addr, NULL, NULL, reterr_why, why_size);
}

static void set_urls(struct web *web)
{
    struct sr_addr addr;
    char text[SR_ADDR_TEXT_MAX], host[SR_ADDR_TEXT_MAX];
    bool is_tls;

    if (web->tls.listen_count > 0)
        (void)snprintf(web->tls_url, sizeof(web->tls_url), "https://%s",
                       sr_addr_text(&web->tls.listens[0], text));
    if (!http_listener(web->http, 0, &addr, &is_tls))
        return;
    (void)sr_addr_text(&addr, text);
    if (sr_addr_is_any(&addr)) {
        (void)snprintf(host, sizeof(host), "localhost:%u", addr.port);
        (void)sr_str_copy(sr_str_c(host), text, sizeof(text));
    }
    (void)snprintf(web->url, sizeof(web->url), "%s://%s", is_tls ? "https" : "http", text);
}

/* ---- api.json ---- */

static enum sr_err write_api_file(struct web *web, char *reterr_why, size_t why_size)
{
    char temp[sizeof(web->api_path) + 8], text[512];
    struct sr_json json;
    struct sr_buf buf;
    ssize_t n;
    int fd;

    (void)snprintf(temp, sizeof(temp), "%s/run", web->data_path);
    if (mkdir(temp, 0700) != 0 && errno != EEXIST) {
        (void)snprintf(reterr_why, why_size, "cannot make %s: %s", temp, strerror(errno));
        return SR_ERR_IO;
    }
    (void)snprintf(web->api_path, sizeof(web->api_path), "%s/run/api.json", web->data_path);
    (void)snprintf(temp, sizeof(temp), "%s.new", web->api_path);
    sr_buf_init_fixed(&buf, text, sizeof(text));
    sr_json_begin(&json, &buf);
    sr_json_object(&json);
    sr_json_key_c(&json, "url", web->url);
    sr_json_key_c(&json, "token", auth_cli_token(web->auth));
    sr_json_key_int(&json, "pid", getpid());
    sr_json_end(&json);
    (void)unlink(temp);
    fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    n = fd >= 0 ? write(fd, buf.data, buf.len) : -1;
    if (fd >= 0)
        close(fd);
    sr_wipe(text, sizeof(text));
    if (n == (ssize_t)buf.len && rename(temp, web->api_path) == 0)
        return SR_OK;
    (void)snprintf(reterr_why, why_size, "cannot write %s: %s", web->api_path, strerror(errno));
    return SR_ERR_IO;
}

/* ---- life ---- */

static void *run(void *arg)
{
    struct web *web = arg;

    http_run(web->http);
    return NULL;
}

static struct web *make(const struct web_options *options)
{
    static const struct http_ops ops = {
        .on_request = on_request,
        .body_max = body_max,
        .on_ws_text = on_ws_text,
        .on_ws_closed = on_ws_closed,
        .on_turn = on_turn,
    };
    struct web *web = sr_zalloc(1, sizeof(*web));

    web->options = *options;
    (void)sr_str_copy(sr_str_c(options->config_path), web->config_path, sizeof(web->config_path));
    (void)sr_str_copy(sr_str_c(options->data_path), web->data_path, sizeof(web->data_path));
    web->config = config_ref(options->config);
    web->config_start = config_ref(options->config);
    web->started = net_clock_now();
    web->started_wall = net_clock_wall();
    web->http = http_new(&ops, web);
    web->auth = auth_new(options->store, wake, web);
    web->hub = event_hub_new(engine_epoch(options->engine), write_snapshot, web);
    web->idem = api_idem_new();
    read_model_init(&web->model);
    sr_map64_init(&web->pending);
    sr_map64_init(&web->sip_sockets);
    sr_map64_init(&web->phone_sockets);
    sr_list_init(&web->gone);
    sr_mpsc_init(&web->jobs_done);
    sr_buf_init(&web->text, JSONC_BYTES_MAX);
    sr_buf_init(&web->restart, JSONC_BYTES_MAX);
    return web;
}

static enum sr_err users_failed(enum sr_err err, char *reterr_why, size_t why_size)
{
    (void)snprintf(reterr_why, why_size, "the users of the page cannot be read or written: %s",
                   sr_err_text(err));
    return err;
}

static enum sr_err prepare(struct web *web, char *reterr_why, size_t why_size)
{
    struct config_faults *faults = sr_zalloc(1, sizeof(*faults));
    enum sr_err err;

    config_faults_init(faults);
    err = web_config_read(web, faults, &web->text);
    config_faults_done(faults);
    sr_free(faults);
    if (err != SR_OK) { /* main read it a moment ago */
        (void)snprintf(reterr_why, why_size, "%s was changed while the router started",
                       web->config_path);
        return err;
    }
    web_config_set_etag(web);
    err = auth_load(web->auth);
    if (err != SR_OK)
        return users_failed(err, reterr_why, why_size);
    if (web->config->server.allow_anonymous_api)
        sr_log(API, WARN, "event=anonymous_api why=\"%s\"",
               auth_is_loopback_only(web->config) ? "everybody on this machine is an administrator"
                                                  : "ignored: a web bind is not loopback");
    err = listen_plain(web, reterr_why, why_size);
    if (err == SR_OK)
        err = web_tls_open(web, reterr_why, why_size);
    set_urls(web);
    if (err == SR_OK)
        err = write_api_file(web, reterr_why, why_size);
    if (err != SR_OK)
        return err;
    /* last: a password made by a start that fails would never be printed */
    err = auth_first_admin(web->auth, web->first_password, sizeof(web->first_password));
    return err == SR_OK ? SR_OK : users_failed(err, reterr_why, why_size);
}

static bool start_thread(struct web *web)
{
    sigset_t all, before;
    bool is_ok;

    sigfillset(&all); /* signals are the main thread's */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    is_ok = pthread_create(&web->thread, NULL, run, web) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    web->is_thread_started = is_ok;
    return is_ok;
}

enum sr_err web_start(const struct web_options *options, struct web **ret_web, char *reterr_why,
                      size_t why_size)
{
    struct web *web = make(options);
    enum sr_err err = prepare(web, reterr_why, why_size);

    if (err == SR_OK && !start_thread(web)) {
        (void)snprintf(reterr_why, why_size, "the system refused a thread for the page");
        err = SR_ERR_IO;
    }
    if (err != SR_OK) {
        web_stop(web);
        return err;
    }
    *ret_web = web;
    return SR_OK;
}

static void wait_for_store(struct web *web)
{
    int64_t end = net_clock_now() + WEB_STORE_WAIT_MS * SR_MSEC;
    struct timespec pause = {.tv_nsec = 1000000};

    while (atomic_load(&web->jobs) > 0 && net_clock_now() < end)
        (void)nanosleep(&pause, NULL);
    SR_ASSERT(atomic_load(&web->jobs) == 0);
}

void web_stop(struct web *web)
{
    struct web_pending *pending;
    struct web_job *job;
    struct sr_node *node;
    size_t cursor = 0;

    if (web == NULL)
        return;
    if (web->is_thread_started) {
        http_stop(web->http);
        SR_ASSERT(pthread_join(web->thread, NULL) == 0);
    }
    wait_for_store(web);
    while ((job = next_job(web)) != NULL) {
        sr_buf_done(&job->result);
        sr_free(job);
    }
    auth_free(web->auth); /* its thread wakes the server below */
    http_free(web->http);
    event_hub_free(web->hub);
    api_idem_free(web->idem);
    while ((pending = sr_map64_next(&web->pending, &cursor)) != NULL)
        sr_free(pending);
    sr_map64_done(&web->pending);
    sr_map64_done(&web->sip_sockets);
    sr_map64_done(&web->phone_sockets);
    while ((node = sr_list_pop(&web->gone)) != NULL)
        sr_free(SR_CONTAINER(node, struct web_gone, node));
    read_model_done(&web->model);
    if (web->api_path[0] != '\0' && web->is_thread_started)
        (void)unlink(web->api_path);
    config_unref(web->config);
    config_unref(web->config_start);
    sr_buf_done(&web->restart);
    sr_buf_done(&web->text);
    sr_free_secret(web, sizeof(*web));
}

void web_wake(struct web *web)
{
    http_wake(web->http);
}

void web_reload(struct web *web)
{
    atomic_store(&web->is_reload_wanted, true);
    http_wake(web->http);
}

const char *web_first_password(const struct web *web)
{
    return web->first_password[0] != '\0' ? web->first_password : NULL;
}

const char *web_url(const struct web *web)
{
    return web->url;
}

const char *web_tls_url(const struct web *web)
{
    return web->tls_url;
}
