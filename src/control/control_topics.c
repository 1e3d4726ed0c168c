/* Topics are created and deleted. Texts are those that Apache Kafka's clients show and match. */
#include "control_int.h"

#include "conf/conf.h"
#include "conf/topic.h"
#include "meta/features.h"

#include <stdlib.h>

#define TOPIC_NAME_BYTES_MAX 249
/* A decision is one atomic batch of the metadata log. Kafka allows 10 000 a request. */
#define PARTITIONS_MAX 100000

typedef struct wire_create_topics_request_creatable_topic wanted_topic;
typedef struct wire_create_topics_response_creatable_topic_result topic_result;

/* ---- Names
 * --------------------------------------------------------------------------------------------- */

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

/* Why it is no topic's name; data NULL: it is one. */
static struct wire_string name_refused(struct control_work *work, struct wire_string name)
{
    if (name.data == NULL || name.size == 0)
        return wire_string_from("Topic name is invalid: the empty string is not allowed");
    if (wire_string_is(name, ".") || wire_string_is(name, ".."))
        return wire_string_from("Topic name is invalid: '.' or '..' is not allowed");
    if (name.size > TOPIC_NAME_BYTES_MAX)
        return control_text(work,
                            "Topic name is invalid: the length of '%.*s' is longer than the max "
                            "allowed length %d",
                            (int)name.size, name.data, TOPIC_NAME_BYTES_MAX);
    for (uint32_t i = 0; i < name.size; i++) {
        if (!name_char(name.data[i]))
            return control_text(
                work,
                "Topic name is invalid: '%.*s' contains one or more characters other "
                "than ASCII alphanumerics, '.', '_' and '-'",
                (int)name.size, name.data);
    }
    return (struct wire_string){0};
}

static bool collides(struct wire_string a, const char *b, size_t b_size)
{
    if (a.size != b_size)
        return false;
    for (uint32_t i = 0; i < a.size; i++) {
        char left = a.data[i] == '.' ? '_' : a.data[i];
        char right = b[i] == '.' ? '_' : b[i];
        if (left != right)
            return false;
    }
    return true;
}

/* Metrics write '.' as '_', so two names that differ in that alone may not both exist. Looked for
 * by name: only names that hold a '.' or '_' can collide, and those with the same text before it.
 */
static const struct meta_topic *name_collision(const struct meta_image *image,
                                               struct wire_string name)
{
    size_t prefix = 0;
    while (prefix < name.size && name.data[prefix] != '.' && name.data[prefix] != '_')
        prefix++;
    if (prefix == name.size)
        return NULL;
    struct meta_iter iter;
    meta_iter_topics(&iter, image, name.data, prefix);
    const struct meta_topic *topic;
    while ((topic = meta_iter_topic_next(&iter)) != NULL) {
        if (topic->name.size < prefix || memcmp(topic->name.data, name.data, prefix) != 0)
            return NULL;
        if (collides(name, topic->name.data, topic->name.size))
            return topic;
    }
    return NULL;
}

/* ---- Assignments
 * ----------------------------------------------------------------------------------------- */

static void result_fail(topic_result *result, int16_t error, struct wire_string message)
{
    result->error_code = error;
    result->error_message = message;
}

/* One partition of a manual assignment; false: refused. */
static bool manual_replicas_ok(struct control_work *work, struct wire_int32s replicas,
                               int32_t factor, topic_result *result)
{
    if (replicas.count <= 0) {
        result_fail(
            result, WIRE_ERROR_INVALID_REPLICA_ASSIGNMENT,
            wire_string_from("The manual partition assignment includes an empty replica list."));
        return false;
    }
    for (int32_t i = 0; i < replicas.count; i++) {
        int32_t id = replicas.items[i];
        for (int32_t j = 0; j < i; j++) {
            if (replicas.items[j] != id)
                continue;
            result_fail(
                result, WIRE_ERROR_INVALID_REPLICA_ASSIGNMENT,
                control_text(
                    work, "The manual partition assignment includes the broker %d more than once.",
                    id));
            return false;
        }
        if (meta_image_broker(work->in->image, id) == NULL) {
            result_fail(result, WIRE_ERROR_INVALID_REPLICA_ASSIGNMENT,
                        control_text(work,
                                     "The manual partition assignment includes broker %d, but no "
                                     "such broker is registered.",
                                     id));
            return false;
        }
    }
    if (factor > 0 && replicas.count != factor) {
        result_fail(
            result, WIRE_ERROR_INVALID_REPLICA_ASSIGNMENT,
            control_text(
                work,
                "The manual partition assignment includes a partition with %d replica(s), but this "
                "is not consistent with previous partitions, which have %d replica(s).",
                replicas.count, factor));
        return false;
    }
    return true;
}

static bool any_active(const struct control_work *work, const int32_t *ids, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        if (control_broker_is_active(meta_image_broker(work->in->image, ids[i])))
            return true;
    }
    return false;
}

/* Rows of *factor ids for partitions 0 to *count - 1, NULL: refused. */
static const int32_t *assign_manually(struct control_work *work, const wanted_topic *topic,
                                      topic_result *result, int32_t *count, int16_t *factor)
{
    if (topic->replication_factor != -1) {
        result_fail(result, WIRE_ERROR_INVALID_REQUEST,
                    wire_string_from("A manual partition assignment was specified, but replication "
                                     "factor was not set to -1."));
        return NULL;
    }
    if (topic->num_partitions != -1) {
        result_fail(result, WIRE_ERROR_INVALID_REQUEST,
                    wire_string_from("A manual partition assignment was specified, but "
                                     "numPartitions was not set to -1."));
        return NULL;
    }
    int32_t partitions = topic->assignments.count;
    int32_t size = topic->assignments.items[0].broker_ids.count;
    const struct wire_int32s **by_index =
        arena_must_alloc_array(work->in->arena, (size_t)partitions, sizeof *by_index);
    for (int32_t i = 0; i < partitions; i++) {
        int32_t index = topic->assignments.items[i].partition_index;
        const struct wire_int32s *replicas = &topic->assignments.items[i].broker_ids;
        if (!manual_replicas_ok(work, *replicas, i == 0 ? 0 : size, result))
            return NULL;
        if (!any_active(work, replicas->items, replicas->count)) {
            result_fail(result, WIRE_ERROR_INVALID_REPLICA_ASSIGNMENT,
                        control_text(work,
                                     "All brokers specified in the manual partition assignment for "
                                     "partition %d are fenced or in controlled shutdown.",
                                     index));
            return NULL;
        }
        if (index < 0 || index >= partitions) {
            result_fail(
                result, WIRE_ERROR_INVALID_REPLICA_ASSIGNMENT,
                wire_string_from("partitions should be a consecutive 0-based integer sequence"));
            return NULL;
        }
        if (by_index[index] != NULL) {
            result_fail(result, WIRE_ERROR_INVALID_REPLICA_ASSIGNMENT,
                        control_text(work,
                                     "Found multiple manual partition assignments for partition %d",
                                     index));
            return NULL;
        }
        by_index[index] = replicas;
    }
    int32_t *rows =
        arena_must_alloc_array(work->in->arena, (size_t)partitions * (size_t)size, sizeof *rows);
    for (int32_t i = 0; i < partitions; i++)
        memcpy(&rows[(size_t)i * (size_t)size], by_index[i]->items, (size_t)size * sizeof *rows);
    *count = partitions;
    *factor = (int16_t)size;
    return rows;
}

static const int32_t *assign(struct control_work *work, const wanted_topic *topic,
                             topic_result *result, int32_t *count, int16_t *factor)
{
    if (topic->assignments.count > 0)
        return assign_manually(work, topic, result, count, factor);
    if (topic->replication_factor < -1 || topic->replication_factor == 0) {
        result_fail(
            result, WIRE_ERROR_INVALID_REPLICATION_FACTOR,
            wire_string_from(
                "Replication factor must be larger than 0, or -1 to use the default value."));
        return NULL;
    }
    if (topic->num_partitions < -1 || topic->num_partitions == 0) {
        result_fail(
            result, WIRE_ERROR_INVALID_PARTITIONS,
            wire_string_from("Number of partitions was set to an invalid non-positive value."));
        return NULL;
    }
    const struct conf *conf = work->control->conf;
    *count = topic->num_partitions > 0 ? topic->num_partitions
                                       : (int32_t)conf_int(conf, CONF_BROKER_NUM_PARTITIONS);
    *factor = topic->replication_factor > 0
                  ? topic->replication_factor
                  : (int16_t)conf_int(conf, CONF_BROKER_DEFAULT_REPLICATION_FACTOR);
    if (*count > PARTITIONS_MAX) {
        result_fail(result, WIRE_ERROR_POLICY_VIOLATION,
                    wire_string_from("Excessively large number of partitions per request."));
        return NULL;
    }
    struct wire_string why;
    const int32_t *rows = control_place(work, *count, *factor, &why);
    if (rows == NULL)
        result_fail(result, WIRE_ERROR_INVALID_REPLICATION_FACTOR, why);
    return rows;
}

/* ---- Records
 * -----------------------------------------------------------------------------------------------
 */

static void partition_record(struct control_work *work, const struct uuid *topic_id, int32_t index,
                             const int32_t *replicas, int16_t factor)
{
    const struct meta_image *image = work->in->image;
    int16_t metadata_version = meta_image_metadata_version(image);
    struct wire_partition_record *record = CONTROL_NEW(work, partition_record);
    int32_t *ids = arena_must_alloc_array(work->in->arena, (size_t)factor * 2, sizeof *ids);
    struct uuid *dirs = arena_must_alloc_array(work->in->arena, (size_t)factor, sizeof *dirs);
    int32_t *isr = ids + factor;
    int32_t isr_count = 0;
    for (int16_t i = 0; i < factor; i++) {
        const struct meta_broker *broker = meta_image_broker(image, replicas[i]);
        ids[i] = replicas[i];
        dirs[i] = control_default_dir(broker);
        if (control_broker_is_active(broker))
            isr[isr_count++] = replicas[i];
    }
    ASSERT(isr_count > 0);
    record->partition_id = index;
    record->topic_id = *topic_id;
    record->replicas = (struct wire_int32s){ids, factor};
    record->isr = (struct wire_int32s){isr, isr_count};
    record->leader = isr[0];
    record->leader_epoch = 0;
    record->partition_epoch = 0;
    if (metadata_version >= META_VERSION_3_7_IV2)
        record->directories = (struct wire_uuids){dirs, factor};
    control_record(work, WIRE_METADATA_RECORD_PARTITION,
                   meta_partition_record_version(metadata_version), record);
}

static void topic_records(struct control_work *work, const wanted_topic *topic,
                          const struct uuid *id, const int32_t *rows, int32_t count, int16_t factor)
{
    struct wire_topic_record *record = CONTROL_NEW(work, topic_record);
    record->name = topic->name;
    record->topic_id = *id;
    control_record(work, WIRE_METADATA_RECORD_TOPIC, 0, record);
    bool clears = false;
    for (int32_t i = 0; i < topic->configs.count; i++) {
        clears = clears || wire_string_is(topic->configs.items[i].name, "min.insync.replicas");
        struct wire_config_record *config = CONTROL_NEW(work, config_record);
        config->resource_type = META_RESOURCE_TOPIC;
        config->resource_name = topic->name;
        config->name = topic->configs.items[i].name;
        config->value = topic->configs.items[i].value;
        control_record(work, WIRE_METADATA_RECORD_CONFIG, 0, config);
    }
    if (clears && meta_image_feature(work->in->image, META_FEATURE_ELR_VERSION) >= 1) {
        /* Goes with every change of the setting: who was eligible under the old one may not be. */
        struct wire_clear_elr_record *clear = CONTROL_NEW(work, clear_elr_record);
        clear->topic_name = topic->name;
        control_record(work, WIRE_METADATA_RECORD_CLEAR_ELR, 0, clear);
    }
    for (int32_t i = 0; i < count; i++)
        partition_record(work, id, i, &rows[(size_t)i * (size_t)factor], factor);
}

/* ---- Create
 * ---------------------------------------------------------------------------------------------------
 */

static bool configs_refused(struct control_work *work, const wanted_topic *topic,
                            topic_result *result)
{
    size_t count = topic->configs.count > 0 ? (size_t)topic->configs.count : 0;
    struct conf_pair *pairs = arena_must_alloc_array(work->in->arena, count + 1, sizeof *pairs);
    for (size_t i = 0; i < count; i++) {
        struct wire_string name = topic->configs.items[i].name;
        struct wire_string value = topic->configs.items[i].value;
        pairs[i].name = wire_string_to_arena(name, work->in->arena);
        pairs[i].value = value.data == NULL ? NULL : wire_string_to_arena(value, work->in->arena);
    }
    struct buf message = BUF_EMPTY;
    bool refused = conf_topic_check(work->control->conf, pairs, count, &message) != ERR_OK;
    if (refused)
        result_fail(result, WIRE_ERROR_INVALID_CONFIG,
                    control_text(work, "%s", buf_text(&message)));
    buf_deinit(&message);
    return refused;
}

/* Twice in one request: both are refused. Sorted, so that a long request costs no square. */
static int compare_wanted(const void *a, const void *b)
{
    const wanted_topic *left = *(const wanted_topic *const *)a;
    const wanted_topic *right = *(const wanted_topic *const *)b;
    return wire_string_compare(left->name, right->name);
}

static void mark_duplicates(struct control_work *work,
                            const struct wire_create_topics_request *request, topic_result *results)
{
    size_t count = (size_t)request->topics.count;
    const wanted_topic **sorted =
        arena_must_alloc_array(work->in->arena, count + 1, sizeof *sorted);
    for (size_t i = 0; i < count; i++)
        sorted[i] = &request->topics.items[i];
    qsort(sorted, count, sizeof *sorted, compare_wanted);
    for (size_t i = 1; i < count; i++) {
        if (!wire_string_equal(sorted[i - 1]->name, sorted[i]->name))
            continue;
        struct wire_string text = wire_string_from("Duplicate topic name.");
        result_fail(&results[sorted[i - 1] - request->topics.items], WIRE_ERROR_INVALID_REQUEST,
                    text);
        result_fail(&results[sorted[i] - request->topics.items], WIRE_ERROR_INVALID_REQUEST, text);
    }
}

/* Names that this request creates collide with each other as with those that exist. */
static bool collides_within(const struct wire_create_topics_request *request,
                            const topic_result *results, int32_t index)
{
    struct wire_string name = request->topics.items[index].name;
    for (int32_t i = 0; i < index; i++) {
        struct wire_string other = request->topics.items[i].name;
        if (results[i].error_code == WIRE_ERROR_NONE && collides(name, other.data, other.size))
            return true;
    }
    return false;
}

static void create_topic(struct control_work *work,
                         const struct wire_create_topics_request *request, topic_result *results,
                         int32_t index)
{
    const struct meta_image *image = work->in->image;
    const wanted_topic *topic = &request->topics.items[index];
    topic_result *result = &results[index];
    struct wire_string name = topic->name;
    struct wire_string refused = name_refused(work, name);
    if (refused.data != NULL) {
        result_fail(result, WIRE_ERROR_INVALID_TOPIC_EXCEPTION, refused);
        return;
    }
    if (wire_string_is(name, "__cluster_metadata")) {
        result_fail(
            result, WIRE_ERROR_INVALID_REQUEST,
            wire_string_from("Creation of internal topic __cluster_metadata is prohibited."));
        return;
    }
    if (meta_image_topic(image, name.data, name.size) != NULL) {
        result_fail(result, WIRE_ERROR_TOPIC_ALREADY_EXISTS,
                    control_text(work, "Topic '%.*s' already exists.", (int)name.size, name.data));
        return;
    }
    const struct meta_topic *collision = name_collision(image, name);
    if (collision != NULL || collides_within(request, results, index)) {
        const char *other = collision != NULL ? collision->name.data : "another of this request";
        result_fail(result, WIRE_ERROR_INVALID_TOPIC_EXCEPTION,
                    control_text(work, "Topic '%.*s' collides with existing topic: %s",
                                 (int)name.size, name.data, other));
        return;
    }
    if (configs_refused(work, topic, result))
        return;
    int32_t count;
    int16_t factor;
    const int32_t *rows = assign(work, topic, result, &count, &factor);
    if (rows == NULL)
        return;
    result->num_partitions = count;
    result->replication_factor = factor;
    struct uuid id = control_random_uuid(work);
    result->topic_id = id;
    if (!request->validate_only)
        topic_records(work, topic, &id, rows, count, factor);
}

void control_create_topics(struct control_work *work)
{
    const struct wire_create_topics_request *request = work->request;
    struct wire_create_topics_response *reply = CONTROL_NEW(work, create_topics_response);
    work->out->reply = reply;
    int32_t count = request->topics.count;
    reply->topics.count = count;
    reply->topics.items =
        CONTROL_NEW_ARRAY(work, create_topics_response_creatable_topic_result, (size_t)count);
    for (int32_t i = 0; i < count; i++) {
        reply->topics.items[i].name = request->topics.items[i].name;
        reply->topics.items[i].error_message = (struct wire_string){0};
    }
    mark_duplicates(work, request, reply->topics.items);
    for (int32_t i = 0; i < count; i++) {
        if (reply->topics.items[i].error_code == WIRE_ERROR_NONE)
            create_topic(work, request, reply->topics.items, i);
    }
}

/* ---- Delete
 * ----------------------------------------------------------------------------------------------------
 */

typedef struct wire_delete_topics_response_deletable_topic_result deleted;

static void delete_fail(deleted *result, int16_t error, const char *message)
{
    result->error_code = error;
    result->error_message =
        message != NULL ? wire_string_from(message) : wire_string_from(wire_error_message(error));
}

/* NULL: refused. */
static const struct meta_topic *delete_find(struct control_work *work, bool by_id, deleted *result)
{
    const struct meta_image *image = work->in->image;
    if (by_id && result->name.data != NULL) {
        delete_fail(result, WIRE_ERROR_INVALID_REQUEST,
                    "You may not specify both topic name and topic id.");
        return NULL;
    }
    const struct meta_topic *topic =
        by_id                       ? meta_image_topic_by_id(image, &result->topic_id)
        : result->name.data == NULL ? NULL
                                    : meta_image_topic(image, result->name.data, result->name.size);
    if (topic == NULL && !by_id && result->name.data == NULL)
        delete_fail(result, WIRE_ERROR_INVALID_REQUEST,
                    "Neither topic name nor id were specified.");
    else if (topic == NULL)
        delete_fail(result,
                    by_id ? WIRE_ERROR_UNKNOWN_TOPIC_ID : WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION,
                    by_id ? "This server does not host this topic ID."
                          : "This server does not host this topic-partition.");
    return topic;
}

/* A topic that is to go. */
struct going {
    struct hmap_node node;
    const struct meta_topic *topic;
    deleted *result;
};

static void delete_one(struct control_work *work, struct hmap *going, bool by_id, deleted *result)
{
    const struct meta_topic *topic = delete_find(work, by_id, result);
    if (topic == NULL)
        return;
    uint64_t hash = hash_bytes(topic->id.bytes, sizeof topic->id.bytes);
    HMAP_FOR_EACH_HASH (node, going, hash) {
        struct going *other = HMAP_ENTRY(node, struct going, node);
        if (other->topic != topic)
            continue;
        const char *text = by_id ? "Duplicate topic id." : "Duplicate topic name.";
        delete_fail(result, WIRE_ERROR_INVALID_REQUEST, text);
        delete_fail(other->result, WIRE_ERROR_INVALID_REQUEST, text);
        return;
    }
    struct going *one = arena_must_alloc(work->in->arena, sizeof *one);
    one->topic = topic;
    one->result = result;
    hmap_insert(going, &one->node, hash);
    result->topic_id = topic->id;
    /* The topic goes with the image; the reply outlives it. */
    result->name = wire_string_copy(topic->name, work->in->arena);
}

void control_delete_topics(struct control_work *work)
{
    const struct wire_delete_topics_request *request = work->request;
    if (!conf_bool(work->control->conf, CONF_BROKER_DELETE_TOPIC_ENABLE)) {
        int16_t error =
            work->version < 3 ? WIRE_ERROR_INVALID_REQUEST : WIRE_ERROR_TOPIC_DELETION_DISABLED;
        work->out->reply = control_error_reply(work->api_key, work->version, request, error,
                                               "Topic deletion is disabled.", work->in->arena);
        return;
    }
    struct wire_delete_topics_response *reply = CONTROL_NEW(work, delete_topics_response);
    work->out->reply = reply;
    int32_t count = work->version >= 6 ? request->topics.count : request->topic_names.count;
    reply->responses.count = count;
    reply->responses.items =
        CONTROL_NEW_ARRAY(work, delete_topics_response_deletable_topic_result, (size_t)count);
    struct hmap going = HMAP_EMPTY;
    for (int32_t i = 0; i < count; i++) {
        deleted *result = &reply->responses.items[i];
        bool by_id = false;
        if (work->version >= 6) {
            result->name = request->topics.items[i].name;
            result->topic_id = request->topics.items[i].topic_id;
            by_id = !uuid_is_zero(&result->topic_id);
        } else {
            result->name = request->topic_names.items[i];
        }
        delete_one(work, &going, by_id, result);
    }
    HMAP_FOR_EACH (node, &going) {
        struct going *one = HMAP_ENTRY(node, struct going, node);
        if (one->result->error_code != WIRE_ERROR_NONE)
            continue;
        struct wire_remove_topic_record *record = CONTROL_NEW(work, remove_topic_record);
        record->topic_id = one->topic->id;
        control_record(work, WIRE_METADATA_RECORD_REMOVE_TOPIC, 0, record);
    }
    hmap_deinit(&going);
}
