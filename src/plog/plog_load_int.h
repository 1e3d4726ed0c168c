#ifndef PLOG_PLOG_LOAD_INT_H
#define PLOG_PLOG_LOAD_INT_H
/*
 * One log read from its folder: by plog_open, and in part by truncation. All of it runs in a job
 * and touches nothing but its own struct, whose results the shard then takes over.
 */
#include "plog/plog_int.h"

struct plog_load {
    /* Given. */
    struct env_disk *disk;
    char dir[PLOG_PATH_BYTES]; /* the log directory */
    char folder[PLOG_PATH_BYTES];
    enum plog_kind kind;
    struct uuid topic_id;
    bool clean;
    bool create;
    /* A sync of this log failed and the machine has not restarted since: pages that look written
     * may be gone from under the page cache. What is scanned is written again. */
    bool rewrite;
    bool compacted;         /* gaps between segments may be no damage: see plog_recover.c */
    int64_t cleaned_offset; /* what the cleaner's checkpoint says */
    bool foreign;           /* as it seems Kafka wrote here last, and did not stop cleanly */
    int64_t recovery_point;
    int64_t log_start_offset;
    int64_t index_interval_bytes;
    int64_t wall_ms;

    /* Found; owned by the struct until taken. */
    enum err err;
    char error[PLOG_ERROR_BYTES];
    struct plog_segment *segments;
    uint32_t segment_count;
    uint32_t segment_capacity;
    int64_t end_offset;
    struct plog_epoch_entry *epochs;
    uint32_t epoch_count;
    uint32_t epoch_capacity;
    struct plog_producers *producers; /* NULL: none */
    int64_t snapshot_offset;          /* of the one they were loaded from, or -1 */
    uint32_t txnindex_count;          /* in the last segment's file */
    bool created;
    bool folder_dirty; /* the folder's own name, or files in it, are not synced */
    /* An earlier process may not have synced the folder's name and partition.metadata: the first
     * sync of the log does, so that a start with thousands of them does not wait for it. */
    bool folder_unsynced;
    bool scanned; /* some tail was */
    bool epochs_dirty;
    bool producers_dirty; /* batches were replayed on top of the snapshot */
    uint64_t scanned_bytes;
    uint64_t truncated_bytes;

    /* Own. */
    int64_t *snapshots; /* offsets of the .snapshot files */
    size_t snapshot_count, snapshot_capacity;
    uint8_t *window; /* LOAD_WINDOW_BYTES */
};

#define LOAD_WINDOW_BYTES ((size_t)1 << 20)

/* Notes what failed; returns err. */
enum err plog_load_fail(struct plog_load *load, enum err err, const char *step, const char *path);
void plog_load_run(struct plog_load *load);
void plog_load_add_segment(struct plog_load *load, int64_t base_offset);
void plog_load_add_snapshot(struct plog_load *load, int64_t offset);
void plog_load_sort_snapshots(struct plog_load *load);
void plog_load_deinit(struct plog_load *load);

/* ---- Recovery ------------------------------------------------------------------------------- */

/* What is known of the place behind the last good batch. The meaning of each is a yes or no; a
 * later one is looked at only when the ones before allow it (plog_recover.c has the table). */
enum plog_tail_fact {
    PLOG_FACT_READABLE,   /* the device gives the bytes */
    PLOG_FACT_AT_END,     /* there are none */
    PLOG_FACT_ZEROS,      /* all of them, to the end of the file, are 0 */
    PLOG_FACT_HEADER,     /* enough for a batch's header */
    PLOG_FACT_MAGIC,      /* which says version 2 */
    PLOG_FACT_SANE,       /* whose size and offsets can be */
    PLOG_FACT_WHOLE,      /* and whose end is in the file */
    PLOG_FACT_CRC,        /* the checksum is right */
    PLOG_FACT_FOLLOWS,    /* its offsets do not go back */
    PLOG_FACT_IN_SEGMENT, /* and fit the segment's 32-bit deltas */
    PLOG_FACT_GAPLESS,    /* its first offset is the next one, or gaps are allowed */
    PLOG_FACT_READS,      /* what recovery takes out of it (a marker) can be read */
    PLOG_FACT_COUNT,
};

enum plog_tail_decision {
    PLOG_TAIL_FAIL, /* the directory is broken */
    PLOG_TAIL_END,  /* the segment is whole */
    PLOG_TAIL_TRIM, /* cut here; as it seems nothing was lost: preallocated, never written */
    PLOG_TAIL_CUT,  /* cut here, and drop all later segments */
    PLOG_TAIL_KEEP, /* a good batch: go on behind it */
};

struct plog_tail_row {
    const char *name;
    int8_t facts[PLOG_FACT_COUNT]; /* 1 yes, 0 no, -1 either */
    enum plog_tail_decision decision;
};

extern const struct plog_tail_row plog_tail_rows[];
extern const size_t plog_tail_row_count;
/* The one row that fits. `facts` are bits. */
const struct plog_tail_row *plog_tail_decide(uint32_t facts);

/*
 * Scan a segment from a position at which a batch begins (or the end), rebuild its indexes from
 * there on, feed epochs and producers, and cut what the table says. *out_cut: later segments go,
 * because something was cut, or because the next one does not begin where this one ends. Between
 * segments only compaction leaves gaps: a new one begins at the log's end.
 * index_count and time_count entries before the position are kept.
 */
struct plog_scan_from {
    uint32_t position;
    uint32_t indexed_to; /* of the batch that the last entry kept tells of */
    int64_t next_offset; /* no batch from here on begins below it */
    uint32_t index_count;
    uint32_t timeindex_count;
    struct plog_timeindex_entry time_last;
    int64_t max_timestamp_ms; /* of all batches before the position */
    int64_t max_timestamp_offset;
    bool indexes_only; /* epochs, producers and aborted transactions are known */
};
/*
 * Where a scan of the segment begins: at the first batch that ends at or after the offset. Entries
 * of the indexes below it are kept, and not written again: a crash during recovery takes nothing
 * that was durable.
 */
enum err plog_load_scan_from(struct plog_load *load, const struct plog_segment *segment,
                             int64_t offset, struct plog_scan_from *out);
enum err plog_recover_segment(struct plog_load *load, uint32_t index,
                              const struct plog_scan_from *from, bool *out_cut);

/* A position at which a batch begins that is at or before the one that holds the offset: by the
 * index where that is good, else the segment's start. */
enum err plog_load_position(struct plog_load *load, const struct plog_segment *segment,
                            struct env_file *log, int64_t offset, uint32_t *out_position);

/* Feed the producers with what is in the log from the offset up to `end`, by headers alone. */
enum err plog_replay(struct plog_load *load, int64_t from, int64_t end);
/* Producers as they were at the offset, from snapshots and headers. */
enum err plog_load_producers(struct plog_load *load, int64_t offset);
enum err plog_load_newest_producers(struct plog_load *load);
/* The newest good snapshot at or below the offset, or empty; damaged ones are removed. */
enum err plog_load_snapshot(struct plog_load *load, int64_t offset);

#endif
