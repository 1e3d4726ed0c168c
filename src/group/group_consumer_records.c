/* The records of the new protocol's groups, as Apache Kafka 4.3 writes them. */
#include "group/group_consumer_int.h"

#include <stdlib.h>

void group_record_epoch(struct group_work *work, struct wire_string group, int32_t epoch,
                        int64_t hash)
{
    struct wire_consumer_group_metadata_key *key =
        GROUP_NEW(work->arena, consumer_group_metadata_key);
    struct wire_consumer_group_metadata_value *value =
        GROUP_NEW(work->arena, consumer_group_metadata_value);
    key->group_id = group;
    value->epoch = epoch;
    value->metadata_hash = hash;
    group_record(work, WIRE_GROUP_RECORD_CONSUMER_GROUP_METADATA, key, 0, value);
}

static const void *member_key(struct group_work *work, struct wire_string group,
                              struct wire_string id)
{
    /* The three keys of a member are the same struct. */
    struct wire_consumer_group_member_metadata_key *key =
        GROUP_NEW(work->arena, consumer_group_member_metadata_key);
    key->group_id = group;
    key->member_id = id;
    return key;
}

static int compare_strings(const void *a, const void *b)
{
    return group_text_compare(*(const struct wire_string *)a, *(const struct wire_string *)b);
}

void group_record_member(struct group_work *work, struct wire_string group, struct wire_string id,
                         const struct wire_consumer_group_member_metadata_value *metadata)
{
    struct wire_consumer_group_member_metadata_value *value =
        GROUP_NEW(work->arena, consumer_group_member_metadata_value);
    *value = *metadata;
    struct wire_strings *names = &value->subscribed_topic_names;
    if (names->count > 1) {
        struct wire_string *sorted =
            arena_must_alloc_array(work->arena, (size_t)names->count, sizeof *sorted);
        for (int32_t i = 0; i < names->count; i++)
            sorted[i] = names->items[i];
        qsort(sorted, (size_t)names->count, sizeof *sorted, compare_strings);
        names->items = sorted;
    }
    group_record(work, WIRE_GROUP_RECORD_CONSUMER_GROUP_MEMBER_METADATA,
                 member_key(work, group, id), 0, value);
}

void group_record_target(struct group_work *work, struct wire_string group, struct wire_string id,
                         const struct group_parts *parts)
{
    struct wire_consumer_group_target_assignment_member_value *value =
        GROUP_NEW(work->arena, consumer_group_target_assignment_member_value);
    size_t topics = group_parts_topics(parts);
    value->topic_partitions.items = GROUP_NEW_ARRAY(
        work->arena, consumer_group_target_assignment_member_value_topic_partition, topics);
    int32_t *partitions = arena_must_alloc_array(work->arena, parts->count, sizeof *partitions);
    for (size_t begin = 0, end; begin < parts->count; begin = end) {
        end = group_parts_run(parts, begin);
        struct wire_consumer_group_target_assignment_member_value_topic_partition *topic =
            &value->topic_partitions.items[value->topic_partitions.count++];
        topic->topic_id = parts->items[begin].topic;
        topic->partitions.items = partitions + begin;
        for (size_t i = begin; i < end; i++)
            topic->partitions.items[topic->partitions.count++] = parts->items[i].partition;
    }
    group_record(work, WIRE_GROUP_RECORD_CONSUMER_GROUP_TARGET_ASSIGNMENT_MEMBER,
                 member_key(work, group, id), 0, value);
}

void group_record_target_epoch(struct group_work *work, struct wire_string group, int32_t epoch)
{
    struct wire_consumer_group_target_assignment_metadata_key *key =
        GROUP_NEW(work->arena, consumer_group_target_assignment_metadata_key);
    struct wire_consumer_group_target_assignment_metadata_value *value =
        GROUP_NEW(work->arena, consumer_group_target_assignment_metadata_value);
    key->group_id = group;
    value->assignment_epoch = epoch;
    value->assignment_timestamp = work->time.wall_ms;
    group_record(work, WIRE_GROUP_RECORD_CONSUMER_GROUP_TARGET_ASSIGNMENT_METADATA, key, 0, value);
}

typedef struct wire_consumer_group_current_member_assignment_value_topic_partitions topic_parts;

static topic_parts *current_topics(struct arena *arena, const struct group_parts *parts,
                                   int32_t *count)
{
    topic_parts *topics =
        GROUP_NEW_ARRAY(arena, consumer_group_current_member_assignment_value_topic_partitions,
                        group_parts_topics(parts));
    int32_t *numbers = arena_must_alloc_array(arena, 2 * parts->count, sizeof *numbers);
    *count = 0;
    for (size_t begin = 0, end; begin < parts->count; begin = end) {
        end = group_parts_run(parts, begin);
        topic_parts *topic = &topics[(*count)++];
        topic->topic_id = parts->items[begin].topic;
        topic->partitions =
            (struct wire_int32s){.items = numbers + 2 * begin, .count = (int32_t)(end - begin)};
        topic->assignment_epochs =
            (struct wire_int32s){.items = numbers + begin + end, .count = (int32_t)(end - begin)};
        for (size_t i = begin; i < end; i++) {
            topic->partitions.items[i - begin] = parts->items[i].partition;
            topic->assignment_epochs.items[i - begin] = parts->items[i].epoch;
        }
    }
    return topics;
}

void group_record_current(struct group_work *work, struct wire_string group, struct wire_string id,
                          const struct group_member_state *state)
{
    struct wire_consumer_group_current_member_assignment_value *value =
        GROUP_NEW(work->arena, consumer_group_current_member_assignment_value);
    value->member_epoch = state->epoch;
    value->previous_member_epoch = state->previous_epoch;
    value->state = state->step;
    value->assigned_partitions.items =
        current_topics(work->arena, &state->assigned, &value->assigned_partitions.count);
    value->partitions_pending_revocation.items =
        current_topics(work->arena, &state->revoking, &value->partitions_pending_revocation.count);
    group_record(work, WIRE_GROUP_RECORD_CONSUMER_GROUP_CURRENT_MEMBER_ASSIGNMENT,
                 member_key(work, group, id), 0, value);
}

void group_record_member_gone(struct group_work *work, struct wire_string group,
                              struct wire_string id)
{
    const void *key = member_key(work, group, id);
    group_record(work, WIRE_GROUP_RECORD_CONSUMER_GROUP_CURRENT_MEMBER_ASSIGNMENT, key, 0, NULL);
    group_record(work, WIRE_GROUP_RECORD_CONSUMER_GROUP_TARGET_ASSIGNMENT_MEMBER, key, 0, NULL);
    group_record(work, WIRE_GROUP_RECORD_CONSUMER_GROUP_MEMBER_METADATA, key, 0, NULL);
}

void group_record_partition_metadata_gone(struct group_work *work, struct wire_string group)
{
    struct wire_consumer_group_partition_metadata_key *key =
        GROUP_NEW(work->arena, consumer_group_partition_metadata_key);
    key->group_id = group;
    group_record(work, WIRE_GROUP_RECORD_CONSUMER_GROUP_PARTITION_METADATA, key, 0, NULL);
}

static const void *resolved_key(struct group_work *work, struct wire_string group,
                                struct wire_string expression)
{
    struct wire_consumer_group_regular_expression_key *key =
        GROUP_NEW(work->arena, consumer_group_regular_expression_key);
    key->group_id = group;
    key->regular_expression = expression;
    return key;
}

void group_record_resolved(struct group_work *work, struct wire_string group,
                           struct wire_string expression, struct wire_strings topics,
                           int64_t version)
{
    struct wire_consumer_group_regular_expression_value *value =
        GROUP_NEW(work->arena, consumer_group_regular_expression_value);
    value->topics = topics;
    value->version = version;
    value->timestamp = work->time.wall_ms;
    group_record(work, WIRE_GROUP_RECORD_CONSUMER_GROUP_REGULAR_EXPRESSION,
                 resolved_key(work, group, expression), 0, value);
}

void group_record_resolved_gone(struct group_work *work, struct wire_string group,
                                struct wire_string expression)
{
    group_record(work, WIRE_GROUP_RECORD_CONSUMER_GROUP_REGULAR_EXPRESSION,
                 resolved_key(work, group, expression), 0, NULL);
}

void group_record_consumer_gone(struct group_work *work, struct wire_string id,
                                const struct group_consumer *group)
{
    struct pmap_iter iter;
    struct pmap_entry entry;
    pmap_iter_init(&iter, group->members, NULL, 0);
    while (pmap_iter_next(&iter, &entry))
        group_record(work, WIRE_GROUP_RECORD_CONSUMER_GROUP_CURRENT_MEMBER_ASSIGNMENT,
                     member_key(work, id, group_entry_key(&entry)), 0, NULL);
    pmap_iter_init(&iter, group->targets, NULL, 0);
    while (pmap_iter_next(&iter, &entry))
        group_record(work, WIRE_GROUP_RECORD_CONSUMER_GROUP_TARGET_ASSIGNMENT_MEMBER,
                     member_key(work, id, group_entry_key(&entry)), 0, NULL);
    struct wire_consumer_group_metadata_key *key =
        GROUP_NEW(work->arena, consumer_group_metadata_key); /* of the group's other record, too */
    key->group_id = id;
    group_record(work, WIRE_GROUP_RECORD_CONSUMER_GROUP_TARGET_ASSIGNMENT_METADATA, key, 0, NULL);
    pmap_iter_init(&iter, group->members, NULL, 0);
    while (pmap_iter_next(&iter, &entry))
        group_record(work, WIRE_GROUP_RECORD_CONSUMER_GROUP_MEMBER_METADATA,
                     member_key(work, id, group_entry_key(&entry)), 0, NULL);
    pmap_iter_init(&iter, group->resolved, NULL, 0);
    while (pmap_iter_next(&iter, &entry))
        group_record_resolved_gone(work, id, group_entry_key(&entry));
    if (group->has_partition_metadata)
        group_record_partition_metadata_gone(work, id);
    group_record(work, WIRE_GROUP_RECORD_CONSUMER_GROUP_METADATA, key, 0, NULL);
}
