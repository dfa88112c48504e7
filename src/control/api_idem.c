/* Idempotency-Key: the first result of a create, kept for a day, bounded. */
#include "base/alloc.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/map.h"
#include "control/api.h"

struct entry {
    struct sr_node node; /* oldest first */
    uint64_t id;
    char key[2 * SR_SHA256_BYTES + 1];  /* of principal, target and key */
    char body[2 * SR_SHA256_BYTES + 1]; /* of the request */
    int64_t began;
    bool is_done;
    uint16_t status;
    char *content_type; /* or NULL */
    char *headers;
    char *text;
    size_t text_bytes;
};

struct api_idem {
    struct sr_list entries;
    struct sr_map by_key;
    struct sr_map64 by_id;
    uint64_t next_id;
    size_t bytes;
};

struct api_idem *api_idem_new(void)
{
    struct api_idem *idem = sr_zalloc(1, sizeof(*idem));

    sr_list_init(&idem->entries);
    sr_map_init(&idem->by_key);
    sr_map64_init(&idem->by_id);
    return idem;
}

static void drop(struct api_idem *idem, struct entry *entry)
{
    sr_list_remove(&idem->entries, &entry->node);
    (void)sr_map_remove(&idem->by_key, sr_str_c(entry->key));
    (void)sr_map64_remove(&idem->by_id, entry->id);
    idem->bytes -= entry->text_bytes;
    sr_free(entry->content_type);
    sr_free(entry->headers);
    sr_free_secret(entry->text, entry->text_bytes); /* a token may be in it */
    sr_free(entry);
}

void api_idem_free(struct api_idem *idem)
{
    if (idem == NULL)
        return;
    SR_LIST_EACH(&idem->entries, node)
    {
        drop(idem, SR_CONTAINER(node, struct entry, node));
    }
    sr_map_done(&idem->by_key);
    sr_map64_done(&idem->by_id);
    sr_free(idem);
}

static void add_part(struct sr_sha256 *sha, struct sr_str part)
{
    uint64_t n = part.n;

    sr_sha256_add(sha, &n, sizeof(n));
    sr_sha256_add(sha, part.p, part.n);
}

static void end_hash(struct sr_sha256 *sha, char out[2 * SR_SHA256_BYTES + 1])
{
    uint8_t digest[SR_SHA256_BYTES];

    sr_sha256_end(sha, digest);
    sr_hex(digest, sizeof(digest), out);
}

/* Room for one more: old ones go, then the oldest that is done. @return false: all are running */
static bool make_room(struct api_idem *idem, int64_t now)
{
    SR_LIST_EACH(&idem->entries, node)
    {
        struct entry *entry = SR_CONTAINER(node, struct entry, node);
        bool is_old = now - entry->began > API_IDEM_SEC * SR_SEC;
        bool is_full =
            idem->entries.count >= API_IDEM_ENTRIES_MAX || idem->bytes > API_IDEM_BYTES_MAX;

        if (!is_old && !is_full)
            break;
        if (is_old || entry->is_done)
            drop(idem, entry);
    }
    return idem->entries.count < API_IDEM_ENTRIES_MAX;
}

static struct entry *add(struct api_idem *idem, const char *key, const char *body, int64_t now)
{
    struct entry *entry = sr_zalloc(1, sizeof(*entry));

    entry->id = ++idem->next_id;
    entry->began = now;
    memcpy(entry->key, key, sizeof(entry->key));
    memcpy(entry->body, body, sizeof(entry->body));
    sr_list_add(&idem->entries, &entry->node);
    (void)sr_map_put(&idem->by_key, sr_str_c(entry->key), entry);
    (void)sr_map64_put(&idem->by_id, entry->id, entry);
    return entry;
}

enum api_idem_state api_idem_begin(struct api_idem *idem, const struct api_idem_request *request,
                                   uint64_t *ret_id, struct http_reply *ret_reply)
{
    char key[2 * SR_SHA256_BYTES + 1], body[2 * SR_SHA256_BYTES + 1];
    struct sr_sha256 sha;
    struct entry *entry;

    sr_sha256_init(&sha);
    add_part(&sha, request->principal);
    add_part(&sha, request->key);
    end_hash(&sha, key);
    sr_sha256_init(&sha);
    add_part(&sha, request->target);
    add_part(&sha, request->body);
    end_hash(&sha, body);
    entry = sr_map_find(&idem->by_key, sr_str_c(key));
    if (entry != NULL && request->now - entry->began > API_IDEM_SEC * SR_SEC) {
        drop(idem, entry);
        entry = NULL;
    }
    if (entry == NULL) {
        if (!make_room(idem, request->now))
            return API_IDEM_FULL;
        *ret_id = add(idem, key, body, request->now)->id;
        return API_IDEM_NEW;
    }
    if (!sr_str_eq_c(sr_str_c(body), entry->body))
        return API_IDEM_OTHER;
    if (!entry->is_done)
        return API_IDEM_RUNNING;
    *ret_reply = (struct http_reply){
        .status = entry->status,
        .content_type = entry->content_type,
        .headers = sr_str_c(entry->headers),
        .body = sr_str_make(entry->text, entry->text_bytes),
    };
    return API_IDEM_REPLAY;
}

void api_idem_end(struct api_idem *idem, uint64_t id, const struct http_reply *reply)
{
    struct entry *entry = sr_map64_find(&idem->by_id, id);

    if (entry == NULL || entry->is_done)
        return;
    if ((reply->status >= 500 && reply->status != 501) || reply->status == 429) {
        drop(idem, entry);
        return;
    }
    entry->is_done = true;
    entry->status = reply->status;
    entry->content_type = reply->content_type != NULL ? sr_strdup(reply->content_type) : NULL;
    entry->headers = reply->headers.n > 0 ? sr_str_cdup(reply->headers) : NULL;
    entry->text = sr_str_cdup(reply->body);
    entry->text_bytes = reply->body.n;
    idem->bytes += entry->text_bytes;
}
