/*
 * Images: every type of record is applied, kept with all its fields (those of a later release as
 * well) and written back; what a snapshot says is what was there; differences are those that a walk
 * over everything finds; an image that was handed out does not change.
 */
#include "../unit.h"
#include "base/mem.h"
#include "base/prng.h"
#include "meta/delta.h"
#include "meta/features.h"
#include "meta/snapshot.h"
#include "wire/messages.h"
#include "wire/records.h"

#include <stdio.h>
#include <string.h>

struct fixture {
    struct arena arena;
    struct meta_delta *delta;
    char error[META_ERROR_BYTES];
};

static void setup(struct fixture *fixture)
{
    arena_init(&fixture->arena, (size_t)64 << 20);
    struct meta_image *empty = meta_image_new();
    fixture->delta = meta_delta_new(empty);
    meta_image_unref(empty);
    meta_delta_seek(fixture->delta, 0, 1, 1000);
}

static void teardown(struct fixture *fixture)
{
    meta_delta_free(fixture->delta);
    arena_deinit(&fixture->arena);
}

static enum err apply(struct fixture *fixture, int16_t key, const void *message)
{
    struct meta_record record = {.key = key, .message = message};
    return meta_delta_apply(fixture->delta, &record, fixture->error);
}

static void apply_ok(struct fixture *fixture, int16_t key, const void *message)
{
    enum err err = apply(fixture, key, message);
    if (err != ERR_OK)
        fail_msg("record type %d: %s: %s", key, err_text(err), fixture->error);
}

static struct wire_tagged future_tag = {.data = (const uint8_t *)"new", .size = 3, .tag = 77};
static struct wire_tagged future_tag_2 = {.data = (const uint8_t *)"", .size = 0, .tag = 80};
static struct uuid id_of(uint8_t n)
{
    return (struct uuid){{0xab, n, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, n}};
}

static void apply_topic(struct fixture *fixture, uint8_t n, const char *name)
{
    struct wire_topic_record topic = {
        .name = wire_string_from(name), .topic_id = id_of(n), .unknown_tags = &future_tag};
    apply_ok(fixture, WIRE_METADATA_RECORD_TOPIC, &topic);
}

static void apply_partition(struct fixture *fixture, uint8_t n, int32_t index)
{
    int32_t replicas[] = {1, 2, 3};
    int32_t elr[] = {3};
    struct uuid dirs[] = {id_of(101), META_DIR_UNASSIGNED, id_of(103)};
    struct wire_partition_record partition;
    wire_default(&wire_partition_record_schema, &partition);
    partition.partition_id = index;
    partition.topic_id = id_of(n);
    partition.replicas = (struct wire_int32s){replicas, 3};
    partition.isr = (struct wire_int32s){replicas, 2};
    partition.adding_replicas = (struct wire_int32s){replicas + 2, 1};
    partition.removing_replicas = (struct wire_int32s){replicas + 1, 1};
    partition.leader = 1;
    partition.leader_epoch = 4;
    partition.partition_epoch = 9;
    partition.directories = (struct wire_uuids){dirs, 3};
    partition.eligible_leader_replicas = (struct wire_int32s){elr, 1};
    partition.last_known_elr = (struct wire_int32s){elr, 1};
    partition.unknown_tags = &future_tag;
    apply_ok(fixture, WIRE_METADATA_RECORD_PARTITION, &partition);
}

static void apply_feature(struct fixture *fixture, const char *name, int16_t level)
{
    struct wire_feature_level_record feature = {.name = wire_string_from(name),
                                                .feature_level = level};
    apply_ok(fixture, WIRE_METADATA_RECORD_FEATURE_LEVEL, &feature);
}

static void apply_broker(struct fixture *fixture, int32_t id, int64_t epoch)
{
    struct wire_register_broker_record_broker_endpoint endpoints[] = {
        {.name = WIRE_STRING("PLAINTEXT"), .host = WIRE_STRING("one"), .port = 9092},
        {.name = WIRE_STRING("SSL"),
         .host = WIRE_STRING("two"),
         .port = 65535,
         .security_protocol = 1,
         .unknown_tags = &future_tag},
    };
    struct wire_register_broker_record_broker_feature features[] = {
        {.name = WIRE_STRING("metadata.version"),
         .min_supported_version = 7,
         .max_supported_version = 30},
    };
    struct uuid dirs[] = {id_of(9), id_of(3)};
    struct wire_register_broker_record broker;
    wire_default(&wire_register_broker_record_schema, &broker);
    broker.broker_id = id;
    broker.broker_epoch = epoch;
    broker.incarnation_id = id_of(50);
    broker.end_points.items = endpoints;
    broker.end_points.count = 2;
    broker.features.items = features;
    broker.features.count = 1;
    broker.rack = WIRE_STRING("rack-1");
    broker.log_dirs = (struct wire_uuids){dirs, 2};
    broker.cordoned_log_dirs = (struct wire_uuids){dirs, 1};
    broker.unknown_tags = &future_tag;
    apply_ok(fixture, WIRE_METADATA_RECORD_REGISTER_BROKER, &broker);
}

static void apply_config(struct fixture *fixture, int8_t type, const char *resource,
                         const char *name, const char *value)
{
    struct wire_config_record config = {.resource_type = type,
                                        .resource_name = wire_string_from(resource),
                                        .name = wire_string_from(name),
                                        .value = wire_string_from(value)};
    apply_ok(fixture, WIRE_METADATA_RECORD_CONFIG, &config);
}

/* One or more of every type that leaves something behind. */
static void apply_everything(struct fixture *fixture)
{
    apply_feature(fixture, "metadata.version", 30);
    apply_feature(fixture, "a.feature.of.tomorrow", 3);
    apply_broker(fixture, 1, 10);
    apply_broker(fixture, 2, 11);
    struct wire_register_controller_record_controller_endpoint endpoint = {
        .name = WIRE_STRING("CONTROLLER"), .host = WIRE_STRING("c"), .port = 9093};
    struct wire_register_controller_record controller = {
        .controller_id = 7, .incarnation_id = id_of(60), .zk_migration_ready = true};
    controller.end_points.items = &endpoint;
    controller.end_points.count = 1;
    controller.unknown_tags = &future_tag_2;
    apply_ok(fixture, WIRE_METADATA_RECORD_REGISTER_CONTROLLER, &controller);
    apply_topic(fixture, 1, "alpha");
    apply_partition(fixture, 1, 0);
    apply_partition(fixture, 1, 1);
    apply_topic(fixture, 2, "beta");
    apply_partition(fixture, 2, 0);
    apply_config(fixture, META_RESOURCE_TOPIC, "alpha", "retention.ms", "5");
    apply_config(fixture, META_RESOURCE_BROKER, "", "min.insync.replicas", "");
    struct wire_client_quota_record_entity_data entity[] = {
        {.entity_type = WIRE_STRING("user"), .entity_name = WIRE_NULL_STRING},
        {.entity_type = WIRE_STRING("client-id"), .entity_name = WIRE_STRING("app")},
    };
    struct wire_client_quota_record quota = {.key = WIRE_STRING("producer_byte_rate"),
                                             .value = 12.5};
    quota.entity.items = entity;
    quota.entity.count = 2;
    apply_ok(fixture, WIRE_METADATA_RECORD_CLIENT_QUOTA, &quota);
    struct wire_producer_ids_record ids = {
        .broker_id = 1, .broker_epoch = 10, .next_producer_id = 3000};
    apply_ok(fixture, WIRE_METADATA_RECORD_PRODUCER_IDS, &ids);
    struct wire_access_control_entry_record acl = {.id = id_of(33),
                                                   .resource_type = 2,
                                                   .resource_name = WIRE_STRING("alpha"),
                                                   .pattern_type = 3,
                                                   .principal = WIRE_STRING("User:a"),
                                                   .host = WIRE_STRING("*"),
                                                   .operation = 3,
                                                   .permission_type = 3,
                                                   .unknown_tags = &future_tag};
    apply_ok(fixture, WIRE_METADATA_RECORD_ACCESS_CONTROL_ENTRY, &acl);
    struct wire_user_scram_credential_record scram = {.name = WIRE_STRING("bob"),
                                                      .mechanism = 2,
                                                      .salt = wire_bytes_of("salt", 4),
                                                      .stored_key = wire_bytes_of("stored", 6),
                                                      .server_key = wire_bytes_of("server", 6),
                                                      .iterations = 8192};
    apply_ok(fixture, WIRE_METADATA_RECORD_USER_SCRAM_CREDENTIAL, &scram);
    struct wire_string renewers[] = {WIRE_STRING("User:b"), WIRE_STRING("User:c")};
    struct wire_delegation_token_record token = {.owner = WIRE_STRING("User:a"),
                                                 .requester = WIRE_STRING("User:r"),
                                                 .renewers = {renewers, 2},
                                                 .issue_timestamp = 1,
                                                 .max_timestamp = 2,
                                                 .expiration_timestamp = 3,
                                                 .token_id = WIRE_STRING("token")};
    apply_ok(fixture, WIRE_METADATA_RECORD_DELEGATION_TOKEN, &token);
    struct wire_zk_migration_state_record zk = {.zk_migration_state = 4};
    apply_ok(fixture, WIRE_METADATA_RECORD_ZK_MIGRATION_STATE, &zk);
    struct wire_no_op_record nothing = {0};
    apply_ok(fixture, WIRE_METADATA_RECORD_NO_OP, &nothing);
}

/* ---- Through bytes and back -------------------------------------------------------------- */

struct reload {
    struct fixture *to;
    struct buf bytes;
    size_t count;
    int16_t last_key;
};

/* As a snapshot does it: encoded, decoded, applied. */
static enum err reload_one(void *context, const struct meta_record *record)
{
    struct reload *reload = context;
    const struct wire_record_type *type = wire_record_find(WIRE_RECORDS_METADATA, record->key);
    assert_non_null(type);
    buf_clear(&reload->bytes);
    enum err err =
        wire_metadata_record_encode(type, record->version, record->message, &reload->bytes);
    if (err != ERR_OK)
        fail_msg("record type %d version %d: %s", record->key, record->version, err_text(err));
    struct wire_record decoded;
    uint8_t *copy = arena_must_alloc(&reload->to->arena, reload->bytes.size);
    memcpy(copy, reload->bytes.data, reload->bytes.size);
    assert_int_equal(
        wire_metadata_record_decode(copy, reload->bytes.size, &reload->to->arena, &decoded),
        ERR_OK);
    apply_ok(reload->to, record->key, decoded.message);
    if (reload->count == 0)
        assert_int_equal(record->key, WIRE_METADATA_RECORD_FEATURE_LEVEL);
    reload->count++;
    reload->last_key = record->key;
    return ERR_OK;
}

static void assert_survives_snapshot(const struct meta_image *image)
{
    struct fixture again;
    setup(&again);
    struct reload reload = {.to = &again};
    assert_int_equal(meta_snapshot_write(image, reload_one, &reload), ERR_OK);
    struct meta_image *reloaded = meta_delta_image(again.delta);
    assert_true(meta_image_content_equal(image, reloaded));
    assert_true(meta_image_content_equal(reloaded, image));
    meta_image_unref(reloaded);
    buf_deinit(&reload.bytes);
    teardown(&again);
}

static void every_type_survives_a_snapshot(void **state)
{
    UNUSED(state);
    struct fixture fixture;
    setup(&fixture);
    apply_everything(&fixture);
    struct meta_image *image = meta_delta_image(fixture.delta);
    assert_survives_snapshot(image);

    const struct meta_topic *topic = meta_image_topic(image, "alpha", 5);
    assert_non_null(topic);
    assert_int_equal(topic->partition_count, 2);
    assert_non_null(topic->tags);
    assert_int_equal(topic->tags->tag, 77);
    assert_ptr_equal(meta_image_topic_by_id(image, &topic->id), topic);
    const struct meta_partition *partition = meta_image_partition(image, &topic->id, 1);
    assert_non_null(partition);
    assert_int_equal(partition->leader, 1);
    assert_int_equal(partition->elr.count, 1);
    struct uuid dir = meta_partition_directory(partition, 3);
    struct uuid expected = id_of(103);
    assert_true(uuid_equal(&dir, &expected));
    const struct meta_broker *broker = meta_image_broker(image, 2);
    assert_int_equal(broker->epoch, 11);
    assert_true(broker->fenced);
    assert_int_equal(meta_broker_endpoint(broker, "SSL")->port, 65535);
    assert_null(meta_broker_endpoint(broker, "NONE"));
    struct uuid smallest = id_of(3);
    assert_true(uuid_equal(&broker->log_dirs[0], &smallest)); /* sorted */
    assert_string_equal(meta_image_config(image, META_RESOURCE_TOPIC, "alpha", 5, "retention.ms"),
                        "5");
    assert_string_equal(
        meta_image_config(image, META_RESOURCE_BROKER, "", 0, "min.insync.replicas"), "");
    assert_null(meta_image_config(image, META_RESOURCE_TOPIC, "beta", 4, "retention.ms"));
    assert_int_equal(meta_image_metadata_version(image), 30);
    assert_int_equal(image->next_producer_id, 3000);
    assert_int_equal(image->offset, 18);
    assert_int_equal(image->partition_count, 3);
    assert_non_null(meta_image_scram(image, 2, "bob", 3));
    assert_null(meta_image_scram(image, 1, "bob", 3));
    assert_int_equal(meta_image_token(image, "token", 5)->renewer_count, 2);
    meta_image_unref(image);
    teardown(&fixture);
}

/* A level too low for what the image holds: nothing is lost for that. */
static void old_levels_keep_what_is_there(void **state)
{
    UNUSED(state);
    for (int16_t level = META_VERSION_MIN; level <= META_VERSION_MAX; level++) {
        struct fixture fixture;
        setup(&fixture);
        apply_everything(&fixture);
        apply_feature(&fixture, "metadata.version", level);
        struct meta_image *image = meta_delta_image(fixture.delta);
        assert_survives_snapshot(image);
        meta_image_unref(image);
        teardown(&fixture);
    }
}

/* ---- What each record does --------------------------------------------------------------- */

static void a_change_of_a_partition_is_merged(void **state)
{
    UNUSED(state);
    struct fixture fixture;
    setup(&fixture);
    apply_everything(&fixture);
    struct wire_partition_change_record change;
    wire_default(&wire_partition_change_record_schema, &change);
    change.topic_id = id_of(1);
    change.partition_id = 0;
    int32_t isr[] = {2};
    change.isr = (struct wire_int32s){isr, 1};
    apply_ok(&fixture, WIRE_METADATA_RECORD_PARTITION_CHANGE, &change);
    struct meta_image *first = meta_delta_image(fixture.delta);
    struct uuid topic = id_of(1);
    const struct meta_partition *partition = meta_image_partition(first, &topic, 0);
    assert_int_equal(partition->isr.count, 1);
    assert_int_equal(partition->leader, 1);
    assert_int_equal(partition->leader_epoch, 4);
    assert_int_equal(partition->partition_epoch, 10);
    assert_int_equal(partition->replicas.count, 3);

    change.isr.count = -1;
    change.leader = META_NO_LEADER;
    change.leader_recovery_state = META_RECOVERING;
    int32_t none[1] = {0};
    change.eligible_leader_replicas = (struct wire_int32s){none, 0};
    int32_t replicas[] = {5};
    struct uuid dirs[] = {id_of(8)};
    change.replicas = (struct wire_int32s){replicas, 1};
    change.directories = (struct wire_uuids){dirs, 1};
    apply_ok(&fixture, WIRE_METADATA_RECORD_PARTITION_CHANGE, &change);
    struct meta_image *second = meta_delta_image(fixture.delta);
    partition = meta_image_partition(second, &topic, 0);
    assert_int_equal(partition->leader, -1);
    assert_int_equal(partition->leader_epoch, 5);
    assert_int_equal(partition->partition_epoch, 11);
    assert_int_equal(partition->leader_recovery_state, META_RECOVERING);
    assert_int_equal(partition->elr.count, 0);
    assert_int_equal(partition->last_known_elr.count, 1);
    assert_int_equal(partition->replicas.count, 1);
    /* Handed out before: as it was. */
    assert_int_equal(meta_image_partition(first, &topic, 0)->leader, 1);

    /* More replicas than directories. */
    int32_t two[] = {5, 6};
    wire_default(&wire_partition_change_record_schema, &change);
    change.topic_id = id_of(1);
    change.partition_id = 0;
    change.replicas = (struct wire_int32s){two, 2};
    assert_int_equal(apply(&fixture, WIRE_METADATA_RECORD_PARTITION_CHANGE, &change), ERR_CORRUPT);
    change.partition_id = 5;
    assert_int_equal(apply(&fixture, WIRE_METADATA_RECORD_PARTITION_CHANGE, &change), ERR_CORRUPT);
    meta_image_unref(first);
    meta_image_unref(second);
    teardown(&fixture);
}

static void changes_of_a_broker(void **state)
{
    UNUSED(state);
    struct fixture fixture;
    setup(&fixture);
    apply_everything(&fixture);
    struct wire_unfence_broker_record unfence = {.id = 1, .epoch = 10};
    apply_ok(&fixture, WIRE_METADATA_RECORD_UNFENCE_BROKER, &unfence);
    struct wire_broker_registration_change_record change;
    wire_default(&wire_broker_registration_change_record_schema, &change);
    change.broker_id = 2;
    change.broker_epoch = 11;
    change.fenced = -1;
    struct uuid dir = id_of(99);
    change.cordoned_log_dirs = (struct wire_uuids){&dir, 0};
    apply_ok(&fixture, WIRE_METADATA_RECORD_BROKER_REGISTRATION_CHANGE, &change);
    struct meta_image *image = meta_delta_image(fixture.delta);
    assert_false(meta_image_broker(image, 1)->fenced);
    assert_false(meta_image_broker(image, 2)->fenced);
    assert_int_equal(meta_image_broker(image, 2)->cordoned_log_dir_count, 0);
    assert_true(meta_image_broker(image, 2)->has_cordoned_log_dirs);
    assert_int_equal(meta_image_broker(image, 2)->log_dir_count, 2);
    meta_image_unref(image);

    change.fenced = 1;
    change.in_controlled_shutdown = 1;
    change.log_dirs = (struct wire_uuids){&dir, 1};
    apply_ok(&fixture, WIRE_METADATA_RECORD_BROKER_REGISTRATION_CHANGE, &change);
    struct wire_fence_broker_record fence = {.id = 1, .epoch = 10};
    apply_ok(&fixture, WIRE_METADATA_RECORD_FENCE_BROKER, &fence);
    image = meta_delta_image(fixture.delta);
    assert_true(meta_image_broker(image, 1)->fenced);
    assert_true(meta_image_broker(image, 2)->fenced);
    assert_true(meta_image_broker(image, 2)->in_controlled_shutdown);
    assert_int_equal(meta_image_broker(image, 2)->log_dir_count, 1);
    assert_survives_snapshot(image);
    meta_image_unref(image);

    fence.epoch = 12;
    assert_int_equal(apply(&fixture, WIRE_METADATA_RECORD_FENCE_BROKER, &fence), ERR_CORRUPT);
    change.fenced = 2;
    assert_int_equal(apply(&fixture, WIRE_METADATA_RECORD_BROKER_REGISTRATION_CHANGE, &change),
                     ERR_CORRUPT);
    struct wire_unregister_broker_record gone = {.broker_id = 1, .broker_epoch = 10};
    apply_ok(&fixture, WIRE_METADATA_RECORD_UNREGISTER_BROKER, &gone);
    image = meta_delta_image(fixture.delta);
    assert_null(meta_image_broker(image, 1));
    assert_int_equal(image->broker_count, 1);
    meta_image_unref(image);
    teardown(&fixture);
}

static void what_is_removed_is_gone(void **state)
{
    UNUSED(state);
    struct fixture fixture;
    setup(&fixture);
    apply_everything(&fixture);
    struct meta_image *before = meta_delta_image(fixture.delta);
    struct wire_remove_topic_record topic = {.topic_id = id_of(1)};
    apply_ok(&fixture, WIRE_METADATA_RECORD_REMOVE_TOPIC, &topic);
    assert_int_equal(apply(&fixture, WIRE_METADATA_RECORD_REMOVE_TOPIC, &topic), ERR_CORRUPT);
    struct wire_remove_access_control_entry_record acl = {.id = id_of(33)};
    apply_ok(&fixture, WIRE_METADATA_RECORD_REMOVE_ACCESS_CONTROL_ENTRY, &acl);
    assert_int_equal(apply(&fixture, WIRE_METADATA_RECORD_REMOVE_ACCESS_CONTROL_ENTRY, &acl),
                     ERR_CORRUPT);
    struct wire_remove_user_scram_credential_record scram = {.name = WIRE_STRING("bob"),
                                                             .mechanism = 2};
    apply_ok(&fixture, WIRE_METADATA_RECORD_REMOVE_USER_SCRAM_CREDENTIAL, &scram);
    struct wire_remove_delegation_token_record token = {.token_id = WIRE_STRING("token")};
    apply_ok(&fixture, WIRE_METADATA_RECORD_REMOVE_DELEGATION_TOKEN, &token);
    /* The parts of an entity in any order. */
    struct wire_client_quota_record_entity_data entity[] = {
        {.entity_type = WIRE_STRING("client-id"), .entity_name = WIRE_STRING("app")},
        {.entity_type = WIRE_STRING("user"), .entity_name = WIRE_NULL_STRING},
    };
    struct wire_client_quota_record quota = {.key = WIRE_STRING("producer_byte_rate"),
                                             .remove = true};
    quota.entity.items = entity;
    quota.entity.count = 2;
    apply_ok(&fixture, WIRE_METADATA_RECORD_CLIENT_QUOTA, &quota);
    apply_config(&fixture, META_RESOURCE_BROKER, "", "min.insync.replicas", NULL);
    apply_feature(&fixture, "a.feature.of.tomorrow", 0);
    struct meta_image *image = meta_delta_image(fixture.delta);
    assert_int_equal(image->topic_count, 1);
    assert_int_equal(image->partition_count, 1);
    assert_null(meta_image_topic(image, "alpha", 5));
    assert_int_equal(pmap_count(image->configs), 0);
    assert_int_equal(pmap_count(image->acls), 0);
    assert_int_equal(pmap_count(image->scram), 0);
    assert_int_equal(pmap_count(image->tokens), 0);
    assert_int_equal(pmap_count(image->quotas), 0);
    assert_int_equal(pmap_count(image->features), 1);
    assert_int_equal(before->topic_count, 2);
    assert_int_equal(pmap_count(before->quotas), 1);
    meta_image_unref(before);
    meta_image_unref(image);
    teardown(&fixture);
}

static void clearing_elr(void **state)
{
    UNUSED(state);
    struct fixture fixture;
    setup(&fixture);
    apply_everything(&fixture);
    struct wire_clear_elr_record clear = {.topic_name = WIRE_STRING("alpha")};
    apply_ok(&fixture, WIRE_METADATA_RECORD_CLEAR_ELR, &clear);
    struct meta_image *image = meta_delta_image(fixture.delta);
    struct uuid alpha = id_of(1);
    struct uuid beta = id_of(2);
    assert_int_equal(meta_image_partition(image, &alpha, 0)->elr.count, 0);
    assert_int_equal(meta_image_partition(image, &alpha, 1)->last_known_elr.count, 0);
    assert_int_equal(meta_image_partition(image, &alpha, 1)->partition_epoch, 9);
    assert_int_equal(meta_image_partition(image, &beta, 0)->elr.count, 1);
    meta_image_unref(image);
    clear.topic_name = WIRE_EMPTY_STRING;
    apply_ok(&fixture, WIRE_METADATA_RECORD_CLEAR_ELR, &clear);
    image = meta_delta_image(fixture.delta);
    assert_int_equal(meta_image_partition(image, &beta, 0)->elr.count, 0);
    meta_image_unref(image);
    clear.topic_name = WIRE_STRING("nobody");
    assert_int_equal(apply(&fixture, WIRE_METADATA_RECORD_CLEAR_ELR, &clear), ERR_CORRUPT);
    teardown(&fixture);
}

static void transactions_count_at_their_end(void **state)
{
    UNUSED(state);
    struct fixture fixture;
    setup(&fixture);
    apply_topic(&fixture, 1, "alpha");
    struct wire_begin_transaction_record begin = {.name = WIRE_STRING("t")};
    struct wire_end_transaction_record end = {0};
    struct wire_abort_transaction_record abort = {.reason = WIRE_STRING("no")};
    assert_int_equal(apply(&fixture, WIRE_METADATA_RECORD_END_TRANSACTION, &end), ERR_CORRUPT);
    assert_int_equal(apply(&fixture, WIRE_METADATA_RECORD_ABORT_TRANSACTION, &abort), ERR_CORRUPT);
    meta_delta_seek(fixture.delta, 100, 2, 2000);
    apply_ok(&fixture, WIRE_METADATA_RECORD_BEGIN_TRANSACTION, &begin);
    assert_int_equal(apply(&fixture, WIRE_METADATA_RECORD_BEGIN_TRANSACTION, &begin), ERR_CORRUPT);
    apply_topic(&fixture, 2, "beta");
    assert_true(meta_delta_in_transaction(fixture.delta));
    struct meta_image *tentative = meta_delta_image(fixture.delta);
    struct meta_image *visible = meta_delta_visible(fixture.delta);
    assert_int_equal(tentative->topic_count, 2);
    assert_int_equal(visible->topic_count, 1);
    assert_int_equal(visible->offset, 99);
    meta_image_unref(tentative);
    meta_image_unref(visible);
    apply_ok(&fixture, WIRE_METADATA_RECORD_ABORT_TRANSACTION, &abort);
    visible = meta_delta_visible(fixture.delta);
    assert_int_equal(visible->topic_count, 1);
    assert_int_equal(visible->epoch, 2);
    meta_image_unref(visible);

    apply_ok(&fixture, WIRE_METADATA_RECORD_BEGIN_TRANSACTION, &begin);
    apply_topic(&fixture, 2, "beta");
    apply_ok(&fixture, WIRE_METADATA_RECORD_END_TRANSACTION, &end);
    assert_false(meta_delta_in_transaction(fixture.delta));
    visible = meta_delta_visible(fixture.delta);
    assert_int_equal(visible->topic_count, 2);
    meta_image_unref(visible);
    teardown(&fixture);
}

static void what_is_not_understood_is_refused(void **state)
{
    UNUSED(state);
    struct fixture fixture;
    setup(&fixture);
    struct wire_no_op_record nothing = {0};
    const int16_t unknown[] = {-1, 6, 13, 16, 29, 30, 30000};
    for (size_t i = 0; i < ARRAY_COUNT(unknown); i++)
        assert_int_equal(apply(&fixture, unknown[i], &nothing), ERR_VERSION);
    struct wire_feature_level_record feature = {.name = WIRE_STRING("metadata.version"),
                                                .feature_level = 31};
    assert_int_equal(apply(&fixture, WIRE_METADATA_RECORD_FEATURE_LEVEL, &feature), ERR_VERSION);
    feature.feature_level = 6;
    assert_int_equal(apply(&fixture, WIRE_METADATA_RECORD_FEATURE_LEVEL, &feature), ERR_VERSION);
    apply_topic(&fixture, 1, "alpha");
    struct wire_topic_record topic = {.name = WIRE_STRING("alpha"), .topic_id = id_of(2)};
    assert_int_equal(apply(&fixture, WIRE_METADATA_RECORD_TOPIC, &topic), ERR_CORRUPT);
    topic = (struct wire_topic_record){.name = WIRE_STRING("x"), .topic_id = id_of(1)};
    assert_int_equal(apply(&fixture, WIRE_METADATA_RECORD_TOPIC, &topic), ERR_CORRUPT);
    struct wire_partition_record partition;
    wire_default(&wire_partition_record_schema, &partition);
    partition.topic_id = id_of(1);
    assert_int_equal(apply(&fixture, WIRE_METADATA_RECORD_PARTITION, &partition), ERR_CORRUPT);
    partition.partition_id = 0;
    partition.topic_id = id_of(9);
    assert_int_equal(apply(&fixture, WIRE_METADATA_RECORD_PARTITION, &partition), ERR_CORRUPT);
    teardown(&fixture);
}

/* ---- Differences: random changes against a walk over everything -------------------------- */

enum { TOPICS = 12, PARTITIONS = 5 };

struct seen {
    size_t topics, partitions, configs, brokers;
};

static void see_topic(void *context, const struct meta_topic *before,
                      const struct meta_topic *after)
{
    assert_true(before != NULL || after != NULL);
    ((struct seen *)context)->topics++;
}

static void see_partition(void *context, const struct meta_partition *before,
                          const struct meta_partition *after)
{
    assert_true(before != after);
    ((struct seen *)context)->partitions++;
}

static void see_config(void *context, const struct meta_config *before,
                       const struct meta_config *after)
{
    assert_true(before != after);
    ((struct seen *)context)->configs++;
}

static void see_broker(void *context, const struct meta_broker *before,
                       const struct meta_broker *after)
{
    assert_true(before != after);
    ((struct seen *)context)->brokers++;
}

/* How many keys of the two maps have different values, by looking at every one. */
static size_t count_differences(struct pmap a, struct pmap b)
{
    size_t count = 0;
    struct pmap_iter iter;
    struct pmap_entry entry;
    pmap_iter_init(&iter, a, "", 0);
    while (pmap_iter_next(&iter, &entry))
        count += pmap_get(b, entry.key, entry.key_size) != entry.value;
    pmap_iter_init(&iter, b, "", 0);
    while (pmap_iter_next(&iter, &entry))
        count += pmap_get(a, entry.key, entry.key_size) == NULL;
    return count;
}

static void random_change(struct fixture *fixture, struct prng *prng)
{
    uint8_t n = (uint8_t)prng_below(prng, TOPICS);
    char name[16];
    snprintf(name, sizeof name, "topic-%u", n);
    struct meta_image *now = meta_delta_image(fixture->delta);
    struct uuid id = id_of(n);
    const struct meta_topic *topic = meta_image_topic_by_id(now, &id);
    if (topic == NULL) {
        apply_topic(fixture, n, name);
    } else if (topic->partition_count < PARTITIONS && prng_chance(prng, 1, 2)) {
        apply_partition(fixture, n, topic->partition_count);
    } else if (prng_chance(prng, 1, 8)) {
        struct wire_remove_topic_record gone = {.topic_id = id};
        apply_ok(fixture, WIRE_METADATA_RECORD_REMOVE_TOPIC, &gone);
    } else if (topic->partition_count > 0 && prng_chance(prng, 1, 2)) {
        struct wire_partition_change_record change;
        wire_default(&wire_partition_change_record_schema, &change);
        change.topic_id = id;
        change.partition_id = (int32_t)prng_below(prng, (uint64_t)topic->partition_count);
        change.leader = (int32_t)prng_below(prng, 3);
        apply_ok(fixture, WIRE_METADATA_RECORD_PARTITION_CHANGE, &change);
    } else if (prng_chance(prng, 1, 2)) {
        apply_config(fixture, META_RESOURCE_TOPIC, name, "flush.ms",
                     prng_chance(prng, 1, 3) ? NULL : "1");
    } else {
        apply_broker(fixture, (int32_t)prng_below(prng, 4), (int64_t)prng_below(prng, 9));
    }
    meta_image_unref(now);
}

static void differences_are_all_there(void **state)
{
    UNUSED(state);
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct fixture fixture;
        struct prng prng;
        setup(&fixture);
        prng_init(&prng, seed);
        apply_feature(&fixture, "metadata.version", 30);
        struct meta_image *before = meta_delta_image(fixture.delta);
        for (int round = 0; round < 20; round++) {
            for (uint64_t i = prng_below(&prng, 12); i > 0; i--)
                random_change(&fixture, &prng);
            struct meta_image *after = meta_delta_image(fixture.delta);
            struct seen seen = {0};
            struct meta_diff visitor = {
                .context = &seen,
                .topic = see_topic,
                .partition = see_partition,
                .config = see_config,
                .broker = see_broker,
            };
            meta_image_diff(before, after, &visitor);
            assert_int_equal(seen.topics,
                             count_differences(before->topics_by_id, after->topics_by_id));
            assert_int_equal(seen.partitions,
                             count_differences(before->partitions, after->partitions));
            assert_int_equal(seen.configs, count_differences(before->configs, after->configs));
            assert_int_equal(seen.brokers, count_differences(before->brokers, after->brokers));
            assert_survives_snapshot(after);
            meta_image_unref(before);
            before = after;
        }
        struct seen all = {0};
        struct meta_diff visitor = {
            .context = &all, .topic = see_topic, .partition = see_partition};
        meta_image_diff(NULL, before, &visitor);
        assert_int_equal(all.topics, before->topic_count);
        assert_int_equal(all.partitions, before->partition_count);
        meta_image_unref(before);
        teardown(&fixture);
    }
}

/* Each fallible allocation fails in turn: an error, nothing lost, nothing leaked. */
static void memory_runs_out(void **state)
{
    UNUSED(state);
    struct fixture fixture;
    setup(&fixture);
    apply_everything(&fixture);
    bool done = false;
    for (size_t nth = 1; !done; nth++) {
        struct wire_partition_change_record change;
        wire_default(&wire_partition_change_record_schema, &change);
        change.topic_id = id_of(1);
        change.partition_id = 0;
        change.leader = 2;
        mem_fail_after(nth);
        enum err err = apply(&fixture, WIRE_METADATA_RECORD_PARTITION_CHANGE, &change);
        mem_fail_after(0);
        assert_true(err == ERR_OK || err == ERR_NOMEM);
        done = err == ERR_OK;
        assert_true(nth < 100);
    }
    teardown(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_survives_a_snapshot),
        cmocka_unit_test(old_levels_keep_what_is_there),
        cmocka_unit_test(a_change_of_a_partition_is_merged),
        cmocka_unit_test(changes_of_a_broker),
        cmocka_unit_test(what_is_removed_is_gone),
        cmocka_unit_test(clearing_elr),
        cmocka_unit_test(transactions_count_at_their_end),
        cmocka_unit_test(what_is_not_understood_is_refused),
        cmocka_unit_test(differences_are_all_there),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
