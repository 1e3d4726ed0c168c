/* What DescribeConfigs answers, compared with what Kafka answered about the same settings. */
#include "conf/describe.h"
#include "conf_test.h"

static const char server_properties[] =
    "process.roles=broker,controller\n"
    "node.id=1\n"
    "controller.quorum.voters=1@127.0.0.1:31692\n"
    "listeners=PLAINTEXT://127.0.0.1:31592,CONTROLLER://127.0.0.1:31692\n"
    "advertised.listeners=PLAINTEXT://127.0.0.1:31592,CONTROLLER://127.0.0.1:31692\n"
    "controller.listener.names=CONTROLLER\n"
    "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n"
    "log.dirs=/data\n"
    "default.replication.factor=1\n"
    "min.insync.replicas=1\n"
    "offsets.topic.replication.factor=1\n"
    "transaction.state.log.replication.factor=1\n"
    "transaction.state.log.min.isr=1\n"
    "share.coordinator.state.topic.replication.factor=1\n"
    "share.coordinator.state.topic.min.isr=1\n"
    "group.initial.rebalance.delay.ms=0\n"
    "log.retention.minutes=600\n"
    "log.flush.interval.ms=5000\n"
    "nosuch.setting=hello\n"
    "ssl.key.password=secret\n"
    "listener.name.plaintext.ssl.keystore.type=PEM\n";
static const struct conf_pair of_broker[] = {{"log.cleaner.threads", "2"},
                                             {"nosuch", "5"},
                                             {"listener.name.plaintext.max.connections", "5"}};
static const struct conf_pair of_all_brokers[] = {{"log.retention.ms", "500000"},
                                                  {"min.insync.replicas", "3"}};
static const struct conf_pair of_t1[] = {{"retention.ms", "1000"},
                                         {"leader.replication.throttled.replicas", "1:1"}};
static const struct conf_pair of_t7[] = {{"cleanup.policy", " compact , delete,compact"}};
static const struct conf_pair of_g1[] = {{"consumer.session.timeout.ms", "50000"},
                                         {"share.auto.offset.reset", "by_duration:PT1H2M3.5S"}};
static const struct conf_pair of_s1[] = {
    {"interval.ms", "1000"}, {"match", "client_id=a.*"}, {"metrics", ""}};

/* One line as the file has it. */
static void print(const char *resource, const struct conf_described *item, struct buf *out)
{
    buf_printf(out, "%s\t%s\t%s\t%d\t%s\t%s\t%s\t", resource, item->name,
               item->value != NULL ? item->value : "null", item->source,
               item->sensitive ? "secret" : "-", item->read_only ? "read-only" : "-",
               conf_type_text(item->type));
    for (size_t i = 0; i < item->synonym_count; i++)
        buf_printf(out, "%s%s=%s@%d", i > 0 ? " " : "", item->synonyms[i].name,
                   item->synonyms[i].value != NULL ? item->synonyms[i].value : "null",
                   item->synonyms[i].source);
}

struct answer {
    const char *resource;
    struct conf_described *items;
    size_t count;
    size_t seen;
};

static void as_kafka(void **state)
{
    UNUSED(state);
    struct conf_findings findings;
    conf_findings_init(&findings);
    struct conf *base = load_text(server_properties, &findings);
    assert_non_null(base);
    struct conf *conf = conf_with_dynamic(base, of_broker, ARRAY_COUNT(of_broker), of_all_brokers,
                                          ARRAY_COUNT(of_all_brokers), &findings);
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    struct answer answers[6] = {{.resource = "broker:1"}, {.resource = "broker:"},
                                {.resource = "topic:t1"}, {.resource = "topic:t7"},
                                {.resource = "group:g1"}, {.resource = "client_metrics:s1"}};
    answers[0].count = conf_describe_broker(conf, &arena, &answers[0].items);
    answers[1].count = conf_describe_broker_default(conf, &arena, &answers[1].items);
    answers[2].count = conf_describe_topic(conf, of_t1, 2, &arena, &answers[2].items);
    answers[3].count = conf_describe_topic(conf, of_t7, 1, &arena, &answers[3].items);
    answers[4].count = conf_describe_group(conf, of_g1, 2, &arena, &answers[4].items);
    answers[5].count = conf_describe_client_metrics(of_s1, 3, &arena, &answers[5].items);
    struct lines lines;
    lines_open(&lines, "described.tsv");
    for (char *line; (line = lines_next(&lines)) != NULL;) {
        char copy[sizeof lines.text];
        strcpy(copy, line);
        char *fields[8];
        assert_int_equal(cut(copy, '\t', fields, 8), 8);
        size_t a = 0;
        while (strcmp(answers[a].resource, fields[0]) != 0)
            assert_true(++a < ARRAY_COUNT(answers));
        answers[a].seen++;
        size_t i = 0;
        while (i < answers[a].count && strcmp(answers[a].items[i].name, fields[1]) != 0)
            i++;
        if (i == answers[a].count)
            fail_msg("%s is missing", fields[1]);
        /* Kafka forgets the static value once log.retention.ms is set for all brokers. */
        if (strcmp(fields[1], "log.retention.minutes") == 0)
            continue;
        struct buf out = BUF_EMPTY;
        print(fields[0], &answers[a].items[i], &out);
        assert_string_equal(buf_text(&out), line);
        buf_deinit(&out);
    }
    for (size_t a = 0; a < ARRAY_COUNT(answers); a++) {
        size_t own = 0;
        for (size_t i = 0; i < answers[a].count; i++) {
            own += strncmp(answers[a].items[i].name, "ottla.", 6) == 0;
            if (i > 0)
                assert_true(strcmp(answers[a].items[i - 1].name, answers[a].items[i].name) < 0);
            assert_true(answers[a].items[i].sentence != NULL ||
                        strncmp(answers[a].items[i].name, "nosuch", 6) == 0);
        }
        assert_int_equal(answers[a].count - own, answers[a].seen);
    }
    arena_deinit(&arena);
    conf_free(conf);
    conf_free(base);
    conf_findings_deinit(&findings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_kafka)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
