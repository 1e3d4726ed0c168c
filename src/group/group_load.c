/*
 * Records in: batches of the log, ours or Apache Kafka's, one after the other into the state.
 * Markers end their producer's transaction, whatever its batches held.
 */
#define LOG_ROOM "group"
#include "group/group_int.h"

#include "base/log.h"
#include "wire/batch.h"

/* Decompressed records of one batch, and their messages. */
#define LOAD_BATCH_BYTES_MAX ((size_t)1 << 30)

static void load_apply(struct group_coordinator *g, const struct group_record *record)
{
    coord_load(g->coord, record, 1, g->end_offset);
}

static enum err load_marker(struct group_coordinator *g, const struct batch_header *header,
                            const struct batch_record *record)
{
    enum batch_control control;
    enum err err = batch_control_key_read(record, &control);
    if (err != ERR_OK || (control != BATCH_CONTROL_ABORT && control != BATCH_CONTROL_COMMIT))
        return err;
    load_apply(g, &(struct group_record){.producer_id = header->producer_id,
                                         .commit = control == BATCH_CONTROL_COMMIT});
    return ERR_OK;
}

/* The oldest form of an offset, as the one that is used since. */
static void legacy_to_current(struct group_record *out, struct arena *arena)
{
    const struct wire_legacy_offset_commit_key *key = out->key;
    const struct wire_legacy_offset_commit_value *value = out->value;
    struct wire_offset_commit_key *new_key = GROUP_NEW(arena, offset_commit_key);
    new_key->group = key->group;
    new_key->topic = key->topic;
    new_key->partition = key->partition;
    out->key = new_key;
    out->type = wire_record_find(WIRE_RECORDS_GROUP, WIRE_GROUP_RECORD_OFFSET_COMMIT);
    if (value == NULL)
        return;
    struct wire_offset_commit_value *new_value = GROUP_NEW(arena, offset_commit_value);
    new_value->offset = value->offset;
    new_value->metadata = value->metadata;
    new_value->commit_timestamp = value->commit_timestamp;
    out->value = new_value;
}

/* ERR_UNSUPPORTED: a record of a later Kafka, which is passed over. */
static enum err load_record(struct group_coordinator *g, const struct batch_header *header,
                            const struct batch_record *record)
{
    arena_reset(&g->arena);
    struct wire_record key = {0};
    struct wire_record value = {0};
    if (record->key == NULL)
        return ERR_CORRUPT;
    enum err err = wire_coordinator_key_decode(WIRE_RECORDS_GROUP, record->key, record->key_size,
                                               &g->arena, &key);
    if (err == ERR_OK && record->value != NULL)
        err = wire_coordinator_value_decode(key.type, record->value, record->value_size, &g->arena,
                                            &value);
    if (err != ERR_OK)
        return err;
    struct group_record out = {
        .type = key.type,
        .key = key.message,
        .value = record->value != NULL ? value.message : NULL,
        .producer_id = batch_is_transactional(header) ? header->producer_id : -1,
    };
    if (out.type->id == WIRE_GROUP_RECORD_LEGACY_OFFSET_COMMIT)
        legacy_to_current(&out, &g->arena);
    load_apply(g, &out);
    return ERR_OK;
}

static enum err load_batch(struct group_coordinator *g, const struct batch_view *batch)
{
    struct batch_records records;
    enum err err = batch_records_init(&records, g->options.codec, batch, LOAD_BATCH_BYTES_MAX);
    if (err != ERR_OK)
        return err;
    struct batch_record record;
    while (err == ERR_OK && batch_records_next(&records, &record)) {
        g->end_offset = record.offset;
        g->stats.records_loaded++;
        err = batch_is_control(&batch->header) ? load_marker(g, &batch->header, &record)
                                               : load_record(g, &batch->header, &record);
        if (err == ERR_UNSUPPORTED) {
            g->stats.records_skipped++;
            err = ERR_OK;
        } else if (err != ERR_OK) {
            LOG_ERROR("__consumer_offsets-%d: the record at offset %lld cannot be read: %s",
                      g->options.partition, (long long)record.offset, err_text(err));
        }
    }
    if (err == ERR_OK)
        err = records.err;
    batch_records_deinit(&records);
    if (err == ERR_OK)
        g->end_offset = batch_next_offset(&batch->header);
    return err;
}

enum err group_load(struct group_coordinator *g, const uint8_t *data, size_t size)
{
    struct batch_walk walk = batch_walk_begin(data, size);
    struct batch_view batch;
    while (batch_walk_next(&walk, &batch)) {
        /* The first batch of a read may begin below what was read before. */
        if (batch_next_offset(&batch.header) <= g->end_offset)
            continue;
        enum err err = batch_check_crc(batch.data, batch.header.size);
        if (err == ERR_OK)
            err = load_batch(g, &batch);
        if (err != ERR_OK)
            return err;
    }
    return walk.err;
}
