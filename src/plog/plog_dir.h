#ifndef PLOG_PLOG_DIR_H
#define PLOG_PLOG_DIR_H
/*
 * One log directory: what is in it, its lock, its four checkpoints, its mark of a clean stop. All
 * functions that take a disk block: inside a job, or where there is no loop. The file formats are
 * in plog_files.h.
 */
#include "base/assert.h"
#include "base/err.h"
#include "base/uuid.h"
#include "env/disk.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum plog_folder_kind {
    PLOG_FOLDER_PARTITION,
    PLOG_FOLDER_FUTURE, /* "-future": being copied here from another directory */
    PLOG_FOLDER_STRAY,  /* "-stray": belonged to nobody */
    PLOG_FOLDER_DELETE, /* "-delete": to be removed; what a stop interrupted */
};

struct plog_folder_info {
    enum plog_folder_kind kind;
    char *name;  /* of the folder, in its directory */
    char *topic; /* also for the other kinds, as far as the name tells ("" when it does not) */
    int32_t partition;
    struct uuid topic_id; /* zero: partition.metadata is absent or empty */
    /* From the checkpoints; 0 where they have no row. */
    int64_t recovery_point;
    int64_t log_start_offset;
    int64_t high_watermark;
    int64_t cleaned_offset;
};

struct plog_dir_content {
    struct plog_folder_info *folders; /* __cluster_metadata-0 is not among them */
    size_t count;
    bool clean;                 /* the last stop was clean */
    int64_t clean_broker_epoch; /* from .kafka_cleanshutdown; -1 when unknown */
    bool has_metadata_log;      /* a folder __cluster_metadata-0 is there */
};

#define PLOG_DIR_ERROR_BYTES 512

/*
 * Take `.lock`, so that no other node (ours or Kafka's) uses the directory; held until *out_lock is
 * closed with disk_close. ERR_BUSY: another process has it. Makes the directory if it is absent.
 */
enum err plog_dir_lock(struct env_disk *disk, const char *dir, struct env_file **out_lock,
                       char error[PLOG_DIR_ERROR_BYTES]) MUST_USE;

/*
 * Read everything once at start. A file that cannot be understood is an error whose text names it
 * (ERR_CORRUPT); so is a folder that is no partition's (ERR_INVALID), as Kafka has it.
 * .kafka_cleanshutdown is read here and not removed: plog_dir_begin does that.
 */
enum err plog_dir_load(struct env_disk *disk, const char *dir, struct plog_dir_content *out,
                       char error[PLOG_DIR_ERROR_BYTES]) MUST_USE;
void plog_dir_content_deinit(struct plog_dir_content *content);

/* Remove the mark of a clean stop, durably: a crash from here on counts as unclean. */
enum err plog_dir_begin(struct env_disk *disk, const char *dir) MUST_USE;
/* After every plog of the directory was closed without an error and the checkpoints are written. */
enum err plog_dir_mark_clean(struct env_disk *disk, const char *dir, int64_t broker_epoch) MUST_USE;

/* Remove a folder and the files in it ("-delete" ones of an earlier run). */
enum err plog_dir_remove_folder(struct env_disk *disk, const char *dir, const char *name) MUST_USE;
/* Rename a partition's folder to "-stray" (it belongs to no topic of the metadata). */
enum err plog_dir_make_stray(struct env_disk *disk, const char *dir, const char *name) MUST_USE;

/* ---- Checkpoints ---------------------------------------------------------------------------- */

enum plog_checkpoint_kind {
    PLOG_CHECKPOINT_RECOVERY_POINT, /* recovery-point-offset-checkpoint */
    PLOG_CHECKPOINT_LOG_START,      /* log-start-offset-checkpoint: rows where it is above the first
                                       segment's base offset */
    PLOG_CHECKPOINT_HIGH_WATERMARK, /* replication-offset-checkpoint */
    PLOG_CHECKPOINT_CLEANER,        /* cleaner-offset-checkpoint */
};

struct plog_checkpoint_row {
    const char *topic;
    int32_t partition;
    int64_t offset;
};

/* "recovery-point-offset-checkpoint" and so on. */
const char *plog_checkpoint_name(enum plog_checkpoint_kind kind);

/* Replace the file as a whole: written beside, synced, renamed, the folder synced. Rows of all
 * shards together. */
enum err plog_checkpoint_store(struct env_disk *disk, const char *dir,
                               enum plog_checkpoint_kind kind,
                               const struct plog_checkpoint_row *rows, size_t count) MUST_USE;
/* Durably without it: as if it said 0 for every log. Needs no room on the disk. */
enum err plog_checkpoint_remove(struct env_disk *disk, const char *dir,
                                enum plog_checkpoint_kind kind) MUST_USE;

/* A loaded checkpoint; the rows' topics point into `text`. An absent or empty file has no rows. */
struct plog_checkpoint {
    struct plog_checkpoint_row *rows;
    size_t count;
    char *text;
};
enum err plog_checkpoint_load(struct env_disk *disk, const char *dir,
                              enum plog_checkpoint_kind kind, struct plog_checkpoint *out,
                              char error[PLOG_DIR_ERROR_BYTES]) MUST_USE;
/* The text of a file (from mem_alloc, taken over also on an error, one byte longer than size) into
 * rows. ERR_CORRUPT, ERR_VERSION, ERR_NOMEM. */
enum err plog_checkpoint_parse(char *take_text, size_t size, struct plog_checkpoint *out) MUST_USE;
void plog_checkpoint_deinit(struct plog_checkpoint *checkpoint);

/* "topic-12" into its parts. False: no partition's name. */
bool plog_parse_folder_name(const char *name, enum plog_folder_kind *kind, char *topic,
                            size_t topic_size, int32_t *partition);

#endif
