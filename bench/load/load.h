#ifndef LOAD_H
#define LOAD_H
/*
 * A load on a Kafka node, made by one thread on `link` and `wire`. A command sets its connections
 * up in `start`, works in the links' callbacks, and ends with load_end; its figures go to standard
 * output as one line of JSON.
 */
#include "base/rcbuf.h"
#include "base/uuid.h"
#include "codec/codec.h"
#include "env/env.h"
#include "link/link.h"
#include "wire/messages.h"

#include <inttypes.h>

struct os;
struct load;

struct load_options {
    char host[256];
    uint16_t port;
    const char *topic;
    int32_t partitions;  /* of the topic, when it has to be made */
    int32_t connections; /* 1.. */
    int32_t window;      /* requests under way for each connection */
    int32_t record_bytes;
    int32_t batch_bytes; /* records' bytes in a batch, before compression */
    int64_t bytes;       /* of records, in all */
    int64_t records;     /* latency: how many are measured */
    int32_t rate;        /* latency: records in a second; 0: one at a time */
    int32_t min_bytes;   /* of a fetch */
    int32_t fetch_bytes; /* of a fetch, for each partition; 1: a batch at a time */
    int16_t acks;
    enum codec codec;
    bool idempotent;
};

struct load {
    struct load_options options;
    struct os *os;
    struct env *env;
    struct rcbuf_pool *pool;
    struct codec_context *codec;
    uint64_t begun_ns;

    /* The topic, known before a command's start. */
    struct uuid topic_id;
    int32_t partition_count;
    struct link *link; /* the first connection, which any command may use */
    struct link_request request;
    struct env_timer timer;
    const struct load_command *command;
    bool failed;
};

struct load_command {
    const char *name;
    const char *what;
    bool needs_topic;
    void (*start)(struct load *load);
};

extern const struct load_command load_produce, load_consume, load_latency, load_idle;

/* Ends the run. */
void load_end(struct load *load);
/* Ends it in failure, with a line that says why. */
void load_fail(struct load *load, const char *format, ...) PRINTF_LIKE(2, 3);
/* A connection that is being opened; on_ready is called when it can be used, a lost one fails the
 * run. */
struct link *load_connect(struct load *load, void *context,
                          void (*on_ready)(void *context, struct link *link));
double load_seconds(const struct load *load);

/* A batch of records of record_bytes each, as a producer sends it. `fill` distinguishes one from
 * another. */
void load_batch(struct load *load, int32_t record_count, uint32_t fill, struct buf *out);
/* Stamps the producer's fields and computes the checksum again. */
void load_batch_stamp(struct buf *batch, int64_t producer_id, int32_t sequence);
/* A Produce request of one batch for one partition, sent. False when it could not be (the run has
 * failed). */
bool load_send_batch(struct load *load, struct link *link, struct link_request *request,
                     int32_t partition, const struct buf *batch);
/* The number of records that were accepted, or -1 (the run has failed). */
bool load_check_produced(struct load *load, const struct link_response *response,
                         int64_t *base_offset);

#endif
