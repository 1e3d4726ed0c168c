/*
 * Two steps, as in java.util.Properties: logical lines are put together from the file's lines
 * (comments and blank ones skipped, continuations joined), then each is split into key and value
 * and its escapes are resolved.
 */
#include "conf/properties.h"

#include <stdbool.h>
#include <string.h>

struct reader {
    const uint8_t *data;
    size_t size;
    size_t at;
    uint32_t line; /* of data[at] */
};

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\f';
}

static bool is_newline(uint8_t c)
{
    return c == '\n' || c == '\r';
}

/* At a newline: past it (\n, \r or \r\n). */
static void skip_newline(struct reader *reader)
{
    bool pair = reader->data[reader->at] == '\r' && reader->at + 1 < reader->size &&
                reader->data[reader->at + 1] == '\n';
    reader->at += pair ? 2 : 1;
    reader->line++;
}

static void skip_to_newline(struct reader *reader)
{
    while (reader->at < reader->size && !is_newline(reader->data[reader->at]))
        reader->at++;
}

static void skip_blanks(struct reader *reader)
{
    while (reader->at < reader->size && is_blank(reader->data[reader->at]))
        reader->at++;
}

/*
 * The next logical line that has any bytes, into `out` (room for reader->size). False at the end of
 * the file. Escapes are kept, but for the backslash before a line's end.
 */
static bool read_logical_line(struct reader *reader, uint8_t *out, size_t *out_size, uint32_t *line)
{
    size_t size = 0;
    while (reader->at < reader->size) {
        skip_blanks(reader);
        if (reader->at == reader->size)
            break;
        uint8_t first = reader->data[reader->at];
        /* As long as nothing was read: so even after a lone backslash, as Java does it. */
        if (size == 0) {
            *line = reader->line;
            if (first == '#' || first == '!')
                skip_to_newline(reader);
        }
        bool escaped = false;
        while (reader->at < reader->size && !is_newline(reader->data[reader->at])) {
            uint8_t c = reader->data[reader->at++];
            escaped = c == '\\' && !escaped;
            out[size++] = c;
        }
        if (escaped)
            size--; /* goes on in the next line, or the file ends in it */
        if (reader->at < reader->size)
            skip_newline(reader);
        if (size > 0 && !escaped)
            break;
        /* A blank line after a continuation ends it. */
        if (escaped && size > 0) {
            size_t at = reader->at;
            skip_blanks(reader);
            if (reader->at < reader->size && is_newline(reader->data[reader->at])) {
                skip_newline(reader);
                break;
            }
            reader->at = at;
        }
    }
    *out_size = size;
    return size > 0;
}

/* ---- Escapes and characters ---- */

static size_t put_utf8(uint8_t *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (uint8_t)(0xc0 | c >> 6);
        out[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (uint8_t)(0xe0 | c >> 12);
        out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | c >> 18);
    out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (c & 0x3f));
    return 4;
}

/* Bytes of the UTF-8 character at the start of text, 0 when it is none. */
static size_t utf8_size(const uint8_t *text, size_t size)
{
    uint8_t first = text[0];
    size_t want = first < 0x80                    ? 1
                  : first >= 0xc2 && first < 0xe0 ? 2
                  : (first & 0xf0) == 0xe0        ? 3
                  : first >= 0xf0 && first < 0xf5 ? 4
                                                  : 0;
    if (want == 0 || want > size)
        return 0;
    for (size_t i = 1; i < want; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (first == 0xe0 && text[1] < 0xa0) || (first == 0xf0 && text[1] < 0x90);
    bool surrogate = first == 0xed && text[1] >= 0xa0;
    bool too_high = first == 0xf4 && text[1] >= 0x90;
    return overlong || surrogate || too_high ? 0 : want;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    uint8_t letter = c | 0x20;
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/* The four digits after \u. */
static bool read_hex(const uint8_t *text, size_t size, uint32_t *out)
{
    if (size < 4)
        return false;
    *out = 0;
    for (size_t i = 0; i < 4; i++) {
        int digit = hex_digit(text[i]);
        if (digit < 0)
            return false;
        *out = *out << 4 | (uint32_t)digit;
    }
    return true;
}

/*
 * \uXXXX at text (which points past the u): one character, or a pair of surrogates. A surrogate
 * alone, which UTF-8 cannot say, becomes U+FFFD. *used: bytes of text. NULL, or what is wrong.
 */
static const char *read_unicode(const uint8_t *text, size_t size, uint32_t *out, size_t *used)
{
    if (!read_hex(text, size, out))
        return "\\u has to be followed by four hexadecimal digits";
    if (*out == 0)
        return "a character of the value 0 is not allowed";
    *used = 4;
    uint32_t low;
    if (*out >= 0xd800 && *out < 0xdc00 && size >= 10 && text[4] == '\\' && text[5] == 'u' &&
        read_hex(text + 6, size - 6, &low) && low >= 0xdc00 && low < 0xe000) {
        *out = 0x10000 + ((*out - 0xd800) << 10) + (low - 0xdc00);
        *used = 10;
    } else if (*out >= 0xd800 && *out < 0xe000) {
        *out = 0xfffd;
    }
    return NULL;
}

/* NULL, or what is wrong. The result is in the arena; *out NULL: no memory. */
static const char *unescape(struct arena *arena, const uint8_t *text, size_t size, const char **out)
{
    /* A byte of ISO-8859-1 takes two of UTF-8, an escape of six bytes at most four. */
    uint8_t *result = arena_alloc(arena, 2 * size + 1);
    *out = (const char *)result;
    if (result == NULL)
        return NULL;
    for (size_t i = 0; i < size;) {
        uint8_t c = text[i];
        if (c == '\0')
            return "a byte of the value 0 is not allowed";
        if (c != '\\') {
            size_t count = utf8_size(text + i, size - i);
            if (count == 0) {
                result += put_utf8(result, c);
                i++;
            } else {
                memcpy(result, text + i, count);
                result += count;
                i += count;
            }
            continue;
        }
        i++;
        if (i == size)
            break;
        c = text[i++];
        static const char letters[] = "tnrf";
        const char *letter = c == '\0' ? NULL : strchr(letters, c);
        if (letter != NULL) {
            *result++ = (uint8_t) "\t\n\r\f"[letter - letters];
        } else if (c == 'u') {
            uint32_t value;
            size_t used;
            const char *wrong = read_unicode(text + i, size - i, &value, &used);
            if (wrong != NULL)
                return wrong;
            result += put_utf8(result, value);
            i += used;
        } else {
            i--; /* the backslash is dropped, the character stays (its bytes are looked at above) */
            size_t count = utf8_size(text + i, size - i);
            count = count == 0 ? 1 : count;
            if (c == '\0')
                return "a byte of the value 0 is not allowed";
            if (count == 1 && c >= 0x80) {
                result += put_utf8(result, c);
            } else {
                memcpy(result, text + i, count);
                result += count;
            }
            i += count;
        }
    }
    *result = '\0';
    return NULL;
}

/* ---- Lines ---- */

/* Where the key ends and the value begins. */
static void split_line(const uint8_t *line, size_t size, size_t *key_size, size_t *value_at)
{
    size_t i = 0;
    bool escaped = false;
    while (i < size) {
        uint8_t c = line[i];
        if (!escaped && (c == '=' || c == ':' || is_blank(c)))
            break;
        escaped = c == '\\' && !escaped;
        i++;
    }
    *key_size = i;
    bool separator = false;
    while (i < size) {
        uint8_t c = line[i];
        if (!is_blank(c)) {
            if (separator || (c != '=' && c != ':'))
                break;
            separator = true;
        }
        i++;
    }
    *value_at = i;
}

static bool append(struct arena *arena, struct conf_properties *out, size_t *capacity,
                   struct conf_property property)
{
    if (out->count == *capacity) {
        size_t more = *capacity > 0 ? *capacity * 2 : 64;
        struct conf_property *items = arena_alloc_array(arena, more, sizeof *items);
        if (items == NULL)
            return false;
        if (out->count > 0)
            memcpy(items, out->items, out->count * sizeof *items);
        out->items = items;
        *capacity = more;
    }
    out->items[out->count++] = property;
    return true;
}

enum err conf_properties_parse(struct arena *arena, const void *data, size_t size,
                               struct conf_properties *out, struct conf_properties_error *error)
{
    *out = (struct conf_properties){0};
    *error = (struct conf_properties_error){0};
    if (size > CONF_PROPERTIES_BYTES_MAX) {
        error->text = "the file is too large";
        return ERR_LIMIT;
    }
    struct reader reader = {.data = data, .size = size, .line = 1};
    /* A byte order mark is what some editors put before UTF-8. */
    if (size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0)
        reader.at = 3;
    uint8_t *line = arena_alloc(arena, size);
    size_t capacity = 0;
    size_t line_size;
    struct conf_property property;
    error->text = "the file is too large";
    if (line == NULL)
        return ERR_LIMIT;
    while (read_logical_line(&reader, line, &line_size, &property.line)) {
        error->line = property.line;
        size_t key_size;
        size_t value_at;
        split_line(line, line_size, &key_size, &value_at);
        const char *wrong = unescape(arena, line, key_size, &property.name);
        if (wrong == NULL && property.name != NULL)
            wrong = unescape(arena, line + value_at, line_size - value_at, &property.value);
        if (wrong != NULL) {
            error->text = wrong;
            return ERR_CORRUPT;
        }
        if (property.name == NULL || property.value == NULL ||
            !append(arena, out, &capacity, property))
            return ERR_LIMIT;
    }
    *error = (struct conf_properties_error){0};
    return ERR_OK;
}
