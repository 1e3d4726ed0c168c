/*
 * 1. A session's epoch is that of the next request it takes; 0 starts one, -1 ends one, after
 *    INT32_MAX comes 1.
 * 2. Partitions are kept in the order in which they are served; those that had records go to the
 * end, so that all get their turn when a reply is full.
 * 3. There are at most slots_max sessions: a new one takes the place of one that was not used for
 *    two minutes, else of a smaller one that has existed for so long, else it is not made.
 * 4. They follow at most parts_max partitions together, which bounds the memory that clients can
 *    take with names that nobody has: past it no session is made, and one that would grow ends
 *    (FETCH_SESSION_ID_NOT_FOUND has its client begin again).
 */
#include "broker/fetch_session.h"

#include "base/hmap.h"
#include "base/list.h"
#include "base/mem.h"
#include "wire/errors.h"

#define EVICTION_NS (UINT64_C(120000) * 1000000)
#define EPOCH_INITIAL 0
#define EPOCH_FINAL (-1)

struct session_part {
    struct hmap_node node; /* session->parts */
    struct list order;     /* session->order */
    struct fetch_wanted wanted;
    int64_t high_watermark; /* told last; -1: tell */
    int64_t log_start_offset;
    char *name; /* what wanted.topic or wanted.known_as points to; NULL: of neither */
};

struct fetch_session {
    struct hmap_node node; /* sessions->by_id */
    struct list used;      /* sessions->used, longest ago first */
    int32_t id;
    int32_t epoch;
    bool by_topic_id;
    uint64_t created_ns;
    uint64_t used_ns;
    struct hmap parts;
    struct list order;
};

struct fetch_sessions {
    uint32_t shard;
    uint32_t shard_count;
    size_t slots_max;
    size_t parts_max;
    size_t part_count; /* of all sessions */
    struct hmap by_id;
    struct list used;
};

struct fetch_sessions *fetch_sessions_new(uint32_t shard, uint32_t shard_count, size_t slots_max,
                                          size_t parts_max)
{
    struct fetch_sessions *sessions = mem_zalloc(sizeof *sessions);
    sessions->shard = shard;
    sessions->shard_count = shard_count;
    sessions->slots_max = slots_max;
    sessions->parts_max = parts_max;
    hmap_init(&sessions->by_id);
    list_init(&sessions->used);
    return sessions;
}

static void part_remove(struct fetch_session *session, struct session_part *part)
{
    hmap_remove(&session->parts, &part->node);
    list_remove(&part->order);
    mem_free(part->name);
    mem_free(part);
}

static void session_end(struct fetch_sessions *sessions, struct fetch_session *session)
{
    sessions->part_count -= session->parts.count;
    HMAP_FOR_EACH_SAFE (node, after, &session->parts)
        part_remove(session, HMAP_ENTRY(node, struct session_part, node));
    hmap_deinit(&session->parts);
    hmap_remove(&sessions->by_id, &session->node);
    list_remove(&session->used);
    mem_free(session);
}

void fetch_sessions_free(struct fetch_sessions *sessions)
{
    while (!list_empty(&sessions->used))
        session_end(sessions, LIST_ENTRY(sessions->used.next, struct fetch_session, used));
    hmap_deinit(&sessions->by_id);
    mem_free(sessions);
}

size_t fetch_sessions_count(const struct fetch_sessions *sessions)
{
    return sessions->by_id.count;
}

static struct fetch_session *session_get(struct fetch_sessions *sessions, int32_t id)
{
    HMAP_FOR_EACH_HASH (node, &sessions->by_id, hash_u64((uint32_t)id)) {
        struct fetch_session *session = HMAP_ENTRY(node, struct fetch_session, node);
        if (session->id == id)
            return session;
    }
    return NULL;
}

static int32_t epoch_next(int32_t epoch)
{
    return epoch == INT32_MAX ? 1 : epoch + 1;
}

/* ---- Partitions of a session ---- */

static uint64_t part_hash(struct wire_string topic, const struct uuid *id, int32_t partition)
{
    uint64_t hash = topic.data != NULL ? hash_bytes(topic.data, topic.size)
                                       : hash_bytes(id->bytes, sizeof id->bytes);
    return hash ^ hash_u64((uint32_t)partition);
}

static struct session_part *part_get(const struct fetch_session *session, struct wire_string topic,
                                     const struct uuid *id, int32_t partition)
{
    HMAP_FOR_EACH_HASH (node, &session->parts, part_hash(topic, id, partition)) {
        struct session_part *part = HMAP_ENTRY(node, struct session_part, node);
        const struct fetch_wanted *wanted = &part->wanted;
        if (wanted->partition == partition && wire_string_equal(wanted->topic, topic) &&
            uuid_equal(&wanted->topic_id, id))
            return part;
    }
    return NULL;
}

static struct wire_string part_name(struct session_part *part, struct wire_string name)
{
    if (name.data == NULL)
        return (struct wire_string){0};
    part->name = mem_alloc(name.size + 1);
    memcpy(part->name, name.data, name.size);
    return (struct wire_string){part->name, name.size};
}

/* An id that was unknown may have become a topic's. */
static void part_learn(struct session_part *part, const struct fetch_context *context)
{
    struct fetch_wanted *wanted = &part->wanted;
    if (wanted->topic.data == NULL && wanted->known_as.data == NULL)
        wanted->known_as = part_name(part, context->name_of(context->names, &wanted->topic_id));
}

static void part_put(struct fetch_session *session, const struct fetch_wanted *wanted)
{
    struct session_part *part =
        part_get(session, wanted->topic, &wanted->topic_id, wanted->partition);
    if (part == NULL) {
        part = mem_zalloc(sizeof *part);
        part->wanted.topic = part_name(part, wanted->topic);
        part->high_watermark = -1;
        part->log_start_offset = -1;
        list_init(&part->order);
        list_push_back(&session->order, &part->order);
        hmap_insert(&session->parts, &part->node,
                    part_hash(wanted->topic, &wanted->topic_id, wanted->partition));
    }
    struct wire_string topic = part->wanted.topic;
    struct wire_string known_as = part->wanted.known_as;
    part->wanted = *wanted;
    part->wanted.topic = topic;
    part->wanted.known_as = known_as;
}

static void session_update(struct fetch_session *session, const struct fetch_context *context)
{
    const struct wire_fetch_request *message = context->message;
    for (size_t i = 0; i < context->count; i++)
        part_put(session, &context->wanted[i]);
    for (int32_t i = 0; i < message->forgotten_topics_data.count; i++) {
        const struct wire_fetch_request_forgotten_topic *topic =
            &message->forgotten_topics_data.items[i];
        struct wire_string name = session->by_topic_id ? (struct wire_string){0} : topic->topic;
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            struct session_part *part =
                part_get(session, name, &topic->topic_id, topic->partitions.items[j]);
            if (part != NULL)
                part_remove(session, part);
        }
    }
}

/* ---- Begin ---- */

/* What the request itself names. */
static void wanted_of_request(struct fetch_context *context)
{
    const struct wire_fetch_request *message = context->message;
    size_t count = 0;
    for (int32_t i = 0; i < message->topics.count; i++)
        count += (size_t)message->topics.items[i].partitions.count;
    context->wanted = arena_must_alloc_array(context->arena, count, sizeof *context->wanted);
    context->count = count;
    struct fetch_wanted *wanted = context->wanted;
    for (int32_t i = 0; i < message->topics.count; i++) {
        const struct wire_fetch_request_fetch_topic *topic = &message->topics.items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++, wanted++) {
            const struct wire_fetch_request_fetch_partition *part = &topic->partitions.items[j];
            if (context->version < 13)
                wanted->topic = topic->topic;
            else
                wanted->topic_id = topic->topic_id;
            wanted->partition = part->partition;
            wanted->current_leader_epoch = part->current_leader_epoch;
            wanted->last_fetched_epoch = part->last_fetched_epoch;
            wanted->fetch_offset = part->fetch_offset;
            wanted->max_bytes = part->partition_max_bytes;
        }
    }
}

/* All that the session follows; names are copied, for the session may be gone before the reply. */
static void wanted_of_session(struct fetch_context *context, struct fetch_session *session)
{
    context->count = session->parts.count;
    context->wanted =
        arena_must_alloc_array(context->arena, context->count, sizeof *context->wanted);
    struct fetch_wanted *wanted = context->wanted;
    LIST_FOR_EACH (node, &session->order) {
        struct session_part *part = LIST_ENTRY(node, struct session_part, order);
        part_learn(part, context);
        *wanted = part->wanted;
        if (wanted->topic.data != NULL)
            wanted->topic = wire_string_copy(wanted->topic, context->arena);
        if (wanted->known_as.data != NULL)
            wanted->known_as = wire_string_copy(wanted->known_as, context->arena);
        wanted++;
    }
}

void fetch_session_begin(struct fetch_sessions *sessions, struct fetch_context *context,
                         uint64_t now_ns)
{
    const struct wire_fetch_request *message = context->message;
    int32_t id = context->version < 7 ? 0 : message->session_id;
    int32_t epoch = context->version < 7 ? EPOCH_FINAL : message->session_epoch;
    struct fetch_session *session = id == 0 ? NULL : session_get(sessions, id);
    context->error = WIRE_ERROR_NONE;
    context->session_id = 0;
    context->incremental = false;
    context->create = false;
    context->count = 0;
    if (epoch == EPOCH_INITIAL || epoch == EPOCH_FINAL) {
        if (session != NULL)
            session_end(sessions, session);
        wanted_of_request(context);
        context->create = epoch == EPOCH_INITIAL;
        return;
    }
    if (session == NULL)
        context->error = WIRE_ERROR_FETCH_SESSION_ID_NOT_FOUND;
    else if (session->epoch != epoch)
        context->error = WIRE_ERROR_INVALID_FETCH_SESSION_EPOCH;
    else if (session->by_topic_id != (context->version >= 13))
        context->error = WIRE_ERROR_FETCH_SESSION_TOPIC_ID_ERROR;
    if (context->error != WIRE_ERROR_NONE)
        return;
    wanted_of_request(context);
    if (sessions->part_count + context->count > sessions->parts_max) {
        session_end(sessions, session);
        context->error = WIRE_ERROR_FETCH_SESSION_ID_NOT_FOUND;
        context->count = 0;
        return;
    }
    sessions->part_count -= session->parts.count;
    session_update(session, context);
    sessions->part_count += session->parts.count;
    if (session->parts.count == 0) {
        session_end(sessions, session);
        context->count = 0;
        return;
    }
    session->epoch = epoch_next(session->epoch);
    session->used_ns = now_ns;
    list_remove(&session->used);
    list_push_back(&sessions->used, &session->used);
    context->session_id = id;
    context->session_epoch = session->epoch;
    context->incremental = true;
    wanted_of_session(context, session);
}

/* ---- End ---- */

static bool slot_free(struct fetch_sessions *sessions, size_t new_count, uint64_t now_ns)
{
    if (sessions->by_id.count < sessions->slots_max)
        return true;
    if (list_empty(&sessions->used))
        return false;
    struct fetch_session *victim = LIST_ENTRY(sessions->used.next, struct fetch_session, used);
    if (now_ns - victim->used_ns <= EVICTION_NS) {
        victim = NULL;
        LIST_FOR_EACH (node, &sessions->used) {
            struct fetch_session *session = LIST_ENTRY(node, struct fetch_session, used);
            if (now_ns - session->created_ns > EVICTION_NS && session->parts.count < new_count &&
                (victim == NULL || session->parts.count < victim->parts.count))
                victim = session;
        }
    }
    if (victim == NULL)
        return false;
    session_end(sessions, victim);
    return true;
}

/* Positive, and this shard's: id % shard_count == shard. */
static int32_t id_from(const struct fetch_sessions *sessions, uint32_t random)
{
    uint32_t count = sessions->shard_count;
    uint32_t id = random % (INT32_MAX / count) * count + sessions->shard;
    return (int32_t)(id == 0 ? count : id);
}

static void part_told(struct session_part *part, const struct fetch_told *told)
{
    /* After an error the next reply is told in full, whatever it is. */
    part->high_watermark = told->error != WIRE_ERROR_NONE ? -1 : told->high_watermark;
    part->log_start_offset = told->log_start_offset;
}

static void session_create(struct fetch_sessions *sessions, struct fetch_context *context,
                           const struct fetch_told *told, uint64_t now_ns, uint32_t random)
{
    if (sessions->part_count + context->count > sessions->parts_max ||
        !slot_free(sessions, context->count, now_ns))
        return;
    int32_t id = id_from(sessions, random);
    if (session_get(sessions, id) != NULL)
        return; /* the client goes on without one, and asks again */
    struct fetch_session *session = mem_zalloc(sizeof *session);
    session->id = id;
    session->epoch = epoch_next(EPOCH_INITIAL);
    session->by_topic_id = context->version >= 13;
    session->created_ns = now_ns;
    session->used_ns = now_ns;
    hmap_init(&session->parts);
    list_init(&session->order);
    list_init(&session->used);
    list_push_back(&sessions->used, &session->used);
    hmap_insert(&sessions->by_id, &session->node, hash_u64((uint32_t)id));
    for (size_t i = 0; i < context->count; i++) {
        const struct fetch_wanted *wanted = &context->wanted[i];
        part_put(session, wanted);
        struct session_part *part =
            part_get(session, wanted->topic, &wanted->topic_id, wanted->partition);
        part_learn(part, context);
        part_told(part, &told[i]);
    }
    sessions->part_count += session->parts.count;
    context->session_id = id;
}

void fetch_session_end(struct fetch_sessions *sessions, struct fetch_context *context,
                       struct fetch_told *told, uint64_t now_ns, uint32_t random)
{
    for (size_t i = 0; i < context->count; i++)
        told[i].include = true;
    if (context->create)
        session_create(sessions, context, told, now_ns, random);
    if (!context->incremental)
        return;
    struct fetch_session *session = session_get(sessions, context->session_id);
    if (session == NULL || session->epoch != context->session_epoch) {
        context->error = session == NULL ? WIRE_ERROR_FETCH_SESSION_ID_NOT_FOUND
                                         : WIRE_ERROR_INVALID_FETCH_SESSION_EPOCH;
        context->session_id = 0;
        return;
    }
    for (size_t i = 0; i < context->count; i++) {
        const struct fetch_wanted *wanted = &context->wanted[i];
        struct session_part *part =
            part_get(session, wanted->topic, &wanted->topic_id, wanted->partition);
        if (part == NULL)
            continue;
        told[i].include = told[i].has_records || told[i].diverging ||
                          told[i].error != WIRE_ERROR_NONE ||
                          told[i].high_watermark != part->high_watermark ||
                          told[i].log_start_offset != part->log_start_offset;
        part_told(part, &told[i]);
        if (told[i].has_records) {
            list_remove(&part->order);
            list_push_back(&session->order, &part->order);
        }
    }
}
