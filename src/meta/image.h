#ifndef META_IMAGE_H
#define META_IMAGE_H
/*
 * The cluster's metadata as of one offset of the metadata log: topics, partitions, brokers,
 * configs, features and everything else that a metadata record can say, used by this node or not.
 *
 * An image never changes. Applying records (meta/delta.h) gives a new one that shares all but the
 * paths to what changed, so an image may be held for as long as one likes and read by all shards at
 * once; its count is atomic. What the functions below return is borrowed from the image and lives
 * as long as a reference to the image is held.
 */
#include "base/assert.h"
#include "base/err.h"
#include "base/pmap.h"
#include "base/uuid.h"
#include "wire/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- What an image is made of ------------------------------------------------------------ */

/*
 * Text, bytes and lists are wire's structs, so that they go into a reply as they are; what they
 * point to is constant. Each text has a 0 byte after it (and may hold others when a peer wrote
 * such). `tags` are tagged fields that this release does not know: they come back in the snapshot.
 */
struct meta_topic {
    struct pmap_value value;
    struct uuid id;
    struct wire_string name;
    int32_t partition_count; /* 0 .. count-1 exist, in any log that a controller wrote */
    const struct wire_tagged *tags;
};

#define META_NO_LEADER (-1)

enum meta_recovery_state {
    META_RECOVERED = 0,
    META_RECOVERING = 1, /* elected unclean and not yet through with it */
};

struct meta_partition {
    struct pmap_value value;
    struct uuid topic_id;
    int32_t index;
    int32_t leader; /* META_NO_LEADER */
    int32_t leader_epoch;
    int32_t partition_epoch;
    int8_t leader_recovery_state; /* enum meta_recovery_state */
    struct wire_int32s replicas;  /* in order of preference */
    struct wire_int32s isr;
    struct wire_int32s removing;
    struct wire_int32s adding;
    struct wire_int32s elr;            /* eligible leader replicas (KIP-966) */
    struct wire_int32s last_known_elr; /* likewise */
    const struct uuid
        *directories; /* one for each replica (KIP-858); META_DIR_* when not a directory */
    const struct wire_tagged *tags;
};

/* Directory ids that are no directory (KIP-858). All ids whose upper half is 0 and lower < 100 are
 * reserved. */
#define META_DIR_MIGRATING ((struct uuid){{0}})
#define META_DIR_UNASSIGNED ((struct uuid){{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}})
#define META_DIR_LOST ((struct uuid){{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}})

struct meta_endpoint {
    struct wire_string name; /* of the listener */
    struct wire_string host;
    uint16_t port;
    int16_t security_protocol; /* 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL */
    const struct wire_tagged *tags;
};

struct meta_feature_range {
    struct wire_string name;
    int16_t version_min;
    int16_t version_max;
    const struct wire_tagged *tags;
};

struct meta_broker {
    struct pmap_value value;
    int32_t id;
    int64_t epoch;
    struct uuid incarnation_id;
    const struct meta_endpoint *endpoints;
    size_t endpoint_count;
    const struct meta_feature_range *features;
    size_t feature_count;    /* sorted by name */
    struct wire_string rack; /* data NULL: none */
    bool fenced;
    bool in_controlled_shutdown;
    bool is_migrating_zk_broker;
    const struct uuid *log_dirs; /* its online ones, sorted */
    size_t log_dir_count;
    bool has_cordoned_log_dirs; /* false: null, not the same as none */
    const struct uuid *cordoned_log_dirs;
    size_t cordoned_log_dir_count;
    const struct wire_tagged *tags;
};

struct meta_controller {
    struct pmap_value value;
    int32_t id;
    struct uuid incarnation_id;
    bool zk_migration_ready;
    const struct meta_endpoint *endpoints;
    size_t endpoint_count;
    const struct meta_feature_range *features;
    size_t feature_count; /* sorted by name */
    const struct wire_tagged *tags;
};

struct meta_feature {
    struct pmap_value value;
    struct wire_string name;
    int16_t level;
    const struct wire_tagged *tags;
};

/* Resource types of configs, as on the wire. */
enum meta_resource {
    META_RESOURCE_TOPIC = 2,
    META_RESOURCE_BROKER = 4, /* name: the broker's id, or "" for all brokers */
    META_RESOURCE_BROKER_LOGGER = 8,
    META_RESOURCE_CLIENT_METRICS = 16,
    META_RESOURCE_GROUP = 32,
};

struct meta_config {
    struct pmap_value value;
    int8_t resource_type;
    struct wire_string resource_name;
    struct wire_string name;
    struct wire_string text; /* the value; never null */
    const struct wire_tagged *tags;
};

/* One part of what a quota is for: "user" / "client-id" / "ip", and whose; name.data NULL is the
 * default entity. */
struct meta_quota_entity {
    struct wire_string type;
    struct wire_string name;
    const struct wire_tagged *tags;
};

struct meta_quota {
    struct pmap_value value;
    const struct meta_quota_entity *entity; /* sorted by type */
    size_t entity_count;
    struct wire_string key;
    double limit;
    const struct wire_tagged *tags;
};

struct meta_acl {
    struct pmap_value value;
    struct uuid id;
    int8_t resource_type;
    struct wire_string resource_name;
    int8_t pattern_type;
    struct wire_string principal;
    struct wire_string host;
    int8_t operation;
    int8_t permission_type;
    const struct wire_tagged *tags;
};

struct meta_scram {
    struct pmap_value value;
    struct wire_string name;
    int8_t mechanism; /* 1 SCRAM-SHA-256, 2 SCRAM-SHA-512 */
    struct wire_bytes salt;
    struct wire_bytes stored_key;
    struct wire_bytes server_key;
    int32_t iterations;
    const struct wire_tagged *tags;
};

struct meta_token {
    struct pmap_value value;
    struct wire_string token_id;
    struct wire_string owner;
    struct wire_string requester;
    const struct wire_string *renewers;
    size_t renewer_count;
    int64_t issue_timestamp_ms;
    int64_t max_timestamp_ms;
    int64_t expiration_timestamp_ms;
    const struct wire_tagged *tags;
};

/*
 * Read the fields, change nothing. The maps are for meta's own files and for tests; everybody else
 * goes through the functions.
 */
struct meta_image {
    uint32_t refs; /* atomic */

    /* Of the last record in it: -1 in the empty image. */
    int64_t offset;
    int32_t epoch;
    int64_t timestamp_ms; /* of that record's batch */

    struct pmap features;        /* name -> meta_feature */
    struct pmap topics_by_name;  /* name -> meta_topic */
    struct pmap topics_by_id;    /* id -> meta_topic */
    struct pmap partitions;      /* id, index -> meta_partition */
    struct pmap brokers;         /* id -> meta_broker */
    struct pmap controllers;     /* id -> meta_controller */
    struct pmap configs;         /* type, resource, name -> meta_config */
    struct pmap quotas;          /* entity, key -> meta_quota */
    struct pmap acls;            /* id -> meta_acl */
    struct pmap scram;           /* mechanism, name -> meta_scram */
    struct pmap tokens;          /* token id -> meta_token */
    int64_t next_producer_id;    /* the first that is in no block; -1: no block was given out */
    bool has_zk_migration_state; /* ZkMigrationStateRecord: kept, means nothing any more */
    int8_t zk_migration_state;

    size_t topic_count;
    size_t partition_count;
    size_t broker_count;
};

/* ---- Life -------------------------------------------------------------------------------- */

/* Nothing in it, offset -1. One reference. */
struct meta_image *meta_image_new(void);
struct meta_image *meta_image_ref(struct meta_image *image);
/* NULL is harmless. */
void meta_image_unref(struct meta_image *image);

/* ---- Looking things up: NULL when absent ------------------------------------------------- */

const struct meta_topic *meta_image_topic(const struct meta_image *image, const char *name,
                                          size_t name_size);
const struct meta_topic *meta_image_topic_by_id(const struct meta_image *image,
                                                const struct uuid *id);
const struct meta_partition *meta_image_partition(const struct meta_image *image,
                                                  const struct uuid *topic_id, int32_t index);
const struct meta_broker *meta_image_broker(const struct meta_image *image, int32_t id);
const struct meta_controller *meta_image_controller(const struct meta_image *image, int32_t id);
/* The value that was set, not the default: NULL when none was. `name` is a 0-terminated setting. */
const char *meta_image_config(const struct meta_image *image, enum meta_resource type,
                              const char *resource, size_t resource_size, const char *name);
/* The finalized level; 0 when the feature is not finalized. */
int16_t meta_image_feature(const struct meta_image *image, const char *name);
/* metadata.version; 0 before the bootstrap records. */
int16_t meta_image_metadata_version(const struct meta_image *image);
const struct meta_scram *meta_image_scram(const struct meta_image *image, int8_t mechanism,
                                          const char *name, size_t name_size);
const struct meta_token *meta_image_token(const struct meta_image *image, const char *token_id,
                                          size_t token_id_size);
const struct meta_acl *meta_image_acl(const struct meta_image *image, const struct uuid *id);

/* The endpoint of that listener, NULL when the broker has none such. */
const struct meta_endpoint *meta_broker_endpoint(const struct meta_broker *broker,
                                                 const char *listener);
bool meta_ids_contain(struct wire_int32s ids, int32_t id);
bool meta_ids_equal(struct wire_int32s a, struct wire_int32s b);
/* The directory of that replica; META_DIR_LOST when it is no replica. */
struct uuid meta_partition_directory(const struct meta_partition *partition, int32_t broker);

/* ---- Going through them ------------------------------------------------------------------ */

/* Iterators hold no reference: the image must be held meanwhile. Each _next gives NULL at the end.
 */
struct meta_iter {
    struct pmap_iter iter;
    bool of_one; /* only those of topic_id, or of the resource */
    struct uuid topic_id;
    int8_t resource_type;
    struct wire_string resource; /* the caller's text */
};
/* By name, from the first name >= from (NULL: all). */
void meta_iter_topics(struct meta_iter *iter, const struct meta_image *image, const char *from,
                      size_t from_size);
const struct meta_topic *meta_iter_topic_next(struct meta_iter *iter);
/* Of one topic, by index; of all when topic_id is NULL, by topic id then index. */
void meta_iter_partitions(struct meta_iter *iter, const struct meta_image *image,
                          const struct uuid *topic_id);
const struct meta_partition *meta_iter_partition_next(struct meta_iter *iter);
/* By id. */
void meta_iter_brokers(struct meta_iter *iter, const struct meta_image *image);
const struct meta_broker *meta_iter_broker_next(struct meta_iter *iter);
void meta_iter_controllers(struct meta_iter *iter, const struct meta_image *image);
const struct meta_controller *meta_iter_controller_next(struct meta_iter *iter);
/* By name. */
void meta_iter_features(struct meta_iter *iter, const struct meta_image *image);
const struct meta_feature *meta_iter_feature_next(struct meta_iter *iter);
/* What is set for one resource, by name of the setting. The name is borrowed until the end. */
void meta_iter_configs(struct meta_iter *iter, const struct meta_image *image,
                       enum meta_resource type, const char *resource, size_t resource_size);
/* What is set for all resources of all types, each resource in one go. */
void meta_iter_all_configs(struct meta_iter *iter, const struct meta_image *image);
const struct meta_config *meta_iter_config_next(struct meta_iter *iter);
void meta_iter_quotas(struct meta_iter *iter, const struct meta_image *image);
const struct meta_quota *meta_iter_quota_next(struct meta_iter *iter);
void meta_iter_acls(struct meta_iter *iter, const struct meta_image *image);
const struct meta_acl *meta_iter_acl_next(struct meta_iter *iter);
void meta_iter_scram(struct meta_iter *iter, const struct meta_image *image);
const struct meta_scram *meta_iter_scram_next(struct meta_iter *iter);
void meta_iter_tokens(struct meta_iter *iter, const struct meta_image *image);
const struct meta_token *meta_iter_token_next(struct meta_iter *iter);

/* ---- The difference between two ---------------------------------------------------------- */

/*
 * What changed from one image to another, whatever lies between: before is NULL where something is
 * new, after where it is gone. A function that is NULL is not called, and what it would tell is not
 * looked for. Costs O(changes * log n). Order: features, topics, partitions (topic id, index),
 * brokers, controllers, configs, quotas, ACLs, SCRAM, tokens. A topic that was removed and made
 * again has another id: it is told twice, gone and new.
 */
struct meta_diff {
    void *context;
    void (*feature)(void *context, const struct meta_feature *before,
                    const struct meta_feature *after);
    void (*topic)(void *context, const struct meta_topic *before, const struct meta_topic *after);
    void (*partition)(void *context, const struct meta_partition *before,
                      const struct meta_partition *after);
    void (*broker)(void *context, const struct meta_broker *before,
                   const struct meta_broker *after);
    void (*controller)(void *context, const struct meta_controller *before,
                       const struct meta_controller *after);
    void (*config)(void *context, const struct meta_config *before,
                   const struct meta_config *after);
    void (*quota)(void *context, const struct meta_quota *before, const struct meta_quota *after);
    void (*acl)(void *context, const struct meta_acl *before, const struct meta_acl *after);
    void (*scram)(void *context, const struct meta_scram *before, const struct meta_scram *after);
    void (*token)(void *context, const struct meta_token *before, const struct meta_token *after);
};
/* `before` may be NULL: the empty image. */
void meta_image_diff(const struct meta_image *before, const struct meta_image *after,
                     const struct meta_diff *visitor);

/* For tests and checkers: everything is equal, whatever was shared; or all but offset, epoch and
 * timestamp. */
bool meta_image_equal(const struct meta_image *a, const struct meta_image *b);
bool meta_image_content_equal(const struct meta_image *a, const struct meta_image *b);

#endif
