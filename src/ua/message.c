/* MESSAGE between devices (RFC 3428): forwarded to every contact, answered with the best answer. */
#include "base/alloc.h"
#include "ua/client_txn.h"

enum {
    MESSAGE_CONTACTS_MAX = 10,
    MESSAGES_MAX = 2000, /* on their way; more get 503 */
};

/* One message on its way. */
struct message {
    struct ua *ua;
    struct sr_node node; /* ua->messages */
    struct server_txn *txn;
    uint32_t open;   /* contacts that have not answered */
    uint16_t status; /* best answer so far */
    struct client_txn *sent[MESSAGE_CONTACTS_MAX];
};

static void message_free(struct message *message)
{
    for (size_t i = 0; i < MESSAGE_CONTACTS_MAX; i++) {
        if (message->sent[i] != NULL)
            client_txn__detach(message->sent[i]);
    }
    message->txn->message = NULL;
    sr_list_remove(&message->ua->messages, &message->node);
    sr_free(message);
}

void message__free_all(struct ua *ua)
{
    SR_LIST_EACH(&ua->messages, node)
    message_free(SR_CONTAINER(node, struct message, node));
}

void message__forget(struct server_txn *txn)
{
    if (txn->message != NULL)
        message_free(txn->message);
}

static void answer(struct message *message)
{
    struct server_txn *txn = message->txn;
    uint16_t status = message->status;

    message_free(message);
    if (status >= 200 && status < 300)
        server_txn__ok(txn);
    else
        server_txn__refuse(txn, status, NULL);
}

/* 2xx above all, then what says most: a refusal, then silence. */
static uint16_t better(uint16_t a, uint16_t b)
{
    if (a == 0 || (b >= 200 && b < 300))
        return b;
    if ((a >= 200 && a < 300) || b == 408 || b == 503)
        return a;
    return a == 408 || a == 503 || a == 480 ? b : a;
}

static void on_answer(void *arg, struct client_txn *txn, struct sip_msg *msg, uint16_t status)
{
    struct message *message = arg;

    if (msg != NULL && status < 200)
        return;
    client_txn__detach(txn);
    for (size_t i = 0; i < MESSAGE_CONTACTS_MAX; i++) {
        if (message->sent[i] == txn)
            message->sent[i] = NULL;
    }
    if (msg == NULL || status == 401 || status == 407 || status < 200 || status > 699)
        status = 480;
    message->status = better(message->status, status);
    message->open--;
    if (message->open == 0 || (status >= 200 && status < 300))
        answer(message);
}

/* The message to one contact, as from us on behalf of the sender. */
static struct client_txn *send_to(struct message *message, struct ua_in *in,
                                  const struct ua_device *from, const struct ua_contact *contact)
{
    struct ua *ua = message->ua;
    struct sr_addr own = ua__own_addr(ua, &contact->flow);
    struct client_txn_options options = {
        .method = SIP_METHOD_MESSAGE, .flow = &contact->flow, .fn = on_answer, .arg = message};
    char branch[UA_TOKEN_MAX], tag[UA_TOKEN_MAX], call_id[UA_TOKEN_MAX];
    char host[SR_ADDR_TEXT_MAX];
    char array[512];
    struct sr_buf uri;
    struct sip_build build;

    own.scope = 0;
    ua__branch(ua, branch);
    ua__token(ua, 10, tag);
    ua__token(ua, 16, call_id);
    sr_buf_init_fixed(&uri, array, sizeof(array));
    sr_buf_c(&uri, "sip:");
    sip_escape(from->extension.n > 0 ? from->extension : from->id, SIP_CH_USER, &uri);
    sr_buf_fmt(&uri, "@%s", sr_addr_host_text(&own, host));
    sr_buf_clear(&ua->out);
    sip_build_init(&build, &ua->out);
    sip_build_request(&build, SIP_METHOD_MESSAGE, contact->uri);
    options.branch = sr_str_c(branch);
    ua__via(ua, &build, &contact->flow, options.branch, SR_ID_NONE);
    if (contact->path.n > 0)
        sip_build_text(&build, SIP_HDR_ROUTE, contact->path);
    sip_build_uint(&build, SIP_HDR_MAX_FORWARDS, 70);
    sip_build_addr(&build, SIP_HDR_FROM,
                   &(struct sip_build_addr){.display = from->display_name,
                                            .uri = sr_buf_view(&uri),
                                            .tag = sr_str_c(tag)});
    sip_build_addr(&build, SIP_HDR_TO, &(struct sip_build_addr){.uri = contact->uri});
    sip_build_text(&build, SIP_HDR_CALL_ID, sr_str_c(call_id));
    sip_build_cseq(&build, 1, SR_STR("MESSAGE"));
    sip_build_copy(&build, in->msg, SIP_HDR_DATE);
    sip_build_copy(&build, in->msg, SIP_HDR_SUBJECT);
    sip_build_c(&build, SIP_HDR_USER_AGENT, ua->user_agent);
    if (sip_build_end(&build, sip_msg_value(in->msg, SIP_HDR_CONTENT_TYPE), in->msg->body) != SR_OK)
        return NULL;
    return client_txn__new(ua, &options);
}

/* The device a Request-URI names, or NULL. */
static struct ua_slot *find_target(struct ua_in *in)
{
    const struct sip_uri *uri = sip_msg_uri(in->msg);
    char user[UA_ID_MAX];
    struct sr_str name = sip_uri_user(uri, user, sizeof(user));
    struct ua_slot *slot = NULL;

    if (name.n == 0 || (uri->scheme != SIP_SCHEME_TEL && !ua__host_is_ours(in->ua, in->flow, uri)))
        return NULL;
    slot = sr_map_find(&in->ua->slots_by_extension, name);
    return slot != NULL ? slot : sr_map_find(&in->ua->slots_by_id, name);
}

static void forward(struct ua_in *in, const struct ua_slot *slot, struct server_txn *txn,
                    struct sr_str to_device)
{
    struct ua *ua = in->ua;
    struct ua_contact contacts[MESSAGE_CONTACTS_MAX];
    size_t count = ua_contacts(ua, to_device, contacts, SR_ARRAY_LEN(contacts));
    struct message *message;

    if (count == 0) {
        server_txn__refuse(txn, 480, NULL);
        return;
    }
    message = sr_zalloc(1, sizeof(*message));
    message->ua = ua;
    message->txn = txn;
    txn->message = message;
    sr_list_add(&ua->messages, &message->node);
    message->status = 480;
    for (size_t i = 0; i < count; i++) {
        message->sent[i] = send_to(message, in, slot->device, &contacts[i]);
        message->open += message->sent[i] != NULL;
    }
    if (message->open == 0)
        answer(message);
}

void message__on_request(struct ua_in *in, struct ua_slot *slot)
{
    struct ua_slot *target = find_target(in);
    struct server_txn *txn;

    if (in->ua->messages.count >= MESSAGES_MAX || (txn = server_txn__new(in)) == NULL) {
        ua__refuse(in, 503, &(struct ua_refusal){.retry_after_sec = 5});
        return;
    }
    if (target == NULL)
        server_txn__refuse(txn, 404, NULL);
    else if (in->msg->body.n > UA_BODY_BYTES_MAX)
        server_txn__refuse(txn, 413, NULL);
    else
        forward(in, slot, txn, target->device->id);
}
