/* Decoding, encoding and what goes with it, on messages made by hand. That all messages are right
 * is tests/system/test_wire_proof's to show. */
#include "../unit.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "wire/messages.h"
#include "wire/wire.h"

#include <string.h>

#define HEX_BYTES_MAX 512

struct bytes {
    uint8_t data[HEX_BYTES_MAX];
    size_t size;
};

/* "0001 6162" as bytes; blanks are for the reader. */
static struct bytes hex(const char *text)
{
    struct bytes bytes = {0};
    unsigned high = 0, digits = 0;
    for (; *text != 0; text++) {
        if (*text == ' ')
            continue;
        unsigned digit = *text <= '9' ? (unsigned)(*text - '0') : (unsigned)(*text - 'a' + 10);
        if (++digits % 2 == 0)
            bytes.data[bytes.size++] = (uint8_t)(high << 4 | digit);
        high = digit;
    }
    return bytes;
}

static void assert_bytes(const struct buf *buf, const char *text)
{
    struct bytes bytes = hex(text);
    assert_int_equal(buf->size, bytes.size);
    assert_memory_equal(buf->data, bytes.data, bytes.size);
}

struct world {
    struct arena arena;
    struct buf out;
};

static int setup(void **state)
{
    struct world *world = mem_zalloc(sizeof *world);
    arena_init(&world->arena, ARENA_LIMIT_DEFAULT_BYTES);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    arena_deinit(&world->arena);
    buf_deinit(&world->out);
    mem_free(world);
    return 0;
}

/* ---- Decoding ---- */

static const char *const produce_hex = "00"            /* transactional id: null */
                                       "ffff 00007530" /* acks -1, 30 s */
                                       "02 02 74"      /* one topic, "t" */
                                       "02 00000003"   /* one partition, 3 */
                                       "04 010203"     /* records */
                                       "00 00 00";     /* tags of partition, topic, request */

static void test_decode(void **state)
{
    struct world *world = *state;
    struct bytes bytes = hex(produce_hex);
    struct wire_produce_request request;
    size_t consumed;
    assert_int_equal(wire_decode(&wire_produce_request_schema, 9, &world->arena, bytes.data,
                                 bytes.size, &request, &consumed),
                     ERR_OK);
    assert_int_equal(consumed, bytes.size);
    assert_null(request.transactional_id.data);
    assert_int_equal(request.acks, -1);
    assert_int_equal(request.timeout_ms, 30000);
    assert_int_equal(request.topic_data.count, 1);
    assert_true(wire_string_is(request.topic_data.items[0].name, "t"));
    assert_true(uuid_is_zero(&request.topic_data.items[0].topic_id));
    assert_int_equal(request.topic_data.items[0].partition_data.count, 1);
    assert_int_equal(request.topic_data.items[0].partition_data.items[0].index, 3);
    struct wire_bytes records = request.topic_data.items[0].partition_data.items[0].records;
    assert_int_equal(records.size, 3);
    assert_ptr_equal(records.data, bytes.data + bytes.size - 6);
    assert_int_equal(wire_encode(&wire_produce_request_schema, 9, &request, &world->out, NULL),
                     ERR_OK);
    assert_bytes(&world->out, produce_hex);
}

static void test_decode_truncated(void **state)
{
    struct world *world = *state;
    struct bytes bytes = hex(produce_hex);
    struct wire_produce_request request;
    for (size_t size = 0; size < bytes.size; size++) {
        uint8_t *exact = mem_alloc(size + 1);
        memcpy(exact, bytes.data, size);
        assert_int_equal(wire_decode(&wire_produce_request_schema, 9, &world->arena, exact, size,
                                     &request, NULL),
                         ERR_TRUNCATED);
        mem_free(exact);
    }
    assert_int_equal(
        wire_decode(&wire_produce_request_schema, 9, &world->arena, NULL, 0, &request, NULL),
        ERR_TRUNCATED);
}

static void test_decode_versions(void **state)
{
    struct world *world = *state;
    struct bytes bytes = hex(produce_hex);
    struct wire_produce_request request;
    static const int16_t none[] = {-1, 0, 2, 14, INT16_MAX, INT16_MIN};
    for (size_t i = 0; i < ARRAY_COUNT(none); i++)
        assert_int_equal(wire_decode(&wire_produce_request_schema, none[i], &world->arena,
                                     bytes.data, bytes.size, &request, NULL),
                         ERR_VERSION);
}

static enum err decode_metadata(struct world *world, int16_t version, const char *text,
                                struct wire_metadata_request *request)
{
    struct bytes bytes = hex(text);
    return wire_decode(&wire_metadata_request_schema, version, &world->arena, bytes.data,
                       bytes.size, request, NULL);
}

static void test_decode_null(void **state)
{
    struct world *world = *state;
    struct wire_metadata_request request;
    /* Version 1: null topics are all topics. */
    assert_int_equal(decode_metadata(world, 1, "ffffffff", &request), ERR_OK);
    assert_int_equal(request.topics.count, -1);
    assert_null(request.topics.items);
    assert_true(request.allow_auto_topic_creation); /* the default: version 4 has it */
    assert_int_equal(wire_encode(&wire_metadata_request_schema, 1, &request, &world->out, NULL),
                     ERR_OK);
    assert_bytes(&world->out, "ffffffff");
    /* Any negative count is null, as in Apache Kafka. */
    assert_int_equal(decode_metadata(world, 1, "80000000", &request), ERR_OK);
    assert_int_equal(request.topics.count, -1);
    /* Version 0 has no null. */
    assert_int_equal(decode_metadata(world, 0, "ffffffff", &request), ERR_CORRUPT);
    /* Nor has a topic's name in version 9. */
    assert_int_equal(decode_metadata(world, 9, "02 00 00 01 00 00 00", &request), ERR_CORRUPT);
    assert_int_equal(decode_metadata(world, 10,
                                     "02"
                                     "00000000000000000000000000000000"
                                     "00 00 01 00 00 00",
                                     &request),
                     ERR_OK);
    assert_null(request.topics.items[0].name.data);
}

static void test_decode_bool(void **state)
{
    struct world *world = *state;
    struct wire_metadata_request request;
    assert_int_equal(decode_metadata(world, 4, "00000000 02", &request), ERR_OK);
    assert_true(request.allow_auto_topic_creation);
    assert_int_equal(request.topics.count, 0);
    assert_int_equal(decode_metadata(world, 4, "00000000 00", &request), ERR_OK);
    assert_false(request.allow_auto_topic_creation);
}

/* Counts and lengths that promise more than there is are refused before anything is allocated. */
static void test_decode_lies(void **state)
{
    struct world *world = *state;
    struct wire_metadata_request request;
    size_t used = world->arena.used_bytes;
    assert_int_equal(decode_metadata(world, 1, "7fffffff", &request), ERR_TRUNCATED);
    assert_int_equal(decode_metadata(world, 1, "00000003 0000 0000", &request), ERR_TRUNCATED);
    assert_int_equal(decode_metadata(world, 9, "ffffffff07 0000000000", &request), ERR_TRUNCATED);
    assert_int_equal(decode_metadata(world, 9, "ffffffffffff 00", &request), ERR_CORRUPT);
    assert_int_equal(world->arena.used_bytes, used);
    /* One topic, its name longer than what is left, or than a string may be. */
    assert_int_equal(decode_metadata(world, 1, "00000001 0005 6162", &request), ERR_TRUNCATED);
    assert_int_equal(decode_metadata(world, 9, "02 818002", &request), ERR_CORRUPT);
    struct wire_update_raft_voter_response response;
    struct bytes bytes = hex("00000000 0000 ffffffff0f");
    assert_int_equal(wire_decode(&wire_update_raft_voter_response_schema, 0, &world->arena,
                                 bytes.data, bytes.size, &response, NULL),
                     ERR_TRUNCATED);
}

static void test_decode_limit(void **state)
{
    UNUSED(state);
    /* 4000 topics of 2 bytes each. */
    size_t size = 4 + 4000 * 2;
    uint8_t *data = mem_zalloc(size);
    store_be32(data, 4000);
    struct arena arena;
    arena_init(&arena, 64 << 10);
    struct wire_metadata_request request;
    assert_int_equal(
        wire_decode(&wire_metadata_request_schema, 1, &arena, data, size, &request, NULL),
        ERR_LIMIT);
    arena_deinit(&arena);
    /* And when the machine has no memory. */
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    mem_fail_after(1);
    assert_int_equal(
        wire_decode(&wire_metadata_request_schema, 1, &arena, data, size, &request, NULL),
        ERR_LIMIT);
    mem_fail_after(0);
    assert_int_equal(
        wire_decode(&wire_metadata_request_schema, 1, &arena, data, size, &request, NULL), ERR_OK);
    assert_int_equal(request.topics.count, 4000);
    arena_deinit(&arena);
    mem_free(data);
}

/* ---- Tagged fields ---- */

static enum err decode_fetch_state(struct world *world, const char *text,
                                   struct wire_fetch_request_replica_state *state)
{
    struct bytes bytes = hex(text);
    return wire_decode(&wire_fetch_request_replica_state_schema, 15, &world->arena, bytes.data,
                       bytes.size, state, NULL);
}

static void test_tags_unknown(void **state)
{
    struct world *world = *state;
    struct wire_fetch_request_replica_state replica;
    const char *text = "00000001 0000000000000002 02 03 02 aabb 8108 00";
    assert_int_equal(decode_fetch_state(world, text, &replica), ERR_OK);
    assert_int_equal(replica.unknown_tags->tag, 3);
    assert_int_equal(replica.unknown_tags->size, 2);
    assert_int_equal(replica.unknown_tags->next->tag, 1025);
    assert_int_equal(replica.unknown_tags->next->size, 0);
    assert_null(replica.unknown_tags->next->next);
    assert_int_equal(
        wire_encode(&wire_fetch_request_replica_state_schema, 15, &replica, &world->out, NULL),
        ERR_OK);
    /* What was decoded points into bytes that are gone; so copy before the next. */
    assert_int_equal(world->out.size, hex(text).size);

    assert_int_equal(
        decode_fetch_state(world, "00000001 0000000000000002 02 03 00 03 00", &replica),
        ERR_CORRUPT);
    assert_int_equal(
        decode_fetch_state(world, "00000001 0000000000000002 02 03 00 02 00", &replica),
        ERR_CORRUPT);
    assert_int_equal(decode_fetch_state(world, "00000001 0000000000000002 01 03 05 00", &replica),
                     ERR_TRUNCATED);
    assert_int_equal(decode_fetch_state(world, "00000001 0000000000000002 ffffffff0f", &replica),
                     ERR_TRUNCATED);
}

/* A Fetch partition of version 18: tag 0 is the directory, tag 1 the high watermark. */
#define FETCH_PARTITION "00000007 ffffffff 0000000000000000 ffffffff ffffffffffffffff 00000000"
#define DIRECTORY "00112233445566778899aabbccddeeff"

static enum err decode_partition(struct world *world, const char *text, struct bytes *bytes,
                                 struct wire_fetch_request_fetch_partition *partition)
{
    *bytes = hex(text);
    return wire_decode(&wire_fetch_request_fetch_partition_schema, 18, &world->arena, bytes->data,
                       bytes->size, partition, NULL);
}

static void test_tags_known(void **state)
{
    struct world *world = *state;
    struct wire_fetch_request_fetch_partition partition;
    struct bytes bytes;
    assert_int_equal(decode_partition(world, FETCH_PARTITION "00", &bytes, &partition), ERR_OK);
    assert_int_equal(partition.high_watermark, INT64_MAX);
    assert_true(uuid_is_zero(&partition.replica_directory_id));

    /* In the other order, and an unknown one among them: written in order. */
    assert_int_equal(decode_partition(world,
                                      FETCH_PARTITION
                                      "03 01 08 0000000000000005 02 01 ff 00 10 " DIRECTORY,
                                      &bytes, &partition),
                     ERR_OK);
    assert_int_equal(partition.high_watermark, 5);
    assert_int_equal(
        wire_encode(&wire_fetch_request_fetch_partition_schema, 18, &partition, &world->out, NULL),
        ERR_OK);
    assert_bytes(&world->out,
                 FETCH_PARTITION "03 00 10" DIRECTORY "01 08 0000000000000005 02 01 ff");

    /* At its default a tagged field is not written. */
    assert_int_equal(
        decode_partition(world, FETCH_PARTITION "01 01 08 7fffffffffffffff", &bytes, &partition),
        ERR_OK);
    buf_clear(&world->out);
    assert_int_equal(
        wire_encode(&wire_fetch_request_fetch_partition_schema, 18, &partition, &world->out, NULL),
        ERR_OK);
    assert_bytes(&world->out, FETCH_PARTITION "00");

    /* Twice; longer than the field; shorter; past the end. */
    assert_int_equal(
        decode_partition(world, FETCH_PARTITION "02 01 08 0000000000000005 01 08 0000000000000005",
                         &bytes, &partition),
        ERR_CORRUPT);
    assert_int_equal(
        decode_partition(world, FETCH_PARTITION "01 01 09 000000000000000500", &bytes, &partition),
        ERR_CORRUPT);
    assert_int_equal(
        decode_partition(world, FETCH_PARTITION "01 01 07 00000000000005", &bytes, &partition),
        ERR_TRUNCATED);
    assert_int_equal(
        decode_partition(world, FETCH_PARTITION "01 01 08 00000000000005", &bytes, &partition),
        ERR_TRUNCATED);
}

/* ---- Structs that may be null ---- */

static void test_pointer(void **state)
{
    struct world *world = *state;
    struct wire_describe_topic_partitions_request request;
    wire_default(&wire_describe_topic_partitions_request_schema, &request);
    assert_null(request.cursor);
    assert_int_equal(request.response_partition_limit, 2000);
    assert_int_equal(
        wire_encode(&wire_describe_topic_partitions_request_schema, 0, &request, &world->out, NULL),
        ERR_OK);
    assert_bytes(&world->out, "01 000007d0 ff 00");

    struct wire_describe_topic_partitions_request_cursor cursor;
    wire_default(&wire_describe_topic_partitions_request_cursor_schema, &cursor);
    cursor.topic_name = WIRE_STRING("ab");
    cursor.partition_index = 9;
    request.cursor = &cursor;
    buf_clear(&world->out);
    assert_int_equal(
        wire_encode(&wire_describe_topic_partitions_request_schema, 0, &request, &world->out, NULL),
        ERR_OK);
    assert_bytes(&world->out, "01 000007d0 01 03 6162 00000009 00 00");
    struct wire_describe_topic_partitions_request again;
    assert_int_equal(wire_decode(&wire_describe_topic_partitions_request_schema, 0, &world->arena,
                                 world->out.data, world->out.size, &again, NULL),
                     ERR_OK);
    assert_true(wire_equal(&wire_describe_topic_partitions_request_schema, 0, &request, &again));
    request.cursor = NULL;
    assert_false(wire_equal(&wire_describe_topic_partitions_request_schema, 0, &request, &again));
}

/* The one nullable struct whose default is not null: null has to be written. */
static void test_pointer_with_default(void **state)
{
    struct world *world = *state;
    struct wire_consumer_group_member_metadata_value value;
    wire_default(&wire_consumer_group_member_metadata_value_schema, &value);
    assert_non_null(value.classic_member_metadata);
    assert_int_equal(value.classic_member_metadata->session_timeout_ms, 0);
    assert_int_equal(wire_encode(&wire_consumer_group_member_metadata_value_schema, 0, &value,
                                 &world->out, NULL),
                     ERR_OK);
    assert_bytes(&world->out, "01 01 01 01 01 01 ffffffff 01 00");
    value.classic_member_metadata = NULL;
    buf_clear(&world->out);
    assert_int_equal(wire_encode(&wire_consumer_group_member_metadata_value_schema, 0, &value,
                                 &world->out, NULL),
                     ERR_OK);
    assert_bytes(&world->out, "01 01 01 01 01 01 ffffffff 01 01 00 01 00");
}

/* ---- Encoding ---- */

static void test_encode_refused(void **state)
{
    struct world *world = *state;
    struct wire_metadata_request request;
    buf_put_text(&world->out, "before");
    wire_default(&wire_metadata_request_schema, &request);
    const struct wire_schema *schema = &wire_metadata_request_schema;
    assert_int_equal(wire_encode(schema, 14, &request, &world->out, NULL), ERR_VERSION);
    assert_int_equal(wire_encode(schema, -1, &request, &world->out, NULL), ERR_VERSION);
    /* Not ignorable, so version 3 cannot say false. */
    request.allow_auto_topic_creation = false;
    assert_int_equal(wire_encode(schema, 3, &request, &world->out, NULL), ERR_VERSION);
    request.allow_auto_topic_creation = true;
    /* Null where there is no null. */
    request.topics.count = -1;
    assert_int_equal(wire_encode(schema, 0, &request, &world->out, NULL), ERR_INVALID);
    /* A string that is too long. */
    struct wire_metadata_request_metadata_request_topic topic;
    wire_default(&wire_metadata_request_metadata_request_topic_schema, &topic);
    char *name = mem_zalloc(INT16_MAX + 1);
    topic.name = wire_string_of(name, INT16_MAX + 1);
    request.topics.items = &topic;
    request.topics.count = 1;
    assert_int_equal(wire_encode(schema, 1, &request, &world->out, NULL), ERR_LIMIT);
    topic.name.size = INT16_MAX;
    assert_int_equal(world->out.size, strlen("before"));
    assert_int_equal(wire_encode(schema, 1, &request, &world->out, NULL), ERR_OK);
    mem_free(name);
    /* Unknown tags need a flexible version. */
    struct wire_tagged tag = {NULL, (const uint8_t *)"x", 1, 5};
    request.topics.count = 0;
    request.unknown_tags = &tag;
    buf_clear(&world->out);
    assert_int_equal(wire_encode(schema, 8, &request, &world->out, NULL), ERR_VERSION);
    assert_int_equal(wire_encode(schema, 9, &request, &world->out, NULL), ERR_OK);
    assert_bytes(&world->out, "01 01 00 00 01 05 01 78");
}

static void test_encode_ignorable(void **state)
{
    struct world *world = *state;
    struct wire_list_offsets_response response;
    wire_default(&wire_list_offsets_response_schema, &response);
    response.throttle_time_ms = 7; /* from version 2 on, ignorable */
    assert_int_equal(
        wire_encode(&wire_list_offsets_response_schema, 1, &response, &world->out, NULL), ERR_OK);
    assert_bytes(&world->out, "00000000");
}

static void test_gather(void **state)
{
    struct world *world = *state;
    uint8_t large[100], small[10];
    memset(large, 'L', sizeof large);
    memset(small, 's', sizeof small);
    struct wire_fetch_response response;
    wire_default(&wire_fetch_response_schema, &response);
    struct wire_fetch_response_fetchable_topic_response topic;
    wire_default(&wire_fetch_response_fetchable_topic_response_schema, &topic);
    struct wire_fetch_response_partition_data partitions[3];
    for (size_t i = 0; i < 3; i++)
        wire_default(&wire_fetch_response_partition_data_schema, &partitions[i]);
    partitions[0].records = wire_bytes_of(large, sizeof large);
    partitions[1].records = wire_bytes_of(small, sizeof small);
    partitions[2].records = wire_bytes_of(large, 50);
    topic.partitions.items = partitions;
    topic.partitions.count = 3;
    response.responses.items = &topic;
    response.responses.count = 1;

    struct wire_gather gather;
    wire_gather_init(&gather, 50);
    buf_put_text(&world->out, "1234");
    assert_int_equal(wire_encode(&wire_fetch_response_schema, 17, &response, &world->out, &gather),
                     ERR_OK);
    assert_int_equal(gather.count, 2);
    assert_int_equal(gather.bytes, 150);
    assert_ptr_equal(gather.items[0].data, large);
    assert_int_equal(gather.items[0].size, 100);
    assert_int_equal(gather.items[1].size, 50);
    struct buf plain = BUF_EMPTY;
    assert_int_equal(wire_encode(&wire_fetch_response_schema, 17, &response, &plain, NULL), ERR_OK);
    assert_int_equal(plain.size, world->out.size - 4 + 150);
    assert_int_equal(plain.size, wire_encoded_size(&wire_fetch_response_schema, 17, &response));
    /* Before the first item the bytes are the same, the item follows there. */
    size_t first = gather.items[0].position;
    assert_memory_equal(plain.data, world->out.data + 4, first - 4);
    assert_memory_equal(plain.data + first - 4, large, sizeof large);

    /* An error leaves what was gathered before. */
    response.error_code = 1;                              /* version 7 and ignorable */
    topic.partitions.items[2].preferred_read_replica = 5; /* version 11 and not */
    size_t size = world->out.size;
    assert_int_equal(wire_encode(&wire_fetch_response_schema, 10, &response, &world->out, &gather),
                     ERR_VERSION);
    assert_int_equal(world->out.size, size);
    assert_int_equal(gather.count, 2);
    assert_int_equal(gather.bytes, 150);
    wire_gather_clear(&gather);
    assert_int_equal(gather.count, 0);
    wire_gather_deinit(&gather);
    buf_deinit(&plain);
}

/* Much larger than the room that the writer begins with. */
static void test_encode_large(void **state)
{
    struct world *world = *state;
    struct wire_metadata_response_metadata_response_partition partition;
    wire_default(&wire_metadata_response_metadata_response_partition_schema, &partition);
    int32_t replicas[3000];
    for (int32_t i = 0; i < 3000; i++)
        replicas[i] = i * 7;
    partition.replica_nodes.items = replicas;
    partition.replica_nodes.count = 3000;
    const struct wire_schema *schema = &wire_metadata_response_metadata_response_partition_schema;
    assert_int_equal(wire_encode(schema, 9, &partition, &world->out, NULL), ERR_OK);
    assert_int_equal(world->out.size, wire_encoded_size(schema, 9, &partition));
    struct wire_metadata_response_metadata_response_partition again;
    assert_int_equal(
        wire_decode(schema, 9, &world->arena, world->out.data, world->out.size, &again, NULL),
        ERR_OK);
    assert_true(wire_equal(schema, 9, &partition, &again));
    again.replica_nodes.items[2999]++;
    assert_false(wire_equal(schema, 9, &partition, &again));
}

/* ---- Copying, comparing, printing, strings ---- */

static void test_copy(void **state)
{
    struct world *world = *state;
    struct bytes bytes = hex(produce_hex);
    struct wire_produce_request request;
    struct arena other;
    arena_init(&other, ARENA_LIMIT_DEFAULT_BYTES);
    assert_int_equal(wire_decode(&wire_produce_request_schema, 9, &other, bytes.data, bytes.size,
                                 &request, NULL),
                     ERR_OK);
    struct wire_produce_request *copy =
        wire_copy(&wire_produce_request_schema, &request, &world->arena);
    assert_non_null(copy);
    assert_true(wire_equal(&wire_produce_request_schema, 9, &request, copy));
    memset(&bytes, 0xff, sizeof bytes);
    assert_false(wire_equal(&wire_produce_request_schema, 9, &request, copy));
    arena_deinit(&other);
    assert_true(wire_string_is(copy->topic_data.items[0].name, "t"));
    assert_memory_equal(copy->topic_data.items[0].partition_data.items[0].records.data, "\1\2\3",
                        3);

    struct arena tiny;
    arena_init(&tiny, 16);
    assert_null(wire_copy(&wire_produce_request_schema, copy, &tiny));
    arena_deinit(&tiny);
}

/* Only what the version carries is compared. */
static void test_equal_by_version(void **state)
{
    UNUSED(state);
    struct wire_metadata_request a, b;
    wire_default(&wire_metadata_request_schema, &a);
    wire_default(&wire_metadata_request_schema, &b);
    b.allow_auto_topic_creation = false;
    assert_true(wire_equal(&wire_metadata_request_schema, 3, &a, &b));
    assert_false(wire_equal(&wire_metadata_request_schema, 4, &a, &b));
    a.topics.count = -1;
    assert_false(wire_equal(&wire_metadata_request_schema, 3, &a, &b));
}

static void test_print(void **state)
{
    struct world *world = *state;
    struct bytes bytes = hex(produce_hex);
    struct wire_produce_request request;
    const struct wire_schema *schema = &wire_produce_request_schema;
    assert_int_equal(wire_decode(schema, 9, &world->arena, bytes.data, bytes.size, &request, NULL),
                     ERR_OK);
    request.topic_data.items[0].name = WIRE_STRING("a\"\\\n\x01\xff\xc3\xa9");
    wire_print(schema, 9, &request, &world->out, 0);
    assert_string_equal(buf_text(&world->out),
                        "{acks: -1, timeoutMs: 30000, topicData: [{name: "
                        "\"a\\\"\\\\\\n\\u0001\xef\xbf\xbd\xc3\xa9\", partitionData: "
                        "[{index: 3, records: <3 bytes>}]}]}");
    buf_clear(&world->out);
    wire_print(schema, 9, &request, &world->out, WIRE_PRINT_JSON);
    assert_string_equal(buf_text(&world->out),
                        "{\"transactionalId\":null,\"acks\":-1,\"timeoutMs\":30000,\"topicData\":"
                        "[{\"name\":\"a\\\"\\\\\\n\\u0001\xef\xbf\xbd\xc3\xa9\",\"partitionData\":"
                        "[{\"index\":3,\"recordsSizeInBytes\":3}]}]}");
    buf_clear(&world->out);
    wire_print(schema, 9, &request, &world->out, WIRE_PRINT_JSON | WIRE_PRINT_RECORDS);
    assert_non_null(strstr(buf_text(&world->out), "\"records\":\"AQID\""));
}

static void test_print_cut(void **state)
{
    struct world *world = *state;
    char name[300];
    memset(name, 'x', sizeof name);
    int32_t isr[40] = {0};
    struct wire_partition_record record;
    wire_default(&wire_partition_record_schema, &record);
    record.isr = (struct wire_int32s){isr, 40};
    wire_print(&wire_partition_record_schema, 0, &record, &world->out, 0);
    assert_non_null(strstr(buf_text(&world->out), "0, ... 8 more]"));
    struct wire_topic_record topic;
    wire_default(&wire_topic_record_schema, &topic);
    topic.name = wire_string_of(name, sizeof name);
    buf_clear(&world->out);
    wire_print(&wire_topic_record_schema, 0, &topic, &world->out, 0);
    assert_non_null(strstr(buf_text(&world->out), "xx...\""));
    assert_true(world->out.size < 280);
}

static void test_strings(void **state)
{
    struct world *world = *state;
    assert_null(wire_string_from(NULL).data);
    assert_true(wire_string_is(wire_string_from("abc"), "abc"));
    assert_true(wire_string_equal(WIRE_EMPTY_STRING, wire_string_of(NULL, 0)));
    assert_false(wire_string_equal(WIRE_EMPTY_STRING, WIRE_NULL_STRING));
    assert_true(wire_string_equal(WIRE_NULL_STRING, WIRE_NULL_STRING));
    assert_true(wire_string_compare(WIRE_STRING("a"), WIRE_STRING("ab")) < 0);
    assert_true(wire_string_compare(WIRE_STRING("b"), WIRE_STRING("ab")) > 0);
    assert_true(wire_string_compare(WIRE_NULL_STRING, WIRE_EMPTY_STRING) < 0);
    assert_int_equal(wire_string_compare(WIRE_STRING("b"), WIRE_STRING("b")), 0);
    assert_string_equal(wire_string_to_arena(WIRE_STRING("abc"), &world->arena), "abc");
    assert_null(wire_string_to_arena(WIRE_NULL_STRING, &world->arena));
    assert_true(wire_string_is(wire_string_copy(WIRE_STRING("abc"), &world->arena), "abc"));
    assert_null(wire_string_copy(WIRE_NULL_STRING, &world->arena).data);
    assert_true(wire_bytes_equal(wire_bytes_of(NULL, 0), wire_bytes_of("", 0)));
    assert_false(wire_bytes_equal(wire_bytes_of("a", 1), wire_bytes_of("b", 1)));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_decode),
        TEST(test_decode_truncated),
        TEST(test_decode_versions),
        TEST(test_decode_null),
        TEST(test_decode_bool),
        TEST(test_decode_lies),
        TEST(test_decode_limit),
        TEST(test_tags_unknown),
        TEST(test_tags_known),
        TEST(test_pointer),
        TEST(test_pointer_with_default),
        TEST(test_encode_refused),
        TEST(test_encode_ignorable),
        TEST(test_gather),
        TEST(test_encode_large),
        TEST(test_copy),
        TEST(test_equal_by_version),
        TEST(test_print),
        TEST(test_print_cut),
        TEST(test_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
