/* XXH3 against values of libxxhash 0.8.1, at the sizes where its formulas begin and end. */
#include "../unit.h"
#include "base/assert.h"
#include "base/hash.h"

static void test_xxh3_known(void **state)
{
    UNUSED(state);
    static const struct {
        size_t size;
        uint64_t hash;
    } known[] = {
        {0, 0x2d06800538d394c2},    {1, 0xc44bdff4074eecdb},    {2, 0x433ce72a5f67ae52},
        {3, 0x6811538b444fc6dc},    {4, 0xb837b54e75a55a74},    {5, 0x56d92c770127f659},
        {7, 0xf2df6ab069185dd1},    {8, 0xc5506ded6e937686},    {9, 0x69e66989d402f47c},
        {12, 0x6dd98a0942e54bb8},   {15, 0x01de7372f8c357c4},   {16, 0x19bb3377a56372bd},
        {17, 0x6440e641df6655d1},   {24, 0xf0ca584d6c1ab86f},   {31, 0x08acffe261333bfd},
        {32, 0xec06f9f33795029a},   {33, 0x07d9acd7a1284803},   {63, 0x39e7ea678ce228e6},
        {64, 0x48b5ce50bcaa6b7b},   {65, 0x6f89199029cdf4ae},   {95, 0x1403f7190adfcf1c},
        {96, 0x782202d93559d3d2},   {97, 0xa6fc1ee879ed6ce6},   {127, 0x3446db6431c16661},
        {128, 0xded0602628244ac1},  {129, 0x0e4df2b9a54082b8},  {143, 0x8fc3f1504b1c27dc},
        {144, 0xe2b19398e83e183e},  {200, 0x95b4d293e45ac41a},  {239, 0x4f6e88de12f0fedb},
        {240, 0x7dffdbb98fdba8d2},  {241, 0xad996735cc3586b7},  {255, 0x799594fe30c74356},
        {256, 0x6435cdc2f29de629},  {257, 0xf79091d51814da83},  {511, 0x2ef82257e3228c34},
        {512, 0x79882ad2e4f622fb},  {1023, 0xdda89d0e3d222612}, {1024, 0x23906c46d0e70814},
        {1025, 0xeae1a58b02a08c4f}, {1087, 0x3de27710ac3c2cfd}, {1088, 0xb59d1c3aab5f8ff6},
        {2047, 0xaa3830fb6481206f}, {2048, 0x9084c4d662b04173}, {2049, 0x21e684211ae328c9},
        {4096, 0xbc0f0df437854764}, {5000, 0x131e5a1b9f056d2a},
    };
    static uint8_t bytes[5000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 131 + 7 * (i >> 8) + (i * i >> 3));
    for (size_t i = 0; i < ARRAY_COUNT(known); i++)
        assert_int_equal(xxh3_64(bytes, known[i].size), known[i].hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_xxh3_known)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
