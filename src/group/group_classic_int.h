#ifndef GROUP_GROUP_CLASSIC_INT_H
#define GROUP_GROUP_CLASSIC_INT_H
/*
 * Groups of the classic protocol (KIP-62, KIP-345, KIP-394): what their records say, and their
 * members while they join.
 *
 *          join                    all joined, or time is up              the leader's assignment
 *   EMPTY ------> PREPARING_REBALANCE ----------> COMPLETING_REBALANCE -----------------> STABLE
 *     ^                |    ^                             |                                  |
 *     +-- nobody left -+    +---- a member came, left or changed its mind -------------------+
 *
 * A group with members, or with some that are about to join, has a struct classic_group; one that
 * has none is Empty when there is an object of it and Dead when there is none.
 */
#include "group/group_int.h"

/* ---- Hard state ------------------------------------------------------------------------------ */

/* Under the id from now on; metadata (copied) NULL: a simple group. */
void group_classic_put(struct group_hard *hard, struct wire_string id,
                       const struct wire_group_metadata_value *metadata);
static inline const struct group_classic_object *
group_classic_object_of(const struct group_object *object)
{
    ASSERT(object->type == GROUP_TYPE_CLASSIC);
    return CONTAINER_OF(object, struct group_classic_object, object);
}

/* ---- Soft state ------------------------------------------------------------------------------ */

enum classic_state {
    CLASSIC_EMPTY,
    CLASSIC_PREPARING_REBALANCE,
    CLASSIC_COMPLETING_REBALANCE,
    CLASSIC_STABLE,
};

/* What a member can do, in the order in which it would like to. */
struct classic_protocol {
    struct wire_string name;
    struct wire_bytes metadata;
};

struct classic_member {
    struct list node; /* group->members, in the order of joining */
    struct classic_group *group;
    struct wire_string id;
    struct wire_string instance_id; /* null: a dynamic member */
    struct wire_string client_id;
    struct wire_string client_host;
    int32_t rebalance_timeout_ms;
    int32_t session_timeout_ms;
    struct classic_protocol *protocols; /* one allocation with what they point to */
    size_t protocol_count;
    struct wire_bytes assignment;
    struct group_call *join; /* parked until the group is complete; NULL */
    struct group_call *sync; /* parked until the leader's assignment is committed; NULL */
    bool is_new;             /* has not been told its member id, so cannot send heartbeats */
    bool sync_missing;       /* of this generation */
    struct group_timer session;
};

/* An id that was given out (KIP-394), whose owner has not joined with it yet. */
struct classic_pending {
    struct list node;
    struct classic_group *group;
    struct wire_string id;
    struct group_timer session;
};

struct classic_group {
    struct hmap_node node; /* g->classic */
    struct group_coordinator *g;
    struct wire_string id;
    enum classic_state state;
    enum classic_state state_before;
    int64_t state_wall_ms; /* since when */
    int32_t generation;
    struct wire_string protocol_type; /* null: none yet */
    struct wire_string protocol_name; /* null: none chosen */
    struct classic_member *leader;
    struct list members;
    size_t member_count;
    size_t joining_count; /* members with `join` */
    struct list pending;
    struct group_timer join_timer;
    bool initial;                 /* join_timer gives newcomers time */
    int64_t initial_remaining_ms; /* by which it may be put off */
    bool member_added;            /* since it was set */
    struct group_timer sync_timer;
    struct group_timer retry; /* the assignment could not be written */
};

/* NULL: nobody is in it. */
struct classic_group *classic_find(const struct group_coordinator *g, struct wire_string id);
/* As classic_find, or made from what its records say. */
struct classic_group *classic_get(struct group_work *work, struct wire_string id);
/* The group has no member and no object any more, or becomes one of the other protocol: its memory
 * and timers go. No call is parked in it. */
void classic_free(struct classic_group *group);
/* Every parked call is answered with the error. */
void classic_answer_all(struct classic_group *group, int16_t error);

struct classic_member *classic_member_find(const struct classic_group *group,
                                           struct wire_string member_id);
struct classic_member *classic_member_of_instance(const struct classic_group *group,
                                                  struct wire_string instance_id);
struct classic_pending *classic_pending_find(const struct classic_group *group,
                                             struct wire_string member_id);
struct classic_member *classic_member_add(struct classic_group *group, struct wire_string id,
                                          struct wire_string instance_id);
/* Out of the group; its calls have to be answered before. */
void classic_member_remove(struct classic_member *member);
void classic_member_rename(struct classic_member *member, struct wire_string id);
void classic_member_set_client(struct classic_member *member, struct wire_string client_id,
                               struct wire_string client_host);
void classic_member_set_protocols(struct classic_member *member,
                                  const struct classic_protocol *protocols, size_t count);
void classic_member_set_assignment(struct classic_member *member, struct wire_bytes assignment);
/* The metadata of that protocol; empty when it does not have it. */
struct wire_bytes classic_member_metadata(const struct classic_member *member,
                                          struct wire_string protocol);
void classic_pending_add(struct classic_group *group, struct wire_string id, int32_t session_ms);
void classic_pending_remove(struct classic_pending *pending);
/* Copied; null: none. */
void classic_set_protocol(struct classic_group *group, struct wire_string type,
                          struct wire_string name);
void classic_enter(struct classic_group *group, enum classic_state state);
const char *classic_state_text(enum classic_state state);

/* The group's GroupMetadata record, with the members' assignments as they are. */
void classic_record(struct group_work *work, const struct classic_group *group);

/* A heartbeat was heard, in whatever form. */
void classic_session_extend(struct classic_member *member);
/* UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, or 0 with *out. */
int16_t classic_check_member(const struct classic_group *group, struct wire_string member_id,
                             struct wire_string instance_id, struct classic_member **out);

/* ---- Rebalances (group_classic_rebalance.c) -------------------------------------------------- */

/* Where the group's state allows it a rebalance begins, for the reason given; where one is under
 * way it is looked whether all have joined. */
void classic_rebalance(struct group_work *work, struct classic_group *group, const char *why, ...)
    PRINTF_LIKE(3, 4);
/* Out of the group, its calls answered with UNKNOWN_MEMBER_ID. */
void classic_member_drop(struct classic_member *member);
/* The same, and the others go on without it. */
void classic_member_lost(struct group_work *work, struct classic_member *member, const char *why);
void classic_pending_lost(struct group_work *work, struct classic_pending *pending);
/* The members' assignments are what the log says: who waits for its own gets it. */
void classic_assign(struct classic_group *group, int16_t error);
void classic_answer_join(struct classic_member *member);
/* In the call's arena, as of now. */
struct wire_join_group_response *classic_join_response(struct group_call *call,
                                                       const struct classic_member *member);
struct wire_sync_group_response *classic_sync_response(struct group_call *call,
                                                       const struct classic_member *member);
bool classic_all_support(const struct classic_group *group, struct wire_string protocol);
/* By the members' votes among what all can do; the group has members. */
struct wire_string classic_elect_protocol(const struct classic_group *group);
void classic_timers_init(struct classic_group *group);
void classic_retry(struct group_work *work, struct group_timer *timer);

group_decide_fn group_classic_join, group_classic_sync, group_classic_heartbeat,
    group_classic_leave;

/* May these offsets be committed? A code of wire/errors.h. Counts as a heartbeat. */
int16_t group_classic_check_commit(struct group_work *work, struct wire_string group_id,
                                   struct wire_string member_id, struct wire_string instance_id,
                                   int32_t generation, bool transactional);
/* "consumer" groups with members read these topics, as far as their metadata can be read. */
bool group_classic_is_subscribed(const struct group_coordinator *g, struct wire_string group_id,
                                 struct wire_string topic);

/* All is loaded: members that were loaded have a session from now on. */
void group_classic_activate(struct group_coordinator *g);
/* The leadership is over, or the coordinator is thrown away: timers and memory go. Parked calls are
 * answered by the caller, or forgotten. */
void group_classic_forget(struct group_coordinator *g);

#endif
