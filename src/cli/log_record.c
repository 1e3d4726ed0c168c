/* One record: its key and value as text, or decoded by the schemas of its topic. */
#include "cli/log_int.h"

#include "conf/row.h"
#include "wire/batch.h"
#include "wire/messages.h"
#include "wire/schema.h"

#include <inttypes.h>
#include <string.h>

/* Larger ones are shown as they are. */
#define DECODE_ARENA_BYTES ((size_t)256 << 20)

/* ---- What must not be seen ---- */

static bool is_secret_config(const struct wire_config_record *record)
{
    char name[256];
    if (record->name.data == NULL || record->name.size >= sizeof name)
        return false;
    memcpy(name, record->name.data, record->name.size);
    name[record->name.size] = '\0';
    /* A listener's own settings have it in front. */
    const char *dot = strncmp(name, "listener.name.", 14) == 0 ? strchr(name + 14, '.') : NULL;
    const char *bare = dot != NULL ? dot + 1 : name;
    const struct conf_row *row = conf_row_find(CONF_SCOPE_BROKER, bare);
    return (row != NULL && conf_row_sensitive(row)) || strstr(bare, "password") != NULL ||
           strstr(bare, "jaas") != NULL;
}

/* Invariant 5 of this room: secrets are never printed. */
static void hide_secrets(struct wire_record *record)
{
    if (record->type->id == WIRE_METADATA_RECORD_USER_SCRAM_CREDENTIAL) {
        struct wire_user_scram_credential_record *user = record->message;
        user->salt = user->stored_key = user->server_key = wire_bytes_of("", 0);
    } else if (record->type->id == WIRE_METADATA_RECORD_CONFIG) {
        struct wire_config_record *config = record->message;
        if (config->value.data != NULL && is_secret_config(config))
            config->value = WIRE_STRING("[hidden]");
    }
}

/* ---- Decoding, into dump->text; false: it cannot be decoded ---- */

/* member: of the JSON object; people see what comes between instead. */
static void put_message(struct log_dump *dump, const char *member, const char *name,
                        const struct wire_schema *schema, int16_t version, const void *message)
{
    struct buf *out = &dump->text;
    if (!dump->json) {
        buf_printf(out, "%s%s ", out->size > 0 ? " = " : "", name);
        wire_print(schema, version, message, out, 0);
        return;
    }
    buf_printf(out, "%s\"%s\":{\"type\":\"%s\",\"version\":%d,\"data\":", out->size > 0 ? "," : "",
               member, name, version);
    wire_print(schema, version, message, out, WIRE_PRINT_JSON);
    buf_put_text(out, "}");
}

static bool decode_metadata(struct log_dump *dump, const struct batch_record *record)
{
    struct wire_record decoded;
    if (record->value == NULL || wire_metadata_record_decode(record->value, record->value_size,
                                                             &dump->arena, &decoded) != ERR_OK)
        return false;
    hide_secrets(&decoded);
    put_message(dump, "value", decoded.type->name, decoded.type->value, decoded.version,
                decoded.message);
    return true;
}

static bool decode_remote_log(struct log_dump *dump, const struct batch_record *record)
{
    struct wire_record decoded;
    if (record->value == NULL || wire_remote_log_record_decode(record->value, record->value_size,
                                                               &dump->arena, &decoded) != ERR_OK)
        return false;
    put_message(dump, "value", decoded.type->name, decoded.type->value, decoded.version,
                decoded.message);
    return true;
}

static bool decode_coordinator(struct log_dump *dump, const struct batch_record *record)
{
    struct wire_record key, value;
    if (record->key == NULL ||
        wire_coordinator_key_decode((enum wire_record_family)dump->decode, record->key,
                                    record->key_size, &dump->arena, &key) != ERR_OK)
        return false;
    if (record->value != NULL &&
        wire_coordinator_value_decode(key.type, record->value, record->value_size, &dump->arena,
                                      &value) != ERR_OK)
        return false;
    put_message(dump, "key", key.type->name, key.type->key, key.version, key.message);
    if (record->value == NULL)
        buf_put_text(&dump->text, dump->json ? ",\"value\":null" : " = null");
    else
        put_message(dump, "value", key.type->name, key.type->value, value.version, value.message);
    return true;
}

static bool decode_control(struct log_dump *dump, const struct batch_record *record)
{
    static const struct {
        enum batch_control type;
        const char *name;
        const char *schema;
    } controls[] = {
        {BATCH_CONTROL_ABORT, "Abort", "EndTxnMarker"},
        {BATCH_CONTROL_COMMIT, "Commit", "EndTxnMarker"},
        {BATCH_CONTROL_LEADER_CHANGE, "LeaderChange", "LeaderChangeMessage"},
        {BATCH_CONTROL_SNAPSHOT_HEADER, "SnapshotHeader", "SnapshotHeaderRecord"},
        {BATCH_CONTROL_SNAPSHOT_FOOTER, "SnapshotFooter", "SnapshotFooterRecord"},
        {BATCH_CONTROL_KRAFT_VERSION, "KRaftVersion", "KRaftVersionRecord"},
        {BATCH_CONTROL_KRAFT_VOTERS, "KRaftVoters", "VotersRecord"},
    };
    enum batch_control type;
    if (batch_control_key_read(record, &type) != ERR_OK || record->value == NULL ||
        record->value_size < 2)
        return false;
    for (size_t i = 0; i < ARRAY_COUNT(controls); i++) {
        if (controls[i].type != type)
            continue;
        const struct wire_schema *schema = wire_schema_find(controls[i].schema);
        ASSERT(schema != NULL);
        void *message = arena_alloc(&dump->arena, schema->size);
        /* All of them begin with their version; the marker's is not a field of it. */
        int16_t version = (int16_t)load_be16(record->value);
        bool marker = type == BATCH_CONTROL_ABORT || type == BATCH_CONTROL_COMMIT;
        if (version > schema->version_max)
            version = schema->version_max;
        size_t skipped = marker ? 2 : 0;
        if (message == NULL || version < schema->version_min ||
            wire_decode(schema, version, &dump->arena, record->value + skipped,
                        record->value_size - skipped, message, NULL) != ERR_OK)
            return false;
        put_message(dump, "control", controls[i].name, schema, version, message);
        return true;
    }
    return false;
}

static bool decode(struct log_dump *dump, bool control, const struct batch_record *record)
{
    if (control)
        return decode_control(dump, record);
    switch (dump->decode) {
    case LOG_DECODE_TEXT:
        return false;
    case LOG_DECODE_METADATA:
        return decode_metadata(dump, record);
    case LOG_DECODE_REMOTE_LOG:
        return decode_remote_log(dump, record);
    case LOG_DECODE_OFFSETS:
    case LOG_DECODE_TRANSACTIONS:
    case LOG_DECODE_SHARE:
        return decode_coordinator(dump, record);
    }
    return false;
}

/* ---- Printing ---- */

static int64_t shown_size(const uint8_t *data, size_t size)
{
    return data == NULL ? -1 : (int64_t)size;
}

static void print_json(struct log_dump *dump, const struct batch_record *record, bool decoded,
                       bool undecodable)
{
    FILE *out = dump->call->out;
    struct batch_field field;
    log_json_begin(dump, "record");
    fprintf(out,
            ",\"offset\":%" PRId64 ",\"timestamp\":%" PRId64 ",\"keySize\":%" PRId64
            ",\"valueSize\":%" PRId64,
            record->offset, record->timestamp, shown_size(record->key, record->key_size),
            shown_size(record->value, record->value_size));
    if (dump->content && decoded) {
        fputc(',', out);
        fwrite(dump->text.data, 1, dump->text.size, out);
    } else if (dump->content) {
        fputc(',', out);
        log_json_bytes(dump, "key", record->key, record->key_size);
        fputc(',', out);
        log_json_bytes(dump, "value", record->value, record->value_size);
        if (undecodable)
            fputs(",\"undecodable\":true", out);
    }
    if (dump->content && record->field_count > 0) {
        fputs(",\"headers\":[", out);
        struct batch_fields fields = batch_fields_begin(record);
        for (bool first = true; batch_fields_next(&fields, &field); first = false) {
            fputs(first ? "{" : ",{", out);
            log_json_bytes(dump, "key", field.key, field.key_size);
            fputc(',', out);
            log_json_bytes(dump, "value", field.value, field.value_size);
            fputc('}', out);
        }
        fputc(']', out);
    }
    fputs("}\n", out);
}

static void print_plain(struct log_dump *dump, const struct batch_record *record)
{
    FILE *out = dump->call->out;
    struct batch_field field;
    fputs("  ", out);
    log_print_bytes(out, record->key, record->key_size);
    fputs(" = ", out);
    log_print_bytes(out, record->value, record->value_size);
    struct batch_fields fields = batch_fields_begin(record);
    while (batch_fields_next(&fields, &field)) {
        fputs("  [", out);
        log_print_bytes(out, field.key, field.key_size);
        fputs(": ", out);
        log_print_bytes(out, field.value, field.value_size);
        fputc(']', out);
    }
}

static void print_human(struct log_dump *dump, const struct batch_record *record, bool decoded)
{
    FILE *out = dump->call->out;
    char time[LOG_TIME_BYTES];
    fputs("    ", out);
    if (!dump->metadata_hidden)
        fprintf(out, "| %-12" PRId64 " %-24s", record->offset, log_time(record->timestamp, time));
    if (!dump->content) {
        fprintf(out, "  key %" PRId64 "  value %" PRId64 "  headers %" PRId32,
                shown_size(record->key, record->key_size),
                shown_size(record->value, record->value_size), record->field_count);
    } else if (decoded) {
        fputs("  ", out);
        fwrite(dump->text.data, 1, dump->text.size, out);
    } else {
        print_plain(dump, record);
    }
    fputc('\n', out);
}

void log_dump_record(struct log_dump *dump, const struct batch_header *header,
                     const struct batch_record *record)
{
    bool control = batch_is_control(header);
    buf_clear(&dump->text);
    arena_reset(&dump->arena);
    bool decoded = dump->content && decode(dump, control, record);
    bool undecodable = dump->content && !decoded && (control || dump->decode != LOG_DECODE_TEXT);
    if (!decoded)
        buf_clear(&dump->text);
    if (dump->json)
        print_json(dump, record, decoded, undecodable);
    else
        print_human(dump, record, decoded);
}
