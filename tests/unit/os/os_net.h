#ifndef OS_NET_H
#define OS_NET_H
/* Plain blocking sockets for the tests: the other end of a stream under test. */
#include "os_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

static int raw_connect_v4(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct timeval limit = {.tv_sec = 20};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int raw_connect_v6(uint16_t port)
{
    struct sockaddr_in6 address = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* A port of 127.0.0.1 on which nobody listens (bound, so nobody else takes it). */
static int raw_closed_port(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

/* Closes with a reset. */
static void raw_reset(int fd)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    close(fd);
}

/* IPv6 may be absent where the tests run. */
static bool raw_has_v6(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    if (fd >= 0)
        close(fd);
    return has;
}

static struct env_listener *net_listen(const char *host,
                                       void (*accept)(struct env *, void *, struct env_stream *),
                                       uint16_t *port)
{
    struct env *env = os_env(test_os, 0);
    struct env_listener *listener = NULL;
    struct env_listen_options options = {.host = host,
                                         .backlog = 128,
                                         .send_buffer_bytes = -1,
                                         .receive_buffer_bytes = -1,
                                         .accept = accept};
    assert_int_equal(env_listen(env, &options, &listener), ERR_OK);
    *port = env_listener_port(env, listener);
    assert_true(*port > 0);
    return listener;
}

/* Call fn once on shard 0, after a while. */
struct later {
    struct env_timer timer;
    void (*fn)(struct env *env);
};

static void later_fire(struct env *env, struct env_timer *timer)
{
    CONTAINER_OF(timer, struct later, timer)->fn(env);
}

static void later_ms(struct later *later, uint64_t delay_ms, void (*fn)(struct env *))
{
    later->fn = fn;
    env_timer_init(&later->timer, later_fire);
    env_timer_set_ms(os_env(test_os, 0), &later->timer, delay_ms);
}

static void stop_now(struct env *env)
{
    UNUSED(env);
    os_stop(test_os);
}

static inline void net_unused(void)
{
    test_unused();
    UNUSED(raw_connect_v4);
    UNUSED(raw_connect_v6);
    UNUSED(raw_closed_port);
    UNUSED(raw_reset);
    UNUSED(raw_has_v6);
    UNUSED(net_listen);
    UNUSED(later_ms);
    UNUSED(stop_now);
}

#endif
