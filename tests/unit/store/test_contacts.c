#include "kit.h"

#include "base/alloc.h"

#define NOW ((uint64_t)(TEST_START / SR_SEC))

static struct store_contact contact_of(const char *device, const char *uri, uint64_t expires)
{
    struct store_contact contact = {
        .device_id = sr_str_c(device),
        .uri = sr_str_c(uri),
        .path = SR_STR("<sip:edge;lr>"),
        .user_agent = SR_STR("Phone/1"),
        .call_id = SR_STR("id@host"),
        .instance = SR_STR("urn:uuid:1"),
        .transport = SR_STR("tls"),
        .q_milli = 700,
        .cseq = 42,
        .expires_wall = NOW + expires,
        .is_nat = true,
    };

    assert_int_equal(sr_addr_parse(SR_STR("192.0.2.1:5061"), 0, &contact.local), SR_OK);
    assert_int_equal(sr_addr_parse(SR_STR("[2001:db8::2]:40000"), 0, &contact.remote), SR_OK);
    return contact;
}

struct loaded {
    unsigned count;
    uint32_t cseq;
    struct store *store; /* removes what it gets when set */
};

static void on_contact(void *arg, const struct store_contact *contact)
{
    struct loaded *loaded = arg;
    struct store_contact want = contact_of("desk", "sip:a@192.0.2.9", 2000);

    loaded->count++;
    loaded->cseq = contact->cseq;
    assert_true(sr_str_eq(contact->path, want.path));
    assert_true(sr_str_eq(contact->user_agent, want.user_agent));
    assert_true(sr_str_eq(contact->call_id, want.call_id));
    assert_true(sr_str_eq(contact->instance, want.instance));
    assert_true(sr_str_eq(contact->transport, want.transport));
    assert_true(sr_addr_eq(&contact->local, &want.local));
    assert_true(sr_addr_eq(&contact->remote, &want.remote));
    assert_int_equal(contact->q_milli, 700);
    assert_true(contact->is_nat);
    if (loaded->store != NULL)
        store_contact_remove(loaded->store, contact->device_id, contact->uri);
}

/* What was put comes back after a restart with every field; what expired or was removed does not. */
static void contacts_survive_a_restart(void **state)
{
    struct store *store = kit_open(*state, NULL);
    struct store_contact contact = contact_of("desk", "sip:a@192.0.2.9", 2000);
    struct loaded loaded = {0};

    store_contact_put(store, &contact);
    contact = contact_of("desk", "sip:b@192.0.2.9", 1000);
    store_contact_put(store, &contact);
    contact = contact_of("hall", "sip:a@192.0.2.9", 3000);
    store_contact_put(store, &contact);
    contact = contact_of("gone", "sip:a@192.0.2.9", 3000);
    store_contact_put(store, &contact);
    kit_flush(store);
    store_contact_remove(store, SR_STR("gone"), SR_STR("sip:a@192.0.2.9"));
    store_close(store);

    store = kit_open(*state, NULL);
    store_contacts_load(store, NOW + 1000, on_contact, &loaded);
    assert_int_equal(loaded.count, 2);
    loaded = (struct loaded){.store = store}; /* the callback may call the store */
    store_contacts_load(store, NOW, on_contact, &loaded);
    loaded = (struct loaded){0};
    store_contacts_load(store, NOW, on_contact, &loaded);
    assert_int_equal(loaded.count, 0);
    store_close(store);
}

/* 5,000 refreshes of one contact are a handful of writes, and the last one counts. */
static void refreshes_coalesce(void **state)
{
    struct store *store = kit_open(*state, NULL);
    struct loaded loaded = {0};
    struct store_stats stats;

    for (uint32_t i = 1; i <= 5000; i++) {
        struct store_contact contact = contact_of("desk", "sip:a@192.0.2.9", 2000);

        contact.cseq = i;
        store_contact_put(store, &contact);
    }
    store_contacts_load(store, NOW, on_contact, &loaded);
    assert_int_equal(loaded.count, 1);
    assert_int_equal(loaded.cseq, 5000);
    store_stats(store, &stats);
    assert_true(stats.writes < 1000);
    assert_int_equal(stats.writes_lost, 0);
    store_close(store);
}

/* Device and uri are two things: "ab"+"c" is not "a"+"bc". A remove follows its put also while both wait. */
static void keys_do_not_run_together(void **state)
{
    struct store *store = kit_open(*state, NULL);
    struct store_contact contact = contact_of("ab", "c", 2000);
    struct loaded loaded = {0};

    store_contact_put(store, &contact);
    contact = contact_of("a", "bc", 2000);
    store_contact_put(store, &contact);
    store_contacts_load(store, NOW, on_contact, &loaded);
    assert_int_equal(loaded.count, 2);
    contact = contact_of("x", "y", 2000);
    store_contact_put(store, &contact);
    store_contact_remove(store, SR_STR("x"), SR_STR("y"));
    loaded = (struct loaded){0};
    store_contacts_load(store, NOW, on_contact, &loaded);
    assert_int_equal(loaded.count, 2);
    store_close(store);
}

int test_contacts(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(contacts_survive_a_restart, kit_up, kit_down),
        cmocka_unit_test_setup_teardown(refreshes_coalesce, kit_up, kit_down),
        cmocka_unit_test_setup_teardown(keys_do_not_run_together, kit_up, kit_down),
    };

    return cmocka_run_group_tests_name("store/contacts", tests, NULL, NULL);
}
