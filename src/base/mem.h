#ifndef BASE_MEM_H
#define BASE_MEM_H
#include "base/assert.h"

#include <stddef.h>

/*
 * Two kinds of allocation. What our own limits bound (a connection, a partition) comes from
 * mem_alloc and aborts the process when the machine has no memory left. What a peer's or a file's
 * bytes decide the size of comes from mem_try_alloc and its failure is an error to answer.
 */
void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull));
void *mem_zalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *mem_realloc(void *ptr, size_t size) __attribute__((returns_nonnull));
void mem_free(void *ptr);
char *mem_strdup(const char *text) __attribute__((returns_nonnull));
char *mem_strndup(const char *text, size_t size) __attribute__((returns_nonnull));
/* printf into a new string. */
char *mem_printf(const char *format, ...) PRINTF_LIKE(1, 2) __attribute__((returns_nonnull));

/* NULL when memory is short. */
void *mem_try_alloc(size_t size) MUST_USE;
void *mem_try_realloc(void *ptr, size_t size) MUST_USE;

/*
 * For tests: the nth fallible allocation from now fails (1 = the next one; 0 = never). Counted per
 * thread. Returns how many fallible allocations there were since the last call.
 */
size_t mem_fail_after(size_t nth);

#endif
