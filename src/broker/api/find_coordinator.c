/*
 * FindCoordinator: the leader of the partition that a group's name falls on. __consumer_offsets is
 * made when somebody first asks; until it is there, the coordinator is not available, which clients
 * take as "ask again later". Coordinators of transactions and of share groups are not available in
 * this release.
 */
#include "broker/api/auto_create_int.h"
#include "broker/api/handlers_int.h"
#include "broker/api/view_int.h"
#include "broker/node_int.h"

#include "broker/conn.h"
#include "broker/groups.h"
#include "broker/request.h"
#include "wire/messages.h"

#include <stdio.h>

enum coordinator_type { COORDINATOR_GROUP = 0, COORDINATOR_TRANSACTION = 1, COORDINATOR_SHARE = 2 };

/* groupId:topicId:partition (KIP-932). */
static bool is_share_key(struct wire_string key)
{
    const char *end = key.data + key.size;
    const char *colon = NULL;
    for (const char *at = key.data; at != end; at++) {
        if (*at == ':')
            colon = at;
    }
    if (colon == NULL || colon + 1 == end || colon - key.data < 23 || colon[-23] != ':')
        return false;
    for (const char *at = colon + 1; at != end; at++) {
        if (*at < '0' || *at > '9')
            return false;
    }
    struct uuid id;
    return colon - key.data > 23 && uuid_from_text(colon - 22, 22, &id) == ERR_OK;
}

static void create_offsets_topic(struct broker_request *request)
{
    struct broker_shard *shard = request->shard;
    char segment_bytes[24];
    snprintf(segment_bytes, sizeof segment_bytes, "%lld",
             (long long)conf_int(shard->conf, CONF_BROKER_OFFSETS_TOPIC_SEGMENT_BYTES));
    const struct conf_pair configs[] = {
        {"cleanup.policy", "compact"},
        {"compression.type", "producer"},
        {"segment.bytes", segment_bytes},
    };
    broker_create_internal(
        shard, WIRE_STRING(BROKER_OFFSETS_TOPIC),
        (int32_t)conf_int(shard->conf, CONF_BROKER_OFFSETS_TOPIC_NUM_PARTITIONS),
        (int16_t)conf_int(shard->conf, CONF_BROKER_OFFSETS_TOPIC_REPLICATION_FACTOR), configs,
        ARRAY_COUNT(configs));
}

struct found {
    int16_t error;
    int32_t node_id;
    struct wire_string host;
    int32_t port;
};

static struct found find_group(struct broker_request *request, struct wire_string key)
{
    const struct meta_image *image = request->shard->image;
    struct found found = {WIRE_ERROR_COORDINATOR_NOT_AVAILABLE, -1, WIRE_EMPTY_STRING, -1};
    const struct meta_topic *topic =
        meta_image_topic(image, BROKER_OFFSETS_TOPIC, sizeof BROKER_OFFSETS_TOPIC - 1);
    if (topic == NULL) {
        create_offsets_topic(request);
        return found;
    }
    int32_t index = group_partition_of(key, topic->partition_count);
    const struct meta_partition *partition = meta_image_partition(image, &topic->id, index);
    const char *listener = request->conn == NULL ? "" : request->conn->listener->name;
    const struct meta_endpoint *endpoint = partition == NULL || partition->leader == META_NO_LEADER
                                               ? NULL
                                               : view_endpoint(image, partition->leader, listener);
    if (endpoint == NULL)
        return found;
    return (struct found){WIRE_ERROR_NONE, partition->leader, endpoint->host, endpoint->port};
}

static struct found find(struct broker_request *request, int8_t type, struct wire_string key)
{
    if (type == COORDINATOR_GROUP)
        return find_group(request, key);
    bool share_bad = type == COORDINATOR_SHARE && (request->version < 6 || !is_share_key(key));
    int16_t error = type < COORDINATOR_GROUP || type > COORDINATOR_SHARE || share_bad
                        ? WIRE_ERROR_INVALID_REQUEST
                        : WIRE_ERROR_COORDINATOR_NOT_AVAILABLE;
    return (struct found){error, -1, WIRE_EMPTY_STRING, -1};
}

void broker_api_find_coordinator(struct broker_request *request)
{
    const struct wire_find_coordinator_request *message = request->body;
    struct wire_find_coordinator_response *reply = BROKER_REPLY(request, find_coordinator_response);
    if (request->version < 4) {
        struct found found = find(request, message->key_type, message->key);
        reply->error_code = found.error;
        reply->error_message = found.error == WIRE_ERROR_NONE
                                   ? WIRE_STRING("NONE")
                                   : wire_string_from(wire_error_message(found.error));
        reply->node_id = found.node_id;
        reply->host = found.host;
        reply->port = found.port;
        broker_request_complete(request, reply);
        return;
    }
    int32_t count = message->coordinator_keys.count;
    reply->coordinators.items =
        BROKER_REPLY_ARRAY(request, find_coordinator_response_coordinator, (size_t)count);
    reply->coordinators.count = count;
    for (int32_t i = 0; i < count; i++) {
        struct wire_find_coordinator_response_coordinator *out = &reply->coordinators.items[i];
        out->key = message->coordinator_keys.items[i];
        struct found found = find(request, message->key_type, out->key);
        out->error_code = found.error;
        out->node_id = found.node_id;
        out->host = found.host;
        out->port = found.port;
        /* Apache Kafka has a text for an unknown type alone. */
        bool known =
            message->key_type >= COORDINATOR_GROUP && message->key_type <= COORDINATOR_SHARE;
        out->error_message =
            known ? WIRE_EMPTY_STRING : wire_string_from(wire_error_message(out->error_code));
    }
    broker_request_complete(request, reply);
}
