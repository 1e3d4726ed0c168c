#include "cli/storage_int.h"

#include "meta/features.h"

#include <stdlib.h>
#include <string.h>

size_t cli_storage_dirs(struct cli_call *call, const struct conf *conf, const char *const **out)
{
    struct conf_list dirs = conf_log_dirs(conf);
    const char *metadata = conf_metadata_dir(conf);
    const char **all = arena_must_alloc_array(&call->arena, dirs.count + 1, sizeof *all);
    size_t count = 0;
    bool found = false;
    for (size_t i = 0; i < dirs.count; i++) {
        all[count++] = dirs.items[i];
        found = found || strcmp(dirs.items[i], metadata) == 0;
    }
    if (!found)
        all[count++] = metadata;
    *out = all;
    return count;
}

int16_t cli_release_level(const struct cli_call *call, const char *name)
{
    int16_t level = meta_version_from_name(name, strlen(name));
    if (level == 0)
        cli_complain(call, "there is no release %s; they go from %s to %s", name,
                     meta_version_name(META_VERSION_MIN), meta_version_name(META_VERSION_MAX));
    return level;
}

bool cli_parse_feature(struct cli_call *call, const char *text, const char **name, int16_t *level)
{
    const char *equals = strchr(text, '=');
    size_t digits = equals == NULL ? 0 : strspn(equals + 1, "0123456789");
    if (equals == NULL || digits == 0 || digits > 4 || equals[1 + digits] != '\0') {
        cli_complain(call, "\"%s\" is not of the form feature=level", text);
        return false;
    }
    char *copy = arena_must_alloc(&call->arena, (size_t)(equals - text) + 1);
    memcpy(copy, text, (size_t)(equals - text));
    *name = copy;
    *level = (int16_t)strtol(equals + 1, NULL, 10);
    const struct meta_feature_support *feature = meta_feature_find(copy, strlen(copy));
    if (feature == NULL)
        cli_complain(call, "there is no feature %s", copy);
    else if (*level != 0 && (*level < feature->version_min || *level > feature->version_max))
        cli_complain(call, "%s has levels from %d to %d", copy, feature->version_min,
                     feature->version_max);
    else
        return true;
    return false;
}
