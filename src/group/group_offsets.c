/*
 * Committed offsets: commit, fetch, delete, expiry (KIP-211), and those of open transactions
 * (KIP-98), which count when their marker is in the log.
 */
#define LOG_ROOM "group"
#include "group/group_classic_int.h"
#include "group/group_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <string.h>

/* Apache Kafka 4.3's: with a time of expiry, which only old clients say, and without. */
#define OFFSET_VERSION_EXPIRES 1
#define OFFSET_VERSION 4
/* Tombstones in one decision of the sweep. */
#define SWEEP_RECORDS_MAX 1000

/* ---- Who may commit -------------------------------------------------------------------------- */

static int16_t commit_check(struct group_work *work, const struct group_commit *commit)
{
    const struct group_object *object = group_object_find(work->hard, commit->group_id);
    if (object == NULL && classic_find(work->g, commit->group_id) == NULL) {
        /* Who assigns itself commits without a group, and makes one. */
        if (commit->epoch < 0)
            return WIRE_ERROR_NONE;
        return commit->version >= 9 && !commit->transactional ? WIRE_ERROR_GROUP_ID_NOT_FOUND
                                                              : WIRE_ERROR_ILLEGAL_GENERATION;
    }
    int16_t error = WIRE_ERROR_NONE;
    switch (object == NULL ? GROUP_TYPE_CLASSIC : object->type) {
    case GROUP_TYPE_CLASSIC:
        error =
            group_classic_check_commit(work, commit->group_id, commit->member_id,
                                       commit->instance_id, commit->epoch, commit->transactional);
        break;
    case GROUP_TYPE_CONSUMER:
        error = group_consumer_check_commit(work, commit);
        break;
    case GROUP_TYPE_SHARE:
    case GROUP_TYPE_STREAMS:
        error = WIRE_ERROR_UNKNOWN_MEMBER_ID;
        break;
    }
    if (error == WIRE_ERROR_STALE_MEMBER_EPOCH && (commit->version < 9 || commit->transactional))
        error = WIRE_ERROR_ILLEGAL_GENERATION;
    return error;
}

/* In UTF-16 units, as Java counts a string. */
static size_t text_units(struct wire_string text)
{
    size_t units = 0;
    for (uint32_t i = 0; i < text.size; i++) {
        uint8_t byte = (uint8_t)text.data[i];
        units += (byte & 0xc0) != 0x80;
        units += byte >= 0xf0;
    }
    return units;
}

/* One offset of a commit of either kind. */
struct offset_commit {
    struct wire_string group_id;
    struct wire_string topic;
    struct uuid topic_id;
    int32_t partition;
    int64_t offset;
    int32_t leader_epoch;
    struct wire_string metadata;
    int64_t expire_timestamp_ms; /* -1 */
};

static int16_t offset_commit(struct group_work *work, const struct offset_commit *commit)
{
    size_t max = (size_t)conf_int(work->g->conf, CONF_BROKER_OFFSET_METADATA_MAX_BYTES);
    if (text_units(commit->metadata) > max)
        return WIRE_ERROR_OFFSET_METADATA_TOO_LARGE;
    struct wire_offset_commit_key *key = GROUP_NEW(work->arena, offset_commit_key);
    key->group = commit->group_id;
    key->topic = commit->topic;
    key->partition = commit->partition;
    struct wire_offset_commit_value *value = GROUP_NEW(work->arena, offset_commit_value);
    value->offset = commit->offset;
    value->leader_epoch = commit->leader_epoch;
    value->metadata = commit->metadata.data == NULL ? WIRE_EMPTY_STRING : commit->metadata;
    value->commit_timestamp = work->time.wall_ms;
    value->expire_timestamp = commit->expire_timestamp_ms;
    value->topic_id = commit->topic_id;
    group_record(work, WIRE_GROUP_RECORD_OFFSET_COMMIT, key,
                 commit->expire_timestamp_ms >= 0 ? OFFSET_VERSION_EXPIRES : OFFSET_VERSION, value);
    return WIRE_ERROR_NONE;
}

/* ---- OffsetCommit ---------------------------------------------------------------------------- */

void *group_offset_commit_error(const struct group_call *call, int16_t error)
{
    const struct wire_offset_commit_request *request = call->request;
    struct wire_offset_commit_response *response = GROUP_NEW(call->arena, offset_commit_response);
    int32_t count = request->topics.count;
    response->topics.count = count;
    response->topics.items = GROUP_NEW_ARRAY(
        call->arena, offset_commit_response_offset_commit_response_topic, (size_t)count);
    for (int32_t i = 0; i < count; i++) {
        const struct wire_offset_commit_request_offset_commit_request_topic *topic =
            &request->topics.items[i];
        struct wire_offset_commit_response_offset_commit_response_topic *out =
            &response->topics.items[i];
        out->name = topic->name;
        out->topic_id = topic->topic_id;
        out->partitions.count = topic->partitions.count;
        out->partitions.items =
            GROUP_NEW_ARRAY(call->arena, offset_commit_response_offset_commit_response_partition,
                            (size_t)topic->partitions.count);
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            out->partitions.items[j].partition_index = topic->partitions.items[j].partition_index;
            out->partitions.items[j].error_code = error;
        }
    }
    return response;
}

void group_offset_commit(struct group_work *work)
{
    const struct wire_offset_commit_request *request = work->call->request;
    int16_t error = commit_check(work, &(struct group_commit){
                                           .group_id = request->group_id,
                                           .member_id = request->member_id,
                                           .instance_id = request->group_instance_id,
                                           .epoch = request->generation_id_or_member_epoch,
                                           .version = work->call->version,
                                       });
    struct wire_offset_commit_response *response = group_offset_commit_error(work->call, error);
    group_reply(work, response);
    if (error != WIRE_ERROR_NONE)
        return;
    int64_t expire_ms =
        request->retention_time_ms == -1 ? -1 : work->time.wall_ms + request->retention_time_ms;
    for (int32_t i = 0; i < request->topics.count; i++) {
        const struct wire_offset_commit_request_offset_commit_request_topic *topic =
            &request->topics.items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            const struct wire_offset_commit_request_offset_commit_request_partition *partition =
                &topic->partitions.items[j];
            response->topics.items[i].partitions.items[j].error_code =
                offset_commit(work, &(struct offset_commit){
                                        .group_id = request->group_id,
                                        .topic = topic->name,
                                        .topic_id = topic->topic_id,
                                        .partition = partition->partition_index,
                                        .offset = partition->committed_offset,
                                        .leader_epoch = partition->committed_leader_epoch,
                                        .metadata = partition->committed_metadata,
                                        .expire_timestamp_ms = expire_ms,
                                    });
        }
    }
}

/* ---- TxnOffsetCommit ------------------------------------------------------------------------- */

void *group_txn_commit_error(const struct group_call *call, int16_t error)
{
    const struct wire_txn_offset_commit_request *request = call->request;
    struct wire_txn_offset_commit_response *response =
        GROUP_NEW(call->arena, txn_offset_commit_response);
    int32_t count = request->topics.count;
    response->topics.count = count;
    response->topics.items = GROUP_NEW_ARRAY(
        call->arena, txn_offset_commit_response_txn_offset_commit_response_topic, (size_t)count);
    for (int32_t i = 0; i < count; i++) {
        const struct wire_txn_offset_commit_request_txn_offset_commit_request_topic *topic =
            &request->topics.items[i];
        struct wire_txn_offset_commit_response_txn_offset_commit_response_topic *out =
            &response->topics.items[i];
        out->name = topic->name;
        out->partitions.count = topic->partitions.count;
        out->partitions.items = GROUP_NEW_ARRAY(
            call->arena, txn_offset_commit_response_txn_offset_commit_response_partition,
            (size_t)topic->partitions.count);
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            out->partitions.items[j].partition_index = topic->partitions.items[j].partition_index;
            out->partitions.items[j].error_code = error;
        }
    }
    return response;
}

void group_txn_commit(struct group_work *work)
{
    const struct wire_txn_offset_commit_request *request = work->call->request;
    int16_t error = commit_check(work, &(struct group_commit){
                                           .group_id = request->group_id,
                                           .member_id = request->member_id,
                                           .instance_id = request->group_instance_id,
                                           .epoch = request->generation_id,
                                           .version = work->call->version,
                                           .transactional = true,
                                       });
    struct wire_txn_offset_commit_response *response = group_txn_commit_error(work->call, error);
    group_reply(work, response);
    if (error != WIRE_ERROR_NONE)
        return;
    work->transactional = true;
    work->producer_id = request->producer_id;
    work->producer_epoch = request->producer_epoch;
    for (int32_t i = 0; i < request->topics.count; i++) {
        const struct wire_txn_offset_commit_request_txn_offset_commit_request_topic *topic =
            &request->topics.items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            const struct wire_txn_offset_commit_request_txn_offset_commit_request_partition
                *partition = &topic->partitions.items[j];
            response->topics.items[i].partitions.items[j].error_code =
                offset_commit(work, &(struct offset_commit){
                                        .group_id = request->group_id,
                                        .topic = topic->name,
                                        .partition = partition->partition_index,
                                        .offset = partition->committed_offset,
                                        .leader_epoch = partition->committed_leader_epoch,
                                        .metadata = partition->committed_metadata,
                                        .expire_timestamp_ms = -1,
                                    });
        }
    }
}

/* The marker of a transaction's end, from its coordinator. */
void group_txn_end(struct group_work *work)
{
    const struct group_txn_end *end = work->call->request;
    work->marker = true;
    work->producer_id = end->producer_id;
    work->producer_epoch = end->producer_epoch;
    work->coordinator_epoch = end->coordinator_epoch;
    work->records = arena_must_alloc(work->arena, sizeof work->records[0]);
    work->records[0] =
        (struct group_record){.producer_id = end->producer_id, .commit = end->commit};
    work->count = 1;
    int16_t *response = arena_must_alloc(work->call->arena, sizeof *response);
    *response = WIRE_ERROR_NONE;
    group_reply(work, response);
}

/* ---- OffsetFetch ----------------------------------------------------------------------------- */

void *group_offset_fetch_error(const struct group_call *call, int16_t error)
{
    const struct group_fetch *fetch = call->request;
    struct wire_offset_fetch_response_offset_fetch_response_group *response =
        GROUP_NEW(call->arena, offset_fetch_response_offset_fetch_response_group);
    response->group_id = fetch->group.group_id;
    response->error_code = error;
    return response;
}

static int16_t fetch_check(const struct group_work *work, bool *exists)
{
    const struct group_fetch *fetch = work->call->request;
    const struct group_hard *hard = work->g->committed;
    const struct group_object *object = group_object_find(hard, fetch->group.group_id);
    *exists = object != NULL;
    if (object == NULL || object->type == GROUP_TYPE_CLASSIC)
        return WIRE_ERROR_NONE;
    if (object->type == GROUP_TYPE_CONSUMER)
        return group_consumer_check_fetch(work->g, hard, fetch->group.group_id,
                                          fetch->group.member_id, fetch->group.member_epoch);
    return fetch->group.member_epoch < 0 ? WIRE_ERROR_NONE : WIRE_ERROR_UNKNOWN_MEMBER_ID;
}

static bool is_pending(const struct group_hard *hard, const struct buf *key)
{
    struct pmap_iter iter;
    struct pmap_entry entry;
    pmap_iter_init(&iter, hard->pending, key->data, key->size);
    return pmap_iter_next(&iter, &entry) && group_key_has_prefix(&entry, key);
}

/* A committed state may be gone when the answer is sent: what it points to is copied. */
static void fetch_fill(struct group_work *work, const struct group_offset *offset,
                       struct wire_offset_fetch_response_offset_fetch_response_partitions *out)
{
    struct arena *arena = work->call->arena;
    out->committed_offset = offset->offset;
    out->committed_leader_epoch = offset->leader_epoch;
    out->metadata =
        wire_string_copy(wire_string_of(offset->metadata, offset->metadata_size), arena);
}

static void fetch_partition(struct group_work *work, struct wire_string topic,
                            const struct uuid *topic_id,
                            struct wire_offset_fetch_response_offset_fetch_response_partitions *out)
{
    const struct group_fetch *fetch = work->call->request;
    const struct group_hard *hard = work->g->committed;
    out->committed_offset = -1;
    out->committed_leader_epoch = -1;
    out->metadata = WIRE_EMPTY_STRING;
    struct buf key = BUF_EMPTY;
    group_key_partition(&key, fetch->group.group_id, topic, out->partition_index);
    if (fetch->require_stable && is_pending(hard, &key)) {
        out->error_code = WIRE_ERROR_UNSTABLE_OFFSET_COMMIT;
        buf_deinit(&key);
        return;
    }
    struct pmap_value *value = pmap_get(hard->offsets, key.data, key.size);
    buf_deinit(&key);
    if (value == NULL)
        return;
    const struct group_offset *offset = CONTAINER_OF(value, struct group_offset, value);
    /* A topic of the same name was made anew: its offsets begin with nothing. */
    if (!uuid_is_zero(topic_id) && !uuid_is_zero(&offset->topic_id) &&
        !uuid_equal(topic_id, &offset->topic_id))
        return;
    fetch_fill(work, offset, out);
}

static void fetch_named(struct group_work *work,
                        struct wire_offset_fetch_response_offset_fetch_response_group *response)
{
    const struct group_fetch *fetch = work->call->request;
    struct arena *arena = work->call->arena;
    int32_t count = fetch->group.topics.count;
    response->topics.count = count;
    response->topics.items =
        GROUP_NEW_ARRAY(arena, offset_fetch_response_offset_fetch_response_topics, (size_t)count);
    for (int32_t i = 0; i < count; i++) {
        const struct wire_offset_fetch_request_offset_fetch_request_topics *topic =
            &fetch->group.topics.items[i];
        struct wire_offset_fetch_response_offset_fetch_response_topics *out =
            &response->topics.items[i];
        out->name = topic->name;
        out->topic_id = topic->topic_id;
        out->partitions.count = topic->partition_indexes.count;
        out->partitions.items =
            GROUP_NEW_ARRAY(arena, offset_fetch_response_offset_fetch_response_partitions,
                            (size_t)topic->partition_indexes.count);
        for (int32_t j = 0; j < topic->partition_indexes.count; j++) {
            out->partitions.items[j].partition_index = topic->partition_indexes.items[j];
            fetch_partition(work, topic->name, &topic->topic_id, &out->partitions.items[j]);
        }
    }
}

/* All that the group has; entries of one topic follow each other. */
static void fetch_all(struct group_work *work,
                      struct wire_offset_fetch_response_offset_fetch_response_group *response)
{
    const struct group_fetch *fetch = work->call->request;
    const struct group_hard *hard = work->g->committed;
    struct arena *arena = work->call->arena;
    struct buf prefix = BUF_EMPTY;
    group_key_group(&prefix, fetch->group.group_id);
    struct wire_offset_fetch_response_offset_fetch_response_topics *topic = NULL;
    size_t topics_room = 0;
    size_t partitions_room = 0;
    struct pmap_iter iter;
    struct pmap_entry entry;
    pmap_iter_init(&iter, hard->offsets, prefix.data, prefix.size);
    while (pmap_iter_next(&iter, &entry) && group_key_has_prefix(&entry, &prefix)) {
        struct wire_string group_id;
        struct wire_string name;
        int32_t partition;
        group_key_read(entry.key, entry.key_size, &group_id, &name, &partition);
        if (topic == NULL || !wire_string_equal(topic->name, name)) {
            group_array_room(arena, &wire_offset_fetch_response_offset_fetch_response_topics_schema,
                             (void **)&response->topics.items, &response->topics.count,
                             &topics_room);
            topic = &response->topics.items[response->topics.count++];
            topic->name = wire_string_copy(name, arena);
            partitions_room = 0;
        }
        group_array_room(arena, &wire_offset_fetch_response_offset_fetch_response_partitions_schema,
                         (void **)&topic->partitions.items, &topic->partitions.count,
                         &partitions_room);
        struct wire_offset_fetch_response_offset_fetch_response_partitions *out =
            &topic->partitions.items[topic->partitions.count++];
        out->partition_index = partition;
        fetch_partition(work, name, &UUID_ZERO, out);
    }
    buf_deinit(&prefix);
}

void group_offset_fetch(struct group_work *work)
{
    const struct group_fetch *fetch = work->call->request;
    bool exists;
    int16_t error = fetch_check(work, &exists);
    struct wire_offset_fetch_response_offset_fetch_response_group *response =
        group_offset_fetch_error(work->call, error);
    group_reply(work, response);
    if (error != WIRE_ERROR_NONE)
        return;
    if (fetch->group.topics.count >= 0)
        fetch_named(work, response);
    else if (exists)
        fetch_all(work, response);
}

void group_offsets_each(const struct group_coordinator *g, group_offset_fn *fn, void *context)
{
    if (g->committed == NULL)
        return;
    struct pmap_iter iter;
    struct pmap_entry entry;
    pmap_iter_init(&iter, g->committed->offsets, NULL, 0);
    while (pmap_iter_next(&iter, &entry)) {
        struct wire_string group;
        struct wire_string topic;
        int32_t partition;
        group_key_read(entry.key, entry.key_size, &group, &topic, &partition);
        fn(context, group, topic, partition,
           CONTAINER_OF(entry.value, struct group_offset, value)->offset);
    }
}

/* ---- OffsetDelete ---------------------------------------------------------------------------- */

void *group_offset_delete_error(const struct group_call *call, int16_t error)
{
    struct wire_offset_delete_response *response = GROUP_NEW(call->arena, offset_delete_response);
    response->error_code = error;
    return response;
}

void group_offset_tombstone(struct group_work *work, struct wire_string group_id,
                            struct wire_string topic, int32_t partition)
{
    struct wire_offset_commit_key *key = GROUP_NEW(work->arena, offset_commit_key);
    key->group = wire_string_copy(group_id, work->arena);
    key->topic = wire_string_copy(topic, work->arena);
    key->partition = partition;
    group_record(work, WIRE_GROUP_RECORD_OFFSET_COMMIT, key, 0, NULL);
}

static bool is_subscribed(const struct group_work *work, const struct group_object *object,
                          struct wire_string group_id, struct wire_string topic)
{
    if (object->type == GROUP_TYPE_CLASSIC)
        return group_classic_is_subscribed(work->g, group_id, topic);
    return object->type == GROUP_TYPE_CONSUMER &&
           group_consumer_is_subscribed(work->hard, group_id, topic);
}

static int16_t delete_check(const struct group_work *work, const struct group_object *object)
{
    const struct wire_offset_delete_request *request = work->call->request;
    if (request->group_id.size == 0)
        return WIRE_ERROR_INVALID_GROUP_ID;
    if (object == NULL || object->type > GROUP_TYPE_CONSUMER)
        return WIRE_ERROR_GROUP_ID_NOT_FOUND;
    const struct classic_group *classic = classic_find(work->g, request->group_id);
    /* Members of other protocols may read anything. */
    if (classic != NULL && classic->state != CLASSIC_EMPTY &&
        !wire_string_is(classic->protocol_type, "consumer"))
        return WIRE_ERROR_NON_EMPTY_GROUP;
    return WIRE_ERROR_NONE;
}

void group_offset_delete(struct group_work *work)
{
    const struct wire_offset_delete_request *request = work->call->request;
    const struct group_object *object = group_object_find(work->hard, request->group_id);
    int16_t error = delete_check(work, object);
    struct wire_offset_delete_response *response = group_offset_delete_error(work->call, error);
    group_reply(work, response);
    if (error != WIRE_ERROR_NONE)
        return;
    struct arena *arena = work->call->arena;
    response->topics.count = request->topics.count;
    response->topics.items = GROUP_NEW_ARRAY(
        arena, offset_delete_response_offset_delete_response_topic, (size_t)request->topics.count);
    struct buf key = BUF_EMPTY;
    for (int32_t i = 0; i < request->topics.count; i++) {
        const struct wire_offset_delete_request_offset_delete_request_topic *topic =
            &request->topics.items[i];
        struct wire_offset_delete_response_offset_delete_response_topic *out =
            &response->topics.items[i];
        bool subscribed = is_subscribed(work, object, request->group_id, topic->name);
        out->name = topic->name;
        out->partitions.count = topic->partitions.count;
        out->partitions.items =
            GROUP_NEW_ARRAY(arena, offset_delete_response_offset_delete_response_partition,
                            (size_t)topic->partitions.count);
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            int32_t partition = topic->partitions.items[j].partition_index;
            out->partitions.items[j].partition_index = partition;
            if (subscribed)
                out->partitions.items[j].error_code = WIRE_ERROR_GROUP_SUBSCRIBED_TO_TOPIC;
            group_key_partition(&key, request->group_id, topic->name, partition);
            if (!subscribed && (pmap_get(work->hard->offsets, key.data, key.size) != NULL ||
                                is_pending(work->hard, &key)))
                group_offset_tombstone(work, request->group_id, topic->name, partition);
        }
    }
    buf_deinit(&key);
}

/* ---- Expiry ---------------------------------------------------------------------------------- */

/* From when an offset's retention counts: INT64_MAX: it does not expire. */
static int64_t expiry_base(const struct group_work *work, const struct group_object *object,
                           struct wire_string group_id, struct wire_string topic,
                           const struct group_offset *offset)
{
    if (object->type == GROUP_TYPE_CONSUMER)
        return group_consumer_is_subscribed(work->hard, group_id, topic)
                   ? INT64_MAX
                   : offset->commit_timestamp_ms;
    const struct wire_group_metadata_value *metadata = group_classic_object_of(object)->metadata;
    const struct classic_group *classic = classic_find(work->g, group_id);
    bool typed = metadata != NULL && metadata->protocol_type.size > 0;
    if (!typed && classic == NULL)
        return offset->commit_timestamp_ms; /* only ever committed */
    if (classic == NULL || classic->state == CLASSIC_EMPTY) {
        /* Not before the group has been empty for that long; old records do not say since when. */
        int64_t since =
            classic != NULL ? classic->state_wall_ms : metadata->current_state_timestamp;
        return since > 0 ? since : offset->commit_timestamp_ms;
    }
    if (classic->state != CLASSIC_STABLE || !wire_string_is(classic->protocol_type, "consumer") ||
        group_classic_is_subscribed(work->g, group_id, topic))
        return INT64_MAX;
    return offset->commit_timestamp_ms;
}

/* Expired offsets get tombstones. True: the group has no offset that stays. */
static bool expire_offsets(struct group_work *work, const struct group_object *object,
                           struct wire_string group_id)
{
    int64_t retention_ms =
        conf_int(work->g->conf, CONF_BROKER_OFFSETS_RETENTION_MINUTES) * INT64_C(60000);
    struct buf prefix = BUF_EMPTY;
    struct buf key = BUF_EMPTY;
    group_key_group(&prefix, group_id);
    struct pmap_iter iter;
    struct pmap_entry entry;
    bool none = !is_pending(work->hard, &prefix);
    pmap_iter_init(&iter, work->hard->offsets, prefix.data, prefix.size);
    while (pmap_iter_next(&iter, &entry) && group_key_has_prefix(&entry, &prefix)) {
        const struct group_offset *offset = CONTAINER_OF(entry.value, struct group_offset, value);
        struct wire_string group;
        struct wire_string topic;
        int32_t partition;
        group_key_read(entry.key, entry.key_size, &group, &topic, &partition);
        int64_t base = expiry_base(work, object, group_id, topic, offset);
        bool expired = base != INT64_MAX && (offset->expire_timestamp_ms >= 0
                                                 ? work->time.wall_ms >= offset->expire_timestamp_ms
                                                 : work->time.wall_ms - base >= retention_ms);
        buf_clear(&key);
        buf_put(&key, entry.key, entry.key_size);
        if (expired && !is_pending(work->hard, &key) && work->count < SWEEP_RECORDS_MAX)
            group_offset_tombstone(work, group_id, topic, partition);
        else
            none = false;
    }
    buf_deinit(&prefix);
    buf_deinit(&key);
    return none;
}

/* A group without members and offsets goes with its last offset. */
static void expire_group(struct group_work *work, const struct group_object *object,
                         struct wire_string group_id)
{
    if (object->type == GROUP_TYPE_CLASSIC) {
        if (classic_find(work->g, group_id) == NULL)
            group_classic_tombstone(work, group_id);
    } else if (group_consumer_is_empty(work->hard, group_id)) {
        group_consumer_tombstones(work, group_id);
    }
}

static void group_offsets_sweep(struct group_work *work, struct group_timer *timer)
{
    struct group_coordinator *g = work->g;
    struct pmap_iter iter;
    struct pmap_entry entry;
    pmap_iter_init(&iter, work->hard->groups, NULL, 0);
    while (work->count < SWEEP_RECORDS_MAX && pmap_iter_next(&iter, &entry)) {
        const struct group_object *object = CONTAINER_OF(entry.value, struct group_object, value);
        struct wire_string id = wire_string_of((const char *)entry.key, (uint32_t)entry.key_size);
        if (object->type > GROUP_TYPE_CONSUMER)
            continue;
        if (expire_offsets(work, object, id))
            expire_group(work, object, id);
    }
    if (work->count > 0)
        LOG_INFO("__consumer_offsets-%d: %zu expired offsets and groups go", g->options.partition,
                 work->count);
    int64_t interval_ms = work->count >= SWEEP_RECORDS_MAX
                              ? 0
                              : conf_int(g->conf, CONF_BROKER_OFFSETS_RETENTION_CHECK_INTERVAL_MS);
    group_timer_set(g, timer, g->time.now_ms + interval_ms);
}

/* ---- Topics that are gone -------------------------------------------------------------------- */

struct gone_topic {
    struct list node; /* g->gone_topics */
    struct uuid id;
    struct wire_string name;
    char text[];
};

static void note_topic(void *context, const struct meta_topic *before,
                       const struct meta_topic *after)
{
    struct group_coordinator *g = context;
    if (after != NULL)
        return;
    struct gone_topic *gone = mem_zalloc(sizeof *gone + before->name.size);
    memcpy(gone->text, before->name.data, before->name.size);
    gone->name = wire_string_of(gone->text, before->name.size);
    gone->id = before->id;
    list_push_back(&g->gone_topics, &gone->node);
}

static bool is_gone(const struct group_coordinator *g, struct wire_string topic,
                    const struct group_offset *offset)
{
    LIST_FOR_EACH (node, &g->gone_topics) {
        const struct gone_topic *gone = LIST_ENTRY(node, struct gone_topic, node);
        if (wire_string_equal(gone->name, topic) &&
            (uuid_is_zero(&offset->topic_id) || uuid_equal(&offset->topic_id, &gone->id)))
            return true;
    }
    return false;
}

static void gone_clear(struct group_coordinator *g)
{
    for (struct list *node; (node = list_pop_front(&g->gone_topics)) != NULL;)
        mem_free(LIST_ENTRY(node, struct gone_topic, node));
}

/* Of one map; a key that ends in a producer's id says its partition all the same. */
static void forget_gone(struct group_work *work, struct pmap map)
{
    struct pmap_iter iter;
    struct pmap_entry entry;
    pmap_iter_init(&iter, map, NULL, 0);
    while (work->count < SWEEP_RECORDS_MAX && pmap_iter_next(&iter, &entry)) {
        struct wire_string group;
        struct wire_string topic;
        int32_t partition;
        group_key_read(entry.key, entry.key_size, &group, &topic, &partition);
        if (is_gone(work->g, topic, CONTAINER_OF(entry.value, struct group_offset, value)))
            group_offset_tombstone(work, group, topic, partition);
    }
}

static void forget_topics(struct group_work *work, struct group_timer *timer)
{
    struct group_coordinator *g = work->g;
    forget_gone(work, work->hard->offsets);
    forget_gone(work, work->hard->pending);
    if (work->count > 0)
        LOG_INFO("__consumer_offsets-%d: %zu offsets of deleted topics go", g->options.partition,
                 work->count);
    if (work->count >= SWEEP_RECORDS_MAX)
        group_timer_set(g, timer, g->time.now_ms);
    else
        gone_clear(g);
}

void group_offsets_image(struct group_coordinator *g, const struct meta_image *before)
{
    meta_image_diff(before, g->image, &(struct meta_diff){.context = g, .topic = note_topic});
    if (!list_empty(&g->gone_topics))
        group_timer_set(g, &g->forget, g->time.now_ms);
}

void group_offsets_activate(struct group_coordinator *g)
{
    group_timer_init(&g->expiry, group_offsets_sweep);
    group_timer_init(&g->forget, forget_topics);
    group_timer_set(g, &g->expiry,
                    g->time.now_ms +
                        conf_int(g->conf, CONF_BROKER_OFFSETS_RETENTION_CHECK_INTERVAL_MS));
}

void group_offsets_forget(struct group_coordinator *g)
{
    group_timer_cancel(g, &g->expiry);
    group_timer_cancel(g, &g->forget);
    gone_clear(g);
}
