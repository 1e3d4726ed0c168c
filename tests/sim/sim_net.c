/*
 * See sim_net.h. A connection has two ends, each with the pipe that leads to it.
 *
 * States of an end: CONNECTING -> OPEN -> GONE, CONNECTING -> GONE; the accepting end begins as
 * ACCEPTING (it exists, its process does not know it yet) -> OPEN. GONE ends are closed by their
 * process, or their process is gone; `silent` ones do not even answer with a reset until their
 * machine is up again. `err` is what the process will be told; a connection is freed when both ends
 * are GONE and nothing is on its way.
 */
#include "sim_net.h"

#include <stdio.h>
#include <string.h>

enum {
    NOTE_CONNECT = 0x60,
    NOTE_ACCEPT,
    NOTE_CONNECTED,
    NOTE_EVENT,
    NOTE_WRITE,
    NOTE_READ,
    NOTE_ARRIVE,
    NOTE_BREAK,
    NOTE_CLOSE,
};

enum segment_kind { SEGMENT_DATA, SEGMENT_END, SEGMENT_RESET };

struct segment {
    struct list node;
    enum segment_kind kind;
    uint64_t arrives_ns;
    size_t size;
    uint8_t data[];
};

enum end_state { END_CONNECTING, END_ACCEPTING, END_OPEN, END_GONE };

struct env_stream {
    struct connection *connection;
    struct sim_node *node;
    struct sim_shard *shard; /* NULL when GONE */
    enum end_state state;
    bool silent;
    enum err err; /* sticky: ERR_RESET and the like */
    unsigned want;
    const struct env_stream_handler *handler;
    void *context;
    struct sim_ready ready;
    struct env_listener *listener; /* of an accepting end */

    /* The pipe that leads here. */
    struct list segments;
    struct sim_event arrival; /* of the first segment */
    size_t flight_bytes;
    uint64_t arrives_last_ns;
    uint64_t stuck_since_ns; /* 0: it is not */
    struct buf arrived;
    size_t arrived_read; /* of `arrived` */
    bool ended;          /* no more comes */

    char peer[ENV_ADDRESS_BYTES];
    char local[ENV_ADDRESS_BYTES];
};

struct connection {
    struct list node;
    struct sim_net *net;
    uint64_t id;
    struct env_stream ends[2]; /* the one that connects, the one that accepts */
    struct sim_event setup;    /* of the connecting: arrival of the call, then of the answer */
    uint64_t setup_give_up_ns;
    enum err setup_answer;
    uint16_t port;
    bool cut; /* nothing gets through any more, and nobody says so */
    void (*accept)(struct env *env, void *context, struct env_stream *stream);
};

struct env_listener {
    struct list node;
    struct sim_node *node_of;
    struct env_listen_options options;
    uint16_t port;
    bool listening; /* held no more */
    bool accepting;
    uint32_t shard_next;
    uint32_t waiting; /* accepts not yet reported */
};

struct sim_net {
    struct sim_world *world;
    struct prng prng;
    struct list connections;
    struct list listeners;
    uint64_t connection_id_next;
    uint16_t port_next;
    bool blocked[SIM_NODES_MAX][SIM_NODES_MAX];
    uint64_t extra_ns[SIM_NODES_MAX][SIM_NODES_MAX];
};

static void arrival_fire(struct sim_world *world, struct sim_event *event);
static void setup_fire(struct sim_world *world, struct sim_event *event);
static void stream_run(struct sim_shard *shard, struct sim_ready *ready);

struct sim_net *sim_net_new(struct sim_world *world)
{
    struct sim_net *net = sim_alloc(sizeof *net);
    net->world = world;
    net->port_next = 40000;
    sim_prng_init(world, &net->prng, "net", 0);
    list_init(&net->connections);
    list_init(&net->listeners);
    return net;
}

static struct env_stream *other_end(const struct env_stream *stream)
{
    struct connection *connection = stream->connection;
    return stream == &connection->ends[0] ? &connection->ends[1] : &connection->ends[0];
}

static void pipe_clear(struct env_stream *to)
{
    while (!list_empty(&to->segments))
        sim_free(LIST_ENTRY(list_pop_front(&to->segments), struct segment, node));
    to->flight_bytes = 0;
    sim_event_cancel(to->connection->net->world, &to->arrival);
}

static void connection_free(struct connection *connection)
{
    sim_event_cancel(connection->net->world, &connection->setup);
    for (size_t i = 0; i < 2; i++) {
        struct env_stream *end = &connection->ends[i];
        pipe_clear(end);
        list_remove(&end->ready.node);
        buf_deinit(&end->arrived);
    }
    list_remove(&connection->node);
    sim_free(connection);
}

static void connection_tidy(struct connection *connection)
{
    const struct env_stream *ends = connection->ends;
    if (ends[0].state == END_GONE && ends[1].state == END_GONE && list_empty(&ends[0].segments) &&
        list_empty(&ends[1].segments) && !sim_event_is_set(&connection->setup))
        connection_free(connection);
}

void sim_net_free(struct sim_net *net)
{
    LIST_FOR_EACH_SAFE (node, after, &net->connections)
        connection_free(LIST_ENTRY(node, struct connection, node));
    while (!list_empty(&net->listeners))
        sim_free(LIST_ENTRY(list_pop_front(&net->listeners), struct env_listener, node));
    sim_free(net);
}

/* ---- Telling the process ---- */

static size_t unread(const struct env_stream *stream)
{
    return stream->arrived.size - stream->arrived_read;
}

/* Room for what this end writes: what is under way to the other, or unread there, takes it. */
static size_t write_room(const struct env_stream *stream)
{
    const struct env_stream *peer = other_end(stream);
    size_t used = peer->flight_bytes + unread(peer);
    size_t all = stream->connection->net->world->options.stream_buffer;
    return used < all ? all - used : 0;
}

static unsigned events_true(const struct env_stream *stream)
{
    unsigned events = 0;
    if (stream->state == END_CONNECTING)
        return stream->err != ERR_OK ? ENV_WRITABLE : 0;
    if (stream->state != END_OPEN)
        return 0;
    if (unread(stream) > 0 || stream->ended || stream->err != ERR_OK)
        events |= ENV_READABLE;
    if (stream->err != ERR_OK || write_room(stream) > 0)
        events |= ENV_WRITABLE;
    return events;
}

static void stream_poke(struct env_stream *stream)
{
    if (stream->shard != NULL && stream->handler != NULL &&
        (events_true(stream) & stream->want) != 0)
        sim_shard_ready(stream->shard, &stream->ready);
}

static void call_handler(struct env *env, void *context)
{
    struct env_stream *stream = context;
    unsigned events = events_true(stream) & stream->want;
    stream->handler->on_event(env, stream, stream->context, events);
}

static void stream_run(struct sim_shard *shard, struct sim_ready *ready)
{
    struct env_stream *stream = CONTAINER_OF(ready, struct env_stream, ready);
    struct sim_world *world = shard->node->world;
    unsigned events = events_true(stream) & stream->want;
    if (stream->handler == NULL || events == 0)
        return;
    sim_world_note(world, NOTE_EVENT, stream->connection->id, events);
    /* Level-triggered: it stands in the list again for the next turn, and only its being closed, or
     * its event having passed by then, ends that. */
    sim_shard_ready(shard, ready);
    sim_shard_call(shard, call_handler, stream);
}

/* ---- Pipes ---- */

static bool reaches(const struct sim_net *net, const struct sim_node *from,
                    const struct sim_node *to)
{
    return from == to || !net->blocked[from->id][to->id];
}

static uint64_t latency(struct sim_net *net, const struct sim_node *from, const struct sim_node *to)
{
    const struct sim_options *options = &net->world->options;
    if (from == to)
        return 1 + sim_draw(&net->prng, 20 * SIM_US);
    uint64_t spread = options->latency_ns_max - options->latency_ns_min;
    /* Mostly near the least, with a tail. */
    uint64_t a = sim_draw(&net->prng, spread);
    uint64_t b = sim_draw(&net->prng, spread);
    return 1 + options->latency_ns_min + (a < b ? a : b) + net->extra_ns[from->id][to->id];
}

static void pipe_put(struct env_stream *to, enum segment_kind kind, const void *data, size_t size)
{
    struct sim_net *net = to->connection->net;
    const struct sim_options *options = &net->world->options;
    struct segment *segment = sim_alloc(sizeof *segment + size);
    segment->kind = kind;
    segment->size = size;
    if (size > 0)
        memcpy(segment->data, data, size);
    uint64_t at = net->world->now_ns + latency(net, other_end(to)->node, to->node);
    if (at < to->arrives_last_ns)
        at = to->arrives_last_ns;
    if (options->bytes_per_ms > 0 && other_end(to)->node != to->node)
        at += size * SIM_MS / options->bytes_per_ms;
    segment->arrives_ns = at;
    to->arrives_last_ns = at;
    to->flight_bytes += size;
    list_push_back(&to->segments, &segment->node);
    if (!sim_event_is_set(&to->arrival))
        sim_event_set(net->world, &to->arrival, at);
}

/* This end is told that its connection broke; what has arrived can still be read by some. */
static void end_break(struct env_stream *stream, enum err err)
{
    struct sim_net *net = stream->connection->net;
    if (stream->state == END_GONE || stream->err != ERR_OK)
        return;
    sim_world_note(net->world, NOTE_BREAK, stream->connection->id, err);
    stream->err = err;
    if (prng_chance(&net->prng, 1, 2))
        stream->arrived_read = stream->arrived.size;
    pipe_clear(stream);
    stream_poke(stream);
}

static void both_break(struct connection *connection)
{
    end_break(&connection->ends[0], ERR_RESET);
    end_break(&connection->ends[1], ERR_RESET);
    pipe_clear(&connection->ends[0]);
    pipe_clear(&connection->ends[1]);
}

/* One segment has come. */
static void segment_arrived(struct env_stream *to, struct segment *segment)
{
    struct sim_net *net = to->connection->net;
    struct env_stream *from = other_end(to);
    sim_world_note(net->world, NOTE_ARRIVE, to->connection->id, segment->size);
    if (to->state == END_GONE) {
        if (segment->kind == SEGMENT_DATA && from->state != END_GONE)
            pipe_put(from, SEGMENT_RESET, NULL, 0);
        return;
    }
    if (segment->kind == SEGMENT_RESET ||
        (segment->kind == SEGMENT_DATA &&
         sim_chance_ppm(&net->prng, net->world->options.reset_ppm))) {
        bool told = segment->kind == SEGMENT_RESET;
        end_break(to, ERR_RESET);
        if (!told)
            pipe_put(from, SEGMENT_RESET, NULL, 0);
        return;
    }
    if (segment->kind == SEGMENT_END)
        to->ended = true;
    else
        buf_put(&to->arrived, segment->data, segment->size);
    stream_poke(to);
}

/* It cannot get through now. True: the sender has given up. */
static bool pipe_stuck(struct env_stream *to)
{
    struct sim_net *net = to->connection->net;
    const struct sim_options *options = &net->world->options;
    if (to->stuck_since_ns == 0)
        to->stuck_since_ns = net->world->now_ns;
    if (net->world->now_ns - to->stuck_since_ns > options->give_up_ns) {
        pipe_clear(to);
        to->stuck_since_ns = 0;
        end_break(other_end(to), ERR_RESET);
        return true;
    }
    sim_event_set(net->world, &to->arrival,
                  net->world->now_ns + 1 + sim_draw(&net->prng, 2 * options->retry_ns));
    return false;
}

static void arrival_fire(struct sim_world *world, struct sim_event *event)
{
    struct env_stream *to = CONTAINER_OF(event, struct env_stream, arrival);
    struct connection *connection = to->connection;
    struct env_stream *from = other_end(to);
    bool dead = to->state == END_GONE && to->silent && to->node->machine_off;
    if (dead || connection->cut || !reaches(connection->net, from->node, to->node)) {
        if (pipe_stuck(to))
            connection_tidy(connection);
        return;
    }
    to->stuck_since_ns = 0;
    while (!list_empty(&to->segments)) {
        struct segment *segment = LIST_ENTRY(to->segments.next, struct segment, node);
        if (segment->arrives_ns > world->now_ns) {
            sim_event_set(world, &to->arrival, segment->arrives_ns);
            break;
        }
        list_remove(&segment->node);
        to->flight_bytes -= segment->size;
        segment_arrived(to, segment);
        sim_free(segment);
    }
    stream_poke(from); /* there may be room now */
    connection_tidy(connection);
}

/* ---- Listening and connecting ---- */

static struct env_listener *listener_find(struct sim_net *net, const struct sim_node *node,
                                          uint16_t port)
{
    LIST_FOR_EACH (link, &net->listeners) {
        struct env_listener *listener = LIST_ENTRY(link, struct env_listener, node);
        if (listener->node_of == node && listener->port == port)
            return listener;
    }
    return NULL;
}

/* NULL: nobody has this name. */
static struct sim_node *node_find(struct sim_node *from, const char *host)
{
    struct sim_world *world = from->world;
    if (strcmp(host, "localhost") == 0 || strcmp(host, "127.0.0.1") == 0 ||
        strcmp(host, "::1") == 0)
        return from;
    for (uint32_t i = 0; i < world->node_count; i++) {
        if (strcmp(host, world->nodes[i]->name) == 0 || strcmp(host, world->nodes[i]->address) == 0)
            return world->nodes[i];
    }
    return NULL;
}

enum err sim_net_listen(struct sim_shard *shard, const struct env_listen_options *options,
                        struct env_listener **out)
{
    struct sim_node *node = shard->node;
    struct sim_net *net = node->world->net;
    ASSERT(shard->env.shard == 0 && options->accept != NULL);
    bool any = options->host == NULL || options->host[0] == '\0' ||
               strcmp(options->host, "0.0.0.0") == 0 || strcmp(options->host, "::") == 0;
    if (!any && node_find(node, options->host) != node)
        return ERR_INVALID;
    uint16_t port = options->port;
    if (port != 0 && listener_find(net, node, port) != NULL)
        return ERR_BUSY;
    while (port == 0) {
        uint16_t drawn = (uint16_t)prng_range(&net->prng, 32768, 60999);
        if (listener_find(net, node, drawn) == NULL)
            port = drawn;
    }
    struct env_listener *listener = sim_alloc(sizeof *listener);
    listener->node_of = node;
    listener->options = *options;
    listener->options.host = NULL;
    listener->port = port;
    listener->listening = listener->accepting = !options->held;
    list_push_back(&net->listeners, &listener->node);
    *out = listener;
    return ERR_OK;
}

uint16_t sim_net_listener_port(const struct env_listener *listener)
{
    return listener->port;
}

void sim_net_listener_accepting(struct env_listener *listener, bool on)
{
    listener->accepting = on;
    listener->listening = listener->listening || on;
}

/* Ends that this listener has accepted and not reported; all, or only those of shard 0. */
static void listener_drop_waiting(struct sim_net *net, struct env_listener *listener, bool all)
{
    LIST_FOR_EACH_SAFE (link, after, &net->connections) {
        struct connection *connection = LIST_ENTRY(link, struct connection, node);
        struct env_stream *end = &connection->ends[1];
        if (end->state != END_ACCEPTING || end->listener != listener)
            continue;
        end->listener = NULL;
        if (!all && end->shard->env.shard != 0)
            continue; /* on its way to another shard, and is reported there */
        list_remove(&end->ready.node);
        end->state = END_GONE;
        end->shard = NULL;
        pipe_clear(end);
        pipe_put(&connection->ends[0], SEGMENT_RESET, NULL, 0);
    }
}

void sim_net_listener_close(struct env_listener *listener)
{
    listener_drop_waiting(listener->node_of->world->net, listener, false);
    list_remove(&listener->node);
    sim_free(listener);
}

static void end_init(struct connection *connection, size_t index, struct sim_node *node)
{
    struct env_stream *end = &connection->ends[index];
    end->connection = connection;
    end->node = node;
    end->state = END_GONE;
    sim_ready_init(&end->ready, stream_run);
    list_init(&end->segments);
    sim_event_init(&end->arrival, arrival_fire);
}

enum err sim_net_connect(struct sim_shard *shard, const char *host, uint16_t port,
                         struct env_stream **out)
{
    struct sim_node *node = shard->node;
    struct sim_world *world = node->world;
    struct sim_net *net = world->net;
    struct sim_node *target = node_find(node, host);
    struct connection *connection = sim_alloc(sizeof *connection);
    connection->net = net;
    connection->id = ++net->connection_id_next;
    connection->port = port;
    connection->setup_answer = target == NULL ? ERR_NOTFOUND : ERR_AGAIN;
    list_push_back(&net->connections, &connection->node);
    end_init(connection, 0, node);
    end_init(connection, 1, target != NULL ? target : node);
    struct env_stream *end = &connection->ends[0];
    end->state = END_CONNECTING;
    end->shard = shard;
    end->want = ENV_WRITABLE;
    uint16_t own_port = net->port_next++;
    if (net->port_next < 40000)
        net->port_next = 40000;
    (void)snprintf(end->local, sizeof end->local, "%s:%u", node->address, own_port);
    (void)snprintf(end->peer, sizeof end->peer, "%s:%u",
                   target != NULL ? target->address : "0.0.0.0", port);
    memcpy(connection->ends[1].local, end->peer, sizeof end->peer);
    memcpy(connection->ends[1].peer, end->local, sizeof end->local);
    sim_event_init(&connection->setup, setup_fire);
    connection->setup_give_up_ns = world->now_ns + world->options.connect_give_up_ns;
    sim_event_set(world, &connection->setup,
                  world->now_ns + latency(net, node, connection->ends[1].node));
    sim_world_note(world, NOTE_CONNECT, connection->id, port);
    *out = end;
    return ERR_OK;
}

static void admit_run(struct sim_shard *shard, struct sim_ready *ready);
static void accept_run(struct sim_shard *shard, struct sim_ready *ready);

/* The other end comes into being. */
static enum err setup_accept(struct connection *connection)
{
    struct sim_net *net = connection->net;
    struct env_stream *end = &connection->ends[1];
    struct sim_node *node = end->node;
    struct env_listener *listener = listener_find(net, node, connection->port);
    if (listener == NULL || !listener->listening ||
        sim_chance_ppm(&net->prng, net->world->options.refuse_ppm))
        return ERR_RESET;
    uint32_t backlog = listener->options.backlog > 0 ? (uint32_t)listener->options.backlog : 1;
    if (listener->waiting >= backlog || !listener->accepting)
        return ERR_AGAIN; /* the call is dropped, and made again */
    listener->waiting++;
    end->state = END_ACCEPTING;
    end->listener = listener;
    end->shard = &node->shards[0];
    end->ready.run = admit_run;
    if (listener->options.admit == NULL) {
        end->shard = &node->shards[listener->shard_next++ % node->shard_count];
        end->ready.run = accept_run;
    }
    /* What the listener does with its streams is kept here: it may be closed before. */
    connection->accept = listener->options.accept;
    end->context = listener->options.context;
    sim_shard_ready(end->shard, &end->ready);
    return ERR_OK;
}

struct admit_call {
    struct env_listener *listener;
    const char *peer;
    bool admitted;
};

static void call_admit(struct env *env, void *context)
{
    struct admit_call *call = context;
    const struct env_listen_options *options = &call->listener->options;
    call->admitted = options->admit(env, options->context, call->peer);
}

/* On shard 0; a listener that was closed meanwhile took its ends along. */
static void admit_run(struct sim_shard *shard, struct sim_ready *ready)
{
    struct env_stream *end = CONTAINER_OF(ready, struct env_stream, ready);
    struct env_listener *listener = end->listener;
    ASSERT(listener != NULL);
    struct admit_call call = {.listener = listener, .peer = end->peer};
    sim_shard_call(shard, call_admit, &call);
    if (!call.admitted) {
        listener->waiting--;
        end->listener = NULL;
        end->state = END_OPEN;
        end->ready.run = stream_run;
        sim_stream_close(end);
        return;
    }
    end->shard = &end->node->shards[listener->shard_next++ % end->node->shard_count];
    end->ready.run = accept_run;
    sim_shard_ready(end->shard, &end->ready);
}

struct accept_call {
    struct env_stream *stream;
    void (*accept)(struct env *env, void *context, struct env_stream *stream);
    void *context;
};

static void call_accept(struct env *env, void *context)
{
    struct accept_call *call = context;
    call->accept(env, call->context, call->stream);
}

static void accept_run(struct sim_shard *shard, struct sim_ready *ready)
{
    struct env_stream *end = CONTAINER_OF(ready, struct env_stream, ready);
    sim_world_note(shard->node->world, NOTE_ACCEPT, end->connection->id, shard->env.shard);
    struct accept_call call = {
        .stream = end, .accept = end->connection->accept, .context = end->context};
    if (end->listener != NULL)
        end->listener->waiting--;
    end->listener = NULL;
    end->context = NULL;
    end->state = END_OPEN;
    end->ready.run = stream_run;
    sim_shard_call(shard, call_accept, &call);
}

static void setup_answered(struct connection *connection, enum err answer)
{
    struct env_stream *end = &connection->ends[0];
    sim_world_note(connection->net->world, NOTE_CONNECTED, connection->id, answer);
    if (end->state != END_CONNECTING) {
        if (answer == ERR_OK && !end->silent)
            pipe_put(&connection->ends[1], SEGMENT_END, NULL, 0);
        connection_tidy(connection);
        return;
    }
    if (answer == ERR_OK)
        end->state = END_OPEN;
    else
        end->err = answer;
    stream_poke(end);
}

static void setup_fire(struct sim_world *world, struct sim_event *event)
{
    struct connection *connection = CONTAINER_OF(event, struct connection, setup);
    struct sim_net *net = connection->net;
    struct sim_node *from = connection->ends[0].node;
    struct sim_node *to = connection->ends[1].node;
    if (connection->setup_answer != ERR_AGAIN) {
        setup_answered(connection, connection->setup_answer);
        return;
    }
    enum err answer = ERR_AGAIN;
    if (connection->ends[0].state == END_GONE)
        answer = ERR_CLOSED; /* who called has gone */
    else if (to->machine_off)
        answer = ERR_AGAIN;
    else if (reaches(net, from, to) && reaches(net, to, from))
        answer = setup_accept(connection);
    if (answer != ERR_AGAIN) {
        connection->setup_answer = answer;
        sim_event_set(world, event, world->now_ns + latency(net, to, from));
    } else if (world->now_ns >= connection->setup_give_up_ns) {
        setup_answered(connection, ERR_TIMEOUT);
    } else {
        sim_event_set(world, event,
                      world->now_ns + 1 + sim_draw(&net->prng, 2 * world->options.retry_ns));
    }
}

/* ---- Streams ---- */

struct sim_shard *sim_stream_shard(const struct env_stream *stream)
{
    ASSERT(stream->shard != NULL);
    return stream->shard;
}

void sim_stream_handle(struct env_stream *stream, const struct env_stream_handler *handler,
                       void *context)
{
    stream->handler = handler;
    stream->context = context;
    stream_poke(stream);
}

void sim_stream_want(struct env_stream *stream, unsigned events)
{
    stream->want = events;
    stream_poke(stream);
}

enum err sim_stream_status(const struct env_stream *stream)
{
    if (stream->err != ERR_OK)
        return stream->err;
    return stream->state == END_CONNECTING ? ERR_AGAIN : ERR_OK;
}

static size_t chunk(struct sim_net *net, size_t size)
{
    size_t max = net->world->options.chunk_max;
    if (max == 0 || size <= 1)
        return size;
    size_t cap = 1 + (size_t)sim_draw(&net->prng, prng_chance(&net->prng, 1, 4) ? 7 : max - 1);
    return cap < size ? cap : size;
}

enum err sim_stream_read(struct env_stream *stream, void *out, size_t size, size_t *out_size)
{
    struct sim_net *net = stream->connection->net;
    *out_size = 0;
    ASSERT(size > 0);
    size_t there = unread(stream);
    if (there == 0) {
        if (stream->err != ERR_OK)
            return stream->err == ERR_AGAIN ? ERR_RESET : stream->err;
        return stream->ended ? ERR_CLOSED : ERR_AGAIN;
    }
    size = chunk(net, size < there ? size : there);
    memcpy(out, stream->arrived.data + stream->arrived_read, size);
    stream->arrived_read += size;
    if (stream->arrived_read == stream->arrived.size) {
        buf_clear(&stream->arrived);
        stream->arrived_read = 0;
    } else if (stream->arrived_read > 65536 && stream->arrived_read > stream->arrived.size / 2) {
        memmove(stream->arrived.data, stream->arrived.data + stream->arrived_read,
                stream->arrived.size - stream->arrived_read);
        stream->arrived.size -= stream->arrived_read;
        stream->arrived_read = 0;
    }
    sim_world_note(net->world, NOTE_READ, stream->connection->id, size);
    *out_size = size;
    stream_poke(other_end(stream));
    return ERR_OK;
}

enum err sim_stream_write(struct env_stream *stream, const struct env_iov *iov, size_t iov_count,
                          size_t *out_size)
{
    struct sim_net *net = stream->connection->net;
    *out_size = 0;
    if (stream->err != ERR_OK)
        return ERR_RESET;
    if (stream->state != END_OPEN)
        return ERR_AGAIN;
    size_t size = 0;
    for (size_t i = 0; i < iov_count; i++)
        size += iov[i].size;
    ASSERT(size > 0);
    size_t room = write_room(stream);
    if (room == 0)
        return ERR_AGAIN;
    size = chunk(net, size < room ? size : room);
    struct buf data = BUF_EMPTY;
    for (size_t i = 0; i < iov_count && data.size < size; i++) {
        size_t part = size - data.size < iov[i].size ? size - data.size : iov[i].size;
        buf_put(&data, iov[i].base, part);
    }
    sim_world_note_bytes(net->world, NOTE_WRITE, stream->connection->id, data.data, data.size);
    for (size_t at = 0; at < size;) {
        size_t part = chunk(net, size - at);
        pipe_put(other_end(stream), SEGMENT_DATA, data.data + at, part);
        at += part;
    }
    buf_deinit(&data);
    *out_size = size;
    return ERR_OK;
}

const char *sim_stream_peer(const struct env_stream *stream)
{
    return stream->peer;
}

const char *sim_stream_local(const struct env_stream *stream)
{
    return stream->local;
}

/* The end is nobody's any more; `kind` goes to the other one after what was written. */
static void end_gone(struct env_stream *stream, enum segment_kind kind, bool silent)
{
    struct connection *connection = stream->connection;
    struct env_stream *peer = other_end(stream);
    bool told = stream->err == ERR_OK && !silent && stream->state != END_CONNECTING;
    list_remove(&stream->ready.node);
    if (stream->listener != NULL)
        stream->listener->waiting--;
    stream->listener = NULL;
    stream->state = END_GONE;
    stream->shard = NULL;
    stream->handler = NULL;
    stream->silent = silent;
    buf_deinit(&stream->arrived);
    stream->arrived = BUF_EMPTY;
    stream->arrived_read = 0;
    if (told)
        pipe_put(peer, kind, NULL, 0);
    stream_poke(peer); /* what was unread here takes no room any more */
    connection_tidy(connection);
}

void sim_stream_close(struct env_stream *stream)
{
    sim_world_note(stream->connection->net->world, NOTE_CLOSE, stream->connection->id, 0);
    /* What was not read makes the close a reset, as Linux has it. */
    end_gone(stream, unread(stream) > 0 ? SEGMENT_RESET : SEGMENT_END, false);
}

/* ---- Faults ---- */

size_t sim_net_stream_count(const struct sim_node *node)
{
    const struct sim_net *net = node->world->net;
    size_t count = 0;
    LIST_FOR_EACH (link, &net->listeners)
        count += LIST_ENTRY(link, struct env_listener, node)->node_of == node;
    LIST_FOR_EACH (link, &net->connections) {
        struct connection *connection = LIST_ENTRY(link, struct connection, node);
        for (size_t i = 0; i < 2; i++) {
            const struct env_stream *end = &connection->ends[i];
            count += end->node == node && (end->state == END_OPEN || end->state == END_CONNECTING);
        }
    }
    return count;
}

/* Of what a machine without power has sent, an end may not have left it. */
static void pipe_cut(struct env_stream *to)
{
    struct sim_net *net = to->connection->net;
    if (prng_chance(&net->prng, 1, 2))
        return;
    while (!list_empty(&to->segments) && prng_chance(&net->prng, 3, 4)) {
        struct segment *last = LIST_ENTRY(to->segments.prev, struct segment, node);
        to->flight_bytes -= last->size;
        list_remove(&last->node);
        sim_free(last);
    }
    if (list_empty(&to->segments))
        sim_event_cancel(net->world, &to->arrival);
}

void sim_net_process_gone(struct sim_node *node, enum sim_crash how)
{
    struct sim_net *net = node->world->net;
    LIST_FOR_EACH_SAFE (link, after, &net->listeners) {
        struct env_listener *listener = LIST_ENTRY(link, struct env_listener, node);
        if (listener->node_of == node) {
            listener_drop_waiting(net, listener, true);
            list_remove(&listener->node);
            sim_free(listener);
        }
    }
    LIST_FOR_EACH_SAFE (link, after, &net->connections) {
        struct connection *connection = LIST_ENTRY(link, struct connection, node);
        bool mine[2];
        for (size_t i = 0; i < 2; i++)
            mine[i] = connection->ends[i].node == node && connection->ends[i].state != END_GONE;
        for (size_t i = 0; i < 2; i++) {
            struct env_stream *end = &connection->ends[i];
            if (!mine[i])
                continue;
            bool last = i == 1 || !mine[1];
            bool silent = how == SIM_CRASH_POWER;
            if (silent)
                pipe_cut(other_end(end));
            /* The kernel of a killed process ends its streams in good order, or breaks them. */
            bool reset = unread(end) > 0 || prng_chance(&net->prng, 1, 2);
            end_gone(end, reset ? SEGMENT_RESET : SEGMENT_END, silent);
            if (last)
                break; /* the connection may be gone */
        }
    }
}

void sim_net_block(struct sim_net *net, const struct sim_node *from, const struct sim_node *to,
                   bool block)
{
    sim_log(net->world, "net: %s -> %s is %s", from->name, to->name, block ? "cut" : "open");
    net->blocked[from->id][to->id] = block;
}

void sim_net_block_both(struct sim_net *net, const struct sim_node *a, const struct sim_node *b,
                        bool block)
{
    sim_net_block(net, a, b, block);
    sim_net_block(net, b, a, block);
}

void sim_net_heal(struct sim_net *net)
{
    memset(net->blocked, 0, sizeof net->blocked);
    memset(net->extra_ns, 0, sizeof net->extra_ns);
    sim_log(net->world, "net: healed");
}

void sim_net_slow(struct sim_net *net, const struct sim_node *from, const struct sim_node *to,
                  uint64_t extra_ns)
{
    net->extra_ns[from->id][to->id] = extra_ns;
}

size_t sim_net_reset_some(struct sim_net *net, const struct sim_node *node, uint32_t ppm)
{
    size_t count = 0;
    LIST_FOR_EACH_SAFE (link, after, &net->connections) {
        struct connection *connection = LIST_ENTRY(link, struct connection, node);
        bool of_node = connection->ends[0].node == node || connection->ends[1].node == node;
        if (!of_node || connection->ends[0].state != END_OPEN || !sim_chance_ppm(&net->prng, ppm))
            continue;
        both_break(connection);
        connection_tidy(connection);
        count++;
    }
    sim_log(net->world, "net: %zu connections of %s are reset", count, node->name);
    return count;
}

size_t sim_net_vanish_some(struct sim_net *net, const struct sim_node *node, uint32_t ppm)
{
    size_t count = 0;
    LIST_FOR_EACH_SAFE (link, after, &net->connections) {
        struct connection *connection = LIST_ENTRY(link, struct connection, node);
        for (size_t i = 0; i < 2; i++) {
            struct env_stream *end = &connection->ends[i];
            if (end->node != node || end->state != END_OPEN || end->err != ERR_OK ||
                !sim_chance_ppm(&net->prng, ppm))
                continue;
            /* The node finds its end broken; nothing tells the other. */
            end->err = ERR_RESET;
            pipe_clear(end);
            pipe_clear(other_end(end));
            connection->cut = true;
            stream_poke(end);
            stream_poke(other_end(end));
            count++;
            break;
        }
    }
    sim_log(net->world, "net: %zu connections of %s vanish", count, node->name);
    return count;
}
