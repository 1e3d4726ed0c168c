/* The parser of properties, compared with java.util.Properties (OpenJDK 17). */
#include "conf/properties.h"
#include "conf_test.h"

/* key and value pairs, in the order of the file */
struct parsed {
    const char *text;
    const char *pairs[10];
};

static const struct parsed cases[] = {
    {"", {NULL}},
    {"\n\r\n  \n\t\f\n", {NULL}},
    {"a=b", {"a", "b"}},
    {"a=b\nc=d\n", {"a", "b", "c", "d"}},
    {"a=b\rc=d\r\ne=f", {"a", "b", "c", "d", "e", "f"}},
    {"# a=b\n! c=d\n  # e\ng=h", {"g", "h"}},
    {"a=b # not a comment", {"a", "b # not a comment"}},
    {"# a comment does not go on \\\nb=c", {"b", "c"}},
    {"a:b", {"a", "b"}},
    {"a b", {"a", "b"}},
    {"a\tb", {"a", "b"}},
    {"a\fb", {"a", "b"}},
    {"a = b", {"a", "b"}},
    {"a : = b", {"a", "= b"}},
    {"a==b", {"a", "=b"}},
    {"a=b  ", {"a", "b  "}},
    {"   a=b", {"a", "b"}},
    {"a", {"a", ""}},
    {"a=", {"a", ""}},
    {"=b", {"", "b"}},
    {"a\\=b=c", {"a=b", "c"}},
    {"a\\ b c", {"a b", "c"}},
    {"a\\:b:c", {"a:b", "c"}},
    {"a\\\\=c", {"a\\", "c"}},
    {"a=b\\\nc", {"a", "bc"}},
    {"a=b\\\n   c\\\r\n\td", {"a", "bcd"}},
    {"a=b\\\\\nc=d", {"a", "b\\", "c", "d"}},
    {"a=b\\\n\nc=d", {"a", "b", "c", "d"}},
    {"a=b\\\n# c", {"a", "b# c"}},
    {"a=b\\", {"a", "b"}},
    {"a\\\n=b", {"a", "b"}},
    {"a=\\t\\n\\r\\f", {"a", "\t\n\r\f"}},
    {"a=\\q\\b\\\"", {"a", "qb\""}},
    {"a=\\u0041\\u00e9\\u20AC", {"a", "A\xc3\xa9\xe2\x82\xac"}},
    {"\\u0061=b", {"a", "b"}},
    {"a\\u003db=c", {"a=b", "c"}},
    {"a=\\ud83d\\ude00", {"a", "\xf0\x9f\x98\x80"}},
    {"a=b=c", {"a", "b=c"}},
    {"a=1\na=2", {"a", "1", "a", "2"}},
    {"listeners=PLAINTEXT://:9092,\\\n  CONTROLLER://:9093\n",
     {"listeners", "PLAINTEXT://:9092,CONTROLLER://:9093"}},
    /* Not Java's: it takes bytes as ISO-8859-1, we as UTF-8 where they are, and a lone surrogate,
     * which UTF-8 cannot say, as U+FFFD. */
    {"a=\xc3\xa9", {"a", "\xc3\xa9"}},
    {"a=\xe9t\xe9", {"a", "\xc3\xa9t\xc3\xa9"}},
    {"a=\xf0\x9f\x98\x80", {"a", "\xf0\x9f\x98\x80"}},
    {"a=\xed\xa0\x80", {"a", "\xc3\xad\xc2\xa0\xc2\x80"}},
    {"a=\xc0\x80", {"a", "\xc3\x80\xc2\x80"}},
    {"a=\\\xe9", {"a", "\xc3\xa9"}},
    {"a=\\ud83dx", {"a", "\xef\xbf\xbdx"}},
    {"\xef\xbb\xbf"
     "a=b",
     {"a", "b"}},
};

static enum err parse(struct arena *arena, const char *text, size_t size,
                      struct conf_properties *out, struct conf_properties_error *error)
{
    /* An exact copy, so that a sanitizer sees a read past its end. */
    char *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, text, size);
    enum err err = conf_properties_parse(arena, copy, size, out, error);
    free(copy);
    return err;
}

static void as_java(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct arena arena;
        arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
        struct conf_properties properties;
        struct conf_properties_error error;
        assert_int_equal(parse(&arena, cases[i].text, strlen(cases[i].text), &properties, &error),
                         ERR_OK);
        size_t count = 0;
        while (cases[i].pairs[2 * count] != NULL)
            count++;
        if (properties.count != count)
            fail_msg("\"%s\" gives %zu instead of %zu", cases[i].text, properties.count, count);
        for (size_t j = 0; j < count; j++) {
            assert_string_equal(properties.items[j].name, cases[i].pairs[2 * j]);
            assert_string_equal(properties.items[j].value, cases[i].pairs[2 * j + 1]);
        }
        arena_deinit(&arena);
    }
}

static void line_numbers(void **state)
{
    UNUSED(state);
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    struct conf_properties properties;
    struct conf_properties_error error;
    static const char text[] = "# one\n\na=b\\\n  c\r\nd=e\r\rf=g\\\n\nh=i";
    assert_int_equal(parse(&arena, text, sizeof text - 1, &properties, &error), ERR_OK);
    static const uint32_t expected[] = {3, 5, 7, 9};
    assert_int_equal(properties.count, ARRAY_COUNT(expected));
    for (size_t i = 0; i < ARRAY_COUNT(expected); i++)
        assert_int_equal(properties.items[i].line, expected[i]);
    arena_deinit(&arena);
}

static void errors(void **state)
{
    UNUSED(state);
    static const struct {
        const char *text;
        size_t size;
        uint32_t line;
    } bad[] = {
        {"a=\\u12", 6, 1},
        {"a=1\nb=\\u00g0", 12, 2},
        {"\\u=1", 4, 1},
        {"a=\\u0000", 8, 1},
        {"a=b\0c", 5, 1},
        {"a=\\\0c", 5, 1},
        {"x=y\n\na\\\n\\uD83", 14, 3},
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct arena arena;
        arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
        struct conf_properties properties;
        struct conf_properties_error error;
        assert_int_equal(parse(&arena, bad[i].text, bad[i].size, &properties, &error), ERR_CORRUPT);
        assert_int_equal(error.line, bad[i].line);
        assert_non_null(error.text);
        arena_deinit(&arena);
    }
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    struct conf_properties properties;
    struct conf_properties_error error;
    char *large = calloc(1, CONF_PROPERTIES_BYTES_MAX + 1);
    memset(large, 'a', CONF_PROPERTIES_BYTES_MAX + 1);
    assert_int_equal(
        conf_properties_parse(&arena, large, CONF_PROPERTIES_BYTES_MAX + 1, &properties, &error),
        ERR_LIMIT);
    assert_int_equal(
        conf_properties_parse(&arena, large, CONF_PROPERTIES_BYTES_MAX, &properties, &error),
        ERR_OK);
    free(large);
    arena_deinit(&arena);
    /* Too small an arena. */
    for (size_t limit = 0; limit < 4000; limit += 37) {
        arena_init(&arena, limit);
        enum err err = conf_properties_parse(&arena, "a=b\nc=d\n", 8, &properties, &error);
        assert_true(err == ERR_OK || err == ERR_LIMIT);
        arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_java), cmocka_unit_test(line_numbers),
                                       cmocka_unit_test(errors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
