/*
 * Changes that an administrator asks for, where several brokers make a difference or the records
 * do: settings, partitions, elections, features. What one node answers is compared with Apache
 * Kafka by tests/system/test_protocol.
 */
#include "control_fixture.h"

static void begin(struct cluster *cluster, int32_t brokers)
{
    cluster_init(cluster, NULL, 0);
    set_feature(cluster, "metadata.version", 30);
    activate(cluster);
    for (int32_t id = 1; id <= brokers; id++)
        add_broker(cluster, id, NULL);
    /* The brokers of these tests do not say that they know it. */
    set_feature(cluster, "eligible.leader.replicas.version", 1);
}

static size_t records_of(const struct cluster *cluster, int16_t key)
{
    size_t count = 0;
    for (size_t i = 0; i < cluster->out.count; i++)
        count += cluster->out.records[i].key == key;
    return count;
}

/* ---- Settings ---- */

struct change {
    const char *name;
    int8_t operation; /* 0 set, 1 delete, 2 append, 3 subtract */
    const char *value;
};

static int16_t change_settings(struct cluster *cluster, int8_t type, const char *resource,
                               const struct change *changes, int32_t count, bool validate_only)
{
    struct wire_incremental_alter_configs_request_alterable_config configs[8];
    for (int32_t i = 0; i < count; i++) {
        wire_default(&wire_incremental_alter_configs_request_alterable_config_schema, &configs[i]);
        configs[i].name = wire_string_from(changes[i].name);
        configs[i].config_operation = changes[i].operation;
        configs[i].value = wire_string_from(changes[i].value);
    }
    struct wire_incremental_alter_configs_request_alter_configs_resource one;
    wire_default(&wire_incremental_alter_configs_request_alter_configs_resource_schema, &one);
    one.resource_type = type;
    one.resource_name = wire_string_from(resource);
    one.configs.items = configs;
    one.configs.count = count;
    struct wire_incremental_alter_configs_request request;
    wire_default(&wire_incremental_alter_configs_request_schema, &request);
    request.resources.items = &one;
    request.resources.count = 1;
    request.validate_only = validate_only;
    const struct wire_incremental_alter_configs_response *reply =
        decide(cluster, WIRE_API_INCREMENTAL_ALTER_CONFIGS, 1, &request);
    assert_int_equal(reply->responses.count, 1);
    return reply->responses.items[0].error_code;
}

static void assert_setting(struct cluster *cluster, enum meta_resource type, const char *resource,
                           const char *name, const char *value)
{
    struct meta_image *image = meta_delta_image(cluster->delta);
    const char *text = meta_image_config(image, type, resource, strlen(resource), name);
    if (value == NULL)
        assert_null(text);
    else
        assert_string_equal(text, value);
    meta_image_unref(image);
}

static void settings_change_all_or_none(void **state)
{
    UNUSED(state);
    struct cluster cluster;
    begin(&cluster, 1);
    create_topic(&cluster, "t", 1, 1);
    const struct change half_wrong[] = {{"flush.ms", 0, "5"}, {"segment.ms", 0, "x"}};
    assert_int_equal(change_settings(&cluster, META_RESOURCE_TOPIC, "t", half_wrong, 2, false),
                     WIRE_ERROR_INVALID_CONFIG);
    assert_int_equal(cluster.out.count, 0);
    const struct change right[] = {{"flush.ms", 0, "5"}, {"cleanup.policy", 2, "compact"}};
    assert_int_equal(change_settings(&cluster, META_RESOURCE_TOPIC, "t", right, 2, true), 0);
    assert_int_equal(cluster.out.count, 0);
    assert_int_equal(change_settings(&cluster, META_RESOURCE_TOPIC, "t", right, 2, false), 0);
    assert_int_equal(cluster.out.count, 2);
    assert_setting(&cluster, META_RESOURCE_TOPIC, "t", "cleanup.policy", "delete,compact");
    /* What is as it is needs no record. */
    assert_int_equal(change_settings(&cluster, META_RESOURCE_TOPIC, "t", right, 2, false), 0);
    assert_int_equal(cluster.out.count, 0);
    const struct change back[] = {{"flush.ms", 1, NULL}, {"cleanup.policy", 3, "delete,compact"}};
    assert_int_equal(change_settings(&cluster, META_RESOURCE_TOPIC, "t", back, 2, false), 0);
    assert_setting(&cluster, META_RESOURCE_TOPIC, "t", "flush.ms", NULL);
    assert_setting(&cluster, META_RESOURCE_TOPIC, "t", "cleanup.policy", "");
    cluster_deinit(&cluster);
}

static void a_broker_hears_again_of_what_is_set_again(void **state)
{
    UNUSED(state);
    struct cluster cluster;
    begin(&cluster, 1);
    const struct change change = {"message.max.bytes", 0, "1000"};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(change_settings(&cluster, META_RESOURCE_BROKER, "1", &change, 1, false),
                         0);
        assert_int_equal(cluster.out.count, 1);
    }
    assert_int_equal(change_settings(&cluster, META_RESOURCE_BROKER, "9", &change, 1, false),
                     WIRE_ERROR_BROKER_ID_NOT_REGISTERED);
    cluster_deinit(&cluster);
}

static void eligible_leaders_go_with_the_number_in_sync(void **state)
{
    UNUSED(state);
    struct cluster cluster;
    begin(&cluster, 2);
    create_topic(&cluster, "t", 1, 2);
    const struct change change = {"min.insync.replicas", 0, "2"};
    assert_int_equal(change_settings(&cluster, META_RESOURCE_TOPIC, "t", &change, 1, false), 0);
    assert_int_equal(records_of(&cluster, WIRE_METADATA_RECORD_CLEAR_ELR), 1);
    assert_int_equal(change_settings(&cluster, META_RESOURCE_BROKER, "", &change, 1, false), 0);
    assert_int_equal(records_of(&cluster, WIRE_METADATA_RECORD_CLEAR_ELR), 1);
    assert_int_equal(change_settings(&cluster, META_RESOURCE_BROKER, "1", &change, 1, false),
                     WIRE_ERROR_INVALID_CONFIG);
    const struct change gone = {"min.insync.replicas", 1, NULL};
    assert_int_equal(change_settings(&cluster, META_RESOURCE_BROKER, "", &gone, 1, false),
                     WIRE_ERROR_INVALID_CONFIG);
    cluster_deinit(&cluster);
}

/* ---- Partitions ---- */

static void new_partitions_have_as_many_replicas_as_the_first(void **state)
{
    UNUSED(state);
    struct cluster cluster;
    begin(&cluster, 3);
    struct uuid id = create_topic(&cluster, "t", 2, 3)->topic_id;
    struct wire_create_partitions_request_create_partitions_topic topic;
    wire_default(&wire_create_partitions_request_create_partitions_topic_schema, &topic);
    topic.name = wire_string_from("t");
    topic.count = 7;
    topic.assignments.count = -1;
    struct wire_create_partitions_request request;
    wire_default(&wire_create_partitions_request_schema, &request);
    request.topics.items = &topic;
    request.topics.count = 1;
    const struct wire_create_partitions_response *reply =
        decide(&cluster, WIRE_API_CREATE_PARTITIONS, 3, &request);
    assert_int_equal(reply->results.items[0].error_code, 0);
    assert_int_equal(records_of(&cluster, WIRE_METADATA_RECORD_PARTITION), 5);
    struct meta_image *image = meta_delta_image(cluster.delta);
    for (int32_t i = 0; i < 7; i++) {
        const struct meta_partition *partition = meta_image_partition(image, &id, i);
        assert_int_equal(partition->replicas.count, 3);
        assert_int_equal(partition->isr.count, 3);
    }
    meta_image_unref(image);
    cluster_deinit(&cluster);
}

/* ---- Elections ---- */

static int16_t elect(struct cluster *cluster, int8_t type)
{
    int32_t index = 0;
    struct wire_elect_leaders_request_topic_partitions topic;
    wire_default(&wire_elect_leaders_request_topic_partitions_schema, &topic);
    topic.topic = wire_string_from("t");
    topic.partitions = (struct wire_int32s){&index, 1};
    struct wire_elect_leaders_request request;
    wire_default(&wire_elect_leaders_request_schema, &request);
    request.election_type = type;
    request.topic_partitions.items = &topic;
    request.topic_partitions.count = 1;
    const struct wire_elect_leaders_response *reply =
        decide(cluster, WIRE_API_ELECT_LEADERS, 2, &request);
    return reply->replica_election_results.items[0].partition_result.items[0].error_code;
}

static int32_t leader_of(struct cluster *cluster, const struct uuid *id, int32_t *preferred)
{
    struct meta_image *image = meta_delta_image(cluster->delta);
    const struct meta_partition *partition = meta_image_partition(image, id, 0);
    int32_t leader = partition->leader;
    if (preferred != NULL)
        *preferred = partition->replicas.items[0];
    meta_image_unref(image);
    return leader;
}

static void change_partition(struct cluster *cluster, const struct uuid *id, int32_t leader,
                             int32_t *isr, int32_t isr_count)
{
    struct wire_partition_change_record record;
    wire_default(&wire_partition_change_record_schema, &record);
    record.topic_id = *id;
    record.partition_id = 0;
    record.leader = leader;
    record.isr = (struct wire_int32s){isr, isr_count};
    apply(cluster, &(struct meta_record){WIRE_METADATA_RECORD_PARTITION_CHANGE, 2, &record}, 1);
}

enum { PREFERRED = 0, UNCLEAN = 1 };

static void the_preferred_leader_is_elected_when_it_is_in_sync(void **state)
{
    UNUSED(state);
    struct cluster cluster;
    begin(&cluster, 3);
    struct uuid id = create_topic(&cluster, "t", 1, 3)->topic_id;
    int32_t preferred;
    int32_t leader = leader_of(&cluster, &id, &preferred);
    assert_int_equal(leader, preferred);
    assert_int_equal(elect(&cluster, PREFERRED), WIRE_ERROR_ELECTION_NOT_NEEDED);
    int32_t other = preferred % 3 + 1;
    int32_t both[] = {other, preferred};
    change_partition(&cluster, &id, other, both, 1);
    assert_int_equal(elect(&cluster, PREFERRED), WIRE_ERROR_PREFERRED_LEADER_NOT_AVAILABLE);
    assert_int_equal(leader_of(&cluster, &id, NULL), other);
    change_partition(&cluster, &id, other, both, 2);
    assert_int_equal(elect(&cluster, PREFERRED), 0);
    assert_int_equal(leader_of(&cluster, &id, NULL), preferred);
    cluster_deinit(&cluster);
}

static void an_unclean_election_is_for_partitions_without_a_leader(void **state)
{
    UNUSED(state);
    struct cluster cluster;
    begin(&cluster, 2);
    struct uuid id = create_topic(&cluster, "t", 1, 2)->topic_id;
    assert_int_equal(elect(&cluster, UNCLEAN), WIRE_ERROR_ELECTION_NOT_NEEDED);
    int32_t nobody = 0;
    change_partition(&cluster, &id, META_NO_LEADER, &nobody, 0);
    assert_int_equal(elect(&cluster, PREFERRED), WIRE_ERROR_PREFERRED_LEADER_NOT_AVAILABLE);
    assert_int_equal(elect(&cluster, UNCLEAN), 0);
    assert_true(leader_of(&cluster, &id, NULL) > 0);
    struct meta_image *image = meta_delta_image(cluster.delta);
    const struct meta_partition *partition = meta_image_partition(image, &id, 0);
    assert_int_equal(partition->leader_recovery_state, META_RECOVERING);
    assert_int_equal(partition->isr.count, 1);
    meta_image_unref(image);
    cluster_deinit(&cluster);
}

/* ---- Features ---- */

static int16_t update(struct cluster *cluster, const char *feature, int16_t level, int8_t type)
{
    struct wire_update_features_request_feature_update_key key;
    wire_default(&wire_update_features_request_feature_update_key_schema, &key);
    key.feature = wire_string_from(feature);
    key.max_version_level = level;
    key.upgrade_type = type;
    struct wire_update_features_request request;
    wire_default(&wire_update_features_request_schema, &request);
    request.feature_updates.items = &key;
    request.feature_updates.count = 1;
    const struct wire_update_features_response *reply =
        decide(cluster, WIRE_API_UPDATE_FEATURES, 2, &request);
    return reply->error_code;
}

static void a_feature_needs_every_broker(void **state)
{
    UNUSED(state);
    struct cluster cluster;
    cluster_init(&cluster, NULL, 0);
    set_feature(&cluster, "metadata.version", 20);
    activate(&cluster);
    assert_int_equal(update(&cluster, "metadata.version", 30, 1), 0);
    add_broker(&cluster, 1, NULL); /* supports metadata.version alone */
    assert_int_equal(update(&cluster, "group.version", 1, 1), WIRE_ERROR_INVALID_UPDATE_VERSION);
    assert_int_equal(cluster.out.count, 0);
    cluster_deinit(&cluster);
}

static void eligible_leaders_begin_with_one_number_for_all(void **state)
{
    UNUSED(state);
    struct cluster cluster;
    cluster_init(&cluster, NULL, 0);
    set_feature(&cluster, "metadata.version", 20);
    activate(&cluster);
    /* It builds on a later level of the metadata. */
    assert_int_equal(update(&cluster, "eligible.leader.replicas.version", 1, 1),
                     WIRE_ERROR_INVALID_UPDATE_VERSION);
    assert_int_equal(update(&cluster, "metadata.version", 30, 1), 0);
    assert_int_equal(update(&cluster, "eligible.leader.replicas.version", 1, 1), 0);
    assert_setting(&cluster, META_RESOURCE_BROKER, "", "min.insync.replicas", "1");
    cluster_deinit(&cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_change_all_or_none),
        cmocka_unit_test(a_broker_hears_again_of_what_is_set_again),
        cmocka_unit_test(eligible_leaders_go_with_the_number_in_sync),
        cmocka_unit_test(new_partitions_have_as_many_replicas_as_the_first),
        cmocka_unit_test(the_preferred_leader_is_elected_when_it_is_in_sync),
        cmocka_unit_test(an_unclean_election_is_for_partitions_without_a_leader),
        cmocka_unit_test(a_feature_needs_every_broker),
        cmocka_unit_test(eligible_leaders_begin_with_one_number_for_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
