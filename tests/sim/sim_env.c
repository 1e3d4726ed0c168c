/*
 * The simulated env: turns, timers, messages; and the table with all calls, each of which steps out
 * of the process (its memory, invariant 1 of sim_mem.h) into the world and back.
 */
#include "sim_net.h"
#include "sim_node.h"

#include <stdio.h>
#include <string.h>

enum { NOTE_TURN = 0x20, NOTE_TIMER, NOTE_POST, NOTE_DELIVER, NOTE_RANDOM };

/* A message on its way. */
struct message {
    struct list node; /* in the receiver's `messages` */
    struct sim_event event;
    struct sim_ready ready;
    struct sim_shard *to;
    struct env_msg *msg;
};

struct sim_shard *sim_env_shard(struct env *env)
{
    ASSERT(env->ops == &sim_env_ops);
    return CONTAINER_OF(env, struct sim_shard, env);
}

struct sim_node *sim_env_node(struct env *env)
{
    return sim_env_shard(env)->node;
}

bool sim_env_enter(struct sim_shard *shard)
{
    struct sim_world *world = shard->node->world;
    if (world->job_node != NULL)
        PANIC("a disk job of %s uses an env", world->job_node->name);
    if (world->current != shard &&
        !(shard->node->booting && world->current != NULL && world->current->node == shard->node))
        PANIC("the env of %s/%u is used from elsewhere", shard->node->name, shard->env.shard);
    return !shard->node->dying;
}

/* ---- Turns ---- */

static void turn_set(struct sim_shard *shard)
{
    if (!sim_event_is_set(&shard->turn) && !shard->node->paused)
        sim_event_set(shard->node->world, &shard->turn, shard->busy_until_ns);
}

void sim_shard_ready(struct sim_shard *shard, struct sim_ready *ready)
{
    if (!sim_ready_is_set(ready))
        list_push_back(&shard->ready, &ready->node);
    turn_set(shard);
}

static struct sim_mem_owner *shard_enter(struct sim_shard *shard)
{
    struct sim_world *world = shard->node->world;
    ASSERT(world->current == NULL && world->job_node == NULL);
    world->current = shard;
    return sim_mem_enter(&shard->node->memory);
}

static void shard_leave(struct sim_shard *shard, struct sim_mem_owner *before)
{
    shard->node->world->current = NULL;
    (void)sim_mem_enter(before);
}

void sim_shard_call(struct sim_shard *shard, void (*fn)(struct env *env, void *context),
                    void *context)
{
    struct sim_mem_owner *before = shard_enter(shard);
    fn(&shard->env, context);
    shard_leave(shard, before);
}

/* Those that were due when the turn began: what a timer sets anew, into the past even, waits. */
static void run_timers(struct sim_shard *shard)
{
    struct sim_node *node = shard->node;
    uint64_t now = sim_node_mono_ns(node);
    uint64_t order_end = shard->timers.next_order;
    for (struct heap_node *due;
         !node->dying && (due = heap_min(&shard->timers)) != NULL && due->key <= now;) {
        if (due->order >= order_end)
            break;
        heap_remove(&shard->timers, due);
        struct env_timer *timer = CONTAINER_OF(due, struct env_timer, node);
        sim_world_note(node->world, NOTE_TIMER, node->id, shard->env.shard);
        struct sim_mem_owner *before = shard_enter(shard);
        timer->fire(&shard->env, timer);
        shard_leave(shard, before);
    }
}

static void run_ready(struct sim_shard *shard)
{
    /* What becomes ready during the turn comes after this mark, and waits for the next one. */
    struct list mark;
    list_push_back(&shard->ready, &mark);
    while (!shard->node->dying && shard->ready.next != &mark) {
        struct list *first = list_pop_front(&shard->ready);
        struct sim_ready *ready = LIST_ENTRY(first, struct sim_ready, node);
        ready->run(shard, ready);
    }
    list_remove(&mark);
}

static void turn_fire(struct sim_world *world, struct sim_event *event)
{
    struct sim_shard *shard = CONTAINER_OF(event, struct sim_shard, turn);
    struct sim_node *node = shard->node;
    if (node->paused || node->dying)
        return;
    sim_world_note(world, NOTE_TURN, node->id, shard->env.shard);
    bool timers_first = prng_chance(&node->prng, 1, 2);
    if (timers_first)
        run_timers(shard);
    run_ready(shard);
    if (!timers_first)
        run_timers(shard);
    shard->busy_until_ns = world->now_ns + 1 + sim_draw(&node->prng, world->options.turn_ns_max);
    if (node->dying)
        return;
    if (!list_empty(&shard->ready))
        turn_set(shard);
    sim_shard_alarm(shard);
}

static void alarm_fire(struct sim_world *world, struct sim_event *event)
{
    UNUSED(world);
    turn_set(CONTAINER_OF(event, struct sim_shard, alarm));
}

/* When the node's clock shows what the first timer waits for. */
void sim_shard_alarm(struct sim_shard *shard)
{
    struct sim_node *node = shard->node;
    struct heap_node *first = heap_min(&shard->timers);
    if (first == NULL) {
        sim_event_cancel(node->world, &shard->alarm);
        return;
    }
    uint64_t now = sim_node_mono_ns(node);
    uint64_t at = node->world->now_ns;
    if (first->key > now) {
        uint64_t wait = first->key - now;
        if (wait > UINT64_C(1) << 60)
            wait = UINT64_C(1) << 60;
        /* Of the node's time; a little late is right, early is not. */
        if (node->clock.drift_ppm != 0) {
            uint64_t rate = (uint64_t)(1000000 + node->clock.drift_ppm);
            wait = wait / rate * 1000000 + (wait % rate) * 1000000 / rate + 1000000;
        }
        at += wait;
    }
    sim_event_set(node->world, &shard->alarm, at);
}

void sim_shard_init(struct sim_node *node, struct sim_shard *shard, uint32_t index)
{
    shard->env =
        (struct env){.ops = &sim_env_ops, .shard = index, .shard_count = node->shard_count};
    shard->node = node;
    list_init(&shard->ready);
    list_init(&shard->messages);
    sim_event_init(&shard->turn, turn_fire);
    sim_event_init(&shard->alarm, alarm_fire);
    heap_init(&shard->timers);
    shard->busy_until_ns = node->world->now_ns;
    shard->post_last_ns = sim_alloc(node->shard_count * sizeof *shard->post_last_ns);
}

void sim_shard_discard(struct sim_shard *shard)
{
    struct sim_world *world = shard->node->world;
    sim_event_cancel(world, &shard->turn);
    sim_event_cancel(world, &shard->alarm);
    LIST_FOR_EACH_SAFE (node, after, &shard->messages) {
        struct message *message = LIST_ENTRY(node, struct message, node);
        sim_event_cancel(world, &message->event);
        sim_free(message);
    }
    heap_deinit(&shard->timers);
}

/* ---- Calls ---- */

static uint64_t op_now_ns(struct env *env)
{
    return sim_node_mono_ns(sim_env_node(env));
}

static int64_t op_wall_ms(struct env *env)
{
    return sim_node_wall_ms(sim_env_node(env));
}

static void op_random(struct env *env, void *out, size_t size)
{
    prng_bytes(&sim_env_node(env)->prng_random, out, size);
}

static void op_timer_set(struct env *env, struct env_timer *timer, uint64_t deadline_ns)
{
    struct sim_shard *shard = sim_env_shard(env);
    if (!sim_env_enter(shard))
        return;
    ASSERT(timer->fire != NULL);
    struct sim_mem_owner *before = sim_mem_enter(NULL);
    if (heap_node_in(&timer->node))
        heap_remove(&shard->timers, &timer->node);
    heap_insert(&shard->timers, &timer->node, deadline_ns);
    sim_shard_alarm(shard);
    (void)sim_mem_enter(before);
}

static void op_timer_cancel(struct env *env, struct env_timer *timer)
{
    struct sim_shard *shard = sim_env_shard(env);
    if (!sim_env_enter(shard) || !heap_node_in(&timer->node))
        return;
    struct sim_mem_owner *before = sim_mem_enter(NULL);
    heap_remove(&shard->timers, &timer->node);
    sim_shard_alarm(shard);
    (void)sim_mem_enter(before);
}

static void message_run(struct sim_shard *shard, struct sim_ready *ready)
{
    struct message *message = CONTAINER_OF(ready, struct message, ready);
    struct env_msg *msg = message->msg;
    list_remove(&message->node);
    sim_free(message);
    sim_world_note(shard->node->world, NOTE_DELIVER, shard->node->id, shard->env.shard);
    struct sim_mem_owner *before = shard_enter(shard);
    msg->deliver(&shard->env, msg);
    shard_leave(shard, before);
}

static void message_fire(struct sim_world *world, struct sim_event *event)
{
    UNUSED(world);
    struct message *message = CONTAINER_OF(event, struct message, event);
    sim_shard_ready(message->to, &message->ready);
}

static void op_post(struct env *env, uint32_t to, struct env_msg *msg)
{
    struct sim_shard *shard = sim_env_shard(env);
    struct sim_node *node = shard->node;
    ASSERT(to < node->shard_count && msg->deliver != NULL);
    if (!sim_env_enter(shard))
        return;
    struct sim_mem_owner *before = sim_mem_enter(NULL);
    struct message *message = sim_alloc(sizeof *message);
    message->to = &node->shards[to];
    message->msg = msg;
    sim_ready_init(&message->ready, message_run);
    sim_event_init(&message->event, message_fire);
    list_push_back(&message->to->messages, &message->node);
    uint64_t at = node->world->now_ns + sim_draw(&node->prng, node->world->options.post_ns_max);
    uint64_t *last = &message->to->post_last_ns[env->shard];
    if (at < *last)
        at = *last; /* in order between each two */
    *last = at;
    sim_world_note(node->world, NOTE_POST, env->shard, to);
    sim_event_set(node->world, &message->event, at);
    (void)sim_mem_enter(before);
}

static void op_submit(struct env *env, struct env_queue *queue, struct env_job *job)
{
    struct sim_shard *shard = sim_env_shard(env);
    ASSERT(job->run != NULL && job->done != NULL);
    if (!sim_env_enter(shard))
        return;
    struct sim_mem_owner *before = sim_mem_enter(NULL);
    sim_jobs_submit(shard, queue, job);
    (void)sim_mem_enter(before);
}

/* The kernel lets a writer wait when the disk is too far behind. */
static void check_no_wait(const struct sim_node *node, const struct env_file *file)
{
    unsigned device;
    const char *path = sim_storage_file_path(file);
    if (node->unwritten_bytes_max == 0 || sscanf(path, "/data%u/", &device) != 1 ||
        !sim_node_stalls(node, device))
        return;
    uint64_t bytes = sim_storage_unwritten_bytes(node->storage, file);
    SIM_CHECK(node->world, bytes <= node->unwritten_bytes_max,
              "a loop stops: a write to %s waits for its disk, which is %llu bytes behind", path,
              (unsigned long long)bytes);
}

static enum err op_file_write(struct env *env, struct env_file *file, const struct env_iov *iov,
                              size_t iov_count, uint64_t position)
{
    if (!sim_env_enter(sim_env_shard(env)))
        return ERR_IO;
    struct sim_mem_owner *before = sim_mem_enter(NULL);
    check_no_wait(sim_env_node(env), file);
    enum err err =
        sim_storage_shard_write(sim_env_node(env)->storage, file, iov, iov_count, position);
    (void)sim_mem_enter(before);
    return err;
}

static enum err op_file_read(struct env *env, struct env_file *file, void *out, size_t size,
                             uint64_t position, size_t *out_size)
{
    if (!sim_env_enter(sim_env_shard(env)))
        return ERR_IO;
    struct sim_mem_owner *before = sim_mem_enter(NULL);
    enum err err =
        sim_storage_shard_read(sim_env_node(env)->storage, file, out, size, position, out_size);
    (void)sim_mem_enter(before);
    return err;
}

static enum err op_listen(struct env *env, const struct env_listen_options *options,
                          struct env_listener **out)
{
    if (!sim_env_enter(sim_env_shard(env)))
        return ERR_IO;
    struct sim_mem_owner *before = sim_mem_enter(NULL);
    enum err err = sim_net_listen(sim_env_shard(env), options, out);
    (void)sim_mem_enter(before);
    return err;
}

static uint16_t op_listener_port(struct env_listener *listener)
{
    return sim_net_listener_port(listener);
}

static enum err op_listener_accepting(struct env *env, struct env_listener *listener, bool on)
{
    if (sim_env_enter(sim_env_shard(env)))
        sim_net_listener_accepting(listener, on);
    return ERR_OK;
}

static void op_listener_close(struct env *env, struct env_listener *listener)
{
    if (!sim_env_enter(sim_env_shard(env)))
        return;
    struct sim_mem_owner *before = sim_mem_enter(NULL);
    sim_net_listener_close(listener);
    (void)sim_mem_enter(before);
}

static enum err op_connect(struct env *env, const char *host, uint16_t port,
                           struct env_stream **out)
{
    if (!sim_env_enter(sim_env_shard(env)))
        return ERR_IO;
    struct sim_mem_owner *before = sim_mem_enter(NULL);
    enum err err = sim_net_connect(sim_env_shard(env), host, port, out);
    (void)sim_mem_enter(before);
    return err;
}

static void op_stream_handle(struct env_stream *stream, const struct env_stream_handler *handler,
                             void *context)
{
    if (!sim_env_enter(sim_stream_shard(stream)))
        return;
    struct sim_mem_owner *before = sim_mem_enter(NULL);
    sim_stream_handle(stream, handler, context);
    (void)sim_mem_enter(before);
}

static void op_stream_want(struct env_stream *stream, unsigned events)
{
    if (!sim_env_enter(sim_stream_shard(stream)))
        return;
    struct sim_mem_owner *before = sim_mem_enter(NULL);
    sim_stream_want(stream, events);
    (void)sim_mem_enter(before);
}

static enum err op_stream_status(struct env_stream *stream)
{
    if (!sim_env_enter(sim_stream_shard(stream)))
        return ERR_RESET;
    return sim_stream_status(stream);
}

static enum err op_stream_read(struct env_stream *stream, void *out, size_t size, size_t *out_size)
{
    if (!sim_env_enter(sim_stream_shard(stream)))
        return ERR_RESET;
    struct sim_mem_owner *before = sim_mem_enter(NULL);
    enum err err = sim_stream_read(stream, out, size, out_size);
    (void)sim_mem_enter(before);
    return err;
}

static enum err op_stream_write(struct env_stream *stream, const struct env_iov *iov,
                                size_t iov_count, size_t *out_size)
{
    if (!sim_env_enter(sim_stream_shard(stream)))
        return ERR_RESET;
    struct sim_mem_owner *before = sim_mem_enter(NULL);
    enum err err = sim_stream_write(stream, iov, iov_count, out_size);
    (void)sim_mem_enter(before);
    return err;
}

static const char *op_stream_peer(struct env_stream *stream)
{
    return sim_stream_peer(stream);
}

static const char *op_stream_local(struct env_stream *stream)
{
    return sim_stream_local(stream);
}

static void op_stream_close(struct env_stream *stream)
{
    if (!sim_env_enter(sim_stream_shard(stream)))
        return;
    struct sim_mem_owner *before = sim_mem_enter(NULL);
    sim_stream_close(stream);
    (void)sim_mem_enter(before);
}

const struct env_ops sim_env_ops = {
    .now_ns = op_now_ns,
    .clock_ns = op_now_ns,
    .wall_ms = op_wall_ms,
    .random = op_random,
    .timer_set = op_timer_set,
    .timer_cancel = op_timer_cancel,
    .post = op_post,
    .submit = op_submit,
    .file_write = op_file_write,
    .file_read = op_file_read,
    .listen = op_listen,
    .listener_port = op_listener_port,
    .listener_accepting = op_listener_accepting,
    .listener_close = op_listener_close,
    .connect = op_connect,
    .stream_handle = op_stream_handle,
    .stream_want = op_stream_want,
    .stream_status = op_stream_status,
    .stream_read = op_stream_read,
    .stream_write = op_stream_write,
    .stream_peer = op_stream_peer,
    .stream_local = op_stream_local,
    .stream_close = op_stream_close,
};
