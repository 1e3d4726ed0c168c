#include "plog/plog_files.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- Names ---------------------------------------------------------------------------------- */

#define OFFSET_DIGITS 20

static const struct {
    const char *extension;
    enum plog_file_kind kind;
} EXTENSIONS[] = {
    {".log", PLOG_FILE_LOG},
    {".index", PLOG_FILE_INDEX},
    {".timeindex", PLOG_FILE_TIMEINDEX},
    {".txnindex", PLOG_FILE_TXNINDEX},
    {".snapshot", PLOG_FILE_SNAPSHOT},
};

static const struct {
    const char *text;
    enum plog_file_suffix suffix;
} SUFFIXES[] = {
    {".deleted", PLOG_SUFFIX_DELETED},
    {".cleaned", PLOG_SUFFIX_CLEANED},
    {".swap", PLOG_SUFFIX_SWAP},
};

static bool ends_with(const char *text, size_t size, const char *end, size_t *out_size)
{
    size_t end_size = strlen(end);
    if (size < end_size || memcmp(text + size - end_size, end, end_size) != 0)
        return false;
    *out_size = size - end_size;
    return true;
}

static bool digits_parse(const char *text, size_t size, int64_t *out)
{
    uint64_t value = 0;
    if (size == 0)
        return false;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(text[i] - '0');
        if (value > ((uint64_t)INT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = (int64_t)value;
    return true;
}

void plog_file_name_parse(const char *name, struct plog_file_name *out)
{
    *out = (struct plog_file_name){.kind = PLOG_FILE_UNKNOWN, .suffix = PLOG_SUFFIX_NONE};
    size_t size = strlen(name);
    for (size_t i = 0; i < ARRAY_COUNT(SUFFIXES); i++) {
        if (ends_with(name, size, SUFFIXES[i].text, &size)) {
            out->suffix = SUFFIXES[i].suffix;
            break;
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(EXTENSIONS); i++) {
        size_t stem;
        if (!ends_with(name, size, EXTENSIONS[i].extension, &stem))
            continue;
        if (stem == OFFSET_DIGITS && digits_parse(name, stem, &out->base_offset))
            out->kind = EXTENSIONS[i].kind;
        return;
    }
    size_t stem;
    if (ends_with(name, size, ".checkpoint", &stem) && stem > OFFSET_DIGITS &&
        name[OFFSET_DIGITS] == '-' && digits_parse(name, OFFSET_DIGITS, &out->base_offset))
        out->kind = PLOG_FILE_CHECKPOINT;
    else if (out->suffix == PLOG_SUFFIX_NONE && strcmp(name, PLOG_EPOCHS_NAME) == 0)
        out->kind = PLOG_FILE_EPOCHS;
    else if (out->suffix == PLOG_SUFFIX_NONE && strcmp(name, PLOG_METADATA_NAME) == 0)
        out->kind = PLOG_FILE_METADATA;
}

void plog_file_name_make(enum plog_file_kind kind, int64_t base_offset,
                         char out[PLOG_FILE_NAME_BYTES])
{
    ASSERT(base_offset >= 0);
    for (size_t i = 0; i < ARRAY_COUNT(EXTENSIONS); i++) {
        if (EXTENSIONS[i].kind == kind) {
            snprintf(out, PLOG_FILE_NAME_BYTES, "%020" PRId64 "%s", base_offset,
                     EXTENSIONS[i].extension);
            return;
        }
    }
    UNREACHABLE();
}

/* ---- Indexes -------------------------------------------------------------------------------- */

void plog_index_entry_read(const uint8_t *data, struct plog_index_entry *out)
{
    out->offset_delta = load_be32(data);
    out->position = load_be32(data + 4);
}

void plog_index_entry_write(uint8_t *out, const struct plog_index_entry *entry)
{
    store_be32(out, entry->offset_delta);
    store_be32(out + 4, entry->position);
}

void plog_timeindex_entry_read(const uint8_t *data, struct plog_timeindex_entry *out)
{
    out->timestamp_ms = (int64_t)load_be64(data);
    out->offset_delta = load_be32(data + 8);
}

void plog_timeindex_entry_write(uint8_t *out, const struct plog_timeindex_entry *entry)
{
    store_be64(out, (uint64_t)entry->timestamp_ms);
    store_be32(out + 8, entry->offset_delta);
}

enum err plog_txnindex_entry_read(const uint8_t *data, struct plog_txnindex_entry *out)
{
    if (load_be16(data) != 0)
        return ERR_VERSION;
    out->producer_id = (int64_t)load_be64(data + 2);
    out->first_offset = (int64_t)load_be64(data + 10);
    out->last_offset = (int64_t)load_be64(data + 18);
    out->last_stable_offset = (int64_t)load_be64(data + 26);
    if (out->producer_id < 0 || out->first_offset < 0 || out->last_offset < out->first_offset ||
        out->last_stable_offset < 0)
        return ERR_CORRUPT;
    return ERR_OK;
}

void plog_txnindex_entry_write(uint8_t *out, const struct plog_txnindex_entry *entry)
{
    store_be16(out, 0);
    store_be64(out + 2, (uint64_t)entry->producer_id);
    store_be64(out + 10, (uint64_t)entry->first_offset);
    store_be64(out + 18, (uint64_t)entry->last_offset);
    store_be64(out + 26, (uint64_t)entry->last_stable_offset);
}

size_t plog_index_valid_count(const uint8_t *data, size_t size, uint64_t log_bytes)
{
    size_t count = size / PLOG_INDEX_ENTRY_BYTES;
    struct plog_index_entry before = {0, 0};
    for (size_t i = 0; i < count; i++) {
        struct plog_index_entry entry;
        plog_index_entry_read(data + i * PLOG_INDEX_ENTRY_BYTES, &entry);
        /* Position 0 never has an entry, so a zeroed one is out of order even at the start. */
        if (entry.position <= before.position || entry.position >= log_bytes ||
            entry.offset_delta > INT32_MAX || (i > 0 && entry.offset_delta <= before.offset_delta))
            return i;
        before = entry;
    }
    return count;
}

size_t plog_timeindex_valid_count(const uint8_t *data, size_t size)
{
    size_t count = size / PLOG_TIMEINDEX_ENTRY_BYTES;
    struct plog_timeindex_entry before = {INT64_MIN, 0};
    for (size_t i = 0; i < count; i++) {
        struct plog_timeindex_entry entry;
        plog_timeindex_entry_read(data + i * PLOG_TIMEINDEX_ENTRY_BYTES, &entry);
        if (entry.timestamp_ms < 0 || (i > 0 && entry.timestamp_ms <= before.timestamp_ms) ||
            entry.offset_delta > INT32_MAX || entry.offset_delta < before.offset_delta)
            return i;
        /* Two zeros are the end of a preallocated file, unless a record is really from 1970. */
        if (entry.timestamp_ms == 0 && entry.offset_delta == 0 && i + 1 < count) {
            struct plog_timeindex_entry next;
            plog_timeindex_entry_read(data + (i + 1) * PLOG_TIMEINDEX_ENTRY_BYTES, &next);
            if (next.timestamp_ms == 0 && next.offset_delta == 0)
                return i;
        }
        before = entry;
    }
    return count;
}

/* ---- Producer snapshot ---------------------------------------------------------------------- */

#define SNAPSHOT_VERSION 1
#define SNAPSHOT_CRC_AT 2
#define SNAPSHOT_CRC_FROM 6 /* the checksum covers the rest of the file */
#define SNAPSHOT_COUNT_AT 6

enum err plog_snapshot_check(const uint8_t *data, size_t size, size_t *out_count)
{
    if (size < PLOG_SNAPSHOT_HEADER_BYTES)
        return ERR_TRUNCATED;
    if (load_be16(data) != SNAPSHOT_VERSION)
        return ERR_VERSION;
    if (load_be32(data + SNAPSHOT_CRC_AT) !=
        crc32c(0, data + SNAPSHOT_CRC_FROM, size - SNAPSHOT_CRC_FROM))
        return ERR_CORRUPT;
    uint32_t count = load_be32(data + SNAPSHOT_COUNT_AT);
    size_t room = size - PLOG_SNAPSHOT_HEADER_BYTES;
    if (count > INT32_MAX || room % PLOG_SNAPSHOT_ENTRY_BYTES != 0 ||
        room / PLOG_SNAPSHOT_ENTRY_BYTES != count)
        return ERR_CORRUPT;
    *out_count = count;
    return ERR_OK;
}

void plog_snapshot_entry_read(const uint8_t *data, size_t index, struct plog_snapshot_entry *out)
{
    const uint8_t *at = data + PLOG_SNAPSHOT_HEADER_BYTES + index * PLOG_SNAPSHOT_ENTRY_BYTES;
    out->producer_id = (int64_t)load_be64(at);
    out->producer_epoch = (int16_t)load_be16(at + 8);
    out->last_sequence = (int32_t)load_be32(at + 10);
    out->last_offset = (int64_t)load_be64(at + 14);
    out->offset_delta = (int32_t)load_be32(at + 22);
    out->timestamp_ms = (int64_t)load_be64(at + 26);
    out->coordinator_epoch = (int32_t)load_be32(at + 34);
    out->transaction_first_offset = (int64_t)load_be64(at + 38);
}

void plog_snapshot_begin(struct buf *out)
{
    ASSERT(out->size == 0);
    buf_put_be16(out, SNAPSHOT_VERSION);
    buf_put_be32(out, 0);
    buf_put_be32(out, 0);
}

void plog_snapshot_add(struct buf *out, const struct plog_snapshot_entry *entry)
{
    buf_put_be64(out, (uint64_t)entry->producer_id);
    buf_put_be16(out, (uint16_t)entry->producer_epoch);
    buf_put_be32(out, (uint32_t)entry->last_sequence);
    buf_put_be64(out, (uint64_t)entry->last_offset);
    buf_put_be32(out, (uint32_t)entry->offset_delta);
    buf_put_be64(out, (uint64_t)entry->timestamp_ms);
    buf_put_be32(out, (uint32_t)entry->coordinator_epoch);
    buf_put_be64(out, (uint64_t)entry->transaction_first_offset);
}

void plog_snapshot_end(struct buf *out)
{
    size_t room = out->size - PLOG_SNAPSHOT_HEADER_BYTES;
    ASSERT(room % PLOG_SNAPSHOT_ENTRY_BYTES == 0);
    store_be32(out->data + SNAPSHOT_COUNT_AT, (uint32_t)(room / PLOG_SNAPSHOT_ENTRY_BYTES));
    store_be32(out->data + SNAPSHOT_CRC_AT,
               crc32c(0, out->data + SNAPSHOT_CRC_FROM, out->size - SNAPSHOT_CRC_FROM));
}

/* ---- Text files ----------------------------------------------------------------------------- */

struct lines {
    const char *at;
    const char *end;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

/* The next line without its end; false at the end of the text. */
static bool lines_next(struct lines *lines, struct plog_field *out)
{
    if (lines->at == lines->end)
        return false;
    const char *stop = memchr(lines->at, '\n', (size_t)(lines->end - lines->at));
    const char *line_end = stop != NULL ? stop : lines->end;
    out->text = lines->at;
    out->size = (size_t)(line_end - lines->at);
    lines->at = stop != NULL ? stop + 1 : lines->end;
    while (out->size > 0 && is_space(out->text[out->size - 1]))
        out->size--;
    return true;
}

/* True when the line has exactly `count` fields. */
static bool fields_split(const struct plog_field *line, struct plog_field *out, size_t count)
{
    size_t found = 0, i = 0;
    while (i < line->size) {
        while (i < line->size && is_space(line->text[i]))
            i++;
        if (i == line->size)
            break;
        if (found == count)
            return false;
        size_t start = i;
        while (i < line->size && !is_space(line->text[i]))
            i++;
        out[found++] = (struct plog_field){line->text + start, i - start};
    }
    return found == count;
}

bool plog_field_i64(const struct plog_field *field, int64_t *out)
{
    if (field->size > 1 && field->text[0] == '-') {
        if (!digits_parse(field->text + 1, field->size - 1, out))
            return false;
        *out = -*out;
        return true;
    }
    return digits_parse(field->text, field->size, out);
}

bool plog_field_i32(const struct plog_field *field, int32_t *out)
{
    int64_t value;
    if (!plog_field_i64(field, &value) || value < INT32_MIN || value > INT32_MAX)
        return false;
    *out = (int32_t)value;
    return true;
}

enum err plog_rows_parse(const char *text, size_t size, size_t field_count, plog_row_fn *row,
                         void *context)
{
    ASSERT(field_count > 0 && field_count <= PLOG_FIELDS_MAX);
    struct lines lines = {text, text + size};
    struct plog_field line, fields[PLOG_FIELDS_MAX];
    int64_t version, count;
    /* A file that a crash left empty says nothing, as Kafka sees it too. */
    if (!lines_next(&lines, &line))
        return ERR_OK;
    if (!plog_field_i64(&line, &version))
        return ERR_CORRUPT;
    if (version != 0)
        return ERR_VERSION;
    if (!lines_next(&lines, &line) || !plog_field_i64(&line, &count) || count < 0)
        return ERR_CORRUPT;
    int64_t found = 0;
    while (lines_next(&lines, &line)) {
        if (!fields_split(&line, fields, field_count))
            return ERR_CORRUPT;
        if (++found > count)
            return ERR_CORRUPT;
        enum err err = row(context, fields);
        if (err != ERR_OK)
            return err;
    }
    return found == count ? ERR_OK : ERR_CORRUPT;
}

struct epochs_parse {
    struct plog_epoch_entry *entries;
    size_t count;
    size_t capacity;
};

static enum err epochs_row(void *context, const struct plog_field *fields)
{
    struct epochs_parse *parse = context;
    struct plog_epoch_entry entry;
    if (!plog_field_i32(&fields[0], &entry.epoch) ||
        !plog_field_i64(&fields[1], &entry.start_offset) || entry.epoch < 0 ||
        entry.start_offset < 0)
        return ERR_CORRUPT;
    if (parse->count == parse->capacity) {
        size_t capacity = parse->capacity == 0 ? 4 : parse->capacity * 2;
        void *entries = mem_try_realloc(parse->entries, capacity * sizeof *parse->entries);
        if (entries == NULL)
            return ERR_NOMEM;
        parse->entries = entries;
        parse->capacity = capacity;
    }
    parse->entries[parse->count++] = entry;
    return ERR_OK;
}

enum err plog_epochs_parse(const char *text, size_t size, struct plog_epoch_entry **out,
                           size_t *out_count)
{
    struct epochs_parse parse = {0};
    enum err err = plog_rows_parse(text, size, 2, epochs_row, &parse);
    if (err != ERR_OK) {
        mem_free(parse.entries);
        return err;
    }
    *out = parse.entries;
    *out_count = parse.count;
    return ERR_OK;
}

void plog_epochs_format(struct buf *out, const struct plog_epoch_entry *entries, size_t count)
{
    buf_printf(out, "0\n%zu\n", count);
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "%" PRId32 " %" PRId64 "\n", entries[i].epoch, entries[i].start_offset);
}

static bool key_value(const struct plog_field *line, const char *key, struct plog_field *out)
{
    size_t key_size = strlen(key), i = key_size;
    if (line->size <= key_size || memcmp(line->text, key, key_size) != 0 || line->text[i] != ':')
        return false;
    i++;
    while (i < line->size && is_space(line->text[i]))
        i++;
    *out = (struct plog_field){line->text + i, line->size - i};
    return true;
}

enum err plog_metadata_parse(const char *text, size_t size, struct uuid *out_topic_id)
{
    struct lines lines = {text, text + size};
    struct plog_field line, value;
    int64_t version;
    if (!lines_next(&lines, &line))
        return ERR_NOTFOUND;
    if (!key_value(&line, "version", &value) || !plog_field_i64(&value, &version))
        return ERR_CORRUPT;
    if (version != 0)
        return ERR_VERSION;
    if (!lines_next(&lines, &line) || !key_value(&line, "topic_id", &value) ||
        uuid_from_text(value.text, value.size, out_topic_id) != ERR_OK ||
        uuid_is_zero(out_topic_id))
        return ERR_CORRUPT;
    return ERR_OK;
}

void plog_metadata_format(struct buf *out, const struct uuid *topic_id)
{
    char text[UUID_TEXT_BYTES];
    buf_printf(out, "version: 0\ntopic_id: %s", uuid_to_text(topic_id, text));
}

int64_t plog_clean_shutdown_parse(const char *text, size_t size)
{
    static const char key[] = "\"brokerEpoch\"";
    size_t key_size = sizeof key - 1;
    for (size_t i = 0; i + key_size < size; i++) {
        if (memcmp(text + i, key, key_size) != 0)
            continue;
        i += key_size;
        while (i < size && (is_space(text[i]) || text[i] == ':' || text[i] == '"'))
            i++;
        size_t start = i;
        while (i < size && text[i] >= '0' && text[i] <= '9')
            i++;
        int64_t epoch;
        return digits_parse(text + start, i - start, &epoch) ? epoch : -1;
    }
    return -1;
}

void plog_clean_shutdown_format(struct buf *out, int64_t broker_epoch)
{
    buf_printf(out, "{\"version\":0,\"brokerEpoch\":%" PRId64 "}", broker_epoch);
}
