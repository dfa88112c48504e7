/* Dialogs: ids, route sets, sequence numbers, strict and loose routing, keys. */
#include "sip/dialog.h"

#include "machines.h"

struct parsed {
    struct sip_msg msg;
    struct sip_header slots[32];
};

static struct sip_msg *parse(struct parsed *parsed, const char *text)
{
    assert_int_equal(sip_msg_parse(sr_str_c(text), parsed->slots, 32, &parsed->msg, NULL), SR_OK);
    return &parsed->msg;
}

#define INVITE(tag, extra)                                                                         \
    "INVITE sip:bob@192.0.2.4 SIP/2.0\r\nVia: SIP/2.0/UDP pc33.example.com;branch=z9hG4bK77\r\n"   \
    "Max-Forwards: 70\r\nFrom: Alice <sip:alice@example.com>;tag=" tag "\r\n"                      \
    "To: Bob <sip:bob@example.com>\r\nCall-ID: a84b4c76e66710\r\nCSeq: 314159 INVITE\r\n"          \
    "Contact: <sip:alice@pc33.example.com>\r\n" extra "Content-Length: 0\r\n\r\n"

#define RESPONSE(line, tag, extra)                                                                 \
    "SIP/2.0 " line "\r\nVia: SIP/2.0/UDP pc33.example.com;branch=z9hG4bK77\r\n"                   \
    "From: Alice <sip:alice@example.com>;tag=1928\r\nTo: Bob <sip:bob@example.com>" tag "\r\n"     \
    "Call-ID: a84b4c76e66710\r\nCSeq: 314159 INVITE\r\n" extra "Content-Length: 0\r\n\r\n"

#define REQUEST(cseq, extra)                                                                       \
    "BYE sip:bob@192.0.2.4 SIP/2.0\r\nVia: SIP/2.0/UDP pc33.example.com;branch=z9hG4bK78\r\n"      \
    "From: <sip:alice@example.com>;tag=1928\r\nTo: <sip:bob@example.com>;tag=314\r\n"              \
    "Call-ID: a84b4c76e66710\r\nCSeq: " cseq "\r\n" extra "Content-Length: 0\r\n\r\n"

static void assert_route(const struct sip_dialog *dialog, const char *uri, const char *routes)
{
    char a[512];
    char b[2048];
    struct sr_buf uri_buf;
    struct sr_buf route_buf;
    sr_buf_init_fixed(&uri_buf, a, sizeof(a));
    sr_buf_init_fixed(&route_buf, b, sizeof(b));
    assert_int_equal(sip_dialog_write_route(dialog, &uri_buf, &route_buf), SR_OK);
    assert_true(sr_str_eq_c(sr_buf_view(&uri_buf), uri));
    assert_true(sr_str_eq_c(sr_buf_view(&route_buf), routes));
}

static void called_side_keeps_the_order_of_routes(void **state)
{
    (void)state;
    struct parsed parsed;
    struct sip_dialog dialog;
    struct sip_msg *invite =
        parse(&parsed, INVITE("1928", "Record-Route: <sip:p2;lr>,\r\n"
                                      " <sip:p1;lr>\r\nRecord-Route: <sip:p0;lr>\r\n"));
    assert_int_equal(sip_dialog_init_uas(&dialog, invite, SR_STR("314")), SR_OK);
    assert_int_equal(dialog.state, SIP_DIALOG_EARLY);
    assert_true(sip_dialog_is(&dialog, SR_STR("a84b4c76e66710"), SR_STR("314"), SR_STR("1928")));
    assert_false(sip_dialog_is(&dialog, SR_STR("a84b4c76e66710"), SR_STR("1928"), SR_STR("314")));
    assert_route(&dialog, "sip:alice@pc33.example.com", "<sip:p2;lr>, <sip:p1;lr>, <sip:p0;lr>");
    assert_true(sr_str_eq_c(sip_dialog_next_hop(&dialog), "sip:p2;lr"));
    assert_true(sr_str_eq_c(sip_dialog_local_uri(&dialog), "sip:bob@example.com"));
    assert_int_equal(sip_dialog_confirm(&dialog, NULL), SR_OK);
    assert_int_equal(dialog.state, SIP_DIALOG_CONFIRMED);
    assert_int_equal(sip_dialog_next_cseq(&dialog), 1);
}

static void calling_side_turns_routes_round_and_takes_them_anew_at_the_2xx(void **state)
{
    (void)state;
    struct parsed parsed;
    struct sip_dialog dialog;
    struct sip_msg *msg = parse(
        &parsed, RESPONSE("180 Ringing", ";tag=314", "Record-Route: <sip:p2;lr>, <sip:p1;lr>\r\n"));
    assert_int_equal(sip_dialog_init_uac(&dialog, msg, false), SR_OK);
    assert_int_equal(dialog.state, SIP_DIALOG_EARLY);
    /* without a Contact the peer's URI serves */
    assert_route(&dialog, "sip:bob@example.com", "<sip:p1;lr>, <sip:p2;lr>");
    msg = parse(&parsed, RESPONSE("200 OK", ";tag=314", "Contact: <sip:bob@192.0.2.4>\r\n"));
    assert_int_equal(sip_dialog_confirm(&dialog, msg), SR_OK);
    assert_route(&dialog, "sip:bob@192.0.2.4", "");
    assert_int_equal(sip_dialog_next_cseq(&dialog), 314160);
    msg = parse(&parsed, RESPONSE("180 Ringing", "", "Contact: <sip:bob@192.0.2.4>\r\n"));
    assert_int_equal(sip_dialog_init_uac(&dialog, msg, false), SR_ERR_SYNTAX);
    msg = parse(&parsed, RESPONSE("200 OK", ";tag=1", ""));
    assert_int_equal(sip_dialog_init_uac(&dialog, msg, false), SR_ERR_SYNTAX);
}

static void forks_differ_by_remote_tag(void **state)
{
    (void)state;
    struct parsed parsed;
    struct sip_dialog one;
    struct sip_txn_key a;
    struct sip_txn_key b;
    struct sip_msg *msg = parse(&parsed, RESPONSE("180 Ringing", ";tag=one", ""));
    assert_int_equal(sip_dialog_init_uac(&one, msg, false), SR_OK);
    assert_int_equal(sip_dialog_key_of(msg, &a), SR_OK);
    msg = parse(&parsed, RESPONSE("180 Ringing", ";tag=two", ""));
    assert_int_equal(sip_dialog_key_of(msg, &b), SR_OK);
    assert_false(sr_str_eq(sip_txn_key_view(&a), sip_txn_key_view(&b)));
    assert_false(
        sip_dialog_is(&one, sip_msg_call_id(msg), sip_msg_from(msg)->tag, sip_msg_to(msg)->tag));
    sip_dialog_key(sip_dialog_call_id(&one), sip_dialog_local_tag(&one),
                   sip_dialog_remote_tag(&one), &b);
    assert_true(sr_str_eq(sip_txn_key_view(&a), sip_txn_key_view(&b)));
}

static void strict_routers_are_obeyed(void **state)
{
    (void)state;
    struct parsed parsed;
    struct sip_dialog dialog;
    struct sip_msg *msg =
        parse(&parsed, INVITE("1", "Record-Route: <sip:p2?x=y>, <sip:p1;lr>\r\n"));
    assert_int_equal(sip_dialog_init_uas(&dialog, msg, SR_STR("3")), SR_OK);
    assert_route(&dialog, "sip:p2", "<sip:p1;lr>, <sip:alice@pc33.example.com>");
    msg = parse(&parsed, INVITE("1", "Record-Route: <sip:p2>\r\n"));
    assert_int_equal(sip_dialog_init_uas(&dialog, msg, SR_STR("3")), SR_OK);
    assert_route(&dialog, "sip:p2", "<sip:alice@pc33.example.com>");
}

static void sequence_numbers_must_rise(void **state)
{
    (void)state;
    struct parsed parsed;
    struct sip_dialog dialog;
    struct sip_msg *msg = parse(&parsed, INVITE("1928", ""));
    assert_int_equal(sip_dialog_init_uas(&dialog, msg, SR_STR("314")), SR_OK);
    static const struct {
        const char *text;
        enum sr_err err;
    } rows[] = {
        {REQUEST("314158 BYE", ""), SR_ERR_PROTO}, {REQUEST("314159 BYE", ""), SR_ERR_PROTO},
        {REQUEST("314160 INFO", ""), SR_OK},       {REQUEST("314160 INFO", ""), SR_ERR_PROTO},
        {REQUEST("314159 ACK", ""), SR_OK},        {REQUEST("314170 BYE", ""), SR_OK},
    };
    for (size_t i = 0; i < SR_ARRAY_LEN(rows); i++)
        assert_int_equal(sip_dialog_on_request(&dialog, parse(&parsed, rows[i].text)), rows[i].err);
    sip_dialog_end(&dialog);
    msg = parse(&parsed, REQUEST("314180 BYE", ""));
    assert_int_equal(sip_dialog_on_request(&dialog, msg), SR_ERR_STATE);
}

static void target_refresh_replaces_the_contact_only(void **state)
{
    (void)state;
    struct parsed parsed;
    struct sip_dialog dialog;
    struct sip_msg *msg = parse(&parsed, INVITE("1928", "Record-Route: <sip:p1;lr>\r\n"));
    assert_int_equal(sip_dialog_init_uas(&dialog, msg, SR_STR("314")), SR_OK);
    msg = parse(&parsed, REQUEST("314160 UPDATE", "Contact: <sip:alice@new.example.com:5070>\r\n"));
    assert_int_equal(sip_dialog_refresh_target(&dialog, msg), SR_OK);
    assert_route(&dialog, "sip:alice@new.example.com:5070", "<sip:p1;lr>");
    msg = parse(&parsed, REQUEST("314161 UPDATE", ""));
    assert_int_equal(sip_dialog_refresh_target(&dialog, msg), SR_OK);
    assert_true(sr_str_eq_c(sip_dialog_target(&dialog), "sip:alice@new.example.com:5070"));
    assert_true(sr_str_eq_c(sip_dialog_call_id(&dialog), "a84b4c76e66710"));
}

static void too_much_text_is_refused(void **state)
{
    (void)state;
    struct parsed parsed;
    struct sip_dialog dialog;
    static char text[8192];
    struct sr_buf buf;
    sr_buf_init_fixed(&buf, text, sizeof(text) - 1);
    sr_buf_c(
        &buf,
        "INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK7\r\nFrom: <sip:a@h>;tag=");
    for (int i = 0; i < 3000; i++)
        sr_buf_char(&buf, 'x');
    sr_buf_c(
        &buf,
        "\r\nTo: <sip:b@h>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n"
        "Contact: <sip:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@hhhhhh>\r\n\r\n");
    text[buf.len] = '\0';
    assert_int_equal(sip_dialog_init_uas(&dialog, parse(&parsed, text), SR_STR("3")), SR_ERR_LIMIT);
}

static void keys_come_from_messages(void **state)
{
    (void)state;
    struct parsed one;
    struct parsed two;
    struct sip_txn_key a;
    struct sip_txn_key b;
    parse(&one, INVITE("1928", ""));
    parse(&two, RESPONSE("200 OK", ";tag=1", ""));
    assert_int_equal(sip_txn_key_of_response(&two.msg, &a), SR_OK);
    sip_txn_key_client(SR_STR("z9hG4bK77"), SR_STR("INVITE"), &b);
    assert_true(sr_str_eq(sip_txn_key_view(&a), sip_txn_key_view(&b)));
    assert_int_equal(sip_txn_key_of_request(&one.msg, &a), SR_OK);
    struct sip_txn_key_parts parts = {
        .branch = SR_STR("z9hG4bK77"), .host = SR_STR("PC33.example.com"), .method = SR_STR("ACK")};
    sip_txn_key_server(&parts, &b);
    assert_true(sr_str_eq(sip_txn_key_view(&a), sip_txn_key_view(&b)));
    assert_int_equal(sip_txn_key_merged(&one.msg, &a), SR_OK);
    parse(&two, INVITE("1929", ""));
    assert_int_equal(sip_txn_key_merged(&two.msg, &b), SR_OK);
    assert_false(sr_str_eq(sip_txn_key_view(&a), sip_txn_key_view(&b)));
}

int run_dialog_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(called_side_keeps_the_order_of_routes),
        cmocka_unit_test(calling_side_turns_routes_round_and_takes_them_anew_at_the_2xx),
        cmocka_unit_test(forks_differ_by_remote_tag),
        cmocka_unit_test(strict_routers_are_obeyed),
        cmocka_unit_test(sequence_numbers_must_rise),
        cmocka_unit_test(target_refresh_replaces_the_contact_only),
        cmocka_unit_test(too_much_text_is_refused),
        cmocka_unit_test(keys_come_from_messages),
    };
    return cmocka_run_group_tests_name("dialog", tests, NULL, NULL);
}
