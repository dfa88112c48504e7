/* Digest: challenges are answered and the answer verifies; credentials parse or are refused. */
#include "sip/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_challenge(struct sr_str text)
{
    struct digest_challenge challenge;
    struct digest_credentials credentials;
    char out[3 * DIGEST_TEXT_MAX];
    struct sr_buf buf;
    if (digest_challenge_parse(text, &challenge))
        return;
    struct digest_answer answer = {
        .username = SR_STR("user"),
        .password = SR_STR("secret"),
        .method = SR_STR("REGISTER"),
        .uri = SR_STR("sip:example.com"),
        .cnonce = SR_STR("0123456789abcdef"),
        .nc = 1,
    };
    sr_buf_init_fixed(&buf, out, sizeof(out));
    if (digest_answer_write(&challenge, &answer, &buf))
        return;
    SR_ASSERT(!memchr(out, '\n', buf.len) && !memchr(out, '\r', buf.len));
    enum sr_err err = digest_credentials_parse(sr_buf_view(&buf), &credentials);
    SR_ASSERT(err == SR_OK || (err == SR_ERR_LIMIT && buf.len > DIGEST_TEXT_MAX));
    if (err)
        return;
    struct digest_check check = {
        .realm = challenge.realm,
        .password = answer.password,
        .method = answer.method,
        .algorithms = ~0u,
    };
    SR_ASSERT(digest_verify(&credentials, &check) == SR_OK);
    check.password = SR_STR("Secret");
    SR_ASSERT(digest_verify(&credentials, &check) == SR_ERR_AUTH);
}

static void try_credentials(struct sr_str text)
{
    static const struct digest_secret secret = {{1}};
    struct digest_credentials credentials;
    struct digest_nc_set sets[2];
    struct digest_nc_table table;
    if (digest_credentials_parse(text, &credentials))
        return;
    struct digest_check check = {
        .realm = SR_STR("example.com"),
        .password = SR_STR("secret"),
        .method = SR_STR("REGISTER"),
        .algorithms = ~0u,
    };
    (void)!digest_verify(&credentials, &check); /* either result is fine */
    digest_nc_init(&table, sets, 2);
    if (digest_nonce_check(&secret, credentials.nonce, SR_STR("192.0.2.1:5060"), SR_SEC) ==
        DIGEST_NONCE_OK)
        (void)digest_nc_accept(&table, credentials.nonce, credentials.nc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sr_str text = sr_str_make((const char *)data, size);
    try_challenge(text);
    try_credentials(text);
    return 0;
}
