#ifndef PLOG_PLOG_CLEAN_INT_H
#define PLOG_PLOG_CLEAN_INT_H
/*
 * A cleaning under way: what the shard (plog_clean.c) and the jobs (plog_clean_pass.c,
 * plog_clean_swap.c) hand to each other. Between a job's submission and its done all of it is the
 * job's but for what is marked as the shard's.
 */
#include "plog/plog_int.h"

#include "base/hmap.h"
#include "base/list.h"

/* ---- The map of keys ------------------------------------------------------------------------ */

/*
 * Key -> offset of its last record in the dirty part. A slot has no key but 128 bits of SipHash
 * under a random key of the pass: who writes records can neither see nor compute it, so two keys
 * collide by chance only, with a probability of n^2 / 2^129 (a hundred million keys: 1e-23).
 * Kafka's cleaner relies on MD5 in the same way, for which collisions can be made.
 */
struct plog_clean_map_slot {
    uint64_t hash[2];
    int64_t offset; /* + 1; 0: free */
};

struct plog_clean_map {
    struct plog_clean_map_slot *slots;
    uint64_t slot_count; /* < 2^32 */
    uint64_t count;
    uint64_t count_max;
    uint64_t key[2];
    int64_t latest_offset; /* all below and at it is in the map; -1: nothing */
};

/* For `wanted` keys if `bytes_max` allows. ERR_NOMEM. */
enum err plog_clean_map_init(struct plog_clean_map *map, uint64_t wanted, uint64_t bytes_max,
                             double load, const uint64_t key[2]) MUST_USE;
void plog_clean_map_deinit(struct plog_clean_map *map);
/* Offsets rise from call to call. False: it is full. */
bool plog_clean_map_put(struct plog_clean_map *map, const void *key, size_t size, int64_t offset);
/* -1: not there. */
int64_t plog_clean_map_get(const struct plog_clean_map *map, const void *key, size_t size);

/* SipHash-2-4 with 128 bits. */
void plog_clean_hash(const uint64_t key[2], const void *data, size_t size, uint64_t out[2]);

/* ---- Transactions ---------------------------------------------------------------------------- */

/*
 * Which transaction each batch belongs to, as the log is walked in order. Every transaction that
 * begins in what is cleaned has ended: cleaning stops below the last stable offset.
 */
struct plog_clean_txns {
    const struct plog_txnindex_entry *aborted; /* by first offset */
    size_t aborted_count;
    size_t aborted_next;
    struct hmap ongoing; /* of clean_txn, by producer */
};

void plog_clean_txns_init(struct plog_clean_txns *txns, const struct plog_txnindex_entry *aborted,
                          size_t count);
void plog_clean_txns_deinit(struct plog_clean_txns *txns);
/* A data batch, in order. *out_discard: it was aborted. ERR_NOMEM. */
enum err plog_clean_txns_batch(struct plog_clean_txns *txns, const struct batch_header *header,
                               bool *out_discard) MUST_USE;
/*
 * A control batch. *out_discard: no batch of its transaction was seen, so that it may go once its
 * delete horizon has passed. out_aborted: what is to stay in the transaction index; its last_offset
 * is -1 when nothing is. ERR_NOMEM.
 */
enum err plog_clean_txns_marker(struct plog_clean_txns *txns, const struct batch_header *header,
                                const struct plog_marker *marker, bool *out_discard,
                                struct plog_txnindex_entry *out_aborted) MUST_USE;

/* ---- The pass -------------------------------------------------------------------------------- */

struct plog_clean_segment {
    int64_t base_offset;
    int64_t end_offset; /* base of the next */
    int64_t append_ms;
    uint32_t size_bytes;
};

/* The last that is known of a producer that is active. */
struct plog_clean_producer {
    int64_t producer_id;
    int64_t last_data_offset; /* -1: it has markers only */
    int16_t epoch;
};

enum plog_clean_stage {
    PLOG_CLEAN_CHECKPOINT, /* shard: what is to be cleaned becomes durable */
    PLOG_CLEAN_PREPARE,    /* job: the map is made, aborted transactions are read */
    PLOG_CLEAN_MAP,        /* job: keys of the dirty part go into the map */
    PLOG_CLEAN_GROUP,      /* shard: which segments become one next */
    PLOG_CLEAN_FILTER,     /* job: what stays of the group is written */
    PLOG_CLEAN_SWAP,       /* shard and job: it takes the place of the group */
    PLOG_CLEAN_OVER,
};

/* The segment that is being written. */
struct plog_clean_output {
    struct env_file *log; /* open */
    uint64_t size_bytes;  /* with what is in `data` */
    uint64_t written_bytes;
    uint64_t synced_bytes;
    int64_t next_offset; /* of the last batch kept; the group's base when there is none */
    int32_t leader_epoch;
    int64_t max_timestamp_ms;
    int64_t max_timestamp_offset;
    struct plog_timeindex_entry time_last;
    uint64_t indexed_to;
    uint32_t index_count;
    uint32_t txn_count;
    struct buf data; /* not written yet */
    struct buf index;
    struct buf timeindex;
    struct buf txnindex;
};

struct plog_clean_pass {
    struct plog *plog;        /* the shard's */
    struct plog_clean *clean; /* the shard's: the caller's request */
    struct env_queue queue;   /* the shard's */
    struct env_timer timer;   /* the shard's: the throttle */
    uint64_t not_before_ns;   /* the shard's */
    bool working;             /* the shard's: a job is under way */
    bool cancelled;           /* the shard's: something else wants the log */
    bool asked;               /* the shard's: for a checkpoint */
    int64_t durable_offset;   /* the shard's: the recovery point has to be there first */
    uint64_t counted_read;    /* the shard's: of stats, what the host's counters have */
    uint64_t counted_written;

    enum plog_clean_stage stage;
    enum err err;
    char what[PLOG_ERROR_BYTES];
    char folder[PLOG_PATH_BYTES];

    /* Of the settings. */
    int64_t wall_ms;
    int64_t delete_retention_ms;
    int64_t index_interval_bytes;
    uint32_t index_entries_max;
    uint32_t timeindex_entries_max;
    size_t decompressed_bytes_max;
    size_t io_bytes;
    int levels[CODEC_COUNT];

    /* What there is. */
    int64_t dirty_offset;                /* the first that is not clean */
    int64_t bound_offset;                /* of what may be cleaned: a segment's base */
    struct plog_clean_segment *segments; /* all below bound_offset */
    size_t segment_count;
    int64_t *txnindex_bases; /* of all segments that have one */
    size_t txnindex_base_count;
    struct plog_txnindex_entry *aborted; /* of memory, then all, by first offset */
    size_t aborted_count;
    struct plog_clean_producer *producers; /* by id */
    size_t producer_count;

    /* The walk. */
    struct env_disk *disk; /* during a job */
    struct codec_context *codec;
    struct plog_clean_map map;
    struct plog_clean_txns txns;
    uint64_t hash_key[2];
    uint64_t map_bytes_max;
    double map_load;
    size_t segment; /* that is being read */
    struct env_file *log;
    uint32_t position;
    uint8_t *window;
    size_t window_capacity;
    size_t window_size;
    uint32_t window_at;

    /* The group. */
    size_t group_first;
    size_t group_end;
    bool changed; /* something is dropped or stamped, or there are several segments */
    struct plog_clean_output out;

    uint64_t step_bytes; /* read and written by the last step */
    int64_t cleaned_to;  /* all dirty below it is in the map */
    struct plog_clean_stats stats;
};

/* job: goes on with the stage until about so many bytes are read or the stage is another. */
void plog_clean_step(struct plog_clean_pass *pass, struct env_disk *disk, size_t budget_bytes);
/* job: closes what is open and removes what was being written. */
void plog_clean_discard(struct plog_clean_pass *pass, struct env_disk *disk);
/* Memory only. */
void plog_clean_pass_deinit(struct plog_clean_pass *pass);
/* job: notes what failed; returns err. */
enum err plog_clean_fail(struct plog_clean_pass *pass, enum err err, const char *step,
                         const char *path);

/* ---- Making it take the group's place -------------------------------------------------------- */

struct plog_swap_job {
    struct plog_job job;
    int64_t *bases; /* of the group */
    size_t base_count;
    int64_t *snapshots; /* of it that nobody needs any more */
    size_t snapshot_count;
    bool decided; /* there is no way back */
    /* Their content is the next start's if not this process's: removed after the delay. */
    char **removals;
    size_t removal_count;
};

/* job */
void plog_swap_run(struct plog_swap_job *job, struct env_disk *disk);
void plog_swap_free(struct plog_swap_job *job);

#endif
