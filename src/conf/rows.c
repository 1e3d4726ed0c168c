/*
 * The tables of settings, made from the *_table.h files.
 *
 * 1. A scope's rows are sorted by name, without doubles (tests/unit/conf/test_rows.c).
 * 2. A default is a valid value of its own row.
 *
 * The words of the tables:
 *   default       text; NONE is null; REQUIRED: there is none, the setting must be given
 *   allowed       FROM(low), BETWEEN(low, high), BETWEEN_REAL; ONE_OF("a,b"), ONE_OF_ANY_CASE;
 *                 DISTINCT(x): a list without doubles, LIST_OF("a,b", x): of these words; x says
 *                 whether it may be empty or null; and a few special ones (enum conf_allowed)
 *   importance    HIGH, MEDIUM, LOW; | INTERNAL: Kafka does not document it
 *   update mode   READ_ONLY, PER_BROKER, CLUSTER_WIDE
 *   service       SERVED, ACCEPTED, LATER, REFUSED (enum conf_service)
 */
#include "conf/row.h"

#include <stdlib.h>
#include <string.h>

/* clang-format off */
#define NONE NULL
#define REQUIRED NULL, .required = true

#define ANY .allowed = CONF_ALLOWED_ANY
#define BETWEEN(a, b) .allowed = CONF_ALLOWED_RANGE, .low = a, .high = b
#define BETWEEN_REAL(a, b) .allowed = CONF_ALLOWED_RANGE, .low_real = a, .high_real = b
#define FROM(a) BETWEEN(a, INT64_MAX)
#define ONE_OF(w) .allowed = CONF_ALLOWED_ONE_OF, .words = w
#define ONE_OF_ANY_CASE(w) .allowed = CONF_ALLOWED_ONE_OF_ANY_CASE, .words = w
#define LIST_OF(w, ...) .allowed = CONF_ALLOWED_LIST, .words = w, __VA_ARGS__
#define DISTINCT(x) LIST_OF(NULL, x)
#define FULL .empty_ok = false
#define EMPTY .empty_ok = true
#define NULL_OK .null_ok = true
#define EMPTY_OR_NULL .empty_ok = true, .null_ok = true
#define NOT_NULL .allowed = CONF_ALLOWED_NOT_NULL
#define NOT_EMPTY .allowed = CONF_ALLOWED_NOT_EMPTY
#define GZIP_LEVEL .allowed = CONF_ALLOWED_GZIP_LEVEL
#define VOTERS .allowed = CONF_ALLOWED_VOTERS
#define ADDRESSES .allowed = CONF_ALLOWED_ADDRESSES
#define THROTTLED .allowed = CONF_ALLOWED_THROTTLED
#define OFFSET_RESET .allowed = CONF_ALLOWED_OFFSET_RESET

#define LOW CONF_IMPORTANCE_LOW
#define MEDIUM CONF_IMPORTANCE_MEDIUM
#define HIGH CONF_IMPORTANCE_HIGH
#define INTERNAL 4

#define COMMON(n, t, i, s, text)                                                                \
    .name = n, .type = CONF_TYPE_##t, .importance = (enum conf_importance)((i) & ~INTERNAL),    \
    .internal = ((i) & INTERNAL) != 0, .service = CONF_SERVICE_##s, .sentence = text
/* clang-format on */

#define SETTING(id, n, t, d, c, i, m, s, text) \
    [CONF_BROKER_##                            \
        id] = {COMMON(n, t, i, s, text), .check = {c}, .default_text = d, .mode = CONF_MODE_##m},
static const struct conf_row broker_rows[CONF_BROKER_COUNT] = {
#include "conf/broker_table_a_l.h"
#include "conf/broker_table_m_z.h"
};
#undef SETTING

#define SETTING(id, n, t, d, c, i, f, s, text) \
    [CONF_TOPIC_##id] = {COMMON(n, t, i, s, text), .check = {c}, .default_text = d, .fallbacks = f},
static const struct conf_row topic_rows[CONF_TOPIC_COUNT] = {
#include "conf/topic_table.h"
};
#undef SETTING

#define SETTING(id, n, t, d, c, i, f, s, text) \
    [CONF_GROUP_##id] = {COMMON(n, t, i, s, text), .check = {c}, .default_text = d, .fallbacks = f},
static const struct conf_row group_rows[CONF_GROUP_COUNT] = {
#include "conf/group_table.h"
};
#undef SETTING

#define SETTING(id, n, t, d, c, i, f, s, text) \
    [CONF_CLIENT_METRICS_##                    \
        id] = {COMMON(n, t, i, s, text), .check = {c}, .default_text = d, .fallbacks = f},
static const struct conf_row client_metrics_rows[CONF_CLIENT_METRICS_COUNT] = {
#include "conf/client_metrics_table.h"
};
#undef SETTING

static const struct {
    const struct conf_row *rows;
    size_t count;
} tables[CONF_SCOPE_COUNT] = {
    [CONF_SCOPE_BROKER] = {broker_rows, ARRAY_COUNT(broker_rows)},
    [CONF_SCOPE_TOPIC] = {topic_rows, ARRAY_COUNT(topic_rows)},
    [CONF_SCOPE_GROUP] = {group_rows, ARRAY_COUNT(group_rows)},
    [CONF_SCOPE_CLIENT_METRICS] = {client_metrics_rows, ARRAY_COUNT(client_metrics_rows)},
};

const struct conf_row *conf_rows(enum conf_scope scope, size_t *count)
{
    ASSERT(scope < CONF_SCOPE_COUNT);
    *count = tables[scope].count;
    return tables[scope].rows;
}

/* name[0..size) against a row's name, as strcmp. */
static int compare_name(const char *name, size_t size, const char *row_name)
{
    int order = strncmp(name, row_name, size);
    return order != 0 ? order : -(int)(row_name[size] != '\0');
}

static int find_index(enum conf_scope scope, const char *name, size_t size)
{
    size_t count;
    const struct conf_row *rows = conf_rows(scope, &count);
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_name(name, size, rows[middle].name);
        if (order == 0)
            return (int)middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

int conf_row_index(enum conf_scope scope, const char *name)
{
    return find_index(scope, name, strlen(name));
}

const struct conf_row *conf_row_find(enum conf_scope scope, const char *name)
{
    int index = conf_row_index(scope, name);
    return index < 0 ? NULL : &tables[scope].rows[index];
}

size_t conf_row_fallbacks(const struct conf_row *row, struct conf_fallback out[CONF_FALLBACKS_MAX])
{
    size_t count = 0;
    const char *at = row->fallbacks;
    while (at != NULL && *at != '\0') {
        ASSERT(count < CONF_FALLBACKS_MAX);
        size_t word_size = strcspn(at, " ");
        size_t name_size = strcspn(at, " *");
        int index = find_index(CONF_SCOPE_BROKER, at, name_size);
        ASSERT(index >= 0);
        out[count++] = (struct conf_fallback){
            .id = (enum conf_broker_id)index,
            .factor = name_size == word_size ? 1 : strtoll(at + name_size + 1, NULL, 10),
        };
        at += word_size;
        at += strspn(at, " ");
    }
    return count;
}

/* Settings that say the same in other units; the first that is set counts. */
static const enum conf_broker_id synonyms[][CONF_FALLBACKS_MAX] = {
    {CONF_BROKER_LOG_RETENTION_MS, CONF_BROKER_LOG_RETENTION_MINUTES,
     CONF_BROKER_LOG_RETENTION_HOURS},
    {CONF_BROKER_LOG_ROLL_MS, CONF_BROKER_LOG_ROLL_HOURS, CONF_BROKER_COUNT},
    {CONF_BROKER_LOG_ROLL_JITTER_MS, CONF_BROKER_LOG_ROLL_JITTER_HOURS, CONF_BROKER_COUNT},
};

size_t conf_broker_synonyms(enum conf_broker_id id, enum conf_broker_id out[CONF_FALLBACKS_MAX])
{
    out[0] = id;
    /* Only one way: the scheduler's interval is a setting in its own right. */
    if (id == CONF_BROKER_LOG_FLUSH_INTERVAL_MS) {
        out[1] = CONF_BROKER_LOG_FLUSH_SCHEDULER_INTERVAL_MS;
        return 2;
    }
    for (size_t i = 0; i < ARRAY_COUNT(synonyms); i++) {
        size_t count = 0;
        bool found = false;
        for (; count < CONF_FALLBACKS_MAX && synonyms[i][count] != CONF_BROKER_COUNT; count++)
            found = found || synonyms[i][count] == id;
        if (found) {
            memcpy(out, synonyms[i], sizeof synonyms[i]);
            return count;
        }
    }
    return 1;
}

const char *conf_type_text(enum conf_type type)
{
    static const char *const texts[] = {
        [CONF_TYPE_UNKNOWN] = "UNKNOWN", [CONF_TYPE_BOOLEAN] = "BOOLEAN",
        [CONF_TYPE_STRING] = "STRING",   [CONF_TYPE_INT] = "INT",
        [CONF_TYPE_SHORT] = "SHORT",     [CONF_TYPE_LONG] = "LONG",
        [CONF_TYPE_DOUBLE] = "DOUBLE",   [CONF_TYPE_LIST] = "LIST",
        [CONF_TYPE_CLASS] = "CLASS",     [CONF_TYPE_PASSWORD] = "PASSWORD",
    };
    ASSERT((size_t)type < ARRAY_COUNT(texts));
    return texts[type];
}

const char *conf_mode_text(enum conf_mode mode)
{
    switch (mode) {
    case CONF_MODE_READ_ONLY:
        return "read-only";
    case CONF_MODE_PER_BROKER:
        return "per-broker";
    case CONF_MODE_CLUSTER_WIDE:
        return "cluster-wide";
    }
    UNREACHABLE();
}

const char *conf_service_text(enum conf_service service)
{
    switch (service) {
    case CONF_SERVICE_SERVED:
        return "yes";
    case CONF_SERVICE_ACCEPTED:
        return "not needed";
    case CONF_SERVICE_LATER:
        return "not yet";
    case CONF_SERVICE_REFUSED:
        return "refused";
    }
    UNREACHABLE();
}

const char *conf_scope_text(enum conf_scope scope)
{
    static const char *const texts[CONF_SCOPE_COUNT] = {
        [CONF_SCOPE_BROKER] = "broker",
        [CONF_SCOPE_TOPIC] = "topic",
        [CONF_SCOPE_GROUP] = "group",
        [CONF_SCOPE_CLIENT_METRICS] = "client-metrics",
    };
    ASSERT(scope < CONF_SCOPE_COUNT);
    return texts[scope];
}
