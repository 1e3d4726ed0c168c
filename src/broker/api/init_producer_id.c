/*
 * InitProducerId for idempotent producers: an id from the block of 1 000 that the broker holds,
 * epoch 0. Transactional ids belong to the transaction coordinator, which this release does not
 * have.
 */
#include "broker/api/handlers_int.h"
#include "broker/node_int.h"

#include "broker/call.h"
#include "broker/lifecycle.h"
#include "broker/request.h"
#include "wire/messages.h"

struct init_producer_id {
    struct broker_call call;
    struct lifecycle_producer_id next;
    struct broker_request *request;
    int16_t error_code;
    int64_t producer_id;
};

static void answer(struct broker_request *request, int16_t error_code, int64_t producer_id)
{
    struct wire_init_producer_id_response *reply = BROKER_REPLY(request, init_producer_id_response);
    reply->error_code = error_code;
    reply->producer_id = error_code == WIRE_ERROR_NONE ? producer_id : -1;
    reply->producer_epoch = error_code == WIRE_ERROR_NONE ? 0 : -1;
    broker_request_complete(request, reply);
}

static void init_answered(struct lifecycle_producer_id *next, int16_t error_code,
                          int64_t producer_id)
{
    struct init_producer_id *init = CONTAINER_OF(next, struct init_producer_id, next);
    init->error_code = error_code;
    init->producer_id = producer_id;
    broker_call_reply(broker_node_shard(init->call.node, init->call.to), &init->call);
}

static void init_run(struct broker_shard *shard, struct broker_call *call)
{
    struct init_producer_id *init = CONTAINER_OF(call, struct init_producer_id, call);
    lifecycle_next_producer_id(shard->node->lifecycle, &init->next);
}

static void init_done(struct broker_shard *shard, struct broker_call *call)
{
    UNUSED(shard);
    struct init_producer_id *init = CONTAINER_OF(call, struct init_producer_id, call);
    answer(init->request, init->error_code, init->producer_id);
}

void broker_api_init_producer_id(struct broker_request *request)
{
    const struct wire_init_producer_id_request *message = request->body;
    if (message->transactional_id.data != NULL) {
        answer(request,
               message->transactional_id.size == 0 ? WIRE_ERROR_INVALID_REQUEST
                                                   : WIRE_ERROR_COORDINATOR_NOT_AVAILABLE,
               -1);
        return;
    }
    /* An id without an epoch, or the other way round, is no producer's (KIP-360). */
    if ((message->producer_id < 0) != (message->producer_epoch < 0)) {
        answer(request, WIRE_ERROR_INVALID_REQUEST, -1);
        return;
    }
    struct init_producer_id *init = arena_must_alloc(&request->arena, sizeof *init);
    init->request = request;
    init->next.done = init_answered;
    init->call.run = init_run;
    init->call.done = init_done;
    broker_call_send(request->shard, 0, &init->call);
}
