/*
 * Recovery of a segment's tail: from a position on, batches are believed one after the other as
 * long as every fact about them says so; behind the last good one the segment is cut.
 *
 * The rows of the table are the whole of the policy. Exactly one fits whatever is found (the test
 * enumerates all of them): each row repeats what the ones before it have excluded.
 */
#define LOG_ROOM "plog"
#include "plog/plog_load_int.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define Y 1
#define N 0
#define ANY (-1)

/* clang-format off */
const struct plog_tail_row plog_tail_rows[] = {
    /*                       READ END  ZERO HEAD MAGI SANE WHOL CRC  FOLL IN   GAPL READS */
    /* The device, not the log, is at fault: what cannot be read must not be cut off. */
    {"unreadable",          {N,   ANY, ANY, ANY, ANY, ANY, ANY, ANY, ANY, ANY, ANY, ANY}, PLOG_TAIL_FAIL},
    {"end",                 {Y,   Y,   ANY, ANY, ANY, ANY, ANY, ANY, ANY, ANY, ANY, ANY}, PLOG_TAIL_END},
    /* A preallocated file that a crash kept from being trimmed. A filesystem may also show a torn
     * append as zeros; what was lost with it had not been synced. */
    {"zeros",               {Y,   N,   Y,   ANY, ANY, ANY, ANY, ANY, ANY, ANY, ANY, ANY}, PLOG_TAIL_TRIM},
    {"torn header",         {Y,   N,   N,   N,   ANY, ANY, ANY, ANY, ANY, ANY, ANY, ANY}, PLOG_TAIL_CUT},
    {"no batch",            {Y,   N,   N,   Y,   N,   ANY, ANY, ANY, ANY, ANY, ANY, ANY}, PLOG_TAIL_CUT},
    {"impossible header",   {Y,   N,   N,   Y,   Y,   N,   ANY, ANY, ANY, ANY, ANY, ANY}, PLOG_TAIL_CUT},
    {"torn batch",          {Y,   N,   N,   Y,   Y,   Y,   N,   ANY, ANY, ANY, ANY, ANY}, PLOG_TAIL_CUT},
    {"damaged batch",       {Y,   N,   N,   Y,   Y,   Y,   Y,   N,   ANY, ANY, ANY, ANY}, PLOG_TAIL_CUT},
    /* Good in itself, but of an earlier life of the file. */
    {"stale batch",         {Y,   N,   N,   Y,   Y,   Y,   Y,   Y,   N,   ANY, ANY, ANY}, PLOG_TAIL_CUT},
    {"foreign batch",       {Y,   N,   N,   Y,   Y,   Y,   Y,   Y,   Y,   N,   ANY, ANY}, PLOG_TAIL_CUT},
    {"gap",                 {Y,   N,   N,   Y,   Y,   Y,   Y,   Y,   Y,   Y,   N,   ANY}, PLOG_TAIL_CUT},
    {"unreadable marker",   {Y,   N,   N,   Y,   Y,   Y,   Y,   Y,   Y,   Y,   Y,   N  }, PLOG_TAIL_CUT},
    {"good batch",          {Y,   N,   N,   Y,   Y,   Y,   Y,   Y,   Y,   Y,   Y,   Y  }, PLOG_TAIL_KEEP},
};
/* clang-format on */
const size_t plog_tail_row_count = ARRAY_COUNT(plog_tail_rows);

const struct plog_tail_row *plog_tail_decide(uint32_t facts)
{
    for (size_t i = 0; i < plog_tail_row_count; i++) {
        const struct plog_tail_row *row = &plog_tail_rows[i];
        bool fits = true;
        for (int fact = 0; fact < PLOG_FACT_COUNT && fits; fact++)
            fits = row->facts[fact] == ANY || row->facts[fact] == (int8_t)((facts >> fact) & 1);
        if (fits)
            return row;
    }
    UNREACHABLE();
}

/* ---- Looking at one place ------------------------------------------------------------------- */

struct scan {
    struct plog_load *load;
    struct plog_segment *segment;
    struct env_file *log;
    uint64_t limit; /* the file's size */
    uint64_t position;
    int64_t next_offset;
    uint64_t window_at;
    size_t window_size;
    bool gaps;    /* between batches: it was compacted, or its leader's was */
    enum err err; /* of the device */

    /* What is rebuilt. */
    const struct plog_scan_from *from;
    struct buf index;
    struct buf timeindex;
    struct plog_timeindex_entry time_last;
    uint64_t indexed_to;
};

/* Bytes from the position on, as many as there are up to `size`; NULL on an error of the device. */
static const uint8_t *look(struct scan *scan, uint64_t position, size_t size, size_t *out_size)
{
    uint64_t left = scan->limit - position;
    if (size > left)
        size = (size_t)left;
    ASSERT(size <= LOAD_WINDOW_BYTES);
    if (position < scan->window_at || position + size > scan->window_at + scan->window_size) {
        size_t wanted = left < LOAD_WINDOW_BYTES ? (size_t)left : LOAD_WINDOW_BYTES;
        scan->err = disk_read(scan->load->disk, scan->log, scan->load->window, wanted, position,
                              &scan->window_size);
        if (scan->err == ERR_OK && scan->window_size < size)
            scan->err = ERR_IO; /* shorter than it was when it was opened */
        if (scan->err != ERR_OK)
            return NULL;
        scan->window_at = position;
    }
    *out_size = size;
    return scan->load->window + (position - scan->window_at);
}

static bool is_zero(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i] != 0)
            return false;
    }
    return true;
}

static bool all_zeros(struct scan *scan)
{
    for (uint64_t at = scan->position; at < scan->limit;) {
        size_t size;
        const uint8_t *data = look(scan, at, at == scan->position ? 64 : LOAD_WINDOW_BYTES, &size);
        if (data == NULL || !is_zero(data, size))
            return false;
        at += size;
    }
    return true;
}

static bool crc_is_good(struct scan *scan, const struct batch_header *header)
{
    uint32_t crc = 0;
    uint64_t end = scan->position + header->size;
    for (uint64_t at = scan->position + 21; at < end;) {
        size_t size = end - at < LOAD_WINDOW_BYTES ? (size_t)(end - at) : LOAD_WINDOW_BYTES;
        const uint8_t *data = look(scan, at, size, &size);
        if (data == NULL)
            return false;
        crc = crc32c(crc, data, size);
        at += size;
    }
    return crc == header->crc;
}

static bool marker_reads(struct scan *scan, const struct batch_header *header,
                         struct plog_marker *marker)
{
    *marker = (struct plog_marker){.coordinator_epoch = -1};
    if (scan->load->kind != PLOG_KIND_PARTITION || !batch_is_control(header))
        return true;
    if (header->size > LOAD_WINDOW_BYTES)
        return false;
    size_t size;
    const uint8_t *data = look(scan, scan->position, header->size, &size);
    if (data == NULL)
        return false;
    struct batch_view view = {data, *header};
    return plog_marker_read(&view, marker) == ERR_OK;
}

#define BIT(fact) (UINT32_C(1) << (fact))

static uint32_t facts_find(struct scan *scan, struct batch_header *header,
                           struct plog_marker *marker)
{
    uint32_t facts = BIT(PLOG_FACT_READABLE);
    if (scan->position == scan->limit)
        return facts | BIT(PLOG_FACT_AT_END);
    if (all_zeros(scan))
        return facts | BIT(PLOG_FACT_ZEROS);
    size_t size;
    const uint8_t *data = look(scan, scan->position, BATCH_HEADER_BYTES, &size);
    if (data == NULL)
        return 0;
    if (size < BATCH_HEADER_BYTES)
        return facts;
    facts |= BIT(PLOG_FACT_HEADER);
    enum err err = plog_header_read(data, header);
    if (err == ERR_VERSION || data[16] != BATCH_MAGIC)
        return facts;
    facts |= BIT(PLOG_FACT_MAGIC);
    if (err != ERR_OK)
        return facts;
    facts |= BIT(PLOG_FACT_SANE);
    if (header->size > scan->limit - scan->position)
        return facts;
    facts |= BIT(PLOG_FACT_WHOLE);
    if (!crc_is_good(scan, header))
        return scan->err == ERR_OK ? facts : 0;
    facts |= BIT(PLOG_FACT_CRC);
    if (header->base_offset < scan->next_offset)
        return facts;
    facts |= BIT(PLOG_FACT_FOLLOWS);
    if (batch_last_offset(header) - scan->segment->base_offset > INT32_MAX)
        return facts;
    facts |= BIT(PLOG_FACT_IN_SEGMENT);
    if (scan->load->kind == PLOG_KIND_METADATA && header->base_offset != scan->next_offset)
        return facts;
    facts |= BIT(PLOG_FACT_GAPLESS);
    if (!marker_reads(scan, header, marker))
        return scan->err == ERR_OK ? facts : 0;
    return facts | BIT(PLOG_FACT_READS);
}

/* ---- Keeping a batch ------------------------------------------------------------------------ */

static void put_time_entry(struct scan *scan)
{
    const struct plog_segment *segment = scan->segment;
    if (segment->max_timestamp_ms <= scan->time_last.timestamp_ms)
        return;
    scan->time_last = (struct plog_timeindex_entry){
        .timestamp_ms = segment->max_timestamp_ms,
        .offset_delta = (uint32_t)(segment->max_timestamp_offset - segment->base_offset),
    };
    plog_timeindex_entry_write(buf_extend(&scan->timeindex, PLOG_TIMEINDEX_ENTRY_BYTES),
                               &scan->time_last);
}

static void load_epoch(struct plog_load *load, int32_t epoch, int64_t offset)
{
    if (epoch < 0)
        return;
    /* What the checkpoint tells of offsets that are still to come may be of an earlier life. */
    while (load->epoch_count > 0 && load->epochs[load->epoch_count - 1].start_offset >= offset) {
        load->epoch_count--;
        load->epochs_dirty = true;
    }
    if (load->epoch_count > 0 && load->epochs[load->epoch_count - 1].epoch >= epoch)
        return;
    if (load->epoch_count == load->epoch_capacity) {
        load->epoch_capacity = load->epoch_capacity == 0 ? 2 : load->epoch_capacity * 2;
        load->epochs = mem_realloc(load->epochs, load->epoch_capacity * sizeof *load->epochs);
    }
    load->epochs[load->epoch_count++] = (struct plog_epoch_entry){epoch, offset};
    load->epochs_dirty = true;
}

static void feed_producers(struct plog_load *load, const struct batch_header *header,
                           const struct plog_marker *marker)
{
    if (load->kind != PLOG_KIND_PARTITION || !batch_has_producer(header))
        return;
    if (load->producers == NULL)
        load->producers = plog_producers_new();
    plog_producers_apply(load->producers, header, marker, load->wall_ms);
}

static void keep(struct scan *scan, const struct batch_header *header,
                 const struct plog_marker *marker)
{
    struct plog_segment *segment = scan->segment;
    scan->gaps |= header->base_offset > scan->next_offset;
    if (header->max_timestamp > segment->max_timestamp_ms) {
        segment->max_timestamp_ms = header->max_timestamp;
        segment->max_timestamp_offset = batch_last_offset(header);
    }
    if ((int64_t)(scan->position - scan->indexed_to) > scan->load->index_interval_bytes) {
        struct plog_index_entry entry = {
            .offset_delta = (uint32_t)(batch_last_offset(header) - segment->base_offset),
            .position = (uint32_t)scan->position,
        };
        plog_index_entry_write(buf_extend(&scan->index, PLOG_INDEX_ENTRY_BYTES), &entry);
        put_time_entry(scan);
        scan->indexed_to = scan->position;
    }
    if (!scan->from->indexes_only) {
        load_epoch(scan->load, header->leader_epoch, header->base_offset);
        feed_producers(scan->load, header, marker);
        scan->load->producers_dirty = true;
    }
    scan->position += header->size;
    scan->next_offset = batch_next_offset(header);
    scan->load->scanned_bytes += header->size;
}

/* ---- Writing what was rebuilt --------------------------------------------------------------- */

/* `promised`: an earlier checkpoint has said that what is written over here is durable.
 * ERR_NOSPACE: the disk is full, and the file has what it had before. */
static enum err store_entries(struct plog_load *load, enum plog_file_kind kind, int64_t base_offset,
                              uint64_t kept_bytes, const struct buf *entries, bool promised)
{
    bool full = false;
    char path[PLOG_PATH_BYTES];
    struct env_file *file = NULL;
    struct disk_stat stat;
    plog_path_of(path, load->folder, kind, base_offset);
    if (entries->size == 0 && disk_stat(load->disk, path, &stat) == ERR_OK &&
        stat.size_bytes == kept_bytes)
        return ERR_OK;
    enum err err = disk_open(load->disk, path, DISK_READ | DISK_WRITE | DISK_CREATE, &file);
    uint64_t size = kept_bytes + entries->size;
    if (err == ERR_OK && entries->size > 0) {
        err = disk_write(load->disk, file, entries->data, entries->size, kept_bytes);
        if (err == ERR_NOSPACE) {
            full = true;
            size = kept_bytes;
            err = ERR_OK;
        }
    }
    if (err == ERR_OK)
        err = disk_truncate(load->disk, file, size);
    if (err == ERR_OK && promised)
        err = plog_disk_sync(load->disk, file, load->folder);
    disk_close(load->disk, file);
    if (err != ERR_OK)
        return plog_load_fail(load, err, "rebuild", path);
    return full ? ERR_NOSPACE : ERR_OK;
}

/*
 * A node starts on a full disk, too: an offset index may be sparser than it could be. But a time
 * index that does not cover what lies before the other's last entry would hide the segment's
 * largest timestamp; then there is neither, until the next start makes them.
 */
static enum err store_indexes(struct scan *scan, bool promised)
{
    const struct plog_scan_from *from = scan->from;
    struct plog_load *load = scan->load;
    int64_t base = scan->segment->base_offset;
    uint64_t index_bytes = (uint64_t)from->index_count * PLOG_INDEX_ENTRY_BYTES;
    uint64_t time_bytes = (uint64_t)from->timeindex_count * PLOG_TIMEINDEX_ENTRY_BYTES;
    enum err err =
        store_entries(load, PLOG_FILE_TIMEINDEX, base, time_bytes, &scan->timeindex, promised);
    if (err == ERR_OK)
        err = store_entries(load, PLOG_FILE_INDEX, base, index_bytes, &scan->index, promised);
    else if (err == ERR_NOSPACE) {
        static const enum plog_file_kind kinds[] = {PLOG_FILE_INDEX, PLOG_FILE_TIMEINDEX};
        for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
            char path[PLOG_PATH_BYTES];
            plog_path_of(path, load->folder, kinds[i], base);
            enum err removed = plog_disk_remove(load->disk, path);
            if (removed != ERR_OK)
                return plog_load_fail(load, removed, "remove", path);
        }
    }
    if (err != ERR_NOSPACE)
        return err;
    LOG_WARN("%s: the disk is full: segment %lld has no complete indexes", load->folder,
             (long long)base);
    return ERR_OK;
}

/* Aborted transactions that ended before the scan began stay; those it found come behind them. */
static enum err store_aborted(struct scan *scan, int64_t scan_offset)
{
    struct plog_load *load = scan->load;
    char path[PLOG_PATH_BYTES];
    struct plog_txnindex_entry *kept;
    size_t kept_count;
    plog_path_of(path, load->folder, PLOG_FILE_TXNINDEX, scan->segment->base_offset);
    enum err err = plog_txnindex_load(load->disk, path, scan_offset, &kept, &kept_count);
    if (err != ERR_OK)
        return plog_load_fail(load, err, "read", path);
    mem_free(kept);
    const struct plog_txnindex_entry *found = NULL;
    size_t found_count =
        load->producers != NULL ? plog_producers_aborted(load->producers, &found) : 0;
    size_t count = kept_count + found_count;
    scan->segment->has_txnindex = count > 0;
    load->txnindex_count = (uint32_t)count;
    if (count == 0) {
        err = plog_disk_remove(load->disk, path);
    } else {
        struct env_file *file = NULL;
        struct buf out = BUF_EMPTY;
        for (size_t i = 0; i < found_count; i++)
            plog_txnindex_entry_write(buf_extend(&out, PLOG_TXNINDEX_ENTRY_BYTES), &found[i]);
        uint64_t kept_bytes = (uint64_t)kept_count * PLOG_TXNINDEX_ENTRY_BYTES;
        err = disk_open(load->disk, path, DISK_READ | DISK_WRITE | DISK_CREATE, &file);
        if (err == ERR_OK && out.size > 0)
            err = disk_write(load->disk, file, out.data, out.size, kept_bytes);
        if (err == ERR_OK)
            err = disk_truncate(load->disk, file, kept_bytes + out.size);
        if (err == ERR_OK && scan_offset < load->recovery_point)
            err = plog_disk_sync(load->disk, file, load->folder);
        disk_close(load->disk, file);
        buf_deinit(&out);
        if (found_count > 0)
            plog_producers_aborted_written(load->producers, found_count);
    }
    return err == ERR_OK ? ERR_OK : plog_load_fail(load, err, "rebuild", path);
}

static enum err store_rebuilt(struct scan *scan)
{
    const struct plog_scan_from *from = scan->from;
    bool promised = from->next_offset < scan->load->recovery_point;
    put_time_entry(scan);
    enum err err = store_indexes(scan, promised);
    if (err == ERR_OK && scan->load->kind == PLOG_KIND_PARTITION && !from->indexes_only)
        err = store_aborted(scan, from->next_offset);
    scan->segment->index_dirty = true;
    return err;
}

/* The cut is on disk before anything is appended behind it, so that what was cut cannot come back.
 */
static enum err cut_off(struct scan *scan, const char *path, const struct plog_tail_row *row)
{
    struct plog_load *load = scan->load;
    uint64_t bytes = scan->limit - scan->position;
    if (row->decision == PLOG_TAIL_CUT) {
        load->truncated_bytes += bytes;
        LOG_WARN("%s: %s at position %llu, offset %lld: the last %llu bytes are cut off", path,
                 row->name, (unsigned long long)scan->position, (long long)scan->next_offset,
                 (unsigned long long)bytes);
    }
    enum err err = disk_truncate(load->disk, scan->log, scan->position);
    if (err == ERR_OK)
        err = plog_disk_sync(load->disk, scan->log, load->folder);
    return err == ERR_OK ? ERR_OK : plog_load_fail(load, err, "truncate", path);
}

static void segment_begin(struct scan *scan)
{
    struct plog_segment *segment = scan->segment;
    const struct plog_scan_from *from = scan->from;
    scan->position = from->position;
    scan->indexed_to = from->indexed_to;
    scan->next_offset = from->next_offset;
    scan->time_last = from->time_last;
    segment->max_timestamp_ms = from->max_timestamp_ms;
    segment->max_timestamp_offset = from->max_timestamp_offset;
}

/* See plog_load.rewrite. */
static enum err write_again(struct scan *scan, const char *path)
{
    uint64_t end = scan->position;
    for (uint64_t at = scan->from->position; at < end;) {
        size_t size = end - at < LOAD_WINDOW_BYTES ? (size_t)(end - at) : LOAD_WINDOW_BYTES;
        const uint8_t *data = look(scan, at, size, &size);
        if (data == NULL)
            return plog_load_fail(scan->load, scan->err, "read", path);
        enum err err = disk_write(scan->load->disk, scan->log, data, size, at);
        if (err != ERR_OK)
            return plog_load_fail(scan->load, err, "write", path);
        at += size;
    }
    /* And its length: what a truncation cut off must not come back. Before the mark goes, since
     * recovery points may be above all that is left. */
    enum err err = disk_truncate(scan->load->disk, scan->log, end);
    if (err == ERR_OK)
        err = plog_disk_sync(scan->load->disk, scan->log, scan->load->folder);
    return err == ERR_OK ? ERR_OK : plog_load_fail(scan->load, err, "write", path);
}

/* The next segment does not begin where this one ends. */
static bool leaves_gap(const struct scan *scan, uint32_t index)
{
    const struct plog_load *load = scan->load;
    return index + 1 < load->segment_count &&
           load->segments[index + 1].base_offset != scan->next_offset;
}

/*
 * A gap between segments is what Kafka's cleaner leaves where it drops the last batches of one
 * (ours keeps the last). Or an end that was not durable, and then what follows goes as well. It is
 * the former where there is a sign of that cleaner: its checkpoint is past here, this segment has
 * gaps inside, or Kafka was the last to write here.
 */
static bool gap_is_cleaned(const struct scan *scan)
{
    const struct plog_load *load = scan->load;
    return load->compacted &&
           (scan->gaps || load->foreign || scan->segment->base_offset < load->cleaned_offset);
}

/* An empty batch at the end of the gap: the next recovery, which may not see the signs any more,
 * finds none. */
static enum err gap_fill(struct scan *scan, int64_t end, const char *path)
{
    struct plog_load *load = scan->load;
    struct batch_header header = {
        .base_offset = end - 1,
        .size = BATCH_HEADER_BYTES,
        .leader_epoch = BATCH_NO_LEADER_EPOCH,
        .base_timestamp = BATCH_NO_TIMESTAMP,
        .max_timestamp = BATCH_NO_TIMESTAMP,
        .producer_id = BATCH_NO_PRODUCER_ID,
        .producer_epoch = BATCH_NO_PRODUCER_EPOCH,
        .base_sequence = BATCH_NO_SEQUENCE,
    };
    uint8_t data[BATCH_HEADER_BYTES];
    if (end - 1 - scan->segment->base_offset > INT32_MAX ||
        scan->position > PLOG_SEGMENT_BYTES_MAX - sizeof data)
        return ERR_OK;
    batch_header_write(&header, data);
    batch_update_crc(data, sizeof data);
    enum err err = disk_write(load->disk, scan->log, data, sizeof data, scan->position);
    bool full = err == ERR_NOSPACE; /* a node starts on a full disk, too */
    if (full)
        err = disk_truncate(load->disk, scan->log, scan->position);
    if (err == ERR_OK)
        err = plog_disk_sync(load->disk, scan->log, load->folder);
    if (err != ERR_OK)
        return plog_load_fail(load, err, "write", path);
    if (!full) {
        scan->position += sizeof data;
        scan->next_offset = end;
    }
    return ERR_OK;
}

enum err plog_recover_segment(struct plog_load *load, uint32_t index,
                              const struct plog_scan_from *from, bool *out_cut)
{
    struct scan scan = {.load = load, .segment = &load->segments[index], .from = from};
    char path[PLOG_PATH_BYTES];
    *out_cut = false;
    if (load->window == NULL)
        load->window = mem_alloc(LOAD_WINDOW_BYTES);
    plog_path_of(path, load->folder, PLOG_FILE_LOG, scan.segment->base_offset);
    enum err err = disk_open(load->disk, path, DISK_READ | DISK_WRITE, &scan.log);
    if (err == ERR_OK)
        err = disk_size(load->disk, scan.log, &scan.limit);
    if (err != ERR_OK) {
        plog_load_fail(load, err, "open", path);
        goto done;
    }
    segment_begin(&scan);
    load->scanned = true;
    for (;;) {
        struct batch_header header;
        struct plog_marker marker;
        uint32_t facts = facts_find(&scan, &header, &marker);
        if (scan.err != ERR_OK)
            facts = 0;
        const struct plog_tail_row *row = plog_tail_decide(facts);
        if (row->decision == PLOG_TAIL_KEEP) {
            keep(&scan, &header, &marker);
            continue;
        }
        if (row->decision == PLOG_TAIL_FAIL)
            err = plog_load_fail(load, scan.err, "read", path);
        else if (row->decision != PLOG_TAIL_END)
            err = cut_off(&scan, path, row);
        *out_cut = row->decision == PLOG_TAIL_CUT;
        if (err == ERR_OK && !*out_cut && leaves_gap(&scan, index)) {
            *out_cut = row->decision == PLOG_TAIL_TRIM || !gap_is_cleaned(&scan);
            if (!*out_cut)
                err = gap_fill(&scan, load->segments[index + 1].base_offset, path);
        }
        break;
    }
    if (err == ERR_OK && load->rewrite)
        err = write_again(&scan, path);
    if (err != ERR_OK)
        goto done;
    scan.segment->size_bytes = (uint32_t)scan.position;
    load->end_offset = scan.next_offset;
    err = store_rebuilt(&scan);
done:
    disk_close(load->disk, scan.log);
    buf_deinit(&scan.index);
    buf_deinit(&scan.timeindex);
    return err;
}

/* ---- Producers from headers ----------------------------------------------------------------- */

/* One segment's batches that end at or after `from` and begin below `end`. */
static enum err replay_segment(struct plog_load *load, const struct plog_segment *segment,
                               int64_t from, int64_t end)
{
    char path[PLOG_PATH_BYTES];
    struct env_file *log = NULL;
    struct plog_source source = {.disk = load->disk};
    plog_path_of(path, load->folder, PLOG_FILE_LOG, segment->base_offset);
    enum err err = disk_open(load->disk, path, DISK_READ, &log);
    uint32_t position = 0;
    uint8_t *whole = NULL;
    if (err == ERR_OK && from > segment->base_offset)
        err = plog_load_position(load, segment, log, from, &position);
    while (err == ERR_OK && from < end) {
        struct batch_header header;
        struct plog_marker marker = {.coordinator_epoch = -1};
        err = plog_segment_seek(&source, log, segment->size_bytes, position, from, &position,
                                &header);
        if (err != ERR_OK || header.base_offset >= end)
            break;
        if (batch_is_control(&header)) {
            mem_free(whole);
            whole = mem_try_alloc(header.size);
            if (whole == NULL) {
                err = ERR_NOMEM;
                break;
            }
            struct batch_view view = {whole, header};
            err = plog_source_read(&source, log, whole, header.size, position);
            if (err == ERR_OK)
                err = plog_marker_read(&view, &marker);
            if (err != ERR_OK)
                break;
        }
        feed_producers(load, &header, &marker);
        from = batch_next_offset(&header);
        position += (uint32_t)header.size;
    }
    mem_free(whole);
    disk_close(load->disk, log);
    if (err == ERR_NOTFOUND || err == ERR_OK)
        return ERR_OK;
    return plog_load_fail(load, err, "read the producers of", path);
}

enum err plog_replay(struct plog_load *load, int64_t from, int64_t end)
{
    enum err err = ERR_OK;
    if (load->kind != PLOG_KIND_PARTITION || from >= end)
        return ERR_OK;
    load->producers_dirty = true;
    for (uint32_t i = 0; err == ERR_OK && i < load->segment_count; i++) {
        int64_t segment_end =
            i + 1 < load->segment_count ? load->segments[i + 1].base_offset : INT64_MAX;
        if (segment_end <= from || load->segments[i].base_offset >= end ||
            load->segments[i].size_bytes == 0)
            continue;
        err = replay_segment(load, &load->segments[i], from, end);
    }
    /* Those that were aborted on the way are in the files. */
    if (load->producers != NULL) {
        const struct plog_txnindex_entry *aborted;
        plog_producers_aborted_written(load->producers,
                                       plog_producers_aborted(load->producers, &aborted));
    }
    return err;
}
