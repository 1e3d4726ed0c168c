/*
 * `load consume`: each connection reads its share of the partitions from the beginning, with one
 * Fetch under way, until `bytes` have come (of batches, as they are stored).
 */
#include "base/mem.h"
#include "load.h"
#include "wire/api_keys.h"
#include "wire/batch.h"
#include "wire/errors.h"

#include <stdio.h>

struct consume;

struct consume_connection {
    struct consume *consume;
    struct link *link;
    struct link_request request;
    int32_t partition_count;
    struct wire_fetch_request_fetch_partition *partitions;
};

struct consume {
    struct load *load;
    struct consume_connection *connections;
    int64_t bytes;
    int64_t records;
    int64_t fetches;
    bool done;
};

static void fetch(struct consume_connection *connection);

static void finish(struct consume *consume)
{
    double seconds = load_seconds(consume->load);
    consume->done = true;
    printf("{\"records\": %" PRId64 ", \"bytes\": %" PRId64
           ", \"seconds\": %.3f, \"requests\": %" PRId64 ", \"megabytes_per_second\": %.1f}\n",
           consume->records, consume->bytes, seconds, consume->fetches,
           (double)consume->bytes / 1e6 / seconds);
    load_end(consume->load);
}

static bool take(struct consume_connection *connection,
                 const struct wire_fetch_response_partition_data *data)
{
    struct consume *consume = connection->consume;
    if (data->error_code != WIRE_ERROR_NONE) {
        load_fail(consume->load, "Fetch: %s", wire_error_name(data->error_code));
        return false;
    }
    struct batch_walk walk = batch_walk_begin(data->records.data, data->records.size);
    struct batch_view batch;
    for (int32_t i = 0; i < connection->partition_count; i++) {
        struct wire_fetch_request_fetch_partition *partition = &connection->partitions[i];
        if (partition->partition != data->partition_index)
            continue;
        while (batch_walk_next(&walk, &batch)) {
            consume->bytes += (int64_t)batch.header.size;
            consume->records += batch.header.record_count;
            partition->fetch_offset = batch_next_offset(&batch.header);
        }
        break;
    }
    return true;
}

static void fetch_done(struct link *link, struct link_request *request,
                       const struct link_response *response)
{
    UNUSED(link);
    struct consume_connection *connection =
        CONTAINER_OF(request, struct consume_connection, request);
    struct consume *consume = connection->consume;
    if (consume->done)
        return;
    const struct wire_fetch_response *message = response->message;
    if (response->err != ERR_OK || message->error_code != WIRE_ERROR_NONE) {
        load_fail(consume->load, "Fetch: %s",
                  response->err != ERR_OK ? err_text(response->err)
                                          : wire_error_name(message->error_code));
        return;
    }
    consume->fetches++;
    for (int32_t i = 0; i < message->responses.count; i++) {
        for (int32_t j = 0; j < message->responses.items[i].partitions.count; j++) {
            if (!take(connection, &message->responses.items[i].partitions.items[j]))
                return;
        }
    }
    if (consume->bytes >= consume->load->options.bytes)
        finish(consume);
    else
        fetch(connection);
}

static void fetch(struct consume_connection *connection)
{
    struct load *load = connection->consume->load;
    struct wire_fetch_request_fetch_topic topic;
    struct wire_fetch_request message;
    wire_default(&wire_fetch_request_fetch_topic_schema, &topic);
    wire_default(&wire_fetch_request_schema, &message);
    topic.topic = wire_string_from(load->options.topic);
    topic.topic_id = load->topic_id;
    topic.partitions.items = connection->partitions;
    topic.partitions.count = connection->partition_count;
    message.max_wait_ms = 500;
    message.min_bytes = load->options.min_bytes;
    message.max_bytes = 50 << 20;
    message.topics.items = &topic;
    message.topics.count = 1;
    connection->request.done = fetch_done;
    enum err err =
        link_send(connection->link, &connection->request, WIRE_API_FETCH, INT16_MAX, &message, 0);
    if (err != ERR_OK)
        load_fail(load, "Fetch: %s", err_text(err));
}

static void on_ready(void *context, struct link *link)
{
    struct consume_connection *connection = context;
    connection->link = link;
    fetch(connection);
}

static void start(struct load *load)
{
    struct consume *consume = mem_zalloc(sizeof *consume);
    consume->load = load;
    int32_t count = load->options.connections;
    consume->connections = mem_zalloc((size_t)count * sizeof *consume->connections);
    for (int32_t i = 0; i < count && i < load->partition_count; i++) {
        struct consume_connection *connection = &consume->connections[i];
        connection->consume = consume;
        connection->partitions = mem_zalloc((size_t)(load->partition_count / count + 1) *
                                            sizeof *connection->partitions);
        for (int32_t j = i; j < load->partition_count; j += count) {
            struct wire_fetch_request_fetch_partition *partition =
                &connection->partitions[connection->partition_count++];
            wire_default(&wire_fetch_request_fetch_partition_schema, partition);
            partition->partition = j;
            partition->partition_max_bytes = load->options.fetch_bytes;
        }
        (void)load_connect(load, connection, on_ready);
    }
}

const struct load_command load_consume = {"consume", "everything that is in the topic", true,
                                          start};
