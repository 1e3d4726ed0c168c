/*
 * Writing and sizing: the mirror of wire_decode.c. The writer keeps `next` and `end` of the
 * buffer's room at hand and an error that sticks, so that most fields cost one comparison.
 */
#include "wire/wire_int.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/varint.h"
#include "wire/schema.h"

#include <string.h>

struct writer {
    uint8_t *next;
    uint8_t *end;
    struct buf *out;
    struct wire_gather *gather;
    enum err err; /* the first one */
    int16_t version;
};

#define WRITER_ROOM_BYTES 512

static void write_struct(struct writer *writer, const struct wire_schema *schema,
                         const uint8_t *message);

static void fail(struct writer *writer, enum err err)
{
    if (writer->err == ERR_OK)
        writer->err = err;
}

/* Tell the buffer what has been written. */
static void writer_flush(struct writer *writer)
{
    writer->out->size = (size_t)(writer->next - writer->out->data);
}

static void writer_grow(struct writer *writer, size_t size)
{
    writer_flush(writer);
    writer->next = buf_reserve(writer->out, size > WRITER_ROOM_BYTES ? size : WRITER_ROOM_BYTES);
    writer->end = writer->out->data + writer->out->capacity;
}

static inline uint8_t *take(struct writer *writer, size_t size)
{
    if ((size_t)(writer->end - writer->next) < size)
        writer_grow(writer, size);
    uint8_t *at = writer->next;
    writer->next += size;
    return at;
}

static inline void write_uvarint(struct writer *writer, uint32_t value)
{
    if (value < 0x80) {
        *take(writer, 1) = (uint8_t)value;
        return;
    }
    if (writer->end - writer->next < VARINT32_BYTES_MAX)
        writer_grow(writer, VARINT32_BYTES_MAX);
    writer->next += uvarint32_write(writer->next, value);
}

/* length -1 is null. */
static inline void write_length(struct writer *writer, uint8_t flags, bool is_short, int64_t length)
{
    if (length < 0 && !(flags & WIRE_FIELD_NULLABLE))
        fail(writer, ERR_INVALID);
    if (flags & WIRE_FIELD_COMPACT)
        write_uvarint(writer, (uint32_t)(length + 1));
    else if (is_short)
        store_be16(take(writer, 2), (uint16_t)length);
    else
        store_be32(take(writer, 4), (uint32_t)length);
}

static inline void write_string(struct writer *writer, uint8_t flags,
                                const struct wire_string *string)
{
    if (string->data == NULL) {
        write_length(writer, flags, true, -1);
        return;
    }
    if (string->size > INT16_MAX) {
        fail(writer, ERR_LIMIT);
        return;
    }
    write_length(writer, flags, true, string->size);
    memcpy(take(writer, string->size), string->data, string->size);
}

static void gather_add(struct writer *writer, const struct wire_bytes *bytes)
{
    struct wire_gather *gather = writer->gather;
    if (gather->count == gather->capacity) {
        gather->capacity = gather->capacity == 0 ? 8 : gather->capacity * 2;
        gather->items = mem_realloc(gather->items, gather->capacity * sizeof *gather->items);
    }
    size_t position = (size_t)(writer->next - writer->out->data);
    gather->items[gather->count++] = (struct wire_gather_item){position, bytes->data, bytes->size};
    gather->bytes += bytes->size;
}

static void write_bytes(struct writer *writer, uint8_t flags, const struct wire_bytes *bytes)
{
    if (bytes->data == NULL) {
        write_length(writer, flags, false, -1);
        return;
    }
    if (bytes->size > INT32_MAX) {
        fail(writer, ERR_LIMIT);
        return;
    }
    write_length(writer, flags, false, bytes->size);
    if (writer->gather != NULL && bytes->size >= writer->gather->size_min && bytes->size > 0)
        gather_add(writer, bytes);
    else
        memcpy(take(writer, bytes->size), bytes->data, bytes->size);
}

static void write_pointer(struct writer *writer, const struct wire_schema *schema, uint8_t flags,
                          const uint8_t *message)
{
    if (flags & WIRE_FIELD_NULLABLE) {
        uint8_t null = flags & WIRE_FIELD_COMPACT ? 0 : 0xff;
        *take(writer, 1) = message == NULL ? null : 1;
    }
    if (message != NULL)
        write_struct(writer, schema, message);
    else if (!(flags & WIRE_FIELD_NULLABLE))
        fail(writer, ERR_INVALID);
}

static void write_array(struct writer *writer, const struct wire_schema *schema,
                        const struct wire_field *field, const struct wire_array *array)
{
    int32_t count = array->count < 0 ? -1 : array->count;
    write_length(writer, field->flags, false, count);
    if (count <= 0)
        return;
    const void *items = array->items;
    switch (field->kind & ~(unsigned)WIRE_KIND_ARRAY) {
    case WIRE_KIND_STRUCT: {
        const struct wire_schema *inner = schema->nested[field->nested];
        for (int32_t i = 0; i < count && writer->err == ERR_OK; i++)
            write_struct(writer, inner, (const uint8_t *)items + (size_t)i * inner->size);
        break;
    }
    case WIRE_KIND_STRING:
        for (int32_t i = 0; i < count; i++)
            write_string(writer, field->flags & WIRE_FIELD_COMPACT,
                         (const struct wire_string *)items + i);
        break;
    case WIRE_KIND_INT8:
        memcpy(take(writer, (size_t)count), items, (size_t)count);
        break;
    case WIRE_KIND_INT16: {
        uint8_t *at = take(writer, (size_t)count * 2);
        for (int32_t i = 0; i < count; i++)
            store_be16(at + (size_t)i * 2, (uint16_t)((const int16_t *)items)[i]);
        break;
    }
    case WIRE_KIND_INT32: {
        uint8_t *at = take(writer, (size_t)count * 4);
        for (int32_t i = 0; i < count; i++)
            store_be32(at + (size_t)i * 4, (uint32_t)((const int32_t *)items)[i]);
        break;
    }
    case WIRE_KIND_INT64: {
        uint8_t *at = take(writer, (size_t)count * 8);
        for (int32_t i = 0; i < count; i++)
            store_be64(at + (size_t)i * 8, (uint64_t)((const int64_t *)items)[i]);
        break;
    }
    case WIRE_KIND_UUID:
        memcpy(take(writer, (size_t)count * sizeof(struct uuid)), items,
               (size_t)count * sizeof(struct uuid));
        break;
    default:
        UNREACHABLE();
    }
}

static void write_field(struct writer *writer, const struct wire_schema *schema,
                        const struct wire_field *field, const uint8_t *message)
{
    const void *in = message + field->offset;
    switch (field->kind) {
    case WIRE_KIND_BOOL:
        *take(writer, 1) = *(const bool *)in ? 1 : 0;
        break;
    case WIRE_KIND_INT8:
        *take(writer, 1) = *(const uint8_t *)in;
        break;
    case WIRE_KIND_INT16:
    case WIRE_KIND_UINT16:
        store_be16(take(writer, 2), *(const uint16_t *)in);
        break;
    case WIRE_KIND_INT32:
    case WIRE_KIND_UINT32:
        store_be32(take(writer, 4), *(const uint32_t *)in);
        break;
    case WIRE_KIND_INT64:
    case WIRE_KIND_FLOAT64: {
        uint64_t value;
        memcpy(&value, in, sizeof value);
        store_be64(take(writer, 8), value);
        break;
    }
    case WIRE_KIND_UUID:
        memcpy(take(writer, sizeof(struct uuid)), in, sizeof(struct uuid));
        break;
    case WIRE_KIND_STRING:
        write_string(writer, field->flags, in);
        break;
    case WIRE_KIND_BYTES:
    case WIRE_KIND_RECORDS:
        write_bytes(writer, field->flags, in);
        break;
    case WIRE_KIND_STRUCT:
        write_struct(writer, schema->nested[field->nested], in);
        break;
    case WIRE_KIND_POINTER:
        write_pointer(writer, schema->nested[field->nested], field->flags,
                      *(const void *const *)in);
        break;
    default:
        write_array(writer, schema, field, in);
        break;
    }
}

static const struct wire_tagged *unknown_tags_of(const struct wire_schema *schema,
                                                 const uint8_t *message)
{
    if (schema->unknown_tags == WIRE_NO_TAGS)
        return NULL;
    return *(struct wire_tagged *const *)(const void *)(message + schema->unknown_tags);
}

/* Which of the plan's tagged fields are written: those not at their default. */
static uint64_t tags_set(const struct wire_schema *schema, const struct wire_plan *plan,
                         const uint8_t *message, uint32_t *count)
{
    const struct wire_field *tagged = schema->fields + plan->start + plan->plain;
    uint64_t set = 0;
    for (unsigned i = 0; i < plan->tagged; i++) {
        if (!wire_field_is_default(schema, &tagged[i], message)) {
            set |= UINT64_C(1) << i;
            ++*count;
        }
    }
    return set;
}

static void write_tags(struct writer *writer, const struct wire_schema *schema,
                       const struct wire_plan *plan, const uint8_t *message)
{
    const struct wire_tagged *unknown = unknown_tags_of(schema, message);
    uint32_t count = 0;
    uint64_t set = tags_set(schema, plan, message, &count);
    for (const struct wire_tagged *tag = unknown; tag != NULL; tag = tag->next)
        count++;
    write_uvarint(writer, count);
    const struct wire_field *field = schema->fields + plan->start + plan->plain;
    for (unsigned i = 0; count > 0 && i <= plan->tagged; i++, field++) {
        /* Unknown tags go between the known ones, by number. */
        for (; unknown != NULL && (i == plan->tagged || unknown->tag < field->tag);
             unknown = unknown->next) {
            write_uvarint(writer, unknown->tag);
            write_uvarint(writer, unknown->size);
            memcpy(take(writer, unknown->size), unknown->data, unknown->size);
        }
        if (i < plan->tagged && (set & UINT64_C(1) << i)) {
            write_uvarint(writer, field->tag);
            write_uvarint(writer,
                          (uint32_t)wire_field_size(schema, field, writer->version, message));
            write_field(writer, schema, field, message);
        }
    }
}

static void write_struct(struct writer *writer, const struct wire_schema *schema,
                         const uint8_t *message)
{
    const struct wire_plan *plan = wire_plan_of(schema, writer->version);
    const struct wire_field *field = schema->fields + plan->start;
    for (unsigned i = 0; i < plan->plain; i++, field++)
        write_field(writer, schema, field, message);
    field += plan->tagged;
    for (unsigned i = 0; i < plan->absent; i++, field++) {
        if (!(field->flags & WIRE_FIELD_IGNORABLE) &&
            !wire_field_is_default(schema, field, message))
            fail(writer, ERR_VERSION);
    }
    if (plan->flexible)
        write_tags(writer, schema, plan, message);
    else if (unknown_tags_of(schema, message) != NULL)
        fail(writer, ERR_VERSION);
}

enum err wire_encode(const struct wire_schema *schema, int16_t version, const void *message,
                     struct buf *out, struct wire_gather *gather)
{
    if (version < schema->version_min || version > schema->version_max)
        return ERR_VERSION;
    size_t size_before = out->size;
    size_t items_before = gather != NULL ? gather->count : 0;
    size_t bytes_before = gather != NULL ? gather->bytes : 0;
    struct writer writer = {.out = out, .gather = gather, .version = version, .err = ERR_OK};
    writer.next = buf_reserve(out, WRITER_ROOM_BYTES);
    writer.end = out->data + out->capacity;
    write_struct(&writer, schema, message);
    writer_flush(&writer);
    if (writer.err != ERR_OK) {
        out->size = size_before;
        if (gather != NULL) {
            gather->count = items_before;
            gather->bytes = bytes_before;
        }
    }
    return writer.err;
}

void wire_gather_init(struct wire_gather *gather, size_t size_min)
{
    *gather = (struct wire_gather){.size_min = size_min};
}

void wire_gather_deinit(struct wire_gather *gather)
{
    mem_free(gather->items);
    *gather = (struct wire_gather){0};
}

void wire_gather_clear(struct wire_gather *gather)
{
    gather->count = 0;
    gather->bytes = 0;
}

/* ---- Sizes ---- */

static size_t struct_size(const struct wire_schema *schema, int16_t version,
                          const uint8_t *message);

static size_t length_size(uint8_t flags, bool is_short, int64_t length)
{
    if (flags & WIRE_FIELD_COMPACT)
        return uvarint32_size((uint32_t)(length + 1));
    return is_short ? 2 : 4;
}

static size_t string_size(uint8_t flags, const struct wire_string *string)
{
    if (string->data == NULL)
        return length_size(flags, true, -1);
    return length_size(flags, true, string->size) + string->size;
}

static size_t array_size(const struct wire_schema *schema, const struct wire_field *field,
                         int16_t version, const struct wire_array *array)
{
    int32_t count = array->count < 0 ? -1 : array->count;
    size_t size = length_size(field->flags, false, count);
    if (count <= 0)
        return size;
    switch (field->kind & ~(unsigned)WIRE_KIND_ARRAY) {
    case WIRE_KIND_STRUCT: {
        const struct wire_schema *inner = schema->nested[field->nested];
        for (int32_t i = 0; i < count; i++)
            size += struct_size(inner, version,
                                (const uint8_t *)array->items + (size_t)i * inner->size);
        return size;
    }
    case WIRE_KIND_STRING:
        for (int32_t i = 0; i < count; i++)
            size += string_size(field->flags, (const struct wire_string *)array->items + i);
        return size;
    case WIRE_KIND_INT8:
        return size + (size_t)count;
    case WIRE_KIND_INT16:
        return size + (size_t)count * 2;
    case WIRE_KIND_INT32:
        return size + (size_t)count * 4;
    case WIRE_KIND_INT64:
        return size + (size_t)count * 8;
    case WIRE_KIND_UUID:
        return size + (size_t)count * sizeof(struct uuid);
    default:
        UNREACHABLE();
    }
}

size_t wire_field_size(const struct wire_schema *schema, const struct wire_field *field,
                       int16_t version, const void *message)
{
    const uint8_t *in = (const uint8_t *)message + field->offset;
    switch (field->kind) {
    case WIRE_KIND_BOOL:
    case WIRE_KIND_INT8:
        return 1;
    case WIRE_KIND_INT16:
    case WIRE_KIND_UINT16:
        return 2;
    case WIRE_KIND_INT32:
    case WIRE_KIND_UINT32:
        return 4;
    case WIRE_KIND_INT64:
    case WIRE_KIND_FLOAT64:
        return 8;
    case WIRE_KIND_UUID:
        return sizeof(struct uuid);
    case WIRE_KIND_STRING:
        return string_size(field->flags, (const struct wire_string *)(const void *)in);
    case WIRE_KIND_BYTES:
    case WIRE_KIND_RECORDS: {
        const struct wire_bytes *bytes = (const void *)in;
        if (bytes->data == NULL)
            return length_size(field->flags, false, -1);
        return length_size(field->flags, false, bytes->size) + bytes->size;
    }
    case WIRE_KIND_STRUCT:
        return struct_size(schema->nested[field->nested], version, in);
    case WIRE_KIND_POINTER: {
        const uint8_t *inner = *(const uint8_t *const *)(const void *)in;
        size_t marker = field->flags & WIRE_FIELD_NULLABLE ? 1 : 0;
        return inner == NULL ? marker
                             : marker + struct_size(schema->nested[field->nested], version, inner);
    }
    default:
        return array_size(schema, field, version, (const struct wire_array *)(const void *)in);
    }
}

static size_t struct_size(const struct wire_schema *schema, int16_t version, const uint8_t *message)
{
    const struct wire_plan *plan = wire_plan_of(schema, version);
    const struct wire_field *field = schema->fields + plan->start;
    size_t size = 0;
    for (unsigned i = 0; i < plan->plain; i++, field++)
        size += wire_field_size(schema, field, version, message);
    if (!plan->flexible)
        return size;
    uint32_t count = 0;
    uint64_t set = tags_set(schema, plan, message, &count);
    for (unsigned i = 0; i < plan->tagged; i++, field++) {
        if (set & UINT64_C(1) << i) {
            size_t inner = wire_field_size(schema, field, version, message);
            size += uvarint32_size(field->tag) + uvarint32_size((uint32_t)inner) + inner;
        }
    }
    for (const struct wire_tagged *tag = unknown_tags_of(schema, message); tag != NULL;
         tag = tag->next) {
        size += uvarint32_size(tag->tag) + uvarint32_size(tag->size) + tag->size;
        count++;
    }
    return size + uvarint32_size(count);
}

size_t wire_encoded_size(const struct wire_schema *schema, int16_t version, const void *message)
{
    ASSERT(version >= schema->version_min && version <= schema->version_max);
    return struct_size(schema, version, message);
}
