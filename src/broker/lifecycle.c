/*
 * 1. At most one call to the controller is under way for the registration or a heartbeat, and one
 *    for a block of producer ids.
 * 2. Heartbeats go out every interval, and at once when there is something to tell or to wait for:
 *    a newer image while fenced, readiness, a failed directory, the wish to go.
 * 3. `done`s of others are called last in a function: they may end this struct's work.
 */
#define LOG_ROOM "lifecycle"
#include "broker/lifecycle.h"

#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/controller.h"
#include "meta/features.h"
#include "wire/api_keys.h"
#include "wire/errors.h"
#include "wire/messages.h"

/* Until there is an active controller, and while it moves leaderships away. */
#define RETRY_MS 50

struct lifecycle {
    struct lifecycle_options options;
    enum lifecycle_state state;
    bool stopped;
    struct uuid incarnation_id;
    int64_t epoch;
    int64_t image_offset;
    bool ready;
    uint64_t start_ns;

    struct controller_call call;
    struct arena arena;
    bool calling;
    bool again; /* something happened since the call under way was made */
    struct env_timer timer;
    struct uuid *offline_dirs;
    size_t offline_dir_count;

    void (*shutdown_done)(void *context, enum err err);
    struct env_timer shutdown_timer;

    /* Producer ids next_id <= id < end_id, then next_block for a block's length. */
    int64_t next_id;
    int64_t end_id;
    int64_t next_block; /* -1: none yet */
    int64_t next_block_count;
    struct list id_requests;
    struct controller_call id_call;
    struct arena id_arena;
    bool id_calling;
};

static void communicate(struct lifecycle *lifecycle);

/* ---- Life -------------------------------------------------------------------------------- */

static void timer_fire(struct env *env, struct env_timer *timer)
{
    UNUSED(env);
    communicate(CONTAINER_OF(timer, struct lifecycle, timer));
}

static void shutdown_end(struct lifecycle *lifecycle, enum err err)
{
    env_timer_cancel(lifecycle->options.env, &lifecycle->shutdown_timer);
    env_timer_cancel(lifecycle->options.env, &lifecycle->timer);
    lifecycle->state = LIFECYCLE_SHUTTING_DOWN;
    void (*done)(void *, enum err) = lifecycle->shutdown_done;
    lifecycle->shutdown_done = NULL;
    if (done != NULL)
        done(lifecycle->options.context, err);
}

static void shutdown_late(struct env *env, struct env_timer *timer)
{
    UNUSED(env);
    struct lifecycle *lifecycle = CONTAINER_OF(timer, struct lifecycle, shutdown_timer);
    LOG_WARN("the controller did not let broker %d go in time; it stops all the same",
             lifecycle->options.node_id);
    shutdown_end(lifecycle, ERR_TIMEOUT);
}

static struct lifecycle_listener *listeners_copy(const struct lifecycle_listener *from,
                                                 size_t count)
{
    struct lifecycle_listener *to = mem_alloc((count + 1) * sizeof *to);
    for (size_t i = 0; i < count; i++) {
        to[i] = from[i];
        to[i].name = mem_strdup(from[i].name);
        to[i].host = mem_strdup(from[i].host);
    }
    return to;
}

struct lifecycle *lifecycle_new(const struct lifecycle_options *options)
{
    struct lifecycle *lifecycle = mem_zalloc(sizeof *lifecycle);
    lifecycle->options = *options;
    lifecycle->options.cluster_id = mem_strdup(options->cluster_id);
    lifecycle->options.rack = options->rack == NULL ? NULL : mem_strdup(options->rack);
    lifecycle->options.listeners = listeners_copy(options->listeners, options->listener_count);
    struct uuid *dirs = mem_alloc((options->log_dir_count + 1) * sizeof *dirs);
    for (size_t i = 0; i < options->log_dir_count; i++)
        dirs[i] = options->log_dirs[i];
    lifecycle->options.log_dirs = dirs;
    lifecycle->offline_dirs = mem_alloc((options->log_dir_count + 1) * sizeof *dirs);
    lifecycle->epoch = -1;
    lifecycle->image_offset = -1;
    lifecycle->next_block = -1;
    list_init(&lifecycle->id_requests);
    arena_init(&lifecycle->arena, SIZE_MAX);
    arena_init(&lifecycle->id_arena, SIZE_MAX);
    env_timer_init(&lifecycle->timer, timer_fire);
    env_timer_init(&lifecycle->shutdown_timer, shutdown_late);
    uint8_t draw[16];
    do
        env_random(options->env, draw, sizeof draw);
    while (!uuid_from_random(draw, &lifecycle->incarnation_id));
    return lifecycle;
}

void lifecycle_free(struct lifecycle *lifecycle)
{
    if (lifecycle == NULL)
        return;
    env_timer_cancel(lifecycle->options.env, &lifecycle->timer);
    env_timer_cancel(lifecycle->options.env, &lifecycle->shutdown_timer);
    for (size_t i = 0; i < lifecycle->options.listener_count; i++) {
        mem_free((char *)(uintptr_t)lifecycle->options.listeners[i].name);
        mem_free((char *)(uintptr_t)lifecycle->options.listeners[i].host);
    }
    mem_free((void *)(uintptr_t)lifecycle->options.listeners);
    mem_free((void *)(uintptr_t)lifecycle->options.log_dirs);
    mem_free((char *)(uintptr_t)lifecycle->options.cluster_id);
    mem_free((char *)(uintptr_t)lifecycle->options.rack);
    mem_free(lifecycle->offline_dirs);
    arena_deinit(&lifecycle->arena);
    arena_deinit(&lifecycle->id_arena);
    mem_free(lifecycle);
}

enum lifecycle_state lifecycle_state(const struct lifecycle *lifecycle)
{
    return lifecycle->state;
}

int64_t lifecycle_broker_epoch(const struct lifecycle *lifecycle)
{
    return lifecycle->epoch;
}

/* ---- Calls to the controller ------------------------------------------------------------- */

static void *message_new(struct arena *arena, const struct wire_schema *schema, size_t size,
                         size_t count)
{
    char *items = arena_must_alloc_array(arena, count, size);
    for (size_t i = 0; i < count; i++)
        wire_default(schema, items + i * size);
    return items;
}

static void retry_in(struct lifecycle *lifecycle, int64_t delay_ms)
{
    if (!lifecycle->stopped)
        env_timer_set_ms(lifecycle->options.env, &lifecycle->timer, (uint64_t)delay_ms);
}

static void fail(struct lifecycle *lifecycle, const char *why)
{
    lifecycle->stopped = true;
    env_timer_cancel(lifecycle->options.env, &lifecycle->timer);
    lifecycle->options.failed(lifecycle->options.context, why);
}

/* ---- Registration ------------------------------------------------------------------------ */

static void registration_refused(struct lifecycle *lifecycle, int16_t error)
{
    switch (error) {
    case WIRE_ERROR_INCONSISTENT_CLUSTER_ID:
        fail(lifecycle,
             "the controller is of another cluster: cluster.id in meta.properties is not its own");
        return;
    case WIRE_ERROR_UNSUPPORTED_VERSION:
        fail(lifecycle,
             "the cluster's features are at levels that this release does not support; use the "
             "release that the cluster runs, or a newer one");
        return;
    case WIRE_ERROR_INVALID_REGISTRATION:
        fail(lifecycle,
             "the controller refuses the registration: another broker has one of these log "
             "directories (directory.id in meta.properties); was a disk copied?");
        return;
    default:
        break;
    }
    uint64_t waited_ns = env_now_ns(lifecycle->options.env) - lifecycle->start_ns;
    if (waited_ns >= (uint64_t)lifecycle->options.registration_timeout_ms * 1000000) {
        fail(lifecycle, "no controller took this broker's registration within "
                        "initial.broker.registration.timeout.ms");
        return;
    }
    if (error != WIRE_ERROR_NOT_CONTROLLER)
        LOG_WARN("broker %d cannot register yet: %s", lifecycle->options.node_id,
                 wire_error_name(error));
    retry_in(lifecycle, RETRY_MS);
}

static void registration_answered(struct controller_call *call, const void *response)
{
    struct lifecycle *lifecycle = CONTAINER_OF(call, struct lifecycle, call);
    const struct wire_broker_registration_response *reply = response;
    lifecycle->calling = false;
    if (lifecycle->stopped || lifecycle->state != LIFECYCLE_STARTING)
        return;
    if (reply->error_code != WIRE_ERROR_NONE) {
        registration_refused(lifecycle, reply->error_code);
        return;
    }
    lifecycle->epoch = reply->broker_epoch;
    lifecycle->state = LIFECYCLE_RECOVERY;
    LOG_INFO("broker %d is registered, epoch %lld", lifecycle->options.node_id,
             (long long)lifecycle->epoch);
    retry_in(lifecycle, lifecycle->options.heartbeat_interval_ms);
    lifecycle->options.registered(lifecycle->options.context, lifecycle->epoch);
}

static void registration_fill(struct lifecycle *lifecycle,
                              struct wire_broker_registration_request *request)
{
    const struct lifecycle_options *options = &lifecycle->options;
    request->listeners.count = (int32_t)options->listener_count;
    request->listeners.items =
        message_new(&lifecycle->arena, &wire_broker_registration_request_listener_schema,
                    sizeof request->listeners.items[0], options->listener_count);
    for (size_t i = 0; i < options->listener_count; i++) {
        request->listeners.items[i].name = wire_string_from(options->listeners[i].name);
        request->listeners.items[i].host = wire_string_from(options->listeners[i].host);
        request->listeners.items[i].port = options->listeners[i].port;
        request->listeners.items[i].security_protocol = options->listeners[i].security_protocol;
    }
    request->features.count = (int32_t)meta_feature_count;
    request->features.items =
        message_new(&lifecycle->arena, &wire_broker_registration_request_feature_schema,
                    sizeof request->features.items[0], meta_feature_count);
    for (size_t i = 0; i < meta_feature_count; i++) {
        request->features.items[i].name = wire_string_from(meta_features[i].name);
        request->features.items[i].min_supported_version = meta_features[i].version_min;
        request->features.items[i].max_supported_version = meta_features[i].version_max;
    }
    struct uuid *dirs =
        arena_must_alloc_array(&lifecycle->arena, options->log_dir_count, sizeof *dirs);
    for (size_t i = 0; i < options->log_dir_count; i++)
        dirs[i] = options->log_dirs[i];
    request->log_dirs = (struct wire_uuids){dirs, (int32_t)options->log_dir_count};
}

static void register_broker(struct lifecycle *lifecycle)
{
    const struct lifecycle_options *options = &lifecycle->options;
    arena_reset(&lifecycle->arena);
    struct wire_broker_registration_request *request = message_new(
        &lifecycle->arena, &wire_broker_registration_request_schema, sizeof *request, 1);
    request->broker_id = options->node_id;
    request->cluster_id = wire_string_from(options->cluster_id);
    request->incarnation_id = lifecycle->incarnation_id;
    request->rack =
        options->rack == NULL ? (struct wire_string){0} : wire_string_from(options->rack);
    request->previous_broker_epoch = options->previous_broker_epoch;
    registration_fill(lifecycle, request);
    lifecycle->call = (struct controller_call){
        .api_key = WIRE_API_BROKER_REGISTRATION,
        .version = 4,
        .request = request,
        .arena = &lifecycle->arena,
        .done = registration_answered,
    };
    lifecycle->calling = true;
    controller_submit(options->controller, &lifecycle->call);
}

/* ---- Heartbeats -------------------------------------------------------------------------- */

static void heartbeat_answered(struct controller_call *call, const void *response)
{
    struct lifecycle *lifecycle = CONTAINER_OF(call, struct lifecycle, call);
    const struct wire_broker_heartbeat_response *reply = response;
    lifecycle->calling = false;
    if (lifecycle->stopped || lifecycle->state == LIFECYCLE_SHUTTING_DOWN)
        return;
    bool goes = lifecycle->state == LIFECYCLE_PENDING_CONTROLLED_SHUTDOWN;
    int64_t delay_ms = goes ? RETRY_MS : lifecycle->options.heartbeat_interval_ms;
    if (reply->error_code != WIRE_ERROR_NONE) {
        if (reply->error_code != WIRE_ERROR_NOT_CONTROLLER)
            LOG_WARN("the heartbeat of broker %d was refused: %s", lifecycle->options.node_id,
                     wire_error_name(reply->error_code));
        retry_in(lifecycle, RETRY_MS);
        return;
    }
    retry_in(lifecycle, lifecycle->again ? 0 : delay_ms);
    if (goes && reply->should_shut_down) {
        shutdown_end(lifecycle, ERR_OK);
        return;
    }
    if (lifecycle->state == LIFECYCLE_RECOVERY && !reply->is_fenced) {
        lifecycle->state = LIFECYCLE_RUNNING;
        LOG_INFO("broker %d is unfenced", lifecycle->options.node_id);
        lifecycle->options.running(lifecycle->options.context);
    }
}

static void heartbeat(struct lifecycle *lifecycle)
{
    arena_reset(&lifecycle->arena);
    struct wire_broker_heartbeat_request *request =
        message_new(&lifecycle->arena, &wire_broker_heartbeat_request_schema, sizeof *request, 1);
    request->broker_id = lifecycle->options.node_id;
    request->broker_epoch = lifecycle->epoch;
    request->current_metadata_offset = lifecycle->image_offset;
    request->want_fence = !lifecycle->ready;
    request->want_shut_down = lifecycle->state == LIFECYCLE_PENDING_CONTROLLED_SHUTDOWN;
    size_t count = lifecycle->offline_dir_count;
    struct uuid *dirs = arena_must_alloc_array(&lifecycle->arena, count, sizeof *dirs);
    for (size_t i = 0; i < count; i++)
        dirs[i] = lifecycle->offline_dirs[i];
    request->offline_log_dirs = (struct wire_uuids){dirs, (int32_t)count};
    lifecycle->call = (struct controller_call){
        .api_key = WIRE_API_BROKER_HEARTBEAT,
        .version = 1,
        .request = request,
        .arena = &lifecycle->arena,
        .done = heartbeat_answered,
    };
    lifecycle->calling = true;
    lifecycle->again = false;
    controller_submit(lifecycle->options.controller, &lifecycle->call);
}

static void communicate(struct lifecycle *lifecycle)
{
    if (lifecycle->stopped)
        return;
    if (lifecycle->calling) {
        lifecycle->again = true;
        return;
    }
    switch (lifecycle->state) {
    case LIFECYCLE_STARTING:
        register_broker(lifecycle);
        break;
    case LIFECYCLE_RECOVERY:
    case LIFECYCLE_RUNNING:
    case LIFECYCLE_PENDING_CONTROLLED_SHUTDOWN:
        heartbeat(lifecycle);
        break;
    case LIFECYCLE_NEW:
    case LIFECYCLE_SHUTTING_DOWN:
        break;
    }
}

/* In a later turn: callers are in the middle of something. */
static void communicate_soon(struct lifecycle *lifecycle)
{
    if (lifecycle->calling)
        lifecycle->again = true;
    else
        retry_in(lifecycle, 0);
}

void lifecycle_start(struct lifecycle *lifecycle)
{
    ASSERT(lifecycle->state == LIFECYCLE_NEW);
    lifecycle->state = LIFECYCLE_STARTING;
    lifecycle->start_ns = env_now_ns(lifecycle->options.env);
    communicate_soon(lifecycle);
}

void lifecycle_image(struct lifecycle *lifecycle, const struct meta_image *image)
{
    lifecycle->image_offset = image->offset;
    bool catching_up = lifecycle->state == LIFECYCLE_RECOVERY && lifecycle->ready;
    if (catching_up && !lifecycle->stopped)
        communicate_soon(lifecycle);
}

void lifecycle_ready(struct lifecycle *lifecycle)
{
    lifecycle->ready = true;
    communicate_soon(lifecycle);
}

void lifecycle_dir_failed(struct lifecycle *lifecycle, struct uuid directory_id)
{
    if (lifecycle->offline_dir_count == lifecycle->options.log_dir_count)
        return;
    lifecycle->offline_dirs[lifecycle->offline_dir_count++] = directory_id;
    if (lifecycle->state >= LIFECYCLE_RECOVERY && !lifecycle->stopped)
        communicate_soon(lifecycle);
}

void lifecycle_shutdown(struct lifecycle *lifecycle, int64_t timeout_ms,
                        void (*done)(void *context, enum err err))
{
    lifecycle->shutdown_done = done;
    if (lifecycle->state != LIFECYCLE_RUNNING || lifecycle->stopped) {
        shutdown_end(lifecycle, ERR_OK);
        return;
    }
    lifecycle->state = LIFECYCLE_PENDING_CONTROLLED_SHUTDOWN;
    env_timer_set_ms(lifecycle->options.env, &lifecycle->shutdown_timer, (uint64_t)timeout_ms);
    communicate_soon(lifecycle);
}

static void ids_fail(struct lifecycle *lifecycle, int16_t error);

void lifecycle_stop(struct lifecycle *lifecycle)
{
    lifecycle->stopped = true;
    env_timer_cancel(lifecycle->options.env, &lifecycle->timer);
    env_timer_cancel(lifecycle->options.env, &lifecycle->shutdown_timer);
    ids_fail(lifecycle, WIRE_ERROR_COORDINATOR_NOT_AVAILABLE);
}

/* ---- Producer ids ------------------------------------------------------------------------ */

static void ids_fail(struct lifecycle *lifecycle, int16_t error)
{
    for (struct list *node; (node = list_pop_front(&lifecycle->id_requests)) != NULL;) {
        struct lifecycle_producer_id *request =
            LIST_ENTRY(node, struct lifecycle_producer_id, node);
        request->done(request, error, -1);
    }
}

static void ids_take_next_block(struct lifecycle *lifecycle)
{
    if (lifecycle->next_id < lifecycle->end_id || lifecycle->next_block < 0)
        return;
    lifecycle->next_id = lifecycle->next_block;
    lifecycle->end_id = lifecycle->next_block + lifecycle->next_block_count;
    lifecycle->next_block = -1;
}

static void ids_answered(struct controller_call *call, const void *response);

/* The next block is asked for when a tenth of this one is left. */
static void ids_prefetch(struct lifecycle *lifecycle)
{
    bool enough = lifecycle->next_block >= 0 ||
                  lifecycle->end_id - lifecycle->next_id > lifecycle->next_block_count / 10;
    if (lifecycle->id_calling || lifecycle->stopped || enough)
        return;
    arena_reset(&lifecycle->id_arena);
    struct wire_allocate_producer_ids_request *request = message_new(
        &lifecycle->id_arena, &wire_allocate_producer_ids_request_schema, sizeof *request, 1);
    request->broker_id = lifecycle->options.node_id;
    request->broker_epoch = lifecycle->epoch;
    lifecycle->id_call = (struct controller_call){
        .api_key = WIRE_API_ALLOCATE_PRODUCER_IDS,
        .request = request,
        .arena = &lifecycle->id_arena,
        .done = ids_answered,
    };
    lifecycle->id_calling = true;
    controller_submit(lifecycle->options.controller, &lifecycle->id_call);
}

static void ids_answered(struct controller_call *call, const void *response)
{
    struct lifecycle *lifecycle = CONTAINER_OF(call, struct lifecycle, id_call);
    const struct wire_allocate_producer_ids_response *reply = response;
    lifecycle->id_calling = false;
    if (reply->error_code != WIRE_ERROR_NONE) {
        /* Clients ask again after this; the next of them makes us ask again as well. */
        ids_fail(lifecycle, WIRE_ERROR_COORDINATOR_LOAD_IN_PROGRESS);
        return;
    }
    lifecycle->next_block = reply->producer_id_start;
    lifecycle->next_block_count = reply->producer_id_len;
    ids_take_next_block(lifecycle);
    while (!list_empty(&lifecycle->id_requests) && lifecycle->next_id < lifecycle->end_id) {
        struct list *node = list_pop_front(&lifecycle->id_requests);
        struct lifecycle_producer_id *request =
            LIST_ENTRY(node, struct lifecycle_producer_id, node);
        request->done(request, WIRE_ERROR_NONE, lifecycle->next_id++);
        ids_take_next_block(lifecycle);
    }
    ids_prefetch(lifecycle);
}

void lifecycle_next_producer_id(struct lifecycle *lifecycle, struct lifecycle_producer_id *request)
{
    list_init(&request->node);
    if (lifecycle->stopped || lifecycle->epoch < 0) {
        request->done(request, WIRE_ERROR_COORDINATOR_NOT_AVAILABLE, -1);
        return;
    }
    ids_take_next_block(lifecycle);
    if (lifecycle->next_id < lifecycle->end_id) {
        int64_t id = lifecycle->next_id++;
        ids_prefetch(lifecycle);
        request->done(request, WIRE_ERROR_NONE, id);
        return;
    }
    list_push_back(&lifecycle->id_requests, &request->node);
    ids_prefetch(lifecycle);
}
