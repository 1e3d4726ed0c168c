#include "plog/plog_batch_int.h"

#include "codec/codec.h"

enum err plog_header_read(const uint8_t *data, struct batch_header *out)
{
    enum err err = batch_header_read(data, BATCH_HEADER_BYTES, out);
    if (err != ERR_OK)
        return err;
    if (out->base_offset < 0 || out->last_offset_delta < 0 || out->record_count < 0 ||
        out->base_offset > INT64_MAX - 1 - out->last_offset_delta)
        return ERR_CORRUPT;
    return ERR_OK;
}

enum err plog_marker_read(const struct batch_view *batch, struct plog_marker *out)
{
    *out = (struct plog_marker){.coordinator_epoch = -1};
    /* A marker that compaction emptied ends nothing any more. */
    if (!batch_is_control(&batch->header) || !batch_has_producer(&batch->header) ||
        batch->header.record_count == 0)
        return ERR_OK;
    if (batch_codec(&batch->header) != CODEC_NONE)
        return ERR_CORRUPT;
    struct batch_records records;
    enum err err = batch_records_init(&records, NULL, batch, batch->header.size);
    if (err != ERR_OK)
        return err;
    struct batch_record record;
    enum batch_control type = BATCH_CONTROL_UNKNOWN;
    if (!batch_records_next(&records, &record))
        err = ERR_CORRUPT;
    if (err == ERR_OK)
        err = batch_control_key_read(&record, &type);
    if (err == ERR_OK && (type == BATCH_CONTROL_ABORT || type == BATCH_CONTROL_COMMIT)) {
        out->is_marker = true;
        out->is_abort = type == BATCH_CONTROL_ABORT;
        err = batch_end_txn_value_read(&record, &out->coordinator_epoch);
    }
    batch_records_deinit(&records);
    return err;
}
