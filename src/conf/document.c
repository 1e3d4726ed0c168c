/* The tables in words: what a value may be, and docs/settings.md. */
#include "conf/row.h"

#include <string.h>

/* "a, b or c" of "a,b,c". */
static void put_words(const char *words, struct buf *out)
{
    for (const char *at = words; *at != '\0';) {
        size_t size = strcspn(at, ",");
        const char *next = at[size] == ',' ? at + size + 1 : at + size;
        if (at != words)
            buf_put_text(out, *next == '\0' ? " or " : ", ");
        buf_put(out, at, size);
        at = next;
    }
}

static void put_range(const struct conf_row *row, struct buf *out)
{
    const struct conf_check *check = &row->check;
    if (row->type == CONF_TYPE_DOUBLE)
        buf_printf(out, "a number from %g to %g", check->low_real, check->high_real);
    else if (check->high == INT64_MAX && row->type != CONF_TYPE_LONG)
        buf_printf(out, "a whole number from %lld to %d", (long long)check->low,
                   row->type == CONF_TYPE_INT ? INT32_MAX : INT16_MAX);
    else if (check->high == INT64_MAX)
        buf_printf(out, "a whole number, at least %lld", (long long)check->low);
    else
        buf_printf(out, "a whole number from %lld to %lld", (long long)check->low,
                   (long long)check->high);
}

static void put_type(const struct conf_row *row, struct buf *out)
{
    switch (row->type) {
    case CONF_TYPE_BOOLEAN:
        buf_put_text(out, "true or false");
        return;
    case CONF_TYPE_SHORT:
        buf_put_text(out, "a whole number from -32768 to 32767");
        return;
    case CONF_TYPE_INT:
        buf_put_text(out, "a whole number from -2147483648 to 2147483647");
        return;
    case CONF_TYPE_LONG:
        buf_put_text(out, "a whole number");
        return;
    case CONF_TYPE_DOUBLE:
        buf_put_text(out, "a number");
        return;
    case CONF_TYPE_LIST:
        buf_put_text(out, "a list, separated by commas");
        return;
    case CONF_TYPE_CLASS:
        buf_put_text(out, "the name of a class");
        return;
    default:
        buf_put_text(out, "text");
        return;
    }
}

void conf_row_allowed_text(const struct conf_row *row, struct buf *out)
{
    const struct conf_check *check = &row->check;
    switch (check->allowed) {
    case CONF_ALLOWED_RANGE:
        put_range(row, out);
        return;
    case CONF_ALLOWED_ONE_OF:
    case CONF_ALLOWED_ONE_OF_ANY_CASE:
        put_words(check->words, out);
        return;
    case CONF_ALLOWED_LIST:
        buf_put_text(out, check->empty_ok ? "a list, separated by commas"
                                          : "a list of at least one, separated by commas");
        if (check->words != NULL) {
            buf_put_text(out, ", of ");
            put_words(check->words, out);
        } else {
            buf_put_text(out, ", without empty entries");
        }
        return;
    case CONF_ALLOWED_NOT_EMPTY:
        buf_put_text(out, "text that is not empty");
        return;
    case CONF_ALLOWED_GZIP_LEVEL:
        buf_put_text(out, "a whole number from 1 to 9, or -1");
        return;
    case CONF_ALLOWED_VOTERS:
        buf_put_text(out, "a list of id@host:port, separated by commas");
        return;
    case CONF_ALLOWED_ADDRESSES:
        buf_put_text(out, "a list of host:port, separated by commas");
        return;
    case CONF_ALLOWED_THROTTLED:
        buf_put_text(out, "a list of partition:broker, separated by commas, or *");
        return;
    case CONF_ALLOWED_OFFSET_RESET:
        buf_put_text(out, "latest, earliest or by_duration:PnDTnHnMn.nS");
        return;
    case CONF_ALLOWED_ANY:
    case CONF_ALLOWED_NOT_NULL:
        put_type(row, out);
        return;
    }
    UNREACHABLE();
}

/* ---- docs/settings.md ---- */

/* In a table of Markdown. */
static void put_cell(const char *text, struct buf *out)
{
    for (; *text != '\0'; text++) {
        if (*text == '|' || *text == '*' || *text == '_' || *text == '<')
            buf_put_i8(out, '\\');
        buf_put_i8(out, *text);
    }
}

static void put_default(const struct conf_row *row, struct buf *out)
{
    if (row->required)
        buf_put_text(out, "has to be set");
    else if (row->default_text == NULL)
        buf_put_text(out, "not set");
    else if (*row->default_text == '\0')
        buf_put_text(out, "empty");
    else
        buf_printf(out, "`%s`", row->default_text);
}

static void put_fallbacks(const struct conf_row *row, struct buf *out)
{
    struct conf_fallback fallbacks[CONF_FALLBACKS_MAX];
    size_t count = conf_row_fallbacks(row, fallbacks);
    size_t row_count;
    const struct conf_row *rows = conf_rows(CONF_SCOPE_BROKER, &row_count);
    for (size_t i = 0; i < count; i++)
        buf_printf(out, i > 0 ? ", `%s`" : "`%s`", rows[fallbacks[i].id].name);
}

static void put_rows(enum conf_scope scope, const char *last_column, struct buf *out)
{
    buf_printf(out, "| Setting | Default | Allowed | %s | Served | What it does |\n", last_column);
    buf_put_text(out, "|---|---|---|---|---|---|\n");
    size_t count;
    const struct conf_row *rows = conf_rows(scope, &count);
    for (size_t i = 0; i < count; i++) {
        const struct conf_row *row = &rows[i];
        buf_printf(out, "| `%s`%s | ", row->name, row->internal ? " (internal)" : "");
        put_default(row, out);
        buf_put_text(out, " | ");
        struct buf allowed = BUF_EMPTY;
        conf_row_allowed_text(row, &allowed);
        put_cell(buf_text(&allowed), out);
        buf_deinit(&allowed);
        buf_put_text(out, " | ");
        if (scope == CONF_SCOPE_BROKER)
            buf_put_text(out, conf_mode_text(row->mode));
        else
            put_fallbacks(row, out);
        buf_printf(out, " | %s | ", conf_service_text(row->service));
        put_cell(row->sentence, out);
        buf_put_text(out, " |\n");
    }
}

void conf_document(struct buf *out)
{
    buf_put_text(
        out,
        "# Settings\n"
        "\n"
        "Printed by `ottla config doc` from the tables in `src/conf`; not to be edited by hand.\n"
        "\n"
        "ottla takes the settings of Apache Kafka 4.3, in the same `server.properties` and with "
        "the same\n"
        "names, defaults and limits, and a few of its own, which begin with `ottla.`. \"Served\" "
        "says what it\n"
        "does about each:\n"
        "\n"
        "- *yes*: it acts on it.\n"
        "- *not needed*: it is accepted, and there is nothing to do; the last column says why.\n"
        "- *not yet*: it is accepted with a warning where it differs from the default.\n"
        "- *refused*: a value other than the default stops the start, as to go on without would "
        "not be safe.\n"
        "\n"
        "A time is in milliseconds where the name ends in `.ms`, a size in bytes.\n"
        "\n"
        "## Brokers and controllers\n"
        "\n"
        "*Changes* says whether a broker takes a new value while it runs: for itself alone "
        "(per-broker), for\n"
        "all brokers (cluster-wide), or at a start only (read-only).\n"
        "\n");
    put_rows(CONF_SCOPE_BROKER, "Changes", out);
    buf_put_text(out, "\n## Topics\n"
                      "\n"
                      "A topic without a value of its own takes that of the first broker setting "
                      "named under *Else* that is\n"
                      "set, or the default.\n"
                      "\n");
    put_rows(CONF_SCOPE_TOPIC, "Else", out);
    buf_put_text(out, "\n## Groups\n\n");
    put_rows(CONF_SCOPE_GROUP, "Else", out);
    buf_put_text(out, "\n## Client metrics subscriptions\n\n");
    put_rows(CONF_SCOPE_CLIENT_METRICS, "Else", out);
}
