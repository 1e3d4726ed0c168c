#include "base/varint.h"

/*
 * One loop for both widths. `bytes_max` is the longest form; the last byte of that form may carry
 * `last_max` at most, or bits would fall off the top.
 */
static inline enum err read_unsigned(const uint8_t *data, size_t size, size_t bytes_max,
                                     uint8_t last_max, uint64_t *value, size_t *consumed)
{
    uint64_t result = 0;
    for (size_t i = 0; i < bytes_max; i++) {
        if (i == size)
            return ERR_TRUNCATED;
        uint8_t byte = data[i];
        result |= (uint64_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            if (i == bytes_max - 1 && byte > last_max)
                return ERR_CORRUPT;
            *value = result;
            *consumed = i + 1;
            return ERR_OK;
        }
    }
    return ERR_CORRUPT;
}

enum err uvarint32_read(const uint8_t *data, size_t size, uint32_t *value, size_t *consumed)
{
    uint64_t wide = 0;
    enum err err = read_unsigned(data, size, VARINT32_BYTES_MAX, 0x0f, &wide, consumed);
    if (err == ERR_OK)
        *value = (uint32_t)wide;
    return err;
}

enum err uvarint64_read(const uint8_t *data, size_t size, uint64_t *value, size_t *consumed)
{
    return read_unsigned(data, size, VARINT64_BYTES_MAX, 0x01, value, consumed);
}

enum err varint32_read(const uint8_t *data, size_t size, int32_t *value, size_t *consumed)
{
    uint32_t raw = 0;
    enum err err = uvarint32_read(data, size, &raw, consumed);
    if (err == ERR_OK)
        *value = (int32_t)((raw >> 1) ^ (0 - (raw & 1)));
    return err;
}

enum err varint64_read(const uint8_t *data, size_t size, int64_t *value, size_t *consumed)
{
    uint64_t raw = 0;
    enum err err = uvarint64_read(data, size, &raw, consumed);
    if (err == ERR_OK)
        *value = (int64_t)((raw >> 1) ^ (0 - (raw & 1)));
    return err;
}

static uint32_t zigzag32(int32_t value)
{
    return ((uint32_t)value << 1) ^ (value < 0 ? UINT32_MAX : 0);
}

static uint64_t zigzag64(int64_t value)
{
    return ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
}

size_t uvarint64_write(uint8_t *out, uint64_t value)
{
    size_t size = 0;
    while (value >= 0x80) {
        out[size++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[size++] = (uint8_t)value;
    return size;
}

size_t uvarint32_write(uint8_t *out, uint32_t value)
{
    return uvarint64_write(out, value);
}

size_t varint32_write(uint8_t *out, int32_t value)
{
    return uvarint64_write(out, zigzag32(value));
}

size_t varint64_write(uint8_t *out, int64_t value)
{
    return uvarint64_write(out, zigzag64(value));
}

size_t uvarint64_size(uint64_t value)
{
    /* One byte for each seven bits begun; 0 takes one as well. */
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
    return (bits + 6) / 7;
}

size_t uvarint32_size(uint32_t value)
{
    return uvarint64_size(value);
}

size_t varint32_size(int32_t value)
{
    return uvarint64_size(zigzag32(value));
}

size_t varint64_size(int64_t value)
{
    return uvarint64_size(zigzag64(value));
}
