/* The files beside the segments, and those of a log directory. Each reading takes any bytes. */
#include "cli/log_int.h"

#include "base/mem.h"
#include "meta/properties.h"
#include "os/os.h"
#include "plog/plog_dir.h"
#include "plog/plog_files.h"
#include "quorum/quorum_state.h"
#include "wire/batch.h"

#include <inttypes.h>
#include <string.h>

/* What is read as a whole; indexes are not. */
#define WHOLE_BYTES_MAX ((size_t)64 << 20)
#define PIECE_BYTES ((size_t)65536)

/* The whole file into dump->text; says what is wrong otherwise. */
static bool read_whole(struct log_dump *dump)
{
    struct env_file *file = NULL;
    struct buf *out = &dump->text;
    buf_clear(out);
    enum err err = disk_open(os_disk(), dump->path, DISK_READ, &file);
    while (err == ERR_OK) {
        size_t got;
        uint8_t *at = buf_try_reserve(out, PIECE_BYTES);
        err = at == NULL ? ERR_NOMEM : disk_read(os_disk(), file, at, PIECE_BYTES, out->size, &got);
        if (err != ERR_OK || got == 0)
            break;
        out->size += got;
        if (out->size > WHOLE_BYTES_MAX)
            err = ERR_LIMIT;
    }
    disk_close(os_disk(), file);
    if (err != ERR_OK)
        log_dump_problem(dump, -1, "cannot be read: %s", err_text(err));
    return err == ERR_OK;
}

/* ---- Indexes: in pieces, since they may be as large as their file says ---- */

struct index_dump {
    struct log_dump *dump;
    struct env_file *log; /* NULL: not there */
    int64_t base_offset;
    uint64_t count;
    uint64_t unused; /* zeros at the end */
    int64_t last[2]; /* of the entry before */
};

typedef void entry_fn(struct index_dump *index, const uint8_t *entry);

static bool is_zero(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (data[i] != 0)
            return false;
    return true;
}

/* Zeros are held back: at the end of a preallocated index they mean nothing. */
static enum err walk_pieces(struct index_dump *index, struct env_file *file, size_t entry_bytes,
                            entry_fn *fn)
{
    static const uint8_t zeros[PLOG_TXNINDEX_ENTRY_BYTES];
    size_t piece_bytes = PIECE_BYTES / entry_bytes * entry_bytes;
    uint8_t *piece = arena_must_alloc(&index->dump->arena, piece_bytes);
    for (uint64_t at = 0;;) {
        size_t got;
        enum err err = disk_read(os_disk(), file, piece, piece_bytes, at, &got);
        if (err != ERR_OK || got == 0)
            return err;
        for (size_t i = 0; i + entry_bytes <= got; i += entry_bytes) {
            if (is_zero(piece + i, entry_bytes)) {
                index->unused++;
                continue;
            }
            for (; index->unused > 0; index->unused--)
                fn(index, zeros);
            fn(index, piece + i);
        }
        if (got % entry_bytes != 0)
            log_dump_problem(index->dump, (int64_t)(at + got - got % entry_bytes),
                             "ends in the middle of an entry");
        at += got;
    }
}

static void walk_index(struct index_dump *index, size_t entry_bytes, entry_fn *fn)
{
    struct log_dump *dump = index->dump;
    struct env_file *file;
    enum err err = disk_open(os_disk(), dump->path, DISK_READ, &file);
    if (err == ERR_OK) {
        arena_reset(&dump->arena);
        err = walk_pieces(index, file, entry_bytes, fn);
        disk_close(os_disk(), file);
    }
    if (err != ERR_OK)
        log_dump_problem(dump, -1, "cannot be read: %s", err_text(err));
    if (dump->json) {
        log_json_begin(dump, "total");
        fprintf(dump->call->out, ",\"entries\":%" PRIu64 ",\"unused\":%" PRIu64 "}\n", index->count,
                index->unused);
    } else {
        fprintf(dump->call->out, "  %" PRIu64 " entries", index->count);
        if (index->unused > 0)
            fprintf(dump->call->out, ", and room for %" PRIu64 " more", index->unused);
        fputc('\n', dump->call->out);
    }
}

/* The segment that the index is of, if it lies beside. */
static struct env_file *open_log(const struct log_dump *dump)
{
    struct env_file *log = NULL;
    size_t size = strlen(dump->path);
    const char *dot = strrchr(dump->path, '.');
    char *path = mem_alloc(size + 5);
    memcpy(path, dump->path, size + 1);
    strcpy(path + (dot - dump->path), ".log");
    if (disk_open(os_disk(), path, DISK_READ, &log) != ERR_OK)
        log = NULL;
    mem_free(path);
    return log;
}

static void check_position(struct index_dump *index, const struct plog_index_entry *entry,
                           int64_t offset)
{
    uint8_t data[BATCH_HEADER_BYTES];
    struct batch_header header;
    size_t got = 0;
    if (index->log == NULL)
        return;
    enum err err = disk_read(os_disk(), index->log, data, sizeof data, entry->position, &got);
    if (err != ERR_OK || batch_header_read(data, got, &header) != ERR_OK)
        log_dump_problem(index->dump, -1,
                         "offset %" PRId64 " points to position %" PRIu32
                         " of the segment, where no batch begins",
                         offset, entry->position);
    else if (batch_last_offset(&header) != offset)
        log_dump_problem(index->dump, -1,
                         "offset %" PRId64 " points to position %" PRIu32
                         " of the segment, where the batch %" PRId64 "..%" PRId64 " is",
                         offset, entry->position, header.base_offset, batch_last_offset(&header));
}

static void index_entry(struct index_dump *index, const uint8_t *data)
{
    struct log_dump *dump = index->dump;
    struct plog_index_entry entry;
    plog_index_entry_read(data, &entry);
    int64_t offset = index->base_offset + (int64_t)entry.offset_delta;
    if (dump->check_only)
        ;
    else if (dump->json) {
        log_json_begin(dump, "index");
        fprintf(dump->call->out, ",\"offset\":%" PRId64 ",\"position\":%" PRIu32 "}\n", offset,
                entry.position);
    } else {
        fprintf(dump->call->out, "  offset %-12" PRId64 " position %" PRIu32 "\n", offset,
                entry.position);
    }
    if (index->count > 0 && (offset <= index->last[0] || entry.position <= index->last[1]))
        log_dump_problem(dump, -1,
                         "entry %" PRIu64 " does not ascend: offset %" PRId64 ", position %" PRIu32,
                         index->count, offset, entry.position);
    else
        check_position(index, &entry, offset);
    index->last[0] = offset;
    index->last[1] = entry.position;
    index->count++;
}

void log_dump_index(struct log_dump *dump, int64_t base_offset)
{
    struct index_dump index = {.dump = dump, .base_offset = base_offset, .log = open_log(dump)};
    walk_index(&index, PLOG_INDEX_ENTRY_BYTES, index_entry);
    disk_close(os_disk(), index.log);
}

static void timeindex_entry(struct index_dump *index, const uint8_t *data)
{
    struct log_dump *dump = index->dump;
    struct plog_timeindex_entry entry;
    char time[LOG_TIME_BYTES];
    plog_timeindex_entry_read(data, &entry);
    int64_t offset = index->base_offset + (int64_t)entry.offset_delta;
    if (dump->check_only)
        ;
    else if (dump->json) {
        log_json_begin(dump, "timeindex");
        fprintf(dump->call->out, ",\"timestamp\":%" PRId64 ",\"offset\":%" PRId64 "}\n",
                entry.timestamp_ms, offset);
    } else {
        fprintf(dump->call->out, "  timestamp %" PRId64 " (%s)  offset %" PRId64 "\n",
                entry.timestamp_ms, log_time(entry.timestamp_ms, time), offset);
    }
    if (index->count > 0 && (entry.timestamp_ms <= index->last[0] || offset < index->last[1]))
        log_dump_problem(
            dump, -1, "entry %" PRIu64 " does not ascend: timestamp %" PRId64 ", offset %" PRId64,
            index->count, entry.timestamp_ms, offset);
    index->last[0] = entry.timestamp_ms;
    index->last[1] = offset;
    index->count++;
}

void log_dump_timeindex(struct log_dump *dump, int64_t base_offset)
{
    struct index_dump index = {.dump = dump, .base_offset = base_offset};
    walk_index(&index, PLOG_TIMEINDEX_ENTRY_BYTES, timeindex_entry);
}

static void txnindex_entry(struct index_dump *index, const uint8_t *data)
{
    struct log_dump *dump = index->dump;
    struct plog_txnindex_entry entry;
    enum err err = plog_txnindex_entry_read(data, &entry);
    if (err != ERR_OK) {
        log_dump_problem(dump, (int64_t)(index->count * PLOG_TXNINDEX_ENTRY_BYTES),
                         "entry %" PRIu64 ": %s", index->count, err_text(err));
    } else if (dump->json) {
        log_json_begin(dump, "txnindex");
        fprintf(dump->call->out,
                ",\"producerId\":%" PRId64 ",\"firstOffset\":%" PRId64 ",\"lastOffset\":%" PRId64
                ",\"lastStableOffset\":%" PRId64 "}\n",
                entry.producer_id, entry.first_offset, entry.last_offset, entry.last_stable_offset);
    } else {
        fprintf(dump->call->out,
                "  producer %" PRId64 "  aborted %" PRId64 "..%" PRId64
                "  last stable offset %" PRId64 "\n",
                entry.producer_id, entry.first_offset, entry.last_offset, entry.last_stable_offset);
    }
    index->count++;
}

void log_dump_txnindex(struct log_dump *dump)
{
    struct index_dump index = {.dump = dump};
    walk_index(&index, PLOG_TXNINDEX_ENTRY_BYTES, txnindex_entry);
}

/* ---- Whole files ---- */

static void print_producer(struct log_dump *dump, const struct plog_snapshot_entry *entry)
{
    FILE *out = dump->call->out;
    char time[LOG_TIME_BYTES];
    int64_t first = entry->last_offset < 0 ? -1 : entry->last_offset - entry->offset_delta;
    if (dump->json) {
        log_json_begin(dump, "producer");
        fprintf(out,
                ",\"producerId\":%" PRId64 ",\"producerEpoch\":%d,\"lastSequence\":%" PRId32
                ",\"firstOffset\":%" PRId64 ",\"lastOffset\":%" PRId64
                ",\"lastTimestamp\":%" PRId64,
                entry->producer_id, entry->producer_epoch, entry->last_sequence, first,
                entry->last_offset, entry->timestamp_ms);
        fprintf(out, ",\"coordinatorEpoch\":%" PRId32 ",\"currentTxnFirstOffset\":",
                entry->coordinator_epoch);
        if (entry->transaction_first_offset < 0)
            fputs("null}\n", out);
        else
            fprintf(out, "%" PRId64 "}\n", entry->transaction_first_offset);
        return;
    }
    fprintf(out,
            "  producer %" PRId64 "/%d  sequence %" PRId32 "  offsets %" PRId64 "..%" PRId64 "  %s",
            entry->producer_id, entry->producer_epoch, entry->last_sequence, first,
            entry->last_offset, log_time(entry->timestamp_ms, time));
    if (entry->coordinator_epoch >= 0)
        fprintf(out, "  coordinator epoch %" PRId32, entry->coordinator_epoch);
    if (entry->transaction_first_offset >= 0)
        fprintf(out, "  transaction open from offset %" PRId64, entry->transaction_first_offset);
    fputc('\n', out);
}

void log_dump_producers(struct log_dump *dump)
{
    size_t count;
    if (!read_whole(dump))
        return;
    enum err err = plog_snapshot_check(dump->text.data, dump->text.size, &count);
    if (err != ERR_OK) {
        log_dump_problem(dump, -1, "is no snapshot of producers: %s", err_text(err));
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct plog_snapshot_entry entry;
        plog_snapshot_entry_read(dump->text.data, i, &entry);
        print_producer(dump, &entry);
    }
    if (!dump->json)
        fprintf(dump->call->out, "  %zu producer%s\n", count, count == 1 ? "" : "s");
}

void log_dump_epochs(struct log_dump *dump)
{
    struct plog_epoch_entry *entries = NULL;
    size_t count;
    if (!read_whole(dump))
        return;
    enum err err = plog_epochs_parse(buf_text(&dump->text), dump->text.size, &entries, &count);
    if (err != ERR_OK) {
        log_dump_problem(dump, -1, "is no checkpoint of leader epochs: %s", err_text(err));
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (dump->json) {
            log_json_begin(dump, "epoch");
            fprintf(dump->call->out, ",\"epoch\":%" PRId32 ",\"startOffset\":%" PRId64 "}\n",
                    entries[i].epoch, entries[i].start_offset);
        } else {
            fprintf(dump->call->out, "  epoch %-6" PRId32 " from offset %" PRId64 "\n",
                    entries[i].epoch, entries[i].start_offset);
        }
    }
    mem_free(entries);
}

void log_dump_checkpoint(struct log_dump *dump)
{
    struct plog_checkpoint checkpoint;
    if (!read_whole(dump))
        return;
    size_t size = dump->text.size;
    char *text = mem_strdup(buf_text(&dump->text));
    if (strlen(text) != size) {
        mem_free(text);
        log_dump_problem(dump, -1, "is no checkpoint: it has bytes that are 0");
        return;
    }
    enum err err = plog_checkpoint_parse(text, size, &checkpoint);
    if (err != ERR_OK) {
        log_dump_problem(dump, -1, "is no checkpoint: %s", err_text(err));
        return;
    }
    for (size_t i = 0; i < checkpoint.count; i++) {
        const struct plog_checkpoint_row *row = &checkpoint.rows[i];
        if (dump->json) {
            log_json_begin(dump, "checkpoint");
            fputs(",\"topic\":", dump->call->out);
            cli_json_text(dump->call->out, row->topic);
            fprintf(dump->call->out, ",\"partition\":%" PRId32 ",\"offset\":%" PRId64 "}\n",
                    row->partition, row->offset);
        } else {
            fprintf(dump->call->out, "  %s-%" PRId32 "  %" PRId64 "\n", row->topic, row->partition,
                    row->offset);
        }
    }
    if (!dump->json)
        fprintf(dump->call->out, "  %zu partition%s\n", checkpoint.count,
                checkpoint.count == 1 ? "" : "s");
    plog_checkpoint_deinit(&checkpoint);
}

void log_dump_partition_metadata(struct log_dump *dump)
{
    struct uuid id;
    char text[UUID_TEXT_BYTES];
    if (!read_whole(dump))
        return;
    enum err err = plog_metadata_parse(buf_text(&dump->text), dump->text.size, &id);
    if (err == ERR_NOTFOUND) {
        log_dump_problem(dump, -1, "is empty");
    } else if (err != ERR_OK) {
        log_dump_problem(dump, -1, "is no partition.metadata: %s", err_text(err));
    } else if (dump->json) {
        log_json_begin(dump, "partition.metadata");
        fprintf(dump->call->out, ",\"topicId\":\"%s\"}\n", uuid_to_text(&id, text));
    } else {
        fprintf(dump->call->out, "  topic id %s\n", uuid_to_text(&id, text));
    }
}

void log_dump_meta_properties(struct log_dump *dump)
{
    struct meta_properties properties;
    char error[META_PROPERTIES_ERROR_BYTES] = "", id[UUID_TEXT_BYTES];
    FILE *out = dump->call->out;
    if (!read_whole(dump))
        return;
    enum err err =
        meta_properties_parse(buf_text(&dump->text), dump->text.size, &properties, error);
    if (err != ERR_OK) {
        log_dump_problem(dump, -1, "%s", *error != '\0' ? error : err_text(err));
        return;
    }
    const char *directory =
        properties.has_directory_id ? uuid_to_text(&properties.directory_id, id) : NULL;
    if (dump->json) {
        log_json_begin(dump, "meta.properties");
        fprintf(out, ",\"version\":%d,\"clusterId\":", properties.version);
        cli_json_text(out, properties.cluster_id);
        fprintf(out, ",\"nodeId\":%" PRId32 ",\"directoryId\":", properties.node_id);
        cli_json_text(out, directory);
        fputs("}\n", out);
    } else {
        fprintf(out, "  cluster %s  node %" PRId32 "  directory %s  version %d\n",
                properties.cluster_id, properties.node_id, directory != NULL ? directory : "-",
                properties.version);
    }
}

void log_dump_quorum_state(struct log_dump *dump)
{
    struct raft_election election;
    int version;
    char id[UUID_TEXT_BYTES];
    FILE *out = dump->call->out;
    if (!read_whole(dump))
        return;
    enum err err = quorum_state_parse(buf_text(&dump->text), dump->text.size, &election, &version);
    if (err != ERR_OK) {
        log_dump_problem(dump, -1, "is no quorum-state: %s", err_text(err));
        return;
    }
    uuid_to_text(&election.voted_directory_id, id);
    if (dump->json) {
        log_json_begin(dump, "quorum-state");
        fprintf(out,
                ",\"leaderId\":%" PRId32 ",\"leaderEpoch\":%" PRId32 ",\"votedId\":%" PRId32
                ",\"votedDirectoryId\":\"%s\",\"dataVersion\":%d}\n",
                election.leader_id, election.epoch, election.voted_id, id, version);
        return;
    }
    fprintf(out, "  epoch %" PRId32, election.epoch);
    if (election.leader_id >= 0)
        fprintf(out, "  leader %" PRId32, election.leader_id);
    if (election.voted_id >= 0)
        fprintf(out, "  voted for %" PRId32 " (directory %s)", election.voted_id, id);
    fprintf(out, "  version %d\n", version);
}

void log_dump_clean_shutdown(struct log_dump *dump)
{
    if (!read_whole(dump))
        return;
    int64_t epoch = plog_clean_shutdown_parse(buf_text(&dump->text), dump->text.size);
    if (dump->json) {
        log_json_begin(dump, "clean-shutdown");
        fprintf(dump->call->out, ",\"brokerEpoch\":%" PRId64 "}\n", epoch);
    } else {
        fprintf(dump->call->out, "  the last stop was clean, of broker epoch %" PRId64 "\n", epoch);
    }
}
