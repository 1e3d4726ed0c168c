#include "meta/properties.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The file is one of java.util.Properties: lines of key=value (or key:value, or key value), blanks
 * before and around, '#' and '!' begin comments, a backslash takes the next character as it is and
 * one at the end of a line continues it. The values here are ids and numbers, which Java writes
 * without escapes except for ':', '=', '#' and '!'.
 */

static PRINTF_LIKE(2, 3) enum err
    invalid(char error[META_PROPERTIES_ERROR_BYTES], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error, META_PROPERTIES_ERROR_BYTES, format, args);
    va_end(args);
    return ERR_INVALID;
}

struct cursor {
    const char *text;
    size_t size;
    size_t at;
};

static bool is_end_of_line(char c)
{
    return c == '\n' || c == '\r';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\f';
}

static void skip(struct cursor *cursor, bool (*is)(char))
{
    while (cursor->at < cursor->size && is(cursor->text[cursor->at]))
        cursor->at++;
}

/* The next character of a key or value, escapes undone; false at the end of the logical line. */
static bool next(struct cursor *cursor, char *out, bool *escaped)
{
    *escaped = false;
    while (cursor->at < cursor->size) {
        char c = cursor->text[cursor->at];
        if (is_end_of_line(c))
            return false;
        cursor->at++;
        if (c != '\\') {
            *out = c;
            return true;
        }
        if (cursor->at == cursor->size)
            return false;
        c = cursor->text[cursor->at++];
        if (!is_end_of_line(c)) {
            *escaped = true;
            const char *letters = "tnrf";
            const char *letter = c == '\0' ? NULL : strchr(letters, c);
            *out = letter == NULL ? c : "\t\n\r\f"[letter - letters];
            return true;
        }
        if (c == '\r' && cursor->at < cursor->size && cursor->text[cursor->at] == '\n')
            cursor->at++;
        skip(cursor, is_blank);
    }
    return false;
}

/* Appends up to what fits with a 0 byte; false when it was too long, or is no text. */
static bool push(char *out, size_t out_size, size_t *used, char c)
{
    if (*used + 1 >= out_size || c == '\0')
        return false;
    out[(*used)++] = c;
    out[*used] = '\0';
    return true;
}

enum { LINE_BYTES = 512 };

/* The next key and value; false at the end of the text. */
static bool next_pair(struct cursor *cursor, char key[LINE_BYTES], char value[LINE_BYTES],
                      bool *too_long)
{
    for (;;) {
        skip(cursor, is_blank);
        if (cursor->at == cursor->size)
            return false;
        char c = cursor->text[cursor->at];
        if (is_end_of_line(c)) {
            cursor->at++;
            continue;
        }
        if (c != '#' && c != '!')
            break;
        while (cursor->at < cursor->size && !is_end_of_line(cursor->text[cursor->at]))
            cursor->at++;
    }
    size_t key_size = 0;
    size_t value_size = 0;
    key[0] = value[0] = '\0';
    *too_long = false;
    char c;
    bool escaped;
    bool more;
    while ((more = next(cursor, &c, &escaped)) &&
           (escaped || (!is_blank(c) && c != '=' && c != ':')))
        *too_long |= !push(key, LINE_BYTES, &key_size, c);
    if (more && is_blank(c)) {
        skip(cursor, is_blank);
        if (cursor->at < cursor->size &&
            (cursor->text[cursor->at] == '=' || cursor->text[cursor->at] == ':'))
            cursor->at++;
    }
    skip(cursor, is_blank);
    while (more && next(cursor, &c, &escaped))
        *too_long |= !push(value, LINE_BYTES, &value_size, c);
    return true;
}

static bool parse_int32(const char *text, int32_t *out)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || value < INT32_MIN || value > INT32_MAX)
        return false;
    *out = (int32_t)value;
    return true;
}

static enum err take_pair(struct meta_properties *out, const char *key, const char *value,
                          int32_t *broker_id, char error[META_PROPERTIES_ERROR_BYTES])
{
    int32_t number = 0;
    if (strcmp(key, "version") == 0) {
        if (!parse_int32(value, &number))
            return invalid(error, "version is not a number: '%.60s'", value);
        out->version = number;
    } else if (strcmp(key, "cluster.id") == 0) {
        if (strlen(value) >= sizeof out->cluster_id)
            return invalid(error, "cluster.id is longer than %zu characters",
                           sizeof out->cluster_id - 1);
        memcpy(out->cluster_id, value, strlen(value) + 1);
    } else if (strcmp(key, "node.id") == 0 || strcmp(key, "broker.id") == 0) {
        if (!parse_int32(value, &number))
            return invalid(error, "%s is not a number: '%.60s'", key, value);
        if (key[0] == 'n')
            out->node_id = number;
        else
            *broker_id = number;
    } else if (strcmp(key, "directory.id") == 0) {
        if (uuid_from_text(value, strlen(value), &out->directory_id) != ERR_OK)
            return invalid(error, "directory.id is not an id of 22 characters: '%.60s'", value);
        if (memcmp(out->directory_id.bytes, UUID_ZERO.bytes, 8) == 0 &&
            out->directory_id.bytes[15] < 100)
            return invalid(error, "directory.id '%s' is one that is reserved", value);
        out->has_directory_id = true;
    }
    return ERR_OK;
}

enum err meta_properties_parse(const char *text, size_t size, struct meta_properties *out,
                               char error[META_PROPERTIES_ERROR_BYTES])
{
    *out = (struct meta_properties){.version = -1, .node_id = -1};
    struct cursor cursor = {.text = text, .size = size};
    int32_t broker_id = -1;
    char key[LINE_BYTES];
    char value[LINE_BYTES];
    bool too_long;
    while (next_pair(&cursor, key, value, &too_long)) {
        if (too_long)
            return invalid(error, "the line of '%.60s' is too long, or no text", key);
        enum err err = take_pair(out, key, value, &broker_id, error);
        if (err != ERR_OK)
            return err;
    }
    if (out->version == -1)
        return invalid(error, "version is missing");
    if (out->version != 0 && out->version != 1) {
        snprintf(error, META_PROPERTIES_ERROR_BYTES, "version is %d, and 0 and 1 are known",
                 out->version);
        return ERR_VERSION;
    }
    if (out->version == 0) {
        if (out->node_id < 0)
            out->node_id = broker_id;
        return ERR_OK;
    }
    if (out->cluster_id[0] == '\0')
        return invalid(error, "cluster.id is missing");
    if (out->node_id < 0)
        return invalid(error, "node.id is missing or negative");
    return ERR_OK;
}

/* As java.util.Properties writes a value. */
static void put_value(struct buf *out, const char *value)
{
    const char *blanks = "\t\n\r\f";
    for (const char *c = value; *c != '\0'; c++) {
        const char *blank = strchr(blanks, *c);
        if (strchr("=:#!\\", *c) != NULL || blank != NULL || (*c == ' ' && c == value))
            buf_put(out, "\\", 1);
        buf_put(out, blank == NULL ? c : &"tnrf"[blank - blanks], 1);
    }
}

void meta_properties_print(const struct meta_properties *properties, struct buf *out)
{
    char id[UUID_TEXT_BYTES];
    buf_printf(out, "#\nversion=1\ncluster.id=");
    put_value(out, properties->cluster_id);
    buf_printf(out, "\nnode.id=%d\n", properties->node_id);
    if (properties->has_directory_id)
        buf_printf(out, "directory.id=%s\n", uuid_to_text(&properties->directory_id, id));
}
