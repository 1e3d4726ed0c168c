#ifndef BASE_BUF_H
#define BASE_BUF_H
#include "base/assert.h"
#include "base/bytes.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* A growing byte buffer that is written at its end and can be patched before it. Memory comes from
 * mem_alloc. */
struct buf {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

#define BUF_EMPTY ((struct buf){0})

void buf_deinit(struct buf *buf);
/* Forget the content, keep the memory. */
static inline void buf_clear(struct buf *buf)
{
    buf->size = 0;
}
/* Room for `more` bytes after size; the pointer is good until the next call. size does not move. */
uint8_t *buf_reserve(struct buf *buf, size_t more);
/* For content whose size a peer or a file decides: as buf_reserve, but NULL (and the buffer as it
 * was) when memory is short. */
uint8_t *buf_try_reserve(struct buf *buf, size_t more) MUST_USE;
/* `size` bytes appended, not initialised; good until the next call. */
uint8_t *buf_extend(struct buf *buf, size_t size);
void buf_put(struct buf *buf, const void *data, size_t size);
void buf_put_zeros(struct buf *buf, size_t size);
void buf_put_i8(struct buf *buf, int8_t value);
void buf_put_be16(struct buf *buf, uint16_t value);
void buf_put_be32(struct buf *buf, uint32_t value);
void buf_put_be64(struct buf *buf, uint64_t value);
void buf_put_uvarint32(struct buf *buf, uint32_t value);
void buf_put_varint32(struct buf *buf, int32_t value);
void buf_put_varint64(struct buf *buf, int64_t value);
void buf_put_text(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
/* A 0 byte after the content that size does not count; returns the content as text. */
const char *buf_text(struct buf *buf);

#endif
