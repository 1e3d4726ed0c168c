#ifndef GROUP_GROUP_CONSUMER_INT_H
#define GROUP_GROUP_CONSUMER_INT_H
/*
 * Groups of the new protocol (KIP-848). group_consumer_state.c what records make; group_consumer.c
 * heartbeats and soft state; group_consumer_target.c what a group subscribes to and who is to own
 * it; group_reconcile.c a member's way there; group_consumer_regex.c expressions;
 * group_consumer_describe.c and group_consumer_hooks.c what others ask; group_convert.c groups that
 * change their protocol.
 *
 * Three epochs: the group's, which each change of members, subscriptions or topics raises; that of
 * the target assignment, which follows it; and each member's, which follows the target's when the
 * member has given up what it has to.
 */
#include "group/group_assign_int.h"
#include "group/group_int.h"

/* ---- Sets of partitions (group_parts.c) -------------------------------------------------------
 */

struct group_part {
    struct uuid topic;
    int32_t partition;
    int32_t epoch; /* of the assignment that gave it to its member; not part of its identity */
};

/* Ascending by topic (its bytes), then partition; none twice. */
struct group_parts {
    struct group_part *items;
    size_t count;
};

int group_part_compare(const struct group_part *a, const struct group_part *b);
/* Into order; of doubles the last stays. */
void group_parts_sort(struct group_parts *parts);
/* NULL: not in it. */
const struct group_part *group_parts_find(const struct group_parts *parts, const struct uuid *topic,
                                          int32_t partition);
/* Epochs count. */
bool group_parts_equal(const struct group_parts *a, const struct group_parts *b);
/* ... or do not. */
bool group_parts_same(const struct group_parts *a, const struct group_parts *b);
/* a without b, a and b (with a's epochs), a or b (with a's epochs where in both). */
struct group_parts group_parts_without(const struct group_parts *a, const struct group_parts *b,
                                       struct arena *arena);
struct group_parts group_parts_both(const struct group_parts *a, const struct group_parts *b,
                                    struct arena *arena);
struct group_parts group_parts_either(const struct group_parts *a, const struct group_parts *b,
                                      struct arena *arena);
/* How many topics, and for each its run: items[begin] to items[end]. Returns end. */
size_t group_parts_topics(const struct group_parts *parts);
size_t group_parts_run(const struct group_parts *parts, size_t begin);

/* ---- Hard state (group_consumer_state.c) ----------------------------------------------------- */

enum group_member_step {
    GROUP_MEMBER_STABLE = 0,     /* has what it is to have, or knows nothing newer */
    GROUP_MEMBER_UNREVOKED = 1,  /* has to give up partitions before it gets to the next epoch */
    GROUP_MEMBER_UNRELEASED = 2, /* waits for partitions that others have not given up */
};

/* A group's epoch before any record of it. */
#define GROUP_EPOCH_FIRST 1
/* Epochs of members that stand for something. */
#define GROUP_EPOCH_LEFT (-1)
#define GROUP_EPOCH_LEFT_STATIC (-2) /* a static member that means to come back */

/* Where a member is on its way: a CurrentMemberAssignment record. */
struct group_member_state {
    int32_t epoch;
    int32_t previous_epoch;
    int8_t step; /* enum group_member_step; others come from newer versions */
    struct group_parts assigned;
    struct group_parts revoking;
};

/* A MemberMetadata record: counted, shared by the versions of a member. */
struct group_subscription {
    struct pmap_value value;
    struct arena arena;
    const struct wire_consumer_group_member_metadata_value *metadata;
};

struct group_member {
    struct pmap_value value;
    struct group_subscription *subscription;
    struct group_member_state state;
    struct group_part parts[]; /* of the state */
};

/* What a member is to own. */
struct group_target {
    struct pmap_value value;
    struct group_parts parts;
    struct group_part items[];
};

/* The topics that an expression stands for. */
struct group_resolved {
    struct pmap_value value;
    struct arena arena;
    struct wire_strings topics; /* ascending */
    int64_t version;            /* of the image */
    int64_t timestamp_ms;
};

struct group_text_value {
    struct pmap_value value;
    uint32_t size;
    char data[];
};

struct group_consumer {
    struct group_object object;
    int32_t epoch;
    int64_t metadata_hash;
    int32_t target_epoch;
    int64_t target_timestamp_ms;
    bool has_partition_metadata; /* a record that older brokers wrote and newer ones remove */
    struct pmap members;         /* member id -> group_member */
    struct pmap targets;         /* member id -> group_target */
    struct pmap statics;         /* instance id -> group_text_value, a member id */
    struct pmap owned;           /* topic id, partition -> group_owned: by any member */
    struct pmap resolved;        /* expression -> group_resolved */
};

/* Records 3 to 8 and 16; their keys all begin with the group's id. */
void group_consumer_apply(struct group_hard *hard, const struct group_record *record,
                          int64_t order);

/* NULL when there is none of this kind. Borrowed. */
const struct group_consumer *group_consumer_find(const struct group_hard *hard,
                                                 struct wire_string id);
static inline const struct group_consumer *group_consumer_of(const struct group_object *object)
{
    ASSERT(object->type == GROUP_TYPE_CONSUMER);
    return CONTAINER_OF(object, struct group_consumer, object);
}
const struct group_member *group_member_find(const struct group_consumer *group,
                                             struct wire_string id);
/* The member that an instance is now; NULL. */
const struct group_text_value *group_static_find(const struct group_consumer *group,
                                                 struct wire_string instance);
const struct group_parts *group_target_find(const struct group_consumer *group,
                                            struct wire_string member);
/* The epoch of the member that has the partition; -1: nobody has it. */
int32_t group_owned_epoch(const struct group_consumer *group, const struct uuid *topic,
                          int32_t partition);
const struct group_resolved *group_resolved_find(const struct group_consumer *group,
                                                 struct wire_string expression);
static inline const struct group_member *group_member_of(const struct pmap_entry *entry)
{
    return CONTAINER_OF(entry->value, struct group_member, value);
}
static inline struct wire_string group_entry_key(const struct pmap_entry *entry)
{
    return wire_string_of((const char *)entry->key, entry->key_size);
}

/* ---- A member's way to its target (group_reconcile.c) ------------------------------------------
 */

struct group_reconcile {
    const struct group_member_state *member;
    int32_t target_epoch;
    const struct group_parts *target;
    bool subscription_changed;
    const struct group_parts *owned; /* what the member says it has; NULL: says nothing */
    void *context;
    bool (*subscribes)(void *context, const struct uuid *topic);
    /* Of the member that has the partition, -1: nobody. */
    int32_t (*owner_epoch)(void *context, const struct uuid *topic, int32_t partition);
    struct arena *arena; /* for the outcome's parts */
};

/* False: the member has to begin anew (FENCED_MEMBER_EPOCH); its step is one of a newer version. */
bool group_reconcile(const struct group_reconcile *in, struct group_member_state *out) MUST_USE;
/* It has nothing to do until the target changes. */
bool group_member_reconciled(const struct group_member_state *member, int32_t target_epoch);

/* ---- What a group subscribes to (group_consumer_target.c) --------------------------------------
 */

/* A group in which one member is replaced by what it is going to be. */
struct group_view {
    const struct group_consumer *group; /* NULL: a new one */
    const struct meta_image *image;
    struct wire_string member_id; /* data NULL: nobody changes */
    const struct wire_consumer_group_member_metadata_value *metadata; /* NULL: it goes */
    struct wire_string replaced_id; /* another one that goes; data NULL: nobody */
    struct arena *arena;
};

struct group_summary {
    size_t member_count;
    int64_t metadata_hash;
    bool homogeneous;
};

void group_view_summary(const struct group_view *view, struct group_summary *out);
/* The members that subscribe with this expression. */
size_t group_view_regex_count(const struct group_view *view, struct wire_string expression);
bool group_view_subscribes(const struct group_view *view,
                           const struct wire_consumer_group_member_metadata_value *metadata,
                           const struct uuid *topic);
/* The hash of the topics (none twice, any order) that there are: KIP-1101. */
int64_t group_metadata_hash(const struct meta_image *image, struct wire_string *names, size_t count,
                            struct arena *arena);
/* Say the records of a new target; what the changing member is to own. */
struct group_parts group_view_assign(struct group_work *work, const struct group_view *view,
                                     struct wire_string group_id, int32_t epoch,
                                     enum group_assignor assignor, bool homogeneous);
/* The assignor that most members want; of those that none wants the node's first. */
enum group_assignor group_view_assignor(const struct group_view *view, const struct conf *conf);

/* ---- Records (group_consumer_records.c) --------------------------------------------------------
 */

void group_record_epoch(struct group_work *work, struct wire_string group, int32_t epoch,
                        int64_t hash);
void group_record_member(struct group_work *work, struct wire_string group, struct wire_string id,
                         const struct wire_consumer_group_member_metadata_value *metadata);
void group_record_target(struct group_work *work, struct wire_string group, struct wire_string id,
                         const struct group_parts *parts);
void group_record_target_epoch(struct group_work *work, struct wire_string group, int32_t epoch);
void group_record_current(struct group_work *work, struct wire_string group, struct wire_string id,
                          const struct group_member_state *state);
/* The member's three tombstones. */
void group_record_member_gone(struct group_work *work, struct wire_string group,
                              struct wire_string id);
void group_record_partition_metadata_gone(struct group_work *work, struct wire_string group);
void group_record_resolved(struct group_work *work, struct wire_string group,
                           struct wire_string expression, struct wire_strings topics,
                           int64_t version);
void group_record_resolved_gone(struct group_work *work, struct wire_string group,
                                struct wire_string expression);
/* All that the group has, for it to be deleted. */
void group_record_consumer_gone(struct group_work *work, struct wire_string id,
                                const struct group_consumer *group);

/* ---- Soft state and decisions (group_consumer.c)
 * ------------------------------------------------- */

/* All is loaded: sessions of the members begin. */
void group_consumer_activate(struct group_coordinator *g);
/* The leadership is over, or the coordinator is thrown away: timers and memory go. */
void group_consumer_forget(struct group_coordinator *g);
/* g->image is newer than `before`: topics may have come, grown or gone. */
void group_consumer_image(struct group_coordinator *g, const struct meta_image *before);

group_decide_fn group_consumer_heartbeat, group_consumer_describe;
group_error_fn group_consumer_heartbeat_error, group_consumer_describe_error;
/* A heartbeat is answered with an error; what its decision said so far is taken back. */
void group_consumer_refuse(struct group_work *work, int16_t error, struct wire_string message);
/* A heartbeat of a group's first member of this protocol finds a group of another kind: the records
 * that make way for it. False: refused. */
bool group_convert_to_consumer(struct group_work *work, struct wire_string id,
                               const struct group_object *object);

/* ---- Expressions (group_consumer_regex.c) -----------------------------------------------------
 */

/* What the member's expression being another one (or not) means for the group. */
struct group_regex_change {
    bool changed;
    bool resolved;           /* what it stands for is known already */
    bool resolve;            /* it is time to look up what the group's stand for */
    struct wire_string drop; /* one that nobody has any more; data NULL: none */
};

/* False: refused. `before` NULL: the member is new. */
bool group_consumer_regex(struct group_work *work, const struct group_view *view,
                          const struct wire_consumer_group_member_metadata_value *before,
                          struct group_regex_change *out);
/* Looks up all expressions of the group: records of their topics, and of a new epoch. */
void group_consumer_resolve(struct group_work *work, struct wire_string id);

#endif
