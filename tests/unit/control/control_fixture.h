#ifndef TESTS_UNIT_CONTROL_FIXTURE_H
#define TESTS_UNIT_CONTROL_FIXTURE_H
/* A controller over a metadata image: what it decides is applied at once, as if it were committed.
 */
#include "../unit.h"
#include "base/mem.h"
#include "base/prng.h"
#include "conf/conf.h"
#include "control/control.h"
#include "meta/delta.h"
#include "meta/features.h"
#include "wire/api.h"
#include "wire/api_keys.h"
#include "wire/errors.h"
#include "wire/messages.h"
#include "wire/records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLUSTER "Some-Cluster-Of-Tests-"

struct cluster {
    struct conf *conf;
    struct control *control;
    struct meta_delta *delta;
    int64_t next_offset;
    int64_t now_ms;
    struct prng random;
    struct arena arena;
    struct control_output out;
};

static inline void draw(void *context, void *out, size_t size)
{
    struct cluster *cluster = context;
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)out)[i] = (uint8_t)prng_u64(&cluster->random);
}

static inline void cluster_init(struct cluster *cluster, const struct conf_pair *pairs,
                                size_t pair_count)
{
    *cluster = (struct cluster){.next_offset = 1, .now_ms = 1000};
    prng_init(&cluster->random, 7);
    cluster->conf = conf_of(pairs, pair_count);
    struct control_options options = {.conf = cluster->conf, .node_id = 1, .cluster_id = CLUSTER};
    cluster->control = control_new(&options);
    struct meta_image *empty = meta_image_new();
    cluster->delta = meta_delta_new(empty);
    meta_image_unref(empty);
    arena_init(&cluster->arena, SIZE_MAX);
}

static inline void cluster_deinit(struct cluster *cluster)
{
    control_free(cluster->control);
    meta_delta_free(cluster->delta);
    conf_free(cluster->conf);
    arena_deinit(&cluster->arena);
}

/* ---- Records and decisions ---- */

static inline void apply(struct cluster *cluster, const struct meta_record *records, size_t count)
{
    char error[META_ERROR_BYTES] = "";
    struct meta_image *before = meta_delta_image(cluster->delta);
    meta_delta_seek(cluster->delta, cluster->next_offset, 1, 0);
    for (size_t i = 0; i < count; i++) {
        if (meta_delta_apply(cluster->delta, &records[i], error) != ERR_OK)
            fail_msg("record %zu: %s", i, error);
    }
    cluster->next_offset += (int64_t)count;
    struct meta_image *after = meta_delta_image(cluster->delta);
    control_applied(cluster->control, before, after, cluster->now_ms);
    meta_image_unref(before);
    meta_image_unref(after);
}

static inline struct control_input input_of(struct cluster *cluster)
{
    return (struct control_input){
        .image = meta_delta_image(cluster->delta),
        .next_offset = cluster->next_offset,
        .committed_offset = cluster->next_offset - 1,
        .now_ms = cluster->now_ms,
        .wall_ms = cluster->now_ms,
        .random = draw,
        .random_context = cluster,
        .arena = &cluster->arena,
    };
}

/* The records are applied before the reply is looked at, as it is when it leaves. */
static inline void *decide(struct cluster *cluster, int16_t key, int16_t version,
                           const void *request)
{
    struct control_input input = input_of(cluster);
    control_decide(cluster->control, &input, key, version, request, &cluster->out);
    meta_image_unref(input.image);
    apply(cluster, cluster->out.records, cluster->out.count);
    return cluster->out.reply;
}

static inline void set_feature(struct cluster *cluster, const char *name, int16_t level)
{
    struct wire_feature_level_record record = {.name = wire_string_from(name),
                                               .feature_level = level};
    apply(cluster, &(struct meta_record){12, 0, &record}, 1);
}

static inline void activate(struct cluster *cluster)
{
    struct control_input input = input_of(cluster);
    control_activate(cluster->control, &input, NULL, 0, false, &cluster->out);
    meta_image_unref(input.image);
}

static inline struct uuid id_of(uint8_t kind, int32_t number)
{
    struct uuid id = {{kind, 1, 2, 3, 4, 5, 0x46, 7, 0x88, 9, 10, 11, 12, 13, 0, 0}};
    id.bytes[14] = (uint8_t)(number >> 8);
    id.bytes[15] = (uint8_t)number;
    return id;
}

static inline int16_t register_broker(struct cluster *cluster, int32_t id, int32_t incarnation,
                                      const char *rack, int64_t *epoch)
{
    struct wire_broker_registration_request request;
    wire_default(&wire_broker_registration_request_schema, &request);
    request.broker_id = id;
    request.cluster_id = wire_string_from(CLUSTER);
    request.incarnation_id = id_of(1, incarnation);
    request.rack = wire_string_from(rack);
    request.previous_broker_epoch = -1;
    struct uuid dir = id_of(2, id);
    request.log_dirs = (struct wire_uuids){&dir, 1};
    struct wire_broker_registration_request_listener listener;
    wire_default(&wire_broker_registration_request_listener_schema, &listener);
    listener.name = wire_string_from("PLAINTEXT");
    listener.host = wire_string_from("localhost");
    listener.port = 9092;
    request.listeners.items = &listener;
    request.listeners.count = 1;
    struct wire_broker_registration_request_feature feature;
    wire_default(&wire_broker_registration_request_feature_schema, &feature);
    feature.name = wire_string_from("metadata.version");
    feature.min_supported_version = 7;
    feature.max_supported_version = 30;
    request.features.items = &feature;
    request.features.count = 1;
    const struct wire_broker_registration_response *reply =
        decide(cluster, WIRE_API_BROKER_REGISTRATION, 4, &request);
    if (epoch != NULL)
        *epoch = reply->broker_epoch;
    return reply->error_code;
}

static inline struct wire_broker_heartbeat_response heartbeat(struct cluster *cluster, int32_t id,
                                                              int64_t epoch, bool fence)
{
    struct wire_broker_heartbeat_request request;
    wire_default(&wire_broker_heartbeat_request_schema, &request);
    request.broker_id = id;
    request.broker_epoch = epoch;
    request.current_metadata_offset = cluster->next_offset - 1;
    request.want_fence = fence;
    return *(struct wire_broker_heartbeat_response *)decide(cluster, WIRE_API_BROKER_HEARTBEAT, 1,
                                                            &request);
}

static inline void add_broker(struct cluster *cluster, int32_t id, const char *rack)
{
    int64_t epoch;
    assert_int_equal(register_broker(cluster, id, id, rack, &epoch), WIRE_ERROR_NONE);
    assert_false(heartbeat(cluster, id, epoch, false).is_fenced);
}

static inline const struct wire_create_topics_response_creatable_topic_result *
create_topic(struct cluster *cluster, const char *name, int32_t partitions, int16_t factor)
{
    struct wire_create_topics_request_creatable_topic topic;
    wire_default(&wire_create_topics_request_creatable_topic_schema, &topic);
    topic.name = wire_string_from(name);
    topic.num_partitions = partitions;
    topic.replication_factor = factor;
    struct wire_create_topics_request request;
    wire_default(&wire_create_topics_request_schema, &request);
    request.topics.items = &topic;
    request.topics.count = 1;
    const struct wire_create_topics_response *reply =
        decide(cluster, WIRE_API_CREATE_TOPICS, 7, &request);
    assert_int_equal(reply->topics.count, 1);
    return &reply->topics.items[0];
}

#endif
