#include "base/base64.h"

void base64_put(struct buf *out, const void *data, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i += 3) {
        size_t more = size - i;
        uint32_t bits = (uint32_t)bytes[i] << 16 | (more > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                        (more > 2 ? bytes[i + 2] : 0);
        char text[4] = {digits[bits >> 18], digits[bits >> 12 & 63],
                        more > 1 ? digits[bits >> 6 & 63] : '=',
                        more > 2 ? digits[bits & 63] : '='};
        buf_put(out, text, sizeof text);
    }
}

static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

enum err base64_decode(const char *text, size_t size, struct buf *out)
{
    size_t before = out->size;
    size_t padded = size % 4 == 0 ? 2 : 0;
    for (; padded > 0 && size > 0 && text[size - 1] == '='; padded--)
        size--;
    uint32_t bits = 0;
    unsigned bit_count = 0;
    bool good = size % 4 != 1;
    for (size_t i = 0; i < size && good; i++) {
        int digit = digit_of(text[i]);
        good = digit >= 0;
        bits = bits << 6 | (uint32_t)(digit & 63);
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            buf_put_i8(out, (int8_t)(uint8_t)(bits >> bit_count));
        }
    }
    if (good)
        return ERR_OK;
    out->size = before;
    return ERR_INVALID;
}
