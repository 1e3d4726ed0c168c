#include "conf/value.h"

#include "conf/listener.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Text ---- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool conf_equal_any_case(const char *a, const char *b)
{
    while (*a != '\0' && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return lower(*a) == lower(*b);
}

char *conf_trim(const char *text, struct arena *arena)
{
    const char *end = text + strlen(text);
    while (text < end && (unsigned char)*text <= ' ')
        text++;
    while (text < end && (unsigned char)end[-1] <= ' ')
        end--;
    size_t size = (size_t)(end - text);
    char *out = arena_must_alloc(arena, size + 1);
    memcpy(out, text, size);
    return out;
}

/* \s of java.util.regex. */
static bool is_regex_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

size_t conf_split(const char *text, struct arena *arena, const char *const **out)
{
    *out = NULL;
    char *copy = conf_trim(text, arena);
    if (*copy == '\0')
        return 0;
    size_t count = 1;
    for (const char *c = copy; *c != '\0'; c++)
        count += *c == ',';
    const char **items = arena_must_alloc_array(arena, count, sizeof *items);
    char *item = copy;
    for (size_t i = 0; i < count; i++) {
        char *end = item + strcspn(item, ",");
        char *next = end + (*end != '\0');
        while (end > item && is_regex_space(end[-1]))
            end--;
        while (is_regex_space(*next))
            next++;
        *end = '\0';
        items[i] = item;
        item = next;
    }
    *out = items;
    return count;
}

bool conf_word_in(const char *words, const char *word, bool any_case)
{
    size_t size = strlen(word);
    for (const char *at = words;; at++) {
        size_t at_size = strcspn(at, ",");
        if (at_size == size) {
            bool same = true;
            for (size_t i = 0; i < size && same; i++)
                same = any_case ? lower(at[i]) == lower(word[i]) : at[i] == word[i];
            if (same)
                return true;
        }
        at += at_size;
        if (*at == '\0')
            return false;
    }
}

/* ---- Numbers, as Java reads and writes them ---- */

/* Integer.parseInt, Long.parseLong: an optional sign and digits, nothing else. */
static bool parse_number(const char *text, int64_t low, int64_t high, int64_t *out)
{
    bool negative = *text == '-';
    if (*text == '-' || *text == '+')
        text++;
    if (*text == '\0')
        return false;
    int64_t number = 0;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        int64_t digit = *text - '0';
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_sub_overflow(number, digit, &number))
            return false; /* counted down, as there is one more below 0 than above */
    }
    if (!negative) {
        if (number == INT64_MIN)
            return false;
        number = -number;
    }
    *out = number;
    return number >= low && number <= high;
}

static size_t count_digits(const char *text, bool hex)
{
    return strspn(text, hex ? "0123456789abcdefABCDEF" : "0123456789");
}

/* Double.parseDouble's grammar: NaN, Infinity, decimal or (with p) hexadecimal, then f, F, d or D.
 */
static bool is_java_real(const char *text, size_t *size)
{
    const char *at = text + (*text == '+' || *text == '-');
    if (strcmp(at, "NaN") == 0 || strcmp(at, "Infinity") == 0) {
        *size = strlen(text);
        return true;
    }
    bool hex = at[0] == '0' && (at[1] == 'x' || at[1] == 'X');
    at += hex ? 2 : 0;
    size_t digits = count_digits(at, hex);
    at += digits;
    if (*at == '.') {
        size_t fraction = count_digits(at + 1, hex);
        digits += fraction;
        at += 1 + fraction;
    }
    if (digits == 0)
        return false;
    bool exponent = hex ? *at == 'p' || *at == 'P' : *at == 'e' || *at == 'E';
    if (exponent) {
        at++;
        at += *at == '+' || *at == '-';
        size_t exponent_digits = count_digits(at, false);
        if (exponent_digits == 0)
            return false;
        at += exponent_digits;
    } else if (hex) {
        return false;
    }
    *size = (size_t)(at - text);
    at += *at != '\0' && strchr("fFdD", *at) != NULL;
    return *at == '\0';
}

static bool parse_real(const char *text, struct arena *arena, double *out)
{
    size_t size;
    if (!is_java_real(text, &size))
        return false;
    char *number = arena_must_alloc(arena, size + 1);
    memcpy(number, text, size);
    *out = strtod(number, NULL);
    return true;
}

void conf_real_print(double value, struct buf *out)
{
    if (isnan(value)) {
        buf_put_text(out, "NaN");
        return;
    }
    if (signbit(value))
        buf_put_text(out, "-");
    value = fabs(value);
    if (isinf(value)) {
        buf_put_text(out, "Infinity");
        return;
    }
    if (value == 0) {
        buf_put_text(out, "0.0");
        return;
    }
    /* The fewest digits (but two) that give the same number back: d.ddde[+-]dd. */
    char text[40];
    for (int precision = 1; precision < DBL_DECIMAL_DIG; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    char *mark = strchr(text, 'e');
    int exponent = (int)strtol(mark + 1, NULL, 10);
    *mark = '\0';
    if (value < 1e-3 || value >= 1e7) {
        buf_printf(out, "%sE%d", text, exponent);
        return;
    }
    /* The same digits without an exponent: 0.00ddd, ddd.ddd or ddd00.0. */
    char digits[40];
    int count = 0;
    for (const char *c = text; *c != '\0'; c++)
        if (*c != '.')
            digits[count++] = *c;
    while (count > 1 && digits[count - 1] == '0')
        count--;
    if (exponent < 0)
        buf_put_text(out, "0.");
    for (int i = -1; i > exponent; i--)
        buf_put_text(out, "0");
    int whole = exponent + 1;
    for (int i = 0; i < count || i < whole; i++) {
        if (i == whole && whole > 0)
            buf_put_text(out, ".");
        buf_put_i8(out, i < count ? digits[i] : '0');
    }
    if (count <= whole)
        buf_put_text(out, ".0");
}

/* ---- Parsing ---- */

static enum err invalid(const struct conf_row *row, const char *value, struct buf *message,
                        const char *why)
{
    buf_printf(message, "Invalid value %s for configuration %s: %s", value, row->name, why);
    return ERR_INVALID;
}

static void print_words(const char *words, struct buf *out)
{
    for (const char *c = words; *c != '\0'; c++)
        buf_printf(out, *c == ',' ? ", " : "%c", *c);
}

static enum err not_one_of(const struct conf_row *row, const char *value, bool any_case,
                           struct buf *message)
{
    buf_printf(message, "Invalid value %s for configuration %s: String must be one of%s: ", value,
               row->name, any_case ? " (case insensitive)" : "");
    print_words(row->check.words, message);
    return ERR_INVALID;
}

static enum err parse_typed(const struct conf_row *row, const char *text, struct arena *arena,
                            struct conf_value *out, struct buf *message)
{
    const char *trimmed = conf_trim(text, arena);
    bool ok = true;
    switch (row->type) {
    case CONF_TYPE_BOOLEAN:
        out->number = conf_equal_any_case(trimmed, "true");
        if (out->number == 0 && !conf_equal_any_case(trimmed, "false"))
            return invalid(row, text, message, "Expected value to be either true or false");
        return ERR_OK;
    case CONF_TYPE_INT:
        ok = parse_number(trimmed, INT32_MIN, INT32_MAX, &out->number);
        break;
    case CONF_TYPE_SHORT:
        ok = parse_number(trimmed, INT16_MIN, INT16_MAX, &out->number);
        break;
    case CONF_TYPE_LONG:
        ok = parse_number(trimmed, INT64_MIN, INT64_MAX, &out->number);
        break;
    case CONF_TYPE_DOUBLE:
        ok = parse_real(trimmed, arena, &out->real);
        break;
    case CONF_TYPE_LIST:
        out->item_count = conf_split(trimmed, arena, &out->items);
        return ERR_OK;
    case CONF_TYPE_CLASS:
        if (*trimmed == '\0')
            return invalid(row, text, message, "Class  could not be found.");
        out->text = trimmed;
        return ERR_OK;
    case CONF_TYPE_STRING:
    case CONF_TYPE_PASSWORD:
        out->text = trimmed;
        return ERR_OK;
    case CONF_TYPE_UNKNOWN:
        UNREACHABLE();
    }
    if (ok)
        return ERR_OK;
    char why[40];
    snprintf(why, sizeof why, "Not a number of type %s", conf_type_text(row->type));
    return invalid(row, text, message, why);
}

/* ---- Checks ---- */

static enum err check_range(const struct conf_row *row, const struct conf_value *value,
                            struct buf *message)
{
    const struct conf_check *check = &row->check;
    bool real = row->type == CONF_TYPE_DOUBLE;
    bool below = real ? value->real < check->low_real : value->number < check->low;
    bool above = real ? value->real > check->high_real : value->number > check->high;
    if (!below && !above)
        return ERR_OK;
    buf_put_text(message, "Invalid value ");
    if (real)
        conf_real_print(value->real, message);
    else
        buf_printf(message, "%lld", (long long)value->number);
    buf_printf(message, " for configuration %s: Value must be %s ", row->name,
               below ? "at least" : "no more than");
    if (real)
        buf_printf(message, "%g", below ? check->low_real : check->high_real);
    else
        buf_printf(message, "%lld", (long long)(below ? check->low : check->high));
    return ERR_INVALID;
}

/* A list's doubles are dropped (KIP-1161). */
static void drop_doubles(struct conf_value *value, struct arena *arena)
{
    const char **items = arena_must_alloc_array(arena, value->item_count, sizeof *items);
    size_t count = 0;
    for (size_t i = 0; i < value->item_count; i++) {
        bool seen = false;
        for (size_t j = 0; j < count && !seen; j++)
            seen = strcmp(items[j], value->items[i]) == 0;
        if (!seen)
            items[count++] = value->items[i];
    }
    value->items = items;
    value->item_count = count;
}

/* More entries than any such list has use for; bounds the search for doubles. */
#define LIST_ITEMS_MAX 1000

static enum err check_list(const struct conf_row *row, struct conf_value *value,
                           struct arena *arena, struct buf *message)
{
    const struct conf_check *check = &row->check;
    if (value->item_count == 0 && !check->empty_ok) {
        buf_printf(message,
                   "Configuration '%s' must not be empty. Valid values include: ", row->name);
        if (check->words == NULL) {
            buf_put_text(message, "any non-empty value");
        } else {
            buf_put_text(message, "[");
            print_words(check->words, message);
            buf_put_text(message, "]");
        }
        return ERR_INVALID;
    }
    if (value->item_count > LIST_ITEMS_MAX) {
        buf_printf(message, "Configuration '%s' has more than %d values.", row->name,
                   LIST_ITEMS_MAX);
        return ERR_INVALID;
    }
    for (size_t i = 0; i < value->item_count; i++) {
        if (*value->items[i] == '\0') {
            buf_printf(message, "Configuration '%s' values must not be empty.", row->name);
            return ERR_INVALID;
        }
    }
    for (size_t i = 0; check->words != NULL && i < value->item_count; i++)
        if (!conf_word_in(check->words, value->items[i], false))
            return not_one_of(row, value->items[i], false, message);
    if (value->item_count > 0)
        drop_doubles(value, arena);
    return ERR_OK;
}

static bool is_replica(const char *text)
{
    size_t partition = count_digits(text, false);
    size_t broker = text[partition] == ':' ? count_digits(text + partition + 1, false) : 0;
    return *text == '\0' || (partition > 0 && broker > 0 && text[partition + 1 + broker] == '\0');
}

static enum err check_throttled(const struct conf_row *row, const struct conf_value *value,
                                struct buf *message)
{
    bool ok = value->item_count == 1 && strcmp(value->items[0], "*") == 0;
    if (!ok) {
        ok = true;
        for (size_t i = 0; i < value->item_count && ok; i++)
            ok = is_replica(value->items[i]);
    }
    if (ok)
        return ERR_OK;
    buf_put_text(message, "Invalid value [");
    for (size_t i = 0; i < value->item_count; i++)
        buf_printf(message, i > 0 ? ", %s" : "%s", value->items[i]);
    buf_printf(message,
               "] for configuration %s: %s must be the literal '*' or a list of replicas in the "
               "following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...",
               row->name, row->name);
    return ERR_INVALID;
}

/* host:port, or with a voter id@host:port. */
static enum err check_addresses(const struct conf_row *row, const struct conf_value *value,
                                struct arena *arena, struct buf *message)
{
    bool voters = row->check.allowed == CONF_ALLOWED_VOTERS;
    const char *form = voters ? "{id}@{host}:{port}" : "{host}:{port}";
    for (size_t i = 0; i < value->item_count; i++) {
        const char *address = value->items[i];
        if (voters) {
            const char *at = strchr(address, '@');
            char *id = arena_strndup(arena, address, at == NULL ? 0 : (size_t)(at - address));
            ASSERT(id != NULL);
            int64_t number;
            if (at == NULL || !parse_number(id, 0, INT32_MAX, &number)) {
                buf_printf(message,
                           "Invalid value %s for configuration %s: Each entry should be in the "
                           "form `%s`.",
                           value->items[i], row->name, form);
                return ERR_INVALID;
            }
            address = at + 1;
        }
        const char *host;
        uint16_t port;
        if (conf_address_parse(arena, address, &host, &port) != ERR_OK || *host == '\0') {
            buf_printf(message,
                       "Failed to parse host name from %s for the configuration %s. Each entry "
                       "should be in the form \"%s\"",
                       value->items[i], row->name, form);
            return ERR_INVALID;
        }
    }
    return ERR_OK;
}

/* PnDTnHnMn.nS, of java.time.Duration.parse what is not negative: no years or months, at least one
 * part. */
static bool is_duration(const char *text)
{
    if (lower(*text) != 'p')
        return false;
    text++;
    const char *units = "dhms";
    bool any = false;
    bool time = false;
    bool time_part = false;
    while (*text != '\0') {
        if (lower(*text) == 't') {
            if (time)
                return false;
            time = true;
            text++;
            continue;
        }
        size_t digits = count_digits(text, false);
        if (digits == 0 || digits > 12)
            return false;
        text += digits;
        bool fraction = *text == '.' || *text == ',';
        if (fraction)
            text += 1 + count_digits(text + 1, false);
        const char *unit = *text == '\0' ? NULL : strchr(units, lower(*text));
        if (unit == NULL || (*unit == 'd') == time || (fraction && *unit != 's'))
            return false;
        units = unit + 1;
        any = true;
        time_part = time_part || time;
        text++;
    }
    return any && time == time_part;
}

static enum err check_offset_reset(const struct conf_row *row, const struct conf_value *value,
                                   struct buf *message)
{
    static const char by_duration[] = "by_duration:";
    const char *text = value->text;
    if (strcmp(text, "latest") == 0 || strcmp(text, "earliest") == 0)
        return ERR_OK;
    if (strncmp(text, by_duration, sizeof by_duration - 1) == 0 &&
        is_duration(text + sizeof by_duration - 1))
        return ERR_OK;
    buf_printf(message,
               "Invalid value %s for configuration %s: Invalid value `%s` for configuration %s. "
               "The value must be either 'earliest', 'latest' or of the format "
               "'by_duration:<PnDTnHnMn.nS>'.",
               text, row->name, text, row->name);
    return ERR_INVALID;
}

static enum err check_text(const struct conf_row *row, const struct conf_value *value,
                           struct buf *message)
{
    bool any_case = row->check.allowed == CONF_ALLOWED_ONE_OF_ANY_CASE;
    switch (row->check.allowed) {
    case CONF_ALLOWED_ONE_OF:
    case CONF_ALLOWED_ONE_OF_ANY_CASE:
        if (!conf_word_in(row->check.words, value->text, any_case))
            return not_one_of(row, value->text, any_case, message);
        return ERR_OK;
    case CONF_ALLOWED_NOT_EMPTY:
        if (*value->text == '\0')
            return invalid(row, "", message, "String must be non-empty");
        return ERR_OK;
    case CONF_ALLOWED_OFFSET_RESET:
        return check_offset_reset(row, value, message);
    default:
        return ERR_OK;
    }
}

static enum err check_null(const struct conf_row *row, struct buf *message)
{
    switch (row->check.allowed) {
    case CONF_ALLOWED_LIST:
        if (row->check.null_ok)
            return ERR_OK;
        buf_printf(message, "Configuration '%s' values must not be null.", row->name);
        return ERR_INVALID;
    case CONF_ALLOWED_NOT_NULL:
    case CONF_ALLOWED_RANGE:
    case CONF_ALLOWED_ONE_OF:
        return invalid(row, "null", message, "entry must be non null");
    default:
        return ERR_OK;
    }
}

enum err conf_value_parse(const struct conf_row *row, const char *text, struct arena *arena,
                          struct conf_value *out, struct buf *message)
{
    *out = (struct conf_value){.null = text == NULL};
    if (text == NULL)
        return check_null(row, message);
    if (strlen(text) > CONF_VALUE_BYTES_MAX) {
        buf_printf(message, "Configuration '%s' has a value of more than %zu bytes.", row->name,
                   CONF_VALUE_BYTES_MAX);
        return ERR_INVALID;
    }
    enum err err = parse_typed(row, text, arena, out, message);
    if (err != ERR_OK)
        return err;
    switch (row->check.allowed) {
    case CONF_ALLOWED_ANY:
        return ERR_OK;
    case CONF_ALLOWED_RANGE:
        return check_range(row, out, message);
    case CONF_ALLOWED_GZIP_LEVEL:
        if (out->number == -1 || (out->number >= 1 && out->number <= 9))
            return ERR_OK;
        buf_printf(message,
                   "Invalid value %lld for configuration %s: Value must be between 1 and 9 or "
                   "equal to -1",
                   (long long)out->number, row->name);
        return ERR_INVALID;
    case CONF_ALLOWED_LIST:
        return check_list(row, out, arena, message);
    case CONF_ALLOWED_THROTTLED:
        return check_throttled(row, out, message);
    case CONF_ALLOWED_VOTERS:
    case CONF_ALLOWED_ADDRESSES:
        return check_addresses(row, out, arena, message);
    default:
        return check_text(row, out, message);
    }
}

void conf_value_default(const struct conf_row *row, struct arena *arena, struct conf_value *out)
{
    *out = (struct conf_value){.null = true};
    if (row->default_text == NULL)
        return;
    struct buf message = BUF_EMPTY;
    enum err err = conf_value_parse(row, row->default_text, arena, out, &message);
    if (err != ERR_OK)
        PANIC("the default of %s is wrong: %s", row->name, buf_text(&message));
    buf_deinit(&message);
}

/* ---- Printing ---- */

const char *conf_value_print(const struct conf_row *row, const struct conf_value *value,
                             struct arena *arena)
{
    if (value->null)
        return NULL;
    struct buf buf = BUF_EMPTY;
    switch (row->type) {
    case CONF_TYPE_BOOLEAN:
        return value->number != 0 ? "true" : "false";
    case CONF_TYPE_INT:
    case CONF_TYPE_SHORT:
    case CONF_TYPE_LONG:
        buf_printf(&buf, "%lld", (long long)value->number);
        break;
    case CONF_TYPE_DOUBLE:
        conf_real_print(value->real, &buf);
        break;
    case CONF_TYPE_LIST:
        for (size_t i = 0; i < value->item_count; i++)
            buf_printf(&buf, i > 0 ? ",%s" : "%s", value->items[i]);
        break;
    default:
        return value->text;
    }
    char *out = arena_must_alloc(arena, buf.size + 1);
    if (buf.size > 0)
        memcpy(out, buf.data, buf.size);
    buf_deinit(&buf);
    return out;
}

bool conf_value_equal(const struct conf_row *row, const struct conf_value *a,
                      const struct conf_value *b)
{
    if (a->null || b->null)
        return a->null == b->null;
    switch (row->type) {
    case CONF_TYPE_DOUBLE:
        return a->real == b->real || (isnan(a->real) && isnan(b->real));
    case CONF_TYPE_LIST:
        if (a->item_count != b->item_count)
            return false;
        for (size_t i = 0; i < a->item_count; i++)
            if (strcmp(a->items[i], b->items[i]) != 0)
                return false;
        return true;
    case CONF_TYPE_STRING:
    case CONF_TYPE_CLASS:
    case CONF_TYPE_PASSWORD:
        return strcmp(a->text, b->text) == 0;
    default:
        return a->number == b->number;
    }
}
