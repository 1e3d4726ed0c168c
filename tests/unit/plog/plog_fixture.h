#ifndef TESTS_UNIT_PLOG_FIXTURE_H
#define TESTS_UNIT_PLOG_FIXTURE_H
/* A host with one log directory and one plog in it, and batches to put into it. */
/* Not every test uses all of it. */
#pragma GCC diagnostic ignored "-Wunused-function"

#include "codec/codec.h"
#include "plog/plog.h"
#include "plog/plog_dir.h"
#include "plog_env.h"
#include "wire/batch.h"
#include "wire/errors.h"

struct fixture {
    struct plog_env e;
    struct plog_host *host;
    struct plog_config *config;
    struct plog *plog;
    struct codec_context *codec;
    struct arena arena;
    uint32_t dir_failures;
    /* For the next opening. */
    bool clean;
    int64_t recovery_point;
    int64_t log_start_offset;
    int64_t high_watermark;
    int64_t cleaned_offset;
    enum plog_kind kind;
    const char *topic;
};

static void fixture_dir_failed(void *context, uint32_t dir, enum err err, const char *what)
{
    struct fixture *f = context;
    UNUSED(dir);
    UNUSED(err);
    UNUSED(what);
    f->dir_failures++;
}

static void fixture_host(struct fixture *f)
{
    const char *dirs[] = {f->e.root};
    f->host = plog_host_new(&(struct plog_host_options){
        .env = &f->e.env,
        .dirs = dirs,
        .dir_count = 1,
        .dir_failed = fixture_dir_failed,
        .context = f,
    });
}

static void fixture_init(struct fixture *f, uint64_t seed)
{
    memset(f, 0, sizeof *f);
    plog_env_init(&f->e, seed);
    f->config = plog_config_new();
    f->codec = codec_context_new();
    f->topic = "topic";
    arena_init(&f->arena, ARENA_LIMIT_DEFAULT_BYTES);
    fixture_host(f);
}

static void fixture_opened(struct plog_opening *opening)
{
    UNUSED(opening);
}

static void fixture_open_start(struct fixture *f, struct plog_opening *opening)
{
    struct uuid id = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
    f->plog = plog_new(&(struct plog_options){
        .host = f->host,
        .kind = f->kind,
        .topic = f->topic,
        .partition = 0,
        .topic_id = f->kind == PLOG_KIND_PARTITION ? id : UUID_ZERO,
        .config = f->config,
        .clean = f->clean,
        .recovery_point = f->recovery_point,
        .log_start_offset = f->log_start_offset,
        .high_watermark = f->high_watermark,
        .cleaned_offset = f->cleaned_offset,
    });
    *opening = (struct plog_opening){
        .plogs = &f->plog, .count = 1, .create = true, .done = fixture_opened};
    plog_open(f->host, opening);
}

static struct plog_opening fixture_open(struct fixture *f)
{
    struct plog_opening opening;
    fixture_open_start(f, &opening);
    plog_env_run(&f->e);
    return opening;
}

static void fixture_op_done(struct plog_op *op)
{
    op->kind = -1;
}

/* Runs until the operation is over. */
#define FIXTURE_OP(f, call)                            \
    ({                                                 \
        struct plog_op op = {.done = fixture_op_done}; \
        call;                                          \
        plog_env_run(&(f)->e);                         \
        ASSERT(op.kind == -1);                         \
        op.err;                                        \
    })

/* Notes what a node's checkpoints would keep. */
static void fixture_note(struct fixture *f)
{
    f->recovery_point = plog_recovery_point(f->plog);
    f->log_start_offset = plog_log_start_offset(f->plog);
    f->high_watermark = plog_high_watermark(f->plog);
    f->cleaned_offset = plog_cleaned_offset(f->plog);
}

static void fixture_close(struct fixture *f)
{
    enum err err = FIXTURE_OP(f, plog_close(f->plog, &op));
    ASSERT(err == ERR_OK);
    ASSERT(plog_state(f->plog) == PLOG_STATE_CLOSED);
    fixture_note(f);
    f->clean = true;
    plog_free(f->plog);
    f->plog = NULL;
    plog_env_run(&f->e);
}

/* The process dies: what was written stays, memory goes. */
static void fixture_kill(struct fixture *f)
{
    fixture_note(f);
    f->clean = false;
    plog_env_run(&f->e);
    plog_free(f->plog);
    f->plog = NULL;
    plog_env_run(&f->e);
}

static void fixture_deinit(struct fixture *f)
{
    if (f->plog != NULL)
        fixture_kill(f);
    plog_env_run(&f->e);
    plog_host_free(f->host);
    plog_env_run(&f->e);
    plog_config_unref(f->config);
    codec_context_free(f->codec);
    arena_deinit(&f->arena);
    plog_env_deinit(&f->e);
}

/* ---- Batches -------------------------------------------------------------------------------- */

struct batch_spec {
    int32_t count;
    size_t value_size;
    int64_t timestamp; /* of the first; each next one is one later */
    enum codec codec;
    bool has_producer;
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t sequence;
    bool transactional;
    bool unverified; /* its coordinator was not asked */
    bool null_keys;
    int64_t base_offset; /* for followers */
    int32_t leader_epoch;
    uint64_t tag; /* what the values say */
};

static void fixture_batch(struct fixture *f, const struct batch_spec *spec, struct buf *out)
{
    struct batch_builder builder;
    struct batch_builder_options options = BATCH_BUILDER_DEFAULTS;
    options.base_offset = spec->base_offset;
    options.leader_epoch = spec->leader_epoch;
    options.codec = spec->codec;
    options.level = codec_level_default(spec->codec);
    if (spec->has_producer) {
        options.producer_id = spec->producer_id;
        options.producer_epoch = spec->producer_epoch;
        options.base_sequence = spec->sequence;
    }
    options.transactional = spec->transactional;
    batch_builder_init(&builder, &options);
    uint8_t *value = mem_zalloc(spec->value_size + 32);
    for (int32_t i = 0; i < spec->count; i++) {
        char key[32];
        int key_size = snprintf(key, sizeof key, "key-%d", i % 7);
        int size = snprintf((char *)value, 32, "%llu.%d", (unsigned long long)spec->tag, i);
        struct batch_record record = {
            .offset = spec->base_offset + i,
            .timestamp = spec->timestamp + i,
            .key = spec->null_keys ? NULL : (const uint8_t *)key,
            .key_size = spec->null_keys ? 0 : (size_t)key_size,
            .value = value,
            .value_size = spec->value_size > (size_t)size ? spec->value_size : (size_t)size,
        };
        enum err err = batch_builder_add(&builder, &record);
        ASSERT(err == ERR_OK);
    }
    enum err err = batch_builder_finish(&builder, f->codec, out);
    ASSERT(err == ERR_OK);
    batch_builder_deinit(&builder);
    mem_free(value);
}

static void fixture_ready(struct plog *plog, struct plog_waiter *waiter)
{
    UNUSED(plog);
    UNUSED(waiter);
}

/* Appends, waiting as long as it takes. */
static enum err fixture_append_bytes(struct fixture *f, struct plog_append *append)
{
    append->arena = &f->arena;
    append->wall_ms = f->e.wall_ms;
    for (int i = 0; i < 100; i++) {
        enum err err = plog_append(f->plog, append);
        if (err != ERR_AGAIN)
            return err;
        struct plog_waiter waiter = {.ready = fixture_ready};
        list_init(&waiter.node);
        plog_wait(f->plog, &waiter);
        plog_env_run(&f->e);
        ASSERT(list_empty(&waiter.node));
    }
    UNREACHABLE();
}

static enum err fixture_append(struct fixture *f, const struct batch_spec *spec,
                               enum plog_origin origin, struct plog_append *out)
{
    struct buf bytes = BUF_EMPTY;
    fixture_batch(f, spec, &bytes);
    *out = (struct plog_append){.data = bytes.data,
                                .size = bytes.size,
                                .origin = origin,
                                .transaction_verified = !spec->unverified,
                                .leader_epoch = spec->leader_epoch};
    enum err err = fixture_append_bytes(f, out);
    out->data = NULL;
    buf_deinit(&bytes);
    return err;
}

static void fixture_read_done(struct plog_read *read)
{
    read->done = NULL;
}

static enum err fixture_read(struct fixture *f, struct plog_read *read)
{
    read->done = fixture_read_done;
    enum err err = plog_read(f->plog, read);
    if (err != ERR_AGAIN)
        return err;
    plog_env_run(&f->e);
    ASSERT(read->done == NULL);
    return read->err;
}

#endif
