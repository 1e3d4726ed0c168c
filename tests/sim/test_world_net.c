/* The simulated network: order, chunks, bounds, ends of all sorts. */
#include "../unit/unit.h"
#include "base/mem.h"
#include "sim_net.h"

#include <stdio.h>
#include <string.h>

/*
 * A server that counts and checks what it gets and echoes it; a client that sends `total` bytes,
 * each a function of its position, and checks the echo. Both say how their streams ended.
 */
struct conn_state {
    struct env_stream *stream;
    struct server *server; /* of the accepting side */
    uint8_t held[512];
    size_t held_size;
    size_t held_sent;
    uint64_t received;
};

struct server {
    struct env_listener *listener;
    struct conn_state conns[16];
    size_t conn_count;
    uint32_t shards_seen; /* a bit for each that was handed a stream */
    bool deaf;            /* reads nothing */
};

struct client {
    struct env_stream *stream;
    enum err status; /* of the connect */
    bool connected;
    bool closes_at_end;
    uint64_t total;
    uint64_t sent;
    uint64_t echoed;
    enum err end; /* ERR_OK: it goes on */
    uint64_t ended_ns;
};

static struct server *server;
static struct client *client;

static uint8_t byte_at(uint64_t position)
{
    return (uint8_t)((position * 2654435761u) >> 13);
}

static void server_end(struct env *env, struct conn_state *conn)
{
    env_stream_close(env, conn->stream);
    conn->stream = NULL;
}

static void server_event(struct env *env, struct env_stream *stream, void *context, unsigned events)
{
    struct conn_state *conn = context;
    assert_true(events != 0);
    if ((events & ENV_READABLE) != 0 && conn->held_size == 0) {
        enum err err =
            env_stream_read(env, stream, conn->held, sizeof conn->held, &conn->held_size);
        if (err == ERR_CLOSED || err == ERR_RESET) {
            server_end(env, conn);
            return;
        }
        assert_true(err == ERR_OK || err == ERR_AGAIN);
        assert_true((err == ERR_OK) == (conn->held_size > 0));
        for (size_t i = 0; i < conn->held_size; i++)
            assert_int_equal(conn->held[i], byte_at(conn->received++));
        conn->held_sent = 0;
    }
    while (conn->held_sent < conn->held_size) {
        struct env_iov iov = {conn->held + conn->held_sent, conn->held_size - conn->held_sent};
        size_t size;
        enum err err = env_stream_write(env, stream, &iov, 1, &size);
        if (err == ERR_RESET) {
            server_end(env, conn);
            return;
        }
        if (err == ERR_AGAIN)
            break;
        assert_int_equal(err, ERR_OK);
        conn->held_sent += size;
    }
    if (conn->held_sent == conn->held_size)
        conn->held_size = conn->held_sent = 0;
    env_stream_want(env, stream, conn->held_size > 0 ? ENV_WRITABLE : ENV_READABLE);
}

static const struct env_stream_handler server_handler = {server_event};

static void server_accept(struct env *env, void *context, struct env_stream *stream)
{
    struct server *self = context;
    struct conn_state *conn = &self->conns[self->conn_count++];
    assert_true(self->conn_count <= ARRAY_COUNT(self->conns));
    assert_int_equal(strncmp(env_stream_peer(env, stream), "10.0.0.", 7), 0);
    assert_string_equal(env_stream_local(env, stream), "10.0.0.1:9092");
    self->shards_seen |= 1u << env->shard;
    conn->stream = stream;
    conn->server = self;
    env_stream_handle(env, stream, &server_handler, conn);
    env_stream_want(env, stream, self->deaf ? 0 : ENV_READABLE);
}

static void *server_boot(void *context, const struct sim_process_options *options)
{
    server = mem_zalloc(sizeof *server);
    server->deaf = context != NULL && *(bool *)context;
    struct env_listen_options listen = {
        .port = 9092, .backlog = 4, .accept = server_accept, .context = server};
    struct env_listener *second = NULL;
    assert_int_equal(env_listen(options->envs[0], &listen, &server->listener), ERR_OK);
    assert_int_equal(env_listen(options->envs[0], &listen, &second), ERR_BUSY);
    listen.host = "elsewhere";
    assert_int_equal(env_listen(options->envs[0], &listen, &second), ERR_INVALID);
    listen.host = "broker";
    listen.port = 0;
    assert_int_equal(env_listen(options->envs[0], &listen, &second), ERR_OK);
    assert_true(env_listener_port(options->envs[0], second) >= 32768);
    env_listener_close(options->envs[0], second);
    return server;
}

static const struct sim_process_ops server_ops = {.boot = server_boot};

static void client_end(struct env *env, enum err err)
{
    env_stream_close(env, client->stream);
    client->stream = NULL;
    client->end = err;
    client->ended_ns = sim_world_current()->now_ns;
}

static void client_event(struct env *env, struct env_stream *stream, void *context, unsigned events)
{
    UNUSED(context);
    uint8_t bytes[700];
    size_t size;
    if (!client->connected) {
        client->status = env_stream_status(env, stream);
        assert_int_not_equal(client->status, ERR_AGAIN);
        client->connected = client->status == ERR_OK;
        if (!client->connected) {
            client_end(env, client->status);
            return;
        }
    }
    if ((events & ENV_READABLE) != 0) {
        enum err err = env_stream_read(env, stream, bytes, sizeof bytes, &size);
        if (err == ERR_OK) {
            for (size_t i = 0; i < size; i++)
                assert_int_equal(bytes[i], byte_at(client->echoed++));
        } else if (err != ERR_AGAIN) {
            client_end(env, err);
            return;
        }
        if (client->echoed == client->total && client->closes_at_end) {
            client_end(env, ERR_CLOSED);
            return;
        }
    }
    if ((events & ENV_WRITABLE) != 0 && client->sent < client->total) {
        uint64_t rest = client->total - client->sent;
        size = rest < sizeof bytes ? (size_t)rest : sizeof bytes;
        for (size_t i = 0; i < size; i++)
            bytes[i] = byte_at(client->sent + i);
        struct env_iov iov[2] = {{bytes, size / 3}, {bytes + size / 3, size - size / 3}};
        enum err err = env_stream_write(env, stream, iov, 2, &size);
        if (err == ERR_RESET) {
            client_end(env, err);
            return;
        }
        client->sent += size;
    }
    env_stream_want(env, stream, ENV_READABLE | (client->sent < client->total ? ENV_WRITABLE : 0));
}

static const struct env_stream_handler client_handler = {client_event};

struct client_options {
    const char *host;
    uint16_t port;
    uint64_t total;
    bool closes_at_end;
};

static void *client_boot(void *context, const struct sim_process_options *options)
{
    const struct client_options *o = context;
    client = mem_zalloc(sizeof *client);
    client->total = o->total;
    client->closes_at_end = o->closes_at_end;
    struct env *env = options->envs[0];
    assert_int_equal(env_connect(env, o->host, o->port, &client->stream), ERR_OK);
    assert_int_equal(env_stream_status(env, client->stream), ERR_AGAIN);
    env_stream_handle(env, client->stream, &client_handler, NULL);
    return client;
}

static const struct sim_process_ops client_ops = {.boot = client_boot};

struct rig {
    struct sim_world *world;
    struct sim_node *broker;
    struct sim_node *host;
    struct client_options options;
    bool deaf;
};

static void rig_init(struct rig *rig, uint64_t seed, bool calm)
{
    *rig = (struct rig){.options = {.host = "broker", .port = 9092, .total = 20000}};
    rig->world = sim_world_new(seed);
    if (!calm) {
        sim_options_draw(&rig->world->options, &rig->world->prng);
        rig->world->options.reset_ppm = 0;
        rig->world->options.refuse_ppm = 0;
    }
    rig->broker = sim_node_new(rig->world, "broker");
    rig->host = sim_node_new(rig->world, "host");
}

static void rig_boot(struct rig *rig, uint32_t shards)
{
    sim_node_boot(rig->broker, shards, &server_ops, &rig->deaf);
    sim_node_boot(rig->host, 1, &client_ops, &rig->options);
}

static bool client_goes_on(void *context)
{
    UNUSED(context);
    return client->end == ERR_OK && client->echoed < client->total;
}

static uint64_t echo_run(uint64_t seed)
{
    struct rig rig;
    rig_init(&rig, seed, false);
    rig.options.closes_at_end = true;
    rig_boot(&rig, 1 + (uint32_t)(seed % 3));
    assert_true(sim_world_run_while(rig.world, client_goes_on, NULL, 3600 * SIM_S));
    assert_int_equal(client->echoed, client->total);
    sim_world_run_for(rig.world, 10 * SIM_S);
    assert_int_equal(server->conn_count, 1);
    assert_null(server->conns[0].stream); /* the end has come */
    assert_int_equal(sim_net_stream_count(rig.host), 0);
    assert_int_equal(sim_net_stream_count(rig.broker), 1);
    uint64_t hash = rig.world->hash;
    sim_world_free(rig.world);
    return hash;
}

static void test_echo_in_order_in_any_chunks(void **state)
{
    UNUSED(state);
    for (uint64_t seed = 1; seed <= 60; seed++) {
        uint64_t hash = echo_run(seed);
        if (seed % 10 == 0)
            assert_int_equal(hash, echo_run(seed));
    }
}

static void test_connect_failures(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1, true);
    rig.options.port = 1;
    rig_boot(&rig, 1);
    sim_world_run_for(rig.world, SIM_S);
    assert_int_equal(client->status, ERR_RESET); /* refused */
    sim_node_crash(rig.host, SIM_CRASH_KILL);

    rig.options.host = "nobody";
    sim_node_reboot(rig.host, 1);
    sim_world_run_for(rig.world, SIM_S);
    assert_int_equal(client->status, ERR_NOTFOUND);
    sim_node_crash(rig.host, SIM_CRASH_KILL);

    rig.options = (struct client_options){.host = "10.0.0.1", .port = 9092, .total = 1};
    sim_net_block(rig.world->net, rig.broker, rig.host, true);
    sim_node_reboot(rig.host, 1);
    sim_world_run_for(rig.world, SIM_S);
    assert_false(client->connected);
    sim_net_heal(rig.world->net);
    sim_world_run_for(rig.world, SIM_S);
    assert_true(client->connected);
    sim_node_crash(rig.host, SIM_CRASH_KILL);

    sim_net_block(rig.world->net, rig.host, rig.broker, true);
    sim_node_reboot(rig.host, 1);
    sim_world_run_for(rig.world, 20 * SIM_S);
    assert_int_equal(client->status, ERR_TIMEOUT);
    sim_node_crash(rig.host, SIM_CRASH_KILL);
    sim_net_heal(rig.world->net);

    sim_node_crash(rig.broker, SIM_CRASH_POWER);
    sim_node_reboot(rig.host, 1);
    sim_world_run_for(rig.world, 20 * SIM_S);
    assert_int_equal(client->status, ERR_TIMEOUT);
    sim_world_free(rig.world);
}

static void test_slow_reader_stops_the_writer(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1, true);
    rig.deaf = true;
    rig.options.total = 10 * rig.world->options.stream_buffer;
    rig_boot(&rig, 1);
    sim_world_run_for(rig.world, 100 * SIM_S);
    assert_int_equal(client->end, ERR_OK);
    assert_int_equal(client->sent, rig.world->options.stream_buffer);
    sim_world_free(rig.world);
}

/* A killed process's peer is told; a machine without power tells nobody, until it is back. */
static void test_crash_of_the_server(void **state)
{
    UNUSED(state);
    unsigned ends = 0;
    unsigned resets = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct rig rig;
        rig_init(&rig, seed, true);
        rig_boot(&rig, 1);
        assert_true(sim_world_run_while(rig.world, client_goes_on, NULL, 10 * SIM_S));
        sim_node_crash(rig.broker, SIM_CRASH_KILL);
        sim_world_run_for(rig.world, SIM_S);
        assert_int_not_equal(client->end, ERR_OK);
        ends += client->end == ERR_CLOSED;
        resets += client->end == ERR_RESET;
        sim_world_free(rig.world);
    }
    assert_true(ends > 5 && resets > 5);
}

static void client_send_more(struct env *env, void *context)
{
    UNUSED(context);
    client->total += 1000;
    env_stream_want(env, client->stream, ENV_READABLE | ENV_WRITABLE);
}

static void test_half_open(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1, true);
    rig_boot(&rig, 1);
    assert_true(sim_world_run_while(rig.world, client_goes_on, NULL, 10 * SIM_S));
    sim_node_crash(rig.broker, SIM_CRASH_POWER);
    sim_world_run_for(rig.world, 1000 * SIM_S);
    assert_int_equal(client->end, ERR_OK); /* it knows nothing */
    sim_shard_call(&rig.host->shards[0], client_send_more, NULL);
    sim_world_run_for(rig.world, 10 * SIM_S);
    assert_int_equal(client->end, ERR_OK);
    assert_int_equal(client->sent, client->total); /* writing works */
    sim_world_run_for(rig.world, 30 * SIM_S);
    assert_int_equal(client->end, ERR_RESET); /* and gives up in the end */
    sim_world_free(rig.world);

    /* The machine is back: it knows nothing of the connection, and says so. */
    rig_init(&rig, 2, true);
    rig_boot(&rig, 1);
    assert_true(sim_world_run_while(rig.world, client_goes_on, NULL, 10 * SIM_S));
    sim_node_crash(rig.broker, SIM_CRASH_POWER);
    sim_node_reboot(rig.broker, 1);
    sim_world_run_for(rig.world, SIM_S);
    assert_int_equal(client->end, ERR_OK);
    sim_shard_call(&rig.host->shards[0], client_send_more, NULL);
    sim_world_run_for(rig.world, SIM_S);
    assert_int_equal(client->end, ERR_RESET);
    sim_world_free(rig.world);

    /* Only the connection vanishes. */
    rig_init(&rig, 3, true);
    rig_boot(&rig, 1);
    assert_true(sim_world_run_while(rig.world, client_goes_on, NULL, 10 * SIM_S));
    assert_int_equal(sim_net_vanish_some(rig.world->net, rig.broker, 1000000), 1);
    sim_world_run_for(rig.world, 10 * SIM_S);
    assert_null(server->conns[0].stream);
    assert_int_equal(client->end, ERR_OK);
    sim_shard_call(&rig.host->shards[0], client_send_more, NULL);
    sim_world_run_for(rig.world, 100 * SIM_S);
    assert_int_equal(client->end, ERR_RESET);
    sim_world_free(rig.world);
}

static void test_partition_and_reset(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1, true);
    rig.options.total = 1000000;
    rig.world->options.bytes_per_ms = 100; /* 10 s for all of it */
    rig_boot(&rig, 1);
    sim_world_run_for(rig.world, SIM_S);
    assert_true(client->echoed > 0 && client->echoed < client->total);
    sim_net_block_both(rig.world->net, rig.broker, rig.host, true);
    sim_world_run_for(rig.world, SIM_S);
    uint64_t echoed = client->echoed;
    sim_world_run_for(rig.world, 5 * SIM_S);
    assert_int_equal(client->echoed, echoed);
    sim_net_heal(rig.world->net);
    sim_world_run_for(rig.world, 5 * SIM_S);
    assert_true(client->echoed > echoed);
    assert_int_equal(sim_net_reset_some(rig.world->net, rig.host, 1000000), 1);
    sim_world_run_for(rig.world, SIM_S);
    assert_int_equal(client->end, ERR_RESET);
    assert_null(server->conns[0].stream);
    sim_world_free(rig.world);
}

static void test_streams_go_to_the_shards_in_turn(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1, true);
    rig.options.total = 10;
    sim_node_boot(rig.broker, 3, &server_ops, &rig.deaf);
    for (int i = 0; i < 3; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "host%d", i);
        struct sim_node *host = sim_node_new(rig.world, name);
        sim_node_boot(host, 1, &client_ops, &rig.options);
        sim_world_run_for(rig.world, SIM_S);
        assert_int_equal(client->echoed, 10);
    }
    assert_int_equal(server->shards_seen, 7);
    /* A paused machine's kernel accepts, its process does not answer until it goes on. */
    sim_node_pause(rig.broker);
    sim_node_boot(rig.host, 1, &client_ops, &rig.options);
    sim_world_run_for(rig.world, SIM_S);
    assert_true(client->connected);
    assert_int_equal(client->echoed, 0);
    sim_node_resume(rig.broker);
    sim_world_run_for(rig.world, SIM_S);
    assert_int_equal(client->echoed, 10);
    sim_world_free(rig.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo_in_order_in_any_chunks),
        cmocka_unit_test(test_connect_failures),
        cmocka_unit_test(test_slow_reader_stops_the_writer),
        cmocka_unit_test(test_crash_of_the_server),
        cmocka_unit_test(test_half_open),
        cmocka_unit_test(test_partition_and_reset),
        cmocka_unit_test(test_streams_go_to_the_shards_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
