/*
 * The part of a cleaning that reads and writes, as jobs: first the dirty part is read and its keys
 * go into the map, then all segments up to where the map reaches are read and what stays of each
 * group is written to one new segment with the suffix .cleaned.
 *
 * What goes (as in Kafka; KIP-58, KIP-98, KIP-354, KIP-534):
 *
 *   a record   whose key has a later one in the map, or that has no key
 *   tombstone  likewise; else once its batch's delete horizon has passed, which the first pass that
 *              sees it stamps
 *   data of an aborted transaction
 *   a marker   once no batch of its transaction is left and then its horizon has passed
 *   a batch    that has no records left, but for an active producer's last and for the last of a
 *              group: these stay without records
 *
 * Records past the map are kept. A batch whose checksum is wrong ends the cleaning: what it held is
 * for replication or people to mend, not for us to drop.
 */
#define LOG_ROOM "plog"
#include "plog/plog_clean_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Aborted transactions of a log that are kept in memory while it is cleaned. */
#define ABORTED_BYTES_MAX ((size_t)256 << 20)

enum err plog_clean_fail(struct plog_clean_pass *pass, enum err err, const char *step,
                         const char *path)
{
    ASSERT(err != ERR_OK);
    if (pass->err == ERR_OK) {
        pass->err = err;
        snprintf(pass->what, sizeof pass->what, "%s %.400s: %s", step, path, err_text(err));
    }
    return err;
}

static void cleaned_path(const struct plog_clean_pass *pass, enum plog_file_kind kind,
                         char out[PLOG_PATH_BYTES])
{
    char path[PLOG_PATH_BYTES];
    plog_path_of(path, pass->folder, kind, pass->segments[pass->group_first].base_offset);
    int size = snprintf(out, PLOG_PATH_BYTES, "%s.cleaned", path);
    ASSERT(size > 0 && size < PLOG_PATH_BYTES);
}

static const enum plog_file_kind CLEANED_KINDS[] = {PLOG_FILE_LOG, PLOG_FILE_INDEX,
                                                    PLOG_FILE_TIMEINDEX, PLOG_FILE_TXNINDEX};

/* ---- Reading --------------------------------------------------------------------------------- */

static enum err fail_reading(struct plog_clean_pass *pass, enum err err)
{
    char path[PLOG_PATH_BYTES];
    plog_path_of(path, pass->folder, PLOG_FILE_LOG, pass->segments[pass->segment].base_offset);
    size_t size = strlen(path);
    snprintf(path + size, sizeof path - size, " at position %u", pass->position);
    return plog_clean_fail(pass, err, "read", path);
}

static void close_segment(struct plog_clean_pass *pass)
{
    disk_close(pass->disk, pass->log);
    pass->log = NULL;
    pass->position = 0;
    pass->window_size = 0;
    pass->window_at = 0;
}

static enum err open_segment(struct plog_clean_pass *pass)
{
    char path[PLOG_PATH_BYTES];
    if (pass->log != NULL)
        return ERR_OK;
    plog_path_of(path, pass->folder, PLOG_FILE_LOG, pass->segments[pass->segment].base_offset);
    enum err err = disk_open(pass->disk, path, DISK_READ, &pass->log);
    return err == ERR_OK ? ERR_OK : plog_clean_fail(pass, err, "open", path);
}

/* So many bytes at the position, which the segment has. */
static enum err look(struct plog_clean_pass *pass, size_t size, const uint8_t **out)
{
    const struct plog_clean_segment *segment = &pass->segments[pass->segment];
    if (pass->position < pass->window_at ||
        pass->position + size > pass->window_at + pass->window_size) {
        size_t wanted = size > pass->io_bytes ? size : pass->io_bytes;
        if (wanted > segment->size_bytes - pass->position)
            wanted = segment->size_bytes - pass->position;
        if (wanted > pass->window_capacity) {
            uint8_t *window = mem_try_realloc(pass->window, wanted);
            if (window == NULL)
                return fail_reading(pass, ERR_NOMEM);
            pass->window = window;
            pass->window_capacity = wanted;
        }
        size_t got;
        pass->window_size = 0;
        enum err err = disk_read(pass->disk, pass->log, pass->window, wanted, pass->position, &got);
        if (err == ERR_OK && got < size)
            err = ERR_TRUNCATED;
        if (err != ERR_OK)
            return fail_reading(pass, err);
        pass->window_at = pass->position;
        pass->window_size = got;
        pass->step_bytes += got;
        pass->stats.bytes_read += got;
    }
    *out = pass->window + (pass->position - pass->window_at);
    return ERR_OK;
}

/* The batch at the position. Below `skip_below` its header is all that is looked at. */
static enum err next_batch(struct plog_clean_pass *pass, int64_t skip_below, struct batch_view *out)
{
    size_t left = pass->segments[pass->segment].size_bytes - pass->position;
    if (left < BATCH_HEADER_BYTES)
        return fail_reading(pass, ERR_CORRUPT);
    enum err err = look(pass, BATCH_HEADER_BYTES, &out->data);
    if (err != ERR_OK)
        return err;
    err = plog_header_read(out->data, &out->header);
    if (err == ERR_OK && out->header.size > left)
        err = ERR_CORRUPT;
    if (err != ERR_OK)
        return fail_reading(pass, err);
    if (batch_last_offset(&out->header) < skip_below && !batch_is_control(&out->header))
        return ERR_OK;
    err = look(pass, out->header.size, &out->data);
    if (err == ERR_OK && batch_check_crc(out->data, out->header.size) != ERR_OK)
        err = fail_reading(pass, ERR_CORRUPT);
    return err;
}

/* What its transaction says of a batch. */
static enum err judge_txn(struct plog_clean_pass *pass, const struct batch_view *batch,
                          bool *out_discard, struct plog_txnindex_entry *out_aborted)
{
    struct plog_marker marker;
    enum err err;
    out_aborted->last_offset = -1;
    if (!batch_is_control(&batch->header)) {
        err = plog_clean_txns_batch(&pass->txns, &batch->header, out_discard);
    } else {
        err = plog_marker_read(batch, &marker);
        if (err == ERR_OK)
            err = plog_clean_txns_marker(&pass->txns, &batch->header, &marker, out_discard,
                                         out_aborted);
    }
    return err == ERR_OK ? ERR_OK : fail_reading(pass, err);
}

/* ---- Beginning ------------------------------------------------------------------------------- */

static int compare_aborted(const void *a, const void *b)
{
    const struct plog_txnindex_entry *x = a, *y = b;
    if (x->first_offset != y->first_offset)
        return x->first_offset < y->first_offset ? -1 : 1;
    return (x->last_offset > y->last_offset) - (x->last_offset < y->last_offset);
}

/* A transaction that begins in what is cleaned may have its marker, and so its entry, above. */
static enum err load_aborted(struct plog_clean_pass *pass)
{
    for (size_t i = 0; i < pass->txnindex_base_count; i++) {
        char path[PLOG_PATH_BYTES];
        struct plog_txnindex_entry *entries;
        size_t count;
        plog_path_of(path, pass->folder, PLOG_FILE_TXNINDEX, pass->txnindex_bases[i]);
        enum err err = plog_txnindex_load(pass->disk, path, INT64_MAX, &entries, &count);
        if (err == ERR_OK && count > 0) {
            size_t total = pass->aborted_count + count;
            void *all = NULL;
            if (total > ABORTED_BYTES_MAX / sizeof *entries)
                err = ERR_LIMIT;
            else if ((all = mem_try_realloc(pass->aborted, total * sizeof *entries)) == NULL)
                err = ERR_NOMEM;
            if (err == ERR_OK) {
                pass->aborted = all;
                memcpy(pass->aborted + pass->aborted_count, entries, count * sizeof *entries);
                pass->aborted_count = total;
            }
        }
        mem_free(entries);
        if (err != ERR_OK)
            return plog_clean_fail(pass, err, "read", path);
    }
    if (pass->aborted_count > 0)
        qsort(pass->aborted, pass->aborted_count, sizeof *pass->aborted, compare_aborted);
    return ERR_OK;
}

static int compare_producers(const void *a, const void *b)
{
    const struct plog_clean_producer *x = a, *y = b;
    return (x->producer_id > y->producer_id) - (x->producer_id < y->producer_id);
}

static void prepare(struct plog_clean_pass *pass)
{
    if (load_aborted(pass) != ERR_OK)
        return;
    if (pass->producer_count > 0)
        qsort(pass->producers, pass->producer_count, sizeof *pass->producers, compare_producers);
    /* Not more keys than offsets. */
    uint64_t wanted = (uint64_t)(pass->bound_offset - pass->dirty_offset);
    enum err err = plog_clean_map_init(&pass->map, wanted, pass->map_bytes_max, pass->map_load,
                                       pass->hash_key);
    if (err != ERR_OK) {
        plog_clean_fail(pass, err, "make the map of keys for", pass->folder);
        return;
    }
    plog_clean_txns_init(&pass->txns, pass->aborted, pass->aborted_count);
    pass->segment = 0;
    while (pass->segments[pass->segment].end_offset <= pass->dirty_offset)
        pass->segment++;
    pass->stage = PLOG_CLEAN_MAP;
}

/* ---- The map --------------------------------------------------------------------------------- */

/* False in *out_room: the map is full, and ends before a record of this batch. */
static enum err map_batch(struct plog_clean_pass *pass, const struct batch_view *batch,
                          bool *out_room)
{
    struct batch_records records;
    struct batch_record record;
    *out_room = true;
    enum err err = batch_records_init(&records, pass->codec, batch, pass->decompressed_bytes_max);
    if (err != ERR_OK)
        return fail_reading(pass, err);
    while (*out_room && batch_records_next(&records, &record)) {
        pass->stats.records_mapped++;
        if (record.key != NULL && record.offset >= pass->dirty_offset)
            *out_room = plog_clean_map_put(&pass->map, record.key, record.key_size, record.offset);
    }
    err = *out_room ? records.err : ERR_OK;
    batch_records_deinit(&records);
    return err == ERR_OK ? ERR_OK : fail_reading(pass, err);
}

static void map_end(struct plog_clean_pass *pass)
{
    close_segment(pass);
    plog_clean_txns_deinit(&pass->txns);
    pass->cleaned_to = pass->map.latest_offset + 1;
    pass->stats.keys = pass->map.count;
    /* What begins past the map is not touched. */
    while (pass->segments[pass->segment_count - 1].base_offset >= pass->cleaned_to)
        pass->segment_count--;
    plog_clean_txns_init(&pass->txns, pass->aborted, pass->aborted_count);
    pass->group_first = pass->group_end = 0;
    pass->stage = PLOG_CLEAN_GROUP;
}

/* One batch, or the step to the next segment. */
static void map_step(struct plog_clean_pass *pass)
{
    const struct plog_clean_segment *segment = &pass->segments[pass->segment];
    if (pass->position == segment->size_bytes) {
        close_segment(pass);
        pass->map.latest_offset = segment->end_offset - 1;
        if (++pass->segment == pass->segment_count)
            map_end(pass);
        return;
    }
    struct batch_view batch;
    struct plog_txnindex_entry aborted;
    bool discard, room = true;
    if (open_segment(pass) != ERR_OK || next_batch(pass, pass->dirty_offset, &batch) != ERR_OK ||
        judge_txn(pass, &batch, &discard, &aborted) != ERR_OK)
        return;
    int64_t last = batch_last_offset(&batch.header);
    if (last >= pass->dirty_offset) {
        bool data = !discard && !batch_is_control(&batch.header);
        if (data && map_batch(pass, &batch, &room) != ERR_OK)
            return;
        if (!room) {
            map_end(pass);
            return;
        }
        pass->map.latest_offset = last;
    }
    pass->position += (uint32_t)batch.header.size;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static enum err fail_writing(struct plog_clean_pass *pass, enum err err, enum plog_file_kind kind)
{
    char path[PLOG_PATH_BYTES];
    cleaned_path(pass, kind, path);
    return plog_clean_fail(pass, err, "write", path);
}

static enum err sync_failed(struct plog_clean_pass *pass, enum err err, const char *path)
{
    /* A device that cannot be trusted with it cannot be trusted with the rest. */
    return plog_clean_fail(pass, err == ERR_NOSPACE ? ERR_NOSPACE : ERR_IO, "sync", path);
}

/* So much is not on the disk yet at most: what others write does not wait behind a gigabyte. */
#define UNSYNCED_BYTES ((uint64_t)16 << 20)

static enum err flush(struct plog_clean_pass *pass)
{
    struct plog_clean_output *out = &pass->out;
    if (out->data.size == 0)
        return ERR_OK;
    enum err err =
        disk_write(pass->disk, out->log, out->data.data, out->data.size, out->written_bytes);
    if (err != ERR_OK)
        return fail_writing(pass, err, PLOG_FILE_LOG);
    out->written_bytes += out->data.size;
    pass->step_bytes += out->data.size;
    pass->stats.bytes_written += out->data.size;
    buf_clear(&out->data);
    if (out->written_bytes - out->synced_bytes < UNSYNCED_BYTES)
        return ERR_OK;
    out->synced_bytes = out->written_bytes;
    err = plog_disk_sync(pass->disk, out->log, pass->folder);
    return err == ERR_OK ? ERR_OK : sync_failed(pass, err, pass->folder);
}

static void put_time_entry(struct plog_clean_pass *pass)
{
    struct plog_clean_output *out = &pass->out;
    if (out->max_timestamp_ms <= out->time_last.timestamp_ms)
        return;
    int64_t base = pass->segments[pass->group_first].base_offset;
    out->time_last = (struct plog_timeindex_entry){
        .timestamp_ms = out->max_timestamp_ms,
        .offset_delta = (uint32_t)(out->max_timestamp_offset - base),
    };
    plog_timeindex_entry_write(buf_extend(&out->timeindex, PLOG_TIMEINDEX_ENTRY_BYTES),
                               &out->time_last);
}

/* The batch that was put at the end of out->data. */
static enum err account(struct plog_clean_pass *pass, const struct batch_header *header)
{
    struct plog_clean_output *out = &pass->out;
    int64_t base = pass->segments[pass->group_first].base_offset;
    if (out->size_bytes + header->size > PLOG_SEGMENT_BYTES_MAX)
        return fail_writing(pass, ERR_LIMIT, PLOG_FILE_LOG);
    if (header->max_timestamp > out->max_timestamp_ms) {
        out->max_timestamp_ms = header->max_timestamp;
        out->max_timestamp_offset = batch_last_offset(header);
    }
    /* The time index covers all that the other one does, and keeps a place for its last entry. */
    size_t time_count = out->timeindex.size / PLOG_TIMEINDEX_ENTRY_BYTES;
    if ((int64_t)(out->size_bytes - out->indexed_to) > pass->index_interval_bytes &&
        out->index_count < pass->index_entries_max &&
        time_count + 1 < pass->timeindex_entries_max) {
        struct plog_index_entry entry = {
            .offset_delta = (uint32_t)(batch_last_offset(header) - base),
            .position = (uint32_t)out->size_bytes,
        };
        plog_index_entry_write(buf_extend(&out->index, PLOG_INDEX_ENTRY_BYTES), &entry);
        out->index_count++;
        put_time_entry(pass);
        out->indexed_to = out->size_bytes;
    }
    out->size_bytes += header->size;
    out->next_offset = batch_next_offset(header);
    out->leader_epoch = header->leader_epoch;
    return out->data.size >= pass->io_bytes ? flush(pass) : ERR_OK;
}

static enum err put_bytes(struct plog_clean_pass *pass, const void *data,
                          const struct batch_header *header)
{
    uint8_t *at = buf_try_reserve(&pass->out.data, header->size);
    if (at == NULL)
        return fail_writing(pass, ERR_NOMEM, PLOG_FILE_LOG);
    memcpy(at, data, header->size);
    pass->out.data.size += header->size;
    return account(pass, header);
}

/* A batch without its records: offsets, producer and sequence stay told. */
static enum err put_empty(struct plog_clean_pass *pass, const struct batch_header *from)
{
    struct batch_header header = *from;
    uint8_t data[BATCH_HEADER_BYTES];
    header.size = BATCH_HEADER_BYTES;
    header.attributes &= (uint16_t) ~(BATCH_CODEC_MASK | BATCH_DELETE_HORIZON);
    header.base_timestamp = BATCH_NO_TIMESTAMP;
    header.record_count = 0;
    batch_header_write(&header, data);
    batch_update_crc(data, sizeof data);
    return put_bytes(pass, data, &header);
}

/* ---- What stays ------------------------------------------------------------------------------ */

struct verdict {
    bool discard; /* none of its records stays */
    int32_t kept; /* of the records */
    bool stamp;   /* it needs a delete horizon */
};

static bool record_stays(const struct plog_clean_pass *pass, const struct batch_header *header,
                         const struct batch_record *record)
{
    if (record->offset > pass->map.latest_offset || batch_is_control(header))
        return true;
    if (record->key == NULL)
        return false;
    if (plog_clean_map_get(&pass->map, record->key, record->key_size) > record->offset)
        return false;
    int64_t horizon = batch_delete_horizon_ms(header);
    return record->value != NULL || horizon == BATCH_NO_DELETE_HORIZON || pass->wall_ms < horizon;
}

static enum err judge_records(struct plog_clean_pass *pass, const struct batch_view *batch,
                              struct verdict *verdict)
{
    struct batch_records records;
    struct batch_record record;
    bool tombstones = false;
    enum err err = batch_records_init(&records, pass->codec, batch, pass->decompressed_bytes_max);
    if (err != ERR_OK)
        return fail_reading(pass, err);
    while (batch_records_next(&records, &record)) {
        if (!record_stays(pass, &batch->header, &record))
            continue;
        verdict->kept++;
        tombstones |= record.value == NULL;
    }
    err = records.err;
    batch_records_deinit(&records);
    verdict->stamp = (verdict->stamp || tombstones) &&
                     batch_delete_horizon_ms(&batch->header) == BATCH_NO_DELETE_HORIZON;
    return err == ERR_OK ? ERR_OK : fail_reading(pass, err);
}

static int64_t horizon_of(const struct plog_clean_pass *pass, const struct batch_header *header,
                          bool stamp)
{
    int64_t horizon;
    if (!stamp)
        return batch_delete_horizon_ms(header);
    if (__builtin_add_overflow(pass->wall_ms, pass->delete_retention_ms, &horizon))
        return INT64_MAX;
    return horizon < 0 ? 0 : horizon;
}

/* The batch with the records that stay. */
static enum err put_rebuilt(struct plog_clean_pass *pass, const struct batch_view *batch,
                            const struct verdict *verdict)
{
    const struct batch_header *header = &batch->header;
    struct batch_builder_options options = {
        .base_offset = header->base_offset,
        .leader_epoch = header->leader_epoch,
        .codec = batch_codec(header),
        .level = pass->levels[batch_codec(header)],
        .timestamp_type = batch_timestamp_type(header),
        .log_append_time_ms = header->max_timestamp,
        .producer_id = header->producer_id,
        .producer_epoch = header->producer_epoch,
        .base_sequence = header->base_sequence,
        .transactional = batch_is_transactional(header),
        .control = batch_is_control(header),
        .delete_horizon_ms = horizon_of(pass, header, verdict->stamp),
    };
    struct batch_records records;
    struct batch_record record;
    struct batch_builder builder;
    size_t begin = pass->out.data.size;
    enum err err = batch_records_init(&records, pass->codec, batch, pass->decompressed_bytes_max);
    if (err != ERR_OK)
        return fail_reading(pass, err);
    batch_builder_init(&builder, &options);
    while (err == ERR_OK && batch_records_next(&records, &record)) {
        if (record_stays(pass, header, &record))
            err = batch_builder_add(&builder, &record);
    }
    if (err == ERR_OK)
        err = records.err;
    batch_records_deinit(&records);
    /* The last sequence of a producer is told by the last offset. */
    builder.last_offset = batch_last_offset(header);
    if (err == ERR_OK)
        err = batch_builder_finish(&builder, pass->codec, &pass->out.data);
    batch_builder_deinit(&builder);
    if (err != ERR_OK)
        return fail_reading(pass, err == ERR_INVALID ? ERR_CORRUPT : err);
    struct batch_header rebuilt;
    err = plog_header_read(pass->out.data.data + begin, &rebuilt);
    ASSERT(err == ERR_OK);
    return account(pass, &rebuilt);
}

static bool is_last_of_producer(const struct plog_clean_pass *pass,
                                const struct batch_header *header)
{
    struct plog_clean_producer wanted = {.producer_id = header->producer_id};
    if (!batch_has_producer(header) || pass->producer_count == 0)
        return false;
    const struct plog_clean_producer *found =
        bsearch(&wanted, pass->producers, pass->producer_count, sizeof wanted, compare_producers);
    if (found == NULL)
        return false;
    if (found->last_data_offset >= 0)
        return batch_last_offset(header) == found->last_data_offset;
    /* A marker has the producer's last epoch, which fences. */
    return batch_is_control(header) && header->producer_epoch == found->epoch;
}

static enum err put_aborted(struct plog_clean_pass *pass, const struct plog_txnindex_entry *entry)
{
    uint8_t *at = buf_try_reserve(&pass->out.txnindex, PLOG_TXNINDEX_ENTRY_BYTES);
    if (at == NULL)
        return fail_writing(pass, ERR_NOMEM, PLOG_FILE_TXNINDEX);
    plog_txnindex_entry_write(at, entry);
    pass->out.txnindex.size += PLOG_TXNINDEX_ENTRY_BYTES;
    pass->out.txn_count++;
    return ERR_OK;
}

static enum err filter_batch(struct plog_clean_pass *pass, const struct batch_view *batch)
{
    const struct batch_header *header = &batch->header;
    struct plog_txnindex_entry aborted;
    bool unneeded;
    enum err err = judge_txn(pass, batch, &unneeded, &aborted);
    if (err == ERR_OK && aborted.last_offset >= 0)
        err = put_aborted(pass, &aborted);
    if (err != ERR_OK)
        return err;
    struct verdict verdict = {.discard = unneeded, .stamp = batch_is_control(header) && unneeded};
    if (batch_is_control(header)) {
        int64_t horizon = batch_delete_horizon_ms(header);
        verdict.discard =
            unneeded && horizon != BATCH_NO_DELETE_HORIZON && horizon <= pass->wall_ms;
    }
    if (!verdict.discard && header->record_count > 0)
        err = judge_records(pass, batch, &verdict);
    if (err != ERR_OK)
        return err;
    pass->stats.records_read += (uint64_t)header->record_count;
    pass->stats.records_kept += (uint64_t)verdict.kept;
    if (verdict.kept == header->record_count && verdict.kept > 0 && !verdict.stamp)
        return put_bytes(pass, batch->data, header);
    if (verdict.kept > 0) {
        pass->changed = true;
        return put_rebuilt(pass, batch, &verdict);
    }
    bool stays = is_last_of_producer(pass, header) ||
                 batch_next_offset(header) == pass->segments[pass->group_end - 1].end_offset;
    if (stays && header->record_count == 0)
        return put_bytes(pass, batch->data, header);
    pass->changed = true;
    return stays ? put_empty(pass, header) : ERR_OK;
}

/* ---- A group --------------------------------------------------------------------------------- */

static enum err output_open(struct plog_clean_pass *pass)
{
    char path[PLOG_PATH_BYTES];
    enum err err = ERR_OK;
    /* Of a cleaning that was given up. */
    for (size_t i = 0; err == ERR_OK && i < ARRAY_COUNT(CLEANED_KINDS); i++) {
        cleaned_path(pass, CLEANED_KINDS[i], path);
        err = plog_disk_remove(pass->disk, path);
    }
    cleaned_path(pass, PLOG_FILE_LOG, path);
    if (err == ERR_OK)
        err = disk_open(pass->disk, path, DISK_READ | DISK_WRITE | DISK_CREATE | DISK_TRUNCATE,
                        &pass->out.log);
    return err == ERR_OK ? ERR_OK : plog_clean_fail(pass, err, "create", path);
}

static enum err store(struct plog_clean_pass *pass, enum plog_file_kind kind,
                      const struct buf *content)
{
    char path[PLOG_PATH_BYTES];
    struct env_file *file = NULL;
    cleaned_path(pass, kind, path);
    enum err err =
        disk_open(pass->disk, path, DISK_READ | DISK_WRITE | DISK_CREATE | DISK_TRUNCATE, &file);
    if (err == ERR_OK && content->size > 0)
        err = disk_write(pass->disk, file, content->data, content->size, 0);
    if (err != ERR_OK)
        plog_clean_fail(pass, err, "write", path);
    else if ((err = plog_disk_sync(pass->disk, file, pass->folder)) != ERR_OK)
        sync_failed(pass, err, path);
    disk_close(pass->disk, file);
    return err;
}

/* All of it is durable under the names that end in .cleaned. */
static enum err output_store(struct plog_clean_pass *pass)
{
    struct plog_clean_output *out = &pass->out;
    char path[PLOG_PATH_BYTES];
    cleaned_path(pass, PLOG_FILE_LOG, path);
    put_time_entry(pass);
    enum err err = flush(pass);
    if (err != ERR_OK)
        return err;
    err = plog_disk_sync(pass->disk, out->log, pass->folder);
    disk_close(pass->disk, out->log);
    out->log = NULL;
    if (err != ERR_OK)
        return sync_failed(pass, err, path);
    /* Where no record has a timestamp, retention goes by the file's. */
    err = disk_set_modified(pass->disk, path, pass->segments[pass->group_end - 1].append_ms);
    if (err != ERR_OK)
        return plog_clean_fail(pass, err, "date", path);
    err = store(pass, PLOG_FILE_INDEX, &out->index);
    if (err == ERR_OK)
        err = store(pass, PLOG_FILE_TIMEINDEX, &out->timeindex);
    if (err == ERR_OK && out->txn_count > 0)
        err = store(pass, PLOG_FILE_TXNINDEX, &out->txnindex);
    if (err != ERR_OK)
        return err;
    err = disk_sync_folder(pass->disk, pass->folder);
    return err == ERR_OK ? ERR_OK : sync_failed(pass, err, pass->folder);
}

static void output_drop(struct plog_clean_pass *pass)
{
    disk_close(pass->disk, pass->out.log);
    pass->out.log = NULL;
    if (pass->group_end == 0)
        return;
    for (size_t i = 0; i < ARRAY_COUNT(CLEANED_KINDS); i++) {
        char path[PLOG_PATH_BYTES];
        cleaned_path(pass, CLEANED_KINDS[i], path);
        enum err err = plog_disk_remove(pass->disk, path);
        if (err != ERR_OK) /* it is removed when the log is opened, or cleaned again */
            LOG_WARN("%s could not be removed: %s", path, err_text(err));
    }
}

static void group_end(struct plog_clean_pass *pass)
{
    const struct plog_clean_segment *last = &pass->segments[pass->group_end - 1];
    struct plog_clean_output *out = &pass->out;
    /* A segment ends where the next one begins, always: recovery knows by that what a half-done
     * swap replaces, and that nothing is missing in between. */
    if (out->next_offset < last->end_offset) {
        struct batch_header filler = {
            .base_offset = last->end_offset - 1,
            .leader_epoch = out->leader_epoch,
            .max_timestamp = BATCH_NO_TIMESTAMP,
            .producer_id = BATCH_NO_PRODUCER_ID,
            .producer_epoch = BATCH_NO_PRODUCER_EPOCH,
            .base_sequence = BATCH_NO_SEQUENCE,
        };
        pass->changed = true;
        if (put_empty(pass, &filler) != ERR_OK)
            return;
    }
    if (!pass->changed && pass->group_end - pass->group_first == 1) {
        output_drop(pass);
        pass->stage = PLOG_CLEAN_GROUP;
    } else if (output_store(pass) == ERR_OK) {
        pass->stage = PLOG_CLEAN_SWAP;
    }
}

/* One batch, or the step to the next segment. */
static void filter_step(struct plog_clean_pass *pass)
{
    if (pass->out.log == NULL && output_open(pass) != ERR_OK)
        return;
    if (pass->position == pass->segments[pass->segment].size_bytes) {
        close_segment(pass);
        if (++pass->segment == pass->group_end)
            group_end(pass);
        return;
    }
    struct batch_view batch;
    if (open_segment(pass) != ERR_OK || next_batch(pass, 0, &batch) != ERR_OK ||
        filter_batch(pass, &batch) != ERR_OK)
        return;
    pass->position += (uint32_t)batch.header.size;
}

/* ---- The doors ------------------------------------------------------------------------------- */

void plog_clean_step(struct plog_clean_pass *pass, struct env_disk *disk, size_t budget_bytes)
{
    enum plog_clean_stage stage = pass->stage;
    pass->disk = disk;
    pass->step_bytes = 0;
    if (pass->codec == NULL)
        pass->codec = codec_context_new();
    while (pass->err == ERR_OK && pass->stage == stage && pass->step_bytes < budget_bytes) {
        if (stage == PLOG_CLEAN_PREPARE)
            prepare(pass);
        else if (stage == PLOG_CLEAN_MAP)
            map_step(pass);
        else
            filter_step(pass);
    }
    pass->disk = NULL;
}

void plog_clean_discard(struct plog_clean_pass *pass, struct env_disk *disk)
{
    pass->disk = disk;
    close_segment(pass);
    output_drop(pass);
    pass->disk = NULL;
}

void plog_clean_pass_deinit(struct plog_clean_pass *pass)
{
    ASSERT(pass->log == NULL && pass->out.log == NULL);
    plog_clean_map_deinit(&pass->map);
    plog_clean_txns_deinit(&pass->txns);
    codec_context_free(pass->codec);
    buf_deinit(&pass->out.data);
    buf_deinit(&pass->out.index);
    buf_deinit(&pass->out.timeindex);
    buf_deinit(&pass->out.txnindex);
    mem_free(pass->window);
    mem_free(pass->producers);
    mem_free(pass->aborted);
    mem_free(pass->txnindex_bases);
    mem_free(pass->segments);
    pass->window = NULL;
    pass->producers = NULL;
    pass->aborted = NULL;
    pass->txnindex_bases = NULL;
    pass->segments = NULL;
}
