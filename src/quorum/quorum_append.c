#define LOG_ROOM "quorum"
#include "quorum/quorum_int.h"

#include "base/log.h"
#include "base/mem.h"
#include "wire/records.h"

#include <string.h>

/*
 * On the way into the log. An append is encoded and given its offsets at once and waits in `queue`
 * for the next step, so that all of one turn are written together and share one sync. Its commit is
 * quorum_commit.c's.
 */

/* ---- Queueing ---------------------------------------------------------------------------- */

static void begin_batch(struct quorum *quorum, bool control)
{
    struct batch_builder_options options = BATCH_BUILDER_DEFAULTS;
    options.base_offset = quorum->end_offset;
    options.leader_epoch = quorum->lead_epoch;
    options.control = control;
    batch_builder_reset(&quorum->builder, &options);
}

static enum err end_batch(struct quorum *quorum, size_t count)
{
    struct quorum_batch *batch = mem_zalloc(sizeof *batch);
    enum err err = batch_builder_finish(&quorum->builder, NULL, &batch->bytes);
    if (err != ERR_OK) {
        mem_free(batch);
        return err;
    }
    batch->first_offset = quorum->end_offset;
    batch->last_offset = quorum->end_offset + (int64_t)count - 1;
    quorum->end_offset += (int64_t)count;
    quorum->bytes_since_snapshot += batch->bytes.size;
    list_push_back(&quorum->queue, &batch->node);
    quorum_wake(quorum);
    return ERR_OK;
}

static enum err add_record(struct quorum *quorum, const struct meta_record *record, int64_t offset,
                           int64_t wall_ms)
{
    const struct wire_record_type *type = wire_record_find(WIRE_RECORDS_METADATA, record->key);
    if (type == NULL)
        return ERR_INVALID;
    buf_clear(&quorum->record);
    enum err err =
        wire_metadata_record_encode(type, record->version, record->message, &quorum->record);
    if (err != ERR_OK)
        return ERR_INVALID;
    struct batch_record one = {
        .offset = offset,
        .timestamp = wall_ms,
        .value = quorum->record.data,
        .value_size = quorum->record.size,
    };
    if (batch_builder_size(&quorum->builder) + batch_record_size_max(&one) > QUORUM_BATCH_BYTES_MAX)
        return ERR_LIMIT;
    return batch_builder_add(&quorum->builder, &one);
}

enum err quorum_append_records(struct quorum *quorum, struct quorum_append *append,
                               const struct meta_record *records, size_t count,
                               struct meta_image *image, int64_t wall_ms)
{
    ASSERT(count > 0);
    if (!quorum->leading || quorum->phase != QUORUM_RUNNING)
        return ERR_CLOSED;
    if (quorum->pending_bytes > QUORUM_PENDING_BYTES_MAX)
        return ERR_LIMIT;
    int64_t first = quorum->end_offset;
    uint64_t bytes_before = quorum->bytes_since_snapshot;
    begin_batch(quorum, false);
    for (size_t i = 0; i < count; i++) {
        enum err err = add_record(quorum, &records[i], first + (int64_t)i, wall_ms);
        if (err != ERR_OK)
            return err;
    }
    enum err err = end_batch(quorum, count);
    if (err != ERR_OK)
        return err;
    ASSERT(image->offset == quorum->end_offset - 1);
    append->first_offset = first;
    append->last_offset = quorum->end_offset - 1;
    append->image = meta_image_ref(image);
    append->bytes = (size_t)(quorum->bytes_since_snapshot - bytes_before);
    quorum->pending_bytes += append->bytes;
    list_push_back(&quorum->appends, &append->node);
    quorum->stats.appends++;
    quorum->stats.records += count;
    return ERR_OK;
}

/* ---- A new leader's first records -------------------------------------------------------- */

static struct wire_leader_change_message_voter *
voter_ids(struct quorum *quorum, const struct raft_voter *voters, size_t count)
{
    struct wire_leader_change_message_voter *out =
        arena_must_alloc_array(&quorum->arena, count, sizeof *out);
    for (size_t i = 0; i < count; i++)
        out[i].voter_id = voters[i].id;
    return out;
}

static bool endpoints_differ(const struct quorum *quorum,
                             const struct wire_voters_record_voter *voter)
{
    const struct quorum_options *options = &quorum->options;
    if ((size_t)voter->endpoints.count != options->endpoint_count)
        return true;
    for (size_t i = 0; i < options->endpoint_count; i++)
        if (!wire_string_is(voter->endpoints.items[i].name, options->endpoints[i].listener) ||
            !wire_string_is(voter->endpoints.items[i].host, options->endpoints[i].host) ||
            voter->endpoints.items[i].port != options->endpoints[i].port)
            return true;
    return false;
}

/* This node's own endpoints in the set of voters, if they are others than it has now (it was given
 * another address or port). True when the set changed. */
static bool update_own_endpoints(struct quorum *quorum)
{
    const struct quorum_options *options = &quorum->options;
    struct wire_voters_record record = quorum->voters.record;
    struct wire_voters_record_voter *voters =
        arena_must_alloc_array(&quorum->arena, (size_t)record.voters.count, sizeof *voters);
    bool changed = false;
    for (int32_t i = 0; i < record.voters.count; i++) {
        voters[i] = record.voters.items[i];
        if (voters[i].voter_id != options->node_id || options->endpoint_count == 0 ||
            !endpoints_differ(quorum, &voters[i]))
            continue;
        changed = true;
        voters[i].endpoints.items = arena_must_alloc_array(&quorum->arena, options->endpoint_count,
                                                           sizeof *voters[i].endpoints.items);
        voters[i].endpoints.count = (int32_t)options->endpoint_count;
        for (size_t j = 0; j < options->endpoint_count; j++)
            voters[i].endpoints.items[j] = (struct wire_voters_record_endpoint){
                .name = wire_string_from(options->endpoints[j].listener),
                .host = wire_string_from(options->endpoints[j].host),
                .port = options->endpoints[j].port,
            };
    }
    record.voters.items = voters;
    if (changed)
        quorum_voters_set(&quorum->voters, &record, quorum->voters.record_offset);
    return changed;
}

/*
 * One control batch: LeaderChange; and kraft.version with the voters when the log does not have
 * them yet (they were in the snapshot that formatting wrote, which no replica fetches), or when
 * this node's endpoints have changed.
 */
void quorum_append_leader_change(struct quorum *quorum, const struct raft_action *lead)
{
    int64_t wall_ms = env_wall_ms(quorum->env);
    struct quorum_voters *voters = &quorum->voters;
    size_t count = 1;
    ASSERT(list_empty(&quorum->queue));
    arena_reset(&quorum->arena);
    quorum->lead_epoch = lead->epoch;
    quorum->end_offset = plog_end_offset(quorum->plog);
    begin_batch(quorum, true);
    struct wire_leader_change_message change = {.leader_id = quorum->options.node_id};
    change.voters.count = (int32_t)raft_voter_count(quorum->raft);
    change.voters.items =
        voter_ids(quorum, raft_voters(quorum->raft), raft_voter_count(quorum->raft));
    change.granting_voters.count = (int32_t)lead->granting_count;
    change.granting_voters.items = voter_ids(quorum, lead->granting, lead->granting_count);
    quorum_control_add(&quorum->builder, BATCH_CONTROL_LEADER_CHANGE,
                       &wire_leader_change_message_schema, 0, &change, quorum->end_offset, wall_ms);
    if (voters->kraft_version > 0 && voters->has_record &&
        (update_own_endpoints(quorum) || voters->record_offset < 0)) {
        struct wire_kraft_version_record version = {.kraft_version = voters->kraft_version};
        quorum_control_add(&quorum->builder, BATCH_CONTROL_KRAFT_VERSION,
                           &wire_kraft_version_record_schema, 0, &version, quorum->end_offset + 1,
                           wall_ms);
        quorum_control_add(&quorum->builder, BATCH_CONTROL_KRAFT_VOTERS, &wire_voters_record_schema,
                           0, &voters->record, quorum->end_offset + 2, wall_ms);
        voters->record_offset = quorum->end_offset + 2;
        count = 3;
    }
    enum err err = end_batch(quorum, count);
    if (err != ERR_OK) {
        quorum_fail(quorum, "Out of memory while becoming leader of the metadata log");
        return;
    }
    quorum->lead_appended = true;
}

/*
 * Another controller began a metadata transaction and did not end it (KIP-868): it is aborted
 * before this one decides anything. One batch of its own; it is read back and applied like
 * anybody's.
 */
void quorum_append_abort(struct quorum *quorum)
{
    int64_t wall_ms = env_wall_ms(quorum->env);
    struct wire_abort_transaction_record abort = {
        .reason = WIRE_STRING("the controller that began it is not active any more")};
    struct meta_record record = {WIRE_METADATA_RECORD_ABORT_TRANSACTION, 0, &abort};
    begin_batch(quorum, false);
    enum err err = add_record(quorum, &record, quorum->end_offset, wall_ms);
    if (err == ERR_OK)
        err = end_batch(quorum, 1);
    if (err != ERR_OK)
        quorum_fail(quorum, "Out of memory while becoming leader of the metadata log");
}

/* ---- Into the log ------------------------------------------------------------------------ */

static void waiter_ready(struct plog *plog, struct plog_waiter *waiter)
{
    UNUSED(plog);
    quorum_wake(CONTAINER_OF(waiter, struct quorum, waiter));
}

static void sync_done(struct plog_op *op)
{
    struct quorum *quorum = CONTAINER_OF(op, struct quorum, sync);
    quorum->syncing = false;
    quorum->stats.syncs++;
    if (op->err != ERR_OK)
        quorum_fail(quorum,
                    "The metadata log in %s could not be synced: %s. What was written last may be "
                    "lost; check the disk, then start again",
                    quorum->folder, err_text(op->err));
    else if (quorum->phase == QUORUM_RUNNING)
        raft_synced(quorum->raft, plog_durable_offset(quorum->plog));
    quorum_step(quorum);
}

static void free_batch(struct quorum_batch *batch)
{
    list_remove(&batch->node);
    buf_deinit(&batch->bytes);
    mem_free(batch);
}

static void give_up(struct quorum *quorum, enum err err)
{
    if (err == ERR_NOSPACE) {
        LOG_ERROR("the metadata log in %s cannot grow: %s. Nothing in the cluster can change until "
                  "there is room",
                  quorum->folder, err_text(err));
        raft_resign(quorum->raft, quorum_now_ms(quorum));
        return;
    }
    quorum_fail(quorum, "The metadata log in %s cannot be written: %s", quorum->folder,
                err_text(err));
}

/* Everything queued goes to the log; false when it waits or failed. */
static bool write_queue(struct quorum *quorum)
{
    if (!list_empty(&quorum->waiter.node))
        return false; /* still waiting; a step for another reason */
    while (!list_empty(&quorum->queue)) {
        struct quorum_batch *batch = LIST_ENTRY(quorum->queue.next, struct quorum_batch, node);
        arena_reset(&quorum->arena);
        struct plog_append append = {
            .data = batch->bytes.data,
            .size = batch->bytes.size,
            .origin = PLOG_ORIGIN_RAFT,
            .stamped = true,
            .leader_epoch = quorum->lead_epoch,
            .wall_ms = env_wall_ms(quorum->env),
            .arena = &quorum->arena,
        };
        enum err err = plog_append(quorum->plog, &append);
        if (err == ERR_AGAIN) {
            quorum->waiter.ready = waiter_ready;
            plog_wait(quorum->plog, &quorum->waiter);
            return false;
        }
        if (err == ERR_OK && append.error != 0) {
            quorum_fail(quorum, "The metadata log in %s does not take a batch: %s", quorum->folder,
                        append.error_message != NULL ? append.error_message : "no reason given");
            return false;
        }
        if (err != ERR_OK) {
            give_up(quorum, err);
            return false;
        }
        ASSERT(append.first_offset == batch->first_offset);
        ASSERT(append.last_offset == batch->last_offset);
        raft_appended(quorum->raft, append.last_offset + 1, quorum->lead_epoch);
        free_batch(batch);
    }
    return true;
}

void quorum_append_step(struct quorum *quorum)
{
    write_queue(quorum);
    if (quorum->syncing || quorum->fatal[0] != '\0' ||
        plog_durable_offset(quorum->plog) >= plog_end_offset(quorum->plog))
        return;
    quorum->syncing = true;
    quorum->sync = (struct plog_op){.done = sync_done};
    plog_sync(quorum->plog, &quorum->sync);
}

void quorum_append_drop(struct quorum *quorum)
{
    LIST_FOR_EACH_SAFE (node, after, &quorum->queue)
        free_batch(LIST_ENTRY(node, struct quorum_batch, node));
    plog_unwait(&quorum->waiter);
    quorum->pending_bytes = 0;
    if (quorum->plog != NULL)
        quorum->end_offset = plog_end_offset(quorum->plog);
    /* Whoever is told may not append any more: `leading` is looked at first. */
    bool led = quorum->leading;
    quorum->leading = false;
    for (struct list *node; (node = list_pop_front(&quorum->appends)) != NULL;) {
        struct quorum_append *append = LIST_ENTRY(node, struct quorum_append, node);
        meta_image_unref(append->image);
        append->image = NULL;
        append->done(append, QUORUM_LOST);
    }
    quorum->leading = led;
}
