/*
 * A look goes to one shard after the other, twice: first for what is committed, from the
 * coordinators; then for how far the partitions have got.
 *
 * 1. A look belongs to the shard that it is sent to; between two, to shard 0.
 * 2. Shown rows are those of the last look that came to its end.
 */
#include "broker/lag.h"

#include "broker/node_int.h"

#include "base/arena.h"
#include "base/mem.h"
#include "broker/groups.h"
#include "codec/codec.h"
#include "meta/image.h"
#include "replica/replica.h"
#include "wire/batch.h"

/* A batch that is larger does not tell its records' age. */
#define READ_BYTES ((size_t)1 << 20)
/* Rows between two turns of a shard's loop. */
#define ROWS_IN_ONE_TURN 64

enum lag_stage { LAG_COMMITTED, LAG_MEASURE };

struct lag_look {
    struct broker_call call;
    struct broker_lag *lag;
    enum lag_stage stage;
    uint32_t shard;
    struct arena arena; /* of the rows' texts */
    struct broker_lag_row *rows;
    size_t count;
    size_t capacity;

    /* Of measuring, on one shard. */
    size_t next;
    uint8_t *buffer;
    struct codec_context *codec;
    struct plog_read read;
    struct env_timer turn;
};

struct broker_lag {
    struct broker_shard *shard; /* 0 */
    struct lag_look *look;      /* under way; NULL */
    struct lag_look *shown;     /* NULL: none yet */
    struct env_timer timer;
    uint64_t asked_ns;
};

static void look_free(struct lag_look *look)
{
    if (look == NULL)
        return;
    codec_context_free(look->codec);
    mem_free(look->buffer);
    mem_free(look->rows);
    arena_deinit(&look->arena);
    mem_free(look);
}

/* ---- What is committed ----------------------------------------------------------------------- */

static void look_add(void *context, struct wire_string group, struct wire_string topic,
                     int32_t partition, int64_t offset)
{
    struct lag_look *look = context;
    if (look->count >= LAG_ROWS_MAX || offset < 0)
        return;
    if (look->count == look->capacity) {
        look->capacity = look->capacity == 0 ? 64 : look->capacity * 2;
        look->rows = mem_realloc(look->rows, look->capacity * sizeof look->rows[0]);
    }
    struct broker_lag_row *row = &look->rows[look->count];
    const struct broker_lag_row *before = look->count > 0 ? row - 1 : NULL;
    bool same = before != NULL && wire_string_equal(before->group, group);
    row->group = same ? before->group : wire_string_copy(group, &look->arena);
    same = same && wire_string_equal(before->topic, topic);
    row->topic = same ? before->topic : wire_string_copy(topic, &look->arena);
    row->partition = partition;
    row->committed = offset;
    row->records = -1;
    row->age_ms = -1;
    look->count++;
}

/* ---- How far the partitions have got --------------------------------------------------------- */

static void measure_go(struct lag_look *look);

static struct broker_shard *look_shard(const struct lag_look *look)
{
    return broker_node_shard(look->call.node, look->call.to);
}

static int64_t record_time(struct lag_look *look, int64_t offset)
{
    struct batch_walk walk = batch_walk_begin(look->buffer, look->read.size);
    struct batch_view batch;
    while (batch_walk_next(&walk, &batch)) {
        if (batch_last_offset(&batch.header) < offset)
            continue;
        if (look->codec == NULL)
            look->codec = codec_context_new();
        struct batch_records records;
        struct batch_record record;
        if (batch_records_init(&records, look->codec, &batch, READ_BYTES * 16) != ERR_OK)
            return -1;
        int64_t timestamp = -1;
        while (timestamp < 0 && batch_records_next(&records, &record)) {
            if (record.offset >= offset)
                timestamp = record.timestamp;
        }
        batch_records_deinit(&records);
        return timestamp;
    }
    return -1;
}

static void row_end(struct lag_look *look)
{
    struct broker_lag_row *row = &look->rows[look->next++];
    if (look->read.err != ERR_OK)
        return;
    int64_t timestamp = record_time(look, look->read.offset);
    int64_t now = env_wall_ms(look_shard(look)->env);
    if (timestamp >= 0)
        row->age_ms = now > timestamp ? now - timestamp : 0;
}

static void read_done(struct plog_read *read)
{
    struct lag_look *look = CONTAINER_OF(read, struct lag_look, read);
    row_end(look);
    measure_go(look);
}

/* False: the row's read is under way. */
static bool measure_row(struct lag_look *look, struct broker_shard *shard)
{
    struct broker_lag_row *row = &look->rows[look->next];
    const struct meta_topic *topic =
        meta_image_topic(shard->image, row->topic.data, row->topic.size);
    struct replica *replica =
        topic == NULL || broker_shard_of(shard->node, &topic->id, row->partition) != shard->index
            ? NULL
            : replica_set_get(shard->replicas, &topic->id, row->partition);
    if (replica == NULL || replica_check(replica, -1) != WIRE_ERROR_NONE ||
        plog_state(replica_plog(replica)) != PLOG_STATE_OPEN) {
        look->next++;
        return true;
    }
    struct plog *log = replica_plog(replica);
    int64_t start = plog_log_start_offset(log);
    int64_t from = row->committed > start ? row->committed : start;
    int64_t end = replica_high_watermark(replica);
    row->records = end > from ? end - from : 0;
    row->age_ms = row->records == 0 ? 0 : -1;
    if (row->records == 0) {
        look->next++;
        return true;
    }
    look->read = (struct plog_read){.offset = from,
                                    .bound_offset = end,
                                    .size_max = READ_BYTES,
                                    .out = look->buffer,
                                    .out_size = READ_BYTES,
                                    .done = read_done};
    enum err err = plog_read(log, &look->read);
    if (err == ERR_AGAIN)
        return false;
    look->read.err = err;
    row_end(look);
    return true;
}

static void measure_go(struct lag_look *look)
{
    struct broker_shard *shard = look_shard(look);
    for (size_t i = 0; look->next < look->count && !shard->stopping; i++) {
        if (i == ROWS_IN_ONE_TURN) {
            env_timer_set(shard->env, &look->turn, env_now_ns(shard->env));
            return;
        }
        if (!measure_row(look, shard))
            return;
    }
    broker_call_reply(shard, &look->call);
}

static void measure_turn(struct env *env, struct env_timer *timer)
{
    UNUSED(env);
    measure_go(CONTAINER_OF(timer, struct lag_look, turn));
}

/* ---- From shard to shard --------------------------------------------------------------------- */

static void look_run(struct broker_shard *shard, struct broker_call *call)
{
    struct lag_look *look = CONTAINER_OF(call, struct lag_look, call);
    if (look->stage == LAG_MEASURE) {
        look->next = 0;
        env_timer_init(&look->turn, measure_turn);
        measure_go(look);
        return;
    }
    if (!shard->stopping)
        broker_groups_offsets(shard->groups, look_add, look);
    broker_call_reply(shard, call);
}

static void look_end(struct broker_lag *lag)
{
    struct broker_shard *shard = lag->shard;
    look_free(lag->shown);
    lag->shown = lag->look;
    codec_context_free(lag->shown->codec);
    mem_free(lag->shown->buffer);
    lag->shown->codec = NULL;
    lag->shown->buffer = NULL;
    lag->look = NULL;
    if (!shard->stopping &&
        env_now_ns(shard->env) - lag->asked_ns < LAG_WANTED_MS * UINT64_C(1000000))
        env_timer_set_ms(shard->env, &lag->timer, LAG_INTERVAL_MS);
}

static void look_done(struct broker_shard *shard, struct broker_call *call)
{
    struct lag_look *look = CONTAINER_OF(call, struct lag_look, call);
    look->shard++;
    if (look->shard == shard->node->shard_count && look->stage == LAG_COMMITTED) {
        look->stage = LAG_MEASURE;
        look->shard = 0;
        look->buffer = mem_alloc(READ_BYTES);
    }
    if (look->shard == shard->node->shard_count || shard->stopping)
        look_end(look->lag);
    else
        broker_call_send(shard, look->shard, &look->call);
}

static void look_begin(struct env *env, struct env_timer *timer)
{
    UNUSED(env);
    struct broker_lag *lag = CONTAINER_OF(timer, struct broker_lag, timer);
    if (lag->look != NULL || lag->shard->stopping)
        return;
    lag->look = mem_zalloc(sizeof *lag->look);
    lag->look->lag = lag;
    arena_init(&lag->look->arena, SIZE_MAX);
    lag->look->call.run = look_run;
    lag->look->call.done = look_done;
    broker_call_send(lag->shard, 0, &lag->look->call);
}

/* ---- Door ------------------------------------------------------------------------------------ */

struct broker_lag *broker_lag_new(struct broker_shard *shard)
{
    ASSERT(shard->index == 0);
    struct broker_lag *lag = mem_zalloc(sizeof *lag);
    lag->shard = shard;
    env_timer_init(&lag->timer, look_begin);
    return lag;
}

void broker_lag_free(struct broker_lag *lag)
{
    if (lag == NULL)
        return;
    look_free(lag->look);
    look_free(lag->shown);
    mem_free(lag);
}

const struct broker_lag_row *broker_lag_rows(struct broker_lag *lag, size_t *count)
{
    struct env *env = lag->shard->env;
    lag->asked_ns = env_now_ns(env);
    if (lag->look == NULL && !env_timer_is_set(&lag->timer) && !lag->shard->stopping)
        env_timer_set(env, &lag->timer, lag->asked_ns);
    *count = lag->shown == NULL ? 0 : lag->shown->count;
    return lag->shown == NULL ? NULL : lag->shown->rows;
}

void broker_lag_stop(struct broker_lag *lag)
{
    if (lag != NULL)
        env_timer_cancel(lag->shard->env, &lag->timer);
}

bool broker_lag_is_idle(const struct broker_lag *lag)
{
    return lag == NULL || lag->look == NULL;
}
