#include "broker/call.h"

#include "broker/node_int.h"

#include "broker/shard.h"

static void call_deliver_run(struct env *env, struct env_msg *msg)
{
    struct broker_call *call = CONTAINER_OF(msg, struct broker_call, msg);
    call->run(broker_node_shard(call->node, env->shard), call);
}

static void call_deliver_done(struct env *env, struct env_msg *msg)
{
    struct broker_call *call = CONTAINER_OF(msg, struct broker_call, msg);
    call->done(broker_node_shard(call->node, env->shard), call);
}

void broker_call_send(struct broker_shard *shard, uint32_t to, struct broker_call *call)
{
    ASSERT(call->run != NULL && call->done != NULL);
    call->node = shard->node;
    call->from = shard->index;
    call->to = to;
    if (to == shard->index) {
        call->run(shard, call);
        return;
    }
    call->msg.deliver = call_deliver_run;
    env_post(shard->env, to, &call->msg);
}

void broker_call_reply(struct broker_shard *shard, struct broker_call *call)
{
    ASSERT(shard->index == call->to);
    if (call->from == call->to) {
        call->done(shard, call);
        return;
    }
    call->msg.deliver = call_deliver_done;
    env_post(shard->env, call->from, &call->msg);
}
