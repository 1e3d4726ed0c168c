#ifndef PLOG_PLOG_BATCH_INT_H
#define PLOG_PLOG_BATCH_INT_H
/* What a segment's code needs of a batch beyond wire/batch.h: a header whose numbers can be
 * trusted, and the ends of transactions. */
#include "base/err.h"
#include "wire/batch.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * From BATCH_HEADER_BYTES bytes of a file. Besides what batch_header_read says, ERR_CORRUPT for
 * offsets that cannot be: then neither the last offset nor the next wraps. The checksum is not
 * looked at.
 */
enum err plog_header_read(const uint8_t *data, struct batch_header *out) MUST_USE;

/* The end of a transaction: a control batch with a producer. */
struct plog_marker {
    bool is_marker;
    bool is_abort;
    int32_t coordinator_epoch;
};

/* From a whole batch. is_marker is false for data and for other control batches. ERR_CORRUPT. */
enum err plog_marker_read(const struct batch_view *batch, struct plog_marker *out) MUST_USE;

#endif
