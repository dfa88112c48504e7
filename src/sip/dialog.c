#include "sip/dialog.h"

/* --- texts ----------------------------------------------------------------------------------- */

static struct sr_str field_get(const struct sip_dialog *dialog, enum sip_dialog_field field)
{
    size_t at = 0;
    for (int i = 0; i < (int)field; i++)
        at += dialog->len[i];
    return sr_str_make(dialog->text + at, dialog->len[field]);
}

/* `value` must not be a view of the dialog's own text. */
static enum sr_err field_set(struct sip_dialog *dialog, enum sip_dialog_field field,
                             struct sr_str value)
{
    size_t at = 0;
    size_t all = 0;
    for (int i = 0; i < SIP_DIALOG_FIELD_COUNT; i++) {
        if (i < (int)field)
            at += dialog->len[i];
        all += dialog->len[i];
    }
    size_t old = dialog->len[field];
    if (all - old + value.n > SIP_DIALOG_TEXT_MAX)
        return SR_ERR_LIMIT;
    memmove(dialog->text + at + value.n, dialog->text + at + old, all - at - old);
    if (value.n)
        memcpy(dialog->text + at, value.p, value.n);
    dialog->len[field] = (uint16_t)value.n;
    return SR_OK;
}

struct sr_str sip_dialog_call_id(const struct sip_dialog *dialog)
{
    return field_get(dialog, SIP_DIALOG_CALL_ID);
}

struct sr_str sip_dialog_local_tag(const struct sip_dialog *dialog)
{
    return field_get(dialog, SIP_DIALOG_LOCAL_TAG);
}

struct sr_str sip_dialog_remote_tag(const struct sip_dialog *dialog)
{
    return field_get(dialog, SIP_DIALOG_REMOTE_TAG);
}

struct sr_str sip_dialog_local_uri(const struct sip_dialog *dialog)
{
    return field_get(dialog, SIP_DIALOG_LOCAL_URI);
}

struct sr_str sip_dialog_remote_uri(const struct sip_dialog *dialog)
{
    return field_get(dialog, SIP_DIALOG_REMOTE_URI);
}

struct sr_str sip_dialog_target(const struct sip_dialog *dialog)
{
    return field_get(dialog, SIP_DIALOG_TARGET);
}

/* --- making ---------------------------------------------------------------------------------- */

/* Record-Route values, folds made spaces, joined; the calling side uses them backwards. */
static enum sr_err set_routes(struct sip_dialog *dialog, struct sip_msg *msg, bool is_backwards)
{
    struct sr_str route[SIP_DIALOG_ROUTES_MAX];
    size_t count = 0;
    char text[SIP_DIALOG_TEXT_MAX];
    struct sr_buf buf;
    struct sr_str value;
    struct sip_values values = sip_msg_values(msg, SIP_HDR_RECORD_ROUTE);
    while (sip_values_next(&values, &value)) {
        struct sip_nameaddr addr;
        if (sip_nameaddr_parse(value, &addr, NULL))
            return SR_ERR_SYNTAX;
        if (count == SIP_DIALOG_ROUTES_MAX)
            return SR_ERR_LIMIT;
        route[count++] = value;
    }
    sr_buf_init_fixed(&buf, text, sizeof(text));
    for (size_t i = 0; i < count; i++) {
        if (i)
            sr_buf_c(&buf, ", ");
        sip_write_safe(route[is_backwards ? count - 1 - i : i], &buf);
    }
    if (sr_buf_err(&buf))
        return SR_ERR_LIMIT;
    return field_set(dialog, SIP_DIALOG_ROUTES, sr_buf_view(&buf));
}

static enum sr_err set_ids(struct sip_dialog *dialog, struct sr_str call_id,
                           const struct sip_nameaddr *local, struct sr_str local_tag,
                           const struct sip_nameaddr *remote)
{
    enum sr_err err = field_set(dialog, SIP_DIALOG_CALL_ID, call_id);
    if (!err)
        err = field_set(dialog, SIP_DIALOG_LOCAL_TAG, local_tag);
    if (!err)
        err = field_set(dialog, SIP_DIALOG_REMOTE_TAG, remote->tag);
    if (!err)
        err = field_set(dialog, SIP_DIALOG_LOCAL_URI, local->uri.text);
    if (!err)
        err = field_set(dialog, SIP_DIALOG_REMOTE_URI, remote->uri.text);
    return err;
}

static enum sr_err set_target(struct sip_dialog *dialog, struct sip_msg *msg)
{
    const struct sip_nameaddr *contact = sip_msg_contact(msg);
    if (!contact || contact->is_star)
        return SR_ERR_SYNTAX;
    return field_set(dialog, SIP_DIALOG_TARGET, contact->uri.text);
}

enum sr_err sip_dialog_init_uas(struct sip_dialog *dialog, struct sip_msg *request,
                                struct sr_str local_tag)
{
    const struct sip_nameaddr *from = sip_msg_from(request);
    const struct sip_nameaddr *to = sip_msg_to(request);
    const struct sip_cseq *cseq = sip_msg_cseq(request);
    const struct sip_uri *uri = sip_msg_uri(request);
    struct sr_str call_id = sip_msg_call_id(request);
    memset(dialog, 0, sizeof(*dialog));
    if (!from || !to || !cseq || !call_id.p)
        return SR_ERR_SYNTAX;
    enum sr_err err = set_ids(dialog, call_id, to, local_tag, from);
    if (!err)
        err = set_target(dialog, request);
    if (!err)
        err = set_routes(dialog, request, false);
    if (err)
        return err;
    dialog->is_secure = uri && uri->scheme == SIP_SCHEME_SIPS;
    dialog->remote_cseq = cseq->number;
    dialog->has_remote_cseq = true;
    dialog->state = SIP_DIALOG_EARLY;
    return SR_OK;
}

enum sr_err sip_dialog_init_uac(struct sip_dialog *dialog, struct sip_msg *response,
                                bool request_uri_is_sips)
{
    const struct sip_nameaddr *from = sip_msg_from(response);
    const struct sip_nameaddr *to = sip_msg_to(response);
    const struct sip_cseq *cseq = sip_msg_cseq(response);
    struct sr_str call_id = sip_msg_call_id(response);
    bool is_2xx = response->status >= 200;
    memset(dialog, 0, sizeof(*dialog));
    if (!from || !to || !cseq || !call_id.p || response->status > 299 ||
        (!to->tag.n && !is_2xx)) /* RFC 2543 peers may answer without */
        return SR_ERR_SYNTAX;
    enum sr_err err = set_ids(dialog, call_id, from, from->tag, to);
    if (!err)
        err = set_target(dialog, response);
    if (err == SR_ERR_SYNTAX && !is_2xx) /* many 18x lack Contact: PRACK goes to the peer's URI */
        err = field_set(dialog, SIP_DIALOG_TARGET, to->uri.text);
    if (!err)
        err = set_routes(dialog, response, true);
    if (err)
        return err;
    dialog->is_uac = true;
    dialog->is_secure = request_uri_is_sips;
    dialog->local_cseq = cseq->number;
    dialog->state = is_2xx ? SIP_DIALOG_CONFIRMED : SIP_DIALOG_EARLY;
    return SR_OK;
}

enum sr_err sip_dialog_confirm(struct sip_dialog *dialog, struct sip_msg *response)
{
    enum sr_err err = SR_OK;
    if (dialog->state == SIP_DIALOG_EARLY && response) {
        err = set_routes(dialog, response, true);
        enum sr_err target_err = set_target(dialog, response);
        err = err ? err : target_err;
    }
    if (dialog->state == SIP_DIALOG_EARLY)
        dialog->state = SIP_DIALOG_CONFIRMED;
    return err;
}

void sip_dialog_end(struct sip_dialog *dialog)
{
    dialog->state = SIP_DIALOG_ENDED;
}

/* --- matching -------------------------------------------------------------------------------- */

bool sip_dialog_is(const struct sip_dialog *dialog, struct sr_str call_id, struct sr_str local_tag,
                   struct sr_str remote_tag)
{
    return sr_str_eq(sip_dialog_call_id(dialog), call_id) &&
           sr_str_eq(sip_dialog_local_tag(dialog), local_tag) &&
           sr_str_eq(sip_dialog_remote_tag(dialog), remote_tag);
}

enum sr_err sip_dialog_key_of(struct sip_msg *msg, struct sip_txn_key *ret_key)
{
    const struct sip_nameaddr *from = sip_msg_from(msg);
    const struct sip_nameaddr *to = sip_msg_to(msg);
    struct sr_str call_id = sip_msg_call_id(msg);
    if (!from || !to || !call_id.p)
        return SR_ERR_SYNTAX;
    if (msg->is_request)
        sip_dialog_key(call_id, to->tag, from->tag, ret_key);
    else
        sip_dialog_key(call_id, from->tag, to->tag, ret_key);
    return SR_OK;
}

enum sr_err sip_dialog_on_request(struct sip_dialog *dialog, struct sip_msg *request)
{
    const struct sip_cseq *cseq = sip_msg_cseq(request);
    if (dialog->state != SIP_DIALOG_EARLY && dialog->state != SIP_DIALOG_CONFIRMED)
        return SR_ERR_STATE;
    if (!cseq)
        return SR_ERR_SYNTAX;
    if (cseq->method == SIP_METHOD_ACK || cseq->method == SIP_METHOD_CANCEL)
        return SR_OK; /* they carry the number of their INVITE */
    if (dialog->has_remote_cseq && cseq->number <= dialog->remote_cseq)
        return SR_ERR_PROTO;
    dialog->remote_cseq = cseq->number;
    dialog->has_remote_cseq = true;
    return SR_OK;
}

enum sr_err sip_dialog_refresh_target(struct sip_dialog *dialog, struct sip_msg *msg)
{
    if (!sip_msg_find(msg, SIP_HDR_CONTACT))
        return SR_OK;
    return set_target(dialog, msg);
}

/* --- requests of ours ------------------------------------------------------------------------ */

uint32_t sip_dialog_next_cseq(struct sip_dialog *dialog)
{
    return ++dialog->local_cseq;
}

void sip_dialog_set_local_cseq(struct sip_dialog *dialog, uint32_t cseq)
{
    dialog->local_cseq = cseq;
}

/* A URI as Request-URI: without the headers part (19.1.1). */
static enum sr_err put_request_uri(struct sr_str text, struct sr_buf *buf)
{
    struct sip_uri uri;
    if (sip_uri_parse(text, &uri, NULL))
        return SR_ERR_SYNTAX;
    if (!uri.headers.n) { /* byte for byte */
        sr_buf_str(buf, text);
        return SR_OK;
    }
    uri.headers = sr_str_make(NULL, 0);
    sip_uri_write(buf, &uri);
    return SR_OK;
}

enum sr_err sip_dialog_write_route(const struct sip_dialog *dialog, struct sr_buf *uri,
                                   struct sr_buf *routes)
{
    struct sr_str rest = field_get(dialog, SIP_DIALOG_ROUTES);
    struct sr_str all = rest;
    struct sr_str target = sip_dialog_target(dialog);
    struct sr_str first;
    struct sip_nameaddr addr;
    enum sr_err err;
    if (!sip_list_next(&rest, &first)) {
        err = put_request_uri(target, uri);
    } else if (sip_nameaddr_parse(first, &addr, NULL)) {
        err = SR_ERR_SYNTAX;
    } else if (sip_uri_is_lr(&addr.uri)) {
        err = put_request_uri(target, uri);
        sr_buf_str(routes, all);
    } else { /* a strict router wants itself in the Request-URI and the target last */
        err = put_request_uri(addr.uri.text, uri);
        rest = sr_str_trim(rest);
        sr_buf_str(routes, rest);
        if (rest.n)
            sr_buf_c(routes, ", ");
        sr_buf_char(routes, '<');
        sr_buf_str(routes, target);
        sr_buf_char(routes, '>');
    }
    if (err)
        return err;
    err = sr_buf_err(uri);
    return err ? err : sr_buf_err(routes);
}

struct sr_str sip_dialog_next_hop(const struct sip_dialog *dialog)
{
    struct sr_str rest = field_get(dialog, SIP_DIALOG_ROUTES);
    struct sr_str first;
    struct sip_nameaddr addr;
    if (sip_list_next(&rest, &first) && !sip_nameaddr_parse(first, &addr, NULL))
        return addr.uri.text;
    return sip_dialog_target(dialog);
}
