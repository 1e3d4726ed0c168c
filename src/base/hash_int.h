#ifndef BASE_HASH_INT_H
#define BASE_HASH_INT_H
#include "base/hash.h"

#include <stdbool.h>

/* For tests: crc32c by the nth way that this processor knows; false when there are not so many. */
bool crc32c_way(size_t nth, uint32_t crc, const void *data, size_t size, uint32_t *out);

#endif
