#ifndef TESTS_UNIT_REPLICA_FIXTURE_H
#define TESTS_UNIT_REPLICA_FIXTURE_H
/*
 * A set of replicas over real files in two log directories, following images that the test makes.
 * Clients' appends and watches note what became of them.
 */
#pragma GCC diagnostic ignored "-Wunused-function"

#include "replica/replica_int.h"

#include "../plog/plog_env.h"
#include "meta/delta.h"
#include "plog/plog_dir.h"
#include "wire/batch.h"
#include "wire/errors.h"
#include "wire/messages.h"
#include "wire/records.h"
#include "wire/schema.h"

#define ME 1
#define OTHER 2
#define DIRS 2
#define PENDING (-100) /* no answer yet */

struct fixture {
    struct plog_env e;
    struct replica_set *set;
    struct meta_delta *delta;
    struct meta_image *image;
    int64_t next_offset; /* of the metadata log */
    struct plog_config *config;
    int32_t min_isr;
    uint32_t dir_failures;
    char *dirs[DIRS];
    struct uuid dir_ids[DIRS];
    size_t openings; /* calls of options.opening, and what the last one saw */
    size_t recovered;
    size_t failed;
    size_t owned; /* partitions from this one on are another shard's */
};

static struct uuid id_of(uint8_t n)
{
    return (struct uuid){{7, n, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, n}};
}

/* ---- The set's options ---- */

static bool fixture_owns(void *context, const struct uuid *topic_id, int32_t partition)
{
    struct fixture *f = context;
    UNUSED(topic_id);
    return (size_t)partition < f->owned;
}

static struct plog_config *fixture_config(void *context, const struct meta_image *image,
                                          const struct meta_topic *topic)
{
    struct fixture *f = context;
    UNUSED(image);
    UNUSED(topic);
    return plog_config_ref(f->config);
}

static int32_t fixture_min_isr(void *context, const struct meta_image *image,
                               const struct meta_topic *topic)
{
    UNUSED(image);
    UNUSED(topic);
    return ((struct fixture *)context)->min_isr;
}

static void fixture_dir_failed(void *context, uint32_t dir, enum err err, const char *what)
{
    UNUSED(dir);
    UNUSED(err);
    UNUSED(what);
    ((struct fixture *)context)->dir_failures++;
}

static void fixture_opening(void *context, const struct replica_set *set)
{
    struct fixture *f = context;
    struct replica_set_stats stats;
    replica_set_stats(set, &stats);
    f->openings++;
    f->recovered = stats.recovered;
    f->failed = stats.failed;
}

static void fixture_set_new(struct fixture *f)
{
    f->set = replica_set_new(&(struct replica_set_options){
        .env = &f->e.env,
        .node_id = ME,
        .dirs = (const char *const *)f->dirs,
        .dir_ids = f->dir_ids,
        .dir_count = DIRS,
        .openings_per_dir = 1,
        .context = f,
        .owns = fixture_owns,
        .topic_config = fixture_config,
        .topic_min_isr = fixture_min_isr,
        .dir_failed = fixture_dir_failed,
        .opening = fixture_opening,
    });
}

static void fixture_init(struct fixture *f, uint64_t seed)
{
    memset(f, 0, sizeof *f);
    plog_env_init(&f->e, seed);
    for (int i = 0; i < DIRS; i++) {
        f->dirs[i] = mem_printf("%s/d%d", f->e.root, i);
        ASSERT(mkdir(f->dirs[i], 0755) == 0);
        f->dir_ids[i] = id_of((uint8_t)(200 + i));
    }
    f->config = plog_config_new();
    f->min_isr = 1;
    f->owned = 1000;
    struct meta_image *empty = meta_image_new();
    f->delta = meta_delta_new(empty);
    meta_image_unref(empty);
    fixture_set_new(f);
}

static void fixture_closed(struct replica_closing *closing)
{
    UNUSED(closing);
}

/* Closes it unless the test has. */
static void fixture_set_end(struct fixture *f)
{
    plog_env_run(&f->e);
    struct replica_closing closing = {.done = fixture_closed};
    if (!f->set->closed)
        replica_set_close(f->set, &closing);
    plog_env_run(&f->e);
    ASSERT(replica_set_is_idle(f->set));
    replica_set_free(f->set);
    f->set = NULL;
}

static void fixture_deinit(struct fixture *f)
{
    fixture_set_end(f);
    meta_image_unref(f->image);
    meta_delta_free(f->delta);
    plog_config_unref(f->config);
    for (int i = 0; i < DIRS; i++)
        mem_free(f->dirs[i]);
    plog_env_deinit(&f->e);
}

/* ---- Images ---- */

static void record(struct fixture *f, int16_t key, const void *message)
{
    char error[META_ERROR_BYTES];
    struct meta_record one = {.key = key, .message = message};
    enum err err = meta_delta_apply(f->delta, &one, error);
    if (err != ERR_OK)
        PANIC("record type %d: %s: %s", key, err_text(err), error);
}

static void topic(struct fixture *f, uint8_t n, const char *name)
{
    struct wire_topic_record message = {.name = wire_string_from(name), .topic_id = id_of(n)};
    record(f, WIRE_METADATA_RECORD_TOPIC, &message);
}

/* `leader` of replicas ME and, with `isr` 2, OTHER. */
static void partition(struct fixture *f, uint8_t n, int32_t index, int32_t leader, int32_t isr)
{
    int32_t replicas[] = {ME, OTHER};
    struct uuid dirs[] = {META_DIR_UNASSIGNED, META_DIR_UNASSIGNED};
    struct wire_partition_record message;
    wire_default(&wire_partition_record_schema, &message);
    message.partition_id = index;
    message.topic_id = id_of(n);
    message.replicas = (struct wire_int32s){replicas, 2};
    message.isr = (struct wire_int32s){replicas, isr};
    message.leader = leader;
    message.leader_epoch = 0;
    message.partition_epoch = 0;
    message.directories = (struct wire_uuids){dirs, 2};
    record(f, WIRE_METADATA_RECORD_PARTITION, &message);
}

/* isr 0: as it is. */
static void change(struct fixture *f, uint8_t n, int32_t index, int32_t leader, int32_t isr)
{
    int32_t replicas[] = {ME, OTHER};
    struct wire_partition_change_record message;
    wire_default(&wire_partition_change_record_schema, &message);
    message.partition_id = index;
    message.topic_id = id_of(n);
    message.leader = leader;
    if (isr > 0)
        message.isr = (struct wire_int32s){replicas, isr};
    record(f, WIRE_METADATA_RECORD_PARTITION_CHANGE, &message);
}

static void remove_topic(struct fixture *f, uint8_t n)
{
    struct wire_remove_topic_record message = {.topic_id = id_of(n)};
    record(f, WIRE_METADATA_RECORD_REMOVE_TOPIC, &message);
}

/* The records since the last time are committed: the set follows, and nothing runs yet. */
static void commit_only(struct fixture *f)
{
    meta_delta_seek(f->delta, f->next_offset, 1, f->e.wall_ms);
    f->next_offset += 10;
    struct meta_image *before = f->image;
    f->image = meta_delta_image(f->delta);
    meta_delta_reset(f->delta, f->image);
    replica_set_follow(f->set, before, f->image);
    meta_image_unref(before);
}

static void commit(struct fixture *f)
{
    commit_only(f);
    plog_env_run(&f->e);
}

static struct replica *replica_of(struct fixture *f, uint8_t n, int32_t index)
{
    struct uuid id = id_of(n);
    return replica_set_get(f->set, &id, index);
}

static struct replica *replica_must(struct fixture *f, uint8_t n, int32_t index)
{
    struct replica *replica = replica_of(f, n, index);
    ASSERT(replica != NULL);
    return replica;
}

static bool folder_exists(struct fixture *f, const char *name)
{
    bool found = false;
    for (int i = 0; i < DIRS; i++) {
        char *path = mem_printf("%s/%s", f->dirs[i], name);
        struct stat stat_of;
        found = found || stat(path, &stat_of) == 0;
        mem_free(path);
    }
    return found;
}

/* ---- A client ---- */

struct client {
    struct replica_append append;
    struct arena arena;
    struct buf bytes;
    int16_t error; /* PENDING before done */
    int64_t offset;
    size_t answers;
};

static void client_done(struct replica_append *append)
{
    struct client *client = CONTAINER_OF(append, struct client, append);
    client->answers++;
    client->error = append->log.error;
    client->offset = append->log.first_offset;
}

static void client_batch(struct client *client, int32_t count)
{
    struct batch_builder builder;
    struct batch_builder_options options = BATCH_BUILDER_DEFAULTS;
    batch_builder_init(&builder, &options);
    for (int32_t i = 0; i < count; i++) {
        struct batch_record one = {.offset = i,
                                   .timestamp = 1700000000000,
                                   .value = (const uint8_t *)"value",
                                   .value_size = 5};
        enum err err = batch_builder_add(&builder, &one);
        ASSERT(err == ERR_OK);
    }
    enum err err = batch_builder_finish(&builder, NULL, &client->bytes);
    ASSERT(err == ERR_OK);
    batch_builder_deinit(&builder);
}

/* Begins an append of so many records; `client` lives until client_end. */
static void client_begin(struct fixture *f, struct client *client, struct replica *replica,
                         int32_t count, enum replica_acks acks, uint64_t timeout_ms)
{
    *client = (struct client){.error = PENDING, .bytes = BUF_EMPTY};
    arena_init(&client->arena, ARENA_LIMIT_DEFAULT_BYTES);
    client_batch(client, count);
    client->append = (struct replica_append){
        .log = {.data = client->bytes.data,
                .size = client->bytes.size,
                .origin = PLOG_ORIGIN_CLIENT,
                .arena = &client->arena},
        .acks = acks,
        .deadline_ns = f->e.now_ns + timeout_ms * UINT64_C(1000000),
        .done = client_done,
    };
    replica_append(replica, &client->append);
}

static void client_end(struct client *client)
{
    ASSERT(client->answers == 1);
    buf_deinit(&client->bytes);
    arena_deinit(&client->arena);
}

/* All of it: the error, after everything has run. */
static int16_t append_now(struct fixture *f, struct replica *replica, int32_t count,
                          enum replica_acks acks)
{
    struct client client;
    client_begin(f, &client, replica, count, acks, 1000);
    plog_env_run(&f->e);
    int16_t error = client.error;
    ASSERT(error != PENDING);
    client_end(&client);
    return error;
}

/* Time passes and timers fire, but no disk job runs. */
static void pass_ms_without_disk(struct fixture *f, uint64_t ms)
{
    f->e.now_ns += ms * UINT64_C(1000000);
    f->e.wall_ms += (int64_t)ms;
    struct heap_node *first;
    while ((first = heap_min(&f->e.timers)) != NULL && first->key <= f->e.now_ns) {
        struct env_timer *timer = CONTAINER_OF(first, struct env_timer, node);
        heap_remove(&f->e.timers, first);
        timer->fire(&f->e.env, timer);
    }
}

#endif
