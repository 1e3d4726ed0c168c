#include "broker/http.h"

#include "broker/node_int.h"

#include "replica/replica.h"

#include <string.h>

#define TYPE_TEXT "text/plain; charset=utf-8"
#define TYPE_METRICS "text/plain; version=0.0.4; charset=utf-8"

static void answer(struct broker_http *http, unsigned status, const char *text)
{
    http->status = status;
    http->type = TYPE_TEXT;
    buf_put_text(&http->content, text);
    http->done(http);
}

/* All loops have answered. */
static void collected(struct broker_metrics *metrics)
{
    struct broker_http *http = CONTAINER_OF(metrics, struct broker_http, metrics);
    if (http->live) {
        buf_deinit(&metrics->text);
        answer(http, 200, "live\n");
        return;
    }
    http->status = 200;
    http->type = TYPE_METRICS;
    http->content = metrics->text;
    metrics->text = BUF_EMPTY;
    http->done(http);
}

static void answer_ready(struct broker_node *node, struct broker_http *http)
{
    switch (node->state) {
    case BROKER_NODE_RUNNING:
        answer(http, 200, "ready\n");
        return;
    case BROKER_NODE_NEW:
    case BROKER_NODE_STARTING:
        answer(http, 503, "starting\n");
        return;
    case BROKER_NODE_STOPPING:
    case BROKER_NODE_STOPPED:
        answer(http, 503, "stopping\n");
        return;
    }
}

void broker_http_ask(struct broker_node *node, const char *path, struct broker_http *http)
{
    http->content = BUF_EMPTY;
    http->metrics = (struct broker_metrics){.done = collected};
    http->live = strcmp(path, "/health/live") == 0;
    if (http->live || strcmp(path, "/metrics") == 0)
        broker_metrics_ask(node, &http->metrics);
    else if (strcmp(path, "/health/ready") == 0)
        answer_ready(node, http);
    else
        answer(http, 404, "There are /metrics, /health/live and /health/ready.\n");
}

void broker_http_drop(struct broker_http *http)
{
    broker_metrics_drop(&http->metrics);
    buf_deinit(&http->metrics.text);
    buf_deinit(&http->content);
}
