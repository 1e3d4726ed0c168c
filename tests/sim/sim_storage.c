/* The calls of env_disk, the two of the shard, and the faults that they meet. */
#include "sim_storage_int.h"

#include "base/hash.h"
#include "sim_node.h"

#include <stdio.h>
#include <string.h>

enum { NOTE_OP = 0x40, NOTE_DATA };

const char *sim_op_name(enum sim_op op)
{
    static const char *const names[SIM_OP_COUNT] = {
        "open",       "read",        "write",        "truncate", "sync",  "writeback",
        "size",       "sync_folder", "rename",       "unlink",   "mkdir", "rmdir",
        "list",       "stat",        "set_modified", "space",    "lock",  "shard_write",
        "shard_read", "volume_open", "volume_sync",
    };
    ASSERT((unsigned)op < SIM_OP_COUNT);
    return names[op];
}

/* ---- Making and breaking ---- */

static struct sim_volume *volume_new(struct sim_storage *storage)
{
    struct sim_volume *volume = sim_alloc(sizeof *volume);
    volume->root = sim_inode_new(storage, true, volume);
    sim_inode_ref(volume->root);
    list_push_back(&storage->volumes, &volume->node);
    return volume;
}

static void writeback_fire(struct sim_world *world, struct sim_event *event)
{
    struct sim_storage *storage = CONTAINER_OF(event, struct sim_storage, writeback);
    uint64_t age = world->options.writeback_ns;
    uint64_t before = world->now_ns > age ? world->now_ns - age : 0;
    bool more = false;
    LIST_FOR_EACH (node, &storage->dirty) {
        struct sim_inode *inode = LIST_ENTRY(node, struct sim_inode, dirty);
        sim_inode_writeback(inode, before);
        more |= !list_empty(&inode->pending);
    }
    LIST_FOR_EACH_SAFE (node, after, &storage->changes) {
        struct sim_change *change = LIST_ENTRY(node, struct sim_change, node);
        if (change->at_ns > before)
            break;
        sim_change_settle(storage, change, true);
    }
    if (more || !list_empty(&storage->changes))
        sim_event_set(world, event, world->now_ns + age / 2 + 1);
}

void sim_storage_writeback_set(struct sim_storage *storage)
{
    if (!sim_event_is_set(&storage->writeback))
        sim_event_set(storage->world, &storage->writeback,
                      storage->world->now_ns + storage->world->options.writeback_ns);
}

struct sim_storage *sim_storage_new(struct sim_world *world, uint64_t index,
                                    int64_t (*wall_ms)(void *context), void *context)
{
    struct sim_storage *storage = sim_alloc(sizeof *storage);
    storage->disk = (struct sim_disk){.disk = {.ops = &sim_disk_ops}, .storage = storage};
    storage->world = world;
    storage->index = index;
    sim_prng_init(world, &storage->prng, "storage", index);
    sim_prng_init(world, &storage->prng_reads, "reads", index);
    storage->wall_ms = wall_ms;
    storage->wall_context = context;
    list_init(&storage->volumes);
    list_init(&storage->inodes);
    list_init(&storage->dirty);
    list_init(&storage->changes);
    list_init(&storage->files);
    list_init(&storage->rots);
    sim_event_init(&storage->writeback, writeback_fire);
    storage->job_write_seq = UINT64_MAX;
    storage->root = volume_new(storage)->root;
    return storage;
}

void sim_storage_free(struct sim_storage *storage)
{
    sim_storage_process_gone(storage);
    while (!list_empty(&storage->changes))
        sim_change_settle(storage, LIST_ENTRY(storage->changes.next, struct sim_change, node),
                          false);
    sim_event_cancel(storage->world, &storage->writeback);
    LIST_FOR_EACH (node, &storage->volumes)
        sim_inode_unref(storage, LIST_ENTRY(node, struct sim_volume, node)->root);
    ASSERT(list_empty(&storage->inodes) && list_empty(&storage->rots));
    LIST_FOR_EACH_SAFE (node, after, &storage->volumes)
        sim_free(LIST_ENTRY(node, struct sim_volume, node));
    sim_free(storage);
}

static struct sim_volume *volume_at(struct sim_storage *storage, const char *path)
{
    struct sim_inode *inode;
    if (sim_names_find(storage, path, false, &inode) != ERR_OK)
        return storage->root->volume;
    return inode->volume;
}

/* A name that is there at once, in both states. */
static void mount(struct sim_storage *storage, struct sim_inode *folder, const char *name,
                  struct sim_inode *inode)
{
    sim_names_set(storage, folder, name, inode);
    sim_names_sync(storage, folder);
}

void sim_storage_add_volume(struct sim_storage *storage, const char *path, uint64_t capacity_bytes)
{
    struct sim_inode *folder;
    char name[SIM_NAME_BYTES];
    enum err err = sim_names_parent(storage, path, &folder, name);
    ASSERT(err == ERR_OK && sim_names_get(folder, name) == NULL);
    struct sim_volume *volume = volume_new(storage);
    volume->capacity_bytes = capacity_bytes;
    mount(storage, folder, name, volume->root);
}

void sim_storage_set_capacity(struct sim_storage *storage, const char *path,
                              uint64_t capacity_bytes)
{
    volume_at(storage, path)->capacity_bytes = capacity_bytes;
}

uint64_t sim_storage_used_bytes(struct sim_storage *storage, const char *path)
{
    return volume_at(storage, path)->used_bytes;
}

void sim_storage_break(struct sim_storage *storage, const char *path, enum err err)
{
    volume_at(storage, path)->broken = err;
    sim_log(storage->world, "disk %u: %s %s", (unsigned)storage->index, path,
            err == ERR_OK ? "is healed" : "breaks");
}

void sim_storage_lose(struct sim_storage *storage, const char *path)
{
    ASSERT(storage->file_count == 0);
    struct sim_volume *volume = volume_at(storage, path);
    struct sim_inode *old = volume->root;
    volume->root = sim_inode_new(storage, true, volume);
    sim_inode_ref(volume->root);
    if (old == storage->root) {
        storage->root = volume->root;
    } else {
        struct sim_inode *folder;
        char name[SIM_NAME_BYTES];
        enum err err = sim_names_parent(storage, path, &folder, name);
        ASSERT(err == ERR_OK && sim_names_get(folder, name) == old);
        mount(storage, folder, name, volume->root);
    }
    /* What was pending in the old one goes with it. */
    sim_inode_unref(storage, old);
    sim_log(storage->world, "disk %u: %s is lost", (unsigned)storage->index, path);
}

void sim_storage_plan(struct sim_storage *storage, const struct sim_fault *fault)
{
    storage->plan = *fault;
    storage->plan_hit = false;
}

bool sim_storage_plan_hit(const struct sim_storage *storage)
{
    return storage->plan_hit;
}

void sim_storage_plan_clear(struct sim_storage *storage)
{
    storage->plan = (struct sim_fault){0};
}

void sim_storage_chance(struct sim_storage *storage, bool on)
{
    storage->chance = on;
}

uint64_t sim_storage_fault_count(const struct sim_storage *storage)
{
    return storage->fault_count;
}

uint64_t sim_storage_op_count(const struct sim_storage *storage)
{
    return storage->op_count;
}

uint64_t sim_storage_op_count_of(const struct sim_storage *storage, enum sim_op op)
{
    return storage->op_counts[op];
}

void sim_storage_on_kill(struct sim_storage *storage, void (*kill)(void *context, bool power),
                         void *context)
{
    storage->kill = kill;
    storage->kill_context = context;
}

void sim_storage_on_sync_failed(struct sim_storage *storage, void (*fn)(void *context),
                                void *context)
{
    storage->sync_failed = fn;
    storage->sync_failed_context = context;
}

void sim_storage_job_begin(struct sim_storage *storage, uint64_t write_seq)
{
    storage->job_write_seq = write_seq;
}

void sim_storage_job_end(struct sim_storage *storage)
{
    storage->job_write_seq = UINT64_MAX;
}

uint64_t sim_storage_write_seq(const struct sim_storage *storage)
{
    return storage->write_seq;
}

size_t sim_storage_open_count(const struct sim_storage *storage)
{
    return storage->file_count;
}

void sim_storage_dead(struct sim_storage *storage)
{
    storage->dead = true;
}

struct env_disk *sim_storage_disk(struct sim_storage *storage)
{
    return &storage->disk.disk;
}

/* ---- One call ---- */

struct call {
    enum err err; /* what it returns, if not what doing it gives */
    bool perform; /* do it (in part) all the same */
};

static struct call fault_hit(struct sim_storage *storage, enum sim_op op, const char *path)
{
    struct sim_fault *plan = &storage->plan;
    storage->plan_hit = true;
    storage->fault_count++;
    sim_log(storage->world, "disk %u: planned fault in %s of %s: %s", (unsigned)storage->index,
            sim_op_name(op), path,
            plan->kind == SIM_FAULT_ERROR  ? err_text(plan->err)
            : plan->kind == SIM_FAULT_KILL ? "killed"
                                           : "power loss");
    if (plan->kind == SIM_FAULT_ERROR) {
        enum err err = plan->err;
        if (plan->repeat == 0)
            plan->kind = SIM_FAULT_NONE;
        else if (plan->repeat != UINT64_MAX)
            plan->repeat--;
        plan->countdown = 1;
        return (struct call){.err = err};
    }
    bool power = plan->kind == SIM_FAULT_POWER;
    plan->kind = SIM_FAULT_NONE;
    storage->dead = true;
    if (storage->kill != NULL)
        storage->kill(storage->kill_context, power);
    return (struct call){.err = ERR_IO, .perform = prng_chance(&storage->prng, 1, 2)};
}

static struct call call_begin(struct sim_storage *storage, enum sim_op op, const char *path,
                              const struct sim_volume *volume)
{
    sim_world_note(storage->world, NOTE_OP, storage->index, op);
    storage->op_count++;
    storage->op_counts[op]++;
    if (storage->world->trace)
        sim_log(storage->world, "disk %u: %s %s", (unsigned)storage->index, sim_op_name(op), path);
    if (storage->dead)
        return (struct call){.err = ERR_IO};
    struct sim_fault *plan = &storage->plan;
    if (plan->kind != SIM_FAULT_NONE && (plan->ops & (1u << op)) != 0 &&
        (plan->path == NULL || strstr(path, plan->path) != NULL)) {
        ASSERT(plan->countdown > 0);
        if (--plan->countdown == 0)
            return fault_hit(storage, op, path);
    }
    if (volume != NULL && volume->broken != ERR_OK) {
        storage->fault_count++;
        return (struct call){.err = volume->broken};
    }
    const struct sim_options *options = &storage->world->options;
    if (storage->chance) {
        bool sync = op == SIM_OP_SYNC || op == SIM_OP_WRITEBACK || op == SIM_OP_SYNC_FOLDER ||
                    op == SIM_OP_VOLUME_SYNC;
        if (sim_chance_ppm(&storage->prng,
                           sync ? options->sync_error_ppm : options->io_error_ppm)) {
            storage->fault_count++;
            sim_log(storage->world, "disk %u: %s of %s fails by chance", (unsigned)storage->index,
                    sim_op_name(op), path);
            return (struct call){.err = ERR_IO};
        }
    }
    return (struct call){.err = ERR_OK, .perform = true};
}

/* Whether the caller may use this disk now. */
static struct sim_storage *disk_storage(struct env_disk *env_disk)
{
    struct sim_disk *disk = CONTAINER_OF(env_disk, struct sim_disk, disk);
    struct sim_node *node = disk->node;
    if (node != NULL && !node->booting && node->world->job_node != node)
        PANIC("the disk of %s is used outside of a job", node->name);
    return disk->storage;
}

/* ---- Files ---- */

static char *copy_text(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = sim_alloc(size);
    memcpy(copy, text, size);
    return copy;
}

static struct env_file *file_new(struct sim_storage *storage, struct sim_inode *inode,
                                 const char *path, unsigned flags)
{
    struct env_file *file = sim_alloc(sizeof *file);
    file->storage = storage;
    file->inode = inode;
    file->flags = flags;
    file->path = copy_text(path);
    sim_inode_ref(inode);
    inode->opens++;
    sim_inode_account(inode);
    list_push_back(&storage->files, &file->node);
    storage->file_count++;
    return file;
}

static void file_close(struct env_file *file)
{
    struct sim_storage *storage = file->storage;
    struct sim_inode *inode = file->inode;
    if (file->is_lock)
        inode->locked = false;
    inode->opens--;
    sim_inode_account(inode);
    list_remove(&file->node);
    storage->file_count--;
    sim_inode_unref(storage, inode);
    sim_free(file->path);
    sim_free(file);
}

void sim_storage_process_gone(struct sim_storage *storage)
{
    while (!list_empty(&storage->files))
        file_close(LIST_ENTRY(storage->files.next, struct env_file, node));
    storage->dead = false;
    storage->job_write_seq = UINT64_MAX;
}

/* Finds the file or makes it. */
static enum err find_or_make(struct sim_storage *storage, const char *path, unsigned flags,
                             struct sim_inode **out)
{
    struct sim_inode *folder;
    char name[SIM_NAME_BYTES];
    enum err err = sim_names_parent(storage, path, &folder, name);
    if (err != ERR_OK)
        return err;
    struct sim_inode *inode = sim_names_get(folder, name);
    if (inode != NULL) {
        if ((flags & DISK_CREATE) != 0 && (flags & DISK_EXCLUSIVE) != 0)
            return ERR_EXISTS;
        *out = inode;
        return inode->is_folder ? ERR_IO : ERR_OK;
    }
    if ((flags & DISK_CREATE) == 0)
        return ERR_NOTFOUND;
    const struct sim_volume *volume = folder->volume;
    if (volume->capacity_bytes != 0 && volume->used_bytes >= volume->capacity_bytes) {
        storage->fault_count++;
        return ERR_NOSPACE;
    }
    inode = sim_inode_new(storage, false, folder->volume);
    sim_names_set(storage, folder, name, inode);
    *out = inode;
    return ERR_OK;
}

static enum err disk_op_open(struct env_disk *disk, const char *path, unsigned flags,
                             struct env_file **out)
{
    struct sim_storage *storage = disk_storage(disk);
    ASSERT((flags & (DISK_READ | DISK_WRITE)) != 0);
    struct call call = call_begin(storage, SIM_OP_OPEN, path, volume_at(storage, path));
    if (!call.perform)
        return call.err;
    struct sim_inode *inode;
    enum err err = find_or_make(storage, path, flags, &inode);
    if (err != ERR_OK)
        return call.err != ERR_OK ? call.err : err;
    if ((flags & DISK_TRUNCATE) != 0 && inode->seen.size_bytes > 0) {
        ASSERT((flags & DISK_WRITE) != 0);
        sim_inode_truncate(storage, inode, 0);
    }
    if (call.err != ERR_OK)
        return call.err;
    *out = file_new(storage, inode, path, flags);
    return ERR_OK;
}

static void disk_op_close(struct env_disk *disk, struct env_file *file)
{
    struct sim_storage *storage = disk_storage(disk);
    ASSERT(file->storage == storage);
    file_close(file);
}

static enum err disk_op_read(struct env_disk *disk, struct env_file *file, void *out, size_t size,
                             uint64_t position, size_t *out_size)
{
    struct sim_storage *storage = disk_storage(disk);
    ASSERT((file->flags & DISK_READ) != 0);
    *out_size = 0;
    struct call call = call_begin(storage, SIM_OP_READ, file->path, file->inode->volume);
    if (call.err != ERR_OK)
        return call.err;
    *out_size = sim_inode_read(storage, file->inode, out, size, position);
    return ERR_OK;
}

/* A write that fails may have been done in part. */
static enum err write_some(struct sim_storage *storage, const struct call *call,
                           struct env_file *file, const void *data, size_t size, uint64_t position,
                           bool by_shard)
{
    if (position > SIM_FILE_BYTES_MAX || size > SIM_FILE_BYTES_MAX - position)
        return ERR_NOSPACE; /* EFBIG */
    size_t part = size;
    if (call->err != ERR_OK) {
        if (storage->dead && !call->perform)
            return call->err;
        if (!call->perform)
            part = (size_t)sim_draw(&storage->prng, size);
    }
    size_t done;
    sim_inode_write(storage, file->inode, data, part, position, by_shard, &done);
    if (call->err != ERR_OK)
        return call->err;
    storage->fault_count += done < size;
    return done == size ? ERR_OK : ERR_NOSPACE;
}

static enum err disk_op_write(struct env_disk *disk, struct env_file *file, const void *data,
                              size_t size, uint64_t position)
{
    struct sim_storage *storage = disk_storage(disk);
    ASSERT((file->flags & DISK_WRITE) != 0);
    sim_world_note_bytes(storage->world, NOTE_DATA, file->inode->id, data, size);
    struct call call = call_begin(storage, SIM_OP_WRITE, file->path, file->inode->volume);
    return write_some(storage, &call, file, data, size, position, false);
}

static enum err disk_op_truncate(struct env_disk *disk, struct env_file *file, uint64_t size_bytes)
{
    struct sim_storage *storage = disk_storage(disk);
    ASSERT((file->flags & DISK_WRITE) != 0);
    struct call call = call_begin(storage, SIM_OP_TRUNCATE, file->path, file->inode->volume);
    if (!call.perform)
        return call.err;
    if (size_bytes > SIM_FILE_BYTES_MAX)
        return ERR_NOSPACE; /* EFBIG */
    sim_inode_truncate(storage, file->inode, size_bytes);
    return call.err;
}

static enum err disk_op_sync(struct env_disk *disk, struct env_file *file)
{
    struct sim_storage *storage = disk_storage(disk);
    struct call call = call_begin(storage, SIM_OP_SYNC, file->path, file->inode->volume);
    if (call.perform) {
        /* What came after the job was submitted is covered or not. */
        uint64_t seq = storage->job_write_seq;
        if (prng_chance(&storage->prng, 1, 2))
            seq = UINT64_MAX;
        sim_inode_sync(storage, file->inode, seq);
    } else if (!storage->dead) {
        sim_inode_sync_failed(storage, file->inode);
        if (storage->sync_failed != NULL)
            storage->sync_failed(storage->sync_failed_context);
    }
    return call.err;
}

static enum err disk_op_writeback(struct env_disk *disk, struct env_file *file, uint64_t position,
                                  uint64_t size)
{
    UNUSED(position);
    UNUSED(size);
    struct sim_storage *storage = disk_storage(disk);
    struct call call = call_begin(storage, SIM_OP_WRITEBACK, file->path, file->inode->volume);
    if (call.perform) {
        sim_inode_writeback(file->inode, storage->world->now_ns);
    } else if (!storage->dead) {
        sim_inode_sync_failed(storage, file->inode);
        if (storage->sync_failed != NULL)
            storage->sync_failed(storage->sync_failed_context);
    }
    return call.err;
}

static enum err disk_op_size(struct env_disk *disk, struct env_file *file, uint64_t *out_bytes)
{
    struct sim_storage *storage = disk_storage(disk);
    struct call call = call_begin(storage, SIM_OP_SIZE, file->path, file->inode->volume);
    *out_bytes = file->inode->seen.size_bytes;
    return call.err;
}

/* ---- Names ---- */

static enum err disk_op_sync_folder(struct env_disk *disk, const char *path)
{
    struct sim_storage *storage = disk_storage(disk);
    struct call call = call_begin(storage, SIM_OP_SYNC_FOLDER, path, volume_at(storage, path));
    if (!call.perform)
        return call.err;
    struct sim_inode *inode;
    enum err err = sim_names_find(storage, path, false, &inode);
    if (err == ERR_OK && inode->is_folder)
        sim_names_sync(storage, inode);
    else if (err == ERR_OK)
        err = ERR_IO;
    return call.err != ERR_OK ? call.err : err;
}

static enum err rename_names(struct sim_storage *storage, const char *from, const char *to)
{
    struct sim_inode *folder_from;
    struct sim_inode *folder_to;
    char name_from[SIM_NAME_BYTES];
    char name_to[SIM_NAME_BYTES];
    enum err err = sim_names_parent(storage, from, &folder_from, name_from);
    if (err == ERR_OK)
        err = sim_names_parent(storage, to, &folder_to, name_to);
    if (err != ERR_OK)
        return err;
    struct sim_inode *inode = sim_names_get(folder_from, name_from);
    struct sim_inode *old = sim_names_get(folder_to, name_to);
    if (inode == NULL)
        return ERR_NOTFOUND;
    if (inode == old)
        return ERR_OK;
    if (folder_from->volume != folder_to->volume)
        return ERR_IO; /* EXDEV */
    if (inode->is_folder && folder_from != folder_to)
        PANIC("the simulated disk does not move folders to other folders: %s to %s", from, to);
    if (old != NULL && old->is_folder != inode->is_folder)
        return ERR_IO; /* EISDIR, ENOTDIR */
    if (old != NULL && old->is_folder && !sim_names_empty(old))
        return ERR_NOTEMPTY;
    sim_names_rename(storage, folder_from, name_from, folder_to, name_to);
    return ERR_OK;
}

static enum err disk_op_rename(struct env_disk *disk, const char *from, const char *to)
{
    struct sim_storage *storage = disk_storage(disk);
    struct call call = call_begin(storage, SIM_OP_RENAME, from, volume_at(storage, from));
    if (!call.perform)
        return call.err;
    enum err err = rename_names(storage, from, to);
    return call.err != ERR_OK ? call.err : err;
}

static enum err remove_name(struct sim_storage *storage, const char *path, bool is_folder)
{
    struct sim_inode *folder;
    char name[SIM_NAME_BYTES];
    enum err err = sim_names_parent(storage, path, &folder, name);
    if (err != ERR_OK)
        return err;
    struct sim_inode *inode = sim_names_get(folder, name);
    if (inode == NULL)
        return ERR_NOTFOUND;
    if (inode->is_folder != is_folder)
        return ERR_IO; /* EISDIR, ENOTDIR */
    if (inode->volume->root == inode)
        return ERR_BUSY;
    if (is_folder && !sim_names_empty(inode))
        return ERR_NOTEMPTY;
    sim_names_set(storage, folder, name, NULL);
    return ERR_OK;
}

static enum err disk_op_unlink(struct env_disk *disk, const char *path)
{
    struct sim_storage *storage = disk_storage(disk);
    struct call call = call_begin(storage, SIM_OP_UNLINK, path, volume_at(storage, path));
    if (!call.perform)
        return call.err;
    enum err err = remove_name(storage, path, false);
    return call.err != ERR_OK ? call.err : err;
}

static enum err disk_op_rmdir(struct env_disk *disk, const char *path)
{
    struct sim_storage *storage = disk_storage(disk);
    struct call call = call_begin(storage, SIM_OP_RMDIR, path, volume_at(storage, path));
    if (!call.perform)
        return call.err;
    enum err err = remove_name(storage, path, true);
    return call.err != ERR_OK ? call.err : err;
}

static enum err make_folder(struct sim_storage *storage, const char *path)
{
    struct sim_inode *folder;
    char name[SIM_NAME_BYTES];
    enum err err = sim_names_parent(storage, path, &folder, name);
    if (err == ERR_INVALID)
        return ERR_EXISTS; /* "/" */
    if (err != ERR_OK)
        return err;
    if (sim_names_get(folder, name) != NULL)
        return ERR_EXISTS;
    sim_names_set(storage, folder, name, sim_inode_new(storage, true, folder->volume));
    return ERR_OK;
}

static enum err disk_op_mkdir(struct env_disk *disk, const char *path)
{
    struct sim_storage *storage = disk_storage(disk);
    struct call call = call_begin(storage, SIM_OP_MKDIR, path, volume_at(storage, path));
    if (!call.perform)
        return call.err;
    enum err err = make_folder(storage, path);
    return call.err != ERR_OK ? call.err : err;
}

static enum err disk_op_list(struct env_disk *disk, const char *path, disk_list_fn *fn,
                             void *context)
{
    struct sim_storage *storage = disk_storage(disk);
    struct call call = call_begin(storage, SIM_OP_LIST, path, volume_at(storage, path));
    if (call.err != ERR_OK)
        return call.err;
    struct sim_inode *folder;
    enum err err = sim_names_find(storage, path, false, &folder);
    if (err != ERR_OK || !folder->is_folder)
        return err != ERR_OK ? err : ERR_IO;
    size_t count = 0;
    LIST_FOR_EACH (node, &folder->entries)
        count += LIST_ENTRY(node, struct sim_entry, node)->seen != NULL;
    struct sim_entry **entries = sim_alloc((count + 1) * sizeof(struct sim_entry *));
    size_t n = 0;
    LIST_FOR_EACH (node, &folder->entries) {
        struct sim_entry *entry = LIST_ENTRY(node, struct sim_entry, node);
        if (entry->seen == NULL)
            continue;
        /* Shuffled as it fills. */
        size_t slot = (size_t)sim_draw(&storage->prng_reads, n);
        entries[n++] = entries[slot];
        entries[slot] = entry;
    }
    for (size_t i = 0; i < n; i++) {
        enum disk_kind kind = entries[i]->seen->is_folder ? DISK_KIND_FOLDER : DISK_KIND_FILE;
        if (!fn(context, entries[i]->name, kind))
            break;
    }
    sim_free(entries);
    return ERR_OK;
}

static enum err disk_op_stat(struct env_disk *disk, const char *path, struct disk_stat *out)
{
    struct sim_storage *storage = disk_storage(disk);
    struct call call = call_begin(storage, SIM_OP_STAT, path, volume_at(storage, path));
    if (call.err != ERR_OK)
        return call.err;
    struct sim_inode *inode;
    enum err err = sim_names_find(storage, path, false, &inode);
    if (err != ERR_OK)
        return err;
    *out = (struct disk_stat){
        .kind = inode->is_folder ? DISK_KIND_FOLDER : DISK_KIND_FILE,
        .size_bytes = inode->seen.size_bytes,
        .modified_ms = inode->modified_ms,
    };
    return ERR_OK;
}

static enum err disk_op_set_modified(struct env_disk *disk, const char *path, int64_t modified_ms)
{
    struct sim_storage *storage = disk_storage(disk);
    struct call call = call_begin(storage, SIM_OP_SET_MODIFIED, path, volume_at(storage, path));
    if (!call.perform)
        return call.err;
    struct sim_inode *inode;
    enum err err = sim_names_find(storage, path, false, &inode);
    if (err == ERR_OK)
        inode->modified_ms = modified_ms;
    return call.err != ERR_OK ? call.err : err;
}

static enum err disk_op_space(struct env_disk *disk, const char *path, struct disk_space *out)
{
    struct sim_storage *storage = disk_storage(disk);
    struct sim_volume *volume = volume_at(storage, path);
    struct call call = call_begin(storage, SIM_OP_SPACE, path, volume);
    if (call.err != ERR_OK)
        return call.err;
    struct sim_inode *inode;
    enum err err = sim_names_find(storage, path, false, &inode);
    if (err != ERR_OK)
        return err;
    uint64_t total = volume->capacity_bytes != 0 ? volume->capacity_bytes : UINT64_C(1) << 42;
    uint64_t used = volume->used_bytes < total ? volume->used_bytes : total;
    *out = (struct disk_space){.total_bytes = total, .free_bytes = total - used};
    return ERR_OK;
}

static enum err disk_op_lock(struct env_disk *disk, const char *path, struct env_file **out)
{
    struct sim_storage *storage = disk_storage(disk);
    struct call call = call_begin(storage, SIM_OP_LOCK, path, volume_at(storage, path));
    if (call.err != ERR_OK)
        return call.err;
    struct sim_inode *inode;
    enum err err = find_or_make(storage, path, DISK_CREATE, &inode);
    if (err != ERR_OK)
        return err;
    if (inode->locked || inode->foreign_locked)
        return ERR_BUSY;
    inode->locked = true;
    *out = file_new(storage, inode, path, DISK_READ | DISK_WRITE);
    (*out)->is_lock = true;
    return ERR_OK;
}

static enum err disk_op_volume_open(struct env_disk *disk, const char *path, struct env_file **out)
{
    struct sim_storage *storage = disk_storage(disk);
    struct call call = call_begin(storage, SIM_OP_VOLUME_OPEN, path, volume_at(storage, path));
    if (!call.perform)
        return call.err;
    struct sim_inode *inode;
    enum err err = sim_names_find(storage, path, false, &inode);
    if (err == ERR_OK && !inode->is_folder)
        err = ERR_IO;
    if (call.err != ERR_OK || err != ERR_OK)
        return call.err != ERR_OK ? call.err : err;
    *out = file_new(storage, inode, path, DISK_READ);
    return ERR_OK;
}

static enum err disk_op_volume_sync(struct env_disk *disk, struct env_file *volume)
{
    struct sim_storage *storage = disk_storage(disk);
    struct sim_volume *of = volume->inode->volume;
    ASSERT(volume->inode->is_folder);
    struct call call = call_begin(storage, SIM_OP_VOLUME_SYNC, volume->path, of);
    if (!call.perform && storage->dead)
        return call.err;
    uint64_t seq = prng_chance(&storage->prng, 1, 2) ? UINT64_MAX : storage->job_write_seq;
    LIST_FOR_EACH (node, &storage->dirty) {
        struct sim_inode *inode = LIST_ENTRY(node, struct sim_inode, dirty);
        if (inode->volume != of)
            continue;
        if (call.perform)
            sim_inode_sync(storage, inode, seq);
        else
            sim_inode_sync_failed(storage, inode);
    }
    LIST_FOR_EACH_SAFE (node, after, &storage->changes) {
        struct sim_change *change = LIST_ENTRY(node, struct sim_change, node);
        if (change->folder->volume == of && call.perform)
            sim_change_settle(storage, change, true);
    }
    if (!call.perform && storage->sync_failed != NULL)
        storage->sync_failed(storage->sync_failed_context);
    return call.err;
}

const struct env_disk_ops sim_disk_ops = {
    .open = disk_op_open,
    .close = disk_op_close,
    .read = disk_op_read,
    .write = disk_op_write,
    .truncate = disk_op_truncate,
    .sync = disk_op_sync,
    .writeback = disk_op_writeback,
    .size = disk_op_size,
    .sync_folder = disk_op_sync_folder,
    .rename = disk_op_rename,
    .unlink = disk_op_unlink,
    .mkdir = disk_op_mkdir,
    .rmdir = disk_op_rmdir,
    .list = disk_op_list,
    .stat = disk_op_stat,
    .set_modified = disk_op_set_modified,
    .space = disk_op_space,
    .lock = disk_op_lock,
    .volume_open = disk_op_volume_open,
    .volume_sync = disk_op_volume_sync,
};

/* ---- On the shard ---- */

const char *sim_storage_file_path(const struct env_file *file)
{
    return file->path;
}

uint64_t sim_storage_unwritten_bytes(const struct sim_storage *storage, const struct env_file *file)
{
    uint64_t bytes = 0;
    LIST_FOR_EACH (node, &storage->dirty) {
        const struct sim_inode *inode = LIST_ENTRY(node, struct sim_inode, dirty);
        if (inode->volume != file->inode->volume)
            continue;
        LIST_FOR_EACH (at, &inode->pending) {
            const struct sim_pending *pending = LIST_ENTRY(at, struct sim_pending, node);
            bytes += pending->by_shard ? pending->size : 0; /* jobs may wait */
        }
    }
    return bytes;
}

enum err sim_storage_shard_write(struct sim_storage *storage, struct env_file *file,
                                 const struct env_iov *iov, size_t iov_count, uint64_t position)
{
    ASSERT(file->storage == storage && (file->flags & DISK_WRITE) != 0);
    struct call call = call_begin(storage, SIM_OP_SHARD_WRITE, file->path, file->inode->volume);
    /* One write, as pwritev is one call: torn as a whole. */
    size_t size = 0;
    for (size_t i = 0; i < iov_count; i++)
        size += iov[i].size;
    uint8_t *data = sim_alloc(size);
    size_t at = 0;
    for (size_t i = 0; i < iov_count; i++) {
        if (iov[i].size > 0)
            memcpy(data + at, iov[i].base, iov[i].size);
        at += iov[i].size;
    }
    sim_world_note_bytes(storage->world, NOTE_DATA, file->inode->id, data, size);
    enum err err = write_some(storage, &call, file, data, size, position, true);
    sim_free(data);
    return err;
}

enum err sim_storage_shard_read(struct sim_storage *storage, struct env_file *file, void *out,
                                size_t size, uint64_t position, size_t *out_size)
{
    ASSERT(file->storage == storage && (file->flags & DISK_READ) != 0);
    *out_size = 0;
    struct call call = call_begin(storage, SIM_OP_SHARD_READ, file->path, file->inode->volume);
    if (call.err != ERR_OK)
        return call.err;
    const struct sim_options *options = &storage->world->options;
    bool at_end = position >= file->inode->seen.size_bytes;
    if (!at_end && size > 0 && sim_chance_ppm(&storage->prng_reads, options->read_absent_ppm))
        return ERR_AGAIN;
    if (size > 1 && sim_chance_ppm(&storage->prng_reads, options->read_short_ppm))
        size = 1 + (size_t)prng_below(&storage->prng_reads, size - 1);
    *out_size = sim_inode_read(storage, file->inode, out, size, position);
    return ERR_OK;
}

/* ---- Rot, and the truth ---- */

static bool rot_add(struct sim_storage *storage, struct sim_inode *inode, uint64_t position)
{
    if (inode->is_folder || position >= inode->seen.size_bytes)
        return false;
    struct sim_rot *rot = sim_alloc(sizeof *rot);
    rot->inode = inode;
    rot->sector = position / SIM_SECTOR_BYTES;
    list_push_back(&storage->rots, &rot->node);
    return true;
}

bool sim_storage_rot(struct sim_storage *storage, const char *path, uint64_t position)
{
    struct sim_inode *inode;
    return sim_names_find(storage, path, false, &inode) == ERR_OK &&
           rot_add(storage, inode, position);
}

/* Draws one of the files as it walks: each has the same chance. */
static void draw_file(struct sim_storage *storage, const struct sim_inode *folder, const char *path,
                      const char *match, uint64_t *seen, char **chosen)
{
    LIST_FOR_EACH (node, &folder->entries) {
        struct sim_entry *entry = LIST_ENTRY(node, struct sim_entry, node);
        if (entry->seen == NULL)
            continue;
        size_t size = strlen(path) + strlen(entry->name) + 2;
        char *below = sim_alloc(size);
        (void)snprintf(below, size, "%s/%s", path, entry->name);
        if (entry->seen->is_folder) {
            draw_file(storage, entry->seen, below, match, seen, chosen);
        } else if (entry->seen->seen.size_bytes > 0 &&
                   (match == NULL || strstr(below, match) != NULL) &&
                   prng_below(&storage->prng, ++*seen) == 0) {
            char *old = *chosen;
            *chosen = below;
            below = old;
        }
        sim_free(below);
    }
}

char *sim_storage_rot_some(struct sim_storage *storage, const char *folder, const char *match)
{
    struct sim_inode *inode;
    if (sim_names_find(storage, folder, false, &inode) != ERR_OK || !inode->is_folder)
        return NULL;
    uint64_t seen = 0;
    char *path = NULL;
    draw_file(storage, inode, folder, match, &seen, &path);
    if (path == NULL)
        return NULL;
    struct sim_inode *file;
    enum err err = sim_names_find(storage, path, false, &file);
    ASSERT(err == ERR_OK);
    (void)rot_add(storage, file, prng_below(&storage->prng, file->seen.size_bytes));
    return path;
}

void sim_storage_heal(struct sim_storage *storage)
{
    while (!list_empty(&storage->rots))
        sim_free(LIST_ENTRY(list_pop_front(&storage->rots), struct sim_rot, node));
    LIST_FOR_EACH (node, &storage->volumes)
        LIST_ENTRY(node, struct sim_volume, node)->broken = ERR_OK;
    storage->chance = false;
    sim_storage_plan_clear(storage);
}

enum err sim_storage_truth_size(struct sim_storage *storage, const char *path, bool durable,
                                uint64_t *out_bytes)
{
    struct sim_inode *inode;
    enum err err = sim_names_find(storage, path, durable, &inode);
    if (err == ERR_OK)
        *out_bytes = durable ? inode->durable.size_bytes : inode->seen.size_bytes;
    return err;
}

enum err sim_storage_truth_read(struct sim_storage *storage, const char *path, bool durable,
                                void *out, size_t size, uint64_t position, size_t *out_size)
{
    struct sim_inode *inode;
    enum err err = sim_names_find(storage, path, durable, &inode);
    if (err == ERR_OK)
        *out_size = sim_image_read(durable ? &inode->durable : &inode->seen, out, size, position);
    return err;
}

size_t sim_storage_pending_writes(const struct sim_storage *storage)
{
    size_t count = 0;
    LIST_FOR_EACH (node, &storage->dirty) {
        struct sim_inode *inode = LIST_ENTRY(node, struct sim_inode, dirty);
        LIST_FOR_EACH (p, &inode->pending)
            count++;
    }
    return count;
}

size_t sim_storage_pending_names(const struct sim_storage *storage)
{
    size_t count = 0;
    LIST_FOR_EACH (node, &storage->changes)
        count++;
    return count;
}

void sim_storage_foreign_lock(struct sim_storage *storage, const char *path, bool hold)
{
    struct sim_inode *inode;
    enum err err = find_or_make(storage, path, DISK_CREATE, &inode);
    ASSERT(err == ERR_OK);
    inode->foreign_locked = hold;
}
