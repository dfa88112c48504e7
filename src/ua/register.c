/* REGISTER (RFC 3261 10.3, RFC 3327, RFC 5626). */
#include "base/log.h"
#include "ua/internal.h"

/* One REGISTER being worked on. */
struct job {
    struct ua_in *in;
    struct ua_slot *slot;
    struct sr_str call_id;
    uint32_t cseq;
    uint32_t expires_sec; /* for contacts without their own */
    char path[UA_BINDING_TEXT_MAX];
    size_t path_len;
    size_t contact_count;
    bool is_star;
    bool has_outbound;
};

static struct binding *find_binding(struct job *job, const struct sip_nameaddr *addr,
                                    struct sr_str instance, uint32_t reg_id)
{
    SR_LIST_EACH(&job->slot->bindings, node)
    {
        struct binding *binding = SR_CONTAINER(node, struct binding, node);
        struct sip_uri uri;

        if (instance.n > 0 && binding->contact.instance.n > 0) {
            if (sr_str_eq(instance, binding->contact.instance) && reg_id == binding->reg_id)
                return binding;
            if (reg_id != 0 && binding->reg_id != 0)
                continue; /* flows of one phone share their URI */
        }
        if (sip_uri_parse(binding->contact.uri, &uri, NULL) != SR_OK)
            continue;
        if (sip_uri_eq(&uri, &addr->uri))
            return binding;
        /* the same phone again, on another port: its registration goes on */
        if (job->contact_count == 1 && sr_str_eq(job->call_id, binding->contact.call_id) &&
            job->cseq > binding->contact.cseq && sr_str_eq(uri.user, addr->uri.user) &&
            sr_str_ieq(uri.host, addr->uri.host) && uri.port != addr->uri.port)
            return binding;
    }
    return NULL;
}

static uint32_t contact_expires(const struct job *job, const struct sip_nameaddr *addr)
{
    return SR_MIN(sip_nameaddr_expires(addr, job->expires_sec), (uint32_t)UA_REGISTER_SEC_MAX);
}

static void read_instance(const struct sip_nameaddr *addr, struct sr_str *ret_instance,
                          uint32_t *ret_reg_id)
{
    struct sr_str text = {NULL, 0};

    *ret_reg_id = 0;
    *ret_instance = (struct sr_str){NULL, 0};
    if (sip_nameaddr_param(addr, "+sip.instance", ret_instance) && ret_instance->n > 2)
        *ret_instance = sr_str_make(ret_instance->p + 1, ret_instance->n - 2);
    if (ret_instance->n > 0 && sip_nameaddr_param(addr, "reg-id", &text) &&
        sr_str_u32(text, UINT32_MAX, ret_reg_id) != SR_OK)
        *ret_reg_id = 0;
}

static bool is_nat(const struct job *job, const struct sip_nameaddr *addr)
{
    const struct sr_addr *source = &job->in->flow->remote;
    struct sr_addr said;

    if (!sip_uri_addr(&addr->uri, &said))
        return true;
    if (net_kind_is_stream(job->in->flow->kind)) /* a connection leaves from any port */
        return !sr_addr_ip_eq(&said, source);
    return !sr_addr_ip_eq(&said, source) || (said.port != 0 ? said.port : 5060) != source->port;
}

/* A contact that is ourselves would make calls run in circles. */
static bool is_ourselves(const struct job *job, const struct sip_nameaddr *addr)
{
    struct sr_addr said;

    return sip_uri_addr(&addr->uri, &said) && sr_addr_ip_eq(&said, &job->in->flow->local) &&
           (said.port != 0 ? said.port : 5060) == job->in->flow->local.port;
}

/* The status to refuse one contact with, or 0. Counts how many contacts there would be. */
static uint16_t check_contact(struct job *job, const struct sip_nameaddr *addr,
                              size_t *future_count)
{
    struct sr_str instance;
    uint32_t reg_id;
    uint32_t expires_sec = contact_expires(job, addr);
    struct binding *binding;

    if (addr->uri.scheme != SIP_SCHEME_SIP && addr->uri.scheme != SIP_SCHEME_SIPS)
        return 400;
    if (addr->uri.text.n + job->path_len > UA_BINDING_TEXT_MAX / 2)
        return 513;
    if (expires_sec > 0 && expires_sec < UA_REGISTER_SEC_MIN)
        return 423;
    if (is_ourselves(job, addr))
        return 403;
    read_instance(addr, &instance, &reg_id);
    binding = find_binding(job, addr, instance, reg_id);
    if (binding == NULL && expires_sec > 0)
        (*future_count)++;
    if (binding != NULL && expires_sec == 0)
        (*future_count)--;
    if (binding != NULL && sr_str_eq(binding->contact.call_id, job->call_id) &&
        job->cseq <= binding->contact.cseq)
        return 500; /* overtaken by a later one */
    return 0;
}

/* Everything is checked before anything changes. The status to refuse with, or 0. */
static uint16_t check_contacts(struct job *job)
{
    struct sip_values values = sip_msg_values(job->in->msg, SIP_HDR_CONTACT);
    size_t future_count = job->slot->bindings.count;
    uint32_t limit = job->slot->device->contacts_max;
    struct sip_nameaddr addr;
    struct sr_str value;

    limit = limit == 0 ? UA_CONTACTS_PER_DEVICE_MAX
                       : SR_MIN(limit, (uint32_t)UA_CONTACTS_PER_DEVICE_MAX);
    while (sip_values_next(&values, &value)) {
        if (sip_nameaddr_parse(value, &addr, NULL) != SR_OK)
            return 400;
        job->contact_count++;
        job->is_star |= addr.is_star;
    }
    if (job->is_star)
        return job->contact_count == 1 && job->expires_sec == 0 ? 0 : 400;
    values = sip_msg_values(job->in->msg, SIP_HDR_CONTACT);
    while (sip_values_next(&values, &value)) {
        uint16_t status;

        if (sip_nameaddr_parse(value, &addr, NULL) != SR_OK)
            return 400;
        status = check_contact(job, &addr, &future_count);
        if (status != 0)
            return status;
    }
    return future_count > limit && future_count > job->slot->bindings.count ? 403 : 0;
}

static void take_contact(struct job *job, const struct sip_nameaddr *addr)
{
    struct ua *ua = job->in->ua;
    uint32_t expires_sec = contact_expires(job, addr);
    struct sr_str user_agent = sip_msg_value(job->in->msg, SIP_HDR_USER_AGENT);
    struct sr_str instance;
    uint32_t reg_id;
    struct binding *binding;
    struct ua_contact contact;

    read_instance(addr, &instance, &reg_id);
    binding = find_binding(job, addr, instance, reg_id);
    if (expires_sec == 0) {
        if (binding != NULL)
            registrar__remove(binding, "by phone", true);
        return;
    }
    contact = (struct ua_contact){
        .device_id = job->slot->device->id,
        .uri = addr->uri.text,
        .path = sr_str_make(job->path, job->path_len),
        .user_agent = sr_str_head(user_agent, 256),
        .call_id = job->call_id,
        .instance = sr_str_head(instance, 256),
        .flow = *job->in->flow,
        .q_milli = sip_nameaddr_q(addr, SIP_Q_MAX),
        .expires_at = ua__now(ua) + (sr_usec)expires_sec * SR_SEC,
        .expires_wall = (uint64_t)(loop_wall(ua->loop) / SR_SEC) + expires_sec,
        .cseq = job->cseq,
        .is_nat = is_nat(job, addr),
        .is_reachable = true,
        .rtt_us = -1,
    };
    if (binding != NULL) {
        registrar__update(binding, &contact, reg_id);
        registrar__tell(binding, UA_REFRESHED, "");
    } else {
        registrar__tell(registrar__add(ua, job->slot, &contact, reg_id), UA_REGISTERED, "");
    }
}

static void take_all(struct job *job)
{
    struct sip_values values = sip_msg_values(job->in->msg, SIP_HDR_CONTACT);
    struct sip_nameaddr addr;
    struct sr_str value;

    if (job->is_star) {
        SR_LIST_EACH(&job->slot->bindings, node)
        registrar__remove(SR_CONTAINER(node, struct binding, node), "by phone", true);
        return;
    }
    while (sip_values_next(&values, &value)) {
        if (sip_nameaddr_parse(value, &addr, NULL) == SR_OK)
            take_contact(job, &addr);
    }
}

static void write_contact(struct sip_build *build, const struct binding *binding, sr_usec now)
{
    const struct ua_contact *contact = &binding->contact;
    char array[UA_BINDING_TEXT_MAX];
    struct sr_buf buf;
    uint32_t left_sec = (uint32_t)SR_MAX((contact->expires_at - now) / SR_SEC, (sr_usec)1);

    sr_buf_init_fixed(&buf, array, sizeof(array));
    sr_buf_fmt(&buf, "<%.*s>;expires=%u", SR_STR_ARG(contact->uri), (unsigned)left_sec);
    if (contact->q_milli < SIP_Q_MAX)
        sr_buf_fmt(&buf, ";q=0.%03u", (unsigned)contact->q_milli);
    if (contact->instance.n > 0)
        sr_buf_fmt(&buf, ";+sip.instance=\"%.*s\"", SR_STR_ARG(contact->instance));
    if (binding->reg_id != 0)
        sr_buf_fmt(&buf, ";reg-id=%u", (unsigned)binding->reg_id);
    sip_build_text(build, SIP_HDR_CONTACT, sr_buf_view(&buf));
}

static void answer(struct job *job)
{
    struct ua *ua = job->in->ua;
    struct sip_build build;

    ua__stateless_begin(job->in, &build, 200, SR_STR(""));
    if (job->path_len > 0)
        sip_build_text(&build, SIP_HDR_PATH, sr_str_make(job->path, job->path_len));
    sip_build_c(&build, SIP_HDR_SUPPORTED, "path, outbound");
    if (job->has_outbound)
        sip_build_c(&build, SIP_HDR_REQUIRE, "outbound");
    SR_LIST_EACH(&job->slot->bindings, node)
    {
        struct binding *binding = SR_CONTAINER(node, struct binding, node);

        write_contact(&build, binding, ua__now(ua));
    }
    if (sip_build_end(&build, SR_STR(""), SR_STR("")) == SR_OK)
        ua__reply_send(job->in, &build);
    else
        ua__refuse(job->in, 513, NULL);
}

/* Path, Expires, ids. The status to refuse with, or 0. */
static uint16_t read_job(struct job *job)
{
    struct sip_msg *msg = job->in->msg;
    struct sip_values values = sip_msg_values(msg, SIP_HDR_PATH);
    struct sr_buf path;
    struct sr_str value;
    struct sip_delta delta;

    job->call_id = sip_msg_call_id(msg);
    job->cseq = sip_msg_cseq(msg)->number;
    job->expires_sec = UA_REGISTER_SEC_DEFAULT;
    value = sip_msg_value(msg, SIP_HDR_EXPIRES);
    if (value.p != NULL && sip_delta_parse(value, &delta, NULL) == SR_OK)
        job->expires_sec = delta.seconds;
    sr_buf_init_fixed(&path, job->path, sizeof(job->path));
    while (sip_values_next(&values, &value)) {
        struct sip_nameaddr addr;

        if (sip_nameaddr_parse(value, &addr, NULL) != SR_OK)
            return 400;
        if (path.len > 0)
            sr_buf_c(&path, ", ");
        sip_write_safe(value, &path);
    }
    if (sr_buf_err(&path) != SR_OK || path.len > UA_BINDING_TEXT_MAX / 4 || job->call_id.n > 512)
        return 513;
    job->path_len = path.len;
    job->has_outbound = sip_msg_has_token(msg, SIP_HDR_SUPPORTED, "outbound");
    return 0;
}

/* May this device register that address-of-record? Only its own. */
static bool is_own_aor(struct job *job)
{
    const struct sip_nameaddr *to = sip_msg_to(job->in->msg);
    const struct ua_device *device = job->slot->device;
    char user[256];
    struct sr_str name = sip_uri_user(&to->uri, user, sizeof(user));

    return name.n > 0 && (sr_str_eq(name, device->extension) || sr_str_eq(name, device->id));
}

/* RFC 5626: only when a contact of this request asked for it. */
static bool wants_outbound(struct job *job)
{
    struct sip_values values = sip_msg_values(job->in->msg, SIP_HDR_CONTACT);
    struct sip_nameaddr addr;
    struct sr_str value;
    struct sr_str instance;
    uint32_t reg_id = 0;

    while (sip_values_next(&values, &value) && reg_id == 0) {
        if (sip_nameaddr_parse(value, &addr, NULL) == SR_OK && !addr.is_star)
            read_instance(&addr, &instance, &reg_id);
    }
    return reg_id != 0;
}

/* The same request once more, its answer lost on the way: nothing changes, all is told again. */
static bool is_repeated(struct job *job)
{
    SR_LIST_EACH(&job->slot->bindings, node)
    {
        struct binding *binding = SR_CONTAINER(node, struct binding, node);

        if (binding->contact.cseq == job->cseq && sr_str_eq(binding->contact.call_id, job->call_id))
            return true;
    }
    return false;
}

void registrar__on_register(struct ua_in *in, struct ua_slot *slot, bool is_again)
{
    struct job job = {.in = in, .slot = slot};
    uint16_t status = 0;

    if (!ua__host_is_ours(in->ua, in->flow, sip_msg_uri(in->msg)))
        status = 404;
    else if (!is_own_aor(&job))
        status = 403;
    if (status == 0)
        status = read_job(&job);
    job.has_outbound = job.has_outbound && wants_outbound(&job);
    if (status == 0 && is_repeated(&job)) {
        answer(&job);
        return;
    }
    if (status == 0 && is_again) {
        ua__challenge(in, true);
        return;
    }
    if (status == 0)
        status = check_contacts(&job);
    if (status != 0) {
        ua__refuse(in, status,
                   &(struct ua_refusal){.min_expires = status == 423 ? UA_REGISTER_SEC_MIN : 0});
        return;
    }
    take_all(&job);
    answer(&job);
}
