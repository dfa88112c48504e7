#include "test.h"

#include "net/own_addrs.h"

static struct sr_addr parse(const char *text)
{
    struct sr_addr addr = {0};

    assert_int_equal(sr_addr_parse_ip(sr_str_c(text), &addr), SR_OK);
    return addr;
}

/* Phones are told an IPv4 address of the house first; loopback only where there is nothing else. */
static void the_lan_address_is_the_one_most_phones_reach(void **state)
{
    static const struct {
        const char *addrs[4];
        const char *want;
    } rows[] = {
        {{"127.0.0.1", "::1"}, "127.0.0.1"},
        {{"127.0.0.1", "fd00::2", "203.0.113.5"}, "203.0.113.5"},
        {{"203.0.113.5", "10.1.2.3", "192.168.1.4"}, "10.1.2.3"},
        {{"::1", "2001:db8::5", "fd00::2"}, "fd00::2"},
    };

    (void)state;
    assert_null(net_lan_addr(NULL, 0));
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        struct sr_addr addrs[4], want = parse(rows[i].want);
        size_t count = 0;

        while (count < 4 && rows[i].addrs[count] != NULL) {
            addrs[count] = parse(rows[i].addrs[count]);
            count++;
        }
        assert_true(sr_addr_eq(net_lan_addr(addrs, count), &want));
    }
}

static void own_addresses_hold_loopback_and_no_link_local_one(void **state)
{
    struct sr_addr addrs[32];
    size_t count = net_own_addrs(addrs, SR_ARRAY_LEN(addrs));
    bool has_loopback = false;

    (void)state;
    assert_int_equal(net_own_addrs(addrs, 1), SR_MIN(count, 1));
    count = net_own_addrs(addrs, SR_ARRAY_LEN(addrs));
    for (size_t i = 0; i < count; i++) {
        has_loopback |= sr_addr_is_loopback(&addrs[i]);
        assert_false(sr_addr_is_link_local(&addrs[i]));
        assert_int_equal(addrs[i].port, 0);
    }
    assert_true(has_loopback);
}

int run_own_addrs(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lan_address_is_the_one_most_phones_reach),
        cmocka_unit_test(own_addresses_hold_loopback_and_no_link_local_one),
    };

    return cmocka_run_group_tests_name("own_addrs", tests, NULL, NULL);
}
