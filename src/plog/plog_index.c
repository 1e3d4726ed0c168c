/*
 * Looking things up in segments: one code for the shard, where only what is in memory can be had,
 * and for jobs, which wait for the disk.
 *
 * An index is a hint. What it says is checked against the batch that it points to, and a segment is
 * walked from its start when that is not there.
 */
#include "plog/plog_int.h"

enum err plog_source_read_some(const struct plog_source *source, struct env_file *file, void *out,
                               size_t size, uint64_t position, size_t *out_size)
{
    ASSERT((source->env == NULL) != (source->disk == NULL));
    *out_size = 0;
    return source->env != NULL ? env_file_read(source->env, file, out, size, position, out_size)
                               : disk_read(source->disk, file, out, size, position, out_size);
}

enum err plog_source_read(const struct plog_source *source, struct env_file *file, void *out,
                          size_t size, uint64_t position)
{
    size_t got;
    enum err err = plog_source_read_some(source, file, out, size, position, &got);
    if (err != ERR_OK)
        return err;
    if (got == size)
        return ERR_OK;
    /* On the shard it may end here or merely not be in memory: a job finds out. */
    return source->env != NULL ? ERR_AGAIN : ERR_TRUNCATED;
}

enum err plog_index_floor(const struct plog_source *source, struct env_file *index, uint32_t count,
                          uint32_t offset_delta, struct plog_index_entry *out, bool *out_found)
{
    uint32_t low = 0, high = count;
    *out_found = false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint8_t data[PLOG_INDEX_ENTRY_BYTES];
        enum err err = plog_source_read(source, index, data, sizeof data,
                                        (uint64_t)middle * PLOG_INDEX_ENTRY_BYTES);
        if (err != ERR_OK)
            return err;
        struct plog_index_entry entry;
        plog_index_entry_read(data, &entry);
        if (entry.offset_delta <= offset_delta) {
            *out = entry;
            *out_found = true;
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return ERR_OK;
}

enum err plog_timeindex_floor(const struct plog_source *source, struct env_file *timeindex,
                              uint32_t count, int64_t timestamp_ms,
                              struct plog_timeindex_entry *out, bool *out_found)
{
    uint32_t low = 0, high = count;
    *out_found = false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint8_t data[PLOG_TIMEINDEX_ENTRY_BYTES];
        enum err err = plog_source_read(source, timeindex, data, sizeof data,
                                        (uint64_t)middle * PLOG_TIMEINDEX_ENTRY_BYTES);
        if (err != ERR_OK)
            return err;
        struct plog_timeindex_entry entry;
        plog_timeindex_entry_read(data, &entry);
        if (entry.timestamp_ms <= timestamp_ms) {
            *out = entry;
            *out_found = true;
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return ERR_OK;
}

/* A page: of small batches, many headers come with one read. */
#define SEEK_WINDOW_BYTES 4096

enum err plog_segment_seek(const struct plog_source *source, struct env_file *log, uint32_t limit,
                           uint32_t position, int64_t offset, uint32_t *out_position,
                           struct batch_header *out_batch)
{
    uint8_t window[SEEK_WINDOW_BYTES];
    uint32_t window_at = 0, window_size = 0;
    while (position < limit && limit - position >= BATCH_HEADER_BYTES) {
        if (position < window_at || position + BATCH_HEADER_BYTES > window_at + window_size) {
            size_t wanted = limit - position < sizeof window ? limit - position : sizeof window;
            size_t got;
            enum err err = plog_source_read_some(source, log, window, wanted, position, &got);
            if (err != ERR_OK)
                return err;
            if (got < BATCH_HEADER_BYTES)
                return source->env != NULL ? ERR_AGAIN : ERR_CORRUPT;
            window_at = position;
            window_size = (uint32_t)got;
        }
        enum err err = plog_header_read(window + (position - window_at), out_batch);
        if (err != ERR_OK)
            return ERR_CORRUPT;
        if (out_batch->size > limit - position)
            return ERR_CORRUPT;
        if (batch_last_offset(out_batch) >= offset) {
            *out_position = position;
            return ERR_OK;
        }
        position += (uint32_t)out_batch->size;
    }
    return position == limit ? ERR_NOTFOUND : ERR_CORRUPT;
}
