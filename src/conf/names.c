/* Names that have no row: the nearest one that does, what became of old ones, and prefixes. */
#include "conf/conf_int.h"

#include "base/mem.h"

#include <string.h>

/* Names longer than this are not compared. */
#define NAME_BYTES_MAX 128

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

size_t conf_edit_distance(const char *a, const char *b, size_t limit)
{
    size_t a_size = strlen(a);
    size_t b_size = strlen(b);
    size_t difference = a_size > b_size ? a_size - b_size : b_size - a_size;
    if (difference > limit || a_size > NAME_BYTES_MAX || b_size > NAME_BYTES_MAX)
        return limit + 1;
    size_t rows[3][NAME_BYTES_MAX + 1];
    size_t *before = rows[0];
    size_t *last = rows[1];
    size_t *row = rows[2];
    for (size_t j = 0; j <= b_size; j++)
        last[j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t best = row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            row[j] = min3(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
            if (row[j] < best)
                best = row[j];
        }
        if (best > limit)
            return limit + 1;
        size_t *spare = before;
        before = last;
        last = row;
        row = spare;
    }
    return last[b_size] > limit ? limit + 1 : last[b_size];
}

/* Case and the kind of separator are a smaller mistake than other letters: compared without. */
static void fold(const char *name, char out[NAME_BYTES_MAX + 1])
{
    size_t i = 0;
    for (; name[i] != '\0' && i < NAME_BYTES_MAX; i++) {
        char c = name[i];
        out[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c == '_' || c == '-' ? '.' : c;
    }
    out[i] = '\0';
}

const char *conf_nearest_name(enum conf_scope scope, const char *name)
{
    if (strlen(name) > NAME_BYTES_MAX)
        return NULL;
    char folded[NAME_BYTES_MAX + 1];
    fold(name, folded);
    size_t count;
    const struct conf_row *rows = conf_rows(scope, &count);
    /* A quarter of the letters may be wrong, but not a whole short word. */
    size_t limit = strlen(name) / 4;
    limit = limit > 5 ? 5 : limit;
    const char *nearest = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t distance = conf_edit_distance(folded, rows[i].name, limit);
        if (distance > limit)
            continue;
        nearest = rows[i].name;
        if (distance == 0)
            break;
        limit = distance - 1;
    }
    return nearest;
}

/* ---- Names of other times and of plugins ---- */

static const struct {
    const char *name; /* ends in '.': a prefix */
    const char *what;
} retired[] = {
    {"advertised.host.name", "was replaced by advertised.listeners"},
    {"advertised.port", "was replaced by advertised.listeners"},
    {"broker.id.generation.enable", "has no effect without ZooKeeper; node.id names the node"},
    {"control.plane.listener.name",
     "has no effect without ZooKeeper; see controller.listener.names"},
    {"delegation.token.master.key", "was replaced by delegation.token.secret.key"},
    {"host.name", "was replaced by listeners"},
    {"inter.broker.protocol.version",
     "was replaced by the feature metadata.version, which the cluster keeps itself"},
    {"log.message.downconversion.enable",
     "has no effect: records are never converted to old forms"},
    {"log.message.format.version", "has no effect: records are always of format version 2"},
    {"log.message.timestamp.difference.max.ms",
     "was replaced by log.message.timestamp.before.max.ms and .after.max.ms"},
    {"offsets.commit.required.acks", "has no effect: commits always wait for all replicas in sync"},
    {"port", "was replaced by listeners"},
    {"reserved.broker.max.id", "has no effect without ZooKeeper"},
    {"zookeeper.", "has no effect: the cluster runs without ZooKeeper"},
};

/* What Kafka hands to plugins that ottla replaces or will replace: known, but in no table. */
static const char *const plugin_names[] = {
    "allow.everyone.if.no.acl.found",
    "super.users",
};

static bool matches(const char *name, const char *pattern)
{
    size_t size = strlen(pattern);
    bool prefix = pattern[size - 1] == '.';
    return prefix ? strncmp(name, pattern, size) == 0 : strcmp(name, pattern) == 0;
}

static bool is_plugin_name(const struct conf *conf, const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(plugin_names); i++)
        if (matches(name, plugin_names[i]))
            return true;
    static const enum conf_broker_id prefixes[] = {
        CONF_BROKER_REMOTE_LOG_METADATA_MANAGER_IMPL_PREFIX,
        CONF_BROKER_REMOTE_LOG_STORAGE_MANAGER_IMPL_PREFIX,
    };
    for (size_t i = 0; i < ARRAY_COUNT(prefixes); i++) {
        const char *prefix = conf_text(conf, prefixes[i]);
        if (*prefix != '\0' && strncmp(name, prefix, strlen(prefix)) == 0)
            return true;
    }
    return false;
}

/*
 * The row that listener.name.<listener>.<key> or listener.name.<listener>.<mechanism>.<key> sets
 * for one listener: the longest end of the name that is a setting's. NULL: none. A listener's name
 * may contain dots.
 */
static const struct conf_row *listener_row(const char *name)
{
    static const char prefix[] = "listener.name.";
    if (strncmp(name, prefix, sizeof prefix - 1) != 0)
        return NULL;
    const char *dot = strchr(name + sizeof prefix - 1, '.');
    for (; dot != NULL; dot = strchr(dot + 1, '.')) {
        const struct conf_row *row = conf_row_find(CONF_SCOPE_BROKER, dot + 1);
        if (row != NULL)
            return row;
    }
    return NULL;
}

static void check_listener_value(const struct conf_checker *checker, const struct conf_row *row,
                                 const struct conf_setting *setting)
{
    struct conf_value value;
    struct buf message = BUF_EMPTY;
    enum err err = conf_value_parse(row, setting->value, &checker->conf->arena, &value, &message);
    const char *shown = conf_row_sensitive(row) ? "[hidden]" : setting->value;
    if (err != ERR_OK) {
        buf_clear(&message);
        conf_row_allowed_text(row, &message);
        conf_findings_add(checker->findings, CONF_SEVERITY_ERROR, setting->name, shown,
                          setting->origin, "has to be %s", buf_text(&message));
    } else if (row->service != CONF_SERVICE_ACCEPTED) {
        conf_findings_add(checker->findings, CONF_SEVERITY_WARNING, setting->name, shown,
                          setting->origin, "has no effect for one listener in ottla yet");
    }
    buf_deinit(&message);
}

void conf_check_unknown(const struct conf_checker *checker, const struct conf_setting *setting)
{
    const struct conf_row *row = listener_row(setting->name);
    if (row != NULL) {
        check_listener_value(checker, row, setting);
        return;
    }
    if (is_plugin_name(checker->conf, setting->name))
        return;
    for (size_t i = 0; i < ARRAY_COUNT(retired); i++) {
        if (matches(setting->name, retired[i].name)) {
            conf_findings_add(checker->findings, CONF_SEVERITY_WARNING, setting->name, NULL,
                              setting->origin, "%s", retired[i].what);
            return;
        }
    }
    const char *nearest = checker->findings->count < CONF_FINDINGS_MAX
                              ? conf_nearest_name(CONF_SCOPE_BROKER, setting->name)
                              : NULL;
    if (nearest != NULL)
        conf_findings_add(checker->findings, CONF_SEVERITY_WARNING, setting->name, NULL,
                          setting->origin, "is not a known setting; did you mean %s?", nearest);
    else
        conf_findings_add(checker->findings, CONF_SEVERITY_WARNING, setting->name, NULL,
                          setting->origin, "is not a known setting");
}
