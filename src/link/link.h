#ifndef LINK_LINK_H
#define LINK_LINK_H
/*
 * A connection to a Kafka node, as its client: connects, learns the node's versions, sends requests
 * (as many at once as the caller likes), gives each its response in order, gives up on what takes
 * too long, and connects again with a growing pause. For one shard; all callbacks come from the top
 * of its loop, and any function of a link may be called inside them.
 */
#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"
#include "base/rcbuf.h"
#include "env/env.h"

#include <stdbool.h>
#include <stdint.h>

struct link;
struct link_request;

enum link_state {
    LINK_STATE_IDLE,        /* link_open was not called, or link_close was */
    LINK_STATE_CONNECTING,  /* the stream is on its way */
    LINK_STATE_NEGOTIATING, /* ApiVersions is on its way */
    LINK_STATE_READY,       /* link_send works */
    LINK_STATE_WAITING,     /* until it is time to try again */
};

struct link_options {
    const char *host; /* copied, as the other texts */
    uint16_t port;
    const char *client_id;
    const char *software_name; /* told in ApiVersions (KIP-511) */
    const char *software_version;
    uint32_t connect_timeout_ms; /* 0: 10 000, as Kafka's socket.connection.setup.timeout.ms */
    uint32_t request_timeout_ms; /* 0: 30 000 */
    uint32_t backoff_ms;         /* 0: 50; doubles with each failure, with jitter of a fifth */
    uint32_t backoff_max_ms;     /* 0: 1 000 */
    uint32_t response_bytes_max; /* 0: 100 MiB; a longer one breaks the connection */
    struct rcbuf_pool *pool;     /* responses are received into its buffers */
    void *context;
    /* The state changed; `why` tells the reason of LINK_STATE_WAITING. May be NULL. */
    void (*on_state)(void *context, struct link *link, enum link_state state, enum err why);
};

struct link_response {
    enum err err;        /* ERR_OK, or why there is none: ERR_RESET, ERR_CLOSED, ERR_TIMEOUT,
                            ERR_CORRUPT, ERR_NOMEM. The request may have been carried out. */
    int16_t version;     /* of the message */
    const void *message; /* struct wire_..._response; lives during the callback */
    struct rcbuf *frame; /* what the message's bytes point into; ref it to keep them */
};

/* Embedded in what waits for the response; belongs to the link from link_send to `done`. */
struct link_request {
    struct list node;
    int16_t key;
    int16_t version;
    int32_t correlation_id;
    uint64_t deadline_ns;
    bool silent; /* no response comes (Produce with acks 0): done once it is handed to the stream */
    void (*done)(struct link *link, struct link_request *request,
                 const struct link_response *response);
};

struct link *link_new(struct env *env, const struct link_options *options);
/* Requests in flight are dropped without their `done`. Touches the world only if it is open. */
void link_free(struct link *link);

/* Connect, and again whenever the connection is lost, until link_close. */
void link_open(struct link *link);
/* Requests in flight end with ERR_CLOSED, before this returns. */
void link_close(struct link *link);
enum link_state link_state(const struct link *link);
void *link_context(const struct link *link);

/* The version that a request of this key is sent in: the highest that both sides know. ERR_VERSION
 * when there is none, ERR_AGAIN when the link is not ready. */
enum err link_version(const struct link *link, int16_t key, int16_t *out) MUST_USE;
/* The node's own range for a key; ERR_VERSION when it does not serve it. */
enum err link_node_versions(const struct link *link, int16_t key, int16_t *out_min,
                            int16_t *out_max) MUST_USE;

/*
 * Sends a message (the request struct of the key), which is copied. request->done is set, and is
 * called exactly once unless an error is returned: ERR_AGAIN (not ready), ERR_VERSION, ERR_INVALID
 * (a field that this version cannot carry). version_max caps the version; INT16_MAX for no cap.
 * timeout_ms 0 means the option's.
 */
enum err link_send(struct link *link, struct link_request *request, int16_t key,
                   int16_t version_max, const void *message, uint32_t timeout_ms) MUST_USE;
size_t link_in_flight(const struct link *link);

#endif
