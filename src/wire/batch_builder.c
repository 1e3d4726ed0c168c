/*
 * Batches, built record by record. The body begins with room for the header, so that an
 * uncompressed batch is finished where it stands.
 */
#include "wire/batch_int.h"

#include "base/varint.h"
#include "codec/codec.h"
#include "wire/batch.h"

#include <string.h>

void batch_builder_init(struct batch_builder *builder, const struct batch_builder_options *options)
{
    builder->body = BUF_EMPTY;
    batch_builder_reset(builder, options);
}

void batch_builder_deinit(struct batch_builder *builder)
{
    buf_deinit(&builder->body);
}

void batch_builder_reset(struct batch_builder *builder, const struct batch_builder_options *options)
{
    ASSERT(options->codec < CODEC_COUNT);
    builder->options = *options;
    buf_clear(&builder->body);
    builder->record_count = 0;
    builder->base_timestamp = options->delete_horizon_ms; /* -1: the first record's */
    builder->max_timestamp = BATCH_NO_TIMESTAMP;
    builder->last_offset = options->base_offset;
}

size_t batch_builder_size(const struct batch_builder *builder)
{
    return builder->body.size > BATCH_HEADER_BYTES ? builder->body.size : BATCH_HEADER_BYTES;
}

size_t batch_record_size_max(const struct batch_record *record)
{
    /* Length, attributes, both deltas, three lengths or counts. */
    return VARINT32_BYTES_MAX + 1 + VARINT64_BYTES_MAX + 4 * VARINT32_BYTES_MAX + record->key_size +
           record->value_size + record->fields_size;
}

static uint8_t *put_bytes(uint8_t *at, const uint8_t *data, size_t size)
{
    at += varint32_write(at, data == NULL ? -1 : (int32_t)size);
    if (data != NULL && size > 0)
        memcpy(at, data, size);
    return at + (data == NULL ? 0 : size);
}

static size_t bytes_size(const uint8_t *data, size_t size)
{
    return data == NULL ? varint32_size(-1) : varint32_size((int32_t)size) + size;
}

/* The record's body; `at` has room for it. */
static void put_record(uint8_t *at, const struct batch_record *record, int64_t timestamp_delta,
                       int32_t offset_delta)
{
    *at++ = 0; /* attributes */
    at += varint64_write(at, timestamp_delta);
    at += varint32_write(at, offset_delta);
    at = put_bytes(at, record->key, record->key_size);
    at = put_bytes(at, record->value, record->value_size);
    at += varint32_write(at, record->field_count);
    if (record->fields_size > 0)
        memcpy(at, record->fields, record->fields_size);
}

enum err batch_builder_add(struct batch_builder *builder, const struct batch_record *record)
{
    struct buf *body = &builder->body;
    bool first = builder->record_count == 0;
    int64_t offset_delta;
    if (record->key_size > INT32_MAX || record->value_size > INT32_MAX ||
        record->fields_size > INT32_MAX || record->field_count < 0 ||
        __builtin_sub_overflow(record->offset, builder->options.base_offset, &offset_delta) ||
        offset_delta < 0 || offset_delta > INT32_MAX ||
        (!first && record->offset <= builder->last_offset))
        return ERR_INVALID;
    if (batch_record_size_max(record) > INT32_MAX - batch_builder_size(builder) ||
        builder->record_count == INT32_MAX)
        return ERR_LIMIT;

    int64_t base_timestamp = builder->base_timestamp;
    if (first && builder->options.delete_horizon_ms == BATCH_NO_DELETE_HORIZON)
        base_timestamp = record->timestamp;
    int64_t timestamp_delta = (int64_t)((uint64_t)record->timestamp - (uint64_t)base_timestamp);
    size_t size = 1 + varint64_size(timestamp_delta) + varint32_size((int32_t)offset_delta) +
                  bytes_size(record->key, record->key_size) +
                  bytes_size(record->value, record->value_size) +
                  varint32_size(record->field_count) + record->fields_size;

    size_t header = body->size == 0 ? BATCH_HEADER_BYTES : 0;
    uint8_t *at = buf_try_reserve(body, header + VARINT32_BYTES_MAX + size);
    if (at == NULL)
        return ERR_NOMEM;
    at += header;
    size_t length_size = varint32_write(at, (int32_t)size);
    put_record(at + length_size, record, timestamp_delta, (int32_t)offset_delta);
    body->size += header + length_size + size;

    builder->base_timestamp = base_timestamp;
    if (record->timestamp > builder->max_timestamp)
        builder->max_timestamp = record->timestamp;
    builder->last_offset = record->offset;
    builder->record_count++;
    return ERR_OK;
}

static struct batch_header make_header(const struct batch_builder *builder, size_t size)
{
    const struct batch_builder_options *options = &builder->options;
    bool log_append = options->timestamp_type == BATCH_TIMESTAMP_LOG_APPEND;
    bool horizon = options->delete_horizon_ms != BATCH_NO_DELETE_HORIZON;
    unsigned attributes = options->codec | (log_append ? BATCH_LOG_APPEND_TIME : 0u) |
                          (options->transactional ? BATCH_TRANSACTIONAL : 0u) |
                          (options->control ? BATCH_CONTROL : 0u) |
                          (horizon ? BATCH_DELETE_HORIZON : 0u);
    int64_t last_delta = builder->last_offset - options->base_offset;
    ASSERT(last_delta >= 0 && last_delta <= INT32_MAX);
    return (struct batch_header){
        .base_offset = options->base_offset,
        .size = size,
        .leader_epoch = options->leader_epoch,
        .attributes = (uint16_t)attributes,
        .last_offset_delta = (int32_t)last_delta,
        .base_timestamp = builder->base_timestamp,
        .max_timestamp = log_append ? options->log_append_time_ms : builder->max_timestamp,
        .producer_id = options->producer_id,
        .producer_epoch = options->producer_epoch,
        .base_sequence = options->base_sequence,
        .record_count = builder->record_count,
    };
}

/* Into an empty `out` an uncompressed batch moves with its memory; else it is copied behind what is
 * there. */
static enum err finish_plain(struct batch_builder *builder, struct buf *out)
{
    if (out->size == 0) {
        struct buf spare = *out;
        *out = builder->body;
        builder->body = spare;
        return ERR_OK;
    }
    uint8_t *at = buf_try_reserve(out, builder->body.size);
    if (at == NULL)
        return ERR_NOMEM;
    memcpy(at, builder->body.data, builder->body.size);
    out->size += builder->body.size;
    buf_clear(&builder->body);
    return ERR_OK;
}

static enum err finish_compressed(struct batch_builder *builder, struct codec_context *context,
                                  struct buf *out)
{
    size_t begin = out->size;
    if (buf_try_reserve(out, BATCH_HEADER_BYTES) == NULL)
        return ERR_NOMEM;
    out->size += BATCH_HEADER_BYTES;
    enum err err = codec_compress(context, (enum codec)builder->options.codec,
                                  builder->options.level, builder->body.data + BATCH_HEADER_BYTES,
                                  builder->body.size - BATCH_HEADER_BYTES, out);
    if (err == ERR_OK && out->size - begin > INT32_MAX)
        err = ERR_LIMIT;
    if (err != ERR_OK) {
        out->size = begin;
        return err;
    }
    buf_clear(&builder->body);
    return ERR_OK;
}

enum err batch_builder_finish(struct batch_builder *builder, struct codec_context *context,
                              struct buf *out)
{
    ASSERT(builder->record_count > 0);
    size_t begin = out->size;
    bool compressed = builder->options.codec != CODEC_NONE;
    ASSERT(!compressed || context != NULL);
    enum err err =
        compressed ? finish_compressed(builder, context, out) : finish_plain(builder, out);
    if (err != ERR_OK)
        return err;
    struct batch_header header = make_header(builder, out->size - begin);
    batch_header_write(&header, out->data + begin);
    batch_update_crc(out->data + begin, header.size);
    builder->record_count = 0;
    return ERR_OK;
}
