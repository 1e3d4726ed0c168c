#ifndef BROKER_CONN_H
#define BROKER_CONN_H
/*
 * A client's connection: frames in, requests started in order, replies out in order (conn.c has the
 * rules and the limits).
 */
#include "base/list.h"
#include "broker/request.h"
#include "broker/shard.h"
#include "env/env.h"

struct broker_listener;

struct broker_conn {
    struct list node;       /* in shard->conns, by last activity */
    struct list dirty;      /* in shard->dirty */
    struct list starved;    /* in the shard's list of that name */
    struct list unanswered; /* likewise */
    struct broker_shard *shard;
    const struct broker_listener *listener;
    struct env_stream *stream;
    uint64_t active_ns; /* last byte read or written */

    /* The frame that is coming in. */
    uint8_t head[4]; /* its length, as far as it has come */
    size_t head_count;
    struct rcbuf *frame; /* NULL between frames */
    size_t frame_size;   /* what head says */
    size_t frame_filled;
    size_t frame_room;       /* usable bytes of `frame`, and its part in shard->queued_bytes */
    uint64_t frame_since_ns; /* when its first byte came */
    size_t frame_trusted;    /* the largest frame that has come in whole */
    size_t frame_last;       /* size of the one before this */
    uint64_t frames;

    /* Bytes that were read with earlier frames, and wait until there may be more requests. */
    struct rcbuf *rest; /* NULL: none */
    size_t rest_offset;
    size_t rest_size;

    struct list requests; /* all, by arrival */
    size_t request_count;
    size_t running_count;
    bool running_alone;      /* one that does not overlap is running */
    size_t done_bytes;       /* of replies that are ready but not written */
    uint64_t reply_since_ns; /* when the first of them could have gone out */
    unsigned wanted;         /* what the stream was last asked for */
    bool stepping; /* its handlers are being called: what they complete is seen without a wake */
    bool ending;   /* nothing more is read: answer what came, then close */
    bool aborting; /* the peer has gone and nobody waits: closed in the next step */

    char *software_name; /* of ApiVersions (KIP-511); NULL before */
    char *software_version;
};

/* Takes the stream over. */
void broker_conn_accept(struct broker_shard *shard, const struct broker_listener *listener,
                        struct env_stream *take_stream);
/* At once; the connection is freed. `why` is for the log, NULL when there is nothing to say. */
void broker_conn_close(struct broker_conn *conn, const char *why);
/* Write replies that are ready, start requests that may start; may close and free the connection.
 * Called by the shard's flush, from the top of the loop. */
void broker_conn_step(struct broker_conn *conn);
/* Something of this connection is DONE: let the shard step it in the next turn. */
void broker_conn_wake(struct broker_conn *conn);
/* Memory only: for a node that is thrown away. */
void broker_conn_free(struct broker_conn *conn);

#endif
