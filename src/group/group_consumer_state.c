/*
 * What the records of the new protocol's groups make. A group is a struct with persistent maps;
 * each record makes another one that shares all but what changed.
 *
 * Compaction may have taken any record whose key came again, so each record is understood by
 * itself, in whatever order they come.
 */
#include "group/group_consumer_int.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <string.h>

#define OWNED_KEY_BYTES 20 /* topic id, partition */

struct group_owned {
    struct pmap_value value;
    int32_t epoch;
};

/* ---- Looking up -------------------------------------------------------------------------------
 */

const struct group_consumer *group_consumer_find(const struct group_hard *hard,
                                                 struct wire_string id)
{
    const struct group_object *object = group_object_find(hard, id);
    return object == NULL || object->type != GROUP_TYPE_CONSUMER ? NULL : group_consumer_of(object);
}

const struct group_member *group_member_find(const struct group_consumer *group,
                                             struct wire_string id)
{
    struct pmap_value *value = pmap_get(group->members, id.data, id.size);
    return value == NULL ? NULL : CONTAINER_OF(value, struct group_member, value);
}

const struct group_text_value *group_static_find(const struct group_consumer *group,
                                                 struct wire_string instance)
{
    if (instance.data == NULL)
        return NULL;
    struct pmap_value *value = pmap_get(group->statics, instance.data, instance.size);
    return value == NULL ? NULL : CONTAINER_OF(value, struct group_text_value, value);
}

const struct group_parts *group_target_find(const struct group_consumer *group,
                                            struct wire_string member)
{
    struct pmap_value *value = pmap_get(group->targets, member.data, member.size);
    return value == NULL ? NULL : &CONTAINER_OF(value, struct group_target, value)->parts;
}

const struct group_resolved *group_resolved_find(const struct group_consumer *group,
                                                 struct wire_string expression)
{
    struct pmap_value *value = pmap_get(group->resolved, expression.data, expression.size);
    return value == NULL ? NULL : CONTAINER_OF(value, struct group_resolved, value);
}

static void owned_key(uint8_t key[OWNED_KEY_BYTES], const struct uuid *topic, int32_t partition)
{
    memcpy(key, topic->bytes, sizeof topic->bytes);
    store_be32(key + sizeof topic->bytes, (uint32_t)partition);
}

int32_t group_owned_epoch(const struct group_consumer *group, const struct uuid *topic,
                          int32_t partition)
{
    uint8_t key[OWNED_KEY_BYTES];
    owned_key(key, topic, partition);
    struct pmap_value *value = pmap_get(group->owned, key, sizeof key);
    return value == NULL ? -1 : CONTAINER_OF(value, struct group_owned, value)->epoch;
}

/* ---- Groups ------------------------------------------------------------------------------------
 */

static void consumer_free(struct pmap_value *value)
{
    struct group_object *object = CONTAINER_OF(value, struct group_object, value);
    struct group_consumer *group = CONTAINER_OF(object, struct group_consumer, object);
    pmap_release(&group->members);
    pmap_release(&group->targets);
    pmap_release(&group->statics);
    pmap_release(&group->owned);
    pmap_release(&group->resolved);
    mem_free(group);
}

/* A copy of the group, or a new one in place of whatever was there, to be changed and put back. */
static struct group_consumer *group_copy(const struct group_hard *hard, struct wire_string id)
{
    struct group_consumer *copy = mem_zalloc(sizeof *copy);
    copy->epoch = GROUP_EPOCH_FIRST;
    const struct group_consumer *group = group_consumer_find(hard, id);
    if (group != NULL) {
        *copy = *group;
        copy->members = pmap_ref(group->members);
        copy->targets = pmap_ref(group->targets);
        copy->statics = pmap_ref(group->statics);
        copy->owned = pmap_ref(group->owned);
        copy->resolved = pmap_ref(group->resolved);
    }
    pmap_value_init(&copy->object.value, consumer_free);
    copy->object.type = GROUP_TYPE_CONSUMER;
    return copy;
}

/* ---- Members -----------------------------------------------------------------------------------
 */

static void subscription_free(struct pmap_value *value)
{
    struct group_subscription *subscription = CONTAINER_OF(value, struct group_subscription, value);
    arena_deinit(&subscription->arena);
    mem_free(subscription);
}

static struct group_subscription *
subscription_new(const struct wire_consumer_group_member_metadata_value *metadata)
{
    struct group_subscription *subscription = mem_zalloc(sizeof *subscription);
    pmap_value_init(&subscription->value, subscription_free);
    arena_init(&subscription->arena, SIZE_MAX);
    subscription->metadata = wire_copy(&wire_consumer_group_member_metadata_value_schema, metadata,
                                       &subscription->arena);
    if (subscription->metadata == NULL)
        PANIC("out of memory for a member of a group");
    return subscription;
}

static void member_free(struct pmap_value *value)
{
    struct group_member *member = CONTAINER_OF(value, struct group_member, value);
    pmap_value_unref(&member->subscription->value);
    mem_free(member);
}

/* Takes the reference to the subscription; copies the state. */
static struct group_member *member_new(struct group_subscription *take_subscription,
                                       const struct group_member_state *state)
{
    size_t assigned = state->assigned.count;
    size_t revoking = state->revoking.count;
    struct group_member *member =
        mem_zalloc(sizeof *member + (assigned + revoking) * sizeof member->parts[0]);
    pmap_value_init(&member->value, member_free);
    member->subscription = take_subscription;
    member->state = *state;
    member->state.assigned.items = member->parts;
    member->state.revoking.items = member->parts + assigned;
    if (assigned > 0)
        memcpy(member->parts, state->assigned.items, assigned * sizeof member->parts[0]);
    if (revoking > 0)
        memcpy(member->parts + assigned, state->revoking.items, revoking * sizeof member->parts[0]);
    return member;
}

/* Of a member that joins. */
static const struct group_member_state state_at_first = {.previous_epoch = -1};

static void owned_set(struct group_consumer *group, const struct group_parts *parts, int32_t epoch)
{
    for (size_t i = 0; i < parts->count; i++) {
        const struct group_part *part = &parts->items[i];
        uint8_t key[OWNED_KEY_BYTES];
        owned_key(key, &part->topic, part->partition);
        struct pmap_value *now = pmap_get(group->owned, key, sizeof key);
        if (now != NULL && CONTAINER_OF(now, struct group_owned, value)->epoch >= epoch)
            continue; /* in a log that is not whole: the newer owner's */
        struct group_owned *owned = mem_zalloc(sizeof *owned);
        pmap_value_init(&owned->value, (void (*)(struct pmap_value *))mem_free);
        owned->epoch = epoch;
        pmap_put(&group->owned, key, sizeof key, &owned->value);
    }
}

static void owned_clear(struct group_consumer *group, const struct group_parts *parts,
                        int32_t epoch)
{
    for (size_t i = 0; i < parts->count; i++) {
        const struct group_part *part = &parts->items[i];
        uint8_t key[OWNED_KEY_BYTES];
        owned_key(key, &part->topic, part->partition);
        if (group_owned_epoch(group, &part->topic, part->partition) == epoch)
            pmap_remove(&group->owned, key, sizeof key);
    }
}

static void state_set(struct group_consumer *group, struct wire_string id,
                      const struct group_member_state *state)
{
    const struct group_member *before = group_member_find(group, id);
    struct group_subscription *subscription;
    if (before != NULL) {
        owned_clear(group, &before->state.assigned, before->state.epoch);
        owned_clear(group, &before->state.revoking, before->state.epoch);
        subscription = before->subscription;
        pmap_value_ref(&subscription->value);
    } else {
        struct wire_consumer_group_member_metadata_value none;
        wire_default(&wire_consumer_group_member_metadata_value_schema, &none);
        none.instance_id = none.rack_id = none.server_assignor = WIRE_NULL_STRING;
        subscription = subscription_new(&none);
    }
    owned_set(group, &state->assigned, state->epoch);
    owned_set(group, &state->revoking, state->epoch);
    pmap_put(&group->members, id.data, id.size, &member_new(subscription, state)->value);
}

static void text_free(struct pmap_value *value)
{
    mem_free(CONTAINER_OF(value, struct group_text_value, value));
}

static struct pmap_value *text_new(struct wire_string text)
{
    struct group_text_value *value = mem_zalloc(sizeof *value + text.size);
    pmap_value_init(&value->value, text_free);
    value->size = text.size;
    if (text.size > 0)
        memcpy(value->data, text.data, text.size);
    return &value->value;
}

static void static_drop(struct group_consumer *group, struct wire_string instance,
                        struct wire_string id)
{
    const struct group_text_value *now = group_static_find(group, instance);
    if (now != NULL && now->size == id.size && memcmp(now->data, id.data, id.size) == 0)
        pmap_remove(&group->statics, instance.data, instance.size);
}

static void apply_member(struct group_consumer *group, const struct group_record *record)
{
    const struct wire_consumer_group_member_metadata_key *key = record->key;
    const struct wire_consumer_group_member_metadata_value *value = record->value;
    struct wire_string id = key->member_id;
    const struct group_member *before = group_member_find(group, id);
    if (before != NULL)
        static_drop(group, before->subscription->metadata->instance_id, id);
    if (value == NULL) {
        if (before != NULL) {
            owned_clear(group, &before->state.assigned, before->state.epoch);
            owned_clear(group, &before->state.revoking, before->state.epoch);
            pmap_remove(&group->members, id.data, id.size);
        }
        return;
    }
    if (value->instance_id.data != NULL)
        pmap_put(&group->statics, value->instance_id.data, value->instance_id.size, text_new(id));
    struct group_member *member =
        member_new(subscription_new(value), before == NULL ? &state_at_first : &before->state);
    pmap_put(&group->members, id.data, id.size, &member->value);
}

/* ---- Assignments --------------------------------------------------------------------------------
 */

typedef struct wire_consumer_group_current_member_assignment_value_topic_partitions topic_parts;

static size_t parts_count(const topic_parts *items, int32_t count)
{
    size_t total = 0;
    for (int32_t i = 0; i < count; i++)
        total += (size_t)items[i].partitions.count;
    return total;
}

/* Of brokers before 4.3 partitions have no epochs: the member's counts. */
static void parts_read(struct group_parts *out, const topic_parts *items, int32_t count,
                       int32_t epoch)
{
    out->count = 0;
    for (int32_t i = 0; i < count; i++) {
        for (int32_t k = 0; k < items[i].partitions.count; k++)
            out->items[out->count++] = (struct group_part){
                .topic = items[i].topic_id,
                .partition = items[i].partitions.items[k],
                .epoch = k < items[i].assignment_epochs.count ? items[i].assignment_epochs.items[k]
                                                              : epoch,
            };
    }
    group_parts_sort(out);
}

static void apply_current(struct group_consumer *group, const struct group_record *record)
{
    const struct wire_consumer_group_current_member_assignment_key *key = record->key;
    const struct wire_consumer_group_current_member_assignment_value *value = record->value;
    if (value == NULL) {
        if (group_member_find(group, key->member_id) != NULL)
            state_set(group, key->member_id, &state_at_first);
        return;
    }
    size_t assigned =
        parts_count(value->assigned_partitions.items, value->assigned_partitions.count);
    size_t revoking = parts_count(value->partitions_pending_revocation.items,
                                  value->partitions_pending_revocation.count);
    struct group_part *items = mem_alloc((assigned + revoking + 1) * sizeof *items);
    struct group_member_state state = {
        .epoch = value->member_epoch,
        .previous_epoch = value->previous_member_epoch,
        .step = value->state,
        .assigned.items = items,
        .revoking.items = items + assigned,
    };
    parts_read(&state.assigned, value->assigned_partitions.items, value->assigned_partitions.count,
               value->member_epoch);
    parts_read(&state.revoking, value->partitions_pending_revocation.items,
               value->partitions_pending_revocation.count, value->member_epoch);
    state_set(group, key->member_id, &state);
    mem_free(items);
}

static void target_free(struct pmap_value *value)
{
    mem_free(CONTAINER_OF(value, struct group_target, value));
}

static void apply_target(struct group_consumer *group, const struct group_record *record)
{
    const struct wire_consumer_group_target_assignment_member_key *key = record->key;
    const struct wire_consumer_group_target_assignment_member_value *value = record->value;
    if (value == NULL) {
        pmap_remove(&group->targets, key->member_id.data, key->member_id.size);
        return;
    }
    size_t count = 0;
    for (int32_t i = 0; i < value->topic_partitions.count; i++)
        count += (size_t)value->topic_partitions.items[i].partitions.count;
    struct group_target *target = mem_zalloc(sizeof *target + count * sizeof target->items[0]);
    pmap_value_init(&target->value, target_free);
    target->parts.items = target->items;
    for (int32_t i = 0; i < value->topic_partitions.count; i++) {
        const struct wire_consumer_group_target_assignment_member_value_topic_partition *topic =
            &value->topic_partitions.items[i];
        for (int32_t k = 0; k < topic->partitions.count; k++)
            target->items[target->parts.count++] = (struct group_part){
                .topic = topic->topic_id, .partition = topic->partitions.items[k]};
    }
    group_parts_sort(&target->parts);
    pmap_put(&group->targets, key->member_id.data, key->member_id.size, &target->value);
}

static void apply_target_epoch(struct group_consumer *group, const struct group_record *record)
{
    const struct wire_consumer_group_target_assignment_metadata_value *value = record->value;
    group->target_epoch = value == NULL ? 0 : value->assignment_epoch;
    group->target_timestamp_ms = value == NULL ? 0 : value->assignment_timestamp;
}

/* ---- Expressions -------------------------------------------------------------------------------
 */

static void resolved_free(struct pmap_value *value)
{
    struct group_resolved *resolved = CONTAINER_OF(value, struct group_resolved, value);
    arena_deinit(&resolved->arena);
    mem_free(resolved);
}

static void apply_resolved(struct group_consumer *group, const struct group_record *record)
{
    const struct wire_consumer_group_regular_expression_key *key = record->key;
    const struct wire_consumer_group_regular_expression_value *value = record->value;
    struct wire_string expression = key->regular_expression;
    if (value == NULL) {
        pmap_remove(&group->resolved, expression.data, expression.size);
        return;
    }
    struct group_resolved *resolved = mem_zalloc(sizeof *resolved);
    pmap_value_init(&resolved->value, resolved_free);
    arena_init(&resolved->arena, SIZE_MAX);
    const struct wire_consumer_group_regular_expression_value *copy =
        wire_copy(&wire_consumer_group_regular_expression_value_schema, value, &resolved->arena);
    if (copy == NULL)
        PANIC("out of memory for the topics of an expression");
    resolved->topics = copy->topics;
    resolved->version = value->version;
    resolved->timestamp_ms = value->timestamp;
    pmap_put(&group->resolved, expression.data, expression.size, &resolved->value);
}

/* ---- The list
 * ------------------------------------------------------------------------------------ */

static void apply_epoch(struct group_consumer *group, const struct group_record *record)
{
    const struct wire_consumer_group_metadata_value *value = record->value;
    group->epoch = value->epoch;
    group->metadata_hash = value->metadata_hash;
}

static void apply_partition_metadata(struct group_consumer *group,
                                     const struct group_record *record)
{
    group->has_partition_metadata = record->value != NULL;
}

static const struct {
    int16_t id;
    void (*apply)(struct group_consumer *group, const struct group_record *record);
} consumer_applies[] = {
    {WIRE_GROUP_RECORD_CONSUMER_GROUP_METADATA, apply_epoch},
    {WIRE_GROUP_RECORD_CONSUMER_GROUP_PARTITION_METADATA, apply_partition_metadata},
    {WIRE_GROUP_RECORD_CONSUMER_GROUP_MEMBER_METADATA, apply_member},
    {WIRE_GROUP_RECORD_CONSUMER_GROUP_TARGET_ASSIGNMENT_METADATA, apply_target_epoch},
    {WIRE_GROUP_RECORD_CONSUMER_GROUP_TARGET_ASSIGNMENT_MEMBER, apply_target},
    {WIRE_GROUP_RECORD_CONSUMER_GROUP_CURRENT_MEMBER_ASSIGNMENT, apply_current},
    {WIRE_GROUP_RECORD_CONSUMER_GROUP_REGULAR_EXPRESSION, apply_resolved},
};

/* The group's own tombstone takes all of it away; others are for a group that is there. */
void group_consumer_apply(struct group_hard *hard, const struct group_record *record, int64_t order)
{
    UNUSED(order);
    struct wire_string id = *(const struct wire_string *)record->key; /* of all of these keys */
    if (record->value == NULL && group_consumer_find(hard, id) == NULL)
        return;
    if (record->value == NULL && record->type->id == WIRE_GROUP_RECORD_CONSUMER_GROUP_METADATA) {
        pmap_remove(&hard->groups, id.data, id.size);
        return;
    }
    struct group_consumer *group = group_copy(hard, id);
    for (size_t i = 0; i < ARRAY_COUNT(consumer_applies); i++) {
        if (consumer_applies[i].id == record->type->id)
            consumer_applies[i].apply(group, record);
    }
    pmap_put(&hard->groups, id.data, id.size, &group->object.value);
}
