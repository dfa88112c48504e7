#include "bench.h"
#include "parse.h"

#include <osipparser2/osip_parser.h>
#include <stdlib.h>
#include <string.h>

static osip_message_t *kept;
static char *const *texts;
static size_t text_bytes;

static void start(char *const *copies, size_t copy_count, size_t bytes)
{
    (void)copy_count;
    texts = copies;
    text_bytes = bytes;
    parser_init();
    if (osip_message_init(&kept) != 0 || osip_message_parse(kept, texts[0], bytes) != 0)
        bench_die("osip2: no message");
}

static unsigned parse(size_t index)
{
    osip_message_t *msg;
    osip_header_t *forwards = NULL;
    osip_via_t *via = NULL;
    unsigned sum = 0;
    if (osip_message_init(&msg) != 0)
        return 0;
    if (osip_message_parse(msg, texts[index], text_bytes) == 0 &&
        osip_message_get_via(msg, 0, &via) >= 0 && osip_message_get_from(msg) &&
        osip_message_get_to(msg) && osip_message_get_call_id(msg) && osip_message_get_cseq(msg) &&
        osip_message_get_max_forwards(msg, 0, &forwards) >= 0 &&
        osip_message_get_content_length(msg))
        sum = (unsigned)strtoul(osip_message_get_cseq(msg)->number, NULL, 10) +
              (unsigned)strtoul(forwards->hvalue, NULL, 10) +
              (unsigned)strtoul(osip_message_get_content_length(msg)->value, NULL, 10);
    osip_message_free(msg);
    return sum;
}

static size_t build(char *out)
{
    osip_message_t *reply;
    char *text = NULL;
    size_t len = 0;
    if (osip_message_init(&reply) != 0)
        return 0;
    osip_message_set_version(reply, osip_strdup("SIP/2.0"));
    osip_message_set_status_code(reply, 180);
    osip_message_set_reason_phrase(reply, osip_strdup("Ringing"));
    osip_from_clone(kept->from, &reply->from);
    osip_to_clone(kept->to, &reply->to);
    osip_to_set_tag(reply->to, osip_strdup("1928301774"));
    osip_call_id_clone(kept->call_id, &reply->call_id);
    osip_cseq_clone(kept->cseq, &reply->cseq);
    for (int i = 0; i < osip_list_size(&kept->vias); i++) {
        osip_via_t *via;
        osip_via_clone(osip_list_get(&kept->vias, i), &via);
        osip_list_add(&reply->vias, via, -1);
    }
    osip_message_set_contact(reply, "<sip:100@192.168.10.20:5060>");
    osip_message_set_content_length(reply, "0");
    if (osip_message_to_str(reply, &text, &len) == 0 && len <= PARSE_REPLY_MAX)
        memcpy(out, text, len);
    else
        len = 0;
    osip_free(text);
    osip_message_free(reply);
    return len;
}

const struct parse_subject parse_subject = {"osip2", start, parse, build};
