/*
 * Anything as a producer snapshot, its checksum and count made right when the first byte says so:
 * what is read is written again, byte for byte.
 */
#include "base/assert.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "base/mem.h"
#include "plog/plog_files.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const uint8_t *data, size_t size)
{
    size_t count;
    if (plog_snapshot_check(data, size, &count) != ERR_OK)
        return;
    struct buf again = BUF_EMPTY;
    plog_snapshot_begin(&again);
    for (size_t i = 0; i < count; i++) {
        struct plog_snapshot_entry entry;
        plog_snapshot_entry_read(data, i, &entry);
        plog_snapshot_add(&again, &entry);
    }
    plog_snapshot_end(&again);
    ASSERT(again.size == size && memcmp(again.data, data, size) == 0);
    buf_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    bool right = (data[0] & 1) != 0;
    data++;
    size--;
    check(data, size);
    if (!right || size < PLOG_SNAPSHOT_HEADER_BYTES)
        return 0;
    uint8_t *copy = mem_alloc(size);
    memcpy(copy, data, size);
    size_t whole = size - (size - PLOG_SNAPSHOT_HEADER_BYTES) % PLOG_SNAPSHOT_ENTRY_BYTES;
    store_be16(copy, 1);
    store_be32(copy + 6,
               (uint32_t)((whole - PLOG_SNAPSHOT_HEADER_BYTES) / PLOG_SNAPSHOT_ENTRY_BYTES));
    store_be32(copy + 2, crc32c(0, copy + 6, whole - 6));
    check(copy, whole);
    mem_free(copy);
    return 0;
}
