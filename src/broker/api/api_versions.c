/*
 * ApiVersions (KIP-35, KIP-511, KIP-584): what this listener serves, and the cluster's features.
 * Every client's first request, so it works before anything else does.
 */
#include "broker/api/handlers_int.h"
#include "broker/node_int.h"

#include "base/mem.h"
#include "broker/conn.h"
#include "broker/request.h"
#include "meta/features.h"
#include "wire/messages.h"

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* [a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])? as KIP-511 has it. */
static bool is_software_text(struct wire_string text)
{
    if (text.size == 0 || !is_word(text.data[0]) || !is_word(text.data[text.size - 1]))
        return false;
    for (uint32_t i = 0; i < text.size; i++) {
        if (!is_word(text.data[i]) && text.data[i] != '-' && text.data[i] != '.')
            return false;
    }
    return true;
}

/* An unknown version is answered in version 0, with the versions of this API alone. */
static void answer_unknown_version(struct broker_request *request)
{
    struct wire_api_versions_response *reply = BROKER_REPLY(request, api_versions_response);
    reply->error_code = WIRE_ERROR_UNSUPPORTED_VERSION;
    reply->api_keys.items = BROKER_REPLY_ARRAY(request, api_versions_response_api_version, 1);
    reply->api_keys.count = 1;
    reply->api_keys.items[0].api_key = request->api->key;
    reply->api_keys.items[0].min_version = request->api->advertised_min;
    reply->api_keys.items[0].max_version = request->api->version_max;
    broker_request_complete_version(request, 0, reply);
}

static void fill_apis(struct broker_request *request, struct wire_api_versions_response *reply)
{
    bool controller = request->conn->listener->controller;
    unsigned needs = controller ? BROKER_API_CONTROLLER : BROKER_API_BROKER;
    struct wire_api_versions_response_api_version *items =
        BROKER_REPLY_ARRAY(request, api_versions_response_api_version, broker_api_count);
    int32_t count = 0;
    for (size_t i = 0; i < broker_api_count; i++) {
        const struct broker_api *api = &broker_apis[i];
        if ((api->flags & needs) == 0)
            continue;
        items[count].api_key = api->key;
        items[count].min_version = api->advertised_min;
        items[count].max_version = api->version_max;
        count++;
    }
    reply->api_keys.items = items;
    reply->api_keys.count = count;
}

static struct wire_api_versions_response_finalized_feature_key
finalized_feature(struct wire_string name, int16_t level)
{
    return (struct wire_api_versions_response_finalized_feature_key){
        .name = name, .min_version_level = level, .max_version_level = level};
}

static void fill_features(struct broker_request *request, struct wire_api_versions_response *reply)
{
    struct wire_api_versions_response_supported_feature_key *supported = BROKER_REPLY_ARRAY(
        request, api_versions_response_supported_feature_key, meta_feature_count);
    int32_t count = 0;
    for (size_t i = 0; i < meta_feature_count; i++) {
        /* Clients before version 4 take a feature that begins at 0 for an error (KAFKA-17011). */
        if (request->version < 4 && meta_features[i].version_min == 0)
            continue;
        supported[count].name = wire_string_from(meta_features[i].name);
        supported[count].min_version = meta_features[i].version_min;
        supported[count].max_version = meta_features[i].version_max;
        count++;
    }
    reply->supported_features.items = supported;
    reply->supported_features.count = count;

    const struct meta_image *image = request->shard->image;
    if (image == NULL)
        return;
    reply->finalized_features_epoch = image->offset;
    size_t level_count = pmap_count(image->features);
    struct wire_api_versions_response_finalized_feature_key *finalized =
        BROKER_REPLY_ARRAY(request, api_versions_response_finalized_feature_key, level_count + 1);
    struct meta_iter iter;
    meta_iter_features(&iter, image);
    const struct meta_feature *feature;
    int32_t finalized_count = 0;
    while ((feature = meta_iter_feature_next(&iter)) != NULL)
        if (feature->level > 0)
            finalized[finalized_count++] = finalized_feature(feature->name, feature->level);
    if (request->shard->kraft_version > 0)
        finalized[finalized_count++] = finalized_feature(
            wire_string_from(META_FEATURE_KRAFT_VERSION), request->shard->kraft_version);
    reply->finalized_features.items = finalized;
    reply->finalized_features.count = finalized_count;
}

static void remember_software(struct broker_conn *conn,
                              const struct wire_api_versions_request *message)
{
    mem_free(conn->software_name);
    mem_free(conn->software_version);
    conn->software_name =
        mem_strndup(message->client_software_name.data, message->client_software_name.size);
    conn->software_version =
        mem_strndup(message->client_software_version.data, message->client_software_version.size);
}

void broker_api_api_versions(struct broker_request *request)
{
    const struct wire_api_versions_request *message = request->body;
    if (message == NULL) {
        answer_unknown_version(request);
        return;
    }
    struct wire_api_versions_response *reply = BROKER_REPLY(request, api_versions_response);
    if (request->version >= 3) {
        if (!is_software_text(message->client_software_name) ||
            !is_software_text(message->client_software_version)) {
            reply->error_code = WIRE_ERROR_INVALID_REQUEST;
            broker_request_complete(request, reply);
            return;
        }
        remember_software(request->conn, message);
    }
    fill_apis(request, reply);
    fill_features(request, reply);
    broker_request_complete(request, reply);
}
