#include "sip/digest.h"

#include "base/alloc.h"

static const struct {
    const char *name;
    size_t hex_len;
    bool is_sha256;
    bool is_sess;
} algorithms[DIGEST_ALGORITHM_COUNT] = {
    [DIGEST_MD5] = {"MD5", 32, false, false},
    [DIGEST_MD5_SESS] = {"MD5-sess", 32, false, true},
    [DIGEST_SHA256] = {"SHA-256", 64, true, false},
    [DIGEST_SHA256_SESS] = {"SHA-256-sess", 64, true, true},
};

const char *digest_algorithm_name(enum digest_algorithm algorithm)
{
    return (unsigned)algorithm < DIGEST_ALGORITHM_COUNT ? algorithms[algorithm].name : "?";
}

static enum digest_algorithm algorithm_of(struct sr_str name)
{
    for (int i = 0; i < DIGEST_ALGORITHM_COUNT; i++)
        if (sr_str_ieq_c(name, algorithms[i].name))
            return (enum digest_algorithm)i;
    return DIGEST_ALGORITHM_COUNT;
}

/* --- parameters ------------------------------------------------------------------------------ */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n'; /* folds were checked by the message */
}

static bool is_token_char(char c)
{
    return sr_is_alpha(c) || sr_is_digit(c) || (c && strchr("-.!%*_+`'~", c));
}

static void skip_blanks(struct sr_str *rest)
{
    while (rest->n && is_blank(rest->p[0]))
        *rest = sr_str_from(*rest, 1);
}

static struct sr_str take_token(struct sr_str *rest)
{
    size_t n = 0;
    while (n < rest->n && is_token_char(rest->p[n]))
        n++;
    struct sr_str token = sr_str_head(*rest, n);
    *rest = sr_str_from(*rest, n);
    return token;
}

/* Text between quotes, escapes kept; *rest begins at the first quote. */
static enum sr_err take_quoted(struct sr_str *rest, struct sr_str *ret_value)
{
    size_t i = 1;
    while (i < rest->n && rest->p[i] != '"') {
        unsigned char c = (unsigned char)rest->p[i];
        if (c == '\\')
            i++;
        else if (c == 0 || c == '\r' || c == '\n')
            return SR_ERR_SYNTAX;
        i++;
    }
    if (i >= rest->n)
        return SR_ERR_SYNTAX;
    *ret_value = sr_str_make(rest->p + 1, i - 1);
    *rest = sr_str_from(*rest, i + 1);
    return SR_OK;
}

enum param {
    PARAM_REALM,
    PARAM_NONCE,
    PARAM_OPAQUE,
    PARAM_DOMAIN,
    PARAM_ALGORITHM,
    PARAM_QOP,
    PARAM_STALE,
    PARAM_USERNAME,
    PARAM_URI,
    PARAM_RESPONSE,
    PARAM_CNONCE,
    PARAM_NC,
    PARAM_COUNT
};

static const char *const param_names[PARAM_COUNT] = {"realm",     "nonce",    "opaque", "domain",
                                                     "algorithm", "qop",      "stale",  "username",
                                                     "uri",       "response", "cnonce", "nc"};

struct params {
    struct sr_str value[PARAM_COUNT];
    bool has[PARAM_COUNT];
};

static enum sr_err keep_param(struct params *params, struct sr_str name, struct sr_str value)
{
    for (int i = 0; i < PARAM_COUNT; i++) {
        if (!sr_str_ieq_c(name, param_names[i]))
            continue;
        if (params->has[i])
            return SR_ERR_SYNTAX;
        params->has[i] = true;
        params->value[i] = value;
    }
    return SR_OK; /* unknown ones are ignored */
}

static enum sr_err parse_params(struct sr_str text, struct params *params)
{
    memset(params, 0, sizeof(*params));
    if (text.n > DIGEST_TEXT_MAX)
        return SR_ERR_LIMIT;
    skip_blanks(&text);
    struct sr_str scheme = take_token(&text);
    if (!sr_str_ieq_c(scheme, "Digest"))
        return scheme.n ? SR_ERR_UNSUPPORTED : SR_ERR_SYNTAX;
    if (!text.n || !is_blank(text.p[0]))
        return SR_ERR_SYNTAX;
    for (unsigned count = 0;;) {
        skip_blanks(&text);
        struct sr_str name = take_token(&text);
        struct sr_str value;
        enum sr_err err;
        skip_blanks(&text);
        if (!name.n || !text.n || text.p[0] != '=')
            return SR_ERR_SYNTAX;
        text = sr_str_from(text, 1);
        skip_blanks(&text);
        if (text.n && text.p[0] == '"') {
            err = take_quoted(&text, &value);
        } else {
            value = take_token(&text);
            err = value.n ? SR_OK : SR_ERR_SYNTAX;
        }
        if (!err)
            err = keep_param(params, name, value);
        if (err)
            return err;
        if (++count > DIGEST_PARAMS_MAX)
            return SR_ERR_LIMIT;
        skip_blanks(&text);
        if (!text.n)
            return SR_OK;
        if (text.p[0] != ',')
            return SR_ERR_SYNTAX;
        text = sr_str_from(text, 1);
    }
}

static unsigned qop_of(struct sr_str list)
{
    unsigned qop = DIGEST_QOP_NONE;
    struct sr_str part;
    while (sr_str_split(&list, ',', &part)) {
        part = sr_str_trim(part);
        if (sr_str_ieq_c(part, "auth"))
            qop |= DIGEST_QOP_AUTH;
        else if (sr_str_ieq_c(part, "auth-int"))
            qop |= DIGEST_QOP_AUTH_INT;
    }
    return qop;
}

enum sr_err digest_challenge_parse(struct sr_str text, struct digest_challenge *ret_challenge)
{
    struct params params;
    enum sr_err err = parse_params(text, &params);
    if (err)
        return err;
    if (!params.has[PARAM_REALM] || !params.has[PARAM_NONCE] || !params.value[PARAM_NONCE].n)
        return SR_ERR_SYNTAX;
    struct digest_challenge challenge = {
        .realm = params.value[PARAM_REALM],
        .nonce = params.value[PARAM_NONCE],
        .opaque = params.value[PARAM_OPAQUE],
        .has_opaque = params.has[PARAM_OPAQUE],
        .domain = params.value[PARAM_DOMAIN],
        .algorithm = DIGEST_MD5,
        .is_stale = sr_str_ieq_c(params.value[PARAM_STALE], "true"),
    };
    if (params.has[PARAM_ALGORITHM])
        challenge.algorithm = algorithm_of(params.value[PARAM_ALGORITHM]);
    if (params.has[PARAM_QOP])
        challenge.qop = qop_of(params.value[PARAM_QOP]);
    if (challenge.algorithm == DIGEST_ALGORITHM_COUNT ||
        (params.value[PARAM_QOP].n && challenge.qop == DIGEST_QOP_NONE))
        return SR_ERR_UNSUPPORTED;
    *ret_challenge = challenge;
    return SR_OK;
}

/* Exactly 8 hex digits. */
static enum sr_err parse_nc(struct sr_str text, uint32_t *ret_nc)
{
    uint32_t nc = 0;
    if (text.n != 8)
        return SR_ERR_SYNTAX;
    for (size_t i = 0; i < 8; i++) {
        int digit = sr_hex_value(text.p[i]);
        if (digit < 0)
            return SR_ERR_SYNTAX;
        nc = nc << 4 | (uint32_t)digit;
    }
    *ret_nc = nc;
    return SR_OK;
}

static bool is_hex(struct sr_str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (sr_hex_value(text.p[i]) < 0)
            return false;
    return true;
}

enum sr_err digest_credentials_parse(struct sr_str text, struct digest_credentials *ret_credentials)
{
    struct params params;
    enum sr_err err = parse_params(text, &params);
    if (err)
        return err;
    static const enum param needed[] = {PARAM_USERNAME, PARAM_REALM, PARAM_NONCE, PARAM_URI,
                                        PARAM_RESPONSE};
    for (size_t i = 0; i < SR_ARRAY_LEN(needed); i++)
        if (!params.has[needed[i]])
            return SR_ERR_SYNTAX;
    struct digest_credentials credentials = {
        .username = params.value[PARAM_USERNAME],
        .realm = params.value[PARAM_REALM],
        .nonce = params.value[PARAM_NONCE],
        .uri = params.value[PARAM_URI],
        .response = params.value[PARAM_RESPONSE],
        .algorithm = DIGEST_MD5,
        .has_algorithm = params.has[PARAM_ALGORITHM],
        .cnonce = params.value[PARAM_CNONCE],
        .opaque = params.value[PARAM_OPAQUE],
        .has_opaque = params.has[PARAM_OPAQUE],
        .nc_text = params.value[PARAM_NC],
    };
    if (credentials.has_algorithm)
        credentials.algorithm = algorithm_of(params.value[PARAM_ALGORITHM]);
    if (credentials.algorithm == DIGEST_ALGORITHM_COUNT)
        return SR_ERR_UNSUPPORTED;
    if (params.has[PARAM_QOP]) {
        struct sr_str qop = params.value[PARAM_QOP];
        credentials.qop = sr_str_find(qop, ',', 0) == qop.n ? qop_of(qop) : DIGEST_QOP_NONE;
        if (credentials.qop == DIGEST_QOP_NONE)
            return SR_ERR_SYNTAX;
        if (!params.value[PARAM_CNONCE].n || parse_nc(credentials.nc_text, &credentials.nc))
            return SR_ERR_SYNTAX;
    }
    if (credentials.response.n != algorithms[credentials.algorithm].hex_len ||
        !is_hex(credentials.response))
        return SR_ERR_SYNTAX;
    *ret_credentials = credentials;
    return SR_OK;
}

/* Between quotes: what could end the string, or the line, is left out. */
static void put_quoted(struct sr_buf *buf, const char *name, struct sr_str value)
{
    sr_buf_c(buf, name);
    sr_buf_c(buf, "=\"");
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if (c >= 0x20 && c != 0x7f && c != '"' && c != '\\')
            sr_buf_char(buf, value.p[i]);
    }
    sr_buf_char(buf, '"');
}

void digest_challenge_write(const struct digest_challenge *challenge, struct sr_buf *buf)
{
    put_quoted(buf, "Digest realm", challenge->realm);
    if (challenge->domain.n)
        put_quoted(buf, ", domain", challenge->domain);
    put_quoted(buf, ", nonce", challenge->nonce);
    if (challenge->has_opaque)
        put_quoted(buf, ", opaque", challenge->opaque);
    if (challenge->is_stale)
        sr_buf_c(buf, ", stale=true");
    sr_buf_fmt(buf, ", algorithm=%s", digest_algorithm_name(challenge->algorithm));
    if (challenge->qop == (DIGEST_QOP_AUTH | DIGEST_QOP_AUTH_INT))
        sr_buf_c(buf, ", qop=\"auth,auth-int\"");
    else if (challenge->qop)
        sr_buf_fmt(buf, ", qop=\"%s\"", challenge->qop == DIGEST_QOP_AUTH ? "auth" : "auth-int");
}

/* --- hashes ---------------------------------------------------------------------------------- */

struct hasher {
    bool is_sha256;
    bool is_started;
    struct sr_md5 md5;
    struct sr_sha256 sha;
};

static void hash_begin(struct hasher *hasher, enum digest_algorithm algorithm)
{
    SR_ASSERT((unsigned)algorithm < DIGEST_ALGORITHM_COUNT);
    hasher->is_sha256 = algorithms[algorithm].is_sha256;
    hasher->is_started = false;
    if (hasher->is_sha256)
        sr_sha256_init(&hasher->sha);
    else
        sr_md5_init(&hasher->md5);
}

static void hash_bytes(struct hasher *hasher, const void *bytes, size_t n)
{
    if (n && hasher->is_sha256)
        sr_sha256_add(&hasher->sha, bytes, n);
    else if (n)
        sr_md5_add(&hasher->md5, bytes, n);
}

/* Adds a part, with ':' between parts. */
static void hash_part(struct hasher *hasher, struct sr_str part)
{
    if (hasher->is_started)
        hash_bytes(hasher, ":", 1);
    hasher->is_started = true;
    hash_bytes(hasher, part.p, part.n);
}

static void hash_end(struct hasher *hasher, char out[DIGEST_HEX_MAX])
{
    uint8_t bytes[SR_SHA256_BYTES];
    if (hasher->is_sha256)
        sr_sha256_end(&hasher->sha, bytes);
    else
        sr_md5_end(&hasher->md5, bytes);
    sr_hex(bytes, hasher->is_sha256 ? SR_SHA256_BYTES : SR_MD5_BYTES, out);
    sr_wipe(hasher, sizeof(*hasher));
}

void digest_ha1(enum digest_algorithm algorithm, struct sr_str username, struct sr_str realm,
                struct sr_str password, char out[DIGEST_HEX_MAX])
{
    struct hasher hasher;
    hash_begin(&hasher, algorithm);
    hash_part(&hasher, username);
    hash_part(&hasher, realm);
    hash_part(&hasher, password);
    hash_end(&hasher, out);
}

void digest_response(const struct digest_input *input, char out[DIGEST_HEX_MAX])
{
    struct hasher hasher;
    char ha1[DIGEST_HEX_MAX];
    char ha2[DIGEST_HEX_MAX];
    struct sr_str secret = input->ha1;
    if (algorithms[input->algorithm].is_sess) {
        hash_begin(&hasher, input->algorithm);
        hash_part(&hasher, input->ha1);
        hash_part(&hasher, input->nonce);
        hash_part(&hasher, input->cnonce);
        hash_end(&hasher, ha1);
        secret = sr_str_c(ha1);
    }
    if (input->qop == DIGEST_QOP_AUTH_INT) {
        hash_begin(&hasher, input->algorithm);
        hash_part(&hasher, input->body);
        hash_end(&hasher, out);
    }
    hash_begin(&hasher, input->algorithm);
    hash_part(&hasher, input->method);
    hash_part(&hasher, input->uri);
    if (input->qop == DIGEST_QOP_AUTH_INT)
        hash_part(&hasher, sr_str_c(out));
    hash_end(&hasher, ha2);

    hash_begin(&hasher, input->algorithm);
    hash_part(&hasher, secret);
    hash_part(&hasher, input->nonce);
    if (input->qop != DIGEST_QOP_NONE) {
        hash_part(&hasher, input->nc_text);
        hash_part(&hasher, input->cnonce);
        hash_part(&hasher, input->qop == DIGEST_QOP_AUTH_INT ? SR_STR("auth-int") : SR_STR("auth"));
    }
    hash_part(&hasher, sr_str_c(ha2));
    hash_end(&hasher, out);
    sr_wipe(ha1, sizeof(ha1));
}

/* --- client ---------------------------------------------------------------------------------- */

/* May stand between quotes as it is. */
static bool is_quotable(struct sr_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c == '\\' && i + 1 < text.n && (unsigned char)text.p[i + 1] >= 0x20)
            i++;
        else if (c < 0x20 || c == 0x7f || c == '"' || c == '\\')
            return false;
    }
    return true;
}

static void put_raw(struct sr_buf *buf, const char *name, struct sr_str value)
{
    sr_buf_c(buf, name);
    sr_buf_c(buf, "=\"");
    sr_buf_str(buf, value);
    sr_buf_char(buf, '"');
}

enum sr_err digest_answer_write(const struct digest_challenge *challenge,
                                const struct digest_answer *answer, struct sr_buf *buf)
{
    char ha1[DIGEST_HEX_MAX];
    char nc[9] = "";
    char response[DIGEST_HEX_MAX];
    bool is_cnonce_needed = challenge->qop || algorithms[challenge->algorithm].is_sess;
    if (is_cnonce_needed && !answer->cnonce.n)
        return SR_ERR_STATE;
    if (!is_quotable(answer->username) || !is_quotable(answer->uri) ||
        !is_quotable(answer->cnonce) || !is_quotable(challenge->realm) ||
        !is_quotable(challenge->nonce) || !is_quotable(challenge->opaque))
        return SR_ERR_SYNTAX;
    if (answer->ha1.n)
        (void)sr_str_copy(answer->ha1, ha1, sizeof(ha1)); /* 32 or 64 digits */
    else
        digest_ha1(challenge->algorithm, answer->username, challenge->realm, answer->password, ha1);
    uint8_t count[4] = {(uint8_t)(answer->nc >> 24), (uint8_t)(answer->nc >> 16),
                        (uint8_t)(answer->nc >> 8), (uint8_t)answer->nc};
    sr_hex(count, sizeof(count), nc);
    struct digest_input input = {
        .algorithm = challenge->algorithm,
        .ha1 = sr_str_c(ha1),
        .nonce = challenge->nonce,
        .cnonce = answer->cnonce,
        .nc_text = sr_str_c(nc),
        .qop = challenge->qop & DIGEST_QOP_AUTH ? DIGEST_QOP_AUTH : (enum digest_qop)challenge->qop,
        .method = answer->method,
        .uri = answer->uri,
        .body = answer->body,
    };
    digest_response(&input, response);
    sr_wipe(ha1, sizeof(ha1));
    put_raw(buf, "Digest username", answer->username);
    put_raw(buf, ", realm", challenge->realm);
    put_raw(buf, ", nonce", challenge->nonce);
    put_raw(buf, ", uri", answer->uri);
    put_raw(buf, ", response", sr_str_c(response));
    sr_buf_fmt(buf, ", algorithm=%s", digest_algorithm_name(challenge->algorithm));
    if (is_cnonce_needed)
        put_raw(buf, ", cnonce", answer->cnonce);
    if (challenge->has_opaque)
        put_raw(buf, ", opaque", challenge->opaque);
    if (input.qop != DIGEST_QOP_NONE)
        sr_buf_fmt(buf, ", qop=%s, nc=%s", input.qop == DIGEST_QOP_AUTH ? "auth" : "auth-int", nc);
    return sr_buf_err(buf);
}

/* --- server ---------------------------------------------------------------------------------- */

enum sr_err digest_verify(const struct digest_credentials *credentials,
                          const struct digest_check *check)
{
    char ha1[DIGEST_HEX_MAX];
    char expected[DIGEST_HEX_MAX];
    char given[DIGEST_HEX_MAX];
    /* always computed, so that a known name costs the same as an unknown one */
    digest_ha1(credentials->algorithm, credentials->username, check->realm, check->password, ha1);
    if (check->ha1.n)
        (void)sr_str_copy(check->ha1, ha1, sizeof(ha1)); /* 32 or 64 digits */
    struct digest_input input = {
        .algorithm = credentials->algorithm,
        .ha1 = sr_str_c(ha1),
        .nonce = credentials->nonce,
        .cnonce = credentials->cnonce,
        .nc_text = credentials->nc_text,
        .qop = (enum digest_qop)credentials->qop,
        .method = check->method,
        .uri = credentials->uri,
        .body = check->body,
    };
    digest_response(&input, expected);
    for (size_t i = 0; i < sizeof(given); i++)
        given[i] = i < credentials->response.n ? sr_lower(credentials->response.p[i]) : '\0';
    size_t hex_len = algorithms[credentials->algorithm].hex_len;
    bool is_right = sr_str_eq_secret(sr_str_make(expected, hex_len), sr_str_make(given, hex_len));
    is_right &= credentials->response.n == hex_len;
    is_right &= sr_str_eq(credentials->realm, check->realm);
    is_right &= (check->algorithms >> credentials->algorithm & 1u) != 0;
    is_right &= !check->is_qop_required || credentials->qop != DIGEST_QOP_NONE;
    sr_wipe(ha1, sizeof(ha1));
    sr_wipe(expected, sizeof(expected));
    return is_right ? SR_OK : SR_ERR_AUTH;
}

/*
 * nonce = hex(time 8, salt 4, mark 8, bind 12): the mark says that it is ours, the bind for whom.
 */
enum {
    NONCE_STAMP = 12,
    NONCE_MARK = 8,
    NONCE_BIND = 12,
    NONCE_BYTES = NONCE_STAMP + NONCE_MARK + NONCE_BIND,
};
_Static_assert(NONCE_BYTES * 2 < DIGEST_NONCE_TEXT_MAX, "nonce fits its text");

static void nonce_tags(const struct digest_secret *secret, const uint8_t stamp[NONCE_STAMP],
                       struct sr_str source, uint8_t mark[SR_SHA256_BYTES],
                       uint8_t bind[SR_SHA256_BYTES])
{
    struct sr_str key = sr_str_make((const char *)secret->bytes, DIGEST_SECRET_BYTES);
    uint8_t text[SR_SHA256_BYTES + 1 + NONCE_STAMP];
    struct sr_sha256 sha;
    text[0] = 'm';
    memcpy(text + 1, stamp, NONCE_STAMP);
    sr_hmac_sha256(key, sr_str_make((const char *)text, 1 + NONCE_STAMP), mark);
    text[0] = 'b';
    sr_sha256_init(&sha);
    if (source.n)
        sr_sha256_add(&sha, source.p, source.n);
    sr_sha256_end(&sha, text + 1 + NONCE_STAMP);
    sr_hmac_sha256(key, sr_str_make((const char *)text, sizeof(text)), bind);
}

void digest_nonce_make(const struct digest_secret *secret, sr_usec now, struct sr_str source,
                       uint32_t salt, char out[DIGEST_NONCE_TEXT_MAX])
{
    uint8_t bytes[NONCE_BYTES];
    uint8_t mark[SR_SHA256_BYTES];
    uint8_t bind[SR_SHA256_BYTES];
    SR_ASSERT(now >= 0);
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)((uint64_t)now >> (56 - 8 * i));
    for (int i = 0; i < 4; i++)
        bytes[8 + i] = (uint8_t)(salt >> (24 - 8 * i));
    nonce_tags(secret, bytes, source, mark, bind);
    memcpy(bytes + NONCE_STAMP, mark, NONCE_MARK);
    memcpy(bytes + NONCE_STAMP + NONCE_MARK, bind, NONCE_BIND);
    sr_hex(bytes, sizeof(bytes), out);
}

static bool nonce_bytes(struct sr_str nonce, uint8_t out[NONCE_BYTES])
{
    if (nonce.n != (size_t)NONCE_BYTES * 2)
        return false;
    for (size_t i = 0; i < NONCE_BYTES; i++) {
        int high = sr_hex_value(nonce.p[2 * i]);
        int low = sr_hex_value(nonce.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static sr_usec nonce_time(const uint8_t bytes[NONCE_BYTES])
{
    uint64_t time = 0;
    for (int i = 0; i < 8; i++)
        time = time << 8 | bytes[i];
    return time > (uint64_t)INT64_MAX ? SR_NEVER : (sr_usec)time;
}

enum digest_nonce_state digest_nonce_check(const struct digest_secret *secret, struct sr_str nonce,
                                           struct sr_str source, sr_usec now)
{
    uint8_t bytes[NONCE_BYTES];
    uint8_t mark[SR_SHA256_BYTES];
    uint8_t bind[SR_SHA256_BYTES];
    if (!nonce_bytes(nonce, bytes))
        return DIGEST_NONCE_FOREIGN;
    nonce_tags(secret, bytes, source, mark, bind);
    if (!sr_str_eq_secret(sr_str_make((const char *)bytes + NONCE_STAMP, NONCE_MARK),
                          sr_str_make((const char *)mark, NONCE_MARK)))
        return DIGEST_NONCE_FOREIGN;
    sr_usec made = nonce_time(bytes);
    if (!sr_str_eq_secret(sr_str_make((const char *)bytes + NONCE_STAMP + NONCE_MARK, NONCE_BIND),
                          sr_str_make((const char *)bind, NONCE_BIND)))
        return DIGEST_NONCE_MOVED;
    if (made > now || now - made > DIGEST_NONCE_LIFE)
        return DIGEST_NONCE_STALE;
    return DIGEST_NONCE_OK;
}

/* --- nc -------------------------------------------------------------------------------------- */

void digest_nc_init(struct digest_nc_table *table, struct digest_nc_set *sets, size_t set_count)
{
    SR_ASSERT(set_count > 0);
    memset(sets, 0, set_count * sizeof(*sets));
    for (size_t i = 0; i < set_count; i++)
        sets[i].floor = -1;
    table->sets = sets;
    table->set_count = set_count;
}

bool digest_nc_accept(struct digest_nc_table *table, struct sr_str nonce, uint32_t nc)
{
    uint8_t bytes[NONCE_BYTES];
    if (!nonce_bytes(nonce, bytes))
        return false;
    /* the mark is unpredictable: no need to hash again */
    uint64_t hash = 0;
    for (int i = 0; i < NONCE_MARK; i++)
        hash = hash << 8 | bytes[NONCE_STAMP + i];
    hash |= 1; /* 0 is free */
    struct digest_nc_set *set = &table->sets[(hash >> 8) % table->set_count];
    struct digest_nc_entry *oldest = &set->entries[0];
    for (size_t i = 0; i < DIGEST_NC_WAYS; i++) {
        struct digest_nc_entry *entry = &set->entries[i];
        if (entry->nonce_hash == hash) {
            if (nc <= entry->nc)
                return false;
            entry->nc = nc;
            return true;
        }
        if (!entry->nonce_hash || (oldest->nonce_hash && entry->made < oldest->made))
            oldest = entry;
    }
    sr_usec made = nonce_time(bytes);
    if (!nc || made <= set->floor)
        return false;
    if (oldest->nonce_hash) {
        if (made <= oldest->made)
            return false; /* it would be the one to forget */
        set->floor = oldest->made;
    }
    *oldest = (struct digest_nc_entry){hash, made, nc};
    return true;
}
