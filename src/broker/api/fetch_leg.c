/* A fetch on the shard that owns the partitions: what is there, waiting for more, reading. */
#include "broker/api/fetch_int.h"
#include "broker/node_int.h"

#include "wire/errors.h"

static struct broker_shard *leg_shard(const struct fetch_leg *leg)
{
    return broker_node_shard(leg->call.node, leg->call.to);
}

static struct replica *entry_replica(const struct fetch_leg *leg, const struct fetch_entry *entry)
{
    return replica_set_get(leg_shard(leg)->replicas, &entry->topic_id, entry->wanted->partition);
}

/* ---- Look
 * --------------------------------------------------------------------------------------------- */

static void entry_fail(struct fetch_entry *entry, int16_t error)
{
    entry->error = error;
    entry->diverging = false;
    entry->high_watermark = -1;
    entry->stable_offset = -1;
    entry->log_start_offset = -1;
    entry->available = 0;
}

/* KIP-595: a reader whose last epoch ends earlier here has records that are not ours. */
static bool entry_diverges(struct fetch_entry *entry, struct plog *log)
{
    const struct fetch_wanted *wanted = entry->wanted;
    if (wanted->last_fetched_epoch < 0)
        return false;
    int32_t epoch;
    int64_t end_offset;
    plog_epoch_end(log, wanted->last_fetched_epoch, &epoch, &end_offset);
    if (epoch < 0 || end_offset < 0) {
        entry_fail(entry, WIRE_ERROR_OFFSET_OUT_OF_RANGE);
        return true;
    }
    if (epoch >= wanted->last_fetched_epoch && end_offset >= wanted->fetch_offset)
        return false;
    entry->diverging = true;
    entry->diverging_epoch = epoch;
    entry->diverging_end_offset = end_offset;
    return true;
}

static void entry_look(const struct fetch_leg *leg, struct fetch_entry *entry)
{
    const struct fetch_wanted *wanted = entry->wanted;
    struct replica *replica = entry_replica(leg, entry);
    entry->error = WIRE_ERROR_NONE;
    entry->diverging = false;
    entry->available = 0;
    if (replica == NULL) {
        entry_fail(entry, WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
        return;
    }
    entry->leader = replica_leader(replica);
    entry->leader_epoch = replica_leader_epoch(replica);
    int16_t error = replica_check(replica, wanted->current_leader_epoch);
    if (error != WIRE_ERROR_NONE) {
        entry_fail(entry, error);
        return;
    }
    struct plog *log = replica_plog(replica);
    entry->high_watermark = replica_high_watermark(replica);
    entry->log_start_offset = plog_log_start_offset(log);
    entry->stable_offset = plog_stable_offset(log);
    if (plog_state(log) != PLOG_STATE_OPEN)
        return; /* just made: nothing is in it, and the watch tells when it is open */
    if (leg->debugging)
        entry->bound_offset = plog_end_offset(log);
    else
        entry->bound_offset = leg->read_committed ? entry->stable_offset : entry->high_watermark;
    if (entry_diverges(entry, log))
        return;
    if (wanted->fetch_offset < entry->log_start_offset ||
        wanted->fetch_offset > plog_end_offset(log)) {
        entry_fail(entry, WIRE_ERROR_OFFSET_OUT_OF_RANGE);
        return;
    }
    uint64_t available = plog_available(log, wanted->fetch_offset, entry->bound_offset);
    uint64_t max_bytes = wanted->max_bytes > 0 ? (uint64_t)wanted->max_bytes : 0;
    entry->available = available < max_bytes ? available : max_bytes;
    /* Something is there, however little the client takes: its first batch may be sent whole. */
    if (entry->available == 0 && available > 0)
        entry->available = 1;
}

static void leg_look(struct fetch_leg *leg)
{
    leg->available = 0;
    leg->urgent = false;
    for (struct fetch_entry *entry = leg->entries; entry != NULL; entry = entry->next) {
        entry_look(leg, entry);
        leg->available += entry->available;
        leg->urgent = leg->urgent || entry->error != WIRE_ERROR_NONE || entry->diverging;
    }
}

/* ---- Wait
 * ------------------------------------------------------------------------------------------------
 */

static void leg_wait_end(struct fetch_leg *leg)
{
    ASSERT(leg->waiting);
    leg->waiting = false;
    for (struct fetch_entry *entry = leg->entries; entry != NULL; entry = entry->next)
        replica_unwatch(&entry->watch);
    broker_call_reply(leg_shard(leg), &leg->call);
}

static void entry_changed(struct replica_watch *watch)
{
    struct fetch_entry *entry = CONTAINER_OF(watch, struct fetch_entry, watch);
    struct fetch_leg *leg = entry->leg;
    uint64_t before = entry->available;
    entry_look(leg, entry);
    bool urgent = entry->error != WIRE_ERROR_NONE || entry->diverging;
    leg->available += entry->available - before;
    leg->urgent = leg->urgent || urgent;
    if (urgent || entry->available > before) {
        leg_wait_end(leg);
        return;
    }
    struct replica *replica = entry_replica(leg, entry);
    if (replica != NULL)
        replica_watch(replica, watch);
}

static void leg_wait(struct fetch_leg *leg)
{
    uint64_t before = leg->available;
    leg_look(leg);
    if (leg->urgent || leg->available > before) {
        broker_call_reply(leg_shard(leg), &leg->call);
        return;
    }
    leg->waiting = true;
    for (struct fetch_entry *entry = leg->entries; entry != NULL; entry = entry->next) {
        list_init(&entry->watch.node);
        entry->watch.changed = entry_changed;
        struct replica *replica = entry_replica(leg, entry);
        if (replica != NULL)
            replica_watch(replica, &entry->watch);
    }
}

void fetch_leg_recall(struct broker_shard *shard, struct broker_call *call)
{
    struct fetch_leg *leg = CONTAINER_OF(call, struct fetch_leg, recall);
    if (leg->waiting)
        leg_wait_end(leg);
    broker_call_reply(shard, call);
}

/* ---- Read
 * -------------------------------------------------------------------------------------------------
 */

static void leg_read_one_less(struct fetch_leg *leg)
{
    if (--leg->reads_left == 0)
        broker_call_reply(leg_shard(leg), &leg->call);
}

static void aborted_end(struct fetch_entry *entry)
{
    if (entry->aborted_query.err == ERR_OK) {
        entry->aborted = entry->aborted_query.txns;
        entry->aborted_count = entry->aborted_query.count;
    } else {
        entry_fail(entry, WIRE_ERROR_KAFKA_STORAGE_ERROR);
        entry->got = 0;
    }
    leg_read_one_less(entry->leg);
}

static void aborted_done(struct plog_aborted *query)
{
    aborted_end(CONTAINER_OF(query, struct fetch_entry, aborted_query));
}

static int16_t error_of_read(enum err err)
{
    switch (err) {
    case ERR_OK:
        return WIRE_ERROR_NONE;
    case ERR_INVALID:
        return WIRE_ERROR_OFFSET_OUT_OF_RANGE;
    case ERR_CLOSED:
        return WIRE_ERROR_NOT_LEADER_OR_FOLLOWER;
    case ERR_CORRUPT:
        return WIRE_ERROR_CORRUPT_MESSAGE;
    default:
        return WIRE_ERROR_KAFKA_STORAGE_ERROR;
    }
}

static void read_end(struct fetch_entry *entry)
{
    struct fetch_leg *leg = entry->leg;
    int16_t error = error_of_read(entry->read.err);
    struct replica *replica = entry_replica(leg, entry);
    if (error == WIRE_ERROR_NONE && replica == NULL)
        error = WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    if (error != WIRE_ERROR_NONE) {
        entry_fail(entry, error);
        leg_read_one_less(leg);
        return;
    }
    entry->got = entry->read.size;
    entry->first_batch_bytes = entry->read.first_batch_bytes;
    if (!leg->read_committed || entry->got == 0) {
        leg_read_one_less(leg);
        return;
    }
    if (!leg->arena_used)
        arena_init(&leg->arena, ARENA_LIMIT_DEFAULT_BYTES);
    leg->arena_used = true;
    entry->aborted_query = (struct plog_aborted){
        .offset = entry->wanted->fetch_offset,
        .bound_offset = entry->read.next_offset,
        .arena = &leg->arena,
        .done = aborted_done,
    };
    entry->aborted_query.err = plog_aborted(replica_plog(replica), &entry->aborted_query);
    if (entry->aborted_query.err != ERR_AGAIN)
        aborted_end(entry);
}

static void read_done(struct plog_read *read)
{
    read_end(CONTAINER_OF(read, struct fetch_entry, read));
}

static void entry_read(struct fetch_leg *leg, struct fetch_entry *entry)
{
    struct replica *replica = entry_replica(leg, entry);
    int16_t error = replica == NULL ? WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION
                                    : replica_check(replica, entry->wanted->current_leader_epoch);
    if (error != WIRE_ERROR_NONE) {
        entry_fail(entry, error);
        return;
    }
    entry->read = (struct plog_read){
        .offset = entry->wanted->fetch_offset,
        .bound_offset = entry->bound_offset,
        .size_max = entry->out_size,
        .min_one_batch = entry->min_one_batch,
        .out = entry->out,
        .out_size = entry->out_size,
        .done = read_done,
    };
    leg->reads_left++;
    entry->read.err = plog_read(replica_plog(replica), &entry->read);
    if (entry->read.err != ERR_AGAIN)
        read_end(entry);
}

void fetch_leg_run(struct broker_shard *shard, struct broker_call *call)
{
    struct fetch_leg *leg = CONTAINER_OF(call, struct fetch_leg, call);
    switch (leg->task) {
    case FETCH_LEG_LOOK:
        leg_look(leg);
        broker_call_reply(shard, call);
        break;
    case FETCH_LEG_WAIT:
        leg_wait(leg);
        break;
    case FETCH_LEG_READ:
        leg->reads_left = 1;
        for (struct fetch_entry *entry = leg->entries; entry != NULL; entry = entry->next) {
            if (entry->out != NULL && entry->error == WIRE_ERROR_NONE && !entry->diverging)
                entry_read(leg, entry);
        }
        leg_read_one_less(leg);
        break;
    }
}
