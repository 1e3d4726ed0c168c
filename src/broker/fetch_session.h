#ifndef BROKER_FETCH_SESSION_H
#define BROKER_FETCH_SESSION_H
/*
 * Incremental fetch sessions (KIP-227): what a client follows is remembered, so that its requests
 * name changes only and the replies only what is new.
 *
 * A session lives on one shard, which its id tells (id modulo the number of shards); a client may
 * resume it on any connection. The functions run on that shard.
 */
#include "base/arena.h"
#include "base/uuid.h"
#include "wire/messages.h"

#include <stdbool.h>
#include <stdint.h>

struct broker_shard;
struct fetch_sessions;
struct fetch_session;

/* What a client wants of one partition: the session's copy, or of one request alone. */
struct fetch_wanted {
    struct wire_string topic; /* versions < 13, else null */
    struct uuid topic_id;     /* versions >= 13, else zero */
    /* Of a session by ids: the name that the topic had when the session met it; null while the id
     * is unknown. So a topic that went, or was made again, is told from one that never was. */
    struct wire_string known_as;
    int32_t partition;
    int32_t current_leader_epoch;
    int32_t last_fetched_epoch;
    int64_t fetch_offset;
    int32_t max_bytes;
};

/* What is known for the reply of one partition, and whether it is told. */
struct fetch_told {
    int16_t error;
    bool has_records;
    bool diverging;
    int64_t high_watermark;
    int64_t log_start_offset;
    bool include; /* set by fetch_session_end */
};

/* A request on its way through. The caller keeps it until fetch_session_end. */
struct fetch_context {
    const struct wire_fetch_request *message;
    int16_t version;
    struct arena *arena; /* for wanted */
    /* The topic's name now, borrowed for a moment; null where there is no such topic. Called from
     * begin and end. */
    struct wire_string (*name_of)(void *names, const struct uuid *topic_id);
    void *names;

    /* By fetch_session_begin. */
    int16_t error; /* of the whole request */
    struct fetch_wanted *wanted;
    size_t count;
    int32_t session_id;    /* 0: none (yet) */
    int32_t session_epoch; /* of the session after this request */
    bool create;           /* a full request that asks for a session */
    bool incremental;
};

/* slots_max, parts_max: so many sessions, with so many partitions among them. */
struct fetch_sessions *fetch_sessions_new(uint32_t shard, uint32_t shard_count, size_t slots_max,
                                          size_t parts_max);
void fetch_sessions_free(struct fetch_sessions *sessions);
size_t fetch_sessions_count(const struct fetch_sessions *sessions);

/* The shard that keeps the session of this id. */
static inline uint32_t fetch_session_shard(int32_t session_id, uint32_t shard_count)
{
    return (uint32_t)session_id % shard_count;
}

/* Finds, changes or ends the session that the request names, and lists what is to be fetched. */
void fetch_session_begin(struct fetch_sessions *sessions, struct fetch_context *context,
                         uint64_t now_ns);
/* Decides what is told; makes the session where one is to be. `told` is parallel to wanted;
 * `random` is for its id. */
void fetch_session_end(struct fetch_sessions *sessions, struct fetch_context *context,
                       struct fetch_told *told, uint64_t now_ns, uint32_t random);

#endif
