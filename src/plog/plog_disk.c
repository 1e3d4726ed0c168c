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

enum err plog_disk_sync(struct env_disk *disk, struct env_file *file, const char *folder)
{
    enum err err = disk_sync(disk, file);
    if (err != ERR_OK)
        plog_disk_distrust(disk, folder);
    return err;
}

void plog_disk_distrust(struct env_disk *disk, const char *folder)
{
    char path[PLOG_PATH_BYTES];
    struct env_file *mark = NULL;
    plog_path(path, folder, PLOG_DISTRUST_NAME);
    if (disk_open(disk, path, DISK_WRITE | DISK_CREATE, &mark) == ERR_OK)
        disk_close(disk, mark);
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

#define METADATA_BYTES_MAX ((size_t)1 << 20)

static bool see_records(void *context, const char *text, enum disk_kind kind)
{
    struct plog_file_name name;
    bool *seen = context;
    plog_file_name_parse(text, &name);
    /* Any segment but an untouched first one, by the names alone: an empty segment of a later
     * offset had records before it. */
    if (kind != DISK_KIND_FOLDER && name.kind == PLOG_FILE_LOG)
        *seen = true;
    return !*seen;
}

static enum err has_records(struct env_disk *disk, const char *folder, bool *out)
{
    *out = false;
    enum err err = disk_list(disk, folder, see_records, out);
    if (err != ERR_OK || !*out)
        return err;
    char path[PLOG_PATH_BYTES];
    struct disk_stat stat;
    plog_path_of(path, folder, PLOG_FILE_LOG, 0);
    err = disk_stat(disk, path, &stat);
    if (err == ERR_OK)
        *out = stat.size_bytes > 0;
    return err == ERR_NOTFOUND ? ERR_OK : err;
}

enum err plog_disk_load_metadata(struct env_disk *disk, const char *folder,
                                 struct uuid *out_topic_id)
{
    char path[PLOG_PATH_BYTES];
    uint8_t *text;
    size_t size;
    bool records;
    plog_path(path, folder, PLOG_METADATA_NAME);
    enum err err = plog_disk_load(disk, path, METADATA_BYTES_MAX, &text, &size);
    if (err != ERR_OK)
        return err;
    enum err parsed = plog_metadata_parse((const char *)text, size, out_topic_id);
    mem_free(text);
    if (parsed == ERR_OK)
        return ERR_OK;
    err = has_records(disk, folder, &records);
    if (err != ERR_OK)
        return err;
    return records ? parsed : ERR_NOTFOUND;
}
