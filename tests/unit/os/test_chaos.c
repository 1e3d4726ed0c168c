/*
 * Everything at once, at random: shards that listen, connect by name and address, read, write,
 * pause, reset and close streams in all states, post messages, set timers and submit jobs. What is
 * checked is that bytes arrive as sent, that nothing is called after it was closed, and what the
 * sanitizers see.
 */
#include "base/list.h"
#include "base/prng.h"
#include "os_net.h"

#define SHARDS 3
#define PEERS_MAX 40
#define RUN_MS 1500

/* A byte stream is the numbers of its bytes, modulo 251. */
struct peer {
    struct list node;
    struct env_stream *stream;
    uint64_t written;
    uint64_t read;
    bool connecting;
    bool closed;
};

/* A shard's own, used again when it has come back; those under way at the end are dropped. */
struct parcel {
    struct env_msg msg;
    uint32_t home;
    bool back; /* on its way home */
    bool out;
};

struct chaos_shard {
    struct prng prng;
    struct list peers;
    size_t peer_count;
    struct env_timer timer;
    struct env_queue queue;
    struct env_job job;
    struct parcel parcels[20];
    uint64_t reads;
    uint64_t connected;
};

static struct chaos_shard shards[SHARDS];
static uint16_t chaos_port;
static uint16_t closed_port;

static struct chaos_shard *shard_of(struct env *env)
{
    return &shards[env->shard];
}

static void peer_event(struct env *env, struct env_stream *stream, void *context, unsigned events);

static const struct env_stream_handler peer_handler = {.on_event = peer_event};

static struct peer *peer_add(struct env *env, struct env_stream *stream, bool connecting)
{
    struct peer *peer = mem_zalloc(sizeof *peer);
    peer->stream = stream;
    peer->connecting = connecting;
    list_push_back(&shard_of(env)->peers, &peer->node);
    shard_of(env)->peer_count++;
    env_stream_handle(env, stream, &peer_handler, peer);
    return peer;
}

static void peer_close(struct env *env, struct peer *peer)
{
    ASSERT(!peer->closed);
    peer->closed = true;
    env_stream_close(env, peer->stream);
    list_remove(&peer->node);
    shard_of(env)->peer_count--;
    mem_free(peer); /* a call after this would be seen */
}

static struct peer *peer_any(struct env *env)
{
    struct chaos_shard *shard = shard_of(env);
    if (list_empty(&shard->peers))
        return NULL;
    struct list *node = shard->peers.next;
    for (uint64_t i = prng_below(&shard->prng, shard->peer_count); i > 0; i--)
        node = node->next;
    return LIST_ENTRY(node, struct peer, node);
}

/* False: the stream is over. */
static bool peer_write(struct env *env, struct peer *peer)
{
    uint8_t bytes[5000];
    size_t size = 1 + (size_t)prng_below(&shard_of(env)->prng, sizeof bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)((peer->written + i) % 251);
    struct env_iov iov[2] = {{.base = bytes, .size = size / 2},
                             {.base = bytes + size / 2, .size = size - size / 2}};
    size_t taken;
    enum err err = env_stream_write(env, peer->stream, iov, 2, &taken);
    if (err == ERR_OK)
        peer->written += taken;
    return err == ERR_OK || err == ERR_AGAIN;
}

static bool peer_read(struct env *env, struct peer *peer)
{
    uint8_t bytes[5000];
    size_t size;
    enum err err =
        env_stream_read(env, peer->stream, bytes,
                        1 + (size_t)prng_below(&shard_of(env)->prng, sizeof bytes), &size);
    for (size_t i = 0; i < size; i++)
        ASSERT(bytes[i] == (uint8_t)((peer->read + i) % 251));
    peer->read += size;
    shard_of(env)->reads += size > 0;
    return err == ERR_OK || err == ERR_AGAIN;
}

static void act(struct env *env);

static void peer_event(struct env *env, struct env_stream *stream, void *context, unsigned events)
{
    struct peer *peer = context;
    struct chaos_shard *shard = shard_of(env);
    ASSERT(!peer->closed && peer->stream == stream);
    ASSERT(events != 0);
    if (peer->connecting) {
        enum err err = env_stream_status(env, stream);
        ASSERT(events == ENV_WRITABLE && err != ERR_AGAIN);
        peer->connecting = false;
        shard->connected += err == ERR_OK;
        if (err != ERR_OK && !prng_chance(&shard->prng, 1, 10)) {
            peer_close(env, peer);
            return;
        }
        env_stream_want(env, stream, (unsigned)prng_below(&shard->prng, 4));
    }
    bool alive = true;
    if ((events & ENV_READABLE) != 0 && prng_chance(&shard->prng, 9, 10))
        alive = peer_read(env, peer);
    if (alive && (events & ENV_WRITABLE) != 0 && prng_chance(&shard->prng, 1, 2))
        alive = peer_write(env, peer);
    if (!alive)
        peer_close(env, peer);
    else if (prng_chance(&shard->prng, 1, 5))
        env_stream_want(env, stream, (unsigned)prng_below(&shard->prng, 4));
    if (prng_chance(&shard->prng, 1, 20))
        act(env);
}

static void chaos_accept(struct env *env, void *context, struct env_stream *stream)
{
    UNUSED(context);
    struct peer *peer = peer_add(env, stream, false);
    if (prng_chance(&shard_of(env)->prng, 1, 20))
        peer_close(env, peer);
    else
        env_stream_want(env, stream, 1 + (unsigned)prng_below(&shard_of(env)->prng, 3));
}

static void act_connect(struct env *env)
{
    struct chaos_shard *shard = shard_of(env);
    static const char *const hosts[] = {"127.0.0.1", "127.0.0.1", "localhost", "127.0.0.2"};
    if (shard->peer_count >= PEERS_MAX)
        return;
    struct env_stream *stream;
    const char *host = hosts[prng_below(&shard->prng, ARRAY_COUNT(hosts))];
    uint16_t port = prng_chance(&shard->prng, 1, 10) ? closed_port : chaos_port;
    enum err err = env_connect(env, host, port, &stream);
    ASSERT(err == ERR_OK);
    peer_add(env, stream, true);
}

static void chaos_deliver(struct env *env, struct env_msg *msg)
{
    struct parcel *parcel = CONTAINER_OF(msg, struct parcel, msg);
    if (parcel->back) {
        ASSERT(parcel->home == env->shard);
        parcel->out = false;
    } else {
        parcel->back = true;
        env_post(env, parcel->home, msg);
    }
    act(env);
}

static void act_post(struct env *env)
{
    struct chaos_shard *shard = shard_of(env);
    struct parcel *parcel = &shard->parcels[prng_below(&shard->prng, ARRAY_COUNT(shard->parcels))];
    if (parcel->out)
        return;
    *parcel = (struct parcel){.msg.deliver = chaos_deliver, .home = env->shard, .out = true};
    env_post(env, (uint32_t)prng_below(&shard->prng, SHARDS), &parcel->msg);
}

static void chaos_job_run(struct env_job *job, struct env_disk *disk)
{
    struct disk_stat about;
    UNUSED(job);
    enum err err = disk_stat(disk, "/", &about);
    ASSERT(err == ERR_OK);
}

static void chaos_job_done(struct env *env, struct env_job *job)
{
    UNUSED(job);
    act(env);
}

static void act(struct env *env)
{
    struct chaos_shard *shard = shard_of(env);
    struct peer *peer = peer_any(env);
    switch (prng_below(&shard->prng, 10)) {
    case 0:
    case 1:
    case 2:
        act_connect(env);
        break;
    case 3:
        act_post(env);
        break;
    case 4:
        if (env_queue_idle(&shard->queue))
            env_submit(env, &shard->queue, &shard->job);
        break;
    case 5:
        if (peer != NULL && prng_chance(&shard->prng, 1, 3))
            peer_close(env, peer);
        break;
    case 6:
        if (peer != NULL)
            (void)env_stream_peer(env, peer->stream), (void)env_stream_local(env, peer->stream);
        break;
    case 7:
        if (peer != NULL && !peer->connecting)
            (void)peer_write(env, peer);
        break;
    default:
        if (peer != NULL && !peer->connecting)
            env_stream_want(env, peer->stream, (unsigned)prng_below(&shard->prng, 4));
        break;
    }
}

static void chaos_fire(struct env *env, struct env_timer *timer)
{
    for (int i = 0; i < 3; i++)
        act(env);
    env_timer_set(env, timer, env_now_ns(env) + prng_below(&shard_of(env)->prng, 300000));
}

static void chaos(uint64_t seed)
{
    struct later later;
    struct prng parent;
    test_begin(SHARDS, 1);
    prng_init(&parent, seed);
    int closed_fd = raw_closed_port(&closed_port);
    net_listen("", chaos_accept, &chaos_port);
    for (uint32_t i = 0; i < SHARDS; i++) {
        struct chaos_shard *shard = &shards[i];
        memset(shard, 0, sizeof *shard);
        prng_child(&parent, &shard->prng);
        list_init(&shard->peers);
        env_queue_init(&shard->queue, i == 0 ? ENV_DEVICE_NONE : 0);
        shard->job = (struct env_job){.run = chaos_job_run, .done = chaos_job_done};
        env_timer_init(&shard->timer, chaos_fire);
        env_timer_set(os_env(test_os, i), &shard->timer, 0);
    }
    later_ms(&later, RUN_MS, stop_now);
    test_run();
    uint64_t reads = 0;
    uint64_t connected = 0;
    for (uint32_t i = 0; i < SHARDS; i++) {
        struct env *env = os_env(test_os, i);
        reads += shards[i].reads;
        connected += shards[i].connected;
        /* Some are closed here, the rest by os_free. */
        for (struct list *node; (node = list_pop_front(&shards[i].peers)) != NULL;) {
            struct peer *peer = LIST_ENTRY(node, struct peer, node);
            if (prng_chance(&parent, 1, 2))
                env_stream_close(env, peer->stream);
            mem_free(peer);
        }
    }
    print_message("seed %llu: %llu reads, %llu connected\n", (unsigned long long)seed,
                  (unsigned long long)reads, (unsigned long long)connected);
    assert_true(reads > 0 && connected > 0);
    close(closed_fd);
    test_end();
}

static void test_chaos(void **state)
{
    UNUSED(state);
    const char *seed = getenv("OTTLA_SEED");
    if (seed != NULL) {
        chaos(strtoull(seed, NULL, 10));
        return;
    }
    chaos(1);
    chaos((uint64_t)os_wall_ms());
}

int main(void)
{
    net_unused();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_chaos)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
