#ifndef BROKER_METRICS_H
#define BROKER_METRICS_H
/*
 * What a node tells of itself in numbers, for Prometheus (text format 0.0.4). Numbers are plain
 * fields of their owners; when somebody asks, every shard collects its own in a call, and what they
 * say for the same family and labels is added up.
 *
 * A family is a row of broker_metrics[] (metrics_table.c) with a function that collects it; a room
 * that has something to tell adds a row. docs/metrics.md is printed from the same table.
 */
#include "base/buf.h"
#include "base/list.h"
#include "broker/call.h"
#include "broker/shard.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct broker_node;

enum metrics_type { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM };

/* Upper bounds in seconds of a histogram's buckets; one more takes the rest. */
#define METRICS_BUCKET_COUNT 16
extern const double metrics_bounds[METRICS_BUCKET_COUNT];

/* Of one shard; plain numbers. */
struct metrics_histogram {
    uint64_t buckets[METRICS_BUCKET_COUNT + 1]; /* not cumulative */
    uint64_t sum_ns;
};

void metrics_observe(struct metrics_histogram *histogram, uint64_t ns);

struct metrics_sink;

struct metrics_family {
    const char *name; /* with its unit, as Prometheus wants it; ottla_... */
    enum metrics_type type;
    const char *label; /* its one label, NULL: none */
    const char *help;  /* a sentence */
    /* On each shard: metrics_add for each label value. What concerns the node is told on shard 0
     * alone. */
    void (*collect)(struct metrics_sink *sink, struct broker_shard *shard);
};

extern const struct metrics_family broker_metrics[];
extern const size_t broker_metrics_count;

/*
 * From collect. `label`: the label's value, copied; NULL where the family has none. Values of one
 * label from several calls and shards are added up. A family has at most METRICS_LABELS_MAX values
 * of its label a shard; further ones are left out, and counted in ottla_metrics_left_out.
 */
#define METRICS_LABELS_MAX 1000
void metrics_add(struct metrics_sink *sink, const char *label, double value);
void metrics_add_histogram(struct metrics_sink *sink, const char *label,
                           const struct metrics_histogram *histogram);

/* ---- Asking ---- */

/* Of whoever asks, until `done`. */
struct broker_metrics {
    void (*done)(struct broker_metrics *metrics);
    struct buf text; /* the answer; the asker's to free */

    struct broker_node *node; /* the rest is the node's */
    struct metrics_leg *legs; /* one for each shard */
    uint32_t left;
};

/* On shard 0, in any state of the node. `done` may come before this returns. */
void broker_metrics_ask(struct broker_node *node, struct broker_metrics *metrics);
/* Memory only: of one that was not answered before its node was thrown away. */
void broker_metrics_drop(struct broker_metrics *metrics);

/* docs/metrics.md. */
void broker_metrics_document(struct buf *out);

#endif
