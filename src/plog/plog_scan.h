#ifndef PLOG_PLOG_SCAN_H
#define PLOG_PLOG_SCAN_H
/*
 * Reading a log's folder without changing it, for tools: which files there are, and the batches of
 * a segment one after the other, damaged ones included. Blocking; needs a disk and nothing else.
 */
#include "base/assert.h"
#include "base/err.h"
#include "env/disk.h"
#include "plog/plog_files.h"
#include "wire/batch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The files of a folder that are a log's, by base offset, then kind. */
struct plog_scan_file {
    struct plog_file_name name;
    char *text; /* its name in the folder */
    uint64_t size_bytes;
};
struct plog_scan_folder {
    struct plog_scan_file *files;
    size_t count;
};
enum err plog_scan_folder(struct env_disk *disk, const char *folder,
                          struct plog_scan_folder *out) MUST_USE;
void plog_scan_folder_deinit(struct plog_scan_folder *folder);

/* A batch above it is checked in pieces and not kept in memory. */
#define PLOG_SCAN_BATCH_BYTES_MAX ((size_t)64 << 20)

struct plog_scan {
    struct env_disk *disk;
    struct env_file *file;
    uint64_t size_bytes;
    uint64_t position; /* of the next batch; where none begins, of that place */
    uint8_t *data;     /* the last batch */
    size_t capacity;
    uint64_t tried_bytes; /* checksummed in vain by plog_scan_find */
};

enum err plog_scan_open(struct plog_scan *scan, struct env_disk *disk, const char *path) MUST_USE;
void plog_scan_close(struct plog_scan *scan);

enum plog_scan_verdict {
    PLOG_SCAN_BATCH,   /* `out` is a whole batch whose checksum is right */
    PLOG_SCAN_DAMAGED, /* whole by its length, but the checksum or an offset is wrong; goes on */
    PLOG_SCAN_END,
    PLOG_SCAN_ZEROS, /* nothing but zeros to the end: preallocated */
    PLOG_SCAN_TORN, /* no batch begins here, or its end is missing: nothing can be read behind it */
};
/* ERR_OK: *out_verdict says what is at the position; `out` is good until the next call, for BATCH
 * and DAMAGED; its data is NULL when it is too large to be kept. ERR_IO; ERR_NOMEM. */
enum err plog_scan_next(struct plog_scan *scan, enum plog_scan_verdict *out_verdict,
                        uint64_t *out_position, struct batch_view *out) MUST_USE;
/*
 * After TORN: the next place at or after `from` where a batch begins whose checksum is right. Moves
 * the position there, or to the end of the file when there is none (*out_found false), or when
 * looking for it would take too long: what is tried is a few times the file at most.
 */
enum err plog_scan_find(struct plog_scan *scan, uint64_t from, bool *out_found) MUST_USE;

#endif
