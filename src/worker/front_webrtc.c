/* The front's side of browser legs: descriptions, keys, and closing what three threads hold. */
#include <stdio.h>

#include "base/alloc.h"
#include "worker/front.h"

enum {
    WHY_MAX = 200
};

static struct mleg *find_browser(struct port_threads *port, sr_id id)
{
    struct mleg *leg = front__find_leg(port, id);

    return leg != NULL && leg->web != NULL ? leg : NULL;
}

static void make_ice(struct ice_local *local)
{
    uint8_t random[ICE_PWD_CHARS];

    sr_random_bytes(random, sizeof(random));
    ice_text_from(random, ICE_UFRAG_CHARS, local->ufrag);
    sr_random_bytes(random, sizeof(random));
    ice_text_from(random, ICE_PWD_CHARS, local->pwd);
}

/* ---- opening ---- */

enum sr_err front__webrtc_open(struct port_threads *port, struct mleg *leg)
{
    struct mweb *web;

    if (port->bport == NULL)
        return SR_ERR_UNSUPPORTED;
    web = sr_zalloc(1, sizeof(*web));
    web->bport = port->bport;
    web->peer.owner = leg;
    pktring_init(&web->peer.ring, BPORT_LEG_RING_BYTES);
    make_ice(&web->local);
    leg->web = web;
    leg->stream.crypto = MEDIA_CRYPTO_DTLS; /* nothing in the clear, also before a stream is set */
    return SR_OK;
}

void front__webrtc_announce(struct port_threads *port, struct mleg *leg)
{
    struct order *order = front__order(ORDER_PEER_ADD, leg->front_room, leg);

    leg->web->peer.leg = leg->id;
    leg->web->peer.cookie = leg->cookie;
    order->ice.local = leg->web->local;
    front__send(&port->workers[0], order);
}

/* ---- descriptions ---- */

enum sr_err front__webrtc_local(struct media_port *base, sr_id id,
                                struct media_webrtc_local *ret_local)
{
    struct port_threads *port = (struct port_threads *)base;
    struct mleg *leg = find_browser(port, id);
    struct sr_buf text;

    if (leg == NULL)
        return SR_ERR_NOTFOUND;
    *ret_local = (struct media_webrtc_local){.ice = leg->web->local};
    sr_buf_init_fixed(&text, ret_local->fingerprint, sizeof(ret_local->fingerprint));
    dtls_fingerprint_write(crypto_fingerprint(port->crypto), &text);
    (void)sr_buf_cstr(&text);
    ret_local->candidate_count = media_port_candidates(base, bport_number(port->bport),
                                                       ret_local->candidates, ICE_CANDIDATES_MAX);
    return SR_OK;
}

enum sr_err front__webrtc_remote(struct media_port *base, sr_id id,
                                 const struct media_webrtc_remote *remote)
{
    struct port_threads *port = (struct port_threads *)base;
    struct mleg *leg = find_browser(port, id);
    struct crypto_peer_options options = {
        .fingerprint = remote->fingerprint,
        .is_client = remote->is_dtls_client,
        .is_new_wanted = remote->is_dtls_new_wanted,
        .fd = -1,
    };
    struct order *order;

    if (leg == NULL)
        return SR_ERR_NOTFOUND;
    if (leg->web->remote_ufrag[0] != '\0' && !sr_str_eq_c(remote->ufrag, leg->web->remote_ufrag))
        make_ice(&leg->web->local);
    (void)sr_str_copy(remote->ufrag, leg->web->remote_ufrag, sizeof(leg->web->remote_ufrag));
    order = front__order(ORDER_PEER_REMOTE, leg->front_room, leg);
    order->ice.local = leg->web->local;
    (void)sr_str_copy(remote->ufrag, order->ice.ufrag, sizeof(order->ice.ufrag));
    (void)sr_str_copy(remote->pwd, order->ice.pwd, sizeof(order->ice.pwd));
    /* first the fingerprint: what the port lets through must find it */
    crypto_set(port->crypto, leg->id, &options);
    front__send(&port->workers[0], order);
    return SR_OK;
}

/* ---- what comes back ---- */

static void tell_state(struct port_threads *port, const struct mleg *leg,
                       enum media_webrtc_state state, const char *why)
{
    struct media_event event = {.kind = MEDIA_EVENT_WEBRTC,
                                .room = leg->front_room->id,
                                .leg = leg->id,
                                .cookie = leg->cookie,
                                .webrtc = state,
                                .why = why};

    front__tell(port, &event);
}

void front__webrtc_report(struct port_threads *port, struct report *report)
{
    static const char *const sentences[] = {
        [ICE_WHY_UNREACHED] = "the page never reached port %u (UDP or TCP) of the router: forward "
                              "it, or open it in the firewall",
        [ICE_WHY_FORGED] = "checks for another call reach port %u: the page has an old description",
        [ICE_WHY_UNDECIDED] = "the page reaches port %u, but it never chose a path",
        [ICE_WHY_CONSENT] = "the page's checks on port %u have stopped: its network is gone, or it "
                            "was closed",
    };
    char why[WHY_MAX];

    if (report->event.webrtc == MEDIA_WEBRTC_FAILED || report->event.webrtc == MEDIA_WEBRTC_LOST) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        (void)snprintf(why, sizeof(why), sentences[report->ice_why], bport_number(port->bport));
#pragma GCC diagnostic pop
        report->event.why = why;
    }
    front__tell(port, &report->event);
}

static void send_keys(struct mleg *leg, const struct srtp_keys *tx, const struct srtp_keys *rx)
{
    struct media_stream stream = {.crypto = MEDIA_CRYPTO_DTLS};
    struct order *order = front__order(ORDER_LEG_KEYS, leg->front_room, leg);

    stream.tx = *tx;
    stream.rx = *rx;
    order->secure = secure__new(&stream, NULL);
    sr_wipe(&stream, sizeof(stream));
    order->has_keys = order->secure != NULL;
    front__send_leg(leg, order);
}

static void on_result(void *arg, const struct crypto_result *result)
{
    struct port_threads *port = arg;
    struct mleg *leg = front__find_leg(port, result->leg);

    if (leg == NULL)
        return;
    switch (result->event) {
    case DTLS_EVENT_NONE:
        break;
    case DTLS_EVENT_UP:
        send_keys(leg, &result->tx, &result->rx);
        break;
    case DTLS_EVENT_FAILED:
        tell_state(port, leg, MEDIA_WEBRTC_FAILED, result->why);
        break;
    case DTLS_EVENT_CLOSED: /* whatever says to hold these keys now is not the peer */
        send_keys(leg, &result->tx, &result->rx);
        tell_state(port, leg, MEDIA_WEBRTC_CLOSED, NULL);
        break;
    }
}

void front__webrtc_keys(struct port_threads *port, struct order *order)
{
    secure__free(order->secure);
    if (order->has_keys && !order->leg->is_closing)
        tell_state(port, order->leg, MEDIA_WEBRTC_DTLS_UP, NULL);
}

/* ---- closing: the leg's worker, the browser port and the crypto thread let go ---- */

void front__webrtc_close(struct port_threads *port, struct mleg *leg)
{
    front__send(&port->workers[0], front__order(ORDER_PEER_REMOVE, leg->front_room, leg));
}

static void free_if_gone(struct port_threads *port, struct mleg *leg)
{
    struct mweb *web = leg->web;
    struct media_event closed = web->closed;

    if (!web->is_leg_gone || !web->is_peer_gone || !web->is_crypto_gone)
        return;
    front__free_leg(port, leg);
    front__tell(port, &closed);
}

void front__webrtc_taken(struct port_threads *port, struct mleg *leg,
                         const struct media_event *closed)
{
    leg->web->closed = *closed;
    leg->web->is_leg_gone = true;
    free_if_gone(port, leg);
}

/* Only now: until then the browser port passed records on. */
void front__webrtc_peer_gone(struct port_threads *port, struct mleg *leg)
{
    leg->web->is_peer_gone = true;
    crypto_forget(port->crypto, leg->id);
}

static void on_forgotten(void *arg, sr_id id)
{
    struct port_threads *port = arg;
    struct mleg *leg = sr_idtab_find(&port->legs, id);

    if (leg == NULL)
        return;
    if (leg->web == NULL) {
        front__dtls_forgotten(port, leg);
        return;
    }
    leg->web->is_crypto_gone = true;
    free_if_gone(port, leg);
}

void front__webrtc_free(struct mleg *leg)
{
    if (leg->web == NULL)
        return;
    pktring_done(&leg->web->peer.ring);
    sr_free_secret(leg->web, sizeof(*leg->web));
}

/* ---- life ---- */

enum sr_err front__webrtc_start(struct port_threads *port, uint32_t worker_count)
{
    struct bport_options bport = {
        .port = port->options.webrtc_port,
        .binds = port->options.webrtc_binds,
        .bind_count = port->options.webrtc_bind_count,
        .dscp = port->options.dscp,
        .worker_count = worker_count,
    };
    struct crypto_options crypto = {
        .loop = port->options.loop,
        .on_result = on_result,
        .on_forgotten = on_forgotten,
        .arg = port,
        .worker_count = worker_count,
    };
    enum sr_err err = SR_OK;

    if (bport.port != 0)
        err = bport_new(&bport, &port->bport);
    crypto.bport = port->bport;
    return err == SR_OK ? crypto_new(&crypto, &port->crypto) : err;
}

void front__webrtc_stats(const struct port_threads *port, struct media_web_stats *ret_stats)
{
    const struct crypto_counters *crypto = crypto_counters(port->crypto);
    const struct bport_counters *bport;

    *ret_stats = (struct media_web_stats){
        .half_open = atomic_load(&crypto->half_open),
        .junk = atomic_load(&crypto->junk),
        .dropped = atomic_load(&crypto->dropped),
        .handshakes = atomic_load(&crypto->handshakes),
        .handshakes_failed = atomic_load(&crypto->failures),
        .handshakes_refused = atomic_load(&crypto->refused),
    };
    if (port->bport == NULL)
        return;
    bport = bport_counters(port->bport);
    ret_stats->packets = atomic_load(&bport->rx_packets);
    ret_stats->junk += atomic_load(&bport->rx_junk);
    ret_stats->unknown = atomic_load(&bport->rx_unknown);
    ret_stats->forged = atomic_load(&bport->rx_forged);
    ret_stats->dropped += atomic_load(&bport->rx_full);
    ret_stats->tcp_refused = atomic_load(&bport->tcp_refused);
}

void front__webrtc_stop(struct port_threads *port)
{
    crypto_free(port->crypto);
    bport_free(port->bport);
}
