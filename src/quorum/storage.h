#ifndef QUORUM_STORAGE_H
#define QUORUM_STORAGE_H
/*
 * What makes log directories a node's: formatting them (KIP-631, KIP-853), and finding out at start
 * whose they are. Blocking: inside a job, or from the command line.
 *
 * A formatted directory holds meta.properties, and bootstrap.checkpoint with the records that a new
 * cluster begins with, as 4.3.1 writes them; with voters of its own the metadata directory holds
 * __cluster_metadata-0/00000000000000000000-0000000000.checkpoint as well.
 */
#include "base/arena.h"
#include "base/assert.h"
#include "base/err.h"
#include "base/uuid.h"
#include "env/disk.h"
#include "meta/delta.h"
#include "quorum/quorum.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUORUM_ERROR_BYTES 1024

/* A finalized feature that differs from the release's default. */
struct quorum_format_feature {
    const char *name;
    int16_t level;
};

struct quorum_format_scram {
    const char *user;
    int8_t mechanism; /* 1 SCRAM-SHA-256, 2 SCRAM-SHA-512 */
    const uint8_t *salt;
    size_t salt_size;
    const uint8_t *stored_key;
    size_t stored_key_size;
    const uint8_t *server_key;
    size_t server_key_size;
    int32_t iterations;
};

/* A voter that the log begins with (kraft.version 1): --standalone, --initial-controllers. */
struct quorum_format_voter {
    int32_t id;
    struct uuid directory_id; /* zero: that of this node's metadata directory */
    const struct quorum_endpoint *endpoints;
    size_t endpoint_count;
};

struct quorum_format_options {
    const char *const *dirs; /* log.dirs, and metadata.log.dir when it is not among them */
    size_t dir_count;
    const char *metadata_dir; /* one of dirs */
    const char *cluster_id;
    int32_t node_id;
    int16_t metadata_version; /* 0: the newest for production */
    const struct quorum_format_feature *features;
    size_t feature_count;
    const struct quorum_format_scram *scram;
    size_t scram_count;
    /* None: the voters are those of controller.quorum.voters, or this controller finds them later
     * (--no-initial-controllers). */
    const struct quorum_format_voter *voters;
    size_t voter_count;
    bool ignore_formatted; /* directories that are formatted already are left as they are */
    int64_t wall_ms;
    /* 16 random bytes; called for each directory id, again when they make no id. */
    void (*random)(void *context, void *out, size_t size);
    void *context;
    /* May be NULL: a line for each directory that was formatted, and such. */
    void (*say)(void *context, const char *line);
};

/*
 * ERR_EXISTS: a directory is formatted and ignore_formatted is not set. ERR_INVALID: a feature,
 * level or option that cannot be. Disk errors. `error` is a sentence.
 */
enum err quorum_format(struct env_disk *disk, const struct quorum_format_options *options,
                       char error[QUORUM_ERROR_BYTES]) MUST_USE;

struct quorum_identity_dir {
    bool formatted; /* meta.properties is there */
    struct uuid directory_id;
};

struct quorum_identity {
    char cluster_id[128];
    int32_t node_id;
    size_t formatted_count;
    struct quorum_identity_dir *dirs; /* in the order asked for */
    size_t dir_count;
};

/*
 * Whose directories they are. ERR_INVALID: they are different nodes' or clusters', or two have one
 * directory id, or node_id (-1: any) is another. ERR_CORRUPT and disk errors name the file. All
 * unformatted is no error: formatted_count is 0. A directory that is absent counts as unformatted.
 */
enum err quorum_identity_load(struct env_disk *disk, const char *const *dirs, size_t dir_count,
                              int32_t node_id, struct quorum_identity *out,
                              char error[QUORUM_ERROR_BYTES]) MUST_USE;
void quorum_identity_deinit(struct quorum_identity *identity);

/* Write meta.properties of a directory that was added to a formatted node. */
enum err quorum_identity_add_dir(struct env_disk *disk, const char *dir, const char *cluster_id,
                                 int32_t node_id, struct uuid directory_id,
                                 char error[QUORUM_ERROR_BYTES]) MUST_USE;

/* ---- Reading a snapshot or a segment file for tools -------------------------------------- */

/* The name of a snapshot: "%020d-%010d.checkpoint" of its end offset (exclusive) and epoch. */
#define QUORUM_SNAPSHOT_NAME_BYTES 48
void quorum_snapshot_name(int64_t end_offset, int32_t epoch, char out[QUORUM_SNAPSHOT_NAME_BYTES]);
bool quorum_snapshot_name_parse(const char *name, int64_t *end_offset, int32_t *epoch);

/* The file names an image: reads a whole snapshot (bootstrap.checkpoint as well). The caller's
 * reference. */
enum err quorum_snapshot_load(struct env_disk *disk, const char *path, struct meta_image **out,
                              char error[QUORUM_ERROR_BYTES]) MUST_USE;

#endif
