/* OffsetDelete (KIP-496): topics that do not exist are refused here, the rest by the coordinator.
 */
#include "broker/api/handlers_int.h"
#include "broker/api/topics_int.h"

#include "broker/groups.h"
#include "broker/request.h"
#include "wire/messages.h"

struct offset_delete {
    struct wire_offset_delete_request known;
    struct wire_offset_delete_response *reply; /* with what is refused */
};

static void delete_done(struct broker_group_call *call, void *response)
{
    struct broker_request *request = call->request;
    struct offset_delete *own = call->context;
    struct wire_offset_delete_response *answer = response;
    struct wire_offset_delete_response *reply = own->reply;
    if (answer->error_code != WIRE_ERROR_NONE) {
        answer->topics.count = 0;
        broker_request_complete(request, answer);
        return;
    }
    for (int32_t i = 0; i < answer->topics.count; i++)
        reply->topics.items[reply->topics.count++] = answer->topics.items[i];
    broker_request_complete(request, reply);
}

static void refuse_topic(struct broker_request *request,
                         const struct wire_offset_delete_request_offset_delete_request_topic *topic,
                         int16_t error,
                         struct wire_offset_delete_response_offset_delete_response_topic *out)
{
    out->name = topic->name;
    out->partitions.count = topic->partitions.count;
    out->partitions.items =
        BROKER_REPLY_ARRAY(request, offset_delete_response_offset_delete_response_partition,
                           (size_t)topic->partitions.count);
    for (int32_t i = 0; i < topic->partitions.count; i++) {
        out->partitions.items[i].partition_index = topic->partitions.items[i].partition_index;
        out->partitions.items[i].error_code = error;
    }
}

void broker_api_offset_delete(struct broker_request *request)
{
    const struct wire_offset_delete_request *message = request->body;
    struct offset_delete *own = arena_must_alloc(&request->arena, sizeof *own);
    size_t count = (size_t)message->topics.count;
    own->reply = BROKER_REPLY(request, offset_delete_response);
    own->reply->topics.items =
        BROKER_REPLY_ARRAY(request, offset_delete_response_offset_delete_response_topic, count);
    own->known = *message;
    own->known.topics.count = 0;
    own->known.topics.items =
        arena_must_alloc_array(&request->arena, count, sizeof message->topics.items[0]);
    for (size_t i = 0; i < count; i++) {
        const struct wire_offset_delete_request_offset_delete_request_topic *topic =
            &message->topics.items[i];
        int16_t error;
        if (broker_topic_find(request, false, topic->name, &UUID_ZERO, &error) == NULL)
            refuse_topic(request, topic, error,
                         &own->reply->topics.items[own->reply->topics.count++]);
        else
            own->known.topics.items[own->known.topics.count++] = *topic;
    }
    struct broker_group_call *call = broker_group_call_new(request);
    call->context = own;
    broker_group_call_send(call, GROUP_OP_OFFSET_DELETE, message->group_id, &own->known,
                           delete_done);
}
