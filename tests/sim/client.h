#ifndef CLIENT_H
#define CLIENT_H
/*
 * Clients of the simulated node, built on `link` and `wire`. Each is a process of its own on a host
 * of its own, with one connection; a tick every few milliseconds drives it, and each response.
 *
 * Checked for all of them: responses decode at their version and come in request order (the link
 * breaks with ERR_CORRUPT otherwise), and no error code comes that the situation does not explain.
 */
#include "base/arena.h"
#include "env/env.h"
#include "link/link.h"
#include "model.h"
#include "sim_node.h"
#include "wire/messages.h"

struct codec_context;
struct client;

struct client_options {
    struct model *model;
    const char *host;
    uint16_t port;
    uint32_t id;
    bool audits; /* sends while the gate is closed */
};

struct client_request {
    struct link_request link;
    struct client *client;
    uint32_t generation; /* the model's when it was sent */
    /* Told once; response->err as link.h has it. The request may be freed or sent again in it. */
    void (*done)(struct client *client, struct client_request *request,
                 const struct link_response *response);
};

/* Embedded in each kind of client. */
struct client {
    struct client_options options;
    struct env *env;
    struct sim_world *world;
    struct model *model;
    struct link *link;
    struct rcbuf_pool *pool;
    struct codec_context *codec;
    struct env_timer timer;
    struct prng prng;
    uint64_t tick_ms;
    int16_t version_pinned; /* the next requests go in this one; 0: the seed draws */
    void (*step)(struct client *client);
    void (*disconnected)(struct client *client); /* may be NULL */
};

void client_init(struct client *client, struct env *env, const struct client_options *options,
                 const char *kind, void (*step)(struct client *client));
/* True: connected, and it is this client's time to send. */
bool client_may_send(const struct client *client);
/* Sends in a version of the seed's choice among those that both sides have, no lower than
 * version_min. False: not now; the request is not under way. */
bool client_send(struct client *client, struct client_request *request, int16_t key,
                 int16_t version_min, const void *message,
                 void (*done)(struct client *client, struct client_request *request,
                              const struct link_response *response));
/* A log line about the state of its connection. */
void client_tell(const struct client *client, const char *name);
/* For what has no response (Produce with acks 0). */
bool client_send_silent(struct client *client, struct client_request *request, int16_t key,
                        int16_t version_min, const void *message,
                        void (*done)(struct client *client, struct client_request *request,
                                     const struct link_response *response));

/* ---- Kinds ---- */

struct client_producer_options {
    struct client_options client;
    struct model_lane **lanes; /* one for each partition; borrowed */
    size_t lane_count;
    int16_t acks;
    bool idempotent;
    uint32_t window;      /* batches of a lane under way at once */
    uint32_t batch_max;   /* records */
    uint32_t linger_ms;   /* between requests */
    uint8_t codec_weight; /* 0: never compressed, else 1 in so many batches is not */
};
struct client *client_producer_new(struct env *env, const struct client_producer_options *options);

struct client_consumer_options {
    struct client_options client;
    struct model_partition **partitions; /* borrowed */
    size_t partition_count;
    bool sessions;
    int32_t max_wait_ms;
    int32_t min_bytes;
    int32_t max_bytes;
    int32_t partition_max_bytes;
    uint32_t rewinds; /* so often it goes back to somewhere, and reads again */
};
struct client *client_consumer_new(struct env *env, const struct client_consumer_options *options);
/* It has read to the end of all that must be there. */
bool client_consumer_is_done(const struct client *client);

/* Creates the model's topics, then (while `churns`) creates and deletes topics of its own. */
struct client_admin_options {
    struct client_options client;
    uint32_t churn_count; /* topics to create and delete */
};
struct client *client_admin_new(struct env *env, const struct client_admin_options *options);
bool client_admin_is_done(const struct client *client);

/* What the members of a group have seen of it, kept outside of them. */
#define CLIENT_GROUP_PARTITIONS_MAX 16
#define CLIENT_GROUP_OWNERS 16
#define CLIENT_MEMBER_ID_BYTES 128
struct client_owner {
    int32_t generation; /* 0: unused */
    char member[CLIENT_MEMBER_ID_BYTES];
};
struct client_group {
    struct model_topic *topic; /* whose partitions they share */
    uint32_t power;            /* the model's generation that the rest is about */
    int32_t generation;        /* the highest that a member was synced in */
    struct client_owner owners[CLIENT_GROUP_PARTITIONS_MAX][CLIENT_GROUP_OWNERS];
    int64_t committed[CLIENT_GROUP_PARTITIONS_MAX]; /* acknowledged; -1: none */
    int64_t offset_next;                            /* the next commit's */
};
struct client_member_options {
    struct client_options client;
    struct client_group *group; /* borrowed */
    uint32_t leaves;            /* so often it leaves, and joins again */
};
struct client *client_member_new(struct env *env, const struct client_member_options *options);
/* How many partitions it owns in the newest generation; -1: it is not settled. */
int32_t client_member_settled(const struct client *client);

/* Sends whatever comes to its mind, until model->strangers_gone. */
void client_stranger_start(struct env *env, const struct client_options *options);

/* Looks at everything once the node is up, as often as it is asked to. */
struct client *client_audit_new(struct env *env, const struct client_options *options);
void client_audit_begin(struct client *client);
bool client_audit_is_done(const struct client *client);

#endif
