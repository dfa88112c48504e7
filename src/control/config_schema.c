#include "control/config_schema.h"

/* clang-format off: a table, one line per key */

#define AT(type, member) offsetof(struct type, member)

static const char *const transports[] = {"auto", "udp", "tcp", "tls", NULL};
static const char *const proxy_transports[] = {"", "udp", "tcp", "tls", NULL};
static const char *const codecs[] = {"opus", "G722", "PCMA", "PCMU", NULL};
static const char *const digests[] = {"MD5", "SHA-256", NULL};
static const char *const srtp_modes[] = {"off", "optional", "required", NULL};
static const char *const dtmf_modes[] = {"auto", "rfc4733", "info", "inband", NULL};
static const char *const caller_headers[] = {"pai", "from", "rpid", NULL};
static const char *const denoise_modes[] = {"off", "auto", "on", NULL};
static const char *const record_modes[] = {"off", "on", "onDemand", NULL};
static const char *const strategies[] = {"all", "sequential", "roundRobin", "leastRecent", NULL};
static const char *const directions[] = {"", "inbound", "outbound", "internal", NULL};
static const char *const modes[] = {"b2bua", "passthrough", NULL};
static const char *const tts_engines[] = {"auto", "off", "flite", "sherpa", NULL};
static const char *const asr_engines[] = {"off", "auto", "sherpa", NULL};
static const char *const action_types[] = {
    "",           "routeExtension",  "routeExternal", "voicemail", "submenu", "playMessage",
    "conference", "dialByExtension", "repeat",        "hangup",    NULL};
static const char *const event_names[] = {"incoming_call",
                                          "call_created",
                                          "call_ringing",
                                          "call_answered",
                                          "call_ended",
                                          "leg_added",
                                          "leg_changed",
                                          "leg_removed",
                                          "device_registered",
                                          "device_unregistered",
                                          "provider_registered",
                                          "provider_failed",
                                          "dtmf",
                                          "webrtc_audio_rx",
                                          "recording_started",
                                          "recording_finished",
                                          "voicemail_received",
                                          "quality",
                                          "verdict",
                                          "speech_recognised",
                                          "config_changed",
                                          "security_ban",
                                          NULL};
const char *const config_feature_names[] = {
    "echo", "myVoicemail", "anyVoicemail", "pickup", "clock", "intercom", NULL};

/* one line each: struct, key, member, default as JSON, flags, text */
#define BOOL(s, key, member, def, flag, text)                                                      \
    {                                                                                              \
        .name = key, .kind = CONFIG_KIND_BOOL, .offset = AT(s, member), .fallback = def,           \
        .flags = flag, .doc = text                                                                 \
    }
#define NUMBER(s, key, member, def, low, high, flag, text)                                         \
    {                                                                                              \
        .name = key, .kind = CONFIG_KIND_NUMBER, .offset = AT(s, member), .fallback = def,         \
        .min = low, .max = high, .flags = flag, .doc = text                                        \
    }
#define TEXT(s, key, member, def, fmt, flag, text)                                                 \
    {                                                                                              \
        .name = key, .kind = CONFIG_KIND_TEXT, .offset = AT(s, member), .fallback = def,           \
        .format = fmt, .flags = flag, .doc = text                                                  \
    }
#define SECRET(s, key, member, fmt, flag, text)                                                    \
    {                                                                                              \
        .name = key, .kind = CONFIG_KIND_SECRET, .offset = AT(s, member), .format = fmt,           \
        .flags = flag, .doc = text                                                                 \
    }
#define CHOICE(s, key, member, names, flag, text)                                                  \
    {                                                                                              \
        .name = key, .kind = CONFIG_KIND_CHOICE, .offset = AT(s, member), .choices = names,        \
        .flags = flag, .doc = text                                                                 \
    }
#define REF(s, key, member, pointer, what, flag, text)                                             \
    {                                                                                              \
        .name = key, .kind = CONFIG_KIND_TEXT, .offset = AT(s, member), .offset2 = AT(s, pointer), \
        .ref = what, .flags = flag, .doc = text                                                    \
    }
#define TEXTS(s, key, member, def, fmt, flag, text)                                                \
    {                                                                                              \
        .name = key, .kind = CONFIG_KIND_TEXTS, .offset = AT(s, member), .fallback = def,          \
        .format = fmt, .flags = flag, .doc = text                                                  \
    }
#define VALUE(s, key, member, what, def, flag, text)                                               \
    {                                                                                              \
        .name = key, .kind = what, .offset = AT(s, member), .fallback = def, .flags = flag,        \
        .doc = text                                                                                \
    }
#define OBJECT(s, key, member, child, flag, text)                                                  \
    {                                                                                              \
        .name = key, .kind = CONFIG_KIND_OBJECT, .offset = AT(s, member), .object = &child,        \
        .flags = flag, .doc = text                                                                 \
    }
#define LIST(s, key, member, counter, child, flag, text)                                           \
    {                                                                                              \
        .name = key, .kind = CONFIG_KIND_LIST, .offset = AT(s, member), .offset2 = AT(s, counter), \
        .object = &child, .flags = flag, .doc = text                                               \
    }
#define DEFINE(variable, title, s, what)                                                           \
    static const struct config_object variable = {                                                 \
        title, variable##_fields, SR_ARRAY_LEN(variable##_fields), sizeof(struct s), what}

static const struct config_field ports_fields[] = {
    NUMBER(config_port_range, "min", min, "20000", 1024, 65535, CONFIG_RESTART_SHRINK,
           "First UDP port for the audio of SIP calls."),
    NUMBER(config_port_range, "max", max, "29999", 1024, 65535, CONFIG_RESTART_SHRINK,
           "Last UDP port for the audio of SIP calls."),
};
DEFINE(ports, "port range", config_port_range, CONFIG_REF_NONE);

static const struct config_field dscp_fields[] = {
    NUMBER(config_dscp, "sip", sip, "24", 0, 63, CONFIG_RESTART,
           "DSCP mark of signalling packets; 0: none."),
    NUMBER(config_dscp, "media", media, "46", 0, 63, CONFIG_RESTART, "DSCP mark of audio packets."),
};
DEFINE(dscp, "packet marks", config_dscp, CONFIG_REF_NONE);

static const struct config_field proxy_fields[] = {
    {.name = "bind",
     .kind = CONFIG_KIND_ADDRS,
     .offset = AT(config_proxy, bind),
     .flags = CONFIG_RESTART,
     .max = CONFIG_BINDS_MAX,
     .doc = "Addresses to listen on for SIP; empty: all, IPv4 and IPv6."},
    TEXT(config_proxy, "lanIp", lan_ip, "\"auto\"", CONFIG_FORMAT_IP_AUTO, 0,
         "IPv4 address told to devices."),
    TEXT(config_proxy, "lanIp6", lan_ip6, "\"auto\"", CONFIG_FORMAT_IP_AUTO, 0,
         "IPv6 address told to devices."),
    NUMBER(config_proxy, "lanPort", lan_port, "5060", 1, 65535, CONFIG_RESTART,
           "Port for SIP over UDP and TCP."),
    NUMBER(config_proxy, "tlsPort", tls_port, "5061", 0, 65535, CONFIG_RESTART,
           "Port for SIP over TLS; 0: off."),
    TEXT(config_proxy, "publicIp", public_ip, "\"auto\"", CONFIG_FORMAT_IP_AUTO, 0,
         "IPv4 address told to providers; auto: learnt from their answers, else by STUN, else "
         "lanIp."),
    TEXT(config_proxy, "publicIp6", public_ip6, "\"auto\"", CONFIG_FORMAT_IP_AUTO, 0,
         "IPv6 address told to providers."),
    VALUE(config_proxy, "localNets", local_nets, CONFIG_KIND_CIDRS, NULL, 0,
          "Networks that count as LAN beside the host's own."),
    TEXT(config_proxy, "stunServer", stun_server, NULL, CONFIG_FORMAT_HOST_PORT, 0,
         "host:port of a STUN server, asked only if a provider does not reveal the public IPv4 "
         "address."),
    OBJECT(config_proxy, "rtpPortRange", rtp_ports, ports, 0,
           "UDP ports for the audio of SIP calls."),
    NUMBER(config_proxy, "webrtcPort", webrtc_port, "3479", 0, 65535, CONFIG_RESTART,
           "One UDP and TCP port for all browser media; 0: off. A home behind NAT forwards it."),
    NUMBER(config_proxy, "rtpTimeoutSec", rtp_timeout_sec, "60", 0, 86400, 0,
           "A leg without audio packets for so long is hung up; 0: never."),
    NUMBER(config_proxy, "rtpTimeoutHoldSec", rtp_timeout_hold_sec, "3600", 0, 604800, 0,
           "The same for a leg on hold."),
    OBJECT(config_proxy, "dscp", dscp, dscp, 0, "DSCP marks of packets."),
};
DEFINE(proxy, "proxy", config_proxy, CONFIG_REF_NONE);

static const struct config_field dns_fields[] = {
    {.name = "servers",
     .kind = CONFIG_KIND_ADDRS,
     .offset = AT(config_dns, servers),
     .flags = CONFIG_RESTART,
     .min = 53,
     .max = CONFIG_NAME_SERVERS_MAX,
     .doc = "Name servers as address or address:port; empty: the system's."},
};
DEFINE(dns, "dns", config_dns, CONFIG_REF_NONE);

static const struct config_field tls_fields[] = {
    TEXT(config_server_tls, "cert", cert, NULL, CONFIG_FORMAT_ANY, 0,
         "Certificate file (PEM); empty: a leaf of the router's own local CA. Also used by SIP "
         "over TLS. A changed file is noticed within seconds."),
    TEXT(config_server_tls, "key", key, NULL, CONFIG_FORMAT_ANY, 0,
         "Key file (PEM) of the certificate."),
};
DEFINE(tls, "certificate", config_server_tls, CONFIG_REF_NONE);

static const struct config_field server_fields[] = {
    NUMBER(config_server, "webUiPort", web_ui_port, "3060", 0, 65535, CONFIG_RESTART,
           "Port of the page and API over plain HTTP; 0: off."),
    TEXT(config_server, "webUiBind", web_ui_bind, "\"127.0.0.1\"", CONFIG_FORMAT_IP, CONFIG_RESTART,
         "Address of the plain HTTP port: loopback unless changed."),
    NUMBER(config_server, "webUiTlsPort", web_ui_tls_port, "3443", 0, 65535, CONFIG_RESTART,
           "Port of the page and API over HTTPS; 0: off."),
    TEXT(config_server, "webUiTlsBind", web_ui_tls_bind, "\"auto\"", CONFIG_FORMAT_IP_AUTO,
         CONFIG_RESTART, "Address of the HTTPS port; auto: the LAN addresses; empty: off."),
    OBJECT(config_server, "tls", tls, tls, 0, "Certificate of HTTPS and SIP over TLS."),
    TEXTS(config_server, "allowedOrigins", allowed_origins, NULL, CONFIG_FORMAT_ORIGIN, 0,
          "Other web origins that may use the API, such as https://crm.example."),
    NUMBER(config_server, "mediaThreads", media_threads, "0", 0, 64, CONFIG_RESTART,
           "Media worker threads; 0: one per processor core."),
    NUMBER(config_server, "drainSec", drain_sec, "30", 0, 86400, 0,
           "How long live calls may go on after SIGTERM."),
    BOOL(config_server, "allowAnonymousApi", allow_anonymous_api, "false", 0,
         "The API without login; only while every web address is loopback."),
};
DEFINE(server, "server", config_server, CONFIG_REF_NONE);

static const struct config_field storage_fields[] = {
    TEXT(
        config_storage, "url", url, "\"sqlite:siprouter.db\"", CONFIG_FORMAT_STORAGE_URL,
        CONFIG_RESTART,
        "sqlite:FILE, in the data folder or absolute. postgresql:// (several routers) is not built "
        "yet."),
};
DEFINE(storage, "storage", config_storage, CONFIG_REF_NONE);

static const struct config_field outbound_fields[] = {
    TEXT(config_outbound_proxy, "address", address, NULL, CONFIG_FORMAT_HOST, 0,
         "Host or address; empty: the provider's domain."),
    NUMBER(config_outbound_proxy, "port", port, "0", 0, 65535, 0, "Port; 0: by SRV."),
    CHOICE(config_outbound_proxy, "transport", transport, proxy_transports, 0,
           "Transport; empty: the provider's."),
};
DEFINE(outbound, "outbound proxy", config_outbound_proxy, CONFIG_REF_NONE);

static const struct config_field provider_fields[] = {
    TEXT(config_provider, "id", id, NULL, CONFIG_FORMAT_ID, CONFIG_REQUIRED,
         "Unique name used by routes."),
    TEXT(config_provider, "displayName", display_name, NULL, CONFIG_FORMAT_ANY, 0,
         "Name shown to people."),
    BOOL(config_provider, "enabled", is_enabled, "true", 0, "Whether it is used."),
    TEXT(config_provider, "domain", domain, NULL, CONFIG_FORMAT_HOST, CONFIG_REQUIRED,
         "SIP domain of the provider."),
    CHOICE(config_provider, "transport", transport, transports, 0,
           "auto: by NAPTR and SRV, requests over 1300 bytes by TCP where that is served; else "
           "fixed."),
    OBJECT(config_provider, "outboundProxy", outbound_proxy, outbound, 0,
           "Where requests are sent instead of the domain."),
    TEXT(config_provider, "username", username, NULL, CONFIG_FORMAT_ANY, 0,
         "User part of the account."),
    TEXT(config_provider, "authUsername", auth_username, NULL, CONFIG_FORMAT_ANY, 0,
         "User name for the password, if it differs."),
    SECRET(config_provider, "password", password, CONFIG_FORMAT_ANY, 0, "Password of the account."),
    TEXT(config_provider, "digestRealm", digest_realm, NULL, CONFIG_FORMAT_ANY, 0,
         "The only realm that gets the password; empty: any the provider's server names."),
    BOOL(config_provider, "register", is_registering, "true", 0,
         "Whether the router registers there."),
    NUMBER(config_provider, "registerIntervalSec", register_interval_sec, "300", 30, 86400, 0,
           "How often the registration is renewed."),
    NUMBER(config_provider, "qualifySec", qualify_sec, "60", 0, 86400, 0,
           "How often the provider is asked whether it lives; 0: never."),
    {.name = "codecs",
     .kind = CONFIG_KIND_CHOICES,
     .offset = AT(config_provider, codecs),
     .choices = codecs,
     .fallback = "[\"G722\", \"PCMA\", \"PCMU\", \"opus\"]",
     .doc = "Codecs in the order of preference."},
    TEXT(config_provider, "country", country, NULL, CONFIG_FORMAT_COUNTRY, 0,
         "Country its numbers are written for (DE); empty: the router's."),
    NUMBER(config_provider, "maxCalls", calls_max, "0", 0, 100000, 0,
           "Calls at the same time; 0: no limit."),
    TEXT(config_provider, "callerId", caller_id, NULL, CONFIG_FORMAT_ANY, 0,
         "Number shown to called parties."),
    CHOICE(config_provider, "callerIdHeader", caller_id_header, caller_headers, 0,
           "Where the caller's number is put: P-Asserted-Identity, From or Remote-Party-ID."),
    CHOICE(config_provider, "srtp", srtp, srtp_modes, 0,
           "Encryption of the audio: never, as the other side wants it, or no call without."),
    CHOICE(config_provider, "dtmf", dtmf, dtmf_modes, 0,
           "How digits are sent: auto: as telephone-event where the other side takes it, else as "
           "tones; "
           "rfc4733: as telephone-event only; info: by SIP INFO; inband: as tones."),
    TEXT(config_provider, "publicIp", public_ip, NULL, CONFIG_FORMAT_IP, 0,
         "Public address told to this provider; empty: proxy.publicIp."),
    BOOL(config_provider, "tlsVerify", tls_verify, "true", 0,
         "Whether its certificate is checked."),
    TEXT(config_provider, "tlsCaFile", tls_ca_file, NULL, CONFIG_FORMAT_ANY, 0,
         "CA file (PEM) for its certificate, relative to the configuration's folder or absolute; "
         "empty: the system's."),
    TEXT(config_provider, "preset", preset, NULL, CONFIG_FORMAT_ANY, 0,
         "Name of a built-in set of peculiarities: generic, account, sipgate, ims, fritzbox."),
    VALUE(config_provider, "quirks", quirks, CONFIG_KIND_PAIRS, NULL, 0,
          "Single peculiarities, over the preset."),
    VALUE(config_provider, "trustedAddresses", trusted_addresses, CONFIG_KIND_CIDRS, NULL, 0,
          "Who may send calls of a provider that does not register."),
};
DEFINE(provider, "provider", config_provider, CONFIG_REF_PROVIDER);

static const struct config_field forward_fields[] = {
    TEXT(config_forward, "always", always, NULL, CONFIG_FORMAT_NUMBER, 0,
         "Extension or number for every call."),
    TEXT(config_forward, "busy", busy, NULL, CONFIG_FORMAT_NUMBER, 0, "When the device is busy."),
    TEXT(config_forward, "noAnswer", no_answer, NULL, CONFIG_FORMAT_NUMBER, 0,
         "When nobody answers."),
    TEXT(config_forward, "offline", offline, NULL, CONFIG_FORMAT_NUMBER, 0,
         "When the device is not registered."),
};
DEFINE(forward, "forwarding", config_forward, CONFIG_REF_NONE);

static const struct config_field device_fields[] = {
    TEXT(config_device, "id", id, NULL, CONFIG_FORMAT_ID, CONFIG_REQUIRED,
         "Unique name used by routes, groups and the API."),
    TEXT(config_device, "displayName", display_name, NULL, CONFIG_FORMAT_ANY, 0,
         "Name shown to called parties."),
    TEXT(config_device, "extension", extension, NULL, CONFIG_FORMAT_EXTENSION, 0,
         "Number that others dial; also the SIP user name."),
    SECRET(config_device, "password", password, CONFIG_FORMAT_ANY, 0, "SIP password."),
    SECRET(config_device, "ha1", ha1, CONFIG_FORMAT_HA1, 0,
           "Instead of the password: hex MD5 of extension:realm:password."),
    VALUE(config_device, "expectedAddress", expected_address, CONFIG_KIND_CIDR, NULL, 0,
          "Address or network the device may register from; empty: any."),
    {.name = "codecs",
     .kind = CONFIG_KIND_CHOICES,
     .offset = AT(config_device, codecs),
     .choices = codecs,
     .fallback = "[\"opus\", \"G722\", \"PCMA\", \"PCMU\"]",
     .doc = "Codecs in the order of preference."},
    {.name = "srtp",
     .kind = CONFIG_KIND_CHOICE,
     .offset = AT(config_device, srtp),
     .choices = srtp_modes,
     .fallback = "\"optional\"",
     .doc = "Encryption of the audio: never, as the other side wants it, or no call without."},
    CHOICE(config_device, "dtmf", dtmf, dtmf_modes, 0,
           "How digits are sent: auto: as telephone-event where the other side takes it, else as "
           "tones; "
           "rfc4733: as telephone-event only; info: by SIP INFO; inband: as tones."),
    TEXT(config_device, "callerId", caller_id, NULL, CONFIG_FORMAT_ANY, 0,
         "Number shown on outside calls; empty: the route's."),
    REF(config_device, "voicemailBox", voicemail_box_id, voicemail_box, CONFIG_REF_VOICEBOX,
        CONFIG_NOT_BUILT, "Its voicemail box."),
    NUMBER(config_device, "maxContacts", contacts_max, "5", 1, 32, 0,
           "Phones and browsers registered at the same time."),
    NUMBER(config_device, "maxCalls", calls_max, "4", 0, 1000, 0,
           "Calls at the same time; 0: no limit."),
    NUMBER(config_device, "qualifySec", qualify_sec, "25", 0, 86400, 0,
           "How often a phone behind NAT is asked whether it lives; 0: never."),
    CHOICE(config_device, "denoise", denoise, denoise_modes, CONFIG_NOT_BUILT,
           "Noise suppression of what the device sends."),
    BOOL(config_device, "dnd", is_dnd, "false", 0, "Do not disturb: the device is never rung."),
    OBJECT(config_device, "forward", forward, forward, 0, "Where calls go instead."),
};
DEFINE(device, "device", config_device, CONFIG_REF_DEVICE);

static const struct config_field group_fields[] = {
    TEXT(config_group, "id", id, NULL, CONFIG_FORMAT_ID, CONFIG_REQUIRED,
         "Unique name used by routes as group:ID."),
    TEXT(config_group, "displayName", display_name, NULL, CONFIG_FORMAT_ANY, 0,
         "Name shown where a route is explained."),
    TEXT(config_group, "extension", extension, NULL, CONFIG_FORMAT_EXTENSION, 0,
         "Number that others dial."),
    {.name = "members",
     .kind = CONFIG_KIND_TEXTS,
     .offset = AT(config_group, member_ids),
     .offset2 = AT(config_group, members),
     .ref = CONFIG_REF_DEVICE,
     .max = CONFIG_RINGING_MAX,
     .doc = "Ids of the devices that ring."},
    CHOICE(config_group, "strategy", strategy, strategies, 0, "Order of ringing."),
};
DEFINE(group, "group", config_group, CONFIG_REF_GROUP);

static const struct config_field contact_fields[] = {
    TEXT(config_contact, "id", id, NULL, CONFIG_FORMAT_ID, CONFIG_REQUIRED, "Unique name."),
    TEXT(config_contact, "name", name, NULL, CONFIG_FORMAT_ANY, 0, "Name shown to people."),
    TEXT(config_contact, "number", number, NULL, CONFIG_FORMAT_NUMBER, CONFIG_REQUIRED,
         "Number or extension."),
    BOOL(config_contact, "starred", is_starred, "false", 0, "Shown first."),
};
DEFINE(contact, "contact", config_contact, CONFIG_REF_CONTACT);

static const struct config_field action_fields[] = {
    CHOICE(config_action, "type", type, action_types, 0, "What happens."),
    TEXT(config_action, "target", target, NULL, CONFIG_FORMAT_SPOKEN, 0,
         "Extension, number, or id of a box, menu or conference, by type."),
};
DEFINE(action, "action", config_action, CONFIG_REF_NONE);

static const struct config_field match_fields[] = {
    CHOICE(config_match, "direction", direction, directions, 0,
           "inbound: from a provider; outbound: from a device or browser; internal; empty: any."),
    VALUE(config_match, "numberPattern", number, CONFIG_KIND_PATTERN, NULL, 0,
          "Exact number, prefix* or /regular expression/, on the normalised number; empty: any."),
    VALUE(config_match, "callerPattern", caller, CONFIG_KIND_PATTERN, NULL, 0,
          "The same for the caller's number."),
    REF(config_match, "sourceProvider", source_provider_id, source_provider, CONFIG_REF_PROVIDER, 0,
        "Inbound: only calls of this provider."),
    REF(config_match, "sourceDevice", source_device_id, source_device, CONFIG_REF_DEVICE, 0,
        "Outbound and internal: only calls of this device."),
    REF(config_match, "schedule", schedule_id, schedule, CONFIG_REF_SCHEDULE, 0,
        "Only while this schedule is open; empty: always."),
};
DEFINE(match, "match", config_match, CONFIG_REF_NONE);

static const struct config_field fallback_fields[] = {
    OBJECT(config_fallback, "noAnswer", no_answer, action, 0, "When nobody answers."),
    OBJECT(config_fallback, "busy", busy, action, 0, "When all are busy."),
    OBJECT(config_fallback, "offline", offline, action, 0, "When nobody is registered."),
    OBJECT(config_fallback, "declined", declined, action, 0, "When the call is declined."),
};
DEFINE(fallback, "fallback", config_fallback, CONFIG_REF_NONE);

static const struct config_field route_action_fields[] = {
    {.name = "targets",
     .kind = CONFIG_KIND_TEXTS,
     .offset = AT(config_route_action, target_names),
     .format = CONFIG_FORMAT_TARGET,
     .max = CONFIG_RINGING_MAX,
     .doc = "Who rings: device id, group:ID or tel:NUMBER."},
    BOOL(config_route_action, "ringBrowsers", ring_browsers, "false", 0,
         "Whether all browser guests ring too."),
    CHOICE(config_route_action, "strategy", strategy, strategies, 0, "Order of ringing."),
    NUMBER(config_route_action, "noAnswerTimeout", no_answer_timeout_sec, "25", 1, 600, 0,
           "Seconds of ringing."),
    REF(config_route_action, "voicemailBox", voicemail_box_id, voicemail_box, CONFIG_REF_VOICEBOX,
        CONFIG_NOT_BUILT, "Box for calls nobody took; without targets: at once."),
    REF(config_route_action, "ivrMenuId", ivr_menu_id, ivr_menu, CONFIG_REF_MENU, CONFIG_NOT_BUILT,
        "Menu that answers at once."),
    OBJECT(config_route_action, "fallback", fallback, fallback, 0,
           "What happens to calls nobody took, by reason."),
    TEXT(config_route_action, "announcement", announcement, NULL, CONFIG_FORMAT_SPOKEN, 0,
         "Text or WAV file played to the caller, unanswered, before anybody rings."),
    REF(config_route_action, "provider", provider_id, provider, CONFIG_REF_PROVIDER, 0,
        "Outbound: the provider that carries the call."),
    {.name = "failoverProviders",
     .kind = CONFIG_KIND_TEXTS,
     .offset = AT(config_route_action, failover_ids),
     .offset2 = AT(config_route_action, failover_providers),
     .ref = CONFIG_REF_PROVIDER,
     .max = CONFIG_FAILOVER_MAX,
     .doc = "Outbound: tried when the first one fails."},
    TEXT(config_route_action, "stripPrefix", strip_prefix, NULL, CONFIG_FORMAT_NUMBER, 0,
         "Outbound: taken off the number."),
    TEXT(config_route_action, "prependPrefix", prepend_prefix, NULL, CONFIG_FORMAT_NUMBER, 0,
         "Outbound: put before the number."),
    TEXT(config_route_action, "callerId", caller_id, NULL, CONFIG_FORMAT_ANY, 0,
         "Outbound: number shown to the called party."),
    CHOICE(config_route_action, "mode", mode, modes, 0,
           "passthrough: bodies are copied, only addresses change."),
    CHOICE(config_route_action, "record", record, record_modes, CONFIG_NOT_BUILT, "Recording."),
    CHOICE(config_route_action, "denoise", denoise, denoise_modes, CONFIG_NOT_BUILT,
           "Noise suppression."),
    NUMBER(config_route_action, "maxDurationSec", duration_sec_max, "0", 0, 604800, 0,
           "Longest call; 0: no limit."),
};
DEFINE(route_action, "route action", config_route_action, CONFIG_REF_NONE);

static const struct config_field route_fields[] = {
    TEXT(config_route, "id", id, NULL, CONFIG_FORMAT_ID, CONFIG_REQUIRED, "Unique name."),
    TEXT(config_route, "name", name, NULL, CONFIG_FORMAT_ANY, 0, "Name shown to people."),
    BOOL(config_route, "enabled", is_enabled, "true", 0, "Whether it is used."),
    NUMBER(config_route, "priority", priority, "100", 0, 1000000, 0,
           "Higher is tried first, then file order."),
    OBJECT(config_route, "match", match, match, 0, "Which calls it takes."),
    OBJECT(config_route, "action", action, route_action, 0, "What happens to them."),
};
DEFINE(route, "route", config_route, CONFIG_REF_ROUTE);

static const struct config_field test_call_fields[] = {
    REF(config_test_call, "provider", provider_id, provider, CONFIG_REF_PROVIDER, 0,
        "The call comes from this provider."),
    REF(config_test_call, "device", device_id, device, CONFIG_REF_DEVICE, 0,
        "The call comes from this device."),
    TEXT(config_test_call, "to", to, NULL, CONFIG_FORMAT_NUMBER, CONFIG_REQUIRED, "Called number."),
    TEXT(config_test_call, "from", from, NULL, CONFIG_FORMAT_ANY, 0, "Caller's number."),
    TEXT(config_test_call, "at", at, NULL, CONFIG_FORMAT_ANY, 0,
         "Moment for schedules (RFC 3339); empty: now."),
};
DEFINE(test_call, "golden call", config_test_call, CONFIG_REF_NONE);

static const struct config_field test_expect_fields[] = {
    REF(config_test_expect, "route", route_id, route, CONFIG_REF_ROUTE, 0,
        "Id of the route that must take it; empty: none."),
};
DEFINE(test_expect, "expectation", config_test_expect, CONFIG_REF_NONE);

static const struct config_field test_fields[] = {
    OBJECT(config_test, "call", call, test_call, CONFIG_REQUIRED, "The call."),
    OBJECT(config_test, "expect", expect, test_expect, CONFIG_REQUIRED, "What must come of it."),
};
DEFINE(test, "golden call", config_test, CONFIG_REF_NONE);

static const struct config_field routing_fields[] = {
    LIST(config_routing, "tests", tests, test_count, test, 0,
         "Golden calls, run by check and at every reload."),
    LIST(config_routing, "routes", routes, route_count, route, 0, "Which call goes where."),
};
DEFINE(routing, "routing", config_routing, CONFIG_REF_NONE);

static const struct config_field schedule_fields[] = {
    TEXT(config_schedule, "id", id, NULL, CONFIG_FORMAT_ID, CONFIG_REQUIRED, "Unique name."),
    TEXT(config_schedule, "timezone", timezone, NULL, CONFIG_FORMAT_TIMEZONE, 0,
         "Time zone such as Europe/Berlin; empty: the system's."),
    TEXTS(config_schedule, "rules", rule_texts, NULL, CONFIG_FORMAT_RULE, 0,
          "Open hours such as Mon-Fri 09:00-18:00."),
    TEXTS(config_schedule, "holidays", holiday_texts, NULL, CONFIG_FORMAT_DATE, 0,
          "Days that are closed: 2026-12-25, or 12-25 for every year."),
};
DEFINE(schedule, "schedule", config_schedule, CONFIG_REF_SCHEDULE);

static const struct config_field voicebox_fields[] = {
    TEXT(config_voicebox, "id", id, NULL, CONFIG_FORMAT_ID, CONFIG_REQUIRED, "Unique name."),
    BOOL(config_voicebox, "enabled", is_enabled, "true", 0, "Whether it takes messages."),
    TEXT(config_voicebox, "extension", extension, NULL, CONFIG_FORMAT_EXTENSION, 0,
         "Number that reaches the box."),
    SECRET(config_voicebox, "pin", pin, CONFIG_FORMAT_PIN, 0,
           "Digits asked for; empty: only from the box's own extension."),
    TEXT(config_voicebox, "greetingText", greeting_text, NULL, CONFIG_FORMAT_SPOKEN, 0,
         "Greeting to be spoken."),
    TEXT(config_voicebox, "greetingVoice", greeting_voice, NULL, CONFIG_FORMAT_ANY, 0,
         "Voice of the greeting."),
    TEXT(config_voicebox, "greetingWavPath", greeting_wav_path, NULL, CONFIG_FORMAT_ANY, 0,
         "WAV file of the greeting."),
    NUMBER(config_voicebox, "maxRecordingSec", recording_sec_max, "120", 1, 3600, 0,
           "Longest message."),
    NUMBER(config_voicebox, "maxMessages", messages_max, "50", 1, 10000, 0, "Messages kept."),
    BOOL(config_voicebox, "transcribe", is_transcribing, "false", 0,
         "Whether messages become text."),
    TEXT(config_voicebox, "notifyUrl", notify_url, NULL, CONFIG_FORMAT_HTTP_URL, 0,
         "Told about new messages."),
};
DEFINE(voicebox, "voicebox", config_voicebox, CONFIG_REF_VOICEBOX);

static const struct config_field entry_fields[] = {
    TEXT(config_ivr_entry, "digit", digit, NULL, CONFIG_FORMAT_DIGIT, CONFIG_REQUIRED,
         "0 to 9, * or #."),
    OBJECT(config_ivr_entry, "action", action, action, CONFIG_REQUIRED, "What the digit does."),
};
DEFINE(entry, "menu entry", config_ivr_entry, CONFIG_REF_NONE);

static const struct config_field menu_fields[] = {
    TEXT(config_ivr_menu, "id", id, NULL, CONFIG_FORMAT_ID, CONFIG_REQUIRED, "Unique name."),
    TEXT(config_ivr_menu, "name", name, NULL, CONFIG_FORMAT_ANY, 0, "Name shown to people."),
    TEXT(config_ivr_menu, "promptText", prompt_text, NULL, CONFIG_FORMAT_SPOKEN, 0,
         "Prompt to be spoken."),
    TEXT(config_ivr_menu, "promptVoice", prompt_voice, NULL, CONFIG_FORMAT_ANY, 0,
         "Voice of the prompt."),
    TEXT(config_ivr_menu, "promptWavPath", prompt_wav_path, NULL, CONFIG_FORMAT_ANY, 0,
         "WAV file of the prompt."),
    NUMBER(config_ivr_menu, "timeoutSec", timeout_sec, "5", 1, 120, 0, "Wait for a digit."),
    NUMBER(config_ivr_menu, "maxRetries", retries_max, "3", 0, 20, 0,
           "How often the prompt is repeated."),
    LIST(config_ivr_menu, "entries", entries, entry_count, entry, 0, "What each digit does."),
    OBJECT(config_ivr_menu, "timeoutAction", timeout_action, action, 0,
           "What happens when no digit comes."),
};
DEFINE(menu, "menu", config_ivr_menu, CONFIG_REF_MENU);

static const struct config_field ivr_fields[] = {
    BOOL(config_ivr, "enabled", is_enabled, "true", 0, "Whether menus are used."),
    LIST(config_ivr, "menus", menus, menu_count, menu, 0, "Menus that answer calls."),
};
DEFINE(ivr, "ivr", config_ivr, CONFIG_REF_NONE);

static const struct config_field conference_fields[] = {
    TEXT(config_conference, "id", id, NULL, CONFIG_FORMAT_ID, CONFIG_REQUIRED, "Unique name."),
    TEXT(config_conference, "extension", extension, NULL, CONFIG_FORMAT_EXTENSION, 0,
         "Number that reaches the room."),
    SECRET(config_conference, "pin", pin, CONFIG_FORMAT_PIN, 0, "Digits asked for; empty: none."),
    CHOICE(config_conference, "record", record, record_modes, CONFIG_NOT_BUILT, "Recording."),
};
DEFINE(conference, "conference", config_conference, CONFIG_REF_CONFERENCE);

static const struct config_field parking_fields[] = {
    TEXT(config_parking, "slots", slots, "\"701-720\"", CONFIG_FORMAT_SLOTS, 0,
         "Extensions that hold parked calls: 701-720; empty: off."),
    NUMBER(config_parking, "timeoutSec", timeout_sec, "60", 5, 86400, 0,
           "After so long the parked call rings back."),
};
DEFINE(parking, "parking", config_parking, CONFIG_REF_NONE);

static const struct config_field music_fields[] = {
    TEXT(
        config_music, "file", file, NULL, CONFIG_FORMAT_ANY, 0,
        "WAV file for held parties, absolute or below the data folder; empty: a generated melody."),
};
DEFINE(music, "music on hold", config_music, CONFIG_REF_NONE);

static const struct config_field monitoring_fields[] = {
    TEXT(config_monitoring, "notice", notice, "\"tone\"", CONFIG_FORMAT_ANY, 0,
         "What the parties of a call hear when somebody begins to listen in: tone, a text that is "
         "spoken, or a WAV file; empty: nothing."),
    NUMBER(config_monitoring, "repeatSec", repeat_sec, "0", 0, 3600, 0,
           "The notice again after so many seconds, while somebody listens; 0: once."),
    BOOL(config_monitoring, "hidden", is_hidden, "false", 0,
         "Whether listeners are left out of what role user sees of its own calls."),
};
DEFINE(monitoring, "monitoring", config_monitoring, CONFIG_REF_NONE);

static const struct config_field tts_fields[] = {
    {.name = "engine",
     .kind = CONFIG_KIND_TEXT,
     .offset = AT(config_tts, engine),
     .choices = tts_engines,
     .fallback = "\"auto\"",
     .doc = "Who speaks: auto and flite are the built-in English voices; off: nobody."},
    TEXT(config_tts, "modelDir", model_dir, NULL, CONFIG_FORMAT_ANY, CONFIG_NOT_BUILT,
         "Folder of the model."),
    TEXT(config_tts, "voice", voice, NULL, CONFIG_FORMAT_ANY, 0,
         "Name of the voice: slt, rms or kal16; empty: slt."),
};
DEFINE(tts, "text to speech", config_tts, CONFIG_REF_NONE);

static const struct config_field asr_fields[] = {
    {.name = "engine",
     .kind = CONFIG_KIND_TEXT,
     .offset = AT(config_asr, engine),
     .choices = asr_engines,
     .fallback = "\"off\"",
     .doc = "Recognition engine."},
    TEXT(config_asr, "modelDir", model_dir, NULL, CONFIG_FORMAT_ANY, 0, "Folder of the model."),
};
DEFINE(asr, "speech to text", config_asr, CONFIG_REF_NONE);

static const struct config_field speech_fields[] = {
    OBJECT(config_speech, "tts", tts, tts, 0, "Text to speech."),
    OBJECT(config_speech, "asr", asr, asr, CONFIG_NOT_BUILT, "Speech to text."),
};
DEFINE(speech, "speech", config_speech, CONFIG_REF_NONE);

static const struct config_field per_device_fields[] = {
    NUMBER(config_per_device, "callsPerDay", calls_per_day, "0", 0, 1000000, 0,
           "Outside calls of one device in a day; 0: no limit."),
    NUMBER(config_per_device, "minutesPerDay", minutes_per_day, "0", 0, 1000000, 0,
           "Outside minutes of one device in a day; 0: no limit."),
};
DEFINE(per_device, "limits of a device", config_per_device, CONFIG_REF_NONE);

static const struct config_field security_fields[] = {
    NUMBER(config_security, "maxAuthFailures", auth_failures_max, "10", 1, 10000, 0,
           "Wrong passwords a minute before a ban."),
    NUMBER(config_security, "banSec", ban_sec, "600", 1, 31536000, 0, "Length of a ban."),
    VALUE(config_security, "allow", allow, CONFIG_KIND_CIDRS, NULL, 0,
          "Addresses and networks that are never banned."),
    VALUE(config_security, "deny", deny, CONFIG_KIND_CIDRS, NULL, 0,
          "Addresses and networks that are never served."),
    {.name = "digestAlgorithms",
     .kind = CONFIG_KIND_CHOICES,
     .offset = AT(config_security, digest_algorithms),
     .choices = digests,
     .fallback = "[\"MD5\"]",
     .doc = "Digests phones may use; the stronger is offered first."},
    NUMBER(config_security, "outboundMaxConcurrent", outbound_concurrent_max, "0", 0, 100000, 0,
           "Outside calls at the same time; 0: no limit."),
    TEXTS(config_security, "blockedPrefixes", blocked_prefixes, NULL, CONFIG_FORMAT_NUMBER, 0,
          "Numbers that are never called."),
    TEXTS(config_security, "premiumPrefixes", premium_prefixes, NULL, CONFIG_FORMAT_NUMBER, 0,
          "Numbers that cost extra."),
    TEXTS(config_security, "allowedCountries", allowed_countries, NULL, CONFIG_FORMAT_COUNTRY, 0,
          "Countries that may be called; empty: all."),
    TEXTS(config_security, "emergencyNumbers", emergency_numbers, "[\"112\", \"110\", \"911\"]",
          CONFIG_FORMAT_NUMBER, 0, "Numbers that are always let through and never changed."),
    OBJECT(config_security, "perDevice", per_device, per_device, 0, "Limits of each device."),
    TEXT(config_security, "nightHours", night_hours, NULL, CONFIG_FORMAT_HOURS, 0,
         "Hours without outside calls: 22:00-06:00."),
};
DEFINE(security, "security", config_security, CONFIG_REF_NONE);

static const struct config_field history_fields[] = {
    NUMBER(config_history, "keepDays", keep_days, "365", 1, 36500, 0,
           "How long call records are kept."),
    NUMBER(config_history, "traceKeepDays", trace_keep_days, "14", 0, 36500, 0,
           "How long SIP messages of calls are kept; 0: not beyond the call."),
    NUMBER(config_history, "traceMaxMb", trace_mb_max, "512", 1, 1048576, 0,
           "Room for SIP messages, in MB."),
};
DEFINE(history, "history", config_history, CONFIG_REF_NONE);

static const struct config_field webhook_fields[] = {
    TEXT(config_webhook, "url", url, NULL, CONFIG_FORMAT_HTTP_URL, CONFIG_REQUIRED,
         "Where events are posted."),
    {.name = "events",
     .kind = CONFIG_KIND_TEXTS,
     .offset = AT(config_webhook, events),
     .choices = event_names,
     .doc = "Names of events; empty: all."},
    SECRET(config_webhook, "secret", secret, CONFIG_FORMAT_ANY, 0, "Key of the signature."),
};
DEFINE(webhook, "webhook", config_webhook, CONFIG_REF_NONE);

static const struct config_field root_fields[] = {
    TEXT(config, "$schema", schema, NULL, CONFIG_FORMAT_ANY, 0,
         "Address of this schema, for editors."),
    OBJECT(config, "proxy", proxy, proxy, 0, "SIP addresses and ports."),
    OBJECT(config, "dns", dns, dns, 0, "Name servers."),
    {.name = "realm",
     .kind = CONFIG_KIND_TEXT,
     .offset = AT(config, realm),
     .fallback = "\"siprouter\"",
     .max = 128,
     .flags = CONFIG_REQUIRED,
     .doc = "Realm of the passwords, and the router's own SIP domain."},
    TEXTS(config, "domains", domains, NULL, CONFIG_FORMAT_HOST, 0,
          "Further SIP domains that are the router's own."),
    TEXT(config, "country", country, NULL, CONFIG_FORMAT_COUNTRY, 0,
         "Home country (DE) for digits dialled by devices; empty: kept as dialled."),
    OBJECT(config, "server", server, server, 0, "Page and API."),
    OBJECT(config, "storage", storage, storage, 0, "Where records are kept."),
    LIST(config, "providers", providers, provider_count, provider, 0, "SIP trunks."),
    LIST(config, "devices", devices, device_count, device, 0, "Phones and browser phones."),
    LIST(config, "groups", groups, group_count, group, 0, "Devices that ring together."),
    LIST(config, "contacts", contacts, contact_count, contact, 0, "Address book."),
    OBJECT(config, "routing", routing, routing, 0, "Which call goes where."),
    LIST(config, "schedules", schedules, schedule_count, schedule, 0, "Opening hours."),
    LIST(config, "voiceboxes", voiceboxes, voicebox_count, voicebox, CONFIG_NOT_BUILT,
         "Voicemail."),
    OBJECT(config, "ivr", ivr, ivr, CONFIG_NOT_BUILT, "Voice menus."),
    LIST(config, "conferences", conferences, conference_count, conference, 0, "Conference rooms."),
    VALUE(config, "features", features, CONFIG_KIND_FEATURES,
          "{\"*43\": \"echo\", \"*97\": \"myVoicemail\", \"*98\": \"anyVoicemail\", \"*8\": "
          "\"pickup\", \"*600\": \"clock\", \"*68\": \"intercom\", \"inCallTransfer\": \"\", "
          "\"inCallAttended\": \"\"}",
          0, "Star codes: code to feature, and codes pressed within a call."),
    OBJECT(config, "parking", parking, parking, 0, "Call parking."),
    OBJECT(config, "musicOnHold", music_on_hold, music, 0, "What held parties hear."),
    OBJECT(config, "monitoring", monitoring, monitoring, 0, "Listening in to calls."),
    OBJECT(config, "speech", speech, speech, 0, "Speech engines."),
    OBJECT(config, "security", security, security, 0, "Bans and limits."),
    OBJECT(config, "history", history, history, 0, "Records of calls."),
    LIST(config, "webhooks", webhooks, webhook_count, webhook, CONFIG_NOT_BUILT,
         "Events posted to other programs."),
};
const struct config_object config_schema = {"configuration", root_fields, SR_ARRAY_LEN(root_fields),
                                            sizeof(struct config), CONFIG_REF_NONE};

/* clang-format on */

const char *config_ref_name(enum config_ref ref)
{
    static const char *const names[CONFIG_REF_COUNT] = {
        "object", "device",   "group",      "provider", "voicebox",
        "menu",   "schedule", "conference", "route",    "contact"};
    return (unsigned)ref < CONFIG_REF_COUNT ? names[ref] : "object";
}

const struct config_field *config_field_find(const struct config_object *object, struct sr_str name)
{
    for (uint32_t i = 0; i < object->field_count; i++) {
        if (sr_str_eq_c(name, object->fields[i].name))
            return &object->fields[i];
    }
    return NULL;
}
