#ifndef TESTS_GROUP_FIXTURE_H
#define TESTS_GROUP_FIXTURE_H
/* A coordinator over a log in memory: what it appends is committed when the test says so, and a
 * restart loads what was (or a part of what was not). */
#include "group/group_int.h"

#include "../unit.h"
#include "base/mem.h"
#include "base/prng.h"
#include "wire/batch.h"

#include <string.h>

#define BATCHES_MAX 100000

struct logged {
    struct buf bytes;
    int64_t end_offset; /* in the log */
    int64_t told;       /* to group_committed */
};

struct place {
    struct group_coordinator *g;
    struct conf *conf;
    struct meta_image *image;
    struct group_time time;
    struct prng prng;
    struct logged *log;
    size_t count;     /* batches in the log */
    size_t committed; /* of them */
    int64_t end_offset;
    bool at_once;   /* commits at once, from inside of the append */
    int16_t refuse; /* what the next appends get */
};

/* A call of a test, and what became of it. */
struct asked {
    struct group_call call;
    struct arena arena;
    void *response; /* NULL: not yet */
    size_t times;
    void *context;
};

static int16_t place_append(void *context, struct buf *batch, int64_t end_offset)
{
    struct place *place = context;
    if (place->refuse != 0)
        return place->refuse;
    assert_true(place->count < BATCHES_MAX);
    struct batch_header header;
    assert_int_equal(batch_header_read(batch->data, batch->size, &header), ERR_OK);
    assert_int_equal(header.size, batch->size);
    batch_stamp_base_offset(batch->data, place->end_offset);
    place->end_offset += header.last_offset_delta + 1;
    place->log[place->count++] = (struct logged){*batch, place->end_offset, end_offset};
    *batch = BUF_EMPTY;
    if (place->at_once) {
        place->committed = place->count;
        group_committed(place->g, end_offset, place->time);
    }
    return 0;
}

static void place_random(void *context, void *out, size_t size)
{
    prng_bytes(&((struct place *)context)->prng, out, size);
}

static struct group_coordinator *place_new_coordinator(struct place *place)
{
    return group_new(&(struct group_options){
        .conf = place->conf,
        .image = place->image,
        .context = place,
        .append = place_append,
        .random = place_random,
    });
}

/* Loads the log's first batches. */
static void place_load(struct place *place, struct group_coordinator *g, size_t batches)
{
    group_load_begin(g);
    for (size_t i = 0; i < batches; i++)
        assert_int_equal(group_load(g, place->log[i].bytes.data, place->log[i].bytes.size), ERR_OK);
    group_activate(g, batches == 0 ? 0 : place->log[batches - 1].end_offset, place->time);
}

static void place_init(struct place *place, uint64_t seed, const struct conf_pair *pairs,
                       size_t pair_count)
{
    *place = (struct place){.time = {1000, 1700000000000}, .at_once = true};
    place->conf = conf_of(pairs, pair_count);
    place->image = meta_image_new();
    place->log = mem_zalloc(BATCHES_MAX * sizeof place->log[0]);
    prng_init(&place->prng, seed);
    place->g = place_new_coordinator(place);
    place_load(place, place->g, 0);
}

static void place_cut(struct place *place, size_t batches)
{
    while (place->count > batches)
        buf_deinit(&place->log[--place->count].bytes);
    place->end_offset = place->count == 0 ? 0 : place->log[place->count - 1].end_offset;
}

static void place_deinit(struct place *place)
{
    group_unload(place->g);
    group_free(place->g);
    place_cut(place, 0);
    mem_free(place->log);
    conf_free(place->conf);
    meta_image_unref(place->image);
}

/* A crash that leaves so many batches; those that were committed stay. */
static inline void place_restart(struct place *place, size_t batches)
{
    assert_true(batches >= place->committed && batches <= place->count);
    group_unload(place->g);
    place_cut(place, batches);
    place->committed = batches;
    place_load(place, place->g, batches);
}

static inline void place_commit(struct place *place, size_t batches)
{
    assert_true(batches > place->committed && batches <= place->count);
    place->committed = batches;
    group_committed(place->g, place->log[batches - 1].told, place->time);
}

/* Time goes on, timer by timer. */
static inline void place_pass(struct place *place, int64_t ms)
{
    int64_t end_ms = place->time.now_ms + ms;
    while (place->time.now_ms < end_ms) {
        int64_t next_ms = group_deadline_ms(place->g);
        if (next_ms > end_ms)
            next_ms = end_ms;
        if (next_ms > place->time.now_ms) {
            place->time.wall_ms += next_ms - place->time.now_ms;
            place->time.now_ms = next_ms;
        }
        group_tick(place->g, place->time);
        if (next_ms == end_ms)
            break;
    }
}

/* Told of each answer at once, if it is set. */
static void (*place_answered)(struct asked *asked);

static void asked_done(struct group_call *call, void *response)
{
    struct asked *asked = CONTAINER_OF(call, struct asked, call);
    assert_non_null(response);
    asked->response = response;
    assert_int_equal(++asked->times, 1);
    if (place_answered != NULL)
        place_answered(asked);
}

static struct asked *asked_new(enum group_op op, int16_t version)
{
    struct asked *asked = mem_zalloc(sizeof *asked);
    arena_init(&asked->arena, SIZE_MAX);
    asked->call = (struct group_call){
        .op = op,
        .version = version,
        .arena = &asked->arena,
        .client_id = WIRE_STRING("c"),
        .client_host = WIRE_STRING("/1.2.3.4"),
        .done = asked_done,
    };
    return asked;
}

static inline void asked_free(struct asked *asked)
{
    arena_deinit(&asked->arena);
    mem_free(asked);
}

static void place_ask(struct place *place, struct asked *asked, const void *request)
{
    asked->call.request = request;
    group_submit(place->g, &asked->call, place->time);
}

/* ---- Questions ------------------------------------------------------------------------------- */

static struct wire_string text_in(struct asked *asked, const char *text)
{
    return text == NULL ? WIRE_NULL_STRING
                        : wire_string_copy(wire_string_from(text), &asked->arena);
}

static inline struct asked *ask_join(struct place *place, int16_t version, const char *group,
                                     const char *member, const char *instance, const char *metadata)
{
    struct asked *asked = asked_new(GROUP_OP_JOIN, version);
    struct wire_join_group_request *request = GROUP_NEW(&asked->arena, join_group_request);
    request->group_id = text_in(asked, group);
    request->member_id = text_in(asked, member);
    request->group_instance_id = text_in(asked, instance);
    request->session_timeout_ms = 10000;
    request->rebalance_timeout_ms = 20000;
    request->protocol_type = WIRE_STRING("consumer");
    request->protocols.count = 1;
    request->protocols.items =
        GROUP_NEW_ARRAY(&asked->arena, join_group_request_join_group_request_protocol, 1);
    request->protocols.items[0].name = WIRE_STRING("range");
    struct wire_string bytes = text_in(asked, metadata);
    request->protocols.items[0].metadata = wire_bytes_of(bytes.data, bytes.size);
    place_ask(place, asked, request);
    return asked;
}

/* The leader says `token` for each member of its answer; others nothing. */
static inline struct asked *ask_sync(struct place *place, const char *group, const char *member,
                                     int32_t generation,
                                     const struct wire_join_group_response *joined,
                                     const char *token)
{
    struct asked *asked = asked_new(GROUP_OP_SYNC, 5);
    struct wire_sync_group_request *request = GROUP_NEW(&asked->arena, sync_group_request);
    request->group_id = text_in(asked, group);
    request->member_id = text_in(asked, member);
    request->generation_id = generation;
    request->protocol_type = WIRE_STRING("consumer");
    request->protocol_name = WIRE_STRING("range");
    int32_t count = joined == NULL ? 0 : joined->members.count;
    request->assignments.count = count;
    request->assignments.items = GROUP_NEW_ARRAY(
        &asked->arena, sync_group_request_sync_group_request_assignment, (size_t)count);
    for (int32_t i = 0; i < count; i++) {
        struct wire_string bytes = text_in(asked, token);
        request->assignments.items[i].member_id =
            wire_string_copy(joined->members.items[i].member_id, &asked->arena);
        request->assignments.items[i].assignment = wire_bytes_of(bytes.data, bytes.size);
    }
    place_ask(place, asked, request);
    return asked;
}

static inline struct asked *ask_heartbeat(struct place *place, const char *group,
                                          const char *member, int32_t generation)
{
    struct asked *asked = asked_new(GROUP_OP_HEARTBEAT, 4);
    struct wire_heartbeat_request *request = GROUP_NEW(&asked->arena, heartbeat_request);
    request->group_id = text_in(asked, group);
    request->member_id = text_in(asked, member);
    request->generation_id = generation;
    place_ask(place, asked, request);
    return asked;
}

static inline struct asked *ask_leave(struct place *place, const char *group, const char *member)
{
    struct asked *asked = asked_new(GROUP_OP_LEAVE, 1);
    struct wire_leave_group_request *request = GROUP_NEW(&asked->arena, leave_group_request);
    request->group_id = text_in(asked, group);
    request->member_id = text_in(asked, member);
    place_ask(place, asked, request);
    return asked;
}

static inline struct asked *ask_commit(struct place *place, const char *group, const char *member,
                                       int32_t generation, int32_t partition, int64_t offset)
{
    struct asked *asked = asked_new(GROUP_OP_OFFSET_COMMIT, 9);
    struct wire_offset_commit_request *request = GROUP_NEW(&asked->arena, offset_commit_request);
    request->group_id = text_in(asked, group);
    request->member_id = text_in(asked, member);
    request->generation_id_or_member_epoch = generation;
    request->retention_time_ms = -1;
    request->topics.count = 1;
    request->topics.items =
        GROUP_NEW_ARRAY(&asked->arena, offset_commit_request_offset_commit_request_topic, 1);
    request->topics.items[0].name = WIRE_STRING("t");
    request->topics.items[0].partitions.count = 1;
    request->topics.items[0].partitions.items =
        GROUP_NEW_ARRAY(&asked->arena, offset_commit_request_offset_commit_request_partition, 1);
    request->topics.items[0].partitions.items[0].partition_index = partition;
    request->topics.items[0].partitions.items[0].committed_offset = offset;
    request->topics.items[0].partitions.items[0].committed_metadata = WIRE_STRING("m");
    place_ask(place, asked, request);
    return asked;
}

static inline struct asked *ask_txn_commit(struct place *place, const char *group, int64_t producer,
                                           int32_t partition, int64_t offset)
{
    struct asked *asked = asked_new(GROUP_OP_TXN_COMMIT, 3);
    struct wire_txn_offset_commit_request *request =
        GROUP_NEW(&asked->arena, txn_offset_commit_request);
    request->transactional_id = WIRE_STRING("x");
    request->group_id = text_in(asked, group);
    request->producer_id = producer;
    request->generation_id = -1;
    request->topics.count = 1;
    request->topics.items = GROUP_NEW_ARRAY(
        &asked->arena, txn_offset_commit_request_txn_offset_commit_request_topic, 1);
    request->topics.items[0].name = WIRE_STRING("t");
    request->topics.items[0].partitions.count = 1;
    request->topics.items[0].partitions.items = GROUP_NEW_ARRAY(
        &asked->arena, txn_offset_commit_request_txn_offset_commit_request_partition, 1);
    request->topics.items[0].partitions.items[0].partition_index = partition;
    request->topics.items[0].partitions.items[0].committed_offset = offset;
    place_ask(place, asked, request);
    return asked;
}

static inline struct asked *ask_txn_end(struct place *place, int64_t producer, bool commit)
{
    struct asked *asked = asked_new(GROUP_OP_TXN_END, 1);
    struct group_txn_end *end = arena_must_alloc(&asked->arena, sizeof *end);
    *end = (struct group_txn_end){.producer_id = producer, .commit = commit};
    place_ask(place, asked, end);
    return asked;
}

/* The offset, or -1; *error: of the partition. */
static inline int64_t place_fetch(struct place *place, const char *group, int32_t partition,
                                  bool stable, int16_t *error)
{
    struct asked *asked = asked_new(GROUP_OP_OFFSET_FETCH, 9);
    struct group_fetch *fetch = arena_must_alloc(&asked->arena, sizeof *fetch);
    wire_default(&wire_offset_fetch_request_offset_fetch_request_group_schema, &fetch->group);
    fetch->group.group_id = text_in(asked, group);
    fetch->require_stable = stable;
    fetch->group.topics.count = 1;
    fetch->group.topics.items =
        GROUP_NEW_ARRAY(&asked->arena, offset_fetch_request_offset_fetch_request_topics, 1);
    fetch->group.topics.items[0].name = WIRE_STRING("t");
    fetch->group.topics.items[0].partition_indexes =
        (struct wire_int32s){.items = &partition, .count = 1};
    place_ask(place, asked, fetch);
    assert_non_null(asked->response);
    const struct wire_offset_fetch_response_offset_fetch_response_group *response = asked->response;
    const struct wire_offset_fetch_response_offset_fetch_response_partitions *out =
        &response->topics.items[0].partitions.items[0];
    int64_t offset = out->committed_offset;
    if (error != NULL)
        *error = response->error_code != 0 ? response->error_code : out->error_code;
    asked_free(asked);
    return offset;
}

static inline int16_t commit_error(const struct asked *asked)
{
    const struct wire_offset_commit_response *response = asked->response;
    return response->topics.items[0].partitions.items[0].error_code;
}

#endif
