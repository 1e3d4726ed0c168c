#ifndef SIM_STORAGE_H
#define SIM_STORAGE_H
/*
 * The disk of a simulated machine: files and their names, what of them is durable, and every fault
 * that a disk may have. It outlives the processes of its machine.
 *
 * There are two states at any time: what the process sees (the page cache) and what is on the disk.
 * Between the two lie, in order, the writes and truncations of each file that no sync has covered,
 * and the name changes of each folder that no disk_sync_folder has covered. A power loss decides by
 * the seed what becomes of each of them. A killed process loses none.
 *
 * Invariants
 * 1. What a successful sync covered is on the disk and stays there, whatever happens (but for rot
 * and disks that are lost, which a scenario asks for).
 * 2. fsync of a file does not make its name durable; fsync of a folder does not make content
 * durable.
 * 3. A rename is done or not done: never is a file lost that had both names in turn.
 * 4. The truth is kept pristine: rot lies beside it, and can be healed.
 * 5. Bytes outside of an unsynced write's own range are not touched by what becomes of it (SQLite
 * calls this "powersafe overwrite").
 *
 * Every call on the disk, and env_file_write and _read, is counted; the Nth can be made to fail, or
 * to be the last one before the machine or the process dies.
 */
#include "base/err.h"
#include "env/disk.h"
#include "env/env.h"
#include "sim_world.h"

struct sim_storage;
struct sim_node;

/* What a job is handed. */
struct sim_disk {
    struct env_disk disk; /* first */
    struct sim_storage *storage;
    struct sim_node *node; /* whose jobs alone may use it; NULL: anybody */
};

enum sim_op {
    SIM_OP_OPEN,
    SIM_OP_READ,
    SIM_OP_WRITE,
    SIM_OP_TRUNCATE,
    SIM_OP_SYNC,
    SIM_OP_WRITEBACK,
    SIM_OP_SIZE,
    SIM_OP_SYNC_FOLDER,
    SIM_OP_RENAME,
    SIM_OP_UNLINK,
    SIM_OP_MKDIR,
    SIM_OP_RMDIR,
    SIM_OP_LIST,
    SIM_OP_STAT,
    SIM_OP_SET_MODIFIED,
    SIM_OP_SPACE,
    SIM_OP_LOCK,
    SIM_OP_SHARD_WRITE,
    SIM_OP_SHARD_READ,
    SIM_OP_VOLUME_OPEN,
    SIM_OP_VOLUME_SYNC,
    SIM_OP_COUNT,
};

#define SIM_OPS_ALL ((1u << SIM_OP_COUNT) - 1)
/* Those that change something on the disk. */
#define SIM_OPS_CHANGE                                                            \
    ((1u << SIM_OP_WRITE) | (1u << SIM_OP_TRUNCATE) | (1u << SIM_OP_SYNC) |       \
     (1u << SIM_OP_SYNC_FOLDER) | (1u << SIM_OP_RENAME) | (1u << SIM_OP_UNLINK) | \
     (1u << SIM_OP_MKDIR) | (1u << SIM_OP_RMDIR) | (1u << SIM_OP_SET_MODIFIED) |  \
     (1u << SIM_OP_SHARD_WRITE) | (1u << SIM_OP_VOLUME_SYNC))

const char *sim_op_name(enum sim_op op);

enum sim_fault_kind {
    SIM_FAULT_NONE,
    SIM_FAULT_ERROR, /* the call fails with `err`; a write may have been done in part */
    SIM_FAULT_KILL,  /* the process dies in this call */
    SIM_FAULT_POWER, /* the machine does */
};

/* One planned fault: at the countdown-th call (1: the next) among `ops` whose path contains `path`.
 */
struct sim_fault {
    enum sim_fault_kind kind;
    enum err err;
    uint32_t ops;     /* 1u << SIM_OP_...; SIM_OPS_ALL */
    const char *path; /* NULL: any; not copied */
    uint64_t countdown;
    uint64_t repeat; /* so many more calls fail the same way (SIM_FAULT_ERROR); UINT64_MAX: all */
};

struct sim_storage *sim_storage_new(struct sim_world *world, uint64_t index,
                                    int64_t (*wall_ms)(void *context), void *context);
void sim_storage_free(struct sim_storage *storage);

/* A file system of its own at this folder (made if absent): capacity, faults and loss are by
 * volume. Without any, all is one volume. 0: no limit. */
void sim_storage_add_volume(struct sim_storage *storage, const char *path, uint64_t capacity_bytes);
void sim_storage_set_capacity(struct sim_storage *storage, const char *path,
                              uint64_t capacity_bytes);
uint64_t sim_storage_used_bytes(struct sim_storage *storage, const char *path);
/* All calls on the volume that holds this path fail with err from now on; ERR_OK: healed. */
void sim_storage_break(struct sim_storage *storage, const char *path, enum err err);
/* A new, empty disk in the place of the old one. The process is down. */
void sim_storage_lose(struct sim_storage *storage, const char *path);

void sim_storage_plan(struct sim_storage *storage, const struct sim_fault *fault);
/* Whether the planned fault has happened. */
bool sim_storage_plan_hit(const struct sim_storage *storage);
void sim_storage_plan_clear(struct sim_storage *storage);
/* Errors by chance (options.io_error_ppm, sync_error_ppm) happen only while this is on (not at
 * first). */
void sim_storage_chance(struct sim_storage *storage, bool on);
/* Told when a sync fails, by plan, by chance or on a broken volume: what it covered may be lost at
 * the next power loss, and no later sync says so. */
void sim_storage_on_sync_failed(struct sim_storage *storage, void (*fn)(void *context),
                                void *context);
/* Calls that failed by plan, by chance, on a broken volume or for want of space. */
uint64_t sim_storage_fault_count(const struct sim_storage *storage);
uint64_t sim_storage_op_count(const struct sim_storage *storage);
/* How many calls of each kind there were. */
uint64_t sim_storage_op_count_of(const struct sim_storage *storage, enum sim_op op);

/* Flips a bit, for good, in the sector (of 512 bytes) of a file as reads see it, until it is
 * written or healed. False: no such sector. */
bool sim_storage_rot(struct sim_storage *storage, const char *path, uint64_t position);
/* In some file of the seed's choice below this folder whose path contains `match` (NULL: any).
 * NULL: there is none; else its path, to be freed with sim_free. */
char *sim_storage_rot_some(struct sim_storage *storage, const char *folder, const char *match);
void sim_storage_heal(struct sim_storage *storage);

/* The truth, beside all faults; for checkers and tests. Sizes as of now or (durable) after a power
 * loss that lost all that it may. ERR_NOTFOUND. */
enum err sim_storage_truth_size(struct sim_storage *storage, const char *path, bool durable,
                                uint64_t *out_bytes);
enum err sim_storage_truth_read(struct sim_storage *storage, const char *path, bool durable,
                                void *out, size_t size, uint64_t position, size_t *out_size);
/* Writes that no sync has covered, and name changes likewise. */
size_t sim_storage_pending_writes(const struct sim_storage *storage);
size_t sim_storage_pending_names(const struct sim_storage *storage);

/* Another process of the machine holds the lock on this path, or gives it back. */
void sim_storage_foreign_lock(struct sim_storage *storage, const char *path, bool hold);

/* What a job is handed: for tests without a node. */
struct env_disk *sim_storage_disk(struct sim_storage *storage);

/* ---- For the other parts of the world ---- */

extern const struct env_disk_ops sim_disk_ops;
enum err sim_storage_shard_write(struct sim_storage *storage, struct env_file *file,
                                 const struct env_iov *iov, size_t iov_count, uint64_t position);
enum err sim_storage_shard_read(struct sim_storage *storage, struct env_file *file, void *out,
                                size_t size, uint64_t position, size_t *out_size);
const char *sim_storage_file_path(const struct env_file *file);
/* What shards wrote to the volume of this file that is not on the disk. */
uint64_t sim_storage_unwritten_bytes(const struct sim_storage *storage,
                                     const struct env_file *file);
/* A sync in this job covers the shards' writes up to write_seq for certain, later ones by chance.
 */
void sim_storage_job_begin(struct sim_storage *storage, uint64_t write_seq);
void sim_storage_job_end(struct sim_storage *storage);
uint64_t sim_storage_write_seq(const struct sim_storage *storage);
size_t sim_storage_open_count(const struct sim_storage *storage);
/* Calls are without effect and fail, until sim_storage_process_gone. */
void sim_storage_dead(struct sim_storage *storage);
/* Handles are closed, locks given back. */
void sim_storage_process_gone(struct sim_storage *storage);
void sim_storage_power_loss(struct sim_storage *storage);
/* Told when a planned fault kills the process or the machine. */
void sim_storage_on_kill(struct sim_storage *storage, void (*kill)(void *context, bool power),
                         void *context);

#endif
