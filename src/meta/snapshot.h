#ifndef META_SNAPSHOT_H
#define META_SNAPSHOT_H
/*
 * An image as records, in the order in which Kafka writes them: features (metadata.version first),
 * brokers, controllers, topics each with its partitions, configs, quotas, producer ids, ACLs,
 * SCRAM, tokens. Reading a snapshot is meta_delta_apply on the empty image.
 */
#include "base/arena.h"
#include "meta/delta.h"

/* `record` and what it points to live until the function returns. An error ends the writing and is
 * what meta_snapshot_write returns. */
typedef enum err meta_snapshot_fn(void *context, const struct meta_record *record);

/* Memory for one record at a time; versions as the image's metadata.version calls for. */
enum err meta_snapshot_write(const struct meta_image *image, meta_snapshot_fn *fn,
                             void *context) MUST_USE;

#endif
