/* Which levels of features a release means, and what they need. */
#include "cli/storage_int.h"

#include "meta/features.h"

#include <string.h>

static int run_mapping(struct cli_call *call)
{
    const char *release = cli_value(call, "release-version");
    int16_t version = META_VERSION_LATEST_PRODUCTION;
    if (release != NULL && (version = cli_release_level(call, release)) == 0)
        return CLI_FAILED;
    bool json = cli_has(call, "json");
    if (json)
        fprintf(call->out, "{\"release\":\"%s\",\"metadata.version\":%d",
                meta_version_name(version), version);
    else
        fprintf(call->out, "metadata.version=%d (%s)\n", version, meta_version_name(version));
    for (size_t i = 0; i < meta_feature_count; i++) {
        const char *name = meta_features[i].name;
        if (strcmp(name, META_FEATURE_METADATA_VERSION) == 0)
            continue;
        fprintf(call->out, json ? ",\"%s\":%d" : "%s=%d\n", name,
                meta_feature_default_level(name, version));
    }
    fputs(json ? "}\n" : "", call->out);
    return CLI_OK;
}

static const struct cli_option mapping_options[] = {
    {"release-version", 'r', "RELEASE", false, "such as 4.3-IV0 or 4.3; the newest by default"},
    {"json", 0, NULL, false, "as JSON, for programs"},
};

const struct cli_command cli_storage_version_mapping = {
    .name = "storage version-mapping",
    .summary = "the levels of features that a release begins with",
    .examples = "  ottla storage version-mapping -r 4.0\n",
    .options = mapping_options,
    .option_count = ARRAY_COUNT(mapping_options),
    .run = run_mapping,
};

static int run_dependencies(struct cli_call *call)
{
    const char *const *features;
    size_t count = cli_values(call, "feature", &features);
    if (count == 0)
        return cli_usage(call, "needs --feature");
    for (size_t i = 0; i < count; i++) {
        const char *name;
        int16_t level;
        if (!cli_parse_feature(call, features[i], &name, &level))
            return CLI_FAILED;
        int16_t needs = meta_feature_needs_metadata_version(name, level);
        if (needs > 0)
            fprintf(call->out, "%s=%d requires:\n    metadata.version=%d (%s)\n", name, level,
                    needs, meta_version_name(needs));
        else
            fprintf(call->out, "%s=%d has no dependencies.\n", name, level);
    }
    return CLI_OK;
}

static const struct cli_option dependencies_options[] = {
    {"feature", 'f', "feature=level", true, "the feature and its level"},
};

const struct cli_command cli_storage_feature_dependencies = {
    .name = "storage feature-dependencies",
    .summary = "what a level of a feature needs",
    .examples = "  ottla storage feature-dependencies -f group.version=1\n",
    .options = dependencies_options,
    .option_count = ARRAY_COUNT(dependencies_options),
    .run = run_dependencies,
};
