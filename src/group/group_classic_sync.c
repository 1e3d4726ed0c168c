/* SyncGroup, Heartbeat, LeaveGroup, and what commits ask of a classic group. */
#define LOG_ROOM "group"
#include "group/group_classic_int.h"
#include "group/group_consumer_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <string.h>

/* ---- SyncGroup ------------------------------------------------------------------------------- */

struct synced {
    int32_t generation;
    struct wire_string group_id;
};

/* The assignment is in the log, or is not. */
static void sync_settled(struct group_work *work, void *context, enum coord_outcome outcome)
{
    const struct synced *synced = context;
    struct classic_group *group = classic_find(work->g, synced->group_id);
    /* Others may have joined meanwhile: they have a rebalance of their own. */
    if (group == NULL || group->state != CLASSIC_COMPLETING_REBALANCE ||
        group->generation != synced->generation)
        return;
    if (outcome == COORD_COMMITTED) {
        classic_assign(group, WIRE_ERROR_NONE);
        classic_enter(group, CLASSIC_STABLE);
        return;
    }
    int16_t error = group_outcome_error(&work->call->run, outcome);
    classic_assign(group, error);
    if (outcome == COORD_REFUSED)
        group_decide_later(work->g, &group->retry);
}

/* The assignment could not be written: the group begins anew. */
void classic_retry(struct group_work *work, struct group_timer *timer)
{
    struct classic_group *group = CONTAINER_OF(timer, struct classic_group, retry);
    if (group->state == CLASSIC_COMPLETING_REBALANCE)
        classic_rebalance(work, group, "the assignment could not be written");
}

static void sync_take_assignments(struct group_work *work, struct classic_group *group,
                                  const struct wire_sync_group_request *request)
{
    LIST_FOR_EACH (node, &group->members) {
        struct classic_member *member = LIST_ENTRY(node, struct classic_member, node);
        classic_member_set_assignment(member, wire_bytes_of("", 0));
    }
    for (int32_t i = 0; i < request->assignments.count; i++) {
        struct classic_member *member =
            classic_member_find(group, request->assignments.items[i].member_id);
        if (member != NULL)
            classic_member_set_assignment(member, request->assignments.items[i].assignment);
    }
    struct synced *synced = mem_zalloc(sizeof *synced + group->id.size);
    char *text = (char *)(synced + 1);
    memcpy(text, group->id.data, group->id.size);
    synced->group_id = wire_string_of(text, group->id.size);
    synced->generation = group->generation;
    classic_record(work, group);
    group_settle(work, sync_settled, synced);
}

static bool differs(struct wire_string said, struct wire_string own)
{
    return said.data != NULL && !wire_string_equal(said, own);
}

static int16_t sync_check(const struct group_work *work, struct classic_group *group,
                          struct classic_member **member)
{
    const struct wire_sync_group_request *request = work->call->request;
    int16_t error =
        classic_check_member(group, request->member_id, request->group_instance_id, member);
    if (error != WIRE_ERROR_NONE)
        return error;
    if (request->generation_id != group->generation)
        return WIRE_ERROR_ILLEGAL_GENERATION;
    if (differs(request->protocol_type, group->protocol_type) ||
        differs(request->protocol_name, group->protocol_name))
        return WIRE_ERROR_INCONSISTENT_GROUP_PROTOCOL;
    return group->state == CLASSIC_PREPARING_REBALANCE ? WIRE_ERROR_REBALANCE_IN_PROGRESS
                                                       : WIRE_ERROR_NONE;
}

static void sync_arrived(struct classic_group *group, struct classic_member *member)
{
    member->sync_missing = false;
    LIST_FOR_EACH (node, &group->members) {
        if (LIST_ENTRY(node, struct classic_member, node)->sync_missing)
            return;
    }
    group_timer_cancel(group->g, &group->sync_timer);
}

static void sync_wait(struct group_work *work, struct classic_group *group,
                      struct classic_member *member)
{
    const struct wire_sync_group_request *request = work->call->request;
    bool again = member->sync != NULL;
    if (again)
        group_answer(work->g, member->sync,
                     group_error_response(member->sync, WIRE_ERROR_REBALANCE_IN_PROGRESS));
    group_park(work);
    member->sync = work->call;
    if (member == group->leader)
        sync_take_assignments(work, group, request);
}

void group_classic_sync(struct group_work *work)
{
    const struct wire_sync_group_request *request = work->call->request;
    if (request->group_id.size == 0) {
        group_reply(work, group_error_response(work->call, WIRE_ERROR_INVALID_GROUP_ID));
        return;
    }
    const struct group_object *object = group_object_find(work->hard, request->group_id);
    if (object != NULL && object->type == GROUP_TYPE_CONSUMER) {
        group_consumer_classic_sync(work);
        return;
    }
    struct classic_group *group = classic_find(work->g, request->group_id);
    struct classic_member *member;
    int16_t error = sync_check(work, group, &member);
    if (error != WIRE_ERROR_NONE) {
        group_reply(work, group_error_response(work->call, error));
        return;
    }
    sync_arrived(group, member);
    if (group->state == CLASSIC_STABLE)
        group_reply(work, classic_sync_response(work->call, member));
    else
        sync_wait(work, group, member);
}

/* ---- Heartbeat ------------------------------------------------------------------------------- */

void group_classic_heartbeat(struct group_work *work)
{
    const struct wire_heartbeat_request *request = work->call->request;
    struct wire_heartbeat_response *response = GROUP_NEW(work->call->arena, heartbeat_response);
    const struct group_object *object = group_object_find(work->hard, request->group_id);
    if (object != NULL && object->type == GROUP_TYPE_CONSUMER) {
        group_consumer_classic_heartbeat(work);
        return;
    }
    struct classic_group *group = classic_find(work->g, request->group_id);
    struct classic_member *member;
    response->error_code =
        request->group_id.size == 0
            ? WIRE_ERROR_INVALID_GROUP_ID
            : classic_check_member(group, request->member_id, request->group_instance_id, &member);
    if (response->error_code == WIRE_ERROR_NONE && request->generation_id != group->generation)
        response->error_code = WIRE_ERROR_ILLEGAL_GENERATION;
    if (response->error_code == WIRE_ERROR_NONE) {
        classic_session_extend(member);
        if (group->state == CLASSIC_PREPARING_REBALANCE)
            response->error_code = WIRE_ERROR_REBALANCE_IN_PROGRESS;
    }
    group_reply(work, response);
}

/* ---- LeaveGroup ------------------------------------------------------------------------------ */

static int16_t leave_one(struct classic_group *group,
                         const struct wire_leave_group_request_member_identity *identity)
{
    if (identity->member_id.size == 0) {
        struct classic_member *member =
            classic_member_of_instance(group, identity->group_instance_id);
        if (member == NULL)
            return WIRE_ERROR_UNKNOWN_MEMBER_ID;
        classic_member_drop(member);
        return WIRE_ERROR_NONE;
    }
    struct classic_pending *pending = classic_pending_find(group, identity->member_id);
    if (pending != NULL) {
        classic_pending_remove(pending);
        return WIRE_ERROR_NONE;
    }
    struct classic_member *member;
    int16_t error =
        classic_check_member(group, identity->member_id, identity->group_instance_id, &member);
    if (error == WIRE_ERROR_NONE)
        classic_member_drop(member);
    return error;
}

/* The identities of any version; the oldest name one member. */
static const struct wire_leave_group_request_member_identity *
leave_identities(const struct group_work *work, int32_t *count)
{
    const struct wire_leave_group_request *request = work->call->request;
    if (work->call->version >= 3) {
        *count = request->members.count;
        return request->members.items;
    }
    struct wire_leave_group_request_member_identity *one =
        GROUP_NEW(work->call->arena, leave_group_request_member_identity);
    one->member_id = request->member_id;
    *count = 1;
    return one;
}

void group_classic_leave(struct group_work *work)
{
    const struct wire_leave_group_request *request = work->call->request;
    const struct group_object *object = group_object_find(work->hard, request->group_id);
    if (request->group_id.size == 0 || object == NULL || object->type > GROUP_TYPE_CONSUMER) {
        group_reply(work, group_error_response(work->call, request->group_id.size == 0
                                                               ? WIRE_ERROR_INVALID_GROUP_ID
                                                               : WIRE_ERROR_UNKNOWN_MEMBER_ID));
        return;
    }
    if (object->type == GROUP_TYPE_CONSUMER) {
        group_consumer_classic_leave(work);
        return;
    }
    struct wire_leave_group_response *response = GROUP_NEW(work->call->arena, leave_group_response);
    int32_t count;
    const struct wire_leave_group_request_member_identity *identities =
        leave_identities(work, &count);
    struct classic_group *group = classic_get(work, request->group_id);
    response->members.items =
        GROUP_NEW_ARRAY(work->call->arena, leave_group_response_member_response, (size_t)count);
    response->members.count = count;
    struct buf names = BUF_EMPTY;
    for (int32_t i = 0; i < count; i++) {
        int16_t error = leave_one(group, &identities[i]);
        response->members.items[i].member_id = identities[i].member_id;
        response->members.items[i].group_instance_id = identities[i].group_instance_id;
        response->members.items[i].error_code = error;
        if (error == WIRE_ERROR_NONE && names.size < 256)
            buf_printf(&names, "%s%.*s%.*s (%.*s)", names.size == 0 ? "" : ", ",
                       WIRE_STRING_ARGS(identities[i].member_id),
                       WIRE_STRING_ARGS(identities[i].member_id.size == 0
                                            ? identities[i].group_instance_id
                                            : WIRE_EMPTY_STRING),
                       WIRE_STRING_ARGS(identities[i].reason.size == 0 ? WIRE_STRING("not provided")
                                                                       : identities[i].reason));
    }
    if (work->call->version < 3) {
        response->error_code = response->members.items[0].error_code;
        response->members.count = 0;
    }
    if (names.size > 0 && group->state != CLASSIC_EMPTY)
        classic_rebalance(work, group, "left: %s", buf_text(&names));
    else if (group->state == CLASSIC_EMPTY && list_empty(&group->pending))
        classic_free(group);
    buf_deinit(&names);
    group_reply(work, response);
}

/* ---- What commits and others ask ------------------------------------------------------------- */

int16_t group_classic_check_commit(struct group_work *work, struct wire_string group_id,
                                   struct wire_string member_id, struct wire_string instance_id,
                                   int32_t generation, bool transactional)
{
    struct classic_group *group = classic_find(work->g, group_id);
    enum classic_state state = group == NULL ? CLASSIC_EMPTY : group->state;
    if (generation < 0 && state == CLASSIC_EMPTY)
        return WIRE_ERROR_NONE;
    struct classic_member *member = NULL;
    if (generation >= 0 || member_id.size > 0 || instance_id.data != NULL) {
        int16_t error = classic_check_member(group, member_id, instance_id, &member);
        if (error != WIRE_ERROR_NONE)
            return error;
        if (generation != group->generation)
            return WIRE_ERROR_ILLEGAL_GENERATION;
    } else if (!transactional && state != CLASSIC_EMPTY) {
        return WIRE_ERROR_UNKNOWN_MEMBER_ID;
    }
    if (!transactional && state == CLASSIC_COMPLETING_REBALANCE)
        return WIRE_ERROR_REBALANCE_IN_PROGRESS;
    if (!transactional && member != NULL)
        classic_session_extend(member);
    return WIRE_ERROR_NONE;
}

/* Does a consumer's subscription name the topic? One that cannot be read is taken for a yes. */
static bool subscription_has(struct arena *arena, struct wire_bytes bytes, struct wire_string topic)
{
    struct wire_consumer_protocol_subscription subscription;
    int16_t version;
    if (wire_versioned_decode(&wire_consumer_protocol_subscription_schema, arena, bytes.data,
                              bytes.size, &subscription, &version) != ERR_OK)
        return true;
    for (int32_t i = 0; i < subscription.topics.count; i++) {
        if (wire_string_equal(subscription.topics.items[i], topic))
            return true;
    }
    return false;
}

bool group_classic_is_subscribed(const struct group_coordinator *g, struct wire_string group_id,
                                 struct wire_string topic)
{
    const struct classic_group *group = classic_find(g, group_id);
    if (group == NULL || !wire_string_is(group->protocol_type, "consumer"))
        return false;
    if (group->member_count == 0)
        return false;
    if (group->protocol_name.data == NULL)
        return true;
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    bool found = false;
    LIST_FOR_EACH (node, &group->members) {
        const struct classic_member *member = LIST_ENTRY(node, struct classic_member, node);
        found = found || subscription_has(
                             &arena, classic_member_metadata(member, group->protocol_name), topic);
    }
    arena_deinit(&arena);
    return found;
}
