#ifndef MODEL_H
#define MODEL_H
/*
 * What must be true of a node, kept outside of it: which topics there are, what was acknowledged,
 * what was seen, and what may have been lost. All checks of records end here.
 *
 * A lane is one producer's stream of records into one partition. A record's key, value, timestamp
 * and fields are a function of (lane, number), so any record that is read can be checked by itself.
 *
 * What is promised, and when
 * 1. Killed process: every record that was acknowledged (acks 1 and all) or seen by a consumer
 * stays, at its offset, with its content. So do the numbers of the topics.
 * 2. Power loss: the log is a prefix of what it was, so what stays has the offset and content that
 * it had. What was acknowledged for a topic with flush.messages=1 (while no sync had failed), and
 *    everything that was there at a clean stop, stays. Topics stay.
 * 3. Never: a record of nobody, a changed one, one of an idempotent lane twice or out of order, a
 * gap in an idempotent lane (but where a power loss took acknowledged records), a high watermark
 *    that goes back while the machine has power, a log start that goes back while the process lives
 *    (retention tells it before the names of the segments are gone, and so does Kafka).
 */
#include "base/uuid.h"
#include "sim_world.h"
#include "wire/batch.h"

#include <stdbool.h>
#include <stdint.h>

enum model_flags {
    MODEL_KNOWN = 1, /* which record is here */
    MODEL_ACKED = 2,
    MODEL_SEEN = 4,
    MODEL_DURABLE = 8,
};

struct model_entry {
    int32_t lane;
    uint32_t flags;
    int64_t number;
};

struct model_partition {
    struct model_topic *topic;
    int32_t index;
    struct model_entry *entries; /* by offset */
    int64_t count;               /* one more than the highest offset that must be there */
    int64_t capacity;
    int64_t durable_end; /* likewise, after a power loss */
    int64_t log_start;   /* the highest that was told in this life of the process */
    int64_t audited_end; /* by the last audit */
    int64_t audited_start;
    bool start_lost; /* a power loss came before anything was durable, names among it */
};

enum model_topic_state {
    MODEL_TOPIC_CREATING, /* asked for; perhaps it is there */
    MODEL_TOPIC_CREATED,
    MODEL_TOPIC_DELETING,
    MODEL_TOPIC_DELETED,
};

struct model_topic {
    struct list node;
    char name[48];
    struct uuid id; /* zero: not known yet */
    enum model_topic_state state;
    enum model_topic_state audit_state; /* when an audit asked for the topics */
    bool flushes;                       /* flush.messages=1 */
    int32_t partition_count;
    struct model_partition *partitions;
    int32_t segment_bytes;   /* internal.segment.bytes; 0: default */
    int32_t retention_bytes; /* 0: all is kept */
    const char *compression; /* compression.type; NULL: as produced */
    bool append_time;        /* message.timestamp.type=LogAppendTime */
};

struct model_lane {
    int32_t index;
    struct model_partition *partition;
    int16_t acks;
    bool idempotent;
    bool relaxed;    /* a power loss took acknowledged records: gaps may be, and records twice */
    int64_t total;   /* to be sent */
    int64_t batched; /* numbers below this were sent at least once */
    int64_t done;    /* and below this are acknowledged (or, with acks 0, handed over) */
    bool closed;     /* its topic goes */
    /* While an audit walks over the partition. */
    int64_t audit_last;
};

struct model {
    struct sim_world *world;
    uint64_t seed;
    struct list topics;
    struct model_lane **lanes;
    int32_t lane_count;
    uint32_t generation;    /* counts power losses */
    uint32_t lives;         /* counts crashes of the process */
    bool audit_after_power; /* the next audit finds what a power loss left */
    bool gate_closed;       /* nobody but the audit sends */
    bool strangers_gone;    /* the world is healed */
    bool memory_short;      /* allocations of the node have failed */
    bool syncs_hold;        /* no sync has failed since the machine's start */
    uint64_t progress;      /* grows with everything that is achieved */
    uint64_t acked_count;
    uint64_t read_count;
};

void model_init(struct model *model, struct sim_world *world);
void model_deinit(struct model *model);

struct model_topic *model_topic_add(struct model *model, const char *name, int32_t partition_count,
                                    bool flushes);
struct model_topic *model_topic_find(struct model *model, const char *name, size_t name_size);
struct model_topic *model_topic_find_id(struct model *model, const struct uuid *id);
struct model_topic *model_topic_of(struct model *model, const char *name, size_t name_size,
                                   const struct uuid *id);
struct model_lane *model_lane_add(struct model *model, struct model_partition *partition,
                                  int16_t acks, bool idempotent, int64_t total);

/* The record of a lane; its bytes live in `scratch` until the next call. */
void model_record(const struct model *model, const struct model_lane *lane, int64_t number,
                  struct buf *scratch, struct batch_record *out);
int64_t model_timestamp(const struct model_lane *lane, int64_t number);

/* The node says that these records of the lane are at these offsets. */
void model_acked(struct model *model, struct model_lane *lane, int64_t first, int32_t count,
                 int64_t base_offset);
/* A consumer got this record. */
void model_read(struct model *model, struct model_partition *partition,
                const struct batch_view *batch, const struct batch_record *record);
/* The node says where the log starts. */
void model_log_start(struct model *model, struct model_partition *partition, int64_t start);
/* An audit begins and gets each record in order. `start` and `end` are the partition's, as the node
 * says; must_end is what its count was when the node was asked. */
void model_audit_begin(struct model *model, struct model_partition *partition, int64_t start,
                       int64_t must_end, int64_t end);
/* What ListOffsets has to answer: the first offset of a record, from `start` on and below `end`,
 * that is not older; -1: there is none. All of them are known. */
int64_t model_offset_by_time(const struct model *model, const struct model_partition *partition,
                             int64_t start, int64_t end, int64_t timestamp);
void model_audit_record(struct model *model, struct model_partition *partition,
                        const struct batch_view *batch, const struct batch_record *record);

void model_crashed(struct model *model);
void model_power_lost(struct model *model);
void model_sync_failed(struct model *model);
void model_stopped_cleanly(struct model *model);
/* All lanes are done, or their topics gone. */
bool model_is_done(const struct model *model);

#endif
