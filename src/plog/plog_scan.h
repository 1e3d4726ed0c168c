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

struct plog_scan {
    struct env_disk *disk;
    struct env_file *file;
    uint64_t size_bytes;
    uint64_t position; /* of the next batch; after a damage, of the damaged one */
    uint8_t *data;     /* the last batch */
    size_t capacity;
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
 * and DAMAGED. ERR_IO; ERR_NOMEM: a batch larger than memory. */
enum err plog_scan_next(struct plog_scan *scan, enum plog_scan_verdict *out_verdict,
                        uint64_t *out_position, struct batch_view *out) MUST_USE;

#endif
