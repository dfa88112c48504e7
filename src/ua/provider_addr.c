/* Which of our addresses a provider is told: the one it sees us at. */
#include "base/alloc.h"
#include "base/log.h"
#include "rtc/stun.h"
#include "ua/provider_internal.h"

enum {
    STUN_BYTES_MAX = 256
};

struct stun_query {
    struct ua *ua;
    struct resolver_query query;
    struct loop_timer timer;
    uint8_t tid[STUN_TID_BYTES];
    struct sr_addr server;
    unsigned sends;
};

/* ---- what is told ---- */

static uint16_t listening_port(const struct ua *ua, enum net_kind kind)
{
    if (kind == NET_TLS)
        return ua->settings.tls_port != 0 ? ua->settings.tls_port : 5061;
    return ua->settings.sip_port != 0 ? ua->settings.sip_port : 5060;
}

/* Is it on this side of any NAT? */
static bool is_near(const struct ua *ua, const struct sr_addr *addr)
{
    for (size_t i = 0; i < ua->settings.local_net_count; i++) {
        if (sr_cidr_has(&ua->settings.local_nets[i], addr))
            return true;
    }
    return sr_addr_is_private(addr) || sr_addr_is_loopback(addr) || sr_addr_is_link_local(addr);
}

static const struct sr_addr *of_family(const struct sr_addr *ip4, const struct sr_addr *ip6,
                                       uint8_t family)
{
    const struct sr_addr *addr = family == SR_ADDR_IP6 ? ip6 : ip4;

    return addr->family == family ? addr : NULL;
}

struct sr_addr provider__own_addr(const struct provider *provider, const struct net_flow *flow)
{
    const struct ua *ua = provider->ua;
    const struct ua_settings *settings = &ua->settings;
    uint8_t family = flow->remote.family;
    uint16_t port = listening_port(ua, flow->kind);
    const struct sr_addr *mapped = provider->mapped.family == family ? &provider->mapped : NULL;
    const struct sr_addr *found = NULL;
    struct sr_addr local;
    struct sr_addr own;

    if (net_local_for(ua->net, &flow->remote, &local) != SR_OK)
        local = flow->local;
    if (provider->conf.public_ip.family == family)
        found = &provider->conf.public_ip;
    if (found == NULL && !is_near(ua, &flow->remote))
        found = of_family(&settings->public_ip4, &settings->public_ip6, family);
    if (found == NULL)
        found = mapped;
    if (found == NULL && !is_near(ua, &flow->remote))
        found = of_family(&ua->seen_ip4, &ua->seen_ip6, family);
    if (found == NULL && !is_near(ua, &flow->remote) && ua->stun_ip4.family == family)
        found = &ua->stun_ip4;
    if (found == NULL)
        found = of_family(&settings->lan_ip4, &settings->lan_ip6, family);
    own = found != NULL ? *found : local;
    own.scope = 0;
    own.port = port;
    /* the NAT's port, where it was seen; a port that was forwarded by hand is ours */
    if (mapped != NULL && sr_addr_ip_eq(mapped, &own) &&
        (flow->kind == NET_UDP || !sr_addr_ip_eq(mapped, &local)))
        own.port = mapped->port;
    return own;
}

void ua_public_addrs(const struct ua *ua, struct sr_addr *ret_ip4, struct sr_addr *ret_ip6)
{
    *ret_ip4 = ua->settings.public_ip4;
    *ret_ip6 = ua->settings.public_ip6;
    if (ret_ip4->family == SR_ADDR_NONE)
        *ret_ip4 = ua->seen_ip4.family != SR_ADDR_NONE ? ua->seen_ip4 : ua->stun_ip4;
    if (ret_ip6->family == SR_ADDR_NONE)
        *ret_ip6 = ua->seen_ip6;
}

struct sr_str provider__own_uri(const struct provider *provider, const struct net_flow *flow,
                                char out[UA_CONTACT_TEXT_MAX])
{
    struct sr_addr own = provider__own_addr(provider, flow);
    char host[SR_ADDR_TEXT_MAX];
    struct sr_buf buf;

    sr_buf_init_fixed(&buf, out, UA_CONTACT_TEXT_MAX);
    sr_buf_c(&buf, "sip:");
    sip_escape(sr_str_c(provider->contact_user), SIP_CH_USER, &buf);
    sr_buf_fmt(&buf, "@%s:%u", sr_addr_host_text(&own, host), (unsigned)own.port);
    if (flow->kind != NET_UDP)
        sr_buf_c(&buf, flow->kind == NET_TCP ? ";transport=tcp" : ";transport=tls");
    if (sr_buf_err(&buf) != SR_OK)
        return SR_STR("sip:invalid.invalid"); /* a user name of 100 characters escaped */
    return sr_buf_view(&buf);
}

/* ---- what is learnt ---- */

void provider__check_moved(struct provider *provider)
{
    char uri[UA_CONTACT_TEXT_MAX];
    struct sr_str now = provider__own_uri(provider, &provider->flow, uri);

    if (provider->contact[0] == '\0' || !provider__is_ip(&provider->flow.remote) ||
        provider->is_leaving || provider->reg.state == SIP_REGISTRATION_LEAVING)
        return;
    if (!sr_str_eq_c(now, provider->contact)) {
        if (provider->conf.is_registering && provider->stale[0] == '\0')
            memcpy(provider->stale, provider->contact, sizeof(provider->stale));
        (void)sr_str_copy(now, provider->contact, sizeof(provider->contact));
        provider->is_move_due = true;
        sr_log(SIP, INFO, "event=provider_address provider=%.*s contact=%s",
               SR_STR_ARG(provider->conf.id), provider->contact);
    }
    if (provider->is_move_due)
        provider__schedule(provider);
}

void provider__learn(struct provider *provider, const struct net_flow *flow, struct sip_msg *msg)
{
    struct ua *ua = provider->ua;
    const struct sip_via *via = sip_msg_via(msg);
    struct sr_addr seen;

    if (via == NULL)
        return;
    /* nothing said: it sees what we wrote */
    if (sr_addr_parse_ip(via->received.n > 0 ? via->received : via->host, &seen) != SR_OK ||
        seen.family != flow->remote.family || sr_addr_is_any(&seen) || sr_addr_is_multicast(&seen))
        return;
    if (via->received.n == 0 && via->rport == 0) {
        struct sr_addr local;

        /* a server that knows no rport: behind a NAT it does not show us our address */
        if (net_local_for(ua->net, &flow->remote, &local) != SR_OK ||
            (is_near(ua, &local) && !is_near(ua, &flow->remote))) {
            provider__ask_stun(ua);
            return;
        }
    }
    seen.port = via->rport != 0 ? via->rport : via->port;
    if (seen.port == 0)
        seen.port = listening_port(ua, flow->kind);
    if (sr_addr_eq(&seen, &provider->mapped))
        return;
    provider->mapped = seen;
    if (!is_near(ua, &seen) && seen.family == SR_ADDR_IP4)
        ua->seen_ip4 = seen;
    else if (!is_near(ua, &seen))
        ua->seen_ip6 = seen;
}

/* ---- STUN, only when asked for and needed ---- */

static void end_stun(struct stun_query *stun)
{
    struct ua *ua = stun->ua;

    loop_timer_clear(ua->loop, &stun->timer);
    if (ua->resolver != NULL)
        resolver_cancel(ua->resolver, &stun->query);
    ua->stun = NULL;
    sr_free(stun);
}

void provider__end_stun(struct ua *ua)
{
    if (ua->stun != NULL)
        end_stun(ua->stun);
}

static void free_stun(void *arg)
{
    end_stun(arg);
}

static void send_stun(void *arg)
{
    struct stun_query *stun = arg;
    struct net_flow flow = {.kind = NET_UDP, .remote = stun->server};
    uint8_t bytes[STUN_BYTES_MAX];
    size_t n = stun_write_binding(stun->tid, bytes, sizeof(bytes));
    enum sr_err err;

    if (stun->sends == 5) {
        sr_log(SIP, WARN, "event=stun_failed why=\"the STUN server does not answer\"");
        end_stun(stun);
        return;
    }
    err = net_send(stun->ua->net, &flow, NULL, sr_str_make((const char *)bytes, n));
    if (err != SR_OK) /* tried again with the timer */
        sr_log(SIP, DEBUG, "event=stun_not_sent err=%s", sr_err_name(err));
    loop_timer_set(stun->ua->loop, &stun->timer,
                   ua__now(stun->ua) + (500 * SR_MSEC << stun->sends));
    stun->sends++;
}

static void on_stun_resolved(void *arg, enum sr_err err, const struct resolver_target *targets,
                             size_t target_count)
{
    struct stun_query *stun = arg;

    for (size_t i = 0; err == SR_OK && i < target_count; i++) {
        if (targets[i].addr.family != SR_ADDR_IP4)
            continue;
        stun->server = targets[i].addr;
        send_stun(stun);
        return;
    }
    sr_log(SIP, WARN, "event=stun_failed why=\"the name of the STUN server cannot be resolved\"");
    loop_timer_init(&stun->timer, free_stun, stun); /* not from inside the resolver's call */
    loop_timer_set(stun->ua->loop, &stun->timer, ua__now(stun->ua));
}

void provider__ask_stun(struct ua *ua)
{
    struct resolver_request request = {.host = ua->settings.stun_host,
                                       .port = ua->settings.stun_port,
                                       .is_kind_given = true,
                                       .kind = NET_UDP};
    struct stun_query *stun;

    if (ua->stun != NULL || ua->settings.stun_host.n == 0 || ua->resolver == NULL ||
        provider__is_ip(&ua->stun_ip4))
        return;
    stun = sr_zalloc(1, sizeof(*stun));
    stun->ua = ua;
    loop_timer_init(&stun->timer, send_stun, stun);
    for (size_t i = 0; i < sizeof(stun->tid); i++)
        stun->tid[i] = (uint8_t)ua__random_below(ua, 256);
    ua->stun = stun;
    if (request.port == 0)
        request.port = 3478;
    if (resolver_query(ua->resolver, &stun->query, &request, on_stun_resolved, stun) != SR_OK)
        end_stun(stun);
}

void provider__on_stun(struct ua *ua, const struct net_flow *flow, struct sr_str bytes)
{
    struct stun_query *stun = ua->stun;
    struct stun_msg msg;

    if (stun == NULL || !sr_addr_eq(&flow->remote, &stun->server) ||
        stun_parse(bytes, &msg) != SR_OK || msg.cls != STUN_SUCCESS ||
        memcmp(msg.tid, stun->tid, sizeof(stun->tid)) != 0 || msg.mapped.family != SR_ADDR_IP4)
        return;
    ua->stun_ip4 = msg.mapped;
    end_stun(stun);
    SR_LIST_EACH(&ua->providers, node)
    {
        provider__check_moved(SR_CONTAINER(node, struct provider, node));
    }
}

/* ---- keeping the way in open ---- */

void provider__keep_alive(struct provider *provider)
{
    struct ua *ua = provider->ua;
    sr_usec now = ua__now(ua);
    struct net_flow flow = provider->flow;
    enum sr_err err;

    provider->keep_alive_at = SR_NEVER;
    if (!provider__is_ip(&flow.remote) || provider->ping_sec == 0)
        return;
    if (flow.kind == NET_UDP) {
        err = net_send(ua->net, &flow, NULL, SR_STR("\r\n\r\n"));
    } else {
        err = net_ping(ua->net, flow.conn);
        if (err == SR_OK && provider->is_pong_due)
            provider->pong_by = now + PROVIDER_PONG_SEC * SR_SEC;
    }
    if (err != SR_OK) /* the next REGISTER or OPTIONS finds out */
        sr_log(SIP, DEBUG, "event=keep_alive_failed err=%s", sr_err_name(err));
    provider->keep_alive_at = now + (sr_usec)provider->ping_sec * SR_SEC;
}
