/* Files, blocking: env/disk.h over Linux's calls. No state of its own: one disk serves all threads.
 */
#define LOG_ROOM "os"
#include "os/os_int.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

/* As Java creates files and folders: the umask decides. */
#define FILE_MODE 0666
#define FOLDER_MODE 0777

/* errno as ours, with a line in the log for what a caller cannot expect. */
static enum err disk_err(const char *what, const char *path, int fd)
{
    int code = errno;
    enum err err = os_err(code);
    struct stat about;
    /* The path leads through something that is no folder, or to something that would have to be
     * one. */
    if (code == ENOTDIR && stat(path, &about) == 0)
        err = ERR_IO;
    if (err == ERR_IO || err == ERR_NOSPACE || err == ERR_DENIED)
        os_disk_complain(what, path, fd, code);
    return err;
}

static struct env_file *file_new(int fd)
{
    struct env_file *file = mem_zalloc(sizeof *file);
    file->fd = fd;
    atomic_init(&file->nowait, OS_NOWAIT_UNKNOWN);
    return file;
}

static enum err disk_os_open(struct env_disk *disk, const char *path, unsigned flags,
                             struct env_file **out)
{
    UNUSED(disk);
    ASSERT((flags & (DISK_READ | DISK_WRITE)) != 0);
    *out = NULL;
    int mode = (flags & DISK_WRITE) == 0 ? O_RDONLY : (flags & DISK_READ) == 0 ? O_WRONLY : O_RDWR;
    mode |= O_CLOEXEC;
    mode |= (flags & DISK_CREATE) ? O_CREAT : 0;
    mode |= (flags & DISK_EXCLUSIVE) ? O_EXCL : 0;
    mode |= (flags & DISK_TRUNCATE) ? O_TRUNC : 0;
    int fd;
    do {
        fd = open(path, mode, FILE_MODE);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return disk_err("open", path, -1);
    *out = file_new(fd);
    return ERR_OK;
}

static void disk_os_close(struct env_disk *disk, struct env_file *file)
{
    UNUSED(disk);
    /* What it may report was not synced, hence not promised. Linux has closed it even so. */
    close(file->fd);
    mem_free(file);
}

static enum err disk_os_read(struct env_disk *disk, struct env_file *file, void *out, size_t size,
                             uint64_t position, size_t *out_size)
{
    UNUSED(disk);
    ASSERT(position <= INT64_MAX);
    size_t done = 0;
    *out_size = 0;
    while (done < size) {
        ssize_t got = pread(file->fd, (char *)out + done, size - done, (off_t)(position + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return disk_err("read from", NULL, file->fd);
        if (got == 0)
            break;
        done += (size_t)got;
    }
    *out_size = done;
    return ERR_OK;
}

static enum err disk_os_write(struct env_disk *disk, struct env_file *file, const void *data,
                              size_t size, uint64_t position)
{
    UNUSED(disk);
    ASSERT(position <= INT64_MAX);
    size_t done = 0;
    while (done < size) {
        ssize_t written =
            pwrite(file->fd, (const char *)data + done, size - done, (off_t)(position + done));
        if (written < 0 && errno == EINTR)
            continue;
        if (written == 0)
            errno = EIO;
        if (written <= 0)
            return disk_err("write to", NULL, file->fd);
        done += (size_t)written;
    }
    return ERR_OK;
}

static enum err disk_os_truncate(struct env_disk *disk, struct env_file *file, uint64_t size_bytes)
{
    UNUSED(disk);
    ASSERT(size_bytes <= INT64_MAX);
    int code;
    do {
        code = ftruncate(file->fd, (off_t)size_bytes);
    } while (code != 0 && errno == EINTR);
    return code == 0 ? ERR_OK : disk_err("change the size of", NULL, file->fd);
}

static enum err disk_os_reserve(struct env_disk *disk, struct env_file *file, uint64_t size_bytes)
{
    UNUSED(disk);
    ASSERT(size_bytes > 0 && size_bytes <= INT64_MAX);
    int code;
    do {
        code = fallocate(file->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size_bytes);
    } while (code != 0 && errno == EINTR);
    if (code == 0 || errno == EOPNOTSUPP || errno == ENOSYS)
        return ERR_OK;
    return disk_err("reserve room for", NULL, file->fd);
}

/* fdatasync writes the size as well, when it has changed; only times may be lost. */
static enum err disk_os_sync(struct env_disk *disk, struct env_file *file)
{
    UNUSED(disk);
    /* EINTR is not repeated: after a sync that failed in any way nobody knows what is on the disk.
     */
    return fdatasync(file->fd) == 0 ? ERR_OK : disk_err("sync", NULL, file->fd);
}

static enum err disk_os_writeback(struct env_disk *disk, struct env_file *file, uint64_t position,
                                  uint64_t size)
{
    UNUSED(disk);
    const unsigned flags =
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    if (sync_file_range(file->fd, (off_t)position, (off_t)size, flags) == 0)
        return ERR_OK;
    /* Not every filesystem has it; then the kernel writes when it likes to. */
    if (errno != EIO && errno != ENOSPC && errno != EDQUOT)
        return ERR_OK;
    return disk_err("write", NULL, file->fd);
}

static enum err disk_os_size(struct env_disk *disk, struct env_file *file, uint64_t *out_bytes)
{
    UNUSED(disk);
    struct stat about;
    *out_bytes = 0;
    if (fstat(file->fd, &about) != 0)
        return disk_err("ask for the size of", NULL, file->fd);
    *out_bytes = (uint64_t)about.st_size;
    return ERR_OK;
}

static enum err disk_os_sync_folder(struct env_disk *disk, const char *path)
{
    UNUSED(disk);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return disk_err("open the folder", path, -1);
    enum err err = ERR_OK;
    /* Some network filesystems refuse a folder's sync with EINVAL: their names are on the server.
     */
    if (fsync(fd) != 0 && errno != EINVAL)
        err = disk_err("sync the folder", path, -1);
    close(fd);
    return err;
}

static enum err disk_os_rename(struct env_disk *disk, const char *from, const char *to)
{
    UNUSED(disk);
    return rename(from, to) == 0 ? ERR_OK : disk_err("rename", from, -1);
}

static enum err disk_os_unlink(struct env_disk *disk, const char *path)
{
    UNUSED(disk);
    return unlink(path) == 0 ? ERR_OK : disk_err("remove", path, -1);
}

static enum err disk_os_mkdir(struct env_disk *disk, const char *path)
{
    UNUSED(disk);
    return mkdir(path, FOLDER_MODE) == 0 ? ERR_OK : disk_err("make the folder", path, -1);
}

static enum err disk_os_rmdir(struct env_disk *disk, const char *path)
{
    UNUSED(disk);
    if (rmdir(path) == 0)
        return ERR_OK;
    if (errno == EEXIST) /* POSIX allows either */
        errno = ENOTEMPTY;
    return disk_err("remove the folder", path, -1);
}

static enum disk_kind kind_of_mode(mode_t mode)
{
    return S_ISREG(mode) ? DISK_KIND_FILE : S_ISDIR(mode) ? DISK_KIND_FOLDER : DISK_KIND_OTHER;
}

/* Through symbolic links, as Java's File tells them. */
static enum disk_kind kind_of_entry(DIR *folder, const struct dirent *entry)
{
    if (entry->d_type == DT_REG)
        return DISK_KIND_FILE;
    if (entry->d_type == DT_DIR)
        return DISK_KIND_FOLDER;
    struct stat about;
    if (fstatat(dirfd(folder), entry->d_name, &about, 0) != 0)
        return DISK_KIND_OTHER;
    return kind_of_mode(about.st_mode);
}

static enum err disk_os_list(struct env_disk *disk, const char *path, disk_list_fn *fn,
                             void *context)
{
    UNUSED(disk);
    DIR *folder = opendir(path);
    if (folder == NULL)
        return disk_err("list the folder", path, -1);
    enum err err = ERR_OK;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (entry == NULL) {
            if (errno != 0)
                err = disk_err("list the folder", path, -1);
            break;
        }
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        if (!fn(context, name, kind_of_entry(folder, entry)))
            break;
    }
    closedir(folder);
    return err;
}

static enum err disk_os_stat(struct env_disk *disk, const char *path, struct disk_stat *out)
{
    UNUSED(disk);
    struct stat about;
    *out = (struct disk_stat){0};
    if (stat(path, &about) != 0)
        return disk_err("look at", path, -1);
    out->kind = kind_of_mode(about.st_mode);
    out->size_bytes = (uint64_t)about.st_size;
    out->modified_ms = (int64_t)about.st_mtim.tv_sec * 1000 + about.st_mtim.tv_nsec / 1000000;
    return ERR_OK;
}

static enum err disk_os_set_modified(struct env_disk *disk, const char *path, int64_t modified_ms)
{
    UNUSED(disk);
    int64_t ms = modified_ms % 1000;
    if (ms < 0)
        ms += 1000;
    struct timespec times[2] = {
        {.tv_nsec = UTIME_OMIT},
        {.tv_sec = (time_t)((modified_ms - ms) / 1000), .tv_nsec = (long)ms * 1000000},
    };
    return utimensat(AT_FDCWD, path, times, 0) == 0 ? ERR_OK
                                                    : disk_err("set the time of", path, -1);
}

static enum err disk_os_space(struct env_disk *disk, const char *path, struct disk_space *out)
{
    UNUSED(disk);
    struct statvfs about;
    *out = (struct disk_space){0};
    int code;
    do {
        code = statvfs(path, &about);
    } while (code != 0 && errno == EINTR);
    if (code != 0)
        return disk_err("ask for the space of", path, -1);
    out->total_bytes = (uint64_t)about.f_blocks * about.f_frsize;
    out->free_bytes = (uint64_t)about.f_bavail * about.f_frsize;
    return ERR_OK;
}

/*
 * To other processes an open-file-description lock over the whole file is the same exclusive record
 * lock as Java's tryLock takes (F_SETLK): each refuses the other. Unlike F_SETLK's it belongs to
 * this descriptor: it does not vanish when somebody here opens and closes the file again, and a
 * second lock in one process is refused as well.
 */
static enum err disk_os_lock(struct env_disk *disk, const char *path, struct env_file **out)
{
    enum err err = disk_os_open(disk, path, DISK_READ | DISK_WRITE | DISK_CREATE, out);
    if (err != ERR_OK)
        return err;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int code = fcntl((*out)->fd, F_OFD_SETLK, &lock);
    if (code != 0 && errno == EINVAL) /* a system that lacks them */
        code = fcntl((*out)->fd, F_SETLK, &lock);
    if (code == 0)
        return ERR_OK;
    err = errno == EAGAIN || errno == EACCES ? ERR_BUSY : disk_err("lock", path, -1);
    disk_os_close(disk, *out);
    *out = NULL;
    return err;
}

/* Since Linux 5.8 syncfs tells of writes that failed since the descriptor was opened. */
static bool syncfs_tells(void)
{
    struct utsname about;
    int major = 0, minor = 0;
    return uname(&about) == 0 && sscanf(about.release, "%d.%d", &major, &minor) == 2 &&
           (major > 5 || (major == 5 && minor >= 8));
}

static enum err disk_os_volume_open(struct env_disk *disk, const char *path, struct env_file **out)
{
    UNUSED(disk);
    if (!syncfs_tells())
        return ERR_UNSUPPORTED;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return disk_err("open the folder", path, -1);
    *out = file_new(fd);
    return ERR_OK;
}

static enum err disk_os_volume_sync(struct env_disk *disk, struct env_file *volume)
{
    UNUSED(disk);
    return syncfs(volume->fd) == 0 ? ERR_OK : disk_err("sync the filesystem of", NULL, volume->fd);
}

static const struct env_disk_ops disk_os_ops = {
    .open = disk_os_open,
    .close = disk_os_close,
    .read = disk_os_read,
    .write = disk_os_write,
    .truncate = disk_os_truncate,
    .reserve = disk_os_reserve,
    .sync = disk_os_sync,
    .writeback = disk_os_writeback,
    .size = disk_os_size,
    .sync_folder = disk_os_sync_folder,
    .rename = disk_os_rename,
    .unlink = disk_os_unlink,
    .mkdir = disk_os_mkdir,
    .rmdir = disk_os_rmdir,
    .list = disk_os_list,
    .stat = disk_os_stat,
    .set_modified = disk_os_set_modified,
    .space = disk_os_space,
    .lock = disk_os_lock,
    .volume_open = disk_os_volume_open,
    .volume_sync = disk_os_volume_sync,
};

struct env_disk *os_disk(void)
{
    static struct env_disk disk = {.ops = &disk_os_ops};
    return &disk;
}
