/**
 * @file quirks.h  Peculiarities of providers, as data: each with the reason it exists; presets join those
 * of one kind of provider.
 *
 * Layer:   ua (values only)
 * Memory:  plain values
 * Thread:  any
 */
#ifndef SR_UA_QUIRKS_H
#define SR_UA_QUIRKS_H

#include "base/str.h"

/** Where the provider writes the number that was called. */
enum ua_called {
    UA_CALLED_AUTO, /* Request-URI; when that has our Contact: P-Called-Party-ID, else To */
    UA_CALLED_TO,
    UA_CALLED_P_CALLED_PARTY_ID,
    UA_CALLED_P_PREFERRED_IDENTITY,
};

struct ua_quirks {
    bool from_is_account;    /* From has the account's user name; the caller's number stands in the
                                identity header only */
    bool is_preferred;       /* P-Preferred-Identity in place of P-Asserted-Identity */
    bool user_phone;         /* ;user=phone behind numbers */
    bool contact_is_account; /* Contact has the account's user name in place of a random one */
    bool is_prack_off;       /* 100rel is not offered */
    enum ua_called called;
    uint8_t family;          /* enum sr_addr_family; SR_ADDR_NONE: any */
    uint16_t ptime_ms;       /* packet time, whatever the provider's SDP says; 0: as it says */
    uint16_t keep_alive_sec; /* to hold a NAT's mapping; 0: never */
};

/** A row of the table. */
struct ua_quirk_info {
    const char *name;   /* as in the configuration's "quirks" */
    const char *values; /* what may be written: "true|false", "auto|to|...", "0-65535" */
    const char *reason; /* why it exists */
};

struct ua_preset_info {
    const char *name;
    const char *text; /* "name=value name=value" */
    const char *doc;
};

/** All quirks; the last has a NULL name. */
const struct ua_quirk_info *ua_quirk_table(void);
const struct ua_preset_info *ua_preset_table(void);

void ua_quirks_init(struct ua_quirks *quirks);
/** @return SR_OK; SR_ERR_NOTFOUND no quirk of that name; SR_ERR_SYNTAX not a value of it */
SR_MUST_USE enum sr_err ua_quirks_set(struct ua_quirks *quirks, struct sr_str name,
                                      struct sr_str value);
/** An empty name changes nothing. @return SR_OK; SR_ERR_NOTFOUND no such preset */
SR_MUST_USE enum sr_err ua_quirks_preset(struct ua_quirks *quirks, struct sr_str name);

#endif
