#ifndef OS_HTTP_H
#define OS_HTTP_H
/*
 * A small HTTP server for what monitoring asks: GET and HEAD, no bodies. libmicrohttpd's thread
 * reads and writes; each request is handed to shard 0, which replies now or later.
 */
#include "base/buf.h"
#include "env/env.h"

#include <stdint.h>

struct os;
struct os_http_request;

struct os_http_options {
    const char *host; /* a name or an address; "" for all addresses */
    uint16_t port;    /* 0: any */
    /* On shard 0. Ends with os_http_reply, on shard 0, once; a request that has no reply by the
     * end of os_run is dropped. */
    void (*request)(struct env *env, void *context, struct os_http_request *request);
    void *context;
};

/* Before os_run, once; it lives until os_free. ERR_BUSY: another process has the port; ERR_INVALID:
 * no such address here; ERR_LIMIT: no descriptors or threads. */
enum err os_http_open(struct os *os, const struct os_http_options *options) MUST_USE;
uint16_t os_http_port(const struct os *os);
/* Starts with a slash, without what follows a question mark. */
const char *os_http_path(const struct os_http_request *request);
/* Content is copied. `type` is a text that stays. */
void os_http_reply(struct os_http_request *request, unsigned status, const char *type,
                   const void *content, size_t size);

#endif
