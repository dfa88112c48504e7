#include "control/pcap.h"

#include <jansson.h>
#include <string.h>

#include "base/addr.h"
#include "control/wall_parse.h"

enum {
    LINKTYPE_RAW = 101, /* packets begin with their IP header */
    IP4_BYTES = 20,
    IP6_BYTES = 40,
    UDP_BYTES = 8,
    PACKET_BYTES_MAX = 65535,
    TTL = 64,
    PROTO_UDP = 17,
};

struct packet {
    struct sr_addr from, to;
    int64_t at; /* microseconds since 1970 */
    struct sr_str payload;
};

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* One's complement sum (RFC 1071), to be folded by checksum(). */
static uint32_t sum(uint32_t so_far, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        so_far += (uint32_t)bytes[i] << (i % 2 == 0 ? 8 : 0);
    return so_far;
}

static uint32_t checksum(uint32_t total)
{
    while (total >> 16 != 0)
        total = (total & 0xffff) + (total >> 16);
    return ~total & 0xffff;
}

/* A header in the byte order of this machine: readers find it by the magic. */
static void write_u32(struct sr_buf *out, uint32_t value)
{
    sr_buf_add(out, &value, sizeof(value));
}

static void write_file_header(struct sr_buf *out)
{
    static const uint16_t version[] = {2, 4};

    write_u32(out, 0xa1b2c3d4); /* times in microseconds */
    sr_buf_add(out, version, sizeof(version));
    write_u32(out, 0); /* UTC */
    write_u32(out, 0);
    write_u32(out, PACKET_BYTES_MAX);
    write_u32(out, LINKTYPE_RAW);
}

static void write_ip4(const struct packet *packet, uint32_t udp_bytes, uint8_t *head)
{
    memset(head, 0, IP4_BYTES);
    head[0] = 0x45; /* version 4, five words */
    put16(head + 2, IP4_BYTES + udp_bytes);
    head[6] = 0x40; /* do not fragment */
    head[8] = TTL;
    head[9] = PROTO_UDP;
    memcpy(head + 12, packet->from.ip, 4);
    memcpy(head + 16, packet->to.ip, 4);
    put16(head + 10, checksum(sum(0, head, IP4_BYTES)));
}

static void write_ip6(const struct packet *packet, uint32_t udp_bytes, uint8_t *head)
{
    memset(head, 0, IP6_BYTES);
    head[0] = 0x60;
    put16(head + 4, udp_bytes);
    head[6] = PROTO_UDP;
    head[7] = TTL;
    memcpy(head + 8, packet->from.ip, 16);
    memcpy(head + 24, packet->to.ip, 16);
}

static void write_packet(struct sr_buf *out, const struct packet *packet)
{
    bool is_ip6 = packet->to.family == SR_ADDR_IP6;
    size_t ip_bytes = is_ip6 ? IP6_BYTES : IP4_BYTES, address_bytes = is_ip6 ? 16 : 4;
    size_t n = SR_MIN(packet->payload.n, PACKET_BYTES_MAX - ip_bytes - UDP_BYTES);
    uint32_t udp_bytes = (uint32_t)(UDP_BYTES + n), total;
    uint8_t head[IP6_BYTES], udp[UDP_BYTES] = {0};

    if (is_ip6)
        write_ip6(packet, udp_bytes, head);
    else
        write_ip4(packet, udp_bytes, head);
    put16(udp, packet->from.port);
    put16(udp + 2, packet->to.port);
    put16(udp + 4, udp_bytes);
    total = sum(PROTO_UDP + udp_bytes, packet->from.ip, address_bytes);
    total = sum(sum(total, packet->to.ip, address_bytes), udp, UDP_BYTES);
    total = checksum(sum(total, (const uint8_t *)packet->payload.p, n));
    put16(udp + 6, total != 0 ? total : 0xffff);

    write_u32(out, (uint32_t)(packet->at / 1000000));
    write_u32(out, (uint32_t)(packet->at % 1000000));
    write_u32(out, (uint32_t)(ip_bytes + UDP_BYTES + n)); /* captured */
    write_u32(out, (uint32_t)(ip_bytes + UDP_BYTES + packet->payload.n));
    sr_buf_add(out, head, ip_bytes);
    sr_buf_add(out, udp, UDP_BYTES);
    sr_buf_add(out, packet->payload.p, n);
}

static struct sr_str member(const json_t *message, const char *key)
{
    const json_t *value = json_object_get(message, key);

    return sr_str_make(json_string_value(value), json_string_length(value));
}

static bool read_packet(const json_t *message, struct packet *ret_packet)
{
    bool is_sent = sr_str_eq_c(member(message, "direction"), "sent");
    struct sr_addr *local = is_sent ? &ret_packet->from : &ret_packet->to;
    struct sr_addr *remote = is_sent ? &ret_packet->to : &ret_packet->from;

    ret_packet->payload = member(message, "message");
    return wall_parse(member(message, "at"), &ret_packet->at) == SR_OK &&
           sr_addr_parse(member(message, "local"), 0, local) == SR_OK &&
           sr_addr_parse(member(message, "remote"), 0, remote) == SR_OK &&
           local->family == remote->family;
}

enum sr_err pcap_write(struct sr_str trace, struct sr_buf *out)
{
    json_t *root = json_loadb(trace.p != NULL ? trace.p : "", trace.n, 0, NULL);
    const json_t *message;
    struct packet packet;
    size_t i;

    if (!json_is_array(root)) {
        json_decref(root);
        return SR_ERR_SYNTAX;
    }
    write_file_header(out);
    json_array_foreach(root, i, message)
    {
        if (read_packet(message, &packet))
            write_packet(out, &packet);
    }
    json_decref(root);
    return sr_buf_err(out);
}
