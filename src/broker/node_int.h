#ifndef BROKER_NODE_INT_H
#define BROKER_NODE_INT_H
/*
 * A node's parts and how they hang together: node.c (life, images), listeners.c, node_start.c,
 * node_stop.c, checkpoints.c. Everything here is shard 0's, but for what never changes once the
 * node runs (options, conf, id, shards, cluster_id, dirs' paths and ids).
 */
#include "base/uuid.h"
#include "broker/call.h"
#include "broker/node.h"
#include "broker/shard.h"
#include "conf/conf.h"
#include "env/env.h"
#include "meta/image.h"
#include "plog/plog_dir.h"

#include <stdbool.h>

struct broker_lag;
struct controller;
struct lifecycle;
struct plog_host;
struct node_start;
struct node_stop;
struct node_checkpoints;
struct node_space;

/* Tokens for new connections (admission.c). */
struct broker_rate {
    double tokens;
    uint64_t at_ns; /* when they were counted; 0: never */
};

struct broker_listener {
    struct broker_node *node;
    const struct conf_listener *conf;
    const struct conf_listener *advertised; /* NULL: not told to anybody */
    const char *name;
    bool controller;
    struct env_listener *listener; /* NULL while closed */
    uint32_t conn_count;           /* admitted and not yet known to be closed */
    struct broker_rate rate;
    bool accepting;
    bool full;
    uint16_t port; /* real, once it was bound */
    bool open;
};

/* Connections of the whole node, by address and in all; [1]: those of controllers' listeners. */
struct broker_admission {
    struct hmap addresses;
    uint32_t counts[2];
    struct broker_rate rates[2];
    struct env_timer again; /* when there are tokens again */
    uint64_t refused;
    struct log_limit lines;
};

/* A connection of a shard is closed: told to shard 0. */
struct broker_departure {
    struct broker_call call;
    struct list node; /* in shard->departures */
    struct broker_listener *listener;
    char address[ENV_ADDRESS_BYTES];
};

/* A directory failed on one shard: told to shard 0, and from there to all. */
struct broker_dir_notice {
    struct broker_call call;
    uint32_t dir;
    enum err err;
    bool used;
};

/* One log directory. */
struct broker_dir {
    const char *path;
    struct uuid id;
    struct env_file *lock;
    struct env_queue queue;          /* of jobs for the directory as a whole */
    struct plog_dir_content content; /* while starting */
    struct broker_dir_notice *up;    /* one for each shard, which tells it to shard 0 */
    struct broker_dir_notice *down;  /* and one that shard 0 tells it */
    bool offline;                    /* as shard 0 knows */
    bool full;                       /* below the reserve (space.c), as shard 0 knows */
    uint64_t free_bytes;             /* when it was last looked at, as the next; 0: not yet */
    uint64_t total_bytes;
};

enum broker_node_state {
    BROKER_NODE_NEW,
    BROKER_NODE_STARTING, /* node_start.c has the stages */
    BROKER_NODE_RUNNING,
    BROKER_NODE_STOPPING, /* node_stop.c */
    BROKER_NODE_STOPPED,
};

struct broker_node {
    struct broker_node_options options;
    const struct conf *conf;
    struct env **envs;
    struct broker_shard *shards;
    uint32_t shard_count;
    int32_t id;
    bool is_broker;
    bool is_controller;
    enum broker_node_state state;

    char *cluster_id; /* NULL before it is known; set before any listener opens */
    struct broker_dir *dirs;
    size_t dir_count;     /* log.dirs, and after them metadata.log.dir where it is another */
    size_t log_dir_count; /* those that hold partitions */
    size_t metadata_dir;

    struct broker_listener *listeners;
    size_t listener_count;
    struct broker_admission admission;

    struct env_queue queue; /* jobs that belong to no directory */
    struct plog_host *host; /* of the metadata log, on shard 0 */
    struct controller *controller;
    struct lifecycle *lifecycle; /* NULL on a node that is no broker */
    struct meta_image *image;    /* the newest that the controller told; counted */
    int64_t published_offset;    /* of the newest image that was sent to the shards; -1 */
    struct list publishing;      /* images on their way to shards (node.c) */
    bool publish;                /* shards get images from now on */
    struct broker_lag *lag;      /* how far groups are behind; NULL on a node that is no broker */
    struct node_start *start;
    struct node_stop *stop;
    struct node_checkpoints *checkpoints;
    struct node_space *space;     /* NULL: not running, or there is no reserve */
    struct list cleaners_waiting; /* of cleaner.c: shards that want to clean a log */
    uint32_t cleaners_running;
    bool failed; /* options.failed was called */
};

static inline struct env *broker_node_env(const struct broker_node *node)
{
    return node->envs[0];
}

static inline struct broker_shard *broker_node_shard(const struct broker_node *node, uint32_t index)
{
    ASSERT(index < node->shard_count);
    return &node->shards[index];
}

/* The node cannot go on: tell the owner, once. */
void broker_node_fail(struct broker_node *node, const char *why);
/* The controller tells a newer image; the context is the node. */
void broker_node_image(void *context, struct meta_image *image);
/* Sends the newest image to all shards, if it was not yet; once node->publish is set. */
void broker_node_publish(struct broker_node *node);
/* For replica_set_options: called on any shard; the context is the shard. */
void broker_node_dir_failed(void *context, uint32_t dir, enum err err, const char *what);

/* ---- space.c ---- */

/* Once the logs are open. */
void broker_space_start(struct broker_node *node);
void broker_space_stop(struct broker_node *node);
/* After broker_space_stop: nothing is under way any more. */
bool broker_space_is_idle(const struct broker_node *node);
void broker_space_free(struct broker_node *node);
/* In a job of a start: room for it on a full disk. */
void broker_ballast_drop(struct env_disk *disk, const char *dir);

/* ---- listeners.c ---- */

void broker_listeners_init(struct broker_node *node);
/* All take their ports, so that one in use is told before anything else is done and the real port
 * is known when the node registers; those of controllers are open from now on. On an error `why`
 * (a sentence) is set. */
enum err broker_listeners_bind(struct broker_node *node, char *why, size_t why_size) MUST_USE;
/* And the others. */
enum err broker_listeners_open(struct broker_node *node, char *why, size_t why_size) MUST_USE;
void broker_listeners_close(struct broker_node *node);
/* What others are told to dial. */
const char *broker_listener_host(const struct broker_listener *listener);
uint16_t broker_listener_port(const struct broker_listener *listener);

/* ---- admission.c ---- */

void broker_admission_init(struct broker_node *node);
/* Listeners are closed: nothing is accepted any more. */
void broker_admission_stop(struct broker_node *node);
void broker_admission_deinit(struct broker_node *node);
/* For env_listen_options; the context is the listener. */
bool broker_admit(struct env *env, void *context, const char *peer);
/* On the shard of a connection that was admitted and is gone. */
void broker_depart(struct broker_shard *shard, const struct broker_listener *listener,
                   const char *peer);
/* For a node that is thrown away. */
void broker_departures_drop(struct broker_shard *shard);

/* ---- node_start.c ---- */

void broker_start_begin(struct broker_node *node);
/* A newer image, a registration: what was waited for may be there. */
void broker_start_image(struct broker_node *node);
/* Nothing of the start is under way any more that could not be stopped. */
bool broker_start_is_idle(const struct broker_node *node);
void broker_start_free(struct broker_node *node);

/* ---- node_stop.c ---- */

void broker_stop_begin(struct broker_node *node);
/* The start is idle: the stop may go on. */
void broker_stop_start_idle(struct broker_node *node);
void broker_stop_free(struct broker_node *node);

/* ---- checkpoints.c ---- */

void broker_checkpoints_start(struct broker_node *node);
/* Stores the recovery points as they are, without a sync of the logs before. */
void broker_checkpoints_lower(struct broker_node *node, void (*done)(struct broker_node *node));
/* No more by themselves. */
void broker_checkpoints_stop(struct broker_node *node);
/* All files of all directories, once the logs are closed; `clean`: and the mark of a clean stop. */
void broker_checkpoints_final(struct broker_node *node, bool clean, int64_t broker_epoch,
                              void (*done)(struct broker_node *node));
void broker_checkpoints_free(struct broker_node *node);

#endif
