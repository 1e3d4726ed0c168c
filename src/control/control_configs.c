/*
 * Settings of topics, brokers, groups and client metrics subscriptions are changed: some of a
 * resource's (KIP-339) or all of them at once (KIP-133). All records of a request are one decision;
 * a resource that is refused has none.
 */
#include "control_int.h"

#include "base/mem.h"
#include "conf/change.h"
#include "conf/topic.h"
#include "meta/features.h"

#include <stdlib.h>

#define MIN_ISR "min.insync.replicas"

enum operation { OPERATION_SET, OPERATION_DELETE, OPERATION_APPEND, OPERATION_SUBTRACT };

/* Both responses have the same fields; this is one of them. */
typedef struct wire_incremental_alter_configs_response_alter_configs_resource_response told;

/* A setting of a resource, before and after. */
struct changed {
    struct hmap_node node;
    const char *name;
    const char *before; /* NULL: not set */
    const char *after;  /* likewise */
    bool touched;       /* the request names it */
};

/* One resource being changed. */
struct changing {
    struct control_work *work;
    int8_t type;
    struct wire_string name;
    struct hmap by_name;
    struct changed **items; /* in the order in which they came */
    size_t count;
    size_t capacity;
    int16_t error;
    struct wire_string message;
};

static void refuse(struct changing *changing, int16_t error, struct wire_string message)
{
    changing->error = error;
    changing->message = message;
}

static struct changed *changed_of(struct changing *changing, const char *name)
{
    uint64_t hash = hash_bytes(name, strlen(name));
    HMAP_FOR_EACH_HASH (node, &changing->by_name, hash) {
        struct changed *changed = HMAP_ENTRY(node, struct changed, node);
        if (strcmp(changed->name, name) == 0)
            return changed;
    }
    struct arena *arena = changing->work->in->arena;
    struct changed *changed = arena_must_alloc(arena, sizeof *changed);
    *changed = (struct changed){.name = name};
    hmap_insert(&changing->by_name, &changed->node, hash);
    if (changing->count == changing->capacity) {
        size_t capacity = changing->capacity == 0 ? 16 : changing->capacity * 2;
        struct changed **items = arena_must_alloc_array(arena, capacity, sizeof(struct changed *));
        if (changing->count > 0)
            memcpy(items, changing->items, changing->count * sizeof(struct changed *));
        changing->items = items;
        changing->capacity = capacity;
    }
    changing->items[changing->count++] = changed;
    return changed;
}

/* What is set now. */
static void changing_begin(struct changing *changing)
{
    struct meta_iter iter;
    meta_iter_configs(&iter, changing->work->in->image, (enum meta_resource)changing->type,
                      changing->name.data, changing->name.size);
    const struct meta_config *config;
    while ((config = meta_iter_config_next(&iter)) != NULL) {
        struct changed *changed = changed_of(changing, config->name.data);
        changed->before = changed->after = config->text.data;
    }
}

/* As text of ours, which ends at a zero byte; false: refused, as it has one. */
static bool text_of(struct changing *changing, struct wire_string from, const char **out)
{
    *out = NULL;
    if (from.data == NULL)
        return true;
    if (memchr(from.data, 0, from.size) != NULL) {
        refuse(changing, WIRE_ERROR_INVALID_CONFIG,
               wire_string_from("A name or a value of a setting has a zero byte."));
        return false;
    }
    *out = wire_string_copy(from, changing->work->in->arena).data;
    return true;
}

/* ---- Lists ---- */

static enum conf_scope scope_of(int8_t type)
{
    return type == META_RESOURCE_TOPIC ? CONF_SCOPE_TOPIC : CONF_SCOPE_BROKER;
}

static bool is_splittable(int8_t type, const char *name)
{
    return (type == META_RESOURCE_TOPIC || type == META_RESOURCE_BROKER) &&
           conf_row_is_list(scope_of(type), name);
}

static void change_list(struct changing *changing, struct changed *changed, const char *text,
                        enum operation operation)
{
    const char *now = changed->after;
    if (now == NULL)
        now = conf_row_find(scope_of(changing->type), changed->name)->default_text;
    changed->after =
        conf_list_change(now, text, operation == OPERATION_APPEND, changing->work->in->arena);
    if (changed->after == NULL)
        refuse(changing, WIRE_ERROR_INVALID_CONFIG,
               control_text(changing->work, "%s would have more than %d entries", changed->name,
                            CONF_LIST_ITEMS_MAX));
}

/* ---- One change ---- */

static void change_one(struct changing *changing, struct wire_string name, int operation,
                       struct wire_string value)
{
    static const char *const words[] = {"SET", "DELETE", "APPEND", "SUBTRACT"};
    const char *key, *text;
    if (!text_of(changing, name, &key) || !text_of(changing, value, &text))
        return;
    if (operation < OPERATION_SET || operation > OPERATION_SUBTRACT) {
        refuse(changing, WIRE_ERROR_INVALID_REQUEST,
               control_text(changing->work, "Unknown operation %d on key %s", operation, key));
        return;
    }
    struct changed *changed = changed_of(changing, key);
    changed->touched = true;
    switch ((enum operation)operation) {
    case OPERATION_SET:
        changed->after = text;
        return;
    case OPERATION_DELETE:
        changed->after = NULL;
        return;
    case OPERATION_APPEND:
    case OPERATION_SUBTRACT:
        if (!is_splittable(changing->type, key))
            refuse(changing, WIRE_ERROR_INVALID_CONFIG,
                   control_text(changing->work, "Can't %s to key %s because its type is not LIST.",
                                words[operation], key));
        else if (text != NULL)
            change_list(changing, changed, text, (enum operation)operation);
        return;
    }
}

/* ---- Checks of what it comes to ---- */

static bool elr_enabled(const struct changing *changing)
{
    return meta_image_feature(changing->work->in->image, META_FEATURE_ELR_VERSION) >= 1;
}

/* Eligible leaders are known by the cluster's number of replicas in sync, so there is one. */
static void check_min_isr(struct changing *changing)
{
    if (changing->type != META_RESOURCE_BROKER || !elr_enabled(changing))
        return;
    for (size_t i = 0; i < changing->count && changing->error == 0; i++) {
        const struct changed *changed = changing->items[i];
        if (!changed->touched || strcmp(changed->name, MIN_ISR) != 0)
            continue;
        if (changing->name.size > 0)
            refuse(changing, WIRE_ERROR_INVALID_CONFIG,
                   wire_string_from("Broker-level " MIN_ISR
                                    " cannot be altered while ELR is enabled."));
        else if (changed->after == NULL)
            refuse(changing, WIRE_ERROR_INVALID_CONFIG,
                   wire_string_from("Cluster-level " MIN_ISR
                                    " cannot be removed while ELR is enabled."));
    }
}

static void check_topic(struct changing *changing, const struct conf_pair *pairs, size_t count)
{
    struct control_work *work = changing->work;
    struct wire_string name = changing->name;
    if (name.size == 0) {
        refuse(changing, WIRE_ERROR_INVALID_REQUEST,
               wire_string_from("Default topic resources are not allowed."));
        return;
    }
    struct wire_string refused = control_topic_name_refused(work, name);
    if (refused.data != NULL) {
        refuse(changing, WIRE_ERROR_INVALID_TOPIC_EXCEPTION, refused);
        return;
    }
    struct buf message = BUF_EMPTY;
    if (conf_topic_check(work->control->conf, pairs, count, &message) != ERR_OK)
        refuse(changing, WIRE_ERROR_INVALID_CONFIG, control_text(work, "%s", buf_text(&message)));
    else if (meta_image_topic(work->in->image, name.data, name.size) == NULL)
        refuse(changing, WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION,
               control_text(work, "The topic '%.*s' does not exist.", WIRE_STRING_ARGS(name)));
    buf_deinit(&message);
}

static void check_broker(struct changing *changing)
{
    struct control_work *work = changing->work;
    struct wire_string name = changing->name;
    int32_t id;
    if (name.size == 0)
        return;
    if (!wire_string_int32(name, &id)) {
        refuse(changing, WIRE_ERROR_INVALID_REQUEST,
               wire_string_from("Unable to parse broker name as a base 10 number."));
        return;
    }
    if (id < 0)
        refuse(changing, WIRE_ERROR_INVALID_REQUEST,
               wire_string_from("Invalid negative broker ID."));
    else if (meta_image_broker(work->in->image, id) == NULL &&
             meta_image_controller(work->in->image, id) == NULL)
        refuse(changing, WIRE_ERROR_BROKER_ID_NOT_REGISTERED,
               control_text(work, "No node with id %d found.", id));
}

static void check_other(struct changing *changing, const struct conf_pair *pairs, size_t count)
{
    struct control_work *work = changing->work;
    bool group = changing->type == META_RESOURCE_GROUP;
    if (changing->name.size == 0) {
        refuse(changing, WIRE_ERROR_INVALID_REQUEST,
               wire_string_from(group ? "Default group resources are not allowed."
                                      : "Subscription name can't be empty"));
        return;
    }
    struct buf message = BUF_EMPTY;
    enum conf_refusal refusal = group
                                    ? conf_check_group(work->control->conf, pairs, count, &message)
                                    : conf_check_client_metrics(pairs, count, &message);
    if (refusal != CONF_REFUSAL_NONE)
        refuse(changing,
               refusal == CONF_REFUSAL_VALUE ? WIRE_ERROR_INVALID_CONFIG
                                             : WIRE_ERROR_INVALID_REQUEST,
               control_text(work, "%s", buf_text(&message)));
    buf_deinit(&message);
}

static void check(struct changing *changing)
{
    check_min_isr(changing);
    if (changing->error != 0)
        return;
    struct conf_pair *pairs =
        arena_must_alloc_array(changing->work->in->arena, changing->count + 1, sizeof *pairs);
    size_t count = 0;
    for (size_t i = 0; i < changing->count; i++) {
        if (changing->items[i]->after != NULL)
            pairs[count++] = (struct conf_pair){.name = changing->items[i]->name,
                                                .value = changing->items[i]->after};
    }
    if (changing->type == META_RESOURCE_TOPIC)
        check_topic(changing, pairs, count);
    else if (changing->type == META_RESOURCE_BROKER)
        check_broker(changing);
    else
        check_other(changing, pairs, count);
}

/* ---- Records ---- */

void control_config_record(struct control_work *work, int8_t type, struct wire_string resource,
                           const char *name, const char *value)
{
    struct wire_config_record *record = CONTROL_NEW(work, config_record);
    record->resource_type = type;
    record->resource_name = resource;
    record->name = wire_string_from(name);
    record->value = value == NULL ? WIRE_NULL_STRING : wire_string_from(value);
    control_record(work, WIRE_METADATA_RECORD_CONFIG, 0, record);
}

void control_clear_elr(struct control_work *work, int8_t type, struct wire_string resource)
{
    bool of_many =
        type == META_RESOURCE_TOPIC || (type == META_RESOURCE_BROKER && resource.size == 0);
    if (!of_many || meta_image_feature(work->in->image, META_FEATURE_ELR_VERSION) < 1)
        return;
    struct wire_clear_elr_record *clear = CONTROL_NEW(work, clear_elr_record);
    clear->topic_name = resource;
    control_record(work, WIRE_METADATA_RECORD_CLEAR_ELR, 0, clear);
}

static void write_down(struct changing *changing)
{
    bool clears = false;
    for (size_t i = 0; i < changing->count; i++) {
        const struct changed *changed = changing->items[i];
        bool same = changed->before == changed->after ||
                    (changed->before != NULL && changed->after != NULL &&
                     strcmp(changed->before, changed->after) == 0);
        /* A broker reads what the setting refers to (a key's file) again when it is set again. */
        bool again = changing->type == META_RESOURCE_BROKER && changed->after != NULL;
        if (!changed->touched || (same && !again))
            continue;
        clears = clears || strcmp(changed->name, MIN_ISR) == 0;
        control_config_record(changing->work, changing->type, changing->name, changed->name,
                              changed->after);
    }
    if (clears)
        control_clear_elr(changing->work, changing->type, changing->name);
}

/* ---- Requests ---- */

static bool is_known(int8_t type)
{
    return type == META_RESOURCE_TOPIC || type == META_RESOURCE_BROKER ||
           type == META_RESOURCE_CLIENT_METRICS || type == META_RESOURCE_GROUP;
}

static struct changing changing_of(struct control_work *work, int8_t type, struct wire_string name)
{
    struct changing changing = {.work = work, .type = type};
    const char *text;
    if (type == META_RESOURCE_BROKER_LOGGER)
        refuse(&changing, WIRE_ERROR_INVALID_REQUEST,
               wire_string_from("Unexpected resource type BROKER_LOGGER."));
    else if (!is_known(type))
        refuse(&changing, WIRE_ERROR_UNSUPPORTED_VERSION,
               control_text(work, "Unknown resource type %d.", type));
    else if (text_of(&changing, name, &text))
        changing.name = wire_string_from(text);
    if (changing.error == 0)
        changing_begin(&changing);
    return changing;
}

static void changing_end(struct changing *changing, bool validate_only, told *out)
{
    if (changing->error == 0)
        check(changing);
    if (changing->error == 0 && !validate_only)
        write_down(changing);
    hmap_deinit(&changing->by_name);
    out->error_code = changing->error;
    out->error_message = changing->message;
}

static void
change_some(struct control_work *work,
            const struct wire_incremental_alter_configs_request_alter_configs_resource *resource,
            bool validate_only, told *out)
{
    struct changing changing = changing_of(work, resource->resource_type, resource->resource_name);
    for (int32_t i = 0; i < resource->configs.count && changing.error == 0; i++)
        change_one(&changing, resource->configs.items[i].name,
                   resource->configs.items[i].config_operation, resource->configs.items[i].value);
    changing_end(&changing, validate_only, out);
}

/* What is not named is not set any more. */
static void change_all(struct control_work *work,
                       const struct wire_alter_configs_request_alter_configs_resource *resource,
                       bool validate_only, told *out)
{
    struct changing changing = changing_of(work, resource->resource_type, resource->resource_name);
    for (size_t i = 0; i < changing.count; i++) {
        changing.items[i]->after = NULL;
        changing.items[i]->touched = true;
    }
    for (int32_t i = 0; i < resource->configs.count && changing.error == 0; i++)
        change_one(&changing, resource->configs.items[i].name, OPERATION_SET,
                   resource->configs.items[i].value);
    changing_end(&changing, validate_only, out);
}

/* Names with their types before them, so that the same name of another type is another. */
static const enum control_repeat *repeats_of(struct control_work *work, const int8_t *types,
                                             const struct wire_string *names, size_t count)
{
    struct wire_string *keys = arena_must_alloc_array(work->in->arena, count + 1, sizeof *keys);
    for (size_t i = 0; i < count; i++)
        keys[i] = control_text(work, "%d %.*s", types[i], WIRE_STRING_ARGS(names[i]));
    return control_repeated(work, keys, count);
}

static void tell_repeated(told *out)
{
    out->error_code = WIRE_ERROR_INVALID_REQUEST;
    out->error_message = wire_string_from("Duplicate resource.");
}

void control_incremental_alter_configs(struct control_work *work)
{
    const struct wire_incremental_alter_configs_request *request = work->request;
    size_t count = (size_t)request->resources.count;
    int8_t *types = arena_must_alloc(work->in->arena, count + 1);
    struct wire_string *names = arena_must_alloc_array(work->in->arena, count + 1, sizeof *names);
    for (size_t i = 0; i < count; i++) {
        types[i] = request->resources.items[i].resource_type;
        names[i] = request->resources.items[i].resource_name;
    }
    const enum control_repeat *repeats = repeats_of(work, types, names, count);
    struct wire_incremental_alter_configs_response *reply =
        CONTROL_NEW(work, incremental_alter_configs_response);
    work->out->reply = reply;
    reply->responses.items = CONTROL_NEW_ARRAY(
        work, incremental_alter_configs_response_alter_configs_resource_response, count);
    for (size_t i = 0; i < count; i++) {
        if (repeats[i] == CONTROL_AGAIN)
            continue;
        told *out = &reply->responses.items[reply->responses.count++];
        out->resource_type = types[i];
        out->resource_name = names[i];
        if (repeats[i] == CONTROL_FIRST_OF_MANY)
            tell_repeated(out);
        else
            change_some(work, &request->resources.items[i], request->validate_only, out);
    }
}

void control_alter_configs(struct control_work *work)
{
    const struct wire_alter_configs_request *request = work->request;
    size_t count = (size_t)request->resources.count;
    int8_t *types = arena_must_alloc(work->in->arena, count + 1);
    struct wire_string *names = arena_must_alloc_array(work->in->arena, count + 1, sizeof *names);
    for (size_t i = 0; i < count; i++) {
        types[i] = request->resources.items[i].resource_type;
        names[i] = request->resources.items[i].resource_name;
    }
    const enum control_repeat *repeats = repeats_of(work, types, names, count);
    struct wire_alter_configs_response *reply = CONTROL_NEW(work, alter_configs_response);
    work->out->reply = reply;
    reply->responses.items =
        CONTROL_NEW_ARRAY(work, alter_configs_response_alter_configs_resource_response, count);
    for (size_t i = 0; i < count; i++) {
        if (repeats[i] == CONTROL_AGAIN)
            continue;
        told result = {0};
        if (repeats[i] == CONTROL_FIRST_OF_MANY)
            tell_repeated(&result);
        else
            change_all(work, &request->resources.items[i], request->validate_only, &result);
        struct wire_alter_configs_response_alter_configs_resource_response *out =
            &reply->responses.items[reply->responses.count++];
        out->error_code = result.error_code;
        out->error_message = result.error_message;
        out->resource_type = types[i];
        out->resource_name = names[i];
    }
}
