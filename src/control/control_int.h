#ifndef CONTROL_CONTROL_INT_H
#define CONTROL_CONTROL_INT_H
#include "base/hmap.h"
#include "control/control.h"
#include "wire/api_keys.h"
#include "wire/errors.h"
#include "wire/messages.h"

/* What is known of a registered broker beside its registration; soft state. */
struct control_broker {
    struct hmap_node node;
    int32_t id;
    bool fenced;               /* as the image has it */
    int64_t epoch;             /* heard of as this epoch; -1: not since this leadership began */
    int64_t contact_ms;        /* the last time, or when this leadership began */
    int64_t registered_offset; /* of its registration's record; -1: its epoch is that */
    int64_t metadata_offset;   /* what it said it has got to; -1 */
    int64_t shutdown_offset;   /* it may go when all others have got to here; -1: stays */
};

struct control {
    const struct conf *conf;
    int32_t node_id;
    char *cluster_id;
    bool active;
    struct hmap brokers; /* struct control_broker by id */
};

/* One decision being made. */
struct control_work {
    struct control *control;
    const struct control_input *in;
    struct control_output *out;
    size_t capacity; /* of out->records */
    int16_t api_key;
    int16_t version;
    const void *request;
};

/* A record of `message`'s type appended to the decision's; message is in the arena. */
void control_record(struct control_work *work, enum wire_metadata_record key, int16_t version,
                    const void *message);
#define CONTROL_NEW(work, name) \
    ((struct wire_##name *)control_new_message(&wire_##name##_schema, (work)->in->arena, 1))
#define CONTROL_NEW_ARRAY(work, name, count) \
    ((struct wire_##name *)control_new_message(&wire_##name##_schema, (work)->in->arena, count))
void *control_new_message(const struct wire_schema *schema, struct arena *arena, size_t count);
/* How often a name comes in a request. */
enum control_repeat { CONTROL_ONCE, CONTROL_FIRST_OF_MANY, CONTROL_AGAIN };
const enum control_repeat *control_repeated(const struct control_work *work,
                                            const struct wire_string *names, size_t count);
/* printf into the arena, as a string of the wire. */
struct wire_string control_text(const struct control_work *work, const char *format, ...)
    PRINTF_LIKE(2, 3);
/* Uniform in [0, bound). */
uint32_t control_random_below(struct control_work *work, uint32_t bound);
struct uuid control_random_uuid(struct control_work *work);

/* ---- control_brokers.c ---- */
void control_broker_registration(struct control_work *work);
void control_broker_heartbeat(struct control_work *work);
void control_unregister_broker(struct control_work *work);
void control_controller_registration(struct control_work *work);
void control_allocate_producer_ids(struct control_work *work);
/* Brokers whose session is over. */
void control_fence_stale(struct control_work *work);
int64_t control_session_deadline_ms(const struct control *control);
struct control_broker *control_broker_get(struct control *control, int32_t id);
/* before NULL: nothing was known. */
void control_brokers_follow(struct control *control, const struct meta_image *before,
                            const struct meta_image *after, int64_t now_ms);
void control_brokers_forget(struct control *control);

/* ---- control_leaders.c ---- */

/* Which partitions are looked at. */
enum control_leaders_of {
    CONTROL_LEADERS_IN_SYNC,      /* `broker` is in sync */
    CONTROL_LEADERS_ELIGIBLE,     /* `broker` is an eligible leader */
    CONTROL_LEADERS_NONE,         /* nobody leads */
    CONTROL_LEADERS_IN_DIRECTORY, /* `broker`'s replica is in `directory` */
};

/* What is about to become true of one broker, on top of the image. */
struct control_leaders {
    enum control_leaders_of of;
    int32_t broker;
    struct uuid directory;
    int32_t leaving;  /* not to lead, out of in-sync replicas; -1 */
    int32_t unclean;  /* may have lost its tail: also not eligible any more (KIP-966); -1 */
    int32_t entering; /* unfenced by this decision; -1 */
};
/* New leaders and in-sync replicas for all partitions that this touches. */
void control_move_leaders(struct control_work *work, const struct control_leaders *change);
/* An election that is asked for; Kafka's code: 0, ELECTION_NOT_NEEDED, ... */
int16_t control_elect(struct control_work *work, const struct meta_partition *partition,
                      bool unclean) MUST_USE;
bool control_leads_any(const struct meta_image *image, int32_t broker_id);
bool control_broker_is_active(const struct meta_broker *broker);

/* ---- control_topics.c, control_delete.c, control_partitions.c, control_place.c ---- */

/* Of one request, as Apache Kafka has it: a decision is one atomic batch of the metadata log. */
#define CONTROL_PARTITIONS_MAX 10000

void control_create_topics(struct control_work *work);
void control_delete_topics(struct control_work *work);
void control_create_partitions(struct control_work *work);

/* Why it is no topic's name; data NULL: it is one. */
struct wire_string control_topic_name_refused(const struct control_work *work,
                                              struct wire_string name);

/* Why these brokers cannot be a partition's replicas (as wanted by hand); data NULL: they can.
 * factor 0: any number of them. */
struct wire_string control_replicas_refused(const struct control_work *work,
                                            struct wire_int32s replicas, int32_t factor);
/* The same, for none of them being active. */
struct wire_string control_replicas_idle(const struct control_work *work,
                                         struct wire_int32s replicas, int32_t index);
/* A new partition; at least one of its replicas is active. */
void control_partition_record(struct control_work *work, const struct uuid *topic_id, int32_t index,
                              const int32_t *replicas, int16_t factor);

/* Replicas for new partitions: `count` rows of `factor` broker ids, leaders active, racks and
 * brokers taken in turn. NULL: *error_text says why it cannot be done. */
const int32_t *control_place(struct control_work *work, int32_t count, int16_t factor,
                             struct wire_string *error_text);
/* The directory that a new replica on this broker is assigned to (KIP-858). */
struct uuid control_default_dir(const struct meta_broker *broker);

/* ---- control_elections.c, control_features.c ---- */
void control_elect_leaders(struct control_work *work);
void control_alter_partition_reassignments(struct control_work *work);
void control_list_partition_reassignments(struct control_work *work);
void control_update_features(struct control_work *work);

/* ---- control_configs.c ---- */
void control_incremental_alter_configs(struct control_work *work);
void control_alter_configs(struct control_work *work);
/* A setting's new value; NULL: not set any more. */
void control_config_record(struct control_work *work, int8_t type, struct wire_string resource,
                           const char *name, const char *value);
/* Goes with a change of min.insync.replicas: who was eligible under the old one may not be. */
void control_clear_elr(struct control_work *work, int8_t type, struct wire_string resource);

/* ---- control_topic_configs.c ---- */

struct conf_pair;

/* A new topic's own settings, each name once. */
struct control_configs {
    struct conf_pair *items;
    size_t count;
};

/* What all topics of a decision have that set nothing themselves; made when it is needed. */
struct control_configs_base {
    struct wire_create_topics_response_creatable_topic_configs *items;
    size_t count;
};

/* data NULL: they are right. Else why not. */
struct wire_string
control_configs_of(struct control_work *work,
                   const struct wire_create_topics_request_creatable_topic *topic,
                   struct control_configs *out);
/* Into the topic's reply, from version 5 on. */
void control_configs_describe(struct control_work *work, struct control_configs_base *base,
                              const struct control_configs *configs,
                              struct wire_create_topics_response_creatable_topic_result *result);

#endif
