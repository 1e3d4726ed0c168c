#include "broker/ask.h"

#include "broker/node_int.h"

static void ask_answered(struct controller_call *submit, const void *response)
{
    struct broker_ask *ask = CONTAINER_OF(submit, struct broker_ask, submit);
    ask->submit.response = response;
    broker_call_reply(broker_node_shard(ask->call.node, ask->call.to), &ask->call);
}

static void ask_run(struct broker_shard *shard, struct broker_call *call)
{
    struct broker_ask *ask = CONTAINER_OF(call, struct broker_ask, call);
    controller_submit(shard->node->controller, &ask->submit);
}

static void ask_done(struct broker_shard *shard, struct broker_call *call)
{
    UNUSED(shard);
    struct broker_ask *ask = CONTAINER_OF(call, struct broker_ask, call);
    ask->done(ask->request, ask, ask->submit.response);
}

void broker_ask(struct broker_request *request, int16_t api_key, int16_t version,
                const void *message,
                void (*done)(struct broker_request *request, struct broker_ask *ask,
                             const void *response))
{
    struct broker_ask *ask = arena_must_alloc(&request->arena, sizeof *ask);
    ask->request = request;
    ask->done = done;
    ask->submit = (struct controller_call){
        .api_key = api_key,
        .version = version,
        .request = message,
        .arena = &request->arena,
        .done = ask_answered,
    };
    ask->call.run = ask_run;
    ask->call.done = ask_done;
    broker_call_send(request->shard, 0, &ask->call);
}

static void forward_done(struct broker_request *request, struct broker_ask *ask,
                         const void *response)
{
    UNUSED(ask);
    broker_request_complete(request, response);
}

void broker_ask_forward(struct broker_request *request)
{
    broker_ask(request, request->api->key, request->version, request->body, forward_done);
}
