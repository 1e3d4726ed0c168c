#include "conf/describe.h"

#include "conf/conf_int.h"

#include <stdlib.h>
#include <string.h>

static const struct conf_row *row_of(enum conf_scope scope, size_t index)
{
    size_t count;
    const struct conf_row *rows = conf_rows(scope, &count);
    ASSERT(index < count);
    return &rows[index];
}

/* ---- Synonyms ---- */

static const enum conf_source layer_sources[CONF_LAYER_COUNT] = {
    [CONF_LAYER_DYNAMIC] = CONF_SOURCE_DYNAMIC_BROKER,
    [CONF_LAYER_DYNAMIC_DEFAULT] = CONF_SOURCE_DYNAMIC_DEFAULT_BROKER,
    [CONF_LAYER_STATIC] = CONF_SOURCE_STATIC_BROKER,
};

/* One for each layer and the default, of each name. */
#define SYNONYMS_MAX (CONF_FALLBACKS_MAX * (CONF_LAYER_COUNT + 1))

struct synonyms {
    struct conf_synonym *items;
    size_t count;
};

static void add(struct synonyms *to, const char *name, const char *value, enum conf_source source)
{
    to->items[to->count++] = (struct conf_synonym){.name = name, .value = value, .source = source};
}

static const char *default_of(enum conf_broker_id id, struct arena *arena)
{
    const struct conf_row *row = row_of(CONF_SCOPE_BROKER, id);
    struct conf_value value;
    conf_value_default(row, arena, &value);
    return conf_value_print(row, &value, arena);
}

/*
 * Layer by layer, in each the names in their order. Like Kafka, all before the first that bears the
 * setting's own name is dropped, even if that leaves nothing: so a topic's retention.ms has no
 * synonyms where only log.retention.hours is there.
 */
static void add_broker_synonyms(const struct conf *conf, enum conf_broker_id id, bool sensitive,
                                struct arena *arena, struct synonyms *to)
{
    enum conf_broker_id ids[CONF_FALLBACKS_MAX];
    size_t id_count = conf_broker_synonyms(id, ids);
    bool own = false;
    for (size_t layer = 0; layer <= CONF_LAYER_COUNT; layer++) {
        for (size_t i = 0; i < id_count; i++) {
            const char *value = layer < CONF_LAYER_COUNT ? conf->slots[ids[i]].layers[layer]
                                                         : default_of(ids[i], arena);
            own = own || (value != NULL && ids[i] == id);
            if (value != NULL && own)
                add(to, row_of(CONF_SCOPE_BROKER, ids[i])->name, sensitive ? NULL : value,
                    layer < CONF_LAYER_COUNT ? layer_sources[layer] : CONF_SOURCE_DEFAULT);
        }
    }
}

static struct synonyms synonyms_new(struct arena *arena)
{
    struct synonyms to = {.items =
                              arena_must_alloc_array(arena, SYNONYMS_MAX + 1, sizeof *to.items)};
    return to;
}

static void put_synonyms(struct conf_described *out, const struct synonyms *from)
{
    out->synonyms = from->items;
    out->synonym_count = from->count;
    out->source = from->count > 0 ? from->items[0].source : CONF_SOURCE_DEFAULT;
}

static void describe_row(const struct conf_row *row, struct conf_described *out)
{
    *out = (struct conf_described){
        .name = row->name,
        .type = row->type,
        .sensitive = conf_row_sensitive(row),
        .sentence = row->sentence,
    };
}

/* ---- Brokers ---- */

static enum conf_source extra_source(const struct conf_setting *extra)
{
    if (strcmp(extra->origin, CONF_ORIGIN_DYNAMIC) == 0)
        return CONF_SOURCE_DYNAMIC_BROKER;
    return strcmp(extra->origin, CONF_ORIGIN_DYNAMIC_DEFAULT) == 0
               ? CONF_SOURCE_DYNAMIC_DEFAULT_BROKER
               : CONF_SOURCE_STATIC_BROKER;
}

static void describe_extra(const struct conf *conf, const struct conf_setting *extra,
                           struct arena *arena, struct conf_described *out)
{
    int base = conf_listener_base(extra->name);
    /* Nobody knows what an unknown setting holds: it is treated as a secret. */
    *out = (struct conf_described){.sensitive = true, .type = CONF_TYPE_UNKNOWN};
    if (base >= 0)
        describe_row(row_of(CONF_SCOPE_BROKER, (size_t)base), out);
    out->name = extra->name;
    out->read_only = true;
    out->value = out->sensitive ? NULL : extra->value;
    struct synonyms synonyms = synonyms_new(arena);
    add(&synonyms, extra->name, out->value, extra_source(extra));
    if (base >= 0)
        add_broker_synonyms(conf, (enum conf_broker_id)base, out->sensitive, arena, &synonyms);
    put_synonyms(out, &synonyms);
}

static int compare_names(const void *a, const void *b)
{
    const struct conf_described *x = a;
    const struct conf_described *y = b;
    return strcmp(x->name, y->name);
}

size_t conf_describe_broker(const struct conf *conf, struct arena *arena,
                            struct conf_described **out)
{
    struct conf_described *items =
        arena_must_alloc_array(arena, CONF_BROKER_COUNT + conf->extra_count, sizeof *items);
    size_t count = 0;
    for (size_t i = 0; i < CONF_BROKER_COUNT; i++) {
        const struct conf_row *row = row_of(CONF_SCOPE_BROKER, i);
        if (row->internal)
            continue;
        struct conf_described *item = &items[count++];
        describe_row(row, item);
        item->read_only = row->mode == CONF_MODE_READ_ONLY;
        item->value = item->sensitive ? NULL : conf->slots[i].printed;
        struct synonyms synonyms = synonyms_new(arena);
        add_broker_synonyms(conf, (enum conf_broker_id)i, item->sensitive, arena, &synonyms);
        put_synonyms(item, &synonyms);
    }
    for (size_t i = 0; i < conf->extra_count; i++)
        describe_extra(conf, &conf->extras[i], arena, &items[count++]);
    qsort(items, count, sizeof *items, compare_names);
    *out = items;
    return count;
}

size_t conf_describe_broker_default(const struct conf *conf, struct arena *arena,
                                    struct conf_described **out)
{
    struct conf_described *items =
        arena_must_alloc_array(arena, CONF_BROKER_COUNT + conf->extra_count, sizeof *items);
    size_t count = 0;
    for (size_t i = 0; i < CONF_BROKER_COUNT; i++) {
        const char *value = conf->slots[i].layers[CONF_LAYER_DYNAMIC_DEFAULT];
        if (value == NULL)
            continue;
        const struct conf_row *row = row_of(CONF_SCOPE_BROKER, i);
        struct conf_described *item = &items[count++];
        describe_row(row, item);
        item->read_only = row->mode == CONF_MODE_READ_ONLY;
        item->value = item->sensitive ? NULL : value;
        struct synonyms synonyms = synonyms_new(arena);
        add(&synonyms, row->name, item->value, CONF_SOURCE_DYNAMIC_DEFAULT_BROKER);
        put_synonyms(item, &synonyms);
    }
    for (size_t i = 0; i < conf->extra_count; i++) {
        if (extra_source(&conf->extras[i]) == CONF_SOURCE_DYNAMIC_DEFAULT_BROKER)
            describe_extra(conf, &conf->extras[i], arena, &items[count++]);
    }
    qsort(items, count, sizeof *items, compare_names);
    *out = items;
    return count;
}

/* ---- Topics, groups, client metrics ---- */

static const char *find_override(const struct conf_pair *overrides, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(overrides[i].name, name) == 0)
            return overrides[i].value;
    return NULL;
}

/* The value when the resource has none: the broker's in the resource's units, or the default. */
static const char *inherited_value(const struct conf *conf, const struct conf_row *row,
                                   struct arena *arena)
{
    struct conf_value value;
    struct conf_fallback fallbacks[CONF_FALLBACKS_MAX];
    size_t count = conf == NULL ? 0 : conf_row_fallbacks(row, fallbacks);
    for (size_t i = 0; i < count; i++) {
        value = conf->slots[fallbacks[i].id].value;
        if (value.null)
            continue;
        if (__builtin_mul_overflow(value.number, fallbacks[i].factor, &value.number))
            value.number = INT64_MAX;
        return conf_value_print(row, &value, arena);
    }
    conf_value_default(row, arena, &value);
    return conf_value_print(row, &value, arena);
}

static void describe_resource_row(const struct conf *conf, const struct conf_row *row,
                                  const char *override, enum conf_source source, bool own_default,
                                  struct arena *arena, struct conf_described *out)
{
    describe_row(row, out);
    struct synonyms synonyms = synonyms_new(arena);
    struct conf_value value;
    struct buf message = BUF_EMPTY;
    if (override != NULL && conf_value_parse(row, override, arena, &value, &message) == ERR_OK) {
        out->value = conf_value_print(row, &value, arena);
        add(&synonyms, row->name, out->value, source);
    } else {
        out->value = inherited_value(conf, row, arena);
    }
    buf_deinit(&message);
    struct conf_fallback fallbacks[CONF_FALLBACKS_MAX];
    size_t count = conf == NULL ? 0 : conf_row_fallbacks(row, fallbacks);
    if (count > 0)
        add_broker_synonyms(conf, fallbacks[0].id, out->sensitive, arena, &synonyms);
    else if (own_default && row->default_text != NULL)
        add(&synonyms, row->name, row->default_text, CONF_SOURCE_DEFAULT);
    put_synonyms(out, &synonyms);
}

static size_t describe_resource(const struct conf *conf, enum conf_scope scope,
                                enum conf_source source, bool own_default,
                                const struct conf_pair *overrides, size_t count,
                                struct arena *arena, struct conf_described **out)
{
    size_t row_count;
    const struct conf_row *rows = conf_rows(scope, &row_count);
    struct conf_described *items = arena_must_alloc_array(arena, row_count, sizeof *items);
    size_t item_count = 0;
    for (size_t i = 0; i < row_count; i++) {
        const char *override = find_override(overrides, count, rows[i].name);
        if (!rows[i].internal || override != NULL)
            describe_resource_row(conf, &rows[i], override, source, own_default, arena,
                                  &items[item_count++]);
    }
    *out = items;
    return item_count;
}

size_t conf_describe_topic(const struct conf *conf, const struct conf_pair *overrides, size_t count,
                           struct arena *arena, struct conf_described **out)
{
    return describe_resource(conf, CONF_SCOPE_TOPIC, CONF_SOURCE_DYNAMIC_TOPIC, false, overrides,
                             count, arena, out);
}

size_t conf_describe_group(const struct conf *conf, const struct conf_pair *overrides, size_t count,
                           struct arena *arena, struct conf_described **out)
{
    return describe_resource(conf, CONF_SCOPE_GROUP, CONF_SOURCE_GROUP, true, overrides, count,
                             arena, out);
}

size_t conf_describe_client_metrics(const struct conf_pair *overrides, size_t count,
                                    struct arena *arena, struct conf_described **out)
{
    return describe_resource(NULL, CONF_SCOPE_CLIENT_METRICS, CONF_SOURCE_CLIENT_METRICS, false,
                             overrides, count, arena, out);
}
