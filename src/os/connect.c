/*
 * Connecting: a name is looked up on a thread of the resolver's, then its addresses are tried in
 * turn; a numeric address is tried at once. An address that does not answer holds up the next one
 * for ATTEMPT_MS only; the last one has the system's patience (the caller's timer is shorter).
 *
 * The outcome is told by the loop (os_stream_outcome), never from inside env_connect.
 */
#define LOG_ROOM "os"
#include "os/os_int.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ATTEMPT_MS 3000

struct os_connect {
    struct env_job job; /* looks host up */
    struct env_queue queue;
    struct env_timer timer;
    struct env_stream *stream; /* NULL: abandoned while the job was under way */
    struct os_addresses addresses;
    size_t next_index;
    enum err err; /* of the look-up, then of the last attempt */
    uint16_t port;
    char host[];
};

static const struct {
    int code;
    enum err err;
} connect_errs[] = {
    {ETIMEDOUT, ERR_TIMEOUT}, {EACCES, ERR_DENIED},       {EPERM, ERR_DENIED},
    {EMFILE, ERR_LIMIT},      {ENFILE, ERR_LIMIT},        {ENOBUFS, ERR_LIMIT},
    {ENOMEM, ERR_LIMIT},      {EADDRNOTAVAIL, ERR_LIMIT}, /* no local port left */
};

static enum err connect_err(int code)
{
    for (size_t i = 0; i < ARRAY_COUNT(connect_errs); i++)
        if (connect_errs[i].code == code)
            return connect_errs[i].err;
    return ERR_RESET; /* refused, unreachable */
}

static void connect_finish(struct env_stream *stream, enum err err)
{
    struct os_connect *connect = stream->connect;
    env_timer_cancel(&stream->shard->env, &connect->timer);
    mem_free(connect);
    stream->connect = NULL;
    os_stream_outcome(stream, err);
}

static void connect_attempt_failed(struct env_stream *stream, int code)
{
    char text[ENV_ADDRESS_BYTES];
    os_address_text(&stream->peer, text);
    LOG_DEBUG("cannot connect to %s: %s", text, os_err_sentence(code));
    stream->connect->err = connect_err(code);
    if (stream->fd >= 0)
        close(stream->fd);
    stream->fd = -1;
    stream->watched = false;
    stream->polled = 0;
}

/* False: this address failed at once. */
static bool connect_attempt(struct env_stream *stream, const union os_address *address)
{
    stream->peer = *address;
    mem_free(stream->peer_text);
    stream->peer_text = NULL;
    stream->fd =
        socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (stream->fd >= 0) {
        os_socket_tune(stream->fd);
        if (connect(stream->fd, &address->any, os_address_size(address)) == 0 ||
            errno == EINPROGRESS || errno == EINTR) {
            os_stream_changed(stream); /* becomes writable when it is known */
            return true;
        }
    }
    connect_attempt_failed(stream, errno);
    return false;
}

/* False: no address is left. */
static bool connect_next(struct env_stream *stream)
{
    struct os_connect *connect = stream->connect;
    stream->state = OS_STREAM_CONNECTING;
    while (connect->next_index < connect->addresses.count) {
        if (!connect_attempt(stream, &connect->addresses.list[connect->next_index++]))
            continue;
        if (connect->next_index < connect->addresses.count)
            env_timer_set_ms(&stream->shard->env, &connect->timer, ATTEMPT_MS);
        else
            env_timer_cancel(&stream->shard->env, &connect->timer);
        return true;
    }
    return false;
}

static void connect_timeout(struct env *env, struct env_timer *timer)
{
    UNUSED(env);
    struct os_connect *connect = CONTAINER_OF(timer, struct os_connect, timer);
    connect_attempt_failed(connect->stream, ETIMEDOUT);
    if (!connect_next(connect->stream))
        connect_finish(connect->stream, connect->err);
}

/* Connecting to a port of this machine where nobody listens, TCP may connect a socket with itself,
 * when it happens to draw that port as its own. */
static bool connect_to_itself(const struct env_stream *stream)
{
    union os_address local;
    memset(&local, 0, sizeof local);
    socklen_t size = sizeof local;
    if (getsockname(stream->fd, &local.any, &size) != 0 ||
        local.any.sa_family != stream->peer.any.sa_family)
        return false;
    if (local.any.sa_family == AF_INET)
        return local.v4.sin_port == stream->peer.v4.sin_port &&
               local.v4.sin_addr.s_addr == stream->peer.v4.sin_addr.s_addr;
    return local.v6.sin6_port == stream->peer.v6.sin6_port &&
           memcmp(&local.v6.sin6_addr, &stream->peer.v6.sin6_addr, sizeof local.v6.sin6_addr) == 0;
}

void os_connect_ready(struct env_stream *stream)
{
    int code = 0;
    socklen_t size = sizeof code;
    if (getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &code, &size) != 0)
        code = errno;
    if (code == 0 && connect_to_itself(stream))
        code = ECONNREFUSED;
    if (code == 0) {
        connect_finish(stream, ERR_OK);
        return;
    }
    connect_attempt_failed(stream, code);
    if (!connect_next(stream))
        connect_finish(stream, stream->connect->err);
}

/* ---- The look-up */

static void resolve_run(struct env_job *job, struct env_disk *disk)
{
    UNUSED(disk);
    struct os_connect *connect = CONTAINER_OF(job, struct os_connect, job);
    connect->err =
        os_address_resolve(connect->host, connect->port, false, false, &connect->addresses);
}

static void resolve_done(struct env *env, struct env_job *job)
{
    UNUSED(env);
    struct os_connect *connect = CONTAINER_OF(job, struct os_connect, job);
    struct env_stream *stream = connect->stream;
    if (stream == NULL) {
        mem_free(connect);
        return;
    }
    if (connect->err != ERR_OK)
        LOG_DEBUG("cannot find %s: %s", connect->host, err_text(connect->err));
    if (connect->err != ERR_OK || !connect_next(stream))
        connect_finish(stream, connect->err);
}

bool os_connect_drop_job(struct env_job *job)
{
    if (job->run != resolve_run)
        return false;
    struct os_connect *connect = CONTAINER_OF(job, struct os_connect, job);
    if (connect->stream != NULL)
        connect->queue.running = false; /* its stream frees it */
    else
        mem_free(connect);
    return true;
}

/* ---- The env's calls */

enum err os_env_connect(struct env *env, const char *host, uint16_t port, struct env_stream **out)
{
    struct os_shard *shard = os_shard_of(env);
    os_shard_check(shard);
    ASSERT(host != NULL);
    *out = NULL;
    size_t host_size = strlen(host);
    if (host_size == 0 || host_size > 255 || port == 0) /* RFC 1035: a name has at most 255 bytes */
        return ERR_INVALID;

    struct env_stream *stream = os_stream_new(shard, -1, OS_STREAM_RESOLVING);
    list_push_back(&shard->streams, &stream->in_streams);
    struct os_connect *connect = mem_zalloc(sizeof *connect + host_size + 1);
    memcpy(connect->host, host, host_size + 1);
    connect->port = port;
    connect->stream = stream;
    env_queue_init(&connect->queue, ENV_DEVICE_NONE);
    env_timer_init(&connect->timer, connect_timeout);
    stream->connect = connect;
    *out = stream;

    if (os_address_resolve(host, port, true, false, &connect->addresses) != ERR_OK) {
        stream->peer_text = mem_printf("%s:%u", host, port);
        connect->job.run = resolve_run;
        connect->job.done = resolve_done;
        os_submit_resolve(shard, &connect->queue, &connect->job);
        return ERR_OK;
    }
    if (!connect_next(stream))
        connect_finish(stream, connect->err);
    return ERR_OK;
}

void os_connect_abandon(struct env_stream *stream)
{
    struct os_connect *connect = stream->connect;
    stream->connect = NULL;
    env_timer_cancel(&stream->shard->env, &connect->timer);
    if (connect->queue.running)
        connect->stream = NULL; /* resolve_done frees it */
    else
        mem_free(connect);
}
