#ifndef PLOG_PLOG_VERIFY_H
#define PLOG_PLOG_VERIFY_H
/*
 * Is a log whole? For tools: blocking, needs a disk and nothing else. Verifying changes nothing and
 * looks at more than recovery does: every segment from its start, each entry of its indexes,
 * snapshots of producers, epochs, what checkpoints say. Repairing is what a start after a crash
 * does, and the building of indexes that are wrong.
 */
#include "base/assert.h"
#include "base/err.h"
#include "base/uuid.h"
#include "env/disk.h"
#include "plog/plog.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum plog_severity {
    PLOG_NOTE,   /* worth knowing; a start copes with it without a loss */
    PLOG_DAMAGE, /* not as it should be */
};

struct plog_finding {
    enum plog_severity severity;
    const char *file; /* in the folder; "" for the folder itself */
    int64_t position; /* in the file, -1: none */
    const char *text;
    bool repairable; /* plog_repair mends it */
};

struct plog_verify {
    /* Set by the caller; the rest zeroed. */
    struct env_disk *disk;
    const char *folder;
    enum plog_kind kind;
    bool deep;              /* the records of each batch as well, decompressed */
    int64_t recovery_point; /* -1: not known, as the next two */
    int64_t log_start_offset;
    int64_t high_watermark;
    void (*found)(void *context, const struct plog_finding *finding);
    void (*progress)(void *context, uint64_t bytes); /* so many more were read; may be NULL */
    void *context;

    uint64_t segment_count;
    uint64_t batch_count;
    uint64_t record_count;
    uint64_t size_bytes;
    int64_t start_offset;
    int64_t end_offset;
    uint64_t damage_count;
    struct uuid topic_id; /* zero: none */
};

/* ERR_OK: looked at, `found` was told what is wrong. Else the folder could not be read. */
enum err plog_verify(struct plog_verify *verify) MUST_USE;

#define PLOG_REPAIR_ERROR_BYTES 512

struct plog_repair {
    /* Set by the caller; the rest zeroed. The log directory's `.lock` is held. */
    struct env_disk *disk;
    const char *folder;
    enum plog_kind kind;
    int64_t recovery_point;   /* 0: none, everything is looked at */
    int64_t log_start_offset; /* 0: none */
    int64_t index_interval_bytes;
    int64_t wall_ms;

    uint64_t scanned_bytes;
    uint64_t truncated_bytes; /* cut off */
    uint32_t indexes_rebuilt;
    char error[PLOG_REPAIR_ERROR_BYTES];
};

/* Durable when it returns ERR_OK. */
enum err plog_repair(struct plog_repair *repair) MUST_USE;

#endif
