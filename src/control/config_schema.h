/**
 * @file config_schema.h  The configuration as one table: name, type, bounds, default, flags and text.
 *
 * From it come validation and defaults (config_load), the comparison of generations (config_diff),
 * the masking of secrets (config_mask) and docs/config.schema.json.
 *
 * Layer:   control
 * Memory:  static tables; the generator writes to the caller's buffer
 * Thread:  any (read-only)
 */
#ifndef SR_CONTROL_CONFIG_SCHEMA_H
#define SR_CONTROL_CONFIG_SCHEMA_H

#include "base/buf.h"
#include "call/config.h"

enum config_kind {        /* what the member of the struct is */
    CONFIG_KIND_OBJECT,   /* the object itself */
    CONFIG_KIND_LIST,     /* pointer to objects, and a count */
    CONFIG_KIND_BOOL,     /* bool */
    CONFIG_KIND_NUMBER,   /* uint32_t, min..max */
    CONFIG_KIND_TEXT,     /* struct sr_str, at most max bytes (0: CONFIG_TEXT_MAX) */
    CONFIG_KIND_SECRET,   /* struct sr_str */
    CONFIG_KIND_CHOICE,   /* enum; names in `choices` by value */
    CONFIG_KIND_PATTERN,  /* struct pattern * */
    CONFIG_KIND_TEXTS,    /* struct config_texts, at most max items (0: CONFIG_ITEMS_MAX) */
    CONFIG_KIND_CHOICES,  /* struct config_choices */
    CONFIG_KIND_CIDRS,    /* struct config_cidrs */
    CONFIG_KIND_CIDR,     /* struct config_cidrs from one text; "" is none */
    CONFIG_KIND_ADDRS,    /* struct config_addrs; min = port where none is written */
    CONFIG_KIND_PAIRS,    /* struct config_pairs */
    CONFIG_KIND_FEATURES, /* struct config_features */
};

enum config_format { /* of TEXT and of the items of TEXTS; an empty TEXT is always allowed unless required */
    CONFIG_FORMAT_ANY,    /* but no control characters */
    CONFIG_FORMAT_SPOKEN, /* line ends and tabs too */
    CONFIG_FORMAT_ID,
    CONFIG_FORMAT_EXTENSION,
    CONFIG_FORMAT_IP,
    CONFIG_FORMAT_IP_AUTO,
    CONFIG_FORMAT_HOST,
    CONFIG_FORMAT_HOST_PORT,
    CONFIG_FORMAT_HTTP_URL,
    CONFIG_FORMAT_ORIGIN,
    CONFIG_FORMAT_STORAGE_URL,
    CONFIG_FORMAT_COUNTRY,
    CONFIG_FORMAT_TIMEZONE,
    CONFIG_FORMAT_RULE,
    CONFIG_FORMAT_DATE,
    CONFIG_FORMAT_HOURS,
    CONFIG_FORMAT_NUMBER, /* digits with +, *, # */
    CONFIG_FORMAT_HA1,
    CONFIG_FORMAT_SLOTS,
    CONFIG_FORMAT_DIGIT,
    CONFIG_FORMAT_PIN,
    CONFIG_FORMAT_TARGET, /* device id, group:ID, tel:NUMBER */
};

enum config_ref { /* the text is an id of ... */
    CONFIG_REF_NONE,
    CONFIG_REF_DEVICE,
    CONFIG_REF_GROUP,
    CONFIG_REF_PROVIDER,
    CONFIG_REF_VOICEBOX,
    CONFIG_REF_MENU,
    CONFIG_REF_SCHEDULE,
    CONFIG_REF_CONFERENCE,
    CONFIG_REF_ROUTE,
    CONFIG_REF_CONTACT,
    CONFIG_REF_COUNT
};

enum { /* flags */
    CONFIG_REQUIRED = 1,
    CONFIG_RESTART = 2,        /* x-restart: takes effect at the next start */
    CONFIG_RESTART_SHRINK = 4, /* x-restart only when the range gets smaller */
    CONFIG_NOT_BUILT = 8,      /* accepted, but a notice says that it does nothing yet */
};

enum {
    CONFIG_TEXT_MAX = 1024,     /* bytes of a text unless its field says otherwise */
    CONFIG_ITEMS_MAX = 20000,   /* items of a list unless its field says otherwise */
    CONFIG_FEATURES_MAX = 1000, /* codes */

    /* what the rooms below can use; more would be left out in silence */
    CONFIG_BINDS_MAX = 16,       /* each with a UDP, TCP and TLS listener */
    CONFIG_NAME_SERVERS_MAX = 8, /* RESOLVER_SERVERS_MAX */
    CONFIG_RINGING_MAX = 256,    /* RING_TARGETS_MAX */
    CONFIG_FAILOVER_MAX = 15,    /* ROUTING_PROVIDERS_MAX, less the first */
};

struct config_object;

struct config_field {
    const char *name;
    const char *doc;
    const char *fallback;       /* default as JSON; NULL: empty, 0, false, first choice, {} or [] */
    const char *const *choices; /* NULL-terminated; also the allowed items of TEXTS */
    const struct config_object *object; /* OBJECT, LIST */
    size_t offset;
    size_t offset2; /* LIST: of the count; with `ref`: of the resolved pointer(s) */
    uint32_t min;
    uint32_t max;
    uint8_t kind;   /* enum config_kind */
    uint8_t format; /* enum config_format */
    uint8_t ref;    /* enum config_ref */
    uint8_t flags;
};

struct config_object {
    const char *name; /* in messages: "device", "route" */
    const struct config_field *fields;
    uint32_t field_count;
    size_t bytes;
    uint8_t ref; /* what its "id" names; CONFIG_REF_NONE: has no id */
};

/** The root of the table: struct config. */
extern const struct config_object config_schema;

/** Names by value: features and the kinds of references ("device"). */
extern const char *const config_feature_names[];
const char *config_ref_name(enum config_ref ref);

/** The field with that name, or NULL. */
const struct config_field *config_field_find(const struct config_object *object,
                                             struct sr_str name);

/** Writes docs/config.schema.json (JSON Schema 2020-12), the same bytes every time. */
void config_schema_write(struct sr_buf *out);

#endif
