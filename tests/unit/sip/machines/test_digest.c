/* Digest: vectors of RFC 2617 and RFC 7616 (others computed apart), parsing, nonces, nc. */
#include "sip/digest.h"

#include "machines.h"

#define RFC2617_NONCE "dcd98b7102dd2f0e8b11d0f600bfb0c093"
#define RFC7616_NONCE "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
#define RFC7616_CNONCE "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"

struct vector {
    enum digest_algorithm algorithm;
    enum digest_qop qop;
    const char *realm, *password, *nonce, *cnonce, *method, *uri, *body, *response;
};

static const struct vector vectors[] = {
    {DIGEST_MD5, DIGEST_QOP_AUTH, "testrealm@host.com", "Circle Of Life", RFC2617_NONCE, "0a4f113b",
     "GET", "/dir/index.html", "", "6629fae49393a05397450978507c4ef1"},
    {DIGEST_MD5, DIGEST_QOP_NONE, "testrealm@host.com", "Circle Of Life", RFC2617_NONCE, "", "GET",
     "/dir/index.html", "", "670fd8c2df070c60b045671b8b24ff02"},
    {DIGEST_MD5, DIGEST_QOP_AUTH_INT, "testrealm@host.com", "Circle Of Life", RFC2617_NONCE,
     "0a4f113b", "INVITE", "sip:bob@biloxi.com", "v=0\r\n", "45db95e93ecd6b465210c289844d11df"},
    {DIGEST_MD5_SESS, DIGEST_QOP_AUTH, "testrealm@host.com", "Circle Of Life", RFC2617_NONCE,
     "0a4f113b", "GET", "/dir/index.html", "", "8e3825c57e897f5a0dec6c2d4e5059d0"},
    {DIGEST_SHA256_SESS, DIGEST_QOP_AUTH, "testrealm@host.com", "Circle Of Life", RFC2617_NONCE,
     "0a4f113b", "GET", "/dir/index.html", "",
     "b8822e12417cb7750f4e2b8515f0dcf25b7dd26993e80bee1426201446a7f59b"},
    {DIGEST_MD5, DIGEST_QOP_AUTH, "http-auth@example.org", "Circle of Life", RFC7616_NONCE,
     RFC7616_CNONCE, "GET", "/dir/index.html", "", "8ca523f5e9506fed4657c9700eebdbec"},
    {DIGEST_SHA256, DIGEST_QOP_AUTH, "http-auth@example.org", "Circle of Life", RFC7616_NONCE,
     RFC7616_CNONCE, "GET", "/dir/index.html", "",
     "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"},
};

static struct digest_challenge challenge_of(const struct vector *v)
{
    struct digest_challenge challenge = {
        .realm = sr_str_c(v->realm),
        .nonce = sr_str_c(v->nonce),
        .opaque = SR_STR("FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"),
        .has_opaque = true,
        .algorithm = v->algorithm,
        .qop = v->qop,
    };
    return challenge;
}

/* Our client writes what the RFCs print, our server reads it and agrees; any wrong part is refused. */
static void both_sides_agree_with_the_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(vectors); i++) {
        const struct vector *v = &vectors[i];
        char text[1024];
        struct sr_buf buf;
        struct digest_challenge challenge = challenge_of(v);
        struct digest_challenge read_back;
        sr_buf_init_fixed(&buf, text, sizeof(text));
        digest_challenge_write(&challenge, &buf);
        assert_int_equal(digest_challenge_parse(sr_buf_view(&buf), &read_back), SR_OK);
        assert_int_equal(read_back.qop, v->qop);
        assert_int_equal(read_back.algorithm, v->algorithm);

        struct digest_answer answer = {
            .username = SR_STR("Mufasa"),
            .password = sr_str_c(v->password),
            .method = sr_str_c(v->method),
            .uri = sr_str_c(v->uri),
            .body = sr_str_c(v->body),
            .cnonce = sr_str_c(v->cnonce),
            .nc = 1,
        };
        char text2[1024];
        struct sr_buf buf2;
        sr_buf_init_fixed(&buf2, text2, sizeof(text2));
        assert_int_equal(digest_answer_write(&read_back, &answer, &buf2), SR_OK);
        struct digest_credentials credentials;
        assert_int_equal(digest_credentials_parse(sr_buf_view(&buf2), &credentials), SR_OK);
        assert_true(sr_str_eq_c(credentials.response, v->response));
        assert_int_equal(credentials.nc, v->qop ? 1 : 0);

        struct digest_check check = {
            .realm = sr_str_c(v->realm),
            .password = sr_str_c(v->password),
            .method = sr_str_c(v->method),
            .body = sr_str_c(v->body),
            .algorithms = 1u << v->algorithm,
        };
        assert_int_equal(digest_verify(&credentials, &check), SR_OK);
        char ha1[DIGEST_HEX_MAX];
        digest_ha1(v->algorithm, SR_STR("Mufasa"), check.realm, check.password, ha1);
        check.ha1 = sr_str_c(ha1);
        check.password = SR_STR("wrong");
        assert_int_equal(digest_verify(&credentials, &check), SR_OK);
        check.ha1 = SR_STR("");
        assert_int_equal(digest_verify(&credentials, &check), SR_ERR_AUTH);
        check.password = sr_str_c(v->password);
        check.method = SR_STR("BYE");
        assert_int_equal(digest_verify(&credentials, &check), SR_ERR_AUTH);
        check.method = sr_str_c(v->method);
        check.algorithms = ~(1u << v->algorithm);
        assert_int_equal(digest_verify(&credentials, &check), SR_ERR_AUTH);
        check.algorithms = ~0u;
        check.realm = SR_STR("elsewhere");
        assert_int_equal(digest_verify(&credentials, &check), SR_ERR_AUTH);
        check.realm = sr_str_c(v->realm);
        check.is_qop_required = true;
        assert_int_equal(digest_verify(&credentials, &check), v->qop ? SR_OK : SR_ERR_AUTH);
    }
}

#define GOOD_RESPONSE "response=\"6629fae49393a05397450978507c4ef1\""

static void credentials_are_read_in_any_order_and_form(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum sr_err err;
    } rows[] = {
        {"Digest username=\"a\",realm=\"r\",nonce=\"n\",uri=\"sip:x\"," GOOD_RESPONSE, SR_OK},
        {"digest " GOOD_RESPONSE
         " , uri = \"sip:x\",\r\n nonce=\"n\", realm=\"r\", x=y, username=\"a\"",
         SR_OK},
        {"Digest username=\"a\\\"b\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", " GOOD_RESPONSE
         ", qop=auth, nc=0000000A, cnonce=\"c\", algorithm=\"MD5\"",
         SR_OK},
        {"Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"sip:x\"", SR_ERR_SYNTAX},
        {"Digest username=\"a\", username=\"b\", realm=\"r\", nonce=\"n\", "
         "uri=\"sip:x\", " GOOD_RESPONSE,
         SR_ERR_SYNTAX},
        {"Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", " GOOD_RESPONSE
         ", qop=auth",
         SR_ERR_SYNTAX},
        {"Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", " GOOD_RESPONSE
         ", qop=auth, nc=1, cnonce=\"c\"",
         SR_ERR_SYNTAX},
        {"Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", " GOOD_RESPONSE
         ", qop=\"auth,auth-int\", nc=00000001, cnonce=\"c\"",
         SR_ERR_SYNTAX},
        {"Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", response=\"abc\"",
         SR_ERR_SYNTAX},
        {"Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", " GOOD_RESPONSE
         ", algorithm=SHA-512-256",
         SR_ERR_UNSUPPORTED},
        {"Digest username=\"a, realm=\"r\"", SR_ERR_SYNTAX},
        {"Digest username=\"a", SR_ERR_SYNTAX},
        {"Digest username=\"a\\", SR_ERR_SYNTAX},
        {"Digest", SR_ERR_SYNTAX},
        {"Digest ,", SR_ERR_SYNTAX},
        {"Basic QWxhZGRpbg==", SR_ERR_UNSUPPORTED},
        {"", SR_ERR_SYNTAX},
    };
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++) {
        struct digest_credentials credentials;
        assert_int_equal(digest_credentials_parse(sr_str_c(rows[i].text), &credentials),
                         rows[i].err);
    }
}

static void challenges_are_read(void **state)
{
    (void)state;
    struct digest_challenge c;
    assert_int_equal(
        digest_challenge_parse(
            SR_STR("Digest realm=\"a\", nonce=\"n\", qop=\"auth, auth-int\", STALE=TRUE"), &c),
        SR_OK);
    assert_int_equal(c.qop, DIGEST_QOP_AUTH | DIGEST_QOP_AUTH_INT);
    assert_int_equal(c.algorithm, DIGEST_MD5);
    assert_true(c.is_stale);
    assert_int_equal(digest_challenge_parse(SR_STR("Digest realm=\"a\""), &c), SR_ERR_SYNTAX);
    assert_int_equal(digest_challenge_parse(SR_STR("Digest realm=a, nonce=\"\""), &c),
                     SR_ERR_SYNTAX);
    assert_int_equal(digest_challenge_parse(SR_STR("Digest realm=a, nonce=n, qop=token"), &c),
                     SR_ERR_UNSUPPORTED);
}

static void prefixes_never_crash(void **state)
{
    (void)state;
    static const char text[] =
        "Digest username=\"bob\\\"s\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", "
        "qop=auth, nc=00000001, cnonce=\"c\", opaque=\"o\", algorithm=MD5, " GOOD_RESPONSE;
    for (size_t n = 0; n < sizeof(text) - 1; n++) {
        char *copy = test_malloc(n + 1); /* the allocator notices reads beyond */
        struct digest_credentials credentials;
        memcpy(copy, text, n);
        assert_int_not_equal(digest_credentials_parse(sr_str_make(copy, n), &credentials), SR_OK);
        test_free(copy);
    }
}

static void nothing_escapes_a_quoted_value(void **state)
{
    (void)state;
    struct digest_challenge challenge = {.realm = SR_STR("a\"\r\nX: y\\"), .nonce = SR_STR("n")};
    struct digest_answer answer = {.username = SR_STR("a\"b"), .uri = SR_STR("sip:x")};
    char text[512];
    struct sr_buf buf;
    sr_buf_init_fixed(&buf, text, sizeof(text));
    digest_challenge_write(&challenge, &buf);
    assert_true(
        sr_str_eq_c(sr_buf_view(&buf), "Digest realm=\"aX: y\", nonce=\"n\", algorithm=MD5"));
    challenge.realm = SR_STR("r");
    sr_buf_clear(&buf);
    assert_int_equal(digest_answer_write(&challenge, &answer, &buf), SR_ERR_SYNTAX);
    answer.username = SR_STR("ab");
    answer.uri = SR_STR("sip:x\r\nEvil: 1");
    assert_int_equal(digest_answer_write(&challenge, &answer, &buf), SR_ERR_SYNTAX);
    assert_int_equal(buf.len, 0);
    answer.uri = SR_STR("sip:x");
    challenge.qop = DIGEST_QOP_AUTH;
    assert_int_equal(digest_answer_write(&challenge, &answer, &buf), SR_ERR_STATE); /* no cnonce */
}

static void nonce_lives_five_minutes_at_one_source(void **state)
{
    (void)state;
    const struct digest_secret secret = {{1, 2, 3}};
    const struct digest_secret other = {{1, 2, 4}};
    const struct sr_str home = SR_STR("192.0.2.1:5060/udp");
    char text[DIGEST_NONCE_TEXT_MAX];
    char twin[DIGEST_NONCE_TEXT_MAX];
    digest_nonce_make(&secret, 7 * SR_SEC, home, 1, text);
    digest_nonce_make(&secret, 7 * SR_SEC, home, 2, twin);
    struct sr_str nonce = sr_str_c(text);
    assert_false(sr_str_eq_c(nonce, twin));
    assert_int_equal(digest_nonce_check(&secret, nonce, home, 7 * SR_SEC), DIGEST_NONCE_OK);
    assert_int_equal(digest_nonce_check(&secret, nonce, home, 307 * SR_SEC), DIGEST_NONCE_OK);
    assert_int_equal(digest_nonce_check(&secret, nonce, home, 307 * SR_SEC + 1),
                     DIGEST_NONCE_STALE);
    assert_int_equal(digest_nonce_check(&secret, nonce, home, 6 * SR_SEC), DIGEST_NONCE_STALE);
    assert_int_equal(digest_nonce_check(&secret, nonce, SR_STR("192.0.2.1:5061/udp"), 8 * SR_SEC),
                     DIGEST_NONCE_MOVED);
    assert_int_equal(digest_nonce_check(&other, nonce, home, 8 * SR_SEC), DIGEST_NONCE_FOREIGN);
    assert_int_equal(digest_nonce_check(&secret, SR_STR("abc"), home, 8), DIGEST_NONCE_FOREIGN);
    for (size_t i = 0; i < nonce.n; i++) { /* every digit counts */
        char bent[DIGEST_NONCE_TEXT_MAX];
        memcpy(bent, text, sizeof(bent));
        bent[i] = bent[i] == '0' ? '1' : '0';
        assert_int_not_equal(digest_nonce_check(&secret, sr_str_c(bent), home, 8 * SR_SEC),
                             DIGEST_NONCE_OK);
    }
}

static void nc_must_rise_and_forgotten_nonces_stay_refused(void **state)
{
    (void)state;
    const struct digest_secret secret = {{9}};
    struct digest_nc_set sets[1];
    struct digest_nc_table table;
    char nonces[DIGEST_NC_WAYS + 1][DIGEST_NONCE_TEXT_MAX];
    digest_nc_init(&table, sets, 1);
    for (uint32_t i = 0; i <= DIGEST_NC_WAYS; i++)
        digest_nonce_make(&secret, (sr_usec)i * SR_SEC, SR_STR("s"), i, nonces[i]);
    assert_false(digest_nc_accept(&table, sr_str_c(nonces[0]), 0));
    assert_true(digest_nc_accept(&table, sr_str_c(nonces[0]), 1));
    assert_false(digest_nc_accept(&table, sr_str_c(nonces[0]), 1));
    assert_true(digest_nc_accept(&table, sr_str_c(nonces[0]), 5));
    assert_false(digest_nc_accept(&table, sr_str_c(nonces[0]), 4));
    for (size_t i = 1; i < DIGEST_NC_WAYS; i++)
        assert_true(digest_nc_accept(&table, sr_str_c(nonces[i]), 1));
    assert_true(digest_nc_accept(&table, sr_str_c(nonces[DIGEST_NC_WAYS]), 1));
    assert_false(digest_nc_accept(&table, sr_str_c(nonces[0]), 6)); /* forgotten, not fresh */
    assert_false(digest_nc_accept(&table, sr_str_c(nonces[1]), 1));
    assert_true(digest_nc_accept(&table, sr_str_c(nonces[1]), 2));
}

int run_digest_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_agree_with_the_vectors),
        cmocka_unit_test(credentials_are_read_in_any_order_and_form),
        cmocka_unit_test(challenges_are_read),
        cmocka_unit_test(prefixes_never_crash),
        cmocka_unit_test(nothing_escapes_a_quoted_value),
        cmocka_unit_test(nonce_lives_five_minutes_at_one_source),
        cmocka_unit_test(nc_must_rise_and_forgotten_nonces_stay_refused),
    };
    return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
