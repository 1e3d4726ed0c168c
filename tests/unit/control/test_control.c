/* What test_recorded.c does not ask Apache Kafka: placement, deletion, activation, and the rules of
 * the room itself. */
#include "control_fixture.h"

/* ---- Placement ---- */

static const char *const racks[] = {"a", "b", "c"};

static const char *rack_of(int32_t broker, uint32_t rack_count)
{
    return rack_count == 0 ? NULL : racks[(uint32_t)broker % rack_count];
}

struct counts {
    int32_t leads[64];
    int32_t follows[64];
    bool pair[64][64]; /* who leads, who follows */
};

static void check_row(const struct meta_partition *partition, uint32_t broker_count,
                      uint32_t rack_count, struct counts *counts)
{
    int32_t per_rack[3] = {0};
    struct wire_int32s replicas = partition->replicas;
    for (int32_t i = 0; i < replicas.count; i++) {
        int32_t id = replicas.items[i];
        for (int32_t j = 0; j < i; j++)
            assert_int_not_equal(replicas.items[j], id);
        if (i == 0)
            counts->leads[id]++;
        else
            counts->follows[id]++;
        counts->pair[replicas.items[0]][id] = i > 0 || counts->pair[replicas.items[0]][id];
        if (rack_count > 0)
            per_rack[(uint32_t)id % rack_count]++;
    }
    /* No rack has two more than another one that could take one. */
    for (uint32_t a = 0; a < rack_count; a++) {
        for (uint32_t b = 0; b < rack_count; b++) {
            int32_t size = 0;
            for (uint32_t id = 1; id <= broker_count; id++)
                size += id % rack_count == b;
            assert_true(per_rack[a] <= per_rack[b] + 1 || per_rack[b] == size);
        }
    }
}

static void place_case(uint32_t broker_count, uint32_t rack_count, int16_t factor,
                       int32_t partitions)
{
    struct cluster cluster;
    cluster_init(&cluster, NULL, 0);
    prng_init(&cluster.random, (uint64_t)broker_count * 1000 + rack_count * 100 + (uint64_t)factor);
    set_feature(&cluster, "metadata.version", 30);
    activate(&cluster);
    for (int32_t id = 1; id <= (int32_t)broker_count; id++)
        add_broker(&cluster, id, rack_of(id, rack_count));
    const struct wire_create_topics_response_creatable_topic_result *result =
        create_topic(&cluster, "t", partitions, factor);
    assert_int_equal(result->error_code, WIRE_ERROR_NONE);
    struct meta_image *image = meta_delta_image(cluster.delta);
    struct counts counts = {0};
    struct meta_iter iter;
    meta_iter_partitions(&iter, image, &result->topic_id);
    const struct meta_partition *partition;
    int32_t seen = 0;
    while ((partition = meta_iter_partition_next(&iter)) != NULL) {
        assert_int_equal(partition->replicas.count, factor);
        assert_int_equal(partition->leader, partition->replicas.items[0]);
        check_row(partition, broker_count, rack_count, &counts);
        seen++;
    }
    assert_int_equal(seen, partitions);
    int32_t least = INT32_MAX, most = 0, fewest = INT32_MAX, many = 0;
    for (uint32_t id = 1; id <= broker_count; id++) {
        least = counts.leads[id] < least ? counts.leads[id] : least;
        most = counts.leads[id] > most ? counts.leads[id] : most;
        fewest = counts.follows[id] < fewest ? counts.follows[id] : fewest;
        many = counts.follows[id] > many ? counts.follows[id] : many;
    }
    assert_true(most - least <= 1);
    /* Followers are as even as racks of the same size let them be. */
    bool same_size = rack_count == 0 || broker_count % rack_count == 0;
    int32_t share = partitions * (factor - 1) / (int32_t)broker_count;
    if (same_size && many - fewest > 2 + share / 4)
        fail_msg("%u brokers in %u racks, %d replicas: %d to %d follow", broker_count, rack_count,
                 factor, fewest, many);
    /* Nobody's load is all one other's when it dies, as far as there are others. */
    for (uint32_t id = 1; id <= broker_count && rack_count == 0 && factor > 1; id++) {
        uint32_t followers = 0;
        for (uint32_t other = 1; other <= broker_count; other++)
            followers += counts.pair[id][other];
        assert_true(followers >= 2 || broker_count < 3);
    }
    meta_image_unref(image);
    cluster_deinit(&cluster);
}

static void placement_is_even_and_minds_racks(void **state)
{
    UNUSED(state);
    for (uint32_t brokers = 1; brokers <= 9; brokers++) {
        for (uint32_t rack_count = 0; rack_count <= 3; rack_count++) {
            for (uint32_t factor = 1; factor <= brokers && factor <= 4; factor++)
                place_case(brokers, rack_count, (int16_t)factor, 97);
        }
    }
}

static void brokers_that_do_not_serve_come_last(void **state)
{
    UNUSED(state);
    struct cluster cluster;
    cluster_init(&cluster, NULL, 0);
    set_feature(&cluster, "metadata.version", 30);
    activate(&cluster);
    add_broker(&cluster, 1, "a");
    add_broker(&cluster, 2, "b");
    assert_int_equal(register_broker(&cluster, 3, 3, "c", NULL), WIRE_ERROR_NONE); /* fenced */
    const struct wire_create_topics_response_creatable_topic_result *result =
        create_topic(&cluster, "two", 20, 2);
    struct meta_image *image = meta_delta_image(cluster.delta);
    for (int32_t i = 0; i < 20; i++) {
        const struct meta_partition *partition = meta_image_partition(image, &result->topic_id, i);
        assert_false(meta_ids_contain(partition->replicas, 3));
        assert_int_equal(partition->isr.count, 2);
    }
    meta_image_unref(image);
    result = create_topic(&cluster, "three", 20, 3);
    image = meta_delta_image(cluster.delta);
    for (int32_t i = 0; i < 20; i++) {
        const struct meta_partition *partition = meta_image_partition(image, &result->topic_id, i);
        assert_int_equal(partition->replicas.items[2], 3);
        assert_false(meta_ids_contain(partition->isr, 3));
    }
    meta_image_unref(image);
    assert_int_equal(create_topic(&cluster, "four", 1, 4)->error_code,
                     WIRE_ERROR_INVALID_REPLICATION_FACTOR);
    cluster_deinit(&cluster);
}

/* ---- Names ---- */

static void names_that_differ_in_dots_collide(void **state)
{
    UNUSED(state);
    struct cluster cluster;
    cluster_init(&cluster, NULL, 0);
    set_feature(&cluster, "metadata.version", 30);
    activate(&cluster);
    add_broker(&cluster, 1, NULL);
    static const char *const exist[] = {"a.b.c", "a_bx", "x..y", "._._._._", "plain"};
    for (size_t i = 0; i < ARRAY_COUNT(exist); i++)
        assert_int_equal(create_topic(&cluster, exist[i], 1, 1)->error_code, 0);
    static const struct {
        const char *name;
        int16_t error;
    } cases[] = {
        {"a_b_c", 17},  {"a.b_c", 17}, {"a_b.c", 17}, {"a.b.c", 36},    {"a.bx", 17},
        {"x._y", 17},   {"x__y", 17},  {"x.y", 0},    {"._.._.__", 17}, {"plain_", 0},
        {"plain.", 17}, {"a_b", 0},    {"a.b", 17},   {"_", 0},         {"-", 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        int16_t error = create_topic(&cluster, cases[i].name, 1, 1)->error_code;
        if (error != cases[i].error)
            fail_msg("%s: %d, not %d", cases[i].name, error, cases[i].error);
    }
    /* The longest names of nothing but such characters are looked up in no time. */
    char name[250];
    for (int i = 0; i < 100; i++) {
        for (size_t j = 0; j < 249; j++)
            name[j] = (prng_u64(&cluster.random) & 1) != 0 ? '.' : '_';
        name[249] = 0;
        assert_int_equal(create_topic(&cluster, name, 1, 1)->error_code, i == 0 ? 0 : 17);
    }
    cluster_deinit(&cluster);
}

/* ---- Deleting: as Apache Kafka 4.3.1 answered ---- */

#define BY_NAME(text) \
    {                 \
        .name = text  \
    }
#define BY_ID(number) \
    {                 \
        .id = number  \
    }

struct delete_case {
    struct {
        const char *name;
        int id; /* of topic 1 to 3; 9: of none */
    } wanted[4];
    size_t count;
    struct {
        const char *name;
        int id;
        int16_t error;
        const char *text;
    } told[4];
    size_t told_count;
    int removed;
};

static const struct delete_case delete_cases[] = {
    {{{"nope", 0}}, 1, {{"nope", 0, 3, "This server does not host this topic-partition."}}, 1, 0},
    {{{NULL, 9}}, 1, {{NULL, 9, 100, "This server does not host this topic ID."}}, 1, 0},
    {{{NULL, 0}}, 1, {{NULL, 0, 42, "Neither topic name nor id were specified."}}, 1, 0},
    {{{"t1", 1}}, 1, {{"t1", 1, 42, "You may not specify both topic name and topic id."}}, 1, 0},
    {{{"t1", 0}, {"t1", 0}}, 2, {{"t1", 0, 42, "Duplicate topic name."}}, 1, 0},
    {{{"t1", 0}, {"t1", 0}, {"t1", 0}}, 3, {{"t1", 0, 42, "Duplicate topic name."}}, 1, 0},
    {{{"nope", 0}, {"nope", 0}}, 2, {{"nope", 0, 42, "Duplicate topic name."}}, 1, 0},
    {{{NULL, 1}, {NULL, 1}}, 2, {{NULL, 1, 42, "Duplicate topic id."}}, 1, 0},
    {{{"t1", 0}, {NULL, 1}},
     2,
     {{"t1", 1, 42, "The provided topic name maps to an ID that was already supplied."}},
     1,
     0},
    {{{"t1", 0}, {"t1", 0}, {NULL, 2}},
     3,
     {{"t1", 0, 42, "Duplicate topic name."}, {"t2", 2, 0, NULL}},
     2,
     1},
    {{{"t1", 0}, {NULL, 3}}, 2, {{"t1", 1, 0, NULL}, {"t3", 3, 0, NULL}}, 2, 2},
};

static void delete_one(const struct delete_case *one)
{
    struct cluster cluster;
    cluster_init(&cluster, NULL, 0);
    set_feature(&cluster, "metadata.version", 30);
    activate(&cluster);
    add_broker(&cluster, 1, NULL);
    struct uuid ids[10] = {[9] = id_of(3, 9)};
    for (int i = 1; i <= 3; i++) {
        char name[3] = {'t', (char)('0' + i), 0};
        ids[i] = create_topic(&cluster, name, 2, 1)->topic_id;
    }
    struct wire_delete_topics_request_delete_topic_state items[4];
    for (size_t i = 0; i < one->count; i++) {
        wire_default(&wire_delete_topics_request_delete_topic_state_schema, &items[i]);
        items[i].name = wire_string_from(one->wanted[i].name);
        items[i].topic_id = ids[one->wanted[i].id];
    }
    struct wire_delete_topics_request request;
    wire_default(&wire_delete_topics_request_schema, &request);
    request.topics.items = items;
    request.topics.count = (int32_t)one->count;
    const struct wire_delete_topics_response *reply =
        decide(&cluster, WIRE_API_DELETE_TOPICS, 6, &request);
    assert_int_equal(reply->responses.count, one->told_count);
    for (size_t i = 0; i < one->told_count; i++) {
        assert_true(
            wire_string_equal(reply->responses.items[i].name, wire_string_from(one->told[i].name)));
        assert_true(uuid_equal(&reply->responses.items[i].topic_id, &ids[one->told[i].id]));
        assert_int_equal(reply->responses.items[i].error_code, one->told[i].error);
        assert_true(wire_string_equal(reply->responses.items[i].error_message,
                                      wire_string_from(one->told[i].text)));
    }
    struct meta_image *image = meta_delta_image(cluster.delta);
    assert_int_equal(image->topic_count, 3 - one->removed);
    meta_image_unref(image);
    cluster_deinit(&cluster);
}

static void what_is_named_twice_is_not_deleted(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_COUNT(delete_cases); i++)
        delete_one(&delete_cases[i]);
}

static void deletion_may_be_off(void **state)
{
    UNUSED(state);
    const struct conf_pair off[] = {{"delete.topic.enable", "false"}};
    struct cluster cluster;
    cluster_init(&cluster, off, 1);
    set_feature(&cluster, "metadata.version", 30);
    activate(&cluster);
    struct wire_delete_topics_request request;
    wire_default(&wire_delete_topics_request_schema, &request);
    struct wire_string name = wire_string_from("t1");
    request.topic_names = (struct wire_strings){&name, 1};
    const struct wire_delete_topics_response *reply =
        decide(&cluster, WIRE_API_DELETE_TOPICS, 3, &request);
    assert_int_equal(reply->responses.items[0].error_code, WIRE_ERROR_TOPIC_DELETION_DISABLED);
    reply = decide(&cluster, WIRE_API_DELETE_TOPICS, 1, &request);
    assert_int_equal(reply->responses.items[0].error_code, WIRE_ERROR_INVALID_REQUEST);
    cluster_deinit(&cluster);
}

/* ---- Twice in one request ---- */

static void what_is_asked_for_twice_is_not_created(void **state)
{
    UNUSED(state);
    struct cluster cluster;
    cluster_init(&cluster, NULL, 0);
    set_feature(&cluster, "metadata.version", 30);
    activate(&cluster);
    add_broker(&cluster, 1, NULL);
    static const char *const names[] = {"b", "a", "__cluster_metadata", "b", "c", "b"};
    struct wire_create_topics_request_creatable_topic topics[6];
    for (size_t i = 0; i < 6; i++) {
        wire_default(&wire_create_topics_request_creatable_topic_schema, &topics[i]);
        topics[i].name = wire_string_from(names[i]);
        topics[i].num_partitions = 1;
        topics[i].replication_factor = 1;
    }
    struct wire_create_topics_request request;
    wire_default(&wire_create_topics_request_schema, &request);
    request.topics.items = topics;
    request.topics.count = 6;
    const struct wire_create_topics_response *reply =
        decide(&cluster, WIRE_API_CREATE_TOPICS, 7, &request);
    static const struct {
        const char *name;
        int16_t error;
        const char *text;
    } told[] = {
        {"a", 0, NULL},
        {"c", 0, NULL},
        {"b", 42, "Duplicate topic name."},
        {"__cluster_metadata", 42, "Creation of internal topic __cluster_metadata is prohibited."},
    };
    assert_int_equal(reply->topics.count, ARRAY_COUNT(told));
    for (size_t i = 0; i < ARRAY_COUNT(told); i++) {
        assert_true(wire_string_is(reply->topics.items[i].name, told[i].name));
        assert_int_equal(reply->topics.items[i].error_code, told[i].error);
        assert_true(wire_string_equal(reply->topics.items[i].error_message,
                                      wire_string_from(told[i].text)));
    }
    /* Of a setting that comes twice the last one counts, and one with a zero byte in it is none. */
    struct wire_create_topics_request_creatable_topic_config configs[2];
    for (size_t i = 0; i < 2; i++)
        wire_default(&wire_create_topics_request_creatable_topic_config_schema, &configs[i]);
    configs[0].name = configs[1].name = wire_string_from("retention.ms");
    configs[0].value = wire_string_from("x");
    configs[1].value = wire_string_from("5");
    topics[0].name = wire_string_from("d");
    topics[0].configs.items = configs;
    topics[0].configs.count = 2;
    request.topics.count = 1;
    reply = decide(&cluster, WIRE_API_CREATE_TOPICS, 7, &request);
    assert_int_equal(reply->topics.items[0].error_code, 0);
    struct meta_image *image = meta_delta_image(cluster.delta);
    assert_string_equal(meta_image_config(image, META_RESOURCE_TOPIC, "d", 1, "retention.ms"), "5");
    meta_image_unref(image);
    topics[0].name = wire_string_from("e");
    configs[1].name = wire_string_of("retention.ms\0x", 14);
    reply = decide(&cluster, WIRE_API_CREATE_TOPICS, 7, &request);
    assert_int_equal(reply->topics.items[0].error_code, WIRE_ERROR_INVALID_CONFIG);
    configs[1].name = wire_string_from("retention.ms");
    configs[1].value = wire_string_of("7\0x", 3);
    reply = decide(&cluster, WIRE_API_CREATE_TOPICS, 7, &request);
    assert_int_equal(reply->topics.items[0].error_code, WIRE_ERROR_INVALID_CONFIG);
    cluster_deinit(&cluster);
}

/* ---- Leadership ---- */

/* As Apache Kafka's log of a new cluster begins. */
static void an_empty_log_begins_with_a_transaction(void **state)
{
    UNUSED(state);
    struct cluster cluster;
    const struct conf_pair pairs[] = {{"min.insync.replicas", "2"}};
    cluster_init(&cluster, pairs, 1);
    struct wire_feature_level_record levels[2];
    for (size_t i = 0; i < 2; i++)
        wire_default(&wire_feature_level_record_schema, &levels[i]);
    levels[0].name = wire_string_from(META_FEATURE_METADATA_VERSION);
    levels[0].feature_level = 30;
    levels[1].name = wire_string_from(META_FEATURE_ELR_VERSION);
    levels[1].feature_level = 1;
    const struct meta_record bootstrap[] = {{12, 0, &levels[0]}, {12, 0, &levels[1]}};
    struct control_input input = input_of(&cluster);
    control_activate(cluster.control, &input, bootstrap, 2, false, &cluster.out);
    meta_image_unref(input.image);
    static const int16_t keys[] = {23, 12, 12, 4, 24};
    assert_int_equal(cluster.out.count, ARRAY_COUNT(keys));
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++)
        assert_int_equal(cluster.out.records[i].key, keys[i]);
    apply(&cluster, cluster.out.records, cluster.out.count);
    struct meta_image *image = meta_delta_image(cluster.delta);
    assert_int_equal(meta_image_metadata_version(image), 30);
    assert_string_equal(
        meta_image_config(image, META_RESOURCE_BROKER, "", 0, "min.insync.replicas"), "2");
    meta_image_unref(image);

    /* The next leader has nothing to add, but for what the last one left open. */
    control_deactivate(cluster.control);
    input = input_of(&cluster);
    control_activate(cluster.control, &input, bootstrap, 2, true, &cluster.out);
    meta_image_unref(input.image);
    assert_int_equal(cluster.out.count, 1);
    assert_int_equal(cluster.out.records[0].key, 25);
    cluster_deinit(&cluster);
}

static void an_old_level_begins_without_a_transaction(void **state)
{
    UNUSED(state);
    struct cluster cluster;
    cluster_init(&cluster, NULL, 0);
    struct wire_feature_level_record level;
    wire_default(&wire_feature_level_record_schema, &level);
    level.name = wire_string_from(META_FEATURE_METADATA_VERSION);
    level.feature_level = 12;
    const struct meta_record bootstrap[] = {{12, 0, &level}};
    struct control_input input = input_of(&cluster);
    control_activate(cluster.control, &input, bootstrap, 1, false, &cluster.out);
    meta_image_unref(input.image);
    assert_int_equal(cluster.out.count, 1);
    cluster_deinit(&cluster);
}

/* A node that was killed registers again at once after its own restart, but not while a controller
 * that went on has heard of it. */
static void an_incarnation_keeps_the_next_one_out_while_it_is_heard_of(void **state)
{
    UNUSED(state);
    struct cluster cluster;
    cluster_init(&cluster, NULL, 0);
    set_feature(&cluster, "metadata.version", 30);
    activate(&cluster);
    int64_t epoch;
    assert_int_equal(register_broker(&cluster, 1, 1, NULL, &epoch), 0);
    heartbeat(&cluster, 1, epoch, false);
    assert_int_equal(register_broker(&cluster, 1, 2, NULL, NULL),
                     WIRE_ERROR_DUPLICATE_BROKER_REGISTRATION);
    cluster.now_ms += 9001;
    assert_int_equal(register_broker(&cluster, 1, 2, NULL, &epoch), 0);
    heartbeat(&cluster, 1, epoch, false);
    control_deactivate(cluster.control);
    activate(&cluster);
    assert_int_equal(register_broker(&cluster, 1, 3, NULL, NULL), 0);
    cluster_deinit(&cluster);
}

static void silence_is_counted_from_the_new_leadership(void **state)
{
    UNUSED(state);
    struct cluster cluster;
    cluster_init(&cluster, NULL, 0);
    set_feature(&cluster, "metadata.version", 30);
    activate(&cluster);
    assert_int_equal(control_deadline_ms(cluster.control), INT64_MAX);
    add_broker(&cluster, 1, NULL);
    assert_int_equal(control_deadline_ms(cluster.control), 1000 + 9000 + 1);
    control_deactivate(cluster.control);
    assert_int_equal(control_deadline_ms(cluster.control), INT64_MAX);
    cluster.now_ms = 50000;
    activate(&cluster);
    assert_int_equal(control_deadline_ms(cluster.control), 50000 + 9000 + 1);
    cluster.now_ms = 59001;
    struct control_input input = input_of(&cluster);
    control_tick(cluster.control, &input, &cluster.out);
    meta_image_unref(input.image);
    assert_int_equal(cluster.out.count, 1);
    /* The log did not take it: no reason to ask again and again at once. */
    assert_true(control_deadline_ms(cluster.control) > cluster.now_ms);
    cluster_deinit(&cluster);
}

/* ---- Producer ids, errors ---- */

static void producer_ids_come_in_blocks(void **state)
{
    UNUSED(state);
    struct cluster cluster;
    cluster_init(&cluster, NULL, 0);
    set_feature(&cluster, "metadata.version", 30);
    activate(&cluster);
    int64_t epoch;
    assert_int_equal(register_broker(&cluster, 1, 1, NULL, &epoch), 0);
    struct wire_allocate_producer_ids_request request = {.broker_id = 1, .broker_epoch = epoch};
    for (int64_t i = 0; i < 3; i++) {
        const struct wire_allocate_producer_ids_response *reply =
            decide(&cluster, WIRE_API_ALLOCATE_PRODUCER_IDS, 0, &request);
        assert_int_equal(reply->error_code, 0);
        assert_int_equal(reply->producer_id_start, i * 1000);
        assert_int_equal(reply->producer_id_len, 1000);
    }
    request.broker_epoch++;
    const struct wire_allocate_producer_ids_response *reply =
        decide(&cluster, WIRE_API_ALLOCATE_PRODUCER_IDS, 0, &request);
    assert_int_equal(reply->error_code, WIRE_ERROR_STALE_BROKER_EPOCH);
    request.broker_id = 2;
    reply = decide(&cluster, WIRE_API_ALLOCATE_PRODUCER_IDS, 0, &request);
    assert_int_equal(reply->error_code, WIRE_ERROR_STALE_BROKER_EPOCH);
    cluster_deinit(&cluster);
}

static void every_api_has_a_reply_for_errors(void **state)
{
    UNUSED(state);
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    for (int16_t key = 0; key < 100; key++) {
        const struct wire_api *api = wire_api_find(key);
        if (api == NULL || !control_serves(key))
            continue;
        void *request = arena_must_alloc(&arena, wire_schema_struct_size(api->request));
        wire_default(api->request, request);
        int16_t version = wire_schema_version_max(api->request);
        void *reply = control_error_reply(key, version, request, WIRE_ERROR_NOT_CONTROLLER,
                                          "not here", &arena);
        struct buf out = BUF_EMPTY;
        assert_int_equal(wire_encode(api->response, version, reply, &out, NULL), ERR_OK);
        buf_deinit(&out);
    }
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(placement_is_even_and_minds_racks),
        cmocka_unit_test(brokers_that_do_not_serve_come_last),
        cmocka_unit_test(names_that_differ_in_dots_collide),
        cmocka_unit_test(what_is_named_twice_is_not_deleted),
        cmocka_unit_test(deletion_may_be_off),
        cmocka_unit_test(what_is_asked_for_twice_is_not_created),
        cmocka_unit_test(an_empty_log_begins_with_a_transaction),
        cmocka_unit_test(an_old_level_begins_without_a_transaction),
        cmocka_unit_test(an_incarnation_keeps_the_next_one_out_while_it_is_heard_of),
        cmocka_unit_test(silence_is_counted_from_the_new_leadership),
        cmocka_unit_test(producer_ids_come_in_blocks),
        cmocka_unit_test(every_api_has_a_reply_for_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
