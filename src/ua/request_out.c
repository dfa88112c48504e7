/* Requests of ours inside a dialog. */
#include "base/alloc.h"
#include "ua/provider_internal.h"

void ua__branch(struct ua *ua, char out[UA_TOKEN_MAX])
{
    char token[UA_TOKEN_MAX];
    struct sr_buf buf;

    ua__token(ua, 12, token);
    sr_buf_init_fixed(&buf, out, UA_TOKEN_MAX);
    sr_buf_fmt(&buf, "z9hG4bK%s", token);
    (void)sr_buf_cstr(&buf);
}

void ua__via_text(struct ua *ua, struct sr_buf *buf, const struct net_flow *flow,
                  struct sr_str branch, sr_id provider_id)
{
    struct provider *provider = provider__get(ua, provider_id);
    struct sr_addr own =
        provider != NULL ? provider__own_addr(provider, flow) : ua__own_addr(ua, flow);
    bool is_rport_wanted = !net_kind_is_stream(flow->kind) || provider != NULL;
    char host[SR_ADDR_TEXT_MAX];

    own.scope = 0; /* our interface number means nothing to others */
    sr_buf_fmt(buf, "SIP/2.0/%s %s:%u;branch=%.*s%s", sip_transport_name(ua__transport(flow->kind)),
               sr_addr_host_text(&own, host), (unsigned)own.port, SR_STR_ARG(branch),
               is_rport_wanted ? ";rport" : "");
}

void ua__via(struct ua *ua, struct sip_build *build, const struct net_flow *flow,
             struct sr_str branch, sr_id provider_id)
{
    char array[256];
    struct sr_buf buf;

    sr_buf_init_fixed(&buf, array, sizeof(array));
    ua__via_text(ua, &buf, flow, branch, provider_id);
    sip_build_text(build, SIP_HDR_VIA, sr_buf_view(&buf));
}

struct sr_str ua__contact_uri(struct ua *ua, const struct net_flow *flow, sr_id provider_id,
                              char out[UA_CONTACT_TEXT_MAX])
{
    struct provider *provider = provider__get(ua, provider_id);

    return provider != NULL ? provider__own_uri(provider, flow, out) : ua__own_uri(ua, flow, out);
}

void ua__request_begin(struct ua *ua, struct sip_build *build,
                       const struct ua_dialog_request *request)
{
    const struct sip_dialog *dialog = request->dialog;
    char uri_array[SIP_URI_TEXT_MAX];
    char routes_array[SIP_DIALOG_TEXT_MAX * 2];
    char contact[UA_CONTACT_TEXT_MAX];
    struct sr_buf uri;
    struct sr_buf routes;
    struct sip_build_addr from = {.uri = sip_dialog_local_uri(dialog),
                                  .tag = sip_dialog_local_tag(dialog)};
    struct sip_build_addr to = {.uri = sip_dialog_remote_uri(dialog),
                                .tag = sip_dialog_remote_tag(dialog)};

    sr_buf_init_fixed(&uri, uri_array, sizeof(uri_array));
    sr_buf_init_fixed(&routes, routes_array, sizeof(routes_array));
    sr_buf_clear(&ua->out);
    sip_build_init(build, &ua->out);
    if (sip_dialog_write_route(dialog, &uri, &routes) != SR_OK)
        build->is_failed = true;
    sip_build_request(build, request->method, sr_buf_view(&uri));
    ua__via(ua, build, request->flow, request->branch, request->provider);
    if (routes.len > 0)
        sip_build_text(build, SIP_HDR_ROUTE, sr_buf_view(&routes));
    sip_build_uint(build, SIP_HDR_MAX_FORWARDS, 70);
    sip_build_addr(build, SIP_HDR_FROM, &from);
    sip_build_addr(build, SIP_HDR_TO, &to);
    sip_build_text(build, SIP_HDR_CALL_ID, sip_dialog_call_id(dialog));
    sip_build_cseq(build, request->cseq, sr_str_c(sip_method_name(request->method)));
    if (request->with_contact)
        sip_build_fmt(build, SIP_HDR_CONTACT, "<%.*s>",
                      SR_STR_ARG(ua__contact_uri(ua, request->flow, request->provider, contact)));
    sip_build_c(build, SIP_HDR_USER_AGENT, ua->user_agent);
}

void ua__send_bye(struct ua *ua, struct sip_dialog *dialog, const struct ua_bye *bye)
{
    char branch[UA_TOKEN_MAX];
    struct ua_dialog_request request = {
        .dialog = dialog, .flow = bye->flow, .method = SIP_METHOD_BYE, .provider = bye->provider};
    struct client_txn_options options = {.method = SIP_METHOD_BYE,
                                         .flow = bye->flow,
                                         .cookies = bye->cookies,
                                         .provider = bye->provider};
    struct sip_build build;

    ua__branch(ua, branch);
    request.branch = sr_str_c(branch);
    request.cseq = sip_dialog_next_cseq(dialog);
    options.branch = request.branch;
    ua__request_begin(ua, &build, &request);
    if (bye->status != 0)
        sip_build_reason(&build, "SIP", bye->status, bye->reason);
    if (sip_build_end(&build, SR_STR(""), SR_STR("")) == SR_OK)
        (void)client_txn__new(ua, &options); /* none left: the peer's own timers end it */
}
