/* Topics get more partitions. */
#include "control_int.h"

typedef struct wire_create_partitions_request_create_partitions_topic wanted_count;
typedef struct wire_create_partitions_response_create_partitions_topic_result count_result;

static void fail(count_result *result, int16_t error, struct wire_string message)
{
    result->error_code = error;
    result->error_message = message;
}

static bool count_ok(struct control_work *work, const wanted_count *wanted, int32_t have,
                     count_result *result)
{
    if (wanted->count == have) {
        fail(result, WIRE_ERROR_INVALID_PARTITIONS,
             control_text(work, "Topic already has %d partition(s).", have));
        return false;
    }
    if (wanted->count < have) {
        fail(result, WIRE_ERROR_INVALID_PARTITIONS,
             control_text(work,
                          "The topic %.*s currently has %d partition(s); %d would not be an "
                          "increase.",
                          WIRE_STRING_ARGS(wanted->name), have, wanted->count));
        return false;
    }
    int32_t more = wanted->count - have;
    if (wanted->assignments.count >= 0 && wanted->assignments.count != more) {
        fail(result, WIRE_ERROR_INVALID_REPLICA_ASSIGNMENT,
             control_text(work,
                          "Attempted to add %d additional partition(s), but only %d assignment(s) "
                          "were specified.",
                          more, wanted->assignments.count));
        return false;
    }
    return true;
}

/* A row of `factor` ids for each new partition, NULL: refused. */
static const int32_t *rows_of(struct control_work *work, const wanted_count *wanted, int32_t have,
                              int16_t factor, count_result *result)
{
    size_t width = (size_t)factor;
    int32_t more = wanted->count - have;
    struct wire_string why;
    if (wanted->assignments.count < 0) {
        const int32_t *rows = control_place(work, more, factor, &why);
        if (rows == NULL)
            fail(result, WIRE_ERROR_INVALID_REPLICATION_FACTOR, why);
        return rows;
    }
    int32_t *rows = arena_must_alloc_array(work->in->arena, (size_t)more * width, sizeof *rows);
    for (int32_t i = 0; i < more; i++) {
        struct wire_int32s replicas = wanted->assignments.items[i].broker_ids;
        why = control_replicas_refused(work, replicas, factor);
        if (why.data == NULL)
            why = control_replicas_idle(work, replicas, have + i);
        if (why.data != NULL) {
            fail(result, WIRE_ERROR_INVALID_REPLICA_ASSIGNMENT, why);
            return NULL;
        }
        memcpy(&rows[(size_t)i * width], replicas.items, width * sizeof *rows);
    }
    return rows;
}

static void create_partitions_of(struct control_work *work, const wanted_count *wanted,
                                 int32_t *room, count_result *result)
{
    const struct wire_create_partitions_request *request = work->request;
    const struct meta_image *image = work->in->image;
    const struct meta_topic *topic = meta_image_topic(image, wanted->name.data, wanted->name.size);
    if (topic == NULL) {
        fail(result, WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION, (struct wire_string){0});
        return;
    }
    int32_t have = topic->partition_count;
    const struct meta_partition *first = meta_image_partition(image, &topic->id, 0);
    ASSERT(first != NULL);
    int16_t factor = (int16_t)first->replicas.count;
    if (!count_ok(work, wanted, have, result))
        return;
    if (wanted->count - have > *room) {
        fail(result, WIRE_ERROR_POLICY_VIOLATION,
             wire_string_from("Excessively large number of partitions per request."));
        return;
    }
    const int32_t *rows = rows_of(work, wanted, have, factor, result);
    if (rows == NULL)
        return;
    *room -= wanted->count - have;
    for (int32_t i = have; i < wanted->count && !request->validate_only; i++)
        control_partition_record(work, &topic->id, i, &rows[(size_t)(i - have) * (size_t)factor],
                                 factor);
}

void control_create_partitions(struct control_work *work)
{
    const struct wire_create_partitions_request *request = work->request;
    size_t count = (size_t)request->topics.count;
    struct wire_string *names = arena_must_alloc_array(work->in->arena, count + 1, sizeof *names);
    for (size_t i = 0; i < count; i++)
        names[i] = request->topics.items[i].name;
    const enum control_repeat *repeats = control_repeated(work, names, count);
    struct wire_create_partitions_response *reply = CONTROL_NEW(work, create_partitions_response);
    work->out->reply = reply;
    reply->results.items =
        CONTROL_NEW_ARRAY(work, create_partitions_response_create_partitions_topic_result, count);
    int32_t room = CONTROL_PARTITIONS_MAX;
    for (size_t i = 0; i < count; i++) {
        if (repeats[i] == CONTROL_AGAIN)
            continue;
        count_result *result = &reply->results.items[reply->results.count++];
        result->name = names[i];
        result->error_message = (struct wire_string){0};
        if (repeats[i] == CONTROL_FIRST_OF_MANY)
            fail(result, WIRE_ERROR_INVALID_REQUEST, wire_string_from("Duplicate topic name."));
        else
            create_partitions_of(work, &request->topics.items[i], &room, result);
    }
}
