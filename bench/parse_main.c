/* Parses and answers an INVITE of 810 bytes over and over, with the library it is linked to. */
#include "bench.h"
#include "parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char invite[] =
    "INVITE sip:+493012345678@192.168.10.20:5060;user=phone SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 192.168.10.57:5062;branch=z9hG4bK-524287-1---4f1d3c77a2b9e06d;rport\r\n"
    "Max-Forwards: 70\r\n"
    "Contact: <sip:desk@192.168.10.57:5062;transport=udp>\r\n"
    "To: \"Reception\" <sip:+493012345678@192.168.10.20;user=phone>\r\n"
    "From: \"Desk Phone\" <sip:101@192.168.10.20>;tag=9a7c35ef\r\n"
    "Call-ID: 86c1a3f0e5d24b7e9d71c04b@192.168.10.57\r\n"
    "CSeq: 2 INVITE\r\n"
    "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK\r\n"
    "Content-Type: application/sdp\r\n"
    "Supported: replaces, timer, 100rel\r\n"
    "User-Agent: Desk/1\r\n"
    "Content-Length: 231\r\n"
    "\r\n"
    "v=0\r\n"
    "o=- 38249651 38249651 IN IP4 192.168.10.57\r\n"
    "s=-\r\n"
    "c=IN IP4 192.168.10.57\r\n"
    "t=0 0\r\n"
    "m=audio 40124 RTP/AVP 9 8 0 101\r\n"
    "a=rtpmap:9 G722/8000\r\n"
    "a=rtpmap:8 PCMA/8000\r\n"
    "a=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\n"
    "a=sendrecv\r\n";

enum {
    INVITE_BYTES = sizeof invite - 1,
    INVITE_SUM = 2 + 70 + 231
};

static char *copies[PARSE_COPIES];

/** CPU nanoseconds of one step, over at least `seconds`. */
static double measure_parse(double seconds)
{
    int64_t begin = bench_own_cpu_ns(), now;
    uint64_t count = 0;
    do {
        for (size_t i = 0; i < PARSE_COPIES; i++)
            if (parse_subject.parse(i) != INVITE_SUM)
                bench_die("%s: the INVITE was not understood", parse_subject.name);
        count += PARSE_COPIES;
        now = bench_own_cpu_ns();
    } while ((double)(now - begin) < seconds * 1e9);
    return (double)(now - begin) / (double)count;
}

static double measure_build(double seconds)
{
    static char out[PARSE_REPLY_MAX];
    int64_t begin = bench_own_cpu_ns(), now;
    uint64_t count = 0;
    do {
        for (int i = 0; i < PARSE_COPIES; i++) {
            size_t len = parse_subject.build(out);
            if (len < 200 || memcmp(out, "SIP/2.0 180", 11) != 0)
                bench_die("%s: the reply was not built", parse_subject.name);
        }
        count += PARSE_COPIES;
        now = bench_own_cpu_ns();
    } while ((double)(now - begin) < seconds * 1e9);
    return (double)(now - begin) / (double)count;
}

static void check_reply(bool is_shown)
{
    static const char *const parts[] = {"\r\nVia: SIP/2.0/UDP 192.168.10.57:5062;",
                                        "branch=z9hG4bK-524287-1---4f1d3c77a2b9e06d",
                                        "From: \"Desk Phone\" <sip:101@192.168.10.20>",
                                        "tag=9a7c35ef",
                                        "To: \"Reception\" <sip:+493012345678@",
                                        "tag=1928301774",
                                        "\r\nCall-ID: 86c1a3f0e5d24b7e9d71c04b@",
                                        "\r\nCSeq: 2 INVITE\r\n",
                                        "\r\nContact: <sip:100@192.168.10.20:5060>",
                                        "\r\nContent-Length: 0\r\n"};
    static char out[PARSE_REPLY_MAX + 1];
    size_t len = parse_subject.build(out);
    out[len] = 0;
    if (is_shown)
        fputs(out, stdout);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (!strstr(out, parts[i]))
            bench_die("%s: '%s' is missing in the reply:\n%s", parse_subject.name, parts[i], out);
}

int main(int argc, char **argv)
{
    double seconds = bench_option_number(argc, argv, "seconds", 0.5);
    _Static_assert(INVITE_BYTES == 810, "the goals are for 810 bytes");
    /* one NUL behind each copy: some of the libraries want it */
    for (size_t i = 0; i < PARSE_COPIES; i++) {
        copies[i] = malloc(INVITE_BYTES + 1);
        if (!copies[i])
            bench_die("no memory");
        memcpy(copies[i], invite, INVITE_BYTES + 1);
    }
    parse_subject.start(copies, PARSE_COPIES, INVITE_BYTES);
    check_reply(bench_option_number(argc, argv, "show", 0) > 0);
    measure_parse(seconds / 5); /* warm */
    double parse_ns = measure_parse(seconds);
    double build_ns = measure_build(seconds);
    printf("{\"subject\":\"%s\",\"bytes\":%d,\"parse_ns\":%.1f,\"build_ns\":%.1f}\n",
           parse_subject.name, INVITE_BYTES, parse_ns, build_ns);
    return 0;
}
