/* A topic's settings: what is accepted, with Kafka's words, and what they come to. */
#include "conf/topic.h"
#include "conf_test.h"

/* \t and \n stand for the characters. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (from[0] == '\\' && (from[1] == 't' || from[1] == 'n'))
            *to++ = *++from == 't' ? '\t' : '\n';
        else
            *to++ = *from;
    }
    *to = '\0';
}

static void as_kafka(void **state)
{
    UNUSED(state);
    struct conf *broker = conf_of(NULL, 0);
    struct lines lines;
    lines_open(&lines, "topic_cases.tsv");
    size_t count = 0;
    for (char *line; (line = lines_next(&lines)) != NULL; count++) {
        char *fields[2];
        assert_int_equal(cut(line, '\t', fields, 2), 2);
        char *settings[8];
        size_t n = cut(fields[0], '|', settings, 8);
        struct conf_pair pairs[8];
        for (size_t i = 0; i < n; i++) {
            char *value = strchr(settings[i], '=');
            *value++ = '\0';
            unescape(value);
            pairs[i] = (struct conf_pair){settings[i], value};
        }
        struct buf message = BUF_EMPTY;
        enum err err = conf_topic_check(broker, pairs, n, &message);
        assert_int_equal(err == ERR_OK, strcmp(fields[1], "OK") == 0);
        if (err != ERR_OK) {
            assert_int_equal(err, ERR_INVALID);
            /* Of two mistakes Kafka tells the one that it defines first, ottla the first given. */
            if (n == 1 || strstr(fields[1], pairs[0].name) != NULL)
                assert_string_equal(buf_text(&message), fields[1]);
        }
        /* Resolving leaves out what is wrong and never fails. */
        struct conf_topic topic;
        conf_topic_resolve(broker, pairs, n, NULL, &topic);
        if (n == 1) {
            buf_clear(&message);
            err = conf_topic_check_one(pairs[0].name, pairs[0].value, &message);
            if (err != ERR_OK)
                assert_string_equal(buf_text(&message), fields[1]);
        }
        buf_deinit(&message);
    }
    assert_true(count > 90);
    conf_free(broker);
}

static void nulls(void **state)
{
    UNUSED(state);
    struct buf message = BUF_EMPTY;
    const struct conf_pair pairs[] = {
        {"retention.ms", NULL}, {"segment.ms", "5"}, {"cleanup.policy", NULL}};
    assert_int_equal(conf_topic_check(NULL, pairs, 3, &message), ERR_INVALID);
    assert_string_equal(buf_text(&message),
                        "Null value not supported for topic configs: retention.ms,cleanup.policy");
    buf_clear(&message);
    assert_int_equal(conf_topic_check_one("retention.ms", NULL, &message), ERR_INVALID);
    assert_string_equal(buf_text(&message),
                        "Null value not supported for topic configs: retention.ms");
    buf_deinit(&message);
}

static void defaults(void **state)
{
    UNUSED(state);
    struct conf_topic t;
    conf_topic_defaults(&t);
    assert_true(t.cleanup_delete && !t.cleanup_compact);
    assert_false(t.log_append_time || t.preallocate || t.unclean_leader_election);
    assert_int_equal(t.compression, CONF_COMPRESSION_PRODUCER);
    assert_int_equal(t.compression_gzip_level, -1);
    assert_int_equal(t.compression_lz4_level, 9);
    assert_int_equal(t.compression_zstd_level, 3);
    assert_int_equal(t.index_interval_bytes, 4096);
    assert_int_equal(t.max_message_bytes, 1048588);
    assert_int_equal(t.min_insync_replicas, 1);
    assert_int_equal(t.segment_bytes, 1073741824);
    assert_int_equal(t.segment_index_bytes, 10485760);
    assert_true(t.min_cleanable_dirty_ratio == 0.5);
    assert_int_equal(t.delete_retention_ms, 86400000);
    assert_int_equal(t.file_delete_delay_ms, 60000);
    assert_true(t.flush_messages == INT64_MAX && t.flush_ms == INT64_MAX);
    assert_true(t.local_retention_bytes == -2 && t.local_retention_ms == -2);
    assert_true(t.max_compaction_lag_ms == INT64_MAX && t.min_compaction_lag_ms == 0);
    assert_int_equal(t.message_timestamp_after_max_ms, 3600000);
    assert_true(t.message_timestamp_before_max_ms == INT64_MAX);
    assert_true(t.retention_bytes == -1 && t.retention_ms == 604800000);
    assert_true(t.segment_jitter_ms == 0 && t.segment_ms == 604800000);
    /* A broker of defaults makes no difference. */
    struct conf *broker = conf_of(NULL, 0);
    struct conf_topic same;
    conf_topic_resolve(broker, NULL, 0, NULL, &same);
    assert_int_equal(same.retention_ms, t.retention_ms);
    assert_int_equal(same.segment_ms, t.segment_ms);
    assert_true(same.flush_ms == t.flush_ms);
    conf_free(broker);
}

static struct conf_topic with(const char *name, const char *value, const char *name_2,
                              const char *value_2)
{
    const struct conf_pair pairs[] = {{name, value}, {name_2, value_2}};
    struct conf *broker = conf_of(pairs, name_2 != NULL ? 2 : 1);
    struct conf_topic topic;
    conf_topic_resolve(broker, NULL, 0, NULL, &topic);
    conf_free(broker);
    return topic;
}

static void from_the_broker(void **state)
{
    UNUSED(state);
    assert_int_equal(with("log.retention.hours", "2", NULL, NULL).retention_ms, 7200000);
    assert_int_equal(with("log.retention.minutes", "3", "log.retention.hours", "2").retention_ms,
                     180000);
    assert_int_equal(with("log.retention.ms", "4", "log.retention.minutes", "3").retention_ms, 4);
    assert_int_equal(with("log.retention.hours", "-5", NULL, NULL).retention_ms, -1);
    assert_int_equal(with("log.roll.hours", "1", NULL, NULL).segment_ms, 3600000);
    assert_int_equal(with("log.roll.ms", "9", "log.roll.hours", "1").segment_ms, 9);
    assert_int_equal(with("log.roll.jitter.hours", "1", NULL, NULL).segment_jitter_ms, 3600000);
    assert_int_equal(with("log.roll.ms", "9", "log.roll.jitter.ms", "20").segment_jitter_ms, 9);
    assert_int_equal(with("log.flush.interval.ms", "7", NULL, NULL).flush_ms, 7);
    assert_int_equal(with("log.flush.scheduler.interval.ms", "8", NULL, NULL).flush_ms, 8);
    assert_int_equal(with("message.max.bytes", "77", NULL, NULL).max_message_bytes, 77);
    assert_true(with("log.cleanup.policy", "compact", NULL, NULL).cleanup_compact);
    assert_false(with("log.cleanup.policy", "compact", NULL, NULL).cleanup_delete);
    assert_true(with("log.cleanup.policy", "compact,delete", NULL, NULL).cleanup_delete);
    assert_true(with("log.message.timestamp.type", "LogAppendTime", NULL, NULL).log_append_time);
    assert_int_equal(with("compression.type", "zstd", NULL, NULL).compression,
                     CONF_COMPRESSION_ZSTD);
    assert_true(
        with("log.cleaner.min.cleanable.ratio", "0.25", NULL, NULL).min_cleanable_dirty_ratio ==
        0.25);
    /* The largest that hours can say does not overflow. */
    assert_true(with("log.retention.hours", "2147483647", NULL, NULL).retention_ms ==
                INT64_C(2147483647) * 3600000);
}

static void overrides(void **state)
{
    UNUSED(state);
    const struct conf_pair settings[] = {{"log.retention.ms", "100"}, {"log.preallocate", "true"}};
    struct conf *broker = conf_of(settings, 2);
    const struct conf_pair pairs[] = {
        {"retention.ms", " 5 "},
        {"segment.bytes", "2097152"},
        {"compression.type", "gzip"},
        {"nosuch", "1"},
        {"cleanup.policy", ""},
        {"segment.ms", "wrong"},
        {"internal.segment.bytes", "100"},
    };
    struct conf_findings findings;
    conf_findings_init(&findings);
    struct conf_topic topic;
    conf_topic_resolve(broker, pairs, ARRAY_COUNT(pairs), &findings, &topic);
    assert_int_equal(topic.retention_ms, 5);
    assert_int_equal(topic.segment_bytes, 100);
    assert_int_equal(topic.compression, CONF_COMPRESSION_GZIP);
    assert_false(topic.cleanup_delete || topic.cleanup_compact);
    assert_int_equal(topic.segment_ms, 604800000);
    assert_true(topic.preallocate);
    assert_int_equal(findings.count, 2);
    assert_int_equal(findings.error_count, 0);
    assert_true(found(&findings, CONF_SEVERITY_WARNING, "Unknown topic config name: nosuch"));
    assert_true(found(&findings, CONF_SEVERITY_WARNING, "Not a number of type LONG"));
    conf_findings_deinit(&findings);
    conf_free(broker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_kafka),        cmocka_unit_test(nulls),     cmocka_unit_test(defaults),
        cmocka_unit_test(from_the_broker), cmocka_unit_test(overrides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
