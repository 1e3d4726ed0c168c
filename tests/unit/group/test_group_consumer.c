/*
 * Groups of the new protocol as a model: members that join, heartbeat, stall, leave and change what
 * they subscribe to, topics that come and grow, appends that are refused or committed late, and a
 * coordinator that is made again from its records at any moment.
 *
 * 1. No partition is with two members that are heard of in time.
 * 2. A member's epoch rises, until it is fenced.
 * 3. What a coordinator loads is what the one before it had.
 * 4. When things calm down each partition of a topic that somebody subscribes to has an owner who
 *    does, nobody has more, and the group is stable.
 */
#include "group/group_consumer_int.h"

#include "../unit.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "base/prng.h"
#include "meta/delta.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENTS 8
#define TOPICS 4
#define PARTITIONS_MAX 12
#define BATCHES_MAX 20000
#define REBALANCE_MS 20000 /* the session is longer */

struct batch {
    struct buf data;
    int64_t end_offset;
};

struct world {
    struct prng prng;
    uint64_t seed;
    int64_t now_ms;
    struct conf *conf;
    struct meta_delta *delta;
    struct meta_image *image;
    int32_t partitions[TOPICS];
    struct group_coordinator *g;
    struct batch *log;
    size_t log_count;
    int64_t end_offset;
    unsigned refuse_1_in; /* appends; 0: never */
    bool late;            /* commits are told later */
    size_t reloads, fenced, appended;
};

struct client {
    char id[8];
    char instance[8]; /* "": none */
    bool running;
    bool stalled;
    int32_t epoch;
    bool full; /* the next heartbeat says everything */
    unsigned topics;
    bool regex;
    bool has[TOPICS][PARTITIONS_MAX];
    int64_t heard_ms; /* when the last heartbeat that was answered well was sent */
    /* A heartbeat under way. */
    bool waiting;
    int64_t sent_ms;
    struct group_call call;
    struct arena arena;
    struct wire_consumer_group_heartbeat_request *request;
    struct world *world;
};

static struct client clients[CLIENTS];

static uint64_t draw(struct world *world, uint64_t below)
{
    return prng_below(&world->prng, below);
}

static struct uuid topic_id(size_t topic)
{
    struct uuid id = UUID_ZERO;
    id.bytes[0] = 7;
    id.bytes[15] = (uint8_t)(topic + 1);
    return id;
}

static size_t topic_index(const struct uuid *id)
{
    return (size_t)id->bytes[15] - 1;
}

static const char *const topic_names[TOPICS] = {"alpha", "beta", "gamma", "delta"};

/* ---- The cluster ---- */

static void apply_record(struct meta_delta *delta, int16_t key, const void *message)
{
    char error[META_ERROR_BYTES];
    struct meta_record record = {.key = key, .message = message};
    assert_int_equal(meta_delta_apply(delta, &record, error), ERR_OK);
}

static void add_partition(struct meta_delta *delta, struct uuid topic, int32_t index,
                          struct wire_int32s replicas)
{
    struct wire_partition_record partition;
    wire_default(&wire_partition_record_schema, &partition);
    struct uuid directories[2] = {{{0}}};
    partition.partition_id = index;
    partition.topic_id = topic;
    partition.replicas = partition.isr = replicas;
    partition.leader = replicas.items[0];
    partition.leader_epoch = partition.partition_epoch = 0;
    partition.directories = (struct wire_uuids){directories, replicas.count};
    apply_record(delta, WIRE_METADATA_RECORD_PARTITION, &partition);
}

static void add_topic(struct meta_delta *delta, const char *name, struct uuid id)
{
    struct wire_topic_record topic = {.name = wire_string_from(name), .topic_id = id};
    apply_record(delta, WIRE_METADATA_RECORD_TOPIC, &topic);
}

static void grow(struct world *world, size_t topic, int32_t more)
{
    int32_t one = 1;
    struct uuid id = topic_id(topic);
    if (world->partitions[topic] == 0)
        add_topic(world->delta, topic_names[topic], id);
    for (int32_t i = 0; i < more && world->partitions[topic] < PARTITIONS_MAX; i++)
        add_partition(world->delta, id, world->partitions[topic]++, (struct wire_int32s){&one, 1});
    struct meta_image *before = world->image;
    world->image = meta_delta_image(world->delta);
    meta_image_unref(before);
}

static struct group_time now(const struct world *world)
{
    return (struct group_time){.now_ms = world->now_ms, .wall_ms = world->now_ms + 1000000};
}

/* ---- The log ---- */

static int16_t log_append(void *context, struct buf *batch, int64_t end_offset)
{
    struct world *world = context;
    if (world->refuse_1_in != 0 && draw(world, world->refuse_1_in) == 0)
        return WIRE_ERROR_NOT_ENOUGH_REPLICAS;
    assert_true(world->log_count < BATCHES_MAX);
    struct batch *out = &world->log[world->log_count++];
    *out = (struct batch){.end_offset = end_offset};
    buf_put(&out->data, batch->data, batch->size);
    store_be64(out->data.data, (uint64_t)world->end_offset); /* as the log stamps it */
    world->end_offset = end_offset;
    world->appended++;
    if (!world->late)
        group_committed(world->g, end_offset, now(world));
    return WIRE_ERROR_NONE;
}

static void log_random(void *context, void *out, size_t size)
{
    prng_bytes(&((struct world *)context)->prng, out, size);
}

static void commit_all(struct world *world)
{
    if (world->log_count > 0)
        group_committed(world->g, world->log[world->log_count - 1].end_offset, now(world));
}

static void coordinator_begin(struct world *world)
{
    world->g = group_new(&(struct group_options){.conf = world->conf,
                                                 .image = world->image,
                                                 .context = world,
                                                 .append = log_append,
                                                 .random = log_random});
    group_load_begin(world->g);
    for (size_t i = 0; i < world->log_count; i++)
        assert_int_equal(group_load(world->g, world->log[i].data.data, world->log[i].data.size),
                         ERR_OK);
    group_activate(world->g, world->end_offset, now(world));
}

/* ---- The same state ---- */

static bool same_strings(struct wire_strings a, struct wire_strings b)
{
    bool same = a.count == b.count;
    for (int32_t i = 0; same && i < a.count; i++)
        same = wire_string_equal(a.items[i], b.items[i]);
    return same;
}

static void assert_same_group(const struct group_consumer *a, const struct group_consumer *b)
{
    struct pmap_iter iter;
    struct pmap_entry entry;
    assert_int_equal(a->epoch, b->epoch);
    assert_int_equal(a->metadata_hash, b->metadata_hash);
    assert_int_equal(a->target_epoch, b->target_epoch);
    assert_int_equal(a->target_timestamp_ms, b->target_timestamp_ms);
    assert_int_equal(pmap_count(a->members), pmap_count(b->members));
    assert_int_equal(pmap_count(a->targets), pmap_count(b->targets));
    assert_int_equal(pmap_count(a->statics), pmap_count(b->statics));
    assert_int_equal(pmap_count(a->owned), pmap_count(b->owned));
    assert_int_equal(pmap_count(a->resolved), pmap_count(b->resolved));
    pmap_iter_init(&iter, a->members, NULL, 0);
    while (pmap_iter_next(&iter, &entry)) {
        const struct group_member *x = group_member_of(&entry);
        const struct group_member *y = group_member_find(b, group_entry_key(&entry));
        assert_non_null(y);
        assert_true(wire_equal(&wire_consumer_group_member_metadata_value_schema, 0,
                               x->subscription->metadata, y->subscription->metadata));
        assert_int_equal(x->state.epoch, y->state.epoch);
        assert_int_equal(x->state.previous_epoch, y->state.previous_epoch);
        assert_int_equal(x->state.step, y->state.step);
        assert_true(group_parts_equal(&x->state.assigned, &y->state.assigned));
        assert_true(group_parts_equal(&x->state.revoking, &y->state.revoking));
        for (size_t i = 0; i < x->state.assigned.count; i++) {
            const struct group_part *part = &x->state.assigned.items[i];
            assert_int_equal(group_owned_epoch(a, &part->topic, part->partition),
                             group_owned_epoch(b, &part->topic, part->partition));
        }
    }
    pmap_iter_init(&iter, a->targets, NULL, 0);
    while (pmap_iter_next(&iter, &entry)) {
        const struct group_parts *other = group_target_find(b, group_entry_key(&entry));
        assert_non_null(other);
        assert_true(group_parts_same(group_target_find(a, group_entry_key(&entry)), other));
    }
    pmap_iter_init(&iter, a->resolved, NULL, 0);
    while (pmap_iter_next(&iter, &entry)) {
        const struct group_resolved *x = group_resolved_find(a, group_entry_key(&entry));
        const struct group_resolved *y = group_resolved_find(b, group_entry_key(&entry));
        assert_non_null(y);
        assert_true(same_strings(x->topics, y->topics));
        assert_int_equal(x->version, y->version);
    }
}

static const struct wire_string group_id = {"group", 5};

static const struct group_consumer *the_group(const struct group_coordinator *g)
{
    return group_consumer_find(&g->hard, group_id);
}

/* The coordinator moves: what it was asked and has not answered comes back as NOT_COORDINATOR. */
static void reload(struct world *world)
{
    struct group_coordinator *before = world->g;
    struct group_hard hard = group_hard_ref(&before->hard);
    commit_all(world);
    group_unload(before);
    coordinator_begin(world);
    const struct group_consumer *had = group_consumer_find(&hard, group_id);
    const struct group_consumer *has = the_group(world->g);
    assert_true((had == NULL) == (has == NULL));
    if (had != NULL)
        assert_same_group(had, has);
    group_hard_release(&hard);
    group_free(before);
    world->reloads++;
}

/* ---- Members ---- */

static void client_clear(struct client *client)
{
    memset(client->has, 0, sizeof client->has);
    client->epoch = 0;
    client->full = true;
}

static void client_takes(struct client *client,
                         const struct wire_consumer_group_heartbeat_response_assignment *assignment)
{
    memset(client->has, 0, sizeof client->has);
    for (int32_t i = 0; i < assignment->topic_partitions.count; i++) {
        const struct wire_consumer_group_heartbeat_response_topic_partitions *topic =
            &assignment->topic_partitions.items[i];
        for (int32_t k = 0; k < topic->partitions.count; k++)
            client->has[topic_index(&topic->topic_id)][topic->partitions.items[k]] = true;
    }
}

static void beat_done(struct group_call *call, void *answer)
{
    struct client *client = CONTAINER_OF(call, struct client, call);
    const struct wire_consumer_group_heartbeat_response *response = answer;
    client->waiting = false;
    if (!client->running)
        return;
    switch (response->error_code) {
    case WIRE_ERROR_NONE:
        if (response->member_epoch < 0)
            return;
        assert_true(response->member_epoch >= client->epoch);
        client->epoch = response->member_epoch;
        client->heard_ms = client->sent_ms;
        client->full = false;
        if (response->assignment != NULL)
            client_takes(client, response->assignment);
        return;
    case WIRE_ERROR_FENCED_MEMBER_EPOCH:
    case WIRE_ERROR_UNKNOWN_MEMBER_ID:
    case WIRE_ERROR_GROUP_ID_NOT_FOUND:
        client->world->fenced++;
        client_clear(client);
        client->stalled = false;
        return;
    case WIRE_ERROR_NOT_COORDINATOR:
    case WIRE_ERROR_COORDINATOR_NOT_AVAILABLE:
    case WIRE_ERROR_UNRELEASED_INSTANCE_ID: /* until its former self is thought to be gone */
        client->full = true;
        return;
    default:
        fail_msg("seed %llu: error %d: %.*s", (unsigned long long)client->world->seed,
                 response->error_code, WIRE_STRING_ARGS(response->error_message));
    }
}

static void fill_owned(struct client *client)
{
    struct wire_consumer_group_heartbeat_request *request = client->request;
    request->topic_partitions.items =
        GROUP_NEW_ARRAY(&client->arena, consumer_group_heartbeat_request_topic_partitions, TOPICS);
    request->topic_partitions.count = 0;
    for (size_t t = 0; t < TOPICS; t++) {
        struct wire_consumer_group_heartbeat_request_topic_partitions *topic =
            &request->topic_partitions.items[request->topic_partitions.count];
        topic->topic_id = topic_id(t);
        topic->partitions.items =
            arena_must_alloc_array(&client->arena, PARTITIONS_MAX, sizeof(int32_t));
        for (int32_t p = 0; p < PARTITIONS_MAX; p++) {
            if (client->has[t][p])
                topic->partitions.items[topic->partitions.count++] = p;
        }
        if (topic->partitions.count > 0)
            request->topic_partitions.count++;
    }
}

static void beat_send(struct client *client, int32_t epoch)
{
    struct world *world = client->world;
    arena_reset(&client->arena);
    client->request = GROUP_NEW(&client->arena, consumer_group_heartbeat_request);
    client->request->group_id = group_id;
    client->request->member_id = wire_string_from(client->id);
    client->request->member_epoch = epoch;
    if (client->instance[0] != 0)
        client->request->instance_id = wire_string_from(client->instance);
    if (epoch == 0 || client->full) {
        client->request->rebalance_timeout_ms = REBALANCE_MS;
        client->request->subscribed_topic_names.items =
            arena_must_alloc_array(&client->arena, TOPICS, sizeof(struct wire_string));
        client->request->subscribed_topic_names.count = 0;
        for (size_t t = 0; t < TOPICS; t++) {
            if ((client->topics >> t & 1) != 0)
                client->request->subscribed_topic_names
                    .items[client->request->subscribed_topic_names.count++] =
                    wire_string_from(topic_names[t]);
        }
        client->request->subscribed_topic_regex = wire_string_from(client->regex ? ".*ta" : "");
    }
    if (epoch >= 0)
        fill_owned(client);
    client->waiting = true;
    client->sent_ms = world->now_ms;
    client->call = (struct group_call){.op = GROUP_OP_CONSUMER_BEAT,
                                       .version = 1,
                                       .request = client->request,
                                       .arena = &client->arena,
                                       .client_id = WIRE_STRING("model"),
                                       .client_host = WIRE_STRING("/127.0.0.1"),
                                       .done = beat_done};
    group_submit(world->g, &client->call, now(world));
}

static void client_start(struct client *client)
{
    struct world *world = client->world;
    client->running = true;
    client->stalled = false;
    client->topics = (unsigned)draw(world, 1u << TOPICS);
    client->regex = draw(world, 4) == 0;
    client_clear(client);
}

static void client_act(struct client *client)
{
    struct world *world = client->world;
    if (client->waiting)
        return;
    if (!client->running) {
        if (draw(world, 4) == 0)
            client_start(client);
        return;
    }
    uint64_t what = draw(world, 40);
    if (client->stalled) {
        if (what < 4)
            client->stalled = false; /* back, perhaps as one who was given up */
        return;
    }
    if (what == 0) {
        client->running = client->epoch == 0;
        if (!client->running)
            beat_send(client, client->instance[0] != 0 && draw(world, 2) == 0
                                  ? GROUP_EPOCH_LEFT_STATIC
                                  : GROUP_EPOCH_LEFT);
        memset(client->has, 0, sizeof client->has);
    } else if (what == 1) {
        client->stalled = true;
    } else if (what == 2) {
        client->topics = (unsigned)draw(world, 1u << TOPICS);
        client->regex = draw(world, 4) == 0;
        client->full = true;
    } else if (what == 3) {
        client_clear(client); /* crashed, and here again */
    } else {
        beat_send(client, client->epoch);
    }
}

/* A member that is not heard of may be thought dead, and still believe that it owns something. */
static void assert_one_owner(const struct world *world)
{
    for (size_t t = 0; t < TOPICS; t++) {
        for (int32_t p = 0; p < PARTITIONS_MAX; p++) {
            size_t owners = 0;
            for (size_t i = 0; i < CLIENTS; i++)
                owners += clients[i].running && clients[i].has[t][p] &&
                          world->now_ms - clients[i].heard_ms < REBALANCE_MS;
            if (owners > 1)
                fail_msg("seed %llu: %s-%d has %zu owners", (unsigned long long)world->seed,
                         topic_names[t], p, owners);
        }
    }
}

static void pass_time(struct world *world, int64_t ms)
{
    world->now_ms += ms;
    while (group_deadline_ms(world->g) <= world->now_ms)
        group_tick(world->g, now(world));
}

/* ---- Calm ---- */

static bool subscribes(const struct client *client, size_t topic)
{
    return (client->topics >> topic & 1) != 0 ||
           (client->regex && (topic == 1 || topic == 3)); /* beta, delta */
}

static void assert_settled(const struct world *world)
{
    const struct group_consumer *group = the_group(world->g);
    size_t running = 0;
    for (size_t i = 0; i < CLIENTS; i++)
        running += clients[i].running;
    if (running == 0)
        return;
    assert_non_null(group);
    assert_int_equal(pmap_count(group->members), running);
    assert_string_equal(group_consumer_state_text(&world->g->hard, group_id), "Stable");
    for (size_t t = 0; t < TOPICS; t++) {
        size_t subscribers = 0;
        for (size_t i = 0; i < CLIENTS; i++)
            subscribers += clients[i].running && subscribes(&clients[i], t);
        for (int32_t p = 0; p < PARTITIONS_MAX; p++) {
            size_t owners = 0;
            for (size_t i = 0; i < CLIENTS; i++) {
                if (!clients[i].running || !clients[i].has[t][p])
                    continue;
                assert_true(subscribes(&clients[i], t));
                owners++;
            }
            bool wanted = p < world->partitions[t] && subscribers > 0;
            if (owners != (wanted ? 1 : 0))
                fail_msg("seed %llu: at rest %s-%d has %zu owners", (unsigned long long)world->seed,
                         topic_names[t], p, owners);
        }
    }
}

/* Everybody is well for long enough that who is not there any more is found out. */
static void calm(struct world *world)
{
    world->late = false;
    world->refuse_1_in = 0;
    commit_all(world);
    for (size_t i = 0; i < CLIENTS; i++)
        clients[i].stalled = false;
    for (size_t round = 0; round < 60; round++) {
        for (size_t i = 0; i < CLIENTS; i++) {
            if (clients[i].running)
                beat_send(&clients[i], clients[i].epoch);
        }
        pass_time(world, 2500);
    }
    assert_one_owner(world);
    assert_settled(world);
}

/* ---- A life ---- */

static void world_init(struct world *world, uint64_t seed)
{
    *world = (struct world){.seed = seed, .now_ms = 1000};
    prng_init(&world->prng, seed);
    const struct conf_pair pairs[] = {
        {"group.consumer.assignors", draw(world, 3) == 0 ? "range" : "uniform,range"},
        {"group.consumer.assignment.interval.ms", draw(world, 2) == 0 ? "0" : "1000"},
        {"group.consumer.regex.refresh.interval.ms", "20000"},
    };
    world->conf = conf_of(pairs, ARRAY_COUNT(pairs));
    struct meta_image *empty = meta_image_new();
    world->delta = meta_delta_new(empty);
    meta_delta_seek(world->delta, 1, 1, 1);
    world->image = empty;
    world->log = mem_alloc(BATCHES_MAX * sizeof *world->log);
    grow(world, 0, 5);
    grow(world, 1, 3);
    coordinator_begin(world);
    for (size_t i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){.world = world};
        arena_init(&clients[i].arena, ARENA_LIMIT_DEFAULT_BYTES);
        snprintf(clients[i].id, sizeof clients[i].id, "m%zu", i);
        if (i < 2)
            snprintf(clients[i].instance, sizeof clients[i].instance, "i%zu", i);
    }
}

static void world_deinit(struct world *world)
{
    group_unload(world->g);
    group_free(world->g);
    for (size_t i = 0; i < world->log_count; i++)
        buf_deinit(&world->log[i].data);
    mem_free(world->log);
    meta_delta_free(world->delta);
    meta_image_unref(world->image);
    conf_free(world->conf);
    for (size_t i = 0; i < CLIENTS; i++)
        arena_deinit(&clients[i].arena);
}

static void live(uint64_t seed, size_t steps, size_t *reloads, size_t *fenced)
{
    struct world world;
    world_init(&world, seed);
    for (size_t step = 0; step < steps; step++) {
        world.late = draw(&world, 3) == 0;
        world.refuse_1_in = draw(&world, 4) == 0 ? 10 : 0;
        client_act(&clients[draw(&world, CLIENTS)]);
        if (draw(&world, 3) == 0)
            commit_all(&world);
        if (draw(&world, 2) == 0)
            pass_time(&world, (int64_t)draw(&world, draw(&world, 50) == 0 ? 60000 : 1500));
        if (draw(&world, 150) == 0) {
            grow(&world, draw(&world, TOPICS), 1 + (int32_t)draw(&world, 3));
            group_set_image(world.g, world.image, now(&world));
        }
        if (draw(&world, 100) == 0)
            reload(&world);
        assert_one_owner(&world);
        if (draw(&world, 400) == 0)
            calm(&world);
    }
    calm(&world);
    reload(&world);
    calm(&world);
    *reloads += world.reloads;
    *fenced += world.fenced;
    world_deinit(&world);
}

static void test_model(void **state)
{
    UNUSED(state);
    const char *only = getenv("GROUP_MODEL_SEED");
    const char *many = getenv("GROUP_MODEL_SEEDS");
    uint64_t first = only != NULL ? strtoull(only, NULL, 10) : 1;
    uint64_t count = only != NULL ? 1 : many != NULL ? strtoull(many, NULL, 10) : 40;
    size_t reloads = 0;
    size_t fenced = 0;
    for (uint64_t seed = first; seed < first + count; seed++)
        live(seed, 1500, &reloads, &fenced);
    assert_true(reloads > count);
    assert_true(only != NULL || fenced > count);
}

/* ---- The metadata hash ---- */

static struct uuid uuid_of(const char *text)
{
    struct uuid id;
    assert_int_equal(uuid_from_text(text, strlen(text), &id), ERR_OK);
    return id;
}

static void add_broker(struct meta_delta *delta, int32_t id, const char *rack)
{
    struct wire_register_broker_record broker;
    wire_default(&wire_register_broker_record_schema, &broker);
    broker.broker_id = id;
    broker.rack = wire_string_from(rack);
    apply_record(delta, WIRE_METADATA_RECORD_REGISTER_BROKER, &broker);
}

/* The first two as Apache Kafka 4.3.1 wrote them into its __consumer_offsets, the others as the
 * library gave them that it hashes with. */
static void test_metadata_hash(void **state)
{
    UNUSED(state);
    struct meta_image *empty = meta_image_new();
    struct meta_delta *delta = meta_delta_new(empty);
    meta_delta_seek(delta, 1, 1, 1);
    int32_t replicas[2] = {2, 1};
    struct wire_int32s both = {replicas, 2};
    struct uuid ca = uuid_of("QnIqt3SWT5u7FUXe0LBHkw");
    struct uuid cb = uuid_of("QTNJrS4RTGKtXNgV51emMg");
    add_topic(delta, "ca", ca);
    add_topic(delta, "cb", cb);
    for (int32_t i = 0; i < 4; i++)
        add_partition(delta, ca, i, both);
    for (int32_t i = 0; i < 3; i++)
        add_partition(delta, cb, i, both);
    struct meta_image *image = meta_delta_image(delta);
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    struct wire_string names[] = {WIRE_STRING("nosuch"), WIRE_STRING("ca"), WIRE_STRING("cb"),
                                  WIRE_STRING("ca")};
    assert_int_equal(group_metadata_hash(image, names, 1, &arena), 0);
    assert_int_equal(group_metadata_hash(image, names, 2, &arena), -5802129483171033961);
    assert_int_equal(group_metadata_hash(image, names, 4, &arena), -8193203851313646212);
    meta_image_unref(image);

    meta_delta_reset(delta, empty);
    meta_delta_seek(delta, 1, 1, 1);
    add_broker(delta, 1, "r1");
    add_broker(delta, 2, "r2");
    add_broker(delta, 3, "zone-\xc3\xa9");
    add_topic(delta, "racked", cb);
    add_partition(delta, cb, 0, both);
    add_partition(delta, cb, 1, (struct wire_int32s){replicas + 1, 1});
    add_partition(delta, cb, 2, (struct wire_int32s){&(int32_t){3}, 1});
    image = meta_delta_image(delta);
    struct wire_string racked = WIRE_STRING("racked");
    assert_int_equal(group_metadata_hash(image, &racked, 1, &arena), 2125398949602769271);
    meta_image_unref(image);
    meta_image_unref(empty);
    meta_delta_free(delta);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metadata_hash),
        cmocka_unit_test(test_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
