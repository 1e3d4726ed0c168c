/*
 * HTTP by libmicrohttpd, whose one thread calls http_handle; requests go to shard 0 as messages.
 *
 * 1. A request is the server's thread's until it is posted, then shard 0's until it is replied to
 *    (os_http_reply), then the thread's again, which sends the reply and frees it. While shard 0
 *    has it its connection is suspended.
 * 2. `lock` guards the list of requests that shard 0 has and `closed`: after that nothing is posted
 *    any more, so that the shards can go.
 */
#define LOG_ROOM "os"
#include "os/http.h"

#include "os/os_int.h"

#include "base/mem.h"

#include <errno.h>
#include <microhttpd.h>
#include <string.h>

#define CONNECTIONS_MAX 256
#define TIMEOUT_S 15
#define MEMORY_OF_CONNECTION ((size_t)16 << 10)

struct os_http_request {
    struct env_msg msg; /* first */
    struct list node;   /* in http->waiting */
    struct os_http *http;
    struct MHD_Connection *connection;
    char *path;
    bool replied;
    unsigned status;
    const char *type;
    struct buf content;
};

struct os_http {
    struct os *os;
    struct MHD_Daemon *daemon;
    void (*request)(struct env *env, void *context, struct os_http_request *request);
    void *context;
    uint16_t port;
    pthread_mutex_t lock;
    struct list waiting;
    bool closed;
};

/* ---- On the server's thread ---- */

static void request_deliver(struct env *env, struct env_msg *msg)
{
    struct os_http_request *request = CONTAINER_OF(msg, struct os_http_request, msg);
    request->http->request(env, request->http->context, request);
}

/* False: the node is going. */
static bool request_post(struct os_http_request *request)
{
    struct os_http *http = request->http;
    struct os_shard *shard = &http->os->shards[0];
    pthread_mutex_lock(&http->lock);
    bool open = !http->closed;
    if (open) {
        MHD_suspend_connection(request->connection);
        list_push_back(&http->waiting, &request->node);
        request->msg.deliver = request_deliver;
        if (mailbox_put(&shard->messages, (struct mailbox_node *)(void *)&request->msg))
            os_shard_wake(shard);
    }
    pthread_mutex_unlock(&http->lock);
    return open;
}

static enum MHD_Result send_reply(struct MHD_Connection *connection, unsigned status,
                                  const char *type, const void *content, size_t size)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(size, (void *)(uintptr_t)content, MHD_RESPMEM_MUST_COPY);
    if (response == NULL)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", type);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, "Allow", "GET, HEAD");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result http_handle(void *context, struct MHD_Connection *connection,
                                   const char *url, const char *method, const char *version,
                                   const char *upload, size_t *upload_size, void **own)
{
    UNUSED(version);
    UNUSED(upload);
    struct os_http_request *request = *own;
    if (request == NULL) { /* the head is there; a body may come */
        request = mem_zalloc(sizeof *request);
        list_init(&request->node);
        request->http = context;
        request->connection = connection;
        request->path = mem_strdup(url);
        *own = request;
        return MHD_YES;
    }
    if (*upload_size > 0) { /* nobody asked for one */
        *upload_size = 0;
        return MHD_YES;
    }
    if (request->replied)
        return send_reply(connection, request->status, request->type, request->content.data,
                          request->content.size);
    static const char refused[] = "Only GET and HEAD are served.\n";
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return send_reply(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain", refused,
                          sizeof refused - 1);
    return request_post(request) ? MHD_YES : MHD_NO;
}

static void http_completed(void *context, struct MHD_Connection *connection, void **own,
                           enum MHD_RequestTerminationCode code)
{
    UNUSED(context);
    UNUSED(connection);
    UNUSED(code);
    struct os_http_request *request = *own;
    if (request == NULL)
        return;
    *own = NULL;
    mem_free(request->path);
    buf_deinit(&request->content);
    mem_free(request);
}

/* ---- On shard 0 ---- */

const char *os_http_path(const struct os_http_request *request)
{
    return request->path;
}

void os_http_reply(struct os_http_request *request, unsigned status, const char *type,
                   const void *content, size_t size)
{
    struct os_http *http = request->http;
    pthread_mutex_lock(&http->lock);
    ASSERT(!request->replied);
    request->replied = true;
    request->status = status;
    request->type = type;
    buf_put(&request->content, content, size);
    list_remove(&request->node);
    MHD_resume_connection(request->connection);
    pthread_mutex_unlock(&http->lock);
}

/* ---- Life ---- */

static enum err start_err(int code)
{
    switch (code) {
    case EADDRINUSE:
        return ERR_BUSY;
    case EACCES:
        return ERR_DENIED;
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
        return ERR_INVALID;
    default:
        return ERR_LIMIT;
    }
}

static enum err daemon_start(struct os_http *http, const union os_address *address)
{
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
    if (address->any.sa_family == AF_INET6)
        flags |= MHD_USE_IPv6;
    sigset_t before;
    os_signals_block(&before); /* its thread takes none of them */
    errno = 0;
    http->daemon = MHD_start_daemon(
        flags, http->port, NULL, NULL, http_handle, http, MHD_OPTION_SOCK_ADDR, &address->any,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY_OF_CONNECTION,
        MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_NOTIFY_COMPLETED, http_completed, NULL,
        MHD_OPTION_END);
    int code = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (http->daemon == NULL)
        return start_err(code);
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_BIND_PORT);
    http->port = info != NULL ? info->port : http->port;
    return ERR_OK;
}

enum err os_http_open(struct os *os, const struct os_http_options *options)
{
    ASSERT(os->http == NULL && !os->running);
    const char *host = options->host[0] != '\0' ? options->host : "0.0.0.0";
    struct os_addresses addresses;
    if (os_address_resolve(host, options->port, false, true, &addresses) != ERR_OK)
        return ERR_INVALID;
    struct os_http *http = mem_zalloc(sizeof *http);
    http->os = os;
    http->request = options->request;
    http->context = options->context;
    http->port = options->port;
    list_init(&http->waiting);
    pthread_mutex_init(&http->lock, NULL);
    /* A name may have addresses that this machine has not; one is enough. */
    enum err err = ERR_INVALID;
    for (size_t i = 0; i < addresses.count && err == ERR_INVALID; i++)
        err = daemon_start(http, &addresses.list[i]);
    if (err != ERR_OK) {
        pthread_mutex_destroy(&http->lock);
        mem_free(http);
        return err;
    }
    os->http = http;
    return ERR_OK;
}

uint16_t os_http_port(const struct os *os)
{
    return os->http == NULL ? 0 : os->http->port;
}

void os_http_stop(struct os *os)
{
    if (os->http == NULL)
        return;
    pthread_mutex_lock(&os->http->lock);
    os->http->closed = true;
    pthread_mutex_unlock(&os->http->lock);
}

void os_http_free(struct os *os)
{
    struct os_http *http = os->http;
    if (http == NULL)
        return;
    os->http = NULL;
    ASSERT(http->closed);
    static const char gone[] = "The node has ended.\n";
    pthread_mutex_lock(&http->lock);
    for (struct list *node; (node = list_pop_front(&http->waiting)) != NULL;) {
        struct os_http_request *request = LIST_ENTRY(node, struct os_http_request, node);
        request->replied = true;
        request->status = MHD_HTTP_SERVICE_UNAVAILABLE;
        request->type = "text/plain";
        buf_put(&request->content, gone, sizeof gone - 1);
        MHD_resume_connection(request->connection);
    }
    pthread_mutex_unlock(&http->lock);
    MHD_stop_daemon(http->daemon);
    pthread_mutex_destroy(&http->lock);
    mem_free(http);
}
