/* Loading a node's settings: what is told, what is read, dynamic changes. */
#include "conf/value.h"
#include "conf_test.h"

#define MINIMAL                                        \
    "process.roles=broker,controller\nnode.id=7\n"     \
    "controller.listener.names=CONTROLLER\n"           \
    "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n" \
    "controller.quorum.voters=7@localhost:9093\n"

static struct conf_findings findings;

static int start(void **state)
{
    UNUSED(state);
    conf_findings_init(&findings);
    return 0;
}

static int stop(void **state)
{
    UNUSED(state);
    conf_findings_deinit(&findings);
    return 0;
}

static void standalone(void **state)
{
    UNUSED(state);
    struct conf *conf;
    static const char *const overrides[] = {"num.partitions=3", "log.dirs=/a, /b"};
    struct conf_args args = {.data_folder = "/data", .override_count = 0};
    assert_int_equal(conf_load(&args, &findings, &conf), ERR_OK);
    assert_int_equal(findings.count, 0); /* nothing to say about what nobody asked for */
    assert_true(conf_is_broker(conf) && conf_is_controller(conf));
    assert_int_equal(conf_node_id(conf), 1);
    assert_int_equal(conf_log_dirs(conf).count, 1);
    assert_string_equal(conf_log_dirs(conf).items[0], "/data");
    assert_string_equal(conf_metadata_dir(conf), "/data");
    size_t count;
    const struct conf_listener *listeners = conf_listeners(conf, &count);
    assert_int_equal(count, 2);
    assert_string_equal(listeners[0].name, "PLAINTEXT");
    assert_string_equal(listeners[0].host, "");
    assert_int_equal(listeners[0].port, 9092);
    assert_false(listeners[0].controller);
    assert_true(listeners[1].controller);
    const struct conf_listener *advertised = conf_advertised(conf, &count);
    assert_int_equal(count, 2);
    assert_string_equal(advertised[0].host, "localhost");
    assert_int_equal(conf_int(conf, CONF_BROKER_OFFSETS_TOPIC_REPLICATION_FACTOR), 1);
    conf_free(conf);
    args.overrides = overrides;
    args.override_count = 2;
    assert_int_equal(conf_load(&args, &findings, &conf), ERR_OK);
    assert_int_equal(conf_int(conf, CONF_BROKER_NUM_PARTITIONS), 3);
    assert_int_equal(conf_log_dirs(conf).count, 2);
    assert_string_equal(conf_log_dirs(conf).items[1], "/b");
    assert_true(conf_is_set(conf, CONF_BROKER_NUM_PARTITIONS));
    conf_free(conf);
    /* Other listeners are not advertised as the default ones. */
    static const char *const elsewhere[] = {"listeners=PLAINTEXT://:7092,CONTROLLER://:7093"};
    args.overrides = elsewhere;
    args.override_count = 1;
    args.host_name = "here.example.com";
    assert_int_equal(conf_load(&args, &findings, &conf), ERR_OK);
    assert_int_equal(findings.count, 0);
    advertised = conf_advertised(conf, &count);
    assert_int_equal(count, 2);
    assert_string_equal(advertised[0].host, "localhost");
    assert_int_equal(advertised[0].port, 7092);
    assert_int_equal(advertised[1].port, 7093);
    conf_free(conf);
}

static void getters(void **state)
{
    UNUSED(state);
    struct conf *conf = load_text(MINIMAL "log.retention.ms= 5 \nauto.create.topics.enable=FALSE\n"
                                          "log.cleaner.io.buffer.load.factor=0.5\nbroker.rack=r\n",
                                  &findings);
    assert_non_null(conf);
    assert_int_equal(conf_int(conf, CONF_BROKER_LOG_RETENTION_MS), 5);
    assert_string_equal(conf_printed(conf, CONF_BROKER_LOG_RETENTION_MS), "5");
    assert_false(conf_bool(conf, CONF_BROKER_AUTO_CREATE_TOPICS_ENABLE));
    assert_string_equal(conf_printed(conf, CONF_BROKER_AUTO_CREATE_TOPICS_ENABLE), "false");
    assert_true(conf_real(conf, CONF_BROKER_LOG_CLEANER_IO_BUFFER_LOAD_FACTOR) == 0.5);
    assert_string_equal(conf_text(conf, CONF_BROKER_BROKER_RACK), "r");
    assert_null(conf_text(conf, CONF_BROKER_METADATA_LOG_DIR));
    assert_true(conf_is_null(conf, CONF_BROKER_LOG_ROLL_MS));
    assert_false(conf_is_set(conf, CONF_BROKER_NUM_PARTITIONS));
    assert_int_equal(conf_source_of(conf, CONF_BROKER_NUM_PARTITIONS), CONF_SOURCE_DEFAULT);
    assert_int_equal(conf_source_of(conf, CONF_BROKER_NODE_ID), CONF_SOURCE_STATIC_BROKER);
    /* broker.id goes along with node.id. */
    assert_int_equal(conf_int(conf, CONF_BROKER_BROKER_ID), 7);
    assert_int_equal(conf_list(conf, CONF_BROKER_PROCESS_ROLES).count, 2);
    assert_int_equal(conf_list(conf, CONF_BROKER_LOG_DIRS).count, 0);
    assert_string_equal(conf_log_dirs(conf).items[0], "/tmp/kafka-logs");
    assert_true(conf_flush_ms(conf) == INT64_MAX);
    assert_string_equal(conf_inter_broker_listener(conf), "PLAINTEXT");
    size_t count;
    const struct conf_voter *voters = conf_voters(conf, &count);
    assert_int_equal(count, 1);
    assert_int_equal(voters[0].id, 7);
    assert_string_equal(voters[0].host, "localhost");
    assert_int_equal(voters[0].port, 9093);
    /* Nothing advertised: the listeners, with the machine's name. */
    const struct conf_listener *advertised = conf_advertised(conf, &count);
    assert_int_equal(count, 2);
    assert_string_equal(advertised[0].host, "here.example.com");
    assert_int_equal(advertised[0].port, 9092);
    conf_free(conf);
}

static void all_findings(void **state)
{
    UNUSED(state);
    struct conf *conf =
        load_text(MINIMAL "log.segment.bytes=5\n"
                          "num.partitions=many\n"
                          "lisetners=x\n"
                          "zookeeper.connect=z\n"
                          "super.users=User:me\n"
                          "rsm.config.bucket=b\n"
                          "ssl.key.password=hunter2\n"
                          "node.id=7\n"
                          "compression.type=brotli\n"
                          "listener.name.plaintext.ssl.client.auth=perhaps\n"
                          "listener.name.plaintext.scram-sha-256.sasl.jaas.config=x\n"
                          "num.network.threads=9\n"
                          "sasl.jaas.config=hunter3\n"
                          "group.streams.max.size=5\n"
                          "authorizer.class.name=my.Authorizer\n",
                  &findings);
    assert_null(conf);
    assert_int_equal(findings.error_count, 5);
    static const struct {
        enum conf_severity severity;
        const char *text;
    } expected[] = {
        {CONF_SEVERITY_ERROR, "server.properties:6: log.segment.bytes=5: has to be a whole number "
                              "from 1048576 to 2147483647"},
        {CONF_SEVERITY_ERROR, "server.properties:7: num.partitions=many: has to be"},
        {CONF_SEVERITY_WARNING, "server.properties:8: lisetners: is not a known setting; did you "
                                "mean listeners?"},
        {CONF_SEVERITY_WARNING, "server.properties:9: zookeeper.connect: has no effect"},
        {CONF_SEVERITY_WARNING, "server.properties:12: ssl.key.password=[hidden]: "},
        {CONF_SEVERITY_WARNING, "server.properties:13: node.id: is given twice; this one counts, "
                                "not that of server.properties:2"},
        {CONF_SEVERITY_ERROR, "compression.type=brotli: has to be uncompressed, zstd, lz4, snappy, "
                              "gzip or producer"},
        {CONF_SEVERITY_ERROR, "listener.name.plaintext.ssl.client.auth=perhaps: has to be"},
        {CONF_SEVERITY_WARNING, "scram-sha-256.sasl.jaas.config=[hidden]: "},
        {CONF_SEVERITY_WARNING, "group.streams.max.size=5: has no effect in ottla yet"},
        {CONF_SEVERITY_ERROR, "authorizer.class.name=my.Authorizer: ottla cannot do this"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(expected); i++)
        if (!found(&findings, expected[i].severity, expected[i].text))
            fail_msg("not found: %s", expected[i].text);
    /* Accepted in silence, and secrets never shown. */
    for (int severity = 0; severity < 2; severity++) {
        assert_false(found(&findings, (enum conf_severity)severity, "super.users"));
        assert_false(found(&findings, (enum conf_severity)severity, "rsm.config"));
        assert_false(found(&findings, (enum conf_severity)severity, "num.network.threads"));
        assert_false(found(&findings, (enum conf_severity)severity, "hunter"));
    }
}

static void overrides_win(void **state)
{
    UNUSED(state);
    struct conf *conf;
    static const char text[] = MINIMAL "num.partitions=2\n";
    static const char *const overrides[] = {"num.partitions=x", "num.partitions=4", "nonsense",
                                            "=5"};
    struct conf_args args = {.file_name = "f",
                             .file_data = text,
                             .file_size = sizeof text - 1,
                             .overrides = overrides,
                             .override_count = 2};
    assert_int_equal(conf_load(&args, &findings, &conf), ERR_OK);
    assert_int_equal(conf_int(conf, CONF_BROKER_NUM_PARTITIONS), 4);
    assert_int_equal(findings.count, 0);
    conf_free(conf);
    args.override_count = 4;
    assert_int_equal(conf_load(&args, &findings, &conf), ERR_INVALID);
    assert_null(conf);
    assert_int_equal(findings.error_count, 2);
    assert_true(found(&findings, CONF_SEVERITY_ERROR, "-o: \"nonsense\" is not of the form"));
}

static void broken_file(void **state)
{
    UNUSED(state);
    assert_null(load_text("a=b\nc=\\u12\n", &findings));
    assert_int_equal(findings.count, 1);
    assert_true(found(&findings, CONF_SEVERITY_ERROR, "server.properties:2: \\u has to be"));
}

static void empty_file(void **state)
{
    UNUSED(state);
    /* An empty file is not no file: what has to be set is asked for. */
    assert_null(load_text("", &findings));
    assert_true(found(&findings, CONF_SEVERITY_ERROR, "process.roles: has to be set"));
    assert_true(found(&findings, CONF_SEVERITY_ERROR, "node.id: has to be set"));
    assert_true(found(&findings, CONF_SEVERITY_ERROR, "controller.listener.names: has to be set"));
}

static void many_findings(void **state)
{
    UNUSED(state);
    struct buf text = BUF_EMPTY;
    buf_put_text(&text, MINIMAL);
    for (int i = 0; i < 3000; i++)
        buf_printf(&text, "unknown.setting.%d=1\n", i);
    struct conf *conf = load_text(buf_text(&text), &findings);
    assert_non_null(conf);
    assert_int_equal(findings.count, CONF_FINDINGS_MAX);
    assert_int_equal(findings.dropped_count, 2000);
    assert_string_equal(conf_extra(conf, "unknown.setting.2999"), "1");
    assert_null(conf_extra(conf, "unknown.setting.3000"));
    conf_free(conf);
    buf_deinit(&text);
}

static void printing(void **state)
{
    UNUSED(state);
    conf_findings_add(&findings, CONF_SEVERITY_ERROR, "a\033[2Jb", "c\nd", "e\rf", "%s", "g\th");
    struct buf line = BUF_EMPTY;
    conf_finding_print(&findings.items[0], &line);
    assert_string_equal(buf_text(&line), "e?f: a?[2Jb=c?d: g?h");
    buf_deinit(&line);
    /* A long value is cut, not inside a character. */
    char value[1000];
    memset(value, 'x', sizeof value);
    memcpy(value + 198, "\xc3\xa9", 3);
    conf_findings_add(&findings, CONF_SEVERITY_ERROR, "a", value, "", "b");
    assert_int_equal(strlen(findings.items[1].value), 200);
    memcpy(value + 198, "x\xc3\xa9", 3);
    memset(value + 201, 'x', sizeof value - 202);
    value[sizeof value - 1] = '\0';
    conf_findings_add(&findings, CONF_SEVERITY_ERROR, "a", value, "", "b");
    assert_int_equal(strlen(findings.items[2].value), 199 + 3);
}

static void listener_settings(void **state)
{
    UNUSED(state);
    struct conf *conf =
        load_text(MINIMAL "listener.name.plaintext.max.connections=9\nmax.connections=5\n"
                          "listener.name.PLAINTEXT.num.network.threads=1\n",
                  &findings);
    assert_non_null(conf);
    assert_string_equal(conf_listener_text(conf, "PLAINTEXT", CONF_BROKER_MAX_CONNECTIONS), "9");
    assert_string_equal(conf_listener_text(conf, "CONTROLLER", CONF_BROKER_MAX_CONNECTIONS), "5");
    assert_string_equal(conf_listener_text(conf, "PLAIN", CONF_BROKER_MAX_CONNECTIONS), "5");
    /* The prefix is in lower case only. */
    assert_string_equal(conf_listener_text(conf, "PLAINTEXT", CONF_BROKER_NUM_NETWORK_THREADS),
                        "3");
    conf_free(conf);
}

static void dynamic(void **state)
{
    UNUSED(state);
    struct conf *base = load_text(MINIMAL "num.io.threads=4\nlog.retention.hours=9\n", &findings);
    const struct conf_pair broker[] = {{"log.cleaner.threads", "3"},
                                       {"log.retention.ms", "77"},
                                       {"num.io.threads", "none"},
                                       {"nosuch", "x"}};
    const struct conf_pair defaults[] = {{"log.retention.ms", "55"}, {"num.io.threads", "6"}};
    struct conf *conf = conf_with_dynamic(base, broker, 4, defaults, 2, &findings);
    assert_int_equal(conf_int(conf, CONF_BROKER_LOG_CLEANER_THREADS), 3);
    assert_int_equal(conf_int(conf, CONF_BROKER_LOG_RETENTION_MS), 77);
    assert_int_equal(conf_int(conf, CONF_BROKER_NUM_IO_THREADS), 6);
    assert_int_equal(conf_source_of(conf, CONF_BROKER_LOG_RETENTION_MS),
                     CONF_SOURCE_DYNAMIC_BROKER);
    assert_int_equal(conf_source_of(conf, CONF_BROKER_NUM_IO_THREADS),
                     CONF_SOURCE_DYNAMIC_DEFAULT_BROKER);
    assert_string_equal(conf_extra(conf, "nosuch"), "x");
    assert_int_equal(findings.error_count, 0);
    assert_true(found(&findings, CONF_SEVERITY_WARNING, "num.io.threads: is left out"));
    /* The base stays, and a change of a changed one starts from the static settings. */
    assert_int_equal(conf_int(base, CONF_BROKER_NUM_IO_THREADS), 4);
    struct conf *again = conf_with_dynamic(conf, NULL, 0, NULL, 0, &findings);
    assert_int_equal(conf_int(again, CONF_BROKER_NUM_IO_THREADS), 4);
    assert_true(conf_is_null(again, CONF_BROKER_LOG_RETENTION_MS));
    /* Right by themselves, wrong together: the layer is left out. */
    const struct conf_pair bad[] = {{"log.cleaner.threads", "1000"}, {"num.io.threads", "5"}};
    struct conf *kept = conf_with_dynamic(base, bad, 2, defaults, 2, &findings);
    assert_int_equal(conf_int(kept, CONF_BROKER_LOG_CLEANER_THREADS), 1);
    assert_int_equal(conf_int(kept, CONF_BROKER_NUM_IO_THREADS), 6);
    assert_true(found(&findings, CONF_SEVERITY_WARNING, "log.cleaner.dedupe.buffer.size"));
    assert_int_equal(findings.error_count, 0);
    conf_free(kept);
    conf_free(again);
    conf_free(conf);
    conf_free(base);
}

static void voters(void **state)
{
    UNUSED(state);
    struct conf *conf = load_text("process.roles=broker\nnode.id=9\n"
                                  "controller.listener.names=CONTROLLER\n"
                                  "listeners=PLAINTEXT://h:9092\n"
                                  "controller.quorum.voters=3@c:3,1@[::1]:1,2@b:2,1@a:4\n",
                                  &findings);
    assert_non_null(conf);
    size_t count;
    const struct conf_voter *list = conf_voters(conf, &count);
    assert_int_equal(count, 3);
    assert_int_equal(list[0].id, 1);
    assert_string_equal(list[0].host, "a");
    assert_int_equal(list[0].port, 4);
    assert_int_equal(list[2].id, 3);
    assert_true(conf_is_broker(conf) && !conf_is_controller(conf));
    conf_free(conf);
}

static void numbers(void **state)
{
    UNUSED(state);
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.1, "0.1"},
        {1e7, "1.0E7"},
        {9999999, "9999999.0"},
        {1e-3, "0.001"},
        {9.99e-4, "9.99E-4"},
        {1e21, "1.0E21"},
        {123456789.125, "1.23456789125E8"},
        {5e-324, "4.9E-324"},
        {1.7976931348623157E308, "1.7976931348623157E308"},
        {2.0, "2.0"},
        {-0.0, "-0.0"},
        {100, "100.0"},
        {0.3, "0.3"},
        {120.25, "120.25"},
        {-12.5, "-12.5"},
        {0.05, "0.05"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf out = BUF_EMPTY;
        conf_real_print(cases[i].value, &out);
        assert_string_equal(buf_text(&out), cases[i].text);
        buf_deinit(&out);
    }
}

/* A value as Double.parseDouble, Integer.parseInt and so on take it. */
static void parsing(void **state)
{
    UNUSED(state);
    static const struct {
        enum conf_broker_id id;
        const char *text;
        const char *printed; /* NULL: refused */
    } cases[] = {
        {CONF_BROKER_SASL_LOGIN_REFRESH_WINDOW_JITTER, "1", "1.0"},
        {CONF_BROKER_SASL_LOGIN_REFRESH_WINDOW_JITTER, "0x1.8p1", "3.0"},
        {CONF_BROKER_SASL_LOGIN_REFRESH_WINDOW_JITTER, "1e400", "Infinity"},
        {CONF_BROKER_SASL_LOGIN_REFRESH_WINDOW_JITTER, "nan", NULL},
        {CONF_BROKER_SASL_LOGIN_REFRESH_WINDOW_JITTER, "NaN", "NaN"},
        {CONF_BROKER_SASL_LOGIN_REFRESH_WINDOW_JITTER, "-Infinity", "-Infinity"},
        {CONF_BROKER_SASL_LOGIN_REFRESH_WINDOW_JITTER, "inf", NULL},
        {CONF_BROKER_SASL_LOGIN_REFRESH_WINDOW_JITTER, "+1.5", "1.5"},
        {CONF_BROKER_SASL_LOGIN_REFRESH_WINDOW_JITTER, "1_0", NULL},
        {CONF_BROKER_SASL_LOGIN_REFRESH_WINDOW_JITTER, "1.5d", "1.5"},
        {CONF_BROKER_SASL_LOGIN_REFRESH_WINDOW_JITTER, "1.5ff", NULL},
        {CONF_BROKER_SASL_LOGIN_REFRESH_WINDOW_JITTER, " 2 ", "2.0"},
        {CONF_BROKER_SASL_LOGIN_REFRESH_WINDOW_JITTER, "0x.8p0", "0.5"},
        {CONF_BROKER_SASL_LOGIN_REFRESH_WINDOW_JITTER, "0x1p", NULL},
        {CONF_BROKER_SASL_LOGIN_REFRESH_WINDOW_JITTER, "1e+5", "100000.0"},
        {CONF_BROKER_SASL_LOGIN_REFRESH_WINDOW_JITTER, "1e+", NULL},
        {CONF_BROKER_SASL_LOGIN_REFRESH_WINDOW_JITTER, "+-1", NULL},
        {CONF_BROKER_SASL_LOGIN_REFRESH_WINDOW_JITTER, ".", NULL},
        {CONF_BROKER_SASL_LOGIN_REFRESH_WINDOW_JITTER, "-.5e-2F", "-0.005"},
        {CONF_BROKER_SASL_LOGIN_REFRESH_WINDOW_JITTER, "", NULL},
        {CONF_BROKER_DEFAULT_REPLICATION_FACTOR, "+5", "5"},
        {CONF_BROKER_DEFAULT_REPLICATION_FACTOR, "-0", "0"},
        {CONF_BROKER_DEFAULT_REPLICATION_FACTOR, "--1", NULL},
        {CONF_BROKER_DEFAULT_REPLICATION_FACTOR, "+", NULL},
        {CONF_BROKER_DEFAULT_REPLICATION_FACTOR, "00012", "12"},
        {CONF_BROKER_DEFAULT_REPLICATION_FACTOR, "2147483647", "2147483647"},
        {CONF_BROKER_DEFAULT_REPLICATION_FACTOR, "2147483648", NULL},
        {CONF_BROKER_DEFAULT_REPLICATION_FACTOR, "-2147483648", "-2147483648"},
        {CONF_BROKER_LOG_RETENTION_BYTES, "9223372036854775807", "9223372036854775807"},
        {CONF_BROKER_LOG_RETENTION_BYTES, "-9223372036854775808", "-9223372036854775808"},
        {CONF_BROKER_LOG_RETENTION_BYTES, "9223372036854775808", NULL},
        {CONF_BROKER_LOG_RETENTION_BYTES, "-9223372036854775809", NULL},
        {CONF_BROKER_SASL_LOGIN_REFRESH_BUFFER_SECONDS, "32767", "32767"},
        {CONF_BROKER_SASL_LOGIN_REFRESH_BUFFER_SECONDS, "32768", NULL},
        {CONF_BROKER_LOG_DIRS, " a ,\tb\v, c", "a,b,c"},
        {CONF_BROKER_LOG_DIRS, "a,a", "a"},
        {CONF_BROKER_LOG_DIRS, ",", NULL},
        {CONF_BROKER_LOG_PREALLOCATE, "True", "true"},
        {CONF_BROKER_LOG_PREALLOCATE, "1", NULL},
        {CONF_BROKER_SSL_PROTOCOL, "\x01 x \x1f", "x"},
    };
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    size_t count;
    const struct conf_row *rows = conf_rows(CONF_SCOPE_BROKER, &count);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct conf_value value;
        struct buf message = BUF_EMPTY;
        const struct conf_row *row = &rows[cases[i].id];
        enum err err = conf_value_parse(row, cases[i].text, &arena, &value, &message);
        if ((err == ERR_OK) != (cases[i].printed != NULL))
            fail_msg("%s=\"%s\": %s", row->name, cases[i].text, buf_text(&message));
        if (err == ERR_OK)
            assert_string_equal(conf_value_print(row, &value, &arena), cases[i].printed);
        assert_int_equal(err == ERR_OK, message.size == 0);
        buf_deinit(&message);
    }
    /* Limits of ours. */
    struct conf_value value;
    struct buf message = BUF_EMPTY;
    char *large = malloc(CONF_VALUE_BYTES_MAX + 2);
    memset(large, ',', CONF_VALUE_BYTES_MAX + 1);
    large[CONF_VALUE_BYTES_MAX + 1] = '\0';
    assert_int_equal(conf_value_parse(&rows[CONF_BROKER_LOG_DIRS], large, &arena, &value, &message),
                     ERR_INVALID);
    large[CONF_VALUE_BYTES_MAX] = '\0';
    assert_int_equal(conf_value_parse(&rows[CONF_BROKER_LOG_DIRS], large, &arena, &value, &message),
                     ERR_INVALID);
    free(large);
    buf_deinit(&message);
    arena_deinit(&arena);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(standalone),  TEST(getters),    TEST(all_findings),      TEST(overrides_win),
        TEST(broken_file), TEST(empty_file), TEST(many_findings),     TEST(printing),
        TEST(dynamic),     TEST(voters),     TEST(listener_settings), TEST(numbers),
        TEST(parsing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
