/*
 * Preloaded into a node (LD_PRELOAD): while the file $FAIL_WHEN exists, whatever touches a file or
 * folder below $FAIL_BELOW fails with EIO, as on a disk that has died.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static bool is_dead(const char *path)
{
    const char *below = getenv("FAIL_BELOW"), *when = getenv("FAIL_WHEN");
    return below != NULL && when != NULL && strncmp(path, below, strlen(below)) == 0 &&
           faccessat(AT_FDCWD, when, F_OK, 0) == 0;
}

static bool fd_is_dead(int fd)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0)
        return false;
    path[size] = '\0';
    return is_dead(path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL_IF(condition) \
    do {                   \
        if (condition) {   \
            errno = EIO;   \
            return -1;     \
        }                  \
    } while (0)

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    FAIL_IF(is_dead(path));
    return openat(AT_FDCWD, path, flags, mode);
}

int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags)
{
    FAIL_IF(is_dead(path));
    return openat(AT_FDCWD, path, flags);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    FAIL_IF(fd_is_dead(fd));
    return REAL(pwrite)(fd, data, size, at);
}

ssize_t pwritev(int fd, const struct iovec *iov, int count, off_t at)
{
    FAIL_IF(fd_is_dead(fd));
    return REAL(pwritev)(fd, iov, count, at);
}

ssize_t pwritev2(int fd, const struct iovec *iov, int count, off_t at, int flags)
{
    FAIL_IF(fd_is_dead(fd));
    return REAL(pwritev2)(fd, iov, count, at, flags);
}

int fsync(int fd)
{
    FAIL_IF(fd_is_dead(fd));
    return REAL(fsync)(fd);
}

int fdatasync(int fd)
{
    FAIL_IF(fd_is_dead(fd));
    return REAL(fdatasync)(fd);
}

int mkdir(const char *path, mode_t mode)
{
    FAIL_IF(is_dead(path));
    return REAL(mkdir)(path, mode);
}

int rename(const char *from, const char *to)
{
    FAIL_IF(is_dead(from));
    return REAL(rename)(from, to);
}

int stat(const char *path, struct stat *out)
{
    FAIL_IF(is_dead(path));
    return fstatat(AT_FDCWD, path, out, 0);
}

DIR *opendir(const char *path)
{
    if (is_dead(path)) {
        errno = EIO;
        return NULL;
    }
    return REAL(opendir)(path);
}
