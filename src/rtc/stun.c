#include "rtc/stun.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

enum {
    ATTR_HEADER_BYTES = 4,
    INTEGRITY_BYTES = 20,
    FINGERPRINT_XOR = 0x5354554e,
};

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)((uint16_t)p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static uint64_t get64(const uint8_t *p)
{
    return (uint64_t)get32(p) << 32 | get32(p + 4);
}

static void put16(uint8_t *p, size_t value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static void put32(uint8_t *p, uint32_t value)
{
    put16(p, value >> 16);
    put16(p + 2, value & 0xffff);
}

static const uint8_t *bytes_of(struct sr_str s)
{
    return (const uint8_t *)s.p;
}

/* Bit by bit over a nibble table: small, and fast enough for a keep-alive's 100 bytes. */
static uint32_t crc_add(uint32_t crc, const uint8_t *p, size_t n)
{
    static const uint32_t nibbles[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };

    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        crc = crc >> 4 ^ nibbles[crc & 15];
        crc = crc >> 4 ^ nibbles[crc & 15];
    }
    return crc;
}

uint32_t stun_crc32(const void *bytes, size_t n)
{
    return ~crc_add(0xffffffff, bytes, n);
}

bool stun_is_message(struct sr_str bytes)
{
    const uint8_t *p = bytes_of(bytes);

    return bytes.n >= STUN_HEADER_BYTES && p[0] < 4 && get32(p + 4) == STUN_COOKIE &&
           (size_t)get16(p + 2) + STUN_HEADER_BYTES == bytes.n && bytes.n % 4 == 0;
}

static enum sr_err parse_address(const struct stun_msg *msg, const uint8_t *p, size_t n,
                                 bool is_xored, struct sr_addr *ret_addr)
{
    const uint8_t *mask = bytes_of(msg->bytes) + 4; /* cookie, then the transaction id */
    struct sr_addr addr = {0};
    size_t ip_bytes;

    if (n < 4)
        return SR_ERR_SYNTAX;
    ip_bytes = p[1] == 1 ? 4 : p[1] == 2 ? 16 : 0;
    if (ip_bytes == 0 || n != 4 + ip_bytes)
        return SR_ERR_SYNTAX;
    addr.family = ip_bytes == 4 ? SR_ADDR_IP4 : SR_ADDR_IP6;
    addr.port = (uint16_t)(get16(p + 2) ^ (is_xored ? STUN_COOKIE >> 16 : 0));
    for (size_t i = 0; i < ip_bytes; i++)
        addr.ip[i] = (uint8_t)(p[4 + i] ^ (is_xored ? mask[i] : 0));
    *ret_addr = addr;
    return SR_OK;
}

static enum sr_err parse_error_code(struct stun_msg *msg, struct sr_str value)
{
    const uint8_t *p = bytes_of(value);

    if (value.n < 4)
        return SR_ERR_SYNTAX;
    unsigned hundreds = p[2] & 7U;
    if (hundreds < 3 || hundreds > 6 || p[3] > 99)
        return SR_ERR_SYNTAX;
    msg->error_code = (uint16_t)(hundreds * 100 + p[3]);
    msg->error_reason = sr_str_from(value, 4);
    return SR_OK;
}

static void note_unknown(struct stun_msg *msg, uint16_t type)
{
    if (type < 0x8000 && msg->unknown_count < STUN_UNKNOWN_MAX)
        msg->unknown[msg->unknown_count++] = type;
}

static enum sr_err parse_ice(struct stun_msg *msg, uint16_t type, struct sr_str value)
{
    const uint8_t *p = bytes_of(value);

    switch (type) {
    case STUN_ATTR_PRIORITY:
        if (value.n != 4)
            return SR_ERR_SYNTAX;
        msg->has_priority = true;
        msg->priority = get32(p);
        return SR_OK;
    case STUN_ATTR_USE_CANDIDATE:
        if (value.n != 0)
            return SR_ERR_SYNTAX;
        msg->has_use_candidate = true;
        return SR_OK;
    case STUN_ATTR_ICE_CONTROLLED:
    case STUN_ATTR_ICE_CONTROLLING:
        if (value.n != 8)
            return SR_ERR_SYNTAX;
        msg->has_ice_controlled |= type == STUN_ATTR_ICE_CONTROLLED;
        msg->has_ice_controlling |= type == STUN_ATTR_ICE_CONTROLLING;
        msg->ice_tie_breaker = get64(p);
        return SR_OK;
    default:
        note_unknown(msg, type);
        return SR_OK;
    }
}

static enum sr_err parse_attr(struct stun_msg *msg, uint16_t type, struct sr_str value)
{
    struct sr_addr addr;
    enum sr_err err;

    switch (type) {
    case STUN_ATTR_USERNAME:
        if (value.n > STUN_USERNAME_MAX)
            return SR_ERR_SYNTAX;
        if (msg->username.n == 0)
            msg->username = value;
        return SR_OK;
    case STUN_ATTR_MAPPED_ADDRESS:
        err = parse_address(msg, bytes_of(value), value.n, false, &addr);
        if (err == SR_OK && msg->mapped.family == SR_ADDR_NONE)
            msg->mapped = addr;
        return err;
    case STUN_ATTR_XOR_MAPPED_ADDRESS:
        return parse_address(msg, bytes_of(value), value.n, true, &msg->mapped);
    case STUN_ATTR_ERROR_CODE:
        return parse_error_code(msg, value);
    case STUN_ATTR_UNKNOWN_ATTRIBUTES:
        return SR_OK;
    default:
        return parse_ice(msg, type, value);
    }
}

static enum sr_err check_fingerprint(struct stun_msg *msg, size_t at, struct sr_str value)
{
    const uint8_t *p = bytes_of(msg->bytes);

    if (value.n != 4 || at + ATTR_HEADER_BYTES + 4 != msg->bytes.n)
        return SR_ERR_SYNTAX;
    if (get32(bytes_of(value)) != (stun_crc32(p, at) ^ FINGERPRINT_XOR))
        return SR_ERR_SYNTAX;
    msg->has_fingerprint = true;
    return SR_OK;
}

enum sr_err stun_parse(struct sr_str bytes, struct stun_msg *ret_msg)
{
    struct stun_msg msg = {.bytes = bytes};
    const uint8_t *p = bytes_of(bytes);

    if (bytes.n > STUN_MESSAGE_BYTES_MAX)
        return SR_ERR_LIMIT;
    if (!stun_is_message(bytes))
        return SR_ERR_SYNTAX;
    uint16_t type = get16(p);
    msg.cls = (enum stun_class)((type >> 7 & 2) | (type >> 4 & 1));
    msg.method = (uint16_t)((type & 0xf) | (type >> 1 & 0x70) | (type >> 2 & 0xf80));
    memcpy(msg.tid, p + 8, STUN_TID_BYTES);
    for (size_t at = STUN_HEADER_BYTES; at < bytes.n;) {
        if (bytes.n - at < ATTR_HEADER_BYTES)
            return SR_ERR_SYNTAX;
        uint16_t attr = get16(p + at);
        size_t n = get16(p + at + 2);
        size_t padded = (n + 3) & ~(size_t)3;
        if (padded > bytes.n - at - ATTR_HEADER_BYTES)
            return SR_ERR_SYNTAX;
        struct sr_str value = sr_str_make(bytes.p + at + ATTR_HEADER_BYTES, n);
        enum sr_err err = SR_OK;
        if (attr == STUN_ATTR_FINGERPRINT)
            err = check_fingerprint(&msg, at, value);
        else if (msg.integrity_at != 0)
            err = SR_OK; /* not covered by the integrity: ignored (RFC 8489 14.5) */
        else if (attr == STUN_ATTR_MESSAGE_INTEGRITY && n != INTEGRITY_BYTES)
            err = SR_ERR_SYNTAX;
        else if (attr == STUN_ATTR_MESSAGE_INTEGRITY)
            msg.integrity_at = at;
        else
            err = parse_attr(&msg, attr, value);
        if (err != SR_OK)
            return err;
        at += ATTR_HEADER_BYTES + padded;
    }
    *ret_msg = msg;
    return SR_OK;
}

/* HMAC-SHA1 over the first `n` bytes with the header's length set as if the message ended after
   MESSAGE-INTEGRITY (RFC 8489 14.5). */
static void integrity(const uint8_t *message, size_t n, struct sr_str password,
                      uint8_t out[INTEGRITY_BYTES])
{
    uint8_t copy[STUN_MESSAGE_BYTES_MAX + INTEGRITY_BYTES];
    unsigned out_len = INTEGRITY_BYTES;

    SR_ASSERT(n >= STUN_HEADER_BYTES && n <= sizeof(copy));
    memcpy(copy, message, n);
    put16(copy + 2, n - STUN_HEADER_BYTES + ATTR_HEADER_BYTES + INTEGRITY_BYTES);
    SR_ASSERT(HMAC(EVP_sha1(), password.n ? password.p : "", (int)SR_MIN(password.n, 65535), copy,
                   n, out, &out_len) != NULL);
}

enum sr_err stun_check_integrity(const struct stun_msg *msg, struct sr_str password)
{
    uint8_t expected[INTEGRITY_BYTES];
    const uint8_t *p = bytes_of(msg->bytes);

    if (msg->integrity_at == 0)
        return SR_ERR_NOTFOUND;
    integrity(p, msg->integrity_at, password, expected);
    if (CRYPTO_memcmp(expected, p + msg->integrity_at + ATTR_HEADER_BYTES, INTEGRITY_BYTES) != 0)
        return SR_ERR_AUTH;
    return SR_OK;
}

void stun_write_start(struct stun_writer *writer, uint8_t *out, size_t size, enum stun_class cls,
                      uint16_t method, const uint8_t tid[STUN_TID_BYTES])
{
    unsigned m = method;
    unsigned c = (unsigned)cls;

    *writer = (struct stun_writer){.out = out, .size = SR_MIN(size, STUN_MESSAGE_BYTES_MAX)};
    if (size < STUN_HEADER_BYTES) {
        writer->is_failed = true;
        return;
    }
    put16(out, (m & 0xf) | (m & 0x70) << 1 | (m & 0xf80) << 2 | (c & 1) << 4 | (c & 2) << 7);
    put16(out + 2, 0);
    put32(out + 4, STUN_COOKIE);
    memcpy(out + 8, tid, STUN_TID_BYTES);
    writer->len = STUN_HEADER_BYTES;
}

void stun_write_attr(struct stun_writer *writer, uint16_t type, const void *value, size_t n)
{
    size_t padded = (n + 3) & ~(size_t)3;

    if (writer->is_failed || n > 0xffff ||
        writer->size - writer->len < ATTR_HEADER_BYTES + padded) {
        writer->is_failed = true;
        return;
    }
    uint8_t *p = writer->out + writer->len;
    put16(p, type);
    put16(p + 2, n);
    if (n > 0)
        memcpy(p + 4, value, n);
    memset(p + 4 + n, 0, padded - n);
    writer->len += ATTR_HEADER_BYTES + padded;
    put16(writer->out + 2, writer->len - STUN_HEADER_BYTES);
}

void stun_write_u32(struct stun_writer *writer, uint16_t type, uint32_t value)
{
    uint8_t bytes[4];

    put32(bytes, value);
    stun_write_attr(writer, type, bytes, sizeof(bytes));
}

void stun_write_u64(struct stun_writer *writer, uint16_t type, uint64_t value)
{
    uint8_t bytes[8];

    put32(bytes, (uint32_t)(value >> 32));
    put32(bytes + 4, (uint32_t)value);
    stun_write_attr(writer, type, bytes, sizeof(bytes));
}

void stun_write_xor_mapped(struct stun_writer *writer, const struct sr_addr *addr)
{
    uint8_t bytes[20] = {0};
    size_t ip_bytes = addr->family == SR_ADDR_IP4 ? 4 : 16;

    if (writer->is_failed)
        return;
    bytes[1] = addr->family == SR_ADDR_IP4 ? 1 : 2;
    put16(bytes + 2, addr->port ^ (uint16_t)(STUN_COOKIE >> 16));
    for (size_t i = 0; i < ip_bytes; i++)
        bytes[4 + i] = (uint8_t)(addr->ip[i] ^ writer->out[4 + i]);
    stun_write_attr(writer, STUN_ATTR_XOR_MAPPED_ADDRESS, bytes, 4 + ip_bytes);
}

void stun_write_error(struct stun_writer *writer, uint16_t code, struct sr_str reason)
{
    uint8_t bytes[4 + 128] = {0};
    size_t n = SR_MIN(reason.n, 128);

    SR_ASSERT(code >= 300 && code <= 699);
    bytes[2] = (uint8_t)(code / 100);
    bytes[3] = (uint8_t)(code % 100);
    if (n > 0)
        memcpy(bytes + 4, reason.p, n);
    stun_write_attr(writer, STUN_ATTR_ERROR_CODE, bytes, 4 + n);
}

void stun_write_integrity(struct stun_writer *writer, struct sr_str password)
{
    uint8_t mac[INTEGRITY_BYTES];

    if (writer->is_failed)
        return;
    integrity(writer->out, writer->len, password, mac);
    stun_write_attr(writer, STUN_ATTR_MESSAGE_INTEGRITY, mac, sizeof(mac));
}

void stun_write_fingerprint(struct stun_writer *writer)
{
    size_t at = writer->len;

    stun_write_u32(writer, STUN_ATTR_FINGERPRINT, 0);
    if (!writer->is_failed) /* the length in the header must count the fingerprint already */
        put32(writer->out + at + 4, stun_crc32(writer->out, at) ^ FINGERPRINT_XOR);
}

size_t stun_write_end(const struct stun_writer *writer)
{
    return writer->is_failed ? 0 : writer->len;
}

size_t stun_answer_binding(const struct stun_msg *request, const struct sr_addr *source,
                           uint8_t *out, size_t size)
{
    struct stun_writer writer;
    uint8_t types[STUN_UNKNOWN_MAX * 2];

    if (request->cls != STUN_REQUEST || request->method != STUN_METHOD_BINDING)
        return 0;
    if (request->unknown_count > 0) {
        for (size_t i = 0; i < request->unknown_count; i++)
            put16(types + 2 * i, request->unknown[i]);
        stun_write_start(&writer, out, size, STUN_ERROR, STUN_METHOD_BINDING, request->tid);
        stun_write_error(&writer, 420, SR_STR("Unknown Attribute"));
        stun_write_attr(&writer, STUN_ATTR_UNKNOWN_ATTRIBUTES, types, 2 * request->unknown_count);
    } else {
        stun_write_start(&writer, out, size, STUN_SUCCESS, STUN_METHOD_BINDING, request->tid);
        stun_write_xor_mapped(&writer, source);
    }
    if (request->has_fingerprint)
        stun_write_fingerprint(&writer);
    return stun_write_end(&writer);
}

size_t stun_write_binding(const uint8_t tid[STUN_TID_BYTES], uint8_t *out, size_t size)
{
    struct stun_writer writer;

    stun_write_start(&writer, out, size, STUN_REQUEST, STUN_METHOD_BINDING, tid);
    stun_write_fingerprint(&writer);
    return stun_write_end(&writer);
}
