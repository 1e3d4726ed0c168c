/*
 * How a classic group comes to its next generation, and who is told what when.
 *
 * The log has a line for each: why the rebalance began, whom it waits for when that takes long, who
 * was left out, and what came of it.
 */
#define LOG_ROOM "group"
#include "group/group_classic_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

/* Named in one line of the log. */
#define NAMES_MAX 5

static void rebalance_complete(struct group_work *work, struct classic_group *group);

/* ---- Who ------------------------------------------------------------------------------------- */

/* Members that have not come back, or have not asked for their assignment, as text. */
static void names_of_missing(const struct classic_group *group, bool syncing, struct buf *out)
{
    size_t count = 0;
    LIST_FOR_EACH (node, &group->members) {
        const struct classic_member *member = LIST_ENTRY(node, struct classic_member, node);
        if (syncing ? !member->sync_missing : member->join != NULL)
            continue;
        if (count++ < NAMES_MAX)
            buf_printf(out, "%s%.*s (%.*s)", count == 1 ? "" : ", ", WIRE_STRING_ARGS(member->id),
                       WIRE_STRING_ARGS(member->client_host));
    }
    LIST_FOR_EACH (node, &group->pending) {
        const struct classic_pending *pending = LIST_ENTRY(node, struct classic_pending, node);
        if (!syncing && count++ < NAMES_MAX)
            buf_printf(out, "%s%.*s (new)", count == 1 ? "" : ", ", WIRE_STRING_ARGS(pending->id));
    }
    if (count > NAMES_MAX)
        buf_printf(out, " and %zu more", count - NAMES_MAX);
}

static bool all_joined(const struct classic_group *group)
{
    return group->joining_count == group->member_count && list_empty(&group->pending);
}

static int64_t rebalance_timeout_ms(const struct classic_group *group)
{
    int32_t timeout_ms = 0;
    LIST_FOR_EACH (node, &group->members) {
        const struct classic_member *member = LIST_ENTRY(node, struct classic_member, node);
        if (member->rebalance_timeout_ms > timeout_ms)
            timeout_ms = member->rebalance_timeout_ms;
    }
    return timeout_ms;
}

/* ---- Votes ----------------------------------------------------------------------------------- */

static bool member_supports(const struct classic_member *member, struct wire_string protocol)
{
    for (size_t i = 0; i < member->protocol_count; i++) {
        if (wire_string_equal(member->protocols[i].name, protocol))
            return true;
    }
    return false;
}

bool classic_all_support(const struct classic_group *group, struct wire_string protocol)
{
    LIST_FOR_EACH (node, &group->members) {
        if (!member_supports(LIST_ENTRY(node, struct classic_member, node), protocol))
            return false;
    }
    return true;
}

/* What the member likes best of what all can do. Null: nothing. */
static struct wire_string member_vote(const struct classic_group *group,
                                      const struct classic_member *member)
{
    for (size_t i = 0; i < member->protocol_count; i++) {
        if (classic_all_support(group, member->protocols[i].name))
            return member->protocols[i].name;
    }
    return WIRE_NULL_STRING;
}

struct wire_string classic_elect_protocol(const struct classic_group *group)
{
    /* Only the first member's protocols can be everybody's. */
    const struct classic_member *first =
        LIST_ENTRY(group->members.next, struct classic_member, node);
    size_t *votes = mem_zalloc((first->protocol_count + 1) * sizeof votes[0]);
    size_t best = 0;
    LIST_FOR_EACH (node, &group->members) {
        struct wire_string vote = member_vote(group, LIST_ENTRY(node, struct classic_member, node));
        for (size_t i = 0; i < first->protocol_count; i++)
            votes[i] += wire_string_equal(first->protocols[i].name, vote);
    }
    for (size_t i = 1; i < first->protocol_count; i++) {
        if (votes[i] > votes[best])
            best = i;
    }
    mem_free(votes);
    return first->protocols[best].name;
}

/* ---- Beginning ------------------------------------------------------------------------------- */

static void wait_for_members(struct classic_group *group)
{
    group->initial = false;
    group_timer_set(group->g, &group->join_timer,
                    group->g->time.now_ms + rebalance_timeout_ms(group));
}

static void rebalance_begin(struct group_work *work, struct classic_group *group, const char *why)
{
    struct group_coordinator *g = group->g;
    if (group->state == CLASSIC_COMPLETING_REBALANCE)
        classic_assign(group, WIRE_ERROR_REBALANCE_IN_PROGRESS);
    group_timer_cancel(g, &group->sync_timer);
    bool initial = group->state == CLASSIC_EMPTY;
    LOG_INFO("group %.*s: rebalance after generation %d (%s, %zu members): %s",
             WIRE_STRING_ARGS(group->id), group->generation, classic_state_text(group->state),
             group->member_count, why);
    classic_enter(group, CLASSIC_PREPARING_REBALANCE);
    if (initial) {
        int64_t delay_ms = conf_int(g->conf, CONF_BROKER_GROUP_INITIAL_REBALANCE_DELAY_MS);
        int64_t rest_ms = rebalance_timeout_ms(group) - delay_ms;
        group->initial = true;
        group->initial_remaining_ms = rest_ms > 0 ? rest_ms : 0;
        group->member_added = false;
        group_timer_set(g, &group->join_timer, g->time.now_ms + (delay_ms > 0 ? delay_ms : 0));
    } else if (all_joined(group)) {
        rebalance_complete(work, group);
    } else {
        wait_for_members(group);
    }
}

void classic_rebalance(struct group_work *work, struct classic_group *group, const char *why, ...)
{
    if (group->state != CLASSIC_PREPARING_REBALANCE) {
        char text[512];
        va_list args;
        va_start(args, why);
        vsnprintf(text, sizeof text, why, args);
        va_end(args);
        rebalance_begin(work, group, text);
        return;
    }
    /* The first rebalance gives others the time to come. */
    if (group->state_before != CLASSIC_EMPTY && all_joined(group))
        rebalance_complete(work, group);
}

static void join_time_up(struct group_work *work, struct group_timer *timer)
{
    struct classic_group *group = CONTAINER_OF(timer, struct classic_group, join_timer);
    if (group->initial && group->member_added && group->initial_remaining_ms > 0) {
        int64_t delay_ms = conf_int(group->g->conf, CONF_BROKER_GROUP_INITIAL_REBALANCE_DELAY_MS);
        if (delay_ms > group->initial_remaining_ms)
            delay_ms = group->initial_remaining_ms;
        group->member_added = false;
        group->initial_remaining_ms -= delay_ms;
        group_timer_set(group->g, timer, group->g->time.now_ms + delay_ms);
        return;
    }
    if (!all_joined(group)) {
        struct buf names = BUF_EMPTY;
        names_of_missing(group, false, &names);
        LOG_INFO("group %.*s: the rebalance waited in vain for %s", WIRE_STRING_ARGS(group->id),
                 buf_text(&names));
        buf_deinit(&names);
    }
    rebalance_complete(work, group);
}

/* ---- Completing ------------------------------------------------------------------------------ */

/* What became of an empty group's record. */
static void empty_settled(struct group_work *work, void *context, enum coord_outcome outcome)
{
    struct wire_string *id = context;
    struct classic_group *group = classic_find(work->g, *id);
    if (outcome == COORD_COMMITTED && group != NULL && group->state == CLASSIC_EMPTY &&
        list_empty(&group->pending))
        classic_free(group);
}

static void rebalance_empty(struct group_work *work, struct classic_group *group)
{
    LOG_INFO("group %.*s: generation %d is empty", WIRE_STRING_ARGS(group->id), group->generation);
    classic_set_protocol(group, group->protocol_type, WIRE_NULL_STRING);
    classic_enter(group, CLASSIC_EMPTY);
    classic_record(work, group);
    group_settle(work, empty_settled, group_context_of(group->id));
}

/* Dynamic members that did not come back are out; static ones stay for their session (KIP-345). */
static void leave_out_missing(struct classic_group *group)
{
    LIST_FOR_EACH_SAFE (node, after, &group->members) {
        struct classic_member *member = LIST_ENTRY(node, struct classic_member, node);
        if (member->join != NULL || member->instance_id.data != NULL)
            continue;
        LOG_INFO("group %.*s: member %.*s did not join again and is out",
                 WIRE_STRING_ARGS(group->id), WIRE_STRING_ARGS(member->id));
        classic_member_drop(member);
    }
}

/* The leader has to be one that is here. False: nobody is. */
static bool elect_leader(struct classic_group *group)
{
    if (group->leader != NULL && group->leader->join != NULL)
        return true;
    LIST_FOR_EACH (node, &group->members) {
        struct classic_member *member = LIST_ENTRY(node, struct classic_member, node);
        if (member->join == NULL)
            continue;
        LOG_INFO("group %.*s: its leader %.*s did not join again; %.*s leads",
                 WIRE_STRING_ARGS(group->id), WIRE_STRING_ARGS(group->leader->id),
                 WIRE_STRING_ARGS(member->id));
        group->leader = member;
        return true;
    }
    return false;
}

static void rebalance_complete(struct group_work *work, struct classic_group *group)
{
    struct group_coordinator *g = group->g;
    group_timer_cancel(g, &group->join_timer);
    leave_out_missing(group);
    if (group->member_count > 0 && !elect_leader(group)) {
        LOG_INFO("group %.*s: no member came back; the rebalance goes on",
                 WIRE_STRING_ARGS(group->id));
        wait_for_members(group);
        return;
    }
    group->generation = group->generation == INT32_MAX ? 1 : group->generation + 1;
    if (group->member_count == 0) {
        rebalance_empty(work, group);
        return;
    }
    classic_set_protocol(group, group->protocol_type, classic_elect_protocol(group));
    classic_enter(group, CLASSIC_COMPLETING_REBALANCE);
    LOG_INFO("group %.*s: generation %d has %zu members and protocol %.*s; %.*s assigns",
             WIRE_STRING_ARGS(group->id), group->generation, group->member_count,
             WIRE_STRING_ARGS(group->protocol_name), WIRE_STRING_ARGS(group->leader->id));
    LIST_FOR_EACH (node, &group->members) {
        struct classic_member *member = LIST_ENTRY(node, struct classic_member, node);
        if (member->join != NULL)
            classic_answer_join(member);
        classic_session_extend(member);
        member->is_new = false;
        member->sync_missing = true;
    }
    group_timer_set(g, &group->sync_timer, g->time.now_ms + rebalance_timeout_ms(group));
}

static void sync_time_up(struct group_work *work, struct group_timer *timer)
{
    struct classic_group *group = CONTAINER_OF(timer, struct classic_group, sync_timer);
    struct buf names = BUF_EMPTY;
    names_of_missing(group, true, &names);
    if (names.size == 0) {
        buf_deinit(&names);
        return;
    }
    LIST_FOR_EACH_SAFE (node, after, &group->members) {
        struct classic_member *member = LIST_ENTRY(node, struct classic_member, node);
        if (member->sync_missing)
            classic_member_drop(member);
    }
    classic_rebalance(work, group, "these did not ask for their assignment and are out: %s",
                      buf_text(&names));
    buf_deinit(&names);
}

/* ---- Members that go ------------------------------------------------------------------------- */

void classic_member_drop(struct classic_member *member)
{
    struct classic_group *group = member->group;
    if (member->join != NULL) {
        struct wire_join_group_response *response =
            group_error_response(member->join, WIRE_ERROR_UNKNOWN_MEMBER_ID);
        response->member_id = WIRE_EMPTY_STRING;
        group_answer(group->g, member->join, response);
        member->join = NULL;
        group->joining_count--;
    }
    if (member->sync != NULL)
        group_answer(group->g, member->sync,
                     group_error_response(member->sync, WIRE_ERROR_UNKNOWN_MEMBER_ID));
    member->sync = NULL;
    classic_member_remove(member);
}

void classic_member_lost(struct group_work *work, struct classic_member *member, const char *why)
{
    struct classic_group *group = member->group;
    struct buf text = BUF_EMPTY;
    buf_printf(&text, "member %.*s (%.*s) is out: %s", WIRE_STRING_ARGS(member->id),
               WIRE_STRING_ARGS(member->client_host), why);
    if (group->state == CLASSIC_PREPARING_REBALANCE)
        LOG_INFO("group %.*s: %s", WIRE_STRING_ARGS(group->id), buf_text(&text));
    classic_member_drop(member);
    /* Even the first rebalance has nobody to wait for, once all are here who are left. */
    if (group->state == CLASSIC_PREPARING_REBALANCE) {
        if (all_joined(group))
            rebalance_complete(work, group);
    } else {
        classic_rebalance(work, group, "%s", buf_text(&text));
    }
    buf_deinit(&text);
}

void classic_pending_lost(struct group_work *work, struct classic_pending *pending)
{
    struct classic_group *group = pending->group;
    classic_pending_remove(pending);
    if (group->state == CLASSIC_PREPARING_REBALANCE && all_joined(group))
        rebalance_complete(work, group);
    else if (group->state == CLASSIC_EMPTY && list_empty(&group->pending))
        classic_free(group);
}

/* ---- Answers --------------------------------------------------------------------------------- */

void classic_answer_join(struct classic_member *member)
{
    struct classic_group *group = member->group;
    struct group_call *call = member->join;
    struct wire_join_group_response *response = classic_join_response(call, member);
    member->join = NULL;
    group->joining_count--;
    group_answer(group->g, call, response);
}

static void fill_members(const struct classic_group *group, struct arena *arena,
                         struct wire_join_group_response *response)
{
    struct wire_join_group_response_join_group_response_member *out =
        GROUP_NEW_ARRAY(arena, join_group_response_join_group_response_member, group->member_count);
    response->members.items = out;
    response->members.count = (int32_t)group->member_count;
    LIST_FOR_EACH (node, &group->members) {
        const struct classic_member *member = LIST_ENTRY(node, struct classic_member, node);
        struct wire_bytes metadata = classic_member_metadata(member, group->protocol_name);
        out->member_id = wire_string_copy(member->id, arena);
        out->group_instance_id = wire_string_copy(member->instance_id, arena);
        out->metadata = group_bytes_copy(metadata, arena);
        out++;
    }
}

struct wire_join_group_response *classic_join_response(struct group_call *call,
                                                       const struct classic_member *member)
{
    const struct classic_group *group = member->group;
    struct arena *arena = call->arena;
    struct wire_join_group_response *response = GROUP_NEW(arena, join_group_response);
    response->member_id = wire_string_copy(member->id, arena);
    response->generation_id = group->generation;
    response->protocol_type = wire_string_copy(group->protocol_type, arena);
    response->protocol_name = wire_string_copy(group->protocol_name, arena);
    response->leader =
        group->leader == NULL ? WIRE_EMPTY_STRING : wire_string_copy(group->leader->id, arena);
    if (group->leader == member)
        fill_members(group, arena, response);
    return response;
}

struct wire_sync_group_response *classic_sync_response(struct group_call *call,
                                                       const struct classic_member *member)
{
    const struct classic_group *group = member->group;
    struct wire_sync_group_response *response = GROUP_NEW(call->arena, sync_group_response);
    response->protocol_type = wire_string_copy(group->protocol_type, call->arena);
    response->protocol_name = wire_string_copy(group->protocol_name, call->arena);
    response->assignment = group_bytes_copy(member->assignment, call->arena);
    return response;
}

void classic_assign(struct classic_group *group, int16_t error)
{
    LIST_FOR_EACH (node, &group->members) {
        struct classic_member *member = LIST_ENTRY(node, struct classic_member, node);
        if (error != WIRE_ERROR_NONE)
            classic_member_set_assignment(member, wire_bytes_of("", 0));
        if (member->sync == NULL)
            continue;
        void *response = error == WIRE_ERROR_NONE
                             ? (void *)classic_sync_response(member->sync, member)
                             : group_error_response(member->sync, error);
        group_answer(group->g, member->sync, response);
        member->sync = NULL;
        classic_session_extend(member);
    }
}

void classic_timers_init(struct classic_group *group)
{
    group_timer_init(&group->join_timer, join_time_up);
    group_timer_init(&group->sync_timer, sync_time_up);
    group_timer_init(&group->retry, classic_retry);
}
