#ifndef ENV_DISK_H
#define ENV_DISK_H
/*
 * Files, blocking: only inside a job (env_job), or where there is no loop (the command line). Paths
 * are UTF-8 text; absolute, or relative to the process's folder. Errors: ERR_NOTFOUND, ERR_EXISTS,
 * ERR_NOTEMPTY, ERR_NOSPACE, ERR_DENIED, ERR_BUSY, and ERR_IO for the rest.
 *
 * Names survive a crash (of the machine) only after disk_sync_folder of the folder that holds them,
 * content only after disk_sync of the file. Until then each unsynced write may be there, absent,
 * torn or garbage, and each unsynced name change done or not done.
 */
#include "base/assert.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct env_file;
struct env_disk;

enum disk_open_flags {
    DISK_READ = 1,
    DISK_WRITE = 2,
    DISK_CREATE = 4,    /* make it if absent */
    DISK_EXCLUSIVE = 8, /* with DISK_CREATE: ERR_EXISTS if present */
    DISK_TRUNCATE = 16, /* empty it */
};

enum disk_kind { DISK_KIND_FILE, DISK_KIND_FOLDER, DISK_KIND_OTHER };

struct disk_stat {
    enum disk_kind kind;
    uint64_t size_bytes;
    int64_t modified_ms; /* since 1970 */
};

struct disk_space {
    uint64_t total_bytes;
    uint64_t free_bytes; /* for us, without the superuser's reserve */
};

/* One name in a folder; "." and ".." are not told. Return false to stop. */
typedef bool disk_list_fn(void *context, const char *name, enum disk_kind kind);

struct env_disk_ops {
    enum err (*open)(struct env_disk *disk, const char *path, unsigned flags,
                     struct env_file **out);
    void (*close)(struct env_disk *disk, struct env_file *file);
    enum err (*read)(struct env_disk *disk, struct env_file *file, void *out, size_t size,
                     uint64_t position, size_t *out_size);
    enum err (*write)(struct env_disk *disk, struct env_file *file, const void *data, size_t size,
                      uint64_t position);
    enum err (*truncate)(struct env_disk *disk, struct env_file *file, uint64_t size_bytes);
    /* NULL: there is nothing to reserve. */
    enum err (*reserve)(struct env_disk *disk, struct env_file *file, uint64_t size_bytes);
    enum err (*sync)(struct env_disk *disk, struct env_file *file);
    /* NULL: it is left to the machine. */
    enum err (*writeback)(struct env_disk *disk, struct env_file *file, uint64_t position,
                          uint64_t size);
    enum err (*size)(struct env_disk *disk, struct env_file *file, uint64_t *out_bytes);
    enum err (*sync_folder)(struct env_disk *disk, const char *path);
    enum err (*rename)(struct env_disk *disk, const char *from, const char *to);
    enum err (*unlink)(struct env_disk *disk, const char *path);
    enum err (*mkdir)(struct env_disk *disk, const char *path);
    enum err (*rmdir)(struct env_disk *disk, const char *path);
    enum err (*list)(struct env_disk *disk, const char *path, disk_list_fn *fn, void *context);
    enum err (*stat)(struct env_disk *disk, const char *path, struct disk_stat *out);
    enum err (*set_modified)(struct env_disk *disk, const char *path, int64_t modified_ms);
    enum err (*space)(struct env_disk *disk, const char *path, struct disk_space *out);
    enum err (*lock)(struct env_disk *disk, const char *path, struct env_file **out);
    /* Both may be NULL: ERR_UNSUPPORTED. */
    enum err (*volume_open)(struct env_disk *disk, const char *path, struct env_file **out);
    enum err (*volume_sync)(struct env_disk *disk, struct env_file *volume);
};

struct env_disk {
    const struct env_disk_ops *ops;
};

static inline MUST_USE enum err disk_open(struct env_disk *disk, const char *path, unsigned flags,
                                          struct env_file **out)
{
    return disk->ops->open(disk, path, flags, out);
}

/* Does not sync. NULL is harmless. */
static inline void disk_close(struct env_disk *disk, struct env_file *file)
{
    if (file != NULL)
        disk->ops->close(disk, file);
}

/* As many bytes as there are, up to size: fewer only at the end of the file. */
static inline MUST_USE enum err disk_read(struct env_disk *disk, struct env_file *file, void *out,
                                          size_t size, uint64_t position, size_t *out_size)
{
    return disk->ops->read(disk, file, out, size, position, out_size);
}

/* All of it, or an error. A hole before the position reads as zeros. */
static inline MUST_USE enum err disk_write(struct env_disk *disk, struct env_file *file,
                                           const void *data, size_t size, uint64_t position)
{
    return disk->ops->write(disk, file, data, size, position);
}

/* Shorter or longer (zeros, without blocks of their own). */
static inline MUST_USE enum err disk_truncate(struct env_disk *disk, struct env_file *file,
                                              uint64_t size_bytes)
{
    return disk->ops->truncate(disk, file, size_bytes);
}

/* Room on the disk for the file's first bytes, without changing its size; what is not used goes
 * back with disk_truncate to its size. ERR_OK as well where a filesystem knows no such thing. */
static inline MUST_USE enum err disk_reserve(struct env_disk *disk, struct env_file *file,
                                             uint64_t size_bytes)
{
    return disk->ops->reserve == NULL ? ERR_OK : disk->ops->reserve(disk, file, size_bytes);
}

static inline MUST_USE enum err disk_sync(struct env_disk *disk, struct env_file *file)
{
    return disk->ops->sync(disk, file);
}

/* Has the bytes of the range written to the disk, and waits for that. Promises nothing: neither the
 * file's size nor the disk's own cache is part of it. An error is as bad as a sync's. */
static inline MUST_USE enum err disk_writeback(struct env_disk *disk, struct env_file *file,
                                               uint64_t position, uint64_t size)
{
    return disk->ops->writeback == NULL ? ERR_OK : disk->ops->writeback(disk, file, position, size);
}

static inline MUST_USE enum err disk_size(struct env_disk *disk, struct env_file *file,
                                          uint64_t *out_bytes)
{
    return disk->ops->size(disk, file, out_bytes);
}

static inline MUST_USE enum err disk_sync_folder(struct env_disk *disk, const char *path)
{
    return disk->ops->sync_folder(disk, path);
}

/* Replaces `to` if it is a file. Files and folders. */
static inline MUST_USE enum err disk_rename(struct env_disk *disk, const char *from, const char *to)
{
    return disk->ops->rename(disk, from, to);
}

static inline MUST_USE enum err disk_unlink(struct env_disk *disk, const char *path)
{
    return disk->ops->unlink(disk, path);
}

static inline MUST_USE enum err disk_mkdir(struct env_disk *disk, const char *path)
{
    return disk->ops->mkdir(disk, path);
}

static inline MUST_USE enum err disk_rmdir(struct env_disk *disk, const char *path)
{
    return disk->ops->rmdir(disk, path);
}

/* In no particular order. The function may not change the folder. */
static inline MUST_USE enum err disk_list(struct env_disk *disk, const char *path, disk_list_fn *fn,
                                          void *context)
{
    return disk->ops->list(disk, path, fn, context);
}

static inline MUST_USE enum err disk_stat(struct env_disk *disk, const char *path,
                                          struct disk_stat *out)
{
    return disk->ops->stat(disk, path, out);
}

static inline MUST_USE enum err disk_set_modified(struct env_disk *disk, const char *path,
                                                  int64_t modified_ms)
{
    return disk->ops->set_modified(disk, path, modified_ms);
}

static inline MUST_USE enum err disk_space(struct env_disk *disk, const char *path,
                                           struct disk_space *out)
{
    return disk->ops->space(disk, path, out);
}

/* Creates the file if absent and holds a record lock on it, as Java does, until it is closed.
 * ERR_BUSY: another process has it. */
static inline MUST_USE enum err disk_lock(struct env_disk *disk, const char *path,
                                          struct env_file **out)
{
    return disk->ops->lock(disk, path, out);
}

/*
 * The filesystem that a folder is on, to make much of it durable at once: content and names, of
 * whoever wrote them. It learns of writes that failed after it was opened, so it is opened before
 * what it is to cover is written; then only disk_volume_sync and disk_close. ERR_UNSUPPORTED: the
 * system does not tell of failures there; files and folders are synced one by one.
 */
static inline MUST_USE enum err disk_volume_open(struct env_disk *disk, const char *path,
                                                 struct env_file **out)
{
    return disk->ops->volume_open == NULL ? ERR_UNSUPPORTED
                                          : disk->ops->volume_open(disk, path, out);
}

static inline MUST_USE enum err disk_volume_sync(struct env_disk *disk, struct env_file *volume)
{
    return disk->ops->volume_sync(disk, volume);
}

#endif
