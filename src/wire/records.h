#ifndef WIRE_RECORDS_H
#define WIRE_RECORDS_H
#include "wire/api_keys.h"
#include "wire/wire.h"

/*
 * What the internal topics' records are made of, by family and type. A family is a topic:
 * __cluster_metadata, __consumer_offsets, __transaction_state, __share_group_state,
 * __remote_log_metadata.
 */
enum wire_record_family {
    WIRE_RECORDS_METADATA,
    WIRE_RECORDS_GROUP,
    WIRE_RECORDS_TRANSACTION,
    WIRE_RECORDS_SHARE,
    WIRE_RECORDS_REMOTE_LOG,
    WIRE_RECORD_FAMILY_COUNT,
};

struct wire_record_type {
    int16_t id;       /* enum wire_metadata_record, wire_group_record, ... (wire/api_keys.h) */
    const char *name; /* "Topic", "OffsetCommit" */
    const struct wire_schema *key; /* NULL in metadata and remote log: those records have no key */
    const struct wire_schema *value;
};

/* NULL: not known. */
const struct wire_record_type *wire_record_find(enum wire_record_family family, int16_t id);
/* All of a family, by ascending id. */
const struct wire_record_type *wire_record_types(enum wire_record_family family, size_t *count);

/* The versions of a schema, for those who choose one to write. */
int16_t wire_schema_version_min(const struct wire_schema *schema);
int16_t wire_schema_version_max(const struct wire_schema *schema);
const char *wire_schema_name(const struct wire_schema *schema);
/* Bytes of the C struct. */
size_t wire_schema_struct_size(const struct wire_schema *schema);

/* A decoded record: of `type`, the message is in the arena. */
struct wire_record {
    const struct wire_record_type *type;
    int16_t version; /* of the message; a coordinator key's is 0 */
    void *message;
};

/*
 * The value of a record in __cluster_metadata (KIP-631): uvarint 1, the frame's version; uvarint
 * type; uvarint version; the message. Remote log metadata is the same without the frame's version.
 *
 * ERR_UNSUPPORTED: a type, or a version of it, or of the frame, that is not known. ERR_CORRUPT also
 * when bytes are left over. Else as wire_decode.
 */
enum err wire_metadata_record_decode(const uint8_t *data, size_t size, struct arena *arena,
                                     struct wire_record *record) MUST_USE;
enum err wire_metadata_record_encode(const struct wire_record_type *type, int16_t version,
                                     const void *message, struct buf *out) MUST_USE;
enum err wire_remote_log_record_decode(const uint8_t *data, size_t size, struct arena *arena,
                                       struct wire_record *record) MUST_USE;
enum err wire_remote_log_record_encode(const struct wire_record_type *type, int16_t version,
                                       const void *message, struct buf *out) MUST_USE;

/*
 * Coordinators' records. A key is an int16 type and the key's message in version 0; a value is
 * an int16 version and the message (a null value, a tombstone, never gets here). ERR_UNSUPPORTED:
 * a type or a version that is not known; such a record is kept but not read. Else as wire_decode.
 */
enum err wire_coordinator_key_decode(enum wire_record_family family, const uint8_t *data,
                                     size_t size, struct arena *arena,
                                     struct wire_record *record) MUST_USE;
enum err wire_coordinator_key_encode(const struct wire_record_type *type, const void *key,
                                     struct buf *out) MUST_USE;
enum err wire_coordinator_value_decode(const struct wire_record_type *type, const uint8_t *data,
                                       size_t size, struct arena *arena,
                                       struct wire_record *record) MUST_USE;
enum err wire_coordinator_value_encode(const struct wire_record_type *type, int16_t version,
                                       const void *value, struct buf *out) MUST_USE;

/*
 * What begins with an int16 version and goes on with a message of that version: the key of a
 * control record (ControlRecordTypeSchema), an EndTxnMarker, a consumer's subscription and
 * assignment (ConsumerProtocol*), a DefaultPrincipalData. A version above the newest one known is
 * read as the newest, and what follows it is not looked at; *version is the one that was used. (Of
 * these Apache Kafka refuses a newer principal alone, so look at its first two bytes before.)
 */
enum err wire_versioned_decode(const struct wire_schema *schema, struct arena *arena,
                               const uint8_t *data, size_t size, void *message,
                               int16_t *version) MUST_USE;
enum err wire_versioned_encode(const struct wire_schema *schema, int16_t version,
                               const void *message, struct buf *out) MUST_USE;

#endif
