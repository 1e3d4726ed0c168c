/* The lists of APIs, records and errors, headers and frames. */
#include "../unit.h"
#include "base/bytes.h"
#include "wire/api.h"
#include "wire/errors.h"
#include "wire/messages.h"
#include "wire/records.h"

#include <string.h>

static void test_apis(void **state)
{
    UNUSED(state);
    int previous = -1;
    for (size_t i = 0; i < wire_api_count; i++) {
        const struct wire_api *api = &wire_apis[i];
        assert_true(api->key > previous);
        previous = api->key;
        assert_ptr_equal(wire_api_find(api->key), api);
        assert_true(api->version_min <= api->version_max);
        assert_true(api->version_max_stable <= api->version_max);
        assert_int_equal(wire_schema_version_max(api->request), api->version_max);
        assert_int_equal(wire_schema_version_min(api->response), api->version_min);
        assert_true(api->listeners != 0);
    }
    assert_null(wire_api_find(WIRE_API_LEADER_AND_ISR));
    assert_null(wire_api_find(-1));
    assert_null(wire_api_find(1000));
    const struct wire_api *fetch = wire_api_find(WIRE_API_FETCH);
    assert_string_equal(fetch->name, "Fetch");
    assert_int_equal(fetch->version_min, 4);
    assert_int_equal(fetch->version_max, 18);
    assert_int_equal(fetch->listeners, WIRE_LISTENER_BROKER | WIRE_LISTENER_CONTROLLER);
    assert_ptr_equal(fetch->request, &wire_fetch_request_schema);
    assert_true(wire_api_has_version(fetch, 4) && !wire_api_has_version(fetch, 3));
    const struct wire_api *init = wire_api_find(WIRE_API_INIT_PRODUCER_ID);
    assert_int_equal(init->version_max, 6);
    assert_int_equal(init->version_max_stable, 5);
}

static void test_header_versions(void **state)
{
    UNUSED(state);
    const struct wire_api *versions = wire_api_find(WIRE_API_API_VERSIONS);
    const struct wire_api *handshake = wire_api_find(WIRE_API_SASL_HANDSHAKE);
    const struct wire_api *produce = wire_api_find(WIRE_API_PRODUCE);
    assert_int_equal(wire_request_header_version(produce, 8), 1);
    assert_int_equal(wire_request_header_version(produce, 9), 2);
    assert_int_equal(wire_response_header_version(produce, 8), 0);
    assert_int_equal(wire_response_header_version(produce, 9), 1);
    assert_int_equal(wire_request_header_version(versions, 3), 2);
    assert_int_equal(wire_request_header_version(versions, 99), 2);
    assert_int_equal(wire_response_header_version(versions, 3), 0);
    assert_int_equal(wire_request_header_version(handshake, 1), 1); /* never flexible */
}

static void test_request_header(void **state)
{
    UNUSED(state);
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    struct wire_request_header header;
    const struct wire_api *api;
    size_t consumed;
    /* Flexible, the client id not compact all the same; a version that is not served. */
    static const uint8_t versions[] = "\0\x12\0\x63\0\0\0\x2a\0\1c\0body";
    assert_int_equal(
        wire_request_header_decode(versions, sizeof versions - 1, &arena, &header, &api, &consumed),
        ERR_OK);
    assert_int_equal(api->key, WIRE_API_API_VERSIONS);
    assert_int_equal(header.request_api_version, 99);
    assert_int_equal(header.correlation_id, 42);
    assert_true(wire_string_is(header.client_id, "c"));
    assert_int_equal(consumed, 12);
    /* Not flexible, no client id. */
    static const uint8_t produce[] = "\0\0\0\3\0\0\0\1\xff\xff";
    assert_int_equal(wire_request_header_decode(produce, 10, &arena, &header, &api, &consumed),
                     ERR_OK);
    assert_null(header.client_id.data);
    assert_int_equal(consumed, 10);
    for (size_t size = 0; size < 10; size++)
        assert_int_equal(
            wire_request_header_decode(produce, size, &arena, &header, &api, &consumed),
            ERR_TRUNCATED);
    static const uint8_t unknown[] = "\x7f\0\0\0\0\0\0\1\xff\xff";
    assert_int_equal(wire_request_header_decode(unknown, 10, &arena, &header, &api, &consumed),
                     ERR_UNSUPPORTED);
    arena_deinit(&arena);
}

static void test_frames(void **state)
{
    UNUSED(state);
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    struct buf out = BUF_EMPTY;
    const struct wire_api *heartbeat = wire_api_find(WIRE_API_HEARTBEAT);
    struct wire_heartbeat_request request;
    wire_default(&wire_heartbeat_request_schema, &request);
    request.group_id = WIRE_STRING("g");
    buf_put_text(&out, "x");
    assert_int_equal(
        wire_request_frame_encode(heartbeat, 4, 5, WIRE_STRING("me"), &request, &out, NULL),
        ERR_OK);
    assert_int_equal(load_be32(out.data + 1), out.size - 5);
    struct wire_request_header header;
    const struct wire_api *api;
    size_t consumed;
    assert_int_equal(
        wire_request_header_decode(out.data + 5, out.size - 5, &arena, &header, &api, &consumed),
        ERR_OK);
    assert_ptr_equal(api, heartbeat);
    assert_int_equal(header.correlation_id, 5);
    struct wire_heartbeat_request again;
    assert_int_equal(wire_decode(api->request, 4, &arena, out.data + 5 + consumed,
                                 out.size - 5 - consumed, &again, NULL),
                     ERR_OK);
    assert_true(wire_equal(api->request, 4, &request, &again));

    /* What cannot be encoded leaves nothing behind. */
    request.group_instance_id = WIRE_STRING("static"); /* from version 3 on */
    size_t size = out.size;
    assert_int_equal(
        wire_request_frame_encode(heartbeat, 2, 5, WIRE_NULL_STRING, &request, &out, NULL),
        ERR_VERSION);
    assert_int_equal(out.size, size);

    struct wire_heartbeat_response response;
    wire_default(&wire_heartbeat_response_schema, &response);
    buf_clear(&out);
    assert_int_equal(wire_response_frame_encode(heartbeat, 4, -9, &response, &out, NULL), ERR_OK);
    int32_t correlation_id;
    assert_int_equal(wire_response_header_decode(heartbeat, 4, out.data + 4, out.size - 4,
                                                 &correlation_id, &consumed),
                     ERR_OK);
    assert_int_equal(correlation_id, -9);
    assert_int_equal(consumed, 5);
    assert_int_equal(
        wire_response_header_decode(heartbeat, 0, out.data + 4, 3, &correlation_id, &consumed),
        ERR_TRUNCATED);
    buf_deinit(&out);
    arena_deinit(&arena);
}

/* Gathered bytes count in the frame's size, those of an earlier frame do not. */
static void test_frame_gather(void **state)
{
    UNUSED(state);
    static const uint8_t records[2000];
    struct buf out = BUF_EMPTY;
    struct wire_gather gather;
    wire_gather_init(&gather, WIRE_GATHER_SIZE_MIN);
    struct wire_fetch_snapshot_response response;
    wire_default(&wire_fetch_snapshot_response_schema, &response);
    struct wire_fetch_snapshot_response_topic_snapshot topic;
    wire_default(&wire_fetch_snapshot_response_topic_snapshot_schema, &topic);
    struct wire_fetch_snapshot_response_partition_snapshot partition;
    wire_default(&wire_fetch_snapshot_response_partition_snapshot_schema, &partition);
    partition.unaligned_records = wire_bytes_of(records, sizeof records);
    topic.partitions.items = &partition;
    topic.partitions.count = 1;
    response.topics.items = &topic;
    response.topics.count = 1;
    const struct wire_api *api = wire_api_find(WIRE_API_FETCH_SNAPSHOT);
    size_t starts[2];
    for (size_t i = 0; i < 2; i++) {
        starts[i] = out.size;
        assert_int_equal(wire_response_frame_encode(api, 0, 1, &response, &out, &gather), ERR_OK);
    }
    assert_int_equal(gather.count, 2);
    assert_int_equal(load_be32(out.data + starts[0]), starts[1] - 4 + sizeof records);
    assert_int_equal(load_be32(out.data + starts[1]), load_be32(out.data + starts[0]));
    wire_gather_deinit(&gather);
    buf_deinit(&out);
}

static void test_metadata_records(void **state)
{
    UNUSED(state);
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    struct buf out = BUF_EMPTY;
    struct wire_topic_record topic;
    wire_default(&wire_topic_record_schema, &topic);
    topic.name = WIRE_STRING("foo");
    topic.topic_id.bytes[15] = 9;
    const struct wire_record_type *type =
        wire_record_find(WIRE_RECORDS_METADATA, WIRE_METADATA_RECORD_TOPIC);
    assert_string_equal(type->name, "Topic");
    assert_int_equal(wire_metadata_record_encode(type, 0, &topic, &out), ERR_OK);
    static const uint8_t bytes[] = "\1\2\0\4foo\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x9\0";
    assert_int_equal(out.size, sizeof bytes - 1);
    assert_memory_equal(out.data, bytes, sizeof bytes - 1);
    struct wire_record record;
    assert_int_equal(wire_metadata_record_decode(out.data, out.size, &arena, &record), ERR_OK);
    assert_ptr_equal(record.type, type);
    assert_int_equal(record.version, 0);
    assert_true(wire_equal(type->value, 0, record.message, &topic));

    for (size_t size = 0; size < out.size; size++)
        assert_int_equal(wire_metadata_record_decode(out.data, size, &arena, &record),
                         ERR_TRUNCATED);
    buf_put_i8(&out, 0);
    assert_int_equal(wire_metadata_record_decode(out.data, out.size, &arena, &record), ERR_CORRUPT);
    static const char *const unsupported[] = {"\2\2\0", "\1\x63\0", "\1\2\1", "\1\xff\xff\x7f\0"};
    for (size_t i = 0; i < ARRAY_COUNT(unsupported); i++)
        assert_int_equal(
            wire_metadata_record_decode((const uint8_t *)unsupported[i], 5, &arena, &record),
            ERR_UNSUPPORTED);
    buf_deinit(&out);
    arena_deinit(&arena);
}

static void test_coordinator_records(void **state)
{
    UNUSED(state);
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    struct buf out = BUF_EMPTY;
    const struct wire_record_type *type =
        wire_record_find(WIRE_RECORDS_GROUP, WIRE_GROUP_RECORD_OFFSET_COMMIT);
    struct wire_offset_commit_key key;
    wire_default(&wire_offset_commit_key_schema, &key);
    key.group = WIRE_STRING("g");
    key.topic = WIRE_STRING("t");
    key.partition = 2;
    assert_int_equal(wire_coordinator_key_encode(type, &key, &out), ERR_OK);
    assert_int_equal(out.size, 12);
    assert_memory_equal(out.data, "\0\1\0\1g\0\1t\0\0\0\2", 12);
    struct wire_record record;
    assert_int_equal(
        wire_coordinator_key_decode(WIRE_RECORDS_GROUP, out.data, out.size, &arena, &record),
        ERR_OK);
    assert_ptr_equal(record.type, type);
    assert_true(wire_equal(type->key, 0, record.message, &key));
    out.data[1] = 9; /* a type that was skipped */
    assert_int_equal(
        wire_coordinator_key_decode(WIRE_RECORDS_GROUP, out.data, out.size, &arena, &record),
        ERR_UNSUPPORTED);

    struct wire_offset_commit_value value;
    wire_default(&wire_offset_commit_value_schema, &value);
    value.offset = 77;
    buf_clear(&out);
    assert_int_equal(wire_coordinator_value_encode(type, 3, &value, &out), ERR_OK);
    assert_int_equal(wire_coordinator_value_decode(type, out.data, out.size, &arena, &record),
                     ERR_OK);
    assert_int_equal(record.version, 3);
    assert_int_equal(((struct wire_offset_commit_value *)record.message)->offset, 77);
    out.data[1] = 99;
    assert_int_equal(wire_coordinator_value_decode(type, out.data, out.size, &arena, &record),
                     ERR_UNSUPPORTED);
    assert_int_equal(wire_coordinator_value_decode(type, out.data, 1, &arena, &record),
                     ERR_TRUNCATED);
    buf_deinit(&out);
    arena_deinit(&arena);
}

/* A subscription of a version that is not known yet is read as the newest that is. */
static void test_versioned(void **state)
{
    UNUSED(state);
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    struct buf out = BUF_EMPTY;
    struct wire_consumer_protocol_subscription subscription, again;
    wire_default(&wire_consumer_protocol_subscription_schema, &subscription);
    struct wire_string topic = WIRE_STRING("t");
    subscription.topics = (struct wire_strings){&topic, 1};
    assert_int_equal(
        wire_versioned_encode(&wire_consumer_protocol_subscription_schema, 3, &subscription, &out),
        ERR_OK);
    buf_put_text(&out, "what a newer version adds");
    out.data[1] = 7;
    int16_t version;
    assert_int_equal(wire_versioned_decode(&wire_consumer_protocol_subscription_schema, &arena,
                                           out.data, out.size, &again, &version),
                     ERR_OK);
    assert_int_equal(version, 3);
    assert_true(wire_equal(&wire_consumer_protocol_subscription_schema, 3, &subscription, &again));
    out.data[0] = 0xff;
    assert_int_equal(wire_versioned_decode(&wire_consumer_protocol_subscription_schema, &arena,
                                           out.data, out.size, &again, &version),
                     ERR_VERSION);
    buf_deinit(&out);
    arena_deinit(&arena);
}

static void test_record_families(void **state)
{
    UNUSED(state);
    for (unsigned family = 0; family < WIRE_RECORD_FAMILY_COUNT; family++) {
        size_t count;
        const struct wire_record_type *types = wire_record_types(family, &count);
        assert_true(count > 0);
        for (size_t i = 0; i < count; i++) {
            assert_true(i == 0 || types[i].id > types[i - 1].id);
            assert_non_null(types[i].value);
            bool has_key = family != WIRE_RECORDS_METADATA && family != WIRE_RECORDS_REMOTE_LOG;
            assert_int_equal(types[i].key != NULL, has_key);
        }
        assert_null(wire_record_find(family, 99));
    }
}

static void test_errors(void **state)
{
    UNUSED(state);
    assert_int_equal(WIRE_ERROR_OFFSET_OUT_OF_RANGE, 1);
    assert_int_equal(WIRE_ERROR_SHARE_SESSION_LIMIT_REACHED, 133);
    assert_string_equal(wire_error_name(0), "NONE");
    assert_string_equal(wire_error_name(WIRE_ERROR_NOT_LEADER_OR_FOLLOWER),
                        "NOT_LEADER_OR_FOLLOWER");
    assert_true(wire_error_retriable(WIRE_ERROR_NOT_LEADER_OR_FOLLOWER));
    assert_false(wire_error_retriable(WIRE_ERROR_INVALID_TOPIC_EXCEPTION));
    static const int16_t unknown[] = {-2, 134, INT16_MAX, INT16_MIN};
    for (size_t i = 0; i < ARRAY_COUNT(unknown); i++) {
        assert_false(wire_error_known(unknown[i]));
        assert_string_equal(wire_error_name(unknown[i]), "UNKNOWN_SERVER_ERROR");
        assert_false(wire_error_retriable(unknown[i]));
    }
    for (int16_t code = -1; code <= 133; code++) {
        assert_true(wire_error_known(code));
        assert_true(strlen(wire_error_message(code)) > 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_apis),
        cmocka_unit_test(test_header_versions),
        cmocka_unit_test(test_request_header),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_frame_gather),
        cmocka_unit_test(test_metadata_records),
        cmocka_unit_test(test_coordinator_records),
        cmocka_unit_test(test_versioned),
        cmocka_unit_test(test_record_families),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
