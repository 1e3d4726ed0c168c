/*
 * Rules across settings. They are Kafka's (KafkaConfig.validateValues and the coordinators'
 * configurations); tests/unit/conf/test_broker_cases.c compares with what it accepts.
 */
#include "conf/conf_int.h"

#include <string.h>

static const char *name_of(enum conf_broker_id id)
{
    size_t count;
    return conf_rows(CONF_SCOPE_BROKER, &count)[id].name;
}

/* ---- One setting at most, or below, another ---- */

struct order_rule {
    enum conf_broker_id low;
    enum conf_broker_id high;
    bool strict; /* less, not only at most */
};

#define MIN_VALUE_MAX(group, what)                                                           \
    {CONF_BROKER_GROUP_##group##_MIN_##what, CONF_BROKER_GROUP_##group##_MAX_##what, false}, \
        {CONF_BROKER_GROUP_##group##_MIN_##what, CONF_BROKER_GROUP_##group##_##what, false}, \
    {                                                                                        \
        CONF_BROKER_GROUP_##group##_##what, CONF_BROKER_GROUP_##group##_MAX_##what, false    \
    }

static const struct order_rule order_rules[] = {
    {CONF_BROKER_REPLICA_FETCH_WAIT_MAX_MS, CONF_BROKER_REPLICA_SOCKET_TIMEOUT_MS, false},
    {CONF_BROKER_REPLICA_FETCH_WAIT_MAX_MS, CONF_BROKER_REPLICA_LAG_TIME_MAX_MS, false},
    MIN_VALUE_MAX(CONSUMER, SESSION_TIMEOUT_MS),
    MIN_VALUE_MAX(CONSUMER, HEARTBEAT_INTERVAL_MS),
    MIN_VALUE_MAX(CONSUMER, ASSIGNMENT_INTERVAL_MS),
    {CONF_BROKER_GROUP_CONSUMER_HEARTBEAT_INTERVAL_MS,
     CONF_BROKER_GROUP_CONSUMER_SESSION_TIMEOUT_MS, true},
    MIN_VALUE_MAX(SHARE, SESSION_TIMEOUT_MS),
    MIN_VALUE_MAX(SHARE, HEARTBEAT_INTERVAL_MS),
    MIN_VALUE_MAX(SHARE, ASSIGNMENT_INTERVAL_MS),
    MIN_VALUE_MAX(SHARE, DELIVERY_COUNT_LIMIT),
    MIN_VALUE_MAX(SHARE, PARTITION_MAX_RECORD_LOCKS),
    MIN_VALUE_MAX(SHARE, RECORD_LOCK_DURATION_MS),
    {CONF_BROKER_GROUP_SHARE_HEARTBEAT_INTERVAL_MS, CONF_BROKER_GROUP_SHARE_SESSION_TIMEOUT_MS,
     true},
    {CONF_BROKER_GROUP_SHARE_MAX_SIZE, CONF_BROKER_GROUP_SHARE_MAX_SHARE_SESSIONS, false},
    MIN_VALUE_MAX(STREAMS, SESSION_TIMEOUT_MS),
    MIN_VALUE_MAX(STREAMS, HEARTBEAT_INTERVAL_MS),
    MIN_VALUE_MAX(STREAMS, ASSIGNMENT_INTERVAL_MS),
    {CONF_BROKER_GROUP_STREAMS_HEARTBEAT_INTERVAL_MS, CONF_BROKER_GROUP_STREAMS_SESSION_TIMEOUT_MS,
     true},
    {CONF_BROKER_GROUP_STREAMS_NUM_STANDBY_REPLICAS, CONF_BROKER_GROUP_STREAMS_MAX_STANDBY_REPLICAS,
     false},
};

static void check_order(const struct conf_checker *checker)
{
    const struct conf *conf = checker->conf;
    for (size_t i = 0; i < ARRAY_COUNT(order_rules); i++) {
        const struct order_rule *rule = &order_rules[i];
        if (!conf_good(conf, rule->low) || !conf_good(conf, rule->high))
            continue;
        int64_t low = conf_int(conf, rule->low);
        int64_t high = conf_int(conf, rule->high);
        if (low < high || (low == high && !rule->strict))
            continue;
        /* Tell it about the one that was set. */
        if (conf_is_set(conf, rule->low) || !conf_is_set(conf, rule->high))
            conf_wrong(checker, rule->low, "has to be %s %s, which is %lld",
                       rule->strict ? "less than" : "at most", name_of(rule->high),
                       (long long)high);
        else
            conf_wrong(checker, rule->high, "has to be %s %s, which is %lld",
                       rule->strict ? "more than" : "at least", name_of(rule->low), (long long)low);
    }
}

/* ---- The log ---- */

static void check_retention(const struct conf_checker *checker)
{
    static const enum conf_broker_id ids[] = {CONF_BROKER_LOG_RETENTION_MS,
                                              CONF_BROKER_LOG_RETENTION_MINUTES,
                                              CONF_BROKER_LOG_RETENTION_HOURS};
    for (size_t i = 0; i < ARRAY_COUNT(ids); i++) {
        if (conf_is_null(checker->conf, ids[i]))
            continue;
        /* Below 0 means for ever, as -1 does. */
        if (conf_good(checker->conf, ids[i]) && conf_int(checker->conf, ids[i]) == 0)
            conf_wrong(checker, ids[i], "has to be at least 1, or -1 for ever");
        return;
    }
}

static void check_log(const struct conf_checker *checker)
{
    const struct conf *conf = checker->conf;
    check_retention(checker);
    if (!conf_is_null(conf, CONF_BROKER_LOG_ROLL_MS) && conf_int(conf, CONF_BROKER_LOG_ROLL_MS) < 1)
        conf_wrong(checker, CONF_BROKER_LOG_ROLL_MS, "has to be at least 1");
    if (!conf_is_null(conf, CONF_BROKER_LOG_ROLL_JITTER_MS) &&
        conf_int(conf, CONF_BROKER_LOG_ROLL_JITTER_MS) < 0)
        conf_wrong(checker, CONF_BROKER_LOG_ROLL_JITTER_MS, "has to be at least 0");
    int64_t cleaners = conf_int(conf, CONF_BROKER_LOG_CLEANER_THREADS);
    int64_t dedupe_bytes = conf_int(conf, CONF_BROKER_LOG_CLEANER_DEDUPE_BUFFER_SIZE);
    if (cleaners == 0)
        conf_wrong(checker, CONF_BROKER_LOG_CLEANER_THREADS, "has to be at least 1");
    else if (dedupe_bytes / cleaners <= 1024 * 1024)
        conf_wrong(checker, CONF_BROKER_LOG_CLEANER_DEDUPE_BUFFER_SIZE,
                   "has to be more than 1048576 for each of the %lld of "
                   "log.cleaner.threads",
                   (long long)cleaners);
    static const enum conf_broker_id codecs[] = {
        CONF_BROKER_OFFSETS_TOPIC_COMPRESSION_CODEC,
        CONF_BROKER_SHARE_COORDINATOR_STATE_TOPIC_COMPRESSION_CODEC};
    for (size_t i = 0; i < ARRAY_COUNT(codecs); i++) {
        int64_t codec = conf_int(conf, codecs[i]);
        if (codec < 0 || codec > 4)
            conf_wrong(checker, codecs[i],
                       "has to be 0 (none), 1 (gzip), 2 (snappy), 3 (lz4) or 4 (zstd)");
    }
}

static void check_cordoned(const struct conf_checker *checker)
{
    const struct conf *conf = checker->conf;
    struct conf_list cordoned = conf_list(conf, CONF_BROKER_CORDONED_LOG_DIRS);
    struct conf_list dirs = conf_log_dirs(conf);
    if (!conf_good(conf, CONF_BROKER_LOG_DIRS) || !conf_good(conf, CONF_BROKER_LOG_DIR))
        return;
    for (size_t i = 0; i < cordoned.count; i++) {
        if (strcmp(cordoned.items[i], "*") == 0) {
            if (cordoned.count > 1)
                conf_wrong(checker, CONF_BROKER_CORDONED_LOG_DIRS,
                           "has to be either * or a list of folders");
            return;
        }
        bool found = false;
        for (size_t j = 0; j < dirs.count && !found; j++)
            found = strcmp(dirs.items[j], cordoned.items[i]) == 0;
        if (!found)
            conf_wrong(checker, CONF_BROKER_CORDONED_LOG_DIRS,
                       "%s is not one of log.dirs or log.dir", cordoned.items[i]);
    }
}

/* ---- Sockets and groups ---- */

static void check_connections(const struct conf_checker *checker)
{
    const struct conf *conf = checker->conf;
    int64_t idle_ms = conf_int(conf, CONF_BROKER_CONNECTIONS_MAX_IDLE_MS);
    int64_t failed_ms = conf_int(conf, CONF_BROKER_CONNECTION_FAILED_AUTHENTICATION_DELAY_MS);
    if (idle_ms >= 0 && failed_ms >= idle_ms)
        conf_wrong(checker, CONF_BROKER_CONNECTIONS_MAX_IDLE_MS,
                   "has to be more than connection.failed.authentication.delay.ms, which is %lld, "
                   "or -1",
                   (long long)failed_ms);
    int64_t queued = conf_int(conf, CONF_BROKER_QUEUED_MAX_REQUEST_BYTES);
    int64_t request = conf_int(conf, CONF_BROKER_SOCKET_REQUEST_MAX_BYTES);
    if (queued > 0 && queued < request)
        conf_wrong(checker, CONF_BROKER_QUEUED_MAX_REQUEST_BYTES,
                   "has to be at least socket.request.max.bytes, which is %lld, or -1",
                   (long long)request);
    const char *overrides = conf_text(conf, CONF_BROKER_MAX_CONNECTIONS_PER_IP_OVERRIDES);
    if (conf_int(conf, CONF_BROKER_MAX_CONNECTIONS_PER_IP) == 0 && *overrides == '\0')
        conf_wrong(checker, CONF_BROKER_MAX_CONNECTIONS_PER_IP,
                   "may be 0 only where max.connections.per.ip.overrides lets some in");
    struct arena *arena = &checker->conf->arena;
    const char *const *items;
    size_t count = conf_split(overrides, arena, &items);
    for (size_t i = 0; i < count; i++) {
        const char *colon = strrchr(items[i], ':');
        size_t digits = colon == NULL ? 0 : strspn(colon + 1, "0123456789");
        bool host_ok = colon != NULL && colon > items[i] &&
                       strcspn(items[i], " \t/") >= (size_t)(colon - items[i]);
        if (*items[i] != '\0' &&
            (!host_ok || digits == 0 || digits > 9 || colon[1 + digits] != '\0'))
            conf_wrong(checker, CONF_BROKER_MAX_CONNECTIONS_PER_IP_OVERRIDES,
                       "\"%s\" is not of the form address:count", items[i]);
    }
}

static bool list_has(struct conf_list list, const char *item)
{
    for (size_t i = 0; i < list.count; i++)
        if (strcmp(list.items[i], item) == 0)
            return true;
    return false;
}

/* An assignor is one of ours, or a Java class, which ottla cannot run. */
static void check_assignors(const struct conf_checker *checker, enum conf_broker_id id,
                            const char *known, const char *known_classes)
{
    struct conf_list list = conf_list(checker->conf, id);
    for (size_t i = 0; i < list.count; i++)
        if (!conf_word_in(known, list.items[i], false) &&
            !conf_word_in(known_classes, list.items[i], false))
            conf_wrong(checker, id, "\"%s\" is not one of %s; ottla runs no Java classes",
                       list.items[i], known);
}

static void check_groups(const struct conf_checker *checker)
{
    const struct conf *conf = checker->conf;
    struct conf_list protocols = conf_list(conf, CONF_BROKER_GROUP_COORDINATOR_REBALANCE_PROTOCOLS);
    if (!list_has(protocols, "classic"))
        conf_wrong(checker, CONF_BROKER_GROUP_COORDINATOR_REBALANCE_PROTOCOLS,
                   "has to contain classic");
    check_assignors(checker, CONF_BROKER_GROUP_CONSUMER_ASSIGNORS, "uniform,range",
                    "org.apache.kafka.coordinator.group.assignor.UniformAssignor,"
                    "org.apache.kafka.coordinator.group.assignor.RangeAssignor");
    check_assignors(checker, CONF_BROKER_GROUP_SHARE_ASSIGNORS, "simple",
                    "org.apache.kafka.coordinator.group.assignor.SimpleAssignor");
    if (conf_list(conf, CONF_BROKER_GROUP_SHARE_ASSIGNORS).count > 1)
        conf_wrong(checker, CONF_BROKER_GROUP_SHARE_ASSIGNORS, "has to be exactly one");
}

void conf_check_rules(const struct conf_checker *checker)
{
    check_order(checker);
    check_log(checker);
    check_cordoned(checker);
    check_connections(checker);
    check_groups(checker);
}

/* ---- What ottla does not do ---- */

void conf_check_service(const struct conf_checker *checker)
{
    struct conf *conf = checker->conf;
    size_t count;
    const struct conf_row *rows = conf_rows(CONF_SCOPE_BROKER, &count);
    for (size_t i = 0; i < count; i++) {
        enum conf_broker_id id = (enum conf_broker_id)i;
        if (rows[i].service == CONF_SERVICE_SERVED || rows[i].service == CONF_SERVICE_ACCEPTED ||
            conf->slots[i].bad || !conf_is_set(conf, id))
            continue;
        const char *origin = conf->slots[i].origins[CONF_LAYER_STATIC];
        if (origin != NULL && strcmp(origin, CONF_ORIGIN_STANDALONE) == 0)
            continue; /* nobody asked for it */
        struct conf_value value;
        conf_value_default(&rows[i], &conf->arena, &value);
        if (conf_value_equal(&rows[i], &value, &conf->slots[i].value))
            continue;
        if (rows[i].service == CONF_SERVICE_REFUSED)
            conf_wrong(checker, id,
                       "ottla cannot do this, and to go on without would not be what "
                       "you asked for; leave it out");
        else
            conf_warn(checker, id, "has no effect in ottla yet");
    }
}
