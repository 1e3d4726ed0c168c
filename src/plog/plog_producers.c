/*
 * Producers and transactions of one partition (KIP-98, KIP-360, KIP-447, KIP-890).
 *
 * 1. A producer's window holds its last batches of its epoch, at most five, oldest first, in
 *    sequence.
 * 2. The open transactions are in the order of their first offsets: they are appended in it.
 * 3. An ended transaction holds the last stable offset until its marker is below the high
 * watermark.
 * 4. Nothing here depends on the time but expiry, which counts from when we last saw the producer,
 *    not from what its records say.
 */
#include "plog/plog_clean_int.h"

#include "base/hmap.h"
#include "base/mem.h"
#include "wire/errors.h"

#include <string.h>

struct producer_batch {
    int64_t last_offset;
    int64_t timestamp_ms;
    int32_t last_sequence;
    int32_t offset_delta;
};

struct producer {
    struct hmap_node node;
    struct list open_node; /* producers->open, while it has a transaction */
    int64_t id;
    int64_t seen_ms;                  /* wall clock */
    int64_t timestamp_ms;             /* of its last batch or marker, as the snapshot has it */
    int64_t transaction_first_offset; /* -1: none open */
    int32_t coordinator_epoch;
    int16_t epoch;
    uint8_t batch_count;
    bool window_known; /* no batch of this epoch is missing in the window */
    struct producer_batch batches[PLOG_PRODUCER_BATCHES];
};

/* Ended, its marker perhaps not replicated. */
struct ended {
    struct list node;
    int64_t first_offset;
    int64_t last_offset;
};

struct plog_producers {
    struct hmap map;
    struct list open;
    struct list ended; /* by marker */
    struct plog_txnindex_entry *aborted;
    size_t aborted_count;
    size_t aborted_capacity;
};

struct plog_producers *plog_producers_new(void)
{
    struct plog_producers *producers = mem_zalloc(sizeof *producers);
    hmap_init(&producers->map);
    list_init(&producers->open);
    list_init(&producers->ended);
    return producers;
}

void plog_producers_free(struct plog_producers *producers)
{
    if (producers == NULL)
        return;
    HMAP_FOR_EACH_SAFE (node, after, &producers->map)
        mem_free(HMAP_ENTRY(node, struct producer, node));
    hmap_deinit(&producers->map);
    LIST_FOR_EACH_SAFE (node, after, &producers->ended)
        mem_free(LIST_ENTRY(node, struct ended, node));
    mem_free(producers->aborted);
    mem_free(producers);
}

size_t plog_producers_count(const struct plog_producers *producers)
{
    return producers->map.count;
}

static struct producer *find(const struct plog_producers *producers, int64_t id)
{
    HMAP_FOR_EACH_HASH (node, &producers->map, hash_u64((uint64_t)id)) {
        struct producer *producer = HMAP_ENTRY(node, struct producer, node);
        if (producer->id == id)
            return producer;
    }
    return NULL;
}

static struct producer *add(struct plog_producers *producers, int64_t id)
{
    struct producer *producer = mem_zalloc(sizeof *producer);
    producer->id = id;
    producer->epoch = -1;
    producer->coordinator_epoch = -1;
    producer->transaction_first_offset = -1;
    producer->timestamp_ms = -1;
    list_init(&producer->open_node);
    hmap_insert(&producers->map, &producer->node, hash_u64((uint64_t)id));
    return producer;
}

static int32_t first_sequence(const struct producer_batch *batch)
{
    uint32_t first = (uint32_t)batch->last_sequence - (uint32_t)batch->offset_delta;
    return (int32_t)(first & INT32_MAX);
}

/* ---- Checking ------------------------------------------------------------------------------- */

static bool in_sequence(int32_t last, int32_t next)
{
    return (int64_t)next == (int64_t)last + 1 || (last == INT32_MAX && next == 0);
}

static void refuse(struct plog_verdict *out, enum wire_error error, const char *message)
{
    out->error = (int16_t)error;
    out->message = message;
}

static const struct producer_batch *find_duplicate(const struct producer *producer,
                                                   const struct batch_header *batch)
{
    if (producer->epoch != batch->producer_epoch)
        return NULL;
    for (size_t i = 0; i < producer->batch_count; i++) {
        const struct producer_batch *old = &producer->batches[i];
        if (first_sequence(old) == batch->base_sequence &&
            old->last_sequence == batch_last_sequence(batch))
            return old;
    }
    return NULL;
}

/* The refused batch may be one of the window that is not known yet. */
static void look_back(const struct producer *producer, struct plog_verdict *out)
{
    if (producer->window_known || producer->batch_count == 0)
        return;
    const struct producer_batch *oldest = &producer->batches[0];
    out->history_below = oldest->last_offset - oldest->offset_delta;
}

static void check_sequence(const struct producer *producer, const struct batch_header *batch,
                           struct plog_verdict *out)
{
    if (batch->producer_epoch != producer->epoch) {
        if (batch->base_sequence != 0)
            refuse(out, WIRE_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER,
                   "the first batch of a new producer epoch does not begin with sequence 0");
        return;
    }
    int32_t last = producer->batch_count == 0
                       ? BATCH_NO_SEQUENCE
                       : producer->batches[producer->batch_count - 1].last_sequence;
    if (in_sequence(last, batch->base_sequence))
        return;
    refuse(out, WIRE_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER,
           "the batch does not follow the producer's last one");
    look_back(producer, out);
}

static bool is_verified(const struct producer *producer, const struct batch_header *batch,
                        const struct plog_append *append)
{
    return append->origin != PLOG_ORIGIN_CLIENT || append->transaction_verified ||
           (producer != NULL && producer->transaction_first_offset >= 0 &&
            producer->epoch == batch->producer_epoch);
}

static void check_data(const struct producer *producer, const struct batch_header *batch,
                       const struct plog_append *append, struct plog_verdict *out)
{
    bool client = append->origin == PLOG_ORIGIN_CLIENT;
    bool transactional = batch_is_transactional(batch);
    const struct producer_batch *duplicate =
        client && producer != NULL ? find_duplicate(producer, batch) : NULL;
    if (duplicate == NULL && transactional && !is_verified(producer, batch, append)) {
        refuse(out, WIRE_ERROR_INVALID_TXN_STATE,
               "the batch does not belong to an ongoing transaction");
        if (producer != NULL && producer->epoch == batch->producer_epoch)
            look_back(producer, out);
        return;
    }
    if (producer == NULL) {
        /* Without any state every sequence is accepted (KIP-360), but for a transaction whose
         * sender starts each epoch anew (KIP-890). */
        if (client && transactional && append->transaction_version >= 2 &&
            batch->base_sequence != 0)
            refuse(out, WIRE_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER,
                   "the first batch of a transactional producer does not begin with sequence 0");
        return;
    }
    if (duplicate != NULL) {
        out->duplicate = true;
        out->first_offset = duplicate->last_offset - duplicate->offset_delta;
        out->last_offset = duplicate->last_offset;
        out->timestamp_ms = duplicate->timestamp_ms;
        return;
    }
    if (batch->producer_epoch < producer->epoch) {
        refuse(out, WIRE_ERROR_INVALID_PRODUCER_EPOCH,
               "the producer's epoch is older than the last one seen");
        return;
    }
    if (client) {
        check_sequence(producer, batch, out);
        if (out->error != WIRE_ERROR_NONE)
            return;
    }
    if (producer->transaction_first_offset >= 0 && !transactional)
        refuse(out, WIRE_ERROR_INVALID_TXN_STATE,
               "the producer has an open transaction and the batch does not belong to it");
}

static void check_marker(const struct producer *producer, const struct batch_header *batch,
                         const struct plog_marker *marker, int16_t transaction_version,
                         struct plog_verdict *out)
{
    if (producer == NULL)
        return;
    /* From transaction version 2 on each transaction has an epoch of its own, and its marker one
     * more than its data; the same one again is a coordinator's retry (KIP-890, KIP-1228). */
    bool retry = transaction_version >= 2 && batch->producer_epoch == producer->epoch &&
                 producer->transaction_first_offset < 0;
    bool fenced = transaction_version >= 2 ? batch->producer_epoch <= producer->epoch && !retry
                                           : batch->producer_epoch < producer->epoch;
    if (fenced)
        refuse(out, WIRE_ERROR_INVALID_PRODUCER_EPOCH,
               "the marker's producer epoch is older than the last one seen");
    else if (marker->coordinator_epoch < producer->coordinator_epoch)
        refuse(out, WIRE_ERROR_TRANSACTION_COORDINATOR_FENCED,
               "the marker comes from a coordinator that was replaced");
}

void plog_producers_check(const struct plog_producers *producers, const struct batch_header *batch,
                          const struct plog_marker *marker, const struct plog_append *append,
                          struct plog_verdict *out)
{
    enum plog_origin origin = append->origin;
    ASSERT(batch_has_producer(batch));
    *out = (struct plog_verdict){.error = WIRE_ERROR_NONE, .history_below = -1};
    /* What a leader has written is not judged again. */
    if (origin == PLOG_ORIGIN_REPLICA || origin == PLOG_ORIGIN_RAFT)
        return;
    const struct producer *producer =
        producers != NULL ? find(producers, batch->producer_id) : NULL;
    if (marker->is_marker)
        check_marker(producer, batch, marker, append->transaction_version, out);
    else if (!batch_is_control(batch))
        check_data(producer, batch, append, out);
}

/* ---- Applying ------------------------------------------------------------------------------- */

static void set_epoch(struct producer *producer, int16_t epoch)
{
    if (producer->epoch == epoch)
        return;
    producer->epoch = epoch;
    producer->batch_count = 0;
    producer->window_known = true;
}

static void push_batch(struct producer *producer, const struct batch_header *batch)
{
    if (producer->batch_count == PLOG_PRODUCER_BATCHES) {
        memmove(&producer->batches[0], &producer->batches[1],
                (PLOG_PRODUCER_BATCHES - 1) * sizeof producer->batches[0]);
        producer->batch_count--;
    }
    producer->batches[producer->batch_count++] = (struct producer_batch){
        .last_offset = batch_last_offset(batch),
        .timestamp_ms = batch->max_timestamp,
        .last_sequence = batch_last_sequence(batch),
        .offset_delta = batch->last_offset_delta,
    };
    if (producer->batch_count == PLOG_PRODUCER_BATCHES)
        producer->window_known = true;
}

static void apply_data(struct plog_producers *producers, struct producer *producer,
                       const struct batch_header *batch)
{
    push_batch(producer, batch);
    if (batch_is_transactional(batch) && producer->transaction_first_offset < 0) {
        producer->transaction_first_offset = batch->base_offset;
        list_push_back(&producers->open, &producer->open_node);
    }
}

static void put_aborted(struct plog_producers *producers, const struct plog_txnindex_entry *entry)
{
    if (producers->aborted_count == producers->aborted_capacity) {
        producers->aborted_capacity =
            producers->aborted_capacity == 0 ? 4 : producers->aborted_capacity * 2;
        producers->aborted = mem_realloc(producers->aborted,
                                         producers->aborted_capacity * sizeof *producers->aborted);
    }
    producers->aborted[producers->aborted_count++] = *entry;
}

static void apply_marker(struct plog_producers *producers, struct producer *producer,
                         const struct batch_header *batch, const struct plog_marker *marker)
{
    producer->coordinator_epoch = marker->coordinator_epoch;
    if (producer->transaction_first_offset < 0)
        return;
    int64_t first = producer->transaction_first_offset, last = batch_last_offset(batch);
    producer->transaction_first_offset = -1;
    list_remove(&producer->open_node);
    if (marker->is_abort) {
        int64_t open = plog_producers_first_open(producers);
        put_aborted(producers, &(struct plog_txnindex_entry){
                                   .producer_id = producer->id,
                                   .first_offset = first,
                                   .last_offset = last,
                                   .last_stable_offset = open >= 0 ? open : last + 1,
                               });
    }
    struct ended *ended = mem_alloc(sizeof *ended);
    ended->first_offset = first;
    ended->last_offset = last;
    list_push_back(&producers->ended, &ended->node);
}

void plog_producers_apply(struct plog_producers *producers, const struct batch_header *batch,
                          const struct plog_marker *marker, int64_t wall_ms)
{
    ASSERT(batch_has_producer(batch));
    if (batch_is_control(batch) && !marker->is_marker)
        return;
    struct producer *producer = find(producers, batch->producer_id);
    if (producer == NULL) {
        producer = add(producers, batch->producer_id);
        producer->window_known = true;
    }
    set_epoch(producer, batch->producer_epoch);
    producer->timestamp_ms = batch->max_timestamp;
    producer->seen_ms = wall_ms;
    if (marker->is_marker)
        apply_marker(producers, producer, batch, marker);
    else
        apply_data(producers, producer, batch);
}

void plog_producers_history(struct plog_producers *producers, int64_t producer_id,
                            const struct batch_header *batches, size_t count)
{
    struct producer *producer = find(producers, producer_id);
    if (producer == NULL || producer->window_known)
        return;
    /* Newest first, as long as each precedes the oldest known without a gap. */
    for (size_t i = count; i > 0 && producer->batch_count < PLOG_PRODUCER_BATCHES; i--) {
        const struct batch_header *batch = &batches[i - 1];
        ASSERT(batch->producer_id == producer_id);
        const struct producer_batch *oldest = &producer->batches[0];
        if (producer->batch_count == 0 || batch->producer_epoch != producer->epoch ||
            batch_last_offset(batch) >= oldest->last_offset - oldest->offset_delta ||
            !in_sequence(batch_last_sequence(batch), first_sequence(oldest)))
            break;
        memmove(&producer->batches[1], &producer->batches[0],
                producer->batch_count * sizeof producer->batches[0]);
        producer->batches[0] = (struct producer_batch){
            .last_offset = batch_last_offset(batch),
            .timestamp_ms = batch->max_timestamp,
            .last_sequence = batch_last_sequence(batch),
            .offset_delta = batch->last_offset_delta,
        };
        producer->batch_count++;
    }
    producer->window_known = true;
}

/* ---- Transactions --------------------------------------------------------------------------- */

size_t plog_producers_aborted(const struct plog_producers *producers,
                              const struct plog_txnindex_entry **out)
{
    *out = producers->aborted;
    return producers->aborted_count;
}

void plog_producers_aborted_written(struct plog_producers *producers, size_t count)
{
    ASSERT(count <= producers->aborted_count);
    if (count == 0)
        return;
    producers->aborted_count -= count;
    memmove(producers->aborted, producers->aborted + count,
            producers->aborted_count * sizeof *producers->aborted);
}

void plog_producers_high_watermark(struct plog_producers *producers, int64_t offset)
{
    while (!list_empty(&producers->ended)) {
        struct ended *ended = LIST_ENTRY(producers->ended.next, struct ended, node);
        if (ended->last_offset >= offset)
            return;
        list_remove(&ended->node);
        mem_free(ended);
    }
}

int64_t plog_producers_first_open(const struct plog_producers *producers)
{
    if (list_empty(&producers->open))
        return -1;
    return LIST_ENTRY(producers->open.next, struct producer, open_node)->transaction_first_offset;
}

int64_t plog_producers_first_unstable(const struct plog_producers *producers)
{
    int64_t first = plog_producers_first_open(producers);
    /* In the order of their markers, not of their first offsets; few are between two markers. */
    LIST_FOR_EACH (node, &producers->ended) {
        int64_t other = LIST_ENTRY(node, struct ended, node)->first_offset;
        if (first < 0 || other < first)
            first = other;
    }
    return first;
}

size_t plog_producers_expire(struct plog_producers *producers, int64_t wall_ms, int64_t idle_ms)
{
    size_t expired = 0;
    HMAP_FOR_EACH_SAFE (node, after, &producers->map) {
        struct producer *producer = HMAP_ENTRY(node, struct producer, node);
        if (producer->transaction_first_offset >= 0 || wall_ms - producer->seen_ms < idle_ms)
            continue;
        hmap_remove(&producers->map, node);
        mem_free(producer);
        expired++;
    }
    return expired;
}

/* ---- Snapshots and lists -------------------------------------------------------------------- */

void plog_producers_last(const struct plog_producers *producers, struct plog_clean_producer **out,
                         size_t *out_count)
{
    struct plog_clean_producer *last = mem_alloc((producers->map.count + 1) * sizeof *last);
    size_t count = 0;
    HMAP_FOR_EACH (node, &producers->map) {
        const struct producer *producer = HMAP_ENTRY(node, struct producer, node);
        const struct producer_batch *batches = producer->batches;
        last[count++] = (struct plog_clean_producer){
            .producer_id = producer->id,
            .last_data_offset =
                producer->batch_count > 0 ? batches[producer->batch_count - 1].last_offset : -1,
            .epoch = producer->epoch,
        };
    }
    *out = last;
    *out_count = count;
}

void plog_producers_save(const struct plog_producers *producers, struct buf *out)
{
    plog_snapshot_begin(out);
    HMAP_FOR_EACH (node, &producers->map) {
        const struct producer *producer = HMAP_ENTRY(node, struct producer, node);
        struct plog_snapshot_entry entry = {
            .producer_id = producer->id,
            .producer_epoch = producer->epoch,
            .last_sequence = BATCH_NO_SEQUENCE,
            .last_offset = -1,
            .timestamp_ms = producer->timestamp_ms,
            .coordinator_epoch = producer->coordinator_epoch,
            .transaction_first_offset = producer->transaction_first_offset,
        };
        if (producer->batch_count > 0) {
            const struct producer_batch *last = &producer->batches[producer->batch_count - 1];
            entry.last_sequence = last->last_sequence;
            entry.last_offset = last->last_offset;
            entry.offset_delta = last->offset_delta;
        }
        plog_snapshot_add(out, &entry);
    }
    plog_snapshot_end(out);
}

/* Keeps invariant 2: a snapshot has its producers in no order. */
static void insert_open(struct plog_producers *producers, struct producer *producer)
{
    LIST_FOR_EACH (node, &producers->open) {
        struct producer *other = LIST_ENTRY(node, struct producer, open_node);
        if (other->transaction_first_offset > producer->transaction_first_offset) {
            list_push_back(node, &producer->open_node); /* before it */
            return;
        }
    }
    list_push_back(&producers->open, &producer->open_node);
}

enum err plog_producers_load(struct plog_producers *producers, const uint8_t *data, size_t count,
                             int64_t wall_ms)
{
    ASSERT(producers->map.count == 0);
    for (size_t i = 0; i < count; i++) {
        struct plog_snapshot_entry entry;
        plog_snapshot_entry_read(data, i, &entry);
        if (entry.producer_id < 0 || find(producers, entry.producer_id) != NULL ||
            entry.transaction_first_offset < -1 || entry.offset_delta < 0)
            return ERR_CORRUPT;
        /* Without a sequence: what a coordinator writes for a transaction, such as offsets. */
        if (entry.last_offset >= 0 &&
            (entry.last_sequence < BATCH_NO_SEQUENCE || entry.last_offset < entry.offset_delta))
            return ERR_CORRUPT;
        struct producer *producer = add(producers, entry.producer_id);
        producer->epoch = entry.producer_epoch;
        producer->timestamp_ms = entry.timestamp_ms;
        producer->seen_ms = wall_ms;
        producer->coordinator_epoch = entry.coordinator_epoch;
        producer->transaction_first_offset = entry.transaction_first_offset;
        if (entry.transaction_first_offset >= 0)
            insert_open(producers, producer);
        if (entry.last_offset < 0) {
            producer->window_known = true;
            continue;
        }
        producer->batches[0] = (struct producer_batch){
            .last_offset = entry.last_offset,
            .timestamp_ms = entry.timestamp_ms,
            .last_sequence = entry.last_sequence,
            .offset_delta = entry.offset_delta,
        };
        producer->batch_count = 1;
    }
    return ERR_OK;
}

enum err plog_producers_list(const struct plog_producers *producers, struct arena *arena,
                             struct plog_producer_info **out, size_t *out_count)
{
    struct plog_producer_info *infos =
        arena_alloc_array(arena, producers->map.count, sizeof *infos);
    if (infos == NULL)
        return ERR_NOMEM;
    size_t count = 0;
    HMAP_FOR_EACH (node, &producers->map) {
        const struct producer *producer = HMAP_ENTRY(node, struct producer, node);
        infos[count++] = (struct plog_producer_info){
            .producer_id = producer->id,
            .producer_epoch = producer->epoch,
            .last_sequence = producer->batch_count == 0
                                 ? BATCH_NO_SEQUENCE
                                 : producer->batches[producer->batch_count - 1].last_sequence,
            .last_timestamp_ms = producer->timestamp_ms,
            .coordinator_epoch = producer->coordinator_epoch,
            .transaction_start_offset = producer->transaction_first_offset,
        };
    }
    *out = infos;
    *out_count = count;
    return ERR_OK;
}
