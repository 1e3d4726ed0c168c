/*
 * Reading one log from its folder: which segments there are, where each ends, epochs, producers.
 *
 * After a clean stop files are taken as they are: sizes, and the last few batches behind the last
 * index entry. Otherwise everything from the recovery point on is scanned (plog_recover.c). What an
 * interrupted deletion or compaction left is finished or undone first.
 */
#define LOG_ROOM "plog"
#include "plog/plog_load_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALL_FILE_BYTES_MAX ((size_t)64 << 20)

enum err plog_load_fail(struct plog_load *load, enum err err, const char *step, const char *path)
{
    ASSERT(err != ERR_OK);
    if (load->err == ERR_OK) {
        load->err = err;
        snprintf(load->error, sizeof load->error, "%s %.400s: %s", step, path, err_text(err));
    }
    return err;
}

void plog_load_deinit(struct plog_load *load)
{
    mem_free(load->segments);
    mem_free(load->epochs);
    mem_free(load->snapshots);
    mem_free(load->window);
    plog_producers_free(load->producers);
    load->segments = NULL;
    load->epochs = NULL;
    load->snapshots = NULL;
    load->window = NULL;
    load->producers = NULL;
}

/* ---- The folder ----------------------------------------------------------------------------- */

struct listing {
    struct plog_load *load;
    struct plog_file_name *names; /* those of ours; UNKNOWN ones are left alone */
    char **texts;
    size_t count;
    size_t capacity;
};

static bool listing_add(void *context, const char *text, enum disk_kind kind)
{
    struct listing *listing = context;
    struct plog_file_name name;
    if (kind == DISK_KIND_FOLDER)
        return true;
    if (strcmp(text, PLOG_DISTRUST_NAME) == 0)
        listing->load->rewrite = true;
    plog_file_name_parse(text, &name);
    if (name.kind == PLOG_FILE_UNKNOWN || name.kind == PLOG_FILE_CHECKPOINT)
        return true;
    if (listing->count == listing->capacity) {
        listing->capacity = listing->capacity == 0 ? 16 : listing->capacity * 2;
        listing->names = mem_realloc(listing->names, listing->capacity * sizeof *listing->names);
        listing->texts = mem_realloc(listing->texts, listing->capacity * sizeof *listing->texts);
    }
    listing->names[listing->count] = name;
    listing->texts[listing->count++] = mem_strdup(text);
    return true;
}

static void listing_deinit(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        mem_free(listing->texts[i]);
    mem_free(listing->texts);
    mem_free(listing->names);
    *listing = (struct listing){.load = listing->load};
}

static enum err remove_named(struct plog_load *load, const char *text)
{
    char path[PLOG_PATH_BYTES];
    plog_path(path, load->folder, text);
    enum err err = plog_disk_remove(load->disk, path);
    load->folder_dirty = true;
    return err == ERR_OK ? ERR_OK : plog_load_fail(load, err, "remove", path);
}

static bool listing_has(const struct listing *listing, enum plog_file_kind kind,
                        enum plog_file_suffix suffix, int64_t base_offset)
{
    for (size_t i = 0; i < listing->count; i++) {
        const struct plog_file_name *name = &listing->names[i];
        if (name->kind == kind && name->suffix == suffix && name->base_offset == base_offset)
            return true;
    }
    return false;
}

/*
 * What an interrupted compaction left (plog_clean_swap.c has the protocol, which is Kafka's). As
 * long as there is a .cleaned, nothing was decided: it goes with every .swap at or above it. Each
 * other .log.swap replaces the segments from its base to where its own batches end; .swap indexes
 * without one belong to a segment that is in place already.
 */
static enum err swap_end(struct plog_load *load, const char *text, int64_t base, int64_t *out_end)
{
    char path[PLOG_PATH_BYTES];
    struct env_file *log = NULL;
    struct plog_source source = {.disk = load->disk};
    uint64_t size;
    plog_path(path, load->folder, text);
    *out_end = base;
    enum err err = disk_open(load->disk, path, DISK_READ, &log);
    if (err == ERR_OK)
        err = disk_size(load->disk, log, &size);
    if (err == ERR_OK && size > PLOG_SEGMENT_BYTES_MAX)
        err = ERR_LIMIT;
    uint32_t position = 0;
    int64_t offset = base;
    while (err == ERR_OK) {
        struct batch_header header;
        err = plog_segment_seek(&source, log, (uint32_t)size, position, offset, &position, &header);
        if (err != ERR_OK)
            break;
        offset = batch_next_offset(&header);
        position += (uint32_t)header.size;
    }
    disk_close(load->disk, log);
    if (err != ERR_NOTFOUND)
        return plog_load_fail(load, err, "read", path);
    *out_end = offset;
    return ERR_OK;
}

static enum err sync_names(struct plog_load *load)
{
    enum err err = disk_sync_folder(load->disk, load->folder);
    return err == ERR_OK ? ERR_OK : plog_load_fail(load, err, "sync", load->folder);
}

static const enum plog_file_kind INDEX_KINDS[] = {PLOG_FILE_INDEX, PLOG_FILE_TIMEINDEX,
                                                  PLOG_FILE_TXNINDEX};

/* X.swap -> X, if it is there. */
static enum err swap_rename(struct plog_load *load, const struct listing *listing,
                            enum plog_file_kind kind, int64_t base_offset)
{
    char from[PLOG_PATH_BYTES], to[PLOG_PATH_BYTES];
    if (!listing_has(listing, kind, PLOG_SUFFIX_SWAP, base_offset))
        return ERR_OK;
    plog_path_of(to, load->folder, kind, base_offset);
    int size = snprintf(from, sizeof from, "%s.swap", to);
    ASSERT(size > 0 && (size_t)size < sizeof from);
    enum err err = disk_rename(load->disk, from, to);
    return err == ERR_OK ? ERR_OK : plog_load_fail(load, err, "replace", to);
}

/* In the order of the swap itself, each step durably before the next: a crash in here leaves what
 * the next start can take up again. */
static enum err swap_complete(struct plog_load *load, const struct listing *listing, size_t swap)
{
    int64_t base = listing->names[swap].base_offset, end;
    enum err err = swap_end(load, listing->texts[swap], base, &end);
    for (size_t i = 0; err == ERR_OK && i < listing->count; i++) {
        const struct plog_file_name *other = &listing->names[i];
        bool replaced =
            other->kind == PLOG_FILE_LOG && other->base_offset > base && other->base_offset < end;
        bool index = other->base_offset == base &&
                     (other->kind == PLOG_FILE_INDEX || other->kind == PLOG_FILE_TIMEINDEX ||
                      other->kind == PLOG_FILE_TXNINDEX);
        if (other->suffix == PLOG_SUFFIX_NONE && (replaced || index))
            err = remove_named(load, listing->texts[i]);
    }
    if (err == ERR_OK)
        err = sync_names(load);
    if (err == ERR_OK)
        err = swap_rename(load, listing, PLOG_FILE_LOG, base);
    if (err == ERR_OK)
        err = sync_names(load);
    for (size_t i = 0; err == ERR_OK && i < ARRAY_COUNT(INDEX_KINDS); i++)
        err = swap_rename(load, listing, INDEX_KINDS[i], base);
    load->folder_dirty = true;
    return err;
}

/* A .swap index without a .log.swap. */
static enum err swap_index(struct plog_load *load, const struct listing *listing, size_t swap)
{
    const struct plog_file_name *name = &listing->names[swap];
    load->folder_dirty = true;
    if (name->kind == PLOG_FILE_SNAPSHOT ||
        !listing_has(listing, PLOG_FILE_LOG, PLOG_SUFFIX_NONE, name->base_offset))
        return remove_named(load, listing->texts[swap]);
    return swap_rename(load, listing, name->kind, name->base_offset);
}

/* A swap that was not decided. The .swap files go durably first: alone they would look decided. */
static enum err swap_undo(struct plog_load *load, const struct listing *listing,
                          int64_t cleaned_min)
{
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < listing->count; i++) {
        const struct plog_file_name *name = &listing->names[i];
        if (name->suffix == PLOG_SUFFIX_SWAP && name->base_offset >= cleaned_min)
            err = remove_named(load, listing->texts[i]);
    }
    if (err == ERR_OK)
        err = sync_names(load);
    for (size_t i = 0; err == ERR_OK && i < listing->count; i++) {
        if (listing->names[i].suffix == PLOG_SUFFIX_CLEANED)
            err = remove_named(load, listing->texts[i]);
    }
    return err;
}

/* Returns whether the folder's names changed, and it is to be listed again. */
static enum err clean_folder(struct plog_load *load, const struct listing *listing, bool *changed)
{
    int64_t cleaned_min = INT64_MAX;
    enum err err = ERR_OK;
    *changed = false;
    for (size_t i = 0; i < listing->count; i++) {
        const struct plog_file_name *name = &listing->names[i];
        if (name->suffix == PLOG_SUFFIX_CLEANED && name->base_offset < cleaned_min)
            cleaned_min = name->base_offset;
    }
    if (cleaned_min < INT64_MAX) {
        *changed = true;
        return swap_undo(load, listing, cleaned_min);
    }
    for (size_t i = 0; err == ERR_OK && i < listing->count; i++) {
        const struct plog_file_name *name = &listing->names[i];
        if (name->suffix == PLOG_SUFFIX_DELETED)
            err = remove_named(load, listing->texts[i]);
        else if (name->suffix == PLOG_SUFFIX_SWAP && name->kind == PLOG_FILE_LOG)
            err = swap_complete(load, listing, i);
        else if (name->suffix == PLOG_SUFFIX_SWAP &&
                 !listing_has(listing, PLOG_FILE_LOG, PLOG_SUFFIX_SWAP, name->base_offset))
            err = swap_index(load, listing, i);
        else
            continue;
        *changed = true;
    }
    return err;
}

static int compare_segments(const void *a, const void *b)
{
    const struct plog_segment *x = a, *y = b;
    return (x->base_offset > y->base_offset) - (x->base_offset < y->base_offset);
}

static int compare_offsets(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void plog_load_add_segment(struct plog_load *load, int64_t base_offset)
{
    if (load->segment_count == load->segment_capacity) {
        load->segment_capacity = load->segment_capacity == 0 ? 1 : load->segment_capacity * 2;
        load->segments =
            mem_realloc(load->segments, load->segment_capacity * sizeof *load->segments);
    }
    load->segments[load->segment_count++] = (struct plog_segment){
        .base_offset = base_offset,
        .max_timestamp_ms = PLOG_TIMESTAMP_UNKNOWN,
        .max_timestamp_offset = base_offset,
        .first_timestamp_ms = PLOG_TIMESTAMP_UNKNOWN,
    };
}

void plog_load_add_snapshot(struct plog_load *load, int64_t offset)
{
    if (load->snapshot_count == load->snapshot_capacity) {
        load->snapshot_capacity = load->snapshot_capacity == 0 ? 4 : load->snapshot_capacity * 2;
        load->snapshots =
            mem_realloc(load->snapshots, load->snapshot_capacity * sizeof *load->snapshots);
    }
    load->snapshots[load->snapshot_count++] = offset;
}

void plog_load_sort_snapshots(struct plog_load *load)
{
    if (load->snapshot_count > 0)
        qsort(load->snapshots, load->snapshot_count, sizeof *load->snapshots, compare_offsets);
}

static enum err stat_segment(struct plog_load *load, struct plog_segment *segment)
{
    char path[PLOG_PATH_BYTES];
    struct disk_stat stat;
    plog_path_of(path, load->folder, PLOG_FILE_LOG, segment->base_offset);
    enum err err = disk_stat(load->disk, path, &stat);
    if (err == ERR_OK && stat.size_bytes > PLOG_SEGMENT_BYTES_MAX)
        err = ERR_LIMIT;
    if (err != ERR_OK)
        return plog_load_fail(load, err, "open", path);
    segment->size_bytes = (uint32_t)stat.size_bytes;
    segment->append_ms = stat.modified_ms;
    return ERR_OK;
}

static enum err list_folder(struct plog_load *load, struct listing *listing)
{
    /* A finished swap changes names, which then are read again; each pass has fewer to change. */
    for (int pass = 0; pass < 4; pass++) {
        bool changed;
        listing_deinit(listing);
        enum err err = disk_list(load->disk, load->folder, listing_add, listing);
        if (err != ERR_OK)
            return plog_load_fail(load, err, "list", load->folder);
        err = clean_folder(load, listing, &changed);
        if (err != ERR_OK)
            return err;
        if (!changed)
            return ERR_OK;
    }
    return plog_load_fail(load, ERR_CORRUPT, "clean up", load->folder);
}

static enum err find_segments(struct plog_load *load, const struct listing *listing)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < listing->count; i++) {
        const struct plog_file_name *name = &listing->names[i];
        if (name->suffix != PLOG_SUFFIX_NONE)
            continue;
        if (name->kind == PLOG_FILE_LOG)
            plog_load_add_segment(load, name->base_offset);
        else if (name->kind == PLOG_FILE_SNAPSHOT)
            plog_load_add_snapshot(load, name->base_offset);
    }
    if (load->segment_count > 0)
        qsort(load->segments, load->segment_count, sizeof *load->segments, compare_segments);
    plog_load_sort_snapshots(load);
    for (size_t i = 0; err == ERR_OK && i < listing->count; i++) {
        const struct plog_file_name *name = &listing->names[i];
        bool index = name->kind == PLOG_FILE_INDEX || name->kind == PLOG_FILE_TIMEINDEX ||
                     name->kind == PLOG_FILE_TXNINDEX;
        /* Of a segment whose deletion was interrupted. */
        if (index && name->suffix == PLOG_SUFFIX_NONE &&
            !listing_has(listing, PLOG_FILE_LOG, PLOG_SUFFIX_NONE, name->base_offset))
            err = remove_named(load, listing->texts[i]);
    }
    for (uint32_t i = 0; err == ERR_OK && i < load->segment_count; i++) {
        struct plog_segment *segment = &load->segments[i];
        segment->has_txnindex =
            listing_has(listing, PLOG_FILE_TXNINDEX, PLOG_SUFFIX_NONE, segment->base_offset);
        err = stat_segment(load, segment);
    }
    return err;
}

/* ---- partition.metadata --------------------------------------------------------------------- */

static enum err write_plain(struct env_disk *disk, const char *path, const struct buf *content)
{
    struct env_file *file = NULL;
    enum err err = disk_open(disk, path, DISK_WRITE | DISK_CREATE | DISK_TRUNCATE, &file);
    if (err == ERR_OK)
        err = disk_write(disk, file, content->data, content->size, 0);
    disk_close(disk, file);
    return err;
}

static enum err check_metadata(struct plog_load *load)
{
    char path[PLOG_PATH_BYTES];
    struct uuid found;
    if (load->kind != PLOG_KIND_PARTITION)
        return ERR_OK;
    plog_path(path, load->folder, PLOG_METADATA_NAME);
    enum err err =
        load->created ? ERR_NOTFOUND : plog_disk_load_metadata(load->disk, load->folder, &found);
    if (err == ERR_NOTFOUND) {
        if (uuid_is_zero(&load->topic_id))
            return ERR_OK;
        /* Synced with the folder, before anybody is told that the partition is there. */
        struct buf content = BUF_EMPTY;
        plog_metadata_format(&content, &load->topic_id);
        err = write_plain(load->disk, path, &content);
        buf_deinit(&content);
        load->folder_dirty = true;
        return err == ERR_OK ? ERR_OK : plog_load_fail(load, err, "write", path);
    }
    if (err != ERR_OK)
        return plog_load_fail(load, err, "read", path);
    if (!uuid_is_zero(&load->topic_id) && !uuid_equal(&found, &load->topic_id)) {
        char text_found[UUID_TEXT_BYTES], text_wanted[UUID_TEXT_BYTES];
        load->err = ERR_INVALID;
        snprintf(load->error, sizeof load->error, "%.300s names topic id %s, not %s", path,
                 uuid_to_text(&found, text_found), uuid_to_text(&load->topic_id, text_wanted));
        return ERR_INVALID;
    }
    load->topic_id = found;
    /* A process that died before it had synced what it made: no checkpoint came since. */
    load->folder_unsynced = !load->clean && load->recovery_point == 0;
    return ERR_OK;
}

/* ---- Positions ------------------------------------------------------------------------------ */

static enum err open_index(struct plog_load *load, enum plog_file_kind kind, int64_t base_offset,
                           struct env_file **out, uint64_t *out_bytes)
{
    char path[PLOG_PATH_BYTES];
    plog_path_of(path, load->folder, kind, base_offset);
    *out_bytes = 0;
    enum err err = disk_open(load->disk, path, DISK_READ, out);
    if (err == ERR_NOTFOUND)
        return ERR_OK;
    if (err == ERR_OK)
        err = disk_size(load->disk, *out, out_bytes);
    return err == ERR_OK ? ERR_OK : plog_load_fail(load, err, "open", path);
}

/*
 * The last entry at or below the offset that is followed by the batch it tells of. Zeros (a
 * preallocated index) sort above everything. *out_count: entries up to it, 0 for none.
 */
static enum err index_floor(struct plog_load *load, const struct plog_segment *segment,
                            struct env_file *log, int64_t offset, struct plog_index_entry *out,
                            uint32_t *out_count)
{
    struct env_file *index = NULL;
    struct plog_source source = {.disk = load->disk};
    uint64_t bytes;
    uint32_t low = 0;
    *out_count = 0;
    enum err err = open_index(load, PLOG_FILE_INDEX, segment->base_offset, &index, &bytes);
    uint32_t high = (uint32_t)(bytes / PLOG_INDEX_ENTRY_BYTES);
    while (err == ERR_OK && low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint8_t data[PLOG_INDEX_ENTRY_BYTES];
        struct plog_index_entry entry;
        err = plog_source_read(&source, index, data, sizeof data,
                               (uint64_t)middle * PLOG_INDEX_ENTRY_BYTES);
        if (err != ERR_OK)
            break;
        plog_index_entry_read(data, &entry);
        if (entry.position != 0 && entry.position < segment->size_bytes &&
            segment->base_offset + (int64_t)entry.offset_delta <= offset) {
            *out = entry;
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    disk_close(load->disk, index);
    if (err != ERR_OK || low == 0)
        return err;
    uint8_t data[BATCH_HEADER_BYTES];
    struct batch_header header;
    if (segment->size_bytes - out->position < sizeof data)
        return ERR_OK;
    err = plog_source_read(&source, log, data, sizeof data, out->position);
    if (err == ERR_OK && plog_header_read(data, &header) == ERR_OK &&
        batch_last_offset(&header) == segment->base_offset + (int64_t)out->offset_delta)
        *out_count = low;
    return err;
}

enum err plog_load_position(struct plog_load *load, const struct plog_segment *segment,
                            struct env_file *log, int64_t offset, uint32_t *out_position)
{
    struct plog_index_entry entry = {0, 0};
    uint32_t count;
    enum err err = index_floor(load, segment, log, offset, &entry, &count);
    *out_position = count > 0 ? entry.position : 0;
    return err;
}

/* Time index entries that belong to offsets at or below: their number, and the last. */
static enum err timeindex_floor(struct plog_load *load, const struct plog_segment *segment,
                                uint32_t offset_delta, uint32_t *out_count,
                                struct plog_timeindex_entry *out)
{
    struct env_file *timeindex = NULL;
    struct plog_source source = {.disk = load->disk};
    uint64_t bytes;
    uint32_t low = 0;
    *out = (struct plog_timeindex_entry){PLOG_TIMESTAMP_NONE, 0};
    enum err err = open_index(load, PLOG_FILE_TIMEINDEX, segment->base_offset, &timeindex, &bytes);
    uint32_t high = (uint32_t)(bytes / PLOG_TIMEINDEX_ENTRY_BYTES);
    while (err == ERR_OK && low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint8_t data[PLOG_TIMEINDEX_ENTRY_BYTES];
        struct plog_timeindex_entry entry;
        err = plog_source_read(&source, timeindex, data, sizeof data,
                               (uint64_t)middle * PLOG_TIMEINDEX_ENTRY_BYTES);
        if (err != ERR_OK)
            break;
        plog_timeindex_entry_read(data, &entry);
        /* A zero timestamp is the unused part; a record of 1970's first millisecond is scanned for
         * anew, which does no harm. */
        if (entry.timestamp_ms > 0 && entry.offset_delta <= offset_delta) {
            *out = entry;
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    disk_close(load->disk, timeindex);
    *out_count = low;
    return err;
}

/* Entries of an index from its start on, a piece at a time: what comes after those that were
 * promised to be durable may be anything. */
#define INDEX_PIECE_ENTRIES 1024

struct index_reader {
    struct env_disk *disk;
    struct env_file *file;
    size_t entry_bytes;
    uint64_t count;
    uint64_t next;
    uint64_t piece_at;
    size_t piece_count;
    uint8_t piece[INDEX_PIECE_ENTRIES * PLOG_TIMEINDEX_ENTRY_BYTES];
};

/* NULL at the end and on an error. */
static const uint8_t *next_entry(struct index_reader *reader, enum err *err)
{
    if (reader->next == reader->count)
        return NULL;
    if (reader->next >= reader->piece_at + reader->piece_count) {
        size_t got;
        *err = disk_read(reader->disk, reader->file, reader->piece,
                         INDEX_PIECE_ENTRIES * reader->entry_bytes,
                         reader->next * reader->entry_bytes, &got);
        reader->piece_at = reader->next;
        reader->piece_count = *err == ERR_OK ? got / reader->entry_bytes : 0;
        if (reader->piece_count == 0)
            return NULL;
    }
    return reader->piece + (reader->next++ - reader->piece_at) * reader->entry_bytes;
}

/* Entries whose batches end below the limit: how many, and the last. */
static enum err index_prefix(struct plog_load *load, const struct plog_segment *segment,
                             uint32_t delta_limit, uint32_t *out_count,
                             struct plog_index_entry *out_last)
{
    struct index_reader reader = {.disk = load->disk, .entry_bytes = PLOG_INDEX_ENTRY_BYTES};
    uint64_t bytes;
    const uint8_t *data;
    *out_count = 0;
    *out_last = (struct plog_index_entry){0, 0};
    enum err err = open_index(load, PLOG_FILE_INDEX, segment->base_offset, &reader.file, &bytes);
    reader.count = bytes / PLOG_INDEX_ENTRY_BYTES;
    while (err == ERR_OK && (data = next_entry(&reader, &err)) != NULL) {
        struct plog_index_entry entry;
        plog_index_entry_read(data, &entry);
        if (entry.position <= out_last->position || entry.position >= segment->size_bytes ||
            entry.offset_delta >= delta_limit ||
            (*out_count > 0 && entry.offset_delta <= out_last->offset_delta))
            break;
        *out_last = entry;
        ++*out_count;
    }
    disk_close(load->disk, reader.file);
    return err;
}

static enum err timeindex_prefix(struct plog_load *load, const struct plog_segment *segment,
                                 uint32_t delta_limit, uint32_t *out_count,
                                 struct plog_timeindex_entry *out_last)
{
    struct index_reader reader = {.disk = load->disk, .entry_bytes = PLOG_TIMEINDEX_ENTRY_BYTES};
    uint64_t bytes;
    const uint8_t *data;
    *out_count = 0;
    *out_last = (struct plog_timeindex_entry){PLOG_TIMESTAMP_NONE, 0};
    enum err err =
        open_index(load, PLOG_FILE_TIMEINDEX, segment->base_offset, &reader.file, &bytes);
    reader.count = bytes / PLOG_TIMEINDEX_ENTRY_BYTES;
    while (err == ERR_OK && (data = next_entry(&reader, &err)) != NULL) {
        struct plog_timeindex_entry entry;
        plog_timeindex_entry_read(data, &entry);
        if (entry.timestamp_ms <= 0 || entry.timestamp_ms <= out_last->timestamp_ms ||
            entry.offset_delta >= delta_limit || entry.offset_delta < out_last->offset_delta)
            break;
        *out_last = entry;
        ++*out_count;
    }
    disk_close(load->disk, reader.file);
    return err;
}

/* Does the batch that the entry tells of begin there? */
static enum err entry_holds(struct plog_load *load, const struct plog_segment *segment,
                            struct env_file *log, const struct plog_index_entry *entry, bool *out)
{
    uint8_t data[BATCH_HEADER_BYTES];
    struct batch_header header;
    struct plog_source source = {.disk = load->disk};
    *out = false;
    if (segment->size_bytes - entry->position < sizeof data)
        return ERR_OK;
    enum err err = plog_source_read(&source, log, data, sizeof data, entry->position);
    if (err == ERR_OK && plog_header_read(data, &header) == ERR_OK)
        *out = batch_last_offset(&header) == segment->base_offset + (int64_t)entry->offset_delta;
    return err;
}

/* From a position at which a batch begins to the first batch that ends at or after the offset; to
 * the first place where no batch begins, if that comes before it. */
static enum err walk_to(struct plog_load *load, const struct plog_segment *segment,
                        struct env_file *log, int64_t offset, struct plog_scan_from *out)
{
    struct plog_source source = {.disk = load->disk};
    for (;;) {
        struct batch_header header;
        uint32_t position;
        enum err err = plog_segment_seek(&source, log, segment->size_bytes, out->position,
                                         out->next_offset, &position, &header);
        if (err == ERR_NOTFOUND || err == ERR_CORRUPT)
            return ERR_OK;
        if (err != ERR_OK)
            return err;
        if (batch_last_offset(&header) >= offset || header.base_offset < out->next_offset)
            return ERR_OK;
        if (header.max_timestamp > out->max_timestamp_ms) {
            out->max_timestamp_ms = header.max_timestamp;
            out->max_timestamp_offset = batch_last_offset(&header);
        }
        out->position = position + (uint32_t)header.size;
        out->next_offset = batch_next_offset(&header);
    }
}

enum err plog_load_scan_from(struct plog_load *load, const struct plog_segment *segment,
                             int64_t offset, struct plog_scan_from *out)
{
    char path[PLOG_PATH_BYTES];
    struct env_file *log = NULL;
    struct plog_index_entry entry;
    bool holds = false;
    *out = (struct plog_scan_from){
        .next_offset = segment->base_offset,
        .time_last = {PLOG_TIMESTAMP_NONE, 0},
        .max_timestamp_ms = PLOG_TIMESTAMP_NONE,
        .max_timestamp_offset = segment->base_offset,
    };
    if (offset <= segment->base_offset || segment->size_bytes == 0)
        return ERR_OK;
    int64_t delta = offset - segment->base_offset;
    uint32_t delta_limit = delta > INT32_MAX ? UINT32_MAX : (uint32_t)delta;
    plog_path_of(path, load->folder, PLOG_FILE_LOG, segment->base_offset);
    enum err err = disk_open(load->disk, path, DISK_READ, &log);
    if (err == ERR_OK)
        err = index_prefix(load, segment, delta_limit, &out->index_count, &entry);
    if (err == ERR_OK && out->index_count > 0) {
        err = entry_holds(load, segment, log, &entry, &holds);
        if (err == ERR_OK && !holds) {
            /* The index is not to be believed, nor is what was made with it. */
            LOG_WARN("%s: its index does not fit; all of the segment is scanned", path);
            out->index_count = 0;
            goto done;
        }
    }
    if (err == ERR_OK && holds) {
        out->position = out->indexed_to = entry.position;
        struct batch_header header;
        uint8_t data[BATCH_HEADER_BYTES];
        struct plog_source source = {.disk = load->disk};
        err = plog_source_read(&source, log, data, sizeof data, entry.position);
        if (err == ERR_OK && plog_header_read(data, &header) == ERR_OK)
            out->next_offset = header.base_offset;
    }
    if (err == ERR_OK)
        err = walk_to(load, segment, log, offset, out);
    if (err == ERR_OK)
        err = timeindex_prefix(load, segment, delta_limit, &out->timeindex_count, &out->time_last);
    if (out->time_last.timestamp_ms > out->max_timestamp_ms) {
        out->max_timestamp_ms = out->time_last.timestamp_ms;
        out->max_timestamp_offset = segment->base_offset + out->time_last.offset_delta;
    }
done:
    disk_close(load->disk, log);
    return err == ERR_OK ? ERR_OK : plog_load_fail(load, err, "read", path);
}

/* ---- Segments ------------------------------------------------------------------------------- */

/*
 * After a clean stop: where the last segment ends and its largest timestamp, from its last index
 * entries and the batches behind them. ERR_CORRUPT: it is not whole after all.
 */
static enum err inspect_active(struct plog_load *load, struct plog_segment *segment)
{
    char path[PLOG_PATH_BYTES];
    struct env_file *log = NULL;
    struct plog_source source = {.disk = load->disk};
    struct plog_timeindex_entry time_last;
    uint32_t position, time_count;
    plog_path_of(path, load->folder, PLOG_FILE_LOG, segment->base_offset);
    load->end_offset = segment->base_offset;
    enum err err = disk_open(load->disk, path, DISK_READ, &log);
    if (err == ERR_OK)
        err = plog_load_position(load, segment, log, INT64_MAX, &position);
    if (err == ERR_OK)
        err = timeindex_floor(load, segment, INT32_MAX, &time_count, &time_last);
    if (err != ERR_OK) {
        plog_load_fail(load, err, "read", path);
        goto done;
    }
    segment->max_timestamp_ms = time_last.timestamp_ms;
    segment->max_timestamp_offset = segment->base_offset + time_last.offset_delta;
    while (err == ERR_OK) {
        struct batch_header header;
        err = plog_segment_seek(&source, log, segment->size_bytes, position, load->end_offset,
                                &position, &header);
        if (err != ERR_OK)
            break;
        if (header.max_timestamp > segment->max_timestamp_ms) {
            segment->max_timestamp_ms = header.max_timestamp;
            segment->max_timestamp_offset = batch_last_offset(&header);
        }
        load->end_offset = batch_next_offset(&header);
        position += (uint32_t)header.size;
    }
    if (err == ERR_NOTFOUND)
        err = ERR_OK;
    else if (err != ERR_CORRUPT)
        plog_load_fail(load, err, "read", path);
done:
    disk_close(load->disk, log);
    return err;
}

static enum err drop_segment(struct plog_load *load, uint32_t index)
{
    static const enum plog_file_kind kinds[] = {PLOG_FILE_LOG, PLOG_FILE_INDEX, PLOG_FILE_TIMEINDEX,
                                                PLOG_FILE_TXNINDEX};
    struct plog_segment *segment = &load->segments[index];
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        char name[PLOG_FILE_NAME_BYTES];
        plog_file_name_make(kinds[i], segment->base_offset, name);
        enum err err = remove_named(load, name);
        if (err != ERR_OK)
            return err;
    }
    memmove(segment, segment + 1, (load->segment_count - index - 1) * sizeof *segment);
    load->segment_count--;
    return ERR_OK;
}

/* Newest first, each durably before the next: an interruption leaves a shorter log, and no hole. */
static enum err drop_segments_from(struct plog_load *load, uint32_t first)
{
    enum err err = ERR_OK;
    while (err == ERR_OK && load->segment_count > first) {
        struct plog_segment *last = &load->segments[load->segment_count - 1];
        if (last->size_bytes > 0) {
            load->truncated_bytes += last->size_bytes;
            LOG_WARN("%s: segment %lld (%u bytes) is dropped: it does not follow what is before it",
                     load->folder, (long long)last->base_offset, last->size_bytes);
        }
        err = drop_segment(load, load->segment_count - 1);
        if (err != ERR_OK)
            return err;
        err = disk_sync_folder(load->disk, load->folder);
        if (err != ERR_OK)
            return plog_load_fail(load, err, "sync", load->folder);
    }
    return err;
}

static bool indexes_present(const struct listing *listing, int64_t base_offset)
{
    return listing_has(listing, PLOG_FILE_INDEX, PLOG_SUFFIX_NONE, base_offset) &&
           listing_has(listing, PLOG_FILE_TIMEINDEX, PLOG_SUFFIX_NONE, base_offset);
}

/* Scan segments from `first` on; the first of them only from the offset. */
static enum err scan_segments(struct plog_load *load, uint32_t first, int64_t offset)
{
    for (uint32_t i = first; i < load->segment_count; i++) {
        struct plog_scan_from from;
        bool cut;
        /* What a crash brought back of an earlier life of the folder. */
        if (i > first && load->segments[i].base_offset < load->end_offset)
            return drop_segments_from(load, i);
        enum err err =
            plog_load_scan_from(load, &load->segments[i], i == first ? offset : 0, &from);
        if (err == ERR_OK)
            err = plog_recover_segment(load, i, &from, &cut);
        if (err != ERR_OK)
            return err;
        if (cut)
            return drop_segments_from(load, i + 1);
    }
    return ERR_OK;
}

/* A segment whose indexes are missing gets new ones; nothing else is doubted. */
static enum err rebuild_missing(struct plog_load *load, const struct listing *listing, uint32_t end)
{
    for (uint32_t i = 0; i < end; i++) {
        if (load->segments[i].size_bytes == 0 ||
            indexes_present(listing, load->segments[i].base_offset))
            continue;
        struct plog_scan_from from = {.next_offset = load->segments[i].base_offset,
                                      .time_last = {PLOG_TIMESTAMP_NONE, 0},
                                      .max_timestamp_ms = PLOG_TIMESTAMP_NONE,
                                      .max_timestamp_offset = load->segments[i].base_offset,
                                      .indexes_only = true};
        bool cut; /* what comes after is not doubted for that: it was synced */
        enum err err = plog_recover_segment(load, i, &from, &cut);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

/* ---- Epochs and producers ------------------------------------------------------------------- */

static enum err load_epochs(struct plog_load *load)
{
    char path[PLOG_PATH_BYTES];
    uint8_t *text = NULL;
    size_t size, count = 0;
    plog_path(path, load->folder, PLOG_EPOCHS_NAME);
    enum err err = plog_disk_load(load->disk, path, SMALL_FILE_BYTES_MAX, &text, &size);
    if (err == ERR_NOTFOUND)
        return ERR_OK;
    if (err == ERR_OK)
        err = plog_epochs_parse((const char *)text, size, &load->epochs, &count);
    mem_free(text);
    for (size_t i = 1; err == ERR_OK && i < count; i++) {
        if (load->epochs[i].epoch <= load->epochs[i - 1].epoch ||
            load->epochs[i].start_offset < load->epochs[i - 1].start_offset)
            err = ERR_CORRUPT;
    }
    if (err != ERR_OK)
        return plog_load_fail(load, err, "read", path);
    load->epoch_count = load->epoch_capacity = (uint32_t)count;
    return ERR_OK;
}

static void trim_epochs(struct plog_load *load)
{
    while (load->epoch_count > 0 &&
           load->epochs[load->epoch_count - 1].start_offset >= load->end_offset) {
        load->epoch_count--;
        load->epochs_dirty = true;
    }
    uint32_t before = 0;
    while (before + 1 < load->epoch_count &&
           load->epochs[before + 1].start_offset <= load->log_start_offset)
        before++;
    if (before > 0) {
        load->epoch_count -= before;
        memmove(load->epochs, load->epochs + before, load->epoch_count * sizeof *load->epochs);
        load->epochs_dirty = true;
    }
    if (load->epoch_count > 0 && load->epochs[0].start_offset < load->log_start_offset) {
        load->epochs[0].start_offset = load->log_start_offset;
        load->epochs_dirty = true;
    }
}

enum err plog_load_snapshot(struct plog_load *load, int64_t offset)
{
    load->snapshot_offset = -1;
    for (size_t i = load->snapshot_count; i > 0; i--) {
        char path[PLOG_PATH_BYTES];
        uint8_t *data = NULL;
        size_t size, count;
        if (load->snapshots[i - 1] > offset)
            continue;
        plog_path_of(path, load->folder, PLOG_FILE_SNAPSHOT, load->snapshots[i - 1]);
        enum err err = plog_disk_load(load->disk, path, SMALL_FILE_BYTES_MAX, &data, &size);
        if (err == ERR_OK)
            err = plog_snapshot_check(data, size, &count);
        if (err == ERR_OK && count > 0) {
            load->producers = plog_producers_new();
            err = plog_producers_load(load->producers, data, count, load->wall_ms);
        }
        mem_free(data);
        if (err == ERR_OK) {
            load->snapshot_offset = load->snapshots[i - 1];
            return ERR_OK;
        }
        plog_producers_free(load->producers);
        load->producers = NULL;
        if (err == ERR_IO || err == ERR_NOMEM)
            return plog_load_fail(load, err, "read", path);
        LOG_WARN("%s is not used, an older one is: %s", path, err_text(err));
    }
    return ERR_OK;
}

enum err plog_load_producers(struct plog_load *load, int64_t offset)
{
    if (load->kind != PLOG_KIND_PARTITION)
        return ERR_OK;
    enum err err = plog_load_snapshot(load, offset);
    if (err != ERR_OK)
        return err;
    int64_t from = load->snapshot_offset >= 0 ? load->snapshot_offset : load->log_start_offset;
    return plog_replay(load, from, offset);
}

/*
 * The scan began with the producers of a snapshot at or below the recovery point. A newer one knows
 * more (of producers whose batches are deleted), and what it tells of is all there: truncation and
 * recovery remove those past the end.
 */
enum err plog_load_newest_producers(struct plog_load *load)
{
    int64_t newest = -1;
    for (size_t i = 0; i < load->snapshot_count; i++) {
        if (load->snapshots[i] <= load->end_offset)
            newest = load->snapshots[i];
    }
    if (load->kind != PLOG_KIND_PARTITION || newest <= load->snapshot_offset)
        return ERR_OK;
    plog_producers_free(load->producers);
    load->producers = NULL;
    load->producers_dirty = false;
    return plog_load_producers(load, load->end_offset);
}

static bool begins_segment(const struct plog_load *load, int64_t offset)
{
    for (uint32_t i = 0; i < load->segment_count; i++) {
        if (load->segments[i].base_offset == offset)
            return true;
    }
    return false;
}

/* Snapshots from the offset on tell of what is lost; older checkpoints' are not needed but for the
 * newest. */
static enum err drop_snapshots(struct plog_load *load, int64_t from)
{
    for (size_t i = 0; i < load->snapshot_count; i++) {
        char name[PLOG_FILE_NAME_BYTES];
        int64_t offset = load->snapshots[i];
        bool newest = i + 1 == load->snapshot_count || load->snapshots[i + 1] >= from;
        if (offset < from && (newest || begins_segment(load, offset)))
            continue;
        plog_file_name_make(PLOG_FILE_SNAPSHOT, offset, name);
        enum err err = remove_named(load, name);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

/* ---- All of it ------------------------------------------------------------------------------ */

static enum err make_folder(struct plog_load *load)
{
    struct disk_stat stat;
    enum err err = disk_stat(load->disk, load->folder, &stat);
    if (err == ERR_OK && stat.kind != DISK_KIND_FOLDER)
        err = ERR_INVALID;
    if (err == ERR_NOTFOUND && load->create) {
        err = disk_mkdir(load->disk, load->folder);
        load->created = err == ERR_OK;
        load->folder_dirty = load->created;
    }
    return err == ERR_OK ? ERR_OK : plog_load_fail(load, err, "open", load->folder);
}

/* The log has nothing at or above where it should begin: it begins there, empty. */
static enum err start_empty(struct plog_load *load)
{
    enum err err = drop_segments_from(load, 0);
    if (err == ERR_OK)
        err = drop_snapshots(load, 0);
    if (err != ERR_OK)
        return err;
    load->snapshot_offset = -1;
    plog_load_add_segment(load, load->log_start_offset);
    load->segments[0].max_timestamp_ms = PLOG_TIMESTAMP_NONE;
    load->segments[0].append_ms = load->wall_ms;
    load->end_offset = load->log_start_offset;
    load->txnindex_count = 0;
    plog_producers_free(load->producers);
    load->producers = NULL;
    return ERR_OK;
}

static enum err load_clean(struct plog_load *load, const struct listing *listing)
{
    enum err err = rebuild_missing(load, listing, load->segment_count);
    if (err != ERR_OK)
        return err;
    uint32_t last = load->segment_count - 1;
    err = inspect_active(load, &load->segments[last]);
    if (err == ERR_CORRUPT && load->err == ERR_OK) {
        LOG_WARN("%s: the last segment is not whole although the stop was clean", load->folder);
        err = plog_load_producers(load, load->segments[last].base_offset);
        return err == ERR_OK ? scan_segments(load, last, 0) : err;
    }
    if (err != ERR_OK)
        return err;
    return plog_load_producers(load, load->end_offset);
}

/* Kafka's live indexes have their largest size, and are trimmed by a clean stop. Ours grow. */
#define FOREIGN_INDEX_BYTES 65536

static enum err find_writer(struct plog_load *load)
{
    struct env_file *index = NULL;
    struct plog_source source = {.disk = load->disk};
    uint8_t data[PLOG_INDEX_ENTRY_BYTES];
    struct plog_index_entry entry;
    uint64_t bytes;
    int64_t base = load->segments[load->segment_count - 1].base_offset;
    enum err err = open_index(load, PLOG_FILE_INDEX, base, &index, &bytes);
    if (err == ERR_OK && bytes >= FOREIGN_INDEX_BYTES) {
        uint64_t last = bytes / PLOG_INDEX_ENTRY_BYTES - 1;
        err = plog_source_read(&source, index, data, sizeof data, last * PLOG_INDEX_ENTRY_BYTES);
        if (err == ERR_OK) {
            plog_index_entry_read(data, &entry);
            load->foreign = entry.offset_delta == 0 && entry.position == 0;
        }
    }
    disk_close(load->disk, index);
    return err == ERR_OK || load->err != ERR_OK
               ? err
               : plog_load_fail(load, err, "look into the index in", load->folder);
}

static enum err load_unclean(struct plog_load *load, const struct listing *listing)
{
    uint32_t first = load->segment_count - 1;
    while (first > 0 && load->segments[first].base_offset > load->recovery_point)
        first--;
    enum err err = find_writer(load);
    if (err == ERR_OK)
        err = rebuild_missing(load, listing, first);
    if (err != ERR_OK)
        return err;
    if (first >= load->segment_count)
        first = load->segment_count - 1;
    /* Batches before the recovery point are replayed by their headers, the others as they are
     * scanned. */
    struct plog_scan_from from;
    err = plog_load_scan_from(load, &load->segments[first], load->recovery_point, &from);
    /* What is behind the place has not been looked at yet. */
    if (from.position < load->segments[first].size_bytes)
        load->segments[first].size_bytes = from.position;
    if (err == ERR_OK)
        err = plog_load_producers(load, from.next_offset);
    if (err == ERR_OK)
        err = scan_segments(load, first, load->recovery_point);
    return err == ERR_OK ? plog_load_newest_producers(load) : err;
}

static enum err count_txnindex(struct plog_load *load)
{
    struct plog_segment *last = &load->segments[load->segment_count - 1];
    char path[PLOG_PATH_BYTES];
    struct plog_txnindex_entry *entries;
    size_t count;
    load->txnindex_count = 0;
    if (!last->has_txnindex)
        return ERR_OK;
    plog_path_of(path, load->folder, PLOG_FILE_TXNINDEX, last->base_offset);
    enum err err = plog_txnindex_load(load->disk, path, INT64_MAX, &entries, &count);
    mem_free(entries);
    load->txnindex_count = (uint32_t)count;
    return err == ERR_OK ? ERR_OK : plog_load_fail(load, err, "read", path);
}

static void load_steps(struct plog_load *load, struct listing *listing)
{
    if (make_folder(load) != ERR_OK || check_metadata(load) != ERR_OK)
        return;
    if (!load->created && (list_folder(load, listing) != ERR_OK ||
                           find_segments(load, listing) != ERR_OK || load_epochs(load) != ERR_OK))
        return;
    if (load->segment_count == 0) {
        start_empty(load);
        return;
    }
    if (load->log_start_offset < load->segments[0].base_offset)
        load->log_start_offset = load->segments[0].base_offset;
    enum err err =
        load->clean && !load->rewrite ? load_clean(load, listing) : load_unclean(load, listing);
    if (err == ERR_OK && load->rewrite)
        err = remove_named(load, PLOG_DISTRUST_NAME);
    if (err == ERR_OK && load->log_start_offset > load->end_offset) {
        LOG_WARN("%s: ends at offset %lld, before its start %lld; it starts anew there",
                 load->folder, (long long)load->end_offset, (long long)load->log_start_offset);
        err = start_empty(load);
    }
    if (err == ERR_OK)
        err = drop_snapshots(load, load->end_offset + 1);
    if (err == ERR_OK)
        err = count_txnindex(load);
    trim_epochs(load);
}

void plog_load_run(struct plog_load *load)
{
    struct listing listing = {.load = load};
    load->err = ERR_OK;
    load->snapshot_offset = -1;
    load_steps(load, &listing);
    listing_deinit(&listing);
}
