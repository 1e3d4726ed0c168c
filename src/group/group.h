#ifndef GROUP_GROUP_H
#define GROUP_GROUP_H
/*
 * The group coordinator of one partition of __consumer_offsets: which groups there are, who is in
 * them, what they have committed. Runs in coord: a request is decided on the tentative state, its
 * records are appended as one batch, and what it changed is seen by others when that is committed.
 *
 * Pure: time and randomness are given, records go out and come in as bytes of Kafka's format.
 *
 *     UNLOADED --load_begin--> LOADING --activate--> ACTIVE --unload--> UNLOADED
 *
 * One owner. Answers (group_call.done) come from inside of the functions below, at their end, never
 * from inside of options.append.
 */
#include "base/arena.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "coord/coord.h"
#include "wire/messages.h"
#include "wire/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct codec_context;
struct conf;
struct group_coordinator;
struct meta_image;

/* Both clocks of one moment. */
struct group_time {
    int64_t now_ms;  /* monotonic: timers, sessions */
    int64_t wall_ms; /* written into records */
};

struct group_options {
    const struct conf *conf;     /* borrowed until group_free or group_set_conf */
    struct meta_image *image;    /* a reference is taken */
    struct codec_context *codec; /* borrowed; NULL where nothing is compressed */
    int32_t partition;           /* of __consumer_offsets, for the log */

    void *context;
    /*
     * Append one batch to the partition's log, committed by all in-sync replicas. A code of
     * wire/errors.h: not 0 refuses, and nothing was appended. Then group_committed(end_offset)
     * comes once, perhaps from inside, or group_unload. The batch's memory may be taken.
     */
    int16_t (*append)(void *context, struct buf *batch, int64_t end_offset);
    void (*random)(void *context, void *out, size_t size);
};

struct group_coordinator *group_new(const struct group_options *options);
/* Unloaded, or to throw it away: calls under way are forgotten. NULL is harmless. */
void group_free(struct group_coordinator *g);

/* The settings that count from now on. */
void group_set_conf(struct group_coordinator *g, const struct conf *conf);
/* A newer image of the cluster. */
void group_set_image(struct group_coordinator *g, struct meta_image *image, struct group_time time);

/* ---- Loading and unloading ------------------------------------------------------------------ */

enum coord_state group_state(const struct group_coordinator *g);
void group_load_begin(struct group_coordinator *g);
/*
 * Whole batches of the log, in order. ERR_CORRUPT: what is there is no batch, or its records break
 * their format; loading cannot go on. ERR_NOMEM. Records of types and versions that are not known
 * are passed over, as Apache Kafka does.
 */
enum err group_load(struct group_coordinator *g, const uint8_t *data, size_t size) MUST_USE;
/* Everything up to next_offset was loaded: requests are served. */
void group_activate(struct group_coordinator *g, int64_t next_offset, struct group_time time);
/* Calls under way are answered with NOT_COORDINATOR. In any state. */
void group_unload(struct group_coordinator *g);

/* ---- Requests ------------------------------------------------------------------------------- */

/* What is asked, and in which struct; the answer is in the one after the arrow. Calls about several
 * groups are split by their handlers, since groups live in many places. */
enum group_op {
    GROUP_OP_JOIN,              /* join_group_request -> join_group_response */
    GROUP_OP_SYNC,              /* sync_group_request -> sync_group_response */
    GROUP_OP_HEARTBEAT,         /* heartbeat_request -> heartbeat_response */
    GROUP_OP_LEAVE,             /* leave_group_request -> leave_group_response */
    GROUP_OP_OFFSET_COMMIT,     /* offset_commit_request -> offset_commit_response */
    GROUP_OP_TXN_COMMIT,        /* txn_offset_commit_request -> txn_offset_commit_response */
    GROUP_OP_OFFSET_FETCH,      /* group_fetch -> offset_fetch_response_group */
    GROUP_OP_OFFSET_DELETE,     /* offset_delete_request -> offset_delete_response */
    GROUP_OP_TXN_END,           /* group_txn_end -> int16_t, an error code */
    GROUP_OP_DESCRIBE,          /* wire_string -> describe_groups_response_described_group */
    GROUP_OP_LIST,              /* list_groups_request -> list_groups_response */
    GROUP_OP_DELETE,            /* wire_string -> delete_groups_response_deletable_group_result */
    GROUP_OP_CONSUMER_BEAT,     /* consumer_group_heartbeat_request -> .._response */
    GROUP_OP_CONSUMER_DESCRIBE, /* wire_string -> consumer_group_describe_response_described_group
                                 */
    GROUP_OP_COUNT,
};

struct group_fetch {
    struct wire_offset_fetch_request_offset_fetch_request_group
        group; /* of versions 8 and on, names resolved */
    bool require_stable;
};

/* A transaction's marker for this partition. */
struct group_txn_end {
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t coordinator_epoch;
    bool commit;
};

struct group_coordinator;
struct group_work;

/* How a decision went on, in the coordinator's keeping. */
struct group_run {
    struct coord_reply reply;
    struct group_coordinator *g;
    struct group_call *call; /* NULL: time, or the image, decided */
    /* Soft state follows what became of the records. */
    void (*settled)(struct group_work *work, void *context, enum coord_outcome outcome);
    void *settled_context;
    struct list node; /* g->runs while it is not settled */
    int16_t append_error;
};

/*
 * One request. Set the first part and zero the rest; the struct, the request and the arena are the
 * coordinator's until `done`, which comes exactly once (perhaps before group_submit returns), as
 * long as the coordinator is not freed. The response is in the arena, whole also when it says an
 * error.
 */
struct group_call {
    enum group_op op;
    int16_t version; /* of the API */
    const void *request;
    struct arena *arena;
    struct wire_string client_id;
    struct wire_string client_host; /* as Kafka shows it: "/127.0.0.1" */
    void (*done)(struct group_call *call, void *response);

    struct group_run run; /* the coordinator's */
    struct list node;
    void *response;
    bool parked; /* answered by another decision than its own */
    bool answered;
};

void group_submit(struct group_coordinator *g, struct group_call *call, struct group_time time);
/* What was appended up to end_offset (as options.append was told) is committed. */
void group_committed(struct group_coordinator *g, int64_t end_offset, struct group_time time);

/* The answer of a node that is not the coordinator, or not yet: in the arena. */
void *group_error_response(const struct group_call *call, int16_t error);

/* When group_tick wants to be called, in now_ms; COORD_NO_DEADLINE. Ask after each call. */
int64_t group_deadline_ms(const struct group_coordinator *g);
void group_tick(struct group_coordinator *g, struct group_time time);

/* The partition that coordinates a group: Java's String.hashCode of its name, made positive. */
int32_t group_partition_of(struct wire_string group_id, int32_t partition_count);

/* All committed offsets, those of one group one after the other; nothing while it is not active. */
typedef void group_offset_fn(void *context, struct wire_string group, struct wire_string topic,
                             int32_t partition, int64_t offset);
void group_offsets_each(const struct group_coordinator *g, group_offset_fn *fn, void *context);

struct group_stats {
    size_t groups;
    size_t offsets;
    uint64_t records_loaded;
    uint64_t records_skipped; /* of types or versions that are not known */
};
void group_stats(const struct group_coordinator *g, struct group_stats *out);

#endif
