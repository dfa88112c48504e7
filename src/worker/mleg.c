/* One leg in the worker: its packets in and out, its statistics. */
#include <errno.h>
#include <math.h>
#include <sys/socket.h>

#include "net/clock.h"
#include "worker/crypto.h"
#include "worker/internal.h"

void mleg__init(struct mleg *leg, struct sr_prng *prng, sr_usec now)
{
    struct latch_options none = {0};

    leg->ssrc = (uint32_t)sr_prng_u64(prng);
    /* below 2^15: a lost first packet cannot hide a wrap from SRTP's receiver (RFC 3711 3.3.1) */
    rtp_sender_init(&leg->sender, leg->ssrc, (uint16_t)(sr_prng_u64(prng) & 0x7fff),
                    (uint32_t)sr_prng_u64(prng));
    rtp_relay_init(&leg->relay);
    rtp_source_init(&leg->source, 8000);
    latch_init(&leg->latch, &none);
    dtmf_rx_init(&leg->dtmf_rx, 8000);
    dtmf_tx_init(&leg->dtmf_tx, 8000);
    rtcp_peer_init(&leg->rtcp_peer);
    rtcp_timer_init(&leg->rtcp_timer, RTCP_INTERVAL_US, prng, now);
    sr_list_init(&leg->plays);
    sr_list_init(&leg->early);
    sr_list_init(&leg->digits);
    leg->heard_at = now;
    leg->busy_since = now;
    leg->stats_at = now + WORKER_STATS_MS * SR_MSEC;
    leg->level_dbfs = LEVEL_DBFS_MIN;
    leg->level_max_dbfs = LEVEL_DBFS_MIN;
}

/* ---- the socket's peer ---- */

static void connect_to(struct mleg *leg, const struct sr_addr *addr)
{
    struct sockaddr_storage sa;
    socklen_t n = sr_addr_to_sockaddr(addr, &sa);

    leg->is_connected = n > 0 && connect(leg->rtp_fd, (struct sockaddr *)&sa, n) == 0;
}

/* A connected socket hides strays and a peer that moved: listen to everybody again. */
static void disconnect(struct mleg *leg)
{
    struct sockaddr sa = {.sa_family = AF_UNSPEC};

    if (!leg->is_connected)
        return;
    leg->is_connected = false;
    (void)connect(leg->rtp_fd, &sa, sizeof(sa));
}

void mleg__send(struct mleg *leg, uint8_t *bytes, size_t n)
{
    struct sr_addr target;
    struct sockaddr_storage sa;
    ssize_t sent;

    if (!secure__seal(leg, false, bytes, &n)) {
        leg->send_errors++;
        return;
    }
    if (leg->web != NULL) {
        sent = mweb__send(leg, bytes, n) ? 0 : -1;
    } else if (leg->is_connected) {
        sent = send(leg->rtp_fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    } else {
        if (!latch_target(&leg->latch, &target))
            return;
        sent = sendto(leg->rtp_fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&sa,
                      sr_addr_to_sockaddr(&target, &sa));
    }
    if (sent < 0) { /* ICMP of an earlier packet, or a full buffer: the next one may pass */
        leg->send_errors++;
        return;
    }
    leg->tx_packets++;
    leg->tx_bytes += n;
}

static void send_stamped(struct mleg *leg, const struct rtp_stamp *stamp, uint8_t payload_type,
                         const uint8_t *payload, size_t payload_bytes)
{
    uint8_t bytes[LEG_PACKET_ROOM];
    struct rtp_packet packet = {
        .payload_type = payload_type,
        .marker = stamp->marker,
        .seq = stamp->seq,
        .timestamp = stamp->timestamp,
        .ssrc = stamp->ssrc,
        .payload = payload,
        .payload_bytes = payload_bytes,
    };
    size_t n;

    if (rtp_write(&packet, bytes, RTP_PACKET_BYTES_MAX, &n) == SR_OK)
        mleg__send(leg, bytes, n);
}

static uint32_t send_clock(const struct mleg *leg)
{
    const struct codec_ops *codec = codec_find(leg->stream.send_codec);

    return codec != NULL ? codec->clock_hz : 8000;
}

void mleg__send_frame(struct worker *worker, struct mleg *leg, const uint8_t *payload, size_t n,
                      uint32_t units)
{
    struct rtp_stamp stamp;

    rtp_sender_frame(&leg->sender, send_clock(leg), units, n > 0, n, worker->now, &stamp);
    if (n > 0)
        send_stamped(leg, &stamp, leg->stream.send_payload_type, payload, n);
}

/* ---- digits ---- */

bool mleg__queue_digit(struct mleg *leg, struct order *order)
{
    char digit = order->dtmf.digit;
    uint32_t duration_ms = order->dtmf.duration_ms;

    if (!mleg__has_wire(leg) || leg->inband_count == MEDIA_DTMF_QUEUE_MAX)
        return false;
    if (leg->stream.dtmf_wanted) {
        if (dtmf_tx_add(&leg->dtmf_tx, digit, duration_ms) != SR_OK)
            return false;
    } else {
        leg->inband[leg->inband_count] = digit;
        leg->inband_ms[leg->inband_count] = (uint16_t)duration_ms;
        leg->inband_count++;
    }
    sr_list_add(&leg->digits, &order->held);
    return true;
}

void mleg__return_digits(struct worker *worker, struct mleg *leg, bool is_closing)
{
    uint32_t unsent = leg->inband_count + (leg->inband_left_ms > 0) + dtmf_tx_unsent(&leg->dtmf_tx);

    while (leg->digits.count > (is_closing ? 0 : unsent))
        worker__return(worker, SR_CONTAINER(sr_list_pop(&leg->digits), struct order, held));
}

bool mleg__has_digits(const struct mleg *leg)
{
    return dtmf_tx_is_busy(&leg->dtmf_tx);
}

bool mleg__send_digits(struct worker *worker, struct mleg *leg, uint32_t units)
{
    struct dtmf_tx_step step;
    struct rtp_stamp stamp;

    if (!dtmf_tx_is_busy(&leg->dtmf_tx))
        return false;
    rtp_sender_frame(&leg->sender, send_clock(leg), units, false, 0, worker->now, &stamp);
    dtmf_tx_tick(&leg->dtmf_tx, &leg->sender, &stamp, units, &step);
    for (uint8_t i = 0; i < step.packet_count; i++)
        send_stamped(leg, &step.packets[i].stamp, leg->stream.dtmf_payload_type,
                     step.packets[i].payload, sizeof(step.packets[i].payload));
    return true;
}

/* Its packets go to the other party as they come. */
static bool relays_digits(const struct mleg *leg)
{
    const struct mleg *to = leg->relay_to;

    return to != NULL && to->stream.can_send && to->stream.dtmf_wanted &&
           !leg->stream.is_dtmf_kept && !dtmf_tx_is_busy(&to->dtmf_tx);
}

static void report_digits(struct worker *worker, struct mleg *leg, const struct dtmf_step *step)
{
    for (uint8_t i = 0; i < step->report_count; i++) {
        struct report report = {
            .event = {.kind = MEDIA_EVENT_DTMF,
                      .leg = leg->id,
                      .cookie = leg->cookie,
                      .digit = step->reports[i].digit,
                      .is_relayed = leg->is_digit_relayed,
                      .duration_ms = (uint16_t)SR_MIN(step->reports[i].duration_ms, 65535u)}};

        if (step->reports[i].what == DTMF_START) {
            leg->is_digit_relayed = relays_digits(leg);
            plays__on_digit(worker, leg);
        }
        if (step->reports[i].what == DTMF_END)
            (void)worker__report(worker, &report);
    }
}

/* ---- receiving ---- */

static const struct media_format *format_of(const struct mleg *leg, uint8_t payload_type)
{
    for (uint8_t i = 0; i < leg->stream.format_count; i++) {
        if (leg->stream.formats[i].payload_type == payload_type)
            return &leg->stream.formats[i];
    }
    return NULL;
}

/* The other leg's payload type for what came in; false: it cannot be relayed. */
static bool relay_type(const struct mleg *to, const struct media_format *format,
                       struct rtp_relay_target *target)
{
    target->clock_hz = format->clock_hz;
    if (format->is_dtmf) {
        target->payload_type = to->stream.dtmf_payload_type;
        return to->stream.dtmf_wanted;
    }
    target->payload_type = to->stream.send_payload_type;
    return format->codec == to->stream.send_codec;
}

static void rescale_event(const struct mleg *to, const struct media_format *format,
                          struct rtp_relay_out *out)
{
    struct dtmf_payload payload;
    uint8_t *at = out->bytes + RTP_HEADER_BYTES;

    if (!format->is_dtmf || format->clock_hz == to->stream.dtmf_clock_hz ||
        dtmf_parse(at, out->n - RTP_HEADER_BYTES, &payload) != SR_OK)
        return;
    payload.duration = dtmf_rescale(payload.duration, format->clock_hz, to->stream.dtmf_clock_hz);
    dtmf_write(&payload, at);
}

/* G.711 remembers nothing. */
static void note_recent(struct mleg *leg, const struct rtp_packet *packet,
                        const struct media_format *format)
{
    struct recent *recent = &leg->recent[leg->recent_count % LEG_RECENT_MAX];

    if (format->is_dtmf || format->codec == CODEC_PCMU || format->codec == CODEC_PCMA)
        return;
    recent->codec = (uint8_t)format->codec;
    recent->n = packet->payload_bytes <= LEG_RECENT_BYTES ? (uint8_t)packet->payload_bytes : 0;
    memcpy(recent->bytes, packet->payload, recent->n);
    leg->recent_count++;
}

static void relay_packet(struct worker *worker, struct mleg *leg, uint8_t *bytes,
                         const struct rtp_packet *packet, const struct media_format *format)
{
    struct mleg *to = leg->relay_to;
    struct rtp_relay_target target = {.now = worker->now};
    struct rtp_relay_out out;

    if (!to->stream.can_send || dtmf_tx_is_busy(&to->dtmf_tx))
        return;
    if (format->is_dtmf && leg->stream.is_dtmf_kept) {
        rtp_relay_skip(&to->relay);
        return;
    }
    if (!relay_type(to, format, &target)) {
        leg->rx_dropped++;
        return;
    }
    /* events ride on the clock of the audio around them */
    if (format->is_dtmf)
        target.clock_hz = send_clock(to);
    if (rtp_relay_rewrite(&to->relay, &to->sender, bytes, packet, &target, &out) != RTP_RELAY_SEND)
        return;
    rescale_event(to, format, &out);
    note_recent(leg, packet, format);
    mleg__send(to, out.bytes, out.n);
}

static void keep_packet(struct mleg *leg, const struct rtp_packet *packet,
                        const struct media_format *format)
{
    struct kit *kit = leg->kit;
    struct jitter_packet kept = {
        .kind = JITTER_AUDIO,
        .seq = packet->seq,
        .timestamp = packet->timestamp,
        .ssrc = packet->ssrc,
        .marker = packet->marker,
        .payload = packet->payload,
        .payload_bytes = packet->payload_bytes,
        .arrived_at = leg->arrived_at,
    };

    if (kit == NULL || kit->jitter == NULL)
        return;
    if (format->is_dtmf)
        kept.kind = JITTER_SKIP;
    else if (format->codec != kit->rx_codec)
        return; /* the front is told and sends another kit */
    else if (format->codec == CODEC_OPUS && packet->payload_bytes <= 2)
        kept.kind = JITTER_COMFORT;
    (void)jitter_push(kit->jitter, &kept);
}

static void note_codec(struct worker *worker, struct mleg *leg, enum codec_id codec)
{
    struct report report = {.kind = REPORT_RX_CODEC, .codec = codec, .event = {.leg = leg->id}};

    if (leg->rx_codec_seen == codec)
        return;
    rtp_source_set_clock(&leg->source, codec_find(codec)->clock_hz);
    if (worker__report(worker, &report)) /* else with the next packet */
        leg->rx_codec_seen = codec;
}

static void report_latched(struct worker *worker, struct mleg *leg)
{
    struct report report = {.event = {.kind = MEDIA_EVENT_LATCHED,
                                      .leg = leg->id,
                                      .cookie = leg->cookie,
                                      .addr = leg->latch.locked}};

    leg->is_latch_due = !worker__report(worker, &report);
}

/* A browser's source is proven by ICE and the packet's key. */
static void note_browser(struct worker *worker, struct mleg *leg)
{
    struct report report = {.event = {.kind = MEDIA_EVENT_LATCHED,
                                      .leg = leg->id,
                                      .cookie = leg->cookie,
                                      .addr = leg->web->path.remote}};

    if (leg->web->is_path_heard)
        return;
    leg->web->is_path_heard = worker__report(worker, &report);
}

static void note_unknown_type(struct mleg *leg, uint8_t payload_type)
{
    leg->rx_unknown_type++;
    leg->unknown_type = payload_type;
}

bool mleg__follow(struct worker *worker, struct mleg *leg, const struct sr_addr *from,
                  const struct latch_result *latched)
{
    if (latched->is_changed) {
        disconnect(leg);
        connect_to(leg, &leg->latch.locked);
        report_latched(worker, leg);
    }
    leg->rx_dropped += latched->verdict == LATCH_DROP;
    if (latched->verdict == LATCH_DROP && latched->reject != LATCH_REJECT_PAYLOAD_TYPE)
        leg->stray_from = *from;
    return latched->verdict == LATCH_ACCEPT;
}

static void take_packet(struct worker *worker, struct mleg *leg, const struct sr_addr *from,
                        uint8_t *bytes, size_t n);
static void take_open(struct worker *worker, struct mleg *leg, const struct early_in *in);

/* What came too early is heard as if then: its source has proved itself by now (is_open), or its stream is
 * known by now. */
static void take_early(struct worker *worker, struct mleg *leg, bool is_open)
{
    struct early_in in;
    sr_usec now = worker->now, arrived_at = leg->arrived_at, at;

    while (early__next(worker, leg, is_open, &in, &at)) {
        struct sr_addr from = *in.from;
        uint8_t bytes[EARLY_BYTES_MAX + SRTP_TRAILER_BYTES_MAX]; /* it may go out again, sealed */
        struct early_in copy = {&from, bytes, in.n, is_open};

        memcpy(bytes, in.bytes, in.n);
        worker->now = leg->arrived_at = at;
        if (!is_open)
            take_packet(worker, leg, &from, bytes, copy.n);
        else if (leg->latch.is_locked && sr_addr_eq(&from, &leg->latch.locked))
            take_open(worker, leg, &copy);
        worker->now = now;
    }
    leg->arrived_at = arrived_at;
}

static bool is_from_peer(struct worker *worker, struct mleg *leg, const struct early_in *in,
                         const struct rtp_packet *packet)
{
    const struct sr_addr *from = in->from;
    struct latch_result latched = latch_on_packet(&leg->latch, from, packet, worker->now);
    bool is_ok;

    if (latched.verdict == LATCH_DROP && latched.reject == LATCH_REJECT_PAYLOAD_TYPE)
        note_unknown_type(leg, packet->payload_type);
    if (latched.verdict == LATCH_HOLD && !leg->latch.is_locked)
        early__keep(worker, leg, in);
    is_ok = mleg__follow(worker, leg, from, &latched);
    if (latched.is_changed)
        take_early(worker, leg, true);
    return is_ok;
}

bool mleg__is_in_measure(const struct worker *worker, struct mleg *leg)
{
    uint32_t most = leg->kind == MEDIA_LEG_PIPE ? LEG_PIPE_PPS_MAX : LEG_PPS_MAX;

    if (worker->now - leg->burst_at > SR_SEC) {
        leg->burst_at = worker->now;
        leg->burst_count = 0;
    }
    if (++leg->burst_count > most) {
        leg->rx_dropped++;
        return false;
    }
    return true;
}

bool mleg__is_welcome(struct worker *worker, struct mleg *leg, const struct early_in *in,
                      const struct rtp_packet *packet)
{
    if (leg->web != NULL)
        note_browser(worker, leg);
    else if (!is_from_peer(worker, leg, in, packet))
        return false;
    return mleg__is_in_measure(worker, leg);
}

/* SRTP: only what has the right key is looked at, so nothing else ever locks the source. */
static bool is_genuine(struct worker *worker, struct mleg *leg, const struct sr_addr *from,
                       uint8_t *bytes, size_t *n)
{
    if (leg->stream.crypto == MEDIA_CRYPTO_NONE)
        return true;
    if (leg->web == NULL &&
        !latch_on_address(&leg->latch, from, worker->now)) { /* spares the work */
        leg->rx_dropped++;
        leg->stray_from = *from;
        return false;
    }
    return secure__open(leg, false, bytes, n, worker->now);
}

static void take_packet(struct worker *worker, struct mleg *leg, const struct sr_addr *from,
                        uint8_t *bytes, size_t n)
{
    struct early_in in = {from, bytes, n, false};

    /* its answer is on the way, or the rest of what the answer orders: nobody would hear it yet */
    if (leg->web == NULL && (!leg->has_stream || leg->room->mode == MEDIA_MODE_IDLE)) {
        early__keep(worker, leg, &in);
        return;
    }
    if (!leg->has_stream)
        return;
    in.is_open = is_genuine(worker, leg, from, bytes, &in.n);
    if (in.is_open)
        take_open(worker, leg, &in);
}

/* RTP in the clear, or decrypted. */
static void take_open(struct worker *worker, struct mleg *leg, const struct early_in *in)
{
    const struct media_format *format;
    enum rtp_source_verdict verdict;
    uint8_t *bytes = in->bytes;
    struct rtp_packet packet;
    struct dtmf_step step;
    size_t n = in->n;

    if (rtp_parse(bytes, n, &packet) != SR_OK) {
        leg->rx_dropped++;
        return;
    }
    if (!mleg__is_welcome(worker, leg, in, &packet))
        return;
    format = format_of(leg, packet.payload_type);
    verdict = rtp_source_push(&leg->source, &packet, leg->arrived_at);
    leg->heard_at = worker->now;
    leg->is_timed_out = false;
    if (format == NULL)
        note_unknown_type(leg, packet.payload_type);
    if (format == NULL || verdict == RTP_SOURCE_DUPLICATE || verdict == RTP_SOURCE_JUMP) {
        leg->rx_dropped++;
        return;
    }
    leg->rx_packets++;
    leg->rx_bytes += n;
    if (format->is_dtmf) {
        leg->dtmf_rx.clock_hz = format->clock_hz;
        dtmf_rx_push(&leg->dtmf_rx, &packet, worker->now, &step);
        report_digits(worker, leg, &step);
    } else {
        note_codec(worker, leg, format->codec);
    }
    if (leg->relay_to != NULL)
        relay_packet(worker, leg, bytes, &packet, format);
    else if (leg->room->mode == MEDIA_MODE_MIX)
        keep_packet(leg, &packet, format);
}

/* Opus: redundancy where packets are missing, fewer bits where the line is full. In steps, so that
   legs of like fate share an encoder. libopus 1.3 spends bits on redundancy only from an expected loss of 10 %
   and from 24 kbit/s on. */
void mleg__fit_encoder(struct mleg *leg)
{
    static const struct {
        double loss_pct; /* up to */
        uint8_t expected_pct;
        uint32_t bitrate_bps; /* 0: as usual */
    } steps[] = {{1, 0, 0}, {5, 10, 0}, {12, 15, 0}, {25, 20, 24000}, {100, 30, 24000}};
    uint32_t wished = leg->stream.opus.maxaveragebitrate;
    struct codec_tuning *tuning;
    size_t i = 0;

    if (leg->kit == NULL || leg->kit->encoder.ops == NULL || leg->kit->tx_codec != CODEC_OPUS)
        return;
    while (leg->loss_pct > steps[i].loss_pct && i + 1 < SR_ARRAY_LEN(steps))
        i++;
    tuning = &leg->kit->tuning;
    if (tuning->loss_pct == steps[i].expected_pct)
        return;
    tuning->loss_pct = steps[i].expected_pct;
    tuning->bitrate_bps = steps[i].bitrate_bps;
    if (wished != 0 && (tuning->bitrate_bps == 0 || wished < tuning->bitrate_bps))
        tuning->bitrate_bps = wished;
    leg->kit->complexity_now = -1; /* not as it was tuned */
}

static void take_rtcp(struct worker *worker, struct mleg *leg, const struct sr_addr *from,
                      uint8_t *bytes, size_t n)
{
    struct rtcp_compound compound;
    bool is_ours = leg->web != NULL || latch_accepts_rtcp(&leg->latch, from);

    if (is_ours && !secure__open(leg, true, bytes, &n, worker->now))
        return;
    if (!is_ours || rtcp_parse(bytes, n, true, &compound) != SR_OK) {
        leg->rx_dropped++;
        return;
    }
    rtcp_peer_on_compound(&leg->rtcp_peer, &compound, leg->ssrc, send_clock(leg), worker->now,
                          worker__wall(worker));
    leg->loss_pct = SR_MAX(leg->rtcp_peer.loss_pct, (leg->loss_pct + leg->rtcp_peer.loss_pct) / 2);
    mleg__fit_encoder(leg);
}

/* One datagram; false: nothing is there. Its source is asked for on a connected socket, too: what strangers
   sent before connect() still waits there. */
static bool read_one(int fd, uint8_t *bytes, size_t size, ssize_t *ret_n, struct sr_addr *ret_from)
{
    struct sockaddr_storage sa;
    socklen_t sa_len = sizeof(sa);

    *ret_n = recvfrom(fd, bytes, size, MSG_DONTWAIT, (struct sockaddr *)&sa, &sa_len);
    if (*ret_n >= 0)
        sr_addr_from_sockaddr((struct sockaddr *)&sa, ret_from);
    /* an ICMP error of something we sent shows up here: not the end of what can be read */
    return *ret_n >= 0 || (errno != EAGAIN && errno != EBADF);
}

/* The packet in hand came at that time, as far as time may be believed. */
static void note_arrival(const struct worker *worker, struct mleg *leg, sr_usec at)
{
    leg->arrived_at = SR_MAX(leg->arrived_at, SR_MIN(at, worker->now));
}

/* As read_one() on the RTP socket of a leg that is swept. `*ahead` is what the clock on the wall is ahead of
   ours, read once for all of a sweep; 0: not yet. */
static bool read_stamped(struct worker *worker, struct mleg *leg, uint8_t *bytes, ssize_t *ret_n,
                         struct sr_addr *ret_from, sr_usec *ahead)
{
    sr_usec stamp;

    *ret_n =
        sockets__receive_stamped(leg->rtp_fd, bytes, RTP_PACKET_BYTES_MAX + 1, ret_from, &stamp);
    if (*ret_n < 0)
        return errno != EAGAIN && errno != EBADF;
    if (*ahead == 0)
        *ahead = net_clock_wall() - net_clock_now();
    note_arrival(worker, leg, worker__arrival(worker, stamp - *ahead));
    return true;
}

static void receive_browser(struct worker *worker, struct mleg *leg)
{
    uint8_t bytes[LEG_PACKET_ROOM];
    sr_usec at;
    size_t n;

    for (int i = 0; i < WORKER_BURST_MAX && mweb__read(leg, bytes, RTP_PACKET_BYTES_MAX, &n, &at);
         i++) {
        note_arrival(worker, leg, at);
        if (rtp_is_rtcp(bytes, n))
            take_rtcp(worker, leg, &leg->web->path.remote, bytes, n);
        else
            take_packet(worker, leg, &leg->web->path.remote, bytes, n);
    }
}

/* Handshakes only with an address that may be the peer's: the SDP's, or where its signalling is. */
static void take_dtls(struct worker *worker, struct mleg *leg, const struct sr_addr *from,
                      const uint8_t *bytes, size_t n)
{
    struct ice_path path = {.remote = *from};

    if (!leg->has_stream || leg->stream.crypto != MEDIA_CRYPTO_DTLS ||
        (!latch_is_named(&leg->latch, from) || !latch_on_address(&leg->latch, from, worker->now))) {
        leg->rx_dropped++;
        return;
    }
    crypto_push(worker->crypto, worker->index, leg->id, &path, bytes, n);
}

/* Our ClientHello goes to the locked source, or to the SDP's address. */
static void tell_dtls_path(struct worker *worker, struct mleg *leg)
{
    struct ice_path path = {.remote = {.family = SR_ADDR_NONE}};

    leg->is_dtls_path_due = leg->stream.crypto == MEDIA_CRYPTO_DTLS && leg->web == NULL &&
                            leg->stream.is_dtls_client &&
                            !(latch_target(&leg->latch, &path.remote) &&
                              crypto_set_path(worker->crypto, worker->index, leg->id, &path));
}

/* The packet just read is the peer's, and the one before came long ago: hardly another waits behind it.
   Not to look costs nothing when that is wrong, since epoll tells of the socket again. */
static bool is_lone(const struct worker *worker, const struct mleg *leg, sr_usec heard_before)
{
    return leg->is_watched && leg->heard_at == worker->now &&
           worker->now - heard_before > LEG_LONE_US;
}

void mleg__take_early(struct worker *worker, struct mleg *leg)
{
    if (leg->has_stream && leg->room->mode != MEDIA_MODE_IDLE)
        take_early(worker, leg, false);
}

void mleg__receive(struct worker *worker, struct mleg *leg)
{
    uint8_t bytes[LEG_PACKET_ROOM + 1];
    sr_usec heard_before = leg->heard_at;
    struct sr_addr from;
    sr_usec ahead = 0;
    bool is_there;
    ssize_t n;

    if (leg->web != NULL) {
        receive_browser(worker, leg);
        return;
    }
    if (!leg->is_stamped)
        note_arrival(worker, leg, worker->now);
    for (int i = 0; i < WORKER_BURST_MAX; i++) {
        if (i == 1 && is_lone(worker, leg, heard_before))
            return;
        if (leg->is_stamped)
            is_there = read_stamped(worker, leg, bytes, &n, &from, &ahead);
        else
            is_there = read_one(leg->rtp_fd, bytes, RTP_PACKET_BYTES_MAX + 1, &n, &from);
        if (!is_there)
            return;
        if (n <= 0 || n > RTP_PACKET_BYTES_MAX)
            continue;
        if (leg->kind == MEDIA_LEG_PIPE)
            pipe__take(worker, leg, false, &from, bytes, (size_t)n);
        else if (dtls_is_record(bytes, (size_t)n)) /* RFC 7983 */
            take_dtls(worker, leg, &from, bytes, (size_t)n);
        else if (rtp_is_rtcp(bytes, (size_t)n))
            take_rtcp(worker, leg, &from, bytes, (size_t)n);
        else
            take_packet(worker, leg, &from, bytes, (size_t)n);
    }
}

void mleg__receive_rtcp(struct worker *worker, struct mleg *leg)
{
    uint8_t bytes[RTP_PACKET_BYTES_MAX];
    struct sr_addr from;
    ssize_t n;

    for (int i = 0; i < WORKER_BURST_MAX; i++) {
        if (!read_one(leg->rtcp_fd, bytes, sizeof(bytes), &n, &from))
            return;
        if (n > 0 && leg->kind == MEDIA_LEG_PIPE)
            pipe__take(worker, leg, true, &from, bytes, (size_t)n);
        else if (n > 0 && leg->has_stream)
            take_rtcp(worker, leg, &from, bytes, (size_t)n);
    }
}

/* ---- orders ---- */

void mleg__set_stream(struct worker *worker, struct mleg *leg, const struct media_stream *stream)
{
    struct latch_options options = {.sdp = stream->remote_rtp, .signaling = stream->signalling};

    options.is_behind_nat = !sr_addr_ip_eq(&stream->remote_rtp, &stream->signalling);
    for (uint8_t i = 0; i < stream->format_count; i++)
        latch_allow(&options, stream->formats[i].payload_type);
    for (size_t i = 0; leg->kind == MEDIA_LEG_PIPE && i < SR_ARRAY_LEN(options.payload_types); i++)
        options.payload_types[i] = stream->payload_types[i];
    if (!leg->has_stream)
        latch_init(&leg->latch, &options);
    else if (latch_on_signaling(&leg->latch, &options))
        disconnect(leg);
    else if (!sr_addr_eq(&stream->remote_rtp, &leg->stream.remote_rtp))
        disconnect(leg); /* another source may prove itself now */
    if (stream->dtmf_clock_hz != 0 && stream->dtmf_clock_hz != leg->dtmf_tx.clock_hz)
        dtmf_tx_init(&leg->dtmf_tx, stream->dtmf_clock_hz);
    if (leg->kind == MEDIA_LEG_PIPE && stream->rtp_clock_hz != 0 &&
        stream->rtp_clock_hz != leg->source.clock_hz)
        rtp_source_set_clock(&leg->source, stream->rtp_clock_hz);
    if (!leg->has_stream)
        leg->heard_at = worker->now;
    leg->stream = *stream;
    leg->has_stream = true;
    worker->is_early_due |= leg->early.count > 0;
    leg->rtcp_addr = stream->remote_rtcp;
    tell_dtls_path(worker, leg);
}

/* ---- now and then ---- */

bool mleg__rtcp_target(const struct mleg *leg, struct sr_addr *target)
{
    *target = leg->rtcp_addr;
    if (leg->stream.crypto == MEDIA_CRYPTO_DTLS && !leg->stream.rtcp_mux)
        return false;           /* it would need a handshake of its own (RFC 5764 4.1.2) */
    if (leg->latch.is_locked) { /* behind NAT only the locked address can be reached */
        if (!sr_addr_ip_eq(target, &leg->latch.locked)) {
            *target = leg->latch.locked;
            target->port = (uint16_t)(target->port + 1);
        }
        if (leg->stream.rtcp_mux)
            *target = leg->latch.locked;
    }
    return target->family != SR_ADDR_NONE && target->port != 0;
}

static void send_rtcp(struct worker *worker, struct mleg *leg)
{
    uint8_t bytes[RTCP_PACKET_BYTES_MAX + SRTP_TRAILER_BYTES_MAX];
    struct rtcp_report report = {.ssrc = leg->ssrc, .cname = SR_STR("siprouter")};
    struct sr_addr target;
    struct sockaddr_storage sa;
    socklen_t sa_len;
    size_t n;

    rtcp_timer_sent(&leg->rtcp_timer, &worker->prng, worker->now);
    if (leg->web == NULL && !mleg__rtcp_target(leg, &target))
        return;
    if (leg->sender.packets > 0) {
        report.has_sr = true;
        report.ntp = rtcp_ntp(worker__wall(worker));
        report.rtp_ts = rtp_sender_ts_at(&leg->sender, worker->now);
        report.packets = (uint32_t)leg->sender.packets;
        report.octets = (uint32_t)leg->sender.payload_bytes;
    }
    if (leg->source.is_started) {
        report.block_count = 1;
        rtcp_block_fill(&report.block, &leg->source, &leg->rtcp_peer, worker->now);
    }
    if (rtcp_write(&report, bytes, RTCP_PACKET_BYTES_MAX, &n) != SR_OK ||
        !secure__seal(leg, true, bytes, &n))
        return;
    if (leg->web != NULL) {
        (void)mweb__send(leg, bytes, n); /* lost like on the wire */
        return;
    }
    if (leg->stream.rtcp_mux && leg->is_connected) {
        (void)send(leg->rtp_fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        return;
    }
    sa_len = sr_addr_to_sockaddr(&target, &sa);
    (void)sendto(leg->stream.rtcp_mux ? leg->rtp_fd : leg->rtcp_fd, bytes, n,
                 MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&sa, sa_len);
}

/* How its sound goes through the mixer, for people who ask why. */
static void fill_path(const struct worker *worker, const struct mleg *leg,
                      struct media_leg_stats *stats)
{
    const struct kit *kit = leg->kit;
    sr_usec since = worker->now - leg->busy_since;
    sr_usec collected, waits;
    struct jitter_stats jitter;
    struct playout_stats playout;

    jitter_stats_get(kit->jitter, &jitter);
    playout_stats_get(kit->playout, &playout);
    stats->late = jitter.late;
    stats->concealed = playout.concealed_samples * 50 / kit->rx_hz;
    stats->stretches = playout.stretches;
    if (leg->room == NULL || leg->room->mode != MEDIA_MODE_MIX)
        return;
    waits = playout_delay_us(kit->playout) - jitter.rise_us; /* the rest waited in the network */
    stats->buffer_ms = (double)SR_MAX(waits, (sr_usec)0) / 1000;
    stats->target_ms = (double)jitter.target_us / 1000;
    stats->drift_ppm = jitter.drift_ppm;
    if (jitter_is_started(kit->jitter))
        stats->packet_ms = (double)jitter_ptime_us(kit->jitter) / 1000;
    stats->bus_hz = kit->bus_hz;
    stats->rx_hz = kit->rx_hz;
    stats->tx_hz = kit->encoder.ops != NULL ? kit->tx_hz : 0;
    stats->is_shared = leg->share != NULL && leg->share->member_count > 1;
    stats->delay_in_ms = stats->buffer_ms + (double)resample_latency_us(&kit->rx_resample) / 1000;
    if (kit->encoder.ops != NULL) {
        collected = rtp_us_from_units((int64_t)kit->packet_samples, kit->tx_hz) - WORKER_TICK;
        stats->delay_out_ms = (double)(resample_latency_us(&kit->tx_resample) +
                                       kit->encoder.ops->delay_us + SR_MAX(collected, 0)) /
                              1000;
    }
    if (since > 0)
        stats->cpu_us = (double)leg->busy_us * SR_SEC / (double)since;
}

void mleg__stats(const struct worker *worker, const struct mleg *leg,
                 struct media_leg_stats *ret_stats)
{
    const struct codec_ops *codec = codec_find(leg->rx_codec_seen);
    uint64_t lost = rtp_source_lost(&leg->source);
    uint64_t packets = leg->rx_packets - leg->reported_packets;
    uint64_t missing = lost > leg->reported_lost ? lost - leg->reported_lost : 0;
    bool is_mixed = leg->level_ticks * WORKER_TICK_MS >= WORKER_STATS_MS * 3 / 4;
    struct media_leg_stats stats = {
        .rx_packets = leg->rx_packets,
        .rx_bytes = leg->rx_bytes,
        .tx_packets = leg->tx_packets,
        .tx_bytes = leg->tx_bytes,
        .rx_dropped = leg->rx_dropped,
        .rx_stray =
            leg->latch.rejected[LATCH_REJECT_FOREIGN] + leg->latch.rejected[LATCH_REJECT_LOCKED],
        .rx_unknown_type = leg->rx_unknown_type,
        .kernel_drops = leg->kernel_drops,
        .packet_ms = leg->stream.ptime_ms ? leg->stream.ptime_ms : WORKER_TICK_MS,
        .unknown_type = leg->unknown_type,
        .stray_from = leg->stray_from,
        .peer_reports = leg->rtcp_peer.reports,
        .peer_blocks = leg->rtcp_peer.blocks,
        .peer_loss_pct = leg->rtcp_peer.loss_pct,
        .lost = lost,
        .jitter_ms = rtp_source_jitter_ms(&leg->source),
        .srtp_auth_failed = leg->srtp_auth_failed,
        .srtp_replayed = leg->srtp_replayed,
        .srtp_suite = leg->secure != NULL ? leg->secure->tx.suite : SRTP_SUITE_NONE,
        .rtt_ms = leg->rtcp_peer.has_rtt ? (double)leg->rtcp_peer.rtt_us / 1000 : -1,
        .mos = -1,
        .level_rx_dbfs = is_mixed ? (double)leg->level_max_dbfs : (double)NAN,
    };
    struct quality quality;

    if (packets + missing > 0)
        stats.loss_pct = 100.0 * (double)missing / (double)(packets + missing);
    if (leg->latch.is_locked)
        stats.remote_seen = leg->latch.locked;
    if (leg->web != NULL)
        stats.remote_seen = leg->web->path.remote;
    if (leg->kit != NULL && leg->kit->jitter != NULL)
        fill_path(worker, leg, &stats);
    if (codec != NULL && leg->rx_packets > 0) {
        struct quality_input input = {.codec = sr_str_c(codec->sdp_name),
                                      .loss_pct = stats.loss_pct,
                                      .jitter_ms = stats.jitter_ms,
                                      .rtt_ms = stats.rtt_ms,
                                      .buffer_ms = stats.buffer_ms};

        quality_rate(&input, &quality);
        stats.mos = quality.mos;
    }
    *ret_stats = stats;
}

static void report_stats(struct worker *worker, struct mleg *leg)
{
    struct report report = {
        .event = {.kind = MEDIA_EVENT_STATS, .leg = leg->id, .cookie = leg->cookie}};

    tally__leg(worker, leg);
    mleg__stats(worker, leg, &report.event.stats);
    leg->stats_at = worker->now + WORKER_STATS_MS * SR_MSEC;
    if (!worker__report(worker, &report))
        return; /* the next one tells of both times */
    leg->reported_packets = leg->rx_packets;
    leg->reported_lost = rtp_source_lost(&leg->source);
    leg->level_max_dbfs = LEVEL_DBFS_MIN;
    leg->level_ticks = 0;
    leg->busy_us = 0;
    leg->busy_since = worker->now;
}

static void check_timeout(struct worker *worker, struct mleg *leg)
{
    struct report report = {
        .event = {.kind = MEDIA_EVENT_TIMEOUT, .leg = leg->id, .cookie = leg->cookie}};

    if (leg->timeout_us == 0 || leg->is_timed_out || worker->now - leg->heard_at < leg->timeout_us)
        return;
    leg->is_timed_out = worker__report(worker, &report);
}

/* Connected while the locked source is heard; a pause of it, and others may speak. */
static void fit_connection(const struct worker *worker, struct mleg *leg)
{
    sr_usec silent = worker->now - leg->heard_at;

    if (leg->is_connected && silent > WORKER_CONNECT_IDLE_MS * SR_MSEC)
        disconnect(leg);
    else if (!leg->is_connected && leg->web == NULL && silent < WORKER_HOUSEKEEPING_MS * SR_MSEC &&
             latch_is_settled(&leg->latch))
        connect_to(leg, &leg->latch.locked);
}

void mleg__housekeeping(struct worker *worker, struct mleg *leg)
{
    struct dtmf_step step;

    mleg__return_digits(worker, leg, false);
    if (!mleg__has_wire(leg) || !leg->has_stream)
        return;
    fit_connection(worker, leg);
    if (leg->is_dtls_path_due)
        tell_dtls_path(worker, leg);
    if (leg->is_latch_due && leg->latch.is_locked)
        report_latched(worker, leg);
    if (dtmf_rx_deadline(&leg->dtmf_rx) <= worker->now) {
        dtmf_rx_on_deadline(&leg->dtmf_rx, worker->now, &step);
        report_digits(worker, leg, &step);
    }
    if (leg->kind != MEDIA_LEG_PIPE && rtcp_timer_deadline(&leg->rtcp_timer) <= worker->now)
        send_rtcp(worker, leg);
    if (leg->stats_at <= worker->now)
        report_stats(worker, leg);
    check_timeout(worker, leg);
}
