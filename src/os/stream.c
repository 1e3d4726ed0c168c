/*
 * Streams: nonblocking TCP sockets in the shard's epoll set, level-triggered.
 *
 * States (enum os_stream_state) and who makes each move:
 *     RESOLVING  -> CONNECTING               connect.c, when the name's addresses are known
 *     RESOLVING, CONNECTING -> OPEN, FAILED  os_stream_outcome
 *     OPEN       -> FAILED                   stream_apply, when epoll refuses the socket
 *     OPEN       -> LINGERING                os_env_stream_close, when sent bytes are not
 * acknowledged any        -> CLOSED                   os_stream_destroy; freed at the end of the
 * turn
 *
 * Invariants:
 * 1. What epoll watches (`polled`) holds what is wanted at each wait; it may hold ENV_READABLE
 *    beyond that: a connection that pauses reading while it works on a request and then goes on
 *    costs no system call. When the event does come unwanted, it is unsubscribed.
 * 2. EPOLLHUP and EPOLLERR cannot be unsubscribed: with nothing wanted the socket leaves the set.
 * 3. A stream in shard->ready has no socket: the loop tells it itself, each turn, what epoll would.
 */
#define LOG_ROOM "os"
#include "os/os_int.h"

#include "base/mem.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#define IOV_COUNT_MAX 1024 /* the system's (UIO_MAXIOV) */

/* A closed stream whose last bytes are still on their way is kept this long, and this many of them.
 * Many of those wait for a peer that has stopped reading. */
#define LINGER_NS UINT64_C(2000000000)
#define LINGERING_COUNT_MAX 1024
#define LINGER_READS_PER_TURN 8

STATIC_ASSERT(sizeof(struct env_iov) == sizeof(struct iovec) &&
                  offsetof(struct env_iov, base) == offsetof(struct iovec, iov_base) &&
                  offsetof(struct env_iov, size) == offsetof(struct iovec, iov_len),
              "env_iov is iovec");

/* ---- Life */

static void stream_ready(struct os_shard *shard, struct os_watch *watch, uint32_t epoll_events);

struct env_stream *os_stream_new(struct os_shard *shard, int fd, enum os_stream_state state)
{
    struct env_stream *stream = mem_zalloc(sizeof *stream);
    stream->watch.ready = stream_ready;
    stream->shard = shard;
    stream->fd = fd;
    stream->state = (uint8_t)state;
    list_init(&stream->in_streams);
    list_init(&stream->in_changed);
    list_init(&stream->in_ready);
    return stream;
}

void os_socket_tune(int fd)
{
    /* Best effort: a socket without these still works. Accepted sockets have them from their
     * listener. */
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

static void stream_free(struct env_stream *stream)
{
    mem_free(stream->peer_text);
    mem_free(stream->local_text);
    mem_free(stream);
}

void os_stream_destroy(struct env_stream *stream)
{
    ASSERT(stream->state != OS_STREAM_CLOSED);
    if (stream->state == OS_STREAM_RESOLVING || stream->state == OS_STREAM_CONNECTING)
        os_connect_abandon(stream);
    if (stream->state == OS_STREAM_LINGERING)
        stream->shard->lingering_count--;
    if (stream->fd >= 0)
        close(stream->fd); /* and out of the epoll set */
    stream->fd = -1;
    stream->state = OS_STREAM_CLOSED;
    list_remove(&stream->in_changed);
    list_remove(&stream->in_ready);
    list_remove(&stream->in_streams);
    list_push_back(&stream->shard->closed, &stream->in_streams);
}

/* ---- Interest */

static uint32_t stream_epoll_events(unsigned wanted)
{
    return ((wanted & ENV_READABLE) ? EPOLLIN : 0U) | ((wanted & ENV_WRITABLE) ? EPOLLOUT : 0U);
}

static void stream_fail(struct env_stream *stream, enum err err)
{
    ASSERT(err != ERR_OK && err != ERR_AGAIN);
    if (stream->fd >= 0)
        close(stream->fd);
    stream->fd = -1;
    stream->watched = false;
    stream->polled = 0;
    stream->state = OS_STREAM_FAILED;
    stream->status = (uint8_t)err;
    list_remove(&stream->in_changed);
    list_remove(&stream->in_ready);
    if (stream->untold || stream->wanted != 0)
        list_push_back(&stream->shard->ready, &stream->in_ready);
}

static void stream_poll(struct env_stream *stream, uint32_t epoll_events)
{
    struct epoll_event event = {.events = epoll_events, .data.ptr = &stream->watch};
    int operation = stream->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(stream->shard->epoll_fd, operation, stream->fd, &event) != 0) {
        /* Out of memory or of watches (fs.epoll.max_user_watches). */
        LOG_WARN("cannot watch a connection, so it is given up: %s", os_err_sentence(errno));
        stream_fail(stream, ERR_LIMIT);
        return;
    }
    stream->watched = true;
    stream->polled = epoll_events;
}

static void stream_unpoll(struct env_stream *stream)
{
    epoll_ctl(stream->shard->epoll_fd, EPOLL_CTL_DEL, stream->fd, NULL);
    stream->watched = false;
    stream->polled = 0;
}

static void stream_apply(struct env_stream *stream)
{
    uint32_t events = stream_epoll_events(stream->wanted);
    switch ((enum os_stream_state)stream->state) {
    case OS_STREAM_CONNECTING:
        events = EPOLLOUT;
        break;
    case OS_STREAM_LINGERING:
        events = EPOLLIN;
        break;
    case OS_STREAM_OPEN:
        break;
    case OS_STREAM_RESOLVING:
    case OS_STREAM_FAILED:
    case OS_STREAM_CLOSED:
        return;
    }
    bool missing = (events & ~stream->polled) != 0;
    /* A socket is writable most of the time: an unwanted EPOLLOUT would come at once. */
    bool hasty = (stream->polled & ~events & EPOLLOUT) != 0;
    if (missing || hasty)
        stream_poll(stream, events);
}

void os_stream_changed(struct env_stream *stream)
{
    if (list_empty(&stream->in_changed))
        list_push_back(&stream->shard->changed, &stream->in_changed);
}

void os_streams_apply_changes(struct os_shard *shard)
{
    for (struct list *node; (node = list_pop_front(&shard->changed)) != NULL;)
        stream_apply(LIST_ENTRY(node, struct env_stream, in_changed));
}

/* ---- Events */

void os_stream_tell(struct env_stream *stream, unsigned events)
{
    ASSERT(stream->handler != NULL);
    stream->handler->on_event(&stream->shard->env, stream, stream->context, events);
}

static void linger_ready(struct env_stream *stream)
{
    uint8_t scratch[4096];
    for (int i = 0; i < LINGER_READS_PER_TURN; i++) {
        ssize_t size = recv(stream->fd, scratch, sizeof scratch, 0);
        if (size > 0 || (size < 0 && errno == EINTR))
            continue;
        if (size < 0 && errno == EAGAIN)
            return;
        os_stream_destroy(stream); /* the peer has ended, so it has read it all, or broke it off */
        return;
    }
}

static void stream_ready(struct os_shard *shard, struct os_watch *watch, uint32_t epoll_events)
{
    UNUSED(shard);
    struct env_stream *stream = CONTAINER_OF(watch, struct env_stream, watch);
    if (stream->state == OS_STREAM_CONNECTING) {
        os_connect_ready(stream);
        return;
    }
    if (stream->state == OS_STREAM_LINGERING) {
        linger_ready(stream);
        return;
    }
    if (stream->state != OS_STREAM_OPEN)
        return;
    bool broken = (epoll_events & (EPOLLERR | EPOLLHUP)) != 0;
    unsigned events = 0;
    if (broken || (epoll_events & EPOLLIN) != 0)
        events |= ENV_READABLE;
    if (broken || (epoll_events & EPOLLOUT) != 0)
        events |= ENV_WRITABLE;
    if ((events & stream->wanted) != 0)
        os_stream_tell(stream, events & stream->wanted);
    else if (broken)
        stream_unpoll(stream);
    else
        stream_poll(stream, stream_epoll_events(stream->wanted));
}

void os_stream_outcome(struct env_stream *stream, enum err err)
{
    ASSERT(stream->state == OS_STREAM_RESOLVING || stream->state == OS_STREAM_CONNECTING);
    stream->untold = true;
    if (err != ERR_OK) {
        stream_fail(stream, err);
        return;
    }
    stream->state = OS_STREAM_OPEN;
    os_stream_changed(stream);
    /* From epoll's callback, hence on top of the loop; but the handler may not be there yet. */
    if (stream->handler != NULL) {
        stream->untold = false;
        os_stream_tell(stream, ENV_WRITABLE);
    }
}

void os_streams_tell_ready(struct os_shard *shard)
{
    struct list ready;
    list_init(&ready);
    list_splice(&ready, &shard->ready);
    for (struct list *node; (node = list_pop_front(&ready)) != NULL;) {
        struct env_stream *stream = LIST_ENTRY(node, struct env_stream, in_ready);
        if (stream->handler == NULL)
            continue; /* os_env_stream_handle puts it back */
        unsigned events = stream->untold ? (unsigned)ENV_WRITABLE : 0U;
        stream->untold = false;
        if (stream->state == OS_STREAM_FAILED && stream->wanted != 0) {
            events |= stream->wanted;
            list_push_back(&shard->ready, &stream->in_ready);
        }
        if (events != 0)
            os_stream_tell(stream, events);
    }
}

/* ---- The env's calls */

void os_env_stream_handle(struct env_stream *stream, const struct env_stream_handler *handler,
                          void *context)
{
    os_shard_check(stream->shard);
    ASSERT(handler != NULL && handler->on_event != NULL);
    stream->handler = handler;
    stream->context = context;
    if ((stream->untold || stream->state == OS_STREAM_FAILED) && list_empty(&stream->in_ready))
        list_push_back(&stream->shard->ready, &stream->in_ready);
}

void os_env_stream_want(struct env_stream *stream, unsigned events)
{
    os_shard_check(stream->shard);
    ASSERT((events & ~(unsigned)(ENV_READABLE | ENV_WRITABLE)) == 0);
    if (stream->wanted == events)
        return;
    stream->wanted = (uint8_t)events;
    if (stream->state == OS_STREAM_FAILED) {
        if (events != 0 && list_empty(&stream->in_ready))
            list_push_back(&stream->shard->ready, &stream->in_ready);
        return;
    }
    os_stream_changed(stream);
}

enum err os_env_stream_status(struct env_stream *stream)
{
    switch ((enum os_stream_state)stream->state) {
    case OS_STREAM_RESOLVING:
    case OS_STREAM_CONNECTING:
        return ERR_AGAIN;
    case OS_STREAM_OPEN:
        return ERR_OK;
    case OS_STREAM_FAILED:
        return (enum err)stream->status;
    case OS_STREAM_LINGERING:
    case OS_STREAM_CLOSED:
        break;
    }
    PANIC("a closed stream was asked for its status");
}

/* ERR_OK: there is a socket to use. */
static enum err stream_usable(const struct env_stream *stream)
{
    os_shard_check(stream->shard);
    if (stream->state == OS_STREAM_OPEN)
        return ERR_OK;
    if (stream->state == OS_STREAM_RESOLVING || stream->state == OS_STREAM_CONNECTING)
        return ERR_AGAIN;
    ASSERT(stream->state == OS_STREAM_FAILED);
    return ERR_RESET;
}

enum err os_env_stream_read(struct env_stream *stream, void *out, size_t size, size_t *out_size)
{
    ASSERT(size > 0);
    *out_size = 0;
    enum err err = stream_usable(stream);
    if (err != ERR_OK)
        return err;
    for (;;) {
        ssize_t got = recv(stream->fd, out, size, 0);
        if (got > 0) {
            *out_size = (size_t)got;
            return ERR_OK;
        }
        if (got == 0)
            return ERR_CLOSED;
        if (errno == EAGAIN)
            return ERR_AGAIN;
        if (errno != EINTR)
            return ERR_RESET;
    }
}

enum err os_env_stream_write(struct env_stream *stream, const struct env_iov *iov, size_t iov_count,
                             size_t *out_size)
{
    ASSERT(iov_count > 0);
    *out_size = 0;
    enum err err = stream_usable(stream);
    if (err != ERR_OK)
        return err;
    /* sendmsg only reads the vector. */
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)iov,
                             .msg_iovlen = iov_count < IOV_COUNT_MAX ? iov_count : IOV_COUNT_MAX};
    for (;;) {
        ssize_t sent = sendmsg(stream->fd, &message, MSG_NOSIGNAL);
        if (sent >= 0) {
            ASSERT(sent > 0); /* nothing to write was handed over */
            stream->wrote = true;
            *out_size = (size_t)sent;
            return ERR_OK;
        }
        if (errno == EAGAIN)
            return ERR_AGAIN;
        if (errno != EINTR)
            return ERR_RESET;
    }
}

const char *os_env_stream_peer(struct env_stream *stream)
{
    if (stream->peer_text == NULL) {
        char text[ENV_ADDRESS_BYTES];
        os_address_text(&stream->peer, text);
        stream->peer_text = mem_strdup(text);
    }
    return stream->peer_text;
}

const char *os_env_stream_local(struct env_stream *stream)
{
    if (stream->local_text != NULL)
        return stream->local_text;
    union os_address address;
    memset(&address, 0, sizeof address);
    socklen_t size = sizeof address;
    if (stream->state != OS_STREAM_OPEN || getsockname(stream->fd, &address.any, &size) != 0)
        return "unknown";
    char text[ENV_ADDRESS_BYTES];
    os_address_text(&address, text);
    stream->local_text = mem_strdup(text);
    return stream->local_text;
}

/* ---- Closing */

/*
 * close() on a socket that holds unread bytes, or gets more of them, resets the connection, and the
 * system then throws away what it has not sent yet: a peer that was told "no" in the middle of its
 * next request would never read why. So a socket with unacknowledged bytes sends its end and drains
 * what comes until the peer has ended too, or for LINGER_NS.
 */
static bool linger_needed(struct env_stream *stream)
{
    int unsent_bytes = 0;
    return stream->state == OS_STREAM_OPEN && stream->wrote &&
           stream->shard->lingering_count < LINGERING_COUNT_MAX &&
           ioctl(stream->fd, SIOCOUTQ, &unsent_bytes) == 0 && unsent_bytes > 0 &&
           shutdown(stream->fd, SHUT_WR) == 0;
}

static void linger_timer_set(struct os_shard *shard)
{
    if (list_empty(&shard->lingering)) {
        env_timer_cancel(&shard->env, &shard->linger_timer);
        return;
    }
    struct env_stream *oldest = LIST_ENTRY(shard->lingering.next, struct env_stream, in_ready);
    env_timer_set(&shard->env, &shard->linger_timer, oldest->linger_deadline_ns);
}

static void linger_fire(struct env *env, struct env_timer *timer)
{
    UNUSED(timer);
    struct os_shard *shard = os_shard_of(env);
    while (!list_empty(&shard->lingering)) {
        struct env_stream *oldest = LIST_ENTRY(shard->lingering.next, struct env_stream, in_ready);
        if (oldest->linger_deadline_ns > shard->now_ns)
            break;
        os_stream_destroy(oldest);
    }
    linger_timer_set(shard);
}

void os_env_stream_close(struct env_stream *stream)
{
    struct os_shard *shard = stream->shard;
    os_shard_check(shard);
    ASSERT(stream->state != OS_STREAM_LINGERING && stream->state != OS_STREAM_CLOSED);
    if (!linger_needed(stream)) {
        os_stream_destroy(stream);
        return;
    }
    stream->state = OS_STREAM_LINGERING;
    stream->linger_deadline_ns = shard->now_ns + LINGER_NS;
    list_remove(&stream->in_ready);
    list_push_back(&shard->lingering, &stream->in_ready);
    shard->lingering_count++;
    if (!env_timer_is_set(&shard->linger_timer))
        linger_timer_set(shard);
    os_stream_changed(stream);
}

/* ---- The shard's lists */

void os_streams_init(struct os_shard *shard)
{
    list_init(&shard->streams);
    list_init(&shard->changed);
    list_init(&shard->ready);
    list_init(&shard->closed);
    list_init(&shard->lingering);
    env_timer_init(&shard->linger_timer, linger_fire);
}

void os_streams_free_closed(struct os_shard *shard)
{
    for (struct list *node; (node = list_pop_front(&shard->closed)) != NULL;)
        stream_free(LIST_ENTRY(node, struct env_stream, in_streams));
}

void os_streams_deinit(struct os_shard *shard)
{
    while (!list_empty(&shard->streams))
        os_stream_destroy(LIST_ENTRY(shard->streams.next, struct env_stream, in_streams));
    os_streams_free_closed(shard);
}
