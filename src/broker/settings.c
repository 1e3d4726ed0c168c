#define LOG_ROOM "broker"
#include "broker/node_int.h"
#include "broker/settings_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

/* Frames of a node that are being received or worked on, where queued.max.request.bytes sets no
 * limit: room for two of the largest, and for many of the usual size. */
#define QUEUED_BYTES_DEFAULT ((size_t)256 << 20)

struct pairs {
    struct conf_pair *items;
    size_t count;
};

/* What is set for one resource, borrowed from the image. */
static struct pairs pairs_of(const struct meta_image *image, enum meta_resource type,
                             const char *name, size_t name_size)
{
    struct pairs pairs = {0};
    size_t capacity = 0;
    struct meta_iter iter;
    meta_iter_configs(&iter, image, type, name, name_size);
    const struct meta_config *config;
    while ((config = meta_iter_config_next(&iter)) != NULL) {
        if (pairs.count == capacity) {
            capacity = capacity == 0 ? 8 : capacity * 2;
            pairs.items = mem_realloc(pairs.items, capacity * sizeof pairs.items[0]);
        }
        pairs.items[pairs.count++] =
            (struct conf_pair){.name = config->name.data, .value = config->text.data};
    }
    return pairs;
}

static void topic_resolve(const struct broker_shard *shard, const struct meta_image *image,
                          const char *name, size_t name_size, struct conf_topic *out)
{
    struct pairs pairs = pairs_of(image, META_RESOURCE_TOPIC, name, name_size);
    conf_topic_resolve(shard->conf, pairs.items, pairs.count, NULL, out);
    mem_free(pairs.items);
}

static struct plog_config *config_of(const struct broker_shard *shard,
                                     const struct conf_topic *topic)
{
    struct plog_config *config = plog_config_new();
    config->segment_bytes = topic->segment_bytes;
    config->segment_ms = topic->segment_ms;
    config->segment_jitter_ms = topic->segment_jitter_ms;
    config->segment_index_bytes = topic->segment_index_bytes;
    config->index_interval_bytes = topic->index_interval_bytes;
    config->preallocate = topic->preallocate;
    config->max_message_bytes = topic->max_message_bytes;
    config->message_timestamp_type =
        topic->log_append_time ? PLOG_TIMESTAMP_APPEND : PLOG_TIMESTAMP_CREATE;
    config->message_timestamp_before_max_ms = topic->message_timestamp_before_max_ms;
    config->message_timestamp_after_max_ms = topic->message_timestamp_after_max_ms;
    config->compression_type = topic->compression;
    config->compression_gzip_level = topic->compression_gzip_level;
    config->compression_lz4_level = topic->compression_lz4_level;
    config->compression_zstd_level = topic->compression_zstd_level;
    config->flush_messages = topic->flush_messages;
    config->flush_ms = topic->flush_ms;
    config->cleanup_policy = (topic->cleanup_delete ? PLOG_CLEANUP_DELETE : 0u) |
                             (topic->cleanup_compact ? PLOG_CLEANUP_COMPACT : 0u);
    config->retention_ms = topic->retention_ms;
    config->retention_bytes = topic->retention_bytes;
    config->retention_by_append_time =
        conf_bool(shard->conf, CONF_BROKER_OTTLA_RETENTION_BY_APPEND_TIME);
    config->file_delete_delay_ms = topic->file_delete_delay_ms;
    config->delete_retention_ms = topic->delete_retention_ms;
    config->min_cleanable_dirty_ratio = topic->min_cleanable_dirty_ratio;
    config->min_compaction_lag_ms = topic->min_compaction_lag_ms;
    config->max_compaction_lag_ms = topic->max_compaction_lag_ms;
    config->producer_id_expiration_ms =
        conf_int(shard->conf, CONF_BROKER_PRODUCER_ID_EXPIRATION_MS);
    return config;
}

static bool has_settings(const struct meta_image *image, const struct meta_topic *topic)
{
    struct meta_iter iter;
    meta_iter_configs(&iter, image, META_RESOURCE_TOPIC, topic->name.data, topic->name.size);
    return meta_iter_config_next(&iter) != NULL;
}

struct plog_config *broker_settings_topic_config(void *context, const struct meta_image *image,
                                                 const struct meta_topic *topic)
{
    struct broker_shard *shard = context;
    struct conf_topic resolved;
    if (has_settings(image, topic)) {
        topic_resolve(shard, image, topic->name.data, topic->name.size, &resolved);
        return config_of(shard, &resolved);
    }
    /* Most topics have none of their own, and share one. */
    if (shard->topic_config == NULL) {
        conf_topic_resolve(shard->conf, NULL, 0, NULL, &resolved);
        shard->topic_config = config_of(shard, &resolved);
        shard->topic_min_isr = resolved.min_insync_replicas;
    }
    return plog_config_ref(shard->topic_config);
}

int32_t broker_settings_topic_min_isr(void *context, const struct meta_image *image,
                                      const struct meta_topic *topic)
{
    struct broker_shard *shard = context;
    if (shard->topic_config != NULL && !has_settings(image, topic))
        return shard->topic_min_isr;
    struct conf_topic resolved;
    topic_resolve(shard, image, topic->name.data, topic->name.size, &resolved);
    return resolved.min_insync_replicas;
}

static void note_broker_config(void *context, const struct meta_config *before,
                               const struct meta_config *after)
{
    bool *changed = context;
    const struct meta_config *config = after != NULL ? after : before;
    if (config->resource_type == META_RESOURCE_BROKER)
        *changed = true;
}

void broker_settings_follow(struct broker_shard *shard, const struct meta_image *before,
                            const struct meta_image *after)
{
    bool changed = false;
    struct meta_diff visitor = {.context = &changed, .config = note_broker_config};
    meta_image_diff(before, after, &visitor);
    if (!changed)
        return;
    char id[16];
    int id_size = snprintf(id, sizeof id, "%d", shard->node->id);
    struct pairs own = pairs_of(after, META_RESOURCE_BROKER, id, (size_t)id_size);
    struct pairs all = pairs_of(after, META_RESOURCE_BROKER, "", 0);
    struct conf_findings findings;
    conf_findings_init(&findings);
    struct conf *conf =
        conf_with_dynamic(shard->node->conf, own.items, own.count, all.items, all.count, &findings);
    if (shard->index == 0) {
        for (size_t i = 0; i < findings.count; i++)
            LOG_WARN("the dynamic setting %s=%s is not used: %s", findings.items[i].name,
                     findings.items[i].value != NULL ? findings.items[i].value : "",
                     findings.items[i].text);
    }
    conf_findings_deinit(&findings);
    mem_free(own.items);
    mem_free(all.items);
    broker_settings_deinit(shard);
    shard->dynamic_conf = conf;
    shard->conf = conf;
}

void broker_settings_deinit(struct broker_shard *shard)
{
    if (shard->topic_config != NULL)
        plog_config_unref(shard->topic_config);
    shard->topic_config = NULL;
    if (shard->dynamic_conf != NULL)
        conf_free(shard->dynamic_conf);
    shard->dynamic_conf = NULL;
    shard->conf = shard->node->conf;
}

/* For ever; below what overflows in nanoseconds. */
#define IDLE_MS_MAX (UINT64_MAX / 2000000)

void broker_settings_limits(const struct conf *conf, uint32_t shard_count,
                            struct broker_limits *out)
{
    int64_t queued = conf_int(conf, CONF_BROKER_QUEUED_MAX_REQUEST_BYTES);
    int64_t idle_ms = conf_int(conf, CONF_BROKER_CONNECTIONS_MAX_IDLE_MS);
    *out = (struct broker_limits){
        .request_bytes_max = (uint32_t)conf_int(conf, CONF_BROKER_SOCKET_REQUEST_MAX_BYTES),
        .reply_bytes =
            (size_t)conf_int(conf, CONF_BROKER_OTTLA_QUEUED_MAX_RESPONSE_BYTES) / shard_count + 1,
        .queued_bytes = (queued > 0 ? (size_t)queued : QUEUED_BYTES_DEFAULT) / shard_count + 1,
        .idle_ms_max =
            idle_ms < 0 || (uint64_t)idle_ms > IDLE_MS_MAX ? IDLE_MS_MAX : (uint64_t)idle_ms,
    };
}
