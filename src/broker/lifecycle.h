#ifndef BROKER_LIFECYCLE_H
#define BROKER_LIFECYCLE_H
/*
 * A broker's life as the cluster sees it (KIP-631): it registers with the controller, sends
 * heartbeats, is unfenced once it has caught up and is ready, and asks to be let go before it
 * stops. It also gets blocks of producer ids. On shard 0.
 *
 *     NEW --start--> STARTING --registered--> RECOVERY --unfenced--> RUNNING
 *         --begin_shutdown--> PENDING_CONTROLLED_SHUTDOWN --let go--> SHUTTING_DOWN
 */
#include "base/assert.h"
#include "base/err.h"
#include "base/list.h"
#include "base/uuid.h"
#include "env/env.h"
#include "meta/image.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct controller;
struct lifecycle;

/* With Kafka's numbers. */
enum lifecycle_state {
    LIFECYCLE_NEW = 0,
    LIFECYCLE_STARTING = 1,
    LIFECYCLE_RECOVERY = 2,
    LIFECYCLE_RUNNING = 3,
    LIFECYCLE_PENDING_CONTROLLED_SHUTDOWN = 6,
    LIFECYCLE_SHUTTING_DOWN = 7,
};

struct lifecycle_listener {
    const char *name;
    const char *host; /* advertised */
    uint16_t port;    /* real */
    int16_t security_protocol;
};

struct lifecycle_options {
    struct env *env;
    struct controller *controller;
    int32_t node_id;
    const char *cluster_id; /* copied, as all strings and arrays */
    const struct lifecycle_listener *listeners;
    size_t listener_count;
    const char *rack;            /* NULL: none */
    const struct uuid *log_dirs; /* ids of the directories that work */
    size_t log_dir_count;
    int64_t previous_broker_epoch;   /* of the last clean stop; -1 */
    int64_t heartbeat_interval_ms;   /* broker.heartbeat.interval.ms */
    int64_t session_timeout_ms;      /* broker.session.timeout.ms */
    int64_t registration_timeout_ms; /* initial.broker.registration.timeout.ms */

    void *context;
    /* Registered: its epoch is known. Partitions may be opened now; then lifecycle_ready. */
    void (*registered)(void *context, int64_t broker_epoch);
    /* Unfenced for the first time: clients may be served. */
    void (*running)(void *context);
    /* The controller does not take the registration, or did not in time; `why` says what to do. */
    void (*failed)(void *context, const char *why);
};

struct lifecycle *lifecycle_new(const struct lifecycle_options *options);
void lifecycle_free(struct lifecycle *lifecycle);

/* Registers as soon as a controller answers. */
void lifecycle_start(struct lifecycle *lifecycle);
/* The image that the broker has caught up with; call it for each new one. */
void lifecycle_image(struct lifecycle *lifecycle, const struct meta_image *image);
/* The broker has opened its partitions and can serve: it wants to be unfenced from now on. */
void lifecycle_ready(struct lifecycle *lifecycle);
/* A log directory has failed: told to the controller with the next heartbeat, which is sent now. */
void lifecycle_dir_failed(struct lifecycle *lifecycle, struct uuid directory_id);
/*
 * Asks to be let go; `done` when the controller has moved the leaderships away (err ERR_OK), or
 * when timeout_ms is over (ERR_TIMEOUT). Before RUNNING it is done at once.
 */
void lifecycle_shutdown(struct lifecycle *lifecycle, int64_t timeout_ms,
                        void (*done)(void *context, enum err err));
/* No timer, no call to the controller after this. */
void lifecycle_stop(struct lifecycle *lifecycle);

enum lifecycle_state lifecycle_state(const struct lifecycle *lifecycle);
/* -1 before it is registered. */
int64_t lifecycle_broker_epoch(const struct lifecycle *lifecycle);

/* ---- Producer ids ------------------------------------------------------------------------------
 */

/*
 * One id, from the block that this broker holds; another block is asked for before it is used up.
 * Embedded; the lifecycle's until done, which comes once, perhaps before the call returns. `error`
 * is a code of wire/errors.h.
 */
struct lifecycle_producer_id {
    void (*done)(struct lifecycle_producer_id *request, int16_t error, int64_t producer_id);
    struct list node; /* lifecycle's */
};
void lifecycle_next_producer_id(struct lifecycle *lifecycle, struct lifecycle_producer_id *request);

#endif
