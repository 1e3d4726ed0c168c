#ifndef BROKER_SHARD_H
#define BROKER_SHARD_H
/*
 * What one shard of a node owns: its connections, its partitions, its buffers, its counters and the
 * pointer to the metadata image it has got to. Only its own thread touches it; others post to it
 * (broker/call.h).
 */
#include "base/hmap.h"
#include "base/list.h"
#include "base/log.h"
#include "base/rcbuf.h"
#include "base/uuid.h"
#include "env/env.h"

struct broker_groups;
struct broker_node;
struct broker_cleaner;
struct broker_shard;
struct fetch_sessions;
struct conf;
struct meta_image;
struct metrics_histogram;
struct plog_config;
struct replica_set;

/* Plain numbers of one shard, since start. */
struct broker_counters {
    uint64_t connections_accepted;
    uint64_t requests;
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t frames_bad; /* connections closed for what they sent */
    uint64_t connections_closed;
    uint64_t connections_stalled; /* closed because they held bytes that others waited for */
};

/* Of the settings, for one shard. */
struct broker_limits {
    uint32_t request_bytes_max; /* socket.request.max.bytes */
    size_t queued_bytes;        /* queued.max.request.bytes, this shard's part */
    size_t reply_bytes;         /* ottla.queued.max.response.bytes, likewise */
    uint64_t idle_ms_max;       /* connections.max.idle.ms; huge where that is negative */
};

struct broker_shard {
    struct broker_node *node;
    struct env *env;
    uint32_t index;

    /* The newest image that this shard was given; one counted reference. NULL before the first. */
    struct meta_image *image;
    int16_t kraft_version; /* finalized; the quorum's own feature, which no image has */

    /* The node's settings and over them what the metadata say (settings.c). */
    const struct conf *conf;
    struct conf *dynamic_conf;        /* NULL: conf is the node's */
    struct plog_config *topic_config; /* of topics without settings of their own; NULL: not made */
    int32_t topic_min_isr;

    /* Its partitions; NULL on a node that is no broker. */
    struct fetch_sessions *fetch_sessions; /* KIP-227 */
    struct replica_set *replicas;
    struct broker_groups *groups;   /* coordinators of groups (groups.h) */
    struct broker_cleaner *cleaner; /* NULL: none of its logs are cleaned */

    /* Buffers for frames and for records on their way to a client. */
    struct rcbuf_pool *rcbufs;

    struct list conns; /* by last activity, oldest first */
    size_t conn_count;
    struct list dirty;          /* connections with replies to write or requests to start */
    struct env_timer flush;     /* work off `dirty`, in the next turn */
    struct env_timer tick;      /* close idle connections */
    struct env_timer retention; /* drop old segments */
    struct list orphans;        /* running requests whose connection is gone */
    struct list requests;       /* pool of struct broker_request */
    size_t request_pool_count;
    struct rcbuf *scratch; /* what connections between two frames read into */

    /* Bytes of frames that are being received or worked on, and of replies that are not written
     * yet; see pressure.c. */
    size_t queued_bytes;
    size_t reply_bytes;
    struct list starved;     /* connections that wait for queued_bytes to fall */
    struct list unanswered;  /* connections that wait for reply_bytes to fall */
    struct env_timer relief; /* set while any does */
    bool relieving;

    struct list departures; /* connections that are closed, told to shard 0 (admission.c) */
    struct list creations;  /* of topics that clients asked about (api/auto_create.c) */

    struct broker_limits limits;
    struct broker_counters counters;
    struct metrics_histogram *api_seconds; /* as broker_apis[] */
    struct log_limit refusals;             /* lines about connections closed for what they sent */
    struct log_limit closes;               /* and for other reasons */
    bool serving;                          /* its partitions are open: clients are read */
    bool stopping;                         /* no new connections, nothing more is read */
};

void broker_shard_init(struct broker_shard *shard, struct broker_node *node, struct env *env,
                       const struct broker_limits *limits);
/* Its timers. */
void broker_shard_start(struct broker_shard *shard);
/* All connections are closed and all requests have ended, or the node is thrown away. */
void broker_shard_deinit(struct broker_shard *shard);

/* How large a reply may be now, where its handler can make it smaller. */
size_t broker_shard_reply_room(const struct broker_shard *shard);

/* The shard of this node that owns a partition. */
uint32_t broker_shard_of(const struct broker_node *node, const struct uuid *topic_id,
                         int32_t partition);

#endif
