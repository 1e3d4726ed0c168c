/*
 * A log's folder looked at as a whole. A segment is walked once; on the way each entry of its
 * indexes has to be at its place: both rise with the positions, so that they are merged.
 */
#include "plog/plog_verify.h"

#include "plog/plog_int.h"

#include "base/mem.h"
#include "plog/plog_scan.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SIDE_BYTES_MAX ((size_t)256 << 20) /* of an index or a snapshot */
#define DECOMPRESSED_BYTES_MAX ((size_t)INT32_MAX)

static PRINTF_LIKE(6, 7) void tell(struct plog_verify *verify, enum plog_severity severity,
                                   const char *file, int64_t position, bool repairable,
                                   const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    verify->damage_count += severity == PLOG_DAMAGE;
    verify->found(verify->context,
                  &(struct plog_finding){severity, file, position, text, repairable});
}

/* ---- One segment ---------------------------------------------------------------------------- */

struct marker {
    int64_t producer_id;
    int64_t offset;
};

struct segment_walk {
    struct plog_verify *verify;
    const struct plog_scan_file *file;
    struct codec_context *codec;
    bool last; /* of the log */
    int64_t next_offset;
    uint64_t reported; /* damaged batches; one is enough to tell of a stretch */

    uint8_t *index, *timeindex;
    size_t index_count, timeindex_count;
    size_t index_next, timeindex_next;
    bool index_wrong, timeindex_wrong;

    struct marker *aborts;
    size_t abort_count, abort_capacity;
};

static void side_name(const struct segment_walk *walk, enum plog_file_kind kind,
                      char out[PLOG_FILE_NAME_BYTES])
{
    plog_file_name_make(kind, walk->file->name.base_offset, out);
}

/* An index as a whole, and how many of its entries count: zeros behind them are not used yet. */
static void load_index(struct segment_walk *walk, enum plog_file_kind kind, size_t entry_bytes,
                       uint8_t **out, size_t *out_count)
{
    struct plog_verify *verify = walk->verify;
    char name[PLOG_FILE_NAME_BYTES], path[PLOG_PATH_BYTES];
    size_t size;
    side_name(walk, kind, name);
    plog_path(path, verify->folder, name);
    enum err err = plog_disk_load(verify->disk, path, SIDE_BYTES_MAX, out, &size);
    if (err != ERR_OK) {
        *out = NULL;
        if (err != ERR_NOTFOUND || walk->file->size_bytes > 0)
            tell(verify, PLOG_DAMAGE, name, -1, err == ERR_NOTFOUND, "%s",
                 err == ERR_NOTFOUND ? "is missing" : err_text(err));
        return;
    }
    if (size % entry_bytes != 0)
        tell(verify, PLOG_DAMAGE, name, (int64_t)(size - size % entry_bytes), true,
             "ends in the middle of an entry");
    size_t count = size / entry_bytes;
    for (; count > 0; count--) {
        const uint8_t *entry = *out + (count - 1) * entry_bytes;
        bool zero = true;
        for (size_t i = 0; i < entry_bytes && zero; i++)
            zero = entry[i] == 0;
        if (!zero)
            break;
    }
    *out_count = count;
}

static void index_is_wrong(struct segment_walk *walk, const char *format, uint32_t at)
{
    char name[PLOG_FILE_NAME_BYTES];
    if (walk->index_wrong)
        return;
    walk->index_wrong = true;
    side_name(walk, PLOG_FILE_INDEX, name);
    tell(walk->verify, PLOG_DAMAGE, name, (int64_t)(walk->index_next * PLOG_INDEX_ENTRY_BYTES),
         true, format, at);
}

/* The entries up to the batch at the position. */
static void check_index(struct segment_walk *walk, uint64_t position,
                        const struct batch_header *header)
{
    struct plog_index_entry entry;
    while (walk->index_next < walk->index_count && !walk->index_wrong) {
        plog_index_entry_read(walk->index + walk->index_next * PLOG_INDEX_ENTRY_BYTES, &entry);
        if (entry.position > position)
            return;
        int64_t offset = walk->file->name.base_offset + (int64_t)entry.offset_delta;
        if (entry.position < position)
            index_is_wrong(walk, "points to position %" PRIu32 ", where no batch begins",
                           entry.position);
        else if (offset != batch_last_offset(header))
            index_is_wrong(walk, "has another offset for the batch at position %" PRIu32,
                           entry.position);
        walk->index_next++;
    }
}

static void check_timeindex(struct segment_walk *walk, const struct batch_header *header)
{
    struct plog_timeindex_entry entry;
    while (walk->timeindex_next < walk->timeindex_count && !walk->timeindex_wrong) {
        plog_timeindex_entry_read(
            walk->timeindex + walk->timeindex_next * PLOG_TIMEINDEX_ENTRY_BYTES, &entry);
        int64_t offset = walk->file->name.base_offset + (int64_t)entry.offset_delta;
        if (offset > batch_last_offset(header))
            return;
        if (offset >= header->base_offset && header->max_timestamp < entry.timestamp_ms) {
            char name[PLOG_FILE_NAME_BYTES];
            side_name(walk, PLOG_FILE_TIMEINDEX, name);
            walk->timeindex_wrong = true;
            tell(walk->verify, PLOG_DAMAGE, name,
                 (int64_t)(walk->timeindex_next * PLOG_TIMEINDEX_ENTRY_BYTES), true,
                 "has a timestamp for offset %" PRId64 " that its batch has not", offset);
        }
        walk->timeindex_next++;
    }
}

static enum err note_marker(struct segment_walk *walk, const struct batch_view *batch,
                            uint64_t position)
{
    struct plog_marker marker;
    if (batch->data == NULL || walk->verify->kind != PLOG_KIND_PARTITION)
        return ERR_OK;
    enum err err = plog_marker_read(batch, &marker);
    if (err != ERR_OK) {
        tell(walk->verify, PLOG_DAMAGE, walk->file->text, (int64_t)position, false,
             "a transaction's marker cannot be read: %s", err_text(err));
        return ERR_OK;
    }
    if (!marker.is_marker || !marker.is_abort)
        return ERR_OK;
    if (walk->abort_count == walk->abort_capacity) {
        size_t capacity = walk->abort_capacity == 0 ? 16 : walk->abort_capacity * 2;
        struct marker *aborts = mem_try_realloc(walk->aborts, capacity * sizeof *aborts);
        if (aborts == NULL)
            return ERR_NOMEM;
        walk->aborts = aborts;
        walk->abort_capacity = capacity;
    }
    walk->aborts[walk->abort_count++] =
        (struct marker){batch->header.producer_id, batch_last_offset(&batch->header)};
    return ERR_OK;
}

static void check_records(struct segment_walk *walk, const struct batch_view *batch,
                          uint64_t position)
{
    struct batch_records records;
    struct batch_record record;
    int64_t next = batch->header.base_offset;
    if (batch->data == NULL)
        return;
    enum err err = batch_records_init(&records, walk->codec, batch, DECOMPRESSED_BYTES_MAX);
    if (err == ERR_OK) {
        bool ordered = true;
        while (batch_records_next(&records, &record)) {
            ordered &= record.offset >= next && record.offset <= batch_last_offset(&batch->header);
            next = record.offset + 1;
        }
        err = records.err;
        batch_records_deinit(&records);
        if (err == ERR_OK && !ordered)
            err = ERR_CORRUPT;
    }
    if (err != ERR_OK)
        tell(walk->verify, PLOG_DAMAGE, walk->file->text, (int64_t)position, false,
             "the checksum of the batch is right, but its records cannot be read: %s",
             err_text(err));
}

static enum err check_batch(struct segment_walk *walk, const struct batch_view *batch,
                            uint64_t position)
{
    struct plog_verify *verify = walk->verify;
    const struct batch_header *header = &batch->header;
    bool gap = verify->kind == PLOG_KIND_METADATA && header->base_offset != walk->next_offset;
    if (header->base_offset < walk->next_offset || gap)
        tell(verify, PLOG_DAMAGE, walk->file->text, (int64_t)position,
             walk->next_offset >= verify->recovery_point,
             "offset %" PRId64 " where %" PRId64 " should follow", header->base_offset,
             walk->next_offset);
    if (batch_last_offset(header) - walk->file->name.base_offset > INT32_MAX)
        tell(verify, PLOG_DAMAGE, walk->file->text, (int64_t)position, false,
             "offset %" PRId64 " is too far from the segment's first", batch_last_offset(header));
    walk->next_offset = batch_next_offset(header);
    verify->batch_count++;
    verify->record_count += (uint64_t)(header->record_count > 0 ? header->record_count : 0);
    check_index(walk, position, header);
    check_timeindex(walk, header);
    if (verify->deep)
        check_records(walk, batch, position);
    return note_marker(walk, batch, position);
}

/* What recovery cuts off, or only says is there: what was synced is not dropped for one batch. */
static void tell_damage(struct segment_walk *walk, uint64_t position, const char *what)
{
    struct plog_verify *verify = walk->verify;
    if (walk->reported++ > 0)
        return;
    bool tail = verify->recovery_point >= 0 && walk->next_offset >= verify->recovery_point;
    tell(verify, PLOG_DAMAGE, walk->file->text, (int64_t)position, tail,
         "%s, after offset %" PRId64 "%s", what, walk->next_offset - 1,
         tail ? ": not synced yet, a start cuts it off"
              : ": this was synced, so it is left as it is; bring the partition from a replica or "
                "a copy");
}

static enum err walk_batches(struct segment_walk *walk, struct plog_scan *scan)
{
    struct plog_verify *verify = walk->verify;
    for (;;) {
        enum plog_scan_verdict verdict;
        uint64_t position;
        struct batch_view batch;
        bool found;
        enum err err = plog_scan_next(scan, &verdict, &position, &batch);
        if (err != ERR_OK || verdict == PLOG_SCAN_END)
            return err;
        switch (verdict) {
        case PLOG_SCAN_BATCH:
            err = check_batch(walk, &batch, position);
            break;
        case PLOG_SCAN_DAMAGED:
            tell_damage(walk, position, "a batch whose checksum is wrong");
            break;
        case PLOG_SCAN_ZEROS:
            if (!walk->last)
                tell_damage(walk, position, "zeros to the end of the segment");
            return ERR_OK;
        case PLOG_SCAN_TORN:
            tell_damage(walk, position, "no whole batch begins here");
            err = plog_scan_find(scan, position + 1, &found);
            break;
        case PLOG_SCAN_END:
            return ERR_OK;
        }
        if (err != ERR_OK)
            return err;
        if (verify->progress != NULL)
            verify->progress(verify->context, scan->position - position);
    }
}

static bool is_aborted(const struct segment_walk *walk, const struct plog_txnindex_entry *entry)
{
    size_t low = 0, high = walk->abort_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (walk->aborts[middle].offset < entry->last_offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < walk->abort_count && walk->aborts[low].offset == entry->last_offset &&
           walk->aborts[low].producer_id == entry->producer_id;
}

static void check_txnindex(struct segment_walk *walk)
{
    struct plog_verify *verify = walk->verify;
    char name[PLOG_FILE_NAME_BYTES], path[PLOG_PATH_BYTES];
    uint8_t *data = NULL;
    size_t size;
    int64_t before = -1;
    side_name(walk, PLOG_FILE_TXNINDEX, name);
    plog_path(path, verify->folder, name);
    enum err err = plog_disk_load(verify->disk, path, SIDE_BYTES_MAX, &data, &size);
    if (err != ERR_OK) {
        if (err != ERR_NOTFOUND)
            tell(verify, PLOG_DAMAGE, name, -1, false, "%s", err_text(err));
        return;
    }
    for (size_t at = 0; at < size; at += PLOG_TXNINDEX_ENTRY_BYTES) {
        struct plog_txnindex_entry entry = {0};
        const char *problem = NULL;
        if (size - at < PLOG_TXNINDEX_ENTRY_BYTES)
            problem = "ends in the middle of an entry";
        else if (plog_txnindex_entry_read(data + at, &entry) != ERR_OK)
            problem = "an entry cannot be read";
        else if (entry.last_offset <= before)
            problem = "entries do not ascend";
        else if (entry.last_offset < walk->next_offset && !is_aborted(walk, &entry))
            problem = "an entry tells of a transaction that was not aborted there";
        else if (entry.last_offset >= walk->next_offset && walk->reported == 0)
            problem = "an entry is behind the end of the segment";
        before = entry.last_offset;
        if (problem == NULL)
            continue;
        tell(verify, PLOG_DAMAGE, name, (int64_t)at,
             verify->recovery_point >= 0 && entry.last_offset >= verify->recovery_point, "%s",
             problem);
        break;
    }
    mem_free(data);
}

static void check_rest_of_indexes(struct segment_walk *walk)
{
    struct plog_index_entry entry;
    if (walk->reported > 0) /* what the entries are about could not be read */
        return;
    if (walk->index_next < walk->index_count) {
        plog_index_entry_read(walk->index + walk->index_next * PLOG_INDEX_ENTRY_BYTES, &entry);
        index_is_wrong(walk, "points to position %" PRIu32 ", behind the end of the segment",
                       entry.position);
    }
    if (walk->timeindex_next < walk->timeindex_count && !walk->timeindex_wrong) {
        char name[PLOG_FILE_NAME_BYTES];
        side_name(walk, PLOG_FILE_TIMEINDEX, name);
        tell(walk->verify, PLOG_DAMAGE, name,
             (int64_t)(walk->timeindex_next * PLOG_TIMEINDEX_ENTRY_BYTES), true,
             "tells of offsets behind the end of the segment");
    }
}

static enum err verify_segment(struct plog_verify *verify, const struct plog_scan_file *file,
                               struct codec_context *codec, bool last, int64_t next_offset)
{
    struct segment_walk walk = {
        .verify = verify, .file = file, .codec = codec, .last = last, .next_offset = next_offset};
    struct plog_scan scan;
    char path[PLOG_PATH_BYTES];
    int64_t base = file->name.base_offset;
    if (base < next_offset)
        tell(verify, PLOG_DAMAGE, file->text, -1, next_offset >= verify->recovery_point,
             "begins before offset %" PRId64 ", where the segment before it ends", next_offset);
    else if (base > next_offset && verify->segment_count > 0)
        tell(verify, verify->kind == PLOG_KIND_METADATA ? PLOG_DAMAGE : PLOG_NOTE, file->text, -1,
             false,
             "begins behind offset %" PRId64 ", where the segment before it ends: compaction may "
             "leave that",
             next_offset);
    walk.next_offset = base;
    if (file->size_bytes > PLOG_SEGMENT_BYTES_MAX)
        tell(verify, PLOG_DAMAGE, file->text, -1, false, "is larger than a segment can be");
    load_index(&walk, PLOG_FILE_INDEX, PLOG_INDEX_ENTRY_BYTES, &walk.index, &walk.index_count);
    load_index(&walk, PLOG_FILE_TIMEINDEX, PLOG_TIMEINDEX_ENTRY_BYTES, &walk.timeindex,
               &walk.timeindex_count);
    plog_path(path, verify->folder, file->text);
    enum err err = plog_scan_open(&scan, verify->disk, path);
    if (err == ERR_OK) {
        err = walk_batches(&walk, &scan);
        plog_scan_close(&scan);
    }
    if (err == ERR_OK) {
        check_rest_of_indexes(&walk);
        check_txnindex(&walk);
    }
    verify->segment_count++;
    verify->size_bytes += file->size_bytes;
    verify->end_offset = walk.next_offset;
    mem_free(walk.index);
    mem_free(walk.timeindex);
    mem_free(walk.aborts);
    return err;
}

/* ---- Beside the segments -------------------------------------------------------------------- */

static void verify_producers(struct plog_verify *verify, const struct plog_scan_file *file)
{
    char path[PLOG_PATH_BYTES];
    uint8_t *data = NULL;
    size_t size, count = 0;
    int64_t offset = file->name.base_offset;
    plog_path(path, verify->folder, file->text);
    enum err err = plog_disk_load(verify->disk, path, SIDE_BYTES_MAX, &data, &size);
    if (err == ERR_OK)
        err = plog_snapshot_check(data, size, &count);
    if (err != ERR_OK)
        tell(verify, PLOG_DAMAGE, file->text, -1, false, "is no snapshot of producers: %s",
             err_text(err));
    else if (offset > verify->end_offset)
        tell(verify, PLOG_DAMAGE, file->text, -1, true,
             "tells of offsets behind the end of the log, %" PRId64, verify->end_offset);
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        struct plog_snapshot_entry entry;
        plog_snapshot_entry_read(data, i, &entry);
        if (entry.last_offset < offset && entry.transaction_first_offset < offset)
            continue;
        tell(verify, PLOG_DAMAGE, file->text, -1, false,
             "producer %" PRId64 " has offset %" PRId64 ", which the snapshot is not about",
             entry.producer_id, entry.last_offset);
        break;
    }
    mem_free(data);
}

static void verify_epochs(struct plog_verify *verify)
{
    char path[PLOG_PATH_BYTES];
    uint8_t *text = NULL;
    size_t size, count = 0;
    struct plog_epoch_entry *entries = NULL;
    plog_path(path, verify->folder, PLOG_EPOCHS_NAME);
    enum err err = plog_disk_load(verify->disk, path, SIDE_BYTES_MAX, &text, &size);
    if (err == ERR_NOTFOUND)
        return;
    if (err == ERR_OK)
        err = plog_epochs_parse((const char *)text, size, &entries, &count);
    if (err != ERR_OK)
        tell(verify, PLOG_DAMAGE, PLOG_EPOCHS_NAME, -1, false, "%s", err_text(err));
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        bool ascends = i == 0 || (entries[i].epoch > entries[i - 1].epoch &&
                                  entries[i].start_offset >= entries[i - 1].start_offset);
        if (ascends && entries[i].start_offset <= verify->end_offset)
            continue;
        tell(verify, PLOG_DAMAGE, PLOG_EPOCHS_NAME, -1, ascends,
             ascends ? "epoch %" PRId32 " begins at offset %" PRId64 ", behind the end of the log"
                     : "epoch %" PRId32 " from offset %" PRId64 " on does not ascend",
             entries[i].epoch, entries[i].start_offset);
        break;
    }
    mem_free(entries);
    mem_free(text);
}

static void verify_metadata(struct plog_verify *verify)
{
    if (verify->kind != PLOG_KIND_PARTITION)
        return;
    enum err err = plog_disk_load_metadata(verify->disk, verify->folder, &verify->topic_id);
    if (err == ERR_OK)
        return;
    verify->topic_id = UUID_ZERO;
    if (err == ERR_NOTFOUND)
        tell(verify, PLOG_NOTE, PLOG_METADATA_NAME, -1, false,
             "is missing or empty: a start writes it again");
    else
        tell(verify, PLOG_DAMAGE, PLOG_METADATA_NAME, -1, false, "%s", err_text(err));
}

static void verify_checkpoints(struct plog_verify *verify)
{
    /* Below the recovery point everything was synced, and deletion goes from the other end. */
    if (verify->recovery_point > verify->end_offset)
        tell(verify, PLOG_DAMAGE, "", -1, false,
             "ends at offset %" PRId64 ", but was synced up to %" PRId64 ": records are missing",
             verify->end_offset, verify->recovery_point);
    if (verify->log_start_offset > verify->end_offset)
        tell(verify, PLOG_DAMAGE, "", -1, false,
             "ends at offset %" PRId64 ", before its start, %" PRId64 ": a start begins it anew",
             verify->end_offset, verify->log_start_offset);
    /* A high watermark is of memory; after a power loss the log may have less. */
    if (verify->high_watermark > verify->end_offset)
        tell(verify, PLOG_NOTE, "", -1, true,
             "ends at offset %" PRId64 ", below its high watermark %" PRId64
             ", which a start lowers",
             verify->end_offset, verify->high_watermark);
}

/* The metadata log's: whole from its header to its footer. */
static void verify_snapshot(struct plog_verify *verify, const struct plog_scan_file *file)
{
    struct plog_scan scan;
    char path[PLOG_PATH_BYTES];
    enum plog_scan_verdict verdict = PLOG_SCAN_TORN;
    uint64_t position = 0;
    struct batch_view batch;
    bool control = false;
    plog_path(path, verify->folder, file->text);
    enum err err = plog_scan_open(&scan, verify->disk, path);
    if (err == ERR_OK) {
        while ((err = plog_scan_next(&scan, &verdict, &position, &batch)) == ERR_OK &&
               verdict == PLOG_SCAN_BATCH)
            control = batch_is_control(&batch.header);
        plog_scan_close(&scan);
    }
    if (err != ERR_OK)
        tell(verify, PLOG_DAMAGE, file->text, -1, false, "%s", err_text(err));
    else if (verdict != PLOG_SCAN_END || !control)
        tell(verify, PLOG_DAMAGE, file->text, (int64_t)position, false,
             verdict != PLOG_SCAN_END ? "a batch is damaged" : "has no footer, so it is not whole");
}

static void verify_leftover(struct plog_verify *verify, const struct plog_scan_file *file)
{
    static const char *const what[] = {
        [PLOG_SUFFIX_NONE] = "",
        [PLOG_SUFFIX_DELETED] = "is deleted; a start removes it",
        [PLOG_SUFFIX_CLEANED] = "is of a compaction that was interrupted; a start removes it",
        [PLOG_SUFFIX_SWAP] = "is of a compaction that a start completes",
    };
    tell(verify, PLOG_NOTE, file->text, -1, true, "%s", what[file->name.suffix]);
}

static enum err verify_files(struct plog_verify *verify, const struct plog_scan_folder *folder,
                             struct codec_context *codec)
{
    const struct plog_scan_file *last = NULL;
    bool first = true;
    for (size_t i = 0; i < folder->count; i++) {
        const struct plog_scan_file *file = &folder->files[i];
        if (file->name.suffix != PLOG_SUFFIX_NONE)
            verify_leftover(verify, file);
        else if (file->name.kind == PLOG_FILE_LOG)
            last = file;
    }
    for (size_t i = 0; i < folder->count; i++) {
        const struct plog_scan_file *file = &folder->files[i];
        if (file->name.suffix != PLOG_SUFFIX_NONE || file->name.kind != PLOG_FILE_LOG)
            continue;
        if (first)
            verify->start_offset = verify->end_offset = file->name.base_offset;
        first = false;
        enum err err = verify_segment(verify, file, codec, file == last, verify->end_offset);
        if (err != ERR_OK)
            tell(verify, PLOG_DAMAGE, file->text, -1, false, "cannot be read: %s", err_text(err));
    }
    if (verify->log_start_offset > verify->start_offset)
        verify->start_offset = verify->log_start_offset;
    for (size_t i = 0; i < folder->count; i++) {
        const struct plog_scan_file *file = &folder->files[i];
        if (file->name.suffix != PLOG_SUFFIX_NONE)
            continue;
        if (file->name.kind == PLOG_FILE_SNAPSHOT && verify->kind == PLOG_KIND_PARTITION)
            verify_producers(verify, file);
        else if (file->name.kind == PLOG_FILE_CHECKPOINT)
            verify_snapshot(verify, file);
    }
    return ERR_OK;
}

enum err plog_verify(struct plog_verify *verify)
{
    struct plog_scan_folder folder;
    enum err err = plog_scan_folder(verify->disk, verify->folder, &folder);
    if (err != ERR_OK)
        return err;
    struct codec_context *codec = codec_context_new();
    err = verify_files(verify, &folder, codec);
    codec_context_free(codec);
    plog_scan_folder_deinit(&folder);
    if (err != ERR_OK)
        return err;
    verify_epochs(verify);
    verify_metadata(verify);
    verify_checkpoints(verify);
    return ERR_OK;
}
