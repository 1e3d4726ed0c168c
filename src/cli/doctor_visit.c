/*
 * The nodes, one after the other: each address is dialled as a client would dial it, and asked.
 * What the first one tells of (brokers, and each broker's listeners) is visited next.
 *
 *     waiting --begin--> connecting --READY--> asking (questions[], in their order) --end--> seen
 *
 * A visit ends from the timer, at the top of the loop, because a link is not freed in its own
 * callback.
 */
#include "cli/doctor_int.h"

#include "base/mem.h"
#include "wire/api_keys.h"
#include "wire/errors.h"
#include "wire/messages.h"

#include <inttypes.h>
#include <string.h>

#define BROKER_UNKNOWN (-1)
#define VISITS_MAX 4096
#define CLOCK_OFF_MS_MAX 1000
#define DISK_LEAST_PERCENT 10

struct doctor_visit {
    struct list node;
    struct doctor *doctor;
    const char *host;
    uint16_t port;
    const char *name;  /* for findings: "127.0.0.1:9092 (broker 1, EXTERNAL)" */
    int32_t broker_id; /* that should answer there; BROKER_UNKNOWN: any */
    enum conf_protocol protocol;
    bool controller;    /* a controller's listener: it knows no topics */
    bool first_of_node; /* what belongs to the node and not to an address is asked here */
    struct link *link;
    struct link_request request;
    size_t question; /* index of the one under way, or of the next */
    int64_t asked_ms;
    bool connected;
    bool over;
};

/* ---- Which addresses ---- */

static bool is_known(const struct list *list, const char *host, uint16_t port)
{
    LIST_FOR_EACH (node, list) {
        const struct doctor_visit *visit = LIST_ENTRY(node, struct doctor_visit, node);
        if (visit->port == port && strcmp(visit->host, host) == 0)
            return true;
    }
    return false;
}

/* NULL when it was, or will be, visited. A bootstrap address is visited as a broker's once more. */
static struct doctor_visit *visit_add(struct doctor *doctor, const char *host, uint16_t port,
                                      int32_t broker_id, const char *listener)
{
    size_t count = 0;
    LIST_FOR_EACH (node, &doctor->seen)
        count++;
    const struct doctor_visit *now = doctor->visit;
    bool is_now = now != NULL && now->broker_id == broker_id && now->port == port &&
                  strcmp(now->host, host) == 0;
    if (is_now || count >= VISITS_MAX || is_known(&doctor->visits, host, port) ||
        (broker_id != BROKER_UNKNOWN && is_known(&doctor->seen, host, port)))
        return NULL;
    struct doctor_visit *visit = arena_must_alloc(&doctor->call->arena, sizeof *visit);
    *visit = (struct doctor_visit){.doctor = doctor,
                                   .host = doctor_text(doctor, "%s", host),
                                   .port = port,
                                   .broker_id = broker_id};
    struct buf address = BUF_EMPTY;
    conf_address_print(host, port, &address);
    if (broker_id == BROKER_UNKNOWN)
        visit->name = doctor_text(doctor, "%s", buf_text(&address));
    else
        visit->name =
            doctor_text(doctor, "%s (node %" PRId32 "%s%s)", buf_text(&address), broker_id,
                        listener != NULL ? ", " : "", listener != NULL ? listener : "");
    buf_deinit(&address);
    list_push_back(&doctor->visits, &visit->node);
    return visit;
}

void doctor_visit_bootstrap(struct doctor *doctor, const char *host, uint16_t port)
{
    (void)visit_add(doctor, host, port, BROKER_UNKNOWN, NULL);
}

/* ---- The end of a visit ---- */

static void visit_over(struct doctor_visit *visit)
{
    if (visit->over)
        return;
    visit->over = true;
    env_timer_set_ms(visit->doctor->env, &visit->doctor->timer, 0);
}

static void unreachable(struct doctor_visit *visit, enum err why)
{
    struct doctor *doctor = visit->doctor;
    bool advertised = visit->broker_id != BROKER_UNKNOWN;
    const char *advice;
    const char *text;
    if (why == ERR_NOTFOUND) {
        text = "this machine cannot resolve the name";
        advice = advertised ? "set advertised.listeners of that node to a name that clients can "
                              "resolve, or add the name to DNS"
                            : "check the name";
    } else if (!visit->connected && why == ERR_RESET) {
        text = "nothing listens there";
        advice = advertised ? "start that node, or set its advertised.listeners to where it can be "
                              "reached from here"
                            : "start the node, or check address and port";
    } else if (!visit->connected) {
        text = why == ERR_TIMEOUT ? "no answer to the connection; a firewall may drop it"
                                  : err_text(why);
        advice = advertised
                     ? "open the port to clients, or set advertised.listeners of that node to "
                       "an address that is reachable from here"
                     : "check the way there: address, routes, firewalls";
    } else {
        text = "what listens there does not answer as a Kafka node in plain text";
        advice = "is the port another program's, or a listener with TLS or SASL? use the port of a "
                 "PLAINTEXT listener";
    }
    doctor_find(doctor, DOCTOR_ERROR, visit->name, advice, "%s", text);
}

/* ---- Questions ---- */

struct question {
    int16_t key;
    bool (*wanted)(const struct doctor_visit *visit);
    bool (*ask)(struct doctor_visit *visit); /* false: it could not be sent */
    void (*answered)(struct doctor_visit *visit, const void *message);
};

static bool send(struct doctor_visit *visit, int16_t key, const void *message);

/* -- Metadata: the cluster and its brokers */

static bool metadata_wanted(const struct doctor_visit *visit)
{
    return !visit->controller;
}

static bool metadata_ask(struct doctor_visit *visit)
{
    struct wire_metadata_request message;
    wire_default(&wire_metadata_request_schema, &message);
    message.allow_auto_topic_creation = false;
    return send(visit, WIRE_API_METADATA, &message);
}

static bool host_is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           strncmp(host, "127.", 4) == 0;
}

static void metadata_answered(struct doctor_visit *visit, const void *response)
{
    const struct wire_metadata_response *message = response;
    struct doctor *doctor = visit->doctor;
    const char *cluster_id =
        doctor_text(doctor, "%.*s", (int)message->cluster_id.size,
                    message->cluster_id.data != NULL ? message->cluster_id.data : "");
    if (doctor->cluster_id == NULL) {
        doctor->cluster_id = cluster_id;
        doctor->broker_count = message->brokers.count;
        doctor_find(doctor, DOCTOR_OK, visit->name, NULL, "cluster %s with %" PRId32 " broker%s",
                    cluster_id, message->brokers.count, message->brokers.count == 1 ? "" : "s");
    } else if (strcmp(doctor->cluster_id, cluster_id) != 0) {
        doctor_find(doctor, DOCTOR_ERROR, visit->name,
                    "an address leads into another cluster: correct it in advertised.listeners of "
                    "the node that tells it, or in the bootstrap addresses",
                    "a node of another cluster answers, %s and not %s", cluster_id,
                    doctor->cluster_id);
    } else if (visit->broker_id != BROKER_UNKNOWN) {
        doctor_find(doctor, DOCTOR_OK, visit->name, NULL, "answers");
    }
    for (int32_t i = 0; i < message->brokers.count; i++) {
        const struct wire_metadata_response_metadata_response_broker *broker =
            &message->brokers.items[i];
        char host[256];
        if (broker->host.size >= sizeof host || broker->port < 1 || broker->port > 65535)
            continue;
        memcpy(host, broker->host.data, broker->host.size);
        host[broker->host.size] = '\0';
        struct doctor_visit *added =
            visit_add(doctor, host, (uint16_t)broker->port, broker->node_id, NULL);
        if (added == NULL)
            continue;
        added->first_of_node = true;
        if (host_is_loopback(host) && !host_is_loopback(visit->host))
            doctor_find(doctor, DOCTOR_ERROR, added->name,
                        "set advertised.listeners of that node to an address that clients on other "
                        "machines reach",
                        "told to clients of %s, which will each dial their own machine there",
                        visit->name);
    }
}

/* -- DescribeConfigs of the broker that should be there: only itself answers for it */

static bool configs_wanted(const struct doctor_visit *visit)
{
    return !visit->controller && visit->broker_id != BROKER_UNKNOWN;
}

static bool configs_ask(struct doctor_visit *visit)
{
    struct wire_describe_configs_request_describe_configs_resource resource;
    struct wire_describe_configs_request message;
    wire_default(&wire_describe_configs_request_describe_configs_resource_schema, &resource);
    wire_default(&wire_describe_configs_request_schema, &message);
    char id[16];
    snprintf(id, sizeof id, "%" PRId32, visit->broker_id);
    struct wire_string keys[] = {wire_string_from("advertised.listeners"),
                                 wire_string_from("listeners"),
                                 wire_string_from("listener.security.protocol.map")};
    resource.resource_type = 4; /* BROKER */
    resource.resource_name = wire_string_from(id);
    resource.configuration_keys.items = keys;
    resource.configuration_keys.count = (int32_t)ARRAY_COUNT(keys);
    message.resources.items = &resource;
    message.resources.count = 1;
    return send(visit, WIRE_API_DESCRIBE_CONFIGS, &message);
}

/* What a map (LISTENER:PROTOCOL,...) says of a listener; PLAINTEXT where it says nothing. */
static enum conf_protocol protocol_of(const char *map, const char *listener)
{
    size_t size = strlen(listener);
    enum conf_protocol protocol = CONF_PROTOCOL_PLAINTEXT;
    for (const char *at = map; at != NULL && *at != '\0';) {
        size_t entry = strcspn(at, ",");
        if (entry > size && strncmp(at, listener, size) == 0 && at[size] == ':') {
            char text[32];
            snprintf(text, sizeof text, "%.*s", (int)(entry - size - 1), at + size + 1);
            if (conf_protocol_parse(text, &protocol))
                return protocol;
        }
        at += entry + (at[entry] == ',');
    }
    return conf_protocol_parse(listener, &protocol) ? protocol : CONF_PROTOCOL_PLAINTEXT;
}

/* A NAME://host:port of a broker, unless it was visited. */
static void visit_listener(struct doctor_visit *visit, const char *entry, const char *map)
{
    struct doctor *doctor = visit->doctor;
    const char *address = strstr(entry, "://");
    const char *host;
    uint16_t port;
    /* No host: every address of that machine, and who knows which. */
    if (address == NULL ||
        conf_address_parse(&doctor->call->arena, address + 3, &host, &port) != ERR_OK ||
        host[0] == '\0' || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0)
        return;
    const char *name = doctor_text(doctor, "%.*s", (int)(address - entry), entry);
    struct doctor_visit *added = visit_add(doctor, host, port, visit->broker_id, name);
    if (added != NULL) {
        added->protocol = protocol_of(map, name);
        added->controller = strcmp(name, "CONTROLLER") == 0;
    }
}

static void visit_listeners(struct doctor_visit *visit, const char *list, const char *map)
{
    for (const char *at = list; *at != '\0';) {
        size_t size = strcspn(at, ", ");
        visit_listener(visit, doctor_text(visit->doctor, "%.*s", (int)size, at), map);
        at += size + strspn(at + size, ", ");
    }
}

static void configs_answered(struct doctor_visit *visit, const void *response)
{
    const struct wire_describe_configs_response *message = response;
    struct doctor *doctor = visit->doctor;
    if (message->results.count != 1)
        return;
    const struct wire_describe_configs_response_describe_configs_result *result =
        &message->results.items[0];
    if (result->error_code == WIRE_ERROR_INVALID_REQUEST) {
        doctor_find(doctor, DOCTOR_ERROR, visit->name,
                    "two nodes advertise one address, or an address leads to the wrong node: "
                    "correct advertised.listeners",
                    "another broker than %" PRId32 " answers there", visit->broker_id);
        return;
    }
    if (!visit->first_of_node)
        return;
    const char *texts[3] = {NULL, NULL, NULL}; /* advertised.listeners, listeners, the map */
    static const char *const names[] = {"advertised.listeners", "listeners",
                                        "listener.security.protocol.map"};
    for (int32_t i = 0; i < result->configs.count; i++) {
        const struct wire_describe_configs_response_describe_configs_resource_result *config =
            &result->configs.items[i];
        for (size_t j = 0; j < ARRAY_COUNT(names); j++) {
            if (wire_string_equal(config->name, wire_string_from(names[j])) &&
                config->value.data != NULL)
                texts[j] = doctor_text(doctor, "%.*s", (int)config->value.size, config->value.data);
        }
    }
    for (size_t i = 0; i < 2; i++) {
        if (texts[i] != NULL)
            visit_listeners(visit, texts[i], texts[2]);
    }
}

/* -- DescribeLogDirs: room on its disks */

static bool log_dirs_wanted(const struct doctor_visit *visit)
{
    return visit->first_of_node;
}

static bool log_dirs_ask(struct doctor_visit *visit)
{
    struct wire_describe_log_dirs_request message;
    wire_default(&wire_describe_log_dirs_request_schema, &message);
    /* Of no topic: the directories alone. */
    message.topics.items = NULL;
    message.topics.count = 0;
    return send(visit, WIRE_API_DESCRIBE_LOG_DIRS, &message);
}

static void log_dirs_answered(struct doctor_visit *visit, const void *response)
{
    const struct wire_describe_log_dirs_response *message = response;
    struct doctor *doctor = visit->doctor;
    for (int32_t i = 0; i < message->results.count; i++) {
        const struct wire_describe_log_dirs_response_describe_log_dirs_result *dir =
            &message->results.items[i];
        const char *name = doctor_text(doctor, "node %" PRId32 ", %.*s", visit->broker_id,
                                       (int)dir->log_dir.size, dir->log_dir.data);
        if (dir->error_code != WIRE_ERROR_NONE) {
            doctor_find(
                doctor, DOCTOR_ERROR, name,
                "its partitions are offline; look at the node's log for the failure, replace "
                "the disk or mend the folder, and start the node again",
                "the log directory is offline: %s", wire_error_name(dir->error_code));
            continue;
        }
        if (dir->total_bytes <= 0 || dir->usable_bytes < 0)
            continue;
        double percent = 100.0 * (double)dir->usable_bytes / (double)dir->total_bytes;
        bool low = percent < DISK_LEAST_PERCENT;
        doctor_find(
            doctor, low ? DOCTOR_WARNING : DOCTOR_OK, name,
            low ? "shorten retention (retention.ms, retention.bytes), delete topics or add room "
                  "before the disk is full"
                : NULL,
            "%.1f of %.1f GB are free (%.0f %%)", (double)dir->usable_bytes / 1e9,
            (double)dir->total_bytes / 1e9, percent);
    }
}

/* -- DescribeQuorum: its leader tells what time it has */

static bool quorum_wanted(const struct doctor_visit *visit)
{
    return !visit->doctor->asked_quorum && !visit->controller;
}

static bool quorum_ask(struct doctor_visit *visit)
{
    struct wire_describe_quorum_request_partition_data partition;
    struct wire_describe_quorum_request_topic_data topic;
    struct wire_describe_quorum_request message;
    wire_default(&wire_describe_quorum_request_partition_data_schema, &partition);
    wire_default(&wire_describe_quorum_request_topic_data_schema, &topic);
    wire_default(&wire_describe_quorum_request_schema, &message);
    topic.topic_name = wire_string_from("__cluster_metadata");
    topic.partitions.items = &partition;
    topic.partitions.count = 1;
    message.topics.items = &topic;
    message.topics.count = 1;
    visit->doctor->asked_quorum = true;
    return send(visit, WIRE_API_DESCRIBE_QUORUM, &message);
}

static void quorum_answered(struct doctor_visit *visit, const void *response)
{
    const struct wire_describe_quorum_response *message = response;
    struct doctor *doctor = visit->doctor;
    if (message->error_code != WIRE_ERROR_NONE || message->topics.count != 1 ||
        message->topics.items[0].partitions.count != 1)
        return;
    const struct wire_describe_quorum_response_partition_data *quorum =
        &message->topics.items[0].partitions.items[0];
    if (quorum->error_code != WIRE_ERROR_NONE)
        return;
    int64_t asked = visit->asked_ms;
    int64_t now = env_wall_ms(doctor->env);
    for (int32_t i = 0; i < quorum->current_voters.count; i++) {
        const struct wire_describe_quorum_response_replica_state *voter =
            &quorum->current_voters.items[i];
        const char *name = doctor_text(doctor, "controller %" PRId32, voter->replica_id);
        int64_t told = voter->last_caught_up_timestamp;
        if (voter->replica_id == quorum->leader_id && told > 0) {
            /* It was read between the question and the answer. */
            int64_t off = told < asked ? told - asked : told > now ? told - now : 0;
            bool wrong = off > CLOCK_OFF_MS_MAX || off < -CLOCK_OFF_MS_MAX;
            doctor_find(doctor, wrong ? DOCTOR_WARNING : DOCTOR_OK, name,
                        wrong ? "set both clocks by NTP: retention, timestamps and lag go by them"
                              : NULL,
                        wrong ? "its clock is %.1f s off this machine's (%s)"
                              : "its clock agrees with this machine's to %.1f s%s",
                        (double)(off < 0 ? -off : off) / 1e3,
                        !wrong    ? ""
                        : off < 0 ? "behind"
                                  : "ahead");
        } else if (told > 0 && now - told > 10000) {
            doctor_find(doctor, DOCTOR_WARNING, name, "start it, or look at its log",
                        "the quorum's leader has not had it caught up for %.0f s",
                        (double)(now - told) / 1e3);
        }
    }
}

static const struct question questions[] = {
    {WIRE_API_METADATA, metadata_wanted, metadata_ask, metadata_answered},
    {WIRE_API_DESCRIBE_CONFIGS, configs_wanted, configs_ask, configs_answered},
    {WIRE_API_DESCRIBE_LOG_DIRS, log_dirs_wanted, log_dirs_ask, log_dirs_answered},
    {WIRE_API_DESCRIBE_QUORUM, quorum_wanted, quorum_ask, quorum_answered},
};

/* ---- The course of a visit ---- */

static void visit_next(struct doctor_visit *visit)
{
    for (; visit->question < ARRAY_COUNT(questions); visit->question++) {
        const struct question *question = &questions[visit->question];
        int16_t version;
        if (!question->wanted(visit) ||
            link_version(visit->link, question->key, &version) != ERR_OK)
            continue;
        visit->asked_ms = env_wall_ms(visit->doctor->env);
        if (question->ask(visit))
            return;
    }
    visit_over(visit);
}

static void visit_answered(struct link *link, struct link_request *request,
                           const struct link_response *response)
{
    UNUSED(link);
    struct doctor_visit *visit = CONTAINER_OF(request, struct doctor_visit, request);
    if (visit->over)
        return;
    if (response->err != ERR_OK) {
        doctor_find(visit->doctor, DOCTOR_ERROR, visit->name,
                    "look at the node's log; it may be overloaded, or stopping",
                    "it took the connection, but a request got no answer: %s",
                    err_text(response->err));
        visit_over(visit);
        return;
    }
    questions[visit->question++].answered(visit, response->message);
    visit_next(visit);
}

static bool send(struct doctor_visit *visit, int16_t key, const void *message)
{
    visit->request.done = visit_answered;
    return link_send(visit->link, &visit->request, key, INT16_MAX, message, 0) == ERR_OK;
}

static void visit_on_state(void *context, struct link *link, enum link_state state, enum err why)
{
    struct doctor_visit *visit = context;
    UNUSED(link);
    if (visit->over)
        return;
    visit->connected |= state == LINK_STATE_NEGOTIATING;
    if (state == LINK_STATE_READY) {
        if (visit->controller)
            doctor_find(visit->doctor, DOCTOR_OK, visit->name, NULL, "answers");
        visit_next(visit);
    } else if (state == LINK_STATE_WAITING) {
        unreachable(visit, why);
        visit_over(visit);
    }
}

static void visit_begin(struct doctor_visit *visit)
{
    struct doctor *doctor = visit->doctor;
    doctor->visit = visit;
    if (visit->protocol != CONF_PROTOCOL_PLAINTEXT) {
        doctor_find(doctor, DOCTOR_OK, visit->name, NULL, "not dialled: it speaks %s",
                    conf_protocol_text(visit->protocol));
        visit_over(visit);
        return;
    }
    struct link_options options = {
        .host = visit->host,
        .port = visit->port,
        .client_id = "ottla-doctor",
        .software_name = "ottla",
        .software_version = "doctor",
        .connect_timeout_ms = doctor->timeout_ms,
        .request_timeout_ms = doctor->timeout_ms,
        .backoff_ms = 60000,
        .pool = doctor->pool,
        .context = visit,
        .on_state = visit_on_state,
    };
    visit->link = link_new(doctor->env, &options);
    link_open(visit->link);
}

static void turn(struct env *env, struct env_timer *timer)
{
    UNUSED(env);
    struct doctor *doctor = CONTAINER_OF(timer, struct doctor, timer);
    struct doctor_visit *last = doctor->visit;
    if (last != NULL) {
        doctor->visit = NULL;
        if (last->link != NULL)
            link_close(last->link);
        link_free(last->link);
        list_push_back(&doctor->seen, &last->node);
    }
    struct list *next = list_pop_front(&doctor->visits);
    if (next != NULL)
        visit_begin(LIST_ENTRY(next, struct doctor_visit, node));
    else
        os_stop(doctor->os);
}

bool doctor_visit_all(struct doctor *doctor)
{
    doctor->os = os_new(&(struct os_options){.shard_count = 1});
    if (doctor->os == NULL)
        return false;
    doctor->env = os_env(doctor->os, 0);
    doctor->pool = rcbuf_pool_new(1 << 20);
    env_timer_init(&doctor->timer, turn);
    env_timer_set_ms(doctor->env, &doctor->timer, 0);
    bool ran = os_run(doctor->os) == ERR_OK;
    os_free(doctor->os);
    rcbuf_pool_free(doctor->pool);
    return ran;
}
