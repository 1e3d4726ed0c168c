#include "model.h"

#include "sim_mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PARTITION_ARGS(p) (p)->topic->name, (p)->index

void model_init(struct model *model, struct sim_world *world)
{
    *model = (struct model){.world = world, .seed = world->seed, .syncs_hold = true};
    list_init(&model->topics);
}

void model_deinit(struct model *model)
{
    LIST_FOR_EACH_SAFE (node, after, &model->topics) {
        struct model_topic *topic = LIST_ENTRY(node, struct model_topic, node);
        for (int32_t i = 0; i < topic->partition_count; i++)
            sim_free(topic->partitions[i].entries);
        sim_free(topic->partitions);
        sim_free(topic);
    }
    for (int32_t i = 0; i < model->lane_count; i++)
        sim_free(model->lanes[i]);
    sim_free(model->lanes);
}

/* ---- Topics and lanes ---- */

struct model_topic *model_topic_add(struct model *model, const char *name, int32_t partition_count,
                                    bool flushes)
{
    struct model_topic *topic = sim_alloc(sizeof *topic);
    (void)snprintf(topic->name, sizeof topic->name, "%s", name);
    topic->flushes = flushes;
    topic->partition_count = partition_count;
    topic->partitions = sim_alloc((size_t)partition_count * sizeof *topic->partitions);
    for (int32_t i = 0; i < partition_count; i++) {
        topic->partitions[i].topic = topic;
        topic->partitions[i].index = i;
    }
    list_push_back(&model->topics, &topic->node);
    return topic;
}

struct model_topic *model_topic_find(struct model *model, const char *name, size_t name_size)
{
    LIST_FOR_EACH (node, &model->topics) {
        struct model_topic *topic = LIST_ENTRY(node, struct model_topic, node);
        if (strlen(topic->name) == name_size && memcmp(topic->name, name, name_size) == 0)
            return topic;
    }
    return NULL;
}

struct model_topic *model_topic_find_id(struct model *model, const struct uuid *id)
{
    LIST_FOR_EACH (node, &model->topics) {
        struct model_topic *topic = LIST_ENTRY(node, struct model_topic, node);
        if (!uuid_is_zero(&topic->id) && uuid_equal(&topic->id, id))
            return topic;
    }
    return NULL;
}

struct model_topic *model_topic_of(struct model *model, const char *name, size_t name_size,
                                   const struct uuid *id)
{
    return name_size > 0 ? model_topic_find(model, name, name_size)
                         : model_topic_find_id(model, id);
}

struct model_lane *model_lane_add(struct model *model, struct model_partition *partition,
                                  int16_t acks, bool idempotent, int64_t total)
{
    struct model_lane *lane = sim_alloc(sizeof *lane);
    lane->index = model->lane_count;
    lane->partition = partition;
    lane->acks = acks;
    lane->idempotent = idempotent;
    lane->total = total;
    struct model_lane **lanes =
        sim_alloc((size_t)(model->lane_count + 1) * sizeof(struct model_lane *));
    if (model->lane_count > 0)
        memcpy(lanes, model->lanes, (size_t)model->lane_count * sizeof(struct model_lane *));
    sim_free(model->lanes);
    model->lanes = lanes;
    model->lanes[model->lane_count++] = lane;
    return lane;
}

/* ---- Records ---- */

#define RECORD_MAGIC UINT32_C(0x6f74746c)
#define RECORD_PREFIX_BYTES 16

static uint64_t draw(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t x = *state;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

int64_t model_timestamp(const struct model_lane *lane, int64_t number)
{
    /* Mostly ascending; now and then an older one. */
    int64_t back = number % 17 == 5 ? 40 : 0;
    return INT64_C(1750000000000) + number * 3 + lane->index % 3 - back;
}

void model_record(const struct model *model, const struct model_lane *lane, int64_t number,
                  struct buf *scratch, struct batch_record *out)
{
    uint64_t state = model->seed ^ ((uint64_t)lane->index << 40) ^ (uint64_t)number;
    uint64_t shape = draw(&state);
    size_t size = RECORD_PREFIX_BYTES + shape % 100;
    if (shape % 16 == 0)
        size += (shape >> 20) % 3000;
    if (shape % 256 == 1)
        size += (shape >> 20) % 9000;
    size_t key_size = (shape >> 8) % 4 == 0 ? 0 : (shape >> 10) % 12;
    bool has_field = (shape >> 16) % 8 == 0;

    buf_clear(scratch);
    uint8_t *bytes = buf_extend(scratch, size + key_size + 64);
    store_be32(bytes, RECORD_MAGIC);
    store_be32(bytes + 4, (uint32_t)lane->index);
    store_be64(bytes + 8, (uint64_t)number);
    for (size_t i = RECORD_PREFIX_BYTES; i < size + key_size; i += 8) {
        /* Compressible: every second word repeats. */
        uint64_t word = i % 16 == 0 ? draw(&state) : UINT64_C(0x6161616161616161);
        memcpy(bytes + i, &word, 8);
    }
    *out = (struct batch_record){
        .timestamp = model_timestamp(lane, number),
        .key = (shape >> 8) % 4 == 0 ? NULL : bytes + size,
        .key_size = key_size,
        .value = bytes,
        .value_size = size,
    };
    if (!has_field)
        return;
    /* One header: its encoding is a varint of 2, "f1", a varint of 3, "abc". */
    uint8_t *field = bytes + size + key_size + 8;
    memcpy(field,
           "\x04"
           "f1"
           "\x06"
           "abc",
           7);
    out->fields = field;
    out->fields_size = 7;
    out->field_count = 1;
}

/* Which record is this? Every byte of it is compared. NULL: it is nobody's, and that was told. */
static struct model_lane *identify(struct model *model, const struct model_partition *partition,
                                   const struct batch_record *record, int64_t *number)
{
    struct sim_world *world = model->world;
    if (record->value == NULL || record->value_size < RECORD_PREFIX_BYTES ||
        load_be32(record->value) != RECORD_MAGIC ||
        load_be32(record->value + 4) >= (uint32_t)model->lane_count) {
        sim_fail(world, SIM_EXIT_CORRECTNESS, "%s-%d: the record at %" PRId64 " is nobody's",
                 PARTITION_ARGS(partition), record->offset);
        return NULL;
    }
    struct model_lane *lane = model->lanes[load_be32(record->value + 4)];
    *number = (int64_t)load_be64(record->value + 8);
    if (lane->partition != partition || *number < 0 || *number >= lane->batched) {
        sim_fail(world, SIM_EXIT_CORRECTNESS,
                 "%s-%d: the record at %" PRId64 " is lane %d's number %" PRId64
                 ", which was never sent here",
                 PARTITION_ARGS(partition), record->offset, lane->index, *number);
        return NULL;
    }
    struct buf scratch = BUF_EMPTY;
    struct batch_record good;
    model_record(model, lane, *number, &scratch, &good);
    bool same =
        good.value_size == record->value_size && good.key_size == record->key_size &&
        (good.key == NULL) == (record->key == NULL) &&
        memcmp(good.value, record->value, good.value_size) == 0 &&
        (good.key_size == 0 || memcmp(good.key, record->key, good.key_size) == 0) &&
        good.field_count == record->field_count && good.fields_size == record->fields_size &&
        (good.fields_size == 0 || memcmp(good.fields, record->fields, good.fields_size) == 0) &&
        (good.timestamp == record->timestamp || partition->topic->append_time);
    buf_deinit(&scratch);
    SIM_CHECK(world, same,
              "%s-%d: the record at %" PRId64 " (lane %d, number %" PRId64
              ") is not as it was produced",
              PARTITION_ARGS(partition), record->offset, lane->index, *number);
    return same ? lane : NULL;
}

static struct model_entry *entry_at(struct model_partition *partition, int64_t offset)
{
    ASSERT(offset >= 0 && offset < INT64_C(100000000));
    if (offset >= partition->capacity) {
        int64_t capacity = (offset + 1) * 2;
        struct model_entry *entries = sim_alloc((size_t)capacity * sizeof *entries);
        if (partition->capacity > 0)
            memcpy(entries, partition->entries, (size_t)partition->capacity * sizeof *entries);
        sim_free(partition->entries);
        partition->entries = entries;
        partition->capacity = capacity;
    }
    return &partition->entries[offset];
}

/* From now on this record has to be at this offset. */
static void entry_set(struct model *model, struct model_partition *partition, int64_t offset,
                      const struct model_lane *lane, int64_t number, uint32_t flags)
{
    struct model_entry *entry = entry_at(partition, offset);
    SIM_CHECK(model->world,
              (entry->flags & MODEL_KNOWN) == 0 ||
                  (entry->lane == lane->index && entry->number == number),
              "%s-%d: offset %" PRId64 " has lane %d's number %" PRId64
              ", and had lane %d's number %" PRId64 " before (flags %u)",
              PARTITION_ARGS(partition), offset, lane->index, number, entry->lane, entry->number,
              entry->flags);
    entry->lane = lane->index;
    entry->number = number;
    entry->flags |= flags | MODEL_KNOWN;
    if (offset >= partition->count)
        partition->count = offset + 1;
    if ((flags & MODEL_DURABLE) != 0 && offset >= partition->durable_end)
        partition->durable_end = offset + 1;
}

void model_acked(struct model *model, struct model_lane *lane, int64_t first, int32_t count,
                 int64_t base_offset)
{
    uint32_t flags = MODEL_ACKED;
    if (lane->partition->topic->flushes && model->syncs_hold)
        flags |= MODEL_DURABLE;
    for (int32_t i = 0; i < count; i++)
        entry_set(model, lane->partition, base_offset + i, lane, first + i, flags);
    model->acked_count += (uint64_t)count;
    model->progress++;
}

void model_read(struct model *model, struct model_partition *partition,
                const struct batch_view *batch, const struct batch_record *record)
{
    UNUSED(batch);
    int64_t number;
    const struct model_lane *lane = identify(model, partition, record, &number);
    if (lane != NULL)
        entry_set(model, partition, record->offset, lane, number, MODEL_SEEN);
    model->read_count++;
}

/* ---- Audits ---- */

/* What a power loss took is forgotten, after a look at whether it may have. */
static void forget_from(struct model *model, struct model_partition *partition, int64_t end)
{
    for (int64_t offset = end; offset < partition->count; offset++) {
        struct model_entry *entry = entry_at(partition, offset);
        if ((entry->flags & MODEL_KNOWN) != 0) {
            struct model_lane *lane = model->lanes[entry->lane];
            lane->relaxed |= entry->number < lane->done; /* it will not be sent again */
        }
        *entry = (struct model_entry){0};
    }
    partition->count = end;
}

void model_log_start(struct model *model, struct model_partition *partition, int64_t start)
{
    SIM_CHECK(model->world,
              start == 0 || partition->topic->retention_bytes > 0 || partition->start_lost,
              "%s-%d: starts at %" PRId64 ", though all is kept", PARTITION_ARGS(partition), start);
    if (start > partition->log_start)
        partition->log_start = start;
}

int64_t model_offset_by_time(const struct model *model, const struct model_partition *partition,
                             int64_t start, int64_t end, int64_t timestamp)
{
    for (int64_t offset = start; offset < end && offset < partition->count; offset++) {
        const struct model_entry *entry = &partition->entries[offset];
        if ((entry->flags & MODEL_KNOWN) != 0 &&
            model_timestamp(model->lanes[entry->lane], entry->number) >= timestamp)
            return offset;
    }
    return -1;
}

void model_audit_begin(struct model *model, struct model_partition *partition, int64_t start,
                       int64_t must_end, int64_t end)
{
    struct sim_world *world = model->world;
    /* The name of a later segment may then be all there is. */
    if (model->audit_after_power && partition->durable_end == 0)
        partition->start_lost = true;
    SIM_CHECK(world, start >= partition->log_start,
              "%s-%d: the log start goes back from %" PRId64 " to %" PRId64,
              PARTITION_ARGS(partition), partition->log_start, start);
    model_log_start(model, partition, start);
    if (model->audit_after_power) {
        SIM_CHECK(world, end >= partition->durable_end,
                  "%s-%d: ends at %" PRId64 " after a power loss, but %" PRId64
                  " was promised to be on the disk",
                  PARTITION_ARGS(partition), end, partition->durable_end);
        if (end < partition->count) {
            sim_log(world, "%s-%d: the power loss took offsets %" PRId64 " to %" PRId64,
                    PARTITION_ARGS(partition), end, partition->count - 1);
            forget_from(model, partition, end);
        }
    } else {
        SIM_CHECK(world, end >= must_end,
                  "%s-%d: ends at %" PRId64 ", but had acknowledged or seen records up to %" PRId64,
                  PARTITION_ARGS(partition), end, must_end - 1);
    }
    for (int32_t i = 0; i < model->lane_count; i++) {
        if (model->lanes[i]->partition == partition)
            model->lanes[i]->audit_last = start == 0 ? -1 : -2;
    }
    partition->audited_start = start;
    partition->audited_end = start;
}

void model_audit_record(struct model *model, struct model_partition *partition,
                        const struct batch_view *batch, const struct batch_record *record)
{
    struct sim_world *world = model->world;
    SIM_CHECK(world, record->offset == partition->audited_end,
              "%s-%d: the record after %" PRId64 " is %" PRId64, PARTITION_ARGS(partition),
              partition->audited_end - 1, record->offset);
    partition->audited_end = record->offset + 1;
    int64_t number;
    struct model_lane *lane = identify(model, partition, record, &number);
    if (lane == NULL)
        return;
    entry_set(model, partition, record->offset, lane, number, MODEL_SEEN);
    if (lane->idempotent && !lane->relaxed) {
        SIM_CHECK(world, number == lane->audit_last + 1 || lane->audit_last == -2,
                  "%s-%d: at %" PRId64 " is number %" PRId64
                  " of idempotent lane %d, after %" PRId64,
                  PARTITION_ARGS(partition), record->offset, number, lane->index, lane->audit_last);
        SIM_CHECK(world, batch_has_producer(&batch->header),
                  "%s-%d: the batch at %" PRId64 " has lost its producer id",
                  PARTITION_ARGS(partition), batch->header.base_offset);
    }
    lane->audit_last = number;
}

/* ---- Faults ---- */

void model_crashed(struct model *model)
{
    model->lives++;
    LIST_FOR_EACH (node, &model->topics) {
        struct model_topic *topic = LIST_ENTRY(node, struct model_topic, node);
        for (int32_t i = 0; i < topic->partition_count; i++)
            topic->partitions[i].log_start = 0;
    }
}

void model_power_lost(struct model *model)
{
    model_crashed(model);
    model->generation++;
    model->audit_after_power = true;
    model->gate_closed = true;
    model->syncs_hold = true;
}

void model_sync_failed(struct model *model)
{
    model->syncs_hold = false;
}

void model_stopped_cleanly(struct model *model)
{
    /* What the last power loss took is not known before the audit after it is over. */
    if (!model->syncs_hold || model->audit_after_power)
        return;
    LIST_FOR_EACH (node, &model->topics) {
        struct model_topic *topic = LIST_ENTRY(node, struct model_topic, node);
        for (int32_t i = 0; i < topic->partition_count; i++) {
            struct model_partition *partition = &topic->partitions[i];
            if (partition->durable_end < partition->count)
                partition->durable_end = partition->count;
        }
    }
}

bool model_is_done(const struct model *model)
{
    for (int32_t i = 0; i < model->lane_count; i++) {
        const struct model_lane *lane = model->lanes[i];
        if (!lane->closed && lane->done < lane->total)
            return false;
    }
    return true;
}
