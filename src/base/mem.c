#include "base/mem.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of this thread: fallible allocations until the one that fails (0: none will), and how many there
 * were since mem_fail_after was last called. */
static _Thread_local size_t fail_in;
static _Thread_local size_t fallible_count;

size_t mem_fail_after(size_t nth)
{
    size_t count = fallible_count;
    fallible_count = 0;
    fail_in = nth;
    return count;
}

static bool fails_now(void)
{
    fallible_count++;
    return fail_in > 0 && --fail_in == 0;
}

/* malloc(0) may return NULL, which nobody here wants to tell from a failure. */
static size_t at_least_one(size_t size)
{
    return size > 0 ? size : 1;
}

void *mem_try_alloc(size_t size)
{
    return fails_now() ? NULL : malloc(at_least_one(size));
}

void *mem_try_realloc(void *ptr, size_t size)
{
    return fails_now() ? NULL : realloc(ptr, at_least_one(size));
}

static void *checked(void *ptr, size_t size)
{
    if (ptr == NULL)
        PANIC("out of memory: %zu bytes could not be allocated; lower this process's memory limits "
              "or give the machine more",
              size);
    return ptr;
}

void *mem_alloc(size_t size)
{
    return checked(malloc(at_least_one(size)), size);
}

void *mem_zalloc(size_t size)
{
    return checked(calloc(1, at_least_one(size)), size);
}

void *mem_realloc(void *ptr, size_t size)
{
    return checked(realloc(ptr, at_least_one(size)), size);
}

void mem_free(void *ptr)
{
    free(ptr);
}

char *mem_strndup(const char *text, size_t size)
{
    char *copy = mem_alloc(size + 1);
    if (size > 0)
        memcpy(copy, text, size);
    copy[size] = '\0';
    return copy;
}

char *mem_strdup(const char *text)
{
    return mem_strndup(text, strlen(text));
}

char *mem_printf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    ASSERT(size >= 0);
    char *text = mem_alloc((size_t)size + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)size + 1, format, args);
    va_end(args);
    return text;
}
