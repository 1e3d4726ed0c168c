/*
 * `load latency`: from the moment that a record is to be sent until a consumer has it, on two
 * connections. The time of sending is in the record. At a rate, a record is sent when its time has
 * come whether or not those before it have arrived, and its latency counts from that time, so that
 * a node that stalls is charged for all that waited.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "load.h"
#include "wire/api_keys.h"
#include "wire/batch.h"
#include "wire/errors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_NS UINT64_C(100000)

struct sending {
    struct link_request request;
    struct latency *latency;
    struct sending *next;
};

struct latency {
    struct load *load;
    struct link *producer;
    struct link *consumer;
    struct sending *idle;
    struct link_request fetch;
    struct env_timer timer;
    struct buf batch;
    int64_t offset; /* to fetch from */
    int64_t sent;
    int64_t received;
    uint64_t began_ns;
    uint32_t *latencies_us;
};

static void send_due(struct latency *latency);

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void finish(struct latency *latency)
{
    struct load *load = latency->load;
    int64_t count = latency->received;
    qsort(latency->latencies_us, (size_t)count, sizeof latency->latencies_us[0], by_value);
    printf(
        "{\"records\": %" PRId64
        ", \"seconds\": %.3f, \"p50_us\": %u, \"p99_us\": %u, \"p999_us\": %u, \"max_us\": %u}\n",
        count, (double)(env_now_ns(load->env) - latency->began_ns) / 1e9,
        latency->latencies_us[count / 2], latency->latencies_us[count * 99 / 100],
        latency->latencies_us[count * 999 / 1000], latency->latencies_us[count - 1]);
    load_end(load);
}

static void sent(struct link *link, struct link_request *request,
                 const struct link_response *response)
{
    UNUSED(link);
    struct sending *sending = CONTAINER_OF(request, struct sending, request);
    struct latency *latency = sending->latency;
    if (!load_check_produced(latency->load, response, NULL))
        return;
    sending->next = latency->idle;
    latency->idle = sending;
}

/* The records that became due at these times, as one batch: what a producer without linger does. */
static void send_records(struct latency *latency, const uint64_t *due_ns, int32_t count)
{
    struct load *load = latency->load;
    struct batch_builder_options options = BATCH_BUILDER_DEFAULTS;
    struct batch_builder builder;
    batch_builder_init(&builder, &options);
    size_t size = (size_t)load->options.record_bytes;
    uint8_t *value = mem_zalloc(size);
    for (int32_t i = 0; i < count; i++) {
        memcpy(value, &due_ns[i], sizeof due_ns[i]);
        struct batch_record record = {
            .offset = i, .timestamp = env_wall_ms(load->env), .value = value, .value_size = size};
        enum err err = batch_builder_add(&builder, &record);
        ASSERT(err == ERR_OK);
    }
    mem_free(value);
    buf_clear(&latency->batch);
    enum err err = batch_builder_finish(&builder, load->codec, &latency->batch);
    ASSERT(err == ERR_OK);
    batch_builder_deinit(&builder);
    struct sending *sending = latency->idle;
    if (sending != NULL)
        latency->idle = sending->next;
    else
        sending = mem_zalloc(sizeof *sending);
    sending->latency = latency;
    sending->request.done = sent;
    latency->sent += count;
    (void)load_send_batch(load, latency->producer, &sending->request, 0, &latency->batch);
}

static void send_due(struct latency *latency)
{
    struct load *load = latency->load;
    uint64_t now = env_now_ns(load->env);
    if (load->options.rate == 0) {
        if (latency->sent == latency->received && latency->sent < load->options.records)
            send_records(latency, &now, 1);
        return;
    }
    uint64_t due[1024];
    int32_t count = 0;
    while (latency->sent + count < load->options.records && count < 1024) {
        uint64_t at = latency->began_ns + (uint64_t)(latency->sent + count) * UINT64_C(1000000000) /
                                              (uint64_t)load->options.rate;
        if (at > now)
            break;
        due[count++] = at;
    }
    if (count > 0)
        send_records(latency, due, count);
}

static void tick(struct env *env, struct env_timer *timer)
{
    struct latency *latency = CONTAINER_OF(timer, struct latency, timer);
    send_due(latency);
    if (latency->sent < latency->load->options.records)
        env_timer_set(env, timer, env_now_ns(env) + TICK_NS);
}

/* ---- The consumer ---- */

static void fetch(struct latency *latency);

static bool take(struct latency *latency, const struct wire_fetch_response_partition_data *data)
{
    uint64_t now = env_now_ns(latency->load->env);
    struct batch_walk walk = batch_walk_begin(data->records.data, data->records.size);
    struct batch_view batch;
    while (batch_walk_next(&walk, &batch)) {
        latency->offset = batch_next_offset(&batch.header);
        struct batch_records records;
        struct batch_record record;
        if (batch_records_init(&records, latency->load->codec, &batch, 64 << 20) != ERR_OK)
            return false;
        while (batch_records_next(&records, &record)) {
            uint64_t due;
            if (record.value_size < sizeof due ||
                latency->received == latency->load->options.records)
                continue;
            memcpy(&due, record.value, sizeof due);
            latency->latencies_us[latency->received++] = (uint32_t)((now - due) / 1000);
        }
        batch_records_deinit(&records);
    }
    return walk.err == ERR_OK || walk.err == ERR_TRUNCATED;
}

static void fetched(struct link *link, struct link_request *request,
                    const struct link_response *response)
{
    UNUSED(link);
    struct latency *latency = CONTAINER_OF(request, struct latency, fetch);
    const struct wire_fetch_response *message = response->message;
    if (response->err != ERR_OK || message->error_code != WIRE_ERROR_NONE) {
        load_fail(latency->load, "Fetch fails");
        return;
    }
    for (int32_t i = 0; i < message->responses.count; i++) {
        for (int32_t j = 0; j < message->responses.items[i].partitions.count; j++) {
            const struct wire_fetch_response_partition_data *data =
                &message->responses.items[i].partitions.items[j];
            if (data->error_code != WIRE_ERROR_NONE || !take(latency, data)) {
                load_fail(latency->load, "Fetch: %s", wire_error_name(data->error_code));
                return;
            }
        }
    }
    if (latency->received == latency->load->options.records) {
        finish(latency);
        return;
    }
    fetch(latency);
    if (latency->load->options.rate == 0)
        send_due(latency);
}

static void fetch(struct latency *latency)
{
    struct load *load = latency->load;
    struct wire_fetch_request_fetch_partition partition;
    struct wire_fetch_request_fetch_topic topic;
    struct wire_fetch_request message;
    wire_default(&wire_fetch_request_fetch_partition_schema, &partition);
    wire_default(&wire_fetch_request_fetch_topic_schema, &topic);
    wire_default(&wire_fetch_request_schema, &message);
    partition.fetch_offset = latency->offset;
    partition.partition_max_bytes = 1 << 20;
    topic.topic = wire_string_from(load->options.topic);
    topic.topic_id = load->topic_id;
    topic.partitions.items = &partition;
    topic.partitions.count = 1;
    message.max_wait_ms = 500;
    message.min_bytes = 1;
    message.topics.items = &topic;
    message.topics.count = 1;
    latency->fetch.done = fetched;
    enum err err =
        link_send(latency->consumer, &latency->fetch, WIRE_API_FETCH, INT16_MAX, &message, 0);
    if (err != ERR_OK)
        load_fail(load, "Fetch: %s", err_text(err));
}

/* ---- The start: from the end of partition 0 ---- */

static void end_told(struct link *link, struct link_request *request,
                     const struct link_response *response)
{
    UNUSED(link);
    struct latency *latency = CONTAINER_OF(request, struct latency, fetch);
    const struct wire_list_offsets_response *message = response->message;
    if (response->err != ERR_OK || message->topics.count != 1 ||
        message->topics.items[0].partitions.count != 1) {
        load_fail(latency->load, "ListOffsets fails");
        return;
    }
    latency->offset = message->topics.items[0].partitions.items[0].offset;
    latency->latencies_us =
        mem_alloc((size_t)latency->load->options.records * sizeof latency->latencies_us[0]);
    latency->began_ns = env_now_ns(latency->load->env);
    fetch(latency);
    tick(latency->load->env, &latency->timer);
}

static void ask_end(struct latency *latency)
{
    struct wire_list_offsets_request_list_offsets_partition partition;
    struct wire_list_offsets_request_list_offsets_topic topic;
    struct wire_list_offsets_request message;
    wire_default(&wire_list_offsets_request_list_offsets_partition_schema, &partition);
    wire_default(&wire_list_offsets_request_list_offsets_topic_schema, &topic);
    wire_default(&wire_list_offsets_request_schema, &message);
    partition.timestamp = -1;
    topic.name = wire_string_from(latency->load->options.topic);
    topic.partitions.items = &partition;
    topic.partitions.count = 1;
    message.replica_id = -1;
    message.topics.items = &topic;
    message.topics.count = 1;
    latency->fetch.done = end_told;
    enum err err = link_send(latency->consumer, &latency->fetch, WIRE_API_LIST_OFFSETS, INT16_MAX,
                             &message, 0);
    if (err != ERR_OK)
        load_fail(latency->load, "ListOffsets: %s", err_text(err));
}

static void consumer_ready(void *context, struct link *link)
{
    struct latency *latency = context;
    latency->consumer = link;
    ask_end(latency);
}

static void start(struct load *load)
{
    struct latency *latency = mem_zalloc(sizeof *latency);
    latency->load = load;
    latency->producer = load->link;
    env_timer_init(&latency->timer, tick);
    (void)load_connect(load, latency, consumer_ready);
}

const struct load_command load_latency = {"latency", "from a record's sending to its arrival", true,
                                          start};
