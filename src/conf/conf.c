#include "conf/conf_int.h"

#include <string.h>

/* The slot, checked to be of one of two types. */
static const struct conf_slot *slot_of(const struct conf *conf, enum conf_broker_id id)
{
    ASSERT((size_t)id < CONF_BROKER_COUNT);
    return &conf->slots[id];
}

static enum conf_type type_of(enum conf_broker_id id)
{
    size_t count;
    return conf_rows(CONF_SCOPE_BROKER, &count)[id].type;
}

int64_t conf_int(const struct conf *conf, enum conf_broker_id id)
{
    const struct conf_slot *slot = slot_of(conf, id);
    enum conf_type type = type_of(id);
    ASSERT(type == CONF_TYPE_INT || type == CONF_TYPE_SHORT || type == CONF_TYPE_LONG);
    ASSERT(!slot->value.null);
    return slot->value.number;
}

double conf_real(const struct conf *conf, enum conf_broker_id id)
{
    const struct conf_slot *slot = slot_of(conf, id);
    ASSERT(type_of(id) == CONF_TYPE_DOUBLE && !slot->value.null);
    return slot->value.real;
}

bool conf_bool(const struct conf *conf, enum conf_broker_id id)
{
    const struct conf_slot *slot = slot_of(conf, id);
    ASSERT(type_of(id) == CONF_TYPE_BOOLEAN && !slot->value.null);
    return slot->value.number != 0;
}

const char *conf_text(const struct conf *conf, enum conf_broker_id id)
{
    const struct conf_slot *slot = slot_of(conf, id);
    enum conf_type type = type_of(id);
    ASSERT(type == CONF_TYPE_STRING || type == CONF_TYPE_CLASS || type == CONF_TYPE_PASSWORD);
    return slot->value.null ? NULL : slot->value.text;
}

struct conf_list conf_list(const struct conf *conf, enum conf_broker_id id)
{
    const struct conf_slot *slot = slot_of(conf, id);
    ASSERT(type_of(id) == CONF_TYPE_LIST);
    return (struct conf_list){.items = slot->value.items, .count = slot->value.item_count};
}

bool conf_is_null(const struct conf *conf, enum conf_broker_id id)
{
    return slot_of(conf, id)->value.null;
}

bool conf_is_set(const struct conf *conf, enum conf_broker_id id)
{
    return conf_source_of(conf, id) != CONF_SOURCE_DEFAULT;
}

enum conf_source conf_source_of(const struct conf *conf, enum conf_broker_id id)
{
    const struct conf_slot *slot = slot_of(conf, id);
    static const enum conf_source sources[CONF_LAYER_COUNT] = {
        [CONF_LAYER_DYNAMIC] = CONF_SOURCE_DYNAMIC_BROKER,
        [CONF_LAYER_DYNAMIC_DEFAULT] = CONF_SOURCE_DYNAMIC_DEFAULT_BROKER,
        [CONF_LAYER_STATIC] = CONF_SOURCE_STATIC_BROKER,
    };
    for (size_t layer = 0; layer < CONF_LAYER_COUNT; layer++)
        if (slot->layers[layer] != NULL)
            return sources[layer];
    return CONF_SOURCE_DEFAULT;
}

const char *conf_printed(const struct conf *conf, enum conf_broker_id id)
{
    return slot_of(conf, id)->printed;
}

const char *conf_extra(const struct conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->extra_count; i++)
        if (strcmp(conf->extras[i].name, name) == 0)
            return conf->extras[i].value;
    return NULL;
}

const char *conf_listener_text(const struct conf *conf, const char *listener,
                               enum conf_broker_id id)
{
    size_t count;
    const char *key = conf_rows(CONF_SCOPE_BROKER, &count)[id].name;
    static const char prefix[] = "listener.name.";
    size_t listener_size = strlen(listener);
    for (size_t i = 0; i < conf->extra_count; i++) {
        const char *name = conf->extras[i].name;
        if (strncmp(name, prefix, sizeof prefix - 1) != 0)
            continue;
        name += sizeof prefix - 1;
        /* The listener's part is its name in lower case. */
        size_t j = 0;
        while (j < listener_size && name[j] != '\0' && !(name[j] >= 'A' && name[j] <= 'Z') &&
               (name[j] | 0x20) == (listener[j] | 0x20))
            j++;
        if (j == listener_size && name[j] == '.' && strcmp(name + j + 1, key) == 0)
            return conf->extras[i].value;
    }
    return conf_printed(conf, id);
}

/* ---- What several settings say together ---- */

int32_t conf_node_id(const struct conf *conf)
{
    return (int32_t)conf_int(conf, CONF_BROKER_NODE_ID);
}

static bool has_role(const struct conf *conf, const char *role)
{
    struct conf_list roles = conf_list(conf, CONF_BROKER_PROCESS_ROLES);
    for (size_t i = 0; i < roles.count; i++)
        if (strcmp(roles.items[i], role) == 0)
            return true;
    return false;
}

bool conf_is_broker(const struct conf *conf)
{
    return has_role(conf, "broker");
}

bool conf_is_controller(const struct conf *conf)
{
    return has_role(conf, "controller");
}

struct conf_list conf_log_dirs(const struct conf *conf)
{
    struct conf_list dirs = conf_list(conf, CONF_BROKER_LOG_DIRS);
    return dirs.count > 0 ? dirs : conf_list(conf, CONF_BROKER_LOG_DIR);
}

const char *conf_metadata_dir(const struct conf *conf)
{
    const char *dir = conf_text(conf, CONF_BROKER_METADATA_LOG_DIR);
    return dir != NULL ? dir : conf_log_dirs(conf).items[0];
}

int64_t conf_flush_ms(const struct conf *conf)
{
    return conf_int(conf, conf_is_null(conf, CONF_BROKER_LOG_FLUSH_INTERVAL_MS)
                              ? CONF_BROKER_LOG_FLUSH_SCHEDULER_INTERVAL_MS
                              : CONF_BROKER_LOG_FLUSH_INTERVAL_MS);
}

const struct conf_listener *conf_listeners(const struct conf *conf, size_t *count)
{
    *count = conf->listener_count;
    return conf->listeners;
}

const struct conf_listener *conf_advertised(const struct conf *conf, size_t *count)
{
    *count = conf->advertised_count;
    return conf->advertised;
}

const struct conf_listener *conf_listener_find(const struct conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->listener_count; i++)
        if (strcmp(conf->listeners[i].name, name) == 0)
            return &conf->listeners[i];
    return NULL;
}

const char *conf_inter_broker_listener(const struct conf *conf)
{
    return conf->inter_broker_listener;
}

const struct conf_voter *conf_voters(const struct conf *conf, size_t *count)
{
    *count = conf->voter_count;
    return conf->voters;
}
