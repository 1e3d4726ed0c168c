#ifndef PLOG_PLOG_H
#define PLOG_PLOG_H
/*
 * One partition's log on disk, in Kafka's files.
 *
 * A plog belongs to one shard. What a request needs at once (append, most reads) happens on the
 * shard with env_file_write and env_file_read; everything that waits for a disk runs as a job. Two
 * ways of waiting exist:
 *
 *   - an operation (plog_op, plog_read, plog_time_query, plog_aborted) is embedded in its caller,
 *     belongs to the plog from the call until its `done`, and cannot be taken back: whoever wants
 * to forget it keeps its memory until done has come;
 *   - a plog that cannot take an append now (files not open, rolling, truncating) says ERR_AGAIN;
 *     the caller hangs a plog_waiter on it and tries again when called.
 *
 * Callbacks come from the top of the shard's loop, never from inside a call to this room.
 */
#include "base/arena.h"
#include "base/assert.h"
#include "base/err.h"
#include "base/list.h"
#include "base/uuid.h"
#include "env/disk.h"
#include "env/env.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plog;
struct plog_host;

/* ---- Settings ------------------------------------------------------------------------------ */

enum plog_timestamp_type { PLOG_TIMESTAMP_CREATE = 0, PLOG_TIMESTAMP_APPEND = 1 };

enum plog_cleanup { PLOG_CLEANUP_DELETE = 1, PLOG_CLEANUP_COMPACT = 2 };

#define PLOG_COMPRESSION_PRODUCER (-1) /* keep what the producer chose */

/*
 * A topic's settings as its partitions see them; the names are Kafka's with '.' as '_'. Counted and
 * shared by all plogs of a topic on one shard (not atomic: each shard has its own). Never changed
 * once a plog has it: make a new one and plog_set_config.
 */
struct plog_config {
    uint32_t refs;

    int64_t segment_bytes;        /* 1073741824 */
    int64_t segment_ms;           /* 604800000 */
    int64_t segment_jitter_ms;    /* 0; each segment subtracts its own random part of it */
    int64_t segment_index_bytes;  /* 10485760 */
    int64_t index_interval_bytes; /* 4096 */
    bool preallocate;

    int64_t max_message_bytes; /* of one batch, 1048588 */
    enum plog_timestamp_type message_timestamp_type;
    int64_t message_timestamp_before_max_ms; /* INT64_MAX */
    int64_t message_timestamp_after_max_ms;  /* 3600000 */

    /* PLOG_COMPRESSION_PRODUCER, or the codec as a batch's attributes have it: 0 none, 1 gzip,
     * 2 snappy, 3 lz4, 4 zstd. */
    int32_t compression_type;
    int32_t compression_gzip_level; /* -1 */
    int32_t compression_lz4_level;  /* 9 */
    int32_t compression_zstd_level; /* 3 */
    /* No batch is decompressed to more than this: 2147483639. */
    int64_t max_decompressed_message_bytes;

    int64_t flush_messages; /* INT64_MAX */
    int64_t flush_ms;       /* INT64_MAX */

    uint32_t cleanup_policy; /* PLOG_CLEANUP_* or'ed; DELETE */
    int64_t retention_ms;    /* 604800000; -1 for ever */
    int64_t retention_bytes; /* -1: no limit */
    /* Ours: a segment is also as old as its last append, so that a record stamped in the future
     * does not keep it for ever. Off: Kafka's rule, its largest record timestamp alone. */
    bool retention_by_append_time;
    int64_t file_delete_delay_ms; /* 60000 */

    int64_t delete_retention_ms;      /* 86400000 */
    double min_cleanable_dirty_ratio; /* 0.5 */
    int64_t min_compaction_lag_ms;    /* 0 */
    int64_t max_compaction_lag_ms;    /* INT64_MAX */

    int64_t producer_id_expiration_ms; /* 86400000 */
};

/* Kafka's defaults, one reference. */
struct plog_config *plog_config_new(void);
struct plog_config *plog_config_ref(struct plog_config *config);
void plog_config_unref(struct plog_config *config);

/* ---- The host: what all plogs of a shard share ---------------------------------------------- */

struct plog_host_options {
    struct env *env;
    /* The log directories (Kafka's log.dirs), which the host copies; a plog names its own by index,
     * which is its device for jobs as well. */
    const char *const *dirs;
    uint32_t dir_count;
    uint32_t open_files_max; /* of this shard; the longest unused are closed. 0: 4096 */
    /* So many new logs are made durable by one sync of their filesystem. 0: 32 */
    uint32_t volume_sync_min;
    /* So many bytes of a directory may be appended before its disk has written them; then appends
     * to it wait. Bounds what a disk that stalls can do to the shard. 0: no bound. */
    uint64_t unwritten_bytes_max;
    uint64_t idle_close_ms;     /* files unused for so long are closed. 0: 60000 */
    uint64_t producer_check_ms; /* how often idle producers are looked for. 0: 600000 */
    /*
     * A directory of this shard's has failed (an error while writing, a sync that failed): every
     * plog in it is offline from now on. Called once per directory. The broker tells the other
     * shards, which call plog_host_fail_dir.
     */
    void (*dir_failed)(void *context, uint32_t dir, enum err err, const char *what);
    void *context;
};

struct plog_host *plog_host_new(const struct plog_host_options *options);
/* All plogs are freed, and it is idle; in a simulated crash the latter need not be. */
void plog_host_free(struct plog_host *host);
/* No file waits to be closed and nothing is on its way: a stopping node turns its loop until then.
 */
bool plog_host_is_idle(const struct plog_host *host);
/*
 * Nothing of the host's own (closing files, removing what was deleted) is under way any more when
 * `done` is called; what is to be removed later is left to the next start. All plogs are CLOSED,
 * DELETED or FAILED; plog_host_free is next.
 */
struct plog_op;
void plog_host_stop(struct plog_host *host, struct plog_op *op);
/* The directory's disk has less room than is kept for other things: clients' appends are refused
 * with ERR_NOSPACE until it is told that there is more. */
void plog_host_set_full(struct plog_host *host, uint32_t dir, bool full);
/* Another shard found the directory broken. Does not call dir_failed. */
void plog_host_fail_dir(struct plog_host *host, uint32_t dir, enum err err);
bool plog_host_dir_is_offline(const struct plog_host *host, uint32_t dir);

struct plog_host_stats {
    uint64_t plogs;
    uint64_t open_files;
    uint64_t bytes_appended;
    uint64_t batches_appended;
    uint64_t reads_memory; /* answered on the shard */
    uint64_t reads_disk;   /* that took a job */
    uint64_t syncs;
    uint64_t rolls;
    uint64_t segments_deleted;
};
void plog_host_stats(const struct plog_host *host, struct plog_host_stats *out);

/* What cleaning has done on this shard since the start, for metrics. */
struct plog_host_cleaning {
    uint64_t passes; /* that came to their end */
    uint64_t failures;
    uint64_t bytes_read;
    uint64_t bytes_written;
    uint64_t uncleanable_count; /* logs whose last cleaning failed */
    int64_t last_pass_ms;       /* wall clock; 0: none yet */
    /* As whoever chooses the next log saw it last (plog_host_note_cleaning). */
    double dirty_ratio_max;
    uint64_t uncleanable_bytes; /* dirty ones of logs whose last cleaning failed */
    uint64_t due_count;         /* logs that should be cleaned now */
};
const struct plog_host_cleaning *plog_host_cleaning(const struct plog_host *host);
void plog_host_note_cleaning(struct plog_host *host, double dirty_ratio_max, uint64_t due_count,
                             uint64_t uncleanable_bytes);

/* ---- Life ----------------------------------------------------------------------------------- */

/* Generic operation. Zero it, set done, call; the result is in err. */
struct plog_op {
    void (*done)(struct plog_op *op);
    enum err err;
    struct list node; /* plog's from here on */
    int64_t offset;
    int kind;
};

/* Called once, when an append (or whatever said ERR_AGAIN) should be tried again; then it hangs
 * nowhere. Waiters are called in the order in which they came, and one that hangs itself up again
 * from its call keeps its place. After the state is not OPEN any more, too. */
struct plog_waiter {
    struct list node; /* list_init it once */
    void (*ready)(struct plog *plog, struct plog_waiter *waiter);
};

enum plog_state {
    PLOG_STATE_NEW,     /* plog_open comes next */
    PLOG_STATE_OPENING, /* its recovery may be under way */
    PLOG_STATE_OPEN,
    PLOG_STATE_CLOSING,
    PLOG_STATE_CLOSED,  /* its files are whole on disk; only plog_free may follow */
    PLOG_STATE_FAILED,  /* could not be opened: plog_error, plog_error_text */
    PLOG_STATE_OFFLINE, /* its directory failed */
    PLOG_STATE_DELETED,
};

enum plog_kind {
    PLOG_KIND_PARTITION,
    /* __cluster_metadata-0: no producer state, no partition.metadata; `.checkpoint` files beside
     * the segments are quorum's and left alone. */
    PLOG_KIND_METADATA,
};

struct plog_options {
    struct plog_host *host;
    uint32_t dir;
    enum plog_kind kind;
    const char *topic; /* checked by the caller; copied */
    int32_t partition;
    struct uuid topic_id;       /* zero: none is written and none is compared */
    struct plog_config *config; /* the plog takes a reference of its own */

    /* Folder names end in "-future" while a partition is copied to another directory. */
    bool future;

    /* What the log directory's checkpoints say (plog_dir.h). */
    bool clean;               /* .kafka_cleanshutdown was there: files are taken as they are */
    int64_t recovery_point;   /* 0 when there is none */
    int64_t log_start_offset; /* 0 when there is none */
    int64_t high_watermark;   /* 0 when there is none */
    int64_t cleaned_offset;   /* 0 when there is none */
};

/* State NEW: nothing has been looked at. Memory only. */
struct plog *plog_new(const struct plog_options *options);
/* In any state while no operation is under way (plog_is_idle). Files still open are forgotten, not
 * closed: outside of a simulated crash, plog_close comes first. */
void plog_free(struct plog *plog);
bool plog_is_idle(const struct plog *plog);

/*
 * Open, recover or create many plogs of one directory in one go. Openings of one directory run side
 * by side (how many is the caller's num.recovery.threads.per.data.dir); within one, plogs are done
 * in turn. Folders and partition.metadata files that are made are synced together before done.
 *
 * After done each plog is OPEN or FAILED (or OFFLINE). `progress`, if set, is called now and then
 * with the numbers so far.
 */
struct plog_opening {
    struct plog **plogs; /* the caller's, until done; all in state NEW and of one directory */
    size_t count;
    bool create; /* make what is absent; else it is ERR_NOTFOUND */
    void (*progress)(struct plog_opening *opening);
    void (*done)(struct plog_opening *opening);

    size_t opened_count; /* of count, failed ones included */
    size_t failed_count;
    size_t recovered_count; /* whose tails were scanned */
    size_t created_count;
    /* That end below their recovery point (a truncation that was cut off). The caller stores the
     * checkpoint before it appends anything, as after plog_truncate. */
    size_t shortened_count;
    uint64_t scanned_bytes;   /* by recovery so far */
    uint64_t truncated_bytes; /* damaged tails that were cut off */

    struct plog_opening_job *job; /* plog's */
};
void plog_open(struct plog_host *host, struct plog_opening *opening);

/* Flush and sync everything, write the producer snapshot, trim indexes, close the files. Appends
 * get ERR_CLOSED from here on. Done's err other than ERR_OK: do not mark the directory clean. */
void plog_close(struct plog *plog, struct plog_op *op);

/* The folder gets a name ending in "-delete" at once (durably, before done); its files go after
 * file.delete.delay.ms, which the host sees to. The plog is DELETED after done; free it. */
void plog_delete(struct plog *plog, struct plog_op *op);

enum plog_state plog_state(const struct plog *plog);
enum err plog_error(const struct plog *plog);
/* Names the file and what is wrong with it. "" when nothing is. */
const char *plog_error_text(const struct plog *plog);

const char *plog_topic(const struct plog *plog);
int32_t plog_partition(const struct plog *plog);
struct uuid plog_topic_id(const struct plog *plog);
uint32_t plog_dir_index(const struct plog *plog);
/* The folder's path, absolute or as the directory was given. Good until the plog is renamed. */
void plog_folder(const struct plog *plog, char *out, size_t out_size);
const struct plog_config *plog_config(const struct plog *plog);
/* Takes effect with the next append, roll or retention pass. */
void plog_set_config(struct plog *plog, struct plog_config *config);

/* ---- Append --------------------------------------------------------------------------------- */

enum plog_origin {
    /* A producer's request: everything is checked, offsets and the leader epoch are stamped. One
     * batch. */
    PLOG_ORIGIN_CLIENT,
    /* Our own coordinators, and transaction markers: no sequence or timestamp-bound checks, control
     * batches allowed; stamped. Any number of batches. */
    PLOG_ORIGIN_COORDINATOR,
    /* Fetched from the leader: offsets and epochs are in the batches, must not go back, may leave
     * gaps (compaction); structure and checksums are checked. Batches from `leader_epoch + 1` on
     * are not taken (KIP-966's rule for a fetch that raced a new leader): the append ends before
     * them. */
    PLOG_ORIGIN_REPLICA,
    /* The metadata log. Batches with `stamped` carry offsets without gaps and epochs; else they are
     * stamped. No producer state. */
    PLOG_ORIGIN_RAFT,
};

/* One record of a batch that was refused (KIP-467). */
struct plog_record_error {
    int32_t batch_index; /* which record of the batch, from 0 */
    const char *message; /* in the arena */
};

struct plog_append {
    /* Set by the caller; the rest zeroed. */
    uint8_t *data; /* one or more whole batches (magic 2); changed in place by stamping */
    size_t size;
    enum plog_origin origin;
    bool stamped;                /* for RAFT, see there; REPLICA means it always */
    int32_t leader_epoch;        /* of this leadership; for REPLICA the highest that may be taken */
    int64_t wall_ms;             /* now: LogAppendTime, timestamp bounds, producer expiry */
    int16_t transaction_version; /* of a marker's or a transactional batch's sender; 0, 1, 2 */
    /* For CLIENT: its coordinator says that the partition belongs to the producer's transaction
     * (KIP-890). Else a transactional batch must go on with one that is open here. */
    bool transaction_verified;
    struct arena *arena; /* for messages, record errors and rewritten batches */

    /* Results. error is Kafka's code (wire/errors.h), 0 for none; the others are meaningful when it
     * is 0, and log_start_offset always. */
    int16_t error;
    const char *error_message; /* in the arena; NULL for the code's own text */
    struct plog_record_error *record_errors;
    size_t record_error_count;

    int64_t first_offset;
    int64_t last_offset;
    int64_t append_time_ms; /* -1 unless the topic stamps LogAppendTime */
    int64_t max_timestamp_ms;
    int64_t log_start_offset;
    uint64_t record_count;
    uint64_t written_bytes;
    /* An idempotent producer's batch that is in the log already (one of its last five): nothing was
     * written; first_offset, last_offset and append_time_ms are those of the first time. */
    bool duplicate;
};

/*
 * ERR_OK: decided; append->error says how. When it is 0 the bytes are in the page cache, readable
 *   below plog_end_offset, and `data` may go.
 * ERR_AGAIN: nothing is decided, nothing changed: plog_wait and try again. As long as others wait,
 *   newcomers get it as well, so that appends keep their order.
 * ERR_NOSPACE, ERR_IO: could not be written; what was there before is intact, the batch is not in
 * the log and is never read; append->error is KAFKA_STORAGE_ERROR. After ERR_IO the directory is
 *   offline; after ERR_NOSPACE the next append may work.
 * ERR_NOMEM: a rewritten batch did not fit in memory or the arena's limit. Nothing changed.
 * ERR_OFFLINE, ERR_CLOSED: by state; append->error is KAFKA_STORAGE_ERROR.
 */
enum err plog_append(struct plog *plog, struct plog_append *append) MUST_USE;

/* Hang it up; harmless to do when the plog is ready (it is called soon). */
void plog_wait(struct plog *plog, struct plog_waiter *waiter);
/* Take it down; harmless when it hangs nowhere. */
void plog_unwait(struct plog_waiter *waiter);

/* ---- Read ----------------------------------------------------------------------------------- */

struct plog_file;
struct plog_read_job;

struct plog_read {
    /* Set by the caller; the rest zeroed. */
    int64_t offset; /* first wanted */
    int64_t
        bound_offset; /* nothing at or past it: high watermark, last stable offset, or INT64_MAX */
    size_t size_max;  /* limit on what is returned... */
    bool min_one_batch; /* ...but for the first batch, which is returned whole (KIP-74) */
    uint8_t *out;       /* untouched by others until done */
    size_t out_size;    /* of out: the hard limit */
    void (*done)(struct plog_read *read); /* only after ERR_AGAIN */

    /* Results. */
    enum err err; /* ERR_OK, or what plog_read returns */
    size_t size;  /* bytes in out: whole batches; the first one holds `offset` (and perhaps records
                     before it) or begins after it. 0: nothing there below the bound */
    size_t first_batch_bytes; /* size 0 and this > 0: the first batch has so many bytes, more than
                                 size_max (or out_size) allows */
    int64_t next_offset;      /* where to go on reading */
    bool more; /* whole batches below the bound may follow: in the next segment, or past size_max */

    struct plog *plog; /* plog's from here on */
    struct plog_read_job *job;
};

/*
 * ERR_OK: done, no callback. ERR_AGAIN: `done` comes. Others (also in read->err after done):
 * ERR_INVALID: the offset is below the log's start or past its end (OFFSET_OUT_OF_RANGE).
 * ERR_CORRUPT: what is on disk there is no batch. ERR_IO, ERR_OFFLINE, ERR_CLOSED.
 * Batches are given as they are on disk; their checksums are not checked here.
 */
enum err plog_read(struct plog *plog, struct plog_read *read) MUST_USE;

/*
 * About how many bytes lie between offset and the bound: exact where the way to both is in memory,
 * else an estimate. 0 exactly when there is nothing below the bound at or after `offset`.
 */
uint64_t plog_available(struct plog *plog, int64_t offset, int64_t bound_offset);

/* ---- Offsets -------------------------------------------------------------------------------- */

int64_t plog_log_start_offset(const struct plog *plog);
/* The offset of the next record (Kafka's log end offset). */
int64_t plog_end_offset(const struct plog *plog);
/* Everything below is durable: where recovery after a crash would begin. */
int64_t plog_recovery_point(const struct plog *plog);
uint64_t plog_size_bytes(const struct plog *plog);
size_t plog_segment_count(const struct plog *plog);
/* Base offset of the segment that is appended to. */
int64_t plog_active_base_offset(const struct plog *plog);

/*
 * Whoever replicates decides the high watermark and tells it here: it bounds deletion and
 * compaction and moves the last stable offset. At most the end; may go back only by truncation.
 */
void plog_set_high_watermark(struct plog *plog, int64_t offset);
int64_t plog_high_watermark(const struct plog *plog);
/* Last stable offset: below it no transaction is open (and none was ended by a marker at or above
 * the high watermark). <= high watermark. */
int64_t plog_stable_offset(const struct plog *plog);
/* First offset of the oldest open transaction, or -1. */
int64_t plog_first_open_transaction(const struct plog *plog);

/* Records below are gone (DeleteRecords, or the leader's log start). ERR_INVALID: past the high
 * watermark. Never goes back. Segments wholly below are deleted by the next plog_retain. */
enum err plog_set_log_start(struct plog *plog, int64_t offset) MUST_USE;

/* ListOffsets by time. */
enum plog_time_kind {
    PLOG_TIME_FIRST_AT_OR_AFTER, /* the first record whose timestamp is >= timestamp_ms */
    PLOG_TIME_MAX,               /* the first record with the largest timestamp (KIP-734) */
};

struct plog_time_query {
    enum plog_time_kind kind;
    int64_t timestamp_ms;
    int64_t bound_offset;                        /* answers at or past it do not count */
    void (*done)(struct plog_time_query *query); /* only after ERR_AGAIN */

    enum err err;
    bool found;
    int64_t offset;
    int64_t found_timestamp_ms;
    int32_t leader_epoch; /* -1 when unknown */

    struct plog *plog; /* plog's */
    struct plog_time_job *job;
};
/* ERR_OK: done. ERR_AGAIN: `done` comes. Others as plog_read. */
enum err plog_time_query(struct plog *plog, struct plog_time_query *query) MUST_USE;

/* ---- Leader epochs (KIP-101, KIP-279) -------------------------------------------------------- */

/* -1 when there is none. */
int32_t plog_latest_epoch(const struct plog *plog);
/* The epoch of the record at this offset; -1 when unknown. */
int32_t plog_epoch_at(const struct plog *plog, int64_t offset);
/* The first offset of the epoch; -1 when the epoch is not known. */
int64_t plog_epoch_start(const struct plog *plog, int32_t epoch);
/*
 * Where the log ends for a reader whose last epoch is `epoch`: the end offset for the latest, else
 * the start of the next larger one, with the largest epoch <= `epoch` (it may be smaller: then the
 * reader asks again with it). Both -1 when nothing is known.
 */
void plog_epoch_end(const struct plog *plog, int32_t epoch, int32_t *out_epoch,
                    int64_t *out_end_offset);
/* A new leader notes that its epoch begins at the end of the log. Its first append does it as well.
 */
void plog_begin_epoch(struct plog *plog, int32_t epoch);

/* ---- Sync, truncate, roll, retain ------------------------------------------------------------ */

/*
 * Done when everything that was appended before the call is durable. All who wait share syncs.
 * ERR_OK, or the directory is offline. Moves the durable offset, not the recovery point.
 */
void plog_sync(struct plog *plog, struct plog_op *op);
/* Below this everything is durable by plog_sync (>= plog_recovery_point). */
int64_t plog_durable_offset(const struct plog *plog);
/* As plog_sync with all that recovery builds on (indexes, producer snapshot, epochs): moves the
 * recovery point, which the caller then writes to the directory's checkpoint. */
void plog_checkpoint(struct plog *plog, struct plog_op *op);

/*
 * Drop everything at and after the offset (a follower's, a raft log's tail): durable before done.
 * Offsets inside of a batch drop all of it. Past the end: nothing. Below the first segment: as
 * plog_reset to it. Appends wait meanwhile.
 *
 * The recovery point may have gone back with it. If it is now below what the directory's checkpoint
 * says, the caller stores the checkpoint before it appends anything again: recovery trusts what is
 * below, and the bytes that come there next are not synced.
 */
void plog_truncate(struct plog *plog, int64_t offset, struct plog_op *op);
/* Drop everything and start empty at the offset (a follower out of range, a raft snapshot). */
void plog_reset(struct plog *plog, int64_t offset, struct plog_op *op);

/* Start a new segment if the active one has data (its time came, or compaction wants it closed). */
void plog_roll(struct plog *plog, struct plog_op *op);

/*
 * One pass of retention by time, by size and below the log's start, as cleanup.policy says; only
 * below the high watermark. Rolls first when the active segment's time has come. Returns the number
 * of segments that go; their files are removed after file.delete.delay.ms.
 */
size_t plog_retain(struct plog *plog, int64_t wall_ms);
/* The metadata log: drop whole segments below the offset, which a snapshot covers. */
void plog_drop_below(struct plog *plog, int64_t offset);

/* ---- Cleaning (cleanup.policy=compact) ------------------------------------------------------- */

/* cleanup.policy has compact. Records without a key are refused then. */
bool plog_is_compacted(const struct plog *plog);
/* Below it every key has one record, as far as the last cleaning could see: what the directory's
 * cleaner-offset-checkpoint says. */
int64_t plog_cleaned_offset(const struct plog *plog);

struct plog_clean_view {
    int64_t first_dirty_offset; /* -1: nothing may be cleaned */
    int64_t bound_offset;       /* cleaning ends below it */
    uint64_t clean_bytes;
    uint64_t dirty_bytes; /* that may be cleaned */
    double ratio;         /* of the dirty ones to both */
    bool overdue;         /* max.compaction.lag.ms has passed */
    bool due;             /* overdue, or min.cleanable.dirty.ratio is exceeded */
    bool waits;           /* it could not be cleaned, and its time has not come */
};
/* ERR_OK, also when there is nothing. ERR_AGAIN: timestamps are being read; ask again later. */
enum err plog_clean_look(struct plog *plog, int64_t wall_ms, struct plog_clean_view *out) MUST_USE;

struct plog_clean_stats {
    uint64_t bytes_read;
    uint64_t bytes_written;
    uint64_t records_mapped; /* of the dirty part */
    uint64_t keys;
    uint64_t records_read;
    uint64_t records_kept;
    uint64_t segments_before;
    uint64_t segments_after;
};

/*
 * One cleaning of a log, from its first dirty record as far as its memory reaches. Set the first
 * part, zero the rest; it is the plog's until done.
 */
struct plog_clean {
    uint64_t map_bytes;      /* for the map of keys: 24 bytes each */
    double map_load;         /* how full it may get */
    uint32_t io_bytes;       /* read and written at a time */
    double bytes_per_second; /* read and written in all; 0: no limit */
    void (*done)(struct plog_clean *clean);

    /* ERR_OK: all below cleaned_to is clean. ERR_AGAIN: given up for something that comes first
     * (closing, deletion, retention), or nothing to do. ERR_OFFLINE. Others: it could not be
     * cleaned, is as it was (but for groups of segments that were done), and plog_clean_look says
     * `waits` for a while; the reason is in the log. */
    enum err err;
    int64_t cleaned_to;
    struct plog_clean_stats stats;

    struct list node; /* plog's */
};
/* One at a time for a log (a view that says `dirty_bytes` is 0 says so, too). Its memory: the map,
 * two io_bytes, the largest batch, 32 bytes for each aborted transaction of the log. */
void plog_clean(struct plog *plog, struct plog_clean *clean);
/* Nothing of plog_clean is under way or still to be told. */
bool plog_clean_is_idle(const struct plog *plog);
/* Soon done, with ERR_AGAIN. */
void plog_clean_stop(struct plog *plog);

/* ---- Producers and transactions -------------------------------------------------------------- */

/* One aborted transaction, as .txnindex has it. */
struct plog_aborted_txn {
    int64_t producer_id;
    int64_t first_offset;
    int64_t last_offset;
    int64_t last_stable_offset;
};

/* read_committed: the aborted transactions that a fetch of [offset, bound_offset) must be told. */
struct plog_aborted {
    int64_t offset;
    int64_t bound_offset;
    struct arena *arena; /* for the list; touched only from plog_aborted or just before done */
    void (*done)(struct plog_aborted *aborted); /* only after ERR_AGAIN */

    enum err err;
    struct plog_aborted_txn *txns;
    size_t count;

    struct plog *plog; /* plog's */
    struct plog_aborted_job *job;
};
/* ERR_OK: done. ERR_AGAIN: `done` comes. ERR_NOMEM: past the arena's limit. */
enum err plog_aborted(struct plog *plog, struct plog_aborted *aborted) MUST_USE;

/* DescribeProducers. */
struct plog_producer_info {
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t last_sequence;
    int64_t last_timestamp_ms;
    int32_t coordinator_epoch;
    int64_t transaction_start_offset; /* -1: none open */
};
/* A list in the arena. ERR_NOMEM: past its limit. */
enum err plog_producer_list(struct plog *plog, struct arena *arena, struct plog_producer_info **out,
                            size_t *out_count) MUST_USE;
size_t plog_producer_count(const struct plog *plog);

/* Names of this room for logs: "topic-3". */
void plog_name(const struct plog *plog, char *out, size_t out_size);
#define PLOG_NAME_BYTES 264

#endif
