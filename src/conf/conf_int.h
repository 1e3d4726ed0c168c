#ifndef CONF_CONF_INT_H
#define CONF_CONF_INT_H
#include "base/arena.h"
#include "conf/conf.h"
#include "conf/value.h"

/* Of what conf_standalone gives. */
#define CONF_ORIGIN_STANDALONE "ottla's default"
/* Of what conf_with_dynamic is given. */
#define CONF_ORIGIN_DYNAMIC "dynamic"
#define CONF_ORIGIN_DYNAMIC_DEFAULT "dynamic default"

/* A setting as it was given. */
struct conf_setting {
    const char *name;
    const char *value;
    const char *origin; /* "server.properties:12", "-o", "" */
};

/* Layers of a broker's settings, the strongest first. */
enum conf_layer {
    CONF_LAYER_DYNAMIC,
    CONF_LAYER_DYNAMIC_DEFAULT,
    CONF_LAYER_STATIC,
    CONF_LAYER_COUNT,
};

struct conf_slot {
    struct conf_value value;               /* of the strongest layer, or the default */
    const char *printed;                   /* of value, NULL when null */
    const char *layers[CONF_LAYER_COUNT];  /* each layer's value as it was given, NULL: none */
    const char *origins[CONF_LAYER_COUNT]; /* where it was given */
    bool bad;                              /* what was given is wrong: value is a weaker layer's */
};

struct conf {
    struct arena arena;
    struct conf_slot slots[CONF_BROKER_COUNT];
    struct conf_setting *settings; /* the static ones as given, each name once */
    size_t setting_count;
    struct conf_setting *extras; /* without a row, from all layers, the strongest of each name */
    size_t extra_count;
    struct conf_listener *listeners;
    size_t listener_count;
    struct conf_listener *advertised;
    size_t advertised_count;
    const char *inter_broker_listener;
    struct conf_voter *voters;
    size_t voter_count;
    const char *host_name;
};

/* What the checks need. */
struct conf_checker {
    struct conf *conf;
    struct conf_findings *findings;
};

/* An error about a setting, with its value and origin. */
void conf_wrong(const struct conf_checker *checker, enum conf_broker_id id, const char *format, ...)
    PRINTF_LIKE(3, 4);
void conf_warn(const struct conf_checker *checker, enum conf_broker_id id, const char *format, ...)
    PRINTF_LIKE(3, 4);
static inline bool conf_good(const struct conf *conf, enum conf_broker_id id)
{
    return !conf->slots[id].bad;
}

/* The setting for all listeners that a name with listener.name.x. before it ends in, or -1. */
int conf_listener_base(const char *name);

/* Rules across settings (check.c), and what listeners and voters come to (cluster.c). */
void conf_check_rules(const struct conf_checker *checker);
void conf_check_service(const struct conf_checker *checker);
void conf_resolve_cluster(const struct conf_checker *checker);
/* An unknown name: a warning with the nearest known one, or what became of it (retired.c). */
void conf_check_unknown(const struct conf_checker *checker, const struct conf_setting *setting);

#endif
