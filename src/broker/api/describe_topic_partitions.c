/*
 * DescribeTopicPartitions (KIP-966): topics by name with their partitions, as many as fit, and from
 * where to go on. What the metadata say of eligible leaders is told here only.
 */
#include "broker/api/handlers_int.h"
#include "broker/api/view_int.h"
#include "broker/node_int.h"

#include "broker/conn.h"
#include "wire/messages.h"

#include <stdlib.h>

struct describe_work {
    struct broker_request *request;
    const struct wire_describe_topic_partitions_request *message;
    const struct meta_image *image;
    const char *listener;
    struct wire_describe_topic_partitions_response *reply;
    size_t capacity; /* of reply->topics */
    int32_t left;    /* partitions that may still be told */
};

typedef struct wire_describe_topic_partitions_response_describe_topic_partitions_response_topic
    told_topic;

static told_topic *topic_add(struct describe_work *work, struct wire_string name)
{
    struct wire_describe_topic_partitions_response *reply = work->reply;
    if ((size_t)reply->topics.count == work->capacity) {
        size_t capacity = work->capacity == 0 ? 16 : work->capacity * 2;
        told_topic *items = BROKER_REPLY_ARRAY(
            work->request,
            describe_topic_partitions_response_describe_topic_partitions_response_topic, capacity);
        if (reply->topics.count > 0)
            memcpy(items, reply->topics.items, (size_t)reply->topics.count * sizeof *items);
        reply->topics.items = items;
        work->capacity = capacity;
    }
    told_topic *topic = &reply->topics.items[reply->topics.count++];
    topic->name = name;
    topic->is_internal = view_topic_is_internal(name.data, name.size);
    topic->topic_authorized_operations = VIEW_TOPIC_OPERATIONS;
    return topic;
}

static void go_on_at(struct describe_work *work, struct wire_string topic, int32_t partition)
{
    struct wire_describe_topic_partitions_response_cursor *cursor =
        BROKER_REPLY(work->request, describe_topic_partitions_response_cursor);
    cursor->topic_name = topic;
    cursor->partition_index = partition;
    work->reply->next_cursor = cursor;
}

/* The list's clients take no null for the eligible leaders, though the schema lets them be. */
static struct wire_int32s never_null(struct wire_int32s ids)
{
    if (ids.count < 0)
        ids.count = 0;
    return ids;
}

/* Partitions from this one on; how far it got: the topic's count, or where to go on. */
static int32_t fill_partitions(struct describe_work *work, const struct meta_topic *topic,
                               int32_t from, told_topic *out)
{
    struct broker_request *request = work->request;
    int32_t end = topic->partition_count;
    if (from < end && end - from > work->left)
        end = from + work->left;
    if (from >= end)
        return topic->partition_count;
    out->partitions.items = BROKER_REPLY_ARRAY(
        request, describe_topic_partitions_response_describe_topic_partitions_response_partition,
        (size_t)(end - from));
    for (int32_t index = from; index < end; index++) {
        const struct meta_partition *partition =
            meta_image_partition(work->image, &topic->id, index);
        ASSERT(partition != NULL);
        struct view_partition view;
        view_partition(&request->arena, work->image, partition, work->listener,
                       VIEW_LISTENER_NOT_FOUND, &view);
        struct wire_describe_topic_partitions_response_describe_topic_partitions_response_partition
            *to = &out->partitions.items[out->partitions.count++];
        to->error_code = view.error_code;
        to->partition_index = index;
        to->leader_id = view.leader_id;
        to->leader_epoch = view.leader_epoch;
        to->replica_nodes = view.replicas;
        to->isr_nodes = view.isr;
        to->eligible_leader_replicas = never_null(partition->elr);
        to->last_known_elr = never_null(partition->last_known_elr);
        to->offline_replicas = view.offline;
    }
    work->left -= end - from;
    return end;
}

/* False: the reply is full. */
static bool fill_topic(struct describe_work *work, struct wire_string name)
{
    if (work->left == 0) {
        go_on_at(work, name, 0);
        return false;
    }
    const struct meta_topic *topic = meta_image_topic(work->image, name.data, name.size);
    told_topic *out = topic_add(work, name);
    if (topic == NULL) {
        out->error_code = view_topic_name_is_valid(name) ? WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION
                                                         : WIRE_ERROR_INVALID_TOPIC_EXCEPTION;
        return true;
    }
    out->topic_id = topic->id;
    const struct wire_describe_topic_partitions_request_cursor *cursor = work->message->cursor;
    int32_t from = 0;
    if (cursor != NULL && wire_string_equal(cursor->topic_name, name))
        from = cursor->partition_index;
    int32_t end = fill_partitions(work, topic, from, out);
    if (end < topic->partition_count) {
        go_on_at(work, name, end);
        return false;
    }
    return true;
}

static void fill_all(struct describe_work *work)
{
    const struct wire_describe_topic_partitions_request_cursor *cursor = work->message->cursor;
    struct wire_string from = cursor == NULL ? WIRE_EMPTY_STRING : cursor->topic_name;
    struct meta_iter iter;
    meta_iter_topics(&iter, work->image, from.data, from.size);
    const struct meta_topic *topic;
    while ((topic = meta_iter_topic_next(&iter)) != NULL && fill_topic(work, topic->name))
        ;
}

static int compare_names(const void *a, const void *b)
{
    return wire_string_compare(*(const struct wire_string *)a, *(const struct wire_string *)b);
}

/* Each once, in the order of names, from the cursor's on. */
static void fill_named(struct describe_work *work)
{
    const struct wire_describe_topic_partitions_request *message = work->message;
    size_t count = (size_t)message->topics.count;
    struct wire_string *names = arena_must_alloc_array(&work->request->arena, count, sizeof *names);
    for (size_t i = 0; i < count; i++)
        names[i] = message->topics.items[i].name;
    qsort(names, count, sizeof names[0], compare_names);
    bool more = true;
    for (size_t i = 0; i < count && more; i++) {
        bool again = i > 0 && wire_string_equal(names[i], names[i - 1]);
        bool before = message->cursor != NULL &&
                      wire_string_compare(names[i], message->cursor->topic_name) < 0;
        if (!again && !before)
            more = fill_topic(work, names[i]);
    }
}

static int16_t check(const struct wire_describe_topic_partitions_request *message)
{
    const struct wire_describe_topic_partitions_request_cursor *cursor = message->cursor;
    bool cursor_named = message->topics.count == 0;
    bool nameless = false;
    for (int32_t i = 0; i < message->topics.count; i++) {
        struct wire_string name = message->topics.items[i].name;
        cursor_named =
            cursor_named || (cursor != NULL && wire_string_equal(name, cursor->topic_name));
        nameless = nameless || (name.size == 0 && cursor == NULL);
    }
    if (cursor != NULL && (!cursor_named || cursor->partition_index < 0))
        return WIRE_ERROR_INVALID_REQUEST;
    /* Kafka fails at it as well. */
    return nameless ? WIRE_ERROR_UNKNOWN_SERVER_ERROR : WIRE_ERROR_NONE;
}

static void refuse(struct describe_work *work, int16_t code)
{
    for (int32_t i = 0; i < work->message->topics.count; i++) {
        told_topic *topic = topic_add(work, work->message->topics.items[i].name);
        topic->error_code = code;
        topic->is_internal = false;
        topic->topic_authorized_operations = INT32_MIN;
    }
}

void broker_api_describe_topic_partitions(struct broker_request *request)
{
    const struct wire_describe_topic_partitions_request *message = request->body;
    int64_t limit = conf_int(request->shard->conf, CONF_BROKER_MAX_REQUEST_PARTITION_SIZE_LIMIT);
    if (message->response_partition_limit < limit)
        limit = message->response_partition_limit;
    struct describe_work work = {
        .request = request,
        .message = message,
        .image = request->shard->image,
        .listener = request->conn->listener->name,
        .reply = BROKER_REPLY(request, describe_topic_partitions_response),
        .left = limit < 1 ? 1 : (int32_t)limit,
    };
    int16_t code = check(message);
    if (code != WIRE_ERROR_NONE)
        refuse(&work, code);
    else if (message->topics.count == 0)
        fill_all(&work);
    else
        fill_named(&work);
    broker_request_complete(request, work.reply);
}
