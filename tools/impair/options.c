#include "impair/options.h"

#include <errno.h>
#include <stdlib.h>

void impair_options_init(struct impair_options *options)
{
    *options = (struct impair_options){
        .reorder_ms = 30, .seed = 1, .up = true, .down = true, .udp = true, .tcp = true};
}

static enum sr_err set_share(double *share, struct sr_str value)
{
    char text[32];
    char *end;
    double number;

    if (value.n == 0 || !sr_str_copy(value, text, sizeof(text)))
        return SR_ERR_SYNTAX;
    errno = 0;
    number = strtod(text, &end);
    if (*end != '\0' || errno != 0)
        return SR_ERR_SYNTAX;
    if (!(number >= 0 && number <= 1))
        return SR_ERR_LIMIT;
    *share = number;
    return SR_OK;
}

static enum sr_err set_address(struct impair_options *options, bool is_listen, struct sr_str value)
{
    struct sr_addr addr;
    enum sr_err err = sr_addr_parse(value, 0, &addr);
    struct impair_pair *last =
        options->pair_count > 0 ? &options->pairs[options->pair_count - 1] : NULL;

    if (err != SR_OK)
        return err;
    if (is_listen) {
        if (options->pair_count == IMPAIR_PAIRS_MAX)
            return SR_ERR_LIMIT;
        options->pairs[options->pair_count++] = (struct impair_pair){.listen = addr};
        return SR_OK;
    }
    if (last == NULL || last->to.family != SR_ADDR_NONE || addr.port == 0)
        return SR_ERR_SYNTAX;
    last->to = addr;
    return SR_OK;
}

static enum sr_err set_nat(struct impair_options *options, struct sr_str value)
{
    static const char *const names[] = {"none", "full-cone", "restricted", "port-restricted",
                                        "symmetric"};

    for (size_t i = 0; i < SR_ARRAY_LEN(names); i++) {
        if (sr_str_eq_c(value, names[i])) {
            options->nat = (enum impair_nat)i;
            return SR_OK;
        }
    }
    return SR_ERR_SYNTAX;
}

static enum sr_err set_pick(struct sr_str value, const char *a, const char *b, bool *ret_a,
                            bool *ret_b)
{
    bool is_both = sr_str_eq_c(value, "both");

    if (!is_both && !sr_str_eq_c(value, a) && !sr_str_eq_c(value, b))
        return SR_ERR_SYNTAX;
    *ret_a = is_both || sr_str_eq_c(value, a);
    *ret_b = is_both || sr_str_eq_c(value, b);
    return SR_OK;
}

static enum sr_err set_number(struct impair_options *options, struct sr_str name,
                              struct sr_str value)
{
    uint32_t port = 0;
    enum sr_err err;

    if (sr_str_eq_c(name, "delay-ms"))
        return sr_str_u32(value, 60000, &options->delay_ms);
    if (sr_str_eq_c(name, "jitter-ms"))
        return sr_str_u32(value, 60000, &options->jitter_ms);
    if (sr_str_eq_c(name, "reorder-ms"))
        return sr_str_u32(value, 60000, &options->reorder_ms);
    if (sr_str_eq_c(name, "seed"))
        return sr_str_u64(value, UINT64_MAX, &options->seed);
    if (sr_str_eq_c(name, "mapping-sec"))
        return sr_str_u32(value, 86400, &options->mapping_sec);
    if (!sr_str_eq_c(name, "control-port"))
        return SR_ERR_NOTFOUND;
    err = sr_str_u32(value, UINT16_MAX, &port);
    options->control_port = (uint16_t)port;
    return err;
}

enum sr_err impair_options_set(struct impair_options *options, struct sr_str name,
                               struct sr_str value)
{
    if (sr_str_eq_c(name, "listen"))
        return set_address(options, true, value);
    if (sr_str_eq_c(name, "to"))
        return set_address(options, false, value);
    if (sr_str_eq_c(name, "loss"))
        return set_share(&options->loss, value);
    if (sr_str_eq_c(name, "dup"))
        return set_share(&options->dup, value);
    if (sr_str_eq_c(name, "reorder"))
        return set_share(&options->reorder, value);
    if (sr_str_eq_c(name, "nat"))
        return set_nat(options, value);
    if (sr_str_eq_c(name, "nat-ip"))
        return sr_addr_parse_ip(value, &options->nat_ip);
    if (sr_str_eq_c(name, "direction"))
        return set_pick(value, "up", "down", &options->up, &options->down);
    if (sr_str_eq_c(name, "proto"))
        return set_pick(value, "udp", "tcp", &options->udp, &options->tcp);
    if (sr_str_eq_c(name, "alg")) {
        bool off = false;

        return set_pick(value, "on", "off", &options->has_alg, &off);
    }
    return set_number(options, name, value);
}

bool impair_options_is_live(struct sr_str name)
{
    static const char *const names[] = {"loss",      "dup",         "reorder",
                                        "delay-ms",  "jitter-ms",   "reorder-ms",
                                        "direction", "mapping-sec", "alg"};

    for (size_t i = 0; i < SR_ARRAY_LEN(names); i++) {
        if (sr_str_eq_c(name, names[i]))
            return true;
    }
    return false;
}
