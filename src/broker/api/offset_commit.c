/*
 * OffsetCommit: topics and partitions that do not exist are refused here, the others go to the
 * group's coordinator, and the answer is put together in the order of the request.
 */
#include "broker/api/handlers_int.h"
#include "broker/api/topics_int.h"

#include "broker/groups.h"
#include "broker/request.h"
#include "wire/messages.h"

/* Where the answer about a topic that is asked for goes. */
struct commit_place {
    struct wire_offset_commit_response_offset_commit_response_topic *topic;
    int32_t *partitions; /* indexes in the topic's answer */
};

struct offset_commit {
    struct wire_offset_commit_response *reply;
    struct wire_offset_commit_request known; /* what the coordinator is asked */
    struct commit_place *places;             /* of its topics */
};

static void commit_done(struct broker_group_call *call, void *response)
{
    struct offset_commit *commit = call->context;
    const struct wire_offset_commit_response *answer = response;
    for (int32_t i = 0; i < answer->topics.count; i++) {
        const struct commit_place *place = &commit->places[i];
        for (int32_t j = 0; j < answer->topics.items[i].partitions.count; j++)
            place->topic->partitions.items[place->partitions[j]].error_code =
                answer->topics.items[i].partitions.items[j].error_code;
    }
    broker_request_complete(call->request, commit->reply);
}

/* A topic of the request into the reply, and what is known of it into the question. */
static void commit_topic(struct broker_request *request, struct offset_commit *commit,
                         const struct wire_offset_commit_request_offset_commit_request_topic *topic)
{
    struct arena *arena = &request->arena;
    size_t count = (size_t)topic->partitions.count;
    struct wire_offset_commit_response_offset_commit_response_topic *out =
        &commit->reply->topics.items[commit->reply->topics.count++];
    int16_t error;
    const struct meta_topic *found =
        broker_topic_find(request, request->version >= 10, topic->name, &topic->topic_id, &error);
    struct wire_offset_commit_request_offset_commit_request_topic *asked =
        &commit->known.topics.items[commit->known.topics.count];
    struct commit_place *place = &commit->places[commit->known.topics.count];
    out->name = topic->name;
    out->topic_id = topic->topic_id;
    out->partitions.count = topic->partitions.count;
    out->partitions.items =
        BROKER_REPLY_ARRAY(request, offset_commit_response_offset_commit_response_partition, count);
    *asked = *topic;
    asked->partitions.count = 0;
    asked->partitions.items =
        arena_must_alloc_array(arena, count, sizeof asked->partitions.items[0]);
    place->topic = out;
    place->partitions = arena_must_alloc_array(arena, count, sizeof(int32_t));
    for (int32_t i = 0; i < topic->partitions.count; i++) {
        int32_t index = topic->partitions.items[i].partition_index;
        out->partitions.items[i].partition_index = index;
        if (found == NULL) {
            out->partitions.items[i].error_code = error;
        } else if (index < 0 || index >= found->partition_count) {
            out->partitions.items[i].error_code = WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
        } else {
            place->partitions[asked->partitions.count] = i;
            asked->partitions.items[asked->partitions.count++] = topic->partitions.items[i];
        }
    }
    if (asked->partitions.count == 0)
        return;
    asked->name = found->name;
    asked->topic_id = found->id;
    commit->known.topics.count++;
}

void broker_api_offset_commit(struct broker_request *request)
{
    const struct wire_offset_commit_request *message = request->body;
    struct offset_commit *commit = arena_must_alloc(&request->arena, sizeof *commit);
    size_t count = (size_t)message->topics.count;
    commit->reply = BROKER_REPLY(request, offset_commit_response);
    commit->reply->topics.items =
        BROKER_REPLY_ARRAY(request, offset_commit_response_offset_commit_response_topic, count);
    commit->known = *message;
    commit->known.topics.count = 0;
    commit->known.topics.items =
        arena_must_alloc_array(&request->arena, count, sizeof message->topics.items[0]);
    commit->places = arena_must_alloc_array(&request->arena, count, sizeof commit->places[0]);
    for (size_t i = 0; i < count; i++) {
        if (message->topics.items[i].partitions.count > 0)
            commit_topic(request, commit, &message->topics.items[i]);
    }
    if (commit->known.topics.count == 0) {
        broker_request_complete(request, commit->reply);
        return;
    }
    struct broker_group_call *call = broker_group_call_new(request);
    call->context = commit;
    broker_group_call_send(call, GROUP_OP_OFFSET_COMMIT, message->group_id, &commit->known,
                           commit_done);
}
