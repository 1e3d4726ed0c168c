#define LOG_ROOM "quorum"
#include "quorum/quorum_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define RETRY_MS 1000           /* after a full disk kept quorum-state from being written */
#define SNAPSHOT_RETRY_MS 60000 /* and a snapshot, which can wait */

/* ---- quorum-state ------------------------------------------------------------------------ */

static void state_run(struct env_job *job, struct env_disk *disk)
{
    struct quorum_state_job *state = CONTAINER_OF(job, struct quorum_state_job, job);
    state->err = quorum_file_replace(disk, state->quorum->folder, QUORUM_STATE_FILE, ".tmp",
                                     state->text.data, state->text.size);
}

static void state_start(struct quorum *quorum);

static void state_done(struct env *env, struct env_job *job)
{
    struct quorum_state_job *state = CONTAINER_OF(job, struct quorum_state_job, job);
    struct quorum *quorum = state->quorum;
    UNUSED(env);
    state->running = false;
    if (state->err == ERR_NOSPACE) {
        LOG_ERROR("%s/" QUORUM_STATE_FILE " cannot be written: %s; trying again", quorum->folder,
                  err_text(state->err));
        state->retry = true;
        quorum->state_retry_ms = quorum_now_ms(quorum) + RETRY_MS;
    } else if (state->err != ERR_OK) {
        quorum_fail(quorum, "%s/" QUORUM_STATE_FILE " cannot be written: %s", quorum->folder,
                    err_text(state->err));
    } else if (quorum->phase == QUORUM_RUNNING) {
        raft_persisted(quorum->raft, state->sequence, quorum_now_ms(quorum));
        if (state->sequence != quorum->state_sequence)
            state_start(quorum);
    }
    quorum_step(quorum);
}

static void state_start(struct quorum *quorum)
{
    struct quorum_state_job *state = &quorum->state_job;
    ASSERT(!state->running);
    state->running = true;
    state->retry = false;
    state->quorum = quorum;
    state->sequence = quorum->state_sequence;
    state->job.run = state_run;
    state->job.done = state_done;
    buf_clear(&state->text);
    quorum_state_print(&quorum->state_wanted, quorum->voters.kraft_version > 0 ? 1 : 0,
                       raft_voters(quorum->raft), raft_voter_count(quorum->raft), &state->text);
    env_submit(quorum->env, &quorum->files, &state->job);
}

void quorum_state_write(struct quorum *quorum, const struct raft_action *persist)
{
    quorum->state_wanted = persist->election;
    quorum->state_sequence = persist->sequence;
    if (!quorum->state_job.running)
        state_start(quorum);
}

/* ---- Snapshots --------------------------------------------------------------------------- */

static void snapshot_run(struct env_job *job, struct env_disk *disk)
{
    struct quorum_snapshot_job *snapshot = CONTAINER_OF(job, struct quorum_snapshot_job, job);
    char name[QUORUM_SNAPSHOT_NAME_BYTES];
    quorum_snapshot_name(snapshot->info.end_offset, snapshot->info.epoch, name);
    struct quorum_snapshot_write write = {
        .folder = snapshot->quorum->folder,
        .name = name,
        .epoch = snapshot->info.epoch,
        .last_timestamp_ms = snapshot->info.last_timestamp_ms,
        .wall_ms = snapshot->wall_ms,
        .voters = &snapshot->voters,
    };
    snapshot->err = quorum_snapshot_store(disk, &write, snapshot->image, NULL, 0);
    snapshot->info.size_bytes = write.size_bytes;
}

static void snapshot_done(struct env *env, struct env_job *job)
{
    struct quorum_snapshot_job *snapshot = CONTAINER_OF(job, struct quorum_snapshot_job, job);
    struct quorum *quorum = snapshot->quorum;
    UNUSED(env);
    snapshot->running = false;
    meta_image_unref(snapshot->image);
    snapshot->image = NULL;
    if (snapshot->err == ERR_OK) {
        LOG_INFO("a snapshot of the metadata up to offset %lld was written, %llu bytes",
                 (long long)snapshot->info.end_offset,
                 (unsigned long long)snapshot->info.size_bytes);
        quorum->snapshots = mem_realloc(quorum->snapshots,
                                        (quorum->snapshot_count + 1) * sizeof *quorum->snapshots);
        quorum->snapshots[quorum->snapshot_count++] = snapshot->info;
        quorum->stats.snapshots++;
        quorum->stats.snapshot_bytes = snapshot->info.size_bytes;
        quorum->stats.snapshot_end_offset = snapshot->info.end_offset;
    } else if (snapshot->err == ERR_NOSPACE || snapshot->err == ERR_NOMEM) {
        LOG_WARN("a snapshot of the metadata could not be written: %s; trying again in %d s",
                 err_text(snapshot->err), SNAPSHOT_RETRY_MS / 1000);
        quorum->snapshot_retry_ms = quorum_now_ms(quorum) + SNAPSHOT_RETRY_MS;
        quorum->snapshot_asked = true;
    } else {
        quorum_fail(quorum, "A snapshot of the metadata could not be written to %s: %s",
                    quorum->folder, err_text(snapshot->err));
    }
    quorum_step(quorum);
}

static bool snapshot_is_due(struct quorum *quorum, int64_t now_ms)
{
    if (quorum->snapshot_job.running || now_ms < quorum->snapshot_retry_ms)
        return false;
    bool due = quorum->snapshot_asked || now_ms >= quorum->snapshot_at_ms ||
               quorum->bytes_since_snapshot >= (uint64_t)quorum->options.snapshot_bytes;
    if (!due)
        return false;
    int64_t newest =
        quorum->snapshot_count > 0 ? quorum->snapshots[quorum->snapshot_count - 1].end_offset : 0;
    /* An image without metadata.version is that of a cluster which has not begun. */
    return quorum->image->offset + 1 > newest && meta_image_metadata_version(quorum->image) > 0;
}

static void snapshot_start(struct quorum *quorum, int64_t now_ms)
{
    struct quorum_snapshot_job *snapshot = &quorum->snapshot_job;
    snapshot->running = true;
    snapshot->quorum = quorum;
    snapshot->image = meta_image_ref(quorum->image);
    quorum_voters_copy(&snapshot->voters, &quorum->voters);
    snapshot->info = (struct quorum_snapshot_info){
        .end_offset = quorum->image->offset + 1,
        .epoch = quorum->image->epoch,
        .last_timestamp_ms = quorum->image->timestamp_ms,
    };
    snapshot->wall_ms = env_wall_ms(quorum->env);
    snapshot->job.run = snapshot_run;
    snapshot->job.done = snapshot_done;
    quorum->snapshot_asked = false;
    quorum->bytes_since_snapshot = 0;
    if (quorum->options.snapshot_interval_ms > 0)
        quorum->snapshot_at_ms = now_ms + quorum->options.snapshot_interval_ms;
    env_submit(quorum->env, &quorum->files, &snapshot->job);
}

/* ---- Removing old ones ------------------------------------------------------------------- */

static void removal_run(struct env_job *job, struct env_disk *disk)
{
    struct quorum_removal_job *removal = CONTAINER_OF(job, struct quorum_removal_job, job);
    for (size_t i = 0; i < removal->count; i++) {
        char name[QUORUM_SNAPSHOT_NAME_BYTES];
        char path[QUORUM_PATH_BYTES + QUORUM_SNAPSHOT_NAME_BYTES];
        quorum_snapshot_name(removal->snapshots[i].end_offset, removal->snapshots[i].epoch, name);
        snprintf(path, sizeof path, "%s/%s", removal->quorum->folder, name);
        enum err err = disk_unlink(disk, path);
        if (err != ERR_OK && err != ERR_NOTFOUND)
            LOG_WARN("%s cannot be removed: %s", path, err_text(err));
    }
}

static void removal_done(struct env *env, struct env_job *job)
{
    struct quorum_removal_job *removal = CONTAINER_OF(job, struct quorum_removal_job, job);
    UNUSED(env);
    removal->running = false;
    mem_free(removal->snapshots);
    removal->snapshots = NULL;
    quorum_step(removal->quorum);
}

/*
 * How many of the oldest snapshots may go. The newest never does; an older one goes when it is past
 * retention.ms, or when log and snapshots together are larger than retention.bytes. The log below
 * the oldest that stays goes with them.
 */
static size_t removable(struct quorum *quorum, int64_t wall_ms)
{
    const struct quorum_options *options = &quorum->options;
    uint64_t bytes = plog_size_bytes(quorum->plog);
    for (size_t i = 0; i < quorum->snapshot_count; i++)
        bytes += quorum->snapshots[i].size_bytes;
    size_t count = 0;
    while (count + 1 < quorum->snapshot_count) {
        const struct quorum_snapshot_info *oldest = &quorum->snapshots[count];
        bool old = options->retention_ms >= 0 &&
                   wall_ms - oldest->last_timestamp_ms > options->retention_ms;
        bool large = options->retention_bytes >= 0 && bytes > (uint64_t)options->retention_bytes;
        if (!old && !large)
            break;
        bytes -= oldest->size_bytes < bytes ? oldest->size_bytes : bytes;
        count++;
    }
    return count;
}

static void remove_old(struct quorum *quorum)
{
    struct quorum_removal_job *removal = &quorum->removal_job;
    if (removal->running)
        return;
    size_t count = removable(quorum, env_wall_ms(quorum->env));
    if (count == 0)
        return;
    int64_t start = quorum->snapshots[count].end_offset;
    enum err err = plog_set_log_start(quorum->plog, start);
    if (err != ERR_OK)
        return; /* above the high watermark for now */
    plog_drop_below(quorum->plog, start);
    removal->running = true;
    removal->quorum = quorum;
    removal->count = count;
    removal->snapshots = mem_alloc(count * sizeof *removal->snapshots);
    memcpy(removal->snapshots, quorum->snapshots, count * sizeof *removal->snapshots);
    quorum->snapshot_count -= count;
    memmove(quorum->snapshots, quorum->snapshots + count,
            quorum->snapshot_count * sizeof *quorum->snapshots);
    removal->job.run = removal_run;
    removal->job.done = removal_done;
    env_submit(quorum->env, &quorum->files, &removal->job);
}

/* ---- All of them ------------------------------------------------------------------------- */

void quorum_files_step(struct quorum *quorum)
{
    int64_t now_ms = quorum_now_ms(quorum);
    if (quorum->state_job.retry && !quorum->state_job.running && now_ms >= quorum->state_retry_ms) {
        quorum->state_retry_ms = now_ms + RETRY_MS;
        state_start(quorum);
    }
    if (snapshot_is_due(quorum, now_ms)) {
        snapshot_start(quorum, now_ms);
    } else if (!quorum->snapshot_job.running && now_ms >= quorum->snapshot_retry_ms) {
        /* Nothing new to write: the next time. */
        quorum->snapshot_asked = false;
        if (now_ms >= quorum->snapshot_at_ms)
            quorum->snapshot_at_ms = now_ms + quorum->options.snapshot_interval_ms;
    }
    remove_old(quorum);
}

int64_t quorum_files_deadline_ms(const struct quorum *quorum)
{
    int64_t deadline = quorum->snapshot_job.running ? INT64_MAX : quorum->snapshot_at_ms;
    if (quorum->snapshot_asked && !quorum->snapshot_job.running &&
        quorum->snapshot_retry_ms < deadline)
        deadline = quorum->snapshot_retry_ms;
    if (quorum->state_job.retry && quorum->state_retry_ms < deadline)
        deadline = quorum->state_retry_ms;
    return deadline;
}

bool quorum_files_idle(const struct quorum *quorum)
{
    return env_queue_idle(&quorum->files) && !quorum->state_job.running &&
           !quorum->snapshot_job.running && !quorum->removal_job.running;
}
