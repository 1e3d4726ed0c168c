#include "base/uuid.h"

#include "base/bytes.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#define TEXT_CHARS (UUID_TEXT_BYTES - 1)
#define DASH_INDEX 62 /* of '-' in the alphabet */

const char *uuid_to_text(const struct uuid *uuid, char out[UUID_TEXT_BYTES])
{
    uint32_t bits = 0;
    unsigned bit_count = 0;
    size_t in = 0;
    for (size_t i = 0; i < TEXT_CHARS; i++) {
        if (bit_count < 6) {
            /* Four zero bits fill up the last character. */
            bits = bits << 8 | (in < sizeof uuid->bytes ? uuid->bytes[in] : 0);
            in++;
            bit_count += 8;
        }
        bit_count -= 6;
        out[i] = alphabet[bits >> bit_count & 63];
    }
    out[TEXT_CHARS] = '\0';
    return out;
}

static int char_index(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? DASH_INDEX : c == '_' ? 63 : -1;
}

enum err uuid_from_text(const char *text, size_t size, struct uuid *out)
{
    if (size == TEXT_CHARS + 2 && text[TEXT_CHARS] == '=' && text[TEXT_CHARS + 1] == '=')
        size = TEXT_CHARS;
    if (size != TEXT_CHARS)
        return ERR_INVALID;
    struct uuid uuid;
    uint32_t bits = 0;
    unsigned bit_count = 0;
    size_t filled = 0;
    for (size_t i = 0; i < TEXT_CHARS; i++) {
        int index = char_index(text[i]);
        if (index < 0)
            return ERR_INVALID;
        bits = bits << 6 | (uint32_t)index;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            uuid.bytes[filled++] = (uint8_t)(bits >> bit_count);
        }
    }
    /* The last character's lower four bits belong to no byte; Java does not look at them either. */
    ASSERT(filled == sizeof uuid.bytes);
    *out = uuid;
    return ERR_OK;
}

bool uuid_from_random(const uint8_t random[16], struct uuid *out)
{
    struct uuid uuid;
    memcpy(uuid.bytes, random, sizeof uuid.bytes);
    uuid.bytes[6] = (uint8_t)((uuid.bytes[6] & 0x0f) | 0x40); /* version 4 */
    uuid.bytes[8] = (uint8_t)((uuid.bytes[8] & 0x3f) | 0x80); /* variant of RFC 9562 */
    /* The version bits keep the upper half from being the reserved 0. A leading dash would be taken
     * for an option on a command line. */
    if (uuid.bytes[0] >> 2 == DASH_INDEX)
        return false;
    *out = uuid;
    return true;
}

int uuid_compare(const struct uuid *a, const struct uuid *b)
{
    for (size_t half = 0; half < 2; half++) {
        int64_t left = (int64_t)load_be64(a->bytes + 8 * half);
        int64_t right = (int64_t)load_be64(b->bytes + 8 * half);
        if (left != right)
            return left < right ? -1 : 1;
    }
    return 0;
}
