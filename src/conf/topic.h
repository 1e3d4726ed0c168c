#ifndef CONF_TOPIC_H
#define CONF_TOPIC_H
/* A topic's settings: its own, else those of the broker, else the defaults. */
#include "base/buf.h"
#include "base/err.h"
#include "conf/conf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The numbers are those in a record batch's attributes. */
enum conf_compression {
    CONF_COMPRESSION_PRODUCER = -1, /* as the producer sent it */
    CONF_COMPRESSION_NONE = 0,
    CONF_COMPRESSION_GZIP = 1,
    CONF_COMPRESSION_SNAPPY = 2,
    CONF_COMPRESSION_LZ4 = 3,
    CONF_COMPRESSION_ZSTD = 4,
};

/* Times in milliseconds, sizes in bytes. "Never" and "no limit" are INT64_MAX or -1, as noted. */
struct conf_topic {
    bool cleanup_delete; /* neither: records stay for ever */
    bool cleanup_compact;
    bool log_append_time; /* message.timestamp.type */
    bool preallocate;
    bool unclean_leader_election;
    bool remote_storage;
    bool remote_copy_disable;
    bool remote_delete_on_disable;
    enum conf_compression compression;
    int32_t compression_gzip_level;
    int32_t compression_lz4_level;
    int32_t compression_zstd_level;
    int32_t index_interval_bytes;
    int32_t max_message_bytes; /* of a whole batch */
    int32_t min_insync_replicas;
    int32_t segment_bytes;       /* internal.segment.bytes where that is set */
    int32_t segment_index_bytes; /* of the offset and of the time index each */
    double min_cleanable_dirty_ratio;
    int64_t delete_retention_ms;
    int64_t file_delete_delay_ms;
    int64_t flush_messages;        /* INT64_MAX: never */
    int64_t flush_ms;              /* INT64_MAX: never */
    int64_t local_retention_bytes; /* -2: as retention_bytes */
    int64_t local_retention_ms;    /* -2: as retention_ms */
    int64_t max_compaction_lag_ms;
    int64_t min_compaction_lag_ms;
    int64_t message_timestamp_after_max_ms;
    int64_t message_timestamp_before_max_ms;
    int64_t retention_bytes;   /* below 0: no limit */
    int64_t retention_ms;      /* -1: for ever */
    int64_t segment_jitter_ms; /* at most segment_ms */
    int64_t segment_ms;
};

/*
 * The settings of a topic with these overrides (those in the metadata's Config records). An
 * override that is unknown or wrong, which the controller never lets in, is left out and told to
 * `findings` (may be NULL).
 */
void conf_topic_resolve(const struct conf *broker, const struct conf_pair *overrides, size_t count,
                        struct conf_findings *findings, struct conf_topic *out);
/* The defaults of Kafka, without a broker. */
void conf_topic_defaults(struct conf_topic *out);

/*
 * Are these overrides, all that the topic is to have, right together? ERR_INVALID with Kafka's
 * words in `message` otherwise (CreateTopics and AlterConfigs answer INVALID_CONFIG with them).
 * A NULL value is refused.
 */
enum err conf_topic_check(const struct conf *broker, const struct conf_pair *overrides,
                          size_t count, struct buf *message) MUST_USE;
/* One by itself. */
enum err conf_topic_check_one(const char *name, const char *value, struct buf *message) MUST_USE;

#endif
