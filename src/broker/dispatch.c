/*
 * From a frame to a running handler.
 *
 * What Apache Kafka 4.3.1 does with a request that it cannot serve, and so do we: an unknown API,
 * an API that this listener does not serve, a version out of range or a body that does not parse
 * closes the connection; only ApiVersions in an unknown version is answered, with
 * UNSUPPORTED_VERSION in version 0, so that the client can come down.
 */
#define LOG_ROOM "broker"
#include "broker/node_int.h"
#include "broker/request_int.h"

#include "base/log.h"
#include "base/mem.h"
#include "broker/conn.h"
#include "wire/api.h"
#include "wire/schema.h"

/* Frames up to this size are copied, so that they do not keep a shard's scratch buffer. */
#define FRAME_COPY_BYTES ((size_t)16 << 10)

/* What even the smallest request costs: the struct, its arena's first block, its reply's buffer. */
#define REQUEST_COST_BYTES ((size_t)4 << 10)

/* What decoding may take: structs are larger than their encoding, 32 times and a bit at the most
 * for messages that mean something. */
#define DECODE_FACTOR 32
#define DECODE_SPARE_BYTES ((size_t)64 << 10)

/* Request header v1 and v2: key, version, correlation id, then a nullable string that keeps its
 * two-byte length even in v2 (Kafka protocol guide, KIP-482), then v2's tagged fields. */
#define HEADER_BYTES_MIN 8

static const char *dispatch_find(const struct broker_conn *conn, int16_t key, int16_t version,
                                 const struct broker_api **out)
{
    const struct broker_api *api = broker_api_find(key);
    if (api == NULL)
        return "it sent a request of an API that is not served";
    unsigned needs = conn->listener->controller ? BROKER_API_CONTROLLER : BROKER_API_BROKER;
    if ((api->flags & needs) == 0)
        return "it sent a request that this listener does not serve";
    bool known = version >= api->version_min && version <= api->version_max;
    if (!known && key != WIRE_API_API_VERSIONS)
        return "it sent a request in a version that is not served";
    *out = api;
    return NULL;
}

const char *broker_dispatch_frame(struct broker_conn *conn, struct rcbuf *buf, uint8_t *data,
                                  size_t size)
{
    if (size < HEADER_BYTES_MIN)
        return "it sent a frame that is too short for a request";
    int16_t key = (int16_t)load_be16(data);
    int16_t version = (int16_t)load_be16(data + 2);
    const struct broker_api *api = NULL;
    const char *why = dispatch_find(conn, key, version, &api);
    if (why != NULL) {
        LOG_DEBUG("%s asked for API %d version %d", env_stream_peer(conn->shard->env, conn->stream),
                  key, version);
        return why;
    }
    struct broker_shard *shard = conn->shard;
    struct broker_request *request = broker_request_new(shard);
    request->conn = conn;
    request->api = api;
    request->version = version;
    request->correlation_id = (int32_t)load_be32(data + 4);
    request->received_ns = conn->active_ns;
    if (buf != NULL && size > FRAME_COPY_BYTES) {
        request->frame = rcbuf_ref(buf);
        request->data = data;
    } else {
        request->data = arena_must_alloc(&request->arena, size);
        memcpy(request->data, data, size);
    }
    request->data_size = size;
    request->charged_bytes = size + REQUEST_COST_BYTES;
    shard->queued_bytes += request->charged_bytes;
    shard->counters.requests++;
    list_push_back(&conn->requests, &request->node);
    conn->request_count++;
    return NULL;
}

static enum err dispatch_decode(struct broker_request *request)
{
    const struct wire_api *wire = NULL;
    struct wire_request_header header;
    size_t consumed = 0;
    struct arena *arena = &request->arena;
    size_t limit = DECODE_SPARE_BYTES + DECODE_FACTOR * request->data_size;
    arena->limit_bytes =
        arena->used_bytes + (limit < ARENA_LIMIT_DEFAULT_BYTES ? limit : ARENA_LIMIT_DEFAULT_BYTES);
    enum err err = wire_request_header_decode(request->data, request->data_size, arena, &header,
                                              &wire, &consumed);
    if (err != ERR_OK)
        return err;
    request->client_id = header.client_id;
    request->body_offset = consumed;
    if (request->version > request->api->version_max ||
        request->version < request->api->version_min)
        return ERR_OK; /* ApiVersions alone: its body is of no known form */
    request->body = arena_alloc(arena, wire->request->size);
    if (request->body == NULL)
        return ERR_NOMEM;
    return wire_decode(wire->request, request->version, arena, request->data + consumed,
                       request->data_size - consumed, request->body, NULL);
}

const char *broker_dispatch_start(struct broker_request *request)
{
    struct broker_conn *conn = request->conn;
    ASSERT(request->state == BROKER_REQUEST_QUEUED);
    enum err err = dispatch_decode(request);
    if (err != ERR_OK) {
        LOG_DEBUG("%s: API %d version %d does not decode: %s",
                  env_stream_peer(request->shard->env, conn->stream), request->api->key,
                  request->version, err_text(err));
        return err == ERR_NOMEM || err == ERR_LIMIT
                   ? "it sent a request that asks for too much memory"
                   : "it sent a request that does not parse";
    }
    request->arena.limit_bytes = SIZE_MAX; /* what follows is ours */
    if (request->arena.used_bytes > request->charged_bytes) {
        request->shard->queued_bytes += request->arena.used_bytes - request->charged_bytes;
        request->charged_bytes = request->arena.used_bytes;
    }
    request->state = BROKER_REQUEST_RUNNING;
    conn->running_count++;
    if ((request->api->flags & BROKER_API_OVERLAPS) == 0)
        conn->running_alone = true;
    request->api->handle(request);
    return NULL;
}
