/*
 * How many connections there may be and how fast they may come, on shard 0, which accepts them:
 * max.connections (also listener.name.x.max.connections), max.connections.per.ip with its
 * overrides, max.connection.creation.rate (also for a listener). As in Apache Kafka:
 *
 * 1. An address that has its share is refused at once.
 * 2. At the limit of the broker or of a listener, and above the rate, nothing is accepted:
 *    connections wait in the system's backlog. Brokers' own listener, where it is one of several,
 *    takes no heed of the broker's limit, so that clients cannot cut a broker off from its cluster.
 * 3. Controllers' listeners are counted by themselves.
 *
 * A connection is counted from its admission until its shard says that it is closed (struct
 * broker_departure); limits are those of the settings at the time, dynamic ones among them.
 */
#define LOG_ROOM "broker"
#include "broker/node_int.h"
#include "broker/shard_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S UINT64_C(1000000000)

struct address {
    struct hmap_node node;
    uint32_t count;
    char text[ENV_ADDRESS_BYTES];
};

/* ---- Addresses ---- */

/* "10.0.0.1:9092" and "[::1]:9092" without the port and the brackets. */
static void address_of(const char *peer, char out[ENV_ADDRESS_BYTES])
{
    const char *end = strrchr(peer, ':');
    size_t size = end != NULL ? (size_t)(end - peer) : strlen(peer);
    if (size >= 2 && peer[0] == '[' && peer[size - 1] == ']') {
        peer++;
        size -= 2;
    }
    if (size > ENV_ADDRESS_BYTES - 1)
        size = ENV_ADDRESS_BYTES - 1;
    memcpy(out, peer, size);
    out[size] = '\0';
}

static struct address *address_get(struct broker_admission *admission, const char *text)
{
    HMAP_FOR_EACH_HASH (node, &admission->addresses, hash_bytes(text, strlen(text))) {
        struct address *address = HMAP_ENTRY(node, struct address, node);
        if (strcmp(address->text, text) == 0)
            return address;
    }
    return NULL;
}

static void address_join(struct broker_admission *admission, const char *text)
{
    struct address *address = address_get(admission, text);
    if (address == NULL) {
        address = mem_zalloc(sizeof *address);
        snprintf(address->text, sizeof address->text, "%s", text);
        hmap_insert(&admission->addresses, &address->node, hash_bytes(text, strlen(text)));
    }
    address->count++;
}

static void address_leave(struct broker_admission *admission, const char *text)
{
    struct address *address = address_get(admission, text);
    ASSERT(address != NULL && address->count > 0);
    if (--address->count > 0)
        return;
    hmap_remove(&admission->addresses, &address->node);
    mem_free(address);
}

/* "address:count,address:count"; names are not looked up. -1: it is not among them. */
static int64_t override_of(const char *overrides, const char *text)
{
    size_t size = strlen(text);
    for (const char *at = overrides; at != NULL && *at != '\0';) {
        at += strspn(at, " ,");
        size_t item = strcspn(at, ",");
        const char *colon = at;
        for (const char *c = at; c < at + item; c++)
            colon = *c == ':' ? c : colon;
        if ((size_t)(colon - at) == size && memcmp(at, text, size) == 0)
            return strtoll(colon + 1, NULL, 10);
        at += item;
    }
    return -1;
}

/* ---- Limits ---- */

static const struct conf *conf_now(const struct broker_node *node)
{
    return node->shards[0].conf;
}

static int64_t address_max(const struct broker_node *node, const char *text)
{
    const struct conf *conf = conf_now(node);
    int64_t own = override_of(conf_text(conf, CONF_BROKER_MAX_CONNECTIONS_PER_IP_OVERRIDES), text);
    return own >= 0 ? own : conf_int(conf, CONF_BROKER_MAX_CONNECTIONS_PER_IP);
}

/* The listener's own; the broker's is not its default. */
static int64_t listener_max(const struct broker_listener *listener, const char *key)
{
    char name[128];
    size_t size = (size_t)snprintf(name, sizeof name, "listener.name.%s.%s", listener->name, key);
    for (size_t i = 0; i < size && i < sizeof name; i++)
        name[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] - 'A' + 'a') : name[i];
    const char *text = conf_extra(conf_now(listener->node), name);
    int64_t max = text == NULL ? INT32_MAX : strtoll(text, NULL, 10);
    return max >= 0 ? max : INT32_MAX;
}

static bool is_protected(const struct broker_listener *listener)
{
    const struct broker_node *node = listener->node;
    size_t brokers = 0;
    for (size_t i = 0; i < node->listener_count; i++)
        brokers += !node->listeners[i].controller;
    return brokers > 1 && strcmp(listener->name, conf_inter_broker_listener(node->conf)) == 0;
}

/* Which limit keeps the listener from taking one more; NULL: none. */
static const char *full_why(const struct broker_listener *listener)
{
    const struct broker_node *node = listener->node;
    if (listener->conn_count >= listener_max(listener, "max.connections"))
        return "the listener's max.connections";
    if (!is_protected(listener) && node->admission.counts[listener->controller] >=
                                       conf_int(conf_now(node), CONF_BROKER_MAX_CONNECTIONS))
        return "max.connections";
    return NULL;
}

/* ---- Rates: a second's worth may come at once. ---- */

static void rate_refill(struct broker_rate *rate, int64_t per_second, uint64_t now_ns)
{
    uint64_t passed_ns = now_ns - rate->at_ns;
    double more = (double)passed_ns * (double)per_second / (double)NS_PER_S;
    double most = per_second > 0 ? (double)per_second : 1;
    rate->tokens = rate->at_ns == 0 || rate->tokens + more > most ? most : rate->tokens + more;
    rate->at_ns = now_ns;
}

/* When there is a token: 0 for now. */
static uint64_t rate_wait_ns(const struct broker_rate *rate, int64_t per_second)
{
    if (rate->tokens >= 1)
        return 0;
    double wait_ns =
        (1 - rate->tokens) * (double)NS_PER_S / (double)(per_second > 0 ? per_second : 1);
    return (uint64_t)wait_ns + 1;
}

static uint64_t rates_wait_ns(struct broker_listener *listener, uint64_t now_ns)
{
    struct broker_node *node = listener->node;
    int64_t all = conf_int(conf_now(node), CONF_BROKER_MAX_CONNECTION_CREATION_RATE);
    int64_t own = listener_max(listener, "max.connection.creation.rate");
    struct broker_rate *rate = &node->admission.rates[listener->controller];
    rate_refill(rate, all, now_ns);
    rate_refill(&listener->rate, own, now_ns);
    uint64_t wait_ns = is_protected(listener) ? 0 : rate_wait_ns(rate, all);
    uint64_t own_ns = rate_wait_ns(&listener->rate, own);
    return own_ns > wait_ns ? own_ns : wait_ns;
}

/* ---- What is accepted ---- */

/* Opens and stops listeners as the limits want it now. */
static void admission_apply(struct broker_node *node)
{
    struct env *env = broker_node_env(node);
    uint64_t now_ns = env_now_ns(env);
    uint64_t again_ns = UINT64_MAX;
    for (size_t i = 0; i < node->listener_count; i++) {
        struct broker_listener *listener = &node->listeners[i];
        if (!listener->open || listener->listener == NULL)
            continue;
        const char *full = full_why(listener);
        uint64_t wait_ns = rates_wait_ns(listener, now_ns);
        bool accepting = full == NULL && wait_ns == 0;
        if (wait_ns > 0 && wait_ns < again_ns)
            again_ns = wait_ns;
        if (full != NULL && !listener->full &&
            log_limit_admits(&node->admission.lines, LOG_ROOM, now_ns))
            LOG_WARN("%s is full, %s is reached with %u connections: new ones wait until one is "
                     "closed",
                     listener->name, full, listener->conn_count);
        listener->full = full != NULL;
        if (accepting != listener->accepting) {
            listener->accepting = accepting;
            /* What can fail is the first time, which is over. */
            enum err err = env_listener_accepting(env, listener->listener, accepting);
            ASSERT(err == ERR_OK);
        }
    }
    if (again_ns != UINT64_MAX)
        env_timer_set(env, &node->admission.again, now_ns + again_ns);
}

static void admission_again(struct env *env, struct env_timer *timer)
{
    UNUSED(env);
    admission_apply(CONTAINER_OF(timer, struct broker_node, admission.again));
}

bool broker_admit(struct env *env, void *context, const char *peer)
{
    struct broker_listener *listener = context;
    struct broker_node *node = listener->node;
    struct broker_admission *admission = &node->admission;
    char text[ENV_ADDRESS_BYTES];
    address_of(peer, text);
    /* One that is refused has used the rate up as well. */
    admission->rates[listener->controller].tokens -= 1;
    listener->rate.tokens -= 1;
    const struct address *address = address_get(admission, text);
    int64_t max = address_max(node, text);
    bool admitted = max > 0 && (address == NULL || address->count < max);
    if (admitted) {
        address_join(admission, text);
        admission->counts[listener->controller]++;
        listener->conn_count++;
    } else {
        admission->refused++;
        if (log_limit_admits(&admission->lines, LOG_ROOM, env_now_ns(env)))
            LOG_WARN("%s on %s: refused, its address has the %lld connections that "
                     "max.connections.per.ip allows",
                     peer, listener->name, (long long)max);
    }
    admission_apply(node);
    return admitted;
}

/* ---- Departures ---- */

static void departure_run(struct broker_shard *shard, struct broker_call *call)
{
    struct broker_departure *departure = CONTAINER_OF(call, struct broker_departure, call);
    struct broker_node *node = shard->node;
    struct broker_listener *listener = departure->listener;
    ASSERT(listener->conn_count > 0 && node->admission.counts[listener->controller] > 0);
    address_leave(&node->admission, departure->address);
    listener->conn_count--;
    node->admission.counts[listener->controller]--;
    admission_apply(node);
    broker_call_reply(shard, call);
}

static void departure_done(struct broker_shard *shard, struct broker_call *call)
{
    UNUSED(shard);
    struct broker_departure *departure = CONTAINER_OF(call, struct broker_departure, call);
    list_remove(&departure->node);
    mem_free(departure);
}

void broker_depart(struct broker_shard *shard, const struct broker_listener *listener,
                   const char *peer)
{
    struct broker_departure *departure = mem_zalloc(sizeof *departure);
    departure->listener = &shard->node->listeners[listener - shard->node->listeners];
    address_of(peer, departure->address);
    departure->call.run = departure_run;
    departure->call.done = departure_done;
    list_push_back(&shard->departures, &departure->node);
    broker_call_send(shard, 0, &departure->call);
}

void broker_departures_drop(struct broker_shard *shard)
{
    for (struct list *node; (node = list_pop_front(&shard->departures)) != NULL;)
        mem_free(LIST_ENTRY(node, struct broker_departure, node));
}

/* ---- Life ---- */

void broker_admission_init(struct broker_node *node)
{
    hmap_init(&node->admission.addresses);
    env_timer_init(&node->admission.again, admission_again);
}

void broker_admission_stop(struct broker_node *node)
{
    env_timer_cancel(broker_node_env(node), &node->admission.again);
}

void broker_admission_deinit(struct broker_node *node)
{
    HMAP_FOR_EACH_SAFE (entry, after, &node->admission.addresses) {
        hmap_remove(&node->admission.addresses, entry);
        mem_free(HMAP_ENTRY(entry, struct address, node));
    }
    hmap_deinit(&node->admission.addresses);
}
