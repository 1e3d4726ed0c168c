#include "base/buf.h"

#include "base/mem.h"
#include "base/varint.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CAPACITY_FIRST ((size_t)64)

void buf_deinit(struct buf *buf)
{
    mem_free(buf->data);
    *buf = BUF_EMPTY;
}

/* Doubling, so that appending is linear in all; 0 when size + more is not a size. */
static size_t capacity_for(const struct buf *buf, size_t more)
{
    size_t need;
    if (__builtin_add_overflow(buf->size, more, &need) || need > SIZE_MAX / 2)
        return 0;
    size_t capacity = buf->capacity > 0 ? buf->capacity : CAPACITY_FIRST;
    if (capacity < need)
        capacity = capacity * 2 > need ? capacity * 2 : need;
    return capacity;
}

uint8_t *buf_reserve(struct buf *buf, size_t more)
{
    if (buf->data == NULL || more > buf->capacity - buf->size) {
        size_t capacity = capacity_for(buf, more);
        ASSERT(capacity > 0);
        buf->data = mem_realloc(buf->data, capacity);
        buf->capacity = capacity;
    }
    return buf->data + buf->size;
}

uint8_t *buf_try_reserve(struct buf *buf, size_t more)
{
    if (buf->data == NULL || more > buf->capacity - buf->size) {
        size_t capacity = capacity_for(buf, more);
        uint8_t *data = capacity > 0 ? mem_try_realloc(buf->data, capacity) : NULL;
        if (data == NULL)
            return NULL;
        buf->data = data;
        buf->capacity = capacity;
    }
    return buf->data + buf->size;
}

uint8_t *buf_extend(struct buf *buf, size_t size)
{
    uint8_t *at = buf_reserve(buf, size);
    buf->size += size;
    return at;
}

void buf_put(struct buf *buf, const void *data, size_t size)
{
    if (size > 0)
        memcpy(buf_extend(buf, size), data, size);
}

void buf_put_zeros(struct buf *buf, size_t size)
{
    memset(buf_extend(buf, size), 0, size);
}

void buf_put_i8(struct buf *buf, int8_t value)
{
    *buf_extend(buf, 1) = (uint8_t)value;
}

void buf_put_be16(struct buf *buf, uint16_t value)
{
    store_be16(buf_extend(buf, sizeof value), value);
}

void buf_put_be32(struct buf *buf, uint32_t value)
{
    store_be32(buf_extend(buf, sizeof value), value);
}

void buf_put_be64(struct buf *buf, uint64_t value)
{
    store_be64(buf_extend(buf, sizeof value), value);
}

void buf_put_uvarint32(struct buf *buf, uint32_t value)
{
    buf->size += uvarint32_write(buf_reserve(buf, VARINT32_BYTES_MAX), value);
}

void buf_put_varint32(struct buf *buf, int32_t value)
{
    buf->size += varint32_write(buf_reserve(buf, VARINT32_BYTES_MAX), value);
}

void buf_put_varint64(struct buf *buf, int64_t value)
{
    buf->size += varint64_write(buf_reserve(buf, VARINT64_BYTES_MAX), value);
}

void buf_put_text(struct buf *buf, const char *text)
{
    buf_put(buf, text, strlen(text));
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    ASSERT(size >= 0);
    char *text = (char *)buf_reserve(buf, (size_t)size + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)size + 1, format, args);
    va_end(args);
    buf->size += (size_t)size;
}

const char *buf_text(struct buf *buf)
{
    *buf_reserve(buf, 1) = '\0';
    return (const char *)buf->data;
}
