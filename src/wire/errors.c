#include "wire/errors.h"

#include "base/assert.h"

#include <stddef.h>

struct error_row {
    const char *name;
    const char *text;
    bool retriable;
};

/* By code + 1: the codes are dense from -1 on. */
static const struct error_row rows[] = {
#define ERROR_ROW(name, code, retriable, text) [(code) + 1] = {#name, text, retriable},
    WIRE_ERRORS(ERROR_ROW)
#undef ERROR_ROW
};

static const struct error_row *row_of(int16_t code)
{
    return wire_error_known(code) ? &rows[code + 1] : &rows[WIRE_ERROR_UNKNOWN_SERVER_ERROR + 1];
}

bool wire_error_known(int16_t code)
{
    return code >= WIRE_ERROR_UNKNOWN_SERVER_ERROR && (size_t)(code + 1) < ARRAY_COUNT(rows);
}

const char *wire_error_name(int16_t code)
{
    return row_of(code)->name;
}

const char *wire_error_message(int16_t code)
{
    return row_of(code)->text;
}

bool wire_error_retriable(int16_t code)
{
    return row_of(code)->retriable;
}
