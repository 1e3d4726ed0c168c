#include "meta/value_int.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <stdalign.h>
#include <stdlib.h>

/*
 * Making values. Each fill function runs twice over the same record: once to learn the size of the
 * block, with a scratch value whose pointers mean nothing, and once to fill it.
 */

static size_t align_up(size_t size, size_t align)
{
    return (size + align - 1) / align * align;
}

static void *flat_take(struct meta_flat *flat, size_t size, size_t align)
{
    flat->size = align_up(flat->size, align);
    void *place = flat->base == NULL ? NULL : flat->base + flat->size;
    flat->size += size;
    return place;
}

static struct wire_string flat_string(struct meta_flat *flat, struct wire_string string)
{
    if (string.data == NULL)
        return string;
    char *text = flat_take(flat, (size_t)string.size + 1, 1);
    if (text != NULL) {
        memcpy(text, string.data, string.size);
        text[string.size] = '\0';
    }
    return (struct wire_string){text, string.size};
}

static const void *flat_copy(struct meta_flat *flat, const void *data, size_t size, size_t align)
{
    void *place = flat_take(flat, size, align);
    if (place != NULL && size > 0)
        memcpy(place, data, size);
    return place;
}

static struct wire_bytes flat_bytes(struct meta_flat *flat, struct wire_bytes bytes)
{
    return (struct wire_bytes){flat_copy(flat, bytes.data, bytes.size, 1), bytes.size};
}

/* Null becomes empty. */
static struct wire_int32s flat_int32s(struct meta_flat *flat, struct wire_int32s list)
{
    int32_t count = list.count > 0 ? list.count : 0;
    size_t size = (size_t)count * sizeof(int32_t);
    int32_t *items = flat_take(flat, size, alignof(int32_t));
    if (items != NULL && size > 0)
        memcpy(items, list.items, size);
    return (struct wire_int32s){items, count};
}

/* Tags below `from` mean something in some version of the record that we know: one that came in a
 * version where it does not is not kept, or it would begin to mean that when written in another. */
static const struct wire_tagged *flat_tags_from(struct meta_flat *flat,
                                                const struct wire_tagged *tags, uint32_t from)
{
    struct wire_tagged *first = NULL;
    struct wire_tagged *last = NULL;
    for (; tags != NULL; tags = tags->next) {
        if (tags->tag < from)
            continue;
        struct wire_tagged *copy = flat_take(flat, sizeof *copy, alignof(struct wire_tagged));
        const uint8_t *data = flat_copy(flat, tags->data, tags->size, 1);
        if (copy == NULL)
            continue;
        *copy = (struct wire_tagged){.data = data, .size = tags->size, .tag = tags->tag};
        if (last == NULL)
            first = copy;
        else
            last->next = copy;
        last = copy;
    }
    return first;
}

static const struct wire_tagged *flat_tags(struct meta_flat *flat, const struct wire_tagged *tags)
{
    return flat_tags_from(flat, tags, 0);
}

/* The record gets the value's tags back; nobody writes through the pointer. */
static struct wire_tagged *tags_of(const struct wire_tagged *tags)
{
    return (struct wire_tagged *)(uintptr_t)tags;
}

static int compare_uuid(const void *a, const void *b)
{
    return uuid_compare(a, b);
}

static void value_free(struct pmap_value *value)
{
    mem_free(value);
}

void *meta_value_new(enum meta_kind kind, const void *record)
{
    const struct meta_kind_info *info = &meta_kinds[kind];
    max_align_t scratch[24];
    ASSERT(info->value_size <= sizeof scratch);
    struct meta_flat flat = {.size = info->value_size};
    info->fill(&flat, scratch, record);

    char *base = mem_try_alloc(flat.size);
    if (base == NULL)
        return NULL;
    size_t size = flat.size;
    memset(base, 0, info->value_size);
    pmap_value_init((struct pmap_value *)(void *)base, value_free);
    flat = (struct meta_flat){.base = base, .size = info->value_size};
    info->fill(&flat, base, record);
    ASSERT(flat.size == size);
    return base;
}

/* ---- Features ---------------------------------------------------------------------------- */

static void feature_fill(struct meta_flat *flat, void *out, const void *from)
{
    const struct wire_feature_level_record *record = from;
    struct meta_feature *value = out;
    value->name = flat_string(flat, record->name);
    value->level = record->feature_level;
    value->tags = flat_tags(flat, record->unknown_tags);
}

static enum err feature_record(const void *from, struct arena *arena, union meta_value_record *out)
{
    const struct meta_feature *value = from;
    UNUSED(arena);
    out->feature = (struct wire_feature_level_record){
        .name = value->name, .feature_level = value->level, .unknown_tags = tags_of(value->tags)};
    return ERR_OK;
}

static void feature_key(const void *from, struct buf *key)
{
    const struct meta_feature *value = from;
    buf_clear(key);
    buf_put(key, value->name.data, value->name.size);
}

/* ---- Brokers and controllers ------------------------------------------------------------- */

/*
 * Brokers' and controllers' endpoints and features are the same fields in structs of other names:
 * the layouts are compared here, so that one function serves both.
 */
#define SAME_LAYOUT(a, b, field)                                                         \
    STATIC_ASSERT(offsetof(struct a, field) == offsetof(struct b, field), "two layouts " \
                                                                          "of " #field)
SAME_LAYOUT(wire_register_broker_record_broker_endpoint,
            wire_register_controller_record_controller_endpoint, name);
SAME_LAYOUT(wire_register_broker_record_broker_endpoint,
            wire_register_controller_record_controller_endpoint, host);
SAME_LAYOUT(wire_register_broker_record_broker_endpoint,
            wire_register_controller_record_controller_endpoint, port);
SAME_LAYOUT(wire_register_broker_record_broker_endpoint,
            wire_register_controller_record_controller_endpoint, security_protocol);
SAME_LAYOUT(wire_register_broker_record_broker_endpoint,
            wire_register_controller_record_controller_endpoint, unknown_tags);
SAME_LAYOUT(wire_register_broker_record_broker_feature,
            wire_register_controller_record_controller_feature, name);
SAME_LAYOUT(wire_register_broker_record_broker_feature,
            wire_register_controller_record_controller_feature, min_supported_version);
SAME_LAYOUT(wire_register_broker_record_broker_feature,
            wire_register_controller_record_controller_feature, max_supported_version);
SAME_LAYOUT(wire_register_broker_record_broker_feature,
            wire_register_controller_record_controller_feature, unknown_tags);

typedef struct wire_register_broker_record_broker_endpoint wire_endpoint;
typedef struct wire_register_broker_record_broker_feature wire_range;

static const struct meta_endpoint *endpoints_fill(struct meta_flat *flat,
                                                  const wire_endpoint *endpoints, size_t count)
{
    struct meta_endpoint *out = flat_take(flat, count * sizeof *out, alignof(struct meta_endpoint));
    for (size_t i = 0; i < count; i++) {
        struct meta_endpoint endpoint = {
            .name = flat_string(flat, endpoints[i].name),
            .host = flat_string(flat, endpoints[i].host),
            .port = endpoints[i].port,
            .security_protocol = endpoints[i].security_protocol,
            .tags = flat_tags(flat, endpoints[i].unknown_tags),
        };
        if (out != NULL)
            out[i] = endpoint;
    }
    return out;
}

static int compare_range(const void *a, const void *b)
{
    const struct meta_feature_range *left = a;
    const struct meta_feature_range *right = b;
    return wire_string_compare(left->name, right->name);
}

/* Sorted by name: Kafka's own order is a hash map's. */
static const struct meta_feature_range *ranges_fill(struct meta_flat *flat,
                                                    const wire_range *ranges, size_t count)
{
    struct meta_feature_range *out =
        flat_take(flat, count * sizeof *out, alignof(struct meta_feature_range));
    for (size_t i = 0; i < count; i++) {
        struct meta_feature_range range = {
            .name = flat_string(flat, ranges[i].name),
            .version_min = ranges[i].min_supported_version,
            .version_max = ranges[i].max_supported_version,
            .tags = flat_tags(flat, ranges[i].unknown_tags),
        };
        if (out != NULL)
            out[i] = range;
    }
    if (out != NULL && count > 1)
        qsort(out, count, sizeof *out, compare_range);
    return out;
}

static enum err endpoints_record(const struct meta_endpoint *endpoints, size_t count,
                                 struct arena *arena, wire_endpoint **out)
{
    wire_endpoint *items = arena_alloc_array(arena, count, sizeof *items);
    if (items == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < count; i++)
        items[i] = (wire_endpoint){
            .name = endpoints[i].name,
            .host = endpoints[i].host,
            .port = endpoints[i].port,
            .security_protocol = endpoints[i].security_protocol,
            .unknown_tags = tags_of(endpoints[i].tags),
        };
    *out = items;
    return ERR_OK;
}

static enum err ranges_record(const struct meta_feature_range *ranges, size_t count,
                              struct arena *arena, wire_range **out)
{
    wire_range *items = arena_alloc_array(arena, count, sizeof *items);
    if (items == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < count; i++)
        items[i] = (wire_range){
            .name = ranges[i].name,
            .min_supported_version = ranges[i].version_min,
            .max_supported_version = ranges[i].version_max,
            .unknown_tags = tags_of(ranges[i].tags),
        };
    *out = items;
    return ERR_OK;
}

/* Directory ids of a broker are kept sorted, as Kafka keeps them. */
static const struct uuid *dirs_fill(struct meta_flat *flat, const struct wire_uuids *dirs,
                                    size_t *count)
{
    *count = dirs->count > 0 ? (size_t)dirs->count : 0;
    struct uuid *out = flat_take(flat, *count * sizeof *out, 1);
    if (out != NULL && *count > 0) {
        memcpy(out, dirs->items, *count * sizeof *out);
        qsort(out, *count, sizeof *out, compare_uuid);
    }
    return out;
}

static struct wire_uuids dirs_record(const struct uuid *dirs, size_t count)
{
    return (struct wire_uuids){(struct uuid *)(uintptr_t)dirs, (int32_t)count};
}

static void broker_fill(struct meta_flat *flat, void *out, const void *from)
{
    const struct wire_register_broker_record *record = from;
    struct meta_broker *value = out;
    value->id = record->broker_id;
    value->epoch = record->broker_epoch;
    value->incarnation_id = record->incarnation_id;
    value->endpoint_count = (size_t)record->end_points.count;
    value->endpoints = endpoints_fill(flat, record->end_points.items, value->endpoint_count);
    value->feature_count = (size_t)record->features.count;
    value->features = ranges_fill(flat, record->features.items, value->feature_count);
    value->rack = flat_string(flat, record->rack);
    value->fenced = record->fenced;
    value->in_controlled_shutdown = record->in_controlled_shutdown;
    value->is_migrating_zk_broker = record->is_migrating_zk_broker;
    value->log_dirs = dirs_fill(flat, &record->log_dirs, &value->log_dir_count);
    value->has_cordoned_log_dirs = record->cordoned_log_dirs.count >= 0;
    value->cordoned_log_dirs =
        dirs_fill(flat, &record->cordoned_log_dirs, &value->cordoned_log_dir_count);
    value->tags = flat_tags_from(flat, record->unknown_tags, 2);
}

static enum err broker_record(const void *from, struct arena *arena, union meta_value_record *out)
{
    const struct meta_broker *value = from;
    struct wire_register_broker_record *record = &out->broker;
    *record = (struct wire_register_broker_record){
        .broker_id = value->id,
        .is_migrating_zk_broker = value->is_migrating_zk_broker,
        .incarnation_id = value->incarnation_id,
        .broker_epoch = value->epoch,
        .rack = value->rack,
        .fenced = value->fenced,
        .in_controlled_shutdown = value->in_controlled_shutdown,
        .log_dirs = dirs_record(value->log_dirs, value->log_dir_count),
        .cordoned_log_dirs =
            value->has_cordoned_log_dirs
                ? dirs_record(value->cordoned_log_dirs, value->cordoned_log_dir_count)
                : (struct wire_uuids){NULL, -1},
        .unknown_tags = tags_of(value->tags),
    };
    record->end_points.count = (int32_t)value->endpoint_count;
    record->features.count = (int32_t)value->feature_count;
    enum err err =
        endpoints_record(value->endpoints, value->endpoint_count, arena, &record->end_points.items);
    if (err == ERR_OK)
        err = ranges_record(value->features, value->feature_count, arena, &record->features.items);
    return err;
}

static void id_key(int32_t id, struct buf *key)
{
    buf_clear(key);
    buf_put_be32(key, (uint32_t)id);
}

static void broker_key(const void *from, struct buf *key)
{
    id_key(((const struct meta_broker *)from)->id, key);
}

static void controller_fill(struct meta_flat *flat, void *out, const void *from)
{
    const struct wire_register_controller_record *record = from;
    struct meta_controller *value = out;
    value->id = record->controller_id;
    value->incarnation_id = record->incarnation_id;
    value->zk_migration_ready = record->zk_migration_ready;
    value->endpoint_count = (size_t)record->end_points.count;
    value->endpoints = endpoints_fill(flat, (const wire_endpoint *)record->end_points.items,
                                      value->endpoint_count);
    value->feature_count = (size_t)record->features.count;
    value->features =
        ranges_fill(flat, (const wire_range *)record->features.items, value->feature_count);
    value->tags = flat_tags(flat, record->unknown_tags);
}

static enum err controller_record(const void *from, struct arena *arena,
                                  union meta_value_record *out)
{
    const struct meta_controller *value = from;
    struct wire_register_controller_record *record = &out->controller;
    *record = (struct wire_register_controller_record){
        .controller_id = value->id,
        .incarnation_id = value->incarnation_id,
        .zk_migration_ready = value->zk_migration_ready,
        .unknown_tags = tags_of(value->tags),
    };
    wire_endpoint *endpoints = NULL;
    wire_range *ranges = NULL;
    enum err err = endpoints_record(value->endpoints, value->endpoint_count, arena, &endpoints);
    if (err == ERR_OK)
        err = ranges_record(value->features, value->feature_count, arena, &ranges);
    record->end_points.items = (void *)endpoints;
    record->end_points.count = (int32_t)value->endpoint_count;
    record->features.items = (void *)ranges;
    record->features.count = (int32_t)value->feature_count;
    return err;
}

static void controller_key(const void *from, struct buf *key)
{
    id_key(((const struct meta_controller *)from)->id, key);
}

/* ---- Topics and partitions --------------------------------------------------------------- */

static void topic_fill(struct meta_flat *flat, void *out, const void *from)
{
    const struct wire_topic_record *record = from;
    struct meta_topic *value = out;
    value->id = record->topic_id;
    value->name = flat_string(flat, record->name);
    value->tags = flat_tags(flat, record->unknown_tags);
}

static enum err topic_record(const void *from, struct arena *arena, union meta_value_record *out)
{
    const struct meta_topic *value = from;
    UNUSED(arena);
    out->topic = (struct wire_topic_record){
        .name = value->name, .topic_id = value->id, .unknown_tags = tags_of(value->tags)};
    return ERR_OK;
}

static void topic_key(const void *from, struct buf *key)
{
    buf_clear(key);
    buf_put(key, ((const struct meta_topic *)from)->id.bytes, sizeof(struct uuid));
}

static void partition_fill(struct meta_flat *flat, void *out, const void *from)
{
    const struct wire_partition_record *record = from;
    struct meta_partition *value = out;
    value->topic_id = record->topic_id;
    value->index = record->partition_id;
    value->leader = record->leader;
    value->leader_epoch = record->leader_epoch;
    value->partition_epoch = record->partition_epoch;
    value->leader_recovery_state = record->leader_recovery_state;
    value->replicas = flat_int32s(flat, record->replicas);
    value->isr = flat_int32s(flat, record->isr);
    value->removing = flat_int32s(flat, record->removing_replicas);
    value->adding = flat_int32s(flat, record->adding_replicas);
    value->elr = flat_int32s(flat, record->eligible_leader_replicas);
    value->last_known_elr = flat_int32s(flat, record->last_known_elr);
    size_t count = (size_t)value->replicas.count;
    struct uuid *directories = flat_take(flat, count * sizeof *directories, 1);
    if (directories != NULL && count > 0) {
        if (record->directories.count > 0)
            memcpy(directories, record->directories.items, count * sizeof *directories);
        else
            memset(directories, 0, count * sizeof *directories); /* META_DIR_MIGRATING */
    }
    value->directories = directories;
    value->tags = flat_tags_from(flat, record->unknown_tags, 3);
}

static enum err partition_record(const void *from, struct arena *arena,
                                 union meta_value_record *out)
{
    const struct meta_partition *value = from;
    UNUSED(arena);
    const struct wire_int32s none = {NULL, -1};
    out->partition = (struct wire_partition_record){
        .partition_id = value->index,
        .topic_id = value->topic_id,
        .replicas = value->replicas,
        .isr = value->isr,
        .removing_replicas = value->removing,
        .adding_replicas = value->adding,
        .leader = value->leader,
        .leader_recovery_state = value->leader_recovery_state,
        .leader_epoch = value->leader_epoch,
        .partition_epoch = value->partition_epoch,
        .directories = dirs_record(value->directories, (size_t)value->replicas.count),
        .eligible_leader_replicas = value->elr.count > 0 ? value->elr : none,
        .last_known_elr = value->last_known_elr.count > 0 ? value->last_known_elr : none,
        .unknown_tags = tags_of(value->tags),
    };
    return ERR_OK;
}

void meta_partition_key(const struct uuid *topic_id, int32_t index,
                        uint8_t out[META_PARTITION_KEY_BYTES])
{
    memcpy(out, topic_id->bytes, sizeof topic_id->bytes);
    store_be32(out + sizeof topic_id->bytes, (uint32_t)index);
}

static void partition_key(const void *from, struct buf *key)
{
    const struct meta_partition *value = from;
    uint8_t bytes[META_PARTITION_KEY_BYTES];
    meta_partition_key(&value->topic_id, value->index, bytes);
    buf_clear(key);
    buf_put(key, bytes, sizeof bytes);
}

/* ---- Configs ----------------------------------------------------------------------------- */

static void config_fill(struct meta_flat *flat, void *out, const void *from)
{
    const struct wire_config_record *record = from;
    struct meta_config *value = out;
    value->resource_type = record->resource_type;
    value->resource_name = flat_string(flat, record->resource_name);
    value->name = flat_string(flat, record->name);
    value->text = flat_string(flat, record->value);
    value->tags = flat_tags(flat, record->unknown_tags);
}

static enum err config_record(const void *from, struct arena *arena, union meta_value_record *out)
{
    const struct meta_config *value = from;
    UNUSED(arena);
    out->config = (struct wire_config_record){
        .resource_type = value->resource_type,
        .resource_name = value->resource_name,
        .name = value->name,
        .value = value->text,
        .unknown_tags = tags_of(value->tags),
    };
    return ERR_OK;
}

void meta_config_key_prefix(int8_t type, const char *resource, size_t resource_size,
                            struct buf *key)
{
    buf_clear(key);
    buf_put_i8(key, type);
    buf_put_be32(key, (uint32_t)resource_size);
    buf_put(key, resource, resource_size);
}

static void config_key(const void *from, struct buf *key)
{
    const struct meta_config *value = from;
    meta_config_key_prefix(value->resource_type, value->resource_name.data,
                           value->resource_name.size, key);
    buf_put(key, value->name.data, value->name.size);
}

/* ---- Quotas ------------------------------------------------------------------------------ */

static int compare_entity(const void *a, const void *b)
{
    const struct meta_quota_entity *left = a;
    const struct meta_quota_entity *right = b;
    return wire_string_compare(left->type, right->type);
}

static void quota_fill(struct meta_flat *flat, void *out, const void *from)
{
    const struct wire_client_quota_record *record = from;
    struct meta_quota *value = out;
    size_t count = (size_t)record->entity.count;
    struct meta_quota_entity *entity =
        flat_take(flat, count * sizeof *entity, alignof(struct meta_quota_entity));
    for (size_t i = 0; i < count; i++) {
        struct meta_quota_entity part = {
            .type = flat_string(flat, record->entity.items[i].entity_type),
            .name = flat_string(flat, record->entity.items[i].entity_name),
            .tags = flat_tags(flat, record->entity.items[i].unknown_tags),
        };
        if (entity != NULL)
            entity[i] = part;
    }
    if (entity != NULL && count > 1)
        qsort(entity, count, sizeof *entity, compare_entity);
    value->entity = entity;
    value->entity_count = count;
    value->key = flat_string(flat, record->key);
    value->limit = record->value;
    value->tags = flat_tags(flat, record->unknown_tags);
}

static enum err quota_record(const void *from, struct arena *arena, union meta_value_record *out)
{
    const struct meta_quota *value = from;
    struct wire_client_quota_record_entity_data *items =
        arena_alloc_array(arena, value->entity_count, sizeof *items);
    if (items == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < value->entity_count; i++)
        items[i] = (struct wire_client_quota_record_entity_data){
            .entity_type = value->entity[i].type,
            .entity_name = value->entity[i].name,
            .unknown_tags = tags_of(value->entity[i].tags),
        };
    out->quota = (struct wire_client_quota_record){
        .key = value->key,
        .value = value->limit,
        .unknown_tags = tags_of(value->tags),
    };
    out->quota.entity.items = items;
    out->quota.entity.count = (int32_t)value->entity_count;
    return ERR_OK;
}

/* A size, then the bytes; null is told from empty. */
static void key_put_string(struct buf *key, struct wire_string string)
{
    buf_put_be32(key, string.data == NULL ? UINT32_MAX : string.size);
    if (string.data != NULL)
        buf_put(key, string.data, string.size);
}

static void quota_key(const void *from, struct buf *key)
{
    const struct meta_quota *value = from;
    buf_clear(key);
    buf_put_be32(key, (uint32_t)value->entity_count);
    for (size_t i = 0; i < value->entity_count; i++) {
        key_put_string(key, value->entity[i].type);
        key_put_string(key, value->entity[i].name);
    }
    buf_put(key, value->key.data, value->key.size);
}

void meta_quota_key(const struct wire_client_quota_record *record, struct buf *key)
{
    /* As quota_key, in the order of the types: an entity has few parts. */
    buf_clear(key);
    int32_t count = record->entity.count;
    buf_put_be32(key, (uint32_t)count);
    for (int32_t rank = 0; rank < count; rank++)
        for (int32_t i = 0; i < count; i++) {
            const struct wire_client_quota_record_entity_data *part = &record->entity.items[i];
            int32_t before = 0;
            for (int32_t j = 0; j < count; j++)
                before +=
                    wire_string_compare(record->entity.items[j].entity_type, part->entity_type) < 0;
            if (before != rank)
                continue;
            key_put_string(key, part->entity_type);
            key_put_string(key, part->entity_name);
        }
    buf_put(key, record->key.data, record->key.size);
}

/* ---- ACLs, SCRAM credentials, tokens ----------------------------------------------------- */

static void acl_fill(struct meta_flat *flat, void *out, const void *from)
{
    const struct wire_access_control_entry_record *record = from;
    struct meta_acl *value = out;
    value->id = record->id;
    value->resource_type = record->resource_type;
    value->resource_name = flat_string(flat, record->resource_name);
    value->pattern_type = record->pattern_type;
    value->principal = flat_string(flat, record->principal);
    value->host = flat_string(flat, record->host);
    value->operation = record->operation;
    value->permission_type = record->permission_type;
    value->tags = flat_tags(flat, record->unknown_tags);
}

static enum err acl_record(const void *from, struct arena *arena, union meta_value_record *out)
{
    const struct meta_acl *value = from;
    UNUSED(arena);
    out->acl = (struct wire_access_control_entry_record){
        .id = value->id,
        .resource_type = value->resource_type,
        .resource_name = value->resource_name,
        .pattern_type = value->pattern_type,
        .principal = value->principal,
        .host = value->host,
        .operation = value->operation,
        .permission_type = value->permission_type,
        .unknown_tags = tags_of(value->tags),
    };
    return ERR_OK;
}

static void acl_key(const void *from, struct buf *key)
{
    buf_clear(key);
    buf_put(key, ((const struct meta_acl *)from)->id.bytes, sizeof(struct uuid));
}

static void scram_fill(struct meta_flat *flat, void *out, const void *from)
{
    const struct wire_user_scram_credential_record *record = from;
    struct meta_scram *value = out;
    value->name = flat_string(flat, record->name);
    value->mechanism = record->mechanism;
    value->salt = flat_bytes(flat, record->salt);
    value->stored_key = flat_bytes(flat, record->stored_key);
    value->server_key = flat_bytes(flat, record->server_key);
    value->iterations = record->iterations;
    value->tags = flat_tags(flat, record->unknown_tags);
}

static enum err scram_record(const void *from, struct arena *arena, union meta_value_record *out)
{
    const struct meta_scram *value = from;
    UNUSED(arena);
    out->scram = (struct wire_user_scram_credential_record){
        .name = value->name,
        .mechanism = value->mechanism,
        .salt = value->salt,
        .stored_key = value->stored_key,
        .server_key = value->server_key,
        .iterations = value->iterations,
        .unknown_tags = tags_of(value->tags),
    };
    return ERR_OK;
}

void meta_scram_key(int8_t mechanism, const char *name, size_t name_size, struct buf *key)
{
    buf_clear(key);
    buf_put_i8(key, mechanism);
    buf_put(key, name, name_size);
}

static void scram_key(const void *from, struct buf *key)
{
    const struct meta_scram *value = from;
    meta_scram_key(value->mechanism, value->name.data, value->name.size, key);
}

static void token_fill(struct meta_flat *flat, void *out, const void *from)
{
    const struct wire_delegation_token_record *record = from;
    struct meta_token *value = out;
    value->token_id = flat_string(flat, record->token_id);
    value->owner = flat_string(flat, record->owner);
    value->requester = flat_string(flat, record->requester);
    size_t count = (size_t)record->renewers.count;
    struct wire_string *renewers =
        flat_take(flat, count * sizeof *renewers, alignof(struct wire_string));
    for (size_t i = 0; i < count; i++) {
        struct wire_string renewer = flat_string(flat, record->renewers.items[i]);
        if (renewers != NULL)
            renewers[i] = renewer;
    }
    value->renewers = renewers;
    value->renewer_count = count;
    value->issue_timestamp_ms = record->issue_timestamp;
    value->max_timestamp_ms = record->max_timestamp;
    value->expiration_timestamp_ms = record->expiration_timestamp;
    value->tags = flat_tags(flat, record->unknown_tags);
}

static enum err token_record(const void *from, struct arena *arena, union meta_value_record *out)
{
    const struct meta_token *value = from;
    UNUSED(arena);
    out->token = (struct wire_delegation_token_record){
        .owner = value->owner,
        .requester = value->requester,
        .renewers = {(struct wire_string *)(uintptr_t)value->renewers,
                     (int32_t)value->renewer_count},
        .issue_timestamp = value->issue_timestamp_ms,
        .max_timestamp = value->max_timestamp_ms,
        .expiration_timestamp = value->expiration_timestamp_ms,
        .token_id = value->token_id,
        .unknown_tags = tags_of(value->tags),
    };
    return ERR_OK;
}

static void token_key(const void *from, struct buf *key)
{
    const struct meta_token *value = from;
    buf_clear(key);
    buf_put(key, value->token_id.data, value->token_id.size);
}

/* ---- The table --------------------------------------------------------------------------- */

#define KIND(map, type, record_type, id, prefix)                                                 \
    {                                                                                            \
        offsetof(struct meta_image, map), sizeof(struct type), id, &wire_##record_type##_schema, \
            prefix##_fill, prefix##_record, prefix##_key                                         \
    }

const struct meta_kind_info meta_kinds[META_KIND_COUNT] = {
    [META_KIND_FEATURE] = KIND(features, meta_feature, feature_level_record,
                               WIRE_METADATA_RECORD_FEATURE_LEVEL, feature),
    [META_KIND_BROKER] = KIND(brokers, meta_broker, register_broker_record,
                              WIRE_METADATA_RECORD_REGISTER_BROKER, broker),
    [META_KIND_CONTROLLER] = KIND(controllers, meta_controller, register_controller_record,
                                  WIRE_METADATA_RECORD_REGISTER_CONTROLLER, controller),
    [META_KIND_TOPIC] =
        KIND(topics_by_id, meta_topic, topic_record, WIRE_METADATA_RECORD_TOPIC, topic),
    [META_KIND_PARTITION] = KIND(partitions, meta_partition, partition_record,
                                 WIRE_METADATA_RECORD_PARTITION, partition),
    [META_KIND_CONFIG] =
        KIND(configs, meta_config, config_record, WIRE_METADATA_RECORD_CONFIG, config),
    [META_KIND_QUOTA] =
        KIND(quotas, meta_quota, client_quota_record, WIRE_METADATA_RECORD_CLIENT_QUOTA, quota),
    [META_KIND_ACL] = KIND(acls, meta_acl, access_control_entry_record,
                           WIRE_METADATA_RECORD_ACCESS_CONTROL_ENTRY, acl),
    [META_KIND_SCRAM] = KIND(scram, meta_scram, user_scram_credential_record,
                             WIRE_METADATA_RECORD_USER_SCRAM_CREDENTIAL, scram),
    [META_KIND_TOKEN] = KIND(tokens, meta_token, delegation_token_record,
                             WIRE_METADATA_RECORD_DELEGATION_TOKEN, token),
};
