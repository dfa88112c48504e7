/* Why a provider cannot be used: one sentence for people. */
#include "ua/provider_internal.h"

static bool has_word(const char *text, const char *word)
{
    return strstr(text, word) != NULL;
}

/* No answer came: what the transport said of it. */
static enum ua_provider_fault fault_of_silence(const struct provider *provider)
{
    const char *why = provider->closed_why;

    if (provider->closed_err == SR_ERR_AUTH) {
        if (has_word(why, "expired"))
            return UA_PROVIDER_FAULT_CERT_EXPIRED;
        if (has_word(why, "mismatch"))
            return UA_PROVIDER_FAULT_CERT_NAME;
        return UA_PROVIDER_FAULT_CERT_UNTRUSTED;
    }
    if (has_word(why, "TLS"))
        return UA_PROVIDER_FAULT_TLS;
    if (has_word(why, "refused"))
        return UA_PROVIDER_FAULT_REFUSED;
    return UA_PROVIDER_FAULT_NO_ANSWER;
}

/* What a refusal says beside its status, for the sentence. */
static void note_wish(struct provider *provider, struct sip_msg *msg, uint16_t status)
{
    const struct sip_nameaddr *contact = sip_msg_contact(msg);
    uint32_t least_s = 0;
    struct sr_buf buf;

    sr_buf_init_fixed(&buf, provider->wish, sizeof(provider->wish));
    if (status >= 300 && status < 400 && contact != NULL && !contact->is_star)
        sr_buf_fmt(&buf, ": it wants the account at %.*s; if that is right, set outboundProxy",
                   SR_STR_ARG(sr_str_head(contact->uri.text, 100)));
    else if (status == 423 && sip_msg_uint(msg, SIP_HDR_MIN_EXPIRES, &least_s))
        sr_buf_fmt(&buf, ": it takes no registration shorter than %u s", (unsigned)least_s);
    (void)sr_buf_cstr(&buf);
}

/* A login is asked for that another password would not mend. Adds to the sentence. */
static bool is_odd_challenge(struct provider *provider, struct sip_msg *msg)
{
    struct sip_values values = sip_msg_values(msg, msg->status == 407 ? SIP_HDR_PROXY_AUTHENTICATE
                                                                      : SIP_HDR_WWW_AUTHENTICATE);
    struct digest_challenge challenge;
    bool is_known = false, is_stale = false, is_asked = false;
    struct sr_str value;

    while (sip_values_next(&values, &value)) {
        is_asked = true;
        if (digest_challenge_parse(value, &challenge) != SR_OK)
            continue;
        is_known = true;
        is_stale = is_stale || challenge.is_stale;
    }
    if (!is_asked || (is_known && !is_stale))
        return false;
    (void)sr_str_copy(is_stale ? SR_STR(": it calls each login out of date (stale)")
                               : SR_STR(": it asks for no kind of login that is known here"),
                      provider->wish, sizeof(provider->wish));
    return true;
}

enum ua_provider_fault provider__fault_of(struct provider *provider, struct sip_msg *msg,
                                          uint16_t status)
{
    if (msg == NULL)
        return fault_of_silence(provider);
    if ((status == 401 || status == 407) && is_odd_challenge(provider, msg))
        return UA_PROVIDER_FAULT_REJECTED;
    if (status == 401 || status == 407)
        return provider->foreign_realm[0] != '\0' ? UA_PROVIDER_FAULT_REALM
                                                  : UA_PROVIDER_FAULT_PASSWORD;
    if (status == 403)
        return UA_PROVIDER_FAULT_FORBIDDEN;
    if (status == 404 || status == 604)
        return UA_PROVIDER_FAULT_UNKNOWN_USER;
    if (status >= 500 && status < 600)
        return UA_PROVIDER_FAULT_DOWN;
    note_wish(provider, msg, status);
    return UA_PROVIDER_FAULT_REJECTED;
}

static void write_sentence(const struct provider *provider, struct sr_buf *buf)
{
    struct sr_str server = provider__server(provider);
    const struct ua_provider *conf = &provider->conf;
    const char *answer = provider->last_response;

    char stranger[SR_ADDR_TEXT_MAX];

    switch (provider->fault) {
    case UA_PROVIDER_FAULT_NONE:
        break;
    case UA_PROVIDER_FAULT_DNS:
        sr_buf_fmt(buf, "The name %.*s cannot be resolved: %s.", SR_STR_ARG(server),
                   provider->closed_why);
        break;
    case UA_PROVIDER_FAULT_NO_ANSWER:
        if (provider__is_ip(&provider->stranger)) {
            sr_buf_fmt(buf,
                       "%.*s does not answer, but %s does in its place: if that is the provider's, "
                       "name it in trustedAddresses.",
                       SR_STR_ARG(server), sr_addr_ip_text(&provider->stranger, stranger));
            break;
        }
        sr_buf_fmt(
            buf,
            "%.*s does not answer: it is down, the address is wrong, or something on the way "
            "blocks the port.",
            SR_STR_ARG(server));
        break;
    case UA_PROVIDER_FAULT_REFUSED:
        sr_buf_fmt(buf,
                   "%.*s refuses the connection: nothing listens there, or a firewall says no.",
                   SR_STR_ARG(server));
        break;
    case UA_PROVIDER_FAULT_CERT_EXPIRED:
        sr_buf_fmt(buf, "The certificate of %.*s has expired.", SR_STR_ARG(server));
        break;
    case UA_PROVIDER_FAULT_CERT_NAME:
        sr_buf_fmt(buf, "The certificate shown is not for the name %.*s.", SR_STR_ARG(server));
        break;
    case UA_PROVIDER_FAULT_CERT_UNTRUSTED:
        sr_buf_fmt(
            buf,
            "The certificate of %.*s is signed by nobody this machine trusts (%s): name its CA "
            "in tlsCaFile.",
            SR_STR_ARG(server), provider->closed_why);
        break;
    case UA_PROVIDER_FAULT_TLS:
        sr_buf_fmt(buf, "No TLS with %.*s: %s.", SR_STR_ARG(server), provider->closed_why);
        break;
    case UA_PROVIDER_FAULT_PASSWORD:
        sr_buf_fmt(buf,
                   "%.*s refuses the login of \"%.*s\": user name or password (username, "
                   "authUsername, password) is wrong.",
                   SR_STR_ARG(server), SR_STR_ARG(conf->auth_username));
        break;
    case UA_PROVIDER_FAULT_REALM:
        sr_buf_fmt(buf,
                   "A login to realm \"%s\" is asked for, which got no answer: if it is this "
                   "provider's, set digestRealm to it.",
                   provider->foreign_realm);
        break;
    case UA_PROVIDER_FAULT_FORBIDDEN:
        sr_buf_fmt(buf,
                   "%.*s answers %s: the account is blocked, its password is wrong, or it may not "
                   "register from here.",
                   SR_STR_ARG(server), answer);
        break;
    case UA_PROVIDER_FAULT_UNKNOWN_USER:
        sr_buf_fmt(buf, "%.*s answers %s: it does not know the user \"%.*s\".", SR_STR_ARG(server),
                   answer, SR_STR_ARG(conf->username));
        break;
    case UA_PROVIDER_FAULT_DOWN:
        sr_buf_fmt(buf, "%.*s answers %s: the provider is down or overloaded.", SR_STR_ARG(server),
                   answer);
        break;
    case UA_PROVIDER_FAULT_REJECTED:
        sr_buf_fmt(buf, "%.*s answers %s%s.", SR_STR_ARG(server), answer, provider->wish);
        break;
    }
}

void provider__write_verdict(struct provider *provider)
{
    char array[1024];
    struct sr_buf buf;

    sr_buf_init_fixed(&buf, array, sizeof(array));
    write_sentence(provider, &buf);
    (void)sr_str_copy(sr_buf_view(&buf), provider->verdict, sizeof(provider->verdict));
}
