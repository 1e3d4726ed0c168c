/*
 * Expressions against what RE2/J answered (recorder/RegexRecorder.java has the format;
 * GROUP_REGEX_RECORDED names another file), and what is bounded here and not there.
 */
#include "group/group_regex_int.h"

#include "../unit.h"
#include "base/mem.h"
#include "base/prng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA OTTLA_TESTS_DIR "/unit/group/data/expressions.txt"
#define NAMES_MAX 64

static size_t unhex(const char *text, size_t size, char *out)
{
    for (size_t i = 0; i + 1 < size; i += 2) {
        unsigned byte;
        assert_int_equal(sscanf(text + i, "%2x", &byte), 1);
        out[i / 2] = (char)byte;
    }
    return size / 2;
}

static void check_line(char *line, char *const *names, size_t name_count)
{
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    char *answer = strchr(line, ' ');
    *answer++ = 0;
    answer[strcspn(answer, "\n")] = 0;
    static char text[4096];
    size_t size = unhex(line, strlen(line), text);
    const char *error = NULL;
    struct group_regex *regex = group_regex_parse(wire_string_of(text, size), &arena, &error);
    if (*answer == '=') {
        if (regex != NULL || strcmp(error, answer + 1) != 0) {
            printf("%.*s: %s, not %s\n", (int)size, text, regex != NULL ? "fine" : error,
                   answer + 1);
            fail();
        }
    } else {
        if (regex == NULL) {
            printf("%.*s: %s\n", (int)size, text, error);
            fail();
        }
        for (size_t i = 0; i < name_count; i++) {
            bool matches = group_regex_matches(regex, wire_string_from(names[i]));
            if (matches != (answer[i] == '1')) {
                printf("%.*s: %s\n", (int)size, text, names[i]);
                fail();
            }
        }
    }
    arena_deinit(&arena);
}

static void test_recorded(void **state)
{
    (void)state;
    const char *other = getenv("GROUP_REGEX_RECORDED");
    FILE *file = fopen(other != NULL ? other : DATA, "r");
    assert_non_null(file);
    static char first[4096];
    static char line[1 << 16];
    assert_non_null(fgets(first, sizeof first, file));
    char *names[NAMES_MAX];
    size_t name_count = 0;
    for (char *save, *word = strtok_r(first, " \n", &save); word != NULL;
         word = strtok_r(NULL, " \n", &save))
        names[name_count++] = word;
    size_t count = 0;
    for (; fgets(line, sizeof line, file) != NULL; count++)
        check_line(line, names, name_count);
    fclose(file);
    assert_true(count > 500);
}

static const char *error_of(struct wire_string text, struct arena *arena)
{
    const char *error = NULL;
    struct group_regex *regex = group_regex_parse(text, arena, &error);
    assert_true((regex == NULL) == (error != NULL));
    return error == NULL ? "" : error;
}

static void test_bounds(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    assert_string_equal(error_of(WIRE_STRING("(a{100}){99}"), &arena), "");
    assert_string_equal(error_of(WIRE_STRING("((a{1000}){1000}){1000}"), &arena),
                        "expression is too large");
    static char deep[2 * (GROUP_REGEX_DEPTH_MAX + 1)];
    memset(deep, '(', sizeof deep / 2);
    memset(deep + sizeof deep / 2, ')', sizeof deep / 2);
    assert_string_equal(error_of(wire_string_of(deep, sizeof deep), &arena),
                        "expression nests too deeply");
    assert_string_equal(error_of(wire_string_of(deep + 1, sizeof deep - 2), &arena), "");
    assert_string_equal(error_of(WIRE_EMPTY_STRING, &arena), "");
    arena_deinit(&arena);
}

/* Where one that goes back and tries again takes for ever. */
static void test_no_backtracking(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    const char *error;
    struct group_regex *regex =
        group_regex_parse(WIRE_STRING("(a*)*(a|aa|a?)*(a?){200}b"), &arena, &error);
    assert_non_null(regex);
    char name[250];
    memset(name, 'a', sizeof name);
    assert_false(group_regex_matches(regex, wire_string_of(name, sizeof name)));
    name[sizeof name - 1] = 'b';
    assert_true(group_regex_matches(regex, wire_string_of(name, sizeof name)));
    arena_deinit(&arena);
}

/* Whatever a member sends: an answer, and no byte beyond it is looked at. */
static void test_anything(void **state)
{
    (void)state;
    static const char alphabet[] = "ab()[]{}|*+?.^$\\-:,0123<>PpLQEdwxiUms\xc3\xa9\xff\xf0";
    struct prng prng;
    prng_init(&prng, 848);
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    size_t fine = 0;
    for (size_t i = 0; i < 20000; i++) {
        size_t size = (size_t)prng_below(&prng, 24);
        char *text = mem_alloc(size + 1); /* of its size, for the address sanitizer */
        for (size_t k = 0; k < size; k++)
            text[k] = alphabet[prng_below(&prng, sizeof alphabet)];
        const char *error = NULL;
        struct group_regex *regex = group_regex_parse(wire_string_of(text, size), &arena, &error);
        assert_true((regex == NULL) == (error != NULL));
        if (regex != NULL) {
            fine++;
            group_regex_matches(regex, WIRE_STRING("ab-01"));
            group_regex_matches(regex, WIRE_EMPTY_STRING);
        }
        mem_free(text);
        arena_reset(&arena);
    }
    assert_true(fine > 500);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_no_backtracking),
        cmocka_unit_test(test_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
