/* Listeners: whom they give streams to, what they refuse, closing, and no descriptors left. */
#include "os/os_int.h"

#include "os_net.h"

#include <netinet/tcp.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <time.h>

/* ---- To each shard in turn */

#define SHARDS 3
#define CONNECTIONS 30

static atomic_int accepted_on[SHARDS];
static atomic_int accepted_count;
static int accepted_limit;

static void count_accept(struct env *env, void *context, struct env_stream *stream)
{
    UNUSED(context);
    ASSERT(env_stream_status(env, stream) == ERR_OK);
    atomic_fetch_add(&accepted_on[env->shard], 1);
    if (atomic_fetch_add(&accepted_count, 1) + 1 == accepted_limit)
        os_stop(test_os);
}

static void begin(uint32_t shard_count, int limit)
{
    test_begin(shard_count, 0);
    for (int i = 0; i < SHARDS; i++)
        atomic_store(&accepted_on[i], 0);
    atomic_store(&accepted_count, 0);
    accepted_limit = limit;
}

static void test_distribution(void **state)
{
    UNUSED(state);
    uint16_t port;
    int fds[CONNECTIONS];
    begin(SHARDS, CONNECTIONS);
    net_listen("127.0.0.1", count_accept, &port);
    for (int i = 0; i < CONNECTIONS; i++)
        fds[i] = raw_connect_v4(port);
    test_run();
    for (int i = 0; i < SHARDS; i++)
        assert_int_equal(atomic_load(&accepted_on[i]), CONNECTIONS / SHARDS);
    for (int i = 0; i < CONNECTIONS; i++)
        close(fds[i]);
    test_end();
}

/* ---- Addresses */

static char peers[2][ENV_ADDRESS_BYTES];

static void peer_accept(struct env *env, void *context, struct env_stream *stream)
{
    UNUSED(context);
    snprintf(peers[atomic_load(&accepted_count)], ENV_ADDRESS_BYTES, "%s",
             env_stream_peer(env, stream));
    count_accept(env, context, stream);
}

/* "" is all addresses, of both families, and an IPv4 peer is written as one. */
static void test_wildcard(void **state)
{
    UNUSED(state);
    uint16_t port;
    bool v6 = raw_has_v6();
    begin(1, v6 ? 2 : 1);
    net_listen("", peer_accept, &port);
    int a = raw_connect_v4(port);
    int b = v6 ? raw_connect_v6(port) : -1;
    assert_true(a >= 0 && (!v6 || b >= 0));
    test_run();
    assert_memory_equal(peers[0], "127.0.0.1:", 10);
    if (v6)
        assert_memory_equal(peers[1], "[::1]:", 6);
    close(a);
    if (v6)
        close(b);
    test_end();
}

static enum err try_listen(const char *host, uint16_t port)
{
    struct env_listener *listener;
    struct env_listen_options options = {.host = host,
                                         .port = port,
                                         .backlog = 10,
                                         .send_buffer_bytes = 100000,
                                         .receive_buffer_bytes = 100000,
                                         .accept = count_accept};
    return env_listen(os_env(test_os, 0), &options, &listener);
}

static void test_refused_addresses(void **state)
{
    UNUSED(state);
    uint16_t port;
    begin(1, 1);
    struct env_listener *listener = net_listen("127.0.0.1", count_accept, &port);
    assert_int_equal(try_listen("127.0.0.1", port), ERR_BUSY);
    assert_int_equal(try_listen("localhost", port), ERR_BUSY);
    assert_int_equal(try_listen("", port), ERR_BUSY);
    assert_int_equal(try_listen("192.0.2.1", port), ERR_INVALID); /* RFC 5737: nobody's */
    assert_int_equal(try_listen("no-such-host.invalid", port), ERR_INVALID);
    if (geteuid() != 0)
        assert_int_equal(try_listen("127.0.0.1", 1), ERR_DENIED);
    /* Free again once it is closed, also with old connections about (SO_REUSEADDR). */
    int fd = raw_connect_v4(port);
    env_listener_close(os_env(test_os, 0), listener);
    assert_int_equal(try_listen("127.0.0.1", port), ERR_OK);
    close(fd);
    test_end();
}

/* ---- What sockets are set to: small packets leave at once, dead peers are found */

static int option_of(int fd, int level, int option)
{
    int value = -1;
    socklen_t size = sizeof value;
    assert_int_equal(getsockopt(fd, level, option, &value, &size), 0);
    return value;
}

static int buffer_bytes_of_socket;

static void option_accept(struct env *env, void *context, struct env_stream *stream)
{
    assert_int_equal(option_of(stream->fd, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option_of(stream->fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    buffer_bytes_of_socket = option_of(stream->fd, SOL_SOCKET, SO_RCVBUF);
    count_accept(env, context, stream);
}

static void test_socket_options(void **state)
{
    UNUSED(state);
    struct env_listener *listener;
    struct env_stream *stream;
    struct env_listen_options options = {.host = "127.0.0.1",
                                         .send_buffer_bytes = 50000,
                                         .receive_buffer_bytes = 50000,
                                         .accept = option_accept};
    begin(1, 1);
    struct env *env = os_env(test_os, 0);
    assert_int_equal(env_listen(env, &options, &listener), ERR_OK);
    assert_int_equal(env_connect(env, "127.0.0.1", env_listener_port(env, listener), &stream),
                     ERR_OK);
    assert_int_equal(option_of(stream->fd, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option_of(stream->fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    test_run();
    assert_int_equal(buffer_bytes_of_socket, 100000); /* Linux doubles, for its own needs */
    test_end();
}

/* ---- Closing */

static struct env_listener *closing;

static void close_accept(struct env *env, void *context, struct env_stream *stream)
{
    count_accept(env, context, stream);
    env_listener_close(env, closing);
}

/* In the middle of a batch: one is served, those accepted in the same turn too, none after. */
static void test_close_in_accept(void **state)
{
    UNUSED(state);
    uint16_t port;
    struct later later;
    begin(1, 0);
    closing = net_listen("127.0.0.1", close_accept, &port);
    int fd = raw_connect_v4(port);
    later_ms(&later, 30, stop_now);
    test_run();
    assert_int_equal(atomic_load(&accepted_count), 1);
    close(fd);
    assert_int_equal(raw_connect_v4(port), -1);
    test_end();
}

/* Accepted and still on its way to its shard when the node stops: closed, nothing leaks. */
static void test_stop_on_the_way(void **state)
{
    UNUSED(state);
    uint16_t port;
    for (int round = 0; round < 20; round++) {
        int fds[20];
        begin(SHARDS, 1);
        net_listen("127.0.0.1", count_accept, &port);
        for (int i = 0; i < 20; i++)
            fds[i] = raw_connect_v4(port);
        test_run();
        for (int i = 0; i < 20; i++)
            close(fds[i]);
        test_end();
    }
}

/* ---- Held, stopped, and asked */

static struct env_listener *asked;
static int asked_count;

static struct env_listener *
asked_listen(bool held, bool (*admit)(struct env *, void *, const char *), uint16_t *port)
{
    struct env *env = os_env(test_os, 0);
    struct env_listen_options options = {.held = held,
                                         .host = "127.0.0.1",
                                         .backlog = 128,
                                         .send_buffer_bytes = -1,
                                         .receive_buffer_bytes = -1,
                                         .admit = admit,
                                         .accept = count_accept};
    struct env_listener *listener = NULL;
    assert_int_equal(env_listen(env, &options, &listener), ERR_OK);
    *port = env_listener_port(env, listener);
    return listener;
}

/* The port is taken, but nobody is there yet. */
static void test_held(void **state)
{
    UNUSED(state);
    uint16_t port;
    begin(1, 1);
    struct env *env = os_env(test_os, 0);
    struct env_listener *listener = asked_listen(true, NULL, &port);
    assert_true(port > 0);
    assert_int_equal(raw_connect_v4(port), -1);
    assert_int_equal(env_listener_accepting(env, listener, true), ERR_OK);
    int fd = raw_connect_v4(port);
    assert_true(fd >= 0);
    test_run();
    assert_int_equal(atomic_load(&accepted_count), 1);
    close(fd);
    test_end();
}

/* One that was held while another process took the port. */
static void test_held_too_long(void **state)
{
    UNUSED(state);
    uint16_t port;
    begin(1, 1);
    struct env *env = os_env(test_os, 0);
    struct env_listener *first = asked_listen(true, NULL, &port);
    struct env_listen_options options = {.held = true,
                                         .host = "127.0.0.1",
                                         .port = port,
                                         .send_buffer_bytes = -1,
                                         .receive_buffer_bytes = -1,
                                         .accept = count_accept};
    struct env_listener *second = NULL;
    enum err err = env_listen(env, &options, &second);
    /* Two that do not listen may be bound to one port: the first to listen has it. */
    assert_int_equal(env_listener_accepting(env, first, true), ERR_OK);
    if (err == ERR_OK)
        err = env_listener_accepting(env, second, true);
    assert_int_equal(err, ERR_BUSY);
    test_end();
}

static bool admit_every_other(struct env *env, void *context, const char *peer)
{
    UNUSED(context);
    assert_int_equal(env->shard, 0);
    assert_memory_equal(peer, "127.0.0.1:", 10);
    return asked_count++ % 2 == 0;
}

static void test_admit(void **state)
{
    UNUSED(state);
    uint16_t port;
    int fds[20];
    begin(SHARDS, 10);
    asked_count = 0;
    asked_listen(false, admit_every_other, &port);
    for (int i = 0; i < 20; i++)
        fds[i] = raw_connect_v4(port);
    test_run();
    assert_int_equal(atomic_load(&accepted_count), 10);
    assert_true(asked_count >= 19);
    for (int i = 0; i < asked_count; i++) {
        char byte;
        if (i % 2 == 1) /* they are accepted in the order in which they came */
            assert_true(recv(fds[i], &byte, 1, 0) <= 0);
    }
    for (int i = 0; i < 20; i++)
        close(fds[i]);
    test_end();
}

static void accept_again(struct env *env)
{
    assert_int_equal(atomic_load(&accepted_count), 3);
    assert_int_equal(env_listener_accepting(env, asked, true), ERR_OK);
}

/* Three, then none until it is told to go on. */
static bool admit_three(struct env *env, void *context, const char *peer)
{
    UNUSED(context);
    UNUSED(peer);
    if (++asked_count == 3)
        assert_int_equal(env_listener_accepting(env, asked, false), ERR_OK);
    return true;
}

static void test_stopped_and_on_again(void **state)
{
    UNUSED(state);
    uint16_t port;
    int fds[8];
    struct later later;
    begin(1, 8);
    asked_count = 0;
    asked = asked_listen(false, admit_three, &port);
    for (int i = 0; i < 8; i++)
        fds[i] = raw_connect_v4(port);
    later_ms(&later, 100, accept_again);
    test_run();
    assert_int_equal(atomic_load(&accepted_count), 8);
    for (int i = 0; i < 8; i++)
        close(fds[i]);
    test_end();
}

/* ---- No descriptors left: connections wait, and are served when there are some again */

static struct rlimit limit_before;
static struct timespec cpu_before;

static void descriptors_back(struct env *env)
{
    UNUSED(env);
    struct timespec after;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    int64_t used_us =
        (after.tv_sec - cpu_before.tv_sec) * 1000000 + (after.tv_nsec - cpu_before.tv_nsec) / 1000;
    assert_true(used_us < 100000); /* it does not spin */
    assert_int_equal(atomic_load(&accepted_count), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit_before), 0);
}

static void test_no_descriptors(void **state)
{
    UNUSED(state);
    uint16_t port;
    struct later later;
    int fds[5];
    begin(1, 5);
    net_listen("127.0.0.1", count_accept, &port);
    for (int i = 0; i < 5; i++)
        fds[i] = raw_connect_v4(port);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit_before), 0);
    struct rlimit none = {.rlim_cur = (rlim_t)fds[4], .rlim_max = limit_before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    later_ms(&later, 300, descriptors_back);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu_before);
    test_run();
    assert_int_equal(atomic_load(&accepted_count), 5);
    for (int i = 0; i < 5; i++)
        close(fds[i]);
    test_end();
}

/* And a listener that pauses can be closed. */
static void close_paused(struct env *env)
{
    env_listener_close(env, closing);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit_before), 0);
}

static void test_close_while_paused(void **state)
{
    UNUSED(state);
    uint16_t port;
    struct later later;
    struct later end;
    begin(1, 5);
    closing = net_listen("127.0.0.1", count_accept, &port);
    int fd = raw_connect_v4(port);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit_before), 0);
    struct rlimit none = {.rlim_cur = (rlim_t)fd, .rlim_max = limit_before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    later_ms(&later, 50, close_paused);
    later_ms(&end, 300, stop_now);
    test_run();
    assert_int_equal(atomic_load(&accepted_count), 0);
    close(fd);
    test_end();
}

int main(void)
{
    net_unused();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distribution),
        cmocka_unit_test(test_wildcard),
        cmocka_unit_test(test_socket_options),
        cmocka_unit_test(test_refused_addresses),
        cmocka_unit_test(test_close_in_accept),
        cmocka_unit_test(test_stop_on_the_way),
        cmocka_unit_test(test_held),
        cmocka_unit_test(test_held_too_long),
        cmocka_unit_test(test_admit),
        cmocka_unit_test(test_stopped_and_on_again),
        cmocka_unit_test(test_no_descriptors),
        cmocka_unit_test(test_close_while_paused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
