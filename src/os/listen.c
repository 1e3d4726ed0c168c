/*
 * Listeners: on shard 0, which accepts and hands the sockets around, each to the next shard in
 * turn.
 *
 * Invariant: a socket that was accepted is in exactly one place: on its way in a message, or in the
 * list of its shard's streams. A listener that is closed accepts nothing more; what it accepted
 * before still arrives.
 */
#define LOG_ROOM "os"
#include "os/os_int.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define ACCEPTS_PER_TURN 64
/* Without descriptors we look again after this; connections wait in the backlog meanwhile. */
#define PAUSE_MS 100
#define COMPLAINT_PERIOD_NS UINT64_C(10000000000)

struct listen_socket {
    struct os_watch watch;
    struct env_listener *listener;
    int fd; /* -1: closed */
};

struct env_listener {
    struct list in_listeners;
    struct os_shard *shard;
    void (*accept)(struct env *env, void *context, struct env_stream *stream);
    bool (*admit)(struct env *env, void *context, const char *peer);
    void *context;
    uint32_t next_shard;
    uint16_t port;
    int backlog;
    bool listening; /* its sockets are in the shard's epoll set */
    bool accepting;
    struct env_timer pause_timer; /* set: no descriptors, none are taken for now */
    uint64_t complain_ns;         /* not before this */
    size_t socket_count;
    struct listen_socket sockets[OS_ADDRESSES_MAX];
};

/* ---- Accepting

   A held listener's sockets are bound only; os_env_listener_accepting lets them listen and puts
   them into the epoll set. From then on a listener is watched while it is `accepting` and does not
   pause for want of descriptors (listener_watch). */

static void arriving_deliver(struct env *env, struct env_msg *msg)
{
    struct env_stream *stream = CONTAINER_OF(msg, struct env_stream, arriving.msg);
    struct os_shard *shard = os_shard_of(env);
    ASSERT(stream->shard == shard);
    list_push_back(&shard->streams, &stream->in_streams);
    void (*accept)(struct env *, void *, struct env_stream *) = stream->arriving.accept;
    accept(env, stream->arriving.context, stream);
}

bool os_listen_drop_msg(struct env_msg *msg)
{
    if (msg->deliver != arriving_deliver)
        return false;
    os_stream_destroy(CONTAINER_OF(msg, struct env_stream, arriving.msg));
    return true;
}

static void listener_hand_over(struct env_listener *listener, int fd, const union os_address *peer)
{
    struct os *os = listener->shard->os;
    struct os_shard *target = &os->shards[listener->next_shard];
    listener->next_shard = (listener->next_shard + 1) % os->shard_count;

    struct env_stream *stream = os_stream_new(target, fd, OS_STREAM_OPEN);
    stream->peer = *peer;
    stream->arriving.accept = listener->accept;
    stream->arriving.context = listener->context;
    stream->arriving.msg.deliver = arriving_deliver;
    env_post(&listener->shard->env, target->env.shard, &stream->arriving.msg);
}

static void listener_watch(struct env_listener *listener)
{
    bool pausing = env_timer_is_set(&listener->pause_timer);
    uint32_t epoll_events = listener->accepting && !pausing ? EPOLLIN : 0;
    for (size_t i = 0; i < listener->socket_count; i++) {
        struct listen_socket *socket = &listener->sockets[i];
        struct epoll_event event = {.events = epoll_events, .data.ptr = &socket->watch};
        /* MOD of what is in the set does not allocate, so it does not fail. */
        int code = epoll_ctl(listener->shard->epoll_fd, EPOLL_CTL_MOD, socket->fd, &event);
        ASSERT(code == 0);
    }
}

static void listener_resume(struct env *env, struct env_timer *timer)
{
    UNUSED(env);
    listener_watch(CONTAINER_OF(timer, struct env_listener, pause_timer));
}

static void listener_pause(struct env_listener *listener, int code)
{
    struct os_shard *shard = listener->shard;
    if (shard->now_ns >= listener->complain_ns) {
        LOG_WARN("no connection can be accepted on port %u for now: %s", listener->port,
                 os_err_sentence(code));
        listener->complain_ns = shard->now_ns + COMPLAINT_PERIOD_NS;
    }
    env_timer_set_ms(&shard->env, &listener->pause_timer, PAUSE_MS);
    listener_watch(listener);
}

/* It was this connection's error, which accept(2) hands on; the next may be well. All others are
 * about us: no descriptors, no memory. */
static bool accept_is_over(int code)
{
    static const int codes[] = {ECONNABORTED, EINTR,       EPERM,      EPROTO,
                                ENETDOWN,     ENOPROTOOPT, EHOSTDOWN,  ENONET,
                                EHOSTUNREACH, EOPNOTSUPP,  ENETUNREACH};
    for (size_t i = 0; i < ARRAY_COUNT(codes); i++)
        if (codes[i] == code)
            return true;
    return false;
}

static bool listener_admits(struct env_listener *listener, const union os_address *peer)
{
    if (listener->admit == NULL)
        return true;
    char text[ENV_ADDRESS_BYTES];
    os_address_text(peer, text);
    return listener->admit(&listener->shard->env, listener->context, text);
}

static void listener_ready(struct os_shard *shard, struct os_watch *watch, uint32_t epoll_events)
{
    UNUSED(shard);
    UNUSED(epoll_events);
    struct listen_socket *socket = CONTAINER_OF(watch, struct listen_socket, watch);
    if (socket->fd < 0) /* closed in this turn */
        return;
    for (int i = 0; i < ACCEPTS_PER_TURN && socket->listener->accepting; i++) {
        union os_address peer;
        memset(&peer, 0, sizeof peer);
        socklen_t size = sizeof peer;
        int fd = accept4(socket->fd, &peer.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            if (listener_admits(socket->listener, &peer))
                listener_hand_over(socket->listener, fd, &peer);
            else
                close(fd);
            continue;
        }
        int code = errno;
        if (code == EAGAIN)
            return;
        if (accept_is_over(code))
            continue;
        listener_pause(socket->listener, code);
        return;
    }
}

/* ---- Opening */

static enum err listen_err(int code)
{
    switch (code) {
    case EADDRINUSE:
        return ERR_BUSY;
    case EACCES:
    case EPERM:
        return ERR_DENIED;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        return ERR_LIMIT;
    default:
        return ERR_INVALID; /* EADDRNOTAVAIL, EAFNOSUPPORT: not an address of this machine */
    }
}

static int socket_open(const struct env_listen_options *options, const union os_address *address,
                       bool dual)
{
    int fd =
        socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0)
        return -1;
    int on = 1;
    int only = dual ? 0 : 1;
    /* Accepted sockets take all of these over from this one. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    os_socket_tune(fd);
    if (options->send_buffer_bytes >= 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &options->send_buffer_bytes, sizeof(int));
    if (options->receive_buffer_bytes >= 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &options->receive_buffer_bytes, sizeof(int));
    if ((address->any.sa_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only) != 0) ||
        bind(fd, &address->any, os_address_size(address)) != 0) {
        int code = errno;
        close(fd);
        errno = code;
        return -1;
    }
    return fd;
}

static enum err listener_add(struct env_listener *listener,
                             const struct env_listen_options *options,
                             const union os_address *wanted, bool dual)
{
    union os_address address = *wanted;
    in_port_t port = htons(listener->port); /* of the sockets before it, when any was asked for */
    if (address.any.sa_family == AF_INET)
        address.v4.sin_port = port;
    else
        address.v6.sin6_port = port;
    int fd = socket_open(options, &address, dual);
    if (fd < 0)
        return listen_err(errno);

    socklen_t size = sizeof address;
    struct listen_socket *socket = &listener->sockets[listener->socket_count];
    if (getsockname(fd, &address.any, &size) != 0) {
        close(fd);
        return ERR_LIMIT;
    }
    listener->port =
        ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
    *socket = (struct listen_socket){.watch.ready = listener_ready, .listener = listener, .fd = fd};
    listener->socket_count++;
    return ERR_OK;
}

/* One IPv6 socket takes IPv4 too; where there is no IPv6, an IPv4 one. */
static enum err listener_add_wildcard(struct env_listener *listener,
                                      const struct env_listen_options *options)
{
    union os_address address;
    memset(&address, 0, sizeof address);
    address.v6.sin6_family = AF_INET6;
    address.v6.sin6_addr = in6addr_any;
    enum err err = listener_add(listener, options, &address, true);
    if (err != ERR_INVALID)
        return err;
    memset(&address, 0, sizeof address);
    address.v4.sin_family = AF_INET;
    address.v4.sin_addr.s_addr = htonl(INADDR_ANY);
    return listener_add(listener, options, &address, false);
}

/* All addresses of a name, "localhost" is two; those that this machine does not have are left out.
 */
static enum err listener_add_named(struct env_listener *listener,
                                   const struct env_listen_options *options)
{
    struct os_addresses addresses;
    if (os_address_resolve(options->host, options->port, false, true, &addresses) != ERR_OK)
        return ERR_INVALID;
    enum err err = ERR_INVALID;
    for (size_t i = 0; i < addresses.count; i++) {
        err = listener_add(listener, options, &addresses.list[i], false);
        if (err != ERR_OK && err != ERR_INVALID)
            return err;
    }
    return listener->socket_count > 0 ? ERR_OK : err;
}

/* Bound sockets become listening ones. */
static enum err listener_begin(struct env_listener *listener)
{
    for (size_t i = 0; i < listener->socket_count; i++) {
        struct listen_socket *socket = &listener->sockets[i];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &socket->watch};
        if (listen(socket->fd, listener->backlog) != 0)
            return listen_err(errno);
        if (epoll_ctl(listener->shard->epoll_fd, EPOLL_CTL_ADD, socket->fd, &event) != 0)
            return ERR_LIMIT;
    }
    listener->listening = true;
    return ERR_OK;
}

enum err os_env_listener_accepting(struct env *env, struct env_listener *listener, bool on)
{
    os_shard_check(os_shard_of(env));
    if (!listener->listening && on) {
        enum err err = listener_begin(listener);
        if (err != ERR_OK)
            return err;
    }
    bool before = listener->accepting;
    listener->accepting = on;
    if (listener->listening && on != before)
        listener_watch(listener);
    return ERR_OK;
}

enum err os_env_listen(struct env *env, const struct env_listen_options *options,
                       struct env_listener **out)
{
    struct os_shard *shard = os_shard_of(env);
    os_shard_check(shard);
    ASSERT(env->shard == 0);
    ASSERT(options->accept != NULL);

    struct env_listener *listener = mem_zalloc(sizeof *listener);
    listener->shard = shard;
    listener->accept = options->accept;
    listener->admit = options->admit;
    listener->backlog = options->backlog > 0 ? options->backlog : SOMAXCONN;
    listener->context = options->context;
    listener->port = options->port;
    env_timer_init(&listener->pause_timer, listener_resume);
    list_push_back(&shard->listeners, &listener->in_listeners);

    bool wildcard = options->host == NULL || options->host[0] == 0;
    enum err err =
        wildcard ? listener_add_wildcard(listener, options) : listener_add_named(listener, options);
    if (err == ERR_OK && !options->held)
        err = os_env_listener_accepting(env, listener, true);
    if (err != ERR_OK) {
        os_env_listener_close(env, listener);
        listener = NULL;
    }
    *out = listener;
    return err;
}

uint16_t os_env_listener_port(struct env_listener *listener)
{
    return listener->port;
}

/* ---- Closing */

void os_env_listener_close(struct env *env, struct env_listener *listener)
{
    struct os_shard *shard = os_shard_of(env);
    os_shard_check(shard);
    ASSERT(listener->shard == shard);
    env_timer_cancel(env, &listener->pause_timer);
    listener->accepting = false;
    for (size_t i = 0; i < listener->socket_count; i++) {
        close(listener->sockets[i].fd);
        listener->sockets[i].fd = -1;
    }
    list_remove(&listener->in_listeners);
    list_push_back(&shard->listeners_closed, &listener->in_listeners);
}

void os_listeners_free_closed(struct os_shard *shard)
{
    for (struct list *node; (node = list_pop_front(&shard->listeners_closed)) != NULL;)
        mem_free(LIST_ENTRY(node, struct env_listener, in_listeners));
}

void os_listeners_deinit(struct os_shard *shard)
{
    while (!list_empty(&shard->listeners))
        os_env_listener_close(&shard->env,
                              LIST_ENTRY(shard->listeners.next, struct env_listener, in_listeners));
    os_listeners_free_closed(shard);
}
