/*
 * Collecting, adding up and printing (metrics.h).
 *
 * 1. A leg is its shard's from the call until the reply; what it collected is then shard 0's.
 * 2. A scrape touches each replica and each API's numbers once, and allocates in proportion to what
 *    it prints, which METRICS_LABELS_MAX bounds.
 */
#include "broker/metrics.h"

#include "broker/node_int.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const double metrics_bounds[METRICS_BUCKET_COUNT] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                                     0.01,   0.025,   0.05,   0.1,   0.25,   0.5,
                                                     1,      2.5,     5,      10};

void metrics_observe(struct metrics_histogram *histogram, uint64_t ns)
{
    double seconds = (double)ns / 1e9;
    size_t i = 0;
    while (i < METRICS_BUCKET_COUNT && seconds > metrics_bounds[i])
        i++;
    histogram->buckets[i]++;
    histogram->sum_ns += ns;
}

/* ---- Collecting ---- */

struct sample {
    size_t family;
    char *label; /* NULL: none */
    double value;
    struct metrics_histogram *histogram; /* NULL: a plain number */
};

struct metrics_sink {
    size_t family; /* that is being collected */
    size_t labels; /* of it */
    struct sample *samples;
    size_t count;
    size_t capacity;
    uint64_t left_out;
};

struct metrics_leg {
    struct broker_call call;
    struct broker_metrics *metrics;
    struct metrics_sink sink;
};

static void sink_deinit(struct metrics_sink *sink)
{
    for (size_t i = 0; i < sink->count; i++) {
        mem_free(sink->samples[i].label);
        mem_free(sink->samples[i].histogram);
    }
    mem_free(sink->samples);
}

/* NULL: there are too many. */
static struct sample *sink_sample(struct metrics_sink *sink, const char *label)
{
    ASSERT((label != NULL) == (broker_metrics[sink->family].label != NULL));
    if (sink->labels == METRICS_LABELS_MAX) {
        sink->left_out++;
        return NULL;
    }
    sink->labels++;
    if (sink->count == sink->capacity) {
        sink->capacity = sink->capacity == 0 ? 256 : sink->capacity * 2;
        sink->samples = mem_realloc(sink->samples, sink->capacity * sizeof sink->samples[0]);
    }
    struct sample *sample = &sink->samples[sink->count++];
    *sample = (struct sample){.family = sink->family};
    if (label != NULL)
        sample->label = mem_strdup(label);
    return sample;
}

void metrics_add(struct metrics_sink *sink, const char *label, double value)
{
    ASSERT(broker_metrics[sink->family].type != METRICS_HISTOGRAM);
    struct sample *sample = sink_sample(sink, label);
    if (sample != NULL)
        sample->value = value;
}

void metrics_add_histogram(struct metrics_sink *sink, const char *label,
                           const struct metrics_histogram *histogram)
{
    ASSERT(broker_metrics[sink->family].type == METRICS_HISTOGRAM);
    struct sample *sample = sink_sample(sink, label);
    if (sample == NULL)
        return;
    sample->histogram = mem_alloc(sizeof *sample->histogram);
    *sample->histogram = *histogram;
}

static void leg_run(struct broker_shard *shard, struct broker_call *call)
{
    struct metrics_sink *sink = &CONTAINER_OF(call, struct metrics_leg, call)->sink;
    for (size_t i = 0; i < broker_metrics_count; i++) {
        sink->family = i;
        sink->labels = 0;
        broker_metrics[i].collect(sink, shard);
    }
    broker_call_reply(shard, call);
}

/* ---- Adding up ---- */

static int sample_compare(const void *one, const void *other)
{
    const struct sample *a = one;
    const struct sample *b = other;
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    if (a->label == NULL || b->label == NULL)
        return 0;
    return strcmp(a->label, b->label);
}

static void sample_join(struct sample *into, const struct sample *from)
{
    into->value += from->value;
    if (into->histogram == NULL)
        return;
    into->histogram->sum_ns += from->histogram->sum_ns;
    for (size_t i = 0; i <= METRICS_BUCKET_COUNT; i++)
        into->histogram->buckets[i] += from->histogram->buckets[i];
}

/* All legs' samples into the first sink, in order, one for each label; returns how many. */
static size_t samples_merge(struct broker_metrics *metrics)
{
    struct metrics_sink *all = &metrics->legs[0].sink;
    for (uint32_t i = 1; i < metrics->node->shard_count; i++) {
        struct metrics_sink *one = &metrics->legs[i].sink;
        all->left_out += one->left_out;
        if (one->count == 0)
            continue;
        all->capacity = all->count + one->count;
        all->samples = mem_realloc(all->samples, all->capacity * sizeof all->samples[0]);
        memcpy(all->samples + all->count, one->samples, one->count * sizeof one->samples[0]);
        all->count += one->count;
        one->count = 0;
    }
    if (all->count == 0)
        return 0;
    qsort(all->samples, all->count, sizeof all->samples[0], sample_compare);
    size_t last = 0;
    for (size_t i = 1; i < all->count; i++) {
        struct sample *sample = &all->samples[i];
        if (sample_compare(&all->samples[last], sample) != 0) {
            struct sample moved = *sample;
            *sample = (struct sample){0};
            all->samples[++last] = moved;
            continue;
        }
        sample_join(&all->samples[last], sample);
        mem_free(sample->label);
        mem_free(sample->histogram);
        *sample = (struct sample){0};
    }
    return last + 1;
}

/* ---- Printing ---- */

static const char *type_text(enum metrics_type type)
{
    static const char *const texts[] = {"counter", "gauge", "histogram"};
    return texts[type];
}

static void put_head(const struct metrics_family *family, struct buf *out)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name,
               type_text(family->type));
}

/* name="value", with what the format escapes. */
static void put_label(const char *name, const char *value, struct buf *out)
{
    buf_printf(out, "%s=\"", name);
    for (const char *at = value; *at != '\0'; at++) {
        if (*at == '\n')
            buf_put_text(out, "\\n");
        else if (*at == '"' || *at == '\\')
            buf_printf(out, "\\%c", *at);
        else
            buf_put(out, at, 1);
    }
    buf_put_text(out, "\"");
}

/* {label="value",le="0.1"}, or nothing. */
static void put_labels(const struct metrics_family *family, const char *label, const char *le,
                       struct buf *out)
{
    if (label == NULL && le == NULL)
        return;
    buf_put_text(out, "{");
    if (label != NULL)
        put_label(family->label, label, out);
    if (le != NULL)
        buf_printf(out, "%sle=\"%s\"", label != NULL ? "," : "", le);
    buf_put_text(out, "}");
}

static void put_value(double value, struct buf *out)
{
    bool whole = value > -1e15 && value < 1e15 && value == (double)(int64_t)value;
    if (whole)
        buf_printf(out, " %lld\n", (long long)value);
    else
        buf_printf(out, " %.17g\n", value);
}

static void put_histogram(const struct metrics_family *family, const struct sample *sample,
                          struct buf *out)
{
    uint64_t count = 0;
    for (size_t i = 0; i <= METRICS_BUCKET_COUNT; i++) {
        char le[32] = "+Inf";
        if (i < METRICS_BUCKET_COUNT)
            snprintf(le, sizeof le, "%g", metrics_bounds[i]);
        count += sample->histogram->buckets[i];
        buf_printf(out, "%s_bucket", family->name);
        put_labels(family, sample->label, le, out);
        put_value((double)count, out);
    }
    buf_printf(out, "%s_sum", family->name);
    put_labels(family, sample->label, NULL, out);
    put_value((double)sample->histogram->sum_ns / 1e9, out);
    buf_printf(out, "%s_count", family->name);
    put_labels(family, sample->label, NULL, out);
    put_value((double)count, out);
}

static void put_sample(const struct sample *sample, struct buf *out)
{
    const struct metrics_family *family = &broker_metrics[sample->family];
    if (family->type == METRICS_HISTOGRAM) {
        put_histogram(family, sample, out);
        return;
    }
    buf_put_text(out, family->name);
    put_labels(family, sample->label, NULL, out);
    put_value(sample->value, out);
}

static void metrics_print(struct broker_metrics *metrics)
{
    size_t count = samples_merge(metrics);
    const struct metrics_sink *all = &metrics->legs[0].sink;
    struct buf *out = &metrics->text;
    for (size_t i = 0; i < count; i++) {
        const struct sample *sample = &all->samples[i];
        if (i == 0 || all->samples[i - 1].family != sample->family)
            put_head(&broker_metrics[sample->family], out);
        put_sample(sample, out);
    }
    buf_printf(out,
               "# HELP ottla_metrics_left_out Numbers that this answer has not, since their family "
               "has too many labels.\n# TYPE ottla_metrics_left_out gauge\n"
               "ottla_metrics_left_out %llu\n",
               (unsigned long long)all->left_out);
}

/* ---- Asking ---- */

void broker_metrics_drop(struct broker_metrics *metrics)
{
    for (uint32_t i = 0; metrics->legs != NULL && i < metrics->node->shard_count; i++)
        sink_deinit(&metrics->legs[i].sink);
    mem_free(metrics->legs);
    metrics->legs = NULL;
}

static void leg_done(struct broker_shard *shard, struct broker_call *call)
{
    UNUSED(shard);
    struct broker_metrics *metrics = CONTAINER_OF(call, struct metrics_leg, call)->metrics;
    if (--metrics->left > 0)
        return;
    metrics_print(metrics);
    broker_metrics_drop(metrics);
    metrics->done(metrics);
}

void broker_metrics_ask(struct broker_node *node, struct broker_metrics *metrics)
{
    metrics->node = node;
    metrics->text = BUF_EMPTY;
    metrics->left = node->shard_count;
    metrics->legs = mem_zalloc(node->shard_count * sizeof metrics->legs[0]);
    /* Shard 0 last: when its leg is the last to be done, the legs go. */
    for (uint32_t i = node->shard_count; i-- > 0;) {
        metrics->legs[i].metrics = metrics;
        metrics->legs[i].call.run = leg_run;
        metrics->legs[i].call.done = leg_done;
        broker_call_send(&node->shards[0], i, &metrics->legs[i].call);
    }
}

/* ---- In words ---- */

void broker_metrics_document(struct buf *out)
{
    buf_put_text(
        out,
        "# Metrics\n\n"
        "Set `ottla.http.listener` (`./start` does: `localhost:9404`) and the node serves, over "
        "HTTP on that address:\n\n"
        "- `/metrics`: the families below, for Prometheus.\n"
        "- `/health/live`: 200 when all its event loops answer.\n"
        "- `/health/ready`: 200 while clients are served, else 503 with what is being waited "
        "for.\n\n"
        "Each family has one label at most, with 1000 values a shard at most; what is left out is "
        "counted in `ottla_metrics_left_out`.\n"
        "This page is printed from the table that the node collects from: `ottla metrics doc "
        ">docs/metrics.md`.\n\n"
        "| family | type | label | what it tells |\n|---|---|---|---|\n");
    for (size_t i = 0; i < broker_metrics_count; i++) {
        const struct metrics_family *family = &broker_metrics[i];
        buf_printf(out, "| `%s` | %s | %s%s%s | %s |\n", family->name, type_text(family->type),
                   family->label != NULL ? "`" : "", family->label != NULL ? family->label : "",
                   family->label != NULL ? "`" : "", family->help);
    }
    buf_put_text(out, "| `ottla_metrics_left_out` | gauge |  | Numbers that the answer has not, "
                      "since their family has too many labels. |\n\nBuckets of the histograms, in "
                      "seconds:");
    for (size_t i = 0; i < METRICS_BUCKET_COUNT; i++)
        buf_printf(out, " %g%s", metrics_bounds[i], i + 1 < METRICS_BUCKET_COUNT ? "," : ".\n");
}
