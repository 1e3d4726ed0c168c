/*
 * DescribeConfigs (KIP-133, KIP-226, KIP-569): settings of topics, of this broker and the default
 * of all brokers, of groups and client metrics, each with where its value comes from. Also on the
 * controllers' listeners, without synonyms there, as Kafka has it.
 */
#include "broker/api/handlers_int.h"
#include "broker/api/view_int.h"
#include "broker/node_int.h"

#include "base/log.h"
#include "conf/describe.h"
#include "wire/messages.h"

#include <stdlib.h>

/* A few bytes of a request can ask for hundreds of settings. */
#define DESCRIBE_BYTES_MAX ((size_t)256 << 20)

struct describe {
    struct broker_request *request;
    const struct wire_describe_configs_request *message;
    const struct meta_image *image;
    const struct conf *conf;
    bool synonyms;
};

static void fill_error(struct wire_describe_configs_response_describe_configs_result *out,
                       int16_t code, const char *message)
{
    out->error_code = code;
    out->error_message = wire_string_from(message != NULL ? message : "");
}

static bool
is_wanted(const struct wire_describe_configs_request_describe_configs_resource *resource,
          const char *name)
{
    /* None and null both mean all. */
    if (resource->configuration_keys.count <= 0)
        return true;
    for (int32_t i = 0; i < resource->configuration_keys.count; i++) {
        if (wire_string_is(resource->configuration_keys.items[i], name))
            return true;
    }
    return false;
}

static void fill(struct describe *describe,
                 const struct wire_describe_configs_request_describe_configs_resource *resource,
                 struct wire_describe_configs_response_describe_configs_result *out,
                 const struct conf_described *settings, size_t count)
{
    struct broker_request *request = describe->request;
    out->error_message = WIRE_EMPTY_STRING;
    out->configs.items = BROKER_REPLY_ARRAY(
        request, describe_configs_response_describe_configs_resource_result, count);
    for (size_t i = 0; i < count; i++) {
        const struct conf_described *setting = &settings[i];
        if (!is_wanted(resource, setting->name))
            continue;
        struct wire_describe_configs_response_describe_configs_resource_result *to =
            &out->configs.items[out->configs.count++];
        to->name = wire_string_from(setting->name);
        to->value = wire_string_from(setting->value);
        to->read_only = setting->read_only;
        to->config_source = (int8_t)setting->source;
        to->is_sensitive = setting->sensitive;
        to->config_type = (int8_t)setting->type;
        to->documentation = describe->message->include_documentation ||
                                    setting->source == CONF_SOURCE_DYNAMIC_BROKER_LOGGER
                                ? wire_string_from(setting->sentence)
                                : WIRE_NULL_STRING;
        if (!describe->synonyms)
            continue;
        to->synonyms.items = BROKER_REPLY_ARRAY(
            request, describe_configs_response_describe_configs_synonym, setting->synonym_count);
        to->synonyms.count = (int32_t)setting->synonym_count;
        for (size_t s = 0; s < setting->synonym_count; s++) {
            to->synonyms.items[s].name = wire_string_from(setting->synonyms[s].name);
            to->synonyms.items[s].value = wire_string_from(setting->synonyms[s].value);
            to->synonyms.items[s].source = (int8_t)setting->synonyms[s].source;
        }
    }
}

/* What is set for the resource in the metadata, in the request's arena. */
static size_t overrides(struct describe *describe, enum meta_resource type, struct wire_string name,
                        const struct conf_pair **out)
{
    struct meta_iter iter;
    const struct meta_config *config;
    size_t count = 0;
    meta_iter_configs(&iter, describe->image, type, name.data, name.size);
    while (meta_iter_config_next(&iter) != NULL)
        count++;
    struct conf_pair *pairs =
        arena_must_alloc_array(&describe->request->arena, count, sizeof pairs[0]);
    size_t at = 0;
    meta_iter_configs(&iter, describe->image, type, name.data, name.size);
    while ((config = meta_iter_config_next(&iter)) != NULL)
        pairs[at++] = (struct conf_pair){.name = config->name.data, .value = config->text.data};
    *out = pairs;
    return count;
}

static void
describe_topic(struct describe *describe,
               const struct wire_describe_configs_request_describe_configs_resource *resource,
               struct wire_describe_configs_response_describe_configs_result *out)
{
    struct arena *arena = &describe->request->arena;
    struct wire_string name = resource->resource_name;
    if (!view_topic_name_is_valid(name)) {
        fill_error(
            out, WIRE_ERROR_INVALID_TOPIC_EXCEPTION,
            arena_printf(arena, "'%.*s' cannot be the name of a topic", WIRE_STRING_ARGS(name)));
        return;
    }
    if (meta_image_topic(describe->image, name.data, name.size) == NULL) {
        fill_error(out, WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION, NULL);
        return;
    }
    const struct conf_pair *pairs;
    size_t pair_count = overrides(describe, META_RESOURCE_TOPIC, name, &pairs);
    struct conf_described *settings;
    size_t count = conf_describe_topic(describe->conf, pairs, pair_count, arena, &settings);
    fill(describe, resource, out, settings, count);
}

/* The number of a broker's resource. False: it is none, and the error is set. */
static bool
broker_number(struct describe *describe,
              const struct wire_describe_configs_request_describe_configs_resource *resource,
              struct wire_describe_configs_response_describe_configs_result *out,
              const char *or_empty)
{
    struct arena *arena = &describe->request->arena;
    char *text = arena_must_alloc(arena, resource->resource_name.size + 1);
    memcpy(text, resource->resource_name.data, resource->resource_name.size);
    char *end = text;
    long number = strtol(text, &end, 10);
    int32_t own = describe->request->shard->node->id;
    if (end == text || *end != '\0') {
        fill_error(out, WIRE_ERROR_INVALID_REQUEST,
                   arena_printf(arena, "Broker id must be an integer, but it is: %s", text));
        return false;
    }
    if (number == own)
        return true;
    fill_error(out, WIRE_ERROR_INVALID_REQUEST,
               arena_printf(arena, "Unexpected broker id, expected %d%s but received %s", own,
                            or_empty, text));
    return false;
}

static void
describe_broker(struct describe *describe,
                const struct wire_describe_configs_request_describe_configs_resource *resource,
                struct wire_describe_configs_response_describe_configs_result *out)
{
    struct conf_described *settings;
    size_t count;
    if (resource->resource_name.size == 0)
        count = conf_describe_broker_default(describe->conf, &describe->request->arena, &settings);
    else if (broker_number(describe, resource, out, " or empty string,"))
        count = conf_describe_broker(describe->conf, &describe->request->arena, &settings);
    else
        return;
    fill(describe, resource, out, settings, count);
}

/* There is one logger, with the level that all rooms log at. */
static void
describe_logger(struct describe *describe,
                const struct wire_describe_configs_request_describe_configs_resource *resource,
                struct wire_describe_configs_response_describe_configs_result *out)
{
    if (resource->resource_name.size == 0) {
        fill_error(out, WIRE_ERROR_INVALID_REQUEST, "Broker id must not be empty");
        return;
    }
    if (!broker_number(describe, resource, out, ""))
        return;
    enum log_level level = LOG_LEVEL_DEBUG;
    while (level < LOG_LEVEL_ERROR && !log_enabled(level))
        level++;
    static const char *const names[] = {"DEBUG", "INFO", "WARN", "ERROR"};
    struct conf_described root = {
        .name = "root",
        .value = names[level],
        .source = CONF_SOURCE_DYNAMIC_BROKER_LOGGER,
        .sentence = "",
    };
    fill(describe, resource, out, &root, 1);
}

static void
describe_other(struct describe *describe,
               const struct wire_describe_configs_request_describe_configs_resource *resource,
               struct wire_describe_configs_response_describe_configs_result *out)
{
    bool group = resource->resource_type == META_RESOURCE_GROUP;
    if (resource->resource_name.size == 0) {
        fill_error(out, WIRE_ERROR_INVALID_REQUEST,
                   group ? "Group name must not be empty"
                         : "Client metrics subscription name must not be empty");
        return;
    }
    struct arena *arena = &describe->request->arena;
    const struct conf_pair *pairs;
    size_t pair_count = overrides(describe, (enum meta_resource)resource->resource_type,
                                  resource->resource_name, &pairs);
    struct conf_described *settings;
    size_t count = group ? conf_describe_group(describe->conf, pairs, pair_count, arena, &settings)
                         : conf_describe_client_metrics(pairs, pair_count, arena, &settings);
    fill(describe, resource, out, settings, count);
}

typedef void
describe_fn(struct describe *describe,
            const struct wire_describe_configs_request_describe_configs_resource *resource,
            struct wire_describe_configs_response_describe_configs_result *out);

static describe_fn *describer(int8_t type)
{
    switch (type) {
    case META_RESOURCE_TOPIC:
        return describe_topic;
    case META_RESOURCE_BROKER:
        return describe_broker;
    case META_RESOURCE_BROKER_LOGGER:
        return describe_logger;
    case META_RESOURCE_CLIENT_METRICS:
    case META_RESOURCE_GROUP:
        return describe_other;
    default:
        return NULL;
    }
}

void broker_api_describe_configs(struct broker_request *request)
{
    const struct wire_describe_configs_request *message = request->body;
    struct broker_shard *shard = request->shard;
    struct wire_describe_configs_response *reply = BROKER_REPLY(request, describe_configs_response);
    size_t count = (size_t)message->resources.count;
    reply->results.items =
        BROKER_REPLY_ARRAY(request, describe_configs_response_describe_configs_result, count);
    reply->results.count = message->resources.count;
    struct describe describe = {
        .request = request,
        .message = message,
        .image = shard->image,
        .conf = shard->conf,
        .synonyms = message->include_synonyms,
    };
    /* A type that is none spoils the request as a whole. */
    bool spoilt = shard->image == NULL;
    for (size_t i = 0; i < count; i++)
        spoilt = spoilt || describer(message->resources.items[i].resource_type) == NULL;
    for (size_t i = 0; i < count; i++) {
        const struct wire_describe_configs_request_describe_configs_resource *resource =
            &message->resources.items[i];
        struct wire_describe_configs_response_describe_configs_result *out =
            &reply->results.items[i];
        out->resource_type = resource->resource_type;
        out->resource_name = resource->resource_name;
        if (request->arena.used_bytes > DESCRIBE_BYTES_MAX)
            fill_error(out, WIRE_ERROR_POLICY_VIOLATION,
                       "the request asks for more than one answer can hold; ask for less at once");
        else if (spoilt)
            fill_error(out, WIRE_ERROR_INVALID_REQUEST,
                       wire_error_message(WIRE_ERROR_INVALID_REQUEST));
        else
            describer(resource->resource_type)(&describe, resource, out);
    }
    broker_request_complete(request, reply);
}
