/*
 * From nothing to serving, in stages. Each `_enter` begins what the stage waits for, and the end of
 * that calls the next stage's; a node that is to stop meanwhile goes to the stop at the next end.
 *
 *     STORAGE     lock the directories, find out whose they are, format empty ones    (job)
 *     LOAD        read each directory's folders and checkpoints                       (jobs)
 *     CONTROLLER  the listeners have their ports; the metadata log is read and, if this node leads
 * it, led REGISTER    the controller knows the broker, and its image is as new as that STRAYS
 * folders that belong to no partition of ours are set aside           (jobs) PARTITIONS  each shard
 * opens its logs UNFENCE     the controller lets clients come (RUNNING)   the listeners are open
 *
 * A node that is no broker runs once it has an image.
 */
#define LOG_ROOM "broker"
#include "broker/node_int.h"
#include "broker/settings_int.h"
#include "broker/shard_int.h"

#include "base/log.h"
#include "base/mem.h"
#include "broker/controller.h"
#include "broker/fetch_session.h"
#include "broker/groups.h"
#include "broker/lag.h"
#include "broker/lifecycle.h"
#include "plog/plog.h"
#include "quorum/storage.h"
#include "replica/replica.h"

#include <stdio.h>
#include <string.h>

#define PROGRESS_LOG_NS (UINT64_C(5) * 1000 * 1000 * 1000)
#define WHY_BYTES 1536
/* Partitions that fetch sessions of the node follow, some 200 bytes each: 20 clients of 100 000. */
#define SESSION_PARTS_MAX ((size_t)2000000)

enum start_stage {
    START_STORAGE,
    START_LOAD,
    START_CONTROLLER,
    START_REGISTER,
    START_STRAYS,
    START_PARTITIONS,
    START_UNFENCE,
    START_DONE,
};

struct start_dir_job {
    struct env_job job;
    struct node_start *start;
    struct broker_dir *dir;
    const char **strays; /* folders' names, in dir->content */
    size_t stray_count;
    enum err err;
    char why[WHY_BYTES];
};

struct start_shard {
    struct broker_call call;
    struct meta_image *image; /* the start's */
    int16_t kraft_version;
    const bool *dirs_offline;    /* the start's */
    struct replica_found *found; /* texts in the directories' content */
    size_t found_count;
    size_t found_capacity;
    bool opening;   /* the shard has not replied yet */
    bool shortened; /* a log ends below its recovery point */
    uint64_t began_ns;
    uint64_t logged_ns;
};

struct node_start {
    struct broker_node *node;
    bool *dirs_offline; /* log directories that are left out; fixed before shards look at it */
    enum start_stage stage;
    bool busy; /* jobs are under way */
    uint64_t began_ns;

    struct env_job storage;
    int64_t wall_ms;
    uint8_t random[512]; /* drawn on the shard, for ids that the storage job makes */
    size_t random_used;
    enum err err;
    char why[WHY_BYTES];

    struct start_dir_job *dirs;
    size_t dirs_left;

    int64_t broker_epoch;     /* -1 before it is registered */
    struct meta_image *image; /* that the shards begin with; counted */
    struct start_shard *shards;
    uint32_t shards_left;
};

static void load_enter(struct node_start *start);
static void controller_enter(struct node_start *start);
static void strays_enter(struct node_start *start);
static void partitions_enter(struct node_start *start);
static void start_running(struct node_start *start);

/* An end of something that was waited for. False: the start goes no further. */
static bool start_goes_on(struct node_start *start)
{
    if (start->node->state == BROKER_NODE_STARTING && !start->node->failed)
        return true;
    if (start->node->state == BROKER_NODE_STOPPING && !start->busy)
        broker_stop_start_idle(start->node);
    return false;
}

bool broker_start_is_idle(const struct broker_node *node)
{
    return node->start == NULL || !node->start->busy;
}

/* ---- STORAGE ---- */

static void start_random(void *context, void *out, size_t size)
{
    struct node_start *start = context;
    /* Drawn beforehand, since a job may not ask the env; an id takes 16 bytes, rarely 32. */
    if (start->random_used + size > sizeof start->random)
        PANIC("too many random bytes for directory ids");
    memcpy(out, start->random + start->random_used, size);
    start->random_used += size;
}

static void start_say(void *context, const char *line)
{
    UNUSED(context);
    LOG_INFO("%s", line);
}

/*
 * A directory that cannot be used because its disk fails is left out, as when that happens later:
 * its partitions are offline, the node goes on. Not the metadata log's. Whatever else is wrong with
 * a directory (another node's, in use, a file, damaged) is for somebody to look at first.
 */
static bool dir_left_out(struct broker_node *node, size_t index, enum err err, const char *why)
{
    if (index == node->metadata_dir || (err != ERR_IO && err != ERR_DENIED))
        return false;
    LOG_ERROR("log directory %s is offline: %s; its partitions are not served until the node is "
              "started again with the directory repaired",
              node->dirs[index].path, why);
    node->dirs[index].offline = true;
    return true;
}

static bool all_left_out(const struct broker_node *node)
{
    for (size_t i = 0; i < node->log_dir_count; i++)
        if (!node->dirs[i].offline)
            return false;
    return true;
}

/* Those of the directories that are not left out; *map has their numbers. */
static size_t online_paths(const struct broker_node *node, const char **paths, size_t *map)
{
    size_t count = 0;
    for (size_t i = 0; i < node->dir_count; i++) {
        if (node->dirs[i].offline)
            continue;
        map[count] = i;
        paths[count++] = node->dirs[i].path;
    }
    return count;
}

static const char **dir_paths(const struct broker_node *node)
{
    const char **paths = mem_alloc((node->dir_count + 1) * sizeof paths[0]);
    for (size_t i = 0; i < node->dir_count; i++)
        paths[i] = node->dirs[i].path;
    return paths;
}

static enum err storage_lock(struct node_start *start, struct env_disk *disk)
{
    struct broker_node *node = start->node;
    char error[PLOG_DIR_ERROR_BYTES];
    for (size_t i = 0; i < node->dir_count; i++) {
        enum err err = plog_dir_lock(disk, node->dirs[i].path, &node->dirs[i].lock, error);
        if (err != ERR_OK) {
            node->dirs[i].lock = NULL;
            if (dir_left_out(node, i, err, error))
                continue;
            snprintf(start->why, sizeof start->why, "%s", error);
            return err;
        }
    }
    return ERR_OK;
}

/* A cluster id is 22 characters of base64, as Kafka makes them. */
static void cluster_id_new(struct node_start *start, char out[UUID_TEXT_BYTES])
{
    struct uuid id;
    uint8_t bytes[16];
    do {
        start_random(start, bytes, sizeof bytes);
    } while (!uuid_from_random(bytes, &id));
    uuid_to_text(&id, out);
}

static size_t controller_endpoints(struct broker_node *node, struct quorum_endpoint *out)
{
    size_t count = 0;
    for (size_t i = 0; i < node->listener_count; i++) {
        const struct broker_listener *listener = &node->listeners[i];
        if (listener->controller)
            out[count++] = (struct quorum_endpoint){.listener = listener->name,
                                                    .host = broker_listener_host(listener),
                                                    .port = broker_listener_port(listener)};
    }
    return count;
}

/* A cluster of this node alone may be made on the spot. One of several must be formatted by hand,
 * since all its nodes need the same id. */
static bool is_alone(const struct broker_node *node)
{
    size_t voter_count = 0;
    const struct conf_voter *voters = conf_voters(node->conf, &voter_count);
    if (!node->is_controller || !node->is_broker)
        return false;
    if (voter_count > 0)
        return voter_count == 1 && voters[0].id == node->id;
    return conf_list(node->conf, CONF_BROKER_CONTROLLER_QUORUM_BOOTSTRAP_SERVERS).count <= 1;
}

static enum err storage_format(struct node_start *start, struct env_disk *disk, const char **paths,
                               size_t path_count)
{
    struct broker_node *node = start->node;
    if (!is_alone(node)) {
        snprintf(start->why, sizeof start->why,
                 "%s is not formatted; a node of a cluster of several is formatted with `ottla "
                 "storage format --cluster-id ID`, the same id on each",
                 paths[0]);
        return ERR_NOTFOUND;
    }
    struct quorum_endpoint *endpoints = mem_zalloc((node->listener_count + 1) * sizeof *endpoints);
    struct quorum_format_voter voter = {
        .id = node->id,
        .endpoints = endpoints,
        .endpoint_count = controller_endpoints(node, endpoints),
    };
    size_t static_voters = 0;
    conf_voters(node->conf, &static_voters);
    char cluster_id[UUID_TEXT_BYTES];
    cluster_id_new(start, cluster_id);
    struct quorum_format_options options = {
        .dirs = paths,
        .dir_count = path_count,
        .metadata_dir = node->dirs[node->metadata_dir].path,
        .cluster_id = cluster_id,
        .node_id = node->id,
        .voters = &voter,
        .voter_count = static_voters == 0 ? 1 : 0,
        .wall_ms = start->wall_ms,
        .random = start_random,
        .context = start,
        .say = start_say,
    };
    LOG_INFO("the log directories are empty: formatting them for a new cluster, id %s", cluster_id);
    char error[QUORUM_ERROR_BYTES];
    enum err err = quorum_format(disk, &options, error);
    if (err != ERR_OK)
        snprintf(start->why, sizeof start->why, "%s", error);
    mem_free(endpoints);
    return err;
}

/* A directory that was added to the settings of a node that has a cluster already. */
static enum err storage_add_dirs(struct node_start *start, struct env_disk *disk,
                                 const struct quorum_identity *identity, const size_t *map)
{
    struct broker_node *node = start->node;
    char error[QUORUM_ERROR_BYTES];
    bool has_metadata = false;
    for (size_t i = 0; i < identity->dir_count; i++)
        has_metadata |= map[i] == node->metadata_dir && identity->dirs[i].formatted;
    if (!has_metadata) {
        snprintf(start->why, sizeof start->why,
                 "%s, the directory of the metadata log, is not formatted, though others are: "
                 "bring it back, or format it with `ottla storage format --cluster-id %s "
                 "--ignore-formatted`",
                 node->dirs[node->metadata_dir].path, identity->cluster_id);
        return ERR_NOTFOUND;
    }
    for (size_t i = 0; i < identity->dir_count; i++) {
        if (identity->dirs[i].formatted)
            continue;
        struct uuid id;
        uint8_t bytes[16];
        do {
            start_random(start, bytes, sizeof bytes);
        } while (!uuid_from_random(bytes, &id));
        enum err err = quorum_identity_add_dir(disk, node->dirs[map[i]].path, identity->cluster_id,
                                               node->id, id, error);
        if (err != ERR_OK) {
            snprintf(start->why, sizeof start->why, "%s", error);
            return err;
        }
        LOG_INFO("added the log directory %s", node->dirs[map[i]].path);
    }
    return ERR_OK;
}

static enum err storage_identity(struct node_start *start, struct env_disk *disk,
                                 const char **paths, size_t path_count, struct quorum_identity *out)
{
    char error[QUORUM_ERROR_BYTES];
    enum err err = quorum_identity_load(disk, paths, path_count, start->node->id, out, error);
    if (err != ERR_OK)
        snprintf(start->why, sizeof start->why, "%s", error);
    return err;
}

/* Leaves out those whose meta.properties the disk does not give. */
static void storage_probe(struct broker_node *node, struct env_disk *disk)
{
    char error[QUORUM_ERROR_BYTES];
    for (size_t i = 0; i < node->dir_count; i++) {
        struct quorum_identity identity;
        if (node->dirs[i].offline)
            continue;
        enum err err =
            quorum_identity_load(disk, &node->dirs[i].path, 1, node->id, &identity, error);
        if (err == ERR_OK)
            quorum_identity_deinit(&identity);
        else if (!dir_left_out(node, i, err, error))
            continue; /* told once all are looked at together */
    }
}

static enum err storage_known(struct node_start *start, struct env_disk *disk, const char **paths,
                              size_t *map)
{
    struct broker_node *node = start->node;
    struct quorum_identity identity;
    size_t count = online_paths(node, paths, map);
    enum err err = storage_identity(start, disk, paths, count, &identity);
    if (err == ERR_OK && identity.formatted_count < count) {
        err = identity.formatted_count == 0 ? storage_format(start, disk, paths, count)
                                            : storage_add_dirs(start, disk, &identity, map);
        quorum_identity_deinit(&identity);
        if (err == ERR_OK)
            err = storage_identity(start, disk, paths, count, &identity);
    }
    if (err != ERR_OK)
        return err;
    node->cluster_id = mem_strdup(identity.cluster_id);
    for (size_t i = 0; i < count; i++)
        node->dirs[map[i]].id = identity.dirs[i].directory_id;
    quorum_identity_deinit(&identity);
    return ERR_OK;
}

static void storage_run(struct env_job *job, struct env_disk *disk)
{
    struct node_start *start = CONTAINER_OF(job, struct node_start, storage);
    struct broker_node *node = start->node;
    const char **paths = mem_alloc((node->dir_count + 1) * sizeof paths[0]);
    size_t *map = mem_alloc((node->dir_count + 1) * sizeof map[0]);
    /* No directory has it: a partition of one that is left out finds none of the others. */
    for (size_t i = 0; i < node->dir_count; i++)
        memset(&node->dirs[i].id, 0xff, sizeof node->dirs[i].id);
    start->err = storage_lock(start, disk);
    if (start->err == ERR_OK) {
        broker_ballast_drop(disk, node->dirs[node->metadata_dir].path);
        storage_probe(node, disk);
        if (node->is_broker && all_left_out(node)) {
            start->err = ERR_IO;
            snprintf(start->why, sizeof start->why,
                     "all log directories failed; repair a disk and start again");
        }
    }
    if (start->err == ERR_OK)
        start->err = storage_known(start, disk, paths, map);
    mem_free(map);
    mem_free(paths);
}

static void storage_done(struct env *env, struct env_job *job)
{
    UNUSED(env);
    struct node_start *start = CONTAINER_OF(job, struct node_start, storage);
    start->busy = false;
    if (start->err != ERR_OK)
        broker_node_fail(start->node, start->why);
    if (start_goes_on(start))
        load_enter(start);
}

void broker_start_begin(struct broker_node *node)
{
    struct node_start *start = mem_zalloc(sizeof *start);
    node->start = start;
    start->node = node;
    start->broker_epoch = -1;
    start->began_ns = env_now_ns(broker_node_env(node));
    start->dirs = mem_zalloc(node->dir_count * sizeof start->dirs[0]);
    start->dirs_offline = mem_zalloc(node->dir_count * sizeof start->dirs_offline[0]);
    start->shards = mem_zalloc(node->shard_count * sizeof start->shards[0]);
    env_random(broker_node_env(node), start->random, sizeof start->random);
    start->wall_ms = env_wall_ms(broker_node_env(node));
    start->stage = START_STORAGE;
    start->busy = true;
    start->storage.run = storage_run;
    start->storage.done = storage_done;
    env_submit(broker_node_env(node), &node->queue, &start->storage);
}

void broker_start_free(struct broker_node *node)
{
    struct node_start *start = node->start;
    if (start == NULL)
        return;
    node->start = NULL;
    for (size_t i = 0; i < node->dir_count; i++)
        mem_free(start->dirs[i].strays);
    for (uint32_t i = 0; i < node->shard_count; i++)
        mem_free(start->shards[i].found);
    meta_image_unref(start->image);
    mem_free(start->dirs_offline);
    mem_free(start->dirs);
    mem_free(start->shards);
    mem_free(start);
}

/* ---- LOAD ---- */

static void load_run(struct env_job *job, struct env_disk *disk)
{
    struct start_dir_job *own = CONTAINER_OF(job, struct start_dir_job, job);
    char error[PLOG_DIR_ERROR_BYTES];
    own->err = ERR_OK;
    if (own->dir->offline)
        return;
    own->err = plog_dir_load(disk, own->dir->path, &own->dir->content, error);
    if (own->err != ERR_OK) {
        own->dir->content = (struct plog_dir_content){0};
        snprintf(own->why, sizeof own->why, "%s", error);
        return;
    }
    own->err = plog_dir_begin(disk, own->dir->path);
    if (own->err != ERR_OK)
        snprintf(own->why, sizeof own->why, "%s: the mark of the last clean stop cannot be removed",
                 own->dir->path);
}

/* The jobs of all directories are done, or the last but this. True when it was the last. */
static bool dir_job_ended(struct start_dir_job *own)
{
    struct node_start *start = own->start;
    struct broker_node *node = start->node;
    if (own->err != ERR_OK &&
        !dir_left_out(node, (size_t)(own->dir - node->dirs), own->err, own->why))
        broker_node_fail(node, own->why);
    if (all_left_out(node))
        broker_node_fail(node, "all log directories failed; repair a disk and start again");
    if (--start->dirs_left > 0)
        return false;
    start->busy = false;
    return start_goes_on(start);
}

static void load_done(struct env *env, struct env_job *job)
{
    UNUSED(env);
    struct start_dir_job *own = CONTAINER_OF(job, struct start_dir_job, job);
    if (dir_job_ended(own))
        controller_enter(own->start);
}

static void dir_jobs_submit(struct node_start *start,
                            void (*run)(struct env_job *, struct env_disk *),
                            void (*done)(struct env *, struct env_job *))
{
    struct broker_node *node = start->node;
    start->busy = true;
    start->dirs_left = node->log_dir_count;
    for (size_t i = 0; i < node->log_dir_count; i++) {
        struct start_dir_job *own = &start->dirs[i];
        own->start = start;
        own->dir = &node->dirs[i];
        own->job.run = run;
        own->job.done = done;
        env_submit(broker_node_env(node), &own->dir->queue, &own->job);
    }
}

static void load_enter(struct node_start *start)
{
    start->stage = START_LOAD;
    if (start->node->is_broker)
        dir_jobs_submit(start, load_run, load_done);
    else
        controller_enter(start);
}

/* ---- CONTROLLER ---- */

static void host_dir_failed(void *context, uint32_t dir, enum err err, const char *what)
{
    /* The quorum reports its log's end by itself (on_fatal). */
    struct broker_node *node = context;
    LOG_ERROR("the metadata log's directory %s failed: %s: %s", node->dirs[dir].path, what,
              err_text(err));
}

static void controller_failed(void *context, const char *why)
{
    broker_node_fail(context, why);
}

static void lifecycle_registered(void *context, int64_t broker_epoch)
{
    struct broker_node *node = context;
    node->start->broker_epoch = broker_epoch;
    LOG_INFO("registered with the controller, broker epoch %lld", (long long)broker_epoch);
    broker_start_image(node);
}

static void lifecycle_running(void *context)
{
    struct broker_node *node = context;
    if (node->start != NULL && start_goes_on(node->start))
        start_running(node->start);
}

static void lifecycle_failed(void *context, const char *why)
{
    broker_node_fail(context, why);
}

static void lifecycle_enter(struct node_start *start)
{
    struct broker_node *node = start->node;
    struct lifecycle_listener *listeners =
        mem_zalloc((node->listener_count + 1) * sizeof listeners[0]);
    size_t count = 0;
    for (size_t i = 0; i < node->listener_count; i++) {
        const struct broker_listener *listener = &node->listeners[i];
        if (listener->controller || listener->advertised == NULL)
            continue;
        listeners[count++] = (struct lifecycle_listener){
            .name = listener->name,
            .host = broker_listener_host(listener),
            .port = broker_listener_port(listener),
            .security_protocol = (int16_t)listener->conf->protocol,
        };
    }
    struct uuid *ids = mem_zalloc((node->log_dir_count + 1) * sizeof ids[0]);
    int64_t previous_epoch = -1;
    bool clean = true;
    size_t id_count = 0;
    for (size_t i = 0; i < node->log_dir_count; i++) {
        if (node->dirs[i].offline) {
            clean = false;
            continue;
        }
        ids[id_count++] = node->dirs[i].id;
        clean = clean && node->dirs[i].content.clean;
        if (node->dirs[i].content.clean_broker_epoch > previous_epoch)
            previous_epoch = node->dirs[i].content.clean_broker_epoch;
    }
    const struct conf *conf = node->conf;
    struct lifecycle_options options = {
        .env = broker_node_env(node),
        .controller = node->controller,
        .node_id = node->id,
        .cluster_id = node->cluster_id,
        .listeners = listeners,
        .listener_count = count,
        .rack = conf_text(conf, CONF_BROKER_BROKER_RACK),
        .log_dirs = ids,
        .log_dir_count = id_count,
        .previous_broker_epoch = clean ? previous_epoch : -1,
        .heartbeat_interval_ms = conf_int(conf, CONF_BROKER_BROKER_HEARTBEAT_INTERVAL_MS),
        .session_timeout_ms = conf_int(conf, CONF_BROKER_BROKER_SESSION_TIMEOUT_MS),
        .registration_timeout_ms =
            conf_int(conf, CONF_BROKER_INITIAL_BROKER_REGISTRATION_TIMEOUT_MS),
        .context = node,
        .registered = lifecycle_registered,
        .running = lifecycle_running,
        .failed = lifecycle_failed,
    };
    node->lifecycle = lifecycle_new(&options);
    mem_free(listeners);
    mem_free(ids);
    lifecycle_start(node->lifecycle);
}

static void controller_enter(struct node_start *start)
{
    struct broker_node *node = start->node;
    start->stage = START_CONTROLLER;
    if (broker_listeners_bind(node, start->why, sizeof start->why) != ERR_OK) {
        broker_node_fail(node, start->why);
        return;
    }
    const char **paths = dir_paths(node);
    struct plog_host_options host = {
        .env = broker_node_env(node),
        .dirs = paths,
        .dir_count = (uint32_t)node->dir_count,
        .dir_failed = host_dir_failed,
        .context = node,
    };
    node->host = plog_host_new(&host);
    mem_free(paths);
    struct quorum_endpoint *endpoints = mem_zalloc((node->listener_count + 1) * sizeof *endpoints);
    struct controller_options options = {
        .env = broker_node_env(node),
        .host = node->host,
        .metadata_dir = (uint32_t)node->metadata_dir,
        .metadata_dir_path = node->dirs[node->metadata_dir].path,
        .conf = node->conf,
        .cluster_id = node->cluster_id,
        .directory_id = node->dirs[node->metadata_dir].id,
        .endpoints = endpoints,
        .endpoint_count = controller_endpoints(node, endpoints),
        .context = node,
        .image = broker_node_image,
        .failed = controller_failed,
    };
    node->controller = controller_new(&options);
    mem_free(endpoints);
    controller_start(node->controller);
}

/* ---- REGISTER ---- */

void broker_start_image(struct broker_node *node)
{
    struct node_start *start = node->start;
    if (start == NULL || !start_goes_on(start))
        return;
    if (start->stage == START_CONTROLLER) {
        start->stage = START_REGISTER;
        if (node->is_broker)
            lifecycle_enter(start);
    }
    if (start->stage != START_REGISTER)
        return;
    if (!node->is_broker) {
        node->publish = true;
        start_running(start);
        return;
    }
    /* What the image says of partitions counts when it is as new as our registration: an older one
     * may lack topics whose folders would look like strays. */
    if (start->broker_epoch >= 0 && node->image->offset >= start->broker_epoch)
        strays_enter(start);
}

/* ---- STRAYS ---- */

static const struct meta_topic *folder_topic(const struct meta_image *image,
                                             const struct plog_folder_info *folder)
{
    if (!uuid_is_zero(&folder->topic_id))
        return meta_image_topic_by_id(image, &folder->topic_id);
    return meta_image_topic(image, folder->topic, strlen(folder->topic));
}

static bool folder_is_ours(const struct broker_node *node, const struct plog_folder_info *folder)
{
    const struct meta_topic *topic = folder_topic(node->image, folder);
    if (topic == NULL)
        return false;
    const struct meta_partition *partition =
        meta_image_partition(node->image, &topic->id, folder->partition);
    return partition != NULL && meta_ids_contain(partition->replicas, node->id);
}

static void strays_run(struct env_job *job, struct env_disk *disk)
{
    struct start_dir_job *own = CONTAINER_OF(job, struct start_dir_job, job);
    own->err = ERR_OK;
    if (own->dir->offline)
        return;
    for (size_t i = 0; i < own->stray_count && own->err == ERR_OK; i++) {
        own->err = plog_dir_make_stray(disk, own->dir->path, own->strays[i]);
        if (own->err != ERR_OK)
            snprintf(own->why, sizeof own->why, "%s/%s cannot be renamed: %s", own->dir->path,
                     own->strays[i], err_text(own->err));
    }
    for (size_t i = 0; i < own->dir->content.count; i++) {
        const struct plog_folder_info *folder = &own->dir->content.folders[i];
        if (folder->kind != PLOG_FOLDER_DELETE)
            continue;
        enum err err = plog_dir_remove_folder(disk, own->dir->path, folder->name);
        if (err != ERR_OK)
            LOG_WARN("%s/%s, which was deleted, cannot be removed: %s", own->dir->path,
                     folder->name, err_text(err));
    }
}

static void strays_done(struct env *env, struct env_job *job)
{
    UNUSED(env);
    struct start_dir_job *own = CONTAINER_OF(job, struct start_dir_job, job);
    if (dir_job_ended(own))
        partitions_enter(own->start);
}

static void strays_enter(struct node_start *start)
{
    struct broker_node *node = start->node;
    start->stage = START_STRAYS;
    for (size_t d = 0; d < node->log_dir_count; d++) {
        struct plog_dir_content *content = &node->dirs[d].content;
        struct start_dir_job *own = &start->dirs[d];
        own->strays = mem_alloc((content->count + 1) * sizeof own->strays[0]);
        for (size_t i = 0; i < content->count; i++) {
            struct plog_folder_info *folder = &content->folders[i];
            if (folder->kind != PLOG_FOLDER_PARTITION || folder_is_ours(node, folder))
                continue;
            LOG_WARN("%s/%s belongs to no partition of this broker; it is set aside with the "
                     "ending -stray",
                     node->dirs[d].path, folder->name);
            own->strays[own->stray_count++] = folder->name;
            folder->kind = PLOG_FOLDER_STRAY;
        }
    }
    dir_jobs_submit(start, strays_run, strays_done);
}

/* ---- PARTITIONS ---- */

static bool shard_owns(void *context, const struct uuid *topic_id, int32_t partition)
{
    const struct broker_shard *shard = context;
    return broker_shard_of(shard->node, topic_id, partition) == shard->index;
}

static void shard_progress(struct broker_shard *shard, struct start_shard *own, bool end)
{
    struct replica_set_stats stats;
    replica_set_stats(shard->replicas, &stats);
    uint64_t now_ns = env_now_ns(shard->env);
    if (!end && now_ns - own->logged_ns < PROGRESS_LOG_NS)
        return;
    own->logged_ns = now_ns;
    if (stats.to_open == 0)
        return;
    /* Logs are alike, as far as one knows before they are opened. */
    uint64_t took_ms = (now_ns - own->began_ns) / 1000000;
    char left[40] = "";
    if (!end && stats.opened > 0)
        snprintf(
            left, sizeof left, ", about %llu s left",
            (unsigned long long)(took_ms * (stats.to_open - stats.opened) / stats.opened / 1000));
    LOG_INFO("shard %u: %zu of %zu logs are open (%zu%%%s), %zu recovered (%llu MiB read, %llu "
             "bytes cut off), %zu failed",
             shard->index, stats.opened, stats.to_open, 100 * stats.opened / stats.to_open, left,
             stats.recovered, (unsigned long long)(stats.scanned_bytes >> 20),
             (unsigned long long)stats.truncated_bytes, stats.failed);
}

static void shard_opening(void *context, const struct replica_set *set)
{
    struct broker_shard *shard = context;
    struct node_start *start = shard->node->start;
    /* Topics that come later open without a word. The start outlives the shard's own opening. */
    if (shard->serving)
        return;
    struct start_shard *own = &start->shards[shard->index];
    bool end = replica_set_is_open(set);
    shard_progress(shard, own, end);
    if (!end || !own->opening)
        return;
    struct replica_set_stats stats;
    replica_set_stats(set, &stats);
    own->shortened = stats.shortened > 0;
    own->opening = false;
    broker_shard_serve(shard);
    broker_call_reply(shard, &own->call);
}

static void shard_run(struct broker_shard *shard, struct broker_call *call)
{
    struct start_shard *own = CONTAINER_OF(call, struct start_shard, call);
    struct broker_node *node = shard->node;
    const struct conf *conf = node->conf;
    const char **paths = dir_paths(node);
    struct uuid *ids = mem_zalloc((node->dir_count + 1) * sizeof ids[0]);
    for (size_t i = 0; i < node->dir_count; i++)
        ids[i] = node->dirs[i].id;
    int64_t threads = conf_int(conf, CONF_BROKER_NUM_RECOVERY_THREADS_PER_DATA_DIR);
    struct replica_set_options options = {
        .env = shard->env,
        .node_id = node->id,
        .dirs = paths,
        .dir_ids = ids,
        .dir_count = (uint32_t)node->log_dir_count,
        .producer_check_ms =
            (uint64_t)conf_int(conf, CONF_BROKER_PRODUCER_ID_EXPIRATION_CHECK_INTERVAL_MS),
        .openings_per_dir = (uint32_t)((threads + node->shard_count - 1) / node->shard_count),
        .unwritten_bytes_max =
            (uint64_t)conf_int(conf, CONF_BROKER_OTTLA_UNWRITTEN_BYTES_MAX) / node->shard_count + 1,
        .context = shard,
        .owns = shard_owns,
        .topic_config = broker_settings_topic_config,
        .topic_min_isr = broker_settings_topic_min_isr,
        .dir_failed = broker_node_dir_failed,
        .opening = shard_opening,
    };
    shard->replicas = replica_set_new(&options);
    for (size_t i = 0; i < node->log_dir_count; i++)
        if (own->dirs_offline[i])
            replica_set_fail_dir(shard->replicas, (uint32_t)i, ERR_OFFLINE);
    shard->groups = broker_groups_new(shard);
    if (shard->index == 0)
        node->lag = broker_lag_new(shard);
    mem_free(paths);
    mem_free(ids);
    for (size_t i = 0; i < own->found_count; i++)
        replica_set_found(shard->replicas, &own->found[i]);
    size_t slots = (size_t)conf_int(conf, CONF_BROKER_MAX_INCREMENTAL_FETCH_SESSION_CACHE_SLOTS);
    shard->fetch_sessions = fetch_sessions_new(shard->index, node->shard_count,
                                               (slots + node->shard_count - 1) / node->shard_count,
                                               SESSION_PARTS_MAX / node->shard_count);
    broker_shard_start(shard);
    own->began_ns = own->logged_ns = env_now_ns(shard->env);
    own->opening = true;
    struct meta_image *image = meta_image_ref(own->image);
    broker_settings_follow(shard, NULL, image);
    shard->image = image;
    shard->kraft_version = own->kraft_version;
    replica_set_follow(shard->replicas, NULL, image);
    broker_groups_follow(shard->groups);
    if (own->opening && replica_set_is_open(shard->replicas))
        shard_opening(shard, shard->replicas);
}

static void unfence_enter(struct broker_node *node)
{
    struct node_start *start = node->start;
    start->stage = START_UNFENCE;
    lifecycle_image(node->lifecycle, start->image);
    lifecycle_ready(node->lifecycle);
}

/* Recovery trusts what is below a recovery point, and what is appended now is not synced. */
static void points_lowered(struct broker_node *node)
{
    node->start->busy = false;
    if (start_goes_on(node->start))
        unfence_enter(node);
}

static void shard_done(struct broker_shard *shard, struct broker_call *call)
{
    UNUSED(call);
    struct node_start *start = shard->node->start;
    if (--start->shards_left > 0)
        return;
    start->busy = false;
    for (uint32_t i = 0; i < start->node->shard_count; i++) {
        mem_free(start->shards[i].found);
        start->shards[i].found = NULL;
    }
    for (size_t i = 0; i < start->node->log_dir_count; i++) {
        plog_dir_content_deinit(&start->node->dirs[i].content);
        start->node->dirs[i].content = (struct plog_dir_content){0};
    }
    if (!start_goes_on(start))
        return;
    broker_checkpoints_start(start->node);
    broker_space_start(start->node);
    bool shortened = false;
    for (uint32_t i = 0; i < start->node->shard_count; i++)
        shortened = shortened || start->shards[i].shortened;
    if (!shortened) {
        unfence_enter(start->node);
        return;
    }
    start->busy = true;
    broker_checkpoints_lower(start->node, points_lowered);
}

static void found_add(struct node_start *start, uint32_t dir, const struct plog_folder_info *folder)
{
    struct broker_node *node = start->node;
    const struct meta_topic *topic = folder_topic(node->image, folder);
    struct start_shard *own = &start->shards[broker_shard_of(node, &topic->id, folder->partition)];
    if (own->found_count == own->found_capacity) {
        own->found_capacity = own->found_capacity == 0 ? 16 : own->found_capacity * 2;
        own->found = mem_realloc(own->found, own->found_capacity * sizeof own->found[0]);
    }
    own->found[own->found_count++] = (struct replica_found){
        .topic = folder->topic,
        .partition = folder->partition,
        .topic_id = folder->topic_id,
        .dir = dir,
        .clean = node->dirs[dir].content.clean,
        .recovery_point = folder->recovery_point,
        .log_start_offset = folder->log_start_offset,
        .high_watermark = folder->high_watermark,
        .cleaned_offset = folder->cleaned_offset,
    };
}

static void partitions_enter(struct node_start *start)
{
    struct broker_node *node = start->node;
    start->stage = START_PARTITIONS;
    for (size_t d = 0; d < node->log_dir_count; d++) {
        const struct plog_dir_content *content = &node->dirs[d].content;
        for (size_t i = 0; i < content->count; i++) {
            /* The image may be newer than the one by which strays were told. */
            if (content->folders[i].kind == PLOG_FOLDER_PARTITION &&
                folder_topic(node->image, &content->folders[i]) != NULL)
                found_add(start, (uint32_t)d, &content->folders[i]);
        }
        if (!content->clean && content->count > 0)
            LOG_INFO("%s was not closed cleanly: its logs are checked", node->dirs[d].path);
    }
    /* Images that come from here on are sent behind this one. */
    start->busy = true;
    start->shards_left = node->shard_count;
    start->image = meta_image_ref(node->image);
    node->publish = true;
    node->published_offset = node->image->offset;
    for (size_t i = 0; i < node->log_dir_count; i++)
        start->dirs_offline[i] = node->dirs[i].offline;
    for (uint32_t i = node->shard_count; i-- > 0;) {
        start->shards[i].image = start->image;
        start->shards[i].dirs_offline = start->dirs_offline;
        start->shards[i].kraft_version = quorum_kraft_version(controller_quorum(node->controller));
        start->shards[i].call.run = shard_run;
        start->shards[i].call.done = shard_done;
        broker_call_send(&node->shards[0], i, &start->shards[i].call);
    }
}

/* ---- RUNNING ---- */

static void start_running(struct node_start *start)
{
    struct broker_node *node = start->node;
    start->stage = START_DONE;
    broker_node_publish(node);
    if (broker_listeners_open(node, start->why, sizeof start->why) != ERR_OK) {
        broker_node_fail(node, start->why);
        return;
    }
    node->state = BROKER_NODE_RUNNING;
    uint64_t took_ms = (env_now_ns(broker_node_env(node)) - start->began_ns) / 1000000;
    LOG_INFO("node %d of cluster %s is running, %llu ms after its start", node->id,
             node->cluster_id, (unsigned long long)took_ms);
    node->options.running(node->options.context, node);
}
