/* Keys of transactions and dialogs. */
#include "sip/dialog.h"
#include "sip/txn.h"

#include "base/hash.h"

struct key_writer {
    struct sip_txn_key *key;
    struct sr_sha256 sha;
    bool is_long;
};

static void key_begin(struct key_writer *writer, struct sip_txn_key *key)
{
    memset(key, 0, sizeof(*key));
    writer->key = key;
    writer->is_long = false;
}

/* Text as long as it fits; from then on a hash over all of it. */
static void key_add(struct key_writer *writer, struct sr_str part, bool is_folding_case)
{
    for (size_t i = 0; i <= part.n; i++) { /* one more: the end mark */
        char c = i < part.n ? part.p[i] : '\n';
        if (is_folding_case)
            c = sr_lower(c);
        if (!writer->is_long && writer->key->len == SIP_TXN_KEY_MAX) {
            sr_sha256_init(&writer->sha);
            sr_sha256_add(&writer->sha, writer->key->text, SIP_TXN_KEY_MAX);
            writer->is_long = true;
        }
        if (writer->is_long)
            sr_sha256_add(&writer->sha, &c, 1);
        else
            writer->key->text[writer->key->len++] = c;
    }
}

static void key_number(struct key_writer *writer, uint32_t value)
{
    char digits[4] = {(char)(value >> 24), (char)(value >> 16), (char)(value >> 8), (char)value};
    key_add(writer, sr_str_make(digits, sizeof(digits)), false);
}

static void key_end(struct key_writer *writer)
{
    uint8_t bytes[SR_SHA256_BYTES];
    if (!writer->is_long)
        return;
    sr_sha256_end(&writer->sha, bytes);
    memset(writer->key->text, 0, sizeof(writer->key->text));
    writer->key->text[0] = '#';
    memcpy(writer->key->text + 1, bytes, sizeof(bytes));
    writer->key->len = 1 + SR_SHA256_BYTES;
}

void sip_txn_key_server(const struct sip_txn_key_parts *parts, struct sip_txn_key *ret_key)
{
    static const struct sr_str cookie = {"z9hG4bK", 7};
    struct key_writer writer;
    struct sr_str method = parts->method;
    if (sr_str_eq_c(method, "ACK"))
        method = SR_STR("INVITE");
    key_begin(&writer, ret_key);
    key_add(&writer, method, false);
    if (parts->branch.n > cookie.n && sr_str_istarts(parts->branch, cookie)) {
        key_add(&writer, parts->branch, true);
        key_add(&writer, parts->host, true);
        key_number(&writer, parts->port);
    } else {
        key_add(&writer, parts->call_id, false);
        key_number(&writer, parts->cseq);
        key_add(&writer, parts->from_tag, false);
        key_add(&writer, parts->request_uri, false);
        key_add(&writer, parts->via, false);
    }
    key_end(&writer);
}

void sip_txn_key_client(struct sr_str branch, struct sr_str method, struct sip_txn_key *ret_key)
{
    struct key_writer writer;
    key_begin(&writer, ret_key);
    key_add(&writer, method, false);
    key_add(&writer, branch, true);
    key_end(&writer);
}

enum sr_err sip_txn_key_of_request(struct sip_msg *msg, struct sip_txn_key *ret_key)
{
    const struct sip_via *via = sip_msg_via(msg);
    const struct sip_nameaddr *from = sip_msg_from(msg);
    const struct sip_cseq *cseq = sip_msg_cseq(msg);
    struct sip_values values = sip_msg_values(msg, SIP_HDR_VIA);
    struct sr_str via_text;
    if (!via || !from || !cseq || !sip_values_next(&values, &via_text))
        return SR_ERR_SYNTAX;
    struct sip_txn_key_parts parts = {
        .branch = via->branch,
        .host = via->host,
        .port = via->port,
        .method = msg->method_text,
        .request_uri = msg->uri_text,
        .from_tag = from->tag,
        .call_id = sip_msg_call_id(msg),
        .cseq = cseq->number,
        .via = via_text,
    };
    sip_txn_key_server(&parts, ret_key);
    return SR_OK;
}

enum sr_err sip_txn_key_of_response(struct sip_msg *msg, struct sip_txn_key *ret_key)
{
    const struct sip_via *via = sip_msg_via(msg);
    const struct sip_cseq *cseq = sip_msg_cseq(msg);
    if (!via || !cseq || !via->branch.n)
        return SR_ERR_SYNTAX;
    sip_txn_key_client(via->branch, cseq->method_text, ret_key);
    return SR_OK;
}

enum sr_err sip_txn_key_merged(struct sip_msg *msg, struct sip_txn_key *ret_key)
{
    const struct sip_nameaddr *from = sip_msg_from(msg);
    const struct sip_cseq *cseq = sip_msg_cseq(msg);
    struct sr_str call_id = sip_msg_call_id(msg);
    struct key_writer writer;
    if (!from || !cseq || !call_id.p)
        return SR_ERR_SYNTAX;
    key_begin(&writer, ret_key);
    key_add(&writer, call_id, false);
    key_add(&writer, from->tag, false);
    key_add(&writer, cseq->method_text, false);
    key_number(&writer, cseq->number);
    key_end(&writer);
    return SR_OK;
}

void sip_dialog_key(struct sr_str call_id, struct sr_str local_tag, struct sr_str remote_tag,
                    struct sip_txn_key *ret_key)
{
    struct key_writer writer;
    key_begin(&writer, ret_key);
    key_add(&writer, call_id, false);
    key_add(&writer, local_tag, false);
    key_add(&writer, remote_tag, false);
    key_end(&writer);
}
