#ifndef WIRE_BATCH_INT_H
#define WIRE_BATCH_INT_H
/* Reading one record, inlined where records are walked in numbers. */
#include "wire/batch.h"

/* Field positions; batch.h has the table. */
enum {
    BATCH_AT_BASE_OFFSET = 0,
    BATCH_AT_LENGTH = 8,
    BATCH_AT_LEADER_EPOCH = 12,
    BATCH_AT_MAGIC = 16,
    BATCH_AT_CRC = 17,
    BATCH_AT_ATTRIBUTES = 21,
    BATCH_AT_LAST_OFFSET_DELTA = 23,
    BATCH_AT_BASE_TIMESTAMP = 27,
    BATCH_AT_MAX_TIMESTAMP = 35,
    BATCH_AT_PRODUCER_ID = 43,
    BATCH_AT_PRODUCER_EPOCH = 51,
    BATCH_AT_BASE_SEQUENCE = 53,
    BATCH_AT_RECORD_COUNT = 57,
};

/* An unsigned varint of at most `bytes_max` bytes from *at; false when it does not end before `end`
 * or does not fit. */
static inline bool batch_take_varint(const uint8_t **at, const uint8_t *end, unsigned bytes_max,
                                     uint8_t last_max, uint64_t *out)
{
    const uint8_t *next = *at;
    if (next < end && *next < 0x80) { /* almost all are of one byte */
        *out = *next;
        *at = next + 1;
        return true;
    }
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes_max && next < end; i++) {
        uint8_t byte = *next++;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *out = value;
            *at = next;
            return i + 1 < bytes_max || byte <= last_max;
        }
    }
    return false;
}

static inline bool batch_take_i32(const uint8_t **at, const uint8_t *end, int32_t *out)
{
    uint64_t raw;
    if (!batch_take_varint(at, end, 5, 0x0f, &raw))
        return false;
    *out = (int32_t)((uint32_t)(raw >> 1) ^ (0 - (uint32_t)(raw & 1)));
    return true;
}

static inline bool batch_take_i64(const uint8_t **at, const uint8_t *end, int64_t *out)
{
    uint64_t raw;
    if (!batch_take_varint(at, end, 10, 0x01, &raw))
        return false;
    *out = (int64_t)((raw >> 1) ^ (0 - (raw & 1)));
    return true;
}

/* A length and so many bytes; a negative length is null, as Java reads it. */
static inline bool batch_take_bytes(const uint8_t **at, const uint8_t *end, const uint8_t **data,
                                    size_t *size)
{
    int32_t length;
    *data = NULL;
    *size = 0;
    if (!batch_take_i32(at, end, &length))
        return false;
    if (length < 0)
        return true;
    if (length > end - *at)
        return false;
    *data = *at;
    *size = (size_t)length;
    *at += length;
    return true;
}

static inline bool batch_take_field(const uint8_t **at, const uint8_t *end, struct batch_field *out)
{
    const uint8_t *key;
    if (!batch_take_bytes(at, end, &key, &out->key_size) || key == NULL)
        return false;
    out->key = (const char *)key;
    return batch_take_bytes(at, end, &out->value, &out->value_size);
}

/* A record's body, which has to end exactly at `end`. */
static inline bool batch_take_record(const uint8_t *at, const uint8_t *end,
                                     const struct batch_header *header, struct batch_record *out)
{
    int64_t timestamp_delta;
    int32_t offset_delta;
    if (at == end)
        return false;
    at++; /* its attributes: none are defined */
    if (!batch_take_i64(&at, end, &timestamp_delta) || !batch_take_i32(&at, end, &offset_delta) ||
        !batch_take_bytes(&at, end, &out->key, &out->key_size) ||
        !batch_take_bytes(&at, end, &out->value, &out->value_size) ||
        !batch_take_i32(&at, end, &out->field_count) || out->field_count < 0)
        return false;
    /* Sums wrap, as Java's do. */
    out->offset = (int64_t)((uint64_t)header->base_offset + (uint64_t)offset_delta);
    out->timestamp = (int64_t)((uint64_t)header->base_timestamp + (uint64_t)timestamp_delta);
    if ((header->attributes & BATCH_LOG_APPEND_TIME) != 0)
        out->timestamp = header->max_timestamp;
    out->fields = at;
    out->fields_size = (size_t)(end - at);
    /* Each takes a byte at least, so a false count ends this soon. */
    for (int32_t i = 0; i < out->field_count; i++) {
        struct batch_field field;
        if (!batch_take_field(&at, end, &field))
            return false;
    }
    return at == end;
}

#endif
