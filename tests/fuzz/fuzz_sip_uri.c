/**
 * @file fuzz_sip_uri.c  One URI: parse, parts, write; what was written parses and is equal.
 */
#include "sip/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char bytes[4 * SIP_URI_TEXT_MAX];
    char user[256];
    struct sip_uri uri;
    struct sip_uri again;
    struct sip_param param;
    struct sr_addr addr;
    struct sr_buf buf;
    if (sip_uri_parse(sr_str_make((const char *)data, size), &uri, NULL) != SR_OK)
        return 0;
    (void)sip_uri_user(&uri, user, sizeof user);
    (void)sip_uri_addr(&uri, &addr);
    (void)sip_uri_is_lr(&uri);
    struct sr_str rest = uri.headers;
    while (sip_uri_header_next(&rest, &param))
        (void)sip_uri_header(&uri, "Replaces", NULL);
    sr_buf_init_fixed(&buf, bytes, sizeof bytes);
    sip_uri_write(&buf, &uri);
    SR_ASSERT(sr_buf_err(&buf) == SR_OK);
    for (size_t i = 0; i < buf.len; i++)
        SR_ASSERT((uint8_t)buf.data[i] > 0x20);
    if (buf.len <= SIP_URI_TEXT_MAX)
        SR_ASSERT(sip_uri_parse(sr_buf_view(&buf), &again, NULL) == SR_OK);
    if (buf.len <= SIP_URI_TEXT_MAX && uri.scheme != SIP_SCHEME_OTHER)
        SR_ASSERT(sip_uri_eq(&uri, &uri) == sip_uri_eq(&uri, &again));
    return 0;
}
