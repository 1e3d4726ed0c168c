#ifndef BROKER_REQUEST_H
#define BROKER_REQUEST_H
/*
 * One request in flight, from the frame that brought it to the last byte of its reply.
 *
 *     QUEUED --start--> RUNNING --complete--> DONE --written--> (back to the shard's pool)
 *
 * Requests of a connection are DONE in any order that the rules for starting allow, and written in
 * the order of arrival (conn.c). The struct, its arena and its output buffer are reused, so that a
 * request costs no allocation once a connection is warm.
 *
 * When the connection goes away a QUEUED or DONE request goes with it; a RUNNING one loses its conn
 * (NULL), is told through `cancel`, and ends when its handler completes it, which is harmless then.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/rcbuf.h"
#include "broker/api.h"
#include "broker/shard.h"
#include "wire/errors.h"
#include "wire/wire.h"

enum broker_request_state {
    BROKER_REQUEST_QUEUED,
    BROKER_REQUEST_RUNNING,
    BROKER_REQUEST_DONE,
};

struct broker_conn;

struct broker_request {
    struct list node;         /* in conn->requests by arrival, or in the shard's pool */
    struct broker_conn *conn; /* NULL once the connection is gone */
    struct broker_shard *shard;
    const struct broker_api *api;
    enum broker_request_state state;
    int16_t version;
    int32_t correlation_id;
    struct wire_string client_id; /* data NULL when absent; in the frame */
    uint64_t received_ns;

    /* The frame without its length: in `frame` (a counted buffer of this shard, which the request
     * holds until it is written), or copied to the arena when it was small (`frame` is NULL).
     * Record batches in it may be stamped in place. */
    struct rcbuf *frame;
    uint8_t *data;
    size_t data_size;
    size_t body_offset;   /* of the message after the request header */
    size_t charged_bytes; /* its part in shard->queued_bytes */

    struct arena arena; /* for decoding, the handler's own state and its reply */
    void *body;         /* the decoded message, e.g. struct wire_metadata_request * */

    /* For a handler that parks: called when the connection is gone, so that what it waits for can
     * be given up. It may complete the request at once. NULL: nothing to do. */
    void (*cancel)(struct broker_request *request);
    void *handler; /* the handler's own state, in the arena */

    /* The reply. */
    struct buf out; /* length, header and body but for what is in gather */
    struct wire_gather gather;
    struct rcbuf **held; /* released once the reply is written */
    size_t held_count;
    size_t held_capacity;
    bool silent; /* nothing is sent (acks=0) */
    bool last;   /* no reply: the connection is closed once those before are written */
    const char *why;
    size_t sent_bytes;
    size_t reply_bytes;
    size_t reply_charged; /* its part in shard->reply_bytes */
};

/*
 * Encodes the reply (the response struct of this API; it need not live longer than the call unless
 * it names record bytes, which are sent from where they are: see _hold) and has it sent in its
 * turn. Safe anywhere on the request's shard: nothing is written and no connection is closed before
 * this returns. The request is not the caller's any more.
 */
void broker_request_complete(struct broker_request *request, const void *response);
/* The same in another version than the request's (an unknown version of ApiVersions). */
void broker_request_complete_version(struct broker_request *request, int16_t version,
                                     const void *response);
/* No reply at all: acks=0. */
void broker_request_complete_silent(struct broker_request *request);
/* The connection is closed when the replies before this one are written, without an answer. `why`
 * is for the log. */
void broker_request_abort(struct broker_request *request, const char *why);

/* So many bytes of memory are about to be taken for the reply (those of its encoding are charged by
 * themselves): until it is written they count among the shard's reply_bytes. */
void broker_request_charge_reply(struct broker_request *request, size_t bytes);
/* The reply's record fields point into this buffer: takes over the caller's reference and keeps it
 * until the reply is written. */
void broker_request_hold(struct broker_request *request, struct rcbuf *take_buf);

/*
 * Structs of a reply, at their defaults, in the request's arena, for as long as the request:
 *     struct wire_metadata_response *reply = BROKER_REPLY(request, metadata_response);
 *     reply->brokers.items = BROKER_REPLY_ARRAY(request, metadata_response_..., count);
 */
#define BROKER_REPLY(request, name) \
    ((struct wire_##name *)broker_request_new_array(request, &wire_##name##_schema, 1))
#define BROKER_REPLY_ARRAY(request, name, count) \
    ((struct wire_##name *)broker_request_new_array(request, &wire_##name##_schema, count))
void *broker_request_new_array(struct broker_request *request, const struct wire_schema *schema,
                               size_t count);

#endif
