/*
 * Cleaning of compacted logs. Each shard looks at its own logs (log.cleaner.backoff.ms) and takes
 * the one with the largest dirty part; the node cleans at most log.cleaner.threads at a time, each
 * with its part of the memory and of the rate, so shards ask shard 0 before they begin:
 *
 *   IDLE -> ASKING    the shard has a log that is due
 *   ASKING -> IDLE    allowed, but nothing is due any more
 *   ASKING -> BUSY    allowed: plog cleans, in jobs on the disk threads of the log's directory
 *   BUSY -> IDLE      done; after a success the next log is looked for at once
 *
 * Shard 0 allows those that wait in the order of their dirty ratios.
 */
#define LOG_ROOM "broker"
#include "broker/cleaner_int.h"
#include "broker/node_int.h"

#include "base/mem.h"
#include "plog/plog.h"
#include "replica/replica.h"

/* More threads than shards: so many logs of one shard at a time. */
#define SLOTS_MAX 16

enum slot_state { SLOT_IDLE, SLOT_ASKING, SLOT_BUSY };

struct cleaner_slot {
    struct broker_call call; /* the request, or the return, of a permit */
    struct list waiting;     /* shard 0's: node->cleaners_waiting */
    struct broker_cleaner *cleaner;
    struct plog_clean clean;
    double ratio; /* of the log that it asks for */
    enum slot_state state;
};

struct broker_cleaner {
    struct broker_shard *shard;
    struct env_timer timer;
    uint32_t slot_count;
    struct cleaner_slot slots[];
};

static void look(struct broker_cleaner *cleaner);

/* ---- Shard 0 ----------------------------------------------------------------------------------
 */

static uint32_t permits(const struct broker_shard *shard)
{
    int64_t threads = conf_int(shard->conf, CONF_BROKER_LOG_CLEANER_THREADS);
    return threads < 1 ? 1 : threads > 1024 ? 1024 : (uint32_t)threads;
}

static void permit_next(struct broker_shard *shard)
{
    struct broker_node *node = shard->node;
    if (shard->stopping)
        return;
    while (!list_empty(&node->cleaners_waiting) && node->cleaners_running < permits(shard)) {
        struct cleaner_slot *best = NULL;
        LIST_FOR_EACH (item, &node->cleaners_waiting) {
            struct cleaner_slot *slot = LIST_ENTRY(item, struct cleaner_slot, waiting);
            if (best == NULL || slot->ratio > best->ratio)
                best = slot;
        }
        list_remove(&best->waiting);
        node->cleaners_running++;
        broker_call_reply(shard, &best->call);
    }
}

static void permit_ask(struct broker_shard *shard, struct broker_call *call)
{
    struct cleaner_slot *slot = CONTAINER_OF(call, struct cleaner_slot, call);
    list_push_back(&shard->node->cleaners_waiting, &slot->waiting);
    permit_next(shard);
}

static void permit_return(struct broker_shard *shard, struct broker_call *call)
{
    ASSERT(shard->node->cleaners_running > 0);
    shard->node->cleaners_running--;
    broker_call_reply(shard, call);
    permit_next(shard);
}

void broker_cleaner_init(struct broker_node *node)
{
    list_init(&node->cleaners_waiting);
}

/* ---- The shard --------------------------------------------------------------------------------
 */

static void look_later(struct broker_cleaner *cleaner)
{
    struct broker_shard *shard = cleaner->shard;
    uint64_t ms = (uint64_t)conf_int(shard->conf, CONF_BROKER_LOG_CLEANER_BACKOFF_MS);
    if (!shard->stopping && !env_timer_is_set(&cleaner->timer))
        env_timer_set_ms(shard->env, &cleaner->timer, ms > 0 ? ms : 1);
}

static void slot_idle(struct broker_shard *shard, struct broker_call *call)
{
    struct cleaner_slot *slot = CONTAINER_OF(call, struct cleaner_slot, call);
    slot->state = SLOT_IDLE;
    /* What could not be cleaned, or has to wait, does not get the next turn at once. */
    if (slot->clean.err == ERR_OK && !shard->stopping)
        look(slot->cleaner);
    else
        look_later(slot->cleaner);
}

static void slot_return(struct cleaner_slot *slot)
{
    struct broker_shard *shard = slot->cleaner->shard;
    if (shard->stopping) {
        slot->state = SLOT_IDLE;
        return;
    }
    slot->call.run = permit_return;
    slot->call.done = slot_idle;
    broker_call_send(shard, 0, &slot->call);
}

static void slot_cleaned(struct plog_clean *clean)
{
    slot_return(CONTAINER_OF(clean, struct cleaner_slot, clean));
}

static void slot_begin(struct broker_shard *shard, struct broker_call *call)
{
    struct cleaner_slot *slot = CONTAINER_OF(call, struct cleaner_slot, call);
    const struct conf *conf = shard->conf;
    struct replica_cleaning cleaning;
    uint32_t parts = permits(shard);
    double rate = conf_real(conf, CONF_BROKER_LOG_CLEANER_IO_MAX_BYTES_PER_SECOND);
    int64_t map_bytes = conf_int(conf, CONF_BROKER_LOG_CLEANER_DEDUPE_BUFFER_SIZE) / parts;
    int64_t io_bytes = conf_int(conf, CONF_BROKER_LOG_CLEANER_IO_BUFFER_SIZE) / parts / 2;
    slot->state = SLOT_BUSY;
    slot->clean = (struct plog_clean){
        .map_bytes = (uint64_t)(map_bytes > 0 ? map_bytes : 0),
        .map_load = conf_real(conf, CONF_BROKER_LOG_CLEANER_IO_BUFFER_LOAD_FACTOR),
        .io_bytes = (uint32_t)(io_bytes > 0 ? io_bytes : 0),
        .bytes_per_second = rate / parts,
        .done = slot_cleaned,
        .err = ERR_AGAIN,
    };
    if (!shard->stopping)
        replica_set_look_dirty(shard->replicas, &cleaning);
    if (shard->stopping || cleaning.dirtiest == NULL)
        slot_return(slot);
    else
        plog_clean(replica_plog(cleaning.dirtiest), &slot->clean);
}

static void look(struct broker_cleaner *cleaner)
{
    struct broker_shard *shard = cleaner->shard;
    struct replica_cleaning cleaning;
    replica_set_look_dirty(shard->replicas, &cleaning);
    size_t wanted = cleaning.due_count;
    for (uint32_t i = 0; i < cleaner->slot_count && wanted > 0; i++) {
        struct cleaner_slot *slot = &cleaner->slots[i];
        if (slot->state == SLOT_ASKING)
            wanted--; /* for one of these */
        if (slot->state != SLOT_IDLE)
            continue;
        wanted--;
        slot->state = SLOT_ASKING;
        slot->ratio = cleaning.ratio;
        slot->call.run = permit_ask;
        slot->call.done = slot_begin;
        broker_call_send(shard, 0, &slot->call);
    }
    look_later(cleaner);
}

static void timer_fire(struct env *env, struct env_timer *timer)
{
    UNUSED(env);
    look(CONTAINER_OF(timer, struct broker_cleaner, timer));
}

void broker_cleaner_start(struct broker_shard *shard)
{
    if (shard->replicas == NULL || !conf_bool(shard->conf, CONF_BROKER_LOG_CLEANER_ENABLE))
        return;
    uint32_t shards = shard->node->shard_count;
    uint32_t count = (permits(shard) + shards - 1) / shards;
    if (count > SLOTS_MAX)
        count = SLOTS_MAX;
    struct broker_cleaner *cleaner = mem_zalloc(sizeof *cleaner + count * sizeof cleaner->slots[0]);
    cleaner->shard = shard;
    cleaner->slot_count = count;
    for (uint32_t i = 0; i < count; i++) {
        cleaner->slots[i].cleaner = cleaner;
        list_init(&cleaner->slots[i].waiting);
    }
    env_timer_init(&cleaner->timer, timer_fire);
    shard->cleaner = cleaner;
    look_later(cleaner);
}

void broker_cleaner_stop(struct broker_shard *shard)
{
    if (shard->cleaner != NULL)
        env_timer_cancel(shard->env, &shard->cleaner->timer);
}

void broker_cleaner_free(struct broker_shard *shard)
{
    mem_free(shard->cleaner);
    shard->cleaner = NULL;
}
