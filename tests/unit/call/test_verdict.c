#include "call/verdict.h"

#include <math.h>

#include "test_call.h"

/* Five seconds of a call between 192.0.2.1 (us) and 198.51.100.7 in which all is well. */
struct scene {
    struct media_leg_stats before, now;
    struct media_stream stream;
    struct verdict_facts facts;
};

static struct sr_addr addr(const char *text)
{
    struct sr_addr out;

    assert_int_equal(sr_addr_parse(sr_str_c(text), 0, &out), SR_OK);
    return out;
}

static void set(struct scene *scene)
{
    *scene = (struct scene){
        .before = {.rx_packets = 500, .tx_packets = 500, .peer_reports = 1, .peer_blocks = 1},
        .now = {.rx_packets = 750,
                .tx_packets = 750,
                .peer_reports = 2,
                .peer_blocks = 2,
                .level_rx_dbfs = -20,
                .remote_seen = addr("198.51.100.7:4000")},
        .stream = {.remote_rtp = addr("198.51.100.7:4000"),
                   .signalling = addr("198.51.100.7:5060"),
                   .can_send = true,
                   .can_recv = true,
                   .send_codec = CODEC_PCMA},
        .facts = {.told = addr("192.0.2.1:20000"), .is_due = true, .said = ""},
    };
    scene->facts.before = &scene->before;
    scene->facts.now = &scene->now;
    scene->facts.stream = &scene->stream;
}

static void set_nothing(struct scene *scene)
{
    set(scene);
    scene->before.rx_packets = scene->now.rx_packets = 0;
    scene->now.remote_seen = (struct sr_addr){0};
}

static void fine(struct scene *s)
{
    set(s);
}

static void relayed(struct scene *s)
{
    set(s);
    s->now.level_rx_dbfs = NAN; /* nobody decodes it */
    s->facts.said = "something old";
}

static void keys(struct scene *s)
{
    set_nothing(s);
    s->now.srtp_auth_failed = 1;
    s->facts.is_due = false;
}

static void other_type(struct scene *s)
{
    set_nothing(s);
    s->now.rx_unknown_type = VERDICT_REFUSED_MIN;
    s->now.unknown_type = 18;
    s->facts.is_due = false; /* it proves itself */
}

static void other_type_dynamic(struct scene *s)
{
    other_type(s);
    s->now.unknown_type = 97;
}

static void few_of_another_type(struct scene *s)
{
    other_type(s);
    s->now.rx_unknown_type--;
    s->facts.is_due = false;
}

static void stray(struct scene *s)
{
    set_nothing(s);
    s->now.rx_stray = 250;
    s->now.stray_from = addr("203.0.113.9:7000");
}

static void stray_beside_sound(struct scene *s)
{
    stray(s);
    s->now.rx_packets = 250;
}

static void recvonly(struct scene *s)
{
    set_nothing(s);
    s->stream.can_recv = false;
}

static void dtls(struct scene *s)
{
    set_nothing(s);
    s->stream.crypto = MEDIA_CRYPTO_DTLS;
    s->facts.told = (struct sr_addr){0};
    s->facts.said = "the page never reached UDP port 3479";
}

static void dtls_works(struct scene *s)
{
    dtls(s);
    s->now.rx_packets = 1;
}

static void no_microphone(struct scene *s)
{
    dtls(s);
    s->facts.said = "";
}

static void early(struct scene *s)
{
    set_nothing(s);
    s->facts.is_due = false;
}

static void early_again(struct scene *s)
{
    early(s);
    s->facts.said = "as before";
}

static void stopped(struct scene *s)
{
    set(s);
    s->now.rx_packets = s->before.rx_packets;
}

static void told_private(struct scene *s)
{
    set_nothing(s);
    s->facts.told = addr("192.168.1.2:20000");
}

static void names_private(struct scene *s)
{
    set_nothing(s);
    s->stream.remote_rtp = addr("192.168.7.9:4000");
}

static void names_other(struct scene *s)
{
    set_nothing(s);
    s->stream.remote_rtp = addr("203.0.113.9:4000");
}

static void names_none(struct scene *s)
{
    set_nothing(s);
    s->stream.remote_rtp = (struct sr_addr){0};
}

static void firewall(struct scene *s)
{
    set_nothing(s);
}

static void silence(struct scene *s)
{
    set(s);
    s->now.level_rx_dbfs = -72; /* A-law's */
}

static void pause_of_a_listener(struct scene *s)
{
    silence(s);
    s->facts.was_heard = true;
    s->facts.silent_reports = VERDICT_PAUSE_MAX - 2;
}

static void long_pause(struct scene *s)
{
    silence(s);
    s->facts.was_heard = true;
    s->facts.silent_reports = VERDICT_PAUSE_MAX - 1;
}

static void soft(struct scene *s)
{
    silence(s);
    s->now.level_rx_dbfs = -65;
}

static void all_lost(struct scene *s)
{
    set(s);
    s->now.peer_loss_pct = 255 * 100.0 / 256;
}

static void half_lost(struct scene *s)
{
    all_lost(s);
    s->now.peer_loss_pct = 50;
}

static void never_seen(struct scene *s)
{
    set(s);
    s->now.peer_blocks = s->before.peer_blocks = 0;
    s->now.remote_seen = s->stream.remote_rtp = addr("10.0.0.9:4000");
}

static void no_rtcp(struct scene *s)
{
    never_seen(s);
    s->now.peer_reports = s->before.peer_reports = 0;
}

static void nothing_sent(struct scene *s)
{
    all_lost(s);
    s->now.tx_packets = s->before.tx_packets + VERDICT_SENT_MIN - 1;
}

static void no_codec(struct scene *s)
{
    set(s);
    s->stream.send_codec = CODEC_NONE;
}

static void passes_through(struct scene *s)
{
    no_codec(s);
    s->facts.is_pipe = true;
}

static void holds(struct scene *s)
{
    set(s);
    s->facts.is_holding = true;
}

/* The call ends soon after a report: too little came to say that it was wrong. */
static void silence_then_the_end(struct scene *s)
{
    set(s);
    s->now.level_rx_dbfs = NAN;
    s->facts.is_due = false;
    s->facts.said =
        "packets arrive, all of them silence: the microphone is muted, or there is none";
}

static void silence_then_a_voice(struct scene *s)
{
    silence_then_the_end(s);
    s->now.level_rx_dbfs = -30;
}

static void one_way_then_the_end(struct scene *s)
{
    set(s);
    s->facts.is_due = false;
    s->facts.said = "one way: as before";
}

static void test_each_sentence(void **state)
{
    static const char silent[] =
        "packets arrive, all of them silence: the microphone is muted, or there is none";
    static const struct {
        void (*make)(struct scene *scene);
        enum verdict_sound sound;
        const char *sentence;
    } table[] = {
        {fine, VERDICT_SOUND, ""},
        {relayed, VERDICT_SOUND, ""},
        {silence_then_the_end, VERDICT_SOUND, silent},
        {silence_then_a_voice, VERDICT_SOUND, ""},
        {one_way_then_the_end, VERDICT_SOUND, "one way: as before"},
        {keys, VERDICT_NOTHING, "the packets arrive but cannot be decrypted: the keys differ"},
        {other_type, VERDICT_NOTHING,
         "packets arrive with payload type 18 (G.729), which was not agreed: the party sends "
         "another codec than its SDP says"},
        {other_type_dynamic, VERDICT_NOTHING,
         "packets arrive with payload type 97, which was not agreed: the party sends another codec "
         "than its SDP says"},
        {few_of_another_type, VERDICT_NOTHING, ""},
        {stray, VERDICT_NOTHING,
         "packets come from 203.0.113.9:7000 and are refused: the party's SDP names "
         "198.51.100.7:4000"},
        {stray_beside_sound, VERDICT_SOUND, ""},
        {recvonly, VERDICT_NOTHING,
         "nothing arrives because the party says so: its SDP says recvonly"},
        {dtls, VERDICT_NOTHING, "the page never reached UDP port 3479"},
        {dtls_works, VERDICT_SOUND, ""},
        {no_microphone, VERDICT_NOTHING,
         "nothing arrives from the browser: it has no microphone, or was not allowed to use it"},
        {early, VERDICT_NOTHING, ""},
        {early_again, VERDICT_NOTHING, "as before"},
        {stopped, VERDICT_NOTHING,
         "nothing arrives any more from 198.51.100.7:4000: the party pauses, or its network is "
         "gone"},
        {told_private, VERDICT_NOTHING,
         "nothing arrives: the party is outside (198.51.100.7) but was told to send to "
         "192.168.1.2:20000, which it cannot reach: set proxy.publicIp"},
        {names_private, VERDICT_NOTHING,
         "nothing arrives: the party's SDP names the private address 192.168.7.9 while it signals "
         "from 198.51.100.7; if it waits to hear us first, it must send first or use STUN"},
        {names_other, VERDICT_NOTHING,
         "nothing arrives: the party's SDP names 203.0.113.9 but it signals from 198.51.100.7; it "
         "was told to send to 192.0.2.1:20000: a wrong address in its SDP, or a firewall"},
        {names_none, VERDICT_NOTHING,
         "nothing arrives, and nothing can be sent: the party's SDP names no usable address"},
        {firewall, VERDICT_NOTHING,
         "nothing arrives: the party was told to send to 192.0.2.1:20000: a firewall on the way, "
         "or an address it cannot reach (proxy.lanIp)"},
        {silence, VERDICT_SILENCE, silent},
        {pause_of_a_listener, VERDICT_SILENCE, ""},
        {long_pause, VERDICT_SILENCE, silent},
        {soft, VERDICT_SOUND, ""},
        {all_lost, VERDICT_SOUND,
         "one way: the party is heard, but its RTCP reports the loss of everything sent to it at "
         "198.51.100.7:4000: a firewall or NAT before it"},
        {half_lost, VERDICT_SOUND, ""},
        {never_seen, VERDICT_SOUND,
         "one way: the party is heard, but its RTCP reports nothing of what is sent to it at "
         "10.0.0.9:4000, a private address"},
        {no_rtcp, VERDICT_SOUND, ""},
        {nothing_sent, VERDICT_SOUND, ""},
        {no_codec, VERDICT_SOUND,
         "one way: the party understands none of the codecs agreed, so nothing is sent to it"},
        {passes_through, VERDICT_SOUND, ""},
        {holds, VERDICT_SOUND, "the party has put the call on hold"},
    };
    char verdict[VERDICT_BYTES_MAX];
    struct scene scene;

    (void)state;
    for (size_t i = 0; i < SR_ARRAY_LEN(table); i++) {
        table[i].make(&scene);
        assert_int_equal(verdict_judge(&scene.facts, verdict), table[i].sound);
        assert_string_equal(verdict, table[i].sentence);
    }
}

int run_verdict_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_sentence),
    };

    return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
