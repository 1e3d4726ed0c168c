#include "meta/snapshot.h"

#include "meta/value_int.h"

#include "base/mem.h"
#include "meta/features.h"
#include "wire/records.h"

struct writer {
    const struct meta_image *image;
    int16_t metadata_version;
    meta_snapshot_fn *fn;
    void *context;
    struct arena arena;
};

static enum err write_one(struct writer *writer, int16_t key, int16_t version, const void *message)
{
    struct meta_record record = {.key = key, .version = version, .message = message};
    return writer->fn(writer->context, &record);
}

/*
 * The version that the metadata.version calls for, or the lowest above it that has room for what
 * the value says: what is in an image is not lost because of the level it is written at.
 */
static int16_t version_for(const struct writer *writer, enum meta_kind kind,
                           const union meta_value_record *record)
{
    const struct wire_register_broker_record *broker = &record->broker;
    const struct wire_partition_record *partition = &record->partition;
    int16_t version = 0;
    if (kind == META_KIND_BROKER) {
        version = meta_register_broker_record_version(writer->metadata_version);
        if (broker->in_controlled_shutdown && version < 1)
            version = 1;
        if (broker->is_migrating_zk_broker && version < 2)
            version = 2;
        if (broker->log_dirs.count > 0 && version < 3)
            version = 3;
        if (broker->cordoned_log_dirs.count >= 0 && version < 4)
            version = 4;
    } else if (kind == META_KIND_PARTITION) {
        version = meta_partition_record_version(writer->metadata_version);
        bool assigned = false;
        for (int32_t i = 0; i < partition->directories.count; i++)
            assigned |= !uuid_is_zero(&partition->directories.items[i]);
        if (assigned && version < 1)
            version = 1;
        if ((partition->eligible_leader_replicas.count > 0 ||
             partition->last_known_elr.count > 0) &&
            version < 2)
            version = 2;
    }
    return version;
}

/* Fields that the version has no room for go back to their defaults: version_for saw to it that
 * they say nothing. */
static void fit_to_version(enum meta_kind kind, int16_t version, union meta_value_record *record)
{
    if (kind == META_KIND_PARTITION && version < 1)
        record->partition.directories = (struct wire_uuids){NULL, 0};
    if (kind == META_KIND_BROKER && version < 4)
        record->broker.cordoned_log_dirs = (struct wire_uuids){NULL, -1};
}

static enum err write_value(struct writer *writer, enum meta_kind kind, const void *value)
{
    const struct meta_kind_info *info = &meta_kinds[kind];
    union meta_value_record record;
    arena_reset(&writer->arena);
    enum err err = info->record(value, &writer->arena, &record);
    if (err != ERR_OK)
        return err;
    int16_t version = version_for(writer, kind, &record);
    fit_to_version(kind, version, &record);
    return write_one(writer, info->record_key, version, &record);
}

static enum err write_all(struct writer *writer, enum meta_kind kind)
{
    struct pmap_iter iter;
    struct pmap_entry entry;
    enum err err = ERR_OK;
    pmap_iter_init(&iter, meta_kind_map_of(writer->image, kind), "", 0);
    while (err == ERR_OK && pmap_iter_next(&iter, &entry))
        err = write_value(writer, kind, entry.value);
    return err;
}

static bool is_metadata_version(const struct meta_feature *feature)
{
    return wire_string_is(feature->name, META_FEATURE_METADATA_VERSION);
}

static enum err write_features(struct writer *writer)
{
    struct meta_iter iter;
    enum err err = ERR_OK;
    /* metadata.version comes first: it may decide how the rest is read. */
    for (int first = 1; first >= 0; first--) {
        meta_iter_features(&iter, writer->image);
        for (const struct meta_feature *feature;
             err == ERR_OK && (feature = meta_iter_feature_next(&iter)) != NULL;)
            if (is_metadata_version(feature) == (first == 1))
                err = write_value(writer, META_KIND_FEATURE, feature);
    }
    if (err == ERR_OK && writer->image->has_zk_migration_state) {
        struct wire_zk_migration_state_record record = {.zk_migration_state =
                                                            writer->image->zk_migration_state};
        err = write_one(writer, WIRE_METADATA_RECORD_ZK_MIGRATION_STATE, 0, &record);
    }
    return err;
}

static enum err write_topics(struct writer *writer)
{
    struct pmap_iter topics;
    struct pmap_entry entry;
    enum err err = ERR_OK;
    pmap_iter_init(&topics, writer->image->topics_by_id, "", 0);
    while (err == ERR_OK && pmap_iter_next(&topics, &entry)) {
        const struct meta_topic *topic = (const void *)entry.value;
        err = write_value(writer, META_KIND_TOPIC, topic);
        struct meta_iter partitions;
        meta_iter_partitions(&partitions, writer->image, &topic->id);
        for (const struct meta_partition *partition;
             err == ERR_OK && (partition = meta_iter_partition_next(&partitions)) != NULL;)
            err = write_value(writer, META_KIND_PARTITION, partition);
    }
    return err;
}

static enum err write_producer_ids(struct writer *writer)
{
    if (writer->image->next_producer_id < 0)
        return ERR_OK;
    struct wire_producer_ids_record record = {
        .broker_id = -1,
        .broker_epoch = -1,
        .next_producer_id = writer->image->next_producer_id,
    };
    return write_one(writer, WIRE_METADATA_RECORD_PRODUCER_IDS, 0, &record);
}

enum err meta_snapshot_write(const struct meta_image *image, meta_snapshot_fn *fn, void *context)
{
    struct writer writer = {
        .image = image,
        .metadata_version = meta_image_metadata_version(image),
        .fn = fn,
        .context = context,
    };
    arena_init(&writer.arena, ARENA_LIMIT_DEFAULT_BYTES);
    enum err err = write_features(&writer);
    if (err == ERR_OK)
        err = write_all(&writer, META_KIND_BROKER);
    if (err == ERR_OK)
        err = write_all(&writer, META_KIND_CONTROLLER);
    if (err == ERR_OK)
        err = write_topics(&writer);
    if (err == ERR_OK)
        err = write_all(&writer, META_KIND_CONFIG);
    if (err == ERR_OK)
        err = write_all(&writer, META_KIND_QUOTA);
    if (err == ERR_OK)
        err = write_producer_ids(&writer);
    if (err == ERR_OK)
        err = write_all(&writer, META_KIND_ACL);
    if (err == ERR_OK)
        err = write_all(&writer, META_KIND_SCRAM);
    if (err == ERR_OK)
        err = write_all(&writer, META_KIND_TOKEN);
    arena_deinit(&writer.arena);
    return err;
}
