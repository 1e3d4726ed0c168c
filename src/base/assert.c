#include "base/assert.h"

#include <execinfo.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define STANDARD_ERROR_FD 2

void panic_at(const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    fflush(stderr);
    va_end(args);
    void *frames[64];
    int count = backtrace(frames, (int)ARRAY_COUNT(frames));
    backtrace_symbols_fd(frames, count, STANDARD_ERROR_FD);
    abort();
}
