#include "ua/quirks.h"

#include "base/addr.h"

enum {
    KEEP_ALIVE_SEC = 25 /* below the 30 s that many home routers keep a mapping */
};

static const struct ua_quirk_info quirks_table[] = {
    {"fromUser", "caller|account",
     "some providers know a call's account by the user name in From and refuse any other"},
    {"preferredIdentity", "true|false",
     "IMS networks take the caller's number in P-Preferred-Identity and set the asserted one "
     "themselves"},
    {"userPhone", "true|false", "some switches take a number for one only with ;user=phone"},
    {"contactUser", "random|account",
     "a few registrars accept only the account's user name in Contact; calls are then told apart "
     "by "
     "the called number alone"},
    {"prack", "true|false", "some gateways say 100rel and then wait for ever for their own PRACK"},
    {"calledNumber", "auto|to|pCalledPartyId|pPreferredIdentity",
     "a provider that calls the registered Contact writes the dialled number elsewhere"},
    {"family", "auto|ip4|ip6",
     "some providers publish addresses of a family over which they do not serve"},
    {"ptime", "0-60",
     "some gateways announce a packet time and send another; what they send counts"},
    {"keepAliveSec", "0-3600", "a mapping of the NAT in front of us may live less than 30 s"},
    {NULL, NULL, NULL},
};

static const struct ua_preset_info presets[] = {
    {"generic", "", "RFC 3261 as written"},
    {"account", "fromUser=account", "the account's user name in From, the caller's number beside"},
    {"sipgate", "fromUser=account preferredIdentity=true calledNumber=to",
     "From is the account, the caller stands in P-Preferred-Identity, the number called in To"},
    {"ims", "preferredIdentity=true userPhone=true calledNumber=pCalledPartyId",
     "networks built on 3GPP IMS"},
    {"fritzbox", "fromUser=account family=ip4 calledNumber=to prack=false keepAliveSec=0",
     "an account of a FRITZ!Box in the same network"},
    {NULL, NULL, NULL},
};

const struct ua_quirk_info *ua_quirk_table(void)
{
    return quirks_table;
}

const struct ua_preset_info *ua_preset_table(void)
{
    return presets;
}

void ua_quirks_init(struct ua_quirks *quirks)
{
    *quirks = (struct ua_quirks){.keep_alive_sec = KEEP_ALIVE_SEC};
}

/* Which of "a|b|c"? */
static enum sr_err choose(struct sr_str value, const char *values, int *ret_index)
{
    struct sr_str rest = sr_str_c(values);
    struct sr_str one;

    for (int i = 0; sr_str_split(&rest, '|', &one); i++) {
        if (sr_str_eq(one, value)) {
            *ret_index = i;
            return SR_OK;
        }
    }
    return SR_ERR_SYNTAX;
}

static enum sr_err number(struct sr_str value, const char *values, uint16_t *ret_number)
{
    struct sr_str range = sr_str_c(values);
    struct sr_str low;
    uint32_t most = 0;
    uint32_t found = 0;

    if (!sr_str_split(&range, '-', &low) || sr_str_u32(range, UINT16_MAX, &most) != SR_OK ||
        sr_str_u32(value, most, &found) != SR_OK)
        return SR_ERR_SYNTAX;
    *ret_number = (uint16_t)found;
    return SR_OK;
}

/* The n-th choice of a row of the table. */
static void take_choice(struct ua_quirks *quirks, const char *name, int choice)
{
    static const uint8_t families[] = {SR_ADDR_NONE, SR_ADDR_IP4, SR_ADDR_IP6};
    bool is_first = choice == 0;

    if (strcmp(name, "fromUser") == 0)
        quirks->from_is_account = !is_first;
    else if (strcmp(name, "preferredIdentity") == 0)
        quirks->is_preferred = is_first;
    else if (strcmp(name, "userPhone") == 0)
        quirks->user_phone = is_first;
    else if (strcmp(name, "contactUser") == 0)
        quirks->contact_is_account = !is_first;
    else if (strcmp(name, "prack") == 0)
        quirks->is_prack_off = !is_first;
    else if (strcmp(name, "calledNumber") == 0)
        quirks->called = (enum ua_called)choice;
    else if (strcmp(name, "family") == 0)
        quirks->family = families[choice];
}

enum sr_err ua_quirks_set(struct ua_quirks *quirks, struct sr_str name, struct sr_str value)
{
    for (const struct ua_quirk_info *info = quirks_table; info->name != NULL; info++) {
        int choice;

        if (!sr_str_eq_c(name, info->name))
            continue;
        if (strcmp(info->name, "ptime") == 0)
            return number(value, info->values, &quirks->ptime_ms);
        if (strcmp(info->name, "keepAliveSec") == 0)
            return number(value, info->values, &quirks->keep_alive_sec);
        if (choose(value, info->values, &choice) != SR_OK)
            return SR_ERR_SYNTAX;
        take_choice(quirks, info->name, choice);
        return SR_OK;
    }
    return SR_ERR_NOTFOUND;
}

enum sr_err ua_quirks_preset(struct ua_quirks *quirks, struct sr_str name)
{
    const struct ua_preset_info *preset = presets;
    struct sr_str rest, one, key;

    if (name.n == 0)
        return SR_OK;
    while (preset->name != NULL && !sr_str_eq_c(name, preset->name))
        preset++;
    if (preset->name == NULL)
        return SR_ERR_NOTFOUND;
    rest = sr_str_c(preset->text);
    while (sr_str_split(&rest, ' ', &one)) {
        enum sr_err err;

        SR_ASSERT(sr_str_split(&one, '=', &key));
        err = ua_quirks_set(quirks, key, one);
        SR_ASSERT(err == SR_OK);
    }
    return SR_OK;
}
