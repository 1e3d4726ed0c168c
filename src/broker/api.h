#ifndef BROKER_API_H
#define BROKER_API_H
/*
 * The one list of what this node answers. Dispatch, version checks and ApiVersions all read it, so
 * what is advertised is what is served. A row names the versions that are served here, which may be
 * fewer than the protocol has (wire/api.h); each handler is in the file broker/api/<api>.c.
 */
#include <stddef.h>
#include <stdint.h>

struct broker_request;

enum broker_api_flags {
    BROKER_API_BROKER = 1,     /* on the listeners for clients and other brokers */
    BROKER_API_CONTROLLER = 2, /* on the listeners of controller.listener.names */
    /* May run while earlier requests of its connection, which have this flag as well, are still
     * under way. */
    BROKER_API_OVERLAPS = 4,
};

struct broker_api {
    int16_t key; /* enum wire_api_key */
    int16_t version_min;
    int16_t version_max;
    /* What ApiVersions says; lower than version_min only where clients draw conclusions from it
     * (Produce, KAFKA-18659). */
    int16_t advertised_min;
    uint16_t flags;
    /* Answers with broker_request_complete (or _complete_silent, _abort), before it returns or
     * later. */
    void (*handle)(struct broker_request *request);
};

extern const struct broker_api broker_apis[]; /* by key, ascending */
extern const size_t broker_api_count;

/* NULL when this node does not serve the key. */
const struct broker_api *broker_api_find(int16_t key);

#endif
