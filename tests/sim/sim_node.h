#ifndef SIM_NODE_H
#define SIM_NODE_H
/*
 * A machine of the simulated world: a clock, a disk, an address, and one process with its shards.
 * The machine and its disk outlive the process. Brokers and clients alike are such nodes.
 *
 * Invariants
 * 1. The process's functions run with world->current set to the shard that they run on, or, in a
 * job, with world->job_node set. A call on an env from any other place is an error of the code
 * under test and stops the run. While the process boots, all its envs may be used.
 * 2. What happens to a shard (a message, a timer, a stream, a job's end) waits in its `ready` list,
 * and is handed out in the shard's next turn, in the order in which it came.
 * 3. Messages between two shards stay in order; the jobs of one queue run, and end, in order.
 * 4. A node that is dying changes nothing more: every call on its env or disk is without effect.
 *
 * States: down -> (sim_node_boot) up -> (sim_node_crash) down; up -> (sim_node_stop) stopping, when
 * its process says so down. Paused is beside these: a paused node's shards have no turns.
 */
#include "base/hmap.h"
#include "env/disk.h"
#include "env/env.h"
#include "sim_mem.h"
#include "sim_storage.h"
#include "sim_world.h"

struct sim_process_options {
    struct sim_node *node;
    struct env **envs; /* one for each shard; lives as long as the process */
    uint32_t shard_count;
    struct env_disk *disk; /* for what is done before the loop begins; only while booting */
};

/* What runs on a node. All functions run as the process, on its shard 0. */
struct sim_process_ops {
    void *(*boot)(void *context, const struct sim_process_options *options);
    /* Asks it to end in good order; it calls sim_node_stopped when it has. NULL: at once. */
    void (*stop)(void *context, void *process);
    /* After it has stopped: gives everything back. Not called after a crash. */
    void (*free)(void *context, void *process);
};

enum sim_crash {
    SIM_CRASH_KILL,  /* kill -9: the machine goes on, what was written is in its page cache */
    SIM_CRASH_POWER, /* power loss: what was not synced is anybody's guess */
};

/* Something that a shard is to be called for. Embedded. */
struct sim_ready {
    struct list node;
    void (*run)(struct sim_shard *shard, struct sim_ready *ready);
};

struct sim_shard {
    struct env env; /* first */
    struct sim_node *node;
    struct list ready;
    struct sim_event turn;
    struct sim_event alarm; /* when the first timer is due */
    struct heap timers;     /* of env_timer; keys are the node's monotonic time */
    uint64_t busy_until_ns;
    uint64_t *post_last_ns; /* by sending shard: when its last message arrives */
    struct list messages;   /* on their way to this shard */
};

struct sim_clock {
    uint64_t anchor_ns; /* world time at which the two below were true */
    uint64_t mono_ns;
    int64_t wall_ns; /* since 1970 */
    int64_t drift_ppm;
};

#define SIM_DEVICES_MAX 17 /* 16 log directories and "none" */

struct sim_device {
    uint32_t busy_threads;
    uint64_t stalled_until_ns;
    struct list runnable; /* of sim_queue */
    struct sim_event wake;
};

struct sim_node {
    struct sim_world *world;
    uint32_t id;
    char name[32];
    char address[32]; /* 10.0.x.y */
    struct prng prng;
    struct prng prng_random; /* what env_random gives */
    struct sim_clock clock;
    struct sim_storage *storage;
    struct sim_disk disk; /* what jobs are handed */

    bool up;
    bool paused;
    bool booting;
    bool stopping;
    bool stopped;     /* sim_node_stopped was called */
    bool machine_off; /* since a power loss, until it boots */
    bool dying;       /* crashes as soon as the present event is over */
    enum sim_crash dying_how;
    uint32_t incarnation; /* counts boots */

    struct sim_process_ops ops;
    void *ops_context;
    void *process;
    struct sim_mem_owner memory;
    uint32_t shard_count;
    struct sim_shard *shards;
    struct env **envs;
    struct sim_device devices[SIM_DEVICES_MAX];
    /* A shard that writes to a device (/dataN is device N) that stalls waits for it when so many
     * bytes are not on its disk yet, and that stops the run: a loop never stops. 0: never. */
    uint64_t unwritten_bytes_max;
    struct hmap queues;     /* of sim_queue, by address of the env_queue; looked up, never walked */
    struct list jobs;       /* all of them, for a crash */
    struct list holds;      /* threads that are busy after their job, likewise */
    struct list queue_list; /* likewise */

    /* Told after the node went down, by a crash or by itself. */
    void (*on_down)(void *context, struct sim_node *node, bool crashed);
    void *on_down_context;
};

/* A machine that is down, with an empty disk. The name also is its host name. */
struct sim_node *sim_node_new(struct sim_world *world, const char *name);
/* By the world alone, when its net is gone. */
void sim_node_destroy(struct sim_node *node);

void sim_node_boot(struct sim_node *node, uint32_t shard_count, const struct sim_process_ops *ops,
                   void *context);
/* Boots what ran last, with as many shards as given. */
void sim_node_reboot(struct sim_node *node, uint32_t shard_count);
/* From a scenario's event: at once. From inside the process (a checker's hook): use _kill. */
void sim_node_crash(struct sim_node *node, enum sim_crash how);
/* A power loss, whether or not the process is up. */
void sim_node_power_off(struct sim_node *node);
/* Crashes when the present event is over; until then nothing that the node does has an effect. */
void sim_node_kill(struct sim_node *node, enum sim_crash how);
void sim_node_stop(struct sim_node *node);
/* The process's word that it has ended, asked to or not: no timer set, no job or message of its own
 * under way. */
void sim_node_stopped(struct sim_node *node);
void sim_node_pause(struct sim_node *node);
void sim_node_resume(struct sim_node *node);

uint64_t sim_node_mono_ns(const struct sim_node *node);
int64_t sim_node_wall_ms(const struct sim_node *node);
void sim_node_clock_jump(struct sim_node *node, int64_t wall_ns);
/* -500000 ... 500000 */
void sim_node_clock_drift(struct sim_node *node, int64_t ppm);
/* The devices's threads do nothing until then. */
void sim_node_stall(struct sim_node *node, uint32_t device, uint64_t ns);
bool sim_node_stalls(const struct sim_node *node, uint32_t device);

/* For the other parts of the world. */
struct sim_node *sim_env_node(struct env *env);
struct sim_shard *sim_env_shard(struct env *env);
/* Once; harmless when it is in the list already. */
void sim_shard_ready(struct sim_shard *shard, struct sim_ready *ready);
static inline void sim_ready_init(struct sim_ready *ready,
                                  void (*run)(struct sim_shard *, struct sim_ready *))
{
    list_init(&ready->node);
    ready->run = run;
}
static inline bool sim_ready_is_set(const struct sim_ready *ready)
{
    return !list_empty(&ready->node);
}
/* Runs code of the process on a shard of it, as a scenario may do to poke it. */
void sim_shard_call(struct sim_shard *shard, void (*fn)(struct env *env, void *context),
                    void *context);
/* sim_env.c: the table; sim_jobs.c: jobs. */
extern const struct env_ops sim_env_ops;
void sim_jobs_init(struct sim_node *node);
void sim_jobs_submit(struct sim_shard *shard, struct env_queue *queue, struct env_job *job);
void sim_jobs_discard(struct sim_node *node);
/* Fails when one is under way. */
void sim_jobs_check_none(struct sim_node *node);
void sim_shard_discard(struct sim_shard *shard);
void sim_shard_init(struct sim_node *node, struct sim_shard *shard, uint32_t index);
void sim_shard_alarm(struct sim_shard *shard);
/* Asserts that the caller may use this env now; false: the node is dying, do nothing. */
bool sim_env_enter(struct sim_shard *shard);

#endif
