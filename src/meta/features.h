#ifndef META_FEATURES_H
#define META_FEATURES_H
/*
 * The features of Apache Kafka 4.3.1 and their levels: what this node supports, what a release
 * means, and what a level of metadata.version allows (KIP-584, KIP-778, KIP-1022).
 */
#include "base/assert.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define META_FEATURE_METADATA_VERSION "metadata.version"
#define META_FEATURE_KRAFT_VERSION "kraft.version"
#define META_FEATURE_ELR_VERSION "eligible.leader.replicas.version"
#define META_FEATURE_GROUP_VERSION "group.version"
#define META_FEATURE_SHARE_VERSION "share.version"
#define META_FEATURE_STREAMS_VERSION "streams.version"
#define META_FEATURE_TRANSACTION_VERSION "transaction.version"

/* Levels of metadata.version at which something begins. */
enum meta_version {
    META_VERSION_MIN = 7,      /* 3.3-IV3 */
    META_VERSION_3_4_IV0 = 8,  /* ZK migration */
    META_VERSION_3_5_IV2 = 11, /* SCRAM */
    META_VERSION_3_6_IV0 = 12, /* an ISR that shrinks keeps the leader epoch */
    META_VERSION_3_6_IV1 = 13, /* metadata transactions */
    META_VERSION_3_6_IV2 = 14, /* delegation tokens */
    META_VERSION_3_7_IV0 = 15, /* controllers register */
    META_VERSION_3_7_IV2 = 17, /* replicas have directories */
    META_VERSION_4_0_IV1 = 23, /* eligible leader replicas */
    META_VERSION_4_3_IV0 = 30, /* cordoned log directories */
    META_VERSION_LATEST_PRODUCTION = 30,
    META_VERSION_MAX = 30, /* the highest that is understood */
};

struct meta_feature_support {
    const char *name;
    int16_t version_min;
    int16_t version_max; /* as the peer advertises it: production levels */
};

/* What this node registers and answers to ApiVersions; by name. kraft.version is among them. */
extern const struct meta_feature_support meta_features[];
extern const size_t meta_feature_count;
/* NULL: unknown. */
const struct meta_feature_support *meta_feature_find(const char *name, size_t name_size);

/* "4.3-IV0" for 30; NULL for a level that is not known. */
const char *meta_version_name(int16_t level);
/* Also the short form "4.3": the highest level of that release that is for production. 0 when
 * unknown. */
int16_t meta_version_from_name(const char *name, size_t name_size);
/* The level that a feature has by default in a cluster formatted at this metadata.version. */
int16_t meta_feature_default_level(const char *feature, int16_t metadata_version);
/* The metadata.version that a feature's level needs; 0: none. */
int16_t meta_feature_needs_metadata_version(const char *feature, int16_t level);
/* Did the step to this level of metadata.version change records, so that it cannot be left again
 * safely? */
bool meta_version_changed_metadata(int16_t level);

/* Versions of records to write at a level. */
int16_t meta_register_broker_record_version(int16_t metadata_version);
int16_t meta_broker_registration_change_record_version(int16_t metadata_version);
int16_t meta_partition_record_version(int16_t metadata_version);
int16_t meta_partition_change_record_version(int16_t metadata_version);

#endif
