/* Listeners, the addresses that are advertised, and the voters: what they are and whether they fit
 * together. */
#include "conf/conf_int.h"

#include <stdlib.h>
#include <string.h>

/* ---- The security protocol of each listener name ---- */

struct protocol_map {
    struct entry {
        const char *name;
        enum conf_protocol protocol;
    } * items;
    size_t count;
};

static char *upper(struct arena *arena, const char *text)
{
    char *out = conf_trim(text, arena);
    for (char *c = out; *c != '\0'; c++)
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - ('a' - 'A'));
    return out;
}

static const struct entry *find_protocol(const struct protocol_map *map, const char *name)
{
    for (size_t i = map->count; i-- > 0;) /* a later entry replaces an earlier one */
        if (strcmp(map->items[i].name, name) == 0)
            return &map->items[i];
    return NULL;
}

static bool is_secure_name(const char *name)
{
    enum conf_protocol protocol;
    return conf_protocol_parse(name, &protocol) && protocol != CONF_PROTOCOL_PLAINTEXT;
}

/* Without a map of the user's, controllers' listeners are PLAINTEXT, unless a listener's name says
 * that security is meant. */
static bool wants_plain_controllers(struct conf *conf, struct conf_list controllers)
{
    if (conf_is_set(conf, CONF_BROKER_LISTENER_SECURITY_PROTOCOL_MAP))
        return false;
    for (size_t i = 0; i < controllers.count; i++)
        if (is_secure_name(controllers.items[i]))
            return false;
    struct conf_list listeners = conf_list(conf, CONF_BROKER_LISTENERS);
    for (size_t i = 0; i < listeners.count; i++) {
        const char *end = strstr(listeners.items[i], "://");
        size_t size = end == NULL ? 0 : (size_t)(end - listeners.items[i]);
        char *name = arena_must_alloc(&conf->arena, size + 1);
        memcpy(name, listeners.items[i], size);
        if (is_secure_name(name))
            return false;
    }
    return true;
}

static void read_protocols(const struct conf_checker *checker, struct protocol_map *map)
{
    struct conf *conf = checker->conf;
    struct arena *arena = &conf->arena;
    const char *const *items;
    size_t count =
        conf_split(conf_text(conf, CONF_BROKER_LISTENER_SECURITY_PROTOCOL_MAP), arena, &items);
    struct conf_list controllers = conf_list(conf, CONF_BROKER_CONTROLLER_LISTENER_NAMES);
    map->items = arena_must_alloc_array(arena, count + controllers.count, sizeof *map->items);
    map->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (*items[i] == '\0')
            continue;
        const char *colon = strrchr(items[i], ':');
        enum conf_protocol protocol;
        if (colon == NULL || !conf_protocol_parse(conf_trim(colon + 1, arena), &protocol)) {
            conf_wrong(checker, CONF_BROKER_LISTENER_SECURITY_PROTOCOL_MAP,
                       "\"%s\" is not of the form NAME:PROTOCOL with PLAINTEXT, SSL, "
                       "SASL_PLAINTEXT or SASL_SSL",
                       items[i]);
            continue;
        }
        char *name = arena_must_alloc(arena, (size_t)(colon - items[i]) + 1);
        memcpy(name, items[i], (size_t)(colon - items[i]));
        map->items[map->count++] = (struct entry){upper(arena, name), protocol};
    }
    if (!wants_plain_controllers(conf, controllers))
        return;
    for (size_t i = 0; i < controllers.count; i++) {
        const char *name = upper(arena, controllers.items[i]);
        if (find_protocol(map, name) == NULL)
            map->items[map->count++] = (struct entry){name, CONF_PROTOCOL_PLAINTEXT};
    }
}

/* ---- Listeners ---- */

static bool is_controller_name(const struct conf *conf, const char *name)
{
    struct conf_list names = conf_list(conf, CONF_BROKER_CONTROLLER_LISTENER_NAMES);
    for (size_t i = 0; i < names.count; i++)
        if (strcmp(names.items[i], name) == 0)
            return true;
    return false;
}

/* False when it is wrong, which has been told. */
static bool parse_listener(const struct conf_checker *checker, enum conf_broker_id id,
                           const char *text, const struct protocol_map *map,
                           struct conf_listener *out)
{
    struct arena *arena = &checker->conf->arena;
    const char *mark = strstr(text, "://");
    if (mark == NULL || mark == text ||
        conf_address_parse(arena, mark + 3, &out->host, &out->port) != ERR_OK) {
        conf_wrong(checker, id,
                   "\"%s\" is not of the form NAME://host:port, with an empty host for every "
                   "address, brackets around an IPv6 address and a port up to 65535",
                   text);
        return false;
    }
    char *name = arena_must_alloc(arena, (size_t)(mark - text) + 1);
    memcpy(name, text, (size_t)(mark - text));
    out->name = upper(arena, name);
    const struct entry *entry = find_protocol(map, out->name);
    if (entry == NULL) {
        conf_wrong(checker, id,
                   "listener.security.protocol.map does not say which protocol %s speaks; add "
                   "%s:PLAINTEXT, for example",
                   out->name, out->name);
        return false;
    }
    out->protocol = entry->protocol;
    out->ipv6 = conf_host_is_ipv6(out->host);
    out->controller = is_controller_name(checker->conf, out->name);
    return true;
}

/* How many were right. */
static size_t parse_listeners(const struct conf_checker *checker, enum conf_broker_id id,
                              const struct protocol_map *map, struct conf_listener **out)
{
    struct conf_list list = conf_list(checker->conf, id);
    struct conf_listener *listeners =
        arena_must_alloc_array(&checker->conf->arena, list.count, sizeof *listeners);
    size_t count = 0;
    for (size_t i = 0; i < list.count; i++) {
        if (!parse_listener(checker, id, list.items[i], map, &listeners[count]))
            continue;
        bool again = false;
        for (size_t j = 0; j < count && !again; j++)
            again = strcmp(listeners[j].name, listeners[count].name) == 0;
        if (again)
            conf_wrong(checker, id, "%s is there twice; each listener needs a name of its own",
                       listeners[count].name);
        else
            count++;
    }
    *out = listeners;
    return count;
}

/* Two listeners share a port only if one is at an IPv4 address and the other at an IPv6 address. */
static void check_ports(const struct conf_checker *checker)
{
    const struct conf *conf = checker->conf;
    for (size_t i = 0; i < conf->listener_count; i++) {
        const struct conf_listener *a = &conf->listeners[i];
        size_t same = 0;
        bool mixed = false;
        const char *other = "";
        for (size_t j = 0; j < i; j++) {
            const struct conf_listener *b = &conf->listeners[j];
            if (a->port == 0 || a->port != b->port)
                continue;
            same++;
            other = b->name;
            mixed =
                (a->ipv6 && conf_host_is_ipv4(b->host)) || (b->ipv6 && conf_host_is_ipv4(a->host));
        }
        if (same > 1 || (same == 1 && !mixed))
            conf_wrong(checker, CONF_BROKER_LISTENERS,
                       "%s and %s have the same port %u; each needs its own, unless one is at an "
                       "IPv4 address and the other at an IPv6 address",
                       other, a->name, (unsigned)a->port);
    }
}

/* ---- What is advertised ---- */

static void check_advertised_host(const struct conf_checker *checker, enum conf_broker_id id,
                                  struct conf_listener *listener)
{
    if (strcmp(listener->host, "0.0.0.0") == 0 &&
        (!listener->controller || conf_is_broker(checker->conf))) {
        conf_wrong(checker, id,
                   "nobody can connect to 0.0.0.0, which %s would tell clients to; set "
                   "advertised.listeners to an address that they reach",
                   listener->name);
        return;
    }
    if (strcmp(listener->host, "::") == 0) {
        conf_warn(checker, id,
                  "clients cannot connect to [::]; %s advertises %s instead. Set "
                  "advertised.listeners to an address that they reach",
                  listener->name, checker->conf->host_name);
        listener->host = "";
    }
    if (*listener->host == '\0') {
        listener->host = checker->conf->host_name;
        listener->ipv6 = conf_host_is_ipv6(listener->host);
    }
}

/* advertised.listeners; and of listeners those that it leaves out, if they are for controllers or
 * there is no advertised.listeners. */
static void resolve_advertised(const struct conf_checker *checker, const struct protocol_map *map)
{
    struct conf *conf = checker->conf;
    struct conf_listener *given;
    size_t given_count = parse_listeners(checker, CONF_BROKER_ADVERTISED_LISTENERS, map, &given);
    bool any_given = !conf_is_null(conf, CONF_BROKER_ADVERTISED_LISTENERS);
    bool all_right = conf->listener_count == conf_list(conf, CONF_BROKER_LISTENERS).count;
    conf->advertised = arena_must_alloc_array(&conf->arena, given_count + conf->listener_count,
                                              sizeof *conf->advertised);
    for (size_t i = 0; i < given_count; i++) {
        check_advertised_host(checker, CONF_BROKER_ADVERTISED_LISTENERS, &given[i]);
        conf->advertised[conf->advertised_count++] = given[i];
        if (!given[i].controller && conf_is_broker(conf) && all_right &&
            conf_listener_find(conf, given[i].name) == NULL)
            conf_wrong(checker, CONF_BROKER_ADVERTISED_LISTENERS, "%s is not one of listeners",
                       given[i].name);
    }
    for (size_t i = 0; i < conf->listener_count; i++) {
        struct conf_listener listener = conf->listeners[i];
        bool there = false;
        for (size_t j = 0; j < given_count && !there; j++)
            there = strcmp(given[j].name, listener.name) == 0;
        if (there || (any_given && !listener.controller))
            continue;
        /* A controller's wildcard is not an error: others know it from the voters. */
        if (listener.controller && strcmp(listener.host, "0.0.0.0") == 0)
            listener.host = "";
        check_advertised_host(checker, CONF_BROKER_LISTENERS, &listener);
        conf->advertised[conf->advertised_count++] = listener;
    }
}

/* ---- How they fit together ---- */

static void check_inter_broker(const struct conf_checker *checker, const struct protocol_map *map)
{
    struct conf *conf = checker->conf;
    enum conf_broker_id id = CONF_BROKER_INTER_BROKER_LISTENER_NAME;
    const char *name = conf_text(conf, id);
    if (name != NULL && conf_is_set(conf, CONF_BROKER_SECURITY_INTER_BROKER_PROTOCOL))
        conf_wrong(checker, id, "set either this or security.inter.broker.protocol, not both");
    if (name == NULL) {
        id = CONF_BROKER_SECURITY_INTER_BROKER_PROTOCOL;
        name = conf_text(conf, id);
    } else if (*name == '\0') {
        conf_wrong(checker, id, "has to be the name of a listener");
        return;
    }
    name = upper(&conf->arena, name);
    conf->inter_broker_listener = name;
    const struct entry *entry = find_protocol(map, name);
    if (entry == NULL && id == CONF_BROKER_INTER_BROKER_LISTENER_NAME) {
        conf_wrong(checker, id, "listener.security.protocol.map does not know %s", name);
        return;
    }
    if (!conf_is_broker(conf))
        return;
    bool found = false;
    for (size_t i = 0; i < conf->advertised_count && !found; i++)
        found = !conf->advertised[i].controller && strcmp(conf->advertised[i].name, name) == 0;
    if (!found)
        conf_wrong(checker, id,
                   "brokers talk to each other over %s, which is not one of the advertised "
                   "listeners; set inter.broker.listener.name to one that is",
                   name);
    else if (entry != NULL && (entry->protocol == CONF_PROTOCOL_SASL_PLAINTEXT ||
                               entry->protocol == CONF_PROTOCOL_SASL_SSL)) {
        const char *mechanism = conf_text(conf, CONF_BROKER_SASL_MECHANISM_INTER_BROKER_PROTOCOL);
        struct conf_list enabled = conf_list(conf, CONF_BROKER_SASL_ENABLED_MECHANISMS);
        bool on = false;
        for (size_t i = 0; i < enabled.count && !on; i++)
            on = strcmp(enabled.items[i], mechanism) == 0;
        if (!on)
            conf_wrong(checker, CONF_BROKER_SASL_MECHANISM_INTER_BROKER_PROTOCOL,
                       "has to be one of sasl.enabled.mechanisms");
    }
}

static void check_roles(const struct conf_checker *checker, const struct protocol_map *map)
{
    struct conf *conf = checker->conf;
    bool broker = conf_is_broker(conf);
    bool controller = conf_is_controller(conf);
    struct conf_list names = conf_list(conf, CONF_BROKER_CONTROLLER_LISTENER_NAMES);
    for (size_t i = 0; i < names.count; i++) {
        const char *name = upper(&conf->arena, names.items[i]);
        const struct conf_listener *listener = conf_listener_find(conf, name);
        bool exact = listener != NULL && listener->controller;
        if (find_protocol(map, name) == NULL)
            conf_wrong(checker, CONF_BROKER_CONTROLLER_LISTENER_NAMES,
                       "listener.security.protocol.map does not say which protocol %s speaks",
                       name);
        else if (controller && !exact)
            conf_wrong(checker, CONF_BROKER_CONTROLLER_LISTENER_NAMES,
                       listener != NULL ? "%s has to be in upper case"
                                        : "%s is not one of listeners; a controller has to "
                                          "listen on it",
                       names.items[i]);
        else if (!controller && listener != NULL)
            conf_wrong(checker, CONF_BROKER_CONTROLLER_LISTENER_NAMES,
                       "%s must not be one of listeners, as this node is no controller", name);
    }
    for (size_t i = 0; !broker && i < conf->listener_count; i++)
        if (!conf->listeners[i].controller)
            conf_wrong(checker, CONF_BROKER_LISTENERS,
                       "%s is not one of controller.listener.names, and this node is a controller "
                       "only",
                       conf->listeners[i].name);
    size_t for_clients = 0;
    for (size_t i = 0; i < conf->advertised_count; i++)
        for_clients += !conf->advertised[i].controller;
    if (broker && for_clients == 0)
        conf_wrong(checker, CONF_BROKER_LISTENERS,
                   "none of them is advertised to clients: all are controllers'");
    if (!controller && conf_bool(conf, CONF_BROKER_CONTROLLER_QUORUM_AUTO_JOIN_ENABLE))
        conf_wrong(checker, CONF_BROKER_CONTROLLER_QUORUM_AUTO_JOIN_ENABLE,
                   "may be true only where process.roles contains controller");
}

static void check_early_start(const struct conf_checker *checker)
{
    struct conf_list early = conf_list(checker->conf, CONF_BROKER_EARLY_START_LISTENERS);
    for (size_t i = 0; i < early.count; i++) {
        const char *name = upper(&checker->conf->arena, early.items[i]);
        if (conf_listener_find(checker->conf, name) == NULL &&
            !is_controller_name(checker->conf, name))
            conf_wrong(checker, CONF_BROKER_EARLY_START_LISTENERS, "%s is not one of listeners",
                       name);
    }
}

/* ---- Voters ---- */

static int compare_voters(const void *a, const void *b)
{
    const struct conf_voter *x = a;
    const struct conf_voter *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static void resolve_voters(const struct conf_checker *checker)
{
    struct conf *conf = checker->conf;
    struct conf_list list = conf_list(conf, CONF_BROKER_CONTROLLER_QUORUM_VOTERS);
    conf->voters = arena_must_alloc_array(&conf->arena, list.count, sizeof *conf->voters);
    bool self = false;
    for (size_t i = 0; i < list.count; i++) {
        struct conf_voter voter = {.id = (int32_t)strtol(list.items[i], NULL, 10)};
        enum err err = conf_address_parse(&conf->arena, strchr(list.items[i], '@') + 1, &voter.host,
                                          &voter.port);
        ASSERT(err == ERR_OK); /* the row's check has seen it */
        self = self || voter.id == conf->slots[CONF_BROKER_NODE_ID].value.number;
        size_t known = 0;
        while (known < conf->voter_count && conf->voters[known].id != voter.id)
            known++;
        conf->voters[known] = voter; /* a later one of the same id counts */
        conf->voter_count += known == conf->voter_count;
    }
    if (conf->voter_count > 1)
        qsort(conf->voters, conf->voter_count, sizeof *conf->voters, compare_voters);
    if (!conf_good(conf, CONF_BROKER_CONTROLLER_QUORUM_VOTERS) ||
        !conf_good(conf, CONF_BROKER_CONTROLLER_QUORUM_BOOTSTRAP_SERVERS) ||
        !conf_good(conf, CONF_BROKER_NODE_ID) || !conf_good(conf, CONF_BROKER_PROCESS_ROLES))
        return;
    if (list.count == 0 &&
        conf_list(conf, CONF_BROKER_CONTROLLER_QUORUM_BOOTSTRAP_SERVERS).count == 0)
        conf_wrong(checker, CONF_BROKER_CONTROLLER_QUORUM_BOOTSTRAP_SERVERS,
                   "either this or controller.quorum.voters has to say where the controllers are");
    int32_t id = conf_node_id(conf);
    if (list.count > 0 && conf_is_controller(conf) && !self)
        conf_wrong(checker, CONF_BROKER_CONTROLLER_QUORUM_VOTERS,
                   "does not contain node.id %d, though process.roles makes it a controller", id);
    if (list.count > 0 && !conf_is_controller(conf) && self)
        conf_wrong(checker, CONF_BROKER_CONTROLLER_QUORUM_VOTERS,
                   "contains node.id %d, though process.roles makes it no controller", id);
}

/* ---- */

/* What ottla does not speak yet must not be opened as if it were plain. */
static void check_protocols(const struct conf_checker *checker)
{
    for (size_t i = 0; i < checker->conf->listener_count; i++) {
        const struct conf_listener *listener = &checker->conf->listeners[i];
        if (listener->protocol != CONF_PROTOCOL_PLAINTEXT)
            conf_wrong(checker, CONF_BROKER_LISTENERS,
                       "%s is to speak %s, which ottla does not yet; it speaks PLAINTEXT",
                       listener->name, conf_protocol_text(listener->protocol));
    }
}

void conf_resolve_cluster(const struct conf_checker *checker)
{
    struct conf *conf = checker->conf;
    conf->inter_broker_listener = "";
    int64_t node_id = conf->slots[CONF_BROKER_NODE_ID].value.number;
    int64_t broker_id = conf->slots[CONF_BROKER_BROKER_ID].value.number;
    if (conf_good(conf, CONF_BROKER_NODE_ID) && conf_good(conf, CONF_BROKER_BROKER_ID) &&
        node_id != broker_id)
        conf_wrong(checker, CONF_BROKER_BROKER_ID, "has to be the same as node.id, or left out");
    resolve_voters(checker);
    static const enum conf_broker_id needed[] = {
        CONF_BROKER_PROCESS_ROLES, CONF_BROKER_LISTENERS, CONF_BROKER_ADVERTISED_LISTENERS,
        CONF_BROKER_CONTROLLER_LISTENER_NAMES, CONF_BROKER_LISTENER_SECURITY_PROTOCOL_MAP};
    for (size_t i = 0; i < ARRAY_COUNT(needed); i++)
        if (!conf_good(conf, needed[i]))
            return;
    struct protocol_map map;
    size_t errors_before = checker->findings->error_count;
    read_protocols(checker, &map);
    conf->listener_count = parse_listeners(checker, CONF_BROKER_LISTENERS, &map, &conf->listeners);
    check_ports(checker);
    resolve_advertised(checker, &map);
    check_protocols(checker);
    /* The rest would only repeat what is wrong with one of them. */
    if (checker->findings->error_count > errors_before)
        return;
    check_roles(checker, &map);
    check_inter_broker(checker, &map);
    check_early_start(checker);
}
