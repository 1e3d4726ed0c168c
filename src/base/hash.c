#include "base/hash.h"

#include "base/hash_int.h"

#include "base/assert.h"
#include "base/bytes.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

/* Castagnoli's polynomial, lowest power in the highest bit. */
#define CRC32C_POLYNOMIAL UINT32_C(0x82f63b78)

/* slices[i][b]: the remainder of byte b followed by i zero bytes. */
static uint32_t slices[8][256];

/* These work on the register itself; crc32c inverts it before and after. */
typedef uint32_t crc_fn(uint32_t crc, const uint8_t *data, size_t size);

/* Those that this processor knows, the fastest last. Filled before main. */
static crc_fn *crc_ways[3];
static size_t crc_way_count;
static crc_fn *crc_best;

static void crc_add_way(crc_fn *way)
{
    ASSERT(crc_way_count < ARRAY_COUNT(crc_ways));
    crc_ways[crc_way_count++] = way;
    crc_best = way;
}

static uint32_t crc_portable(uint32_t crc, const uint8_t *at, size_t size)
{
    for (; size >= 8; at += 8, size -= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        word ^= crc;
        crc = slices[7][word & 0xff] ^ slices[6][word >> 8 & 0xff] ^ slices[5][word >> 16 & 0xff] ^
              slices[4][word >> 24 & 0xff] ^ slices[3][word >> 32 & 0xff] ^
              slices[2][word >> 40 & 0xff] ^ slices[1][word >> 48 & 0xff] ^ slices[0][word >> 56];
    }
    for (; size > 0; at++, size--)
        crc = crc >> 8 ^ slices[0][(crc ^ *at) & 0xff];
    return crc;
}

#if defined(__x86_64__)

/*
 * The crc32 instruction takes 3 cycles but starts one each cycle: three independent lanes keep it
 * busy. Lanes of n bytes are joined by moving the first over 2n and the second over n zero bytes,
 * a carry-less product with x^(8 * bytes - 33) mod P whose 64 bits one more crc32 reduces. Longer
 * lanes would be faster on what is in the cache, but read memory too far apart for its prefetcher.
 */
#define X86_TARGET __attribute__((target("sse4.2,pclmul")))

struct lane_size {
    size_t bytes;
    uint32_t shift_one; /* x^(8 * bytes - 33) */
    uint32_t shift_two; /* x^(16 * bytes - 33) */
};

static const struct lane_size lane_sizes[] = {
    {256, 0xb9e02b86, 0xdd7e3b0c},
    {64, 0x9e4addf8, 0x0d3b6092},
};

static inline uint64_t load_u64(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

X86_TARGET static inline uint64_t shift_product(uint64_t crc, uint32_t shift)
{
    __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)crc),
                                           _mm_cvtsi64_si128((long long)shift), 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}

X86_TARGET static uint64_t crc_three_lanes(uint64_t crc, const uint8_t *at,
                                           const struct lane_size *lane)
{
    uint64_t first = crc, second = 0, third = 0;
    const uint8_t *end = at + lane->bytes;
    for (; at < end; at += 16) {
        first = _mm_crc32_u64(first, load_u64(at));
        second = _mm_crc32_u64(second, load_u64(at + lane->bytes));
        third = _mm_crc32_u64(third, load_u64(at + 2 * lane->bytes));
        first = _mm_crc32_u64(first, load_u64(at + 8));
        second = _mm_crc32_u64(second, load_u64(at + lane->bytes + 8));
        third = _mm_crc32_u64(third, load_u64(at + 2 * lane->bytes + 8));
    }
    uint64_t moved = shift_product(first, lane->shift_two) ^ shift_product(second, lane->shift_one);
    return _mm_crc32_u64(0, moved) ^ third;
}

X86_TARGET static uint32_t crc_x86(uint32_t crc, const uint8_t *at, size_t size)
{
    uint64_t wide = crc;
    for (size_t i = 0; i < ARRAY_COUNT(lane_sizes); i++) {
        size_t all_bytes = 3 * lane_sizes[i].bytes;
        for (; size >= all_bytes; at += all_bytes, size -= all_bytes)
            wide = crc_three_lanes(wide, at, &lane_sizes[i]);
    }
    for (; size >= 8; at += 8, size -= 8)
        wide = _mm_crc32_u64(wide, load_u64(at));
    crc = (uint32_t)wide;
    for (; size > 0; at++, size--)
        crc = _mm_crc32_u8(crc, *at);
    return crc;
}

/*
 * With carry-less products of 512 bits there is no need for the instruction: each 16 bytes are
 * moved over those that follow them, low half by x^(8 * bytes + 31), high half by x^(8 * bytes -
 * 33), and added. Four registers go 256 bytes a step; what they become is folded into 16 bytes,
 * which two crc32 reduce.
 */
#define AVX512_TARGET __attribute__((target("avx512f,avx512vl,vpclmulqdq,sse4.2,pclmul")))
#define AVX512_BYTES_MIN 512

struct fold {
    uint32_t low, high;
};

static const struct fold fold_256 = {0xdcb17aa4, 0xb9e02b86};
static const struct fold fold_64 = {0x740eef02, 0x9e4addf8};
static const struct fold fold_16 = {0xf20c0dfe, 0x493c7d27};

AVX512_TARGET static inline __m512i fold_512(__m512i value, __m512i by, __m512i next)
{
    __m512i low = _mm512_clmulepi64_epi128(value, by, 0x00);
    __m512i high = _mm512_clmulepi64_epi128(value, by, 0x11);
    return _mm512_ternarylogic_epi64(low, high, next, 0x96); /* all three xored */
}

AVX512_TARGET static inline __m128i fold_128(__m128i value, __m128i by, __m128i next)
{
    __m128i low = _mm_clmulepi64_si128(value, by, 0x00);
    __m128i high = _mm_clmulepi64_si128(value, by, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

AVX512_TARGET static inline __m128i fold_by(const struct fold *fold)
{
    return _mm_set_epi64x(fold->high, fold->low);
}

AVX512_TARGET static uint32_t crc_avx512(uint32_t crc, const uint8_t *at, size_t size)
{
    if (size < AVX512_BYTES_MIN)
        return crc_x86(crc, at, size);
    __m512i by = _mm512_broadcast_i32x4(fold_by(&fold_256));
    __m512i a = _mm512_loadu_si512(at), b = _mm512_loadu_si512(at + 64);
    __m512i c = _mm512_loadu_si512(at + 128), d = _mm512_loadu_si512(at + 192);
    a = _mm512_xor_si512(a, _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)crc)));
    for (at += 256, size -= 256; size >= 256; at += 256, size -= 256) {
        a = fold_512(a, by, _mm512_loadu_si512(at));
        b = fold_512(b, by, _mm512_loadu_si512(at + 64));
        c = fold_512(c, by, _mm512_loadu_si512(at + 128));
        d = fold_512(d, by, _mm512_loadu_si512(at + 192));
    }
    by = _mm512_broadcast_i32x4(fold_by(&fold_64));
    d = fold_512(fold_512(fold_512(a, by, b), by, c), by, d);
    for (; size >= 64; at += 64, size -= 64)
        d = fold_512(d, by, _mm512_loadu_si512(at));

    __m128i last = fold_by(&fold_16);
    __m128i rest = _mm512_extracti32x4_epi32(d, 0);
    rest = fold_128(rest, last, _mm512_extracti32x4_epi32(d, 1));
    rest = fold_128(rest, last, _mm512_extracti32x4_epi32(d, 2));
    rest = fold_128(rest, last, _mm512_extracti32x4_epi32(d, 3));
    uint64_t wide = _mm_crc32_u64(0, (uint64_t)_mm_extract_epi64(rest, 0));
    wide = _mm_crc32_u64(wide, (uint64_t)_mm_extract_epi64(rest, 1));
    return crc_x86((uint32_t)wide, at, size);
}

static void crc_find_ways(void)
{
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("sse4.2") || !__builtin_cpu_supports("pclmul"))
        return;
    crc_add_way(crc_x86);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("vpclmulqdq"))
        crc_add_way(crc_avx512);
}

#elif defined(__aarch64__)

/* Written as instructions, because the compilers differ in how they name them and in whether a
 * function may use more of the processor than its file. */
static inline uint32_t crc_arm_word(uint32_t crc, uint64_t word)
{
    __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(word));
    return crc;
}

static inline uint32_t crc_arm_byte(uint32_t crc, uint8_t byte)
{
    __asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(crc) : "r"((uint32_t)byte));
    return crc;
}

static uint32_t crc_arm(uint32_t crc, const uint8_t *at, size_t size)
{
    for (; size >= 8; at += 8, size -= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        crc = crc_arm_word(crc, word);
    }
    for (; size > 0; at++, size--)
        crc = crc_arm_byte(crc, *at);
    return crc;
}

static void crc_find_ways(void)
{
    if ((getauxval(AT_HWCAP) & HWCAP_CRC32) != 0)
        crc_add_way(crc_arm);
}

#else

static void crc_find_ways(void) {}

#endif

/* Before main, so that no thread has to wait for another or to look whether it is done. */
__attribute__((constructor)) static void crc_init(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? CRC32C_POLYNOMIAL : 0);
        slices[0][byte] = crc;
    }
    for (size_t i = 1; i < ARRAY_COUNT(slices); i++)
        for (size_t byte = 0; byte < 256; byte++)
            slices[i][byte] = slices[i - 1][byte] >> 8 ^ slices[0][slices[i - 1][byte] & 0xff];
    crc_add_way(crc_portable);
    crc_find_ways();
}

uint32_t crc32c(uint32_t crc, const void *data, size_t size)
{
    return ~crc_best(~crc, data, size);
}

bool crc32c_way(size_t nth, uint32_t crc, const void *data, size_t size, uint32_t *out)
{
    if (nth >= crc_way_count)
        return false;
    *out = ~crc_ways[nth](~crc, data, size);
    return true;
}

uint32_t crc32c_portable(uint32_t crc, const void *data, size_t size)
{
    return ~crc_portable(~crc, data, size);
}

uint32_t murmur2(const void *data, size_t size)
{
    const uint32_t multiplier = 0x5bd1e995;
    const uint8_t *at = data;
    uint32_t hash = UINT32_C(0x9747b28c) ^ (uint32_t)size;
    size_t left = size;
    for (; left >= 4; at += 4, left -= 4) {
        uint32_t word;
        memcpy(&word, at, sizeof word);
        word *= multiplier;
        word ^= word >> 24;
        word *= multiplier;
        hash = hash * multiplier ^ word;
    }
    if (left > 0) {
        uint32_t word = 0;
        memcpy(&word, at, left);
        hash = (hash ^ word) * multiplier;
    }
    hash ^= hash >> 13;
    hash *= multiplier;
    return hash ^ hash >> 15;
}

/*
 * One code point from UTF-8 of `size` > 0 bytes, as Java's decoder reads it: what is malformed
 * gives U+FFFD for each longest beginning of a valid sequence, for each encoded surrogate, or else
 * for each byte.
 */
static size_t utf8_next(const uint8_t *at, size_t size, uint32_t *code)
{
    uint8_t lead = at[0];
    if (lead < 0x80) {
        *code = lead;
        return 1;
    }
    *code = 0xfffd;
    if (lead < 0xc2 || lead > 0xf4)
        return 1;
    size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    /* The second byte's range keeps out overlong forms and what is above U+10FFFF. */
    uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xf4 ? 0x8f : 0xbf;
    uint32_t value = lead & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if (i == size || at[i] < low || at[i] > high)
            return i;
        value = value << 6 | (at[i] & 0x3f);
        low = 0x80;
        high = 0xbf;
    }
    if (value < 0xd800 || value > 0xdfff)
        *code = value;
    return length;
}

int32_t java_string_hash(const char *utf8, size_t size)
{
    uint32_t hash = 0;
    for (const uint8_t *at = (const uint8_t *)utf8; size > 0;) {
        uint32_t code;
        size_t taken = utf8_next(at, size, &code);
        at += taken;
        size -= taken;
        if (code >= 0x10000) {
            hash = 31 * hash + (0xd800 + ((code - 0x10000) >> 10));
            code = 0xdc00 + ((code - 0x10000) & 0x3ff);
        }
        hash = 31 * hash + code;
    }
    return (int32_t)hash;
}
