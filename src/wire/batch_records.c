/* The records of a batch, one by one; and the walk that a producer's batch is checked with. */
#include "wire/batch_int.h"

#include "base/mem.h"
#include "codec/codec.h"
#include "wire/batch.h"
#include "wire/errors.h"

#include <string.h>

/*
 * Compressed batches are read through a window.
 *
 * Invariants:
 *  1. next..end is inside window.data and was decompressed but not consumed.
 *  2. The window is at most twice as large as the most that was in it: a record's length makes it
 *     grow only as its bytes come.
 */
#define WINDOW_BYTES_FIRST ((size_t)64 << 10)

enum err batch_records_init(struct batch_records *records, struct codec_context *context,
                            const struct batch_view *batch, size_t limit_bytes)
{
    const uint8_t *body = batch->data + BATCH_HEADER_BYTES;
    size_t body_size = batch->header.size - BATCH_HEADER_BYTES;
    *records = (struct batch_records){
        .next = body,
        .end = body + body_size,
        .left = batch->header.record_count,
        .header = batch->header,
    };
    uint8_t codec = batch_codec(&batch->header);
    if (records->left < 0 || codec >= CODEC_COUNT)
        return ERR_CORRUPT;
    /* A batch whose records were all compacted away keeps its codec, but has nothing in it. */
    if (codec == CODEC_NONE || (records->left == 0 && body_size == 0))
        return ERR_OK;
    records->stream = mem_try_alloc(sizeof *records->stream);
    if (records->stream == NULL)
        return ERR_NOMEM;
    enum err err = codec_stream_init(records->stream, context, (enum codec)codec, body, body_size,
                                     limit_bytes);
    if (err != ERR_OK) {
        mem_free(records->stream);
        records->stream = NULL;
        return err;
    }
    records->next = records->end = NULL;
    return ERR_OK;
}

void batch_records_deinit(struct batch_records *records)
{
    if (records->stream != NULL)
        codec_stream_deinit(records->stream);
    mem_free(records->stream);
    records->stream = NULL;
    buf_deinit(&records->window);
}

/* More is in the window than before; ERR_TRUNCATED: nothing more comes. */
static enum err window_fill(struct batch_records *records)
{
    struct buf *window = &records->window;
    size_t kept = (size_t)(records->end - records->next);
    if (records->stream_ended)
        return ERR_TRUNCATED;
    if (kept > 0)
        memmove(window->data, records->next, kept);
    window->size = kept;
    size_t more = window->capacity - kept;
    if (more == 0) /* full of one record, or not there yet */
        more = kept > WINDOW_BYTES_FIRST ? kept : WINDOW_BYTES_FIRST;
    uint8_t *at = buf_try_reserve(window, more);
    if (at == NULL)
        return ERR_NOMEM;
    size_t got;
    enum err err = codec_stream_read(records->stream, at, more, &got);
    if (err != ERR_OK)
        return err;
    records->stream_ended = got < more;
    window->size += got;
    records->next = window->data;
    records->end = window->data + window->size;
    return got > 0 ? ERR_OK : ERR_TRUNCATED;
}

/* The next record's body. */
static enum err body_next(struct batch_records *records, const uint8_t **body, size_t *size)
{
    for (;;) {
        const uint8_t *at = records->next;
        int32_t length = 0;
        bool read = batch_take_i32(&at, records->end, &length);
        if (read && length < 0)
            return ERR_CORRUPT;
        if (read && length <= records->end - at) {
            *body = at;
            *size = (size_t)length;
            records->next = at + length;
            return ERR_OK;
        }
        /* A length that is no varint stays one, however much of it there is. */
        bool bad = !read && records->end - records->next >= 5;
        if (bad || records->stream == NULL)
            return ERR_CORRUPT;
        enum err err = window_fill(records);
        if (err != ERR_OK)
            return err == ERR_TRUNCATED ? ERR_CORRUPT : err;
    }
}

/* All records were read: nothing may be left. */
static enum err end_check(struct batch_records *records)
{
    if (records->next != records->end)
        return ERR_CORRUPT;
    if (records->stream == NULL)
        return ERR_OK;
    enum err err = window_fill(records);
    return err == ERR_TRUNCATED ? ERR_OK : err == ERR_OK ? ERR_CORRUPT : err;
}

static inline bool record_next(struct batch_records *records, struct batch_record *out)
{
    if (records->err != ERR_OK)
        return false;
    if (records->left == 0) {
        records->err = end_check(records);
        return false;
    }
    const uint8_t *body;
    size_t size;
    records->err = body_next(records, &body, &size);
    if (records->err != ERR_OK)
        return false;
    if (!batch_take_record(body, body + size, &records->header, out)) {
        records->err = ERR_CORRUPT;
        return false;
    }
    records->left--;
    return true;
}

bool batch_records_next(struct batch_records *records, struct batch_record *out)
{
    return record_next(records, out);
}

/* ---- Checking -------------------------------------------------------------------------------- */

struct problem_row {
    int16_t error;
    const char *text;
};

static const struct problem_row problems[BATCH_PROBLEM_COUNT] = {
    [BATCH_OK] = {WIRE_ERROR_NONE, "the batch is good"},
    [BATCH_TRUNCATED] = {WIRE_ERROR_INVALID_RECORD, "the bytes end before the batch does"},
    [BATCH_TRAILING] = {WIRE_ERROR_INVALID_RECORD,
                        "a partition's records have to be exactly one batch"},
    [BATCH_UNKNOWN_MAGIC] = {WIRE_ERROR_CORRUPT_MESSAGE, "the batch has an unknown magic number"},
    [BATCH_OLD_MAGIC] = {WIRE_ERROR_INVALID_RECORD, "only record batches of magic 2 are accepted"},
    [BATCH_BAD_SIZE] = {WIRE_ERROR_CORRUPT_MESSAGE,
                        "the batch's length is less than that of its header"},
    [BATCH_BAD_CRC] = {WIRE_ERROR_CORRUPT_MESSAGE, "the batch's checksum does not match"},
    [BATCH_BASE_OFFSET] = {WIRE_ERROR_INVALID_RECORD,
                           "a producer's batch has to begin at offset 0"},
    [BATCH_OFFSET_RANGE] = {WIRE_ERROR_INVALID_RECORD,
                            "the batch's last offset is before its first"},
    [BATCH_RECORD_COUNT] = {WIRE_ERROR_INVALID_RECORD, "the batch has to have a record at least"},
    [BATCH_RANGE_COUNT] = {WIRE_ERROR_INVALID_RECORD,
                           "the batch's offsets are not as many as its records"},
    [BATCH_CLIENT_CONTROL] = {WIRE_ERROR_INVALID_RECORD, "a client may not write control records"},
    [BATCH_BAD_SEQUENCE] = {WIRE_ERROR_INVALID_RECORD,
                            "a batch with a producer id has to have a sequence number"},
    [BATCH_UNKNOWN_CODEC] = {WIRE_ERROR_UNSUPPORTED_COMPRESSION_TYPE,
                             "the batch's compression is not known"},
    /* Kafka says UNKNOWN_SERVER_ERROR. Not CORRUPT_MESSAGE: the checksum is right, so that
     * sending it again will not help. */
    [BATCH_BAD_COMPRESSION] = {WIRE_ERROR_INVALID_RECORD, "the records do not decompress"},
    [BATCH_TOO_LARGE_DECOMPRESSED] = {WIRE_ERROR_MESSAGE_TOO_LARGE,
                                      "the decompressed records are larger than "
                                      "max.decompressed.message.bytes"},
    [BATCH_BAD_RECORD] = {WIRE_ERROR_INVALID_RECORD,
                          "a record is malformed, or there are not as many as the batch says"},
    [BATCH_NULL_KEY] = {WIRE_ERROR_INVALID_RECORD,
                        "a record of a compacted topic has to have a key"},
    [BATCH_TIMESTAMP_OUT_OF_RANGE] = {WIRE_ERROR_INVALID_TIMESTAMP,
                                      "the timestamp is outside message.timestamp.before.max.ms "
                                      "and message.timestamp.after.max.ms of the broker's time"},
    [BATCH_TIMESTAMP_TYPE] = {WIRE_ERROR_INVALID_TIMESTAMP,
                              "a producer may not set the timestamp type to LogAppendTime"},
    [BATCH_RECORDS_REFUSED] = {WIRE_ERROR_INVALID_RECORD, "one or more records were refused"},
    [BATCH_RECORDS_REFUSED_TIMESTAMP] = {WIRE_ERROR_INVALID_TIMESTAMP,
                                         "one or more records were refused for their timestamp"},
};

int16_t batch_problem_error(enum batch_problem problem)
{
    ASSERT((unsigned)problem < BATCH_PROBLEM_COUNT);
    return problems[problem].error;
}

const char *batch_problem_text(enum batch_problem problem)
{
    ASSERT((unsigned)problem < BATCH_PROBLEM_COUNT);
    return problems[problem].text;
}

/* In Kafka's order, which decides what a batch with two problems is told. */
enum batch_problem batch_check_client(const void *data, size_t size, struct batch_view *out)
{
    size_t batch_size;
    int8_t magic;
    enum err err = batch_peek(data, size, &batch_size, &magic);
    if (err == ERR_TRUNCATED)
        return BATCH_TRUNCATED;
    if (err == ERR_VERSION)
        return batch_size > size ? BATCH_TRUNCATED : BATCH_OLD_MAGIC;
    if (err != ERR_OK) {
        int8_t stored = (int8_t)((const uint8_t *)data)[BATCH_AT_MAGIC];
        return stored < 0 || stored > BATCH_MAGIC ? BATCH_UNKNOWN_MAGIC : BATCH_BAD_SIZE;
    }
    if (batch_view_read(data, size, out) != ERR_OK)
        return BATCH_TRUNCATED;
    const struct batch_header *header = &out->header;
    if (header->size != size)
        return BATCH_TRAILING;
    if (header->base_offset != 0)
        return BATCH_BASE_OFFSET;
    if (batch_check_crc(data, header->size) != ERR_OK)
        return BATCH_BAD_CRC;
    if (header->last_offset_delta < 0)
        return BATCH_OFFSET_RANGE;
    if (header->record_count <= 0)
        return BATCH_RECORD_COUNT;
    if ((int64_t)header->record_count != (int64_t)header->last_offset_delta + 1)
        return BATCH_RANGE_COUNT;
    if (batch_is_control(header))
        return BATCH_CLIENT_CONTROL;
    if (batch_has_producer(header) && header->base_sequence < 0)
        return BATCH_BAD_SEQUENCE;
    return batch_codec(header) < CODEC_COUNT ? BATCH_OK : BATCH_UNKNOWN_CODEC;
}

static enum batch_problem check_record(const struct batch_check *check, bool log_append_time,
                                       const struct batch_record *record)
{
    if (check->keys_required && record->key == NULL)
        return BATCH_NULL_KEY;
    if (check->timestamp_type == BATCH_TIMESTAMP_CREATE &&
        record->timestamp != BATCH_NO_TIMESTAMP) {
        int64_t age = (int64_t)((uint64_t)check->wall_ms - (uint64_t)record->timestamp);
        if (age > check->timestamp_before_max_ms ||
            (int64_t)(0 - (uint64_t)age) > check->timestamp_after_max_ms)
            return BATCH_TIMESTAMP_OUT_OF_RANGE;
        /* A good time in a batch that says LogAppendTime passes, as it does in Kafka: the stamping
         * takes the attribute back. */
        return BATCH_OK;
    }
    return log_append_time ? BATCH_TIMESTAMP_TYPE : BATCH_OK;
}

static void check_walk(struct batch_records *records, struct batch_check *check)
{
    bool log_append_time = batch_timestamp_type(&records->header) == BATCH_TIMESTAMP_LOG_APPEND;
    int64_t offset = records->header.base_offset;
    struct batch_record record;
    for (int32_t index = 0; record_next(records, &record); index++) {
        enum batch_problem problem = check_record(check, log_append_time, &record);
        if (__builtin_expect(problem != BATCH_OK, 0)) {
            if (problem != BATCH_NULL_KEY)
                check->problem = BATCH_RECORDS_REFUSED_TIMESTAMP;
            else if (check->problem == BATCH_OK)
                check->problem = BATCH_RECORDS_REFUSED;
            check->refused_count++;
            if (check->refused != NULL)
                check->refused(check->context, index, problem);
        }
        if (record.timestamp > check->max_timestamp)
            check->max_timestamp = record.timestamp;
        check->offsets_in_order &= record.offset == offset;
        offset = (int64_t)((uint64_t)offset + 1);
    }
}

enum err batch_check_records(struct codec_context *context, const struct batch_view *batch,
                             struct batch_check *check)
{
    check->problem = BATCH_OK;
    check->max_timestamp = BATCH_NO_TIMESTAMP;
    check->offsets_in_order = true;
    check->records_bytes = batch->header.size - BATCH_HEADER_BYTES;
    check->refused_count = 0;
    if (batch_codec(&batch->header) >= CODEC_COUNT) {
        check->problem = BATCH_UNKNOWN_CODEC;
        return ERR_OK;
    }
    struct batch_records records;
    enum err err = batch_records_init(&records, context, batch, check->decompressed_bytes_max);
    if (err == ERR_NOMEM)
        return err;
    if (err != ERR_OK) {
        check->problem = BATCH_BAD_RECORD;
        return ERR_OK;
    }
    check_walk(&records, check);
    bool bad_stream = records.stream != NULL && records.stream->err != ERR_OK;
    if (records.err == ERR_LIMIT)
        check->problem = BATCH_TOO_LARGE_DECOMPRESSED;
    else if (records.err == ERR_CORRUPT)
        check->problem = bad_stream ? BATCH_BAD_COMPRESSION : BATCH_BAD_RECORD;
    else if (records.err != ERR_OK)
        err = records.err;
    if (records.stream != NULL)
        check->records_bytes = check->decompressed_bytes_max - records.stream->limit_left;
    batch_records_deinit(&records);
    if (check->timestamp_type == BATCH_TIMESTAMP_LOG_APPEND)
        check->max_timestamp = check->wall_ms;
    return err;
}
