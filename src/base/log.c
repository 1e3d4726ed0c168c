#include "base/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define LINE_BYTES 2048

static const char *const level_names[] = {"debug", "info", "warn", "error", "none"};

static void standard_error_sink(void *context, enum log_level level, const char *room,
                                const char *line)
{
    UNUSED(context);
    fprintf(stderr, "%-5s %s: %s\n", log_level_name(level), room, line);
}

/* Set at start, before there are threads. */
static log_sink_fn *sink = standard_error_sink;
static void *sink_context;
static atomic_int level_min = LOG_LEVEL_INFO;

void log_set_sink(log_sink_fn *new_sink, void *context)
{
    sink = new_sink != NULL ? new_sink : standard_error_sink;
    sink_context = context;
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&level_min, (int)level, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&level_min, memory_order_relaxed);
}

const char *log_level_name(enum log_level level)
{
    return (unsigned)level < ARRAY_COUNT(level_names) ? level_names[level] : "unknown";
}

void log_line(enum log_level level, const char *room, const char *format, ...)
{
    if (!log_enabled(level))
        return;
    char line[LINE_BYTES];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    ASSERT(size >= 0);
    if ((size_t)size >= sizeof line)
        memcpy(line + sizeof line - 4, "...", 4);
    /* Names that a peer chose may be in it: they cannot begin a line of their own or move a
     * terminal's cursor. */
    for (char *at = line; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?';
    sink(sink_context, level, room, line);
}

bool log_limit_admits(struct log_limit *limit, const char *room, uint64_t now_ns)
{
    if (now_ns >= limit->period_end_ns) {
        if (limit->left_out > 0)
            log_line(LOG_LEVEL_WARN, room, "%llu lines like the next were left out",
                     (unsigned long long)limit->left_out);
        *limit = (struct log_limit){.period_end_ns = now_ns + LOG_LIMIT_PERIOD_NS};
    }
    if (limit->lines == LOG_LIMIT_LINES) {
        limit->left_out++;
        return false;
    }
    limit->lines++;
    return true;
}
