/*
 * Reading: one interpreter for all messages, driven by their plans (schema.h).
 *
 * Invariants, whatever the bytes are:
 *  1. Nothing is read past reader.end, which never grows.
 *  2. A length or a count is checked against the bytes that are left before anything is done with
 *     it; a count by the smallest size that its elements can have. So what is allocated is bounded
 *     by the input's size times a constant, and by the arena's limit.
 *  3. Recursion follows the schema, which is finite, never the input.
 */
#include "base/bytes.h"
#include "base/varint.h"
#include "wire/schema.h"

#include <string.h>

struct reader {
    const uint8_t *next;
    const uint8_t *end;
    struct arena *arena;
    int16_t version;
};

static enum err read_struct(struct reader *reader, const struct wire_schema *schema, void *out);

static inline size_t left(const struct reader *reader)
{
    return (size_t)(reader->end - reader->next);
}

static inline enum err read_uvarint(struct reader *reader, uint32_t *value)
{
    if (reader->next < reader->end && *reader->next < 0x80) {
        *value = *reader->next++;
        return ERR_OK;
    }
    size_t consumed = 0;
    enum err err = uvarint32_read(reader->next, left(reader), value, &consumed);
    reader->next += consumed;
    return err;
}

/* The length of a string, bytes or records, or the count of an array; -1 for null. */
static inline enum err read_length(struct reader *reader, uint8_t flags, bool is_short,
                                   int32_t *length)
{
    if (flags & WIRE_FIELD_COMPACT) {
        uint32_t plus_one;
        enum err err = read_uvarint(reader, &plus_one);
        if (err != ERR_OK)
            return err;
        *length = (int32_t)(plus_one - 1);
    } else if (is_short) {
        if (left(reader) < 2)
            return ERR_TRUNCATED;
        *length = (int16_t)load_be16(reader->next);
        reader->next += 2;
    } else {
        if (left(reader) < 4)
            return ERR_TRUNCATED;
        *length = (int32_t)load_be32(reader->next);
        reader->next += 4;
    }
    if (*length >= 0)
        return ERR_OK;
    /* Any negative length is null, as Apache Kafka reads it. */
    *length = -1;
    return flags & WIRE_FIELD_NULLABLE ? ERR_OK : ERR_CORRUPT;
}

static inline enum err read_string(struct reader *reader, uint8_t flags, struct wire_string *out)
{
    int32_t length;
    enum err err = read_length(reader, flags, true, &length);
    if (err != ERR_OK)
        return err;
    if (length < 0) {
        *out = WIRE_NULL_STRING;
        return ERR_OK;
    }
    if (length > INT16_MAX)
        return ERR_CORRUPT;
    if ((size_t)length > left(reader))
        return ERR_TRUNCATED;
    out->data = (const char *)reader->next;
    out->size = (uint32_t)length;
    reader->next += length;
    return ERR_OK;
}

static inline enum err read_bytes(struct reader *reader, uint8_t flags, struct wire_bytes *out)
{
    int32_t length;
    enum err err = read_length(reader, flags, false, &length);
    if (err != ERR_OK)
        return err;
    if (length < 0) {
        *out = (struct wire_bytes){NULL, 0};
        return ERR_OK;
    }
    if ((size_t)length > left(reader))
        return ERR_TRUNCATED;
    out->data = reader->next;
    out->size = (uint32_t)length;
    reader->next += length;
    return ERR_OK;
}

/* A struct that may be null: before it a byte, negative for null; or, where it is a tagged field,
 * an uvarint, 0 for null. */
static enum err read_pointer(struct reader *reader, const struct wire_schema *schema, uint8_t flags,
                             const void **out)
{
    if (flags & WIRE_FIELD_NULLABLE) {
        bool is_null;
        if (flags & WIRE_FIELD_COMPACT) {
            uint32_t marker;
            enum err err = read_uvarint(reader, &marker);
            if (err != ERR_OK)
                return err;
            is_null = (int32_t)marker <= 0;
        } else {
            if (left(reader) < 1)
                return ERR_TRUNCATED;
            is_null = (int8_t)*reader->next++ < 0;
        }
        if (is_null) {
            *out = NULL;
            return ERR_OK;
        }
    }
    void *inner = arena_alloc(reader->arena, schema->size);
    if (inner == NULL)
        return ERR_LIMIT;
    *out = inner;
    return read_struct(reader, schema, inner);
}

static enum err read_array_of_structs(struct reader *reader, const struct wire_schema *schema,
                                      int32_t count, void **items)
{
    if ((size_t)count > left(reader) / wire_plan_of(schema, reader->version)->size_min)
        return ERR_TRUNCATED;
    uint8_t *item = arena_alloc_array(reader->arena, (size_t)count, schema->size);
    if (item == NULL)
        return ERR_LIMIT;
    *items = item;
    for (int32_t i = 0; i < count; i++, item += schema->size) {
        enum err err = read_struct(reader, schema, item);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

static enum err read_array_of_strings(struct reader *reader, uint8_t flags, int32_t count,
                                      void **items)
{
    if ((size_t)count > left(reader) / (flags & WIRE_FIELD_COMPACT ? 1 : 2))
        return ERR_TRUNCATED;
    struct wire_string *item = arena_alloc_array(reader->arena, (size_t)count, sizeof *item);
    if (item == NULL)
        return ERR_LIMIT;
    *items = item;
    for (int32_t i = 0; i < count; i++) {
        enum err err = read_string(reader, flags & WIRE_FIELD_COMPACT, &item[i]);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

static enum err read_array_of_numbers(struct reader *reader, unsigned kind, int32_t count,
                                      void **items)
{
    size_t size = kind == WIRE_KIND_INT8    ? 1
                  : kind == WIRE_KIND_INT16 ? 2
                  : kind == WIRE_KIND_INT32 ? 4
                  : kind == WIRE_KIND_INT64 ? 8
                                            : sizeof(struct uuid);
    if ((size_t)count > left(reader) / size)
        return ERR_TRUNCATED;
    void *out = arena_alloc_array(reader->arena, (size_t)count, size);
    if (out == NULL)
        return ERR_LIMIT;
    *items = out;
    const uint8_t *in = reader->next;
    switch (kind) {
    case WIRE_KIND_INT8:
    case WIRE_KIND_UUID:
        memcpy(out, in, (size_t)count * size);
        break;
    case WIRE_KIND_INT16:
        for (int32_t i = 0; i < count; i++)
            ((int16_t *)out)[i] = (int16_t)load_be16(in + (size_t)i * 2);
        break;
    case WIRE_KIND_INT32:
        for (int32_t i = 0; i < count; i++)
            ((int32_t *)out)[i] = (int32_t)load_be32(in + (size_t)i * 4);
        break;
    case WIRE_KIND_INT64:
        for (int32_t i = 0; i < count; i++)
            ((int64_t *)out)[i] = (int64_t)load_be64(in + (size_t)i * 8);
        break;
    default:
        UNREACHABLE();
    }
    reader->next += (size_t)count * size;
    return ERR_OK;
}

static enum err read_array(struct reader *reader, const struct wire_schema *schema,
                           const struct wire_field *field, struct wire_array *out)
{
    int32_t count;
    enum err err = read_length(reader, field->flags, false, &count);
    if (err != ERR_OK)
        return err;
    out->items = NULL;
    out->count = count;
    if (count <= 0)
        return ERR_OK;
    unsigned kind = field->kind & ~(unsigned)WIRE_KIND_ARRAY;
    if (kind == WIRE_KIND_STRUCT)
        return read_array_of_structs(reader, schema->nested[field->nested], count, &out->items);
    if (kind == WIRE_KIND_STRING)
        return read_array_of_strings(reader, field->flags, count, &out->items);
    return read_array_of_numbers(reader, kind, count, &out->items);
}

/* Kinds of one size: `out` is the member, `size` its bytes on the wire, which are there. */
static inline void read_number(const uint8_t *in, unsigned kind, void *out)
{
    switch (kind) {
    case WIRE_KIND_BOOL:
        *(bool *)out = *in != 0;
        break;
    case WIRE_KIND_INT8:
        *(int8_t *)out = (int8_t)*in;
        break;
    case WIRE_KIND_INT16:
    case WIRE_KIND_UINT16:
        *(uint16_t *)out = load_be16(in);
        break;
    case WIRE_KIND_INT32:
    case WIRE_KIND_UINT32:
        *(uint32_t *)out = load_be32(in);
        break;
    case WIRE_KIND_INT64:
    case WIRE_KIND_FLOAT64: {
        uint64_t value = load_be64(in);
        memcpy(out, &value, sizeof value);
        break;
    }
    case WIRE_KIND_UUID:
        memcpy(out, in, sizeof(struct uuid));
        break;
    default:
        UNREACHABLE();
    }
}

static const uint8_t number_sizes[WIRE_KIND_COUNT] = {
    [WIRE_KIND_BOOL] = 1,   [WIRE_KIND_INT8] = 1,  [WIRE_KIND_INT16] = 2,
    [WIRE_KIND_UINT16] = 2, [WIRE_KIND_INT32] = 4, [WIRE_KIND_UINT32] = 4,
    [WIRE_KIND_INT64] = 8,  [WIRE_KIND_UUID] = 16, [WIRE_KIND_FLOAT64] = 8,
};

static inline enum err read_field(struct reader *reader, const struct wire_schema *schema,
                                  const struct wire_field *field, uint8_t *message)
{
    void *out = message + field->offset;
    switch (field->kind) {
    case WIRE_KIND_STRING:
        return read_string(reader, field->flags, out);
    case WIRE_KIND_BYTES:
    case WIRE_KIND_RECORDS:
        return read_bytes(reader, field->flags, out);
    case WIRE_KIND_STRUCT:
        return read_struct(reader, schema->nested[field->nested], out);
    case WIRE_KIND_POINTER:
        return read_pointer(reader, schema->nested[field->nested], field->flags, out);
    default:
        if (field->kind & WIRE_KIND_ARRAY)
            return read_array(reader, schema, field, out);
        if (left(reader) < number_sizes[field->kind])
            return ERR_TRUNCATED;
        read_number(reader->next, field->kind, out);
        reader->next += number_sizes[field->kind];
        return ERR_OK;
    }
}

/* A tagged field that the schema knows has to be exactly as long as its size says. */
static enum err read_known_tag(struct reader *reader, const struct wire_schema *schema,
                               const struct wire_field *field, uint32_t size, uint8_t *message)
{
    const uint8_t *end = reader->end;
    reader->end = reader->next + size;
    enum err err = read_field(reader, schema, field, message);
    if (err == ERR_OK && reader->next != reader->end)
        err = ERR_CORRUPT;
    reader->end = end;
    return err;
}

/*
 * Tagged fields (KIP-482). Apache Kafka reads them in any order and refuses to write unknown ones
 * that are not in ascending order; so known ones may come in any order here, unknown ones may not.
 * No tag may come twice.
 */
static enum err read_tags(struct reader *reader, const struct wire_schema *schema,
                          const struct wire_plan *plan, uint8_t *message)
{
    uint32_t count;
    enum err err = read_uvarint(reader, &count);
    if (err != ERR_OK || count == 0)
        return err;
    const struct wire_field *known = schema->fields + plan->start + plan->plain;
    struct wire_tagged **unknown = (struct wire_tagged **)(void *)(message + schema->unknown_tags);
    int64_t unknown_last = -1;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t tag, size;
        if ((err = read_uvarint(reader, &tag)) != ERR_OK)
            return err;
        if ((err = read_uvarint(reader, &size)) != ERR_OK)
            return err;
        if (size > left(reader))
            return ERR_TRUNCATED;
        unsigned k = 0;
        while (k < plan->tagged && known[k].tag != tag)
            k++;
        if (k < plan->tagged) {
            if (seen & UINT64_C(1) << k)
                return ERR_CORRUPT;
            seen |= UINT64_C(1) << k;
            if ((err = read_known_tag(reader, schema, &known[k], size, message)) != ERR_OK)
                return err;
            continue;
        }
        if ((int64_t)tag <= unknown_last)
            return ERR_CORRUPT;
        unknown_last = tag;
        struct wire_tagged *tagged = arena_alloc(reader->arena, sizeof *tagged);
        if (tagged == NULL)
            return ERR_LIMIT;
        *tagged = (struct wire_tagged){NULL, reader->next, size, tag};
        *unknown = tagged;
        unknown = &tagged->next;
        reader->next += size;
    }
    return ERR_OK;
}

static enum err read_struct(struct reader *reader, const struct wire_schema *schema, void *out)
{
    const struct wire_plan *plan = wire_plan_of(schema, reader->version);
    const struct wire_field *field = schema->fields + plan->start;
    memcpy(out, schema->defaults, schema->size);
    for (unsigned i = 0; i < plan->plain; i++, field++) {
        enum err err = read_field(reader, schema, field, out);
        if (err != ERR_OK)
            return err;
    }
    return plan->flexible ? read_tags(reader, schema, plan, out) : ERR_OK;
}

enum err wire_decode(const struct wire_schema *schema, int16_t version, struct arena *arena,
                     const uint8_t *data, size_t size, void *message, size_t *consumed)
{
    if (version < schema->version_min || version > schema->version_max)
        return ERR_VERSION;
    /* An empty message still needs a pointer that is not null. */
    static const uint8_t nothing[1];
    if (data == NULL) {
        ASSERT(size == 0);
        data = nothing;
    }
    struct reader reader = {data, data + size, arena, version};
    enum err err = read_struct(&reader, schema, message);
    if (err == ERR_OK && consumed != NULL)
        *consumed = (size_t)(reader.next - data);
    return err;
}
