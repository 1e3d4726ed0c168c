#ifndef GROUP_GROUP_INT_H
#define GROUP_GROUP_INT_H
/*
 * The parts of a coordinator: group.c (the machine under coord, calls, timers), group_state.c (what
 * records make), group_load.c (bytes in), group_append.c (bytes out), group_offsets.c,
 * group_classic*.c, group_consumer*.c, group_admin.c (decisions).
 *
 * 1. Hard state (struct group_hard) changes in group_hard_apply alone, from records, and is the
 * same after a restart.
 * 2. Soft state (members that join, sessions, timers) belongs to the protocol's files. A decision
 * may change it at once where that needs no record; what needs one to be committed is done in
 *    run.settled.
 * 3. Decisions look at work->hard, which is tentative; reads of others at g->committed.
 */
#include "base/hash.h"
#include "base/heap.h"
#include "base/hmap.h"
#include "base/pmap.h"
#include "conf/conf.h"
#include "group/group.h"
#include "meta/image.h"
#include "wire/errors.h"
#include "wire/records.h"

/* ---- Hard state ------------------------------------------------------------------------------ */

enum group_type { GROUP_TYPE_CLASSIC, GROUP_TYPE_CONSUMER, GROUP_TYPE_SHARE, GROUP_TYPE_STREAMS };

/*
 * A group as its records have it, under its id in group_hard.groups. Counted; never changed once it
 * is in a map (apply makes another). The type says which struct it begins.
 */
struct group_object {
    struct pmap_value value;
    enum group_type type;
};

/* One committed offset, under (group, topic, partition). */
struct group_offset {
    struct pmap_value value;
    int64_t offset;
    int32_t leader_epoch; /* -1 */
    int64_t commit_timestamp_ms;
    int64_t expire_timestamp_ms; /* of old clients; -1: by the retention of the node */
    struct uuid topic_id;        /* zero: not known */
    int64_t order;               /* of its record: a later one wins over an earlier one */
    uint32_t metadata_size;
    char metadata[];
};

/* Handles on persistent maps: cheap to copy with group_hard_ref. */
struct group_hard {
    struct pmap groups;  /* id -> group_object */
    struct pmap offsets; /* (group, topic, partition) -> group_offset */
    /* Of transactions that are open: (group, topic, partition, producer id) -> group_offset, and
     * the other way round (producer id, group, topic, partition) -> the same. */
    struct pmap pending;
    struct pmap pending_by_producer;
};

struct group_hard group_hard_ref(const struct group_hard *hard);
void group_hard_release(struct group_hard *hard);

/* A record, decoded: what apply takes and decisions give. */
struct group_record {
    const struct wire_record_type *type; /* NULL: a transaction's marker */
    const void *key;
    const void *value;     /* NULL: a tombstone */
    int16_t value_version; /* to write */
    int64_t producer_id;   /* of an open transaction; -1: none */
    bool commit;           /* of a marker */
};

/* Changes the maps; group_state.c has the list of types. */
void group_hard_apply(struct group_hard *hard, const struct group_record *record, int64_t order);

/* NULL when there is none. Borrowed. */
struct group_object *group_object_find(const struct group_hard *hard, struct wire_string id);
/* Keys of the maps. */
struct group_key {
    uint8_t *data; /* in the arena, or the caller's */
    size_t size;
};
#define GROUP_KEY_BYTES_MAX (2 + 32767 + 2 + 32767 + 4 + 8)
/* Written to `out` (cleared first): the group alone is the prefix of all of its offsets' keys. */
void group_key_group(struct buf *out, struct wire_string group);
void group_key_topic(struct buf *out, struct wire_string group, struct wire_string topic);
void group_key_partition(struct buf *out, struct wire_string group, struct wire_string topic,
                         int32_t partition);
/* What an offset's key says; points into it. */
void group_key_read(const uint8_t *key, size_t size, struct wire_string *group,
                    struct wire_string *topic, int32_t *partition);
bool group_key_has_prefix(const struct pmap_entry *entry, const struct buf *prefix);
/* Forget what open transactions have for the partitions that begin so (group_key_*). */
void group_pending_drop(struct group_hard *hard, const struct buf *prefix);
struct group_offset *group_offset_find(const struct group_hard *hard, struct wire_string group,
                                       struct wire_string topic, int32_t partition);

/* ---- The classic protocol's objects (group_classic_state.c) --------------------------------- */

/* A GroupMetadata record. A group that only ever committed offsets has none: protocol_type null,
 * generation 0. */
struct group_classic_object {
    struct group_object object;
    struct arena arena;                               /* of the value */
    const struct wire_group_metadata_value *metadata; /* NULL: a simple group */
};

/* ---- The coordinator --------------------------------------------------------------------------
 */

struct group_timer {
    struct heap_node node;
    /* Its time has come; it is set no more. Records are said in `work`, as for a request. */
    void (*fire)(struct group_work *work, struct group_timer *timer);
};

struct group_coordinator {
    struct group_options options;
    const struct conf *conf;
    struct meta_image *image;
    struct coord *coord;
    struct group_time time; /* of the call from outside that is under way */

    struct group_hard hard;             /* tentative */
    const struct group_hard *committed; /* coord's; NULL unless ACTIVE */
    int64_t end_offset;                 /* of what was appended, as told to options.append */
    int64_t committed_offset;           /* told by group_committed */

    struct heap timers;
    struct list runs;        /* decisions that are not settled */
    struct list answered;    /* calls to be told at the end of this turn */
    struct list parked;      /* calls that wait for another decision */
    struct group_work *work; /* of the decision under way */
    struct arena arena;      /* its records */
    struct group_stats stats;
    int depth; /* functions from outside, nested */

    struct hmap classic;       /* soft state of classic groups (group_classic.c) */
    int64_t topics_version;    /* of the image that last had new topics */
    struct hmap consumer;      /* soft state of consumer groups (group_consumer.c) */
    struct group_timer expiry; /* of offsets (group_offsets.c) */
    struct group_timer forget; /* offsets of topics that are gone */
    struct list gone_topics;
};

/* One decision being made. */
struct group_work {
    struct group_coordinator *g;
    struct group_call *call; /* NULL: time decides */
    struct group_run *run;
    const struct group_hard *hard;
    struct group_time time;
    struct arena *arena; /* for records, until the decision is appended */

    /* Said by the decision. */
    struct group_record *records;
    size_t count;
    size_t capacity;
    bool transactional; /* the batch is of this producer's transaction */
    bool marker;        /* ... is the marker of its end */
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t coordinator_epoch;
};

/* ---- What decisions share (group.c) ---------------------------------------------------------- */

/* Append a record; key and value (NULL: a tombstone) are in work->arena, or last as long. */
void group_record(struct group_work *work, enum wire_group_record type, const void *key,
                  int16_t value_version, const void *value);
/* A struct at its defaults. */
#define GROUP_NEW(arena, name) \
    ((struct wire_##name *)group_new_message(arena, &wire_##name##_schema, 1))
#define GROUP_NEW_ARRAY(arena, name, count) \
    ((struct wire_##name *)group_new_message(arena, &wire_##name##_schema, count))
void *group_new_message(struct arena *arena, const struct wire_schema *schema, size_t count);
/* Room for one more, at its defaults, in an array of a message that grows: items, count and what
 * there is room for. */
void group_array_room(struct arena *arena, const struct wire_schema *schema, void **items,
                      const int32_t *count, size_t *room);
/* printf into the arena. */
struct wire_string group_text(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);

/* This decision's own call is answered: when what it says is committed. */
void group_reply(struct group_work *work, void *response);
/* It is answered by a later decision; until then it is the caller's to keep (group_answer). */
void group_park(struct group_work *work);
/* A parked call is answered at the end of this turn. */
void group_answer(struct group_coordinator *g, struct group_call *call, void *response);

/* What is to be done when it is known what became of the decision's records; once for a decision.
 * `context` is from mem_alloc (or NULL), and freed after it. */
void group_settle(struct group_work *work,
                  void (*settled)(struct group_work *work, void *context,
                                  enum coord_outcome outcome),
                  void *context);
/* A struct wire_string with its text, for group_settle. */
void *group_context_of(struct wire_string id);
/* What a request is told that was not committed. */
int16_t group_outcome_error(const struct group_run *run, enum coord_outcome outcome);
struct wire_bytes group_bytes_copy(struct wire_bytes bytes, struct arena *arena);

void group_timer_init(struct group_timer *timer,
                      void (*fire)(struct group_work *work, struct group_timer *timer));
/* Again, when it is set. In now_ms. */
void group_timer_set(struct group_coordinator *g, struct group_timer *timer, int64_t at_ms);
/* In the next turn of time: for what cannot be decided here. */
static inline void group_decide_later(struct group_coordinator *g, struct group_timer *timer)
{
    group_timer_set(g, timer, g->time.now_ms);
}
/* Harmless when it is not set. */
void group_timer_cancel(struct group_coordinator *g, struct group_timer *timer);
static inline bool group_timer_is_set(const struct group_timer *timer)
{
    return heap_node_in(&timer->node);
}
/* A random member id as Kafka makes them: 36 characters of a version 4 UUID. */
struct wire_string group_random_uuid_text(struct group_coordinator *g, struct arena *arena);

/* What Kafka answers when the records of a request could not be appended. */
int16_t group_append_error(int16_t error);

/* ---- group_append.c, group_load.c ------------------------------------------------------------ */

/* The decision's records as one batch. ERR_LIMIT, ERR_NOMEM: they do not fit in one. */
enum err group_encode(struct group_work *work, struct buf *out) MUST_USE;

/* ---- Decisions: one function for each op ----------------------------------------------------- */

typedef void group_decide_fn(struct group_work *work);

/* ---- What others ask of a group of the new protocol (group_consumer_hooks.c) ----------------- */

/* A commit, as far as the group has a say. */
struct group_commit {
    struct wire_string group_id;
    struct wire_string member_id;
    struct wire_string instance_id; /* may be null */
    int32_t epoch;                  /* generation or member epoch; -1 */
    int16_t version;                /* of the API */
    bool transactional;
};

/* JoinGroup of a classic member. True: the group was empty, its tombstones are in `work`, and the
 * call goes on as a classic group's. Else the call is answered or parked. */
bool group_consumer_classic_join(struct group_work *work);
group_decide_fn group_consumer_classic_sync, group_consumer_classic_heartbeat,
    group_consumer_classic_leave;
/* Codes of wire/errors.h. */
int16_t group_consumer_check_commit(struct group_work *work, const struct group_commit *commit);
int16_t group_consumer_check_fetch(const struct group_coordinator *g, const struct group_hard *hard,
                                   struct wire_string group_id, struct wire_string member_id,
                                   int32_t member_epoch);
bool group_consumer_is_subscribed(const struct group_hard *hard, struct wire_string group_id,
                                  struct wire_string topic);
/* No member: its offsets may expire, it may be deleted. */
bool group_consumer_is_empty(const struct group_hard *hard, struct wire_string group_id);
/* All records of a group without members. */
void group_consumer_tombstones(struct group_work *work, struct wire_string group_id);
/* "Empty", "Assigning", "Reconciling", "Stable". */
const char *group_consumer_state_text(const struct group_hard *hard, struct wire_string group_id);

group_decide_fn group_offset_commit, group_txn_commit, group_offset_fetch, group_offset_delete,
    group_txn_end;
group_decide_fn group_list, group_describe, group_delete;

/* The answer that says an error, in the call's arena. */
typedef void *group_error_fn(const struct group_call *call, int16_t error);

group_error_fn group_offset_commit_error, group_txn_commit_error, group_offset_fetch_error,
    group_offset_delete_error;
group_error_fn group_list_error, group_describe_error, group_delete_error;

/* Records of deletions. */
void group_offset_tombstone(struct group_work *work, struct wire_string group_id,
                            struct wire_string topic, int32_t partition);
void group_classic_tombstone(struct group_work *work, struct wire_string id);

/* The sweep for expired offsets begins and ends. */
void group_offsets_activate(struct group_coordinator *g);
void group_offsets_forget(struct group_coordinator *g);
/* g->image is newer than `before`: the offsets of topics that are gone go. */
void group_offsets_image(struct group_coordinator *g, const struct meta_image *before);

#endif
