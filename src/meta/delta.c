#include "meta/delta.h"

#include "meta/image_int.h"
#include "meta/value_int.h"

#include "base/mem.h"
#include "meta/features.h"

#include <stdarg.h>
#include <stdio.h>

/*
 * Invariants:
 *  1. `work` satisfies the invariants of an image after each record.
 *  2. `before` is set exactly within a transaction, and is the image before its first record.
 *  3. `fresh_topic` was made by this delta since an image was last taken from it, so no image has
 * it and it may still be changed.
 */
struct meta_delta {
    struct meta_image work;
    struct meta_image *before;
    struct meta_topic *fresh_topic;
    struct buf key;
    struct arena arena; /* for one record's work */
};

struct meta_delta *meta_delta_new(struct meta_image *base)
{
    struct meta_delta *delta = mem_zalloc(sizeof *delta);
    meta_image_copy(&delta->work, base);
    arena_init(&delta->arena, ARENA_LIMIT_DEFAULT_BYTES);
    return delta;
}

void meta_delta_free(struct meta_delta *delta)
{
    if (delta == NULL)
        return;
    meta_image_deinit(&delta->work);
    meta_image_unref(delta->before);
    buf_deinit(&delta->key);
    arena_deinit(&delta->arena);
    mem_free(delta);
}

void meta_delta_reset(struct meta_delta *delta, struct meta_image *base)
{
    meta_image_deinit(&delta->work);
    meta_image_copy(&delta->work, base);
    meta_image_unref(delta->before);
    delta->before = NULL;
    delta->fresh_topic = NULL;
}

struct meta_image *meta_delta_image(struct meta_delta *delta)
{
    struct meta_image *image = mem_alloc(sizeof *image);
    meta_image_copy(image, &delta->work);
    delta->fresh_topic = NULL;
    return image;
}

struct meta_image *meta_delta_visible(struct meta_delta *delta)
{
    return delta->before != NULL ? meta_image_ref(delta->before) : meta_delta_image(delta);
}

bool meta_delta_in_transaction(const struct meta_delta *delta)
{
    return delta->before != NULL;
}

void meta_delta_seek(struct meta_delta *delta, int64_t first_offset, int32_t epoch,
                     int64_t timestamp_ms)
{
    delta->work.offset = first_offset - 1;
    delta->work.epoch = epoch;
    delta->work.timestamp_ms = timestamp_ms;
}

/* ---- Helpers ----------------------------------------------------------------------------- */

static PRINTF_LIKE(3, 4) enum err
    fail(char error[META_ERROR_BYTES], enum err err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error, META_ERROR_BYTES, format, args);
    va_end(args);
    return err;
}

static enum err no_memory(char error[META_ERROR_BYTES])
{
    return fail(error, ERR_NOMEM, "out of memory while applying a metadata record");
}

/* Make the value of the record and put it in its map. */
static enum err put(struct meta_delta *delta, enum meta_kind kind, const void *record,
                    char error[META_ERROR_BYTES])
{
    void *value = meta_value_new(kind, record);
    if (value == NULL)
        return no_memory(error);
    meta_kinds[kind].key(value, &delta->key);
    pmap_put(meta_kind_map(&delta->work, kind), delta->key.data, delta->key.size, value);
    return ERR_OK;
}

/* The key is in delta->key. */
static bool drop(struct meta_delta *delta, enum meta_kind kind)
{
    return pmap_remove(meta_kind_map(&delta->work, kind), delta->key.data, delta->key.size);
}

static void set_key(struct meta_delta *delta, const void *data, size_t size)
{
    buf_clear(&delta->key);
    buf_put(&delta->key, data, size);
}

/* ---- Topics and partitions --------------------------------------------------------------- */

/* A topic's value goes into both maps. */
static void put_topic(struct meta_delta *delta, struct meta_topic *take_topic)
{
    pmap_value_ref(&take_topic->value);
    pmap_put(&delta->work.topics_by_id, take_topic->id.bytes, sizeof take_topic->id.bytes,
             &take_topic->value);
    pmap_put(&delta->work.topics_by_name, take_topic->name.data, take_topic->name.size,
             &take_topic->value);
    delta->fresh_topic = take_topic;
}

static enum err apply_topic(struct meta_delta *delta, const void *message, char *error)
{
    const struct wire_topic_record *record = message;
    char id[UUID_TEXT_BYTES];
    if (meta_image_topic_by_id(&delta->work, &record->topic_id) != NULL)
        return fail(error, ERR_CORRUPT, "a topic is created whose id, %s, exists already",
                    uuid_to_text(&record->topic_id, id));
    if (meta_image_topic(&delta->work, record->name.data, record->name.size) != NULL)
        return fail(error, ERR_CORRUPT, "a topic is created that exists already: %.*s",
                    WIRE_STRING_ARGS(record->name));
    struct meta_topic *topic = meta_value_new(META_KIND_TOPIC, record);
    if (topic == NULL)
        return no_memory(error);
    put_topic(delta, topic);
    return ERR_OK;
}

static enum err find_topic(struct meta_delta *delta, const struct uuid *id, const char *what,
                           const struct meta_topic **out, char *error)
{
    char text[UUID_TEXT_BYTES];
    *out = meta_image_topic_by_id(&delta->work, id);
    if (*out == NULL)
        return fail(error, ERR_CORRUPT, "%s of a topic that does not exist, id %s", what,
                    uuid_to_text(id, text));
    return ERR_OK;
}

static enum err count_partition(struct meta_delta *delta, const struct meta_topic *topic,
                                char *error)
{
    if (topic == delta->fresh_topic) {
        delta->fresh_topic->partition_count++;
        return ERR_OK;
    }
    union meta_value_record record;
    enum err err = meta_kinds[META_KIND_TOPIC].record(topic, &delta->arena, &record);
    ASSERT(err == ERR_OK);
    struct meta_topic *copy = meta_value_new(META_KIND_TOPIC, &record);
    if (copy == NULL)
        return no_memory(error);
    copy->partition_count = topic->partition_count + 1;
    put_topic(delta, copy);
    return ERR_OK;
}

static enum err check_directories(int32_t directory_count, int32_t replica_count, char *error)
{
    if (directory_count > 0 && directory_count != replica_count)
        return fail(error, ERR_CORRUPT, "a partition of %d replicas with %d directories",
                    replica_count, directory_count);
    return ERR_OK;
}

static enum err apply_partition(struct meta_delta *delta, const void *message, char *error)
{
    const struct wire_partition_record *record = message;
    const struct meta_topic *topic;
    enum err err = find_topic(delta, &record->topic_id, "a partition", &topic, error);
    if (err != ERR_OK)
        return err;
    if (record->partition_id < 0)
        return fail(error, ERR_CORRUPT, "a partition with the number %d of topic %.*s",
                    record->partition_id, WIRE_STRING_ARGS(topic->name));
    err = check_directories(record->directories.count, record->replicas.count, error);
    if (err != ERR_OK)
        return err;
    if (meta_image_partition(&delta->work, &record->topic_id, record->partition_id) == NULL) {
        err = count_partition(delta, topic, error);
        if (err != ERR_OK)
            return err;
    }
    return put(delta, META_KIND_PARTITION, record, error);
}

static bool all_migrating(struct wire_uuids directories)
{
    for (int32_t i = 0; i < directories.count; i++)
        if (!uuid_is_zero(&directories.items[i]))
            return false;
    return true;
}

/* What a PartitionChangeRecord leaves out stays as it is. */
static enum err apply_partition_change(struct meta_delta *delta, const void *message, char *error)
{
    const struct wire_partition_change_record *change = message;
    char id[UUID_TEXT_BYTES];
    const struct meta_partition *partition =
        meta_image_partition(&delta->work, &change->topic_id, change->partition_id);
    if (partition == NULL)
        return fail(error, ERR_CORRUPT,
                    "a change of a partition that does not exist: %d of topic id %s",
                    change->partition_id, uuid_to_text(&change->topic_id, id));
    union meta_value_record merged;
    enum err err = meta_kinds[META_KIND_PARTITION].record(partition, &delta->arena, &merged);
    ASSERT(err == ERR_OK);
    struct wire_partition_record *record = &merged.partition;

    if (change->replicas.count >= 0)
        record->replicas = change->replicas;
    if (change->directories.count >= 0)
        record->directories = change->directories;
    if (all_migrating(record->directories))
        record->directories = (struct wire_uuids){NULL, 0};
    err = check_directories(record->directories.count, record->replicas.count, error);
    if (err != ERR_OK)
        return err;
    if (change->isr.count >= 0)
        record->isr = change->isr;
    if (change->removing_replicas.count >= 0)
        record->removing_replicas = change->removing_replicas;
    if (change->adding_replicas.count >= 0)
        record->adding_replicas = change->adding_replicas;
    if (change->eligible_leader_replicas.count >= 0)
        record->eligible_leader_replicas = change->eligible_leader_replicas;
    if (change->last_known_elr.count >= 0)
        record->last_known_elr = change->last_known_elr;
    if (change->leader != -2) { /* LeaderConstants.NO_LEADER_CHANGE */
        record->leader = change->leader;
        record->leader_epoch++;
    }
    if (change->leader_recovery_state != -1)
        record->leader_recovery_state = change->leader_recovery_state;
    record->partition_epoch++;
    return put(delta, META_KIND_PARTITION, record, error);
}

static void drop_configs(struct meta_delta *delta, enum meta_resource type,
                         struct wire_string resource)
{
    /* Held, so that removing does not change what is gone through. */
    struct meta_image held;
    meta_image_copy(&held, &delta->work);
    struct meta_iter iter;
    meta_iter_configs(&iter, &held, type, resource.data, resource.size);
    for (const struct meta_config *config; (config = meta_iter_config_next(&iter)) != NULL;) {
        meta_kinds[META_KIND_CONFIG].key(config, &delta->key);
        drop(delta, META_KIND_CONFIG);
    }
    meta_image_deinit(&held);
}

static enum err apply_remove_topic(struct meta_delta *delta, const void *message, char *error)
{
    const struct wire_remove_topic_record *record = message;
    const struct meta_topic *topic;
    enum err err = find_topic(delta, &record->topic_id, "the removal", &topic, error);
    if (err != ERR_OK)
        return err;
    delta->fresh_topic = NULL;
    struct meta_image held;
    meta_image_copy(&held, &delta->work);
    struct meta_iter iter;
    meta_iter_partitions(&iter, &held, &record->topic_id);
    for (const struct meta_partition *partition;
         (partition = meta_iter_partition_next(&iter)) != NULL;) {
        meta_kinds[META_KIND_PARTITION].key(partition, &delta->key);
        drop(delta, META_KIND_PARTITION);
    }
    drop_configs(delta, META_RESOURCE_TOPIC, topic->name);
    pmap_remove(&delta->work.topics_by_name, topic->name.data, topic->name.size);
    pmap_remove(&delta->work.topics_by_id, record->topic_id.bytes, sizeof record->topic_id.bytes);
    meta_image_deinit(&held);
    return ERR_OK;
}

/* KIP-966: of one topic, or of all when the name is empty. The partition's epoch stays. */
static enum err apply_clear_elr(struct meta_delta *delta, const void *message, char *error)
{
    const struct wire_clear_elr_record *record = message;
    const struct meta_topic *topic = NULL;
    if (record->topic_name.size > 0) {
        topic = meta_image_topic(&delta->work, record->topic_name.data, record->topic_name.size);
        if (topic == NULL)
            return fail(error, ERR_CORRUPT,
                        "eligible leader replicas of a topic that does not exist are cleared: %.*s",
                        WIRE_STRING_ARGS(record->topic_name));
    }
    struct meta_image held;
    meta_image_copy(&held, &delta->work);
    struct meta_iter iter;
    meta_iter_partitions(&iter, &held, topic == NULL ? NULL : &topic->id);
    enum err err = ERR_OK;
    for (const struct meta_partition *partition;
         err == ERR_OK && (partition = meta_iter_partition_next(&iter)) != NULL;) {
        if (partition->elr.count == 0 && partition->last_known_elr.count == 0)
            continue;
        union meta_value_record cleared;
        err = meta_kinds[META_KIND_PARTITION].record(partition, &delta->arena, &cleared);
        ASSERT(err == ERR_OK);
        cleared.partition.eligible_leader_replicas = (struct wire_int32s){NULL, -1};
        cleared.partition.last_known_elr = (struct wire_int32s){NULL, -1};
        err = put(delta, META_KIND_PARTITION, &cleared, error);
    }
    meta_image_deinit(&held);
    return err;
}

/* ---- Brokers and controllers ------------------------------------------------------------- */

static enum err check_id(int32_t id, const char *what, char *error)
{
    return id >= 0 ? ERR_OK : fail(error, ERR_CORRUPT, "a %s with the id %d", what, id);
}

static enum err apply_register_broker(struct meta_delta *delta, const void *message, char *error)
{
    const struct wire_register_broker_record *record = message;
    enum err err = check_id(record->broker_id, "broker", error);
    return err != ERR_OK ? err : put(delta, META_KIND_BROKER, record, error);
}

static enum err apply_unregister_broker(struct meta_delta *delta, const void *message, char *error)
{
    const struct wire_unregister_broker_record *record = message;
    UNUSED(error);
    buf_clear(&delta->key);
    buf_put_be32(&delta->key, (uint32_t)record->broker_id);
    drop(delta, META_KIND_BROKER);
    return ERR_OK;
}

static enum err apply_register_controller(struct meta_delta *delta, const void *message,
                                          char *error)
{
    const struct wire_register_controller_record *record = message;
    enum err err = check_id(record->controller_id, "controller", error);
    return err != ERR_OK ? err : put(delta, META_KIND_CONTROLLER, record, error);
}

/* A change of a registration; the record of the broker as it is, to be changed and put. */
static enum err broker_to_change(struct meta_delta *delta, int32_t id, int64_t epoch,
                                 union meta_value_record *out, char *error)
{
    const struct meta_broker *broker = meta_image_broker(&delta->work, id);
    if (broker == NULL)
        return fail(error, ERR_CORRUPT, "a change of broker %d, which is not registered", id);
    if (broker->epoch != epoch)
        return fail(error, ERR_CORRUPT,
                    "a change of broker %d in its epoch %lld, but it is in %lld", id,
                    (long long)epoch, (long long)broker->epoch);
    enum err err = meta_kinds[META_KIND_BROKER].record(broker, &delta->arena, out);
    return err == ERR_OK ? ERR_OK : no_memory(error);
}

static enum err set_fenced(struct meta_delta *delta, int32_t id, int64_t epoch, bool fenced,
                           char *error)
{
    union meta_value_record record;
    enum err err = broker_to_change(delta, id, epoch, &record, error);
    if (err != ERR_OK)
        return err;
    record.broker.fenced = fenced;
    return put(delta, META_KIND_BROKER, &record, error);
}

static enum err apply_fence_broker(struct meta_delta *delta, const void *message, char *error)
{
    const struct wire_fence_broker_record *record = message;
    return set_fenced(delta, record->id, record->epoch, true, error);
}

static enum err apply_unfence_broker(struct meta_delta *delta, const void *message, char *error)
{
    const struct wire_unfence_broker_record *record = message;
    return set_fenced(delta, record->id, record->epoch, false, error);
}

static enum err apply_broker_change(struct meta_delta *delta, const void *message, char *error)
{
    const struct wire_broker_registration_change_record *change = message;
    union meta_value_record record;
    enum err err = broker_to_change(delta, change->broker_id, change->broker_epoch, &record, error);
    if (err != ERR_OK)
        return err;
    if (change->fenced < -1 || change->fenced > 1 || change->in_controlled_shutdown < 0 ||
        change->in_controlled_shutdown > 1)
        return fail(
            error, ERR_CORRUPT,
            "a change of broker %d that means nothing: fenced %d, in controlled shutdown %d",
            change->broker_id, change->fenced, change->in_controlled_shutdown);
    if (change->fenced != 0)
        record.broker.fenced = change->fenced > 0;
    if (change->in_controlled_shutdown > 0)
        record.broker.in_controlled_shutdown = true;
    if (change->log_dirs.count > 0)
        record.broker.log_dirs = change->log_dirs;
    if (change->cordoned_log_dirs.count >= 0)
        record.broker.cordoned_log_dirs = change->cordoned_log_dirs;
    return put(delta, META_KIND_BROKER, &record, error);
}

/* ---- Everything else --------------------------------------------------------------------- */

static enum err apply_config(struct meta_delta *delta, const void *message, char *error)
{
    const struct wire_config_record *record = message;
    if (record->value.data != NULL)
        return put(delta, META_KIND_CONFIG, record, error);
    meta_config_key_prefix(record->resource_type, record->resource_name.data,
                           record->resource_name.size, &delta->key);
    buf_put(&delta->key, record->name.data, record->name.size);
    drop(delta, META_KIND_CONFIG);
    return ERR_OK;
}

static enum err apply_feature(struct meta_delta *delta, const void *message, char *error)
{
    const struct wire_feature_level_record *record = message;
    if (wire_string_is(record->name, META_FEATURE_METADATA_VERSION) &&
        (record->feature_level < META_VERSION_MIN || record->feature_level > META_VERSION_MAX))
        return fail(error, ERR_VERSION,
                    "the cluster is at metadata.version %d, and this release knows %d (%s) to %d "
                    "(%s): start a release that knows it",
                    record->feature_level, META_VERSION_MIN, meta_version_name(META_VERSION_MIN),
                    META_VERSION_MAX, meta_version_name(META_VERSION_MAX));
    if (record->feature_level != 0)
        return put(delta, META_KIND_FEATURE, record, error);
    set_key(delta, record->name.data, record->name.size);
    drop(delta, META_KIND_FEATURE);
    return ERR_OK;
}

#define QUOTA_ENTITY_PARTS_MAX 16 /* Kafka has three types */

static enum err apply_quota(struct meta_delta *delta, const void *message, char *error)
{
    const struct wire_client_quota_record *record = message;
    int32_t count = record->entity.count;
    bool bad = count > QUOTA_ENTITY_PARTS_MAX;
    for (int32_t i = 0; i < count && !bad; i++)
        for (int32_t j = 0; j < i && !bad; j++)
            bad = wire_string_equal(record->entity.items[i].entity_type,
                                    record->entity.items[j].entity_type);
    if (bad)
        return fail(error, ERR_CORRUPT, "a quota whose entity has %d parts, or two of one type",
                    count);
    if (!record->remove)
        return put(delta, META_KIND_QUOTA, record, error);
    meta_quota_key(record, &delta->key);
    drop(delta, META_KIND_QUOTA);
    return ERR_OK;
}

static enum err apply_producer_ids(struct meta_delta *delta, const void *message, char *error)
{
    const struct wire_producer_ids_record *record = message;
    if (record->next_producer_id < 0)
        return fail(error, ERR_CORRUPT, "the next producer id is %lld",
                    (long long)record->next_producer_id);
    delta->work.next_producer_id = record->next_producer_id;
    return ERR_OK;
}

static enum err apply_acl(struct meta_delta *delta, const void *message, char *error)
{
    return put(delta, META_KIND_ACL, message, error);
}

static enum err apply_remove_acl(struct meta_delta *delta, const void *message, char *error)
{
    const struct wire_remove_access_control_entry_record *record = message;
    char id[UUID_TEXT_BYTES];
    set_key(delta, record->id.bytes, sizeof record->id.bytes);
    if (!drop(delta, META_KIND_ACL))
        return fail(error, ERR_CORRUPT, "an ACL is removed that does not exist, id %s",
                    uuid_to_text(&record->id, id));
    return ERR_OK;
}

static enum err apply_scram(struct meta_delta *delta, const void *message, char *error)
{
    return put(delta, META_KIND_SCRAM, message, error);
}

static enum err apply_remove_scram(struct meta_delta *delta, const void *message, char *error)
{
    const struct wire_remove_user_scram_credential_record *record = message;
    UNUSED(error);
    meta_scram_key(record->mechanism, record->name.data, record->name.size, &delta->key);
    drop(delta, META_KIND_SCRAM);
    return ERR_OK;
}

static enum err apply_token(struct meta_delta *delta, const void *message, char *error)
{
    return put(delta, META_KIND_TOKEN, message, error);
}

static enum err apply_remove_token(struct meta_delta *delta, const void *message, char *error)
{
    const struct wire_remove_delegation_token_record *record = message;
    UNUSED(error);
    set_key(delta, record->token_id.data, record->token_id.size);
    drop(delta, META_KIND_TOKEN);
    return ERR_OK;
}

static enum err apply_zk_migration_state(struct meta_delta *delta, const void *message, char *error)
{
    const struct wire_zk_migration_state_record *record = message;
    UNUSED(error);
    delta->work.has_zk_migration_state = true;
    delta->work.zk_migration_state = record->zk_migration_state;
    return ERR_OK;
}

static enum err apply_nothing(struct meta_delta *delta, const void *message, char *error)
{
    UNUSED(delta);
    UNUSED(message);
    UNUSED(error);
    return ERR_OK;
}

/* ---- Transactions (KIP-868) -------------------------------------------------------------- */

static enum err apply_begin(struct meta_delta *delta, const void *message, char *error)
{
    UNUSED(message);
    if (delta->before != NULL)
        return fail(error, ERR_CORRUPT, "a metadata transaction begins within another");
    delta->before = meta_delta_image(delta);
    return ERR_OK;
}

static enum err apply_end(struct meta_delta *delta, const void *message, char *error)
{
    UNUSED(message);
    if (delta->before == NULL)
        return fail(error, ERR_CORRUPT, "a metadata transaction ends that did not begin");
    meta_image_unref(delta->before);
    delta->before = NULL;
    return ERR_OK;
}

static enum err apply_abort(struct meta_delta *delta, const void *message, char *error)
{
    UNUSED(message);
    if (delta->before == NULL)
        return fail(error, ERR_CORRUPT, "a metadata transaction is aborted that did not begin");
    struct meta_image aborted = delta->work;
    meta_image_copy(&delta->work, delta->before);
    delta->work.offset = aborted.offset;
    delta->work.epoch = aborted.epoch;
    delta->work.timestamp_ms = aborted.timestamp_ms;
    meta_image_deinit(&aborted);
    meta_image_unref(delta->before);
    delta->before = NULL;
    delta->fresh_topic = NULL;
    return ERR_OK;
}

/* ---- All of them ------------------------------------------------------------------------- */

typedef enum err apply_fn(struct meta_delta *delta, const void *message, char *error);

static apply_fn *const appliers[] = {
    [WIRE_METADATA_RECORD_REGISTER_BROKER] = apply_register_broker,
    [WIRE_METADATA_RECORD_UNREGISTER_BROKER] = apply_unregister_broker,
    [WIRE_METADATA_RECORD_TOPIC] = apply_topic,
    [WIRE_METADATA_RECORD_PARTITION] = apply_partition,
    [WIRE_METADATA_RECORD_CONFIG] = apply_config,
    [WIRE_METADATA_RECORD_PARTITION_CHANGE] = apply_partition_change,
    [WIRE_METADATA_RECORD_FENCE_BROKER] = apply_fence_broker,
    [WIRE_METADATA_RECORD_UNFENCE_BROKER] = apply_unfence_broker,
    [WIRE_METADATA_RECORD_REMOVE_TOPIC] = apply_remove_topic,
    [WIRE_METADATA_RECORD_DELEGATION_TOKEN] = apply_token,
    [WIRE_METADATA_RECORD_USER_SCRAM_CREDENTIAL] = apply_scram,
    [WIRE_METADATA_RECORD_FEATURE_LEVEL] = apply_feature,
    [WIRE_METADATA_RECORD_CLIENT_QUOTA] = apply_quota,
    [WIRE_METADATA_RECORD_PRODUCER_IDS] = apply_producer_ids,
    [WIRE_METADATA_RECORD_BROKER_REGISTRATION_CHANGE] = apply_broker_change,
    [WIRE_METADATA_RECORD_ACCESS_CONTROL_ENTRY] = apply_acl,
    [WIRE_METADATA_RECORD_REMOVE_ACCESS_CONTROL_ENTRY] = apply_remove_acl,
    [WIRE_METADATA_RECORD_NO_OP] = apply_nothing,
    [WIRE_METADATA_RECORD_ZK_MIGRATION_STATE] = apply_zk_migration_state,
    [WIRE_METADATA_RECORD_REMOVE_USER_SCRAM_CREDENTIAL] = apply_remove_scram,
    [WIRE_METADATA_RECORD_BEGIN_TRANSACTION] = apply_begin,
    [WIRE_METADATA_RECORD_END_TRANSACTION] = apply_end,
    [WIRE_METADATA_RECORD_ABORT_TRANSACTION] = apply_abort,
    [WIRE_METADATA_RECORD_REMOVE_DELEGATION_TOKEN] = apply_remove_token,
    [WIRE_METADATA_RECORD_REGISTER_CONTROLLER] = apply_register_controller,
    [WIRE_METADATA_RECORD_CLEAR_ELR] = apply_clear_elr,
};

enum err meta_delta_apply(struct meta_delta *delta, const struct meta_record *record,
                          char error[META_ERROR_BYTES])
{
    if (record->key < 0 || (size_t)record->key >= ARRAY_COUNT(appliers) ||
        appliers[record->key] == NULL)
        return fail(error, ERR_VERSION,
                    "a metadata record of type %d, which this release does not know", record->key);
    enum err err = appliers[record->key](delta, record->message, error);
    arena_reset(&delta->arena);
    delta->work.offset++;
    return err;
}
