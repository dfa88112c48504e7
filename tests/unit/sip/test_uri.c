#include "test.h"

static struct sip_uri parsed(const char *text)
{
    struct sip_uri uri;
    struct sip_diag diag;
    if (sip_uri_parse(sr_str_c(text), &uri, &diag) != SR_OK)
        fail_msg("%s: %s at %zu", text, diag.why, diag.offset);
    return uri;
}

static void parts_are_found(void **state)
{
    (void)state;
    struct sr_str value;
    char user[64];
    struct sip_uri uri =
        parsed("sips:a%40b;x=y:p%20w@[2001:DB8::1]:5061;Transport=TCP;lr?Subject=a&X=b%20c");
    assert_int_equal(uri.scheme, SIP_SCHEME_SIPS);
    assert_str(uri.user, "a%40b;x=y");
    assert_str(uri.password, "p%20w");
    assert_str(uri.host, "2001:DB8::1");
    assert_true(uri.is_ip6);
    assert_int_equal(uri.port, 5061);
    assert_true(sip_uri_param(&uri, "transport", &value));
    assert_str(value, "TCP");
    assert_true(sip_uri_is_lr(&uri));
    assert_true(sip_uri_header(&uri, "x", &value));
    assert_str(value, "b%20c");
    assert_str(sip_uri_user(&uri, user, sizeof user), "a@b;x=y");
    uri = parsed("tel:+1-201-555-0123;phone-context=a");
    assert_str(uri.opaque, "+1-201-555-0123");
    uri = parsed("urn:service:sos");
    assert_str(uri.opaque, "service:sos");
    uri = parsed("sip:[2001:db8::10:5070]");
    assert_int_equal(uri.port, 0);
}

static void escaped_controls_stay_escaped(void **state)
{
    (void)state;
    char user[64];
    struct sip_uri uri = parsed("sip:a%00b%0D%0Ac@x");
    assert_str(sip_uri_user(&uri, user, sizeof user), "a%00b%0D%0Ac");
    assert_null(sip_uri_user(&uri, user, 5).p);
}

static void bad_ones_are_refused(void **state)
{
    (void)state;
    const char *bad[] = {"",
                         "sip:",
                         "sip:@x",
                         "alice@example.com",
                         "sip:a b@x",
                         "sip:a@x:",
                         "sip:a@x:0",
                         "sip:a@x:65536",
                         "sip:a@2001:db8::1",
                         "sip:a@[2001:db8::1",
                         "sip:a@[192.0.2.1]",
                         "sip:a@[fe80::1%25eth0]",
                         "sip:a%4@x",
                         "sip:a%zz@x",
                         "sip:a@x;;lr",
                         "sip:a@x;",
                         "sip:a@x?",
                         "sip:a@x?=b",
                         "sip:a@x<y",
                         "<sip:a@x>",
                         "tel:",
                         "tel:abcxyz",
                         "http://a b",
                         "1sip:a@x"};
    for (size_t i = 0; i < SR_ARRAY_LEN(bad); i++) {
        struct sip_uri uri;
        if (sip_uri_parse(sr_str_c(bad[i]), &uri, NULL) == SR_OK)
            fail_msg("%s was taken", bad[i]);
    }
}

/* RFC 3261 19.1.4 */
static void equality_follows_the_rfc(void **state)
{
    (void)state;
    static const struct {
        const char *a;
        const char *b;
        bool same;
    } rows[] = {
        {"sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp", true},
        {"sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true},
        {"sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on", true},
        {"sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
         "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com", true},
        {"sip:alice@atlanta.com?subject=project%20x&priority=urgent",
         "sip:alice@atlanta.com?priority=urgent&subject=project%20x", true},
        {"SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false},
        {"sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false},
        {"sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false},
        {"sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false},
        {"sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false},
        {"sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false},
        {"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false},
        {"sip:a@x", "sips:a@x", false},
        {"sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0::1]", true},
        {"sip:a%3Bb@x", "sip:a;b@x", false},
        {"tel:+1-201-555", "tel:+1201.555", true},
        {"tel:123;phone-context=a", "tel:123;phone-context=b", false},
        {"tel:123", "tel:123;phone-context=b", false},
        {"urn:a:b", "URN:a:b", true},
        {"urn:a:b", "urn:a:B", false},
    };
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        struct sip_uri a = parsed(rows[i].a);
        struct sip_uri b = parsed(rows[i].b);
        if (sip_uri_eq(&a, &b) != rows[i].same || sip_uri_eq(&b, &a) != rows[i].same)
            fail_msg("%s and %s", rows[i].a, rows[i].b);
    }
}

/* Comparing every parameter with every other takes 90 ms for two URIs that fit into a message. */
static void endless_parameters_are_not_compared_one_by_one(void **state)
{
    char few[512] = "sip:a@b", other[512] = "sip:a@b", many[4096] = "sip:a@b",
         more[4096] = "sip:a@b";
    (void)state;
    for (size_t n = 7; n < 4090; n += 2) {
        if (n < 7 + 2 * SIP_URI_PARTS_MAX) {
            memcpy(few + n, ";x", 2);
            memcpy(other + n, ";y", 2);
        }
        memcpy(many + n, ";x", 2);
        memcpy(more + n, ";y", 2);
    }
    struct sip_uri a = parsed(few), b = parsed(other), x = parsed(many), y = parsed(more);
    assert_true(sip_uri_eq(&a, &b));
    assert_true(sip_uri_eq(&x, &x));
    assert_false(sip_uri_eq(&x, &y));
    assert_false(sip_uri_eq(&a, &x));
}

static void writing_escapes_what_would_break_out(void **state)
{
    (void)state;
    char bytes[128];
    struct sr_buf buf;
    struct sip_uri uri = {.scheme = SIP_SCHEME_SIP,
                          .user = SR_STR("a@b\r\n<%41"),
                          .has_user = true,
                          .host = SR_STR("x>\r\n"),
                          .port = 5070,
                          .params = SR_STR(";lr;x=\">")};
    sr_buf_init_fixed(&buf, bytes, sizeof bytes);
    sip_uri_write(&buf, &uri);
    assert_str(sr_buf_view(&buf), "sip:a%40b%0D%0A%3C%41@x:5070;lr;x=%22%3E");
    sr_buf_clear(&buf);
    uri = parsed("sips:a:b@[::1]:5061;lr?x=y");
    sip_uri_write(&buf, &uri);
    assert_str(sr_buf_view(&buf), "sips:a:b@[::1]:5061;lr?x=y");
}

int run_uri(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_found),
        cmocka_unit_test(escaped_controls_stay_escaped),
        cmocka_unit_test(bad_ones_are_refused),
        cmocka_unit_test(equality_follows_the_rfc),
        cmocka_unit_test(endless_parameters_are_not_compared_one_by_one),
        cmocka_unit_test(writing_escapes_what_would_break_out),
    };
    return cmocka_run_group_tests_name("uri", tests, NULL, NULL);
}
