#include "conf/topic.h"

#include "conf/conf_int.h"

#include <string.h>

/*
 * Each setting's value while a topic is resolved. Strings point into the arena, the broker's conf
 * or the defaults.
 */
struct resolving {
    struct arena arena;
    struct conf_value values[CONF_TOPIC_COUNT];
    bool overridden[CONF_TOPIC_COUNT];
};

static const struct conf_row *topic_rows(void)
{
    size_t count;
    return conf_rows(CONF_SCOPE_TOPIC, &count);
}

/* The broker's setting of the same meaning, or false. Its units are brought to the topic's. */
static bool value_of_broker(const struct conf *broker, const struct conf_row *row,
                            struct conf_value *out)
{
    struct conf_fallback fallbacks[CONF_FALLBACKS_MAX];
    size_t count = conf_row_fallbacks(row, fallbacks);
    for (size_t i = 0; i < count; i++) {
        const struct conf_value *value = &broker->slots[fallbacks[i].id].value;
        if (value->null)
            continue;
        *out = *value;
        if (__builtin_mul_overflow(value->number, fallbacks[i].factor, &out->number))
            out->number = INT64_MAX;
        return true;
    }
    return false;
}

/* Below 0 means for ever with a broker's log.retention.*; a topic says -1. */
static void normalize(struct conf_value *values)
{
    if (values[CONF_TOPIC_RETENTION_MS].number < 0)
        values[CONF_TOPIC_RETENTION_MS].number = -1;
}

static void resolving_init(struct resolving *resolving, const struct conf *broker)
{
    *resolving = (struct resolving){0};
    arena_init(&resolving->arena, ARENA_LIMIT_DEFAULT_BYTES);
    const struct conf_row *rows = topic_rows();
    for (size_t i = 0; i < CONF_TOPIC_COUNT; i++)
        if (broker == NULL || !value_of_broker(broker, &rows[i], &resolving->values[i]))
            conf_value_default(&rows[i], &resolving->arena, &resolving->values[i]);
    normalize(resolving->values);
}

static bool flag(const struct resolving *resolving, enum conf_topic_id id)
{
    return resolving->values[id].number != 0;
}

static int32_t small(const struct resolving *resolving, enum conf_topic_id id)
{
    int64_t number = resolving->values[id].number;
    ASSERT(number >= INT32_MIN && number <= INT32_MAX);
    return (int32_t)number;
}

static bool has_policy(const struct resolving *resolving, const char *policy)
{
    const struct conf_value *value = &resolving->values[CONF_TOPIC_CLEANUP_POLICY];
    for (size_t i = 0; i < value->item_count; i++)
        if (strcmp(value->items[i], policy) == 0)
            return true;
    return false;
}

static enum conf_compression compression_of(const char *name)
{
    static const struct {
        const char *name;
        enum conf_compression compression;
    } names[] = {
        {"producer", CONF_COMPRESSION_PRODUCER}, {"uncompressed", CONF_COMPRESSION_NONE},
        {"gzip", CONF_COMPRESSION_GZIP},         {"snappy", CONF_COMPRESSION_SNAPPY},
        {"lz4", CONF_COMPRESSION_LZ4},           {"zstd", CONF_COMPRESSION_ZSTD},
    };
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        if (strcmp(names[i].name, name) == 0)
            return names[i].compression;
    UNREACHABLE();
}

static void fill(const struct resolving *from, struct conf_topic *out)
{
    const struct conf_value *v = from->values;
    *out = (struct conf_topic){
        .cleanup_delete = has_policy(from, "delete"),
        .cleanup_compact = has_policy(from, "compact"),
        .log_append_time = strcmp(v[CONF_TOPIC_MESSAGE_TIMESTAMP_TYPE].text, "LogAppendTime") == 0,
        .preallocate = flag(from, CONF_TOPIC_PREALLOCATE),
        .unclean_leader_election = flag(from, CONF_TOPIC_UNCLEAN_LEADER_ELECTION_ENABLE),
        .remote_storage = flag(from, CONF_TOPIC_REMOTE_STORAGE_ENABLE),
        .remote_copy_disable = flag(from, CONF_TOPIC_REMOTE_LOG_COPY_DISABLE),
        .remote_delete_on_disable = flag(from, CONF_TOPIC_REMOTE_LOG_DELETE_ON_DISABLE),
        .compression = compression_of(v[CONF_TOPIC_COMPRESSION_TYPE].text),
        .compression_gzip_level = small(from, CONF_TOPIC_COMPRESSION_GZIP_LEVEL),
        .compression_lz4_level = small(from, CONF_TOPIC_COMPRESSION_LZ4_LEVEL),
        .compression_zstd_level = small(from, CONF_TOPIC_COMPRESSION_ZSTD_LEVEL),
        .index_interval_bytes = small(from, CONF_TOPIC_INDEX_INTERVAL_BYTES),
        .max_message_bytes = small(from, CONF_TOPIC_MAX_MESSAGE_BYTES),
        .min_insync_replicas = small(from, CONF_TOPIC_MIN_INSYNC_REPLICAS),
        .segment_bytes = small(from, v[CONF_TOPIC_INTERNAL_SEGMENT_BYTES].null
                                         ? CONF_TOPIC_SEGMENT_BYTES
                                         : CONF_TOPIC_INTERNAL_SEGMENT_BYTES),
        .segment_index_bytes = small(from, CONF_TOPIC_SEGMENT_INDEX_BYTES),
        .min_cleanable_dirty_ratio = v[CONF_TOPIC_MIN_CLEANABLE_DIRTY_RATIO].real,
        .delete_retention_ms = v[CONF_TOPIC_DELETE_RETENTION_MS].number,
        .file_delete_delay_ms = v[CONF_TOPIC_FILE_DELETE_DELAY_MS].number,
        .flush_messages = v[CONF_TOPIC_FLUSH_MESSAGES].number,
        .flush_ms = v[CONF_TOPIC_FLUSH_MS].number,
        .local_retention_bytes = v[CONF_TOPIC_LOCAL_RETENTION_BYTES].number,
        .local_retention_ms = v[CONF_TOPIC_LOCAL_RETENTION_MS].number,
        .max_compaction_lag_ms = v[CONF_TOPIC_MAX_COMPACTION_LAG_MS].number,
        .min_compaction_lag_ms = v[CONF_TOPIC_MIN_COMPACTION_LAG_MS].number,
        .message_timestamp_after_max_ms = v[CONF_TOPIC_MESSAGE_TIMESTAMP_AFTER_MAX_MS].number,
        .message_timestamp_before_max_ms = v[CONF_TOPIC_MESSAGE_TIMESTAMP_BEFORE_MAX_MS].number,
        .retention_bytes = v[CONF_TOPIC_RETENTION_BYTES].number,
        .retention_ms = v[CONF_TOPIC_RETENTION_MS].number,
        .segment_jitter_ms = v[CONF_TOPIC_SEGMENT_JITTER_MS].number,
        .segment_ms = v[CONF_TOPIC_SEGMENT_MS].number,
    };
    /* A segment cannot be rolled before it is there. */
    if (out->segment_jitter_ms > out->segment_ms)
        out->segment_jitter_ms = out->segment_ms;
}

/* ---- Checks ---- */

/* Kafka's words for an unknown name. */
static enum err unknown_name(const char *name, struct buf *message)
{
    buf_printf(message, "Unknown topic config name: %s", name);
    return ERR_INVALID;
}

enum err conf_topic_check_one(const char *name, const char *value, struct buf *message)
{
    const struct conf_row *row = conf_row_find(CONF_SCOPE_TOPIC, name);
    if (row == NULL)
        return unknown_name(name, message);
    if (value == NULL) {
        buf_printf(message, "Null value not supported for topic configs: %s", name);
        return ERR_INVALID;
    }
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    struct conf_value parsed;
    enum err err = conf_value_parse(row, value, &arena, &parsed, message);
    arena_deinit(&arena);
    return err;
}

/* Kafka names all of them: the keys whose value is null, separated by commas. */
static enum err check_nulls(const struct conf_pair *overrides, size_t count, struct buf *message)
{
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        if (overrides[i].value != NULL)
            continue;
        buf_printf(message, any ? ",%s" : "Null value not supported for topic configs: %s",
                   overrides[i].name);
        any = true;
    }
    return any ? ERR_INVALID : ERR_OK;
}

/* What several of a topic's settings say together. */
static enum err check_together(const struct conf *broker, const struct resolving *resolving,
                               struct buf *message)
{
    const struct conf_value *v = resolving->values;
    int64_t min_lag = v[CONF_TOPIC_MIN_COMPACTION_LAG_MS].number;
    int64_t max_lag = v[CONF_TOPIC_MAX_COMPACTION_LAG_MS].number;
    if (min_lag > max_lag) {
        buf_printf(message,
                   "conflict topic config setting min.compaction.lag.ms (%lld) > "
                   "max.compaction.lag.ms (%lld)",
                   (long long)min_lag, (long long)max_lag);
        return ERR_INVALID;
    }
    if (flag(resolving, CONF_TOPIC_REMOTE_STORAGE_ENABLE) &&
        (broker == NULL || !conf_bool(broker, CONF_BROKER_REMOTE_LOG_STORAGE_SYSTEM_ENABLE))) {
        buf_put_text(message, "Tiered Storage functionality is disabled in the broker. Topic "
                              "cannot be configured with remote log storage.");
        return ERR_INVALID;
    }
    return ERR_OK;
}

/* Puts the overrides in; stops at the first wrong one unless `findings` is given or `lenient`. */
static enum err put_overrides(struct resolving *resolving, const struct conf_pair *overrides,
                              size_t count, bool lenient, struct conf_findings *findings,
                              struct buf *message)
{
    for (size_t i = 0; i < count; i++) {
        size_t start = message->size;
        int index = conf_row_index(CONF_SCOPE_TOPIC, overrides[i].name);
        enum err err = ERR_OK;
        struct conf_value value;
        if (index < 0)
            err = unknown_name(overrides[i].name, message);
        else if (overrides[i].value == NULL)
            err = check_nulls(&overrides[i], 1, message);
        else
            err = conf_value_parse(&topic_rows()[index], overrides[i].value, &resolving->arena,
                                   &value, message);
        if (err == ERR_OK) {
            resolving->values[index] = value;
            resolving->overridden[index] = true;
            continue;
        }
        if (!lenient)
            return err;
        if (findings != NULL)
            conf_findings_add(findings, CONF_SEVERITY_WARNING, overrides[i].name,
                              overrides[i].value, "", "%s", buf_text(message) + start);
    }
    return ERR_OK;
}

void conf_topic_resolve(const struct conf *broker, const struct conf_pair *overrides, size_t count,
                        struct conf_findings *findings, struct conf_topic *out)
{
    struct resolving resolving;
    resolving_init(&resolving, broker);
    struct buf message = BUF_EMPTY;
    enum err err = put_overrides(&resolving, overrides, count, true, findings, &message);
    ASSERT(err == ERR_OK);
    fill(&resolving, out);
    buf_deinit(&message);
    arena_deinit(&resolving.arena);
}

void conf_topic_defaults(struct conf_topic *out)
{
    conf_topic_resolve(NULL, NULL, 0, NULL, out);
}

enum err conf_topic_check(const struct conf *broker, const struct conf_pair *overrides,
                          size_t count, struct buf *message)
{
    enum err err = check_nulls(overrides, count, message);
    if (err != ERR_OK)
        return err;
    for (size_t i = 0; i < count; i++)
        if (conf_row_index(CONF_SCOPE_TOPIC, overrides[i].name) < 0)
            return unknown_name(overrides[i].name, message);
    struct resolving resolving;
    resolving_init(&resolving, broker);
    err = put_overrides(&resolving, overrides, count, false, NULL, message);
    if (err == ERR_OK)
        err = check_together(broker, &resolving, message);
    arena_deinit(&resolving.arena);
    return err;
}
