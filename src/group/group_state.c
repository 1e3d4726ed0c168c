/*
 * What records make: groups and offsets in persistent maps. One list says which record does what;
 * it runs for decisions, for what is loaded, and so after a restart.
 */
#include "group/group_classic_int.h"
#include "group/group_consumer_int.h"
#include "group/group_int.h"

#include "base/mem.h"

#include <string.h>

/* ---- Handles --------------------------------------------------------------------------------- */

struct group_hard group_hard_ref(const struct group_hard *hard)
{
    return (struct group_hard){
        .groups = pmap_ref(hard->groups),
        .offsets = pmap_ref(hard->offsets),
        .pending = pmap_ref(hard->pending),
        .pending_by_producer = pmap_ref(hard->pending_by_producer),
    };
}

void group_hard_release(struct group_hard *hard)
{
    pmap_release(&hard->groups);
    pmap_release(&hard->offsets);
    pmap_release(&hard->pending);
    pmap_release(&hard->pending_by_producer);
}

/* ---- Keys ------------------------------------------------------------------------------------ */

static void key_put_string(struct buf *out, struct wire_string string)
{
    buf_put_be16(out, (uint16_t)string.size);
    buf_put(out, string.data, string.size);
}

void group_key_group(struct buf *out, struct wire_string group)
{
    buf_clear(out);
    key_put_string(out, group);
}

void group_key_topic(struct buf *out, struct wire_string group, struct wire_string topic)
{
    group_key_group(out, group);
    key_put_string(out, topic);
}

void group_key_partition(struct buf *out, struct wire_string group, struct wire_string topic,
                         int32_t partition)
{
    group_key_topic(out, group, topic);
    buf_put_be32(out, (uint32_t)partition);
}

void group_key_read(const uint8_t *key, size_t size, struct wire_string *group,
                    struct wire_string *topic, int32_t *partition)
{
    ASSERT(size >= 8);
    uint32_t group_size = load_be16(key);
    *group = wire_string_of((const char *)key + 2, group_size);
    uint32_t topic_size = load_be16(key + 2 + group_size);
    *topic = wire_string_of((const char *)key + 4 + group_size, topic_size);
    ASSERT(size >= 8 + (size_t)group_size + topic_size);
    *partition = (int32_t)load_be32(key + 4 + group_size + topic_size);
}

bool group_key_has_prefix(const struct pmap_entry *entry, const struct buf *prefix)
{
    return entry->key_size >= prefix->size && memcmp(entry->key, prefix->data, prefix->size) == 0;
}

struct group_object *group_object_find(const struct group_hard *hard, struct wire_string id)
{
    struct pmap_value *value = pmap_get(hard->groups, id.data, id.size);
    return value == NULL ? NULL : CONTAINER_OF(value, struct group_object, value);
}

struct group_offset *group_offset_find(const struct group_hard *hard, struct wire_string group,
                                       struct wire_string topic, int32_t partition)
{
    struct buf key = BUF_EMPTY;
    group_key_partition(&key, group, topic, partition);
    struct pmap_value *value = pmap_get(hard->offsets, key.data, key.size);
    buf_deinit(&key);
    return value == NULL ? NULL : CONTAINER_OF(value, struct group_offset, value);
}

/* ---- Groups ---------------------------------------------------------------------------------- */

static void kept_free(struct pmap_value *value)
{
    mem_free(CONTAINER_OF(value, struct group_object, value));
}

/* A group of a kind that is not served here: that it is there, and what kind, is all that is
 * needed, since its records stay in the log. */
static void group_keep(struct group_hard *hard, struct wire_string id, enum group_type type)
{
    struct group_object *object = mem_zalloc(sizeof *object);
    pmap_value_init(&object->value, kept_free);
    object->type = type;
    pmap_put(&hard->groups, id.data, id.size, &object->value);
}

static void apply_kept(struct group_hard *hard, const struct group_record *record,
                       struct wire_string id, enum group_type type)
{
    const struct group_object *object = group_object_find(hard, id);
    if (record->value != NULL) {
        if (object == NULL || object->type != type)
            group_keep(hard, id, type);
    } else if (object != NULL && object->type == type &&
               (record->type->id == WIRE_GROUP_RECORD_SHARE_GROUP_METADATA ||
                record->type->id == WIRE_GROUP_RECORD_STREAMS_GROUP_METADATA)) {
        pmap_remove(&hard->groups, id.data, id.size);
    }
}

/* The group's id is the first field of all of these keys. */
static void apply_share(struct group_hard *hard, const struct group_record *record, int64_t order)
{
    UNUSED(order);
    apply_kept(hard, record, *(const struct wire_string *)record->key, GROUP_TYPE_SHARE);
}

static void apply_streams(struct group_hard *hard, const struct group_record *record, int64_t order)
{
    UNUSED(order);
    apply_kept(hard, record, *(const struct wire_string *)record->key, GROUP_TYPE_STREAMS);
}

/* ---- Offsets --------------------------------------------------------------------------------- */

static void offset_free(struct pmap_value *value)
{
    mem_free(CONTAINER_OF(value, struct group_offset, value));
}

static struct group_offset *offset_new(const struct wire_offset_commit_value *value, int64_t order)
{
    struct group_offset *offset = mem_zalloc(sizeof *offset + value->metadata.size);
    pmap_value_init(&offset->value, offset_free);
    offset->offset = value->offset;
    offset->leader_epoch = value->leader_epoch;
    offset->commit_timestamp_ms = value->commit_timestamp;
    offset->expire_timestamp_ms = value->expire_timestamp;
    offset->topic_id = value->topic_id;
    offset->order = order;
    offset->metadata_size = value->metadata.size;
    if (value->metadata.size > 0)
        memcpy(offset->metadata, value->metadata.data, value->metadata.size);
    return offset;
}

static void pending_keys(struct buf *by_partition, struct buf *by_producer,
                         const struct wire_offset_commit_key *key, int64_t producer_id)
{
    group_key_partition(by_partition, key->group, key->topic, key->partition);
    buf_clear(by_producer);
    buf_put_be64(by_producer, (uint64_t)producer_id);
    buf_put(by_producer, by_partition->data, by_partition->size);
    buf_put_be64(by_partition, (uint64_t)producer_id);
}

static void apply_offset(struct group_hard *hard, const struct group_record *record, int64_t order)
{
    const struct wire_offset_commit_key *key = record->key;
    struct buf name = BUF_EMPTY;
    struct buf by_producer = BUF_EMPTY;
    if (record->value == NULL) {
        /* A deleted offset takes what is pending for it with it. */
        group_key_partition(&name, key->group, key->topic, key->partition);
        pmap_remove(&hard->offsets, name.data, name.size);
        group_pending_drop(hard, &name);
    } else {
        /* Who commits without being a member makes a group that is nothing else. */
        if (group_object_find(hard, key->group) == NULL)
            group_classic_put(hard, key->group, NULL);
        struct group_offset *offset = offset_new(record->value, order);
        if (record->producer_id >= 0) {
            pending_keys(&name, &by_producer, key, record->producer_id);
            pmap_put(&hard->pending_by_producer, by_producer.data, by_producer.size,
                     pmap_value_ref(&offset->value));
            pmap_put(&hard->pending, name.data, name.size, &offset->value);
        } else {
            group_key_partition(&name, key->group, key->topic, key->partition);
            pmap_put(&hard->offsets, name.data, name.size, &offset->value);
        }
    }
    buf_deinit(&name);
    buf_deinit(&by_producer);
}

void group_pending_drop(struct group_hard *hard, const struct buf *prefix)
{
    struct pmap all = pmap_ref(hard->pending);
    struct pmap_iter iter;
    struct pmap_entry entry;
    struct buf name = BUF_EMPTY;
    pmap_iter_init(&iter, all, prefix->data, prefix->size);
    while (pmap_iter_next(&iter, &entry) && group_key_has_prefix(&entry, prefix)) {
        buf_clear(&name);
        buf_put(&name, entry.key + entry.key_size - 8, 8);
        buf_put(&name, entry.key, entry.key_size - 8);
        pmap_remove(&hard->pending_by_producer, name.data, name.size);
        pmap_remove(&hard->pending, entry.key, entry.key_size);
    }
    pmap_release(&all);
    buf_deinit(&name);
}

/* The transaction ended: what it committed counts, unless a later commit was there already. */
static void apply_marker(struct group_hard *hard, const struct group_record *record)
{
    struct pmap all = pmap_ref(hard->pending_by_producer);
    struct pmap_iter iter;
    struct pmap_entry entry;
    struct buf prefix = BUF_EMPTY;
    struct buf name = BUF_EMPTY;
    buf_put_be64(&prefix, (uint64_t)record->producer_id);
    pmap_iter_init(&iter, all, prefix.data, prefix.size);
    while (pmap_iter_next(&iter, &entry) && group_key_has_prefix(&entry, &prefix)) {
        buf_clear(&name);
        buf_put(&name, entry.key + 8, entry.key_size - 8);
        if (record->commit) {
            struct pmap_value *value = pmap_get(hard->offsets, name.data, name.size);
            const struct group_offset *ours = CONTAINER_OF(entry.value, struct group_offset, value);
            if (value == NULL ||
                CONTAINER_OF(value, struct group_offset, value)->order < ours->order)
                pmap_put(&hard->offsets, name.data, name.size, pmap_value_ref(entry.value));
        }
        buf_put_be64(&name, (uint64_t)record->producer_id);
        pmap_remove(&hard->pending, name.data, name.size);
        pmap_remove(&hard->pending_by_producer, entry.key, entry.key_size);
    }
    pmap_release(&all);
    buf_deinit(&prefix);
    buf_deinit(&name);
}

static void apply_group(struct group_hard *hard, const struct group_record *record, int64_t order)
{
    UNUSED(order);
    const struct wire_group_metadata_key *key = record->key;
    const struct group_object *object = group_object_find(hard, key->group);
    if (record->value != NULL)
        group_classic_put(hard, key->group, record->value);
    else if (object != NULL && object->type == GROUP_TYPE_CLASSIC)
        pmap_remove(&hard->groups, key->group.data, key->group.size);
}

/* ---- The list -------------------------------------------------------------------------------- */

static const struct {
    int16_t id;
    void (*apply)(struct group_hard *hard, const struct group_record *record, int64_t order);
} group_applies[] = {
    {WIRE_GROUP_RECORD_LEGACY_OFFSET_COMMIT, NULL}, /* read as OffsetCommit (group_load.c) */
    {WIRE_GROUP_RECORD_OFFSET_COMMIT, apply_offset},
    {WIRE_GROUP_RECORD_GROUP_METADATA, apply_group},
    {WIRE_GROUP_RECORD_CONSUMER_GROUP_METADATA, group_consumer_apply},
    {WIRE_GROUP_RECORD_CONSUMER_GROUP_PARTITION_METADATA, group_consumer_apply},
    {WIRE_GROUP_RECORD_CONSUMER_GROUP_MEMBER_METADATA, group_consumer_apply},
    {WIRE_GROUP_RECORD_CONSUMER_GROUP_TARGET_ASSIGNMENT_METADATA, group_consumer_apply},
    {WIRE_GROUP_RECORD_CONSUMER_GROUP_TARGET_ASSIGNMENT_MEMBER, group_consumer_apply},
    {WIRE_GROUP_RECORD_CONSUMER_GROUP_CURRENT_MEMBER_ASSIGNMENT, group_consumer_apply},
    {WIRE_GROUP_RECORD_CONSUMER_GROUP_REGULAR_EXPRESSION, group_consumer_apply},
    {WIRE_GROUP_RECORD_SHARE_GROUP_MEMBER_METADATA, apply_share},
    {WIRE_GROUP_RECORD_SHARE_GROUP_METADATA, apply_share},
    {WIRE_GROUP_RECORD_SHARE_GROUP_TARGET_ASSIGNMENT_METADATA, apply_share},
    {WIRE_GROUP_RECORD_SHARE_GROUP_TARGET_ASSIGNMENT_MEMBER, apply_share},
    {WIRE_GROUP_RECORD_SHARE_GROUP_CURRENT_MEMBER_ASSIGNMENT, apply_share},
    {WIRE_GROUP_RECORD_SHARE_GROUP_STATE_PARTITION_METADATA, apply_share},
    {WIRE_GROUP_RECORD_STREAMS_GROUP_METADATA, apply_streams},
    {WIRE_GROUP_RECORD_STREAMS_GROUP_MEMBER_METADATA, apply_streams},
    {WIRE_GROUP_RECORD_STREAMS_GROUP_TARGET_ASSIGNMENT_METADATA, apply_streams},
    {WIRE_GROUP_RECORD_STREAMS_GROUP_TARGET_ASSIGNMENT_MEMBER, apply_streams},
    {WIRE_GROUP_RECORD_STREAMS_GROUP_CURRENT_MEMBER_ASSIGNMENT, apply_streams},
    {WIRE_GROUP_RECORD_STREAMS_GROUP_TOPOLOGY, apply_streams},
};

void group_hard_apply(struct group_hard *hard, const struct group_record *record, int64_t order)
{
    if (record->type == NULL) {
        apply_marker(hard, record);
        return;
    }
    for (size_t i = 0; i < ARRAY_COUNT(group_applies); i++) {
        if (group_applies[i].id != record->type->id)
            continue;
        if (group_applies[i].apply != NULL)
            group_applies[i].apply(hard, record, order);
        return;
    }
}
