/*
 * Appending: what arrives is judged by its origin, stamped in place, written with one call, and
 * accounted for.
 *
 * Everything that can say no or "not now" comes before the first changed byte, so that an append
 * that got ERR_AGAIN can be tried again as it is.
 */
#define LOG_ROOM "plog"
#include "plog/plog_int.h"

#include "base/log.h"
#include "wire/errors.h"

#include <stdio.h>
#include <string.h>

/* A judged append. */
struct intake {
    uint8_t *data; /* what will be written: the caller's bytes, or `rewritten` */
    size_t size;
    struct buf rewritten;
    int64_t last_offset; /* after stamping */
    int64_t max_timestamp;
    size_t batch_count;
    bool stamp; /* offsets and the epoch are ours to give */
    enum batch_timestamp_type timestamp_type;
    bool nothing; /* there is nothing to write: a duplicate, or no whole batch */
};

static void refuse(struct plog_append *append, enum wire_error error, const char *message)
{
    append->error = (int16_t)error;
    append->error_message = message;
}

static void refuse_problem(struct plog_append *append, enum batch_problem problem)
{
    append->error = batch_problem_error(problem);
    append->error_message = batch_problem_text(problem);
}

/* ---- A client's batch ----------------------------------------------------------------------- */

/* At most so many refused records are told of: the producer needs one to begin with. */
#define RECORD_ERRORS_MAX 1024

static void record_refused(void *context, int32_t record_index, enum batch_problem problem)
{
    struct plog_append *append = context;
    if (append->record_error_count == RECORD_ERRORS_MAX || append->arena == NULL)
        return;
    if (append->record_errors == NULL)
        append->record_errors =
            arena_alloc_array(append->arena, RECORD_ERRORS_MAX, sizeof *append->record_errors);
    if (append->record_errors == NULL)
        return;
    append->record_errors[append->record_error_count++] =
        (struct plog_record_error){record_index, batch_problem_text(problem)};
}

static enum err check_records(struct plog *plog, struct plog_append *append,
                              const struct batch_view *batch, struct batch_check *check)
{
    const struct plog_config *config = plog->config;
    *check = (struct batch_check){
        .timestamp_type = config->message_timestamp_type == PLOG_TIMESTAMP_APPEND
                              ? BATCH_TIMESTAMP_LOG_APPEND
                              : BATCH_TIMESTAMP_CREATE,
        .wall_ms = append->wall_ms,
        .timestamp_before_max_ms = config->message_timestamp_before_max_ms,
        .timestamp_after_max_ms = config->message_timestamp_after_max_ms,
        .keys_required = (config->cleanup_policy & PLOG_CLEANUP_COMPACT) != 0,
        .decompressed_bytes_max = (size_t)config->max_decompressed_message_bytes,
        .refused = record_refused,
        .context = append,
    };
    enum err err = batch_check_records(plog->host->codec, batch, check);
    if (err == ERR_OK && check->problem != BATCH_OK)
        refuse_problem(append, check->problem);
    return err;
}

int plog_codec_level(const struct plog_config *config, enum codec codec)
{
    switch (codec) {
    case CODEC_GZIP:
        return config->compression_gzip_level;
    case CODEC_LZ4:
        return config->compression_lz4_level;
    case CODEC_ZSTD:
        return config->compression_zstd_level;
    default:
        return codec_level_default(codec);
    }
}

/* The same records in the topic's compression and with offsets in a row. ERR_NOMEM, ERR_LIMIT. */
static enum err rewrite(struct plog *plog, const struct plog_append *append,
                        const struct batch_view *batch, enum codec codec,
                        const struct batch_check *check, struct buf *out)
{
    const struct batch_header *header = &batch->header;
    struct batch_builder_options options = BATCH_BUILDER_DEFAULTS;
    options.base_offset = plog->end_offset;
    options.leader_epoch = append->leader_epoch;
    options.codec = (uint8_t)codec;
    options.level = plog_codec_level(plog->config, codec);
    options.timestamp_type = check->timestamp_type;
    options.log_append_time_ms = append->wall_ms;
    options.producer_id = header->producer_id;
    options.producer_epoch = header->producer_epoch;
    options.base_sequence = header->base_sequence;
    options.transactional = batch_is_transactional(header);

    struct batch_records records;
    struct batch_record record;
    struct batch_builder builder;
    enum err err = batch_records_init(&records, plog->host->codec, batch,
                                      (size_t)plog->config->max_decompressed_message_bytes);
    if (err != ERR_OK)
        return err;
    batch_builder_init(&builder, &options);
    for (int64_t offset = options.base_offset;
         err == ERR_OK && batch_records_next(&records, &record); offset++) {
        record.offset = offset;
        err = batch_builder_add(&builder, &record);
    }
    if (err == ERR_OK)
        err = records.err;
    if (err == ERR_OK)
        err = batch_builder_finish(&builder, plog->host->codec, out);
    batch_builder_deinit(&builder);
    batch_records_deinit(&records);
    return err;
}

/* Sequences, epochs and transactions. False: decided (refused, a duplicate, or to be tried again).
 */
static bool check_producer(struct plog *plog, struct plog_append *append,
                           const struct batch_view *batch, struct intake *intake, enum err *out_err)
{
    struct plog_marker marker;
    *out_err = ERR_OK;
    if (!batch_has_producer(&batch->header))
        return true;
    if (plog_marker_read(batch, &marker) != ERR_OK) {
        refuse_problem(append, BATCH_BAD_RECORD);
        return false;
    }
    struct plog_verdict verdict;
    plog_producers_check(plog->producers, &batch->header, &marker, append, &verdict);
    if (verdict.history_below >= 0) {
        plog_history_begin(plog, batch->header.producer_id, verdict.history_below);
        *out_err = ERR_AGAIN;
        return false;
    }
    if (verdict.error != WIRE_ERROR_NONE) {
        refuse(append, (enum wire_error)verdict.error, verdict.message);
        return false;
    }
    if (verdict.duplicate) {
        append->duplicate = true;
        append->first_offset = verdict.first_offset;
        append->last_offset = verdict.last_offset;
        append->append_time_ms = verdict.timestamp_ms;
        append->max_timestamp_ms = verdict.timestamp_ms;
        intake->nothing = true;
        return false;
    }
    return true;
}

static enum err judge_client(struct plog *plog, struct plog_append *append, struct intake *intake)
{
    const struct plog_config *config = plog->config;
    struct batch_view batch;
    size_t size;
    int8_t magic;
    /* Before a large one is worked on. */
    if (batch_peek(append->data, append->size, &size, &magic) == ERR_OK &&
        (int64_t)size > config->max_message_bytes) {
        refuse(append, WIRE_ERROR_MESSAGE_TOO_LARGE, NULL);
        return ERR_OK;
    }
    enum batch_problem problem = batch_check_client(append->data, append->size, &batch);
    if (problem != BATCH_OK) {
        refuse_problem(append, problem);
        return ERR_OK;
    }
    if (batch.header.size != append->size) {
        refuse(append, WIRE_ERROR_INVALID_RECORD, "more than one batch for a partition");
        return ERR_OK;
    }
    enum err err;
    if (!check_producer(plog, append, &batch, intake, &err))
        return err;
    struct batch_check check;
    err = check_records(plog, append, &batch, &check);
    if (err != ERR_OK || append->error != WIRE_ERROR_NONE)
        return err;
    enum codec codec = batch_codec(&batch.header);
    enum codec wanted = config->compression_type == PLOG_COMPRESSION_PRODUCER
                            ? codec
                            : (enum codec)config->compression_type;
    if (wanted != codec || !check.offsets_in_order) {
        err = rewrite(plog, append, &batch, wanted, &check, &intake->rewritten);
        if (err == ERR_LIMIT) {
            refuse(append, WIRE_ERROR_MESSAGE_TOO_LARGE, NULL);
            return ERR_OK;
        }
        if (err != ERR_OK)
            return err;
        intake->data = intake->rewritten.data;
        intake->size = intake->rewritten.size;
        if ((int64_t)intake->size > config->max_message_bytes) {
            refuse(append, WIRE_ERROR_MESSAGE_TOO_LARGE, NULL);
            return ERR_OK;
        }
    }
    intake->stamp = true;
    intake->batch_count = 1;
    intake->timestamp_type = check.timestamp_type;
    intake->max_timestamp = check.max_timestamp;
    intake->last_offset = plog->end_offset + batch.header.last_offset_delta;
    append->record_count = (uint64_t)batch.header.record_count;
    return ERR_OK;
}

/* ---- Our own batches, and a leader's -------------------------------------------------------- */

/* Coordinators, markers, and the metadata log's leader: offsets are given here. */
static enum err judge_own(struct plog *plog, struct plog_append *append, struct intake *intake)
{
    struct batch_walk walk = batch_walk_begin(append->data, append->size);
    struct batch_view batch;
    int64_t next = plog->end_offset;
    bool producers = append->origin == PLOG_ORIGIN_COORDINATOR;
    bool stamps_time = producers && plog->config->message_timestamp_type == PLOG_TIMESTAMP_APPEND;
    intake->stamp = true;
    intake->timestamp_type = stamps_time ? BATCH_TIMESTAMP_LOG_APPEND : BATCH_TIMESTAMP_CREATE;
    intake->max_timestamp = stamps_time ? append->wall_ms : BATCH_NO_TIMESTAMP;
    while (batch_walk_next(&walk, &batch)) {
        if (batch.header.last_offset_delta < 0 || batch.header.record_count <= 0) {
            refuse_problem(append, BATCH_RECORD_COUNT);
            return ERR_OK;
        }
        if (batch_check_crc(batch.data, batch.header.size) != ERR_OK) {
            refuse_problem(append, BATCH_BAD_CRC);
            return ERR_OK;
        }
        if (producers && (int64_t)batch.header.size > plog->config->max_message_bytes) {
            refuse(append, WIRE_ERROR_MESSAGE_TOO_LARGE, NULL);
            return ERR_OK;
        }
        enum err err;
        if (producers && !check_producer(plog, append, &batch, intake, &err))
            return err;
        if (!stamps_time && batch.header.max_timestamp > intake->max_timestamp)
            intake->max_timestamp = batch.header.max_timestamp;
        next += (int64_t)batch.header.last_offset_delta + 1;
        intake->batch_count++;
        append->record_count += (uint64_t)batch.header.record_count;
    }
    if (walk.err != ERR_OK || intake->batch_count == 0) {
        refuse_problem(append, walk.err == ERR_TRUNCATED ? BATCH_TRUNCATED : BATCH_BAD_SIZE);
        return ERR_OK;
    }
    intake->last_offset = next - 1;
    return ERR_OK;
}

/* Batches that a leader stamped: taken as they are, up to the first of an epoch that is not ours.
 */
static enum err judge_stamped(struct plog *plog, struct plog_append *append, struct intake *intake)
{
    struct batch_walk walk = batch_walk_begin(append->data, append->size);
    struct batch_view batch;
    int64_t next = plog->end_offset;
    size_t taken = 0;
    intake->max_timestamp = BATCH_NO_TIMESTAMP;
    while (batch_walk_next(&walk, &batch)) {
        struct batch_header header;
        if (plog_header_read(batch.data, &header) != ERR_OK ||
            batch_check_crc(batch.data, header.size) != ERR_OK) {
            refuse_problem(append, BATCH_BAD_CRC);
            return ERR_OK;
        }
        if (header.leader_epoch > append->leader_epoch)
            break;
        if (header.base_offset < next ||
            (append->origin == PLOG_ORIGIN_RAFT && header.base_offset != next)) {
            refuse(append, WIRE_ERROR_OFFSET_OUT_OF_RANGE,
                   "the offsets do not follow the end of the log");
            return ERR_OK;
        }
        struct plog_marker marker;
        if (append->origin == PLOG_ORIGIN_REPLICA && batch_has_producer(&header) &&
            plog_marker_read(&batch, &marker) != ERR_OK) {
            refuse_problem(append, BATCH_BAD_RECORD);
            return ERR_OK;
        }
        if (intake->batch_count == 0)
            append->first_offset = header.base_offset;
        else if (batch_last_offset(&header) - append->first_offset > INT32_MAX)
            break; /* no segment spans both: the rest is fetched again */
        next = batch_next_offset(&header);
        taken = walk.position;
        intake->batch_count++;
        append->record_count += (uint64_t)header.record_count;
        if (header.max_timestamp > intake->max_timestamp)
            intake->max_timestamp = header.max_timestamp;
    }
    /* A fetch may end inside of a batch; anything else is damage. */
    if (walk.err != ERR_OK && walk.err != ERR_TRUNCATED) {
        refuse_problem(append, BATCH_BAD_SIZE);
        return ERR_OK;
    }
    intake->size = taken;
    intake->last_offset = next - 1;
    intake->nothing = taken == 0;
    return ERR_OK;
}

/* ---- Rolling -------------------------------------------------------------------------------- */

static bool segment_is_old(const struct plog *plog, int64_t max_timestamp, int64_t wall_ms)
{
    int64_t segment_ms = plog->config->segment_ms;
    /* Only a closed segment is cleaned: in time for max.compaction.lag.ms (KIP-354). */
    if (plog_is_compacted(plog) && plog->config->max_compaction_lag_ms > 0 &&
        plog->config->max_compaction_lag_ms < segment_ms)
        segment_ms = plog->config->max_compaction_lag_ms;
    int64_t waited = plog->roll_timestamp_ms >= 0 && max_timestamp >= 0
                         ? max_timestamp - plog->roll_timestamp_ms
                         : wall_ms - plog->roll_created_ms;
    return waited > segment_ms - plog->roll_jitter_ms;
}

static bool index_is_full(const struct plog *plog)
{
    const struct plog_tail *tail = plog->tail;
    const struct plog_segment *active = &plog->segments[plog->segment_count - 1];
    uint64_t bytes = (uint64_t)plog->config->segment_index_bytes;
    uint64_t entries_max = bytes / PLOG_INDEX_ENTRY_BYTES;
    uint64_t time_entries_max = bytes / PLOG_TIMEINDEX_ENTRY_BYTES;
    /* One place in the time index is kept for its last entry. */
    return active->files->index_count + tail->pending_count >= entries_max ||
           tail->timeindex_count + tail->time_pending_count + 1 >= time_entries_max;
}

static bool must_roll(struct plog *plog, const struct intake *intake, int64_t wall_ms)
{
    const struct plog_segment *active = plog_active(plog);
    int64_t bytes_max = plog->config->segment_bytes < PLOG_SEGMENT_BYTES_MAX
                            ? plog->config->segment_bytes
                            : PLOG_SEGMENT_BYTES_MAX;
    if (intake->last_offset - active->base_offset > INT32_MAX)
        return true;
    if (active->size_bytes == 0)
        return false;
    return (int64_t)active->size_bytes > bytes_max - (int64_t)intake->size ||
           segment_is_old(plog, intake->max_timestamp, wall_ms) || index_is_full(plog);
}

/* Where the next segment begins: at the end, but for a follower's gap that no segment can span. */
static int64_t next_base(const struct plog *plog, const struct intake *intake)
{
    int64_t lowest = intake->last_offset - INT32_MAX;
    return lowest > plog->end_offset ? lowest : plog->end_offset;
}

/* ---- Writing -------------------------------------------------------------------------------- */

static void stamp(struct plog *plog, const struct plog_append *append, const struct intake *intake)
{
    struct batch_walk walk = batch_walk_begin(intake->data, intake->size);
    struct batch_view batch;
    int64_t next = plog->end_offset;
    while (batch_walk_next(&walk, &batch)) {
        uint8_t *data = intake->data + (batch.data - intake->data);
        if (append->origin != PLOG_ORIGIN_RAFT) {
            bool one = append->origin == PLOG_ORIGIN_CLIENT ||
                       intake->timestamp_type == BATCH_TIMESTAMP_LOG_APPEND;
            (void)batch_stamp_timestamp(data, batch.header.size, intake->timestamp_type,
                                        one ? intake->max_timestamp : batch.header.max_timestamp);
        }
        batch_stamp_base_offset(data, next);
        batch_stamp_leader_epoch(data, append->leader_epoch);
        next += (int64_t)batch.header.last_offset_delta + 1;
    }
    ASSERT(walk.err == ERR_OK && next == intake->last_offset + 1);
}

/* A batch is in the file: everything that is derived from batches learns of it. */
static void account(struct plog *plog, const struct plog_append *append,
                    const struct batch_view *batch)
{
    const struct batch_header *header = &batch->header;
    struct plog_segment *segment = plog_active(plog);
    if (segment->size_bytes == 0)
        plog->roll_timestamp_ms = header->max_timestamp;
    if (header->max_timestamp > segment->max_timestamp_ms) {
        segment->max_timestamp_ms = header->max_timestamp;
        segment->max_timestamp_offset = batch_last_offset(header);
    }
    plog_tail_add(plog, header);
    segment->size_bytes += (uint32_t)header->size;
    plog->size_bytes += header->size;
    plog->end_offset = batch_next_offset(header);
    plog_epochs_assign(plog, header->leader_epoch, header->base_offset);
    if (plog->kind == PLOG_KIND_PARTITION && append->origin != PLOG_ORIGIN_RAFT &&
        batch_has_producer(header)) {
        struct plog_marker marker;
        if (plog_marker_read(batch, &marker) != ERR_OK)
            UNREACHABLE(); /* it was read while it was judged */
        if (plog->producers == NULL)
            plog->producers = plog_producers_new();
        plog_producers_apply(plog->producers, header, &marker, append->wall_ms);
    }
}

static void note_dirty(struct plog *plog, struct plog_segment *segment)
{
    segment->dirty = true;
    segment->index_dirty = true;
    plog->producers_dirty = true;
    if (plog->dirty_since_ns == 0) {
        plog->dirty_since_ns = env_now_ns(plog->host->env);
        if (plog->config->flush_ms <= INT32_MAX && list_empty(&plog->flush_node)) {
            list_push_back(&plog->host->flushes, &plog->flush_node);
            plog_host_timer_by(plog->host, plog->dirty_since_ns + (uint64_t)plog->config->flush_ms *
                                                                      UINT64_C(1000000));
        }
    }
    if (plog->end_offset - plog->durable_offset >= plog->config->flush_messages) {
        plog->sync_wanted = true;
        plog_poke(plog);
    }
}

static enum err write_failed(struct plog *plog, struct plog_append *append, enum err err)
{
    refuse(append, WIRE_ERROR_KAFKA_STORAGE_ERROR, NULL);
    PLOG_ROOM_NAME(plog, name);
    if (err == ERR_NOSPACE) {
        if (log_limit_admits(&plog->host->full_disk, LOG_ROOM, env_now_ns(plog->host->env)))
            LOG_WARN("%s: an append of %zu bytes found the disk full", name, append->size);
        plog->torn = true;
        plog_poke(plog);
        return err;
    }
    char what[PLOG_ERROR_BYTES];
    snprintf(what, sizeof what, "append to %s: %s", name, err_text(err));
    plog_host_dir_broke(plog->host, plog->dir, err, what);
    return ERR_IO;
}

static enum err write_intake(struct plog *plog, struct plog_append *append,
                             const struct intake *intake)
{
    struct plog_segment *segment = plog_active(plog);
    ASSERT(segment->files != NULL && segment->files->log != NULL);
    ASSERT(intake->last_offset >= plog->end_offset);
    if (intake->stamp)
        stamp(plog, append, intake);
    struct env_iov iov = {intake->data, intake->size};
    enum err err =
        env_file_write(plog->host->env, segment->files->log, &iov, 1, segment->size_bytes);
    if (err != ERR_OK)
        return write_failed(plog, append, err);

    if (intake->stamp)
        append->first_offset = plog->end_offset;
    struct batch_walk walk = batch_walk_begin(intake->data, intake->size);
    struct batch_view batch;
    while (batch_walk_next(&walk, &batch))
        account(plog, append, &batch);
    ASSERT(walk.err == ERR_OK && plog->end_offset == intake->last_offset + 1);
    segment->append_ms = append->wall_ms;
    plog_files_touch(segment->files);
    note_dirty(plog, segment);
    plog_writeback_note(plog, intake->size);

    append->last_offset = intake->last_offset;
    append->max_timestamp_ms = intake->max_timestamp;
    append->written_bytes = intake->size;
    if (intake->timestamp_type == BATCH_TIMESTAMP_LOG_APPEND)
        append->append_time_ms = append->wall_ms;
    plog->host->stats.bytes_appended += intake->size;
    plog->host->stats.batches_appended += intake->batch_count;
    return ERR_OK;
}

/* ---- The door ------------------------------------------------------------------------------- */

static enum err may_append(struct plog *plog, struct plog_append *append)
{
    if (plog->state == PLOG_STATE_NEW || plog->state == PLOG_STATE_OPENING)
        return ERR_AGAIN;
    if (plog->state != PLOG_STATE_OPEN) {
        refuse(append, WIRE_ERROR_KAFKA_STORAGE_ERROR, NULL);
        return plog->state == PLOG_STATE_CLOSING || plog->state == PLOG_STATE_CLOSED ||
                       plog->state == PLOG_STATE_DELETED
                   ? ERR_CLOSED
                   : ERR_OFFLINE;
    }
    if (plog->busy != PLOG_BUSY_NONE || plog->torn || !list_empty(&plog->ops))
        return ERR_AGAIN;
    if (!list_empty(&plog->waiters) && !plog->waking)
        return ERR_AGAIN;
    if (plog_writeback_holds(plog)) {
        plog_writeback_wait(plog);
        return ERR_AGAIN;
    }
    /* A job could not make room for appends: whoever tries first is told, and the next one tries
     * anew. */
    if (plog->activate_error != ERR_OK) {
        enum err err = plog->activate_error;
        plog->activate_error = ERR_OK;
        refuse(append, WIRE_ERROR_KAFKA_STORAGE_ERROR, NULL);
        return err;
    }
    if (plog->tail == NULL) {
        plog_activate(plog);
        return ERR_AGAIN;
    }
    return ERR_OK;
}

enum err plog_append(struct plog *plog, struct plog_append *append)
{
    append->error = WIRE_ERROR_NONE;
    append->error_message = NULL;
    append->record_errors = NULL;
    append->record_error_count = 0;
    append->first_offset = -1;
    append->last_offset = -1;
    append->append_time_ms = -1;
    append->max_timestamp_ms = -1;
    append->record_count = 0;
    append->written_bytes = 0;
    append->duplicate = false;
    append->log_start_offset = plog->log_start_offset;
    enum err err = may_append(plog, append);
    if (err != ERR_OK)
        return err;

    struct intake intake = {.data = append->data, .size = append->size};
    bool stamped = append->origin == PLOG_ORIGIN_REPLICA ||
                   (append->origin == PLOG_ORIGIN_RAFT && append->stamped);
    err = append->origin == PLOG_ORIGIN_CLIENT ? judge_client(plog, append, &intake)
          : stamped                            ? judge_stamped(plog, append, &intake)
                                               : judge_own(plog, append, &intake);
    if (err != ERR_OK || append->error != WIRE_ERROR_NONE || intake.nothing)
        goto done;
    /* A leader's batches are taken even if our segments are smaller; each set has one of its own.
     */
    if (intake.size > PLOG_SEGMENT_BYTES_MAX ||
        (!stamped && (int64_t)intake.size > plog->config->segment_bytes)) {
        refuse(append, WIRE_ERROR_RECORD_LIST_TOO_LARGE, NULL);
        goto done;
    }
    if (append->origin == PLOG_ORIGIN_CLIENT && plog->host->dirs[plog->dir].full) {
        /* Clients try again for a while with this code; most show the text. */
        refuse(append, WIRE_ERROR_KAFKA_STORAGE_ERROR,
               "The disk has no room left but what is kept for other things "
               "(ottla.log.dir.reserve.bytes)");
        err = ERR_NOSPACE;
        goto done;
    }
    if (must_roll(plog, &intake, append->wall_ms)) {
        plog_roll_begin(plog, next_base(plog, &intake));
        err = plog->state == PLOG_STATE_OPEN ? ERR_AGAIN : ERR_OFFLINE;
        if (err != ERR_AGAIN)
            refuse(append, WIRE_ERROR_KAFKA_STORAGE_ERROR, NULL);
        goto done;
    }
    err = write_intake(plog, append, &intake);
done:
    buf_deinit(&intake.rewritten);
    return err;
}
