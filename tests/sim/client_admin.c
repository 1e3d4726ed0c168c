/*
 * Creates the topics of the model, one after the other, until each is there; then creates and
 * deletes topics of its own. A request whose outcome is unknown is repeated: what is there already,
 * or gone already, is then an answer as well.
 */
#include "base/mem.h"
#include "client.h"
#include "wire/api_keys.h"
#include "wire/errors.h"

#include <stdio.h>

struct admin {
    struct client client; /* first */
    struct client_admin_options options;
    struct client_request request;
    struct model_topic *topic; /* whose turn it is */
    bool sent;
    bool tried; /* this topic's request may have been carried out */
    uint32_t churned;
    uint64_t send_after_ns;
};

static struct model_topic *topic_in_state(struct admin *admin, enum model_topic_state state)
{
    LIST_FOR_EACH (node, &admin->client.model->topics) {
        struct model_topic *topic = LIST_ENTRY(node, struct model_topic, node);
        if (topic->state == state)
            return topic;
    }
    return NULL;
}

static void answered(struct admin *admin, bool done)
{
    admin->sent = false;
    admin->tried = true;
    if (done) {
        admin->topic = NULL;
        admin->client.model->progress++;
    }
}

/* ---- Ids, where the answer had none ---- */

static void lookup_done(struct client *client, struct client_request *request,
                        const struct link_response *response)
{
    UNUSED(request);
    struct admin *admin = CONTAINER_OF(client, struct admin, client);
    struct model_topic *topic = admin->topic;
    admin->sent = false;
    if (response->err != ERR_OK)
        return;
    const struct wire_metadata_response *message = response->message;
    for (int32_t i = 0; i < message->topics.count; i++) {
        const struct wire_metadata_response_metadata_response_topic *found =
            &message->topics.items[i];
        if (!wire_string_is(found->name, topic->name) || found->error_code != WIRE_ERROR_NONE)
            continue;
        SIM_CHECK(client->world, found->partitions.count == topic->partition_count,
                  "%s has %d partitions, not %d", topic->name, found->partitions.count,
                  topic->partition_count);
        topic->id = found->topic_id;
        topic->state = MODEL_TOPIC_CREATED;
        answered(admin, true);
    }
}

static void lookup_send(struct admin *admin)
{
    struct wire_metadata_request_metadata_request_topic topic;
    wire_default(&wire_metadata_request_metadata_request_topic_schema, &topic);
    topic.name = wire_string_from(admin->topic->name);
    struct wire_metadata_request message;
    wire_default(&wire_metadata_request_schema, &message);
    message.topics.items = &topic;
    message.topics.count = 1;
    message.allow_auto_topic_creation = false;
    /* Ids came with version 10. */
    admin->sent =
        client_send(&admin->client, &admin->request, WIRE_API_METADATA, 10, &message, lookup_done);
}

/* ---- Creating ---- */

static void create_done(struct client *client, struct client_request *request,
                        const struct link_response *response)
{
    UNUSED(request);
    struct admin *admin = CONTAINER_OF(client, struct admin, client);
    struct model_topic *topic = admin->topic;
    bool tried = admin->tried;
    answered(admin, false);
    if (response->err != ERR_OK)
        return;
    const struct wire_create_topics_response *message = response->message;
    SIM_CHECK(client->world,
              message->topics.count == 1 &&
                  wire_string_is(message->topics.items[0].name, topic->name),
              "CreateTopics answers for other topics");
    const struct wire_create_topics_response_creatable_topic_result *result =
        &message->topics.items[0];
    if (result->error_code == WIRE_ERROR_NONE && response->version >= 7) {
        SIM_CHECK(client->world, !uuid_is_zero(&result->topic_id), "%s got no id", topic->name);
        topic->id = result->topic_id;
        topic->state = MODEL_TOPIC_CREATED;
        sim_log(client->world, "%s is created", topic->name);
        answered(admin, true);
        return;
    }
    if (result->error_code == WIRE_ERROR_NONE ||
        (result->error_code == WIRE_ERROR_TOPIC_ALREADY_EXISTS && tried)) {
        lookup_send(admin);
        return;
    }
    /* While the one broker is fenced or about to stop there is none for the replica. */
    if (result->error_code == WIRE_ERROR_INVALID_REPLICATION_FACTOR)
        return;
    SIM_CHECK(client->world, wire_error_retriable(result->error_code),
              "CreateTopics of %s: %s: %.*s", topic->name, wire_error_name(result->error_code),
              WIRE_STRING_ARGS(result->error_message));
}

static void create_send(struct admin *admin)
{
    const struct model_topic *model = admin->topic;
    char segment_bytes[16];
    (void)snprintf(segment_bytes, sizeof segment_bytes, "%d", model->segment_bytes);
    char retention_bytes[16];
    (void)snprintf(retention_bytes, sizeof retention_bytes, "%d", model->retention_bytes);
    const struct {
        const char *name;
        const char *value;
        bool set;
    } all[] = {
        {"internal.segment.bytes", segment_bytes, model->segment_bytes > 0},
        {"retention.bytes", retention_bytes, model->retention_bytes > 0},
        {"flush.messages", "1", model->flushes},
        {"compression.type", model->compression, model->compression != NULL},
        {"message.timestamp.type", "LogAppendTime", model->append_time},
    };
    struct wire_create_topics_request_creatable_topic_config configs[ARRAY_COUNT(all)];
    int32_t config_count = 0;
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        if (!all[i].set)
            continue;
        wire_default(&wire_create_topics_request_creatable_topic_config_schema,
                     &configs[config_count]);
        configs[config_count].name = wire_string_from(all[i].name);
        configs[config_count++].value = wire_string_from(all[i].value);
    }
    struct wire_create_topics_request_creatable_topic topic;
    wire_default(&wire_create_topics_request_creatable_topic_schema, &topic);
    topic.name = wire_string_from(model->name);
    topic.num_partitions = model->partition_count;
    topic.replication_factor = 1;
    topic.configs.items = configs;
    topic.configs.count = config_count;
    struct wire_create_topics_request message;
    wire_default(&wire_create_topics_request_schema, &message);
    message.topics.items = &topic;
    message.topics.count = 1;
    message.timeout_ms = 10000;
    admin->sent = client_send(&admin->client, &admin->request, WIRE_API_CREATE_TOPICS, 0, &message,
                              create_done);
}

/* ---- Deleting ---- */

static void delete_done(struct client *client, struct client_request *request,
                        const struct link_response *response)
{
    UNUSED(request);
    struct admin *admin = CONTAINER_OF(client, struct admin, client);
    struct model_topic *topic = admin->topic;
    bool tried = admin->tried;
    answered(admin, false);
    if (response->err != ERR_OK)
        return;
    const struct wire_delete_topics_response *message = response->message;
    SIM_CHECK(client->world, message->responses.count == 1, "DeleteTopics answers for %d topics",
              message->responses.count);
    int16_t error = message->responses.items[0].error_code;
    bool unknown =
        error == WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION || error == WIRE_ERROR_UNKNOWN_TOPIC_ID;
    if (error == WIRE_ERROR_NONE || (unknown && tried)) {
        topic->state = MODEL_TOPIC_DELETED;
        sim_log(client->world, "%s is deleted", topic->name);
        answered(admin, true);
        return;
    }
    SIM_CHECK(client->world, !unknown && wire_error_retriable(error), "DeleteTopics of %s: %s",
              topic->name, wire_error_name(error));
}

static void delete_send(struct admin *admin)
{
    const struct model_topic *model = admin->topic;
    bool by_id = prng_chance(&admin->client.prng, 1, 2);
    struct wire_delete_topics_request_delete_topic_state topic;
    wire_default(&wire_delete_topics_request_delete_topic_state_schema, &topic);
    topic.name = by_id ? WIRE_NULL_STRING : wire_string_from(model->name);
    if (by_id)
        topic.topic_id = model->id;
    struct wire_string name = wire_string_from(model->name);
    struct wire_delete_topics_request message;
    wire_default(&wire_delete_topics_request_schema, &message);
    message.timeout_ms = 10000;
    message.topics.items = &topic;
    message.topics.count = 1;
    message.topic_names.items = &name;
    message.topic_names.count = 1;
    /* Version 6 has states, those before it have names. */
    admin->client.version_pinned = by_id ? 6 : (int16_t)prng_range(&admin->client.prng, 1, 5);
    if (admin->client.version_pinned < 6)
        message.topics.count = 0;
    else
        message.topic_names.count = 0;
    admin->sent = client_send(&admin->client, &admin->request, WIRE_API_DELETE_TOPICS, 0, &message,
                              delete_done);
    admin->client.version_pinned = 0;
}

/* ---- Turns ---- */

static void churn(struct admin *admin)
{
    struct client *client = &admin->client;
    if (admin->churned >= admin->options.churn_count)
        return;
    char name[48];
    (void)snprintf(name, sizeof name, "churn-%u-%u", client->options.id, admin->churned++);
    struct model_topic *topic =
        model_topic_add(client->model, name, (int32_t)prng_range(&client->prng, 1, 4), false);
    admin->topic = topic;
    admin->tried = false;
}

static bool is_churn(const struct model_topic *topic)
{
    return topic->name[0] == 'c';
}

static void admin_step(struct client *client)
{
    struct admin *admin = CONTAINER_OF(client, struct admin, client);
    uint64_t now = env_now_ns(client->env);
    if (admin->sent || !client_may_send(client) || now < admin->send_after_ns)
        return;
    admin->send_after_ns = now + sim_draw(&client->prng, 500 * SIM_MS);
    if (admin->topic == NULL) {
        admin->tried = false;
        admin->topic = topic_in_state(admin, MODEL_TOPIC_CREATING);
    }
    if (admin->topic == NULL) {
        /* All are there: delete one of our own, or make another. */
        LIST_FOR_EACH (node, &client->model->topics) {
            struct model_topic *topic = LIST_ENTRY(node, struct model_topic, node);
            if (topic->state == MODEL_TOPIC_CREATED && is_churn(topic)) {
                topic->state = MODEL_TOPIC_DELETING;
                admin->topic = topic;
            }
        }
    }
    if (admin->topic == NULL)
        churn(admin);
    if (admin->topic == NULL)
        return;
    if (admin->topic->state == MODEL_TOPIC_CREATING)
        create_send(admin);
    else if (admin->topic->state == MODEL_TOPIC_DELETING)
        delete_send(admin);
}

bool client_admin_is_done(const struct client *client)
{
    const struct admin *admin = CONTAINER_OF(client, struct admin, client);
    return admin->topic == NULL && admin->churned >= admin->options.churn_count;
}

struct client *client_admin_new(struct env *env, const struct client_admin_options *options)
{
    struct admin *admin = mem_zalloc(sizeof *admin);
    admin->options = *options;
    client_init(&admin->client, env, &options->client, "admin", admin_step);
    return &admin->client;
}
