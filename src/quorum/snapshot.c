#include "meta/snapshot.h"

#include "quorum/snapshot_int.h"

#include "base/mem.h"
#include "wire/records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA_BATCH_BYTES ((size_t)1 << 20)
/* Kafka writes batches of at most 8 MiB. */
#define READ_BATCH_BYTES_MAX ((size_t)64 << 20)

void quorum_snapshot_name(int64_t end_offset, int32_t epoch, char out[QUORUM_SNAPSHOT_NAME_BYTES])
{
    snprintf(out, QUORUM_SNAPSHOT_NAME_BYTES, "%020lld-%010d.checkpoint", (long long)end_offset,
             epoch);
}

static bool parse_digits(const char *text, size_t count, int64_t *out)
{
    int64_t value = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t digit = text[i] - '0';
        if (digit < 0 || digit > 9 || value > (INT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

bool quorum_snapshot_name_parse(const char *name, int64_t *end_offset, int32_t *epoch)
{
    int64_t value;
    if (strlen(name) != 20 + 1 + 10 + strlen(".checkpoint") || name[20] != '-' ||
        strcmp(name + 31, ".checkpoint") != 0 || !parse_digits(name, 20, end_offset) ||
        !parse_digits(name + 21, 10, &value) || value > INT32_MAX)
        return false;
    *epoch = (int32_t)value;
    return true;
}

/* ---- Files ------------------------------------------------------------------------------- */

enum err quorum_file_replace(struct env_disk *disk, const char *folder, const char *name,
                             const char *temporary_suffix, const void *data, size_t size)
{
    char path[QUORUM_PATH_BYTES];
    char temporary[QUORUM_PATH_BYTES];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path ||
        snprintf(temporary, sizeof temporary, "%s/%s%s", folder, name, temporary_suffix) >=
            (int)sizeof temporary)
        return ERR_INVALID;
    struct env_file *file = NULL;
    enum err err =
        disk_open(disk, temporary, DISK_READ | DISK_WRITE | DISK_CREATE | DISK_TRUNCATE, &file);
    if (err == ERR_OK)
        err = disk_write(disk, file, data, size, 0);
    if (err == ERR_OK)
        err = disk_sync(disk, file);
    disk_close(disk, file);
    if (err == ERR_OK)
        err = disk_rename(disk, temporary, path);
    if (err == ERR_OK)
        err = disk_sync_folder(disk, folder);
    return err;
}

enum err quorum_file_read(struct env_disk *disk, const char *path, size_t limit, char **out,
                          size_t *out_size)
{
    struct env_file *file = NULL;
    char *data = NULL;
    uint64_t size = 0;
    size_t read = 0;
    enum err err = disk_open(disk, path, DISK_READ, &file);
    if (err != ERR_OK)
        return err;
    err = disk_size(disk, file, &size);
    if (err == ERR_OK && size > limit)
        err = ERR_LIMIT;
    if (err == ERR_OK && (data = mem_try_alloc((size_t)size + 1)) == NULL)
        err = ERR_NOMEM;
    if (err == ERR_OK)
        err = disk_read(disk, file, data, (size_t)size, 0, &read);
    disk_close(disk, file);
    if (err != ERR_OK) {
        mem_free(data);
        return err;
    }
    data[read] = '\0';
    *out = data;
    *out_size = read;
    return ERR_OK;
}

/* ---- Writing ----------------------------------------------------------------------------- */

struct store {
    struct env_disk *disk;
    struct env_file *file;
    struct quorum_snapshot_write *write;
    struct batch_builder builder;
    struct buf bytes;  /* a finished batch */
    struct buf record; /* one encoded record */
    int64_t next_offset;
    uint64_t position;
};

static void begin_batch(struct store *store, bool control)
{
    struct batch_builder_options options = BATCH_BUILDER_DEFAULTS;
    options.base_offset = store->next_offset;
    options.leader_epoch = store->write->epoch;
    options.control = control;
    batch_builder_reset(&store->builder, &options);
}

static enum err end_batch(struct store *store)
{
    if (store->builder.record_count == 0)
        return ERR_OK;
    buf_clear(&store->bytes);
    enum err err = batch_builder_finish(&store->builder, NULL, &store->bytes);
    if (err == ERR_OK)
        err = disk_write(store->disk, store->file, store->bytes.data, store->bytes.size,
                         store->position);
    store->position += store->bytes.size;
    return err;
}

static enum err write_header(struct store *store)
{
    const struct quorum_snapshot_write *write = store->write;
    begin_batch(store, true);
    struct wire_snapshot_header_record header = {
        .last_contained_log_timestamp = write->last_timestamp_ms,
    };
    quorum_control_add(&store->builder, BATCH_CONTROL_SNAPSHOT_HEADER,
                       &wire_snapshot_header_record_schema, 0, &header, store->next_offset++,
                       write->wall_ms);
    if (write->voters != NULL && write->voters->kraft_version > 0) {
        struct wire_kraft_version_record version = {
            .kraft_version = write->voters->kraft_version,
        };
        quorum_control_add(&store->builder, BATCH_CONTROL_KRAFT_VERSION,
                           &wire_kraft_version_record_schema, 0, &version, store->next_offset++,
                           write->wall_ms);
        if (write->voters->has_record)
            quorum_control_add(&store->builder, BATCH_CONTROL_KRAFT_VOTERS,
                               &wire_voters_record_schema, 0, &write->voters->record,
                               store->next_offset++, write->wall_ms);
    }
    return end_batch(store);
}

static enum err write_record(void *context, const struct meta_record *record)
{
    struct store *store = context;
    const struct wire_record_type *type = wire_record_find(WIRE_RECORDS_METADATA, record->key);
    ASSERT(type != NULL);
    buf_clear(&store->record);
    enum err err =
        wire_metadata_record_encode(type, record->version, record->message, &store->record);
    if (err != ERR_OK)
        return err;
    struct batch_record one = {
        .offset = store->next_offset,
        .timestamp = store->write->wall_ms,
        .value = store->record.data,
        .value_size = store->record.size,
    };
    if (store->builder.record_count > 0 &&
        batch_builder_size(&store->builder) + batch_record_size_max(&one) > DATA_BATCH_BYTES) {
        err = end_batch(store);
        if (err != ERR_OK)
            return err;
        begin_batch(store, false);
    }
    store->next_offset++;
    return batch_builder_add(&store->builder, &one);
}

static enum err write_content(struct store *store, const struct meta_image *image,
                              const struct meta_record *records, size_t record_count)
{
    enum err err = write_header(store);
    if (err != ERR_OK)
        return err;
    begin_batch(store, false);
    if (image != NULL)
        err = meta_snapshot_write(image, write_record, store);
    for (size_t i = 0; err == ERR_OK && image == NULL && i < record_count; i++)
        err = write_record(store, &records[i]);
    if (err == ERR_OK)
        err = end_batch(store);
    if (err != ERR_OK)
        return err;
    begin_batch(store, true);
    struct wire_snapshot_footer_record footer = {.version = 0};
    quorum_control_add(&store->builder, BATCH_CONTROL_SNAPSHOT_FOOTER,
                       &wire_snapshot_footer_record_schema, 0, &footer, store->next_offset++,
                       store->write->wall_ms);
    return end_batch(store);
}

enum err quorum_snapshot_store(struct env_disk *disk, struct quorum_snapshot_write *write,
                               const struct meta_image *image, const struct meta_record *records,
                               size_t record_count)
{
    char path[QUORUM_PATH_BYTES];
    char temporary[QUORUM_PATH_BYTES];
    if (snprintf(path, sizeof path, "%s/%s", write->folder, write->name) >= (int)sizeof path ||
        snprintf(temporary, sizeof temporary, "%s/%s.part", write->folder, write->name) >=
            (int)sizeof temporary)
        return ERR_INVALID;
    struct store store = {.disk = disk, .write = write};
    struct batch_builder_options options = BATCH_BUILDER_DEFAULTS;
    batch_builder_init(&store.builder, &options);
    enum err err = disk_open(disk, temporary, DISK_READ | DISK_WRITE | DISK_CREATE | DISK_TRUNCATE,
                             &store.file);
    if (err == ERR_OK)
        err = write_content(&store, image, records, record_count);
    if (err == ERR_OK)
        err = disk_sync(disk, store.file);
    disk_close(disk, store.file);
    if (err == ERR_OK)
        err = disk_rename(disk, temporary, path);
    if (err == ERR_OK)
        err = disk_sync_folder(disk, write->folder);
    write->size_bytes = store.position;
    batch_builder_deinit(&store.builder);
    buf_deinit(&store.bytes);
    buf_deinit(&store.record);
    return err;
}

/* ---- Reading ----------------------------------------------------------------------------- */

/* Metadata is never compressed (KIP-595), so no codec is at hand. */
static enum err records_begin(struct batch_records *records, const struct batch_view *batch)
{
    if (batch_codec(&batch->header) != 0)
        return ERR_UNSUPPORTED;
    return batch_records_init(records, NULL, batch, READ_BATCH_BYTES_MAX);
}

enum err quorum_batch_records(const struct batch_view *batch, struct arena *arena,
                              enum err (*fn)(void *context, const struct meta_record *record,
                                             int64_t offset),
                              void *context, char *error, size_t error_size)
{
    struct batch_records records;
    struct batch_record record;
    enum err err = records_begin(&records, batch);
    if (err != ERR_OK) {
        snprintf(error, error_size, "the batch at offset %lld: %s",
                 (long long)batch->header.base_offset, err_text(err));
        return err;
    }
    while (err == ERR_OK && batch_records_next(&records, &record)) {
        struct wire_record decoded;
        arena_reset(arena);
        err = record.value == NULL
                  ? ERR_CORRUPT
                  : wire_metadata_record_decode(record.value, record.value_size, arena, &decoded);
        if (err != ERR_OK) {
            snprintf(error, error_size, "the record at offset %lld cannot be read: %s",
                     (long long)record.offset,
                     err == ERR_UNSUPPORTED ? "it is of a type or version of a later release"
                                            : err_text(err));
            break;
        }
        struct meta_record one = {
            .key = decoded.type->id, .version = decoded.version, .message = decoded.message};
        err = fn(context, &one, record.offset);
    }
    if (err == ERR_OK && records.err != ERR_OK) {
        err = records.err;
        snprintf(error, error_size, "the records of the batch at offset %lld: %s",
                 (long long)batch->header.base_offset, err_text(err));
    }
    batch_records_deinit(&records);
    return err;
}

enum err quorum_batch_controls(const struct batch_view *batch, struct quorum_voters *voters,
                               char *error, size_t error_size)
{
    struct batch_records records;
    struct batch_record record;
    enum err err = records_begin(&records, batch);
    if (err == ERR_OK) {
        while (err == ERR_OK && batch_records_next(&records, &record))
            err = quorum_voters_read(voters, &record, record.offset);
        if (err == ERR_OK)
            err = records.err;
        batch_records_deinit(&records);
    }
    if (err != ERR_OK)
        snprintf(error, error_size, "the control batch at offset %lld: %s",
                 (long long)batch->header.base_offset,
                 err == ERR_VERSION ? "a kraft.version of a later release" : err_text(err));
    return err;
}

struct scan {
    struct quorum_snapshot_read *read;
    struct arena arena;
    char error[META_ERROR_BYTES];
    bool header_seen;
    bool footer_seen;
};

static enum err scan_record(void *context, const struct meta_record *record, int64_t offset)
{
    struct scan *scan = context;
    UNUSED(offset);
    enum err err = meta_delta_apply(scan->read->delta, record, scan->error);
    if (err == ERR_OK && scan->read->record != NULL)
        err = scan->read->record(scan->read->context, record);
    return err;
}

/* Header and footer; what is said of voters is quorum_batch_controls'. */
static enum err scan_frame(struct scan *scan, const struct batch_view *batch)
{
    struct batch_records records;
    struct batch_record record;
    enum err err = records_begin(&records, batch);
    if (err != ERR_OK)
        return err;
    while (err == ERR_OK && batch_records_next(&records, &record)) {
        enum batch_control type;
        err = batch_control_key_read(&record, &type);
        if (err != ERR_OK)
            break;
        if (type == BATCH_CONTROL_SNAPSHOT_FOOTER)
            scan->footer_seen = true;
        if (type != BATCH_CONTROL_SNAPSHOT_HEADER)
            continue;
        struct wire_snapshot_header_record header;
        err = wire_decode(&wire_snapshot_header_record_schema, 0, &scan->arena, record.value,
                          record.value_size, &header, NULL);
        scan->header_seen = true;
        scan->read->last_timestamp_ms = header.last_contained_log_timestamp;
    }
    if (err == ERR_OK)
        err = records.err;
    batch_records_deinit(&records);
    return err;
}

static enum err scan_batch(struct scan *scan, const struct batch_view *batch)
{
    enum err err = batch_check_crc(batch->data, batch->header.size);
    if (err != ERR_OK) {
        snprintf(scan->error, sizeof scan->error, "a batch has another checksum than it should");
        return err;
    }
    if (scan->footer_seen || scan->header_seen == false) {
        if (scan->footer_seen || !batch_is_control(&batch->header)) {
            snprintf(scan->error, sizeof scan->error, "records before the header or after the end");
            return ERR_CORRUPT;
        }
    }
    if (!batch_is_control(&batch->header))
        return quorum_batch_records(batch, &scan->arena, scan_record, scan, scan->error,
                                    sizeof scan->error);
    err = scan_frame(scan, batch);
    if (err != ERR_OK) {
        snprintf(scan->error, sizeof scan->error, "a control batch: %s", err_text(err));
        return err;
    }
    if (scan->read->voters == NULL)
        return ERR_OK;
    return quorum_batch_controls(batch, scan->read->voters, scan->error, sizeof scan->error);
}

/* The batch at `position` into the buffer, which grows. ERR_TRUNCATED: the file ends in it. */
static enum err read_batch(struct env_disk *disk, struct env_file *file, uint64_t position,
                           struct buf *bytes, struct batch_view *out)
{
    uint8_t prefix[BATCH_PEEK_BYTES];
    size_t got;
    enum err err = disk_read(disk, file, prefix, sizeof prefix, position, &got);
    if (err != ERR_OK)
        return err;
    size_t size;
    int8_t magic;
    err = batch_peek(prefix, got, &size, &magic);
    if (err != ERR_OK)
        return err;
    if (size > READ_BATCH_BYTES_MAX)
        return ERR_LIMIT;
    buf_clear(bytes);
    buf_reserve(bytes, size);
    err = disk_read(disk, file, bytes->data, size, position, &got);
    if (err != ERR_OK)
        return err;
    bytes->size = got;
    return batch_view_read(bytes->data, bytes->size, out);
}

enum err quorum_snapshot_scan(struct env_disk *disk, const char *path,
                              struct quorum_snapshot_read *read, char error[QUORUM_ERROR_BYTES])
{
    struct scan scan = {.read = read};
    struct buf bytes = BUF_EMPTY;
    struct env_file *file = NULL;
    uint64_t size = 0;
    uint64_t position = 0;
    arena_init(&scan.arena, READ_BATCH_BYTES_MAX);
    enum err err = disk_open(disk, path, DISK_READ, &file);
    if (err == ERR_OK)
        err = disk_size(disk, file, &size);
    while (err == ERR_OK && position < size) {
        struct batch_view batch;
        err = read_batch(disk, file, position, &bytes, &batch);
        if (err == ERR_OK)
            err = scan_batch(&scan, &batch);
        if (err == ERR_OK)
            position += batch.header.size;
    }
    if (err == ERR_OK && !scan.footer_seen) {
        snprintf(scan.error, sizeof scan.error, "it has no end");
        err = ERR_CORRUPT;
    }
    if (err != ERR_OK)
        snprintf(error, QUORUM_ERROR_BYTES, "%.512s: %s", path,
                 scan.error[0] != '\0' ? scan.error : err_text(err));
    read->size_bytes = size;
    disk_close(disk, file);
    buf_deinit(&bytes);
    arena_deinit(&scan.arena);
    return err;
}

enum err quorum_snapshot_load(struct env_disk *disk, const char *path, struct meta_image **out,
                              char error[QUORUM_ERROR_BYTES])
{
    struct meta_image *empty = meta_image_new();
    struct quorum_snapshot_read read = {.delta = meta_delta_new(empty)};
    meta_image_unref(empty);
    const char *slash = strrchr(path, '/');
    int64_t end_offset = 0;
    int32_t epoch = 0;
    quorum_snapshot_name_parse(slash == NULL ? path : slash + 1, &end_offset, &epoch);
    enum err err = quorum_snapshot_scan(disk, path, &read, error);
    if (err == ERR_OK) {
        meta_delta_seek(read.delta, end_offset, epoch, read.last_timestamp_ms);
        *out = meta_delta_image(read.delta);
    }
    meta_delta_free(read.delta);
    return err;
}
