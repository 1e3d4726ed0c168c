#ifndef QUORUM_QUORUM_H
#define QUORUM_QUORUM_H
/*
 * The metadata log of one node: raft's decisions carried out over __cluster_metadata-0, its
 * quorum-state file and its snapshots (KIP-595, KIP-630, KIP-853).
 *
 * A quorum lives on one shard and calls back from the top of that shard's loop, never from inside a
 * call to it. Nothing is promised before it is durable: a vote or an epoch before quorum-state is
 * synced, a record (its commit) before the log is.
 *
 *     NEW --start--> LOADING --> RUNNING --stop--> STOPPING --> STOPPED
 *                        \----------\---- fatal -------/
 *
 * Listener calls, in order: on_load once, with what the newest snapshot and the log below the high
 * watermark say (that is, everything known to be committed); then on_commit for each newer image;
 * on_leader when this node leads and all that came before its epoch is in the image; on_resign when
 * it leads no more (appends that were not committed fail first); on_fatal at most once, last.
 */
#include "base/assert.h"
#include "base/err.h"
#include "base/list.h"
#include "base/uuid.h"
#include "env/env.h"
#include "meta/delta.h"
#include "meta/image.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plog_host;
struct quorum;

#define QUORUM_TOPIC "__cluster_metadata"
#define QUORUM_FOLDER "__cluster_metadata-0"

struct quorum_listener {
    /* The image is the listener's to reference; the quorum keeps its own. */
    void (*on_load)(void *context, struct meta_image *image);
    void (*on_commit)(void *context, struct meta_image *image);
    /* This node leads `epoch`; the next record goes to quorum_end_offset. */
    void (*on_leader)(void *context, int32_t epoch, struct meta_image *image);
    void (*on_resign)(void *context, int32_t epoch);
    /* Another node leads (leader_id -1: nobody is known to). Not called for this node. */
    void (*on_leader_change)(void *context, int32_t leader_id, int32_t epoch);
    /* The log or the directory that holds it is broken; the quorum does nothing more and has to be
     * stopped. `why` says what to do. */
    void (*on_fatal)(void *context, const char *why);
};

struct quorum_endpoint {
    const char *listener; /* of the controller, "CONTROLLER" */
    const char *host;
    uint16_t port;
};

/* A voter of controller.quorum.voters: kraft.version 0, known by its id alone. */
struct quorum_static_voter {
    int32_t id;
    const char *host;
    uint16_t port;
};

/* Copied; strings and arrays as well. */
struct quorum_options {
    struct env *env;
    struct plog_host *host; /* of this shard */
    uint32_t dir;           /* index of the metadata directory among the host's */
    const char *dir_path;

    int32_t node_id;
    struct uuid directory_id; /* of the metadata directory */
    bool is_controller;       /* false: an observer (a broker alone), which never leads */
    const struct quorum_static_voter *static_voters;
    size_t static_voter_count;               /* 0: the voters are in the log (kraft.version 1) */
    const struct quorum_endpoint *endpoints; /* this controller's own, advertised */
    size_t endpoint_count;

    int64_t segment_bytes;           /* metadata.log.segment.bytes, 1073741824 */
    int64_t segment_ms;              /* metadata.log.segment.ms, 604800000 */
    int64_t snapshot_bytes;          /* metadata.log.max.record.bytes.between.snapshots, 20971520 */
    int64_t snapshot_interval_ms;    /* metadata.log.max.snapshot.interval.ms, 3600000; 0: never */
    int64_t retention_bytes;         /* metadata.max.retention.bytes, 104857600; -1: no limit */
    int64_t retention_ms;            /* metadata.max.retention.ms, 604800000; -1: no limit */
    int64_t election_timeout_ms;     /* controller.quorum.election.timeout.ms, 1000 */
    int64_t election_backoff_max_ms; /* controller.quorum.election.backoff.max.ms, 1000 */
    int64_t fetch_timeout_ms;        /* controller.quorum.fetch.timeout.ms, 2000 */

    struct quorum_listener listener;
    void *context;
};

struct quorum *quorum_new(const struct quorum_options *options);
/* Reads what is on disk, then takes part. on_load or on_fatal follows. The folder is made when it
 * is absent; meta.properties and the bootstrap files are formatting's (quorum/storage.h). */
void quorum_start(struct quorum *quorum);
/* Uncommitted appends fail, leadership is given up, files are closed whole. In any state but
 * STOPPED; once. `stopped` gets ERR_OK, or why the files could not be closed cleanly. */
void quorum_stop(struct quorum *quorum, void (*stopped)(void *context, enum err err));
/* Memory only: after `stopped`, or to throw a crashed node away. */
void quorum_free(struct quorum *quorum);

/* ---- Appending --------------------------------------------------------------------------- */

enum quorum_outcome {
    QUORUM_COMMITTED,
    QUORUM_LOST, /* the leadership ended first: it may be committed by another leader, or not */
};

/* One atomic append. Zero it, set done, call; it is the quorum's until done. */
struct quorum_append {
    void (*done)(struct quorum_append *append, enum quorum_outcome outcome);
    int64_t first_offset; /* set by quorum_append_records */
    int64_t last_offset;

    struct list node; /* quorum's, as all below */
    struct meta_image *image;
    size_t bytes;
};

/*
 * Only while leading (between on_leader and on_resign). All records in one batch, which is
 * committed as a whole; they get the offsets from quorum_end_offset on. `image` is the newest image
 * with these records applied (meta_delta_image), with their last offset: it is what on_commit tells
 * when they are committed. The records may go after the call.
 *
 * ERR_CLOSED: not leading. ERR_LIMIT: too large for one batch (QUORUM_BATCH_BYTES_MAX), or too much
 * is under way. ERR_INVALID: a record that cannot be encoded in its version. Nothing was appended.
 */
enum err quorum_append_records(struct quorum *quorum, struct quorum_append *append,
                               const struct meta_record *records, size_t count,
                               struct meta_image *image, int64_t wall_ms) MUST_USE;

#define QUORUM_BATCH_BYTES_MAX ((size_t)8 << 20)    /* as Kafka's */
#define QUORUM_PENDING_BYTES_MAX ((size_t)64 << 20) /* appended and not yet committed */

/* ---- Looking ----------------------------------------------------------------------------- */

/* Where the next record goes. */
int64_t quorum_end_offset(const struct quorum *quorum);
/* All below is committed. */
int64_t quorum_high_watermark(const struct quorum *quorum);
int32_t quorum_epoch(const struct quorum *quorum);
/* -1: nobody is known to lead. */
int32_t quorum_leader_id(const struct quorum *quorum);
bool quorum_is_leader(const struct quorum *quorum);
/* 0 or 1. */
int16_t quorum_kraft_version(const struct quorum *quorum);
/* The newest committed image, borrowed; NULL before on_load. */
struct meta_image *quorum_image(const struct quorum *quorum);
/* Records of bootstrap.checkpoint, for the first leader of an empty log to write: see
 * quorum_bootstrap_records. NULL once they are in the log or when there is no such file. */
const struct meta_record *quorum_bootstrap_records(const struct quorum *quorum, size_t *count);

struct quorum_voter_info {
    int32_t id;
    struct uuid directory_id; /* zero with kraft.version 0 */
    int64_t end_offset;
};
/* DescribeQuorum. Returns how many there are; writes at most `max`. */
size_t quorum_voters(const struct quorum *quorum, struct quorum_voter_info *out, size_t max);

struct quorum_stats {
    uint64_t appends;
    uint64_t records;
    uint64_t snapshots;
    uint64_t snapshot_bytes; /* of the newest */
    int64_t snapshot_end_offset;
    uint64_t syncs;
};
void quorum_stats(const struct quorum *quorum, struct quorum_stats *out);

/* Write a snapshot of the newest committed image now, unless one is being written. */
void quorum_snapshot_now(struct quorum *quorum);

#endif
