/*
 * Leader epochs: which offset each begins at (KIP-101, KIP-279). Both rise strictly.
 *
 * The file is written by checkpoint, truncation and close; what is newer is found again in the
 * batches behind the recovery point.
 */
#include "plog/plog_int.h"

#include "base/mem.h"

#include <string.h>

int32_t plog_latest_epoch(const struct plog *plog)
{
    return plog->epoch_count == 0 ? -1 : plog->epochs[plog->epoch_count - 1].epoch;
}

/* Index of the last entry with start_offset <= offset, or epoch_count. */
static uint32_t by_offset(const struct plog *plog, int64_t offset)
{
    uint32_t i = plog->epoch_count;
    while (i > 0 && plog->epochs[i - 1].start_offset > offset)
        i--;
    return i == 0 ? plog->epoch_count : i - 1;
}

int32_t plog_epoch_at(const struct plog *plog, int64_t offset)
{
    uint32_t i = by_offset(plog, offset);
    return i == plog->epoch_count ? -1 : plog->epochs[i].epoch;
}

int64_t plog_epoch_start(const struct plog *plog, int32_t epoch)
{
    for (uint32_t i = plog->epoch_count; i > 0; i--) {
        if (plog->epochs[i - 1].epoch == epoch)
            return plog->epochs[i - 1].start_offset;
    }
    return -1;
}

void plog_epoch_end(const struct plog *plog, int32_t epoch, int32_t *out_epoch,
                    int64_t *out_end_offset)
{
    *out_epoch = -1;
    *out_end_offset = -1;
    if (epoch < 0 || plog->epoch_count == 0 || epoch > plog_latest_epoch(plog))
        return;
    if (epoch == plog_latest_epoch(plog)) {
        *out_epoch = epoch;
        *out_end_offset = plog->end_offset;
        return;
    }
    uint32_t next = 0;
    while (plog->epochs[next].epoch <= epoch)
        next++;
    /* Before the first one known: that epoch ends where the log begins. */
    *out_epoch = next == 0 ? epoch : plog->epochs[next - 1].epoch;
    *out_end_offset = plog->epochs[next].start_offset;
}

void plog_epochs_assign(struct plog *plog, int32_t epoch, int64_t start_offset)
{
    if (epoch < 0 || start_offset < 0 || epoch <= plog_latest_epoch(plog))
        return;
    bool unwritten = plog->epoch_unwritten;
    uint32_t count_before = plog->epoch_count;
    /* An epoch without records gives way to the one that has them. */
    while (plog->epoch_count > 0 &&
           plog->epochs[plog->epoch_count - 1].start_offset >= start_offset)
        plog->epoch_count--;
    if (unwritten && plog->epoch_count == count_before)
        plog->epochs_dirty = true; /* the one before has records */
    if (plog->epoch_count == plog->epoch_capacity) {
        plog->epoch_capacity = plog->epoch_capacity == 0 ? 2 : plog->epoch_capacity * 2;
        plog->epochs = mem_realloc(plog->epochs, plog->epoch_capacity * sizeof *plog->epochs);
    }
    plog->epochs[plog->epoch_count++] = (struct plog_epoch_entry){epoch, start_offset};
    plog->epoch_unwritten = true;
}

bool plog_epochs_behind(const struct plog *plog)
{
    return plog->epochs_dirty ||
           (plog->epoch_unwritten && plog->epoch_count > 0 &&
            plog->epochs[plog->epoch_count - 1].start_offset < plog->end_offset);
}

void plog_begin_epoch(struct plog *plog, int32_t epoch)
{
    plog_epochs_assign(plog, epoch, plog->end_offset);
}

void plog_epochs_truncate_end(struct plog *plog, int64_t end_offset)
{
    while (plog->epoch_count > 0 &&
           plog->epochs[plog->epoch_count - 1].start_offset >= end_offset) {
        plog->epoch_count--;
        plog->epochs_dirty = true;
    }
}

void plog_epochs_truncate_start(struct plog *plog, int64_t start_offset)
{
    uint32_t i = by_offset(plog, start_offset);
    if (i == plog->epoch_count)
        return;
    /* The epoch that the log now begins in begins there, too. */
    if (i == 0 && plog->epochs[0].start_offset == start_offset)
        return;
    plog->epoch_count -= i;
    memmove(plog->epochs, plog->epochs + i, plog->epoch_count * sizeof *plog->epochs);
    plog->epochs[0].start_offset = start_offset;
    plog->epochs_dirty = true;
}
