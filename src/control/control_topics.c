/* Topics are created and deleted. Texts are those that Apache Kafka's clients show and match. */
#include "control_int.h"

#include "conf/conf.h"
#include "conf/topic.h"
#include "meta/features.h"

#include <stdlib.h>

#define TOPIC_NAME_BYTES_MAX 249

typedef struct wire_create_topics_request_creatable_topic wanted_topic;
typedef struct wire_create_topics_response_creatable_topic_result topic_result;

/* ---- Names
 * --------------------------------------------------------------------------------------------- */

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

struct wire_string control_topic_name_refused(const struct control_work *work,
                                              struct wire_string name)
{
    if (name.data == NULL || name.size == 0)
        return wire_string_from("Topic name is invalid: the empty string is not allowed");
    if (wire_string_is(name, ".") || wire_string_is(name, ".."))
        return control_text(work, "Topic name is invalid: '%.*s' is not allowed",
                            WIRE_STRING_ARGS(name));
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

/* The first topic whose name begins with these bytes; NULL: there is none. */
static const struct meta_topic *first_with_prefix(const struct meta_image *image,
                                                  const char *prefix, size_t size)
{
    struct meta_iter iter;
    meta_iter_topics(&iter, image, prefix, size);
    const struct meta_topic *topic = meta_iter_topic_next(&iter);
    if (topic == NULL || topic->name.size < size || memcmp(topic->name.data, prefix, size) != 0)
        return NULL;
    return topic;
}

/*
 * Metrics write '.' as '_', so two names that differ in that alone may not both exist. At each of
 * the two characters the search goes on with both, as far as names exist that begin so: usually one
 * look-up for each character of that kind. `name` is changed on the way and whole again after.
 */
static const struct meta_topic *name_collision(const struct meta_image *image, char *name,
                                               size_t size, size_t from)
{
    size_t at = from;
    while (at < size && name[at] != '.' && name[at] != '_')
        at++;
    if (at == size)
        return meta_image_topic(image, name, size);
    const struct meta_topic *found = NULL;
    char own = name[at];
    for (size_t i = 0; i < 2 && found == NULL; i++) {
        name[at] = "._"[i];
        if (first_with_prefix(image, name, at + 1) != NULL)
            found = name_collision(image, name, size, at + 1);
    }
    name[at] = own;
    return found;
}

/* ---- Assignments
 * ----------------------------------------------------------------------------------------- */

static void result_fail(topic_result *result, int16_t error, struct wire_string message)
{
    result->error_code = error;
    result->error_message = message;
}

static int compare_ids(const void *a, const void *b)
{
    int32_t left = *(const int32_t *)a, right = *(const int32_t *)b;
    return left < right ? -1 : left > right;
}

struct wire_string control_replicas_refused(const struct control_work *work,
                                            struct wire_int32s replicas, int32_t factor)
{
    if (replicas.count <= 0)
        return wire_string_from("The manual partition assignment includes an empty replica list.");
    size_t count = (size_t)replicas.count;
    int32_t *sorted = arena_must_alloc_array(work->in->arena, count, sizeof *sorted);
    memcpy(sorted, replicas.items, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_ids);
    for (size_t i = 0; i < count; i++) {
        if (meta_image_broker(work->in->image, sorted[i]) == NULL)
            return control_text(work,
                                "The manual partition assignment includes broker %d, but no such "
                                "broker is registered.",
                                sorted[i]);
        if (i > 0 && sorted[i] == sorted[i - 1])
            return control_text(
                work, "The manual partition assignment includes the broker %d more than once.",
                sorted[i]);
    }
    if (factor > 0 && replicas.count != factor)
        return control_text(
            work,
            "The manual partition assignment includes a partition with %d replica(s), but this "
            "is not consistent with previous partitions, which have %d replica(s).",
            replicas.count, factor);
    return (struct wire_string){0};
}

struct wire_string control_replicas_idle(const struct control_work *work,
                                         struct wire_int32s replicas, int32_t index)
{
    for (int32_t i = 0; i < replicas.count; i++) {
        if (control_broker_is_active(meta_image_broker(work->in->image, replicas.items[i])))
            return (struct wire_string){0};
    }
    return control_text(work,
                        "All brokers specified in the manual partition assignment for partition %d "
                        "are fenced or in controlled shutdown.",
                        index);
}

/* A partition of a manual assignment that was looked at. */
struct assigned {
    struct hmap_node node;
    int32_t index;
    struct wire_int32s replicas;
};

static bool assign_one(struct control_work *work,
                       const struct wire_create_topics_request_creatable_replica_assignment *wanted,
                       struct hmap *by_index, int32_t factor, topic_result *result)
{
    int32_t index = wanted->partition_index;
    HMAP_FOR_EACH_HASH (node, by_index, hash_u64((uint32_t)index)) {
        if (HMAP_ENTRY(node, struct assigned, node)->index != index)
            continue;
        result_fail(result, WIRE_ERROR_INVALID_REPLICA_ASSIGNMENT,
                    control_text(work,
                                 "Found multiple manual partition assignments for partition %d",
                                 index));
        return false;
    }
    struct wire_int32s replicas = wanted->broker_ids;
    struct wire_string refused = control_replicas_refused(work, replicas, factor);
    if (refused.data == NULL)
        refused = control_replicas_idle(work, replicas, index);
    if (refused.data != NULL) {
        result_fail(result, WIRE_ERROR_INVALID_REPLICA_ASSIGNMENT, refused);
        return false;
    }
    struct assigned *assigned = arena_must_alloc(work->in->arena, sizeof *assigned);
    assigned->index = index;
    assigned->replicas = replicas;
    hmap_insert(by_index, &assigned->node, hash_u64((uint32_t)index));
    return true;
}

/* The rows of partitions that are all there; NULL: they are not 0, 1, 2, ... */
static int32_t *assigned_rows(struct control_work *work, const struct hmap *by_index,
                              int32_t factor)
{
    size_t size = (size_t)factor;
    int32_t *rows = arena_must_alloc_array(work->in->arena, by_index->count * size, sizeof *rows);
    HMAP_FOR_EACH (node, by_index) {
        const struct assigned *assigned = HMAP_ENTRY(node, struct assigned, node);
        if (assigned->index < 0 || (size_t)assigned->index >= by_index->count)
            return NULL;
        memcpy(&rows[(size_t)assigned->index * size], assigned->replicas.items,
               size * sizeof *rows);
    }
    return rows;
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
    int32_t size = topic->assignments.items[0].broker_ids.count;
    struct hmap by_index = HMAP_EMPTY;
    bool ok = true;
    for (int32_t i = 0; ok && i < topic->assignments.count; i++)
        ok = assign_one(work, &topic->assignments.items[i], &by_index, i == 0 ? 0 : size, result);
    int32_t *rows = ok ? assigned_rows(work, &by_index, size) : NULL;
    if (ok && rows == NULL)
        result_fail(
            result, WIRE_ERROR_INVALID_REPLICA_ASSIGNMENT,
            wire_string_from("partitions should be a consecutive 0-based integer sequence"));
    hmap_deinit(&by_index);
    *count = topic->assignments.count;
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
    struct wire_string why;
    const int32_t *rows = control_place(work, *count, *factor, &why);
    if (rows == NULL)
        result_fail(result, WIRE_ERROR_INVALID_REPLICATION_FACTOR, why);
    return rows;
}

/* ---- Records
 * -----------------------------------------------------------------------------------------------
 */

void control_partition_record(struct control_work *work, const struct uuid *topic_id, int32_t index,
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
                          const struct control_configs *configs, const struct uuid *id,
                          const int32_t *rows, int32_t count, int16_t factor)
{
    struct wire_topic_record *record = CONTROL_NEW(work, topic_record);
    record->name = topic->name;
    record->topic_id = *id;
    control_record(work, WIRE_METADATA_RECORD_TOPIC, 0, record);
    bool clears = false;
    for (size_t i = 0; i < configs->count; i++) {
        clears = clears || strcmp(configs->items[i].name, "min.insync.replicas") == 0;
        control_config_record(work, META_RESOURCE_TOPIC, topic->name, configs->items[i].name,
                              configs->items[i].value);
    }
    if (clears)
        control_clear_elr(work, META_RESOURCE_TOPIC, topic->name);
    for (int32_t i = 0; i < count; i++)
        control_partition_record(work, id, i, &rows[(size_t)i * (size_t)factor], factor);
}

/* ---- Create
 * ---------------------------------------------------------------------------------------------------
 */

static void create_topic(struct control_work *work, struct control_configs_base *base,
                         const wanted_topic *topic, topic_result *result)
{
    const struct wire_create_topics_request *request = work->request;
    const struct meta_image *image = work->in->image;
    struct wire_string name = topic->name;
    if (name.data != NULL && meta_image_topic(image, name.data, name.size) != NULL) {
        result_fail(result, WIRE_ERROR_TOPIC_ALREADY_EXISTS,
                    control_text(work, "Topic '%.*s' already exists.", WIRE_STRING_ARGS(name)));
        return;
    }
    struct wire_string refused = control_topic_name_refused(work, name);
    if (refused.data != NULL) {
        result_fail(result, WIRE_ERROR_INVALID_TOPIC_EXCEPTION, refused);
        return;
    }
    char scratch[TOPIC_NAME_BYTES_MAX];
    memcpy(scratch, name.data, name.size);
    const struct meta_topic *collision = name_collision(image, scratch, name.size, 0);
    if (collision != NULL) {
        result_fail(result, WIRE_ERROR_INVALID_TOPIC_EXCEPTION,
                    control_text(work, "Topic '%.*s' collides with existing topic: %.*s",
                                 WIRE_STRING_ARGS(name), WIRE_STRING_ARGS(collision->name)));
        return;
    }
    struct control_configs configs;
    struct wire_string wrong = control_configs_of(work, topic, &configs);
    if (wrong.data != NULL) {
        result_fail(result, WIRE_ERROR_INVALID_CONFIG, wrong);
        return;
    }
    int32_t count;
    int16_t factor;
    const int32_t *rows = assign(work, topic, result, &count, &factor);
    if (rows == NULL)
        return;
    result->num_partitions = count;
    result->replication_factor = factor;
    result->topic_id = control_random_uuid(work);
    control_configs_describe(work, base, &configs, result);
    if (!request->validate_only)
        topic_records(work, topic, &configs, &result->topic_id, rows, count, factor);
}

/* ---- What a request asks for ---- */

/* Names by how often they come; of names that come twice nothing is created. */
struct named {
    struct hmap_node node;
    struct wire_string name;
    bool again;
    bool told;
};

static struct named *named_find(struct control_work *work, struct hmap *names,
                                struct wire_string name)
{
    uint64_t hash = hash_bytes(name.data, name.size);
    HMAP_FOR_EACH_HASH (node, names, hash) {
        struct named *named = HMAP_ENTRY(node, struct named, node);
        if (wire_string_equal(named->name, name))
            return named;
    }
    struct named *named = arena_must_alloc(work->in->arena, sizeof *named);
    named->name = name;
    hmap_insert(names, &named->node, hash);
    return named;
}

static bool is_metadata_log(struct wire_string name)
{
    return wire_string_is(name, "__cluster_metadata");
}

static bool too_many_partitions(const struct control_work *work, struct named *const *named)
{
    const struct wire_create_topics_request *request = work->request;
    int64_t partitions = 0;
    for (int32_t i = 0; i < request->topics.count; i++) {
        const wanted_topic *topic = &request->topics.items[i];
        if (named[i]->again || is_metadata_log(topic->name))
            continue;
        if (topic->assignments.count > 0)
            partitions += topic->assignments.count;
        else if (topic->num_partitions == -1)
            partitions += conf_int(work->control->conf, CONF_BROKER_NUM_PARTITIONS);
        else
            partitions += topic->num_partitions;
    }
    return partitions > CONTROL_PARTITIONS_MAX;
}

static topic_result *result_add(struct wire_create_topics_response *reply, struct wire_string name)
{
    topic_result *result = &reply->topics.items[reply->topics.count++];
    result->name = name;
    result->error_message = (struct wire_string){0};
    return result;
}

/* What is refused for its name alone comes after the rest, once for each name. */
static void tell_refused(const struct wire_create_topics_request *request,
                         struct named *const *named, struct wire_create_topics_response *reply)
{
    for (int32_t i = 0; i < request->topics.count; i++) {
        bool again = named[i]->again;
        if (named[i]->told || (!again && !is_metadata_log(named[i]->name)))
            continue;
        named[i]->told = true;
        const char *text = again ? "Duplicate topic name."
                                 : "Creation of internal topic __cluster_metadata is prohibited.";
        result_fail(result_add(reply, named[i]->name), WIRE_ERROR_INVALID_REQUEST,
                    wire_string_from(text));
    }
}

void control_create_topics(struct control_work *work)
{
    const struct wire_create_topics_request *request = work->request;
    size_t count = (size_t)request->topics.count;
    struct hmap names = HMAP_EMPTY;
    struct named **named = arena_must_alloc_array(work->in->arena, count + 1, sizeof *named);
    for (size_t i = 0; i < count; i++) {
        size_t before = names.count;
        named[i] = named_find(work, &names, request->topics.items[i].name);
        named[i]->again = names.count == before;
    }
    hmap_deinit(&names);
    if (too_many_partitions(work, named)) {
        work->out->reply = control_error_reply(
            work->api_key, work->version, request, WIRE_ERROR_POLICY_VIOLATION,
            "Excessively large number of partitions per request.", work->in->arena);
        return;
    }
    struct wire_create_topics_response *reply = CONTROL_NEW(work, create_topics_response);
    work->out->reply = reply;
    reply->topics.items =
        CONTROL_NEW_ARRAY(work, create_topics_response_creatable_topic_result, count);
    struct control_configs_base base = {0};
    for (size_t i = 0; i < count; i++) {
        const wanted_topic *topic = &request->topics.items[i];
        if (!named[i]->again && !is_metadata_log(topic->name))
            create_topic(work, &base, topic, result_add(reply, topic->name));
    }
    tell_refused(request, named, reply);
}
