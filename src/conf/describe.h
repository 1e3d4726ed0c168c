#ifndef CONF_DESCRIBE_H
#define CONF_DESCRIBE_H
/* What DescribeConfigs answers (KIP-133, KIP-226, KIP-569): each setting with its value, where that
 * comes from, and the others that it could come from. */
#include "base/arena.h"
#include "conf/conf.h"

struct conf_synonym {
    const char *name;
    const char *value; /* NULL for a secret */
    enum conf_source source;
};

struct conf_described {
    const char *name;
    const char *value; /* NULL: null, or a secret */
    enum conf_source source;
    enum conf_type type;
    bool read_only;
    bool sensitive;
    const char *sentence;          /* NULL when the setting is not known */
    struct conf_synonym *synonyms; /* the strongest first */
    size_t synonym_count;
};

/* The descriptions are in the arena, by name; internal settings are left out, as Kafka does. What
 * they point to is in the arena, the conf or the pairs. */
size_t conf_describe_broker(const struct conf *conf, struct arena *arena,
                            struct conf_described **out);
/* The cluster-wide default (resource name ""): the dynamic defaults that are set. */
size_t conf_describe_broker_default(const struct conf *conf, struct arena *arena,
                                    struct conf_described **out);
/* A topic's or a group's, with what is set for it. */
size_t conf_describe_topic(const struct conf *conf, const struct conf_pair *overrides, size_t count,
                           struct arena *arena, struct conf_described **out);
size_t conf_describe_group(const struct conf *conf, const struct conf_pair *overrides, size_t count,
                           struct arena *arena, struct conf_described **out);
size_t conf_describe_client_metrics(const struct conf_pair *overrides, size_t count,
                                    struct arena *arena, struct conf_described **out);

#endif
