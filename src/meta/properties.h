#ifndef META_PROPERTIES_H
#define META_PROPERTIES_H
/*
 * meta.properties, the file in each log directory that says whose it is (KIP-631, KIP-858). Text
 * in, text out; who reads and writes files is quorum/storage.h.
 */
#include "base/assert.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define META_PROPERTIES_FILE "meta.properties"
#define META_CLUSTER_ID_BYTES \
    128 /* with the 0 byte; Kafka makes 22 characters and takes any text */

struct meta_properties {
    int version;                            /* 0 or 1 */
    char cluster_id[META_CLUSTER_ID_BYTES]; /* "": absent, which version 0 allows */
    int32_t node_id;                        /* -1: absent; version 0 calls it broker.id */
    bool has_directory_id;
    struct uuid directory_id;
};

#define META_PROPERTIES_ERROR_BYTES 256

/*
 * ERR_VERSION: a version other than 0 and 1. ERR_INVALID: something is missing or is no number or
 * id
 * (`error` names it). Unknown keys are passed over, as in Kafka.
 */
enum err meta_properties_parse(const char *text, size_t size, struct meta_properties *out,
                               char error[META_PROPERTIES_ERROR_BYTES]) MUST_USE;
/* Always version 1. */
void meta_properties_print(const struct meta_properties *properties, struct buf *out);

#endif
