/*
 * Anything as batches: walked, checked as a producer's, read record by record, written again and
 * read back alike. The checksum is made right first, or nothing would get past it. The first byte
 * chooses the topic's settings.
 */
#include "base/assert.h"
#include "base/mem.h"
#include "codec/codec.h"
#include "wire/batch.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LIMIT ((size_t)1 << 20)

static bool same_bytes(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
    return (a == NULL) == (b == NULL) && a_size == b_size &&
           (a_size == 0 || memcmp(a, b, a_size) == 0);
}

static void use_record(const struct batch_record *record)
{
    struct batch_fields fields = batch_fields_begin(record);
    struct batch_field field;
    int32_t count = 0;
    size_t bytes = 0;
    while (batch_fields_next(&fields, &field)) {
        ASSERT(field.key != NULL);
        bytes += field.key_size + field.value_size;
        count++;
    }
    ASSERT(count == record->field_count && fields.next == fields.end);
    ASSERT(bytes <= record->fields_size);
    enum batch_control control;
    int32_t epoch;
    if (batch_control_key_read(record, &control) == ERR_OK && control <= BATCH_CONTROL_COMMIT)
        (void)(batch_end_txn_value_read(record, &epoch) == ERR_OK);
}

/* The records of both are the same. */
static void compare(struct codec_context *context, const struct batch_view *a,
                    const struct batch_view *b)
{
    struct batch_records left, right;
    enum err err = batch_records_init(&left, context, a, LIMIT);
    ASSERT(err == ERR_OK);
    err = batch_records_init(&right, context, b, LIMIT);
    ASSERT(err == ERR_OK);
    struct batch_record x, y;
    while (batch_records_next(&left, &x)) {
        bool more = batch_records_next(&right, &y);
        ASSERT(more);
        ASSERT(x.offset == y.offset && x.timestamp == y.timestamp);
        ASSERT(same_bytes(x.key, x.key_size, y.key, y.key_size));
        ASSERT(same_bytes(x.value, x.value_size, y.value, y.value_size));
        ASSERT(same_bytes(x.fields, x.fields_size, y.fields, y.fields_size));
    }
    bool more = batch_records_next(&right, &y);
    ASSERT(!more && left.err == ERR_OK && right.err == ERR_OK);
    batch_records_deinit(&left);
    batch_records_deinit(&right);
}

/* Read all records; put them into a batch of ours as far as offsets ascend. */
static enum err copy_records(struct codec_context *context, const struct batch_view *batch,
                             struct batch_builder *builder, bool *all)
{
    struct batch_records records;
    enum err err = batch_records_init(&records, context, batch, LIMIT);
    if (err != ERR_OK)
        return err;
    struct batch_record record;
    *all = true;
    while (batch_records_next(&records, &record)) {
        use_record(&record);
        *all &= batch_builder_add(builder, &record) == ERR_OK;
    }
    err = records.err;
    batch_records_deinit(&records);
    return err;
}

static void check_copy(struct codec_context *context, const struct batch_view *batch,
                       bool structure)
{
    const struct batch_header *header = &batch->header;
    struct batch_builder_options options = BATCH_BUILDER_DEFAULTS;
    options.base_offset = header->base_offset;
    options.codec = batch_codec(header) < CODEC_COUNT ? batch_codec(header) : CODEC_NONE;
    options.level = codec_level_default((enum codec)options.codec);
    options.timestamp_type = batch_timestamp_type(header);
    options.log_append_time_ms = header->max_timestamp;
    struct batch_builder builder;
    batch_builder_init(&builder, &options);
    bool all = false;
    enum err err = copy_records(context, batch, &builder, &all);
    ASSERT((err == ERR_OK) == structure);
    if (err == ERR_OK && all && builder.record_count > 0) {
        struct buf out = BUF_EMPTY;
        err = batch_builder_finish(&builder, context, &out);
        ASSERT(err == ERR_OK);
        struct batch_view again;
        err = batch_view_read(out.data, out.size, &again);
        ASSERT(err == ERR_OK && again.header.size == out.size);
        ASSERT(batch_check_crc(out.data, out.size) == ERR_OK);
        compare(context, batch, &again);
        buf_deinit(&out);
    }
    batch_builder_deinit(&builder);
}

static void check_batch(struct codec_context *context, const uint8_t *bytes, size_t size,
                        uint8_t settings)
{
    uint8_t *copy = mem_alloc(size);
    memcpy(copy, bytes, size);
    batch_update_crc(copy, size);
    struct batch_view batch;
    (void)(batch_check_client(copy, size, &batch) == BATCH_OK);
    enum err err = batch_view_read(copy, size, &batch);
    ASSERT(err == ERR_OK && batch.header.size == size);
    struct batch_check check = {
        .timestamp_type = settings & 1 ? BATCH_TIMESTAMP_LOG_APPEND : BATCH_TIMESTAMP_CREATE,
        .wall_ms = INT64_C(1700000000000),
        .timestamp_before_max_ms = settings & 2 ? INT64_MAX : 1000,
        .timestamp_after_max_ms = 3600000,
        .keys_required = settings & 4,
        .decompressed_bytes_max = LIMIT,
    };
    err = batch_check_records(context, &batch, &check);
    ASSERT(err == ERR_OK);
    check_copy(context, &batch,
               check.problem == BATCH_OK || check.problem == BATCH_RECORDS_REFUSED ||
                   check.problem == BATCH_RECORDS_REFUSED_TIMESTAMP);
    batch_stamp_base_offset(copy, 12345);
    batch_stamp_leader_epoch(copy, 3);
    batch_stamp_timestamp(copy, size, check.timestamp_type, check.max_timestamp);
    ASSERT(batch_check_crc(copy, size) == ERR_OK);
    mem_free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct codec_context *context = codec_context_new();
    struct batch_walk walk = batch_walk_begin(data + 1, size - 1);
    struct batch_view batch;
    (void)(batch_check_client(data + 1, size - 1, &batch) == BATCH_OK);
    while (batch_walk_next(&walk, &batch))
        check_batch(context, batch.data, batch.header.size, data[0]);
    ASSERT(walk.position <= walk.size && (walk.err != ERR_OK || walk.position == walk.size));
    codec_context_free(context);
    return 0;
}
