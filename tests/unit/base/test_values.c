/* varint, uuid, prng, err and log. */
#include "../unit.h"
#include "base/base64.h"
#include "base/err.h"
#include "base/log.h"
#include "base/prng.h"
#include "base/uuid.h"
#include "base/varint.h"

#include <stdio.h>
#include <string.h>

static void check_varint(uint64_t raw)
{
    uint8_t out[VARINT64_BYTES_MAX];
    size_t consumed = 0;

    uint64_t u64 = 0;
    size_t size = uvarint64_write(out, raw);
    assert_int_equal(size, uvarint64_size(raw));
    assert_int_equal(uvarint64_read(out, size, &u64, &consumed), ERR_OK);
    assert_true(u64 == raw && consumed == size);
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(uvarint64_read(out, cut, &u64, &consumed), ERR_TRUNCATED);
    uint32_t u32 = 0;
    enum err narrow = raw <= UINT32_MAX ? ERR_OK : ERR_CORRUPT;
    assert_int_equal(uvarint32_read(out, size, &u32, &consumed), narrow);
    if (narrow == ERR_OK) {
        assert_true(u32 == raw && consumed == size);
        assert_int_equal(uvarint32_size(u32), size);
        assert_int_equal(uvarint32_write(out, u32), size);
    }

    int64_t s64 = 0;
    size = varint64_write(out, (int64_t)raw);
    assert_int_equal(size, varint64_size((int64_t)raw));
    assert_int_equal(varint64_read(out, size, &s64, &consumed), ERR_OK);
    assert_true(s64 == (int64_t)raw && consumed == size);

    int32_t s32 = 0;
    size = varint32_write(out, (int32_t)raw);
    assert_int_equal(size, varint32_size((int32_t)raw));
    assert_int_equal(varint32_read(out, size, &s32, &consumed), ERR_OK);
    assert_true(s32 == (int32_t)raw && consumed == size);
}

static void test_varint(void **state)
{
    UNUSED(state);
    struct prng prng;
    prng_init(&prng, 5);
    for (unsigned bit = 0; bit < 64; bit++)
        for (uint64_t delta = 0; delta < 3; delta++)
            check_varint((UINT64_C(1) << bit) + delta - 1);
    check_varint(UINT64_MAX);
    for (int i = 0; i < 100000; i++)
        check_varint(prng_u64(&prng) >> prng_below(&prng, 64));

    static const uint8_t endless[11] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                                        0x80, 0x80, 0x80, 0x80, 0x80};
    static const uint8_t too_big[10] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2};
    static const uint8_t padded[2] = {0x80, 0x00};
    uint64_t u64;
    uint32_t u32;
    size_t consumed;
    assert_int_equal(uvarint64_read(endless, 11, &u64, &consumed), ERR_CORRUPT);
    assert_int_equal(uvarint32_read(endless, 11, &u32, &consumed), ERR_CORRUPT);
    assert_int_equal(uvarint64_read(too_big, 10, &u64, &consumed), ERR_CORRUPT);
    assert_int_equal(uvarint32_read(padded, 2, &u32, &consumed), ERR_OK);
    assert_true(u32 == 0 && consumed == 2);
    /* The forms in the Protocol Buffers guide: 300, and the zigzag of -1 and 1. */
    uint8_t out[VARINT32_BYTES_MAX];
    assert_int_equal(uvarint32_write(out, 300), 2);
    assert_memory_equal(out, "\xac\x02", 2);
    assert_int_equal(varint32_write(out, -1), 1);
    assert_int_equal(out[0], 1);
    assert_int_equal(varint32_write(out, INT32_MIN), 5);
    assert_memory_equal(out, "\xff\xff\xff\xff\x0f", 5);
}

static void test_uuid(void **state)
{
    UNUSED(state);
    char text[UUID_TEXT_BYTES];
    struct uuid uuid, back;
    /* As Kafka's Uuid writes and reads them. */
    static const uint8_t bytes[16] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                      0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10};
    memcpy(uuid.bytes, bytes, sizeof bytes);
    assert_string_equal(uuid_to_text(&uuid, text), "ASNFZ4mrze_-3LqYdlQyEA");
    assert_int_equal(uuid_from_text("ASNFZ4mrze_-3LqYdlQyEA==", 24, &back), ERR_OK);
    assert_true(uuid_equal(&uuid, &back));
    assert_int_equal(uuid_from_text("AAAAAAAAAAAAAAAAAAAAAf", 22, &back), ERR_OK);
    assert_string_equal(uuid_to_text(&back, text), "AAAAAAAAAAAAAAAAAAAAAQ");
    static const char *const wrong[] = {"",
                                        "AAAAAAAAAAAAAAAAAAAAA",
                                        "AAAAAAAAAAAAAAAAAAAAAQ=",
                                        "AAAAAAAAAAAAAAAAAAAA+Q",
                                        "AAAAAAAAAAAAAAAAAAAAAAA",
                                        "AAAAAAAAAAAAAAAAAAAAAAAA",
                                        "ASNFZ4mrze_-3LqYdlQyEA==="};
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++)
        assert_int_equal(uuid_from_text(wrong[i], strlen(wrong[i]), &back), ERR_INVALID);
    assert_true(uuid_is_zero(&UUID_ZERO));
    assert_false(uuid_is_zero(&uuid));

    struct prng prng;
    prng_init(&prng, 2);
    size_t refused = 0;
    for (int i = 0; i < 10000; i++) {
        uint8_t random[16];
        prng_bytes(&prng, random, sizeof random);
        if (!uuid_from_random(random, &uuid)) {
            refused++;
            continue;
        }
        uuid_to_text(&uuid, text);
        assert_int_equal(strlen(text), 22);
        assert_true(text[0] != '-');
        assert_int_equal(uuid.bytes[6] >> 4, 4);
        assert_int_equal(uuid.bytes[8] >> 6, 2);
        assert_int_equal(uuid_from_text(text, 22, &back), ERR_OK);
        assert_true(uuid_equal(&uuid, &back));
    }
    assert_in_range(refused, 100, 220); /* one in 64 begins with a dash */
}

static void test_uuid_compare(void **state)
{
    UNUSED(state);
    /* Ascending in Kafka's order: the halves are signed. */
    struct uuid rows[5] = {UUID_ZERO, UUID_ZERO, UUID_ZERO, UUID_ZERO, UUID_ZERO};
    rows[0].bytes[0] = 0xff;
    rows[1].bytes[8] = 0x80;
    rows[3].bytes[15] = 1;
    rows[4].bytes[7] = 1;
    for (int a = 0; a < 5; a++)
        for (int b = 0; b < 5; b++)
            assert_int_equal(uuid_compare(&rows[a], &rows[b]), a < b ? -1 : a > b);
}

static void test_prng(void **state)
{
    UNUSED(state);
    struct prng a, b, child;
    prng_init(&a, 0);
    /* The first outputs of xoshiro256** from the splitmix64 of 0, as other implementations give. */
    assert_true(prng_u64(&a) == UINT64_C(0x99ec5f36cb75f2b4));
    assert_true(prng_u64(&a) == UINT64_C(0xbf6e1f784956452a));
    prng_init(&a, 7);
    prng_init(&b, 7);
    prng_child(&a, &child);
    assert_true(prng_u64(&child) != prng_u64(&a));
    prng_u64(&b);
    prng_u64(&b);
    assert_true(prng_u64(&a) == prng_u64(&b));
    unsigned counts[10] = {0};
    for (int i = 0; i < 100000; i++)
        counts[prng_below(&a, 10)]++;
    for (size_t i = 0; i < 10; i++)
        assert_in_range(counts[i], 9500, 10500);
    assert_int_equal(prng_below(&a, 1), 0);
    bool low = false, high = false;
    for (int i = 0; i < 1000; i++) {
        int64_t value = prng_range(&a, -2, 2);
        assert_true(value >= -2 && value <= 2);
        low |= value == -2;
        high |= value == 2;
        prng_range(&a, INT64_MIN, INT64_MAX);
        assert_true(prng_chance(&a, 1, 1));
        assert_false(prng_chance(&a, 0, 1));
    }
    assert_true(low && high);
}

static void test_err(void **state)
{
    UNUSED(state);
    for (int err = 0; err < ERR_COUNT; err++)
        assert_true(strlen(err_text((enum err)err)) > 0);
    assert_string_equal(err_text(ERR_NOSPACE), "no space left");
    assert_string_equal(err_text(ERR_COUNT), "unknown error");
}

#define LOG_ROOM "test"

struct log_seen {
    enum log_level level;
    char line[4096];
    int count;
};

static void keep_line(void *context, enum log_level level, const char *room, const char *line)
{
    struct log_seen *seen = context;
    assert_string_equal(room, "test");
    seen->level = level;
    snprintf(seen->line, sizeof seen->line, "%s", line);
    seen->count++;
}

static void test_log(void **state)
{
    UNUSED(state);
    struct log_seen seen = {0};
    log_set_sink(keep_line, &seen);
    LOG_DEBUG("not shown");
    assert_int_equal(seen.count, 0);
    LOG_WARN("client \"%s\" left", "a\nb\x1b[0m");
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.level, LOG_LEVEL_WARN);
    assert_string_equal(seen.line, "client \"a?b?[0m\" left");
    LOG_ERROR("%05000d", 1);
    assert_int_equal(strlen(seen.line), 2047);
    assert_string_equal(seen.line + 2044, "...");
    log_set_level(LOG_LEVEL_NONE);
    LOG_ERROR("not shown");
    assert_int_equal(seen.count, 2);
    log_set_level(LOG_LEVEL_DEBUG);
    LOG_DEBUG("shown");
    LOG_INFO("shown");
    assert_int_equal(seen.count, 4);
    log_set_sink(NULL, NULL);
    assert_string_equal(log_level_name(LOG_LEVEL_INFO), "info");
    assert_string_equal(log_level_name((enum log_level)99), "unknown");
}

static void test_base64(void **state)
{
    UNUSED(state);
    static const struct {
        const char *bytes;
        const char *text;
    } cases[] = {{"", ""},
                 {"f", "Zg=="},
                 {"fo", "Zm8="},
                 {"foo", "Zm9v"},
                 {"foob", "Zm9vYg=="},
                 {"fooba", "Zm9vYmE="},
                 {"\xff\xef\xbe", "/+++"}};
    struct buf out = BUF_EMPTY;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        size_t size = strlen(cases[i].bytes), text_size = strlen(cases[i].text);
        buf_clear(&out);
        base64_put(&out, cases[i].bytes, size);
        assert_string_equal(buf_text(&out), cases[i].text);
        buf_clear(&out);
        assert_int_equal(base64_decode(cases[i].text, text_size, &out), ERR_OK);
        assert_int_equal(out.size, size);
        if (size > 0)
            assert_memory_equal(out.data, cases[i].bytes, size);
    }
    buf_clear(&out);
    buf_put_text(&out, "x");
    static const char *const bad[] = {
        "Z", "Zg=", "=", "====", "Zg==Zg==", "Zg\n=", "Z-_v", "Zm8=="};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_int_equal(base64_decode(bad[i], strlen(bad[i]), &out), ERR_INVALID);
        assert_string_equal(buf_text(&out), "x");
    }
    buf_clear(&out);
    assert_int_equal(base64_decode("Zm8", 3, &out), ERR_OK);
    assert_string_equal(buf_text(&out), "fo");
    buf_deinit(&out);
}

static size_t limited_lines;

static void limited_sink(void *context, enum log_level level, const char *room, const char *line)
{
    UNUSED(context);
    UNUSED(level);
    assert_string_equal(room, "base");
    assert_string_equal(line, "90 lines like the next were left out");
    limited_lines++;
}

static void test_log_limit(void **state)
{
    UNUSED(state);
    struct log_limit limit = {0};
    limited_lines = 0;
    log_set_sink(limited_sink, NULL);
    size_t admitted = 0;
    for (int i = 0; i < 100; i++)
        admitted += log_limit_admits(&limit, "base", 5);
    assert_int_equal(admitted, LOG_LIMIT_LINES);
    assert_int_equal(limited_lines, 0);
    assert_true(log_limit_admits(&limit, "base", 5 + LOG_LIMIT_PERIOD_NS));
    assert_int_equal(limited_lines, 1);
    /* Nothing was left out of this period, so nothing is said after it. */
    assert_true(log_limit_admits(&limit, "base", 5 + 2 * LOG_LIMIT_PERIOD_NS));
    assert_int_equal(limited_lines, 1);
    log_set_sink(NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64), cmocka_unit_test(test_varint),
        cmocka_unit_test(test_uuid),   cmocka_unit_test(test_uuid_compare),
        cmocka_unit_test(test_prng),   cmocka_unit_test(test_err),
        cmocka_unit_test(test_log),    cmocka_unit_test(test_log_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
