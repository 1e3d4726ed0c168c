#include "wire/records.h"

#include "wire/lists_int.h"

#include "base/bytes.h"
#include "base/varint.h"
#include "wire/schema.h"

/* KIP-631: the version of the frame around a metadata record. */
#define METADATA_FRAME_VERSION 1

struct family {
    const struct wire_record_type *types;
    const size_t *count;
};

static const struct family families[WIRE_RECORD_FAMILY_COUNT] = {
    [WIRE_RECORDS_METADATA] = {wire_records_metadata, &wire_records_metadata_count},
    [WIRE_RECORDS_GROUP] = {wire_records_group, &wire_records_group_count},
    [WIRE_RECORDS_TRANSACTION] = {wire_records_transaction, &wire_records_transaction_count},
    [WIRE_RECORDS_SHARE] = {wire_records_share, &wire_records_share_count},
    [WIRE_RECORDS_REMOTE_LOG] = {wire_records_remote_log, &wire_records_remote_log_count},
};

const struct wire_record_type *wire_record_types(enum wire_record_family family, size_t *count)
{
    ASSERT(family < WIRE_RECORD_FAMILY_COUNT);
    *count = *families[family].count;
    return families[family].types;
}

const struct wire_record_type *wire_record_find(enum wire_record_family family, int16_t id)
{
    size_t count;
    const struct wire_record_type *types = wire_record_types(family, &count);
    for (size_t i = 0; i < count; i++) {
        if (types[i].id == id)
            return &types[i];
    }
    return NULL;
}

/* All of data[0..size) is one message. */
static enum err decode_whole(const struct wire_schema *schema, int16_t version, const uint8_t *data,
                             size_t size, struct arena *arena, void **message)
{
    void *out = arena_alloc(arena, schema->size);
    if (out == NULL)
        return ERR_LIMIT;
    size_t consumed;
    enum err err = wire_decode(schema, version, arena, data, size, out, &consumed);
    if (err == ERR_VERSION)
        return ERR_UNSUPPORTED;
    if (err != ERR_OK)
        return err;
    if (consumed != size)
        return ERR_CORRUPT;
    *message = out;
    return ERR_OK;
}

static enum err read_uvarint(const uint8_t **next, const uint8_t *end, uint32_t *value)
{
    size_t consumed;
    enum err err = uvarint32_read(*next, (size_t)(end - *next), value, &consumed);
    if (err == ERR_OK)
        *next += consumed;
    return err;
}

static enum err framed_decode(enum wire_record_family family, const uint8_t *next,
                              const uint8_t *end, struct arena *arena, struct wire_record *record)
{
    uint32_t type, version;
    enum err err = read_uvarint(&next, end, &type);
    if (err == ERR_OK)
        err = read_uvarint(&next, end, &version);
    if (err != ERR_OK)
        return err;
    if (type > INT16_MAX || version > INT16_MAX)
        return ERR_UNSUPPORTED;
    record->type = wire_record_find(family, (int16_t)type);
    record->version = (int16_t)version;
    if (record->type == NULL)
        return ERR_UNSUPPORTED;
    return decode_whole(record->type->value, record->version, next, (size_t)(end - next), arena,
                        &record->message);
}

enum err wire_metadata_record_decode(const uint8_t *data, size_t size, struct arena *arena,
                                     struct wire_record *record)
{
    const uint8_t *next = data, *end = data + size;
    uint32_t frame_version;
    enum err err = read_uvarint(&next, end, &frame_version);
    if (err != ERR_OK)
        return err;
    if (frame_version != METADATA_FRAME_VERSION)
        return ERR_UNSUPPORTED;
    return framed_decode(WIRE_RECORDS_METADATA, next, end, arena, record);
}

enum err wire_remote_log_record_decode(const uint8_t *data, size_t size, struct arena *arena,
                                       struct wire_record *record)
{
    return framed_decode(WIRE_RECORDS_REMOTE_LOG, data, data + size, arena, record);
}

enum err wire_remote_log_record_encode(const struct wire_record_type *type, int16_t version,
                                       const void *message, struct buf *out)
{
    size_t start = out->size;
    buf_put_uvarint32(out, (uint32_t)type->id);
    buf_put_uvarint32(out, (uint32_t)version);
    enum err err = wire_encode(type->value, version, message, out, NULL);
    if (err != ERR_OK)
        out->size = start;
    return err;
}

enum err wire_metadata_record_encode(const struct wire_record_type *type, int16_t version,
                                     const void *message, struct buf *out)
{
    size_t start = out->size;
    buf_put_uvarint32(out, METADATA_FRAME_VERSION);
    enum err err = wire_remote_log_record_encode(type, version, message, out);
    if (err != ERR_OK)
        out->size = start;
    return err;
}

enum err wire_coordinator_key_decode(enum wire_record_family family, const uint8_t *data,
                                     size_t size, struct arena *arena, struct wire_record *record)
{
    if (size < 2)
        return ERR_TRUNCATED;
    record->type = wire_record_find(family, (int16_t)load_be16(data));
    record->version = 0;
    if (record->type == NULL || record->type->key == NULL)
        return ERR_UNSUPPORTED;
    return decode_whole(record->type->key, 0, data + 2, size - 2, arena, &record->message);
}

enum err wire_coordinator_key_encode(const struct wire_record_type *type, const void *key,
                                     struct buf *out)
{
    size_t start = out->size;
    buf_put_be16(out, (uint16_t)type->id);
    enum err err = wire_encode(type->key, 0, key, out, NULL);
    if (err != ERR_OK)
        out->size = start;
    return err;
}

enum err wire_coordinator_value_decode(const struct wire_record_type *type, const uint8_t *data,
                                       size_t size, struct arena *arena, struct wire_record *record)
{
    if (size < 2)
        return ERR_TRUNCATED;
    record->type = type;
    record->version = (int16_t)load_be16(data);
    return decode_whole(type->value, record->version, data + 2, size - 2, arena, &record->message);
}

enum err wire_coordinator_value_encode(const struct wire_record_type *type, int16_t version,
                                       const void *value, struct buf *out)
{
    return wire_versioned_encode(type->value, version, value, out);
}

enum err wire_versioned_decode(const struct wire_schema *schema, struct arena *arena,
                               const uint8_t *data, size_t size, void *message, int16_t *version)
{
    if (size < 2)
        return ERR_TRUNCATED;
    int16_t stated = (int16_t)load_be16(data);
    *version = stated > schema->version_max ? schema->version_max : stated;
    /* What a newer version has added at the end is not looked at. */
    return wire_decode(schema, *version, arena, data + 2, size - 2, message, NULL);
}

enum err wire_versioned_encode(const struct wire_schema *schema, int16_t version,
                               const void *message, struct buf *out)
{
    size_t start = out->size;
    buf_put_be16(out, (uint16_t)version);
    enum err err = wire_encode(schema, version, message, out, NULL);
    if (err != ERR_OK)
        out->size = start;
    return err;
}
