#include "kit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"

enum {
    ROUNDS = 5,
    CONFIRMED = 20
};

/* Writes starts and ends without end; after each ten it was told are on disk, says one byte. */
static void write_until_killed(struct kit *kit, int fd, int round)
{
    struct store *store = kit_open(kit, NULL);

    for (unsigned i = 0;; i++) {
        struct store_call_record record;
        char id[32];

        snprintf(id, sizeof(id), "r%d-%u", round, i);
        record = kit_record(id, kit->wall_us - 60 * SR_SEC, false);
        store_call_started(store, &record);
        if (i % 2 == 0)
            store_call_ended(store, &record, NULL, 0);
        if (i % 10 == 9) {
            kit_flush(store);
            if (write(fd, "x", 1) != 1)
                _exit(1);
        }
    }
}

/* kill -9 in the middle of writes, five times over: all that was on disk is there, nothing is open. */
static void killed_router_leaves_whole_records(void **state)
{
    struct kit *kit = *state;

    for (int round = 0; round < ROUNDS; round++) {
        struct store *store;
        struct reply reply;
        int fds[2], status;
        pid_t child;
        char sql[120];

        assert_int_equal(pipe(fds), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(fds[0]);
            write_until_killed(kit, fds[1], round);
        }
        close(fds[1]);
        for (int i = 0; i < CONFIRMED + round; i++) {
            char c;

            assert_int_equal(read(fds[0], &c, 1), 1);
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        close(fds[0]);
        kit->wall_us += 3600 * SR_SEC; /* it was down for an hour */
        store = kit_open(kit, NULL);
        assert_int_equal(kit_number(kit, "SELECT count(*) FROM calls WHERE ended=0"), 0);
        snprintf(sql, sizeof(sql), "SELECT count(*) FROM calls WHERE call_id LIKE 'r%d-%%'", round);
        assert_true(kit_number(kit, sql) >= (CONFIRMED + round) * 10);
        reply = kit_record_of(store, "r0-1");
        assert_non_null(strstr(reply.text, "\"reason\":\"router_stopped\""));
        /* the end is when it was last known to live, not when it came back */
        assert_non_null(strstr(reply.text, "\"endedAt\":\"2023-11-14T22:13:20.000Z\""));
        sr_free(reply.text);
        reply = kit_record_of(store, "r0-2");
        assert_non_null(strstr(reply.text, "\"reason\":\"busy\""));
        sr_free(reply.text);
        store_close(store);
    }
}

struct used {
    unsigned devices;
    uint32_t calls;
    uint64_t seconds;
};

static void on_use(void *arg, const struct store_use *use)
{
    struct used *used = arg;

    assert_true(sr_str_eq_c(use->device_id, used->devices == 0 ? "desk" : "other"));
    used->devices++;
    used->calls += use->calls;
    used->seconds += use->seconds;
}

/* Calls outside that lived when the router died count: begun ones, and the time that is known of. */
static void what_was_spent_outside_survives(void **state)
{
    struct kit *kit = *state;
    struct store *store = kit_open(kit, NULL);
    const char *const devices[] = {"desk", "other"};
    struct used used = {0};
    struct reply reply;

    for (size_t i = 0; i < SR_ARRAY_LEN(devices); i++) {
        struct store_call_record record = kit_record(devices[i], TEST_START, false);
        struct store_leg_record leg = {
            .leg_id = SR_STR("l"),
            .kind = SR_STR("provider"),
            .device_id = sr_str_c(devices[i]),
            .provider_id = SR_STR("acme"),
            .started_wall_us = TEST_START - 60 * SR_SEC,
        };

        record.legs = NULL;
        record.leg_count = 0;
        store_call_started(store, &record);
        record.legs = &leg;
        record.leg_count = 1;
        store_call_started(store, &record);
        leg.answered_wall_us = i == 0 ? TEST_START - 40 * SR_SEC : 0;
        store_call_started(store, &record);
    }
    kit_flush(store);
    store_close(store); /* no end was written */
    store = kit_open(kit, NULL);
    assert_int_equal(kit_number(kit, "SELECT count(*) FROM legs WHERE ended=0"), 0);
    store_use_load(store, TEST_START - 3600 * SR_SEC, on_use, &used);
    assert_int_equal(used.devices, 2);
    assert_int_equal(used.calls, 2);
    assert_int_equal(used.seconds, 40);
    reply = kit_record_of(store, "desk");
    assert_int_equal(kit_count(reply.text, "router_stopped"), 2); /* the call, its leg */
    sr_free(reply.text);
    store_close(store);
}

int test_crash(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(killed_router_leaves_whole_records, kit_up, kit_down),
        cmocka_unit_test_setup_teardown(what_was_spent_outside_survives, kit_up, kit_down),
    };

    return cmocka_run_group_tests_name("store/crash", tests, NULL, NULL);
}
