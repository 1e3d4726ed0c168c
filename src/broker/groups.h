#ifndef BROKER_GROUPS_H
#define BROKER_GROUPS_H
/*
 * The group coordinators of a shard: one for each partition of __consumer_offsets that this node
 * leads and the shard owns. They are loaded from their logs when leadership comes, and unloaded
 * when it goes; their batches are appended as an internal producer's with acks=all.
 */
#include "broker/call.h"
#include "broker/request.h"
#include "broker/shard.h"
#include "group/group.h"

#include <stdbool.h>
#include <stdint.h>

#define BROKER_OFFSETS_TOPIC "__consumer_offsets"

struct broker_groups;

struct broker_groups *broker_groups_new(struct broker_shard *shard);
/* Stopped, or the node is thrown away. NULL is harmless. */
void broker_groups_free(struct broker_groups *groups);
/* After the replicas have followed the shard's image. */
void broker_groups_follow(struct broker_groups *groups);
/* Calls under way are answered with NOT_COORDINATOR, and no group is served any more. Before the
 * logs are closed. */
void broker_groups_stop(struct broker_groups *groups);
/* Nothing of a stopped one is under way. */
bool broker_groups_is_idle(const struct broker_groups *groups);

/*
 * One call to the coordinator of a group, wherever in this node it is: there and back.
 */
struct broker_group_call {
    struct broker_call call;
    struct group_call group;
    struct broker_request *request;
    int32_t partition;
    void *response;
    void (*done)(struct broker_group_call *call, void *response);
    void *context; /* of the caller */
};

/*
 * `op` and `message` as in group.h; version, client and arena are the request's. Until `done`,
 * which comes once on the request's shard (perhaps before this returns), the request's arena is the
 * coordinator's: one call of a request at a time. The response is in the arena.
 */
struct broker_group_call *broker_group_call_new(struct broker_request *request);
void broker_group_call_send(struct broker_group_call *call, enum group_op op,
                            struct wire_string group_id, const void *message,
                            void (*done)(struct broker_group_call *call, void *response));
/* To the coordinator of one partition of __consumer_offsets. */
void broker_group_call_send_partition(struct broker_group_call *call, enum group_op op,
                                      int32_t partition, const void *message,
                                      void (*done)(struct broker_group_call *call, void *response));

/*
 * Several calls of one request, one after the other, without a stack that grows with them.
 */
struct broker_group_walk {
    struct broker_request *request;
    void *reply;
    int32_t next;
    int32_t count;
    void (*ask)(struct broker_group_walk *walk); /* sends the call number `next` */
    size_t room; /* of an array in the reply that grows, for the caller */
    bool running;
    bool again;
};

struct broker_group_walk *broker_group_walk_new(struct broker_request *request, void *reply,
                                                int32_t count,
                                                void (*ask)(struct broker_group_walk *walk));
/* Asks number `next`; at the end the request is completed with the reply. */
void broker_group_walk_go(struct broker_group_walk *walk);

/* What is committed in all groups of the shard. */
void broker_groups_offsets(const struct broker_groups *groups, group_offset_fn *fn, void *context);

/* Partitions of __consumer_offsets; 0: it does not exist yet. */
int32_t broker_groups_partition_count(const struct broker_shard *shard);

#endif
