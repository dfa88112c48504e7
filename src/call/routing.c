#include "call/routing.h"

/* Which condition of a route a call does not meet; later ones come closer. */
enum miss {
    MISS_NONE,
    MISS_DIRECTION,
    MISS_USE, /* the route has nothing for such a call */
    MISS_SOURCE,
    MISS_NUMBER,
    MISS_CALLER,
    MISS_SCHEDULE,
};

struct resolve {
    const struct config *config;
    const struct routing_query *query;
    struct routing_plan *plan;
    struct sr_json *tried;
    struct sr_str number, caller;
    const struct config_route *only; /* NULL: every route */
    enum miss nearest;               /* of plan->nearest */
    size_t nearest_common;           /* characters of its pattern */
};

static const char *const directions[] = {"any", "inbound", "outbound", "internal"};

enum config_direction routing_direction(struct sr_str name)
{
    for (size_t i = 1; i < SR_ARRAY_LEN(directions); i++) {
        if (sr_str_eq_c(name, directions[i]))
            return (enum config_direction)i;
    }
    return CONFIG_DIRECTION_ANY;
}

const char *routing_direction_name(enum config_direction direction)
{
    return (size_t)direction < SR_ARRAY_LEN(directions) ? directions[direction] : directions[0];
}

/* ---- one route ------------------------------------------------------------------------------- */

bool routing_is_open(const struct config_schedule *schedule, int64_t now)
{
    struct schedule_hours hours;
    struct schedule_moment moment;

    if (schedule == NULL)
        return true;
    hours = (struct schedule_hours){schedule->rules, schedule->rule_texts.count, schedule->holidays,
                                    schedule->holiday_texts.count};
    zone_moment(schedule->zone, now, &moment);
    return schedule_is_open(&hours, &moment);
}

static bool has_answer(const struct config_route_action *action)
{
    return action->target_names.count > 0 || action->ring_browsers ||
           action->voicemail_box != NULL || action->ivr_menu != NULL || action->announcement.n > 0;
}

static bool is_source(const struct resolve *resolve, const struct config_match *match)
{
    if (match->source_provider != NULL && match->source_provider != resolve->query->provider)
        return false;
    return match->source_device == NULL || match->source_device == resolve->query->device;
}

static enum miss check_route(const struct resolve *resolve, const struct config_route *route,
                             enum config_direction direction)
{
    const struct config_match *match = &route->match;
    bool is_any = match->direction == CONFIG_DIRECTION_ANY;

    if (match->direction != direction && !(is_any && direction != CONFIG_DIRECTION_OUTBOUND))
        return MISS_DIRECTION;
    if (direction == CONFIG_DIRECTION_OUTBOUND ? route->action.provider == NULL
                                               : !has_answer(&route->action))
        return MISS_USE;
    if (!is_source(resolve, match))
        return MISS_SOURCE;
    if (!pattern_matches(match->number, resolve->number))
        return MISS_NUMBER;
    if (!pattern_matches(match->caller, resolve->caller))
        return MISS_CALLER;
    if (!routing_is_open(match->schedule, resolve->query->now))
        return MISS_SCHEDULE;
    return MISS_NONE;
}

/* ---- in words -------------------------------------------------------------------------------- */

static void write_number_why(struct sr_buf *why, const char *whose, const struct pattern *pattern,
                             struct sr_str number, bool is_match)
{
    struct sr_str text = pattern_text(pattern);
    const char *verb;

    switch (pattern_kind(pattern)) {
    case PATTERN_EXACT:
        verb = is_match ? "is" : "is not";
        break;
    case PATTERN_PREFIX:
        verb = is_match ? "begins with" : "does not begin with";
        text = sr_str_head(text, text.n - 1);
        break;
    case PATTERN_REGEX:
    default:
        verb = is_match ? "matches" : "does not match";
        break;
    }
    if (number.n > 0)
        sr_buf_fmt(why, "%s %.*s %s %.*s", whose, SR_STR_ARG(number), verb, SR_STR_ARG(text));
    else
        sr_buf_fmt(why, "%s is not known and cannot match %.*s", whose, SR_STR_ARG(text));
}

static void write_schedule_why(struct sr_buf *why, const struct config_schedule *schedule,
                               int64_t now, bool is_open)
{
    static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    struct schedule_moment moment;

    zone_moment(schedule->zone, now, &moment);
    sr_buf_fmt(why, "schedule %.*s is %s (%s %04u-%02u-%02u %02u:%02u", SR_STR_ARG(schedule->id),
               is_open ? "open" : "closed", days[moment.weekday], (unsigned)moment.date.year,
               (unsigned)moment.date.month, (unsigned)moment.date.day, moment.minute / 60u,
               moment.minute % 60u);
    if (schedule->timezone.n > 0)
        sr_buf_fmt(why, " in %.*s", SR_STR_ARG(schedule->timezone));
    sr_buf_char(why, ')');
}

static void write_source_why(struct sr_buf *why, const struct config_match *match, bool is_match)
{
    const char *verb = is_match ? "the call comes from" : "only for calls of";

    if (match->source_provider_id.n > 0)
        sr_buf_fmt(why, "%s provider %.*s", verb, SR_STR_ARG(match->source_provider_id));
    else
        sr_buf_fmt(why, "%s device %.*s", verb, SR_STR_ARG(match->source_device_id));
}

static void write_match_why(const struct resolve *resolve, const struct config_match *match,
                            struct sr_buf *why)
{
    const char *comma = "";

    if (match->source_provider_id.n > 0 || match->source_device_id.n > 0) {
        write_source_why(why, match, true);
        comma = ", ";
    }
    if (match->number != NULL) {
        sr_buf_c(why, comma);
        write_number_why(why, "the number", match->number, resolve->number, true);
        comma = ", ";
    }
    if (match->caller != NULL) {
        sr_buf_c(why, comma);
        write_number_why(why, "the caller", match->caller, resolve->caller, true);
        comma = ", ";
    }
    if (match->schedule != NULL) {
        sr_buf_c(why, comma);
        write_schedule_why(why, match->schedule, resolve->query->now, true);
        comma = ", ";
    }
    if (*comma == '\0')
        sr_buf_c(why, "it takes every such call");
}

static void write_why(const struct resolve *resolve, const struct config_route *route,
                      enum miss miss, struct sr_buf *why)
{
    const struct config_match *match = &route->match;

    switch (miss) {
    case MISS_NONE:
        write_match_why(resolve, match, why);
        break;
    case MISS_DIRECTION:
        if (match->direction == CONFIG_DIRECTION_ANY)
            sr_buf_c(why, "calls to the outside need a route of direction outbound");
        else
            sr_buf_fmt(why, "only for %s calls", routing_direction_name(match->direction));
        break;
    case MISS_USE:
        sr_buf_c(why, "it names nobody who could take the call");
        break;
    case MISS_SOURCE:
        write_source_why(why, match, false);
        break;
    case MISS_NUMBER:
        write_number_why(why, "the number", match->number, resolve->number, false);
        break;
    case MISS_CALLER:
        write_number_why(why, "the caller", match->caller, resolve->caller, false);
        break;
    case MISS_SCHEDULE:
        write_schedule_why(why, match->schedule, resolve->query->now, false);
        break;
    }
}

void routing_note(struct sr_json *tried, struct sr_str route, bool is_matched, struct sr_str why)
{
    if (tried == NULL)
        return;
    sr_json_object(tried);
    sr_json_key_str(tried, "route", route);
    sr_json_key_bool(tried, "matched", is_matched);
    sr_json_key_str(tried, "why", why);
    sr_json_end(tried);
}

/* How much of the pattern the number has. */
static size_t common_length(const struct pattern *pattern, struct sr_str number)
{
    struct sr_str text;
    size_t n = 0;

    if (pattern == NULL || pattern_kind(pattern) == PATTERN_REGEX)
        return 0;
    text = pattern_text(pattern);
    while (n < text.n && n < number.n && text.p[n] == number.p[n])
        n++;
    return n;
}

static void note_nearest(struct resolve *resolve, const struct config_route *route, enum miss miss,
                         struct sr_str why)
{
    size_t common = common_length(route->match.number, resolve->number);

    if ((miss < MISS_SOURCE && resolve->only == NULL) || miss < resolve->nearest ||
        (resolve->plan->nearest != NULL && miss == resolve->nearest &&
         common <= resolve->nearest_common))
        return;
    resolve->nearest = miss;
    resolve->nearest_common = common;
    resolve->plan->nearest = route;
    (void)sr_str_copy(why, resolve->plan->nearest_why, sizeof(resolve->plan->nearest_why));
}

/* ---- all routes of a direction --------------------------------------------------------------- */

/* The first that takes the call, or NULL. `takes_any`: those without a direction count. */
static const struct config_route *find_route(struct resolve *resolve,
                                             enum config_direction direction, bool takes_any)
{
    const struct config_routing *routing = &resolve->config->routing;
    char text[ROUTING_WHY_MAX];

    for (uint32_t i = 0; i < routing->ordered_count; i++) {
        const struct config_route *route = routing->ordered[i];
        enum miss miss = check_route(resolve, route, direction);
        struct sr_buf why;

        if ((!takes_any && route->match.direction == CONFIG_DIRECTION_ANY) ||
            (resolve->only != NULL && resolve->only != route))
            continue;
        if (miss == MISS_NONE && resolve->tried == NULL)
            return route;
        if (miss == MISS_DIRECTION && direction == CONFIG_DIRECTION_INTERNAL)
            continue; /* its turn comes, or is told about, with the outbound routes */
        sr_buf_init_fixed(&why, text, sizeof(text));
        write_why(resolve, route, miss, &why);
        routing_note(resolve->tried, route->id, miss == MISS_NONE, sr_buf_view(&why));
        if (miss == MISS_NONE)
            return route;
        note_nearest(resolve, route, miss, sr_buf_view(&why));
    }
    return NULL;
}

static void take_route(struct resolve *resolve, const struct config_route *route)
{
    resolve->plan->outcome = ROUTING_ROUTE;
    resolve->plan->route = route;
    resolve->plan->reason = CALL_REASON_NONE;
}

/* ---- outside --------------------------------------------------------------------------------- */

static void add_provider(struct routing_plan *plan, const struct config_provider *provider)
{
    if (provider == NULL || !provider->is_enabled || plan->provider_count == ROUTING_PROVIDERS_MAX)
        return;
    for (size_t i = 0; i < plan->provider_count; i++) {
        if (plan->providers[i] == provider)
            return;
    }
    plan->providers[plan->provider_count++] = provider;
}

/* What the provider is to dial, by the route: prefixes off and on. */
static void write_dialled(const struct resolve *resolve, const struct config_route_action *action)
{
    struct routing_plan *plan = resolve->plan;
    struct sr_str number = resolve->number;
    struct sr_str strip = action->strip_prefix;
    struct sr_buf out;

    if (strip.n > 0 && number.n > strip.n && sr_str_starts(number, strip)) {
        number = sr_str_from(number, strip.n);
        if (config_is_emergency(resolve->config, number)) { /* behind the digit for a line */
            plan->is_emergency = true;
            (void)sr_str_copy(number, plan->judged, sizeof(plan->judged));
        } else if (resolve->number.p[0] != '+') { /* what was behind it can be a number now */
            (void)number_normalise(number, resolve->config->country, NUMBER_DIALLED, plan->judged);
            number = sr_str_c(plan->judged);
        }
    }
    sr_buf_init_fixed(&out, plan->dialled, sizeof(plan->dialled));
    if (!plan->is_emergency)
        sr_buf_str(&out, action->prepend_prefix);
    sr_buf_str(&out, number);
    (void)sr_buf_cstr(&out);
}

static void take_outside(struct resolve *resolve, const struct config_route *route)
{
    const struct config_device *device = resolve->query->device;
    struct routing_plan *plan = resolve->plan;

    plan->outcome = ROUTING_OUTSIDE;
    plan->reason = CALL_REASON_NONE;
    plan->direction = CONFIG_DIRECTION_OUTBOUND;
    plan->route = route;
    memcpy(plan->judged, plan->number, sizeof(plan->judged));
    memcpy(plan->dialled, plan->number, sizeof(plan->dialled));
    if (device != NULL)
        plan->caller_id = device->caller_id;
    add_provider(plan, resolve->query->preferred);
    if (route != NULL) {
        if (route->action.caller_id.n > 0)
            plan->caller_id = route->action.caller_id;
        if (!plan->is_emergency)
            write_dialled(resolve, &route->action);
        if (resolve->query->preferred == NULL) {
            add_provider(plan, route->action.provider);
            for (uint32_t i = 0; i < route->action.failover_ids.count; i++)
                add_provider(plan, route->action.failover_providers[i]);
        }
    }
    /* an emergency call goes out by whatever there is */
    for (uint32_t i = 0; plan->is_emergency && i < resolve->config->provider_count; i++)
        add_provider(plan, &resolve->config->providers[i]);
    if (plan->provider_count > 0)
        return;
    plan->outcome = ROUTING_NOWHERE;
    plan->reason = CALL_REASON_UNREACHABLE;
}

static void resolve_outside(struct resolve *resolve)
{
    const struct config_route *route = find_route(resolve, CONFIG_DIRECTION_OUTBOUND, true);
    char text[ROUTING_WHY_MAX];
    struct sr_buf why;

    resolve->plan->direction = CONFIG_DIRECTION_OUTBOUND;
    if (route != NULL || resolve->plan->is_emergency || resolve->query->preferred != NULL) {
        if (route == NULL && resolve->query->preferred == NULL)
            routing_note(resolve->tried, SR_STR("emergency"), resolve->config->provider_count > 0,
                         SR_STR("an emergency number goes out by any provider"));
        take_outside(resolve, route);
        return;
    }
    sr_buf_init_fixed(&why, text, sizeof(text));
    sr_buf_fmt(&why, "no outbound route takes %s", resolve->plan->number);
    routing_note(resolve->tried, SR_STR("outside"), false, sr_buf_view(&why));
}

/* ---- the two kinds of question --------------------------------------------------------------- */

static struct sr_str home_of(const struct config *config, const struct config_provider *provider)
{
    return provider->country.n > 0 ? provider->country : config->country;
}

static void resolve_inbound(struct resolve *resolve)
{
    const struct routing_query *query = resolve->query;
    struct sr_str home = home_of(resolve->config, query->provider);
    struct routing_plan *plan = resolve->plan;
    const struct config_route *route;

    plan->direction = CONFIG_DIRECTION_INBOUND;
    (void)number_normalise(query->number, home, NUMBER_FROM_PROVIDER, plan->number);
    (void)number_normalise(query->caller, home, NUMBER_FROM_PROVIDER, plan->caller);
    resolve->number = sr_str_c(plan->number);
    resolve->caller = sr_str_c(plan->caller);
    route = find_route(resolve, CONFIG_DIRECTION_INBOUND, true);
    if (route != NULL)
        take_route(resolve, route);
}

static struct config_extension find_inside(const struct config *config, struct sr_str dialled)
{
    struct config_extension what = config_extension_find(config, dialled);

    if (what.kind != CONFIG_EXTENSION_NONE)
        return what;
    what.device = config_device_by_id(config, dialled);
    if (what.device != NULL)
        what.kind = CONFIG_EXTENSION_DEVICE;
    return what;
}

static const char *feature_text(enum config_feature_kind kind)
{
    switch (kind) {
    case CONFIG_FEATURE_ECHO:
        return "the code of the echo test";
    case CONFIG_FEATURE_MY_VOICEMAIL:
    case CONFIG_FEATURE_ANY_VOICEMAIL:
        return "the code of the voicemail, which is not built yet";
    case CONFIG_FEATURE_PICKUP:
        return "the code that takes a call ringing elsewhere";
    case CONFIG_FEATURE_CLOCK:
        return "the code of the clock";
    case CONFIG_FEATURE_INTERCOM:
        return "the code of the intercom";
    }
    return "a feature code";
}

static const char *extension_text(const struct config_extension *what, struct sr_buf *buf)
{
    switch (what->kind) {
    case CONFIG_EXTENSION_NONE:
        return "nobody inside has this number";
    case CONFIG_EXTENSION_DEVICE:
        return "the extension of a device";
    case CONFIG_EXTENSION_GROUP:
        if (what->group->display_name.n == 0 || what->group->display_name.n > ROUTING_NAME_MAX)
            return "the extension of a group";
        sr_buf_fmt(buf, "the extension of the group \"%.*s\"",
                   SR_STR_ARG(what->group->display_name));
        return sr_buf_cstr(buf);
    case CONFIG_EXTENSION_CONFERENCE:
        return "the extension of a conference";
    case CONFIG_EXTENSION_VOICEBOX:
        return "the extension of a voicebox";
    case CONFIG_EXTENSION_PARKING:
        return "a parking slot";
    case CONFIG_EXTENSION_FEATURE:
        return feature_text(what->feature->kind);
    }
    return "";
}

/* True: somebody or something inside takes it. */
static bool resolve_inside(struct resolve *resolve)
{
    struct config_extension what = find_inside(resolve->config, resolve->query->number);
    bool is_nobodys = what.kind == CONFIG_EXTENSION_NONE;
    const struct config_route *route;
    char bytes[ROUTING_WHY_MAX];
    struct sr_buf why;

    resolve->plan->direction = CONFIG_DIRECTION_INTERNAL;
    route = find_route(resolve, CONFIG_DIRECTION_INTERNAL, is_nobodys);
    if (route != NULL) {
        take_route(resolve, route);
        return true;
    }
    sr_buf_init_fixed(&why, bytes, sizeof(bytes));
    routing_note(resolve->tried, SR_STR("extensions"), !is_nobodys,
                 sr_str_c(extension_text(&what, &why)));
    if (is_nobodys)
        return false;
    resolve->plan->outcome = ROUTING_EXTENSION;
    resolve->plan->reason = CALL_REASON_NONE;
    resolve->plan->extension = what;
    return true;
}

static void resolve_dialled(struct resolve *resolve)
{
    const struct routing_query *query = resolve->query;
    struct routing_plan *plan = resolve->plan;
    bool is_outside = query->direction == CONFIG_DIRECTION_OUTBOUND;

    if (query->caller.n > 0 || query->device == NULL)
        (void)sr_str_copy(query->caller, plan->caller, sizeof(plan->caller));
    else
        (void)sr_str_copy(query->device->extension.n ? query->device->extension : query->device->id,
                          plan->caller, sizeof(plan->caller));
    resolve->caller = sr_str_c(plan->caller);
    (void)number_normalise(query->number, resolve->config->country, NUMBER_DIALLED, plan->number);
    plan->is_emergency = config_is_emergency(resolve->config, query->number) ||
                         config_is_emergency(resolve->config, sr_str_c(plan->number));
    if (!is_outside && find_inside(resolve->config, query->number).kind != CONFIG_EXTENSION_NONE)
        (void)sr_str_copy(query->number, plan->number, sizeof(plan->number));
    resolve->number = sr_str_c(plan->number);
    if (!is_outside && !plan->is_emergency && resolve_inside(resolve))
        return;
    if (query->direction != CONFIG_DIRECTION_INTERNAL)
        resolve_outside(resolve);
}

static void resolve_all(struct resolve *resolve)
{
    *resolve->plan = (struct routing_plan){.outcome = ROUTING_NOWHERE,
                                           .reason = CALL_REASON_NOT_FOUND,
                                           .direction = resolve->query->direction};
    if (resolve->query->provider != NULL)
        resolve_inbound(resolve);
    else
        resolve_dialled(resolve);
}

void routing_resolve(const struct config *config, const struct routing_query *query,
                     struct routing_plan *ret_plan, struct sr_json *tried)
{
    struct resolve resolve = {.config = config, .query = query, .plan = ret_plan, .tried = tried};

    resolve_all(&resolve);
}

void routing_explain(const struct config *config, const struct routing_query *query,
                     const struct config_route *route, struct routing_plan *ret_plan)
{
    struct resolve resolve = {.config = config, .query = query, .plan = ret_plan, .only = route};

    resolve_all(&resolve);
}

enum call_reason routing_judge(const struct config *config, const struct routing_plan *plan,
                               const struct config_device *account, const struct guard_use *use,
                               int64_t now, char ret_why[GUARD_WHY_MAX])
{
    struct guard_query query = {.config = config,
                                .number = sr_str_c(plan->judged),
                                .route = plan->route,
                                .is_emergency = plan->is_emergency,
                                .is_ours = true,
                                .device = account,
                                .now = now};

    if (use != NULL)
        query.use = *use;
    return guard_check(&query, ret_why);
}
