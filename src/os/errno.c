/* The system's errors as ours. */
#define LOG_ROOM "os"
#include "os/os_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
    int code;
    enum err err;
} os_errs[] = {
    {EAGAIN, ERR_AGAIN},  {ENOENT, ERR_NOTFOUND},    {ENOTDIR, ERR_NOTFOUND}, /* a part of the path
                                                                                 is no folder */
    {EEXIST, ERR_EXISTS}, {ENOTEMPTY, ERR_NOTEMPTY}, {ENOSPC, ERR_NOSPACE},   {EDQUOT, ERR_NOSPACE},
    {EFBIG, ERR_NOSPACE}, /* RLIMIT_FSIZE or the filesystem's largest file */
    {EACCES, ERR_DENIED}, {EPERM, ERR_DENIED},       {EROFS, ERR_DENIED},     {EBUSY, ERR_BUSY},
    {ETXTBSY, ERR_BUSY},
};

enum err os_err(int code)
{
    for (size_t i = 0; i < ARRAY_COUNT(os_errs); i++)
        if (os_errs[i].code == code)
            return os_errs[i].err;
    return ERR_IO;
}

const char *os_err_sentence(int code)
{
    const char *sentence = strerrordesc_np(code);
    return sentence != NULL ? sentence : "unknown error";
}

void os_disk_complain(const char *what, const char *path, int fd, int code)
{
    static _Atomic uint64_t quiet_until_ns;
    static _Atomic uint64_t silenced_count;

    uint64_t now_ns = os_now_ns();
    uint64_t until_ns = atomic_load(&quiet_until_ns);
    if (now_ns < until_ns || !atomic_compare_exchange_strong(&quiet_until_ns, &until_ns,
                                                             now_ns + UINT64_C(1000000000))) {
        atomic_fetch_add(&silenced_count, 1);
        return;
    }
    uint64_t silenced = atomic_exchange(&silenced_count, 0);
    char link[64];
    char found[1024];
    if (path == NULL) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t size = readlink(link, found, sizeof found - 1);
        found[size > 0 ? size : 0] = 0;
        path = found;
    }
    if (silenced > 0)
        LOG_WARN("cannot %s %s: %s (and %llu more failed disk operations before it)", what, path,
                 os_err_sentence(code), (unsigned long long)silenced);
    else
        LOG_WARN("cannot %s %s: %s", what, path, os_err_sentence(code));
}
