#include "control/config_load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "control/config_internal.h"

enum {
    CHOICE_NAMES_BYTES_MAX = 1024,
};

static void load_object(struct config__load *load, const struct config_object *object,
                        const struct jsonc_node *node, char *base);

static void *member_at(char *base, size_t offset)
{
    return base + offset;
}

/* ---- helpers shared with the checks ---------------------------------------------------------- */

struct config_index *config__index(struct config__load *load, enum config_ref ref)
{
    struct config *config = load->config;
    switch (ref) {
    case CONFIG_REF_DEVICE:
        return &config->device_ids;
    case CONFIG_REF_GROUP:
        return &config->group_ids;
    case CONFIG_REF_PROVIDER:
        return &config->provider_ids;
    case CONFIG_REF_VOICEBOX:
        return &config->voicebox_ids;
    case CONFIG_REF_MENU:
        return &config->menu_ids;
    case CONFIG_REF_SCHEDULE:
        return &config->schedule_ids;
    case CONFIG_REF_CONFERENCE:
        return &config->conference_ids;
    case CONFIG_REF_ROUTE:
        return &config->route_ids;
    case CONFIG_REF_CONTACT:
        return &load->contact_ids;
    case CONFIG_REF_NONE:
    case CONFIG_REF_COUNT:
        break;
    }
    return NULL;
}

const struct jsonc_node *config__node(struct config__load *load, const char *format, ...)
{
    char pointer[JSONC_POINTER_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(pointer, sizeof(pointer), format, args);
    va_end(args);
    return jsonc_nearest(load->root, sr_str_c(pointer));
}

void *config__take(struct config__load *load, size_t count, size_t bytes)
{
    void *p = sr_arena_array(&load->config->arena, count, bytes);
    if (!p)
        load->is_full = true;
    return p;
}

static struct sr_str keep(struct config__load *load, struct sr_str text)
{
    struct sr_str copy = sr_arena_str(&load->config->arena, text);
    if (!copy.p)
        load->is_full = load->is_full || text.n > 0;
    return copy.p ? copy : SR_STR("");
}

static void fault_type(struct config__load *load, const struct jsonc_node *node, const char *wanted,
                       const struct config_field *field)
{
    struct sr_str hint =
        config__say(load, "default: %s", field->fallback ? field->fallback : wanted);
    if (node->type == JSONC_TEXT && strcmp(wanted, "a number") == 0)
        hint = config__say(load, "write %.*s without quotes", SR_STR_ARG(node->text));
    else if (node->type == JSONC_NUMBER && strcmp(wanted, "a text") == 0)
        hint = config__say(load, "write \"%.*s\" in quotes", SR_STR_ARG(node->raw));
    else if (strcmp(wanted, "true or false") == 0)
        hint = SR_STR("write true or false without quotes");
    else if (strncmp(wanted, "a list", 6) == 0)
        hint = SR_STR("put it in [ ]");
    else if (strcmp(wanted, "an object") == 0)
        hint = SR_STR("put it in { }");
    config__fault(load, CONFIG_ERROR, node, hint, "\"%s\" must be %s, not %s", field->name, wanted,
                  jsonc_type_name(node->type));
}

/** One of `names`, or a fault and -1. */
static int find_choice(struct config__load *load, const struct jsonc_node *node,
                       const char *const *names)
{
    struct config__closest closest = {0};
    struct sr_str hint;
    for (int i = 0; names[i]; i++) {
        if (sr_str_eq_c(node->text, names[i]))
            return i;
        config__closest_try(&closest, node->text, sr_str_c(names[i]));
    }
    if (closest.best.n > 0) {
        hint = config__say(load, "did you mean \"%.*s\"?", SR_STR_ARG(closest.best));
    } else {
        char bytes[CHOICE_NAMES_BYTES_MAX];
        struct sr_buf list;
        sr_buf_init_fixed(&list, bytes, sizeof(bytes));
        config__names_write(names, &list);
        hint = config__say(load, "use %.*s", SR_STR_ARG(sr_buf_view(&list)));
    }
    config__fault(load, CONFIG_ERROR, node, hint, "\"%.*s\" is not allowed here",
                  (int)SR_MIN(node->text.n, 80u), node->text.p);
    return -1;
}

/* ---- secrets --------------------------------------------------------------------------------- */

static struct sr_str keep_secret(struct config__load *load, struct sr_str text)
{
    struct config_secrets *secret = config__take(load, 1, sizeof(*secret));
    struct sr_str copy = keep(load, text);
    if (secret && copy.n > 0) {
        secret->text = copy;
        secret->next = load->config->secrets;
        load->config->secrets = secret;
    }
    return copy;
}

static bool read_secret_env(struct config__load *load, const struct jsonc_node *node,
                            struct sr_str *ret_text)
{
    char name[256];
    const char *value = NULL;
    if (node->text.n > 0 && sr_str_copy(node->text, name, sizeof(name)))
        value = load->options->env ? load->options->env(name) : getenv(name);
    if (!value || !*value) {
        config__fault(load, CONFIG_ERROR, node,
                      SR_STR("set it where the router is started, or write the secret itself"),
                      "the environment variable \"%.*s\" is not set",
                      (int)SR_MIN(node->text.n, 100u), node->text.p);
        return false;
    }
    *ret_text = keep_secret(load, sr_str_c(value));
    return true;
}

static bool read_secret_file(struct config__load *load, const struct jsonc_node *node,
                             struct sr_str *ret_text)
{
    char path[1024];
    char bytes[CONFIG_SECRET_BYTES_MAX + 1];
    const char *folder = load->options->folder ? load->options->folder : ".";
    bool is_absolute = node->text.n > 0 && node->text.p[0] == '/';
    int n = snprintf(path, sizeof(path), "%s%s%.*s", is_absolute ? "" : folder,
                     is_absolute ? "" : "/", SR_STR_ARG(node->text));
    int fd = n > 0 && (size_t)n < sizeof(path) ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    ssize_t got = fd >= 0 ? read(fd, bytes, sizeof(bytes)) : -1;
    int problem = errno;
    if (fd >= 0)
        (void)close(fd);
    struct sr_str text = sr_str_trim(sr_str_make(bytes, got > 0 ? (size_t)got : 0));
    if (text.n == 0 || got > CONFIG_SECRET_BYTES_MAX) {
        const char *why = got < 0    ? strerror(problem)
                          : got == 0 ? "it is empty"
                                     : "it is no secret";
        config__fault(load, CONFIG_ERROR, node,
                      SR_STR("make the file readable for the router; it holds the secret alone"),
                      "the secret file \"%.*s\" cannot be used: %s",
                      (int)SR_MIN(node->text.n, 200u), node->text.p, why);
        return false;
    }
    *ret_text = keep_secret(load, text);
    sr_wipe(bytes, sizeof(bytes));
    return true;
}

static void load_secret(struct config__load *load, const struct config_field *field,
                        const struct jsonc_node *node, struct sr_str *slot)
{
    const struct jsonc_node *inner = node->type == JSONC_OBJECT ? node->first : NULL;
    if (node->type == JSONC_TEXT) {
        load->has_plain_secret = load->has_plain_secret || node->text.n > 0;
        if (node->text.n > CONFIG_TEXT_MAX)
            config__fault(load, CONFIG_ERROR, node, SR_STR("use a shorter one"),
                          "this secret is longer than %d bytes", CONFIG_TEXT_MAX);
        else if (config__format_check(load, node, field->format, node->text))
            *slot = keep_secret(load, node->text);
        return;
    }
    if (inner && node->count == 1 && sr_str_eq_c(inner->key, "masked")) {
        config__fault(load, CONFIG_ERROR, node, SR_STR("write the secret itself"),
                      "\"%s\" is masked, but no earlier secret is known for it", field->name);
        return;
    }
    bool by_env = inner && sr_str_eq_c(inner->key, "env");
    bool by_file = inner && sr_str_eq_c(inner->key, "file");
    if (node->count != 1 || (!by_env && !by_file) || inner->type != JSONC_TEXT) {
        config__fault(load, CONFIG_ERROR, node,
                      SR_STR("write a text, {\"env\": \"NAME\"} or {\"file\": \"PATH\"}"),
                      "\"%s\" is no secret", field->name);
        return;
    }
    if (load->options->ignores_environment) {
        *slot = SR_STR("");
        return;
    }
    struct sr_str text;
    if (by_env ? read_secret_env(load, inner, &text) : read_secret_file(load, inner, &text)) {
        if (config__format_check(load, node, field->format, text))
            *slot = text;
    }
}

/* ---- single values --------------------------------------------------------------------------- */

static void add_pending(struct config__load *load, const struct jsonc_node *node,
                        enum config_ref ref, struct sr_str id, const void **slot)
{
    struct config__pending *pending = sr_arena_alloc(&load->scratch, sizeof(*pending));
    if (!pending) {
        load->is_full = true;
        return;
    }
    *pending = (struct config__pending){node, slot, ref, id, load->pending};
    load->pending = pending;
}

static void load_number(struct config__load *load, const struct config_field *field,
                        const struct jsonc_node *node, uint32_t *slot)
{
    if (node->type != JSONC_NUMBER) {
        fault_type(load, node, "a number", field);
    } else if (!node->is_integer || node->integer < field->min || node->integer > field->max) {
        config__fault(load, CONFIG_ERROR, node,
                      config__say(load, "use a whole number from %u to %u; default: %s", field->min,
                                  field->max, field->fallback),
                      "%.*s is out of range for \"%s\"", (int)SR_MIN(node->raw.n, 40u), node->raw.p,
                      field->name);
    } else {
        *slot = (uint32_t)node->integer;
    }
}

/* Line ends and their like: they would end a header where the text is sent. */
static bool has_control(struct sr_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f)
            return true;
    }
    return false;
}

static void fault_control(struct config__load *load, const struct jsonc_node *node)
{
    config__fault(load, CONFIG_ERROR, node, SR_STR("write it in one line, without tabs"),
                  "this text has control characters");
}

static void load_text(struct config__load *load, const struct config_field *field,
                      const struct jsonc_node *node, char *base)
{
    struct sr_str *slot = member_at(base, field->offset);
    size_t max = field->max ? field->max : CONFIG_TEXT_MAX;
    if (node->type != JSONC_TEXT) {
        fault_type(load, node, "a text", field);
        return;
    }
    if (node->text.n > max) {
        config__fault(load, CONFIG_ERROR, node, SR_STR("use a shorter one"),
                      "this text is longer than %zu bytes", max);
        return;
    }
    if (field->format != CONFIG_FORMAT_SPOKEN && has_control(node->text)) {
        fault_control(load, node);
        return;
    }
    if (node->text.n == 0 && (field->flags & CONFIG_REQUIRED)) {
        config__fault(load, CONFIG_ERROR, node, sr_str_c(field->doc), "\"%s\" must not be empty",
                      field->name);
        return;
    }
    if (field->choices && find_choice(load, node, field->choices) < 0)
        return;
    if (!config__format_check(load, node, field->format, node->text))
        return;
    *slot = keep(load, node->text);
    if (field->ref && node->text.n > 0)
        add_pending(load, node, field->ref, *slot, member_at(base, field->offset2));
}

static void load_choice(struct config__load *load, const struct config_field *field,
                        const struct jsonc_node *node, void *slot)
{
    if (node->type != JSONC_TEXT) {
        fault_type(load, node, "a text", field);
        return;
    }
    int choice = find_choice(load, node, field->choices);
    /* every enum of config.h is an int wide */
    _Static_assert(sizeof(enum config_codec) == sizeof(int), "enums are stored as int");
    if (choice >= 0)
        memcpy(slot, &choice, sizeof(choice));
}

static void load_pattern(struct config__load *load, const struct config_field *field,
                         const struct jsonc_node *node, struct pattern **slot)
{
    struct pattern_fault fault;
    if (node->type != JSONC_TEXT) {
        fault_type(load, node, "a text", field);
        return;
    }
    if (node->text.n == 0)
        return;
    if (pattern_new(node->text, slot, &fault) != SR_OK) {
        config__fault(load, CONFIG_ERROR, node,
                      SR_STR("write a number, prefix* or /regular expression/"),
                      "bad pattern at character %zu: %s", fault.offset + 1, fault.why);
        return;
    }
    struct config_patterns *item = config__take(load, 1, sizeof(*item));
    if (!item) {
        pattern_free(*slot);
        *slot = NULL;
        return;
    }
    item->pattern = *slot;
    item->next = load->config->patterns;
    load->config->patterns = item;
}

/* ---- lists of single values ------------------------------------------------------------------ */

/** True when it is a list of texts of bearable length; else faults were added. */
static bool check_texts(struct config__load *load, const struct config_field *field,
                        const struct jsonc_node *node)
{
    uint32_t max = field->max != 0 ? field->max : CONFIG_ITEMS_MAX;
    bool is_fine = true;
    if (node->type != JSONC_ARRAY) {
        fault_type(load, node, "a list of texts", field);
        return false;
    }
    if (node->count > max) {
        config__fault(load, CONFIG_ERROR, node, SR_STR("remove some"),
                      "\"%s\" has more than %u items", field->name, (unsigned)max);
        return false;
    }
    for (const struct jsonc_node *item = node->first; item; item = item->next) {
        if (item->type == JSONC_TEXT && item->text.n > 0 && item->text.n <= CONFIG_TEXT_MAX) {
            if (has_control(item->text))
                fault_control(load, item);
            is_fine = is_fine && !has_control(item->text);
            continue;
        }
        config__fault(load, CONFIG_ERROR, item, SR_STR("write a text in double quotes"),
                      "items of \"%s\" must be texts that are not empty", field->name);
        is_fine = false;
    }
    return is_fine;
}

static void load_texts(struct config__load *load, const struct config_field *field,
                       const struct jsonc_node *node, char *base)
{
    struct config_texts *slot = member_at(base, field->offset);
    const void **resolved = NULL;
    if (!check_texts(load, field, node))
        return;
    struct sr_str *items = config__take(load, node->count, sizeof(items[0]));
    if (field->ref) {
        resolved = config__take(load, node->count, sizeof(resolved[0]));
        memcpy(member_at(base, field->offset2), &resolved, sizeof(resolved));
    }
    if (load->is_full)
        return;
    slot->items = items;
    slot->count = node->count;
    for (const struct jsonc_node *item = node->first; item; item = item->next) {
        if (field->choices)
            (void)find_choice(load, item, field->choices);
        else
            (void)config__format_check(load, item, field->format, item->text);
        items[item->index] = keep(load, item->text);
        if (field->ref)
            add_pending(load, item, field->ref, items[item->index], &resolved[item->index]);
    }
}

static void load_choices(struct config__load *load, const struct config_field *field,
                         const struct jsonc_node *node, struct config_choices *slot)
{
    struct config_choices choices = {.count = 0};
    if (!check_texts(load, field, node))
        return;
    if (node->count == 0) {
        config__fault(load, CONFIG_ERROR, node, config__say(load, "default: %s", field->fallback),
                      "\"%s\" must not be empty", field->name);
        return;
    }
    for (const struct jsonc_node *item = node->first; item; item = item->next) {
        int choice = find_choice(load, item, field->choices);
        if (choice < 0)
            continue;
        if (memchr(choices.items, choice, choices.count)) {
            config__fault(load, CONFIG_ERROR, item, SR_STR("remove one of them"),
                          "\"%.*s\" stands twice in this list", SR_STR_ARG(item->text));
            continue;
        }
        SR_ASSERT(choices.count < CONFIG_CHOICES_MAX);
        choices.items[choices.count++] = (uint8_t)choice;
    }
    *slot = choices;
}

static bool load_one_cidr(struct config__load *load, const struct jsonc_node *node,
                          struct sr_cidr *ret_cidr)
{
    if (sr_cidr_parse(node->text, ret_cidr) == SR_OK)
        return true;
    config__fault(
        load, CONFIG_ERROR, node, SR_STR("write an address or a network, such as 192.168.1.0/24"),
        "\"%.*s\" is no address or network", (int)SR_MIN(node->text.n, 80u), node->text.p);
    return false;
}

static void load_cidrs(struct config__load *load, const struct config_field *field,
                       const struct jsonc_node *node, struct config_cidrs *slot)
{
    if (!check_texts(load, field, node))
        return;
    slot->items = config__take(load, node->count, sizeof(slot->items[0]));
    slot->count = slot->items ? node->count : 0;
    for (const struct jsonc_node *item = node->first; item && slot->items; item = item->next)
        (void)load_one_cidr(load, item, &slot->items[item->index]);
}

static void load_cidr(struct config__load *load, const struct config_field *field,
                      const struct jsonc_node *node, struct config_cidrs *slot)
{
    if (node->type != JSONC_TEXT) {
        fault_type(load, node, "a text", field);
        return;
    }
    slot->items = config__take(load, 1, sizeof(slot->items[0]));
    slot->count = slot->items && node->text.n > 0 && load_one_cidr(load, node, slot->items) ? 1 : 0;
}

static void load_addrs(struct config__load *load, const struct config_field *field,
                       const struct jsonc_node *node, struct config_addrs *slot)
{
    if (!check_texts(load, field, node))
        return;
    slot->items = config__take(load, node->count, sizeof(slot->items[0]));
    slot->count = slot->items ? node->count : 0;
    for (const struct jsonc_node *item = node->first; item && slot->items; item = item->next) {
        struct sr_addr *addr = &slot->items[item->index];
        enum sr_err err = field->min ? sr_addr_parse(item->text, (uint16_t)field->min, addr)
                                     : sr_addr_parse_ip(item->text, addr);
        if (err || (field->min && addr->port == 0))
            config__fault(load, CONFIG_ERROR, item,
                          field->min ? SR_STR("write address or address:port")
                                     : SR_STR("write an address without port, such as 192.0.2.1"),
                          "\"%.*s\" is no address", (int)SR_MIN(item->text.n, 80u), item->text.p);
    }
}

/* ---- maps ------------------------------------------------------------------------------------ */

static void load_pairs(struct config__load *load, const struct config_field *field,
                       const struct jsonc_node *node, struct config_pairs *slot)
{
    if (node->type != JSONC_OBJECT) {
        fault_type(load, node, "an object", field);
        return;
    }
    slot->items = config__take(load, node->count, sizeof(slot->items[0]));
    for (const struct jsonc_node *item = node->first; item && slot->items; item = item->next) {
        if (item->type == JSONC_ARRAY || item->type == JSONC_OBJECT || item->type == JSONC_NULL) {
            config__fault(load, CONFIG_ERROR, item, SR_STR("write a text, number, true or false"),
                          "\"%.*s\" must be a single value", SR_STR_ARG(item->key));
            continue;
        }
        struct config_pair *pair = &slot->items[slot->count++];
        pair->name = keep(load, item->key);
        pair->value = keep(load, item->type == JSONC_TEXT ? item->text : item->raw);
    }
}

static bool is_code(struct sr_str text)
{
    if (text.n == 0 || text.n > CONFIG_EXTENSION_MAX)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        if (!sr_is_digit(text.p[i]) && text.p[i] != '*' && text.p[i] != '#')
            return false;
    }
    return true;
}

static void load_feature(struct config__load *load, const struct jsonc_node *item,
                         struct config_features *slot)
{
    struct sr_str *in_call = sr_str_eq_c(item->key, "inCallTransfer")   ? &slot->in_call_transfer
                             : sr_str_eq_c(item->key, "inCallAttended") ? &slot->in_call_attended
                                                                        : NULL;
    if (!in_call && !is_code(item->key)) {
        struct config__closest closest = {0};
        config__closest_try(&closest, item->key, SR_STR("inCallTransfer"));
        config__closest_try(&closest, item->key, SR_STR("inCallAttended"));
        config__fault(load, CONFIG_ERROR, item,
                      closest.best.p
                          ? config__say(load, "did you mean \"%.*s\"?", SR_STR_ARG(closest.best))
                          : SR_STR("use digits, * and #, at most 16, such as *43"),
                      "\"%.*s\" is no feature code", (int)SR_MIN(item->key.n, 80u), item->key.p);
        return;
    }
    if (item->type != JSONC_TEXT || (in_call && item->text.n > 0 && !is_code(item->text))) {
        config__fault(load, CONFIG_ERROR, item,
                      in_call ? SR_STR("write a code such as \"**\", or \"\" for off")
                              : SR_STR("write the name of a feature, such as \"echo\""),
                      "\"%.*s\" has a wrong value", SR_STR_ARG(item->key));
        return;
    }
    if (in_call) {
        *in_call = keep(load, item->text);
        return;
    }
    int kind = find_choice(load, item, config_feature_names);
    if (kind >= 0) {
        struct config_feature *feature = &slot->items[slot->count++];
        feature->code = keep(load, item->key);
        feature->kind = (enum config_feature_kind)kind;
    }
}

static void load_features(struct config__load *load, const struct config_field *field,
                          const struct jsonc_node *node, struct config_features *slot)
{
    if (node->type != JSONC_OBJECT) {
        fault_type(load, node, "an object", field);
        return;
    }
    if (node->count > CONFIG_FEATURES_MAX) {
        config__fault(load, CONFIG_ERROR, node, SR_STR("remove some"),
                      "\"%s\" has more than %d items", field->name, CONFIG_FEATURES_MAX);
        return;
    }
    *slot =
        (struct config_features){.in_call_transfer = SR_STR(""), .in_call_attended = SR_STR("")};
    slot->items = config__take(load, node->count, sizeof(slot->items[0]));
    for (const struct jsonc_node *item = node->first; item && slot->items; item = item->next)
        load_feature(load, item, slot);
}

/* ---- objects --------------------------------------------------------------------------------- */

static void load_list(struct config__load *load, const struct config_field *field,
                      const struct jsonc_node *node, char *base)
{
    uint32_t *count = member_at(base, field->offset2);
    if (node->type != JSONC_ARRAY) {
        fault_type(load, node, "a list of objects", field);
        return;
    }
    if (node->count > CONFIG_ITEMS_MAX) {
        config__fault(load, CONFIG_ERROR, node, SR_STR("remove some"),
                      "\"%s\" has more than %d items", field->name, CONFIG_ITEMS_MAX);
        return;
    }
    char *items = config__take(load, node->count, field->object->bytes);
    if (!items)
        return;
    memcpy(member_at(base, field->offset), &items, sizeof(items));
    *count = node->count;
    for (const struct jsonc_node *item = node->first; item; item = item->next)
        load_object(load, field->object, item, items + item->index * field->object->bytes);
}

static void load_field(struct config__load *load, const struct config_field *field,
                       const struct jsonc_node *node, char *base)
{
    void *slot = member_at(base, field->offset);
    switch ((enum config_kind)field->kind) {
    case CONFIG_KIND_OBJECT:
        load_object(load, field->object, node, slot);
        break;
    case CONFIG_KIND_LIST:
        load_list(load, field, node, base);
        break;
    case CONFIG_KIND_BOOL:
        if (node->type == JSONC_BOOL)
            *(bool *)slot = node->is_true;
        else
            fault_type(load, node, "true or false", field);
        break;
    case CONFIG_KIND_NUMBER:
        load_number(load, field, node, slot);
        break;
    case CONFIG_KIND_TEXT:
        load_text(load, field, node, base);
        break;
    case CONFIG_KIND_SECRET:
        load_secret(load, field, node, slot);
        break;
    case CONFIG_KIND_CHOICE:
        load_choice(load, field, node, slot);
        break;
    case CONFIG_KIND_PATTERN:
        load_pattern(load, field, node, slot);
        break;
    case CONFIG_KIND_TEXTS:
        load_texts(load, field, node, base);
        break;
    case CONFIG_KIND_CHOICES:
        load_choices(load, field, node, slot);
        break;
    case CONFIG_KIND_CIDRS:
        load_cidrs(load, field, node, slot);
        break;
    case CONFIG_KIND_CIDR:
        load_cidr(load, field, node, slot);
        break;
    case CONFIG_KIND_ADDRS:
        load_addrs(load, field, node, slot);
        break;
    case CONFIG_KIND_PAIRS:
        load_pairs(load, field, node, slot);
        break;
    case CONFIG_KIND_FEATURES:
        load_features(load, field, node, slot);
        break;
    }
}

/** Fills an object with the defaults of its table, by the same way as written values. */
static void load_defaults(struct config__load *load, const struct config_object *object, char *base)
{
    struct jsonc_node *node;
    for (uint32_t i = 0; i < object->field_count; i++) {
        const struct config_field *field = &object->fields[i];
        if (field->kind == CONFIG_KIND_OBJECT) {
            load_defaults(load, field->object, member_at(base, field->offset));
        } else if (field->fallback) {
            enum sr_err err = jsonc_parse(sr_str_c(field->fallback), &load->scratch, &node, NULL);
            SR_ASSERT(err == SR_OK || err == SR_ERR_LIMIT);
            if (err)
                load->is_full = true;
            else
                load_field(load, field, node, base);
        } else if (field->kind == CONFIG_KIND_TEXT || field->kind == CONFIG_KIND_SECRET) {
            *(struct sr_str *)member_at(base, field->offset) = SR_STR("");
        }
    }
}

static void fault_unknown_key(struct config__load *load, const struct config_object *object,
                              const struct jsonc_node *item)
{
    struct config__closest closest = {0};
    for (uint32_t i = 0; i < object->field_count; i++)
        config__closest_try(&closest, item->key, sr_str_c(object->fields[i].name));
    struct sr_str hint = closest.best.p
                             ? config__say(load, "did you mean \"%.*s\"?", SR_STR_ARG(closest.best))
                             : config__say(load, "remove it; \"%s\" and %u others are known here",
                                           object->fields[0].name, object->field_count - 1);
    config__fault(load, CONFIG_ERROR, item, hint, "\"%.*s\" is no key of the %s",
                  (int)SR_MIN(item->key.n, 80u), item->key.p, object->name);
}

/** Whether the value says more than the default does. */
bool config__says_something(const struct config_field *field, const struct jsonc_node *node)
{
    if (field->fallback && sr_str_eq_c(node->raw, field->fallback))
        return false;
    switch (node->type) {
    case JSONC_NULL:
        return false;
    case JSONC_BOOL:
        return node->is_true;
    case JSONC_NUMBER:
        return node->integer != 0;
    case JSONC_TEXT:
        return node->text.n > 0 &&
               !(field->choices && !field->fallback && sr_str_eq_c(node->text, field->choices[0]));
    case JSONC_ARRAY:
        return node->count > 0;
    case JSONC_OBJECT:
        for (const struct jsonc_node *item = node->first; item; item = item->next) {
            const struct config_field *inner =
                field->object ? config_field_find(field->object, item->key) : NULL;
            if (!field->object || (inner && config__says_something(inner, item)))
                return true;
        }
        return false;
    }
    return false;
}

static void load_object(struct config__load *load, const struct config_object *object,
                        const struct jsonc_node *node, char *base)
{
    if (node->type != JSONC_OBJECT) {
        config__fault(load, CONFIG_ERROR, node, SR_STR("put it in { }"),
                      "a %s must be an object, not %s", object->name, jsonc_type_name(node->type));
        return;
    }
    if (node->parent && node->parent->type == JSONC_ARRAY)
        load_defaults(load, object, base);
    for (const struct jsonc_node *item = node->first; item; item = item->next) {
        const struct config_field *field = config_field_find(object, item->key);
        if (!field) {
            fault_unknown_key(load, object, item);
            continue;
        }
        if ((field->flags & CONFIG_NOT_BUILT) && config__says_something(field, item))
            config__fault(load, CONFIG_NOTICE, item, SR_STR("it has no effect yet"),
                          "\"%s\" is not built yet", field->name);
        load_field(load, field, item, base);
    }
    for (uint32_t i = 0; i < object->field_count; i++) {
        const struct config_field *field = &object->fields[i];
        if ((field->flags & CONFIG_REQUIRED) && !field->fallback &&
            !jsonc_member_c(node, field->name))
            config__fault(load, CONFIG_ERROR, node,
                          config__say(load, "add \"%s\": %s", field->name, field->doc),
                          "\"%s\" is missing in this %s", field->name, object->name);
    }
}

/* ---- ids and references ---------------------------------------------------------------------- */

/** Where an id stands first, for the sentence about the second. */
static void fault_duplicate_ids(struct config__load *load, const struct jsonc_node *list,
                                struct config_index *index, const char *what)
{
    for (const struct jsonc_node *item = list->first; item; item = item->next) {
        const struct jsonc_node *id = jsonc_member_c(item, "id");
        const struct config_index_entry *entry =
            id && id->type == JSONC_TEXT ? config_index_find(index, id->text) : NULL;
        if (!entry || entry->kind == item->index)
            continue;
        config__fault(load, CONFIG_ERROR, id, config__say(load, "choose another id"),
                      "the id \"%.*s\" belongs to another %s too", SR_STR_ARG(id->text), what);
    }
}

static void index_list(struct config__load *load, const char *pointer, enum config_ref ref,
                       const struct config_object *object, const void *items, uint32_t count)
{
    struct config_index *index = config__index(load, ref);
    struct sr_arena *arena = ref == CONFIG_REF_CONTACT ? &load->scratch : &load->config->arena;
    index->entries = sr_arena_array(arena, count, sizeof(index->entries[0]));
    if (!index->entries) {
        load->is_full = true;
        return;
    }
    const struct config_field *id_field = config_field_find(object, SR_STR("id"));
    for (uint32_t i = 0; i < count; i++) {
        const char *item = (const char *)items + i * object->bytes;
        struct sr_str id;
        memcpy(&id, item + id_field->offset, sizeof(id));
        if (id.n > 0)
            index->entries[index->count++] = (struct config_index_entry){id, item, i};
    }
    config_index_sort(index);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < index->count; i++) {
        if (kept == 0 || !sr_str_eq(index->entries[kept - 1].key, index->entries[i].key))
            index->entries[kept++] = index->entries[i];
        else if (index->entries[i].kind < index->entries[kept - 1].kind)
            index->entries[kept - 1] = index->entries[i]; /* the first in the file wins */
    }
    bool has_duplicates = kept < index->count;
    index->count = kept;
    if (has_duplicates)
        fault_duplicate_ids(load, config__node(load, "%s", pointer), index, config_ref_name(ref));
}

/** The object of a table that a list of the root (or of one of its objects) holds. */
static const struct config_object *object_of(const char *outer, const char *name)
{
    const struct config_object *object = &config_schema;
    if (outer)
        object = config_field_find(object, sr_str_c(outer))->object;
    return config_field_find(object, sr_str_c(name))->object;
}

static void index_all(struct config__load *load)
{
    struct config *config = load->config;
    index_list(load, "/devices", CONFIG_REF_DEVICE, object_of(NULL, "devices"), config->devices,
               config->device_count);
    index_list(load, "/groups", CONFIG_REF_GROUP, object_of(NULL, "groups"), config->groups,
               config->group_count);
    index_list(load, "/providers", CONFIG_REF_PROVIDER, object_of(NULL, "providers"),
               config->providers, config->provider_count);
    index_list(load, "/voiceboxes", CONFIG_REF_VOICEBOX, object_of(NULL, "voiceboxes"),
               config->voiceboxes, config->voicebox_count);
    index_list(load, "/ivr/menus", CONFIG_REF_MENU, object_of("ivr", "menus"), config->ivr.menus,
               config->ivr.menu_count);
    index_list(load, "/schedules", CONFIG_REF_SCHEDULE, object_of(NULL, "schedules"),
               config->schedules, config->schedule_count);
    index_list(load, "/conferences", CONFIG_REF_CONFERENCE, object_of(NULL, "conferences"),
               config->conferences, config->conference_count);
    index_list(load, "/routing/routes", CONFIG_REF_ROUTE, object_of("routing", "routes"),
               config->routing.routes, config->routing.route_count);
    index_list(load, "/contacts", CONFIG_REF_CONTACT, object_of(NULL, "contacts"), config->contacts,
               config->contact_count);
}

static void resolve_references(struct config__load *load)
{
    for (struct config__pending *item = load->pending; item; item = item->next) {
        struct config_index *index = config__index(load, item->ref);
        const struct config_index_entry *entry = config_index_find(index, item->id);
        if (entry) {
            memcpy(item->slot, &entry->object, sizeof(entry->object));
            continue;
        }
        struct config__closest closest = {0};
        for (uint32_t i = 0; i < index->count && i < 1000; i++)
            config__closest_try(&closest, item->id, index->entries[i].key);
        config__fault(load, CONFIG_ERROR, item->node,
                      closest.best.p
                          ? config__say(load, "did you mean \"%.*s\"?", SR_STR_ARG(closest.best))
                          : config__say(load, "add a %s with this id, or remove the reference",
                                        config_ref_name(item->ref)),
                      "there is no %s with the id \"%.*s\"", config_ref_name(item->ref),
                      (int)SR_MIN(item->id.n, 80u), item->id.p);
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void fault_syntax(struct config_faults *faults, const struct jsonc_diag *diag)
{
    config__fault_at(faults, CONFIG_ERROR, diag->line, diag->column, sr_str_c(diag->why),
                     SR_STR("look at this place and just before it"));
}

/** As config_load_text; also tells whether a secret stands in the text itself. */
static enum sr_err load_text_of_file(struct sr_str text, const struct config_load_options *options,
                                     struct config_faults *faults, struct config **ret_config,
                                     bool *ret_has_plain_secret)
{
    static const struct config_load_options defaults = {0};
    struct config__load load = {.faults = faults, .options = options ? options : &defaults};
    struct sr_arena tree;
    struct jsonc_diag diag;
    sr_arena_init(&tree, JSONC_ARENA_BYTES_MAX);
    enum sr_err err = jsonc_parse(text, &tree, &load.root, &diag);
    if (err) {
        fault_syntax(faults, &diag);
        sr_arena_done(&tree);
        return err;
    }
    sr_arena_init(&load.scratch, JSONC_ARENA_BYTES_MAX);
    load.config = config_new();
    load_defaults(&load, &config_schema, (char *)load.config);
    load_object(&load, &config_schema, load.root, (char *)load.config);
    if (!load.is_full)
        index_all(&load);
    if (!load.is_full) {
        resolve_references(&load);
        config__check(&load);
    }
    if (load.is_full) {
        config__fault_at(faults, CONFIG_ERROR, 0, 0, SR_STR("the configuration is too large"),
                         SR_STR("remove what is not needed"));
        err = SR_ERR_LIMIT;
    } else if (faults->error_count > 0) {
        err = SR_ERR_SYNTAX;
    }
    if (err)
        config_unref(load.config);
    else
        *ret_config = load.config;
    *ret_has_plain_secret = load.has_plain_secret;
    sr_arena_done(&load.scratch);
    sr_arena_done(&tree);
    return err;
}

enum sr_err config_load_text(struct sr_str text, const struct config_load_options *options,
                             struct config_faults *faults, struct config **ret_config)
{
    bool has_plain_secret = false;
    return load_text_of_file(text, options, faults, ret_config, &has_plain_secret);
}

static enum sr_err read_file(const char *path, struct sr_buf *text, struct stat *ret_stat)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return SR_ERR_IO;
    enum sr_err err = SR_OK;
    if (fstat(fd, ret_stat) != 0 || S_ISDIR(ret_stat->st_mode)) {
        errno = EISDIR;
        err = SR_ERR_IO;
    }
    while (!err) {
        char *room = sr_buf_reserve(text, 16384);
        if (!room) {
            err = SR_ERR_LIMIT;
            break;
        }
        ssize_t got = read(fd, room, 16384);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            err = SR_ERR_IO;
        if (got <= 0)
            break;
        sr_buf_commit(text, (size_t)got);
    }
    int problem = errno;
    (void)close(fd);
    errno = problem;
    return err;
}

bool config_file_is(const char *path, struct sr_str text)
{
    struct sr_buf now;
    struct stat info;
    sr_buf_init(&now, JSONC_BYTES_MAX + 32768);
    bool is_same = read_file(path, &now, &info) != SR_OK || sr_str_eq(sr_buf_view(&now), text);
    sr_buf_done(&now);
    return is_same;
}

enum sr_err config_load_file(const char *path, struct config_faults *faults,
                             struct sr_buf *ret_text, struct config **ret_config)
{
    struct sr_buf text;
    struct stat info = {0};
    char why[256];
    sr_buf_init(&text, JSONC_BYTES_MAX + 32768);
    enum sr_err err = read_file(path, &text, &info);
    if (err) {
        (void)snprintf(why, sizeof(why), "the file cannot be read: %s",
                       err == SR_ERR_LIMIT ? "it is too large" : strerror(errno));
        config__fault_at(faults, CONFIG_ERROR, 0, 0, sr_str_c(why),
                         SR_STR("name the file with --config"));
        sr_buf_done(&text);
        return err;
    }
    const char *slash = strrchr(path, '/');
    char *folder = sr_str_cdup(slash ? sr_str_make(path, (size_t)(slash - path) + (slash == path))
                                     : SR_STR("."));
    struct config_load_options options = {.folder = folder};
    bool has_plain_secret = false;
    err = load_text_of_file(sr_buf_view(&text), &options, faults, ret_config, &has_plain_secret);
    if (has_plain_secret && (info.st_mode & (S_IRGRP | S_IROTH)))
        config__fault_at(faults, CONFIG_WARNING, 0, 0,
                         SR_STR("other users of this machine can read the file and its passwords"),
                         SR_STR("chmod 600 the file"));
    if (ret_text) {
        sr_buf_clear(ret_text);
        sr_buf_str(ret_text, sr_buf_view(&text));
    }
    sr_free(folder);
    sr_buf_done(&text);
    return err;
}
