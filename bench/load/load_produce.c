/*
 * `load produce`: each connection keeps `window` Produce requests of one batch under way, to its
 * share of the partitions in turn, until `bytes` of records were accepted.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "load.h"
#include "wire/api_keys.h"
#include "wire/batch.h"
#include "wire/errors.h"

#include <stdio.h>

struct produce;

struct lane {
    struct link_request request;
    struct produce_connection *connection;
};

struct produce_connection {
    struct produce *produce;
    struct link *link;
    int32_t next; /* partition */
    int64_t producer_id;
    struct link_request init;
    struct env_timer again;
    int32_t *sequences; /* by partition */
    struct buf batch;
    struct lane *lanes;
};

struct produce {
    struct load *load;
    struct produce_connection *connections;
    int32_t ready_count;
    int32_t records_per_batch;
    int64_t requests_left; /* to send */
    int64_t requests_under_way;
    int64_t requests_done;
};

static void finish(struct produce *produce)
{
    struct load *load = produce->load;
    int64_t records = produce->requests_done * produce->records_per_batch;
    double seconds = load_seconds(load);
    double bytes = (double)(records * load->options.record_bytes);
    printf("{\"records\": %" PRId64 ", \"bytes\": %.0f, \"seconds\": %.3f, \"requests\": %" PRId64
           ", \"megabytes_per_second\": %.1f}\n",
           records, bytes, seconds, produce->requests_done, bytes / 1e6 / seconds);
    load_end(load);
}

static void lane_send(struct lane *lane)
{
    struct produce_connection *connection = lane->connection;
    struct produce *produce = connection->produce;
    struct load *load = produce->load;
    if (produce->requests_left == 0) {
        if (produce->requests_under_way == 0)
            finish(produce);
        return;
    }
    int32_t partition = connection->next;
    connection->next = (partition + load->options.connections) % load->partition_count;
    if (load->options.idempotent) {
        load_batch_stamp(&connection->batch, connection->producer_id,
                         connection->sequences[partition]);
        connection->sequences[partition] =
            batch_sequence_add(connection->sequences[partition], produce->records_per_batch);
    }
    produce->requests_left--;
    produce->requests_under_way++;
    (void)load_send_batch(load, connection->link, &lane->request, partition, &connection->batch);
}

static void lane_done(struct link *link, struct link_request *request,
                      const struct link_response *response)
{
    UNUSED(link);
    struct lane *lane = CONTAINER_OF(request, struct lane, request);
    struct produce *produce = lane->connection->produce;
    if (!load_check_produced(produce->load, response, NULL))
        return;
    produce->requests_under_way--;
    produce->requests_done++;
    lane_send(lane);
}

static void begin(struct produce *produce)
{
    struct load *load = produce->load;
    load->begun_ns = env_now_ns(load->env);
    for (int32_t i = 0; i < load->options.connections; i++) {
        struct produce_connection *connection = &produce->connections[i];
        for (int32_t j = 0; j < load->options.window && produce->requests_left > 0; j++) {
            connection->lanes[j].request.done = lane_done;
            lane_send(&connection->lanes[j]);
        }
    }
}

static void connection_ready(struct produce_connection *connection)
{
    struct produce *produce = connection->produce;
    if (++produce->ready_count == produce->load->options.connections)
        begin(produce);
}

static void init_ask(struct produce_connection *connection);

static void init_again(struct env *env, struct env_timer *timer)
{
    UNUSED(env);
    init_ask(CONTAINER_OF(timer, struct produce_connection, again));
}

static void init_done(struct link *link, struct link_request *request,
                      const struct link_response *response)
{
    struct produce_connection *connection = CONTAINER_OF(request, struct produce_connection, init);
    const struct wire_init_producer_id_response *message = response->message;
    struct load *load = connection->produce->load;
    UNUSED(link);
    if (response->err == ERR_OK && wire_error_retriable(message->error_code)) {
        env_timer_set_ms(load->env, &connection->again, 100);
        return;
    }
    if (response->err != ERR_OK || message->error_code != WIRE_ERROR_NONE) {
        load_fail(load, "InitProducerId: %s",
                  response->err != ERR_OK ? err_text(response->err)
                                          : wire_error_name(message->error_code));
        return;
    }
    connection->producer_id = message->producer_id;
    connection_ready(connection);
}

static void init_ask(struct produce_connection *connection)
{
    struct wire_init_producer_id_request message;
    wire_default(&wire_init_producer_id_request_schema, &message);
    message.transactional_id = (struct wire_string){0};
    connection->init.done = init_done;
    enum err err = link_send(connection->link, &connection->init, WIRE_API_INIT_PRODUCER_ID,
                             INT16_MAX, &message, 0);
    if (err != ERR_OK)
        load_fail(connection->produce->load, "InitProducerId: %s", err_text(err));
}

static void on_ready(void *context, struct link *link)
{
    struct produce_connection *connection = context;
    connection->link = link;
    if (connection->produce->load->options.idempotent)
        init_ask(connection);
    else
        connection_ready(connection);
}

static void start(struct load *load)
{
    struct produce *produce = mem_zalloc(sizeof *produce);
    const struct load_options *options = &load->options;
    produce->load = load;
    produce->records_per_batch = options->batch_bytes / options->record_bytes;
    if (produce->records_per_batch < 1)
        produce->records_per_batch = 1;
    int64_t batch_bytes = (int64_t)produce->records_per_batch * options->record_bytes;
    produce->requests_left = (options->bytes + batch_bytes - 1) / batch_bytes;
    produce->connections = mem_zalloc((size_t)options->connections * sizeof *produce->connections);
    for (int32_t i = 0; i < options->connections; i++) {
        struct produce_connection *connection = &produce->connections[i];
        connection->produce = produce;
        env_timer_init(&connection->again, init_again);
        connection->next = i % load->partition_count;
        connection->sequences = mem_zalloc((size_t)load->partition_count * sizeof(int32_t));
        connection->lanes = mem_zalloc((size_t)options->window * sizeof *connection->lanes);
        for (int32_t j = 0; j < options->window; j++)
            connection->lanes[j].connection = connection;
        load_batch(load, produce->records_per_batch, (uint32_t)i, &connection->batch);
        (void)load_connect(load, connection, on_ready);
    }
}

const struct load_command load_produce = {"produce", "as many records as the node takes", true,
                                          start};
