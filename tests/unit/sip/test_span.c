#include "test.h"

#include "base/alloc.h"
#include "sip/header_internal.h"
#include "sip/value_internal.h"

/* Octets that end or steer something, and some that do not. */
static const char steering[] = "\r\n\t \"\\;:,=@<>[]%#/?&.-_*+~'`!()azAZ09\x01\x1f\x7f\x80\xff";

static uint32_t next_random(void)
{
    static uint64_t seed = 20261121;
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33);
}

static char random_char(void)
{
    uint32_t r = next_random();
    if (r % 4 == 0)
        return steering[(r >> 8) % (sizeof steering - 1)];
    return r % 4 == 1 ? (char)(r >> 8) : (char)('a' + (r >> 8) % 26);
}

/* A block of just n octets, so that the sanitizers see a read behind it. */
static char *block(size_t n)
{
    return sr_alloc(n ? n : 1);
}

static const char *run_by_octet(const char *p, const char *end, unsigned classes, bool is_more)
{
    while (p != end && (is_more ? sip__is(*p, classes) : sip_is(*p, classes)))
        p++;
    return p;
}

static void compare_scans(const char *p, size_t n)
{
    const char *end = p + n;
    assert_ptr_equal(sip__find_control(p, end), sip__find_control_plain(p, end));
    for (unsigned classes = 1; classes < 0x100; classes <<= 1) {
        assert_ptr_equal(sip__run(p, end, classes), run_by_octet(p, end, classes, false));
        assert_ptr_equal(sip__run_more(p, end, classes), run_by_octet(p, end, classes, true));
    }
    if (n < SIP__SPAN)
        return;
    assert_int_equal(sip__find_near(p, ':'), sip__find_near_plain(p, ':'));
    assert_int_equal(sip__find_near(end - SIP__SPAN, '\n'),
                     sip__find_near_plain(end - SIP__SPAN, '\n'));
    for (size_t same = 0; same <= SIP__SPAN; same++)
        assert_int_equal(sip__same_near(p, end - SIP__SPAN, same),
                         sip__same_near_plain(p, end - SIP__SPAN, same));
}

/* Each octet there is, at each place of texts of each length around the vector's. */
static void vector_and_plain_agree_at_every_boundary(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 50; n++) {
        char *text = block(n);
        memset(text, 'a', n);
        compare_scans(text, n);
        for (size_t at = 0; at < n; at++) {
            for (unsigned c = 0; c < 256; c += n % 16 < 2 ? 1 : 13) {
                text[at] = (char)c;
                compare_scans(text, n);
            }
            text[at] = 'a';
        }
        sr_free(text);
    }
}

static void vector_and_plain_agree_on_random_text(void **state)
{
    (void)state;
    for (int round = 0; round < 20000; round++) {
        size_t n = next_random() % 100;
        char *text = block(n);
        unsigned rare = 1 + next_random() % 40;
        for (size_t i = 0; i < n; i++)
            text[i] = next_random() % rare ? 'k' : random_char();
        compare_scans(text, n);
        sr_free(text);
    }
}

static void near_comparison_sees_each_octet(void **state)
{
    (void)state;
    char a[SIP__SPAN];
    char b[SIP__SPAN];
    memset(a, 'x', sizeof a);
    memset(b, 'x', sizeof b);
    for (size_t at = 0; at < SIP__SPAN; at++) {
        b[at] = 'y';
        for (size_t n = 0; n <= SIP__SPAN; n++) {
            assert_int_equal(sip__same_near(a, b, n), n <= at);
            assert_int_equal(sip__same_near_plain(a, b, n), n <= at);
        }
        b[at] = 'x';
    }
}

/* The classes are what their comments say. */
static void classes_follow_their_definition(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 256; i++) {
        char c = (char)i;
        bool is_value = sip_is(c, SIP_CH_TOKEN | SIP_CH_PARAM) || c == '@' || c == '=' || i > 0x7f;
        bool is_quoted = c != '"' && c != '\\' && i != 0x7f && (i >= 0x20 || sip_is(c, SIP_CH_LWS));
        assert_int_equal(sip__is(c, SIP__CH_VALUE), is_value);
        assert_int_equal(sip__is(c, SIP__CH_QUOTED), is_quoted);
        assert_int_equal(sip__is(c, SIP__CH_DISPLAY),
                         sip_is(c, SIP_CH_TOKEN | SIP_CH_LWS) || i > 0x7f);
    }
}

static void compare_params(struct sr_str text)
{
    struct sip_scan fast = sip_scan_of(text);
    struct sip_scan slow = fast;
    enum sr_err err = SR_OK;
    while (err == SR_OK) {
        struct sip_param a = {0};
        struct sip_param b = {0};
        err = sip_scan_param(&slow, &b);
        assert_int_equal(sip__scan_param(&fast, &a), err);
        assert_ptr_equal(fast.p, slow.p);
        if (err != SR_OK)
            break;
        assert_ptr_equal(a.name.p, b.name.p);
        assert_int_equal(a.name.n, b.name.n);
        assert_ptr_equal(a.value.p, b.value.p);
        assert_int_equal(a.value.n, b.value.n);
        assert_int_equal(a.has_value, b.has_value);
    }
}

static void compare_hostports(struct sr_str text)
{
    struct sip_scan fast = sip_scan_of(text);
    struct sip_scan slow = fast;
    struct sr_str hosts[2] = {{0}};
    uint16_t ports[2] = {1, 1};
    bool are_ip6[2] = {false, false};
    enum sr_err err = sip_scan_hostport(&slow, &hosts[0], &ports[0], &are_ip6[0]);
    assert_int_equal(sip__scan_hostport(&fast, &hosts[1], &ports[1], &are_ip6[1]), err);
    assert_ptr_equal(fast.p, slow.p);
    assert_ptr_equal(hosts[0].p, hosts[1].p);
    assert_int_equal(hosts[0].n, hosts[1].n);
    assert_int_equal(ports[0], ports[1]);
    assert_int_equal(are_ip6[0], are_ip6[1]);
}

typedef void compare_fn(struct sr_str text);

/* The samples, then each of them with a few octets changed. */
static void compare_changed(const char *const *samples, size_t sample_count, compare_fn *compare)
{
    for (int round = 0; round < 30000; round++) {
        struct sr_str sample = sr_str_c(samples[(size_t)round % sample_count]);
        size_t n = sample.n;
        char *text = block(n);
        memcpy(text, sample.p, n);
        if (round >= (int)sample_count && n) {
            for (unsigned i = next_random() % 4; i; i--)
                text[next_random() % n] = random_char();
            if (next_random() % 4 == 0)
                n = next_random() % n;
        }
        char *cut = block(n);
        memcpy(cut, text, n);
        compare(sr_str_make(cut, n));
        sr_free(cut);
        sr_free(text);
    }
}

static void inline_parameters_are_those_of_the_scanner(void **state)
{
    (void)state;
    static const char *const samples[] = {
        "",           ";",         ";a",         ";a;b=c",
        ";a=;b",      ";=b",       ";a =b",      ";a= b;c",
        ";a=\"x;y\"", ";a=b=c;d",  "a=b",        ";branch=z9hG4bK1;rport",
        ";a=b;",      ";a=\r\n b", ";t=9fx ;lr", ";x=[2001:db8::1];y"};
    compare_changed(samples, SR_ARRAY_LEN(samples), compare_params);
}

static void inline_hosts_are_those_of_the_scanner(void **state)
{
    (void)state;
    static const char *const samples[] = {
        "",     "h",     "h:1",      "h:0",          "h:65535",      "h:65536",
        "h:",   "h: 1",  "h:12x",    "a.example;lr", "192.0.2.1 :5", "192.0.2.1:5060;branch=a",
        ":506", "[::1]", "[::1]:70", "[1.2.3.4]",    "[::1",         "h:99999999999999999999"};
    compare_changed(samples, SR_ARRAY_LEN(samples), compare_hostports);
}

static void compare_header(struct sr_str line)
{
    size_t n = 0;
    struct sip_scan scan = sip_scan_of(line);
    enum sip_hdr id = sip__header_at(scan.p, scan.end, &n);
    if (id == SIP_HDR_OTHER)
        return;
    struct sr_str name;
    assert_true(sip_scan_token(&scan, &name));
    assert_int_equal(name.n, n);
    assert_int_equal(*scan.p, ':');
    assert_int_equal(sip_header_of(name), id);
}

/* What is found at a line is the header of its name; every short name of the table is found there. */
static void headers_at_a_line_are_those_of_their_name(void **state)
{
    (void)state;
    static const char *const samples[] = {
        "Via: SIP/2.0/UDP h",   "Call-ID: 1234567890", "Content-Length: 123", "v:SIP/2.0/UDP h;b=c",
        "Session-Expires:1800", "CSeq : 1 INVITE 123", "Unknown: 0123456789", "@: 012345678901234"};
    compare_changed(samples, SR_ARRAY_LEN(samples), compare_header);
    for (unsigned id = 1; id < SIP_HDR_COUNT; id++) {
        char line[64];
        size_t n = 0;
        struct sr_str name = sr_str_c(sip_header_name((enum sip_hdr)id));
        memset(line, ' ', sizeof line);
        memcpy(line, name.p, name.n);
        line[name.n] = ':';
        assert_int_equal(sip__header_at(line, line + sizeof line, &n),
                         name.n < SIP__SPAN ? id : SIP_HDR_OTHER);
        assert_int_equal(sip__header_at(line, line + SIP__SPAN - 1, &n), SIP_HDR_OTHER);
    }
}

int run_span(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vector_and_plain_agree_at_every_boundary),
        cmocka_unit_test(vector_and_plain_agree_on_random_text),
        cmocka_unit_test(near_comparison_sees_each_octet),
        cmocka_unit_test(classes_follow_their_definition),
        cmocka_unit_test(inline_parameters_are_those_of_the_scanner),
        cmocka_unit_test(inline_hosts_are_those_of_the_scanner),
        cmocka_unit_test(headers_at_a_line_are_those_of_their_name),
    };
    return cmocka_run_group_tests_name("span", tests, NULL, NULL);
}
