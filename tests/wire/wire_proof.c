/*
 * The other half of WireProof.java: reads the messages that Apache Kafka wrote, decodes and encodes
 * each, and compares.
 *
 *     wire_proof FILE              prove; a line with counts, exit code 0 or 1
 *     wire_proof --seeds DIR FILE  write the fuzzers' seeds: DIR/wire_request, wire_response,
 * wire_record
 *
 * For each message: it decodes; what it encodes to, with and without a gather, is the same bytes,
 * of the size that wire_encoded_size says; the copy is equal and encodes to the same; the JSON is
 * Apache Kafka's; no prefix of the bytes decodes; in another version the outcome is Apache Kafka's.
 * Every schema in every version has to come up.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "wire/api.h"
#include "wire/errors.h"
#include "wire/records.h"
#include "wire/schema.h"
#include "wire/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Prefixes of longer messages are only tried at a sample of lengths. */
#define PREFIXES_MAX 64
#define FAILURES_SHOWN 20

struct entry {
    char name[128];
    const struct wire_schema *schema;
    int16_t key; /* of the API, or the type of the record; -1: none */
    int16_t version;
    bool is_defaults;
    struct wire_bytes bytes;
    struct wire_bytes json;
    int16_t other; /* -1: none */
    bool other_works;
    struct wire_bytes other_bytes;
};

struct file {
    uint8_t *data;
    size_t size;
    size_t next;
};

static size_t failures;
static size_t entries_count, defaults_count, prefixes_count, others_count, json_count;
static size_t bytes_count;

static void fail(const struct entry *entry, const char *what)
{
    if (failures++ < FAILURES_SHOWN)
        printf("FAILED %s version %d: %s\n", entry->name, entry->version, what);
}

/* ---- The file ---- */

static void load(struct file *file, const char *path)
{
    FILE *stream = fopen(path, "rb");
    if (stream == NULL) {
        perror(path);
        exit(1);
    }
    fseek(stream, 0, SEEK_END);
    file->size = (size_t)ftell(stream);
    rewind(stream);
    file->data = malloc(file->size + 1);
    file->next = 0;
    if (fread(file->data, 1, file->size, stream) != file->size) {
        perror(path);
        exit(1);
    }
    fclose(stream);
}

static const uint8_t *take(struct file *file, size_t size)
{
    if (size > file->size - file->next) {
        printf("the file ends in the middle of an entry\n");
        exit(1);
    }
    const uint8_t *at = file->data + file->next;
    file->next += size;
    return at;
}

static struct wire_bytes take_bytes(struct file *file)
{
    uint32_t size = load_be32(take(file, 4));
    return (struct wire_bytes){take(file, size), size};
}

static bool next_entry(struct file *file, struct entry *entry)
{
    if (file->next == file->size)
        return false;
    size_t size = load_be16(take(file, 2));
    snprintf(entry->name, sizeof entry->name, "%.*s", (int)size, (const char *)take(file, size));
    entry->key = (int16_t)load_be16(take(file, 2));
    entry->version = (int16_t)load_be16(take(file, 2));
    entry->is_defaults = *take(file, 1) != 0;
    entry->bytes = take_bytes(file);
    entry->json = take_bytes(file);
    entry->other = (int16_t)load_be16(take(file, 2));
    if (entry->other >= 0) {
        entry->other_works = *take(file, 1) != 0;
        entry->other_bytes = take_bytes(file);
    }
    entry->schema = wire_schema_find(entry->name);
    return true;
}

/* ---- The proof of one message ---- */

static bool same(const struct buf *buf, struct wire_bytes bytes)
{
    return buf->size == bytes.size &&
           (bytes.size == 0 || memcmp(buf->data, bytes.data, bytes.size) == 0);
}

static void prove_encoding(const struct entry *entry, const void *message, const char *what)
{
    struct buf out = BUF_EMPTY;
    if (wire_encode(entry->schema, entry->version, message, &out, NULL) != ERR_OK)
        fail(entry, what);
    else if (!same(&out, entry->bytes))
        fail(entry, what);
    buf_deinit(&out);
}

/* A message of defaults, with one element of defaults in each array of structs. */
static void make_defaults(const struct wire_schema *schema, int16_t version, struct arena *arena,
                          uint8_t *message, bool is_element)
{
    if (is_element)
        wire_default(schema, message);
    const struct wire_plan *plan = wire_plan_of(schema, version);
    for (unsigned i = 0; i < (unsigned)plan->plain + plan->tagged; i++) {
        const struct wire_field *field = &schema->fields[plan->start + i];
        void *member = message + field->offset;
        const struct wire_schema *inner =
            schema->nested != NULL ? schema->nested[field->nested] : NULL;
        if (field->kind == WIRE_KIND_RECORDS && !(field->flags & WIRE_FIELD_NULLABLE))
            *(struct wire_bytes *)member = wire_bytes_of("", 0);
        if (field->kind == WIRE_KIND_STRUCT)
            make_defaults(inner, version, arena, member, false);
        if (field->kind == WIRE_KIND_POINTER && *(void **)member != NULL) {
            uint8_t *copy = arena_must_alloc(arena, inner->size);
            make_defaults(inner, version, arena, copy, true);
            *(void **)member = copy;
        }
        if (field->kind == (WIRE_KIND_ARRAY | WIRE_KIND_STRUCT)) {
            uint8_t *item = arena_must_alloc(arena, inner->size);
            make_defaults(inner, version, arena, item, true);
            *(struct wire_array *)member = (struct wire_array){item, 1};
        }
    }
}

static void prove_gather(const struct entry *entry, const void *message)
{
    struct wire_gather gather;
    wire_gather_init(&gather, 1);
    struct buf out = BUF_EMPTY, whole = BUF_EMPTY;
    if (wire_encode(entry->schema, entry->version, message, &out, &gather) != ERR_OK) {
        fail(entry, "it does not encode with a gather");
    } else {
        size_t from = 0;
        for (size_t i = 0; i < gather.count; i++) {
            buf_put(&whole, out.data + from, gather.items[i].position - from);
            buf_put(&whole, gather.items[i].data, gather.items[i].size);
            from = gather.items[i].position;
        }
        buf_put(&whole, out.data + from, out.size - from);
        if (!same(&whole, entry->bytes) || whole.size != out.size + gather.bytes)
            fail(entry, "gathered, it encodes to other bytes");
    }
    wire_gather_deinit(&gather);
    buf_deinit(&out);
    buf_deinit(&whole);
}

static void prove_text(const struct entry *entry, const void *message)
{
    struct buf text = BUF_EMPTY;
    wire_print(entry->schema, entry->version, message, &text, 0);
    buf_clear(&text);
    if (entry->json.size > 0) {
        json_count++;
        wire_print(entry->schema, entry->version, message, &text, WIRE_PRINT_JSON);
        if (!same(&text, entry->json)) {
            fail(entry, "its JSON is another");
            if (failures < FAILURES_SHOWN)
                printf("  %.*s\n  %s\n", (int)entry->json.size, (const char *)entry->json.data,
                       buf_text(&text));
        }
    }
    buf_deinit(&text);
}

static void prove_other_version(const struct entry *entry, const void *message)
{
    if (entry->other < 0)
        return;
    others_count++;
    struct buf out = BUF_EMPTY;
    enum err err = wire_encode(entry->schema, entry->other, message, &out, NULL);
    if ((err == ERR_OK) != entry->other_works)
        fail(entry, entry->other_works ? "another version refuses it, Apache Kafka does not"
                                       : "another version takes it, Apache Kafka's does not");
    else if (err == ERR_OK && !same(&out, entry->other_bytes))
        fail(entry, "another version encodes to other bytes");
    else if (err == ERR_OK &&
             wire_encoded_size(entry->schema, entry->other, message) != entry->other_bytes.size)
        fail(entry, "wire_encoded_size is wrong in another version");
    buf_deinit(&out);
}

static void prove_prefixes(const struct entry *entry)
{
    size_t step = entry->bytes.size / PREFIXES_MAX + 1;
    for (size_t size = 0; size < entry->bytes.size; size += step) {
        struct arena arena;
        arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
        /* An exact copy, so that a sanitizer sees a read past the end. */
        uint8_t *prefix = malloc(size + 1);
        memcpy(prefix, entry->bytes.data, size);
        void *message = arena_must_alloc(&arena, entry->schema->size);
        enum err err =
            wire_decode(entry->schema, entry->version, &arena, prefix, size, message, NULL);
        if (err != ERR_TRUNCATED && err != ERR_CORRUPT)
            fail(entry, "a prefix of it decodes");
        prefixes_count++;
        free(prefix);
        arena_deinit(&arena);
    }
}

static void prove(const struct entry *entry)
{
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    void *message = arena_must_alloc(&arena, entry->schema->size);
    size_t consumed;
    entries_count++;
    bytes_count += entry->bytes.size;
    enum err err = wire_decode(entry->schema, entry->version, &arena, entry->bytes.data,
                               entry->bytes.size, message, &consumed);
    if (err != ERR_OK) {
        fail(entry, err_text(err));
    } else if (consumed != entry->bytes.size) {
        fail(entry, "it ends too early");
    } else {
        prove_encoding(entry, message, "it encodes to other bytes");
        if (wire_encoded_size(entry->schema, entry->version, message) != entry->bytes.size)
            fail(entry, "wire_encoded_size is wrong");
        prove_gather(entry, message);
        void *copy = wire_copy(entry->schema, message, &arena);
        if (copy == NULL || !wire_equal(entry->schema, entry->version, message, copy))
            fail(entry, "its copy is not equal");
        else
            prove_encoding(entry, copy, "its copy encodes to other bytes");
        prove_text(entry, message);
        prove_other_version(entry, message);
        prove_prefixes(entry);
    }
    if (entry->is_defaults) {
        defaults_count++;
        make_defaults(entry->schema, entry->version, &arena, message, true);
        prove_encoding(entry, message, "its defaults are others");
    }
    arena_deinit(&arena);
}

/* What the lists of APIs and records say the message is. */
static int16_t key_of(const struct wire_schema *schema)
{
    for (size_t i = 0; i < wire_api_count; i++) {
        if (wire_apis[i].request == schema || wire_apis[i].response == schema)
            return wire_apis[i].key;
    }
    for (unsigned family = 0; family < WIRE_RECORD_FAMILY_COUNT; family++) {
        size_t count;
        const struct wire_record_type *types = wire_record_types(family, &count);
        for (size_t i = 0; i < count; i++) {
            if (types[i].key == schema || types[i].value == schema)
                return types[i].id;
        }
    }
    return -1;
}

static void prove_apis(struct file *file)
{
    size_t count = load_be16(take(file, 2));
    if (count != wire_api_count) {
        printf("FAILED Apache Kafka has %zu APIs, ottla %zu\n", count, wire_api_count);
        failures++;
    }
    for (size_t i = 0; i < count; i++) {
        const uint8_t *row = take(file, 9);
        int16_t key = (int16_t)load_be16(row);
        int16_t low = (int16_t)load_be16(row + 2), high = (int16_t)load_be16(row + 4);
        const struct wire_api *api = wire_api_find(key);
        bool right = api != NULL && api->version_min == low && api->version_max == high &&
                     api->version_max_stable == (int16_t)load_be16(row + 6) &&
                     api->listeners == row[8];
        for (int16_t version = low; version <= high; version++) {
            const uint8_t *headers = take(file, 2);
            right = right && wire_request_header_version(api, version) == headers[0] &&
                    wire_response_header_version(api, version) == headers[1];
        }
        if (!right) {
            printf("FAILED API %d has other versions, listeners or headers\n", key);
            failures++;
        }
    }
}

static int prove_all(struct file *file)
{
    prove_apis(file);
    size_t schema_count;
    const struct wire_schema *const *schemas = wire_schema_all(&schema_count);
    uint64_t *seen = calloc(schema_count, sizeof *seen); /* a bit for each version */
    struct entry entry = {0};
    while (next_entry(file, &entry)) {
        if (entry.schema == NULL) {
            fail(&entry, "there is no such schema");
            continue;
        }
        if (key_of(entry.schema) != entry.key)
            fail(&entry, "it is the message of another API or record type");
        prove(&entry);
        for (size_t i = 0; i < schema_count; i++) {
            if (schemas[i] == entry.schema)
                seen[i] |= UINT64_C(1) << entry.version;
        }
    }
    size_t versions_count = 0;
    for (size_t i = 0; i < schema_count; i++) {
        for (int16_t v = schemas[i]->version_min; v <= schemas[i]->version_max; v++) {
            versions_count++;
            if (!(seen[i] & UINT64_C(1) << v)) {
                printf("FAILED %s version %d: Apache Kafka did not write it\n", schemas[i]->name,
                       v);
                failures++;
            }
        }
    }
    free(seen);
    printf("ottla read and wrote %zu messages in %zu versions: %zu instances (%zu of defaults), "
           "%zu bytes, %zu as JSON, "
           "%zu in a second version, %zu prefixes refused; %zu failures\n",
           schema_count, versions_count, entries_count, defaults_count, bytes_count, json_count,
           others_count, prefixes_count, failures);
    return failures == 0 ? 0 : 1;
}

/* ---- Seeds ---- */

/* Seeds are small files; the most telling of the smaller instances. */
#define SEED_BYTES_MAX 400

static void write_seed(const char *folder, const char *kind, const struct entry *entry,
                       const struct buf *seed)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, kind);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/%s_%d", folder, kind, entry->name, entry->version);
    struct stat status;
    /* The largest that fits: later ones replace smaller ones. */
    if (stat(path, &status) == 0 && status.st_size >= (off_t)seed->size)
        return;
    FILE *stream = fopen(path, "wb");
    if (stream == NULL || fwrite(seed->data, 1, seed->size, stream) != seed->size) {
        perror(path);
        exit(1);
    }
    fclose(stream);
}

static const struct wire_api *api_of(const struct entry *entry, bool *is_request)
{
    for (size_t i = 0; i < wire_api_count; i++) {
        *is_request = wire_apis[i].request == entry->schema;
        if (*is_request || wire_apis[i].response == entry->schema)
            return &wire_apis[i];
    }
    return NULL;
}

/* A request is a frame without its size; a response is i16 key, i16 version, body; anything else is
 * the index of its schema, its version, body (tests/fuzz/fuzz_wire_*.c). */
static void seed(const char *folder, const struct entry *entry)
{
    struct buf out = BUF_EMPTY;
    bool is_request;
    const struct wire_api *api = api_of(entry, &is_request);
    if (entry->version == entry->schema->version_max && entry->bytes.size > 0 &&
        entry->bytes.size <= SEED_BYTES_MAX) {
        if (api != NULL && is_request) {
            buf_put_be16(&out, (uint16_t)api->key);
            buf_put_be16(&out, (uint16_t)entry->version);
            buf_put_be32(&out, 7);
            buf_put_be16(&out, 4);
            buf_put_text(&out, "seed");
            if (wire_request_header_version(api, entry->version) >= 2)
                buf_put_i8(&out, 0);
        } else if (api != NULL) {
            buf_put_be16(&out, (uint16_t)api->key);
            buf_put_be16(&out, (uint16_t)entry->version);
        } else {
            size_t count, i = 0;
            const struct wire_schema *const *schemas = wire_schema_all(&count);
            while (schemas[i] != entry->schema)
                i++;
            buf_put_be16(&out, (uint16_t)i);
            buf_put_i8(&out, (int8_t)entry->version);
        }
        buf_put(&out, entry->bytes.data, entry->bytes.size);
        const char *kind = api == NULL  ? "wire_record"
                           : is_request ? "wire_request"
                                        : "wire_response";
        write_seed(folder, kind, entry, &out);
    }
    buf_deinit(&out);
}

int main(int argc, char **argv)
{
    struct file file;
    if (argc == 4 && strcmp(argv[1], "--seeds") == 0) {
        load(&file, argv[3]);
        struct entry entry = {0};
        prove_apis(&file);
        while (next_entry(&file, &entry)) {
            if (entry.schema != NULL)
                seed(argv[2], &entry);
        }
        free(file.data);
        return 0;
    }
    if (argc != 2) {
        fprintf(stderr, "usage: wire_proof [--seeds DIR] FILE\n");
        return 2;
    }
    load(&file, argv[1]);
    int code = prove_all(&file);
    free(file.data);
    return code;
}
