#ifndef BROKER_LAG_H
#define BROKER_LAG_H
/*
 * How far groups are behind: for each partition that a group has committed an offset of, the
 * records from there to the high watermark, and the age of the first of them. Of the groups that
 * this node coordinates, in partitions that it leads. On shard 0.
 *
 * Nothing is done as long as nobody asks. Who does gets what the last look found, and looks go on
 * every LAG_INTERVAL_MS until nobody has asked for LAG_WANTED_MS.
 */
#include "broker/shard.h"
#include "wire/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAG_INTERVAL_MS 10000
#define LAG_WANTED_MS 300000
/* Further partitions are left out. */
#define LAG_ROWS_MAX 100000

struct broker_lag;

struct broker_lag_row {
    struct wire_string group;
    struct wire_string topic;
    int32_t partition;
    int64_t committed; /* the offset */
    int64_t records;   /* -1: this node does not lead the partition */
    int64_t age_ms;    /* of the first record that is not consumed; 0: none, -1: not known */
};

struct broker_lag *broker_lag_new(struct broker_shard *shard);
/* Idle, or the node is thrown away. NULL is harmless. */
void broker_lag_free(struct broker_lag *lag);
/* The rows of the last look, of one group one after the other; good until the caller returns. */
const struct broker_lag_row *broker_lag_rows(struct broker_lag *lag, size_t *count);
/* No more looks: the shard is stopping. NULL is harmless. */
void broker_lag_stop(struct broker_lag *lag);
/* No look is under way. One that is ends soon when the shards are stopping. */
bool broker_lag_is_idle(const struct broker_lag *lag);

#endif
