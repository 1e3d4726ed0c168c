/*
 * Messages as text. JSON is as Apache Kafka's JsonConverters have it, so that what tools print can
 * be compared: fields in camelCase, tagged fields only where they are set, the size of records in
 * place of the records. For logs it is shorter: see wire_print.
 */
#include "wire/wire_int.h"

#include "base/base64.h"
#include "wire/schema.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In a log line; a topic's name has at most 249. */
#define LOG_STRING_BYTES_MAX 256
#define LOG_ITEMS_MAX 32

struct printer {
    struct buf *out;
    unsigned flags;
    int16_t version;
};

static bool is_json(const struct printer *printer)
{
    return (printer->flags & WIRE_PRINT_JSON) != 0;
}

static void print_struct(struct printer *printer, const struct wire_schema *schema,
                         const uint8_t *message);

/* Bytes of the UTF-8 sequence at text, 0 if it is not one (RFC 3629). */
static unsigned utf8_size(const uint8_t *text, size_t left)
{
    unsigned size = text[0] < 0x80   ? 1
                    : text[0] < 0xc2 ? 0
                    : text[0] < 0xe0 ? 2
                    : text[0] < 0xf0 ? 3
                    : text[0] < 0xf5 ? 4
                                     : 0;
    if (size > left)
        return 0;
    for (unsigned i = 1; i < size; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    }
    /* Overlong ones, surrogates, above U+10FFFF. */
    if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
        (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f))
        return 0;
    return size;
}

/* The character after the backslash; 0 for those without a short form. */
static char escape_of(uint8_t character)
{
    switch (character) {
    case '"':
    case '\\':
        return (char)character;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

static void print_text(struct printer *printer, const char *data, size_t size)
{
    struct buf *out = printer->out;
    const uint8_t *text = (const uint8_t *)data;
    bool cut = !is_json(printer) && size > LOG_STRING_BYTES_MAX;
    size_t shown = cut ? LOG_STRING_BYTES_MAX : size;
    buf_put(out, "\"", 1);
    for (size_t i = 0; i < shown;) {
        unsigned length = utf8_size(text + i, size - i);
        if (length == 0) {
            buf_put_text(out, "\xef\xbf\xbd"); /* U+FFFD */
            i++;
            continue;
        }
        char escape = escape_of(text[i]);
        if (escape != 0)
            buf_printf(out, "\\%c", escape);
        else if (text[i] < 0x20)
            buf_printf(out, "\\u%04X", text[i]);
        else
            buf_put(out, text + i, length);
        i += length;
    }
    buf_put_text(out, cut ? "...\"" : "\"");
}

static void print_base64(struct buf *out, const uint8_t *data, size_t size)
{
    buf_put(out, "\"", 1);
    base64_put(out, data, size);
    buf_put(out, "\"", 1);
}

/* As Java's Double.toString: the fewest digits that give the value back, but two at least, and an
 * exponent outside 0.001 .. 10 000 000. */
static void print_double(struct buf *out, double value)
{
    if (!isfinite(value)) {
        buf_put_text(out, isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
        return;
    }
    char text[40];
    int places = 1; /* after the point of d.dd..e-NN */
    do
        snprintf(text, sizeof text, "%.*e", places, value);
    while (places++ < 16 && (strtod(text, NULL) < value || strtod(text, NULL) > value));
    places--;
    int exponent = atoi(strchr(text, 'e') + 1);
    double size = fabs(value);
    if (size > 0 && (size < 1e-3 || size >= 1e7)) {
        buf_printf(out, "%.*sE%d", (int)(strchr(text, 'e') - text), text, exponent);
        return;
    }
    if (strchr(text, 'e')[-1] == '0')
        places--; /* 1.0e-01 is 0.1 */
    places -= exponent;
    buf_printf(out, "%.*f", places > 1 ? places : 1, value);
}

static void print_bytes(struct printer *printer, const struct wire_bytes *bytes, bool in_full)
{
    if (bytes->data == NULL)
        buf_put_text(printer->out, "null");
    else if (in_full)
        print_base64(printer->out, bytes->data, bytes->size);
    else
        buf_printf(printer->out, "<%" PRIu32 " bytes>", bytes->size);
}

static void print_uuid(struct buf *out, const struct uuid *uuid)
{
    char text[UUID_TEXT_BYTES];
    buf_printf(out, "\"%s\"", uuid_to_text(uuid, text));
}

static void print_string(struct printer *printer, const struct wire_string *string)
{
    if (string->data == NULL)
        buf_put_text(printer->out, "null");
    else
        print_text(printer, string->data, string->size);
}

static void print_item(struct printer *printer, const struct wire_schema *schema,
                       const struct wire_field *field, const void *items, size_t i)
{
    struct buf *out = printer->out;
    switch (field->kind & ~(unsigned)WIRE_KIND_ARRAY) {
    case WIRE_KIND_INT8:
        buf_printf(out, "%d", ((const int8_t *)items)[i]);
        break;
    case WIRE_KIND_INT16:
        buf_printf(out, "%d", ((const int16_t *)items)[i]);
        break;
    case WIRE_KIND_INT32:
        buf_printf(out, "%" PRId32, ((const int32_t *)items)[i]);
        break;
    case WIRE_KIND_INT64:
        buf_printf(out, "%" PRId64, ((const int64_t *)items)[i]);
        break;
    case WIRE_KIND_UUID:
        print_uuid(out, (const struct uuid *)items + i);
        break;
    case WIRE_KIND_STRING:
        print_string(printer, (const struct wire_string *)items + i);
        break;
    case WIRE_KIND_STRUCT: {
        const struct wire_schema *inner = schema->nested[field->nested];
        print_struct(printer, inner, (const uint8_t *)items + i * inner->size);
        break;
    }
    default:
        UNREACHABLE();
    }
}

static void print_array(struct printer *printer, const struct wire_schema *schema,
                        const struct wire_field *field, const struct wire_array *array)
{
    struct buf *out = printer->out;
    if (array->count < 0) {
        buf_put_text(out, "null");
        return;
    }
    buf_put(out, "[", 1);
    for (int32_t i = 0; i < array->count; i++) {
        if (i > 0)
            buf_put_text(out, is_json(printer) ? "," : ", ");
        if (!is_json(printer) && i == LOG_ITEMS_MAX) {
            buf_printf(out, "... %" PRId32 " more", array->count - i);
            break;
        }
        print_item(printer, schema, field, array->items, (size_t)i);
    }
    buf_put(out, "]", 1);
}

static void print_value(struct printer *printer, const struct wire_schema *schema,
                        const struct wire_field *field, const uint8_t *message)
{
    struct buf *out = printer->out;
    const void *in = message + field->offset;
    switch (field->kind) {
    case WIRE_KIND_BOOL:
        buf_put_text(out, *(const bool *)in ? "true" : "false");
        break;
    case WIRE_KIND_INT8:
        buf_printf(out, "%d", *(const int8_t *)in);
        break;
    case WIRE_KIND_INT16:
        buf_printf(out, "%d", *(const int16_t *)in);
        break;
    case WIRE_KIND_UINT16:
        buf_printf(out, "%u", *(const uint16_t *)in);
        break;
    case WIRE_KIND_INT32:
        buf_printf(out, "%" PRId32, *(const int32_t *)in);
        break;
    case WIRE_KIND_UINT32:
        buf_printf(out, "%" PRIu32, *(const uint32_t *)in);
        break;
    case WIRE_KIND_INT64:
        buf_printf(out, "%" PRId64, *(const int64_t *)in);
        break;
    case WIRE_KIND_FLOAT64:
        print_double(out, *(const double *)in);
        break;
    case WIRE_KIND_UUID:
        print_uuid(out, in);
        break;
    case WIRE_KIND_STRING:
        print_string(printer, in);
        break;
    case WIRE_KIND_BYTES:
    case WIRE_KIND_RECORDS:
        print_bytes(printer, in, is_json(printer));
        break;
    case WIRE_KIND_STRUCT:
        print_struct(printer, schema->nested[field->nested], in);
        break;
    case WIRE_KIND_POINTER: {
        const uint8_t *inner = *(const uint8_t *const *)in;
        if (inner == NULL)
            buf_put_text(out, "null");
        else
            print_struct(printer, schema->nested[field->nested], inner);
        break;
    }
    default:
        print_array(printer, schema, field, in);
        break;
    }
}

static void print_field(struct printer *printer, const struct wire_schema *schema,
                        const struct wire_field *field, const uint8_t *message, bool *first)
{
    struct buf *out = printer->out;
    if (!*first)
        buf_put_text(out, is_json(printer) ? "," : ", ");
    *first = false;
    const char *name = wire_field_name(field);
    if (!is_json(printer)) {
        buf_printf(out, "%s: ", name);
        print_value(printer, schema, field, message);
        return;
    }
    const struct wire_bytes *bytes = (const void *)(message + field->offset);
    if (field->kind == WIRE_KIND_RECORDS && !(printer->flags & WIRE_PRINT_RECORDS) &&
        bytes->data != NULL) {
        buf_printf(out, "\"%sSizeInBytes\":%" PRIu32, name, bytes->size);
        return;
    }
    buf_printf(out, "\"%s\":", name);
    print_value(printer, schema, field, message);
}

static void print_unknown_tags(struct printer *printer, const struct wire_schema *schema,
                               const uint8_t *message, bool *first)
{
    if (schema->unknown_tags == WIRE_NO_TAGS)
        return;
    const struct wire_tagged *tag =
        *(struct wire_tagged *const *)(const void *)(message + schema->unknown_tags);
    for (; tag != NULL; tag = tag->next) {
        buf_printf(printer->out, "%s%" PRIu32 ": <%" PRIu32 " bytes>", *first ? "" : ", ", tag->tag,
                   tag->size);
        *first = false;
    }
}

static void print_struct(struct printer *printer, const struct wire_schema *schema,
                         const uint8_t *message)
{
    const struct wire_plan *plan = wire_plan_of(schema, printer->version);
    const struct wire_field *field = schema->fields + plan->start;
    bool first = true;
    buf_put(printer->out, "{", 1);
    if (is_json(printer)) {
        /* In the order of the schema, as Apache Kafka prints them. */
        for (unsigned i = 0; i < schema->field_count; i++) {
            for (unsigned k = 0; k < (unsigned)plan->plain + plan->tagged; k++) {
                if (field[k].offset == schema->fields[i].offset &&
                    (k < plan->plain || !wire_field_is_default(schema, &field[k], message)))
                    print_field(printer, schema, &field[k], message, &first);
            }
        }
    } else {
        for (unsigned k = 0; k < (unsigned)plan->plain + plan->tagged; k++) {
            if (!wire_field_is_default(schema, &field[k], message))
                print_field(printer, schema, &field[k], message, &first);
        }
        print_unknown_tags(printer, schema, message, &first);
    }
    buf_put(printer->out, "}", 1);
}

void wire_print(const struct wire_schema *schema, int16_t version, const void *message,
                struct buf *out, unsigned flags)
{
    ASSERT(version >= schema->version_min && version <= schema->version_max);
    struct printer printer = {out, flags, version};
    print_struct(&printer, schema, message);
}
