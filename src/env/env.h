#ifndef ENV_ENV_H
#define ENV_ENV_H
/*
 * What we ask of the world: a clock, randomness, timers, messages between shards, streams, files
 * and disk jobs. Every shard is handed one `env` and reaches the world through it alone. os/
 * implements it with epoll and threads; tests/sim implements it as a simulated world that runs a
 * whole cluster in one thread from one seed.
 *
 * Threads: a function that takes an env is called on that env's shard only. Callbacks (fire,
 * deliver, done, on_event, accept) run on the shard, from the top of its loop, never from inside
 * another call on the env: a call on an env never calls back before it returns.
 */
#include "base/assert.h"
#include "base/err.h"
#include "base/heap.h"
#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct env;
struct env_disk;
struct env_file;
struct env_stream;
struct env_listener;

/* Same layout as POSIX's struct iovec. */
struct env_iov {
    void *base;
    size_t size;
};

/* ---- Timers
 * ------------------------------------------------------------------------------------------------------
 */

/* One shot, embedded in its owner. Fires at or after its deadline, on the shard that set it. */
struct env_timer {
    struct heap_node node; /* the implementation's; its key is the deadline */
    void (*fire)(struct env *env, struct env_timer *timer);
};

static inline void env_timer_init(struct env_timer *timer,
                                  void (*fire)(struct env *, struct env_timer *))
{
    heap_node_init(&timer->node);
    timer->fire = fire;
}

static inline bool env_timer_is_set(const struct env_timer *timer)
{
    return heap_node_in(&timer->node);
}

/* ---- Messages between shards
 * ------------------------------------------------------------------------------------- */

/*
 * Embedded in what it carries, which belongs to the receiver from env_post until the receiver gives
 * it back. Between each pair of shards, in order. A shard may post to itself: it is delivered in a
 * later turn of the loop.
 */
struct env_msg {
    struct env_msg *next;
    void (*deliver)(struct env *env, struct env_msg *msg);
};

/* ---- Disk jobs
 * ---------------------------------------------------------------------------------------------------
 */

/*
 * Work that waits for a disk: runs start to end on a disk thread, where the blocking calls of
 * env_disk are allowed, and is then reported back to the shard that submitted it. While it is under
 * way the job and everything it points to belong to it alone. Jobs of one queue run one at a time,
 * in order; jobs of different queues run side by side, those of one device (log directory) on that
 * device's threads, so that a disk that hangs holds up nobody else's.
 */
struct env_job {
    struct list node; /* the implementation's */
    struct env_queue *queue;
    uint32_t shard;
    void (*run)(struct env_job *job, struct env_disk *disk);
    void (*done)(struct env *env, struct env_job *job);
};

/* Embedded in what its jobs work on (one for each partition, say). Must be idle (env_queue_idle)
 * when it goes away. */
struct env_queue {
    struct list jobs;
    uint32_t device; /* index of the log directory; ENV_DEVICE_NONE for what belongs to none */
    bool running;
};

#define ENV_DEVICE_NONE UINT32_MAX

static inline void env_queue_init(struct env_queue *queue, uint32_t device)
{
    list_init(&queue->jobs);
    queue->device = device;
    queue->running = false;
}

/* ---- Files: on the shard
 * ----------------------------------------------------------------------------------------- */

/*
 * A file is opened, truncated, synced, renamed, removed and closed by jobs only (env_disk below).
 * On the shard there are two calls, neither of which waits for the disk:
 *
 * env_file_write goes to the page cache. All of it or an error; after an error the bytes at the
 * position are unknown. env_file_read gives what is in memory: *out_size bytes from the position
 * on, fewer than asked at the end of file (0 at it) or where the rest is not in memory. ERR_AGAIN
 * when the first byte is not in memory: read it in a job.
 *
 * A sync (disk_sync) covers the writes that were done before its job was submitted. A sync that
 * fails may have dropped them, and is never repeated: the directory goes offline.
 */

/* ---- Streams
 * -----------------------------------------------------------------------------------------------------
 */

enum env_stream_event {
    ENV_READABLE = 1, /* a read gives bytes, the end or the error */
    ENV_WRITABLE =
        2, /* a write takes bytes or gives the error; for env_connect: connected, or failed */
};

/*
 * A byte stream as TCP gives it. Level-triggered: on_event is called in each turn of the loop as
 * long as what is wanted (env_stream_want) is true. After accept nothing is wanted yet. A
 * connecting stream wants ENV_WRITABLE on its own until the outcome is known; env_stream_status
 * then tells it.
 */
struct env_stream_handler {
    void (*on_event)(struct env *env, struct env_stream *stream, void *context, unsigned events);
};

#define ENV_ADDRESS_BYTES 64 /* "[addr]:port" or "addr:port", with the 0 byte */

/* What a listener does with its streams; each accepted one goes to the next shard in turn and is
 * reported there. */
struct env_listen_options {
    /* The port is taken, but connections are refused until env_listener_accepting. */
    bool held;
    const char *host; /* name or address; NULL or "" for all addresses, IPv6 and IPv4 */
    uint16_t port;    /* 0: any; env_listener_port tells which */
    int backlog;
    int send_buffer_bytes;    /* -1: the system's default */
    int receive_buffer_bytes; /* -1 likewise */
    /* On shard 0, before a connection goes to its shard: false has it closed at once. It may stop
     * the listener from taking more (env_listener_accepting). NULL: all are taken. */
    bool (*admit)(struct env *env, void *context, const char *peer);
    void (*accept)(struct env *env, void *context, struct env_stream *stream);
    void *context;
};

/* ---- The table
 * ---------------------------------------------------------------------------------------------------
 */

struct env_ops {
    uint64_t (*now_ns)(struct env *env);
    uint64_t (*clock_ns)(struct env *env);
    int64_t (*wall_ms)(struct env *env);
    void (*random)(struct env *env, void *out, size_t size);

    void (*timer_set)(struct env *env, struct env_timer *timer, uint64_t deadline_ns);
    void (*timer_cancel)(struct env *env, struct env_timer *timer);
    void (*post)(struct env *env, uint32_t shard, struct env_msg *msg);
    void (*submit)(struct env *env, struct env_queue *queue, struct env_job *job);

    enum err (*file_write)(struct env *env, struct env_file *file, const struct env_iov *iov,
                           size_t iov_count, uint64_t position);
    enum err (*file_read)(struct env *env, struct env_file *file, void *out, size_t size,
                          uint64_t position, size_t *out_size);

    enum err (*listen)(struct env *env, const struct env_listen_options *options,
                       struct env_listener **out);
    uint16_t (*listener_port)(struct env_listener *listener);
    enum err (*listener_accepting)(struct env *env, struct env_listener *listener, bool on);
    void (*listener_close)(struct env *env, struct env_listener *listener);
    enum err (*connect)(struct env *env, const char *host, uint16_t port, struct env_stream **out);
    void (*stream_handle)(struct env_stream *stream, const struct env_stream_handler *handler,
                          void *context);
    void (*stream_want)(struct env_stream *stream, unsigned events);
    enum err (*stream_status)(struct env_stream *stream);
    enum err (*stream_read)(struct env_stream *stream, void *out, size_t size, size_t *out_size);
    enum err (*stream_write)(struct env_stream *stream, const struct env_iov *iov, size_t iov_count,
                             size_t *out_size);
    const char *(*stream_peer)(struct env_stream *stream);
    const char *(*stream_local)(struct env_stream *stream);
    void (*stream_close)(struct env_stream *stream);
};

struct env {
    const struct env_ops *ops;
    uint32_t shard;       /* this one's index */
    uint32_t shard_count; /* of the node */
};

/* Monotonic, from an arbitrary start; the time at which this turn of the loop began, at least. */
static inline uint64_t env_now_ns(struct env *env)
{
    return env->ops->now_ns(env);
}

/* The same clock, read now: for measuring how long work took. */
static inline uint64_t env_clock_ns(struct env *env)
{
    return env->ops->clock_ns(env);
}

/* Milliseconds since 1970; may jump. */
static inline int64_t env_wall_ms(struct env *env)
{
    return env->ops->wall_ms(env);
}

/* Cryptographically strong bytes. */
static inline void env_random(struct env *env, void *out, size_t size)
{
    env->ops->random(env, out, size);
}

/* A set timer is moved. A deadline in the past fires in the next turn. */
static inline void env_timer_set(struct env *env, struct env_timer *timer, uint64_t deadline_ns)
{
    env->ops->timer_set(env, timer, deadline_ns);
}

static inline void env_timer_set_ms(struct env *env, struct env_timer *timer, uint64_t delay_ms)
{
    env->ops->timer_set(env, timer, env->ops->now_ns(env) + delay_ms * UINT64_C(1000000));
}

/* Harmless on one that is not set. */
static inline void env_timer_cancel(struct env *env, struct env_timer *timer)
{
    env->ops->timer_cancel(env, timer);
}

static inline void env_post(struct env *env, uint32_t shard, struct env_msg *msg)
{
    env->ops->post(env, shard, msg);
}

static inline void env_submit(struct env *env, struct env_queue *queue, struct env_job *job)
{
    env->ops->submit(env, queue, job);
}

/* No job of this queue waits, runs, or has its `done` still to come. */
static inline bool env_queue_idle(const struct env_queue *queue)
{
    return !queue->running && list_empty(&queue->jobs);
}

static inline MUST_USE enum err env_file_write(struct env *env, struct env_file *file,
                                               const struct env_iov *iov, size_t iov_count,
                                               uint64_t position)
{
    return env->ops->file_write(env, file, iov, iov_count, position);
}

static inline MUST_USE enum err env_file_read(struct env *env, struct env_file *file, void *out,
                                              size_t size, uint64_t position, size_t *out_size)
{
    return env->ops->file_read(env, file, out, size, position, out_size);
}

/* On shard 0. ERR_BUSY: the address is in use. ERR_INVALID: the host has no address here. */
static inline MUST_USE enum err
env_listen(struct env *env, const struct env_listen_options *options, struct env_listener **out)
{
    return env->ops->listen(env, options, out);
}

static inline uint16_t env_listener_port(struct env *env, struct env_listener *listener)
{
    return env->ops->listener_port(listener);
}

/* On shard 0. `on`: connections are taken (from the start, unless options.held). Else they wait in
 * the backlog. What can fail is a held listener's first time: ERR_BUSY, another process has the
 * address by now. */
static inline MUST_USE enum err env_listener_accepting(struct env *env,
                                                       struct env_listener *listener, bool on)
{
    return env->ops->listener_accepting(env, listener, on);
}

/* No accept comes after this, but for streams already on their way to another shard. */
static inline void env_listener_close(struct env *env, struct env_listener *listener)
{
    env->ops->listener_close(env, listener);
}

/* Starts a connection. Set a handler and it is told ENV_WRITABLE when the outcome is known. */
static inline MUST_USE enum err env_connect(struct env *env, const char *host, uint16_t port,
                                            struct env_stream **out)
{
    return env->ops->connect(env, host, port, out);
}

static inline void env_stream_handle(struct env *env, struct env_stream *stream,
                                     const struct env_stream_handler *handler, void *context)
{
    env->ops->stream_handle(stream, handler, context);
}

/* What to be told of, ENV_READABLE | ENV_WRITABLE; replaces what was wanted before. */
static inline void env_stream_want(struct env *env, struct env_stream *stream, unsigned events)
{
    env->ops->stream_want(stream, events);
}

/* ERR_AGAIN while connecting, ERR_OK when connected, else why not: ERR_RESET refused or
 * unreachable, ERR_NOTFOUND no such name, ERR_TIMEOUT, ERR_DENIED, ERR_LIMIT no descriptors or
 * ports left. */
static inline MUST_USE enum err env_stream_status(struct env *env, struct env_stream *stream)
{
    return env->ops->stream_status(stream);
}

/* ERR_OK: *out_size > 0 bytes. ERR_AGAIN: none now. ERR_CLOSED: the peer has ended. ERR_RESET:
 * broken. */
static inline MUST_USE enum err env_stream_read(struct env *env, struct env_stream *stream,
                                                void *out, size_t size, size_t *out_size)
{
    return env->ops->stream_read(stream, out, size, out_size);
}

/* ERR_OK: *out_size > 0 bytes taken, perhaps not all. ERR_AGAIN: none now. ERR_RESET: broken. */
static inline MUST_USE enum err env_stream_write(struct env *env, struct env_stream *stream,
                                                 const struct env_iov *iov, size_t iov_count,
                                                 size_t *out_size)
{
    return env->ops->stream_write(stream, iov, iov_count, out_size);
}

/* The peer's and our own address as text, "127.0.0.1:5000" or "[::1]:5000"; live as long as the
 * stream. */
static inline const char *env_stream_peer(struct env *env, struct env_stream *stream)
{
    return env->ops->stream_peer(stream);
}

static inline const char *env_stream_local(struct env *env, struct env_stream *stream)
{
    return env->ops->stream_local(stream);
}

/* The stream is gone, and no callback of its comes after this. Bytes written are still sent where
 * possible. */
static inline void env_stream_close(struct env *env, struct env_stream *stream)
{
    env->ops->stream_close(stream);
}

#endif
