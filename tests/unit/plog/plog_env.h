#ifndef TESTS_UNIT_PLOG_ENV_H
#define TESTS_UNIT_PLOG_ENV_H
/*
 * A small env for plog's tests: real files below a temporary folder, one shard, a clock that is
 * moved by hand. Jobs, messages and timers wait until plog_env_run, which does all there is; the
 * order of jobs of different queues can be drawn. Reads on the shard can be made to find nothing in
 * memory, and the Nth call on the disk can be made to fail.
 */
/* Not every test uses all of it. */
#pragma GCC diagnostic ignored "-Wunused-function"

#include "base/heap.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/prng.h"
#include "env/disk.h"
#include "env/env.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct env_file {
    int fd;
};

struct plog_env {
    struct env env; /* first */
    struct env_disk disk;
    struct list jobs;
    struct env_msg *messages;
    struct env_msg **messages_end;
    struct heap timers;
    struct prng prng;
    uint64_t now_ns;
    int64_t wall_ms;
    bool shuffle;            /* jobs of different queues in any order */
    unsigned cold_of_100;    /* reads on the shard that find nothing in memory */
    uint64_t fail_countdown; /* the Nth call on the disk or file fails; 0: none */
    enum err fail_err;
    bool failed;
    bool fail_on; /* and all that come after it, as if the process had died there */
    size_t open_files;
    uint64_t calls;
    uint64_t syncs;
    char root[64];
};

static struct plog_env *plog_env_current; /* env_disk has no room for a context */

static enum err plog_env_err(void)
{
    switch (errno) {
    case ENOENT:
        return ERR_NOTFOUND;
    case EEXIST:
        return ERR_EXISTS;
    case ENOTEMPTY:
        return ERR_NOTEMPTY;
    case ENOSPC:
        return ERR_NOSPACE;
    case EACCES:
        return ERR_DENIED;
    default:
        return ERR_IO;
    }
}

static bool plog_env_fails(enum err *err)
{
    struct plog_env *e = plog_env_current;
    e->calls++;
    if (!e->failed || !e->fail_on) {
        if (e->fail_countdown == 0 || --e->fail_countdown > 0)
            return false;
        e->failed = true;
    }
    *err = e->fail_err;
    return true;
}

#define PLOG_ENV_CALL()                \
    do {                               \
        enum err failure_;             \
        if (plog_env_fails(&failure_)) \
            return failure_;           \
    } while (0)

/* ---- Disk ----------------------------------------------------------------------------------- */

static enum err plog_env_open(struct env_disk *disk, const char *path, unsigned flags,
                              struct env_file **out)
{
    UNUSED(disk);
    PLOG_ENV_CALL();
    int how = (flags & DISK_WRITE) != 0 ? O_RDWR : O_RDONLY;
    how |= (flags & DISK_CREATE) != 0 ? O_CREAT : 0;
    how |= (flags & DISK_EXCLUSIVE) != 0 ? O_EXCL : 0;
    how |= (flags & DISK_TRUNCATE) != 0 ? O_TRUNC : 0;
    int fd = open(path, how | O_CLOEXEC, 0644);
    if (fd < 0)
        return plog_env_err();
    *out = mem_alloc(sizeof **out);
    (*out)->fd = fd;
    plog_env_current->open_files++;
    return ERR_OK;
}

static void plog_env_close(struct env_disk *disk, struct env_file *file)
{
    UNUSED(disk);
    close(file->fd);
    mem_free(file);
    plog_env_current->open_files--;
}

static enum err plog_env_read(struct env_disk *disk, struct env_file *file, void *out, size_t size,
                              uint64_t position, size_t *out_size)
{
    UNUSED(disk);
    PLOG_ENV_CALL();
    *out_size = 0;
    while (*out_size < size) {
        ssize_t got = pread(file->fd, (char *)out + *out_size, size - *out_size,
                            (off_t)(position + *out_size));
        if (got < 0)
            return plog_env_err();
        if (got == 0)
            break;
        *out_size += (size_t)got;
    }
    return ERR_OK;
}

static enum err plog_env_pwrite(struct env_file *file, const void *data, size_t size,
                                uint64_t position)
{
    enum err failure;
    bool before = plog_env_current->failed && plog_env_current->fail_on;
    bool fails = plog_env_fails(&failure);
    size_t wanted = fails ? before ? 0 : size / 2 : size; /* torn */
    for (size_t done = 0; done < wanted;) {
        ssize_t put =
            pwrite(file->fd, (const char *)data + done, wanted - done, (off_t)(position + done));
        if (put < 0)
            return plog_env_err();
        done += (size_t)put;
    }
    return fails ? failure : ERR_OK;
}

static enum err plog_env_write(struct env_disk *disk, struct env_file *file, const void *data,
                               size_t size, uint64_t position)
{
    UNUSED(disk);
    return plog_env_pwrite(file, data, size, position);
}

static enum err plog_env_truncate(struct env_disk *disk, struct env_file *file, uint64_t size_bytes)
{
    UNUSED(disk);
    PLOG_ENV_CALL();
    return ftruncate(file->fd, (off_t)size_bytes) == 0 ? ERR_OK : plog_env_err();
}

static enum err plog_env_reserve(struct env_disk *disk, struct env_file *file, uint64_t size_bytes)
{
    UNUSED(disk);
    PLOG_ENV_CALL();
    return fallocate(file->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size_bytes) == 0 ? ERR_OK
                                                                               : plog_env_err();
}

static enum err plog_env_space(struct env_disk *disk, const char *path, struct disk_space *out)
{
    UNUSED(disk);
    UNUSED(path);
    PLOG_ENV_CALL();
    *out = (struct disk_space){UINT64_C(1) << 40, UINT64_C(1) << 39};
    return ERR_OK;
}

static enum err plog_env_sync(struct env_disk *disk, struct env_file *file)
{
    UNUSED(disk);
    UNUSED(file);
    PLOG_ENV_CALL();
    plog_env_current->syncs++;
    return ERR_OK;
}

static enum err plog_env_size(struct env_disk *disk, struct env_file *file, uint64_t *out_bytes)
{
    UNUSED(disk);
    PLOG_ENV_CALL();
    struct stat st;
    if (fstat(file->fd, &st) != 0)
        return plog_env_err();
    *out_bytes = (uint64_t)st.st_size;
    return ERR_OK;
}

static enum err plog_env_sync_folder(struct env_disk *disk, const char *path)
{
    UNUSED(disk);
    PLOG_ENV_CALL();
    struct stat st;
    return stat(path, &st) == 0 ? ERR_OK : plog_env_err();
}

static enum err plog_env_rename(struct env_disk *disk, const char *from, const char *to)
{
    UNUSED(disk);
    PLOG_ENV_CALL();
    return rename(from, to) == 0 ? ERR_OK : plog_env_err();
}

static enum err plog_env_unlink(struct env_disk *disk, const char *path)
{
    UNUSED(disk);
    PLOG_ENV_CALL();
    return unlink(path) == 0 ? ERR_OK : plog_env_err();
}

static enum err plog_env_mkdir(struct env_disk *disk, const char *path)
{
    UNUSED(disk);
    PLOG_ENV_CALL();
    return mkdir(path, 0755) == 0 ? ERR_OK : plog_env_err();
}

static enum err plog_env_rmdir(struct env_disk *disk, const char *path)
{
    UNUSED(disk);
    PLOG_ENV_CALL();
    return rmdir(path) == 0 ? ERR_OK : plog_env_err();
}

static enum err plog_env_stat(struct env_disk *disk, const char *path, struct disk_stat *out)
{
    UNUSED(disk);
    PLOG_ENV_CALL();
    struct stat st;
    if (stat(path, &st) != 0)
        return plog_env_err();
    out->kind = S_ISDIR(st.st_mode)   ? DISK_KIND_FOLDER
                : S_ISREG(st.st_mode) ? DISK_KIND_FILE
                                      : DISK_KIND_OTHER;
    out->size_bytes = (uint64_t)st.st_size;
    out->modified_ms = (int64_t)st.st_mtim.tv_sec * 1000;
    return ERR_OK;
}

static enum err plog_env_list(struct env_disk *disk, const char *path, disk_list_fn *fn,
                              void *context)
{
    PLOG_ENV_CALL();
    DIR *folder = opendir(path);
    if (folder == NULL)
        return plog_env_err();
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char name[4096];
        struct stat st;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (stat(name, &st) != 0)
            continue;
        if (!fn(context, entry->d_name, S_ISDIR(st.st_mode) ? DISK_KIND_FOLDER : DISK_KIND_FILE))
            break;
    }
    closedir(folder);
    UNUSED(disk);
    return ERR_OK;
}

static enum err plog_env_set_modified(struct env_disk *disk, const char *path, int64_t modified_ms)
{
    UNUSED(disk);
    PLOG_ENV_CALL();
    struct timespec time = {.tv_sec = modified_ms / 1000, .tv_nsec = modified_ms % 1000 * 1000000};
    struct timespec times[2] = {time, time};
    return utimensat(AT_FDCWD, path, times, 0) == 0 ? ERR_OK : plog_env_err();
}

static enum err plog_env_lock(struct env_disk *disk, const char *path, struct env_file **out)
{
    enum err err = plog_env_open(disk, path, DISK_READ | DISK_WRITE | DISK_CREATE, out);
    if (err == ERR_OK && flock((*out)->fd, LOCK_EX | LOCK_NB) != 0) {
        plog_env_close(disk, *out);
        err = ERR_BUSY;
    }
    return err;
}

static const struct env_disk_ops PLOG_ENV_DISK_OPS = {
    .open = plog_env_open,
    .close = plog_env_close,
    .read = plog_env_read,
    .write = plog_env_write,
    .truncate = plog_env_truncate,
    .reserve = plog_env_reserve,
    .space = plog_env_space,
    .sync = plog_env_sync,
    .size = plog_env_size,
    .sync_folder = plog_env_sync_folder,
    .rename = plog_env_rename,
    .unlink = plog_env_unlink,
    .mkdir = plog_env_mkdir,
    .rmdir = plog_env_rmdir,
    .list = plog_env_list,
    .stat = plog_env_stat,
    .set_modified = plog_env_set_modified,
    .lock = plog_env_lock,
};

/* ---- The shard ------------------------------------------------------------------------------ */

static uint64_t plog_env_now_ns(struct env *env)
{
    return ((struct plog_env *)env)->now_ns;
}

static int64_t plog_env_wall_ms(struct env *env)
{
    return ((struct plog_env *)env)->wall_ms;
}

static void plog_env_random(struct env *env, void *out, size_t size)
{
    prng_bytes(&((struct plog_env *)env)->prng, out, size);
}

static void plog_env_timer_cancel(struct env *env, struct env_timer *timer)
{
    if (env_timer_is_set(timer))
        heap_remove(&((struct plog_env *)env)->timers, &timer->node);
}

static void plog_env_timer_set(struct env *env, struct env_timer *timer, uint64_t deadline_ns)
{
    plog_env_timer_cancel(env, timer);
    heap_insert(&((struct plog_env *)env)->timers, &timer->node, deadline_ns);
}

static void plog_env_post(struct env *env, uint32_t shard, struct env_msg *msg)
{
    struct plog_env *e = (struct plog_env *)env;
    ASSERT(shard == 0);
    msg->next = NULL;
    *e->messages_end = msg;
    e->messages_end = &msg->next;
}

static void plog_env_submit(struct env *env, struct env_queue *queue, struct env_job *job)
{
    struct plog_env *e = (struct plog_env *)env;
    job->queue = queue;
    job->shard = 0;
    if (queue->running) {
        list_push_back(&queue->jobs, &job->node);
        return;
    }
    queue->running = true;
    list_push_back(&e->jobs, &job->node);
}

static enum err plog_env_file_write(struct env *env, struct env_file *file,
                                    const struct env_iov *iov, size_t iov_count, uint64_t position)
{
    UNUSED(env);
    for (size_t i = 0; i < iov_count; i++) {
        enum err err = plog_env_pwrite(file, iov[i].base, iov[i].size, position);
        if (err != ERR_OK)
            return err;
        position += iov[i].size;
    }
    return ERR_OK;
}

static enum err plog_env_file_read(struct env *env, struct env_file *file, void *out, size_t size,
                                   uint64_t position, size_t *out_size)
{
    struct plog_env *e = (struct plog_env *)env;
    if (prng_below(&e->prng, 100) < e->cold_of_100) {
        *out_size = 0;
        return ERR_AGAIN;
    }
    /* Or only the beginning is in memory. */
    if (e->cold_of_100 > 0 && size > 1 && prng_below(&e->prng, 100) < e->cold_of_100)
        size = 1 + (size_t)prng_below(&e->prng, size);
    return plog_env_read(&e->disk, file, out, size, position, out_size);
}

static const struct env_ops PLOG_ENV_OPS = {
    .now_ns = plog_env_now_ns,
    .wall_ms = plog_env_wall_ms,
    .random = plog_env_random,
    .timer_set = plog_env_timer_set,
    .timer_cancel = plog_env_timer_cancel,
    .post = plog_env_post,
    .submit = plog_env_submit,
    .file_write = plog_env_file_write,
    .file_read = plog_env_file_read,
};

/* ---- For tests ------------------------------------------------------------------------------ */

static void plog_env_init(struct plog_env *e, uint64_t seed)
{
    *e = (struct plog_env){
        .env = {.ops = &PLOG_ENV_OPS, .shard = 0, .shard_count = 1},
        .disk = {.ops = &PLOG_ENV_DISK_OPS},
        .now_ns = 1000000000,
        .wall_ms = 1700000000000,
        .fail_err = ERR_IO,
    };
    list_init(&e->jobs);
    e->messages_end = &e->messages;
    heap_init(&e->timers);
    prng_init(&e->prng, seed);
    snprintf(e->root, sizeof e->root, "/tmp/ottla-plog-XXXXXX");
    ASSERT(mkdtemp(e->root) != NULL);
    plog_env_current = e;
}

static void plog_env_deinit(struct plog_env *e)
{
    char command[128];
    ASSERT(list_empty(&e->jobs) && e->messages == NULL);
    ASSERT(e->open_files == 0);
    heap_deinit(&e->timers);
    snprintf(command, sizeof command, "rm -rf %s", e->root);
    ASSERT(system(command) == 0);
}

/* One thing: a message, a job, or a timer that is due. False: there is nothing to do now. */
static bool plog_env_step(struct plog_env *e)
{
    if (e->messages != NULL) {
        struct env_msg *msg = e->messages;
        e->messages = msg->next;
        if (e->messages == NULL)
            e->messages_end = &e->messages;
        msg->deliver(&e->env, msg);
        return true;
    }
    if (!list_empty(&e->jobs)) {
        struct list *node = e->jobs.next;
        if (e->shuffle && prng_chance(&e->prng, 1, 2))
            node = e->jobs.prev;
        list_remove(node);
        struct env_job *job = LIST_ENTRY(node, struct env_job, node);
        struct env_queue *queue = job->queue;
        job->run(job, &e->disk);
        queue->running = false;
        struct list *next = list_pop_front(&queue->jobs);
        if (next != NULL)
            plog_env_submit(&e->env, queue, LIST_ENTRY(next, struct env_job, node));
        job->done(&e->env, job);
        return true;
    }
    struct heap_node *first = heap_min(&e->timers);
    if (first != NULL && first->key <= e->now_ns) {
        struct env_timer *timer = CONTAINER_OF(first, struct env_timer, node);
        heap_remove(&e->timers, first);
        timer->fire(&e->env, timer);
        return true;
    }
    return false;
}

static void plog_env_run(struct plog_env *e)
{
    while (plog_env_step(e)) {
    }
}

static void plog_env_advance(struct plog_env *e, int64_t ms)
{
    e->now_ns += (uint64_t)ms * 1000000;
    e->wall_ms += ms;
    plog_env_run(e);
}

#endif
