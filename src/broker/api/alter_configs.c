/*
 * AlterConfigs (KIP-133) and IncrementalAlterConfigs (KIP-339). A broker looks at what it can judge
 * better than the controller first: its own settings against those it runs on; levels of loggers it
 * sets by itself. What passes goes to the controller in one request, and the answers come together
 * in the order of the resources. On the controllers' listeners all but loggers is the controller's.
 */
#define LOG_ROOM "broker"
#include "broker/api/handlers_int.h"
#include "broker/node_int.h"

#include "base/hmap.h"
#include "base/list.h"
#include "base/log.h"
#include "broker/ask.h"
#include "broker/conn.h"
#include "conf/change.h"
#include "wire/api_keys.h"
#include "wire/messages.h"

typedef struct wire_incremental_alter_configs_request_alter_configs_resource resource;
typedef struct wire_incremental_alter_configs_request_alterable_config alteration;
typedef struct wire_incremental_alter_configs_response_alter_configs_resource_response told;

enum operation { OPERATION_SET, OPERATION_DELETE, OPERATION_APPEND, OPERATION_SUBTRACT };

/* AlterConfigs is worked on as if it were the incremental one. */
struct alter {
    struct broker_request *request;
    resource *resources;
    size_t count;
    told *results;
    bool *settled; /* by resource: the answer is there, the controller is not asked */
    bool incremental;
    bool validate_only;
};

static void refuse(told *result, int16_t code, const char *message)
{
    result->error_code = code;
    result->error_message = wire_string_from(message);
}

/* ---- Names ---- */

/* A name and what belongs to it. */
struct entry {
    struct hmap_node node;
    struct list order; /* where that matters: in the order in which they came */
    struct wire_string name;
    int8_t type;
    size_t index;
    const char *value;
};

static struct entry *entry_find(const struct hmap *map, int8_t type, struct wire_string name)
{
    HMAP_FOR_EACH_HASH (node, map, hash_bytes(name.data, name.size)) {
        struct entry *entry = HMAP_ENTRY(node, struct entry, node);
        if (entry->type == type && wire_string_equal(entry->name, name))
            return entry;
    }
    return NULL;
}

static struct entry *entry_add(struct arena *arena, struct hmap *map, int8_t type,
                               struct wire_string name)
{
    struct entry *entry = arena_must_alloc(arena, sizeof *entry);
    *entry = (struct entry){.name = name, .type = type};
    list_init(&entry->order);
    hmap_insert(map, &entry->node, hash_bytes(name.data, name.size));
    return entry;
}

static void refuse_repeated(struct alter *alter)
{
    struct hmap map = HMAP_EMPTY;
    for (size_t i = 0; i < alter->count; i++) {
        const resource *one = &alter->resources[i];
        struct entry *entry = entry_find(&map, one->resource_type, one->resource_name);
        if (entry == NULL) {
            entry_add(&alter->request->arena, &map, one->resource_type, one->resource_name)->index =
                i;
            continue;
        }
        const size_t both[] = {entry->index, i};
        for (size_t j = 0; j < ARRAY_COUNT(both); j++) {
            alter->settled[both[j]] = true;
            refuse(&alter->results[both[j]], WIRE_ERROR_INVALID_REQUEST,
                   "Each resource must appear at most once.");
        }
    }
    hmap_deinit(&map);
}

static bool names_ok(struct alter *alter, const resource *one, told *result)
{
    struct arena *arena = &alter->request->arena;
    struct hmap map = HMAP_EMPTY;
    bool repeated = false, any_null = false;
    struct buf nulls = BUF_EMPTY;
    for (int32_t i = 0; i < one->configs.count; i++) {
        const alteration *config = &one->configs.items[i];
        repeated = repeated || entry_find(&map, 0, config->name) != NULL;
        entry_add(arena, &map, 0, config->name);
        if (config->value.data != NULL || config->config_operation == OPERATION_DELETE)
            continue;
        buf_printf(&nulls, "%s%.*s", any_null ? ", " : "", WIRE_STRING_ARGS(config->name));
        any_null = true;
    }
    hmap_deinit(&map);
    if (repeated)
        refuse(result, WIRE_ERROR_INVALID_REQUEST, "Error due to duplicate config keys");
    else if (any_null)
        refuse(result, WIRE_ERROR_INVALID_REQUEST,
               arena_printf(arena, "Null value not supported for : %s", buf_text(&nulls)));
    buf_deinit(&nulls);
    return !repeated && !any_null;
}

/* Is the resource this node? */
static bool is_this_node(struct alter *alter, const resource *one, const char *what, told *result)
{
    struct arena *arena = &alter->request->arena;
    int32_t own = alter->request->shard->node->id;
    int32_t id;
    if (!wire_string_int32(one->resource_name, &id)) {
        refuse(result, WIRE_ERROR_INVALID_REQUEST,
               arena_printf(arena, "Node id must be an integer, but it is: %.*s",
                            WIRE_STRING_ARGS(one->resource_name)));
        return false;
    }
    if (id == own)
        return true;
    refuse(result, WIRE_ERROR_INVALID_REQUEST,
           arena_printf(arena, what, own, WIRE_STRING_ARGS(one->resource_name)));
    return false;
}

/* ---- Loggers ---- */

static const struct {
    const char *name;
    enum log_level level;
} log_levels[] = {
    {"DEBUG", LOG_LEVEL_DEBUG}, {"ERROR", LOG_LEVEL_ERROR}, {"FATAL", LOG_LEVEL_ERROR},
    {"INFO", LOG_LEVEL_INFO},   {"TRACE", LOG_LEVEL_DEBUG}, {"WARN", LOG_LEVEL_WARN},
};

/* The level wanted; false: refused. There is one logger, all rooms'. */
static bool level_of(struct alter *alter, const alteration *config, enum log_level *level,
                     told *result)
{
    struct arena *arena = &alter->request->arena;
    int operation = config->config_operation;
    if (operation == OPERATION_APPEND || operation == OPERATION_SUBTRACT) {
        refuse(result, WIRE_ERROR_INVALID_REQUEST,
               arena_printf(arena, "%s operation is not allowed for the BROKER_LOGGER resource",
                            operation == OPERATION_APPEND ? "APPEND" : "SUBTRACT"));
        return false;
    }
    if (!wire_string_is(config->name, "root")) {
        refuse(result, WIRE_ERROR_INVALID_CONFIG,
               arena_printf(arena, "Logger %.*s does not exist!", WIRE_STRING_ARGS(config->name)));
        return false;
    }
    if (operation != OPERATION_SET) {
        refuse(result, WIRE_ERROR_INVALID_REQUEST,
               operation == OPERATION_DELETE
                   ? "Removing the log level of the root logger is not allowed"
                   : "Unknown operation on a logger");
        return false;
    }
    for (size_t i = 0; i < ARRAY_COUNT(log_levels); i++) {
        if (!wire_string_is(config->value, log_levels[i].name))
            continue;
        *level = log_levels[i].level;
        return true;
    }
    refuse(result, WIRE_ERROR_INVALID_CONFIG,
           arena_printf(arena,
                        "Cannot set the log level of %.*s to %.*s as it is not a supported log "
                        "level. Valid log levels are DEBUG, ERROR, FATAL, INFO, TRACE, WARN",
                        WIRE_STRING_ARGS(config->name), WIRE_STRING_ARGS(config->value)));
    return false;
}

static void alter_logger(struct alter *alter, const resource *one, told *result)
{
    if (!is_this_node(alter, one, "Unexpected node id. Expected %d, but received %.*s", result))
        return;
    enum log_level level = LOG_LEVEL_NONE;
    for (int32_t i = 0; i < one->configs.count; i++) {
        if (!level_of(alter, &one->configs.items[i], &level, result))
            return;
    }
    if (level == LOG_LEVEL_NONE || alter->validate_only)
        return;
    log_set_level(level);
    LOG_INFO("log lines from level %s on are written from now on, as a client asked",
             log_level_name(level));
}

/* ---- This broker's settings, and all brokers' ---- */

/* Settings by name and in order. */
struct set {
    struct hmap map;
    struct list order;
};

static struct entry *set_add(struct alter *alter, struct set *set, struct wire_string name)
{
    struct entry *entry = entry_add(&alter->request->arena, &set->map, 0, name);
    list_push_back(&set->order, &entry->order);
    return entry;
}

/* What the metadata say of one of the two. */
static void set_now(struct alter *alter, struct wire_string name, struct set *set)
{
    struct meta_iter iter;
    meta_iter_configs(&iter, alter->request->shard->image, META_RESOURCE_BROKER, name.data,
                      name.size);
    const struct meta_config *config;
    while ((config = meta_iter_config_next(&iter)) != NULL) {
        const struct conf_row *row = conf_row_find(CONF_SCOPE_BROKER, config->name.data);
        /* Nothing that a broker would not take from there is in its way. */
        bool taken = row == NULL || row->mode == CONF_MODE_CLUSTER_WIDE ||
                     (row->mode == CONF_MODE_PER_BROKER && name.size > 0);
        if (taken)
            set_add(alter, set, config->name)->value = config->text.data;
    }
}

static struct conf_pair *pairs_of(struct alter *alter, struct set *set, size_t *count)
{
    struct conf_pair *pairs =
        arena_must_alloc_array(&alter->request->arena, set->map.count + 1, sizeof *pairs);
    *count = 0;
    LIST_FOR_EACH (node, &set->order) {
        const struct entry *entry = LIST_ENTRY(node, struct entry, order);
        if (entry->value != NULL)
            pairs[(*count)++] = (struct conf_pair){.name = entry->name.data, .value = entry->value};
    }
    return pairs;
}

static bool change_entry(struct alter *alter, const alteration *config, struct set *set,
                         told *result)
{
    struct arena *arena = &alter->request->arena;
    struct wire_string name = wire_string_copy(config->name, arena);
    struct entry *entry = entry_find(&set->map, 0, name);
    if (entry == NULL)
        entry = set_add(alter, set, name);
    int operation = config->config_operation;
    if (operation == OPERATION_APPEND || operation == OPERATION_SUBTRACT) {
        const struct conf_row *row = conf_row_find(CONF_SCOPE_BROKER, name.data);
        if (row == NULL || row->type != CONF_TYPE_LIST) {
            refuse(result, WIRE_ERROR_INVALID_CONFIG,
                   row == NULL
                       ? arena_printf(arena, "Unknown config name: %s", name.data)
                       : arena_printf(arena, "Config value %s is not allowed for config key: %s",
                                      operation == OPERATION_APPEND ? "append" : "subtract",
                                      name.data));
            return false;
        }
        const char *now = entry->value != NULL ? entry->value : row->default_text;
        entry->value = conf_list_change(now, wire_string_copy(config->value, arena).data,
                                        operation == OPERATION_APPEND, arena);
        if (entry->value == NULL)
            refuse(result, WIRE_ERROR_INVALID_CONFIG, "The list would have too many entries");
        return entry->value != NULL;
    }
    entry->value = operation == OPERATION_SET ? wire_string_copy(config->value, arena).data : NULL;
    return true;
}

static void check_broker(struct alter *alter, const resource *one, told *result)
{
    struct broker_shard *shard = alter->request->shard;
    struct arena *arena = &alter->request->arena;
    bool all = one->resource_name.size == 0;
    if (!all &&
        !is_this_node(alter, one, "Unexpected broker id, expected %d, but received %.*s", result))
        return;
    struct wire_string own = wire_string_from(arena_printf(arena, "%d", shard->node->id));
    struct set set = {.map = HMAP_EMPTY}, other = {.map = HMAP_EMPTY};
    list_init(&set.order);
    list_init(&other.order);
    if (alter->incremental)
        set_now(alter, all ? WIRE_EMPTY_STRING : own, &set);
    set_now(alter, all ? own : WIRE_EMPTY_STRING, &other);
    bool ok = true;
    for (int32_t i = 0; i < one->configs.count && ok; i++)
        ok = change_entry(alter, &one->configs.items[i], &set, result);
    if (ok) {
        struct conf_change change = {.all_brokers = all};
        change.pairs = pairs_of(alter, &set, &change.count);
        change.others = pairs_of(alter, &other, &change.other_count);
        struct buf message = BUF_EMPTY;
        enum conf_refusal refusal = conf_check_dynamic(shard->conf, &change, &message);
        if (refusal != CONF_REFUSAL_NONE)
            refuse(result,
                   refusal == CONF_REFUSAL_VALUE ? WIRE_ERROR_INVALID_CONFIG
                                                 : WIRE_ERROR_INVALID_REQUEST,
                   arena_printf(arena, "%s", buf_text(&message)));
        buf_deinit(&message);
    }
    hmap_deinit(&set.map);
    hmap_deinit(&other.map);
}

/* ---- The request as a whole ---- */

/* What this node can tell by itself. */
static void look_at(struct alter *alter, size_t index)
{
    const resource *one = &alter->resources[index];
    told *result = &alter->results[index];
    bool ok = names_ok(alter, one, result);
    bool passes = alter->request->conn->listener->controller;
    bool logger = one->resource_type == META_RESOURCE_BROKER_LOGGER && alter->incremental;
    if (ok && logger) {
        alter_logger(alter, one, result);
    } else if (ok && !passes && one->resource_type == META_RESOURCE_BROKER) {
        check_broker(alter, one, result);
    } else if (ok && !passes && one->resource_type != META_RESOURCE_TOPIC &&
               one->resource_type != META_RESOURCE_CLIENT_METRICS &&
               one->resource_type != META_RESOURCE_GROUP) {
        refuse(
            result, WIRE_ERROR_INVALID_REQUEST,
            arena_printf(&alter->request->arena, "Unknown resource type %d", one->resource_type));
    }
    alter->settled[index] = logger || result->error_code != WIRE_ERROR_NONE;
}

static void complete(struct alter *alter)
{
    struct broker_request *request = alter->request;
    if (alter->incremental) {
        struct wire_incremental_alter_configs_response *reply =
            BROKER_REPLY(request, incremental_alter_configs_response);
        reply->responses.items = alter->results;
        reply->responses.count = (int32_t)alter->count;
        broker_request_complete(request, reply);
        return;
    }
    struct wire_alter_configs_response *reply = BROKER_REPLY(request, alter_configs_response);
    reply->responses.count = (int32_t)alter->count;
    reply->responses.items = BROKER_REPLY_ARRAY(
        request, alter_configs_response_alter_configs_resource_response, alter->count);
    for (size_t i = 0; i < alter->count; i++) {
        reply->responses.items[i].error_code = alter->results[i].error_code;
        reply->responses.items[i].error_message = alter->results[i].error_message;
        reply->responses.items[i].resource_type = alter->results[i].resource_type;
        reply->responses.items[i].resource_name = alter->results[i].resource_name;
    }
    broker_request_complete(request, reply);
}

/* The controller's answers are in the order in which it was asked. */
static void decided(struct broker_request *request, struct broker_ask *ask, const void *response)
{
    UNUSED(ask);
    struct alter *alter = request->handler;
    size_t at = 0;
    for (size_t i = 0; i < alter->count; i++) {
        if (alter->settled[i])
            continue;
        if (alter->incremental) {
            const struct wire_incremental_alter_configs_response *reply = response;
            ASSERT(at < (size_t)reply->responses.count);
            alter->results[i].error_code = reply->responses.items[at].error_code;
            alter->results[i].error_message = reply->responses.items[at].error_message;
        } else {
            const struct wire_alter_configs_response *reply = response;
            ASSERT(at < (size_t)reply->responses.count);
            alter->results[i].error_code = reply->responses.items[at].error_code;
            alter->results[i].error_message = reply->responses.items[at].error_message;
        }
        at++;
    }
    complete(alter);
}

static void ask_some(struct alter *alter)
{
    struct broker_request *request = alter->request;
    struct wire_incremental_alter_configs_request *message =
        arena_must_alloc(&request->arena, sizeof *message);
    wire_default(&wire_incremental_alter_configs_request_schema, message);
    message->validate_only = alter->validate_only;
    message->resources.items =
        arena_must_alloc_array(&request->arena, alter->count, sizeof *alter->resources);
    for (size_t i = 0; i < alter->count; i++) {
        if (!alter->settled[i])
            message->resources.items[message->resources.count++] = alter->resources[i];
    }
    if (message->resources.count == 0)
        complete(alter);
    else
        broker_ask(request, WIRE_API_INCREMENTAL_ALTER_CONFIGS, request->version, message, decided);
}

static void ask_all(struct alter *alter)
{
    struct broker_request *request = alter->request;
    const struct wire_alter_configs_request *from = request->body;
    struct wire_alter_configs_request *message = arena_must_alloc(&request->arena, sizeof *message);
    wire_default(&wire_alter_configs_request_schema, message);
    message->validate_only = alter->validate_only;
    message->resources.items =
        arena_must_alloc_array(&request->arena, alter->count, sizeof *from->resources.items);
    for (size_t i = 0; i < alter->count; i++) {
        if (!alter->settled[i])
            message->resources.items[message->resources.count++] = from->resources.items[i];
    }
    if (message->resources.count == 0)
        complete(alter);
    else
        broker_ask(request, WIRE_API_ALTER_CONFIGS, request->version, message, decided);
}

static struct alter *alter_new(struct broker_request *request, size_t count)
{
    struct alter *alter = arena_must_alloc(&request->arena, sizeof *alter);
    *alter = (struct alter){
        .request = request,
        .count = count,
        .results = BROKER_REPLY_ARRAY(
            request, incremental_alter_configs_response_alter_configs_resource_response, count),
        .settled = arena_must_alloc(&request->arena, count + 1),
    };
    memset(alter->settled, 0, count + 1);
    request->handler = alter;
    return alter;
}

static void alter_begin(struct alter *alter)
{
    for (size_t i = 0; i < alter->count; i++) {
        alter->results[i].resource_type = alter->resources[i].resource_type;
        alter->results[i].resource_name = alter->resources[i].resource_name;
        alter->results[i].error_message = WIRE_NULL_STRING;
    }
    refuse_repeated(alter);
    for (size_t i = 0; i < alter->count; i++) {
        if (!alter->settled[i])
            look_at(alter, i);
    }
}

static bool names_a_logger(const struct wire_incremental_alter_configs_request *message)
{
    for (int32_t i = 0; i < message->resources.count; i++) {
        if (message->resources.items[i].resource_type == META_RESOURCE_BROKER_LOGGER)
            return true;
    }
    return false;
}

void broker_api_incremental_alter_configs(struct broker_request *request)
{
    const struct wire_incremental_alter_configs_request *message = request->body;
    if (request->conn->listener->controller && !names_a_logger(message)) {
        broker_ask_forward(request);
        return;
    }
    struct alter *alter = alter_new(request, (size_t)message->resources.count);
    alter->incremental = true;
    alter->validate_only = message->validate_only;
    alter->resources = message->resources.items;
    alter_begin(alter);
    ask_some(alter);
}

void broker_api_alter_configs(struct broker_request *request)
{
    const struct wire_alter_configs_request *message = request->body;
    if (request->conn->listener->controller) {
        broker_ask_forward(request);
        return;
    }
    size_t count = (size_t)message->resources.count;
    struct alter *alter = alter_new(request, count);
    alter->validate_only = message->validate_only;
    alter->resources = arena_must_alloc_array(&request->arena, count + 1, sizeof(resource));
    for (size_t i = 0; i < count; i++) {
        const struct wire_alter_configs_request_alter_configs_resource *from =
            &message->resources.items[i];
        resource *to = &alter->resources[i];
        wire_default(&wire_incremental_alter_configs_request_alter_configs_resource_schema, to);
        to->resource_type = from->resource_type;
        to->resource_name = from->resource_name;
        to->configs.count = from->configs.count;
        to->configs.items = arena_must_alloc_array(&request->arena, (size_t)from->configs.count + 1,
                                                   sizeof(alteration));
        for (int32_t j = 0; j < from->configs.count; j++) {
            wire_default(&wire_incremental_alter_configs_request_alterable_config_schema,
                         &to->configs.items[j]);
            to->configs.items[j].name = from->configs.items[j].name;
            to->configs.items[j].value = from->configs.items[j].value;
        }
    }
    alter_begin(alter);
    ask_all(alter);
}
