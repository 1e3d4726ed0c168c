#define LOG_ROOM "quorum"
#include "quorum/quorum_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void step(struct quorum *quorum, bool from_turn);
static void closing_step(struct quorum *quorum);

/* ---- Life -------------------------------------------------------------------------------- */

static void turn_deliver(struct env *env, struct env_msg *msg)
{
    UNUSED(env);
    struct quorum *quorum = CONTAINER_OF(msg, struct quorum, turn);
    quorum->turn_posted = false;
    step(quorum, true);
    /* The last thing: `stopped` may free the quorum. */
    if (quorum->phase == QUORUM_CLOSING)
        closing_step(quorum);
}

static void timer_fire(struct env *env, struct env_timer *timer)
{
    UNUSED(env);
    struct quorum *quorum = CONTAINER_OF(timer, struct quorum, timer);
    if (quorum->phase == QUORUM_RUNNING)
        raft_tick(quorum->raft, quorum_now_ms(quorum));
    step(quorum, false);
}

void quorum_wake(struct quorum *quorum)
{
    if (quorum->turn_posted)
        return;
    quorum->turn_posted = true;
    env_post(quorum->env, quorum->env->shard, &quorum->turn);
}

static void copy_options(struct quorum *quorum, const struct quorum_options *options)
{
    quorum->options = *options;
    quorum->options.dir_path = mem_strdup(options->dir_path);
    struct quorum_static_voter *voters = mem_alloc(options->static_voter_count * sizeof *voters);
    for (size_t i = 0; i < options->static_voter_count; i++) {
        voters[i] = options->static_voters[i];
        voters[i].host = mem_strdup(options->static_voters[i].host);
        quorum->static_voters[i].id = voters[i].id;
    }
    struct quorum_endpoint *endpoints = mem_alloc(options->endpoint_count * sizeof *endpoints);
    for (size_t i = 0; i < options->endpoint_count; i++)
        endpoints[i] = (struct quorum_endpoint){
            .listener = mem_strdup(options->endpoints[i].listener),
            .host = mem_strdup(options->endpoints[i].host),
            .port = options->endpoints[i].port,
        };
    quorum->options.static_voters = voters;
    quorum->options.endpoints = endpoints;
}

static void free_options(struct quorum_options *options)
{
    for (size_t i = 0; i < options->static_voter_count; i++)
        mem_free((char *)(uintptr_t)options->static_voters[i].host);
    for (size_t i = 0; i < options->endpoint_count; i++) {
        mem_free((char *)(uintptr_t)options->endpoints[i].listener);
        mem_free((char *)(uintptr_t)options->endpoints[i].host);
    }
    mem_free((void *)(uintptr_t)options->static_voters);
    mem_free((void *)(uintptr_t)options->endpoints);
    mem_free((char *)(uintptr_t)options->dir_path);
}

struct quorum *quorum_new(const struct quorum_options *options)
{
    ASSERT(options->static_voter_count <= RAFT_VOTERS_MAX);
    struct quorum *quorum = mem_zalloc(sizeof *quorum);
    quorum->env = options->env;
    copy_options(quorum, options);
    snprintf(quorum->folder, sizeof quorum->folder, "%s/%s", options->dir_path, QUORUM_FOLDER);
    env_timer_init(&quorum->timer, timer_fire);
    env_queue_init(&quorum->files, options->dir);
    quorum->turn.deliver = turn_deliver;
    list_init(&quorum->waiter.node);
    list_init(&quorum->appends);
    list_init(&quorum->queue);
    quorum_voters_init(&quorum->voters);
    quorum_voters_init(&quorum->snapshot_job.voters);
    arena_init(&quorum->arena, ARENA_LIMIT_DEFAULT_BYTES);
    arena_init(&quorum->bootstrap_arena, ARENA_LIMIT_DEFAULT_BYTES);
    struct batch_builder_options builder = BATCH_BUILDER_DEFAULTS;
    batch_builder_init(&quorum->builder, &builder);
    quorum->lead_epoch = -1;
    quorum->told_leader_id = RAFT_NOBODY;
    quorum->told_leader_epoch = -1;
    quorum->snapshot_at_ms = INT64_MAX;
    quorum->stats.snapshot_end_offset = -1;

    struct raft_options raft = {
        .self = {options->node_id, options->directory_id},
        .may_vote = options->is_controller,
        .election_timeout_ms = options->election_timeout_ms,
        .election_backoff_max_ms = options->election_backoff_max_ms,
        .fetch_timeout_ms = options->fetch_timeout_ms,
    };
    env_random(quorum->env, &raft.seed, sizeof raft.seed);
    quorum->raft = raft_new(&raft);
    return quorum;
}

void quorum_start(struct quorum *quorum)
{
    ASSERT(quorum->phase == QUORUM_NEW);
    quorum->phase = QUORUM_LOADING;
    quorum_load_begin(quorum);
}

void quorum_stop(struct quorum *quorum, void (*stopped)(void *context, enum err err))
{
    ASSERT(quorum->phase != QUORUM_CLOSING && quorum->phase != QUORUM_STOPPED);
    quorum->stopped = stopped;
    if (quorum->phase == QUORUM_RUNNING)
        raft_resign(quorum->raft, quorum_now_ms(quorum));
    quorum->phase = QUORUM_CLOSING;
    env_timer_cancel(quorum->env, &quorum->timer);
    plog_unwait(&quorum->waiter);
    quorum_wake(quorum);
}

void quorum_free(struct quorum *quorum)
{
    if (quorum == NULL)
        return;
    ASSERT(quorum->phase == QUORUM_STOPPED || quorum->phase == QUORUM_NEW);
    ASSERT(list_empty(&quorum->appends));
    env_timer_cancel(quorum->env, &quorum->timer);
    plog_free(quorum->plog);
    plog_config_unref(quorum->config);
    raft_free(quorum->raft);
    meta_delta_free(quorum->delta);
    meta_image_unref(quorum->image);
    meta_image_unref(quorum->load.image);
    quorum_voters_deinit(&quorum->voters);
    quorum_voters_deinit(&quorum->snapshot_job.voters);
    arena_deinit(&quorum->arena);
    arena_deinit(&quorum->bootstrap_arena);
    batch_builder_deinit(&quorum->builder);
    buf_deinit(&quorum->record);
    buf_deinit(&quorum->state_job.text);
    mem_free(quorum->read_buffer);
    mem_free(quorum->snapshots);
    mem_free(quorum->load.snapshots);
    mem_free(quorum->removal_job.snapshots);
    free_options(&quorum->options);
    mem_free(quorum);
}

void quorum_fail(struct quorum *quorum, const char *format, ...)
{
    if (quorum->fatal[0] != '\0')
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(quorum->fatal, sizeof quorum->fatal, format, args);
    va_end(args);
    LOG_ERROR("%s", quorum->fatal);
    quorum_wake(quorum);
}

/* ---- Reading the log --------------------------------------------------------------------- */

#define READ_BYTES ((size_t)1 << 20)
#define READ_BYTES_MAX ((size_t)64 << 20)

static void read_done(struct plog_read *read)
{
    struct quorum *quorum = CONTAINER_OF(read, struct quorum, read);
    quorum->reading = false;
    quorum->read_ready = true;
    quorum_step(quorum);
}

static bool read_buffer(struct quorum *quorum, size_t size)
{
    if (quorum->read_buffer_size >= size)
        return true;
    mem_free(quorum->read_buffer);
    quorum->read_buffer = mem_try_alloc(size);
    quorum->read_buffer_size = quorum->read_buffer == NULL ? 0 : size;
    return quorum->read_buffer != NULL;
}

bool quorum_read_next(struct quorum *quorum, int64_t offset, int64_t bound_offset)
{
    while (!quorum->reading) {
        if (!quorum->read_ready) {
            if (!read_buffer(quorum, READ_BYTES)) {
                quorum_fail(quorum, "Out of memory while reading the metadata log");
                return false;
            }
            quorum->read = (struct plog_read){
                .offset = offset,
                .bound_offset = bound_offset,
                .size_max = quorum->read_buffer_size,
                .min_one_batch = true,
                .out = quorum->read_buffer,
                .out_size = quorum->read_buffer_size,
                .done = read_done,
            };
            quorum->read.err = plog_read(quorum->plog, &quorum->read);
            quorum->reading = quorum->read.err == ERR_AGAIN;
            quorum->read_ready = !quorum->reading;
            continue;
        }
        quorum->read_ready = false;
        if (quorum->read.offset != offset)
            continue; /* what was asked for once and is not wanted any more */
        enum err err = quorum->read.err;
        if (err == ERR_OK && quorum->read.size > 0)
            return true;
        size_t wanted = quorum->read.first_batch_bytes;
        if (err == ERR_OK && wanted > quorum->read_buffer_size && wanted <= READ_BYTES_MAX &&
            read_buffer(quorum, wanted))
            continue;
        quorum_fail(quorum, "The metadata log in %s cannot be read at offset %lld: %s",
                    quorum->folder, (long long)offset, err_text(err == ERR_OK ? ERR_CORRUPT : err));
        return false;
    }
    return false;
}

/* ---- Stepping ---------------------------------------------------------------------------- */

static void start_raft(struct quorum *quorum)
{
    struct raft_voter voters[RAFT_VOTERS_MAX];
    size_t count = quorum_voters_list(&quorum->voters, voters);
    if (quorum->voters.kraft_version == 0) {
        count = quorum->options.static_voter_count;
        memcpy(voters, quorum->static_voters, count * sizeof *voters);
    }
    int32_t log_epoch = plog_latest_epoch(quorum->plog);
    struct raft_start start = {
        .election = quorum->load.election,
        .log_end_offset = plog_end_offset(quorum->plog),
        .last_epoch = log_epoch > quorum->image->epoch ? log_epoch : quorum->image->epoch,
        .high_watermark = quorum->applied_end,
        .voters = voters,
        .voter_count = count,
    };
    raft_start(quorum->raft, &start, quorum_now_ms(quorum));
    if (quorum->options.is_controller && !raft_is_voter(quorum->raft))
        quorum_fail(
            quorum,
            "This node, %d, is a controller but no voter of its quorum: format its metadata "
            "directory with --standalone, or name it in controller.quorum.voters",
            quorum->options.node_id);
    else if (count > 1)
        quorum_fail(quorum,
                    "The metadata log has %zu voters, and this release runs a quorum of one: "
                    "give it a data directory of its own",
                    count);
}

static void note_resignation(struct quorum *quorum, int32_t epoch)
{
    quorum->lead_appended = false;
    quorum->aborted = false;
    quorum_append_drop(quorum);
    if (!quorum->leading)
        return;
    quorum->leading = false;
    LOG_INFO("this controller, %d, leads no more in epoch %d", quorum->options.node_id, epoch);
    quorum->options.listener.on_resign(quorum->options.context, epoch);
}

static bool raft_actions(struct quorum *quorum)
{
    struct raft_action action;
    bool any = false;
    while (raft_next_action(quorum->raft, &action)) {
        any = true;
        switch (action.type) {
        case RAFT_ACTION_PERSIST:
            quorum_state_write(quorum, &action);
            break;
        case RAFT_ACTION_LEAD:
            quorum_append_leader_change(quorum, &action);
            break;
        case RAFT_ACTION_RESIGN:
            note_resignation(quorum, action.epoch);
            break;
        case RAFT_ACTION_COMMIT:
            plog_set_high_watermark(quorum->plog, action.offset);
            break;
        case RAFT_ACTION_SEND:
        case RAFT_ACTION_TRUNCATE:
        case RAFT_ACTION_SNAPSHOT:
            UNREACHABLE(); /* there is nobody else: start_raft saw to it */
        }
    }
    return any;
}

/*
 * The leader is ready when everything before its epoch, and its LeaderChange, is in the image, and
 * no metadata transaction is open.
 */
static void become_ready(struct quorum *quorum)
{
    if (quorum->unpublished || quorum->applied_end <= raft_epoch_start(quorum->raft))
        return;
    if (!quorum->delta_is_stale && meta_delta_in_transaction(quorum->delta)) {
        if (!quorum->aborted) {
            LOG_WARN(
                "a metadata transaction was left open by an earlier controller: it is aborted");
            quorum_append_abort(quorum);
        }
        quorum->aborted = true;
        return;
    }
    if (quorum->applied_end < quorum->end_offset)
        return;
    quorum->leading = true;
    LOG_INFO("this controller, %d, leads in epoch %d from offset %lld on", quorum->options.node_id,
             quorum->lead_epoch, (long long)raft_epoch_start(quorum->raft));
    quorum->options.listener.on_leader(quorum->options.context, quorum->lead_epoch, quorum->image);
}

static void tell_leadership(struct quorum *quorum)
{
    if (quorum->lead_appended && !quorum->leading)
        become_ready(quorum);
    int32_t leader = raft_leader_id(quorum->raft);
    if (leader == quorum->told_leader_id && raft_epoch(quorum->raft) == quorum->told_leader_epoch)
        return;
    quorum->told_leader_id = leader;
    quorum->told_leader_epoch = raft_epoch(quorum->raft);
    if (leader != quorum->options.node_id && quorum->options.listener.on_leader_change != NULL)
        quorum->options.listener.on_leader_change(quorum->options.context, leader,
                                                  quorum->told_leader_epoch);
}

static void set_timer(struct quorum *quorum)
{
    int64_t deadline = raft_deadline_ms(quorum->raft);
    int64_t files = quorum_files_deadline_ms(quorum);
    if (files < deadline)
        deadline = files;
    if (deadline == INT64_MAX)
        env_timer_cancel(quorum->env, &quorum->timer);
    else
        env_timer_set(quorum->env, &quorum->timer,
                      (uint64_t)(deadline > 0 ? deadline : 0) * UINT64_C(1000000));
}

static void running_step(struct quorum *quorum)
{
    /* Raft's actions make it append, an append may at once be all there is to commit, and so on;
     * each round does something, and what it does ends. */
    do {
        quorum_append_step(quorum);
        quorum_commit_step(quorum);
        if (quorum->phase != QUORUM_RUNNING || quorum->fatal[0] != '\0')
            return;
        tell_leadership(quorum);
    } while (quorum->phase == QUORUM_RUNNING && raft_actions(quorum));
    if (quorum->phase != QUORUM_RUNNING)
        return;
    quorum_files_step(quorum);
    set_timer(quorum);
}

static void close_done(struct plog_op *op)
{
    struct quorum *quorum = CONTAINER_OF(op, struct quorum, close);
    quorum->close_err = op->err;
    quorum->closed = true;
    quorum_wake(quorum);
}

/* What is under way ends first, then the log is closed. From turn_deliver alone. */
static void closing_step(struct quorum *quorum)
{
    if (quorum->lead_appended)
        note_resignation(quorum, quorum->lead_epoch);
    bool busy = quorum->reading || quorum->syncing || quorum->resetting ||
                !quorum_files_idle(quorum) || (quorum->open_asked && !quorum->opened);
    if (busy || quorum->turn_posted)
        return; /* whatever ends wakes us */
    if (quorum->plog != NULL && plog_state(quorum->plog) == PLOG_STATE_OPEN && !quorum->closing) {
        quorum->closing = true;
        quorum->close = (struct plog_op){.done = close_done};
        plog_close(quorum->plog, &quorum->close);
        return;
    }
    if (quorum->closing && !quorum->closed)
        return;
    quorum->phase = QUORUM_STOPPED;
    quorum->stopped(quorum->options.context, quorum->close_err);
}

/* All callbacks of plog, of jobs and of the timer end here. */
static void step(struct quorum *quorum, bool from_turn)
{
    ASSERT(!quorum->stepping); /* all that calls comes from the top of the loop */
    if (quorum->phase == QUORUM_STOPPED)
        return;
    quorum->stepping = true;
    if (quorum->phase == QUORUM_LOADING && quorum->fatal[0] == '\0' && quorum_load_step(quorum)) {
        quorum->phase = QUORUM_RUNNING;
        quorum->options.listener.on_load(quorum->options.context, quorum->image);
        if (quorum->phase == QUORUM_RUNNING)
            start_raft(quorum);
    }
    if (quorum->phase == QUORUM_RUNNING && quorum->fatal[0] == '\0')
        running_step(quorum);
    if (quorum->fatal[0] != '\0' && !quorum->fatal_told && quorum->phase != QUORUM_CLOSING &&
        quorum->phase != QUORUM_STOPPED) {
        quorum->fatal_told = true;
        if (quorum->phase == QUORUM_RUNNING) {
            raft_resign(quorum->raft, quorum_now_ms(quorum));
            note_resignation(quorum, quorum->lead_epoch);
        }
        quorum->phase = QUORUM_FAILED;
        env_timer_cancel(quorum->env, &quorum->timer);
        quorum->options.listener.on_fatal(quorum->options.context, quorum->fatal);
    }
    quorum->stepping = false;
    if (quorum->phase == QUORUM_CLOSING && !from_turn)
        quorum_wake(quorum);
}

void quorum_step(struct quorum *quorum)
{
    step(quorum, false);
}

/* ---- Looking ----------------------------------------------------------------------------- */

int64_t quorum_end_offset(const struct quorum *quorum)
{
    return quorum->end_offset;
}

int64_t quorum_high_watermark(const struct quorum *quorum)
{
    return raft_high_watermark(quorum->raft);
}

int32_t quorum_epoch(const struct quorum *quorum)
{
    return raft_epoch(quorum->raft);
}

int32_t quorum_leader_id(const struct quorum *quorum)
{
    return raft_leader_id(quorum->raft);
}

bool quorum_is_leader(const struct quorum *quorum)
{
    return quorum->leading;
}

int16_t quorum_kraft_version(const struct quorum *quorum)
{
    return quorum->voters.kraft_version;
}

struct meta_image *quorum_image(const struct quorum *quorum)
{
    return quorum->image;
}

const struct meta_record *quorum_bootstrap_records(const struct quorum *quorum, size_t *count)
{
    *count = quorum->load.bootstrap_count;
    return quorum->load.bootstrap_count > 0 ? quorum->load.bootstrap : NULL;
}

size_t quorum_voters(const struct quorum *quorum, struct quorum_voter_info *out, size_t max)
{
    size_t count = raft_voter_count(quorum->raft);
    const struct raft_voter *voters = raft_voters(quorum->raft);
    for (size_t i = 0; i < count && i < max; i++)
        out[i] = (struct quorum_voter_info){
            .id = voters[i].id,
            .directory_id = voters[i].directory_id,
            .end_offset = voters[i].id == quorum->options.node_id && quorum->plog != NULL
                              ? plog_durable_offset(quorum->plog)
                              : -1,
        };
    return count;
}

void quorum_stats(const struct quorum *quorum, struct quorum_stats *out)
{
    *out = quorum->stats;
}

void quorum_snapshot_now(struct quorum *quorum)
{
    quorum->snapshot_asked = true;
    quorum_wake(quorum);
}
