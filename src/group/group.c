/*
 * The machine under coord: calls in, records out, timers.
 *
 * 1. Each function from outside is a turn (turn_begin, turn_end). Calls are told their answers, and
 *    commits that were told from inside of an append are carried out, at the end of the outermost.
 * 2. A call is in `parked` from group_park to group_answer, in `answered` from then to its done,
 * and in neither while its own decision waits in coord.
 * 3. Offsets here are the coordinator's own count of records, which begins where the log ended when
 *    it was loaded; only their order means something.
 */
#define LOG_ROOM "group"
#include "group/group_classic_int.h"
#include "group/group_consumer_int.h"
#include "group/group_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- The list of requests ------------------------------------------------------------------- */

static void *error_join(const struct group_call *call, int16_t error);
static void *error_sync(const struct group_call *call, int16_t error);
static void *error_heartbeat(const struct group_call *call, int16_t error);
static void *error_leave(const struct group_call *call, int16_t error);
static void *error_txn_end(const struct group_call *call, int16_t error);

static const struct {
    group_decide_fn *decide;
    group_error_fn *error;
    bool reads; /* committed state alone: the answer waits for nothing */
} group_ops[GROUP_OP_COUNT] = {
    [GROUP_OP_JOIN] = {group_classic_join, error_join},
    [GROUP_OP_SYNC] = {group_classic_sync, error_sync},
    [GROUP_OP_HEARTBEAT] = {group_classic_heartbeat, error_heartbeat},
    [GROUP_OP_LEAVE] = {group_classic_leave, error_leave},
    [GROUP_OP_OFFSET_COMMIT] = {group_offset_commit, group_offset_commit_error},
    [GROUP_OP_TXN_COMMIT] = {group_txn_commit, group_txn_commit_error},
    [GROUP_OP_OFFSET_FETCH] = {group_offset_fetch, group_offset_fetch_error, .reads = true},
    [GROUP_OP_OFFSET_DELETE] = {group_offset_delete, group_offset_delete_error},
    [GROUP_OP_TXN_END] = {group_txn_end, error_txn_end},
    [GROUP_OP_DESCRIBE] = {group_describe, group_describe_error, .reads = true},
    [GROUP_OP_LIST] = {group_list, group_list_error, .reads = true},
    [GROUP_OP_DELETE] = {group_delete, group_delete_error},
    [GROUP_OP_CONSUMER_BEAT] = {group_consumer_heartbeat, group_consumer_heartbeat_error},
    [GROUP_OP_CONSUMER_DESCRIBE] = {group_consumer_describe, group_consumer_describe_error,
                                    .reads = true},
};

static void *error_join(const struct group_call *call, int16_t error)
{
    const struct wire_join_group_request *request = call->request;
    struct wire_join_group_response *response = GROUP_NEW(call->arena, join_group_response);
    response->error_code = error;
    response->member_id = request->member_id;
    if (call->version < 7)
        response->protocol_name = WIRE_EMPTY_STRING;
    return response;
}

static void *error_sync(const struct group_call *call, int16_t error)
{
    struct wire_sync_group_response *response = GROUP_NEW(call->arena, sync_group_response);
    response->error_code = error;
    return response;
}

static void *error_heartbeat(const struct group_call *call, int16_t error)
{
    struct wire_heartbeat_response *response = GROUP_NEW(call->arena, heartbeat_response);
    /* While the group is being loaded its members are thought to be well. */
    response->error_code = error == WIRE_ERROR_COORDINATOR_LOAD_IN_PROGRESS ? 0 : error;
    return response;
}

/* That the group is not known is told of each member, where the version can. */
static void *error_leave(const struct group_call *call, int16_t error)
{
    const struct wire_leave_group_request *request = call->request;
    struct wire_leave_group_response *response = GROUP_NEW(call->arena, leave_group_response);
    if (error != WIRE_ERROR_UNKNOWN_MEMBER_ID || call->version < 3) {
        response->error_code = error;
        return response;
    }
    response->members.count = request->members.count;
    response->members.items = GROUP_NEW_ARRAY(call->arena, leave_group_response_member_response,
                                              (size_t)request->members.count);
    for (int32_t i = 0; i < request->members.count; i++) {
        response->members.items[i].member_id = request->members.items[i].member_id;
        response->members.items[i].group_instance_id = request->members.items[i].group_instance_id;
        response->members.items[i].error_code = error;
    }
    return response;
}

static void *error_txn_end(const struct group_call *call, int16_t error)
{
    int16_t *response = arena_must_alloc(call->arena, sizeof *response);
    *response = error;
    return response;
}

void *group_error_response(const struct group_call *call, int16_t error)
{
    ASSERT(call->op < GROUP_OP_COUNT);
    return group_ops[call->op].error(call, error);
}

int16_t group_append_error(int16_t error)
{
    switch (error) {
    case WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION:
    case WIRE_ERROR_NOT_ENOUGH_REPLICAS:
    case WIRE_ERROR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case WIRE_ERROR_REQUEST_TIMED_OUT:
        return WIRE_ERROR_COORDINATOR_NOT_AVAILABLE;
    case WIRE_ERROR_NOT_LEADER_OR_FOLLOWER:
    case WIRE_ERROR_KAFKA_STORAGE_ERROR:
        return WIRE_ERROR_NOT_COORDINATOR;
    case WIRE_ERROR_MESSAGE_TOO_LARGE:
    case WIRE_ERROR_RECORD_LIST_TOO_LARGE:
    case WIRE_ERROR_INVALID_FETCH_SIZE:
        return WIRE_ERROR_UNKNOWN_SERVER_ERROR;
    default:
        return error;
    }
}

/* ---- Turns ----------------------------------------------------------------------------------- */

static void turn_begin(struct group_coordinator *g, struct group_time time)
{
    g->depth++;
    g->time = time;
}

static void turn_end(struct group_coordinator *g)
{
    if (g->depth > 1) {
        g->depth--;
        return;
    }
    coord_committed(g->coord, g->committed_offset);
    g->depth--;
    struct list answered;
    list_init(&answered);
    list_splice(&answered, &g->answered);
    for (struct list *node; (node = list_pop_front(&answered)) != NULL;) {
        struct group_call *call = LIST_ENTRY(node, struct group_call, node);
        call->done(call, call->response);
    }
}

/* ---- What decisions share -------------------------------------------------------------------- */

void *group_new_message(struct arena *arena, const struct wire_schema *schema, size_t count)
{
    size_t size = wire_schema_struct_size(schema);
    char *items = arena_must_alloc_array(arena, count, size);
    for (size_t i = 0; i < count; i++)
        wire_default(schema, items + i * size);
    return items;
}

void group_array_room(struct arena *arena, const struct wire_schema *schema, void **items,
                      const int32_t *count, size_t *room)
{
    if ((size_t)*count < *room)
        return;
    size_t size = wire_schema_struct_size(schema);
    *room = *room == 0 ? 8 : *room * 2;
    char *grown = group_new_message(arena, schema, *room);
    if (*count > 0)
        memcpy(grown, *items, (size_t)*count * size);
    *items = grown;
}

struct wire_string group_text(struct arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    ASSERT(size >= 0);
    char *text = arena_must_alloc(arena, (size_t)size + 1);
    vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    return wire_string_of(text, (size_t)size);
}

void group_record(struct group_work *work, enum wire_group_record type, const void *key,
                  int16_t value_version, const void *value)
{
    if (work->count == work->capacity) {
        work->capacity = work->capacity == 0 ? 16 : work->capacity * 2;
        struct group_record *records =
            arena_must_alloc_array(work->arena, work->capacity, sizeof *records);
        if (work->count > 0)
            memcpy(records, work->records, work->count * sizeof *records);
        work->records = records;
    }
    work->records[work->count++] = (struct group_record){
        .type = wire_record_find(WIRE_RECORDS_GROUP, (int16_t)type),
        .key = key,
        .value = value,
        .value_version = value_version,
        .producer_id = work->transactional ? work->producer_id : -1,
    };
}

void group_reply(struct group_work *work, void *response)
{
    ASSERT(work->call != NULL && !work->call->parked);
    work->call->response = response;
}

void group_park(struct group_work *work)
{
    ASSERT(work->call != NULL && !work->call->parked);
    work->call->parked = true;
    list_push_back(&work->g->parked, &work->call->node);
}

void group_answer(struct group_coordinator *g, struct group_call *call, void *response)
{
    ASSERT(call->parked);
    call->response = response;
    call->answered = true;
    list_remove(&call->node);
    /* Its own decision may still be on its way: coord has it until then. */
    if (list_empty(&call->run.node))
        list_push_back(&g->answered, &call->node);
}

void group_settle(struct group_work *work,
                  void (*settled)(struct group_work *work, void *context,
                                  enum coord_outcome outcome),
                  void *context)
{
    ASSERT(work->run->settled == NULL);
    work->run->settled = settled;
    work->run->settled_context = context;
}

void *group_context_of(struct wire_string id)
{
    struct wire_string *copy = mem_alloc(sizeof *copy + id.size);
    char *text = (char *)(copy + 1);
    if (id.size > 0)
        memcpy(text, id.data, id.size);
    *copy = wire_string_of(text, id.size);
    return copy;
}

struct wire_bytes group_bytes_copy(struct wire_bytes bytes, struct arena *arena)
{
    uint8_t *copy = arena_must_alloc(arena, bytes.size);
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    return wire_bytes_of(copy, bytes.size);
}

struct wire_string group_random_uuid_text(struct group_coordinator *g, struct arena *arena)
{
    uint8_t draw[16];
    g->options.random(g->options.context, draw, sizeof draw);
    draw[6] = (uint8_t)((draw[6] & 0x0f) | 0x40);
    draw[8] = (uint8_t)((draw[8] & 0x3f) | 0x80);
    char *text = arena_must_alloc(arena, 37);
    size_t at = 0;
    for (size_t i = 0; i < sizeof draw; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text[at++] = '-';
        text[at++] = "0123456789abcdef"[draw[i] >> 4];
        text[at++] = "0123456789abcdef"[draw[i] & 15];
    }
    return wire_string_of(text, at);
}

/* ---- Timers ---------------------------------------------------------------------------------- */

void group_timer_init(struct group_timer *timer,
                      void (*fire)(struct group_work *work, struct group_timer *timer))
{
    heap_node_init(&timer->node);
    timer->fire = fire;
}

void group_timer_cancel(struct group_coordinator *g, struct group_timer *timer)
{
    if (heap_node_in(&timer->node))
        heap_remove(&g->timers, &timer->node);
}

void group_timer_set(struct group_coordinator *g, struct group_timer *timer, int64_t at_ms)
{
    group_timer_cancel(g, timer);
    heap_insert(&g->timers, &timer->node, at_ms > 0 ? (uint64_t)at_ms : 0);
}

/* ---- Decisions ------------------------------------------------------------------------------- */

static struct group_work work_begin(struct group_coordinator *g, struct group_call *call,
                                    struct group_run *run)
{
    arena_reset(&g->arena);
    return (struct group_work){
        .g = g,
        .call = call,
        .run = run,
        .hard = &g->hard,
        .time = g->time,
        .arena = &g->arena,
        .producer_id = -1,
        .producer_epoch = -1,
    };
}

/* What a decision is made by: a call's op, or a timer. */
struct group_step {
    struct group_work work;
    struct group_timer *timer;
};

static void step_decide(void *machine, void *request, struct coord_decision *out)
{
    struct group_coordinator *g = machine;
    struct group_step *step = request;
    struct group_work *work = &step->work;
    if (step->timer != NULL)
        step->timer->fire(work, step->timer);
    else
        group_ops[work->call->op].decide(work);
    ASSERT(work->call == NULL || work->call->parked || work->call->response != NULL);
    out->records = work->records;
    out->count = work->count;
    out->reply_at_once = work->call != NULL && group_ops[work->call->op].reads;
    g->work = work;
}

static void run_settled(struct group_run *run, enum coord_outcome outcome)
{
    struct group_coordinator *g = run->g;
    list_remove(&run->node);
    if (run->settled == NULL)
        return;
    struct group_work work = {
        .g = g, .call = run->call, .run = run, .hard = &g->hard, .time = g->time};
    run->settled(&work, run->settled_context, outcome);
    mem_free(run->settled_context);
    run->settled_context = NULL;
}

int16_t group_outcome_error(const struct group_run *run, enum coord_outcome outcome)
{
    if (outcome == COORD_REFUSED && run->append_error != 0)
        return group_append_error(run->append_error);
    return WIRE_ERROR_NOT_COORDINATOR;
}

static void call_replied(struct coord_reply *reply, enum coord_outcome outcome)
{
    struct group_run *run = CONTAINER_OF(reply, struct group_run, reply);
    struct group_call *call = run->call;
    struct group_coordinator *g = run->g;
    bool answered = call->answered;
    run_settled(run, outcome);
    if (call->parked && !answered)
        return;
    if (outcome != COORD_COMMITTED && !call->parked)
        call->response = group_error_response(call, group_outcome_error(run, outcome));
    list_push_back(&g->answered, &call->node);
}

static void timer_replied(struct coord_reply *reply, enum coord_outcome outcome)
{
    struct group_run *run = CONTAINER_OF(reply, struct group_run, reply);
    run_settled(run, outcome);
    mem_free(run);
}

static void run_begin(struct group_run *run, struct group_coordinator *g, struct group_call *call)
{
    *run = (struct group_run){
        .reply.done = call != NULL ? call_replied : timer_replied, .g = g, .call = call};
    list_init(&run->node);
    list_push_back(&g->runs, &run->node);
}

void group_submit(struct group_coordinator *g, struct group_call *call, struct group_time time)
{
    ASSERT(call->op < GROUP_OP_COUNT && group_ops[call->op].decide != NULL);
    turn_begin(g, time);
    list_init(&call->node);
    call->parked = false;
    call->answered = false;
    call->response = NULL;
    if (coord_state(g->coord) != COORD_ACTIVE) {
        call->response = group_error_response(call, coord_state(g->coord) == COORD_LOADING
                                                        ? WIRE_ERROR_COORDINATOR_LOAD_IN_PROGRESS
                                                        : WIRE_ERROR_NOT_COORDINATOR);
        list_push_back(&g->answered, &call->node);
    } else {
        run_begin(&call->run, g, call);
        struct group_step step = {.work = work_begin(g, call, &call->run)};
        coord_run(g->coord, step_decide, &step, &call->run.reply);
    }
    turn_end(g);
}

int64_t group_deadline_ms(const struct group_coordinator *g)
{
    const struct heap_node *first = heap_min(&g->timers);
    return coord_state(g->coord) != COORD_ACTIVE || first == NULL ? COORD_NO_DEADLINE
                                                                  : (int64_t)first->key;
}

void group_tick(struct group_coordinator *g, struct group_time time)
{
    turn_begin(g, time);
    while (group_deadline_ms(g) <= time.now_ms) {
        struct group_timer *timer = CONTAINER_OF(heap_min(&g->timers), struct group_timer, node);
        heap_remove(&g->timers, &timer->node);
        struct group_run *run = mem_zalloc(sizeof *run);
        run_begin(run, g, NULL);
        struct group_step step = {.work = work_begin(g, NULL, run), .timer = timer};
        coord_run(g->coord, step_decide, &step, &run->reply);
    }
    turn_end(g);
}

void group_committed(struct group_coordinator *g, int64_t end_offset, struct group_time time)
{
    turn_begin(g, time);
    if (end_offset > g->committed_offset)
        g->committed_offset = end_offset;
    turn_end(g);
}

/* ---- The machine under coord ----------------------------------------------------------------- */

static int64_t machine_end_offset(void *machine)
{
    return ((struct group_coordinator *)machine)->end_offset;
}

static void machine_apply(void *machine, const void *records, size_t count, int64_t first_offset)
{
    struct group_coordinator *g = machine;
    const struct group_record *record = records;
    for (size_t i = 0; i < count; i++)
        group_hard_apply(&g->hard, &record[i], first_offset + (int64_t)i);
}

static enum err machine_append(void *machine, const void *records, size_t count, void *state)
{
    struct group_coordinator *g = machine;
    UNUSED(records);
    UNUSED(state);
    struct group_work *work = g->work;
    struct buf batch = BUF_EMPTY;
    int16_t error = WIRE_ERROR_NONE;
    if (group_encode(work, &batch) != ERR_OK)
        error = WIRE_ERROR_MESSAGE_TOO_LARGE;
    int64_t end_offset = g->end_offset + (int64_t)count;
    if (error == WIRE_ERROR_NONE)
        error = g->options.append(g->options.context, &batch, end_offset);
    buf_deinit(&batch);
    if (error == WIRE_ERROR_NONE) {
        g->end_offset = end_offset;
        return ERR_OK;
    }
    LOG_WARN("__consumer_offsets-%d: a decision of %zu records was not appended: %s",
             g->options.partition, count, wire_error_name(error));
    work->run->append_error = error;
    return ERR_IO;
}

static void *machine_state_ref(void *machine)
{
    struct group_hard *hard = mem_alloc(sizeof *hard);
    *hard = group_hard_ref(&((struct group_coordinator *)machine)->hard);
    return hard;
}

static void machine_state_unref(void *machine, void *state)
{
    UNUSED(machine);
    group_hard_release(state);
    mem_free(state);
}

static void machine_state_restore(void *machine, void *state)
{
    struct group_coordinator *g = machine;
    group_hard_release(&g->hard);
    g->hard = group_hard_ref(state);
}

static void machine_state_publish(void *machine, void *state)
{
    ((struct group_coordinator *)machine)->committed = state;
}

/* Timers are run by group_tick, one decision each. */
static int64_t machine_deadline_ms(void *machine)
{
    UNUSED(machine);
    return COORD_NO_DEADLINE;
}

static const struct coord_ops machine_ops = {
    .end_offset = machine_end_offset,
    .apply = machine_apply,
    .append = machine_append,
    .state_ref = machine_state_ref,
    .state_unref = machine_state_unref,
    .state_restore = machine_state_restore,
    .state_publish = machine_state_publish,
    .deadline_ms = machine_deadline_ms,
};

/* ---- Life ------------------------------------------------------------------------------------ */

struct group_coordinator *group_new(const struct group_options *options)
{
    struct group_coordinator *g = mem_zalloc(sizeof *g);
    g->options = *options;
    g->conf = options->conf;
    g->image = meta_image_ref(options->image);
    g->coord = coord_new(&machine_ops, g);
    heap_init(&g->timers);
    list_init(&g->runs);
    list_init(&g->answered);
    list_init(&g->parked);
    arena_init(&g->arena, SIZE_MAX);
    heap_node_init(&g->expiry.node);
    heap_node_init(&g->forget.node);
    list_init(&g->gone_topics);
    hmap_init(&g->classic);
    hmap_init(&g->consumer);
    return g;
}

void group_free(struct group_coordinator *g)
{
    if (g == NULL)
        return;
    group_offsets_forget(g);
    group_classic_forget(g);
    group_consumer_forget(g);
    for (struct list *node; (node = list_pop_front(&g->runs)) != NULL;) {
        struct group_run *run = LIST_ENTRY(node, struct group_run, node);
        mem_free(run->settled_context);
        if (run->call == NULL)
            mem_free(run);
    }
    coord_free(g->coord);
    group_hard_release(&g->hard);
    heap_deinit(&g->timers);
    arena_deinit(&g->arena);
    hmap_deinit(&g->classic);
    hmap_deinit(&g->consumer);
    meta_image_unref(g->image);
    mem_free(g);
}

void group_set_conf(struct group_coordinator *g, const struct conf *conf)
{
    g->conf = conf;
}

void group_set_image(struct group_coordinator *g, struct meta_image *image, struct group_time time)
{
    turn_begin(g, time);
    struct meta_image *before = g->image;
    g->image = meta_image_ref(image);
    if (coord_state(g->coord) == COORD_ACTIVE) {
        group_offsets_image(g, before);
        group_consumer_image(g, before);
    }
    meta_image_unref(before);
    turn_end(g);
}

enum coord_state group_state(const struct group_coordinator *g)
{
    return coord_state(g->coord);
}

void group_load_begin(struct group_coordinator *g)
{
    ASSERT(pmap_count(g->hard.groups) == 0);
    g->stats = (struct group_stats){0};
    g->end_offset = 0;
    coord_load_begin(g->coord);
}

void group_activate(struct group_coordinator *g, int64_t next_offset, struct group_time time)
{
    ASSERT(next_offset >= g->end_offset);
    turn_begin(g, time);
    g->end_offset = next_offset;
    g->committed_offset = next_offset;
    coord_activate(g->coord);
    group_offsets_activate(g);
    group_classic_activate(g);
    group_consumer_activate(g);
    turn_end(g);
}

void group_unload(struct group_coordinator *g)
{
    g->depth++;
    coord_unload(g->coord);
    g->committed = NULL;
    while (!list_empty(&g->parked)) {
        struct group_call *call = LIST_ENTRY(g->parked.next, struct group_call, node);
        group_answer(g, call, group_error_response(call, WIRE_ERROR_NOT_COORDINATOR));
    }
    group_offsets_forget(g);
    group_classic_forget(g);
    group_consumer_forget(g);
    ASSERT(heap_min(&g->timers) == NULL);
    group_hard_release(&g->hard);
    turn_end(g);
}

void group_stats(const struct group_coordinator *g, struct group_stats *out)
{
    *out = g->stats;
    out->groups = pmap_count(g->hard.groups);
    out->offsets = pmap_count(g->hard.offsets);
}

int32_t group_partition_of(struct wire_string group_id, int32_t partition_count)
{
    int32_t hash = java_string_hash(group_id.data, group_id.size);
    return (hash == INT32_MIN ? 0 : hash < 0 ? -hash : hash) % partition_count;
}
