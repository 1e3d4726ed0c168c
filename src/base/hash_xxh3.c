/*
 * XXH3, 64 bits, seed 0 (xxHash's specification). Short inputs have a formula for each range of
 * sizes; from 241 bytes on, stripes of 64 bytes go into eight lanes, which are scrambled after each
 * block of 16 stripes.
 */
#include "base/hash.h"

#define PRIME32_1 UINT64_C(0x9e3779b1)
#define PRIME32_2 UINT64_C(0x85ebca77)
#define PRIME32_3 UINT64_C(0xc2b2ae3d)
#define PRIME64_1 UINT64_C(0x9e3779b185ebca87)
#define PRIME64_2 UINT64_C(0xc2b2ae3d27d4eb4f)
#define PRIME64_3 UINT64_C(0x165667b19e3779f9)
#define PRIME64_4 UINT64_C(0x85ebca77c2b2ae63)
#define PRIME64_5 UINT64_C(0x27d4eb2f165667c5)

#define STRIPE_BYTES 64
#define BLOCK_STRIPES 16
#define BLOCK_BYTES (STRIPE_BYTES * BLOCK_STRIPES)
#define LANES 8

/* The specification's default secret. */
static const uint8_t secret[192] = {
    // clang-format off
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
    0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
    0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
    0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
    0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
    0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
    0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d,
    0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
    0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
    0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
    0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce,
    0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
    // clang-format on
};

static uint32_t load_le32(const uint8_t *data)
{
    return (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 |
           (uint32_t)data[3] << 24;
}

static uint64_t load_le64(const uint8_t *data)
{
    return (uint64_t)load_le32(data) | (uint64_t)load_le32(data + 4) << 32;
}

static uint64_t rotate(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

static uint64_t swap(uint64_t value)
{
    uint64_t out = 0;
    for (int i = 0; i < 8; i++)
        out = out << 8 | (value >> (8 * i) & 0xff);
    return out;
}

/* The halves of the 128-bit product, xored. */
static uint64_t fold(uint64_t a, uint64_t b)
{
    uint64_t low_low = (a & UINT32_MAX) * (b & UINT32_MAX);
    uint64_t high_low = (a >> 32) * (b & UINT32_MAX);
    uint64_t low_high = (a & UINT32_MAX) * (b >> 32);
    uint64_t cross = (low_low >> 32) + (high_low & UINT32_MAX) + low_high;
    uint64_t upper = (high_low >> 32) + (cross >> 32) + (a >> 32) * (b >> 32);
    return upper ^ (cross << 32 | (low_low & UINT32_MAX));
}

static uint64_t avalanche(uint64_t hash)
{
    hash = (hash ^ hash >> 37) * UINT64_C(0x165667919e3779f9);
    return hash ^ hash >> 32;
}

static uint64_t avalanche_64(uint64_t hash)
{
    hash = (hash ^ hash >> 33) * PRIME64_2;
    hash = (hash ^ hash >> 29) * PRIME64_3;
    return hash ^ hash >> 32;
}

static uint64_t hash_0_to_16(const uint8_t *data, size_t size)
{
    if (size > 8) {
        uint64_t low = load_le64(data) ^ load_le64(secret + 24) ^ load_le64(secret + 32);
        uint64_t high =
            load_le64(data + size - 8) ^ load_le64(secret + 40) ^ load_le64(secret + 48);
        return avalanche(size + swap(low) + high + fold(low, high));
    }
    if (size >= 4) {
        uint64_t hash = load_le32(data + size - 4) + ((uint64_t)load_le32(data) << 32);
        hash ^= load_le64(secret + 8) ^ load_le64(secret + 16);
        hash ^= rotate(hash, 49) ^ rotate(hash, 24);
        hash *= UINT64_C(0x9fb21c651e98df25);
        hash ^= (hash >> 35) + size;
        hash *= UINT64_C(0x9fb21c651e98df25);
        return hash ^ hash >> 28;
    }
    if (size > 0) {
        uint32_t mixed = (uint32_t)data[0] << 16 | (uint32_t)data[size >> 1] << 24 |
                         data[size - 1] | (uint32_t)size << 8;
        return avalanche_64(mixed ^ (uint64_t)(load_le32(secret) ^ load_le32(secret + 4)));
    }
    return avalanche_64(load_le64(secret + 56) ^ load_le64(secret + 64));
}

static uint64_t mix_16(const uint8_t *data, const uint8_t *key)
{
    return fold(load_le64(data) ^ load_le64(key), load_le64(data + 8) ^ load_le64(key + 8));
}

static uint64_t hash_17_to_128(const uint8_t *data, size_t size)
{
    uint64_t sum = size * PRIME64_1;
    size_t pairs = (size - 1) / 32;
    for (size_t i = pairs + 1; i-- > 0;) {
        sum += mix_16(data + 16 * i, secret + 32 * i);
        sum += mix_16(data + size - 16 * (i + 1), secret + 32 * i + 16);
    }
    return avalanche(sum);
}

static uint64_t hash_129_to_240(const uint8_t *data, size_t size)
{
    uint64_t sum = size * PRIME64_1;
    for (size_t i = 0; i < 8; i++)
        sum += mix_16(data + 16 * i, secret + 16 * i);
    sum = avalanche(sum);
    for (size_t i = 8; i < size / 16; i++)
        sum += mix_16(data + 16 * i, secret + 16 * (i - 8) + 3);
    sum += mix_16(data + size - 16, secret + 136 - 17);
    return avalanche(sum);
}

static void stripe(uint64_t lanes[LANES], const uint8_t *data, const uint8_t *key)
{
    for (size_t i = 0; i < LANES; i++) {
        uint64_t value = load_le64(data + 8 * i);
        uint64_t keyed = value ^ load_le64(key + 8 * i);
        lanes[i ^ 1] += value;
        lanes[i] += (keyed & UINT32_MAX) * (keyed >> 32);
    }
}

static uint64_t hash_long(const uint8_t *data, size_t size)
{
    uint64_t lanes[LANES] = {PRIME32_3, PRIME64_1, PRIME64_2, PRIME64_3,
                             PRIME64_4, PRIME32_2, PRIME64_5, PRIME32_1};
    size_t blocks = (size - 1) / BLOCK_BYTES;
    size_t stripes = (size - 1) / STRIPE_BYTES; /* the last one comes by itself */
    for (size_t i = 0; i < stripes; i++) {
        stripe(lanes, data + i * STRIPE_BYTES, secret + 8 * (i % BLOCK_STRIPES));
        if (i % BLOCK_STRIPES != BLOCK_STRIPES - 1 || i / BLOCK_STRIPES >= blocks)
            continue;
        for (size_t k = 0; k < LANES; k++)
            lanes[k] = (lanes[k] ^ lanes[k] >> 47 ^
                        load_le64(secret + sizeof secret - STRIPE_BYTES + 8 * k)) *
                       PRIME32_1;
    }
    stripe(lanes, data + size - STRIPE_BYTES, secret + sizeof secret - STRIPE_BYTES - 7);
    uint64_t sum = size * PRIME64_1;
    for (size_t i = 0; i < LANES; i += 2)
        sum += fold(lanes[i] ^ load_le64(secret + 11 + 8 * i),
                    lanes[i + 1] ^ load_le64(secret + 11 + 8 * i + 8));
    return avalanche(sum);
}

uint64_t xxh3_64(const void *data, size_t size)
{
    if (size <= 16)
        return hash_0_to_16(data, size);
    if (size <= 128)
        return hash_17_to_128(data, size);
    if (size <= 240)
        return hash_129_to_240(data, size);
    return hash_long(data, size);
}
