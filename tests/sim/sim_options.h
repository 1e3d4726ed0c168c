#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H
/*
 * What kind of world a seed lives in. The seed draws this first: not only which faults happen, but
 * how often and of which sort, so that one seed has tiny latencies and torn writes, another a slow
 * disk and streams that come byte by byte.
 *
 * Chances are in parts per million of the calls that they are about (_ppm), times are in simulated
 * nanoseconds (_ns).
 */
#include "base/prng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What becomes of a write that no sync covered when the power goes. Weights, not all 0. */
struct sim_fates {
    uint32_t kept;
    uint32_t lost;
    uint32_t torn;    /* some of its sectors */
    uint32_t zeros;   /* the file has grown, the bytes are 0 */
    uint32_t garbage; /* kept, but for a sector of noise */
};

struct sim_options {
    /* Shards. A turn of the loop takes 1 + [0, turn_ns_max]; a message [0, post_ns_max]. */
    uint64_t turn_ns_max;
    uint64_t post_ns_max;

    /* Disk threads: of each device; a job waits for one, then [0, job_ns_max], then runs, occupies
     * its thread [0, op_ns_max] for each call, and is reported after [0, done_ns_max]. */
    uint32_t device_threads;
    uint64_t job_ns_max;
    uint64_t op_ns_max;
    uint64_t done_ns_max;
    uint32_t stall_ppm; /* of the jobs: the device stalls for [0, stall_ns_max] */
    uint64_t stall_ns_max;

    /* Files. */
    uint32_t read_absent_ppm; /* env_file_read: not in memory */
    uint32_t read_short_ppm;  /* env_file_read: only the beginning is */
    uint32_t io_error_ppm;    /* any call */
    uint32_t sync_error_ppm;
    bool names_ordered; /* a power loss keeps a prefix of the name changes, else any of them */
    struct sim_fates fates;
    uint64_t writeback_ns; /* what is older than this is on the disk by itself */

    /* Streams. */
    uint64_t latency_ns_min; /* one way */
    uint64_t latency_ns_max;
    uint64_t bytes_per_ms; /* of a stream, one way; 0: no limit */
    size_t stream_buffer;  /* bytes under way and unread in one direction */
    size_t chunk_max;      /* 0: whole; else what one call or one arrival carries at most */
    uint32_t reset_ppm;    /* of the arrivals: the connection breaks instead */
    uint32_t refuse_ppm;   /* of the connects */
    uint64_t retry_ns;     /* what did not get through is tried again after this */
    uint64_t give_up_ns;   /* and no longer than this: the connection breaks */
    uint64_t connect_give_up_ns;
};

/* No faults at all, small latencies. */
void sim_options_calm(struct sim_options *options);
/* A world with faults of its own kind. Crashes, partitions and lost disks are a scenario's. */
void sim_options_draw(struct sim_options *options, struct prng *prng);
/* The faults go, the latencies become small: the world of the liveness phase. */
void sim_options_heal(struct sim_options *options);

#endif
