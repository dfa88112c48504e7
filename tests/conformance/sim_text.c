#include "sim_text.h"

static bool next_line(struct sr_str *text, struct sr_str *ret_line)
{
    if (!sr_str_split(text, '\n', ret_line))
        return false;
    *ret_line = sr_str_trim(*ret_line);
    return true;
}

struct sr_str sim_header(struct sr_str msg, const char *name, size_t n)
{
    struct sr_str rest = msg;
    struct sr_str line;

    (void)next_line(&rest, &line);
    while (next_line(&rest, &line) && line.n > 0) {
        size_t colon = sr_str_find(line, ':', 0);

        if (!sr_str_ieq_c(sr_str_trim(sr_str_head(line, colon)), name))
            continue;
        if (n-- == 0)
            return sr_str_trim(sr_str_from(line, colon + 1));
    }
    return (struct sr_str){NULL, 0};
}

struct sr_str sim_param(struct sr_str value, const char *name)
{
    struct sr_str part;
    struct sr_str rest = sr_str_from(value, sr_str_find(value, '>', 0));

    if (rest.n == 0)
        rest = value;
    while (sr_str_split(&rest, ';', &part)) {
        size_t equals = sr_str_find(part, '=', 0);

        if (sr_str_ieq_c(sr_str_trim(sr_str_head(part, equals)), name))
            return sr_str_trim(sr_str_from(part, equals + 1));
    }
    return (struct sr_str){NULL, 0};
}

struct sr_str sim_uri(struct sr_str value)
{
    size_t open = sr_str_find(value, '<', 0);

    if (open == value.n)
        return sr_str_head(value, sr_str_find(value, ';', 0));
    value = sr_str_from(value, open + 1);
    return sr_str_head(value, sr_str_find(value, '>', 0));
}

struct sr_str sim_body(struct sr_str msg)
{
    return sr_str_from(msg, sr_str_search(msg, SR_STR("\r\n\r\n")) + 4);
}

uint16_t sim_status(struct sr_str msg)
{
    uint32_t status = 0;

    if (!sr_str_starts(msg, SR_STR("SIP/2.0 ")))
        return 0;
    if (sr_str_u32(sr_str_head(sr_str_from(msg, 8), 3), 699, &status) != SR_OK)
        return 0;
    return (uint16_t)status;
}

struct sr_str sim_method(struct sr_str msg)
{
    return sr_str_head(msg, sr_str_find(msg, ' ', 0));
}

struct sr_str sim_cseq(struct sr_str msg, uint32_t *ret_number)
{
    struct sr_str value = sim_header(msg, "CSeq", 0);
    size_t space = sr_str_find(value, ' ', 0);

    if (sr_str_u32(sr_str_head(value, space), UINT32_MAX, ret_number) != SR_OK)
        *ret_number = 0;
    return sr_str_trim(sr_str_from(value, space));
}

bool sim_has(struct sr_str text, const char *part)
{
    return sr_str_search(text, sr_str_c(part)) < text.n;
}

/* ---- SDP ---- */

struct known_codec {
    const char *name;
    const char *map; /* as in rtpmap */
    uint8_t pt;
};

static const struct known_codec known[] = {
    {"PCMU", "PCMU/8000", 0},
    {"PCMA", "PCMA/8000", 8},
    {"G722", "G722/8000", 9},
    {"opus", "opus/48000/2", 111},
    {"telephone-event", "telephone-event/8000", 101},
    {"iLBC", "iLBC/8000", 97}, /* one the router does not have */
};

static const struct known_codec *codec_named(struct sr_str name)
{
    for (size_t i = 0; i < SR_ARRAY_LEN(known); i++) {
        if (sr_str_ieq_c(name, known[i].name))
            return &known[i];
    }
    return NULL;
}

/* "v=" to "t="; then the caller writes the m-line. */
static void write_head(const struct sim_sdp *ours, struct sr_buf *out)
{
    char ip[SR_ADDR_TEXT_MAX];

    (void)sr_addr_ip_text(&ours->addr, ip);
    sr_buf_fmt(out, "v=0\r\no=phone 4711 %u IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\n",
               ours->version, ip, ours->is_nobody ? "0.0.0.0" : ip);
}

/* A codec of the phone's own list: the test names only those that exist. */
static const struct known_codec *own_codec(struct sr_str name)
{
    const struct known_codec *codec = codec_named(name);

    SR_ASSERT(codec != NULL);
    return codec;
}

void sim_sdp_offer(const struct sim_sdp *ours, struct sr_buf *out)
{
    struct sr_str rest = sr_str_c(ours->codecs);
    struct sr_str name;

    write_head(ours, out);
    sr_buf_fmt(out, "m=audio %u %s", ours->addr.port,
               ours->proto != NULL ? ours->proto : "RTP/AVP");
    while (sr_str_split(&rest, ',', &name))
        sr_buf_fmt(out, " %u", own_codec(name)->pt);
    sr_buf_c(out, " 101\r\n");
    rest = sr_str_c(ours->codecs);
    while (sr_str_split(&rest, ',', &name))
        sr_buf_fmt(out, "a=rtpmap:%u %s\r\n", own_codec(name)->pt, own_codec(name)->map);
    sr_buf_fmt(out,
               "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=%s\r\n",
               ours->direction);
    if (ours->crypto != NULL)
        sr_buf_c(out, ours->crypto);
}

/* The audio line's payload types. */
static struct sr_str payload_types(struct sr_str sdp)
{
    struct sr_str line;

    while (next_line(&sdp, &line)) {
        if (!sr_str_starts(line, SR_STR("m=audio ")))
            continue;
        for (int i = 0; i < 3; i++)
            line = sr_str_from(line, sr_str_find(line, ' ', 0) + 1);
        return line;
    }
    return (struct sr_str){NULL, 0};
}

static const struct known_codec *codec_of_pt(struct sr_str sdp, struct sr_str pt)
{
    struct sr_str line;
    uint32_t number;

    while (next_line(&sdp, &line)) {
        struct sr_str rest = sr_str_from(line, 9);
        struct sr_str said;

        if (!sr_str_starts(line, SR_STR("a=rtpmap:")) || !sr_str_split(&rest, ' ', &said) ||
            !sr_str_eq(said, pt))
            continue;
        return codec_named(sr_str_head(rest, sr_str_find(rest, '/', 0)));
    }
    if (sr_str_u32(pt, 127, &number) != SR_OK)
        return NULL;
    for (size_t i = 0; i < 3; i++) {
        if (known[i].pt == number)
            return &known[i];
    }
    return NULL;
}

/* The payload type the offer gives to a codec. */
static struct sr_str pt_of_codec(struct sr_str sdp, const struct known_codec *codec)
{
    struct sr_str rest = payload_types(sdp);
    struct sr_str pt;

    while (sr_str_split(&rest, ' ', &pt)) {
        if (codec_of_pt(sdp, pt) == codec)
            return pt;
    }
    return (struct sr_str){NULL, 0};
}

static const char *mirrored(const char *offered, const char *wanted)
{
    bool sends = strcmp(wanted, "sendrecv") == 0 || strcmp(wanted, "sendonly") == 0;
    bool receives = strcmp(wanted, "sendrecv") == 0 || strcmp(wanted, "recvonly") == 0;

    if (strcmp(offered, "sendonly") == 0 || strcmp(offered, "inactive") == 0)
        sends = false;
    if (strcmp(offered, "recvonly") == 0 || strcmp(offered, "inactive") == 0)
        receives = false;
    return sends && receives ? "sendrecv" : sends ? "sendonly" : receives ? "recvonly" : "inactive";
}

/* Third word of the audio line. */
static struct sr_str profile_of(struct sr_str sdp)
{
    struct sr_str line, word = {NULL, 0};

    while (next_line(&sdp, &line)) {
        if (!sr_str_starts(line, SR_STR("m=audio ")))
            continue;
        for (int i = 0; i < 3; i++)
            (void)sr_str_split(&line, ' ', &word);
        return word;
    }
    return SR_STR("RTP/AVP");
}

/* The a=crypto line of that suite behind "a=crypto:". */
static struct sr_str crypto_line(struct sr_str sdp, const char *suite)
{
    struct sr_str line;

    while (next_line(&sdp, &line)) {
        struct sr_str rest = sr_str_from(line, 9), tag, name;

        if (sr_str_starts(line, SR_STR("a=crypto:")) && sr_str_split(&rest, ' ', &tag) &&
            sr_str_split(&rest, ' ', &name) && sr_str_eq_c(name, suite))
            return sr_str_from(line, 9);
    }
    return (struct sr_str){NULL, 0};
}

struct sr_str sim_sdp_key(struct sr_str sdp, const char *suite)
{
    struct sr_str line = crypto_line(sdp, suite);

    return sr_str_from(line, sr_str_search(line, SR_STR("inline:")));
}

size_t sim_sdp_keys(struct sr_str sdp)
{
    struct sr_str line;
    size_t count = 0;

    while (next_line(&sdp, &line))
        count += sr_str_starts(line, SR_STR("a=crypto:"));
    return count;
}

static void write_taken_key(const struct sim_sdp *ours, struct sr_str offer, struct sr_buf *out)
{
    struct sr_str line = ours->suite != NULL ? crypto_line(offer, ours->suite) : SR_STR("");

    if (ours->crypto != NULL && sim_has(offer, "a=fingerprint:"))
        sr_buf_c(out, ours->crypto);

    if (line.n > 0) {
        struct sr_str tag = sr_str_head(line, sr_str_find(line, ' ', 0));

        sr_buf_fmt(out, "a=crypto:%.*s %s inline:", SR_STR_ARG(tag), ours->suite);
        sr_buf_c(out, strstr(ours->suite, "AES_256_GCM") != NULL ? SIM_KEY_44
                      : strstr(ours->suite, "GCM") != NULL       ? SIM_KEY_28
                                                                 : SIM_KEY_30);
        sr_buf_c(out, "\r\n");
    }
}

bool sim_sdp_answer(const struct sim_sdp *ours, struct sr_str offer, struct sr_buf *out)
{
    struct sr_str rest = sr_str_c(ours->codecs);
    struct sr_str events = pt_of_codec(offer, codec_named(SR_STR("telephone-event")));
    struct sr_str name;

    while (sr_str_split(&rest, ',', &name)) {
        const struct known_codec *codec = own_codec(name);
        struct sr_str pt = pt_of_codec(offer, codec);

        if (pt.n == 0)
            continue;
        write_head(ours, out);
        sr_buf_fmt(out, "m=audio %u ", ours->addr.port);
        sr_buf_str(out, ours->proto != NULL ? sr_str_c(ours->proto) : profile_of(offer));
        sr_buf_fmt(out, " %.*s %.*s\r\na=rtpmap:%.*s %s\r\n", SR_STR_ARG(pt), SR_STR_ARG(events),
                   SR_STR_ARG(pt), codec->map);
        if (events.n > 0)
            sr_buf_fmt(out, "a=rtpmap:%.*s telephone-event/8000\r\n", SR_STR_ARG(events));
        sr_buf_fmt(out, "a=ptime:20\r\na=%s\r\n",
                   mirrored(sim_sdp_direction(offer), ours->direction));
        write_taken_key(ours, offer, out);
        return true;
    }
    return false;
}

const char *sim_sdp_codec(struct sr_str sdp)
{
    struct sr_str rest = payload_types(sdp);
    const struct known_codec *codec;
    struct sr_str pt;

    if (!sr_str_split(&rest, ' ', &pt))
        return "";
    codec = codec_of_pt(sdp, pt);
    return codec != NULL ? codec->name : "";
}

bool sim_sdp_has(struct sr_str sdp, const char *codec)
{
    return pt_of_codec(sdp, codec_named(sr_str_c(codec))).n > 0;
}

const char *sim_sdp_direction(struct sr_str sdp)
{
    static const char *const words[] = {"sendonly", "recvonly", "inactive"};

    for (size_t i = 0; i < SR_ARRAY_LEN(words); i++) {
        if (sim_has(sdp, words[i]))
            return words[i];
    }
    return "sendrecv";
}
