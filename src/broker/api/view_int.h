#ifndef BROKER_API_VIEW_INT_H
#define BROKER_API_VIEW_INT_H
/*
 * What the metadata image looks like to a client of one listener: who is alive, which replicas are
 * offline, what an operation may be done on. Kafka 4.3's rules (KRaftMetadataCache).
 */
#include "broker/request.h"
#include "meta/image.h"

/* What everybody may do while no authorizer is configured: a bit for each operation of the ACLs. */
#define VIEW_CLUSTER_OPERATIONS 8096
#define VIEW_TOPIC_OPERATIONS 3576

/* Where a client of this listener finds the broker; NULL when it is fenced or has no such listener.
 */
const struct meta_endpoint *view_endpoint(const struct meta_image *image, int32_t broker_id,
                                          const char *listener);

struct view_partition {
    int16_t error_code;
    int32_t leader_id; /* META_NO_LEADER when a client cannot reach it */
    int32_t leader_epoch;
    struct wire_int32s replicas;
    struct wire_int32s isr;
    struct wire_int32s offline;
};

enum view_flags {
    VIEW_ALIVE_ONLY = 1, /* replicas and ISR without brokers that are not alive (Metadata 0) */
    VIEW_LISTENER_NOT_FOUND = 2, /* a leader without this listener gets that code (Metadata 6+) */
};

/* Lists point into the image, or lie in the arena. */
void view_partition(struct arena *arena, const struct meta_image *image,
                    const struct meta_partition *partition, const char *listener, unsigned flags,
                    struct view_partition *out);

/* 1 to 249 characters of [a-zA-Z0-9._-], not "." and not "..". */
bool view_topic_name_is_valid(struct wire_string name);
/* Kept by the brokers themselves: __consumer_offsets and such. */
bool view_topic_is_internal(const char *name, size_t size);

#endif
