/* One error for a whole request, in the shape of each API's reply. */
#include "control_int.h"

static void *create_topics_error(const struct wire_create_topics_request *request, int16_t error,
                                 struct wire_string message, struct arena *arena)
{
    struct wire_create_topics_response *reply =
        control_new_message(&wire_create_topics_response_schema, arena, 1);
    reply->topics.count = request->topics.count;
    reply->topics.items =
        control_new_message(&wire_create_topics_response_creatable_topic_result_schema, arena,
                            (size_t)request->topics.count);
    for (int32_t i = 0; i < request->topics.count; i++) {
        reply->topics.items[i].name = request->topics.items[i].name;
        reply->topics.items[i].error_code = error;
        reply->topics.items[i].error_message = message;
    }
    return reply;
}

static void *delete_topics_error(const struct wire_delete_topics_request *request, int16_t version,
                                 int16_t error, struct wire_string message, struct arena *arena)
{
    struct wire_delete_topics_response *reply =
        control_new_message(&wire_delete_topics_response_schema, arena, 1);
    int32_t count = version >= 6 ? request->topics.count : request->topic_names.count;
    reply->responses.count = count;
    reply->responses.items = control_new_message(
        &wire_delete_topics_response_deletable_topic_result_schema, arena, (size_t)count);
    for (int32_t i = 0; i < count; i++) {
        struct wire_delete_topics_response_deletable_topic_result *one = &reply->responses.items[i];
        one->name = version >= 6 ? request->topics.items[i].name : request->topic_names.items[i];
        if (version >= 6)
            one->topic_id = request->topics.items[i].topic_id;
        one->error_code = error;
        one->error_message = message;
    }
    return reply;
}

static void *create_partitions_error(const struct wire_create_partitions_request *request,
                                     int16_t error, struct wire_string message, struct arena *arena)
{
    struct wire_create_partitions_response *reply =
        control_new_message(&wire_create_partitions_response_schema, arena, 1);
    reply->results.count = request->topics.count;
    reply->results.items =
        control_new_message(&wire_create_partitions_response_create_partitions_topic_result_schema,
                            arena, (size_t)request->topics.count);
    for (int32_t i = 0; i < request->topics.count; i++) {
        reply->results.items[i].name = request->topics.items[i].name;
        reply->results.items[i].error_code = error;
        reply->results.items[i].error_message = message;
    }
    return reply;
}

static void *alter_configs_error(const struct wire_alter_configs_request *request, int16_t error,
                                 struct wire_string message, struct arena *arena)
{
    struct wire_alter_configs_response *reply =
        control_new_message(&wire_alter_configs_response_schema, arena, 1);
    reply->responses.count = request->resources.count;
    reply->responses.items =
        control_new_message(&wire_alter_configs_response_alter_configs_resource_response_schema,
                            arena, (size_t)request->resources.count);
    for (int32_t i = 0; i < request->resources.count; i++) {
        reply->responses.items[i].error_code = error;
        reply->responses.items[i].error_message = message;
        reply->responses.items[i].resource_type = request->resources.items[i].resource_type;
        reply->responses.items[i].resource_name = request->resources.items[i].resource_name;
    }
    return reply;
}

static void *
incremental_alter_configs_error(const struct wire_incremental_alter_configs_request *request,
                                int16_t error, struct wire_string message, struct arena *arena)
{
    struct wire_incremental_alter_configs_response *reply =
        control_new_message(&wire_incremental_alter_configs_response_schema, arena, 1);
    reply->responses.count = request->resources.count;
    reply->responses.items = control_new_message(
        &wire_incremental_alter_configs_response_alter_configs_resource_response_schema, arena,
        (size_t)request->resources.count);
    for (int32_t i = 0; i < request->resources.count; i++) {
        reply->responses.items[i].error_code = error;
        reply->responses.items[i].error_message = message;
        reply->responses.items[i].resource_type = request->resources.items[i].resource_type;
        reply->responses.items[i].resource_name = request->resources.items[i].resource_name;
    }
    return reply;
}

static void *elect_leaders_error(const struct wire_elect_leaders_request *request, int16_t error,
                                 struct wire_string message, struct arena *arena)
{
    struct wire_elect_leaders_response *reply =
        control_new_message(&wire_elect_leaders_response_schema, arena, 1);
    reply->error_code = error;
    int32_t count = request->topic_partitions.count > 0 ? request->topic_partitions.count : 0;
    reply->replica_election_results.count = count;
    reply->replica_election_results.items = control_new_message(
        &wire_elect_leaders_response_replica_election_result_schema, arena, (size_t)count);
    for (int32_t i = 0; i < count; i++) {
        const struct wire_elect_leaders_request_topic_partitions *from =
            &request->topic_partitions.items[i];
        struct wire_elect_leaders_response_replica_election_result *to =
            &reply->replica_election_results.items[i];
        to->topic = from->topic;
        to->partition_result.count = from->partitions.count;
        to->partition_result.items =
            control_new_message(&wire_elect_leaders_response_partition_result_schema, arena,
                                (size_t)from->partitions.count);
        for (int32_t j = 0; j < from->partitions.count; j++) {
            to->partition_result.items[j].partition_id = from->partitions.items[j];
            to->partition_result.items[j].error_code = error;
            to->partition_result.items[j].error_message = message;
        }
    }
    return reply;
}

/* Replies that have a code and a text and else nothing to say. */
#define ERROR_ONLY(name)                                                                  \
    do {                                                                                  \
        struct wire_##name *reply = control_new_message(&wire_##name##_schema, arena, 1); \
        reply->error_code = error;                                                        \
        reply->error_message = text;                                                      \
        return reply;                                                                     \
    } while (0)

void *control_error_reply(int16_t api_key, int16_t version, const void *request, int16_t error,
                          const char *message, struct arena *arena)
{
    struct wire_string text = {0};
    if (message != NULL)
        text = wire_string_copy(wire_string_from(message), arena);
    switch (api_key) {
    case WIRE_API_CREATE_TOPICS:
        return create_topics_error(request, error, text, arena);
    case WIRE_API_DELETE_TOPICS:
        return delete_topics_error(request, version, error, text, arena);
    case WIRE_API_CREATE_PARTITIONS:
        return create_partitions_error(request, error, text, arena);
    case WIRE_API_ALTER_CONFIGS:
        return alter_configs_error(request, error, text, arena);
    case WIRE_API_INCREMENTAL_ALTER_CONFIGS:
        return incremental_alter_configs_error(request, error, text, arena);
    case WIRE_API_ELECT_LEADERS:
        return elect_leaders_error(request, error, text, arena);
    case WIRE_API_ALTER_PARTITION_REASSIGNMENTS:
        ERROR_ONLY(alter_partition_reassignments_response);
    case WIRE_API_LIST_PARTITION_REASSIGNMENTS:
        ERROR_ONLY(list_partition_reassignments_response);
    case WIRE_API_UPDATE_FEATURES:
        ERROR_ONLY(update_features_response);
    case WIRE_API_BROKER_REGISTRATION: {
        struct wire_broker_registration_response *reply =
            control_new_message(&wire_broker_registration_response_schema, arena, 1);
        reply->error_code = error;
        return reply;
    }
    case WIRE_API_BROKER_HEARTBEAT: {
        struct wire_broker_heartbeat_response *reply =
            control_new_message(&wire_broker_heartbeat_response_schema, arena, 1);
        reply->error_code = error;
        return reply;
    }
    case WIRE_API_UNREGISTER_BROKER:
        ERROR_ONLY(unregister_broker_response);
    case WIRE_API_ALLOCATE_PRODUCER_IDS: {
        struct wire_allocate_producer_ids_response *reply =
            control_new_message(&wire_allocate_producer_ids_response_schema, arena, 1);
        reply->error_code = error;
        return reply;
    }
    case WIRE_API_CONTROLLER_REGISTRATION:
        ERROR_ONLY(controller_registration_response);
    default:
        UNREACHABLE();
    }
}
