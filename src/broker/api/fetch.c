/*
 * Fetch, on the connection's shard (fetch_int.h has the way through).
 *
 * 1. The fetch, its entries and legs are in the request's arena and live until the request is
 *    completed, which happens once, when no call of any leg is under way.
 * 2. Records are read into one counted buffer of this shard, a slice for each partition; the reply
 *    sends them from there.
 */
#include "broker/api/fetch_int.h"
#include "broker/api/handlers_int.h"
#include "broker/api/topics_int.h"
#include "broker/node_int.h"

#include "broker/conn.h"
#include "wire/messages.h"

/* One reply's records, whatever the client would take: a bound on our memory, not on its progress.
 */
#define REPLY_BYTES_MAX ((size_t)16 << 20)

enum fetch_stage { FETCH_SESSION, FETCH_LOOK, FETCH_WAIT, FETCH_SETTLE, FETCH_READ, FETCH_END };

struct fetch {
    struct broker_request *request;
    enum fetch_stage stage;
    struct broker_call session_call;
    struct fetch_context context;
    struct fetch_told *told;
    uint32_t random;

    struct fetch_entry *entries; /* parallel to context.wanted */
    struct fetch_leg *legs;      /* one for each shard; those without entries are not called */
    size_t under_way;            /* calls of legs */
    struct env_timer timer;
    bool abandoned; /* the connection is gone */
    struct rcbuf *records;
    bool reread;
};

static void fetch_enter_read(struct fetch *fetch);
static void fetch_enter_end(struct fetch *fetch);

/* ---- Legs
 * ------------------------------------------------------------------------------------------------
 */

static void leg_call(struct fetch_leg *leg, enum fetch_leg_task task)
{
    struct fetch *fetch = leg->fetch;
    struct broker_shard *shard = fetch->request->shard;
    leg->task = task;
    fetch->under_way++;
    broker_call_send(shard, (uint32_t)(leg - fetch->legs), &leg->call);
}

static void leg_recall(struct fetch_leg *leg)
{
    struct fetch *fetch = leg->fetch;
    fetch->under_way++;
    broker_call_send(fetch->request->shard, (uint32_t)(leg - fetch->legs), &leg->recall);
}

/* All legs that have entries. */
static void legs_call(struct fetch *fetch, enum fetch_leg_task task)
{
    uint32_t count = fetch->request->shard->node->shard_count;
    for (uint32_t i = 0; i < count; i++) {
        if (fetch->legs[i].entries != NULL)
            leg_call(&fetch->legs[i], task);
    }
}

/* Is there enough to answer now? */
static bool fetch_satisfied(const struct fetch *fetch)
{
    const struct wire_fetch_request *message = fetch->request->body;
    uint32_t count = fetch->request->shard->node->shard_count;
    uint64_t available = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (fetch->legs[i].told_urgent)
            return true;
        available += fetch->legs[i].told_available;
    }
    return message->min_bytes <= 0 || available >= (uint64_t)message->min_bytes;
}

/* ---- Wait, settle
 * ------------------------------------------------------------------------------------------ */

static void fetch_enter_settle(struct fetch *fetch)
{
    fetch->stage = FETCH_SETTLE;
    env_timer_cancel(fetch->request->shard->env, &fetch->timer);
    uint32_t count = fetch->request->shard->node->shard_count;
    fetch->under_way++; /* not settled before all are called */
    for (uint32_t i = 0; i < count; i++) {
        if (fetch->legs[i].entries != NULL)
            leg_recall(&fetch->legs[i]);
    }
    if (--fetch->under_way == 0)
        fetch_enter_read(fetch);
}

static void fetch_time_is_up(struct env *env, struct env_timer *timer)
{
    UNUSED(env);
    struct fetch *fetch = CONTAINER_OF(timer, struct fetch, timer);
    ASSERT(fetch->stage == FETCH_WAIT);
    fetch_enter_settle(fetch);
}

static void fetch_cancel(struct broker_request *request)
{
    struct fetch *fetch = request->handler;
    fetch->abandoned = true;
    if (fetch->stage == FETCH_WAIT)
        fetch_enter_settle(fetch);
}

static void fetch_enter_wait(struct fetch *fetch)
{
    const struct wire_fetch_request *message = fetch->request->body;
    fetch->stage = FETCH_WAIT;
    uint64_t deadline_ns = fetch->request->received_ns + (uint64_t)message->max_wait_ms * 1000000;
    env_timer_init(&fetch->timer, fetch_time_is_up);
    env_timer_set(fetch->request->shard->env, &fetch->timer, deadline_ns);
    /* A leg of this very shard may answer at once, and may be enough: then the others are not
     * asked, and nothing goes on before this loop is left. */
    fetch->under_way++;
    uint32_t count = fetch->request->shard->node->shard_count;
    for (uint32_t i = 0; i < count && fetch->stage == FETCH_WAIT; i++) {
        if (fetch->legs[i].entries != NULL)
            leg_call(&fetch->legs[i], FETCH_LEG_WAIT);
    }
    if (--fetch->under_way == 0 && fetch->stage == FETCH_SETTLE)
        fetch_enter_read(fetch);
}

static void fetch_looked(struct fetch *fetch)
{
    const struct wire_fetch_request *message = fetch->request->body;
    bool any = fetch->context.count > 0;
    if (any && message->max_wait_ms > 0 && !fetch->abandoned && !fetch_satisfied(fetch))
        fetch_enter_wait(fetch);
    else
        fetch_enter_read(fetch);
}

static void leg_done(struct broker_shard *shard, struct broker_call *call)
{
    UNUSED(shard);
    struct fetch_leg *leg = CONTAINER_OF(call, struct fetch_leg, call);
    struct fetch *fetch = leg->fetch;
    leg->told_available = leg->available;
    leg->told_urgent = leg->urgent;
    fetch->under_way--;
    switch (fetch->stage) {
    case FETCH_LOOK:
        if (fetch->under_way == 0)
            fetch_looked(fetch);
        break;
    case FETCH_WAIT:
        if (fetch_satisfied(fetch))
            fetch_enter_settle(fetch);
        else
            leg_call(leg, FETCH_LEG_WAIT);
        break;
    case FETCH_SETTLE:
        if (fetch->under_way == 0)
            fetch_enter_read(fetch);
        break;
    case FETCH_READ:
        if (fetch->under_way == 0)
            fetch_enter_end(fetch);
        break;
    case FETCH_SESSION:
    case FETCH_END:
        UNREACHABLE();
    }
}

static void leg_recalled(struct broker_shard *shard, struct broker_call *call)
{
    UNUSED(shard);
    struct fetch *fetch = CONTAINER_OF(call, struct fetch_leg, recall)->fetch;
    ASSERT(fetch->stage == FETCH_SETTLE);
    if (--fetch->under_way == 0)
        fetch_enter_read(fetch);
}

/* ---- Read
 * ----------------------------------------------------------------------------------------------------
 */

static size_t reply_bytes_max(const struct fetch *fetch)
{
    const struct wire_fetch_request *message = fetch->request->body;
    const struct conf *conf = fetch->request->shard->node->conf;
    int64_t most = conf_int(conf, CONF_BROKER_FETCH_MAX_BYTES);
    if (message->max_bytes < most)
        most = message->max_bytes;
    size_t bytes = most > 0 ? (size_t)most : 0;
    size_t room = broker_shard_reply_room(fetch->request->shard);
    if (room > REPLY_BYTES_MAX)
        room = REPLY_BYTES_MAX;
    return bytes < room ? bytes : room;
}

/* A slice of the buffer for each partition, in the order of the request, until the bytes are used
 * up. The first that has anything is given its first batch whole, whatever the limits (KIP-74). */
static void fetch_allot(struct fetch *fetch)
{
    size_t left = reply_bytes_max(fetch);
    size_t total = 0;
    bool first = true;
    for (size_t i = 0; i < fetch->context.count; i++) {
        struct fetch_entry *entry = &fetch->entries[i];
        entry->out = NULL;
        entry->out_size = 0;
        if (entry->available == 0 || entry->error != WIRE_ERROR_NONE || entry->diverging)
            continue;
        size_t size = entry->available < left ? (size_t)entry->available : left;
        if (size == 0 && !first)
            continue;
        entry->min_one_batch = first;
        entry->out_size = size > 0 ? size : 1;
        first = false;
        left -= size;
        total += entry->out_size;
    }
    if (total == 0)
        return;
    fetch->records = rcbuf_new(fetch->request->shard->rcbufs, total);
    if (fetch->records != NULL)
        broker_request_charge_reply(fetch->request, fetch->records->capacity);
    uint8_t *out = fetch->records == NULL ? NULL : fetch->records->data;
    for (size_t i = 0; out != NULL && i < fetch->context.count; i++) {
        if (fetch->entries[i].out_size == 0)
            continue;
        fetch->entries[i].out = out;
        out += fetch->entries[i].out_size;
    }
}

static void fetch_enter_read(struct fetch *fetch)
{
    fetch->stage = FETCH_READ;
    if (!fetch->abandoned)
        fetch_allot(fetch);
    fetch->under_way++;
    if (fetch->records != NULL)
        legs_call(fetch, FETCH_LEG_READ);
    if (--fetch->under_way == 0)
        fetch_enter_end(fetch);
}

/* The first partition's first batch did not fit its slice: read it alone, once more. */
static bool fetch_reread(struct fetch *fetch)
{
    struct fetch_entry *large = NULL;
    for (size_t i = 0; i < fetch->context.count; i++) {
        struct fetch_entry *entry = &fetch->entries[i];
        if (entry->got > 0)
            return false;
        if (entry->first_batch_bytes > 0 && entry->min_one_batch && entry->out != NULL)
            large = entry;
    }
    if (large == NULL || fetch->reread)
        return false;
    fetch->reread = true;
    rcbuf_unref(fetch->records);
    fetch->records = rcbuf_new(fetch->request->shard->rcbufs, large->first_batch_bytes);
    for (size_t i = 0; i < fetch->context.count; i++)
        fetch->entries[i].out = NULL;
    if (fetch->records == NULL)
        return false;
    broker_request_charge_reply(fetch->request, fetch->records->capacity);
    large->out = fetch->records->data;
    large->out_size = large->first_batch_bytes;
    leg_call(large->leg, FETCH_LEG_READ);
    return true;
}

/* ---- The reply
 * -----------------------------------------------------------------------------------------------
 */

static void entry_answer(struct fetch *fetch, const struct fetch_entry *entry,
                         struct wire_fetch_response_partition_data *reply)
{
    struct broker_request *request = fetch->request;
    const struct wire_fetch_request *message = request->body;
    reply->partition_index = entry->wanted->partition;
    reply->error_code = entry->error;
    reply->high_watermark = entry->high_watermark;
    reply->last_stable_offset = entry->stable_offset;
    reply->log_start_offset = entry->log_start_offset;
    reply->records = (struct wire_bytes){(const uint8_t *)"", 0};
    if (entry->got > 0)
        reply->records = (struct wire_bytes){entry->out, (uint32_t)entry->got};
    reply->aborted_transactions.items = NULL;
    /* Not null, but none, for a partition that is not known. */
    bool unknown = entry->error == WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION ||
                   entry->error == WIRE_ERROR_UNKNOWN_TOPIC_ID;
    reply->aborted_transactions.count = unknown ? 0 : -1;
    if (entry->error == WIRE_ERROR_NONE && message->isolation_level == 1 && !entry->diverging) {
        reply->aborted_transactions.items =
            BROKER_REPLY_ARRAY(request, fetch_response_aborted_transaction, entry->aborted_count);
        reply->aborted_transactions.count = (int32_t)entry->aborted_count;
        for (size_t i = 0; i < entry->aborted_count; i++) {
            reply->aborted_transactions.items[i].producer_id = entry->aborted[i].producer_id;
            reply->aborted_transactions.items[i].first_offset = entry->aborted[i].first_offset;
        }
    }
    if (entry->diverging) {
        reply->diverging_epoch.epoch = entry->diverging_epoch;
        reply->diverging_epoch.end_offset = entry->diverging_end_offset;
    }
    bool elsewhere = entry->error == WIRE_ERROR_NOT_LEADER_OR_FOLLOWER ||
                     entry->error == WIRE_ERROR_FENCED_LEADER_EPOCH;
    if (elsewhere && request->version >= 16) {
        reply->current_leader.leader_id = entry->leader;
        reply->current_leader.leader_epoch = entry->leader_epoch;
    }
}

static bool same_topic(const struct fetch_entry *a, const struct fetch_entry *b)
{
    return wire_string_equal(a->wanted->topic, b->wanted->topic) &&
           uuid_equal(&a->wanted->topic_id, &b->wanted->topic_id);
}

/* Neighbours of one topic share a topic's entry. */
static void fetch_answer_topics(struct fetch *fetch, struct wire_fetch_response *reply)
{
    struct broker_request *request = fetch->request;
    size_t count = fetch->context.count;
    reply->responses.items =
        BROKER_REPLY_ARRAY(request, fetch_response_fetchable_topic_response, count);
    struct wire_fetch_response_partition_data *parts =
        BROKER_REPLY_ARRAY(request, fetch_response_partition_data, count);
    struct wire_fetch_response_fetchable_topic_response *topic = NULL;
    const struct fetch_entry *before = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct fetch_entry *entry = &fetch->entries[i];
        if (!fetch->told[i].include)
            continue;
        if (topic == NULL || !same_topic(before, entry)) {
            topic = &reply->responses.items[reply->responses.count++];
            topic->topic = entry->wanted->topic;
            topic->topic_id = entry->wanted->topic_id;
            topic->partitions.items = parts;
        }
        before = entry;
        topic->partitions.count++;
        entry_answer(fetch, entry, parts++);
    }
}

static void fetch_complete(struct fetch *fetch)
{
    struct broker_request *request = fetch->request;
    struct wire_fetch_response *reply = BROKER_REPLY(request, fetch_response);
    reply->error_code = fetch->context.error;
    reply->session_id = fetch->context.session_id;
    if (fetch->context.error == WIRE_ERROR_NONE)
        fetch_answer_topics(fetch, reply);
    if (fetch->records != NULL)
        broker_request_hold(request, fetch->records);
    /* The lists in the legs' arenas were copied into the reply. */
    uint32_t leg_count = fetch->legs == NULL ? 0 : request->shard->node->shard_count;
    for (uint32_t i = 0; i < leg_count; i++) {
        if (fetch->legs[i].arena_used)
            arena_deinit(&fetch->legs[i].arena);
    }
    request->cancel = NULL;
    broker_request_complete(request, reply);
}

static void session_end_run(struct broker_shard *shard, struct broker_call *call)
{
    struct fetch *fetch = CONTAINER_OF(call, struct fetch, session_call);
    fetch_session_end(shard->fetch_sessions, &fetch->context, fetch->told, env_now_ns(shard->env),
                      fetch->random);
    broker_call_reply(shard, call);
}

static void session_end_done(struct broker_shard *shard, struct broker_call *call)
{
    UNUSED(shard);
    fetch_complete(CONTAINER_OF(call, struct fetch, session_call));
}

static uint32_t session_shard(const struct fetch *fetch)
{
    const struct wire_fetch_request *message = fetch->request->body;
    const struct broker_shard *shard = fetch->request->shard;
    if (fetch->request->version < 7 || message->session_id <= 0)
        return shard->index;
    return fetch_session_shard(message->session_id, shard->node->shard_count);
}

static void fetch_enter_end(struct fetch *fetch)
{
    if (fetch_reread(fetch))
        return;
    struct broker_request *request = fetch->request;
    fetch->stage = FETCH_END;
    size_t count = fetch->context.count;
    fetch->told = arena_must_alloc_array(&request->arena, count, sizeof *fetch->told);
    for (size_t i = 0; i < count; i++) {
        const struct fetch_entry *entry = &fetch->entries[i];
        fetch->told[i] = (struct fetch_told){
            .error = entry->error,
            .has_records = entry->got > 0,
            .diverging = entry->diverging,
            .high_watermark = entry->high_watermark,
            .log_start_offset = entry->log_start_offset,
        };
    }
    env_random(request->shard->env, &fetch->random, sizeof fetch->random);
    fetch->session_call.run = session_end_run;
    fetch->session_call.done = session_end_done;
    broker_call_send(request->shard, session_shard(fetch), &fetch->session_call);
}

/* ---- Session, look
 * --------------------------------------------------------------------------------------------- */

static void entry_prepare(struct fetch *fetch, struct fetch_entry *entry,
                          const struct fetch_wanted *wanted)
{
    struct broker_request *request = fetch->request;
    const struct wire_fetch_request *message = request->body;
    entry->wanted = wanted;
    entry->high_watermark = -1;
    entry->stable_offset = -1;
    entry->log_start_offset = -1;
    entry->leader = -1;
    entry->leader_epoch = -1;
    list_init(&entry->watch.node);
    const struct meta_topic *topic = broker_topic_find(
        request, request->version >= 13, wanted->topic, &wanted->topic_id, &entry->error);
    /* The session knew the topic by a name: it is gone, or another one has the name (KIP-516). */
    struct wire_string known_as = wanted->known_as;
    if (topic == NULL && known_as.data != NULL)
        entry->error = meta_image_topic(request->shard->image, known_as.data, known_as.size) != NULL
                           ? WIRE_ERROR_INCONSISTENT_TOPIC_ID
                           : WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    if (topic != NULL && (wanted->partition < 0 || wanted->partition >= topic->partition_count))
        entry->error = WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    /* A follower that is not one of the partition's replicas; there are none but this node. */
    int32_t replica_id =
        request->version < 15 ? message->replica_id : message->replica_state.replica_id;
    if (entry->error == WIRE_ERROR_NONE && replica_id >= 0) {
        const struct meta_partition *partition =
            meta_image_partition(request->shard->image, &topic->id, wanted->partition);
        int32_t epoch = wanted->current_leader_epoch;
        entry->error = epoch < 0                         ? WIRE_ERROR_NOT_LEADER_OR_FOLLOWER
                       : epoch < partition->leader_epoch ? WIRE_ERROR_FENCED_LEADER_EPOCH
                                                         : WIRE_ERROR_UNKNOWN_LEADER_EPOCH;
        entry->leader = partition->leader;
        entry->leader_epoch = partition->leader_epoch;
    }
    if (entry->error != WIRE_ERROR_NONE)
        return;
    entry->topic_id = topic->id;
    struct fetch_leg *leg =
        &fetch->legs[broker_shard_of(request->shard->node, &topic->id, wanted->partition)];
    entry->leg = leg;
    leg->debugging = replica_id == -2;
    *leg->entries_end = entry;
    leg->entries_end = &entry->next;
}

static void fetch_enter_look(struct fetch *fetch)
{
    struct broker_request *request = fetch->request;
    const struct wire_fetch_request *message = request->body;
    fetch->stage = FETCH_LOOK;
    uint32_t shard_count = request->shard->node->shard_count;
    fetch->legs = arena_must_alloc_array(&request->arena, shard_count, sizeof *fetch->legs);
    for (uint32_t i = 0; i < shard_count; i++) {
        struct fetch_leg *leg = &fetch->legs[i];
        leg->fetch = fetch;
        leg->entries_end = &leg->entries;
        leg->read_committed = message->isolation_level == 1;
        leg->call.run = fetch_leg_run;
        leg->call.done = leg_done;
        leg->recall.run = fetch_leg_recall;
        leg->recall.done = leg_recalled;
    }
    size_t count = fetch->context.count;
    fetch->entries = arena_must_alloc_array(&request->arena, count, sizeof *fetch->entries);
    for (size_t i = 0; i < count; i++) {
        struct fetch_entry *entry = &fetch->entries[i];
        entry_prepare(fetch, entry, &fetch->context.wanted[i]);
        if (entry->error != WIRE_ERROR_NONE)
            fetch->legs[0].told_urgent = true;
    }
    fetch->under_way++;
    legs_call(fetch, FETCH_LEG_LOOK);
    if (--fetch->under_way == 0)
        fetch_looked(fetch);
}

static struct wire_string session_name_of(void *names, const struct uuid *topic_id)
{
    const struct broker_shard *shard = names;
    const struct meta_topic *topic = meta_image_topic_by_id(shard->image, topic_id);
    return topic == NULL ? (struct wire_string){0} : topic->name;
}

static void session_begin_run(struct broker_shard *shard, struct broker_call *call)
{
    struct fetch *fetch = CONTAINER_OF(call, struct fetch, session_call);
    fetch->context.name_of = session_name_of;
    fetch->context.names = shard;
    fetch_session_begin(shard->fetch_sessions, &fetch->context, env_now_ns(shard->env));
    broker_call_reply(shard, call);
}

static void session_begin_done(struct broker_shard *shard, struct broker_call *call)
{
    UNUSED(shard);
    struct fetch *fetch = CONTAINER_OF(call, struct fetch, session_call);
    if (fetch->context.error != WIRE_ERROR_NONE)
        fetch_complete(fetch);
    else
        fetch_enter_look(fetch);
}

void broker_api_fetch(struct broker_request *request)
{
    struct fetch *fetch = arena_must_alloc(&request->arena, sizeof(struct fetch));
    fetch->request = request;
    fetch->stage = FETCH_SESSION;
    fetch->context.message = request->body;
    fetch->context.version = request->version;
    fetch->context.arena = &request->arena;
    request->handler = fetch;
    request->cancel = fetch_cancel;
    env_timer_init(&fetch->timer, fetch_time_is_up);
    fetch->session_call.run = session_begin_run;
    fetch->session_call.done = session_begin_done;
    broker_call_send(request->shard, session_shard(fetch), &fetch->session_call);
}
