/*
 * OffsetCommit: topics that do not exist are refused here, the others go to the group's
 * coordinator, and the answer is put together in the order of the request.
 */
#include "broker/api/handlers_int.h"
#include "broker/api/topics_int.h"

#include "broker/groups.h"
#include "broker/request.h"
#include "wire/messages.h"

struct offset_commit {
    struct wire_offset_commit_response *reply;
    struct wire_offset_commit_request known; /* what the coordinator is asked */
    int32_t *places;                         /* of its topics in the reply */
};

static void commit_done(struct broker_group_call *call, void *response)
{
    struct offset_commit *commit = call->context;
    const struct wire_offset_commit_response *answer = response;
    for (int32_t i = 0; i < answer->topics.count; i++)
        commit->reply->topics.items[commit->places[i]].partitions =
            answer->topics.items[i].partitions;
    broker_request_complete(call->request, commit->reply);
}

static void refuse_topic(struct broker_request *request,
                         const struct wire_offset_commit_request_offset_commit_request_topic *topic,
                         int16_t error,
                         struct wire_offset_commit_response_offset_commit_response_topic *out)
{
    int32_t count = topic->partitions.count;
    out->partitions.count = count;
    out->partitions.items = BROKER_REPLY_ARRAY(
        request, offset_commit_response_offset_commit_response_partition, (size_t)count);
    for (int32_t i = 0; i < count; i++) {
        out->partitions.items[i].partition_index = topic->partitions.items[i].partition_index;
        out->partitions.items[i].error_code = error;
    }
}

void broker_api_offset_commit(struct broker_request *request)
{
    const struct wire_offset_commit_request *message = request->body;
    struct offset_commit *commit = arena_must_alloc(&request->arena, sizeof *commit);
    int32_t count = message->topics.count;
    commit->reply = BROKER_REPLY(request, offset_commit_response);
    commit->reply->topics.count = count;
    commit->reply->topics.items = BROKER_REPLY_ARRAY(
        request, offset_commit_response_offset_commit_response_topic, (size_t)count);
    commit->known = *message;
    commit->known.topics.count = 0;
    commit->known.topics.items =
        arena_must_alloc_array(&request->arena, (size_t)count, sizeof message->topics.items[0]);
    commit->places = arena_must_alloc_array(&request->arena, (size_t)count, sizeof(int32_t));
    for (int32_t i = 0; i < count; i++) {
        const struct wire_offset_commit_request_offset_commit_request_topic *topic =
            &message->topics.items[i];
        struct wire_offset_commit_response_offset_commit_response_topic *out =
            &commit->reply->topics.items[i];
        out->name = topic->name;
        out->topic_id = topic->topic_id;
        int16_t error;
        const struct meta_topic *found = broker_topic_find(request, request->version >= 10,
                                                           topic->name, &topic->topic_id, &error);
        if (found == NULL) {
            refuse_topic(request, topic, error, out);
            continue;
        }
        int32_t place = commit->known.topics.count++;
        commit->places[place] = i;
        commit->known.topics.items[place] = *topic;
        commit->known.topics.items[place].name = found->name;
        commit->known.topics.items[place].topic_id = found->id;
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
