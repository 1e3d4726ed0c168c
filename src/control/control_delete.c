/*
 * Topics are deleted, by name or by id. What a request says twice is refused, and told once: a
 * client that does not know what it names should not lose more than it meant to.
 */
#include "control_int.h"

#include "base/list.h"
#include "conf/conf.h"

typedef struct wire_delete_topics_response_deletable_topic_result deleted;

/* What the request names, each once. */
struct named {
    struct hmap_node node;
    struct list order;
    struct wire_string name; /* data NULL: by id */
    struct uuid id;
    bool again;                     /* or in another way as well: it is left alone */
    const struct meta_topic *topic; /* once it is found */
};

struct naming {
    struct control_work *work;
    struct hmap by_key; /* named by name or id */
    struct list order;
    deleted *results; /* room for one for each that the request names */
    int32_t result_count;
};

static deleted *result_add(struct naming *naming, struct wire_string name, const struct uuid *id)
{
    deleted *result = &naming->results[naming->result_count++];
    result->name = name;
    if (id != NULL)
        result->topic_id = *id;
    result->error_message = (struct wire_string){0};
    return result;
}

static void fail(struct naming *naming, struct wire_string name, const struct uuid *id,
                 int16_t error, const char *message)
{
    deleted *result = result_add(naming, name, id);
    result->error_code = error;
    result->error_message = wire_string_from(message);
}

static void naming_add(struct naming *naming, struct wire_string name, const struct uuid *id)
{
    uint64_t hash = name.data != NULL ? hash_bytes(name.data, name.size)
                                      : hash_bytes(id->bytes, sizeof id->bytes);
    HMAP_FOR_EACH_HASH (node, &naming->by_key, hash) {
        struct named *named = HMAP_ENTRY(node, struct named, node);
        if (wire_string_equal(named->name, name) && uuid_equal(&named->id, id)) {
            named->again = true;
            return;
        }
    }
    struct named *named = arena_must_alloc(naming->work->in->arena, sizeof *named);
    named->name = name;
    named->id = *id;
    hmap_insert(&naming->by_key, &named->node, hash);
    list_push_back(&naming->order, &named->order);
}

static void naming_read(struct naming *naming)
{
    const struct wire_delete_topics_request *request = naming->work->request;
    if (naming->work->version < 6) {
        for (int32_t i = 0; i < request->topic_names.count; i++)
            naming_add(naming, request->topic_names.items[i], &UUID_ZERO);
        return;
    }
    for (int32_t i = 0; i < request->topics.count; i++) {
        struct wire_string name = request->topics.items[i].name;
        const struct uuid *id = &request->topics.items[i].topic_id;
        if (name.data == NULL && uuid_is_zero(id))
            fail(naming, name, id, WIRE_ERROR_INVALID_REQUEST,
                 "Neither topic name nor id were specified.");
        else if (name.data != NULL && !uuid_is_zero(id))
            fail(naming, name, id, WIRE_ERROR_INVALID_REQUEST,
                 "You may not specify both topic name and topic id.");
        else
            naming_add(naming, name, id);
    }
}

/* Finds what is named; what is named in vain, or twice, is told and forgotten. */
static void naming_find(struct naming *naming)
{
    const struct meta_image *image = naming->work->in->image;
    LIST_FOR_EACH_SAFE (node, after, &naming->order) {
        struct named *named = LIST_ENTRY(node, struct named, order);
        bool by_id = named->name.data == NULL;
        named->topic = by_id ? meta_image_topic_by_id(image, &named->id)
                             : meta_image_topic(image, named->name.data, named->name.size);
        if (!named->again && named->topic != NULL)
            continue;
        list_remove(node);
        if (named->again)
            fail(naming, named->name, &named->id, WIRE_ERROR_INVALID_REQUEST,
                 by_id ? "Duplicate topic id." : "Duplicate topic name.");
        else if (by_id)
            fail(naming, named->name, &named->id, WIRE_ERROR_UNKNOWN_TOPIC_ID,
                 "This server does not host this topic ID.");
        else
            fail(naming, named->name, &named->id, WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION,
                 "This server does not host this topic-partition.");
    }
}

static struct named *named_by_id(const struct naming *naming, const struct uuid *id)
{
    HMAP_FOR_EACH_HASH (node, &naming->by_key, hash_bytes(id->bytes, sizeof id->bytes)) {
        struct named *named = HMAP_ENTRY(node, struct named, node);
        if (named->name.data == NULL && !named->again && uuid_equal(&named->id, id))
            return named;
    }
    return NULL;
}

/* One topic by its name and by its id as well: told once, and not deleted. */
static void naming_drop_both(struct naming *naming)
{
    LIST_FOR_EACH (node, &naming->order) {
        struct named *named = LIST_ENTRY(node, struct named, order);
        struct named *other =
            named->name.data == NULL ? NULL : named_by_id(naming, &named->topic->id);
        if (other == NULL)
            continue;
        named->again = true;
        other->again = true;
        fail(naming, named->name, &named->topic->id, WIRE_ERROR_INVALID_REQUEST,
             "The provided topic name maps to an ID that was already supplied.");
    }
}

static void naming_delete(struct naming *naming)
{
    struct control_work *work = naming->work;
    LIST_FOR_EACH (node, &naming->order) {
        const struct named *named = LIST_ENTRY(node, struct named, order);
        if (named->again)
            continue;
        /* The reply outlives the topic, and with it the image's text. */
        result_add(naming, wire_string_copy(named->topic->name, work->in->arena),
                   &named->topic->id);
        struct wire_remove_topic_record *record = CONTROL_NEW(work, remove_topic_record);
        record->topic_id = named->topic->id;
        control_record(work, WIRE_METADATA_RECORD_REMOVE_TOPIC, 0, record);
    }
}

void control_delete_topics(struct control_work *work)
{
    const struct wire_delete_topics_request *request = work->request;
    if (!conf_bool(work->control->conf, CONF_BROKER_DELETE_TOPIC_ENABLE)) {
        int16_t error =
            work->version < 3 ? WIRE_ERROR_INVALID_REQUEST : WIRE_ERROR_TOPIC_DELETION_DISABLED;
        work->out->reply = control_error_reply(work->api_key, work->version, request, error,
                                               "Topic deletion is disabled.", work->in->arena);
        return;
    }
    int32_t count = work->version >= 6 ? request->topics.count : request->topic_names.count;
    struct naming naming = {.work = work};
    naming.results =
        CONTROL_NEW_ARRAY(work, delete_topics_response_deletable_topic_result, (size_t)count);
    hmap_init(&naming.by_key);
    list_init(&naming.order);
    naming_read(&naming);
    naming_find(&naming);
    naming_drop_both(&naming);
    naming_delete(&naming);
    hmap_deinit(&naming.by_key);
    struct wire_delete_topics_response *reply = CONTROL_NEW(work, delete_topics_response);
    reply->responses.items = naming.results;
    reply->responses.count = naming.result_count;
    work->out->reply = reply;
}
