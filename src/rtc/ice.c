#include "rtc/ice.h"

enum {
    TYPE_HOST = 126, /* RFC 8445 5.1.2.2 */
    TYPE_SRFLX = 100,
    TYPE_HOST_TCP = 90, /* RFC 6544 4.2: below every UDP candidate */
    TYPE_SRFLX_TCP = 80,
    TCP_PASSIVE_PREFERENCE = 4 << 13,
    LOCAL_UDP = TYPE_HOST, /* our end of a path, for its priority */
    LOCAL_TCP = TYPE_HOST_TCP,
};

/* ---- candidates ---- */

static bool is_usable(const struct sr_addr *addr)
{
    return addr->family != SR_ADDR_NONE && !sr_addr_is_any(addr) && !sr_addr_is_multicast(addr) &&
           !(addr->family == SR_ADDR_IP6 && sr_addr_is_link_local(addr));
}

static bool is_listed(const struct ice_candidate *list, size_t count, const struct sr_addr *addr)
{
    for (size_t i = 0; i < count; i++) {
        if (sr_addr_ip_eq(&list[i].addr, addr))
            return true;
    }
    return false;
}

static uint32_t type_preference(const struct ice_candidate *candidate)
{
    if (candidate->is_tcp)
        return candidate->kind == ICE_HOST ? TYPE_HOST_TCP : TYPE_SRFLX_TCP;
    return candidate->kind == ICE_HOST ? TYPE_HOST : TYPE_SRFLX;
}

/* `rank`: 0 is the best of its kind. Loopback comes after everything. */
static void set_priority(struct ice_candidate *candidate, size_t rank)
{
    uint32_t other = 8191 - (uint32_t)SR_MIN(rank, (size_t)8000);
    uint32_t local = candidate->is_tcp ? TCP_PASSIVE_PREFERENCE + other : 57344 + other;

    if (sr_addr_is_loopback(&candidate->addr))
        local = other / 2;
    candidate->priority = type_preference(candidate) << 24 | local << 8 | 255;
}

static void add_candidate(struct ice_candidate *out, size_t max, size_t *count,
                          const struct ice_candidate *candidate, bool is_loopback_turn)
{
    if (*count == max || !is_usable(&candidate->addr) ||
        sr_addr_is_loopback(&candidate->addr) != is_loopback_turn)
        return;
    out[*count] = *candidate;
    out[*count].foundation = (uint32_t)*count + 1;
    set_priority(&out[*count], *count);
    (*count)++;
}

static void add_hosts(const struct ice_hosts *hosts, struct ice_candidate *out, size_t max,
                      size_t *count, bool is_loopback_turn)
{
    for (size_t i = 0; i < hosts->addr_count; i++) {
        struct ice_candidate candidate = {.kind = ICE_HOST, .addr = hosts->addrs[i]};

        candidate.addr.port = hosts->port;
        candidate.addr.scope = 0;
        if (!is_listed(out, *count, &candidate.addr))
            add_candidate(out, max, count, &candidate, is_loopback_turn);
    }
}

static void add_public(const struct ice_hosts *hosts, const struct sr_addr *addr,
                       struct ice_candidate *out, size_t max, size_t *count)
{
    struct ice_candidate candidate = {.kind = ICE_SRFLX, .addr = *addr};

    candidate.addr.port = hosts->port;
    if (is_listed(out, *count, &candidate.addr))
        return;
    for (size_t i = 0; i < *count; i++) {
        if (out[i].addr.family == addr->family && !sr_addr_is_loopback(&out[i].addr)) {
            candidate.related = out[i].addr;
            break;
        }
    }
    add_candidate(out, max, count, &candidate, sr_addr_is_loopback(&candidate.addr));
}

size_t ice_candidates_make(const struct ice_hosts *hosts, struct ice_candidate *out, size_t max)
{
    size_t half = hosts->has_tcp ? max / 2 : max;
    size_t count = 0;
    size_t udp_count;

    add_hosts(hosts, out, half, &count, false);
    add_public(hosts, &hosts->public_ip4, out, half, &count);
    add_public(hosts, &hosts->public_ip6, out, half, &count);
    add_hosts(hosts, out, half, &count, true);
    udp_count = count;
    for (size_t i = 0; hosts->has_tcp && i < udp_count; i++) {
        out[count] = out[i];
        out[count].is_tcp = true;
        out[count].foundation = (uint32_t)count + 1;
        set_priority(&out[count], i);
        count++;
    }
    return count;
}

void ice_candidate_write(const struct ice_candidate *candidate, struct sr_buf *out)
{
    char ip[SR_ADDR_TEXT_MAX];

    sr_buf_fmt(out, "candidate:%u 1 %s %u %s %u typ %s", candidate->foundation,
               candidate->is_tcp ? "tcp" : "udp", candidate->priority,
               sr_addr_ip_text(&candidate->addr, ip), candidate->addr.port,
               candidate->kind == ICE_HOST ? "host" : "srflx");
    if (candidate->kind ==
        ICE_SRFLX) { /* RFC 8839 5.1: related address is required; 0.0.0.0 hides it */
        if (candidate->related.family != SR_ADDR_NONE)
            sr_buf_fmt(out, " raddr %s rport %u", sr_addr_ip_text(&candidate->related, ip),
                       candidate->related.port);
        else
            sr_buf_fmt(out, " raddr %s rport 9",
                       candidate->addr.family == SR_ADDR_IP6 ? "::" : "0.0.0.0");
    }
    if (candidate->is_tcp)
        sr_buf_c(out, " tcptype passive");
}

static bool is_ice_text(struct sr_str text, size_t min)
{
    if (text.n < min || text.n > ICE_TEXT_MAX)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        if (!sr_is_alpha(c) && !sr_is_digit(c) && c != '+' && c != '/')
            return false;
    }
    return true;
}

bool ice_ufrag_is_ok(struct sr_str ufrag)
{
    return is_ice_text(ufrag, ICE_UFRAG_MIN);
}

bool ice_pwd_is_ok(struct sr_str pwd)
{
    return is_ice_text(pwd, ICE_PWD_MIN);
}

void ice_text_from(const uint8_t *random, size_t chars, char *out)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < chars; i++)
        out[i] = letters[random[i] & 63];
    out[chars] = '\0';
}

struct sr_str ice_username_local(struct sr_str username)
{
    size_t at = sr_str_find(username, ':', 0);

    return at < username.n ? sr_str_head(username, at) : (struct sr_str){NULL, 0};
}

/* ---- the agent ---- */

bool ice_path_eq(const struct ice_path *a, const struct ice_path *b)
{
    return a->stream == b->stream && sr_addr_eq(&a->remote, &b->remote) &&
           sr_addr_ip_eq(&a->local, &b->local);
}

void ice_agent_init(struct ice_agent *agent, const struct ice_local *local)
{
    *agent = (struct ice_agent){.deadline = SR_NEVER};
    agent->now.local = *local;
}

bool ice_agent_is_restart(const struct ice_agent *agent, struct sr_str ufrag)
{
    const struct ice_set *latest = agent->has_next ? &agent->next : &agent->now;

    return latest->remote_ufrag[0] != '\0' && !sr_str_eq_c(ufrag, latest->remote_ufrag);
}

const struct ice_local *ice_agent_local(const struct ice_agent *agent)
{
    return agent->has_next ? &agent->next.local : &agent->now.local;
}

static void wait_for_check(struct ice_agent *agent, sr_usec now)
{
    agent->wait_checks = 0;
    agent->wait_forged = 0;
    agent->deadline = now + ICE_FIRST_CHECK_US;
}

enum sr_err ice_agent_set_remote(struct ice_agent *agent, struct sr_str ufrag, struct sr_str pwd,
                                 const struct ice_local *fresh, sr_usec now)
{
    struct ice_set *set = &agent->now;

    if (!ice_ufrag_is_ok(ufrag) || !ice_pwd_is_ok(pwd))
        return SR_ERR_SYNTAX;
    if (ice_agent_is_restart(agent, ufrag)) {
        /* a set that was never used gives way; the one that works stays until the newest does */
        set = &agent->next;
        set->restart = (agent->has_next ? agent->next.restart : agent->now.restart) + 1;
        set->local = *fresh;
        agent->has_next = true;
    } else if (set->remote_ufrag[0] != '\0') {
        return SR_OK; /* told again */
    }
    (void)sr_str_copy(ufrag, set->remote_ufrag, sizeof(set->remote_ufrag));
    /* while an old path lives, its own consent is watched first */
    if (agent->state == ICE_NEW)
        agent->state = ICE_WAITING;
    wait_for_check(agent, now);
    return SR_OK;
}

/* The credentials a check was made for, or NULL. */
static const struct ice_set *set_of(const struct ice_agent *agent, struct sr_str username)
{
    struct sr_str ours = ice_username_local(username);
    const struct ice_set *set = NULL;

    if (ours.n == 0)
        return NULL;
    if (sr_str_eq_c(ours, agent->now.local.ufrag))
        set = &agent->now;
    else if (agent->has_next && sr_str_eq_c(ours, agent->next.local.ufrag))
        set = &agent->next;
    if (set == NULL)
        return NULL;
    /* before the answer told us, a browser's checks may already be there: RFC 8445 7.3 */
    if (set->remote_ufrag[0] != '\0' &&
        !sr_str_eq_c(sr_str_from(username, ours.n + 1), set->remote_ufrag))
        return NULL;
    return set;
}

static void answer_with(const struct stun_msg *msg, const struct ice_set *set,
                        const struct ice_path *path, uint16_t error, struct ice_step *step)
{
    struct stun_writer writer;

    stun_write_start(&writer, step->bytes, sizeof(step->bytes),
                     error == 0 ? STUN_SUCCESS : STUN_ERROR, STUN_METHOD_BINDING, msg->tid);
    if (error == 0) {
        stun_write_xor_mapped(&writer, &path->remote);
    } else {
        stun_write_error(&writer, error,
                         error == 487 ? SR_STR("Role Conflict") : SR_STR("Unknown Attribute"));
    }
    if (error == 420) {
        uint8_t types[2 * STUN_UNKNOWN_MAX];

        for (size_t i = 0; i < msg->unknown_count; i++) {
            types[2 * i] = (uint8_t)(msg->unknown[i] >> 8);
            types[2 * i + 1] = (uint8_t)msg->unknown[i];
        }
        stun_write_attr(&writer, STUN_ATTR_UNKNOWN_ATTRIBUTES, types, 2 * msg->unknown_count);
    }
    stun_write_integrity(&writer, sr_str_c(set->local.pwd));
    stun_write_fingerprint(&writer);
    step->n = stun_write_end(&writer);
}

/* RFC 8445 6.1.2.3 with the browser controlling: G is the priority it would give its candidate. */
static uint64_t pair_priority(const struct stun_msg *msg, const struct ice_path *path)
{
    uint64_t theirs = msg->has_priority ? msg->priority : 0;
    uint64_t ours = (uint64_t)(path->stream == 0 ? LOCAL_UDP : LOCAL_TCP) << 24;

    return (SR_MIN(theirs, ours) << 32) + 2 * SR_MAX(theirs, ours) + (theirs > ours);
}

static struct ice_valid *find_valid(struct ice_agent *agent, const struct ice_path *path)
{
    for (uint32_t i = 0; i < agent->valid_count; i++) {
        if (ice_path_eq(&agent->valid[i].path, path))
            return &agent->valid[i];
    }
    return NULL;
}

/* The place of the path unheard longest; never the selected one. */
static struct ice_valid *make_place(struct ice_agent *agent, struct ice_step *step)
{
    struct ice_valid *oldest = NULL;

    if (agent->valid_count < ICE_PATHS_MAX)
        return &agent->valid[agent->valid_count++];
    for (uint32_t i = 0; i < agent->valid_count; i++) {
        struct ice_valid *one = &agent->valid[i];

        if (agent->is_selected && i == agent->selected_index)
            continue;
        if (oldest == NULL || one->heard_at < oldest->heard_at)
            oldest = one;
    }
    step->is_evicted = true;
    step->evicted = oldest->path;
    return oldest;
}

static void remove_valid(struct ice_agent *agent, uint32_t index)
{
    agent->valid_count--;
    if (agent->is_selected && agent->selected_index == index)
        agent->is_selected = false;
    if (agent->is_selected && agent->selected_index == agent->valid_count)
        agent->selected_index = index;
    agent->valid[index] = agent->valid[agent->valid_count];
}

/* The newest credentials have a nominated pair: the older ones end. */
static void finish_restart(struct ice_agent *agent, struct ice_step *step)
{
    agent->now = agent->next;
    agent->has_next = false;
    step->is_restart_done = true;
    for (uint32_t i = agent->valid_count; i-- > 0;) {
        if (agent->valid[i].restart != agent->now.restart)
            remove_valid(agent, i);
    }
}

static bool is_better(const struct ice_agent *agent, const struct ice_valid *candidate, sr_usec now)
{
    const struct ice_valid *selected;

    if (!agent->is_selected)
        return true;
    selected = &agent->valid[agent->selected_index];
    if (selected->restart != candidate->restart)
        return candidate->restart > selected->restart;
    /* a browser that nominates everything means the best; one that changed its mind stops
       nominating the old pair */
    return candidate->priority >= selected->priority ||
           now - selected->nominated_at >= ICE_SETTLE_US;
}

static void nominate(struct ice_agent *agent, struct ice_valid *valid, sr_usec now,
                     struct ice_step *step)
{
    bool was_selected = agent->is_selected;

    valid->nominated_at = now;
    if (was_selected && &agent->valid[agent->selected_index] == valid)
        return;
    if (!is_better(agent, valid, now))
        return;
    agent->selected_index = (uint32_t)(valid - agent->valid);
    agent->is_selected = true;
    agent->selected = valid->path;
    if (agent->has_next && valid->restart == agent->next.restart)
        finish_restart(agent, step);
    step->event = was_selected && !step->is_restart_done ? ICE_EVENT_PATH : ICE_EVENT_CONNECTED;
}

static void note_state(struct ice_agent *agent, sr_usec now, struct ice_step *step)
{
    enum ice_state old = agent->state;

    agent->state = agent->is_selected ? ICE_CONNECTED : ICE_CHECKING;
    if (agent->state == ICE_CONNECTED) {
        if (old != ICE_CONNECTED)
            step->event = ICE_EVENT_CONNECTED;
        agent->deadline = now + ICE_CONSENT_US;
        return;
    }
    if (old == ICE_CHECKING)
        return;
    step->event = ICE_EVENT_CHECKING;
    agent->deadline = now + ICE_FIRST_CHECK_US;
}

static void on_check(struct ice_agent *agent, const struct stun_msg *msg,
                     const struct ice_path *path, sr_usec now, struct ice_step *step)
{
    const struct ice_set *set = set_of(agent, msg->username);
    struct ice_valid *valid;

    agent->stats.checks++;
    if (set == NULL || stun_check_integrity(msg, sr_str_c(set->local.pwd)) != SR_OK) {
        agent->stats.forged++;
        agent->wait_forged += agent->wait_forged < UINT32_MAX;
        return;
    }
    if (msg->unknown_count > 0) {
        agent->stats.refused++;
        answer_with(msg, set, path, 420, step);
        return;
    }
    if (msg->has_ice_controlled) { /* we are lite: the other side has to control */
        agent->stats.conflicts++;
        answer_with(msg, set, path, 487, step);
        return;
    }
    answer_with(msg, set, path, 0, step);
    if (agent->state == ICE_NEW)
        return; /* nothing is known of the peer yet; its next check counts */
    agent->wait_checks += agent->wait_checks < UINT32_MAX;
    valid = find_valid(agent, path);
    if (valid == NULL) {
        valid = make_place(agent, step);
        *valid = (struct ice_valid){.path = *path};
    }
    valid->priority = pair_priority(msg, path);
    valid->heard_at = now;
    valid->restart = set->restart;
    agent->checked_at = now;
    step->is_valid = true;
    if (msg->has_use_candidate)
        nominate(agent, valid, now, step);
    note_state(agent, now, step);
}

void ice_agent_on_stun(struct ice_agent *agent, const struct stun_msg *msg,
                       const struct ice_path *path, sr_usec now, struct ice_step *ret_step)
{
    ret_step->n = 0;
    ret_step->event = ICE_EVENT_NONE;
    ret_step->is_valid = false;
    ret_step->is_evicted = false;
    ret_step->is_restart_done = false;
    /* indications (RFC 8445 11: keep-alives) and answers to what we never asked say nothing */
    if (msg->cls == STUN_REQUEST && msg->method == STUN_METHOD_BINDING)
        on_check(agent, msg, path, now, ret_step);
}

bool ice_agent_has_path(const struct ice_agent *agent, const struct ice_path *path)
{
    for (uint32_t i = 0; i < agent->valid_count; i++) {
        if (ice_path_eq(&agent->valid[i].path, path))
            return true;
    }
    return false;
}

const struct ice_path *ice_agent_path(const struct ice_agent *agent, size_t index)
{
    return index < agent->valid_count ? &agent->valid[index].path : NULL;
}

bool ice_agent_holds(const struct ice_agent *agent, const struct sr_addr *remote, sr_usec now)
{
    for (uint32_t i = 0; i < agent->valid_count; i++) {
        const struct ice_valid *valid = &agent->valid[i];

        if (valid->path.stream == 0 && sr_addr_eq(&valid->path.remote, remote))
            return now - valid->heard_at < ICE_CONSENT_US;
    }
    return false;
}

bool ice_agent_drop_stream(struct ice_agent *agent, uint32_t stream)
{
    bool had = agent->is_selected;

    for (uint32_t i = agent->valid_count; i-- > 0;) {
        if (agent->valid[i].path.stream == stream)
            remove_valid(agent, i);
    }
    if (!had || agent->is_selected)
        return false;
    agent->state = ICE_LOST;
    agent->deadline = SR_NEVER;
    return true;
}

sr_usec ice_agent_deadline(const struct ice_agent *agent)
{
    return agent->deadline;
}

void ice_agent_on_deadline(struct ice_agent *agent, sr_usec now, struct ice_step *ret_step)
{
    *ret_step = (struct ice_step){.event = ICE_EVENT_NONE};
    if (now < agent->deadline)
        return;
    if (agent->state == ICE_CONNECTED && now - agent->checked_at < ICE_CONSENT_US) {
        agent->deadline = agent->checked_at + ICE_CONSENT_US; /* the restart alone is late */
        return;
    }
    agent->deadline = SR_NEVER;
    if (agent->state == ICE_CONNECTED) {
        agent->state = ICE_LOST;
        agent->is_selected = false;
        ret_step->event = ICE_EVENT_LOST;
    } else if (agent->state != ICE_FAILED) {
        agent->state = ICE_FAILED;
        ret_step->event = ICE_EVENT_FAILED;
    }
}

enum ice_why ice_agent_why(const struct ice_agent *agent)
{
    if (agent->state == ICE_LOST)
        return ICE_WHY_CONSENT;
    if (agent->wait_checks > 0)
        return ICE_WHY_UNDECIDED;
    return agent->wait_forged > 0 ? ICE_WHY_FORGED : ICE_WHY_UNREACHED;
}
