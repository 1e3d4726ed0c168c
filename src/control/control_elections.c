/* Leaders are elected because somebody asks (KIP-460), and reassignments are asked for and listed
 * (KIP-455). */
#include "control_int.h"

enum election_type { ELECTION_PREFERRED, ELECTION_UNCLEAN };

/* ---- Elections ---- */

typedef struct wire_elect_leaders_response_replica_election_result topic_election;
typedef struct wire_elect_leaders_response_partition_result election;

static void elected(election *out, int16_t error, struct wire_string message)
{
    out->error_code = error;
    out->error_message = message;
}

static void elect_one(struct control_work *work, const struct meta_topic *topic, bool unclean,
                      struct wire_string name, election *out)
{
    if (topic == NULL) {
        elected(out, WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION,
                control_text(work, "No such topic as %.*s", WIRE_STRING_ARGS(name)));
        return;
    }
    const struct meta_partition *partition =
        meta_image_partition(work->in->image, &topic->id, out->partition_id);
    if (partition == NULL) {
        elected(out, WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION,
                control_text(work, "No such partition as %.*s-%d", WIRE_STRING_ARGS(name),
                             out->partition_id));
        return;
    }
    int16_t error = control_elect(work, partition, unclean);
    const char *why = NULL;
    if (error == WIRE_ERROR_ELECTION_NOT_NEEDED)
        why = "Leader election not needed for topic partition.";
    else if (error != WIRE_ERROR_NONE)
        why = wire_error_message(error);
    elected(out, error, wire_string_from(why));
}

static void elect_named(struct control_work *work, struct wire_elect_leaders_response *reply,
                        bool unclean)
{
    const struct wire_elect_leaders_request *request = work->request;
    reply->replica_election_results.count = request->topic_partitions.count;
    reply->replica_election_results.items =
        CONTROL_NEW_ARRAY(work, elect_leaders_response_replica_election_result,
                          (size_t)request->topic_partitions.count);
    for (int32_t i = 0; i < request->topic_partitions.count; i++) {
        const struct wire_elect_leaders_request_topic_partitions *from =
            &request->topic_partitions.items[i];
        topic_election *to = &reply->replica_election_results.items[i];
        to->topic = from->topic;
        to->partition_result.count = from->partitions.count;
        to->partition_result.items = CONTROL_NEW_ARRAY(
            work, elect_leaders_response_partition_result, (size_t)from->partitions.count);
        const struct meta_topic *topic =
            meta_image_topic(work->in->image, from->topic.data, from->topic.size);
        for (int32_t j = 0; j < from->partitions.count; j++) {
            to->partition_result.items[j].partition_id = from->partitions.items[j];
            elect_one(work, topic, unclean, from->topic, &to->partition_result.items[j]);
        }
    }
}

/* All partitions; those that need no election are not told. */
static void elect_all(struct control_work *work, struct wire_elect_leaders_response *reply,
                      bool unclean)
{
    const struct meta_image *image = work->in->image;
    reply->replica_election_results.items =
        CONTROL_NEW_ARRAY(work, elect_leaders_response_replica_election_result, image->topic_count);
    struct meta_iter topics;
    meta_iter_topics(&topics, image, NULL, 0);
    const struct meta_topic *topic;
    while ((topic = meta_iter_topic_next(&topics)) != NULL) {
        topic_election *to =
            &reply->replica_election_results.items[reply->replica_election_results.count++];
        to->topic = topic->name;
        for (int32_t i = 0; i < topic->partition_count; i++) {
            election result = {.partition_id = i};
            elect_one(work, topic, unclean, topic->name, &result);
            if (result.error_code == WIRE_ERROR_ELECTION_NOT_NEEDED)
                continue;
            if (to->partition_result.items == NULL || to->partition_result.count == 0)
                to->partition_result.items =
                    CONTROL_NEW_ARRAY(work, elect_leaders_response_partition_result,
                                      (size_t)(topic->partition_count - i));
            to->partition_result.items[to->partition_result.count++] = result;
        }
    }
}

void control_elect_leaders(struct control_work *work)
{
    const struct wire_elect_leaders_request *request = work->request;
    int8_t type = request->election_type;
    bool nothing = request->topic_partitions.count == 0;
    if (!nothing && type != ELECTION_PREFERRED && type != ELECTION_UNCLEAN) {
        struct wire_string why = control_text(work, "Unknown election type %d", type);
        work->out->reply =
            control_error_reply(work->api_key, work->version, request, WIRE_ERROR_INVALID_REQUEST,
                                why.data, work->in->arena);
        return;
    }
    struct wire_elect_leaders_response *reply = CONTROL_NEW(work, elect_leaders_response);
    work->out->reply = reply;
    if (request->topic_partitions.count < 0)
        elect_all(work, reply, type == ELECTION_UNCLEAN);
    else
        elect_named(work, reply, type == ELECTION_UNCLEAN);
}

/* ---- Reassignments ---- */

typedef struct wire_alter_partition_reassignments_request_reassignable_partition wanted_replicas;
typedef struct wire_alter_partition_reassignments_response_reassignable_partition_response
    replicas_result;

static bool is_moving(const struct meta_partition *partition)
{
    return partition->adding.count > 0 || partition->removing.count > 0;
}

static void reassigned(replicas_result *out, int16_t error, struct wire_string message)
{
    out->error_code = error;
    out->error_message = message;
}

/* A quorum of one node has one broker, so that there is nowhere to move to. */
static void reassign_one(struct control_work *work, const struct meta_topic *topic,
                         struct wire_string name, const wanted_replicas *wanted,
                         replicas_result *out)
{
    out->partition_index = wanted->partition_index;
    out->error_message = WIRE_NULL_STRING;
    if (topic == NULL) {
        reassigned(
            out, WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION,
            control_text(work, "Unable to find a topic named %.*s.", WIRE_STRING_ARGS(name)));
        return;
    }
    const struct meta_partition *partition =
        meta_image_partition(work->in->image, &topic->id, wanted->partition_index);
    if (partition == NULL) {
        reassigned(out, WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION,
                   control_text(work, "Unable to find partition %.*s:%d.", WIRE_STRING_ARGS(name),
                                wanted->partition_index));
        return;
    }
    if (wanted->replicas.count < 0) {
        if (!is_moving(partition))
            out->error_code = WIRE_ERROR_NO_REASSIGNMENT_IN_PROGRESS;
        else
            reassigned(out, WIRE_ERROR_INVALID_REQUEST,
                       wire_string_from("This release does not cancel a reassignment."));
        return;
    }
    struct wire_string refused = control_replicas_refused(work, wanted->replicas, 0);
    if (refused.data != NULL)
        reassigned(out, WIRE_ERROR_INVALID_REPLICA_ASSIGNMENT, refused);
    else if (is_moving(partition) || !meta_ids_equal(wanted->replicas, partition->replicas))
        reassigned(out, WIRE_ERROR_INVALID_REPLICA_ASSIGNMENT,
                   wire_string_from("This release does not move replicas between brokers."));
}

void control_alter_partition_reassignments(struct control_work *work)
{
    const struct wire_alter_partition_reassignments_request *request = work->request;
    struct wire_alter_partition_reassignments_response *reply =
        CONTROL_NEW(work, alter_partition_reassignments_response);
    work->out->reply = reply;
    if (request->topics.count == 0)
        return; /* with all at its default, as in Kafka: not null, but "" */
    reply->error_message = WIRE_NULL_STRING;
    reply->allow_replication_factor_change = request->allow_replication_factor_change;
    reply->responses.count = request->topics.count;
    reply->responses.items =
        CONTROL_NEW_ARRAY(work, alter_partition_reassignments_response_reassignable_topic_response,
                          (size_t)request->topics.count);
    for (int32_t i = 0; i < request->topics.count; i++) {
        const struct wire_alter_partition_reassignments_request_reassignable_topic *from =
            &request->topics.items[i];
        struct wire_alter_partition_reassignments_response_reassignable_topic_response *to =
            &reply->responses.items[i];
        to->name = from->name;
        to->partitions.count = from->partitions.count;
        to->partitions.items = CONTROL_NEW_ARRAY(
            work, alter_partition_reassignments_response_reassignable_partition_response,
            (size_t)from->partitions.count);
        const struct meta_topic *topic =
            meta_image_topic(work->in->image, from->name.data, from->name.size);
        for (int32_t j = 0; j < from->partitions.count; j++)
            reassign_one(work, topic, from->name, &from->partitions.items[j],
                         &to->partitions.items[j]);
    }
}

typedef struct wire_list_partition_reassignments_response_ongoing_topic_reassignment moving_topic;

static void list_one(const struct meta_partition *partition, moving_topic *out)
{
    if (partition == NULL || !is_moving(partition))
        return;
    struct wire_list_partition_reassignments_response_ongoing_partition_reassignment *to =
        &out->partitions.items[out->partitions.count++];
    to->partition_index = partition->index;
    to->replicas = partition->replicas;
    to->adding_replicas = partition->adding;
    to->removing_replicas = partition->removing;
}

/* Of one topic; only those that are told, or (`indexes` NULL) all. */
static void list_topic(struct control_work *work, const struct meta_topic *topic,
                       const struct wire_int32s *indexes,
                       struct wire_list_partition_reassignments_response *reply)
{
    moving_topic found = {.name = topic->name};
    size_t most = indexes == NULL ? (size_t)topic->partition_count : (size_t)indexes->count;
    struct meta_iter iter;
    bool any = false;
    meta_iter_partitions(&iter, work->in->image, &topic->id);
    for (const struct meta_partition *partition;
         !any && (partition = meta_iter_partition_next(&iter)) != NULL;)
        any = is_moving(partition);
    if (!any)
        return;
    found.partitions.items = CONTROL_NEW_ARRAY(
        work, list_partition_reassignments_response_ongoing_partition_reassignment, most);
    for (size_t i = 0; i < most; i++) {
        int32_t index = indexes == NULL ? (int32_t)i : indexes->items[i];
        list_one(meta_image_partition(work->in->image, &topic->id, index), &found);
    }
    if (found.partitions.count > 0)
        reply->topics.items[reply->topics.count++] = found;
}

void control_list_partition_reassignments(struct control_work *work)
{
    const struct wire_list_partition_reassignments_request *request = work->request;
    const struct meta_image *image = work->in->image;
    struct wire_list_partition_reassignments_response *reply =
        CONTROL_NEW(work, list_partition_reassignments_response);
    work->out->reply = reply;
    reply->error_message = WIRE_NULL_STRING;
    bool all = request->topics.count < 0;
    reply->topics.items =
        CONTROL_NEW_ARRAY(work, list_partition_reassignments_response_ongoing_topic_reassignment,
                          all ? image->topic_count : (size_t)request->topics.count);
    struct meta_iter iter;
    meta_iter_topics(&iter, image, NULL, 0);
    for (const struct meta_topic *topic; all && (topic = meta_iter_topic_next(&iter)) != NULL;)
        list_topic(work, topic, NULL, reply);
    for (int32_t i = 0; i < request->topics.count; i++) {
        const struct wire_list_partition_reassignments_request_list_partition_reassignments_topics
            *from = &request->topics.items[i];
        const struct meta_topic *topic = meta_image_topic(image, from->name.data, from->name.size);
        if (topic != NULL)
            list_topic(work, topic, &from->partition_indexes, reply);
    }
}
