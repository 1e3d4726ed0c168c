/*
 * Looks at the whole node: every topic that must be there is, with its id and partitions; none that
 * must not be; then every partition from its start to its end, record by record. What fails for a
 * reason that explains itself is begun again; a node that goes down in between makes another audit
 * necessary.
 *
 * Stages: TOPICS -> for each partition: STARTS -> ENDS -> RECORDS -> TIMES -> DONE
 */
#include "base/mem.h"
#include "client.h"
#include "wire/api_keys.h"
#include "wire/errors.h"

#include <inttypes.h>

enum stage {
    STAGE_IDLE,
    STAGE_TOPICS,
    STAGE_STARTS,
    STAGE_ENDS,
    STAGE_RECORDS,
    STAGE_TIMES,
    STAGE_DONE,
};

struct audit {
    struct client client; /* first */
    struct client_request request;
    enum stage stage;
    bool sent;
    bool restart; /* asked for while a request was under way */
    struct model_topic *topic;
    int32_t partition;
    int64_t start;
    int64_t offset;
    int64_t end;
    int64_t must_end;
    int64_t timestamp; /* that is asked for */
    uint32_t times_left;
    uint64_t send_after_ns;
};

static struct model_partition *partition_now(const struct audit *audit)
{
    return &audit->topic->partitions[audit->partition];
}

/* The first, or the next, topic that must be there. */
static struct model_topic *topic_after(struct audit *audit, struct model_topic *topic)
{
    struct list *head = &audit->client.model->topics;
    for (struct list *node = topic == NULL ? head->next : topic->node.next; node != head;
         node = node->next) {
        struct model_topic *next = LIST_ENTRY(node, struct model_topic, node);
        if (next->state == MODEL_TOPIC_CREATED)
            return next;
    }
    return NULL;
}

static void topic_begin(struct audit *audit, struct model_topic *topic)
{
    audit->topic = topic;
    audit->partition = 0;
    audit->stage = topic != NULL ? STAGE_STARTS : STAGE_DONE;
    if (topic == NULL) {
        audit->client.model->audit_after_power = false;
        audit->client.model->gate_closed = false;
        audit->client.model->progress++;
        sim_log(audit->client.world, "the audit is over");
    }
}

static void partition_over(struct audit *audit)
{
    audit->stage = STAGE_STARTS;
    if (++audit->partition >= audit->topic->partition_count)
        topic_begin(audit, topic_after(audit, audit->topic));
}

/* ---- Topics ---- */

static void check_topic(struct audit *audit, const struct model_topic *topic,
                        const struct wire_metadata_response *message)
{
    struct sim_world *world = audit->client.world;
    const struct wire_metadata_response_metadata_response_topic *found = NULL;
    for (int32_t i = 0; i < message->topics.count; i++) {
        if (wire_string_is(message->topics.items[i].name, topic->name))
            found = &message->topics.items[i];
    }
    if (topic->state == MODEL_TOPIC_CREATED && topic->audit_state == MODEL_TOPIC_CREATED) {
        SIM_CHECK(world, found != NULL, "%s was created, and is not there", topic->name);
        if (found == NULL)
            return;
        SIM_CHECK(world, uuid_equal(&found->topic_id, &topic->id), "%s has another id",
                  topic->name);
        SIM_CHECK(world, found->partitions.count == topic->partition_count,
                  "%s has %d partitions, not %d", topic->name, found->partitions.count,
                  topic->partition_count);
    }
    if (topic->audit_state == MODEL_TOPIC_DELETED)
        SIM_CHECK(world, found == NULL, "%s was deleted, and is there", topic->name);
}

static void topics_done(struct client *client, struct client_request *request,
                        const struct link_response *response)
{
    UNUSED(request);
    struct audit *audit = CONTAINER_OF(client, struct audit, client);
    audit->sent = false;
    if (response->err != ERR_OK || audit->restart)
        return;
    const struct wire_metadata_response *message = response->message;
    SIM_CHECK(client->world, message->brokers.count == 1, "there are %d brokers",
              message->brokers.count);
    for (int32_t i = 0; i < message->topics.count; i++) {
        const struct wire_metadata_response_metadata_response_topic *found =
            &message->topics.items[i];
        SIM_CHECK(client->world,
                  found->is_internal ||
                      model_topic_find(client->model, found->name.data, found->name.size) != NULL,
                  "topic %.*s is nobody's", WIRE_STRING_ARGS(found->name));
    }
    LIST_FOR_EACH (node, &client->model->topics) {
        const struct model_topic *topic = LIST_ENTRY(node, struct model_topic, node);
        check_topic(audit, topic, message);
    }
    topic_begin(audit, topic_after(audit, NULL));
    client->step(client);
}

static void topics_send(struct audit *audit)
{
    struct wire_metadata_request message;
    wire_default(&wire_metadata_request_schema, &message);
    message.topics.items = NULL;
    message.topics.count = -1; /* all */
    message.allow_auto_topic_creation = false;
    LIST_FOR_EACH (node, &audit->client.model->topics) {
        struct model_topic *topic = LIST_ENTRY(node, struct model_topic, node);
        topic->audit_state = topic->state;
    }
    audit->sent =
        client_send(&audit->client, &audit->request, WIRE_API_METADATA, 10, &message, topics_done);
}

/* ---- Offsets ---- */

/* True: it is to be asked again; the topic may have gone, and is then passed over. */
static bool try_again(struct audit *audit, int16_t error, const char *what)
{
    if (error == WIRE_ERROR_NONE)
        return false;
    if (audit->topic->state >= MODEL_TOPIC_DELETING)
        partition_over(audit);
    SIM_CHECK(audit->client.world,
              wire_error_retriable(error) && error != WIRE_ERROR_CORRUPT_MESSAGE, "%s: %s", what,
              wire_error_name(error));
    return true;
}

/* Where the log starts may move on under the audit's feet. */
static bool begin_again(struct audit *audit, int16_t error)
{
    if (error != WIRE_ERROR_OFFSET_OUT_OF_RANGE || audit->topic->retention_bytes == 0)
        return false;
    audit->stage = STAGE_STARTS;
    return true;
}

static void times_begin(struct audit *audit)
{
    audit->stage = STAGE_TIMES;
    audit->times_left = 3;
    /* A log whose start moves may lose what was to be found. */
    if (audit->topic->append_time || audit->topic->retention_bytes > 0 || audit->end == 0)
        partition_over(audit);
}

static void check_time(struct audit *audit, int64_t timestamp, int64_t offset)
{
    const struct model_partition *p = partition_now(audit);
    int64_t good =
        model_offset_by_time(audit->client.model, p, audit->start, audit->end, audit->timestamp);
    /* -1, or what came meanwhile: nothing below the end. */
    bool same = good >= 0 ? offset == good : offset == -1 || offset >= audit->end;
    SIM_CHECK(audit->client.world, same,
              "%s-%d: the first offset not older than %" PRId64 " is %" PRId64
              ", and the node says %" PRId64 " (of %" PRId64 ")",
              p->topic->name, p->index, audit->timestamp, good, offset, timestamp);
}

static void offsets_done(struct client *client, struct client_request *request,
                         const struct link_response *response)
{
    UNUSED(request);
    struct audit *audit = CONTAINER_OF(client, struct audit, client);
    audit->sent = false;
    if (response->err != ERR_OK || audit->restart)
        return;
    const struct wire_list_offsets_response *message = response->message;
    bool whole = message->topics.count == 1 && message->topics.items[0].partitions.count == 1;
    SIM_CHECK(client->world, whole, "ListOffsets answers for something else");
    if (!whole)
        return;
    const struct wire_list_offsets_response_list_offsets_partition_response *part =
        &message->topics.items[0].partitions.items[0];
    if (try_again(audit, part->error_code, "ListOffsets"))
        return;
    switch (audit->stage) {
    case STAGE_STARTS:
        audit->start = part->offset;
        audit->stage = STAGE_ENDS;
        break;
    case STAGE_ENDS:
        audit->offset = audit->start;
        audit->end = part->offset;
        model_audit_begin(client->model, partition_now(audit), audit->start, audit->must_end,
                          audit->end);
        audit->stage = STAGE_RECORDS;
        if (audit->end <= audit->start)
            times_begin(audit);
        break;
    default:
        check_time(audit, part->timestamp, part->offset);
        if (--audit->times_left == 0)
            partition_over(audit);
        break;
    }
    client->step(client);
}

static int64_t draw_timestamp(struct audit *audit)
{
    const struct model_partition *p = partition_now(audit);
    const struct model *model = audit->client.model;
    int64_t offset = (int64_t)sim_draw(&audit->client.prng, (uint64_t)audit->end - 1);
    const struct model_entry *entry = &p->entries[offset];
    return model_timestamp(model->lanes[entry->lane], entry->number) +
           prng_range(&audit->client.prng, -2, 2);
}

static void offsets_send(struct audit *audit)
{
    struct wire_list_offsets_request_list_offsets_partition part;
    wire_default(&wire_list_offsets_request_list_offsets_partition_schema, &part);
    part.partition_index = audit->partition;
    if (audit->stage == STAGE_TIMES)
        audit->timestamp = draw_timestamp(audit);
    part.timestamp = audit->stage == STAGE_STARTS ? -2 /* the earliest */
                     : audit->stage == STAGE_ENDS ? -1 /* the latest */
                                                  : audit->timestamp;
    struct wire_list_offsets_request_list_offsets_topic topic;
    wire_default(&wire_list_offsets_request_list_offsets_topic_schema, &topic);
    topic.name = wire_string_from(audit->topic->name);
    topic.partitions.items = &part;
    topic.partitions.count = 1;
    struct wire_list_offsets_request message;
    wire_default(&wire_list_offsets_request_schema, &message);
    message.replica_id = -1;
    message.timeout_ms = 10000;
    message.topics.items = &topic;
    message.topics.count = 1;
    audit->must_end = partition_now(audit)->count;
    audit->sent = client_send(&audit->client, &audit->request, WIRE_API_LIST_OFFSETS, 1, &message,
                              offsets_done);
}

/* ---- Records ---- */

static void audit_batch(struct audit *audit, const struct batch_view *batch)
{
    struct client *client = &audit->client;
    const struct model_partition *p = partition_now(audit);
    SIM_CHECK(client->world, batch_check_crc(batch->data, batch->header.size) == ERR_OK,
              "%s-%d: the batch at %" PRId64 " has a wrong checksum", p->topic->name, p->index,
              batch->header.base_offset);
    struct batch_records records;
    enum err err = batch_records_init(&records, client->codec, batch, (size_t)64 << 20);
    if (err == ERR_OK) {
        struct batch_record record;
        while (batch_records_next(&records, &record)) {
            /* What came after the audit began is the consumers' to look at. */
            if (record.offset >= audit->offset && record.offset < audit->end)
                model_audit_record(client->model, partition_now(audit), batch, &record);
        }
        err = records.err;
        batch_records_deinit(&records);
    }
    SIM_CHECK(client->world, err == ERR_OK, "%s-%d: the batch at %" PRId64 " cannot be read: %s",
              p->topic->name, p->index, batch->header.base_offset, err_text(err));
    audit->offset = batch_next_offset(&batch->header);
}

static void records_done(struct client *client, struct client_request *request,
                         const struct link_response *response)
{
    UNUSED(request);
    struct audit *audit = CONTAINER_OF(client, struct audit, client);
    audit->sent = false;
    if (response->err != ERR_OK || audit->restart)
        return;
    const struct wire_fetch_response *message = response->message;
    if (try_again(audit, message->error_code, "Fetch"))
        return;
    if (message->responses.count == 0)
        return; /* nothing yet */
    const struct wire_fetch_response_partition_data *data =
        &message->responses.items[0].partitions.items[0];
    if (begin_again(audit, data->error_code))
        return;
    if (try_again(audit, data->error_code, "Fetch"))
        return;
    SIM_CHECK(client->world, data->high_watermark >= audit->end,
              "%s-%d: the high watermark %" PRId64 " is below the end %" PRId64, audit->topic->name,
              audit->partition, data->high_watermark, audit->end);
    struct batch_walk walk = batch_walk_begin(data->records.data, data->records.size);
    struct batch_view batch;
    while (audit->offset < audit->end && batch_walk_next(&walk, &batch))
        audit_batch(audit, &batch);
    if (audit->offset >= audit->end)
        times_begin(audit);
    client->step(client);
}

static void records_send(struct audit *audit)
{
    struct wire_fetch_request_fetch_partition part;
    wire_default(&wire_fetch_request_fetch_partition_schema, &part);
    part.partition = audit->partition;
    part.fetch_offset = audit->offset;
    part.partition_max_bytes = 1 << 20;
    struct wire_fetch_request_fetch_topic topic;
    wire_default(&wire_fetch_request_fetch_topic_schema, &topic);
    topic.topic = wire_string_from(audit->topic->name);
    topic.topic_id = audit->topic->id;
    topic.partitions.items = &part;
    topic.partitions.count = 1;
    struct wire_fetch_request message;
    wire_default(&wire_fetch_request_schema, &message);
    message.max_wait_ms = 100;
    message.min_bytes = 1;
    message.session_epoch = -1;
    message.rack_id = WIRE_EMPTY_STRING;
    message.topics.items = &topic;
    message.topics.count = 1;
    audit->sent =
        client_send(&audit->client, &audit->request, WIRE_API_FETCH, 4, &message, records_done);
}

/* ---- Turns ---- */

static void audit_step(struct client *client)
{
    struct audit *audit = CONTAINER_OF(client, struct audit, client);
    uint64_t now = env_now_ns(client->env);
    if (audit->sent || !client_may_send(client))
        return;
    if (audit->restart) {
        audit->restart = false;
        audit->stage = STAGE_TOPICS;
    }
    if (audit->stage == STAGE_IDLE || audit->stage == STAGE_DONE || now < audit->send_after_ns)
        return;
    audit->send_after_ns = now + SIM_MS;
    if (audit->stage == STAGE_TOPICS)
        topics_send(audit);
    else if (audit->stage == STAGE_RECORDS)
        records_send(audit);
    else
        offsets_send(audit);
}

void client_audit_begin(struct client *client)
{
    struct audit *audit = CONTAINER_OF(client, struct audit, client);
    audit->restart = true;
}

bool client_audit_is_done(const struct client *client)
{
    const struct audit *audit = CONTAINER_OF(client, struct audit, client);
    return !audit->restart && (audit->stage == STAGE_IDLE || audit->stage == STAGE_DONE);
}

struct client *client_audit_new(struct env *env, const struct client_options *options)
{
    struct audit *audit = mem_zalloc(sizeof *audit);
    client_init(&audit->client, env, options, "audit", audit_step);
    return &audit->client;
}
