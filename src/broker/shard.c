#define LOG_ROOM "broker"
#include "broker/shard.h"

#include "broker/api/auto_create_int.h"
#include "broker/cleaner_int.h"
#include "broker/node_int.h"
#include "broker/request_int.h"
#include "broker/settings_int.h"
#include "broker/shard_int.h"

#include "base/log.h"
#include "base/mem.h"
#include "broker/conn.h"
#include "broker/fetch_session.h"
#include "broker/metrics.h"
#include "replica/replica.h"

#define SCRATCH_BYTES ((size_t)64 << 10)
/* Free buffers that a shard keeps: a handful of large produce frames and fetch replies. */
#define POOL_IDLE_BYTES ((size_t)32 << 20)
#define TICK_MS_MAX 10000

static void shard_flush(struct env *env, struct env_timer *timer)
{
    UNUSED(env);
    struct broker_shard *shard = CONTAINER_OF(timer, struct broker_shard, flush);
    struct list dirty;
    list_init(&dirty);
    list_splice(&dirty, &shard->dirty);
    for (struct list *node; (node = list_pop_front(&dirty)) != NULL;)
        broker_conn_step(LIST_ENTRY(node, struct broker_conn, dirty));
}

void broker_shard_flush_later(struct broker_shard *shard)
{
    if (!env_timer_is_set(&shard->flush))
        env_timer_set(shard->env, &shard->flush, env_now_ns(shard->env));
}

struct rcbuf *broker_shard_scratch(struct broker_shard *shard)
{
    if (shard->scratch != NULL && shard->scratch->refs > 1) {
        rcbuf_unref(shard->scratch);
        shard->scratch = NULL;
    }
    if (shard->scratch == NULL) {
        shard->scratch = rcbuf_new(shard->rcbufs, SCRATCH_BYTES);
        if (shard->scratch == NULL)
            PANIC("out of memory: %zu bytes for a receive buffer", SCRATCH_BYTES);
    }
    return shard->scratch;
}

static uint64_t shard_tick_ms(const struct broker_shard *shard)
{
    uint64_t ms = shard->limits.idle_ms_max / 4 + 1;
    return ms < TICK_MS_MAX ? ms : TICK_MS_MAX;
}

static void shard_tick(struct env *env, struct env_timer *timer)
{
    struct broker_shard *shard = CONTAINER_OF(timer, struct broker_shard, tick);
    uint64_t now_ns = env_now_ns(env);
    uint64_t idle_ns = shard->limits.idle_ms_max * UINT64_C(1000000);
    while (!list_empty(&shard->conns)) {
        struct broker_conn *conn = LIST_ENTRY(shard->conns.next, struct broker_conn, node);
        if (now_ns - conn->active_ns < idle_ns)
            break;
        broker_conn_close(conn, "it was idle for connections.max.idle.ms");
    }
    env_timer_set_ms(env, &shard->tick, shard_tick_ms(shard));
}

static void shard_retention(struct env *env, struct env_timer *timer)
{
    struct broker_shard *shard = CONTAINER_OF(timer, struct broker_shard, retention);
    replica_set_retain(shard->replicas);
    int64_t ms = conf_int(shard->conf, CONF_BROKER_LOG_RETENTION_CHECK_INTERVAL_MS);
    env_timer_set_ms(env, timer, (uint64_t)ms);
}

void broker_shard_init(struct broker_shard *shard, struct broker_node *node, struct env *env,
                       const struct broker_limits *limits)
{
    *shard = (struct broker_shard){.node = node, .env = env, .index = env->shard};
    shard->limits = *limits;
    shard->conf = node->conf;
    shard->api_seconds = mem_zalloc(broker_api_count * sizeof shard->api_seconds[0]);
    shard->rcbufs = rcbuf_pool_new(POOL_IDLE_BYTES);
    list_init(&shard->conns);
    list_init(&shard->dirty);
    list_init(&shard->orphans);
    list_init(&shard->requests);
    list_init(&shard->starved);
    list_init(&shard->unanswered);
    broker_shard_relief_init(shard);
    list_init(&shard->creations);
    list_init(&shard->departures);
    env_timer_init(&shard->flush, shard_flush);
    env_timer_init(&shard->tick, shard_tick);
    env_timer_init(&shard->retention, shard_retention);
}

void broker_shard_start(struct broker_shard *shard)
{
    env_timer_set_ms(shard->env, &shard->tick, shard_tick_ms(shard));
    if (shard->replicas == NULL)
        return;
    int64_t delay_ms = conf_int(shard->conf, CONF_BROKER_LOG_INITIAL_TASK_DELAY_MS);
    env_timer_set_ms(shard->env, &shard->retention, (uint64_t)delay_ms);
    broker_cleaner_start(shard);
}

void broker_shard_serve(struct broker_shard *shard)
{
    shard->serving = true;
    LIST_FOR_EACH (node, &shard->conns)
        broker_conn_wake(LIST_ENTRY(node, struct broker_conn, node));
}

/* A producer's request is carried through; nobody waits for anything else at a stop. */
static bool conn_is_worth_waiting(const struct broker_conn *conn)
{
    bool worth = false;
    LIST_FOR_EACH (node, &conn->requests) {
        struct broker_request *request = LIST_ENTRY(node, struct broker_request, node);
        if ((request->api->flags & BROKER_API_OVERLAPS) == 0)
            return false;
        worth = true;
    }
    return worth;
}

void broker_shard_drain(struct broker_shard *shard)
{
    shard->stopping = true;
    env_timer_cancel(shard->env, &shard->tick);
    env_timer_cancel(shard->env, &shard->relief);
    env_timer_cancel(shard->env, &shard->retention);
    broker_cleaner_stop(shard);
    LIST_FOR_EACH_SAFE (node, after, &shard->conns) {
        struct broker_conn *conn = LIST_ENTRY(node, struct broker_conn, node);
        conn->ending = true;
        if (conn_is_worth_waiting(conn))
            broker_conn_wake(conn);
        else
            broker_conn_close(conn, NULL);
    }
}

void broker_shard_close_conns(struct broker_shard *shard, const char *why)
{
    while (!list_empty(&shard->conns))
        broker_conn_close(LIST_ENTRY(shard->conns.next, struct broker_conn, node), why);
    env_timer_cancel(shard->env, &shard->flush);
}

static void shard_drop_requests(struct list *requests)
{
    while (!list_empty(requests))
        broker_request_free(LIST_ENTRY(requests->next, struct broker_request, node));
}

void broker_shard_deinit(struct broker_shard *shard)
{
    while (!list_empty(&shard->conns)) {
        struct broker_conn *conn = LIST_ENTRY(shard->conns.next, struct broker_conn, node);
        shard_drop_requests(&conn->requests);
        broker_conn_free(conn);
    }
    shard_drop_requests(&shard->orphans);
    broker_auto_create_drop(shard);
    broker_departures_drop(shard);
    if (shard->replicas != NULL)
        replica_set_free(shard->replicas);
    broker_cleaner_free(shard);
    if (shard->fetch_sessions != NULL)
        fetch_sessions_free(shard->fetch_sessions);
    broker_settings_deinit(shard);
    broker_request_pool_deinit(shard);
    if (shard->scratch != NULL)
        rcbuf_unref(shard->scratch);
    ASSERT(shard->queued_bytes == 0 && shard->reply_bytes == 0);
    meta_image_unref(shard->image);
    mem_free(shard->api_seconds);
    rcbuf_pool_free(shard->rcbufs);
}
