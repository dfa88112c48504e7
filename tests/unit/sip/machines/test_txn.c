/* Transaction machines in virtual time: every instant is exact. */
#include "sip/txn.h"

#include "machines.h"

static struct sip_txn_step step;

static bool step_is(int count, enum sip_txn_do first, enum sip_txn_do second)
{
    return step.todo_count == count && (count < 1 || step.todo[0] == first) &&
           (count < 2 || step.todo[1] == second);
}

#define NONE SIP_TXN_DO_SEND /* filler for steps with fewer orders */

/* Runs timers until nothing is left, noting when SEND was ordered (ms). @return number of sends */
static size_t run_out(struct sip_txn *txn, sr_usec *now, sr_usec *sends_ms, size_t max,
                      enum sip_txn_do *ret_first_of_last)
{
    size_t count = 0;
    while (sip_txn_deadline(txn) != SR_NEVER) {
        sr_usec before = sip_txn_deadline(txn) - 1;
        sip_txn_on_deadline(txn, before, &step);
        assert_int_equal(step.todo_count, 0); /* a microsecond early does nothing */
        *now = sip_txn_deadline(txn);
        sip_txn_on_deadline(txn, *now, &step);
        for (int i = 0; i < step.todo_count; i++)
            if (step.todo[i] == SIP_TXN_DO_SEND && count < max)
                sends_ms[count++] = *now / SR_MSEC;
        if (step.todo_count)
            *ret_first_of_last = step.todo[0];
    }
    return count;
}

static void unanswered_invite_is_sent_seven_times_and_gives_up_after_64_t1(void **state)
{
    (void)state;
    static const sr_usec expected[] = {500, 1500, 3500, 7500, 15500, 31500};
    struct sip_txn txn;
    sr_usec sends[20];
    sr_usec now = 0;
    enum sip_txn_do last = SIP_TXN_DO_SEND;
    sip_txn_start(&txn, SIP_TXN_INVITE_CLIENT, false, NULL, 0, &step);
    assert_true(step_is(1, SIP_TXN_DO_SEND, NONE));
    assert_int_equal(run_out(&txn, &now, sends, 20, &last), 6);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(sends[i], expected[i]);
    assert_int_equal(now, 32 * SR_SEC);
    assert_int_equal(last, SIP_TXN_DO_TELL_TIMEOUT);
    assert_int_equal(txn.state, SIP_TXN_TERMINATED);
}

static void reliable_invite_is_sent_once(void **state)
{
    (void)state;
    struct sip_txn txn;
    sr_usec sends[20];
    sr_usec now = 0;
    enum sip_txn_do last = SIP_TXN_DO_SEND;
    sip_txn_start(&txn, SIP_TXN_INVITE_CLIENT, true, NULL, 0, &step);
    assert_int_equal(run_out(&txn, &now, sends, 20, &last), 0);
    assert_int_equal(now, 32 * SR_SEC);
    assert_int_equal(last, SIP_TXN_DO_TELL_TIMEOUT);
}

static void silent_options_is_sent_eleven_times(void **state)
{
    (void)state;
    static const sr_usec expected[] = {500,   1500,  3500,  7500,  11500,
                                       15500, 19500, 23500, 27500, 31500};
    struct sip_txn txn;
    sr_usec sends[20];
    sr_usec now = 0;
    enum sip_txn_do last = SIP_TXN_DO_SEND;
    sip_txn_start(&txn, SIP_TXN_CLIENT, false, NULL, 0, &step);
    assert_int_equal(run_out(&txn, &now, sends, 20, &last), 10);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(sends[i], expected[i]);
    assert_int_equal(now, 32 * SR_SEC);
    assert_int_equal(last, SIP_TXN_DO_TELL_TIMEOUT);
}

static void provisional_stretches_timer_e_to_t2(void **state)
{
    (void)state;
    struct sip_txn txn;
    sip_txn_start(&txn, SIP_TXN_CLIENT, false, NULL, 0, &step);
    sip_txn_on_response(&txn, 100, 100 * SR_MSEC, &step);
    assert_true(step_is(1, SIP_TXN_DO_TELL_RESPONSE, NONE));
    assert_int_equal(sip_txn_deadline(&txn), 500 * SR_MSEC);
    sip_txn_on_deadline(&txn, 500 * SR_MSEC, &step);
    assert_int_equal(sip_txn_deadline(&txn), 4500 * SR_MSEC);
    sip_txn_on_response(&txn, 200, SR_SEC, &step);
    assert_true(step_is(1, SIP_TXN_DO_TELL_RESPONSE, NONE));
    assert_int_equal(sip_txn_deadline(&txn), 6 * SR_SEC); /* K = T4 */
    sip_txn_on_response(&txn, 200, 2 * SR_SEC, &step);
    assert_int_equal(step.todo_count, 0); /* a repeated final is absorbed */
    sip_txn_on_deadline(&txn, 6 * SR_SEC, &step);
    assert_true(step_is(1, SIP_TXN_DO_FREE, NONE));
}

static void reliable_client_ends_with_its_final_response(void **state)
{
    (void)state;
    struct sip_txn txn;
    sip_txn_start(&txn, SIP_TXN_CLIENT, true, NULL, 0, &step);
    sip_txn_on_response(&txn, 200, SR_SEC, &step);
    assert_true(step_is(2, SIP_TXN_DO_TELL_RESPONSE, SIP_TXN_DO_FREE));
    sip_txn_start(&txn, SIP_TXN_INVITE_CLIENT, true, NULL, 0, &step);
    sip_txn_on_response(&txn, 486, SR_SEC, &step);
    assert_int_equal(step.todo_count, 3);
    assert_int_equal(step.todo[0], SIP_TXN_DO_SEND_ACK);
    assert_int_equal(step.todo[1], SIP_TXN_DO_TELL_RESPONSE);
    assert_int_equal(step.todo[2], SIP_TXN_DO_FREE);
}

static void refused_invite_acknowledges_each_repetition_for_timer_d(void **state)
{
    (void)state;
    struct sip_txn txn;
    sip_txn_start(&txn, SIP_TXN_INVITE_CLIENT, false, NULL, 0, &step);
    sip_txn_on_response(&txn, 180, SR_SEC, &step);
    assert_int_equal(sip_txn_deadline(&txn), SR_NEVER); /* ringing has no limit here */
    sip_txn_on_response(&txn, 486, 10 * SR_SEC, &step);
    assert_true(step_is(2, SIP_TXN_DO_SEND_ACK, SIP_TXN_DO_TELL_RESPONSE));
    sip_txn_on_response(&txn, 486, 11 * SR_SEC, &step);
    assert_true(step_is(1, SIP_TXN_DO_SEND_ACK, NONE));
    sip_txn_on_response(&txn, 200, 11 * SR_SEC, &step);
    assert_int_equal(step.todo_count, 0);
    assert_int_equal(sip_txn_deadline(&txn), 42 * SR_SEC);
    sip_txn_on_deadline(&txn, 42 * SR_SEC, &step);
    assert_true(step_is(1, SIP_TXN_DO_FREE, NONE));
}

static void accepted_invite_passes_every_2xx_for_timer_m(void **state)
{
    (void)state;
    for (int reliable = 0; reliable < 2; reliable++) {
        struct sip_txn txn;
        sip_txn_start(&txn, SIP_TXN_INVITE_CLIENT, reliable, NULL, 0, &step);
        sip_txn_on_response(&txn, 200, SR_SEC, &step);
        assert_true(step_is(1, SIP_TXN_DO_TELL_RESPONSE, NONE));
        assert_int_equal(txn.state, SIP_TXN_ACCEPTED);
        sip_txn_on_response(&txn, 200, 2 * SR_SEC, &step);
        assert_true(step_is(1, SIP_TXN_DO_TELL_RESPONSE, NONE));
        sip_txn_on_response(&txn, 486, 2 * SR_SEC, &step);
        assert_int_equal(step.todo_count, 0);
        assert_int_equal(sip_txn_deadline(&txn), 33 * SR_SEC);
    }
}

static void cancelled_invite_without_final_response_ends_after_64_t1(void **state)
{
    (void)state;
    struct sip_txn txn;
    sip_txn_start(&txn, SIP_TXN_INVITE_CLIENT, false, NULL, 0, &step);
    assert_false(sip_txn_may_cancel(&txn));
    sip_txn_on_response(&txn, 100, SR_SEC, &step);
    assert_true(sip_txn_may_cancel(&txn));
    sip_txn_on_cancel_sent(&txn, 5 * SR_SEC);
    sip_txn_on_response(&txn, 180, 6 * SR_SEC, &step);
    assert_int_equal(sip_txn_deadline(&txn), 37 * SR_SEC);
    sip_txn_on_deadline(&txn, 37 * SR_SEC, &step);
    assert_true(step_is(2, SIP_TXN_DO_TELL_TIMEOUT, SIP_TXN_DO_FREE));
}

static void invite_server_says_100_after_200_ms(void **state)
{
    (void)state;
    struct sip_txn txn;
    sip_txn_start(&txn, SIP_TXN_INVITE_SERVER, false, NULL, 0, &step);
    assert_true(step_is(1, SIP_TXN_DO_TELL_REQUEST, NONE));
    assert_int_equal(sip_txn_deadline(&txn), 200 * SR_MSEC);
    sip_txn_on_deadline(&txn, 200 * SR_MSEC, &step);
    assert_true(step_is(1, SIP_TXN_DO_SEND_TRYING, NONE));
    sip_txn_on_request(&txn, false, 500 * SR_MSEC, &step);
    assert_true(step_is(1, SIP_TXN_DO_SEND, NONE));
    assert_int_equal(sip_txn_respond(&txn, 180, SR_SEC, &step), SR_OK);
    assert_true(step_is(1, SIP_TXN_DO_SEND, NONE));
    assert_int_equal(sip_txn_deadline(&txn), SR_NEVER);
}

static void unacknowledged_refusal_repeats_up_to_t2_and_times_out(void **state)
{
    (void)state;
    static const sr_usec expected[] = {500,   1500,  3500,  7500,  11500,
                                       15500, 19500, 23500, 27500, 31500};
    struct sip_txn txn;
    sr_usec sends[20];
    sr_usec now = 0;
    enum sip_txn_do last = SIP_TXN_DO_SEND;
    sip_txn_start(&txn, SIP_TXN_INVITE_SERVER, false, NULL, 0, &step);
    assert_int_equal(sip_txn_respond(&txn, 486, 0, &step), SR_OK);
    assert_int_equal(sip_txn_respond(&txn, 486, 0, &step), SR_ERR_STATE);
    assert_int_equal(run_out(&txn, &now, sends, 20, &last), 10);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(sends[i], expected[i]);
    assert_int_equal(now, 32 * SR_SEC);
    assert_int_equal(last, SIP_TXN_DO_TELL_TIMEOUT);
}

static void ack_of_a_refusal_is_absorbed_for_timer_i(void **state)
{
    (void)state;
    struct sip_txn txn;
    sip_txn_start(&txn, SIP_TXN_INVITE_SERVER, false, NULL, 0, &step);
    assert_int_equal(sip_txn_respond(&txn, 404, 0, &step), SR_OK);
    sip_txn_on_request(&txn, true, SR_SEC, &step);
    assert_int_equal(step.todo_count, 0);
    assert_int_equal(txn.state, SIP_TXN_CONFIRMED);
    assert_int_equal(sip_txn_deadline(&txn), 6 * SR_SEC);
    sip_txn_on_request(&txn, true, 2 * SR_SEC, &step);
    sip_txn_on_request(&txn, false, 2 * SR_SEC, &step);
    assert_int_equal(step.todo_count, 0);
    sip_txn_on_deadline(&txn, 6 * SR_SEC, &step);
    assert_true(step_is(1, SIP_TXN_DO_FREE, NONE));
    /* over TCP it ends at once */
    sip_txn_start(&txn, SIP_TXN_INVITE_SERVER, true, NULL, 0, &step);
    assert_int_equal(sip_txn_respond(&txn, 404, 0, &step), SR_OK);
    assert_int_equal(sip_txn_deadline(&txn), 32 * SR_SEC); /* H, nothing repeated */
    sip_txn_on_request(&txn, true, SR_SEC, &step);
    assert_true(step_is(1, SIP_TXN_DO_FREE, NONE));
}

static void accepted_server_absorbs_invites_and_passes_acks_for_timer_l(void **state)
{
    (void)state;
    struct sip_txn txn;
    sip_txn_start(&txn, SIP_TXN_INVITE_SERVER, false, NULL, 0, &step);
    assert_int_equal(sip_txn_respond(&txn, 200, SR_SEC, &step), SR_OK);
    sip_txn_on_request(&txn, false, 2 * SR_SEC, &step);
    assert_int_equal(step.todo_count, 0);
    sip_txn_on_request(&txn, true, 2 * SR_SEC, &step);
    assert_true(step_is(1, SIP_TXN_DO_TELL_ACK, NONE));
    assert_int_equal(sip_txn_respond(&txn, 200, 3 * SR_SEC, &step),
                     SR_OK); /* repeated by the user */
    assert_true(step_is(1, SIP_TXN_DO_SEND, NONE));
    assert_int_equal(sip_txn_respond(&txn, 486, 3 * SR_SEC, &step), SR_ERR_STATE);
    sip_txn_on_transport_error(&txn, 3 * SR_SEC, &step);
    assert_true(step_is(1, SIP_TXN_DO_TELL_TRANSPORT, NONE)); /* stays: RFC 6026 */
    assert_int_equal(sip_txn_deadline(&txn), 33 * SR_SEC);
    sip_txn_on_deadline(&txn, 33 * SR_SEC, &step);
    assert_true(step_is(1, SIP_TXN_DO_FREE, NONE));
}

static void server_repeats_its_final_response_for_timer_j(void **state)
{
    (void)state;
    struct sip_txn txn;
    sip_txn_start(&txn, SIP_TXN_SERVER, false, NULL, 0, &step);
    sip_txn_on_request(&txn, false, 0, &step);
    assert_int_equal(step.todo_count, 0); /* trying: nothing to repeat yet */
    assert_int_equal(sip_txn_respond(&txn, 200, SR_SEC, &step), SR_OK);
    sip_txn_on_request(&txn, false, 2 * SR_SEC, &step);
    assert_true(step_is(1, SIP_TXN_DO_SEND, NONE));
    assert_int_equal(sip_txn_deadline(&txn), 33 * SR_SEC);
    sip_txn_start(&txn, SIP_TXN_SERVER, true, NULL, 0, &step);
    assert_int_equal(sip_txn_respond(&txn, 200, SR_SEC, &step), SR_OK);
    assert_true(step_is(2, SIP_TXN_DO_SEND, SIP_TXN_DO_FREE));
}

static void late_loop_does_not_burst(void **state)
{
    (void)state;
    struct sip_txn txn;
    sip_txn_start(&txn, SIP_TXN_CLIENT, false, NULL, 0, &step);
    sip_txn_on_deadline(&txn, 20 * SR_SEC, &step);
    assert_true(step_is(1, SIP_TXN_DO_SEND, NONE));
    assert_true(sip_txn_deadline(&txn) > 20 * SR_SEC);
}

static void client_transport_error_ends_it(void **state)
{
    (void)state;
    struct sip_txn txn;
    sip_txn_start(&txn, SIP_TXN_INVITE_CLIENT, true, NULL, 0, &step);
    sip_txn_on_transport_error(&txn, 1, &step);
    assert_true(step_is(2, SIP_TXN_DO_TELL_TRANSPORT, SIP_TXN_DO_FREE));
    sip_txn_on_transport_error(&txn, 1, &step);
    assert_int_equal(step.todo_count, 0);
}

/* Any order of events keeps the machine bounded and FREE last and only once. */
static void random_events_keep_the_order_of_steps(void **state)
{
    (void)state;
    uint64_t seed = 12345;
    for (int run = 0; run < 20000; run++) {
        struct sip_txn txn;
        sr_usec now = 0;
        enum sip_txn_kind kind = (enum sip_txn_kind)(run % 4);
        int frees = 0;
        sip_txn_start(&txn, kind, run / 4 % 2, NULL, now, &step);
        for (int i = 0; i < 30; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            unsigned dice = (unsigned)(seed >> 33);
            unsigned status = 100 + dice / 8 % 600;
            step.todo_count = 0;
            now += dice % 1000 * SR_MSEC;
            switch (dice % 5) {
            case 0:
                sip_txn_on_response(&txn, status, now, &step);
                break;
            case 1:
                sip_txn_on_request(&txn, dice / 16 % 2, now, &step);
                break;
            case 2:
                if (sip_txn_respond(&txn, status, now, &step))
                    assert_int_equal(step.todo_count, 0);
                break;
            case 3:
                if (dice % 100 < 5)
                    sip_txn_on_transport_error(&txn, now, &step);
                break;
            default:
                if (sip_txn_deadline(&txn) != SR_NEVER) {
                    now = SR_MAX(now, sip_txn_deadline(&txn));
                    sip_txn_on_deadline(&txn, now, &step);
                }
            }
            assert_int_equal(frees ? step.todo_count : 0, 0);
            for (int t = 0; t < step.todo_count; t++)
                if (step.todo[t] == SIP_TXN_DO_FREE) {
                    assert_int_equal(t, step.todo_count - 1);
                    frees++;
                }
        }
        assert_int_equal(frees, txn.state == SIP_TXN_TERMINATED);
    }
}

static struct sip_txn_key_parts parts_of(const char *branch, const char *method)
{
    struct sip_txn_key_parts parts = {
        .branch = sr_str_c(branch),
        .host = SR_STR("pc33.example.com"),
        .port = 5060,
        .method = sr_str_c(method),
        .request_uri = SR_STR("sip:bob@example.com"),
        .from_tag = SR_STR("1928"),
        .call_id = SR_STR("a84b4c"),
        .cseq = 1,
        .via = SR_STR("SIP/2.0/UDP pc33.example.com"),
    };
    return parts;
}

static bool same_key(const struct sip_txn_key_parts *a, const struct sip_txn_key_parts *b)
{
    struct sip_txn_key x;
    struct sip_txn_key y;
    sip_txn_key_server(a, &x);
    sip_txn_key_server(b, &y);
    return sr_str_eq(sip_txn_key_view(&x), sip_txn_key_view(&y));
}

static void key_joins_ack_to_invite_and_parts_others(void **state)
{
    (void)state;
    static const char *const branches[] = {"z9hG4bKnashds8", "1", ""};
    for (size_t i = 0; i < 3; i++) {
        struct sip_txn_key_parts invite = parts_of(branches[i], "INVITE");
        struct sip_txn_key_parts ack = parts_of(branches[i], "ACK");
        struct sip_txn_key_parts cancel = parts_of(branches[i], "CANCEL");
        assert_true(same_key(&invite, &ack));
        assert_false(same_key(&invite, &cancel));
    }
    struct sip_txn_key_parts a = parts_of("z9hG4bKnashds8", "INVITE");
    struct sip_txn_key_parts b = a;
    b.port = 5061;
    assert_false(same_key(&a, &b));
    b = a;
    b.call_id = SR_STR("other"); /* the branch alone counts */
    assert_true(same_key(&a, &b));
    a = parts_of("1", "INVITE");
    b = a;
    b.cseq = 2;
    assert_false(same_key(&a, &b));
}

static void long_keys_are_hashed_and_differ(void **state)
{
    (void)state;
    char branch[600] = "z9hG4bK";
    memset(branch + 7, 'a', 500);
    struct sip_txn_key_parts a = parts_of(branch, "INVITE");
    char other[600];
    memcpy(other, branch, sizeof(other));
    other[500] = 'b';
    struct sip_txn_key_parts b = parts_of(other, "INVITE");
    assert_true(same_key(&a, &a));
    assert_false(same_key(&a, &b));
}

int run_txn_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unanswered_invite_is_sent_seven_times_and_gives_up_after_64_t1),
        cmocka_unit_test(reliable_invite_is_sent_once),
        cmocka_unit_test(silent_options_is_sent_eleven_times),
        cmocka_unit_test(provisional_stretches_timer_e_to_t2),
        cmocka_unit_test(reliable_client_ends_with_its_final_response),
        cmocka_unit_test(refused_invite_acknowledges_each_repetition_for_timer_d),
        cmocka_unit_test(accepted_invite_passes_every_2xx_for_timer_m),
        cmocka_unit_test(cancelled_invite_without_final_response_ends_after_64_t1),
        cmocka_unit_test(invite_server_says_100_after_200_ms),
        cmocka_unit_test(unacknowledged_refusal_repeats_up_to_t2_and_times_out),
        cmocka_unit_test(ack_of_a_refusal_is_absorbed_for_timer_i),
        cmocka_unit_test(accepted_server_absorbs_invites_and_passes_acks_for_timer_l),
        cmocka_unit_test(server_repeats_its_final_response_for_timer_j),
        cmocka_unit_test(late_loop_does_not_burst),
        cmocka_unit_test(client_transport_error_ends_it),
        cmocka_unit_test(random_events_keep_the_order_of_steps),
        cmocka_unit_test(key_joins_ack_to_invite_and_parts_others),
        cmocka_unit_test(long_keys_are_hashed_and_differ),
    };
    return cmocka_run_group_tests_name("txn", tests, NULL, NULL);
}
