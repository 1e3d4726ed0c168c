#ifndef FAKE_ENV_H
#define FAKE_ENV_H
/*
 * An env of one shard for tests of what lives on streams: time stands still until the test moves
 * it, and the test is the other end of every stream. No files, no listeners but through accept.
 */
#include "base/buf.h"
#include "base/heap.h"
#include "base/mem.h"
#include "env/env.h"

#include <string.h>

struct env_stream {
    struct fake_env *owner;
    struct list node;
    const struct env_stream_handler *handler;
    void *context;
    unsigned wanted;
    enum err status; /* of connecting */
    bool connecting;
    struct buf in; /* for the code under test to read */
    size_t in_taken;
    size_t read_max;   /* bytes that one read gives at most; 0: no limit */
    enum err in_end;   /* once `in` is empty: ERR_AGAIN, ERR_CLOSED or ERR_RESET */
    struct buf out;    /* what it has written */
    size_t write_room; /* bytes that it may still write; SIZE_MAX: no limit */
    enum err out_err;  /* what a write gives instead, unless ERR_OK */
    bool closed;       /* by the code under test */
    unsigned writes;   /* calls that took bytes */
};

struct fake_env {
    struct env env;
    uint64_t now_ns;
    struct heap timers;
    struct list streams;          /* also closed ones, until fake_env_deinit */
    struct env_stream *connected; /* the newest that env_connect made */
    unsigned connects;
    enum err connect_err;
    uint64_t random;
    struct env_msg *posted;
    struct env_msg **posted_end;
};

static struct fake_env *fake_of(struct env *env)
{
    return CONTAINER_OF(env, struct fake_env, env);
}

static uint64_t fake_now_ns(struct env *env)
{
    return fake_of(env)->now_ns;
}

static int64_t fake_wall_ms(struct env *env)
{
    return (int64_t)(fake_of(env)->now_ns / 1000000);
}

static void fake_random(struct env *env, void *out, size_t size)
{
    struct fake_env *fake = fake_of(env);
    for (size_t i = 0; i < size; i++) {
        fake->random = fake->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        ((uint8_t *)out)[i] = (uint8_t)(fake->random >> 56);
    }
}

static void fake_timer_set(struct env *env, struct env_timer *timer, uint64_t deadline_ns)
{
    struct fake_env *fake = fake_of(env);
    if (heap_node_in(&timer->node))
        heap_remove(&fake->timers, &timer->node);
    heap_insert(&fake->timers, &timer->node, deadline_ns);
}

static void fake_timer_cancel(struct env *env, struct env_timer *timer)
{
    if (heap_node_in(&timer->node))
        heap_remove(&fake_of(env)->timers, &timer->node);
}

static void fake_post(struct env *env, uint32_t shard, struct env_msg *msg)
{
    struct fake_env *fake = fake_of(env);
    ASSERT(shard == 0);
    msg->next = NULL;
    *fake->posted_end = msg;
    fake->posted_end = &msg->next;
}

static void fake_submit(struct env *env, struct env_queue *queue, struct env_job *job)
{
    UNUSED(env);
    UNUSED(queue);
    UNUSED(job);
    PANIC("the fake env has no disk");
}

static struct env_stream *fake_stream_new(struct fake_env *fake)
{
    struct env_stream *stream = mem_zalloc(sizeof *stream);
    stream->owner = fake;
    stream->in_end = ERR_AGAIN;
    stream->write_room = SIZE_MAX;
    list_push_back(&fake->streams, &stream->node);
    return stream;
}

static enum err fake_connect(struct env *env, const char *host, uint16_t port,
                             struct env_stream **out)
{
    UNUSED(host);
    UNUSED(port);
    struct fake_env *fake = fake_of(env);
    fake->connects++;
    if (fake->connect_err != ERR_OK)
        return fake->connect_err;
    struct env_stream *stream = fake_stream_new(fake);
    stream->connecting = true;
    stream->status = ERR_AGAIN;
    *out = fake->connected = stream;
    return ERR_OK;
}

static void fake_stream_handle(struct env_stream *stream, const struct env_stream_handler *handler,
                               void *context)
{
    stream->handler = handler;
    stream->context = context;
}

static void fake_stream_want(struct env_stream *stream, unsigned events)
{
    ASSERT(!stream->closed);
    stream->wanted = events;
}

static enum err fake_stream_status(struct env_stream *stream)
{
    return stream->status;
}

static enum err fake_stream_read(struct env_stream *stream, void *out, size_t size,
                                 size_t *out_size)
{
    ASSERT(!stream->closed && size > 0);
    size_t left = stream->in.size - stream->in_taken;
    if (left == 0)
        return stream->in_end;
    size_t part = left < size ? left : size;
    if (stream->read_max > 0 && part > stream->read_max)
        part = stream->read_max;
    memcpy(out, stream->in.data + stream->in_taken, part);
    stream->in_taken += part;
    *out_size = part;
    return ERR_OK;
}

static enum err fake_stream_write(struct env_stream *stream, const struct env_iov *iov,
                                  size_t iov_count, size_t *out_size)
{
    ASSERT(!stream->closed && iov_count > 0);
    if (stream->out_err != ERR_OK)
        return stream->out_err;
    if (stream->write_room == 0)
        return ERR_AGAIN;
    size_t total = 0;
    for (size_t i = 0; i < iov_count && stream->write_room > 0; i++) {
        size_t part = iov[i].size < stream->write_room ? iov[i].size : stream->write_room;
        buf_put(&stream->out, iov[i].base, part);
        total += part;
        if (stream->write_room != SIZE_MAX)
            stream->write_room -= part;
    }
    stream->writes++;
    *out_size = total;
    return ERR_OK;
}

static const char *fake_stream_peer(struct env_stream *stream)
{
    UNUSED(stream);
    return "192.0.2.1:40000";
}

static const char *fake_stream_local(struct env_stream *stream)
{
    UNUSED(stream);
    return "192.0.2.2:9092";
}

static void fake_stream_close(struct env_stream *stream)
{
    ASSERT(!stream->closed);
    stream->closed = true;
}

static const struct env_ops fake_ops = {
    .now_ns = fake_now_ns,
    .clock_ns = fake_now_ns,
    .wall_ms = fake_wall_ms,
    .random = fake_random,
    .timer_set = fake_timer_set,
    .timer_cancel = fake_timer_cancel,
    .post = fake_post,
    .submit = fake_submit,
    .connect = fake_connect,
    .stream_handle = fake_stream_handle,
    .stream_want = fake_stream_want,
    .stream_status = fake_stream_status,
    .stream_read = fake_stream_read,
    .stream_write = fake_stream_write,
    .stream_peer = fake_stream_peer,
    .stream_local = fake_stream_local,
    .stream_close = fake_stream_close,
};

static inline void fake_env_init(struct fake_env *fake)
{
    *fake = (struct fake_env){.env = {.ops = &fake_ops, .shard_count = 1}, .now_ns = 1000000000};
    heap_init(&fake->timers);
    list_init(&fake->streams);
    fake->posted_end = &fake->posted;
}

static inline void fake_env_deinit(struct fake_env *fake)
{
    for (struct list *node; (node = list_pop_front(&fake->streams)) != NULL;) {
        struct env_stream *stream = LIST_ENTRY(node, struct env_stream, node);
        buf_deinit(&stream->in);
        buf_deinit(&stream->out);
        mem_free(stream);
    }
    heap_deinit(&fake->timers);
}

/* One turn: messages, timers that are due, and an event for each stream that wants one. True when
 * anything was called. */
static inline bool fake_env_turn(struct fake_env *fake)
{
    bool any = false;
    struct env_msg *msg = fake->posted;
    fake->posted = NULL;
    fake->posted_end = &fake->posted;
    while (msg != NULL) {
        struct env_msg *next = msg->next;
        msg->deliver(&fake->env, msg);
        msg = next;
        any = true;
    }
    /* A timer that is set again while it fires waits for the next turn. */
    size_t due = 0;
    for (size_t i = 0; i < fake->timers.count; i++)
        due += fake->timers.nodes[i]->key <= fake->now_ns;
    while (due-- > 0) {
        struct heap_node *node = heap_min(&fake->timers);
        if (node == NULL || node->key > fake->now_ns)
            break;
        heap_remove(&fake->timers, node);
        struct env_timer *timer = CONTAINER_OF(node, struct env_timer, node);
        timer->fire(&fake->env, timer);
        any = true;
    }
    LIST_FOR_EACH (node, &fake->streams) {
        struct env_stream *stream = LIST_ENTRY(node, struct env_stream, node);
        if (stream->closed || stream->handler == NULL)
            continue;
        unsigned events = 0;
        if (stream->connecting) {
            if (stream->status == ERR_AGAIN)
                continue;
            stream->connecting = false;
            events = ENV_WRITABLE;
        } else {
            bool readable = stream->in_taken < stream->in.size || stream->in_end != ERR_AGAIN;
            if (readable)
                events |= stream->wanted & ENV_READABLE;
            if (stream->write_room > 0 || stream->out_err != ERR_OK)
                events |= stream->wanted & ENV_WRITABLE;
        }
        if (events == 0)
            continue;
        stream->handler->on_event(&fake->env, stream, stream->context, events);
        any = true;
    }
    return any;
}

/* Until nothing happens any more, without moving time. */
static inline void fake_env_settle(struct fake_env *fake)
{
    for (int i = 0; i < 10000; i++) {
        if (!fake_env_turn(fake))
            return;
    }
    PANIC("the code under test does not come to rest");
}

static inline void fake_env_pass_ms(struct fake_env *fake, uint64_t ms)
{
    fake->now_ns += ms * UINT64_C(1000000);
    fake_env_settle(fake);
}

static inline void fake_stream_give(struct env_stream *stream, const void *data, size_t size)
{
    buf_put(&stream->in, data, size);
}

#endif
