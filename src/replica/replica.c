/*
 * One replica: appends, the high watermark, and those who wait.
 *
 * 1. pending is in the order of arrival, awaiting in the order of required_offset; an append is in
 * at most one of them, and in neither once its done was called.
 * 2. The high watermark never goes back here, and never passes the log's end; with flush.messages=1
 *    it never passes what is durable, so nobody reads what a power loss could take.
 * 3. Watches are told at the end of the turn (set->tell), so that several appends of one turn wake
 * a reader once; whoever waits for acknowledgement is told at once.
 */
#define LOG_ROOM "replica"
#include "replica_int.h"

#include "base/log.h"
#include "base/mem.h"
#include "wire/errors.h"

static void append_ready(struct plog *log, struct plog_waiter *waiter);

void replica_init(struct replica *replica, struct replica_set *set)
{
    replica->set = set;
    replica->leader = META_NO_LEADER;
    replica->leader_epoch = -1;
    replica->partition_epoch = -1;
    list_init(&replica->opening);
    list_init(&replica->changed);
    list_init(&replica->pending);
    list_init(&replica->awaiting);
    list_init(&replica->watches);
    list_init(&replica->waiter.node);
    list_init(&replica->successors);
    replica->waiter.ready = append_ready;
}

struct plog *replica_plog(const struct replica *replica)
{
    return replica->log;
}

const char *replica_topic(const struct replica *replica)
{
    return plog_topic(replica->log);
}

struct uuid replica_topic_id(const struct replica *replica)
{
    return replica->topic_id;
}

int32_t replica_partition(const struct replica *replica)
{
    return replica->partition;
}

int32_t replica_leader_epoch(const struct replica *replica)
{
    return replica->leader_epoch;
}

int32_t replica_leader(const struct replica *replica)
{
    return replica->leader;
}

bool replica_is_leader(const struct replica *replica)
{
    return replica->is_leader;
}

int64_t replica_high_watermark(const struct replica *replica)
{
    return replica->high_watermark;
}

/* ---- Role -------------------------------------------------------------------------------------
 */

void replica_assign(struct replica *replica, const struct meta_partition *partition)
{
    if (partition->partition_epoch <= replica->partition_epoch)
        return;
    int32_t node_id = replica->set->options.node_id;
    bool was_leader = replica->is_leader;
    bool new_epoch = partition->leader_epoch > replica->leader_epoch;
    replica->leader = partition->leader;
    replica->leader_epoch = partition->leader_epoch;
    replica->partition_epoch = partition->partition_epoch;
    replica->isr_count = (uint32_t)partition->isr.count;
    replica->is_leader = partition->leader == node_id;
    if (replica->is_leader != was_leader) {
        if (replica->is_leader)
            replica->set->leader_count++;
        else
            replica->set->leader_count--;
    }
    if (was_leader && !replica->is_leader)
        replica_give_up(replica, WIRE_ERROR_NOT_LEADER_OR_FOLLOWER);
    if (replica->state == REPLICA_STATE_OPEN && replica->is_leader) {
        if (new_epoch)
            plog_begin_epoch(replica->log, replica->leader_epoch);
        replica_advance(replica);
    }
    if (new_epoch)
        replica_tell(replica);
}

void replica_opened(struct replica *replica)
{
    replica->high_watermark = plog_high_watermark(replica->log);
    if (replica->is_leader) {
        plog_begin_epoch(replica->log, replica->leader_epoch);
        replica_advance(replica);
        if (!list_empty(&replica->pending))
            plog_wait(replica->log, &replica->waiter);
    }
    replica_tell(replica);
}

int16_t replica_check(const struct replica *replica, int32_t current_leader_epoch)
{
    if (replica->state == REPLICA_STATE_FAILED ||
        (replica->log != NULL && plog_state(replica->log) == PLOG_STATE_OFFLINE))
        return WIRE_ERROR_KAFKA_STORAGE_ERROR;
    if (replica->state == REPLICA_STATE_CLOSING)
        return WIRE_ERROR_NOT_LEADER_OR_FOLLOWER;
    if (current_leader_epoch >= 0 && current_leader_epoch < replica->leader_epoch)
        return WIRE_ERROR_FENCED_LEADER_EPOCH;
    if (current_leader_epoch > replica->leader_epoch)
        return WIRE_ERROR_UNKNOWN_LEADER_EPOCH;
    if (!replica->is_leader)
        return WIRE_ERROR_NOT_LEADER_OR_FOLLOWER;
    return WIRE_ERROR_NONE;
}

/* ---- Append -----------------------------------------------------------------------------------
 */

static void append_end(struct replica_append *append)
{
    list_remove(&append->node);
    if (heap_node_in(&append->timeout))
        heap_remove(&append->replica->set->timeouts, &append->timeout);
    append->done(append);
}

static void append_fail(struct replica_append *append, int16_t error)
{
    append->log.error = error;
    append_end(append);
}

static void sync_done(struct plog_op *op)
{
    struct replica *replica = CONTAINER_OF(op, struct replica, sync);
    ASSERT(replica->syncing);
    replica->syncing = false;
    if (op->err != ERR_OK) {
        /* The directory is offline from now on; what was not durable is not acknowledged. */
        replica_give_up(replica, WIRE_ERROR_KAFKA_STORAGE_ERROR);
    } else if (replica->state == REPLICA_STATE_OPEN && !replica->removed) {
        replica_advance(replica);
    }
    replica_set_synced(replica);
}

static void sync_start(struct replica *replica)
{
    replica->sync_again = replica->syncing;
    if (replica->syncing)
        return;
    replica->syncing = true;
    replica->unsynced_count = 0;
    replica->sync = (struct plog_op){.done = sync_done};
    plog_sync(replica->log, &replica->sync);
}

/* Appended: who still has to wait for something hangs in awaiting. */
static void append_acknowledge(struct replica *replica, struct replica_append *append)
{
    const struct plog_config *config = plog_config(replica->log);
    append->appended = true;
    append->required_offset = append->log.last_offset + 1;
    if (!append->log.duplicate)
        replica->unsynced_count += append->log.record_count;
    if (replica->unsynced_count >= (uint64_t)config->flush_messages ||
        (append->log.duplicate && config->flush_messages == 1)) {
        append->needs_sync = plog_durable_offset(replica->log) < append->required_offset;
        if (append->needs_sync)
            sync_start(replica);
    }
    replica_advance(replica);
    bool committed = replica->high_watermark >= append->required_offset;
    if (!append->needs_sync && (append->acks != REPLICA_ACKS_ALL || committed)) {
        append_end(append);
        return;
    }
    struct list *before = &replica->awaiting;
    while (before->prev != &replica->awaiting &&
           LIST_ENTRY(before->prev, struct replica_append, node)->required_offset >
               append->required_offset)
        before = before->prev;
    list_push_back(before, &append->node);
    if (!heap_node_in(&append->timeout)) {
        struct replica_set *set = replica->set;
        heap_insert(&set->timeouts, &append->timeout, append->deadline_ns);
        env_timer_set(set->options.env, &set->expire, heap_min(&set->timeouts)->key);
    }
}

/* False: the log cannot take it now, and nothing is decided. */
static bool append_try(struct replica *replica, struct replica_append *append)
{
    append->log.leader_epoch = replica->leader_epoch;
    append->log.wall_ms = env_wall_ms(replica->set->options.env);
    append->log.error = WIRE_ERROR_NONE;
    enum err err = plog_append(replica->log, &append->log);
    if (err == ERR_AGAIN)
        return false;
    if (err == ERR_NOMEM) {
        append_fail(append, WIRE_ERROR_MESSAGE_TOO_LARGE);
        return true;
    }
    if (err != ERR_OK) {
        append_fail(append, WIRE_ERROR_KAFKA_STORAGE_ERROR);
        return true;
    }
    if (append->log.error != WIRE_ERROR_NONE) {
        append_end(append);
        return true;
    }
    append_acknowledge(replica, append);
    return true;
}

static void append_park(struct replica *replica, struct replica_append *append)
{
    list_push_back(&replica->pending, &append->node);
    struct replica_set *set = replica->set;
    heap_insert(&set->timeouts, &append->timeout, append->deadline_ns);
    env_timer_set(set->options.env, &set->expire, heap_min(&set->timeouts)->key);
    if (replica->state == REPLICA_STATE_OPEN && list_empty(&replica->waiter.node))
        plog_wait(replica->log, &replica->waiter);
}

/* The log may take appends again. */
static void append_ready(struct plog *log, struct plog_waiter *waiter)
{
    struct replica *replica = CONTAINER_OF(waiter, struct replica, waiter);
    UNUSED(log);
    while (!list_empty(&replica->pending)) {
        struct replica_append *append =
            LIST_ENTRY(replica->pending.next, struct replica_append, node);
        if (plog_state(replica->log) != PLOG_STATE_OPEN) {
            append_fail(append, WIRE_ERROR_KAFKA_STORAGE_ERROR);
            continue;
        }
        list_remove(&append->node);
        if (append_try(replica, append))
            continue;
        list_push_front(&replica->pending, &append->node);
        plog_wait(replica->log, &replica->waiter);
        return;
    }
}

void replica_append(struct replica *replica, struct replica_append *append)
{
    append->replica = replica;
    list_init(&append->node);
    heap_node_init(&append->timeout);
    append->appended = false;
    append->needs_sync = false;

    int16_t error = replica_check(replica, -1);
    if (error == WIRE_ERROR_NONE && append->acks == REPLICA_ACKS_ALL &&
        (int64_t)replica->isr_count < replica->topic->min_isr)
        error = WIRE_ERROR_NOT_ENOUGH_REPLICAS;
    if (error != WIRE_ERROR_NONE) {
        append_fail(append, error);
        return;
    }
    if (replica->state != REPLICA_STATE_OPEN || !list_empty(&replica->pending) ||
        !append_try(replica, append))
        append_park(replica, append);
}

int16_t replica_delete_records(struct replica *replica, int64_t offset)
{
    int16_t error = replica_check(replica, -1);
    if (error != WIRE_ERROR_NONE)
        return error;
    if (plog_config(replica->log)->cleanup_policy == PLOG_CLEANUP_COMPACT)
        return WIRE_ERROR_POLICY_VIOLATION;
    if (offset < 0 || offset > replica->high_watermark)
        return WIRE_ERROR_OFFSET_OUT_OF_RANGE;
    /* One that is just being made is empty. */
    if (replica->state == REPLICA_STATE_OPEN && plog_set_log_start(replica->log, offset) != ERR_OK)
        return WIRE_ERROR_KAFKA_STORAGE_ERROR;
    return WIRE_ERROR_NONE;
}

/* ---- The high watermark
 * -------------------------------------------------------------------------- */

static void awaiting_check(struct replica *replica)
{
    int64_t durable = plog_durable_offset(replica->log);
    /* Set aside first: whoever is answered may append again at once, and come here. */
    struct list ready;
    list_init(&ready);
    LIST_FOR_EACH_SAFE (node, after, &replica->awaiting) {
        struct replica_append *append = LIST_ENTRY(node, struct replica_append, node);
        if (append->needs_sync && durable < append->required_offset)
            continue;
        if (append->acks == REPLICA_ACKS_ALL && replica->high_watermark < append->required_offset)
            continue;
        if (append->acks == REPLICA_ACKS_ALL &&
            (int64_t)replica->isr_count < replica->topic->min_isr)
            append->log.error = WIRE_ERROR_NOT_ENOUGH_REPLICAS_AFTER_APPEND;
        list_remove(node);
        list_push_back(&ready, node);
    }
    while (!list_empty(&ready))
        append_end(LIST_ENTRY(ready.next, struct replica_append, node));
}

/* What all in-sync replicas have. With this node as the only one in sync: all that it has. */
static int64_t committed_offset(const struct replica *replica)
{
    if (!replica->is_leader || replica->isr_count != 1)
        return replica->high_watermark;
    if (plog_config(replica->log)->flush_messages == 1)
        return plog_durable_offset(replica->log);
    return plog_end_offset(replica->log);
}

void replica_advance(struct replica *replica)
{
    int64_t offset = committed_offset(replica);
    if (offset > replica->high_watermark) {
        replica->high_watermark = offset;
        plog_set_high_watermark(replica->log, offset);
        replica_tell(replica);
    }
    if (replica->sync_again && !replica->syncing)
        sync_start(replica);
    if (!list_empty(&replica->awaiting))
        awaiting_check(replica);
}

/* ---- Watches
 * ------------------------------------------------------------------------------------- */

void replica_watch(struct replica *replica, struct replica_watch *watch)
{
    list_push_back(&replica->watches, &watch->node);
}

void replica_unwatch(struct replica_watch *watch)
{
    list_remove(&watch->node);
}

void replica_tell(struct replica *replica)
{
    struct replica_set *set = replica->set;
    if (list_empty(&replica->watches) || !list_empty(&replica->changed))
        return;
    list_push_back(&set->changed, &replica->changed);
    if (!env_timer_is_set(&set->tell))
        env_timer_set(set->options.env, &set->tell, env_now_ns(set->options.env));
}

static void watches_call(struct replica *replica)
{
    /* One that hangs itself up again from its call waits for the next change. */
    struct list told;
    list_init(&told);
    list_splice(&told, &replica->watches);
    for (struct list *node; (node = list_pop_front(&told)) != NULL;) {
        struct replica_watch *watch = LIST_ENTRY(node, struct replica_watch, node);
        watch->changed(watch);
    }
}

void replica_set_tell(struct env *env, struct env_timer *timer)
{
    UNUSED(env);
    struct replica_set *set = CONTAINER_OF(timer, struct replica_set, tell);
    for (struct list *node; (node = list_pop_front(&set->changed)) != NULL;)
        watches_call(LIST_ENTRY(node, struct replica, changed));
}

/* ---- Giving up
 * ------------------------------------------------------------------------------------ */

void replica_set_expire(struct env *env, struct env_timer *timer)
{
    struct replica_set *set = CONTAINER_OF(timer, struct replica_set, expire);
    uint64_t now_ns = env_now_ns(env);
    struct heap_node *node;
    while ((node = heap_min(&set->timeouts)) != NULL && node->key <= now_ns)
        append_fail(CONTAINER_OF(node, struct replica_append, timeout),
                    WIRE_ERROR_REQUEST_TIMED_OUT);
    if (node != NULL)
        env_timer_set(env, &set->expire, node->key);
}

void replica_give_up(struct replica *replica, int16_t error)
{
    plog_unwait(&replica->waiter);
    for (struct list *node; (node = list_pop_front(&replica->pending)) != NULL;)
        append_fail(LIST_ENTRY(node, struct replica_append, node), error);
    for (struct list *node; (node = list_pop_front(&replica->awaiting)) != NULL;)
        append_fail(LIST_ENTRY(node, struct replica_append, node), error);
    list_remove(&replica->changed);
    watches_call(replica);
}
