#define LOG_ROOM "load"
#include "load.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "os/os.h"
#include "wire/api_keys.h"
#include "wire/batch.h"
#include "wire/errors.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct load_command *const commands[] = {&load_produce, &load_consume, &load_latency,
                                                      &load_idle};
#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

/* ---- The run ---- */

void load_end(struct load *load)
{
    os_stop(load->os);
}

void load_fail(struct load *load, const char *format, ...)
{
    if (load->failed)
        return;
    load->failed = true;
    va_list args;
    va_start(args, format);
    fprintf(stderr, "load %s: ", load->command->name);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    os_stop(load->os);
}

double load_seconds(const struct load *load)
{
    return (double)(env_now_ns(load->env) - load->begun_ns) / 1e9;
}

/* ---- Connections ---- */

struct connection {
    struct load *load;
    void *context;
    void (*on_ready)(void *context, struct link *link);
};

static void connection_on_state(void *context, struct link *link, enum link_state state,
                                enum err why)
{
    struct connection *connection = context;
    if (state == LINK_STATE_READY)
        connection->on_ready(connection->context, link);
    else if (state == LINK_STATE_WAITING)
        load_fail(connection->load, "a connection to %s:%u is lost: %s",
                  connection->load->options.host, connection->load->options.port, err_text(why));
}

struct link *load_connect(struct load *load, void *context,
                          void (*on_ready)(void *context, struct link *link))
{
    struct connection *connection = mem_alloc(sizeof *connection);
    *connection = (struct connection){load, context, on_ready};
    struct link_options options = {
        .host = load->options.host,
        .port = load->options.port,
        .client_id = "ottla-load",
        .software_name = "ottla-load",
        .software_version = "1",
        .connect_timeout_ms = 60000,
        .request_timeout_ms = 60000,
        .pool = load->pool,
        .context = connection,
        .on_state = connection_on_state,
    };
    struct link *link = link_new(load->env, &options);
    link_open(link);
    return link;
}

/* ---- Batches ---- */

void load_batch(struct load *load, int32_t record_count, uint32_t fill, struct buf *out)
{
    struct batch_builder_options options = BATCH_BUILDER_DEFAULTS;
    options.codec = (uint8_t)load->options.codec;
    options.level = codec_level_default(load->options.codec);
    struct batch_builder builder;
    batch_builder_init(&builder, &options);
    size_t size = (size_t)load->options.record_bytes;
    uint8_t *value = mem_alloc(size + 1);
    /* Text of words, which compresses as text does: about three to one. */
    uint32_t state = fill * 2654435761u + 1;
    for (int32_t i = 0; i < record_count; i++) {
        for (size_t at = 0; at < size; at++) {
            if (at % 4 == 0)
                state = state * 1664525u + 1013904223u;
            value[at] = at % 8 < 5 ? (uint8_t) "etaoinsh rdlucmf"[state >> 28]
                                   : (uint8_t) "ing the "[at % 8];
        }
        struct batch_record record = {
            .offset = i,
            .timestamp = env_wall_ms(load->env),
            .value = value,
            .value_size = size,
        };
        enum err err = batch_builder_add(&builder, &record);
        ASSERT(err == ERR_OK);
    }
    enum err err = batch_builder_finish(&builder, load->codec, out);
    ASSERT(err == ERR_OK);
    batch_builder_deinit(&builder);
    mem_free(value);
}

void load_batch_stamp(struct buf *batch, int64_t producer_id, int32_t sequence)
{
    struct batch_header header;
    enum err err = batch_header_read(batch->data, batch->size, &header);
    ASSERT(err == ERR_OK);
    header.producer_id = producer_id;
    header.producer_epoch = 0;
    header.base_sequence = sequence;
    batch_header_write(&header, batch->data);
    batch_update_crc(batch->data, batch->size);
}

bool load_send_batch(struct load *load, struct link *link, struct link_request *request,
                     int32_t partition, const struct buf *batch)
{
    struct wire_produce_request_partition_produce_data data;
    struct wire_produce_request_topic_produce_data topic;
    struct wire_produce_request message;
    wire_default(&wire_produce_request_partition_produce_data_schema, &data);
    wire_default(&wire_produce_request_topic_produce_data_schema, &topic);
    wire_default(&wire_produce_request_schema, &message);
    data.index = partition;
    data.records = (struct wire_bytes){batch->data, (uint32_t)batch->size};
    topic.name = wire_string_from(load->options.topic);
    topic.topic_id = load->topic_id;
    topic.partition_data.items = &data;
    topic.partition_data.count = 1;
    message.acks = load->options.acks;
    message.timeout_ms = 30000;
    message.topic_data.items = &topic;
    message.topic_data.count = 1;
    request->silent = load->options.acks == 0;
    enum err err = link_send(link, request, WIRE_API_PRODUCE, INT16_MAX, &message, 0);
    if (err != ERR_OK)
        load_fail(load, "Produce cannot be sent: %s", err_text(err));
    return err == ERR_OK;
}

bool load_check_produced(struct load *load, const struct link_response *response,
                         int64_t *base_offset)
{
    if (response->err != ERR_OK) {
        load_fail(load, "Produce: %s", err_text(response->err));
        return false;
    }
    const struct wire_produce_response *message = response->message;
    if (message == NULL) /* acks=0 */
        return true;
    if (message->responses.count != 1 ||
        message->responses.items[0].partition_responses.count != 1) {
        load_fail(load, "Produce: not one partition in the response");
        return false;
    }
    const struct wire_produce_response_partition_produce_response *partition =
        &message->responses.items[0].partition_responses.items[0];
    if (partition->error_code != WIRE_ERROR_NONE) {
        load_fail(load, "Produce: %s", wire_error_name(partition->error_code));
        return false;
    }
    if (base_offset != NULL)
        *base_offset = partition->base_offset;
    return true;
}

/* ---- The topic: made when it is not there, and waited for ---- */

static void topic_ask(struct load *load);

static void topic_again(struct env *env, struct env_timer *timer)
{
    UNUSED(env);
    topic_ask(CONTAINER_OF(timer, struct load, timer));
}

static void topic_made(struct link *link, struct link_request *request,
                       const struct link_response *response)
{
    UNUSED(link);
    struct load *load = CONTAINER_OF(request, struct load, request);
    if (response->err != ERR_OK) {
        load_fail(load, "CreateTopics: %s", err_text(response->err));
        return;
    }
    const struct wire_create_topics_response *message = response->message;
    int16_t error = message->topics.count == 1 ? message->topics.items[0].error_code
                                               : WIRE_ERROR_UNKNOWN_SERVER_ERROR;
    if (error != WIRE_ERROR_NONE && error != WIRE_ERROR_TOPIC_ALREADY_EXISTS)
        load_fail(load, "CreateTopics: %s", wire_error_name(error));
    else
        env_timer_set_ms(load->env, &load->timer, 50);
}

static void topic_make(struct load *load)
{
    struct wire_create_topics_request_creatable_topic topic;
    struct wire_create_topics_request message;
    wire_default(&wire_create_topics_request_creatable_topic_schema, &topic);
    wire_default(&wire_create_topics_request_schema, &message);
    topic.name = wire_string_from(load->options.topic);
    topic.num_partitions = load->options.partitions;
    topic.replication_factor = -1;
    message.topics.items = &topic;
    message.topics.count = 1;
    load->request.done = topic_made;
    enum err err =
        link_send(load->link, &load->request, WIRE_API_CREATE_TOPICS, INT16_MAX, &message, 0);
    if (err != ERR_OK)
        load_fail(load, "CreateTopics: %s", err_text(err));
}

static void topic_told(struct link *link, struct link_request *request,
                       const struct link_response *response)
{
    UNUSED(link);
    struct load *load = CONTAINER_OF(request, struct load, request);
    if (response->err != ERR_OK) {
        load_fail(load, "Metadata: %s", err_text(response->err));
        return;
    }
    const struct wire_metadata_response *message = response->message;
    const struct wire_metadata_response_metadata_response_topic *topic =
        message->topics.count == 1 ? &message->topics.items[0] : NULL;
    if (topic != NULL && topic->error_code == WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION) {
        topic_make(load);
        return;
    }
    bool ready = topic != NULL && topic->error_code == WIRE_ERROR_NONE;
    for (int32_t i = 0; ready && i < topic->partitions.count; i++)
        ready = topic->partitions.items[i].error_code == WIRE_ERROR_NONE;
    if (!ready) {
        env_timer_set_ms(load->env, &load->timer, 50);
        return;
    }
    load->topic_id = topic->topic_id;
    load->partition_count = topic->partitions.count;
    load->begun_ns = env_now_ns(load->env);
    load->command->start(load);
}

static void topic_ask(struct load *load)
{
    struct wire_metadata_request_metadata_request_topic topic;
    struct wire_metadata_request message;
    wire_default(&wire_metadata_request_metadata_request_topic_schema, &topic);
    wire_default(&wire_metadata_request_schema, &message);
    topic.name = wire_string_from(load->options.topic);
    message.topics.items = &topic;
    message.topics.count = 1;
    message.allow_auto_topic_creation = false;
    load->request.done = topic_told;
    enum err err = link_send(load->link, &load->request, WIRE_API_METADATA, INT16_MAX, &message, 0);
    if (err != ERR_OK)
        load_fail(load, "Metadata: %s", err_text(err));
}

static void first_ready(void *context, struct link *link)
{
    struct load *load = context;
    load->link = link;
    load->begun_ns = env_now_ns(load->env);
    if (load->command->needs_topic)
        topic_ask(load);
    else
        load->command->start(load);
}

/* ---- The command line ---- */

static int usage(FILE *to)
{
    fprintf(to, "usage: load COMMAND --broker HOST:PORT [--name value]...\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(to, "  %-9s %s\n", commands[i]->name, commands[i]->what);
    fprintf(
        to,
        "\n  --topic NAME --partitions N    a topic; made with N partitions if it is not there\n"
        "  --connections N --window N     connections, and requests under way on each\n"
        "  --record-bytes N --batch-bytes N --bytes N --codec NAME --acks N --idempotent 1\n"
        "  --records N --rate N           latency: records, and how many in a second (0: one at a "
        "time)\n"
        "  --min-bytes N --fetch-bytes N  of a fetch; its least, and its most for each "
        "partition\n");
    return to == stdout ? 0 : 2;
}

static bool number(const char *text, int64_t low, int64_t high, int64_t *out)
{
    char *end;
    long long value = strtoll(text, &end, 10);
    *out = value;
    return *text != '\0' && *end == '\0' && value >= low && value <= high;
}

static bool option_broker(struct load_options *options, const char *value)
{
    const char *colon = strrchr(value, ':');
    int64_t port;
    if (colon == NULL || (size_t)(colon - value) >= sizeof options->host ||
        !number(colon + 1, 1, 65535, &port))
        return false;
    memcpy(options->host, value, (size_t)(colon - value));
    options->port = (uint16_t)port;
    return true;
}

static bool option_set(struct load_options *options, const char *name, const char *value)
{
    static const struct {
        const char *name;
        size_t offset;
    } numbers[] = {
        {"--partitions", offsetof(struct load_options, partitions)},
        {"--connections", offsetof(struct load_options, connections)},
        {"--window", offsetof(struct load_options, window)},
        {"--record-bytes", offsetof(struct load_options, record_bytes)},
        {"--batch-bytes", offsetof(struct load_options, batch_bytes)},
        {"--rate", offsetof(struct load_options, rate)},
        {"--min-bytes", offsetof(struct load_options, min_bytes)},
        {"--fetch-bytes", offsetof(struct load_options, fetch_bytes)},
    };
    int64_t n;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (strcmp(name, numbers[i].name) != 0)
            continue;
        if (!number(value, 0, INT32_MAX, &n))
            return false;
        *(int32_t *)((char *)options + numbers[i].offset) = (int32_t)n;
        return true;
    }
    if (strcmp(name, "--broker") == 0)
        return option_broker(options, value);
    if (strcmp(name, "--topic") == 0)
        return (options->topic = value) != NULL;
    if (strcmp(name, "--codec") == 0)
        return codec_from_name(value, strlen(value), &options->codec);
    if (strcmp(name, "--bytes") == 0)
        return number(value, 0, INT64_MAX, &options->bytes);
    if (strcmp(name, "--records") == 0)
        return number(value, 1, 100000000, &options->records);
    if (strcmp(name, "--acks") == 0 && number(value, -1, 1, &n)) {
        options->acks = (int16_t)n;
        return true;
    }
    if (strcmp(name, "--idempotent") == 0 && number(value, 0, 1, &n)) {
        options->idempotent = n == 1;
        return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    struct load load = {.options = {.topic = "load",
                                    .partitions = 1,
                                    .connections = 1,
                                    .window = 5,
                                    .record_bytes = 1024,
                                    .batch_bytes = 16384,
                                    .bytes = 100000000,
                                    .records = 10000,
                                    .min_bytes = 1,
                                    .fetch_bytes = 1 << 20,
                                    .acks = -1}};
    for (size_t i = 0; argc > 1 && i < COMMAND_COUNT; i++) {
        if (strcmp(argv[1], commands[i]->name) == 0)
            load.command = commands[i];
    }
    if (argc > 1 && strcmp(argv[1], "--help") == 0)
        return usage(stdout);
    if (load.command == NULL)
        return usage(stderr);
    for (int i = 2; i < argc; i += 2) {
        if (i + 1 == argc || !option_set(&load.options, argv[i], argv[i + 1])) {
            fprintf(stderr, "load: %s is unknown, or its value is wrong\n", argv[i]);
            return usage(stderr);
        }
    }
    if (load.options.port == 0 || load.options.connections < 1 || load.options.window < 1 ||
        load.options.record_bytes < 16) {
        fprintf(stderr, "load: --broker is missing, or a number is too small\n");
        return 2;
    }
    os_log_init(LOG_LEVEL_WARN);
    (void)os_descriptors_raise();
    load.os = os_new(&(struct os_options){.shard_count = 1});
    if (load.os == NULL)
        return 1;
    load.env = os_env(load.os, 0);
    load.pool = rcbuf_pool_new(64 << 20);
    load.codec = codec_context_new();
    env_timer_init(&load.timer, topic_again);
    (void)load_connect(&load, &load, first_ready);
    if (os_run(load.os) != ERR_OK)
        load.failed = true;
    /* The process ends here, and with it its connections. */
    return load.failed ? 1 : 0;
}
