#ifndef REPLICA_REPLICA_INT_H
#define REPLICA_REPLICA_INT_H
#include "base/heap.h"
#include "replica/replica.h"

/*
 *   OPENING --opened--> OPEN --close--> CLOSING
 *      |                  |
 *      |               remove--> REMOVING --deleted--> (freed)
 *      +-- remove: stays OPENING with `removed` set, REMOVING once opened
 *      +-- could not be opened: FAILED, and REMOVING is freed without a trace on disk
 */
enum replica_state {
    REPLICA_STATE_OPENING,
    REPLICA_STATE_OPEN,
    REPLICA_STATE_FAILED,
    REPLICA_STATE_CLOSING,
    REPLICA_STATE_REMOVING,
};

struct replica_topic {
    struct hmap_node node; /* replica_set->topics by id */
    struct replica_set *replica_set;
    struct uuid id;
    struct plog_config *config;
    int32_t min_isr;
    size_t replica_count;
    bool changed; /* while an image is followed */
};

struct replica {
    struct hmap_node node; /* set->replicas by (topic id, partition); set->removing by folder */
    struct list opening;   /* dir->to_open, or hung on one that is being removed */
    struct list changed;   /* set->changed */
    struct replica_set *set;
    struct replica_topic *topic;
    struct plog *log;
    struct uuid topic_id;
    int32_t partition;
    enum replica_state state;
    bool removed; /* while OPENING */
    bool waits;   /* while OPENING: for the folder of a predecessor, in its `successors` */

    /* Of the image. */
    int32_t leader;
    int32_t leader_epoch;
    int32_t partition_epoch;
    uint32_t isr_count;
    bool is_leader;

    int64_t high_watermark;
    uint64_t unsynced_count; /* records since the last sync that flush.messages asked for */

    struct list pending;  /* appends that the log could not take yet */
    struct list awaiting; /* appended, by required_offset */
    struct list watches;
    struct plog_waiter waiter;
    struct plog_op sync; /* for appends that need it */
    bool syncing;
    bool sync_again;
    struct plog_op ending; /* close or delete */
    struct replica_closing *closing;
    struct list successors; /* replicas of a recreated topic that wait for this folder */
};

struct replica_dir {
    struct list to_open;
    uint32_t openings;
    size_t replica_count;
    bool failed;
};

struct replica_set {
    struct replica_set_options options;
    struct plog_host *host;
    struct hmap replicas;
    struct hmap removing;
    struct hmap topics;
    struct hmap found;
    struct replica_dir *dirs;
    struct meta_image *image; /* followed last; borrowed during replica_set_follow */
    bool starting;            /* it is the first one: its partitions may have existed before */

    struct list changed; /* replicas whose watches are to be told, at the end of the turn */
    struct env_timer tell;
    struct heap timeouts; /* replica_append.timeout */
    struct env_timer expire;
    struct list opening_jobs;
    size_t opening_syncs; /* replicas that are opened but not yet durable */
    bool closed;

    size_t leader_count;
    struct replica_set_stats progress;
};

/* replica.c */
void replica_init(struct replica *replica, struct replica_set *set);
/* The image's word on the partition; before the first time, leader_epoch is -1. */
void replica_assign(struct replica *replica, const struct meta_partition *partition);
void replica_opened(struct replica *replica);
/* Everything that waits is answered with the error, watches are told. */
void replica_give_up(struct replica *replica, int16_t error);
void replica_advance(struct replica *replica);
void replica_tell(struct replica *replica);
void replica_set_expire(struct env *env, struct env_timer *timer);
void replica_set_tell(struct env *env, struct env_timer *timer);

/* replica_set.c */
void replica_set_opened(struct replica *replica);
/* A sync of its own has ended: what waited for that goes on. */
void replica_set_synced(struct replica *replica);

/* replica_open.c */
void replica_open_later(struct replica *replica);
void replica_open_start(struct replica_set *set);
void replica_openings_free(struct replica_set *set);

#endif
