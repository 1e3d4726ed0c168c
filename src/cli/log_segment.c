/* Batches one after the other: segments (.log) and the metadata log's snapshots (.checkpoint). */
#include "cli/log_int.h"

#include "os/os.h"
#include "plog/plog_scan.h"
#include "wire/batch.h"

#include <inttypes.h>
#include <string.h>

/* Of the records of one batch, decompressed: Kafka's own bound on what a producer may send. */
#define DECOMPRESSED_BYTES_MAX ((size_t)INT32_MAX)

struct totals {
    uint64_t batches;
    uint64_t records;
    uint64_t damaged;
    int64_t first_offset;
    int64_t next_offset;
};

static const char *codec_text(const struct batch_header *header)
{
    uint8_t codec = batch_codec(header);
    return codec < CODEC_COUNT ? codec_name((enum codec)codec) : "unknown";
}

static const char *timestamp_type(const struct batch_header *header)
{
    return batch_timestamp_type(header) == BATCH_TIMESTAMP_CREATE ? "CreateTime" : "LogAppendTime";
}

static void print_header_json(struct log_dump *dump, uint64_t position,
                              const struct batch_header *header, bool good)
{
    FILE *out = dump->call->out;
    log_json_begin(dump, "batch");
    fprintf(out,
            ",\"position\":%" PRIu64 ",\"size\":%zu,\"baseOffset\":%" PRId64
            ",\"lastOffset\":%" PRId64 ",\"count\":%" PRId32 ",\"partitionLeaderEpoch\":%" PRId32,
            position, header->size, header->base_offset, batch_last_offset(header),
            header->record_count, header->leader_epoch);
    fprintf(out,
            ",\"magic\":2,\"crc\":%" PRIu32 ",\"isValid\":%s,\"compressCodec\":\"%s\""
            ",\"timestampType\":\"%s\",\"baseTimestamp\":%" PRId64 ",\"maxTimestamp\":%" PRId64,
            header->crc, good ? "true" : "false", codec_text(header), timestamp_type(header),
            header->base_timestamp, header->max_timestamp);
    fprintf(out,
            ",\"producerId\":%" PRId64 ",\"producerEpoch\":%d,\"baseSequence\":%" PRId32
            ",\"lastSequence\":%" PRId32 ",\"isTransactional\":%s,\"isControl\":%s",
            header->producer_id, header->producer_epoch, header->base_sequence,
            batch_last_sequence(header), batch_is_transactional(header) ? "true" : "false",
            batch_is_control(header) ? "true" : "false");
    int64_t horizon = batch_delete_horizon_ms(header);
    if (horizon == BATCH_NO_DELETE_HORIZON)
        fputs(",\"deleteHorizonMs\":null}\n", out);
    else
        fprintf(out, ",\"deleteHorizonMs\":%" PRId64 "}\n", horizon);
}

static void print_notes(FILE *out, const struct batch_header *header)
{
    if (header->leader_epoch >= 0)
        fprintf(out, "  epoch %" PRId32, header->leader_epoch);
    if (batch_has_producer(header))
        fprintf(out, "  producer %" PRId64 "/%d", header->producer_id, header->producer_epoch);
    if (header->base_sequence >= 0)
        fprintf(out, "  sequence %" PRId32 "..%" PRId32, header->base_sequence,
                batch_last_sequence(header));
    if (batch_is_transactional(header))
        fputs("  transactional", out);
    if (batch_is_control(header))
        fputs("  control", out);
    if (batch_timestamp_type(header) == BATCH_TIMESTAMP_LOG_APPEND)
        fputs("  append time", out);
    int64_t horizon = batch_delete_horizon_ms(header);
    char time[LOG_TIME_BYTES];
    if (horizon != BATCH_NO_DELETE_HORIZON)
        fprintf(out, "  delete horizon %s", log_time(horizon, time));
}

static void print_header(struct log_dump *dump, uint64_t position,
                         const struct batch_header *header, bool good)
{
    FILE *out = dump->call->out;
    char offsets[48], time[LOG_TIME_BYTES];
    if (dump->json) {
        print_header_json(dump, position, header, good);
        return;
    }
    snprintf(offsets, sizeof offsets, "%" PRId64 "..%" PRId64, header->base_offset,
             batch_last_offset(header));
    fprintf(out, "  %-21s %7" PRId32 " %11" PRIu64 " %9zu  %-6s  %-24s  %08" PRIx32, offsets,
            header->record_count, position, header->size, codec_text(header),
            log_time(header->max_timestamp, time), header->crc);
    print_notes(out, header);
    fputc('\n', out);
}

static void dump_records(struct log_dump *dump, uint64_t position, const struct batch_view *batch)
{
    struct batch_records records;
    struct batch_record record;
    if (batch->data == NULL) {
        log_dump_problem(dump, (int64_t)position,
                         "the records of this batch of %zu bytes are not shown: more than %zu",
                         batch->header.size, PLOG_SCAN_BATCH_BYTES_MAX);
        return;
    }
    enum err err = batch_records_init(&records, dump->codec, batch, DECOMPRESSED_BYTES_MAX);
    if (err == ERR_OK) {
        while (batch_records_next(&records, &record))
            log_dump_record(dump, &batch->header, &record);
        err = records.err;
        batch_records_deinit(&records);
    }
    if (err != ERR_OK)
        log_dump_problem(dump, (int64_t)position, "the records of this batch cannot be read: %s",
                         err_text(err));
}

static void dump_batch(struct log_dump *dump, uint64_t position, const struct batch_view *batch,
                       bool good, struct totals *totals)
{
    const struct batch_header *header = &batch->header;
    if (totals->batches == 0 && totals->damaged == 0)
        totals->first_offset = totals->next_offset = header->base_offset;
    print_header(dump, position, header, good);
    if (!good) {
        totals->damaged++;
        log_dump_problem(dump, (int64_t)position,
                         "the checksum of this batch is wrong, or its offsets cannot be");
        return;
    }
    if (header->base_offset < totals->next_offset)
        log_dump_problem(dump, (int64_t)position, "offsets go back: %" PRId64 " after %" PRId64,
                         header->base_offset, totals->next_offset - 1);
    totals->batches++;
    totals->records += (uint64_t)(header->record_count > 0 ? header->record_count : 0);
    totals->next_offset = batch_next_offset(header);
    bool shown = !dump->metadata_hidden || !batch_is_control(header);
    if (dump->each && shown)
        dump_records(dump, position, batch);
}

/* No batch begins at the position: says why, and looks for the next one. */
static enum err skip_damage(struct log_dump *dump, struct plog_scan *scan, uint64_t from)
{
    uint64_t position = scan->position;
    size_t size;
    int8_t magic;
    uint64_t left = scan->size_bytes - position;
    enum err peeked = left < BATCH_PEEK_BYTES
                          ? ERR_TRUNCATED
                          : batch_peek(scan->data, BATCH_PEEK_BYTES, &size, &magic);
    if (peeked == ERR_VERSION)
        log_dump_problem(dump, (int64_t)position,
                         "records in the format of magic %d, which ended with Kafka 4.0", magic);
    else if (peeked == ERR_CORRUPT)
        log_dump_problem(dump, (int64_t)position, "no batch begins here");
    else
        log_dump_problem(dump, (int64_t)position, "the batch that begins here is cut off");
    bool found;
    enum err err = plog_scan_find(scan, from, &found);
    if (err == ERR_OK && found)
        log_dump_problem(dump, (int64_t)scan->position,
                         "a batch begins here again, after %" PRIu64 " bytes that none can be read "
                         "from",
                         scan->position - position);
    return err;
}

static void print_totals(struct log_dump *dump, const struct plog_scan *scan,
                         const struct totals *totals, uint64_t zeros_from)
{
    FILE *out = dump->call->out;
    uint64_t unused = scan->size_bytes - zeros_from;
    if (dump->json) {
        log_json_begin(dump, "total");
        fprintf(out,
                ",\"batches\":%" PRIu64 ",\"records\":%" PRIu64 ",\"damaged\":%" PRIu64
                ",\"nextOffset\":%" PRId64 ",\"size\":%" PRIu64 ",\"unused\":%" PRIu64 "}\n",
                totals->batches, totals->records, totals->damaged, totals->next_offset,
                scan->size_bytes, unused);
        return;
    }
    fprintf(out, "  %" PRIu64 " batch%s, %" PRIu64 " record%s, %" PRIu64 " bytes", totals->batches,
            totals->batches == 1 ? "" : "es", totals->records, totals->records == 1 ? "" : "s",
            scan->size_bytes);
    if (unused > 0)
        fprintf(out, ", of which the last %" PRIu64 " are zeros: preallocated, not used", unused);
    fputc('\n', out);
}

static enum err dump_batches(struct log_dump *dump, struct plog_scan *scan)
{
    struct totals totals = {0};
    uint64_t zeros_from = scan->size_bytes, damage_from = UINT64_MAX, done = 0;
    enum err err;
    for (;;) {
        enum plog_scan_verdict verdict;
        uint64_t position;
        struct batch_view batch;
        err = plog_scan_next(scan, &verdict, &position, &batch);
        if (err != ERR_OK || verdict == PLOG_SCAN_END || done >= dump->bytes_max)
            break;
        if (verdict == PLOG_SCAN_ZEROS) {
            zeros_from = position;
            break;
        }
        if (verdict == PLOG_SCAN_TORN) {
            /* It may be the length of a damaged batch before it that led here. */
            err = skip_damage(dump, scan, (damage_from < position ? damage_from : position) + 1);
            if (err != ERR_OK)
                break;
            damage_from = UINT64_MAX;
            continue;
        }
        bool good = verdict == PLOG_SCAN_BATCH;
        if (good)
            damage_from = UINT64_MAX;
        else if (damage_from == UINT64_MAX)
            damage_from = position;
        dump_batch(dump, position, &batch, good, &totals);
        done += batch.header.size;
    }
    if (err == ERR_OK)
        print_totals(dump, scan, &totals, zeros_from);
    return err;
}

void log_dump_segment(struct log_dump *dump, bool snapshot)
{
    struct plog_scan scan;
    enum log_decode decode = dump->decode;
    if (snapshot && !dump->decode_chosen)
        dump->decode = LOG_DECODE_METADATA;
    if (!dump->json)
        fputs("  offsets                 count    position     bytes  codec   timestamp"
              "                 crc\n",
              dump->call->out);
    enum err err = plog_scan_open(&scan, os_disk(), dump->path);
    if (err == ERR_OK) {
        err = dump_batches(dump, &scan);
        plog_scan_close(&scan);
    }
    if (err != ERR_OK)
        log_dump_problem(dump, -1, "cannot be read: %s", err_text(err));
    dump->decode = decode;
}
