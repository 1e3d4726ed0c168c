/*
 * What clients may hold of a shard's memory, and what is done when they hold all of it.
 *
 * 1. queued_bytes: of frames from their first byte until their requests end. At the limit no
 *    connection begins to read a frame; those that are in the middle of one go on.
 * 2. reply_bytes: of replies from when they are made until they are written, with the records that
 *    they send. At the limit no request is started, but for producers'; above half of it none of a
 *    connection that has replies to take; a Fetch takes a smaller part before that
 *    (broker_shard_reply_room). So those who do not read leave room for the others.
 * 3. Who holds bytes that others wait for has to move: while a connection waits for one of the two,
 *    those that hold of it and have not read or written a byte for STALL_NS, or have been at one
 *    frame or one reply for SLOW_NS, are closed, the longest idle first, until half of it is free.
 *    So neither half a frame nor a reader that does not read can stop the node.
 */
#define LOG_ROOM "broker"
#include "broker/request_int.h"
#include "broker/shard_int.h"

#include "base/log.h"
#include "broker/conn.h"

#define STALL_NS (UINT64_C(1000) * 1000000)
#define SLOW_NS (UINT64_C(30000) * 1000000)
/* The last parts of the room for replies are given away in quarters, but no smaller than this. */
#define REPLY_ROOM_MIN ((size_t)64 << 10)

static bool queue_is_full(const struct broker_shard *shard)
{
    return shard->queued_bytes >= shard->limits.queued_bytes;
}

static bool replies_are_full(const struct broker_shard *shard)
{
    return shard->reply_bytes >= shard->limits.reply_bytes;
}

bool broker_shard_may_answer(const struct broker_conn *conn)
{
    const struct broker_shard *shard = conn->shard;
    size_t limit = shard->limits.reply_bytes;
    return shard->reply_bytes < (conn->done_bytes > 0 ? limit / 2 : limit);
}

size_t broker_shard_reply_room(const struct broker_shard *shard)
{
    size_t left = replies_are_full(shard) ? 0 : shard->limits.reply_bytes - shard->reply_bytes;
    return left / 4 > REPLY_ROOM_MIN ? left / 4 : REPLY_ROOM_MIN;
}

void broker_shard_wake_starved(struct broker_shard *shard)
{
    if (shard->relieving)
        return;
    if (!queue_is_full(shard)) {
        for (struct list *node; (node = list_pop_front(&shard->starved)) != NULL;)
            broker_conn_wake(LIST_ENTRY(node, struct broker_conn, starved));
    }
    if (!replies_are_full(shard)) {
        for (struct list *node; (node = list_pop_front(&shard->unanswered)) != NULL;)
            broker_conn_wake(LIST_ENTRY(node, struct broker_conn, unanswered));
    }
}

void broker_shard_starve(struct broker_shard *shard, struct broker_conn *conn, bool reading,
                         bool answering)
{
    list_remove(&conn->starved);
    list_remove(&conn->unanswered);
    if (reading)
        list_push_back(&shard->starved, &conn->starved);
    if (answering)
        list_push_back(&shard->unanswered, &conn->unanswered);
    if ((reading || answering) && !env_timer_is_set(&shard->relief) && !shard->stopping)
        env_timer_set(shard->env, &shard->relief, env_now_ns(shard->env) + STALL_NS);
}

/* Somebody waits, and half of it is not free yet. */
static bool queue_is_tight(const struct broker_shard *shard)
{
    return !list_empty(&shard->starved) && shard->queued_bytes >= shard->limits.queued_bytes / 2;
}

static bool replies_are_tight(const struct broker_shard *shard)
{
    return !list_empty(&shard->unanswered) && shard->reply_bytes >= shard->limits.reply_bytes / 2;
}

static const char *stalled_why(const struct broker_shard *shard, const struct broker_conn *conn,
                               uint64_t now_ns)
{
    bool idle = now_ns - conn->active_ns >= STALL_NS;
    if (queue_is_tight(shard) && conn->frame != NULL &&
        (idle || now_ns - conn->frame_since_ns >= SLOW_NS))
        return "it does not go on with its frame, and others wait for queued.max.request.bytes";
    if (replies_are_tight(shard) && conn->done_bytes > 0 &&
        (idle || now_ns - conn->reply_since_ns >= SLOW_NS))
        return "it does not read its replies, and others wait for ottla.queued.max.response.bytes";
    return NULL;
}

static void relieve(struct env *env, struct env_timer *timer)
{
    struct broker_shard *shard = CONTAINER_OF(timer, struct broker_shard, relief);
    uint64_t now_ns = env_now_ns(env);
    /* Closing one lets the others go, who then do not wait any more: not before the end. */
    shard->relieving = true;
    LIST_FOR_EACH_SAFE (node, after, &shard->conns) {
        if (!queue_is_tight(shard) && !replies_are_tight(shard))
            break;
        struct broker_conn *conn = LIST_ENTRY(node, struct broker_conn, node);
        const char *why = stalled_why(shard, conn, now_ns);
        if (why == NULL)
            continue;
        shard->counters.connections_stalled++;
        broker_conn_close(conn, why);
    }
    shard->relieving = false;
    broker_shard_wake_starved(shard);
    if (!list_empty(&shard->starved) || !list_empty(&shard->unanswered))
        env_timer_set(env, timer, now_ns + STALL_NS);
}

void broker_shard_relief_init(struct broker_shard *shard)
{
    env_timer_init(&shard->relief, relieve);
}
