/*
 * A shard's event loop: messages, finished jobs, streams and listeners, timers, in this order, once
 * each turn, and then a wait for any of them.
 *
 * Invariants:
 * 1. A turn is bounded: what is posted, set or becomes ready while it runs is for the next one.
 * 2. The loop sleeps only after both mailboxes were found empty and marked (mailbox_int.h), so no
 *    message is left behind, and another thread pays for a wake-up only when there is a sleeper.
 * 3. What a callback closes is freed at the end of the turn: events of the same batch that point at
 *    it find it closed.
 * 4. Timers cost no system call: the nearest deadline is the wait's timeout.
 */
#define LOG_ROOM "os"
#include "os/os_int.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)
/* A sleep is cut to this; only arithmetic cares. */
#define WAIT_NS_MAX (UINT64_C(3600) * NS_PER_S)
/* What one wait takes at most; the kernel hands out the others first next time. */
#define EVENTS_PER_TURN 128

STATIC_ASSERT(offsetof(struct env_msg, next) == 0, "a message is a mailbox_node");
STATIC_ASSERT(offsetof(struct env_job, node) == 0 && offsetof(struct list, prev) == 0,
              "a job is a mailbox_node");

/* The shard whose loop runs on this thread. */
static _Thread_local struct os_shard *loop_current;

uint64_t os_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

int64_t os_wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void os_random(void *out, size_t size)
{
    uint8_t *next = out;
    while (size > 0) {
        ssize_t got = getrandom(next, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            PANIC("the system gives no random bytes: getrandom: %s", os_err_sentence(errno));
        next += got;
        size -= (size_t)got;
    }
}

void os_shard_check(const struct os_shard *shard)
{
    ASSERT(loop_current == shard || !shard->os->running);
}

void os_shard_wake(struct os_shard *shard)
{
    /* Fails only when the counter is full, which wakes as well. Async-signal-safe. */
    uint64_t one = 1;
    ssize_t done = write(shard->wake_fd, &one, sizeof one);
    UNUSED(done);
}

/* ---- The env's clock, timers, messages */

static uint64_t env_os_clock_ns(struct env *env)
{
    UNUSED(env);
    return os_now_ns();
}

static uint64_t env_os_now_ns(struct env *env)
{
    struct os_shard *shard = os_shard_of(env);
    if (loop_current != shard) { /* before the loops or after them: there are no turns */
        os_shard_check(shard);
        shard->now_ns = os_now_ns();
    }
    return shard->now_ns;
}

static int64_t env_os_wall_ms(struct env *env)
{
    UNUSED(env);
    return os_wall_ms();
}

static void env_os_random(struct env *env, void *out, size_t size)
{
    UNUSED(env);
    os_random(out, size);
}

static void env_os_timer_set(struct env *env, struct env_timer *timer, uint64_t deadline_ns)
{
    struct os_shard *shard = os_shard_of(env);
    os_shard_check(shard);
    ASSERT(timer->fire != NULL);
    if (heap_node_in(&timer->node))
        heap_remove(&shard->timers, &timer->node);
    /* This turn fires what is due at its begin: a deadline in the past is for the next. */
    if (deadline_ns <= shard->turn_ns)
        deadline_ns = shard->turn_ns + 1;
    heap_insert(&shard->timers, &timer->node, deadline_ns);
}

static void env_os_timer_cancel(struct env *env, struct env_timer *timer)
{
    struct os_shard *shard = os_shard_of(env);
    os_shard_check(shard);
    if (heap_node_in(&timer->node))
        heap_remove(&shard->timers, &timer->node);
}

static void env_os_post(struct env *env, uint32_t target_index, struct env_msg *msg)
{
    struct os_shard *shard = os_shard_of(env);
    os_shard_check(shard);
    ASSERT(target_index < env->shard_count);
    ASSERT(msg->deliver != NULL);
    struct os_shard *target = &shard->os->shards[target_index];
    if (mailbox_put(&target->messages, (struct mailbox_node *)(void *)msg))
        os_shard_wake(target);
}

static const struct env_ops env_os_ops = {
    .now_ns = env_os_now_ns,
    .clock_ns = env_os_clock_ns,
    .wall_ms = env_os_wall_ms,
    .random = env_os_random,
    .timer_set = env_os_timer_set,
    .timer_cancel = env_os_timer_cancel,
    .post = env_os_post,
    .submit = os_env_submit,
    .file_write = os_env_file_write,
    .file_read = os_env_file_read,
    .listen = os_env_listen,
    .listener_port = os_env_listener_port,
    .listener_accepting = os_env_listener_accepting,
    .listener_close = os_env_listener_close,
    .connect = os_env_connect,
    .stream_handle = os_env_stream_handle,
    .stream_want = os_env_stream_want,
    .stream_status = os_env_stream_status,
    .stream_read = os_env_stream_read,
    .stream_write = os_env_stream_write,
    .stream_peer = os_env_stream_peer,
    .stream_local = os_env_stream_local,
    .stream_close = os_env_stream_close,
};

/* ---- The loop */

static bool loop_may_sleep(struct os_shard *shard)
{
    if (!list_empty(&shard->ready) || atomic_load(&shard->os->stopping))
        return false;
    return mailbox_sleep(&shard->messages) && mailbox_sleep(&shard->completions);
}

/* How long the wait may last; UINT64_MAX: until something happens. */
static uint64_t loop_timeout_ns(struct os_shard *shard)
{
    struct heap_node *first = heap_min(&shard->timers);
    uint64_t timeout_ns = UINT64_MAX;
    if (first != NULL) {
        uint64_t now_ns = os_now_ns();
        if (first->key <= now_ns)
            return 0;
        timeout_ns = first->key - now_ns;
        if (timeout_ns > WAIT_NS_MAX)
            timeout_ns = WAIT_NS_MAX;
    }
    return loop_may_sleep(shard) ? timeout_ns : 0;
}

static int loop_wait(struct os_shard *shard, struct epoll_event *events, uint64_t timeout_ns)
{
    /* Old kernels and some sandboxes lack the call with nanoseconds. */
    static atomic_bool no_pwait2;

    if (timeout_ns != 0 && timeout_ns != UINT64_MAX && !atomic_load(&no_pwait2)) {
        struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / NS_PER_S),
                                   .tv_nsec = (long)(timeout_ns % NS_PER_S)};
        int count = epoll_pwait2(shard->epoll_fd, events, EVENTS_PER_TURN, &timeout, NULL);
        if (count >= 0 || (errno != ENOSYS && errno != EPERM))
            return count;
        atomic_store(&no_pwait2, true);
    }
    int timeout_ms =
        timeout_ns == UINT64_MAX ? -1 : (int)((timeout_ns + NS_PER_MS - 1) / NS_PER_MS);
    return epoll_wait(shard->epoll_fd, events, EVENTS_PER_TURN, timeout_ms);
}

static void loop_deliver(struct os_shard *shard)
{
    struct env_msg *msg = (struct env_msg *)(void *)mailbox_take(&shard->messages);
    while (msg != NULL) {
        struct env_msg *next = msg->next;
        msg->deliver(&shard->env, msg); /* msg is the receiver's from here on */
        msg = next;
    }
}

static void loop_fire(struct os_shard *shard)
{
    for (;;) {
        struct heap_node *first = heap_min(&shard->timers);
        if (first == NULL || first->key > shard->turn_ns)
            return;
        heap_remove(&shard->timers, first);
        struct env_timer *timer = CONTAINER_OF(first, struct env_timer, node);
        timer->fire(&shard->env, timer);
    }
}

static void loop_turn(struct os_shard *shard)
{
    struct epoll_event events[EVENTS_PER_TURN];

    os_streams_apply_changes(shard);
    int count = loop_wait(shard, events, loop_timeout_ns(shard));
    if (count < 0 && errno != EINTR)
        PANIC("epoll_wait: %s", os_err_sentence(errno));
    shard->turn_ns = os_now_ns();
    shard->now_ns = shard->turn_ns;

    loop_deliver(shard);
    os_jobs_report(shard);
    if (shard->env.shard == 0)
        os_signals_report(shard);
    for (int i = 0; i < count; i++) {
        struct os_watch *watch = events[i].data.ptr;
        if (watch != NULL) /* NULL: the eventfd; being awake is all it asks */
            watch->ready(shard, watch, events[i].events);
    }
    os_streams_tell_ready(shard);
    loop_fire(shard);

    os_streams_free_closed(shard);
    os_listeners_free_closed(shard);
}

void os_shard_loop(struct os_shard *shard)
{
    ASSERT(loop_current == NULL);
    loop_current = shard;
    while (!atomic_load(&shard->os->stopping))
        loop_turn(shard);
    loop_current = NULL;
}

enum err os_shard_init(struct os_shard *shard, struct os *os, uint32_t index, uint32_t count)
{
    shard->env = (struct env){.ops = &env_os_ops, .shard = index, .shard_count = count};
    shard->os = os;
    heap_init(&shard->timers);
    atomic_init(&shard->messages.top, NULL);
    atomic_init(&shard->completions.top, NULL);
    os_streams_init(shard);
    list_init(&shard->listeners);
    list_init(&shard->listeners_closed);
    shard->turn_ns = shard->now_ns = os_now_ns();
    shard->wake_fd = -1;
    shard->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (shard->epoll_fd < 0)
        return ERR_LIMIT;
    shard->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (shard->wake_fd < 0)
        return ERR_LIMIT;
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
    if (epoll_ctl(shard->epoll_fd, EPOLL_CTL_ADD, shard->wake_fd, &event) != 0)
        return ERR_LIMIT;
    return ERR_OK;
}

void os_shard_deinit(struct os_shard *shard)
{
    for (struct env_msg *msg = (struct env_msg *)(void *)mailbox_take(&shard->messages), *next;
         msg != NULL; msg = next) {
        next = msg->next;
        os_listen_drop_msg(msg);
    }
    os_jobs_drop(shard);
    os_listeners_deinit(shard);
    os_streams_deinit(shard);
    heap_deinit(&shard->timers);
    if (shard->wake_fd >= 0)
        close(shard->wake_fd);
    if (shard->epoll_fd >= 0)
        close(shard->epoll_fd);
}
