#ifndef BROKER_API_FETCH_INT_H
#define BROKER_API_FETCH_INT_H
/*
 * A fetch over the shards that own its partitions. The connection's shard (fetch.c) decides; the
 * owners (fetch_leg.c) look, wait and read:
 *
 *     SESSION -> LOOK -> [WAIT ->] SETTLE -> READ -> END
 *
 * SESSION: the session's shard says what is to be fetched.   LOOK: each owner says what it has.
 * WAIT: too little; owners answer when there is more, until enough or the time is up.
 * SETTLE: every owner is called back from waiting.   READ: owners read what was allotted to each
 * partition, in the order of the request.   END: the session's shard decides what is told.
 */
#include "base/arena.h"
#include "broker/call.h"
#include "broker/fetch_session.h"
#include "broker/request.h"
#include "replica/replica.h"

struct fetch;
struct fetch_leg;

/* One partition. The connection's shard writes the first part; the owner the second while a call of
 * its leg is under way. */
struct fetch_entry {
    const struct fetch_wanted *wanted;
    struct wire_string topic; /* as the reply names it */
    struct uuid topic_id;
    struct fetch_leg *leg; /* NULL: the topic is not known, or an error was found at once */
    struct fetch_entry *next;
    uint8_t *out; /* where to read to; NULL: nothing is allotted */
    size_t out_size;
    bool min_one_batch;

    int16_t error;
    bool diverging;
    int32_t diverging_epoch;
    int64_t diverging_end_offset;
    int32_t leader;
    int32_t leader_epoch;
    int64_t high_watermark;
    int64_t stable_offset;
    int64_t log_start_offset;
    int64_t bound_offset;
    uint64_t available; /* bytes, at most what the client takes of this partition */
    size_t got;
    size_t first_batch_bytes; /* got is 0 because the first batch has so many */
    struct plog_aborted_txn *aborted;
    size_t aborted_count;
    struct replica_watch watch;
    struct plog_read read;
    struct plog_aborted aborted_query;
};

enum fetch_leg_task { FETCH_LEG_LOOK, FETCH_LEG_WAIT, FETCH_LEG_READ };

/* The partitions of one shard. Of its two calls at most one of each is under way. */
struct fetch_leg {
    struct broker_call call;
    struct broker_call recall; /* ends a wait */
    struct fetch *fetch;
    struct fetch_entry *entries;
    struct fetch_entry **entries_end;
    enum fetch_leg_task task;
    bool read_committed;
    bool debugging; /* may read up to the log's end (replica id -2) */

    /* The owner's. */
    bool waiting;
    size_t reads_left;
    struct arena arena; /* for lists of aborted transactions */
    bool arena_used;

    /* What the look or the wait found. The owner's, too: a wait may be under way there. */
    uint64_t available;
    bool urgent; /* an error, or a diverging epoch: do not wait */

    /* The connection's shard's: what the last call that came back has told. */
    uint64_t told_available;
    bool told_urgent;
};

/* call.run and recall.run of a leg. */
void fetch_leg_run(struct broker_shard *shard, struct broker_call *call);
void fetch_leg_recall(struct broker_shard *shard, struct broker_call *call);

#endif
