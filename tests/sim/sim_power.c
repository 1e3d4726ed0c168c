/* What a power loss leaves on the disk. */
#include "sim_storage_int.h"

#include <string.h>

enum fate { FATE_KEPT, FATE_LOST, FATE_TORN, FATE_ZEROS, FATE_GARBAGE };

static const char *const fate_names[] = {"kept", "lost", "torn", "zeros", "garbage"};

static enum fate draw_fate(struct sim_storage *storage)
{
    const struct sim_fates *f = &storage->world->options.fates;
    uint64_t weights[] = {f->kept, f->lost, f->torn, f->zeros, f->garbage};
    uint64_t sum = 0;
    for (size_t i = 0; i < ARRAY_COUNT(weights); i++)
        sum += weights[i];
    ASSERT(sum > 0);
    uint64_t draw = prng_below(&storage->prng, sum);
    for (size_t i = 0; i < ARRAY_COUNT(weights); i++) {
        if (draw < weights[i])
            return (enum fate)i;
        draw -= weights[i];
    }
    UNREACHABLE();
}

/* The part of the write that lies in its index-th sector. */
static bool sector_part(const struct sim_pending *pending, uint64_t index, size_t *from,
                        size_t *size)
{
    uint64_t first = pending->position / SIM_SECTOR_BYTES;
    uint64_t begin = (first + index) * SIM_SECTOR_BYTES;
    uint64_t end = begin + SIM_SECTOR_BYTES;
    uint64_t stop = pending->position + pending->size;
    if (begin >= stop)
        return false;
    if (begin < pending->position)
        begin = pending->position;
    if (end > stop)
        end = stop;
    *from = (size_t)(begin - pending->position);
    *size = (size_t)(end - begin);
    return true;
}

static uint64_t sector_count(const struct sim_pending *pending)
{
    uint64_t first = pending->position / SIM_SECTOR_BYTES;
    uint64_t last = (pending->position + pending->size - 1) / SIM_SECTOR_BYTES;
    return last - first + 1;
}

static void apply_torn(struct sim_storage *storage, struct sim_inode *inode,
                       const struct sim_pending *pending)
{
    uint64_t count = sector_count(pending);
    uint64_t how = prng_below(&storage->prng, 3);
    uint64_t cut = prng_below(&storage->prng, count + 1);
    size_t from;
    size_t size;
    for (uint64_t i = 0; sector_part(pending, i, &from, &size); i++) {
        bool kept = how == 0 ? i < cut : how == 1 ? i >= cut : prng_chance(&storage->prng, 1, 2);
        if (kept)
            sim_image_write(&inode->durable, pending->data + from, size, pending->position + from);
    }
}

static void apply_garbage(struct sim_storage *storage, struct sim_inode *inode,
                          const struct sim_pending *pending)
{
    sim_pending_apply(&inode->durable, pending);
    uint8_t noise[SIM_SECTOR_BYTES];
    prng_bytes(&storage->prng, noise, sizeof noise);
    size_t from;
    size_t size;
    uint64_t sector = prng_below(&storage->prng, sector_count(pending));
    if (sector_part(pending, sector, &from, &size))
        sim_image_write(&inode->durable, noise, size, pending->position + from);
}

static void apply_fate(struct sim_storage *storage, struct sim_inode *inode,
                       const struct sim_pending *pending, enum fate fate)
{
    uint64_t end = pending->position + pending->size;
    if (pending->kind == SIM_PENDING_TRUNCATE) {
        if (fate != FATE_LOST && (fate == FATE_KEPT || prng_chance(&storage->prng, 1, 2)))
            sim_pending_apply(&inode->durable, pending);
        return;
    }
    switch (fate) {
    case FATE_KEPT:
        sim_pending_apply(&inode->durable, pending);
        break;
    case FATE_LOST:
        break;
    case FATE_TORN:
        apply_torn(storage, inode, pending);
        break;
    case FATE_ZEROS:
        if (end > inode->durable.size_bytes)
            sim_image_truncate(&inode->durable, end);
        break;
    case FATE_GARBAGE:
        apply_garbage(storage, inode, pending);
        break;
    }
}

static void lose_content(struct sim_storage *storage)
{
    /* Most crashes mix; some find everything written, some nothing. */
    uint64_t mood = prng_below(&storage->prng, 8);
    LIST_FOR_EACH_SAFE (node, after, &storage->dirty) {
        struct sim_inode *inode = LIST_ENTRY(node, struct sim_inode, dirty);
        while (!list_empty(&inode->pending)) {
            struct sim_pending *pending = LIST_ENTRY(inode->pending.next, struct sim_pending, node);
            enum fate fate = mood == 0 ? FATE_KEPT : mood == 1 ? FATE_LOST : draw_fate(storage);
            if (storage->world->trace)
                sim_log(storage->world, "power: file %llu, %zu bytes at %llu: %s",
                        (unsigned long long)inode->id, pending->size,
                        (unsigned long long)pending->position, fate_names[fate]);
            apply_fate(storage, inode, pending, fate);
            sim_pending_drop(pending);
        }
        sim_image_copy(&inode->seen, &inode->durable);
        sim_inode_account(inode);
        list_remove(&inode->dirty);
    }
}

static void lose_names(struct sim_storage *storage)
{
    size_t count = sim_storage_pending_names(storage);
    uint64_t kept = sim_draw(&storage->prng, count);
    uint64_t bias = prng_below(&storage->prng, 5);
    for (size_t i = 0; !list_empty(&storage->changes); i++) {
        struct sim_change *change = LIST_ENTRY(storage->changes.next, struct sim_change, node);
        bool done =
            storage->world->options.names_ordered ? i < kept : prng_chance(&storage->prng, bias, 4);
        if (storage->world->trace)
            sim_log(storage->world, "power: %s%s%s is %s", change->name,
                    change->name_from != NULL ? ", was " : "",
                    change->name_from != NULL ? change->name_from
                    : change->inode == NULL   ? ", removed"
                                              : ", made",
                    done ? "kept" : "lost");
        sim_change_settle(storage, change, done);
    }
    sim_names_revert(storage);
}

void sim_storage_power_loss(struct sim_storage *storage)
{
    ASSERT(storage->file_count == 0);
    lose_content(storage);
    lose_names(storage);
    sim_event_cancel(storage->world, &storage->writeback);
}
