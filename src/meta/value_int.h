#ifndef META_VALUE_INT_H
#define META_VALUE_INT_H
/*
 * The values that an image's maps hold: how each is made of a record, and a record of it. A value
 * is one block of memory with everything it points to, so that it is made and freed in one go and
 * nothing in it moves.
 *
 * A table lists the kinds; whatever treats all of them alike (references, equality, snapshots) goes
 * through it.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "meta/delta.h"
#include "meta/image.h"
#include "wire/messages.h"
#include "wire/records.h"

enum meta_kind {
    META_KIND_FEATURE,
    META_KIND_BROKER,
    META_KIND_CONTROLLER,
    META_KIND_TOPIC,
    META_KIND_PARTITION,
    META_KIND_CONFIG,
    META_KIND_QUOTA,
    META_KIND_ACL,
    META_KIND_SCRAM,
    META_KIND_TOKEN,
    META_KIND_COUNT,
};

/* The largest of the records that a value is written as. */
union meta_value_record {
    struct wire_feature_level_record feature;
    struct wire_register_broker_record broker;
    struct wire_register_controller_record controller;
    struct wire_topic_record topic;
    struct wire_partition_record partition;
    struct wire_config_record config;
    struct wire_client_quota_record quota;
    struct wire_access_control_entry_record acl;
    struct wire_user_scram_credential_record scram;
    struct wire_delegation_token_record token;
};

/* One block under construction: sized in a first pass (base NULL), filled in a second. */
struct meta_flat {
    char *base;
    size_t size;
};

struct meta_kind_info {
    size_t map_offset; /* of its struct pmap in the image */
    size_t value_size;
    int16_t record_key;
    const struct wire_schema *schema;
    /* Fill the value, and what it points to, from the record. */
    void (*fill)(struct meta_flat *flat, void *value, const void *record);
    /* The record that makes this value; arrays of structs come from the arena, the rest is borrowed
     * from the value. ERR_NOMEM. */
    enum err (*record)(const void *value, struct arena *arena, union meta_value_record *out);
    /* Its key in the map; empties the buffer first. */
    void (*key)(const void *value, struct buf *key);
};

extern const struct meta_kind_info meta_kinds[META_KIND_COUNT];

static inline struct pmap *meta_kind_map(struct meta_image *image, enum meta_kind kind)
{
    return (struct pmap *)(void *)((char *)image + meta_kinds[kind].map_offset);
}

static inline struct pmap meta_kind_map_of(const struct meta_image *image, enum meta_kind kind)
{
    return *(const struct pmap *)(const void *)((const char *)image + meta_kinds[kind].map_offset);
}

/* One reference. NULL: out of memory. */
void *meta_value_new(enum meta_kind kind, const void *record);

/* Keys of those that are looked up. */
#define META_PARTITION_KEY_BYTES 20
void meta_partition_key(const struct uuid *topic_id, int32_t index,
                        uint8_t out[META_PARTITION_KEY_BYTES]);
/* All settings of a resource begin with it. */
void meta_config_key_prefix(int8_t type, const char *resource, size_t resource_size,
                            struct buf *key);
void meta_scram_key(int8_t mechanism, const char *name, size_t name_size, struct buf *key);
/* The entity need not be sorted. */
void meta_quota_key(const struct wire_client_quota_record *record, struct buf *key);

#endif
