#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H
#include "base/arena.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reading and writing the messages of Kafka's protocol. The structs are generated
 * (wire/messages.h), one for each message: `struct wire_fetch_request` with its schema
 * `wire_fetch_request_schema`, fields under Kafka's names in snake_case.
 *
 * In a struct a null string, bytes or records has data == NULL, an empty one does not. An array is
 * { items, count }; null is count == -1. A struct that may be null is a pointer. A struct of zeros
 * is not a valid message: start from wire_default.
 */
struct wire_schema; /* wire/schema.h */

struct wire_string {
    const char *data; /* UTF-8 by convention, not checked; no 0 byte after it */
    uint32_t size;
};

struct wire_bytes {
    const uint8_t *data;
    uint32_t size;
};

/* Arrays of what is not a struct. */
struct wire_int8s {
    int8_t *items;
    int32_t count;
};
struct wire_int16s {
    int16_t *items;
    int32_t count;
};
struct wire_int32s {
    int32_t *items;
    int32_t count;
};
struct wire_int64s {
    int64_t *items;
    int32_t count;
};
struct wire_uuids {
    struct uuid *items;
    int32_t count;
};
struct wire_strings {
    struct wire_string *items;
    int32_t count;
};

/* A tagged field (KIP-482) that this schema does not know; kept, so that it survives decoding and
 * encoding. By ascending tag. */
struct wire_tagged {
    struct wire_tagged *next;
    const uint8_t *data;
    uint32_t size;
    uint32_t tag;
};

/* ---- Messages ---- */

/* Every field at its default. */
void wire_default(const struct wire_schema *schema, void *message);

/*
 * Read one message from data[0..size). Strings, bytes and records point into data; everything else
 * is allocated from the arena. Fields that the version does not have get their defaults. *consumed
 * (may be NULL) is the number of bytes read; what follows them is not looked at.
 *
 * ERR_VERSION: not a version of this message. ERR_TRUNCATED: the bytes end too early. ERR_CORRUPT:
 * they break the format. ERR_LIMIT: the arena is full.
 */
enum err wire_decode(const struct wire_schema *schema, int16_t version, struct arena *arena,
                     const uint8_t *data, size_t size, void *message, size_t *consumed) MUST_USE;

/*
 * Large fields that an encoding leaves out so that nobody copies them: `data` belongs at `position`
 * of the buffer, before the byte that is there. Lengths in the encoding count them. Items are in
 * the order of their positions.
 */
struct wire_gather_item {
    size_t position;
    const uint8_t *data;
    size_t size;
};

struct wire_gather {
    struct wire_gather_item *items;
    size_t count;
    size_t capacity;
    size_t bytes;    /* of all items */
    size_t size_min; /* smaller ones are copied */
};

#define WIRE_GATHER_SIZE_MIN 1024

void wire_gather_init(struct wire_gather *gather, size_t size_min);
void wire_gather_deinit(struct wire_gather *gather);
/* Forget the items, keep the memory. */
void wire_gather_clear(struct wire_gather *gather);

/*
 * Append the message to `out`. With a gather, fields of type records and bytes of at least size_min
 * bytes go there instead and must outlive it.
 *
 * ERR_VERSION: not a version of this message, or a field that this version cannot carry is set
 * and is not ignorable. ERR_INVALID: null where this version has no null. ERR_LIMIT: a string
 * of more than 32767 bytes. After an error `out` and `gather` are as before.
 */
enum err wire_encode(const struct wire_schema *schema, int16_t version, const void *message,
                     struct buf *out, struct wire_gather *gather) MUST_USE;

/* The bytes that wire_encode would write (gathered ones included) where it succeeds. */
size_t wire_encoded_size(const struct wire_schema *schema, int16_t version, const void *message);

/* The same in everything that this version carries, unknown tags included. */
bool wire_equal(const struct wire_schema *schema, int16_t version, const void *a, const void *b);

/* A copy that shares nothing with the original, all fields of all versions. NULL: the arena is
 * full. */
void *wire_copy(const struct wire_schema *schema, const void *message,
                struct arena *arena) MUST_USE;

/* As wire_copy, into a struct of the caller's. ERR_LIMIT: the arena is full. */
enum err wire_copy_into(const struct wire_schema *schema, const void *message, struct arena *arena,
                        void *out) MUST_USE;

enum {
    WIRE_PRINT_JSON = 1, /* real JSON, bytes in base64, as Apache Kafka's JsonConverters have it */
    WIRE_PRINT_RECORDS = 2, /* JSON: records in base64 as well, not just their size */
};

/*
 * One line of text. Without flags for logs: {name: "x", partitions: [0, 1]}, with bytes as <n
 * bytes>, long strings cut, fields at their default left out. Nothing secret is left out: that is
 * the caller's to know.
 */
void wire_print(const struct wire_schema *schema, int16_t version, const void *message,
                struct buf *out, unsigned flags);

/* ---- Strings ---- */

#define WIRE_NULL_STRING ((struct wire_string){NULL, 0})
#define WIRE_EMPTY_STRING ((struct wire_string){"", 0})
/* Of a string literal. */
#define WIRE_STRING(literal) ((struct wire_string){literal, sizeof(literal) - 1})
/* For printf's "%.*s". */
#define WIRE_STRING_ARGS(string) (int)(string).size, (string).data != NULL ? (string).data : ""

/* Borrows the text; NULL gives null. */
struct wire_string wire_string_from(const char *text);
struct wire_string wire_string_of(const char *data, size_t size);
/* Null is equal to null alone. */
bool wire_string_equal(struct wire_string a, struct wire_string b);
bool wire_string_is(struct wire_string string, const char *text);
/* By bytes, as memcmp; null before empty. */
int wire_string_compare(struct wire_string a, struct wire_string b);
/* A whole decimal number, with a sign or without, as Java's Integer.parseInt takes it. False: it is
 * none, or too large. */
bool wire_string_int32(struct wire_string string, int32_t *out);
/* A copy with a 0 byte after it. NULL: the arena is full, or the string is null. */
char *wire_string_to_arena(struct wire_string string, struct arena *arena) MUST_USE;
/* A copy in the arena, which stops the process when it is full. Null stays null. */
struct wire_string wire_string_copy(struct wire_string string, struct arena *arena);

struct wire_bytes wire_bytes_of(const void *data, size_t size);
bool wire_bytes_equal(struct wire_bytes a, struct wire_bytes b);

#endif
