#ifndef BROKER_CONTROLLER_H
#define BROKER_CONTROLLER_H
/*
 * The controller of a node, on shard 0: the metadata log (quorum), the decisions (control) and
 * their runtime (coord) bound together, with the one timer they share.
 *
 * It is also where a node that is no controller gets its images from (an observer of the quorum).
 */
#include "base/arena.h"
#include "base/assert.h"
#include "base/err.h"
#include "coord/coord.h"
#include "env/env.h"
#include "meta/image.h"
#include "quorum/quorum.h"

#include <stdbool.h>
#include <stdint.h>

struct conf;
struct controller;
struct plog_host;

struct controller_options {
    struct env *env; /* shard 0's */
    struct plog_host *host;
    uint32_t metadata_dir; /* index among the host's directories */
    const char *metadata_dir_path;
    const struct conf *conf;  /* borrowed until controller_free */
    const char *cluster_id;   /* copied, as all below */
    struct uuid directory_id; /* of the metadata directory */
    /* Of the controller's listeners, as they are advertised, with real ports. */
    const struct quorum_endpoint *endpoints;
    size_t endpoint_count;

    void *context;
    /* A newer committed image (the first one is what was loaded at start). Borrowed. */
    void (*image)(void *context, struct meta_image *image);
    /* The node cannot go on; `why` says what to do. At most once; controller_stop comes next. */
    void (*failed)(void *context, const char *why);
};

struct controller *controller_new(const struct controller_options *options);
void controller_start(struct controller *controller);
/* Once, in any state. Calls under way are answered with NOT_CONTROLLER first. */
void controller_stop(struct controller *controller, void (*stopped)(void *context, enum err err));
/* Memory only: after `stopped`, or to throw a crashed node away (calls under way are forgotten). */
void controller_free(struct controller *controller);

/*
 * One request to the controller, embedded in its owner. Set all of the first part; `request`, the
 * arena and the struct stay as they are until `done`, which comes exactly once, perhaps before
 * controller_submit returns. The response is in the arena.
 */
struct controller_call {
    int16_t api_key;
    int16_t version; /* of the request struct's fields and of the reply's */
    const void *request;
    struct arena *arena;
    void (*done)(struct controller_call *call, const void *response);

    struct coord_reply reply; /* the controller's */
    struct controller *controller;
    const void *response;
};

/* Is this API the controller's? */
bool controller_serves(int16_t api_key);
/* On shard 0. Where this node does not lead, the reply says NOT_CONTROLLER. */
void controller_submit(struct controller *controller, struct controller_call *call);

/* Leads, and has decided to be ready. */
bool controller_is_active(const struct controller *controller);
/* Who leads as far as is known; -1. */
int32_t controller_leader_id(const struct controller *controller);
int32_t controller_leader_epoch(const struct controller *controller);
struct quorum *controller_quorum(struct controller *controller);

#endif
