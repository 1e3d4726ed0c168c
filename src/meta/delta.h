#ifndef META_DELTA_H
#define META_DELTA_H
/*
 * Records become images. A delta begins as an image, takes records one after the other, and gives
 * the image after them; the images it began from and gave are not touched by what comes later.
 *
 * Metadata transactions (KIP-868): the records of one count at once when it ends and never when it
 * is aborted, though other batches may lie between. A delta knows both: meta_delta_image is what
 * has been decided (the controller's tentative view), meta_delta_visible what others may see.
 *
 * One shard's; not counted.
 */
#include "meta/image.h"

/* One record as the generated struct of its type, e.g. struct wire_topic_record. */
struct meta_record {
    int16_t key;     /* its type: 2 for TopicRecord */
    int16_t version; /* it was, or will be, encoded in */
    const void *message;
};

struct meta_delta;

/* Takes a reference of its own. */
struct meta_delta *meta_delta_new(struct meta_image *base);
/* NULL is harmless. */
void meta_delta_free(struct meta_delta *delta);
/* Forget everything and go on from this image, outside of any transaction. */
void meta_delta_reset(struct meta_delta *delta, struct meta_image *base);

#define META_ERROR_BYTES 256

/*
 * A batch begins: its first record is at this offset and has this leader epoch and timestamp.
 * Offsets go up by one with each record applied.
 */
void meta_delta_seek(struct meta_delta *delta, int64_t first_offset, int32_t epoch,
                     int64_t timestamp_ms);
/*
 * One record more. ERR_VERSION: a type, or a metadata.version, that this release does not know.
 * ERR_CORRUPT: a record that cannot follow on what is there (a change of a partition or broker that
 * does not exist, say). ERR_NOMEM. All of them mean that the log cannot be understood; `error` says
 * why, and the delta must be reset or freed.
 */
enum err meta_delta_apply(struct meta_delta *delta, const struct meta_record *record,
                          char error[META_ERROR_BYTES]) MUST_USE;

/* The image after all records so far, with the offset of the last one. The caller's reference; the
 * delta goes on from it. */
struct meta_image *meta_delta_image(struct meta_delta *delta);
/* As meta_delta_image; within a transaction, the image before its first record. */
struct meta_image *meta_delta_visible(struct meta_delta *delta);
bool meta_delta_in_transaction(const struct meta_delta *delta);

#endif
