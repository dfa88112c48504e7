/* GET /sip: SIP over WebSocket (RFC 7118). Messages are transport bytes: nothing is read here. */
#include "base/alloc.h"
#include "control/api.h"
#include "control/web_internal.h"
#include "net/net_ws.h"

struct web_sip {
    struct web_socket base;
    uint64_t number;
    struct http_ws *ws;
    struct net_ws_peer *peer;
};

static void refuse(struct api_call *call, uint16_t status, const char *detail, const char *headers)
{
    struct api_problem problem = {.status = status, .detail = detail, .headers = headers};

    api_answer_problem(call->web, call->ticket, &problem);
}

static bool offers_sip(const struct http_head *head)
{
    struct sr_str list = http_head_find(head, "sec-websocket-protocol"), name;

    while (sr_str_split(&list, ',', &name)) {
        if (sr_str_ieq_c(sr_str_trim(name), "sip"))
            return true;
    }
    return false;
}

void api_sip(struct api_call *call)
{
    struct web *web = call->web;
    bool is_tls = http_request_is_tls(call->http);
    struct net_flow flow = {.kind = is_tls ? NET_WSS : NET_WS,
                            .remote = *http_request_peer(call->http)};
    struct web_sip *sip;

    if (!http_request_is_websocket(call->http)) {
        refuse(call, 426, "this is a WebSocket", "Upgrade: websocket\r\n");
        return;
    }
    /* SIP digest says who it is; the Origin keeps other sites' pages from trying passwords */
    if (!auth_origin_is_ours(web->config, call->head, is_tls)) {
        refuse(call, 403, "this Origin may not open SIP sockets; see server.allowedOrigins", NULL);
        return;
    }
    if (!offers_sip(call->head)) {
        refuse(call, 400, "the subprotocol here is sip (RFC 7118)", NULL);
        return;
    }
    if (web->options.sip == NULL) {
        refuse(call, 503, "SIP is not running", NULL);
        return;
    }
    http_request_local(call->http, &flow.local);
    sip = sr_zalloc(1, sizeof(*sip));
    sip->base.kind = WEB_SOCKET_SIP;
    sip->ws = http_upgrade(call->http, "sip", sip);
    if (sip->ws == NULL) { /* answered */
        sr_free(sip);
        return;
    }
    http_ws_take_binary(sip->ws);
    sip->number = ++web->next_socket;
    sip->peer = net_ws_opened(web->options.sip, sip->number, &flow);
    (void)sr_map64_put(&web->sip_sockets, sip->number, sip);
}

void web_sip_message(struct web *web, struct web_socket *socket, struct sr_str bytes)
{
    struct web_sip *sip = SR_CONTAINER(socket, struct web_sip, base);

    (void)web;
    if (net_ws_message(sip->peer, bytes) != SR_OK)
        http_ws_close(sip->ws, HTTP_WS_TRY_LATER, "too many messages wait");
}

void web_sip_closed(struct web *web, struct web_socket *socket)
{
    struct web_sip *sip = SR_CONTAINER(socket, struct web_sip, base);

    (void)sr_map64_remove(&web->sip_sockets, sip->number);
    net_ws_closed(sip->peer);
    sr_free(sip);
}

static void obey(struct web *web, const struct net_ws_order *order)
{
    struct web_sip *sip = sr_map64_find(&web->sip_sockets, order->number);

    if (sip == NULL)
        return; /* it has gone meanwhile */
    if (order->is_close)
        http_ws_close(sip->ws, order->is_busy ? HTTP_WS_TRY_LATER : HTTP_WS_NORMAL,
                      order->is_busy ? "the router is busy" : "");
    else if (sr_utf8_is_valid(order->bytes))
        (void)http_ws_send(sip->ws, order->bytes);
    else
        (void)http_ws_send_binary(sip->ws, order->bytes);
}

void web_sip_turn(struct web *web)
{
    struct net_ws_order *order;

    while (web->options.sip != NULL && (order = net_ws_next(web->options.sip)) != NULL) {
        obey(web, order);
        sr_free(order);
    }
}
