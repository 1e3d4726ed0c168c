/* What offsets, administration and the classic protocol ask of a group of the new protocol. */
#include "group/group_consumer_int.h"

/* ---- Administration ----------------------------------------------------------------------------
 */

const char *group_consumer_state_text(const struct group_hard *hard, struct wire_string group_id)
{
    const struct group_consumer *group = group_consumer_find(hard, group_id);
    if (group == NULL || pmap_count(group->members) == 0)
        return "Empty";
    if (group->epoch > group->target_epoch)
        return "Assigning";
    struct pmap_iter iter;
    struct pmap_entry entry;
    pmap_iter_init(&iter, group->members, NULL, 0);
    while (pmap_iter_next(&iter, &entry)) {
        if (!group_member_reconciled(&group_member_of(&entry)->state, group->target_epoch))
            return "Reconciling";
    }
    return "Stable";
}

bool group_consumer_is_empty(const struct group_hard *hard, struct wire_string group_id)
{
    const struct group_consumer *group = group_consumer_find(hard, group_id);
    return group != NULL && pmap_count(group->members) == 0;
}

void group_consumer_tombstones(struct group_work *work, struct wire_string group_id)
{
    const struct group_consumer *group = group_consumer_find(work->hard, group_id);
    ASSERT(group != NULL);
    group_record_consumer_gone(work, group_id, group);
}

static bool strings_have(struct wire_strings strings, struct wire_string wanted)
{
    for (int32_t i = 0; i < strings.count; i++) {
        if (wire_string_equal(strings.items[i], wanted))
            return true;
    }
    return false;
}

bool group_consumer_is_subscribed(const struct group_hard *hard, struct wire_string group_id,
                                  struct wire_string topic)
{
    const struct group_consumer *group = group_consumer_find(hard, group_id);
    struct pmap_iter iter;
    struct pmap_entry entry;
    if (group == NULL)
        return false;
    pmap_iter_init(&iter, group->members, NULL, 0);
    while (pmap_iter_next(&iter, &entry)) {
        const struct wire_consumer_group_member_metadata_value *metadata =
            group_member_of(&entry)->subscription->metadata;
        if (strings_have(metadata->subscribed_topic_names, topic))
            return true;
        const struct group_resolved *resolved =
            metadata->subscribed_topic_regex.size == 0
                ? NULL
                : group_resolved_find(group, metadata->subscribed_topic_regex);
        if (resolved != NULL && strings_have(resolved->topics, topic))
            return true;
    }
    return false;
}

/* ---- Offsets ------------------------------------------------------------------------------------
 */

static bool uses_classic(const struct group_member *member)
{
    return member->subscription->metadata->classic_member_metadata != NULL;
}

/* A member may commit with an epoch that it had when it got the partition, or later. */
static bool commit_covered(const struct group_work *work, const struct group_member *member,
                           int32_t epoch)
{
    const struct wire_offset_commit_request *request = work->call->request;
    for (int32_t i = 0; i < request->topics.count; i++) {
        const struct wire_offset_commit_request_offset_commit_request_topic *topic =
            &request->topics.items[i];
        struct uuid id = topic->topic_id;
        const struct meta_topic *known =
            topic->name.data == NULL
                ? NULL
                : meta_image_topic(work->g->image, topic->name.data, topic->name.size);
        if (uuid_is_zero(&id) && known != NULL)
            id = known->id;
        for (int32_t k = 0; k < topic->partitions.count; k++) {
            int32_t partition = topic->partitions.items[k].partition_index;
            const struct group_part *part =
                group_parts_find(&member->state.assigned, &id, partition);
            if (part == NULL)
                part = group_parts_find(&member->state.revoking, &id, partition);
            if (part == NULL || epoch < part->epoch)
                return false;
        }
    }
    return true;
}

int16_t group_consumer_check_commit(struct group_work *work, const struct group_commit *commit)
{
    const struct group_consumer *group = group_consumer_find(work->hard, commit->group_id);
    ASSERT(group != NULL);
    /* Tools may change the offsets of a group without members. */
    if (commit->epoch < 0 && pmap_count(group->members) == 0)
        return WIRE_ERROR_NONE;
    if (commit->transactional && commit->epoch == -1 && commit->member_id.size == 0 &&
        commit->instance_id.data == NULL)
        return WIRE_ERROR_NONE;
    const struct group_member *member = group_member_find(group, commit->member_id);
    if (member == NULL)
        return WIRE_ERROR_UNKNOWN_MEMBER_ID;
    if (!commit->transactional && !uses_classic(member) && commit->version < 9)
        return WIRE_ERROR_UNSUPPORTED_VERSION;
    if (commit->epoch == member->state.epoch)
        return WIRE_ERROR_NONE;
    bool covered = commit->epoch < member->state.epoch &&
                   work->call->op == GROUP_OP_OFFSET_COMMIT &&
                   commit_covered(work, member, commit->epoch);
    return covered                ? WIRE_ERROR_NONE
           : uses_classic(member) ? WIRE_ERROR_ILLEGAL_GENERATION
                                  : WIRE_ERROR_STALE_MEMBER_EPOCH;
}

int16_t group_consumer_check_fetch(const struct group_coordinator *g, const struct group_hard *hard,
                                   struct wire_string group_id, struct wire_string member_id,
                                   int32_t member_epoch)
{
    UNUSED(g);
    if (member_id.data == NULL && member_epoch < 0)
        return WIRE_ERROR_NONE;
    const struct group_consumer *group = group_consumer_find(hard, group_id);
    const struct group_member *member = group == NULL ? NULL : group_member_find(group, member_id);
    if (member == NULL)
        return WIRE_ERROR_UNKNOWN_MEMBER_ID;
    if (member_epoch == member->state.epoch)
        return WIRE_ERROR_NONE;
    return uses_classic(member) ? WIRE_ERROR_ILLEGAL_GENERATION : WIRE_ERROR_STALE_MEMBER_EPOCH;
}
