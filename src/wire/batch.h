#ifndef WIRE_BATCH_H
#define WIRE_BATCH_H
/*
 * Record batches, version 2 (KIP-98): what producers send, logs keep and consumers get.
 *
 *   position  field                  position  field
 *          0  base offset     i64          27  base timestamp    i64
 *          8  length          i32          35  max timestamp     i64
 *         12  leader epoch    i32          43  producer id       i64
 *         16  magic           i8           51  producer epoch    i16
 *         17  crc             u32          53  base sequence     i32
 *         21  attributes      i16          57  record count      i32
 *         23  last offset delta i32        61  records, compressed as a whole
 *
 * The length counts from position 12 on, the CRC-32C from 21 on. So base offset and leader epoch
 * can be stamped without it.
 */
#include "base/assert.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* codec/codec.h, which not every room that reads batches may include: a codec is a number here. */
struct codec_context;
struct codec_stream;

#define BATCH_MAGIC 2
#define BATCH_HEADER_BYTES ((size_t)61)
#define BATCH_PREFIX_BYTES                                                                      \
    ((size_t)12)                      /* base offset and length: what the length does not count \
                                       */
#define BATCH_PEEK_BYTES ((size_t)17) /* enough for length and magic, in all versions */

#define BATCH_NO_TIMESTAMP INT64_C(-1)
#define BATCH_NO_PRODUCER_ID INT64_C(-1)
#define BATCH_NO_PRODUCER_EPOCH ((int16_t)-1)
#define BATCH_NO_SEQUENCE INT32_C(-1)
#define BATCH_NO_LEADER_EPOCH INT32_C(-1)
#define BATCH_NO_DELETE_HORIZON INT64_C(-1)

enum batch_attributes {
    BATCH_CODEC_MASK = 0x07, /* enum codec */
    BATCH_LOG_APPEND_TIME = 0x08,
    BATCH_TRANSACTIONAL = 0x10,
    BATCH_CONTROL = 0x20,
    BATCH_DELETE_HORIZON = 0x40, /* the base timestamp is the delete horizon (KIP-534) */
};

enum batch_timestamp_type { BATCH_TIMESTAMP_CREATE = 0, BATCH_TIMESTAMP_LOG_APPEND = 1 };

/* ---- Headers ------------------------------------------------------------------------------- */

struct batch_header {
    int64_t base_offset;
    size_t size; /* of the whole batch in bytes, from its base offset on */
    int32_t leader_epoch;
    uint32_t crc;
    uint16_t attributes;
    int32_t last_offset_delta;
    int64_t base_timestamp;
    int64_t max_timestamp;
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t base_sequence;
    int32_t record_count;
};

/*
 * The size and version of the batch (or of a message of magic 0 or 1) that begins here, from its
 * first BATCH_PEEK_BYTES. ERR_TRUNCATED: fewer are there. ERR_VERSION: magic 0 or 1, which are not
 * served; *size_out is right. ERR_CORRUPT: no batch begins here (another magic, a size below the
 * header's or past INT32_MAX).
 */
enum err batch_peek(const void *data, size_t size, size_t *size_out, int8_t *magic_out) MUST_USE;

/* The header of the batch that begins here; its records need not be there. As batch_peek, and
 * ERR_TRUNCATED when fewer than BATCH_HEADER_BYTES are. Values are not checked but for the size. */
enum err batch_header_read(const void *data, size_t size, struct batch_header *out) MUST_USE;
/* All 61 bytes; header->crc is written as it is. */
void batch_header_write(const struct batch_header *header, uint8_t out[61]);

/* The checksum that a whole batch should have. */
uint32_t batch_crc(const void *batch, size_t size);
/* ERR_CORRUPT unless it has it. `size` is the batch's own. */
enum err batch_check_crc(const void *batch, size_t size) MUST_USE;
/* Compute and store it. */
void batch_update_crc(void *batch, size_t size);

/* enum codec, or above (5 to 7): nothing that is known. */
static inline uint8_t batch_codec(const struct batch_header *header)
{
    return header->attributes & BATCH_CODEC_MASK;
}
static inline enum batch_timestamp_type batch_timestamp_type(const struct batch_header *header)
{
    return (header->attributes & BATCH_LOG_APPEND_TIME) != 0 ? BATCH_TIMESTAMP_LOG_APPEND
                                                             : BATCH_TIMESTAMP_CREATE;
}
static inline bool batch_is_transactional(const struct batch_header *header)
{
    return (header->attributes & BATCH_TRANSACTIONAL) != 0;
}
static inline bool batch_is_control(const struct batch_header *header)
{
    return (header->attributes & BATCH_CONTROL) != 0;
}
static inline bool batch_has_producer(const struct batch_header *header)
{
    return header->producer_id > BATCH_NO_PRODUCER_ID;
}
/* When tombstones and markers in it may go, or BATCH_NO_DELETE_HORIZON. */
static inline int64_t batch_delete_horizon_ms(const struct batch_header *header)
{
    return (header->attributes & BATCH_DELETE_HORIZON) != 0 ? header->base_timestamp
                                                            : BATCH_NO_DELETE_HORIZON;
}
/* Offsets wrap as Java's do; a header from outside is checked (batch_check_header) before they mean
 * something. */
static inline int64_t batch_last_offset(const struct batch_header *header)
{
    return (int64_t)((uint64_t)header->base_offset + (uint64_t)header->last_offset_delta);
}
static inline int64_t batch_next_offset(const struct batch_header *header)
{
    return (int64_t)((uint64_t)batch_last_offset(header) + 1);
}
/* The sequence number `count` after another; after INT32_MAX comes 0. */
int32_t batch_sequence_add(int32_t sequence, int32_t count);
/* BATCH_NO_SEQUENCE when it has none. */
int32_t batch_last_sequence(const struct batch_header *header);

/* ---- Stamping in place ---------------------------------------------------------------------- */

void batch_stamp_base_offset(void *batch, int64_t base_offset);
void batch_stamp_leader_epoch(void *batch, int32_t leader_epoch);
/* What a leader found while it checked the batch: the timestamp type of the topic and the largest
 * timestamp (or the time of the append). The checksum is computed again only when one differs;
 * returns whether it was. */
bool batch_stamp_timestamp(void *batch, size_t size, enum batch_timestamp_type type,
                           int64_t max_timestamp);

/* ---- Batches in a row ----------------------------------------------------------------------- */

/* A whole batch in somebody's memory. */
struct batch_view {
    const uint8_t *data;
    struct batch_header header; /* header.size bytes are at data */
};

/* The whole batch that begins here. As batch_header_read; ERR_TRUNCATED also when its end is not
 * there. */
enum err batch_view_read(const void *data, size_t size, struct batch_view *out) MUST_USE;

/*
 *     struct batch_walk walk = batch_walk_begin(data, size);
 *     struct batch_view batch;
 *     while (batch_walk_next(&walk, &batch))
 *         ...
 *     if (walk.err != ERR_OK)
 */
struct batch_walk {
    const uint8_t *data;
    size_t size;
    size_t position; /* of the next batch; after the end or an error, how much was whole */
    enum err err;    /* ERR_OK: all of it was batches. ERR_TRUNCATED: the last one is not whole, as
                        at the end of a fetch response. ERR_VERSION, ERR_CORRUPT: as batch_peek */
};

static inline struct batch_walk batch_walk_begin(const void *data, size_t size)
{
    return (struct batch_walk){.data = (const uint8_t *)data, .size = size};
}
bool batch_walk_next(struct batch_walk *walk, struct batch_view *out) MUST_USE;

/* ---- Records -------------------------------------------------------------------------------- */

/*
 * A record that was read, or one to write. Null key: key == NULL; null value (a tombstone): value
 * == NULL; empty ones are not NULL. Its headers stay encoded (batch_fields_next, batch_field_put).
 * Pointers of a record that was read are good until the next one is.
 */
struct batch_record {
    int64_t offset;
    int64_t timestamp;
    const uint8_t *key;
    size_t key_size;
    const uint8_t *value;
    size_t value_size;
    const uint8_t *fields; /* the record's headers, encoded, without their count */
    size_t fields_size;
    int32_t field_count;
};

/* One header of a record. The key is UTF-8 by convention and not checked. */
struct batch_field {
    const char *key; /* never NULL */
    size_t key_size;
    const uint8_t *value; /* NULL for null */
    size_t value_size;
};

struct batch_fields {
    const uint8_t *next;
    const uint8_t *end;
    int32_t left;
};

static inline struct batch_fields batch_fields_begin(const struct batch_record *record)
{
    return (struct batch_fields){record->fields, record->fields + record->fields_size,
                                 record->field_count};
}
/* False after the last. A record that came from batch_records_next has only good ones. */
bool batch_fields_next(struct batch_fields *fields, struct batch_field *out) MUST_USE;
/* Append one; then record.fields = out->data, fields_size = out->size, and count. */
void batch_field_put(struct buf *out, const struct batch_field *field);

/*
 * The records of one batch, decompressed as they are read.
 *
 *     err = batch_records_init(&records, context, &batch, limit_bytes);
 *     if (err == ERR_OK) {
 *         while (batch_records_next(&records, &record))
 *             ...
 *         err = records.err;
 *         batch_records_deinit(&records);
 *     }
 */
struct batch_records {
    const uint8_t *next;
    const uint8_t *end; /* of what is in memory */
    int32_t left;       /* records that the header says are to come */
    bool stream_ended;
    enum err err; /* ERR_OK at the end: exactly as many as the header says, and nothing after */
    struct batch_header header;
    struct codec_stream *stream; /* NULL: not compressed */
    struct buf window;           /* what was decompressed and is not consumed */
};

/*
 * `context` may be NULL when the batch is not compressed. `limit_bytes` is on the decompressed
 * records. Memory: one window of 64 KiB or the largest record.
 * ERR_CORRUPT: unknown codec, or a negative count. ERR_NOMEM. Then there is nothing to deinit.
 */
enum err batch_records_init(struct batch_records *records, struct codec_context *context,
                            const struct batch_view *batch, size_t limit_bytes) MUST_USE;
/* False at the end and on an error: ERR_CORRUPT, ERR_LIMIT, ERR_NOMEM. The timestamp is the batch's
 * max timestamp where that is the time of the append. */
bool batch_records_next(struct batch_records *records, struct batch_record *out) MUST_USE;
void batch_records_deinit(struct batch_records *records);

/* ---- Checking what a producer sent ---------------------------------------------------------- */

/* Why a batch or a record is refused; batch_problem_error has Kafka's error code for each. */
enum batch_problem {
    BATCH_OK = 0,
    BATCH_TRUNCATED, /* the bytes end before the batch does */
    BATCH_TRAILING,  /* more follows: a producer sends one batch for a partition */
    BATCH_UNKNOWN_MAGIC,
    BATCH_OLD_MAGIC, /* 0 or 1 */
    BATCH_BAD_SIZE,
    BATCH_BAD_CRC,
    BATCH_BASE_OFFSET,  /* a client's is not 0 */
    BATCH_OFFSET_RANGE, /* last offset delta is negative */
    BATCH_RECORD_COUNT, /* not positive */
    BATCH_RANGE_COUNT,  /* count is not last offset delta + 1 */
    BATCH_CLIENT_CONTROL,
    BATCH_BAD_SEQUENCE, /* a producer id with a negative sequence */
    BATCH_UNKNOWN_CODEC,
    BATCH_BAD_COMPRESSION, /* does not decompress */
    BATCH_TOO_LARGE_DECOMPRESSED,
    BATCH_BAD_RECORD, /* a record's structure, or not as many records as the header says */
    BATCH_NULL_KEY,   /* in a compacted topic */
    BATCH_TIMESTAMP_OUT_OF_RANGE,
    BATCH_TIMESTAMP_TYPE,            /* a client may not say LogAppendTime */
    BATCH_RECORDS_REFUSED,           /* some of the records, each told of */
    BATCH_RECORDS_REFUSED_TIMESTAMP, /* likewise, a timestamp among the reasons */
    BATCH_PROBLEM_COUNT,
};

/* A code of wire/errors.h. */
int16_t batch_problem_error(enum batch_problem problem);
/* A sentence for the response's error message. */
const char *batch_problem_text(enum batch_problem problem);

/* The one batch in a producer's bytes: its size, checksum, and what Kafka asks of a client's
 * header. `out` is good after BATCH_OK. Zstd in a request below version 7 is the request's affair.
 */
enum batch_problem batch_check_client(const void *data, size_t size,
                                      struct batch_view *out) MUST_USE;

struct batch_check {
    /* Asked, by the topic's settings. */
    enum batch_timestamp_type timestamp_type;
    int64_t wall_ms;                 /* now */
    int64_t timestamp_before_max_ms; /* INT64_MAX: any age */
    int64_t timestamp_after_max_ms;
    bool keys_required; /* the topic is compacted */
    size_t decompressed_bytes_max;
    /* If set, called for each refused record: NULL_KEY, TIMESTAMP_OUT_OF_RANGE, TIMESTAMP_TYPE. */
    void (*refused)(void *context, int32_t record_index, enum batch_problem problem);
    void *context;

    /* Answered. */
    enum batch_problem problem;
    int64_t max_timestamp; /* largest, as Kafka stamps it: the records', or wall_ms for
                              LogAppendTime topics */
    bool offsets_in_order; /* deltas are 0, 1, 2... A batch where they are not has to be written
                              anew */
    size_t records_bytes;  /* decompressed */
    int32_t refused_count;
};

/*
 * Walk over the records of a batch whose header is good and check each. Nothing is allocated for an
 * uncompressed one. ERR_OK: decided, see check->problem. ERR_NOMEM: could not be.
 */
enum err batch_check_records(struct codec_context *context, const struct batch_view *batch,
                             struct batch_check *check) MUST_USE;

/* ---- Building -------------------------------------------------------------------------------- */

struct batch_builder_options {
    int64_t base_offset;
    int32_t leader_epoch;
    uint8_t codec; /* enum codec; 0 for none */
    int level;     /* codec_level_valid */
    enum batch_timestamp_type timestamp_type;
    int64_t log_append_time_ms; /* for BATCH_TIMESTAMP_LOG_APPEND */
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t base_sequence;
    bool transactional;
    bool control;
    int64_t delete_horizon_ms;
};

/* No compression, no producer, offset 0, no epoch, CreateTime. */
#define BATCH_BUILDER_DEFAULTS                                                 \
    ((struct batch_builder_options){.leader_epoch = BATCH_NO_LEADER_EPOCH,     \
                                    .log_append_time_ms = BATCH_NO_TIMESTAMP,  \
                                    .producer_id = BATCH_NO_PRODUCER_ID,       \
                                    .producer_epoch = BATCH_NO_PRODUCER_EPOCH, \
                                    .base_sequence = BATCH_NO_SEQUENCE,        \
                                    .delete_horizon_ms = BATCH_NO_DELETE_HORIZON})

struct batch_builder {
    struct batch_builder_options options; /* producer's fields may be set until finish */
    struct buf body;                      /* room for the header, then records, uncompressed */
    int32_t record_count;
    int64_t base_timestamp;
    int64_t max_timestamp;
    int64_t last_offset; /* of the last record; compaction may set it higher before finish */
};

void batch_builder_init(struct batch_builder *builder, const struct batch_builder_options *options);
void batch_builder_deinit(struct batch_builder *builder);
/* The next batch, with the memory of the last. */
void batch_builder_reset(struct batch_builder *builder,
                         const struct batch_builder_options *options);
/* What the batch would take uncompressed. */
size_t batch_builder_size(const struct batch_builder *builder);
/* By how much a record would make it grow, at most. */
size_t batch_record_size_max(const struct batch_record *record);
/*
 * Offsets ascend from base_offset on, by at most INT32_MAX in all; gaps are allowed. ERR_LIMIT: the
 * batch would pass INT32_MAX bytes. ERR_NOMEM. ERR_INVALID: a size above INT32_MAX. The builder is
 * then as it was.
 */
enum err batch_builder_add(struct batch_builder *builder,
                           const struct batch_record *record) MUST_USE;
/* Append the batch to out; at least one record was added. ERR_NOMEM; ERR_LIMIT when it passes
 * INT32_MAX bytes. `context` may be NULL without compression. The builder is empty after success:
 * reset or deinit it. */
enum err batch_builder_finish(struct batch_builder *builder, struct codec_context *context,
                              struct buf *out) MUST_USE;

/* ---- Control records ------------------------------------------------------------------------- */

enum batch_control {
    BATCH_CONTROL_ABORT = 0,
    BATCH_CONTROL_COMMIT = 1,
    BATCH_CONTROL_LEADER_CHANGE = 2,
    BATCH_CONTROL_SNAPSHOT_HEADER = 3,
    BATCH_CONTROL_SNAPSHOT_FOOTER = 4,
    BATCH_CONTROL_KRAFT_VERSION = 5,
    BATCH_CONTROL_KRAFT_VOTERS = 6,
    BATCH_CONTROL_UNKNOWN = -1, /* of a later Kafka: skipped */
};

#define BATCH_CONTROL_KEY_BYTES 4
#define BATCH_END_TXN_VALUE_BYTES 6

void batch_control_key_write(enum batch_control type, uint8_t out[BATCH_CONTROL_KEY_BYTES]);
/* ERR_CORRUPT: too short, or a negative version. */
enum err batch_control_key_read(const struct batch_record *record,
                                enum batch_control *out) MUST_USE;
/* The value of an ABORT or COMMIT marker. */
enum err batch_end_txn_value_read(const struct batch_record *record,
                                  int32_t *coordinator_epoch) MUST_USE;
/* A whole control batch of one marker, offsets from base_offset. */
void batch_end_txn_put(struct buf *out, int64_t base_offset, int32_t leader_epoch,
                       int64_t timestamp, int64_t producer_id, int16_t producer_epoch, bool commit,
                       int32_t coordinator_epoch);

#endif
