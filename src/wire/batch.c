/* Headers, stamping, walking from batch to batch, control records. */
#include "wire/batch.h"

#include "wire/batch_int.h"

#include "base/hash.h"
#include "base/varint.h"

#include <string.h>

#define MESSAGE_BYTES_MIN \
    14 /* what magic 0's length counts at least: crc, magic, attributes, sizes */

STATIC_ASSERT(BATCH_AT_RECORD_COUNT + 4 == BATCH_HEADER_BYTES, "the fields are the header");

enum err batch_peek(const void *data, size_t size, size_t *size_out, int8_t *magic_out)
{
    const uint8_t *at = data;
    if (size < BATCH_PEEK_BYTES)
        return ERR_TRUNCATED;
    int32_t length = (int32_t)load_be32(at + BATCH_AT_LENGTH);
    int8_t magic = (int8_t)at[BATCH_AT_MAGIC];
    if (magic < 0 || magic > BATCH_MAGIC)
        return ERR_CORRUPT;
    int32_t length_min = magic == BATCH_MAGIC ? (int32_t)(BATCH_HEADER_BYTES - BATCH_PREFIX_BYTES)
                                              : MESSAGE_BYTES_MIN;
    if (length < length_min || length > INT32_MAX - (int32_t)BATCH_PREFIX_BYTES)
        return ERR_CORRUPT;
    *size_out = BATCH_PREFIX_BYTES + (size_t)length;
    *magic_out = magic;
    return magic == BATCH_MAGIC ? ERR_OK : ERR_VERSION;
}

enum err batch_header_read(const void *data, size_t size, struct batch_header *out)
{
    const uint8_t *at = data;
    size_t batch_size;
    int8_t magic;
    enum err err = batch_peek(data, size, &batch_size, &magic);
    if (err != ERR_OK)
        return err;
    if (size < BATCH_HEADER_BYTES)
        return ERR_TRUNCATED;
    *out = (struct batch_header){
        .base_offset = (int64_t)load_be64(at + BATCH_AT_BASE_OFFSET),
        .size = batch_size,
        .leader_epoch = (int32_t)load_be32(at + BATCH_AT_LEADER_EPOCH),
        .crc = load_be32(at + BATCH_AT_CRC),
        .attributes = load_be16(at + BATCH_AT_ATTRIBUTES),
        .last_offset_delta = (int32_t)load_be32(at + BATCH_AT_LAST_OFFSET_DELTA),
        .base_timestamp = (int64_t)load_be64(at + BATCH_AT_BASE_TIMESTAMP),
        .max_timestamp = (int64_t)load_be64(at + BATCH_AT_MAX_TIMESTAMP),
        .producer_id = (int64_t)load_be64(at + BATCH_AT_PRODUCER_ID),
        .producer_epoch = (int16_t)load_be16(at + BATCH_AT_PRODUCER_EPOCH),
        .base_sequence = (int32_t)load_be32(at + BATCH_AT_BASE_SEQUENCE),
        .record_count = (int32_t)load_be32(at + BATCH_AT_RECORD_COUNT),
    };
    return ERR_OK;
}

void batch_header_write(const struct batch_header *header, uint8_t out[BATCH_HEADER_BYTES])
{
    ASSERT(header->size >= BATCH_HEADER_BYTES && header->size <= INT32_MAX);
    store_be64(out + BATCH_AT_BASE_OFFSET, (uint64_t)header->base_offset);
    store_be32(out + BATCH_AT_LENGTH, (uint32_t)(header->size - BATCH_PREFIX_BYTES));
    store_be32(out + BATCH_AT_LEADER_EPOCH, (uint32_t)header->leader_epoch);
    out[BATCH_AT_MAGIC] = BATCH_MAGIC;
    store_be32(out + BATCH_AT_CRC, header->crc);
    store_be16(out + BATCH_AT_ATTRIBUTES, header->attributes);
    store_be32(out + BATCH_AT_LAST_OFFSET_DELTA, (uint32_t)header->last_offset_delta);
    store_be64(out + BATCH_AT_BASE_TIMESTAMP, (uint64_t)header->base_timestamp);
    store_be64(out + BATCH_AT_MAX_TIMESTAMP, (uint64_t)header->max_timestamp);
    store_be64(out + BATCH_AT_PRODUCER_ID, (uint64_t)header->producer_id);
    store_be16(out + BATCH_AT_PRODUCER_EPOCH, (uint16_t)header->producer_epoch);
    store_be32(out + BATCH_AT_BASE_SEQUENCE, (uint32_t)header->base_sequence);
    store_be32(out + BATCH_AT_RECORD_COUNT, (uint32_t)header->record_count);
}

uint32_t batch_crc(const void *batch, size_t size)
{
    ASSERT(size >= BATCH_HEADER_BYTES);
    return crc32c(0, (const uint8_t *)batch + BATCH_AT_ATTRIBUTES, size - BATCH_AT_ATTRIBUTES);
}

enum err batch_check_crc(const void *batch, size_t size)
{
    uint32_t stored = load_be32((const uint8_t *)batch + BATCH_AT_CRC);
    return batch_crc(batch, size) == stored ? ERR_OK : ERR_CORRUPT;
}

void batch_update_crc(void *batch, size_t size)
{
    store_be32((uint8_t *)batch + BATCH_AT_CRC, batch_crc(batch, size));
}

int32_t batch_sequence_add(int32_t sequence, int32_t count)
{
    return (int32_t)(((uint32_t)sequence + (uint32_t)count) & INT32_MAX);
}

int32_t batch_last_sequence(const struct batch_header *header)
{
    if (header->base_sequence == BATCH_NO_SEQUENCE)
        return BATCH_NO_SEQUENCE;
    return batch_sequence_add(header->base_sequence, header->last_offset_delta);
}

void batch_stamp_base_offset(void *batch, int64_t base_offset)
{
    store_be64((uint8_t *)batch + BATCH_AT_BASE_OFFSET, (uint64_t)base_offset);
}

void batch_stamp_leader_epoch(void *batch, int32_t leader_epoch)
{
    store_be32((uint8_t *)batch + BATCH_AT_LEADER_EPOCH, (uint32_t)leader_epoch);
}

bool batch_stamp_timestamp(void *batch, size_t size, enum batch_timestamp_type type,
                           int64_t max_timestamp)
{
    uint8_t *at = batch;
    uint16_t before = load_be16(at + BATCH_AT_ATTRIBUTES);
    /* Attributes that nobody has defined go, as they do in Kafka. */
    uint16_t after =
        before & (BATCH_CODEC_MASK | BATCH_TRANSACTIONAL | BATCH_CONTROL | BATCH_DELETE_HORIZON);
    if (type == BATCH_TIMESTAMP_LOG_APPEND)
        after |= BATCH_LOG_APPEND_TIME;
    if (((after ^ before) & BATCH_LOG_APPEND_TIME) == 0 &&
        load_be64(at + BATCH_AT_MAX_TIMESTAMP) == (uint64_t)max_timestamp)
        return false;
    store_be16(at + BATCH_AT_ATTRIBUTES, after);
    store_be64(at + BATCH_AT_MAX_TIMESTAMP, (uint64_t)max_timestamp);
    batch_update_crc(batch, size);
    return true;
}

enum err batch_view_read(const void *data, size_t size, struct batch_view *out)
{
    out->data = data;
    enum err err = batch_header_read(data, size, &out->header);
    if (err == ERR_OK && out->header.size > size)
        err = ERR_TRUNCATED;
    return err;
}

bool batch_walk_next(struct batch_walk *walk, struct batch_view *out)
{
    if (walk->err != ERR_OK || walk->position == walk->size)
        return false;
    walk->err = batch_view_read(walk->data + walk->position, walk->size - walk->position, out);
    if (walk->err != ERR_OK)
        return false;
    walk->position += out->header.size;
    return true;
}

bool batch_fields_next(struct batch_fields *fields, struct batch_field *out)
{
    if (fields->left <= 0)
        return false;
    fields->left--;
    return batch_take_field(&fields->next, fields->end, out);
}

void batch_field_put(struct buf *out, const struct batch_field *field)
{
    ASSERT(field->key != NULL && field->key_size <= INT32_MAX && field->value_size <= INT32_MAX);
    buf_put_varint32(out, (int32_t)field->key_size);
    buf_put(out, field->key, field->key_size);
    buf_put_varint32(out, field->value == NULL ? -1 : (int32_t)field->value_size);
    if (field->value != NULL)
        buf_put(out, field->value, field->value_size);
}

/* ---- Control records: a key of version and type, both i16; a value by type ------------------- */

#define CONTROL_KEY_VERSION 0
#define END_TXN_VERSION 0

void batch_control_key_write(enum batch_control type, uint8_t out[BATCH_CONTROL_KEY_BYTES])
{
    store_be16(out, CONTROL_KEY_VERSION);
    store_be16(out + 2, (uint16_t)type);
}

enum err batch_control_key_read(const struct batch_record *record, enum batch_control *out)
{
    if (record->key == NULL || record->key_size < BATCH_CONTROL_KEY_BYTES ||
        (int16_t)load_be16(record->key) < 0)
        return ERR_CORRUPT;
    int16_t type = (int16_t)load_be16(record->key + 2);
    bool known = type >= BATCH_CONTROL_ABORT && type <= BATCH_CONTROL_KRAFT_VOTERS;
    *out = known ? (enum batch_control)type : BATCH_CONTROL_UNKNOWN;
    return ERR_OK;
}

enum err batch_end_txn_value_read(const struct batch_record *record, int32_t *coordinator_epoch)
{
    if (record->value == NULL || record->value_size < BATCH_END_TXN_VALUE_BYTES ||
        (int16_t)load_be16(record->value) < 0)
        return ERR_CORRUPT;
    *coordinator_epoch = (int32_t)load_be32(record->value + 2);
    return ERR_OK;
}

void batch_end_txn_put(struct buf *out, int64_t base_offset, int32_t leader_epoch,
                       int64_t timestamp, int64_t producer_id, int16_t producer_epoch, bool commit,
                       int32_t coordinator_epoch)
{
    /* A body of fixed size, every length in it a varint of one byte. */
    enum { BODY = 1 + 1 + 1 + 1 + BATCH_CONTROL_KEY_BYTES + 1 + BATCH_END_TXN_VALUE_BYTES + 1 };
    uint8_t record[1 + BODY] = {0};
    record[0] = 2 * BODY;
    record[4] = 2 * BATCH_CONTROL_KEY_BYTES;
    batch_control_key_write(commit ? BATCH_CONTROL_COMMIT : BATCH_CONTROL_ABORT, record + 5);
    record[9] = 2 * BATCH_END_TXN_VALUE_BYTES;
    store_be16(record + 10, END_TXN_VERSION);
    store_be32(record + 12, (uint32_t)coordinator_epoch);

    struct batch_header header = {
        .base_offset = base_offset,
        .size = BATCH_HEADER_BYTES + sizeof record,
        .leader_epoch = leader_epoch,
        .attributes = BATCH_TRANSACTIONAL | BATCH_CONTROL,
        .base_timestamp = timestamp,
        .max_timestamp = timestamp,
        .producer_id = producer_id,
        .producer_epoch = producer_epoch,
        .base_sequence = BATCH_NO_SEQUENCE,
        .record_count = 1,
    };
    uint8_t *at = buf_extend(out, header.size);
    batch_header_write(&header, at);
    memcpy(at + BATCH_HEADER_BYTES, record, sizeof record);
    batch_update_crc(at, header.size);
}
