/* Digest: who is it? A wrong name, a wrong password and a wrong place look and last the same. */
#include "base/alloc.h"
#include "base/log.h"
#include "ua/internal.h"

enum {
    SECRET_EXTENSION_MD5,
    SECRET_EXTENSION_SHA256,
    SECRET_ID_MD5,
    SECRET_ID_SHA256,
};

enum {
    SOURCE_TEXT_MAX = SR_ADDR_TEXT_MAX + 8
};

void ua__slot_secrets(struct ua *ua, struct ua_slot *slot)
{
    const struct ua_device *device = slot->device;
    struct sr_str realm = ua->settings.realm;

    if (device->password.n == 0) {
        if (device->ha1.n == 2 * SR_MD5_BYTES)
            (void)sr_str_copy(device->ha1, slot->ha1[SECRET_EXTENSION_MD5], DIGEST_HEX_MAX);
        return;
    }
    digest_ha1(DIGEST_MD5, device->extension, realm, device->password,
               slot->ha1[SECRET_EXTENSION_MD5]);
    digest_ha1(DIGEST_SHA256, device->extension, realm, device->password,
               slot->ha1[SECRET_EXTENSION_SHA256]);
    digest_ha1(DIGEST_MD5, device->id, realm, device->password, slot->ha1[SECRET_ID_MD5]);
    digest_ha1(DIGEST_SHA256, device->id, realm, device->password, slot->ha1[SECRET_ID_SHA256]);
}

static struct sr_str source_text(const struct net_flow *flow, char out[SOURCE_TEXT_MAX])
{
    char addr[SR_ADDR_TEXT_MAX];
    struct sr_buf buf;

    sr_buf_init_fixed(&buf, out, SOURCE_TEXT_MAX);
    sr_buf_fmt(&buf, "%s %s", net_kind_name(flow->kind), sr_addr_text(&flow->remote, addr));
    return sr_str_make(out, buf.len);
}

static void add_challenge(struct ua_in *in, struct sip_build *build,
                          enum digest_algorithm algorithm, bool is_stale)
{
    struct ua *ua = in->ua;
    char nonce[DIGEST_NONCE_TEXT_MAX];
    char source[SOURCE_TEXT_MAX];
    char array[1024];
    struct sr_buf buf;
    struct digest_challenge challenge = {
        .realm = ua->settings.realm,
        .algorithm = algorithm,
        .qop = DIGEST_QOP_AUTH,
        .is_stale = is_stale,
    };

    digest_nonce_make(&ua->secret, ua__now(ua), source_text(in->flow, source), ua->nonce_salt++,
                      nonce);
    challenge.nonce = sr_str_c(nonce);
    sr_buf_init_fixed(&buf, array, sizeof(array));
    digest_challenge_write(&challenge, &buf);
    sip_build_text(build, SIP_HDR_WWW_AUTHENTICATE, sr_buf_view(&buf));
}

void ua__challenge(struct ua_in *in, bool is_stale)
{
    struct ua *ua = in->ua;
    struct sip_build build;

    ua->stats.challenges++;
    ua__stateless_begin(in, &build, 401, SR_STR(""));
    if (ua->settings.use_sha256) /* the stronger one first (RFC 8760 2.3) */
        add_challenge(in, &build, DIGEST_SHA256, is_stale);
    if (!ua->settings.is_md5_off)
        add_challenge(in, &build, DIGEST_MD5, is_stale);
    if (sip_build_end(&build, SR_STR(""), SR_STR("")) == SR_OK)
        ua__reply_send(in, &build);
}

/* Credentials for our realm. NOTFOUND: none; SYNTAX: broken ones. */
static enum sr_err find_credentials(struct ua_in *in, struct digest_credentials *ret_credentials)
{
    struct sip_values values = sip_msg_values(in->msg, SIP_HDR_AUTHORIZATION);
    struct sr_str value;
    enum sr_err worst = SR_ERR_NOTFOUND;

    while (sip_values_next(&values, &value)) {
        enum sr_err err = digest_credentials_parse(value, ret_credentials);

        if (err == SR_OK && sr_str_eq(ret_credentials->realm, in->ua->settings.realm))
            return SR_OK;
        if (err == SR_ERR_SYNTAX || err == SR_ERR_LIMIT)
            worst = SR_ERR_SYNTAX;
    }
    return worst;
}

/* Does the digest's uri mean the Request-URI? Phones leave out user, port and parameters. */
static bool is_same_target(struct ua_in *in, struct sr_str text)
{
    const struct sip_uri *target = sip_msg_uri(in->msg);
    struct sip_uri uri;

    if (target == NULL || sip_uri_parse(text, &uri, NULL) != SR_OK)
        return false;
    if (target->scheme == SIP_SCHEME_TEL || uri.scheme == SIP_SCHEME_TEL)
        return sip_uri_eq(target, &uri);
    if (uri.scheme != SIP_SCHEME_SIP && uri.scheme != SIP_SCHEME_SIPS)
        return false;
    if (uri.has_user && !sr_str_eq(uri.user, target->user))
        return false;
    return sr_str_ieq(uri.host, target->host) || ua__host_is_ours(in->ua, in->flow, &uri);
}

/* The device of a user name and what its password hashes to; never fails, so that time is silent. */
static struct ua_slot *find_user(struct ua *ua, struct sr_str user, bool is_sha256,
                                 struct sr_str *ret_ha1)
{
    struct ua_slot *by_extension = sr_map_find(&ua->slots_by_extension, user);
    struct ua_slot *by_id = sr_map_find(&ua->slots_by_id, user);
    struct ua_slot *slot = by_extension != NULL ? by_extension : by_id;
    const char *ha1 = ua->dummy_ha1[is_sha256];

    if (slot != NULL) {
        const char *known = slot->ha1[(by_extension != NULL ? 0 : 2) + (is_sha256 ? 1 : 0)];

        if (known[0] != '\0')
            ha1 = known;
        else
            slot = NULL;
    }
    *ret_ha1 = sr_str_c(ha1);
    return slot;
}

static enum ua_auth fail(struct ua_in *in, struct sr_str user)
{
    char source[SR_ADDR_TEXT_MAX];
    char name[64];

    in->ua->stats.auth_failures++;
    sr_log(SIP, INFO, "event=auth_failed source=%s user=%s method=%s",
           sr_addr_text(&in->flow->remote, source), sr_log_quote(user, name, sizeof(name)),
           sip_method_name(in->msg->method));
    ban__failure(in->ua->ban, &in->flow->remote, user);
    ua__challenge(in, false);
    return UA_AUTH_ANSWERED;
}

static enum ua_auth verify(struct ua_in *in, const struct digest_credentials *credentials,
                           struct ua_slot **ret_slot)
{
    struct ua *ua = in->ua;
    bool is_sha256 =
        credentials->algorithm == DIGEST_SHA256 || credentials->algorithm == DIGEST_SHA256_SESS;
    struct digest_check check = {
        .realm = ua->settings.realm,
        .method = in->msg->method_text,
        .body = in->msg->body,
        .algorithms = ua->settings.is_md5_off ? 0 : 1u << DIGEST_MD5,
        .is_qop_required = true,
    };
    struct ua_slot *slot = find_user(ua, credentials->username, is_sha256, &check.ha1);
    bool is_right;

    if (ua->settings.use_sha256)
        check.algorithms |= 1u << DIGEST_SHA256;
    is_right = digest_verify(credentials, &check) == SR_OK && slot != NULL;
    if (is_right && slot->device->expected != NULL)
        is_right = sr_cidr_has(slot->device->expected, &in->flow->remote);
    if (!is_right)
        return fail(in, credentials->username);
    ban__success(ua->ban, &in->flow->remote, credentials->username);
    *ret_slot = slot;
    if (!digest_nc_accept(&ua->nc, credentials->nonce, credentials->nc))
        return UA_AUTH_AGAIN;
    return UA_AUTH_OK;
}

enum ua_auth ua__authenticate(struct ua_in *in, struct ua_slot **ret_slot)
{
    struct ua *ua = in->ua;
    struct digest_credentials credentials;
    char source[SOURCE_TEXT_MAX];
    enum sr_err err = find_credentials(in, &credentials);

    if (err == SR_ERR_SYNTAX) {
        ua__refuse(in, 400, &(struct ua_refusal){.reason = SR_STR("Malformed Authorization")});
        return UA_AUTH_ANSWERED;
    }
    if (err != SR_OK) {
        ua__challenge(in, false);
        return UA_AUTH_ANSWERED;
    }
    if (ban__has_user(ua->ban, &in->flow->remote, credentials.username) &&
        !ua__is_emergency(in, credentials.username)) {
        ua->stats.dropped_banned++;
        return UA_AUTH_ANSWERED;
    }
    switch (digest_nonce_check(&ua->secret, credentials.nonce, source_text(in->flow, source),
                               ua__now(ua))) {
    case DIGEST_NONCE_OK:
        break;
    case DIGEST_NONCE_STALE:
    case DIGEST_NONCE_MOVED:
        ua__challenge(in, true);
        return UA_AUTH_ANSWERED;
    case DIGEST_NONCE_FOREIGN:
        ua__challenge(in, false);
        return UA_AUTH_ANSWERED;
    }
    if (!is_same_target(in, credentials.uri)) {
        ua__refuse(in, 400,
                   &(struct ua_refusal){.reason = SR_STR("Digest URI is not the Request-URI")});
        return UA_AUTH_ANSWERED;
    }
    return verify(in, &credentials, ret_slot);
}
