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
    struct list node;   /* in shard->conns */
    struct list dirty;  /* in shard->dirty */
    struct list waiter; /* in shard->starved */
    struct broker_shard *shard;
    const struct broker_listener *listener;
    struct env_stream *stream; /* NULL once closed */
    uint64_t active_ns;        /* last byte read or written */

    /* The frame that is coming in. */
    uint8_t head[4]; /* its length, as far as it has come */
    size_t head_count;
    struct rcbuf *frame; /* NULL between frames */
    size_t frame_size;   /* what head says */
    size_t frame_filled;
    size_t frame_charged; /* its part in shard->queued_bytes */
    size_t frame_trusted; /* the largest frame that has come in whole */
    uint64_t frames;

    struct list requests; /* all, by arrival */
    size_t request_count;
    size_t done_bytes; /* of replies that are ready but not written */
    unsigned wanted;   /* what the stream was last asked for */

    char *software_name; /* of ApiVersions; NULL before */
    char *software_version;
    bool closing; /* nothing more is read; closed once the replies before are written */
};

/* Takes the stream over. */
void broker_conn_accept(struct broker_shard *shard, const struct broker_listener *listener,
                        struct env_stream *take_stream);
/* At once. `why` is for the log, NULL when there is nothing to say. */
void broker_conn_close(struct broker_conn *conn, const char *why);
/* Write replies that are ready, start requests that may start. Called by the shard's flush. */
void broker_conn_step(struct broker_conn *conn);
/* The request is DONE: let the shard step its connection in the next turn. */
void broker_conn_wake(struct broker_conn *conn);

#endif
