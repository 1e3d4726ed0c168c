/*
 * OffsetFetch: each group is asked at its coordinator, one after the other. Below version 8 a
 * request is about one group; from version 10 on topics are named by their ids.
 */
#include "broker/api/handlers_int.h"
#include "broker/api/topics_int.h"

#include "broker/groups.h"
#include "broker/request.h"
#include "wire/messages.h"

/* ---- The answer ------------------------------------------------------------------------------ */

/* Topics whose ids are not known, as refused; after those that are. */
static void add_unknown(struct broker_request *request,
                        const struct wire_offset_fetch_request_offset_fetch_request_group *asked,
                        struct wire_offset_fetch_response_offset_fetch_response_group *out)
{
    int32_t count = asked->topics.count;
    struct wire_offset_fetch_response_offset_fetch_response_topics *all = BROKER_REPLY_ARRAY(
        request, offset_fetch_response_offset_fetch_response_topics, (size_t)count);
    int32_t filled = 0;
    for (int32_t i = 0; i < count; i++) {
        const struct wire_offset_fetch_request_offset_fetch_request_topics *topic =
            &asked->topics.items[i];
        if (meta_image_topic_by_id(request->shard->image, &topic->topic_id) != NULL)
            continue;
        struct wire_offset_fetch_response_offset_fetch_response_topics *to = &all[filled++];
        to->topic_id = topic->topic_id;
        to->partitions.count = topic->partition_indexes.count;
        to->partitions.items =
            BROKER_REPLY_ARRAY(request, offset_fetch_response_offset_fetch_response_partitions,
                               (size_t)topic->partition_indexes.count);
        for (int32_t j = 0; j < topic->partition_indexes.count; j++) {
            to->partitions.items[j].partition_index = topic->partition_indexes.items[j];
            to->partitions.items[j].committed_offset = -1;
            to->partitions.items[j].metadata = WIRE_EMPTY_STRING;
            to->partitions.items[j].error_code = WIRE_ERROR_UNKNOWN_TOPIC_ID;
        }
    }
    for (int32_t i = 0; i < out->topics.count; i++)
        all[filled++] = out->topics.items[i];
    out->topics.items = all;
    out->topics.count = filled;
}

/* All topics of a group, of those that there are: by their ids. */
static void add_ids(struct broker_request *request,
                    struct wire_offset_fetch_response_offset_fetch_response_group *out)
{
    int32_t filled = 0;
    for (int32_t i = 0; i < out->topics.count; i++) {
        struct wire_string name = out->topics.items[i].name;
        const struct meta_topic *topic =
            meta_image_topic(request->shard->image, name.data, name.size);
        if (topic == NULL)
            continue;
        out->topics.items[filled] = out->topics.items[i];
        out->topics.items[filled++].topic_id = topic->id;
    }
    out->topics.count = filled;
}

/* Below version 8: the one group's, in the fields of old. */
static void fill_old(struct broker_request *request, struct wire_offset_fetch_response *reply,
                     const struct wire_offset_fetch_response_offset_fetch_response_group *group)
{
    const struct wire_offset_fetch_request *message = request->body;
    reply->error_code = group->error_code;
    /* Version 1 has no place for the group's error but the partitions. */
    bool spread = request->version < 2 && group->error_code != WIRE_ERROR_NONE;
    int32_t count = spread ? message->topics.count : group->topics.count;
    reply->topics.count = count;
    reply->topics.items =
        BROKER_REPLY_ARRAY(request, offset_fetch_response_offset_fetch_response_topic,
                           (size_t)(count > 0 ? count : 0));
    for (int32_t i = 0; i < count; i++) {
        struct wire_offset_fetch_response_offset_fetch_response_topic *to = &reply->topics.items[i];
        int32_t parts = spread ? message->topics.items[i].partition_indexes.count
                               : group->topics.items[i].partitions.count;
        to->name = spread ? message->topics.items[i].name : group->topics.items[i].name;
        to->partitions.count = parts;
        to->partitions.items = BROKER_REPLY_ARRAY(
            request, offset_fetch_response_offset_fetch_response_partition, (size_t)parts);
        for (int32_t j = 0; j < parts; j++) {
            if (spread) {
                to->partitions.items[j].partition_index =
                    message->topics.items[i].partition_indexes.items[j];
                to->partitions.items[j].committed_offset = -1;
                to->partitions.items[j].metadata = WIRE_EMPTY_STRING;
                to->partitions.items[j].error_code = group->error_code;
                continue;
            }
            const struct wire_offset_fetch_response_offset_fetch_response_partitions *from =
                &group->topics.items[i].partitions.items[j];
            to->partitions.items[j].partition_index = from->partition_index;
            to->partitions.items[j].committed_offset = from->committed_offset;
            to->partitions.items[j].committed_leader_epoch = from->committed_leader_epoch;
            to->partitions.items[j].metadata = from->metadata;
            to->partitions.items[j].error_code = from->error_code;
        }
    }
}

static void fetch_done(struct broker_group_call *call, void *response)
{
    struct broker_request *request = call->request;
    struct broker_group_walk *walk = call->context;
    struct wire_offset_fetch_response *reply = walk->reply;
    struct wire_offset_fetch_response_offset_fetch_response_group *group = response;
    if (request->version < 8) {
        fill_old(request, reply, group);
        walk->next++;
        broker_group_walk_go(walk);
        return;
    }
    const struct wire_offset_fetch_request *message = request->body;
    const struct wire_offset_fetch_request_offset_fetch_request_group *asked =
        &message->groups.items[walk->next];
    if (request->version >= 10 && group->error_code == WIRE_ERROR_NONE) {
        if (asked->topics.count >= 0)
            add_unknown(request, asked, group);
        else
            add_ids(request, group);
    }
    reply->groups.items[walk->next++] = *group;
    broker_group_walk_go(walk);
}

/* ---- The question ---------------------------------------------------------------------------- */

/* As version 8 and on ask. */
static void read_old(struct broker_request *request, struct group_fetch *out)
{
    const struct wire_offset_fetch_request *message = request->body;
    wire_default(&wire_offset_fetch_request_offset_fetch_request_group_schema, &out->group);
    out->group.group_id = message->group_id;
    out->group.topics.count = message->topics.count;
    if (message->topics.count < 0)
        return;
    out->group.topics.items = BROKER_REPLY_ARRAY(
        request, offset_fetch_request_offset_fetch_request_topics, (size_t)message->topics.count);
    for (int32_t i = 0; i < message->topics.count; i++) {
        out->group.topics.items[i].name = message->topics.items[i].name;
        out->group.topics.items[i].partition_indexes = message->topics.items[i].partition_indexes;
    }
}

/* Ids get their names; those without one are left to the answer. */
static void read_group(struct broker_request *request,
                       const struct wire_offset_fetch_request_offset_fetch_request_group *group,
                       struct group_fetch *out)
{
    out->group = *group;
    if (request->version < 10 || group->topics.count <= 0)
        return;
    out->group.topics.items = BROKER_REPLY_ARRAY(
        request, offset_fetch_request_offset_fetch_request_topics, (size_t)group->topics.count);
    out->group.topics.count = 0;
    for (int32_t i = 0; i < group->topics.count; i++) {
        const struct meta_topic *topic =
            meta_image_topic_by_id(request->shard->image, &group->topics.items[i].topic_id);
        if (topic == NULL)
            continue;
        struct wire_offset_fetch_request_offset_fetch_request_topics *to =
            &out->group.topics.items[out->group.topics.count++];
        *to = group->topics.items[i];
        to->name = topic->name;
    }
}

static void fetch_ask(struct broker_group_walk *walk)
{
    struct broker_request *request = walk->request;
    const struct wire_offset_fetch_request *message = request->body;
    struct group_fetch *group = arena_must_alloc(&request->arena, sizeof *group);
    if (request->version < 8)
        read_old(request, group);
    else
        read_group(request, &message->groups.items[walk->next], group);
    group->require_stable = message->require_stable;
    struct broker_group_call *call = broker_group_call_new(request);
    call->context = walk;
    broker_group_call_send(call, GROUP_OP_OFFSET_FETCH, group->group.group_id, group, fetch_done);
}

void broker_api_offset_fetch(struct broker_request *request)
{
    const struct wire_offset_fetch_request *message = request->body;
    struct wire_offset_fetch_response *reply = BROKER_REPLY(request, offset_fetch_response);
    int32_t count = request->version < 8 ? 1 : message->groups.count;
    if (request->version >= 8) {
        reply->groups.count = count;
        reply->groups.items = BROKER_REPLY_ARRAY(
            request, offset_fetch_response_offset_fetch_response_group, (size_t)count);
    }
    broker_group_walk_go(broker_group_walk_new(request, reply, count, fetch_ask));
}
