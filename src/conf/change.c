#include "conf/change.h"

#include "conf/conf_int.h"

#include "conf/topic.h"

#include <inttypes.h>
#include <string.h>

bool conf_row_is_list(enum conf_scope scope, const char *name)
{
    const struct conf_row *row = conf_row_find(scope, name);
    return row != NULL && row->type == CONF_TYPE_LIST;
}

/* ---- Lists ---- */

struct parts {
    const char **items;
    size_t count;
};

/* Between commas, without the white space around them; of empty ones those in between are kept. */
static struct parts split(struct arena *arena, const char *text)
{
    size_t most = 1;
    for (const char *at = text; *at != '\0'; at++)
        most += *at == ',';
    struct parts parts = {.items = arena_must_alloc_array(arena, most, sizeof(char *))};
    for (const char *at = text;;) {
        size_t size = strcspn(at, ",");
        parts.items[parts.count++] = conf_trim(arena_printf(arena, "%.*s", (int)size, at), arena);
        if (at[size] == '\0')
            break;
        at += size + 1;
    }
    while (parts.count > 1 && parts.items[parts.count - 1][0] == '\0')
        parts.count--;
    return parts;
}

static bool has(const struct parts *parts, const char *item)
{
    for (size_t i = 0; i < parts->count; i++) {
        if (strcmp(parts->items[i], item) == 0)
            return true;
    }
    return false;
}

static const char *join(struct arena *arena, const struct parts *parts)
{
    size_t size = 1;
    for (size_t i = 0; i < parts->count; i++)
        size += strlen(parts->items[i]) + 1;
    char *text = arena_must_alloc(arena, size);
    size_t at = 0;
    for (size_t i = 0; i < parts->count; i++) {
        size_t part = strlen(parts->items[i]);
        if (i > 0)
            text[at++] = ',';
        memcpy(text + at, parts->items[i], part);
        at += part;
    }
    text[at] = '\0';
    return text;
}

const char *conf_list_change(const char *now, const char *given, bool append, struct arena *arena)
{
    struct parts have = split(arena, now == NULL ? "" : now);
    struct parts wanted = split(arena, given);
    if (have.count + wanted.count > CONF_LIST_ITEMS_MAX)
        return NULL;
    struct parts all = {
        .items = arena_must_alloc_array(arena, have.count + wanted.count, sizeof(char *))};
    for (size_t i = 0; i < have.count; i++) {
        if (have.items[i][0] != '\0' && (append || !has(&wanted, have.items[i])))
            all.items[all.count++] = have.items[i];
    }
    for (size_t i = 0; append && i < wanted.count; i++) {
        if (!has(&all, wanted.items[i]))
            all.items[all.count++] = wanted.items[i];
    }
    return join(arena, &all);
}

int conf_listener_base(const char *name)
{
    static const char prefix[] = "listener.name.";
    if (strncmp(name, prefix, sizeof prefix - 1) != 0)
        return -1;
    for (const char *dot = strchr(name + sizeof prefix - 1, '.'); dot != NULL;
         dot = strchr(dot + 1, '.')) {
        int index = conf_row_index(CONF_SCOPE_BROKER, dot + 1);
        if (index >= 0)
            return index;
    }
    return -1;
}

/* A broker's setting, or the one that it is for a listener. NULL: it is none. */
static const struct conf_row *row_of(const char *name)
{
    const struct conf_row *row = conf_row_find(CONF_SCOPE_BROKER, name);
    int base = row == NULL ? conf_listener_base(name) : -1;
    size_t count;
    return base >= 0 ? &conf_rows(CONF_SCOPE_BROKER, &count)[base] : row;
}

/* The value by itself. */
static enum conf_refusal check_one(const struct conf_row *row, const char *text,
                                   enum conf_refusal refusal, struct buf *message)
{
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    struct conf_value value;
    enum err err = conf_value_parse(row, text, &arena, &value, message);
    arena_deinit(&arena);
    return err == ERR_OK ? CONF_REFUSAL_NONE : refusal;
}

/* ---- Brokers ---- */

/* Names that may not be changed so: "what: [name, name]". */
struct refused_names {
    const char *what;
    struct buf *message;
    bool any;
};

static void refuse_name(struct refused_names *refused, const char *name)
{
    if (!refused->any)
        buf_printf(refused->message, "%s: [", refused->what);
    buf_printf(refused->message, "%s%s", refused->any ? ", " : "", name);
    refused->any = true;
}

static enum conf_refusal refused_end(struct refused_names *refused)
{
    if (!refused->any)
        return CONF_REFUSAL_NONE;
    buf_put_text(refused->message, "]");
    return CONF_REFUSAL_REQUEST;
}

/* Keys and certificates: for one listener at a time (listener.name.x.*). */
static bool is_of_listener(const char *name)
{
    static const char words[] =
        "ssl.key.password,ssl.keystore.certificate.chain,ssl.keystore.key,ssl.keystore.location,"
        "ssl.keystore.password,ssl.keystore.type,ssl.truststore.certificates,"
        "ssl.truststore.location,ssl.truststore.password,ssl.truststore.type";
    return conf_word_in(words, name, false);
}

static enum conf_refusal check_names(const struct conf_change *change, struct buf *message)
{
    struct refused_names fixed = {"Cannot update these configs dynamically", message, false};
    for (size_t i = 0; i < change->count; i++) {
        const struct conf_row *row = conf_row_find(CONF_SCOPE_BROKER, change->pairs[i].name);
        if (row != NULL && row->mode == CONF_MODE_READ_ONLY)
            refuse_name(&fixed, row->name);
    }
    if (fixed.any)
        return refused_end(&fixed);
    struct refused_names bare = {"These security configs can be dynamically updated only "
                                 "per-listener using the listener prefix",
                                 message, false};
    for (size_t i = 0; i < change->count; i++) {
        if (is_of_listener(change->pairs[i].name))
            refuse_name(&bare, change->pairs[i].name);
    }
    return refused_end(&bare);
}

static enum conf_refusal check_values(const struct conf_change *change, struct buf *message)
{
    for (size_t i = 0; i < change->count; i++) {
        const struct conf_row *row = row_of(change->pairs[i].name);
        if (row == NULL)
            continue;
        enum conf_refusal refusal =
            check_one(row, change->pairs[i].value, CONF_REFUSAL_REQUEST, message);
        if (refusal != CONF_REFUSAL_NONE)
            return refusal;
    }
    return CONF_REFUSAL_NONE;
}

static enum conf_refusal check_scope(const struct conf_change *change, struct buf *message)
{
    struct refused_names own = {
        "Cannot update these configs at default cluster level, broker id must be specified",
        message, false};
    for (size_t i = 0; i < change->count && change->all_brokers; i++) {
        const struct conf_row *row = row_of(change->pairs[i].name);
        if (row != NULL && row->mode == CONF_MODE_PER_BROKER)
            refuse_name(&own, change->pairs[i].name);
    }
    return refused_end(&own);
}

static void refuse_threads(struct buf *message, enum conf_broker_id id, int64_t wanted,
                           bool too_many, int64_t now)
{
    size_t count;
    const char *name = conf_rows(CONF_SCOPE_BROKER, &count)[id].name;
    buf_put_text(message, "Invalid value org.apache.kafka.common.config.ConfigException: ");
    if (id == CONF_BROKER_LOG_CLEANER_THREADS)
        buf_printf(message, "Log cleaner threads cannot be %s the current value %" PRId64,
                   too_many ? "increased to more than double" : "reduced to less than half", now);
    else
        buf_printf(message,
                   "Dynamic thread count update validation failed for %s=%" PRId64
                   ", value should %s the current value %" PRId64,
                   name, wanted, too_many ? "not be greater than double" : "be at least half", now);
    buf_put_text(message, " for configuration Invalid dynamic configuration");
}

/* Kafka changes the sizes of its pools by twice at most. */
static enum conf_refusal check_threads(const struct conf *now, const struct conf *then,
                                       struct buf *message)
{
    static const enum conf_broker_id ids[] = {
        CONF_BROKER_BACKGROUND_THREADS,
        CONF_BROKER_LOG_CLEANER_THREADS,
        CONF_BROKER_NUM_IO_THREADS,
        CONF_BROKER_NUM_NETWORK_THREADS,
        CONF_BROKER_NUM_RECOVERY_THREADS_PER_DATA_DIR,
        CONF_BROKER_NUM_REPLICA_FETCHERS,
    };
    for (size_t i = 0; i < ARRAY_COUNT(ids); i++) {
        int64_t have = conf_int(now, ids[i]);
        int64_t want = conf_int(then, ids[i]);
        if (want >= have / 2 && want <= have * 2)
            continue;
        refuse_threads(message, ids[i], want, want > have, have);
        return CONF_REFUSAL_REQUEST;
    }
    return CONF_REFUSAL_NONE;
}

/* What is kept on this node cannot be more than what is kept at all. */
static enum conf_refusal check_local_retention(const struct conf *then, struct buf *message)
{
    static const struct {
        enum conf_broker_id local, all;
    } ids[] = {{CONF_BROKER_LOG_LOCAL_RETENTION_MS, CONF_BROKER_LOG_RETENTION_MS},
               {CONF_BROKER_LOG_LOCAL_RETENTION_BYTES, CONF_BROKER_LOG_RETENTION_BYTES}};
    struct conf_topic topic;
    conf_topic_resolve(then, NULL, 0, NULL, &topic);
    const int64_t limits[] = {topic.retention_ms, topic.retention_bytes};
    size_t count;
    const struct conf_row *rows = conf_rows(CONF_SCOPE_BROKER, &count);
    for (size_t i = 0; i < ARRAY_COUNT(ids); i++) {
        int64_t local = conf_int(then, ids[i].local);
        bool ok = local == -2 || limits[i] < 0 || (local >= 0 && local <= limits[i]);
        if (ok)
            continue;
        buf_printf(message,
                   "Invalid value org.apache.kafka.common.config.ConfigException: Invalid value "
                   "%" PRId64 " for configuration %s: Value must not be %s %s property value: "
                   "%" PRId64 " for configuration Invalid dynamic configuration",
                   local, rows[ids[i].local].name, local == -1 ? "-1 as" : "more than",
                   rows[ids[i].all].name, limits[i]);
        return CONF_REFUSAL_REQUEST;
    }
    return CONF_REFUSAL_NONE;
}

/* ottla binds its listeners once. */
static enum conf_refusal check_bound(const struct conf *now, const struct conf_change *change,
                                     struct buf *message)
{
    static const enum conf_broker_id ids[] = {CONF_BROKER_LISTENERS,
                                              CONF_BROKER_LISTENER_SECURITY_PROTOCOL_MAP};
    size_t count;
    const struct conf_row *rows = conf_rows(CONF_SCOPE_BROKER, &count);
    for (size_t i = 0; i < change->count; i++) {
        for (size_t j = 0; j < ARRAY_COUNT(ids); j++) {
            const char *name = rows[ids[j]].name;
            const char *have = conf_printed(now, ids[j]);
            if (strcmp(change->pairs[i].name, name) != 0 ||
                (have != NULL && strcmp(have, change->pairs[i].value) == 0))
                continue;
            buf_printf(message,
                       "%s does not change while the node runs: set it in its file and "
                       "start it again",
                       name);
            return CONF_REFUSAL_REQUEST;
        }
    }
    return CONF_REFUSAL_NONE;
}

/* With everything else that the node runs on. */
static enum conf_refusal check_together(const struct conf *conf, const struct conf_change *change,
                                        struct buf *message)
{
    const struct conf_pair *own = change->all_brokers ? change->others : change->pairs;
    size_t own_count = change->all_brokers ? change->other_count : change->count;
    const struct conf_pair *all = change->all_brokers ? change->pairs : change->others;
    size_t all_count = change->all_brokers ? change->count : change->other_count;
    struct conf_findings findings;
    conf_findings_init(&findings);
    enum conf_refusal refusal = CONF_REFUSAL_NONE;
    struct conf *then = conf_with_dynamic(conf, own, own_count, all, all_count, &findings);
    if (findings.count > 0) {
        static const char prefix[] = "is left out: ";
        const char *text = findings.items[0].text;
        if (strncmp(text, prefix, sizeof prefix - 1) == 0)
            text += sizeof prefix - 1;
        buf_printf(message, "%s %s", findings.items[0].name, text);
        refusal = CONF_REFUSAL_REQUEST;
    } else {
        refusal = check_threads(conf, then, message);
        if (refusal == CONF_REFUSAL_NONE)
            refusal = check_local_retention(then, message);
    }
    conf_free(then);
    conf_findings_deinit(&findings);
    return refusal;
}

enum conf_refusal conf_check_dynamic(const struct conf *conf, const struct conf_change *change,
                                     struct buf *message)
{
    enum conf_refusal refusal = check_names(change, message);
    if (refusal == CONF_REFUSAL_NONE)
        refusal = check_values(change, message);
    if (refusal == CONF_REFUSAL_NONE)
        refusal = check_scope(change, message);
    if (refusal == CONF_REFUSAL_NONE)
        refusal = check_bound(conf, change, message);
    if (refusal == CONF_REFUSAL_NONE)
        refusal = check_together(conf, change, message);
    return refusal;
}

/* ---- Groups ---- */

/* A group's setting and the broker's that bound it, in the order in which Kafka looks at them. */
struct group_limit {
    enum conf_group_id id;
    int low;  /* enum conf_broker_id, or NO_LIMIT */
    int high; /* likewise */
};
#define NO_LIMIT (-1)

static const struct group_limit group_limits[] = {
    {CONF_GROUP_CONSUMER_HEARTBEAT_INTERVAL_MS,
     CONF_BROKER_GROUP_CONSUMER_MIN_HEARTBEAT_INTERVAL_MS,
     CONF_BROKER_GROUP_CONSUMER_MAX_HEARTBEAT_INTERVAL_MS},
    {CONF_GROUP_CONSUMER_SESSION_TIMEOUT_MS, CONF_BROKER_GROUP_CONSUMER_MIN_SESSION_TIMEOUT_MS,
     CONF_BROKER_GROUP_CONSUMER_MAX_SESSION_TIMEOUT_MS},
    {CONF_GROUP_CONSUMER_ASSIGNMENT_INTERVAL_MS,
     CONF_BROKER_GROUP_CONSUMER_MIN_ASSIGNMENT_INTERVAL_MS,
     CONF_BROKER_GROUP_CONSUMER_MAX_ASSIGNMENT_INTERVAL_MS},
    {CONF_GROUP_SHARE_HEARTBEAT_INTERVAL_MS, CONF_BROKER_GROUP_SHARE_MIN_HEARTBEAT_INTERVAL_MS,
     CONF_BROKER_GROUP_SHARE_MAX_HEARTBEAT_INTERVAL_MS},
    {CONF_GROUP_SHARE_SESSION_TIMEOUT_MS, CONF_BROKER_GROUP_SHARE_MIN_SESSION_TIMEOUT_MS,
     CONF_BROKER_GROUP_SHARE_MAX_SESSION_TIMEOUT_MS},
    {CONF_GROUP_SHARE_RECORD_LOCK_DURATION_MS, CONF_BROKER_GROUP_SHARE_MIN_RECORD_LOCK_DURATION_MS,
     CONF_BROKER_GROUP_SHARE_MAX_RECORD_LOCK_DURATION_MS},
    {CONF_GROUP_SHARE_DELIVERY_COUNT_LIMIT, CONF_BROKER_GROUP_SHARE_MIN_DELIVERY_COUNT_LIMIT,
     CONF_BROKER_GROUP_SHARE_MAX_DELIVERY_COUNT_LIMIT},
    {CONF_GROUP_SHARE_PARTITION_MAX_RECORD_LOCKS,
     CONF_BROKER_GROUP_SHARE_MIN_PARTITION_MAX_RECORD_LOCKS,
     CONF_BROKER_GROUP_SHARE_MAX_PARTITION_MAX_RECORD_LOCKS},
    {CONF_GROUP_SHARE_ASSIGNMENT_INTERVAL_MS, CONF_BROKER_GROUP_SHARE_MIN_ASSIGNMENT_INTERVAL_MS,
     CONF_BROKER_GROUP_SHARE_MAX_ASSIGNMENT_INTERVAL_MS},
    {CONF_GROUP_STREAMS_HEARTBEAT_INTERVAL_MS, CONF_BROKER_GROUP_STREAMS_MIN_HEARTBEAT_INTERVAL_MS,
     CONF_BROKER_GROUP_STREAMS_MAX_HEARTBEAT_INTERVAL_MS},
    {CONF_GROUP_STREAMS_SESSION_TIMEOUT_MS, CONF_BROKER_GROUP_STREAMS_MIN_SESSION_TIMEOUT_MS,
     CONF_BROKER_GROUP_STREAMS_MAX_SESSION_TIMEOUT_MS},
    {CONF_GROUP_STREAMS_NUM_STANDBY_REPLICAS, NO_LIMIT,
     CONF_BROKER_GROUP_STREAMS_MAX_STANDBY_REPLICAS},
    {CONF_GROUP_STREAMS_ASSIGNMENT_INTERVAL_MS,
     CONF_BROKER_GROUP_STREAMS_MIN_ASSIGNMENT_INTERVAL_MS,
     CONF_BROKER_GROUP_STREAMS_MAX_ASSIGNMENT_INTERVAL_MS},
};

static bool is_within(const struct conf *conf, const char *name, int64_t value, int limit, bool low,
                      struct buf *message)
{
    if (limit == NO_LIMIT)
        return true;
    int64_t bound = conf_int(conf, (enum conf_broker_id)limit);
    if (low ? value >= bound : value <= bound)
        return true;
    size_t count;
    buf_printf(message, "%s must be %s than or equal to %s", name, low ? "greater" : "less",
               conf_rows(CONF_SCOPE_BROKER, &count)[limit].name);
    return false;
}

/* Only what the group says itself is held against the limits. */
static enum conf_refusal check_group_limits(const struct conf *conf, const int64_t *values,
                                            const bool *given, struct buf *message)
{
    size_t count;
    const struct conf_row *rows = conf_rows(CONF_SCOPE_GROUP, &count);
    for (size_t i = 0; i < ARRAY_COUNT(group_limits); i++) {
        const struct group_limit *limit = &group_limits[i];
        if (given[limit->id] &&
            (!is_within(conf, rows[limit->id].name, values[limit->id], limit->low, true, message) ||
             !is_within(conf, rows[limit->id].name, values[limit->id], limit->high, false,
                        message)))
            return CONF_REFUSAL_VALUE;
    }
    return CONF_REFUSAL_NONE;
}

enum conf_refusal conf_check_group(const struct conf *conf, const struct conf_pair *pairs,
                                   size_t count, struct buf *message)
{
    for (size_t i = 0; i < count; i++) {
        if (conf_row_find(CONF_SCOPE_GROUP, pairs[i].name) == NULL) {
            buf_printf(message, "Unknown group config name: %s", pairs[i].name);
            return CONF_REFUSAL_VALUE;
        }
    }
    int64_t values[CONF_GROUP_COUNT] = {0};
    bool given[CONF_GROUP_COUNT] = {0};
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    enum conf_refusal refusal = CONF_REFUSAL_NONE;
    for (size_t i = 0; i < count && refusal == CONF_REFUSAL_NONE; i++) {
        int id = conf_row_index(CONF_SCOPE_GROUP, pairs[i].name);
        size_t row_count;
        struct conf_value value;
        if (conf_value_parse(&conf_rows(CONF_SCOPE_GROUP, &row_count)[id], pairs[i].value, &arena,
                             &value, message) != ERR_OK) {
            refusal = CONF_REFUSAL_VALUE;
            break;
        }
        values[id] = value.number;
        given[id] = true;
    }
    arena_deinit(&arena);
    if (refusal == CONF_REFUSAL_NONE)
        refusal = check_group_limits(conf, values, given, message);
    return refusal;
}

/* ---- Client metrics ---- */

#define INTERVAL_MS_MIN 100
#define INTERVAL_MS_MAX 3600000

/* Can these bytes be a regular expression? Not all that cannot be one are found. */
static bool looks_like_pattern(const char *text)
{
    int depth = 0;
    bool in_class = false, can_repeat = false;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '\\') {
            if (*++at == '\0')
                return false;
            can_repeat = true;
        } else if (in_class) {
            in_class = *at != ']';
            can_repeat = true;
        } else if (*at == '[') {
            in_class = true;
        } else if (*at == '(') {
            depth++;
            can_repeat = false;
        } else if (*at == ')') {
            if (--depth < 0)
                return false;
            can_repeat = true;
        } else if (*at == '*' || *at == '+' || *at == '?') {
            if (!can_repeat && !(*at == '?' && depth > 0))
                return false;
        } else {
            can_repeat = *at != '|';
        }
    }
    return depth == 0 && !in_class;
}

/* key=pattern, of which neither may hold a further "=". */
static bool is_match(const char *text, struct arena *arena)
{
    static const char keys[] = "client_instance_id,client_id,client_software_name,"
                               "client_software_version,client_source_address,client_source_port";
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals[1] == '\0' || strchr(equals + 1, '=') != NULL)
        return false;
    char *key = arena_printf(arena, "%.*s", (int)(equals - text), text);
    return conf_word_in(keys, conf_trim(key, arena), false) &&
           looks_like_pattern(conf_trim(equals + 1, arena));
}

static enum conf_refusal check_metrics_value(enum conf_client_metrics_id id, const char *text,
                                             struct arena *arena, struct buf *message)
{
    size_t count;
    const struct conf_row *row = &conf_rows(CONF_SCOPE_CLIENT_METRICS, &count)[id];
    struct conf_value value;
    if (conf_value_parse(row, text, arena, &value, message) != ERR_OK)
        return CONF_REFUSAL_VALUE;
    if (id == CONF_CLIENT_METRICS_INTERVAL_MS &&
        (value.number < INTERVAL_MS_MIN || value.number > INTERVAL_MS_MAX)) {
        buf_printf(message,
                   "Invalid value %" PRId64 " for %s, interval must be between %d and %d (1 hour)",
                   value.number, row->name, INTERVAL_MS_MIN, INTERVAL_MS_MAX);
        return CONF_REFUSAL_REQUEST;
    }
    for (size_t i = 0; id == CONF_CLIENT_METRICS_MATCH && i < value.item_count; i++) {
        if (is_match(value.items[i], arena))
            continue;
        buf_printf(message, "Illegal client matching pattern: %s", value.items[i]);
        return CONF_REFUSAL_VALUE;
    }
    return CONF_REFUSAL_NONE;
}

enum conf_refusal conf_check_client_metrics(const struct conf_pair *pairs, size_t count,
                                            struct buf *message)
{
    for (size_t i = 0; i < count; i++) {
        if (conf_row_find(CONF_SCOPE_CLIENT_METRICS, pairs[i].name) == NULL) {
            buf_printf(message, "Unknown client metrics configuration: %s", pairs[i].name);
            return CONF_REFUSAL_REQUEST;
        }
    }
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    enum conf_refusal refusal = CONF_REFUSAL_NONE;
    for (size_t i = 0; i < count && refusal == CONF_REFUSAL_NONE; i++)
        refusal = check_metrics_value(
            (enum conf_client_metrics_id)conf_row_index(CONF_SCOPE_CLIENT_METRICS, pairs[i].name),
            pairs[i].value, &arena, message);
    arena_deinit(&arena);
    return refusal;
}
