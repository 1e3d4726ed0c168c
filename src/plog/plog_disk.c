/* Small blocking steps that several jobs share. */
#include "plog/plog_int.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

void plog_path(char out[PLOG_PATH_BYTES], const char *folder, const char *name)
{
    int size = snprintf(out, PLOG_PATH_BYTES, "%s/%s", folder, name);
    ASSERT(size > 0 && size < PLOG_PATH_BYTES);
}

void plog_path_of(char out[PLOG_PATH_BYTES], const char *folder, enum plog_file_kind kind,
                  int64_t base_offset)
{
    char name[PLOG_FILE_NAME_BYTES];
    plog_file_name_make(kind, base_offset, name);
    plog_path(out, folder, name);
}

enum err plog_disk_load(struct env_disk *disk, const char *path, size_t size_max, uint8_t **out,
                        size_t *out_size)
{
    struct env_file *file = NULL;
    uint8_t *data = NULL;
    uint64_t size;
    enum err err = disk_open(disk, path, DISK_READ, &file);
    if (err != ERR_OK)
        return err;
    err = disk_size(disk, file, &size);
    if (err != ERR_OK)
        goto done;
    if (size > size_max) {
        err = ERR_LIMIT;
        goto done;
    }
    data = mem_try_alloc((size_t)size + 1);
    if (data == NULL) {
        err = ERR_NOMEM;
        goto done;
    }
    err = disk_read(disk, file, data, (size_t)size, 0, out_size);
    if (err != ERR_OK)
        goto done;
    data[*out_size] = 0;
    *out = data;
    data = NULL;
done:
    mem_free(data);
    disk_close(disk, file);
    return err;
}

enum err plog_disk_store(struct env_disk *disk, const char *path, const void *data, size_t size)
{
    char beside[PLOG_PATH_BYTES];
    int length = snprintf(beside, sizeof beside, "%s.tmp", path);
    ASSERT(length > 0 && (size_t)length < sizeof beside);
    struct env_file *file = NULL;
    enum err err = disk_open(disk, beside, DISK_WRITE | DISK_CREATE | DISK_TRUNCATE, &file);
    if (err != ERR_OK)
        return err;
    err = disk_write(disk, file, data, size, 0);
    if (err == ERR_OK)
        err = disk_sync(disk, file);
    disk_close(disk, file);
    if (err == ERR_OK)
        err = disk_rename(disk, beside, path);
    return err;
}

enum err plog_disk_remove(struct env_disk *disk, const char *path)
{
    enum err err = disk_unlink(disk, path);
    return err == ERR_NOTFOUND ? ERR_OK : err;
}

enum err plog_disk_sync_path(struct env_disk *disk, const char *path)
{
    struct env_file *file = NULL;
    enum err err = disk_open(disk, path, DISK_READ | DISK_WRITE, &file);
    if (err != ERR_OK)
        return err;
    err = disk_sync(disk, file);
    disk_close(disk, file);
    return err;
}
