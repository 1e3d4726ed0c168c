#ifndef TESTS_UNIT_QUORUM_FIXTURE_H
#define TESTS_UNIT_QUORUM_FIXTURE_H
/* A quorum of one over real files, with plog's hand-moved env, and a leader that appends topics. */
/* Not every test uses all of it. */
#pragma GCC diagnostic ignored "-Wunused-function"

#include "../plog/plog_env.h"
#include "../unit.h"
#include "meta/delta.h"
#include "meta/features.h"
#include "plog/plog.h"
#include "quorum/quorum.h"
#include "quorum/storage.h"
#include "wire/batch.h"
#include "wire/messages.h"
#include "wire/records.h"

struct fixture {
    struct plog_env e;
    struct plog_host *host;
    struct quorum *quorum;
    struct quorum_options options;
    struct uuid directory_id;

    /* What the listener was told. */
    struct meta_image *image;
    size_t loads;
    size_t commits;
    size_t leads;
    size_t resigns;
    char fatal[2048];
    bool stopped;
    enum err stop_err;

    /* The leader's tentative state. */
    struct meta_delta *delta;
    struct arena arena;
    size_t committed;
    size_t lost;
};

struct test_append {
    struct quorum_append append;
    struct fixture *fixture;
};

static void take_image(struct fixture *f, struct meta_image *image)
{
    if (f->image != NULL)
        assert_true(image->offset >= f->image->offset);
    meta_image_unref(f->image);
    f->image = meta_image_ref(image);
}

static void on_load(void *context, struct meta_image *image)
{
    struct fixture *f = context;
    assert_int_equal(f->loads, 0);
    f->loads++;
    take_image(f, image);
}

static void on_commit(void *context, struct meta_image *image)
{
    struct fixture *f = context;
    assert_int_equal(f->loads, 1);
    f->commits++;
    take_image(f, image);
}

static void on_leader(void *context, int32_t epoch, struct meta_image *image)
{
    struct fixture *f = context;
    assert_int_equal(f->leads, f->resigns);
    assert_int_equal(epoch, quorum_epoch(f->quorum));
    assert_int_equal(image->offset, quorum_end_offset(f->quorum) - 1);
    f->leads++;
    meta_delta_free(f->delta);
    f->delta = meta_delta_new(image);
}

static void on_resign(void *context, int32_t epoch)
{
    struct fixture *f = context;
    UNUSED(epoch);
    f->resigns++;
    assert_int_equal(f->leads, f->resigns);
}

static void on_fatal(void *context, const char *why)
{
    struct fixture *f = context;
    assert_int_equal(f->fatal[0], 0);
    snprintf(f->fatal, sizeof f->fatal, "%s", why);
}

static void on_stopped(void *context, enum err err)
{
    struct fixture *f = context;
    f->stopped = true;
    f->stop_err = err;
}

static void dir_failed(void *context, uint32_t dir, enum err err, const char *what)
{
    UNUSED(context);
    UNUSED(dir);
    UNUSED(err);
    UNUSED(what);
}

static void draw(void *context, void *out, size_t size)
{
    struct fixture *f = context;
    prng_bytes(&f->e.prng, out, size);
}

static const struct quorum_endpoint ENDPOINT = {"CONTROLLER", "localhost", 9093};

static void fixture_init(struct fixture *f, uint64_t seed)
{
    memset(f, 0, sizeof *f);
    plog_env_init(&f->e, seed);
    arena_init(&f->arena, ARENA_LIMIT_DEFAULT_BYTES);
    f->options = (struct quorum_options){
        .env = &f->e.env,
        .dir_path = f->e.root,
        .node_id = 1,
        .is_controller = true,
        .endpoints = &ENDPOINT,
        .endpoint_count = 1,
        .segment_bytes = 1 << 30,
        .segment_ms = 604800000,
        .snapshot_bytes = 20971520,
        .snapshot_interval_ms = 3600000,
        .retention_bytes = 104857600,
        .retention_ms = 604800000,
        .election_timeout_ms = 1000,
        .election_backoff_max_ms = 1000,
        .fetch_timeout_ms = 2000,
        .listener = {on_load, on_commit, on_leader, on_resign, NULL, on_fatal},
        .context = f,
    };
}

static void fixture_deinit(struct fixture *f)
{
    meta_image_unref(f->image);
    meta_delta_free(f->delta);
    arena_deinit(&f->arena);
    plog_env_deinit(&f->e);
}

static struct quorum_format_options format_options(struct fixture *f, const char *const *dirs)
{
    return (struct quorum_format_options){
        .dirs = dirs,
        .dir_count = 1,
        .metadata_dir = dirs[0],
        .cluster_id = "Im5Zbex2TLWZjS9vXvhVAQ",
        .node_id = 1,
        .wall_ms = f->e.wall_ms,
        .random = draw,
        .context = f,
    };
}

static void find_directory(struct fixture *f)
{
    char error[QUORUM_ERROR_BYTES];
    const char *dirs[] = {f->e.root};
    struct quorum_identity identity;
    assert_int_equal(quorum_identity_load(&f->e.disk, dirs, 1, 1, &identity, error), ERR_OK);
    assert_int_equal(identity.formatted_count, 1);
    f->directory_id = identity.dirs[0].directory_id;
    f->options.directory_id = f->directory_id;
    quorum_identity_deinit(&identity);
}

static void format_standalone(struct fixture *f)
{
    char error[QUORUM_ERROR_BYTES];
    const char *dirs[] = {f->e.root};
    struct quorum_format_options options = format_options(f, dirs);
    struct quorum_format_voter voter = {.id = 1, .endpoints = &ENDPOINT, .endpoint_count = 1};
    options.voters = &voter;
    options.voter_count = 1;
    enum err err = quorum_format(&f->e.disk, &options, error);
    if (err != ERR_OK)
        fail_msg("%s", error);
    find_directory(f);
}

static void begin(struct fixture *f)
{
    const char *dirs[] = {f->e.root};
    f->host = plog_host_new(&(struct plog_host_options){
        .env = &f->e.env, .dirs = dirs, .dir_count = 1, .dir_failed = dir_failed});
    f->options.host = f->host;
    f->quorum = quorum_new(&f->options);
    f->loads = f->commits = f->leads = f->resigns = 0;
    f->fatal[0] = '\0';
    meta_image_unref(f->image);
    f->image = NULL;
    quorum_start(f->quorum);
    plog_env_run(&f->e);
}

static void end(struct fixture *f)
{
    f->stopped = false;
    quorum_stop(f->quorum, on_stopped);
    for (int i = 0; i < 100 && !f->stopped; i++)
        plog_env_advance(&f->e, 1000);
    assert_true(f->stopped);
    assert_int_equal(f->leads, f->resigns);
    quorum_free(f->quorum);
    plog_env_run(&f->e);
    plog_host_free(f->host);
}

static void append_done(struct quorum_append *append, enum quorum_outcome outcome)
{
    struct test_append *own = CONTAINER_OF(append, struct test_append, append);
    if (outcome == QUORUM_COMMITTED)
        own->fixture->committed++;
    else
        own->fixture->lost++;
    mem_free(own);
}

static enum err append_records(struct fixture *f, const struct meta_record *records, size_t count)
{
    char error[META_ERROR_BYTES];
    struct test_append *own = mem_zalloc(sizeof *own);
    own->fixture = f;
    own->append.done = append_done;
    struct meta_image *before = meta_delta_image(f->delta);
    meta_delta_seek(f->delta, quorum_end_offset(f->quorum), quorum_epoch(f->quorum), f->e.wall_ms);
    for (size_t i = 0; i < count; i++)
        if (meta_delta_apply(f->delta, &records[i], error) != ERR_OK)
            fail_msg("%s", error);
    struct meta_image *image = meta_delta_image(f->delta);
    enum err err =
        quorum_append_records(f->quorum, &own->append, records, count, image, f->e.wall_ms);
    if (err != ERR_OK) {
        mem_free(own);
        meta_delta_reset(f->delta, before);
    }
    meta_image_unref(image);
    meta_image_unref(before);
    return err;
}

/* A topic with one partition, in one batch. */
static enum err append_topic(struct fixture *f, uint32_t number)
{
    char name[32];
    snprintf(name, sizeof name, "topic-%06u", number);
    struct uuid id = {{1, 2, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number, 9}};
    struct wire_topic_record topic = {.name = wire_string_from(name), .topic_id = id};
    int32_t replicas[] = {1};
    struct wire_partition_record partition;
    wire_default(&wire_partition_record_schema, &partition);
    partition.partition_id = 0;
    partition.topic_id = id;
    partition.replicas = (struct wire_int32s){replicas, 1};
    partition.isr = partition.replicas;
    partition.leader = 1;
    struct meta_record records[] = {
        {WIRE_METADATA_RECORD_TOPIC, 0, &topic},
        {WIRE_METADATA_RECORD_PARTITION, 2, &partition},
    };
    return append_records(f, records, 2);
}

static void append_bootstrap(struct fixture *f)
{
    size_t count;
    const struct meta_record *records = quorum_bootstrap_records(f->quorum, &count);
    assert_non_null(records);
    assert_int_equal(append_records(f, records, count), ERR_OK);
}

#endif
