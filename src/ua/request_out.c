/* Requests of ours inside a dialog. */
#include "base/alloc.h"
#include "ua/internal.h"

void ua__branch(struct ua *ua, char out[UA_TOKEN_MAX])
{
    char token[UA_TOKEN_MAX];
    struct sr_buf buf;

    ua__token(ua, 12, token);
    sr_buf_init_fixed(&buf, out, UA_TOKEN_MAX);
    sr_buf_fmt(&buf, "z9hG4bK%s", token);
    (void)sr_buf_cstr(&buf);
}

void ua__via(struct ua *ua, struct sip_build *build, const struct net_flow *flow,
             struct sr_str branch)
{
    struct sr_addr own = ua__own_addr(ua, flow);
    char text[SR_ADDR_TEXT_MAX];
    struct sip_build_via via = {
        .transport = ua__transport(flow->kind),
        .port = own.port,
        .branch = branch,
        .rport_wanted = !net_kind_is_stream(flow->kind),
    };

    own.scope = 0; /* our interface number means nothing to others */
    via.host = sr_str_c(sr_addr_ip_text(&own, text));
    sip_build_via(build, &via);
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
    ua__via(ua, build, request->flow, request->branch);
    if (routes.len > 0)
        sip_build_text(build, SIP_HDR_ROUTE, sr_buf_view(&routes));
    sip_build_uint(build, SIP_HDR_MAX_FORWARDS, 70);
    sip_build_addr(build, SIP_HDR_FROM, &from);
    sip_build_addr(build, SIP_HDR_TO, &to);
    sip_build_text(build, SIP_HDR_CALL_ID, sip_dialog_call_id(dialog));
    sip_build_cseq(build, request->cseq, sr_str_c(sip_method_name(request->method)));
    if (request->with_contact)
        sip_build_fmt(build, SIP_HDR_CONTACT, "<%.*s>",
                      SR_STR_ARG(ua__own_uri(ua, request->flow, contact)));
    sip_build_c(build, SIP_HDR_USER_AGENT, ua->user_agent);
}

void ua__send_bye(struct ua *ua, struct sip_dialog *dialog, const struct net_flow *flow,
                  const struct ua_cookies *cookies, uint16_t status, struct sr_str reason)
{
    char branch[UA_TOKEN_MAX];
    struct ua_dialog_request request = {.dialog = dialog, .flow = flow, .method = SIP_METHOD_BYE};
    struct client_txn_options options = {
        .method = SIP_METHOD_BYE, .flow = flow, .cookies = *cookies};
    struct sip_build build;

    ua__branch(ua, branch);
    request.branch = sr_str_c(branch);
    request.cseq = sip_dialog_next_cseq(dialog);
    options.branch = request.branch;
    ua__request_begin(ua, &build, &request);
    if (status != 0)
        sip_build_reason(&build, "SIP", status, reason);
    if (sip_build_end(&build, SR_STR(""), SR_STR("")) == SR_OK)
        (void)client_txn__new(ua, &options); /* none left: the peer's own timers end it */
}
