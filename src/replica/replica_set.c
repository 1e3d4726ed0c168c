/*
 * The replicas of one shard, kept as the metadata image says.
 *
 * 1. A replica is in set->replicas under (topic id, partition) until the image drops it; then,
 * while its files go, in set->removing under its folder's name.
 * 2. No two logs of one folder exist at a time: a replica of a topic that was deleted and made
 * again waits (`successors`) until its predecessor's folder has another name.
 * 3. Logs are freed only when they are idle, replicas only when nothing waits for them.
 */
#define LOG_ROOM "replica"
#include "replica_int.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "wire/errors.h"

#include <string.h>

struct found_entry {
    struct hmap_node node; /* set->found by folder */
    struct replica_found found;
    char topic[];
};

static uint64_t partition_hash(const struct uuid *topic_id, int32_t partition)
{
    return hash_bytes(topic_id->bytes, sizeof topic_id->bytes) ^ hash_u64((uint32_t)partition);
}

static uint64_t folder_hash(const char *topic, int32_t partition)
{
    return hash_bytes(topic, strlen(topic)) ^ hash_u64((uint32_t)partition);
}

/* ---- Life of the set ----------------------------------------------------------------------------
 */

static void dir_failed(void *context, uint32_t dir, enum err err, const char *what);

struct replica_set *replica_set_new(const struct replica_set_options *options)
{
    ASSERT(options->dir_count > 0);
    struct replica_set *set = mem_zalloc(sizeof *set);
    set->options = *options;
    if (set->options.openings_per_dir == 0)
        set->options.openings_per_dir = 1;
    uint32_t count = options->dir_count;
    char **dirs = mem_alloc(count * sizeof(char *));
    for (uint32_t i = 0; i < count; i++)
        dirs[i] = mem_strdup(options->dirs[i]);
    set->options.dirs = (const char *const *)dirs;
    struct uuid *ids = mem_alloc(count * sizeof *ids);
    memcpy(ids, options->dir_ids, count * sizeof *ids);
    set->options.dir_ids = ids;
    set->dirs = mem_zalloc(count * sizeof *set->dirs);
    for (uint32_t i = 0; i < count; i++)
        list_init(&set->dirs[i].to_open);
    hmap_init(&set->replicas);
    hmap_init(&set->removing);
    hmap_init(&set->topics);
    hmap_init(&set->found);
    list_init(&set->changed);
    list_init(&set->opening_jobs);
    heap_init(&set->timeouts);
    env_timer_init(&set->tell, replica_set_tell);
    env_timer_init(&set->expire, replica_set_expire);
    struct plog_host_options host = {
        .env = options->env,
        .dirs = set->options.dirs,
        .dir_count = count,
        .open_files_max = options->open_files_max,
        .unwritten_bytes_max = options->unwritten_bytes_max,
        .producer_check_ms = options->producer_check_ms,
        .dir_failed = dir_failed,
        .context = set,
    };
    set->host = plog_host_new(&host);
    return set;
}

static void topic_unref(struct replica_topic *topic)
{
    ASSERT(topic->replica_count > 0);
    if (--topic->replica_count > 0)
        return;
    hmap_remove(&topic->replica_set->topics, &topic->node);
    plog_config_unref(topic->config);
    mem_free(topic);
}

/* Nothing waits and no operation is under way, or the node is thrown away. */
static void replica_free(struct replica *replica)
{
    list_remove(&replica->opening);
    list_remove(&replica->changed);
    plog_free(replica->log);
    topic_unref(replica->topic);
    mem_free(replica);
}

void replica_set_free(struct replica_set *set)
{
    env_timer_cancel(set->options.env, &set->tell);
    env_timer_cancel(set->options.env, &set->expire);
    replica_openings_free(set);
    HMAP_FOR_EACH_SAFE (node, after, &set->replicas) {
        hmap_remove(&set->replicas, node);
        replica_free(HMAP_ENTRY(node, struct replica, node));
    }
    HMAP_FOR_EACH_SAFE (node, after, &set->removing) {
        struct replica *replica = HMAP_ENTRY(node, struct replica, node);
        hmap_remove(&set->removing, node);
        replica_free(replica);
    }
    HMAP_FOR_EACH_SAFE (node, after, &set->found) {
        hmap_remove(&set->found, node);
        mem_free(HMAP_ENTRY(node, struct found_entry, node));
    }
    plog_host_free(set->host);
    hmap_deinit(&set->replicas);
    hmap_deinit(&set->removing);
    hmap_deinit(&set->topics);
    hmap_deinit(&set->found);
    heap_deinit(&set->timeouts);
    for (uint32_t i = 0; i < set->options.dir_count; i++)
        mem_free((char *)(uintptr_t)set->options.dirs[i]);
    mem_free((void *)(uintptr_t)set->options.dirs);
    mem_free((void *)(uintptr_t)set->options.dir_ids);
    mem_free(set->dirs);
    mem_free(set);
}

/* ---- What is on disk
 * ------------------------------------------------------------------------------ */

void replica_set_found(struct replica_set *set, const struct replica_found *found)
{
    size_t size = strlen(found->topic) + 1;
    struct found_entry *entry = mem_alloc(sizeof *entry + size);
    entry->found = *found;
    memcpy(entry->topic, found->topic, size);
    entry->found.topic = entry->topic;
    hmap_insert(&set->found, &entry->node, folder_hash(found->topic, found->partition));
}

/* The caller's to free. */
static struct found_entry *found_take(struct replica_set *set, const struct meta_topic *topic,
                                      int32_t partition)
{
    HMAP_FOR_EACH_HASH (node, &set->found, folder_hash(topic->name.data, partition)) {
        struct found_entry *entry = HMAP_ENTRY(node, struct found_entry, node);
        const struct replica_found *found = &entry->found;
        if (found->partition != partition || strcmp(found->topic, topic->name.data) != 0)
            continue;
        if (!uuid_is_zero(&found->topic_id) && !uuid_equal(&found->topic_id, &topic->id))
            continue;
        hmap_remove(&set->found, node);
        return entry;
    }
    return NULL;
}

/* ---- Topics
 * ----------------------------------------------------------------------------------------- */

static struct replica_topic *topic_get(const struct replica_set *set, const struct uuid *id)
{
    HMAP_FOR_EACH_HASH (node, &set->topics, hash_bytes(id->bytes, sizeof id->bytes)) {
        struct replica_topic *topic = HMAP_ENTRY(node, struct replica_topic, node);
        if (uuid_equal(&topic->id, id))
            return topic;
    }
    return NULL;
}

static void topic_configure(struct replica_set *set, struct replica_topic *topic,
                            const struct meta_topic *meta)
{
    struct replica_set_options *options = &set->options;
    plog_config_unref(topic->config);
    topic->config = options->topic_config(options->context, set->image, meta);
    topic->min_isr = options->topic_min_isr(options->context, set->image, meta);
}

static struct replica_topic *topic_ref(struct replica_set *set, const struct meta_topic *meta)
{
    struct replica_topic *topic = topic_get(set, &meta->id);
    if (topic == NULL) {
        topic = mem_zalloc(sizeof *topic);
        topic->replica_set = set;
        topic->id = meta->id;
        topic->config = plog_config_new();
        topic_configure(set, topic, meta);
        hmap_insert(&set->topics, &topic->node, hash_bytes(meta->id.bytes, sizeof meta->id.bytes));
    }
    topic->replica_count++;
    return topic;
}

/* ---- Replicas come
 * ------------------------------------------------------------------------------------ */

struct replica *replica_set_get(const struct replica_set *set, const struct uuid *topic_id,
                                int32_t partition)
{
    HMAP_FOR_EACH_HASH (node, &set->replicas, partition_hash(topic_id, partition)) {
        struct replica *replica = HMAP_ENTRY(node, struct replica, node);
        if (replica->partition == partition && uuid_equal(&replica->topic_id, topic_id))
            return replica;
    }
    return NULL;
}

struct replica *replica_set_next(const struct replica_set *set, const struct replica *after)
{
    struct hmap_node *node =
        after == NULL ? hmap_first(&set->replicas) : hmap_next(&set->replicas, &after->node);
    return node == NULL ? NULL : HMAP_ENTRY(node, struct replica, node);
}

/* Of a directory that exists somewhere; those that begin with zeros mean something else (KIP-858).
 */
static bool is_directory(const struct uuid *id)
{
    static const uint8_t zeros[sizeof id->bytes - 1];
    return memcmp(id->bytes, zeros, sizeof zeros) != 0;
}

/*
 * Where a partition without a folder goes: the directory that the metadata name, else the one with
 * the fewest. While one has failed, the partition may be there if the metadata name a directory
 * that is not known, or if it is not a new one: then it is offline with it, and is not begun anew
 * elsewhere.
 */
static uint32_t dir_choose(const struct replica_set *set, const struct meta_partition *partition)
{
    struct uuid wanted = meta_partition_directory(partition, set->options.node_id);
    uint32_t best = 0;
    for (uint32_t i = 0; i < set->options.dir_count; i++) {
        if (uuid_equal(&set->options.dir_ids[i], &wanted))
            return i;
        bool better =
            set->dirs[best].failed || set->dirs[i].replica_count < set->dirs[best].replica_count;
        if (!set->dirs[i].failed && better)
            best = i;
    }
    bool doubtful = set->starting || is_directory(&wanted);
    for (uint32_t i = 0; doubtful && i < set->options.dir_count; i++)
        if (set->dirs[i].failed)
            return i;
    return best;
}

static struct replica *removing_get(const struct replica_set *set, const char *topic,
                                    int32_t partition)
{
    HMAP_FOR_EACH_HASH (node, &set->removing, folder_hash(topic, partition)) {
        struct replica *replica = HMAP_ENTRY(node, struct replica, node);
        if (replica->partition == partition && strcmp(replica_topic(replica), topic) == 0)
            return replica;
    }
    return NULL;
}

static void replica_create(struct replica_set *set, const struct meta_topic *topic,
                           const struct meta_partition *partition)
{
    struct replica *replica = mem_zalloc(sizeof *replica);
    replica_init(replica, set);
    replica->topic_id = topic->id;
    replica->partition = partition->index;
    replica->topic = topic_ref(set, topic);
    struct plog_options options = {
        .host = set->host,
        .kind = PLOG_KIND_PARTITION,
        .topic = topic->name.data,
        .partition = partition->index,
        .topic_id = topic->id,
        .config = replica->topic->config,
    };
    struct found_entry *found = found_take(set, topic, partition->index);
    if (found != NULL) {
        options.dir = found->found.dir;
        options.clean = found->found.clean;
        options.recovery_point = found->found.recovery_point;
        options.log_start_offset = found->found.log_start_offset;
        options.high_watermark = found->found.high_watermark;
        options.cleaned_offset = found->found.cleaned_offset;
        mem_free(found);
    } else {
        options.dir = dir_choose(set, partition);
    }
    replica->log = plog_new(&options);
    replica->state = REPLICA_STATE_OPENING;
    set->dirs[options.dir].replica_count++;
    hmap_insert(&set->replicas, &replica->node, partition_hash(&topic->id, partition->index));
    replica_assign(replica, partition);

    struct replica *predecessor = removing_get(set, topic->name.data, partition->index);
    replica->waits = predecessor != NULL;
    if (replica->waits)
        list_push_back(&predecessor->successors, &replica->opening);
    else
        replica_open_later(replica);
}

/* ---- Replicas go
 * --------------------------------------------------------------------------------------- */

static void closing_host_stopped(struct plog_op *op)
{
    struct replica_closing *closing = CONTAINER_OF(op, struct replica_closing, host_stop);
    closing->done(closing);
}

static void closing_one_less(struct replica_closing *closing)
{
    if (--closing->left > 0)
        return;
    closing->host_stop = (struct plog_op){.done = closing_host_stopped};
    plog_host_stop(closing->set->host, &closing->host_stop);
}

/* Its folder has another name, or it never had one: the name is free. */
static void removed_end(struct replica *replica)
{
    struct replica_set *set = replica->set;
    hmap_remove(&set->removing, &replica->node);
    set->dirs[plog_dir_index(replica->log)].replica_count--;
    for (struct list *node; (node = list_pop_front(&replica->successors)) != NULL;) {
        struct replica *successor = LIST_ENTRY(node, struct replica, opening);
        successor->waits = false;
        replica_open_later(successor);
    }
    replica_open_start(set);
    struct replica_closing *closing = replica->closing;
    replica_free(replica);
    if (closing != NULL)
        closing_one_less(closing);
}

static void delete_done(struct plog_op *op)
{
    struct replica *replica = CONTAINER_OF(op, struct replica, ending);
    char name[PLOG_NAME_BYTES];
    plog_name(replica->log, name, sizeof name);
    if (op->err == ERR_OK)
        LOG_INFO("deleted the log of %s", name);
    else
        LOG_ERROR("the log of %s could not be deleted: %s", name, err_text(op->err));
    removed_end(replica);
}

static void gone_done(struct plog_op *op)
{
    removed_end(CONTAINER_OF(op, struct replica, ending));
}

/* In set->removing and not opening any more. */
static void removed_delete(struct replica *replica)
{
    if (replica->syncing)
        return; /* sync_done comes back here, through replica_set_synced */
    if (plog_state(replica->log) != PLOG_STATE_OPEN && plog_is_idle(replica->log)) {
        removed_end(replica);
        return;
    }
    replica->state = REPLICA_STATE_REMOVING;
    if (plog_state(replica->log) != PLOG_STATE_OPEN) {
        /* Its directory is offline, and a job of its own has not found out yet. */
        replica->ending = (struct plog_op){.done = gone_done};
        plog_close(replica->log, &replica->ending);
        return;
    }
    replica->ending = (struct plog_op){.done = delete_done};
    plog_delete(replica->log, &replica->ending);
}

static void replica_remove(struct replica_set *set, struct replica *replica)
{
    hmap_remove(&set->replicas, &replica->node);
    hmap_insert(&set->removing, &replica->node,
                folder_hash(replica_topic(replica), replica->partition));
    replica->removed = true;
    if (replica->is_leader) {
        replica->is_leader = false;
        set->leader_count--;
    }
    bool opening = replica->state == REPLICA_STATE_OPENING;
    replica_give_up(replica, WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    if (!opening) {
        removed_delete(replica);
    } else if (replica->waits) {
        removed_end(replica); /* the folder was never its own */
    } else if (!list_empty(&replica->opening)) {
        /* Not even begun: it has no files of its own, unless they were found at start. */
        list_remove(&replica->opening);
        replica_open_later(replica);
        replica_open_start(set);
    }
}

void replica_set_synced(struct replica *replica)
{
    if (replica->removed)
        removed_delete(replica);
}

static void close_begin(struct replica *replica, struct replica_closing *closing);

/* With flush.messages=1 nothing is shown that a power loss could take, so what a crash of the
 * process left in memory is made durable first. */
static void opened_synced(struct plog_op *op)
{
    struct replica *replica = CONTAINER_OF(op, struct replica, sync);
    struct replica_set *set = replica->set;
    replica->syncing = false;
    set->opening_syncs--;
    replica_set_opened(replica);
    if (set->options.opening != NULL)
        set->options.opening(set->options.context, set);
}

static bool opened_needs_sync(const struct replica *replica)
{
    return plog_state(replica->log) == PLOG_STATE_OPEN && !replica->removed &&
           plog_config(replica->log)->flush_messages == 1 &&
           plog_durable_offset(replica->log) < plog_end_offset(replica->log);
}

void replica_set_opened(struct replica *replica)
{
    struct replica_set *set = replica->set;
    if (opened_needs_sync(replica)) {
        set->opening_syncs++;
        replica->syncing = true;
        replica->sync = (struct plog_op){.done = opened_synced};
        plog_sync(replica->log, &replica->sync);
        return;
    }
    bool open = plog_state(replica->log) == PLOG_STATE_OPEN;
    replica->state = open ? REPLICA_STATE_OPEN : REPLICA_STATE_FAILED;
    if (!open) {
        set->progress.failed++;
        char name[PLOG_NAME_BYTES];
        plog_name(replica->log, name, sizeof name);
        LOG_ERROR("the log of %s cannot be opened: %s (%s)", name, plog_error_text(replica->log),
                  err_text(plog_error(replica->log)));
    }
    if (replica->removed)
        removed_delete(replica);
    else if (replica->closing != NULL)
        close_begin(replica, replica->closing);
    else if (open)
        replica_opened(replica);
    else
        replica_give_up(replica, WIRE_ERROR_KAFKA_STORAGE_ERROR);
}

/* ---- Following the image
 * ---------------------------------------------------------------------------------- */

static void on_partition(void *context, const struct meta_partition *before,
                         const struct meta_partition *after)
{
    struct replica_set *set = context;
    const struct meta_partition *any = after != NULL ? after : before;
    if (!set->options.owns(set->options.context, &any->topic_id, any->index))
        return;
    struct replica *replica = replica_set_get(set, &any->topic_id, any->index);
    bool mine = after != NULL && meta_ids_contain(after->replicas, set->options.node_id);
    if (replica != NULL && !mine) {
        replica_remove(set, replica);
    } else if (replica != NULL) {
        replica_assign(replica, after);
    } else if (mine) {
        const struct meta_topic *topic = meta_image_topic_by_id(set->image, &after->topic_id);
        ASSERT(topic != NULL);
        replica_create(set, topic, after);
    }
}

struct config_change {
    struct replica_set *set;
    bool all;
};

static void on_config(void *context, const struct meta_config *before,
                      const struct meta_config *after)
{
    struct config_change *change = context;
    const struct meta_config *any = after != NULL ? after : before;
    if (any->resource_type == META_RESOURCE_BROKER)
        change->all = true;
    if (any->resource_type != META_RESOURCE_TOPIC)
        return;
    const struct meta_topic *meta =
        meta_image_topic(change->set->image, any->resource_name.data, any->resource_name.size);
    struct replica_topic *topic = meta == NULL ? NULL : topic_get(change->set, &meta->id);
    if (topic != NULL)
        topic->changed = true;
}

static void configure_changed(struct replica_set *set, bool all)
{
    bool any = false;
    HMAP_FOR_EACH (node, &set->topics) {
        struct replica_topic *topic = HMAP_ENTRY(node, struct replica_topic, node);
        topic->changed = topic->changed || all;
        const struct meta_topic *meta = meta_image_topic_by_id(set->image, &topic->id);
        topic->changed = topic->changed && meta != NULL;
        if (topic->changed)
            topic_configure(set, topic, meta);
        any = any || topic->changed;
    }
    if (!any)
        return;
    HMAP_FOR_EACH (node, &set->replicas) {
        struct replica *replica = HMAP_ENTRY(node, struct replica, node);
        if (replica->topic->changed)
            plog_set_config(replica->log, replica->topic->config);
    }
    HMAP_FOR_EACH (node, &set->topics)
        HMAP_ENTRY(node, struct replica_topic, node)->changed = false;
}

void replica_set_follow(struct replica_set *set, const struct meta_image *before,
                        struct meta_image *after)
{
    ASSERT(!set->closed);
    set->image = after;
    set->starting = before == NULL;
    struct meta_diff partitions = {.context = set, .partition = on_partition};
    meta_image_diff(before, after, &partitions);
    struct config_change change = {.set = set};
    struct meta_diff configs = {.context = &change, .config = on_config};
    meta_image_diff(before, after, &configs);
    configure_changed(set, change.all);
    set->image = NULL;
    replica_open_start(set);
}

void replica_set_stats(const struct replica_set *set, struct replica_set_stats *out)
{
    *out = set->progress;
    out->replicas = set->replicas.count;
    out->leaders = set->leader_count;
    out->offline = 0;
    for (uint32_t i = 0; i < set->options.dir_count; i++) {
        if (set->dirs[i].failed)
            out->offline += set->dirs[i].replica_count;
    }
}

void replica_set_log_stats(const struct replica_set *set, struct plog_host_stats *out)
{
    plog_host_stats(set->host, out);
}

/* ---- Closing
 * --------------------------------------------------------------------------------------------------
 */

static void close_done(struct plog_op *op)
{
    struct replica *replica = CONTAINER_OF(op, struct replica, ending);
    struct replica_closing *closing = replica->closing;
    if (op->err != ERR_OK && closing->err == ERR_OK)
        closing->err = op->err;
    closing_one_less(closing);
}

static void close_begin(struct replica *replica, struct replica_closing *closing)
{
    if (replica->state != REPLICA_STATE_OPEN) {
        closing->err = ERR_OFFLINE; /* what could not be opened is not whole */
        closing_one_less(closing);
        return;
    }
    replica->state = REPLICA_STATE_CLOSING;
    replica_give_up(replica, WIRE_ERROR_NOT_LEADER_OR_FOLLOWER);
    replica->ending = (struct plog_op){.done = close_done};
    plog_close(replica->log, &replica->ending);
}

bool replica_set_is_idle(const struct replica_set *set)
{
    return set->closed && plog_host_is_idle(set->host);
}

void replica_set_close(struct replica_set *set, struct replica_closing *closing)
{
    ASSERT(!set->closed);
    set->closed = true;
    closing->set = set;
    closing->err = ERR_OK;
    closing->left = 1 + set->replicas.count + set->removing.count;
    HMAP_FOR_EACH (node, &set->removing)
        HMAP_ENTRY(node, struct replica, node)->closing = closing;
    HMAP_FOR_EACH (node, &set->replicas)
        HMAP_ENTRY(node, struct replica, node)->closing = closing;
    /* Those that are opening are closed when they are open (replica_set_opened). */
    HMAP_FOR_EACH (node, &set->replicas) {
        struct replica *replica = HMAP_ENTRY(node, struct replica, node);
        if (replica->state != REPLICA_STATE_OPENING)
            close_begin(replica, closing);
        else
            replica_give_up(replica, WIRE_ERROR_NOT_LEADER_OR_FOLLOWER);
    }
    closing_one_less(closing);
}

/* ---- Directories that fail
 * --------------------------------------------------------------------------------------- */

static void dir_mark_failed(struct replica_set *set, uint32_t dir)
{
    set->dirs[dir].failed = true;
    HMAP_FOR_EACH (node, &set->replicas) {
        struct replica *replica = HMAP_ENTRY(node, struct replica, node);
        if (plog_dir_index(replica->log) == dir && replica->state != REPLICA_STATE_OPENING)
            replica_give_up(replica, WIRE_ERROR_KAFKA_STORAGE_ERROR);
    }
}

static void dir_failed(void *context, uint32_t dir, enum err err, const char *what)
{
    struct replica_set *set = context;
    if (set->dirs[dir].failed)
        return;
    dir_mark_failed(set, dir);
    set->options.dir_failed(set->options.context, dir, err, what);
}

void replica_set_dir_full(struct replica_set *set, uint32_t dir, bool full)
{
    plog_host_set_full(set->host, dir, full);
}

void replica_set_fail_dir(struct replica_set *set, uint32_t dir, enum err err)
{
    if (set->dirs[dir].failed)
        return;
    plog_host_fail_dir(set->host, dir, err);
    dir_mark_failed(set, dir);
}
