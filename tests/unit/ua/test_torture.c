/* The messages of RFC 4475 and RFC 5118 as they come in: answered as tests/data/sip-torture says. */
#include "world.h"

static char *slurp(const char *name, size_t *ret_n)
{
    char path[1024];
    FILE *file;
    char *bytes = sr_alloc(TEXT_MAX * 2);

    (void)snprintf(path, sizeof(path), "%s/sip-torture/%s", TEST_DATA_DIR, name);
    file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("cannot read %s", path);
    *ret_n = fread(bytes, 1, TEXT_MAX * 2 - 1, file);
    bytes[*ret_n] = '\0';
    assert_int_equal(fclose(file), 0);
    return bytes;
}

/* The port an honest sender of this message would listen at: that of its top Via. */
static uint16_t via_port(const char *bytes, size_t n)
{
    struct sip_header slots[SIP_HEADERS_MAX];
    struct sip_msg msg;
    const struct sip_via *via = NULL;

    if (sip_msg_parse(sr_str_make(bytes, n), slots, SIP_HEADERS_MAX, &msg, NULL) == SR_OK)
        via = sip_msg_via(&msg);
    return via != NULL && via->port != 0 ? via->port : 5060;
}

static bool is_one_of(const char *status, const char *list)
{
    char code[4] = {status[0], status[1], status[2], '\0'};

    return strstr(list, code) != NULL;
}

static void judge(const char *name, const char *policy, const char *status)
{
    bool is_ok = true;

    if (strcmp(policy, "drop") == 0)
        is_ok = status[0] == '\0';
    else if (strcmp(policy, "any") == 0)
        is_ok = true;
    else if (strcmp(policy, "bad") == 0)
        is_ok = is_one_of(status, "400");
    else if (strcmp(policy, "badvers") == 0)
        is_ok = is_one_of(status, "505");
    else if (strcmp(policy, "lenient") == 0)
        is_ok = status[0] != '\0' && status[0] != '5' && status[0] != '6';
    else if (strcmp(policy, "indialog") == 0)
        is_ok = is_one_of(status, "481");
    else if (strcmp(policy, "unkmethod") == 0 || strcmp(policy, "mismatch02") == 0)
        is_ok = is_one_of(status, "501 405 400 401");
    else if (strcmp(policy, "unkscheme") == 0)
        is_ok = is_one_of(status, "416 401 404");
    else if (strcmp(policy, "badext") == 0)
        is_ok = is_one_of(status, "420 401");
    else /* valid, register and their kin: anything but "malformed" or a fault of ours */
        is_ok = status[0] != '\0' && !is_one_of(status, "400") && status[0] != '5';
    if (!is_ok)
        fail_msg("%s (%s): answered \"%.3s\"", name, policy, status);
}

static void each_message_is_handled_as_listed(void **state)
{
    size_t table_n;
    char *table = slurp("expect.tsv", &table_n);
    struct sr_str rest = sr_str_make(table, table_n);
    struct sr_str line;
    unsigned count = 0;

    (void)state;
    while (sr_str_split(&rest, '\n', &line)) {
        struct sr_str fields[4] = {{NULL, 0}};
        char name[64];
        char policy[32];
        char addr[32];
        static struct world w;
        size_t n;
        char *bytes;

        if (line.n == 0 || line.p[0] == '#')
            continue;
        for (size_t i = 0; i < 4; i++)
            (void)sr_str_split(&line, '\t', &fields[i]);
        (void)sr_str_copy(fields[0], name, sizeof(name));
        (void)sr_str_copy(fields[3], policy, sizeof(policy));
        bytes = slurp(name, &n);
        world_begin(&w, NET_UDP);
        phone_done(&w.x);
        (void)snprintf(addr, sizeof(addr), "10.0.0.99:%u", via_port(bytes, n));
        phone_init(&w.x, &w.rig, addr, NET_UDP, "201", "x");
        phone_raw(&w.x, bytes, n);
        rig_run(&w.rig, 300 * SR_MSEC);
        judge(name, policy, w.x.count > 0 ? w.x.inbox[0] + 8 : "");
        phone_skip(&w.x);
        phone_request(&w.a, &(struct request){.method = "OPTIONS"});
        (void)phone_wait(&w.a, "SIP/2.0 200");
        assert_int_equal(w.rig.invites, 0);
        sr_free(bytes);
        w.rig.blocks--; /* ours was taken before the count */
        world_end(&w);
        count++;
    }
    sr_free(table);
    assert_int_equal(count, 43);
}

int run_torture_tests(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_message_is_handled_as_listed)};

    return cmocka_run_group_tests_name("torture", tests, NULL, NULL);
}
