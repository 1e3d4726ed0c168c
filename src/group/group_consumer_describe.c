/* ConsumerGroupDescribe: one group as it is committed. */
#include "group/group_consumer_int.h"

typedef struct wire_consumer_group_describe_response_described_group described_group;
typedef struct wire_consumer_group_describe_response_assignment described_assignment;

/* MemberType of version 1 (KIP-1099). */
enum { MEMBER_CLASSIC = 0, MEMBER_CONSUMER = 1 };

void *group_consumer_describe_error(const struct group_call *call, int16_t error)
{
    const struct wire_string *id = call->request;
    described_group *group =
        GROUP_NEW(call->arena, consumer_group_describe_response_described_group);
    group->group_id = *id;
    group->error_code = error;
    return group;
}

/* Topics that were deleted are left out. */
static void describe_parts(const struct group_work *work, const struct group_parts *parts,
                           described_assignment *out)
{
    struct arena *arena = work->call->arena;
    out->topic_partitions.items = GROUP_NEW_ARRAY(
        arena, consumer_group_describe_response_topic_partitions, group_parts_topics(parts));
    int32_t *numbers = arena_must_alloc_array(arena, parts->count, sizeof *numbers);
    for (size_t begin = 0, end; begin < parts->count; begin = end) {
        end = group_parts_run(parts, begin);
        const struct meta_topic *topic =
            meta_image_topic_by_id(work->g->image, &parts->items[begin].topic);
        if (topic == NULL)
            continue;
        struct wire_consumer_group_describe_response_topic_partitions *described =
            &out->topic_partitions.items[out->topic_partitions.count++];
        described->topic_id = topic->id;
        described->topic_name = wire_string_copy(topic->name, arena);
        described->partitions.items = numbers + begin;
        for (size_t i = begin; i < end; i++)
            described->partitions.items[described->partitions.count++] = parts->items[i].partition;
    }
}

static void describe_member(const struct group_work *work, const struct group_consumer *group,
                            const struct pmap_entry *entry,
                            struct wire_consumer_group_describe_response_member *out)
{
    struct arena *arena = work->call->arena;
    const struct group_member *member = group_member_of(entry);
    const struct wire_consumer_group_member_metadata_value *metadata =
        member->subscription->metadata;
    struct wire_strings names = metadata->subscribed_topic_names;
    out->member_id = wire_string_copy(group_entry_key(entry), arena);
    out->instance_id = wire_string_copy(metadata->instance_id, arena);
    out->rack_id = wire_string_copy(metadata->rack_id, arena);
    out->member_epoch = member->state.epoch;
    out->client_id = wire_string_copy(metadata->client_id, arena);
    out->client_host = wire_string_copy(metadata->client_host, arena);
    out->subscribed_topic_names.items =
        arena_must_alloc_array(arena, (size_t)names.count, sizeof *names.items);
    for (int32_t i = 0; i < names.count; i++)
        out->subscribed_topic_names.items[out->subscribed_topic_names.count++] =
            wire_string_copy(names.items[i], arena);
    out->subscribed_topic_regex = metadata->subscribed_topic_regex.data == NULL
                                      ? WIRE_EMPTY_STRING
                                      : wire_string_copy(metadata->subscribed_topic_regex, arena);
    out->member_type = metadata->classic_member_metadata != NULL ? MEMBER_CLASSIC : MEMBER_CONSUMER;
    /* What it has not given up yet it still has. */
    struct group_parts owned =
        group_parts_either(&member->state.assigned, &member->state.revoking, arena);
    describe_parts(work, &owned, &out->assignment);
    const struct group_parts *target = group_target_find(group, group_entry_key(entry));
    if (target != NULL)
        describe_parts(work, target, &out->target_assignment);
}

void group_consumer_describe(struct group_work *work)
{
    const struct wire_string *id = work->call->request;
    struct arena *arena = work->call->arena;
    const struct group_hard *hard = work->g->committed;
    const struct group_object *object = group_object_find(hard, *id);
    described_group *out = group_consumer_describe_error(work->call, WIRE_ERROR_NONE);
    group_reply(work, out);
    if (id->size == 0) {
        out->error_code = WIRE_ERROR_INVALID_GROUP_ID;
        return;
    }
    if (object == NULL || object->type != GROUP_TYPE_CONSUMER) {
        out->error_code = WIRE_ERROR_GROUP_ID_NOT_FOUND;
        out->error_message = group_text(
            arena, object == NULL ? "Group %.*s not found." : "Group %.*s is not a consumer group.",
            WIRE_STRING_ARGS(*id));
        return;
    }
    const struct group_consumer *group = group_consumer_of(object);
    struct group_view view = {.group = group, .image = work->g->image, .arena = arena};
    out->group_state = wire_string_from(group_consumer_state_text(hard, *id));
    out->group_epoch = group->epoch;
    out->assignment_epoch = group->target_epoch;
    out->assignor_name =
        wire_string_from(group_assignor_name(group_view_assignor(&view, work->g->conf)));
    out->members.items =
        GROUP_NEW_ARRAY(arena, consumer_group_describe_response_member, pmap_count(group->members));
    struct pmap_iter iter;
    struct pmap_entry entry;
    pmap_iter_init(&iter, group->members, NULL, 0);
    while (pmap_iter_next(&iter, &entry))
        describe_member(work, group, &entry, &out->members.items[out->members.count++]);
}
