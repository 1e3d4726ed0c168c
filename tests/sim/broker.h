#ifndef BROKER_H
#define BROKER_H
/* A whole node (broker/node.h) as a simulated process. */
#include "sim_node.h"

struct broker_options {
    uint32_t log_dir_count;      /* /data0, /data1 ... */
    uint32_t snapshot_bytes;     /* metadata.log.max.record.bytes.between.snapshots; 0: default */
    uint32_t checkpoint_ms;      /* of the recovery point and the high watermark; 0: default */
    uint32_t index_interval;     /* log.index.interval.bytes; 0: default */
    uint32_t retention_check_ms; /* log.retention.check.interval.ms, log.initial.task.delay.ms */
    uint32_t offsets_partitions; /* offsets.topic.num.partitions; 0: default */
    uint32_t group_delay_ms;     /* group.initial.rebalance.delay.ms; 0: default */
    uint32_t unwritten_bytes;    /* ottla.unwritten.bytes.max; 0: default */
    uint32_t idle_ms;            /* connections.max.idle.ms; 0: default */
};

/* What is known of the process from outside; lives on when it is gone. */
struct broker_status {
    struct broker_options options;
    struct sim_node *node;
    bool running; /* unfenced, listeners open */
    bool failed;  /* it says that it cannot go on */
    char why[256];
};

extern const struct sim_process_ops broker_process_ops; /* the context is a struct broker_status */

#endif
