/* SRTP of one leg: keys in force, keys before, and nothing in the clear where keys were agreed. */
#include "base/alloc.h"
#include "base/log.h"
#include "worker/internal.h"

/* Refused keys leave the suite NONE. */
static bool make(struct srtp *srtp, const struct srtp_keys *keys, enum srtp_direction direction)
{
    return keys->suite == SRTP_SUITE_NONE || srtp_init(srtp, keys, direction) == SR_OK;
}

struct secure *secure__new(const struct media_stream *stream, const struct media_stream *before)
{
    struct secure *secure;
    bool was_secure = before != NULL && before->crypto == stream->crypto;

    if (stream->crypto == MEDIA_CRYPTO_NONE ||
        (stream->tx.suite == SRTP_SUITE_NONE && stream->rx.suite == SRTP_SUITE_NONE))
        return NULL;
    secure = sr_zalloc(1, sizeof(*secure));
    secure->keeps_tx = was_secure && srtp_keys_eq(&stream->tx, &before->tx);
    secure->keeps_rx = was_secure && srtp_keys_eq(&stream->rx, &before->rx);
    if ((!secure->keeps_tx && !make(&secure->tx, &stream->tx, SRTP_SEND)) ||
        (!secure->keeps_rx && !make(&secure->rx, &stream->rx, SRTP_RECEIVE)))
        sr_log(MEDIA, ERROR, "event=srtp_refused suite=%s", srtp_suite_name(stream->tx.suite));
    return secure;
}

void secure__free(struct secure *secure)
{
    if (secure == NULL)
        return;
    srtp_done(&secure->tx);
    srtp_done(&secure->rx);
    srtp_done(&secure->rx_before);
    sr_free(secure);
}

static void swap(struct srtp *a, struct srtp *b)
{
    struct srtp kept = *a;

    *a = *b;
    *b = kept;
}

void secure__follow(struct secure *fresh, struct secure *old)
{
    if (old == NULL)
        return;
    if (fresh->keeps_tx)
        swap(&fresh->tx, &old->tx);
    if (fresh->keeps_rx) {
        swap(&fresh->rx, &old->rx);
        swap(&fresh->rx_before, &old->rx_before);
        fresh->before_until = old->before_until;
    } else if (old->rx.suite != SRTP_SUITE_NONE) {
        if (fresh->rx.suite != SRTP_SUITE_NONE)
            srtp_follow(&fresh->rx, &old->rx);
        swap(&fresh->rx_before, &old->rx);
    }
}

bool secure__seal(struct mleg *leg, bool is_rtcp, uint8_t *bytes, size_t *n)
{
    struct secure *secure = leg->secure;

    if (leg->stream.crypto == MEDIA_CRYPTO_NONE)
        return true;
    if (secure == NULL || secure->tx.suite == SRTP_SUITE_NONE)
        return false;
    return (is_rtcp ? srtcp_protect(&secure->tx, bytes, n) : srtp_protect(&secure->tx, bytes, n)) ==
           SR_OK;
}

static enum sr_err open_with(struct srtp *srtp, bool is_rtcp, uint8_t *bytes, size_t *n)
{
    if (srtp->suite == SRTP_SUITE_NONE)
        return SR_ERR_AUTH;
    return is_rtcp ? srtcp_unprotect(srtp, bytes, n) : srtp_unprotect(srtp, bytes, n);
}

/* Under new keys packets that were on their way still come under the old ones. */
static enum sr_err open_either(struct secure *secure, bool is_rtcp, uint8_t *bytes, size_t *n,
                               sr_usec now)
{
    bool is_before_valid = secure->rx_before.suite != SRTP_SUITE_NONE &&
                           (secure->before_until == 0 || now < secure->before_until);
    enum sr_err err = open_with(&secure->rx, is_rtcp, bytes, n);

    if (err == SR_OK && secure->before_until == 0)
        secure->before_until = now + LEG_SRTP_GRACE_MS * SR_MSEC;
    if (err == SR_ERR_AUTH && is_before_valid)
        err = open_with(&secure->rx_before, is_rtcp, bytes, n);
    return err;
}

bool secure__open(struct mleg *leg, bool is_rtcp, uint8_t *bytes, size_t *n, sr_usec now)
{
    enum sr_err err = SR_ERR_STATE;

    if (leg->stream.crypto == MEDIA_CRYPTO_NONE)
        return true;
    if (leg->secure != NULL)
        err = open_either(leg->secure, is_rtcp, bytes, n, now);
    if (err == SR_OK)
        return true;
    leg->rx_dropped++;
    leg->srtp_auth_failed += err == SR_ERR_AUTH;
    leg->srtp_replayed += err == SR_ERR_EXISTS;
    return false;
}
