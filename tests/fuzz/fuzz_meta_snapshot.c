/*
 * Anything as metadata. The first byte chooses: a snapshot file whose checksums are made right, or
 * records one after the other (a size of two bytes before each). What can be read as an image says,
 * written as a snapshot and read again, the same; and an image that was handed out stays as it was.
 */
#include "base/assert.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "meta/delta.h"
#include "meta/snapshot.h"
#include "quorum/storage.h"
#include "wire/batch.h"
#include "wire/records.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- A disk of one file ------------------------------------------------------------------ */

struct env_file {
    const uint8_t *data;
    size_t size;
};

struct memory_disk {
    struct env_disk disk;
    struct env_file file;
};

static enum err memory_open(struct env_disk *disk, const char *path, unsigned flags,
                            struct env_file **out)
{
    UNUSED(path);
    UNUSED(flags);
    *out = &((struct memory_disk *)disk)->file;
    return ERR_OK;
}

static void memory_close(struct env_disk *disk, struct env_file *file)
{
    UNUSED(disk);
    UNUSED(file);
}

static enum err memory_read(struct env_disk *disk, struct env_file *file, void *out, size_t size,
                            uint64_t position, size_t *out_size)
{
    UNUSED(disk);
    size_t left = position < file->size ? file->size - (size_t)position : 0;
    *out_size = size < left ? size : left;
    if (*out_size > 0)
        memcpy(out, file->data + position, *out_size);
    return ERR_OK;
}

static enum err memory_size(struct env_disk *disk, struct env_file *file, uint64_t *out_bytes)
{
    UNUSED(disk);
    *out_bytes = file->size;
    return ERR_OK;
}

static const struct env_disk_ops MEMORY_OPS = {
    .open = memory_open, .close = memory_close, .read = memory_read, .size = memory_size};

/* ---- Images ------------------------------------------------------------------------------ */

struct again {
    struct meta_delta *delta;
    struct arena arena;
    struct buf bytes;
};

static struct meta_delta *empty_delta(void)
{
    struct meta_image *empty = meta_image_new();
    struct meta_delta *delta = meta_delta_new(empty);
    meta_image_unref(empty);
    return delta;
}

static enum err read_again(void *context, const struct meta_record *record)
{
    struct again *again = context;
    char error[META_ERROR_BYTES];
    const struct wire_record_type *type = wire_record_find(WIRE_RECORDS_METADATA, record->key);
    buf_clear(&again->bytes);
    arena_reset(&again->arena);
    enum err err =
        wire_metadata_record_encode(type, record->version, record->message, &again->bytes);
    ASSERT(err == ERR_OK);
    struct wire_record decoded;
    err =
        wire_metadata_record_decode(again->bytes.data, again->bytes.size, &again->arena, &decoded);
    ASSERT(err == ERR_OK);
    struct meta_record one = {decoded.type->id, decoded.version, decoded.message};
    err = meta_delta_apply(again->delta, &one, error);
    ASSERT(err == ERR_OK);
    return ERR_OK;
}

static void assert_survives(const struct meta_image *image)
{
    struct again again = {.delta = empty_delta()};
    arena_init(&again.arena, ARENA_LIMIT_DEFAULT_BYTES);
    enum err err = meta_snapshot_write(image, read_again, &again);
    ASSERT(err == ERR_OK);
    struct meta_image *reread = meta_delta_image(again.delta);
    ASSERT(meta_image_content_equal(image, reread));
    meta_image_unref(reread);
    meta_delta_free(again.delta);
    arena_deinit(&again.arena);
    buf_deinit(&again.bytes);
}

static void as_snapshot(uint8_t *data, size_t size)
{
    struct batch_walk walk = batch_walk_begin(data, size);
    struct batch_view batch;
    while (batch_walk_next(&walk, &batch))
        batch_update_crc(data + (batch.data - data), batch.header.size);
    struct memory_disk disk = {.disk = {&MEMORY_OPS}, .file = {data, size}};
    char error[QUORUM_ERROR_BYTES];
    struct meta_image *image;
    if (quorum_snapshot_load(&disk.disk, "00000000000000000007-0000000002.checkpoint", &image,
                             error) != ERR_OK)
        return;
    assert_survives(image);
    meta_image_unref(image);
}

static void as_records(const uint8_t *data, size_t size)
{
    struct meta_delta *delta = empty_delta();
    struct meta_image *middle = NULL;
    struct meta_image *copy = NULL;
    struct arena arena;
    size_t count = 0;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    while (size >= 2) {
        size_t length = load_be16(data) & 0x7ff;
        data += 2;
        size -= 2;
        if (length > size)
            length = size;
        struct wire_record decoded;
        char error[META_ERROR_BYTES];
        if (wire_metadata_record_decode(data, length, &arena, &decoded) == ERR_OK) {
            struct meta_record record = {decoded.type->id, decoded.version, decoded.message};
            if (meta_delta_apply(delta, &record, error) != ERR_OK)
                ASSERT(strlen(error) > 0 && strlen(error) < META_ERROR_BYTES);
        }
        data += length;
        size -= length;
        if (++count == 3) {
            middle = meta_delta_visible(delta);
            struct meta_delta *other = meta_delta_new(middle);
            copy = meta_delta_image(other);
            meta_delta_free(other);
        }
    }
    struct meta_image *image = meta_delta_image(delta);
    assert_survives(image);
    if (middle != NULL) {
        ASSERT(meta_image_equal(middle, copy));
        struct meta_diff nothing = {0};
        meta_image_diff(middle, image, &nothing);
    }
    meta_image_unref(middle);
    meta_image_unref(copy);
    meta_image_unref(image);
    meta_delta_free(delta);
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    uint8_t *copy = mem_alloc(size);
    memcpy(copy, data, size);
    if ((copy[0] & 1) == 0)
        as_snapshot(copy + 1, size - 1);
    else
        as_records(copy + 1, size - 1);
    mem_free(copy);
    return 0;
}
