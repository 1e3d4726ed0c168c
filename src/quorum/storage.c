#include "quorum/storage.h"

#include "quorum/snapshot_int.h"

#include "base/mem.h"
#include "meta/features.h"
#include "meta/properties.h"
#include "wire/records.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Invariant: meta.properties is the last file that formatting writes in a directory, and is durable
 * before the next directory is begun. A directory that a crash left half formatted counts as
 * unformatted and is formatted again.
 */

#define BOOTSTRAP_FILE "bootstrap.checkpoint"

static PRINTF_LIKE(3, 4) enum err
    fail(char error[QUORUM_ERROR_BYTES], enum err err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error, QUORUM_ERROR_BYTES, format, args);
    va_end(args);
    return err;
}

/* ---- Identity ---------------------------------------------------------------------------- */

static enum err load_properties(struct env_disk *disk, const char *dir, struct meta_properties *out,
                                char error[QUORUM_ERROR_BYTES])
{
    char path[QUORUM_PATH_BYTES];
    char why[META_PROPERTIES_ERROR_BYTES];
    char *text;
    size_t size;
    if (snprintf(path, sizeof path, "%s/%s", dir, META_PROPERTIES_FILE) >= (int)sizeof path)
        return fail(error, ERR_INVALID, "the path of a log directory is too long: %.200s...", dir);
    enum err err = quorum_file_read(disk, path, (size_t)1 << 20, &text, &size);
    if (err == ERR_NOTFOUND)
        return err;
    if (err != ERR_OK)
        return fail(error, err, "%.512s cannot be read: %s", path, err_text(err));
    err = meta_properties_parse(text, size, out, why);
    mem_free(text);
    if (err != ERR_OK)
        return fail(error, err == ERR_INVALID ? ERR_CORRUPT : err, "%.512s: %s", path, why);
    return ERR_OK;
}

/* One directory's file against what the others said. */
static enum err join_identity(struct quorum_identity *identity, size_t index, const char *dir,
                              const struct meta_properties *properties,
                              char error[QUORUM_ERROR_BYTES])
{
    char text[UUID_TEXT_BYTES];
    if (properties->node_id >= 0) {
        if (identity->node_id < 0)
            identity->node_id = properties->node_id;
        if (identity->node_id != properties->node_id)
            return fail(error, ERR_INVALID,
                        "%.512s belongs to node %d, not %d: check node.id and log.dirs", dir,
                        properties->node_id, identity->node_id);
    }
    if (properties->cluster_id[0] != '\0') {
        if (identity->cluster_id[0] == '\0')
            memcpy(identity->cluster_id, properties->cluster_id, sizeof identity->cluster_id);
        if (strcmp(identity->cluster_id, properties->cluster_id) != 0)
            return fail(error, ERR_INVALID,
                        "%.512s belongs to cluster %s, and another log directory to cluster %s",
                        dir, properties->cluster_id, identity->cluster_id);
    }
    for (size_t i = 0; properties->has_directory_id && i < index; i++)
        if (identity->dirs[i].formatted &&
            uuid_equal(&identity->dirs[i].directory_id, &properties->directory_id))
            return fail(error, ERR_INVALID,
                        "two log directories have the directory.id %s, one of them %.512s: one was "
                        "copied from the other",
                        uuid_to_text(&properties->directory_id, text), dir);
    identity->dirs[index] =
        (struct quorum_identity_dir){.formatted = true, .directory_id = properties->directory_id};
    identity->formatted_count++;
    return ERR_OK;
}

STATIC_ASSERT(sizeof((struct quorum_identity *)0)->cluster_id == META_CLUSTER_ID_BYTES,
              "cluster ids fit");

enum err quorum_identity_load(struct env_disk *disk, const char *const *dirs, size_t dir_count,
                              int32_t node_id, struct quorum_identity *out,
                              char error[QUORUM_ERROR_BYTES])
{
    *out = (struct quorum_identity){.node_id = node_id, .dir_count = dir_count};
    out->dirs = mem_zalloc(dir_count * sizeof *out->dirs);
    enum err err = ERR_OK;
    for (size_t i = 0; i < dir_count && err == ERR_OK; i++) {
        struct meta_properties properties;
        err = load_properties(disk, dirs[i], &properties, error);
        if (err == ERR_NOTFOUND)
            err = ERR_OK;
        else if (err == ERR_OK)
            err = join_identity(out, i, dirs[i], &properties, error);
    }
    if (err != ERR_OK)
        quorum_identity_deinit(out);
    return err;
}

void quorum_identity_deinit(struct quorum_identity *identity)
{
    mem_free(identity->dirs);
    identity->dirs = NULL;
}

enum err quorum_identity_add_dir(struct env_disk *disk, const char *dir, const char *cluster_id,
                                 int32_t node_id, struct uuid directory_id,
                                 char error[QUORUM_ERROR_BYTES])
{
    struct meta_properties properties = {
        .version = 1,
        .node_id = node_id,
        .has_directory_id = true,
        .directory_id = directory_id,
    };
    if (strlen(cluster_id) >= sizeof properties.cluster_id || cluster_id[0] == '\0')
        return fail(error, ERR_INVALID, "the cluster id '%.200s' is empty or too long", cluster_id);
    memcpy(properties.cluster_id, cluster_id, strlen(cluster_id) + 1);
    struct buf text = BUF_EMPTY;
    meta_properties_print(&properties, &text);
    enum err err =
        quorum_file_replace(disk, dir, META_PROPERTIES_FILE, ".tmp", text.data, text.size);
    buf_deinit(&text);
    if (err != ERR_OK)
        return fail(error, err, "%.512s/%s cannot be written: %s", dir, META_PROPERTIES_FILE,
                    err_text(err));
    return ERR_OK;
}

/* ---- The records that a cluster begins with ---------------------------------------------- */

struct format {
    struct env_disk *disk;
    const struct quorum_format_options *options;
    char *error;
    struct arena arena;
    int16_t metadata_version;
    int16_t kraft_version;
    struct meta_record *records;
    size_t record_count;
};

static PRINTF_LIKE(2, 3) void say(struct format *format, const char *text, ...)
{
    char line[QUORUM_PATH_BYTES];
    if (format->options->say == NULL)
        return;
    va_list args;
    va_start(args, text);
    vsnprintf(line, sizeof line, text, args);
    va_end(args);
    format->options->say(format->options->context, line);
}

static void add_record(struct format *format, int16_t key, const void *message)
{
    format->records[format->record_count++] =
        (struct meta_record){.key = key, .version = 0, .message = message};
}

static void add_feature(struct format *format, const char *name, int16_t level)
{
    struct wire_feature_level_record *record = arena_must_alloc(&format->arena, sizeof *record);
    record->name = wire_string_from(name);
    record->feature_level = level;
    add_record(format, WIRE_METADATA_RECORD_FEATURE_LEVEL, record);
}

/* What was asked for the feature, else what the metadata.version has by default. */
static int16_t feature_level(const struct format *format, const char *name)
{
    const struct quorum_format_options *options = format->options;
    for (size_t i = 0; i < options->feature_count; i++)
        if (strcmp(options->features[i].name, name) == 0)
            return options->features[i].level;
    return meta_feature_default_level(name, format->metadata_version);
}

static enum err check_features(struct format *format)
{
    const struct quorum_format_options *options = format->options;
    for (size_t i = 0; i < options->feature_count; i++) {
        const struct quorum_format_feature *feature = &options->features[i];
        const struct meta_feature_support *support =
            meta_feature_find(feature->name, strlen(feature->name));
        if (support == NULL)
            return fail(format->error, ERR_INVALID, "%s is no feature of this release",
                        feature->name);
        if (feature->level < support->version_min || feature->level > support->version_max)
            return fail(format->error, ERR_INVALID, "%s has no level %d: %d to %d are supported",
                        feature->name, feature->level, support->version_min, support->version_max);
        if (strcmp(feature->name, META_FEATURE_METADATA_VERSION) == 0)
            format->metadata_version = feature->level;
        for (size_t j = 0; j < i; j++)
            if (strcmp(options->features[j].name, feature->name) == 0)
                return fail(format->error, ERR_INVALID, "the level of %s is given twice",
                            feature->name);
    }
    if (meta_version_name(format->metadata_version) == NULL)
        return fail(format->error, ERR_INVALID, "metadata.version %d is not known",
                    format->metadata_version);
    for (size_t i = 0; i < options->feature_count; i++) {
        const struct quorum_format_feature *feature = &options->features[i];
        int16_t needs = meta_feature_needs_metadata_version(feature->name, feature->level);
        if (needs > format->metadata_version)
            return fail(format->error, ERR_INVALID, "%s=%d needs metadata.version %d (%s)",
                        feature->name, feature->level, needs, meta_version_name(needs));
    }
    return ERR_OK;
}

static enum err make_records(struct format *format)
{
    const struct quorum_format_options *options = format->options;
    format->metadata_version =
        options->metadata_version != 0 ? options->metadata_version : META_VERSION_LATEST_PRODUCTION;
    enum err err = check_features(format);
    if (err != ERR_OK)
        return err;
    format->kraft_version = feature_level(format, META_FEATURE_KRAFT_VERSION);
    if (options->voter_count > 0 && format->kraft_version == 0)
        return fail(
            format->error, ERR_INVALID,
            "voters in the log need kraft.version 1, which needs metadata.version 21 (3.9): "
            "use controller.quorum.voters, or a newer release version");
    if (options->scram_count > 0 && format->metadata_version < META_VERSION_3_5_IV2)
        return fail(format->error, ERR_INVALID, "SCRAM users need metadata.version 11 (3.5-IV2)");

    format->records = arena_must_alloc_array(
        &format->arena, meta_feature_count + options->scram_count, sizeof *format->records);
    add_feature(format, META_FEATURE_METADATA_VERSION, format->metadata_version);
    for (size_t i = 0; i < meta_feature_count; i++) {
        const char *name = meta_features[i].name;
        if (strcmp(name, META_FEATURE_METADATA_VERSION) != 0 &&
            strcmp(name, META_FEATURE_KRAFT_VERSION) != 0 && feature_level(format, name) > 0)
            add_feature(format, name, feature_level(format, name));
    }
    for (size_t i = 0; i < options->scram_count; i++) {
        const struct quorum_format_scram *scram = &options->scram[i];
        struct wire_user_scram_credential_record *record =
            arena_must_alloc(&format->arena, sizeof *record);
        *record = (struct wire_user_scram_credential_record){
            .name = wire_string_from(scram->user),
            .mechanism = scram->mechanism,
            .salt = wire_bytes_of(scram->salt, scram->salt_size),
            .stored_key = wire_bytes_of(scram->stored_key, scram->stored_key_size),
            .server_key = wire_bytes_of(scram->server_key, scram->server_key_size),
            .iterations = scram->iterations,
        };
        add_record(format, WIRE_METADATA_RECORD_USER_SCRAM_CREDENTIAL, record);
    }
    return ERR_OK;
}

/* ---- Formatting -------------------------------------------------------------------------- */

static struct uuid new_directory_id(struct format *format)
{
    struct uuid id;
    uint8_t random[16];
    do
        format->options->random(format->options->context, random, sizeof random);
    while (!uuid_from_random(random, &id));
    return id;
}

static void make_voters(struct format *format, struct uuid own_directory_id,
                        struct quorum_voters *out)
{
    const struct quorum_format_options *options = format->options;
    struct wire_voters_record record = {.version = 0};
    record.voters.items =
        arena_must_alloc_array(&format->arena, options->voter_count, sizeof *record.voters.items);
    record.voters.count = (int32_t)options->voter_count;
    for (size_t i = 0; i < options->voter_count; i++) {
        const struct quorum_format_voter *voter = &options->voters[i];
        struct wire_voters_record_voter *item = &record.voters.items[i];
        item->voter_id = voter->id;
        item->voter_directory_id =
            uuid_is_zero(&voter->directory_id) ? own_directory_id : voter->directory_id;
        item->kraft_version_feature.max_supported_version = 1;
        item->endpoints.items = arena_must_alloc_array(&format->arena, voter->endpoint_count,
                                                       sizeof *item->endpoints.items);
        item->endpoints.count = (int32_t)voter->endpoint_count;
        for (size_t j = 0; j < voter->endpoint_count; j++)
            item->endpoints.items[j] = (struct wire_voters_record_endpoint){
                .name = wire_string_from(voter->endpoints[j].listener),
                .host = wire_string_from(voter->endpoints[j].host),
                .port = voter->endpoints[j].port,
            };
    }
    out->kraft_version = 1;
    quorum_voters_set(out, &record, -1);
}

/* The first snapshot of the metadata log: nothing but who votes. */
static enum err write_first_snapshot(struct format *format, const char *dir,
                                     struct uuid directory_id)
{
    char folder[QUORUM_PATH_BYTES];
    char name[QUORUM_SNAPSHOT_NAME_BYTES];
    if (snprintf(folder, sizeof folder, "%s/%s", dir, QUORUM_FOLDER) >= (int)sizeof folder)
        return ERR_INVALID;
    enum err err = disk_mkdir(format->disk, folder);
    if (err == ERR_OK)
        err = disk_sync_folder(format->disk, dir);
    if (err != ERR_OK && err != ERR_EXISTS)
        return err;
    struct quorum_voters voters;
    quorum_voters_init(&voters);
    make_voters(format, directory_id, &voters);
    quorum_snapshot_name(0, 0, name);
    struct quorum_snapshot_write write = {
        .folder = folder,
        .name = name,
        .last_timestamp_ms = format->options->wall_ms,
        .wall_ms = format->options->wall_ms,
        .voters = &voters,
    };
    err = quorum_snapshot_store(format->disk, &write, NULL, NULL, 0);
    quorum_voters_deinit(&voters);
    return err;
}

static enum err make_folder(struct env_disk *disk, const char *dir)
{
    struct disk_stat stat;
    enum err err = disk_stat(disk, dir, &stat);
    if (err == ERR_OK)
        return stat.kind == DISK_KIND_FOLDER ? ERR_OK : ERR_EXISTS;
    if (err != ERR_NOTFOUND)
        return err;
    /* Parents first; each name durable before what is in it. */
    char parent[QUORUM_PATH_BYTES];
    if (snprintf(parent, sizeof parent, "%s", dir) >= (int)sizeof parent)
        return ERR_INVALID;
    char *slash = strrchr(parent, '/');
    bool has_parent = slash != NULL && slash != parent;
    if (has_parent) {
        *slash = '\0';
        err = make_folder(disk, parent);
        if (err != ERR_OK)
            return err;
    }
    err = disk_mkdir(disk, dir);
    if (err == ERR_OK)
        err = disk_sync_folder(disk, has_parent ? parent : slash == NULL ? "." : "/");
    return err;
}

/* This node's among the voters, or NULL. */
static const struct quorum_format_voter *own_voter(const struct quorum_format_options *options)
{
    for (size_t i = 0; i < options->voter_count; i++)
        if (options->voters[i].id == options->node_id)
            return &options->voters[i];
    return NULL;
}

static enum err format_dir(struct format *format, const char *dir)
{
    const struct quorum_format_options *options = format->options;
    bool is_metadata = strcmp(dir, options->metadata_dir) == 0;
    const struct quorum_format_voter *voter = is_metadata ? own_voter(options) : NULL;
    /* A voter is known to the others by the id that they were all formatted with. */
    struct uuid directory_id = voter != NULL && !uuid_is_zero(&voter->directory_id)
                                   ? voter->directory_id
                                   : new_directory_id(format);
    say(format, "Formatting %s %s with metadata.version %s.",
        !is_metadata               ? "data directory"
        : voter != NULL            ? "dynamic metadata voter directory"
        : options->voter_count > 0 ? "dynamic metadata directory"
                                   : "metadata directory",
        dir, meta_version_name(format->metadata_version));
    enum err err = make_folder(format->disk, dir);
    struct quorum_snapshot_write bootstrap = {
        .folder = dir, .name = BOOTSTRAP_FILE, .wall_ms = options->wall_ms};
    if (err == ERR_OK)
        err = quorum_snapshot_store(format->disk, &bootstrap, NULL, format->records,
                                    format->record_count);
    if (err == ERR_OK && is_metadata && options->voter_count > 0)
        err = write_first_snapshot(format, dir, directory_id);
    if (err != ERR_OK)
        return fail(format->error, err, "%.512s cannot be formatted: %s", dir, err_text(err));
    return quorum_identity_add_dir(format->disk, dir, options->cluster_id, options->node_id,
                                   directory_id, format->error);
}

static enum err format_all(struct format *format)
{
    const struct quorum_format_options *options = format->options;
    struct quorum_identity identity;
    enum err err = quorum_identity_load(format->disk, options->dirs, options->dir_count,
                                        options->node_id, &identity, format->error);
    if (err != ERR_OK)
        return err;
    if (identity.formatted_count > 0 && identity.cluster_id[0] != '\0' &&
        strcmp(identity.cluster_id, options->cluster_id) != 0)
        err = fail(format->error, ERR_INVALID, "a log directory belongs to cluster %s, not %s",
                   identity.cluster_id, options->cluster_id);
    for (size_t i = 0; i < options->dir_count && err == ERR_OK; i++)
        if (identity.dirs[i].formatted && !options->ignore_formatted)
            err =
                fail(format->error, ERR_EXISTS,
                     "Log directory %.512s is already formatted. Use --ignore-formatted to ignore "
                     "this directory and format the others.",
                     options->dirs[i]);
    if (err == ERR_OK && identity.formatted_count == options->dir_count)
        say(format, "All of the log directories are already formatted.");
    /* The metadata directory first: a start that finds it formatted adds the others, and one that
     * finds it not formatted, but others, has lost it. */
    for (int data = 0; data < 2; data++)
        for (size_t i = 0; i < options->dir_count && err == ERR_OK; i++)
            if (!identity.dirs[i].formatted &&
                (strcmp(options->dirs[i], options->metadata_dir) != 0) == (data == 1))
                err = format_dir(format, options->dirs[i]);
    quorum_identity_deinit(&identity);
    return err;
}

enum err quorum_format(struct env_disk *disk, const struct quorum_format_options *options,
                       char error[QUORUM_ERROR_BYTES])
{
    struct format format = {.disk = disk, .options = options, .error = error};
    if (options->voter_count > RAFT_VOTERS_MAX)
        return fail(error, ERR_INVALID, "%zu voters, and %d are the most", options->voter_count,
                    RAFT_VOTERS_MAX);
    arena_init(&format.arena, ARENA_LIMIT_DEFAULT_BYTES);
    enum err err = make_records(&format);
    if (err == ERR_OK)
        err = format_all(&format);
    arena_deinit(&format.arena);
    return err;
}
