/*
 * FindCoordinator. This release coordinates no groups and no transactions: clients are told that
 * the coordinator is not available, which all of them take as "ask again later", and so those that
 * only would like one (a consumer with partitions of its own choice) work.
 */
#include "broker/api/handlers_int.h"

#include "broker/request.h"
#include "wire/messages.h"

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

static int16_t coordinator_error(const struct broker_request *request, int8_t type,
                                 struct wire_string key)
{
    if (type < COORDINATOR_GROUP || type > COORDINATOR_SHARE)
        return WIRE_ERROR_INVALID_REQUEST;
    if (type == COORDINATOR_SHARE && (request->version < 6 || !is_share_key(key)))
        return WIRE_ERROR_INVALID_REQUEST;
    return WIRE_ERROR_COORDINATOR_NOT_AVAILABLE;
}

void broker_api_find_coordinator(struct broker_request *request)
{
    const struct wire_find_coordinator_request *message = request->body;
    struct wire_find_coordinator_response *reply = BROKER_REPLY(request, find_coordinator_response);
    if (request->version < 4) {
        reply->error_code = coordinator_error(request, message->key_type, message->key);
        reply->error_message = wire_string_from(wire_error_message(reply->error_code));
        reply->node_id = -1;
        reply->port = -1;
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
        out->node_id = -1;
        out->port = -1;
        out->error_code = coordinator_error(request, message->key_type, out->key);
        /* Apache Kafka has a text for an unknown type alone. */
        bool known =
            message->key_type >= COORDINATOR_GROUP && message->key_type <= COORDINATOR_SHARE;
        out->error_message =
            known ? WIRE_EMPTY_STRING : wire_string_from(wire_error_message(out->error_code));
    }
    broker_request_complete(request, reply);
}
