#ifndef QUORUM_SNAPSHOT_INT_H
#define QUORUM_SNAPSHOT_INT_H
/*
 * Snapshot files (KIP-630): a header control batch (with kraft.version and voters where they are
 * known, KIP-853), the image's records in batches, a footer. Written beside, synced, renamed, so a
 * file under its name is whole. Blocking.
 */
#include "quorum/voters_int.h"

#include "env/disk.h"
#include "meta/image.h"
#include "quorum/storage.h"

#define QUORUM_PATH_BYTES 4096

struct quorum_snapshot_write {
    const char *folder;
    const char *name; /* of the file */
    int32_t epoch;
    int64_t last_timestamp_ms; /* of the last record that the snapshot stands for */
    int64_t wall_ms;
    const struct quorum_voters *voters; /* NULL or without a record: kraft.version 0 */
    uint64_t size_bytes;                /* out */
};

/* `image` or, where it is NULL, these records. */
enum err quorum_snapshot_store(struct env_disk *disk, struct quorum_snapshot_write *write,
                               const struct meta_image *image, const struct meta_record *records,
                               size_t record_count) MUST_USE;

struct quorum_snapshot_read {
    struct meta_delta *delta;     /* the empty image's; the records are applied to it */
    struct quorum_voters *voters; /* may be NULL */
    int64_t last_timestamp_ms;    /* out */
    uint64_t size_bytes;          /* out */
    /* May be NULL: called for each record as well. */
    enum err (*record)(void *context, const struct meta_record *record);
    void *context;
};

/* ERR_CORRUPT and others: `error` names the file and what is wrong with it. A file without a footer
 * is not whole. */
enum err quorum_snapshot_scan(struct env_disk *disk, const char *path,
                              struct quorum_snapshot_read *read,
                              char error[QUORUM_ERROR_BYTES]) MUST_USE;

/* The data records of a batch, decoded and given to `fn` one by one; `arena` is reset for each. */
enum err quorum_batch_records(const struct batch_view *batch, struct arena *arena,
                              enum err (*fn)(void *context, const struct meta_record *record,
                                             int64_t offset),
                              void *context, char *error, size_t error_size) MUST_USE;
/* The control records of a batch. */
enum err quorum_batch_controls(const struct batch_view *batch, struct quorum_voters *voters,
                               char *error, size_t error_size) MUST_USE;

/* Write `data` beside the file, sync, rename, sync the folder. */
enum err quorum_file_replace(struct env_disk *disk, const char *folder, const char *name,
                             const char *temporary_suffix, const void *data, size_t size) MUST_USE;
/* The whole file, mem_alloc'ed with a 0 byte after it. ERR_LIMIT: more than `limit`. */
enum err quorum_file_read(struct env_disk *disk, const char *path, size_t limit, char **out,
                          size_t *out_size) MUST_USE;

#endif
