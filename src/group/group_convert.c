/* Groups that go from one protocol to the other. */
#include "group/group_classic_int.h"
#include "group/group_consumer_int.h"

static void refuse(struct group_work *work, struct wire_string id)
{
    group_consumer_refuse(
        work, WIRE_ERROR_GROUP_ID_NOT_FOUND,
        group_text(work->call->arena, "Group %.*s is not a consumer group.", WIRE_STRING_ARGS(id)));
}

/* The classic group is no more: nor is what was known of it beside the log. */
static void converted(struct group_work *work, void *context, enum coord_outcome outcome)
{
    const struct wire_string *id = context;
    struct classic_group *classic = classic_find(work->g, *id);
    if (outcome == COORD_COMMITTED && classic != NULL && classic->state == CLASSIC_EMPTY &&
        group_consumer_find(work->hard, *id) != NULL)
        classic_free(classic);
}

bool group_convert_to_consumer(struct group_work *work, struct wire_string id,
                               const struct group_object *object)
{
    const struct classic_group *classic = classic_find(work->g, id);
    if (object->type != GROUP_TYPE_CLASSIC ||
        (classic != NULL && classic->state != CLASSIC_EMPTY)) {
        refuse(work, id);
        return false;
    }
    group_classic_tombstone(work, id);
    if (classic != NULL)
        group_settle(work, converted, group_context_of(id));
    return true;
}

/* ---- Classic members of consumer groups
 * ---------------------------------------------------------- */

/* A group without members takes whichever protocol comes first. */
bool group_consumer_classic_join(struct group_work *work)
{
    const struct wire_join_group_request *request = work->call->request;
    if (group_consumer_is_empty(work->hard, request->group_id)) {
        group_consumer_tombstones(work, request->group_id);
        return true;
    }
    struct wire_join_group_response *response =
        group_error_response(work->call, WIRE_ERROR_INCONSISTENT_GROUP_PROTOCOL);
    response->member_id = WIRE_EMPTY_STRING;
    group_reply(work, response);
    return false;
}

static void refuse_unknown(struct group_work *work)
{
    group_reply(work, group_error_response(work->call, WIRE_ERROR_UNKNOWN_MEMBER_ID));
}

void group_consumer_classic_sync(struct group_work *work)
{
    refuse_unknown(work);
}

void group_consumer_classic_heartbeat(struct group_work *work)
{
    refuse_unknown(work);
}

void group_consumer_classic_leave(struct group_work *work)
{
    refuse_unknown(work);
}
