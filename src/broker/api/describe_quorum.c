/* DescribeQuorum (KIP-595, KIP-836, KIP-853): who votes, and how far the metadata log has got. */
#include "broker/api/handlers_int.h"
#include "broker/node_int.h"

#include "broker/controller.h"
#include "broker/request.h"
#include "wire/errors.h"
#include "wire/messages.h"

typedef struct wire_describe_quorum_response_replica_state told_voter;

/* The quorum is on shard 0. */
struct describe_quorum {
    struct broker_call call;
    struct broker_request *request;
    struct quorum_voter_info *voters;
    size_t voters_room;
    size_t voter_count;
    int32_t leader_id;
    int32_t epoch;
    int64_t high_watermark;
    int64_t now_ms;
    bool leads;
};

/* As in quorums of other software: no more is expected, and a larger one is told in part. */
#define VOTERS_MAX 64

static bool is_the_log(const struct wire_describe_quorum_request *message)
{
    return message->topics.count == 1 &&
           wire_string_is(message->topics.items[0].topic_name, "__cluster_metadata") &&
           message->topics.items[0].partitions.count == 1 &&
           message->topics.items[0].partitions.items[0].partition_index == 0;
}

/* Nobody else's log is told, and one request is about one. */
static void refuse(struct broker_request *request, struct wire_describe_quorum_response *reply)
{
    const struct wire_describe_quorum_request *message = request->body;
    reply->topics.count = message->topics.count;
    reply->topics.items = BROKER_REPLY_ARRAY(request, describe_quorum_response_topic_data,
                                             (size_t)message->topics.count);
    for (int32_t i = 0; i < message->topics.count; i++) {
        const struct wire_describe_quorum_request_topic_data *from = &message->topics.items[i];
        struct wire_describe_quorum_response_topic_data *to = &reply->topics.items[i];
        to->topic_name = from->topic_name;
        to->partitions.count = from->partitions.count;
        to->partitions.items = BROKER_REPLY_ARRAY(request, describe_quorum_response_partition_data,
                                                  (size_t)from->partitions.count);
        for (int32_t j = 0; j < from->partitions.count; j++) {
            to->partitions.items[j].partition_index = from->partitions.items[j].partition_index;
            to->partitions.items[j].error_code = WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
            to->partitions.items[j].error_message =
                wire_string_from("This server does not host this topic-partition.");
        }
    }
}

static void quorum_run(struct broker_shard *shard, struct broker_call *call)
{
    struct describe_quorum *describe = CONTAINER_OF(call, struct describe_quorum, call);
    const struct quorum *quorum = controller_quorum(shard->node->controller);
    describe->leads = quorum_is_leader(quorum);
    describe->leader_id = quorum_leader_id(quorum);
    describe->epoch = quorum_epoch(quorum);
    describe->high_watermark = quorum_high_watermark(quorum);
    describe->voter_count = quorum_voters(quorum, describe->voters, describe->voters_room);
    if (describe->voter_count > describe->voters_room)
        describe->voter_count = describe->voters_room;
    describe->now_ms = env_wall_ms(shard->env);
    broker_call_reply(shard, call);
}

static void fill_voters(const struct describe_quorum *describe,
                        struct wire_describe_quorum_response_partition_data *out)
{
    out->current_voters.count = (int32_t)describe->voter_count;
    out->current_voters.items = BROKER_REPLY_ARRAY(
        describe->request, describe_quorum_response_replica_state, describe->voter_count);
    for (size_t i = 0; i < describe->voter_count; i++) {
        const struct quorum_voter_info *voter = &describe->voters[i];
        told_voter *to = &out->current_voters.items[i];
        to->replica_id = voter->id;
        if (describe->request->version >= 2)
            to->replica_directory_id = voter->directory_id;
        to->log_end_offset = voter->end_offset;
        /* The leader is always caught up with itself. */
        if (voter->id == describe->leader_id) {
            to->last_fetch_timestamp = describe->now_ms;
            to->last_caught_up_timestamp = describe->now_ms;
        }
    }
}

static void fill_nodes(const struct describe_quorum *describe,
                       struct wire_describe_quorum_response *reply)
{
    struct broker_request *request = describe->request;
    reply->nodes.items =
        BROKER_REPLY_ARRAY(request, describe_quorum_response_node, describe->voter_count);
    for (size_t i = 0; i < describe->voter_count; i++) {
        const struct meta_controller *controller =
            meta_image_controller(request->shard->image, describe->voters[i].id);
        if (controller == NULL)
            continue;
        struct wire_describe_quorum_response_node *node = &reply->nodes.items[reply->nodes.count++];
        node->node_id = controller->id;
        node->listeners.count = (int32_t)controller->endpoint_count;
        node->listeners.items = BROKER_REPLY_ARRAY(request, describe_quorum_response_listener,
                                                   controller->endpoint_count);
        for (size_t j = 0; j < controller->endpoint_count; j++) {
            node->listeners.items[j].name = controller->endpoints[j].name;
            node->listeners.items[j].host = controller->endpoints[j].host;
            node->listeners.items[j].port = controller->endpoints[j].port;
        }
    }
}

static void quorum_done(struct broker_shard *shard, struct broker_call *call)
{
    struct describe_quorum *describe = CONTAINER_OF(call, struct describe_quorum, call);
    struct broker_request *request = describe->request;
    struct wire_describe_quorum_response *reply = BROKER_REPLY(request, describe_quorum_response);
    reply->topics.count = 1;
    reply->topics.items = BROKER_REPLY_ARRAY(request, describe_quorum_response_topic_data, 1);
    struct wire_describe_quorum_response_topic_data *topic = reply->topics.items;
    topic->topic_name = wire_string_from("__cluster_metadata");
    topic->partitions.count = 1;
    topic->partitions.items =
        BROKER_REPLY_ARRAY(request, describe_quorum_response_partition_data, 1);
    topic->partitions.items->error_message = WIRE_NULL_STRING;
    topic->partitions.items->leader_id = describe->leader_id;
    topic->partitions.items->leader_epoch = describe->epoch;
    if (describe->leads) {
        topic->partitions.items->high_watermark = describe->high_watermark;
        fill_voters(describe, topic->partitions.items);
        if (request->version >= 2 && shard->image != NULL)
            fill_nodes(describe, reply);
    } else {
        topic->partitions.items->error_code = WIRE_ERROR_NOT_LEADER_OR_FOLLOWER;
    }
    broker_request_complete(request, reply);
}

void broker_api_describe_quorum(struct broker_request *request)
{
    const struct wire_describe_quorum_request *message = request->body;
    if (!is_the_log(message)) {
        struct wire_describe_quorum_response *reply =
            BROKER_REPLY(request, describe_quorum_response);
        refuse(request, reply);
        broker_request_complete(request, reply);
        return;
    }
    struct describe_quorum *describe = arena_must_alloc(&request->arena, sizeof *describe);
    *describe = (struct describe_quorum){.request = request, .voters_room = VOTERS_MAX};
    describe->voters =
        arena_must_alloc_array(&request->arena, VOTERS_MAX, sizeof *describe->voters);
    describe->call.run = quorum_run;
    describe->call.done = quorum_done;
    broker_call_send(request->shard, 0, &describe->call);
}
