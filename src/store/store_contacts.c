/* Registrations: entries of the queue, replaced while they wait, and the load at start. */
#include "base/alloc.h"
#include "base/log.h"
#include "store/internal.h"

enum {
    CONTACT_TEXTS = 7
};

static void texts_of(struct store_contact *contact, struct sr_str *texts[CONTACT_TEXTS])
{
    struct sr_str *all[CONTACT_TEXTS] = {
        &contact->device_id, &contact->uri,      &contact->path,      &contact->user_agent,
        &contact->call_id,   &contact->instance, &contact->transport,
    };

    memcpy(texts, all, sizeof(all));
}

/* The key is the device's length, the device and the uri, so that no two pairs share one. */
struct store__write *store__write_contact(const struct store_contact *contact, bool is_removed)
{
    struct store_contact row = *contact;
    struct sr_str *texts[CONTACT_TEXTS];
    uint32_t device_bytes = (uint32_t)store__text_bytes(row.device_id);
    size_t bytes = sizeof(struct store__write) + sizeof(device_bytes);
    size_t key_bytes = sizeof(device_bytes) + device_bytes + store__text_bytes(row.uri);
    struct store__write *write;
    char *at;

    texts_of(&row, texts);
    for (size_t i = 0; i < CONTACT_TEXTS; i++)
        bytes += store__text_bytes(*texts[i]);
    write = sr_alloc(bytes);
    *write = (struct store__write){.kind = STORE__CONTACT, .bytes = bytes, .contact.row = row};
    at = (char *)(write + 1);
    write->contact.key = sr_str_make(at, key_bytes);
    memcpy(at, &device_bytes, sizeof(device_bytes));
    at += sizeof(device_bytes);
    texts_of(&write->contact.row, texts); /* device and uri come first: they are the key's rest */
    for (size_t i = 0; i < CONTACT_TEXTS; i++)
        store__text_keep(&at, texts[i]);
    write->contact.is_removed = is_removed;
    return write;
}

void store_contact_put(struct store *store, const struct store_contact *contact)
{
    store__push(store, store__write_contact(contact, false));
}

void store_contact_remove(struct store *store, struct sr_str device_id, struct sr_str uri)
{
    struct store_contact contact = {.device_id = device_id, .uri = uri};

    store__push(store, store__write_contact(&contact, true));
}

struct load {
    struct sr_list rows; /* struct store__write */
    uint64_t now_wall;
};

static void collect(void *arg, const struct store_contact *contact)
{
    struct load *load = arg;

    sr_list_add(&load->rows, &store__write_contact(contact, false)->node);
}

static void run_load(struct store *store, void *work)
{
    struct load *load = work;
    enum sr_err err = store__note(
        store, store__ops(store)->contacts(store__db(store), load->now_wall, collect, load));

    if (err != SR_OK)
        sr_log(STORE, WARN, "event=contacts_not_loaded err=%s", sr_err_name(err));
}

void store_contacts_load(struct store *store, uint64_t now_wall, store_contact_fn *fn, void *arg)
{
    struct load load = {.now_wall = now_wall};
    struct sr_node *node;

    sr_list_init(&load.rows);
    store__ask(store, run_load, &load);
    while ((node = sr_list_pop(&load.rows)) != NULL) {
        struct store__write *write = SR_CONTAINER(node, struct store__write, node);

        fn(arg, &write->contact.row);
        sr_free(write);
    }
}

/* ---- use of the outside, by device ---- */

struct use_row {
    struct sr_node node;
    struct store_use use;
    char device_id[];
};

struct use_load {
    struct sr_list rows; /* struct use_row */
    int64_t since_wall_us;
    bool is_of_answers;
};

static void collect_use(void *arg, const struct store_use *use)
{
    struct use_load *load = arg;
    struct use_row *row = sr_alloc(sizeof(*row) + use->device_id.n + 1);

    row->node = (struct sr_node){0};
    row->use = *use;
    (void)sr_str_copy(use->device_id, row->device_id, use->device_id.n + 1);
    row->use.device_id = sr_str_c(row->device_id);
    sr_list_add(&load->rows, &row->node);
}

static void run_use_load(struct store *store, void *work)
{
    const struct store_ops *ops = store__ops(store);
    struct use_load *load = work;
    enum sr_err err = store__note(
        store, load->is_of_answers
                   ? ops->device_answers(store__db(store), collect_use, load)
                   : ops->device_use(store__db(store), load->since_wall_us, collect_use, load));

    if (err != SR_OK)
        sr_log(STORE, WARN, "event=use_not_loaded err=%s", sr_err_name(err));
}

static void load_use(struct store *store, struct use_load *load, store_use_fn *fn, void *arg)
{
    struct sr_node *node;

    sr_list_init(&load->rows);
    store__ask(store, run_use_load, load);
    while ((node = sr_list_pop(&load->rows)) != NULL) {
        struct use_row *row = SR_CONTAINER(node, struct use_row, node);

        fn(arg, &row->use);
        sr_free(row);
    }
}

void store_use_load(struct store *store, int64_t since_wall_us, store_use_fn *fn, void *arg)
{
    struct use_load load = {.since_wall_us = since_wall_us};

    load_use(store, &load, fn, arg);
}

void store_answers_load(struct store *store, store_use_fn *fn, void *arg)
{
    struct use_load load = {.is_of_answers = true};

    load_use(store, &load, fn, arg);
}
