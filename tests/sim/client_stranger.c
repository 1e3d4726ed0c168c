/*
 * A stranger: sends what no client of good will would. Random but well-formed requests of the APIs
 * that change nothing, in any version; the same damaged; and noise. The node may answer with any
 * error or hang up; it may not fall, nor let others notice. As long as all that a connection
 * carried was well-formed, the responses have to come in order and to be readable.
 */
#include "base/mem.h"
#include "client.h"
#include "wire/api.h"
#include "wire/schema.h"

#include <string.h>

#define EXPECTED_MAX 16

struct expected {
    const struct wire_api *api;
    int16_t version;
    int32_t correlation_id;
};

struct stranger {
    struct client_options options;
    struct env *env;
    struct sim_world *world;
    struct prng prng;
    struct env_timer timer;
    struct env_stream *stream;
    bool connected;
    bool good; /* nothing damaged was sent on this connection */
    struct buf out;
    size_t out_sent;
    struct buf in;
    struct expected expected[EXPECTED_MAX];
    size_t expected_count;
    int32_t correlation_id;
};

static const int16_t harmless_keys[] = {
    WIRE_API_FETCH,
    WIRE_API_LIST_OFFSETS,
    WIRE_API_METADATA,
    WIRE_API_API_VERSIONS,
    WIRE_API_FIND_COORDINATOR,
    WIRE_API_INIT_PRODUCER_ID,
    WIRE_API_DESCRIBE_CONFIGS,
    WIRE_API_DESCRIBE_CLUSTER,
};

/* ---- Any message ---- */

static uint64_t any_number(struct stranger *stranger)
{
    static const uint64_t edges[] = {0, 1, 2, 3, 100, INT32_MAX, INT64_MAX, UINT64_MAX};
    struct prng *prng = &stranger->prng;
    return prng_chance(prng, 1, 4) ? edges[prng_below(prng, ARRAY_COUNT(edges))]
                                   : prng_u64(prng) >> prng_below(prng, 64);
}

static struct wire_string any_text(struct stranger *stranger, struct arena *arena)
{
    static const char *const words[] = {"", "topic0", "topic1", "broker", "1", "x"};
    struct prng *prng = &stranger->prng;
    if (prng_chance(prng, 3, 4))
        return wire_string_from(words[prng_below(prng, ARRAY_COUNT(words))]);
    size_t size = (size_t)prng_below(prng, 40);
    char *text = arena_must_alloc(arena, size + 1);
    prng_bytes(prng, text, size);
    return wire_string_of(text, size);
}

static struct uuid any_id(struct stranger *stranger)
{
    struct uuid id = UUID_ZERO;
    struct list *topics = &stranger->options.model->topics;
    if (prng_chance(&stranger->prng, 1, 2) && !list_empty(topics))
        id = LIST_ENTRY(topics->next, struct model_topic, node)->id;
    else
        prng_bytes(&stranger->prng, &id, sizeof id);
    return id;
}

static void any_struct(struct stranger *stranger, const struct wire_schema *schema, int16_t version,
                       struct arena *arena, void *out);

static void any_value(struct stranger *stranger, const struct wire_schema *schema,
                      const struct wire_field *field, int16_t version, struct arena *arena,
                      enum wire_kind kind, void *out)
{
    uint64_t number = any_number(stranger);
    bool null = (field->flags & WIRE_FIELD_NULLABLE) != 0 && prng_chance(&stranger->prng, 1, 4);
    switch (kind) {
    case WIRE_KIND_BOOL:
        *(bool *)out = number % 2 == 1;
        break;
    case WIRE_KIND_INT8:
        *(int8_t *)out = (int8_t)number;
        break;
    case WIRE_KIND_INT16:
    case WIRE_KIND_UINT16:
        *(uint16_t *)out = (uint16_t)number;
        break;
    case WIRE_KIND_INT32:
    case WIRE_KIND_UINT32:
        *(uint32_t *)out = (uint32_t)number;
        break;
    case WIRE_KIND_INT64:
    case WIRE_KIND_FLOAT64:
        memcpy(out, &number, sizeof number);
        break;
    case WIRE_KIND_UUID:
        *(struct uuid *)out = any_id(stranger);
        break;
    case WIRE_KIND_STRING:
        *(struct wire_string *)out = null ? WIRE_NULL_STRING : any_text(stranger, arena);
        break;
    case WIRE_KIND_BYTES:
    case WIRE_KIND_RECORDS: {
        struct wire_string text = any_text(stranger, arena);
        *(struct wire_bytes *)out =
            null ? (struct wire_bytes){NULL, 0} : wire_bytes_of(text.data, text.size);
        break;
    }
    case WIRE_KIND_STRUCT:
        any_struct(stranger, schema->nested[field->nested], version, arena, out);
        break;
    default:
        break; /* a pointer stays null */
    }
}

static size_t kind_size(const struct wire_schema *schema, const struct wire_field *field,
                        enum wire_kind kind)
{
    static const size_t sizes[WIRE_KIND_COUNT] = {
        [WIRE_KIND_BOOL] = sizeof(bool),
        [WIRE_KIND_INT8] = 1,
        [WIRE_KIND_INT16] = 2,
        [WIRE_KIND_UINT16] = 2,
        [WIRE_KIND_INT32] = 4,
        [WIRE_KIND_UINT32] = 4,
        [WIRE_KIND_INT64] = 8,
        [WIRE_KIND_FLOAT64] = 8,
        [WIRE_KIND_UUID] = sizeof(struct uuid),
        [WIRE_KIND_STRING] = sizeof(struct wire_string),
        [WIRE_KIND_BYTES] = sizeof(struct wire_bytes),
        [WIRE_KIND_RECORDS] = sizeof(struct wire_bytes),
    };
    return kind == WIRE_KIND_STRUCT ? schema->nested[field->nested]->size : sizes[kind];
}

static void any_array(struct stranger *stranger, const struct wire_schema *schema,
                      const struct wire_field *field, int16_t version, struct arena *arena,
                      struct wire_array *out)
{
    enum wire_kind kind = (enum wire_kind)(field->kind & ~WIRE_KIND_ARRAY);
    size_t size = kind_size(schema, field, kind);
    bool null = (field->flags & WIRE_FIELD_NULLABLE) != 0 && prng_chance(&stranger->prng, 1, 4);
    size_t count = (size_t)prng_below(&stranger->prng, 4);
    out->count = null ? -1 : (int32_t)count;
    out->items = null || size == 0 ? NULL : arena_must_alloc_array(arena, count + 1, size);
    for (size_t i = 0; !null && size > 0 && i < count; i++)
        any_value(stranger, schema, field, version, arena, kind, (uint8_t *)out->items + i * size);
}

static void any_struct(struct stranger *stranger, const struct wire_schema *schema, int16_t version,
                       struct arena *arena, void *out)
{
    wire_default(schema, out);
    const struct wire_plan *plan = wire_plan_of(schema, version);
    for (unsigned i = 0; i < (unsigned)plan->plain + plan->tagged; i++) {
        const struct wire_field *field = &schema->fields[plan->start + i];
        void *at = (uint8_t *)out + field->offset;
        if (i >= plan->plain && prng_chance(&stranger->prng, 1, 2))
            continue;
        if ((field->kind & WIRE_KIND_ARRAY) != 0)
            any_array(stranger, schema, field, version, arena, at);
        else
            any_value(stranger, schema, field, version, arena, (enum wire_kind)field->kind, at);
    }
}

/* ---- Sending ---- */

static void damage(struct stranger *stranger, size_t from)
{
    struct prng *prng = &stranger->prng;
    struct buf *out = &stranger->out;
    size_t size = out->size - from;
    stranger->good = false;
    switch (prng_below(prng, 4)) {
    case 0: /* some bytes are others */
        for (uint64_t i = 0; i <= prng_below(prng, 4); i++)
            out->data[from + prng_below(prng, size)] = (uint8_t)prng_u64(prng);
        break;
    case 1: /* the end is missing, and what comes next is taken for it */
        out->size = from + (size_t)prng_below(prng, size);
        break;
    case 2: /* another size than it says */
        store_be32(out->data + from, (uint32_t)any_number(stranger));
        break;
    default: /* the body is noise */
        if (size > 12)
            prng_bytes(prng, out->data + from + 12, size - 12);
        break;
    }
}

static void request_add(struct stranger *stranger)
{
    struct prng *prng = &stranger->prng;
    if (prng_chance(prng, 1, 20)) { /* no request at all */
        size_t size = 1 + (size_t)prng_below(prng, 200);
        prng_bytes(prng, buf_extend(&stranger->out, size), size);
        stranger->good = false;
        return;
    }
    const struct wire_api *api =
        wire_api_find(harmless_keys[prng_below(prng, ARRAY_COUNT(harmless_keys))]);
    int16_t version = (int16_t)prng_range(prng, api->version_min, api->version_max_stable);
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    void *message = arena_must_alloc(&arena, api->request->size);
    any_struct(stranger, api->request, version, &arena, message);
    size_t from = stranger->out.size;
    enum err err =
        wire_request_frame_encode(api, version, stranger->correlation_id,
                                  any_text(stranger, &arena), message, &stranger->out, NULL);
    arena_deinit(&arena);
    if (err != ERR_OK)
        return;
    ASSERT(stranger->expected_count < EXPECTED_MAX);
    stranger->expected[stranger->expected_count++] = (struct expected){
        .api = api, .version = version, .correlation_id = stranger->correlation_id++};
    if (prng_chance(prng, 1, 10))
        damage(stranger, from);
}

static void hang_up(struct stranger *stranger)
{
    if (stranger->stream != NULL)
        env_stream_close(stranger->env, stranger->stream);
    stranger->stream = NULL;
    stranger->connected = false;
    stranger->expected_count = 0;
    buf_clear(&stranger->out);
    buf_clear(&stranger->in);
    stranger->out_sent = 0;
}

/* ---- Answers ---- */

/* A whole frame has come. */
static void answer(struct stranger *stranger, const uint8_t *data, size_t size)
{
    struct sim_world *world = stranger->world;
    if (!stranger->good)
        return;
    SIM_CHECK(world, stranger->expected_count > 0, "a stranger got an answer to nothing");
    if (stranger->expected_count == 0)
        return;
    struct expected expected = stranger->expected[0];
    memmove(stranger->expected, stranger->expected + 1,
            --stranger->expected_count * sizeof expected);
    int32_t correlation_id;
    size_t body;
    enum err err = wire_response_header_decode(expected.api, expected.version, data, size,
                                               &correlation_id, &body);
    SIM_CHECK(world, err == ERR_OK && correlation_id == expected.correlation_id,
              "a stranger's %s got an answer out of order", expected.api->name);
    if (err != ERR_OK)
        return;
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    void *message = arena_must_alloc(&arena, expected.api->response->size);
    size_t used = 0;
    err = wire_decode(expected.api->response, expected.version, &arena, data + body, size - body,
                      message, &used);
    arena_deinit(&arena);
    SIM_CHECK(world, err == ERR_OK && used == size - body,
              "a stranger's %s, version %d, got an answer that cannot be read: %s",
              expected.api->name, expected.version, err_text(err));
}

static void answers(struct stranger *stranger)
{
    size_t at = 0;
    while (stranger->in.size - at >= 4) {
        size_t size = load_be32(stranger->in.data + at);
        if (stranger->in.size - at - 4 < size)
            break;
        answer(stranger, stranger->in.data + at + 4, size);
        at += 4 + size;
    }
    memmove(stranger->in.data, stranger->in.data + at, stranger->in.size - at);
    stranger->in.size -= at;
}

static void on_event(struct env *env, struct env_stream *stream, void *context, unsigned events)
{
    struct stranger *stranger = context;
    if (!stranger->connected) {
        stranger->connected = env_stream_status(env, stream) == ERR_OK;
        if (!stranger->connected) {
            hang_up(stranger);
            return;
        }
    }
    if ((events & ENV_READABLE) != 0) {
        size_t size;
        uint8_t *to = buf_reserve(&stranger->in, 4096);
        enum err err = env_stream_read(env, stream, to, 4096, &size);
        if (err == ERR_CLOSED || err == ERR_RESET) {
            hang_up(stranger);
            return;
        }
        stranger->in.size += size;
        answers(stranger);
    }
    if ((events & ENV_WRITABLE) != 0 && stranger->out_sent < stranger->out.size) {
        struct env_iov iov = {stranger->out.data + stranger->out_sent,
                              stranger->out.size - stranger->out_sent};
        size_t size;
        if (env_stream_write(env, stream, &iov, 1, &size) == ERR_RESET) {
            hang_up(stranger);
            return;
        }
        stranger->out_sent += size;
    }
    if (stranger->out_sent == stranger->out.size) {
        buf_clear(&stranger->out);
        stranger->out_sent = 0;
    }
    env_stream_want(env, stream, ENV_READABLE | (stranger->out.size > 0 ? ENV_WRITABLE : 0));
}

static const struct env_stream_handler handler = {on_event};

static void on_timer(struct env *env, struct env_timer *timer)
{
    struct stranger *stranger = CONTAINER_OF(timer, struct stranger, timer);
    struct prng *prng = &stranger->prng;
    env_timer_set_ms(env, timer, 1 + prng_below(prng, 300));
    if (stranger->options.model->strangers_gone) {
        hang_up(stranger);
        return;
    }
    if (stranger->stream == NULL) {
        stranger->good = true;
        if (env_connect(env, stranger->options.host, stranger->options.port, &stranger->stream) !=
            ERR_OK) {
            stranger->stream = NULL;
            return;
        }
        env_stream_handle(env, stranger->stream, &handler, stranger);
    }
    if (prng_chance(prng, 1, 10)) {
        hang_up(stranger);
        return;
    }
    for (uint64_t i = 0; i <= prng_below(prng, 4); i++) {
        if (stranger->expected_count < EXPECTED_MAX)
            request_add(stranger);
    }
    if (stranger->connected)
        env_stream_want(env, stranger->stream, ENV_READABLE | ENV_WRITABLE);
}

void client_stranger_start(struct env *env, const struct client_options *options)
{
    struct stranger *stranger = mem_zalloc(sizeof *stranger);
    stranger->options = *options;
    stranger->env = env;
    stranger->world = options->model->world;
    sim_prng_init(stranger->world, &stranger->prng, "stranger", options->id);
    env_timer_init(&stranger->timer, on_timer);
    env_timer_set_ms(env, &stranger->timer, 1);
}
