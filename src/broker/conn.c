/*
 * A connection: reading frames, starting requests, writing replies.
 *
 * 1. Replies leave strictly in the order in which their requests came.
 * 2. A request starts when all before it are done; one that overlaps (Produce) also while only such
 *    are under way.
 * 3. A length is checked against socket.request.max.bytes before anything is allocated for it, and
 *    what is allocated grows with what really comes in: a peer that only claims a large frame gets
 *    FRAME_ROOM_FIRST bytes, unless it has sent one as large before.
 * 4. A connection is read only while it has fewer than CONN_REQUESTS_MAX requests in flight, its
 *    unsent replies are below CONN_DONE_BYTES_MAX, and the shard's queued_bytes are below their
 *    limit; its requests are started only while the shard's reply_bytes are (pressure.c). Frames
 *    half received may grow to twice the limit; past it their connection is closed, since waiting
 *    for each other they could wait for ever.
 * 5. What is no request ends its connection as in Apache Kafka: nothing after it is read, what came
 *    before it is answered, then the connection is closed. A peer that has sent its end
 *    (shutdown) still gets its answers; one that is gone (reset) gets none, and what it waited for
 *    is given up, but for what a producer sent.
 * 6. Connections are closed and freed at the top of the loop only: in conn_on_event,
 *    broker_conn_step, the shard's tick and its stop; never below a handler.
 *
 * Between frames a connection owns no buffer: it reads into the shard's scratch. A frame that is
 * not whole in it gets a buffer of its own, into which the rest is received directly. What was read
 * past the last request that may be queued is kept aside (`rest`).
 */
#define LOG_ROOM "broker"
#include "broker/conn.h"

#include "broker/node_int.h"
#include "broker/request_int.h"
#include "broker/shard_int.h"

#include "base/log.h"
#include "base/mem.h"
#include "broker/metrics.h"

#define CONN_REQUESTS_MAX 64
#define CONN_DONE_BYTES_MAX ((size_t)1 << 20)
#define CONN_READS_PER_EVENT 4
#define CONN_IOV_MAX 128

#define FRAME_ROOM_FIRST ((size_t)4 << 10)
/* Requests that are started before other connections have their turn. */
#define CONN_STARTS_PER_STEP 16
/* After a frame larger than this the next one's head is read alone, so that its body is received in
 * place instead of copied. */
#define FRAME_LARGE_BYTES ((size_t)64 << 10)
#define FRAME_PEEK_BYTES ((size_t)512)

static void conn_on_event(struct env *env, struct env_stream *stream, void *context,
                          unsigned events);

static const struct env_stream_handler conn_handler = {.on_event = conn_on_event};

static const char *conn_peer(const struct broker_conn *conn)
{
    return env_stream_peer(conn->shard->env, conn->stream);
}

/* ---- Life ---- */

static bool conn_may_queue(const struct broker_conn *conn)
{
    return conn->request_count < CONN_REQUESTS_MAX && conn->done_bytes < CONN_DONE_BYTES_MAX;
}

static bool conn_may_read(const struct broker_conn *conn)
{
    const struct broker_shard *shard = conn->shard;
    if (conn->ending || conn->aborting || shard->stopping)
        return false;
    if (!shard->serving && !conn->listener->controller)
        return false;
    if (conn->rest != NULL || !conn_may_queue(conn))
        return false;
    return conn->frame != NULL || shard->queued_bytes < shard->limits.queued_bytes;
}

static bool conn_has_output(const struct broker_conn *conn)
{
    if (list_empty(&conn->requests))
        return false;
    return LIST_ENTRY(conn->requests.next, struct broker_request, node)->state ==
           BROKER_REQUEST_DONE;
}

static bool conn_has_queued(const struct broker_conn *conn)
{
    return !list_empty(&conn->requests) &&
           LIST_ENTRY(conn->requests.prev, struct broker_request, node)->state ==
               BROKER_REQUEST_QUEUED;
}

static void conn_update_want(struct broker_conn *conn)
{
    struct broker_shard *shard = conn->shard;
    unsigned want = conn_may_read(conn) ? ENV_READABLE : 0;
    if (conn_has_output(conn))
        want |= ENV_WRITABLE;
    bool reading = shard->queued_bytes >= shard->limits.queued_bytes && conn->frame == NULL;
    /* One that has replies to take goes on when it takes them. */
    bool answering =
        conn->done_bytes == 0 && conn_has_queued(conn) && !broker_shard_may_answer(conn);
    broker_shard_starve(shard, conn, reading, answering);
    if ((want & ENV_WRITABLE) != 0 && (conn->wanted & ENV_WRITABLE) == 0)
        conn->reply_since_ns = env_now_ns(shard->env);
    if (want != conn->wanted) {
        conn->wanted = want;
        env_stream_want(shard->env, conn->stream, want);
    }
}

void broker_conn_accept(struct broker_shard *shard, const struct broker_listener *listener,
                        struct env_stream *take_stream)
{
    if (shard->stopping) {
        broker_depart(shard, listener, env_stream_peer(shard->env, take_stream));
        env_stream_close(shard->env, take_stream);
        return;
    }
    struct broker_conn *conn = mem_zalloc(sizeof *conn);
    conn->shard = shard;
    conn->listener = listener;
    conn->stream = take_stream;
    conn->active_ns = env_now_ns(shard->env);
    list_init(&conn->dirty);
    list_init(&conn->starved);
    list_init(&conn->unanswered);
    list_init(&conn->requests);
    list_push_back(&shard->conns, &conn->node);
    shard->conn_count++;
    shard->counters.connections_accepted++;
    env_stream_handle(shard->env, take_stream, &conn_handler, conn);
    conn_update_want(conn);
}

static void conn_drop_frame(struct broker_conn *conn)
{
    ASSERT(conn->shard->queued_bytes >= conn->frame_room);
    conn->shard->queued_bytes -= conn->frame_room;
    conn->frame_room = 0;
    if (conn->frame != NULL)
        rcbuf_unref(conn->frame);
    conn->frame = NULL;
}

static void conn_drop_rest(struct broker_conn *conn)
{
    if (conn->rest == NULL)
        return;
    conn->shard->queued_bytes -= conn->rest->capacity;
    rcbuf_unref(conn->rest);
    conn->rest = NULL;
}

void broker_conn_free(struct broker_conn *conn)
{
    struct broker_shard *shard = conn->shard;
    conn_drop_frame(conn);
    conn_drop_rest(conn);
    list_remove(&conn->node);
    list_remove(&conn->dirty);
    list_remove(&conn->starved);
    list_remove(&conn->unanswered);
    shard->conn_count--;
    shard->counters.connections_closed++;
    mem_free(conn->software_name);
    mem_free(conn->software_version);
    mem_free(conn);
}

void broker_conn_close(struct broker_conn *conn, const char *why)
{
    struct broker_shard *shard = conn->shard;
    if (why != NULL && log_limit_admits(&shard->closes, LOG_ROOM, env_now_ns(shard->env)))
        LOG_INFO("closed the connection of %s on %s: %s", conn_peer(conn), conn->listener->name,
                 why);
    broker_depart(shard, conn->listener, conn_peer(conn));
    env_stream_close(shard->env, conn->stream);
    conn->stream = NULL;
    for (struct list *node; (node = list_pop_front(&conn->requests)) != NULL;) {
        struct broker_request *request = LIST_ENTRY(node, struct broker_request, node);
        if (request->state != BROKER_REQUEST_RUNNING) {
            broker_request_free(request);
            continue;
        }
        request->conn = NULL;
        list_push_back(&shard->orphans, &request->node);
        if (request->cancel != NULL)
            request->cancel(request);
    }
    broker_conn_free(conn);
    broker_shard_wake_starved(shard);
}

void broker_conn_wake(struct broker_conn *conn)
{
    if (conn->stepping)
        return; /* the step that is under way sees it */
    if (list_empty(&conn->dirty))
        list_push_back(&conn->shard->dirty, &conn->dirty);
    broker_shard_flush_later(conn->shard);
}

static void conn_touch(struct broker_conn *conn)
{
    conn->active_ns = env_now_ns(conn->shard->env);
    list_remove(&conn->node);
    list_push_back(&conn->shard->conns, &conn->node);
}

/* ---- Reading ---- */

/* What other protocols' clients say first; their bytes would be read as a length. */
static const char *conn_sniff(const uint8_t *head)
{
    if (head[0] == 0x16 && head[1] == 0x03)
        return "it speaks TLS, but this listener is a plaintext one";
    if (memcmp(head, "SSH-", 4) == 0)
        return "it speaks SSH, not Kafka's protocol";
    static const char *const http[] = {"GET ", "POST", "PUT ", "HEAD", "OPTI",
                                       "DELE", "CONN", "PATC", "TRAC", "PRI "};
    for (size_t i = 0; i < ARRAY_COUNT(http); i++) {
        if (memcmp(head, http[i], 4) == 0)
            return "it speaks HTTP, not Kafka's protocol";
    }
    return NULL;
}

static const char *conn_check_head(struct broker_conn *conn)
{
    uint32_t size = load_be32(conn->head);
    if (size <= conn->shard->limits.request_bytes_max) {
        conn->frame_size = size;
        return NULL;
    }
    const char *other = conn->frames == 0 ? conn_sniff(conn->head) : NULL;
    if (other != NULL)
        return other;
    return size > INT32_MAX ? "it sent a frame of a negative length"
                            : "it sent a frame larger than socket.request.max.bytes";
}

static const char *conn_frame_done(struct broker_conn *conn, struct rcbuf *buf, uint8_t *data)
{
    if (conn->frame_size > conn->frame_trusted)
        conn->frame_trusted = conn->frame_size;
    conn->frame_last = conn->frame_size;
    conn->head_count = 0;
    conn->frames++;
    return broker_dispatch_frame(conn, buf, data, conn->frame_size);
}

/* A buffer of at least `room` bytes for the frame that is coming in, with what has come so far. */
static const char *conn_frame_grow(struct broker_conn *conn, size_t room)
{
    struct broker_shard *shard = conn->shard;
    struct rcbuf *grown = rcbuf_new(shard->rcbufs, room);
    if (grown == NULL)
        return "there is no memory for its request";
    if (conn->frame_filled > 0)
        memcpy(grown->data, conn->frame->data, conn->frame_filled);
    conn_drop_frame(conn);
    conn->frame = grown;
    conn->frame_room = room;
    shard->queued_bytes += room;
    return NULL;
}

/* The frame's head is known and `size` bytes of its body are at hand, fewer than all of it. */
static const char *conn_frame_begin(struct broker_conn *conn, const uint8_t *data, size_t size)
{
    size_t room = conn->frame_trusted > FRAME_ROOM_FIRST ? conn->frame_trusted : FRAME_ROOM_FIRST;
    while (room <= size)
        room *= 4; /* as it grows afterwards */
    if (room > conn->frame_size)
        room = conn->frame_size;
    conn->frame_filled = 0;
    conn->frame_since_ns = conn->active_ns;
    const char *why = conn_frame_grow(conn, room);
    if (why != NULL)
        return why;
    if (size > 0)
        memcpy(conn->frame->data, data, size);
    conn->frame_filled = size;
    return NULL;
}

/* Bytes that came with frames of which there are enough for now. */
static const char *conn_keep_rest(struct broker_conn *conn, const uint8_t *data, size_t size)
{
    struct rcbuf *rest = rcbuf_new(conn->shard->rcbufs, size);
    if (rest == NULL)
        return "there is no memory for its requests";
    memcpy(rest->data, data, size);
    conn->rest = rest;
    conn->rest_offset = 0;
    conn->rest_size = size;
    conn->shard->queued_bytes += rest->capacity;
    return NULL;
}

/* Takes bytes from data[0..*size), which lie in `buf`, as long as there may be more requests; *size
 * is what is left of them then. Whole frames are dispatched from where they are. */
static const char *conn_take(struct broker_conn *conn, struct rcbuf *buf, uint8_t *data,
                             size_t *size)
{
    while (*size > 0 && conn_may_queue(conn)) {
        if (conn->head_count < sizeof conn->head) {
            conn->head[conn->head_count++] = *data++;
            (*size)--;
            if (conn->head_count < sizeof conn->head)
                continue;
            const char *why = conn_check_head(conn);
            if (why != NULL)
                return why;
        }
        if (*size < conn->frame_size) {
            size_t part = *size;
            *size = 0;
            return conn_frame_begin(conn, data, part);
        }
        size_t frame_size = conn->frame_size;
        const char *why = conn_frame_done(conn, buf, data);
        if (why != NULL)
            return why;
        data += frame_size;
        *size -= frame_size;
    }
    return NULL;
}

static const char *conn_take_scratch(struct broker_conn *conn, struct rcbuf *scratch, size_t size)
{
    size_t left = size;
    const char *why = conn_take(conn, scratch, scratch->data, &left);
    if (why != NULL || left == 0)
        return why;
    return conn_keep_rest(conn, scratch->data + size - left, left);
}

/* Goes on with the rest. */
static const char *conn_take_rest(struct broker_conn *conn)
{
    size_t left = conn->rest_size - conn->rest_offset;
    const char *why = conn_take(conn, conn->rest, conn->rest->data + conn->rest_offset, &left);
    conn->rest_offset = conn->rest_size - left;
    if (left == 0)
        conn_drop_rest(conn);
    return why;
}

static const char *conn_frame_continue(struct broker_conn *conn, size_t more)
{
    struct broker_shard *shard = conn->shard;
    conn->frame_filled += more;
    if (conn->frame_filled == conn->frame_size) {
        const char *why = conn_frame_done(conn, conn->frame, conn->frame->data);
        conn_drop_frame(conn);
        return why;
    }
    if (conn->frame_filled < conn->frame_room)
        return NULL;
    if (shard->queued_bytes - conn->frame_room >= 2 * shard->limits.queued_bytes)
        return "its frame does not fit into queued.max.request.bytes";
    size_t room = conn->frame_room * 4;
    return conn_frame_grow(conn, room < conn->frame_size ? room : conn->frame_size);
}

/* One read. *out_more: there may be more to read at once. */
static const char *conn_read_once(struct broker_conn *conn, bool *out_more)
{
    struct broker_shard *shard = conn->shard;
    struct rcbuf *scratch = NULL;
    uint8_t *to;
    size_t room;
    if (conn->frame != NULL) {
        to = conn->frame->data + conn->frame_filled;
        room = conn->frame_room - conn->frame_filled;
    } else {
        scratch = broker_shard_scratch(shard);
        to = scratch->data;
        room = conn->frame_last > FRAME_LARGE_BYTES ? FRAME_PEEK_BYTES : scratch->capacity;
    }
    size_t size = 0;
    enum err err = env_stream_read(shard->env, conn->stream, to, room, &size);
    *out_more = false;
    if (err == ERR_AGAIN)
        return NULL;
    if (err != ERR_OK) {
        conn->ending = true;
        if (err == ERR_CLOSED)
            return NULL;
        LIST_FOR_EACH (node, &conn->requests) {
            struct broker_request *request = LIST_ENTRY(node, struct broker_request, node);
            if ((request->api->flags & BROKER_API_OVERLAPS) == 0)
                conn->aborting = true;
        }
        return NULL;
    }
    ASSERT(size > 0 && size <= room);
    shard->counters.bytes_in += size;
    conn_touch(conn);
    *out_more = size == room;
    return scratch != NULL ? conn_take_scratch(conn, scratch, size)
                           : conn_frame_continue(conn, size);
}

/* The peer sent what it should not have: the step closes the connection once what came before is
 * answered. */
static void conn_refuse(struct broker_conn *conn, const char *why)
{
    conn->shard->counters.frames_bad++;
    if (log_limit_admits(&conn->shard->refusals, LOG_ROOM, env_now_ns(conn->shard->env)))
        LOG_WARN("%s on %s: %s; the connection is closed", conn_peer(conn), conn->listener->name,
                 why);
    conn->ending = true;
    conn_drop_frame(conn);
    conn_drop_rest(conn);
}

static void conn_read(struct broker_conn *conn)
{
    bool more = true;
    for (int i = 0; more && i < CONN_READS_PER_EVENT && conn_may_read(conn); i++) {
        const char *why = conn_read_once(conn, &more);
        if (why != NULL) {
            conn_refuse(conn, why);
            return;
        }
        /* A frame in hand is received in place as long as bytes come. */
        if (conn->frame != NULL)
            more = true;
    }
}

/* ---- Replies ---- */

/* The pieces of a reply from request->sent_bytes on; *out_whole: down to its end. */
static size_t reply_iov(const struct broker_request *request, struct env_iov *iov, size_t room,
                        bool *out_whole)
{
    size_t count = 0;
    *out_whole = false;
    size_t skip = request->sent_bytes;
    size_t from = 0;
    for (size_t i = 0; i <= request->gather.count; i++) {
        if (count + 2 > room)
            return count;
        bool tail = i == request->gather.count;
        const struct wire_gather_item *item = tail ? NULL : &request->gather.items[i];
        size_t until = tail ? request->out.size : item->position;
        struct env_iov pieces[2] = {
            {.base = request->out.data + from, .size = until - from},
            {.base = tail ? NULL : (void *)(uintptr_t)item->data, .size = tail ? 0 : item->size},
        };
        from = until;
        for (size_t p = 0; p < 2; p++) {
            if (skip >= pieces[p].size) {
                skip -= pieces[p].size;
                continue;
            }
            iov[count++] = (struct env_iov){.base = (uint8_t *)pieces[p].base + skip,
                                            .size = pieces[p].size - skip};
            skip = 0;
        }
    }
    *out_whole = true;
    return count;
}

/* `sent` more bytes are out: requests whose reply is written go back to the pool. */
static void conn_sent(struct broker_conn *conn, size_t sent)
{
    conn->shard->counters.bytes_out += sent;
    ASSERT(conn->done_bytes >= sent);
    conn->done_bytes -= sent;
    uint64_t now_ns = 0;
    for (;;) {
        if (!conn_has_output(conn))
            break;
        struct broker_request *request =
            LIST_ENTRY(conn->requests.next, struct broker_request, node);
        size_t left = request->reply_bytes - request->sent_bytes;
        if (request->last || sent < left) {
            request->sent_bytes += sent;
            break;
        }
        sent -= left;
        now_ns = now_ns != 0 ? now_ns : env_clock_ns(conn->shard->env);
        metrics_observe(&conn->shard->api_seconds[request->api - broker_apis],
                        now_ns - request->received_ns);
        conn->request_count--;
        conn->reply_since_ns = conn->active_ns;
        broker_request_free(request);
    }
}

/* The client does not take them now. */
static void conn_slim(struct broker_conn *conn)
{
    LIST_FOR_EACH (node, &conn->requests) {
        struct broker_request *request = LIST_ENTRY(node, struct broker_request, node);
        if (request->state != BROKER_REQUEST_DONE)
            break;
        broker_request_slim(request);
    }
}

/* Writes what may be written. False: the connection is gone. */
static bool conn_write(struct broker_conn *conn)
{
    conn_sent(conn, 0); /* silent ones in front */
    while (conn_has_output(conn)) {
        struct env_iov iov[CONN_IOV_MAX];
        size_t count = 0;
        bool whole = true;
        for (struct list *node = conn->requests.next; whole && node != &conn->requests;
             node = node->next) {
            struct broker_request *request = LIST_ENTRY(node, struct broker_request, node);
            if (request->state != BROKER_REQUEST_DONE || request->last)
                break;
            count += reply_iov(request, iov + count, CONN_IOV_MAX - count, &whole);
        }
        if (count == 0) {
            struct broker_request *request =
                LIST_ENTRY(conn->requests.next, struct broker_request, node);
            ASSERT(request->last);
            broker_conn_close(conn, request->why);
            return false;
        }
        size_t sent = 0;
        enum err err = env_stream_write(conn->shard->env, conn->stream, iov, count, &sent);
        if (err == ERR_AGAIN) {
            conn_slim(conn);
            return true;
        }
        if (err != ERR_OK) {
            broker_conn_close(conn, NULL);
            return false;
        }
        conn_touch(conn);
        conn_sent(conn, sent);
    }
    return true;
}

/* ---- The step ---- */

/* What a connection that is refused has queued from `request` on is not answered any more. */
static void conn_forget_from(struct broker_conn *conn, struct broker_request *request)
{
    for (bool last = false; !last;) {
        struct broker_request *dropped =
            LIST_ENTRY(conn->requests.prev, struct broker_request, node);
        last = dropped == request;
        ASSERT(dropped->state == BROKER_REQUEST_QUEUED);
        conn->request_count--;
        broker_request_free(dropped);
    }
}

/* Starts what may start. */
static void conn_start(struct broker_conn *conn, size_t *left)
{
    LIST_FOR_EACH_SAFE (node, after, &conn->requests) {
        struct broker_request *request = LIST_ENTRY(node, struct broker_request, node);
        if (request->last)
            break;
        if (request->state != BROKER_REQUEST_QUEUED)
            continue;
        bool overlaps = (request->api->flags & BROKER_API_OVERLAPS) != 0;
        if (conn->running_count > 0 && (!overlaps || conn->running_alone))
            break;
        /* Producers' replies are small, and they are not stopped by consumers that do not read. */
        bool full = !overlaps && !broker_shard_may_answer(conn);
        if (conn->done_bytes >= CONN_DONE_BYTES_MAX || full || *left == 0)
            break;
        (*left)--;
        const char *why = broker_dispatch_start(request);
        if (why != NULL) {
            conn_refuse(conn, why);
            conn_forget_from(conn, request);
            return;
        }
    }
}

void broker_conn_step(struct broker_conn *conn)
{
    /* A reply that is out may let requests start, whose replies may be ready at once. Each round
     * ends at least one request, of which there are few. */
    if (conn->aborting) {
        broker_conn_close(conn, NULL);
        return;
    }
    size_t before;
    size_t starts_left = CONN_STARTS_PER_STEP;
    do {
        if (conn->rest != NULL && conn_may_queue(conn)) {
            const char *why = conn_take_rest(conn);
            if (why != NULL)
                conn_refuse(conn, why);
        }
        conn->stepping = true;
        conn_start(conn, &starts_left);
        conn->stepping = false;
        before = conn->request_count;
        if (!conn_write(conn))
            return;
    } while ((conn->request_count > 0 || conn->rest != NULL) && conn->request_count < before &&
             starts_left > 0);
    list_remove(&conn->dirty);
    if (conn->ending && conn->request_count == 0 && conn->rest == NULL) {
        broker_conn_close(conn, NULL);
        return;
    }
    conn_update_want(conn);
    broker_shard_wake_starved(conn->shard);
    if (starts_left == 0)
        broker_conn_wake(conn);
}

static void conn_on_event(struct env *env, struct env_stream *stream, void *context,
                          unsigned events)
{
    UNUSED(env);
    UNUSED(stream);
    struct broker_conn *conn = context;
    if ((events & ENV_READABLE) != 0)
        conn_read(conn);
    broker_conn_step(conn);
}
