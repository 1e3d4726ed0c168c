/* What has no bytes in it: defaults, comparing, copying, strings, and the lists. */
#include "wire/wire.h"

#include "wire/lists_int.h"
#include "wire/wire_int.h"

#include "wire/api.h"
#include "wire/records.h"
#include "wire/schema.h"

#include <string.h>

/* All fields, whatever version has them. */
#define ALL_VERSIONS (-1)

void wire_default(const struct wire_schema *schema, void *message)
{
    memcpy(message, schema->defaults, schema->size);
}

/* ---- Comparing ---- */

static bool struct_equal(const struct wire_schema *schema, int version, const uint8_t *a,
                         const uint8_t *b);

static size_t element_size(const struct wire_schema *schema, const struct wire_field *field)
{
    switch (field->kind & ~(unsigned)WIRE_KIND_ARRAY) {
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
        return sizeof(struct wire_string);
    case WIRE_KIND_STRUCT:
        return schema->nested[field->nested]->size;
    default:
        UNREACHABLE();
    }
}

static bool array_equal(const struct wire_schema *schema, const struct wire_field *field,
                        int version, const struct wire_array *a, const struct wire_array *b)
{
    int32_t count = a->count < 0 ? -1 : a->count;
    if (count != (b->count < 0 ? -1 : b->count))
        return false;
    if (count <= 0)
        return true;
    const uint8_t *a_items = a->items, *b_items = b->items;
    size_t size = element_size(schema, field);
    unsigned kind = field->kind & ~(unsigned)WIRE_KIND_ARRAY;
    if (kind != WIRE_KIND_STRUCT && kind != WIRE_KIND_STRING)
        return memcmp(a_items, b_items, (size_t)count * size) == 0;
    for (int32_t i = 0; i < count; i++, a_items += size, b_items += size) {
        bool equal = kind == WIRE_KIND_STRUCT
                         ? struct_equal(schema->nested[field->nested], version, a_items, b_items)
                         : wire_string_equal(*(const struct wire_string *)(const void *)a_items,
                                             *(const struct wire_string *)(const void *)b_items);
        if (!equal)
            return false;
    }
    return true;
}

static bool field_equal(const struct wire_schema *schema, const struct wire_field *field,
                        int version, const uint8_t *a, const uint8_t *b)
{
    const void *in_a = a + field->offset, *in_b = b + field->offset;
    switch (field->kind) {
    case WIRE_KIND_STRING:
        return wire_string_equal(*(const struct wire_string *)in_a,
                                 *(const struct wire_string *)in_b);
    case WIRE_KIND_BYTES:
    case WIRE_KIND_RECORDS:
        return wire_bytes_equal(*(const struct wire_bytes *)in_a, *(const struct wire_bytes *)in_b);
    case WIRE_KIND_STRUCT: {
        const struct wire_schema *inner = schema->nested[field->nested];
        /* Padding included, so this can only say yes; mostly it does. */
        return memcmp(in_a, in_b, inner->size) == 0 || struct_equal(inner, version, in_a, in_b);
    }
    case WIRE_KIND_POINTER: {
        const uint8_t *inner_a = *(const uint8_t *const *)in_a;
        const uint8_t *inner_b = *(const uint8_t *const *)in_b;
        if (inner_a == NULL || inner_b == NULL || inner_a == inner_b)
            return inner_a == inner_b;
        return struct_equal(schema->nested[field->nested], version, inner_a, inner_b);
    }
    default:
        if (field->kind & WIRE_KIND_ARRAY)
            return array_equal(schema, field, version, in_a, in_b);
        return memcmp(in_a, in_b, element_size(schema, field)) == 0;
    }
}

static bool unknown_tags_equal(const struct wire_schema *schema, const uint8_t *a, const uint8_t *b)
{
    if (schema->unknown_tags == WIRE_NO_TAGS)
        return true;
    const struct wire_tagged *tag_a =
        *(struct wire_tagged *const *)(const void *)(a + schema->unknown_tags);
    const struct wire_tagged *tag_b =
        *(struct wire_tagged *const *)(const void *)(b + schema->unknown_tags);
    for (; tag_a != NULL && tag_b != NULL; tag_a = tag_a->next, tag_b = tag_b->next) {
        if (tag_a->tag != tag_b->tag || tag_a->size != tag_b->size ||
            memcmp(tag_a->data, tag_b->data, tag_a->size) != 0)
            return false;
    }
    return tag_a == tag_b;
}

static bool struct_equal(const struct wire_schema *schema, int version, const uint8_t *a,
                         const uint8_t *b)
{
    const struct wire_field *field = schema->fields;
    unsigned count = schema->field_count;
    if (version != ALL_VERSIONS) {
        const struct wire_plan *plan = wire_plan_of(schema, (int16_t)version);
        field += plan->start;
        count = (unsigned)plan->plain + plan->tagged;
    }
    for (unsigned i = 0; i < count; i++, field++) {
        if (!field_equal(schema, field, version, a, b))
            return false;
    }
    return unknown_tags_equal(schema, a, b);
}

bool wire_equal(const struct wire_schema *schema, int16_t version, const void *a, const void *b)
{
    ASSERT(version >= schema->version_min && version <= schema->version_max);
    return struct_equal(schema, version, a, b);
}

bool wire_field_is_default(const struct wire_schema *schema, const struct wire_field *field,
                           const void *message)
{
    return field_equal(schema, field, ALL_VERSIONS, message, schema->defaults);
}

/* ---- Copying ---- */

static bool copy_struct(const struct wire_schema *schema, struct arena *arena, const uint8_t *in,
                        uint8_t *out);

static bool copy_data(struct arena *arena, const void **data, uint32_t size)
{
    if (*data == NULL)
        return true;
    void *copy = arena_alloc(arena, size);
    if (copy == NULL)
        return false;
    memcpy(copy, *data, size);
    *data = copy;
    return true;
}

static bool copy_string(struct arena *arena, struct wire_string *string)
{
    const void *data = string->data;
    bool done = copy_data(arena, &data, string->size);
    string->data = data;
    return done;
}

static bool copy_array(const struct wire_schema *schema, const struct wire_field *field,
                       struct arena *arena, struct wire_array *array)
{
    if (array->count <= 0) {
        array->items = NULL;
        return true;
    }
    size_t size = element_size(schema, field), count = (size_t)array->count;
    const uint8_t *in = array->items;
    uint8_t *out = arena_alloc_array(arena, count, size);
    if (out == NULL)
        return false;
    memcpy(out, in, count * size);
    array->items = out;
    unsigned kind = field->kind & ~(unsigned)WIRE_KIND_ARRAY;
    for (size_t i = 0; i < count; i++, in += size, out += size) {
        if (kind == WIRE_KIND_STRUCT && !copy_struct(schema->nested[field->nested], arena, in, out))
            return false;
        if (kind == WIRE_KIND_STRING && !copy_string(arena, (struct wire_string *)(void *)out))
            return false;
    }
    return true;
}

static bool copy_unknown_tags(struct arena *arena, struct wire_tagged **at)
{
    for (const struct wire_tagged *tag = *at; tag != NULL; tag = tag->next) {
        struct wire_tagged *copy = arena_alloc(arena, sizeof *copy);
        if (copy == NULL)
            return false;
        *copy = *tag;
        const void *data = tag->data;
        if (!copy_data(arena, &data, tag->size))
            return false;
        copy->data = data;
        copy->next = NULL;
        *at = copy;
        at = &copy->next;
    }
    return true;
}

static bool copy_field(const struct wire_schema *schema, const struct wire_field *field,
                       struct arena *arena, const uint8_t *message, uint8_t *copy)
{
    void *out = copy + field->offset;
    switch (field->kind) {
    case WIRE_KIND_STRING:
        return copy_string(arena, out);
    case WIRE_KIND_BYTES:
    case WIRE_KIND_RECORDS: {
        struct wire_bytes *bytes = out;
        const void *data = bytes->data;
        bool done = copy_data(arena, &data, bytes->size);
        bytes->data = data;
        return done;
    }
    case WIRE_KIND_STRUCT:
        return copy_struct(schema->nested[field->nested], arena, message + field->offset, out);
    case WIRE_KIND_POINTER: {
        const struct wire_schema *inner = schema->nested[field->nested];
        const uint8_t **at = out;
        if (*at == NULL)
            return true;
        uint8_t *inner_copy = arena_alloc(arena, inner->size);
        if (inner_copy == NULL || !copy_struct(inner, arena, *at, inner_copy))
            return false;
        *at = inner_copy;
        return true;
    }
    default:
        return !(field->kind & WIRE_KIND_ARRAY) || copy_array(schema, field, arena, out);
    }
}

static bool copy_struct(const struct wire_schema *schema, struct arena *arena, const uint8_t *in,
                        uint8_t *out)
{
    memcpy(out, in, schema->size);
    for (unsigned i = 0; i < schema->field_count; i++) {
        if (!copy_field(schema, &schema->fields[i], arena, in, out))
            return false;
    }
    if (schema->unknown_tags == WIRE_NO_TAGS)
        return true;
    return copy_unknown_tags(arena, (struct wire_tagged **)(void *)(out + schema->unknown_tags));
}

enum err wire_copy_into(const struct wire_schema *schema, const void *message, struct arena *arena,
                        void *out)
{
    return copy_struct(schema, arena, message, out) ? ERR_OK : ERR_LIMIT;
}

void *wire_copy(const struct wire_schema *schema, const void *message, struct arena *arena)
{
    void *copy = arena_alloc(arena, schema->size);
    if (copy == NULL || !copy_struct(schema, arena, message, copy))
        return NULL;
    return copy;
}

/* ---- Strings ---- */

struct wire_string wire_string_from(const char *text)
{
    return text == NULL ? WIRE_NULL_STRING : wire_string_of(text, strlen(text));
}

struct wire_string wire_string_of(const char *data, size_t size)
{
    ASSERT(size <= UINT32_MAX);
    return (struct wire_string){size == 0 && data == NULL ? "" : data, (uint32_t)size};
}

bool wire_string_equal(struct wire_string a, struct wire_string b)
{
    if (a.data == NULL || b.data == NULL)
        return a.data == b.data;
    return a.size == b.size && (a.data == b.data || memcmp(a.data, b.data, a.size) == 0);
}

bool wire_string_is(struct wire_string string, const char *text)
{
    return wire_string_equal(string, wire_string_from(text));
}

int wire_string_compare(struct wire_string a, struct wire_string b)
{
    if (a.data == NULL || b.data == NULL)
        return (a.data != NULL) - (b.data != NULL);
    int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

bool wire_string_int32(struct wire_string string, int32_t *out)
{
    size_t at = string.size > 0 && (string.data[0] == '-' || string.data[0] == '+') ? 1 : 0;
    bool negative = at == 1 && string.data[0] == '-';
    if (string.data == NULL || at == string.size)
        return false;
    int64_t value = 0;
    for (; at < string.size; at++) {
        char c = string.data[at];
        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (c - '0');
        if (value > (int64_t)INT32_MAX + 1)
            return false;
    }
    value = negative ? -value : value;
    if (value > INT32_MAX)
        return false;
    *out = (int32_t)value;
    return true;
}

char *wire_string_to_arena(struct wire_string string, struct arena *arena)
{
    return string.data == NULL ? NULL : arena_strndup(arena, string.data, string.size);
}

struct wire_string wire_string_copy(struct wire_string string, struct arena *arena)
{
    if (string.data == NULL)
        return string;
    char *copy = arena_must_alloc(arena, (size_t)string.size + 1);
    memcpy(copy, string.data, string.size);
    return (struct wire_string){copy, string.size};
}

struct wire_bytes wire_bytes_of(const void *data, size_t size)
{
    ASSERT(size <= UINT32_MAX);
    return (struct wire_bytes){size == 0 && data == NULL ? "" : data, (uint32_t)size};
}

bool wire_bytes_equal(struct wire_bytes a, struct wire_bytes b)
{
    if (a.data == NULL || b.data == NULL)
        return a.data == b.data;
    return a.size == b.size && (a.data == b.data || memcmp(a.data, b.data, a.size) == 0);
}

/* ---- Schemas ---- */

const struct wire_schema *wire_schema_find(const char *name)
{
    for (size_t i = 0; i < wire_schema_count; i++) {
        if (strcmp(wire_schemas[i]->name, name) == 0)
            return wire_schemas[i];
    }
    return NULL;
}

const struct wire_schema *const *wire_schema_all(size_t *count)
{
    *count = wire_schema_count;
    return wire_schemas;
}

int16_t wire_schema_version_min(const struct wire_schema *schema)
{
    return schema->version_min;
}

int16_t wire_schema_version_max(const struct wire_schema *schema)
{
    return schema->version_max;
}

const char *wire_schema_name(const struct wire_schema *schema)
{
    return schema->name;
}

size_t wire_schema_struct_size(const struct wire_schema *schema)
{
    return schema->size;
}
