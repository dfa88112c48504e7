#include "dtls/dtls.h"

#include <stdio.h>
#include <sys/time.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/alloc.h"
#include "dtls/internal.h"

enum {
    RECORD_HEADER_BYTES = 13,
    HANDSHAKE_HEADER_BYTES = 12,
    RETRANSMIT_US = 250000, /* doubled each time; ICE has shown that the path is short */
    RETRANSMIT_US_MAX = 4000000,
    TRIES_MAX = 8, /* of a server whose handshake was spoilt by something not from the peer */
    MESSAGE_BYTES_MAX = 16384, /* of one handshake message: certificates are the longest */
    TYPE_CHANGE_CIPHER = 20,
    TYPE_ALERT = 21,
    TYPE_HANDSHAKE = 22,
    ALERT_FATAL = 2,
};

#define HANDSHAKE_US (20 * SR_SEC)

enum state {
    STATE_IDLE, /* a client before dtls_start(), a server before the ClientHello */
    STATE_SHAKING,
    STATE_UP,
    STATE_OVER,
};

struct dtls {
    struct dtls_identity *identity;
    struct dtls_options options;
    SSL *ssl;
    enum state state;
    bool is_wrong_peer; /* its certificate has another fingerprint */
    unsigned tries;
    sr_usec give_up_at, retry_at;
    const uint8_t *in; /* the datagram being read */
    size_t in_bytes;
    struct sr_buf out; /* datagrams of this step, one after another */
    size_t out_ends[DTLS_FLIGHT_MAX];
    size_t out_count;
    uint64_t junk;
    char why[DTLS_WHY_MAX];
};

/* ---- what a datagram is ---- */

static size_t get16(const uint8_t *p)
{
    return (size_t)p[0] << 8 | p[1];
}

static size_t get24(const uint8_t *p)
{
    return (size_t)p[0] << 16 | get16(p + 1);
}

/* Fragments of one record in the clear: do their lengths fit? */
static bool is_handshake(const uint8_t *p, size_t n)
{
    while (n >= HANDSHAKE_HEADER_BYTES) {
        size_t message = get24(p + 1), from = get24(p + 6), here = get24(p + 9);

        if (p[0] > 24 || message > MESSAGE_BYTES_MAX || from + here > message ||
            here > n - HANDSHAKE_HEADER_BYTES)
            return false;
        p += HANDSHAKE_HEADER_BYTES + here;
        n -= HANDSHAKE_HEADER_BYTES + here;
    }
    return n == 0;
}

/* A record in the clear can come from anybody who forges the source address: what would end
   OpenSSL's handshake is sorted out here. An alert only becomes the reason of a later failure. */
static bool is_plausible(struct dtls *dtls, const uint8_t *bytes, size_t n)
{
    while (n >= RECORD_HEADER_BYTES) {
        const uint8_t *body = bytes + RECORD_HEADER_BYTES;
        size_t body_bytes = get16(bytes + 11);
        bool is_clear = get16(bytes + 3) == 0;

        if (bytes[1] != 0xfe || body_bytes > n - RECORD_HEADER_BYTES)
            return false;
        if (is_clear && bytes[0] == TYPE_ALERT && body_bytes == 2 && body[0] == ALERT_FATAL)
            (void)snprintf(dtls->why, sizeof(dtls->why), "the DTLS peer refused the handshake: %s",
                           SSL_alert_desc_string_long(body[1]));
        if (is_clear && !(bytes[0] == TYPE_HANDSHAKE && is_handshake(body, body_bytes)) &&
            !(bytes[0] == TYPE_CHANGE_CIPHER && body_bytes == 1 && body[0] == 1))
            return false;
        bytes += RECORD_HEADER_BYTES + body_bytes;
        n -= RECORD_HEADER_BYTES + body_bytes;
    }
    return n == 0;
}

/* ---- a BIO that keeps the borders of datagrams ---- */

static int bio_write(BIO *bio, const char *bytes, int n)
{
    struct dtls *dtls = BIO_get_data(bio);

    if (n <= 0)
        return n;
    /* a flight that is too long for us is lost like on the wire, and sent again */
    if (dtls->out_count == DTLS_FLIGHT_MAX)
        return n;
    sr_buf_add(&dtls->out, bytes, (size_t)n);
    if (sr_buf_err(&dtls->out) == SR_OK)
        dtls->out_ends[dtls->out_count++] = dtls->out.len;
    return n;
}

static int bio_read(BIO *bio, char *bytes, int max)
{
    struct dtls *dtls = BIO_get_data(bio);
    size_t n = SR_MIN(dtls->in_bytes, (size_t)SR_MAX(max, 0));

    BIO_clear_retry_flags(bio);
    if (n == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(bytes, dtls->in, n);
    dtls->in_bytes = 0; /* what did not fit is gone, as with a socket */
    return (int)n;
}

static long bio_ctrl(BIO *bio, int what, long number, void *arg)
{
    (void)bio;
    (void)number;
    (void)arg;
    switch (what) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_DGRAM_QUERY_MTU:
    case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
        return DTLS_DATAGRAM_BYTES_MAX;
    default:
        return 0;
    }
}

BIO_METHOD *dtls__bio_method_new(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagrams");

    if (method != NULL) {
        (void)BIO_meth_set_write(method, bio_write);
        (void)BIO_meth_set_read(method, bio_read);
        (void)BIO_meth_set_ctrl(method, bio_ctrl);
    }
    return method;
}

/* ---- who the peer is ---- */

int dtls__check_peer(X509_STORE_CTX *store, void *arg)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct dtls *dtls = SSL_get_app_data(ssl);
    struct dtls_fingerprint seen = {.hash = dtls->options.peer.hash};
    X509 *certificate = X509_STORE_CTX_get0_cert(store);

    (void)arg;
    if (certificate != NULL && dtls__digest(certificate, &seen) &&
        dtls_fingerprint_eq(&seen, &dtls->options.peer))
        return 1;
    dtls->is_wrong_peer = true;
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
    return 0;
}

/* ---- one association ---- */

static unsigned next_wait(SSL *ssl, unsigned last_us)
{
    (void)ssl;
    return last_us == 0 ? RETRANSMIT_US : SR_MIN(2 * last_us, (unsigned)RETRANSMIT_US_MAX);
}

static bool make_ssl(struct dtls *dtls)
{
    BIO *bio;

    SSL_free(dtls->ssl);
    dtls->ssl = SSL_new(dtls__ctx(dtls->identity));
    bio = BIO_new(dtls__bio(dtls->identity));
    if (dtls->ssl == NULL || bio == NULL) {
        BIO_free(bio);
        return false;
    }
    BIO_set_data(bio, dtls);
    BIO_set_init(bio, 1);
    SSL_set_bio(dtls->ssl, bio, bio);
    SSL_set_app_data(dtls->ssl, dtls);
    (void)SSL_set_options(dtls->ssl, SSL_OP_NO_QUERY_MTU);
    (void)SSL_set_mtu(dtls->ssl, DTLS_DATAGRAM_BYTES_MAX);
    DTLS_set_timer_cb(dtls->ssl, next_wait);
    if (dtls->options.is_client)
        SSL_set_connect_state(dtls->ssl);
    else
        SSL_set_accept_state(dtls->ssl);
    return true;
}

struct dtls *dtls_new(struct dtls_identity *identity, const struct dtls_options *options)
{
    struct dtls *dtls = sr_zalloc(1, sizeof(*dtls));

    dtls->identity = identity;
    dtls->options = *options;
    dtls->give_up_at = SR_NEVER;
    dtls->retry_at = SR_NEVER;
    sr_buf_init(&dtls->out, (size_t)DTLS_FLIGHT_MAX * DTLS_RECORD_BYTES_MAX);
    if (!make_ssl(dtls)) {
        dtls_free(dtls);
        ERR_clear_error();
        return NULL;
    }
    return dtls;
}

void dtls_free(struct dtls *dtls)
{
    if (dtls == NULL)
        return;
    SSL_free(dtls->ssl);
    sr_buf_done(&dtls->out);
    sr_free(dtls);
}

static void begin_step(struct dtls *dtls, struct dtls_step *step)
{
    *step = (struct dtls_step){.event = DTLS_EVENT_NONE};
    dtls->out_count = 0;
    if (dtls->state == STATE_UP) { /* it hardly ever speaks again: hold no memory for that */
        sr_buf_done(&dtls->out);
        sr_buf_init(&dtls->out, (size_t)DTLS_FLIGHT_MAX * DTLS_RECORD_BYTES_MAX);
    } else {
        sr_buf_clear(&dtls->out);
    }
    ERR_clear_error();
}

static void end_step(struct dtls *dtls, sr_usec now, struct dtls_step *step)
{
    struct timeval left;

    step->datagram_count = dtls->out_count;
    dtls->retry_at = SR_NEVER;
    if (dtls->state == STATE_SHAKING && DTLSv1_get_timeout(dtls->ssl, &left) > 0)
        dtls->retry_at = now + (sr_usec)left.tv_sec * SR_SEC + left.tv_usec;
    ERR_clear_error();
}

static void fail(struct dtls *dtls, struct dtls_step *step)
{
    dtls->state = STATE_OVER;
    dtls->give_up_at = SR_NEVER;
    step->event = DTLS_EVENT_FAILED;
}

/* OpenSSL's reason in our sentence. */
static void note_why(struct dtls *dtls)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;

    (void)snprintf(dtls->why, sizeof(dtls->why), "the DTLS handshake failed: %s",
                   reason != NULL ? reason : "the peer broke the protocol");
}

static void check_keys(struct dtls *dtls, struct dtls_step *step)
{
    if (SSL_get_selected_srtp_profile(dtls->ssl) == NULL) {
        (void)snprintf(dtls->why, sizeof(dtls->why),
                       "the DTLS peer offers no SRTP protection that we know");
        fail(dtls, step);
        return;
    }
    dtls->state = STATE_UP;
    dtls->give_up_at = SR_NEVER;
    step->event = DTLS_EVENT_UP;
}

/* What a stranger may have spoilt is begun anew; the peer's own fault shows again. */
static void on_broken(struct dtls *dtls, struct dtls_step *step)
{
    note_why(dtls);
    if (dtls->is_wrong_peer) {
        (void)snprintf(dtls->why, sizeof(dtls->why),
                       "the DTLS certificate is not the one its SDP named (fingerprint)");
        fail(dtls, step);
    } else if (dtls->options.is_client || ++dtls->tries == TRIES_MAX || !make_ssl(dtls)) {
        fail(dtls, step);
    }
}

static void shake(struct dtls *dtls, struct dtls_step *step)
{
    int result = SSL_do_handshake(dtls->ssl);

    if (result == 1) {
        check_keys(dtls, step);
        return;
    }
    switch (SSL_get_error(dtls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return;
    default:
        on_broken(dtls, step);
    }
}

/* After the handshake: alerts, retransmissions, and data nobody agreed on. */
static void read_up(struct dtls *dtls, struct dtls_step *step)
{
    char data[256];

    for (int i = 0; i < DTLS_FLIGHT_MAX; i++) {
        int n = SSL_read(dtls->ssl, data, sizeof(data));

        if (n > 0) {
            dtls->junk++;
            continue;
        }
        if (SSL_get_error(dtls->ssl, n) == SSL_ERROR_WANT_READ)
            return;
        /* close_notify, or an alert that only the key's owner can have sent */
        dtls->state = STATE_OVER;
        step->event = DTLS_EVENT_CLOSED;
        return;
    }
}

void dtls_start(struct dtls *dtls, sr_usec now, struct dtls_step *ret_step)
{
    begin_step(dtls, ret_step);
    if (dtls->state == STATE_IDLE && dtls->options.is_client) {
        dtls->state = STATE_SHAKING;
        dtls->give_up_at = now + HANDSHAKE_US;
        shake(dtls, ret_step);
    }
    end_step(dtls, now, ret_step);
}

void dtls_receive(struct dtls *dtls, const uint8_t *bytes, size_t n, sr_usec now,
                  struct dtls_step *ret_step)
{
    begin_step(dtls, ret_step);
    if (!dtls_is_record(bytes, n) || n > DTLS_RECORD_BYTES_MAX || dtls->state == STATE_OVER ||
        (dtls->state == STATE_IDLE && dtls->options.is_client) || !is_plausible(dtls, bytes, n)) {
        dtls->junk++;
        return;
    }
    if (dtls->state == STATE_IDLE) {
        dtls->state = STATE_SHAKING;
        dtls->give_up_at = now + HANDSHAKE_US;
    }
    dtls->in = bytes;
    dtls->in_bytes = n;
    if (dtls->state == STATE_SHAKING)
        shake(dtls, ret_step);
    if (dtls->state == STATE_UP)
        read_up(dtls, ret_step);
    dtls->in_bytes = 0;
    end_step(dtls, now, ret_step);
}

sr_usec dtls_deadline(const struct dtls *dtls)
{
    return SR_MIN(dtls->retry_at, dtls->give_up_at);
}

void dtls_on_deadline(struct dtls *dtls, sr_usec now, struct dtls_step *ret_step)
{
    begin_step(dtls, ret_step);
    if (dtls->state != STATE_SHAKING)
        return;
    if (now >= dtls->give_up_at) {
        if (dtls->why[0] == '\0')
            (void)snprintf(dtls->why, sizeof(dtls->why),
                           "the DTLS handshake did not end within %d s",
                           (int)(HANDSHAKE_US / SR_SEC));
        fail(dtls, ret_step);
    } else if (DTLSv1_handle_timeout(dtls->ssl) < 0) {
        on_broken(dtls, ret_step);
    }
    end_step(dtls, now, ret_step);
}

void dtls_close(struct dtls *dtls, sr_usec now, struct dtls_step *ret_step)
{
    begin_step(dtls, ret_step);
    if (dtls->state == STATE_UP)
        (void)SSL_shutdown(dtls->ssl);
    dtls->state = STATE_OVER;
    dtls->give_up_at = SR_NEVER;
    end_step(dtls, now, ret_step);
}

struct sr_str dtls_datagram(const struct dtls *dtls, size_t index)
{
    size_t from = index > 0 ? dtls->out_ends[index - 1] : 0;

    SR_ASSERT(index < dtls->out_count);
    return sr_str_make(dtls->out.data + from, dtls->out_ends[index] - from);
}

bool dtls_is_up(const struct dtls *dtls)
{
    return dtls->state == STATE_UP;
}

void dtls_keys_get(const struct dtls *dtls, struct srtp_keys *ret_tx, struct srtp_keys *ret_rx)
{
    static const char label[] = "EXTRACTOR-dtls_srtp";
    const SRTP_PROTECTION_PROFILE *profile = SSL_get_selected_srtp_profile(dtls->ssl);
    uint8_t material[2 * SRTP_KEY_BYTES_MAX];
    enum srtp_suite suite;

    SR_ASSERT(profile != NULL);
    suite = srtp_suite_by_dtls((uint16_t)profile->id);
    SR_ASSERT(suite != SRTP_SUITE_NONE);
    SR_ASSERT(SSL_export_keying_material(dtls->ssl, material, 2 * srtp_key_bytes(suite), label,
                                         sizeof(label) - 1, NULL, 0, 0) == 1);
    srtp_keys_from_dtls(suite, material, dtls->options.is_client, ret_tx, ret_rx);
    sr_wipe(material, sizeof(material));
}

const char *dtls_why(const struct dtls *dtls)
{
    return dtls->why;
}

uint64_t dtls_junk(const struct dtls *dtls)
{
    return dtls->junk;
}

/* ---- on the wire ---- */

bool dtls_is_record(const uint8_t *bytes, size_t n)
{
    if (n < RECORD_HEADER_BYTES || bytes[0] < 20 || bytes[0] > 63)
        return false;
    return bytes[1] == 0xfe && get16(bytes + 11) + RECORD_HEADER_BYTES <= n;
}

bool dtls_is_first_hello(const uint8_t *bytes, size_t n)
{
    static const uint8_t zero[3];
    const uint8_t *body = bytes + RECORD_HEADER_BYTES;

    if (!dtls_is_record(bytes, n) || n < RECORD_HEADER_BYTES + HANDSHAKE_HEADER_BYTES)
        return false;
    /* handshake, epoch 0; ClientHello, message 0, from its first byte on */
    return bytes[0] == 22 && get16(bytes + 3) == 0 && body[0] == 1 && get16(body + 4) == 0 &&
           memcmp(body + 6, zero, sizeof(zero)) == 0;
}
