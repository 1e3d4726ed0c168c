/*
 * A log directory as a whole: its lock, the folders in it, the mark of a clean stop.
 */
#define LOG_ROOM "plog"
#include "plog/plog_dir.h"

#include "plog/plog_int.h"

#include "base/hmap.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define CLEAN_NAME ".kafka_cleanshutdown"
#define LOCK_NAME ".lock"
#define METADATA_LOG_NAME "__cluster_metadata-0"
#define SMALL_FILE_BYTES_MAX ((size_t)1 << 20)

static enum err fail(char error[PLOG_DIR_ERROR_BYTES], enum err err, const char *step,
                     const char *path)
{
    snprintf(error, PLOG_DIR_ERROR_BYTES, "%s %.400s: %s", step, path, err_text(err));
    return err;
}

/* ---- Lock and marks ------------------------------------------------------------------------- */

/* The directory's own name is durable before anything in it is promised to be; also when it was
 * made by a process that died before it got that far. */
static enum err sync_parent(struct env_disk *disk, const char *dir)
{
    char parent[PLOG_PATH_BYTES];
    snprintf(parent, sizeof parent, "%s", dir);
    size_t size = strlen(parent);
    while (size > 1 && parent[size - 1] == '/')
        parent[--size] = 0;
    char *slash = strrchr(parent, '/');
    if (slash == NULL)
        return disk_sync_folder(disk, ".");
    slash[slash == parent ? 1 : 0] = 0;
    return disk_sync_folder(disk, parent);
}

static enum err dir_make(struct env_disk *disk, const char *dir, char error[PLOG_DIR_ERROR_BYTES])
{
    struct disk_stat stat;
    enum err err = disk_stat(disk, dir, &stat);
    if (err == ERR_OK && stat.kind != DISK_KIND_FOLDER) {
        snprintf(error, PLOG_DIR_ERROR_BYTES, "the log directory %.400s is a file, not a folder",
                 dir);
        return ERR_INVALID;
    }
    if (err == ERR_NOTFOUND)
        err = disk_mkdir(disk, dir);
    if (err == ERR_NOTFOUND) {
        snprintf(error, PLOG_DIR_ERROR_BYTES,
                 "the log directory %.400s cannot be made: the folder above it does not exist",
                 dir);
        return err;
    }
    return err == ERR_OK ? ERR_OK : fail(error, err, "make the log directory", dir);
}

enum err plog_dir_lock(struct env_disk *disk, const char *dir, struct env_file **out_lock,
                       char error[PLOG_DIR_ERROR_BYTES])
{
    char path[PLOG_PATH_BYTES];
    enum err err = dir_make(disk, dir, error);
    if (err != ERR_OK)
        return err;
    err = sync_parent(disk, dir);
    if (err != ERR_OK && err != ERR_DENIED) /* the parent need not be ours to open */
        return fail(error, err, "sync the folder above", dir);
    plog_path(path, dir, LOCK_NAME);
    err = disk_lock(disk, path, out_lock);
    if (err == ERR_BUSY) {
        snprintf(error, PLOG_DIR_ERROR_BYTES,
                 "%.400s is locked: another process uses this log directory", path);
        return err;
    }
    if (err == ERR_DENIED) {
        snprintf(error, PLOG_DIR_ERROR_BYTES,
                 "%.400s: permission denied; the folder has to belong to the user of the node",
                 path);
        return err;
    }
    return err == ERR_OK ? ERR_OK : fail(error, err, "lock", path);
}

enum err plog_dir_begin(struct env_disk *disk, const char *dir)
{
    char path[PLOG_PATH_BYTES];
    plog_path(path, dir, CLEAN_NAME);
    enum err err = plog_disk_remove(disk, path);
    return err == ERR_OK ? disk_sync_folder(disk, dir) : err;
}

enum err plog_dir_mark_clean(struct env_disk *disk, const char *dir, int64_t broker_epoch)
{
    char path[PLOG_PATH_BYTES];
    struct buf text = BUF_EMPTY;
    plog_path(path, dir, CLEAN_NAME);
    plog_clean_shutdown_format(&text, broker_epoch);
    enum err err = plog_disk_store(disk, path, text.data, text.size);
    if (err == ERR_OK)
        err = disk_sync_folder(disk, dir);
    buf_deinit(&text);
    return err;
}

enum err plog_dir_remove_folder(struct env_disk *disk, const char *dir, const char *name)
{
    char path[PLOG_PATH_BYTES];
    plog_path(path, dir, name);
    return plog_disk_remove_folder(disk, path);
}

enum err plog_dir_make_stray(struct env_disk *disk, const char *dir, const char *name)
{
    char from[PLOG_PATH_BYTES], to[PLOG_PATH_BYTES], topic[PLOG_NAME_BYTES], stray[256];
    enum plog_folder_kind kind;
    int32_t partition;
    if (!plog_parse_folder_name(name, &kind, topic, sizeof topic, &partition))
        return ERR_INVALID;
    /* Kafka's form has 32 hexadecimal digits that nobody reads; ours come from the name itself, so
     * that doing it twice is the same. */
    char suffix[80];
    uint64_t hash = UINT64_C(1469598103934665603);
    for (const char *at = name; *at != 0; at++)
        hash = (hash ^ (uint8_t)*at) * UINT64_C(1099511628211);
    int size = snprintf(suffix, sizeof suffix, "-%d.%016llx%016llx-stray", partition,
                        (unsigned long long)hash, (unsigned long long)~hash);
    snprintf(stray, sizeof stray, "%.*s%s", 255 - size, topic, suffix);
    plog_path(from, dir, name);
    plog_path(to, dir, stray);
    enum err err = disk_rename(disk, from, to);
    return err == ERR_OK ? disk_sync_folder(disk, dir) : err;
}

/* ---- Folder names --------------------------------------------------------------------------- */

static bool cut_suffix(char *text, const char *suffix)
{
    size_t size = strlen(text), suffix_size = strlen(suffix);
    if (size < suffix_size || strcmp(text + size - suffix_size, suffix) != 0)
        return false;
    text[size - suffix_size] = 0;
    return true;
}

/* "topic-12": the partition is what follows the last dash. */
static bool split_name(char *name, char *topic, size_t topic_size, int32_t *partition)
{
    char *dash = strrchr(name, '-');
    if (dash == NULL || dash == name)
        return false;
    struct plog_field number = {dash + 1, strlen(dash + 1)};
    if (dash[1] == '-' || !plog_field_i32(&number, partition))
        return false;
    *dash = 0;
    return (size_t)snprintf(topic, topic_size, "%s", name) < topic_size;
}

bool plog_parse_folder_name(const char *name, enum plog_folder_kind *kind, char *topic,
                            size_t topic_size, int32_t *partition)
{
    char text[256];
    if ((size_t)snprintf(text, sizeof text, "%s", name) >= sizeof text)
        return false;
    *kind = cut_suffix(text, "-delete")   ? PLOG_FOLDER_DELETE
            : cut_suffix(text, "-future") ? PLOG_FOLDER_FUTURE
            : cut_suffix(text, "-stray")  ? PLOG_FOLDER_STRAY
                                          : PLOG_FOLDER_PARTITION;
    if (*kind != PLOG_FOLDER_PARTITION) {
        /* A unique part: 32 hexadecimal digits behind a dot. */
        char *dot = strrchr(text, '.');
        size_t digits = dot == NULL ? 0 : strlen(dot + 1);
        bool unique = digits == 32 && strspn(dot + 1, "0123456789abcdef") == digits;
        if (unique)
            *dot = 0;
        else if (*kind != PLOG_FOLDER_FUTURE)
            return false;
    }
    return split_name(text, topic, topic_size, partition);
}

/* ---- Loading -------------------------------------------------------------------------------- */

struct loading {
    struct plog_dir_content *content;
    size_t capacity;
    char foreign[256]; /* the first folder that is no partition's */
    bool clean;
};

static bool is_hidden(const char *name)
{
    return name[0] == '.' || strcmp(name, "lost+found") == 0;
}

static bool see_name(void *context, const char *name, enum disk_kind kind)
{
    struct loading *loading = context;
    struct plog_dir_content *content = loading->content;
    char topic[PLOG_NAME_BYTES];
    struct plog_folder_info info = {0};
    if (strcmp(name, CLEAN_NAME) == 0)
        loading->clean = true;
    if (kind != DISK_KIND_FOLDER || is_hidden(name))
        return true;
    if (strcmp(name, METADATA_LOG_NAME) == 0) {
        content->has_metadata_log = true;
        return true;
    }
    if (!plog_parse_folder_name(name, &info.kind, topic, sizeof topic, &info.partition)) {
        if (loading->foreign[0] == 0)
            snprintf(loading->foreign, sizeof loading->foreign, "%s", name);
        return true;
    }
    if (content->count == loading->capacity) {
        loading->capacity = loading->capacity == 0 ? 64 : loading->capacity * 2;
        content->folders =
            mem_realloc(content->folders, loading->capacity * sizeof *content->folders);
    }
    info.name = mem_strdup(name);
    info.topic = mem_strdup(topic);
    content->folders[content->count++] = info;
    return true;
}

static enum err read_topic_id(struct env_disk *disk, const char *dir, struct plog_folder_info *info,
                              char error[PLOG_DIR_ERROR_BYTES])
{
    char folder[PLOG_PATH_BYTES], path[PLOG_PATH_BYTES];
    plog_path(folder, dir, info->name);
    plog_path(path, folder, PLOG_METADATA_NAME);
    enum err err = plog_disk_load_metadata(disk, folder, &info->topic_id);
    if (err == ERR_NOTFOUND) {
        info->topic_id = UUID_ZERO;
        return ERR_OK;
    }
    return err == ERR_OK ? ERR_OK : fail(error, err, "read", path);
}

/* Folders by name, to find a checkpoint row's. */
struct folder_node {
    struct hmap_node node;
    struct plog_folder_info *info;
};

static uint64_t row_hash(const char *topic, int32_t partition)
{
    return hash_bytes(topic, strlen(topic)) ^ hash_u64((uint64_t)partition);
}

static void apply_rows(struct hmap *map, const struct plog_checkpoint *checkpoint,
                       enum plog_checkpoint_kind kind)
{
    for (size_t i = 0; i < checkpoint->count; i++) {
        const struct plog_checkpoint_row *row = &checkpoint->rows[i];
        HMAP_FOR_EACH_HASH (node, map, row_hash(row->topic, row->partition)) {
            struct plog_folder_info *info = HMAP_ENTRY(node, struct folder_node, node)->info;
            if (info->partition != row->partition || strcmp(info->topic, row->topic) != 0)
                continue;
            if (kind == PLOG_CHECKPOINT_RECOVERY_POINT)
                info->recovery_point = row->offset;
            else if (kind == PLOG_CHECKPOINT_LOG_START)
                info->log_start_offset = row->offset;
            else if (kind == PLOG_CHECKPOINT_HIGH_WATERMARK)
                info->high_watermark = row->offset;
            else
                info->cleaned_offset = row->offset;
        }
    }
}

static enum err apply_checkpoints(struct env_disk *disk, const char *dir,
                                  struct plog_dir_content *content,
                                  char error[PLOG_DIR_ERROR_BYTES])
{
    struct hmap map;
    struct folder_node *nodes = mem_alloc((content->count + 1) * sizeof *nodes);
    enum err err = ERR_OK;
    hmap_init(&map);
    for (size_t i = 0; i < content->count; i++) {
        struct plog_folder_info *info = &content->folders[i];
        nodes[i].info = info;
        if (info->kind == PLOG_FOLDER_PARTITION)
            hmap_insert(&map, &nodes[i].node, row_hash(info->topic, info->partition));
    }
    for (int kind = PLOG_CHECKPOINT_RECOVERY_POINT;
         err == ERR_OK && kind <= PLOG_CHECKPOINT_CLEANER; kind++) {
        struct plog_checkpoint checkpoint;
        err = plog_checkpoint_load(disk, dir, (enum plog_checkpoint_kind)kind, &checkpoint, error);
        if (err == ERR_OK) {
            apply_rows(&map, &checkpoint, (enum plog_checkpoint_kind)kind);
            plog_checkpoint_deinit(&checkpoint);
        }
    }
    hmap_deinit(&map);
    mem_free(nodes);
    return err;
}

static void read_clean(struct env_disk *disk, const char *dir, struct plog_dir_content *out)
{
    char path[PLOG_PATH_BYTES];
    uint8_t *text;
    size_t size;
    plog_path(path, dir, CLEAN_NAME);
    if (plog_disk_load(disk, path, SMALL_FILE_BYTES_MAX, &text, &size) != ERR_OK)
        return;
    out->clean_broker_epoch = plog_clean_shutdown_parse((const char *)text, size);
    mem_free(text);
}

enum err plog_dir_load(struct env_disk *disk, const char *dir, struct plog_dir_content *out,
                       char error[PLOG_DIR_ERROR_BYTES])
{
    *out = (struct plog_dir_content){.clean_broker_epoch = -1};
    struct loading loading = {.content = out};
    enum err err = disk_list(disk, dir, see_name, &loading);
    if (err != ERR_OK) {
        fail(error, err, "list", dir);
        goto done;
    }
    if (loading.foreign[0] != 0) {
        snprintf(error, PLOG_DIR_ERROR_BYTES,
                 "%.200s/%.200s is no partition's folder; move it out of the log directory", dir,
                 loading.foreign);
        err = ERR_INVALID;
        goto done;
    }
    out->clean = loading.clean;
    if (loading.clean)
        read_clean(disk, dir, out);
    for (size_t i = 0; err == ERR_OK && i < out->count; i++) {
        if (out->folders[i].kind != PLOG_FOLDER_DELETE)
            err = read_topic_id(disk, dir, &out->folders[i], error);
    }
    if (err == ERR_OK)
        err = apply_checkpoints(disk, dir, out, error);
done:
    if (err != ERR_OK)
        plog_dir_content_deinit(out);
    return err;
}

void plog_dir_content_deinit(struct plog_dir_content *content)
{
    for (size_t i = 0; i < content->count; i++) {
        mem_free(content->folders[i].name);
        mem_free(content->folders[i].topic);
    }
    mem_free(content->folders);
    *content = (struct plog_dir_content){0};
}
