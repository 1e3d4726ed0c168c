#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H
/*
 * Assertions: always on, cheap, about our own mistakes only. What comes from a peer or a disk is
 * checked and answered with an error instead.
 */

/* Prints the sentence and a backtrace to standard error and aborts. Never returns. */
__attribute__((noreturn, format(printf, 3, 4))) void panic_at(const char *file, int line,
                                                              const char *format, ...);

#define PANIC(...) panic_at(__FILE__, __LINE__, __VA_ARGS__)

#define ASSERT(condition)                                                     \
    do {                                                                      \
        if (__builtin_expect(!(condition), 0))                                \
            panic_at(__FILE__, __LINE__, "assertion failed: %s", #condition); \
    } while (0)

#define UNREACHABLE() panic_at(__FILE__, __LINE__, "unreachable")

#define STATIC_ASSERT(condition, message) _Static_assert(condition, message)

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_index, args_index) \
    __attribute__((format(printf, format_index, args_index)))
#define UNUSED(x) ((void)(x))
#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The struct of `type` whose member `member` is at `ptr`. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
