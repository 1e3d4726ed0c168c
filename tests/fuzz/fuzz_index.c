/*
 * Anything as an index, a time index and a transaction index: what is counted as good is in order,
 * and entries are written as they were read. The first byte says how long the segment is.
 */
#include "base/assert.h"
#include "plog/plog_files.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_index(const uint8_t *data, size_t size, uint64_t log_bytes)
{
    size_t count = plog_index_valid_count(data, size, log_bytes);
    ASSERT(count * PLOG_INDEX_ENTRY_BYTES <= size);
    struct plog_index_entry before = {0, 0};
    for (size_t i = 0; i < count; i++) {
        struct plog_index_entry entry;
        uint8_t again[PLOG_INDEX_ENTRY_BYTES];
        plog_index_entry_read(data + i * PLOG_INDEX_ENTRY_BYTES, &entry);
        ASSERT(entry.position > before.position && entry.position < log_bytes);
        ASSERT(i == 0 || entry.offset_delta > before.offset_delta);
        plog_index_entry_write(again, &entry);
        ASSERT(memcmp(again, data + i * PLOG_INDEX_ENTRY_BYTES, sizeof again) == 0);
        before = entry;
    }
}

static void check_timeindex(const uint8_t *data, size_t size)
{
    size_t count = plog_timeindex_valid_count(data, size);
    ASSERT(count * PLOG_TIMEINDEX_ENTRY_BYTES <= size);
    struct plog_timeindex_entry before = {-1, 0};
    for (size_t i = 0; i < count; i++) {
        struct plog_timeindex_entry entry;
        uint8_t again[PLOG_TIMEINDEX_ENTRY_BYTES];
        plog_timeindex_entry_read(data + i * PLOG_TIMEINDEX_ENTRY_BYTES, &entry);
        ASSERT(entry.timestamp_ms > before.timestamp_ms);
        ASSERT(entry.offset_delta >= before.offset_delta);
        plog_timeindex_entry_write(again, &entry);
        ASSERT(memcmp(again, data + i * PLOG_TIMEINDEX_ENTRY_BYTES, sizeof again) == 0);
        before = entry;
    }
}

static void check_txnindex(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i + PLOG_TXNINDEX_ENTRY_BYTES <= size; i += PLOG_TXNINDEX_ENTRY_BYTES) {
        struct plog_txnindex_entry entry;
        uint8_t again[PLOG_TXNINDEX_ENTRY_BYTES];
        if (plog_txnindex_entry_read(data + i, &entry) != ERR_OK)
            return;
        ASSERT(entry.first_offset <= entry.last_offset);
        plog_txnindex_entry_write(again, &entry);
        ASSERT(memcmp(again, data + i, sizeof again) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    uint64_t log_bytes = UINT64_C(1) << (data[0] % 33);
    check_index(data + 1, size - 1, log_bytes);
    check_timeindex(data + 1, size - 1);
    check_txnindex(data + 1, size - 1);
    return 0;
}
