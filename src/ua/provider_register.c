/* REGISTER and OPTIONS to providers. */
#include "base/alloc.h"
#include "sip/status.h"
#include "ua/provider_internal.h"

enum {
    LINE_MAX = 1024
};

static void on_register(void *arg, struct client_txn *txn, struct sip_msg *msg, uint16_t status);
static void on_options(void *arg, struct client_txn *txn, struct sip_msg *msg, uint16_t status);

/* ---- requests ---- */

void provider__add_host(struct sr_buf *buf, struct sr_str host)
{
    bool is_ip6 = sr_str_find(host, ':', 0) < host.n && host.p[0] != '[';

    sr_buf_fmt(buf, is_ip6 ? "[%.*s]" : "%.*s", SR_STR_ARG(host));
}

void provider__add_route(const struct provider *provider, struct sip_build *build,
                         bool with_service_route)
{
    const struct ua_provider *conf = &provider->conf;
    char array[LINE_MAX + PROVIDER_ROUTE_MAX];
    struct sr_buf buf;

    sr_buf_init_fixed(&buf, array, sizeof(array));
    if (conf->proxy.n > 0) {
        sr_buf_c(&buf, "<sip:");
        provider__add_host(&buf, conf->proxy);
        if (conf->proxy_port != 0)
            sr_buf_fmt(&buf, ":%u", (unsigned)conf->proxy_port);
        if (conf->is_kind_given && conf->kind != NET_UDP)
            sr_buf_c(&buf, conf->kind == NET_TCP ? ";transport=tcp" : ";transport=tls");
        sr_buf_c(&buf, ";lr>");
    }
    if (with_service_route && provider->route[0] != '\0')
        sr_buf_fmt(&buf, buf.len > 0 ? ", %s" : "%s", provider->route);
    if (buf.len > 0 && sr_buf_err(&buf) == SR_OK)
        sip_build_text(build, SIP_HDR_ROUTE, sr_buf_view(&buf));
}

static void begin(struct provider *provider, struct sip_build *build, enum sip_method method,
                  const struct net_flow *flow, struct sr_str branch)
{
    struct ua *ua = provider->ua;
    const struct ua_provider *conf = &provider->conf;
    char uri_array[LINE_MAX], aor_array[LINE_MAX];
    struct sr_buf uri, aor;
    struct sip_build_addr from = {.tag = sr_str_c(provider->local_tag)};

    sr_buf_init_fixed(&uri, uri_array, sizeof(uri_array));
    sr_buf_init_fixed(&aor, aor_array, sizeof(aor_array));
    sr_buf_c(&uri, "sip:");
    provider__add_host(&uri, conf->domain);
    sr_buf_c(&aor, "sip:");
    if (conf->username.n > 0) {
        sip_escape(conf->username, SIP_CH_USER, &aor);
        sr_buf_char(&aor, '@');
    }
    provider__add_host(&aor, conf->domain);
    sr_buf_clear(&ua->out);
    sip_build_init(build, &ua->out);
    sip_build_request(build, method, sr_buf_view(&uri));
    ua__via(ua, build, flow, branch, provider->id);
    provider__add_route(provider, build, false);
    sip_build_uint(build, SIP_HDR_MAX_FORWARDS, 70);
    from.uri = sr_buf_view(&aor);
    sip_build_addr(build, SIP_HDR_FROM, &from);
    from.tag = SR_STR("");
    if (method == SIP_METHOD_OPTIONS)
        from.uri = sr_buf_view(&uri);
    sip_build_addr(build, SIP_HDR_TO, &from);
    if (sr_buf_err(&uri) != SR_OK || sr_buf_err(&aor) != SR_OK)
        build->is_failed = true;
}

void provider__register_contact(struct provider *provider, const struct net_flow *flow,
                                struct sr_buf *buf)
{
    char uri[UA_CONTACT_TEXT_MAX];
    bool is_stream = net_kind_is_stream(flow->kind);

    sr_buf_fmt(buf, "<%.*s>;expires=%u", SR_STR_ARG(provider__own_uri(provider, flow, uri)),
               (unsigned)sip_registration_expires_s(&provider->reg));
    if (is_stream && !provider->is_outbound_refused)
        sr_buf_fmt(buf, ";reg-id=1;+sip.instance=\"<urn:uuid:%s>\"", provider->instance);
    if (provider->stale[0] != '\0')
        sr_buf_fmt(buf, ", <%s>;expires=0", provider->stale);
}

static bool is_outbound(const struct provider *provider, const struct net_flow *flow)
{
    return net_kind_is_stream(flow->kind) && !provider->is_outbound_refused;
}

/* Where the next request goes: the address in use, or the best. False: none is known. */
static bool choose_flow(struct provider *provider, struct net_flow *ret_flow)
{
    struct resolver_target targets[RESOLVER_TARGETS_MAX];

    provider->closed_err = SR_OK; /* of earlier tries */
    provider->closed_why[0] = '\0';
    provider->foreign_realm[0] = '\0';
    if (provider__targets(provider, SR_ADDR_NONE, targets) == 0)
        return false;
    *ret_flow = (struct net_flow){.kind = targets[0].kind, .remote = targets[0].addr};
    if (provider__is_ip(&provider->flow.remote) && provider->flow.kind == targets[0].kind &&
        sr_addr_eq(&provider->flow.remote, &targets[0].addr))
        *ret_flow = provider->flow;
    return true;
}

static void fail_later(struct provider *provider, struct sip_registration_step *step)
{
    struct sip_registration_result result = {0};

    sip_registration_on_result(&provider->reg, &result, ua__random_below(provider->ua, 1000),
                               ua__now(provider->ua), step);
}

void provider__register_failed(struct provider *provider, enum ua_provider_fault fault)
{
    struct sip_registration_step step;

    fail_later(provider, &step);
    provider__set_state(provider, UA_PROVIDER_FAILED, fault);
    provider__schedule(provider);
}

void provider__send_register(struct provider *provider)
{
    struct ua *ua = provider->ua;
    char branch[UA_TOKEN_MAX];
    char array[LINE_MAX];
    struct sr_buf contact;
    struct sip_build build;
    struct net_flow flow;
    struct client_txn_options options = {.method = SIP_METHOD_REGISTER,
                                         .flow = &flow,
                                         .fn = on_register,
                                         .arg = provider,
                                         .provider = provider->id,
                                         .cseq = &provider->cseq,
                                         .is_failing_over = true};
    uint32_t expires_s = sip_registration_expires_s(&provider->reg);
    char uri[SIP_URI_TEXT_MAX];
    struct sr_buf uri_buf;

    if (provider->register_ct !=
        NULL) /* one at a time (10.2): the older answer is not waited for */
        client_txn__detach(provider->register_ct);
    provider->register_ct = NULL;
    if (!choose_flow(provider, &flow)) {
        provider__register_failed(provider, UA_PROVIDER_FAULT_DNS);
        return;
    }
    ua__branch(ua, branch);
    options.branch = sr_str_c(branch);
    begin(provider, &build, SIP_METHOD_REGISTER, &flow, options.branch);
    sip_build_text(&build, SIP_HDR_CALL_ID, sr_str_c(provider->call_id));
    sip_build_cseq(&build, ++provider->cseq, SR_STR("REGISTER"));
    sr_buf_init_fixed(&contact, array, sizeof(array));
    provider__register_contact(provider, &flow, &contact);
    sip_build_text(&build, SIP_HDR_CONTACT, sr_buf_view(&contact));
    sip_build_uint(&build, SIP_HDR_EXPIRES, expires_s);
    sip_build_c(&build, SIP_HDR_USER_AGENT, ua->user_agent);
    sip_build_c(&build, SIP_HDR_ALLOW, UA_ALLOW);
    sip_build_c(&build, SIP_HDR_SUPPORTED,
                is_outbound(provider, &flow) ? "path, outbound" : "path");
    sr_buf_init_fixed(&uri_buf, uri, sizeof(uri));
    sr_buf_c(&uri_buf, "sip:");
    provider__add_host(&uri_buf, provider->conf.domain);
    options.is_preempted =
        provider__add_credentials(provider, &build, SIP_METHOD_REGISTER, sr_buf_view(&uri_buf));
    if (sip_build_end(&build, SR_STR(""), SR_STR("")) == SR_OK)
        provider->register_ct = client_txn__new(ua, &options);
    if (provider->register_ct == NULL)
        provider__register_failed(provider, UA_PROVIDER_FAULT_REJECTED);
}

void provider__send_options(struct provider *provider)
{
    struct ua *ua = provider->ua;
    char branch[UA_TOKEN_MAX], call_id[UA_TOKEN_MAX];
    struct sip_build build;
    struct net_flow flow;
    struct client_txn_options options = {.method = SIP_METHOD_OPTIONS,
                                         .flow = &flow,
                                         .fn = on_options,
                                         .arg = provider,
                                         .provider = provider->id,
                                         .is_failing_over = true};
    char own[UA_CONTACT_TEXT_MAX];

    if (provider->qualify_ct != NULL || !choose_flow(provider, &flow))
        return;
    ua__branch(ua, branch);
    ua__token(ua, 16, call_id);
    options.branch = sr_str_c(branch);
    begin(provider, &build, SIP_METHOD_OPTIONS, &flow, options.branch);
    sip_build_text(&build, SIP_HDR_CALL_ID, sr_str_c(call_id));
    sip_build_cseq(&build, 1, SR_STR("OPTIONS"));
    sip_build_fmt(&build, SIP_HDR_CONTACT, "<%.*s>",
                  SR_STR_ARG(provider__own_uri(provider, &flow, own)));
    sip_build_c(&build, SIP_HDR_ACCEPT, "application/sdp");
    sip_build_c(&build, SIP_HDR_USER_AGENT, ua->user_agent);
    if (sip_build_end(&build, SR_STR(""), SR_STR("")) == SR_OK)
        provider->qualify_ct = client_txn__new(ua, &options);
}

/* ---- answers ---- */

static void note_answer(struct provider *provider, const struct client_txn *txn,
                        const struct sip_msg *msg)
{
    struct sr_str reason;
    struct sr_buf buf;

    if (msg == NULL)
        return;
    reason = msg->reason.n > 0 ? msg->reason : sr_str_c(sip_status_text(msg->status));
    provider->last_status = msg->status;
    sr_buf_init_fixed(&buf, provider->last_response, sizeof(provider->last_response) - 1);
    sr_buf_fmt(&buf, "%u ", (unsigned)msg->status);
    sr_buf_str(&buf, sr_str_head(reason, sizeof(provider->last_response) - 16));
    (void)sr_buf_cstr(&buf);
    if (txn->send_count == 1)
        provider->rtt_us =
            (int32_t)SR_MIN(ua__now(provider->ua) - txn->sent_at, (sr_usec)INT32_MAX);
}

/* Our own Contact in a 200, and what the registrar granted; older ones of ours there are noted. A helper in
 * the NAT may have written another address into ours: its user name is ours all the same, and what
 * lasts longest is the one just made. */
static void read_contacts(struct provider *provider, struct sip_msg *msg,
                          struct sip_registration_result *result)
{
    struct sip_values values = sip_msg_values(msg, SIP_HDR_CONTACT);
    struct sr_addr own = provider__own_addr(provider, &provider->flow);
    struct sip_nameaddr contact;
    struct sr_addr addr;
    struct sr_str value;
    uint32_t expires_s = 0, rewritten_s = 0;
    bool was_here = false;

    result->has_expires = sip_msg_uint(msg, SIP_HDR_EXPIRES, &expires_s);
    result->expires_s = expires_s;
    while (sip_values_next(&values, &value)) {
        bool is_here;

        if (sip_nameaddr_parse(value, &contact, NULL) != SR_OK || contact.is_star)
            continue;
        is_here = sip_uri_addr(&contact.uri, &addr) && sr_addr_ip_eq(&addr, &own) &&
                  (addr.port != 0 ? addr.port : 5060) == own.port;
        if (sr_str_eq_c(contact.uri.user, provider->contact_user)) {
            uint32_t seconds = sip_nameaddr_expires(&contact, UINT32_MAX);

            was_here |= is_here;
            if (is_here && seconds != UINT32_MAX) {
                result->has_expires = true;
                result->expires_s = seconds;
            } else if (seconds != UINT32_MAX) {
                rewritten_s = SR_MAX(rewritten_s, seconds);
            }
        } else if (is_here && provider->stale[0] == '\0' &&
                   !provider->conf.quirks.contact_is_account) {
            /* the same account from here under another name: an earlier life of this router */
            if (!sr_str_copy(contact.uri.text, provider->stale, sizeof(provider->stale)))
                provider->stale[0] = '\0';
        }
    }
    if (!was_here && rewritten_s > 0) {
        result->has_expires = true;
        result->expires_s = rewritten_s;
    }
}

static void read_route(struct provider *provider, struct sip_msg *msg)
{
    struct sip_values values = sip_msg_values(msg, SIP_HDR_SERVICE_ROUTE);
    struct sr_str value;
    struct sr_buf buf;

    sr_buf_init_fixed(&buf, provider->route, sizeof(provider->route));
    while (sip_values_next(&values, &value)) {
        struct sip_nameaddr route;

        if (sip_nameaddr_parse(value, &route, NULL) != SR_OK || route.is_star)
            continue;
        if (provider->conf.proxy.n > 0 && buf.len == 0 &&
            sr_str_ieq(route.uri.host, provider->conf.proxy))
            continue; /* the outbound proxy names itself: it is in the route already */
        sr_buf_fmt(&buf, buf.len > 0 ? ", %.*s" : "%.*s", SR_STR_ARG(value));
    }
    if (sr_buf_err(&buf) != SR_OK)
        sr_buf_clear(&buf);
    provider->route[buf.len < sizeof(provider->route) ? buf.len : 0] = '\0';
}

/* The server says how long a silent flow lives (RFC 5626 10.4); then it answers pings, too. */
static void plan_keep_alive(struct provider *provider, struct sip_msg *msg)
{
    sr_usec now = ua__now(provider->ua);
    uint32_t flow_timer_sec;

    provider->pong_by = SR_NEVER;
    provider->is_pong_due = false;
    provider->ping_sec = provider->conf.quirks.keep_alive_sec;
    if (net_kind_is_stream(provider->flow.kind)) {
        if (provider->ping_sec > 0)
            provider->ping_sec = PROVIDER_PING_SEC;
        if (sip_msg_uint(msg, SIP_HDR_FLOW_TIMER, &flow_timer_sec)) {
            provider->ping_sec = SR_MAX(SR_MIN(flow_timer_sec, 3600u) * 4 / 5, 5u);
            provider->is_pong_due = true;
        }
        net_keep_conn(provider->ua->net, provider->flow.conn,
                      now + (sr_usec)SR_MAX(provider->conf.register_sec, 3600u) * SR_SEC);
    }
    provider->keep_alive_at =
        provider->ping_sec > 0 ? now + (sr_usec)provider->ping_sec * SR_SEC : SR_NEVER;
}

/* What the request said of our Contact: its address may have been learnt from this very answer. */
static void note_contact(struct provider *provider, const struct client_txn *txn)
{
    struct sip_header slots[SIP_HEADERS_MAX];
    const struct sip_nameaddr *contact;
    struct sip_msg request;

    if (sip_msg_parse(txn->request, slots, SIP_HEADERS_MAX, &request, NULL) != SR_OK)
        return;
    contact = sip_msg_contact(&request);
    if (contact == NULL ||
        !sr_str_copy(contact->uri.text, provider->contact, sizeof(provider->contact)))
        provider->contact[0] = '\0';
}

static void on_registered(struct provider *provider, struct client_txn *txn, struct sip_msg *msg,
                          struct sip_registration_result *result)
{
    if (txn->flow.conn != provider->flow.conn)
        provider->flow_at = ua__now(provider->ua);
    provider->flow = txn->flow;
    provider->stale[0] = '\0'; /* this request took it away */
    provider->is_alive = true;
    note_contact(provider, txn);
    read_contacts(provider, msg, result);
    read_route(provider, msg);
}

static void after_registered(struct provider *provider, struct sip_msg *msg)
{
    sr_usec now = ua__now(provider->ua);
    uint32_t qualify_sec = provider->conf.qualify_sec;

    plan_keep_alive(provider, msg);
    if (qualify_sec > 0 && provider->qualify_at == SR_NEVER)
        provider->qualify_at = now + (sr_usec)qualify_sec * SR_SEC;
    provider__set_state(provider, UA_PROVIDER_REGISTERED, UA_PROVIDER_FAULT_NONE);
    if (provider->stale[0] != '\0')
        provider->is_move_due = true; /* the same way out: register once more */
    provider__check_moved(provider);
}

static bool is_denied(enum ua_provider_fault fault)
{
    return fault == UA_PROVIDER_FAULT_PASSWORD || fault == UA_PROVIDER_FAULT_REALM ||
           fault == UA_PROVIDER_FAULT_FORBIDDEN || fault == UA_PROVIDER_FAULT_UNKNOWN_USER;
}

/* The old Contact to be removed beside the new one may be what the registrar does not like. */
static bool is_stale_refused(const struct provider *provider, uint16_t status)
{
    return provider->stale[0] != '\0' && status >= 400 && status < 500 && status != 401 &&
           status != 407 && status != 408 && status != 423;
}

static void on_register(void *arg, struct client_txn *txn, struct sip_msg *msg, uint16_t status)
{
    struct provider *provider = arg;
    struct sip_registration_result result = {.status = msg != NULL ? status : 0};
    struct sip_registration_step step;
    enum ua_provider_fault fault;
    struct sip_retry_after retry;
    struct sr_str value;
    bool is_bound = status >= 200 && status < 300;

    if (msg != NULL && status < 200)
        return;
    client_txn__detach(txn);
    provider->register_ct = NULL;
    note_answer(provider, txn, msg);
    if (status == 439 && !provider->is_outbound_refused) { /* RFC 5626 11.6: then without */
        provider->is_outbound_refused = true;
        provider__send_register(provider);
        return;
    }
    if (is_stale_refused(provider, status)) { /* one that takes a single Contact */
        provider->stale[0] = '\0';
        provider__send_register(provider);
        return;
    }
    if (is_bound && provider->reg.state != SIP_REGISTRATION_LEAVING)
        on_registered(provider, txn, msg, &result);
    if (msg != NULL && !is_bound) {
        (void)sip_msg_uint(msg, SIP_HDR_MIN_EXPIRES, &result.min_expires_s);
        value = sip_msg_value(msg, SIP_HDR_RETRY_AFTER);
        if (value.p != NULL && sip_retry_after_parse(value, &retry, NULL) == SR_OK)
            result.retry_after_s = retry.seconds;
    }
    fault = is_bound ? UA_PROVIDER_FAULT_REJECTED : provider__fault_of(provider, msg, status);
    if (is_bound) /* said when the 2xx is none: Expires: 0 */
        (void)sr_str_copy(SR_STR(", but keeps no registration"), provider->wish,
                          sizeof(provider->wish));
    result.is_denied = is_denied(fault) || status == 401 || status == 407;
    sip_registration_on_result(&provider->reg, &result, ua__random_below(provider->ua, 1000),
                               ua__now(provider->ua), &step);
    if (provider->reg.state == SIP_REGISTRATION_RESTING)
        after_registered(provider, msg);
    else if (provider->reg.state == SIP_REGISTRATION_WAITING)
        provider__set_state(provider, UA_PROVIDER_FAILED, fault);
    provider__step(provider, &step);
    provider__left(provider);
}

void provider__step(struct provider *provider, const struct sip_registration_step *step)
{
    bool is_leaving = provider->reg.state == SIP_REGISTRATION_LEAVING;

    if (step->tell_lost && !provider->is_leaving)
        provider__tell(provider, UA_PROVIDER_CHANGED);
    if (step->send && is_leaving && provider->target_count > 0) {
        provider__send_register(provider); /* now or never */
    } else if (step->send && !is_leaving) {
        provider->is_register_due = true;
        provider__resolve(provider);
    }
    provider__schedule(provider);
}

/* ---- OPTIONS ---- */

static void on_options(void *arg, struct client_txn *txn, struct sip_msg *msg, uint16_t status)
{
    struct provider *provider = arg;
    struct sip_registration_step step;
    sr_usec now = ua__now(provider->ua);
    uint32_t qualify_sec = provider->conf.qualify_sec;

    if (msg != NULL && status < 200)
        return;
    client_txn__detach(txn);
    provider->qualify_ct = NULL;
    provider->is_alive = msg != NULL && status != 503 && status != 408;
    if (qualify_sec > 0)
        provider->qualify_at = now + (sr_usec)qualify_sec * SR_SEC;
    if (provider->conf.is_registering) {
        /* the server that has our binding is silent; another one may answer */
        bool is_elsewhere = !sr_addr_eq(&txn->flow.remote, &provider->flow.remote);

        if (provider->is_alive && msg != NULL && txn->send_count == 1)
            provider->rtt_us = (int32_t)SR_MIN(now - txn->sent_at, (sr_usec)INT32_MAX);
        if ((!provider->is_alive || is_elsewhere) &&
            provider->reg.state == SIP_REGISTRATION_RESTING) {
            if (!provider->is_alive)
                provider__set_state(provider, UA_PROVIDER_FAILED,
                                    provider__fault_of(provider, msg, status));
            sip_registration_renew(&provider->reg, now, &step); /* another server may be there */
            provider__step(provider, &step);
        } else {
            provider__check_moved(provider);
        }
    } else {
        note_answer(provider, txn, msg);
        if (provider->is_alive) {
            provider->flow = txn->flow;
            plan_keep_alive(provider, msg);
            note_contact(provider, txn);
            provider__set_state(provider,
                                qualify_sec > 0 ? UA_PROVIDER_REACHABLE : UA_PROVIDER_READY,
                                UA_PROVIDER_FAULT_NONE);
            provider__check_moved(provider);
        } else if (qualify_sec > 0) {
            provider__set_state(provider, UA_PROVIDER_FAILED,
                                provider__fault_of(provider, msg, status));
        }
    }
    provider__schedule(provider);
}
