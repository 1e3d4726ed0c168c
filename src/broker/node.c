/*
 * A node's life, and the way of images through it: the controller tells shard 0, which sends them
 * to every shard in order; when all have followed one the lifecycle is told, since that is how far
 * the broker has caught up.
 */
#define LOG_ROOM "broker"
#include "broker/node.h"

#include "broker/cleaner_int.h"
#include "broker/node_int.h"
#include "broker/settings_int.h"
#include "broker/shard_int.h"

#include "base/hmap.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/controller.h"
#include "broker/fetch_session.h"
#include "broker/groups.h"
#include "broker/lag.h"
#include "broker/lifecycle.h"
#include "replica/replica.h"

/* ---- Images ---- */

struct node_publish_leg {
    struct broker_call call;
    struct node_publish *publish;
};

struct node_publish {
    struct list node; /* in node->publishing */
    struct broker_node *owner;
    struct meta_image *image;
    int16_t kraft_version;
    uint32_t left;
    struct node_publish_leg legs[];
};

static void publish_free(struct node_publish *publish)
{
    list_remove(&publish->node);
    meta_image_unref(publish->image);
    mem_free(publish);
}

static void publish_run(struct broker_shard *shard, struct broker_call *call)
{
    struct node_publish_leg *leg = CONTAINER_OF(call, struct node_publish_leg, call);
    struct meta_image *before = shard->image;
    struct meta_image *after = meta_image_ref(leg->publish->image);
    broker_settings_follow(shard, before, after);
    shard->image = after;
    shard->kraft_version = leg->publish->kraft_version;
    if (shard->replicas != NULL && !shard->stopping) {
        replica_set_follow(shard->replicas, before, after);
        broker_groups_follow(shard->groups);
    }
    meta_image_unref(before);
    broker_call_reply(shard, call);
}

static void publish_done(struct broker_shard *shard, struct broker_call *call)
{
    struct node_publish_leg *leg = CONTAINER_OF(call, struct node_publish_leg, call);
    struct node_publish *publish = leg->publish;
    if (--publish->left > 0)
        return;
    struct broker_node *node = shard->node;
    if (node->lifecycle != NULL && node->state != BROKER_NODE_STOPPED)
        lifecycle_image(node->lifecycle, publish->image);
    publish_free(publish);
}

void broker_node_publish(struct broker_node *node)
{
    if (!node->publish || node->image == NULL || node->image->offset <= node->published_offset)
        return;
    node->published_offset = node->image->offset;
    size_t size = sizeof(struct node_publish) + node->shard_count * sizeof(struct node_publish_leg);
    struct node_publish *publish = mem_zalloc(size);
    publish->owner = node;
    publish->image = meta_image_ref(node->image);
    publish->kraft_version = quorum_kraft_version(controller_quorum(node->controller));
    publish->left = node->shard_count;
    list_push_back(&node->publishing, &publish->node);
    /* Shard 0 last: when its leg is done at once the struct may be freed. */
    for (uint32_t i = node->shard_count; i-- > 0;) {
        struct node_publish_leg *leg = &publish->legs[i];
        leg->publish = publish;
        leg->call.run = publish_run;
        leg->call.done = publish_done;
        broker_call_send(&node->shards[0], i, &leg->call);
    }
}

void broker_node_image(void *context, struct meta_image *image)
{
    struct broker_node *node = context;
    meta_image_unref(node->image);
    node->image = meta_image_ref(image);
    if (node->state == BROKER_NODE_STARTING)
        broker_start_image(node);
    broker_node_publish(node);
}

/* ---- Directories that fail ---- */

static size_t dirs_online(const struct broker_node *node)
{
    size_t count = 0;
    for (size_t i = 0; i < node->log_dir_count; i++)
        count += !node->dirs[i].offline;
    return count;
}

static void dir_down_run(struct broker_shard *shard, struct broker_call *call)
{
    struct broker_dir_notice *notice = CONTAINER_OF(call, struct broker_dir_notice, call);
    if (shard->replicas != NULL)
        replica_set_fail_dir(shard->replicas, notice->dir, notice->err);
    broker_call_reply(shard, call);
}

static void dir_call_done(struct broker_shard *shard, struct broker_call *call)
{
    UNUSED(shard);
    UNUSED(call);
}

static void dir_tell(struct broker_shard *shard, struct broker_dir_notice *notice, uint32_t to,
                     uint32_t dir, enum err err,
                     void (*run)(struct broker_shard *, struct broker_call *))
{
    notice->used = true;
    notice->dir = dir;
    notice->err = err;
    notice->call.run = run;
    notice->call.done = dir_call_done;
    broker_call_send(shard, to, &notice->call);
}

static void dir_up_run(struct broker_shard *shard, struct broker_call *call)
{
    struct broker_dir_notice *notice = CONTAINER_OF(call, struct broker_dir_notice, call);
    struct broker_node *node = shard->node;
    struct broker_dir *dir = &node->dirs[notice->dir];
    if (!dir->offline) {
        dir->offline = true;
        if (node->lifecycle != NULL)
            lifecycle_dir_failed(node->lifecycle, dir->id);
        for (uint32_t i = 0; i < node->shard_count; i++) {
            if (i != call->from)
                dir_tell(shard, &dir->down[i], i, notice->dir, notice->err, dir_down_run);
        }
        if (notice->dir == node->metadata_dir)
            broker_node_fail(node, "the directory of the metadata log failed; repair its disk and "
                                   "start again");
        else if (dirs_online(node) == 0)
            broker_node_fail(node, "all log directories failed; repair a disk and start again");
    }
    broker_call_reply(shard, call);
}

void broker_node_dir_failed(void *context, uint32_t dir, enum err err, const char *what)
{
    struct broker_shard *shard = context;
    struct broker_node *node = shard->node;
    LOG_ERROR("log directory %s is offline: %s: %s; its partitions are not served until the node "
              "is started again with the directory repaired",
              node->dirs[dir].path, what, err_text(err));
    struct broker_dir_notice *notice = &node->dirs[dir].up[shard->index];
    if (!notice->used)
        dir_tell(shard, notice, 0, dir, err, dir_up_run);
}

/* ---- Life ---- */

static void dirs_init(struct broker_node *node)
{
    struct conf_list list = conf_log_dirs(node->conf);
    const char *metadata_path = conf_metadata_dir(node->conf);
    node->dirs = mem_zalloc((list.count + 1) * sizeof node->dirs[0]);
    node->metadata_dir = SIZE_MAX;
    for (size_t i = 0; i < list.count; i++) {
        node->dirs[i].path = list.items[i];
        if (strcmp(list.items[i], metadata_path) == 0)
            node->metadata_dir = i;
    }
    node->log_dir_count = list.count;
    node->dir_count = list.count;
    if (node->metadata_dir == SIZE_MAX) {
        node->metadata_dir = node->dir_count;
        node->dirs[node->dir_count++].path = metadata_path;
    }
    for (size_t i = 0; i < node->dir_count; i++) {
        env_queue_init(&node->dirs[i].queue, (uint32_t)i);
        node->dirs[i].up = mem_zalloc(node->shard_count * sizeof node->dirs[i].up[0]);
        node->dirs[i].down = mem_zalloc(node->shard_count * sizeof node->dirs[i].down[0]);
    }
}

struct broker_node *broker_node_new(const struct broker_node_options *options)
{
    ASSERT(options->env_count > 0 && options->conf != NULL);
    struct broker_node *node = mem_zalloc(sizeof *node);
    node->options = *options;
    node->conf = options->conf;
    node->id = conf_node_id(node->conf);
    node->is_broker = conf_is_broker(node->conf);
    node->is_controller = conf_is_controller(node->conf);
    node->published_offset = -1;
    list_init(&node->publishing);
    env_queue_init(&node->queue, ENV_DEVICE_NONE);
    broker_cleaner_init(node);
    node->shard_count = options->env_count;
    node->envs = mem_zalloc(node->shard_count * sizeof node->envs[0]);
    node->shards = mem_zalloc(node->shard_count * sizeof node->shards[0]);
    struct broker_limits limits;
    broker_settings_limits(node->conf, node->shard_count, &limits);
    for (uint32_t i = 0; i < node->shard_count; i++) {
        ASSERT(options->envs[i]->shard == i);
        node->envs[i] = options->envs[i];
        broker_shard_init(&node->shards[i], node, node->envs[i], &limits);
    }
    dirs_init(node);
    broker_listeners_init(node);
    broker_admission_init(node);
    return node;
}

void broker_node_start(struct broker_node *node)
{
    ASSERT(node->state == BROKER_NODE_NEW);
    node->state = BROKER_NODE_STARTING;
    broker_start_begin(node);
}

void broker_node_stop(struct broker_node *node)
{
    ASSERT(node->state == BROKER_NODE_STARTING || node->state == BROKER_NODE_RUNNING);
    node->state = BROKER_NODE_STOPPING;
    broker_stop_begin(node);
}

void broker_node_fail(struct broker_node *node, const char *why)
{
    if (node->failed || node->state == BROKER_NODE_STOPPED)
        return;
    node->failed = true;
    node->options.failed(node->options.context, node, why);
}

void broker_node_free(struct broker_node *node)
{
    if (node == NULL)
        return;
    broker_start_free(node);
    broker_stop_free(node);
    broker_checkpoints_free(node);
    broker_space_free(node);
    broker_lag_free(node->lag);
    /* Before the requests of any shard, which may wait in the coordinators of another. */
    for (uint32_t i = 0; i < node->shard_count; i++) {
        broker_groups_free(node->shards[i].groups);
        node->shards[i].groups = NULL;
    }
    for (uint32_t i = 0; i < node->shard_count; i++)
        broker_shard_deinit(&node->shards[i]);
    if (node->lifecycle != NULL)
        lifecycle_free(node->lifecycle);
    if (node->controller != NULL)
        controller_free(node->controller);
    if (node->host != NULL)
        plog_host_free(node->host);
    while (!list_empty(&node->publishing))
        publish_free(LIST_ENTRY(node->publishing.next, struct node_publish, node));
    meta_image_unref(node->image);
    for (size_t i = 0; i < node->dir_count; i++) {
        plog_dir_content_deinit(&node->dirs[i].content);
        mem_free(node->dirs[i].up);
        mem_free(node->dirs[i].down);
    }
    broker_admission_deinit(node);
    mem_free(node->dirs);
    mem_free(node->listeners);
    mem_free(node->cluster_id);
    mem_free(node->shards);
    mem_free(node->envs);
    mem_free(node);
}

uint32_t broker_shard_of(const struct broker_node *node, const struct uuid *topic_id,
                         int32_t partition)
{
    /* Partitions of a topic go to the shards in turn, so that a topic of as many partitions as
     * there are shards uses them all. */
    uint64_t start = load_be64(topic_id->bytes) ^ load_be64(topic_id->bytes + 8);
    return (uint32_t)((start + (uint32_t)partition) % node->shard_count);
}
