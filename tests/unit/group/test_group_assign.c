/*
 * The assignors against what Apache Kafka 4.3.1's own classes answered
 * (recorder/AssignRecorder.java has the format; GROUP_ASSIGN_RECORDED names another file), and what
 * must hold of any assignment.
 */
#include "group/group_assign_int.h"

#include "../unit.h"
#include "base/mem.h"
#include "base/prng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA OTTLA_TESTS_DIR "/unit/group/data/assignments.txt"
#define MEMBERS_MAX 64
#define TOPICS_MAX 64
#define DIGITS "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

struct line {
    struct arena arena;
    struct group_assign assign;
    enum group_assignor assignor;
    int32_t *expected[TOPICS_MAX];
};

static struct uuid topic_id(size_t index)
{
    struct uuid id = UUID_ZERO;
    id.bytes[15] = (uint8_t)(index + 1);
    return id;
}

static void parse_counts(struct line *line, char *text)
{
    line->assign.topics =
        arena_must_alloc_array(&line->arena, TOPICS_MAX, sizeof(struct group_assign_topic));
    for (char *save, *word = strtok_r(text, ",", &save); word != NULL;
         word = strtok_r(NULL, ",", &save)) {
        struct group_assign_topic *topic = &line->assign.topics[line->assign.topic_count];
        topic->id = topic_id(line->assign.topic_count);
        topic->partition_count = atoi(word);
        topic->owners =
            arena_must_alloc_array(&line->arena, (size_t)topic->partition_count, sizeof(int32_t));
        line->expected[line->assign.topic_count++] =
            arena_must_alloc_array(&line->arena, (size_t)topic->partition_count, sizeof(int32_t));
    }
}

static void parse_members(struct line *line, char *text)
{
    struct group_assign_member *members =
        arena_must_alloc_array(&line->arena, MEMBERS_MAX, sizeof *members);
    for (char *save, *word = strtok_r(text, ";", &save); word != NULL;
         word = strtok_r(NULL, ";", &save)) {
        struct group_assign_member *member = &members[line->assign.member_count++];
        char *topics_text = strchr(word, '=');
        *topics_text++ = 0;
        char *instance = strchr(word, '@');
        if (instance != NULL) {
            *instance++ = 0;
            member->instance = wire_string_from(instance);
        }
        member->id = wire_string_from(word);
        uint32_t *topics = arena_must_alloc_array(&line->arena, TOPICS_MAX, sizeof *topics);
        member->topics = topics;
        for (char *save2, *t = strtok_r(topics_text, ",", &save2); t != NULL;
             t = strtok_r(NULL, ",", &save2))
            topics[member->topic_count++] = (uint32_t)atoi(t);
    }
    line->assign.members = members;
}

static void parse_owners(struct line *line, const char *text, bool expected)
{
    for (size_t t = 0; t < line->assign.topic_count; t++) {
        for (int32_t p = 0; p < line->assign.topics[t].partition_count; p++) {
            char c = *text++;
            int32_t owner = c == '.' ? GROUP_NOBODY : (int32_t)(strchr(DIGITS, c) - DIGITS);
            (expected ? line->expected[t] : line->assign.topics[t].owners)[p] = owner;
        }
        text++;
    }
}

/* Topics that nobody subscribes to are not part of the question. */
static void drop_unwanted(struct line *line)
{
    uint32_t place[TOPICS_MAX];
    bool wanted[TOPICS_MAX] = {false};
    for (size_t m = 0; m < line->assign.member_count; m++) {
        for (size_t i = 0; i < line->assign.members[m].topic_count; i++)
            wanted[line->assign.members[m].topics[i]] = true;
    }
    uint32_t kept = 0;
    for (size_t t = 0; t < line->assign.topic_count; t++) {
        place[t] = kept;
        if (!wanted[t])
            continue;
        line->assign.topics[kept] = line->assign.topics[t];
        line->expected[kept++] = line->expected[t];
    }
    line->assign.topic_count = kept;
    for (size_t m = 0; m < line->assign.member_count; m++) {
        uint32_t *topics = (uint32_t *)(uintptr_t)line->assign.members[m].topics;
        for (size_t i = 0; i < line->assign.members[m].topic_count; i++)
            topics[i] = place[topics[i]];
    }
}

static void check_line(char *text, size_t number)
{
    struct line line = {0};
    arena_init(&line.arena, ARENA_LIMIT_DEFAULT_BYTES);
    char *fields[6];
    char *save;
    for (size_t i = 0; i < 6; i++)
        fields[i] = strtok_r(i == 0 ? text : NULL, " \n", &save);
    line.assignor = fields[0][0] == 'r' ? GROUP_ASSIGNOR_RANGE : GROUP_ASSIGNOR_UNIFORM;
    line.assign.homogeneous = fields[1][0] == 'h';
    line.assign.arena = &line.arena;
    parse_counts(&line, fields[2]);
    parse_members(&line, fields[3]);
    parse_owners(&line, fields[4], false);
    parse_owners(&line, fields[5], true);
    drop_unwanted(&line);
    group_assign(&line.assign, line.assignor);
    for (size_t t = 0; t < line.assign.topic_count; t++) {
        for (int32_t p = 0; p < line.assign.topics[t].partition_count; p++) {
            if (line.assign.topics[t].owners[p] != line.expected[t][p]) {
                printf("line %zu: topic %zu partition %d goes to %d, not %d\n", number, t, p,
                       line.assign.topics[t].owners[p], line.expected[t][p]);
                fail();
            }
        }
    }
    arena_deinit(&line.arena);
}

static void test_recorded(void **state)
{
    (void)state;
    const char *other = getenv("GROUP_ASSIGN_RECORDED");
    FILE *file = fopen(other != NULL ? other : DATA, "r");
    assert_non_null(file);
    static char text[1 << 16];
    size_t count = 0;
    while (fgets(text, sizeof text, file) != NULL)
        check_line(text, ++count);
    fclose(file);
    assert_true(count > 500);
}

/* ---- Many members, many partitions ---- */

/* Everybody subscribes to the same: loads differ by at most one, a second run moves nothing, and a
 * member that joins costs no more moves than what it gets. */
static void test_large(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    enum { MEMBERS = 501, PARTITIONS = 1009 };
    static char names[MEMBERS][8];
    static int32_t owners[2][PARTITIONS], before[2][PARTITIONS];
    static struct group_assign_member members[MEMBERS];
    static const uint32_t both[2] = {0, 1};
    struct group_assign_topic topics[2];
    for (size_t t = 0; t < 2; t++) {
        topics[t] = (struct group_assign_topic){
            .id = topic_id(t), .partition_count = PARTITIONS, .owners = owners[t]};
    }
    for (size_t m = 0; m < MEMBERS; m++) {
        snprintf(names[m], sizeof names[m], "m%05zu", m);
        members[m] = (struct group_assign_member){
            .id = wire_string_from(names[m]), .topics = both, .topic_count = 2};
    }
    for (int homogeneous = 0; homogeneous < 2; homogeneous++) {
        for (size_t p = 0; p < PARTITIONS; p++)
            owners[0][p] = owners[1][p] = GROUP_NOBODY;
        struct group_assign assign = {.members = members,
                                      .member_count = MEMBERS - 1,
                                      .topics = topics,
                                      .topic_count = 2,
                                      .homogeneous = homogeneous == 1,
                                      .arena = &arena};
        group_assign(&assign, GROUP_ASSIGNOR_UNIFORM);
        memcpy(before, owners, sizeof before);
        group_assign(&assign, GROUP_ASSIGNOR_UNIFORM);
        assert_memory_equal(before, owners, sizeof before);
        assign.member_count = MEMBERS;
        group_assign(&assign, GROUP_ASSIGNOR_UNIFORM);
        size_t moved = 0;
        static int32_t loads[MEMBERS];
        memset(loads, 0, sizeof loads);
        for (size_t t = 0; t < 2; t++) {
            for (size_t p = 0; p < PARTITIONS; p++) {
                moved += before[t][p] != owners[t][p];
                loads[owners[t][p]]++;
            }
        }
        for (size_t m = 0; m < MEMBERS; m++)
            assert_in_range(loads[m], 2 * PARTITIONS / MEMBERS, 2 * PARTITIONS / MEMBERS + 1);
        assert_int_equal(moved, loads[MEMBERS - 1]);
        arena_reset(&arena);
    }
    arena_deinit(&arena);
}

static void test_nobody(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    struct group_assign assign = {.arena = &arena};
    group_assign(&assign, GROUP_ASSIGNOR_UNIFORM);
    group_assign(&assign, GROUP_ASSIGNOR_RANGE);
    arena_deinit(&arena);
    enum group_assignor found;
    assert_true(group_assignor_find("range", 5, &found));
    assert_int_equal(found, GROUP_ASSIGNOR_RANGE);
    assert_false(group_assignor_find("rang", 4, &found));
}

/* Java compares UTF-16 units. */
static void test_text_order(void **state)
{
    (void)state;
    assert_true(group_text_compare(WIRE_STRING("a"), WIRE_STRING("b")) < 0);
    assert_true(group_text_compare(WIRE_STRING("a"), WIRE_STRING("aa")) < 0);
    assert_true(group_text_compare(WIRE_STRING("\xF0\x9F\x98\x80"), WIRE_STRING("\xEF\xBD\x81")) <
                0);
    assert_true(group_text_compare(WIRE_STRING("\xF0\x9F\x98\x80"), WIRE_STRING("\xED\x9F\xBF")) >
                0);
    assert_int_equal(group_text_compare(WIRE_STRING("x"), WIRE_STRING("x")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_text_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
