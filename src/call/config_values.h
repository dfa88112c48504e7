/**
 * @file config_values.h  Small values of the configuration: lists, and what a choice can be.
 *
 * Layer:   call (values only)
 * Memory:  items lie on the arena of their generation (config.h)
 * Thread:  any, read-only
 */
#ifndef SR_CALL_CONFIG_VALUES_H
#define SR_CALL_CONFIG_VALUES_H

#include "base/addr.h"

enum {
    CONFIG_ARENA_BYTES_MAX = 128 << 20, /* memory of one generation */
    CONFIG_CHOICES_MAX = 8,             /* codecs or digest algorithms in one list */
    CONFIG_ID_MAX = 64,                 /* characters of an id */
    CONFIG_EXTENSION_MAX = 16,          /* characters of an extension or feature code */
};

struct config_texts {
    struct sr_str *items;
    uint32_t count;
};

struct config_cidrs {
    struct sr_cidr *items;
    uint32_t count;
};

struct config_addrs {
    struct sr_addr *items;
    uint32_t count;
};

/** Values of one of the enums below, in the order of preference written. */
struct config_choices {
    uint8_t items[CONFIG_CHOICES_MAX];
    uint8_t count;
};

struct config_pair {
    struct sr_str name;
    struct sr_str value; /* text as it is; numbers and true/false as written */
};

struct config_pairs {
    struct config_pair *items;
    uint32_t count;
};

enum config_codec {
    CONFIG_CODEC_OPUS,
    CONFIG_CODEC_G722,
    CONFIG_CODEC_PCMA,
    CONFIG_CODEC_PCMU,
    CONFIG_CODEC_COUNT
};

enum config_digest {
    CONFIG_DIGEST_MD5,
    CONFIG_DIGEST_SHA256,
};

enum config_transport { /* AUTO: by NAPTR/SRV */
    CONFIG_TRANSPORT_AUTO,
    CONFIG_TRANSPORT_UDP,
    CONFIG_TRANSPORT_TCP,
    CONFIG_TRANSPORT_TLS,
};

enum config_srtp {
    CONFIG_SRTP_OFF,
    CONFIG_SRTP_OPTIONAL,
    CONFIG_SRTP_REQUIRED,
};

enum config_dtmf {
    CONFIG_DTMF_AUTO,
    CONFIG_DTMF_RFC4733,
    CONFIG_DTMF_INFO,
    CONFIG_DTMF_INBAND,
};

enum config_caller_id_header {
    CONFIG_CALLER_ID_PAI,
    CONFIG_CALLER_ID_FROM,
    CONFIG_CALLER_ID_RPID,
};

enum config_denoise {
    CONFIG_DENOISE_OFF,
    CONFIG_DENOISE_AUTO,
    CONFIG_DENOISE_ON,
};

enum config_record {
    CONFIG_RECORD_OFF,
    CONFIG_RECORD_ON,
    CONFIG_RECORD_ON_DEMAND,
};

enum config_strategy {
    CONFIG_STRATEGY_ALL,
    CONFIG_STRATEGY_SEQUENTIAL,
    CONFIG_STRATEGY_ROUND_ROBIN,
    CONFIG_STRATEGY_LEAST_RECENT,
};

enum config_direction {
    CONFIG_DIRECTION_ANY,
    CONFIG_DIRECTION_INBOUND,
    CONFIG_DIRECTION_OUTBOUND,
    CONFIG_DIRECTION_INTERNAL,
};

enum config_mode {
    CONFIG_MODE_B2BUA,
    CONFIG_MODE_PASSTHROUGH,
};

#endif
