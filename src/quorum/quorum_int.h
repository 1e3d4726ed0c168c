#ifndef QUORUM_QUORUM_INT_H
#define QUORUM_QUORUM_INT_H
/*
 * A quorum's parts, a file for each conversation:
 *
 *     quorum.c         life, the step that everything is done in, raft's actions
 *     quorum_load.c    what is on disk at start: snapshot, quorum-state, log
 *     quorum_append.c  records on their way into the log, and syncs
 *     quorum_commit.c  committed records become images
 *     quorum_files.c   writing quorum-state and snapshots, removing old ones
 *
 * Invariants:
 *  1. Whatever comes in (a call, a job's end, a timer) is noted, and carried out by quorum_step
 * alone, which runs from the top of the loop; so the listener is never called from inside of a
 * call.
 *  2. applied_end <= high watermark <= plog's durable offset <= plog's end <= end_offset. The
 * records below applied_end are in `image` (those of an open transaction not visibly).
 *  3. Appends of this leadership that are not committed are in `appends`, in the order of their
 *     offsets, without gaps from the first one to end_offset but for control batches of our own.
 *  4. Of each kind of job (quorum-state, snapshot, removal, load) at most one is under way.
 */
#include "quorum/snapshot_int.h"
#include "quorum/voters_int.h"

#include "base/buf.h"
#include "env/env.h"
#include "plog/plog.h"
#include "quorum/quorum.h"
#include "quorum/quorum_state.h"
#include "raft/raft.h"

enum quorum_phase {
    QUORUM_NEW,
    QUORUM_LOADING, /* the load job, opening the log, looking through it */
    QUORUM_RUNNING,
    QUORUM_FAILED,  /* on_fatal was or will be called */
    QUORUM_CLOSING, /* stop was asked for; what is under way ends, then the log is closed */
    QUORUM_STOPPED,
};

/* A batch that is not in the log yet. */
struct quorum_batch {
    struct list node;
    struct buf bytes;
    int64_t first_offset;
    int64_t last_offset;
};

struct quorum_snapshot_info {
    int64_t end_offset;
    int32_t epoch;
    int64_t last_timestamp_ms;
    uint64_t size_bytes;
};

struct quorum_load_job {
    struct env_job job;
    struct quorum *quorum;
    struct quorum_snapshot_info *snapshots; /* ascending */
    size_t snapshot_count;
    struct meta_image *image;
    int64_t image_timestamp_ms;
    struct raft_election election;
    int data_version;
    struct meta_record *bootstrap; /* in bootstrap_arena */
    size_t bootstrap_count;
    size_t bootstrap_capacity;
    int64_t wall_ms;
    enum err err;
    char error[QUORUM_ERROR_BYTES];
};

struct quorum_state_job {
    struct env_job job;
    struct quorum *quorum;
    bool running;
    bool retry; /* the disk was full */
    struct buf text;
    uint64_t sequence;
    enum err err;
};

struct quorum_snapshot_job {
    struct env_job job;
    struct quorum *quorum;
    bool running;
    struct meta_image *image;
    struct quorum_voters voters;
    struct quorum_snapshot_info info;
    int64_t wall_ms;
    enum err err;
};

struct quorum_removal_job {
    struct env_job job;
    struct quorum *quorum;
    bool running;
    struct quorum_snapshot_info *snapshots;
    size_t count;
};

struct quorum {
    struct quorum_options options; /* copied, with what they point to */
    struct env *env;
    enum quorum_phase phase;
    char folder[QUORUM_PATH_BYTES];
    struct env_timer timer;
    struct env_queue files; /* jobs on quorum-state and snapshots */
    struct env_msg turn;
    bool turn_posted;
    bool stepping;
    bool fatal_told;
    char fatal[QUORUM_ERROR_BYTES + 256]; /* "" while nothing is wrong */

    /* The log. */
    struct plog *plog;
    struct plog *plogs[1]; /* for the opening */
    struct plog_config *config;
    struct plog_opening opening;
    bool opened; /* the opening is done */
    bool open_asked;
    struct plog_op reset;
    bool resetting;
    struct plog_op sync;
    bool syncing;
    struct plog_op close;
    bool closing;
    bool closed;
    struct plog_waiter waiter;
    struct plog_read read;
    bool reading;
    bool read_ready; /* a result waits to be looked at */
    uint8_t *read_buffer;
    size_t read_buffer_size;

    /* Loading. */
    struct quorum_load_job load;
    bool loaded; /* the load job is done */
    int64_t scan_offset;
    struct arena bootstrap_arena;

    struct raft *raft;
    struct raft_voter static_voters[RAFT_VOTERS_MAX];
    struct quorum_voters voters;

    /* Committed. */
    struct meta_delta *delta;
    bool delta_is_stale; /* image went on without it */
    struct meta_image *image;
    int64_t applied_end;
    bool unpublished; /* delta has more than image */
    struct arena arena;
    char apply_error[META_ERROR_BYTES];

    /* On their way. */
    struct list appends; /* struct quorum_append */
    struct list queue;   /* struct quorum_batch */
    int64_t end_offset;
    size_t pending_bytes; /* of what is in `appends` */
    struct batch_builder builder;
    struct buf record;

    /* Leading. */
    bool lead_appended; /* LeaderChange of lead_epoch is queued */
    bool aborted;       /* an abort of an open transaction is queued as well */
    bool leading;       /* on_leader was called for lead_epoch */
    int32_t lead_epoch; /* -1 */
    int32_t told_leader_id;
    int32_t told_leader_epoch;

    /* Files. */
    struct quorum_state_job state_job;
    struct raft_election state_wanted; /* the newest election to write */
    uint64_t state_sequence;
    struct quorum_snapshot_job snapshot_job;
    struct quorum_removal_job removal_job;
    struct quorum_snapshot_info *snapshots; /* ascending */
    size_t snapshot_count;
    uint64_t bytes_since_snapshot;
    int64_t snapshot_at_ms;    /* when the interval is over */
    int64_t snapshot_retry_ms; /* not before */
    int64_t state_retry_ms;    /* likewise */
    bool snapshot_asked;

    void (*stopped)(void *context, enum err err);
    enum err close_err;
    struct quorum_stats stats;
};

static inline int64_t quorum_now_ms(struct quorum *quorum)
{
    return (int64_t)(env_now_ns(quorum->env) / 1000000);
}

/* Carry out what was noted. Called by whatever comes from the top of the loop. */
void quorum_step(struct quorum *quorum);
/* Have it called in the next turn. */
void quorum_wake(struct quorum *quorum);
/* Something broke for good: a sentence for on_fatal, which comes in the next step. The first
 * counts. */
void quorum_fail(struct quorum *quorum, const char *format, ...) PRINTF_LIKE(2, 3);
/*
 * The log's bytes from the offset on, below the bound: true when they are in quorum->read (size >
 * 0). False: they are on their way (a step follows), or reading failed for good.
 */
bool quorum_read_next(struct quorum *quorum, int64_t offset, int64_t bound_offset);

/* quorum_load.c */
void quorum_load_begin(struct quorum *quorum);
/* Goes on with loading; true once all is known and raft may start. */
bool quorum_load_step(struct quorum *quorum);

/* quorum_append.c */
void quorum_append_leader_change(struct quorum *quorum, const struct raft_action *lead);
/* Ends a metadata transaction that was left open. */
void quorum_append_abort(struct quorum *quorum);
/* Hands batches to the log and has it synced. */
void quorum_append_step(struct quorum *quorum);
/* The leadership is over: nothing of it is waited for any more. */
void quorum_append_drop(struct quorum *quorum);

/* quorum_commit.c */
/* Applies up to the high watermark and tells; false when it waits for a read. */
void quorum_commit_step(struct quorum *quorum);

/* quorum_files.c */
void quorum_state_write(struct quorum *quorum, const struct raft_action *persist);
/* Retries, snapshots that are due, removal of old ones. */
void quorum_files_step(struct quorum *quorum);
/* The next time at which quorum_files_step wants to be called. */
int64_t quorum_files_deadline_ms(const struct quorum *quorum);
bool quorum_files_idle(const struct quorum *quorum);

#endif
