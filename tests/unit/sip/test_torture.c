/**
 * @file test_torture.c  RFC 4475 and RFC 5118 messages at the level of the parser: the files of
 * tests/data/sip-torture by their policy, and others of the two RFCs written out here.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

static struct sip_header slots[SIP_HEADERS_MAX];
static char bytes[65536];

static struct sr_str read_file(const char *name)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s", TORTURE_DIR, name);
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("cannot open %s", path);
    size_t n = fread(bytes, 1, sizeof bytes, file);
    (void)fclose(file);
    return sr_str_make(bytes, n);
}

/* Status a server would answer at this level: 0 fine, 1 dropped. */
static unsigned judge(struct sr_str text, struct sip_msg *msg)
{
    struct sip_verdict verdict;
    if (sip_msg_parse(text, slots, SIP_HEADERS_MAX, msg, NULL) != SR_OK)
        return 1;
    sip_msg_check(msg, false, &verdict);
    if (verdict.what == SIP_CHECK_OK)
        return 0;
    return verdict.what == SIP_CHECK_DROP ? 1 : verdict.status;
}

static bool fits(const char *policy, unsigned status, const struct sip_msg *msg)
{
    static const char *const fine[] = {"valid",    "register", "unkmethod", "unkscheme", "badext",
                                       "indialog", "regaut",   "sdp01",     "dblreq"};
    for (size_t i = 0; i < SR_ARRAY_LEN(fine); i++)
        if (strcmp(policy, fine[i]) == 0)
            return status == 0 && msg->is_request;
    if (strcmp(policy, "bad") == 0)
        return status == 400;
    if (strcmp(policy, "lenient") == 0)
        return status == 0 || status == 400;
    if (strcmp(policy, "drop") == 0)
        return status == 1 || !msg->is_request;
    if (strcmp(policy, "badvers") == 0)
        return status == 505;
    if (strcmp(policy, "mismatch02") == 0)
        return status == 501;
    return strcmp(policy, "any") == 0;
}

static void files_are_judged_as_listed(void **state)
{
    (void)state;
    static char list[16384];
    struct sip_msg msg;
    struct sr_str text = read_file("expect.tsv");
    unsigned count = 0;
    assert_true(text.n < sizeof list);
    memcpy(list, text.p, text.n);
    struct sr_str rest = sr_str_make(list, text.n);
    struct sr_str line;
    while (sr_str_split(&rest, '\n', &line)) {
        struct sr_str field[4];
        char name[128];
        char policy[32];
        if (!line.n || line.p[0] == '#')
            continue;
        for (size_t i = 0; i < 4; i++)
            assert_true(sr_str_split(&line, '\t', &field[i]));
        assert_true(sr_str_copy(field[0], name, sizeof name));
        assert_true(sr_str_copy(field[3], policy, sizeof policy));
        unsigned status = judge(read_file(name), &msg);
        if (!fits(policy, status, &msg))
            fail_msg("%s (%s): %u", name, policy, status);
        count++;
    }
    assert_int_equal(count, 43);
}

static void what_is_inside_is_understood(void **state)
{
    (void)state;
    struct sip_msg msg;
    uint32_t number;
    char user[64];
    assert_int_equal(judge(read_file("rfc4475/wsinv.dat"), &msg), 0);
    assert_int_equal(sip_msg_cseq(&msg)->number, 9);
    assert_true(sip_msg_uint(&msg, SIP_HDR_MAX_FORWARDS, &number));
    assert_int_equal(number, 68);
    assert_str(sip_msg_via(&msg)->branch, "390skdjuw");
    assert_str(sip_msg_to(&msg)->tag, "1918181833n");
    assert_int_equal(sip_msg_value(&msg, SIP_HDR_SUBJECT).n, 0);
    assert_true(sip_msg_body_is(&msg, "application/sdp"));
    assert_int_equal(judge(read_file("rfc4475/esc01.dat"), &msg), 0);
    assert_str(sip_uri_user(sip_msg_uri(&msg), user, sizeof user), "sips:user@example.com");
    assert_int_equal(judge(read_file("rfc4475/esc02.dat"), &msg), 0);
    assert_int_equal(msg.method, SIP_METHOD_OTHER);
    assert_int_equal(sip_msg_count(&msg, SIP_HDR_CONTACT), 2);
    assert_int_equal(judge(read_file("rfc4475/dblreq.dat"), &msg), 0);
    assert_int_equal(msg.method, SIP_METHOD_REGISTER);
    assert_int_equal(msg.body.n, 0);
    assert_int_equal(judge(read_file("rfc4475/mpart01.dat"), &msg), 0);
    assert_int_equal(judge(read_file("rfc5118/port-unambiguous.dat"), &msg), 0);
    assert_int_equal(sip_msg_uri(&msg)->port, 5070);
    assert_int_equal(judge(read_file("rfc4475/unkscm.dat"), &msg), 0);
    assert_false(sip_msg_scheme_is_known(&msg));
    assert_int_equal(judge(read_file("rfc4475/novelsc.dat"), &msg), 0);
    assert_false(sip_msg_scheme_is_known(&msg));
    assert_int_equal(judge(read_file("rfc4475/cparam01.dat"), &msg), 0);
    assert_int_equal(sip_msg_contact(&msg)->uri.params.n, 0);
    assert_true(sip_nameaddr_param(sip_msg_contact(&msg), "unknownparam", NULL));
    assert_int_equal(judge(read_file("rfc4475/bigcode.dat"), &msg), 1);
    assert_int_equal(msg.status, 0);
}

#define BASE                                                                                       \
    "Via: SIP/2.0/UDP host.example.com;branch=z9hG4bKx\r\nMax-Forwards: 0\r\nCall-ID: a@b\r\n"
#define FROM "From: sip:a@example.com;tag=1\r\n"
#define TO "To: sip:b@example.com\r\n"
#define LITERAL(text)                                                                              \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

static const struct {
    const char *name;
    struct sr_str text;
    unsigned status;
} written[] = {
    {"intmeth",
     LITERAL("!interesting-Method0123456789_*+`.%indeed'~ "
             "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too."
             "(doesn't-it)@example.com SIP/2.0\r\n"
             "Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~\r\n"
             "To: \"BEL:\\\007 NUL:\\\000 DEL:\\\177\" "
             "<sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com>\r\n"
             "From: token1~` token2'+_ token3*%!.- <sip:mundane@example.com>"
             ";fromParam''~+*_!.-%=\"\321\200\320\260\";tag=_token~1'+`*%!-.\r\n"
             "Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{\r\n"
             "CSeq: 139122385 !interesting-Method0123456789_*+`.%indeed'~\r\n"
             "Max-Forwards: 255\r\n"
             "extensionHeader-!.%*+_`'~:\357\273\277\345\244\247\r\nContent-Length: 0\r\n\r\n"),
     0},
    {"unreason",
     LITERAL("SIP/2.0 200 = 2**3 * 5**2 \320\275\320\276\r\n" BASE FROM TO
             "CSeq: 1 INVITE\r\nContact: <sip:u@h>\r\n\r\n"),
     0},
    {"noreason without SP", LITERAL("SIP/2.0 100\r\n" BASE FROM TO "CSeq: 1 INVITE\r\n\r\n"), 0},
    {"escnull",
     LITERAL("REGISTER sip:example.com SIP/2.0\r\n" BASE "To: sip:null-%00-null@example.com\r\n"
             "From: sip:null-%00-null@example.com;tag=8\r\nCSeq: 1 REGISTER\r\n"
             "Contact: <sip:%00@host5.example.com>\r\nm: <sip:%00%00@h>\r\n\r\n"),
     0},
    {"semiuri",
     LITERAL("OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0\r\n" BASE FROM
             "To: sip:j_user@example.com\r\nCSeq: 8 OPTIONS\r\n\r\n"),
     0},
    {"zeromf", LITERAL("OPTIONS sip:a@b SIP/2.0\r\n" BASE FROM TO "CSeq: 8 OPTIONS\r\n\r\n"), 0},
    {"cparam02",
     LITERAL("REGISTER sip:example.com SIP/2.0\r\n" BASE FROM TO "CSeq: 8 REGISTER\r\n"
             "Contact: <sip:+19725552222@gw1.example.net;unknownparam>\r\n\r\n"),
     0},
    {"invut",
     LITERAL("INVITE sip:a@b SIP/2.0\r\n" BASE FROM TO "CSeq: 8 INVITE\r\n"
             "Contact: <sip:caller@host5>\r\nContent-Type: application/unknownformat\r\n"
             "Content-Length: 3\r\n\r\n<a>"),
     0},
    {"baddate",
     LITERAL("INVITE sip:a@b SIP/2.0\r\n" BASE FROM TO "CSeq: 8 INVITE\r\n"
             "Date: Fri, 01 Jan 2010 16:00:00 EST\r\n\r\n"),
     0},
    {"inv2543",
     LITERAL("INVITE sip:UserB@example.com SIP/2.0\r\n"
             "Via: SIP/2.0/UDP iftgw.example.com\r\nFrom: <sip:+13035551111@ift>\r\n"
             "Record-Route: <sip:UserB@example.com;maddr=ss1.example.com>\r\n"
             "To: sip:+16505552222@ss1.example.net;user=phone\r\n"
             "Call-ID: inv2543.1717@ift.client.example.com\r\nCSeq: 56 INVITE\r\n\r\n"),
     0},
    {"badaspec",
     LITERAL("OPTIONS sip:a@b SIP/2.0\r\n" BASE FROM
             "To: \"Watson, Thomas\" < sip:t.watson@example.org >\r\n"
             "CSeq: 8 OPTIONS\r\n\r\n"),
     0},
    {"quotbal",
     LITERAL("INVITE sip:a@b SIP/2.0\r\n" BASE FROM
             "To: \"Mr. J. User <sip:j.user@example.com>\r\nCSeq: 8 INVITE\r\n\r\n"),
     400},
    {"lwsruri",
     LITERAL("INVITE sip:user@example.com; lr SIP/2.0\r\n" BASE FROM TO "CSeq: 8 INVITE\r\n\r\n"),
     400},
    {"mismatch01", LITERAL("OPTIONS sip:a@b SIP/2.0\r\n" BASE FROM TO "CSeq: 8 INVITE\r\n\r\n"),
     400},
    {"multi01",
     LITERAL("INVITE sip:a@b SIP/2.0\r\n" BASE FROM TO "CSeq: 5 INVITE\r\n"
             "Call-ID: other@b\r\nCSeq: 59 INVITE\r\n\r\n"),
     400},
    {"scalar02",
     LITERAL("REGISTER sip:example.com SIP/2.0\r\n" BASE FROM TO
             "CSeq: 36893488147419103232 REGISTER\r\nExpires: 1000000000000\r\n"
             "Contact: <sip:a@b>;expires=280297596632815\r\n\r\n"),
     400},
    {"unquoted non-token in From",
     LITERAL("OPTIONS sip:a@b SIP/2.0\r\n" BASE "From: a(b) <sip:a@b>;tag=1\r\n" TO
             "CSeq: 8 OPTIONS\r\n\r\n"),
     400},
    {"naked NUL",
     LITERAL("OPTIONS sip:a@b SIP/2.0\r\n" BASE "From: \"a\000\" <sip:a@b>;tag=1\r\n" TO
             "CSeq: 8 OPTIONS\r\n\r\n"),
     400},
    {"ipv6 in Via without brackets",
     LITERAL("OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 2001:db8::9:1;branch=z9hG4bK1\r\n"
             "Call-ID: x\r\n" FROM TO "CSeq: 8 OPTIONS\r\n\r\n"),
     400},
    {"ipv6 with port inside",
     LITERAL("REGISTER sip:[2001:db8::10:5070] SIP/2.0\r\n" BASE FROM TO
             "CSeq: 8 REGISTER\r\n\r\n"),
     0},
    {"three colons",
     LITERAL("OPTIONS sip:a@[2001:db8:::1] SIP/2.0\r\n" BASE FROM TO "CSeq: 8 OPTIONS\r\n\r\n"),
     400},
    {"bare LF",
     LITERAL("OPTIONS sip:a@b SIP/2.0\nVia: SIP/2.0/UDP h\nCall-ID: x\nFrom: "
             "<sip:a@b>;tag=1\nTo: <sip:b@c>\nCSeq: 1 OPTIONS\n\n"),
     0},
    {"binary junk", LITERAL("\000\001\002\377\376 sip SIP/2.0\r\n\r\n"), 1},
    {"HTTP", LITERAL("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 1},
};

static void others_of_their_kind(void **state)
{
    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(written); i++) {
        struct sip_msg msg;
        unsigned status = judge(written[i].text, &msg);
        if (status != written[i].status)
            fail_msg("%s: %u", written[i].name, status);
    }
}

/* Whatever is cut off, nothing is read behind the end (ASan) and nothing half is taken as whole. */
static void every_prefix_is_survived(void **state)
{
    (void)state;
    struct sr_str text = read_file("rfc4475/wsinv.dat");
    for (size_t n = 0; n < text.n; n++) {
        struct sip_msg msg;
        char *copy = malloc(n ? n : 1);
        assert_non_null(copy);
        memcpy(copy, text.p, n);
        assert_int_not_equal(judge(sr_str_make(copy, n), &msg), 0);
        free(copy);
    }
}

int run_torture(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_judged_as_listed),
        cmocka_unit_test(what_is_inside_is_understood),
        cmocka_unit_test(others_of_their_kind),
        cmocka_unit_test(every_prefix_is_survived),
    };
    return cmocka_run_group_tests_name("torture", tests, NULL, NULL);
}
