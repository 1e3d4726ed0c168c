/*
 * A cleaned segment takes the place of those that it was made from, with Kafka's names, so that
 * either of us finishes or undoes what a crash of the other left (KAFKA-12520):
 *
 *   1. The files are whole and durable as .cleaned. A crash up to here removes them.
 *   2. Each is renamed to .swap. As long as one .cleaned is left, the next start removes all.
 *   3. Once that is durable the swap is decided: the next start carries it out.
 *   4. The group's other segments, and the first one's indexes, get the suffix .deleted; durably,
 *      because the index of a segment that is gone must not be taken for the new one's.
 *   5. The new .log takes the place of the first one's, durably: from now on what is left of .swap
 *      files are the new segment's indexes.
 *   6. They get their names, and what is left of the other segments goes.
 *
 * Recovery (plog_load.c) goes on at 4 when it finds a .log.swap, and at 6 when it finds only
 * others.
 */
#define LOG_ROOM "plog"
#include "plog/plog_clean_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>

static const enum plog_file_kind INDEX_KINDS[] = {PLOG_FILE_INDEX, PLOG_FILE_TIMEINDEX,
                                                  PLOG_FILE_TXNINDEX};

static void suffixed_path(const struct plog_swap_job *job, enum plog_file_kind kind,
                          int64_t base_offset, const char *suffix, char out[PLOG_PATH_BYTES])
{
    char path[PLOG_PATH_BYTES];
    plog_path_of(path, job->job.folder, kind, base_offset);
    int size = snprintf(out, PLOG_PATH_BYTES, "%s%s", path, suffix);
    ASSERT(size > 0 && size < PLOG_PATH_BYTES);
}

/* ERR_NOTFOUND is none where it may be absent. */
static enum err rename_one(struct plog_swap_job *job, struct env_disk *disk,
                           enum plog_file_kind kind, const char *from_suffix, const char *to_suffix)
{
    char from[PLOG_PATH_BYTES], to[PLOG_PATH_BYTES];
    suffixed_path(job, kind, job->bases[0], from_suffix, from);
    suffixed_path(job, kind, job->bases[0], to_suffix, to);
    enum err err = disk_rename(disk, from, to);
    if (err == ERR_NOTFOUND && kind == PLOG_FILE_TXNINDEX)
        return ERR_OK;
    return err == ERR_OK ? ERR_OK : plog_job_fail(&job->job, err, "rename", from);
}

static enum err sync_folder(struct plog_swap_job *job, struct env_disk *disk)
{
    enum err err = disk_sync_folder(disk, job->job.folder);
    return err == ERR_OK ? ERR_OK : plog_job_fail(&job->job, err, "sync", job->job.folder);
}

static enum err delete_one(struct plog_swap_job *job, struct env_disk *disk,
                           enum plog_file_kind kind, int64_t base_offset)
{
    char from[PLOG_PATH_BYTES], to[PLOG_PATH_BYTES];
    suffixed_path(job, kind, base_offset, "", from);
    suffixed_path(job, kind, base_offset, ".deleted", to);
    enum err err = disk_rename(disk, from, to);
    if (err == ERR_OK) {
        job->removals[job->removal_count++] = mem_strdup(to);
        return ERR_OK;
    }
    if (err == ERR_NOSPACE)
        err = disk_unlink(disk, from);
    return err == ERR_OK || err == ERR_NOTFOUND ? ERR_OK
                                                : plog_job_fail(&job->job, err, "rename", from);
}

/* Step 2 did not come to its end. The .swap files go durably before the last .cleaned does: alone
 * they would be taken for decided. */
static void undo(struct plog_swap_job *job, struct env_disk *disk)
{
    static const enum plog_file_kind kinds[] = {PLOG_FILE_INDEX, PLOG_FILE_TIMEINDEX,
                                                PLOG_FILE_TXNINDEX, PLOG_FILE_LOG};
    static const char *const suffixes[] = {".swap", ".cleaned"};
    for (size_t s = 0; s < ARRAY_COUNT(suffixes); s++) {
        for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
            char path[PLOG_PATH_BYTES];
            suffixed_path(job, kinds[i], job->bases[0], suffixes[s], path);
            enum err err = plog_disk_remove(disk, path);
            if (err != ERR_OK) {
                plog_job_fail(&job->job, ERR_IO, "remove", path);
                return;
            }
        }
        if (sync_folder(job, disk) != ERR_OK)
            return;
    }
}

static enum err decide(struct plog_swap_job *job, struct env_disk *disk)
{
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < ARRAY_COUNT(INDEX_KINDS); i++)
        err = rename_one(job, disk, INDEX_KINDS[i], ".cleaned", ".swap");
    if (err == ERR_OK)
        err = rename_one(job, disk, PLOG_FILE_LOG, ".cleaned", ".swap");
    if (err == ERR_NOSPACE)
        undo(job, disk);
    if (err != ERR_OK)
        return err;
    err = sync_folder(job, disk);
    job->decided = true;
    return err;
}

static enum err replace(struct plog_swap_job *job, struct env_disk *disk)
{
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < ARRAY_COUNT(INDEX_KINDS); i++)
        err = delete_one(job, disk, INDEX_KINDS[i], job->bases[0]);
    for (size_t i = 1; err == ERR_OK && i < job->base_count; i++)
        err = delete_one(job, disk, PLOG_FILE_LOG, job->bases[i]);
    if (err == ERR_OK)
        err = sync_folder(job, disk);
    if (err == ERR_OK)
        err = rename_one(job, disk, PLOG_FILE_LOG, ".swap", "");
    if (err == ERR_OK)
        err = sync_folder(job, disk);
    return err;
}

static enum err finish(struct plog_swap_job *job, struct env_disk *disk)
{
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < ARRAY_COUNT(INDEX_KINDS); i++)
        err = rename_one(job, disk, INDEX_KINDS[i], ".swap", "");
    for (size_t i = 1; err == ERR_OK && i < job->base_count; i++) {
        for (size_t k = 0; err == ERR_OK && k < ARRAY_COUNT(INDEX_KINDS); k++)
            err = delete_one(job, disk, INDEX_KINDS[k], job->bases[i]);
    }
    for (size_t i = 0; err == ERR_OK && i < job->snapshot_count; i++)
        err = delete_one(job, disk, PLOG_FILE_SNAPSHOT, job->snapshots[i]);
    return err == ERR_OK ? sync_folder(job, disk) : err;
}

void plog_swap_run(struct plog_swap_job *job, struct env_disk *disk)
{
    size_t kinds = ARRAY_COUNT(INDEX_KINDS) + 1;
    job->removals =
        mem_alloc((job->base_count * kinds + job->snapshot_count) * sizeof *job->removals);
    if (decide(job, disk) == ERR_OK && replace(job, disk) == ERR_OK)
        (void)finish(job, disk);
}

void plog_swap_free(struct plog_swap_job *job)
{
    for (size_t i = 0; i < job->removal_count; i++)
        mem_free(job->removals[i]);
    mem_free(job->removals);
    mem_free(job->snapshots);
    mem_free(job->bases);
}
