#include "media/quality.h"

/* Equipment impairment and packet-loss robustness (G.113 appendix I; G.722 and Opus mapped to the
 * narrow-band scale, since one number per leg is shown for all codecs). */
static const struct impairment {
    const char *codec;
    double ie, bpl;
} impairments[] = {
    {"PCMU", 0, 25.1},  {"PCMA", 0, 25.1}, {"G722", 0, 14.0},  {"opus", 0, 30.0},
    {"G729", 11, 19.0}, {"GSM", 20, 10.0}, {"iLBC", 11, 32.0},
};

static const struct impairment *find_impairment(struct sr_str codec)
{
    static const struct impairment unknown = {"", 5, 10.0};

    for (size_t i = 0; i < SR_ARRAY_LEN(impairments); i++) {
        if (sr_str_ieq(codec, sr_str_c(impairments[i].codec)))
            return &impairments[i];
    }
    return &unknown;
}

static double clamp(double x, double low, double high)
{
    if (!(x >= low))
        return low; /* also what is not a number */
    return x > high ? high : x;
}

double quality_mos_from_r(double r)
{
    if (!(r > 0))
        return 1;
    if (r >= 100)
        return 4.5;
    return clamp(1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6, 1, 4.5);
}

void quality_rate(const struct quality_input *input, struct quality *ret_quality)
{
    const struct impairment *impairment = find_impairment(input->codec);
    double loss = clamp(input->loss_pct, 0, 100);
    double burst = input->burst_ratio > 1 ? input->burst_ratio : 1;
    double rtt = input->rtt_ms < 0 ? 0 : clamp(input->rtt_ms, 0, 10000);
    double delay = rtt / 2 + clamp(input->buffer_ms, 0, 10000);
    double id = 0.024 * delay + (delay > 177.3 ? 0.11 * (delay - 177.3) : 0);
    double ie = impairment->ie + (95 - impairment->ie) * loss / (loss / burst + impairment->bpl);

    ret_quality->loss_pct = loss;
    ret_quality->jitter_ms = clamp(input->jitter_ms, 0, 10000);
    ret_quality->rtt_ms = input->rtt_ms < 0 ? -1 : rtt;
    ret_quality->r = clamp(93.2 - id - ie, 0, 100);
    ret_quality->mos = quality_mos_from_r(ret_quality->r);
}
