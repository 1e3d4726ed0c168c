/*
 * What a decision says, as one batch in Kafka's format (KIP-98): records of __consumer_offsets with
 * offsets.topic.compression.codec, or the marker that ends a transaction.
 */
#include "group/group_int.h"

#include "codec/codec.h"
#include "wire/batch.h"

static enum err record_encode(const struct group_record *record, int64_t timestamp,
                              struct buf *scratch, struct batch_builder *builder, int64_t offset)
{
    buf_clear(scratch);
    enum err err = wire_coordinator_key_encode(record->type, record->key, scratch);
    size_t key_size = scratch->size;
    if (err == ERR_OK && record->value != NULL)
        err = wire_coordinator_value_encode(record->type, record->value_version, record->value,
                                            scratch);
    if (err != ERR_OK)
        return err;
    struct batch_record out = {
        .offset = offset,
        .timestamp = timestamp,
        .key = scratch->data,
        .key_size = key_size,
        .value = record->value != NULL ? scratch->data + key_size : NULL,
        .value_size = scratch->size - key_size,
    };
    return batch_builder_add(builder, &out);
}

enum err group_encode(struct group_work *work, struct buf *out)
{
    struct group_coordinator *g = work->g;
    if (work->marker) {
        ASSERT(work->count == 1 && work->records[0].type == NULL);
        batch_end_txn_put(out, 0, BATCH_NO_LEADER_EPOCH, work->time.wall_ms, work->producer_id,
                          work->producer_epoch, work->records[0].commit, work->coordinator_epoch);
        return ERR_OK;
    }
    struct batch_builder_options options = BATCH_BUILDER_DEFAULTS;
    int64_t codec = conf_int(g->conf, CONF_BROKER_OFFSETS_TOPIC_COMPRESSION_CODEC);
    if (g->options.codec != NULL && codec > CODEC_NONE && codec < CODEC_COUNT)
        options.codec = (uint8_t)codec;
    options.level = codec_level_default((enum codec)options.codec);
    if (work->transactional) {
        options.transactional = true;
        options.producer_id = work->producer_id;
        options.producer_epoch = work->producer_epoch;
    }
    struct batch_builder builder;
    struct buf scratch = BUF_EMPTY;
    batch_builder_init(&builder, &options);
    enum err err = ERR_OK;
    for (size_t i = 0; i < work->count && err == ERR_OK; i++)
        err = record_encode(&work->records[i], work->time.wall_ms, &scratch, &builder, (int64_t)i);
    if (err == ERR_OK)
        err = batch_builder_finish(&builder, g->options.codec, out);
    buf_deinit(&scratch);
    batch_builder_deinit(&builder);
    return err;
}
