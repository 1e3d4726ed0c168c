/*
 * A connection that is sent arbitrary bytes, in arbitrary pieces, by a peer that reads as slowly as
 * it likes. Requests that need nothing but the image are answered by their real handlers, the
 * others wait and are answered at arbitrary times.
 *
 * Input: a byte of options, then steps: a byte that says what happens, and for "receive" a length
 * byte and so many bytes of the stream.
 */
#include "../../src/broker/api/handlers_int.h"
#include "../../src/broker/node_int.h"
#include "../../src/broker/shard_int.h"

#include "../unit/fake_env.h"
#include "base/log.h"
#include "broker/api.h"
#include "broker/conn.h"
#include "broker/request.h"
#include "conf/conf.h"
#include "meta/delta.h"
#include "wire/api.h"
#include "wire/messages.h"
#include "wire/schema.h"

#define PARKED_MAX 80

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct broker_request *parked[PARKED_MAX];
static size_t parked_count;

static void park(struct broker_request *request)
{
    ASSERT(parked_count < PARKED_MAX);
    parked[parked_count++] = request;
}

#define BROKER BROKER_API_BROKER

/* In place of the node's own list. */
const struct broker_api broker_apis[] = {
    {WIRE_API_PRODUCE, 3, 13, 0, BROKER | BROKER_API_OVERLAPS, park},
    {WIRE_API_FETCH, 4, 18, 4, BROKER, park},
    {WIRE_API_LIST_OFFSETS, 1, 11, 1, BROKER, park},
    {WIRE_API_METADATA, 0, 13, 0, BROKER, broker_api_metadata},
    {WIRE_API_FIND_COORDINATOR, 0, 6, 0, BROKER, broker_api_find_coordinator},
    {WIRE_API_API_VERSIONS, 0, 4, 0, BROKER, broker_api_api_versions},
    {WIRE_API_CREATE_TOPICS, 2, 7, 2, BROKER, park},
    {WIRE_API_DELETE_TOPICS, 1, 6, 1, BROKER, park},
    {WIRE_API_INIT_PRODUCER_ID, 0, 5, 0, BROKER, park},
    {WIRE_API_DESCRIBE_CONFIGS, 1, 4, 1, BROKER, broker_api_describe_configs},
    {WIRE_API_DESCRIBE_CLUSTER, 0, 2, 0, BROKER, broker_api_describe_cluster},
};
const size_t broker_api_count = ARRAY_COUNT(broker_apis);

const struct broker_api *broker_api_find(int16_t key)
{
    for (size_t i = 0; i < broker_api_count; i++) {
        if (broker_apis[i].key == key)
            return &broker_apis[i];
    }
    return NULL;
}

static void answer(size_t at)
{
    struct broker_request *request = parked[at];
    parked[at] = parked[--parked_count];
    const struct wire_api *api = wire_api_find(request->api->key);
    void *message = arena_must_alloc(&request->arena, api->response->size);
    wire_default(api->response, message);
    broker_request_complete(request, message);
}

static struct meta_image *image_new(void)
{
    struct meta_image *empty = meta_image_new();
    struct meta_delta *delta = meta_delta_new(empty);
    struct wire_topic_record topic;
    wire_default(&wire_topic_record_schema, &topic);
    topic.name = WIRE_STRING("t");
    topic.topic_id.bytes[15] = 9;
    struct wire_partition_record partition;
    wire_default(&wire_partition_record_schema, &partition);
    int32_t ids[] = {1};
    struct uuid directories[1] = {{{0}}};
    partition.partition_id = 0;
    partition.topic_id = topic.topic_id;
    partition.leader = 1;
    partition.leader_epoch = 0;
    partition.partition_epoch = 0;
    partition.replicas = partition.isr = (struct wire_int32s){ids, 1};
    partition.directories.items = directories;
    partition.directories.count = 1;
    struct meta_record records[] = {{2, 0, &topic}, {3, 1, &partition}};
    char error[META_ERROR_BYTES];
    meta_delta_seek(delta, 0, 1, 0);
    for (size_t i = 0; i < ARRAY_COUNT(records); i++) {
        if (meta_delta_apply(delta, &records[i], error) != ERR_OK)
            PANIC("%s", error);
    }
    struct meta_image *image = meta_delta_image(delta);
    meta_delta_free(delta);
    meta_image_unref(empty);
    return image;
}

static void quiet(void *context, enum log_level level, const char *room, const char *line)
{
    UNUSED(context);
    UNUSED(level);
    UNUSED(room);
    UNUSED(line);
}

struct world {
    struct fake_env fake;
    struct env *envs[1];
    struct conf *conf;
    struct broker_node *node;
    struct broker_shard *shard;
    struct env_stream *stream;
};

static void world_init(struct world *world)
{
    fake_env_init(&world->fake);
    world->envs[0] = &world->fake.env;
    struct conf_pair pairs[] = {{"socket.request.max.bytes", "100000"},
                                {"queued.max.request.bytes", "300000"},
                                {"auto.create.topics.enable", "false"}};
    world->conf = conf_of(pairs, ARRAY_COUNT(pairs));
    struct broker_node_options options = {
        .envs = world->envs, .env_count = 1, .conf = world->conf, .hostname = "here"};
    world->node = broker_node_new(&options);
    world->node->cluster_id = mem_strdup("fuzz");
    world->shard = broker_node_shard(world->node, 0);
    world->shard->image = image_new();
    broker_shard_serve(world->shard);
    world->stream = fake_stream_new(&world->fake);
    bool admitted = broker_admit(&world->fake.env, &world->node->listeners[0], "192.0.2.1:40000");
    ASSERT(admitted);
    broker_conn_accept(world->shard, &world->node->listeners[0], world->stream);
}

static void step(struct world *world, const uint8_t **data, size_t *size)
{
    uint8_t what = *(*data)++;
    (*size)--;
    switch (what % 8) {
    case 0:
        if (parked_count > 0)
            answer(what / 8u % parked_count);
        break;
    case 1:
        world->stream->write_room = what;
        break;
    case 2:
        world->stream->write_room = SIZE_MAX;
        break;
    case 3:
        world->stream->read_max = what / 8u;
        break;
    case 4:
        fake_env_pass_ms(&world->fake, (uint64_t)what * 1000);
        break;
    default: {
        size_t part = what / 8u * 16u;
        if (part > *size)
            part = *size;
        fake_stream_give(world->stream, *data, part);
        *data += part;
        *size -= part;
    }
    }
    if (!world->stream->closed)
        fake_env_settle(&world->fake);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    log_set_sink(quiet, NULL);
    struct world world;
    world_init(&world);
    parked_count = 0;
    while (size > 0 && !world.stream->closed)
        step(&world, &data, &size);
    if (!world.stream->closed) {
        world.stream->in_end = ERR_CLOSED;
        fake_env_settle(&world.fake);
    }
    while (parked_count > 0) {
        answer(0);
        fake_env_settle(&world.fake);
    }
    ASSERT(world.shard->queued_bytes == 0 || !world.stream->closed);
    broker_node_free(world.node);
    conf_free(world.conf);
    fake_env_deinit(&world.fake);
    return 0;
}
