/* Names: folders as the process sees them and as they are on the disk, and the changes between. */
#include "sim_storage_int.h"

#include <string.h>

static struct sim_entry *entry_find(const struct sim_inode *folder, const char *name)
{
    LIST_FOR_EACH (node, &folder->entries) {
        struct sim_entry *entry = LIST_ENTRY(node, struct sim_entry, node);
        if (strcmp(entry->name, name) == 0)
            return entry;
    }
    return NULL;
}

static struct sim_entry *entry_get(struct sim_inode *folder, const char *name)
{
    struct sim_entry *entry = entry_find(folder, name);
    if (entry != NULL)
        return entry;
    size_t size = strlen(name) + 1;
    entry = sim_alloc(sizeof *entry + size);
    memcpy(entry->name, name, size);
    list_push_back(&folder->entries, &entry->node);
    return entry;
}

static void entry_tidy(struct sim_entry *entry)
{
    if (entry->seen == NULL && entry->durable == NULL) {
        list_remove(&entry->node);
        sim_free(entry);
    }
}

static void set_seen(struct sim_storage *storage, struct sim_inode *folder, const char *name,
                     struct sim_inode *inode)
{
    struct sim_entry *entry = entry_get(folder, name);
    struct sim_inode *old = entry->seen;
    entry->seen = inode;
    if (inode != NULL) {
        sim_inode_ref(inode);
        inode->links++;
        sim_inode_account(inode);
    }
    entry_tidy(entry);
    if (old != NULL) {
        old->links--;
        sim_inode_account(old);
        sim_inode_unref(storage, old);
    }
}

static void set_durable(struct sim_storage *storage, struct sim_inode *folder, const char *name,
                        struct sim_inode *inode)
{
    struct sim_entry *entry = entry_get(folder, name);
    struct sim_inode *old = entry->durable;
    entry->durable = inode;
    if (inode != NULL)
        sim_inode_ref(inode);
    entry_tidy(entry);
    if (old != NULL)
        sim_inode_unref(storage, old);
}

/* ---- Looking up ---- */

/* The next part of the path; false at its end. */
static bool path_next(const char **path, char name[SIM_NAME_BYTES])
{
    while (**path == '/')
        (*path)++;
    if (**path == '\0')
        return false;
    size_t size = 0;
    for (; **path != '\0' && **path != '/'; (*path)++) {
        if (size < SIM_NAME_BYTES - 1)
            name[size++] = **path;
    }
    name[size] = '\0';
    return true;
}

#define DEPTH_MAX 32

/* Follows the path but for its last `spare` names (0 or 1), which goes to `name`. */
static enum err walk(struct sim_storage *storage, const char *path, bool durable, bool spare,
                     struct sim_inode **out, char name[SIM_NAME_BYTES])
{
    struct sim_inode *stack[DEPTH_MAX];
    size_t depth = 0;
    stack[0] = storage->root;
    char part[SIM_NAME_BYTES];
    char next[SIM_NAME_BYTES];
    bool more = path_next(&path, next);
    if (!more && spare)
        return ERR_INVALID;
    while (more) {
        memcpy(part, next, sizeof part);
        more = path_next(&path, next);
        if (!more && spare)
            break;
        if (strcmp(part, ".") == 0)
            continue;
        if (strcmp(part, "..") == 0) {
            depth -= depth > 0;
            continue;
        }
        if (!stack[depth]->is_folder)
            return ERR_NOTFOUND; /* ENOTDIR */
        struct sim_entry *entry = entry_find(stack[depth], part);
        struct sim_inode *inode = entry == NULL ? NULL : durable ? entry->durable : entry->seen;
        if (inode == NULL)
            return ERR_NOTFOUND;
        ASSERT(depth + 1 < DEPTH_MAX);
        stack[++depth] = inode;
    }
    if (spare) {
        if (!stack[depth]->is_folder)
            return ERR_NOTFOUND; /* ENOTDIR */
        if (strcmp(part, ".") == 0 || strcmp(part, "..") == 0)
            return ERR_INVALID;
        memcpy(name, part, sizeof part);
    }
    *out = stack[depth];
    return ERR_OK;
}

enum err sim_names_find(struct sim_storage *storage, const char *path, bool durable,
                        struct sim_inode **out)
{
    return walk(storage, path, durable, false, out, NULL);
}

enum err sim_names_parent(struct sim_storage *storage, const char *path, struct sim_inode **folder,
                          char name[SIM_NAME_BYTES])
{
    return walk(storage, path, false, true, folder, name);
}

struct sim_inode *sim_names_get(const struct sim_inode *folder, const char *name)
{
    const struct sim_entry *entry = entry_find(folder, name);
    return entry == NULL ? NULL : entry->seen;
}

bool sim_names_empty(const struct sim_inode *folder)
{
    LIST_FOR_EACH (node, &folder->entries) {
        if (LIST_ENTRY(node, struct sim_entry, node)->seen != NULL)
            return false;
    }
    return true;
}

/* ---- Changes ---- */

static char *copy_text(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = sim_alloc(size);
    memcpy(copy, text, size);
    return copy;
}

static struct sim_change *change_new(struct sim_storage *storage, struct sim_inode *folder,
                                     const char *name, struct sim_inode *inode)
{
    struct sim_change *change = sim_alloc(sizeof *change);
    change->folder = folder;
    change->name = copy_text(name);
    change->inode = inode;
    change->at_ns = storage->world->now_ns;
    sim_inode_ref(folder);
    if (inode != NULL)
        sim_inode_ref(inode);
    list_push_back(&storage->changes, &change->node);
    sim_storage_writeback_set(storage);
    return change;
}

void sim_names_set(struct sim_storage *storage, struct sim_inode *folder, const char *name,
                   struct sim_inode *inode)
{
    (void)change_new(storage, folder, name, inode);
    set_seen(storage, folder, name, inode);
    folder->modified_ms = storage->wall_ms(storage->wall_context);
}

void sim_names_rename(struct sim_storage *storage, struct sim_inode *folder_from,
                      const char *name_from, struct sim_inode *folder, const char *name)
{
    struct sim_inode *inode = sim_names_get(folder_from, name_from);
    struct sim_change *change = change_new(storage, folder, name, inode);
    change->folder_from = folder_from;
    change->name_from = copy_text(name_from);
    sim_inode_ref(folder_from);
    set_seen(storage, folder, name, inode);
    set_seen(storage, folder_from, name_from, NULL);
    folder->modified_ms = storage->wall_ms(storage->wall_context);
    folder_from->modified_ms = folder->modified_ms;
}

static bool durable_empty(const struct sim_inode *folder)
{
    LIST_FOR_EACH (node, &folder->entries) {
        if (LIST_ENTRY(node, struct sim_entry, node)->durable != NULL)
            return false;
    }
    return true;
}

void sim_change_settle(struct sim_storage *storage, struct sim_change *change, bool done)
{
    struct sim_entry *entry = entry_find(change->folder, change->name);
    struct sim_inode *old = entry == NULL ? NULL : entry->durable;
    /* No file system removes a folder that has names in it. */
    if (old != NULL && old->is_folder && change->inode == NULL && !durable_empty(old))
        done = false;
    if (done) {
        set_durable(storage, change->folder, change->name, change->inode);
        if (change->folder_from != NULL) {
            struct sim_entry *from = entry_find(change->folder_from, change->name_from);
            if (from != NULL && from->durable == change->inode)
                set_durable(storage, change->folder_from, change->name_from, NULL);
        }
    }
    list_remove(&change->node);
    if (change->inode != NULL)
        sim_inode_unref(storage, change->inode);
    if (change->folder_from != NULL)
        sim_inode_unref(storage, change->folder_from);
    sim_inode_unref(storage, change->folder);
    sim_free(change->name);
    sim_free(change->name_from);
    sim_free(change);
}

void sim_names_sync(struct sim_storage *storage, const struct sim_inode *folder)
{
    LIST_FOR_EACH_SAFE (node, after, &storage->changes) {
        struct sim_change *change = LIST_ENTRY(node, struct sim_change, node);
        if (change->folder == folder || change->folder_from == folder)
            sim_change_settle(storage, change, true);
    }
}

static void revert_folder(struct sim_storage *storage, struct sim_inode *folder)
{
    LIST_FOR_EACH_SAFE (node, after, &folder->entries) {
        struct sim_entry *entry = LIST_ENTRY(node, struct sim_entry, node);
        if (entry->seen != entry->durable)
            set_seen(storage, folder, entry->name, entry->durable);
    }
}

void sim_names_revert(struct sim_storage *storage)
{
    /* A folder may go away with its last name, so each is held while it is worked on. */
    bool moved = true;
    while (moved) {
        moved = false;
        LIST_FOR_EACH (node, &storage->inodes) {
            struct sim_inode *inode = LIST_ENTRY(node, struct sim_inode, all);
            bool differs = false;
            LIST_FOR_EACH (e, &inode->entries) {
                struct sim_entry *entry = LIST_ENTRY(e, struct sim_entry, node);
                differs |= entry->seen != entry->durable;
            }
            if (!differs)
                continue;
            sim_inode_ref(inode);
            revert_folder(storage, inode);
            sim_inode_unref(storage, inode);
            moved = true;
            break;
        }
    }
}

void sim_names_release(struct sim_storage *storage, struct sim_inode *folder)
{
    while (!list_empty(&folder->entries)) {
        struct sim_entry *entry = LIST_ENTRY(folder->entries.next, struct sim_entry, node);
        struct sim_inode *seen = entry->seen;
        struct sim_inode *durable = entry->durable;
        list_remove(&entry->node);
        sim_free(entry);
        if (seen != NULL) {
            seen->links--;
            sim_inode_account(seen);
            sim_inode_unref(storage, seen);
        }
        if (durable != NULL)
            sim_inode_unref(storage, durable);
    }
}
