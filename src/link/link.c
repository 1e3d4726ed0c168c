/*
 * A connection to a Kafka node, as its client.
 *
 *     IDLE --open--> CONNECTING --connected--> NEGOTIATING --versions--> READY
 *       ^                |                          |                      |
 *       |                +-----------+--------------+----------------------+ (link_fail)
 *     close              ^           v
 *  (from any)            +---time-- WAITING
 *
 * 1. Requests are in in_flight in the order in which they were written, and a node answers in that
 *    order: a response whose correlation id is not that of the first one breaks the connection.
 * 2. A request that takes longer than it may breaks the connection too, since the response may
 * still come and would have to be told from the others' for ever.
 * 3. Nothing a node sends makes us allocate more than response_bytes_max and a bounded factor of it
 *    for decoding; what is allocated for a frame grows with what has come of it.
 * 4. Callbacks may call anything, link_free too: after each one link->freed is looked at.
 */
#define LOG_ROOM "link"
#include "link/link.h"

#include "base/buf.h"
#include "base/bytes.h"
#include "base/log.h"
#include "base/mem.h"
#include "wire/api.h"
#include "wire/errors.h"
#include "wire/messages.h"
#include "wire/schema.h"

#include <string.h>

/* API keys that are remembered; the highest of Apache Kafka 4.4 is 94. */
#define LINK_KEYS_MAX 128

#define LINK_INPUT_BYTES ((size_t)16 << 10)
#define LINK_FRAME_FIRST_BYTES ((size_t)1 << 20)
#define LINK_OUT_KEEP_BYTES ((size_t)256 << 10)
#define LINK_READS_PER_EVENT 8
/* Structs are larger than their encoding. */
#define LINK_DECODE_FACTOR 32
#define LINK_DECODE_SPARE_BYTES ((size_t)64 << 10)

struct link_versions {
    int16_t min; /* min > max: the node does not serve the key */
    int16_t max;
};

struct link {
    struct env *env;
    struct link_options options;
    char *host;
    char *client_id;
    char *software_name;
    char *software_version;

    enum link_state state;
    struct env_stream *stream;
    struct env_timer timer; /* connecting, the first deadline of those in flight, or the pause */
    struct env_timer flush; /* write what was sent in this turn */
    unsigned wanted;
    uint32_t failures; /* since it was last ready */
    unsigned depth;    /* callbacks under way */
    bool freed;        /* inside one of them */

    struct buf out;
    size_t out_sent;
    struct list in_flight;
    struct list silent; /* written or to be written, without a response to come */
    size_t in_flight_count;
    int32_t correlation_id;
    struct link_request versions_request;

    uint8_t input[LINK_INPUT_BYTES];
    uint8_t head[4];
    size_t head_count;
    struct rcbuf *frame; /* NULL between frames */
    size_t frame_size;
    size_t frame_filled;
    size_t frame_room;
    struct arena arena; /* of the response in hand */

    struct link_versions versions[LINK_KEYS_MAX];
};

static void link_on_event(struct env *env, struct env_stream *stream, void *context,
                          unsigned events);
static void link_on_timer(struct env *env, struct env_timer *timer);
static void link_on_flush(struct env *env, struct env_timer *timer);
static void link_negotiate(struct link *link, int16_t version);

static const struct env_stream_handler link_handler = {.on_event = link_on_event};

/* ---- Life ---- */

static uint32_t option_or(uint32_t value, uint32_t otherwise)
{
    return value != 0 ? value : otherwise;
}

static void versions_forget(struct link *link)
{
    for (size_t i = 0; i < LINK_KEYS_MAX; i++)
        link->versions[i] = (struct link_versions){.min = 1, .max = 0};
}

struct link *link_new(struct env *env, const struct link_options *options)
{
    ASSERT(options->host != NULL && options->pool != NULL);
    struct link *link = mem_zalloc(sizeof *link);
    link->env = env;
    link->options = *options;
    link->host = mem_strdup(options->host);
    link->client_id = options->client_id != NULL ? mem_strdup(options->client_id) : NULL;
    link->software_name =
        mem_strdup(options->software_name != NULL ? options->software_name : "ottla");
    link->software_version =
        mem_strdup(options->software_version != NULL ? options->software_version : "unknown");
    struct link_options *own = &link->options;
    own->connect_timeout_ms = option_or(own->connect_timeout_ms, 10000);
    own->request_timeout_ms = option_or(own->request_timeout_ms, 30000);
    own->backoff_ms = option_or(own->backoff_ms, 50);
    own->backoff_max_ms = option_or(own->backoff_max_ms, 1000);
    own->response_bytes_max = option_or(own->response_bytes_max, UINT32_C(100) << 20);
    env_timer_init(&link->timer, link_on_timer);
    env_timer_init(&link->flush, link_on_flush);
    list_init(&link->in_flight);
    list_init(&link->silent);
    list_init(&link->versions_request.node);
    arena_init(&link->arena, ARENA_LIMIT_DEFAULT_BYTES);
    versions_forget(link);
    return link;
}

static void link_destroy(struct link *link)
{
    if (link->frame != NULL)
        rcbuf_unref(link->frame);
    buf_deinit(&link->out);
    arena_deinit(&link->arena);
    mem_free(link->host);
    mem_free(link->client_id);
    mem_free(link->software_name);
    mem_free(link->software_version);
    mem_free(link);
}

/* Everything of the connection but its requests. */
static void link_disconnect(struct link *link)
{
    if (link->stream != NULL)
        env_stream_close(link->env, link->stream);
    link->stream = NULL;
    env_timer_cancel(link->env, &link->timer);
    env_timer_cancel(link->env, &link->flush);
    if (link->frame != NULL)
        rcbuf_unref(link->frame);
    link->frame = NULL;
    link->head_count = 0;
    buf_clear(&link->out);
    link->out_sent = 0;
    link->wanted = 0;
    versions_forget(link);
}

void link_free(struct link *link)
{
    if (link == NULL)
        return;
    if (link->state != LINK_STATE_IDLE)
        link_disconnect(link);
    link->state = LINK_STATE_IDLE;
    if (link->depth > 0)
        link->freed = true;
    else
        link_destroy(link);
}

enum link_state link_state(const struct link *link)
{
    return link->state;
}

void *link_context(const struct link *link)
{
    return link->options.context;
}

size_t link_in_flight(const struct link *link)
{
    return link->in_flight_count;
}

/* ---- Callbacks ---- */

static void callback_begin(struct link *link)
{
    link->depth++;
}

/* False: the link was freed inside, and is gone now or when the outer callback ends. */
static bool callback_end(struct link *link)
{
    link->depth--;
    if (!link->freed)
        return true;
    if (link->depth == 0)
        link_destroy(link);
    return false;
}

static bool link_enter(struct link *link, enum link_state state, enum err why)
{
    link->state = state;
    if (link->options.on_state == NULL)
        return true;
    callback_begin(link);
    link->options.on_state(link->options.context, link, state, why);
    return callback_end(link);
}

static bool request_done(struct link *link, struct link_request *request,
                         const struct link_response *response)
{
    callback_begin(link);
    request->done(link, request, response);
    return callback_end(link);
}

/* Ends all that is in flight. */
static bool link_drop_requests(struct link *link, enum err err)
{
    struct link_response response = {.err = err};
    struct list dropped;
    list_init(&dropped);
    list_splice(&dropped, &link->in_flight);
    list_splice(&dropped, &link->silent);
    link->in_flight_count = 0;
    bool alive = true;
    for (struct list *node; (node = list_pop_front(&dropped)) != NULL;) {
        struct link_request *request = LIST_ENTRY(node, struct link_request, node);
        if (alive && request != &link->versions_request) {
            response.version = request->version;
            alive = request_done(link, request, &response);
        }
    }
    return alive;
}

/* The connection is lost: everybody is told, and it is tried again after a pause. */
static bool link_fail(struct link *link, enum err err)
{
    link_disconnect(link);
    link->state = LINK_STATE_WAITING;
    uint64_t pause_ms = link->options.backoff_ms;
    for (uint32_t i = 0; i < link->failures && pause_ms < link->options.backoff_max_ms; i++)
        pause_ms *= 2;
    if (pause_ms > link->options.backoff_max_ms)
        pause_ms = link->options.backoff_max_ms;
    link->failures++;
    /* A fifth more or less, so that many clients do not come back at once. */
    uint32_t draw;
    env_random(link->env, &draw, sizeof draw);
    uint64_t pause_us = pause_ms * (800 + draw % 401);
    env_timer_set(link->env, &link->timer, env_now_ns(link->env) + pause_us * UINT64_C(1000));
    callback_begin(link);
    link_drop_requests(link, err);
    if (!callback_end(link))
        return false;
    if (link->state != LINK_STATE_WAITING)
        return true; /* a callback closed or reopened it */
    return link_enter(link, LINK_STATE_WAITING, err);
}

static void link_connect(struct link *link)
{
    enum err err = env_connect(link->env, link->host, link->options.port, &link->stream);
    if (err != ERR_OK) {
        link->stream = NULL;
        link_fail(link, err);
        return;
    }
    env_stream_handle(link->env, link->stream, &link_handler, link);
    env_timer_set_ms(link->env, &link->timer, link->options.connect_timeout_ms);
    link_enter(link, LINK_STATE_CONNECTING, ERR_OK);
}

void link_open(struct link *link)
{
    if (link->state != LINK_STATE_IDLE)
        return;
    /* In the next turn, so that no callback comes before this returns. */
    link->state = LINK_STATE_WAITING;
    link->failures = 0;
    env_timer_set(link->env, &link->timer, env_now_ns(link->env));
}

void link_close(struct link *link)
{
    if (link->state == LINK_STATE_IDLE)
        return;
    link_disconnect(link);
    link->state = LINK_STATE_IDLE;
    link_drop_requests(link, ERR_CLOSED);
}

/* ---- Sending ---- */

static void link_want(struct link *link, unsigned events)
{
    if (events == link->wanted)
        return;
    link->wanted = events;
    env_stream_want(link->env, link->stream, events);
}

/* Ends silent requests whose bytes are handed over; all of them at once, when `out` is empty. */
static bool link_flushed(struct link *link)
{
    struct link_response response = {.err = ERR_OK};
    struct list flushed;
    list_init(&flushed);
    list_splice(&flushed, &link->silent);
    bool alive = true;
    for (struct list *node; (node = list_pop_front(&flushed)) != NULL;) {
        struct link_request *request = LIST_ENTRY(node, struct link_request, node);
        if (alive) {
            response.version = request->version;
            alive = request_done(link, request, &response);
        }
    }
    return alive;
}

static bool link_write(struct link *link)
{
    while (link->out_sent < link->out.size) {
        struct env_iov iov = {.base = link->out.data + link->out_sent,
                              .size = link->out.size - link->out_sent};
        size_t sent = 0;
        enum err err = env_stream_write(link->env, link->stream, &iov, 1, &sent);
        if (err == ERR_AGAIN) {
            link_want(link, ENV_READABLE | ENV_WRITABLE);
            return true;
        }
        if (err != ERR_OK)
            return link_fail(link, err);
        link->out_sent += sent;
    }
    buf_clear(&link->out);
    link->out_sent = 0;
    if (link->out.capacity > LINK_OUT_KEEP_BYTES)
        buf_deinit(&link->out);
    link_want(link, ENV_READABLE);
    return link_flushed(link);
}

static void link_on_flush(struct env *env, struct env_timer *timer)
{
    UNUSED(env);
    struct link *link = CONTAINER_OF(timer, struct link, flush);
    link_write(link);
}

static void link_arm(struct link *link)
{
    uint64_t deadline_ns = UINT64_MAX;
    LIST_FOR_EACH (node, &link->in_flight) {
        struct link_request *request = LIST_ENTRY(node, struct link_request, node);
        if (request->deadline_ns < deadline_ns)
            deadline_ns = request->deadline_ns;
    }
    if (deadline_ns == UINT64_MAX)
        env_timer_cancel(link->env, &link->timer);
    else
        env_timer_set(link->env, &link->timer, deadline_ns);
}

static enum err link_encode(struct link *link, const struct wire_api *api,
                            struct link_request *request, const void *message)
{
    return wire_request_frame_encode(api, request->version, request->correlation_id,
                                     wire_string_from(link->client_id), message, &link->out, NULL);
}

static enum err link_submit(struct link *link, struct link_request *request,
                            const struct wire_api *api, const void *message, uint32_t timeout_ms)
{
    request->correlation_id = link->correlation_id;
    enum err err = link_encode(link, api, request, message);
    if (err != ERR_OK)
        return err;
    link->correlation_id = (link->correlation_id + 1) & INT32_MAX;
    uint64_t timeout = option_or(timeout_ms, link->options.request_timeout_ms);
    request->deadline_ns = env_now_ns(link->env) + timeout * UINT64_C(1000000);
    if (request->silent) {
        list_push_back(&link->silent, &request->node);
    } else {
        list_push_back(&link->in_flight, &request->node);
        link->in_flight_count++;
        if (!env_timer_is_set(&link->timer) || request->deadline_ns < link->timer.node.key)
            env_timer_set(link->env, &link->timer, request->deadline_ns);
    }
    if (!env_timer_is_set(&link->flush) && (link->wanted & ENV_WRITABLE) == 0)
        env_timer_set(link->env, &link->flush, env_now_ns(link->env));
    return ERR_OK;
}

enum err link_node_versions(const struct link *link, int16_t key, int16_t *out_min,
                            int16_t *out_max)
{
    if (link->state != LINK_STATE_READY)
        return ERR_AGAIN;
    if (key < 0 || key >= LINK_KEYS_MAX || link->versions[key].min > link->versions[key].max)
        return ERR_VERSION;
    *out_min = link->versions[key].min;
    *out_max = link->versions[key].max;
    return ERR_OK;
}

static enum err version_pick(const struct link *link, int16_t key, int16_t version_max,
                             int16_t *out)
{
    int16_t min = 0;
    int16_t max = 0;
    enum err err = link_node_versions(link, key, &min, &max);
    if (err != ERR_OK)
        return err;
    const struct wire_api *api = wire_api_find(key);
    if (api == NULL)
        return ERR_VERSION;
    if (api->version_min > min)
        min = api->version_min;
    if (api->version_max < max)
        max = api->version_max;
    if (version_max < max)
        max = version_max;
    if (min > max)
        return ERR_VERSION;
    *out = max;
    return ERR_OK;
}

enum err link_version(const struct link *link, int16_t key, int16_t *out)
{
    return version_pick(link, key, INT16_MAX, out);
}

enum err link_send(struct link *link, struct link_request *request, int16_t key,
                   int16_t version_max, const void *message, uint32_t timeout_ms)
{
    ASSERT(request->done != NULL);
    enum err err = version_pick(link, key, version_max, &request->version);
    if (err != ERR_OK)
        return err;
    request->key = key;
    return link_submit(link, request, wire_api_find(key), message, timeout_ms);
}

/* ---- Versions ---- */

static bool versions_learn(struct link *link, const struct wire_api_versions_response *message)
{
    versions_forget(link);
    for (int32_t i = 0; i < message->api_keys.count; i++) {
        const struct wire_api_versions_response_api_version *api = &message->api_keys.items[i];
        if (api->api_key < 0 || api->api_key >= LINK_KEYS_MAX)
            continue; /* newer than we are */
        link->versions[api->api_key] =
            (struct link_versions){.min = api->min_version, .max = api->max_version};
    }
    link->failures = 0;
    return link_enter(link, LINK_STATE_READY, ERR_OK);
}

/* A node that does not know our version answers in version 0 with the versions that it knows. */
static bool versions_response(struct link *link, const uint8_t *data, size_t size, int16_t version)
{
    if (size < 2)
        return link_fail(link, ERR_CORRUPT);
    int16_t code = (int16_t)load_be16(data);
    struct wire_api_versions_response message;
    enum err err = wire_decode(&wire_api_versions_response_schema,
                               code == WIRE_ERROR_UNSUPPORTED_VERSION ? 0 : version, &link->arena,
                               data, size, &message, NULL);
    if (err != ERR_OK)
        return link_fail(link, err == ERR_LIMIT ? ERR_LIMIT : ERR_CORRUPT);
    if (code == WIRE_ERROR_NONE)
        return versions_learn(link, &message);
    if (code != WIRE_ERROR_UNSUPPORTED_VERSION || version == 0)
        return link_fail(link, ERR_VERSION);
    int16_t lower = 0;
    for (int32_t i = 0; i < message.api_keys.count; i++) {
        const struct wire_api_versions_response_api_version *api = &message.api_keys.items[i];
        if (api->api_key == WIRE_API_API_VERSIONS && api->max_version < version &&
            api->max_version > 0)
            lower = api->max_version;
    }
    link_negotiate(link, lower);
    return true;
}

static void link_negotiate(struct link *link, int16_t version)
{
    const struct wire_api *api = wire_api_find(WIRE_API_API_VERSIONS);
    struct wire_api_versions_request message;
    wire_default(&wire_api_versions_request_schema, &message);
    if (version >= 3) {
        message.client_software_name = wire_string_from(link->software_name);
        message.client_software_version = wire_string_from(link->software_version);
    }
    link->versions_request.key = WIRE_API_API_VERSIONS;
    link->versions_request.version = version;
    enum err err = link_submit(link, &link->versions_request, api, &message, 0);
    if (err != ERR_OK)
        PANIC("ApiVersions does not encode: %s", err_text(err));
}

/* ---- Receiving ---- */

static bool link_response_in(struct link *link, struct rcbuf *frame, size_t size)
{
    if (list_empty(&link->in_flight))
        return link_fail(link, ERR_CORRUPT);
    struct link_request *request = LIST_ENTRY(link->in_flight.next, struct link_request, node);
    const struct wire_api *api = wire_api_find(request->key);
    struct arena *arena = &link->arena;
    arena_reset(arena);
    arena->limit_bytes = arena->used_bytes + LINK_DECODE_SPARE_BYTES + LINK_DECODE_FACTOR * size;
    int32_t correlation_id = 0;
    size_t offset = 0;
    enum err err = wire_response_header_decode(api, request->version, frame->data, size,
                                               &correlation_id, &offset);
    if (err != ERR_OK || correlation_id != request->correlation_id)
        return link_fail(link, ERR_CORRUPT);
    if (request == &link->versions_request) {
        list_remove(&request->node);
        link->in_flight_count--;
        link_arm(link);
        return versions_response(link, frame->data + offset, size - offset, request->version);
    }
    void *message = arena_alloc(arena, api->response->size);
    err = message == NULL ? ERR_LIMIT
                          : wire_decode(api->response, request->version, arena,
                                        frame->data + offset, size - offset, message, NULL);
    if (err != ERR_OK)
        return link_fail(link, err == ERR_LIMIT ? ERR_LIMIT : ERR_CORRUPT);
    list_remove(&request->node);
    link->in_flight_count--;
    if (list_empty(&link->in_flight))
        env_timer_cancel(link->env, &link->timer);
    struct link_response response = {
        .version = request->version, .message = message, .frame = frame};
    return request_done(link, request, &response);
}

/* Room for more of the frame that is coming in. */
static bool frame_grow(struct link *link, size_t room)
{
    struct rcbuf *grown = rcbuf_new(link->options.pool, room);
    if (grown == NULL)
        return false;
    if (link->frame != NULL) {
        memcpy(grown->data, link->frame->data, link->frame_filled);
        rcbuf_unref(link->frame);
    }
    link->frame = grown;
    link->frame_room = room;
    return true;
}

/* The frame is whole. False: the link is gone, or its connection is. */
static bool frame_done(struct link *link)
{
    struct rcbuf *frame = link->frame;
    struct env_stream *stream = link->stream;
    link->frame = NULL;
    link->head_count = 0;
    callback_begin(link);
    link_response_in(link, frame, link->frame_size);
    rcbuf_unref(frame);
    bool alive = callback_end(link);
    return alive && link->stream == stream && stream != NULL;
}

/* Bytes from `input`. False: the link is gone, or its connection is. */
static bool link_take(struct link *link, const uint8_t *data, size_t size)
{
    while (size > 0) {
        if (link->head_count < sizeof link->head) {
            link->head[link->head_count++] = *data++;
            size--;
            if (link->head_count < sizeof link->head)
                continue;
            link->frame_size = load_be32(link->head);
            link->frame_filled = 0;
            if (link->frame_size < 4 || link->frame_size > link->options.response_bytes_max) {
                link_fail(link, link->frame_size < 4 ? ERR_CORRUPT : ERR_LIMIT);
                return false;
            }
            size_t room = link->frame_size < LINK_FRAME_FIRST_BYTES ? link->frame_size
                                                                    : LINK_FRAME_FIRST_BYTES;
            if (!frame_grow(link, room > size ? room : size)) {
                link_fail(link, ERR_NOMEM);
                return false;
            }
        }
        size_t part = link->frame_size - link->frame_filled;
        if (part > size)
            part = size;
        memcpy(link->frame->data + link->frame_filled, data, part);
        link->frame_filled += part;
        data += part;
        size -= part;
        if (link->frame_filled == link->frame_size && !frame_done(link))
            return false;
    }
    return true;
}

/* One read. False: stop, nothing more comes now or the connection is gone. */
static bool link_read_once(struct link *link)
{
    if (link->frame != NULL && link->frame_filled == link->frame_room) {
        size_t room = link->frame_room * 4;
        if (!frame_grow(link, room < link->frame_size ? room : link->frame_size)) {
            link_fail(link, ERR_NOMEM);
            return false;
        }
    }
    bool direct = link->frame != NULL;
    uint8_t *to = direct ? link->frame->data + link->frame_filled : link->input;
    size_t room = direct ? link->frame_room - link->frame_filled : sizeof link->input;
    if (direct && room > link->frame_size - link->frame_filled)
        room = link->frame_size - link->frame_filled;
    size_t size = 0;
    enum err err = env_stream_read(link->env, link->stream, to, room, &size);
    if (err == ERR_AGAIN)
        return false;
    if (err != ERR_OK) {
        link_fail(link, err);
        return false;
    }
    if (!direct)
        return link_take(link, link->input, size) && size == room;
    link->frame_filled += size;
    if (link->frame_filled < link->frame_size)
        return true;
    return frame_done(link);
}

static void link_on_event(struct env *env, struct env_stream *stream, void *context,
                          unsigned events)
{
    UNUSED(env);
    struct link *link = context;
    callback_begin(link);
    if (link->state == LINK_STATE_CONNECTING) {
        enum err err = env_stream_status(link->env, stream);
        if (err == ERR_OK) {
            env_timer_cancel(link->env, &link->timer);
            link->wanted = ENV_WRITABLE;
            link_want(link, ENV_READABLE);
            if (link_enter(link, LINK_STATE_NEGOTIATING, ERR_OK) &&
                link->state == LINK_STATE_NEGOTIATING)
                link_negotiate(link, wire_api_find(WIRE_API_API_VERSIONS)->version_max);
        } else if (err != ERR_AGAIN) {
            link_fail(link, err);
        }
        callback_end(link);
        return;
    }
    if ((events & ENV_READABLE) != 0) {
        for (int i = 0; i < LINK_READS_PER_EVENT && link->stream == stream; i++) {
            if (!link_read_once(link))
                break;
        }
    }
    if ((events & ENV_WRITABLE) != 0 && !link->freed && link->stream == stream)
        link_write(link);
    callback_end(link);
}

static void link_on_timer(struct env *env, struct env_timer *timer)
{
    struct link *link = CONTAINER_OF(timer, struct link, timer);
    if (link->state == LINK_STATE_WAITING) {
        link_connect(link);
        return;
    }
    if (link->state == LINK_STATE_CONNECTING) {
        link_fail(link, ERR_TIMEOUT);
        return;
    }
    uint64_t now_ns = env_now_ns(env);
    LIST_FOR_EACH (node, &link->in_flight) {
        struct link_request *request = LIST_ENTRY(node, struct link_request, node);
        if (request->deadline_ns <= now_ns) {
            link_fail(link, ERR_TIMEOUT);
            return;
        }
    }
    link_arm(link);
}
