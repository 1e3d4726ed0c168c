#ifndef BROKER_NODE_INT_H
#define BROKER_NODE_INT_H
#include "base/uuid.h"
#include "broker/node.h"
#include "broker/shard.h"
#include "conf/conf.h"
#include "env/env.h"
#include "meta/image.h"

#include <stdbool.h>

struct controller;
struct lifecycle;
struct plog_host;
struct node_start;
struct node_stop;
struct node_checkpoints;

struct broker_listener {
    struct broker_node *node;
    const struct conf_listener *conf;
    const char *name;
    bool controller;
    struct env_listener *listener; /* NULL while closed */
    uint16_t port;                 /* real, once it was open */
    const char *advertised_host;   /* NULL: not advertised */
    uint16_t advertised_port;
};

/* One log directory. */
struct broker_dir {
    const char *path;
    struct uuid id;
    struct env_file *lock;
    bool offline;
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
    enum broker_node_state state; /* shard 0's, as all below but what never changes */

    char *cluster_id; /* NULL before it is known; set before any listener opens */
    struct broker_dir *dirs;
    size_t dir_count;
    size_t metadata_dir;

    struct broker_listener *listeners;
    size_t listener_count;

    struct env_queue queue; /* jobs that belong to no directory */
    struct plog_host *host; /* of the metadata log, on shard 0 */
    struct controller *controller;
    struct lifecycle *lifecycle; /* NULL on a node that is no broker */
    struct meta_image *image;    /* newest that shard 0 got from the controller; counted */
    bool publishing;             /* shards get images from now on */
    struct node_start *start;    /* while STARTING */
    struct node_stop *stop;      /* while STOPPING */
    struct node_checkpoints *checkpoints;
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

#endif
