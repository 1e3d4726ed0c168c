#ifndef REPLICA_REPLICA_H
#define REPLICA_REPLICA_H
/*
 * A partition in a cluster, on the shard that owns it: its log (plog), its role, its high
 * watermark, and those who wait for it. A replica_set holds all replicas of a shard and follows the
 * metadata image: partitions appear, change and go as the image says.
 *
 * One owner: all calls on the shard of the set's env; callbacks come from the top of its loop or
 * from inside the call that caused them, as each says.
 */
#include "base/assert.h"
#include "base/err.h"
#include "base/hmap.h"
#include "base/list.h"
#include "base/uuid.h"
#include "env/env.h"
#include "meta/image.h"
#include "plog/plog.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct replica;
struct replica_set;

/* ---- The set ----------------------------------------------------------------------------------
 */

/* A partition's folder that was there at start (plog_dir_load), with its directory's checkpoints.
 */
struct replica_found {
    const char *topic;
    int32_t partition;
    struct uuid topic_id; /* zero: partition.metadata is absent or empty */
    uint32_t dir;
    bool clean;
    int64_t recovery_point;
    int64_t log_start_offset;
    int64_t high_watermark;
    int64_t cleaned_offset;
};

struct replica_set_options {
    struct env *env;
    int32_t node_id;
    /* The log directories, as in plog_host_options; copied. */
    const char *const *dirs;
    const struct uuid *dir_ids;
    uint32_t dir_count;
    uint32_t open_files_max;      /* 0: plog's default */
    uint64_t unwritten_bytes_max; /* as in plog_host_options */
    uint64_t producer_check_ms;   /* 0: plog's default */
    /* How many openings of one directory run side by side (num.recovery.threads.per.data.dir, this
     * shard's part). */
    uint32_t openings_per_dir;
    void *context;
    /* Is the partition this shard's? */
    bool (*owns)(void *context, const struct uuid *topic_id, int32_t partition);
    /* The topic's settings in this image: a new reference. */
    struct plog_config *(*topic_config)(void *context, const struct meta_image *image,
                                        const struct meta_topic *topic);
    /* min.insync.replicas of the topic in this image. */
    int32_t (*topic_min_isr)(void *context, const struct meta_image *image,
                             const struct meta_topic *topic);
    /* A log directory failed, as in plog_host_options: once for each. */
    void (*dir_failed)(void *context, uint32_t dir, enum err err, const char *what);
    /* Progress and end of the openings that replica_set_follow began; the numbers are of all of
     * them since the set was last at rest. May be NULL. */
    void (*opening)(void *context, const struct replica_set *set);
};

struct replica_set *replica_set_new(const struct replica_set_options *options);
/* Every replica is closed (replica_set_close), or the node is thrown away. Memory only. */
void replica_set_free(struct replica_set *set);

/* Before the first replica_set_follow: what is on disk for this shard. */
void replica_set_found(struct replica_set *set, const struct replica_found *found);

/*
 * Make the replicas what `after` says they are (before: what was followed last, NULL at first).
 * Returns at once: new replicas are opening when it does, and those who want something of them
 * wait. A replica whose topic is gone answers its waiters UNKNOWN_TOPIC_OR_PARTITION and its files
 * go.
 */
void replica_set_follow(struct replica_set *set, const struct meta_image *before,
                        struct meta_image *after);

/* Nothing is being opened. */
bool replica_set_is_open(const struct replica_set *set);
/* Closed, and no job of the logs' host is under way any more (plog_host_is_idle). */
bool replica_set_is_idle(const struct replica_set *set);

struct replica_set_stats {
    size_t replicas;
    size_t leaders;
    size_t offline;
    /* Of the current openings. */
    size_t to_open;
    size_t opened;
    size_t recovered;
    size_t shortened; /* the recovery point went back: to be stored before anything is appended */
    size_t failed;
    uint64_t scanned_bytes;
    uint64_t truncated_bytes;
};
void replica_set_stats(const struct replica_set *set, struct replica_set_stats *out);

/* Close all logs cleanly, in the order of their folders. After done, err tells whether the
 * directories may be marked clean (plog_close). Waiters are answered NOT_LEADER_OR_FOLLOWER. */
struct replica_closing {
    void (*done)(struct replica_closing *closing);
    enum err err;

    struct replica_set *set; /* the rest is the set's */
    size_t left;
    struct plog_op host_stop;
};
void replica_set_close(struct replica_set *set, struct replica_closing *closing);

/* As plog_host_set_full. */
void replica_set_dir_full(struct replica_set *set, uint32_t dir, bool full);
/* A log directory failed on another shard. */
void replica_set_fail_dir(struct replica_set *set, uint32_t dir, enum err err);

/* NULL when this shard has no such replica. */
struct replica *replica_set_get(const struct replica_set *set, const struct uuid *topic_id,
                                int32_t partition);
/* In no particular order; NULL at the end. `after` NULL: the first. */
struct replica *replica_set_next(const struct replica_set *set, const struct replica *after);

/* ---- One replica ------------------------------------------------------------------------------
 */

struct plog *replica_plog(const struct replica *replica);
const char *replica_topic(const struct replica *replica);
struct uuid replica_topic_id(const struct replica *replica);
int32_t replica_partition(const struct replica *replica);
int32_t replica_leader_epoch(const struct replica *replica);
/* -1 when there is none. */
int32_t replica_leader(const struct replica *replica);
bool replica_is_leader(const struct replica *replica);
/* Below it records are committed and may be read. */
int64_t replica_high_watermark(const struct replica *replica);

/*
 * May a client's request be served here? Kafka's code (wire/errors.h): 0, NOT_LEADER_OR_FOLLOWER,
 * FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH or KAFKA_STORAGE_ERROR. `current_leader_epoch` is what
 * the client believes, -1 for none (KIP-320).
 */
int16_t replica_check(const struct replica *replica, int32_t current_leader_epoch);

/* ---- Append -----------------------------------------------------------------------------------
 */

enum replica_acks { REPLICA_ACKS_NONE = 0, REPLICA_ACKS_LEADER = 1, REPLICA_ACKS_ALL = -1 };

/*
 * One partition's part of a produce request. The caller sets the first part and zeroes the rest;
 * the struct, the bytes and the arena are the replica's until `done`. `done` is called once,
 * perhaps before replica_append returns; log.error says what came of it, with REQUEST_TIMED_OUT
 * when deadline_ns passed first (the records may still become committed) and NOT_ENOUGH_REPLICAS or
 * NOT_ENOUGH_REPLICAS_AFTER_APPEND by the in-sync replicas.
 *
 * Where the log is not ready (opening, rolling), the append waits its turn; appends to one
 * partition are carried out in the order in which they came.
 */
struct replica_append {
    struct plog_append log; /* data, size, origin, transaction_version, arena by the caller; the
                               rest is set here */
    enum replica_acks acks;
    uint64_t deadline_ns; /* when to give up waiting */
    void (*done)(struct replica_append *append);

    /* The replica's. */
    struct replica *replica;
    struct list node;
    struct heap_node timeout;
    int64_t required_offset; /* done when the high watermark (with ALL) and durability are there */
    bool appended;
    bool needs_sync;
};

void replica_append(struct replica *replica, struct replica_append *append);

/*
 * DeleteRecords on the leader: nothing below the offset is read any more. Kafka's code:
 * OFFSET_OUT_OF_RANGE outside of [0, high watermark], POLICY_VIOLATION where the topic is compacted
 * and never deleted from, or replica_check's.
 */
int16_t replica_delete_records(struct replica *replica, int64_t offset);

/* ---- Waiting for records ----------------------------------------------------------------------
 */

/* Hangs on a replica until there is more to read (the high watermark or the log's end rose, the
 * last stable offset moved), or it stopped being what it was (leadership, deletion, failure): then
 * it is called, from inside of whatever made it so, and hangs nowhere. */
struct replica_watch {
    struct list node; /* list_init it once */
    void (*changed)(struct replica_watch *watch);
};

void replica_watch(struct replica *replica, struct replica_watch *watch);
/* Harmless when it hangs nowhere. */
void replica_unwatch(struct replica_watch *watch);

/* ---- Housekeeping ------------------------------------------------------------------------------
 */

/* Retention of all logs of the shard, once. Returns the segments that go. */
size_t replica_set_retain(struct replica_set *set);

/* The compacted logs of the shard that should be cleaned now. */
struct replica_cleaning {
    struct replica *dirtiest; /* NULL: none; good until the loop turns. plog_clean is next */
    double ratio;             /* of its dirty part */
    size_t due_count;
};
void replica_set_look_dirty(struct replica_set *set, struct replica_cleaning *out);
/* What the logs have done on this shard, for metrics. */
void replica_set_log_stats(const struct replica_set *set, struct plog_host_stats *out);
/* What cleaning has done on this shard, for metrics. */
const struct plog_host_cleaning *replica_set_cleaning(const struct replica_set *set);

/* Move the recovery points of all logs with new records (log.flush.offset.checkpoint.interval.ms),
 * a few at a time; then `done`, perhaps from inside the call, when the caller writes the checkpoint
 * files. One at a time. */
struct replica_ref {
    struct uuid topic_id;
    int32_t partition;
};
struct replica_checkpoint {
    void (*done)(struct replica_checkpoint *checkpoint);

    struct replica_set *set; /* the rest is the set's */
    struct replica_ref *refs;
    size_t count;
    size_t next;
    size_t under_way;
};
void replica_set_checkpoint(struct replica_set *set, struct replica_checkpoint *checkpoint);

/* What a directory's checkpoint files say of this shard's replicas. The function is called for each
 * of its replicas that are open. */
typedef void replica_offsets_fn(void *context, const struct replica *replica,
                                int64_t recovery_point, int64_t log_start_offset,
                                int64_t high_watermark);
void replica_set_offsets(const struct replica_set *set, uint32_t dir, replica_offsets_fn *fn,
                         void *context);

#endif
