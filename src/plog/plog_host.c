/*
 * What the plogs of a shard share: the table of open files, deleted files that wait for their time,
 * the turn in which plogs go on, and directories that fail.
 */
#define LOG_ROOM "plog"
#include "plog/plog_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define OPEN_FILES_DEFAULT 4096
#define VOLUME_SYNC_MIN_DEFAULT 32
#define IDLE_CLOSE_MS_DEFAULT 60000
#define PRODUCER_CHECK_MS_DEFAULT 600000
#define NS_PER_MS UINT64_C(1000000)

struct removal {
    struct list node;
    uint32_t dir;
    uint64_t due_ns;
    bool is_folder;
    char *path;
};

/* Closes files, and removes what is due, of one directory. */
struct plog_close_job {
    struct env_job base;
    struct plog_host *host;
    uint32_t dir;
    struct list files;    /* plog_files */
    struct list removals; /* removal */
};

static void turn_deliver(struct env *env, struct env_msg *msg);
static void timer_fire(struct env *env, struct env_timer *timer);

struct plog_host *plog_host_new(const struct plog_host_options *options)
{
    ASSERT(options->env != NULL && options->dir_count > 0);
    struct plog_host *host = mem_zalloc(sizeof *host);
    host->env = options->env;
    host->dir_count = options->dir_count;
    host->open_files_max =
        options->open_files_max != 0 ? options->open_files_max : OPEN_FILES_DEFAULT;
    host->volume_sync_min =
        options->volume_sync_min != 0 ? options->volume_sync_min : VOLUME_SYNC_MIN_DEFAULT;
    host->idle_close_ns =
        (options->idle_close_ms != 0 ? options->idle_close_ms : IDLE_CLOSE_MS_DEFAULT) * NS_PER_MS;
    host->producer_check_ns =
        (options->producer_check_ms != 0 ? options->producer_check_ms : PRODUCER_CHECK_MS_DEFAULT) *
        NS_PER_MS;
    host->unwritten_bytes_max =
        options->unwritten_bytes_max != 0 ? options->unwritten_bytes_max : UINT64_MAX;
    host->dir_failed = options->dir_failed;
    host->context = options->context;
    host->codec = codec_context_new();
    list_init(&host->files);
    list_init(&host->poked);
    list_init(&host->flushes);
    list_init(&host->removals);
    host->turn.deliver = turn_deliver;
    env_timer_init(&host->timer, timer_fire);
    host->dirs = mem_zalloc(host->dir_count * sizeof *host->dirs);
    for (uint32_t i = 0; i < host->dir_count; i++) {
        struct plog_host_dir *dir = &host->dirs[i];
        ASSERT(strlen(options->dirs[i]) <= PLOG_DIR_PATH_BYTES_MAX);
        dir->path = mem_strdup(options->dirs[i]);
        list_init(&dir->plogs);
        list_init(&dir->closing);
        list_init(&dir->unwritten);
        list_init(&dir->held);
        env_queue_init(&dir->janitor, i);
    }
    host->producer_check_at_ns = env_now_ns(host->env) + host->producer_check_ns;
    return host;
}

void plog_host_free(struct plog_host *host)
{
    if (host == NULL)
        return;
    env_timer_cancel(host->env, &host->timer);
    LIST_FOR_EACH_SAFE (node, after, &host->removals) {
        struct removal *removal = LIST_ENTRY(node, struct removal, node);
        mem_free(removal->path);
        mem_free(removal);
    }
    for (uint32_t i = 0; i < host->dir_count; i++) {
        struct plog_host_dir *dir = &host->dirs[i];
        ASSERT(list_empty(&dir->plogs));
        LIST_FOR_EACH_SAFE (node, after, &dir->closing)
            mem_free(LIST_ENTRY(node, struct plog_files, node));
        mem_free(dir->path);
    }
    codec_context_free(host->codec);
    mem_free(host->dirs);
    mem_free(host);
}

bool plog_host_is_idle(const struct plog_host *host)
{
    if (host->turn_posted || host->janitor_jobs > 0)
        return false;
    for (uint32_t i = 0; i < host->dir_count; i++) {
        if (!list_empty(&host->dirs[i].closing))
            return false;
        /* A log that went offline is closed at once, whatever it had under way. */
        LIST_FOR_EACH (node, &host->dirs[i].plogs) {
            if (!plog_is_idle(LIST_ENTRY(node, struct plog, node)))
                return false;
        }
    }
    return true;
}

/* Last in a callback: the host may be freed by it. */
static void stop_check(struct plog_host *host)
{
    struct plog_op *op = host->stopping;
    if (op == NULL)
        return;
    if (!plog_host_is_idle(host)) {
        env_timer_set(host->env, &host->timer, env_now_ns(host->env) + NS_PER_MS);
        return;
    }
    host->stopping = NULL;
    env_timer_cancel(host->env, &host->timer);
    op->err = ERR_OK;
    op->done(op);
}

static void janitor_start(struct plog_host *host, uint32_t index);

void plog_host_stop(struct plog_host *host, struct plog_op *op)
{
    ASSERT(host->stopping == NULL);
    host->stopping = op;
    for (uint32_t i = 0; i < host->dir_count; i++)
        janitor_start(host, i);
    plog_host_post(host);
}

bool plog_host_dir_is_offline(const struct plog_host *host, uint32_t dir)
{
    ASSERT(dir < host->dir_count);
    return host->dirs[dir].offline;
}

void plog_host_stats(const struct plog_host *host, struct plog_host_stats *out)
{
    *out = host->stats;
    out->open_files = host->open_files;
}

const struct plog_host_cleaning *plog_host_cleaning(const struct plog_host *host)
{
    return &host->cleaning;
}

void plog_host_note_cleaning(struct plog_host *host, double dirty_ratio_max, uint64_t due_count,
                             uint64_t uncleanable_bytes)
{
    host->cleaning.dirty_ratio_max = dirty_ratio_max;
    host->cleaning.due_count = due_count;
    host->cleaning.uncleanable_bytes = uncleanable_bytes;
}

/* ---- The turn ------------------------------------------------------------------------------- */

void plog_host_post(struct plog_host *host)
{
    if (host->turn_posted)
        return;
    host->turn_posted = true;
    env_post(host->env, host->env->shard, &host->turn);
}

static void turn_deliver(struct env *env, struct env_msg *msg)
{
    UNUSED(env);
    struct plog_host *host = CONTAINER_OF(msg, struct plog_host, turn);
    host->turn_posted = false;
    for (uint32_t i = 0; i < host->dir_count; i++) {
        struct plog_host_dir *dir = &host->dirs[i];
        if (!dir->offline || dir->told)
            continue;
        dir->told = true;
        if (host->dir_failed != NULL)
            host->dir_failed(host->context, i, dir->error, dir->what);
    }
    /* Those that are poked while this list is worked through come in the next turn. */
    struct list now;
    list_init(&now);
    list_splice(&now, &host->poked);
    for (struct list *node; (node = list_pop_front(&now)) != NULL;)
        plog_step(LIST_ENTRY(node, struct plog, poke_node));
    stop_check(host);
}

void plog_poke(struct plog *plog)
{
    if (list_empty(&plog->poke_node))
        list_push_back(&plog->host->poked, &plog->poke_node);
    plog_host_post(plog->host);
}

/* ---- Directories that fail ------------------------------------------------------------------ */

static void dir_go_offline(struct plog_host *host, uint32_t index, enum err err)
{
    struct plog_host_dir *dir = &host->dirs[index];
    dir->offline = true;
    dir->error = err;
    LIST_FOR_EACH (node, &dir->plogs)
        plog_go_offline(LIST_ENTRY(node, struct plog, node), err);
}

void plog_host_dir_broke(struct plog_host *host, uint32_t index, enum err err, const char *what)
{
    struct plog_host_dir *dir = &host->dirs[index];
    if (dir->offline)
        return;
    snprintf(dir->what, sizeof dir->what, "%s", what);
    LOG_ERROR("log directory %s goes offline: %s", dir->path, dir->what);
    dir_go_offline(host, index, err);
    plog_host_post(host);
}

void plog_host_set_full(struct plog_host *host, uint32_t dir, bool full)
{
    ASSERT(dir < host->dir_count);
    host->dirs[dir].full = full;
}

void plog_host_fail_dir(struct plog_host *host, uint32_t index, enum err err)
{
    ASSERT(index < host->dir_count);
    if (host->dirs[index].offline)
        return;
    host->dirs[index].told = true;
    dir_go_offline(host, index, err);
}

/* ---- Closing and removing ------------------------------------------------------------------- */

static enum err remove_folder_content(struct env_disk *disk, const char *path);

static void removal_run(struct env_disk *disk, const struct removal *removal)
{
    enum err err = removal->is_folder ? remove_folder_content(disk, removal->path)
                                      : disk_unlink(disk, removal->path);
    if (err == ERR_OK && removal->is_folder)
        err = disk_rmdir(disk, removal->path);
    /* Whatever stays is found and removed by the next start. */
    if (err != ERR_OK && err != ERR_NOTFOUND)
        LOG_WARN("%s could not be removed: %s", removal->path, err_text(err));
}

static void janitor_run(struct env_job *base, struct env_disk *disk)
{
    struct plog_close_job *job = CONTAINER_OF(base, struct plog_close_job, base);
    LIST_FOR_EACH (node, &job->files) {
        struct plog_files *files = LIST_ENTRY(node, struct plog_files, node);
        disk_close(disk, files->log);
        disk_close(disk, files->index);
        disk_close(disk, files->timeindex);
    }
    LIST_FOR_EACH (node, &job->removals)
        removal_run(disk, LIST_ENTRY(node, struct removal, node));
}

static void janitor_done(struct env *env, struct env_job *base)
{
    UNUSED(env);
    struct plog_close_job *job = CONTAINER_OF(base, struct plog_close_job, base);
    struct plog_host *host = job->host;
    LIST_FOR_EACH_SAFE (node, after, &job->files)
        mem_free(LIST_ENTRY(node, struct plog_files, node));
    LIST_FOR_EACH_SAFE (node, after, &job->removals) {
        struct removal *removal = LIST_ENTRY(node, struct removal, node);
        mem_free(removal->path);
        mem_free(removal);
    }
    host->dirs[job->dir].close_job = NULL;
    host->janitor_jobs--;
    janitor_start(host, job->dir);
    mem_free(job);
    stop_check(host);
}

/* One job at a time for each directory; what comes meanwhile goes with the next. */
static void janitor_start(struct plog_host *host, uint32_t index)
{
    struct plog_host_dir *dir = &host->dirs[index];
    if (dir->close_job != NULL)
        return;
    uint64_t now = env_now_ns(host->env);
    struct list due;
    list_init(&due);
    LIST_FOR_EACH_SAFE (node, after, &host->removals) {
        struct removal *removal = LIST_ENTRY(node, struct removal, node);
        if (removal->dir == index && removal->due_ns <= now) {
            list_remove(node);
            list_push_back(&due, node);
        }
    }
    if (list_empty(&due) && list_empty(&dir->closing))
        return;
    struct plog_close_job *job = mem_zalloc(sizeof *job);
    job->host = host;
    job->dir = index;
    job->base.run = janitor_run;
    job->base.done = janitor_done;
    list_init(&job->files);
    list_splice(&job->files, &dir->closing);
    list_init(&job->removals);
    list_splice(&job->removals, &due);
    dir->close_job = job;
    host->janitor_jobs++;
    env_submit(host->env, &dir->janitor, &job->base);
}

void plog_host_remove_later(struct plog_host *host, uint32_t dir, const char *path, bool is_folder,
                            int64_t delay_ms)
{
    struct removal *removal = mem_zalloc(sizeof *removal);
    removal->dir = dir;
    removal->is_folder = is_folder;
    removal->path = mem_strdup(path);
    removal->due_ns = env_now_ns(host->env) + (uint64_t)(delay_ms < 0 ? 0 : delay_ms) * NS_PER_MS;
    list_push_back(&host->removals, &removal->node);
    if (delay_ms <= 0)
        janitor_start(host, dir);
    else
        plog_host_timer_by(host, removal->due_ns);
}

void plog_host_forget_removals(struct plog_host *host, const char *folder)
{
    size_t size = strlen(folder);
    LIST_FOR_EACH_SAFE (node, after, &host->removals) {
        struct removal *removal = LIST_ENTRY(node, struct removal, node);
        if (strncmp(removal->path, folder, size) != 0 || removal->path[size] != '/')
            continue;
        list_remove(node);
        mem_free(removal->path);
        mem_free(removal);
    }
}

/* ---- Open files ----------------------------------------------------------------------------- */

static uint32_t descriptor_count(const struct plog_files *files)
{
    return (uint32_t)(files->log != NULL) + (uint32_t)(files->index != NULL) +
           (uint32_t)(files->timeindex != NULL);
}

struct plog_files *plog_files_new(struct plog *plog, int64_t base_offset)
{
    struct plog_files *files = mem_zalloc(sizeof *files);
    list_init(&files->node);
    files->host = plog->host;
    files->plog = plog;
    files->dir = plog->dir;
    files->refs = 1;
    files->base_offset = base_offset;
    files->used_ns = env_now_ns(plog->host->env);
    return files;
}

void plog_files_ref(struct plog_files *files)
{
    ASSERT(files->refs > 0);
    files->refs++;
}

void plog_files_unref(struct plog_files *files)
{
    ASSERT(files->refs > 0);
    if (--files->refs > 0)
        return;
    ASSERT(files->plog == NULL);
    struct plog_host *host = files->host;
    host->open_files -= descriptor_count(files);
    list_push_back(&host->dirs[files->dir].closing, &files->node);
    janitor_start(host, files->dir);
}

void plog_segment_drop_files(struct plog_segment *segment)
{
    struct plog_files *files = segment->files;
    if (files == NULL)
        return;
    segment->files = NULL;
    list_remove(&files->node);
    files->plog = NULL;
    plog_files_unref(files);
}

void plog_files_touch(struct plog_files *files)
{
    ASSERT(files->plog != NULL);
    files->used_ns = env_now_ns(files->host->env);
    list_remove(&files->node);
    list_push_back(&files->host->files, &files->node);
}

enum release { RELEASE_DONE, RELEASE_BUSY, RELEASE_ASKED };

/*
 * Give up the files of a segment that nobody uses. What is not synced stays open, so that the sync
 * that comes learns of every write that failed; it is asked for here.
 */
static enum release files_release(struct plog_files *files)
{
    struct plog *plog = files->plog;
    if (files->refs > 1 || plog->busy != PLOG_BUSY_NONE)
        return RELEASE_BUSY;
    struct plog_segment *segment = &plog->segments[plog_segment_find(plog, files->base_offset)];
    ASSERT(segment->files == files);
    if (segment->dirty) {
        plog->checkpoint_wanted = true;
        plog_poke(plog);
        return RELEASE_ASKED;
    }
    if (segment == plog_active(plog) && plog->tail != NULL) {
        plog_tail_flush(plog);
        if (plog->state != PLOG_STATE_OPEN)
            return RELEASE_BUSY;
        mem_free(plog->tail);
        plog->tail = NULL;
    }
    plog_segment_drop_files(segment);
    return RELEASE_DONE;
}

/* So many checkpoints are asked for at a time when too many files are open: each frees three. */
#define TRIM_ASK_MAX 64

/* `keep` was opened for somebody who has not used it yet. */
static void files_trim(struct plog_host *host, const struct plog_files *keep)
{
    uint64_t now = env_now_ns(host->env);
    uint32_t asked = 0;
    /* Each file is looked at once: those that cannot go stay where they are. */
    LIST_FOR_EACH_SAFE (node, after, &host->files) {
        struct plog_files *files = LIST_ENTRY(node, struct plog_files, node);
        bool idle = now - files->used_ns >= host->idle_close_ns;
        if ((!idle && host->open_files <= host->open_files_max) || asked == TRIM_ASK_MAX)
            break;
        if (files != keep && files_release(files) == RELEASE_ASKED)
            asked++;
    }
}

void plog_host_opened(struct plog_host *host, struct plog_files *files)
{
    host->open_files += descriptor_count(files);
    if (files->plog != NULL)
        list_push_back(&host->files, &files->node);
    if (host->open_files > host->open_files_max)
        files_trim(host, files);
    plog_host_timer_by(host, env_now_ns(host->env) + host->idle_close_ns);
}

/* ---- The timer ------------------------------------------------------------------------------ */

void plog_host_timer_by(struct plog_host *host, uint64_t deadline_ns)
{
    if (!env_timer_is_set(&host->timer) || host->timer.node.key > deadline_ns)
        env_timer_set(host->env, &host->timer, deadline_ns);
}

static void expire_producers(struct plog_host *host, uint64_t now)
{
    if (now < host->producer_check_at_ns)
        return;
    host->producer_check_at_ns = now + host->producer_check_ns;
    int64_t wall_ms = env_wall_ms(host->env);
    for (uint32_t i = 0; i < host->dir_count; i++) {
        LIST_FOR_EACH (node, &host->dirs[i].plogs) {
            struct plog *plog = LIST_ENTRY(node, struct plog, node);
            if (plog->state != PLOG_STATE_OPEN || plog->producers == NULL ||
                plog->busy == PLOG_BUSY_TRUNCATING)
                continue;
            (void)plog_producers_expire(plog->producers, wall_ms,
                                        plog->config->producer_id_expiration_ms);
        }
    }
}

static void flush_due(struct plog_host *host, uint64_t now, uint64_t *next)
{
    LIST_FOR_EACH_SAFE (node, after, &host->flushes) {
        struct plog *plog = LIST_ENTRY(node, struct plog, flush_node);
        int64_t flush_ms = plog->config->flush_ms;
        if (plog->dirty_since_ns == 0 || flush_ms > INT32_MAX) {
            list_remove(node);
            continue;
        }
        uint64_t due = plog->dirty_since_ns + (uint64_t)flush_ms * NS_PER_MS;
        if (due > now) {
            *next = due < *next ? due : *next;
            continue;
        }
        list_remove(node);
        plog->sync_wanted = true;
        plog_poke(plog);
    }
}

static void timer_fire(struct env *env, struct env_timer *timer)
{
    struct plog_host *host = CONTAINER_OF(timer, struct plog_host, timer);
    if (host->stopping != NULL) {
        stop_check(host);
        return;
    }
    uint64_t now = env_now_ns(env), next = UINT64_MAX;
    expire_producers(host, now);
    files_trim(host, NULL);
    flush_due(host, now, &next);
    plog_writeback_tell(host, now, &next);
    for (uint32_t i = 0; i < host->dir_count; i++)
        janitor_start(host, i);

    if (!list_empty(&host->files)) {
        /* Not more often than a quarter of the age, for those that could not go now. */
        struct plog_files *oldest = LIST_ENTRY(host->files.next, struct plog_files, node);
        uint64_t due = oldest->used_ns + host->idle_close_ns;
        uint64_t soon = now + host->idle_close_ns / 4 + 1;
        next = due < soon ? (soon < next ? soon : next) : (due < next ? due : next);
    }
    LIST_FOR_EACH (node, &host->removals) {
        struct removal *removal = LIST_ENTRY(node, struct removal, node);
        /* One that is due waits for the janitor's job under way, whose end takes it. */
        if (removal->due_ns > now && removal->due_ns < next)
            next = removal->due_ns;
    }
    bool producers = false;
    for (uint32_t i = 0; i < host->dir_count && !producers; i++)
        producers = !list_empty(&host->dirs[i].plogs);
    if (producers && host->producer_check_at_ns < next)
        next = host->producer_check_at_ns;
    if (next != UINT64_MAX)
        plog_host_timer_by(host, next);
}

/* ---- Removing a folder (job) ---------------------------------------------------------------- */

struct name_list {
    char **names;
    size_t count;
    size_t capacity;
};

static bool collect_name(void *context, const char *name, enum disk_kind kind)
{
    struct name_list *list = context;
    UNUSED(kind);
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        list->names = mem_realloc(list->names, list->capacity * sizeof *list->names);
    }
    list->names[list->count++] = mem_strdup(name);
    return true;
}

/* Partition folders hold no folders; one that does stays. */
static enum err remove_folder_content(struct env_disk *disk, const char *path)
{
    struct name_list list = {0};
    enum err err = disk_list(disk, path, collect_name, &list);
    for (size_t i = 0; i < list.count; i++) {
        if (err == ERR_OK) {
            char file[PLOG_PATH_BYTES];
            plog_path(file, path, list.names[i]);
            err = disk_unlink(disk, file);
            if (err == ERR_NOTFOUND)
                err = ERR_OK;
        }
        mem_free(list.names[i]);
    }
    mem_free(list.names);
    return err;
}

enum err plog_disk_remove_folder(struct env_disk *disk, const char *path)
{
    enum err err = remove_folder_content(disk, path);
    return err == ERR_OK ? disk_rmdir(disk, path) : err;
}
