#ifndef CLI_LOG_INT_H
#define CLI_LOG_INT_H
/* What `ottla log dump` and `ottla log verify` share. */
#include "cli/cli_int.h"

#include "codec/codec.h"
#include "wire/records.h"

/* Records of the internal topics are decoded by the schemas of their family. */
enum log_decode {
    LOG_DECODE_TEXT = -1, /* keys and values as they are */
    LOG_DECODE_METADATA = WIRE_RECORDS_METADATA,
    LOG_DECODE_OFFSETS = WIRE_RECORDS_GROUP,
    LOG_DECODE_TRANSACTIONS = WIRE_RECORDS_TRANSACTION,
    LOG_DECODE_SHARE = WIRE_RECORDS_SHARE,
    LOG_DECODE_REMOTE_LOG = WIRE_RECORDS_REMOTE_LOG,
};

struct log_dump {
    struct cli_call *call;
    bool json;
    bool each;            /* a line for each record */
    bool content;         /* with its key, value and headers */
    bool metadata_hidden; /* only keys and values */
    bool check_only;      /* indexes: what is wrong, not what is there */
    bool decode_chosen;   /* else the folder's name says */
    enum log_decode decode;
    uint64_t bytes_max; /* of a segment's batches */
    struct codec_context *codec;
    struct arena arena; /* of one record */
    struct buf text;    /* of one line */
    const char *path;   /* of the file that is being read */
    uint64_t problems;
};

/* Something is wrong with the file that is being read; position -1: none. */
void log_dump_problem(struct log_dump *dump, int64_t position, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* "{"type":"<type>","file":"<path>"" of a line of JSON, which the caller goes on with. */
void log_json_begin(struct log_dump *dump, const char *type);

/* Bytes of a record as JSON: `"key":"text"` where they are UTF-8, else `"keyBase64":"..."`. */
void log_json_bytes(struct log_dump *dump, const char *name, const void *data, size_t size);
/* For people: UTF-8 as it is, other bytes as \xNN, cut where it gets long. */
void log_print_bytes(FILE *out, const void *data, size_t size);
/* 2026-11-22T21:45:38.241Z; "-" for a negative time, the number for one no calendar has. */
#define LOG_TIME_BYTES 40
const char *log_time(int64_t ms, char out[LOG_TIME_BYTES]);

/* Batches: segments, and the metadata log's snapshots. */
void log_dump_segment(struct log_dump *dump, bool snapshot);
/* One record of a batch, decoded if need be. */
struct batch_record;
struct batch_header;
void log_dump_record(struct log_dump *dump, const struct batch_header *header,
                     const struct batch_record *record);
/* The files beside the segments. */
void log_dump_index(struct log_dump *dump, int64_t base_offset);
void log_dump_timeindex(struct log_dump *dump, int64_t base_offset);
void log_dump_txnindex(struct log_dump *dump);
void log_dump_producers(struct log_dump *dump);
void log_dump_epochs(struct log_dump *dump);
void log_dump_checkpoint(struct log_dump *dump);
void log_dump_partition_metadata(struct log_dump *dump);
void log_dump_meta_properties(struct log_dump *dump);
void log_dump_quorum_state(struct log_dump *dump);
void log_dump_clean_shutdown(struct log_dump *dump);

#endif
