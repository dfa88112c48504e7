/* What watchers of a device are told: its calls (busy lamps, RFC 4235), whether it is there (RFC 3863),
 * its messages (RFC 3842). The user agent paces; here is only what is true now. */
#include "base/alloc.h"
#include "call/internal.h"
#include "ua/subscribe.h"

/* The legs of one device, while it has some. */
struct watch_device {
    struct sr_list legs;
    char device_id[ENGINE_TEXT_MAX];
};

static void changed(struct engine *engine, const char *device_id)
{
    ua_state_changed(engine->ua, UA_PACKAGE_DIALOG, sr_str_c(device_id));
    ua_state_changed(engine->ua, UA_PACKAGE_PRESENCE, sr_str_c(device_id));
}

void watch__leg_added(struct leg *leg)
{
    struct engine *engine = leg->call->engine;
    struct watch_device *device;

    if (leg->device_id[0] == '\0' || engine->ua == NULL)
        return;
    if (!leg->is_watched) {
        device = sr_map_find(&engine->watch_devices, sr_str_c(leg->device_id));
        if (device == NULL) {
            device = sr_zalloc(1, sizeof(*device));
            memcpy(device->device_id, leg->device_id, sizeof(device->device_id));
            sr_list_init(&device->legs);
            (void)sr_map_put(&engine->watch_devices, sr_str_c(device->device_id), device);
        }
        leg->is_watched = true;
        sr_list_add(&device->legs, &leg->watch_node);
    }
    changed(engine, leg->device_id);
}

void watch__leg_changed(const struct leg *leg)
{
    if (leg->is_watched)
        changed(leg->call->engine, leg->device_id);
}

void watch__leg_removed(struct leg *leg)
{
    struct engine *engine = leg->call->engine;
    struct watch_device *device;

    if (!leg->is_watched)
        return;
    leg->is_watched = false;
    device = sr_map_find(&engine->watch_devices, sr_str_c(leg->device_id));
    sr_list_remove(&device->legs, &leg->watch_node);
    if (device->legs.count == 0) {
        (void)sr_map_remove(&engine->watch_devices, sr_str_c(leg->device_id));
        sr_free(device);
    }
    changed(engine, leg->device_id);
}

void watch__device_changed(struct engine *engine, struct sr_str device_id)
{
    ua_state_changed(engine->ua, UA_PACKAGE_PRESENCE, device_id);
}

bool engine__on_watch(void *arg, enum ua_package package, struct sr_str user, char *ret_resource,
                      size_t size)
{
    struct engine *engine = arg;
    const struct config_device *device = config_device_by_user(engine->config, user);

    (void)package; /* each of them is about a device */
    return device != NULL && sr_str_copy(device->id, ret_resource, size);
}

/* ---- documents ---- */

/* Text inside XML; what XML cannot hold is left away. */
static void add_xml(struct sr_buf *buf, struct sr_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        switch (text.p[i]) {
        case '<':
            sr_buf_c(buf, "&lt;");
            break;
        case '>':
            sr_buf_c(buf, "&gt;");
            break;
        case '&':
            sr_buf_c(buf, "&amp;");
            break;
        case '"':
            sr_buf_c(buf, "&quot;");
            break;
        case '\'':
            sr_buf_c(buf, "&apos;");
            break;
        default:
            if ((unsigned char)text.p[i] >= 0x20)
                sr_buf_char(buf, text.p[i]);
            break;
        }
    }
}

static void add_attribute(struct sr_buf *buf, const char *name, struct sr_str value)
{
    sr_buf_fmt(buf, " %s=\"", name);
    add_xml(buf, value);
    sr_buf_char(buf, '"');
}

static void add_uri(struct sr_buf *buf, struct sr_str user, struct sr_str host)
{
    sr_buf_c(buf, "sip:");
    add_xml(buf, user);
    sr_buf_char(buf, '@');
    add_xml(buf, host);
}

static const char *dialog_state(const struct leg *leg)
{
    if (leg->state == LEG_ANSWERED)
        return "confirmed";
    if (leg->state == LEG_RINGING ||
        (leg->is_caller && leg->call->ring != NULL && leg->call->was_ringing))
        return "early";
    return leg->is_caller ? "proceeding" : "trying";
}

/* Whom the device talks to, as the call knows it. */
static void add_remote(struct sr_buf *buf, const struct leg *leg, struct sr_str host)
{
    const struct call *call = leg->call;
    struct sr_str number = sr_str_c(leg->is_caller ? call->to : call->from);
    struct sr_str name = sr_str_c(leg->is_caller ? "" : call->from_name);

    SR_LIST_EACH(&call->legs, node)
    {
        const struct leg *other = SR_CONTAINER(node, struct leg, node);

        if (other == leg || other->state != LEG_ANSWERED || other->number[0] == '\0' ||
            other->role == MEDIA_ROLE_TOOL)
            continue;
        number = sr_str_c(other->number);
        name = sr_str_c(other->name);
        break;
    }
    sr_buf_c(buf, "<remote><identity");
    if (name.n > 0)
        add_attribute(buf, "display", name);
    sr_buf_char(buf, '>');
    add_uri(buf, number, host);
    sr_buf_c(buf, "</identity></remote>\n");
}

static void add_dialog(struct sr_buf *buf, const struct leg *leg, const struct ua_state *state)
{
    struct sr_str call_id, peer_tag, our_tag;

    sr_buf_c(buf, "<dialog");
    add_attribute(buf, "id", sr_str_c(leg->leg_id));
    if (leg->sip != NULL && sip_leg_dialog(leg->sip, &call_id, &peer_tag, &our_tag)) {
        add_attribute(buf, "call-id", call_id);
        add_attribute(buf, "local-tag", peer_tag);
        add_attribute(buf, "remote-tag", our_tag);
    }
    sr_buf_fmt(buf, " direction=\"%s\">\n<state>%s</state>\n",
               leg->is_caller ? "initiator" : "recipient", dialog_state(leg));
    sr_buf_c(buf, "<local><identity>");
    add_uri(buf, state->user, state->host);
    sr_buf_c(buf, "</identity></local>\n");
    add_remote(buf, leg, state->host);
    sr_buf_c(buf, "</dialog>\n");
}

static void write_dialogs(struct engine *engine, const struct ua_state *state, struct sr_buf *buf)
{
    const struct watch_device *device = sr_map_find(&engine->watch_devices, state->resource);
    uint32_t count = 0;

    sr_buf_fmt(buf,
               "<?xml version=\"1.0\"?>\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" "
               "version=\"%u\" state=\"full\" entity=\"",
               (unsigned)state->version);
    add_uri(buf, state->user, state->host);
    sr_buf_c(buf, "\">\n");
    if (device != NULL) {
        SR_LIST_EACH(&device->legs, node)
        {
            if (count++ < WATCH_DIALOGS_MAX)
                add_dialog(buf, SR_CONTAINER(node, struct leg, watch_node), state);
        }
    }
    if (count == 0) { /* phones want to be told of the end, not only see nothing */
        sr_buf_c(buf, "<dialog");
        add_attribute(buf, "id", state->user);
        sr_buf_c(buf, "><state>terminated</state></dialog>\n");
    }
    sr_buf_c(buf, "</dialog-info>\n");
}

static void write_presence(struct engine *engine, const struct ua_state *state, struct sr_buf *buf)
{
    struct ua_contact contact;
    bool is_there = ua_contacts(engine->ua, state->resource, &contact, 1) > 0;
    bool is_busy = sr_map_find(&engine->watch_devices, state->resource) != NULL;

    sr_buf_c(buf, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                  "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"");
    add_uri(buf, state->user, state->host);
    sr_buf_c(buf, "\">\n<tuple");
    add_attribute(buf, "id", state->user);
    sr_buf_fmt(buf, "><status><basic>%s</basic></status><note>%s</note></tuple>\n</presence>\n",
               is_there ? "open" : "closed",
               !is_there ? "Offline"
               : is_busy ? "On the phone"
                         : "Ready");
}

static void write_messages(const struct ua_state *state, struct sr_buf *buf)
{
    sr_buf_c(buf, "Messages-Waiting: no\r\nMessage-Account: ");
    add_uri(buf, state->user, state->host);
    sr_buf_c(buf, "\r\nVoice-Message: 0/0 (0/0)\r\n");
}

void engine__write_state(void *arg, const struct ua_state *state, struct sr_buf *body)
{
    struct engine *engine = arg;

    switch (state->package) {
    case UA_PACKAGE_DIALOG:
        write_dialogs(engine, state, body);
        break;
    case UA_PACKAGE_MESSAGE_SUMMARY:
        write_messages(state, body);
        break;
    case UA_PACKAGE_PRESENCE:
        write_presence(engine, state, body);
        break;
    case UA_PACKAGE_COUNT:
        break;
    }
}
