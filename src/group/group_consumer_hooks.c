/*
 * What the classic protocol, offsets and administration ask of a group of the new protocol. As long
 * as its members are not served the group is left as it is.
 */
#include "group/group_int.h"

bool group_consumer_classic_join(struct group_work *work)
{
    struct wire_join_group_response *response =
        group_error_response(work->call, WIRE_ERROR_INCONSISTENT_GROUP_PROTOCOL);
    response->member_id = WIRE_EMPTY_STRING;
    group_reply(work, response);
    return false;
}

void group_consumer_classic_sync(struct group_work *work)
{
    group_reply(work, group_error_response(work->call, WIRE_ERROR_UNKNOWN_MEMBER_ID));
}

void group_consumer_classic_heartbeat(struct group_work *work)
{
    group_reply(work, group_error_response(work->call, WIRE_ERROR_UNKNOWN_MEMBER_ID));
}

void group_consumer_classic_leave(struct group_work *work)
{
    group_reply(work, group_error_response(work->call, WIRE_ERROR_UNKNOWN_MEMBER_ID));
}

int16_t group_consumer_check_commit(struct group_work *work, const struct group_commit *commit)
{
    UNUSED(work);
    UNUSED(commit);
    return WIRE_ERROR_UNKNOWN_MEMBER_ID;
}

int16_t group_consumer_check_fetch(const struct group_coordinator *g, const struct group_hard *hard,
                                   struct wire_string group_id, struct wire_string member_id,
                                   int32_t member_epoch)
{
    UNUSED(g);
    UNUSED(hard);
    UNUSED(group_id);
    UNUSED(member_id);
    return member_epoch < 0 ? WIRE_ERROR_NONE : WIRE_ERROR_UNKNOWN_MEMBER_ID;
}

bool group_consumer_is_subscribed(const struct group_hard *hard, struct wire_string group_id,
                                  struct wire_string topic)
{
    UNUSED(hard);
    UNUSED(group_id);
    UNUSED(topic);
    return true;
}

bool group_consumer_is_empty(const struct group_hard *hard, struct wire_string group_id)
{
    UNUSED(hard);
    UNUSED(group_id);
    return false;
}

void group_consumer_tombstones(struct group_work *work, struct wire_string group_id)
{
    UNUSED(group_id);
    ASSERT(work != NULL); /* never of a group with members */
}

const char *group_consumer_state_text(const struct group_hard *hard, struct wire_string group_id)
{
    UNUSED(hard);
    UNUSED(group_id);
    return "Stable";
}
