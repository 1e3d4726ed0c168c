/* Open streams: bytes there and back, ends of all kinds, interest, closing. */
#include "os_net.h"

#include <time.h>

/* ---- Echo: a server on each shard, a client on shard 0 */

#define ECHO_ROUNDS 200

static char echo_accepted_peer[ENV_ADDRESS_BYTES];
static char echo_accepted_local[ENV_ADDRESS_BYTES];
static int echo_round;
static size_t echo_got;
static uint8_t echo_sent[100];

static void server_event(struct env *env, struct env_stream *stream, void *context, unsigned events)
{
    uint8_t bytes[4096];
    size_t size;
    size_t taken;
    UNUSED(context);
    ASSERT(events == ENV_READABLE);
    enum err err = env_stream_read(env, stream, bytes, sizeof bytes, &size);
    if (err == ERR_AGAIN)
        return;
    if (err != ERR_OK) {
        ASSERT(err == ERR_CLOSED);
        env_stream_close(env, stream);
        return;
    }
    struct env_iov iov[2] = {{.base = bytes, .size = size / 2},
                             {.base = bytes + size / 2, .size = size - size / 2}};
    err = env_stream_write(env, stream, iov, 2, &taken);
    ASSERT(err == ERR_OK && taken == size);
}

static const struct env_stream_handler server_handler = {.on_event = server_event};

static void server_accept(struct env *env, void *context, struct env_stream *stream)
{
    UNUSED(context);
    ASSERT(env_stream_status(env, stream) == ERR_OK);
    snprintf(echo_accepted_peer, sizeof echo_accepted_peer, "%s", env_stream_peer(env, stream));
    snprintf(echo_accepted_local, sizeof echo_accepted_local, "%s", env_stream_local(env, stream));
    env_stream_handle(env, stream, &server_handler, NULL);
    env_stream_want(env, stream, ENV_READABLE);
}

static void client_send(struct env *env, struct env_stream *stream)
{
    size_t taken;
    memset(echo_sent, echo_round, sizeof echo_sent);
    struct env_iov iov = {.base = echo_sent, .size = sizeof echo_sent};
    assert_int_equal(env_stream_write(env, stream, &iov, 1, &taken), ERR_OK);
    assert_int_equal(taken, sizeof echo_sent);
    echo_got = 0;
}

static void client_event(struct env *env, struct env_stream *stream, void *context, unsigned events)
{
    UNUSED(context);
    if (events & ENV_WRITABLE) {
        assert_int_equal(env_stream_status(env, stream), ERR_OK);
        env_stream_want(env, stream, ENV_READABLE);
        client_send(env, stream);
        return;
    }
    assert_int_equal(events, ENV_READABLE);
    uint8_t bytes[64];
    size_t size;
    assert_int_equal(env_stream_read(env, stream, bytes, sizeof bytes, &size), ERR_OK);
    assert_memory_equal(bytes, echo_sent, size);
    echo_got += size;
    if (echo_got < sizeof echo_sent)
        return;
    if (++echo_round < ECHO_ROUNDS) {
        client_send(env, stream);
        return;
    }
    assert_string_equal(env_stream_local(env, stream), echo_accepted_peer);
    assert_string_equal(env_stream_peer(env, stream), echo_accepted_local);
    env_stream_close(env, stream);
    os_stop(test_os);
}

static const struct env_stream_handler client_handler = {.on_event = client_event};

static void echo(const char *listen_host, const char *connect_host, const char *peer_prefix)
{
    uint16_t port;
    test_begin(1, 0);
    struct env *env = os_env(test_os, 0);
    net_listen(listen_host, server_accept, &port);
    struct env_stream *stream;
    echo_round = 0;
    assert_int_equal(env_connect(env, connect_host, port, &stream), ERR_OK);
    env_stream_handle(env, stream, &client_handler, NULL);
    test_run();
    assert_int_equal(echo_round, ECHO_ROUNDS);
    assert_memory_equal(echo_accepted_peer, peer_prefix, strlen(peer_prefix));
    test_end();
}

static void test_echo(void **state)
{
    UNUSED(state);
    echo("127.0.0.1", "127.0.0.1", "127.0.0.1:");
    echo("localhost", "localhost", "");
    echo("127.0.0.1", "localhost", "127.0.0.1:"); /* "::1" may come first, and is refused */
    echo(NULL, "127.0.0.1", "127.0.0.1:");
    echo("", "localhost", "");
    if (!raw_has_v6())
        return;
    echo("::1", "::1", "[::1]:");
    echo(NULL, "::1", "[::1]:");
}

/* ---- One accepted stream whose story each test tells */

static struct env_stream *accepted;
static unsigned accepted_events;
static int accepted_calls;
static enum err accepted_end;
static size_t accepted_bytes;
static void (*accepted_then)(struct env *env);

/* Reads until there is nothing or the end. */
static void drain_event(struct env *env, struct env_stream *stream, void *context, unsigned events)
{
    uint8_t bytes[1000];
    size_t size;
    UNUSED(context);
    accepted_events = events;
    accepted_calls++;
    enum err err;
    while ((err = env_stream_read(env, stream, bytes, sizeof bytes, &size)) == ERR_OK)
        accepted_bytes += size;
    if (err == ERR_AGAIN)
        return;
    accepted_end = err;
    if (accepted_then != NULL)
        accepted_then(env);
    else
        os_stop(test_os);
}

static const struct env_stream_handler drain_handler = {.on_event = drain_event};

static void drain_accept(struct env *env, void *context, struct env_stream *stream)
{
    UNUSED(context);
    accepted = stream;
    env_stream_handle(env, stream, &drain_handler, NULL);
    env_stream_want(env, stream, ENV_READABLE);
}

static void story_begin(void (*accept)(struct env *, void *, struct env_stream *), uint16_t *port)
{
    accepted = NULL;
    accepted_calls = 0;
    accepted_bytes = 0;
    accepted_end = ERR_OK;
    accepted_then = NULL;
    test_begin(1, 0);
    net_listen("127.0.0.1", accept, port);
}

static void answer_and_close(struct env *env)
{
    size_t taken;
    struct env_iov iov = {.base = (char *)(uintptr_t) "answer", .size = 6};
    assert_int_equal(env_stream_write(env, accepted, &iov, 1, &taken), ERR_OK);
    env_stream_close(env, accepted);
    os_stop(test_os);
}

/* The peer ends its direction; ours still works. */
static void test_half_close(void **state)
{
    UNUSED(state);
    uint16_t port;
    char bytes[16];
    story_begin(drain_accept, &port);
    accepted_then = answer_and_close;
    int fd = raw_connect_v4(port);
    assert_int_equal(send(fd, "request", 7, 0), 7);
    shutdown(fd, SHUT_WR);
    test_run();
    assert_int_equal(accepted_end, ERR_CLOSED);
    assert_int_equal(accepted_bytes, 7);
    assert_int_equal(recv(fd, bytes, sizeof bytes, MSG_WAITALL), 6);
    assert_memory_equal(bytes, "answer", 6);
    close(fd);
    test_end();
}

static int reset_fd;

static void reset_now(struct env *env)
{
    UNUSED(env);
    raw_reset(reset_fd);
}

static void reset_seen(struct env *env)
{
    size_t taken;
    struct env_iov iov = {.base = &taken, .size = sizeof taken};
    assert_int_equal(env_stream_write(env, accepted, &iov, 1, &taken), ERR_RESET);
    assert_string_not_equal(env_stream_peer(env, accepted), "unknown");
    env_stream_close(env, accepted);
    os_stop(test_os);
}

static void test_reset(void **state)
{
    UNUSED(state);
    uint16_t port;
    struct later later;
    story_begin(drain_accept, &port);
    accepted_then = reset_seen;
    reset_fd = raw_connect_v4(port);
    later_ms(&later, 20, reset_now);
    test_run();
    assert_int_equal(accepted_end, ERR_RESET);
    test_end();
}

/* ---- Interest */

static void pause_reading(struct env *env)
{
    accepted_calls = 0;
    env_stream_want(env, accepted, 0);
    assert_int_equal(send(reset_fd, "more", 4, 0), 4);
}

static void go_on_reading(struct env *env)
{
    assert_int_equal(accepted_calls, 0);
    env_stream_want(env, accepted, ENV_READABLE);
}

static void end_is_seen(struct env *env)
{
    UNUSED(env);
    assert_true(accepted_calls >= 1);
    assert_int_equal(accepted_bytes, 9);
    close(reset_fd);
}

static void test_pause_reading(void **state)
{
    UNUSED(state);
    uint16_t port;
    struct later pause;
    struct later go_on;
    struct later end;
    story_begin(drain_accept, &port);
    reset_fd = raw_connect_v4(port);
    assert_int_equal(send(reset_fd, "begin", 5, 0), 5);
    later_ms(&pause, 30, pause_reading);
    later_ms(&go_on, 60, go_on_reading);
    later_ms(&end, 90, end_is_seen);
    test_run();
    assert_int_equal(accepted_end, ERR_CLOSED);
    test_end();
}

/* A peer that is gone and a stream that wants nothing: neither calls nor a loop that spins. */
static struct timespec cpu_before;

static void reset_unwatched(struct env *env)
{
    accepted_calls = 0;
    env_stream_want(env, accepted, 0);
    raw_reset(reset_fd);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu_before);
}

static void still_quiet(struct env *env)
{
    struct timespec after;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
    int64_t used_us =
        (after.tv_sec - cpu_before.tv_sec) * 1000000 + (after.tv_nsec - cpu_before.tv_nsec) / 1000;
    assert_int_equal(accepted_calls, 0);
    assert_true(used_us < 50000);
    env_stream_want(env, accepted, ENV_READABLE); /* now it is told */
}

static void test_reset_while_nothing_is_wanted(void **state)
{
    UNUSED(state);
    uint16_t port;
    struct later reset;
    struct later quiet;
    story_begin(drain_accept, &port);
    reset_fd = raw_connect_v4(port);
    later_ms(&reset, 20, reset_unwatched);
    later_ms(&quiet, 220, still_quiet);
    test_run();
    assert_int_equal(accepted_end, ERR_RESET);
    test_end();
}

/* Level-triggered: told each turn until it is read. */
static void lazy_event(struct env *env, struct env_stream *stream, void *context, unsigned events)
{
    UNUSED(context);
    accepted_calls++;
    if (accepted_calls < 5) {
        assert_int_equal(events, ENV_READABLE | ENV_WRITABLE);
        return;
    }
    if (accepted_calls == 5) {
        env_stream_want(env, stream, ENV_READABLE);
        return;
    }
    assert_int_equal(events, ENV_READABLE);
    if (accepted_calls == 10)
        os_stop(test_os);
}

static const struct env_stream_handler lazy_handler = {.on_event = lazy_event};

static void lazy_accept(struct env *env, void *context, struct env_stream *stream)
{
    UNUSED(context);
    env_stream_handle(env, stream, &lazy_handler, NULL);
    env_stream_want(env, stream, ENV_READABLE | ENV_WRITABLE);
}

static void test_level_triggered(void **state)
{
    UNUSED(state);
    uint16_t port;
    story_begin(lazy_accept, &port);
    int fd = raw_connect_v4(port);
    assert_int_equal(send(fd, "x", 1, 0), 1);
    test_run();
    close(fd);
    test_end();
}

/* ---- Large writes: a sender that stops when the socket is full, a reader that is slow */

#define LARGE_BYTES ((size_t)48 << 20)
#define LARGE_CHUNK ((size_t)300000)

static size_t large_sent;
static size_t large_received;
static int large_full_count;

static uint8_t large_byte(size_t position)
{
    return (uint8_t)((position * 2654435761U) >> 13);
}

static void large_reader_event(struct env *env, struct env_stream *stream, void *context,
                               unsigned events)
{
    static uint8_t bytes[100000];
    size_t size;
    UNUSED(context);
    UNUSED(events);
    enum err err = env_stream_read(env, stream, bytes, sizeof bytes, &size);
    if (err == ERR_CLOSED) {
        assert_int_equal(large_received, LARGE_BYTES);
        os_stop(test_os);
        return;
    }
    assert_int_equal(err, ERR_OK);
    for (size_t i = 0; i < size; i += 997)
        assert_int_equal(bytes[i], large_byte(large_received + i));
    large_received += size;
}

static const struct env_stream_handler large_reader = {.on_event = large_reader_event};

static void large_accept(struct env *env, void *context, struct env_stream *stream)
{
    UNUSED(context);
    env_stream_handle(env, stream, &large_reader, NULL);
    env_stream_want(env, stream, ENV_READABLE);
}

static void large_writer_event(struct env *env, struct env_stream *stream, void *context,
                               unsigned events)
{
    static uint8_t bytes[LARGE_CHUNK];
    UNUSED(context);
    assert_int_equal(events, ENV_WRITABLE);
    assert_int_equal(env_stream_status(env, stream), ERR_OK);
    while (large_sent < LARGE_BYTES) {
        size_t size =
            LARGE_BYTES - large_sent < LARGE_CHUNK ? LARGE_BYTES - large_sent : LARGE_CHUNK;
        for (size_t i = 0; i < size; i++)
            bytes[i] = large_byte(large_sent + i);
        struct env_iov iov[3] = {{.base = bytes, .size = size / 3},
                                 {.base = bytes + size / 3, .size = 0},
                                 {.base = bytes + size / 3, .size = size - size / 3}};
        size_t taken;
        enum err err = env_stream_write(env, stream, iov, 3, &taken);
        if (err == ERR_AGAIN) {
            large_full_count++;
            env_stream_want(env, stream, ENV_WRITABLE);
            return;
        }
        assert_int_equal(err, ERR_OK);
        assert_true(taken > 0 && taken <= size);
        large_sent += taken;
    }
    env_stream_close(env, stream); /* what is on its way arrives */
}

static const struct env_stream_handler large_writer = {.on_event = large_writer_event};

static void test_large(void **state)
{
    UNUSED(state);
    uint16_t port;
    struct env_stream *stream;
    story_begin(large_accept, &port);
    large_sent = large_received = 0;
    large_full_count = 0;
    struct env *env = os_env(test_os, 0);
    assert_int_equal(env_connect(env, "127.0.0.1", port, &stream), ERR_OK);
    env_stream_handle(env, stream, &large_writer, NULL);
    test_run();
    assert_true(large_full_count > 0);
    test_end();
}

/* ---- Closing with unread bytes: the answer arrives, not a reset */

#define REFUSAL_BYTES ((size_t)3 << 20)

static size_t refusal_read;
static enum err refusal_end;
static bool refusal_refused;

static void refuse_event(struct env *env, struct env_stream *stream, void *context, unsigned events)
{
    UNUSED(context);
    UNUSED(events);
    uint8_t *bytes = mem_zalloc(REFUSAL_BYTES);
    size_t size;
    size_t sent = 0;
    /* A little of what is there, then as much of an answer as the socket takes, and goodbye. */
    assert_int_equal(env_stream_read(env, stream, bytes, 10, &size), ERR_OK);
    for (;;) {
        struct env_iov iov = {.base = bytes, .size = REFUSAL_BYTES - sent};
        if (sent == REFUSAL_BYTES || env_stream_write(env, stream, &iov, 1, &size) != ERR_OK)
            break;
        sent += size;
    }
    assert_true(sent > 100000);
    accepted_bytes = sent;
    refusal_refused = true;
    env_stream_close(env, stream);
    mem_free(bytes);
}

static const struct env_stream_handler refuse_handler = {.on_event = refuse_event};

static void refuse_accept(struct env *env, void *context, struct env_stream *stream)
{
    UNUSED(context);
    env_stream_handle(env, stream, &refuse_handler, NULL);
    env_stream_want(env, stream, ENV_READABLE);
}

/* Writes whenever it can, reads only once it was refused, slowly. */
static void talkative_event(struct env *env, struct env_stream *stream, void *context,
                            unsigned events)
{
    static uint8_t bytes[20000];
    size_t size;
    UNUSED(context);
    if (events & ENV_WRITABLE) {
        struct env_iov iov = {.base = bytes, .size = 1000};
        enum err err = env_stream_write(env, stream, &iov, 1, &size);
        assert_int_not_equal(err, ERR_RESET);
    }
    env_stream_want(env, stream, ENV_WRITABLE | (refusal_refused ? ENV_READABLE : 0U));
    if (events & ENV_READABLE) {
        enum err err = env_stream_read(env, stream, bytes, sizeof bytes, &size);
        refusal_read += size;
        if (err == ERR_OK || err == ERR_AGAIN)
            return;
        refusal_end = err;
        env_stream_close(env, stream);
        os_stop(test_os);
    }
}

static const struct env_stream_handler talkative_handler = {.on_event = talkative_event};

static void test_close_sends_what_was_written(void **state)
{
    UNUSED(state);
    uint16_t port;
    struct env_stream *stream;
    story_begin(refuse_accept, &port);
    refusal_read = 0;
    refusal_refused = false;
    struct env *env = os_env(test_os, 0);
    assert_int_equal(env_connect(env, "127.0.0.1", port, &stream), ERR_OK);
    env_stream_handle(env, stream, &talkative_handler, NULL);
    test_run();
    assert_int_equal(refusal_end, ERR_CLOSED);
    assert_int_equal(refusal_read, accepted_bytes);
    test_end();
}

/* A peer that never reads nor ends: the loop lets it go. */
static void linger_is_over(struct env *env)
{
    UNUSED(env);
    uint8_t bytes[4096];
    /* Everything that fitted is there, then the end or a reset, without waiting. */
    ssize_t size;
    while ((size = recv(reset_fd, bytes, sizeof bytes, 0)) > 0) {
    }
    assert_true(size == 0 || errno == ECONNRESET);
    os_stop(test_os);
}

static void test_linger_ends(void **state)
{
    UNUSED(state);
    uint16_t port;
    struct later later;
    story_begin(refuse_accept, &port);
    reset_fd = raw_connect_v4(port);
    assert_int_equal(send(reset_fd, "hello, hello, hello", 19, 0), 19);
    later_ms(&later, 2500, linger_is_over);
    test_run();
    close(reset_fd);
    test_end();
}

/* ---- Closing inside callbacks: each of two closes both, in one batch of events */

static struct env_stream *pair[2];
static int pair_count;
static int pair_calls;

static void pair_event(struct env *env, struct env_stream *stream, void *context, unsigned events)
{
    UNUSED(stream);
    UNUSED(context);
    UNUSED(events);
    pair_calls++;
    env_stream_close(env, pair[0]);
    env_stream_close(env, pair[1]);
}

static const struct env_stream_handler pair_handler = {.on_event = pair_event};

static void pair_accept(struct env *env, void *context, struct env_stream *stream)
{
    UNUSED(context);
    pair[pair_count++] = stream;
    if (pair_count < 2)
        return;
    for (int i = 0; i < 2; i++) {
        env_stream_handle(env, pair[i], &pair_handler, NULL);
        env_stream_want(env, pair[i], ENV_READABLE | ENV_WRITABLE);
    }
}

static void test_close_in_callback(void **state)
{
    UNUSED(state);
    uint16_t port;
    struct later later;
    story_begin(pair_accept, &port);
    pair_count = pair_calls = 0;
    int a = raw_connect_v4(port);
    int b = raw_connect_v4(port);
    assert_int_equal(send(a, "x", 1, 0), 1);
    assert_int_equal(send(b, "x", 1, 0), 1);
    later_ms(&later, 50, stop_now);
    test_run();
    assert_int_equal(pair_count, 2);
    assert_int_equal(pair_calls, 1);
    close(a);
    close(b);
    test_end();
}

/* What is open when the node goes is closed. */
static void test_free_closes(void **state)
{
    UNUSED(state);
    uint16_t port;
    struct later later;
    story_begin(drain_accept, &port);
    int fd = raw_connect_v4(port);
    later_ms(&later, 20, stop_now);
    test_run();
    assert_non_null(accepted);
    test_end();
    char byte;
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
    close(fd);
}

int main(void)
{
    net_unused();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo),
        cmocka_unit_test(test_half_close),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_pause_reading),
        cmocka_unit_test(test_reset_while_nothing_is_wanted),
        cmocka_unit_test(test_level_triggered),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_close_sends_what_was_written),
        cmocka_unit_test(test_linger_ends),
        cmocka_unit_test(test_close_in_callback),
        cmocka_unit_test(test_free_closes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
