/*
 * SDP: whatever parses is written back as it was, can be rewritten and answered, and what we write
 * parses again.
 */
#include "sip/sdp_oa.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char arena_bytes[2][SDP_ARENA_BYTES];
static char out_bytes[2][SDP_TEXT_MAX * 2];

static enum sr_err parse(int place, struct sr_str text, struct sdp *sdp)
{
    struct sr_arena arena;
    struct sdp_diag diag = {0};
    sr_arena_init_fixed(&arena, arena_bytes[place], sizeof(arena_bytes[place]));
    enum sr_err err = sdp_parse(text, &arena, sdp, &diag);
    SR_ASSERT(!err || (diag.why && diag.offset <= text.n));
    SR_ASSERT(!err || strcmp(diag.why, "arena too small") != 0);
    return err;
}

static void try_attributes(const struct sdp_section *section)
{
    for (uint16_t i = 0; i < section->line_count; i++) {
        struct sr_str value = section->lines[i].value;
        value = sr_str_from(value, sr_str_find(value, ':', 0) + 1);
        struct sdp_rtpmap rtpmap;
        struct sdp_fmtp fmtp;
        struct sdp_crypto crypto;
        struct sdp_fingerprint fingerprint;
        struct sdp_candidate candidate;
        struct sdp_ssrc ssrc;
        struct sdp_extmap extmap;
        struct sr_addr addr;
        struct sr_str param;
        enum sdp_setup setup;
        uint16_t ptime;
        unsigned good = 0;
        good += !sdp_rtpmap_parse(value, &rtpmap);
        good += !sdp_fmtp_parse(value, &fmtp) && sdp_fmtp_param(fmtp.params, "mode", &param);
        good += !sdp_crypto_parse(value, &crypto);
        good += !sdp_fingerprint_parse(value, &fingerprint);
        good += !sdp_ssrc_parse(value, &ssrc);
        good += !sdp_extmap_parse(value, &extmap);
        good += !sdp_rtcp_parse(value, &addr);
        good += !sdp_setup_parse(value, &setup);
        good += !sdp_ptime_parse(value, &ptime);
        if (!sdp_candidate_parse(value, &candidate)) {
            struct sr_buf buf;
            struct sdp_candidate again;
            sr_buf_init_fixed(&buf, out_bytes[1], sizeof(out_bytes[1]));
            sdp_candidate_write(&candidate, &buf);
            good += !sdp_candidate_parse(sr_buf_view(&buf), &again);
        }
        SR_ASSERT(good <= 10);
    }
}

static void try_rewrite(const struct sdp *sdp)
{
    struct sdp_rewrite_media media[SDP_MEDIA_MAX];
    struct sdp_rewrite rewrite = {.media = media, .media_count = sdp->media_count};
    struct sr_buf buf;
    struct sdp again;
    memset(media, 0, sizeof(media));
    rewrite.session = (struct sr_addr){.family = SR_ADDR_IP4, .ip = {192, 0, 2, 1}};
    for (uint8_t i = 0; i < sdp->media_count; i++) {
        if (i % 3 == 2)
            continue;
        media[i].rtp = rewrite.session;
        media[i].rtp.ip[3] = i;
        media[i].rtp.port = 20000;
    }
    sr_buf_init_fixed(&buf, out_bytes[1], sizeof(out_bytes[1]));
    SR_ASSERT(sdp_rewrite(sdp, &rewrite, &buf) == SR_OK);
    enum sr_err err = parse(1, sr_buf_view(&buf), &again);
    SR_ASSERT(err == SR_OK ||
              err == SR_ERR_LIMIT); /* a line or the whole may have grown too long */
    SR_ASSERT(err || again.media_count == sdp->media_count);
}

static void try_answer(const struct sdp *sdp)
{
    static const char *const suites[] = {"AES_CM_128_HMAC_SHA1_80"};
    struct sdp_codec allowed[2];
    struct sdp_audio offer;
    struct sdp_audio answer;
    struct sr_buf buf;
    struct sdp again;
    if (sdp_audio_read(sdp, &offer))
        return;
    sdp_codec_set(&allowed[0], "opus", 48000, 2, SDP_PT_NONE);
    sdp_codec_set(&allowed[1], "PCMU", 8000, 1, SDP_PT_NONE);
    struct sdp_answer_wish wish = {
        .rtp = {.family = SR_ADDR_IP4, .port = 20000, .ip = {192, 0, 2, 1}},
        .rtcp_mux_wanted = true,
        .allowed = allowed,
        .allowed_count = 2,
        .suites = suites,
        .suite_count = 1,
    };
    enum sr_err err = sdp_answer_make(&offer, &wish, &answer);
    SR_ASSERT(err || answer.media_count == sdp->media_count);
    sr_buf_init_fixed(&buf, out_bytes[0], sizeof(out_bytes[0]));
    SR_ASSERT(sdp_audio_write(&answer, NULL, &buf) == SR_OK);
    SR_ASSERT(parse(0, sr_buf_view(&buf), &again) == SR_OK);
    SR_ASSERT(again.media_count == sdp->media_count);
    struct sdp_audio back;
    SR_ASSERT(sdp_audio_read(&again, &back) == SR_OK && back.is_active == answer.is_active);
    sdp_codecs_merge(&offer, allowed, 2, &back);
    SR_ASSERT(back.codec_count == 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sdp sdp;
    struct sdp again;
    struct sr_buf buf;
    if (parse(0, sr_str_make((const char *)data, size), &sdp))
        return 0;
    try_attributes(&sdp.session);
    for (uint8_t i = 0; i < sdp.media_count; i++)
        try_attributes(&sdp.media[i].section);
    try_rewrite(&sdp);
    sr_buf_init_fixed(&buf, out_bytes[0], sizeof(out_bytes[0]));
    SR_ASSERT(sdp_write(&sdp, &buf) == SR_OK);
    if (buf.len <= SDP_TEXT_MAX) {
        struct sr_buf twice;
        SR_ASSERT(parse(1, sr_buf_view(&buf), &again) == SR_OK);
        sr_buf_init_fixed(&twice, out_bytes[1], sizeof(out_bytes[1]));
        SR_ASSERT(sdp_write(&again, &twice) == SR_OK);
        SR_ASSERT(sr_str_eq(sr_buf_view(&buf), sr_buf_view(&twice)));
    }
    try_answer(&sdp);
    return 0;
}
