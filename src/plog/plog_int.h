#ifndef PLOG_PLOG_INT_H
#define PLOG_PLOG_INT_H
/*
 * The inside of plog: what its files share. See README.md for the invariants, by number.
 *
 * Functions marked "job" block and run on a disk thread; they touch nothing but their arguments.
 * All others run on the shard.
 */
#include "plog/plog_batch_int.h"

#include "base/log.h"
#include "codec/codec.h"
#include "plog/plog.h"
#include "plog/plog_files.h"

#define PLOG_DIR_PATH_BYTES_MAX 900
#define PLOG_PATH_BYTES 1400 /* directory, folder, file */
#define PLOG_ERROR_BYTES 512

/* The largest segment: positions in indexes are 32-bit and signed. */
#define PLOG_SEGMENT_BYTES_MAX INT32_MAX

/* ---- Segments ------------------------------------------------------------------------------- */

#define PLOG_TIMESTAMP_NONE (-1)    /* no record has one */
#define PLOG_TIMESTAMP_UNKNOWN (-2) /* not read from its index yet */

struct plog_segment {
    int64_t base_offset;
    int64_t max_timestamp_ms;
    int64_t max_timestamp_offset; /* last offset of the batch that has it */
    int64_t append_ms;            /* wall clock of the last append, or the file's time */
    int64_t first_timestamp_ms;   /* largest of its first batch; PLOG_TIMESTAMP_UNKNOWN */
    struct plog_files *files;     /* NULL while closed */
    uint32_t size_bytes;
    bool dirty;       /* written to since the last sync began */
    bool index_dirty; /* its indexes, likewise: only what a checkpoint syncs */
    bool has_txnindex;
};

/* The open files of one segment. The segment holds one reference, each job that works on them
 * another; the last one closes them (in a job). */
struct plog_files {
    struct list node; /* host->files, longest unused first */
    struct plog_host *host;
    struct plog *plog; /* NULL once the segment let go of it */
    uint32_t dir;
    uint32_t refs;
    int64_t base_offset;
    uint64_t used_ns;
    uint32_t index_count; /* entries in the index file */
    struct env_file *log;
    struct env_file *index;
    struct env_file *timeindex; /* of the active segment only */
};

struct plog_files *plog_files_new(struct plog *plog, int64_t base_offset);
void plog_files_ref(struct plog_files *files);
void plog_files_unref(struct plog_files *files);
/* The segment lets go. Harmless when it has none. */
void plog_segment_drop_files(struct plog_segment *segment);
void plog_files_touch(struct plog_files *files);

/* Where a batch begins. */
struct plog_mark {
    int64_t offset; /* first offset of the batch there, or the end; -1: unused */
    int64_t base_offset;
    uint32_t position;
};

#define PLOG_READ_MARKS 4
#define PLOG_TAIL_MARKS 16
#define PLOG_PENDING_MAX 64

/* What exists of the active segment only while its files are open. */
struct plog_tail {
    uint32_t bytes_since_index;
    uint32_t pending_count; /* index entries not written to the file yet */
    uint32_t time_pending_count;
    uint32_t timeindex_count;              /* in the file */
    struct plog_timeindex_entry time_last; /* the last one, written or not */
    struct plog_timeindex_entry time_written;
    uint32_t next_mark;
    struct plog_index_entry pending[PLOG_PENDING_MAX];
    struct plog_timeindex_entry time_pending[PLOG_PENDING_MAX];
    struct plog_mark marks[PLOG_TAIL_MARKS]; /* of the last batches appended */
};

/* ---- The log -------------------------------------------------------------------------------- */

/* What keeps appends waiting; at most one at a time. */
enum plog_busy {
    PLOG_BUSY_NONE,
    PLOG_BUSY_LOADING,    /* plog_open */
    PLOG_BUSY_ACTIVATING, /* the active segment's files are being opened */
    PLOG_BUSY_ROLLING,
    PLOG_BUSY_HISTORY, /* a producer's older batches are being looked for */
    PLOG_BUSY_TRUNCATING,
    PLOG_BUSY_REPAIRING, /* a failed write is being cut off */
    PLOG_BUSY_CLOSING,
    PLOG_BUSY_DELETING,
};

enum plog_op_kind {
    PLOG_OP_SYNC,
    PLOG_OP_CHECKPOINT,
    PLOG_OP_TRUNCATE,
    PLOG_OP_RESET,
    PLOG_OP_ROLL,
    PLOG_OP_CLOSE,
    PLOG_OP_DELETE,
};

struct plog_clean_pass;

struct plog {
    struct plog_host *host;
    struct list node;       /* host->plogs */
    struct list poke_node;  /* host->poked */
    struct list flush_node; /* host->flushes: it has unsynced appends and a finite flush.ms */
    struct plog_config *config;
    char *topic;
    int32_t partition;
    uint32_t dir;
    struct uuid topic_id;
    enum plog_kind kind;
    enum plog_state state;
    enum err error;
    bool future;
    bool clean;
    char *error_text; /* NULL: none */

    int64_t log_start_offset;
    int64_t end_offset;
    int64_t high_watermark;
    int64_t recovery_point;
    int64_t durable_offset;
    int64_t cleaned_offset; /* <= recovery_point */
    uint64_t size_bytes;

    struct plog_segment *segments; /* by base offset; the last one is active */
    uint32_t segment_count;
    uint32_t segment_capacity;
    struct plog_tail *tail; /* NULL: the active segment is not open for appending */

    struct plog_epoch_entry *epochs;
    uint32_t epoch_count;
    uint32_t epoch_capacity;
    struct plog_producers *producers; /* NULL: never had one */

    /* Of the active segment: what segment.ms counts from. */
    int64_t roll_timestamp_ms; /* largest timestamp of its first batch; -1: none */
    int64_t roll_created_ms;
    int64_t roll_jitter_ms;

    struct plog_mark read_marks[PLOG_READ_MARKS];

    struct list waiters;
    struct list ops;      /* control operations in order */
    struct list sync_ops; /* waiting for a sync to begin */
    struct list sync_now; /* waiting for the one under way */
    struct list done_ops; /* to be told from the top of the loop */
    struct env_queue queue;
    struct env_queue sync_queue;
    enum plog_busy busy;
    uint32_t jobs;       /* under way, of every kind */
    uint32_t generation; /* counts truncations and swaps: what began before is not believed */
    uint32_t next_mark;
    uint64_t dirty_since_ns;          /* first append that no sync covers; 0: none */
    struct plog_clean_pass *cleaning; /* NULL: none is under way */
    struct list clean_done;           /* of plog_clean, to be told from the top of the loop */
    uint32_t clean_failures;          /* in a row */
    uint64_t clean_retry_ns;          /* not before that, after a failure */
    uint32_t txnindex_count;          /* entries in the active segment's .txnindex */
    /* Of the snapshots that the last two checkpoints took; -1: none. */
    int64_t snapshot_offset;
    int64_t snapshot_older;
    struct list unwritten_node; /* dir->unwritten */
    struct list held_node;      /* dir->held */
    uint64_t appended_bytes;    /* since it was opened */
    uint64_t written_bytes;     /* of these, what is on the disk */
    int64_t writeback_base;     /* of the segment that is written back up to the position */
    uint32_t writeback_position;
    struct plog_op retain_roll; /* retention's own: the active segment's time came */
    bool retain_rolling;
    bool inspecting;         /* timestamps of old segments are being read */
    bool surveying;          /* likewise, and first ones, for cleaning */
    bool swapping;           /* a cleaned segment takes the place of some: they stay as they are */
    enum err activate_error; /* why the last attempt to open or roll failed; told once */
    bool syncing;
    bool sync_wanted; /* without an op of its own (flush.messages, flush.ms) */
    bool checkpoint_wanted;
    bool waking;          /* inside the call of a waiter */
    bool torn;            /* bytes of a failed write may follow the end */
    bool names_dirty;     /* the folder has names that are not synced */
    bool folder_dirty;    /* its own name is not */
    bool epochs_dirty;    /* leader-epoch-checkpoint is behind */
    bool epoch_unwritten; /* the newest epoch is not in it: that counts once it has records */
    bool producers_dirty; /* the last snapshot is behind */
};

#define PLOG_ROOM_NAME(plog, text) \
    char text[PLOG_NAME_BYTES];    \
    plog_name(plog, text, sizeof text)

static inline struct plog_segment *plog_active(struct plog *plog)
{
    ASSERT(plog->segment_count > 0);
    return &plog->segments[plog->segment_count - 1];
}

/* Index of the last segment whose base is at or below the offset; segment_count if there is none.
 */
uint32_t plog_segment_find(const struct plog *plog, int64_t offset);
bool plog_has_segment(const struct plog *plog, int64_t base_offset);
/* One past the last offset that the segment may hold. */
int64_t plog_segment_end(const struct plog *plog, uint32_t index);
struct plog_segment *plog_segment_add(struct plog *plog, int64_t base_offset);
/* Their files are let go. */
void plog_segments_remove(struct plog *plog, uint32_t first, uint32_t count);
void plog_marks_forget(struct plog *plog);
void plog_mark_add(struct plog *plog, int64_t offset, int64_t base_offset, uint32_t position);
bool plog_mark_find(const struct plog *plog, int64_t offset, int64_t base_offset,
                    uint32_t *out_position);

/* Something to do: plog_step runs in a later turn. */
void plog_poke(struct plog *plog);
void plog_step(struct plog *plog);
/* An operation is over: told in a later turn. */
void plog_op_finish(struct plog *plog, struct plog_op *op, enum err err);
void plog_ops_finish(struct plog *plog, struct list *ops, enum err err);
void plog_set_error(struct plog *plog, enum err err, const char *text);
void plog_go_offline(struct plog *plog, enum err err);

/* ---- Jobs ----------------------------------------------------------------------------------- */

/* First member of each job's struct. The plog is touched by done only. */
struct plog_job {
    struct env_job base;
    struct plog *plog;
    enum err err;
    char what[PLOG_ERROR_BYTES]; /* the step that failed */
    char folder[PLOG_PATH_BYTES];
};

/* Counted: plog_is_idle is false until plog_job_end. */
void plog_job_begin(struct plog *plog, struct plog_job *job,
                    void (*run)(struct env_job *, struct env_disk *),
                    void (*done)(struct env *, struct env_job *), struct env_queue *queue);
void plog_job_end(struct plog_job *job);
/*
 * job: a sync failed, so the kernel may have dropped writes and forgotten about it: the page cache
 * shows bytes that no later sync brings to the disk. The mark, a file in the folder that need not
 * be durable itself (a restart of the machine ends its purpose), tells the next process to write
 * what it recovers again.
 */
#define PLOG_DISTRUST_NAME "sync-failed"
enum err plog_disk_sync(struct env_disk *disk, struct env_file *file, const char *folder) MUST_USE;
/* job: the mark alone. */
void plog_disk_distrust(struct env_disk *disk, const char *folder);

/* job: note what failed; returns err. */
enum err plog_job_fail(struct plog_job *job, enum err err, const char *step, const char *name);
/* The job failed for a reason that takes the directory offline. */
void plog_job_fail_dir(struct plog_job *job);

/* job helpers. Names are relative to the folder. */
void plog_path(char out[PLOG_PATH_BYTES], const char *folder, const char *name);
void plog_path_of(char out[PLOG_PATH_BYTES], const char *folder, enum plog_file_kind kind,
                  int64_t base_offset);
/* The whole file. ERR_LIMIT past size_max. *out is mem_free'd by the caller; a 0 byte follows. */
enum err plog_disk_load(struct env_disk *disk, const char *path, size_t size_max, uint8_t **out,
                        size_t *out_size) MUST_USE;
/* Replace a file: written as ".tmp" beside, synced, renamed. The folder is not synced. */
enum err plog_disk_store(struct env_disk *disk, const char *path, const void *data,
                         size_t size) MUST_USE;
/* Unlink, if it is there. */
enum err plog_disk_remove(struct env_disk *disk, const char *path) MUST_USE;
/* A partition.metadata: ERR_NOTFOUND as well when it says nothing sensible and the folder has no
 * records, as a crash leaves it that came before the folder was reported made. */
enum err plog_disk_load_metadata(struct env_disk *disk, const char *folder,
                                 struct uuid *out_topic_id) MUST_USE;
/* A folder of files and the files in it. */
enum err plog_disk_remove_folder(struct env_disk *disk, const char *path) MUST_USE;
enum err plog_disk_sync_path(struct env_disk *disk, const char *path) MUST_USE;

/* ---- The host ------------------------------------------------------------------------------- */

struct plog_host_dir {
    char *path;
    struct list plogs;                /* not used by jobs */
    struct env_queue janitor;         /* closes files, removes what was deleted */
    struct list closing;              /* plog_files without references */
    struct plog_close_job *close_job; /* NULL: none under way */
    uint64_t unwritten_bytes;         /* appended, and perhaps not on the disk */
    struct list unwritten;            /* plogs that have some which no job covers, longest first */
    struct list held;                 /* plogs whose appends wait for the disk */
    uint64_t held_since_ns;           /* 0: none does */
    bool held_told;
    uint32_t writebacks; /* jobs under way */
    bool offline;
    bool full; /* plog_host_set_full */
    bool told; /* dir_failed was called */
    enum err error;
    char what[PLOG_ERROR_BYTES];
};

struct plog_host {
    struct env *env;
    struct plog_host_dir *dirs;
    uint32_t dir_count;
    uint32_t open_files_max;
    uint32_t volume_sync_min;
    uint64_t idle_close_ns;
    uint64_t producer_check_ns;
    void (*dir_failed)(void *context, uint32_t dir, enum err err, const char *what);
    void *context;

    struct list files;    /* attached plog_files, longest unused first */
    struct list poked;    /* plogs with something to do */
    struct list flushes;  /* plogs with a finite flush.ms and unsynced appends */
    struct list removals; /* deleted files whose time has not come */
    struct env_msg turn;
    bool turn_posted;
    struct env_timer timer;
    uint64_t producer_check_at_ns;
    uint64_t unwritten_bytes_max; /* of each directory */
    uint64_t open_files;          /* descriptors */
    uint32_t janitor_jobs;
    struct plog_op *stopping;   /* plog_host_stop's */
    struct log_limit full_disk; /* lines about it */
    struct codec_context *codec;
    struct plog_host_stats stats;
    struct plog_host_cleaning cleaning;
};

void plog_host_post(struct plog_host *host);
/* Counts descriptors and closes what is too much or too old. */
void plog_host_opened(struct plog_host *host, struct plog_files *files);
/* A file or folder to be removed after the delay. */
void plog_host_remove_later(struct plog_host *host, uint32_t dir, const char *path, bool is_folder,
                            int64_t delay_ms);
/* What is waiting below the path comes no more (its folder was renamed to go as a whole). */
void plog_host_forget_removals(struct plog_host *host, const char *folder);
void plog_host_dir_broke(struct plog_host *host, uint32_t dir, enum err err, const char *what);
void plog_host_timer_by(struct plog_host *host, uint64_t deadline_ns);

/* ---- Looking into segments ------------------------------------------------------------------ */

/* Reads on the shard or in a job: one code for both. Exactly one is set. */
struct plog_source {
    struct env *env;
    struct env_disk *disk;
};

/* All of it. ERR_AGAIN: on the shard, not in memory. ERR_TRUNCATED: the file ends before. */
enum err plog_source_read(const struct plog_source *source, struct env_file *file, void *out,
                          size_t size, uint64_t position) MUST_USE;
/* As much as there is (in a job) or is in memory (on the shard: ERR_AGAIN when nothing is). */
enum err plog_source_read_some(const struct plog_source *source, struct env_file *file, void *out,
                               size_t size, uint64_t position, size_t *out_size) MUST_USE;

/* The last entry whose offset (timestamp) is at or below the target; *out_found false if none. */
enum err plog_index_floor(const struct plog_source *source, struct env_file *index, uint32_t count,
                          uint32_t offset_delta, struct plog_index_entry *out,
                          bool *out_found) MUST_USE;
enum err plog_timeindex_floor(const struct plog_source *source, struct env_file *timeindex,
                              uint32_t count, int64_t timestamp_ms,
                              struct plog_timeindex_entry *out, bool *out_found) MUST_USE;

/*
 * From `position`, where a batch begins, the first batch that ends at or after the offset, below
 * `limit`. ERR_NOTFOUND: none. ERR_CORRUPT: no batch where one should be.
 */
enum err plog_segment_seek(const struct plog_source *source, struct env_file *log, uint32_t limit,
                           uint32_t position, int64_t offset, uint32_t *out_position,
                           struct batch_header *out_batch) MUST_USE;

/*
 * A reader's job is over: may its result be believed? ERR_AGAIN: no, begin anew (a truncation came
 * in between, or is under way). Else ERR_OK, or by state.
 */
enum err plog_reader_check(const struct plog *plog, uint32_t generation);

/* ---- Transaction index ---------------------------------------------------------------------- */

/* job: entries at their place in the file, which has `count_before` of them already. */
enum err plog_txnindex_store(struct env_disk *disk, const char *path, uint32_t count_before,
                             const struct plog_txnindex_entry *entries, size_t count) MUST_USE;
/* job: those at the start of the file that are good and end below the offset; *out is mem_free'd.
 * An absent file has none. */
enum err plog_txnindex_load(struct env_disk *disk, const char *path, int64_t below,
                            struct plog_txnindex_entry **out, size_t *out_count) MUST_USE;

/* ---- Producers ------------------------------------------------------------------------------ */

#define PLOG_PRODUCER_BATCHES 5 /* NUM_BATCHES_TO_RETAIN */

struct plog_producers;

/* What an append would meet: found by plog_producers_check before it is written. */
struct plog_verdict {
    int16_t error;        /* of wire/errors.h */
    const char *message;  /* static text */
    bool duplicate;       /* one of the last five */
    int64_t first_offset; /* of the duplicate, and so on */
    int64_t last_offset;
    int64_t timestamp_ms;
    /* It may be one of the last five, but a snapshot keeps one only: the others have to be looked
     * for in the log, below this offset. -1: no. */
    int64_t history_below;
};

struct plog_producers *plog_producers_new(void);
void plog_producers_free(struct plog_producers *producers); /* NULL is harmless */
size_t plog_producers_count(const struct plog_producers *producers);

/* A data batch or marker before it is written. producers may be NULL (none so far). */
void plog_producers_check(const struct plog_producers *producers, const struct batch_header *batch,
                          const struct plog_marker *marker, const struct plog_append *append,
                          struct plog_verdict *out);
/* A batch with a producer that was written (or is read again by recovery), with its offsets. */
void plog_producers_apply(struct plog_producers *producers, const struct batch_header *batch,
                          const struct plog_marker *marker, int64_t wall_ms);
/* Batches of a producer from before what is known of it, oldest first and at most as many as were
 * asked for: they complete its window. */
void plog_producers_history(struct plog_producers *producers, int64_t producer_id,
                            const struct batch_header *batches, size_t count);

/* Aborted transactions whose .txnindex entry is not written yet, oldest first. */
size_t plog_producers_aborted(const struct plog_producers *producers,
                              const struct plog_txnindex_entry **out);
/* The first `count` of them are in a file. */
void plog_producers_aborted_written(struct plog_producers *producers, size_t count);

void plog_producers_high_watermark(struct plog_producers *producers, int64_t offset);
/* First offset of the oldest transaction that is open, or was ended at or above the high watermark;
 * -1: none. */
int64_t plog_producers_first_unstable(const struct plog_producers *producers);
int64_t plog_producers_first_open(const struct plog_producers *producers);

/* Drop those without an open transaction that were idle for so long; returns how many. */
size_t plog_producers_expire(struct plog_producers *producers, int64_t wall_ms, int64_t idle_ms);

struct plog_clean_producer;
/* The last data batch of each; *out is mem_free'd by the caller. */
void plog_producers_last(const struct plog_producers *producers, struct plog_clean_producer **out,
                         size_t *out_count);

void plog_producers_save(const struct plog_producers *producers, struct buf *out);
/* From a snapshot that plog_snapshot_check passed, into an empty one. ERR_CORRUPT: entries that
 * cannot be, or a producer twice. */
enum err plog_producers_load(struct plog_producers *producers, const uint8_t *data, size_t count,
                             int64_t wall_ms) MUST_USE;
enum err plog_producers_list(const struct plog_producers *producers, struct arena *arena,
                             struct plog_producer_info **out, size_t *out_count) MUST_USE;

/* ---- Epochs --------------------------------------------------------------------------------- */

/* A batch of this epoch begins at the offset: kept when it is newer than what is known. */
void plog_epochs_assign(struct plog *plog, int32_t epoch, int64_t start_offset);
/*
 * Is leader-epoch-checkpoint to be written? An epoch without records need not be in it: a start
 * begins a newer one. So thousands of idle logs write nothing when they change leaders.
 */
bool plog_epochs_behind(const struct plog *plog);
void plog_epochs_truncate_end(struct plog *plog, int64_t end_offset);
void plog_epochs_truncate_start(struct plog *plog, int64_t start_offset);

/* ---- Appending to the active segment -------------------------------------------------------- */

/* A batch was written at the end of the active segment, which does not count it yet. */
void plog_tail_add(struct plog *plog, const struct batch_header *header);
/* Index entries in memory go to the files. Never fails: a full disk makes an index sparser. */
void plog_tail_flush(struct plog *plog);
/* As that, with the entry for the largest timestamp that a segment's time index ends with. False:
 * there was no room for that one (or the directory broke). */
bool plog_tail_seal(struct plog *plog);

/* The level at which the topic compresses with the codec. */
int plog_codec_level(const struct plog_config *config, enum codec codec);

/* ---- Cleaning -------------------------------------------------------------------------------- */

/* From plog_step: what comes next of a cleaning. */
void plog_clean_advance(struct plog *plog);
/* From plog_step: one that is over. */
void plog_clean_tell(struct plog *plog);
/* It gives up soon, and pokes when it has. Harmless when there is none. */
void plog_clean_cancel(struct plog *plog);
void plog_clean_forget_failures(struct plog *plog);
/* Reads the timestamps of segments from this one on that are not known. */
void plog_survey_begin(struct plog *plog, uint32_t first);
/* job: the last entry of a time index; PLOG_TIMESTAMP_NONE where there is none. */
enum err plog_timeindex_last(struct env_disk *disk, const char *path,
                             struct plog_timeindex_entry *out) MUST_USE;

/* ---- What the disk is behind (plog_writeback.c) --------------------------------------------- */

void plog_writeback_note(struct plog *plog, uint64_t bytes);
/* All that was appended up to this value of appended_bytes is on the disk. */
void plog_writeback_covered(struct plog *plog, uint64_t appended_bytes);
/* It is not written to any more. */
void plog_writeback_forget(struct plog *plog);
/* Appends have to wait; _wait: and are to go on when they need not. */
bool plog_writeback_holds(const struct plog *plog);
void plog_writeback_wait(struct plog *plog);
void plog_writeback_tell(struct plog_host *host, uint64_t now, uint64_t *next);

/* Retention and deletion. */
void plog_segments_delete(struct plog *plog, uint32_t count);

/* Starts what the name says, when busy is NONE. */
void plog_activate(struct plog *plog);
/* Look for batches of a producer below the offset, which complete its window. */
void plog_history_begin(struct plog *plog, int64_t producer_id, int64_t below);
void plog_roll_begin(struct plog *plog, int64_t base_offset);
void plog_truncate_begin(struct plog *plog, int64_t offset, bool reset);
void plog_repair_begin(struct plog *plog);
void plog_sync_begin(struct plog *plog);
void plog_close_begin(struct plog *plog);
void plog_delete_begin(struct plog *plog);

#endif
