#include "broker/api/topics_int.h"

#include "wire/errors.h"

#include <string.h>

const struct meta_topic *broker_topic_find(const struct broker_request *request, bool by_id,
                                           struct wire_string name, const struct uuid *id,
                                           int16_t *out_error)
{
    const struct meta_image *image = request->shard->image;
    const struct meta_topic *topic;
    if (by_id)
        topic = meta_image_topic_by_id(image, id);
    else
        topic = name.data == NULL ? NULL : meta_image_topic(image, name.data, name.size);
    *out_error = WIRE_ERROR_NONE;
    if (topic == NULL)
        *out_error = by_id ? WIRE_ERROR_UNKNOWN_TOPIC_ID : WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    return topic;
}

bool broker_topic_is_internal(const struct meta_topic *topic)
{
    static const char *const internal[] = {"__consumer_offsets", "__transaction_state",
                                           "__share_group_state"};
    for (size_t i = 0; i < ARRAY_COUNT(internal); i++) {
        if (topic->name.size == strlen(internal[i]) &&
            memcmp(topic->name.data, internal[i], topic->name.size) == 0)
            return true;
    }
    return false;
}
