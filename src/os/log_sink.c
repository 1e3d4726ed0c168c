/* Log lines to standard error. Any thread; one write a line, so lines of threads do not mix. */
#include "os/os_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* More than a line of base/log.h and what we put around it; a longer one is cut. */
#define LINE_BYTES_MAX 4096
#define COLOUR_OFF "\033[0m"

static const char *const colour_on[] = {
    [LOG_LEVEL_DEBUG] = "\033[2m",
    [LOG_LEVEL_INFO] = "",
    [LOG_LEVEL_WARN] = "\033[33m",
    [LOG_LEVEL_ERROR] = "\033[1;31m",
};

static bool colour_wanted(void)
{
    const char *no_color = getenv("NO_COLOR"); /* no-color.org */
    const char *term = getenv("TERM");
    if (no_color != NULL && no_color[0] != 0)
        return false;
    return os_is_terminal(STDERR_FILENO) && (term == NULL || strcmp(term, "dumb") != 0);
}

static size_t line_put_time(char *out, size_t room)
{
    struct timespec now;
    struct tm local;
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    size_t size = strftime(out, room, "%Y-%m-%d %H:%M:%S", &local);
    int more = snprintf(out + size, room - size, ".%03d ", (int)(now.tv_nsec / 1000000));
    return size + (size_t)more;
}

static void sink_write(void *context, enum log_level level, const char *room, const char *line)
{
    bool colour = context != NULL && level < LOG_LEVEL_NONE && colour_on[level][0] != 0;
    char out[LINE_BYTES_MAX];

    size_t size = line_put_time(out, sizeof out);
    int more =
        snprintf(out + size, sizeof out - size, "%s%-5s %s: %s%s\n", colour ? colour_on[level] : "",
                 log_level_name(level), room, line, colour ? COLOUR_OFF : "");
    size += more > 0 ? (size_t)more : 0;
    if (size >= sizeof out) {
        size = sizeof out;
        out[size - 1] = '\n';
    }
    /* A reader that is gone or does not read must not stop us: the line is lost then. */
    int errno_before = errno;
    ssize_t done;
    do {
        done = write(STDERR_FILENO, out, size);
    } while (done < 0 && errno == EINTR);
    UNUSED(done);
    errno = errno_before;
}

void os_log_init(enum log_level level_min)
{
    static char colour; /* its address is the sink's context */
    tzset();
    log_set_sink(sink_write, colour_wanted() ? &colour : NULL);
    log_set_level(level_min);
}
