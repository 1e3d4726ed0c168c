#ifndef FUZZ_PLOG_WORLD_H
#define FUZZ_PLOG_WORLD_H
/* An env in memory for one log: a few files, jobs and messages in order, a clock that stands still.
 */
#include "base/heap.h"
#include "base/mem.h"
#include "env/disk.h"
#include "env/env.h"

#include <string.h>

#define WORLD_FILES 64
#define WORLD_NAME_BYTES 160

struct world_file {
    char path[WORLD_NAME_BYTES]; /* "": no file, or an unlinked one */
    bool folder;
    uint32_t handles;
    uint8_t *data;
    size_t size;
};

struct env_file {
    struct world_file *file;
};

static struct {
    struct env env;
    struct env_disk disk;
    struct world_file files[WORLD_FILES];
    struct list jobs;
    struct env_msg *first;
    struct env_msg **last;
    struct heap timers;
    unsigned random;
} W;

static struct world_file *world_find(const char *path)
{
    for (size_t i = 0; i < WORLD_FILES; i++) {
        if (W.files[i].path[0] != 0 && strcmp(W.files[i].path, path) == 0)
            return &W.files[i];
    }
    return NULL;
}

static struct world_file *world_make(const char *path, bool folder)
{
    ASSERT(strlen(path) < WORLD_NAME_BYTES);
    for (size_t i = 0; i < WORLD_FILES; i++) {
        struct world_file *file = &W.files[i];
        if (file->path[0] != 0 || file->handles > 0)
            continue;
        mem_free(file->data);
        *file = (struct world_file){.folder = folder};
        strcpy(file->path, path);
        return file;
    }
    return NULL;
}

static void world_put(const char *path, const void *data, size_t size)
{
    struct world_file *file = world_find(path);
    if (file == NULL)
        file = world_make(path, false);
    file->data = mem_realloc(file->data, size + 1);
    if (size > 0)
        memcpy(file->data, data, size);
    file->size = size;
}

static enum err world_open(struct env_disk *disk, const char *path, unsigned flags,
                           struct env_file **out)
{
    UNUSED(disk);
    struct world_file *file = world_find(path);
    if (file == NULL && (flags & DISK_CREATE) != 0)
        file = world_make(path, false);
    if (file == NULL)
        return (flags & DISK_CREATE) != 0 ? ERR_NOSPACE : ERR_NOTFOUND;
    if ((flags & DISK_TRUNCATE) != 0)
        file->size = 0;
    file->handles++;
    *out = mem_alloc(sizeof **out);
    (*out)->file = file;
    return ERR_OK;
}

static void world_close(struct env_disk *disk, struct env_file *file)
{
    UNUSED(disk);
    file->file->handles--;
    mem_free(file);
}

static enum err world_read(struct env_disk *disk, struct env_file *file, void *out, size_t size,
                           uint64_t position, size_t *out_size)
{
    UNUSED(disk);
    size_t left = position < file->file->size ? file->file->size - (size_t)position : 0;
    *out_size = size < left ? size : left;
    if (*out_size > 0)
        memcpy(out, file->file->data + position, *out_size);
    return ERR_OK;
}

static enum err world_truncate(struct env_disk *disk, struct env_file *file, uint64_t size_bytes)
{
    UNUSED(disk);
    struct world_file *f = file->file;
    if (size_bytes > f->size) {
        f->data = mem_realloc(f->data, (size_t)size_bytes + 1);
        memset(f->data + f->size, 0, (size_t)size_bytes - f->size);
    }
    f->size = (size_t)size_bytes;
    return ERR_OK;
}

static enum err world_write(struct env_disk *disk, struct env_file *file, const void *data,
                            size_t size, uint64_t position)
{
    if (position + size > file->file->size) {
        enum err err = world_truncate(disk, file, position + size);
        ASSERT(err == ERR_OK);
    }
    memcpy(file->file->data + position, data, size);
    return ERR_OK;
}

static enum err world_sync(struct env_disk *disk, struct env_file *file)
{
    UNUSED(disk);
    UNUSED(file);
    return ERR_OK;
}

static enum err world_size(struct env_disk *disk, struct env_file *file, uint64_t *out_bytes)
{
    UNUSED(disk);
    *out_bytes = file->file->size;
    return ERR_OK;
}

static enum err world_sync_folder(struct env_disk *disk, const char *path)
{
    UNUSED(disk);
    return world_find(path) != NULL ? ERR_OK : ERR_NOTFOUND;
}

static enum err world_unlink(struct env_disk *disk, const char *path)
{
    UNUSED(disk);
    struct world_file *file = world_find(path);
    if (file == NULL)
        return ERR_NOTFOUND;
    file->path[0] = 0;
    return ERR_OK;
}

static enum err world_rename(struct env_disk *disk, const char *from, const char *to)
{
    UNUSED(disk);
    struct world_file *file = world_find(from), *other = world_find(to);
    if (file == NULL)
        return ERR_NOTFOUND;
    if (other != NULL && other != file)
        other->path[0] = 0;
    ASSERT(strlen(to) < WORLD_NAME_BYTES);
    strcpy(file->path, to);
    return ERR_OK;
}

static enum err world_mkdir(struct env_disk *disk, const char *path)
{
    UNUSED(disk);
    if (world_find(path) != NULL)
        return ERR_EXISTS;
    return world_make(path, true) != NULL ? ERR_OK : ERR_NOSPACE;
}

static enum err world_list(struct env_disk *disk, const char *path, disk_list_fn *fn, void *context)
{
    UNUSED(disk);
    size_t size = strlen(path);
    for (size_t i = 0; i < WORLD_FILES; i++) {
        const struct world_file *file = &W.files[i];
        if (strncmp(file->path, path, size) != 0 || file->path[size] != '/' ||
            strchr(file->path + size + 1, '/') != NULL)
            continue;
        if (!fn(context, file->path + size + 1, file->folder ? DISK_KIND_FOLDER : DISK_KIND_FILE))
            break;
    }
    return ERR_OK;
}

static enum err world_stat(struct env_disk *disk, const char *path, struct disk_stat *out)
{
    UNUSED(disk);
    const struct world_file *file = world_find(path);
    if (file == NULL)
        return ERR_NOTFOUND;
    *out = (struct disk_stat){.kind = file->folder ? DISK_KIND_FOLDER : DISK_KIND_FILE,
                              .size_bytes = file->size,
                              .modified_ms = 1700000000000};
    return ERR_OK;
}

static const struct env_disk_ops WORLD_DISK_OPS = {
    .open = world_open,
    .close = world_close,
    .read = world_read,
    .write = world_write,
    .truncate = world_truncate,
    .sync = world_sync,
    .size = world_size,
    .sync_folder = world_sync_folder,
    .rename = world_rename,
    .unlink = world_unlink,
    .mkdir = world_mkdir,
    .list = world_list,
    .stat = world_stat,
};

static uint64_t world_now(struct env *env)
{
    UNUSED(env);
    return 1000;
}

static int64_t world_wall(struct env *env)
{
    UNUSED(env);
    return 1700000000000;
}

static void world_random(struct env *env, void *out, size_t size)
{
    UNUSED(env);
    memset(out, (int)W.random++, size);
}

static void world_timer_cancel(struct env *env, struct env_timer *timer)
{
    UNUSED(env);
    if (env_timer_is_set(timer))
        heap_remove(&W.timers, &timer->node);
}

static void world_timer_set(struct env *env, struct env_timer *timer, uint64_t deadline_ns)
{
    world_timer_cancel(env, timer);
    heap_insert(&W.timers, &timer->node, deadline_ns);
}

static void world_post(struct env *env, uint32_t shard, struct env_msg *msg)
{
    UNUSED(env);
    UNUSED(shard);
    msg->next = NULL;
    *W.last = msg;
    W.last = &msg->next;
}

static void world_submit(struct env *env, struct env_queue *queue, struct env_job *job)
{
    UNUSED(env);
    job->queue = queue;
    list_push_back(queue->running ? &queue->jobs : &W.jobs, &job->node);
    queue->running = true;
}

static enum err world_file_write(struct env *env, struct env_file *file, const struct env_iov *iov,
                                 size_t iov_count, uint64_t position)
{
    UNUSED(env);
    ASSERT(iov_count == 1);
    return world_write(&W.disk, file, iov[0].base, iov[0].size, position);
}

static enum err world_file_read(struct env *env, struct env_file *file, void *out, size_t size,
                                uint64_t position, size_t *out_size)
{
    UNUSED(env);
    return world_read(&W.disk, file, out, size, position, out_size);
}

static const struct env_ops WORLD_OPS = {
    .now_ns = world_now,
    .wall_ms = world_wall,
    .random = world_random,
    .timer_set = world_timer_set,
    .timer_cancel = world_timer_cancel,
    .post = world_post,
    .submit = world_submit,
    .file_write = world_file_write,
    .file_read = world_file_read,
};

static void world_init(void)
{
    memset(&W, 0, sizeof W);
    W.env.ops = &WORLD_OPS;
    W.env.shard_count = 1;
    W.disk.ops = &WORLD_DISK_OPS;
    W.last = &W.first;
    list_init(&W.jobs);
    heap_init(&W.timers);
}

static void world_run(void)
{
    for (;;) {
        if (W.first != NULL) {
            struct env_msg *msg = W.first;
            W.first = msg->next;
            if (W.first == NULL)
                W.last = &W.first;
            msg->deliver(&W.env, msg);
            continue;
        }
        struct list *node = list_pop_front(&W.jobs);
        if (node == NULL)
            return;
        struct env_job *job = LIST_ENTRY(node, struct env_job, node);
        struct env_queue *queue = job->queue;
        job->run(job, &W.disk);
        queue->running = false;
        struct list *next = list_pop_front(&queue->jobs);
        if (next != NULL)
            world_submit(&W.env, queue, LIST_ENTRY(next, struct env_job, node));
        job->done(&W.env, job);
    }
}

static void world_deinit(void)
{
    heap_deinit(&W.timers);
    for (size_t i = 0; i < WORLD_FILES; i++) {
        ASSERT(W.files[i].handles == 0);
        mem_free(W.files[i].data);
    }
}

#endif
