#define LOG_ROOM "quorum"
#include "quorum/quorum_int.h"

#include "base/log.h"
#include "base/mem.h"
#include "wire/records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * What is on disk at start. First one job: the newest snapshot that can be read, quorum-state, and
 * bootstrap.checkpoint. Then the log is opened (which recovers its tail), brought in line with the
 * snapshot, and looked through for control records, since who votes is not in the image.
 *
 *     load job --> open --> (reset) --> scan --> done
 */

/* ---- The job ----------------------------------------------------------------------------- */

struct listing {
    struct quorum_load_job *load;
    char **leftovers;
    size_t leftover_count;
};

static bool list_one(void *context, const char *name, enum disk_kind kind)
{
    struct listing *listing = context;
    struct quorum_load_job *load = listing->load;
    struct quorum_snapshot_info info = {0};
    size_t size = strlen(name);
    if (kind != DISK_KIND_FILE)
        return true;
    if (quorum_snapshot_name_parse(name, &info.end_offset, &info.epoch)) {
        load->snapshots =
            mem_realloc(load->snapshots, (load->snapshot_count + 1) * sizeof *load->snapshots);
        load->snapshots[load->snapshot_count++] = info;
    } else if ((size > 5 && strcmp(name + size - 5, ".part") == 0) ||
               (size > 19 && strcmp(name + size - 19, ".checkpoint.deleted") == 0) ||
               strcmp(name, QUORUM_STATE_FILE ".tmp") == 0) {
        listing->leftovers = mem_realloc(listing->leftovers, (listing->leftover_count + 1) *
                                                                 sizeof *listing->leftovers);
        listing->leftovers[listing->leftover_count++] = mem_strdup(name);
    }
    return true;
}

static int compare_snapshots(const void *a, const void *b)
{
    const struct quorum_snapshot_info *left = a;
    const struct quorum_snapshot_info *right = b;
    if (left->end_offset != right->end_offset)
        return left->end_offset < right->end_offset ? -1 : 1;
    return left->epoch < right->epoch ? -1 : left->epoch > right->epoch;
}

static enum err list_folder(struct quorum_load_job *load, struct env_disk *disk)
{
    struct quorum *quorum = load->quorum;
    struct listing listing = {.load = load};
    enum err err = disk_list(disk, quorum->folder, list_one, &listing);
    for (size_t i = 0; i < listing.leftover_count; i++) {
        char path[QUORUM_PATH_BYTES + 256];
        snprintf(path, sizeof path, "%s/%s", quorum->folder, listing.leftovers[i]);
        if (err == ERR_OK)
            err = disk_unlink(disk, path);
        mem_free(listing.leftovers[i]);
    }
    mem_free(listing.leftovers);
    if (err == ERR_NOTFOUND) {
        err = disk_mkdir(disk, quorum->folder);
        if (err == ERR_OK)
            err = disk_sync_folder(disk, quorum->options.dir_path);
    }
    if (err != ERR_OK)
        snprintf(load->error, sizeof load->error, "%.512s cannot be read: %s", quorum->folder,
                 err_text(err));
    if (load->snapshot_count > 1)
        qsort(load->snapshots, load->snapshot_count, sizeof *load->snapshots, compare_snapshots);
    return err;
}

static struct meta_delta *empty_delta(void)
{
    struct meta_image *empty = meta_image_new();
    struct meta_delta *delta = meta_delta_new(empty);
    meta_image_unref(empty);
    return delta;
}

static enum err load_snapshot(struct quorum_load_job *load, struct env_disk *disk,
                              struct quorum_snapshot_info *info)
{
    struct quorum *quorum = load->quorum;
    char name[QUORUM_SNAPSHOT_NAME_BYTES];
    char path[QUORUM_PATH_BYTES + QUORUM_SNAPSHOT_NAME_BYTES];
    struct quorum_voters voters;
    quorum_voters_init(&voters);
    struct quorum_snapshot_read read = {.delta = empty_delta(), .voters = &voters};
    quorum_snapshot_name(info->end_offset, info->epoch, name);
    snprintf(path, sizeof path, "%s/%s", quorum->folder, name);
    enum err err = quorum_snapshot_scan(disk, path, &read, load->error);
    if (err == ERR_OK) {
        info->last_timestamp_ms = read.last_timestamp_ms;
        info->size_bytes = read.size_bytes;
        meta_delta_seek(read.delta, info->end_offset, info->epoch, read.last_timestamp_ms);
        load->image = meta_delta_image(read.delta);
        quorum_voters_copy(&quorum->voters, &voters);
        /* In the log only if the log could have it: nothing is below 0. */
        quorum->voters.record_offset = info->end_offset - 1;
    }
    meta_delta_free(read.delta);
    quorum_voters_deinit(&voters);
    return err;
}

/* The newest that can be read. An unreadable one is an accident of the disk: the one before it and
 * the log may still have everything. */
static enum err load_newest_snapshot(struct quorum_load_job *load, struct env_disk *disk)
{
    enum err err = ERR_OK;
    while (load->snapshot_count > 0) {
        err = load_snapshot(load, disk, &load->snapshots[load->snapshot_count - 1]);
        if (err != ERR_CORRUPT && err != ERR_TRUNCATED)
            break;
        LOG_WARN("%s; an older snapshot and the log are tried instead", load->error);
        load->snapshot_count--;
    }
    if (load->snapshot_count == 0) {
        load->image = meta_image_new();
        return ERR_OK;
    }
    /* The others are only counted, for retention. */
    for (size_t i = 0; err == ERR_OK && i + 1 < load->snapshot_count; i++) {
        char name[QUORUM_SNAPSHOT_NAME_BYTES];
        char path[QUORUM_PATH_BYTES + QUORUM_SNAPSHOT_NAME_BYTES];
        struct disk_stat stat;
        quorum_snapshot_name(load->snapshots[i].end_offset, load->snapshots[i].epoch, name);
        snprintf(path, sizeof path, "%s/%s", load->quorum->folder, name);
        err = disk_stat(disk, path, &stat);
        if (err != ERR_OK) {
            snprintf(load->error, sizeof load->error, "%.512s: %s", path, err_text(err));
            break;
        }
        load->snapshots[i].size_bytes = stat.size_bytes;
        load->snapshots[i].last_timestamp_ms = stat.modified_ms;
    }
    return err;
}

static enum err load_state(struct quorum_load_job *load, struct env_disk *disk)
{
    char path[QUORUM_PATH_BYTES + 32];
    char *text;
    size_t size;
    load->election = (struct raft_election){.leader_id = RAFT_NOBODY, .voted_id = RAFT_NOBODY};
    snprintf(path, sizeof path, "%s/%s", load->quorum->folder, QUORUM_STATE_FILE);
    enum err err = quorum_file_read(disk, path, QUORUM_STATE_BYTES_MAX, &text, &size);
    if (err == ERR_NOTFOUND)
        return ERR_OK;
    if (err == ERR_OK) {
        err = quorum_state_parse(text, size, &load->election, &load->data_version);
        mem_free(text);
    }
    if (err != ERR_OK)
        snprintf(load->error, sizeof load->error,
                 "%.512s cannot be understood: %s; a node that forgot its vote could break its "
                 "quorum, so it does not start",
                 path, err_text(err));
    return err;
}

static enum err keep_bootstrap_record(void *context, const struct meta_record *record)
{
    struct quorum_load_job *load = context;
    struct arena *arena = &load->quorum->bootstrap_arena;
    const struct wire_record_type *type = wire_record_find(WIRE_RECORDS_METADATA, record->key);
    void *copy = wire_copy(type->value, record->message, arena);
    if (copy == NULL)
        return ERR_LIMIT;
    if (load->bootstrap_count == load->bootstrap_capacity) {
        size_t capacity = load->bootstrap_capacity == 0 ? 16 : 2 * load->bootstrap_capacity;
        struct meta_record *grown = arena_alloc_array(arena, capacity, sizeof *grown);
        if (grown == NULL)
            return ERR_LIMIT;
        if (load->bootstrap_count > 0)
            memcpy(grown, load->bootstrap, load->bootstrap_count * sizeof *grown);
        load->bootstrap = grown;
        load->bootstrap_capacity = capacity;
    }
    load->bootstrap[load->bootstrap_count++] =
        (struct meta_record){.key = record->key, .version = record->version, .message = copy};
    return ERR_OK;
}

static enum err load_bootstrap(struct quorum_load_job *load, struct env_disk *disk)
{
    char path[QUORUM_PATH_BYTES + 32];
    struct disk_stat stat;
    snprintf(path, sizeof path, "%s/bootstrap.checkpoint", load->quorum->options.dir_path);
    enum err err = disk_stat(disk, path, &stat);
    if (err == ERR_NOTFOUND)
        return ERR_OK;
    struct quorum_snapshot_read read = {
        .delta = empty_delta(), .record = keep_bootstrap_record, .context = load};
    err = quorum_snapshot_scan(disk, path, &read, load->error);
    meta_delta_free(read.delta);
    return err;
}

static void load_run(struct env_job *job, struct env_disk *disk)
{
    struct quorum_load_job *load = CONTAINER_OF(job, struct quorum_load_job, job);
    load->err = list_folder(load, disk);
    if (load->err == ERR_OK)
        load->err = load_newest_snapshot(load, disk);
    if (load->err == ERR_OK)
        load->err = load_state(load, disk);
    if (load->err == ERR_OK)
        load->err = load_bootstrap(load, disk);
}

static void load_done(struct env *env, struct env_job *job)
{
    struct quorum_load_job *load = CONTAINER_OF(job, struct quorum_load_job, job);
    UNUSED(env);
    load->quorum->loaded = true;
    quorum_wake(load->quorum);
}

void quorum_load_begin(struct quorum *quorum)
{
    struct quorum_load_job *load = &quorum->load;
    load->quorum = quorum;
    load->wall_ms = env_wall_ms(quorum->env);
    load->job.run = load_run;
    load->job.done = load_done;
    env_submit(quorum->env, &quorum->files, &load->job);
}

/* ---- Opening the log --------------------------------------------------------------------- */

static void opening_done(struct plog_opening *opening)
{
    struct quorum *quorum = CONTAINER_OF(opening, struct quorum, opening);
    quorum->opened = true;
    quorum_wake(quorum);
}

static void open_log(struct quorum *quorum)
{
    quorum->config = plog_config_new();
    quorum->config->segment_bytes = quorum->options.segment_bytes;
    quorum->config->segment_ms = quorum->options.segment_ms;
    quorum->config->max_message_bytes = (int64_t)2 * QUORUM_BATCH_BYTES_MAX;
    quorum->config->retention_ms = -1; /* segments go when a snapshot stands for them */
    quorum->config->retention_bytes = -1;
    struct plog_options options = {
        .host = quorum->options.host,
        .dir = quorum->options.dir,
        .kind = PLOG_KIND_METADATA,
        .topic = QUORUM_TOPIC,
        .config = quorum->config,
    };
    quorum->plog = plog_new(&options);
    quorum->plogs[0] = quorum->plog;
    quorum->opening = (struct plog_opening){
        .plogs = quorum->plogs, .count = 1, .create = true, .done = opening_done};
    quorum->open_asked = true;
    plog_open(quorum->options.host, &quorum->opening);
}

static void reset_done(struct plog_op *op)
{
    struct quorum *quorum = CONTAINER_OF(op, struct quorum, reset);
    quorum->resetting = false;
    if (op->err != ERR_OK)
        quorum_fail(quorum, "The metadata log in %s cannot be emptied: %s", quorum->folder,
                    err_text(op->err));
    quorum_wake(quorum);
}

/* What the job found becomes the quorum's; false when log and snapshot do not fit. */
static bool adopt(struct quorum *quorum)
{
    struct quorum_load_job *load = &quorum->load;
    quorum->image = load->image;
    load->image = NULL;
    quorum->delta = meta_delta_new(quorum->image);
    quorum->applied_end = quorum->image->offset + 1;
    quorum->snapshots = load->snapshots;
    quorum->snapshot_count = load->snapshot_count;
    load->snapshots = NULL;
    if (quorum->snapshot_count > 0)
        quorum->stats.snapshot_end_offset = quorum->applied_end;
    if (quorum->options.snapshot_interval_ms > 0)
        quorum->snapshot_at_ms = quorum_now_ms(quorum) + quorum->options.snapshot_interval_ms;

    int64_t log_start = plog_log_start_offset(quorum->plog);
    int64_t log_end = plog_end_offset(quorum->plog);
    if (log_end < quorum->applied_end) {
        LOG_WARN(
            "the metadata log ends at offset %lld, before its newest snapshot, %lld: it begins "
            "anew there",
            (long long)log_end, (long long)quorum->applied_end);
        quorum->resetting = true;
        quorum->reset = (struct plog_op){.done = reset_done};
        plog_reset(quorum->plog, quorum->applied_end, &quorum->reset);
    } else if (log_start > quorum->applied_end) {
        quorum_fail(quorum,
                    "The metadata log in %s begins at offset %lld, and no snapshot says what was "
                    "before it (the newest ends at %lld): restore the missing .checkpoint file",
                    quorum->folder, (long long)log_start, (long long)quorum->applied_end);
        return false;
    }
    quorum->scan_offset = quorum->applied_end;
    return true;
}

/* ---- Looking through the log ------------------------------------------------------------- */

static bool scan_bytes(struct quorum *quorum)
{
    struct batch_walk walk = batch_walk_begin(quorum->read.out, quorum->read.size);
    struct batch_view batch;
    char error[META_ERROR_BYTES];
    while (batch_walk_next(&walk, &batch)) {
        enum err err = batch_check_crc(batch.data, batch.header.size);
        snprintf(error, sizeof error,
                 "the batch at offset %lld has another checksum than it should",
                 (long long)batch.header.base_offset);
        if (err == ERR_OK && batch_is_control(&batch.header))
            err = quorum_batch_controls(&batch, &quorum->voters, error, sizeof error);
        if (err != ERR_OK) {
            quorum_fail(quorum, "The metadata log in %s cannot be understood: %s", quorum->folder,
                        error);
            return false;
        }
        quorum->bytes_since_snapshot += batch.header.size;
    }
    if (walk.err != ERR_OK) {
        quorum_fail(quorum, "The metadata log in %s is broken at offset %lld: %s", quorum->folder,
                    (long long)quorum->scan_offset, err_text(walk.err));
        return false;
    }
    quorum->scan_offset = quorum->read.next_offset;
    return true;
}

/* True when the end is reached. */
static bool scan(struct quorum *quorum)
{
    int64_t end = plog_end_offset(quorum->plog);
    while (quorum->scan_offset < end)
        if (!quorum_read_next(quorum, quorum->scan_offset, end) || !scan_bytes(quorum))
            return false;
    return true;
}

bool quorum_load_step(struct quorum *quorum)
{
    if (!quorum->loaded || quorum->resetting)
        return false;
    if (quorum->load.err != ERR_OK) {
        quorum_fail(quorum, "%s", quorum->load.error);
        return false;
    }
    if (!quorum->open_asked)
        open_log(quorum);
    if (!quorum->opened)
        return false;
    if (quorum->image == NULL) {
        if (plog_state(quorum->plog) != PLOG_STATE_OPEN) {
            quorum_fail(quorum, "The metadata log in %s cannot be opened: %s", quorum->folder,
                        plog_error_text(quorum->plog));
            return false;
        }
        if (!adopt(quorum) || quorum->resetting)
            return false;
    }
    if (!scan(quorum))
        return false;
    quorum->end_offset = plog_end_offset(quorum->plog);
    LOG_INFO("the metadata log is loaded: snapshot to offset %lld, log to %lld",
             (long long)quorum->applied_end, (long long)quorum->end_offset);
    return true;
}
