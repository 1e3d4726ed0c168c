#ifndef BROKER_CALL_H
#define BROKER_CALL_H
/*
 * Work for another shard of the same node, there and back: embedded in the struct that carries its
 * arguments and its result. From broker_call_send until `done` the call and what it points to
 * belong to the shard that runs it; nothing in it may be touched by the sender. Counted buffers
 * (rcbuf) may be read and written through plain pointers meanwhile, but are only ever referenced
 * and released on the shard they come from.
 *
 *     send (from) -> run (to) -> ... -> reply (to) -> done (from)
 */
#include "env/env.h"

struct broker_node;
struct broker_shard;

struct broker_call {
    struct env_msg msg;
    struct broker_node *node;
    uint32_t from;
    uint32_t to;
    /* On shard `to`. Ends, now or later, with broker_call_reply. */
    void (*run)(struct broker_shard *shard, struct broker_call *call);
    /* Back on shard `from`, which owns the call again. */
    void (*done)(struct broker_shard *shard, struct broker_call *call);
};

/* With run and done set. When `to` is this shard itself, `run` is called before this returns, and
 * perhaps `done` as well. */
void broker_call_send(struct broker_shard *shard, uint32_t to, struct broker_call *call);
/* On the shard that runs it, once. */
void broker_call_reply(struct broker_shard *shard, struct broker_call *call);

#endif
