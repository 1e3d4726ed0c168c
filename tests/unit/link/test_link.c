/* A link against a node that the test plays: negotiation, order, timeouts, reconnecting, garbage.
 */
#include "../fake_env.h"
#include "../unit.h"
#include "base/bytes.h"
#include "base/prng.h"
#include "link/link.h"
#include "wire/api.h"
#include "wire/errors.h"
#include "wire/messages.h"
#include "wire/schema.h"

struct asked {
    struct link_request request;
    int calls;
    enum err err;
    int16_t version;
    int32_t node_id;
    bool free_link;
};

struct fixture {
    struct fake_env fake;
    struct rcbuf_pool *pool;
    struct link *link;
    enum link_state states[64];
    size_t state_count;
    enum err why;
};

static void on_state(void *context, struct link *link, enum link_state state, enum err why)
{
    UNUSED(link);
    struct fixture *f = context;
    if (f->state_count < 64)
        f->states[f->state_count++] = state;
    if (state == LINK_STATE_WAITING)
        f->why = why;
}

static void on_done(struct link *link, struct link_request *request,
                    const struct link_response *response)
{
    struct asked *asked = CONTAINER_OF(request, struct asked, request);
    asked->calls++;
    asked->err = response->err;
    asked->version = response->version;
    if (response->err == ERR_OK && response->message != NULL && request->key == WIRE_API_METADATA) {
        const struct wire_metadata_response *message = response->message;
        asked->node_id = message->controller_id;
    }
    if (asked->free_link)
        link_free(link);
}

static int setup(void **state)
{
    struct fixture *f = mem_zalloc(sizeof *f);
    fake_env_init(&f->fake);
    f->pool = rcbuf_pool_new(1 << 20);
    struct link_options options = {
        .host = "node",
        .port = 9092,
        .client_id = "me",
        .pool = f->pool,
        .context = f,
        .on_state = on_state,
        .response_bytes_max = 4 << 20,
    };
    f->link = link_new(&f->fake.env, &options);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    link_free(f->link);
    fake_env_deinit(&f->fake);
    assert_int_equal(rcbuf_pool_used_bytes(f->pool), 0);
    rcbuf_pool_free(f->pool);
    mem_free(f);
    return 0;
}

/* What the node has read: takes one request off the stream's output. */
static bool node_takes(struct env_stream *stream, int16_t *key, int16_t *version, int32_t *id)
{
    if (stream->out.size < 4)
        return false;
    size_t size = load_be32(stream->out.data);
    if (stream->out.size < 4 + size)
        return false;
    *key = (int16_t)load_be16(stream->out.data + 4);
    *version = (int16_t)load_be16(stream->out.data + 6);
    *id = (int32_t)load_be32(stream->out.data + 8);
    memmove(stream->out.data, stream->out.data + 4 + size, stream->out.size - 4 - size);
    stream->out.size -= 4 + size;
    return true;
}

static void node_says(struct env_stream *stream, int16_t key, int16_t version, int32_t id,
                      const void *message)
{
    struct buf out = BUF_EMPTY;
    assert_int_equal(
        wire_response_frame_encode(wire_api_find(key), version, id, message, &out, NULL), ERR_OK);
    fake_stream_give(stream, out.data, out.size);
    buf_deinit(&out);
}

static void node_says_versions(struct env_stream *stream, int32_t id, int16_t version,
                               int16_t error, int16_t metadata_max)
{
    struct wire_api_versions_response message;
    wire_default(&wire_api_versions_response_schema, &message);
    struct wire_api_versions_response_api_version keys[3];
    for (int i = 0; i < 3; i++)
        wire_default(&wire_api_versions_response_api_version_schema, &keys[i]);
    keys[0].api_key = WIRE_API_METADATA;
    keys[0].min_version = 1;
    keys[0].max_version = metadata_max;
    keys[1].api_key = WIRE_API_API_VERSIONS;
    keys[1].max_version = 2;
    keys[2].api_key = 9000; /* newer than anything we know */
    keys[2].max_version = 1;
    message.error_code = error;
    message.api_keys.items = keys;
    message.api_keys.count = 3;
    node_says(stream, WIRE_API_API_VERSIONS, version, id, &message);
}

static struct env_stream *become_ready(struct fixture *f)
{
    link_open(f->link);
    fake_env_settle(&f->fake);
    struct env_stream *stream = f->fake.connected;
    assert_non_null(stream);
    stream->status = ERR_OK;
    fake_env_settle(&f->fake);
    int16_t key, version;
    int32_t id;
    assert_true(node_takes(stream, &key, &version, &id));
    assert_int_equal(key, WIRE_API_API_VERSIONS);
    node_says_versions(stream, id, version, WIRE_ERROR_NONE, 100);
    fake_env_settle(&f->fake);
    assert_int_equal(link_state(f->link), LINK_STATE_READY);
    return stream;
}

static void ask(struct fixture *f, struct asked *asked, uint32_t timeout_ms)
{
    struct wire_metadata_request message;
    wire_default(&wire_metadata_request_schema, &message);
    asked->request.done = on_done;
    assert_int_equal(
        link_send(f->link, &asked->request, WIRE_API_METADATA, INT16_MAX, &message, timeout_ms),
        ERR_OK);
}

static void answer(struct env_stream *stream, int32_t node_id)
{
    int16_t key, version;
    int32_t id;
    assert_true(node_takes(stream, &key, &version, &id));
    assert_int_equal(key, WIRE_API_METADATA);
    struct wire_metadata_response message;
    wire_default(&wire_metadata_response_schema, &message);
    message.controller_id = node_id;
    node_says(stream, key, version, id, &message);
}

static void test_negotiates(void **state)
{
    struct fixture *f = *state;
    int16_t version = -1;
    assert_int_equal(link_version(f->link, WIRE_API_METADATA, &version), ERR_AGAIN);
    become_ready(f);
    assert_int_equal(link_version(f->link, WIRE_API_METADATA, &version), ERR_OK);
    assert_int_equal(version, wire_api_find(WIRE_API_METADATA)->version_max);
    assert_int_equal(link_version(f->link, WIRE_API_PRODUCE, &version), ERR_VERSION);
    assert_int_equal(f->states[0], LINK_STATE_CONNECTING);
    assert_int_equal(f->states[1], LINK_STATE_NEGOTIATING);
    assert_int_equal(f->states[2], LINK_STATE_READY);
}

static void test_comes_down_to_an_old_node(void **state)
{
    struct fixture *f = *state;
    link_open(f->link);
    fake_env_settle(&f->fake);
    struct env_stream *stream = f->fake.connected;
    stream->status = ERR_OK;
    fake_env_settle(&f->fake);
    int16_t key, version;
    int32_t id;
    assert_true(node_takes(stream, &key, &version, &id));
    node_says_versions(stream, id, 0, WIRE_ERROR_UNSUPPORTED_VERSION, 5);
    fake_env_settle(&f->fake);
    assert_true(node_takes(stream, &key, &version, &id));
    assert_int_equal(key, WIRE_API_API_VERSIONS);
    assert_int_equal(version, 2);
    node_says_versions(stream, id, 2, WIRE_ERROR_NONE, 5);
    fake_env_settle(&f->fake);
    assert_int_equal(link_state(f->link), LINK_STATE_READY);
    assert_int_equal(link_version(f->link, WIRE_API_METADATA, &version), ERR_OK);
    assert_int_equal(version, 5);
}

static void test_answers_in_order_in_one_write(void **state)
{
    struct fixture *f = *state;
    struct env_stream *stream = become_ready(f);
    struct asked asked[5] = {0};
    unsigned writes = stream->writes;
    for (int i = 0; i < 5; i++)
        ask(f, &asked[i], 0);
    assert_int_equal(link_in_flight(f->link), 5);
    fake_env_settle(&f->fake);
    assert_int_equal(stream->writes, writes + 1);
    stream->read_max = 3;
    for (int i = 0; i < 5; i++)
        answer(stream, 100 + i);
    fake_env_settle(&f->fake);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(asked[i].calls, 1);
        assert_int_equal(asked[i].err, ERR_OK);
        assert_int_equal(asked[i].node_id, 100 + i);
    }
    assert_int_equal(link_in_flight(f->link), 0);
    /* Nothing in flight: no deadline. */
    fake_env_pass_ms(&f->fake, 3600 * 1000);
    assert_int_equal(link_state(f->link), LINK_STATE_READY);
}

static void test_slow_writes(void **state)
{
    struct fixture *f = *state;
    struct env_stream *stream = become_ready(f);
    struct asked asked[2] = {0};
    stream->write_room = 5;
    ask(f, &asked[0], 0);
    fake_env_settle(&f->fake);
    ask(f, &asked[1], 0);
    for (int i = 0; i < 100; i++) {
        stream->write_room = 1;
        fake_env_settle(&f->fake);
    }
    stream->write_room = SIZE_MAX;
    fake_env_settle(&f->fake);
    answer(stream, 1);
    answer(stream, 2);
    fake_env_settle(&f->fake);
    assert_int_equal(asked[0].node_id, 1);
    assert_int_equal(asked[1].node_id, 2);
}

static void test_timeout_breaks_the_connection(void **state)
{
    struct fixture *f = *state;
    struct env_stream *stream = become_ready(f);
    struct asked asked[2] = {0};
    ask(f, &asked[0], 5000);
    ask(f, &asked[1], 1000);
    fake_env_settle(&f->fake);
    fake_env_pass_ms(&f->fake, 999);
    assert_int_equal(asked[1].calls, 0);
    fake_env_pass_ms(&f->fake, 2);
    assert_int_equal(asked[0].calls, 1);
    assert_int_equal(asked[1].calls, 1);
    assert_int_equal(asked[0].err, ERR_TIMEOUT);
    assert_true(stream->closed);
    assert_int_equal(link_state(f->link), LINK_STATE_WAITING);
}

static void test_comes_back_with_growing_pauses(void **state)
{
    struct fixture *f = *state;
    link_open(f->link);
    fake_env_settle(&f->fake);
    uint64_t last_ns = f->fake.now_ns;
    uint64_t pauses_ms[8];
    for (int i = 0; i < 8; i++) {
        f->fake.connected->status = ERR_RESET;
        fake_env_settle(&f->fake);
        unsigned connects = f->fake.connects;
        while (f->fake.connects == connects)
            fake_env_pass_ms(&f->fake, 1);
        pauses_ms[i] = (f->fake.now_ns - last_ns) / 1000000;
        last_ns = f->fake.now_ns;
    }
    assert_in_range(pauses_ms[0], 40, 61);
    assert_in_range(pauses_ms[2], 160, 241);
    assert_in_range(pauses_ms[7], 800, 1201);
    /* A success makes it quick again. */
    struct env_stream *stream = f->fake.connected;
    stream->status = ERR_OK;
    fake_env_settle(&f->fake);
    int16_t key, version;
    int32_t id;
    assert_true(node_takes(stream, &key, &version, &id));
    node_says_versions(stream, id, version, WIRE_ERROR_NONE, 5);
    fake_env_settle(&f->fake);
    stream->in_end = ERR_CLOSED;
    fake_env_settle(&f->fake);
    assert_int_equal(f->why, ERR_CLOSED);
    fake_env_pass_ms(&f->fake, 61);
    assert_int_equal(link_state(f->link), LINK_STATE_CONNECTING);
}

static void test_connect_timeout(void **state)
{
    struct fixture *f = *state;
    link_open(f->link);
    fake_env_settle(&f->fake);
    fake_env_pass_ms(&f->fake, 9999);
    assert_int_equal(link_state(f->link), LINK_STATE_CONNECTING);
    fake_env_pass_ms(&f->fake, 2);
    assert_int_equal(f->why, ERR_TIMEOUT);
}

static void test_wrong_correlation_id(void **state)
{
    struct fixture *f = *state;
    struct env_stream *stream = become_ready(f);
    struct asked asked = {0};
    ask(f, &asked, 0);
    fake_env_settle(&f->fake);
    struct wire_metadata_response message;
    wire_default(&wire_metadata_response_schema, &message);
    node_says(stream, WIRE_API_METADATA, asked.request.version, asked.request.correlation_id + 1,
              &message);
    fake_env_settle(&f->fake);
    assert_int_equal(asked.err, ERR_CORRUPT);
    assert_int_equal(asked.calls, 1);
}

static void test_too_large_a_response(void **state)
{
    struct fixture *f = *state;
    struct env_stream *stream = become_ready(f);
    struct asked asked = {0};
    ask(f, &asked, 0);
    fake_env_settle(&f->fake);
    uint8_t head[4];
    store_be32(head, (4 << 20) + 1);
    fake_stream_give(stream, head, sizeof head);
    fake_env_settle(&f->fake);
    assert_int_equal(asked.err, ERR_LIMIT);
    assert_true(stream->closed);
}

static void test_claims_cost_little(void **state)
{
    struct fixture *f = *state;
    struct env_stream *stream = become_ready(f);
    struct asked asked = {0};
    ask(f, &asked, 0);
    fake_env_settle(&f->fake);
    uint8_t head[4];
    store_be32(head, 4 << 20);
    fake_stream_give(stream, head, sizeof head);
    fake_env_settle(&f->fake);
    assert_in_range(rcbuf_pool_used_bytes(f->pool), 1, 2 << 20);
    link_close(f->link);
    assert_int_equal(asked.err, ERR_CLOSED);
    assert_int_equal(rcbuf_pool_used_bytes(f->pool), 0);
}

static void test_free_inside_a_callback(void **state)
{
    struct fixture *f = *state;
    struct env_stream *stream = become_ready(f);
    struct asked asked[3] = {0};
    asked[1].free_link = true;
    for (int i = 0; i < 3; i++)
        ask(f, &asked[i], 0);
    fake_env_settle(&f->fake);
    for (int i = 0; i < 3; i++)
        answer(stream, i);
    fake_env_settle(&f->fake);
    assert_int_equal(asked[0].calls, 1);
    assert_int_equal(asked[1].calls, 1);
    assert_int_equal(asked[2].calls, 0);
    f->link = NULL;
}

static void test_free_while_requests_are_dropped(void **state)
{
    struct fixture *f = *state;
    struct env_stream *stream = become_ready(f);
    struct asked asked[3] = {0};
    asked[0].free_link = true;
    for (int i = 0; i < 3; i++)
        ask(f, &asked[i], 0);
    fake_env_settle(&f->fake);
    stream->in_end = ERR_RESET;
    fake_env_settle(&f->fake);
    assert_int_equal(asked[0].calls, 1);
    assert_int_equal(asked[0].err, ERR_RESET);
    assert_int_equal(asked[1].calls, 0);
    f->link = NULL;
}

static void test_silent_requests(void **state)
{
    struct fixture *f = *state;
    struct env_stream *stream = become_ready(f);
    struct asked asked = {.request.silent = true};
    ask(f, &asked, 0);
    assert_int_equal(asked.calls, 0);
    fake_env_settle(&f->fake);
    assert_int_equal(asked.calls, 1);
    assert_int_equal(asked.err, ERR_OK);
    assert_int_equal(link_in_flight(f->link), 0);
    assert_true(stream->out.size > 0);
}

/* Whatever a node sends, every request ends once and nothing is lost. */
static void test_garbage(void **state)
{
    struct fixture *f = *state;
    struct prng prng;
    prng_init(&prng, 42);
    for (int round = 0; round < 500; round++) {
        struct env_stream *stream = become_ready(f);
        struct asked asked[3] = {0};
        for (int i = 0; i < 3; i++)
            ask(f, &asked[i], 0);
        fake_env_settle(&f->fake);
        struct buf good = BUF_EMPTY;
        size_t from = stream->in.size;
        for (int i = 0; i < 3; i++)
            answer(stream, i);
        buf_put(&good, stream->in.data + from, stream->in.size - from);
        stream->in.size = from;
        uint64_t flips = prng_below(&prng, 8);
        for (uint64_t i = 0; i < flips; i++)
            good.data[prng_below(&prng, good.size)] = (uint8_t)prng_u64(&prng);
        stream->read_max = prng_below(&prng, 50);
        fake_stream_give(stream, good.data, prng_below(&prng, good.size + 1));
        buf_deinit(&good);
        fake_env_settle(&f->fake);
        stream->in_end = ERR_CLOSED;
        fake_env_settle(&f->fake);
        link_close(f->link);
        for (int i = 0; i < 3; i++)
            assert_int_equal(asked[i].calls, 1);
        assert_int_equal(rcbuf_pool_used_bytes(f->pool), 0);
        f->state_count = 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_negotiates, setup, teardown),
        cmocka_unit_test_setup_teardown(test_comes_down_to_an_old_node, setup, teardown),
        cmocka_unit_test_setup_teardown(test_answers_in_order_in_one_write, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slow_writes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_timeout_breaks_the_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(test_comes_back_with_growing_pauses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_connect_timeout, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_correlation_id, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_large_a_response, setup, teardown),
        cmocka_unit_test_setup_teardown(test_claims_cost_little, setup, teardown),
        cmocka_unit_test_setup_teardown(test_free_inside_a_callback, setup, teardown),
        cmocka_unit_test_setup_teardown(test_free_while_requests_are_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_silent_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(test_garbage, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
