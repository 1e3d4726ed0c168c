/* The content of files: two images of pages, and the changes that lie between them. */
#include "sim_storage_int.h"

#include <string.h>

/* ---- Images ---- */

static void page_unref(struct sim_page *page)
{
    if (page != NULL && --page->refs == 0)
        sim_free(page);
}

static struct sim_page *page_own(struct sim_image *image, size_t index)
{
    if (index >= image->page_count) {
        size_t count = index + 1 + image->page_count / 2;
        struct sim_page **pages = sim_alloc(count * sizeof(struct sim_page *));
        if (image->page_count > 0)
            memcpy(pages, image->pages, image->page_count * sizeof(struct sim_page *));
        sim_free(image->pages);
        image->pages = pages;
        image->page_count = count;
    }
    struct sim_page *page = image->pages[index];
    if (page != NULL && page->refs == 1)
        return page;
    struct sim_page *own = sim_alloc(sizeof *own);
    own->refs = 1;
    if (page != NULL) {
        memcpy(own->data, page->data, sizeof own->data);
        page_unref(page);
    } else {
        image->page_used++;
    }
    image->pages[index] = own;
    return own;
}

static const struct sim_page *page_at(const struct sim_image *image, uint64_t index)
{
    return index < image->page_count ? image->pages[index] : NULL;
}

size_t sim_image_read(const struct sim_image *image, void *out, size_t size, uint64_t position)
{
    if (position >= image->size_bytes)
        return 0;
    if (size > image->size_bytes - position)
        size = (size_t)(image->size_bytes - position);
    for (size_t done = 0; done < size;) {
        uint64_t at = position + done;
        size_t offset = (size_t)(at % SIM_PAGE_BYTES);
        size_t part = SIM_PAGE_BYTES - offset < size - done ? SIM_PAGE_BYTES - offset : size - done;
        const struct sim_page *page = page_at(image, at / SIM_PAGE_BYTES);
        if (page != NULL)
            memcpy((uint8_t *)out + done, page->data + offset, part);
        else
            memset((uint8_t *)out + done, 0, part);
        done += part;
    }
    return size;
}

void sim_image_write(struct sim_image *image, const void *data, size_t size, uint64_t position)
{
    for (size_t done = 0; done < size;) {
        uint64_t at = position + done;
        size_t offset = (size_t)(at % SIM_PAGE_BYTES);
        size_t part = SIM_PAGE_BYTES - offset < size - done ? SIM_PAGE_BYTES - offset : size - done;
        struct sim_page *page = page_own(image, (size_t)(at / SIM_PAGE_BYTES));
        memcpy(page->data + offset, (const uint8_t *)data + done, part);
        done += part;
    }
    if (size > 0 && position + size > image->size_bytes)
        image->size_bytes = position + size;
}

void sim_image_truncate(struct sim_image *image, uint64_t size_bytes)
{
    if (size_bytes < image->size_bytes) {
        size_t keep = (size_t)((size_bytes + SIM_PAGE_BYTES - 1) / SIM_PAGE_BYTES);
        for (size_t i = keep; i < image->page_count; i++) {
            image->page_used -= image->pages[i] != NULL;
            page_unref(image->pages[i]);
            image->pages[i] = NULL;
        }
        size_t offset = (size_t)(size_bytes % SIM_PAGE_BYTES);
        if (offset > 0 && page_at(image, size_bytes / SIM_PAGE_BYTES) != NULL) {
            struct sim_page *last = page_own(image, (size_t)(size_bytes / SIM_PAGE_BYTES));
            memset(last->data + offset, 0, SIM_PAGE_BYTES - offset);
        }
    }
    image->size_bytes = size_bytes;
}

void sim_image_deinit(struct sim_image *image)
{
    for (size_t i = 0; i < image->page_count; i++)
        page_unref(image->pages[i]);
    sim_free(image->pages);
    *image = (struct sim_image){0};
}

void sim_image_copy(struct sim_image *to, const struct sim_image *from)
{
    sim_image_deinit(to);
    to->size_bytes = from->size_bytes;
    to->page_count = from->page_count;
    to->page_used = from->page_used;
    if (from->page_count == 0)
        return;
    to->pages = sim_alloc(from->page_count * sizeof(struct sim_page *));
    for (size_t i = 0; i < from->page_count; i++) {
        to->pages[i] = from->pages[i];
        if (to->pages[i] != NULL)
            to->pages[i]->refs++;
    }
}

/* ---- Inodes ---- */

struct sim_inode *sim_inode_new(struct sim_storage *storage, bool is_folder,
                                struct sim_volume *volume)
{
    struct sim_inode *inode = sim_alloc(sizeof *inode);
    inode->id = ++storage->inode_id_next;
    inode->is_folder = is_folder;
    inode->volume = volume;
    inode->modified_ms = storage->wall_ms(storage->wall_context);
    list_init(&inode->dirty);
    list_init(&inode->pending);
    list_init(&inode->entries);
    list_push_back(&storage->inodes, &inode->all);
    return inode;
}

void sim_inode_ref(struct sim_inode *inode)
{
    inode->refs++;
}

void sim_inode_unref(struct sim_storage *storage, struct sim_inode *inode)
{
    ASSERT(inode->refs > 0);
    if (--inode->refs > 0)
        return;
    inode->refs = 1; /* against what it holds itself */
    sim_names_release(storage, inode);
    while (!list_empty(&inode->pending))
        sim_pending_drop(LIST_ENTRY(inode->pending.next, struct sim_pending, node));
    LIST_FOR_EACH_SAFE (node, after, &storage->rots) {
        struct sim_rot *rot = LIST_ENTRY(node, struct sim_rot, node);
        if (rot->inode == inode) {
            list_remove(node);
            sim_free(rot);
        }
    }
    inode->links = 0;
    inode->opens = 0;
    sim_inode_account(inode);
    sim_image_deinit(&inode->seen);
    sim_image_deinit(&inode->durable);
    list_remove(&inode->all);
    list_remove(&inode->dirty);
    sim_free(inode);
}

void sim_inode_account(struct sim_inode *inode)
{
    bool counted = inode->links > 0 || inode->opens > 0;
    uint64_t before = inode->counted ? inode->page_bytes : 0;
    inode->page_bytes = inode->seen.page_used * (uint64_t)SIM_PAGE_BYTES;
    inode->counted = counted;
    uint64_t after = counted ? inode->page_bytes : 0;
    ASSERT(inode->volume->used_bytes >= before);
    inode->volume->used_bytes = inode->volume->used_bytes - before + after;
}

static struct sim_pending *pending_new(struct sim_storage *storage, struct sim_inode *inode,
                                       enum sim_pending_kind kind, uint64_t position, size_t size)
{
    struct sim_pending *pending = sim_alloc(sizeof *pending + size);
    pending->kind = kind;
    pending->seq = ++storage->write_seq;
    pending->at_ns = storage->world->now_ns;
    pending->position = position;
    pending->size = size;
    list_push_back(&inode->pending, &pending->node);
    if (list_empty(&inode->dirty))
        list_push_back(&storage->dirty, &inode->dirty);
    sim_storage_writeback_set(storage);
    return pending;
}

void sim_pending_drop(struct sim_pending *pending)
{
    list_remove(&pending->node);
    sim_free(pending);
}

void sim_pending_apply(struct sim_image *image, const struct sim_pending *pending)
{
    if (pending->kind == SIM_PENDING_TRUNCATE)
        sim_image_truncate(image, pending->position);
    else
        sim_image_write(image, pending->data, pending->size, pending->position);
}

/* How many of the bytes the volume has room for. */
static size_t room_for(const struct sim_inode *inode, size_t size, uint64_t position)
{
    const struct sim_volume *volume = inode->volume;
    if (volume->capacity_bytes == 0 || size == 0)
        return size;
    uint64_t used = volume->used_bytes;
    uint64_t first = position / SIM_PAGE_BYTES;
    uint64_t last = (position + size - 1) / SIM_PAGE_BYTES;
    for (uint64_t i = first; i <= last; i++) {
        if (page_at(&inode->seen, i) != NULL)
            continue;
        used += SIM_PAGE_BYTES;
        if (used > volume->capacity_bytes)
            return i == first ? 0 : (size_t)(i * SIM_PAGE_BYTES - position);
    }
    return size;
}

void sim_inode_write(struct sim_storage *storage, struct sim_inode *inode, const void *data,
                     size_t size, uint64_t position, bool by_shard, size_t *out_size)
{
    ASSERT(position <= SIM_FILE_BYTES_MAX && size <= SIM_FILE_BYTES_MAX - position);
    size = room_for(inode, size, position);
    *out_size = size;
    if (size == 0)
        return;
    struct sim_pending *pending = pending_new(storage, inode, SIM_PENDING_WRITE, position, size);
    pending->by_shard = by_shard;
    memcpy(pending->data, data, size);
    sim_pending_apply(&inode->seen, pending);
    sim_inode_account(inode);
    sim_rot_clear(storage, inode, position, position + size);
    inode->modified_ms = storage->wall_ms(storage->wall_context);
}

void sim_inode_truncate(struct sim_storage *storage, struct sim_inode *inode, uint64_t size_bytes)
{
    ASSERT(size_bytes <= SIM_FILE_BYTES_MAX);
    struct sim_pending *pending = pending_new(storage, inode, SIM_PENDING_TRUNCATE, size_bytes, 0);
    if (size_bytes < inode->seen.size_bytes)
        sim_rot_clear(storage, inode, size_bytes, inode->seen.size_bytes);
    sim_pending_apply(&inode->seen, pending);
    sim_inode_account(inode);
    inode->modified_ms = storage->wall_ms(storage->wall_context);
}

/* ---- Rot ---- */

void sim_rot_clear(struct sim_storage *storage, const struct sim_inode *inode, uint64_t from,
                   uint64_t to)
{
    LIST_FOR_EACH_SAFE (node, after, &storage->rots) {
        struct sim_rot *rot = LIST_ENTRY(node, struct sim_rot, node);
        uint64_t begin = rot->sector * SIM_SECTOR_BYTES;
        if (rot->inode == inode && begin < to && from < begin + SIM_SECTOR_BYTES) {
            list_remove(node);
            sim_free(rot);
        }
    }
}

/* The bit depends on the sector's own bytes: reading again does not heal it. */
static void rot_apply(const struct sim_inode *inode, const struct sim_rot *rot, uint8_t *out,
                      size_t size, uint64_t position)
{
    uint8_t sector[SIM_SECTOR_BYTES];
    uint64_t begin = rot->sector * SIM_SECTOR_BYTES;
    size_t there = sim_image_read(&inode->seen, sector, sizeof sector, begin);
    if (there == 0)
        return;
    uint64_t sum = rot->sector;
    for (size_t i = 0; i < there; i++)
        sum = sum * 31 + sector[i];
    uint64_t at = begin + sum % there;
    if (at >= position && at < position + size)
        out[at - position] ^= (uint8_t)(1u << (sum / there % 8));
}

size_t sim_inode_read(struct sim_storage *storage, const struct sim_inode *inode, void *out,
                      size_t size, uint64_t position)
{
    size_t got = sim_image_read(&inode->seen, out, size, position);
    LIST_FOR_EACH (node, &storage->rots) {
        const struct sim_rot *rot = LIST_ENTRY(node, struct sim_rot, node);
        if (rot->inode == inode)
            rot_apply(inode, rot, out, got, position);
    }
    return got;
}

/* ---- Sync ---- */

void sim_inode_sync(struct sim_storage *storage, struct sim_inode *inode, uint64_t seq)
{
    UNUSED(storage);
    /* Changes reach the disk in their order: what a job changed takes along all that came before.
     */
    uint64_t seq_last = 0;
    LIST_FOR_EACH (node, &inode->pending) {
        struct sim_pending *pending = LIST_ENTRY(node, struct sim_pending, node);
        if (!pending->by_shard || pending->seq <= seq)
            seq_last = pending->seq;
    }
    LIST_FOR_EACH_SAFE (node, after, &inode->pending) {
        struct sim_pending *pending = LIST_ENTRY(node, struct sim_pending, node);
        if (pending->seq > seq_last)
            break;
        sim_pending_apply(&inode->durable, pending);
        sim_pending_drop(pending);
    }
}

void sim_inode_sync_failed(struct sim_storage *storage, struct sim_inode *inode)
{
    uint64_t tried = prng_below(&storage->prng, 4) == 0 ? 1 : UINT64_MAX;
    LIST_FOR_EACH_SAFE (node, after, &inode->pending) {
        struct sim_pending *pending = LIST_ENTRY(node, struct sim_pending, node);
        if (tried-- == 0)
            break; /* the others are still to be written */
        if (prng_chance(&storage->prng, 1, 2))
            sim_pending_apply(&inode->durable, pending);
        sim_pending_drop(pending); /* else marked clean, and never written */
    }
}

void sim_inode_writeback(struct sim_inode *inode, uint64_t before_ns)
{
    LIST_FOR_EACH_SAFE (node, after, &inode->pending) {
        struct sim_pending *pending = LIST_ENTRY(node, struct sim_pending, node);
        if (pending->at_ns > before_ns)
            break;
        sim_pending_apply(&inode->durable, pending);
        sim_pending_drop(pending);
    }
}
