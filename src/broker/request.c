/*
 * A request's life after dispatch (dispatch.c starts it, conn.c writes its reply).
 *
 * 1. A request is completed once, while RUNNING.
 * 2. Completing never writes to the stream and never frees the request or its connection: that is
 *    done by conn.c from the top of the loop. The one exception is a request whose connection is
 *    gone, which is freed at once.
 * 3. A request that goes back to the pool holds no counted buffer and is charged nothing.
 */
#define LOG_ROOM "broker"
#include "broker/request.h"

#include "broker/request_int.h"
#include "broker/shard_int.h"

#include "base/log.h"
#include "base/mem.h"
#include "broker/conn.h"
#include "wire/api.h"
#include "wire/schema.h"

/* What a pooled request may keep: a warm connection allocates nothing, an idle one holds little. */
#ifndef REQUEST_POOL_MAX
#define REQUEST_POOL_MAX 256
#endif
#define REQUEST_OUT_KEEP_BYTES ((size_t)64 << 10)

struct broker_request *broker_request_new(struct broker_shard *shard)
{
    struct list *node = list_pop_front(&shard->requests);
    struct broker_request *request;
    if (node != NULL) {
        shard->request_pool_count--;
        request = LIST_ENTRY(node, struct broker_request, node);
    } else {
        request = mem_zalloc(sizeof *request);
        arena_init(&request->arena, ARENA_LIMIT_DEFAULT_BYTES);
        wire_gather_init(&request->gather, WIRE_GATHER_SIZE_MIN);
        request->shard = shard;
        list_init(&request->node);
    }
    return request;
}

static void request_destroy(struct broker_request *request)
{
    arena_deinit(&request->arena);
    buf_deinit(&request->out);
    wire_gather_deinit(&request->gather);
    mem_free(request->held);
    mem_free(request);
}

void broker_request_free(struct broker_request *request)
{
    struct broker_shard *shard = request->shard;
    ASSERT(shard->queued_bytes >= request->charged_bytes);
    shard->queued_bytes -= request->charged_bytes;
    ASSERT(shard->reply_bytes >= request->reply_charged);
    shard->reply_bytes -= request->reply_charged;
    if (request->frame != NULL)
        rcbuf_unref(request->frame);
    for (size_t i = 0; i < request->held_count; i++)
        rcbuf_unref(request->held[i]);
    list_remove(&request->node);
    if (shard->request_pool_count == REQUEST_POOL_MAX) {
        request_destroy(request);
        return;
    }
    arena_reset(&request->arena);
    if (request->out.capacity > REQUEST_OUT_KEEP_BYTES)
        buf_deinit(&request->out);
    wire_gather_clear(&request->gather);
    struct broker_request kept = {
        .shard = shard,
        .arena = request->arena,
        .out = request->out,
        .gather = request->gather,
        .held = request->held,
        .held_capacity = request->held_capacity,
    };
    buf_clear(&kept.out);
    *request = kept;
    list_push_front(&shard->requests, &request->node);
    shard->request_pool_count++;
}

void broker_request_pool_deinit(struct broker_shard *shard)
{
    for (struct list *node; (node = list_pop_front(&shard->requests)) != NULL;)
        request_destroy(LIST_ENTRY(node, struct broker_request, node));
    shard->request_pool_count = 0;
}

void broker_request_charge_reply(struct broker_request *request, size_t bytes)
{
    request->reply_charged += bytes;
    request->shard->reply_bytes += bytes;
}

void broker_request_slim(struct broker_request *request)
{
    ASSERT(request->state == BROKER_REQUEST_DONE);
    /* What the reply sends from where it is lies in held buffers, or else in the arena. */
    if (request->body == NULL || (request->gather.count > 0 && request->held_count == 0))
        return;
    request->body = NULL;
    request->handler = NULL;
    request->data = NULL;
    request->client_id = (struct wire_string){0};
    if (request->frame != NULL)
        rcbuf_unref(request->frame);
    request->frame = NULL;
    arena_reset(&request->arena);
    size_t left = request->arena.used_bytes;
    if (left < request->charged_bytes) {
        request->shard->queued_bytes -= request->charged_bytes - left;
        request->charged_bytes = left;
    }
}

static void request_done(struct broker_request *request)
{
    ASSERT(request->state == BROKER_REQUEST_RUNNING);
    request->state = BROKER_REQUEST_DONE;
    request->cancel = NULL;
    struct broker_conn *conn = request->conn;
    if (conn == NULL) {
        struct broker_shard *shard = request->shard;
        broker_request_free(request);
        broker_shard_wake_starved(shard); /* no connection's step does it */
        return;
    }
    ASSERT(conn->running_count > 0);
    conn->running_count--;
    if (conn->running_count == 0)
        conn->running_alone = false;
    conn->done_bytes += request->reply_bytes;
    broker_conn_wake(conn);
}

void broker_request_complete_version(struct broker_request *request, int16_t version,
                                     const void *response)
{
    const struct wire_api *wire = wire_api_find(request->api->key);
    struct buf *out = &request->out;
    ASSERT(request->state == BROKER_REQUEST_RUNNING && out->size == 0);
    if (request->conn == NULL) {
        request_done(request);
        return;
    }
    enum err err = wire_response_frame_encode(wire, version, request->correlation_id, response, out,
                                              &request->gather);
    if (err != ERR_OK) {
        /* A field that this version cannot carry: a mistake of the handler, never of the peer. */
        PANIC("reply to %s version %d cannot be encoded: %s", wire->name, version, err_text(err));
    }
    size_t size = out->size + request->gather.bytes;
    if (size - 4 > INT32_MAX) {
        buf_clear(out);
        wire_gather_clear(&request->gather);
        broker_request_abort(request, "the reply is larger than a frame can be");
        return;
    }
    request->reply_bytes = size;
    broker_request_charge_reply(request, out->capacity);
    request_done(request);
}

void broker_request_complete(struct broker_request *request, const void *response)
{
    broker_request_complete_version(request, request->version, response);
}

void broker_request_complete_silent(struct broker_request *request)
{
    request_done(request);
}

void broker_request_abort(struct broker_request *request, const char *why)
{
    if (request->conn != NULL) {
        request->last = true;
        request->why = why;
    }
    request_done(request);
}

void *broker_request_new_array(struct broker_request *request, const struct wire_schema *schema,
                               size_t count)
{
    char *items = arena_must_alloc_array(&request->arena, count, schema->size);
    for (size_t i = 0; i < count; i++)
        wire_default(schema, items + i * schema->size);
    return items;
}

void broker_request_hold(struct broker_request *request, struct rcbuf *take_buf)
{
    if (request->held_count == request->held_capacity) {
        request->held_capacity = request->held_capacity == 0 ? 8 : request->held_capacity * 2;
        request->held =
            mem_realloc(request->held, request->held_capacity * sizeof request->held[0]);
    }
    request->held[request->held_count++] = take_buf;
}
