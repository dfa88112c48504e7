/**
 * @file config.h  One generation of the configuration: immutable values the engine consumes.
 *
 * control/config_load builds it from the text; from then on nothing in it changes. A call keeps the
 * generation it began with (config_ref), except `security`, which is always read from the newest one.
 * All texts are NUL-terminated behind their view. Absent optional texts are empty. References by id
 * are resolved: the pointer beside an id is set when the id is, and points into the same generation.
 *
 * Layer:   call (values only: no I/O, no clock)
 * Memory:  counted; everything hangs on one arena (and compiled patterns) freed with the last
 *          reference; secrets are wiped then
 * Thread:  any, read-only; reference counting is atomic
 */
#ifndef SR_CALL_CONFIG_H
#define SR_CALL_CONFIG_H

#include "base/addr.h"
#include "base/arena.h"
#include "call/config_values.h"
#include "call/pattern.h"
#include "call/schedule.h"
#include "call/zone.h"

/* ---- the router itself --------------------------------------------------------------------- */

struct config_port_range {
    uint32_t min;
    uint32_t max; /* inclusive */
};

struct config_dscp {
    uint32_t sip;
    uint32_t media;
};

struct config_proxy {
    struct config_addrs bind;                 /* empty: all; ports are 0 */
    struct sr_str lan_ip, lan_ip6;            /* "auto" or an address */
    struct sr_addr lan_addr, lan_addr6;       /* family SR_ADDR_NONE for "auto" */
    uint32_t lan_port;                        /* UDP and TCP */
    uint32_t tls_port;                        /* 0: off */
    struct sr_str public_ip, public_ip6;      /* "auto" or an address */
    struct sr_addr public_addr, public_addr6; /* family SR_ADDR_NONE for "auto" */
    struct config_cidrs local_nets;
    struct sr_str stun_server; /* host:port, or empty */
    struct config_port_range rtp_ports;
    uint32_t webrtc_port; /* 0: off */
    uint32_t rtp_timeout_sec;
    uint32_t rtp_timeout_hold_sec;
    struct config_dscp dscp;
};

struct config_dns {
    struct config_addrs servers; /* empty: the system's; port 53 unless written */
};

struct config_server_tls {
    struct sr_str cert; /* file, relative to the configuration's folder; empty: own local CA */
    struct sr_str key;
};

struct config_server {
    uint32_t web_ui_port;          /* 0: off */
    struct sr_str web_ui_bind;     /* address; "" listens nowhere */
    uint32_t web_ui_tls_port;      /* 0: off */
    struct sr_str web_ui_tls_bind; /* "auto", address, or "" = off */
    struct config_server_tls tls;
    struct config_texts allowed_origins;
    uint32_t media_threads; /* 0: one per core */
    uint32_t drain_sec;
    bool allow_anonymous_api;
};

enum config_storage_kind {
    CONFIG_STORAGE_SQLITE,
    CONFIG_STORAGE_POSTGRESQL,
};

struct config_storage {
    struct sr_str url;
    enum config_storage_kind kind;
    struct sr_str file; /* SQLite: the file name behind "sqlite:", relative to the data folder */
};

/* ---- providers, devices and other objects --------------------------------------------------- */

struct config_outbound_proxy {
    struct sr_str address;
    uint32_t port;                   /* 0: by SRV */
    enum config_transport transport; /* AUTO: as the provider's */
};

struct config_provider {
    uint32_t index; /* place in the file */
    struct sr_str id;
    struct sr_str display_name;
    bool is_enabled;
    struct sr_str domain;
    enum config_transport transport;
    struct config_outbound_proxy outbound_proxy;
    struct sr_str username;
    struct sr_str auth_username; /* empty: username */
    struct sr_str password;      /* secret */
    struct sr_str digest_realm;  /* empty: any of the provider's */
    bool is_registering;
    uint32_t register_interval_sec;
    uint32_t qualify_sec;         /* 0: off */
    struct config_choices codecs; /* enum config_codec */
    struct sr_str country;        /* "DE" or empty */
    uint32_t calls_max;           /* 0: no limit */
    struct sr_str caller_id;
    enum config_caller_id_header caller_id_header;
    enum config_srtp srtp;
    enum config_dtmf dtmf;
    struct sr_str public_ip; /* empty: proxy.publicIp */
    bool tls_verify;
    struct sr_str tls_ca_file;
    struct sr_str preset;
    struct config_pairs quirks;
    struct config_cidrs trusted_addresses;
};

struct config_forward {
    struct sr_str always, busy, no_answer, offline; /* number, extension or empty */
};

struct config_voicebox;
struct config_schedule;
struct config_ivr_menu;
struct config_conference;

struct config_device {
    uint32_t index;
    struct sr_str id;
    struct sr_str display_name;
    struct sr_str extension; /* SIP user name; may be empty: then only the id */
    struct sr_str password;  /* secret; both empty: no phone can register as this device */
    struct sr_str ha1; /* secret; lower-case hex MD5(user:realm:password) with user = extension */
    struct config_cidrs expected_address; /* none or one */
    struct config_choices codecs;         /* enum config_codec */
    enum config_srtp srtp;
    enum config_dtmf dtmf;
    struct sr_str caller_id;
    struct sr_str voicemail_box_id;
    const struct config_voicebox *voicemail_box; /* or NULL */
    uint32_t contacts_max;
    uint32_t calls_max;   /* 0: no limit */
    uint32_t qualify_sec; /* 0: off */
    enum config_denoise denoise;
    bool is_dnd;
    struct config_forward forward;
};

struct config_group {
    uint32_t index;
    struct sr_str id;
    struct sr_str display_name;
    struct sr_str extension; /* may be empty */
    struct config_texts member_ids;
    const struct config_device **members; /* member_ids.count of them */
    enum config_strategy strategy;
};

struct config_contact {
    struct sr_str id;
    struct sr_str name;
    struct sr_str number;
    bool is_starred;
};

/* ---- routing -------------------------------------------------------------------------------- */

enum config_action_type {
    CONFIG_ACTION_NONE,
    CONFIG_ACTION_ROUTE_EXTENSION, /* target: an extension */
    CONFIG_ACTION_ROUTE_EXTERNAL,  /* target: a number */
    CONFIG_ACTION_VOICEMAIL,       /* voicebox */
    CONFIG_ACTION_SUBMENU,         /* menu */
    CONFIG_ACTION_PLAY_MESSAGE,    /* target: text to speak or a .wav file */
    CONFIG_ACTION_CONFERENCE,      /* conference */
    CONFIG_ACTION_DIAL_BY_EXTENSION,
    CONFIG_ACTION_REPEAT,
    CONFIG_ACTION_HANGUP,
};

struct config_action {
    enum config_action_type type;
    struct sr_str target;
    union { /* by type, else NULL */
        const struct config_voicebox *voicebox;
        const struct config_ivr_menu *menu;
        const struct config_conference *conference;
        const void *object;
    };
};

enum config_target_kind {
    CONFIG_TARGET_DEVICE,
    CONFIG_TARGET_GROUP,
    CONFIG_TARGET_TEL,
};

struct config_target {
    enum config_target_kind kind;
    const struct config_device *device; /* DEVICE */
    const struct config_group *group;   /* GROUP */
    struct sr_str number;               /* TEL: without "tel:" */
};

struct config_match {
    enum config_direction direction;
    struct pattern *number; /* NULL: any */
    struct pattern *caller; /* NULL: any */
    struct sr_str source_provider_id;
    const struct config_provider *source_provider; /* NULL: any */
    struct sr_str source_device_id;
    const struct config_device *source_device; /* NULL: any */
    struct sr_str schedule_id;
    const struct config_schedule *schedule; /* NULL: always */
};

struct config_fallback {
    struct config_action no_answer, busy, offline, declined; /* NONE: voicemail_box, if any */
};

struct config_route_action {
    struct config_texts target_names; /* as written */
    struct config_target *targets;    /* target_names.count of them */
    bool ring_browsers;
    enum config_strategy strategy;
    uint32_t no_answer_timeout_sec;
    struct sr_str voicemail_box_id;
    const struct config_voicebox *voicemail_box;
    struct sr_str ivr_menu_id;
    const struct config_ivr_menu *ivr_menu;
    struct config_fallback fallback;
    struct sr_str announcement;
    struct sr_str provider_id;
    const struct config_provider *provider;
    struct config_texts failover_ids;
    const struct config_provider **failover_providers; /* failover_ids.count of them */
    struct sr_str strip_prefix;
    struct sr_str prepend_prefix;
    struct sr_str caller_id;
    enum config_mode mode;
    enum config_record record;
    enum config_denoise denoise;
    uint32_t duration_sec_max; /* 0: no limit */
};

struct config_route {
    uint32_t index; /* place in the file */
    struct sr_str id;
    struct sr_str name;
    bool is_enabled;
    uint32_t priority;
    struct config_match match;
    struct config_route_action action;
};

struct config_test_call {
    struct sr_str provider_id;
    const struct config_provider *provider;
    struct sr_str device_id;
    const struct config_device *device;
    struct sr_str to;
    struct sr_str from;
    struct sr_str at; /* RFC 3339 moment for schedules, or empty */
};

struct config_test_expect {
    struct sr_str route_id; /* empty: no route */
    const struct config_route *route;
};

struct config_test {
    struct config_test_call call;
    struct config_test_expect expect;
};

struct config_routing {
    struct config_test *tests;
    uint32_t test_count;
    struct config_route *routes; /* file order, disabled ones too */
    uint32_t route_count;
    const struct config_route **ordered; /* enabled ones: higher priority first, then file order */
    uint32_t ordered_count;
};

struct config_schedule {
    uint32_t index;
    struct sr_str id;
    struct sr_str timezone;  /* empty: the system's */
    const struct zone *zone; /* of it; NULL: UTC */
    struct config_texts rule_texts;
    struct schedule_rule *rules; /* rule_texts.count of them */
    struct config_texts holiday_texts;
    struct schedule_date *holidays; /* holiday_texts.count of them; closed on these days */
};

/* ---- applications --------------------------------------------------------------------------- */

struct config_voicebox {
    uint32_t index;
    struct sr_str id;
    bool is_enabled;
    struct sr_str extension;
    struct sr_str pin; /* secret; empty: only from the box's own extension */
    struct sr_str greeting_text;
    struct sr_str greeting_voice;
    struct sr_str greeting_wav_path;
    uint32_t recording_sec_max;
    uint32_t messages_max;
    bool is_transcribing;
    struct sr_str notify_url;
};

struct config_ivr_entry {
    struct sr_str digit; /* one of 0-9 * # */
    struct config_action action;
};

struct config_ivr_menu {
    uint32_t index;
    struct sr_str id;
    struct sr_str name;
    struct sr_str prompt_text;
    struct sr_str prompt_voice;
    struct sr_str prompt_wav_path;
    uint32_t timeout_sec;
    uint32_t retries_max;
    struct config_ivr_entry *entries;
    uint32_t entry_count;
    struct config_action timeout_action;
};

struct config_ivr {
    bool is_enabled;
    struct config_ivr_menu *menus;
    uint32_t menu_count;
};

struct config_conference {
    uint32_t index;
    struct sr_str id;
    struct sr_str extension; /* may be empty */
    struct sr_str pin;       /* secret; empty: none asked */
    enum config_record record;
};

enum config_feature_kind {
    CONFIG_FEATURE_ECHO,
    CONFIG_FEATURE_MY_VOICEMAIL,
    CONFIG_FEATURE_ANY_VOICEMAIL,
    CONFIG_FEATURE_PICKUP, /* may be followed by an extension */
    CONFIG_FEATURE_CLOCK,
    CONFIG_FEATURE_INTERCOM, /* followed by an extension */
};

struct config_feature {
    struct sr_str code;
    enum config_feature_kind kind;
};

struct config_features {
    struct config_feature *items;
    uint32_t count;
    struct sr_str in_call_transfer; /* code, or empty: off */
    struct sr_str in_call_attended;
};

struct config_parking {
    struct sr_str slots;            /* "701-720", "701" or empty */
    uint32_t slot_first, slot_last; /* inclusive; both 0: off */
    uint32_t timeout_sec;
};

struct config_music {
    struct sr_str file; /* empty: a generated melody */
};

/** Somebody listens to a call (a leg of role tool). */
struct config_monitoring {
    struct sr_str notice; /* "tone" | text | file.wav; empty: none */
    uint32_t repeat_sec;  /* 0: once */
    bool is_hidden;       /* from the parties' own pages (role `user`) */
};

struct config_tts {
    struct sr_str engine; /* "auto" | "off" | "flite" | "sherpa" */
    struct sr_str model_dir;
    struct sr_str voice;
};

struct config_asr {
    struct sr_str engine; /* "off" | "auto" | "sherpa" */
    struct sr_str model_dir;
};

struct config_speech {
    struct config_tts tts;
    struct config_asr asr;
};

/* ---- security, history, webhooks ------------------------------------------------------------- */

struct config_per_device {
    uint32_t calls_per_day;   /* 0: no limit */
    uint32_t minutes_per_day; /* 0: no limit */
};

struct config_security {
    uint32_t auth_failures_max; /* per minute */
    uint32_t ban_sec;
    struct config_cidrs allow;
    struct config_cidrs deny;
    struct config_choices digest_algorithms; /* enum config_digest */
    uint32_t outbound_concurrent_max;        /* 0: no limit */
    struct config_texts blocked_prefixes;
    struct config_texts premium_prefixes;
    struct config_texts allowed_countries;
    struct config_texts emergency_numbers;
    struct config_per_device per_device;
    struct sr_str night_hours;             /* "22:00-06:00" or empty */
    uint16_t night_from_min, night_to_min; /* minutes of the day; equal: off */
};

struct config_history {
    uint32_t keep_days;
    uint32_t trace_keep_days;
    uint32_t trace_mb_max;
};

struct config_webhook {
    struct sr_str url;
    struct config_texts events; /* empty: all */
    struct sr_str secret;
};

/* ---- the whole ------------------------------------------------------------------------------- */

struct config_index_entry {
    struct sr_str key;
    const void *object;
    uint32_t kind; /* of extensions: enum config_extension_kind */
};

/** Sorted by key; made at load. */
struct config_index {
    struct config_index_entry *entries;
    uint32_t count;
};

/** Anything on the arena that needs more than the arena's end. Made at load. */
struct config_patterns {
    struct pattern *pattern;
    struct config_patterns *next;
};

struct config_secrets {
    struct sr_str text;
    struct config_secrets *next;
};

struct config {
    uint64_t generation;     /* unique in the process, rising */
    const struct zone *zone; /* the system's; NULL: UTC */
    struct sr_str schema;    /* "$schema", for editors; unused */
    struct config_proxy proxy;
    struct config_dns dns;
    struct sr_str realm;
    struct config_texts domains;
    struct sr_str country;
    struct config_server server;
    struct config_storage storage;
    struct config_provider *providers;
    uint32_t provider_count;
    struct config_device *devices;
    uint32_t device_count;
    struct config_group *groups;
    uint32_t group_count;
    struct config_contact *contacts;
    uint32_t contact_count;
    struct config_routing routing;
    struct config_schedule *schedules;
    uint32_t schedule_count;
    struct config_voicebox *voiceboxes;
    uint32_t voicebox_count;
    struct config_ivr ivr;
    struct config_conference *conferences;
    uint32_t conference_count;
    struct config_features features;
    struct config_parking parking;
    struct config_music music_on_hold;
    struct config_monitoring monitoring;
    struct config_speech speech;
    struct config_security security;
    struct config_history history;
    struct config_webhook *webhooks;
    uint32_t webhook_count;

    /* private: made by the loader, used by the functions below */
    struct config_index device_ids, group_ids, provider_ids, conference_ids, voicebox_ids, menu_ids,
        schedule_ids, route_ids, extensions;
    struct config_patterns *patterns;
    struct config_secrets *secrets;
    struct sr_arena arena;
    _Atomic uint32_t refs;
};

enum config_extension_kind {
    CONFIG_EXTENSION_NONE, /* nobody has it */
    CONFIG_EXTENSION_DEVICE,
    CONFIG_EXTENSION_GROUP,
    CONFIG_EXTENSION_CONFERENCE,
    CONFIG_EXTENSION_VOICEBOX,
    CONFIG_EXTENSION_PARKING,
    CONFIG_EXTENSION_FEATURE,
};

/** What a dialled extension means. */
struct config_extension {
    enum config_extension_kind kind;
    union {
        const struct config_device *device;
        const struct config_group *group;
        const struct config_conference *conference;
        const struct config_voicebox *voicebox;
        const struct config_feature *feature;
        const void *object;
    };
    struct sr_str
        rest; /* FEATURE: digits behind the code ("*8101" gives "101"); PARKING: the slot; view of
                 the argument */
};

/** An empty generation with one reference and a fresh number. For the loader (and tests). */
struct config *config_new(void);
/** One more reference; gives its argument. Any thread. */
struct config *config_ref(struct config *config);
/** One reference less; the last one frees. NULL is fine. Any thread. */
void config_unref(struct config *config);

/* Look-ups: NULL when there is none. Ids and extensions are compared byte for byte. */
const struct config_device *config_device_by_id(const struct config *config, struct sr_str id);
const struct config_device *config_device_by_extension(const struct config *config,
                                                       struct sr_str extension);
/** The device of a SIP user name: its extension, else its id. */
const struct config_device *config_device_by_user(const struct config *config, struct sr_str user);
const struct config_group *config_group_by_id(const struct config *config, struct sr_str id);
const struct config_group *config_group_by_extension(const struct config *config,
                                                     struct sr_str extension);
const struct config_provider *config_provider_by_id(const struct config *config, struct sr_str id);
const struct config_conference *config_conference_by_extension(const struct config *config,
                                                               struct sr_str extension);
const struct config_route *config_route_by_id(const struct config *config, struct sr_str id);
/** The feature of exactly this code. */
const struct config_feature *config_feature_by_code(const struct config *config,
                                                    struct sr_str code);
/** Whether an extension follows its code (*8101): pickup and intercom. */
bool config_feature_takes_digits(enum config_feature_kind kind);

/**
 * What a dialled extension or star code means: exact extensions first, then parking slots, then
 * pickup and intercom codes followed by digits. kind NONE when nobody has it: it is a number.
 */
struct config_extension config_extension_find(const struct config *config, struct sr_str dialled);

/** Whether it is one of security.emergencyNumbers. */
bool config_is_emergency(const struct config *config, struct sr_str number);

/* Names as in the file; never NULL. */
const char *config_strategy_name(enum config_strategy strategy);
const char *config_action_name(enum config_action_type type);

/** Sorts an index by key after the loader filled it. Equal keys keep no order. */
void config_index_sort(struct config_index *index);
/** The entry with that key, or NULL. */
const struct config_index_entry *config_index_find(const struct config_index *index,
                                                   struct sr_str key);

#endif
