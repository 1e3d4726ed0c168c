/*
 * ListConfigResources (KIP-1142), of which version 0 was ListClientMetricsResources: what has
 * settings of its own, or could have.
 */
#include "broker/api/handlers_int.h"
#include "broker/node_int.h"

#include "broker/request.h"
#include "wire/messages.h"

typedef struct wire_list_config_resources_response_config_resource listed;

struct listing {
    struct broker_request *request;
    const struct meta_image *image;
    listed *items;
    size_t count;
    size_t capacity;
};

static void add(struct listing *listing, int8_t type, struct wire_string name)
{
    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity == 0 ? 16 : listing->capacity * 2;
        listed *items = BROKER_REPLY_ARRAY(
            listing->request, list_config_resources_response_config_resource, capacity);
        if (listing->count > 0)
            memcpy(items, listing->items, listing->count * sizeof *items);
        listing->items = items;
        listing->capacity = capacity;
    }
    listing->items[listing->count].resource_type = type;
    listing->items[listing->count++].resource_name = name;
}

/* Those with settings; each is met in one go. */
static void add_configured(struct listing *listing, int8_t type)
{
    struct meta_iter iter;
    meta_iter_all_configs(&iter, listing->image);
    const struct meta_config *config;
    size_t first = listing->count;
    while ((config = meta_iter_config_next(&iter)) != NULL) {
        bool again = listing->count > first &&
                     wire_string_equal(listing->items[listing->count - 1].resource_name,
                                       config->resource_name);
        if (config->resource_type == type && !again)
            add(listing, type, config->resource_name);
    }
}

static void add_brokers(struct listing *listing, int8_t type)
{
    struct meta_iter iter;
    meta_iter_brokers(&iter, listing->image);
    const struct meta_broker *broker;
    while ((broker = meta_iter_broker_next(&iter)) != NULL)
        add(listing, type,
            wire_string_from(arena_printf(&listing->request->arena, "%d", broker->id)));
}

static void add_topics(struct listing *listing)
{
    struct meta_iter iter;
    meta_iter_topics(&iter, listing->image, NULL, 0);
    const struct meta_topic *topic;
    while ((topic = meta_iter_topic_next(&iter)) != NULL)
        add(listing, META_RESOURCE_TOPIC, topic->name);
}

void broker_api_list_config_resources(struct broker_request *request)
{
    static const int8_t types[] = {META_RESOURCE_GROUP, META_RESOURCE_CLIENT_METRICS,
                                   META_RESOURCE_BROKER_LOGGER, META_RESOURCE_BROKER,
                                   META_RESOURCE_TOPIC};
    const struct wire_list_config_resources_request *message = request->body;
    struct wire_list_config_resources_response *reply =
        BROKER_REPLY(request, list_config_resources_response);
    bool wanted[ARRAY_COUNT(types)] = {false};
    for (size_t i = 0; i < ARRAY_COUNT(types); i++)
        wanted[i] = request->version == 0 ? types[i] == META_RESOURCE_CLIENT_METRICS
                                          : message->resource_types.count == 0;
    for (int32_t i = 0; i < message->resource_types.count; i++) {
        size_t j = 0;
        while (j < ARRAY_COUNT(types) && types[j] != message->resource_types.items[i])
            j++;
        if (j == ARRAY_COUNT(types)) {
            reply->error_code = WIRE_ERROR_UNSUPPORTED_VERSION;
            broker_request_complete(request, reply);
            return;
        }
        wanted[j] = true;
    }
    struct listing listing = {.request = request, .image = request->shard->image};
    for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
        if (!wanted[i])
            continue;
        if (types[i] == META_RESOURCE_TOPIC)
            add_topics(&listing);
        else if (types[i] == META_RESOURCE_BROKER || types[i] == META_RESOURCE_BROKER_LOGGER)
            add_brokers(&listing, types[i]);
        else
            add_configured(&listing, types[i]);
    }
    reply->config_resources.items = listing.items;
    reply->config_resources.count = (int32_t)listing.count;
    broker_request_complete(request, reply);
}
