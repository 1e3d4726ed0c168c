/*
 * DescribeCluster: the brokers, or on a controller's listener the controllers (KIP-700, KIP-919,
 * KIP-1073).
 */
#include "broker/api/handlers_int.h"
#include "broker/api/view_int.h"
#include "broker/node_int.h"

#include "broker/call.h"
#include "broker/conn.h"
#include "broker/controller.h"
#include "wire/messages.h"

enum endpoint_type { ENDPOINT_BROKER = 1, ENDPOINT_CONTROLLER = 2 };

static const char *type_text(int type)
{
    return type == ENDPOINT_BROKER ? "BROKER" : "CONTROLLER";
}

static void refuse(struct broker_request *request, int16_t code, const char *message)
{
    struct wire_describe_cluster_response *reply = BROKER_REPLY(request, describe_cluster_response);
    reply->error_code = code;
    reply->error_message = wire_string_from(message);
    broker_request_complete(request, reply);
}

static bool check_type(struct broker_request *request, int here)
{
    const struct wire_describe_cluster_request *message = request->body;
    int wanted = message->endpoint_type;
    if (wanted != ENDPOINT_BROKER && wanted != ENDPOINT_CONTROLLER) {
        refuse(request, WIRE_ERROR_UNSUPPORTED_ENDPOINT_TYPE,
               arena_printf(&request->arena, "Unsupported endpoint type %d", wanted));
        return false;
    }
    if (wanted != here) {
        refuse(request,
               request->version == 0 ? WIRE_ERROR_INVALID_REQUEST
                                     : WIRE_ERROR_MISMATCHED_ENDPOINT_TYPE,
               arena_printf(&request->arena,
                            "The request was sent to an endpoint of type %s, but we wanted an "
                            "endpoint of type %s",
                            type_text(here), type_text(wanted)));
        return false;
    }
    return true;
}

static void answer_brokers(struct broker_request *request,
                           struct wire_describe_cluster_response *reply)
{
    const struct wire_describe_cluster_request *message = request->body;
    const struct meta_image *image = request->shard->image;
    const char *listener = request->conn->listener->name;
    reply->brokers.items = BROKER_REPLY_ARRAY(
        request, describe_cluster_response_describe_cluster_broker, image->broker_count);
    struct meta_iter iter;
    meta_iter_brokers(&iter, image);
    const struct meta_broker *broker;
    while ((broker = meta_iter_broker_next(&iter)) != NULL) {
        const struct meta_endpoint *endpoint = meta_broker_endpoint(broker, listener);
        if (endpoint == NULL || (broker->fenced && !message->include_fenced_brokers))
            continue;
        struct wire_describe_cluster_response_describe_cluster_broker *out =
            &reply->brokers.items[reply->brokers.count++];
        out->broker_id = broker->id;
        out->host = endpoint->host;
        out->port = endpoint->port;
        out->rack = broker->rack;
        out->is_fenced = broker->fenced;
        if (!broker->fenced && (reply->controller_id < 0 || broker->id == request->shard->node->id))
            reply->controller_id = broker->id;
    }
    if (message->include_cluster_authorized_operations)
        reply->cluster_authorized_operations = VIEW_CLUSTER_OPERATIONS;
}

/* Who leads the quorum is known on shard 0. */
struct describe_controllers {
    struct broker_call call;
    struct broker_request *request;
    int32_t leader_id;
};

static void controllers_run(struct broker_shard *shard, struct broker_call *call)
{
    struct describe_controllers *describe = CONTAINER_OF(call, struct describe_controllers, call);
    describe->leader_id = controller_leader_id(shard->node->controller);
    broker_call_reply(shard, call);
}

static const struct meta_endpoint *controller_endpoint(const struct meta_controller *controller,
                                                       const char *listener)
{
    for (size_t i = 0; i < controller->endpoint_count; i++) {
        if (wire_string_is(controller->endpoints[i].name, listener))
            return &controller->endpoints[i];
    }
    return NULL;
}

static void controllers_done(struct broker_shard *shard, struct broker_call *call)
{
    struct describe_controllers *describe = CONTAINER_OF(call, struct describe_controllers, call);
    struct broker_request *request = describe->request;
    struct wire_describe_cluster_response *reply = BROKER_REPLY(request, describe_cluster_response);
    reply->endpoint_type = ENDPOINT_CONTROLLER;
    reply->cluster_id = wire_string_from(shard->node->cluster_id);
    reply->controller_id = describe->leader_id;
    if (request->conn == NULL || shard->image == NULL) {
        broker_request_complete(request, reply);
        return;
    }
    const char *listener = request->conn->listener->name;
    reply->brokers.items =
        BROKER_REPLY_ARRAY(request, describe_cluster_response_describe_cluster_broker,
                           pmap_count(shard->image->controllers));
    struct meta_iter iter;
    meta_iter_controllers(&iter, shard->image);
    const struct meta_controller *controller;
    while ((controller = meta_iter_controller_next(&iter)) != NULL) {
        const struct meta_endpoint *endpoint = controller_endpoint(controller, listener);
        if (endpoint == NULL)
            continue;
        struct wire_describe_cluster_response_describe_cluster_broker *out =
            &reply->brokers.items[reply->brokers.count++];
        out->broker_id = controller->id;
        out->host = endpoint->host;
        out->port = endpoint->port;
    }
    broker_request_complete(request, reply);
}

void broker_api_describe_cluster(struct broker_request *request)
{
    bool controller = request->conn->listener->controller;
    if (!check_type(request, controller ? ENDPOINT_CONTROLLER : ENDPOINT_BROKER))
        return;
    if (controller) {
        struct describe_controllers *describe = arena_must_alloc(&request->arena, sizeof *describe);
        describe->request = request;
        describe->call.run = controllers_run;
        describe->call.done = controllers_done;
        broker_call_send(request->shard, 0, &describe->call);
        return;
    }
    struct wire_describe_cluster_response *reply = BROKER_REPLY(request, describe_cluster_response);
    reply->cluster_id = wire_string_from(request->shard->node->cluster_id);
    answer_brokers(request, reply);
    broker_request_complete(request, reply);
}
