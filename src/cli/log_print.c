/* How the commands about logs print bytes, times and problems. */
#include "cli/log_int.h"

#include "base/base64.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

/* What people see of a key or a value. JSON has all of it. */
#define SHOWN_BYTES_MAX 512

/* Bytes of the UTF-8 sequence that begins here; 0: none does (RFC 3629). */
static size_t utf8_size(const uint8_t *at, size_t left)
{
    size_t size = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (size == 0 || at[0] > 0xf4 || size > left)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
    bool beyond = (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf4 && at[1] > 0x8f);
    return overlong || beyond ? 0 : size;
}

static bool is_text(const uint8_t *data, size_t size)
{
    for (size_t i = 0, length; i < size; i += length) {
        length = utf8_size(data + i, size - i);
        if (length == 0)
            return false;
    }
    return true;
}

static void put_json_text(struct buf *out, const uint8_t *data, size_t size)
{
    buf_put(out, "\"", 1);
    for (size_t i = 0; i < size; i++) {
        uint8_t c = data[i];
        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c == '\n')
            buf_put_text(out, "\\n");
        else if (c < ' ' || c == 127)
            buf_printf(out, "\\u%04x", c);
        else
            buf_put_i8(out, (int8_t)c);
    }
    buf_put(out, "\"", 1);
}

void log_json_bytes(struct log_dump *dump, const char *name, const void *data, size_t size)
{
    struct buf text = BUF_EMPTY;
    if (data == NULL) {
        buf_printf(&text, "\"%s\":null", name);
    } else if (is_text(data, size)) {
        buf_printf(&text, "\"%s\":", name);
        put_json_text(&text, data, size);
    } else {
        buf_printf(&text, "\"%sBase64\":\"", name);
        base64_put(&text, data, size);
        buf_put(&text, "\"", 1);
    }
    fwrite(text.data, 1, text.size, dump->call->out);
    buf_deinit(&text);
}

void log_print_bytes(FILE *out, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    if (data == NULL) {
        fputs("null", out);
        return;
    }
    size_t shown = size < SHOWN_BYTES_MAX ? size : SHOWN_BYTES_MAX;
    for (size_t i = 0; i < shown;) {
        size_t length = utf8_size(bytes + i, size - i);
        if (length > 1 || (length == 1 && isprint(bytes[i]) && bytes[i] != '\\'))
            fwrite(bytes + i, 1, length, out);
        else if (bytes[i] == '\n')
            fputs("\\n", out);
        else
            fprintf(out, "\\x%02x", bytes[i]);
        i += length > 0 ? length : 1;
    }
    if (shown < size)
        fprintf(out, "... (%zu bytes)", size);
}

/* Days since 1970 into a date of the Gregorian calendar, in years that begin in March. */
static void date_of(int64_t days, unsigned *year, unsigned *month, unsigned *day)
{
    int64_t shifted = days + 719468; /* since 0000-03-01 */
    int64_t era = shifted / 146097, of_era = shifted % 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted_month = (5 * of_year + 2) / 153;
    *day = (unsigned)(of_year - (153 * shifted_month + 2) / 5 + 1);
    *month = (unsigned)(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
    *year = (unsigned)(era * 400 + year_of_era + (*month <= 2));
}

const char *log_time(int64_t ms, char out[LOG_TIME_BYTES])
{
    const int64_t day_ms = 86400000, year_10000_ms = INT64_C(253402300800000);
    unsigned year, month, day;
    if (ms < 0 || ms >= year_10000_ms) {
        if (ms == -1)
            snprintf(out, LOG_TIME_BYTES, "-");
        else
            snprintf(out, LOG_TIME_BYTES, "%" PRId64, ms);
        return out;
    }
    date_of(ms / day_ms, &year, &month, &day);
    unsigned of_day = (unsigned)(ms % day_ms), seconds = of_day / 1000;
    snprintf(out, LOG_TIME_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", year % 10000, month % 13,
             day % 32, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60, of_day % 1000);
    return out;
}

void log_json_begin(struct log_dump *dump, const char *type)
{
    fprintf(dump->call->out, "{\"type\":\"%s\",\"file\":", type);
    cli_json_text(dump->call->out, dump->path);
}

void log_dump_problem(struct log_dump *dump, int64_t position, const char *format, ...)
{
    FILE *out = dump->call->out;
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    dump->problems++;
    if (dump->json) {
        log_json_begin(dump, "problem");
        if (position >= 0)
            fprintf(out, ",\"position\":%" PRId64, position);
        fputs(",\"problem\":", out);
        cli_json_text(out, text);
        fputs("}\n", out);
        return;
    }
    fputs("  ", out);
    cli_print_styled(out, dump->call->color_out, CLI_STYLE_RED, "problem");
    if (position >= 0)
        fprintf(out, " at position %" PRId64, position);
    fprintf(out, ": %s\n", text);
}
