#ifndef PLOG_PLOG_FILES_H
#define PLOG_PLOG_FILES_H
/*
 * The formats of the files beside the segments, as bytes in memory: no file is touched here, so
 * that the node, the tools and the fuzzers share one reading of them. All numbers are big-endian;
 * all readers take any bytes.
 */
#include "base/assert.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- Names ---------------------------------------------------------------------------------- */

enum plog_file_kind {
    PLOG_FILE_LOG,        /* %020d.log */
    PLOG_FILE_INDEX,      /* .index: offset -> position */
    PLOG_FILE_TIMEINDEX,  /* .timeindex: timestamp -> offset */
    PLOG_FILE_TXNINDEX,   /* .txnindex: aborted transactions */
    PLOG_FILE_SNAPSHOT,   /* .snapshot: producers up to, not including, the offset of its name */
    PLOG_FILE_EPOCHS,     /* leader-epoch-checkpoint */
    PLOG_FILE_METADATA,   /* partition.metadata */
    PLOG_FILE_CHECKPOINT, /* %020d-%010d.checkpoint: the metadata log's snapshots, quorum's */
    PLOG_FILE_UNKNOWN,
};

enum plog_file_suffix {
    PLOG_SUFFIX_NONE,
    PLOG_SUFFIX_DELETED, /* .deleted: to be removed */
    PLOG_SUFFIX_CLEANED, /* .cleaned: compaction's output before it is complete */
    PLOG_SUFFIX_SWAP,    /* .swap: complete, about to replace what it was made from */
};

struct plog_file_name {
    enum plog_file_kind kind;
    enum plog_file_suffix suffix;
    int64_t base_offset; /* 0 for kinds without */
};

#define PLOG_FILE_NAME_BYTES 48

/* Whatever the name is: PLOG_FILE_UNKNOWN when it is none of ours. */
void plog_file_name_parse(const char *name, struct plog_file_name *out);
/* For the kinds with an offset in their names, LOG to SNAPSHOT. */
void plog_file_name_make(enum plog_file_kind kind, int64_t base_offset,
                         char out[PLOG_FILE_NAME_BYTES]);

#define PLOG_EPOCHS_NAME "leader-epoch-checkpoint"
#define PLOG_METADATA_NAME "partition.metadata"

/* ---- Indexes -------------------------------------------------------------------------------- */

#define PLOG_INDEX_ENTRY_BYTES 8
#define PLOG_TIMEINDEX_ENTRY_BYTES 12
#define PLOG_TXNINDEX_ENTRY_BYTES 34

/* The last offset of a batch, less the segment's base, and where the batch begins. */
struct plog_index_entry {
    uint32_t offset_delta;
    uint32_t position;
};

/* The largest timestamp so far, and the last offset of the batch that has it. */
struct plog_timeindex_entry {
    int64_t timestamp_ms;
    uint32_t offset_delta;
};

struct plog_txnindex_entry {
    int64_t producer_id;
    int64_t first_offset;
    int64_t last_offset;
    int64_t last_stable_offset;
};

void plog_index_entry_read(const uint8_t *data, struct plog_index_entry *out);
void plog_index_entry_write(uint8_t *out, const struct plog_index_entry *entry);
void plog_timeindex_entry_read(const uint8_t *data, struct plog_timeindex_entry *out);
void plog_timeindex_entry_write(uint8_t *out, const struct plog_timeindex_entry *entry);
/* ERR_VERSION; ERR_CORRUPT: offsets that cannot be. */
enum err plog_txnindex_entry_read(const uint8_t *data, struct plog_txnindex_entry *out) MUST_USE;
void plog_txnindex_entry_write(uint8_t *out, const struct plog_txnindex_entry *entry);

/*
 * How many entries from the start are in order: offsets and positions (timestamps) rise, and stay
 * below the limits. Zeros at the end (a preallocated index after an unclean stop) and anything
 * after the first entry out of order are not counted.
 */
size_t plog_index_valid_count(const uint8_t *data, size_t size, uint64_t log_bytes);
size_t plog_timeindex_valid_count(const uint8_t *data, size_t size);

/* ---- Producer snapshot ---------------------------------------------------------------------- */

struct plog_snapshot_entry {
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t last_sequence; /* -1: none */
    int64_t last_offset;   /* -1: none */
    int32_t offset_delta;  /* of the last batch: its last less its first offset */
    int64_t timestamp_ms;
    int32_t coordinator_epoch;        /* -1: no marker yet */
    int64_t transaction_first_offset; /* -1: none open */
};

#define PLOG_SNAPSHOT_HEADER_BYTES 10
#define PLOG_SNAPSHOT_ENTRY_BYTES 46

/* The number of entries, after checking version, checksum and length. ERR_TRUNCATED, ERR_VERSION,
 * ERR_CORRUPT. */
enum err plog_snapshot_check(const uint8_t *data, size_t size, size_t *out_count) MUST_USE;
/* index < count. */
void plog_snapshot_entry_read(const uint8_t *data, size_t index, struct plog_snapshot_entry *out);

/* Begin, add each entry, end. */
void plog_snapshot_begin(struct buf *out);
void plog_snapshot_add(struct buf *out, const struct plog_snapshot_entry *entry);
void plog_snapshot_end(struct buf *out);

/* ---- Text files ----------------------------------------------------------------------------- */

struct plog_epoch_entry {
    int32_t epoch;
    int64_t start_offset;
};

/*
 * leader-epoch-checkpoint. An empty file has no entries. *out is mem_free'd by the caller.
 * ERR_CORRUPT, ERR_VERSION; ERR_NOMEM.
 */
enum err plog_epochs_parse(const char *text, size_t size, struct plog_epoch_entry **out,
                           size_t *out_count) MUST_USE;
void plog_epochs_format(struct buf *out, const struct plog_epoch_entry *entries, size_t count);

/* partition.metadata. ERR_NOTFOUND: the file is empty. ERR_CORRUPT, ERR_VERSION. */
enum err plog_metadata_parse(const char *text, size_t size, struct uuid *out_topic_id) MUST_USE;
void plog_metadata_format(struct buf *out, const struct uuid *topic_id);

/* .kafka_cleanshutdown. The file's presence counts; an epoch that cannot be read is -1. */
int64_t plog_clean_shutdown_parse(const char *text, size_t size);
void plog_clean_shutdown_format(struct buf *out, int64_t broker_epoch);

/*
 * The rows of a text checkpoint ("0\n<count>\n<row>\n..."): each has field_count fields separated
 * by white space. Calls row for each with its fields, which are not 0-terminated. ERR_CORRUPT: text
 * that is none, or another number of rows than it says. ERR_VERSION. Or what row returns.
 */
struct plog_field {
    const char *text;
    size_t size;
};
#define PLOG_FIELDS_MAX 3
typedef enum err plog_row_fn(void *context, const struct plog_field *fields);
enum err plog_rows_parse(const char *text, size_t size, size_t field_count, plog_row_fn *row,
                         void *context) MUST_USE;
/* A whole decimal number that fits. */
bool plog_field_i64(const struct plog_field *field, int64_t *out);
bool plog_field_i32(const struct plog_field *field, int32_t *out);

#endif
