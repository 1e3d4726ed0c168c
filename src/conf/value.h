#ifndef CONF_VALUE_H
#define CONF_VALUE_H
/* One value: text to a typed value and back, as Kafka's ConfigDef does it. */
#include "base/arena.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/err.h"
#include "conf/row.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A longer value is refused; the longest real ones are chains of certificates. */
#define CONF_VALUE_BYTES_MAX ((size_t)1 << 20)

struct conf_value {
    bool null;
    int64_t number;   /* BOOLEAN (0 or 1), INT, SHORT, LONG */
    double real;      /* DOUBLE */
    const char *text; /* STRING, CLASS, PASSWORD: without the white space around it */
    const char *const *items;
    size_t item_count; /* LIST */
};

/*
 * Parses and checks one value (NULL: null); what it points to lives in the arena. ERR_INVALID: the
 * message, added to `message`, is Kafka's, word for word, as its clients get to see it.
 */
enum err conf_value_parse(const struct conf_row *row, const char *text, struct arena *arena,
                          struct conf_value *out, struct buf *message) MUST_USE;
/* The row's default, which is always valid. Null for a required one. */
void conf_value_default(const struct conf_row *row, struct arena *arena, struct conf_value *out);
/* In Kafka's form (ConfigDef.convertToString): true, 1.0E-4, a,b. NULL when null. Secrets as they
 * are. In the arena. */
const char *conf_value_print(const struct conf_row *row, const struct conf_value *value,
                             struct arena *arena);
bool conf_value_equal(const struct conf_row *row, const struct conf_value *a,
                      const struct conf_value *b);
/* Java's Double.toString. */
void conf_real_print(double value, struct buf *out);

/* Java's String.trim: without the bytes up to ' ' at both ends. In the arena. */
char *conf_trim(const char *text, struct arena *arena);
/* Split at commas, with the white space around them; "" gives no items. */
size_t conf_split(const char *text, struct arena *arena, const char *const **out);
bool conf_equal_any_case(const char *a, const char *b);
/* Is `word` one of `words`, separated by commas? */
bool conf_word_in(const char *words, const char *word, bool any_case);

#endif
