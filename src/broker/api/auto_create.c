/*
 * Topics that come into being because somebody asked about them. A creation under way is in
 * shard->creations until the controller has answered, so that a client that asks again meanwhile
 * does not start another.
 */
#define LOG_ROOM "broker"
#include "broker/api/auto_create_int.h"
#include "broker/api/view_int.h"
#include "broker/node_int.h"

#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/call.h"
#include "broker/controller.h"
#include "wire/api_keys.h"
#include "wire/messages.h"

#define CREATE_TOPICS_VERSION 7
#define CREATE_TIMEOUT_MS 30000
/* Creations at the same time on a shard: a client that asks about ever new names has to wait. */
#define CREATIONS_MAX 64
#define CREATION_NAMES_MAX 1024

struct auto_create {
    struct list node; /* in shard->creations */
    struct broker_shard *shard;
    struct arena arena;
    struct broker_call call;
    struct controller_call submit;
    struct wire_create_topics_request message;
};

static bool is_under_way(const struct broker_shard *shard, struct wire_string name)
{
    LIST_FOR_EACH (node, &shard->creations) {
        const struct auto_create *other = LIST_ENTRY(node, struct auto_create, node);
        for (int32_t i = 0; i < other->message.topics.count; i++) {
            if (wire_string_equal(other->message.topics.items[i].name, name))
                return true;
        }
    }
    return false;
}

static void auto_create_free(struct auto_create *create)
{
    list_remove(&create->node);
    arena_deinit(&create->arena);
    mem_free(create);
}

static void auto_create_answered(struct controller_call *submit, const void *response)
{
    struct auto_create *create = CONTAINER_OF(submit, struct auto_create, submit);
    create->submit.response = response;
    broker_call_reply(broker_node_shard(create->call.node, create->call.to), &create->call);
}

static void auto_create_run(struct broker_shard *shard, struct broker_call *call)
{
    struct auto_create *create = CONTAINER_OF(call, struct auto_create, call);
    controller_submit(shard->node->controller, &create->submit);
}

static void auto_create_done(struct broker_shard *shard, struct broker_call *call)
{
    UNUSED(shard);
    struct auto_create *create = CONTAINER_OF(call, struct auto_create, call);
    const struct wire_create_topics_response *response = create->submit.response;
    for (int32_t i = 0; i < response->topics.count; i++) {
        const struct wire_create_topics_response_creatable_topic_result *topic =
            &response->topics.items[i];
        if (topic->error_code == WIRE_ERROR_NONE)
            LOG_INFO("created topic %.*s, which a client asked about, with %d partition%s",
                     WIRE_STRING_ARGS(topic->name), topic->num_partitions,
                     topic->num_partitions == 1 ? "" : "s");
        else if (topic->error_code != WIRE_ERROR_TOPIC_ALREADY_EXISTS)
            LOG_WARN("topic %.*s, which a client asked about, could not be created: %s",
                     WIRE_STRING_ARGS(topic->name), wire_error_name(topic->error_code));
    }
    auto_create_free(create);
}

/* NULL: enough are under way. */
static struct auto_create *auto_create_new(struct broker_shard *shard, size_t count)
{
    size_t under_way = 0;
    LIST_FOR_EACH (node, &shard->creations)
        under_way++;
    if (under_way >= CREATIONS_MAX)
        return NULL;
    struct auto_create *create = mem_zalloc(sizeof *create);
    create->shard = shard;
    arena_init(&create->arena, SIZE_MAX);
    list_init(&create->node);
    wire_default(&wire_create_topics_request_schema, &create->message);
    create->message.timeout_ms = CREATE_TIMEOUT_MS;
    create->message.topics.items =
        arena_must_alloc_array(&create->arena, count, sizeof create->message.topics.items[0]);
    return create;
}

static struct wire_create_topics_request_creatable_topic *
auto_create_add(struct auto_create *create, struct wire_string name)
{
    struct wire_create_topics_request_creatable_topic *topic =
        &create->message.topics.items[create->message.topics.count++];
    wire_default(&wire_create_topics_request_creatable_topic_schema, topic);
    topic->name = wire_string_copy(name, &create->arena);
    topic->num_partitions = -1; /* the settings' */
    topic->replication_factor = -1;
    return topic;
}

static void auto_create_send(struct auto_create *create)
{
    list_push_back(&create->shard->creations, &create->node);
    create->submit = (struct controller_call){
        .api_key = WIRE_API_CREATE_TOPICS,
        .version = CREATE_TOPICS_VERSION,
        .request = &create->message,
        .arena = &create->arena,
        .done = auto_create_answered,
    };
    create->call.run = auto_create_run;
    create->call.done = auto_create_done;
    broker_call_send(create->shard, 0, &create->call);
}

void broker_auto_create(struct broker_shard *shard, const struct wire_string *names, size_t count)
{
    if (!conf_bool(shard->node->conf, CONF_BROKER_AUTO_CREATE_TOPICS_ENABLE) || shard->stopping)
        return;
    if (count > CREATION_NAMES_MAX)
        count = CREATION_NAMES_MAX;
    struct auto_create *create = auto_create_new(shard, count);
    if (create == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        if (view_topic_name_is_valid(names[i]) && !is_under_way(shard, names[i]) &&
            !view_topic_is_internal(names[i].data, names[i].size))
            auto_create_add(create, names[i]);
    }
    if (create->message.topics.count == 0)
        auto_create_free(create);
    else
        auto_create_send(create);
}

void broker_create_internal(struct broker_shard *shard, struct wire_string name,
                            int32_t partition_count, int16_t replication_factor,
                            const struct conf_pair *configs, size_t config_count)
{
    if (shard->stopping || is_under_way(shard, name))
        return;
    struct auto_create *create = auto_create_new(shard, 1);
    if (create == NULL)
        return;
    struct wire_create_topics_request_creatable_topic *topic = auto_create_add(create, name);
    topic->num_partitions = partition_count;
    topic->replication_factor = replication_factor;
    topic->configs.count = (int32_t)config_count;
    topic->configs.items =
        arena_must_alloc_array(&create->arena, config_count, sizeof topic->configs.items[0]);
    for (size_t i = 0; i < config_count; i++) {
        wire_default(&wire_create_topics_request_creatable_topic_config_schema,
                     &topic->configs.items[i]);
        topic->configs.items[i].name =
            wire_string_copy(wire_string_from(configs[i].name), &create->arena);
        topic->configs.items[i].value =
            wire_string_copy(wire_string_from(configs[i].value), &create->arena);
    }
    auto_create_send(create);
}

void broker_auto_create_drop(struct broker_shard *shard)
{
    while (!list_empty(&shard->creations))
        auto_create_free(LIST_ENTRY(shard->creations.next, struct auto_create, node));
}
