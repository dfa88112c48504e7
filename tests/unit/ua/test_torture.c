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

/* More of their kind. A field that is NULL is the ordinary one. */
struct odd {
    const char *status; /* three digits; "": dropped */
    const char *start, *via, *from, *to, *call_id, *cseq;
    const char *extra; /* header lines */
};

static const struct odd odds[] = {
    /* --- blanks, folds, case, compact forms --- */
    {"200", .extra = "sUPPORTED \t :\r\n \t timer\r\n\t, 100rel\r\n"},
    {"200", .via = "SIP / 2.0 / UDP 10.0.0.2 : 5060 ; branch = z9hG4bK-1 ; rport"},
    {"200", .via = "SIP/2.0/udp\r\n\t10.0.0.2;rport;BRANCH=z9hG4bK-2"},
    {"200", .from = "\"a>b,<;tag=no\\\"\" <sip:a@b>;tag=1"},
    {"200", .from = "A. G. Bell <sip:a@b>\t;\ttag = 1"},
    {"200", .from = "sip:a@b;tag=1", .to = "sip:c@d;x=y"}, /* parameters of the header */
    {"200", .start = "OPTIONS sip:10.0.0.1 sip/2.0"},
    {"200", .extra = "Accept:\r\nSupported:\r\nUser-Agent: x (a (b \\) c) \xc3\xa4)\r\n"},
    {"200", .extra = "Date: yesterday\r\nWarning: none\r\nOrganization: \"\r\nX-1: \t\r\n"},
    {"200", .extra = "l: 0000\r\n"},
    /* --- old and unknown, but plain --- */
    {"200", .via = "SIP/2.0/UDP 10.0.0.2:5060;rport"}, /* no branch: RFC 2543 */
    {"200", .via = "SIP/2.0/UDP 10.0.0.2:5060;branch=7;rport;hidden;ttl=1;maddr=224.0.0.1"},
    {"200", .via = "SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK-3;rport, SIP/2.0/TLS [2001:DB8::9]:5061"},
    {"200", .via = "SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK-4;rport;received=[2001:db8::1]"},
    {"200", .via = "SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK-5;rport;received=2001:db8::1"},
    {"200", .call_id = "a!%*_+`'~()<>:\\\"/[]?{}@b"},
    {"200", .cseq = "2147483647 OPTIONS"},
    {"200", .cseq = "0000000000001\r\n OPTIONS"},
    {"200", .start = "OPTIONS sip:a%00b;x:p%3Aw@10.0.0.1:05060;lr;maddr=1.2.3.4 SIP/2.0"},
    {"200", .start = "OPTIONS sip:[2001:DB8::192.0.2.1]:5060;transport=UDP SIP/2.0"},
    {"200", .from = "<tel:+1-201-555-0123;phone-context=x.y;isub=1>;tag=1"},
    {"200", .from = "<urn:service:sos>;tag=1", .to = "<data:,x>"},
    {"400", .to = "<sip:[::ffff:192.0.2.10]:19823;user=phone;;x>"},
    {"501", .start = "-_.!%*+`'~ sip:10.0.0.1 SIP/2.0", .cseq = "1 -_.!%*+`'~"},
    {"501", .start = "options sip:10.0.0.1 SIP/2.0", .cseq = "1 options"}, /* another method */
    {"416", .start = "OPTIONS im:a@b SIP/2.0"},
    {"420", .extra = "Require: timer\r\nRequire: foo, 100rel, bar\r\n"},
    {"505", .start = "OPTIONS sip:10.0.0.1 SIP/2.1"},
    {"481", .start = "BYE sip:10.0.0.1 SIP/2.0", .to = "<sip:c@d>;tag=x", .cseq = "1 BYE"},
    /* --- broken: said so --- */
    {"400", .start = "OPTIONS <sip:10.0.0.1> SIP/2.0"},
    {"400", .start = "OPTIONS  sip:10.0.0.1 SIP/2.0"},
    {"400", .start = "OPTIONS sip:10.0.0.1 SIP/2.0 "},
    {"400", .start = "OPTIONS sip:[2001:db8::1 SIP/2.0"},
    {"400", .start = "OPTIONS sip:a@[2001:db8:::1] SIP/2.0"},
    {"400", .start = "OPTIONS sip:a@10.0.0.1:65536 SIP/2.0"},
    {"400", .start = "OPTIONS sip:a@10.0.0.1?Route=%3Csip:x%3E SIP/2.0"},
    {"400", .start = "OPTIONS sip:a%4@10.0.0.1 SIP/2.0"},
    {"400", .from = "\"open <sip:a@b>;tag=1"},
    {"400", .from = "<sip:a@b;tag=1"},
    {"400", .from = "Bell, A <sip:a@b>;tag=1"},
    {"400", .from = "<sip:a@b>;tag="},
    {"400", .to = ""},
    {"400", .call_id = "a b"},
    {"400", .cseq = "2147483648 OPTIONS"},
    {"400", .cseq = "-1 OPTIONS"},
    {"400", .cseq = "1 BYE"},
    {"400", .cseq = "1OPTIONS"},
    {"400", .extra = "Max-Forwards: 7x\r\n"},
    {"400", .extra = "Content-Length: +0\r\n"},
    {"400", .extra = "Content-Length: 5\r\n"}, /* and there is none */
    {"400", .extra = "Content-Length: 0\r\nl: 0\r\n"},
    {"400", .extra = "Call-ID: other\r\n"},
    {"200", .extra = "Contact:\r\n"},
    {"400", .extra = "Contact: *\r\n"},
    {"200", .extra = "Route: sip:a@b\r\n"}, /* an address that lacks its brackets */
    {"400", .extra = "No colon\r\n"},
    {"400", .extra = ": no name\r\n"},
    {"400", .extra = "Bad Name: x\r\n"},
    {"400", .extra = "Expires: soon\r\n"},
    {"400", .extra = "Subject: a\x01\x7f"
                     "b\r\n"},
    /* --- a Via that is none is answered where it came from; nothing of ours is not --- */
    {"400", .via = ""},
    {"400", .via = "SIP/2.0/UDP 2001:db8::1:5060;branch=z9hG4bK-6"},
    {"", .start = "SIP/2.0 99 Low"},
    {"", .start = "SIP/2.0 200"},
    {"", .start = "ACK sip:10.0.0.1 SIP/2.0", .cseq = "1 INVITE"},
    {"", .start = "OPTIONS"},
};

static const char *or_else(const char *text, const char *otherwise)
{
    return text != NULL ? text : otherwise;
}

static void fresh_ones_are_judged_by_the_grammar(void **state)
{
    unsigned wrong = 0;

    for (size_t i = 0; i < SR_ARRAY_LEN(odds); i++) {
        const struct odd *odd = &odds[i];
        char text[TEXT_MAX], branch[64], call_id[64];
        int n;

        WORLD;
        (void)snprintf(branch, sizeof(branch), "SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bKo%zu;rport",
                       i);
        (void)snprintf(call_id, sizeof(call_id), "odd%zu", i);
        n = snprintf(text, sizeof(text),
                     "%s\r\nVia: %s\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\n%s\r\n",
                     or_else(odd->start, "OPTIONS sip:10.0.0.1 SIP/2.0"), or_else(odd->via, branch),
                     or_else(odd->from, "<sip:a@b>;tag=1"), or_else(odd->to, "<sip:c@d>"),
                     or_else(odd->call_id, call_id), or_else(odd->cseq, "1 OPTIONS"),
                     or_else(odd->extra, ""));
        phone_raw(a, text, (size_t)n);
        rig_run(rig, 300 * SR_MSEC);
        if (strncmp(a->count > 0 ? a->inbox[0] + 8 : "", odd->status, 3) != 0 ||
            (odd->status[0] == '\0' && a->count > 0)) {
            print_error("wanted \"%s\", got \"%.40s\" for\n%s\n", odd->status,
                        a->count > 0 ? a->inbox[0] : "", text);
            wrong++;
        }
        phone_skip(a);
        phone_request(b, &(struct request){.method = "OPTIONS"});
        (void)phone_wait(b, "SIP/2.0 200");
        world_end(w);
    }
    assert_int_equal(wrong, 0);
}

int run_torture_tests(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_message_is_handled_as_listed),
                                       cmocka_unit_test(fresh_ones_are_judged_by_the_grammar)};

    return cmocka_run_group_tests_name("torture", tests, NULL, NULL);
}
