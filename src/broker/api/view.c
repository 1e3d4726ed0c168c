#include "broker/api/view_int.h"

#define TOPIC_NAME_BYTES_MAX 249

const struct meta_endpoint *view_endpoint(const struct meta_image *image, int32_t broker_id,
                                          const char *listener)
{
    const struct meta_broker *broker = meta_image_broker(image, broker_id);
    if (broker == NULL || broker->fenced)
        return NULL;
    return meta_broker_endpoint(broker, listener);
}

static bool directory_is_online(const struct meta_broker *broker, struct uuid directory)
{
    struct uuid lost = META_DIR_LOST;
    if (uuid_equal(&directory, &lost))
        return false;
    struct uuid unassigned = META_DIR_UNASSIGNED;
    struct uuid migrating = META_DIR_MIGRATING;
    if (uuid_equal(&directory, &unassigned) || uuid_equal(&directory, &migrating) ||
        broker->log_dir_count == 0)
        return true;
    for (size_t i = 0; i < broker->log_dir_count; i++) {
        if (uuid_equal(&directory, &broker->log_dirs[i]))
            return true;
    }
    return false;
}

static bool replica_is_online(const struct meta_image *image,
                              const struct meta_partition *partition, int32_t id,
                              const char *listener)
{
    if (view_endpoint(image, id, listener) == NULL)
        return false;
    return directory_is_online(meta_image_broker(image, id),
                               meta_partition_directory(partition, id));
}

typedef bool view_keep_fn(const struct meta_image *image, const struct meta_partition *partition,
                          int32_t id, const char *listener);

static bool keep_alive(const struct meta_image *image, const struct meta_partition *partition,
                       int32_t id, const char *listener)
{
    UNUSED(partition);
    return view_endpoint(image, id, listener) != NULL;
}

static bool keep_offline(const struct meta_image *image, const struct meta_partition *partition,
                         int32_t id, const char *listener)
{
    return !replica_is_online(image, partition, id, listener);
}

/* The ids that are to be kept: usually all or none, and then nothing is allocated. */
static struct wire_int32s view_filter(struct arena *arena, const struct meta_image *image,
                                      const struct meta_partition *partition,
                                      struct wire_int32s ids, const char *listener,
                                      view_keep_fn *keep)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < ids.count; i++)
        kept += keep(image, partition, ids.items[i], listener);
    if (kept == ids.count || kept == 0)
        return (struct wire_int32s){.items = ids.items, .count = kept};
    struct wire_int32s out = {.items =
                                  arena_must_alloc_array(arena, (size_t)kept, sizeof(int32_t))};
    for (int32_t i = 0; i < ids.count; i++) {
        if (keep(image, partition, ids.items[i], listener))
            out.items[out.count++] = ids.items[i];
    }
    return out;
}

void view_partition(struct arena *arena, const struct meta_image *image,
                    const struct meta_partition *partition, const char *listener, unsigned flags,
                    struct view_partition *out)
{
    *out = (struct view_partition){
        .leader_id = partition->leader,
        .leader_epoch = partition->leader_epoch,
        .replicas = partition->replicas,
        .isr = partition->isr,
        .offline =
            view_filter(arena, image, partition, partition->replicas, listener, keep_offline),
    };
    bool short_of_replicas = false;
    if ((flags & VIEW_ALIVE_ONLY) != 0) {
        out->replicas =
            view_filter(arena, image, partition, partition->replicas, listener, keep_alive);
        out->isr = view_filter(arena, image, partition, partition->isr, listener, keep_alive);
        short_of_replicas = out->replicas.count < partition->replicas.count ||
                            out->isr.count < partition->isr.count;
    }
    if (view_endpoint(image, partition->leader, listener) == NULL) {
        bool known = meta_image_broker(image, partition->leader) != NULL;
        out->leader_id = META_NO_LEADER;
        out->error_code = known && (flags & VIEW_LISTENER_NOT_FOUND) != 0
                              ? WIRE_ERROR_LISTENER_NOT_FOUND
                              : WIRE_ERROR_LEADER_NOT_AVAILABLE;
    } else if (short_of_replicas) {
        out->error_code = WIRE_ERROR_REPLICA_NOT_AVAILABLE;
    }
}

bool view_topic_name_is_valid(struct wire_string name)
{
    if (name.size == 0 || name.size > TOPIC_NAME_BYTES_MAX)
        return false;
    if (wire_string_is(name, ".") || wire_string_is(name, ".."))
        return false;
    for (uint32_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!word && c != '.' && c != '_' && c != '-')
            return false;
    }
    return true;
}

bool view_topic_is_internal(const char *name, size_t size)
{
    static const char *const internal[] = {"__consumer_offsets", "__transaction_state",
                                           "__share_group_state"};
    for (size_t i = 0; i < ARRAY_COUNT(internal); i++) {
        if (size == strlen(internal[i]) && memcmp(name, internal[i], size) == 0)
            return true;
    }
    return false;
}
