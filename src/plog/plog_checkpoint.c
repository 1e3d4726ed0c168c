/* The checkpoints of a log directory: text, a row for each partition. */
#include "plog/plog_int.h"

#include "base/mem.h"
#include "plog/plog_dir.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A million partitions with the longest names. */
#define CHECKPOINT_BYTES_MAX ((size_t)300 << 20)

const char *plog_checkpoint_name(enum plog_checkpoint_kind kind)
{
    switch (kind) {
    case PLOG_CHECKPOINT_RECOVERY_POINT:
        return "recovery-point-offset-checkpoint";
    case PLOG_CHECKPOINT_LOG_START:
        return "log-start-offset-checkpoint";
    case PLOG_CHECKPOINT_HIGH_WATERMARK:
        return "replication-offset-checkpoint";
    case PLOG_CHECKPOINT_CLEANER:
        return "cleaner-offset-checkpoint";
    }
    UNREACHABLE();
}

enum err plog_checkpoint_store(struct env_disk *disk, const char *dir,
                               enum plog_checkpoint_kind kind,
                               const struct plog_checkpoint_row *rows, size_t count)
{
    char path[PLOG_PATH_BYTES];
    struct buf text = BUF_EMPTY;
    plog_path(path, dir, plog_checkpoint_name(kind));
    buf_printf(&text, "0\n%zu\n", count);
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, "%s %" PRId32 " %" PRId64 "\n", rows[i].topic, rows[i].partition,
                   rows[i].offset);
    enum err err = plog_disk_store(disk, path, text.data, text.size);
    if (err == ERR_OK)
        err = disk_sync_folder(disk, dir);
    buf_deinit(&text);
    return err;
}

enum err plog_checkpoint_remove(struct env_disk *disk, const char *dir,
                                enum plog_checkpoint_kind kind)
{
    char path[PLOG_PATH_BYTES];
    plog_path(path, dir, plog_checkpoint_name(kind));
    enum err err = plog_disk_remove(disk, path);
    return err == ERR_OK ? disk_sync_folder(disk, dir) : err;
}

struct parse {
    struct plog_checkpoint *out;
    size_t capacity;
    char *topics; /* where the next topic goes, inside of out->text */
};

static enum err parse_row(void *context, const struct plog_field *fields)
{
    struct parse *parse = context;
    struct plog_checkpoint *out = parse->out;
    struct plog_checkpoint_row row;
    if (!plog_field_i32(&fields[1], &row.partition) || !plog_field_i64(&fields[2], &row.offset) ||
        row.partition < 0 || row.offset < 0)
        return ERR_CORRUPT;
    if (out->count == parse->capacity) {
        size_t capacity = parse->capacity == 0 ? 16 : parse->capacity * 2;
        void *rows = mem_try_realloc(out->rows, capacity * sizeof *out->rows);
        if (rows == NULL)
            return ERR_NOMEM;
        out->rows = rows;
        parse->capacity = capacity;
    }
    /* The text holds the topics as 0-terminated strings: each takes fewer bytes than its row did,
     * and lies at or before it, so that nothing unread is overwritten. */
    memmove(parse->topics, fields[0].text, fields[0].size);
    parse->topics[fields[0].size] = 0;
    row.topic = parse->topics;
    parse->topics += fields[0].size + 1;
    out->rows[out->count++] = row;
    return ERR_OK;
}

enum err plog_checkpoint_parse(char *take_text, size_t size, struct plog_checkpoint *out)
{
    *out = (struct plog_checkpoint){.text = take_text};
    struct parse parse = {.out = out, .topics = take_text};
    enum err err = plog_rows_parse(take_text, size, 3, parse_row, &parse);
    if (err != ERR_OK)
        plog_checkpoint_deinit(out);
    return err;
}

enum err plog_checkpoint_load(struct env_disk *disk, const char *dir,
                              enum plog_checkpoint_kind kind, struct plog_checkpoint *out,
                              char error[PLOG_DIR_ERROR_BYTES])
{
    char path[PLOG_PATH_BYTES];
    uint8_t *text;
    size_t size;
    *out = (struct plog_checkpoint){0};
    plog_path(path, dir, plog_checkpoint_name(kind));
    enum err err = plog_disk_load(disk, path, CHECKPOINT_BYTES_MAX, &text, &size);
    if (err == ERR_NOTFOUND)
        return ERR_OK;
    if (err == ERR_OK)
        err = plog_checkpoint_parse((char *)text, size, out);
    if (err != ERR_OK)
        snprintf(error, PLOG_DIR_ERROR_BYTES, "read %.400s: %s", path, err_text(err));
    return err;
}

void plog_checkpoint_deinit(struct plog_checkpoint *checkpoint)
{
    mem_free(checkpoint->rows);
    mem_free(checkpoint->text);
    *checkpoint = (struct plog_checkpoint){0};
}
