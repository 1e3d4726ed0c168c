#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H
/* cmocka, after the headers that it wants to come before it. */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#endif
