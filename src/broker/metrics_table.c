/* What a node tells: the table, and how each family is collected (metrics.h). */
#include "broker/node_int.h"

#include "base/mem.h"
#include "broker/api.h"
#include "broker/controller.h"
#include "broker/fetch_session.h"
#include "broker/lag.h"
#include "broker/metrics.h"
#include "replica/replica.h"
#include "wire/api.h"

#include <string.h>

static bool is_first(const struct broker_shard *shard)
{
    return shard->index == 0;
}

/* ---- The node ---- */

static void collect_ready(struct metrics_sink *sink, struct broker_shard *shard)
{
    if (is_first(shard))
        metrics_add(sink, NULL, shard->node->state == BROKER_NODE_RUNNING);
}

static void collect_active(struct metrics_sink *sink, struct broker_shard *shard)
{
    const struct controller *controller = shard->node->controller;
    if (is_first(shard))
        metrics_add(sink, NULL, controller != NULL && controller_is_active(controller));
}

static void collect_metadata_offset(struct metrics_sink *sink, struct broker_shard *shard)
{
    const struct meta_image *image = shard->node->image;
    if (is_first(shard))
        metrics_add(sink, NULL, image == NULL ? -1 : (double)image->offset);
}

static void collect_dirs_offline(struct metrics_sink *sink, struct broker_shard *shard)
{
    size_t count = 0;
    for (size_t i = 0; is_first(shard) && i < shard->node->dir_count; i++)
        count += shard->node->dirs[i].offline;
    metrics_add(sink, NULL, (double)count);
}

/* ---- Requests ---- */

static void collect_requests(struct metrics_sink *sink, struct broker_shard *shard)
{
    for (size_t i = 0; i < broker_api_count; i++) {
        uint64_t count = 0;
        for (size_t b = 0; b <= METRICS_BUCKET_COUNT; b++)
            count += shard->api_seconds[i].buckets[b];
        if (count > 0)
            metrics_add_histogram(sink, wire_api_find(broker_apis[i].key)->name,
                                  &shard->api_seconds[i]);
    }
}

/* A family of one number that each shard has. */
#define COLLECT_NUMBER(function, value)                                         \
    static void function(struct metrics_sink *sink, struct broker_shard *shard) \
    {                                                                           \
        metrics_add(sink, NULL, (double)(value));                               \
    }

COLLECT_NUMBER(collect_started, shard->counters.requests)
COLLECT_NUMBER(collect_bytes_in, shard->counters.bytes_in)
COLLECT_NUMBER(collect_bytes_out, shard->counters.bytes_out)
COLLECT_NUMBER(collect_queued, shard->queued_bytes)
COLLECT_NUMBER(collect_queued_max, shard->limits.queued_bytes)
COLLECT_NUMBER(collect_replies, shard->reply_bytes)
COLLECT_NUMBER(collect_replies_max, shard->limits.reply_bytes)

/* ---- Connections ---- */

COLLECT_NUMBER(collect_accepted, shard->counters.connections_accepted)
COLLECT_NUMBER(collect_closed, shard->counters.connections_closed)
COLLECT_NUMBER(collect_bad, shard->counters.frames_bad)
COLLECT_NUMBER(collect_stalled, shard->counters.connections_stalled)

static void collect_connections(struct metrics_sink *sink, struct broker_shard *shard)
{
    for (size_t i = 0; is_first(shard) && i < shard->node->listener_count; i++)
        metrics_add(sink, shard->node->listeners[i].name, shard->node->listeners[i].conn_count);
}

static void collect_refused(struct metrics_sink *sink, struct broker_shard *shard)
{
    if (is_first(shard))
        metrics_add(sink, NULL, (double)shard->node->admission.refused);
}

static void collect_sessions(struct metrics_sink *sink, struct broker_shard *shard)
{
    const struct fetch_sessions *sessions = shard->fetch_sessions;
    metrics_add(sink, NULL, sessions == NULL ? 0 : (double)fetch_sessions_count(sessions));
}

/* ---- Partitions ---- */

static void collect_partitions(struct metrics_sink *sink, struct broker_shard *shard)
{
    if (shard->replicas == NULL)
        return;
    struct replica_set_stats stats;
    replica_set_stats(shard->replicas, &stats);
    metrics_add(sink, "all", (double)stats.replicas);
    metrics_add(sink, "leader", (double)stats.leaders);
    metrics_add(sink, "offline", (double)stats.offline);
}

static void collect_recovery(struct metrics_sink *sink, struct broker_shard *shard)
{
    if (shard->replicas == NULL)
        return;
    struct replica_set_stats stats;
    replica_set_stats(shard->replicas, &stats);
    metrics_add(sink, "to open", (double)stats.to_open);
    metrics_add(sink, "opened", (double)stats.opened);
    metrics_add(sink, "recovered", (double)stats.recovered);
    metrics_add(sink, "failed", (double)stats.failed);
}

static void collect_recovery_bytes(struct metrics_sink *sink, struct broker_shard *shard)
{
    if (shard->replicas == NULL)
        return;
    struct replica_set_stats stats;
    replica_set_stats(shard->replicas, &stats);
    metrics_add(sink, "read", (double)stats.scanned_bytes);
    metrics_add(sink, "cut off", (double)stats.truncated_bytes);
}

static bool has_size(const struct replica *replica)
{
    const struct plog *log = replica_plog(replica);
    return log != NULL && plog_state(log) == PLOG_STATE_OPEN;
}

static void collect_dir_bytes(struct metrics_sink *sink, struct broker_shard *shard)
{
    if (shard->replicas == NULL)
        return;
    const struct broker_node *node = shard->node;
    double *bytes = mem_zalloc((node->log_dir_count + 1) * sizeof bytes[0]);
    for (struct replica *replica = NULL;
         (replica = replica_set_next(shard->replicas, replica)) != NULL;) {
        if (has_size(replica))
            bytes[plog_dir_index(replica_plog(replica))] +=
                (double)plog_size_bytes(replica_plog(replica));
    }
    for (size_t i = 0; i < node->log_dir_count; i++)
        metrics_add(sink, node->dirs[i].path, bytes[i]);
    mem_free(bytes);
}

/* Partitions of a topic are added up here, so that the bound on labels is one on topics. */
struct topic_bytes {
    struct hmap_node node;
    const char *name;
    double bytes;
};

static void topic_bytes_add(struct hmap *topics, const struct replica *replica)
{
    const char *name = replica_topic(replica);
    double bytes = (double)plog_size_bytes(replica_plog(replica));
    uint64_t hash = hash_bytes(name, strlen(name));
    HMAP_FOR_EACH_HASH (node, topics, hash) {
        struct topic_bytes *topic = HMAP_ENTRY(node, struct topic_bytes, node);
        if (strcmp(topic->name, name) == 0) {
            topic->bytes += bytes;
            return;
        }
    }
    struct topic_bytes *topic = mem_zalloc(sizeof *topic);
    topic->name = name;
    topic->bytes = bytes;
    hmap_insert(topics, &topic->node, hash);
}

static void collect_topic_bytes(struct metrics_sink *sink, struct broker_shard *shard)
{
    if (shard->replicas == NULL)
        return;
    struct hmap topics;
    hmap_init(&topics);
    for (struct replica *replica = NULL;
         (replica = replica_set_next(shard->replicas, replica)) != NULL;) {
        if (has_size(replica))
            topic_bytes_add(&topics, replica);
    }
    HMAP_FOR_EACH_SAFE (node, after, &topics) {
        struct topic_bytes *topic = HMAP_ENTRY(node, struct topic_bytes, node);
        metrics_add(sink, topic->name, topic->bytes);
        hmap_remove(&topics, node);
        mem_free(topic);
    }
    hmap_deinit(&topics);
}

/* ---- Logs ---- */

static void collect_log_work(struct metrics_sink *sink, struct broker_shard *shard)
{
    if (shard->replicas == NULL)
        return;
    struct plog_host_stats stats;
    replica_set_log_stats(shard->replicas, &stats);
    metrics_add(sink, "batches appended", (double)stats.batches_appended);
    metrics_add(sink, "reads from memory", (double)stats.reads_memory);
    metrics_add(sink, "reads from the disk", (double)stats.reads_disk);
    metrics_add(sink, "syncs", (double)stats.syncs);
    metrics_add(sink, "rolls", (double)stats.rolls);
    metrics_add(sink, "segments deleted", (double)stats.segments_deleted);
}

static void collect_appended(struct metrics_sink *sink, struct broker_shard *shard)
{
    if (shard->replicas == NULL)
        return;
    struct plog_host_stats stats;
    replica_set_log_stats(shard->replicas, &stats);
    metrics_add(sink, NULL, (double)stats.bytes_appended);
}

static void collect_log_files(struct metrics_sink *sink, struct broker_shard *shard)
{
    if (shard->replicas == NULL)
        return;
    struct plog_host_stats stats;
    replica_set_log_stats(shard->replicas, &stats);
    metrics_add(sink, NULL, (double)stats.open_files);
}

/* ---- Cleaning ---- */

static void collect_cleanings(struct metrics_sink *sink, struct broker_shard *shard)
{
    if (shard->replicas == NULL)
        return;
    const struct plog_host_cleaning *cleaning = replica_set_cleaning(shard->replicas);
    metrics_add(sink, "done", (double)cleaning->passes);
    metrics_add(sink, "failed", (double)cleaning->failures);
}

static void collect_cleaned_bytes(struct metrics_sink *sink, struct broker_shard *shard)
{
    if (shard->replicas == NULL)
        return;
    const struct plog_host_cleaning *cleaning = replica_set_cleaning(shard->replicas);
    metrics_add(sink, "read", (double)cleaning->bytes_read);
    metrics_add(sink, "written", (double)cleaning->bytes_written);
}

static void collect_cleaning_due(struct metrics_sink *sink, struct broker_shard *shard)
{
    if (shard->replicas == NULL)
        return;
    const struct plog_host_cleaning *cleaning = replica_set_cleaning(shard->replicas);
    metrics_add(sink, "due", (double)cleaning->due_count);
    metrics_add(sink, "uncleanable", (double)cleaning->uncleanable_count);
}

/* ---- Groups ---- */

/* Of one group, from row `begin` on; returns the row after it. */
static size_t group_lag(const struct broker_lag_row *rows, size_t count, size_t begin, bool *known,
                        double *records, double *seconds)
{
    *known = false;
    *records = 0;
    *seconds = 0;
    size_t at = begin;
    for (; at < count && wire_string_equal(rows[at].group, rows[begin].group); at++) {
        if (rows[at].records < 0)
            continue;
        *known = true;
        *records += (double)rows[at].records;
        if ((double)rows[at].age_ms / 1000 > *seconds)
            *seconds = (double)rows[at].age_ms / 1000;
    }
    return at;
}

static void collect_lag(struct metrics_sink *sink, struct broker_shard *shard, bool in_seconds)
{
    if (shard->index != 0 || shard->node->lag == NULL)
        return;
    size_t count;
    const struct broker_lag_row *rows = broker_lag_rows(shard->node->lag, &count);
    for (size_t at = 0; at < count;) {
        bool known;
        double records;
        double seconds;
        char *group = mem_strndup(rows[at].group.data, rows[at].group.size);
        at = group_lag(rows, count, at, &known, &records, &seconds);
        if (known)
            metrics_add(sink, group, in_seconds ? seconds : records);
        mem_free(group);
    }
}

static void collect_lag_records(struct metrics_sink *sink, struct broker_shard *shard)
{
    collect_lag(sink, shard, false);
}

static void collect_lag_seconds(struct metrics_sink *sink, struct broker_shard *shard)
{
    collect_lag(sink, shard, true);
}

/* ---- The table ---- */

/* clang-format off */
const struct metrics_family broker_metrics[] = {
    {"ottla_ready", METRICS_GAUGE, NULL,
     "1 while the node is running and clients are served.", collect_ready},
    {"ottla_controller_active", METRICS_GAUGE, NULL,
     "1 while this node is the active controller.", collect_active},
    {"ottla_metadata_offset", METRICS_GAUGE, NULL,
     "Offset of the newest metadata that this node follows, -1 before there are any.", collect_metadata_offset},
    {"ottla_log_dirs_offline", METRICS_GAUGE, NULL,
     "Log directories that failed and are not used any more.", collect_dirs_offline},

    {"ottla_request_seconds", METRICS_HISTOGRAM, "api",
     "Time from when a request was read until its reply was written whole, waiting for records or acknowledgements included.", collect_requests},
    {"ottla_requests_received_total", METRICS_COUNTER, NULL,
     "Requests that were received.", collect_started},
    {"ottla_received_bytes_total", METRICS_COUNTER, NULL,
     "Bytes that clients sent.", collect_bytes_in},
    {"ottla_sent_bytes_total", METRICS_COUNTER, NULL,
     "Bytes that were sent to clients.", collect_bytes_out},
    {"ottla_queued_request_bytes", METRICS_GAUGE, NULL,
     "Memory of requests that are being received or worked on.", collect_queued},
    {"ottla_queued_request_max_bytes", METRICS_GAUGE, NULL,
     "Its limit, queued.max.request.bytes: above it nothing is read.", collect_queued_max},
    {"ottla_queued_reply_bytes", METRICS_GAUGE, NULL,
     "Memory of replies that clients have not taken yet.", collect_replies},
    {"ottla_queued_reply_max_bytes", METRICS_GAUGE, NULL,
     "Its limit, ottla.queued.max.response.bytes.", collect_replies_max},

    {"ottla_connections", METRICS_GAUGE, "listener",
     "Connections that are open.", collect_connections},
    {"ottla_connections_accepted_total", METRICS_COUNTER, NULL,
     "Connections that were accepted.", collect_accepted},
    {"ottla_connections_closed_total", METRICS_COUNTER, NULL,
     "Connections that have ended, by whomever.", collect_closed},
    {"ottla_connections_refused_total", METRICS_COUNTER, NULL,
     "Connections refused by max.connections.per.ip.", collect_refused},
    {"ottla_connections_bad_total", METRICS_COUNTER, NULL,
     "Connections closed because what they sent was no request.", collect_bad},
    {"ottla_connections_stalled_total", METRICS_COUNTER, NULL,
     "Connections closed because they held memory that others waited for, and did not move.", collect_stalled},
    {"ottla_fetch_sessions", METRICS_GAUGE, NULL,
     "Incremental fetch sessions (KIP-227).", collect_sessions},

    {"ottla_partitions", METRICS_GAUGE, "which",
     "Partitions of this node: all, those that it leads, those whose log directory failed.", collect_partitions},
    {"ottla_log_dir_bytes", METRICS_GAUGE, "dir",
     "Bytes of the partitions' logs in a log directory.", collect_dir_bytes},
    {"ottla_topic_bytes", METRICS_GAUGE, "topic",
     "Bytes of a topic's logs on this node.", collect_topic_bytes},
    {"ottla_recovery_logs", METRICS_GAUGE, "which",
     "Progress of opening logs, since there was last nothing to open: how many are to be opened, were opened, had to be recovered, failed.", collect_recovery},
    {"ottla_recovery_bytes", METRICS_GAUGE, "which",
     "Bytes that recovery has read, and has cut off.", collect_recovery_bytes},
    {"ottla_log_appended_bytes_total", METRICS_COUNTER, NULL,
     "Bytes appended to partitions' logs.", collect_appended},
    {"ottla_log_work_total", METRICS_COUNTER, "what",
     "What the logs have done, how often.", collect_log_work},
    {"ottla_log_open_files", METRICS_GAUGE, NULL,
     "Files of logs that are open.", collect_log_files},

    {"ottla_cleanings_total", METRICS_COUNTER, "result",
     "Cleanings of compacted logs that have ended.", collect_cleanings},
    {"ottla_cleaning_bytes_total", METRICS_COUNTER, "which",
     "Bytes that cleaning has read and written.", collect_cleaned_bytes},
    {"ottla_cleaning_logs", METRICS_GAUGE, "which",
     "Compacted logs that should be cleaned now, and those whose last cleaning failed.", collect_cleaning_due},

    {"ottla_group_lag_records", METRICS_GAUGE, "group",
     "Records that a group has not consumed, by its committed offsets, of the partitions that this node leads. Looked at every 10 seconds once it was asked for.", collect_lag_records},
    {"ottla_group_lag_seconds", METRICS_GAUGE, "group",
     "Age of the oldest of these records.", collect_lag_seconds},
};
/* clang-format on */
const size_t broker_metrics_count = ARRAY_COUNT(broker_metrics);
