/* SHA-1 is used below its EVP interface: there, OpenSSL 3 takes memory for every packet. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "rtc/srtp.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "base/alloc.h"

enum {
    RTP_HEAD_BYTES = 12,
    RTCP_HEAD_BYTES = 8, /* the first header and SSRC stay readable */
    WORD_BYTES = 4,      /* E flag and SRTCP index */
    SALT_BYTES_MAX = 14,
    AUTH_KEY_BYTES = 20,
    SHA1_BYTES = 20,
    SHA1_BLOCK_BYTES = 64,
    GCM_TAG_BYTES = 16,
    GCM_IV_BYTES = 12,
    CM_IV_BYTES = 16,
};

#define RTP_INDEX_END ((uint64_t)1 << 48)
#define RTCP_INDEX_END ((uint64_t)1 << 31)
#define RTCP_ENCRYPTED 0x80000000u

struct suite {
    const char *name;
    uint16_t dtls_profile;
    bool is_gcm;
    uint8_t key_bytes, salt_bytes, tag_bytes, rtcp_tag_bytes;
};

static const struct suite suites[SRTP_SUITE_COUNT] = {
    [SRTP_SUITE_NONE] = {.name = ""},
    [SRTP_AES_CM_128_HMAC_SHA1_80] = {"AES_CM_128_HMAC_SHA1_80", 0x0001, false, 16, 14, 10, 10},
    /* RFC 4568 6.2.2, RFC 5764 4.1.2: RTCP keeps the long tag */
    [SRTP_AES_CM_128_HMAC_SHA1_32] = {"AES_CM_128_HMAC_SHA1_32", 0x0002, false, 16, 14, 4, 10},
    [SRTP_AEAD_AES_128_GCM] = {"AEAD_AES_128_GCM", 0x0007, true, 16, 12, 16, 16},
    [SRTP_AEAD_AES_256_GCM] = {"AEAD_AES_256_GCM", 0x0008, true, 32, 12, 16, 16},
};

/* ---- suites and keys ---- */

const char *srtp_suite_name(enum srtp_suite suite)
{
    return (unsigned)suite < SRTP_SUITE_COUNT ? suites[suite].name : "";
}

enum srtp_suite srtp_suite_by_name(struct sr_str name)
{
    for (unsigned i = SRTP_SUITE_NONE + 1; i < SRTP_SUITE_COUNT; i++) {
        if (sr_str_ieq_c(name, suites[i].name))
            return (enum srtp_suite)i;
    }
    return SRTP_SUITE_NONE;
}

enum srtp_suite srtp_suite_by_dtls(uint16_t profile)
{
    for (unsigned i = SRTP_SUITE_NONE + 1; i < SRTP_SUITE_COUNT; i++) {
        if (profile == suites[i].dtls_profile)
            return (enum srtp_suite)i;
    }
    return SRTP_SUITE_NONE;
}

size_t srtp_key_bytes(enum srtp_suite suite)
{
    SR_ASSERT((unsigned)suite < SRTP_SUITE_COUNT);
    return (size_t)suites[suite].key_bytes + suites[suite].salt_bytes;
}

bool srtp_keys_eq(const struct srtp_keys *a, const struct srtp_keys *b)
{
    return a->suite == b->suite && CRYPTO_memcmp(a->bytes, b->bytes, srtp_key_bytes(a->suite)) == 0;
}

void srtp_keys_from_dtls(enum srtp_suite suite, const uint8_t *material, bool is_client,
                         struct srtp_keys *ret_tx, struct srtp_keys *ret_rx)
{
    struct srtp_keys *client = is_client ? ret_tx : ret_rx;
    struct srtp_keys *server = is_client ? ret_rx : ret_tx;
    size_t key = suites[suite].key_bytes;
    size_t salt = suites[suite].salt_bytes;

    memset(client, 0, sizeof(*client));
    memset(server, 0, sizeof(*server));
    client->suite = suite;
    server->suite = suite;
    memcpy(client->bytes, material, key);
    memcpy(server->bytes, material + key, key);
    memcpy(client->bytes + key, material + 2 * key, salt);
    memcpy(server->bytes + key, material + 2 * key + salt, salt);
}

/* ---- HMAC-SHA1 over prepared states ---- */

static void sha_save(const SHA_CTX *sha, uint32_t state[5])
{
    state[0] = sha->h0;
    state[1] = sha->h1;
    state[2] = sha->h2;
    state[3] = sha->h3;
    state[4] = sha->h4;
}

/* A hash that has taken one block already. */
static void sha_load(const uint32_t state[5], SHA_CTX *sha)
{
    SHA1_Init(sha);
    sha->h0 = state[0];
    sha->h1 = state[1];
    sha->h2 = state[2];
    sha->h3 = state[3];
    sha->h4 = state[4];
    sha->Nl = SHA1_BLOCK_BYTES * 8;
}

static void hmac_pad(const uint8_t key[AUTH_KEY_BYTES], uint8_t pad, uint32_t state[5])
{
    uint8_t block[SHA1_BLOCK_BYTES];
    SHA_CTX sha;

    memset(block, pad, sizeof(block));
    for (size_t i = 0; i < AUTH_KEY_BYTES; i++)
        block[i] ^= key[i];
    SHA1_Init(&sha);
    SHA1_Transform(&sha, block);
    sha_save(&sha, state);
    sr_wipe(block, sizeof(block));
    sr_wipe(&sha, sizeof(sha));
}

static void put_u32(uint8_t *out, uint32_t value)
{
    out[0] = (uint8_t)(value >> 24);
    out[1] = (uint8_t)(value >> 16);
    out[2] = (uint8_t)(value >> 8);
    out[3] = (uint8_t)value;
}

static uint32_t get_u32(const uint8_t *in)
{
    return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

/* ---- session keys (RFC 3711 4.3) ---- */

enum label {
    LABEL_RTP_KEY,
    LABEL_RTP_AUTH,
    LABEL_RTP_SALT,
    LABEL_RTCP_KEY,
    LABEL_RTCP_AUTH,
    LABEL_RTCP_SALT,
};

/* With a derivation rate of 0 only the label distinguishes the keys. `prf` has the master key. */
static bool derive(EVP_CIPHER_CTX *prf, const uint8_t salt[SALT_BYTES_MAX], unsigned label,
                   uint8_t *out, size_t n)
{
    uint8_t iv[CM_IV_BYTES] = {0};
    int len;

    memcpy(iv, salt, SALT_BYTES_MAX);
    iv[7] ^= (uint8_t)label;
    memset(out, 0, n);
    return EVP_EncryptInit_ex(prf, NULL, NULL, NULL, iv) == 1 &&
           EVP_EncryptUpdate(prf, out, &len, out, (int)n) == 1;
}

static const EVP_CIPHER *packet_cipher(enum srtp_suite suite)
{
    switch (suite) {
    case SRTP_AES_CM_128_HMAC_SHA1_80:
    case SRTP_AES_CM_128_HMAC_SHA1_32:
        return EVP_aes_128_ctr();
    case SRTP_AEAD_AES_128_GCM:
        return EVP_aes_128_gcm();
    case SRTP_AEAD_AES_256_GCM:
        return EVP_aes_256_gcm();
    case SRTP_SUITE_NONE:
    case SRTP_SUITE_COUNT:
        break;
    }
    return NULL;
}

static bool cipher_init(struct srtp_cipher *cipher, const struct srtp *srtp, EVP_CIPHER_CTX *prf,
                        const uint8_t master_salt[SALT_BYTES_MAX], unsigned first_label)
{
    const struct suite *suite = &suites[srtp->suite];
    uint8_t key[32], auth[AUTH_KEY_BYTES];
    bool is_ok;

    cipher->evp = EVP_CIPHER_CTX_new();
    is_ok =
        cipher->evp != NULL &&
        derive(prf, master_salt, first_label + LABEL_RTP_KEY, key, suite->key_bytes) &&
        derive(prf, master_salt, first_label + LABEL_RTP_AUTH, auth, sizeof(auth)) &&
        derive(prf, master_salt, first_label + LABEL_RTP_SALT, cipher->salt, suite->salt_bytes) &&
        EVP_CipherInit_ex(cipher->evp, packet_cipher(srtp->suite), NULL, key, NULL,
                          srtp->direction == SRTP_SEND) == 1;
    if (is_ok && !suite->is_gcm) {
        hmac_pad(auth, 0x36, cipher->hmac_inner);
        hmac_pad(auth, 0x5c, cipher->hmac_outer);
    }
    sr_wipe(key, sizeof(key));
    sr_wipe(auth, sizeof(auth));
    return is_ok;
}

enum sr_err srtp_init(struct srtp *srtp, const struct srtp_keys *keys,
                      enum srtp_direction direction)
{
    uint8_t salt[SALT_BYTES_MAX] = {0};
    const struct suite *suite;
    EVP_CIPHER_CTX *prf;
    bool is_ok;

    memset(srtp, 0, sizeof(*srtp));
    if ((unsigned)keys->suite >= SRTP_SUITE_COUNT || keys->suite == SRTP_SUITE_NONE)
        return SR_ERR_UNSUPPORTED;
    suite = &suites[keys->suite];
    srtp->suite = keys->suite;
    srtp->direction = direction;
    memcpy(salt, keys->bytes + suite->key_bytes, suite->salt_bytes);
    prf = EVP_CIPHER_CTX_new();
    is_ok = prf != NULL &&
            EVP_EncryptInit_ex(prf, suite->key_bytes == 32 ? EVP_aes_256_ctr() : EVP_aes_128_ctr(),
                               NULL, keys->bytes, NULL) == 1 &&
            cipher_init(&srtp->rtp, srtp, prf, salt, LABEL_RTP_KEY) &&
            cipher_init(&srtp->rtcp, srtp, prf, salt, LABEL_RTCP_KEY);
    EVP_CIPHER_CTX_free(prf);
    sr_wipe(salt, sizeof(salt));
    if (is_ok)
        return SR_OK;
    srtp_done(srtp);
    return SR_ERR_UNSUPPORTED;
}

void srtp_done(struct srtp *srtp)
{
    EVP_CIPHER_CTX_free(srtp->rtp.evp); /* wipes what it holds; NULL is fine */
    EVP_CIPHER_CTX_free(srtp->rtcp.evp);
    sr_wipe(srtp, sizeof(*srtp));
}

/* ---- indices and replay ---- */

static uint64_t window_bit(uint64_t index)
{
    return (uint64_t)1 << index % 64;
}

static uint64_t *window_word(struct srtp_window *window, uint64_t index)
{
    return &window->bits[index % SRTP_REPLAY_BITS / 64];
}

/* Seen, or so old that nobody knows. */
static bool window_has(const struct srtp_window *window, uint64_t index)
{
    if (!window->is_started || index > window->top)
        return false;
    return window->top - index >= SRTP_REPLAY_BITS ||
           (window->bits[index % SRTP_REPLAY_BITS / 64] & window_bit(index)) != 0;
}

static void window_add(struct srtp_window *window, uint64_t index)
{
    if (!window->is_started || (index > window->top && index - window->top >= SRTP_REPLAY_BITS)) {
        memset(window->bits, 0, sizeof(window->bits));
        window->is_started = true;
        window->top = index;
    }
    while (window->top < index) {
        window->top++;
        *window_word(window, window->top) &= ~window_bit(window->top);
    }
    *window_word(window, index) |= window_bit(index);
}

/* RFC 3711 appendix A: the index nearest to the newest one. Below 0 there is none. */
static uint64_t index_near(uint64_t top, uint16_t seq)
{
    uint64_t roc = top >> 16;
    int distance = (int)seq - (int)(top & 0xffff);

    if (distance > 0x8000 && roc > 0)
        roc--;
    else if (distance < -0x8000)
        roc++;
    return roc << 16 | seq;
}

static struct srtp_source *find_source(struct srtp *srtp, uint32_t ssrc)
{
    for (size_t i = 0; i < SRTP_SOURCES_MAX; i++) {
        if (srtp->sources[i].is_used && srtp->sources[i].ssrc == ssrc)
            return &srtp->sources[i];
    }
    return NULL;
}

/* A sender must never forget an index: full is full. A receiver forgets the one longest unheard. */
static struct srtp_source *make_source(struct srtp *srtp, uint32_t ssrc)
{
    struct srtp_source *place = NULL;

    for (size_t i = 0; i < SRTP_SOURCES_MAX; i++) {
        struct srtp_source *source = &srtp->sources[i];

        if (!source->is_used) {
            place = source;
            break;
        }
        if (srtp->direction == SRTP_RECEIVE && (place == NULL || source->used_at < place->used_at))
            place = source;
    }
    if (place != NULL)
        *place = (struct srtp_source){.ssrc = ssrc, .is_used = true};
    return place;
}

void srtp_follow(struct srtp *srtp, const struct srtp *old)
{
    for (size_t i = 0; i < SRTP_SOURCES_MAX; i++) {
        const struct srtp_source *from = &old->sources[i];
        struct srtp_source *to;

        if (!from->is_used || find_source(srtp, from->ssrc) != NULL)
            continue;
        to = make_source(srtp, from->ssrc);
        if (to != NULL)
            to->top_before = from->rtp.is_started ? from->rtp.top : from->top_before;
    }
}

/* ---- one packet ---- */

struct packet {
    uint8_t *bytes;
    size_t n;    /* without what protecting adds */
    size_t head; /* bytes that stay readable */
    uint32_t ssrc;
    uint64_t index; /* 48 bits, or the SRTCP index */
    bool is_rtcp;
};

static uint32_t packet_word(const struct packet *packet)
{
    return packet->is_rtcp ? RTCP_ENCRYPTED | (uint32_t)packet->index
                           : (uint32_t)(packet->index >> 16);
}

/* Header with sources and extension; 0: not RTP, or its lengths lie. */
static size_t rtp_head(const uint8_t *bytes, size_t n)
{
    size_t head;

    if (n < RTP_HEAD_BYTES || bytes[0] >> 6 != 2)
        return 0;
    head = RTP_HEAD_BYTES + (size_t)(bytes[0] & 0x0f) * 4;
    if ((bytes[0] & 0x10) != 0) {
        if (n < head + 4)
            return 0;
        head += 4 + 4 * ((size_t)bytes[head + 2] << 8 | bytes[head + 3]);
    }
    return head <= n ? head : 0;
}

static void xor_index(uint8_t *at, uint64_t index)
{
    for (int i = 0; i < 6; i++)
        at[i] ^= (uint8_t)(index >> (40 - 8 * i));
}

static void xor_ssrc(uint8_t *at, uint32_t ssrc)
{
    for (int i = 0; i < 4; i++)
        at[i] ^= (uint8_t)(ssrc >> (24 - 8 * i));
}

/* RFC 3711 4.1.1 */
static bool cm_crypt(struct srtp_cipher *cipher, const struct packet *packet)
{
    uint8_t iv[CM_IV_BYTES] = {0};
    uint8_t *at = packet->bytes + packet->head;
    int len;

    memcpy(iv, cipher->salt, sizeof(cipher->salt));
    xor_ssrc(iv + 4, packet->ssrc);
    xor_index(iv + 8, packet->index);
    return EVP_CipherInit_ex(cipher->evp, NULL, NULL, NULL, iv, -1) == 1 &&
           EVP_CipherUpdate(cipher->evp, at, &len, at, (int)(packet->n - packet->head)) == 1;
}

/* RFC 3711 4.2: over header, encrypted part, and roll-over counter or SRTCP index. */
static void cm_tag(const struct srtp_cipher *cipher, const struct packet *packet,
                   uint8_t tag[SHA1_BYTES])
{
    uint8_t word[WORD_BYTES];
    SHA_CTX sha;

    put_u32(word, packet_word(packet));
    sha_load(cipher->hmac_inner, &sha);
    SHA1_Update(&sha, packet->bytes, packet->n);
    SHA1_Update(&sha, word, sizeof(word));
    SHA1_Final(tag, &sha);
    sha_load(cipher->hmac_outer, &sha);
    SHA1_Update(&sha, tag, SHA1_BYTES);
    SHA1_Final(tag, &sha);
}

/* RFC 7714 8.1, 9.1: nonce and readable part. */
static bool gcm_begin(struct srtp_cipher *cipher, const struct packet *packet)
{
    uint8_t iv[GCM_IV_BYTES];
    uint8_t word[WORD_BYTES];
    int len;

    memcpy(iv, cipher->salt, sizeof(iv));
    xor_ssrc(iv + 2, packet->ssrc);
    xor_index(iv + 6, packet->index);
    put_u32(word, packet_word(packet));
    return EVP_CipherInit_ex(cipher->evp, NULL, NULL, NULL, iv, -1) == 1 &&
           EVP_CipherUpdate(cipher->evp, NULL, &len, packet->bytes, (int)packet->head) == 1 &&
           (!packet->is_rtcp || EVP_CipherUpdate(cipher->evp, NULL, &len, word, sizeof(word)) == 1);
}

static bool gcm_crypt(struct srtp_cipher *cipher, const struct packet *packet)
{
    uint8_t *at = packet->bytes + packet->head;
    int len;

    return gcm_begin(cipher, packet) &&
           EVP_CipherUpdate(cipher->evp, at, &len, at, (int)(packet->n - packet->head)) == 1;
}

static bool gcm_seal(struct srtp_cipher *cipher, const struct packet *packet, uint8_t *tag)
{
    uint8_t none[GCM_TAG_BYTES];
    int len;

    return gcm_crypt(cipher, packet) && EVP_CipherFinal_ex(cipher->evp, none, &len) == 1 &&
           EVP_CIPHER_CTX_ctrl(cipher->evp, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_BYTES, tag) == 1;
}

static bool gcm_open(struct srtp_cipher *cipher, const struct packet *packet, const uint8_t *tag)
{
    uint8_t expected[GCM_TAG_BYTES], none[GCM_TAG_BYTES];
    int len;

    memcpy(expected, tag, sizeof(expected));
    if (!gcm_crypt(cipher, packet))
        return false;
    if (EVP_CIPHER_CTX_ctrl(cipher->evp, EVP_CTRL_AEAD_SET_TAG, GCM_TAG_BYTES, expected) == 1 &&
        EVP_CipherFinal_ex(cipher->evp, none, &len) == 1)
        return true;
    (void)gcm_crypt(cipher, packet); /* the same key stream again gives back what came */
    return false;
}

static size_t tag_bytes(const struct srtp *srtp, bool is_rtcp)
{
    return is_rtcp ? suites[srtp->suite].rtcp_tag_bytes : suites[srtp->suite].tag_bytes;
}

/* Encrypts and adds tag (and index): the packet's new length, 0: refused by OpenSSL. */
static size_t seal(struct srtp *srtp, const struct packet *packet)
{
    struct srtp_cipher *cipher = packet->is_rtcp ? &srtp->rtcp : &srtp->rtp;
    size_t tag_n = tag_bytes(srtp, packet->is_rtcp);
    size_t word_n = packet->is_rtcp ? WORD_BYTES : 0;
    uint8_t *end = packet->bytes + packet->n;
    uint8_t tag[SHA1_BYTES];

    if (suites[srtp->suite].is_gcm) { /* tag, index */
        if (!gcm_seal(cipher, packet, end))
            return 0;
        if (packet->is_rtcp)
            put_u32(end + tag_n, packet_word(packet));
        return packet->n + tag_n + word_n;
    }
    if (!cm_crypt(cipher, packet)) /* index, tag */
        return 0;
    cm_tag(cipher, packet, tag);
    if (packet->is_rtcp)
        put_u32(end, packet_word(packet));
    memcpy(end + word_n, tag, tag_n);
    return packet->n + word_n + tag_n;
}

static bool open_packet(struct srtp *srtp, const struct packet *packet)
{
    struct srtp_cipher *cipher = packet->is_rtcp ? &srtp->rtcp : &srtp->rtp;
    const uint8_t *end = packet->bytes + packet->n;
    uint8_t tag[SHA1_BYTES];

    if (suites[srtp->suite].is_gcm)
        return gcm_open(cipher, packet, end);
    cm_tag(cipher, packet, tag);
    return CRYPTO_memcmp(tag, end + (packet->is_rtcp ? WORD_BYTES : 0),
                         tag_bytes(srtp, packet->is_rtcp)) == 0 &&
           cm_crypt(cipher, packet);
}

static enum sr_err malformed(struct srtp *srtp)
{
    srtp->counters.malformed++;
    return SR_ERR_SYNTAX;
}

static void done_with(struct srtp *srtp, struct srtp_source *source, struct srtp_window *window,
                      uint64_t index)
{
    window_add(window, index);
    source->used_at = ++srtp->clock;
    srtp->counters.packets++;
}

/* ---- sending ---- */

static enum sr_err send_packet(struct srtp *srtp, struct packet *packet, struct srtp_source *source,
                               size_t *n)
{
    struct srtp_window *window = packet->is_rtcp ? &source->rtcp : &source->rtp;
    size_t sealed;

    if (packet->index >= (packet->is_rtcp ? RTCP_INDEX_END : RTP_INDEX_END))
        return SR_ERR_LIMIT;
    if (window_has(window, packet->index)) {
        srtp->counters.replayed++;
        return SR_ERR_EXISTS;
    }
    sealed = seal(srtp, packet);
    if (sealed == 0)
        return SR_ERR_LIMIT;
    *n = sealed;
    done_with(srtp, source, window, packet->index);
    return SR_OK;
}

static struct srtp_source *source_to_send(struct srtp *srtp, uint32_t ssrc)
{
    struct srtp_source *source = find_source(srtp, ssrc);

    return source != NULL ? source : make_source(srtp, ssrc);
}

enum sr_err srtp_protect(struct srtp *srtp, uint8_t *bytes, size_t *n)
{
    struct packet packet = {.bytes = bytes, .n = *n, .head = rtp_head(bytes, *n)};
    struct srtp_source *source;
    uint16_t seq;

    SR_ASSERT(srtp->suite != SRTP_SUITE_NONE && srtp->direction == SRTP_SEND);
    if (packet.head == 0)
        return malformed(srtp);
    packet.ssrc = get_u32(bytes + 8);
    seq = (uint16_t)(bytes[2] << 8 | bytes[3]);
    source = source_to_send(srtp, packet.ssrc);
    if (source == NULL)
        return SR_ERR_LIMIT;
    packet.index = source->rtp.is_started ? index_near(source->rtp.top, seq) : seq;
    return send_packet(srtp, &packet, source, n);
}

enum sr_err srtcp_protect(struct srtp *srtp, uint8_t *bytes, size_t *n)
{
    struct packet packet = {.bytes = bytes, .n = *n, .head = RTCP_HEAD_BYTES, .is_rtcp = true};
    struct srtp_source *source;

    SR_ASSERT(srtp->suite != SRTP_SUITE_NONE && srtp->direction == SRTP_SEND);
    if (*n < RTCP_HEAD_BYTES || bytes[0] >> 6 != 2)
        return malformed(srtp);
    packet.ssrc = get_u32(bytes + 4);
    source = source_to_send(srtp, packet.ssrc);
    if (source == NULL)
        return SR_ERR_LIMIT;
    packet.index = source->rtcp.is_started ? source->rtcp.top + 1 : 0;
    return send_packet(srtp, &packet, source, n);
}

/* ---- receiving ---- */

/* Where the stream may stand: once it is known, one place; before, at its start, where it stood
   under the key before, or behind its first wrap when the start was missed. */
static int candidates(const struct srtp_source *source, uint16_t seq, uint64_t out[2])
{
    if (source != NULL && source->rtp.is_started) {
        out[0] = index_near(source->rtp.top, seq);
        return 1;
    }
    out[0] = seq;
    out[1] = source != NULL ? index_near(source->top_before, seq) : seq;
    if (out[1] >> 16 == 0 && seq < 0x8000)
        out[1] = (uint64_t)1 << 16 | seq;
    return out[1] >> 16 == 0 ? 1 : 2;
}

enum sr_err srtp_unprotect(struct srtp *srtp, uint8_t *bytes, size_t *n)
{
    size_t tag_n = tag_bytes(srtp, false);
    struct packet packet = {.bytes = bytes};
    struct srtp_source *source;
    uint64_t indices[2];
    uint16_t seq;
    int count;

    SR_ASSERT(srtp->suite != SRTP_SUITE_NONE && srtp->direction == SRTP_RECEIVE);
    if (*n < RTP_HEAD_BYTES + tag_n)
        return malformed(srtp);
    packet.n = *n - tag_n;
    packet.head = rtp_head(bytes, packet.n);
    if (packet.head == 0)
        return malformed(srtp);
    packet.ssrc = get_u32(bytes + 8);
    seq = (uint16_t)(bytes[2] << 8 | bytes[3]);
    source = find_source(srtp, packet.ssrc);
    count = candidates(source, seq, indices);
    for (int i = 0; i < count; i++) {
        packet.index = indices[i];
        if (source != NULL && window_has(&source->rtp, packet.index)) {
            srtp->counters.replayed++;
            return SR_ERR_EXISTS;
        }
        if (packet.index < RTP_INDEX_END && open_packet(srtp, &packet)) {
            source = source != NULL ? source : make_source(srtp, packet.ssrc);
            done_with(srtp, source, &source->rtp, packet.index);
            *n = packet.n;
            return SR_OK;
        }
    }
    srtp->counters.auth_failed++;
    return SR_ERR_AUTH;
}

enum sr_err srtcp_unprotect(struct srtp *srtp, uint8_t *bytes, size_t *n)
{
    size_t tag_n = tag_bytes(srtp, true);
    struct packet packet = {.bytes = bytes, .head = RTCP_HEAD_BYTES, .is_rtcp = true};
    struct srtp_source *source;
    uint32_t word;

    SR_ASSERT(srtp->suite != SRTP_SUITE_NONE && srtp->direction == SRTP_RECEIVE);
    if (*n < RTCP_HEAD_BYTES + WORD_BYTES + tag_n || bytes[0] >> 6 != 2)
        return malformed(srtp);
    packet.n = *n - tag_n - WORD_BYTES;
    word = get_u32(bytes + packet.n + (suites[srtp->suite].is_gcm ? tag_n : 0));
    if ((word & RTCP_ENCRYPTED) == 0)
        return malformed(srtp);
    packet.index = word & ~RTCP_ENCRYPTED;
    packet.ssrc = get_u32(bytes + 4);
    source = find_source(srtp, packet.ssrc);
    if (source != NULL && window_has(&source->rtcp, packet.index)) {
        srtp->counters.replayed++;
        return SR_ERR_EXISTS;
    }
    if (!open_packet(srtp, &packet)) {
        srtp->counters.auth_failed++;
        return SR_ERR_AUTH;
    }
    source = source != NULL ? source : make_source(srtp, packet.ssrc);
    done_with(srtp, source, &source->rtcp, packet.index);
    *n = packet.n;
    return SR_OK;
}
