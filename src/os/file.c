/* Files on the shard: writes to the page cache, and reads of what is in it. */
#include "os/os_int.h"

#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#define IOV_COUNT_MAX 1024 /* the system's (UIO_MAXIOV) */
#define IOV_REST_COUNT 16  /* of what is left after a short write */

/* Calls with the vector from (index, offset) on. */
static ssize_t write_some(int fd, const struct env_iov *iov, size_t iov_count, size_t offset,
                          uint64_t position)
{
    const struct iovec *whole = (const struct iovec *)iov;
    if (offset == 0)
        return pwritev(fd, whole, (int)(iov_count < IOV_COUNT_MAX ? iov_count : IOV_COUNT_MAX),
                       (off_t)position);
    struct iovec rest[IOV_REST_COUNT];
    size_t count = iov_count < IOV_REST_COUNT ? iov_count : IOV_REST_COUNT;
    memcpy(rest, whole, count * sizeof rest[0]);
    rest[0].iov_base = (char *)rest[0].iov_base + offset;
    rest[0].iov_len -= offset;
    return pwritev(fd, rest, (int)count, (off_t)position);
}

enum err os_env_file_write(struct env *env, struct env_file *file, const struct env_iov *iov,
                           size_t iov_count, uint64_t position)
{
    os_shard_check(os_shard_of(env));
    size_t offset = 0; /* into the first of what is left */
    for (;;) {
        while (iov_count > 0 && offset >= iov->size) {
            offset -= iov->size;
            iov++;
            iov_count--;
        }
        if (iov_count == 0)
            return ERR_OK;
        ASSERT(position <= INT64_MAX);
        ssize_t written = write_some(file->fd, iov, iov_count, offset, position);
        if (written > 0) {
            position += (uint64_t)written;
            offset += (size_t)written;
            continue;
        }
        if (written < 0 && errno == EINTR)
            continue;
        int code = written < 0 ? errno : EIO; /* a device that takes nothing and does not say why */
        os_disk_complain("write to", NULL, file->fd, code);
        return os_err(code);
    }
}

/* A filesystem that refuses RWF_NOWAIT: if it has no disk, a plain read does not wait either. */
static void nowait_refused(struct env_file *file)
{
    struct statfs about;
    bool in_memory = fstatfs(file->fd, &about) == 0 &&
                     (about.f_type == TMPFS_MAGIC || about.f_type == RAMFS_MAGIC);
    atomic_store_explicit(&file->nowait, in_memory ? OS_NOWAIT_NOT_NEEDED : OS_NOWAIT_REFUSED,
                          memory_order_relaxed);
}

enum err os_env_file_read(struct env *env, struct env_file *file, void *out, size_t size,
                          uint64_t position, size_t *out_size)
{
    os_shard_check(os_shard_of(env));
    *out_size = 0;
    ASSERT(position <= INT64_MAX);
    struct iovec iov = {.iov_base = out, .iov_len = size};
    for (;;) {
        int nowait = atomic_load_explicit(&file->nowait, memory_order_relaxed);
        if (nowait == OS_NOWAIT_REFUSED)
            return ERR_AGAIN;
        ssize_t got = preadv2(file->fd, &iov, 1, (off_t)position,
                              nowait == OS_NOWAIT_NOT_NEEDED ? 0 : RWF_NOWAIT);
        if (got >= 0) {
            *out_size = (size_t)got;
            return ERR_OK;
        }
        switch (errno) {
        case EINTR:
            break;
        case EAGAIN:
            return ERR_AGAIN;
        case EOPNOTSUPP: /* the filesystem */
        case ENOSYS:     /* the kernel */
            if (nowait != OS_NOWAIT_UNKNOWN)
                return ERR_AGAIN;
            nowait_refused(file);
            break;
        default:
            os_disk_complain("read from", NULL, file->fd, errno);
            return os_err(errno);
        }
    }
}
