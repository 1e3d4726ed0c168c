/*
 * ConsumerGroupHeartbeat and ConsumerGroupDescribe (KIP-848): to the group's coordinator as they
 * are, where the protocol is served: group.version is finalized at 1 or above and
 * group.coordinator.rebalance.protocols has consumer.
 */
#include "broker/api/handlers_int.h"
#include "broker/node_int.h"

#include "broker/groups.h"
#include "broker/request.h"
#include "meta/features.h"
#include "meta/image.h"
#include "wire/messages.h"

#include <string.h>

/* DELETE, DESCRIBE, READ, DESCRIBE_CONFIGS and ALTER_CONFIGS: what everybody may do with a group
 * while no authorizer is configured. */
#define GROUP_OPERATIONS ((1 << 3) | (1 << 6) | (1 << 8) | (1 << 10) | (1 << 11))

static bool is_served(const struct broker_shard *shard)
{
    struct conf_list protocols =
        conf_list(shard->conf, CONF_BROKER_GROUP_COORDINATOR_REBALANCE_PROTOCOLS);
    for (size_t i = 0; i < protocols.count; i++) {
        if (strcmp(protocols.items[i], "consumer") == 0)
            return meta_image_feature(shard->image, META_FEATURE_GROUP_VERSION) >= 1;
    }
    return false;
}

/* ---- ConsumerGroupHeartbeat ------------------------------------------------------------------ */

static void heartbeat_done(struct broker_group_call *call, void *response)
{
    broker_request_complete(call->request, response);
}

void broker_api_consumer_group_heartbeat(struct broker_request *request)
{
    const struct wire_consumer_group_heartbeat_request *message = request->body;
    if (!is_served(request->shard)) {
        struct wire_consumer_group_heartbeat_response *reply =
            BROKER_REPLY(request, consumer_group_heartbeat_response);
        reply->error_code = WIRE_ERROR_UNSUPPORTED_VERSION;
        broker_request_complete(request, reply);
        return;
    }
    struct broker_group_call *call = broker_group_call_new(request);
    broker_group_call_send(call, GROUP_OP_CONSUMER_BEAT, message->group_id, message,
                           heartbeat_done);
}

/* ---- ConsumerGroupDescribe ------------------------------------------------------------------- */

static void describe_done(struct broker_group_call *call, void *response)
{
    const struct wire_consumer_group_describe_request *message = call->request->body;
    struct broker_group_walk *walk = call->context;
    struct wire_consumer_group_describe_response *reply = walk->reply;
    struct wire_consumer_group_describe_response_described_group *group = response;
    if (message->include_authorized_operations && group->error_code == WIRE_ERROR_NONE)
        group->authorized_operations = GROUP_OPERATIONS;
    reply->groups.items[walk->next++] = *group;
    broker_group_walk_go(walk);
}

static void describe_ask(struct broker_group_walk *walk)
{
    const struct wire_consumer_group_describe_request *message = walk->request->body;
    struct broker_group_call *call = broker_group_call_new(walk->request);
    call->context = walk;
    const struct wire_string *id = &message->group_ids.items[walk->next];
    broker_group_call_send(call, GROUP_OP_CONSUMER_DESCRIBE, *id, id, describe_done);
}

void broker_api_consumer_group_describe(struct broker_request *request)
{
    const struct wire_consumer_group_describe_request *message = request->body;
    struct wire_consumer_group_describe_response *reply =
        BROKER_REPLY(request, consumer_group_describe_response);
    reply->groups.count = message->group_ids.count;
    reply->groups.items = BROKER_REPLY_ARRAY(
        request, consumer_group_describe_response_described_group, (size_t)reply->groups.count);
    if (is_served(request->shard)) {
        broker_group_walk_go(
            broker_group_walk_new(request, reply, reply->groups.count, describe_ask));
        return;
    }
    for (int32_t i = 0; i < reply->groups.count; i++) {
        reply->groups.items[i].group_id = message->group_ids.items[i];
        reply->groups.items[i].error_code = WIRE_ERROR_UNSUPPORTED_VERSION;
    }
    broker_request_complete(request, reply);
}
