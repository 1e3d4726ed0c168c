#ifndef BROKER_HTTP_H
#define BROKER_HTTP_H
/*
 * What the node answers over HTTP, by path: /metrics, /health/live, /health/ready. Whoever serves
 * HTTP (main, over os) asks here.
 */
#include "broker/metrics.h"

struct broker_http {
    void (*done)(struct broker_http *http);
    unsigned status;    /* 200, 404, 503 */
    const char *type;   /* of the content */
    struct buf content; /* the asker's to free */

    struct broker_metrics metrics; /* the node's */
    bool live;
};

/* On shard 0, in any state of the node. `done` may come before this returns, and does not come when
 * a loop of the node is stuck or the node is thrown away. */
void broker_http_ask(struct broker_node *node, const char *path, struct broker_http *http);
/* Memory only: of one that was not answered. */
void broker_http_drop(struct broker_http *http);

#endif
