#ifndef BROKER_API_TOPICS_INT_H
#define BROKER_API_TOPICS_INT_H
/* What the handlers of topics' data have in common. */
#include "broker/request.h"
#include "meta/image.h"

#include <stdbool.h>

/*
 * The topic that a request names, by id or by name, in the shard's image. NULL: *out_error is
 * UNKNOWN_TOPIC_ID or UNKNOWN_TOPIC_OR_PARTITION; else 0. Borrowed from the image.
 */
const struct meta_topic *broker_topic_find(const struct broker_request *request, bool by_id,
                                           struct wire_string name, const struct uuid *id,
                                           int16_t *out_error);

/* __consumer_offsets, __transaction_state, __share_group_state. */
bool broker_topic_is_internal(const struct meta_topic *topic);

#endif
