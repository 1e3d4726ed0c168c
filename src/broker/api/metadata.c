/*
 * Metadata: who the brokers are, and where the partitions of topics are led.
 *
 * Topics that do not exist are answered with UNKNOWN_TOPIC_OR_PARTITION; when the client and
 * auto.create.topics.enable allow it they are created meanwhile, and the client's next question
 * finds them (auto_create.c).
 */
#include "broker/api/auto_create_int.h"
#include "broker/api/handlers_int.h"
#include "broker/api/view_int.h"
#include "broker/node_int.h"

#include "broker/conn.h"
#include "wire/messages.h"

#include <stdlib.h>

struct metadata_work {
    struct broker_request *request;
    const struct wire_metadata_request *message;
    const struct meta_image *image;
    const char *listener;
    struct wire_metadata_response *reply;
    int32_t room; /* of reply->topics */
};

static struct wire_metadata_response_metadata_response_topic *topic_new(struct metadata_work *work)
{
    ASSERT(work->reply->topics.count < work->room);
    return &work->reply->topics.items[work->reply->topics.count++];
}

static void topics_room(struct metadata_work *work, size_t count)
{
    work->room = (int32_t)count;
    work->reply->topics.items =
        BROKER_REPLY_ARRAY(work->request, metadata_response_metadata_response_topic, count);
}

static void fill_topic(struct metadata_work *work, const struct meta_topic *topic)
{
    struct broker_request *request = work->request;
    struct wire_metadata_response_metadata_response_topic *out = topic_new(work);
    out->name = topic->name;
    out->topic_id = topic->id;
    out->is_internal = view_topic_is_internal(topic->name.data, topic->name.size);
    if (work->message->include_topic_authorized_operations)
        out->topic_authorized_operations = VIEW_TOPIC_OPERATIONS;
    unsigned flags = (request->version == 0 ? VIEW_ALIVE_ONLY : 0) |
                     (request->version >= 6 ? VIEW_LISTENER_NOT_FOUND : 0);
    struct wire_metadata_response_metadata_response_partition *partitions = BROKER_REPLY_ARRAY(
        request, metadata_response_metadata_response_partition, (size_t)topic->partition_count);
    struct meta_iter iter;
    meta_iter_partitions(&iter, work->image, &topic->id);
    const struct meta_partition *partition;
    int32_t count = 0;
    while ((partition = meta_iter_partition_next(&iter)) != NULL) {
        ASSERT(count < topic->partition_count);
        struct view_partition view;
        view_partition(&request->arena, work->image, partition, work->listener, flags, &view);
        partitions[count].error_code = view.error_code;
        partitions[count].partition_index = partition->index;
        partitions[count].leader_id = view.leader_id;
        partitions[count].leader_epoch = view.leader_epoch;
        partitions[count].replica_nodes = view.replicas;
        partitions[count].isr_nodes = view.isr;
        partitions[count].offline_replicas = view.offline;
        count++;
    }
    out->partitions.items = partitions;
    out->partitions.count = count;
}

static void fill_unknown_name(struct metadata_work *work, struct wire_string name)
{
    struct wire_metadata_response_metadata_response_topic *out = topic_new(work);
    out->name = name;
    out->is_internal = view_topic_is_internal(name.data, name.size);
    if (work->message->include_topic_authorized_operations)
        out->topic_authorized_operations = VIEW_TOPIC_OPERATIONS;
    out->error_code = view_topic_name_is_valid(name) ? WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION
                                                     : WIRE_ERROR_INVALID_TOPIC_EXCEPTION;
}

static void fill_all_topics(struct metadata_work *work)
{
    topics_room(work, work->image->topic_count);
    struct meta_iter iter;
    meta_iter_topics(&iter, work->image, NULL, 0);
    const struct meta_topic *topic;
    while ((topic = meta_iter_topic_next(&iter)) != NULL)
        fill_topic(work, topic);
}

static bool asks_by_id(const struct wire_metadata_request *message)
{
    for (int32_t i = 0; i < message->topics.count; i++) {
        if (!uuid_is_zero(&message->topics.items[i].topic_id))
            return true;
    }
    return false;
}

static int compare_ids(const void *a, const void *b)
{
    return uuid_compare(*(const struct uuid *const *)a, *(const struct uuid *const *)b);
}

/* Where one is asked for by its id, names are not looked at. Each once, in the order of ids. */
static void fill_topics_by_id(struct metadata_work *work)
{
    const struct wire_metadata_request *message = work->message;
    size_t room = (size_t)message->topics.count;
    const struct uuid **ids =
        arena_must_alloc_array(&work->request->arena, room, sizeof(const struct uuid *));
    size_t count = 0;
    for (size_t i = 0; i < room; i++) {
        if (!uuid_is_zero(&message->topics.items[i].topic_id))
            ids[count++] = &message->topics.items[i].topic_id;
    }
    qsort(ids, count, sizeof ids[0], compare_ids);
    topics_room(work, count);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && uuid_equal(ids[i], ids[i - 1]))
            continue;
        const struct meta_topic *topic = meta_image_topic_by_id(work->image, ids[i]);
        if (topic != NULL) {
            fill_topic(work, topic);
            continue;
        }
        struct wire_metadata_response_metadata_response_topic *out = topic_new(work);
        out->name = WIRE_NULL_STRING;
        out->topic_id = *ids[i];
        out->error_code = WIRE_ERROR_UNKNOWN_TOPIC_ID;
    }
}

static int compare_names(const void *a, const void *b)
{
    return wire_string_compare(*(const struct wire_string *)a, *(const struct wire_string *)b);
}

/* Each once, those that exist first. */
static void fill_topics_by_name(struct metadata_work *work)
{
    const struct wire_metadata_request *message = work->message;
    struct broker_request *request = work->request;
    size_t room = (size_t)message->topics.count;
    struct wire_string *names =
        arena_must_alloc_array(&request->arena, room, sizeof(struct wire_string));
    for (size_t i = 0; i < room; i++)
        names[i] = message->topics.items[i].name;
    if (room > 1)
        qsort(names, room, sizeof names[0], compare_names);
    topics_room(work, room);
    size_t unknown_count = 0;
    for (size_t i = 0; i < room; i++) {
        if (i > 0 && wire_string_equal(names[i], names[i - 1]))
            continue;
        const struct meta_topic *topic =
            meta_image_topic(work->image, names[i].data, names[i].size);
        if (topic != NULL)
            fill_topic(work, topic);
        else
            names[unknown_count++] = names[i];
    }
    for (size_t i = 0; i < unknown_count; i++)
        fill_unknown_name(work, names[i]);
    if (message->allow_auto_topic_creation && unknown_count > 0)
        broker_auto_create(request->shard, names, unknown_count);
}

static void fill_brokers(struct metadata_work *work)
{
    struct wire_metadata_response *reply = work->reply;
    reply->brokers.items = BROKER_REPLY_ARRAY(
        work->request, metadata_response_metadata_response_broker, work->image->broker_count);
    struct meta_iter iter;
    meta_iter_brokers(&iter, work->image);
    const struct meta_broker *broker;
    while ((broker = meta_iter_broker_next(&iter)) != NULL) {
        const struct meta_endpoint *endpoint =
            view_endpoint(work->image, broker->id, work->listener);
        if (endpoint == NULL)
            continue;
        struct wire_metadata_response_metadata_response_broker *out =
            &reply->brokers.items[reply->brokers.count++];
        out->node_id = broker->id;
        out->host = endpoint->host;
        out->port = endpoint->port;
        out->rack = broker->rack;
        /* Clients send controller requests to any broker since KRaft; a living one will do. */
        if (reply->controller_id < 0 || broker->id == work->request->shard->node->id)
            reply->controller_id = broker->id;
    }
}

/* What a request gets that makes no sense: each topic with the code, and nothing else. */
static void refuse(struct metadata_work *work, int16_t code)
{
    struct wire_metadata_response *reply = BROKER_REPLY(work->request, metadata_response);
    work->reply = reply;
    reply->error_code = code;
    topics_room(work, (size_t)work->message->topics.count);
    for (int32_t i = 0; i < work->message->topics.count; i++) {
        struct wire_metadata_response_metadata_response_topic *out = topic_new(work);
        struct wire_string name = work->message->topics.items[i].name;
        out->name = name.data != NULL ? name : WIRE_EMPTY_STRING;
        out->topic_id = work->message->topics.items[i].topic_id;
        out->error_code = code;
    }
    broker_request_complete(work->request, reply);
}

/* Ids were in the struct before brokers could look topics up by them (KIP-516). */
static int16_t check(const struct broker_request *request)
{
    const struct wire_metadata_request *message = request->body;
    bool by_id = asks_by_id(message);
    for (int32_t i = 0; i < message->topics.count; i++) {
        bool null_name = message->topics.items[i].name.data == NULL;
        bool has_id = !uuid_is_zero(&message->topics.items[i].topic_id);
        if (request->version < 12 && (null_name || has_id))
            return WIRE_ERROR_INVALID_REQUEST;
        if (null_name && !by_id)
            return WIRE_ERROR_UNKNOWN_SERVER_ERROR;
    }
    return WIRE_ERROR_NONE;
}

void broker_api_metadata(struct broker_request *request)
{
    const struct wire_metadata_request *message = request->body;
    struct metadata_work work = {
        .request = request,
        .message = message,
        .image = request->shard->image,
        .listener = request->conn->listener->name,
        .reply = BROKER_REPLY(request, metadata_response),
    };
    int16_t code = check(request);
    if (code != WIRE_ERROR_NONE) {
        refuse(&work, code);
        return;
    }
    work.reply->cluster_id = wire_string_from(request->shard->node->cluster_id);
    fill_brokers(&work);
    bool all = message->topics.count < 0 || (request->version == 0 && message->topics.count == 0);
    if (all)
        fill_all_topics(&work);
    else if (asks_by_id(message))
        fill_topics_by_id(&work);
    else
        fill_topics_by_name(&work);
    if (message->include_cluster_authorized_operations)
        work.reply->cluster_authorized_operations = VIEW_CLUSTER_OPERATIONS;
    broker_request_complete(request, work.reply);
}
