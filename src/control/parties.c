#include "control/parties.h"

#include <stdio.h>

#include "base/alloc.h"

struct parties {
    uint32_t refs;
    size_t len, size;
    char *text; /* "\n" device "\n" device "\n" */
};

struct parties *parties_new(void)
{
    struct parties *parties = sr_zalloc(1, sizeof(*parties));

    parties->refs = 1;
    return parties;
}

struct parties *parties_ref(struct parties *parties)
{
    parties->refs++;
    return parties;
}

void parties_unref(struct parties *parties)
{
    if (parties == NULL || --parties->refs > 0)
        return;
    sr_free(parties->text);
    sr_free(parties);
}

static bool is_among(const struct parties *parties, size_t len, const char *device_id)
{
    char wanted[ENGINE_TEXT_MAX + 3];

    if (len == 0 || device_id[0] == '\0')
        return false;
    (void)snprintf(wanted, sizeof(wanted), "\n%s\n", device_id);
    return sr_str_search(sr_str_make(parties->text, len), sr_str_c(wanted)) < len;
}

bool parties_has(const struct parties *parties, const char *device_id)
{
    return parties != NULL && is_among(parties, parties->len, device_id);
}

bool parties_mark_has(const struct parties_mark *mark, const char *device_id)
{
    return mark->all != NULL && is_among(mark->all, mark->len, device_id);
}

bool parties_add(struct parties *parties, const char *device_id)
{
    size_t n = strlen(device_id);
    size_t begins = parties->len == 0 ? 1 : 0;

    if (n == 0 || is_among(parties, parties->len, device_id))
        return true;
    if (parties->len + begins + n + 1 > PARTIES_BYTES_MAX)
        return false;
    while (parties->len + begins + n + 1 > parties->size) {
        parties->size = SR_MAX(2 * parties->size, (size_t)64);
        parties->text = sr_realloc(parties->text, parties->size);
    }
    if (begins > 0)
        parties->text[parties->len++] = '\n';
    memcpy(parties->text + parties->len, device_id, n);
    parties->len += n;
    parties->text[parties->len++] = '\n';
    return true;
}

struct parties_mark parties_mark(struct parties *parties)
{
    return (struct parties_mark){.all = parties_ref(parties), .len = parties->len};
}

void parties_mark_done(struct parties_mark *mark)
{
    parties_unref(mark->all);
    *mark = (struct parties_mark){0};
}

static bool add_view(struct parties *parties, const struct engine_call_view *view)
{
    bool is_added = true;

    for (uint32_t i = 0; view != NULL && i < view->leg_count; i++)
        is_added &= parties_add(parties, view->legs[i].device_id);
    return is_added;
}

static bool add_event(struct parties *parties, const struct engine_event *event)
{
    bool is_added = add_view(parties, event->call);

    return (event->leg == NULL || parties_add(parties, event->leg->device_id)) && is_added;
}

struct parties *parties_take(struct parties *parties, const struct engine_event *event,
                             const struct engine_call_view *kept)
{
    if (parties == NULL)
        parties = parties_new();
    if (add_event(parties, event))
        return parties;
    parties_unref(parties);
    parties = parties_new();
    (void)add_view(parties, kept); /* some hundred legs: they fit */
    (void)add_event(parties, event);
    return parties;
}
