/*
 * Metrics: what is told for one label is added up, histograms are cumulative, labels are escaped
 * and bounded; and what is answered over HTTP in each state of a node. The table is this test's
 * own.
 */
#include "broker/node_int.h"
#include "broker/shard_int.h"

#include "../fake_env.h"
#include "../unit.h"
#include "broker/http.h"
#include "broker/metrics.h"

#include <stdio.h>

static size_t label_count;

static void collect_plain(struct metrics_sink *sink, struct broker_shard *shard)
{
    UNUSED(shard);
    metrics_add(sink, NULL, 2.5);
    metrics_add(sink, NULL, 1.5);
}

static void collect_labelled(struct metrics_sink *sink, struct broker_shard *shard)
{
    UNUSED(shard);
    metrics_add(sink, "b\"\\\n", 1);
    metrics_add(sink, "a", 0.125);
    metrics_add(sink, "b\"\\\n", 1);
}

static void collect_times(struct metrics_sink *sink, struct broker_shard *shard)
{
    UNUSED(shard);
    struct metrics_histogram histogram = {0};
    metrics_observe(&histogram, 0);
    metrics_observe(&histogram, 100000); /* 0.1 ms is in the first bucket yet */
    metrics_observe(&histogram, 100001);
    metrics_observe(&histogram, UINT64_C(60000000000));
    metrics_add_histogram(sink, "x", &histogram);
    metrics_add_histogram(sink, "x", &histogram);
}

static void collect_many(struct metrics_sink *sink, struct broker_shard *shard)
{
    UNUSED(shard);
    char label[24];
    for (size_t i = 0; i < label_count; i++) {
        snprintf(label, sizeof label, "%zu", i);
        metrics_add(sink, label, 1);
    }
}

static void collect_nothing(struct metrics_sink *sink, struct broker_shard *shard)
{
    UNUSED(sink);
    UNUSED(shard);
}

const struct metrics_family broker_metrics[] = {
    {"plain", METRICS_GAUGE, NULL, "One.", collect_plain},
    {"none", METRICS_GAUGE, NULL, "Nothing to tell.", collect_nothing},
    {"labelled_total", METRICS_COUNTER, "which", "Two.", collect_labelled},
    {"times_seconds", METRICS_HISTOGRAM, "what", "Three.", collect_times},
    {"many", METRICS_GAUGE, "of", "Four.", collect_many},
};
const size_t broker_metrics_count = ARRAY_COUNT(broker_metrics);

struct fixture {
    struct fake_env fake;
    struct env *envs[1];
    struct conf *conf;
    struct broker_node *node;
    struct broker_http http;
    size_t answers;
};

static void answered(struct broker_http *http)
{
    CONTAINER_OF(http, struct fixture, http)->answers++;
}

static int setup(void **state)
{
    struct fixture *f = mem_zalloc(sizeof *f);
    fake_env_init(&f->fake);
    f->envs[0] = &f->fake.env;
    f->conf = conf_of(NULL, 0);
    struct broker_node_options options = {
        .envs = f->envs, .env_count = 1, .conf = f->conf, .hostname = "here"};
    f->node = broker_node_new(&options);
    label_count = 0;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    broker_node_free(f->node);
    conf_free(f->conf);
    fake_env_deinit(&f->fake);
    buf_deinit(&f->http.content);
    mem_free(f);
    return 0;
}

static const char *ask(struct fixture *f, const char *path)
{
    size_t before = f->answers;
    buf_deinit(&f->http.content);
    f->http = (struct broker_http){.done = answered};
    broker_http_ask(f->node, path, &f->http);
    fake_env_settle(&f->fake);
    assert_int_equal(f->answers, before + 1);
    return buf_text(&f->http.content);
}

static void assert_has(const char *text, const char *line)
{
    if (strstr(text, line) == NULL)
        fail_msg("no \"%s\" in\n%s", line, text);
}

static void test_page(void **state)
{
    const char *text = ask(*state, "/metrics");
    assert_has(text, "# HELP plain One.\n# TYPE plain gauge\nplain 4\n");
    assert_has(text, "# TYPE labelled_total counter\nlabelled_total{which=\"a\"} 0.125\n"
                     "labelled_total{which=\"b\\\"\\\\\\n\"} 2\n");
    assert_null(strstr(text, "none"));
    assert_has(text, "times_seconds_bucket{what=\"x\",le=\"0.0001\"} 4\n"
                     "times_seconds_bucket{what=\"x\",le=\"0.00025\"} 6\n");
    assert_has(text, "times_seconds_bucket{what=\"x\",le=\"10\"} 6\n"
                     "times_seconds_bucket{what=\"x\",le=\"+Inf\"} 8\n"
                     "times_seconds_sum{what=\"x\"} 120.000400002");
    assert_has(text, "times_seconds_count{what=\"x\"} 8\n");
    assert_has(text, "\nottla_metrics_left_out 0\n");
}

static void test_labels_are_bounded(void **state)
{
    label_count = METRICS_LABELS_MAX;
    assert_has(ask(*state, "/metrics"), "\nottla_metrics_left_out 0\n");
    label_count = METRICS_LABELS_MAX + 7;
    const char *text = ask(*state, "/metrics");
    assert_has(text, "\nottla_metrics_left_out 7\n");
    assert_has(text, "many{of=\"999\"} 1\n");
    assert_null(strstr(text, "many{of=\"1000\"}"));
}

static void test_health(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum broker_node_state state;
        unsigned ready;
    } cases[] = {{BROKER_NODE_NEW, 503},
                 {BROKER_NODE_STARTING, 503},
                 {BROKER_NODE_RUNNING, 200},
                 {BROKER_NODE_STOPPING, 503},
                 {BROKER_NODE_STOPPED, 503}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        f->node->state = cases[i].state;
        (void)ask(f, "/health/ready");
        assert_int_equal(f->http.status, cases[i].ready);
        assert_string_equal(ask(f, "/health/live"), "live\n");
        assert_int_equal(f->http.status, 200);
        (void)ask(f, "/elsewhere");
        assert_int_equal(f->http.status, 404);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_page, setup, teardown),
        cmocka_unit_test_setup_teardown(test_labels_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_health, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
