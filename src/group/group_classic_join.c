/* JoinGroup: who comes in, as whom, and whether that takes a rebalance. */
#define LOG_ROOM "group"
#include "group/group_classic_int.h"
#include "group/group_consumer_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <string.h>

/* From here on a client knows the member id that it was given before it is a member (KIP-394), and
 * understands skipAssignment (KIP-814). */
#define JOIN_VERSION_REQUIRES_ID 4
#define JOIN_VERSION_SKIPS_ASSIGNMENT 9
/* A newcomer cannot send heartbeats, and its connection tells nothing while it waits: so long it
 * may not have come back for its answer (Kafka's group.new.member.join.timeout). */
#define NEW_MEMBER_TIMEOUT_MS 300000

struct join {
    struct group_work *work;
    struct group_call *call;
    const struct wire_join_group_request *request;
    struct classic_group *group;
    int32_t rebalance_timeout_ms;
    struct classic_protocol *protocols;
    size_t protocol_count;
    const char *reason; /* of the client (KIP-800) */
};

static void join_refuse(const struct join *join, int16_t error, struct wire_string member_id)
{
    struct wire_join_group_response *response = group_error_response(join->call, error);
    response->member_id = member_id;
    group_reply(join->work, response);
}

/* ---- What it says ---------------------------------------------------------------------------- */

static void join_read(struct join *join, struct group_work *work)
{
    const struct wire_join_group_request *request = work->call->request;
    *join = (struct join){.work = work, .call = work->call, .request = request};
    join->rebalance_timeout_ms =
        work->call->version == 0 ? request->session_timeout_ms : request->rebalance_timeout_ms;
    join->protocol_count = (size_t)request->protocols.count;
    join->protocols =
        arena_must_alloc_array(work->arena, join->protocol_count, sizeof join->protocols[0]);
    for (size_t i = 0; i < join->protocol_count; i++) {
        join->protocols[i].name = request->protocols.items[i].name;
        join->protocols[i].metadata = request->protocols.items[i].metadata;
    }
    join->reason = request->reason.size == 0 ? "not provided"
                                             : wire_string_to_arena(request->reason, work->arena);
}

static bool join_supported(const struct join *join)
{
    const struct classic_group *group = join->group;
    struct wire_string type = join->request->protocol_type;
    if (group->state == CLASSIC_EMPTY)
        return type.size > 0 && join->protocol_count > 0;
    if (!wire_string_equal(type, group->protocol_type))
        return false;
    for (size_t i = 0; i < join->protocol_count; i++) {
        if (classic_all_support(group, join->protocols[i].name))
            return true;
    }
    return false;
}

static bool join_has_room(const struct join *join)
{
    const struct classic_group *group = join->group;
    size_t max = (size_t)conf_int(join->work->g->conf, CONF_BROKER_GROUP_MAX_SIZE);
    const struct classic_member *member = classic_member_find(group, join->request->member_id);
    if (group->state == CLASSIC_EMPTY)
        return true;
    if (group->state == CLASSIC_PREPARING_REBALANCE)
        return (member != NULL && member->join != NULL) || group->joining_count < max;
    return member != NULL || group->member_count < max;
}

static bool member_matches(const struct join *join, const struct classic_member *member)
{
    if (member->protocol_count != join->protocol_count)
        return false;
    for (size_t i = 0; i < join->protocol_count; i++) {
        if (!wire_string_equal(member->protocols[i].name, join->protocols[i].name) ||
            !wire_bytes_equal(member->protocols[i].metadata, join->protocols[i].metadata))
            return false;
    }
    return true;
}

/* ---- Members --------------------------------------------------------------------------------- */

static void member_update(const struct join *join, struct classic_member *member)
{
    classic_member_set_protocols(member, join->protocols, join->protocol_count);
    member->rebalance_timeout_ms = join->rebalance_timeout_ms;
    member->session_timeout_ms = join->request->session_timeout_ms;
}

/* The answer comes when the group is complete. One that waits already, from a connection that was
 * given up, will not be heard. */
static void member_await(const struct join *join, struct classic_member *member)
{
    struct classic_group *group = join->group;
    if (member->join != NULL) {
        group_answer(group->g, member->join,
                     group_error_response(member->join, WIRE_ERROR_REBALANCE_IN_PROGRESS));
        group->joining_count--;
    }
    group_park(join->work);
    member->join = join->call;
    group->joining_count++;
}

static void join_add(const struct join *join, struct wire_string member_id)
{
    struct classic_group *group = join->group;
    struct classic_pending *pending = classic_pending_find(group, member_id);
    if (pending != NULL)
        classic_pending_remove(pending);
    if (group->member_count == 0)
        classic_set_protocol(group, join->request->protocol_type, group->protocol_name);
    struct classic_member *member =
        classic_member_add(group, member_id, join->request->group_instance_id);
    classic_member_set_client(member, join->call->client_id, join->call->client_host);
    member_update(join, member);
    member->is_new = true;
    if (group->state == CLASSIC_PREPARING_REBALANCE && group->state_before == CLASSIC_EMPTY)
        group->member_added = true;
    member_await(join, member);
    group_timer_set(group->g, &member->session, group->g->time.now_ms + NEW_MEMBER_TIMEOUT_MS);
    classic_rebalance(join->work, group, "member %.*s (%.*s) joins; it says: %s",
                      WIRE_STRING_ARGS(member->id), WIRE_STRING_ARGS(member->client_host),
                      join->reason);
}

static void join_again(const struct join *join, struct classic_member *member, const char *why)
{
    member_update(join, member);
    member_await(join, member);
    classic_rebalance(join->work, join->group, "member %.*s (%.*s) %s; it says: %s",
                      WIRE_STRING_ARGS(member->id), WIRE_STRING_ARGS(member->client_host), why,
                      join->reason);
}

/* ---- Static members come back (KIP-345) ------------------------------------------------------ */

/* Nothing in the group changes but the member's id: when that is in the log it gets its old place.
 */
struct replaced {
    struct wire_string group_id;
    struct wire_string member_id;
    struct wire_string old_leader_id;
    struct wire_string old_member_id;
    char text[];
};

static struct wire_string replaced_keep(char **at, struct wire_string text)
{
    if (text.size > 0)
        memcpy(*at, text.data, text.size);
    struct wire_string copy = wire_string_of(*at, text.size);
    *at += text.size;
    return copy;
}

static struct replaced *replaced_new(const struct classic_group *group,
                                     struct wire_string member_id, struct wire_string old_id,
                                     struct wire_string old_leader_id)
{
    size_t size = (size_t)group->id.size + member_id.size + old_id.size + old_leader_id.size;
    struct replaced *replaced = mem_zalloc(sizeof *replaced + size + 1);
    char *at = replaced->text;
    replaced->group_id = replaced_keep(&at, group->id);
    replaced->member_id = replaced_keep(&at, member_id);
    replaced->old_member_id = replaced_keep(&at, old_id);
    replaced->old_leader_id = replaced_keep(&at, old_leader_id);
    return replaced;
}

static void replaced_settled(struct group_work *work, void *context, enum coord_outcome outcome)
{
    const struct replaced *replaced = context;
    struct classic_group *group = classic_find(work->g, replaced->group_id);
    struct classic_member *member =
        group == NULL ? NULL : classic_member_find(group, replaced->member_id);
    if (member == NULL || member->join == NULL)
        return;
    struct group_call *call = member->join;
    if (outcome != COORD_COMMITTED) {
        struct wire_join_group_response *response =
            group_error_response(call, group_outcome_error(&call->run, outcome));
        response->member_id = WIRE_EMPTY_STRING;
        member->join = NULL;
        group->joining_count--;
        classic_member_rename(member, replaced->old_member_id);
        group_answer(work->g, call, response);
        return;
    }
    if (group->state != CLASSIC_STABLE)
        return; /* a rebalance has begun meanwhile, and answers it */
    struct wire_join_group_response *response = classic_join_response(call, member);
    bool leads = group->leader == member;
    if (call->version >= JOIN_VERSION_SKIPS_ASSIGNMENT) {
        response->skip_assignment = leads;
    } else {
        /* An old client that thinks it leads would assign anew: it is told its old self leads. */
        response->members.count = 0;
        response->leader = wire_string_copy(replaced->old_leader_id, call->arena);
    }
    member->join = NULL;
    group->joining_count--;
    group_answer(work->g, call, response);
}

static void member_fence(struct classic_member *member)
{
    struct classic_group *group = member->group;
    if (member->join != NULL) {
        group_answer(group->g, member->join,
                     group_error_response(member->join, WIRE_ERROR_FENCED_INSTANCE_ID));
        member->join = NULL;
        group->joining_count--;
    }
    if (member->sync != NULL)
        group_answer(group->g, member->sync,
                     group_error_response(member->sync, WIRE_ERROR_FENCED_INSTANCE_ID));
    member->sync = NULL;
}

static void join_replace(const struct join *join, struct classic_member *member,
                         struct wire_string member_id)
{
    struct classic_group *group = join->group;
    struct wire_string old_id = wire_string_copy(member->id, join->work->arena);
    struct wire_string old_leader_id = wire_string_copy(group->leader->id, join->work->arena);
    member_fence(member);
    classic_member_rename(member, member_id);
    classic_session_extend(member);
    member_update(join, member);
    member_await(join, member);
    switch (group->state) {
    case CLASSIC_STABLE:
        if (wire_string_equal(classic_elect_protocol(group), group->protocol_name)) {
            LOG_INFO("group %.*s: static member %.*s is back as %.*s, without a rebalance",
                     WIRE_STRING_ARGS(group->id), WIRE_STRING_ARGS(member->instance_id),
                     WIRE_STRING_ARGS(member->id));
            classic_record(join->work, group);
            group_settle(join->work, replaced_settled,
                         replaced_new(group, member_id, old_id, old_leader_id));
            return;
        }
        classic_rebalance(join->work, group, "static member %.*s changes the protocol; it says: %s",
                          WIRE_STRING_ARGS(member->instance_id), join->reason);
        return;
    case CLASSIC_COMPLETING_REBALANCE:
        classic_rebalance(join->work, group,
                          "static member %.*s is back while the others wait for the assignment; it "
                          "says: %s",
                          WIRE_STRING_ARGS(member->instance_id), join->reason);
        return;
    case CLASSIC_PREPARING_REBALANCE:
    case CLASSIC_EMPTY:
        classic_rebalance(join->work, group, "static member %.*s is back",
                          WIRE_STRING_ARGS(member->instance_id));
        return;
    }
}

/* ---- Ways in --------------------------------------------------------------------------------- */

/* <client id or instance id>-<uuid>, as Kafka makes them; lives as long as the request. */
static struct wire_string join_new_id(const struct join *join)
{
    struct wire_string prefix = join->request->group_instance_id.data != NULL
                                    ? join->request->group_instance_id
                                    : join->call->client_id;
    struct wire_string uuid = group_random_uuid_text(join->work->g, join->call->arena);
    return group_text(join->call->arena, "%.*s-%.*s", prefix.data == NULL ? 4 : (int)prefix.size,
                      prefix.data == NULL ? "null" : prefix.data, WIRE_STRING_ARGS(uuid));
}

static void join_unknown(const struct join *join)
{
    struct classic_group *group = join->group;
    if (!join_supported(join)) {
        join_refuse(join, WIRE_ERROR_INCONSISTENT_GROUP_PROTOCOL, WIRE_EMPTY_STRING);
        return;
    }
    struct wire_string id = join_new_id(join);
    struct classic_member *before =
        classic_member_of_instance(group, join->request->group_instance_id);
    if (before != NULL) {
        join_replace(join, before, id);
    } else if (join->request->group_instance_id.data == NULL &&
               join->call->version >= JOIN_VERSION_REQUIRES_ID) {
        classic_pending_add(group, id, join->request->session_timeout_ms);
        join_refuse(join, WIRE_ERROR_MEMBER_ID_REQUIRED, id);
    } else {
        join_add(join, id);
    }
}

/* Nothing has changed, or the client did not get the answer: it is told again. */
static void join_repeat(const struct join *join, const struct classic_member *member)
{
    struct wire_join_group_response *response = classic_join_response(join->call, member);
    if (join->group->state == CLASSIC_STABLE)
        response->members.count = 0;
    group_reply(join->work, response);
}

static void join_known(const struct join *join)
{
    struct classic_group *group = join->group;
    const struct wire_join_group_request *request = join->request;
    if (!join_supported(join)) {
        join_refuse(join, WIRE_ERROR_INCONSISTENT_GROUP_PROTOCOL, request->member_id);
        return;
    }
    if (classic_pending_find(group, request->member_id) != NULL) {
        if (request->group_instance_id.data != NULL)
            join_refuse(join, WIRE_ERROR_UNKNOWN_SERVER_ERROR, WIRE_EMPTY_STRING);
        else
            join_add(join, request->member_id);
        return;
    }
    struct classic_member *member;
    int16_t error =
        classic_check_member(group, request->member_id, request->group_instance_id, &member);
    if (error == WIRE_ERROR_NONE && group->state == CLASSIC_EMPTY)
        error = WIRE_ERROR_UNKNOWN_MEMBER_ID;
    if (error != WIRE_ERROR_NONE) {
        join_refuse(join, error, request->member_id);
        return;
    }
    bool same = member_matches(join, member);
    if (group->state == CLASSIC_PREPARING_REBALANCE)
        join_again(join, member, "joins again");
    else if (group->state == CLASSIC_STABLE && member == group->leader)
        join_again(join, member, "leads the group and joins again");
    else if (!same)
        join_again(join, member, "has another subscription");
    else
        join_repeat(join, member);
}

/* ---- JoinGroup ------------------------------------------------------------------------------- */

/* The group is left without anybody: it was made for this request alone. */
static void drop_if_unused(struct classic_group *group)
{
    if (group->state == CLASSIC_EMPTY && group->member_count == 0 && list_empty(&group->pending))
        classic_free(group);
}

/* A group that is new is in the log before anybody is told of it. */
static void record_new_group(struct group_work *work, const struct classic_group *group)
{
    struct wire_group_metadata_key *key = GROUP_NEW(work->arena, group_metadata_key);
    key->group = wire_string_copy(group->id, work->arena);
    struct wire_group_metadata_value *value = GROUP_NEW(work->arena, group_metadata_value);
    value->protocol_type = WIRE_EMPTY_STRING;
    value->protocol = WIRE_NULL_STRING;
    value->leader = WIRE_NULL_STRING;
    value->current_state_timestamp = group->state_wall_ms;
    group_record(work, WIRE_GROUP_RECORD_GROUP_METADATA, key, 3, value);
}

static void new_group_settled(struct group_work *work, void *context, enum coord_outcome outcome)
{
    const struct wire_string *id = context;
    struct classic_group *group = classic_find(work->g, *id);
    if (group == NULL)
        return;
    if (outcome == COORD_COMMITTED) {
        drop_if_unused(group);
        return;
    }
    if (group_object_find(work->hard, *id) != NULL)
        return;
    classic_answer_all(group, work->call == NULL ? WIRE_ERROR_NOT_COORDINATOR
                                                 : group_outcome_error(&work->call->run, outcome));
    classic_free(group);
}

/* A group of another kind: an empty one of the new protocol becomes a classic one. False: the call
 * is answered, or somebody else's. */
static bool join_convert(const struct join *join, const struct group_object *object)
{
    if (object->type == GROUP_TYPE_CONSUMER)
        return group_consumer_classic_join(join->work);
    join_refuse(join, WIRE_ERROR_INCONSISTENT_GROUP_PROTOCOL, WIRE_EMPTY_STRING);
    return false;
}

static int16_t join_check(const struct group_work *work)
{
    const struct wire_join_group_request *request = work->call->request;
    const struct conf *conf = work->g->conf;
    if (request->group_id.size == 0)
        return WIRE_ERROR_INVALID_GROUP_ID;
    if (request->session_timeout_ms < conf_int(conf, CONF_BROKER_GROUP_MIN_SESSION_TIMEOUT_MS) ||
        request->session_timeout_ms > conf_int(conf, CONF_BROKER_GROUP_MAX_SESSION_TIMEOUT_MS))
        return WIRE_ERROR_INVALID_SESSION_TIMEOUT;
    return WIRE_ERROR_NONE;
}

void group_classic_join(struct group_work *work)
{
    struct join join;
    join_read(&join, work);
    int16_t error = join_check(work);
    if (error != WIRE_ERROR_NONE) {
        join_refuse(&join, error, join.request->member_id);
        return;
    }
    const struct group_object *object = group_object_find(work->hard, join.request->group_id);
    if (object != NULL && object->type != GROUP_TYPE_CLASSIC && !join_convert(&join, object))
        return;
    bool is_new = object == NULL || object->type != GROUP_TYPE_CLASSIC;
    bool unknown = join.request->member_id.size == 0;
    if (is_new && !unknown && classic_find(work->g, join.request->group_id) == NULL) {
        join_refuse(&join, WIRE_ERROR_UNKNOWN_MEMBER_ID, join.request->member_id);
        return;
    }
    join.group = classic_get(work, join.request->group_id);
    if (!join_has_room(&join)) {
        join_refuse(&join, WIRE_ERROR_GROUP_MAX_SIZE_REACHED, WIRE_EMPTY_STRING);
        return;
    }
    if (unknown)
        join_unknown(&join);
    else
        join_known(&join);
    if (is_new) {
        record_new_group(work, join.group);
        group_settle(work, new_group_settled, group_context_of(join.group->id));
    }
    if (!is_new)
        drop_if_unused(join.group);
}
