/*
 * Connections: framing, order, back-pressure, replies, and what happens to requests when their
 * connection goes. The list of APIs is this test's own: Metadata and Produce park until the test
 * answers them, so that it can do so in any order.
 */
#include "broker/api/handlers_int.h"
#include "broker/node_int.h"
#include "broker/settings_int.h"
#include "broker/shard_int.h"

#include "../fake_env.h"
#include "../unit.h"
#include "base/bytes.h"
#include "base/prng.h"
#include "broker/conn.h"
#include "broker/request.h"
#include "wire/api.h"
#include "wire/messages.h"
#include "wire/schema.h"

/* ---- Handlers ---- */

#define PARKED_MAX 256

static struct broker_request *parked[PARKED_MAX];
static size_t parked_count;
static size_t cancelled_count;

static void note_cancel(struct broker_request *request)
{
    UNUSED(request);
    cancelled_count++;
}

static void park(struct broker_request *request)
{
    assert_true(parked_count < PARKED_MAX);
    request->cancel = note_cancel;
    parked[parked_count++] = request;
}

const struct broker_api broker_apis[] = {
    {WIRE_API_PRODUCE, 3, 13, 0, BROKER_API_BROKER | BROKER_API_OVERLAPS, park},
    {WIRE_API_FETCH, 4, 18, 4, BROKER_API_BROKER, park},
    {WIRE_API_METADATA, 0, 13, 0, BROKER_API_BROKER, park},
    {WIRE_API_API_VERSIONS, 0, 4, 0, BROKER_API_BROKER | BROKER_API_CONTROLLER,
     broker_api_api_versions},
    {WIRE_API_DESCRIBE_CLUSTER, 0, 2, 0, BROKER_API_CONTROLLER, park},
};
const size_t broker_api_count = ARRAY_COUNT(broker_apis);

const struct broker_api *broker_api_find(int16_t key)
{
    for (size_t i = 0; i < broker_api_count; i++) {
        if (broker_apis[i].key == key)
            return &broker_apis[i];
    }
    return NULL;
}

/* ---- Fixture ---- */

struct fixture {
    struct fake_env fake;
    struct env *envs[1];
    struct conf *conf;
    struct broker_node *node;
    struct broker_shard *shard;
    struct env_stream *stream;
};

static struct env_stream *client(struct fixture *f)
{
    struct env_stream *stream = fake_stream_new(&f->fake);
    assert_true(broker_admit(&f->fake.env, &f->node->listeners[0], "192.0.2.1:40000"));
    broker_conn_accept(f->shard, &f->node->listeners[0], stream);
    return stream;
}

static int setup(void **state)
{
    struct fixture *f = mem_zalloc(sizeof *f);
    parked_count = 0;
    cancelled_count = 0;
    fake_env_init(&f->fake);
    f->envs[0] = &f->fake.env;
    f->conf = conf_of((struct conf_pair[]){{"socket.request.max.bytes", "1000000"},
                                           {"queued.max.request.bytes", "3000000"}},
                      2);
    struct broker_node_options options = {
        .envs = f->envs, .env_count = 1, .conf = f->conf, .hostname = "here"};
    f->node = broker_node_new(&options);
    f->shard = broker_node_shard(f->node, 0);
    broker_shard_serve(f->shard);
    assert_false(f->node->listeners[0].controller);
    f->stream = client(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    broker_shard_close_conns(f->shard, NULL);
    broker_node_free(f->node);
    conf_free(f->conf);
    fake_env_deinit(&f->fake);
    mem_free(f);
    return 0;
}

/* ---- The client's side ---- */

static void frame(struct buf *out, int16_t key, int16_t version, int32_t id)
{
    const struct wire_api *api = wire_api_find(key);
    struct arena arena;
    arena_init(&arena, 1 << 20);
    void *message = arena_must_alloc(&arena, api->request->size);
    wire_default(api->request, message);
    if (key == WIRE_API_API_VERSIONS && version >= 3) {
        ((struct wire_api_versions_request *)message)->client_software_name = WIRE_STRING("x");
        ((struct wire_api_versions_request *)message)->client_software_version = WIRE_STRING("1");
    }
    assert_int_equal(
        wire_request_frame_encode(api, version, id, WIRE_STRING("test"), message, out, NULL),
        ERR_OK);
    arena_deinit(&arena);
}

static void send(struct env_stream *stream, int16_t key, int16_t version, int32_t id)
{
    struct buf out = BUF_EMPTY;
    frame(&out, key, version, id);
    fake_stream_give(stream, out.data, out.size);
    buf_deinit(&out);
}

/* A Produce request whose one batch has so many bytes, which nobody looks at. */
static void send_produce(struct env_stream *stream, int32_t id, size_t records)
{
    struct wire_produce_request message;
    struct wire_produce_request_topic_produce_data topic;
    struct wire_produce_request_partition_produce_data partition;
    wire_default(&wire_produce_request_schema, &message);
    wire_default(&wire_produce_request_topic_produce_data_schema, &topic);
    wire_default(&wire_produce_request_partition_produce_data_schema, &partition);
    uint8_t *data = mem_zalloc(records + 1);
    for (size_t i = 0; i < records; i++)
        data[i] = (uint8_t)(i * 7 + (size_t)id);
    partition.records = wire_bytes_of(data, records);
    topic.name = WIRE_STRING("t");
    topic.partition_data.items = &partition;
    topic.partition_data.count = 1;
    message.topic_data.items = &topic;
    message.topic_data.count = 1;
    struct buf out = BUF_EMPTY;
    assert_int_equal(wire_request_frame_encode(wire_api_find(WIRE_API_PRODUCE), 9, id,
                                               WIRE_NULL_STRING, &message, &out, NULL),
                     ERR_OK);
    fake_stream_give(stream, out.data, out.size);
    buf_deinit(&out);
    mem_free(data);
}

/* The correlation id of the next reply that came, or -1; its size. */
static int32_t reply(struct env_stream *stream, size_t *size)
{
    if (stream->out.size < 8)
        return -1;
    size_t bytes = load_be32(stream->out.data);
    if (stream->out.size < 4 + bytes)
        return -1;
    int32_t id = (int32_t)load_be32(stream->out.data + 4);
    memmove(stream->out.data, stream->out.data + 4 + bytes, stream->out.size - 4 - bytes);
    stream->out.size -= 4 + bytes;
    if (size != NULL)
        *size = bytes;
    return id;
}

static void answer(struct broker_request *request)
{
    const struct wire_api *api = wire_api_find(request->api->key);
    void *message = arena_must_alloc(&request->arena, api->response->size);
    wire_default(api->response, message);
    broker_request_complete(request, message);
}

/* ---- Tests ---- */

static void test_frames_in_any_pieces(void **state)
{
    struct fixture *f = *state;
    for (size_t piece = 1; piece < 120; piece++) {
        struct env_stream *stream = client(f);
        stream->read_max = piece;
        for (int16_t v = 0; v <= 4; v++)
            send(stream, WIRE_API_API_VERSIONS, v, 10 + v);
        fake_env_settle(&f->fake);
        for (int16_t v = 0; v <= 4; v++)
            assert_int_equal(reply(stream, NULL), 10 + v);
        assert_int_equal(stream->out.size, 0);
        assert_false(stream->closed);
    }
    assert_int_equal(f->shard->queued_bytes, 0);
}

static void test_replies_of_a_turn_leave_together(void **state)
{
    struct fixture *f = *state;
    for (int32_t i = 0; i < 20; i++)
        send(f->stream, WIRE_API_API_VERSIONS, 4, i);
    fake_env_settle(&f->fake);
    for (int32_t i = 0; i < 20; i++)
        assert_int_equal(reply(f->stream, NULL), i);
    assert_int_equal(f->stream->writes, 2); /* sixteen requests a turn */
}

static void test_order_of_overlapping_requests(void **state)
{
    struct fixture *f = *state;
    send(f->stream, WIRE_API_PRODUCE, 9, 1);
    send(f->stream, WIRE_API_PRODUCE, 9, 2);
    send(f->stream, WIRE_API_METADATA, 9, 3);
    send(f->stream, WIRE_API_PRODUCE, 9, 4);
    fake_env_settle(&f->fake);
    assert_int_equal(parked_count, 2);
    answer(parked[1]);
    fake_env_settle(&f->fake);
    assert_int_equal(f->stream->out.size, 0);
    assert_int_equal(parked_count, 2);
    answer(parked[0]);
    fake_env_settle(&f->fake);
    assert_int_equal(reply(f->stream, NULL), 1);
    assert_int_equal(reply(f->stream, NULL), 2);
    /* Metadata saw what was produced before it, and runs alone. */
    assert_int_equal(parked_count, 3);
    assert_int_equal(parked[2]->correlation_id, 3);
    answer(parked[2]);
    fake_env_settle(&f->fake);
    assert_int_equal(reply(f->stream, NULL), 3);
    assert_int_equal(parked_count, 4);
    answer(parked[3]);
    fake_env_settle(&f->fake);
    assert_int_equal(reply(f->stream, NULL), 4);
}

static void test_bad_frames_close(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *bytes;
        size_t size;
    } cases[] = {
        {"\xff\xff\xff\xff", 4},                                          /* a negative length */
        {"\x00\x0f\x42\x41", 4},                                          /* 1000001 */
        {"\x00\x00\x00\x00", 4},                                          /* nothing in it */
        {"\x00\x00\x00\x07\x00\x12\x00\x00\x00\x00\x00", 11},             /* a header too short */
        {"\x00\x00\x00\x0a\x7f\xff\x00\x00\x00\x00\x00\x01\xff\xff", 14}, /* no such API */
        {"\x00\x00\x00\x0a\x00\x03\x00\x63\x00\x00\x00\x01\xff\xff", 14}, /* no such version */
        {"\x00\x00\x00\x0a\x00\x03\xff\xff\x00\x00\x00\x01\xff\xff", 14}, /* version -1 */
        {"\x00\x00\x00\x0a\x00\x3c\x00\x00\x00\x00\x00\x01\xff\xff", 14}, /* not on this listener */
        {"\x00\x00\x00\x0a\x00\x03\x00\x01\x00\x00\x00\x01\xff\xff", 14}, /* a body too short */
        {"\x00\x00\x00\x0a\x00\x03\x00\x01\x00\x00\x00\x01\x7f\xff",
         14}, /* client id past the end */
        {"GET / HTTP/1.1\r\n", 16},
        {"SSH-2.0-OpenSSH", 15},
        {"\x16\x03\x01\x02\x00\x01\x00", 7},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct env_stream *stream = client(f);
        fake_stream_give(stream, cases[i].bytes, cases[i].size);
        fake_env_settle(&f->fake);
        assert_true(stream->closed);
        assert_int_equal(stream->out.size, 0);
    }
    assert_int_equal(f->shard->counters.frames_bad, ARRAY_COUNT(cases));
    assert_int_equal(f->shard->queued_bytes, 0);
}

/* What comes before it is answered, as in Apache Kafka, what comes after it is not. */
static void test_bad_frames_wait_their_turn(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *bytes;
        size_t size;
    } bad[] = {
        {"\xff\xff\xff\xff", 4},
        {"\x00\x00\x00\x0a\x7f\xff\x00\x00\x00\x00\x00\x01\xff\xff", 14}, /* no such API */
        {"\x00\x00\x00\x0a\x00\x03\x00\x01\x00\x00\x00\x01\xff\xff", 14}, /* a body too short */
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        parked_count = 0;
        struct env_stream *stream = client(f);
        send(stream, WIRE_API_API_VERSIONS, 4, 1);
        send(stream, WIRE_API_PRODUCE, 9, 2);
        send(stream, WIRE_API_PRODUCE, 9, 3);
        fake_stream_give(stream, bad[i].bytes, bad[i].size);
        send(stream, WIRE_API_METADATA, 9, 4);
        fake_env_settle(&f->fake);
        assert_int_equal(reply(stream, NULL), 1);
        assert_int_equal(parked_count, 2);
        answer(parked[1]);
        fake_env_settle(&f->fake);
        assert_false(stream->closed);
        answer(parked[0]);
        fake_env_settle(&f->fake);
        assert_int_equal(reply(stream, NULL), 2);
        assert_int_equal(reply(stream, NULL), 3);
        assert_int_equal(stream->out.size, 0);
        assert_true(stream->closed);
        assert_int_equal(parked_count, 2);
        assert_int_equal(cancelled_count, 0);
    }
    assert_int_equal(f->shard->queued_bytes, 0);
}

static void test_unknown_version_of_api_versions(void **state)
{
    struct fixture *f = *state;
    struct buf out = BUF_EMPTY;
    frame(&out, WIRE_API_API_VERSIONS, 4, 77);
    store_be16(out.data + 6, 99);
    fake_stream_give(f->stream, out.data, out.size);
    buf_deinit(&out);
    fake_env_settle(&f->fake);
    /* In version 0: correlation id, error 35, one API with its versions. */
    static const uint8_t expected[] = {0, 0, 0, 16, 0, 0,  0, 77, 0, 35,
                                       0, 0, 0, 1,  0, 18, 0, 0,  0, 4};
    assert_int_equal(f->stream->out.size, sizeof expected);
    assert_memory_equal(f->stream->out.data, expected, sizeof expected);
    assert_false(f->stream->closed);
}

static void test_software_names(void **state)
{
    struct fixture *f = *state;
    send(f->stream, WIRE_API_API_VERSIONS, 3, 1);
    fake_env_settle(&f->fake);
    struct broker_conn *conn = LIST_ENTRY(f->shard->conns.prev, struct broker_conn, node);
    assert_string_equal(conn->software_name, "x");
    assert_string_equal(conn->software_version, "1");
}

static void test_large_frames(void **state)
{
    struct fixture *f = *state;
    static const size_t sizes[] = {100, 16000, 17000, 65000, 66000, 300000, 900000, 20, 900000};
    for (size_t round = 0; round < 40; round++) {
        struct env_stream *stream = client(f);
        stream->read_max = round == 0 ? 0 : round * 997;
        size_t first = parked_count = 0;
        for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
            size_t size = sizes[(i + round) % ARRAY_COUNT(sizes)];
            send_produce(stream, (int32_t)i, size);
        }
        for (int turns = 0; parked_count < ARRAY_COUNT(sizes); turns++) {
            assert_true(turns < 100);
            fake_env_settle(&f->fake);
            for (; first < parked_count; first++) {
                const struct wire_produce_request *message = parked[first]->body;
                struct wire_bytes records =
                    message->topic_data.items[0].partition_data.items[0].records;
                assert_int_equal(records.size, sizes[(first + round) % ARRAY_COUNT(sizes)]);
                for (size_t b = 0; b < records.size; b++) {
                    if (records.data[b] != (uint8_t)(b * 7 + first))
                        fail_msg("byte %zu of frame %zu is wrong", b, first);
                }
                answer(parked[first]);
            }
        }
        fake_env_settle(&f->fake);
        for (size_t i = 0; i < ARRAY_COUNT(sizes); i++)
            assert_int_equal(reply(stream, NULL), i);
        stream->in_end = ERR_CLOSED;
        fake_env_settle(&f->fake);
        assert_true(stream->closed);
    }
    assert_int_equal(f->shard->queued_bytes, 0);
}

static void test_claims_cost_little(void **state)
{
    struct fixture *f = *state;
    size_t before = rcbuf_pool_used_bytes(f->shard->rcbufs);
    for (int i = 0; i < 20; i++) {
        struct env_stream *stream = client(f);
        fake_stream_give(stream, "\x00\x0f\x42\x40\x00", 5);
        fake_env_settle(&f->fake);
        assert_false(stream->closed);
    }
    assert_in_range(rcbuf_pool_used_bytes(f->shard->rcbufs), before, before + 20 * (128 << 10));
}

static void test_a_reader_that_never_reads(void **state)
{
    struct fixture *f = *state;
    f->stream->write_room = 10;
    for (int32_t i = 0; i < 1000; i++)
        send(f->stream, WIRE_API_API_VERSIONS, 4, i);
    fake_env_settle(&f->fake);
    assert_int_equal(f->stream->wanted & ENV_READABLE, 0);
    struct broker_conn *conn = LIST_ENTRY(f->shard->conns.prev, struct broker_conn, node);
    assert_int_equal(conn->request_count, 64);
    assert_in_range(f->shard->queued_bytes, 0, 1 << 20);
    for (int i = 0; i < 300; i++) {
        f->stream->write_room = 1000;
        fake_env_settle(&f->fake);
    }
    f->stream->write_room = SIZE_MAX;
    fake_env_settle(&f->fake);
    for (int32_t i = 0; i < 1000; i++)
        assert_int_equal(reply(f->stream, NULL), i);
}

static void test_too_much_is_queued(void **state)
{
    struct fixture *f = *state;
    /* 3 MB may be queued: the fourth connection's frame waits. */
    struct env_stream *streams[6];
    for (int i = 0; i < 6; i++) {
        streams[i] = client(f);
        send_produce(streams[i], i, 900000);
    }
    fake_env_settle(&f->fake);
    size_t running = parked_count;
    assert_in_range(running, 3, 5);
    assert_in_range(f->shard->queued_bytes, 2700000, 6000000);
    for (size_t i = 0; i < 6; i++) {
        assert_true(i < parked_count);
        answer(parked[i]);
        fake_env_settle(&f->fake);
    }
    for (int i = 0; i < 6; i++)
        assert_int_equal(reply(streams[i], NULL), i);
    assert_int_equal(f->shard->queued_bytes, 0);
}

static void test_connection_goes_while_requests_run(void **state)
{
    struct fixture *f = *state;
    send(f->stream, WIRE_API_PRODUCE, 9, 1);
    send(f->stream, WIRE_API_PRODUCE, 9, 2);
    send(f->stream, WIRE_API_METADATA, 9, 3);
    fake_env_settle(&f->fake);
    assert_int_equal(parked_count, 2);
    answer(parked[0]);
    fake_env_settle(&f->fake);
    f->stream->in_end = ERR_RESET;
    fake_env_settle(&f->fake);
    assert_true(f->stream->closed);
    assert_int_equal(cancelled_count, 1);
    assert_null(parked[1]->conn);
    assert_int_equal(f->shard->conn_count, 0);
    answer(parked[1]);
    assert_true(list_empty(&f->shard->orphans));
    assert_int_equal(f->shard->queued_bytes, 0);
}

/* Bytes that only requests without a connection hold: their end lets the others be read. */
static void test_orphans_free_the_starved(void **state)
{
    struct fixture *f = *state;
    for (int32_t i = 0; i < 5; i++)
        send_produce(f->stream, i, 900000);
    for (int turns = 0; turns < 100; turns++)
        fake_env_settle(&f->fake);
    size_t count = parked_count;
    assert_true(f->shard->queued_bytes >= f->shard->limits.queued_bytes);
    struct env_stream *other = client(f);
    f->stream->in_end = ERR_RESET;
    fake_env_settle(&f->fake);
    send(other, WIRE_API_API_VERSIONS, 4, 7);
    fake_env_settle(&f->fake);
    if (!f->stream->closed) /* it is not read either, so it learns of its end by a write */
        broker_conn_close(LIST_ENTRY(f->shard->conns.next, struct broker_conn, node), NULL);
    fake_env_settle(&f->fake);
    assert_int_equal(reply(other, NULL), -1);
    for (size_t i = 0; i < count; i++)
        answer(parked[i]);
    assert_true(list_empty(&f->shard->orphans));
    fake_env_settle(&f->fake);
    assert_int_equal(reply(other, NULL), 7);
}

static void test_producer_hangs_up(void **state)
{
    struct fixture *f = *state;
    send(f->stream, WIRE_API_PRODUCE, 9, 1);
    send(f->stream, WIRE_API_PRODUCE, 9, 2);
    f->stream->in_end = ERR_CLOSED;
    fake_env_settle(&f->fake);
    assert_int_equal(parked_count, 2);
    assert_false(f->stream->closed);
    answer(parked[0]);
    broker_request_complete_silent(parked[1]);
    fake_env_settle(&f->fake);
    assert_int_equal(reply(f->stream, NULL), 1);
    assert_true(f->stream->closed);
    assert_int_equal(cancelled_count, 0);
}

/* A client that has sent its end may still be reading: `echo request | nc`. */
static void test_half_closed_client_is_answered(void **state)
{
    struct fixture *f = *state;
    send(f->stream, WIRE_API_FETCH, 9, 1);
    send(f->stream, WIRE_API_METADATA, 9, 2);
    f->stream->in_end = ERR_CLOSED;
    fake_env_settle(&f->fake);
    assert_int_equal(parked_count, 1);
    assert_false(f->stream->closed);
    answer(parked[0]);
    fake_env_settle(&f->fake);
    assert_int_equal(parked_count, 2);
    answer(parked[1]);
    fake_env_settle(&f->fake);
    assert_int_equal(reply(f->stream, NULL), 1);
    assert_int_equal(reply(f->stream, NULL), 2);
    assert_true(f->stream->closed);
    assert_int_equal(cancelled_count, 0);
}

static void test_abort_waits_its_turn(void **state)
{
    struct fixture *f = *state;
    send(f->stream, WIRE_API_PRODUCE, 9, 1);
    send(f->stream, WIRE_API_PRODUCE, 9, 2);
    send(f->stream, WIRE_API_PRODUCE, 9, 3);
    fake_env_settle(&f->fake);
    broker_request_abort(parked[1], "the test wants it");
    fake_env_settle(&f->fake);
    assert_false(f->stream->closed);
    answer(parked[0]);
    fake_env_settle(&f->fake);
    assert_int_equal(reply(f->stream, NULL), 1);
    assert_int_equal(f->stream->out.size, 0);
    assert_true(f->stream->closed);
    answer(parked[2]);
}

static void test_silent_between_replies(void **state)
{
    struct fixture *f = *state;
    for (int32_t i = 0; i < 5; i++)
        send(f->stream, WIRE_API_PRODUCE, 9, i);
    fake_env_settle(&f->fake);
    for (size_t i = 0; i < 5; i++) {
        if (i % 2 == 0)
            broker_request_complete_silent(parked[i]);
        else
            answer(parked[i]);
    }
    fake_env_settle(&f->fake);
    assert_int_equal(reply(f->stream, NULL), 1);
    assert_int_equal(reply(f->stream, NULL), 3);
    assert_int_equal(f->stream->out.size, 0);
    assert_int_equal(f->shard->request_pool_count, 5);
}

/* Records are sent from where they are, however little the stream takes at a time. */
static void test_gathered_replies(void **state)
{
    struct fixture *f = *state;
    for (size_t room = 1; room < 60000; room = room * 3 + 1) {
        parked_count = 0;
        for (int32_t i = 0; i < 3; i++)
            send(f->stream, WIRE_API_FETCH, 12, i);
        fake_env_settle(&f->fake);
        struct buf expected = BUF_EMPTY;
        size_t used = rcbuf_pool_used_bytes(f->shard->rcbufs);
        f->stream->write_room = 0;
        for (size_t r = 0; r < 3; r++) {
            assert_int_equal(parked_count, r + 1);
            struct broker_request *request = parked[r];
            struct wire_fetch_response *message = BROKER_REPLY(request, fetch_response);
            message->responses.items =
                BROKER_REPLY_ARRAY(request, fetch_response_fetchable_topic_response, 1);
            message->responses.count = 1;
            struct wire_fetch_response_fetchable_topic_response *topic =
                &message->responses.items[0];
            topic->topic = WIRE_STRING("t");
            topic->partitions.items =
                BROKER_REPLY_ARRAY(request, fetch_response_partition_data, 200);
            topic->partitions.count = 200;
            for (int32_t p = 0; p < 200; p++) {
                struct rcbuf *records = rcbuf_new(f->shard->rcbufs, 1500);
                memset(records->data, (int)(p + (int32_t)r), 1500);
                topic->partitions.items[p].partition_index = p;
                topic->partitions.items[p].records = wire_bytes_of(records->data, 1500);
                broker_request_hold(request, records);
            }
            assert_int_equal(wire_response_frame_encode(wire_api_find(WIRE_API_FETCH), 12,
                                                        (int32_t)r, message, &expected, NULL),
                             ERR_OK);
            broker_request_complete(request, message);
            fake_env_settle(&f->fake);
        }
        f->stream->out.size = 0;
        size_t turns = 0;
        while (f->stream->out.size < expected.size && turns++ < 2000000) {
            f->stream->write_room = room;
            fake_env_turn(&f->fake);
        }
        assert_int_equal(f->stream->out.size, expected.size);
        assert_memory_equal(f->stream->out.data, expected.data, expected.size);
        buf_deinit(&expected);
        f->stream->out.size = 0;
        f->stream->write_room = SIZE_MAX;
        fake_env_settle(&f->fake);
        assert_int_equal(rcbuf_pool_used_bytes(f->shard->rcbufs), used);
    }
}

static void test_idle_connections(void **state)
{
    struct fixture *f = *state;
    broker_shard_start(f->shard);
    struct env_stream *busy = client(f);
    for (int i = 0; i < 700; i++) {
        fake_env_pass_ms(&f->fake, 1000);
        send(busy, WIRE_API_API_VERSIONS, 0, i);
        fake_env_settle(&f->fake);
        if (i < 598)
            assert_false(f->stream->closed);
    }
    assert_true(f->stream->closed);
    assert_false(busy->closed);
}

/* Negative is for ever, as is what does not fit into nanoseconds. */
static void test_idle_limits(void **state)
{
    UNUSED(state);
    static const struct {
        const char *text;
        uint64_t ms;
    } cases[] = {
        {"-1", UINT64_MAX / 2000000}, {"18446744073710", UINT64_MAX / 2000000}, {"600000", 600000}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct conf *conf =
            conf_of((struct conf_pair[]){{"connections.max.idle.ms", cases[i].text}}, 1);
        struct broker_limits limits;
        broker_settings_limits(conf, 1, &limits);
        assert_true(limits.idle_ms_max == cases[i].ms);
        conf_free(conf);
    }
}

/* A producer of half a frame that does not go on holds up others for a second at most. */
static void test_half_frames_under_pressure(void **state)
{
    struct fixture *f = *state;
    struct env_stream *halves[4];
    for (int i = 0; i < 4; i++) {
        halves[i] = client(f);
        /* One whole frame first, so that the next may claim as much at once. */
        parked_count = 0;
        send_produce(halves[i], 1, 900000);
        for (int turns = 0; turns < 20; turns++)
            fake_env_settle(&f->fake);
        for (size_t p = 0; p < parked_count; p++)
            answer(parked[p]);
        fake_env_settle(&f->fake);
        fake_stream_give(halves[i], "\x00\x0d\xbb\xa0\x00\x00", 6); /* 900000 to come */
        fake_env_settle(&f->fake);
    }
    parked_count = 0;
    assert_true(f->shard->queued_bytes >= f->shard->limits.queued_bytes);
    struct env_stream *other = client(f);
    send(other, WIRE_API_API_VERSIONS, 4, 7);
    fake_env_settle(&f->fake);
    assert_int_equal(reply(other, NULL), -1);
    fake_env_pass_ms(&f->fake, 1000);
    assert_int_equal(reply(other, NULL), 7);
    assert_in_range(f->shard->counters.connections_stalled, 1, 4);
    assert_false(other->closed);
    size_t closed = 0;
    for (int i = 0; i < 4; i++)
        closed += halves[i]->closed;
    assert_int_equal(closed, f->shard->counters.connections_stalled);
    /* Nobody waits any more: the others may be as slow as they like. */
    fake_env_pass_ms(&f->fake, 100000);
    assert_int_equal(closed, f->shard->counters.connections_stalled);
}

/* A reply of so many bytes, as a Fetch makes it. */
static void answer_large(struct fixture *f, struct broker_request *request, size_t bytes)
{
    struct rcbuf *records = rcbuf_new(f->shard->rcbufs, bytes);
    broker_request_charge_reply(request, records->capacity);
    memset(records->data, 7, bytes);
    struct wire_fetch_response *message = BROKER_REPLY(request, fetch_response);
    message->responses.items =
        BROKER_REPLY_ARRAY(request, fetch_response_fetchable_topic_response, 1);
    message->responses.count = 1;
    message->responses.items[0].topic = WIRE_STRING("t");
    message->responses.items[0].partitions.items =
        BROKER_REPLY_ARRAY(request, fetch_response_partition_data, 1);
    message->responses.items[0].partitions.count = 1;
    message->responses.items[0].partitions.items[0].records = wire_bytes_of(records->data, bytes);
    broker_request_hold(request, records);
    broker_request_complete(request, message);
}

static void test_readers_that_do_not_read_under_pressure(void **state)
{
    struct fixture *f = *state;
    f->shard->limits.reply_bytes = 4 << 20;
    size_t room = broker_shard_reply_room(f->shard);
    assert_int_equal(room, 1 << 20);
    struct env_stream *deaf[6];
    for (int i = 0; i < 6; i++) {
        deaf[i] = client(f);
        deaf[i]->write_room = 100;
        send(deaf[i], WIRE_API_FETCH, 12, i);
        fake_env_settle(&f->fake);
    }
    assert_int_equal(parked_count, 6);
    for (int i = 0; i < 6; i++)
        answer_large(f, parked[i], 1 << 20);
    fake_env_settle(&f->fake);
    assert_true(f->shard->reply_bytes >= f->shard->limits.reply_bytes);
    assert_int_equal(broker_shard_reply_room(f->shard), 64 << 10);
    /* Producers go on; others wait, a second at most. */
    parked_count = 0;
    struct env_stream *producer = client(f);
    struct env_stream *consumer = client(f);
    send(producer, WIRE_API_PRODUCE, 9, 1);
    send(consumer, WIRE_API_FETCH, 12, 2);
    fake_env_settle(&f->fake);
    assert_int_equal(parked_count, 1);
    answer(parked[0]);
    fake_env_settle(&f->fake);
    assert_int_equal(reply(producer, NULL), 1);
    deaf[5]->write_room = 100; /* reads a little, and is spared */
    fake_env_pass_ms(&f->fake, 999);
    assert_int_equal(parked_count, 1);
    fake_env_pass_ms(&f->fake, 1);
    assert_int_equal(parked_count, 2);
    answer(parked[1]);
    fake_env_settle(&f->fake);
    assert_int_equal(reply(consumer, NULL), 2);
    assert_true(f->shard->reply_bytes < f->shard->limits.reply_bytes);
    assert_true(deaf[0]->closed && deaf[1]->closed);
    assert_false(deaf[5]->closed);
    assert_int_equal(f->shard->counters.connections_stalled, 5);
}

/* What a reply waits with is the reply. */
static void test_waiting_replies_are_slim(void **state)
{
    struct fixture *f = *state;
    f->stream->write_room = 10;
    send(f->stream, WIRE_API_METADATA, 9, 1);
    fake_env_settle(&f->fake);
    (void)arena_must_alloc(&parked[0]->arena, 3 << 20);
    answer(parked[0]);
    fake_env_settle(&f->fake);
    assert_in_range(parked[0]->arena.used_bytes, 0, 1 << 20);
    assert_in_range(f->shard->queued_bytes, 0, 1 << 20);
    f->stream->write_room = SIZE_MAX;
    fake_env_settle(&f->fake);
    assert_int_equal(reply(f->stream, NULL), 1);
}

/* One connection's many requests leave the others their turns. */
static void test_turns(void **state)
{
    struct fixture *f = *state;
    struct env_stream *greedy = client(f);
    struct env_stream *modest = client(f);
    for (int32_t i = 0; i < 60; i++)
        send(greedy, WIRE_API_API_VERSIONS, 4, i);
    send(modest, WIRE_API_API_VERSIONS, 4, 1);
    fake_env_turn(&f->fake);
    size_t size;
    assert_int_equal(reply(modest, &size), 1);
    assert_int_equal(greedy->out.size, 16 * (size + 4));
    fake_env_settle(&f->fake);
    for (int32_t i = 0; i < 60; i++)
        assert_int_equal(reply(greedy, NULL), i);
}

static void test_drain(void **state)
{
    struct fixture *f = *state;
    struct env_stream *idle = client(f);
    struct env_stream *waiting = client(f);
    send(f->stream, WIRE_API_PRODUCE, 9, 1);
    send(waiting, WIRE_API_FETCH, 9, 2);
    fake_env_settle(&f->fake);
    assert_int_equal(parked_count, 2);
    broker_shard_drain(f->shard);
    assert_true(idle->closed);
    assert_true(waiting->closed);
    assert_false(f->stream->closed);
    struct env_stream *late = client(f);
    assert_true(late->closed);
    answer(parked[0]);
    fake_env_settle(&f->fake);
    assert_int_equal(reply(f->stream, NULL), 1);
    assert_true(f->stream->closed);
    answer(parked[1]);
    assert_int_equal(f->shard->conn_count, 0);
}

static void test_before_it_serves(void **state)
{
    struct fixture *f = *state;
    f->shard->serving = false;
    struct env_stream *early = client(f);
    send(early, WIRE_API_API_VERSIONS, 0, 5);
    fake_env_settle(&f->fake);
    assert_int_equal(early->out.size, 0);
    broker_shard_serve(f->shard);
    fake_env_settle(&f->fake);
    assert_int_equal(reply(early, NULL), 5);
}

/* Frames with a few bytes changed, in pieces, from many connections; requests answered at random.
 */
static void test_garbage(void **state)
{
    struct fixture *f = *state;
    struct prng prng;
    prng_init(&prng, 7);
    static const int16_t keys[] = {WIRE_API_PRODUCE, WIRE_API_FETCH, WIRE_API_METADATA,
                                   WIRE_API_API_VERSIONS};
    for (int round = 0; round < 3000; round++) {
        struct env_stream *stream = client(f);
        stream->read_max = prng_below(&prng, 100);
        stream->write_room = prng_chance(&prng, 1, 4) ? prng_below(&prng, 500) : SIZE_MAX;
        struct buf out = BUF_EMPTY;
        for (uint64_t n = prng_below(&prng, 5); n > 0; n--) {
            const struct broker_api *api = broker_api_find(keys[prng_below(&prng, 4)]);
            int16_t version = (int16_t)prng_range(&prng, api->version_min, api->version_max);
            frame(&out, api->key, version, 1);
        }
        for (uint64_t n = prng_below(&prng, 6); n > 0 && out.size > 0; n--)
            out.data[prng_below(&prng, out.size)] = (uint8_t)prng_u64(&prng);
        fake_stream_give(stream, out.data, out.size);
        buf_deinit(&out);
        fake_env_settle(&f->fake);
        if (prng_chance(&prng, 1, 2) && !stream->closed) {
            stream->in_end = ERR_CLOSED;
            fake_env_settle(&f->fake);
        }
        while (parked_count > 0) {
            size_t at = prng_below(&prng, parked_count);
            struct broker_request *request = parked[at];
            parked[at] = parked[--parked_count];
            answer(request);
            fake_env_settle(&f->fake);
        }
        if (!stream->closed) {
            stream->out_err = ERR_RESET;
            stream->in_end = ERR_RESET;
            fake_env_settle(&f->fake);
        }
        broker_shard_close_conns(f->shard, NULL);
        assert_int_equal(f->shard->queued_bytes, 0);
        assert_true(list_empty(&f->shard->orphans));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_frames_in_any_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(test_replies_of_a_turn_leave_together, setup, teardown),
        cmocka_unit_test_setup_teardown(test_order_of_overlapping_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_frames_close, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_frames_wait_their_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown_version_of_api_versions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_software_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large_frames, setup, teardown),
        cmocka_unit_test_setup_teardown(test_claims_cost_little, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_reader_that_never_reads, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_much_is_queued, setup, teardown),
        cmocka_unit_test_setup_teardown(test_connection_goes_while_requests_run, setup, teardown),
        cmocka_unit_test_setup_teardown(test_orphans_free_the_starved, setup, teardown),
        cmocka_unit_test_setup_teardown(test_producer_hangs_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_half_closed_client_is_answered, setup, teardown),
        cmocka_unit_test_setup_teardown(test_abort_waits_its_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(test_silent_between_replies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gathered_replies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_idle_connections, setup, teardown),
        cmocka_unit_test(test_idle_limits),
        cmocka_unit_test_setup_teardown(test_half_frames_under_pressure, setup, teardown),
        cmocka_unit_test_setup_teardown(test_readers_that_do_not_read_under_pressure, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_waiting_replies_are_slim, setup, teardown),
        cmocka_unit_test_setup_teardown(test_turns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_drain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_before_it_serves, setup, teardown),
        cmocka_unit_test_setup_teardown(test_garbage, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
