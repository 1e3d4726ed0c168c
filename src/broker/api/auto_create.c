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

void broker_auto_create(struct broker_shard *shard, const struct wire_string *names, size_t count)
{
    if (!conf_bool(shard->node->conf, CONF_BROKER_AUTO_CREATE_TOPICS_ENABLE) || shard->stopping)
        return;
    size_t under_way = 0;
    LIST_FOR_EACH (node, &shard->creations)
        under_way++;
    if (under_way >= CREATIONS_MAX)
        return;
    if (count > CREATION_NAMES_MAX)
        count = CREATION_NAMES_MAX;
    struct auto_create *create = mem_zalloc(sizeof *create);
    create->shard = shard;
    arena_init(&create->arena, SIZE_MAX);
    list_init(&create->node);
    wire_default(&wire_create_topics_request_schema, &create->message);
    create->message.timeout_ms = CREATE_TIMEOUT_MS;
    create->message.topics.items =
        arena_must_alloc_array(&create->arena, count, sizeof create->message.topics.items[0]);
    for (size_t i = 0; i < count; i++) {
        if (!view_topic_name_is_valid(names[i]) || is_under_way(shard, names[i]) ||
            view_topic_is_internal(names[i].data, names[i].size))
            continue;
        struct wire_create_topics_request_creatable_topic *topic =
            &create->message.topics.items[create->message.topics.count++];
        wire_default(&wire_create_topics_request_creatable_topic_schema, topic);
        topic->name = wire_string_copy(names[i], &create->arena);
        topic->num_partitions = -1; /* the settings' */
        topic->replication_factor = -1;
    }
    if (create->message.topics.count == 0) {
        auto_create_free(create);
        return;
    }
    list_push_back(&shard->creations, &create->node);
    create->submit = (struct controller_call){
        .api_key = WIRE_API_CREATE_TOPICS,
        .version = CREATE_TOPICS_VERSION,
        .request = &create->message,
        .arena = &create->arena,
        .done = auto_create_answered,
    };
    create->call.run = auto_create_run;
    create->call.done = auto_create_done;
    broker_call_send(shard, 0, &create->call);
}

void broker_auto_create_drop(struct broker_shard *shard)
{
    while (!list_empty(&shard->creations))
        auto_create_free(LIST_ENTRY(shard->creations.next, struct auto_create, node));
}
