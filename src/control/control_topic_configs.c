/* Settings that come with a new topic: checked, written down, and told with the reply (KIP-525). */
#include "control_int.h"

#include "base/mem.h"
#include "conf/conf.h"
#include "conf/topic.h"
#include "conf/value.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct wire_create_topics_request_creatable_topic wanted_topic;
typedef struct wire_create_topics_response_creatable_topic_configs told_config;

/* ---- What is wanted ---- */

struct by_name {
    struct hmap_node node;
    size_t index;
};

/* A name twice: the last one counts. */
static void put(struct control_work *work, struct hmap *by_name, struct control_configs *configs,
                struct conf_pair pair)
{
    uint64_t hash = hash_bytes(pair.name, strlen(pair.name));
    HMAP_FOR_EACH_HASH (node, by_name, hash) {
        struct conf_pair *have = &configs->items[HMAP_ENTRY(node, struct by_name, node)->index];
        if (strcmp(have->name, pair.name) == 0) {
            have->value = pair.value;
            return;
        }
    }
    struct by_name *entry = arena_must_alloc(work->in->arena, sizeof *entry);
    entry->index = configs->count;
    hmap_insert(by_name, &entry->node, hash);
    configs->items[configs->count++] = pair;
}

static bool has_zero_byte(struct wire_string text)
{
    return text.data != NULL && memchr(text.data, 0, text.size) != NULL;
}

struct wire_string control_configs_of(struct control_work *work, const wanted_topic *topic,
                                      struct control_configs *out)
{
    size_t count = topic->configs.count > 0 ? (size_t)topic->configs.count : 0;
    *out = (struct control_configs){
        .items = arena_must_alloc_array(work->in->arena, count + 1, sizeof *out->items)};
    if (count == 0)
        return (struct wire_string){0};
    struct hmap by_name = HMAP_EMPTY;
    struct wire_string why = {0};
    for (size_t i = 0; i < count && why.data == NULL; i++) {
        struct wire_string name = topic->configs.items[i].name;
        struct wire_string value = topic->configs.items[i].value;
        /* No setting's name or value has such a byte, and our texts would end there. */
        if (has_zero_byte(name))
            why = control_text(work, "Unknown topic config name: %.*s", WIRE_STRING_ARGS(name));
        else if (has_zero_byte(value))
            why = control_text(work, "Invalid value for configuration %.*s: it has a zero byte",
                               WIRE_STRING_ARGS(name));
        else
            put(work, &by_name, out,
                (struct conf_pair){
                    .name = wire_string_copy(name, work->in->arena).data,
                    .value =
                        value.data == NULL ? NULL : wire_string_copy(value, work->in->arena).data,
                });
    }
    hmap_deinit(&by_name);
    if (why.data != NULL)
        return why;
    struct buf message = BUF_EMPTY;
    if (conf_topic_check(work->control->conf, out->items, out->count, &message) != ERR_OK)
        why = control_text(work, "%s", buf_text(&message));
    buf_deinit(&message);
    return why;
}

/* ---- What the topic then has ---- */

/* A broker's setting as this row's value, in the arena. */
static const char *scaled(struct control_work *work, const char *text, int64_t factor)
{
    if (factor == 1)
        return control_text(work, "%s", text).data;
    return control_text(work, "%lld", strtoll(text, NULL, 10) * factor).data;
}

/* What a topic without settings of its own gets: of this node, of all, static, the default. */
static void effective(struct control_work *work, const struct conf_row *row, told_config *out)
{
    const struct conf *conf = work->control->conf;
    const struct meta_image *image = work->in->image;
    char node[16];
    snprintf(node, sizeof node, "%d", work->control->node_id);
    const struct {
        const char *resource;
        enum conf_source source;
    } layers[] = {{node, CONF_SOURCE_DYNAMIC_BROKER},
                  {"", CONF_SOURCE_DYNAMIC_DEFAULT_BROKER},
                  {NULL, CONF_SOURCE_STATIC_BROKER}};
    struct conf_fallback fallbacks[CONF_FALLBACKS_MAX];
    size_t fallback_count = conf_row_fallbacks(row, fallbacks);
    size_t row_count;
    const struct conf_row *broker_rows = conf_rows(CONF_SCOPE_BROKER, &row_count);
    for (size_t i = 0; i < ARRAY_COUNT(layers); i++) {
        for (size_t j = 0; j < fallback_count; j++) {
            enum conf_broker_id id = fallbacks[j].id;
            const char *text = NULL;
            if (layers[i].resource != NULL)
                text = meta_image_config(image, META_RESOURCE_BROKER, layers[i].resource,
                                         strlen(layers[i].resource), broker_rows[id].name);
            else if (conf_is_set(conf, id))
                text = conf_printed(conf, id);
            if (text == NULL)
                continue;
            out->value = wire_string_from(scaled(work, text, fallbacks[j].factor));
            out->config_source = (int8_t)layers[i].source;
            return;
        }
    }
    struct conf_value value;
    conf_value_default(row, work->in->arena, &value);
    out->value = wire_string_from(conf_value_print(row, &value, work->in->arena));
    out->config_source = CONF_SOURCE_DEFAULT;
}

static void base_make(struct control_work *work, struct control_configs_base *base)
{
    size_t count;
    const struct conf_row *rows = conf_rows(CONF_SCOPE_TOPIC, &count);
    base->items = CONTROL_NEW_ARRAY(work, create_topics_response_creatable_topic_configs, count);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].internal)
            continue;
        told_config *told = &base->items[base->count++];
        told->name = wire_string_from(rows[i].name);
        told->is_sensitive = conf_row_sensitive(&rows[i]);
        effective(work, &rows[i], told);
        if (told->is_sensitive)
            told->value = (struct wire_string){0};
    }
}

static const struct conf_pair *own(const struct control_configs *configs, struct wire_string name)
{
    for (size_t i = 0; i < configs->count; i++) {
        if (wire_string_is(name, configs->items[i].name))
            return &configs->items[i];
    }
    return NULL;
}

void control_configs_describe(struct control_work *work, struct control_configs_base *base,
                              const struct control_configs *configs,
                              struct wire_create_topics_response_creatable_topic_result *result)
{
    if (work->version < 5)
        return;
    if (base->items == NULL)
        base_make(work, base);
    told_config *items = base->items;
    if (configs->count > 0) {
        items = arena_must_alloc_array(work->in->arena, base->count, sizeof *items);
        memcpy(items, base->items, base->count * sizeof *items);
    }
    for (size_t i = 0; configs->count > 0 && i < base->count; i++) {
        const struct conf_pair *pair = own(configs, items[i].name);
        if (pair == NULL)
            continue;
        items[i].value = wire_string_from(items[i].is_sensitive ? NULL : pair->value);
        items[i].config_source = CONF_SOURCE_DYNAMIC_TOPIC;
    }
    result->configs.items = items;
    result->configs.count = (int32_t)base->count;
}
