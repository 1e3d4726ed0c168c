#include "meta/features.h"

#include <string.h>

/* Levels and what they mean as Apache Kafka 4.3.1 has them (KIP-584, KIP-778, KIP-1022). */

const struct meta_feature_support meta_features[] = {
    {META_FEATURE_ELR_VERSION, 0, 1},
    {META_FEATURE_GROUP_VERSION, 0, 1},
    {META_FEATURE_KRAFT_VERSION, 0, 1},
    {META_FEATURE_METADATA_VERSION, META_VERSION_MIN, META_VERSION_LATEST_PRODUCTION},
    {META_FEATURE_SHARE_VERSION, 0, 1},
    {META_FEATURE_STREAMS_VERSION, 0, 1},
    {META_FEATURE_TRANSACTION_VERSION, 0, 2},
};
const size_t meta_feature_count = sizeof meta_features / sizeof *meta_features;

const struct meta_feature_support *meta_feature_find(const char *name, size_t name_size)
{
    for (size_t i = 0; i < meta_feature_count; i++)
        if (strlen(meta_features[i].name) == name_size &&
            memcmp(meta_features[i].name, name, name_size) == 0)
            return &meta_features[i];
    return NULL;
}

struct version_row {
    const char *name;
    bool changed_metadata;
    int8_t register_broker;
    int8_t partition; /* and partition change */
};

/* From META_VERSION_MIN on. */
static const struct version_row versions[] = {
    {"3.3-IV3", true, 1, 0},  {"3.4-IV0", true, 2, 0},  {"3.5-IV0", false, 2, 0},
    {"3.5-IV1", false, 2, 0}, {"3.5-IV2", true, 2, 0},  {"3.6-IV0", false, 2, 0},
    {"3.6-IV1", true, 2, 0},  {"3.6-IV2", true, 2, 0},  {"3.7-IV0", true, 2, 0},
    {"3.7-IV1", false, 2, 0}, {"3.7-IV2", true, 3, 1},  {"3.7-IV3", false, 3, 1},
    {"3.7-IV4", false, 3, 1}, {"3.8-IV0", false, 3, 1}, {"3.9-IV0", false, 3, 1},
    {"4.0-IV0", false, 3, 1}, {"4.0-IV1", true, 3, 2},  {"4.0-IV2", false, 3, 2},
    {"4.0-IV3", false, 3, 2}, {"4.1-IV0", false, 3, 2}, {"4.1-IV1", false, 3, 2},
    {"4.2-IV0", false, 3, 2}, {"4.2-IV1", false, 3, 2}, {"4.3-IV0", true, 4, 2},
};
STATIC_ASSERT(ARRAY_COUNT(versions) == META_VERSION_MAX - META_VERSION_MIN + 1,
              "one row for each level");

/* The nearest level that is known: before the bootstrap records there is none at all. */
static const struct version_row *row_of(int16_t level)
{
    if (level < META_VERSION_MIN)
        level = META_VERSION_MIN;
    if (level > META_VERSION_MAX)
        level = META_VERSION_MAX;
    return &versions[level - META_VERSION_MIN];
}

const char *meta_version_name(int16_t level)
{
    return level < META_VERSION_MIN || level > META_VERSION_MAX ? NULL : row_of(level)->name;
}

int16_t meta_version_from_name(const char *name, size_t name_size)
{
    for (int16_t level = META_VERSION_MAX; level >= META_VERSION_MIN; level--) {
        const char *full = row_of(level)->name;
        size_t release_size = strcspn(full, "-");
        if ((strlen(full) == name_size || release_size == name_size) &&
            memcmp(full, name, name_size) == 0)
            return level;
    }
    return 0;
}

/* From which metadata.version a cluster is formatted with a level of a feature, and which one the
 * level cannot do without (0: any). By feature, highest level first. */
static const struct {
    const char *feature;
    int16_t level;
    int16_t default_from;
    int16_t needs;
} feature_levels[] = {
    {META_FEATURE_ELR_VERSION, 1, 26, META_VERSION_4_0_IV1},
    {META_FEATURE_GROUP_VERSION, 1, 22, 0},
    {META_FEATURE_KRAFT_VERSION, 1, 21, 0},
    {META_FEATURE_SHARE_VERSION, 1, 28, 0},
    {META_FEATURE_STREAMS_VERSION, 1, 29, 0},
    {META_FEATURE_TRANSACTION_VERSION, 2, 24, 0},
};

int16_t meta_feature_default_level(const char *feature, int16_t metadata_version)
{
    for (size_t i = 0; i < ARRAY_COUNT(feature_levels); i++)
        if (strcmp(feature_levels[i].feature, feature) == 0 &&
            metadata_version >= feature_levels[i].default_from)
            return feature_levels[i].level;
    return 0;
}

int16_t meta_feature_needs_metadata_version(const char *feature, int16_t level)
{
    for (size_t i = 0; i < ARRAY_COUNT(feature_levels); i++)
        if (strcmp(feature_levels[i].feature, feature) == 0 && feature_levels[i].level == level)
            return feature_levels[i].needs;
    return 0;
}

bool meta_version_changed_metadata(int16_t level)
{
    return row_of(level)->changed_metadata;
}

int16_t meta_register_broker_record_version(int16_t metadata_version)
{
    return row_of(metadata_version)->register_broker;
}

int16_t meta_broker_registration_change_record_version(int16_t metadata_version)
{
    if (metadata_version >= META_VERSION_4_3_IV0)
        return 3;
    return metadata_version >= META_VERSION_3_7_IV2 ? 2 : 1;
}

int16_t meta_partition_record_version(int16_t metadata_version)
{
    return row_of(metadata_version)->partition;
}

int16_t meta_partition_change_record_version(int16_t metadata_version)
{
    return row_of(metadata_version)->partition;
}
