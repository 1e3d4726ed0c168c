#ifndef BASE_BASE64_H
#define BASE_BASE64_H
/* Base64 with '+', '/' and padding (RFC 4648, section 4). Kafka's ids have an alphabet of their
 * own (base/uuid.h). */
#include "base/buf.h"

/* Append the text of the bytes. */
void base64_put(struct buf *out, const void *data, size_t size);
/*
 * Append the bytes of the text. Padding may be left out, as Java's decoder has it. ERR_INVALID: a
 * character that is none of the alphabet's, or a length that cannot be; `out` is then as it was.
 */
enum err base64_decode(const char *text, size_t size, struct buf *out) MUST_USE;

#endif
