#include "test_base.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/addr.h"

static struct sr_addr ip(const char *text)
{
    struct sr_addr addr;

    assert_int_equal(sr_addr_parse_ip(sr_str_c(text), &addr), SR_OK);
    return addr;
}

static void addresses_are_parsed_and_written(void **state)
{
    static const struct {
        const char *text;
        const char *written;
        uint16_t port;
    } rows[] = {
        {"192.0.2.1", "192.0.2.1:5060", 5060},
        {"192.0.2.1:5080", "192.0.2.1:5080", 5080},
        {"[2001:db8::1]", "[2001:db8::1]:5060", 5060},
        {"[2001:db8::1]:65535", "[2001:db8::1]:65535", 65535},
        {"[::ffff:192.0.2.7]:9", "192.0.2.7:9", 9},
        {"0.0.0.0:1", "0.0.0.0:1", 1},
    };
    char out[SR_ADDR_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        struct sr_addr addr;

        assert_int_equal(sr_addr_parse(sr_str_c(rows[i].text), 5060, &addr), SR_OK);
        assert_int_equal(addr.port, rows[i].port);
        assert_string_equal(sr_addr_text(&addr, out), rows[i].written);
    }
}

static void broken_addresses_are_refused(void **state)
{
    static const char *const rows[] = {
        "",           "1.2.3",         "1.2.3.4.5",  "256.1.1.1",  "1.2.3.4:",
        "1.2.3.4:x",  "1.2.3.4:65536", "[::1",       "[::1]x",     "[::1]:",
        "[1.2.3.4]x", "host:5060",     " 1.2.3.4",   "1.2.3.4 ",   "[]:5060",
        ":5060",      "[::1]:99999",   "1.2.3.4:-1", "[::g]:5060", "01.2.3.4x",
    };
    struct sr_addr addr;

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        if (sr_addr_parse(sr_str_c(rows[i]), 5060, &addr) == SR_OK)
            fail_msg("accepted: %s", rows[i]);
    }
    assert_int_not_equal(sr_addr_parse_ip(SR_STR("1.2.3.4:5060"), &addr), SR_OK);
}

static void brackets_are_written_where_a_uri_wants_them(void **state)
{
    char out[SR_ADDR_TEXT_MAX];
    struct sr_addr six = ip("2001:db8::1");
    struct sr_addr four = ip("192.0.2.1");

    (void)state;
    assert_string_equal(sr_addr_ip_text(&six, out), "2001:db8::1");
    assert_string_equal(sr_addr_host_text(&six, out), "[2001:db8::1]");
    assert_string_equal(sr_addr_ip_text(&four, out), "192.0.2.1");
    assert_string_equal(sr_addr_host_text(&four, out), "192.0.2.1");
}

static void sockaddrs_go_round(void **state)
{
    static const char *const rows[] = {"192.0.2.1:5060", "[2001:db8::1]:5061"};

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        struct sr_addr addr, back;
        struct sockaddr_storage sa;

        assert_int_equal(sr_addr_parse(sr_str_c(rows[i]), 0, &addr), SR_OK);
        assert_true(sr_addr_to_sockaddr(&addr, &sa) > 0);
        sr_addr_from_sockaddr((const struct sockaddr *)&sa, &back);
        assert_true(sr_addr_eq(&addr, &back));
        assert_true(sr_addr_hash(&addr) == sr_addr_hash(&back));
    }
}

/* RFC 5118 4.9: for any filter the mapped form equals the IPv4 address */
static void a_mapped_sockaddr_is_ipv4(void **state)
{
    struct sockaddr_in6 sa = {.sin6_family = AF_INET6, .sin6_port = htons(7)};
    struct sr_addr addr;
    struct sr_addr four = ip("192.0.2.9");

    (void)state;
    assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.9", &sa.sin6_addr), 1);
    sr_addr_from_sockaddr((const struct sockaddr *)&sa, &addr);
    assert_int_equal(addr.family, SR_ADDR_IP4);
    assert_int_equal(addr.port, 7);
    assert_true(sr_addr_ip_eq(&addr, &four));
    assert_false(sr_addr_eq(&addr, &four));
}

static void none_has_no_sockaddr(void **state)
{
    struct sr_addr none = {0};
    struct sockaddr_storage sa;

    (void)state;
    assert_int_equal(sr_addr_to_sockaddr(&none, &sa), 0);
}

static void kinds_of_addresses_are_told_apart(void **state)
{
    static const struct {
        const char *text;
        const char *kinds; /* a any, l loopback, k link local, m multicast, p private */
    } rows[] = {
        {"0.0.0.0", "a"},
        {"::", "a"},
        {"127.0.0.1", "l"},
        {"127.9.9.9", "l"},
        {"::1", "l"},
        {"169.254.1.1", "k"},
        {"fe80::1", "k"},
        {"224.0.0.1", "m"},
        {"239.255.255.255", "m"},
        {"ff02::1", "m"},
        {"255.255.255.255", "m"},
        {"0.1.2.3", "m"},
        {"10.1.2.3", "p"},
        {"172.16.0.1", "p"},
        {"172.31.255.255", "p"},
        {"172.32.0.1", ""},
        {"192.168.0.1", "p"},
        {"100.64.0.1", "p"},
        {"100.128.0.1", ""},
        {"fd00::1", "p"},
        {"fc00::1", "p"},
        {"2001:db8::1", ""},
        {"192.0.2.1", ""},
    };

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        struct sr_addr addr = ip(rows[i].text);
        char found[6] = {0};
        size_t n = 0;

        if (sr_addr_is_any(&addr))
            found[n++] = 'a';
        if (sr_addr_is_loopback(&addr))
            found[n++] = 'l';
        if (sr_addr_is_link_local(&addr))
            found[n++] = 'k';
        if (sr_addr_is_multicast(&addr))
            found[n++] = 'm';
        if (sr_addr_is_private(&addr))
            found[n++] = 'p';
        if (strcmp(found, rows[i].kinds) != 0)
            fail_msg("%s is '%s', not '%s'", rows[i].text, found, rows[i].kinds);
    }
}

static void networks_know_their_members(void **state)
{
    static const struct {
        const char *cidr;
        const char *addr;
        bool has;
    } rows[] = {
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"192.168.3.77/20", "192.168.15.1", true},
        {"192.168.3.77/20", "192.168.16.1", false},
        {"0.0.0.0/0", "8.8.8.8", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"::/0", "::1", true},
        {"10.0.0.0/8", "::ffff:10.1.1.1", true},
    };
    static const char *const bad[] = {"",       "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x",
                                      "::/129", "/8",          "10.0.0/8"};
    struct sr_cidr cidr;

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        struct sr_addr addr = ip(rows[i].addr);

        assert_int_equal(sr_cidr_parse(sr_str_c(rows[i].cidr), &cidr), SR_OK);
        if (sr_cidr_has(&cidr, &addr) != rows[i].has)
            fail_msg("%s and %s", rows[i].cidr, rows[i].addr);
    }
    for (size_t i = 0; i < SR_ARRAY_LEN(bad); i++) {
        if (sr_cidr_parse(sr_str_c(bad[i]), &cidr) == SR_OK)
            fail_msg("accepted: %s", bad[i]);
    }
}

int run_addr_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_parsed_and_written),
        cmocka_unit_test(broken_addresses_are_refused),
        cmocka_unit_test(brackets_are_written_where_a_uri_wants_them),
        cmocka_unit_test(sockaddrs_go_round),
        cmocka_unit_test(a_mapped_sockaddr_is_ipv4),
        cmocka_unit_test(none_has_no_sockaddr),
        cmocka_unit_test(kinds_of_addresses_are_told_apart),
        cmocka_unit_test(networks_know_their_members),
    };

    return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
