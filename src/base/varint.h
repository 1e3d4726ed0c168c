#ifndef BASE_VARINT_H
#define BASE_VARINT_H
#include "base/assert.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Variable-length integers as Protocol Buffers and Kafka write them: seven bits a byte, lowest
 * first. The signed ones are zigzag coded. A 32-bit one takes at most 5 bytes, a 64-bit one at most
 * 10; longer ones are ERR_CORRUPT, as is a value that does not fit. On success *consumed is the
 * number of bytes read.
 */
#define VARINT32_BYTES_MAX 5
#define VARINT64_BYTES_MAX 10

enum err uvarint32_read(const uint8_t *data, size_t size, uint32_t *value,
                        size_t *consumed) MUST_USE;
enum err uvarint64_read(const uint8_t *data, size_t size, uint64_t *value,
                        size_t *consumed) MUST_USE;
enum err varint32_read(const uint8_t *data, size_t size, int32_t *value, size_t *consumed) MUST_USE;
enum err varint64_read(const uint8_t *data, size_t size, int64_t *value, size_t *consumed) MUST_USE;

/* Write to `out`, which has room for the maximum; return the bytes written. */
size_t uvarint32_write(uint8_t *out, uint32_t value);
size_t uvarint64_write(uint8_t *out, uint64_t value);
size_t varint32_write(uint8_t *out, int32_t value);
size_t varint64_write(uint8_t *out, int64_t value);

size_t uvarint32_size(uint32_t value);
size_t uvarint64_size(uint64_t value);
size_t varint32_size(int32_t value);
size_t varint64_size(int64_t value);

#endif
