/* crc32c against known values and the portable one; murmur2 and Java's string hash against values
 * that Apache Kafka 4.3.1 and the JDK gave. */
#include "base/hash_int.h"

#include "../unit.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/prng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test_crc32c_known(void **state)
{
    UNUSED(state);
    uint8_t bytes[32];
    assert_int_equal(crc32c(0, "", 0), 0);
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
    /* RFC 3720, B.4 */
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(crc32c(0, bytes, 32), 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(crc32c(0, bytes, 32), 0x62a8ab43);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(crc32c(0, bytes, 32), 0x46dd794e);
    assert_int_equal(crc32c_portable(0, bytes, 32), 0x46dd794e);
}

/* Bit by bit, straight from the definition. */
static uint32_t crc32c_slow(uint32_t crc, const uint8_t *data, size_t size)
{
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    return ~crc;
}

/* Every way that this processor has gives the same, at each size and alignment. */
static void check_ways(uint32_t crc, const uint8_t *data, size_t size, uint32_t expected)
{
    assert_int_equal(crc32c(crc, data, size), expected);
    assert_int_equal(crc32c_portable(crc, data, size), expected);
    uint32_t result;
    for (size_t way = 0; crc32c_way(way, crc, data, size, &result); way++)
        assert_int_equal(result, expected);
}

static void test_crc32c_sizes(void **state)
{
    UNUSED(state);
    struct prng prng;
    prng_init(&prng, 1);
    size_t size_max = 64 << 10;
    uint8_t *bytes = malloc(size_max + 8);
    prng_bytes(&prng, bytes, size_max + 8);
    for (size_t size = 0; size < 2000; size++) {
        uint32_t crc = (uint32_t)prng_u64(&prng);
        size_t shift = size % 8;
        check_ways(crc, bytes + shift, size, crc32c_slow(crc, bytes + shift, size));
    }
    for (int i = 0; i < 2000; i++) {
        size_t size = (size_t)prng_below(&prng, size_max), shift = (size_t)prng_below(&prng, 8);
        uint32_t crc = (uint32_t)prng_u64(&prng);
        check_ways(crc, bytes + shift, size, crc32c_portable(crc, bytes + shift, size));
        /* In two parts it is the same. */
        size_t cut = (size_t)prng_below(&prng, size + 1);
        assert_int_equal(crc32c(crc32c(crc, bytes, cut), bytes + cut, size - cut),
                         crc32c(crc, bytes, size));
    }
    free(bytes);
}

struct java_row {
    const char *hex;
    uint32_t murmur2;
    int32_t string_hash; /* of the bytes decoded as UTF-8, malformed ones replaced */
};

static const struct java_row java_rows[] = {
    {"", 0x106e08d9, 0},
    {"61", 0xa2d0b27c, 97},
    {"6162", 0x12d8262a, 3105},
    {"616263", 0x1c94221b, 96354},
    {"61626364", 0xb11ab5f4, 2987074},
    {"6162636465", 0x1b897edd, 92599395},
    {"3231", 0xc5f2f8ec, 1599},
    {"666f6f626172", 0xd0e47bbe, -1268878963},
    {"612d6c6974746c652d6269742d6c6f6e672d737472696e67", 0xc53b1da0, -865776169},
    {"612d6c6974746c652d6269742d6c6f6e6765722d737472696e67", 0xa768c9c3, -1512594870},
    {"6c6b6a683233346c68396669756839307932336f697568736166756a6861646f66323239706872396831396838396"
     "838",
     0xfc7d49cd, -305440039},
    {"7363686cc3bc7373656c", 0x13c13718, 180015919},
    {"e282ac", 0xaf672ffe, 8364},
    {"f09f9880206772696e", 0x692f436f, -1297591315},
    {"0078efbfbf", 0x83b658eb, 69255},
    {"98f4f7a35a94c9ff", 0x9f8d279f, -2136287997},
    {"e98ea81edfbfae", 0xe3e841c2, 1126257620},
    {"0705e6", 0x6beaffb8, 72415},
    {"f1f53297e18821", 0x52b06565, -288498001},
    {"84b891f7fda8dd9d", 0x4de49a69, -6087555},
    {"99", 0x4ccb180d, 65533},
    {"7ae22ae0a4f7ec", 0x719ec903, -344325834},
    {"bb0ff5b411", 0x955a17c0, 457015167},
    {"863dbfa94c73", 0xe7efa0cb, 1325052199},
    {"fefc", 0x87a1ac65, 2097056},
    {"f6bfcdb7e452e1", 0x6fd18ea1, -265526415},
    {"b7e3f55782", 0xff37af05, -1888068701},
    {"590b", 0xfa2d6740, 2770},
    {"e7f8", 0xc60912b3, 2097056},
    {"ec", 0x4258f699, 65533},
    {"e3dd", 0xa4a16a1d, 2097056},
    {"b3a2e0a3eebdbbc1f5", 0xe52846da, 1658310366},
    {"fe41e1fe58c993", 0x4d05e6a6, 1328747135},
    {"eaecd56d9db8fff2", 0x9ac6e7f8, -477571344},
    {"b9efdf14d3e0", 0x3c6adcb7, 1599413559},
    {"e6e1", 0xd8bfe849, 2097056},
    {"ac28ef", 0x15ea7f53, 63043986},
    {"36ed03e68055d6e980", 0xa8921110, 1891245556},
    {"516aa2", 0x71e5b536, 146660},
    {"98bcf495", 0xc67b8e5f, 2017367872},
    {"1c979ed190ebf98aca", 0xdd9754a2, -2118934444},
    {"9d4e6da7", 0xa17d0a4e, 1952437473},
    {"aafcd1e4", 0x5a93e7e1, 2017367872},
    {"e6ccf883ee", 0x87cc158c, -1886039875},
    {"ade4e02ef35945af", 0xde2dcaf8, -600674235},
    {"eddff77e814997", 0xc96aa67e, -1956593104},
    {"15650af7e419", 0x26188a37, 759794463},
    {"ab", 0xf864b78e, 65533},
    {"883328cd", 0x31318527, 1952409387},
    {"aa60308c88eb83", 0x5f16659a, -591393616},
    {"e924df58fffb", 0x1e110420, 1241166114},
    {"855b", 0x29ce2916, 2031614},
    {"a3b9f6929c", 0xd87bcd5d, -1886039875},
    {"86a2f9749091", 0xf1fe6819, 1599505815},
    {"1574a5af5f29", 0xef75d1f2, -1571352887},
    {"eda08078", 0xfcebdd7d, 2031643},
    {"f09f98", 0xa19f5983, 65533},
    {"f4908080", 0x69f0f57e, 2017367872},
    {"e08080", 0x6d59ce3, 65074269},
    {"c080", 0x464f345, 2097056},
    {"f888808080", 0xd9317b6b, -1886039875},
};

static void test_java_rows(void **state)
{
    UNUSED(state);
    for (size_t row = 0; row < ARRAY_COUNT(java_rows); row++) {
        size_t size = strlen(java_rows[row].hex) / 2;
        uint8_t *bytes = malloc(size + 1);
        for (size_t i = 0; i < size; i++) {
            unsigned value;
            assert_int_equal(sscanf(java_rows[row].hex + 2 * i, "%2x", &value), 1);
            bytes[i] = (uint8_t)value;
        }
        assert_int_equal(murmur2(bytes, size), java_rows[row].murmur2);
        assert_int_equal(java_string_hash((const char *)bytes, size), java_rows[row].string_hash);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc32c_known),
        cmocka_unit_test(test_crc32c_sizes),
        cmocka_unit_test(test_java_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
