#ifndef BROKER_NODE_H
#define BROKER_NODE_H
/*
 * A whole node: broker and controller of one set of data directories, over one env for each shard.
 * It has no globals, so that many live in one process in the simulator. All calls are made on shard
 * 0; all callbacks come there, from the top of its loop.
 */
#include "base/assert.h"
#include "base/err.h"
#include "env/env.h"

#include <stdint.h>

struct broker_node;
struct conf;

struct broker_node_options {
    struct env *const *envs; /* one for each shard, copied; shard i's has shard == i */
    uint32_t env_count;
    const struct conf *conf; /* borrowed until broker_node_free */
    const char *hostname;    /* advertised for listeners that name no host */
    void *context;
    /* The listeners are open and the broker is unfenced. */
    void (*running)(void *context, struct broker_node *node);
    /* All is closed and on disk; broker_node_free is next. */
    void (*stopped)(void *context, struct broker_node *node);
    /* The node cannot go on: `why` is a sentence that says what to do. It still has to be freed. */
    void (*failed)(void *context, struct broker_node *node, const char *why);
};

struct broker_node *broker_node_new(const struct broker_node_options *options);

/* Directories, lock, identity, metadata log, controller, partitions, registration, listeners. */
void broker_node_start(struct broker_node *node);
/* Clean: no new connections, requests in flight finish, leaderships move away, logs are closed with
 * their checkpoints. At any time after start; once. */
void broker_node_stop(struct broker_node *node);
/* Frees memory and touches nothing outside: also how a crashed node is thrown away. */
void broker_node_free(struct broker_node *node);

/* The port a listener ("PLAINTEXT", say) is bound to; 0 when there is none such or not yet. */
uint16_t broker_node_port(const struct broker_node *node, const char *listener);

#endif
