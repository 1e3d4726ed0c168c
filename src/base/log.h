#ifndef BASE_LOG_H
#define BASE_LOG_H
#include "base/assert.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Log lines that say what happens to whom. A line is one sentence without a newline; `room` is the
 * room that speaks. The sink is set once at start (os writes to standard error with a time; the
 * simulator keeps lines by seed); it may be called from any thread.
 */
enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR, LOG_LEVEL_NONE };

typedef void log_sink_fn(void *context, enum log_level level, const char *room, const char *line);

void log_set_sink(log_sink_fn *sink, void *context);
void log_set_level(enum log_level level_min);
bool log_enabled(enum log_level level);
void log_line(enum log_level level, const char *room, const char *format, ...) PRINTF_LIKE(3, 4);
const char *log_level_name(enum log_level level);

/* Each .c file that logs defines LOG_ROOM, its room's name as text, before its includes. */
#define LOG_AT(level, ...)                          \
    do {                                            \
        if (log_enabled(level))                     \
            log_line(level, LOG_ROOM, __VA_ARGS__); \
    } while (0)
#define LOG_DEBUG(...) LOG_AT(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define LOG_INFO(...) LOG_AT(LOG_LEVEL_INFO, __VA_ARGS__)
#define LOG_WARN(...) LOG_AT(LOG_LEVEL_WARN, __VA_ARGS__)
#define LOG_ERROR(...) LOG_AT(LOG_LEVEL_ERROR, __VA_ARGS__)

/*
 * For lines that a peer or a full disk could repeat without end: LOG_LIMIT_LINES in each
 * LOG_LIMIT_PERIOD_NS, and then how many were left out. One owner; zeroed is a new one.
 *
 *     if (log_limit_admits(&shard->refusals, LOG_ROOM, now_ns))
 *         LOG_WARN(...);
 */
#define LOG_LIMIT_LINES 10
#define LOG_LIMIT_PERIOD_NS UINT64_C(10000000000)

struct log_limit {
    uint64_t period_end_ns;
    uint32_t lines;
    uint64_t left_out;
};

/* May the line be written? Tells those left out of an earlier period first. `now_ns` is monotonic.
 */
bool log_limit_admits(struct log_limit *limit, const char *room, uint64_t now_ns);

#endif
