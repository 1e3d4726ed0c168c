#ifndef CONF_ROW_H
#define CONF_ROW_H
/*
 * The tables of settings: one row for each, of which everything else is made (parsing, checking,
 * describing, docs/settings.md).
 */
#include "base/assert.h"
#include "base/buf.h"
#include "conf/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The numbers are DescribeConfigs' (KIP-569). */
enum conf_type {
    CONF_TYPE_UNKNOWN = 0,
    CONF_TYPE_BOOLEAN = 1,
    CONF_TYPE_STRING = 2,
    CONF_TYPE_INT = 3,
    CONF_TYPE_SHORT = 4,
    CONF_TYPE_LONG = 5,
    CONF_TYPE_DOUBLE = 6,
    CONF_TYPE_LIST = 7,
    CONF_TYPE_CLASS = 8,
    CONF_TYPE_PASSWORD = 9,
};

/* Where a value comes from. The numbers are DescribeConfigs' (KIP-226, KIP-714, KIP-932). */
enum conf_source {
    CONF_SOURCE_UNKNOWN = 0,
    CONF_SOURCE_DYNAMIC_TOPIC = 1,
    CONF_SOURCE_DYNAMIC_BROKER = 2,
    CONF_SOURCE_DYNAMIC_DEFAULT_BROKER = 3,
    CONF_SOURCE_STATIC_BROKER = 4,
    CONF_SOURCE_DEFAULT = 5,
    CONF_SOURCE_DYNAMIC_BROKER_LOGGER = 6,
    CONF_SOURCE_CLIENT_METRICS = 7,
    CONF_SOURCE_GROUP = 8,
};

enum conf_scope {
    CONF_SCOPE_BROKER,
    CONF_SCOPE_TOPIC,
    CONF_SCOPE_GROUP,
    CONF_SCOPE_CLIENT_METRICS,
    CONF_SCOPE_COUNT,
};

enum conf_importance { CONF_IMPORTANCE_LOW, CONF_IMPORTANCE_MEDIUM, CONF_IMPORTANCE_HIGH };

/* How a broker's setting changes while it runs (KIP-226). Settings of the other scopes always can.
 */
enum conf_mode { CONF_MODE_READ_ONLY, CONF_MODE_PER_BROKER, CONF_MODE_CLUSTER_WIDE };

/* What ottla does about it. */
enum conf_service {
    CONF_SERVICE_SERVED,   /* acts on it */
    CONF_SERVICE_ACCEPTED, /* nothing, for good: the sentence says why that is right */
    CONF_SERVICE_LATER,    /* nothing yet; a warning where it is set to something else */
    CONF_SERVICE_REFUSED,  /* cannot, and to ignore it would be unsafe: an error where it is set */
};

/* What a value may be, beside its type. */
enum conf_allowed {
    CONF_ALLOWED_ANY,
    CONF_ALLOWED_RANGE,           /* low to high, both included */
    CONF_ALLOWED_ONE_OF,          /* one of words */
    CONF_ALLOWED_ONE_OF_ANY_CASE, /* the same, in either case */
    CONF_ALLOWED_LIST,            /* no entry twice, none empty, each one of words if there are */
    CONF_ALLOWED_NOT_NULL,
    CONF_ALLOWED_NOT_EMPTY,
    CONF_ALLOWED_GZIP_LEVEL,   /* 1 to 9, or -1 */
    CONF_ALLOWED_VOTERS,       /* id@host:port entries */
    CONF_ALLOWED_ADDRESSES,    /* host:port entries */
    CONF_ALLOWED_THROTTLED,    /* partition:broker entries, or * */
    CONF_ALLOWED_OFFSET_RESET, /* latest, earliest or by_duration:P... */
};

struct conf_check {
    enum conf_allowed allowed;
    bool empty_ok; /* lists: may be empty */
    bool null_ok;  /* lists: may be null (not set) */
    int64_t low;
    int64_t high;      /* INT64_MAX: no upper bound */
    double low_real;   /* of type DOUBLE */
    double high_real;  /* of type DOUBLE; INFINITY: no upper bound */
    const char *words; /* separated by commas */
};

/* A broker setting that a topic's or group's falls back to; its value times factor. */
struct conf_fallback {
    enum conf_broker_id id;
    int64_t factor;
};

#define CONF_FALLBACKS_MAX 3

struct conf_row {
    const char *name;
    const char *default_text; /* NULL: null */
    const char *fallbacks;    /* as text: names separated by spaces, each with *factor or without */
    const char *sentence;     /* what it does */
    struct conf_check check;
    enum conf_type type;
    enum conf_importance importance;
    enum conf_mode mode;
    enum conf_service service;
    bool required; /* has no default */
    bool internal; /* Kafka does not document it */
};

/* The rows of a scope, in the order of its enum. */
const struct conf_row *conf_rows(enum conf_scope scope, size_t *count);
/* NULL when there is none. */
const struct conf_row *conf_row_find(enum conf_scope scope, const char *name);
/* The row's number in its scope's enum, -1 when there is none. */
int conf_row_index(enum conf_scope scope, const char *name);
static inline bool conf_row_sensitive(const struct conf_row *row)
{
    return row->type == CONF_TYPE_PASSWORD;
}
/* The broker settings that give the value when the resource has none, in their order; returns how
 * many. */
size_t conf_row_fallbacks(const struct conf_row *row, struct conf_fallback out[CONF_FALLBACKS_MAX]);
/* Other names of a broker's setting for the same thing, as DescribeConfigs lists them: the row
 * itself among them, in the order in which they count. At least one. */
size_t conf_broker_synonyms(enum conf_broker_id id, enum conf_broker_id out[CONF_FALLBACKS_MAX]);

/* The scope's name that is nearest to a mistyped one, or NULL when none is near. */
const char *conf_nearest_name(enum conf_scope scope, const char *name);
/* Insertions, deletions, changes and swaps of neighbours that make one of the other, at most
 * `limit` + 1. */
size_t conf_edit_distance(const char *a, const char *b, size_t limit);

/* "INT", "at least 1", "per-broker", ...: words for people. */
const char *conf_type_text(enum conf_type type);
const char *conf_mode_text(enum conf_mode mode);
const char *conf_service_text(enum conf_service service);
const char *conf_scope_text(enum conf_scope scope);
/* What the row's values may be, as a phrase such as "a number from 1 to 9 or -1". */
void conf_row_allowed_text(const struct conf_row *row, struct buf *out);

/* docs/settings.md. */
void conf_document(struct buf *out);

#endif
