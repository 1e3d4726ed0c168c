/*
 * The controller's list of decisions, and what they share. A decision never changes the image: it
 * says records, and sees their effect in its next input.
 */
#include "control_int.h"

#include "base/mem.h"
#include "conf/conf.h"
#include "meta/features.h"
#include "wire/records.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* ---- Life
 * --------------------------------------------------------------------------------------------- */

struct control *control_new(const struct control_options *options)
{
    struct control *control = mem_zalloc(sizeof *control);
    control->conf = options->conf;
    control->node_id = options->node_id;
    control->cluster_id = mem_strdup(options->cluster_id);
    hmap_init(&control->brokers);
    return control;
}

void control_free(struct control *control)
{
    if (control == NULL)
        return;
    control_brokers_forget(control);
    hmap_deinit(&control->brokers);
    mem_free(control->cluster_id);
    mem_free(control);
}

/* ---- What decisions share
 * -------------------------------------------------------------------------------- */

void *control_new_message(const struct wire_schema *schema, struct arena *arena, size_t count)
{
    size_t size = wire_schema_struct_size(schema);
    char *items = arena_must_alloc_array(arena, count, size);
    for (size_t i = 0; i < count; i++)
        wire_default(schema, items + i * size);
    return items;
}

void control_record(struct control_work *work, enum wire_metadata_record key, int16_t version,
                    const void *message)
{
    struct control_output *out = work->out;
    if (out->count == work->capacity) {
        work->capacity = work->capacity == 0 ? 16 : work->capacity * 2;
        struct meta_record *records =
            arena_must_alloc_array(work->in->arena, work->capacity, sizeof *records);
        if (out->count > 0)
            memcpy(records, out->records, out->count * sizeof *records);
        out->records = records;
    }
    out->records[out->count++] =
        (struct meta_record){.key = (int16_t)key, .version = version, .message = message};
}

struct by_name {
    struct hmap_node node;
    size_t index; /* of the first of that name */
};

const enum control_repeat *control_repeated(const struct control_work *work,
                                            const struct wire_string *names, size_t count)
{
    enum control_repeat *repeats =
        arena_must_alloc_array(work->in->arena, count + 1, sizeof *repeats);
    struct by_name *items = arena_must_alloc_array(work->in->arena, count + 1, sizeof *items);
    struct hmap map = HMAP_EMPTY;
    for (size_t i = 0; i < count; i++) {
        uint64_t hash = hash_bytes(names[i].data, names[i].size);
        repeats[i] = CONTROL_ONCE;
        HMAP_FOR_EACH_HASH (node, &map, hash) {
            size_t first = HMAP_ENTRY(node, struct by_name, node)->index;
            if (!wire_string_equal(names[first], names[i]))
                continue;
            repeats[first] = CONTROL_FIRST_OF_MANY;
            repeats[i] = CONTROL_AGAIN;
        }
        items[i].index = i;
        if (repeats[i] == CONTROL_ONCE)
            hmap_insert(&map, &items[i].node, hash);
    }
    hmap_deinit(&map);
    return repeats;
}

struct wire_string control_text(const struct control_work *work, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    ASSERT(size >= 0);
    char *text = arena_must_alloc(work->in->arena, (size_t)size + 1);
    vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    return wire_string_of(text, (size_t)size);
}

uint32_t control_random_below(struct control_work *work, uint32_t bound)
{
    uint64_t draw;
    work->in->random(work->in->random_context, &draw, sizeof draw);
    return (uint32_t)(draw % bound);
}

struct uuid control_random_uuid(struct control_work *work)
{
    uint8_t draw[16];
    struct uuid uuid;
    do
        work->in->random(work->in->random_context, draw, sizeof draw);
    while (!uuid_from_random(draw, &uuid));
    return uuid;
}

/* ---- The list
 * -----------------------------------------------------------------------------------------------
 */

struct control_api {
    int16_t key;
    void (*decide)(struct control_work *work);
};

static const struct control_api control_apis[] = {
    {WIRE_API_CREATE_TOPICS, control_create_topics},
    {WIRE_API_DELETE_TOPICS, control_delete_topics},
    {WIRE_API_ALTER_CONFIGS, control_alter_configs},
    {WIRE_API_CREATE_PARTITIONS, control_create_partitions},
    {WIRE_API_ELECT_LEADERS, control_elect_leaders},
    {WIRE_API_INCREMENTAL_ALTER_CONFIGS, control_incremental_alter_configs},
    {WIRE_API_ALTER_PARTITION_REASSIGNMENTS, control_alter_partition_reassignments},
    {WIRE_API_LIST_PARTITION_REASSIGNMENTS, control_list_partition_reassignments},
    {WIRE_API_UPDATE_FEATURES, control_update_features},
    {WIRE_API_BROKER_REGISTRATION, control_broker_registration},
    {WIRE_API_BROKER_HEARTBEAT, control_broker_heartbeat},
    {WIRE_API_UNREGISTER_BROKER, control_unregister_broker},
    {WIRE_API_ALLOCATE_PRODUCER_IDS, control_allocate_producer_ids},
    {WIRE_API_CONTROLLER_REGISTRATION, control_controller_registration},
};

static const struct control_api *api_find(int16_t key)
{
    for (size_t i = 0; i < ARRAY_COUNT(control_apis); i++) {
        if (control_apis[i].key == key)
            return &control_apis[i];
    }
    return NULL;
}

bool control_serves(int16_t api_key)
{
    return api_find(api_key) != NULL;
}

static struct control_work work_begin(struct control *control, const struct control_input *input,
                                      struct control_output *out)
{
    *out = (struct control_output){0};
    return (struct control_work){.control = control, .in = input, .out = out};
}

void control_decide(struct control *control, const struct control_input *input, int16_t api_key,
                    int16_t version, const void *request, struct control_output *out)
{
    const struct control_api *api = api_find(api_key);
    ASSERT(api != NULL);
    ASSERT(control->active);
    struct control_work work = work_begin(control, input, out);
    work.api_key = api_key;
    work.version = version;
    work.request = request;
    api->decide(&work);
    ASSERT(out->reply != NULL);
}

/* ---- Leadership
 * -------------------------------------------------------------------------------------------------
 */

/* The level that bootstrap records give a feature; 0. */
static int16_t bootstrap_level(const struct meta_record *bootstrap, size_t count,
                               const char *feature)
{
    int16_t level = 0;
    for (size_t i = 0; i < count; i++) {
        const struct wire_feature_level_record *record = bootstrap[i].message;
        if (bootstrap[i].key == WIRE_METADATA_RECORD_FEATURE_LEVEL &&
            wire_string_is(record->name, feature))
            level = record->feature_level;
    }
    return level;
}

/* The first records of a log, in a transaction where the level knows such. */
static void begin_log(struct control_work *work, const struct meta_record *bootstrap, size_t count)
{
    int16_t level = bootstrap_level(bootstrap, count, META_FEATURE_METADATA_VERSION);
    bool transaction = level >= META_VERSION_3_6_IV1;
    if (transaction) {
        struct wire_begin_transaction_record *begin = CONTROL_NEW(work, begin_transaction_record);
        begin->name = wire_string_from("Bootstrap records");
        control_record(work, WIRE_METADATA_RECORD_BEGIN_TRANSACTION, 0, begin);
    }
    for (size_t i = 0; i < count; i++)
        control_record(work, (enum wire_metadata_record)bootstrap[i].key, bootstrap[i].version,
                       bootstrap[i].message);
    if (bootstrap_level(bootstrap, count, META_FEATURE_ELR_VERSION) > 0) {
        /* Eligible leaders depend on it, so that all controllers have to know the same one. */
        struct wire_config_record *config = CONTROL_NEW(work, config_record);
        config->resource_type = META_RESOURCE_BROKER;
        config->resource_name = wire_string_from("");
        config->name = wire_string_from("min.insync.replicas");
        config->value = control_text(
            work, "%" PRId64, conf_int(work->control->conf, CONF_BROKER_MIN_INSYNC_REPLICAS));
        control_record(work, WIRE_METADATA_RECORD_CONFIG, 0, config);
    }
    if (transaction)
        control_record(work, WIRE_METADATA_RECORD_END_TRANSACTION, 0,
                       CONTROL_NEW(work, end_transaction_record));
}

void control_activate(struct control *control, const struct control_input *input,
                      const struct meta_record *bootstrap, size_t bootstrap_count,
                      bool in_transaction, struct control_output *out)
{
    ASSERT(!control->active);
    control->active = true;
    struct control_work work = work_begin(control, input, out);
    if (in_transaction) {
        /* The leader before us ended in the middle of one. */
        struct wire_abort_transaction_record *abort = CONTROL_NEW(&work, abort_transaction_record);
        abort->reason = wire_string_from("Controller failover");
        control_record(&work, WIRE_METADATA_RECORD_ABORT_TRANSACTION, 0, abort);
    }
    if (meta_image_metadata_version(input->image) == 0 && bootstrap_count > 0)
        begin_log(&work, bootstrap, bootstrap_count);
    control_brokers_follow(control, NULL, input->image, input->now_ms);
}

void control_deactivate(struct control *control)
{
    control->active = false;
    control_brokers_forget(control);
}

void control_applied(struct control *control, const struct meta_image *before,
                     const struct meta_image *after, int64_t now_ms)
{
    if (control->active)
        control_brokers_follow(control, before, after, now_ms);
}

/* ---- Time
 * -------------------------------------------------------------------------------------------------------
 */

int64_t control_deadline_ms(const struct control *control)
{
    return control->active ? control_session_deadline_ms(control) : INT64_MAX;
}

void control_tick(struct control *control, const struct control_input *input,
                  struct control_output *out)
{
    struct control_work work = work_begin(control, input, out);
    if (control->active)
        control_fence_stale(&work);
}
