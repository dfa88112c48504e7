/* A real server and a client on loopback: what goes first, and how far, over one WebSocket. */
#include "test_web.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "control/http.h"
#include "net/clock.h"

enum {
    BULK_BYTES = 60000,
    BULK_COUNT = 40,
};

struct house {
    struct http_server *server;
    pthread_t thread;
    uint16_t port;
    bool is_dropped;  /* a send_first was refused */
    uint64_t waiting; /* a request that is answered in a later turn; 0: none */
    bool is_noticed;
    sem_t came, gone, over;
    _Atomic sr_usec count_until; /* turns are counted until then; 0: not */
    uint32_t turns;
};

static void on_request(void *arg, struct http_request *request)
{
    struct house *house = arg;

    if (http_request_is_websocket(request))
        (void)http_upgrade(request, NULL, NULL);
    else
        house->waiting = http_request_id(request);
}

/* The loop stands still until the client has gone; it is answered in the turn that sees it gone. */
static void on_turn(void *arg, sr_usec now)
{
    struct http_reply reply = {.status = 204};
    struct house *house = arg;
    struct http_request *request;

    if (house->count_until != 0) {
        house->turns++;
        if (now >= house->count_until) {
            house->count_until = 0;
            sem_post(&house->over);
        }
    }
    if (house->waiting == 0)
        return;
    if (!house->is_noticed) {
        house->is_noticed = true;
        sem_post(&house->came);
        sem_wait(&house->gone);
        return;
    }
    request = http_find(house->server, house->waiting);
    if (request != NULL)
        http_answer(request, &reply);
    house->waiting = 0;
    sem_post(&house->over);
}

static void say(struct http_ws *ws, const char *text)
{
    (void)http_ws_send_first(ws, sr_str_c(text));
}

/* "mix": much, then three urgent ones. "flood": urgent ones only, beyond their bound. Long: one says so. */
static void on_text(void *arg, struct http_ws *ws, struct sr_str text)
{
    struct house *house = arg;
    char bulk[BULK_BYTES];
    bool is_going = true;

    memset(bulk, 'b', sizeof(bulk));
    if (text.n > 1000) {
        say(ws, text.n == HTTP_WS_MESSAGE_BYTES_MAX ? "whole" : "cut");
        return;
    }
    if (sr_str_eq_c(text, "flood")) {
        for (int i = 0; is_going && i < 100; i++)
            is_going = http_ws_send_first(ws, sr_str_make(bulk, sizeof(bulk)));
        house->is_dropped = !is_going;
        return;
    }
    for (int i = 0; i < BULK_COUNT / 2; i++)
        SR_ASSERT(http_ws_send(ws, sr_str_make(bulk, sizeof(bulk))));
    say(ws, "first");
    say(ws, "second");
    for (int i = 0; i < BULK_COUNT / 2; i++)
        SR_ASSERT(http_ws_send(ws, sr_str_make(bulk, sizeof(bulk))));
    say(ws, "third");
}

static void *run(void *arg)
{
    http_run(((struct house *)arg)->server);
    return NULL;
}

static int enter(void **state)
{
    static const struct http_ops ops = {
        .on_request = on_request, .on_ws_text = on_text, .on_turn = on_turn};
    struct sr_addr addr = {.family = SR_ADDR_IP4, .ip = {127, 0, 0, 1}};
    struct house *house = sr_zalloc(1, sizeof(*house));
    char why[256];
    bool is_tls;

    sem_init(&house->came, 0, 0);
    sem_init(&house->gone, 0, 0);
    sem_init(&house->over, 0, 0);
    house->server = http_new(&ops, house);
    assert_int_equal(http_listen(house->server, &addr, NULL, NULL, why, sizeof(why)), SR_OK);
    assert_true(http_listener(house->server, 0, &addr, &is_tls));
    house->port = addr.port;
    assert_int_equal(pthread_create(&house->thread, NULL, run, house), 0);
    *state = house;
    return 0;
}

static int leave(void **state)
{
    struct house *house = *state;

    http_stop(house->server);
    assert_int_equal(pthread_join(house->thread, NULL), 0);
    http_free(house->server);
    sr_free(house);
    return 0;
}

static void urgent_messages_go_ahead_of_what_waits(void **state)
{
    struct house *house = *state;
    int fd = client_socket(house->port, "/", "");
    char *text = sr_alloc(BULK_BYTES + 1);
    int at[3] = {-1, -1, -1}, bulk = 0;

    assert_true(fd >= 0);
    client_say(fd, "mix");
    for (int i = 0; i < BULK_COUNT + 3; i++) {
        assert_true(client_message(fd, text, BULK_BYTES + 1));
        if (strcmp(text, "first") == 0)
            at[0] = i;
        else if (strcmp(text, "second") == 0)
            at[1] = i;
        else if (strcmp(text, "third") == 0)
            at[2] = i;
        else
            bulk++;
        if (text[0] == 'b')
            assert_int_equal(strspn(text, "b"), BULK_BYTES); /* no frame was cut */
    }
    assert_int_equal(bulk, BULK_COUNT);
    assert_true(at[0] >= 0 && at[0] <= 1); /* at most behind the one on its way */
    assert_int_equal(at[1], at[0] + 1);
    assert_int_equal(at[2], at[1] + 1);
    close(fd);
    sr_free(text);
}

static void urgent_messages_have_a_bound(void **state)
{
    struct house *house = *state;
    int fd = client_socket(house->port, "/", "");
    char *text = sr_alloc(BULK_BYTES + 1);
    int count = 0;

    client_say(fd, "flood");
    while (client_message(fd, text, BULK_BYTES + 1))
        count++;
    assert_true(count < HTTP_WS_FIRST_BYTES_MAX / BULK_BYTES + 2);
    assert_true(house->is_dropped);
    close(fd);
    sr_free(text);
}

/* The longest message there may be comes in one frame. */
static void long_messages_are_taken_whole(void **state)
{
    struct house *house = *state;
    int fd = client_socket(house->port, "/", "");
    size_t n = 14 + HTTP_WS_MESSAGE_BYTES_MAX, at = 0;
    char *frame = sr_zalloc(1, n);
    char text[64];

    memcpy(frame, "\x81\xff\0\0\0\0\0\x01\0\0", 10); /* and a mask of zeros */
    memset(frame + 14, 'x', HTTP_WS_MESSAGE_BYTES_MAX);
    while (at < n) {
        ssize_t sent = send(fd, frame + at, n - at, MSG_NOSIGNAL);

        assert_true(sent > 0);
        at += (size_t)sent;
    }
    assert_true(client_message(fd, text, sizeof(text)));
    assert_string_equal(text, "whole");
    close(fd);
    sr_free(frame);
}

/* RFC 6455 5.5.1 and 7.4: a goodbye is echoed with its code, one that may not be said is a fault. */
static void goodbyes_are_answered_by_the_rules(void **state)
{
    static const struct {
        const char *payload;
        size_t n;
        unsigned answer;
    } rows[] = {
        {"", 0, 1000},
        {"\x03", 1, 1002}, /* half a code */
        {"\x00\x00", 2, 1002},
        {"\x03\xe7", 2, 1002}, /* 999 */
        {"\x03\xe8", 2, 1000},
        {"\x03\xe9gone", 6, 1001},
        {"\x03\xeb", 2, 1003},
        {"\x03\xec", 2, 1002}, /* 1004 to 1006 and 1015 stand in no frame */
        {"\x03\xed", 2, 1002},
        {"\x03\xee", 2, 1002},
        {"\x03\xef", 2, 1007},
        {"\x03\xf6", 2, 1014},
        {"\x03\xf7", 2, 1002},
        {"\x03\xf8", 2, 1002}, /* 1016 to 2999 have no meaning */
        {"\x0b\xb7", 2, 1002},
        {"\x0b\xb8", 2, 3000},
        {"\x13\x87", 2, 4999},
        {"\x13\x88", 2, 1002},
        {"\x03\xe8\xc3\xa9", 4, 1000}, /* an e with an accent */
        {"\x03\xe8\xc3", 3, 1007},     /* and half of one */
    };
    struct house *house = *state;

    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        int fd = client_socket(house->port, "/", "");
        char frame[16] = {(char)0x88, (char)(0x80 | rows[i].n)}; /* a mask of zeros */
        uint8_t bytes[16];
        ssize_t n;

        memcpy(frame + 6, rows[i].payload, rows[i].n);
        assert_int_equal(send(fd, frame, 6 + rows[i].n, MSG_NOSIGNAL), (ssize_t)(6 + rows[i].n));
        n = recv(fd, bytes, sizeof(bytes), MSG_WAITALL); /* to the end of the connection */
        assert_int_equal(n, 4);
        assert_int_equal(bytes[0], 0x88);
        assert_int_equal(bytes[1], 2);
        assert_int_equal(bytes[2] << 8 | bytes[3], rows[i].answer);
        close(fd);
    }
}

static void answer_for_a_client_that_is_gone_is_dropped(void **state)
{
    struct linger at_once = {.l_onoff = 1};
    struct house *house = *state;
    int fd = client_open(house->port);
    const char *request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

    assert_int_equal(send(fd, request, strlen(request), 0), (ssize_t)strlen(request));
    sem_wait(&house->came);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    close(fd); /* a reset */
    sem_post(&house->gone);
    sem_wait(&house->over);
    fd = client_socket(house->port, "/", ""); /* others are served as before */
    assert_true(fd >= 0);
    close(fd);
}

/* Nobody can be let in for a while: the loop does not spin at the door, and those behind get in later. */
static void no_descriptors_left_is_waited_out(void **state)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), fillers[64], count = 0;
    struct house *house = *state;
    struct rlimit limit, before;

    sa.sin_port = htons(house->port);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    limit = before;
    limit.rlim_cur = (rlim_t)fd + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    while (count < 64 && (fillers[count] = dup(fd)) >= 0)
        count++;
    house->count_until = net_clock_now() + 300 * SR_MSEC;
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    sem_wait(&house->over);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    while (count > 0)
        close(fillers[--count]);
    assert_true(house->turns < 100);
    close(fd);
    fd = client_socket(house->port, "/", "");
    assert_true(fd >= 0);
    close(fd);
}

int run_http_ws_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(urgent_messages_go_ahead_of_what_waits, enter, leave),
        cmocka_unit_test_setup_teardown(urgent_messages_have_a_bound, enter, leave),
        cmocka_unit_test_setup_teardown(long_messages_are_taken_whole, enter, leave),
        cmocka_unit_test_setup_teardown(goodbyes_are_answered_by_the_rules, enter, leave),
        cmocka_unit_test_setup_teardown(answer_for_a_client_that_is_gone_is_dropped, enter, leave),
        cmocka_unit_test_setup_teardown(no_descriptors_left_is_waited_out, enter, leave),
    };

    return cmocka_run_group_tests_name("http_ws", tests, NULL, NULL);
}
