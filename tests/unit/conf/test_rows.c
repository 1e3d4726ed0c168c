/* The tables: sorted, complete, and Kafka's. */
#include "conf/value.h"
#include "conf_test.h"

#define OWN_PREFIX "ottla."

static void sorted_and_filled(void **state)
{
    UNUSED(state);
    for (int scope = 0; scope < CONF_SCOPE_COUNT; scope++) {
        size_t count;
        const struct conf_row *rows = conf_rows((enum conf_scope)scope, &count);
        assert_true(count > 0);
        for (size_t i = 0; i < count; i++) {
            assert_non_null(rows[i].name);
            if (i > 0)
                assert_true(strcmp(rows[i - 1].name, rows[i].name) < 0);
            assert_true(rows[i].type > CONF_TYPE_UNKNOWN && rows[i].type <= CONF_TYPE_PASSWORD);
            size_t size = strlen(rows[i].sentence);
            assert_true(size > 10 && rows[i].sentence[size - 1] == '.');
            assert_int_equal(conf_row_index((enum conf_scope)scope, rows[i].name), (int)i);
            assert_ptr_equal(conf_row_find((enum conf_scope)scope, rows[i].name), &rows[i]);
            /* Kafka's class names are Kafka's; the rest of the words are ours. */
            if (rows[i].required)
                assert_null(rows[i].default_text);
        }
        assert_int_equal(conf_row_index((enum conf_scope)scope, "nosuch"), -1);
        assert_int_equal(conf_row_index((enum conf_scope)scope, ""), -1);
        assert_null(conf_row_find((enum conf_scope)scope, "zzz"));
    }
}

static void defaults_are_valid(void **state)
{
    UNUSED(state);
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    for (int scope = 0; scope < CONF_SCOPE_COUNT; scope++) {
        size_t count;
        const struct conf_row *rows = conf_rows((enum conf_scope)scope, &count);
        for (size_t i = 0; i < count; i++) {
            struct conf_value value;
            conf_value_default(&rows[i], &arena, &value); /* stops when it is not */
            const char *printed = conf_value_print(&rows[i], &value, &arena);
            if (rows[i].default_text == NULL)
                assert_null(printed);
            else
                assert_string_equal(printed, rows[i].default_text);
        }
    }
    arena_deinit(&arena);
}

static void the_same_as_kafka(void **state)
{
    UNUSED(state);
    static const char *const importances[] = {"LOW", "MEDIUM", "HIGH"};
    size_t seen[CONF_SCOPE_COUNT] = {0};
    struct lines lines;
    lines_open(&lines, "kafka_settings.tsv");
    for (char *line; (line = lines_next(&lines)) != NULL;) {
        char *fields[7];
        assert_int_equal(cut(line, '\t', fields, 7), 7);
        int scope = 0;
        while (strcmp(conf_scope_text((enum conf_scope)scope), fields[0]) != 0)
            assert_true(++scope < CONF_SCOPE_COUNT);
        seen[scope]++;
        const struct conf_row *row = conf_row_find((enum conf_scope)scope, fields[1]);
        if (row == NULL)
            fail_msg("%s %s is missing", fields[0], fields[1]);
        assert_string_equal(conf_type_text(row->type), fields[2]);
        if (strcmp(fields[3], "<required>") == 0)
            assert_true(row->required);
        else if (strcmp(fields[3], "null") == 0)
            assert_true(row->default_text == NULL && !row->required);
        else
            assert_string_equal(row->default_text, fields[3]);
        assert_string_equal(importances[row->importance], fields[4]);
        assert_int_equal(row->internal, strcmp(fields[5], "internal") == 0);
        if (scope == CONF_SCOPE_BROKER)
            assert_string_equal(conf_mode_text(row->mode), fields[6]);
    }
    for (int scope = 0; scope < CONF_SCOPE_COUNT; scope++) {
        size_t count;
        const struct conf_row *rows = conf_rows((enum conf_scope)scope, &count);
        size_t own = 0;
        for (size_t i = 0; i < count; i++)
            own += strncmp(rows[i].name, OWN_PREFIX, sizeof OWN_PREFIX - 1) == 0;
        assert_int_equal(count - own, seen[scope]);
    }
}

static void fallbacks(void **state)
{
    UNUSED(state);
    struct conf_fallback out[CONF_FALLBACKS_MAX];
    for (int scope = 0; scope < CONF_SCOPE_COUNT; scope++) {
        size_t count;
        const struct conf_row *rows = conf_rows((enum conf_scope)scope, &count);
        for (size_t i = 0; i < count; i++)
            conf_row_fallbacks(&rows[i], out); /* stops at an unknown name */
    }
    size_t n = conf_row_fallbacks(conf_row_find(CONF_SCOPE_TOPIC, "retention.ms"), out);
    assert_int_equal(n, 3);
    assert_int_equal(out[0].id, CONF_BROKER_LOG_RETENTION_MS);
    assert_int_equal(out[0].factor, 1);
    assert_int_equal(out[1].id, CONF_BROKER_LOG_RETENTION_MINUTES);
    assert_int_equal(out[1].factor, 60000);
    assert_int_equal(out[2].id, CONF_BROKER_LOG_RETENTION_HOURS);
    assert_int_equal(out[2].factor, 3600000);
    n = conf_row_fallbacks(conf_row_find(CONF_SCOPE_TOPIC, "remote.storage.enable"), out);
    assert_int_equal(n, 0);
    enum conf_broker_id ids[CONF_FALLBACKS_MAX];
    assert_int_equal(conf_broker_synonyms(CONF_BROKER_LOG_RETENTION_HOURS, ids), 3);
    assert_int_equal(ids[0], CONF_BROKER_LOG_RETENTION_MS);
    assert_int_equal(conf_broker_synonyms(CONF_BROKER_LOG_ROLL_JITTER_MS, ids), 2);
    assert_int_equal(ids[1], CONF_BROKER_LOG_ROLL_JITTER_HOURS);
    assert_int_equal(conf_broker_synonyms(CONF_BROKER_LOG_FLUSH_INTERVAL_MS, ids), 2);
    assert_int_equal(conf_broker_synonyms(CONF_BROKER_LOG_FLUSH_SCHEDULER_INTERVAL_MS, ids), 1);
    assert_int_equal(ids[0], CONF_BROKER_LOG_FLUSH_SCHEDULER_INTERVAL_MS);
}

static void nearest(void **state)
{
    UNUSED(state);
    assert_int_equal(conf_edit_distance("", "", 3), 0);
    assert_int_equal(conf_edit_distance("abc", "abc", 3), 0);
    assert_int_equal(conf_edit_distance("abc", "acb", 3), 1); /* a swap is one mistake */
    assert_int_equal(conf_edit_distance("abc", "axbc", 3), 1);
    assert_int_equal(conf_edit_distance("abc", "ac", 3), 1);
    assert_int_equal(conf_edit_distance("kitten", "sitting", 3), 3);
    assert_int_equal(conf_edit_distance("kitten", "sitting", 2), 3); /* limit + 1 */
    assert_int_equal(conf_edit_distance("a", "abcdef", 2), 3);
    static const char *const cases[][2] = {
        {"lisetners", "listeners"},
        {"log.retention.hour", "log.retention.hours"},
        {"LOG_SEGMENT_BYTES", "log.segment.bytes"},
        {"advertised.listener", "advertised.listeners"},
        {"num-partitions", "num.partitions"},
        {"auto.create.topic.enable", "auto.create.topics.enable"},
        {"ottla.shard", "ottla.shards"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_string_equal(conf_nearest_name(CONF_SCOPE_BROKER, cases[i][0]), cases[i][1]);
    assert_null(conf_nearest_name(CONF_SCOPE_BROKER, "hello"));
    assert_null(conf_nearest_name(CONF_SCOPE_BROKER, ""));
    char long_name[4000];
    memset(long_name, 'a', sizeof long_name);
    long_name[sizeof long_name - 1] = '\0';
    assert_null(conf_nearest_name(CONF_SCOPE_BROKER, long_name));
    assert_string_equal(conf_nearest_name(CONF_SCOPE_TOPIC, "retention.m"), "retention.ms");
}

/* docs/settings.md is what the tables print. */
static void document(void **state)
{
    UNUSED(state);
    FILE *file = fopen(OTTLA_TESTS_DIR "/../docs/settings.md", "rb");
    assert_non_null(file);
    struct buf printed = BUF_EMPTY;
    struct buf committed = BUF_EMPTY;
    conf_document(&printed);
    for (size_t got = 1; got > 0;) {
        got = fread(buf_reserve(&committed, 65536), 1, 65536, file);
        committed.size += got;
    }
    fclose(file);
    if (committed.size != printed.size || memcmp(committed.data, printed.data, printed.size) != 0)
        fail_msg("docs/settings.md is not what the tables print; run: ottla config doc "
                 ">docs/settings.md");
    buf_deinit(&printed);
    buf_deinit(&committed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorted_and_filled), cmocka_unit_test(defaults_are_valid),
        cmocka_unit_test(the_same_as_kafka), cmocka_unit_test(fallbacks),
        cmocka_unit_test(nearest),           cmocka_unit_test(document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
