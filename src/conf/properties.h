#ifndef CONF_PROPERTIES_H
#define CONF_PROPERTIES_H
/*
 * Files as java.util.Properties reads them: # and ! begin a comment, a key ends at =, : or white
 * space, a line that ends in a backslash goes on in the next, \t \n \r \f \uXXXX are escapes and a
 * backslash before anything else is dropped. Bytes are taken as UTF-8; a byte that is none of UTF-8
 * as ISO-8859-1, which is what Java takes all bytes as.
 */
#include "base/arena.h"
#include "base/assert.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define CONF_PROPERTIES_BYTES_MAX ((size_t)4 << 20)

struct conf_property {
    const char *name;  /* UTF-8 with a 0 byte after it; no 0 byte inside */
    const char *value; /* the same; leading white space is dropped, trailing kept, as in Java */
    uint32_t line;     /* that it begins on, from 1 */
};

struct conf_properties {
    struct conf_property *items; /* in the order of the file, doubles among them */
    size_t count;
};

struct conf_properties_error {
    uint32_t line;
    const char *text; /* a sentence without a full stop */
};

/*
 * The result lives in the arena. ERR_LIMIT: too large a file, or the arena's limit. ERR_CORRUPT: a
 * malformed \u escape or a 0 byte; *error says where.
 */
enum err conf_properties_parse(struct arena *arena, const void *data, size_t size,
                               struct conf_properties *out,
                               struct conf_properties_error *error) MUST_USE;

#endif
