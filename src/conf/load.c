/*
 * From a file and overrides to a struct conf:
 *
 *   file, -o  --gather-->  settings, each name once  --apply-->  slots and extras
 *             --check-->   rules, listeners, voters, what is not served
 *
 * Every step goes on after an error, so that all of them are told at once.
 */
#include "conf/conf_int.h"

#include "base/hash.h"
#include "base/hmap.h"
#include "base/mem.h"
#include "conf/properties.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- Findings ---- */

static void add_finding(const struct conf_checker *checker, enum conf_severity severity,
                        enum conf_broker_id id, const char *format, va_list args)
{
    char text[800];
    vsnprintf(text, sizeof text, format, args);
    const struct conf_slot *slot = &checker->conf->slots[id];
    size_t count;
    const struct conf_row *row = &conf_rows(CONF_SCOPE_BROKER, &count)[id];
    size_t layer = 0;
    while (layer < CONF_LAYER_COUNT && slot->origins[layer] == NULL)
        layer++;
    const char *value =
        slot->printed != NULL && conf_row_sensitive(row) ? "[hidden]" : slot->printed;
    conf_findings_add(checker->findings, severity, row->name, value,
                      layer < CONF_LAYER_COUNT ? slot->origins[layer] : "", "%s", text);
}

void conf_wrong(const struct conf_checker *checker, enum conf_broker_id id, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_finding(checker, CONF_SEVERITY_ERROR, id, format, args);
    va_end(args);
}

void conf_warn(const struct conf_checker *checker, enum conf_broker_id id, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_finding(checker, CONF_SEVERITY_WARNING, id, format, args);
    va_end(args);
}

/* ---- Gathering ---- */

struct gathered {
    struct hmap_node node;
    struct conf_setting setting;
    size_t order;
};

struct gather {
    struct arena *arena; /* of what is gathered */
    struct conf_findings *findings;
    struct hmap by_name;
};

/* A later one replaces an earlier one; within a file that is worth a warning. */
static void gather(struct gather *gather, const char *name, const char *value, const char *origin,
                   bool warn_double)
{
    uint64_t hash = hash_bytes(name, strlen(name));
    HMAP_FOR_EACH_HASH (node, &gather->by_name, hash) {
        struct gathered *known = HMAP_ENTRY(node, struct gathered, node);
        if (strcmp(known->setting.name, name) != 0)
            continue;
        if (warn_double)
            conf_findings_add(gather->findings, CONF_SEVERITY_WARNING, name, NULL, origin,
                              "is given twice; this one counts, not that of %s",
                              known->setting.origin);
        known->setting.value = value;
        known->setting.origin = origin;
        return;
    }
    struct gathered *new = arena_must_alloc(gather->arena, sizeof *new);
    new->setting = (struct conf_setting){.name = name, .value = value, .origin = origin};
    new->order = gather->by_name.count;
    hmap_insert(&gather->by_name, &new->node, hash);
}

static void gather_file(struct gather *to, const struct conf_args *args)
{
    struct conf_properties properties;
    struct conf_properties_error error;
    const char *file = args->file_name != NULL ? args->file_name : "configuration";
    enum err err =
        conf_properties_parse(to->arena, args->file_data, args->file_size, &properties, &error);
    if (err != ERR_OK) {
        const char *origin = arena_printf(to->arena, "%s:%u", file, (unsigned)error.line);
        conf_findings_add(to->findings, CONF_SEVERITY_ERROR, "", NULL,
                          error.line > 0 && origin != NULL ? origin : file, "%s", error.text);
        return;
    }
    for (size_t i = 0; i < properties.count; i++) {
        const struct conf_property *property = &properties.items[i];
        const char *origin = arena_printf(to->arena, "%s:%u", file, (unsigned)property->line);
        gather(to, property->name, property->value, origin != NULL ? origin : file, true);
    }
}

static void gather_overrides(struct gather *to, const struct conf_args *args)
{
    for (size_t i = 0; i < args->override_count; i++) {
        const char *text = args->overrides[i];
        const char *equals = strchr(text, '=');
        if (equals == NULL || equals == text) {
            conf_findings_add(to->findings, CONF_SEVERITY_ERROR, "", NULL, "-o",
                              "\"%s\" is not of the form key=value", text);
            continue;
        }
        char *name = arena_must_alloc(to->arena, (size_t)(equals - text) + 1);
        memcpy(name, text, (size_t)(equals - text));
        gather(to, name, equals + 1, "-o", false);
    }
}

static bool is_overridden(const struct conf_args *args, const char *name)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < args->override_count; i++) {
        if (strncmp(args->overrides[i], name, size) == 0 && args->overrides[i][size] == '=')
            return true;
    }
    return false;
}

/* The settings of a node that is given no file. Where its listeners are elsewhere than in those,
 * what is advertised follows them. */
static void gather_standalone(struct gather *to, const struct conf_args *args)
{
    struct conf_pair pairs[CONF_STANDALONE_MAX];
    size_t count = conf_standalone(args->data_folder, pairs, ARRAY_COUNT(pairs));
    bool elsewhere = is_overridden(args, "listeners");
    for (size_t i = 0; i < count; i++) {
        if (!elsewhere || strcmp(pairs[i].name, "advertised.listeners") != 0)
            gather(to, pairs[i].name, pairs[i].value, CONF_ORIGIN_STANDALONE, false);
    }
}

/* ---- Applying ---- */

static const struct conf_row *broker_row(enum conf_broker_id id)
{
    size_t count;
    return &conf_rows(CONF_SCOPE_BROKER, &count)[id];
}

static const char *copy(struct arena *arena, const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(arena_must_alloc(arena, size), text, size);
}

static void set_defaults(struct conf *conf)
{
    for (size_t id = 0; id < CONF_BROKER_COUNT; id++) {
        const struct conf_row *row = broker_row((enum conf_broker_id)id);
        struct conf_slot *slot = &conf->slots[id];
        conf_value_default(row, &conf->arena, &slot->value);
        slot->printed = conf_value_print(row, &slot->value, &conf->arena);
    }
}

static void apply_row(const struct conf_checker *checker, enum conf_broker_id id,
                      enum conf_layer layer, const struct conf_setting *setting)
{
    struct conf *conf = checker->conf;
    const struct conf_row *row = broker_row(id);
    struct conf_value value;
    struct buf message = BUF_EMPTY;
    enum err err = conf_value_parse(row, setting->value, &conf->arena, &value, &message);
    if (err != ERR_OK) {
        struct buf allowed = BUF_EMPTY;
        conf_row_allowed_text(row, &allowed);
        conf_findings_add(checker->findings, CONF_SEVERITY_ERROR, row->name,
                          conf_row_sensitive(row) ? "[hidden]" : setting->value, setting->origin,
                          "has to be %s", buf_text(&allowed));
        buf_deinit(&allowed);
        conf->slots[id].bad = true;
    } else {
        struct conf_slot *slot = &conf->slots[id];
        slot->layers[layer] = setting->value;
        slot->origins[layer] = setting->origin;
        /* Layers are applied from the weakest on. */
        slot->value = value;
        slot->printed = conf_value_print(row, &value, &conf->arena);
    }
    buf_deinit(&message);
}

static void apply_extra(struct conf *conf, enum conf_layer layer,
                        const struct conf_setting *setting, size_t capacity)
{
    /* The static ones come first, each name once. */
    for (size_t i = 0; layer != CONF_LAYER_STATIC && i < conf->extra_count; i++) {
        if (strcmp(conf->extras[i].name, setting->name) == 0) {
            conf->extras[i] = *setting;
            return;
        }
    }
    ASSERT(conf->extra_count < capacity);
    conf->extras[conf->extra_count++] = *setting;
}

static void apply_layer(const struct conf_checker *checker, enum conf_layer layer,
                        const struct conf_setting *settings, size_t count, size_t extra_capacity)
{
    for (size_t i = 0; i < count; i++) {
        int index = conf_row_index(CONF_SCOPE_BROKER, settings[i].name);
        if (index >= 0) {
            apply_row(checker, (enum conf_broker_id)index, layer, &settings[i]);
        } else {
            apply_extra(checker->conf, layer, &settings[i], extra_capacity);
            if (layer == CONF_LAYER_STATIC)
                conf_check_unknown(checker, &settings[i]);
        }
    }
}

/* node.id and broker.id stand in for each other. */
static void apply_node_id_synonym(struct conf *conf)
{
    static const enum conf_broker_id ids[] = {CONF_BROKER_NODE_ID, CONF_BROKER_BROKER_ID};
    for (size_t i = 0; i < ARRAY_COUNT(ids); i++) {
        struct conf_slot *to = &conf->slots[ids[i]];
        const struct conf_slot *from = &conf->slots[ids[1 - i]];
        if (to->layers[CONF_LAYER_STATIC] == NULL && !to->bad &&
            (from->layers[CONF_LAYER_STATIC] != NULL || from->bad))
            *to = *from;
    }
}

static void check_required(const struct conf_checker *checker)
{
    for (size_t id = 0; id < CONF_BROKER_COUNT; id++) {
        const struct conf_row *row = broker_row((enum conf_broker_id)id);
        struct conf_slot *slot = &checker->conf->slots[id];
        if (!row->required || slot->bad || slot->layers[CONF_LAYER_STATIC] != NULL)
            continue;
        struct buf allowed = BUF_EMPTY;
        conf_row_allowed_text(row, &allowed);
        conf_findings_add(checker->findings, CONF_SEVERITY_ERROR, row->name, NULL, "",
                          "has to be set, to %s: %s", buf_text(&allowed), row->sentence);
        buf_deinit(&allowed);
        slot->bad = true;
    }
}

struct layers {
    const struct conf_setting *settings[CONF_LAYER_COUNT];
    size_t counts[CONF_LAYER_COUNT];
};

/* Always a conf, which may be used when no error was added. The settings are copied. */
static struct conf *build(const struct layers *layers, const char *host_name,
                          struct conf_findings *findings)
{
    struct conf *conf = mem_zalloc(sizeof *conf);
    arena_init(&conf->arena, ARENA_LIMIT_DEFAULT_BYTES);
    struct arena *arena = &conf->arena;
    struct conf_setting *copies[CONF_LAYER_COUNT];
    size_t total = 0;
    for (size_t layer = 0; layer < CONF_LAYER_COUNT; layer++) {
        size_t count = layers->counts[layer];
        total += count;
        copies[layer] = arena_must_alloc_array(arena, count, sizeof *copies[layer]);
        for (size_t i = 0; i < count; i++) {
            const struct conf_setting *setting = &layers->settings[layer][i];
            copies[layer][i] = (struct conf_setting){.name = copy(arena, setting->name),
                                                     .value = copy(arena, setting->value),
                                                     .origin = copy(arena, setting->origin)};
        }
    }
    conf->settings = copies[CONF_LAYER_STATIC];
    conf->setting_count = layers->counts[CONF_LAYER_STATIC];
    conf->extras = arena_must_alloc_array(arena, total, sizeof *conf->extras);
    conf->host_name = copy(arena, host_name != NULL ? host_name : "localhost");
    struct conf_checker checker = {.conf = conf, .findings = findings};
    set_defaults(conf);
    for (size_t layer = CONF_LAYER_COUNT; layer-- > 0;)
        apply_layer(&checker, (enum conf_layer)layer, copies[layer], layers->counts[layer], total);
    apply_node_id_synonym(conf);
    check_required(&checker);
    conf_check_rules(&checker);
    conf_resolve_cluster(&checker);
    conf_check_service(&checker);
    return conf;
}

/* ---- Doors ---- */

size_t conf_standalone(const char *data_folder, struct conf_pair *out, size_t out_max)
{
    const struct conf_pair pairs[] = {
        {"process.roles", "broker,controller"},
        {"node.id", "1"},
        {"listeners", "PLAINTEXT://:9092,CONTROLLER://localhost:9093"},
        {"advertised.listeners", "PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093"},
        {"controller.listener.names", "CONTROLLER"},
        {"controller.quorum.bootstrap.servers", "localhost:9093"},
        {"listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"},
        {"offsets.topic.replication.factor", "1"},
        {"transaction.state.log.replication.factor", "1"},
        {"transaction.state.log.min.isr", "1"},
        {"share.coordinator.state.topic.replication.factor", "1"},
        {"share.coordinator.state.topic.min.isr", "1"},
        {"group.initial.rebalance.delay.ms", "0"},
        {"log.dirs", data_folder},
    };
    STATIC_ASSERT(ARRAY_COUNT(pairs) <= CONF_STANDALONE_MAX, "CONF_STANDALONE_MAX is too small");
    ASSERT(out_max >= ARRAY_COUNT(pairs));
    size_t count = ARRAY_COUNT(pairs) - (data_folder == NULL);
    memcpy(out, pairs, count * sizeof *out);
    return count;
}

static struct conf_setting *gathered_settings(struct gather *gather)
{
    struct conf_setting *settings =
        arena_must_alloc_array(gather->arena, gather->by_name.count, sizeof *settings);
    HMAP_FOR_EACH (node, &gather->by_name) {
        const struct gathered *one = HMAP_ENTRY(node, struct gathered, node);
        settings[one->order] = one->setting;
    }
    return settings;
}

enum err conf_load(const struct conf_args *args, struct conf_findings *findings, struct conf **out)
{
    *out = NULL;
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    struct gather to = {.arena = &arena, .findings = findings};
    hmap_init(&to.by_name);
    size_t errors_before = findings->error_count;
    if (args->file_data != NULL)
        gather_file(&to, args);
    else
        gather_standalone(&to, args);
    gather_overrides(&to, args);
    struct layers layers = {0};
    layers.settings[CONF_LAYER_STATIC] = gathered_settings(&to);
    layers.counts[CONF_LAYER_STATIC] = to.by_name.count;
    struct conf *conf = NULL;
    /* After a broken file what is missing says nothing. */
    if (findings->error_count == errors_before)
        conf = build(&layers, args->file_data != NULL ? args->host_name : "localhost", findings);
    hmap_deinit(&to.by_name);
    arena_deinit(&arena);
    if (findings->error_count > errors_before) {
        conf_free(conf);
        return ERR_INVALID;
    }
    *out = conf;
    return ERR_OK;
}

struct conf *conf_of(const struct conf_pair *pairs, size_t count)
{
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    struct conf_findings findings;
    conf_findings_init(&findings);
    struct gather to = {.arena = &arena, .findings = &findings};
    hmap_init(&to.by_name);
    struct conf_pair standalone[CONF_STANDALONE_MAX];
    size_t standalone_count = conf_standalone("data", standalone, ARRAY_COUNT(standalone));
    for (size_t i = 0; i < standalone_count; i++)
        gather(&to, standalone[i].name, standalone[i].value, CONF_ORIGIN_STANDALONE, false);
    for (size_t i = 0; i < count; i++)
        gather(&to, pairs[i].name, pairs[i].value, "", false);
    struct layers layers = {0};
    layers.settings[CONF_LAYER_STATIC] = gathered_settings(&to);
    layers.counts[CONF_LAYER_STATIC] = to.by_name.count;
    struct conf *conf = build(&layers, NULL, &findings);
    for (size_t i = 0; i < findings.count; i++) {
        if (findings.items[i].severity == CONF_SEVERITY_ERROR) {
            struct buf line = BUF_EMPTY;
            conf_finding_print(&findings.items[i], &line);
            PANIC("%s", buf_text(&line));
        }
    }
    hmap_deinit(&to.by_name);
    arena_deinit(&arena);
    conf_findings_deinit(&findings);
    return conf;
}

/* The pairs that are right by themselves, as settings; the others are told. */
static size_t good_settings(struct arena *arena, const struct conf_pair *pairs, size_t count,
                            const char *origin, struct conf_findings *findings,
                            struct conf_setting *out)
{
    size_t good = 0;
    for (size_t i = 0; i < count; i++) {
        const struct conf_row *row = conf_row_find(CONF_SCOPE_BROKER, pairs[i].name);
        struct conf_value value;
        struct buf message = BUF_EMPTY;
        enum err err = pairs[i].value == NULL ? ERR_INVALID : ERR_OK;
        if (row != NULL && err == ERR_OK)
            err = conf_value_parse(row, pairs[i].value, arena, &value, &message);
        if (err == ERR_OK)
            out[good++] = (struct conf_setting){
                .name = pairs[i].name, .value = pairs[i].value, .origin = origin};
        else
            conf_findings_add(findings, CONF_SEVERITY_WARNING, pairs[i].name, NULL, origin,
                              "is left out: %s", buf_text(&message));
        buf_deinit(&message);
    }
    return good;
}

struct conf *conf_with_dynamic(const struct conf *base, const struct conf_pair *broker,
                               size_t broker_count, const struct conf_pair *defaults,
                               size_t default_count, struct conf_findings *findings)
{
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    struct conf_setting *own = arena_must_alloc_array(&arena, broker_count, sizeof *own);
    struct conf_setting *all = arena_must_alloc_array(&arena, default_count, sizeof *all);
    struct layers layers = {0};
    layers.settings[CONF_LAYER_STATIC] = base->settings;
    layers.counts[CONF_LAYER_STATIC] = base->setting_count;
    layers.settings[CONF_LAYER_DYNAMIC] = own;
    layers.counts[CONF_LAYER_DYNAMIC] =
        good_settings(&arena, broker, broker_count, CONF_ORIGIN_DYNAMIC, findings, own);
    layers.settings[CONF_LAYER_DYNAMIC_DEFAULT] = all;
    layers.counts[CONF_LAYER_DYNAMIC_DEFAULT] =
        good_settings(&arena, defaults, default_count, CONF_ORIGIN_DYNAMIC_DEFAULT, findings, all);
    /* What is right by itself but not together is left out layer by layer: the static one, which
     * the node was started with, is right. */
    struct conf *conf;
    for (size_t drop = 0;; drop++) {
        struct conf_findings tried;
        conf_findings_init(&tried);
        conf = build(&layers, base->host_name, &tried);
        size_t errors = tried.error_count;
        for (size_t i = 0; i < tried.count && errors > 0; i++)
            if (tried.items[i].severity == CONF_SEVERITY_ERROR)
                conf_findings_add(findings, CONF_SEVERITY_WARNING, tried.items[i].name,
                                  tried.items[i].value, tried.items[i].origin, "is left out: %s",
                                  tried.items[i].text);
        conf_findings_deinit(&tried);
        if (errors == 0)
            break;
        ASSERT(drop < CONF_LAYER_STATIC);
        layers.counts[drop] = 0;
        conf_free(conf);
    }
    arena_deinit(&arena);
    return conf;
}

void conf_free(struct conf *conf)
{
    if (conf == NULL)
        return;
    arena_deinit(&conf->arena);
    mem_free(conf);
}
