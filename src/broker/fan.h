#ifndef BROKER_FAN_H
#define BROKER_FAN_H
/*
 * A request about many partitions: each part is done on the shard that owns its partition, parts of
 * one shard in the order in which they were added, and `done` comes when all have ended.
 *
 *     add ... add -> start -> run (owner's shard) -> broker_part_end -> ... -> done (request's
 * shard)
 *
 * Fan and parts are in the request's arena; from start to done they belong to the shards that work
 * on them.
 */
#include "base/uuid.h"
#include "broker/call.h"
#include "broker/request.h"

struct broker_fan;
struct broker_leg;

/* Embedded in the caller's struct for one partition. */
struct broker_part {
    struct broker_leg *leg;
    struct broker_part *next;
};

struct broker_fan {
    struct broker_request *request;
    struct broker_leg *legs; /* one for each shard */
    size_t legs_left;
    /* Ends, now or later, with broker_part_end on the same shard. */
    void (*run)(struct broker_shard *shard, struct broker_part *part);
    void (*done)(struct broker_fan *fan);
};

void broker_fan_init(struct broker_fan *fan, struct broker_request *request,
                     void (*run)(struct broker_shard *shard, struct broker_part *part),
                     void (*done)(struct broker_fan *fan));
void broker_fan_add(struct broker_fan *fan, struct broker_part *part, const struct uuid *topic_id,
                    int32_t partition);
/* `done` may be called before this returns. */
void broker_fan_start(struct broker_fan *fan);
void broker_part_end(struct broker_part *part);
/* What the part belongs to. The request in it is another shard's: only what never changes while it
 * runs (its body, its version) may be looked at. */
struct broker_fan *broker_part_fan(const struct broker_part *part);

#endif
