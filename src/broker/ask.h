#ifndef BROKER_ASK_H
#define BROKER_ASK_H
/*
 * A question of a request's handler to the controller: from the connection's shard to shard 0,
 * where the controller lives, and back. The message is read and the response is made while the
 * request's own shard leaves both alone; they live in the request's arena.
 */
#include "broker/call.h"
#include "broker/controller.h"
#include "broker/request.h"

struct broker_ask {
    struct broker_call call;
    struct controller_call submit;
    struct broker_request *request;
    void (*done)(struct broker_request *request, struct broker_ask *ask, const void *response);
};

/*
 * Ask in this API and version. `done` comes once, on the request's shard, perhaps before this
 * returns; the request may have lost its connection by then. A node that has no controller answers
 * NOT_CONTROLLER.
 */
void broker_ask(struct broker_request *request, int16_t api_key, int16_t version,
                const void *message,
                void (*done)(struct broker_request *request, struct broker_ask *ask,
                             const void *response));
/* The request's own message, in its version; its reply is the controller's. */
void broker_ask_forward(struct broker_request *request);

#endif
