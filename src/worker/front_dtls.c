/* DTLS-SRTP of phones: the front's side of handshakes over a leg's own RTP socket. */
#include "worker/front.h"

void front__dtls_set(struct port_threads *port, struct mleg *leg, const struct media_stream *stream)
{
    struct crypto_peer_options options = {
        .fingerprint = stream->dtls_peer,
        .is_client = stream->is_dtls_client,
        /* back from another kind of keys: those of the association before are gone */
        .is_new_wanted = leg->has_dtls && leg->front_stream.crypto != MEDIA_CRYPTO_DTLS,
        .fd = leg->rtp_fd,
    };

    leg->has_dtls = true;
    crypto_set(port->crypto, leg->id, &options);
}

void front__dtls_taken(struct port_threads *port, struct mleg *leg,
                       const struct media_event *closed)
{
    leg->closed = *closed;
    crypto_forget(port->crypto, leg->id); /* it sends through the leg's socket */
}

void front__dtls_forgotten(struct port_threads *port, struct mleg *leg)
{
    struct media_event closed = leg->closed;

    front__free_leg(port, leg);
    front__tell(port, &closed);
}

void front__fingerprint(struct media_port *base, char out[DTLS_FINGERPRINT_TEXT_MAX])
{
    struct port_threads *port = (struct port_threads *)base;
    struct sr_buf text;

    sr_buf_init_fixed(&text, out, DTLS_FINGERPRINT_TEXT_MAX);
    dtls_fingerprint_write(crypto_fingerprint(port->crypto), &text);
    (void)sr_buf_cstr(&text);
}
