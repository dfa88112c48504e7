/* A real server and a client on loopback: what goes first, and how far, over one WebSocket. */
#include "test_web.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "control/http.h"

enum {
    BULK_BYTES = 60000,
    BULK_COUNT = 40,
};

struct house {
    struct http_server *server;
    pthread_t thread;
    uint16_t port;
    bool is_dropped; /* a send_first was refused */
};

static void on_request(void *arg, struct http_request *request)
{
    (void)arg;
    (void)http_upgrade(request, NULL, NULL);
}

static void say(struct http_ws *ws, const char *text)
{
    (void)http_ws_send_first(ws, sr_str_c(text));
}

/* "mix": much, then three urgent ones. "flood": urgent ones only, beyond their bound. */
static void on_text(void *arg, struct http_ws *ws, struct sr_str text)
{
    struct house *house = arg;
    char bulk[BULK_BYTES];
    bool is_going = true;

    memset(bulk, 'b', sizeof(bulk));
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
    static const struct http_ops ops = {.on_request = on_request, .on_ws_text = on_text};
    struct sr_addr addr = {.family = SR_ADDR_IP4, .ip = {127, 0, 0, 1}};
    struct house *house = sr_zalloc(1, sizeof(*house));
    char why[256];
    bool is_tls;

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

int run_http_ws_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(urgent_messages_go_ahead_of_what_waits, enter, leave),
        cmocka_unit_test_setup_teardown(urgent_messages_have_a_bound, enter, leave),
    };

    return cmocka_run_group_tests_name("http_ws", tests, NULL, NULL);
}
