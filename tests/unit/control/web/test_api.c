#include "test_web.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "control/config_load.h"
#include "control/event_hub.h"
#include "control/web.h"
#include "store/store.h"

struct house {
    char dir[64], config_path[96];
    struct engine *engine;
    struct store *store;
    struct web *web;
    uint16_t port;
    char bearer[160]; /* the CLI's */
    struct answer answer;
};

static void wake(void *arg)
{
    web_wake(arg);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    (void)fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void read_api_file(struct house *house)
{
    char path[128], text[512] = "", *token;
    struct stat st;
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/run/api.json", house->dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof(text), file));
    assert_int_equal(fclose(file), 0);
    token = strstr(text, "\"token\":\"");
    assert_non_null(token);
    (void)snprintf(house->bearer, sizeof(house->bearer), "Authorization: Bearer %.64s\r\n",
                   token + 9);
}

static void start_web(struct house *house)
{
    struct config_faults *faults = sr_zalloc(1, sizeof(*faults));
    struct web_options options = {
        .engine = house->engine,
        .store = house->store,
        .config_path = house->config_path,
        .data_path = house->dir,
        .is_any_port = true,
    };
    char why[256] = "";

    config_faults_init(faults);
    assert_int_equal(config_load_file(house->config_path, faults, NULL, &options.config), SR_OK);
    assert_int_equal(web_start(&options, &house->web, why, sizeof(why)), SR_OK);
    config_unref(options.config);
    config_faults_done(faults);
    sr_free(faults);
    house->port = (uint16_t)strtoul(strrchr(web_url(house->web), ':') + 1, NULL, 10);
    fake_engine_wakes(house->engine, wake, house->web);
    read_api_file(house);
}

static int enter(void **state)
{
    struct house *house = calloc(1, sizeof(*house));
    struct store_options options = {.keep_days = 1, .trace_keep_days = 1, .trace_mb_max = 1};
    char path[128], why[256] = "";

    assert_non_null(house);
    (void)snprintf(house->dir, sizeof(house->dir), "./web-test-XXXXXX");
    assert_non_null(mkdtemp(house->dir));
    (void)snprintf(house->config_path, sizeof(house->config_path), "%s/config.json", house->dir);
    write_file(house->config_path,
               "{ // ours\n \"devices\": [{\"id\": \"desk\", \"extension\": \"101\", "
               "\"password\": \"planted-secret\"}]}\n");
    assert_int_equal(chmod(house->config_path, 0600), 0);
    (void)snprintf(path, sizeof(path), "%s/siprouter.db", house->dir);
    options.path = sr_str_c(path);
    assert_int_equal(store_open(&options, &house->store, why, sizeof(why)), SR_OK);
    house->engine = fake_engine_new();
    fake_engine_push(house->engine, ENGINE_SNAPSHOT, NULL, NULL);
    start_web(house);
    *state = house;
    return 0;
}

static int leave(void **state)
{
    struct house *house = *state;
    char command[128];

    web_stop(house->web);
    store_close(house->store);
    fake_engine_free(house->engine);
    (void)snprintf(command, sizeof(command), "rm -r %s", house->dir);
    assert_int_equal(system(command), 0);
    free(house);
    return 0;
}

/* Asks with the CLI's token. */
static int ask(struct house *house, const char *method, const char *path, const char *body)
{
    client_ask(house->port, method, path, house->bearer, body, &house->answer);
    return house->answer.status;
}

static bool says(const struct house *house, const char *text)
{
    return strstr(house->answer.text, text) != NULL;
}

static void health_is_open_and_the_rest_is_not(void **state)
{
    struct house *house = *state;

    client_ask(house->port, "GET", "/healthz", "", NULL, &house->answer);
    assert_int_equal(house->answer.status, 200);
    client_ask(house->port, "GET", "/api/status", "", NULL, &house->answer);
    assert_int_equal(house->answer.status, 401);
    client_ask(house->port, "GET", "/metrics", "", NULL, &house->answer);
    assert_int_equal(house->answer.status, 401);
    assert_int_equal(ask(house, "GET", "/api/status", NULL), 200);
    assert_true(says(house, "nosniff") && says(house, "no-store"));
    assert_int_equal(ask(house, "GET", "/api/nothing", NULL), 404);
    assert_int_equal(ask(house, "PUT", "/api/calls", NULL), 405);
    assert_true(says(house, "Allow: GET"));
    assert_int_equal(ask(house, "GET", "/api/recordings", NULL), 501);
    assert_true(says(house, "not-built"));
    assert_int_equal(ask(house, "POST", "/api/speech", "{}"), 422);
    assert_int_equal(ask(house, "POST", "/api/speech", "{\"text\":\"\"}"), 422);
    assert_int_equal(ask(house, "POST", "/api/speech", "{\"text\":\"a\"}"),
                     501); /* no voice here */
}

static void smuggled_and_rebound_requests_are_refused(void **state)
{
    struct house *house = *state;

    client_raw(house->port,
               "POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n"
               "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
               &house->answer);
    assert_int_equal(house->answer.status, 400);
    assert_true(says(house, "Connection: close"));
    client_raw(house->port,
               "GET /healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
               &house->answer);
    assert_int_equal(house->answer.status, 421);
}

/* Our short name, which is easily guessed, in a zone of strangers is not ours (DNS rebinding). */
static void a_host_name_is_ours_alone_and_in_the_lan(void **state)
{
    static const struct {
        const char *zone;
        int status;
    } rows[] = {{"", 200},
                {".local", 200},
                {".LAN", 200},
                {".fritz.box", 200},
                {".home.arpa", 200},
                {".evil.example", 421},
                {".local.evil.example", 421},
                {".", 200}};
    struct house *house = *state;
    char name[128], request[512];

    assert_int_equal(gethostname(name, sizeof(name)), 0);
    name[strcspn(name, ".")] = '\0';
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        (void)snprintf(request, sizeof(request),
                       "GET /healthz HTTP/1.1\r\nHost: %s%s:%u\r\nConnection: close\r\n\r\n", name,
                       rows[i].zone, house->port);
        client_raw(house->port, request, &house->answer);
        assert_int_equal(house->answer.status, rows[i].status);
    }
}

/* Bodies are read before anybody says who they are: what all of them may hold is bounded. */
static void large_bodies_share_a_bound(void **state)
{
    enum {
        COUNT = 36,
        BYTES = 1 << 20
    };
    static const char head[] = "PUT /api/config HTTP/1.1\r\nHost: localhost\r\n"
                               "Content-Type: application/json\r\nContent-Length: 1048577\r\n\r\n";
    struct house *house = *state;
    char *bytes = sr_zalloc(1, BYTES);
    struct pollfd fds[COUNT];
    int refused = 0;

    for (int i = 0; i < COUNT; i++) {
        fds[i] = (struct pollfd){.fd = client_open(house->port), .events = POLLIN};
        assert_int_equal(send(fds[i].fd, head, strlen(head), MSG_NOSIGNAL), (ssize_t)strlen(head));
        for (size_t at = 0; at < BYTES;) {
            ssize_t n = send(fds[i].fd, bytes + at, BYTES - at, MSG_NOSIGNAL);

            if (n <= 0)
                break; /* refused meanwhile */
            at += (size_t)n;
        }
    }
    assert_true(poll(fds, COUNT, 30000) > 0);
    client_ask(house->port, "POST", "/api/login", "", "{\"user\":\"a\",\"password\":\"no\"}",
               &house->answer);
    assert_int_equal(house->answer.status, 401); /* small ones are served */
    for (int i = 0; i < COUNT; i++) {
        char text[128] = "";

        if ((fds[i].revents & POLLIN) != 0 && recv(fds[i].fd, text, sizeof(text) - 1, 0) > 0) {
            assert_memory_equal(text, "HTTP/1.1 503", 12);
            refused++;
        }
        close(fds[i].fd);
    }
    assert_in_range(refused, 1, COUNT / 2);
    memset(bytes, ' ', 40000); /* not small */
    do {                       /* until the server has seen that the others are gone */
        client_ask(house->port, "PUT", "/api/config", "", bytes, &house->answer);
    } while (house->answer.status == 503);
    assert_int_equal(house->answer.status, 401);
    sr_free(bytes);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct house *house = *state;
    char *second;

    client_raw(house->port,
               "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
               "GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
               &house->answer);
    second = strstr(house->answer.text + 1, "HTTP/1.1 ");
    assert_int_equal(house->answer.status, 200);
    assert_non_null(second);
    assert_memory_equal(second, "HTTP/1.1 404", 12);
}

static void bodies_are_checked_with_a_pointer(void **state)
{
    struct house *house = *state;

    assert_int_equal(ask(house, "POST", "/api/call", "{\"to\":5}"), 422);
    assert_true(says(house, "\"pointer\":\"/to\""));
    assert_int_equal(ask(house, "POST", "/api/call", "{}"), 422);
    assert_int_equal(ask(house, "POST", "/api/call", "{\"to\":\"1\",\"x/y\":1}"), 422);
    assert_true(says(house, "\"pointer\":\"/x~1y\""));
    assert_int_equal(ask(house, "POST", "/api/call", "{"), 400);
    assert_int_equal(fake_engine_commands(house->engine, ENGINE_DO_CALL), 0);
}

static void a_repeated_create_starts_one_call(void **state)
{
    struct house *house = *state;
    char headers[256];

    (void)snprintf(headers, sizeof(headers), "%sIdempotency-Key: k\r\n", house->bearer);
    for (int i = 0; i < 2; i++) {
        client_ask(house->port, "POST", "/api/call", headers, "{\"to\":\"101\"}", &house->answer);
        assert_int_equal(house->answer.status, 202);
        assert_true(says(house, "{\"callId\":\"c1\"}"));
    }
    client_ask(house->port, "POST", "/api/call", headers, "{\"to\":\"102\"}", &house->answer);
    assert_int_equal(house->answer.status, 422);
    assert_int_equal(fake_engine_commands(house->engine, ENGINE_DO_CALL), 1);
}

/* Cookie writes need X-Requested-With and our Origin; logging out ends the session. */
static void a_session_is_guarded_against_other_pages(void **state)
{
    struct house *house = *state;
    char body[128], cookie[160], headers[512], *at;

    assert_non_null(web_first_password(house->web));
    (void)snprintf(body, sizeof(body), "{\"user\":\"admin\",\"password\":\"%s\"}",
                   web_first_password(house->web));
    client_ask(house->port, "POST", "/api/login", "", "{\"user\":\"admin\",\"password\":\"no\"}",
               &house->answer);
    assert_int_equal(house->answer.status, 401);
    client_ask(house->port, "POST", "/api/login", "Origin: http://evil.example\r\n", body,
               &house->answer);
    assert_int_equal(house->answer.status, 403);
    client_ask(house->port, "POST", "/api/login", "", body, &house->answer);
    assert_int_equal(house->answer.status, 200);
    at = strstr(house->answer.text, "siprouter=");
    assert_non_null(at);
    assert_true(says(house, "HttpOnly; SameSite=Strict"));
    (void)snprintf(cookie, sizeof(cookie), "Cookie: %.74s\r\n", at);
    client_ask(house->port, "GET", "/api/me", cookie, NULL, &house->answer);
    assert_int_equal(house->answer.status, 200);
    client_ask(house->port, "POST", "/api/reload", cookie, NULL, &house->answer);
    assert_int_equal(house->answer.status, 403);
    (void)snprintf(headers, sizeof(headers), "%sOrigin: http://evil.example\r\n", cookie);
    assert_int_equal(client_socket(house->port, "/api/events", headers), -1);
    (void)snprintf(headers, sizeof(headers),
                   "%sX-Requested-With: page\r\nOrigin: http://127.0.0.1:%u\r\n", cookie,
                   house->port);
    client_ask(house->port, "POST", "/api/reload", headers, NULL, &house->answer);
    assert_int_equal(house->answer.status, 200);
    client_ask(house->port, "POST", "/api/logout", headers, NULL, &house->answer);
    assert_int_equal(house->answer.status, 204);
    client_ask(house->port, "GET", "/api/me", cookie, NULL, &house->answer);
    assert_int_equal(house->answer.status, 401);
}

/* Logs in; the Cookie line with what a change by cookie needs. */
static void log_in(struct house *house, const char *user, const char *password, char *headers,
                   size_t size)
{
    char body[192], *at;

    (void)snprintf(body, sizeof(body), "{\"user\":\"%s\",\"password\":\"%s\"}", user, password);
    client_ask(house->port, "POST", "/api/login", "", body, &house->answer);
    assert_int_equal(house->answer.status, 200);
    at = strstr(house->answer.text, "siprouter=");
    assert_non_null(at);
    (void)snprintf(headers, size,
                   "Cookie: %.74s\r\nX-Requested-With: page\r\nOrigin: http://127.0.0.1:%u\r\n", at,
                   house->port);
}

/* Whatever its role, a user changes its own password and nobody else's; the old one is asked for;
   every other session of it ends. */
static void a_user_changes_its_own_password(void **state)
{
    struct house *house = *state;
    char anna[512], other[512], *at;

    assert_int_equal(ask(house, "POST", "/api/users",
                         "{\"name\":\"anna\",\"role\":\"read\",\"password\":\"first-first\"}"),
                     201);
    log_in(house, "anna", "first-first", anna, sizeof(anna));
    log_in(house, "anna", "first-first", other, sizeof(other));
    client_ask(house->port, "POST", "/api/me/password", anna,
               "{\"oldPassword\":\"wrong\",\"newPassword\":\"second-second\"}", &house->answer);
    assert_int_equal(house->answer.status, 422);
    assert_true(says(house, "\"pointer\":\"/oldPassword\""));
    client_ask(house->port, "POST", "/api/me/password", anna,
               "{\"oldPassword\":\"first-first\",\"newPassword\":\"short\"}", &house->answer);
    assert_int_equal(house->answer.status, 422);
    client_ask(house->port, "PATCH", "/api/users/anna", anna, "{\"password\":\"second-second\"}",
               &house->answer);
    assert_int_equal(house->answer.status, 403);
    client_ask(house->port, "POST", "/api/me/password", anna,
               "{\"oldPassword\":\"first-first\",\"newPassword\":\"second-second\"}",
               &house->answer);
    assert_int_equal(house->answer.status, 200);
    assert_true(says(house, "{\"name\":\"anna\",\"role\":\"read\",\"deviceId\":null}"));
    at = strstr(house->answer.text, "siprouter=");
    assert_non_null(at);
    (void)snprintf(anna, sizeof(anna), "Cookie: %.74s\r\n", at);
    client_ask(house->port, "GET", "/api/me", anna, NULL, &house->answer);
    assert_int_equal(house->answer.status, 200);
    client_ask(house->port, "GET", "/api/me", other, NULL, &house->answer);
    assert_int_equal(house->answer.status, 401);
    client_ask(house->port, "POST", "/api/login", "",
               "{\"user\":\"anna\",\"password\":\"first-first\"}", &house->answer);
    assert_int_equal(house->answer.status, 401);
    log_in(house, "anna", "second-second", anna, sizeof(anna));
    /* a program has no password */
    assert_int_equal(ask(house, "POST", "/api/me/password",
                         "{\"oldPassword\":\"second-second\",\"newPassword\":\"third-third\"}"),
                     403);
}

/* Asked for with the old password while another one is being made: the old one does not open the door. */
static void a_password_that_goes_opens_no_session(void **state)
{
    static const char new_password[] = "{\"password\":\"second-second\"}";
    static const char old_password[] = "{\"user\":\"anna\",\"password\":\"first-first\"}";
    struct house *house = *state;
    char request[768];
    int fd;

    assert_int_equal(ask(house, "POST", "/api/users",
                         "{\"name\":\"anna\",\"role\":\"read\",\"password\":\"first-first\"}"),
                     201);
    fd = client_open(house->port);
    (void)snprintf(request, sizeof(request),
                   "PATCH /api/users/anna HTTP/1.1\r\nHost: localhost\r\n%s"
                   "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                   house->bearer, strlen(new_password), new_password);
    assert_int_equal(send(fd, request, strlen(request), 0), (ssize_t)strlen(request));
    client_ask(house->port, "POST", "/api/login", "", old_password, &house->answer);
    assert_int_equal(house->answer.status, 401);
    close(fd);
}

static void guessing_is_slowed(void **state)
{
    struct house *house = *state;
    int status = 0;

    for (int i = 0; i < 11; i++) {
        client_ask(house->port, "POST", "/api/login", "",
                   "{\"user\":\"nobody\",\"password\":\"no\"}", &house->answer);
        status = house->answer.status;
    }
    assert_int_equal(status, 429);
    assert_true(says(house, "Retry-After: "));
}

/* Makes a token of a role; its Authorization line. */
static void make_token(struct house *house, const char *body, char *line, size_t size)
{
    char *at;

    assert_int_equal(ask(house, "POST", "/api/tokens", body), 201);
    at = strstr(house->answer.text, "\"token\":\"");
    assert_non_null(at);
    (void)snprintf(line, size, "Authorization: Bearer %.64s\r\n", at + 9);
}

/* The same rights on REST and on events: a user sees the calls of its own device, until the end. */
static void a_user_sees_only_its_own_calls(void **state)
{
    struct house *house = *state;
    char line[160], text[8192];
    int fd;

    make_token(house, "{\"name\":\"t\",\"role\":\"user\",\"deviceId\":\"desk\"}", line,
               sizeof(line));
    fd = client_socket(house->port, "/api/events", line);
    assert_true(fd >= 0);
    assert_true(client_message(fd, text, sizeof(text)));
    assert_non_null(strstr(text, "\"type\":\"snapshot\",\"epoch\":\"abc\""));
    assert_null(strstr(text, "\"router\""));
    fake_engine_push(house->engine, ENGINE_CALL_CREATED, "theirs", "other");
    fake_engine_push(house->engine, ENGINE_CALL_CREATED, "mine", "desk");
    fake_engine_push(house->engine, ENGINE_QUALITY, "mine", "desk"); /* not asked for */
    fake_engine_push(house->engine, ENGINE_CALL_ENDED, "theirs", "other");
    fake_engine_push(house->engine, ENGINE_CALL_ENDED, "mine", "other"); /* desk left before */
    assert_true(client_message(fd, text, sizeof(text)));
    assert_non_null(strstr(text, "\"type\":\"call_created\",\"seq\":3"));
    assert_true(client_message(fd, text, sizeof(text)));
    assert_non_null(strstr(text, "\"type\":\"call_ended\",\"seq\":6"));
    close(fd);
    fake_engine_push(house->engine, ENGINE_CALL_CREATED, "theirs", "other");
    fd = client_socket(house->port, "/api/events?since=abc:6", house->bearer);
    assert_true(client_message(fd, text, sizeof(text))); /* the model has it now */
    close(fd);
    client_ask(house->port, "GET", "/api/calls/theirs", line, NULL, &house->answer);
    assert_int_equal(house->answer.status, 404);
    client_ask(house->port, "DELETE", "/api/calls/theirs", line, NULL, &house->answer);
    assert_int_equal(house->answer.status, 404);
    client_ask(house->port, "GET", "/api/config", line, NULL, &house->answer);
    assert_int_equal(house->answer.status, 403);
    assert_int_equal(ask(house, "GET", "/api/calls/theirs", NULL), 200);
    assert_int_equal(ask(house, "DELETE", "/api/calls/theirs", NULL), 204);
    assert_int_equal(fake_engine_commands(house->engine, ENGINE_DO_HANGUP), 1);
}

/* A group of 150 phones rings; the last one, whose name no bounded text of old had room for, hears of its call as
 * the first does. */
static void the_last_of_a_large_fork_hears_of_its_call(void **state)
{
    struct house *house = *state;
    char line[160], text[8192], device[64];
    int fd;

    make_token(house, "{\"name\":\"t\",\"role\":\"user\",\"deviceId\":\"desk\"}", line,
               sizeof(line));
    fd = client_socket(house->port, "/api/events", line);
    assert_true(client_message(fd, text, sizeof(text)));
    fake_engine_push(house->engine, ENGINE_CALL_CREATED, "big", "caller");
    for (int i = 1; i < 150; i++) {
        (void)snprintf(device, sizeof(device), "phone-of-the-office-%d", i);
        fake_engine_push_leg(house->engine, ENGINE_LEG_ADDED, "big", device);
    }
    fake_engine_push_leg(house->engine, ENGINE_LEG_ADDED, "big", "desk");
    assert_true(client_message(fd, text, sizeof(text)));
    assert_non_null(strstr(text, "\"type\":\"leg_added\""));
    assert_non_null(strstr(text, "\"desk\""));
    client_ask(house->port, "GET", "/api/calls/big", line, NULL, &house->answer);
    assert_int_equal(house->answer.status, 200);
    /* somebody else answers: the call is still looked at, but not touched; keys are not told */
    fake_engine_push_leg(house->engine, ENGINE_LEG_REMOVED, "big", "desk");
    fake_engine_push(house->engine, ENGINE_DTMF, "big", "caller");
    fake_engine_push(house->engine, ENGINE_CALL_ANSWERED, "big", "caller");
    assert_true(client_message(fd, text, sizeof(text)));
    assert_non_null(strstr(text, "\"type\":\"leg_removed\""));
    assert_true(client_message(fd, text, sizeof(text)));
    assert_non_null(strstr(text, "\"type\":\"call_answered\""));
    client_ask(house->port, "GET", "/api/calls/big", line, NULL, &house->answer);
    assert_int_equal(house->answer.status, 200);
    client_ask(house->port, "DELETE", "/api/calls/big", line, NULL, &house->answer);
    assert_int_equal(house->answer.status, 403);
    client_ask(house->port, "POST", "/api/calls/big/legs", line, "{\"to\":\"101\"}",
               &house->answer);
    assert_int_equal(house->answer.status, 403);
    client_ask(house->port, "DELETE", "/api/calls/big/play", line, NULL, &house->answer);
    assert_int_equal(house->answer.status, 403);
    assert_int_equal(fake_engine_commands(house->engine, ENGINE_DO_HANGUP), 0);
    fake_engine_push(house->engine, ENGINE_CALL_ENDED, "big", "caller");
    assert_true(client_message(fd, text, sizeof(text)));
    assert_non_null(strstr(text, "\"type\":\"call_ended\""));
    close(fd);
}

/* The events of the user of "desk" (its socket) and of the staff, behind their snapshots. */
static int watch_as_user(struct house *house, char line[160], int *ret_staff)
{
    char text[8192];
    int fd;

    make_token(house, "{\"name\":\"t\",\"role\":\"user\",\"deviceId\":\"desk\"}", line, 160);
    fd = client_socket(house->port, "/api/events", line);
    *ret_staff = client_socket(house->port, "/api/events", house->bearer);
    assert_true(client_message(fd, text, sizeof(text)));
    assert_true(client_message(*ret_staff, text, sizeof(text)));
    return fd;
}

/* Where the other phone stands is no business of who merely talks to it; the staff sees it. */
static void a_user_sees_no_address_of_others(void **state)
{
    struct house *house = *state;
    char line[160], text[8192];
    int staff, fd = watch_as_user(house, line, &staff);

    fake_engine_push(house->engine, ENGINE_CALL_CREATED, "c", "desk");
    fake_engine_push_leg(house->engine, ENGINE_LEG_ADDED, "c", "other");
    for (int i = 0; i < 2; i++) {
        assert_true(client_message(fd, text, sizeof(text)));
        assert_null(strstr(text, "192.0.2.77"));
        assert_non_null(strstr(text, "\"address\":null"));
        assert_true(client_message(staff, text, sizeof(text)));
        assert_non_null(strstr(text, "192.0.2.77:4000"));
    }
    client_ask(house->port, "GET", "/api/calls/c", line, NULL, &house->answer);
    assert_int_equal(house->answer.status, 200);
    assert_null(strstr(house->answer.text, "192.0.2.77"));
    client_ask(house->port, "GET", "/api/calls", line, NULL, &house->answer);
    assert_null(strstr(house->answer.text, "192.0.2.77"));
    assert_int_equal(ask(house, "GET", "/api/calls/c", NULL), 200);
    assert_non_null(strstr(house->answer.text, "192.0.2.77:4000"));
    close(fd);
    close(staff);
    fd = client_socket(house->port, "/api/events?since=abc:1", line); /* what is told again, too */
    assert_true(client_message(fd, text, sizeof(text)));
    assert_non_null(strstr(text, "\"type\":\"call_created\""));
    assert_null(strstr(text, "192.0.2.77"));
    close(fd);
}

/* Who listens in is shown to the parties, unless the configuration hides it; to the staff always. */
static void a_hidden_listener_is_not_shown(void **state)
{
    struct house *house = *state;
    char line[160], text[8192];
    int staff, fd = watch_as_user(house, line, &staff);

    fake_engine_push(house->engine, ENGINE_CALL_CREATED, "c", "desk");
    fake_engine_push_leg(house->engine, ENGINE_LEG_ADDED, "c", "hidden-boss");
    fake_engine_push_leg(house->engine, ENGINE_LEG_ADDED, "c", "other");
    assert_true(client_message(fd, text, sizeof(text)));
    assert_true(client_message(fd, text, sizeof(text)));
    assert_null(strstr(text, "hidden-boss"));
    assert_non_null(strstr(text, "\"other\""));
    for (int i = 0; i < 2; i++)
        assert_true(client_message(staff, text, sizeof(text)));
    assert_non_null(strstr(text, "hidden-boss"));
    client_ask(house->port, "GET", "/api/calls/c", line, NULL, &house->answer);
    assert_null(strstr(house->answer.text, "hidden-boss"));
    assert_non_null(strstr(house->answer.text, "\"other\""));
    assert_int_equal(ask(house, "GET", "/api/calls/c", NULL), 200);
    assert_non_null(strstr(house->answer.text, "hidden-boss"));
    close(fd);
    close(staff);
}

static void a_reader_changes_nothing(void **state)
{
    struct house *house = *state;
    char line[160];

    make_token(house, "{\"name\":\"t\",\"role\":\"read\"}", line, sizeof(line));
    client_ask(house->port, "GET", "/api/status", line, NULL, &house->answer);
    assert_int_equal(house->answer.status, 200);
    client_ask(house->port, "POST", "/api/call", line, "{\"to\":\"101\"}", &house->answer);
    assert_int_equal(house->answer.status, 403);
    client_ask(house->port, "GET", "/api/users", line, NULL, &house->answer);
    assert_int_equal(house->answer.status, 200);
    client_ask(house->port, "DELETE", "/api/users/admin", line, NULL, &house->answer);
    assert_int_equal(house->answer.status, 403);
}

/* "status" comes by itself to who named it, with no number; "*" is about events. */
static void the_status_is_pushed_to_who_asks_for_it(void **state)
{
    struct house *house = *state;
    char text[8192];
    int fd = client_socket(house->port, "/api/events?types=status", house->bearer);
    int all = client_socket(house->port, "/api/events?types=*", house->bearer);

    assert_true(fd >= 0 && all >= 0);
    assert_true(client_message(fd, text, sizeof(text)));
    assert_non_null(strstr(text, "\"type\":\"snapshot\""));
    fake_engine_push(house->engine, ENGINE_CALL_ENDED, "c1", "desk");
    for (int i = 0; i < 2; i++) {
        assert_true(client_message(fd, text, sizeof(text)));
        assert_non_null(strstr(text, "{\"type\":\"status\",\"at\":\""));
        assert_non_null(strstr(text, "\"uptimeSec\":"));
        assert_null(strstr(text, "\"seq\""));
    }
    assert_true(client_message(all, text, sizeof(text)));
    assert_true(client_message(all, text, sizeof(text)));
    assert_non_null(strstr(text, "\"type\":\"call_ended\""));
    close(fd);
    close(all);
}

static void missed_events_are_replayed_or_a_snapshot_comes(void **state)
{
    struct house *house = *state;
    char text[8192];
    int fd = client_socket(house->port, "/api/events", house->bearer);

    assert_true(client_message(fd, text, sizeof(text)));
    fake_engine_push(house->engine, ENGINE_CALL_CREATED, "a", "desk"); /* 2 */
    fake_engine_push(house->engine, ENGINE_CALL_RINGING, "a", "desk"); /* 3 */
    assert_true(client_message(fd, text, sizeof(text)));
    assert_true(client_message(fd, text, sizeof(text)));
    close(fd);
    fd = client_socket(house->port, "/api/events?since=abc:2", house->bearer);
    assert_true(client_message(fd, text, sizeof(text)));
    assert_non_null(strstr(text, "\"type\":\"call_ringing\",\"seq\":3"));
    close(fd);
    fd = client_socket(house->port, "/api/events?since=fff:2", house->bearer);
    assert_true(client_message(fd, text, sizeof(text)));
    assert_non_null(strstr(text, "\"type\":\"snapshot\""));
    fake_engine_skip(house->engine); /* 4 is lost */
    fake_engine_push(house->engine, ENGINE_SNAPSHOT, NULL, NULL);
    assert_true(client_message(fd, text, sizeof(text)));
    assert_non_null(strstr(text, "\"type\":\"snapshot\",\"epoch\":\"abc\",\"seq\":5"));
    close(fd);
}

/* The socket ends, and the router has seen it. */
static void leave_events(struct house *house, int fd)
{
    char text[512];

    assert_return_code(shutdown(fd, SHUT_WR), errno);
    while (recv(fd, text, sizeof(text), 0) > 0)
        ;
    close(fd);
    assert_int_equal(ask(house, "GET", "/healthz", NULL), 200);
}

/* Nobody pays for events that nobody will read; who comes then gets a snapshot, as after any gap. */
static void events_are_kept_for_who_listens_or_may_come_back(void **state)
{
    struct house *house = *state;
    char text[8192];
    int fd;

    fake_engine_push(house->engine, ENGINE_CALL_CREATED, "a", "desk"); /* 2: for nobody */
    while (ask(house, "GET", "/api/calls/a", NULL) != 200)
        ; /* the router has it */
    fd = client_socket(house->port, "/api/events?since=abc:1", house->bearer);
    assert_true(client_message(fd, text, sizeof(text)));
    assert_non_null(strstr(text, "\"type\":\"snapshot\",\"epoch\":\"abc\",\"seq\":2"));
    leave_events(house, fd);

    fake_engine_pass(house->engine, 10);                               /* away, but it comes back */
    fake_engine_push(house->engine, ENGINE_CALL_RINGING, "a", "desk"); /* 3 */
    fake_engine_pass(house->engine, EVENT_HUB_AWAY_SEC - 1);
    fake_engine_push(house->engine, ENGINE_CALL_CREATED, "b", "desk"); /* 4 */
    while (ask(house, "GET", "/api/calls/b", NULL) != 200)
        ;
    fd = client_socket(house->port, "/api/events?since=abc:2", house->bearer);
    assert_true(client_message(fd, text, sizeof(text)));
    assert_non_null(strstr(text, "\"type\":\"call_ringing\",\"seq\":3"));
    assert_true(client_message(fd, text, sizeof(text)));
    assert_non_null(strstr(text, "\"type\":\"call_created\",\"seq\":4"));
    leave_events(house, fd);

    fake_engine_push(house->engine, ENGINE_CALL_RINGING, "b", "desk"); /* 5 */
    fake_engine_pass(house->engine, EVENT_HUB_AWAY_SEC);
    fake_engine_push(house->engine, ENGINE_CALL_CREATED, "c", "desk"); /* 6: it stayed away */
    while (ask(house, "GET", "/api/calls/c", NULL) != 200)
        ;
    fd = client_socket(house->port, "/api/events?since=abc:4", house->bearer);
    assert_true(client_message(fd, text, sizeof(text)));
    assert_non_null(strstr(text, "\"type\":\"snapshot\",\"epoch\":\"abc\",\"seq\":6"));
    close(fd);
}

/* A client that never reads is dropped; the others go on. */
static void a_slow_client_is_dropped(void **state)
{
    struct house *house = *state;
    char text[8192];
    int slow = client_socket(house->port, "/api/events", house->bearer);
    int good = client_socket(house->port, "/api/events?types=call_ended", house->bearer);

    assert_true(client_message(good, text, sizeof(text)));
    for (int i = 0; i < 20000; i++)
        fake_engine_push(house->engine, ENGINE_CALL_RINGING, "a", "desk");
    fake_engine_push(house->engine, ENGINE_CALL_ENDED, "a", "desk");
    assert_true(client_message(good, text, sizeof(text)));
    assert_non_null(strstr(text, "call_ended"));
    assert_int_equal(ask(house, "GET", "/api/status", NULL), 200);
    assert_true(says(house, "\"droppedWebsockets\":1"));
    close(slow);
    close(good);
}

/* Secrets are masked, a lost edit is refused, comments survive, a bad file changes nothing. */
static void the_configuration_is_edited_safely(void **state)
{
    struct house *house = *state;
    char text[1024] = "", headers[256];
    FILE *file;
    size_t n;

    assert_int_equal(ask(house, "GET", "/api/config", NULL), 200);
    assert_false(says(house, "planted-secret"));
    assert_true(says(house, "{\"masked\":true}"));
    (void)snprintf(headers, sizeof(headers), "%sIf-Match: \"old\"\r\n", house->bearer);
    client_ask(house->port, "PATCH", "/api/config", headers, "{\"realm\":\"x\"}", &house->answer);
    assert_int_equal(house->answer.status, 412);
    assert_int_equal(ask(house, "PATCH", "/api/config", "{\"nonsense\":1}"), 422);
    assert_true(says(house, "\"pointer\":\"/nonsense\""));
    assert_int_equal(fake_engine_commands(house->engine, ENGINE_DO_CONFIGURE), 0);
    assert_int_equal(ask(house, "PATCH", "/api/config",
                         "{\"devices\":[{\"id\":\"desk\",\"extension\":\"102\","
                         "\"password\":{\"masked\":true}}]}"),
                     200);
    assert_int_equal(fake_engine_commands(house->engine, ENGINE_DO_CONFIGURE), 1);
    file = fopen(house->config_path, "r");
    assert_non_null(file);
    n = fread(text, 1, sizeof(text) - 1, file);
    assert_true(n > 0);
    assert_int_equal(fclose(file), 0);
    assert_non_null(strstr(text, "// ours"));
    assert_non_null(strstr(text, "planted-secret"));
    assert_non_null(strstr(text, "102"));
    write_file(house->config_path, "{ broken");
    assert_int_equal(ask(house, "POST", "/api/reload", NULL), 422);
    assert_int_equal(fake_engine_commands(house->engine, ENGINE_DO_CONFIGURE), 1);
}

/* A file that cannot be written stays as it is, and the answer says why; nothing reaches the engine. */
static void what_cannot_be_written_is_not_in_force(void **state)
{
    struct house *house = *state;
    struct rlimit old, none;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    none = old;
    none.rlim_cur = 0;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    assert_int_equal(ask(house, "PATCH", "/api/config", "{\"realm\":\"new\"}"), 500);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_true(says(house, "the file cannot be written: File too large"));
    assert_int_equal(fake_engine_commands(house->engine, ENGINE_DO_CONFIGURE), 0);
    assert_int_equal(ask(house, "GET", "/api/config", NULL), 200);
    assert_false(says(house, "\"new\""));
    assert_int_equal(ask(house, "PATCH", "/api/config", "{\"realm\":\"new\"}"), 200);
}

static void the_last_administrator_stays(void **state)
{
    struct house *house = *state;

    assert_int_equal(ask(house, "DELETE", "/api/users/admin", NULL), 409);
    assert_int_equal(ask(house, "PATCH", "/api/users/admin", "{\"role\":\"read\"}"), 409);
    assert_int_equal(ask(house, "POST", "/api/users",
                         "{\"name\":\"eve\",\"role\":\"admin\",\"password\":\"12345678\"}"),
                     201);
    assert_int_equal(ask(house, "DELETE", "/api/users/admin", NULL), 204);
    assert_int_equal(ask(house, "DELETE", "/api/users/nobody", NULL), 404);
}

static void history_and_traces_come_from_the_store(void **state)
{
    struct house *house = *state;

    assert_int_equal(ask(house, "GET", "/api/history", NULL), 200);
    assert_true(says(house, "{\"items\":[],\"nextCursor\":null}"));
    assert_int_equal(ask(house, "GET", "/api/history.csv", NULL), 200);
    assert_true(says(house, "text/csv"));
    assert_int_equal(ask(house, "GET", "/api/history?from=yesterday", NULL), 400);
    assert_int_equal(ask(house, "GET", "/api/calls/none/trace", NULL), 404);
}

#define IN_HOUSE(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int run_api_tests(void)
{
    const struct CMUnitTest tests[] = {
        IN_HOUSE(health_is_open_and_the_rest_is_not),
        IN_HOUSE(smuggled_and_rebound_requests_are_refused),
        IN_HOUSE(a_host_name_is_ours_alone_and_in_the_lan),
        IN_HOUSE(large_bodies_share_a_bound),
        IN_HOUSE(pipelined_requests_are_answered_in_order),
        IN_HOUSE(bodies_are_checked_with_a_pointer),
        IN_HOUSE(a_repeated_create_starts_one_call),
        IN_HOUSE(a_session_is_guarded_against_other_pages),
        IN_HOUSE(a_password_that_goes_opens_no_session),
        IN_HOUSE(guessing_is_slowed),
        IN_HOUSE(a_user_sees_only_its_own_calls),
        IN_HOUSE(the_last_of_a_large_fork_hears_of_its_call),
        IN_HOUSE(a_user_sees_no_address_of_others),
        IN_HOUSE(a_hidden_listener_is_not_shown),
        IN_HOUSE(a_reader_changes_nothing),
        IN_HOUSE(a_user_changes_its_own_password),
        IN_HOUSE(the_status_is_pushed_to_who_asks_for_it),
        IN_HOUSE(missed_events_are_replayed_or_a_snapshot_comes),
        IN_HOUSE(events_are_kept_for_who_listens_or_may_come_back),
        IN_HOUSE(a_slow_client_is_dropped),
        IN_HOUSE(the_configuration_is_edited_safely),
        IN_HOUSE(what_cannot_be_written_is_not_in_force),
        IN_HOUSE(the_last_administrator_stays),
        IN_HOUSE(history_and_traces_come_from_the_store),
    };

    return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
