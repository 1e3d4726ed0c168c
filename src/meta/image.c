#include "meta/image.h"

#include "meta/image_int.h"
#include "meta/value_int.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "meta/features.h"

/*
 * Invariants:
 *  1. topics_by_name and topics_by_id hold the same values.
 *  2. Each partition's topic is in topics_by_id, whose partition_count is the number of its
 * partitions.
 *  3. The counts are those of the maps.
 *  4. Nothing in an image that was handed out changes but its refs.
 */

/* ---- Life -------------------------------------------------------------------------------- */

void meta_image_init(struct meta_image *image)
{
    *image = (struct meta_image){
        .refs = 1,
        .offset = -1,
        .epoch = 0,
        .timestamp_ms = 0,
        .next_producer_id = -1,
    };
}

void meta_image_deinit(struct meta_image *image)
{
    for (int kind = 0; kind < META_KIND_COUNT; kind++)
        pmap_release(meta_kind_map(image, (enum meta_kind)kind));
    pmap_release(&image->topics_by_name);
}

void meta_image_copy(struct meta_image *to, const struct meta_image *from)
{
    *to = *from;
    to->refs = 1;
    for (int kind = 0; kind < META_KIND_COUNT; kind++)
        *meta_kind_map(to, (enum meta_kind)kind) =
            pmap_ref(meta_kind_map_of(from, (enum meta_kind)kind));
    to->topics_by_name = pmap_ref(from->topics_by_name);
    to->topic_count = pmap_count(to->topics_by_id);
    to->partition_count = pmap_count(to->partitions);
    to->broker_count = pmap_count(to->brokers);
    ASSERT(pmap_count(to->topics_by_name) == to->topic_count);
}

struct meta_image *meta_image_new(void)
{
    struct meta_image *image = mem_alloc(sizeof *image);
    meta_image_init(image);
    return image;
}

struct meta_image *meta_image_ref(struct meta_image *image)
{
    uint32_t before = __atomic_fetch_add(&image->refs, 1, __ATOMIC_RELAXED);
    ASSERT(before > 0 && before < UINT32_MAX);
    return image;
}

void meta_image_unref(struct meta_image *image)
{
    if (image == NULL)
        return;
    uint32_t before = __atomic_fetch_sub(&image->refs, 1, __ATOMIC_ACQ_REL);
    ASSERT(before > 0);
    if (before > 1)
        return;
    meta_image_deinit(image);
    mem_free(image);
}

/* ---- Looking things up ------------------------------------------------------------------- */

const struct meta_topic *meta_image_topic(const struct meta_image *image, const char *name,
                                          size_t name_size)
{
    return (const void *)pmap_get(image->topics_by_name, name, name_size);
}

const struct meta_topic *meta_image_topic_by_id(const struct meta_image *image,
                                                const struct uuid *id)
{
    return (const void *)pmap_get(image->topics_by_id, id->bytes, sizeof id->bytes);
}

const struct meta_partition *meta_image_partition(const struct meta_image *image,
                                                  const struct uuid *topic_id, int32_t index)
{
    uint8_t key[META_PARTITION_KEY_BYTES];
    meta_partition_key(topic_id, index, key);
    return (const void *)pmap_get(image->partitions, key, sizeof key);
}

static struct pmap_value *get_by_id(struct pmap map, int32_t id)
{
    uint8_t key[4];
    store_be32(key, (uint32_t)id);
    return pmap_get(map, key, sizeof key);
}

const struct meta_broker *meta_image_broker(const struct meta_image *image, int32_t id)
{
    return (const void *)get_by_id(image->brokers, id);
}

const struct meta_controller *meta_image_controller(const struct meta_image *image, int32_t id)
{
    return (const void *)get_by_id(image->controllers, id);
}

const char *meta_image_config(const struct meta_image *image, enum meta_resource type,
                              const char *resource, size_t resource_size, const char *name)
{
    struct buf key = BUF_EMPTY;
    meta_config_key_prefix((int8_t)type, resource, resource_size, &key);
    buf_put(&key, name, strlen(name));
    const struct meta_config *config = (const void *)pmap_get(image->configs, key.data, key.size);
    buf_deinit(&key);
    return config == NULL ? NULL : config->text.data;
}

int16_t meta_image_feature(const struct meta_image *image, const char *name)
{
    const struct meta_feature *feature =
        (const void *)pmap_get(image->features, name, strlen(name));
    return feature == NULL ? 0 : feature->level;
}

int16_t meta_image_metadata_version(const struct meta_image *image)
{
    return meta_image_feature(image, META_FEATURE_METADATA_VERSION);
}

const struct meta_scram *meta_image_scram(const struct meta_image *image, int8_t mechanism,
                                          const char *name, size_t name_size)
{
    struct buf key = BUF_EMPTY;
    meta_scram_key(mechanism, name, name_size, &key);
    const struct meta_scram *scram = (const void *)pmap_get(image->scram, key.data, key.size);
    buf_deinit(&key);
    return scram;
}

const struct meta_token *meta_image_token(const struct meta_image *image, const char *token_id,
                                          size_t token_id_size)
{
    return (const void *)pmap_get(image->tokens, token_id, token_id_size);
}

const struct meta_acl *meta_image_acl(const struct meta_image *image, const struct uuid *id)
{
    return (const void *)pmap_get(image->acls, id->bytes, sizeof id->bytes);
}

const struct meta_endpoint *meta_broker_endpoint(const struct meta_broker *broker,
                                                 const char *listener)
{
    for (size_t i = 0; i < broker->endpoint_count; i++)
        if (wire_string_is(broker->endpoints[i].name, listener))
            return &broker->endpoints[i];
    return NULL;
}

bool meta_ids_contain(struct wire_int32s ids, int32_t id)
{
    for (int32_t i = 0; i < ids.count; i++)
        if (ids.items[i] == id)
            return true;
    return false;
}

bool meta_ids_equal(struct wire_int32s a, struct wire_int32s b)
{
    return a.count == b.count &&
           (a.count <= 0 || memcmp(a.items, b.items, (size_t)a.count * sizeof *a.items) == 0);
}

struct uuid meta_partition_directory(const struct meta_partition *partition, int32_t broker)
{
    for (int32_t i = 0; i < partition->replicas.count; i++)
        if (partition->replicas.items[i] == broker)
            return partition->directories[i];
    return META_DIR_LOST;
}

/* ---- Going through them ------------------------------------------------------------------ */

static void iter_begin(struct meta_iter *iter, struct pmap map, const void *from, size_t from_size)
{
    iter->of_one = false;
    pmap_iter_init(&iter->iter, map, from_size > 0 ? from : "", from_size);
}

static const void *iter_next(struct meta_iter *iter)
{
    struct pmap_entry entry;
    return pmap_iter_next(&iter->iter, &entry) ? entry.value : NULL;
}

void meta_iter_topics(struct meta_iter *iter, const struct meta_image *image, const char *from,
                      size_t from_size)
{
    iter_begin(iter, image->topics_by_name, from, from == NULL ? 0 : from_size);
}

const struct meta_topic *meta_iter_topic_next(struct meta_iter *iter)
{
    return iter_next(iter);
}

void meta_iter_partitions(struct meta_iter *iter, const struct meta_image *image,
                          const struct uuid *topic_id)
{
    if (topic_id == NULL) {
        iter_begin(iter, image->partitions, NULL, 0);
        return;
    }
    iter_begin(iter, image->partitions, topic_id->bytes, sizeof topic_id->bytes);
    iter->of_one = true;
    iter->topic_id = *topic_id;
}

const struct meta_partition *meta_iter_partition_next(struct meta_iter *iter)
{
    const struct meta_partition *partition = iter_next(iter);
    if (partition != NULL && iter->of_one && !uuid_equal(&partition->topic_id, &iter->topic_id))
        return NULL;
    return partition;
}

#define ITERATE(plural, singular, map)                                                \
    void meta_iter_##plural(struct meta_iter *iter, const struct meta_image *image)   \
    {                                                                                 \
        iter_begin(iter, image->map, NULL, 0);                                        \
    }                                                                                 \
    const struct meta_##singular *meta_iter_##singular##_next(struct meta_iter *iter) \
    {                                                                                 \
        return iter_next(iter);                                                       \
    }

ITERATE(brokers, broker, brokers)
ITERATE(controllers, controller, controllers)
ITERATE(features, feature, features)
ITERATE(quotas, quota, quotas)
ITERATE(acls, acl, acls)
ITERATE(scram, scram, scram)
ITERATE(tokens, token, tokens)

void meta_iter_configs(struct meta_iter *iter, const struct meta_image *image,
                       enum meta_resource type, const char *resource, size_t resource_size)
{
    struct buf key = BUF_EMPTY;
    meta_config_key_prefix((int8_t)type, resource, resource_size, &key);
    iter_begin(iter, image->configs, key.data, key.size);
    buf_deinit(&key);
    iter->of_one = true;
    iter->resource_type = (int8_t)type;
    iter->resource = wire_string_of(resource, resource_size);
}

void meta_iter_all_configs(struct meta_iter *iter, const struct meta_image *image)
{
    iter_begin(iter, image->configs, NULL, 0);
}

const struct meta_config *meta_iter_config_next(struct meta_iter *iter)
{
    const struct meta_config *config = iter_next(iter);
    if (config != NULL && iter->of_one &&
        (config->resource_type != iter->resource_type ||
         !wire_string_equal(config->resource_name, iter->resource)))
        return NULL;
    return config;
}

/* ---- The difference ---------------------------------------------------------------------- */

/* Calls the visitor's function for one kind; all of them have this shape. */
typedef void diff_fn(void *context, const void *before, const void *after);

struct diff_call {
    diff_fn *fn;
    void *context;
};

static void diff_one(void *context, const uint8_t *key, size_t key_size, struct pmap_value *before,
                     struct pmap_value *after)
{
    const struct diff_call *call = context;
    UNUSED(key);
    UNUSED(key_size);
    call->fn(call->context, before, after);
}

/* The visitor's functions behind the one shape that pmap_diff calls. */
#define DIFF_SHIM(kind)                                                           \
    static void diff_##kind(void *context, const void *before, const void *after) \
    {                                                                             \
        const struct meta_diff *visitor = context;                                \
        visitor->kind(visitor->context, before, after);                           \
    }

DIFF_SHIM(feature)
DIFF_SHIM(topic)
DIFF_SHIM(partition)
DIFF_SHIM(broker)
DIFF_SHIM(controller)
DIFF_SHIM(config)
DIFF_SHIM(quota)
DIFF_SHIM(acl)
DIFF_SHIM(scram)
DIFF_SHIM(token)

void meta_image_diff(const struct meta_image *before, const struct meta_image *after,
                     const struct meta_diff *visitor)
{
    struct meta_image nothing;
    meta_image_init(&nothing);
    if (before == NULL)
        before = &nothing;
    const struct {
        bool wanted;
        enum meta_kind kind;
        diff_fn *fn;
    } rows[] = {
        {visitor->feature != NULL, META_KIND_FEATURE, diff_feature},
        {visitor->topic != NULL, META_KIND_TOPIC, diff_topic},
        {visitor->partition != NULL, META_KIND_PARTITION, diff_partition},
        {visitor->broker != NULL, META_KIND_BROKER, diff_broker},
        {visitor->controller != NULL, META_KIND_CONTROLLER, diff_controller},
        {visitor->config != NULL, META_KIND_CONFIG, diff_config},
        {visitor->quota != NULL, META_KIND_QUOTA, diff_quota},
        {visitor->acl != NULL, META_KIND_ACL, diff_acl},
        {visitor->scram != NULL, META_KIND_SCRAM, diff_scram},
        {visitor->token != NULL, META_KIND_TOKEN, diff_token},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (!rows[i].wanted)
            continue;
        struct meta_diff copy = *visitor;
        struct diff_call call = {rows[i].fn, &copy};
        pmap_diff(meta_kind_map_of(before, rows[i].kind), meta_kind_map_of(after, rows[i].kind),
                  diff_one, &call);
    }
}

/* ---- Equality ---------------------------------------------------------------------------- */

static bool values_equal(enum meta_kind kind, const struct pmap_value *a,
                         const struct pmap_value *b)
{
    const struct meta_kind_info *info = &meta_kinds[kind];
    struct arena arena;
    union meta_value_record left, right;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    bool equal = info->record(a, &arena, &left) == ERR_OK &&
                 info->record(b, &arena, &right) == ERR_OK &&
                 wire_equal(info->schema, wire_schema_version_max(info->schema), &left, &right);
    arena_deinit(&arena);
    return equal;
}

static bool maps_equal(enum meta_kind kind, struct pmap a, struct pmap b)
{
    if (pmap_count(a) != pmap_count(b))
        return false;
    struct pmap_iter left, right;
    struct pmap_entry left_entry, right_entry;
    pmap_iter_init(&left, a, "", 0);
    pmap_iter_init(&right, b, "", 0);
    while (pmap_iter_next(&left, &left_entry)) {
        if (!pmap_iter_next(&right, &right_entry) || left_entry.key_size != right_entry.key_size ||
            memcmp(left_entry.key, right_entry.key, left_entry.key_size) != 0)
            return false;
        if (left_entry.value != right_entry.value &&
            !values_equal(kind, left_entry.value, right_entry.value))
            return false;
    }
    return true;
}

bool meta_image_equal(const struct meta_image *a, const struct meta_image *b)
{
    if (a->offset != b->offset || a->epoch != b->epoch || a->timestamp_ms != b->timestamp_ms)
        return false;
    return meta_image_content_equal(a, b);
}

bool meta_image_content_equal(const struct meta_image *a, const struct meta_image *b)
{
    if (a->next_producer_id != b->next_producer_id ||
        a->has_zk_migration_state != b->has_zk_migration_state ||
        a->zk_migration_state != b->zk_migration_state)
        return false;
    for (int kind = 0; kind < META_KIND_COUNT; kind++)
        if (!maps_equal((enum meta_kind)kind, meta_kind_map_of(a, (enum meta_kind)kind),
                        meta_kind_map_of(b, (enum meta_kind)kind)))
            return false;
    return true;
}
