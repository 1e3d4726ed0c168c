/* Settings of a node, compared with what Kafka accepts. */
#include "conf_test.h"

static const char *const base[][2] = {
    {"process.roles", "broker,controller"},
    {"node.id", "1"},
    {"listeners", "PLAINTEXT://:9092,CONTROLLER://:9093"},
    {"advertised.listeners", "PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093"},
    {"controller.listener.names", "CONTROLLER"},
    {"controller.quorum.voters", "1@localhost:9093"},
    {"listener.security.protocol.map", "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT"},
};

/* Is the base's setting left out or replaced? */
static bool replaced(const char *name, char *const *changes, size_t count)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < count; i++) {
        if (changes[i][0] == '-' && strcmp(changes[i] + 1, name) == 0)
            return true;
        if (strncmp(changes[i], name, size) == 0 && changes[i][size] == '=')
            return true;
    }
    return false;
}

static void as_kafka(void **state)
{
    UNUSED(state);
    struct lines lines;
    lines_open(&lines, "broker_cases.tsv");
    size_t count = 0;
    for (char *line; (line = lines_next(&lines)) != NULL; count++) {
        char *fields[4];
        size_t field_count = cut(line, '\t', fields, 4);
        assert_true(field_count >= 3);
        /* Where the two differ, the case says why. */
        assert_int_equal(strcmp(fields[1], fields[2]) != 0, field_count == 4);
        char *changes[16];
        size_t change_count = cut(fields[0], '|', changes, 16);
        struct buf text = BUF_EMPTY;
        for (size_t i = 0; i < ARRAY_COUNT(base); i++)
            if (!replaced(base[i][0], changes, change_count))
                buf_printf(&text, "%s=%s\n", base[i][0], base[i][1]);
        for (size_t i = 0; i < change_count; i++)
            if (changes[i][0] != '-')
                buf_printf(&text, "%s\n", changes[i]);
        struct conf_findings findings;
        conf_findings_init(&findings);
        struct conf *conf = load_text(buf_text(&text), &findings);
        if ((conf != NULL) != (strcmp(fields[2], "yes") == 0))
            fail_msg("%s: %s", buf_text(&text), conf != NULL ? "accepted" : "refused");
        conf_free(conf);
        conf_findings_deinit(&findings);
        buf_deinit(&text);
    }
    assert_true(count > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_kafka)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
