/* Connecting: all outcomes, when they are told, and giving up before they are known. */
#include "os_net.h"

static struct env_stream *stream;
static enum err outcome;
static int calls;
static unsigned last_events;
static int accepted_count;

static void keep_event(struct env *env, struct env_stream *one, void *context, unsigned events)
{
    uint8_t bytes[100];
    size_t size;
    UNUSED(context);
    UNUSED(events);
    enum err err = env_stream_read(env, one, bytes, sizeof bytes, &size);
    if (err == ERR_CLOSED || err == ERR_RESET)
        env_stream_close(env, one);
}

static const struct env_stream_handler keep_handler = {.on_event = keep_event};

static void count_accept(struct env *env, void *context, struct env_stream *one)
{
    UNUSED(context);
    accepted_count++;
    env_stream_handle(env, one, &keep_handler, NULL);
    env_stream_want(env, one, ENV_READABLE);
}

static void outcome_event(struct env *env, struct env_stream *one, void *context, unsigned events)
{
    UNUSED(context);
    assert_ptr_equal(one, stream);
    calls++;
    last_events = events;
    outcome = env_stream_status(env, one);
    assert_int_not_equal(outcome, ERR_AGAIN);
    os_stop(test_os);
}

static const struct env_stream_handler outcome_handler = {.on_event = outcome_event};

static void begin(void)
{
    test_begin(1, 0);
    calls = 0;
    accepted_count = 0;
    outcome = ERR_AGAIN;
}

static void try_connect(const char *host, uint16_t port)
{
    struct env *env = os_env(test_os, 0);
    assert_int_equal(env_connect(env, host, port, &stream), ERR_OK);
    env_stream_handle(env, stream, &outcome_handler, NULL);
    assert_int_equal(calls, 0);
    test_run();
    assert_int_equal(calls, 1);
    assert_int_equal(last_events, ENV_WRITABLE);
}

static void test_refused(void **state)
{
    UNUSED(state);
    uint16_t port;
    uint8_t byte;
    size_t size;
    begin();
    int fd = raw_closed_port(&port);
    try_connect("127.0.0.1", port);
    assert_int_equal(outcome, ERR_RESET);
    struct env *env = os_env(test_os, 0);
    assert_int_equal(env_stream_read(env, stream, &byte, 1, &size), ERR_RESET);
    struct env_iov iov = {.base = &byte, .size = 1};
    assert_int_equal(env_stream_write(env, stream, &iov, 1, &size), ERR_RESET);
    char expected[64];
    snprintf(expected, sizeof expected, "127.0.0.1:%u", port);
    assert_string_equal(env_stream_peer(env, stream), expected);
    assert_string_equal(env_stream_local(env, stream), "unknown");
    env_stream_close(env, stream);
    close(fd);
    test_end();
}

static void test_refused_by_name(void **state)
{
    UNUSED(state);
    uint16_t port;
    begin();
    int fd = raw_closed_port(&port);
    try_connect("localhost", port);
    assert_int_equal(outcome, ERR_RESET);
    env_stream_close(os_env(test_os, 0), stream);
    close(fd);
    test_end();
}

static void test_unknown_name(void **state)
{
    UNUSED(state);
    begin();
    struct env *env = os_env(test_os, 0);
    /* RFC 6761: never exists. Without a name server the answer is the same. */
    try_connect("no-such-host.invalid", 9092);
    assert_int_equal(outcome, ERR_NOTFOUND);
    assert_string_equal(env_stream_peer(env, stream), "no-such-host.invalid:9092");
    env_stream_close(env, stream);
    test_end();
}

/* An address that has no route fails at once, which is told later all the same. */
static void test_fails_at_once(void **state)
{
    UNUSED(state);
    begin();
    try_connect("255.255.255.255", 9092);
    assert_true(outcome == ERR_RESET || outcome == ERR_DENIED);
    env_stream_close(os_env(test_os, 0), stream);
    test_end();
}

static void test_invalid(void **state)
{
    UNUSED(state);
    char long_name[400];
    begin();
    struct env *env = os_env(test_os, 0);
    memset(long_name, 'a', sizeof long_name);
    long_name[sizeof long_name - 1] = 0;
    assert_int_equal(env_connect(env, "", 9092, &stream), ERR_INVALID);
    assert_int_equal(env_connect(env, long_name, 9092, &stream), ERR_INVALID);
    assert_int_equal(env_connect(env, "localhost", 0, &stream), ERR_INVALID);
    assert_null(stream);
    test_end();
}

static void test_connected(void **state)
{
    UNUSED(state);
    uint16_t port;
    begin();
    net_listen("127.0.0.1", count_accept, &port);
    try_connect("127.0.0.1", port);
    assert_int_equal(outcome, ERR_OK);
    test_end();
}

/* What is wanted while connecting does not hide the outcome, and holds after it. */
static void wanting_event(struct env *env, struct env_stream *one, void *context, unsigned events)
{
    uint8_t byte;
    size_t size;
    UNUSED(context);
    calls++;
    last_events = events;
    if (calls == 1) {
        assert_int_equal(events, ENV_WRITABLE);
        assert_int_equal(env_stream_status(env, one), ERR_OK);
        return;
    }
    assert_int_equal(events, ENV_READABLE);
    assert_int_equal(env_stream_read(env, one, &byte, 1, &size), ERR_OK);
    os_stop(test_os);
}

static const struct env_stream_handler wanting_handler = {.on_event = wanting_event};

static void greet_accept(struct env *env, void *context, struct env_stream *one)
{
    size_t size;
    UNUSED(context);
    struct env_iov iov = {.base = &size, .size = 1};
    assert_int_equal(env_stream_write(env, one, &iov, 1, &size), ERR_OK);
}

static void test_want_while_connecting(void **state)
{
    UNUSED(state);
    uint16_t port;
    begin();
    struct env *env = os_env(test_os, 0);
    net_listen("127.0.0.1", greet_accept, &port);
    assert_int_equal(env_connect(env, "127.0.0.1", port, &stream), ERR_OK);
    uint8_t byte;
    size_t size;
    assert_int_equal(env_stream_read(env, stream, &byte, 1, &size), ERR_AGAIN);
    struct env_iov iov = {.base = &byte, .size = 1};
    assert_int_equal(env_stream_write(env, stream, &iov, 1, &size), ERR_AGAIN);
    env_stream_handle(env, stream, &wanting_handler, NULL);
    env_stream_want(env, stream, ENV_READABLE);
    test_run();
    assert_int_equal(calls, 2);
    test_end();
}

/* The handler comes long after the outcome. */
static void set_handler(struct env *env)
{
    assert_int_equal(calls, 0);
    env_stream_handle(env, stream, &outcome_handler, NULL);
    assert_int_equal(calls, 0);
}

static void late_handler(const char *host, uint16_t port, enum err expected)
{
    struct later later;
    assert_int_equal(env_connect(os_env(test_os, 0), host, port, &stream), ERR_OK);
    later_ms(&later, 50, set_handler);
    test_run();
    assert_int_equal(calls, 1);
    assert_int_equal(last_events, ENV_WRITABLE);
    assert_int_equal(outcome, expected);
    test_end();
}

static void test_late_handler(void **state)
{
    UNUSED(state);
    uint16_t port;
    begin();
    net_listen("127.0.0.1", count_accept, &port);
    late_handler("127.0.0.1", port, ERR_OK);
    begin();
    int fd = raw_closed_port(&port);
    late_handler("127.0.0.1", port, ERR_RESET);
    close(fd);
}

/* A failed stream that wants something is told each turn, and rests when it wants nothing. */
static void failed_event(struct env *env, struct env_stream *one, void *context, unsigned events)
{
    UNUSED(context);
    calls++;
    if (calls == 1) {
        assert_int_equal(events, ENV_WRITABLE);
        env_stream_want(env, one, ENV_READABLE);
    } else if (calls < 5) {
        assert_int_equal(events, ENV_READABLE);
    } else {
        env_stream_want(env, one, 0);
    }
}

static const struct env_stream_handler failed_handler = {.on_event = failed_event};

static void test_failed_wants(void **state)
{
    UNUSED(state);
    uint16_t port;
    struct later later;
    begin();
    struct env *env = os_env(test_os, 0);
    int fd = raw_closed_port(&port);
    assert_int_equal(env_connect(env, "127.0.0.1", port, &stream), ERR_OK);
    env_stream_handle(env, stream, &failed_handler, NULL);
    later_ms(&later, 50, stop_now);
    test_run();
    assert_int_equal(calls, 5);
    close(fd);
    test_end();
}

/* ---- Giving up */

static void close_it(struct env *env)
{
    env_stream_close(env, stream);
}

static void give_up(const char *host, uint16_t port, uint64_t after_ms)
{
    struct later closing;
    struct later later;
    begin();
    struct env *env = os_env(test_os, 0);
    assert_int_equal(env_connect(env, host, port, &stream), ERR_OK);
    env_stream_handle(env, stream, &outcome_handler, NULL);
    if (after_ms == 0)
        env_stream_close(env, stream);
    else
        later_ms(&closing, after_ms, close_it);
    later_ms(&later, 50, stop_now);
    test_run();
    assert_int_equal(calls, 0);
    test_end();
}

static void test_give_up(void **state)
{
    UNUSED(state);
    give_up("127.0.0.1", 9, 0);
    give_up("localhost", 9, 0);
    give_up("no-such-host.invalid", 9, 0);
    /* RFC 5737: a network for documentation. It may hang or fail, both before anybody is told. */
    struct later later;
    begin();
    assert_int_equal(env_connect(os_env(test_os, 0), "192.0.2.1", 9, &stream), ERR_OK);
    later_ms(&later, 10, stop_now);
    test_run();
    env_stream_close(os_env(test_os, 0), stream);
    test_end();
}

/* The node goes while names are looked up and sockets are on their way. */
static void test_free_while_connecting(void **state)
{
    UNUSED(state);
    const char *hosts[] = {"localhost", "no-such-host.invalid",   "192.0.2.1",
                           "127.0.0.1", "no-such-host-2.invalid", "no-such-host-3.invalid"};
    for (int closed = 0; closed < 2; closed++) {
        for (int run = 0; run < 2; run++) {
            struct later later;
            begin();
            struct env *env = os_env(test_os, 0);
            for (size_t i = 0; i < ARRAY_COUNT(hosts); i++) {
                struct env_stream *one;
                assert_int_equal(env_connect(env, hosts[i], 9, &one), ERR_OK);
                if (closed)
                    env_stream_close(env, one);
            }
            later_ms(&later, 0, stop_now);
            if (run)
                test_run();
            test_end();
        }
    }
}

/* ---- Many at once, across shards, with names */

#define MANY 60

static struct env_msg many_start[3];
static _Atomic int many_done;
static uint16_t many_port;

static void many_event(struct env *env, struct env_stream *one, void *context, unsigned events)
{
    UNUSED(context);
    ASSERT(events == ENV_WRITABLE);
    ASSERT(env_stream_status(env, one) == ERR_OK);
    env_stream_close(env, one);
    if (++many_done == 3 * MANY)
        os_stop(test_os);
}

static const struct env_stream_handler many_handler = {.on_event = many_event};

static void many_deliver(struct env *env, struct env_msg *msg)
{
    UNUSED(msg);
    for (int i = 0; i < MANY; i++) {
        struct env_stream *one;
        enum err err = env_connect(env, i % 2 ? "localhost" : "127.0.0.1", many_port, &one);
        ASSERT(err == ERR_OK);
        env_stream_handle(env, one, &many_handler, NULL);
    }
}

static void shard_accept(struct env *env, void *context, struct env_stream *one)
{
    UNUSED(context);
    env_stream_handle(env, one, &keep_handler, NULL);
    env_stream_want(env, one, ENV_READABLE);
}

static void test_many(void **state)
{
    UNUSED(state);
    test_begin(3, 0);
    many_done = 0;
    net_listen(NULL, shard_accept, &many_port);
    for (uint32_t i = 0; i < 3; i++) {
        many_start[i].deliver = many_deliver;
        env_post(os_env(test_os, 0), i, &many_start[i]);
    }
    test_run();
    test_end();
}

int main(void)
{
    net_unused();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_refused_by_name),
        cmocka_unit_test(test_unknown_name),
        cmocka_unit_test(test_fails_at_once),
        cmocka_unit_test(test_invalid),
        cmocka_unit_test(test_connected),
        cmocka_unit_test(test_want_while_connecting),
        cmocka_unit_test(test_late_handler),
        cmocka_unit_test(test_failed_wants),
        cmocka_unit_test(test_give_up),
        cmocka_unit_test(test_free_while_connecting),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
